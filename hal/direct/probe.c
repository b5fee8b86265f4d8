/* SPDX-License-Identifier: Apache-2.0 */
/* Control verb "probe": the parts of the device that nobody may have needed so far. Every
 * copy ring of the driver moves a page, and the firmware is asked what a register says. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <trn/error.h>
#include "base/bits.h"
#include "base/clock.h"
#include "hal/direct/direct.h"

#define RING_NS UINT64_C(1000000000)
#define MAILBOX_NS UINT64_C(5000000000)

/* The first half of a host buffer to the second, by one ring. */
static int ring_probe(struct trn_direct_ring *ring, const struct trn_hal_mem *mem, uint8_t seed)
{
	struct trn_direct *d = ring->d;
	struct trn_direct_xfer xfer = { .dst = mem->address + DIRECT_PAGE,
					.src = mem->address,
					.left = DIRECT_PAGE };
	uint8_t *host = mem->host;
	int r;

	for (uint32_t i = 0; i < DIRECT_PAGE; i++)
		host[i] = (uint8_t)(i * 31 + seed);
	memset(host + DIRECT_PAGE, (uint8_t)~seed, DIRECT_PAGE);
	trn_hal_dma_publish();
	r = trn_direct_ring_copy(ring, &xfer, trn_clock_deadline(RING_NS));
	if (r < 0)
		return r;
	trn_hal_dma_observe();
	if (memcmp(host, host + DIRECT_PAGE, DIRECT_PAGE) != 0)
		return trn_hal_fail(&d->hal, -EIO, "UDMA engine %u queue %u: bytes arrived changed",
				    ring->engine, ring->queue);
	return 0;
}

static int dma_probe(struct trn_direct *d, char *text, size_t size)
{
	char list[64] = "";
	struct trn_hal_mem mem;
	size_t used = 0;
	int bad = 0;
	int r = trn_direct_inner_alloc(d, 2 * DIRECT_PAGE, TRN_MEMORY_SCRATCH, &mem);

	if (r < 0)
		return r;
	for (uint32_t e = 0; e < DIRECT_H2T_ENGINES; e++) {
		for (uint32_t q = 0; q < DIRECT_H2T_QUEUES; q++) {
			struct trn_direct_ring *ring = &d->h2t[e][q];

			r = ring_probe(ring, &mem, (uint8_t)(e * DIRECT_H2T_QUEUES + q));
			if (r == 0)
				continue;
			bad = r;
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %u/%u",
						 ring->engine, ring->queue);
		}
	}
	trn_direct_inner_free(d, &mem);
	if (bad < 0)
		return trn_hal_fail(&d->hal, bad, "copies do not end or go wrong on engine/queue%s",
				    list);
	(void)snprintf(text, size, "{\"engines\":%u,\"rings\":%u,\"bytes\":%u}", DIRECT_H2T_ENGINES,
		       DIRECT_H2T_ENGINES * DIRECT_H2T_QUEUES, (unsigned int)DIRECT_PAGE);
	return 0;
}

/* The firmware reads a register that the host reads, too. */
static int mailbox_probe(struct trn_direct *d, char *text, size_t size)
{
	const uint64_t address = TRN_AXI_MISC_RAM + TRN_MR_ROUTING_ID;
	uint32_t told = 0, seen = 0;
	size_t got = 0;
	int r = trn_direct_mailbox(&d->hal, TRN_MBOX_READ, &address, sizeof(address), &told,
				   sizeof(told), &got, trn_clock_deadline(MAILBOX_NS));

	if (r == 0)
		r = trn_hal_read32_live(d->bus, TRN_MISC_RAM + TRN_MR_ROUTING_ID, &seen);
	if (r < 0)
		return r;
	if (got != sizeof(told) || told != seen)
		return trn_hal_fail(&d->hal, -TRN_EFIRMWARE,
				    "mailbox: the firmware reads 0x%" PRIx32
				    " where the host reads 0x%" PRIx32,
				    told, seen);
	(void)snprintf(text, size, "{\"api\":%" PRIu32 ",\"value\":%" PRIu32 "}", d->firmware_api,
		       told);
	return 0;
}

int trn_direct_probe(struct trn_direct *d, const char *what, char *ret_text, size_t text_size)
{
	char text[96] = "";
	int r;

	if (what && strcmp(what, "dma") == 0)
		r = dma_probe(d, text, sizeof(text));
	else if (what && strcmp(what, "mailbox") == 0)
		r = mailbox_probe(d, text, sizeof(text));
	else
		return trn_hal_fail(&d->hal, -EINVAL, "probe: dma or mailbox, not '%.32s'",
				    what ? what : "");
	if (r < 0 || !ret_text)
		return r;
	if (strlen(text) >= text_size)
		return trn_hal_fail(&d->hal, -ENOSPC, "probe: no room for the answer");
	memcpy(ret_text, text, strlen(text) + 1);
	return 0;
}
