/* SPDX-License-Identifier: Apache-2.0 */
/* Moving bytes to, from and inside a device's memory, beside memcpy of the same bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <trn/trn.h>
#include "bench/measure.h"
#include "bench/peers.h"
#include "bench/rig.h"

struct copy {
	struct bench_rig rig;
	struct trn_buffer *to, *from;
	void *host;
	uint64_t bytes;
};

/* One copy. */
typedef int copy_fn(struct copy *copy);

static int host_to_device(struct copy *copy)
{
	return trn_buffer_write(copy->to, 0, copy->host, copy->bytes, copy->rig.deadline_ns);
}

static int device_to_host(struct copy *copy)
{
	return trn_buffer_read(copy->to, 0, copy->host, copy->bytes, copy->rig.deadline_ns);
}

/* A command of the queue: to from the other buffer, which is the device's or pinned. */
static int by_queue(struct copy *copy)
{
	int r = bench_rig_submit(&copy->rig);

	return r == 0 ? trn_queue_drain(copy->rig.queue, copy->rig.deadline_ns) : r;
}

static int make(struct copy *copy, enum trn_buffer_kind kind, struct trn_buffer **ret_buffer)
{
	const struct trn_buffer_opts opts = {
		.size = sizeof(opts),
		.bytes = copy->bytes,
		.kind = kind,
	};
	int r = trn_buffer_create(copy->rig.device, &opts, ret_buffer);

	/* Its pages are there before anything is measured. */
	if (r == 0)
		r = trn_buffer_write(*ret_buffer, 0, copy->host, copy->bytes,
				     copy->rig.deadline_ns);
	return r;
}

static int set_up(struct copy *copy, enum trn_buffer_kind from)
{
	int r = bench_rig_open(&copy->rig, BENCH_INLINE, 16, 1);

	copy->host = malloc(copy->bytes);
	if (!copy->host)
		return -ENOMEM;
	memset(copy->host, 1, copy->bytes);
	if (r == 0)
		r = make(copy, TRN_BUFFER_HBM, &copy->to);
	if (r == 0)
		r = make(copy, from, &copy->from);
	if (r == 0)
		r = trn_batch_copy(copy->rig.batch, copy->to, 0, copy->from, 0, copy->bytes);
	return r;
}

static void tear_down(struct copy *copy)
{
	trn_batch_clear(copy->rig.batch);
	(void)trn_buffer_unref(copy->to);
	(void)trn_buffer_unref(copy->from);
	bench_rig_close(&copy->rig);
	free(copy->host);
}

static int measure(uint64_t bytes, copy_fn *fn, enum trn_buffer_kind from,
		   struct bench_series *series)
{
	struct copy copy = { .bytes = bytes };
	const uint32_t times = bytes >= 1u << 20 ? 1 : (1u << 20) / (uint32_t)bytes;
	const uint32_t blocks = bytes > 1u << 24 ? 6 : bytes > 1u << 20 ? 40 : 200;
	int r = set_up(&copy, from);

	for (uint32_t block = 0; r == 0 && block < blocks + 2; block++) {
		const double start = bench_now_ns();

		for (uint32_t i = 0; r == 0 && i < times; i++)
			r = fn(&copy);
		if (block >= 2)
			bench_add(series, (bench_now_ns() - start) / times);
	}
	tear_down(&copy);
	return r;
}

static int h2d(int how, struct bench_series *series)
{
	return measure(UINT64_C(1) << how, host_to_device, TRN_BUFFER_HBM, series);
}

static int d2h(int how, struct bench_series *series)
{
	return measure(UINT64_C(1) << how, device_to_host, TRN_BUFFER_HBM, series);
}

static int d2d(int how, struct bench_series *series)
{
	return measure(UINT64_C(1) << how, by_queue, TRN_BUFFER_HBM, series);
}

static int pinned(int how, struct bench_series *series)
{
	return measure(UINT64_C(1) << how, by_queue, TRN_BUFFER_HOST, series);
}

#define ROW(text, fn, log2, factor)                                          \
	{                                                                    \
		text, fn, log2, BENCH_GBPS, (double)(UINT64_C(1) << (log2)), \
		{                                                            \
			{                                                    \
				"memcpy", bench_floor_memcpy, log2, factor   \
			}                                                    \
		}                                                            \
	}
/* What a copy costs before its first byte. */
#define FIXED(text, fn)                               \
	{                                             \
		text, fn, 6, BENCH_US, 0,             \
		{                                     \
			{                             \
				"limit", NULL, 0, 0.5 \
			}                             \
		}                                     \
	}

static const struct bench_row rows[] = {
	ROW("h2d 4 KiB", h2d, 12, 0),
	ROW("h2d 64 KiB", h2d, 16, 0),
	ROW("h2d 1 MiB", h2d, 20, 0.95),
	ROW("h2d 16 MiB", h2d, 24, 0.95),
	ROW("h2d 256 MiB", h2d, 28, 0.95),
	ROW("d2h 4 KiB", d2h, 12, 0),
	ROW("d2h 64 KiB", d2h, 16, 0),
	ROW("d2h 1 MiB", d2h, 20, 0.95),
	ROW("d2h 16 MiB", d2h, 24, 0.95),
	ROW("d2h 256 MiB", d2h, 28, 0.95),
	ROW("d2d 4 KiB", d2d, 12, 0),
	ROW("d2d 64 KiB", d2d, 16, 0),
	ROW("d2d 1 MiB", d2d, 20, 0.95),
	ROW("d2d 16 MiB", d2d, 24, 0.95),
	ROW("d2d 256 MiB", d2d, 28, 0.95),
	ROW("pinned 1 MiB", pinned, 20, 0.95),
	ROW("pinned 256 MiB", pinned, 28, 0.95),
	FIXED("h2d fixed cost, 64 B", h2d),
	FIXED("d2h fixed cost, 64 B", d2h),
	FIXED("d2d fixed cost, 64 B", d2d),
};

int main(int argc, char **argv)
{
	return bench_main(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
}
