/* SPDX-License-Identifier: Apache-2.0 */
/* What the tile layer writes for barriers and exchanges of a pair, for sums, indices and
 * predicates: who waits for whom. */
#include <errno.h>
#include <string.h>
#include "base/test_main.h"
#include "runtime/builder.h"

static struct trn_builder *open_for(uint32_t arch)
{
	const struct trn_builder_opts opts = { .size = sizeof(opts), .arch = arch };
	struct trn_builder *builder = NULL;

	ck_assert_int_eq(trn_builder_create(&opts, &builder), 0);
	(void)trn_builder_arg(builder, "a", TRN_ARG_BUFFER, 4096);
	return builder;
}

static const struct trn_isa_compute *word(const struct trn_builder *builder, enum trn_engine engine,
					  uint32_t pc)
{
	ck_assert_uint_lt(pc, builder->stream[engine].count);
	return (const void *)(builder->stream[engine].words + pc * TRN_ISA_WORD_SIZE);
}

/* The last instruction of a stream. */
static const struct trn_isa_head *last(const struct trn_builder *builder, enum trn_engine engine)
{
	uint32_t pc = 0;

	while (pc + word(builder, engine, pc)->head.words < builder->stream[engine].count)
		pc += word(builder, engine, pc)->head.words;
	return &word(builder, engine, pc)->head;
}

static void set(struct trn_builder *builder, enum trn_engine engine, struct trn_isa_ap dst)
{
	trn_tile_compute(builder, &(struct trn_tile_op){
					  .op = TRN_OP_MEMSET, .engine = engine, .dst = dst });
}

static void check_last_waits(const struct trn_builder *builder, enum trn_engine engine,
			     uint32_t queue, uint32_t value)
{
	const struct trn_isa_head *head = last(builder, engine);

	ck_assert_int_eq(builder->error, 0);
	ck_assert_uint_eq(head->wait_mode, TRN_WAIT_GE);
	ck_assert_uint_eq(head->wait_sem, queue);
	ck_assert_uint_eq(head->wait_value, value);
}

/* All of this core has arrived, then the other core, then all may go. */
START_TEST(barrier_meets_behind_the_door)
{
	struct trn_builder *builder = open_for(0);
	struct trn_tile tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 16, 16);
	bool arrived = false, met = false;

	set(builder, TRN_ENGINE_GPSIMD, trn_view(&tile, 0, 16));
	trn_tile_pair_barrier(builder, 11);
	for (uint32_t pc = 0; pc < builder->stream[TRN_ENGINE_SYNC].count; pc++) {
		const struct trn_isa_compute *insn = word(builder, TRN_ENGINE_SYNC, pc);

		if (insn->head.wait_sem == TRN_BUILD_ARRIVE &&
		    insn->head.wait_mode == TRN_WAIT_CONSUME)
			arrived = true;
		if (insn->head.op == TRN_OP_CORE_BARRIER) {
			ck_assert(arrived && !met);
			ck_assert_uint_eq(insn->imm[0], 11);
			met = true;
		}
		if (insn->head.inc_mode == TRN_INC_ADD && insn->head.inc_sem > TRN_BUILD_ARRIVE)
			ck_assert(met);
	}
	ck_assert(met);
	trn_builder_destroy(builder);
}
END_TEST

/* Nothing is counted yet: the arrivals have to be waited for all the same. */
START_TEST(barrier_at_the_start)
{
	struct trn_builder *builder = open_for(0);
	const struct trn_isa_compute *insn;

	trn_tile_pair_barrier(builder, 0);
	insn = word(builder, TRN_ENGINE_SYNC, 0);
	ck_assert_uint_eq(insn->head.wait_sem, TRN_BUILD_ARRIVE);
	ck_assert_uint_eq(insn->head.wait_mode, TRN_WAIT_CONSUME);
	ck_assert_uint_eq(word(builder, TRN_ENGINE_SYNC, 1)->head.op, TRN_OP_CORE_BARRIER);
	trn_builder_destroy(builder);
}
END_TEST

START_TEST(barrier_that_is_none)
{
	struct trn_builder *builder = open_for(0);
	const char *message = NULL;

	trn_tile_pair_barrier(builder, 16);
	ck_assert_int_eq(trn_builder_status(builder, &message), -EINVAL);
	ck_assert_ptr_nonnull(strstr(message, "place 16"));
	trn_tile_pair_barrier(builder, 0); /* after a failure: nothing */
	ck_assert_uint_eq(builder->stream[TRN_ENGINE_SYNC].count, 0);
	trn_builder_destroy(builder);
}
END_TEST

/* An exchange reads its source and writes its destination. */
START_TEST(exchange_is_ordered)
{
	struct trn_builder *builder = open_for(0);
	struct trn_tile mine = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 16, 16);
	struct trn_tile theirs = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 16, 16);
	const struct trn_tile_dma exchange = { .op = TRN_OP_SENDRECV,
					       .engine = TRN_ENGINE_SYNC,
					       .imm = 3,
					       .dst = trn_chip(trn_view(&theirs, 0, 16)),
					       .src = trn_chip(trn_view(&mine, 0, 16)) };

	set(builder, TRN_ENGINE_VECTOR, trn_view(&mine, 0, 16));
	trn_tile_transfer(builder, &exchange);
	check_last_waits(builder, TRN_ENGINE_SYNC, TRN_ENGINE_VECTOR, 1);
	ck_assert_uint_eq(word(builder, TRN_ENGINE_SYNC, 0)->imm[0], 3);
	set(builder, TRN_ENGINE_VECTOR, trn_view(&mine, 0, 16)); /* not before it is read */
	check_last_waits(builder, TRN_ENGINE_VECTOR, TRN_BUILD_DMA(TRN_ENGINE_SYNC), 16);
	set(builder, TRN_ENGINE_GPSIMD, trn_view(&theirs, 0, 16));
	check_last_waits(builder, TRN_ENGINE_GPSIMD, TRN_BUILD_DMA(TRN_ENGINE_SYNC), 16);
	trn_builder_destroy(builder);
}
END_TEST

/* A sum waits for what it adds to, and whoever reads that waits for the sum. */
START_TEST(sum_is_ordered)
{
	struct trn_builder *builder = open_for(0);
	struct trn_tile sum = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 16, 16);

	set(builder, TRN_ENGINE_GPSIMD, trn_view(&sum, 0, 16));
	trn_tile_transfer(builder,
			  &(struct trn_tile_dma){ .op = TRN_OP_DMA_ADD,
						  .engine = TRN_ENGINE_SYNC,
						  .flags = TRN_DMA_ACCUMULATE,
						  .imm = 1,
						  .dst = trn_chip(trn_view(&sum, 0, 16)),
						  .src = trn_dram(0, TRN_DTYPE_F32, 0, 256) });
	check_last_waits(builder, TRN_ENGINE_SYNC, TRN_ENGINE_GPSIMD, 1);
	set(builder, TRN_ENGINE_VECTOR, trn_view(&sum, 0, 4));
	check_last_waits(builder, TRN_ENGINE_VECTOR, TRN_BUILD_DMA(TRN_ENGINE_SYNC), 16);
	trn_builder_destroy(builder);
}
END_TEST

/* The index is read; the whole region of an indexed operand counts. */
START_TEST(index_is_ordered)
{
	struct trn_builder *builder = open_for(3);
	struct trn_tile index = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U16, 16, 1);
	struct trn_tile table = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 16, 64);
	struct trn_tile rows = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 16, 16);
	struct trn_tile_op op = { .op = TRN_OP_TENSOR_COPY,
				  .engine = TRN_ENGINE_VECTOR,
				  .indirect = TRN_AP_DST + 1,
				  .dst = trn_view(&table, 0, 64),
				  .src0 = trn_view(&rows, 0, 16),
				  .index = trn_view(&index, 0, 1) };

	set(builder, TRN_ENGINE_GPSIMD, trn_view(&index, 0, 1));
	trn_tile_compute(builder, &op);
	check_last_waits(builder, TRN_ENGINE_VECTOR, TRN_ENGINE_GPSIMD, 1);
	ck_assert_uint_eq(last(builder, TRN_ENGINE_VECTOR)->words, 4);
	set(builder, TRN_ENGINE_GPSIMD, trn_view(&table, 63, 1));
	check_last_waits(builder, TRN_ENGINE_GPSIMD, TRN_ENGINE_VECTOR, 1);
	set(builder, TRN_ENGINE_GPSIMD, trn_view(&index, 0, 1));
	ck_assert_int_eq(builder->error, 0);
	trn_builder_destroy(builder);
}
END_TEST

START_TEST(index_of_another_generation)
{
	struct trn_builder *builder = open_for(2);
	struct trn_tile tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U16, 16, 16);
	const char *message = NULL;

	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
							 .engine = TRN_ENGINE_VECTOR,
							 .indirect = TRN_AP_SRC0 + 1,
							 .dst = trn_view(&tile, 0, 8),
							 .src0 = trn_view(&tile, 0, 8),
							 .index = trn_view(&tile, 8, 1) });
	ck_assert_int_eq(trn_builder_status(builder, &message), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(message, "index"));
	trn_builder_destroy(builder);
}
END_TEST

/* A predicate is read, and what it leaves of the destination is the write before. */
START_TEST(predicate_is_ordered)
{
	struct trn_builder *builder = open_for(0);
	struct trn_tile mask = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, 16, 16);
	struct trn_tile out = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 16, 16);

	set(builder, TRN_ENGINE_GPSIMD, trn_view(&out, 0, 16));
	set(builder, TRN_ENGINE_GPSIMD, trn_view(&mask, 0, 16));
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_COPY_PREDICATED,
							 .engine = TRN_ENGINE_VECTOR,
							 .dst = trn_view(&out, 0, 16),
							 .src1 = trn_view(&mask, 0, 16) });
	check_last_waits(builder, TRN_ENGINE_VECTOR, TRN_ENGINE_GPSIMD, 2);
	set(builder, TRN_ENGINE_GPSIMD, trn_view(&mask, 0, 1));
	check_last_waits(builder, TRN_ENGINE_GPSIMD, TRN_ENGINE_VECTOR, 1);
	trn_builder_destroy(builder);
}
END_TEST

static Suite *builder_pair_suite(void)
{
	Suite *suite = suite_create("builder_pair");
	TCase *tcase = tcase_create("builder");

	tcase_add_test(tcase, barrier_meets_behind_the_door);
	tcase_add_test(tcase, barrier_at_the_start);
	tcase_add_test(tcase, barrier_that_is_none);
	tcase_add_test(tcase, exchange_is_ordered);
	tcase_add_test(tcase, sum_is_ordered);
	tcase_add_test(tcase, index_is_ordered);
	tcase_add_test(tcase, index_of_another_generation);
	tcase_add_test(tcase, predicate_is_ordered);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(builder_pair_suite)
