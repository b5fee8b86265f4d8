/* SPDX-License-Identifier: Apache-2.0 */
/* Pools: one buffer cut into pieces, without asking the device. */
#ifndef TRN_POOL_H
#define TRN_POOL_H

#include <trn/buffer.h>

TRN_BEGIN_DECLS

struct trn_pool;

/**
 * struct trn_pool_opts - how to make a pool; zero everything, then set
 * @size: sizeof(struct trn_pool_opts)
 * @granule: sizes are rounded up to it, power of two; 0 is 64
 * @pieces_max: most pieces at a time; 0 is 1024
 */
struct trn_pool_opts {
	size_t size;
	uint64_t granule;
	uint32_t pieces_max;
};

/** struct trn_pool_usage - of a pool, in bytes as rounded; set size before the call */
struct trn_pool_usage {
	size_t size;
	uint64_t total_bytes, used_bytes, peak_bytes;
	uint64_t largest_bytes; /* largest piece that can be had now */
	uint32_t pieces;
	uint32_t reserved;
};

/**
 * trn_pool_create() - make a pool of a buffer
 * @buffer: a buffer or a slice; the pool holds a reference
 * @opts: options, or NULL for the defaults
 * @ret_pool: set on success; ended with trn_pool_destroy()
 *
 * Takes all memory that the pool will ever use. Pieces are offsets in @buffer, which is what
 * commands take. As the stacks of HBM, a pool gives the lowest hole that fits; docs/memory.md
 * says what that can need at worst.
 *
 * Context: any thread.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_pool_create(struct trn_buffer *buffer,
					   const struct trn_pool_opts *opts,
					   struct trn_pool **ret_pool);

/**
 * trn_pool_destroy() - end a pool; its pieces end with it
 * @pool: a pool, or NULL
 *
 * Context: one thread at a time per object.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_pool *trn_pool_destroy(struct trn_pool *pool);

/**
 * trn_pool_take() - take a piece
 * @pool: a pool
 * @bytes: length, > 0
 * @align: of the device address, power of two; 0 is the pool's granule
 * @ret_offset: set on success; first byte in the pool's buffer
 *
 * Context: one thread at a time per object. Does not allocate or lock.
 * Return:  0, -ENOMEM no hole takes it (the record says what the largest is), -ENOSPC as many
 *          pieces as there may be, -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_pool_take(struct trn_pool *pool, uint64_t bytes, uint64_t align,
					 uint64_t *ret_offset);

/**
 * trn_pool_give() - give a piece back
 * @pool: a pool
 * @offset: as trn_pool_take() gave it
 *
 * Nothing watches the device: what still runs on the piece is the caller's to wait for.
 *
 * Context: one thread at a time per object. Does not allocate or lock.
 * Return:  0, or -EINVAL when no piece begins there.
 * Since:   0.1
 */
TRN_API int trn_pool_give(struct trn_pool *pool, uint64_t offset);

/**
 * trn_pool_usage() - how full a pool is
 * @pool: a pool
 * @ret_usage: filled; its size member is set by the caller
 *
 * Context: one thread at a time per object.
 * Return:  0, or -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_pool_usage(struct trn_pool *pool, struct trn_pool_usage *ret_usage);

TRN_END_DECLS

#endif /* TRN_POOL_H */
