/* SPDX-License-Identifier: Apache-2.0 */
/* What a communicator is asked for and cannot do, or nobody means: refused, and the record says
 * what. Nothing is silently left out. */
#include "comm.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"

#define DAY_NS UINT64_C(86400000000000)

static void cause_has(struct trn_context *context, const char *text)
{
	struct trn_error error = { .size = sizeof(error) };

	ck_assert_int_eq(trn_error_get(context, &error), 0);
	ck_assert_msg(strstr(error.cause, text) != NULL, "\"%s\" has no \"%s\"", error.cause, text);
}

/* ---- options ---- */

static const uint32_t a_core[] = { 0 };
static const struct {
	struct trn_comm_opts opts; /* size 0: right */
	int code;
	const char *cause;
} wrong_opts[] = {
	{ { .size = 1, .count = 1 }, -EINVAL, "size member" },
	{ { .count = 0 }, -EINVAL, "count is not" },
	{ { .count = 5000 }, -EINVAL, "count is not" },
	{ { .count = 2 }, -EINVAL, "one rank of host memory" },
	{ { .count = 1, .flags = 2 }, -EINVAL, "unknown flag" },
	{ { .count = 1, .flags = 3 }, -EINVAL, "unknown flag" },
	{ { .count = 1, .reserved = 1 }, -EINVAL, "reserved is not 0" },
	{ { .count = 1, .cores = a_core }, -EINVAL, "cores without devices" },
	{ { .count = 1, .process = 1 }, -EINVAL, "process without processes" },
	{ { .count = 1, .process = 2, .processes = 2 }, -EINVAL, "process is not below" },
	{ { .count = 1, .processes = 2 }, -EINVAL, "no root" },
	{ { .count = 1, .timeout_ns = DAY_NS + 1 }, -EINVAL, "timeout_ns is beyond a day" },
	{ { .count = 1, .timeout_ns = UINT64_MAX }, -EINVAL, "timeout_ns is beyond a day" },
	{ { .count = 1, .limit_ns = DAY_NS + 1 }, -EINVAL, "limit_ns is beyond a day" },
	{ { .count = 1, .limit_ns = UINT64_MAX }, -EINVAL, "limit_ns is beyond a day" },
};

START_TEST(options)
{
	struct trn_comm_opts opts = wrong_opts[_i].opts;
	struct trn_context *context;
	struct trn_comm *comm = NULL;

	opts.size = opts.size ? opts.size : sizeof(opts);
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	ck_assert_int_eq(trn_comm_create(context, &opts, SOON, &comm), wrong_opts[_i].code);
	cause_has(context, wrong_opts[_i].cause);
	ck_assert_ptr_null(comm);
	ck_assert_ptr_null(trn_context_unref(context));
}
END_TEST

START_TEST(algorithm_of_the_environment)
{
	static const char *const names[] = { "nonsense", "RING", "ring ", "0", "%s%n" };
	struct trn_comm_opts opts = { .size = sizeof(opts), .count = 1 };
	struct trn_context *context;
	struct trn_comm *comm = NULL;

	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	for (size_t i = 0; i < TRN_ARRAY_LEN(names); i++) {
		ck_assert_int_eq(setenv("TRN_COMM_ALGORITHM", names[i], 1), 0);
		ck_assert_int_eq(trn_comm_create(context, &opts, SOON, &comm), -EINVAL);
		cause_has(context, "no such algorithm");
		cause_has(context, names[i]);
	}
	ck_assert_int_eq(setenv("TRN_COMM_ALGORITHM", "", 1), 0);
	ck_assert_int_eq(trn_comm_create(context, &opts, SOON, &comm), 0);
	ck_assert_ptr_null(trn_comm_unref(comm));
	ck_assert_int_eq(unsetenv("TRN_COMM_ALGORITHM"), 0);
	ck_assert_ptr_null(trn_context_unref(context));
}
END_TEST

/* Who is asked for more than it can is told what it was asked for, and by whom. */
START_TEST(algorithm_that_does_not_fit)
{
	struct trn_comm_cost cost = { .size = sizeof(cost) };
	struct trn_comm_call call = { .size = sizeof(call), .dtype = TRN_DTYPE_F32, .count = 8 };
	struct rig rig;

	ck_assert_int_eq(setenv("TRN_COMM_ALGORITHM", "paired", 1), 0);
	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, 3, 1, 4096);
	ck_assert_int_eq(trn_comm_cost(rig.comm, &call, &cost), -ENOTSUP);
	cause_has(rig.context, "all_reduce by paired (TRN_COMM_ALGORITHM)");
	call.algorithm = TRN_COMM_SWITCH;
	ck_assert_int_eq(trn_comm_cost(rig.comm, &call, &cost), -ENOTSUP);
	cause_has(rig.context, "all_reduce by switch:");
	rig_down(&rig);
	ck_assert_int_eq(unsetenv("TRN_COMM_ALGORITHM"), 0);
}
END_TEST

/* ---- calls ---- */

static const uint64_t numbers[4] = { 1, 1, 1, 1 };
static const uint32_t turn[4] = { 1, 2, 3, 0 }, twice[4] = { 1, 1, 3, 0 }, none[4] = { 1, 4, 3, 0 };

#define F32 .dtype = TRN_DTYPE_F32, .count = 8
static const struct {
	struct trn_comm_call call;
	int code;
	const char *cause;
} wrong_calls[] = {
	{ { F32, .size = 1 }, -EINVAL, "size member" },
	{ { F32, .kind = TRN_COMM_KINDS }, -EINVAL, "kind is unknown" },
	{ { F32, .op = TRN_COMM_OPS }, -EINVAL, "op is unknown" },
	{ { .count = 8, .dtype = (enum trn_dtype)99 }, -EINVAL, "dtype is none" },
	{ { F32, .rank = 4 }, -EINVAL, "rank is not a local one" },
	{ { F32, .priority = 4 }, -EINVAL, "priority is not 0 to 3" },
	{ { F32, .algorithm = TRN_COMM_ALGORITHMS }, -EINVAL, "algorithm is unknown" },
	{ { F32, .kind = TRN_COMM_BROADCAST, .root = 4 }, -EINVAL, "root is no rank" },
	{ { F32, .kind = TRN_COMM_SEND, .root = 4 }, -EINVAL, "root is no rank" },
	{ { .dtype = TRN_DTYPE_F32, .count = UINT64_MAX }, -EINVAL, "beyond 2^48" },
	{ { F32, .kind = TRN_COMM_PERMUTE }, -EINVAL, "permutation names" },
	{ { F32, .kind = TRN_COMM_PERMUTE, .permutation = twice }, -EINVAL, "permutation names" },
	{ { F32, .kind = TRN_COMM_PERMUTE, .permutation = none }, -EINVAL, "permutation names" },
	{ { F32, .permutation = turn }, -EINVAL, "permutation is for PERMUTE" },
	{ { F32, .src_counts = numbers }, -EINVAL, "src_counts are for" },
	{ { F32, .src_offsets = numbers }, -EINVAL, "src_offsets are for" },
	{ { F32, .dst_counts = numbers }, -EINVAL, "dst_counts are for" },
	{ { F32, .dst_offsets = numbers }, -EINVAL, "dst_offsets are for" },
	{ { .kind = TRN_COMM_BARRIER, .dst_counts = numbers }, -EINVAL, "dst_counts are for" },
	{ { F32, .kind = TRN_COMM_REDUCE_SCATTER, .dst_offsets = numbers },
	  -EINVAL,
	  "dst_offsets are for" },
	{ { F32, .kind = TRN_COMM_ALL_GATHER, .src_offsets = numbers },
	  -EINVAL,
	  "src_offsets are for" },
	{ { F32, .kind = TRN_COMM_SEND, .algorithm = TRN_COMM_RING },
	  -ENOTSUP,
	  "point-to-point calls have no algorithm" },
	{ { F32, .kind = TRN_COMM_PERMUTE, .permutation = turn, .algorithm = TRN_COMM_MESH },
	  -ENOTSUP,
	  "point-to-point calls have no algorithm" },
	{ { F32, .algorithm = TRN_COMM_HOST }, -ENOTSUP, "HOST is between processes" },
	{ { F32, .algorithm = TRN_COMM_SWITCH }, -ENOTSUP, "all_reduce by switch" },
	{ { F32, .kind = TRN_COMM_ALL_TO_ALL, .algorithm = TRN_COMM_RING },
	  -ENOTSUP,
	  "all_to_all by ring" },
};

START_TEST(calls_of_devices)
{
	struct trn_comm_call calls[4];
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, 4, 1, 4096);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(wrong_calls); i++) {
		for (uint32_t r = 0; r < 4; r++) {
			calls[r] = wrong_calls[i].call;
			calls[r].size = calls[r].size ? calls[r].size : sizeof(calls[r]);
			calls[r].rank += r;
			calls[r].src.buffer = rig.src[r];
			calls[r].dst.buffer = rig.dst[r];
		}
		ck_assert_msg(trn_comm_run(rig.comm, calls, 4, SOON) == wrong_calls[i].code,
			      "row %u", i);
		cause_has(rig.context, wrong_calls[i].cause);
	}
	/* None of them has broken it. */
	for (uint32_t r = 0; r < 4; r++)
		calls[r].kind = TRN_COMM_ALL_REDUCE, calls[r].algorithm = TRN_COMM_AUTO;
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, 4, SOON), 0);
	rig_down(&rig);
}
END_TEST

START_TEST(calls_of_host_memory)
{
	struct trn_comm_opts opts = { .size = sizeof(opts), .count = 1 };
	float src[8] = { 1 }, dst[8] = { 0 };
	struct trn_comm_call call = { .size = sizeof(call), F32 };
	struct trn_context *context;
	struct trn_comm *comm = NULL;

	call.src.host = src;
	call.dst.host = dst;
	ck_assert_int_eq(trn_context_create(NULL, &context), 0);
	ck_assert_int_eq(trn_comm_create(context, &opts, SOON, &comm), 0);
	call.algorithm = TRN_COMM_RING;
	ck_assert_int_eq(trn_comm_run(comm, &call, 1, SOON), -ENOTSUP);
	cause_has(context, "AUTO or HOST");
	call.algorithm = TRN_COMM_HOST;
	ck_assert_int_eq(trn_comm_run(comm, &call, 1, SOON), 0);
	call.src.offset = 4;
	ck_assert_int_eq(trn_comm_run(comm, &call, 1, SOON), -EINVAL);
	cause_has(context, "an offset without a buffer");
	call.src.offset = 0;
	call.src_offsets = numbers;
	ck_assert_int_eq(trn_comm_run(comm, &call, 1, SOON), -EINVAL);
	cause_has(context, "src_offsets are for");
	ck_assert_ptr_null(trn_comm_unref(comm));
	ck_assert_ptr_null(trn_context_unref(context));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("comm-args");
	TCase *t = tcase_create("args");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, options, 0, (int)TRN_ARRAY_LEN(wrong_opts));
	tcase_add_test(t, algorithm_of_the_environment);
	tcase_add_test(t, algorithm_that_does_not_fit);
	tcase_add_test(t, calls_of_devices);
	tcase_add_test(t, calls_of_host_memory);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
