/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives on pods against a host's computation. TRN_TEST_LONG=1 in the environment: every
 * kind, operator, dtype, algorithm and size; else a part of it. */
#include "comm.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"

static bool is_long(void)
{
	const char *text = getenv("TRN_TEST_LONG");

	return text && text[0] && strcmp(text, "0") != 0;
}

static const enum trn_comm_kind kinds[] = {
	TRN_COMM_ALL_REDUCE, TRN_COMM_REDUCE_SCATTER, TRN_COMM_ALL_GATHER, TRN_COMM_ALL_TO_ALL,
	TRN_COMM_BROADCAST,  TRN_COMM_REDUCE,         TRN_COMM_PERMUTE,    TRN_COMM_BARRIER,
};
static const enum trn_comm_algorithm algorithms[] = {
	TRN_COMM_AUTO, TRN_COMM_RING,   TRN_COMM_MESH,  TRN_COMM_RDH,   TRN_COMM_PAIRED,
	TRN_COMM_GRID, TRN_COMM_SWITCH, TRN_COMM_TORUS, TRN_COMM_FUSED,
};

static bool has_in_place(enum trn_comm_kind kind)
{
	return kind != TRN_COMM_ALL_TO_ALL && kind != TRN_COMM_PERMUTE;
}

/* Is there such a thing? */
static bool fits(const struct rig *rig, const struct job *job)
{
	struct trn_comm_cost cost = { .size = sizeof(cost) };
	const struct trn_comm_call call = {
		.size = sizeof(call),
		.kind = job->kind,
		.op = job->op,
		.dtype = job->dtype,
		.algorithm = job->algorithm,
		.count = job->count,
	};

	if (job->kind == TRN_COMM_PERMUTE)
		return job->algorithm == TRN_COMM_AUTO;
	return trn_comm_cost(rig->comm, &call, &cost) == 0;
}

static void run_kinds(struct rig *rig, enum trn_comm_algorithm algorithm, uint64_t count)
{
	for (uint32_t k = 0; k < TRN_ARRAY_LEN(kinds); k++)
		for (uint32_t style = 0; style < 8; style++) {
			struct job job = {
				.kind = kinds[k],
				.dtype = TRN_DTYPE_BF16,
				.algorithm = algorithm,
				.count = trn_prng_below(&rig->prng, count + 1),
				.root = (uint32_t)trn_prng_below(&rig->prng, rig->ranks),
				.v = style & 1,
				.in_place = (style & 2) != 0,
				.batch = (style & 4) != 0,
			};

			if (!is_long() && trn_prng_below(&rig->prng, 3) != 0)
				continue;
			if (job.in_place && !has_in_place(job.kind))
				continue;
			if (fits(rig, &job))
				rig_run(rig, &job, NULL);
		}
}

START_TEST(kinds_of_all_sizes)
{
	static const uint32_t some[] = { 1, 2, 3, 5, 8, 13, 16 };
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(some); i++)
		for (uint32_t a = 0; a < TRN_ARRAY_LEN(algorithms); a++) {
			rig_comm(&rig, some[i], 1, 64 * 1024);
			run_kinds(&rig, algorithms[a], 64 * 1024 / 2 / some[i]);
		}
	rig_down(&rig);
}
END_TEST

START_TEST(cores_of_chips)
{
	struct rig rig;

	rig_up(&rig, "mock:trn3");
	rig_comm(&rig, 8, 8, 64 * 1024);
	run_kinds(&rig, TRN_COMM_AUTO, 3000);
	rig_down(&rig);
	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, 32, 2, 64 * 1024);
	run_kinds(&rig, TRN_COMM_AUTO, 900);
	run_kinds(&rig, TRN_COMM_GRID, 900);
	run_kinds(&rig, TRN_COMM_TORUS, 900);
	rig_down(&rig);
}
END_TEST

START_TEST(operators_and_dtypes)
{
	struct rig rig;

	rig_up(&rig, "mock:trn3-gen1");
	for (uint32_t ranks = 3; ranks <= 8; ranks += 5) {
		rig_comm(&rig, ranks, 1, 16384);
		for (uint32_t op = 0; op < TRN_COMM_OPS; op++)
			for (uint32_t d = 0; d < all_dtypes_count; d++) {
				struct job job = {
					.kind = TRN_COMM_ALL_REDUCE,
					.op = (enum trn_comm_op)op,
					.dtype = all_dtypes[d],
					.count = 777,
				};

				/* Integers are divided once, and only their sum is exact. */
				if (op == TRN_COMM_AVG && !is_float(job.dtype))
					job.algorithm = TRN_COMM_MESH;
				rig_run(&rig, &job, NULL);
				job.kind = TRN_COMM_REDUCE_SCATTER;
				job.count = 100;
				rig_run(&rig, &job, NULL);
			}
	}
	rig_down(&rig);
}
END_TEST

static const struct {
	const char *uri;
	uint32_t ranks;
} pods[] = {
	{ "mock:trn2-ultraserver", 64 },  { "mock:trn3-gen1", 64 },
	{ "mock:trn3-ultraserver", 144 }, { "mock:trn3-ultraserver", 72 },
	{ "mock:trn4-ultraserver", 33 },
};

START_TEST(pods_of_many_chips)
{
	struct rig rig;

	rig_up(&rig, pods[_i].uri);
	rig_comm(&rig, pods[_i].ranks, 1, 64 * 1024);
	for (uint32_t a = 0; a < TRN_ARRAY_LEN(algorithms); a++)
		for (uint32_t k = 0; k < TRN_ARRAY_LEN(kinds); k++) {
			struct job job = {
				.kind = kinds[k],
				.dtype = TRN_DTYPE_F32,
				.algorithm = algorithms[a],
				.count = 64 * 1024 / 4 / pods[_i].ranks -
					 trn_prng_below(&rig.prng, 50),
				.root = (uint32_t)trn_prng_below(&rig.prng, rig.ranks),
			};

			if ((is_long() || a == 0 || k == 0) && fits(&rig, &job))
				rig_run(&rig, &job, NULL);
		}
	rig_down(&rig);
}
END_TEST

/* Long enough for two strands a channel (all-gather is not); short ones before and behind
 * use the same scratch. */
START_TEST(long_vectors)
{
	static const uint64_t counts[] = { 900, (UINT64_C(17) << 20) / 4, 1100 };
	struct rig rig;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, 4, 1, UINT64_C(17) << 20);
	for (uint32_t k = 0; k < 3; k++)
		for (uint32_t i = 0; i < TRN_ARRAY_LEN(counts); i++) {
			const struct job job = {
				.kind = kinds[k],
				.dtype = TRN_DTYPE_F32,
				.algorithm = _i / 2 ? TRN_COMM_TORUS : TRN_COMM_GRID,
				.count = k == 0 ? counts[i] : counts[i] / rig.ranks,
				.batch = _i % 2 != 0,
			};

			if (fits(&rig, &job))
				rig_run(&rig, &job, NULL);
		}
	rig_down(&rig);
}
END_TEST

/* Few steps, of one chunk and of several, with others between: sets of slots in turn. */
START_TEST(few_steps)
{
	static const uint64_t counts[] = { 900, (UINT64_C(17) << 20) / 4, 0, 1, 70000 };
	static const struct {
		const char *uri;
		uint32_t ranks, cores;
	} some[] = { { "mock:trn2-48xl", 4, 2 },
		     { "mock:trn2-48xl", 16, 1 },
		     { "mock:trn3-gen1", 2, 1 } };
	struct rig rig;

	rig_up(&rig, some[_i].uri);
	rig_comm(&rig, some[_i].ranks, some[_i].cores, UINT64_C(17) << 20);
	for (uint32_t i = 0; i < 12; i++) {
		const struct job job = {
			.kind = TRN_COMM_ALL_REDUCE,
			.dtype = TRN_DTYPE_F32,
			.algorithm = i % 5 == 4 ? TRN_COMM_AUTO : TRN_COMM_FUSED,
			.count = counts[trn_prng_below(&rig.prng, TRN_ARRAY_LEN(counts))],
			.in_place = trn_prng_below(&rig.prng, 2) != 0,
			.batch = trn_prng_below(&rig.prng, 3) == 0,
		};

		rig_run(&rig, &job, NULL);
	}
	rig_down(&rig);
}
END_TEST

/* What comes out, and the bits of a sum that rounds. */
static uint64_t bits_of(const char *uri, uint32_t ranks, enum trn_comm_algorithm algorithm)
{
	struct trn_comm_call calls[RANKS_MAX];
	struct trn_prng prng;
	struct rig rig;
	uint64_t hash;

	rig_up(&rig, uri);
	rig_comm(&rig, ranks, 1, 65536);
	trn_prng_seed(&prng, 7);
	for (uint32_t r = 0; r < ranks; r++) {
		for (uint64_t i = 0; i < rig.room / 4; i++) {
			float x = (float)trn_prng_unit(&prng) * 1000 - 400;

			memcpy(rig.given[r] + 4 * i, &x, 4);
		}
		ck_assert_int_eq(trn_buffer_write(rig.src[r], 0, rig.given[r], rig.room, SOON), 0);
		calls[r] = (struct trn_comm_call){
			.size = sizeof(calls[r]),
			.dtype = TRN_DTYPE_F32,
			.algorithm = algorithm,
			.rank = r,
			.count = rig.room / 4,
			.src.buffer = rig.src[r],
			.dst.buffer = rig.dst[r],
		};
	}
	ck_assert_int_eq(trn_comm_run(rig.comm, calls, ranks, SOON), 0);
	for (uint32_t r = 0; r < ranks; r++) {
		ck_assert_int_eq(trn_buffer_read(rig.dst[r], 0, rig.got[r], rig.room, SOON), 0);
		ck_assert_int_eq(memcmp(rig.got[r], rig.got[0], rig.room), 0);
	}
	hash = rig_hash(&rig);
	rig_down(&rig);
	return hash;
}

START_TEST(the_same_bits_always)
{
	static const enum trn_comm_algorithm some[] = { TRN_COMM_MESH, TRN_COMM_RING, TRN_COMM_GRID,
							TRN_COMM_TORUS, TRN_COMM_FUSED };
	uint64_t hash = bits_of("mock:trn2-48xl", 16, some[_i]);

	ck_assert_uint_eq(bits_of("mock:trn2-48xl", 16, some[_i]), hash);
	ck_assert_uint_eq(bits_of("mock:trn2-48xl?threads=1", 16, some[_i]), hash);
	ck_assert_uint_eq(bits_of("mock:trn2-48xl?fault=link.jitter", 16, some[_i]), hash);
}
END_TEST

/* Whoever only looks and calls trn_comm_progress() comes to the end. */
START_TEST(progress_is_enough)
{
	struct trn_comm_call calls[4];
	uint64_t ticket = 0;
	struct rig rig;
	int r = -ETIMEDOUT;

	rig_up(&rig, "mock:trn2-48xl");
	rig_comm(&rig, 4, 1, 4096);
	for (uint32_t i = 0; i < 4; i++)
		calls[i] = (struct trn_comm_call){
			.size = sizeof(calls[i]),
			.dtype = TRN_DTYPE_F32,
			.rank = i,
			.count = 1000,
			.src.buffer = rig.src[i],
			.dst.buffer = rig.dst[i],
		};
	ck_assert_int_eq(trn_comm_start(rig.comm, calls, 4, &ticket), 0);
	for (uint32_t i = 0; r == -ETIMEDOUT && i < 1000000; i++) {
		int step = trn_comm_progress(rig.comm);

		if (step < 0 && step != -EAGAIN)
			ck_abort_msg("a step fails: %s", trn_strerror(step));
		r = trn_comm_wait(rig.comm, ticket, TRN_DEADLINE_NOW);
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(trn_comm_progress(rig.comm), -EAGAIN);
	rig_down(&rig);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("comm");
	TCase *t = tcase_create("run");

	tcase_set_timeout(t, is_long() ? 3600 : 120);
	tcase_add_test(t, kinds_of_all_sizes);
	tcase_add_test(t, cores_of_chips);
	tcase_add_test(t, operators_and_dtypes);
	tcase_add_test(t, progress_is_enough);
	tcase_add_loop_test(t, pods_of_many_chips, 0, (int)TRN_ARRAY_LEN(pods));
	tcase_add_loop_test(t, long_vectors, 0, 4);
	tcase_add_loop_test(t, few_steps, 0, 3);
	tcase_add_loop_test(t, the_same_bits_always, 0, 5);
	suite_add_tcase(s, t);
	return s;
}

TRN_TEST_MAIN(suite)
