/* SPDX-License-Identifier: Apache-2.0 */
/* Links between chips: what pieces cost, who waits for whom, faults, and that no byte of a
 * calendar is lost. */
#include "base/test_main.h"
#include "base/bits.h"
#include "base/pod.h"
#include "base/prng.h"
#include "model/fabric.h"
#include "model/slots.h"
#include "model/test_host.h"

#define US (1000 * TRN_PS_PER_NS)
#define MB TRN_FABRIC_PIECE

static struct trn_test_host host;

static struct trn_fabric *open_pod(const char *pod)
{
	trn_test_host_init_pod(&host, pod);
	trn_test_host_open(&host);
	return host.model->fabric;
}

static uint64_t hop_ps(void)
{
	return host.config.gen->link_hop_ns * TRN_PS_PER_NS;
}

static uint64_t rate_ps(uint64_t bytes, uint64_t mbps)
{
	return bytes * 1000000 / mbps;
}

static void fault(const char *spec)
{
	const char *why = "";

	ck_assert_msg(trn_model_fault(host.model, spec, &why) == 0, "%s: %s", spec, why);
}

/* Number of the link from one node to another. */
static uint32_t link_of(const struct trn_fabric *fabric, uint32_t from, uint32_t to)
{
	const struct trn_pod_graph *graph = trn_fabric_graph(fabric);

	for (uint32_t l = 0; l < graph->links; l++) {
		if (graph->link[l].from == from && graph->link[l].to == to)
			return l;
	}
	ck_abort_msg("no link from %u to %u", from, to);
}

/* Within two slots: that is what a calendar knows. */
static void expect_ps(uint64_t is, uint64_t should, const char *what)
{
	ck_assert_msg(is + 2 * US >= should && is <= should + 2 * US, "%s: %llu ps, expected %llu",
		      what, (unsigned long long)is, (unsigned long long)should);
}

START_TEST(one_piece_takes_rate_and_hops)
{
	struct trn_fabric *fabric = open_pod("trn2-48xl");

	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0),
			  rate_ps(MB, 128000) + hop_ps());
	/* Across the torus and back; 0 and 10 are two steps apart in both dimensions. */
	ck_assert_uint_eq(trn_fabric_latency_ps(fabric, 0, 10), 4 * hop_ps());
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 5, 4, 64, 0, 0, US), US + hop_ps());
	/* A slower engine than the link. */
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 9, 8, MB, 0, 7 * US, 40 * US),
			  47 * US + hop_ps());
	trn_test_host_close(&host);
	fabric = open_pod("trn3-ultraserver");
	ck_assert_uint_eq(trn_fabric_latency_ps(fabric, 0, 1), hop_ps());      /* server */
	ck_assert_uint_eq(trn_fabric_latency_ps(fabric, 0, 4), hop_ps());      /* plane */
	ck_assert_uint_eq(trn_fabric_latency_ps(fabric, 0, 5), 3 * hop_ps());  /* other plane */
	ck_assert_uint_eq(trn_fabric_latency_ps(fabric, 0, 77), 4 * hop_ps()); /* other rack */
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, 5, MB, 0, 0, 0),
			  rate_ps(MB, 512000) + 3 * hop_ps());
	trn_test_host_close(&host);
}
END_TEST

START_TEST(pieces_share_a_link)
{
	struct trn_fabric *fabric = open_pod("trn2-48xl");
	const uint64_t one = rate_ps(MB, 128000);
	uint64_t end = 0;

	for (int i = 0; i < 10; i++)
		end = trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0);
	expect_ps(end, 10 * one + hop_ps(), "ten on one link");
	/* The other direction, and other links, are free. */
	expect_ps(trn_fabric_take_ps(fabric, 1, 0, MB, 0, 0, 0), one + hop_ps(), "back");
	expect_ps(trn_fabric_take_ps(fabric, 0, 4, MB, 0, 0, 0), one + hop_ps(), "beside");
	/* Others' pieces on the same link: 0 to 2 goes through 1. */
	expect_ps(trn_fabric_take_ps(fabric, 0, 2, MB, 0, 0, 0), 11 * one + 2 * hop_ps(),
		  "through");
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_backlog_beyond_the_calendar_waits)
{
	struct trn_fabric *fabric = open_pod("trn2-48xl");
	const uint64_t one = rate_ps(MB, 128000);
	struct trn_model_link link;
	uint64_t end = 0;

	for (int i = 0; i < 400; i++)
		end = trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0);
	expect_ps(end, 400 * one + hop_ps(), "400 MiB on one link");
	/* Half of it later, the other half is still in front of who comes. */
	trn_model_run(host.model, 200 * one);
	end = trn_fabric_take_ps(fabric, 0, 1, MB, 0, 200 * one, 0);
	expect_ps(end, 401 * one + hop_ps(), "and one more");
	ck_assert(trn_model_link(host.model, link_of(fabric, 0, 1), &link));
	ck_assert_uint_eq(link.bytes, 401 * MB);
	ck_assert_uint_eq(link.busy_ps, 401 * one);
	ck_assert_uint_gt(link.queued_ps, 70000 * one);
	ck_assert_uint_eq(link.mbps, 128000);
	ck_assert_uint_eq(link.state, TRN_LINK_UP);
	ck_assert(!trn_model_link(host.model, trn_fabric_graph(fabric)->links, &link));
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_pair_and_class_is_in_order)
{
	struct trn_fabric *fabric = open_pod("trn3-ultraserver");
	const uint64_t data = trn_fabric_take_ps(fabric, 0, 1, MB, 2, 0, 0);

	/* A word right behind it: not before it. Of a better class, or another way: before. */
	ck_assert_uint_gt(trn_fabric_take_ps(fabric, 0, 1, 4, 2, 0, 0), data);
	ck_assert_uint_lt(trn_fabric_take_ps(fabric, 0, 1, 4, 1, 0, 0), data);
	ck_assert_uint_lt(trn_fabric_take_ps(fabric, 5, 1, 4, 2, 0, 0), data);
	ck_assert_uint_eq(trn_fabric_order_ps(fabric, 0, 1, 2, 9 * US), 9 * US);
	ck_assert_uint_eq(trn_fabric_order_ps(fabric, 0, 1, 2, 8 * US), 9 * US + 1);
	trn_test_host_close(&host);
	/* Without classes there is one order. */
	fabric = open_pod("trn2-48xl");
	ck_assert_uint_gt(trn_fabric_take_ps(fabric, 0, 1, MB, 3, 0, 0), US);
	ck_assert_uint_gt(trn_fabric_take_ps(fabric, 0, 1, 4, 0, 0, 0), rate_ps(MB, 128000));
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_better_class_goes_first)
{
	struct trn_fabric *fabric = open_pod("trn3-ultraserver");
	const uint64_t one = rate_ps(MB, 512000);
	uint64_t worse = 0;

	for (int i = 0; i < 20; i++)
		worse = trn_fabric_take_ps(fabric, 0, 1, MB, 3, 0, 0);
	expect_ps(worse, 20 * one + hop_ps(), "alone");
	for (int i = 0; i < 10; i++)
		expect_ps(trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0),
			  (uint64_t)(i + 1) * one + hop_ps(), "better");
	/* What the worse one was promised and did not get, it sends now. */
	expect_ps(trn_fabric_take_ps(fabric, 0, 1, MB, 3, 0, 0), 31 * one + hop_ps(), "owed");
	trn_test_host_close(&host);
}
END_TEST

/* ---- calendars ---- */

static uint64_t carried;

static void count_carried(void *arg, uint64_t slot, uint64_t bytes)
{
	const struct trn_slots *slots = arg;

	(void)slot;
	ck_assert_uint_le(bytes, slots->capacity);
	carried += bytes;
}

START_TEST(no_byte_is_lost)
{
	struct trn_prng prng;
	struct trn_slots *slots;
	uint64_t taken = 0, left = 0, now = 0;

	trn_test_host_init(&host, "trn3");
	trn_test_host_open(&host);
	slots = trn_slots_create(host.model, TRN_SLOT_CLASSES, true);
	trn_prng_seed(&prng, trn_test_seed());
	trn_slots_capacity(slots, 100000);
	carried = 0;
	for (int i = 0; i < 20000; i++) {
		const uint64_t bytes = 1 + trn_prng_below(&prng, MB);
		const uint32_t class = (uint32_t)trn_prng_below(&prng, TRN_SLOT_CLASSES);
		const uint64_t span = trn_prng_below(&prng, 30 * US);
		uint64_t end;

		now += trn_prng_below(&prng, 12 * US);
		trn_slots_roll(slots, now, count_carried, slots);
		end = trn_slots_take(slots, class, bytes, now, span);
		ck_assert_uint_ge(end + TRN_SLOT_PS, now);
		taken += bytes;
	}
	for (uint64_t s = slots->first; s < slots->first + TRN_SLOTS; s++)
		left += trn_slots_used(slots, s);
	for (uint32_t c = 0; c < TRN_SLOT_CLASSES; c++)
		left += slots->over[c] + slots->debt[c];
	ck_assert_uint_eq(carried + left, taken);
	trn_slots_destroy(host.model, slots);
	trn_test_host_close(&host);
}
END_TEST

/* Longer queues than the calendars hold, in front of two links in a row: who has waited for the
 * first need not wait for what the second has sent meanwhile. */
START_TEST(queues_drain_side_by_side)
{
	const uint64_t one = rate_ps(MB, 128000), queue = 300;
	struct trn_fabric *fabric = open_pod("trn2-48xl");
	uint64_t end;

	for (uint64_t i = 0; i < queue; i++) {
		(void)trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0);
		(void)trn_fabric_take_ps(fabric, 1, 5, MB, 0, 0, 0);
	}
	ck_assert_uint_gt(queue * one, TRN_SLOTS * TRN_SLOT_PS);
	end = trn_fabric_take_ps(fabric, 0, 5, MB, 0, 0, 0);
	ck_assert_uint_ge(end, (queue + 1) * one);
	ck_assert_uint_le(end, (queue + 2) * one + 2 * hop_ps() + 10 * US);
	trn_test_host_close(&host);
}
END_TEST

/* ---- faults ---- */

START_TEST(a_slow_link)
{
	struct trn_fabric *fabric = open_pod("trn2-48xl");
	struct trn_model_link link;

	fault("link.slow@0,value=8,count=1");
	ck_assert_uint_eq(trn_fabric_graph(fabric)->link[0].from, 0);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, trn_fabric_graph(fabric)->link[0].to, MB, 0,
					     0, 0),
			  rate_ps(MB, 16000) + hop_ps());
	ck_assert(trn_model_link(host.model, 0, &link));
	ck_assert_uint_eq(link.state, TRN_LINK_DEGRADED);
	ck_assert_uint_eq(link.mbps, 16000);
	trn_model_run(host.model, 100 * US);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, trn_fabric_graph(fabric)->link[0].to, MB, 0,
					     100 * US, 0),
			  100 * US + rate_ps(MB, 128000) + hop_ps());
	ck_assert(trn_model_link(host.model, 0, &link));
	ck_assert_uint_eq(link.state, TRN_LINK_UP);
	ck_assert_uint_eq(trn_test_host_count(&host, "link.slow"), 1);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_link_that_flaps)
{
	struct trn_fabric *fabric = open_pod("trn3-ultraserver");
	struct trn_model_link link;
	const uint32_t number = link_of(fabric, 0, trn_fabric_graph(fabric)->chips);
	char spec[48];

	(void)snprintf(spec, sizeof(spec), "link.flap@%u,value=50", number);
	fault(spec);
	expect_ps(trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0),
		  50 * US + rate_ps(MB, 512000) + hop_ps(), "waits");
	ck_assert(trn_model_link(host.model, number, &link));
	ck_assert_uint_eq(link.state, TRN_LINK_DOWN);
	trn_model_run(host.model, 50 * US);
	ck_assert(trn_model_link(host.model, number, &link));
	ck_assert_uint_eq(link.state, TRN_LINK_UP);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_lost_link_or_chip_breaks_ways_through_it)
{
	struct trn_fabric *fabric = open_pod("trn2-48xl");
	struct trn_model_link link;
	char spec[48];

	(void)snprintf(spec, sizeof(spec), "link.down@%u", link_of(fabric, 0, 1));
	fault(spec);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0), TRN_MODEL_NEVER);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, 2, MB, 0, 0, 0), TRN_MODEL_NEVER);
	ck_assert_uint_ne(trn_fabric_take_ps(fabric, 1, 0, MB, 0, 0, 0), TRN_MODEL_NEVER);
	ck_assert(trn_model_link(host.model, link_of(fabric, 0, 1), &link));
	ck_assert_uint_eq(link.state, TRN_LINK_DOWN);
	trn_model_chip(host.model, 5)->dead = true;
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 4, 5, MB, 0, 0, 0), TRN_MODEL_NEVER);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 4, 6, MB, 0, 0, 0), TRN_MODEL_NEVER);
	ck_assert(trn_model_link(host.model, link_of(fabric, 4, 5), &link));
	ck_assert_uint_eq(link.state, TRN_LINK_DOWN);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(jitter_keeps_the_order_of_a_path_only)
{
	struct trn_fabric *fabric = open_pod("trn3-ultraserver");
	struct trn_prng prng;
	unsigned int overtook = 0, late = 0;
	char spec[64];

	(void)snprintf(spec, sizeof(spec), "link.jitter,value=20000,seed=%llu",
		       (unsigned long long)trn_test_seed());
	fault(spec);
	trn_prng_seed(&prng, trn_test_seed());
	for (int i = 0; i < 200; i++) {
		const uint32_t dst = 1 + (uint32_t)trn_prng_below(&prng, 143);
		const uint64_t now = (uint64_t)i * 100 * US;
		uint64_t data;

		trn_model_run(host.model, now);
		data = trn_fabric_take_ps(fabric, 0, dst, 65536, 1, now, 0);
		late += data > now + rate_ps(65536, 128000) + trn_fabric_latency_ps(fabric, 0, dst);
		ck_assert_uint_gt(trn_fabric_take_ps(fabric, 0, dst, 4, 1, now, 0), data);
		/* The other way round this test could not fail: other classes do overtake. */
		overtook += trn_fabric_take_ps(fabric, 0, dst, 4, 0, now, 0) < data;
	}
	ck_assert_uint_gt(late, 100);
	ck_assert_uint_gt(overtook, 20);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(faults_of_one_chip)
{
	struct trn_fabric *fabric = open_pod("trn2-48xl");
	const char *why = "";

	fault("link.down,chip=3");
	ck_assert_uint_ne(trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0), TRN_MODEL_NEVER);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 3, 2, MB, 0, 0, 0), TRN_MODEL_NEVER);
	ck_assert_int_eq(trn_model_fault(host.model, "core.hang,chip=16", &why), -EINVAL);
	ck_assert_str_eq(why, "no such chip");
	ck_assert_int_eq(trn_model_fault(host.model, "link.slow@64", &why), -EINVAL);
	ck_assert_str_eq(why, "no such target");
	trn_test_host_close(&host);
	trn_test_host_init(&host, "trn2");
	trn_test_host_open(&host);
	ck_assert_int_eq(trn_model_fault(host.model, "link.slow@0", &why), -EINVAL);
	trn_test_host_close(&host);
}
END_TEST

/* ---- memory ---- */

START_TEST(no_memory_for_a_pod)
{
	const char *why = "";

	for (long n = 0;; n++) {
		struct trn_model *model = NULL;
		int r;

		trn_test_host_init_pod(&host, "trn2-48xl");
		trn_test_alloc_init(&host.mem, n);
		r = trn_model_create(&host.config, &model, &why);
		if (!host.mem.failed) {
			ck_assert_int_eq(r, 0);
			trn_model_destroy(model);
			ck_assert_int_eq(host.mem.live, 0);
			ck_assert_int_gt(n, 16 * 3);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_int_eq(host.mem.live, 0);
	}
}
END_TEST

/* A piece goes on without a calendar, and without its order; both are counted. */
START_TEST(no_memory_for_a_piece)
{
	struct trn_fabric *fabric = open_pod("trn2-48xl");

	trn_test_alloc_arm(&host.mem, 0);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, US), US + hop_ps());
	ck_assert_uint_eq(trn_model_lost_events(host.model), 1);
	trn_test_alloc_arm(&host.mem, 1);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 1, 0, MB, 0, 0, 0),
			  rate_ps(MB, 128000) + hop_ps());
	ck_assert_uint_eq(trn_model_lost_events(host.model), 2);
	trn_test_alloc_arm(&host.mem, -1);
	ck_assert_uint_eq(trn_fabric_take_ps(fabric, 0, 1, MB, 0, 0, 0),
			  rate_ps(MB, 128000) + hop_ps());
	trn_test_host_close(&host);
}
END_TEST

static Suite *fabric_suite(void)
{
	Suite *suite = suite_create("fabric");
	TCase *tc = tcase_create("fabric");

	tcase_add_test(tc, one_piece_takes_rate_and_hops);
	tcase_add_test(tc, pieces_share_a_link);
	tcase_add_test(tc, a_backlog_beyond_the_calendar_waits);
	tcase_add_test(tc, a_pair_and_class_is_in_order);
	tcase_add_test(tc, a_better_class_goes_first);
	tcase_add_test(tc, no_byte_is_lost);
	tcase_add_test(tc, queues_drain_side_by_side);
	tcase_add_test(tc, a_slow_link);
	tcase_add_test(tc, a_link_that_flaps);
	tcase_add_test(tc, a_lost_link_or_chip_breaks_ways_through_it);
	tcase_add_test(tc, jitter_keeps_the_order_of_a_path_only);
	tcase_add_test(tc, faults_of_one_chip);
	tcase_add_test(tc, no_memory_for_a_pod);
	tcase_add_test(tc, no_memory_for_a_piece);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(fabric_suite)
