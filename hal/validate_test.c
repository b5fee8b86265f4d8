/* SPDX-License-Identifier: Apache-2.0 */
/* validate+: each rule with a planted mistake that is reported under its name, and the same thing
 * done right, of which nothing is said. */
#include "hal/validate.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"
#include "base/clock.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define SIZE UINT64_C(0x3000)

static struct trn_test_alloc mem;
static struct trn_log sink;
static char said[4096];
static struct trn_hal_dev *dev;
static struct trn_hal_mem host, hbm;
static struct trn_hal_queue *queue;

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	if (level == TRN_LOG_ERROR)
		(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static struct trn_hal_mem take(enum trn_hal_mem_kind kind, uint64_t size, const char *label)
{
	const struct trn_hal_mem_desc desc = {
		.kind = kind, .size = size, .numa_node = -1, .label = label
	};
	struct trn_hal_mem got = { 0 };

	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &got), 0);
	return got;
}

static void open_uri(const char *uri)
{
	const struct trn_hal_queue_desc desc = { .depth = 16 };
	const struct trn_hal_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = uri,
					   .deadline_ns = trn_clock_deadline(10000000000ull) };

	trn_test_alloc_init(&mem, -1);
	trn_log_init(&sink, log_line, NULL, TRN_LOG_DEBUG);
	ck_assert_int_eq(trn_hal_open(&open, &dev), 0);
	host = take(TRN_HAL_MEM_HOST, SIZE, "host side");
	hbm = take(TRN_HAL_MEM_HBM, SIZE, "device side");
	ck_assert_int_eq(dev->ops.queue_open(dev, &desc, &queue), 0);
}

static void setup(void)
{
	open_uri("validate+mock:trn3");
}

static void end(void)
{
	ck_assert_int_eq(dev->ops.queue_close(dev, queue), 0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &host), 0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &hbm), 0);
	trn_hal_close(dev);
	ck_assert_int_eq(mem.live, 0);
}

/* So many reports of a rule, and no others. */
static void count(enum trn_validate_rule rule, unsigned int wanted)
{
	char text[1024], want[64];

	ck_assert_int_eq(dev->ops.control(dev, "validate", NULL, text, sizeof(text)), 0);
	(void)snprintf(want, sizeof(want), "{\"reports\":%u,", wanted);
	if (strncmp(text, want, strlen(want)) != 0)
		ck_abort_msg("%s: %s: %s", want, text, said);
	(void)snprintf(want, sizeof(want), "\"%s\":%u,", trn_validate_names[rule], wanted);
	if (!strstr(text, want))
		ck_abort_msg("%s: %s", want, text);
	if (wanted > 0)
		ck_assert_ptr_nonnull(strstr(said, trn_validate_names[rule]));
}

static int kick(struct trn_ext_cmd cmd)
{
	const uint32_t tail = queue->tail;

	queue->ring[tail & (queue->depth - 1)] = cmd;
	return dev->ops.queue_kick(dev, queue, tail + 1);
}

static void drain(void)
{
	unsigned int round = 0;

	while (__atomic_load_n(&queue->status->head, __ATOMIC_ACQUIRE) != queue->tail &&
	       queue->status->state != TRN_QUEUE_ERROR)
		(void)dev->ops.progress(dev, &round, trn_clock_deadline(10000000000ull));
}

/* Commands that end where their memory ends, and the same a byte or a row further. */
static const struct {
	const char *what;
	struct trn_ext_cmd cmd; /* addresses: 1 host, 2 HBM */
	unsigned int reports;
	enum trn_validate_rule rule;
} commands[] = {
	{ "copy", { .op = TRN_CMD_COPY, .a = { 2, 1, SIZE } }, 0, TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "to", { .op = TRN_CMD_COPY, .a = { 2, 1, SIZE + 1 } }, 2, TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "fill", { .op = TRN_CMD_FILL, .a = { 2, SIZE, 7 } }, 0, TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "fill+", { .op = TRN_CMD_FILL, .a = { 2, SIZE + 4, 7 } }, 1, TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "empty", { .op = TRN_CMD_COPY, .a = { 2, 1, 0 } }, 0, TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "rows",
	  { .op = TRN_CMD_COPY_ND,
	    .a = { 2, 1, 16 | UINT64_C(3) << 32, 1, 4096 | UINT64_C(16) << 32, 0, 0 } },
	  0,
	  TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "row too many",
	  { .op = TRN_CMD_COPY_ND,
	    .a = { 2, 1, 16 | UINT64_C(4) << 32, 1, 4096 | UINT64_C(16) << 32, 0, 0 } },
	  1,
	  TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "planes",
	  { .op = TRN_CMD_COPY_ND,
	    .a = { 2, 1, 16 | UINT64_C(1) << 32, 3, 16 | UINT64_C(16) << 32, 4096, 16 } },
	  0,
	  TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "plane too far",
	  { .op = TRN_CMD_COPY_ND,
	    .a = { 2, 1, 16 | UINT64_C(1) << 32, 3, 16 | UINT64_C(16) << 32, UINT64_MAX, 16 } },
	  1,
	  TRN_VALIDATE_OUT_OF_BOUNDS },
	{ "word", { .op = TRN_CMD_SIGNAL, .a = { 1, 1 } }, 0, TRN_VALIDATE_MISALIGNED },
	{ "nowhere",
	  { .op = TRN_CMD_FILL, .a = { 0x123456000, 4, 7 } },
	  1,
	  TRN_VALIDATE_OUT_OF_BOUNDS },
};

START_TEST(bounds)
{
	struct trn_ext_cmd cmd = commands[_i].cmd;

	for (int i = 0; i < 2; i++)
		if (cmd.a[i] == 1 || cmd.a[i] == 2)
			cmd.a[i] = cmd.a[i] == 1 ? host.address : hbm.address;
	if (cmd.op == TRN_CMD_SIGNAL)
		cmd.a[1] = 1;
	ck_assert_int_eq(kick(cmd), 0);
	count(commands[_i].rule, commands[_i].reports);
	drain();
	end();
}
END_TEST

START_TEST(misaligned)
{
	ck_assert_int_eq(
		kick((struct trn_ext_cmd){ .op = TRN_CMD_TIMESTAMP, .a = { host.address } }), 0);
	count(TRN_VALIDATE_MISALIGNED, 0);
	ck_assert_int_eq(
		kick((struct trn_ext_cmd){ .op = TRN_CMD_TIMESTAMP, .a = { host.address + 4 } }),
		0);
	count(TRN_VALIDATE_MISALIGNED, 1);
	drain();
	end();
}
END_TEST

START_TEST(freed)
{
	struct trn_hal_mem gone = take(TRN_HAL_MEM_HBM, SIZE, "gone");
	const struct trn_ext_cmd cmd = { .op = TRN_CMD_FILL, .a = { gone.address, SIZE, 1 } };

	ck_assert_int_eq(kick(cmd), 0);
	drain();
	ck_assert_int_eq(dev->ops.mem_free(dev, &gone), 0);
	count(TRN_VALIDATE_USE_AFTER_FREE, 0);
	ck_assert_int_eq(kick(cmd), 0);
	count(TRN_VALIDATE_USE_AFTER_FREE, 1);
	ck_assert_ptr_nonnull(strstr(said, "(gone), which was freed"));
	drain();
	/* Who gets the place afterwards may use it. */
	said[0] = '\0';
	gone = take(TRN_HAL_MEM_HBM, SIZE, "again");
	ck_assert_uint_eq(gone.address, cmd.a[0]);
	ck_assert_int_eq(kick(cmd), 0);
	drain();
	ck_assert_str_eq(said, "");
	ck_assert_int_eq(dev->ops.mem_free(dev, &gone), 0);
	end();
}
END_TEST

START_TEST(freed_in_flight)
{
	struct trn_hal_mem other = take(TRN_HAL_MEM_HBM, SIZE, "other");
	struct trn_hal_mem used = take(TRN_HAL_MEM_HBM, SIZE, "used");

	/* Inline: nothing runs until somebody waits. */
	ck_assert_int_eq(
		kick((struct trn_ext_cmd){ .op = TRN_CMD_COPY,
					   .a = { used.address + SIZE - 1, host.address, 1 } }),
		0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &other), 0);
	count(TRN_VALIDATE_FREE_IN_FLIGHT, 0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &used), 0);
	count(TRN_VALIDATE_FREE_IN_FLIGHT, 1);
	drain();
	end();
}
END_TEST

/* A launch whose second argument ends where its memory ends, or behind it; in a list too. */
START_TEST(arguments)
{
	struct {
		struct trn_ext_launch launch;
		struct trn_ext_arg args[2];
	} *slot = host.host;
	struct trn_ext_cmd *list = (struct trn_ext_cmd *)(void *)((char *)host.host + 4096);
	const bool bad = _i & 1;

	memset(slot, 0, sizeof(*slot));
	slot->launch.magic = TRN_EXT_MAGIC;
	slot->launch.version = TRN_EXT_VERSION;
	slot->launch.arg_count = 2;
	slot->args[0] = (struct trn_ext_arg){ 5, 0 };
	slot->args[1] = (struct trn_ext_arg){ hbm.address + 64, SIZE - 64 + bad };
	*list = (struct trn_ext_cmd){ .op = TRN_CMD_LAUNCH, .a = { host.address } };
	if (_i & 2)
		ck_assert_int_eq(kick((struct trn_ext_cmd){ .op = TRN_CMD_CALL,
							    .a = { host.address + 4096, 1 } }),
				 0);
	else
		ck_assert_int_eq(kick(*list), 0);
	count(TRN_VALIDATE_OUT_OF_BOUNDS, bad);
	drain();
	end();
}
END_TEST

START_TEST(left_behind)
{
	(void)take(TRN_HAL_MEM_HBM, SIZE, "forgotten");
	ck_assert_int_eq(dev->ops.queue_close(dev, queue), 0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &host), 0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &hbm), 0);
	trn_hal_close(dev);
	ck_assert_ptr_nonnull(strstr(said, "validate: leaked-memory: "));
	ck_assert_ptr_nonnull(strstr(said, "(forgotten), asked for at 0x"));
	ck_assert_ptr_null(strstr(said, "device side"));
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(host_copies)
{
	const uint64_t soon = trn_clock_deadline(10000000000ull);

	ck_assert_int_eq(dev->ops.copy(dev, hbm.address, host.address, SIZE, soon), 0);
	count(TRN_VALIDATE_OUT_OF_BOUNDS, 0);
	(void)dev->ops.copy(dev, hbm.address + 1, host.address, SIZE, soon);
	count(TRN_VALIDATE_OUT_OF_BOUNDS, 1);
	end();
}
END_TEST

START_TEST(fatal_refuses)
{
	const struct trn_ext_cmd wrong = { .op = TRN_CMD_FILL, .a = { hbm.address, SIZE + 4, 1 } };
	struct trn_hal_fault fault;

	end();
	open_uri("validate(fatal)+null:");
	ck_assert_int_eq(kick(wrong), -TRN_EVALIDATE);
	trn_hal_last_fault(dev, &fault);
	ck_assert_ptr_nonnull(strstr(fault.why, "out-of-bounds: command 0 (op 3) of queue"));
	ck_assert_uint_eq(queue->tail, 0);
	ck_assert_int_eq(
		kick((struct trn_ext_cmd){ .op = TRN_CMD_FILL, .a = { hbm.address, SIZE, 1 } }), 0);
	count(TRN_VALIDATE_OUT_OF_BOUNDS, 1);
	end();
}
END_TEST

START_TEST(notes_and_arguments)
{
	char small[8];

	ck_assert_int_eq(
		dev->ops.control(dev, "validate", "note wrong-thread queue 3 \"\\", NULL, 0), 0);
	count(TRN_VALIDATE_WRONG_THREAD, 1);
	ck_assert_int_eq(dev->ops.control(dev, "validate", "note nothing x", NULL, 0), -EINVAL);
	ck_assert_int_eq(dev->ops.control(dev, "validate", "what", NULL, 0), -EINVAL);
	ck_assert_int_eq(dev->ops.control(dev, "validate", NULL, small, sizeof(small)), -ENOSPC);
	end();
}
END_TEST

#define QUEUES 3

/* Steps, each with a doorbell of its own: queue, then F fill of a region, R copy out of one, S
 * and W signal and wait of a word and value; ! until nothing moves; H, h: the host reads, writes a
 * region. */
static const struct {
	const char *steps;
	unsigned int reports;
	enum trn_validate_rule rule;
} orders[] = {
	{ "0F1 1F1", 1, TRN_VALIDATE_OVERLAPPING_WRITES },
	{ "0F1 1F2", 0, TRN_VALIDATE_OVERLAPPING_WRITES },
	{ "0F1 0F1", 0, TRN_VALIDATE_OVERLAPPING_WRITES },
	{ "0F1 1F1 1F1", 2, TRN_VALIDATE_OVERLAPPING_WRITES },
	{ "0F1 1R1", 1, TRN_VALIDATE_MISSING_WAIT },
	{ "0R1 1F1", 1, TRN_VALIDATE_MISSING_WAIT },
	{ "0R1 1R1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 0Sa1 1Wa1 1R1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0Sa1 0F1 0Sa2 1Wa2 1R1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0Sa1 0F1 0Sa2 1Wa1 1R1", 1, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 0Sa1 1Wb1 1R1", 0, TRN_VALIDATE_MISSING_WAIT }, /* the host may see to the order */
	{ "0F1 0Sa1 1Wa1 1Sb1 2Wb1 2R1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 0Sa1 1Wa1 1Sb1 2Wa1 2R1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0Sa1 0F1 1Wa1 1Sb1 2Wb1 2R1", 1, TRN_VALIDATE_MISSING_WAIT },
	{ "1Wa1 1R1 0F1 0Sa1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 ! 1R1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 H1", 1, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 ! H1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 H2", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0R1 H1", 0, TRN_VALIDATE_MISSING_WAIT },
	{ "0F1 h1", 1, TRN_VALIDATE_OVERLAPPING_WRITES },
	{ "0R1 h1", 1, TRN_VALIDATE_MISSING_WAIT },
};

static void still(void)
{
	unsigned int round = 0;

	while (dev->ops.progress(dev, &round, trn_clock_deadline(10000000000ull)) == 0)
		;
}

static void order_step(struct trn_hal_queue *const *queues, const char *step)
{
	const unsigned int last = (unsigned int)(step[strcspn(step, " ") - 1] - '0');
	const uint64_t region = hbm.address + last * 256,
		       word = host.address + (step[2] == 'b' ? 64 : 0);
	const uint64_t soon = trn_clock_deadline(10000000000ull);
	struct trn_ext_cmd cmd = { .op = TRN_CMD_FILL, .a = { region, 256, 7 } };

	if (step[0] == '!') {
		still();
		return;
	}
	if (step[0] == 'H' || step[0] == 'h') {
		(void)dev->ops.copy(dev, step[0] == 'H' ? host.address + 1024 : region,
				    step[0] == 'H' ? region : host.address + 1024, 256, soon);
		return;
	}
	if (step[1] == 'R')
		cmd = (struct trn_ext_cmd){
			.op = TRN_CMD_COPY,
			.a = { hbm.address + 4096 + (uint64_t)(step[0] - '0') * 256, region, 256 }
		};
	else if (step[1] != 'F')
		cmd = (struct trn_ext_cmd){ .op = step[1] == 'S' ? TRN_CMD_SIGNAL : TRN_CMD_WAIT,
					    .a = { word, last } };
	queue = queues[step[0] - '0'];
	ck_assert_int_eq(kick(cmd), 0);
}

START_TEST(order)
{
	const struct trn_hal_queue_desc desc = { .depth = 16 };
	struct trn_hal_queue *queues[QUEUES] = { queue };
	size_t at = 0;

	for (unsigned int i = 1; i < QUEUES; i++)
		ck_assert_int_eq(dev->ops.queue_open(dev, &desc, &queues[i]), 0);
	while (orders[_i].steps[at]) {
		order_step(queues, orders[_i].steps + at);
		at += strcspn(orders[_i].steps + at, " ");
		at += strspn(orders[_i].steps + at, " ");
	}
	count(orders[_i].rule, orders[_i].reports);
	still();
	for (unsigned int i = 1; i < QUEUES; i++)
		ck_assert_int_eq(dev->ops.queue_close(dev, queues[i]), 0);
	queue = queues[0];
	end();
}
END_TEST

/* Every allocation of the hook may fail: -ENOMEM, and nothing is left. */
START_TEST(out_of_memory)
{
	end();
	for (long n = 0;; n++) {
		const struct trn_hal_open open = { .alloc = &mem.alloc,
						   .log = &sink,
						   .uri = "validate+null:",
						   .deadline_ns = UINT64_MAX };
		const struct trn_hal_mem_desc desc = { .size = SIZE, .numa_node = -1 };
		const struct trn_hal_queue_desc shape = { .depth = 16 };
		int r;

		trn_test_alloc_init(&mem, n);
		dev = NULL;
		r = trn_hal_open(&open, &dev);
		if (r == 0)
			r = dev->ops.mem_alloc(dev, &desc, &hbm);
		if (r == 0) {
			r = dev->ops.queue_open(dev, &shape, &queue);
			if (r == 0)
				ck_assert_int_eq(dev->ops.queue_close(dev, queue), 0);
			ck_assert_int_eq(dev->ops.mem_free(dev, &hbm), 0);
		}
		ck_assert_int_eq(r, mem.failed ? -ENOMEM : 0);
		trn_hal_close(dev);
		ck_assert_int_eq(mem.live, 0);
		if (!mem.failed)
			break;
	}
}
END_TEST

static Suite *validate_suite(void)
{
	Suite *suite = suite_create("hal-validate");
	TCase *tc = tcase_create("rules");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, bounds, 0, (int)TRN_ARRAY_LEN(commands));
	tcase_add_test(tc, misaligned);
	tcase_add_test(tc, freed);
	tcase_add_test(tc, freed_in_flight);
	tcase_add_loop_test(tc, arguments, 0, 4);
	tcase_add_test(tc, left_behind);
	tcase_add_test(tc, host_copies);
	tcase_add_test(tc, fatal_refuses);
	tcase_add_test(tc, notes_and_arguments);
	tcase_add_loop_test(tc, order, 0, (int)TRN_ARRAY_LEN(orders));
	tcase_add_test(tc, out_of_memory);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(validate_suite)
