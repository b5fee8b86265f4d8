/* SPDX-License-Identifier: Apache-2.0 */
/* A host for tests of the model: one chip or a pod, host memory regions, and a recorder
 * of events. The checker is on: closing fails the test when a rule was broken
 * that the test did not expect. */
#ifndef MODEL_TEST_HOST_H
#define MODEL_TEST_HOST_H

#include "base/regs.h"
#include "base/test_alloc.h"
#include "model/gen.h"
#include "model/model.h"

#define TRN_TEST_REGIONS 32
#define TRN_TEST_EVENTS 256
#define TRN_TEST_EXPECTED 8

struct trn_test_region {
	uint32_t server;
	uint64_t iova, size; /* without the host bit */
	uint8_t *ptr;
	bool read_only; /* for the device */
};

struct trn_test_host {
	struct trn_test_alloc mem;
	struct trn_model_config config; /* may be changed between init() and open() */
	struct trn_model *model;
	struct trn_chip *chip; /* the one that helpers talk to */
	struct trn_test_region regions[TRN_TEST_REGIONS];
	unsigned int region_count;
	struct trn_model_event events[TRN_TEST_EVENTS]; /* the first ones */
	uint64_t event_count, kind_count[8];
	uint64_t event_hash; /* over all events: kinds, rules, times, addresses, values */
	const char *expected[TRN_TEST_EXPECTED];
	unsigned int expected_count;
	bool any_violation;  /* a test of wild traffic: the checker only records */
	uint64_t unexpected; /* violations that nobody expected */
	uint64_t reserved;   /* bytes out through reserve */
	bool full;           /* reserve has no room */
};

/* Defaults for a generation by name; then open() creates the model, with bus master on. */
void trn_test_host_init(struct trn_test_host *host, const char *gen);
void trn_test_host_open(struct trn_test_host *host);
/* The same for a pod of base/pod.h by name, with little HBM. Chip 0 is selected. */
void trn_test_host_init_pod(struct trn_test_host *host, const char *pod);
/* What host->chip, and with it all helpers, mean from now on. */
void trn_test_host_select(struct trn_test_host *host, uint32_t chip);
/* Destroys the model; fails the test on a leak or an unexpected violation. */
void trn_test_host_close(struct trn_test_host *host);
/* Zeroed host memory at an address without the host bit; freed by close. */
void *trn_test_host_map(struct trn_test_host *host, uint64_t iova, uint64_t size);
/* The same of a server of the pod; map() is that of the chip selected, or server 0. */
void *trn_test_host_map_at(struct trn_test_host *host, uint32_t server, uint64_t iova,
			   uint64_t size);
void trn_test_host_unmap(struct trn_test_host *host, uint64_t iova);
/* Violations of this rule are part of the test. */
void trn_test_host_expect(struct trn_test_host *host, const char *rule);
/* How often a rule or fault name was reported (of the first TRN_TEST_EVENTS events). */
unsigned int trn_test_host_count(const struct trn_test_host *host, const char *rule);
/* Steps until nothing is pending; fails the test after limit steps. */
void trn_test_host_settle(struct trn_test_host *host, unsigned int limit);

/* BAR0 shorthand. */
static inline uint32_t trn_test_rd(struct trn_test_host *host, uint64_t offset)
{
	return trn_chip_read32(host->chip, TRN_BAR_REGS, offset);
}

static inline void trn_test_wr(struct trn_test_host *host, uint64_t offset, uint32_t value)
{
	trn_chip_write32(host->chip, TRN_BAR_REGS, offset, value);
}

#endif /* MODEL_TEST_HOST_H */
