/* SPDX-License-Identifier: Apache-2.0 */
/* The mock bus by itself: DMA addresses, refusals, control verbs, its thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/ext.h"
#include "base/regs.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "hal/bus_mock.h"

static struct trn_test_alloc mem;
static struct trn_log sink;
static struct trn_bus *bus;
static void *pages;
static int lines;

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	(void)level;
	(void)text;
	lines++;
}

static void open_bus(const char *text)
{
	static struct trn_uri uri;
	char why[160] = "";
	const struct trn_bus_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = &uri,
					   .ret_why = why,
					   .why_size = sizeof(why) };

	ck_assert_int_eq(trn_uri_parse(text, &uri, NULL, NULL), 0);
	ck_assert_msg(trn_bus_mock_open(&open, &bus) == 0, "%s", why);
}

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_log_init(&sink, log_line, NULL, TRN_LOG_DEBUG);
	ck_assert_int_eq(posix_memalign(&pages, MOCK_PAGE, 4 * MOCK_PAGE), 0);
}

static void teardown(void)
{
	bus->ops->close(bus);
	free(pages);
	ck_assert_int_eq(mem.live, 0);
}

START_TEST(bad_accesses)
{
	uint32_t value = 3;
	uint64_t iova = 5;
	void *host = NULL;

	open_bus("mock:trn3?hbm=64M");
	ck_assert_int_eq(bus->ops->cfg_read32(bus, 2, &value), -EINVAL);
	ck_assert_int_eq(bus->ops->cfg_write32(bus, 1, 0), -EINVAL);
	ck_assert_int_eq(bus->ops->read32(bus, 0, 1, &value), -EINVAL);
	ck_assert_int_eq(bus->ops->read32(bus, 6, 0, &value), -EINVAL);
	ck_assert_int_eq(bus->ops->read32(bus, 2, 0, &value), -EINVAL);
	ck_assert_int_eq(bus->ops->write32(bus, 0, TRN_BAR0_SIZE, 0), -EINVAL);
	ck_assert_int_eq(bus->ops->map(bus, 7, 0, 1, &host), -EINVAL);
	ck_assert_int_eq(bus->ops->map(bus, 4, TRN_BAR4_SIZE, 1, &host), -EINVAL);
	ck_assert_int_eq(bus->ops->map(bus, 2, 0, 1, &host), -ENOTSUP);
	ck_assert_int_lt(bus->ops->map(bus, 0, 0, 4096, &host), 0); /* registers */
	ck_assert_int_eq(bus->ops->dma_map(bus, NULL, MOCK_PAGE, &iova), -EINVAL);
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, 0, &iova), -EINVAL);
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, 100, &iova), -EINVAL);
	ck_assert_int_eq(bus->ops->dma_map(bus, (char *)pages + 8, MOCK_PAGE, &iova), -EINVAL);
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, TRN_AXI_HOST, &iova), -EINVAL);
	ck_assert_int_eq(bus->ops->dma_unmap(bus, 0x1000, MOCK_PAGE), -EINVAL);
	ck_assert_uint_eq(value, 3);
	ck_assert_uint_eq(iova, 5);
	ck_assert_ptr_null(host);
}
END_TEST

/* Addresses are new until all were used; then free ones come back, and never one in use. */
START_TEST(dma_addresses_come_round)
{
	struct mock *mock;
	uint64_t kept = 0;
	uint64_t iova = 0;
	uint64_t last = 0;

	open_bus("mock:trn3?hbm=64M");
	mock = (struct mock *)(void *)bus;
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, MOCK_PAGE, &kept), 0);
	ck_assert_uint_eq(kept, UINT64_C(0x100000000));
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, MOCK_PAGE, &iova), 0);
	ck_assert_int_eq(bus->ops->dma_unmap(bus, iova, MOCK_PAGE), 0);
	last = iova;
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, MOCK_PAGE, &iova), 0);
	ck_assert_uint_gt(iova, last); /* not the one just given back */
	/* Near the end of the space. */
	mock->pod->maps[0].iova_next = TRN_AXI_HOST - 2 * MOCK_PAGE;
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, 2 * MOCK_PAGE, &last), 0);
	ck_assert_uint_eq(last, TRN_AXI_HOST - 2 * MOCK_PAGE);
	for (int i = 0; i < 100; i++) {
		uint64_t again = 0;

		ck_assert_int_eq(bus->ops->dma_map(bus, pages, 4 * MOCK_PAGE, &again), 0);
		ck_assert(again >= kept + MOCK_PAGE || again + 4 * MOCK_PAGE <= kept);
		ck_assert(again + 4 * MOCK_PAGE <= iova || again >= iova + MOCK_PAGE);
		ck_assert_uint_lt(again, UINT64_C(0x200000000));
		if (i % 2)
			ck_assert_int_eq(bus->ops->dma_unmap(bus, again, 4 * MOCK_PAGE), 0);
	}
	for (size_t i = 1; i < mock->pod->maps[0].count; i++)
		ck_assert_uint_ge(mock->pod->maps[0].map[i].iova,
				  mock->pod->maps[0].map[i - 1].iova +
					  mock->pod->maps[0].map[i - 1].size);
}
END_TEST

START_TEST(no_memory_for_a_mapping)
{
	uint64_t iova = 0;

	open_bus("mock:trn3?hbm=64M");
	trn_test_alloc_arm(&mem, 0);
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, MOCK_PAGE, &iova), -ENOMEM);
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, MOCK_PAGE, &iova), 0);
}
END_TEST

static const char *const verbs[] = { "violations", "counters", "stats", "hash", "time" };

START_TEST(verbs_answer_json)
{
	char text[1024] = "";

	open_bus("mock:trn3?hbm=64M");
	ck_assert_int_eq(bus->ops->control(bus, verbs[_i], NULL, text, sizeof(text)), 0);
	ck_assert_int_eq(text[0], '{');
	ck_assert_int_eq(text[strlen(text) - 1], '}');
	ck_assert_int_eq(bus->ops->control(bus, verbs[_i], NULL, text, 3), -ENOSPC);
}
END_TEST

START_TEST(stepping)
{
	unsigned int round = 0;
	char text[128] = "";

	open_bus("mock:trn3?hbm=64M");
	ck_assert_int_eq(bus->ops->progress(bus, &round, 0), -EAGAIN);
	ck_assert_int_eq(bus->ops->control(bus, "step", "10", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "{\"steps\":0,\"time_ps\":0}");
	ck_assert_int_eq(bus->ops->control(bus, "step", "ten", text, sizeof(text)), -EINVAL);
	/* A reset is a few events. */
	ck_assert_int_eq(bus->ops->write32(bus, 0, TRN_MISC_RAM + TRN_MR_RESET_TYPE, 1), 0);
	ck_assert_int_eq(bus->ops->write32(bus, 0, TRN_MISC_RAM + TRN_MR_TRIGGER, 1), 0);
	ck_assert_int_eq(bus->ops->control(bus, "step", NULL, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "{\"steps\":1,"));
	ck_assert_int_eq(bus->ops->control(bus, "step", "1000", text, sizeof(text)), 0);
	ck_assert_int_eq(bus->ops->progress(bus, &round, 0), -EAGAIN);
	ck_assert_int_gt(lines, 0); /* the reset was told */
}
END_TEST

START_TEST(a_free_model_is_not_stepped)
{
	char text[128] = "";

	open_bus("mock:trn3?hbm=64M&threads=1");
	ck_assert_uint_eq(bus->info.flags & TRN_BUS_INLINE, 0);
	ck_assert_int_eq(bus->ops->control(bus, "step", "1", text, sizeof(text)), -ENOTSUP);
}
END_TEST

static uint64_t virtual_time(void)
{
	char text[128] = "";

	ck_assert_int_eq(bus->ops->control(bus, "time", NULL, text, sizeof(text)), 0);
	return strtoull(text + strlen("{\"time_ps\":"), NULL, 10);
}

/* With nothing to do, its time goes on with the wall's, in ticks of a millisecond. */
START_TEST(a_free_model_follows_the_wall)
{
	unsigned int round = 0;
	uint64_t start;
	uint64_t end = trn_clock_deadline(UINT64_C(20000000000));

	open_bus("mock:trn3?hbm=64M&threads=1");
	start = virtual_time();
	while (virtual_time() < start + UINT64_C(3000000000) && !trn_clock_passed(end))
		ck_assert_int_eq(bus->ops->progress(bus, &round, end), 0);
	ck_assert_uint_ge(virtual_time(), start + UINT64_C(3000000000));
}
END_TEST

/* Inline it stands still. */
START_TEST(an_inline_model_stands_still)
{
	unsigned int round = 0;
	uint64_t start;

	open_bus("mock:trn3?hbm=64M");
	start = virtual_time();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(bus->ops->progress(bus, &round, 0), -EAGAIN);
	ck_assert_uint_eq(virtual_time(), start);
}
END_TEST

/* A schedule that waits for a count that nobody sends, 20 ms at most; the queue's status. */
static const volatile struct trn_ext_status *wait_for_nobody(void)
{
	uint8_t *base = pages;
	struct trn_ext_cmd *cmd = pages;
	struct trn_ext_collect *head = (struct trn_ext_collect *)(void *)(base + MOCK_PAGE);
	struct trn_ext_sync_stream *stream = (struct trn_ext_sync_stream *)(void *)(head + 1);
	struct trn_ext_sync_op *op =
		(struct trn_ext_sync_op *)(void *)(base + (size_t)2 * MOCK_PAGE);
	const uint64_t page = MOCK_PAGE;
	uint64_t iova = 0;

	memset(pages, 0, (size_t)4 * MOCK_PAGE);
	ck_assert_int_eq(bus->ops->cfg_write32(bus, 0x04, 0x6), 0);
	ck_assert_int_eq(bus->ops->dma_map(bus, pages, 4 * MOCK_PAGE, &iova), 0);
	iova |= TRN_AXI_HOST;
	*cmd = (struct trn_ext_cmd){ .op = TRN_CMD_COLLECT, .a = { iova + page } };
	*head = (struct trn_ext_collect){ .magic = TRN_EXT_MAGIC,
					  .version = TRN_EXT_VERSION,
					  .streams = 1,
					  .limit_ns = 20000000 };
	*stream = (struct trn_ext_sync_stream){ iova + 2 * page, 2, 0 };
	op[0] = (struct trn_ext_sync_op){ .op = TRN_SYNC_WAIT, .value = 1, .peer = 5 };
	op[1].op = TRN_SYNC_END;
	{
		const struct {
			uint32_t reg, value;
		} writes[] = {
			{ TRN_EXT_QUEUE(0) + TRN_EXT_Q_BASE_LO, trn_lo32(iova) },
			{ TRN_EXT_QUEUE(0) + TRN_EXT_Q_BASE_HI, trn_hi32(iova) },
			{ TRN_EXT_QUEUE(0) + TRN_EXT_Q_ENTRIES, 16 },
			{ TRN_EXT_QUEUE(0) + TRN_EXT_Q_STATUS_LO, trn_lo32(iova + 3 * page) },
			{ TRN_EXT_QUEUE(0) + TRN_EXT_Q_STATUS_HI, trn_hi32(iova + 3 * page) },
			{ TRN_EXT_QUEUE(0) + TRN_EXT_Q_CONTROL, TRN_EXT_Q_ENABLE },
			{ TRN_EXT_DOORBELL(0) + TRN_EXT_DB_TAIL, 1 },
		};

		for (size_t i = 0; i < TRN_ARRAY_LEN(writes); i++)
			ck_assert_int_eq(bus->ops->write32(bus, TRN_BAR_REGS,
							   TRN_EXT_BAR0 + writes[i].reg,
							   writes[i].value),
					 0);
	}
	return (const volatile struct trn_ext_status *)(void *)(base + (size_t)3 * MOCK_PAGE);
}

/* Inline, a poll does not let the limit of a wait pass, a caller who waits does. */
START_TEST(an_inline_limit_is_for_who_waits)
{
	const volatile struct trn_ext_status *status;
	unsigned int round = 0;

	open_bus("mock:trn3?hbm=64M");
	status = wait_for_nobody();
	while (bus->ops->progress(bus, &round, 0) == 0)
		;
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(bus->ops->progress(bus, &round, 0), -EAGAIN);
	ck_assert_uint_eq(status->error, TRN_EXT_OK);
	ck_assert_uint_lt(virtual_time(), UINT64_C(20000000000));
	ck_assert_int_eq(bus->ops->progress(bus, &round, trn_clock_deadline(UINT64_C(20000000000))),
			 0);
	ck_assert_uint_eq(status->error, TRN_EXT_ERR_TIMEOUT);
	ck_assert_uint_eq(status->operand, 5);
}
END_TEST

/* A free model does not jump to a limit: others may be late by the wall's clock. */
START_TEST(a_free_limit_follows_the_wall)
{
	const uint64_t end = trn_clock_deadline(UINT64_C(20000000000)), start = trn_clock_ns();
	const volatile struct trn_ext_status *status;
	unsigned int round = 0;

	open_bus("mock:trn3?hbm=64M&threads=1");
	status = wait_for_nobody();
	while (__atomic_load_n(&status->error, __ATOMIC_ACQUIRE) == TRN_EXT_OK &&
	       !trn_clock_passed(end))
		ck_assert_int_eq(bus->ops->progress(bus, &round, end), 0);
	ck_assert_uint_eq(status->error, TRN_EXT_ERR_TIMEOUT);
	ck_assert_uint_ge(trn_clock_ns() - start, 18000000);
}
END_TEST

static void count_call(void *user)
{
	_Atomic uint32_t *calls = user;

	atomic_fetch_add(calls, 1);
}

/* Whoever watches is told after the device wrote its status, and nothing once he let go. */
START_TEST(host_writes_are_told)
{
	const uint64_t end = trn_clock_deadline(UINT64_C(20000000000));
	const volatile struct trn_ext_status *status;
	static _Atomic uint32_t calls;
	unsigned int round = 0;
	uint32_t seen;

	open_bus(_i ? "mock:trn3?hbm=64M&threads=1" : "mock:trn3?hbm=64M");
	trn_bus_watch_set(bus->watch, count_call, &calls);
	trn_bus_watch_set(bus->watch, count_call, &calls); /* another device of the pod */
	trn_bus_watch_set(bus->watch, NULL, NULL);
	status = wait_for_nobody();
	while (__atomic_load_n(&status->error, __ATOMIC_ACQUIRE) == TRN_EXT_OK &&
	       !trn_clock_passed(end))
		ck_assert_int_eq(bus->ops->progress(bus, &round, end), 0);
	while (atomic_load(&calls) == 0 && !trn_clock_passed(end))
		trn_clock_backoff(&round);
	ck_assert_uint_gt(atomic_load(&calls), 0);
	trn_bus_watch_set(bus->watch, NULL, NULL);
	seen = atomic_load(&calls);
	status = wait_for_nobody();
	for (int i = 0; i < 1000; i++)
		(void)bus->ops->progress(bus, &round, end);
	ck_assert_uint_eq(atomic_load(&calls), seen);
}
END_TEST

static Suite *mock_suite(void)
{
	Suite *suite = suite_create("hal-mock");
	TCase *tc = tcase_create("mock");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, bad_accesses);
	tcase_add_test(tc, dma_addresses_come_round);
	tcase_add_test(tc, no_memory_for_a_mapping);
	tcase_add_loop_test(tc, verbs_answer_json, 0, (int)TRN_ARRAY_LEN(verbs));
	tcase_add_test(tc, stepping);
	tcase_add_test(tc, a_free_model_is_not_stepped);
	tcase_add_test(tc, a_free_model_follows_the_wall);
	tcase_add_test(tc, an_inline_model_stands_still);
	tcase_add_test(tc, an_inline_limit_is_for_who_waits);
	tcase_add_test(tc, a_free_limit_follows_the_wall);
	tcase_add_loop_test(tc, host_writes_are_told, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(mock_suite)
