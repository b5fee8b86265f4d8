/* SPDX-License-Identifier: Apache-2.0 */
/* A model as a whole: configuration, memory it needs, time, and that the same
 * traffic twice gives the same bits, events and times. */
#include "base/test_main.h"
#include "base/bits.h"
#include "base/hash.h"
#include "base/prng.h"
#include "base/uri.h"
#include "model/parts.h"
#include "model/test_ring.h"

#include <string.h>

static struct trn_test_host host;

/* ---- creation ---- */

START_TEST(every_bad_field_is_named)
{
	struct trn_model_config good, bad;
	struct trn_model *model = NULL;
	const char *why;

	trn_test_host_init(&host, "trn2");
	good = host.config;
#define REFUSED(field, change)                                                   \
	do {                                                                     \
		bad = good;                                                      \
		change;                                                          \
		why = "";                                                        \
		ck_assert_int_eq(trn_model_create(&bad, &model, &why), -EINVAL); \
		ck_assert_str_eq(why, field);                                    \
		ck_assert_ptr_null(model);                                       \
	} while (0)
	REFUSED("alloc", bad.alloc = NULL);
	REFUSED("host", bad.host.resolve = NULL);
	REFUSED("host", bad.host.reserve = NULL);
	REFUSED("host", bad.host.unreserve = NULL);
	REFUSED("gen", bad.gen = trn_gen_find("trn9"));
	REFUSED("pod", bad.fabric = trn_pod_fabric_at(trn_pod_find("trn2-48xl"), 0));
	REFUSED("hbm_bytes", bad.hbm_bytes = TRN_MIB);
	REFUSED("hbm_bytes", bad.hbm_bytes = 65 * TRN_GIB);
	REFUSED("hbm_bytes", bad.hbm_bytes = 64 * TRN_MIB + 4096);
	REFUSED("hbm_bytes",
		(bad.hbm_bytes = 96 * TRN_MIB, bad.pci_revision = TRN_PCI_REVISION_QEMU));
	REFUSED("pci_revision", bad.pci_revision = 256);
	REFUSED("routing_id", bad.routing_id = 128);
	ck_assert_int_eq(host.mem.live, 0);
}
END_TEST

START_TEST(every_allocation_failed_once)
{
	const char *why = "";

	for (long n = 0;; n++) {
		struct trn_model *model = NULL;
		int r;

		trn_test_host_init(&host, "trn3");
		trn_test_alloc_init(&host.mem, n);
		r = trn_model_create(&host.config, &model, &why);
		if (!host.mem.failed) {
			ck_assert_int_eq(r, 0);
			trn_model_destroy(model);
			ck_assert_int_eq(host.mem.live, 0);
			ck_assert_int_gt(n, 3);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_ptr_null(model);
		ck_assert_int_eq(host.mem.live, 0);
	}
	trn_model_destroy(NULL);
}
END_TEST

START_TEST(an_idle_chip_is_small)
{
	uint64_t bad = 0, word = 1;

	trn_test_host_init(&host, "trn3");
	trn_test_host_open(&host);
	ck_assert_uint_lt(host.mem.peak_bytes, 64 * TRN_KIB);
	ck_assert_uint_eq(host.reserved, 0);
	/* What a driver's bring-up touches. */
	for (uint32_t e = 0; e < TRN_DMA_ENGINES; e++)
		trn_test_engine_init(&host, e);
	ck_assert_uint_lt(host.mem.peak_bytes, TRN_MIB);
	ck_assert_int_eq(trn_chip_dma_write(host.chip, TRN_AXI_HBM2, &word, 8, &bad), 0);
	ck_assert_uint_eq(host.reserved, 36 * TRN_GIB);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(generations)
{
	const struct trn_gen *trn2 = trn_gen_find("trn2"), *trn3 = trn_gen_find("trn3");

	ck_assert_ptr_eq(trn_gen_at(0), trn2);
	ck_assert_ptr_eq(trn_gen_at(1), trn3);
	ck_assert_ptr_null(trn_gen_find(""));
	ck_assert_uint_eq(trn2->pci_device, 0x7364);
	ck_assert_uint_eq(trn3->pci_device, 0x7564);
	ck_assert_uint_eq(trn2->hbm_bytes * TRN_HBMS, 96 * TRN_GIB);
	ck_assert_uint_eq(trn3->hbm_bytes * TRN_HBMS, 144 * TRN_GIB);
	ck_assert(!trn2->ostand_wr_2);
	ck_assert(trn3->ostand_wr_2);
	/* A barrier can only matter when HBM is the slower path. */
	for (unsigned int i = 0; trn_gen_at(i); i++)
		ck_assert_uint_gt(trn_gen_at(i)->udma_write_hbm_ns,
				  trn_gen_at(i)->udma_write_host_ns +
					  2 * trn_gen_at(i)->udma_packet_ns);
}
END_TEST

/* ---- time ---- */

static unsigned int order_count;
static uint64_t order[8];

static void note(void *arg, uint64_t a, uint64_t b)
{
	struct trn_model *model = arg;

	(void)b;
	order[order_count++ % 8] = a;
	/* From inside an event: later at the same time. */
	if (a == 1)
		(void)trn_model_after(model, 0, note, model, 9, 0);
}

START_TEST(events_run_in_time_then_sequence)
{
	const uint64_t expected[] = { 1, 2, 9, 3, 4 };

	trn_test_host_init(&host, "trn2");
	trn_test_host_open(&host);
	order_count = 0;
	ck_assert(!trn_model_step(host.model));
	ck_assert_int_eq(trn_model_after(host.model, 20, note, host.model, 3, 0), 0);
	ck_assert_int_eq(trn_model_after(host.model, 10, note, host.model, 1, 0), 0);
	ck_assert_int_eq(trn_model_after(host.model, 10, note, host.model, 2, 0), 0);
	ck_assert_int_eq(trn_model_after(host.model, TRN_MODEL_NEVER, note, host.model, 4, 0), 0);
	ck_assert_uint_eq(trn_model_next(host.model), 10);
	trn_model_run(host.model, 9);
	ck_assert_uint_eq(order_count, 0);
	ck_assert_uint_eq(trn_model_now(host.model), 9);
	trn_model_run(host.model, 20);
	ck_assert_uint_eq(order_count, 4);
	trn_model_run(host.model, 15); /* time never goes back */
	ck_assert_uint_eq(trn_model_now(host.model), 20);
	/* Never is still a time that can be waited for. */
	ck_assert_uint_eq(trn_model_next(host.model), TRN_MODEL_NEVER - 1);
	ck_assert(trn_model_step(host.model));
	for (unsigned int i = 0; i < 5; i++)
		ck_assert_uint_eq(order[i], expected[i]);
	ck_assert_ptr_null(trn_model_chip(host.model, 1));
	trn_test_host_close(&host);
}
END_TEST

START_TEST(no_memory_for_an_event_is_counted)
{
	unsigned int pushed = 0;

	trn_test_host_init(&host, "trn2");
	trn_test_host_open(&host);
	trn_test_alloc_arm(&host.mem, 0);
	while (trn_model_after(host.model, 1, note, host.model, 2, 0) == 0)
		ck_assert_uint_lt(pushed++, 10000);
	trn_test_alloc_arm(&host.mem, -1);
	ck_assert_uint_eq(trn_model_lost_events(host.model), 1);
	trn_test_host_close(&host);
}
END_TEST

/* ---- the same traffic twice (point 5) ---- */

#define RINGS 6
#define DATA UINT64_C(0x40000000)
#define DATA_BYTES 0x100000u

struct outcome {
	uint64_t hash, events, event_hash, now, reads, lost;
	struct trn_chip_counters counters;
};

/* Offsets that mean something are hit more often than chance would. */
static uint32_t wild_offset(struct trn_prng *prng)
{
	uint32_t engine = (uint32_t)trn_prng_below(prng, TRN_DMA_ENGINES);
	uint32_t core = (uint32_t)trn_prng_below(prng, TRN_CORES);
	uint32_t word = (uint32_t)trn_prng_below(prng, 0x400) * 4;

	switch (trn_prng_below(prng, 9)) {
	case 0:
		return (uint32_t)trn_prng_next(prng) & ~UINT32_C(3);
	case 1:
		return (uint32_t)trn_prng_next(prng); /* misaligned, too */
	case 2:
		return TRN_MISC_RAM + word;
	case 3:
		return trn_regs_udma_bar0(engine) + (uint32_t)trn_prng_below(prng, 0x42000) / 4 * 4;
	case 4:
		return trn_regs_udma_bar0(engine) +
		       TRN_UDMA_QUEUE(trn_prng_below(prng, TRN_DMA_QUEUES)) +
		       (uint32_t)trn_prng_below(prng, 0x30) * 4;
	case 5:
		return TRN_BAR0_TPB + core * TRN_BAR0_TPB_STRIDE + TRN_TPB_EVENTS + word * 2;
	case 6:
		return trn_regs_nq_core_bar0(core) + word;
	case 7:
		return TRN_EXT_BAR0 + (uint32_t)trn_prng_below(prng, 4) * 0x01000000 + word;
	default:
		return trn_regs_udma_bar0(engine) + TRN_UDMA_INT_SECONDARY(0) +
		       (uint32_t)trn_prng_below(prng, 0x30) * 4;
	}
}

static uint64_t wild_address(struct trn_prng *prng)
{
	uint64_t small = trn_prng_below(prng, DATA_BYTES);
	uint32_t core = (uint32_t)trn_prng_below(prng, TRN_CORES);

	switch (trn_prng_below(prng, 40)) {
	case 0:
		return trn_prng_next(prng);
	case 1:
		return trn_regs_tpb_axi(core) + small;
	case 2:
		return trn_regs_tpb_axi(core) + TRN_TPB_SEM_INC + small % 0x400 / 4 * 4;
	default:
		if (small % 2 == 0)
			return TRN_AXI_HOST | (DATA + small * 15 / 16);
		return trn_regs_hbm_axi((unsigned int)trn_prng_below(prng, TRN_HBMS)) + small;
	}
}

static void wild_packets(struct trn_prng *prng, struct trn_test_ring *ring)
{
	uint32_t count = (uint32_t)trn_prng_below(prng, 8) + 1;

	for (uint32_t i = 0; i < count; i++)
		trn_test_ring_pair(ring, wild_address(prng), wild_address(prng),
				   (uint32_t)trn_prng_below(prng, 0x8000) + 1,
				   TRN_DESC_FIRST | TRN_DESC_LAST |
					   (trn_prng_below(prng, 4) == 0 ? TRN_DESC_DMB : 0),
				   TRN_DESC_META_COPY | (trn_prng_below(prng, 4) == 0 ?
								 TRN_DESC_META_WRITE_BARRIER :
								 0),
				   trn_prng_below(prng, 4) == 0 ? TRN_DESC_STRONG_ORDER : 0);
	trn_test_ring_start(ring);
}

/* As a driver brings a queue back after an abort. */
static void revive(struct trn_test_ring *ring, uint32_t number)
{
	uint32_t base = trn_regs_udma_bar0(ring->engine);
	uint64_t iova = TRN_AXI_HOST | UINT64_C(0x1000000) * (number + 1);

	trn_test_queue_init(&host, ring->m2s, true, iova, ring->size);
	trn_test_queue_init(&host, ring->s2m, false, iova + ring->size * TRN_UDMA_DESC_SIZE,
			    ring->size);
	trn_test_wr(&host, base + TRN_UDMA_CHANGE_STATE, TRN_UDMA_CHANGE_NORMAL);
	trn_test_wr(&host, base + TRN_UDMA_S2M + TRN_UDMA_CHANGE_STATE, TRN_UDMA_CHANGE_NORMAL);
	ring->next = ring->added = 0;
	ring->id = 1;
}

/* Reset requests and mailbox requests, sensible and not. */
static void wild_request(struct trn_prng *prng)
{
	bool reset = trn_prng_below(prng, 4) == 0;

	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_RESET_MAP, (uint32_t)trn_prng_next(prng));
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_RESET_TYPE,
		    reset ? (uint32_t)trn_prng_below(prng, 4) : 0);
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_ACK, (uint32_t)trn_prng_below(prng, 2));
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_REQ_LO, (uint32_t)DATA);
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_REQ_HI, trn_hi32(TRN_AXI_HOST));
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_RESP_LO, (uint32_t)wild_address(prng));
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_RESP_HI, trn_hi32(TRN_AXI_HOST));
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
	if (reset && trn_prng_below(prng, 2) == 0)
		trn_model_run(host.model, trn_model_now(host.model) + UINT64_C(200000000000));
}

static void wild_step(struct trn_prng *prng, struct trn_test_ring *rings, struct outcome *out)
{
	uint32_t value = (uint32_t)(trn_prng_below(prng, 2) == 0 ? trn_prng_below(prng, 16) :
								   trn_prng_next(prng));
	uint32_t offset = wild_offset(prng);

	switch (trn_prng_below(prng, 12)) {
	case 0:
	case 1:
	case 2:
		out->reads = trn_hash_u64(out->reads, trn_test_rd(&host, offset));
		break;
	case 3:
	case 4:
	case 5:
		trn_test_wr(&host, offset, value);
		break;
	case 6:
		wild_packets(prng, &rings[trn_prng_below(prng, RINGS)]);
		break;
	case 7:
		trn_model_run(host.model,
			      trn_model_now(host.model) + trn_prng_below(prng, 5000000));
		break;
	case 8:
		(void)trn_model_step(host.model); /* or there is nothing */
		break;
	case 9:
		value = (uint32_t)trn_prng_below(prng, RINGS);
		revive(&rings[value], value);
		break;
	case 10:
		if (value % 2 == 0)
			wild_request(prng);
		break;
	default:
		out->reads =
			trn_hash_u64(out->reads, trn_chip_read32(host.chip, TRN_BAR_HBM, offset));
	}
}

/* Traffic reaches every stack; valgrind and qemu cannot reserve whole ones. */
static uint64_t hbm_bytes(void)
{
	const char *text = getenv("TRN_TEST_HBM");
	uint64_t bytes = 0;

	if (text)
		ck_assert_int_eq(trn_parse_size(text, &bytes), 0);
	return bytes;
}

static void wild_run(uint64_t seed, const char *gen, unsigned int steps, struct outcome *out)
{
	static const char *const faults[] = { "dma.abort,after=9,count=2", "dma.slow@129,value=7",
					      "reset.lost,count=2", "mailbox.error,after=1" };
	struct trn_test_ring rings[RINGS];
	struct trn_prng prng;
	const char *why = "";
	uint8_t *data;

	memset(out, 0, sizeof(*out));
	trn_prng_seed(&prng, seed);
	trn_test_host_init(&host, gen);
	host.any_violation = true;
	host.config.seed = seed;
	host.config.hbm_bytes = hbm_bytes();
	trn_test_host_open(&host);
	data = trn_test_host_map(&host, DATA, DATA_BYTES);
	for (uint32_t i = 0; i < DATA_BYTES; i++)
		data[i] = (uint8_t)trn_prng_next(&prng);
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(faults); i++)
		ck_assert_int_eq(trn_model_fault(host.model, faults[i], &why), 0);
	for (uint32_t i = 0; i < RINGS; i++) {
		uint32_t engine = i < 2 ? 128 + i : (uint32_t)trn_prng_below(&prng, 128);

		trn_test_engine_init(&host, engine);
		trn_test_ring_init(&rings[i], &host, engine, i, 0x1000000 * (i + 1), 256);
	}
	for (unsigned int i = 0; i < steps; i++)
		wild_step(&prng, rings, out);
	/* Endless work is possible (a doorbell loop by DMA), so a bound instead of the end. */
	for (unsigned int i = 0; i < 20000 && trn_model_step(host.model); i++)
		;
	out->hash = trn_model_hash(host.model);
	out->hash = trn_hash_bytes(out->hash, data, DATA_BYTES);
	out->events = host.event_count;
	out->event_hash = host.event_hash;
	out->now = trn_model_now(host.model);
	out->lost = trn_model_lost_events(host.model);
	trn_chip_counters(host.chip, &out->counters);
	trn_test_host_close(&host);
}

START_TEST(the_same_traffic_twice_is_the_same)
{
	static const char *const gens[] = { "trn2", "trn3", "trn4" };
	uint64_t seed = trn_test_seed();
	struct outcome first, second, other;

	for (unsigned int i = 0; i < TRN_ARRAY_LEN(gens); i++) {
		wild_run(seed + i, gens[i], 6000, &first);
		wild_run(seed + i, gens[i], 6000, &second);
		ck_assert_msg(memcmp(&first, &second, sizeof(first)) == 0,
			      "seed %llu: two outcomes", (unsigned long long)(seed + i));
		ck_assert_uint_eq(first.lost, 0);
		ck_assert_uint_gt(first.counters.dma_packets, 10);
		ck_assert_uint_gt(first.events, 100);
		ck_assert_uint_gt(first.counters.resets, 2);
		ck_assert_uint_gt(first.counters.mailbox_requests, 10);
		wild_run(seed + 100 + i, gens[i], 6000, &other);
		ck_assert_uint_ne(other.hash, first.hash);
	}
}
END_TEST

START_TEST(wild_traffic_with_memory_running_out)
{
	/* Whatever allocation fails: the model goes on, counts, and leaks nothing. */
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (unsigned int round = 0; round < 12; round++) {
		struct trn_test_ring ring;

		trn_test_host_init(&host, "trn2");
		host.any_violation = true;
		trn_test_host_open(&host);
		(void)trn_test_host_map(&host, DATA, DATA_BYTES);
		trn_test_engine_init(&host, 128);
		trn_test_ring_init(&ring, &host, 128, 0, 0x1000000, 256);
		for (unsigned int i = 0; i < 400; i++) {
			struct outcome out = { 0 };
			struct trn_test_ring rings[RINGS] = { ring, ring, ring, ring, ring, ring };

			trn_test_alloc_arm(&host.mem, (long)trn_prng_below(&prng, 3));
			wild_step(&prng, rings, &out);
			trn_test_alloc_arm(&host.mem, -1);
		}
		for (unsigned int i = 0; i < 2000 && trn_model_step(host.model); i++)
			;
		trn_test_host_close(&host);
	}
}
END_TEST

/* ---- names and registers agree ---- */

static int known(void *user, const char *name, uint32_t offset)
{
	uint64_t *last = user;
	uint64_t before = host.kind_count[TRN_EV_UNKNOWN_REG];

	(void)trn_test_rd(&host, offset);
	if (host.kind_count[TRN_EV_UNKNOWN_REG] == before)
		return 0;
	*last = offset;
	ck_abort_msg("%s at 0x%08x has a name and no register", name, offset);
	return 1;
}

START_TEST(every_named_register_answers)
{
	uint64_t last = 0;

	trn_test_host_init(&host, "trn2");
	host.config.pci_revision = TRN_PCI_REVISION_QEMU; /* it has the most */
	trn_test_host_open(&host);
	ck_assert_int_eq(trn_regs_each(known, &last), 0);
	trn_test_host_close(&host);
}
END_TEST

static Suite *model_suite(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, every_bad_field_is_named);
	tcase_add_test(tc, every_allocation_failed_once);
	tcase_add_test(tc, an_idle_chip_is_small);
	tcase_add_test(tc, generations);
	tcase_add_test(tc, events_run_in_time_then_sequence);
	tcase_add_test(tc, no_memory_for_an_event_is_counted);
	tcase_add_test(tc, the_same_traffic_twice_is_the_same);
	tcase_add_test(tc, wild_traffic_with_memory_running_out);
	tcase_add_test(tc, every_named_register_answers);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(model_suite)
