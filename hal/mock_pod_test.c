/* SPDX-License-Identifier: Apache-2.0 */
/* Pods of the mock: which devices share a model, whose memory is whose, who is told what, and
 * devices that come and go in several threads. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/regs.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "hal/bus_mock.h"
#include "hal/hal.h"

#define SMALL "hbm=64M"

static struct trn_test_alloc mem;
static struct trn_log sink;
static struct trn_hal_pods *pods;
static char why[160];

static int open_bus(struct trn_hal_pods *in, const char *text, struct trn_bus **ret_bus)
{
	static struct trn_uri uri;
	const struct trn_bus_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = &uri,
					   .pods = in,
					   .ret_why = why,
					   .why_size = sizeof(why) };

	why[0] = '\0';
	ck_assert_int_eq(trn_uri_parse(text, &uri, NULL, NULL), 0);
	return trn_bus_mock_open(&open, ret_bus);
}

static struct trn_bus *must_open(const char *text)
{
	struct trn_bus *bus = NULL;

	ck_assert_msg(open_bus(pods, text, &bus) == 0, "%s: %s", text, why);
	return bus;
}

static struct mock_pod *pod_of(struct trn_bus *bus)
{
	return ((struct mock *)(void *)bus)->pod;
}

static void close_bus(struct trn_bus *bus)
{
	bus->ops->close(bus);
}

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_log_init(&sink, NULL, NULL, TRN_LOG_DEBUG);
	ck_assert_int_eq(trn_hal_pods_create(&mem.alloc, &pods), 0);
}

static void teardown(void)
{
	trn_hal_pods_destroy(pods);
	ck_assert_int_eq(mem.live, 0);
}

START_TEST(one_text_is_one_pod)
{
	struct trn_bus *first = must_open("mock:trn2-48xl/0?" SMALL);
	struct trn_bus *second = must_open("mock:trn2-48xl/15?" SMALL);
	struct trn_bus *seeded = must_open("mock:trn2-48xl/3?" SMALL "&seed=2");
	struct trn_bus *apart = NULL;
	struct trn_bus *again = NULL;

	ck_assert_int_eq(open_bus(NULL, "mock:trn2-48xl/3?" SMALL, &apart), 0);
	ck_assert_ptr_eq(pod_of(first), pod_of(second));
	ck_assert_ptr_ne(pod_of(first), pod_of(seeded));
	ck_assert_ptr_ne(pod_of(first), pod_of(apart));
	ck_assert_uint_eq(first->info.pod_id, second->info.pod_id);
	ck_assert_uint_ne(first->info.pod_id, seeded->info.pod_id);
	ck_assert_uint_ne(first->info.pod_id, apart->info.pod_id);
	ck_assert_str_eq(second->info.name, "mock:trn2-48xl/15");
	ck_assert_int_eq(open_bus(pods, "mock:trn2-48xl/0?" SMALL, &again), -EBUSY);
	ck_assert_ptr_nonnull(strstr(why, "mock:trn2-48xl/0 is open already"));
	/* The pod stays while one of its devices does; a chip can be opened again. */
	close_bus(first);
	first = must_open("mock:trn2-48xl/0?" SMALL);
	ck_assert_ptr_eq(pod_of(first), pod_of(second));
	close_bus(second);
	close_bus(first);
	close_bus(seeded);
	close_bus(apart);
	/* One that begins anew is another one. */
	first = must_open("mock:trn2-48xl/0?" SMALL);
	close_bus(first);
}
END_TEST

/* Chips of a kind of their own share nothing, whatever the registry. */
START_TEST(a_chip_alone_has_no_pod)
{
	struct trn_bus *first = must_open("mock:trn3?" SMALL);
	struct trn_bus *second = must_open("mock:trn3/0?" SMALL);

	ck_assert_ptr_ne(pod_of(first), pod_of(second));
	ck_assert_uint_eq(first->info.pod_id, 0);
	ck_assert_str_eq(first->info.pod->name, "trn3");
	close_bus(first);
	close_bus(second);
}
END_TEST

/* What makes values ambiguous inside a key does not make two URIs one pod. */
START_TEST(values_stay_apart)
{
	struct trn_bus *first = must_open("mock:trn2-48xl/0?seed=1&serial=2&" SMALL);
	struct trn_bus *second = must_open("mock:trn2-48xl/1?serial=2&seed=1&" SMALL);

	/* Another order is another text. */
	ck_assert_ptr_ne(pod_of(first), pod_of(second));
	close_bus(first);
	close_bus(second);
}
END_TEST

START_TEST(a_server_has_its_own_memory)
{
	/* Chips 0..3 are server 0, 4 is in server 1. */
	struct trn_bus *first = must_open("mock:trn3-ultraserver/0?" SMALL);
	struct trn_bus *near = must_open("mock:trn3-ultraserver/3?" SMALL);
	struct trn_bus *far = must_open("mock:trn3-ultraserver/4?" SMALL);
	struct mock_pod *pod = pod_of(first);
	uint64_t a = 0, b = 0, c = 0;
	void *page = NULL;

	ck_assert_int_eq(posix_memalign(&page, MOCK_PAGE, 3 * MOCK_PAGE), 0);
	ck_assert_int_eq(first->ops->dma_map(first, page, MOCK_PAGE, &a), 0);
	ck_assert_int_eq(near->ops->dma_map(near, page, MOCK_PAGE, &b), 0);
	ck_assert_int_eq(far->ops->dma_map(far, page, MOCK_PAGE, &c), 0);
	ck_assert_uint_ne(a, b); /* one host, one space of addresses */
	ck_assert_uint_eq(a, c); /* another host */
	ck_assert_ptr_eq(trn_mock_maps_find(&pod->maps[0], b, MOCK_PAGE), page);
	ck_assert_ptr_null(trn_mock_maps_find(&pod->maps[1], b, MOCK_PAGE));
	ck_assert_ptr_null(trn_mock_maps_find(&pod->maps[35], c, MOCK_PAGE));
	ck_assert_int_eq(far->ops->dma_unmap(far, b, MOCK_PAGE), -EINVAL);
	ck_assert_int_eq(first->ops->dma_unmap(first, b, MOCK_PAGE),
			 0); /* the host's, not a chip's */
	close_bus(first);
	close_bus(near);
	close_bus(far);
	free(page);
}
END_TEST

static void reset(struct trn_bus *bus)
{
	ck_assert_int_eq(bus->ops->write32(bus, 0, TRN_MISC_RAM + TRN_MR_RESET_TYPE, 1), 0);
	ck_assert_int_eq(bus->ops->write32(bus, 0, TRN_MISC_RAM + TRN_MR_TRIGGER, 1), 0);
}

static uint64_t number(struct trn_bus *bus, const char *verb, const char *arg, const char *key)
{
	char text[1536] = "";
	char quoted[64];
	const char *at;

	ck_assert_int_eq(bus->ops->control(bus, verb, arg, text, sizeof(text)), 0);
	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(text, quoted);
	ck_assert_msg(at != NULL, "%s has no %s", text, key);
	return strtoull(at + strlen(quoted), NULL, 10);
}

/* One time: a wait on one chip lets all of them go on. */
START_TEST(one_chip_steps_all)
{
	struct trn_bus *first = must_open("mock:trn2-48xl/0?" SMALL);
	struct trn_bus *second = must_open("mock:trn2-48xl/9?" SMALL);
	unsigned int round = 0;
	int r;

	reset(second);
	while ((r = first->ops->progress(first, &round, 0)) == 0)
		;
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_uint_eq(number(second, "counters", NULL, "resets"), 1);
	ck_assert_uint_eq(number(first, "counters", NULL, "resets"), 0);
	ck_assert_uint_gt(number(first, "time", NULL, "time_ps"), 0);
	ck_assert_uint_eq(number(first, "time", NULL, "time_ps"),
			  number(second, "time", NULL, "time_ps"));
	close_bus(first);
	close_bus(second);
}
END_TEST

/* A fault strikes the chip whose device was asked. */
START_TEST(faults_have_a_chip)
{
	struct trn_bus *first = must_open("mock:trn2-48xl/0?" SMALL);
	struct trn_bus *second = must_open("mock:trn2-48xl/9?" SMALL "");
	struct trn_bus *third;
	uint32_t value = 0;

	ck_assert_int_eq(second->ops->control(second, "fault", "device.lost", NULL, 0), 0);
	ck_assert_int_eq(first->ops->read32(first, 0, TRN_MISC_RAM, &value), 0);
	ck_assert_uint_ne(value, TRN_READ_DEAD);
	ck_assert_int_eq(second->ops->read32(second, 0, TRN_MISC_RAM, &value), 0);
	ck_assert_uint_eq(value, TRN_READ_DEAD);
	ck_assert_int_eq(first->ops->control(first, "fault", "device.lost,chip=16", NULL, 0),
			 -EINVAL);
	close_bus(second);
	/* By URI: of the chip that is opened. */
	third = must_open("mock:trn2-48xl/3?" SMALL "&fault=device.lost");
	ck_assert_int_eq(third->ops->read32(third, 0, TRN_MISC_RAM, &value), 0);
	ck_assert_uint_eq(value, TRN_READ_DEAD);
	close_bus(first);
	close_bus(third);
}
END_TEST

START_TEST(links_have_a_state)
{
	struct trn_bus *bus = must_open("mock:trn2-48xl/5?" SMALL);
	struct trn_bus *alone = must_open("mock:trn3?" SMALL);
	char text[256] = "";

	ck_assert_uint_eq(number(bus, "link", "63", "link"), 63); /* 16 chips, 4 neighbours */
	ck_assert_uint_eq(number(bus, "link", "63", "bytes"), 0);
	ck_assert_uint_gt(number(bus, "link", "0", "mbps"), 0);
	ck_assert_int_eq(bus->ops->control(bus, "link", "64", text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(bus->ops->control(bus, "link", "one", text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(bus->ops->control(bus, "link", NULL, text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(alone->ops->control(alone, "link", "0", text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(bus->ops->control(bus, "fault", "link.down@7", NULL, 0), 0);
	close_bus(bus);
	close_bus(alone);
}
END_TEST

static void count_item(void *user, const struct trn_trace_item *item)
{
	(void)item;
	++*(uint64_t *)user;
}

/* Who listens hears its own chip, and keeps hearing it when another one stops. */
START_TEST(traces_are_by_chip)
{
	struct trn_bus *first = must_open("mock:trn2-48xl/0?" SMALL);
	struct trn_bus *second = must_open("mock:trn2-48xl/1?" SMALL);
	const struct trn_trace_item item = { .kind = TRN_TRACE_POWER, .chip = 1 };
	uint64_t one = 0, two = 0;

	ck_assert_int_eq(first->ops->trace(first, count_item, &one), 0);
	ck_assert_int_eq(second->ops->trace(second, count_item, &two), 0);
	one = 0;
	two = 0;
	trn_mock_trace_item(pod_of(first), &item);
	ck_assert_uint_eq(one, 0);
	ck_assert_uint_eq(two, 1);
	ck_assert_int_eq(first->ops->trace(first, NULL, NULL), 0);
	trn_mock_trace_item(pod_of(first), &item);
	ck_assert_uint_eq(two, 2);
	close_bus(second); /* while it listens */
	trn_mock_trace_item(pod_of(first), &item);
	ck_assert_uint_eq(two, 2);
	close_bus(first);
}
END_TEST

START_TEST(profiles_are_the_pods)
{
	FILE *file = fopen("mock_pod_test.profile", "w");
	struct trn_bus *bus;

	ck_assert_ptr_nonnull(file);
	fputs("base = trn2\nname = half\nlink_server_mbps = 64000 ; C ; what if\n", file);
	fclose(file);
	bus = must_open("mock:trn2-48xl/5?profile=mock_pod_test.profile");
	ck_assert_uint_eq(bus->info.link_mbps[TRN_LINK_SERVER], 64000);
	close_bus(bus);
}
END_TEST

START_TEST(links_of_a_pod_have_a_rate)
{
	static const char *const uri = "mock:trn2-48xl/5?profile=mock_pod_test.profile";
	FILE *file = fopen("mock_pod_test.profile", "w");
	struct trn_bus *bus = NULL;

	ck_assert_ptr_nonnull(file);
	fputs("base = trn2\nname = cut\nlink_server_mbps = 0 ; C ; what if\n", file);
	fclose(file);
	ck_assert_int_eq(open_bus(pods, uri, &bus), -EINVAL);
	ck_assert_msg(strstr(why, "link_server_mbps: 0"), "%s", why);
	/* A link that the pod does not have may have none. */
	file = fopen("mock_pod_test.profile", "w");
	ck_assert_ptr_nonnull(file);
	fputs("base = trn2\nname = cut\nlink_rack_mbps = 0 ; C ; what if\n", file);
	fclose(file);
	bus = must_open(uri);
	close_bus(bus);
}
END_TEST

/* ---- the whole way: devices ---- */

static struct trn_hal_dev *open_dev(const char *uri)
{
	struct trn_hal_fault fault = { 0 };
	const struct trn_hal_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = uri,
					   .pods = pods,
					   .deadline_ns = trn_clock_deadline(60000000000ull),
					   .ret_fault = &fault };
	struct trn_hal_dev *dev = NULL;

	ck_assert_msg(trn_hal_open(&open, &dev) == 0, "%s: %s", uri, fault.why);
	return dev;
}

START_TEST(info_says_where_it_stands)
{
	struct trn_hal_dev *dev = open_dev("mock:trn3-ultraserver/77?" SMALL "&serial=1000");
	struct trn_hal_info info;

	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert_str_eq(info.uri, "mock:trn3-ultraserver/77");
	ck_assert_str_eq(info.pod, "trn3-ultraserver");
	ck_assert_str_eq(info.fabric, "lanes");
	ck_assert_uint_ne(info.pod_id, 0);
	ck_assert_uint_eq(info.pod_index, 77);
	ck_assert_uint_eq(info.pod_chips, 144);
	ck_assert_uint_eq(info.rack, 1); /* 72 a rack, 4 a server */
	ck_assert_uint_eq(info.server, 1);
	ck_assert_uint_eq(info.position, 1);
	ck_assert_uint_gt(info.link_mbps[0], 0);
	ck_assert_uint_eq(info.serial, 1077);
	/* A switched pod: servers have numbers, and those are node ids. */
	ck_assert_uint_eq(info.node_id, 19);
	ck_assert_uint_eq(info.nodes, 36);
	trn_hal_close(dev);
	dev = open_dev("mock:trn2-ultraserver/17?" SMALL);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert_uint_eq(info.server + 4 * info.rack + 16 * info.position, 1 + 16);
	ck_assert_uint_eq(info.node_id, UINT32_MAX); /* nobody has elected */
	trn_hal_close(dev);
	dev = open_dev("mock:trn3?" SMALL);
	ck_assert_int_eq(dev->ops.info(dev, &info), 0);
	ck_assert_str_eq(info.pod, "trn3");
	ck_assert_uint_eq(info.pod_id, 0);
	ck_assert_uint_eq(info.pod_chips, 1);
	ck_assert_uint_eq(info.caps & TRN_HAL_CAP_PEER, 0);
	trn_hal_close(dev);
}
END_TEST

static const struct {
	const char *uri;
	int code;
	uint32_t count;
} counts[] = {
	{ "mock:trn3", 0, 1 },
	{ "mock:trn3/0", 0, 1 },
	{ "mock:trn2-48xl", 0, 16 },
	{ "mock:trn2-ultraserver?threads=1", 0, 64 },
	{ "mock:trn3-gen1", 0, 64 },
	{ "mock:trn3-ultraserver", 0, 144 },
	{ "mock:trn4-ultraserver", 0, 144 },
	{ "mock:trn3-ultraserver/143", 0, 1 },
	{ "record(file=x)+mock:trn2-48xl", 0, 16 },
	{ "null:", 0, 1 },
	{ "mock:trn3-ultraserver/144", -ENODEV, 0 },
	{ "mock:trn5", -ENODEV, 0 },
	{ "mock", -EINVAL, 0 },
	{ "dance+mock:trn3", -EINVAL, 0 },
	{ "neuron:0", -ENOTSUP, 0 },
};

START_TEST(counting)
{
	struct trn_hal_fault fault = { 0 };
	const struct trn_hal_open open = {
		.alloc = &mem.alloc, .log = &sink, .uri = counts[_i].uri, .ret_fault = &fault
	};
	uint32_t count = 0;

	ck_assert_int_eq(trn_hal_count(&open, &count), counts[_i].code);
	ck_assert_uint_eq(count, counts[_i].count);
	ck_assert((fault.why[0] != '\0') == (counts[_i].code < 0));
}
END_TEST

START_TEST(a_record_for_each_device)
{
	struct trn_hal_dev *first =
		open_dev("record(file=mock_pod_test.rec)+mock:trn2-48xl/0?" SMALL);
	struct trn_hal_dev *second =
		open_dev("record(file=mock_pod_test.rec)+mock:trn2-48xl/7?" SMALL);
	struct trn_hal_info a, b;
	FILE *file;

	ck_assert_int_eq(first->ops.info(first, &a), 0);
	ck_assert_int_eq(second->ops.info(second, &b), 0);
	ck_assert_uint_eq(a.pod_id, b.pod_id);
	ck_assert_str_eq(b.uri, "mock:trn2-48xl/7");
	trn_hal_close(first);
	trn_hal_close(second);
	file = fopen("mock_pod_test.rec.0", "r");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	file = fopen("mock_pod_test.rec.7", "r");
	ck_assert_ptr_nonnull(file);
	fclose(file);
}
END_TEST

/* ---- several threads ---- */

#define ROUNDS 12
#define THREADS 4

static const char *const threaded[] = { SMALL, SMALL "&threads=1" };
static int which;

/* Opens and closes one chip over and over, and lets the pod go on in between. */
static void *come_and_go(void *arg)
{
	const uint32_t chip = *(const uint32_t *)arg;
	char uri[64];

	snprintf(uri, sizeof(uri), "mock:trn2-48xl/%u?%s", chip, threaded[which]);
	for (int i = 0; i < ROUNDS; i++) {
		struct trn_hal_fault fault = { 0 };
		const struct trn_hal_open open = { .alloc = &trn_alloc_libc,
						   .log = &sink,
						   .uri = uri,
						   .pods = pods,
						   .deadline_ns = TRN_DEADLINE_NEVER,
						   .ret_fault = &fault };
		struct trn_hal_dev *dev = NULL;
		unsigned int round = 0;

		if (trn_hal_open(&open, &dev) < 0) {
			fprintf(stderr, "# %s: %s\n", uri, fault.why);
			return arg;
		}
		for (int n = 0; n < 20; n++)
			(void)dev->ops.progress(dev, &round, TRN_DEADLINE_NEVER);
		trn_hal_close(dev);
	}
	return NULL;
}

START_TEST(devices_come_and_go)
{
	static const uint32_t chips[THREADS] = { 0, 1, 7, 15 };
	pthread_t threads[THREADS];

	which = _i;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						(void *)(uintptr_t)&chips[i]),
				 0);
	for (int i = 0; i < THREADS; i++) {
		void *bad = NULL;

		ck_assert_int_eq(pthread_join(threads[i], &bad), 0);
		ck_assert_ptr_null(bad);
	}
}
END_TEST

START_TEST(each_allocation_fails_once)
{
	bool failed = true;

	for (long n = 0; failed; n++) {
		struct trn_bus *first = NULL;
		struct trn_bus *second = NULL;
		int r;

		trn_test_alloc_arm(&mem, n);
		r = open_bus(pods, "mock:trn2-48xl/0?" SMALL, &first);
		if (r == 0)
			r = open_bus(pods, "mock:trn2-48xl/1?" SMALL, &second);
		failed = mem.failed;
		ck_assert_msg(r == 0 || (failed && r == -ENOMEM && why[0]), "allocation %ld: %d", n,
			      r);
		if (first)
			close_bus(first);
		if (second)
			close_bus(second);
		mem.failed = false;
		ck_assert_int_lt(n, 10000);
	}
	trn_test_alloc_arm(&mem, -1);
}
END_TEST

static Suite *pod_suite(void)
{
	Suite *suite = suite_create("hal-pod");
	TCase *tc = tcase_create("pod");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_text_is_one_pod);
	tcase_add_test(tc, a_chip_alone_has_no_pod);
	tcase_add_test(tc, values_stay_apart);
	tcase_add_test(tc, a_server_has_its_own_memory);
	tcase_add_test(tc, one_chip_steps_all);
	tcase_add_test(tc, faults_have_a_chip);
	tcase_add_test(tc, links_have_a_state);
	tcase_add_test(tc, traces_are_by_chip);
	tcase_add_test(tc, profiles_are_the_pods);
	tcase_add_test(tc, links_of_a_pod_have_a_rate);
	tcase_add_test(tc, info_says_where_it_stands);
	tcase_add_loop_test(tc, counting, 0, (int)TRN_ARRAY_LEN(counts));
	tcase_add_test(tc, a_record_for_each_device);
	tcase_add_loop_test(tc, devices_come_and_go, 0, (int)TRN_ARRAY_LEN(threaded));
	tcase_add_test(tc, each_allocation_fails_once);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(pod_suite)
