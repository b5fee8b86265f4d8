/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs on a scripted device: replay, dependencies, conditions and loops, rebinding, what kills
 * an instance, lifetimes, what is refused, and no memory anywhere. */
#include "runtime/graph.h"

#include <errno.h>
#include <string.h>
#include "runtime/test_rig.h"

struct setup {
	struct trn_rig rig;
	struct trn_queue *queue[2];
	struct trn_batch *batch[2];
	struct trn_buffer *hbm, *host;
	uint64_t *words; /* of host */
	struct trn_graph *graph;
	struct trn_graph_exec *exec;
};

static void up(struct setup *s)
{
	void *map;

	*s = (struct setup){ 0 };
	trn_rig_up(&s->rig, 0);
	for (int i = 0; i < 2; i++) {
		s->queue[i] = trn_rig_queue(&s->rig, 16);
		ck_assert_int_eq(trn_batch_create(s->queue[i], 8, &s->batch[i]), 0);
	}
	s->hbm = trn_rig_buffer(&s->rig, TRN_BUFFER_HBM, 4096);
	s->host = trn_rig_buffer(&s->rig, TRN_BUFFER_HOST, 4096);
	ck_assert_int_eq(trn_buffer_map(s->host, &map), 0);
	s->words = map;
	memset(map, 0, 4096);
	ck_assert_int_eq(trn_graph_create(s->rig.device, &s->graph), 0);
}

static void down(struct setup *s)
{
	ck_assert_ptr_null(trn_graph_exec_destroy(s->exec));
	ck_assert_ptr_null(trn_graph_destroy(s->graph));
	for (int i = 0; i < 2; i++) {
		trn_batch_destroy(s->batch[i]);
		trn_queue_unref(s->queue[i]);
	}
	trn_buffer_unref(s->hbm);
	trn_buffer_unref(s->host);
	trn_rig_down(&s->rig);
}

static void instantiate(struct setup *s)
{
	ck_assert_int_eq(trn_graph_instantiate(s->graph, &s->exec), 0);
}

static void run(struct setup *s)
{
	ck_assert_int_eq(trn_graph_launch(s->exec, SOON, NULL), 0);
	ck_assert_int_eq(trn_graph_wait(s->exec, SOON), 0);
}

/* A node of one fill of a word of host; its number. */
static uint32_t add_fill(struct setup *s, int q, uint64_t word, uint32_t value)
{
	uint32_t node = 99;

	trn_batch_clear(s->batch[q]);
	ck_assert_int_eq(trn_batch_fill(s->batch[q], s->host, word * 8, 4, value), 0);
	ck_assert_int_eq(trn_graph_add_batch(s->graph, s->batch[q], &node), 0);
	return node;
}

/* A node of one copy between words of host. */
static uint32_t add_copy(struct setup *s, int q, uint64_t to, uint64_t from)
{
	uint32_t node = 99;

	trn_batch_clear(s->batch[q]);
	ck_assert_int_eq(trn_batch_copy(s->batch[q], s->host, to * 8, s->host, from * 8, 8), 0);
	ck_assert_int_eq(trn_graph_add_batch(s->graph, s->batch[q], &node), 0);
	return node;
}

static struct trn_graph_cond cond_on(struct setup *s, uint64_t word, enum trn_graph_compare compare,
				     uint64_t value)
{
	return (struct trn_graph_cond){ s->host, word * 8, compare, value };
}

/* ---- running ---- */

START_TEST(replay)
{
	struct trn_graph_info info = { .size = sizeof(info) };
	uint64_t sequence = 0;
	struct setup s;
	uint32_t kicks;
	long requests;

	up(&s);
	(void)add_copy(&s, 0, 1, 0);
	(void)add_copy(&s, 0, 2, 1);
	trn_batch_clear(s.batch[0]); /* the graph has its own */
	instantiate(&s);
	ck_assert_ptr_null(trn_graph_destroy(s.graph)); /* and so has the instance */
	s.graph = NULL;
	kicks = trn_test_hal.calls[TRN_TEST_QUEUE_KICK];
	requests = s.rig.mem.requests;
	for (uint64_t i = 1; i <= 40; i++) {
		s.words[0] = i;
		ck_assert_int_eq(trn_graph_launch(s.exec, SOON, &sequence), 0);
		ck_assert_uint_eq(sequence, i);
		ck_assert_int_eq(trn_graph_wait(s.exec, SOON), 0);
		ck_assert_uint_eq(s.words[2], i);
	}
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_QUEUE_KICK] - kicks, 40);
	ck_assert_int_eq(s.rig.mem.requests, requests);
	ck_assert_int_eq(trn_graph_info(s.exec, &info), 0);
	ck_assert_uint_eq(info.queues, 1);
	ck_assert_uint_eq(info.nodes, 2);
	ck_assert_uint_eq(info.commands, 2);
	ck_assert_uint_eq(info.launches, 40);
	ck_assert_uint_ge(info.memory_bytes, 64 + 2 * 64);
	/* More than fit in the ring at once. */
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	ck_assert_int_eq(trn_graph_wait(s.exec, SOON), 0);
	down(&s);
}
END_TEST

/* Queue 1 copies what queue 0 wrote, queue 0 what queue 1 made of that, and a launch never meets
 * the one before. The scripted device runs queue 0 first whenever it can. */
START_TEST(dependencies)
{
	uint64_t sequences[2] = { 0 };
	uint32_t a, b, c;
	struct setup s;

	up(&s);
	a = add_copy(&s, 0, 1, 0);
	b = add_copy(&s, 1, 2, 1);
	c = add_copy(&s, 0, 3, 2);
	ck_assert_int_eq(trn_graph_depend(s.graph, b, a), 0);
	ck_assert_int_eq(trn_graph_depend(s.graph, c, b), 0);
	ck_assert_int_eq(trn_graph_depend(s.graph, c, a), 0); /* same queue: nothing to do */
	instantiate(&s);
	for (uint64_t i = 1; i <= 20; i++) {
		s.words[0] = i;
		ck_assert_int_eq(trn_graph_launch(s.exec, SOON, sequences), 0);
		ck_assert_uint_eq(sequences[0], i);
		ck_assert_uint_eq(sequences[1], i);
		ck_assert_int_eq(trn_graph_wait(s.exec, SOON), 0);
		ck_assert_uint_eq(s.words[3], i);
	}
	for (uint64_t i = 0; i < 10; i++)
		ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	ck_assert_int_eq(trn_graph_wait(s.exec, SOON), 0);
	down(&s);
}
END_TEST

START_TEST(conditions)
{
	struct trn_graph_cond cond;
	struct setup s;

	up(&s);
	cond = cond_on(&s, 0, TRN_GRAPH_GE, 10);
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], &cond, NULL), 0);
	(void)add_fill(&s, 0, 1, 1);
	cond = cond_on(&s, 0, TRN_GRAPH_EQ, 11);
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], &cond, NULL), 0);
	(void)add_fill(&s, 0, 2, 1);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	ck_assert_int_eq(trn_graph_else(s.graph, s.queue[0]), 0);
	(void)add_fill(&s, 0, 1, 2);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	(void)add_fill(&s, 0, 3, 7);
	instantiate(&s);
	for (uint64_t i = 8; i < 14; i++) {
		memset(s.words, 0, 64);
		s.words[0] = i;
		run(&s);
		ck_assert_uint_eq(s.words[1], i >= 10 ? 1 : 2);
		ck_assert_uint_eq(s.words[2], i == 11);
		ck_assert_uint_eq(s.words[3], 7);
	}
	down(&s);
}
END_TEST

START_TEST(loops)
{
	const uint64_t executed[] = { 3, 2 }; /* entries of a turn of the inner loop, and around */
	struct trn_graph_cond cond;
	uint64_t before;
	struct setup s;
	uint32_t outer;

	up(&s);
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], NULL, 5, &outer), 0);
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], NULL, 3, NULL), 0);
	(void)add_copy(&s, 0, 2, 1);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	instantiate(&s);
	for (int i = 0; i < 3; i++) { /* counters start anew */
		before = trn_test_hal.executed;
		run(&s);
		ck_assert_uint_eq(trn_test_hal.executed - before,
				  1 + 5 * (1 + 3 * executed[0] + executed[1]));
	}
	trn_graph_exec_destroy(s.exec);
	trn_graph_destroy(s.graph);
	/* While: a word that the body clears, and one that nobody does. */
	ck_assert_int_eq(trn_graph_create(s.rig.device, &s.graph), 0);
	cond = cond_on(&s, 0, TRN_GRAPH_NE, 0);
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], &cond, 100, NULL), 0);
	(void)add_copy(&s, 0, 0, 1);
	(void)add_copy(&s, 0, 1, 2);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	instantiate(&s);
	s.words[0] = s.words[1] = 5;
	s.words[2] = 0;
	before = trn_test_hal.executed;
	run(&s);
	ck_assert_uint_eq(s.words[0], 0);
	ck_assert_uint_eq(trn_test_hal.executed - before, 1 + 2 * 5 + 1);
	s.words[0] = s.words[1] = s.words[2] = 5;
	before = trn_test_hal.executed;
	run(&s);
	ck_assert_uint_eq(trn_test_hal.executed - before, 1 + 100 * 5);
	down(&s);
}
END_TEST

/* An if and a loop as wholes, between two queues. */
START_TEST(dependencies_of_bodies)
{
	struct trn_graph_cond cond;
	uint32_t loop, after, test;
	struct setup s;

	up(&s);
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[1], NULL, 4, &loop), 0);
	(void)add_copy(&s, 1, 1, 0);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[1]), 0);
	cond = cond_on(&s, 1, TRN_GRAPH_NE, 0);
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], &cond, &test), 0);
	(void)add_copy(&s, 0, 2, 1);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	after = add_copy(&s, 1, 3, 2);
	ck_assert_int_eq(trn_graph_depend(s.graph, test, loop), 0);
	ck_assert_int_eq(trn_graph_depend(s.graph, after, test), 0);
	instantiate(&s);
	for (uint64_t i = 1; i < 10; i++) {
		s.words[0] = i;
		run(&s);
		ck_assert_uint_eq(s.words[3], i);
	}
	s.words[0] = 0;
	run(&s);
	ck_assert_uint_eq(s.words[3], 9);
	down(&s);
}
END_TEST

/* ---- rebinding ---- */

static int rebind(struct setup *s, uint32_t node, uint32_t arg, struct trn_arg value)
{
	return trn_graph_rebind(s->exec, node, 0, arg, &value);
}

START_TEST(rebind_launch)
{
	struct trn_arg args[2] = { { .offset = 8 }, { .scalar = 42 } };
	struct trn_program *program;
	uint32_t node = 99;
	struct setup s;

	up(&s);
	program = trn_rig_program(&s.rig, 3);
	args[0].buffer = s.hbm;
	ck_assert_int_eq(trn_batch_nop(s.batch[0]), 0);
	ck_assert_int_eq(trn_batch_launch(s.batch[0], program, 5, args, 2), 0);
	ck_assert_int_eq(trn_batch_launch(s.batch[0], program, 6, args, 2), 0);
	ck_assert_int_eq(trn_graph_add_batch(s.graph, s.batch[0], &node), 0);
	instantiate(&s);
	trn_batch_clear(s.batch[0]);
	trn_program_unref(program);
	run(&s);
	ck_assert_uint_eq(trn_test_hal.launches, 2);
	ck_assert_uint_eq(trn_test_hal.launch.arg_count, 35);
	ck_assert_uint_eq(trn_test_hal.args[0].value, trn_buffer_address(s.hbm) + 8);
	ck_assert_uint_eq(trn_test_hal.args[1].value, 42);
	ck_assert_uint_eq(trn_test_hal.args[34].value, 1002);
	args[0] = (struct trn_arg){ .buffer = s.host, .offset = 64, .bytes = 200 };
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 2, 0, &args[0]), 0);
	args[1].scalar = 43;
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 2, 1, &args[1]), 0);
	ck_assert_uint_eq(atomic_load(&s.host->object.refs), 2);
	run(&s);
	ck_assert_uint_eq(trn_test_hal.args[0].value, trn_buffer_address(s.host) + 64);
	ck_assert_uint_eq(trn_test_hal.args[0].size, 200);
	ck_assert_uint_eq(trn_test_hal.args[1].value, 43);
	/* Kinds, bounds, numbers. */
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 2, 0, &args[1]), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "argument 0: a buffer is wanted");
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 2, 1, &args[0]), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "a number is wanted");
	args[0].bytes = 99;
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 2, 0, &args[0]), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "shorter than the program needs");
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 2, 2, &args[0]), -ENOENT);
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 3, 0, &args[0]), -ENOENT);
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 0, 0, &args[0]), -ENOENT);
	ck_assert_int_eq(trn_graph_rebind(s.exec, 1, 0, 0, &args[0]), -ENOENT);
	ck_assert_int_eq(trn_graph_rebind(s.exec, node, 2, 0, NULL), -EINVAL);
	down(&s);
}
END_TEST

START_TEST(rebind_commands)
{
	uint32_t copy, fill, stamp, test, loop;
	struct trn_graph_cond cond;
	struct setup s;
	uint64_t before;

	up(&s);
	copy = add_copy(&s, 0, 1, 0);
	fill = add_fill(&s, 0, 8, 5);
	trn_batch_clear(s.batch[0]);
	ck_assert_int_eq(trn_batch_timestamp(s.batch[0], s.hbm, 0), 0);
	ck_assert_int_eq(trn_graph_add_batch(s.graph, s.batch[0], &stamp), 0);
	cond = cond_on(&s, 20, TRN_GRAPH_NE, 1);
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], &cond, &test), 0);
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], NULL, 2, &loop), 0);
	(void)add_fill(&s, 0, 30, 1);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	instantiate(&s);
	s.words[4] = 44;
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ s.host, 24, 8, 0 }), 0);
	ck_assert_int_eq(rebind(&s, copy, 1, (struct trn_arg){ s.host, 32, 0, 0 }), 0);
	ck_assert_int_eq(rebind(&s, fill, 0, (struct trn_arg){ s.host, 72, 0, 0 }), 0);
	ck_assert_int_eq(rebind(&s, fill, 1, (struct trn_arg){ .scalar = 6 }), 0);
	ck_assert_int_eq(rebind(&s, stamp, 0, (struct trn_arg){ s.host, 80, 0, 0 }), 0);
	run(&s);
	ck_assert_uint_eq(s.words[3], 44);
	ck_assert_uint_eq(s.words[9], 6);
	ck_assert_uint_gt(s.words[10], 0);
	ck_assert_uint_eq(s.words[30], 1);
	/* The word, its value, the turns. */
	s.words[30] = 0;
	s.words[21] = 8;
	ck_assert_int_eq(rebind(&s, test, 0, (struct trn_arg){ s.host, 21 * 8, 0, 0 }), 0);
	ck_assert_int_eq(rebind(&s, test, 1, (struct trn_arg){ .scalar = 8 }), 0);
	run(&s);
	ck_assert_uint_eq(s.words[30], 0);
	s.words[21] = 9;
	ck_assert_int_eq(rebind(&s, loop, 2, (struct trn_arg){ .scalar = 7 }), 0);
	before = trn_test_hal.executed;
	run(&s);
	ck_assert_uint_eq(trn_test_hal.executed - before, 5 + 3 * 7);
	/* What is wrong leaves things as they are. */
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ s.host, 4089, 0, 0 }), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "node 0, command 0, argument 0: the range is not inside");
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ s.host, 28, 0, 0 }), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "overlap");
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ s.host, 0, 16, 0 }), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "the length was recorded");
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ .scalar = 1 }), -EINVAL);
	ck_assert_int_eq(rebind(&s, copy, 2, (struct trn_arg){ .scalar = 1 }), -ENOENT);
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ 0 }), -EINVAL);
	ck_assert_int_eq(rebind(&s, fill, 1, (struct trn_arg){ .scalar = UINT64_C(1) << 32 }),
			 -EINVAL);
	ck_assert_int_eq(rebind(&s, fill, 1, (struct trn_arg){ s.host, 0, 0, 0 }), -EINVAL);
	ck_assert_int_eq(rebind(&s, stamp, 0, (struct trn_arg){ s.host, 4, 0, 0 }), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "not aligned to 8");
	ck_assert_int_eq(rebind(&s, loop, 2, (struct trn_arg){ 0 }), -EINVAL);
	ck_assert_int_eq(rebind(&s, loop, 1, (struct trn_arg){ 0 }), -ENOENT); /* no word */
	run(&s);
	ck_assert_uint_eq(s.words[3], 44);
	/* A buffer that is bound no more is let go, one that is stays. */
	ck_assert_uint_eq(atomic_load(&s.hbm->object.refs), 2); /* ours and the graph's */
	down(&s);
}
END_TEST

START_TEST(rebind_in_flight)
{
	struct setup s;
	uint32_t copy;

	up(&s);
	copy = add_copy(&s, 0, 1, 0);
	instantiate(&s);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ s.host, 24, 0, 0 }), -EBUSY);
	trn_rig_expect(&s.rig, -EBUSY, "has not finished");
	ck_assert_int_eq(trn_graph_wait(s.exec, SOON), 0);
	ck_assert_int_eq(rebind(&s, copy, 0, (struct trn_arg){ s.host, 24, 0, 0 }), 0);
	down(&s);
}
END_TEST

/* ---- failures ---- */

/* The device stops at the third entry: the record says which node it is of. */
START_TEST(failing_node)
{
	struct trn_error error = { .size = sizeof(error) };
	struct trn_timeline *timeline;
	uint32_t node, command;
	struct setup s;

	up(&s);
	ck_assert_int_eq(trn_timeline_create(s.rig.device, 0, &timeline), 0);
	(void)add_fill(&s, 0, 0, 1);
	trn_batch_clear(s.batch[0]);
	ck_assert_int_eq(trn_batch_nop(s.batch[0]), 0);
	ck_assert_int_eq(trn_batch_copy(s.batch[0], s.hbm, 0, s.host, 0, 8), 0);
	ck_assert_int_eq(trn_batch_signal(s.batch[0], timeline, 3), 0);
	ck_assert_int_eq(trn_graph_add_batch(s.graph, s.batch[0], NULL), 0);
	(void)add_fill(&s, 1, 1, 1);
	instantiate(&s);
	trn_test_hal.never_idle = true;
	trn_test_hal.error = (struct trn_ext_status){
		.error = TRN_EXT_ERR_ADDRESS, .address = 0x123, .engine = 0xff, .operand = 0xff
	};
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	ck_assert_int_eq(trn_graph_wait(s.exec, SOON), 0);
	ck_assert_uint_eq(trn_timeline_value(timeline), 3);
	trn_test_hal.error_at = trn_test_hal.executed + 4;
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	/* The device can write to the ring: a CALL that it made up is of no list. */
	for (uint64_t a0 = 0; a0 < 4; a0++) {
		const struct trn_ext_cmd call = { .op = TRN_CMD_CALL,
						  .a = { a0 << 62, UINT64_MAX } };

		ck_assert_ptr_null(
			trn_lists_blame(&s.queue[0]->slots[1], &call, 1 << 20, &node, &command));
	}
	/* Whoever waits for what the list would have raised is told. */
	ck_assert_int_eq(trn_timeline_wait(timeline, 3, SOON), 0);
	ck_assert_int_eq(trn_graph_wait(s.exec, SOON), -TRN_EFAULT_DEV);
	ck_assert_int_eq(trn_queue_error(s.queue[0], &error), 0);
	ck_assert_str_eq(error.operation, "copy");
	ck_assert_uint_eq(error.address, 0x123);
	ck_assert_int_eq(error.command, 1);
	ck_assert_ptr_nonnull(strstr(error.cause, "; node 1 of a graph, command 1"));
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -TRN_EQUEUE);
	ck_assert_int_eq(trn_queue_reset(s.queue[0], SOON), 0);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -ESTALE);
	trn_rig_expect(&s.rig, -ESTALE, "a queue of it was reset");
	ck_assert_int_eq(trn_queue_reset(s.queue[1], SOON), 0);
	trn_graph_exec_destroy(s.exec);
	instantiate(&s);
	run(&s);
	trn_timeline_unref(timeline);
	down(&s);
}
END_TEST

/* A host that waits for a timeline which a stopped list owes does not wait for its deadline. */
START_TEST(broken_promise)
{
	struct trn_timeline *timeline;
	struct setup s;

	up(&s);
	ck_assert_int_eq(trn_timeline_create(s.rig.device, 0, &timeline), 0);
	ck_assert_int_eq(trn_batch_nop(s.batch[0]), 0);
	ck_assert_int_eq(trn_batch_signal(s.batch[0], timeline, 3), 0);
	ck_assert_int_eq(trn_graph_add_batch(s.graph, s.batch[0], NULL), 0);
	instantiate(&s);
	trn_test_hal.never_idle = true;
	trn_test_hal.error_at = 1;
	trn_test_hal.error = (struct trn_ext_status){ .error = TRN_EXT_ERR_LIST, .engine = 0xff };
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	ck_assert_int_eq(trn_timeline_wait(timeline, 3, TRN_DEADLINE_NEVER), -EINVAL);
	ck_assert_int_eq(trn_graph_wait(s.exec, TRN_DEADLINE_NEVER), -EINVAL);
	trn_timeline_unref(timeline);
	down(&s);
}
END_TEST

START_TEST(dead_instances)
{
	struct trn_arg value = { .scalar = 1 };
	struct setup s;
	uint32_t fill;

	up(&s);
	fill = add_fill(&s, 0, 0, 1);
	(void)add_fill(&s, 1, 1, 1);
	instantiate(&s);
	run(&s);
	/* The device was reset: also when nothing was in flight. */
	ck_assert_int_eq(trn_device_reset(s.rig.device, 0, SOON), 0);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -ESTALE);
	trn_rig_expect(&s.rig, -ESTALE, "the device was reset");
	ck_assert_int_eq(trn_graph_wait(s.exec, SOON), -ESTALE);
	ck_assert_int_eq(trn_graph_rebind(s.exec, fill, 0, 1, &value), -ESTALE);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(trn_queue_reset(s.queue[i], SOON), 0);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -ESTALE);
	trn_graph_exec_destroy(s.exec);
	instantiate(&s);
	run(&s);
	/* The second queue's doorbell is refused: the first has its part. */
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = -EINVAL;
	trn_test_hal.after[TRN_TEST_QUEUE_KICK] = trn_test_hal.calls[TRN_TEST_QUEUE_KICK] + 1;
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -EINVAL);
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = 0;
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -ESTALE);
	trn_rig_expect(&s.rig, -ESTALE, "only some of its queues");
	/* Work that was cancelled, half of it done. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(trn_queue_reset(s.queue[i], SOON), 0);
	trn_graph_exec_destroy(s.exec);
	instantiate(&s);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	ck_assert_int_eq(trn_queue_cancel(s.queue[1], SOON), 0);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -ESTALE);
	trn_rig_expect(&s.rig, -ESTALE, "cancelled");
	/* The device is gone. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(trn_queue_reset(s.queue[i], SOON), 0);
	trn_graph_exec_destroy(s.exec);
	instantiate(&s);
	atomic_store(&s.rig.device->lost, true);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -TRN_EDEVLOST);
	atomic_store(&s.rig.device->lost, false);
	run(&s);
	/* The first queue's doorbell: nothing has happened. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(trn_queue_reset(s.queue[i], SOON), 0);
	trn_graph_exec_destroy(s.exec);
	instantiate(&s);
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = -EINVAL;
	trn_test_hal.after[TRN_TEST_QUEUE_KICK] = 0;
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), -EINVAL);
	trn_test_hal.fail[TRN_TEST_QUEUE_KICK] = 0;
	run(&s);
	down(&s);
}
END_TEST

/* No room on the second queue: the first takes nothing. */
START_TEST(no_room)
{
	struct setup s;

	up(&s);
	(void)add_fill(&s, 0, 0, 1);
	(void)add_fill(&s, 1, 1, 1);
	instantiate(&s);
	trn_batch_clear(s.batch[1]);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(trn_batch_nop(s.batch[1]), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(trn_queue_submit(s.queue[1], s.batch[1], SOON, NULL), 0);
	ck_assert_int_eq(trn_graph_launch(s.exec, TRN_DEADLINE_NOW, NULL), -EAGAIN);
	ck_assert_uint_eq(atomic_load(&s.queue[0]->submitted), 0);
	run(&s);
	ck_assert_int_eq(trn_graph_wait(s.exec, TRN_DEADLINE_NOW), 0);
	/* A wait that cannot end says so. */
	trn_test_hal.dead = true;
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	ck_assert_int_eq(trn_graph_wait(s.exec, trn_deadline_in(1000000)), -ETIMEDOUT);
	trn_rig_expect(&s.rig, -ETIMEDOUT, "launch 2 has not finished");
	down(&s);
}
END_TEST

/* Everything goes while a launch is in flight; the memory stays until the queue is gone. */
START_TEST(lifetimes)
{
	struct setup s;

	up(&s);
	(void)add_copy(&s, 0, 1, 0);
	instantiate(&s);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	s.exec = trn_graph_exec_destroy(s.exec);
	s.graph = trn_graph_destroy(s.graph);
	trn_batch_clear(s.batch[0]);
	ck_assert_uint_eq(atomic_load(&s.host->object.refs), 3); /* ours, and the lists' two */
	ck_assert_int_eq(trn_queue_drain(s.queue[0], SOON), 0);
	ck_assert_uint_eq(atomic_load(&s.host->object.refs), 1);
	/* The same, and the queue is not drained. */
	ck_assert_int_eq(trn_graph_create(s.rig.device, &s.graph), 0);
	(void)add_copy(&s, 0, 1, 0);
	instantiate(&s);
	ck_assert_int_eq(trn_graph_launch(s.exec, SOON, NULL), 0);
	down(&s);
}
END_TEST

/* ---- refusals ---- */

START_TEST(refused)
{
	struct trn_graph_exec *exec = NULL;
	struct trn_graph_cond cond;
	uint32_t node, inner, other;
	struct setup s;

	up(&s);
	ck_assert_int_eq(trn_graph_create(NULL, &s.graph), -EINVAL);
	ck_assert_int_eq(trn_graph_create(s.rig.device, NULL), -EINVAL);
	ck_assert_int_eq(trn_graph_instantiate(s.graph, &exec), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "empty");
	ck_assert_int_eq(trn_graph_add_batch(s.graph, s.batch[0], NULL), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "the batch is empty");
	ck_assert_int_eq(trn_batch_collect(s.batch[0], 0, NULL, 0), 0);
	ck_assert_int_eq(trn_graph_add_batch(s.graph, s.batch[0], NULL), -ENOTSUP);
	node = add_fill(&s, 0, 0, 1);
	ck_assert_int_eq(trn_graph_instantiate(s.graph, NULL), -EINVAL);
	ck_assert_int_eq(trn_graph_else(s.graph, s.queue[0]), -EINVAL);
	ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "no open if or loop");
	cond = cond_on(&s, 0, TRN_GRAPH_EQ, 0);
	cond.compare = (enum trn_graph_compare)7;
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], &cond, NULL), -EINVAL);
	cond = cond_on(&s, 512, TRN_GRAPH_EQ, 0);
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], &cond, NULL), -EINVAL);
	cond.offset = 4;
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], &cond, 1, NULL), -EINVAL);
	cond = cond_on(&s, 0, TRN_GRAPH_EQ, 0);
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], &cond, 0, NULL), -EINVAL);
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_graph_if(s.graph, NULL, &cond, NULL), -EINVAL);
	ck_assert_int_eq(trn_graph_if(s.graph, s.queue[0], &cond, NULL), 0);
	inner = add_fill(&s, 0, 0, 1);
	other = add_fill(&s, 1, 0, 1);
	ck_assert_int_eq(trn_graph_depend(s.graph, other, inner), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "inside an if or a loop");
	ck_assert_int_eq(trn_graph_depend(s.graph, node, other), -EINVAL);
	ck_assert_int_eq(trn_graph_depend(s.graph, 50, node), -EINVAL);
	ck_assert_int_eq(trn_graph_instantiate(s.graph, &exec), -EINVAL);
	trn_rig_expect(&s.rig, -EINVAL, "is open");
	ck_assert_int_eq(trn_graph_else(s.graph, s.queue[0]), 0);
	ck_assert_int_eq(trn_graph_else(s.graph, s.queue[0]), -EINVAL);
	for (int i = 1; i < TRN_GRAPH_DEPTH_MAX; i++)
		ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], NULL, 1, NULL), 0);
	ck_assert_int_eq(trn_graph_loop(s.graph, s.queue[0], NULL, 1, NULL), -ENOSPC);
	ck_assert_int_eq(trn_graph_else(s.graph, s.queue[0]), -EINVAL); /* a loop is open */
	for (int i = 0; i < TRN_GRAPH_DEPTH_MAX; i++)
		ck_assert_int_eq(trn_graph_end(s.graph, s.queue[0]), 0);
	ck_assert_ptr_null(exec);
	instantiate(&s);
	run(&s);
	{
		struct trn_graph_info info = { 0 };

		ck_assert_int_eq(trn_graph_info(s.exec, &info), -EINVAL);
	}
	down(&s);
}
END_TEST

START_TEST(without_lists)
{
	struct trn_graph *graph = NULL;
	struct trn_rig rig;

	trn_rig_up(&rig, TRN_HAL_CAP_COMPUTE | TRN_HAL_CAP_INLINE);
	ck_assert_int_eq(trn_graph_create(rig.device, &graph), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "TRN_CAP_LISTS");
	ck_assert_ptr_null(graph);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(too_long)
{
	struct setup s;

	up(&s);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(trn_batch_nop(s.batch[0]), 0);
	for (int i = 0; i < 8192; i++)
		ck_assert_int_eq(trn_graph_add_batch(s.graph, s.batch[0], NULL), 0);
	instantiate(&s);
	s.exec = trn_graph_exec_destroy(s.exec);
	(void)add_fill(&s, 0, 0, 1);
	ck_assert_int_eq(trn_graph_instantiate(s.graph, &s.exec), -ENOSPC);
	trn_rig_expect(&s.rig, -ENOSPC, "at most 65536");
	down(&s);
}
END_TEST

/* Each request of memory fails once: the call says so, and the graph is as it was. */
START_TEST(no_memory)
{
	struct trn_graph_cond cond;
	struct setup s;
	uint32_t a, b, i;
	int r;

	up(&s);
	cond = cond_on(&s, 0, TRN_GRAPH_EQ, 0);
	ck_assert_int_eq(trn_batch_fill(s.batch[0], s.host, 0, 4, 1), 0);
	ck_assert_int_eq(trn_batch_nop(s.batch[1]), 0);
	for (long n = 0;; n++) {
		trn_test_alloc_arm(&s.rig.mem, n);
		r = trn_graph_add_batch(s.graph, s.batch[0], &a);
		for (i = 0; r == 0 && i < 12; i++)
			r = trn_graph_add_batch(s.graph, s.batch[0], NULL);
		if (r == 0)
			r = trn_graph_if(s.graph, s.queue[0], &cond, NULL);
		if (r == 0)
			r = trn_graph_else(s.graph, s.queue[0]);
		if (r == 0)
			r = trn_graph_end(s.graph, s.queue[0]);
		if (r == 0)
			r = trn_graph_add_batch(s.graph, s.batch[1], &b);
		if (r == 0)
			r = trn_graph_depend(s.graph, b, a);
		if (r == 0)
			r = trn_graph_instantiate(s.graph, &s.exec);
		if (r == 0)
			break;
		ck_assert_int_eq(r, -ENOMEM);
		trn_rig_expect(&s.rig, -ENOMEM, "");
		trn_test_alloc_arm(&s.rig.mem, -1);
		ck_assert_ptr_null(s.exec);
		s.graph = trn_graph_destroy(s.graph);
		ck_assert_int_eq(trn_graph_create(s.rig.device, &s.graph), 0);
	}
	trn_test_alloc_arm(&s.rig.mem, -1);
	run(&s);
	down(&s);
}
END_TEST

static Suite *graph_suite(void)
{
	Suite *suite = suite_create("runtime-graph");
	TCase *tcase = tcase_create("graph");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, replay);
	tcase_add_test(tcase, dependencies);
	tcase_add_test(tcase, conditions);
	tcase_add_test(tcase, loops);
	tcase_add_test(tcase, dependencies_of_bodies);
	tcase_add_test(tcase, rebind_launch);
	tcase_add_test(tcase, rebind_commands);
	tcase_add_test(tcase, rebind_in_flight);
	tcase_add_test(tcase, failing_node);
	tcase_add_test(tcase, broken_promise);
	tcase_add_test(tcase, dead_instances);
	tcase_add_test(tcase, no_room);
	tcase_add_test(tcase, lifetimes);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, without_lists);
	tcase_add_test(tcase, too_long);
	tcase_add_test(tcase, no_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(graph_suite)
