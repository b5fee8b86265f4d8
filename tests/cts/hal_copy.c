/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: blocking copies. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/bits.h"
#include "cts.h"

/* Sanitizers keep a shadow of every byte that moves: there the large copy is a smaller one. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#if defined(SANITIZED)
#define LARGE (256 * TRN_MIB)
#else
#define LARGE (4 * TRN_GIB)
#endif

#define GUARD 128u
#define SPAN (400u * 1024u)

static int copy(struct cts *c, uint64_t dst, uint64_t src, uint64_t size)
{
	return c->dev->ops.copy(c->dev, dst, src, size, cts_deadline());
}

/* Host to HBM to host, at both offsets; nothing around it changes. */
static void round_trip(struct cts *c, const struct trn_hal_mem *host, const struct trn_hal_mem *hbm,
		       uint64_t size, uint64_t offset)
{
	uint8_t *bytes = host->host;
	uint8_t *back = bytes + SPAN;
	uint8_t *src = bytes + GUARD + offset;

	cts_random(c, bytes, 2 * GUARD + offset + size);
	memset(back, 0xee, 2 * GUARD + offset + size);
	CTS_OK(c, copy(c, hbm->address + 3 * offset, host->address + GUARD + offset, size));
	CTS_OK(c, copy(c, host->address + SPAN + GUARD, hbm->address + 3 * offset, size));
	CTS_CHECK(c, memcmp(back + GUARD, src, size) == 0);
	for (uint32_t i = 0; i < GUARD; i++)
		CTS_CHECK(c, back[i] == 0xee && back[GUARD + size + i] == 0xee);
}

static void sizes_and_alignments(struct cts *c)
{
	static const uint64_t sizes[] = { 1,     2,      3,      4,      7,      63,    64,
					  65,    255,    4095,   4096,   4097,   65535, 65536,
					  65537, 100000, 131071, 131072, 196609, 300001 };
	static const uint64_t offsets[] = { 0, 1, 2, 3, 8, 31, 64 };
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 2 * SPAN);
	struct trn_hal_mem hbm = cts_alloc(c, TRN_HAL_MEM_HBM, SPAN);

	for (size_t s = 0; s < TRN_ARRAY_LEN(sizes); s++) {
		for (size_t o = 0; o < TRN_ARRAY_LEN(offsets); o++)
			round_trip(c, &host, &hbm, sizes[s], offsets[o]);
	}
	cts_free(c, &hbm);
	cts_free(c, &host);
}

/* Several batches: 2032 pieces of 64 KiB are 127 MiB. */
static void many_batches(struct cts *c)
{
	const uint64_t size = 130 * TRN_MIB + 12345;
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, size);
	struct trn_hal_mem back = cts_alloc(c, TRN_HAL_MEM_HOST, size);
	uint64_t *words = host.host;

	for (uint64_t i = 0; i < size / 8; i += 509)
		words[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	CTS_OK(c, copy(c, back.address, host.address, size));
	CTS_CHECK(c, memcmp(host.host, back.host, size) == 0);
	cts_free(c, &back);
	cts_free(c, &host);
}

/* The ring wraps many times: its ring id goes round. */
static void rings_wrap(struct cts *c)
{
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	uint8_t *bytes = host.host;

	for (uint32_t i = 0; i < 20000; i++) {
		bytes[0] = (uint8_t)i;
		bytes[4096] = 0xff;
		CTS_OK(c, copy(c, host.address + 4096, host.address, 1));
		CTS_CHECK(c, bytes[4096] == (uint8_t)i);
	}
	cts_free(c, &host);
}

static void stack_to_stack(struct cts *c)
{
	struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HBM, .size = 70000 };
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 140000);
	struct trn_hal_mem mem[4];
	uint8_t *bytes = host.host;

	cts_random(c, bytes, 70000);
	for (desc.hbm = 0; desc.hbm < c->info.hbm_stacks; desc.hbm++) {
		CTS_OK(c, c->dev->ops.mem_alloc(c->dev, &desc, &mem[desc.hbm]));
		CTS_OK(c, copy(c, mem[desc.hbm].address,
			       desc.hbm ? mem[desc.hbm - 1].address : host.address, 70000));
	}
	CTS_OK(c, copy(c, host.address + 70000, mem[desc.hbm - 1].address, 70000));
	CTS_CHECK(c, memcmp(bytes, bytes + 70000, 70000) == 0);
	for (uint32_t i = 0; i < desc.hbm; i++)
		cts_free(c, &mem[i]);
	cts_free(c, &host);
}

static void bad_ranges(struct cts *c)
{
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);

	c->violations_allowed = true;
	CTS_CODE(c, -EINVAL, copy(c, host.address, host.address, 0));
	CTS_CHECK(c, copy(c, host.address, host.address, UINT64_MAX) < 0);
	CTS_CHECK(c, copy(c, UINT64_MAX - 10, host.address, 100) < 0);
	cts_free(c, &host);
}

/* An address that nothing answers: an error that says so, and the next copy works. */
static void unmapped_addresses(struct cts *c)
{
	const uint64_t nowhere = UINT64_C(0x4000) << 32 | 0x1000; /* host, never mapped */
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	struct trn_hal_mem gone = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	uint64_t old = gone.address;
	uint8_t *bytes = host.host;

	c->violations_allowed = true;
	cts_free(c, &gone);
	for (int i = 0; i < 3; i++) {
		CTS_CODE(c, -TRN_EFAULT_DEV, copy(c, host.address, nowhere, 64));
		CTS_CODE(c, -TRN_EFAULT_DEV, copy(c, nowhere, host.address, 64));
		CTS_CODE(c, -TRN_EFAULT_DEV, copy(c, host.address, old, 64));
		bytes[0] = (uint8_t)(i + 1);
		CTS_OK(c, copy(c, host.address + 4096, host.address, 64));
		CTS_CHECK(c, bytes[4096] == (uint8_t)(i + 1));
	}
	cts_free(c, &host);
}

/* More than 4 GiB in one call, over a range whose pages are mostly the same 16 MiB. */
static void more_than_4_gib(struct cts *c)
{
	/* Once is enough where the driver is the same; TRN_TEST_LARGE asks for all. */
	const bool full = strcmp(c->uri, "mock:trn3") == 0 || getenv("TRN_TEST_LARGE");
	const uint64_t most = full ? LARGE : 160 * TRN_MIB;
	const uint64_t size = most + 3 * TRN_MIB;
	const uint64_t window = 16 * TRN_MIB;
	const uint64_t own[] = { 0, most / 2 - 4096, most - 4096, size - 4096 };
	struct trn_hal_mem mem[2];
	uint8_t *base[2];

	for (int i = 0; i < 2; i++) {
		struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_USER, .size = size };
		int fd = memfd_create("cts", MFD_CLOEXEC);

		CTS_CHECK(c, fd >= 0 && ftruncate(fd, (off_t)window) == 0);
		base[i] = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			       -1, 0);
		CTS_CHECK(c, base[i] != MAP_FAILED);
		for (uint64_t at = 0; at < size; at += window)
			CTS_CHECK(c, mmap(base[i] + at, trn_min_u64(window, size - at),
					  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
					  0) != MAP_FAILED);
		/* Pages of their own where the copy is looked at. */
		for (size_t k = 0; k < TRN_ARRAY_LEN(own); k++)
			CTS_CHECK(c, mmap(base[i] + own[k], 4096, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
					  0) != MAP_FAILED);
		close(fd);
		desc.user = base[i];
		CTS_OK(c, c->dev->ops.mem_alloc(c->dev, &desc, &mem[i]));
	}
	for (size_t k = 0; k < TRN_ARRAY_LEN(own); k++)
		cts_random(c, base[0] + own[k], 4096);
	CTS_OK(c, copy(c, mem[1].address, mem[0].address, size));
	for (size_t k = 0; k < TRN_ARRAY_LEN(own); k++)
		CTS_CHECK(c, memcmp(base[0] + own[k], base[1] + own[k], 4096) == 0);
	for (int i = 0; i < 2; i++) {
		cts_free(c, &mem[i]);
		CTS_CHECK(c, munmap(base[i], size) == 0);
	}
}

const struct cts_test cts_copy_tests[] = {
	{ "copy.sizes", sizes_and_alignments },
	{ "copy.batches", many_batches },
	{ "copy.wrap", rings_wrap },
	{ "copy.stacks", stack_to_stack },
	{ "copy.bad", bad_ranges },
	{ "copy.unmapped", unmapped_addresses },
	{ "copy.over-4g", more_than_4_gib },
	{ NULL, NULL },
};
