/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: memory of every kind. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "cts.h"

static void kinds_have_their_addresses(struct cts *c)
{
	struct trn_hal_mem hbm = cts_alloc(c, TRN_HAL_MEM_HBM, 1000);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 1000);

	CTS_CHECK(c, !(hbm.address >> 46 & 1));
	CTS_CHECK(c, hbm.address % 4096 == 0);
	CTS_CHECK(c, hbm.size == 1000 && hbm.kind == TRN_HAL_MEM_HBM);
	CTS_CHECK(c, host.address >> 46 & 1);
	CTS_CHECK(c, host.host && (uintptr_t)host.host % 4096 == 0);
	CTS_CHECK(c, host.size == 1000 && host.kind == TRN_HAL_MEM_HOST);
	for (int i = 0; i < 1000; i++)
		CTS_CHECK(c, ((const uint8_t *)host.host)[i] == 0);
	memset(host.host, 0x5a, 1000);
	cts_free(c, &host);
	cts_free(c, &hbm);
}

static void stacks_are_apart(struct cts *c)
{
	struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HBM, .size = 4096 };
	struct trn_hal_mem mem[8];

	for (desc.hbm = 0; desc.hbm < c->info.hbm_stacks; desc.hbm++) {
		CTS_OK(c, c->dev->ops.mem_alloc(c->dev, &desc, &mem[desc.hbm]));
		for (uint32_t i = 0; i < desc.hbm; i++) {
			uint64_t apart = mem[i].address > mem[desc.hbm].address ?
						 mem[i].address - mem[desc.hbm].address :
						 mem[desc.hbm].address - mem[i].address;

			CTS_CHECK(c, apart >= c->info.hbm_bytes);
		}
	}
	CTS_CODE(c, -EINVAL, c->dev->ops.mem_alloc(c->dev, &desc, &mem[0]));
	for (uint32_t i = 0; i < c->info.hbm_stacks; i++)
		cts_free(c, &mem[i]);
}

static void firmware_keeps_its_part(struct cts *c)
{
	struct trn_hal_mem first = cts_alloc(c, TRN_HAL_MEM_HBM, 64);

	CTS_CHECK(c, c->info.hbm_reserved >= 16 * TRN_MIB);
	CTS_CHECK(c, (first.address & (TRN_GIB - 1)) >= 16 * TRN_MIB);
	cts_free(c, &first);
}

static void alignment_is_kept(struct cts *c)
{
	struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HBM, .size = 100 };
	struct trn_hal_mem mem[20];

	for (uint32_t i = 0; i < TRN_ARRAY_LEN(mem); i++) {
		desc.align = UINT64_C(1) << i;
		CTS_OK(c, c->dev->ops.mem_alloc(c->dev, &desc, &mem[i]));
		CTS_CHECK(c, mem[i].address % desc.align == 0);
	}
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(mem); i++)
		cts_free(c, &mem[i]);
}

static void allocations_never_overlap(struct cts *c)
{
	struct trn_hal_mem mem[64];

	for (uint32_t i = 0; i < TRN_ARRAY_LEN(mem); i++) {
		enum trn_hal_mem_kind kind = i % 2 ? TRN_HAL_MEM_HOST : TRN_HAL_MEM_HBM;

		mem[i] = cts_alloc(c, kind, 1 + trn_prng_below(&c->prng, 20000));
		for (uint32_t k = 0; k < i; k++)
			CTS_CHECK(c, mem[i].address + mem[i].size <= mem[k].address ||
					     mem[k].address + mem[k].size <= mem[i].address);
		if (i % 3 == 2) {
			cts_free(c, &mem[i - 1]);
			mem[i - 1] = cts_alloc(c, TRN_HAL_MEM_HBM, 5000);
		}
	}
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(mem); i++)
		cts_free(c, &mem[i]);
}

static void bad_descriptions(struct cts *c)
{
	static const struct trn_hal_mem_desc bad[] = {
		{ .kind = TRN_HAL_MEM_HBM, .size = 0 },
		{ .kind = TRN_HAL_MEM_HOST, .size = 0 },
		{ .kind = TRN_HAL_MEM_HBM, .size = UINT64_MAX },
		{ .kind = TRN_HAL_MEM_HOST, .size = UINT64_MAX },
		{ .kind = TRN_HAL_MEM_HOST, .size = UINT64_MAX - 100 },
		{ .kind = TRN_HAL_MEM_HBM, .size = 64, .align = 3 },
		{ .kind = TRN_HAL_MEM_HOST, .size = 64, .align = 48 },
		{ .kind = TRN_HAL_MEM_HBM, .size = 64, .hbm = 4 },
		{ .kind = TRN_HAL_MEM_HBM, .size = 64, .hbm = UINT32_MAX },
		{ .kind = TRN_HAL_MEM_USER, .size = 4096, .user = NULL },
		{ .kind = (enum trn_hal_mem_kind)7, .size = 4096 },
	};
	struct trn_hal_mem mem = { .size = 77 };

	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++)
		CTS_CODE(c, -EINVAL, c->dev->ops.mem_alloc(c->dev, &bad[i], &mem));
	CTS_CHECK(c, mem.size == 77); /* untouched on failure */
}

static void running_out_is_an_answer(struct cts *c)
{
	uint64_t most = c->info.hbm_bytes - c->info.hbm_reserved;
	const struct trn_hal_mem_desc too_much = { .kind = TRN_HAL_MEM_HBM, .size = most + 1 };
	struct trn_hal_mem all = cts_alloc(c, TRN_HAL_MEM_HBM, most);
	const struct trn_hal_mem_desc one = { .kind = TRN_HAL_MEM_HBM, .size = 1 };
	struct trn_hal_mem mem;

	CTS_CODE(c, -ENOMEM, c->dev->ops.mem_alloc(c->dev, &one, &mem));
	CTS_CODE(c, -ENOMEM, c->dev->ops.mem_alloc(c->dev, &too_much, &mem));
	cts_free(c, &all);
	all = cts_alloc(c, TRN_HAL_MEM_HBM, most);
	cts_free(c, &all);
}

static void freeing_twice_is_refused(struct cts *c)
{
	static const enum trn_hal_mem_kind kinds[] = { TRN_HAL_MEM_HBM, TRN_HAL_MEM_HOST };

	for (size_t i = 0; i < TRN_ARRAY_LEN(kinds); i++) {
		struct trn_hal_mem mem = cts_alloc(c, kinds[i], 4096);
		struct trn_hal_mem again = mem;
		struct trn_hal_mem part = mem;

		part.size = 100;
		CTS_CODE(c, -EINVAL, c->dev->ops.mem_free(c->dev, &part));
		part = mem;
		part.address += 64;
		CTS_CODE(c, -EINVAL, c->dev->ops.mem_free(c->dev, &part));
		cts_free(c, &mem);
		CTS_CHECK(c, mem.size == 0);
		CTS_CODE(c, -EINVAL, c->dev->ops.mem_free(c->dev, &again));
	}
}

static void user_pages_are_reachable(struct cts *c)
{
	const uint64_t size = 3 * 4096;
	struct trn_hal_mem hbm = cts_alloc(c, TRN_HAL_MEM_HBM, size);
	struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_USER, .size = size };
	struct trn_hal_mem user = { 0 };
	void *pages = NULL;
	uint8_t copy[3 * 4096];

	CTS_CHECK(c, posix_memalign(&pages, 4096, size) == 0);
	desc.user = pages;
	CTS_OK(c, c->dev->ops.mem_alloc(c->dev, &desc, &user));
	CTS_CHECK(c, user.host == pages);
	cts_random(c, pages, size);
	memcpy(copy, pages, size);
	CTS_OK(c, c->dev->ops.copy(c->dev, hbm.address, user.address, size, cts_deadline()));
	memset(pages, 0, size);
	CTS_OK(c, c->dev->ops.copy(c->dev, user.address, hbm.address, size, cts_deadline()));
	CTS_CHECK(c, memcmp(pages, copy, size) == 0);
	cts_free(c, &user);
	memset(pages, 1, size); /* still the caller's */
	free(pages);
	cts_free(c, &hbm);
}

/* Whatever bytes the caller names; two of them may be in one page. */
static void user_bytes_are_reachable(struct cts *c)
{
	struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_USER };
	struct trn_hal_mem hbm = cts_alloc(c, TRN_HAL_MEM_HBM, 4096), first, second;
	uint8_t bytes[3 * 4096] = { 0 };

	desc.user = bytes + 104;
	desc.size = 1001;
	CTS_OK(c, c->dev->ops.mem_alloc(c->dev, &desc, &first));
	desc.user = bytes + 1200;
	desc.size = 9000;
	CTS_OK(c, c->dev->ops.mem_alloc(c->dev, &desc, &second));
	CTS_CHECK(c, first.host == bytes + 104 && second.host == bytes + 1200);
	CTS_CHECK(c, first.address % 4096 == (uintptr_t)first.host % 4096);
	CTS_CHECK(c, first.address != second.address);
	memset(bytes + 104, 7, 1001);
	CTS_OK(c, c->dev->ops.copy(c->dev, hbm.address, first.address, 1001, cts_deadline()));
	CTS_OK(c,
	       c->dev->ops.copy(c->dev, second.address + 7999, hbm.address, 1001, cts_deadline()));
	CTS_CHECK(c, memcmp(bytes + 104, bytes + 1200 + 7999, 1001) == 0);
	CTS_CHECK(c, bytes[1200 + 7998] == 0 && bytes[1200 + 9000] == 0);
	cts_free(c, &first);
	cts_free(c, &second);
	cts_free(c, &hbm);
	desc.user = (uint8_t *)UINTPTR_MAX - 100;
	desc.size = 4096;
	CTS_CODE(c, -EINVAL, c->dev->ops.mem_alloc(c->dev, &desc, &first));
}

static void hbm_window_is_the_same_memory(struct cts *c)
{
	struct trn_hal_mem a = cts_alloc(c, TRN_HAL_MEM_HBM, 10000);
	struct trn_hal_mem b = cts_alloc(c, TRN_HAL_MEM_HBM, 10000);

	CTS_OK(c, c->dev->ops.mem_map(c->dev, &a));
	CTS_OK(c, c->dev->ops.mem_map(c->dev, &b));
	CTS_CHECK(c, a.host && b.host && a.host != b.host);
	cts_random(c, a.host, 10000);
	CTS_OK(c, c->dev->ops.copy(c->dev, b.address, a.address, 10000, cts_deadline()));
	CTS_CHECK(c, memcmp(a.host, b.host, 10000) == 0);
	cts_free(c, &a);
	cts_free(c, &b);
	CTS_CODE(c, -EINVAL, c->dev->ops.mem_map(c->dev, &a));
}

static void memory_left_behind_goes_with_the_device(struct cts *c)
{
	(void)cts_alloc(c, TRN_HAL_MEM_HBM, 5000);
	(void)cts_alloc(c, TRN_HAL_MEM_HOST, 5000);
}

const struct cts_test cts_memory_tests[] = {
	{ "memory.kinds", kinds_have_their_addresses },
	{ "memory.stacks", stacks_are_apart },
	{ "memory.reserved", firmware_keeps_its_part },
	{ "memory.alignment", alignment_is_kept },
	{ "memory.apart", allocations_never_overlap },
	{ "memory.bad", bad_descriptions },
	{ "memory.exhaustion", running_out_is_an_answer },
	{ "memory.double-free", freeing_twice_is_refused },
	{ "memory.user", user_pages_are_reachable },
	{ "memory.user-bytes", user_bytes_are_reachable },
	{ "memory.window", hbm_window_is_the_same_memory },
	{ "memory.left-behind", memory_left_behind_goes_with_the_device },
	{ NULL, NULL },
};
