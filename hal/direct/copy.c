/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking copies between any two device addresses, by the driver's own rings on
 * the host copy engines. */
#include <errno.h>
#include "base/bits.h"
#include "base/clock.h"
#include "hal/direct/direct.h"

/* Between two looks at the engine's state registers: a marker in host memory is the fast
 * sign, a stopped engine the rare one. */
#define POLLS_PER_STATE 256
/* A copy that did not end in this time says something about the engine; in less it says
 * something about the caller's deadline. */
#define HUNG_NS UINT64_C(100000000)

/* The core an address is nearest to, or -1. */
static int address_core(const struct trn_direct *d, uint64_t address)
{
	for (unsigned int hbm = 0; hbm < TRN_HBMS; hbm++) {
		uint64_t base = trn_regs_hbm_axi(hbm);

		if (address >= base && address - base < d->hbm_bytes)
			return (int)(2 * hbm);
	}
	for (unsigned int core = 0; core < TRN_CORES; core++) {
		uint64_t base = trn_regs_tpb_axi(core);

		if (address >= base && address - base < TRN_AXI_TPB_REGION)
			return (int)core;
	}
	return -1;
}

struct copy_wait {
	struct trn_direct_ring *ring;
	unsigned int polls;
};

static int copy_done(void *arg)
{
	struct copy_wait *wait = arg;

	return trn_direct_ring_poll(wait->ring, ++wait->polls % POLLS_PER_STATE == 0);
}

/* The batch did not end: says what is known, and stops the queue so that it cannot write later. */
static int copy_failed(struct trn_direct_ring *ring, int r, uint64_t waited_ns, bool idle,
		       uint64_t dst)
{
	struct trn_direct *d = ring->d;
	const struct trn_hal_where where = { dst, ring->engine, ring->queue };
	int why;

	if (r == -ETIMEDOUT) {
		/* An abort may be the reason; its text is better than "no end". */
		why = trn_direct_ring_poll(ring, true);
		if (why == 0)
			return 0;
		if (why != -EAGAIN)
			r = why;
		else
			trn_hal_fail_at(&d->hal, r, &where,
					"UDMA engine %u queue %u: the copy did not end%s",
					ring->engine, ring->queue,
					idle ? ", and the device is idle" : "");
	}
	if (r == -ETIMEDOUT && (idle || waited_ns >= HUNG_NS))
		atomic_fetch_or(&d->suspects, 1u << (ring->engine - TRN_DMA_H2T_FIRST));
	/* When this fails the device is worse off than the copy; the next copy finds out. */
	(void)trn_direct_ring_init(ring);
	return r;
}

/* The ring nearest to the addresses; another engine's while that one is suspect. */
static struct trn_direct_ring *ring_choose(struct trn_direct *d, uint64_t dst, uint64_t src)
{
	uint32_t suspects = atomic_load(&d->suspects);
	int core = address_core(d, dst);
	uint32_t first;

	if (core < 0)
		core = address_core(d, src);
	if (core < 0)
		core = 0;
	first = (uint32_t)core / 2;
	for (uint32_t i = 0; i < DIRECT_H2T_ENGINES; i++) {
		uint32_t engine = (first + i) % DIRECT_H2T_ENGINES;

		if (!(suspects >> engine & 1))
			return &d->h2t[engine][core % 2];
	}
	return &d->h2t[first][core % 2];
}

int trn_direct_ring_copy(struct trn_direct_ring *ring, struct trn_direct_xfer *xfer,
			 uint64_t deadline_ns)
{
	struct trn_direct *d = ring->d;
	const uint64_t start_ns = trn_clock_ns();

	if (ring->broken) {
		int r = trn_direct_ring_init(ring);

		if (r < 0)
			return trn_hal_fail(&d->hal, r, "a copy ring cannot be started");
	}
	while (xfer->left > 0) {
		struct copy_wait wait = { .ring = ring };
		uint64_t at = xfer->dst;
		bool idle = false;
		int r = trn_direct_ring_post(ring, xfer);

		if (r == 0)
			r = trn_direct_wait(d, copy_done, &wait, deadline_ns, &idle);
		if (r < 0)
			r = copy_failed(ring, r, trn_clock_ns() - start_ns, idle, at);
		if (r < 0)
			return r;
	}
	return 0;
}

int trn_direct_copy(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
		    uint64_t deadline_ns)
{
	struct trn_direct *d = trn_direct_of(dev);
	struct trn_direct_xfer xfer = { .dst = dst, .src = src, .left = size };
	struct trn_direct_ring *ring;

	if (size == 0 || size > UINT64_MAX - dst || size > UINT64_MAX - src)
		return trn_hal_fail(dev, -EINVAL, "copy of %llu bytes", (unsigned long long)size);
	ring = ring_choose(d, dst, src);
	trn_hal_wc_flush(); /* the caller may have written the source through the HBM window */
	return trn_direct_ring_copy(ring, &xfer, deadline_ns);
}
