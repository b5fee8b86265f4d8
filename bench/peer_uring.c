/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring: no-ops, a batch with one system call. */
#include "bench/peers.h"

#include <errno.h>
#include <liburing.h>

#define BLOCKS 400
#define BATCHES 100 /* of a block */

static int batch(struct io_uring *ring, unsigned int count)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	int r;

	for (unsigned int i = 0; i < count; i++)
		io_uring_prep_nop(io_uring_get_sqe(ring));
	r = io_uring_submit_and_wait(ring, count);
	if (r < 0)
		return r;
	io_uring_for_each_cqe(ring, head, cqe) seen++;
	io_uring_cq_advance(ring, seen);
	return seen == count ? 0 : -EIO;
}

int bench_uring(int how, struct bench_series *series)
{
	struct io_uring ring;
	int r = io_uring_queue_init(256, &ring, 0);

	if (r < 0)
		return -ENOTSUP; /* the kernel has none, or it is switched off */
	bench_pin(0);
	for (int block = 0; r == 0 && block < BLOCKS; block++) {
		const double start = bench_now_ns();

		for (int i = 0; r == 0 && i < BATCHES; i++)
			r = batch(&ring, (unsigned int)how);
		bench_add(series, (bench_now_ns() - start) / (BATCHES * how));
	}
	io_uring_queue_exit(&ring);
	return r;
}
