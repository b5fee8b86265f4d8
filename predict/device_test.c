/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives as flows beside the same on the model of the devices, timing-only, each by its own
 * choice of an algorithm, which must be the same. Ratios are printed; docs/scale.md 7 has them. */
#include <check.h>
#include <stdio.h>
#include <trn/trn.h>
#include <trn/comm.h>
#include <trn/topology.h>
#include "base/test_main.h"
#include "predict/cluster_parts.h"

#define CHIPS 144u
#define LIMIT_NS (UINT64_C(100) * 1000000000)
#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)

/* Wider margins have their reasons in docs/scale.md 7. From 16 MiB on all-reduces go in strands. */
static const struct row {
	const char *pod;
	enum trn_cluster_kind kind;
	uint64_t bytes;
	uint32_t percent;
} rows[] = {
	{ "trn2-48xl", TRN_CLUSTER_ALL_REDUCE, 8, 5 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_REDUCE, 4 * K, 5 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_REDUCE, 64 * K, 5 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_REDUCE, M, 5 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_REDUCE, 64 * M, 5 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_REDUCE, 1024 * M, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_REDUCE, 8, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_REDUCE, 4 * K, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_REDUCE, 64 * K, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_REDUCE, M, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_REDUCE, 16 * M, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_REDUCE, 64 * M, 12 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_REDUCE, 1024 * M, 12 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_REDUCE, 8, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_REDUCE, 4 * K, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_REDUCE, 64 * K, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_REDUCE, M, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_REDUCE, 16 * M, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_REDUCE, 64 * M, 7 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_REDUCE, 1024 * M, 5 },
	{ "trn3-ultraserver", TRN_CLUSTER_ALL_REDUCE, 8, 5 },
	{ "trn3-ultraserver", TRN_CLUSTER_ALL_REDUCE, 4 * K, 5 },
	{ "trn3-ultraserver", TRN_CLUSTER_ALL_REDUCE, 64 * K, 5 },
	{ "trn3-ultraserver", TRN_CLUSTER_ALL_REDUCE, M, 5 },
	{ "trn3-ultraserver", TRN_CLUSTER_ALL_REDUCE, 256 * M, 5 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_TO_ALL, 64 * K, 5 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_TO_ALL, M, 8 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_TO_ALL, 16 * M, 11 },
	{ "trn2-48xl", TRN_CLUSTER_ALL_TO_ALL, 1024 * M, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_TO_ALL, M, 7 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_TO_ALL, 16 * M, 5 },
	{ "trn2-ultraserver", TRN_CLUSTER_ALL_TO_ALL, 256 * M, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_TO_ALL, 64 * K, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_TO_ALL, M, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_TO_ALL, 16 * M, 5 },
	{ "trn3-gen1", TRN_CLUSTER_ALL_TO_ALL, 256 * M, 5 },
	{ "trn3-ultraserver", TRN_CLUSTER_ALL_TO_ALL, 16 * M, 5 },
};

struct rig {
	struct trn_context *context;
	struct trn_device *device[CHIPS];
	struct trn_buffer *src[CHIPS], *dst[CHIPS];
	struct trn_comm *comm;
	uint32_t chips;
};

static void rig_open(struct rig *rig, const struct row *row)
{
	struct trn_buffer_opts buffer = { .size = sizeof(buffer), .bytes = row->bytes };
	struct trn_comm_opts opts = { .size = sizeof(opts), .devices = rig->device };
	char uri[64];

	snprintf(uri, sizeof(uri), "mock:%s?timing-only=1", row->pod);
	ck_assert_int_eq(trn_context_create(NULL, &rig->context), 0);
	ck_assert_int_eq(trn_pod_open(rig->context, uri, trn_deadline_in(LIMIT_NS), rig->device,
				      CHIPS, &rig->chips),
			 0);
	opts.count = rig->chips;
	ck_assert_int_eq(
		trn_comm_create(rig->context, &opts, trn_deadline_in(LIMIT_NS), &rig->comm), 0);
	for (uint32_t i = 0; i < rig->chips; i++) {
		ck_assert_int_eq(trn_buffer_create(rig->device[i], &buffer, &rig->src[i]), 0);
		ck_assert_int_eq(trn_buffer_create(rig->device[i], &buffer, &rig->dst[i]), 0);
	}
}

static void rig_close(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->chips; i++) {
		trn_buffer_unref(rig->src[i]);
		trn_buffer_unref(rig->dst[i]);
	}
	trn_comm_unref(rig->comm);
	for (uint32_t i = 0; i < rig->chips; i++)
		trn_device_unref(rig->device[i]);
	trn_context_unref(rig->context);
}

static enum trn_comm_algorithm algorithm_of(enum trn_cluster_inner inner)
{
	static const enum trn_comm_algorithm algorithms[TRN_CLUSTER_INNERS] = {
		[TRN_CLUSTER_INNER_MESH] = TRN_COMM_MESH,
		[TRN_CLUSTER_INNER_RING] = TRN_COMM_RING,
		[TRN_CLUSTER_INNER_RDH] = TRN_COMM_RDH,
		[TRN_CLUSTER_INNER_PAIRED] = TRN_COMM_PAIRED,
		[TRN_CLUSTER_INNER_GRID] = TRN_COMM_GRID,
		[TRN_CLUSTER_INNER_TORUS] = TRN_COMM_TORUS,
		[TRN_CLUSTER_INNER_FUSED] = TRN_COMM_FUSED,
	};

	return algorithms[inner];
}

static double device_s(struct rig *rig, const struct row *row, enum trn_comm_algorithm expected)
{
	const bool exchange = row->kind == TRN_CLUSTER_ALL_TO_ALL;
	const uint64_t count = row->bytes / 4 / (exchange ? rig->chips : 1);
	struct trn_comm_times times = { .size = sizeof(times) };
	struct trn_comm_cost cost = { .size = sizeof(cost) };
	struct trn_comm_call calls[CHIPS];

	for (uint32_t i = 0; i < rig->chips; i++)
		calls[i] = (struct trn_comm_call){ .size = sizeof(calls[i]),
						   .kind = exchange ? TRN_COMM_ALL_TO_ALL :
								      TRN_COMM_ALL_REDUCE,
						   .dtype = TRN_DTYPE_F32,
						   .rank = i,
						   .count = count,
						   .src = { .buffer = rig->src[i] },
						   .dst = { .buffer = rig->dst[i] } };
	ck_assert_int_eq(trn_comm_cost(rig->comm, calls, &cost), 0);
	ck_assert_int_eq(cost.algorithm, expected);
	ck_assert_int_eq(trn_comm_run(rig->comm, calls, rig->chips, trn_deadline_in(LIMIT_NS)), 0);
	ck_assert_int_eq(trn_comm_times(rig->comm, &times), 0);
	return (double)times.device_ns * 1e-9;
}

START_TEST(flows_are_near_the_devices)
{
	const struct row *row = &rows[_i];
	struct trn_cluster_call call = { .kind = row->kind, .bytes = row->bytes };
	const double margin = row->percent / 100.0;
	struct rig rig = { NULL };
	struct trn_cluster_result result;
	struct trn_predict_why why = { "" };
	struct trn_cluster cluster;
	double device;

	rig_open(&rig, row);
	ck_assert_msg(trn_cluster_init(&cluster, row->pod, NULL, rig.chips, NULL, &why) == 0, "%s",
		      why.text);
	ck_assert_msg(trn_cluster_run(&cluster, &call, &result, &why) == 0, "%s", why.text);
	device = device_s(&rig, row, algorithm_of(result.inner));
	printf("# %s, %s of %llu bytes, %s: flows %.3f us, devices %.3f us, ratio %.3f\n", row->pod,
	       trn_cluster_kind_name(row->kind), (unsigned long long)row->bytes,
	       trn_cluster_inner_name(result.inner), result.seconds * 1e6, device * 1e6,
	       result.seconds / device);
	ck_assert_double_lt(result.seconds, device * (1 + margin));
	ck_assert_double_gt(result.seconds, device * (1 - margin));
	rig_close(&rig);
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-device");
	TCase *tc = tcase_create("device");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, flows_are_near_the_devices, 0,
			    (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
