/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' host of a model. */
#include "model/test_host.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"
#include "base/pod.h"
#include "model/private.h"

static void *host_resolve(void *user, uint32_t server, uint64_t address, uint64_t size, bool write)
{
	struct trn_test_host *host = user;

	for (unsigned int i = 0; i < host->region_count; i++) {
		const struct trn_test_region *region = &host->regions[i];

		if (region->server == server && address >= region->iova &&
		    !(write && region->read_only) &&
		    trn_range_ok(address - region->iova, size, region->size))
			return region->ptr + (address - region->iova);
	}
	return NULL;
}

static void *host_reserve(void *user, uint64_t size)
{
	struct trn_test_host *host = user;
	void *base = NULL;

	if (host->full || trn_reserve((size_t)size, &base) < 0)
		return NULL;
	host->reserved += size;
	return base;
}

static void host_unreserve(void *user, void *base, uint64_t size)
{
	struct trn_test_host *host = user;

	host->reserved -= size;
	trn_unreserve(base, (size_t)size);
}

static void host_event(void *user, const struct trn_model_event *event)
{
	struct trn_test_host *host = user;
	bool expected = event->kind != TRN_EV_VIOLATION || host->any_violation;

	for (unsigned int i = 0; i < host->expected_count; i++)
		expected = expected || strcmp(host->expected[i], event->rule) == 0;
	if (!expected)
		host->unexpected++;
	if (host->event_count < TRN_TEST_EVENTS)
		host->events[host->event_count] = *event;
	host->event_count++;
	host->kind_count[event->kind]++;
	host->event_hash = trn_hash_u64(host->event_hash, event->kind);
	host->event_hash = trn_hash_bytes(host->event_hash, event->rule, strlen(event->rule));
	host->event_hash = trn_hash_u64(host->event_hash, event->time_ps);
	host->event_hash = trn_hash_u64(host->event_hash, event->address);
	host->event_hash = trn_hash_u64(host->event_hash, event->value);
	host->event_hash = trn_hash_u64(host->event_hash, trn_u64(event->engine, event->queue));
	host->event_hash = trn_hash_u64(host->event_hash, event->chip);
}

void trn_test_host_init(struct trn_test_host *host, const char *gen)
{
	memset(host, 0, sizeof(*host));
	trn_test_alloc_init(&host->mem, -1);
	host->event_hash = TRN_HASH_INIT;
	host->config = (struct trn_model_config){
		.alloc = &host->mem.alloc,
		.host = {
			.user = host,
			.resolve = host_resolve,
			.reserve = host_reserve,
			.unreserve = host_unreserve,
			.event = host_event,
		},
		.gen = trn_gen_find(gen),
		.seed = 1,
		.serial = UINT64_C(0x0123456789abcdef),
	};
}

void trn_test_host_open(struct trn_test_host *host)
{
	const char *why = "";
	int r = trn_model_create(&host->config, &host->model, &why);

	ck_assert_msg(r == 0, "create: %d %s", r, why);
	for (uint32_t i = 0; i < trn_model_chips(host->model); i++)
		trn_chip_cfg_write32(trn_model_chip(host->model, i), 0x04, 0x6);
	trn_test_host_select(host, 0);
}

void trn_test_host_init_pod(struct trn_test_host *host, const char *pod)
{
	const struct trn_pod *row = trn_pod_find(pod);

	ck_assert_ptr_nonnull(row);
	trn_test_host_init(host, row->gen);
	host->config.pod = row;
	host->config.hbm_bytes = 64 * TRN_MIB;
}

void trn_test_host_select(struct trn_test_host *host, uint32_t chip)
{
	host->chip = trn_model_chip(host->model, chip);
	ck_assert_ptr_nonnull(host->chip);
}

void trn_test_host_close(struct trn_test_host *host)
{
	uint64_t violations = 0;

	for (uint32_t i = 0; i < trn_model_chips(host->model); i++) {
		struct trn_chip_counters counters;

		trn_chip_counters(trn_model_chip(host->model, i), &counters);
		violations += counters.violations;
	}
	ck_assert_uint_eq(violations, host->kind_count[TRN_EV_VIOLATION]);
	trn_model_destroy(host->model);
	host->model = NULL;
	for (unsigned int i = 0; i < host->region_count; i++)
		free(host->regions[i].ptr);
	for (uint64_t i = 0; i < host->event_count && i < TRN_TEST_EVENTS; i++) {
		const struct trn_model_event *event = &host->events[i];

		ck_assert_msg(host->unexpected == 0 || event->kind != TRN_EV_VIOLATION,
			      "violation %s at 0x%llx value 0x%llx engine %u queue %u", event->rule,
			      (unsigned long long)event->address, (unsigned long long)event->value,
			      event->engine, event->queue);
	}
	ck_assert_uint_eq(host->unexpected, 0);
	ck_assert_int_eq(host->mem.live, 0);
	ck_assert_uint_eq(host->reserved, 0);
}

void *trn_test_host_map(struct trn_test_host *host, uint64_t iova, uint64_t size)
{
	return trn_test_host_map_at(host, host->chip ? host->chip->server : 0, iova, size);
}

void *trn_test_host_map_at(struct trn_test_host *host, uint32_t server, uint64_t iova,
			   uint64_t size)
{
	struct trn_test_region *region = &host->regions[host->region_count];

	ck_assert_uint_lt(host->region_count, TRN_TEST_REGIONS);
	region->server = server;
	region->iova = iova;
	region->size = size;
	region->read_only = false;
	region->ptr = calloc(1, (size_t)size);
	ck_assert_ptr_nonnull(region->ptr);
	host->region_count++;
	return region->ptr;
}

void trn_test_host_unmap(struct trn_test_host *host, uint64_t iova)
{
	for (unsigned int i = 0; i < host->region_count; i++) {
		if (host->regions[i].iova != iova)
			continue;
		free(host->regions[i].ptr);
		host->regions[i] = host->regions[--host->region_count];
		return;
	}
	ck_abort_msg("nothing mapped at 0x%llx", (unsigned long long)iova);
}

void trn_test_host_expect(struct trn_test_host *host, const char *rule)
{
	ck_assert_uint_lt(host->expected_count, TRN_TEST_EXPECTED);
	host->expected[host->expected_count++] = rule;
}

unsigned int trn_test_host_count(const struct trn_test_host *host, const char *rule)
{
	unsigned int count = 0;

	for (uint64_t i = 0; i < host->event_count && i < TRN_TEST_EVENTS; i++)
		count += strcmp(host->events[i].rule, rule) == 0;
	return count;
}

void trn_test_host_settle(struct trn_test_host *host, unsigned int limit)
{
	while (trn_model_next(host->model) != TRN_MODEL_NEVER) {
		ck_assert_uint_gt(limit--, 0);
		ck_assert(trn_model_step(host->model));
	}
}
