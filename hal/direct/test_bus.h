/* SPDX-License-Identifier: Apache-2.0 */
/* A bus for unit tests of the driver: a store of registers, scripted by hooks, that
 * lies when told to. No model: what a hostile device could answer. */
#ifndef HAL_DIRECT_TEST_BUS_H
#define HAL_DIRECT_TEST_BUS_H

#include <stdbool.h>
#include "base/test_alloc.h"
#include "hal/direct/direct.h"

#define TEST_BUS_SLOTS 65536u
#define TEST_BUS_MAPS 128
#define TEST_BUS_WRITES 32768

struct test_bus_write {
	uint32_t offset, value;
};

struct test_bus {
	struct trn_bus bus; /* first */
	struct {
		uint32_t key, value; /* key: offset | 1 */
	} slots[TEST_BUS_SLOTS];
	uint32_t cfg[64];
	struct {
		uint64_t iova, size;
		uint8_t *base;
	} maps[TEST_BUS_MAPS];
	size_t map_count;
	struct test_bus_write writes[TEST_BUS_WRITES]; /* in order; what does not fit is dropped */
	size_t write_count;

	/* The script. A hook that answers true has handled the access. */
	bool (*on_read)(struct test_bus *bus, uint64_t offset, uint32_t *ret_value);
	bool (*on_write)(struct test_bus *bus, uint64_t offset, uint32_t value);
	bool dead;          /* everything reads all-ones */
	bool no_reset;      /* a reset request is never taken */
	int resets_to_lose; /* so many requests first */
	bool no_copies;     /* doorbells do nothing */
	int fail_after;     /* >= 0: so many more accesses work, then -EIO */
	uint64_t iova_next;
	long closed;
};

/* A test2 chip without extension that resets, copies between host buffers, and answers
 * nothing else. The object is large: static or from the heap. */
void test_bus_init(struct test_bus *bus, const struct trn_alloc *alloc, struct trn_log *log);
/* Puts the extension's capability and a right id page in place. */
void test_bus_extension(struct test_bus *bus);
uint32_t test_bus_get(const struct test_bus *bus, uint64_t offset);
void test_bus_set(struct test_bus *bus, uint64_t offset, uint32_t value);
/* Host bytes behind an address with bit 46, or NULL. */
void *test_bus_host(struct test_bus *bus, uint64_t address, uint64_t size);
/* Opens the driver over it. */
int test_bus_open(struct test_bus *bus, uint64_t deadline_ns, struct trn_hal_dev **ret_dev);

#endif /* HAL_DIRECT_TEST_BUS_H */
