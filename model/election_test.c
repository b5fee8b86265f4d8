/* SPDX-License-Identifier: Apache-2.0 */
/* The election of an UltraServer's nodes (driver facts 8.4), played on registers: every node reads
 * its neighbours' MISC RAM through the windows by its own DMA engines, publishes what it found,
 * and all come to the same numbers. */
#include <string.h>
#include "base/bits.h"
#include "base/pod.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_ring.h"

#define NODES 4u
#define NODE_CHIPS 16u
#define RING_DESCS 1024u
#define POLLS 1000u
#define POLL_PS (4 * 1000 * TRN_PS_PER_NS)
#define STATUS_SUCCESS 3u

enum side {
	LEFT = 0,
	RIGHT = 1,
};

/* Engines of the two links of each pair. */
struct engines {
	uint32_t pair[2][2];
};
static const struct engines trn2_engines = { { { 36, 68 }, { 4, 100 } } };
static const struct engines trn3_engines = { { { 40, 72 }, { 8, 104 } } };

static struct trn_test_host host;
static struct trn_prng prng;

struct node {
	uint32_t chip; /* its device 0 */
	struct trn_test_ring ring[2][2];
	uint32_t *memory; /* host: marker words, then what was read */
	uint64_t iova;
	uint64_t serial, neighbour[2], diagonal;
	uint32_t id, count;
	uint64_t pod_serial;
};
static struct node nodes[NODES];

static uint32_t mr_read(const struct node *node, uint32_t offset)
{
	trn_test_host_select(&host, node->chip);
	return trn_test_rd(&host, TRN_MISC_RAM + offset);
}

static void mr_write(const struct node *node, uint32_t offset, uint32_t value)
{
	trn_test_host_select(&host, node->chip);
	trn_test_wr(&host, TRN_MISC_RAM + offset, value);
}

static void nodes_open(const struct engines *engines)
{
	for (uint32_t n = 0; n < NODES; n++) {
		struct node *node = &nodes[n];

		memset(node, 0, sizeof(*node));
		node->chip = n * NODE_CHIPS;
		node->iova = 0x10000000 + n * UINT64_C(0x100000);
		trn_test_host_select(&host, node->chip);
		node->memory = trn_test_host_map(&host, node->iova, 4096);
		for (uint32_t i = 0; i < 4; i++) {
			const uint32_t engine = engines->pair[i / 2][i % 2];

			trn_test_engine_init(&host, engine);
			trn_test_ring_init(&node->ring[i / 2][i % 2], &host, engine, 0,
					   0x20000000 + (n * 4 + i) * UINT64_C(0x100000),
					   RING_DESCS);
		}
	}
}

/* Words of the neighbour's MISC RAM over one link, as the driver reads them; false when they did
 * not come. */
static bool remote_read(struct node *node, struct trn_test_ring *ring, uint32_t offset,
			uint32_t words, uint32_t *ret)
{
	const uint64_t window = TRN_AXI_PEER0 + ring->engine / 32 * TRN_AXI_PEER_STRIDE;
	const uint64_t memory = TRN_AXI_HOST | node->iova;

	node->memory[0] = 1;
	node->memory[1] = 0;
	trn_test_host_select(&host, node->chip);
	trn_test_ring_copy(ring, memory + 64, window + TRN_AXI_MISC_RAM + offset, words * 4, true);
	trn_test_ring_copy(ring, memory + 4, memory, 4, true);
	trn_test_ring_start(ring);
	for (uint32_t i = 0; i < POLLS && node->memory[1] != 1; i++)
		trn_model_run(host.model, trn_model_now(host.model) + POLL_PS);
	memcpy(ret, node->memory + 16, words * sizeof(*ret));
	return node->memory[1] == 1;
}

/* Both links of a pair must say the same. */
static bool pair_read(struct node *node, enum side side, uint32_t offset, uint32_t words,
		      uint32_t *ret)
{
	uint32_t second[8] = { 0 };

	return remote_read(node, &node->ring[side][0], offset, words, ret) &&
	       remote_read(node, &node->ring[side][1], offset, words, second) &&
	       memcmp(ret, second, words * sizeof(*ret)) == 0;
}

/* Serials of both neighbours, then where the others find them. */
static bool step_serials(struct node *node)
{
	node->serial = trn_u64(mr_read(node, TRN_MR_SERIAL_LO), mr_read(node, TRN_MR_SERIAL_HI));
	for (uint32_t side = 0; side < 2; side++) {
		uint32_t words[2];

		if (!pair_read(node, side, TRN_MR_SERIAL_LO, 2, words))
			return false;
		node->neighbour[side] = trn_u64(words[0], words[1]);
		mr_write(node, TRN_MR_LEFT_SERIAL_HI + side * 8, words[1]);
		mr_write(node, TRN_MR_LEFT_SERIAL_HI + side * 8 + 4, words[0]);
	}
	return true;
}

/* What the neighbours found: both are next to the node across. */
static bool step_diagonal(struct node *node)
{
	uint64_t across[2] = { 0 };

	for (uint32_t side = 0; side < 2; side++) {
		uint32_t words[4];

		if (!pair_read(node, side, TRN_MR_LEFT_SERIAL_HI, 4, words))
			return false;
		across[side] = trn_u64(words[side * 2 + 1], words[side * 2]);
		/* And on its other side there is this node. */
		ck_assert_uint_eq(trn_u64(words[(side ^ 1) * 2 + 1], words[(side ^ 1) * 2]),
				  node->serial);
	}
	node->diagonal = across[LEFT];
	return across[LEFT] == across[RIGHT];
}

static void step_publish(struct node *node)
{
	const uint64_t left = node->neighbour[LEFT], right = node->neighbour[RIGHT];
	const uint64_t all[] = { node->serial, left, right, node->diagonal };

	node->pod_serial = UINT64_MAX;
	for (uint32_t i = 0; i < 4; i++)
		node->pod_serial = trn_min_u64(node->pod_serial, all[i]);
	if (node->pod_serial == node->serial)
		node->id = 0;
	else if (node->pod_serial == node->diagonal)
		node->id = 2;
	else
		node->id = left < right ? 1 : 3;
	node->count = NODES;
	mr_write(node, TRN_MR_ELECTION_STATUS + 4, trn_hi32(node->pod_serial));
	mr_write(node, TRN_MR_ELECTION_STATUS + 8, trn_lo32(node->pod_serial));
	mr_write(node, TRN_MR_ELECTION_STATUS,
		 STATUS_SUCCESS | 3u << 8 | node->id << 16 | node->count << 24);
}

static void step_neighbours(struct node *node)
{
	for (uint32_t side = 0; side < 2; side++) {
		uint32_t words[3];

		ck_assert(pair_read(node, side, TRN_MR_ELECTION_STATUS, 3, words));
		ck_assert_uint_eq(words[0] & 0xff, STATUS_SUCCESS);
		ck_assert_uint_eq(words[0] >> 24, NODES);
		ck_assert_uint_eq(words[0] >> 16 & 0xff,
				  (node->id + (side == LEFT ? NODES - 1 : 1)) % NODES);
		ck_assert_uint_eq(trn_u64(words[2], words[1]), node->pod_serial);
	}
}

/* In any order within a step, as machines are. */
static uint32_t any_order(uint32_t i)
{
	static uint32_t first;

	if (i == 0)
		first = (uint32_t)trn_prng_below(&prng, NODES);
	return (first + i) % NODES;
}

static void elect(uint64_t serial, const struct engines *engines, const uint32_t ids[NODES])
{
	trn_test_host_init_pod(&host, "trn2-ultraserver");
	host.config.serial = serial;
	trn_test_host_open(&host);
	trn_prng_seed(&prng, trn_test_seed());
	nodes_open(engines);
	for (uint32_t i = 0; i < NODES; i++)
		ck_assert(step_serials(&nodes[any_order(i)]));
	for (uint32_t i = 0; i < NODES; i++)
		ck_assert(step_diagonal(&nodes[any_order(i)]));
	for (uint32_t i = 0; i < NODES; i++)
		step_publish(&nodes[any_order(i)]);
	for (uint32_t i = 0; i < NODES; i++)
		step_neighbours(&nodes[any_order(i)]);
	for (uint32_t n = 0; n < NODES; n++) {
		const struct node *node = &nodes[n];

		ck_assert_uint_eq(node->neighbour[LEFT], nodes[(n + NODES - 1) % NODES].serial);
		ck_assert_uint_eq(node->neighbour[RIGHT], nodes[(n + 1) % NODES].serial);
		ck_assert_uint_eq(node->id, ids[n]);
		ck_assert_uint_eq(node->pod_serial, nodes[0].pod_serial);
		if (node->id == 0)
			ck_assert_uint_eq(node->pod_serial, node->serial);
	}
	trn_test_host_close(&host);
}

START_TEST(four_nodes_agree)
{
	elect(UINT64_C(0x1234567800000000), &trn2_engines, (const uint32_t[]){ 0, 1, 2, 3 });
	/* The last node has the least serial: numbers wrap. */
	elect(UINT64_MAX - 39, &trn2_engines, (const uint32_t[]){ 1, 2, 3, 0 });
	/* The engines that Trainium3's driver takes look through the same windows. */
	elect(77, &trn3_engines, (const uint32_t[]){ 0, 1, 2, 3 });
}
END_TEST

/* Without the link from node 1 to node 0, node 0 hears nothing from its right, and node 1, which
 * cannot ask, from its left; the other sides work. */
START_TEST(a_lost_link_is_seen)
{
	const struct trn_pod_graph *graph;
	const char *why = "";
	char spec[32];
	uint32_t link = 0, words[2];

	trn_test_host_init_pod(&host, "trn2-ultraserver");
	trn_test_host_open(&host);
	graph = trn_model_graph(host.model);
	while (graph->link[link].from != NODE_CHIPS || graph->link[link].to != 0)
		link++;
	(void)snprintf(spec, sizeof(spec), "link.down@%u", link);
	ck_assert_int_eq(trn_model_fault(host.model, spec, &why), 0);
	nodes_open(&trn2_engines);
	ck_assert(!pair_read(&nodes[0], RIGHT, TRN_MR_SERIAL_LO, 2, words));
	ck_assert(pair_read(&nodes[0], LEFT, TRN_MR_SERIAL_LO, 2, words));
	ck_assert(!pair_read(&nodes[1], LEFT, TRN_MR_SERIAL_LO, 2, words));
	ck_assert(pair_read(&nodes[1], RIGHT, TRN_MR_SERIAL_LO, 2, words));
	trn_test_host_close(&host);
}
END_TEST

/* Windows only read, and only where there are nodes. */
START_TEST(windows_look_and_do_not_touch)
{
	uint32_t word = 0;
	uint64_t bad = 0;

	trn_test_host_init_pod(&host, "trn2-ultraserver");
	trn_test_host_open(&host);
	for (uint32_t w = 0; w < 4; w++) {
		const uint64_t at = TRN_AXI_PEER0 + w * TRN_AXI_PEER_STRIDE;
		const uint64_t serial = at + TRN_AXI_MISC_RAM + TRN_MR_SERIAL_LO;
		const uint32_t chip = w == 1 || w == 2 ? 48 + 5 : 16 + 5;

		trn_test_host_select(&host, 5);
		ck_assert_int_eq(trn_chip_far_read(host.chip, serial, &word, 4, &bad), 0);
		ck_assert_uint_eq(word, trn_lo32(host.config.serial + chip));
		ck_assert_int_lt(trn_chip_far_write(host.chip, serial, &word, 4, &bad), 0);
		ck_assert_int_lt(trn_chip_far_write(host.chip, at, &word, 4, &bad), 0);
		ck_assert_int_eq(trn_chip_far_read(host.chip, at, &word, 4, &bad), 0);
		/* Behind MISC RAM, and other registers. */
		ck_assert_int_lt(trn_chip_far_read(host.chip,
						   at + TRN_AXI_MISC_RAM + TRN_MISC_RAM_SIZE, &word,
						   4, &bad),
				 0);
		ck_assert_int_lt(
			trn_chip_far_read(host.chip, at + trn_regs_udma_axi(3), &word, 4, &bad), 0);
		ck_assert_int_lt(trn_chip_far_read(host.chip, at | TRN_AXI_HOST, &word, 4, &bad),
				 0);
	}
	trn_test_host_close(&host);
	trn_test_host_init_pod(&host, "trn2-48xl");
	trn_test_host_open(&host);
	ck_assert_int_lt(
		trn_chip_far_read(host.chip, TRN_AXI_PEER0 + TRN_AXI_MISC_RAM, &word, 4, &bad), 0);
	trn_test_host_close(&host);
}
END_TEST

static Suite *election_suite(void)
{
	Suite *suite = suite_create("election");
	TCase *tc = tcase_create("election");

	tcase_add_test(tc, four_nodes_agree);
	tcase_add_test(tc, a_lost_link_is_seen);
	tcase_add_test(tc, windows_look_and_do_not_touch);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(election_suite)
