/* SPDX-License-Identifier: Apache-2.0 */
/* The assembler and the disassembler: the inverse of each other for every opcode, errors with
 * their places, no memory that fails unseen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/asm.h>
#include <trn/builder.h>
#include <trn/error.h>
#include "base/bits.h"
#include "base/ext.h"
#include "base/isa_ops.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "runtime/test_insn.h"

#define TIMES 40 /* instructions of each opcode */

/* The rest of the text from a line on. */
static const char *line_of(const char *text, uint32_t line)
{
	while (--line)
		text = strchr(text, '\n') + 1;
	return text;
}

/* Disassembles and assembles again; the bytes must be the same. */
static void round_trip(const void *image, size_t bytes)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	size_t length, again;
	void *made;
	char *text;

	ck_assert_int_eq(trn_asm_disassemble(NULL, image, bytes, &text, &length, &error), 0);
	ck_assert_uint_eq(strlen(text), length);
	if (trn_asm_assemble(NULL, text, length, &made, &again, &error) < 0)
		ck_abort_msg("%u:%u: %s in: %.300s", error.line, error.column, error.message,
			     line_of(text, error.line));
	ck_assert_uint_eq(again, bytes);
	ck_assert_mem_eq(made, image, bytes);
	trn_image_free(NULL, made);
	trn_image_free(NULL, text);
}

static struct trn_builder *make_builder(void)
{
	struct trn_builder *builder;

	ck_assert_int_eq(trn_builder_create(NULL, &builder), 0);
	for (int i = 0; i < TRN_TEST_INSN_ARGS; i++)
		(void)trn_builder_arg(builder, "x", i % 2 ? TRN_ARG_SCALAR : TRN_ARG_BUFFER, 0);
	return builder;
}

START_TEST(every_opcode)
{
	const uint8_t op = (uint8_t)_i;
	struct trn_builder *builder;
	const char *message;
	struct trn_prng prng;
	void *image;
	size_t bytes;

	if (!trn_isa_op(op))
		return;
	trn_prng_seed(&prng, trn_test_seed() * 256 + op);
	builder = make_builder();
	for (int i = 0; i < TIMES; i++) {
		union trn_test_insn insn;

		trn_test_insn_make(&prng, op, &insn);
		(void)trn_builder_emit(builder, trn_test_insn_engine(&prng, op), &insn,
				       insn.c.head.words);
	}
	if (trn_builder_finish(builder, &image, &bytes) < 0) {
		(void)trn_builder_status(builder, &message);
		ck_abort_msg("%s", message);
	}
	round_trip(image, bytes);
	trn_image_free(NULL, image);
	trn_builder_destroy(builder);
}
END_TEST

/* A whole file. */
static char *read_file(const char *path, size_t *ret_bytes)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(1 << 20);

	ck_assert(file && text);
	*ret_bytes = fread(text, 1, (1 << 20) - 1, file);
	text[*ret_bytes] = '\0';
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

/* Bytes of docs/isa.md, section 13: lines of engine, offset and 16 bytes. Lines found. */
static int read_page(uint8_t *gpsimd, uint8_t *sync, size_t room)
{
	FILE *page = fopen(TRN_SOURCE_ROOT "/docs/isa.md", "r");
	char line[512];
	int found = 0;

	ck_assert_ptr_nonnull(page);
	while (fgets(line, sizeof(line), page)) {
		unsigned int offset, byte;
		char name[8];
		int at = 0, used = 0, count = 0;

		if (sscanf(line, "%7s %3x %n", name, &offset, &at) != 2 || !at ||
		    offset + 16 > room)
			continue;
		while (count < 16 && sscanf(line + at, "%2x%n", &byte, &used) == 1) {
			uint8_t *stream = strcmp(name, "sync") == 0 ? sync : gpsimd;

			stream[offset + (unsigned int)count++] = (uint8_t)byte;
			at += used;
		}
		found += count == 16;
	}
	ck_assert_int_eq(fclose(page), 0);
	return found;
}

START_TEST(the_example_of_the_page)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	struct trn_image_info info = { .size = sizeof(info) };
	uint8_t gpsimd[3 * TRN_ISA_WORD_SIZE] = { 0 }, sync[4 * TRN_ISA_WORD_SIZE] = { 0 };
	size_t bytes, length;
	char *text = read_file(TRN_SOURCE_ROOT "/samples/iota.trnasm", &length);
	void *image;

	ck_assert_int_eq(read_page(gpsimd, sync, sizeof(gpsimd) + 16), 11);
	ck_assert_int_eq(trn_asm_assemble(NULL, text, length, &image, &bytes, &error), 0);
	ck_assert_int_eq(trn_image_inspect(NULL, image, bytes, &info, &error), 0);
	ck_assert_str_eq(info.name, "iota");
	ck_assert_uint_eq(info.section_count, 2);
	ck_assert_str_eq(info.section[0].name, "gpsimd");
	ck_assert_int_eq(info.section[1].engine, TRN_ENGINE_SYNC);
	ck_assert_uint_eq(info.words[TRN_ENGINE_GPSIMD], 3);
	ck_assert_uint_eq(info.instructions[TRN_ENGINE_GPSIMD], 2);
	ck_assert_uint_eq(info.instructions[TRN_ENGINE_TENSOR], 0);
	ck_assert_str_eq(info.arg[0].name, "out");
	ck_assert_uint_eq(info.arg[0].min_bytes, 32);
	ck_assert_mem_eq((uint8_t *)image + bytes - sizeof(sync), sync, sizeof(sync));
	ck_assert_mem_eq((uint8_t *)image + bytes - sizeof(sync) - sizeof(gpsimd), gpsimd,
			 sizeof(gpsimd));
	round_trip(image, bytes);
	trn_image_free(NULL, image);
	free(text);
}
END_TEST

/* Tables that no builder writes: order, alignment, names, shared and odd strings. */
static const char odd[] =
	".program \"a \\\"name\\\" \\\\\" arch=3\n"
	".arg \"\" number\n.arg \"x\" buffer\n"
	".bss \"scratch\" size=100 align=4096 write\n"
	".data \"table\" align=128\n"
	"first: .u8 1 2 0xff -128\n\t.u16 65535 -1\n.u32 4294967295\n"
	"\t.f32 1.5 -0.25 1e3 0x1.8p-3 0x1p-149\n"
	"\t.u64 18446744073709551615 -9223372036854775808\n\t.zero 33\n.ascii \"he\\\\y\"\n"
	".zero 64\n"
	".code vector \"stream\"\n"
	"top: again:\n"
	"\tmemset dst=sbuf:u8[0:128, 0+r7, 4*-1, 2*0] imm0=-1 words=3 consume=sem255>=7\n"
	"\tbranch mode=lt ra=r3 imm0=-5 to=top flags=imm\n"
	"\treg_load rd=r63 src=dram:s16[\"scratch\", 4+r2*8, 1]\n"
	"\treg_arg rd=r1 imm0=\"table\" imm1=size_hi wait=sem0>=r9 inc=sem9-3\n"
	"\tbranch to=again mode=bypass\n"
	".symbol \"table\" first+8 size=8\n"
	".symbol \"scratch\" \"scratch\"\n"
	".symbol \"stream\" top size=64\n"
	".symbol \"s\" 1+3\n"
	".reloc abs64 1+0 symbol=\"table\" addend=-9223372036854775808\n"
	".reloc abs64 \"table\"+8 symbol=1 addend=5\n"
	".reloc code32 again+216 symbol=\"stream\"\n"
	".reloc arg8 again+386 symbol=3\n";

START_TEST(every_table)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	size_t bytes;
	void *image;
	int r = trn_asm_assemble(NULL, odd, strlen(odd), &image, &bytes, &error);

	if (r < 0)
		ck_abort_msg("%u:%u: %s", error.line, error.column, error.message);
	round_trip(image, bytes);
	trn_image_free(NULL, image);
}
END_TEST

#define CODE ".code sync\n"
#define HALT "\nhalt\n"

static const struct {
	const char *text;
	uint32_t line, column;
	const char *message; /* a part of it */
} wrong[] = {
	{ "", 1, 1, "at least one section" },
	{ "\n\n  $", 3, 3, "no meaning" },
	{ "\x01", 1, 1, "byte 0x01" },
	{ "halt", 1, 1, "instructions belong into .code" },
	{ ".cod sync", 1, 1, "expected a directive, found '.cod'" },
	{ ".code", 1, 6, "expected an engine, the text ends" },
	{ ".code sink\n", 1, 7, "expected an engine, found 'sink'" },
	{ CODE "halt" HALT CODE, 4, 7, "has a stream already" },
	{ CODE, 1, 7, "empty" },
	{ CODE "nop\n", 2, 1, "no HALT" },
	{ CODE "hlt", 2, 1, "expected an instruction, found 'hlt'" },
	{ CODE "halt 5", 2, 6, "the end of the line" },
	{ CODE "halt wat=sem1>=1", 2, 6, "an operand or a field" },
	{ CODE "halt wait sem1", 2, 11, "expected '=', found 'sem1'" },
	{ CODE "halt wait=sem256>=1", 2, 11, "a semaphore" },
	{ CODE "halt wait=sem01>=1", 2, 11, "a semaphore" },
	{ CODE "halt wait=sem1>2", 2, 16, "expected '='" },
	{ CODE "halt consume=sem1>=r1", 2, 20, "a number" },
	{ CODE "halt wait=sem1>=1 consume=sem1>=1", 2, 19, "consume is there already" },
	{ CODE "halt inc=sem1*1", 2, 14, "'+' or '-'" },
	{ CODE "halt words=2\n", 2, 1, "wrong number of words" },
	{ CODE "halt words=5\n", 2, 12, "from 1 to 4 is expected" },
	{ CODE "halt rd=r64\n", 2, 9, "expected a number, found 'r64'" },
	{ CODE "reg_move rd=r64 imm0=1\n", 2, 13, "a register r0 to r63" },
	{ CODE "reg_move rd=256\n", 2, 13, "from 0 to 255" },
	{ CODE "reg_move rd=1 op0=1\n", 2, 15, "op0 is there already" },
	{ CODE "reg_move rd=r1 imm0=4294967296\n", 2, 21, "from 0 to 4294967295" },
	{ CODE "reg_move rd=r1 imm0=-2147483649\n", 2, 21, "from -2147483648" },
	{ CODE "reg_alu rd=r1 mode=plus" HALT, 2, 20, "expected an operator, found 'plus'" },
	{ CODE "nop flags=imm" HALT, 2, 11, "a flag of the opcode" },
	{ CODE "nop flags=1" HALT, 2, 1, "flag that the opcode does not have" },
	{ CODE "branch to=there" HALT, 2, 11, "no label there" },
	{ ".code scalar\nx: halt\n" CODE "branch to=x" HALT, 4, 11, "not in this stream" },
	{ CODE "x: nop\nx: halt\n", 3, 1, "x is a label already" },
	{ "x: " CODE, 1, 1, "a label belongs into" },
	{ CODE "branch to=7" HALT, 2, 1, "branch to where no instruction begins" },
	{ CODE "matmul" HALT, 2, 1, "not an instruction of this engine" },
	{ ".code tensor\nmatmul" HALT, 2, 1, "operand is missing" },
	{ ".code gpsimd\niota dst=dram:s32[0]", 2, 10, "sbuf or psum" },
	{ ".code gpsimd\niota dst=sbuf:i32[0]", 2, 15, "a number format" },
	{ ".code gpsimd\niota dst=sbuf:s32[0:300", 2, 21, "from 0 to 255" },
	{ ".code gpsimd\niota dst=sbuf:s32[0:1, 0, 70000]", 2, 27, "from 0 to 65535" },
	{ ".code gpsimd\niota dst=sbuf:s32[0:1, 0, 1*-32769]", 2, 29, "from -32768 to 32767" },
	{ ".code gpsimd\niota dst=sbuf:s32[0:1, 0, 1, 1, 1, 1, 1]", 2, 37, "more than four" },
	{ ".code gpsimd\niota dst=sbuf:s32[0:1, 0, 1*2*3]", 2, 30, "expected ']'" },
	{ ".code gpsimd\niota dst=sbuf:s32[3:2, 0, 4]" HALT, 2, 1, "partition start" },
	{ CODE "dma_copy dst=dram:s32[\"no\", 0, 1]" HALT, 2, 23, "called \"no\"" },
	{ CODE "dma_copy dst=dram:s32[0, 0, 1] src=dram:s32[0, 0, 1]" HALT, 2, 1, "not declared" },
	{ CODE "dma_copy dst=dram:s32[0, 0+r1, 1]", 2, 30, "expected '*'" },
	{ CODE "dma_copy src0=sbuf:s32[0:1, 0, 1]", 2, 10, "an operand or a field" },
	{ CODE "halt imm0=1.5.5\n", 2, 11, "no number" },
	{ CODE "halt imm0=12q\n", 2, 11, "no number" },
	{ CODE "halt imm0=0x\n", 2, 11, "no number" },
	{ CODE "halt imm0=0x1.8\n", 2, 11, "no number" },
	{ CODE "halt imm0=1e\n", 2, 11, "no number" },
	{ CODE "halt imm0=1e99\n", 2, 11, "no FP32 number" },
	{ CODE "halt imm0=1e22\n halt imm0=1e99999\n", 3, 12, "no number" },
	{ CODE "halt imm0=4e38\n", 2, 11, "no FP32 number" },
	{ CODE "halt imm0=0x1.000001p0\n", 2, 11, "no FP32 number" },
	{ CODE "halt imm0=0x1p128\n", 2, 11, "no FP32 number" },
	{ CODE "halt imm0=0x1p-150\n", 2, 11, "no FP32 number" },
	{ CODE "halt imm0=18446744073709551616\n", 2, 11, "more than 64 bits" },
	{ CODE ".u8 1", 2, 5 + 1, "data belongs into" },
	{ ".u8 1", 1, 6, "data belongs into" },
	{ ".data \"d\"\n.u8 256", 2, 5, "from -128 to 255" },
	{ ".data \"d\"\n.f32 1", 2, 6, "a number with a point" },
	{ ".data \"d\"\n.zero 1073741825", 2, 7, "more than 1073741824" },
	{ ".data \"d\"\n.ascii x", 2, 8, "a \"text\"" },
	{ ".data \"d\n", 1, 7, "printable" },
	{ ".data \"d", 1, 7, "not closed" },
	{ ".data \"\\d\"", 1, 7, "\\ is for" },
	{ ".data d", 1, 7, "expected a \"name\", found 'd'" },
	{ ".data \"0123456789012345678901234567890123456789012345678901234567890123\"", 1, 7,
	  "at most 63" },
	{ ".data \"d\" align=48\n", 1, 11, "a power of two" },
	{ ".data \"d\"@1\n.u8 1", 1, 7, "needs .strings" },
	{ ".data \"d\"@1\n.u8 1\n.strings\n.u8 0 1 0", 1, 7, "another text there" },
	{ ".data \"d\"\n.u8 1\n.strings\n.zero 8", 1, 7, "with .strings" },
	{ ".data \"d\"@1\n.u8 1\n.strings\n.u8 0 100 0 0", 1, 1, "table count" },
	{ ".strings\n.strings\n", 2, 9, "there already" },
	{ ".bss \"b\"\n", 1, 9, "expected size=BYTES, the line ends" },
	{ ".bss \"b\" size=0\n", 1, 15, "from 1 to" },
	{ ".arg \"a\" thing\n", 1, 10, "buffer or number" },
	{ ".arg \"01234567890123456789012345678901\" number\n", 1, 6, "at most 31" },
	{ ".program \"a\"\n.program \"b\"\n", 2, 10, "has a name already" },
	{ ".bss \"b\" size=8\n.symbol \"s\" 1\n", 2, 13, "there are 1 sections" },
	{ ".bss \"b\" size=8\n.symbol \"s\" \"c\"\n", 2, 13, "no section is called" },
	{ ".bss \"b\" size=8\n.symbol \"s\" c\n", 2, 13, "no label c" },
	{ ".bss \"b\" size=8\n.symbol \"s\" 0+9\n", 2, 9, "symbol outside its section" },
	{ ".bss \"b\" size=8\n.symbol \"s\" =\n", 2, 13, "expected a label, or a section" },
	{ ".bss \"b\" size=8\n.reloc abs\n", 2, 8, "expected abs64, code32 or arg8" },
	{ ".bss \"b\" size=8\n.reloc abs64 0+0\n", 2, 17, "expected symbol=" },
	{ ".bss \"b\" size=8\n.reloc abs64 0+0 symbol=0\n", 2, 25, "no such symbol" },
	{ ".bss \"b\" size=8\n.reloc abs64 0+0 symbol=\"s\"\n", 2, 25, "no such symbol" },
	{ ".bss \"b\" size=8\n.symbol \"s\" 0\n.reloc abs64 0 symbol=\"s\"\n", 3, 8,
	  "section of another kind" },
};

START_TEST(errors)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	size_t bytes = 77;
	void *image = &bytes;
	int r = trn_asm_assemble(NULL, wrong[_i].text, strlen(wrong[_i].text), &image, &bytes,
				 &error);

	ck_assert_msg(r == -TRN_EPROGRAM, "row %d was taken: %s", _i, wrong[_i].text);
	ck_assert_int_eq(error.code, r);
	ck_assert_msg(error.line == wrong[_i].line && error.column == wrong[_i].column &&
			      strstr(error.message, wrong[_i].message),
		      "row %d: %u:%u: %s", _i, error.line, error.column, error.message);
	ck_assert_uint_eq(bytes, 77);
	ck_assert_ptr_eq(image, &bytes);
	ck_assert_int_eq(trn_asm_assemble(NULL, wrong[_i].text, strlen(wrong[_i].text), &image,
					  &bytes, NULL),
			 r);
}
END_TEST

START_TEST(errors_of_instructions)
{
	static const char text[] = CODE "nop\nnop\nbranch to=9" HALT;
	struct trn_asm_error error = { .size = sizeof(error) };
	size_t bytes;
	void *image;

	ck_assert_int_eq(trn_asm_assemble(NULL, text, strlen(text), &image, &bytes, &error),
			 -TRN_EPROGRAM);
	ck_assert_uint_eq(error.line, 4);
	ck_assert_int_eq(error.engine, TRN_ENGINE_SYNC);
	ck_assert_int_eq(error.pc, 2);
	ck_assert_int_eq(error.opcode, TRN_OP_BRANCH);
	ck_assert_int_eq(error.rule, TRN_RULE_BRANCH);
}
END_TEST

START_TEST(wrong_parameters)
{
	struct trn_asm_error error = { .size = 1 };
	struct trn_image_info info = { .size = sizeof(info) };
	size_t bytes;
	char *text;
	void *image;

	ck_assert_int_eq(trn_asm_assemble(NULL, NULL, 5, &image, &bytes, NULL), -EINVAL);
	ck_assert_int_eq(trn_asm_assemble(NULL, "", 0, NULL, &bytes, NULL), -EINVAL);
	ck_assert_int_eq(trn_asm_assemble(NULL, "", 0, &image, &bytes, &error), -EINVAL);
	ck_assert_int_eq(trn_asm_disassemble(NULL, NULL, 5, &text, &bytes, NULL), -EINVAL);
	ck_assert_int_eq(trn_asm_disassemble(NULL, "", 0, NULL, &bytes, NULL), -EINVAL);
	ck_assert_int_eq(trn_asm_disassemble(NULL, "", 0, &text, &bytes, &error), -EINVAL);
	error.size = sizeof(error);
	ck_assert_int_eq(trn_asm_disassemble(NULL, "trnx", 4, &text, &bytes, &error),
			 -TRN_EPROGRAM);
	ck_assert_str_eq(error.message, "shorter than a header");
	ck_assert_uint_eq(error.line, 0);
	ck_assert_int_eq(trn_image_inspect(NULL, "trnx", 4, &info, &error), -TRN_EPROGRAM);
	info.size = 0;
	ck_assert_int_eq(trn_image_inspect(NULL, "trnx", 4, &info, &error), -EINVAL);
}
END_TEST

static int there_and_back(const struct trn_alloc *alloc)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	struct trn_image_info info = { .size = sizeof(info) };
	void *image = NULL;
	char *text = NULL;
	size_t bytes;
	int r = trn_asm_assemble(alloc, odd, strlen(odd), &image, &bytes, &error);

	if (r == 0)
		r = trn_image_inspect(alloc, image, bytes, &info, &error);
	if (r == 0)
		r = trn_asm_disassemble(alloc, image, bytes, &text, &bytes, &error);
	if (r < 0)
		ck_assert_str_eq(error.message, "out of memory");
	trn_image_free(alloc, image);
	trn_image_free(alloc, text);
	return r;
}

START_TEST(out_of_memory)
{
	for (long n = 0;; n++) {
		struct trn_test_alloc mem;
		int r;

		trn_test_alloc_init(&mem, n);
		r = there_and_back(&mem.alloc);
		ck_assert_int_eq(mem.live, 0);
		ck_assert_int_eq(r, mem.failed ? -ENOMEM : 0);
		if (!mem.failed)
			break;
	}
}
END_TEST

static Suite *asm_suite(void)
{
	Suite *suite = suite_create("asm");
	TCase *tcase = tcase_create("language");

	tcase_add_loop_test(tcase, every_opcode, 0, TRN_OP_LIMIT);
	tcase_add_test(tcase, the_example_of_the_page);
	tcase_add_test(tcase, every_table);
	tcase_add_loop_test(tcase, errors, 0, (int)TRN_ARRAY_LEN(wrong));
	tcase_add_test(tcase, errors_of_instructions);
	tcase_add_test(tcase, wrong_parameters);
	tcase_add_test(tcase, out_of_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(asm_suite)
