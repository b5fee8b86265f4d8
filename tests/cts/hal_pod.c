/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: chips of one pod. */
#include <errno.h>
#include <string.h>
#include "base/bits.h"
#include "base/clock.h"
#include "base/pod.h"
#include "cts.h"

#define SPAN (300u * 1024u)

/* Another chip of the pod: the next one, or as far away as there is. */
static uint32_t next_chip(const struct cts *c)
{
	return c->info.pod_index ^ 1;
}

static uint32_t far_chip(const struct cts *c)
{
	return (c->info.pod_index + c->info.pod_chips / 2) % c->info.pod_chips;
}

/* A device address of one chip as the others write it. */
static uint64_t peer(struct cts *c, struct trn_hal_dev *owner, uint64_t address)
{
	struct trn_hal_info info;
	struct trn_pod_place place;

	CTS_OK(c, owner->ops.info(owner, &info));
	place = (struct trn_pod_place){ info.rack, info.server, info.position };
	return trn_peer_address(&place, address);
}

static int copy(struct cts *c, struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size)
{
	(void)c;
	return dev->ops.copy(dev, dst, src, size, cts_deadline());
}

static void places(struct cts *c)
{
	struct trn_hal_info next, far;
	struct trn_hal_dev *dev = cts_chip(c, next_chip(c));

	CTS_OK(c, dev->ops.info(dev, &next));
	dev = cts_chip(c, far_chip(c));
	CTS_OK(c, dev->ops.info(dev, &far));
	CTS_CHECK(c, next.pod_id == c->info.pod_id && far.pod_id == c->info.pod_id);
	CTS_CHECK(c, next.pod_index == next_chip(c) && far.pod_index == far_chip(c));
	CTS_CHECK(c, strcmp(next.pod, c->info.pod) == 0);
	CTS_CHECK(c, next.rack == c->info.rack && next.server == c->info.server);
	CTS_CHECK(c, next.position != c->info.position);
	CTS_CHECK(c, next.serial != c->info.serial);
	CTS_CHECK(c, strcmp(next.uri, c->info.uri) != 0);
}

/* Out by one chip, back by the other, and by a third one that has neither. */
static void copies(struct cts *c)
{
	static const uint64_t sizes[] = { 1, 3, 4, 63, 64, 65, 4095, 4097, 65536, 65537, 200001 };
	struct trn_hal_dev *next = cts_chip(c, next_chip(c));
	struct trn_hal_dev *far = cts_chip(c, far_chip(c));
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 2 * SPAN);
	struct trn_hal_mem here = cts_alloc(c, TRN_HAL_MEM_HBM, SPAN);
	struct trn_hal_mem there = cts_alloc_on(c, far, TRN_HAL_MEM_HBM, SPAN);
	struct trn_hal_mem away = cts_alloc_on(c, next, TRN_HAL_MEM_HBM, SPAN);
	uint8_t *bytes = host.host;

	for (size_t s = 0; s < TRN_ARRAY_LEN(sizes); s++) {
		const uint64_t size = sizes[s];
		const uint64_t skew = trn_prng_below(&c->prng, 70);

		cts_random(c, bytes, size);
		memset(bytes + SPAN, 0xee, size);
		CTS_OK(c, copy(c, c->dev, here.address + skew, host.address, size));
		/* Written by its owner, */
		CTS_OK(c, copy(c, c->dev, peer(c, far, there.address) + 3 * skew,
			       here.address + skew, size));
		/* moved on by somebody else, */
		CTS_OK(c,
		       copy(c, next, away.address, peer(c, far, there.address) + 3 * skew, size));
		/* fetched by the first, */
		CTS_OK(c, copy(c, c->dev, here.address + SPAN / 2 - size / 2,
			       peer(c, next, away.address), size > SPAN / 2 ? SPAN / 2 : size));
		/* and from the second straight into a host's memory. */
		CTS_OK(c, copy(c, c->dev, host.address + SPAN, peer(c, next, away.address), size));
		CTS_CHECK(c, memcmp(bytes, bytes + SPAN, size) == 0);
	}
	cts_free(c, &host);
	cts_free(c, &here);
}

/* Both ways between two others: neither end is the chip's own. */
static void between_others(struct cts *c)
{
	struct trn_hal_dev *next = cts_chip(c, next_chip(c));
	struct trn_hal_dev *far = cts_chip(c, far_chip(c));
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, SPAN);
	struct trn_hal_mem a = cts_alloc_on(c, next, TRN_HAL_MEM_HBM, SPAN);
	struct trn_hal_mem b = cts_alloc_on(c, far, TRN_HAL_MEM_HBM, SPAN);
	uint8_t *bytes = host.host;

	cts_random(c, bytes, SPAN / 2);
	CTS_OK(c, copy(c, c->dev, peer(c, next, a.address), host.address, SPAN / 2));
	CTS_OK(c, copy(c, c->dev, peer(c, far, b.address), peer(c, next, a.address), SPAN / 2));
	CTS_OK(c, copy(c, c->dev, host.address + SPAN / 2, peer(c, far, b.address), SPAN / 2));
	CTS_CHECK(c, memcmp(bytes, bytes + SPAN / 2, SPAN / 2) == 0);
	/* A place that is the chip's own. */
	CTS_OK(c, copy(c, next, a.address, peer(c, next, a.address) + SPAN / 2, SPAN / 4));
}

/* Chips of a server have one host: what one has mapped, the other one reaches. */
static void one_host(struct cts *c)
{
	struct trn_hal_dev *next = cts_chip(c, next_chip(c));
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	struct trn_hal_mem theirs = cts_alloc_on(c, next, TRN_HAL_MEM_HOST, 8192);
	struct trn_hal_mem hbm = cts_alloc_on(c, next, TRN_HAL_MEM_HBM, 8192);

	CTS_CHECK(c, host.address != theirs.address);
	cts_random(c, host.host, 8192);
	CTS_OK(c, copy(c, next, hbm.address, host.address, 8192));
	CTS_OK(c, copy(c, next, theirs.address, hbm.address, 8192));
	CTS_CHECK(c, memcmp(host.host, theirs.host, 8192) == 0);
}

/* Not of the pod, past its memory, another server's host: refused, and the ring goes on. */
static void nobodys_addresses(struct cts *c)
{
	static const struct trn_pod_place nowhere = { .rack = 1, .server = 31, .position = 15 };
	struct trn_hal_dev *far = cts_chip(c, far_chip(c));
	struct trn_hal_mem here = cts_alloc(c, TRN_HAL_MEM_HBM, 8192);
	struct trn_hal_mem there = cts_alloc_on(c, far, TRN_HAL_MEM_HBM, 8192);
	struct trn_hal_mem host = cts_alloc_on(c, far, TRN_HAL_MEM_HOST, 8192);

	c->violations_allowed = true;
	CTS_CODE(c, -TRN_EFAULT_DEV,
		 copy(c, c->dev, trn_peer_address(&nowhere, here.address), here.address, 64));
	CTS_CODE(c, -TRN_EFAULT_DEV,
		 copy(c, c->dev, here.address, trn_peer_address(&nowhere, here.address), 64));
	CTS_CODE(c, -TRN_EFAULT_DEV,
		 copy(c, c->dev, peer(c, far, UINT64_C(1) << 45), here.address, 64));
	CTS_CODE(c, -TRN_EFAULT_DEV, copy(c, c->dev, peer(c, far, host.address), here.address, 64));
	CTS_OK(c, copy(c, c->dev, peer(c, far, there.address), here.address, 8192));
}

/* The chip goes on when the one beside it is closed, and finds it again when it is back. */
static void come_and_go(struct cts *c)
{
	struct trn_hal_mem here = cts_alloc(c, TRN_HAL_MEM_HBM, 8192);

	for (int i = 0; i < 3; i++) {
		struct trn_hal_dev *next = cts_chip(c, next_chip(c));
		struct trn_hal_mem there = cts_alloc_on(c, next, TRN_HAL_MEM_HBM, 8192);

		CTS_OK(c, copy(c, c->dev, peer(c, next, there.address), here.address, 8192));
		trn_hal_close(c->chips[--c->chip_count]);
		CTS_OK(c, copy(c, c->dev, here.address + 4096, here.address, 4096));
	}
}

static void reset_of_one(struct cts *c)
{
	struct trn_hal_dev *next = cts_chip(c, next_chip(c));
	struct trn_hal_mem here = cts_alloc(c, TRN_HAL_MEM_HBM, 8192);
	struct trn_hal_mem there = cts_alloc_on(c, next, TRN_HAL_MEM_HBM, 8192);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 16384);
	uint8_t *bytes = host.host;

	cts_random(c, bytes, 8192);
	CTS_OK(c, copy(c, c->dev, here.address, host.address, 8192));
	CTS_OK(c, next->ops.reset(next, TRN_HAL_RESET_DEVICE, 0, cts_deadline()));
	CTS_OK(c, copy(c, c->dev, host.address + 8192, here.address, 8192));
	CTS_CHECK(c, memcmp(bytes, bytes + 8192, 8192) == 0);
	CTS_OK(c, copy(c, c->dev, peer(c, next, there.address), here.address, 8192));
	memset(bytes + 8192, 0, 8192);
	CTS_OK(c, copy(c, next, host.address + 8192, there.address, 8192));
	CTS_CHECK(c, memcmp(bytes, bytes + 8192, 8192) == 0);
}

const struct cts_test cts_pod_tests[] = {
	{ "pod.places", places },
	{ "pod.copies", copies },
	{ "pod.between-others", between_others },
	{ "pod.one-host", one_host },
	{ "pod.nobodys-addresses", nobodys_addresses },
	{ "pod.come-and-go", come_and_go },
	{ "pod.reset-of-one", reset_of_one },
	{ 0 },
};
