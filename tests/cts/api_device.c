/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: opening, facts, counters, claims, resets, registers. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void device_info(struct api *a)
{
	API_CHECK(a, a->info.uri[0] && a->info.product[0] && a->info.arch[0] && a->info.backend[0]);
	API_CHECK(a, a->info.cores == 8);
	API_CHECK(a, a->info.hbm_stacks > 0 && a->info.hbm_bytes > 0);
	API_CHECK(a, a->info.hbm_free_bytes > 0 && a->info.hbm_free_bytes <= a->info.hbm_bytes);
	API_CHECK(a, a->info.queues_max > 0);
	API_CHECK(a, api_has(a, TRN_CAP_SIMULATED));
	API_CHECK(a, api_has(a, TRN_CAP_INLINE) == !strstr(a->uri, "threads=1"));
	API_CODE(a, -EINVAL, trn_device_info(a->device, &(struct trn_device_info){ .size = 1 }));
}

static void device_open_again(struct api *a)
{
	struct trn_device *again = NULL;

	API_OK(a, trn_device_open(a->context, a->opened, api_soon(), &again));
	API_CHECK(a, again == a->device);
	trn_device_unref(again);
	/* The last reference closes it; a new one is a new device. */
	a->device = trn_device_unref(a->device);
	API_OK(a, trn_device_open(a->context, a->opened, api_soon(), &a->device));
}

static void device_open_errors(struct api *a)
{
	static const struct {
		const char *uri;
		int code;
	} bad[] = {
		{ "", -EINVAL },
		{ "trn3", -EINVAL },
		{ "bogus:trn3", -EINVAL },
		{ "mock:", -EINVAL },
		{ "mock:trn9", -ENODEV },
		{ "mock:trn3/7", -ENODEV },
		{ "mock:trn3?colour=red", -EINVAL },
		{ "mock:trn3?fault=no.such.fault", -EINVAL },
		{ "vfio:0000:00:1f.0", -ENOTSUP },
	};
	struct trn_device *device = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		API_CODE(a, bad[i].code,
			 trn_device_open(a->context, bad[i].uri, api_soon(), &device));
	API_CHECK(a, !device);
}

static void device_nothing_to_open(struct api *a)
{
	struct trn_error error = { .size = sizeof(error) };
	struct trn_device *device = NULL;

	API_CHECK(a, unsetenv("TRN_DEVICE") == 0);
	if (trn_device_open(a->context, NULL, api_soon(), &device) == 0) {
		trn_device_unref(device); /* a machine with silicon */
		return;
	}
	API_OK(a, trn_error_get(a->context, &error));
	API_CHECK(a, error.code == -ENODEV && strstr(error.cause, "mock:trn3"));
}

static void device_environment(struct api *a)
{
	struct trn_device *device = NULL;

	API_CHECK(a, setenv("TRN_DEVICE", a->opened, 1) == 0);
	API_OK(a, trn_device_open(a->context, NULL, api_soon(), &device));
	API_CHECK(a, device == a->device);
	trn_device_unref(device);
}

static void device_telemetry(struct api *a)
{
	struct trn_device_telemetry t = { .size = sizeof(t) };

	API_OK(a, trn_device_telemetry(a->device, &t));
	API_CHECK(a, t.hbm_repair_state <= 2);
	API_CHECK(a, t.power_utilization[0] <= 10000 && t.power_utilization[1] <= 10000);
}

static void device_claims(struct api *a)
{
	struct trn_core_claim claim = { .size = sizeof(claim) };

	API_OK(a, trn_device_core_claim(a->device, 1, 0, &claim));
	API_CHECK(a, claim.owner == 0);
	API_OK(a, trn_device_core_claim(a->device, 1, 1, &claim));
	API_CHECK(a, claim.owner != 0 && claim.core == 1);
	API_OK(a, trn_device_core_claim(a->device, 1, 1, NULL)); /* ours already */
	API_OK(a, trn_device_core_claim(a->device, 1, 0, &claim));
	API_CHECK(a, claim.owner != 0 && claim.pid == (uint32_t)getpid());
	API_CHECK(a, claim.command[0] && claim.since_wall_ns > 0);
	API_OK(a, trn_device_core_claim(a->device, 1, -1, &claim));
	API_CHECK(a, claim.owner == 0 && claim.pid == 0 && !claim.command[0]);
	API_CODE(a, -EINVAL, trn_device_core_claim(a->device, 8, 0, NULL));
}

/* A queue stops with the device and works again after a reset of its own. */
static void device_reset(struct api *a)
{
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 4);
	struct trn_timeline *timeline = api_timeline(a, 0);

	API_OK(a, trn_batch_signal(batch, timeline, 1));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_timeline_wait(timeline, 1, api_soon()));
	API_OK(a, trn_device_reset(a->device, 0, api_soon()));
	API_CODE(a, -TRN_EQUEUE, trn_queue_submit(queue, batch, api_soon(), NULL));
	API_OK(a, trn_queue_reset(queue, api_soon()));
	trn_batch_clear(batch);
	API_OK(a, trn_batch_signal(batch, timeline, 2));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_timeline_wait(timeline, 2, api_soon()));
	API_OK(a, trn_queue_drain(queue, api_soon()));
}

static void device_core_reset(struct api *a)
{
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 4096);
	uint8_t in[4096], out[4096];

	api_random(a, in, sizeof(in));
	API_OK(a, trn_buffer_write(buffer, 0, in, sizeof(in), api_soon()));
	API_OK(a, trn_device_reset(a->device, 0x03, api_soon()));
	API_OK(a, trn_buffer_read(buffer, 0, out, sizeof(out), api_soon()));
	API_CHECK(a, memcmp(in, out, sizeof(in)) == 0);
	API_CODE(a, -EINVAL, trn_device_reset(a->device, 0x100, api_soon()));
}

static void device_registers(struct api *a)
{
	uint32_t offset, value = 0;

	API_CHECK(a, trn_diag_reg_find("misc.routing_id", &offset) == 0);
	API_OK(a, trn_diag_reg_read(a->device, 0, offset, &value));
	API_CHECK(a, (value & 0xff) == (a->info.routing_id & 0xff));
	API_CODE(a, -EINVAL, trn_diag_reg_read(a->device, 0, 2, &value));
	API_CODE(a, -EINVAL, trn_diag_reg_read(a->device, 9, 0, &value));
}

/* The number of the first sample whose line begins so; -1 without one. */
static int64_t number(struct api *a, const char *begin)
{
	char *text = (char *)api_bytes(a, 1 << 17);
	const char *at;
	size_t needed;

	API_OK(a, trn_telemetry_openmetrics(a->context, text, 1 << 17, &needed));
	API_CHECK(a, needed <= 1 << 17 && strlen(text) + 1 == needed);
	at = strstr(text, begin);
	at = at ? strstr(at, "} ") : NULL;
	return at ? strtoll(at + 2, NULL, 10) : -1;
}

/* What a copy moves is what the device, the queue and the ring say. */
static void device_metrics(struct api *a)
{
	struct trn_buffer *from = api_buffer(a, TRN_BUFFER_HBM, 100000);
	struct trn_buffer *to = api_buffer(a, TRN_BUFFER_HBM, 100000);
	struct trn_queue *queue = api_queue(a, 64);
	struct trn_batch *batch = api_batch(a, queue, 16);
	const int64_t moved = number(a, "\ntrn_chip_dma_bytes_total{");
	struct trn_latency latency = { .size = sizeof(latency) };

	API_OK(a, trn_telemetry_latency(a->device, 1));
	API_OK(a, trn_batch_copy(batch, to, 0, from, 0, 100000));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_CHECK(a, moved < 0 || number(a, "\ntrn_chip_dma_bytes_total{") - moved == 100000);
	API_CHECK(a, number(a, "\ntrn_queue_commands_completed_total{") == 1);
	API_CHECK(a, number(a, "\ntrn_queue_submits_total{") == 1);
	API_CHECK(a, number(a, "\ntrn_queue_latency_seconds_count{") == 1);
	API_OK(a, trn_queue_latency(queue, &latency));
	API_CHECK(a, latency.count == 1 && latency.p50_ns >= latency.sum_ns);
	API_CHECK(a, number(a, "\ntrn_device_queues{") == 1);
	API_CHECK(a, number(a, "\ntrn_device_up{") == 1);
}

static int event_see(void *user, const struct trn_event *event)
{
	uint32_t *kinds = user;

	*kinds |= 1u << event->kind;
	return 0;
}

static void device_events(struct api *a)
{
	uint64_t cursor = 0, missed = 9;
	uint32_t kinds = 0;

	API_CHECK(a, trn_telemetry_events(a->device, &cursor, event_see, &kinds, &missed) >= 1);
	API_CHECK(a, (kinds & 1u << TRN_EVENT_OPEN) && missed == 0 && cursor >= 1);
	kinds = 0;
	(void)api_queue(a, 64);
	API_CHECK(a, trn_telemetry_events(a->device, &cursor, event_see, &kinds, NULL) == 1);
	API_CHECK(a, kinds == 1u << TRN_EVENT_QUEUE_OPEN);
}

static void device_progress(struct api *a)
{
	while (trn_context_progress(a->context) == 0)
		;
	API_CHECK(a, trn_context_progress(a->context) == -EAGAIN);
}

const struct api_test api_device_tests[] = {
	{ "device.info", device_info },
	{ "device.open-again", device_open_again },
	{ "device.open-errors", device_open_errors },
	{ "device.nothing-to-open", device_nothing_to_open },
	{ "device.environment", device_environment },
	{ "device.telemetry", device_telemetry },
	{ "device.claims", device_claims },
	{ "device.reset", device_reset },
	{ "device.core-reset", device_core_reset },
	{ "device.registers", device_registers },
	{ "device.metrics", device_metrics },
	{ "device.events", device_events },
	{ "device.progress", device_progress },
	{ NULL, NULL },
};
