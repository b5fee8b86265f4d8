/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters: known closed forms, bytes that are conserved, folded against chip by chip, parts of
 * pods, a million chips in little memory. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "base/clock.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "predict/cluster_parts.h"

static struct trn_cluster cluster(const char *pod, uint32_t chips)
{
	struct trn_predict_why why = { "" };
	struct trn_cluster c;
	int r = trn_cluster_init(&c, pod, NULL, chips, NULL, &why);

	ck_assert_msg(r == 0, "%s", why.text);
	return c;
}

static struct trn_cluster_result run(const struct trn_cluster *c,
				     const struct trn_cluster_call *call)
{
	struct trn_predict_why why = { "" };
	struct trn_cluster_result result;
	int r = trn_cluster_run(c, call, &result, &why);

	ck_assert_msg(r == 0, "%d %s", r, why.text);
	return result;
}

/* ---- folded against chip by chip ---- */

static const struct same_row {
	const char *pod;
	uint32_t chips;
} same_rows[] = {
	{ "trn3-ultraserver", 64 },
	{ "trn3-ultraserver", 144 },
	{ "trn3-ultraserver", 288 },
	{ "trn3-ultraserver", 1000 },
	{ "trn2-ultraserver", 64 },
	{ "trn2-ultraserver", 144 },
	{ "trn2-ultraserver", 1000 },
	{ "trn2-48xl", 16 },
	{ "trn2-48xl", 250 },
	{ "trn3-gen1", 64 },
	{ "trn3-gen1", 160 },
	{ "trn4-ultraserver", 288 },
	{ "trn2", 3 },
	{ "trn2", 100 },
};

static void same(const struct trn_cluster *folded, const struct trn_cluster_call *call)
{
	struct trn_cluster apart = *folded;
	struct trn_cluster_result a = run(folded, call), b;

	apart.apart = true;
	b = run(&apart, call);
	ck_assert_msg(fabs(a.seconds - b.seconds) <= 1e-9 * b.seconds,
		      "%s %u chips, %s %s %s, %u chunks: folded %.12g, apart %.12g",
		      folded->pod->name, folded->chips, trn_cluster_kind_name(call->kind),
		      trn_cluster_inner_name(call->inner), trn_cluster_outer_name(call->outer),
		      call->chunks, a.seconds, b.seconds);
	ck_assert_double_eq_tol(a.delivered, b.delivered, 1e-9 * (1 + b.delivered));
	ck_assert_uint_le(a.flows, b.flows);
	for (int i = 0; i < TRN_CLUSTER_CLASSES; i++) {
		ck_assert_double_eq_tol(a.cls[i].bytes, b.cls[i].bytes,
					1e-9 * (1 + b.cls[i].bytes));
		ck_assert_double_eq_tol(a.cls[i].most, b.cls[i].most, 1e-9);
	}
	ck_assert_double_eq_tol(a.joules_network, b.joules_network, 1e-9 * (1 + b.joules_network));
}

START_TEST(folded_is_chip_by_chip)
{
	const struct same_row *row = &same_rows[_i];
	struct trn_cluster c = cluster(row->pod, row->chips);
	const uint64_t sizes[] = { 65536, 100000007 };

	for (size_t s = 0; s < 2; s++) {
		struct trn_cluster_call call = { .kind = TRN_CLUSTER_ALL_TO_ALL,
						 .bytes = sizes[s],
						 .inner = TRN_CLUSTER_INNER_MESH,
						 .chunks = 1 + (uint32_t)s };

		same(&c, &call);
		call.kind = TRN_CLUSTER_ALL_REDUCE;
		for (int outer = 1; outer < TRN_CLUSTER_OUTERS; outer++) {
			call.outer = (enum trn_cluster_outer)outer;
			call.inner = outer == TRN_CLUSTER_OUTER_RING ? TRN_CLUSTER_INNER_RING :
								       TRN_CLUSTER_INNER_MESH;
			same(&c, &call);
		}
	}
}
END_TEST

/* Leaves that are narrower upwards: where a flow leaves one counts. */
START_TEST(folded_is_chip_by_chip_with_thin_leaves)
{
	struct trn_cluster_params params;
	struct trn_predict_why why;
	struct trn_cluster c;

	trn_cluster_params_default(&params);
	params.uplink_percent = 40;
	params.ports = 96;
	for (uint32_t chips = 40; chips < 200; chips += 29) {
		ck_assert_int_eq(trn_cluster_init(&c, "trn2-48xl", NULL, chips, &params, &why), 0);
		for (int outer = 1; outer < TRN_CLUSTER_OUTERS; outer++) {
			struct trn_cluster_call call = { .bytes = 1 << 20,
							 .inner = TRN_CLUSTER_INNER_MESH,
							 .outer = (enum trn_cluster_outer)outer,
							 .chunks = 2 };

			same(&c, &call);
			call.kind = TRN_CLUSTER_ALL_TO_ALL;
			same(&c, &call);
		}
	}
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-cluster");
	TCase *tc = tcase_create("cluster");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, folded_is_chip_by_chip, 0,
			    (int)(sizeof(same_rows) / sizeof(same_rows[0])));
	tcase_add_test(tc, folded_is_chip_by_chip_with_thin_leaves);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
