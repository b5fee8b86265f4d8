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
	{ "trn3-ultraserver", 500 },
	{ "trn2-ultraserver", 64 },
	{ "trn2-ultraserver", 144 },
	{ "trn2-ultraserver", 500 },
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
	struct trn_cluster_call fair = *call;
	struct trn_cluster_result a, b;

	fair.fair = true;
	a = run(folded, &fair);
	apart.apart = true;
	b = run(&apart, &fair);
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

/* ---- closed forms ---- */

static struct trn_cluster_call reduce_call(uint64_t bytes, enum trn_cluster_outer outer)
{
	return (struct trn_cluster_call){
		.bytes = bytes, .inner = TRN_CLUSTER_INNER_MESH, .outer = outer, .chunks = 1
	};
}

/* Chips alone on a network are a star: 2 (n - 1) / n S / B and the steps' latencies. */
START_TEST(stars)
{
	const double bytes = 1 << 30, rate = 25e9, near = 15e-6, far = 16e-6, issue = 100e-9;
	const uint32_t sizes[] = { 2, 5, 64, 128 };

	for (size_t i = 0; i < 4; i++) {
		double n = sizes[i], wire = 2 * (n - 1) / n * bytes / rate;
		struct trn_cluster c = cluster("trn2", sizes[i]);
		struct trn_cluster_call call = reduce_call(1 << 30, TRN_CLUSTER_OUTER_RING);
		/* Beyond 64 chips, the leaves' number, two tiers are passed. */
		double hop = issue + (n > 64 ? far : near);
		struct trn_cluster_result r = run(&c, &call);

		ck_assert_double_eq_tol(r.seconds, 2 * (n - 1) * hop + wire, 1e-9);
		ck_assert_double_eq_tol(r.bound_s, wire, 1e-9);
		ck_assert_double_eq_tol(r.delivered, 2 * (n - 1) * bytes, 1);
		ck_assert_double_eq_tol(r.cls[TRN_CLUSTER_NIC].bytes, 2 * r.delivered, 1);
		ck_assert_double_eq_tol(r.busbw, 2 * (n - 1) / n * bytes / r.seconds, 1);
		call.kind = TRN_CLUSTER_ALL_TO_ALL;
		r = run(&c, &call);
		ck_assert_double_eq_tol(r.seconds, wire / 2 + (n > 64 ? far : near), 1e-9);
		ck_assert_double_eq_tol(r.delivered, (n - 1) * bytes, 1);
	}
}
END_TEST

START_TEST(halving_of_a_star)
{
	struct trn_cluster c = cluster("trn2", 64);
	struct trn_cluster_call call = reduce_call(1 << 30, TRN_CLUSTER_OUTER_RDH);
	double wire = 2 * 63.0 / 64 * (1 << 30) / 25e9, odd;

	ck_assert_double_eq_tol(run(&c, &call).seconds, 12 * 15.1e-6 + wire, 1e-9);
	/* One more: it hands everything over first, and gets everything back. */
	c = cluster("trn2", 65);
	odd = 2.0 * (1 << 30) / 25e9;
	ck_assert_double_eq_tol(run(&c, &call).seconds, 12 * 15.1e-6 + wire + odd + 2 * 16.1e-6,
				1e-9);
}
END_TEST

/* Bytes that a chip sends in an all-reduce are 2 (n - 1) / n S, however it is cut. */
START_TEST(bytes_are_conserved)
{
	const char *const pods[] = { "trn2-48xl", "trn2-ultraserver", "trn3-gen1",
				     "trn3-ultraserver", "trn4-ultraserver" };

	for (size_t i = 0; i < 5; i++) {
		const struct trn_pod *pod = trn_pod_find(pods[i]);
		double n = trn_pod_chips(pod), bytes = 1e8;

		for (int inner = 1; inner < TRN_CLUSTER_INNER_FUSED; inner++) {
			struct trn_cluster c = cluster(pods[i], (uint32_t)n);
			struct trn_cluster_call call = { .bytes = 100000000,
							 .inner = (enum trn_cluster_inner)inner,
							 .fair = true };
			struct trn_cluster_result r;
			struct trn_predict_why why;

			if (trn_cluster_run(&c, &call, &r, &why) == -ENOTSUP)
				continue;
			/* Copies and sums inside a chip are flows, too: at most three vectors. */
			ck_assert_double_ge(r.delivered, 2 * (n - 1) * bytes);
			ck_assert_double_le(r.delivered, (2 * (n - 1) + 3 * n) * bytes);
			ck_assert_double_ge(r.seconds, r.bound_s);
			call.kind = TRN_CLUSTER_ALL_TO_ALL;
			call.inner = TRN_CLUSTER_INNER_MESH;
			ck_assert_double_eq_tol(run(&c, &call).delivered, n * bytes, 10);
		}
	}
}
END_TEST

/* In few steps: everybody to everybody, what a plan of one exchange sends; in chunks when it is
 * long, with a slow link, and not where pods deal with each other. */
START_TEST(few_steps)
{
	struct trn_cluster c = cluster("trn2-48xl", 16);
	struct trn_cluster_call call = { .bytes = 8 };
	struct trn_cluster_result r = run(&c, &call);
	struct trn_predict_why why;
	double one, two;

	ck_assert_int_eq(r.inner, TRN_CLUSTER_INNER_FUSED);
	/* To all, oneself too, and the sum. */
	ck_assert_double_eq_tol(r.delivered, 16 * 17 * 8.0, 1e-6);
	ck_assert_double_ge(r.seconds, r.bound_s);
	call.inner = TRN_CLUSTER_INNER_FUSED;
	call.bytes = UINT64_C(1) << 28;
	one = run(&c, &call).seconds;
	call.bytes *= 2;
	two = run(&c, &call).seconds;
	ck_assert_double_eq_tol(two, 2 * one, 0.05 * two);
	call.bytes = 1 << 16;
	one = run(&c, &call).seconds;
	ck_assert_int_eq(trn_cluster_slow(&c, 0, 1, &why), 0);
	ck_assert_double_gt(run(&c, &call).seconds, 0.9 * one);
	ck_assert_int_eq(trn_cluster_slow(&c, 0, 50, &why), 0);
	ck_assert_double_gt(run(&c, &call).seconds, 2 * one);
	c = cluster("trn2-48xl", 32);
	ck_assert_int_eq(trn_cluster_run(&c, &call, &r, &why), -ENOTSUP);
	call.inner = TRN_CLUSTER_INNER_AUTO;
	ck_assert_int_ne(run(&c, &call).inner, TRN_CLUSTER_INNER_FUSED);
}
END_TEST

/* ---- more is never faster ---- */

START_TEST(more_is_never_faster)
{
	struct trn_cluster_params params;
	struct trn_predict_why why;
	struct trn_cluster c = cluster("trn3-ultraserver", 300), thin;
	double before = 0;

	for (uint64_t bytes = 1000; bytes < UINT64_C(4000000000); bytes *= 20) {
		struct trn_cluster_call call = { .bytes = bytes };
		double now = run(&c, &call).seconds, slower;

		ck_assert_double_ge(now, before);
		before = now;
		trn_cluster_params_default(&params);
		params.nic_mbps = 5000;
		params.uplink_percent = 50;
		ck_assert_int_eq(
			trn_cluster_init(&thin, "trn3-ultraserver", NULL, 300, &params, &why), 0);
		slower = run(&thin, &call).seconds;
		ck_assert_double_ge(slower, now);
		/* One plane has less bandwidth, and fewer hops: that is for small ones. */
		if (bytes < 1000000)
			continue;
		ck_assert_int_eq(trn_cluster_init(&thin, "trn3-ultraserver", "documented", 300,
						  NULL, &why),
				 0);
		ck_assert_double_ge(run(&thin, &call).seconds, now);
	}
}
END_TEST

/* A slow link is felt, and only as much as the bytes that cross it. */
START_TEST(a_slow_link)
{
	struct trn_predict_why why;
	struct trn_cluster c = cluster("trn3-ultraserver", 144);
	struct trn_cluster_call call = { .bytes = 1 << 28,
					 .inner = TRN_CLUSTER_INNER_GRID,
					 .fair = true };
	double whole = run(&c, &call).seconds, apart, slow;

	ck_assert_int_eq(trn_cluster_slow(&c, 0, 1, &why), 0);
	apart = run(&c, &call).seconds;
	ck_assert_double_eq_tol(apart, whole, 1e-9 * whole);
	ck_assert_int_eq(trn_cluster_slow(&c, 0, 10, &why), 0);
	slow = run(&c, &call).seconds;
	ck_assert_double_gt(slow, 1.5 * whole);
	ck_assert_double_lt(slow, 11 * whole);
	ck_assert_int_eq(trn_cluster_slow(&c, 100000, 10, &why), -EINVAL);
	ck_assert_int_eq(trn_cluster_slow(&c, 0, NAN, &why), -EINVAL);
	c = cluster("trn3-ultraserver", 1000000);
	ck_assert_int_eq(trn_cluster_slow(&c, 0, 10, &why), -ENOTSUP);
}
END_TEST

/* ---- a million ---- */

START_TEST(a_million_chips)
{
	static const char *const pods[] = { "trn3-ultraserver", "trn2-ultraserver", "trn3-gen1" };

	for (size_t i = 0; i < 3; i++) {
		struct trn_cluster c = cluster(pods[i], 1000000);
		uint64_t begin = trn_clock_ns();

		if (i == 0) {
			ck_assert_uint_eq(c.full, 6944);
			ck_assert_uint_eq(c.part, 64);
			ck_assert_uint_eq(c.tiers, 3);
		}
		for (int kind = 0; kind < TRN_CLUSTER_KINDS; kind++) {
			struct trn_cluster_call call = { .kind = (enum trn_cluster_kind)kind,
							 .bytes = UINT64_C(1) << 30 };
			struct trn_cluster_result r = run(&c, &call);
			struct rusage usage;

			ck_assert_double_ge(r.seconds, r.bound_s);
			ck_assert_double_eq(r.cls[TRN_CLUSTER_NIC].links, 2e6);
			getrusage(RUSAGE_SELF, &usage);
			printf("# %s %s: %.3f ms predicted, %.2f s, %ld MiB resident\n", pods[i],
			       trn_cluster_kind_name(call.kind), r.seconds * 1e3,
			       (double)(trn_clock_ns() - begin) * 1e-9, usage.ru_maxrss / 1024);
			/* Sanitizers and valgrind keep books of their own. */
			ck_assert_int_lt(usage.ru_maxrss, 2 << 20);
		}
	}
}
END_TEST

/* ---- what makes no sense ---- */

START_TEST(bad_clusters)
{
	struct trn_cluster_params params;
	struct trn_predict_why why = { "" };
	struct trn_cluster c;
	struct trn_cluster_call call = { .bytes = 0 };
	struct trn_cluster_result r;

	ck_assert_int_eq(trn_cluster_init(&c, "trn9", NULL, 1, NULL, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "trn3-ultraserver"));
	ck_assert_int_eq(trn_cluster_init(&c, "trn2", "lanes", 1, NULL, &why), -EINVAL);
	ck_assert_int_eq(trn_cluster_init(&c, "trn2", NULL, 0, NULL, &why), -EINVAL);
	ck_assert_int_eq(trn_cluster_init(&c, "trn2", NULL, 1000001, NULL, &why), -EINVAL);
	ck_assert_int_eq(trn_cluster_init(&c, "trn2", NULL, 65537, NULL, &why), -EINVAL);
	trn_cluster_params_default(&params);
	params.ports = 8;
	ck_assert_int_eq(trn_cluster_init(&c, "trn2", NULL, 4096, &params, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "tiers"));
	params.nic_mbps = 1000000;
	ck_assert_int_eq(trn_cluster_init(&c, "trn2", NULL, 64, &params, &why), -EINVAL);
	c = cluster("trn3-ultraserver", 1000);
	ck_assert_int_eq(trn_cluster_run(&c, &call, &r, &why), -EINVAL);
	call.bytes = 1 << 20;
	call.stride = 7;
	ck_assert_int_eq(trn_cluster_run(&c, &call, &r, &why), -EINVAL);
	call.stride = 0;
	call.block = 5;
	ck_assert_int_eq(trn_cluster_run(&c, &call, &r, &why), -EINVAL);
	call.block = 0;
	call = (struct trn_cluster_call){ .kind = TRN_CLUSTER_ALL_TO_ALL, .bytes = 999 };
	ck_assert_int_eq(trn_cluster_run(&c, &call, &r, &why), -EINVAL);
}
END_TEST

START_TEST(texts_of_parameters)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: good */
	} rows[] = {
		{ "# nothing\n\nnic_mbps = 50000 ; C ; what if\r\nports=64;B;x", NULL },
		{ "nic_mbps = 50000", "line 1: nic_mbps: 'value" },
		{ "\nnic = 1 ; C ; x", "line 2: no parameter" },
		{ "ports = 3 ; C ; x", "4 to 65536" },
		{ "ports = -4 ; C ; x", "4 to 65536" },
		{ "ports = 4K ; C ; x", "4 to 65536" },
		{ "ports = 99999999999999999999999 ; C ; x", "4 to 65536" },
		{ "ports = 64 ; D ; x", "confidence" },
		{ "ports = 64 ; A ;", "a source" },
		{ "ports = 64 ; A ; x\nports = 64 ; A ; x", "line 2: ports again" },
		{ "ports", "line 1" },
		{ "p\x01orts = 64 ; A ; x", "byte 0x01" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trn_cluster_params params;
		struct trn_predict_why why = { "" };
		int r;

		trn_cluster_params_default(&params);
		r = trn_cluster_params_parse(rows[i].text, strlen(rows[i].text), &params, &why);
		ck_assert_msg((r == 0) == !rows[i].why, "%zu: %s", i, why.text);
		if (rows[i].why)
			ck_assert_msg(strstr(why.text, rows[i].why) != NULL, "%s", why.text);
		ck_assert_uint_eq(params.nic_mbps, i == 0 ? 50000 : 0);
	}
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-cluster");
	TCase *tc = tcase_create("cluster");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, folded_is_chip_by_chip, 0,
			    (int)(sizeof(same_rows) / sizeof(same_rows[0])));
	tcase_add_test(tc, folded_is_chip_by_chip_with_thin_leaves);
	tcase_add_test(tc, stars);
	tcase_add_test(tc, halving_of_a_star);
	tcase_add_test(tc, bytes_are_conserved);
	tcase_add_test(tc, few_steps);
	tcase_add_test(tc, more_is_never_faster);
	tcase_add_test(tc, a_slow_link);
	tcase_add_test(tc, a_million_chips);
	tcase_add_test(tc, bad_clusters);
	tcase_add_test(tc, texts_of_parameters);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
