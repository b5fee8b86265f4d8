/* SPDX-License-Identifier: Apache-2.0 */
/* trnx images made by hand, then broken in every way the format names. */
#include <string.h>
#include <trn/error.h>
#include <trn/program.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/crc32c.h"
#include "base/ext.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "runtime/trnx.h"

/* A complete image, its parts kept apart until seal() lays them out. */
struct image {
	struct trn_trnx_header header;
	struct trn_trnx_section section[3];
	struct trn_trnx_symbol symbol[2];
	struct trn_trnx_reloc reloc[3];
	struct trn_trnx_arg arg[2];
	char strings[40];
	struct trn_isa_compute branch, halt;
	struct trn_isa_dma copy;
	uint64_t data[2];
	uint8_t bytes[2048];
	size_t size;
};

enum {
	NAME_PROGRAM = 1,
	NAME_CODE = 6,
	NAME_DATA = 11,
	NAME_IN = 16,
	NAME_LAST = 19
};
enum {
	AT_SECTION = 64,
	AT_SYMBOL = 184,
	AT_RELOC = 232,
	AT_ARG = 304,
	AT_STRING = 352,
	AT_CODE = 448,
	AT_DATA = 768,
	SIZE = 784,
};

static struct trn_isa_compute sequencer(uint8_t op)
{
	struct trn_isa_compute insn = { .head = { .op = op, .words = 1 } };

	return insn;
}

static void image_init(struct image *image)
{
	static const char strings[40] = "\0prog\0code\0data\0in\0last";

	memset(image, 0, sizeof(*image));
	memcpy(image->header.magic, TRN_TRNX_MAGIC, TRN_TRNX_MAGIC_SIZE);
	image->header.version = TRN_TRNX_VERSION;
	image->header.isa = TRN_ISA_VERSION;
	image->header.section_count = 3;
	image->header.symbol_count = 2;
	image->header.reloc_count = 3;
	image->header.arg_count = 2;
	image->header.string_size = sizeof(image->strings);
	image->header.name = NAME_PROGRAM;
	memcpy(image->strings, strings, sizeof(strings));
	image->section[0] = (struct trn_trnx_section){ .name = NAME_CODE,
						       .kind = TRN_TRNX_CODE,
						       .engine = TRN_ENGINE_SYNC,
						       .align_log2 = 6,
						       .size = 320,
						       .arg = TRN_TRNX_NONE };
	image->section[1] = (struct trn_trnx_section){
		.name = NAME_DATA, .kind = TRN_TRNX_DATA, .align_log2 = 8, .size = 16, .arg = 32
	};
	image->section[2] = (struct trn_trnx_section){ .name = NAME_DATA,
						       .kind = TRN_TRNX_BSS,
						       .align_log2 = 12,
						       .flags = 1,
						       .size = 100,
						       .arg = 33 };
	image->symbol[0] = (struct trn_trnx_symbol){
		.name = NAME_LAST, .section = 0, .kind = TRN_TRNX_LABEL, .offset = 256, .size = 64
	};
	image->symbol[1] = (struct trn_trnx_symbol){
		.name = NAME_DATA, .section = 2, .kind = TRN_TRNX_OBJECT, .offset = 4, .size = 96
	};
	image->reloc[0] = (struct trn_trnx_reloc){
		.section = 0, .kind = TRN_TRNX_CODE32, .symbol = 0, .offset = 20 + 4
	};
	image->reloc[1] = (struct trn_trnx_reloc){
		.section = 0, .kind = TRN_TRNX_ARG8, .symbol = 1, .offset = 64 + 64 + 2
	};
	image->reloc[2] = (struct trn_trnx_reloc){
		.section = 1, .kind = TRN_TRNX_ABS64, .symbol = 1, .offset = 8, .addend = -2
	};
	image->arg[0] =
		(struct trn_trnx_arg){ .name = NAME_IN, .kind = TRN_ARG_BUFFER, .min_bytes = 4096 };
	image->arg[1] = (struct trn_trnx_arg){ .name = NAME_LAST, .kind = TRN_ARG_SCALAR };
	image->branch = sequencer(TRN_OP_BRANCH);
	image->halt = sequencer(TRN_OP_HALT);
	image->copy.head.op = TRN_OP_DMA_COPY;
	image->copy.head.words = 3;
	image->copy.dst = (struct trn_isa_mem){ .space = TRN_SPACE_DRAM,
						.dtype = TRN_DTYPE_U8,
						.arg = 0,
						.u.dram.dims = { { 1, 16 } } };
	image->copy.src = image->copy.dst;
	image->data[0] = 7;
}

static void put(struct image *image, size_t at, const void *part, size_t size)
{
	ck_assert_uint_le(at + size, sizeof(image->bytes));
	memcpy(image->bytes + at, part, size);
}

/* Checksum over whatever is in bytes: a broken field, not a broken CRC, is then found. */
static void seal_tables(struct image *image)
{
	trn_store32(image->bytes + offsetof(struct trn_trnx_header, crc), 0);
	trn_store32(image->bytes + offsetof(struct trn_trnx_header, crc),
		    trn_crc32c(0, image->bytes, AT_STRING + image->header.string_size));
}

static void seal(struct image *image)
{
	memset(image->bytes, 0, sizeof(image->bytes));
	put(image, AT_CODE, &image->branch, 64);
	put(image, AT_CODE + 64, &image->copy, 192);
	put(image, AT_CODE + 256, &image->halt, 64);
	put(image, AT_DATA, image->data, 16);
	image->size = SIZE;
	image->header.size = SIZE;
	image->section[0].offset = AT_CODE;
	image->section[1].offset = AT_DATA;
	image->section[0].crc = trn_crc32c(0, image->bytes + AT_CODE, 320);
	image->section[1].crc = trn_crc32c(0, image->bytes + AT_DATA, 16);
	put(image, 0, &image->header, sizeof(image->header));
	put(image, AT_SECTION, image->section, sizeof(image->section));
	put(image, AT_SYMBOL, image->symbol, sizeof(image->symbol));
	put(image, AT_RELOC, image->reloc, sizeof(image->reloc));
	put(image, AT_ARG, image->arg, sizeof(image->arg));
	put(image, AT_STRING, image->strings, sizeof(image->strings));
	seal_tables(image);
}

static int parse(const struct image *image, struct trn_trnx_fault *fault)
{
	struct trn_trnx trnx;
	int r = trn_trnx_parse(&trn_alloc_libc, image->bytes, image->size, 3, &trnx, fault);

	trn_trnx_fini(&trnx);
	return r;
}

START_TEST(good_image)
{
	struct trn_trnx_fault fault;
	struct trn_trnx_symbol symbol;
	struct trn_trnx trnx;
	const char *name = NULL;
	struct image image;

	image_init(&image);
	seal(&image);
	ck_assert_int_eq(trn_trnx_parse(&trn_alloc_libc, image.bytes, image.size, 3, &trnx, &fault),
			 0);
	ck_assert_str_eq(trnx.name, "prog");
	ck_assert_uint_eq(trnx.section_count, 3);
	ck_assert_str_eq(trnx.arg[0].name, "in");
	ck_assert_uint_eq(trnx.arg[0].min_bytes, 4096);
	ck_assert_int_eq(trnx.arg[1].kind, TRN_ARG_SCALAR);
	ck_assert_int_eq(trnx.code[TRN_ENGINE_SYNC], 0);
	ck_assert_int_eq(trnx.code[TRN_ENGINE_TENSOR], -1);
	ck_assert_uint_eq(trnx.section[1].offset, 512);
	ck_assert_uint_eq(trnx.section[2].offset, 4096);
	ck_assert_uint_eq(trnx.load_bytes, 528);
	ck_assert_uint_eq(trnx.memory_bytes, 4196);
	ck_assert_uint_eq(trnx.memory_align, 4096);
	/* Relocations: the branch goes to word 4, the copy writes argument 33. */
	ck_assert_uint_eq(trn_load32(trnx.load + 24), 4);
	ck_assert_uint_eq(trnx.load[64 + 64 + 2], 33);
	ck_assert_uint_eq(trn_load64(trnx.load + 520), 4096 + 4 - 2);
	trn_trnx_rebase(&trnx, UINT64_C(0x1000000000));
	trn_trnx_rebase(&trnx, UINT64_C(0x5000000000));
	ck_assert_uint_eq(trn_load64(trnx.load + 520), UINT64_C(0x5000001002));
	ck_assert_int_eq(trn_trnx_symbol(&trnx, 0, &symbol, &name), 0);
	ck_assert_str_eq(name, "last");
	ck_assert_uint_eq(symbol.offset, 256);
	ck_assert_int_eq(trn_trnx_symbol(&trnx, 2, &symbol, &name), -ENOENT);
	trn_trnx_fini(&trnx);
}
END_TEST

/* One field of the sealed image is overwritten, tables are sealed again. */
static const struct {
	uint32_t at, bytes;
	uint64_t value;
	const char *why;
} broken[] = {
	{ 0, 1, 'x', "not a trnx image" },
	{ 8, 2, 2, "container version this library does not know" },
	{ 10, 2, 9, "instruction set version this library does not know" },
	{ 12, 4, 2, "built for another generation" },
	{ 16, 4, 1, "unknown flags or reserved fields are set" },
	{ 24, 8, SIZE + 1, "length differs from the header's" },
	{ 32, 4, 0, "table count out of bounds" },
	{ 32, 4, 38, "table count out of bounds" },
	{ 36, 4, UINT32_MAX, "table count out of bounds" },
	{ 40, 4, UINT32_MAX, "table count out of bounds" },
	{ 40, 4, 1u << 20, "ends inside its tables" },
	{ 44, 4, 33, "table count out of bounds" },
	{ 48, 4, 12, "table count out of bounds" },
	{ 52, 4, 40, "name outside the string table" },
	{ AT_STRING + 2, 1, 7, "name is not printable" },
	{ AT_ARG, 4, UINT32_MAX, "name outside the string table" },
	{ AT_STRING, 1, 'x', "string table is not closed by zeros" },
	{ AT_STRING + 39, 1, 'x', "string table is not closed by zeros" },
	{ AT_SECTION + 4, 1, 4, "unknown kind of section" },
	{ AT_SECTION + 5, 1, 5, "unknown engine, or a second stream for one" },
	{ AT_SECTION + 6, 1, 5, "alignment of a section" },
	{ AT_SECTION + 6, 1, 17, "alignment of a section" },
	{ AT_SECTION + 7, 1, 1, "unknown flags or reserved fields are set" },
	{ AT_SECTION + 8, 8, AT_CODE + 64, "contents are not where they must be" },
	{ AT_SECTION + 16, 8, 0, "size of a section" },
	{ AT_SECTION + 16, 8, UINT64_MAX, "size of a section" },
	{ AT_SECTION + 16, 8, 321, "stream is no whole number of words, or too long" },
	{ AT_SECTION + 16, 8, 64u << 24, "contents end past the image" },
	{ AT_SECTION + 24, 4, 0, "checksum of a section is wrong" },
	{ AT_SECTION + 28, 4, 5, "code section with an argument number" },
	{ AT_SECTION + 40 + 28, 4, 33, "engine or argument number of a data section" },
	{ AT_SECTION + 80 + 8, 8, 64, "bss section with contents" },
	{ AT_SECTION + 80 + 16, 8, UINT64_C(1) << 36, "sections together are too large" },
	{ AT_SYMBOL + 4, 2, 3, "symbol of a section that is not there" },
	{ AT_SYMBOL + 6, 1, 1, "kind of a symbol and of its section differ" },
	{ AT_SYMBOL + 8, 8, UINT64_MAX, "symbol outside its section" },
	{ AT_SYMBOL + 8, 8, 128, "label where no instruction begins" },
	{ AT_SYMBOL + 8, 8, 68, "label where no instruction begins" },
	{ AT_RELOC + 2, 1, 4, "unknown kind of relocation" },
	{ AT_RELOC, 2, 3, "relocation of what is not there" },
	{ AT_RELOC + 4, 4, 2, "relocation of what is not there" },
	{ AT_RELOC, 2, 1, "relocation in a section of another kind" },
	{ AT_RELOC + 8, 8, UINT64_MAX, "relocation outside its section" },
	{ AT_RELOC + 8, 8, 317, "relocation outside its section" },
	{ AT_RELOC + 8, 8, 28, "relocation of no branch target" },
	{ AT_RELOC + 8, 8, 24 + 256, "relocation of no branch target" },
	{ AT_RELOC + 8, 8, 64 + 24, "relocation of no branch target" },
	{ AT_RELOC + 16, 8, 1, "branch target outside its stream" },
	{ AT_RELOC + 16, 8, (uint64_t)-1, "branch to where no instruction begins" },
	{ AT_RELOC + 16, 8, (uint64_t)INT64_MIN, "branch target outside its stream" },
	{ AT_RELOC + 24 + 8, 8, 64 + 64 + 3, "relocation of no memory operand" },
	{ AT_RELOC + 24 + 8, 8, 0, "relocations overlap or are not in order" },
	{ AT_RELOC + 24 + 4, 4, 0, "argument number of a section that has none" },
	{ AT_RELOC + 48 + 8, 8, 9, "relocation outside its section" },
	{ AT_ARG + 4, 1, 2, "unknown kind of argument" },
	{ AT_ARG + 6, 2, 1, "reserved fields of an argument are set" },
	{ AT_ARG + 24 + 8, 8, 1, "reserved fields of an argument are set" },
	{ AT_CODE - 8, 1, 1, "padding is not zero" },
	{ AT_DATA, 1, 1, "checksum of a section is wrong" },
};

START_TEST(broken_field)
{
	struct trn_trnx_fault fault = { 0 };
	struct image image;

	image_init(&image);
	seal(&image);
	memcpy(image.bytes + broken[_i].at, &broken[_i].value, broken[_i].bytes);
	seal_tables(&image);
	ck_assert_int_eq(parse(&image, &fault), -TRN_EPROGRAM);
	ck_assert_str_eq(fault.why, broken[_i].why);
}
END_TEST

/* One byte of an instruction is overwritten before sealing. */
static const struct {
	uint32_t at; /* from the first word */
	uint8_t value;
	int64_t pc;
	enum trn_ext_rule rule;
} broken_code[] = {
	{ 0, 0xee, 0, TRN_RULE_OPCODE },
	{ 1, 2, 0, TRN_RULE_LENGTH },
	{ 64 + 1, 2, 1, TRN_RULE_LENGTH },
	{ 256, TRN_OP_NOP, 4, TRN_RULE_PC },
	{ 256, TRN_OP_DMA_COPY, 4, TRN_RULE_LENGTH },
	{ 2, 2, 0, TRN_RULE_RESERVED },
	{ 3, 1, 0, TRN_RULE_RESERVED },
	{ 5, 4, 0, TRN_RULE_RESERVED },
	{ 4, 4, 0, TRN_RULE_RESERVED },
	{ 12, 1, 0, TRN_RULE_RESERVED },
	{ 16, 64, 0, TRN_RULE_REGISTER },
	{ 19, TRN_ALU_ADD, 0, TRN_RULE_OPERATOR },
	{ 40, 1, 0, TRN_RULE_RESERVED },
	{ 64 + 7, TRN_INC_SUB, 1, TRN_RULE_RESERVED },
	{ 64 + 2, TRN_DMA_GATHER, 1, TRN_RULE_SHAPE },
	{ 64 + 36, TRN_SPACE_SBUF, 1, TRN_RULE_SHAPE },
	{ 64 + 64, TRN_SPACE_PSUM, 1, TRN_RULE_SPACE },
	{ 64 + 65, TRN_DTYPE_COUNT, 1, TRN_RULE_DTYPE },
	{ 64 + 128 + 2, 2, 1, TRN_RULE_ARGUMENT },
	{ 64 + 128 + 2, 34, 1, TRN_RULE_ARGUMENT },
	{ 64 + 128 + 3, 65, 1, TRN_RULE_REGISTER },
	{ 64 + 128 + 20, 0, 1, TRN_RULE_SHAPE },
	{ 64 + 128 + 47, 1, 1, TRN_RULE_SHAPE },
	{ 64 + 128 + 40, 1, 1, TRN_RULE_RESERVED },
	{ 64 + 128 + 63, 1, 1, TRN_RULE_RESERVED },
};

START_TEST(broken_instruction)
{
	struct trn_trnx_fault fault = { 0 };
	struct image image;

	image_init(&image);
	seal(&image);
	image.bytes[AT_CODE + broken_code[_i].at] = broken_code[_i].value;
	memcpy(&image.branch, image.bytes + AT_CODE, 64);
	memcpy(&image.copy, image.bytes + AT_CODE + 64, 192);
	memcpy(&image.halt, image.bytes + AT_CODE + 256, 64);
	seal(&image);
	ck_assert_int_eq(parse(&image, &fault), -TRN_EPROGRAM);
	ck_assert_int_eq(fault.rule, broken_code[_i].rule);
	ck_assert_int_eq(fault.pc, broken_code[_i].pc);
	ck_assert_int_eq(fault.engine, TRN_ENGINE_SYNC);
	ck_assert_uint_eq(fault.offset, AT_CODE + 64 * (uint64_t)fault.pc);
}
END_TEST

/* Instructions that a stream of the sync engine cannot show: what they break, by field. */
static struct trn_isa_ap tile(uint32_t count)
{
	return (struct trn_isa_ap){ .space = TRN_SPACE_SBUF,
				    .dtype = TRN_DTYPE_F32,
				    .partitions = 32,
				    .ndims = 1,
				    .dims = { { 1, (uint16_t)count } } };
}

static void good_add(struct trn_isa_compute *insn)
{
	*insn = (struct trn_isa_compute){ .head = { .op = TRN_OP_TENSOR_TENSOR, .words = 3 },
					  .dst = tile(16),
					  .src0 = tile(16),
					  .src1 = tile(16) };
}

#define WRONG(name, change)                            \
	static void name(struct trn_isa_compute *insn) \
	{                                              \
		good_add(insn);                        \
		change;                                \
	}

WRONG(add_wait_register, (insn->head.wait_mode = TRN_WAIT_GE_REG, insn->head.wait_value = 64))
WRONG(add_no_source, memset(&insn->src1, 0, sizeof(insn->src1)))
WRONG(add_absent_not_zero, (memset(&insn->src1, 0, sizeof(insn->src1)), insn->src1.offset = 4))
WRONG(add_absent_third, insn->src2.dims[3].num = 1)
WRONG(add_third_source, insn->src2 = tile(1))
WRONG(add_tail, insn->reserved[1] = 1)
WRONG(add_dram, insn->src0.space = TRN_SPACE_DRAM)
WRONG(add_dtype_none, insn->src0.dtype = TRN_DTYPE_NONE)
WRONG(add_dtype_large, insn->dst.dtype = TRN_DTYPE_COUNT)
WRONG(add_no_partitions, insn->dst.partitions = 0)
WRONG(add_start_16, insn->dst.start = 16)
WRONG(add_start_32_of_33, (insn->dst.start = 32, insn->dst.partitions = 33))
WRONG(add_past_the_end, (insn->dst.start = 96, insn->dst.partitions = 33))
WRONG(add_register, insn->src0.reg = 65)
WRONG(add_no_dims, insn->src0.ndims = 0)
WRONG(add_five_dims, insn->src0.ndims = 5)
WRONG(add_reserved, insn->src0.reserved = 1)
WRONG(add_empty_dim, insn->src0.dims[0].num = 0)
WRONG(add_dim_too_many, insn->src0.dims[1].num = 1)
WRONG(add_below, insn->src0.dims[0].step = -1)
WRONG(add_above, insn->src0.offset = 256 * 1024 - 4)
WRONG(add_psum_above, (insn->src0.space = TRN_SPACE_PSUM, insn->src0.offset = 16 * 1024 - 4))

static const struct {
	void (*make)(struct trn_isa_compute *insn);
	enum trn_ext_rule rule;
} wrong_adds[] = {
	{ good_add, TRN_RULE_NONE },
	{ add_wait_register, TRN_RULE_REGISTER },
	{ add_no_source, TRN_RULE_SHAPE },
	{ add_absent_not_zero, TRN_RULE_SHAPE },
	{ add_absent_third, TRN_RULE_RESERVED },
	{ add_third_source, TRN_RULE_RESERVED },
	{ add_tail, TRN_RULE_RESERVED },
	{ add_dram, TRN_RULE_SPACE },
	{ add_dtype_none, TRN_RULE_DTYPE },
	{ add_dtype_large, TRN_RULE_DTYPE },
	{ add_no_partitions, TRN_RULE_PARTITION },
	{ add_start_16, TRN_RULE_PARTITION },
	{ add_start_32_of_33, TRN_RULE_PARTITION },
	{ add_past_the_end, TRN_RULE_PARTITION },
	{ add_register, TRN_RULE_REGISTER },
	{ add_no_dims, TRN_RULE_RESERVED },
	{ add_five_dims, TRN_RULE_RESERVED },
	{ add_reserved, TRN_RULE_RESERVED },
	{ add_empty_dim, TRN_RULE_SHAPE },
	{ add_dim_too_many, TRN_RULE_RESERVED },
	{ add_below, TRN_RULE_RANGE },
	{ add_above, TRN_RULE_RANGE },
	{ add_psum_above, TRN_RULE_RANGE },
};

static int judge(const void *insn, uint32_t words, enum trn_engine engine,
		 struct trn_trnx_fault *fault)
{
	const struct trn_isa_compute halt = { .head = { .op = TRN_OP_HALT, .words = 1 } };
	uint8_t stream[4 * TRN_ISA_WORD_SIZE], starts[1] = { 0 };
	struct trn_trnx_code code = { .words = stream,
				      .count = words + 1,
				      .starts = starts,
				      .engine = engine,
				      .arg_count = 1 };
	int r;

	memcpy(stream, insn, words * TRN_ISA_WORD_SIZE);
	memcpy(stream + words * TRN_ISA_WORD_SIZE, &halt, TRN_ISA_WORD_SIZE);
	r = trn_trnx_code_scan(&code, fault);
	return r < 0 ? r : trn_trnx_code_check(&code, fault);
}

START_TEST(broken_operand)
{
	struct trn_trnx_fault fault = { 0 };
	struct trn_isa_compute insn;
	int want = wrong_adds[_i].rule == TRN_RULE_NONE ? 0 : -TRN_EPROGRAM;

	wrong_adds[_i].make(&insn);
	ck_assert_int_eq(judge(&insn, 3, TRN_ENGINE_VECTOR, &fault), want);
	ck_assert_int_eq(fault.rule, wrong_adds[_i].rule);
}
END_TEST

static struct trn_isa_dma good_gather(void)
{
	struct trn_isa_dma dma = {
		.head = { .op = TRN_OP_DMA_COPY, .words = 3, .flags = TRN_DMA_GATHER }
	};

	dma.index = tile(1);
	dma.index.start = 5;
	dma.dst = (struct trn_isa_mem){ .space = TRN_SPACE_SBUF, .dtype = TRN_DTYPE_F32 };
	dma.dst.u.chip.ap = tile(16);
	dma.src = (struct trn_isa_mem){ .space = TRN_SPACE_DRAM, .dtype = TRN_DTYPE_F32 };
	dma.src.u.dram.dims[0] = (struct trn_isa_dram_dim){ 16, 32 };
	dma.src.u.dram.dims[1] = (struct trn_isa_dram_dim){ 1, 16 };
	return dma;
}

START_TEST(broken_side)
{
	struct trn_trnx_fault fault = { 0 };
	struct trn_isa_dma dma = good_gather();

	ck_assert_int_eq(judge(&dma, 3, TRN_ENGINE_GPSIMD, &fault), 0);
	dma.index.partitions = 0;
	ck_assert_int_eq(judge(&dma, 3, TRN_ENGINE_GPSIMD, &fault), -TRN_EPROGRAM);
	ck_assert_int_eq(fault.rule, TRN_RULE_PARTITION);
	dma = good_gather();
	dma.dst.u.chip.ap.dtype = TRN_DTYPE_S32;
	ck_assert_int_eq(judge(&dma, 3, TRN_ENGINE_GPSIMD, &fault), -TRN_EPROGRAM);
	ck_assert_int_eq(fault.rule, TRN_RULE_DTYPE);
	dma = good_gather();
	dma.dst.reg_scale = 1;
	ck_assert_int_eq(judge(&dma, 3, TRN_ENGINE_GPSIMD, &fault), -TRN_EPROGRAM);
	ck_assert_int_eq(fault.rule, TRN_RULE_RESERVED);
	dma = good_gather();
	dma.op0 = 64;
	ck_assert_int_eq(judge(&dma, 3, TRN_ENGINE_GPSIMD, &fault), -TRN_EPROGRAM);
	ck_assert_int_eq(fault.rule, TRN_RULE_OPERATOR);
	/* A load has no destination, a store no source. */
	dma = good_gather();
	dma.head.flags = 0;
	memset(&dma.index, 0, sizeof(dma.index));
	dma.head.op = TRN_OP_REG_LOAD;
	ck_assert_int_eq(judge(&dma, 3, TRN_ENGINE_GPSIMD, &fault), -TRN_EPROGRAM);
	ck_assert_int_eq(fault.rule, TRN_RULE_RESERVED);
	dma.head.op = TRN_OP_REG_STORE;
	ck_assert_int_eq(judge(&dma, 3, TRN_ENGINE_GPSIMD, &fault), -TRN_EPROGRAM);
	ck_assert_int_eq(fault.rule, TRN_RULE_RESERVED);
}
END_TEST

START_TEST(truncated_anywhere)
{
	struct trn_trnx_fault fault;
	struct image image;

	image_init(&image);
	seal(&image);
	for (size_t size = 0; size < SIZE; size++) {
		image.size = size;
		ck_assert_int_eq(parse(&image, &fault), -TRN_EPROGRAM);
	}
	image.size = SIZE + 1;
	ck_assert_int_eq(parse(&image, &fault), -TRN_EPROGRAM);
}
END_TEST

START_TEST(any_bit_flipped)
{
	struct trn_trnx_fault fault;
	struct image image;

	image_init(&image);
	seal(&image);
	for (size_t bit = 0; bit < SIZE * 8; bit++) {
		image.bytes[bit / 8] = (uint8_t)(image.bytes[bit / 8] ^ 1u << (bit % 8));
		ck_assert_msg(parse(&image, &fault) == -TRN_EPROGRAM, "bit %zu", bit);
		image.bytes[bit / 8] = (uint8_t)(image.bytes[bit / 8] ^ 1u << (bit % 8));
	}
}
END_TEST

START_TEST(out_of_memory)
{
	struct trn_trnx_fault fault;
	struct image image;

	image_init(&image);
	seal(&image);
	for (long n = 0;; n++) {
		struct trn_test_alloc mem;
		struct trn_trnx trnx;
		int r;

		trn_test_alloc_init(&mem, n);
		r = trn_trnx_parse(&mem.alloc, image.bytes, image.size, 3, &trnx, &fault);
		ck_assert_int_eq(r, mem.failed ? -ENOMEM : 0);
		trn_trnx_fini(&trnx);
		ck_assert_int_eq(mem.live, 0);
		if (!mem.failed)
			break;
	}
}
END_TEST

static Suite *trnx_suite(void)
{
	Suite *suite = suite_create("trnx");
	TCase *tcase = tcase_create("parse");

	tcase_add_test(tcase, good_image);
	tcase_add_loop_test(tcase, broken_field, 0, (int)TRN_ARRAY_LEN(broken));
	tcase_add_loop_test(tcase, broken_instruction, 0, (int)TRN_ARRAY_LEN(broken_code));
	tcase_add_loop_test(tcase, broken_operand, 0, (int)TRN_ARRAY_LEN(wrong_adds));
	tcase_add_test(tcase, broken_side);
	tcase_add_test(tcase, truncated_anywhere);
	tcase_add_test(tcase, any_bit_flipped);
	tcase_add_test(tcase, out_of_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(trnx_suite)
