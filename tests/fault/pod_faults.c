/* SPDX-License-Identifier: Apache-2.0 */
/* Links and chips of a pod that break on purpose, seen through the public API: copies between
 * devices survive or end in a negative error that says why, other ways stay open, nothing
 * hangs or leaks. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <trn/diag.h>
#include <trn/topology.h>
#include <trn/trn.h>
#include "base/test_alloc.h"
#include "base/test_main.h"

#define SECOND UINT64_C(1000000000)
#define LONG (30 * SECOND)
#define BYTES (3u << 20)

static const char *const doors[] = { "", "?threads=1" };
/* 0 in the middle, one step in each dimension. */
static const uint32_t chips[] = { 0, 1, 4 };
#define DEVICES 3u

static struct trn_test_alloc mem;
static struct trn_context *context;
static struct trn_device *device[DEVICES];
static struct trn_queue *queue[DEVICES];
static struct trn_batch *batch[DEVICES];
static struct trn_buffer *hbm[DEVICES];
static uint8_t bytes[BYTES], back[BYTES];

static void setup(void)
{
	const struct trn_context_opts opts = { .size = sizeof(opts), .alloc = &mem.alloc };

	trn_test_alloc_init(&mem, -1);
	ck_assert_int_eq(trn_context_create(&opts, &context), 0);
	for (uint32_t i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 253);
}

static void teardown(void)
{
	for (uint32_t i = 0; i < DEVICES; i++) {
		trn_batch_destroy(batch[i]);
		trn_queue_unref(queue[i]);
		trn_buffer_unref(hbm[i]);
		trn_device_unref(device[i]);
	}
	trn_context_unref(context);
	ck_assert_int_eq(mem.live, 0);
}

static void open_devices(const char *door)
{
	const struct trn_buffer_opts hbm_opts = { .size = sizeof(hbm_opts), .bytes = BYTES };
	const struct trn_queue_opts opts = { .size = sizeof(opts), .depth = 16 };
	char uri[48];

	for (uint32_t i = 0; i < DEVICES; i++) {
		(void)snprintf(uri, sizeof(uri), "mock:trn2-48xl/%u%s", chips[i], door);
		ck_assert_int_eq(trn_device_open(context, uri, trn_deadline_in(LONG), &device[i]),
				 0);
		ck_assert_int_eq(trn_buffer_create(device[i], &hbm_opts, &hbm[i]), 0);
		ck_assert_int_eq(trn_queue_create(device[i], &opts, &queue[i]), 0);
		ck_assert_int_eq(trn_batch_create(queue[i], 8, &batch[i]), 0);
	}
	ck_assert_int_eq(trn_buffer_write(hbm[0], 0, bytes, BYTES, trn_deadline_in(LONG)), 0);
}

static void arm(uint32_t i, const char *spec)
{
	ck_assert_int_eq(trn_diag_control(device[i], "fault", spec, NULL, 0), 0);
}

/* Device from sends its buffer to device to; what the wait answers. */
static int send(uint32_t from, uint32_t to)
{
	struct trn_buffer *peer = NULL;
	uint64_t sequence = 0;
	int r;

	ck_assert_int_eq(trn_buffer_peer(hbm[to], device[from], &peer), 0);
	trn_batch_clear(batch[from]);
	ck_assert_int_eq(trn_batch_copy(batch[from], peer, 0, hbm[from], 0, BYTES), 0);
	r = trn_queue_submit(queue[from], batch[from], trn_deadline_in(LONG), &sequence);
	if (r == 0)
		r = trn_queue_wait(queue[from], sequence, trn_deadline_in(LONG));
	trn_buffer_unref(peer);
	return r;
}

static void arrived(uint32_t i)
{
	memset(back, 0, BYTES);
	ck_assert_int_eq(trn_buffer_read(hbm[i], 0, back, BYTES, trn_deadline_in(LONG)), 0);
	ck_assert_int_eq(memcmp(back, bytes, BYTES), 0);
}

/* The link between two devices. */
static struct trn_pod_link_info link_of(uint32_t from, uint32_t to, uint32_t *ret_number)
{
	struct trn_pod_link_info link = { .size = sizeof(link) };

	for (uint32_t l = 0; trn_device_link(device[0], l, &link) == 0; l++) {
		*ret_number = l;
		if (link.from == chips[from] && link.to == chips[to])
			return link;
	}
	ck_abort_msg("no link");
}

static void arm_link(uint32_t from, uint32_t to, const char *name, const char *options)
{
	char spec[64];
	uint32_t number = 0;

	(void)link_of(from, to, &number);
	(void)snprintf(spec, sizeof(spec), "%s@%u%s", name, number, options);
	arm(from, spec);
}

/* Links that carry, later: what the fault is, and the state the link is in then. */
static const struct {
	const char *name, *options;
	uint32_t state;
} carried[] = {
	{ "link.slow", ",value=8", 1 },
	{ "link.flap", ",value=300", 0 },
	{ "link.jitter", ",value=50000,seed=3", 0 },
};

START_TEST(links_that_carry_later)
{
	struct trn_pod_link_info link;
	uint32_t number = 0;

	open_devices(doors[_i % 2]);
	arm_link(0, 1, carried[_i / 2].name, carried[_i / 2].options);
	ck_assert_int_eq(send(0, 1), 0);
	arrived(1);
	link = link_of(0, 1, &number);
	ck_assert_uint_eq(link.state, carried[_i / 2].state);
	ck_assert_uint_ge(link.bytes, BYTES);
	ck_assert_int_eq(send(0, 2), 0);
	arrived(2);
}
END_TEST

START_TEST(a_link_that_is_lost)
{
	struct trn_error error = { .size = sizeof(error) };
	uint32_t number = 0;

	open_devices(doors[_i]);
	arm_link(0, 1, "link.down", ",after=1");
	ck_assert_int_eq(send(0, 1), -EIO);
	ck_assert_int_eq(trn_queue_error(queue[0], &error), 0);
	ck_assert_int_eq(error.code, -EIO);
	ck_assert_str_eq(error.operation, "copy");
	ck_assert_ptr_nonnull(strstr(error.cause, "lost on the way"));
	ck_assert_uint_eq(link_of(0, 1, &number).state, 2);
	/* It stays lost; another way, and the way back, are open. */
	ck_assert_int_eq(trn_queue_reset(queue[0], trn_deadline_in(LONG)), 0);
	ck_assert_int_eq(send(0, 1), -EIO);
	ck_assert_int_eq(trn_queue_reset(queue[0], trn_deadline_in(LONG)), 0);
	ck_assert_int_eq(send(0, 2), 0);
	arrived(2);
	ck_assert_int_eq(trn_buffer_write(hbm[1], 0, bytes, BYTES, trn_deadline_in(LONG)), 0);
	ck_assert_int_eq(trn_buffer_write(hbm[0], 0, back, BYTES, trn_deadline_in(LONG)), 0);
	ck_assert_int_eq(send(1, 0), 0);
	arrived(0);
}
END_TEST

START_TEST(a_chip_that_is_lost)
{
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	int r;

	open_devices(doors[_i]);
	arm(1, "device.lost");
	ck_assert_int_eq(trn_device_telemetry(device[1], &telemetry), -TRN_EDEVLOST);
	r = send(0, 1);
	ck_assert_msg(r < 0 && r != -ETIMEDOUT, "%d", r);
	ck_assert_int_eq(trn_queue_reset(queue[0], trn_deadline_in(LONG)), 0);
	/* The fault was armed through one device and has struck that one only. */
	ck_assert_int_eq(trn_device_telemetry(device[0], &telemetry), 0);
	ck_assert_int_eq(send(0, 2), 0);
	arrived(2);
}
END_TEST

/* One opens what another is just closing. */
static void *come_and_go(void *arg)
{
	int *ret = arg;

	for (int i = 0; i < 12 && *ret == 0; i++) {
		struct trn_device *mine = NULL;

		*ret = trn_device_open(context, "mock:trn2-48xl/3?threads=1", trn_deadline_in(LONG),
				       &mine);
		trn_device_unref(mine);
	}
	return NULL;
}

START_TEST(devices_come_and_go)
{
	int r[4] = { 0 };
	pthread_t threads[4];

	for (uint32_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, &r[i]), 0);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_msg(r[i] == 0, "thread %u: %s", i, trn_strerror(r[i]));
}
END_TEST

static Suite *pod_suite(void)
{
	Suite *suite = suite_create("pod faults");
	TCase *tc = tcase_create("pod faults");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, links_that_carry_later, 0, 6);
	tcase_add_loop_test(tc, a_link_that_is_lost, 0, 2);
	tcase_add_loop_test(tc, a_chip_that_is_lost, 0, 2);
	tcase_add_test(tc, devices_come_and_go);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(pod_suite)
