/* SPDX-License-Identifier: Apache-2.0 */
/* The builder's image, its errors, and its memory of tiles. */
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "runtime/builder.h"
#include "runtime/trnx.h"

static struct trn_builder *make(uint32_t arch)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = "test", .arch = arch };
	struct trn_builder *builder = NULL;

	ck_assert_int_eq(trn_builder_create(&opts, &builder), 0);
	return builder;
}

static void nop(struct trn_builder *builder, enum trn_engine engine)
{
	struct trn_isa_compute insn = { .head = { .op = TRN_OP_NOP } };

	(void)trn_builder_emit(builder, engine, &insn, 1);
}

/* Everything a program can have, once. */
static int build_all(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes)
{
	static const uint64_t table[4] = { 1, 2, 3, 4 };
	struct trn_builder_opts opts = { .size = sizeof(opts), .arch = 3, .alloc = alloc };
	struct trn_builder *builder;
	uint32_t top, end, data, bss;
	struct trn_tile tile;
	int r = trn_builder_create(&opts, &builder);

	if (r < 0)
		return r;
	(void)trn_builder_arg(builder, "x", TRN_ARG_BUFFER, 256);
	(void)trn_builder_arg(builder, "n", TRN_ARG_SCALAR, 0);
	data = trn_builder_data(builder, "table", table, sizeof(table));
	bss = trn_builder_bss(builder, "scratch", 1000);
	trn_builder_data_address(builder, data, 24, bss, 8);
	trn_builder_data_address(builder, data, 8, data, 0);
	top = trn_builder_label(builder, TRN_ENGINE_SYNC, "again");
	end = trn_builder_label(builder, TRN_ENGINE_SYNC, NULL);
	nop(builder, TRN_ENGINE_SYNC);
	trn_builder_bind(builder, top);
	trn_builder_branch(builder, end, TRN_ALU_LT, 3, -1);
	trn_builder_branch(builder, top, TRN_ALU_BYPASS, 0, 0);
	trn_builder_bind(builder, end);
	tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 2, 32);
	trn_tile_transfer(builder,
			  &(struct trn_tile_dma){ .op = TRN_OP_DMA_COPY,
						  .engine = TRN_ENGINE_SCALAR,
						  .dst = trn_chip(trn_view(&tile, 0, 32)),
						  .src = trn_dram(0, TRN_DTYPE_F32, 0, 64) });
	r = trn_builder_finish(builder, ret_image, ret_bytes);
	trn_builder_destroy(builder);
	return r;
}

START_TEST(image_of_everything)
{
	struct trn_trnx_symbol symbol;
	struct trn_trnx_fault fault;
	struct trn_trnx trnx;
	const uint8_t *sync;
	const char *name;
	void *image;
	size_t bytes;

	ck_assert_int_eq(build_all(NULL, &image, &bytes), 0);
	ck_assert_int_eq(trn_trnx_parse(&trn_alloc_libc, image, bytes, 3, &trnx, &fault), 0);
	ck_assert_str_eq(trnx.name, "program");
	ck_assert_uint_eq(trnx.arch, 3);
	ck_assert_uint_eq(trnx.arg_count, 2);
	ck_assert_str_eq(trnx.arg[1].name, "n");
	ck_assert_uint_eq(trnx.arg[0].min_bytes, 256);
	ck_assert_uint_eq(trnx.section_count, 4);
	ck_assert_int_eq(trnx.code[TRN_ENGINE_TENSOR], -1);
	ck_assert_int_eq(trnx.code[TRN_ENGINE_SCALAR], 0);
	ck_assert_int_eq(trnx.code[TRN_ENGINE_SYNC], 1);
	ck_assert_uint_eq(trnx.section[2].arg, 32);
	ck_assert_uint_eq(trnx.section[3].arg, 33);
	sync = trnx.load + trnx.section[1].offset;
	ck_assert_uint_eq(trnx.section[1].size, 4 * 64); /* nop, two branches, halt */
	ck_assert_uint_eq(trn_load32(sync + 64 + 24), 3);
	ck_assert_uint_eq(trn_load32(sync + 128 + 24), 1);
	ck_assert_uint_eq(sync[192], TRN_OP_HALT);
	trn_trnx_rebase(&trnx, 0x10000);
	ck_assert_uint_eq(trn_load64(trnx.load + trnx.section[2].offset + 8),
			  0x10000 + trnx.section[2].offset);
	ck_assert_uint_eq(trn_load64(trnx.load + trnx.section[2].offset + 24),
			  0x10000 + trnx.section[3].offset + 8);
	ck_assert_uint_eq(trnx.symbol_count, 3);
	ck_assert_int_eq(trn_trnx_symbol(&trnx, 2, &symbol, &name), 0);
	ck_assert_str_eq(name, "again");
	ck_assert_uint_eq(symbol.offset, 64);
	trn_trnx_fini(&trnx);
	trn_image_free(NULL, image);
}
END_TEST

START_TEST(out_of_memory)
{
	for (long n = 0;; n++) {
		struct trn_test_alloc mem;
		void *image = NULL;
		size_t bytes;
		int r;

		trn_test_alloc_init(&mem, n);
		r = build_all(&mem.alloc, &image, &bytes);
		ck_assert_int_eq(r, mem.failed ? -ENOMEM : 0);
		if (r == 0)
			trn_image_free(&mem.alloc, image);
		else
			ck_assert_ptr_null(image);
		ck_assert_int_eq(mem.live, 0);
		if (!mem.failed)
			break;
	}
}
END_TEST

START_TEST(first_error_stays)
{
	struct trn_builder *builder = make(0);
	const char *message;
	size_t bytes = 7;
	void *image = NULL;

	trn_builder_bind(builder, 5);
	ck_assert_int_eq(trn_builder_status(builder, &message), -EINVAL);
	ck_assert_str_eq(message, "label 5 is bound already, or none");
	ck_assert_uint_eq(trn_builder_arg(builder, "x", TRN_ARG_BUFFER, 0), TRN_BUILDER_NONE);
	trn_tile_loop_end(builder);
	ck_assert_str_eq(message, "label 5 is bound already, or none");
	ck_assert_int_eq(trn_builder_finish(builder, &image, &bytes), -EINVAL);
	ck_assert_ptr_null(image);
	ck_assert_uint_eq(bytes, 7);
	trn_builder_destroy(builder);
}
END_TEST

/* What the loader would refuse is refused by finish, with engine and word. */
START_TEST(loader_is_asked)
{
	struct trn_builder *builder = make(3);
	struct trn_isa_compute insn = { .head = { .op = TRN_OP_MATMUL } };
	const char *message;
	size_t bytes;
	void *image;

	nop(builder, TRN_ENGINE_VECTOR);
	(void)trn_builder_emit(builder, TRN_ENGINE_VECTOR, &insn, 2);
	ck_assert_int_eq(trn_builder_finish(builder, &image, &bytes), -TRN_EPROGRAM);
	(void)trn_builder_status(builder, &message);
	ck_assert_str_eq(message, "engine 1, word 1, matmul: not an instruction of this engine");
	trn_builder_destroy(builder);
}
END_TEST

static void wrong_arg_name(struct trn_builder *b)
{
	(void)trn_builder_arg(b, "a\nb", TRN_ARG_BUFFER, 0);
}

static void wrong_arg_count(struct trn_builder *b)
{
	for (int i = 0; i < 33; i++)
		(void)trn_builder_arg(b, "a", TRN_ARG_BUFFER, 0);
}

static void wrong_scalar(struct trn_builder *b)
{
	(void)trn_builder_arg(b, "a", TRN_ARG_SCALAR, 8);
}

static void wrong_data_empty(struct trn_builder *b)
{
	(void)trn_builder_data(b, "d", "x", 0);
}

static void wrong_data_null(struct trn_builder *b)
{
	(void)trn_builder_data(b, "d", NULL, 8);
}

static void wrong_data_count(struct trn_builder *b)
{
	for (int i = 0; i < 33; i++)
		(void)trn_builder_bss(b, "d", 8);
}

static void wrong_address(struct trn_builder *b)
{
	uint32_t data = trn_builder_data(b, "d", "12345678", 8);

	trn_builder_data_address(b, data, 1, data, 0);
}

static void wrong_engine(struct trn_builder *b)
{
	nop(b, TRN_ENGINE_COUNT);
}

static void wrong_length(struct trn_builder *b)
{
	struct trn_isa_compute insn[2] = { { .head = { .op = TRN_OP_NOP } } };

	(void)trn_builder_emit(b, TRN_ENGINE_SYNC, insn, 5);
}

static void wrong_unbound(struct trn_builder *b)
{
	trn_builder_branch(b, trn_builder_label(b, TRN_ENGINE_SYNC, NULL), TRN_ALU_BYPASS, 0, 0);
}

static void wrong_condition(struct trn_builder *b)
{
	uint32_t label = trn_builder_label(b, TRN_ENGINE_SYNC, NULL);

	trn_builder_bind(b, label);
	trn_builder_branch(b, label, TRN_ALU_MUL, 0, 0);
}

static void wrong_empty(struct trn_builder *b)
{
	(void)b;
}

static void wrong_loop_open(struct trn_builder *b)
{
	trn_tile_loop_begin(b, 0);
}

static void wrong_loop_closed(struct trn_builder *b)
{
	trn_tile_loop_end(b);
}

static void wrong_tile_large(struct trn_builder *b)
{
	(void)trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U8, 128, 256 * 1024 + 1);
}

static void wrong_tile_none(struct trn_builder *b)
{
	(void)trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_U8, 129, 4);
}

static void wrong_tile_freed(struct trn_builder *b)
{
	struct trn_tile tile = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, 1, 4);

	trn_tile_free(b, &tile);
	trn_tile_free(b, &tile);
}

static void wrong_registers(struct trn_builder *b)
{
	for (int i = 0; i < 65; i++)
		(void)trn_tile_reg(b);
}

static void wrong_register_free(struct trn_builder *b)
{
	trn_tile_reg_free(b, 9);
}

static struct trn_tile_op copy_op(struct trn_builder *b)
{
	struct trn_tile tile = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, 4, 8);

	return (struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
				     .engine = TRN_ENGINE_VECTOR,
				     .dst = trn_view(&tile, 0, 8),
				     .src0 = trn_view(&tile, 0, 8) };
}

static void wrong_outside_tile(struct trn_builder *b)
{
	struct trn_tile_op op = copy_op(b);

	op.src0.dims[0].num = 17;
	trn_tile_compute(b, &op);
}

static void wrong_view(struct trn_builder *b)
{
	struct trn_tile_op op = copy_op(b);

	op.dst = trn_view_step(op.dst, 40000);
	trn_tile_compute(b, &op);
}

static void wrong_view_deep(struct trn_builder *b)
{
	struct trn_tile_op op = copy_op(b);

	for (int i = 0; i < 4; i++)
		op.dst = trn_view_outer(op.dst, 0, 1);
	trn_tile_compute(b, &op);
}

static void wrong_opcode(struct trn_builder *b)
{
	struct trn_tile_op op = copy_op(b);

	op.op = TRN_OP_HALT;
	trn_tile_compute(b, &op);
}

static void wrong_exponential(struct trn_builder *b)
{
	struct trn_tile_op op = copy_op(b);

	op.op = TRN_OP_EXPONENTIAL;
	trn_tile_compute(b, &op);
}

static void wrong_bank(struct trn_builder *b)
{
	struct trn_tile psum = trn_tile_alloc(b, TRN_SPACE_PSUM, TRN_DTYPE_F32, 4, 513);
	struct trn_tile_op op = copy_op(b);

	op.op = TRN_OP_MATMUL;
	op.dst = trn_view(&psum, 0, 513);
	trn_tile_compute(b, &op);
}

static void wrong_dma(struct trn_builder *b)
{
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_SYNC };

	dma.dst = trn_dram(0, TRN_DTYPE_F32, 0, 0);
	dma.src = dma.dst;
	trn_tile_transfer(b, &dma);
}

static void wrong_dma_before(struct trn_builder *b)
{
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_SYNC };

	dma.dst = trn_dram_outer(trn_dram(0, TRN_DTYPE_F32, 0, 4), -4, 2);
	dma.src = dma.dst;
	trn_tile_transfer(b, &dma);
}

static void wrong_dma_opcode(struct trn_builder *b)
{
	struct trn_tile_dma dma = { .op = TRN_OP_REG_LOAD, .engine = TRN_ENGINE_SYNC };

	trn_tile_transfer(b, &dma);
}

static void wrong_new_alu(struct trn_builder *b)
{
	struct trn_tile_op op = copy_op(b);

	op.op = TRN_OP_TENSOR_SCALAR;
	op.op1 = TRN_ALU_ABS_MAX;
	trn_tile_compute(b, &op);
}

static void wrong_label_engine(struct trn_builder *b)
{
	(void)trn_builder_label(b, TRN_ENGINE_COUNT, "x");
}

static void wrong_branch_register(struct trn_builder *b)
{
	trn_builder_branch(b, trn_builder_label(b, TRN_ENGINE_SYNC, NULL), TRN_ALU_EQ, 64, 0);
}

static void wrong_depth(struct trn_builder *b)
{
	for (int i = 0; i < 9; i++)
		trn_tile_loop_begin(b, 1);
}

static void wrong_dma_overflow(struct trn_builder *b)
{
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_SYNC };

	dma.dst = trn_dram(0, TRN_DTYPE_F32, 0, UINT32_MAX);
	for (int i = 0; i < 3; i++)
		dma.dst = trn_dram_outer(dma.dst, INT32_MAX, UINT32_MAX);
	dma.src = dma.dst;
	trn_tile_transfer(b, &dma);
}

static void wrong_dram_deep(struct trn_builder *b)
{
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_SYNC };

	dma.dst = trn_dram(0, TRN_DTYPE_F32, 0, 1);
	for (int i = 0; i < 4; i++)
		dma.dst = trn_dram_outer(dma.dst, 1, 1);
	dma.src = dma.dst;
	trn_tile_transfer(b, &dma);
}

static void wrong_index(struct trn_builder *b)
{
	struct trn_tile tile = trn_tile_alloc(b, TRN_SPACE_SBUF, TRN_DTYPE_F32, 4, 8);
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY,
				    .engine = TRN_ENGINE_SYNC,
				    .flags = TRN_DMA_GATHER };

	dma.index = trn_view(&tile, 100, 1);
	dma.dst = trn_chip(trn_view(&tile, 0, 8));
	dma.src = trn_dram(0, TRN_DTYPE_F32, 0, 32);
	trn_tile_transfer(b, &dma);
}

static void wrong_register_memory(struct trn_builder *b)
{
	struct trn_isa_mem nowhere = trn_dram(0, TRN_DTYPE_NONE, 0, 1);

	trn_tile_reg_load(b, TRN_TILE_ALL, 0, &nowhere);
}

static const struct {
	void (*make)(struct trn_builder *b);
	int code;
	const char *part; /* of the message */
} wrongs[] = {
	{ wrong_arg_name, -EINVAL, "printable" },
	{ wrong_arg_count, -ENOSPC, "32 arguments" },
	{ wrong_scalar, -EINVAL, "argument 0" },
	{ wrong_data_empty, -EINVAL, "size of a data section" },
	{ wrong_data_null, -EINVAL, "without content" },
	{ wrong_data_count, -ENOSPC, "32 data sections" },
	{ wrong_address, -EINVAL, "not there" },
	{ wrong_engine, -EINVAL, "engine" },
	{ wrong_length, -EINVAL, "length" },
	{ wrong_unbound, -EINVAL, "not bound" },
	{ wrong_condition, -TRN_EPROGRAM, "not a condition" },
	{ wrong_empty, -EINVAL, "no instruction" },
	{ wrong_loop_open, -EINVAL, "not closed" },
	{ wrong_loop_closed, -EINVAL, "no loop" },
	{ wrong_tile_large, -ENOSPC, "SBUF: 262208 bytes a partition wanted, largest gap 212416" },
	{ wrong_tile_none, -EINVAL, "129 partitions" },
	{ wrong_tile_freed, -EINVAL, "PSUM byte 0 is free" },
	{ wrong_registers, -ENOSPC, "no register" },
	{ wrong_register_free, -EINVAL, "register 9" },
	{ wrong_outside_tile, -EINVAL, "tensor_copy source 0: SBUF bytes 0 to 68" },
	{ wrong_view, -EINVAL, "tensor_copy destination: a view that is none" },
	{ wrong_view_deep, -EINVAL, "tensor_copy destination: a view that is none" },
	{ wrong_opcode, -EINVAL, "0x2" },
	{ wrong_exponential, -ENOTSUP, "exponential" },
	{ wrong_bank, -ENOTSUP, "bank" },
	{ wrong_dma, -EINVAL, "DMA destination" },
	{ wrong_dma_before, -EINVAL, "before its argument" },
	{ wrong_dma_opcode, -EINVAL, "0x6" },
	{ wrong_new_alu, -ENOTSUP, "tensor_scalar: not on trn2" },
	{ wrong_label_engine, -EINVAL, "label on engine 5" },
	{ wrong_branch_register, -EINVAL, "register 64" },
	{ wrong_depth, -ENOSPC, "8 nested loops" },
	{ wrong_dma_overflow, -EINVAL, "overflow" },
	{ wrong_dram_deep, -EINVAL, "DMA destination: memory that is none" },
	{ wrong_index, -EINVAL, "DMA index: SBUF bytes 400 to 404" },
	{ wrong_register_memory, -EINVAL, "register access" },
};

START_TEST(every_mistake_has_words)
{
	struct trn_builder *builder = make(2);
	const char *message;
	size_t bytes;
	void *image;

	wrongs[_i].make(builder);
	ck_assert_int_eq(trn_builder_finish(builder, &image, &bytes), wrongs[_i].code);
	(void)trn_builder_status(builder, &message);
	ck_assert_msg(strstr(message, wrongs[_i].part) != NULL, "%s", message);
	trn_builder_destroy(builder);
}
END_TEST

START_TEST(wrong_options)
{
	struct trn_builder_opts opts = { .size = sizeof(opts) };
	struct trn_builder *builder = NULL;

	opts.arch = 5;
	ck_assert_int_eq(trn_builder_create(&opts, &builder), -EINVAL);
	opts.arch = 3;
	opts.size--;
	ck_assert_int_eq(trn_builder_create(&opts, &builder), -EINVAL);
	opts.size++;
	opts.name = "";
	ck_assert_int_eq(trn_builder_create(&opts, &builder), -EINVAL);
	ck_assert_int_eq(trn_builder_create(NULL, NULL), -EINVAL);
	ck_assert_ptr_null(trn_builder_destroy(builder));
}
END_TEST

START_TEST(tiles_take_the_lowest_room)
{
	struct trn_builder *builder = make(3);
	struct trn_tile a, b, c, d;

	a = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 128, 100);
	b = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_BF16, 1, 1);
	c = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, 5, 1000);
	ck_assert_uint_eq(a.offset, 0);
	ck_assert_uint_eq(a.bytes, 448);
	ck_assert_uint_eq(b.offset, 448);
	ck_assert_uint_eq(c.offset, 512);
	trn_tile_free(builder, &a);
	d = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, 5, 500);
	ck_assert_uint_eq(d.offset, 512 + 1024);
	d = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, 5, 64);
	ck_assert_uint_eq(d.offset, 0);
	ck_assert_uint_eq(trn_tile_room(builder, TRN_SPACE_SBUF), 256 * 1024 - 512 - 1024 - 512);
	ck_assert_int_eq(trn_builder_status(builder, NULL), 0);
	trn_builder_destroy(builder);
}
END_TEST

START_TEST(psum_tiles_keep_to_banks)
{
	struct trn_builder *builder = make(3);
	struct trn_tile a, b, c;

	a = trn_tile_alloc(builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, 128, 100);
	b = trn_tile_alloc(builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, 128, 512);
	c = trn_tile_alloc(builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, 128, 1024);
	ck_assert_uint_eq(a.offset, 0);
	ck_assert_uint_eq(b.offset, 2048);
	ck_assert_uint_eq(c.offset, 4096);
	ck_assert_uint_eq(trn_tile_room(builder, TRN_SPACE_PSUM), 8192);
	c = trn_tile_alloc(builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, 128, 400);
	ck_assert_uint_eq(c.offset, 448);
	ck_assert_int_eq(trn_builder_status(builder, NULL), 0);
	trn_builder_destroy(builder);
}
END_TEST

/* One stream with everything that takes its place in it, and what it looks like then. */
START_TEST(registers_and_memory)
{
	struct trn_builder *builder = make(3);
	struct trn_tile tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U32, 4, 8);
	uint8_t reg = trn_tile_reg(builder), other = trn_tile_reg(builder);
	struct trn_isa_mem cell = trn_chip(trn_view_rows(trn_view(&tile, 2, 1), 0, 1));
	struct trn_tile_dma gather = { .op = TRN_OP_DMA_COPY,
				       .engine = TRN_ENGINE_SYNC,
				       .flags = TRN_DMA_GATHER,
				       .index = trn_view(&tile, 0, 1),
				       .dst = trn_chip(trn_view(&tile, 4, 4)),
				       .src = trn_dram_outer(trn_dram(0, TRN_DTYPE_U32, 0, 4), 4,
							     4) };
	const struct trn_build_stream *sync = &builder->stream[TRN_ENGINE_SYNC];
	size_t bytes;
	void *image;

	ck_assert_uint_eq(trn_builder_arch(builder), 3);
	ck_assert_uint_eq(reg, 0);
	ck_assert_uint_eq(other, 1);
	(void)trn_builder_arg(builder, "x", TRN_ARG_BUFFER, 64);
	trn_tile_reg_load(builder, TRN_TILE_ENGINE(TRN_ENGINE_SYNC), other, &cell);
	ck_assert_uint_eq(sync->words[0], TRN_OP_REG_LOAD);
	ck_assert_uint_eq(sync->words[offsetof(struct trn_isa_dma, op0)], 1);
	/* The DMA writes what the register was loaded from: it waits for its own engine. */
	trn_tile_transfer(builder, &gather);
	trn_tile_transfer(builder, &gather);
	ck_assert_uint_eq(sync->count, 9);
	ck_assert_uint_eq(sync->words[6 * 64 + offsetof(struct trn_isa_head, wait_sem)],
			  TRN_BUILD_DMA(TRN_ENGINE_SYNC));
	ck_assert_uint_eq(
		trn_load32(sync->words + 6 * 64 + offsetof(struct trn_isa_head, wait_value)), 16);
	trn_tile_barrier(builder);
	trn_tile_reg_free(builder, reg);
	ck_assert_uint_eq(trn_tile_reg(builder), 0);
	ck_assert_int_eq(trn_builder_finish(builder, &image, &bytes), 0);
	trn_image_free(NULL, image);
	trn_builder_destroy(builder);
}
END_TEST

static Suite *builder_suite(void)
{
	Suite *suite = suite_create("builder");
	TCase *tcase = tcase_create("builder");

	tcase_add_test(tcase, image_of_everything);
	tcase_add_test(tcase, out_of_memory);
	tcase_add_test(tcase, first_error_stays);
	tcase_add_test(tcase, loader_is_asked);
	tcase_add_loop_test(tcase, every_mistake_has_words, 0, (int)TRN_ARRAY_LEN(wrongs));
	tcase_add_test(tcase, wrong_options);
	tcase_add_test(tcase, registers_and_memory);
	tcase_add_test(tcase, tiles_take_the_lowest_room);
	tcase_add_test(tcase, psum_tiles_keep_to_banks);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(builder_suite)
