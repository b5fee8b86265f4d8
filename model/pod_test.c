/* SPDX-License-Identifier: Apache-2.0 */
/* Several chips in one model: their ids, their memory, what one does to another, in which order,
 * and that the same traffic twice is the same. */
#include <string.h>
#include "base/bits.h"
#include "base/hash.h"
#include "base/pod.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "model/core.h"
#include "model/fabric.h"
#include "model/test_core.h"
#include "model/test_ring.h"

#define US (1000 * TRN_PS_PER_NS)
#define RING_IOVA UINT64_C(0x1000000)
#define DATA_IOVA UINT64_C(0x40000000)

static struct trn_test_host host;

static uint64_t peer(uint32_t chip, uint64_t axi)
{
	struct trn_pod_place place;

	trn_pod_place(host.model->pod, chip, &place);
	return trn_peer_address(&place, axi);
}

static void open_pod(const char *pod)
{
	trn_test_host_init_pod(&host, pod);
	trn_test_host_open(&host);
}

static void fault(struct trn_test_host *h, const char *spec)
{
	const char *why = "";

	ck_assert_msg(trn_model_fault(h->model, spec, &why) == 0, "%s: %s", spec, why);
}

/* Queue 0 of an engine of a chip, which is selected then. */
static void ring_open(struct trn_test_ring *ring, uint32_t chip, uint32_t engine)
{
	trn_test_host_select(&host, chip);
	trn_test_engine_init(&host, engine);
	trn_test_ring_init(ring, &host, engine, 0,
			   RING_IOVA + (chip * UINT64_C(256) + engine) * 0x10000, 256);
}

/* The model's own bytes of a chip. */
static uint8_t *bytes_of(uint32_t chip, uint64_t axi, uint64_t size)
{
	uint8_t *bytes = trn_chip_far_memory(trn_model_chip(host.model, chip), axi, size, true);

	ck_assert_ptr_nonnull(bytes);
	return bytes;
}

static void random_bytes(struct trn_prng *prng, uint8_t *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)trn_prng_next(prng);
}

/* ---- chips ---- */

START_TEST(ids_follow_from_the_place)
{
	const struct trn_pod *pod;

	for (unsigned int i = 0; (pod = trn_pod_at(i)); i++) {
		const bool torus = pod->shape == TRN_POD_TORUS;

		open_pod(pod->name);
		ck_assert_uint_eq(trn_model_chips(host.model), trn_pod_chips(pod));
		for (uint32_t c = 0; c < trn_pod_chips(pod); c++) {
			struct trn_pod_place place;
			uint32_t info;

			trn_test_host_select(&host, c);
			trn_pod_place(pod, c, &place);
			ck_assert_uint_eq(
				trn_pod_index_of_routing(
					torus,
					trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_ROUTING_ID)),
				place.position);
			ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_SERIAL_LO),
					  trn_lo32(host.config.serial + c));
			info = trn_test_rd(&host, TRN_MISC_RAM + TRN_MR_SERVER_INFO);
			ck_assert_uint_eq(info & 0x8000, 0x8000);
			if (torus || trn_pod_chips(pod) == 1)
				continue;
			ck_assert_uint_eq(info & 0x7fff, c / pod->server_chips);
			ck_assert_uint_eq(info >> 16 & 0x7fff, place.rack);
			ck_assert_uint_eq(info >> 31, 1);
		}
		trn_test_host_close(&host);
	}
}
END_TEST

START_TEST(many_chips_are_small)
{
	const uint32_t chips = 144;

	open_pod("trn3-ultraserver");
	for (uint32_t c = 0; c < chips; c++) {
		trn_test_host_select(&host, c);
		for (uint32_t e = 0; e < TRN_DMA_ENGINES; e++)
			trn_test_engine_init(&host, e);
		for (uint32_t q = 0; q < 4; q++)
			(void)trn_test_rd(&host, TRN_EXT_BAR0 + TRN_EXT_QUEUE(q));
	}
	printf("# %llu KiB a chip\n", (unsigned long long)host.mem.peak_bytes / chips / TRN_KIB);
	ck_assert_uint_lt(host.mem.peak_bytes / chips, 700 * TRN_KIB);
	ck_assert_uint_eq(host.reserved, 0);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(host_memory_is_the_servers)
{
	uint64_t bad = 0, word = 0, from = 0;
	uint64_t *first, *second;

	open_pod("trn3-ultraserver");
	first = trn_test_host_map_at(&host, 0, DATA_IOVA, 4096);
	second = trn_test_host_map_at(&host, 1, DATA_IOVA, 4096);
	*first = 1;
	*second = 2;
	from = TRN_AXI_HOST | DATA_IOVA;
	for (uint32_t c = 0; c < 8; c++) {
		ck_assert_int_eq(
			trn_chip_dma_read(trn_model_chip(host.model, c), from, &word, 8, &bad), 0);
		ck_assert_uint_eq(word, c / 4 + 1);
	}
	ck_assert_int_lt(trn_chip_dma_read(trn_model_chip(host.model, 8), from, &word, 8, &bad), 0);
	/* Nobody reaches a host through another chip, not even its own. */
	ck_assert_int_lt(trn_chip_far_read(host.chip, peer(1, from), &word, 8, &bad), 0);
	ck_assert_int_lt(trn_chip_far_read(host.chip, peer(0, from), &word, 8, &bad), 0);
	trn_test_host_close(&host);
}
END_TEST

/* ---- bytes ---- */

START_TEST(bytes_go_between_chips)
{
	static const char *const pods[] = { "trn2-48xl", "trn3-ultraserver" };
	struct trn_prng prng;

	trn_prng_seed(&prng, trn_test_seed());
	for (uint32_t p = 0; p < TRN_ARRAY_LEN(pods); p++) {
		struct trn_test_ring ring;
		struct trn_chip_counters counters;

		open_pod(pods[p]);
		ring_open(&ring, 2, 5);
		for (int round = 0; round < 60; round++) {
			const uint32_t chips = trn_model_chips(host.model);
			const uint32_t from = (uint32_t)trn_prng_below(&prng, chips);
			const uint32_t to = (uint32_t)trn_prng_below(&prng, chips);
			const uint32_t size = 1 + (uint32_t)trn_prng_below(&prng, 65536);
			const uint64_t src = TRN_AXI_HBM0 + trn_prng_below(&prng, 999);
			const uint64_t dst = TRN_AXI_HBM2 + trn_prng_below(&prng, 999);

			random_bytes(&prng, bytes_of(from, src, size), size);
			/* Its own memory by its own address or by the one that peers use. */
			trn_test_ring_copy(&ring, to == 2 && round % 2 == 0 ? dst : peer(to, dst),
					   from == 2 && round % 2 == 0 ? src : peer(from, src),
					   size, true);
			trn_test_ring_start(&ring);
			trn_test_host_settle(&host, 100);
			ck_assert_mem_eq(bytes_of(to, dst, size), bytes_of(from, src, size), size);
		}
		trn_chip_counters(host.chip, &counters);
		ck_assert_uint_eq(counters.dma_packets, 60);
		trn_test_host_close(&host);
	}
}
END_TEST

START_TEST(memory_of_cores_and_semaphores_answer)
{
	struct trn_test_ring ring;
	uint32_t *words;
	const uint32_t sem = 9 * 4, topsp = 11 * 4;

	open_pod("trn2-48xl");
	ring_open(&ring, 0, 128);
	words = trn_test_host_map(&host, DATA_IOVA, 4096);
	words[0] = 77;
	trn_test_ring_copy(&ring, peer(3, trn_regs_tpb_axi(6) + TRN_TPB_SEM_INC + sem),
			   TRN_AXI_HOST | DATA_IOVA, 4, true);
	trn_test_ring_copy(
		&ring,
		peer(3, TRN_AXI_TOPSP10 + 2 * TRN_AXI_TOPSP_STRIDE + TRN_TOPSP_SEM_INC + topsp),
		TRN_AXI_HOST | DATA_IOVA, 4, true);
	trn_test_ring_copy(&ring, peer(3, trn_regs_tpb_axi(1) + 64), TRN_AXI_HOST | DATA_IOVA, 8,
			   true);
	trn_test_ring_copy(&ring, TRN_AXI_HOST | (DATA_IOVA + 64),
			   peer(3, trn_regs_tpb_axi(1) + 64), 8, true);
	trn_test_ring_start(&ring);
	trn_test_host_settle(&host, 100);
	ck_assert_uint_eq(words[16], 77);
	trn_test_host_select(&host, 3);
	ck_assert_uint_eq(
		trn_test_rd(&host, TRN_BAR0_TPB + 6 * TRN_BAR0_TPB_STRIDE + TRN_TPB_SEM_READ + sem),
		77);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_BAR0_TOPSP8 + 2 * TRN_BAR0_TOPSP_STRIDE +
						     TRN_TOPSP_SEM_READ + topsp),
			  77);
	trn_test_host_close(&host);
}
END_TEST

/* ---- order ---- */

struct watch {
	uint32_t from, to;
	uint64_t payload;
	uint32_t size;
};

static uint32_t semaphore_of(uint32_t chip)
{
	return host.model->chips[chip]->topsp[3].semaphore[5];
}

/* Steps until the semaphore has counted; whether all of the payload was there then. */
static bool whole_at_signal(const struct watch *w, uint32_t count)
{
	while (semaphore_of(w->to) < count)
		ck_assert(trn_model_step(host.model));
	return memcmp(bytes_of(w->to, w->payload, w->size), bytes_of(w->from, w->payload, w->size),
		      w->size) == 0;
}

static const uint64_t inc = TRN_AXI_TOPSP0 + 3 * TRN_AXI_TOPSP_STRIDE + TRN_TOPSP_SEM_INC + 5 * 4;

/* Payload and semaphore through one queue of chip 1 without barriers, or the semaphore from chip
 * 2; how many payloads were whole. */
static unsigned int signals(const char *pod, uint64_t seed, bool same_path, unsigned int rounds)
{
	struct trn_test_ring data, other, *mark = same_path ? &data : &other;
	struct watch w = { .from = 1, .payload = TRN_AXI_HBM1 };
	struct trn_prng prng;
	unsigned int whole = 0;
	uint32_t counts[TRN_POD_CHIPS_MAX] = { 0 };
	char spec[64];

	open_pod(pod);
	(void)snprintf(spec, sizeof(spec), "link.jitter,value=5000,seed=%llu",
		       (unsigned long long)seed);
	fault(&host, spec);
	trn_prng_seed(&prng, seed);
	ring_open(&other, 2, 128);
	*bytes_of(1, TRN_AXI_HBM3, 4) = 1;
	*bytes_of(2, TRN_AXI_HBM3, 4) = 1;
	ring_open(&data, 1, 128);
	for (unsigned int i = 0; i < rounds; i++) {
		w.to = (uint32_t)trn_prng_below(&prng, trn_model_chips(host.model) - 3) + 3;
		w.size = 1 + (uint32_t)trn_prng_below(&prng, 65536);
		random_bytes(&prng, bytes_of(1, w.payload, w.size), w.size);
		trn_test_host_select(&host, 1);
		trn_test_ring_copy(&data, peer(w.to, w.payload), w.payload, w.size, false);
		trn_test_ring_copy(mark, peer(w.to, inc), TRN_AXI_HBM3, 4, false);
		trn_test_ring_start(&data);
		trn_test_host_select(&host, 2);
		if (!same_path)
			trn_test_ring_start(mark);
		whole += whole_at_signal(&w, ++counts[w.to]);
		trn_test_host_settle(&host, 100);
	}
	trn_test_host_close(&host);
	return whole;
}

START_TEST(a_semaphore_comes_after_its_payload)
{
	static const char *const pods[] = { "trn2-48xl", "trn2-ultraserver", "trn3-gen1",
					    "trn3-ultraserver" };

	for (uint64_t i = 0; i < 8; i++) {
		const char *pod = pods[i % TRN_ARRAY_LEN(pods)];

		ck_assert_uint_eq(signals(pod, trn_test_seed() + i, true, 60), 60);
		/* From elsewhere it does not wait, and a test of order can see that. */
		ck_assert_uint_lt(signals(pod, trn_test_seed() + i, false, 60), 50);
	}
}
END_TEST

/* ---- cores ---- */

static struct trn_test_core tc;

static void core_open(const char *pod)
{
	memset(&tc, 0, sizeof(tc));
	trn_prng_seed(&tc.prng, trn_test_seed());
	trn_test_host_init_pod(&tc.host, pod);
	trn_test_core_start(&tc);
	host.model = tc.host.model;
}

/* A core of chip 0 sends bytes of its SBUF to an address, then counts a semaphore there. */
static void emit_send(uint64_t dst, uint32_t bytes, uint64_t semaphore)
{
	const struct trn_isa_ap ap =
		trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U8, 0, 128, 0, bytes / 128);
	const struct trn_isa_ap one = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 1, 4096, 1);
	struct trn_isa_dma *dma;

	trn_test_clear(&tc);
	trn_test_arg(&tc, dst, bytes);
	trn_test_arg(&tc, semaphore, 4);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_dram(0, TRN_DTYPE_U8, 0, 128, bytes / 128);
	dma->src = trn_test_mem(&ap);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_dram(1, TRN_DTYPE_U32, 0, 1, 1);
	dma->src = trn_test_mem(&one);
}

static void poke_rows(uint8_t *rows, uint32_t bytes)
{
	const uint32_t one = 1;

	random_bytes(&tc.prng, rows, bytes);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 128, 0, rows, bytes / 128);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 4096, &one, 4);
}

START_TEST(a_core_sends_and_another_chips_core_wakes)
{
	static uint8_t rows[32768];
	const uint32_t chip = 7, sem = 9;
	struct trn_core *core;

	core_open("trn2-48xl");
	poke_rows(rows, sizeof(rows));
	/* The receiver: core 2 of chip 7 waits; its program lies in host memory, too. */
	trn_test_host_select(&tc.host, chip);
	trn_test_queue_open(&tc, 1, 0);
	trn_test_clear(&tc);
	trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_NOP, 1)->head = (struct trn_isa_head){
		.op = TRN_OP_NOP,
		.words = 1,
		.wait_mode = TRN_WAIT_GE,
		.wait_sem = (uint8_t)sem,
		.wait_value = 1,
	};
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_HALT, 1);
	trn_test_command_on(&tc, 1,
			    &(struct trn_ext_cmd){ .op = TRN_CMD_LAUNCH,
						   .a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), 2 } });
	trn_test_settle(&tc);
	core = tc.host.model->chips[chip]->core[2];
	ck_assert_int_eq(core->state, TRN_CORE_RUNNING);
	trn_test_host_select(&tc.host, 0);
	emit_send(peer(chip, TRN_AXI_HBM1 + 128), sizeof(rows),
		  peer(chip, trn_regs_tpb_axi(2) + TRN_TPB_SEM_INC + sem * 4));
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_int_eq(core->state, TRN_CORE_IDLE);
	ck_assert_uint_eq(core->runs, 1);
	ck_assert_mem_eq(bytes_of(chip, TRN_AXI_HBM1 + 128, sizeof(rows)), rows, sizeof(rows));
	trn_test_core_close(&tc);
}
END_TEST

/* Device time of one launch that sends some bytes to a chip. */
static uint64_t send_ps(uint32_t chip, uint32_t bytes)
{
	uint64_t begin;

	emit_send(peer(chip, TRN_AXI_HBM1), bytes,
		  peer(chip, trn_regs_tpb_axi(2) + TRN_TPB_SEM_INC));
	begin = trn_model_now(tc.host.model);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	return trn_model_now(tc.host.model) - begin;
}

START_TEST(a_step_takes_a_dma_and_hops)
{
	uint64_t own, next, far;

	/* Facts H 2.5: 1 to 2 us from neighbour to neighbour. A DMA's own part is 1.04 us. */
	core_open("trn2-ultraserver");
	own = send_ps(0, 128);
	next = send_ps(1, 128);
	ck_assert_uint_eq(next - own, 460 * TRN_PS_PER_NS);
	far = send_ps(42, 128); /* two steps in each dimension */
	ck_assert_uint_eq(far - own, 6 * 460 * TRN_PS_PER_NS);
	trn_test_core_close(&tc);
	/* H 8: 0.7 us for each of 1, 3 or 4 hops. */
	core_open("trn3-ultraserver");
	own = send_ps(0, 128);
	ck_assert_uint_eq(send_ps(1, 128) - own, 700 * TRN_PS_PER_NS);
	ck_assert_uint_eq(send_ps(9, 128) - own, 2100 * TRN_PS_PER_NS);
	ck_assert_uint_eq(send_ps(81, 128) - own, 2800 * TRN_PS_PER_NS);
	trn_test_core_close(&tc);
}
END_TEST

/* The semaphore by the same engine as the payload or by another one; how often all of the payload
 * was there when the semaphore had counted. */
static unsigned int core_signals(uint64_t seed, bool same, unsigned int rounds)
{
	static uint8_t rows[65536];
	struct trn_prng prng;
	unsigned int whole = 0;
	char spec[64];

	core_open("trn3-ultraserver");
	(void)snprintf(spec, sizeof(spec), "link.jitter,value=8000,seed=%llu",
		       (unsigned long long)seed);
	fault(&tc.host, spec);
	trn_prng_seed(&prng, seed);
	for (unsigned int i = 0; i < rounds; i++) {
		const uint32_t bytes = 128 * (1 + (uint32_t)trn_prng_below(&prng, 512));
		const uint32_t chip = 1 + (uint32_t)trn_prng_below(&prng, 143);
		const uint32_t before = semaphore_of(chip);

		poke_rows(rows, bytes);
		emit_send(peer(chip, TRN_AXI_HBM1), bytes, peer(chip, inc));
		if (!same) {
			/* The second instruction goes to another engine. */
			struct trn_isa_dma *second =
				(void *)(tc.stream[TRN_ENGINE_SYNC] + 3 * TRN_ISA_WORD_SIZE);

			*trn_test_emit_dma(&tc, TRN_ENGINE_GPSIMD, TRN_OP_DMA_COPY) = *second;
			tc.desc->stream[TRN_ENGINE_SYNC].words -= 3;
		}
		for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
			if (tc.desc->stream[e].words > 0)
				(void)trn_test_emit(&tc, e, TRN_OP_HALT, 1);
		trn_test_start(&tc);
		while (semaphore_of(chip) == before)
			ck_assert(trn_model_step(tc.host.model));
		whole += memcmp(bytes_of(chip, TRN_AXI_HBM1, bytes), rows, bytes) == 0;
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->error, 0);
	}
	trn_test_core_close(&tc);
	return whole;
}

START_TEST(a_cores_semaphore_comes_after_its_payload)
{
	for (uint64_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(core_signals(trn_test_seed() + i, true, 50), 50);
		ck_assert_uint_lt(core_signals(trn_test_seed() + i, false, 50), 50);
	}
}
END_TEST

START_TEST(a_core_adds_to_another_chips_memory)
{
	float mine[128], theirs[128];
	const struct trn_isa_ap ap = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, 0, 1);
	struct trn_isa_dma *dma;

	core_open("trn3-ultraserver");
	for (uint32_t i = 0; i < 128; i++) {
		mine[i] = (float)i;
		theirs[i] = 1000.0f;
	}
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 128, 0, mine, 4);
	memcpy(bytes_of(100, TRN_AXI_HBM0, sizeof(theirs)), theirs, sizeof(theirs));
	trn_test_arg(&tc, peer(100, TRN_AXI_HBM0), sizeof(theirs));
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_ADD);
	dma->dst = trn_test_dram(0, TRN_DTYPE_F32, 0, 128, 1);
	dma->src = trn_test_mem(&ap);
	dma->head.flags = TRN_DMA_ACCUMULATE;
	dma->imm[0] = 1;
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	memcpy(theirs, bytes_of(100, TRN_AXI_HBM0, sizeof(theirs)), sizeof(theirs));
	for (uint32_t i = 0; i < 128; i++)
		ck_assert_float_eq(theirs[i], 1000.0f + (float)i);
	trn_test_core_close(&tc);
}
END_TEST

START_TEST(windows_hold_for_peers)
{
	static uint8_t rows[1024];
	uint64_t there, sem;

	core_open("trn2-48xl");
	there = peer(1, TRN_AXI_HBM1);
	sem = peer(1, trn_regs_tpb_axi(2) + TRN_TPB_SEM_INC);
	poke_rows(rows, sizeof(rows));
	trn_test_ext_wr(&tc, TRN_EXT_QUEUE(0) + TRN_EXT_Q_CONTROL, 0);
	trn_test_queue_open(&tc, 0, 3);
	trn_test_window(&tc, 3, 0, TRN_AXI_HOST, TRN_AXI_HOST, 3);
	/* The same address of the chip's own is not the peer's. */
	trn_test_window(&tc, 3, 1, TRN_AXI_HBM1, 65536, 3);
	emit_send(there, sizeof(rows), sem);
	tc.tail = 0;
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_ADDRESS);
	trn_test_window(&tc, 3, 2, there, sizeof(rows), 2);
	trn_test_window(&tc, 3, 3, sem, 4, 2);
	trn_test_recover(&tc);
	trn_test_ext_wr(&tc, TRN_EXT_QUEUE(0) + TRN_EXT_Q_CONTROL, 0);
	trn_test_queue_open(&tc, 0, 3);
	tc.tail = 0;
	poke_rows(rows, sizeof(rows));
	emit_send(there, sizeof(rows), sem);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_mem_eq(bytes_of(1, TRN_AXI_HBM1, sizeof(rows)), rows, sizeof(rows));
	trn_test_core_close(&tc);
}
END_TEST

/* ---- traces ---- */

static uint64_t link_bytes;
static const struct trn_chip *traced;

static void keep(void *user, const struct trn_trace_item *item)
{
	const struct trn_pod_graph *graph = trn_model_graph(traced->model);
	static uint64_t since_ps, rate;

	(void)user;
	ck_assert_uint_eq(item->chip, traced->index);
	if (item->kind != TRN_TRACE_LINK)
		return;
	ck_assert_uint_eq(graph->link[item->track].from, traced->index);
	link_bytes += rate * ((item->begin_ps - since_ps) / TRN_PS_PER_NS) / 1000000000;
	since_ps = item->begin_ps;
	rate = item->value;
}

START_TEST(a_trace_shows_links)
{
	static uint8_t rows[1 << 20];
	uint64_t hash[2];

	for (int i = 0; i < 2; i++) {
		core_open("trn2-48xl");
		traced = tc.host.model->chips[0];
		link_bytes = 0;
		poke_rows(rows, sizeof(rows));
		emit_send(peer(1, TRN_AXI_HBM1), sizeof(rows),
			  peer(1, trn_regs_tpb_axi(2) + TRN_TPB_SEM_INC));
		if (i == 0)
			trn_chip_trace(tc.host.chip, keep);
		ck_assert_uint_eq(trn_test_launch(&tc), 0);
		if (i == 0) {
			trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 2000 * US);
			trn_chip_trace(tc.host.chip, NULL);
			/* One sample may still be open, the semaphore's. */
			ck_assert_uint_ge(link_bytes, sizeof(rows) - 64);
			ck_assert_uint_le(link_bytes, sizeof(rows) + 4);
		} else {
			trn_model_run(tc.host.model, trn_model_now(tc.host.model) + 2000 * US);
		}
		hash[i] = trn_model_hash(tc.host.model);
		trn_test_core_close(&tc);
	}
	ck_assert_uint_eq(hash[0], hash[1]);
}
END_TEST

/* ---- what goes wrong ---- */

/* One packet from chip 1, engine 20; the cause bits of its reading side. */
static uint32_t one_packet(struct trn_test_ring *ring, uint64_t dst, uint64_t src)
{
	const uint32_t base = trn_regs_udma_bar0(20);

	trn_test_ring_copy(ring, dst, src, 64, true);
	trn_test_ring_start(ring);
	trn_test_host_settle(&host, 100);
	return trn_test_rd(&host, base + TRN_UDMA_INT_SECONDARY(0) + TRN_UDMA_INT_CAUSE);
}

START_TEST(packets_over_a_lost_link_end_in_an_error)
{
	struct trn_test_ring ring;

	open_pod("trn3-ultraserver");
	ring_open(&ring, 1, 20);
	ck_assert_uint_eq(one_packet(&ring, peer(60, TRN_AXI_HBM0), TRN_AXI_HBM1), 0);
	fault(&host, "link.down,chip=1");
	ck_assert_uint_eq(one_packet(&ring, peer(60, TRN_AXI_HBM0), TRN_AXI_HBM1),
			  TRN_M2S_ERR_DATA_RD_RESP);
	ck_assert_uint_eq(trn_test_host_count(&host, "link-lost"), 1);
	ck_assert_uint_eq(trn_test_host_count(&host, "link.down"), 1);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_lost_chip_answers_nothing)
{
	struct trn_test_ring ring;

	open_pod("trn3-ultraserver");
	trn_test_host_expect(&host, "dma-unmapped");
	fault(&host, "device.lost,chip=60");
	ring_open(&ring, 1, 20);
	trn_test_host_select(&host, 60);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM), UINT32_MAX);
	trn_test_host_select(&host, 1);
	ck_assert_uint_eq(trn_test_rd(&host, TRN_MISC_RAM), TRN_MBOX_API_NEW);
	ck_assert_uint_eq(one_packet(&ring, TRN_AXI_HBM1, peer(60, TRN_AXI_HBM0)),
			  TRN_M2S_ERR_DATA_RD_RESP);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_chip_in_reset_answers_nothing)
{
	struct trn_test_ring ring;
	uint64_t bad = 0, word = 0;

	open_pod("trn2-48xl");
	ring_open(&ring, 1, 20);
	ck_assert_int_eq(trn_chip_far_read(host.chip, peer(2, TRN_AXI_HBM0), &word, 8, &bad), 0);
	trn_test_host_select(&host, 2);
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_RESET_TYPE, TRN_MR_RESET_TYPE_DEVICE);
	trn_test_wr(&host, TRN_MISC_RAM + TRN_MR_TRIGGER, 1);
	trn_test_host_select(&host, 1);
	trn_test_host_expect(&host, "dma-unmapped");
	ck_assert_int_lt(trn_chip_far_read(host.chip, peer(2, TRN_AXI_HBM0), &word, 8, &bad), 0);
	ck_assert_uint_eq(bad, peer(2, TRN_AXI_HBM0));
	ck_assert_uint_eq(one_packet(&ring, TRN_AXI_HBM1, peer(2, TRN_AXI_HBM0)),
			  TRN_M2S_ERR_DATA_RD_RESP);
	ck_assert_int_eq(trn_chip_far_read(host.chip, peer(2, TRN_AXI_HBM0), &word, 8, &bad), 0);
	trn_test_host_close(&host);
}
END_TEST

START_TEST(a_core_hears_of_a_lost_link)
{
	static uint8_t rows[1024];
	uint64_t begin, sem;

	core_open("trn2-48xl");
	sem = peer(1, trn_regs_tpb_axi(2) + TRN_TPB_SEM_INC);
	poke_rows(rows, sizeof(rows));
	fault(&tc.host, "link.down");
	emit_send(peer(1, TRN_AXI_HBM1), sizeof(rows), sem);
	begin = trn_model_now(tc.host.model);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_LINK);
	ck_assert_uint_eq(tc.status->address, peer(1, TRN_AXI_HBM1));
	ck_assert_uint_lt(trn_model_now(tc.host.model) - begin, 30 * US);
	/* Other ways are open. */
	trn_test_recover(&tc);
	poke_rows(rows, sizeof(rows));
	emit_send(peer(4, TRN_AXI_HBM1), sizeof(rows), peer(4, sem & TRN_PEER_AXI_MASK));
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- the same traffic twice ---- */

static uint64_t wild_address(struct trn_prng *prng)
{
	const uint64_t small = trn_prng_below(prng, 65536) & ~UINT64_C(3);
	const uint32_t chips = trn_model_chips(host.model);
	uint64_t axi = trn_regs_hbm_axi((unsigned int)trn_prng_below(prng, TRN_HBMS)) + small;

	switch (trn_prng_below(prng, 12)) {
	case 0:
		return trn_prng_next(prng) | TRN_PEER_MARK;
	case 1:
		axi = trn_regs_tpb_axi(3) + small;
		break;
	case 2:
		axi = inc - 5 * 4 + small % 1024;
		break;
	case 3:
		return axi;
	default:
		break;
	}
	return peer((uint32_t)trn_prng_below(prng, chips), axi);
}

struct outcome {
	uint64_t hash, events, now;
};

static void wild_run(const struct trn_pod *pod, const struct trn_pod_fabric *fabric, uint64_t seed,
		     struct outcome *out)
{
	struct trn_test_ring rings[12];
	struct trn_prng prng;

	trn_test_host_init(&host, pod->gen);
	host.config.pod = pod;
	host.config.fabric = fabric;
	host.config.hbm_bytes = 64 * TRN_MIB;
	host.config.seed = seed;
	host.any_violation = true;
	trn_test_host_open(&host);
	trn_prng_seed(&prng, seed);
	fault(&host, "link.jitter,value=3000,seed=5");
	fault(&host, "link.slow,after=50,count=100");
	fault(&host, "link.flap,after=30,count=2");
	fault(&host, "link.down,after=600");
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(rings); i++) {
		const uint32_t chip = (uint32_t)trn_prng_below(&prng, trn_model_chips(host.model));

		ring_open(&rings[i], chip, 10 * i);
	}
	for (int step = 0; step < 400; step++) {
		struct trn_test_ring *ring = &rings[trn_prng_below(&prng, TRN_ARRAY_LEN(rings))];
		const uint32_t count = 1 + (uint32_t)trn_prng_below(&prng, 4);

		for (uint32_t i = 0; i < count; i++)
			trn_test_ring_copy(ring, wild_address(&prng), wild_address(&prng),
					   4 * (1 + (uint32_t)trn_prng_below(&prng, 16384)),
					   trn_prng_below(&prng, 3) == 0);
		for (uint32_t c = 0; c < trn_model_chips(host.model); c++)
			if (trn_model_chip(host.model, c)->udma[ring->engine])
				trn_test_host_select(&host, c);
		trn_test_ring_start(ring);
		trn_model_run(host.model,
			      trn_model_now(host.model) + trn_prng_below(&prng, 20 * US));
	}
	trn_test_host_settle(&host, 100000);
	out->hash = trn_model_hash(host.model);
	out->events = host.event_hash;
	out->now = trn_model_now(host.model);
	trn_test_host_close(&host);
}

START_TEST(the_same_traffic_twice_is_the_same)
{
	static const struct trn_pod square = {
		"square", "trn2", TRN_POD_TORUS, 1, 1, 4, { 2, 2, 1 }, false, "", "",
	};
	static const struct trn_pod_fabric torus = { .name = "torus", .pod = "square" };
	const uint64_t seed = trn_test_seed();
	struct outcome first, second, other;

	for (int i = 0; i < 2; i++) {
		const struct trn_pod *pod = i == 0 ? &square : trn_pod_find("trn3-ultraserver");
		const struct trn_pod_fabric *fabric = i == 0 ? &torus : NULL;

		wild_run(pod, fabric, seed, &first);
		wild_run(pod, fabric, seed, &second);
		ck_assert_mem_eq(&first, &second, sizeof(first));
		wild_run(pod, fabric, seed + 1, &other);
		ck_assert_uint_ne(first.hash, other.hash);
	}
}
END_TEST

static Suite *pod_suite(void)
{
	Suite *suite = suite_create("pod");
	TCase *tc_all = tcase_create("pod");

	tcase_set_timeout(tc_all, 60);
	tcase_add_test(tc_all, ids_follow_from_the_place);
	tcase_add_test(tc_all, many_chips_are_small);
	tcase_add_test(tc_all, host_memory_is_the_servers);
	tcase_add_test(tc_all, bytes_go_between_chips);
	tcase_add_test(tc_all, memory_of_cores_and_semaphores_answer);
	tcase_add_test(tc_all, a_semaphore_comes_after_its_payload);
	tcase_add_test(tc_all, a_core_sends_and_another_chips_core_wakes);
	tcase_add_test(tc_all, a_step_takes_a_dma_and_hops);
	tcase_add_test(tc_all, a_cores_semaphore_comes_after_its_payload);
	tcase_add_test(tc_all, a_core_adds_to_another_chips_memory);
	tcase_add_test(tc_all, windows_hold_for_peers);
	tcase_add_test(tc_all, a_trace_shows_links);
	tcase_add_test(tc_all, packets_over_a_lost_link_end_in_an_error);
	tcase_add_test(tc_all, a_lost_chip_answers_nothing);
	tcase_add_test(tc_all, a_chip_in_reset_answers_nothing);
	tcase_add_test(tc_all, a_core_hears_of_a_lost_link);
	tcase_add_test(tc_all, the_same_traffic_twice_is_the_same);
	suite_add_tcase(suite, tc_all);
	return suite;
}

TRN_TEST_MAIN(pod_suite)
