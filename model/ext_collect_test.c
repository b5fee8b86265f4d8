/* SPDX-License-Identifier: Apache-2.0 */
/* COLLECT: each operation, and what is refused. */
#include <math.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/reduce.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_collect.h"

#define D(at) (TRN_AXI_HBM0 + TRN_TEST_COLLECT_DATA + (at))
#define KIB UINT64_C(1024)
#define NS TRN_PS_PER_NS

static struct trn_test_collect tc;

/* The only operation of processor 0, and how it fails; the address of the record. */
static uint64_t expect_refused(enum trn_ext_error code, uint32_t operand)
{
	uint64_t address;

	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	address = trn_test_expect_error(&tc, 0, code, 0, 0, operand)->address;
	trn_test_collect_queue(&tc, 0, 0, 0);
	return address;
}

/* ---- operations ---- */

START_TEST(copies_and_signals)
{
	const uint64_t bytes = 3 * TRN_MIB + 12345;

	trn_test_collect_pod(&tc, "trn3");
	trn_test_collect_fill(&tc, 0, D(0), bytes);
	trn_test_copy(&tc, 0, 3, D(8 * TRN_MIB + 1), D(0), bytes)->signal = trn_test_inc(9, 5);
	trn_test_copy(&tc, 0, 3, TRN_AXI_HBM1, D(0), 0);
	trn_test_wait(&tc, 0, 9, 5, 0, 0);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	trn_test_expect_same(&tc, 0, D(0), 0, D(8 * TRN_MIB + 1), bytes);
	/* value 0 was added, and the wait for 0 was met. */
	ck_assert_uint_eq(trn_test_semaphore(&tc, 0, 9, 5), 0);
	trn_test_collect_close(&tc);
}
END_TEST

/* What waits for a semaphore has the bytes, takes the count, and can run again. */
START_TEST(a_signal_comes_behind_its_bytes)
{
	trn_test_collect_pod(&tc, "trn3");
	for (uint32_t round = 0; round < 3; round++) {
		trn_test_collect_fill(&tc, 0, D(0), 64 * KIB);
		struct trn_ext_sync_op *op = trn_test_copy(&tc, 0, 0, D(TRN_MIB), D(0), 64 * KIB);
		op->signal = trn_test_inc(1, 200);
		op->value = 7;
		trn_test_wait(&tc, 0, 1, 200, 5, 0);
		trn_test_copy(&tc, 0, 1, D(2 * TRN_MIB), D(TRN_MIB), 64 * KIB);
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
		trn_test_expect_done(&tc, 0);
		trn_test_expect_same(&tc, 0, D(0), 0, D(2 * TRN_MIB), 64 * KIB);
		ck_assert_uint_eq(trn_test_semaphore(&tc, 0, 1, 200), 2 * (round + 1));
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* SIGNAL goes behind what was sent before, however long that takes; the processor does not. */
START_TEST(a_signal_of_its_own_comes_behind_transfers)
{
	trn_test_collect_pod(&tc, "trn3");
	trn_test_collect_fill(&tc, 0, D(0), 8 * TRN_MIB);
	trn_test_copy(&tc, 0, 0, D(16 * TRN_MIB), D(0), 8 * TRN_MIB);
	trn_test_signal(&tc, 0, 0, trn_test_inc(1, 0), 1);
	trn_test_signal(&tc, 0, 0, trn_test_inc(0, 1), 1);
	trn_test_wait(&tc, 0, 0, 1, 1, 0);
	trn_test_wait(&tc, 0, 1, 0, 1, 0);
	trn_test_copy(&tc, 0, 1, TRN_AXI_HBM1, D(16 * TRN_MIB), 8 * TRN_MIB);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	trn_test_expect_same(&tc, 0, D(0), 0, TRN_AXI_HBM1, 8 * TRN_MIB);
	trn_test_collect_close(&tc);
}
END_TEST

START_TEST(a_fence_waits_for_all)
{
	trn_test_collect_pod(&tc, "trn3");
	trn_test_collect_fill(&tc, 0, D(0), 4 * TRN_MIB);
	for (uint32_t i = 0; i < 100; i++) /* more than may be under way */
		trn_test_copy(&tc, 0, 5, D(8 * TRN_MIB + i * 40 * KIB), D(i * 40 * KIB), 40 * KIB);
	trn_test_op(&tc, 0, 5, TRN_SYNC_FENCE);
	trn_test_copy(&tc, 0, 5, D(16 * TRN_MIB), D(8 * TRN_MIB), 100 * 40 * KIB);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	trn_test_expect_same(&tc, 0, D(0), 0, D(16 * TRN_MIB), 100 * 40 * KIB);
	trn_test_collect_close(&tc);
}
END_TEST

/* Counts that semaphores of a core take, too. */
START_TEST(signals_to_cores)
{
	trn_test_collect_pod(&tc, "trn3");
	trn_test_signal(&tc, 0, 0, trn_regs_tpb_axi(6) + TRN_TPB_SEM_INC + 4 * 17, 3);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	ck_assert_uint_eq(trn_test_rd(&tc.host, TRN_BAR0_TPB + 6 * TRN_BAR0_TPB_STRIDE +
							TRN_TPB_SEM_READ + 4 * 17),
			  3);
	trn_test_collect_close(&tc);
}
END_TEST

/* A host's write wakes a processor. */
START_TEST(a_register_write_wakes)
{
	trn_test_collect_pod(&tc, "trn3");
	trn_test_wait(&tc, 0, 8, 255, 2, 0);
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	ck_assert_uint_eq(trn_test_collect_status(&tc, 0, 0)->head, 0);
	for (uint32_t i = 0; i < 2; i++) {
		trn_test_wr(&tc.host, trn_regs_topsp_bar0(8) + TRN_TOPSP_SEM_INC + 255 * 4, 1);
		trn_test_collect_run(&tc);
	}
	trn_test_expect_done(&tc, 0);
	ck_assert_uint_eq(trn_test_semaphore(&tc, 0, 8, 255), 0);
	trn_test_collect_close(&tc);
}
END_TEST

/* Every dtype and operator, with and without the old value, in one piece and in several, into
 * its own first source: as base/reduce.h says. */
START_TEST(reductions)
{
	enum {
		PITCH = 300 * 1024
	};
	static uint8_t want[256 * 1024];
	uint8_t *data;

	trn_test_collect_pod(&tc, "trn3");
	data = trn_test_hbm(&tc, 0, D(0));
	for (uint32_t round = 0; round < 150; round++) {
		const enum trn_dtype dtype =
			(enum trn_dtype)(1 + trn_prng_below(&tc.prng, TRN_DTYPE_F8E3M4));
		const uint32_t sources = 1 + (uint32_t)trn_prng_below(&tc.prng, 12);
		const uint64_t bytes = (1 + trn_prng_below(&tc.prng, 60000)) * 4;
		const bool add = trn_prng_below(&tc.prng, 2) == 0;
		const bool in_place = !add && trn_prng_below(&tc.prng, 2) == 0;
		const uint64_t dst = in_place ? 0 : 16 * TRN_MIB;
		const bool integer = dtype <= TRN_DTYPE_S32;
		const void *row[16];
		uint32_t rows = 0;
		struct trn_ext_sync_op *op =
			trn_test_reduce(&tc, 0, round % 16, dtype, D(dst), D(0), bytes);
		const struct trn_reduce how = { dtype, (enum trn_ext_reduce)(round % 4),
						integer ? 1.0f : 0.25f, integer ? 3 : 0 };

		op->reduce = (uint8_t)how.op;
		op->scale = how.scale;
		op->divisor = how.divisor;
		op->sources = (uint16_t)sources;
		op->stride = PITCH;
		op->flags = add ? TRN_SYNC_ADD_DST : 0;
		trn_test_collect_fill(&tc, 0, D(0), sources * PITCH);
		trn_test_collect_fill(&tc, 0, D(16 * TRN_MIB), bytes);
		if (add)
			row[rows++] = data + dst;
		for (uint32_t s = 0; s < sources; s++)
			row[rows++] = data + s * PITCH;
		trn_reduce_row(want, row, rows, &how, bytes / trn_dtype_size(dtype));
		trn_test_submit(&tc, 0);
		trn_test_collect_run(&tc);
		trn_test_expect_done(&tc, 0);
		ck_assert_msg(memcmp(data + dst, want, bytes) == 0, "dtype %u op %u sources %u",
			      dtype, how.op, sources);
	}
	trn_test_collect_close(&tc);
}
END_TEST

/* Memory that is not one stretch: SBUF on both sides, host memory of two mappings. */
START_TEST(reductions_of_other_memory)
{
	const uint64_t sbuf = trn_regs_tpb_axi(2), host = TRN_AXI_HOST | 0x700000;
	struct trn_ext_sync_op *op;
	float *low, *high, *out;

	trn_test_collect_pod(&tc, "trn3");
	low = trn_test_host_map(&tc.host, 0x700000, 4096);
	high = trn_test_host_map(&tc.host, 0x701000, 4096);
	out = (float *)(void *)trn_test_hbm(&tc, 0, D(0));
	for (uint32_t i = 0; i < 1024; i++) {
		low[i] = (float)i;
		high[i] = 1000.0f * (float)i;
	}
	trn_test_copy(&tc, 0, 0, sbuf, host, 8192);
	trn_test_op(&tc, 0, 0, TRN_SYNC_FENCE);
	op = trn_test_reduce(&tc, 0, 0, TRN_DTYPE_F32, sbuf, host, 8192);
	op->flags = TRN_SYNC_ADD_DST;
	trn_test_op(&tc, 0, 0, TRN_SYNC_FENCE);
	op = trn_test_reduce(&tc, 0, 0, TRN_DTYPE_F32, D(0), sbuf, 4096);
	op->sources = 2;
	op->stride = 4096;
	trn_test_submit(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	for (uint32_t i = 0; i < 1024; i++)
		ck_assert_float_eq(out[i], 2002.0f * (float)i);
	trn_test_collect_close(&tc);
}
END_TEST

/* ---- refused ---- */

#define ZERO(field_)                                             \
	do {                                                     \
		struct trn_ext_sync_op *op_ = make_op(codes[c]); \
                                                                 \
		op_->field_ = 1;                                 \
		op_->peer = 9;                                   \
		expect_refused(TRN_EXT_ERR_COMMAND, 9);          \
	} while (0)

static struct trn_ext_sync_op *make_op(enum trn_ext_sync_op_code code)
{
	struct trn_ext_sync_op *op;

	switch (code) {
	case TRN_SYNC_REDUCE:
		return trn_test_reduce(&tc, 0, 0, TRN_DTYPE_F32, D(0), D(4096), 4096);
	case TRN_SYNC_COPY:
		return trn_test_copy(&tc, 0, 0, D(0), D(4096), 4096);
	default:
		op = trn_test_op(&tc, 0, 0, code);
		op->signal = code == TRN_SYNC_SIGNAL ? trn_test_inc(0, 0) : 0;
		return op;
	}
}

START_TEST(fields_that_are_not_used)
{
	static const enum trn_ext_sync_op_code codes[] = { TRN_SYNC_COPY,  TRN_SYNC_REDUCE,
							   TRN_SYNC_WAIT,  TRN_SYNC_SIGNAL,
							   TRN_SYNC_FENCE, TRN_SYNC_END };

	trn_test_collect_pod(&tc, "trn3");
	for (uint32_t c = 0; c < TRN_ARRAY_LEN(codes); c++) {
		const bool reduce = codes[c] == TRN_SYNC_REDUCE;
		const bool transfer = reduce || codes[c] == TRN_SYNC_COPY;

		if (!reduce) {
			ZERO(dtype);
			ZERO(reduce);
			ZERO(flags);
			ZERO(sources);
			ZERO(stride);
			ZERO(scale);
		}
		ZERO(divisor); /* of a float */
		if (codes[c] != TRN_SYNC_WAIT)
			ZERO(semaphore);
		if (!transfer) {
			ZERO(dst);
			ZERO(src);
			ZERO(bytes);
		}
		if (codes[c] == TRN_SYNC_WAIT || codes[c] > TRN_SYNC_SIGNAL)
			ZERO(signal);
		if (codes[c] > TRN_SYNC_SIGNAL)
			ZERO(value);
	}
	trn_test_collect_close(&tc);
}
END_TEST

struct bad_reduce {
	uint32_t dtype, reduce, flags, sources, divisor;
	float scale;
	uint64_t bytes;
};

START_TEST(reductions_refused)
{
	static const struct bad_reduce cases[] = {
		{ TRN_DTYPE_NONE, 0, 0, 1, 0, 1, 4 },      { TRN_DTYPE_F8E8M0, 0, 0, 1, 0, 1, 4 },
		{ TRN_DTYPE_F4E2M1_X4, 0, 0, 1, 0, 1, 4 }, { 200, 0, 0, 1, 0, 1, 4 },
		{ TRN_DTYPE_F32, 4, 0, 1, 0, 1, 4 },       { TRN_DTYPE_F32, 0, 2, 1, 0, 1, 4 },
		{ TRN_DTYPE_F32, 0, 0, 0, 0, 1, 4 },       { TRN_DTYPE_F32, 0, 0, 1025, 0, 1, 4 },
		{ TRN_DTYPE_F32, 0, 0, 1, 2, 1, 4 },       { TRN_DTYPE_S8, 0, 0, 1, 2, 0.5f, 4 },
		{ TRN_DTYPE_F32, 0, 0, 1, 0, 1, 6 },       { TRN_DTYPE_BF16, 0, 0, 1, 0, 1, 7 },
	};

	trn_test_collect_pod(&tc, "trn3");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		const struct bad_reduce *bad = &cases[i];
		struct trn_ext_sync_op *op = trn_test_reduce(&tc, 0, 0, (enum trn_dtype)bad->dtype,
							     D(0), D(4096), bad->bytes);

		op->reduce = (uint8_t)bad->reduce;
		op->flags = (uint8_t)bad->flags;
		op->sources = (uint16_t)bad->sources;
		op->divisor = bad->divisor;
		op->scale = bad->scale;
		expect_refused(TRN_EXT_ERR_COMMAND, 0);
	}
	trn_test_op(&tc, 0, 0, (enum trn_ext_sync_op_code)0);
	expect_refused(TRN_EXT_ERR_COMMAND, 0);
	trn_test_op(&tc, 0, 0, (enum trn_ext_sync_op_code)7);
	expect_refused(TRN_EXT_ERR_COMMAND, 0);
	trn_test_op(&tc, 0, 0, (enum trn_ext_sync_op_code)255);
	expect_refused(TRN_EXT_ERR_COMMAND, 0);
	trn_test_wait(&tc, 0, 0, 256, 0, 3);
	expect_refused(TRN_EXT_ERR_COMMAND, 3);
	trn_test_collect_close(&tc);
}
END_TEST

struct bad_address {
	uint64_t dst, src, bytes, stride;
	uint32_t sources; /* 0: COPY */
	uint64_t signal, address;
};

START_TEST(addresses_refused)
{
	const uint64_t top = TRN_TEST_COLLECT_HBM, none = 0x4000000000000;
	const struct bad_address cases[] = {
		{ top, D(0), 1, 0, 0, 0, top },
		{ D(0), top, 1, 0, 0, 0, top },
		{ top - 4, D(0), 8, 0, 0, 0, top },
		{ D(0), top - 4, 8, 0, 0, 0, top },
		{ D(0), D(0), UINT64_MAX, 0, 0, 0, D(0) },
		{ D(0), none, 64, 0, 0, 0, none },
		{ UINT64_MAX - 3, D(0), 8, 0, 0, 0, D(0) },
		{ D(0), UINT64_MAX - 3, 8, 0, 0, 0, UINT64_MAX - 3 },
		{ D(0), D(100), 200, 0, 0, 0, D(0) }, /* overlap */
		{ D(100), D(0), 200, 0, 0, 0, D(100) },
		{ D(100), D(0), 200, 0, 1, 0, D(100) },
		{ D(4100), D(0), 200, 4096, 8, 0, D(4100) },
		{ D(0), D(4096), 4096, UINT64_MAX / 2, 4, 0, D(4096) },
		{ D(0), D(4096), 4096, UINT64_C(1) << 60, 16, 0, D(4096) },
		{ D(0), D(4096), 64, TRN_MIB, 1024, 0, top + 4096 },
		/* signals */
		{ D(0), D(4096), 64, 0, 0, D(0), D(0) },
		{ D(0), D(4096), 64, 0, 0, trn_test_inc(0, 0) + 1, trn_test_inc(0, 0) + 1 },
		{ D(0), D(4096), 64, 0, 0, trn_test_inc(0, 0) - 4, trn_test_inc(0, 0) - 4 },
		{ D(0), D(4096), 64, 0, 0, trn_test_inc(0, 256), trn_test_inc(0, 256) },
		{ D(0), D(4096), 64, 0, 0, trn_regs_topsp_axi(8) + TRN_TOPSP_SEM_INC,
		  trn_regs_topsp_axi(8) + TRN_TOPSP_SEM_INC },
		{ D(0), D(4096), 64, 0, 0, trn_regs_tpb_axi(0) + TRN_TPB_SEM_SET,
		  trn_regs_tpb_axi(0) + TRN_TPB_SEM_SET },
		/* peers, where there is no pod */
		{ TRN_PEER_MARK | UINT64_C(1) << TRN_PEER_CHIP_SHIFT, D(0), 64, 0, 0, 0,
		  TRN_PEER_MARK | UINT64_C(1) << TRN_PEER_CHIP_SHIFT },
	};

	trn_test_collect_pod(&tc, "trn3");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
		const struct bad_address *bad = &cases[i];
		struct trn_ext_sync_op *op =
			bad->sources == 0 ?
				trn_test_copy(&tc, 0, 0, bad->dst, bad->src, bad->bytes) :
				trn_test_reduce(&tc, 0, 0, TRN_DTYPE_U8, bad->dst, bad->src,
						bad->bytes);
		uint64_t address;

		op->stride = bad->stride;
		op->sources = (uint16_t)bad->sources;
		op->signal = bad->signal;
		op->peer = i;
		address = expect_refused(TRN_EXT_ERR_ADDRESS, i);
		ck_assert_msg(address == bad->address, "case %u: 0x%llx", i,
			      (unsigned long long)address);
	}
	trn_test_signal(&tc, 0, 0, 0, 1);
	expect_refused(TRN_EXT_ERR_ADDRESS, 0);
	trn_test_collect_close(&tc);
}
END_TEST

static void expect_descriptor(enum trn_ext_error code)
{
	trn_test_command_collect(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, code, UINT32_MAX, 0, 0xff);
	trn_test_collect_queue(&tc, 0, 0, 0);
}

static struct trn_ext_collect *describe(void)
{
	(void)trn_test_op(&tc, 0, 2, TRN_SYNC_END);
	(void)trn_test_op(&tc, 0, 3, TRN_SYNC_END);
	return trn_test_describe(&tc, 0);
}

#define BAD(change)                                              \
	do {                                                     \
		struct trn_ext_collect *d = describe();          \
		struct trn_ext_sync_stream *s = (void *)(d + 1); \
                                                                 \
		(void)s;                                         \
		change;                                          \
		expect_descriptor(TRN_EXT_ERR_COMMAND);          \
	} while (0)

START_TEST(descriptors_refused)
{
	trn_test_collect_pod(&tc, "trn3");
	BAD(d->magic++);
	BAD(d->version = 2);
	BAD(d->streams = 0);
	BAD(d->streams = 17);
	BAD(d->flags = 1);
	BAD(d->priority = 4);
	BAD(d->reserved[0] = 1);
	BAD(d->reserved[4] = 1);
	BAD(s[0].processor = 16);
	BAD(s[1].processor = 2);
	BAD(s[1].ops = 0);
	BAD(s[0].ops = TRN_SYNC_OPS_MAX + 1);
	((struct trn_ext_sync_stream *)(void *)(describe() + 1))[1].address += 32;
	expect_descriptor(TRN_EXT_ERR_ADDRESS);
	((struct trn_ext_sync_stream *)(void *)(describe() + 1))[1].ops = 2000000;
	expect_descriptor(TRN_EXT_ERR_ADDRESS);
	describe();
	trn_test_ring(&tc, 0,
		      &(struct trn_ext_cmd){
			      .op = TRN_CMD_COLLECT, .tag = 77, .a = { TRN_TEST_COLLECT_HBM } });
	trn_test_collect_run(&tc);
	trn_test_expect_error(&tc, 0, TRN_EXT_ERR_ADDRESS, UINT32_MAX, 0, 0xff);
	trn_test_collect_queue(&tc, 0, 0, 0);
	/* A stream without END. */
	for (uint32_t n = 1; n < 40; n++) {
		for (uint32_t i = 0; i < n; i++)
			(void)trn_test_op(&tc, 0, 1, TRN_SYNC_FENCE);
		(void)trn_test_describe(&tc, 0);
		trn_test_command_collect(&tc, 0);
		trn_test_collect_run(&tc);
		trn_test_expect_error(&tc, 0, TRN_EXT_ERR_COMMAND, 1, n, 0xff);
		trn_test_collect_queue(&tc, 0, 0, 0);
	}
	/* The good one. */
	describe();
	trn_test_command_collect(&tc, 0);
	trn_test_collect_run(&tc);
	trn_test_expect_done(&tc, 0);
	ck_assert_uint_ne(trn_test_ext_read(&tc, 0, TRN_EXT_ID_CAPS) & TRN_EXT_CAP_COLLECT, 0);
	trn_test_collect_close(&tc);
}
END_TEST

static Suite *collect_suite(void)
{
	Suite *suite = suite_create("collect");
	TCase *t = tcase_create("collect");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, copies_and_signals);
	tcase_add_test(t, a_signal_comes_behind_its_bytes);
	tcase_add_test(t, a_signal_of_its_own_comes_behind_transfers);
	tcase_add_test(t, a_fence_waits_for_all);
	tcase_add_test(t, signals_to_cores);
	tcase_add_test(t, a_register_write_wakes);
	tcase_add_test(t, reductions);
	tcase_add_test(t, reductions_of_other_memory);
	tcase_add_test(t, fields_that_are_not_used);
	tcase_add_test(t, reductions_refused);
	tcase_add_test(t, addresses_refused);
	tcase_add_test(t, descriptors_refused);
	suite_add_tcase(suite, t);
	return suite;
}

TRN_TEST_MAIN(collect_suite)
