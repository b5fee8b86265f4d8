/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: opening, facts, counters, claims, resets, registers. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	API_CHECK(a, claim.owner != 0);
	API_OK(a, trn_device_core_claim(a->device, 1, -1, &claim));
	API_CHECK(a, claim.owner == 0);
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
	{ "device.progress", device_progress },
	{ NULL, NULL },
};
