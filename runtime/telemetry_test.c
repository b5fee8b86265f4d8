/* SPDX-License-Identifier: Apache-2.0 */
/* Events, counters and their text, over a device whose answers are chosen. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static struct trn_rig rig;

static void up(void)
{
	trn_rig_up(&rig, 0);
}

static void down(void)
{
	trn_rig_down(&rig);
}

/* ---- events ---- */

struct seen {
	uint32_t count, stop_at;
	uint64_t last;
	bool in_order;
	struct trn_event event; /* the last one */
	uint32_t of[TRN_EVENT_KINDS];
};

static int see(void *user, const struct trn_event *event)
{
	struct seen *seen = user;

	seen->in_order = seen->count == 0 || event->number > seen->last;
	seen->last = event->number;
	seen->event = *event;
	ck_assert_uint_lt((unsigned int)event->kind, TRN_EVENT_KINDS);
	seen->of[event->kind]++;
	return ++seen->count == seen->stop_at;
}

static struct seen look(uint64_t *cursor, uint64_t *ret_missed)
{
	struct seen seen = { 0 };

	ck_assert_int_eq(trn_telemetry_events(rig.device, cursor, see, &seen, ret_missed),
			 (int)seen.count);
	return seen;
}

START_TEST(tells_what_happened)
{
	struct trn_queue *queue = trn_rig_queue(&rig, 16);
	struct trn_batch *batch;
	uint64_t cursor = 0, missed = 9, sequence;
	struct seen seen;

	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	trn_test_hal.error_at = 1;
	trn_test_hal.error.error = TRN_EXT_ERR_ADDRESS;
	trn_test_hal.error.address = 0x1234;
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_wait(queue, sequence, SOON), -TRN_EFAULT_DEV);
	seen = look(&cursor, &missed);
	ck_assert_uint_eq(seen.of[TRN_EVENT_OPEN], 1);
	ck_assert_uint_eq(seen.of[TRN_EVENT_QUEUE_OPEN], 1);
	ck_assert_uint_eq(seen.of[TRN_EVENT_FAULT], 1);
	ck_assert(seen.in_order && missed == 0);
	ck_assert_int_eq(seen.event.kind, TRN_EVENT_FAULT);
	ck_assert_int_eq(seen.event.code, -TRN_EFAULT_DEV);
	ck_assert_uint_eq(seen.event.address, 0x1234);
	ck_assert_int_eq(seen.event.command, 0);
	ck_assert_ptr_nonnull(strstr(seen.event.text, "not mapped"));
	ck_assert_uint_eq(cursor, seen.last);
	ck_assert_uint_eq(look(&cursor, NULL).count, 0);
	trn_test_hal.error_at = 0;
	ck_assert_int_eq(trn_queue_reset(queue, SOON), 0);
	seen = look(&cursor, NULL);
	ck_assert_int_eq(seen.event.kind, TRN_EVENT_QUEUE_RESET);
	ck_assert_uint_eq(seen.event.value, 1);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	seen = look(&cursor, NULL);
	ck_assert_int_eq(seen.event.kind, TRN_EVENT_QUEUE_CLOSE);
}
END_TEST

START_TEST(claims_resets_memory_and_losses)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = 1, .label = "weights" };
	struct trn_buffer *buffer = NULL;
	uint64_t cursor = 0;
	struct seen seen;

	ck_assert_int_eq(trn_device_core_claim(rig.device, 3, 1, NULL), 0);
	ck_assert_int_eq(trn_device_core_claim(rig.device, 3, -1, NULL), 0);
	ck_assert_int_eq(trn_device_reset(rig.device, 0x6, SOON), 0);
	seen = look(&cursor, NULL);
	ck_assert_uint_eq(seen.of[TRN_EVENT_CLAIM] + seen.of[TRN_EVENT_RELEASE], 2);
	ck_assert_int_eq(seen.event.kind, TRN_EVENT_RESET);
	ck_assert_uint_eq(seen.event.value, 0x6);
	opts.bytes = UINT64_C(1) << 40;
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &buffer), -ENOMEM);
	seen = look(&cursor, NULL);
	ck_assert_int_eq(seen.event.kind, TRN_EVENT_OUT_OF_MEMORY);
	ck_assert_uint_eq(seen.event.value, opts.bytes);
	ck_assert_str_eq(seen.event.text, "weights");
	ck_assert_int_eq(trn_memory_quota_set(rig.context, NULL, TRN_MEMORY_ALL, 10), 0);
	opts.bytes = 11;
	ck_assert_int_eq(trn_buffer_create(rig.device, &opts, &buffer), -EDQUOT);
	ck_assert_int_eq(look(&cursor, NULL).event.kind, TRN_EVENT_QUOTA);
	trn_device_lose(rig.device);
	trn_device_lose(rig.device);
	seen = look(&cursor, NULL);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_int_eq(seen.event.kind, TRN_EVENT_LOST);
}
END_TEST

START_TEST(late_readers_learn_what_they_missed)
{
	struct trn_event event = trn_event_of(TRN_EVENT_CLAIM);
	uint64_t cursor = 0, missed = 0;
	struct seen seen = { .stop_at = 3 };

	for (uint64_t i = 1; i <= 1000; i++) {
		event.value = i;
		trn_device_event(rig.device, &event);
	}
	/* 1001 with the device's opening. */
	ck_assert_int_eq(trn_telemetry_events(rig.device, &cursor, see, &seen, &missed), 3);
	ck_assert_uint_eq(missed, 1001 - TRN_EVENTS_KEPT);
	ck_assert_uint_eq(cursor, missed + 3);
	seen = look(&cursor, &missed);
	ck_assert_uint_eq(seen.count, TRN_EVENTS_KEPT - 3);
	ck_assert_uint_eq(missed, 0);
	ck_assert_uint_eq(seen.event.value, 1000);
	cursor = UINT64_MAX; /* beyond all: nothing new, and no harm */
	ck_assert_uint_eq(look(&cursor, &missed).count, 0);
}
END_TEST

START_TEST(refuses_bad_arguments)
{
	struct trn_metric metric = { .size = 1 };
	uint64_t cursor = 0;
	struct seen seen;
	size_t needed = 77;
	char byte;

	ck_assert_int_eq(trn_telemetry_events(NULL, &cursor, see, &seen, NULL), -EINVAL);
	ck_assert_int_eq(trn_telemetry_events(rig.device, NULL, see, &seen, NULL), -EINVAL);
	ck_assert_int_eq(trn_telemetry_events(rig.device, &cursor, NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(trn_telemetry_metric(0, &metric), -EINVAL);
	ck_assert_int_eq(trn_telemetry_metric(0, NULL), -EINVAL);
	ck_assert_int_eq(trn_telemetry_openmetrics(NULL, &byte, 1, &needed), -EINVAL);
	ck_assert_int_eq(trn_telemetry_openmetrics(rig.context, NULL, 1, &needed), -EINVAL);
	ck_assert_int_eq(trn_telemetry_json(rig.context, &byte, 1, NULL), -EINVAL);
	ck_assert_uint_eq(needed, 77);
	ck_assert_str_eq(trn_event_kind_name((enum trn_event_kind)0), "unknown");
	ck_assert_str_eq(trn_event_kind_name((enum trn_event_kind)TRN_EVENT_KINDS), "unknown");
	for (int kind = 1; kind < TRN_EVENT_KINDS; kind++)
		ck_assert_str_ne(trn_event_kind_name((enum trn_event_kind)kind), "unknown");
}
END_TEST

/* Writers leave events whose members say the same thing; a torn one would not. */
#define WRITERS 3u
#define EACH 20000u

static struct trn_event_ring ring;

static void *write_many(void *user)
{
	struct trn_event event = trn_event_of(TRN_EVENT_FAULT);

	for (uint64_t i = 0; i < EACH; i++) {
		event.address = event.value = (uint64_t)(uintptr_t)user << 32 | i;
		memset(event.text, 'a' + (int)(i % 26), sizeof(event.text));
		trn_event_write(&ring, &event);
	}
	return NULL;
}

static bool whole(const struct trn_event *event)
{
	for (size_t i = 1; i < sizeof(event->text); i++)
		if (event->text[i] != event->text[0])
			return false;
	return event->address == event->value &&
	       event->text[0] == 'a' + (int)((uint32_t)event->value % 26);
}

START_TEST(writers_and_readers_at_once)
{
	uint64_t at = 0, missed = 0, read = 0, dropped;
	pthread_t threads[WRITERS];
	struct trn_event event;

	memset(&ring, 0, sizeof(ring));
	for (uintptr_t i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, (void *)(i + 1)), 0);
	for (uint32_t i = 0; i < EACH; i++)
		while (trn_event_read(&ring, &at, &missed, &event)) {
			ck_assert(whole(&event));
			ck_assert_uint_eq(event.number, at);
			read++;
		}
	for (uint32_t i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	while (trn_event_read(&ring, &at, &missed, &event)) {
		ck_assert(whole(&event));
		read++;
	}
	dropped = trn_counted(&ring.dropped);
	ck_assert_uint_eq(read + missed + dropped, WRITERS * EACH);
	ck_assert_uint_eq(at, trn_counted(&ring.last));
}
END_TEST

START_TEST(a_stalled_writer_keeps_nobody)
{
	struct trn_event event = trn_event_of(TRN_EVENT_FAULT);
	uint64_t at = 0, missed = 0;

	memset(&ring, 0, sizeof(ring));
	/* Number 1 was taken, and nothing more: as by a thread that was stopped there. */
	atomic_store(&ring.slots[1].stamp, 3);
	for (uint32_t i = 0; i < TRN_EVENTS_KEPT + 9; i++)
		trn_event_write(&ring, &event);
	ck_assert_uint_eq(trn_counted(&ring.last), TRN_EVENTS_KEPT);
	ck_assert_uint_eq(trn_counted(&ring.dropped), 10);
	ck_assert(!trn_event_read(&ring, &at, &missed, &event));
	ck_assert_uint_eq(at, 0);
	/* It goes on. */
	atomic_store(&ring.slots[1].stamp, 4);
	ck_assert(trn_event_read(&ring, &at, &missed, &event));
	trn_event_write(&ring, &event);
	ck_assert_uint_eq(trn_counted(&ring.last), TRN_EVENTS_KEPT + 1);
}
END_TEST

/* ---- text ---- */

#define TEXT_MAX 65536

static char text[TEXT_MAX];

static const char *write_text(void)
{
	size_t needed = 0;

	ck_assert_int_eq(trn_telemetry_openmetrics(rig.context, text, sizeof(text), &needed), 0);
	ck_assert_uint_eq(needed, strlen(text) + 1);
	return text;
}

static void expect(const char *line)
{
	const char *at = strstr(write_text(), line);

	ck_assert_msg(at && (at == text || at[-1] == '\n'), "no line \"%s\" in\n%s", line, text);
}

START_TEST(counts_what_a_queue_does)
{
	struct trn_queue *queue = trn_rig_queue(&rig, 16);
	struct trn_batch *batch;
	uint64_t sequence;

	ck_assert_int_eq(trn_batch_create(queue, 16, &batch), 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(trn_batch_nop(batch), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, TRN_DEADLINE_NOW, &sequence), -EAGAIN);
	expect("trn_queue_full_total{device=\"test:0\",queue=\"0\"} 1\n");
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	expect("trn_queue_stalls_total{device=\"test:0\",queue=\"0\"} 1\n");
	ck_assert_int_eq(trn_queue_wait(queue, sequence, SOON), 0);
	expect("trn_queue_commands_submitted_total{device=\"test:0\",queue=\"0\"} 20\n");
	expect("trn_queue_commands_completed_total{device=\"test:0\",queue=\"0\"} 20\n");
	expect("trn_queue_submits_total{device=\"test:0\",queue=\"0\"} 2\n");
	expect("trn_queue_waits_total{device=\"test:0\",queue=\"0\"} 1\n");
	expect("trn_queue_depth{device=\"test:0\",queue=\"0\"} 16\n");
	expect("trn_errors_total{code=\"EAGAIN\"} 1\n");
	expect("trn_device_queues{device=\"test:0\"} 1\n");
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	expect("trn_device_queues{device=\"test:0\"} 0\n");
	expect("trn_device_queues_opened_total{device=\"test:0\"} 1\n");
	ck_assert_ptr_null(strstr(text, "queue=\"0\""));
}
END_TEST

static struct trn_latency latency_of(struct trn_queue *queue)
{
	struct trn_latency latency = { .size = sizeof(latency) };

	ck_assert_int_eq(trn_queue_latency(queue, &latency), 0);
	return latency;
}

START_TEST(measures_latency_when_told)
{
	struct trn_queue *queue = trn_rig_queue(&rig, 256);
	struct trn_latency latency;
	struct trn_batch *batch;
	uint64_t sequence;

	ck_assert_int_eq(trn_batch_create(queue, 1, &batch), 0);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_wait(queue, sequence, SOON), 0);
	ck_assert_uint_eq(latency_of(queue).count, 0);
	ck_assert_int_eq(trn_telemetry_latency(rig.device, 1), 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_wait(queue, sequence, SOON), 0);
	latency = latency_of(queue);
	ck_assert_uint_eq(latency.count, 10);
	ck_assert_uint_eq(latency.unmeasured, 0);
	ck_assert_uint_gt(latency.sum_ns, 0);
	ck_assert(latency.p50_ns <= latency.p90_ns && latency.p90_ns <= latency.p99_ns &&
		  latency.p99_ns <= latency.p999_ns && latency.p50_ns > 0);
	expect("# TYPE trn_queue_latency_seconds histogram\n");
	expect("trn_queue_latency_seconds_count{device=\"test:0\",queue=\"0\"} 10\n");
	expect("trn_queue_latency_seconds_bucket{device=\"test:0\",queue=\"0\",le=\"+Inf\"} 10\n");
	ck_assert_ptr_nonnull(strstr(text, "le=\"0.000001024\"} "));
	ck_assert_ptr_nonnull(strstr(text, "le=\"17.179869184\"} "));
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
}
END_TEST

START_TEST(latency_of_more_than_it_can_hold)
{
	struct trn_queue *queue = trn_rig_queue(&rig, 256);
	struct trn_latency latency = { .size = 1 };
	struct trn_batch *batch;
	uint64_t sequence;

	ck_assert_int_eq(trn_queue_latency(queue, &latency), -EINVAL);
	ck_assert_int_eq(trn_queue_latency(NULL, &latency), -EINVAL);
	ck_assert_int_eq(trn_telemetry_latency(NULL, 1), -EINVAL);
	ck_assert_int_eq(trn_telemetry_latency(rig.device, 2), -EINVAL);
	ck_assert_int_eq(trn_telemetry_latency(rig.device, 1), 0);
	ck_assert_int_eq(trn_batch_create(queue, 1, &batch), 0);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	for (uint32_t i = 0; i < TRN_LATENCY_MARKS + 5; i++)
		ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_telemetry_latency(rig.device, 0), 0);
	ck_assert_int_eq(trn_queue_wait(queue, sequence, SOON), 0);
	latency = latency_of(queue);
	ck_assert_uint_eq(latency.count + latency.unmeasured, TRN_LATENCY_MARKS + 5);
	ck_assert_uint_eq(latency.count, TRN_LATENCY_MARKS);
	/* What a reset drops was not finished. */
	ck_assert_int_eq(trn_telemetry_latency(rig.device, 1), 0);
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_reset(queue, SOON), 0);
	ck_assert_uint_eq(latency_of(queue).count, TRN_LATENCY_MARKS);
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, &sequence), 0);
	ck_assert_int_eq(trn_queue_wait(queue, sequence, SOON), 0);
	ck_assert_uint_eq(latency_of(queue).count, TRN_LATENCY_MARKS + 1);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
}
END_TEST

START_TEST(memory_and_health)
{
	struct trn_buffer *buffer = trn_rig_buffer(&rig, TRN_BUFFER_HBM, 12345);

	expect("trn_memory_live_bytes{device=\"test:0\",place=\"0\",category=\"tensors\"} 12345\n");
	expect("# UNIT trn_memory_live_bytes bytes\n");
	trn_buffer_unref(buffer);
	expect("trn_memory_live_bytes{device=\"test:0\",place=\"0\",category=\"tensors\"} 0\n");
	expect("trn_memory_peak_bytes{device=\"test:0\",place=\"0\",category=\"tensors\"} 12345\n");
	ck_assert_ptr_nonnull(strstr(text, "trn_tensor_busy_cycles_total{"));
	expect("trn_device_up{device=\"test:0\"} 1\n");
	trn_device_lose(rig.device);
	trn_test_hal.fail[TRN_TEST_TELEMETRY] = -TRN_EDEVLOST;
	expect("trn_device_up{device=\"test:0\"} 0\n");
	expect("trn_device_losses_total{device=\"test:0\"} 1\n");
	/* The family is there, and has no number. */
	ck_assert_ptr_nonnull(strstr(text, "# TYPE trn_tensor_busy_cycles counter\n"));
	ck_assert_ptr_null(strstr(text, "trn_tensor_busy_cycles_total{"));
}
END_TEST

START_TEST(the_chips_own_counters)
{
	ck_assert_ptr_null(strstr(write_text(), "trn_chip_dma_bytes_total{"));
	trn_test_hal.counted = true;
	expect("trn_chip_dma_bytes_total{device=\"test:0\"} 73014444032\n");
	expect("trn_chip_energy_joules_total{device=\"test:0\"} 18.000019\n");
	expect("trn_engine_busy_seconds_total{device=\"test:0\",engine=\"vector\"} 0.000000021\n");
}
END_TEST

START_TEST(says_how_much_room_it_needs)
{
	size_t needed = 0, again = 0;
	char small[100];
	long requests = (long)rig.mem.requests;

	ck_assert_int_eq(trn_telemetry_openmetrics(rig.context, NULL, 0, &needed), 0);
	ck_assert_uint_gt(needed, sizeof(small));
	ck_assert_uint_lt(needed, sizeof(text));
	memset(small, 'x', sizeof(small));
	ck_assert_int_eq(trn_telemetry_openmetrics(rig.context, small, sizeof(small), &again), 0);
	ck_assert_uint_eq(again, needed);
	ck_assert_str_eq(small, "");
	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(trn_telemetry_openmetrics(rig.context, text, needed - 1, &again), 0);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(text[needed - 1], 'x');
	ck_assert_int_eq(trn_telemetry_openmetrics(rig.context, text, needed, &again), 0);
	ck_assert_uint_eq(strlen(text) + 1, needed);
	ck_assert_str_eq(text + needed - 7, "# EOF\n");
	ck_assert_int_eq((long)rig.mem.requests, requests);
	ck_assert_int_eq(trn_telemetry_json(rig.context, text, sizeof(text), &needed), 0);
	ck_assert_int_eq(memcmp(text, "{\"metrics\":[{\"name\":\"trn_errors\"", 32), 0);
}
END_TEST

START_TEST(the_table_is_well_formed)
{
	struct trn_metric metric = { .size = sizeof(metric) };
	uint32_t count = 0;

	for (; trn_telemetry_metric(count, &metric) == 0; count++) {
		const size_t name = strlen(metric.name), unit = strlen(metric.unit);

		ck_assert_int_eq(memcmp(metric.name, "trn_", 4), 0);
		ck_assert_uint_eq(strspn(metric.name, "abcdefghijklmnopqrstuvwxyz_"), name);
		ck_assert_str_eq(metric.name + name - unit, metric.unit);
		ck_assert_int_eq(metric.help[strlen(metric.help) - 1], '.');
		ck_assert_uint_eq(strcspn(metric.help, "\\\n\""), strlen(metric.help));
		ck_assert_uint_gt(strlen(metric.labels), 0);
		/* A family stands in the text once. */
		ck_assert_ptr_null(strstr(metric.name, "_total"));
	}
	ck_assert_uint_gt(count, 20);
	ck_assert_int_eq(trn_telemetry_metric(UINT32_MAX, &metric), -ENOENT);
}
END_TEST

static Suite *telemetry_suite(void)
{
	Suite *suite = suite_create("runtime-telemetry");
	TCase *tc = tcase_create("events");

	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc, tells_what_happened);
	tcase_add_test(tc, claims_resets_memory_and_losses);
	tcase_add_test(tc, late_readers_learn_what_they_missed);
	tcase_add_test(tc, refuses_bad_arguments);
	suite_add_tcase(suite, tc);
	tc = tcase_create("ring");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, writers_and_readers_at_once);
	tcase_add_test(tc, a_stalled_writer_keeps_nobody);
	suite_add_tcase(suite, tc);
	tc = tcase_create("text");
	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc, counts_what_a_queue_does);
	tcase_add_test(tc, measures_latency_when_told);
	tcase_add_test(tc, latency_of_more_than_it_can_hold);
	tcase_add_test(tc, memory_and_health);
	tcase_add_test(tc, the_chips_own_counters);
	tcase_add_test(tc, says_how_much_room_it_needs);
	tcase_add_test(tc, the_table_is_well_formed);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(telemetry_suite)
