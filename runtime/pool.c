/* SPDX-License-Identifier: Apache-2.0 */
/* Pools: base/fit.h over the addresses of a buffer, with all of its nodes taken at the start. */
#include "runtime/private.h"

#include <errno.h>
#include "base/fit.h"

#define GRANULE_DEFAULT 64u
#define PIECES_DEFAULT 1024u
#define PIECES_MAX (1u << 24)

struct trn_pool {
	struct trn_object object;
	struct trn_buffer *buffer;
	struct trn_fit fit; /* of device addresses: alignment is theirs */
	uint32_t pieces, pieces_max;
};

static int refuse(struct trn_buffer *buffer, int code, const char *operation, const char *why)
{
	return trn_fail(buffer->object.context, buffer->device, code, operation, "%s", why);
}

TRN_API int trn_pool_create(struct trn_buffer *buffer, const struct trn_pool_opts *opts,
			    struct trn_pool **ret_pool)
{
	static const struct trn_pool_opts defaults = { .size = sizeof(defaults) };
	const struct trn_alloc *alloc;
	struct trn_fit_extent *extents;
	struct trn_pool *pool;
	uint64_t granule;
	uint32_t room;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return trn_handle_refused();
	opts = opts ? opts : &defaults;
	if (opts->size != sizeof(*opts) || !ret_pool)
		return refuse(buffer, -EINVAL, __func__,
			      "ret_pool is NULL or the size member is wrong");
	granule = opts->granule ? opts->granule : GRANULE_DEFAULT;
	if (!trn_is_pow2(granule) || opts->pieces_max > PIECES_MAX)
		return refuse(buffer, -EINVAL, __func__,
			      "granule is no power of two, or pieces_max past 16777216");
	alloc = &buffer->object.context->alloc;
	pool = trn_alloc_zero(alloc, sizeof(*pool));
	/* Holes are one more than pieces at most, and one allocation may need two nodes more. */
	room = 2 * (opts->pieces_max ? opts->pieces_max : PIECES_DEFAULT) + 3;
	extents = trn_alloc_array(alloc, room, sizeof(*extents));
	if (!pool || !extents) {
		trn_free(alloc, extents);
		trn_free(alloc, pool);
		return refuse(buffer, -ENOMEM, __func__, "no memory for the pool");
	}
	trn_object_init(&pool->object, TRN_OBJECT_POOL, buffer->object.context);
	pool->buffer = trn_buffer_ref(buffer);
	pool->pieces_max = opts->pieces_max ? opts->pieces_max : PIECES_DEFAULT;
	trn_fit_init(&pool->fit, buffer->address, buffer->bytes, granule);
	(void)trn_fit_give(&pool->fit, extents, room); /* there was nothing before */
	*ret_pool = pool;
	return 0;
}

TRN_API struct trn_pool *trn_pool_destroy(struct trn_pool *pool)
{
	struct trn_buffer *buffer;

	if (!pool || !TRN_HANDLE_OK(pool, TRN_OBJECT_POOL))
		return NULL;
	buffer = pool->buffer;
	trn_free(&pool->object.context->alloc, pool->fit.extents);
	trn_object_bury(&pool->object);
	(void)trn_buffer_unref(buffer);
	return NULL;
}

TRN_API int trn_pool_take(struct trn_pool *pool, uint64_t bytes, uint64_t align,
			  uint64_t *ret_offset)
{
	uint64_t address;
	int r;

	if (!TRN_HANDLE_OK(pool, TRN_OBJECT_POOL))
		return trn_handle_refused();
	align = align ? align : pool->fit.granule;
	if (bytes == 0 || !trn_is_pow2(align) || !ret_offset)
		return refuse(pool->buffer, -EINVAL, __func__,
			      "bytes is 0, align no power of two, or ret_offset NULL");
	if (pool->pieces == pool->pieces_max)
		return refuse(pool->buffer, -ENOSPC, __func__, "pieces_max pieces are out");
	r = trn_fit_alloc(&pool->fit, bytes, align, &address, NULL);
	if (r < 0)
		return trn_fail(pool->object.context, pool->buffer->device, -ENOMEM, __func__,
				"%" PRIu64 " bytes wanted, %" PRIu64 " of %" PRIu64
				" free, the largest piece %" PRIu64,
				bytes, pool->fit.size - pool->fit.used, pool->fit.size,
				trn_fit_largest(&pool->fit));
	pool->pieces++;
	*ret_offset = address - pool->fit.offset;
	return 0;
}

TRN_API int trn_pool_give(struct trn_pool *pool, uint64_t offset)
{
	uint64_t size = 0;

	if (!TRN_HANDLE_OK(pool, TRN_OBJECT_POOL))
		return trn_handle_refused();
	if (offset < pool->fit.size)
		size = trn_fit_size(&pool->fit, pool->fit.offset + offset);
	if (size == 0)
		return trn_fail(pool->object.context, pool->buffer->device, -EINVAL, __func__,
				"no piece begins at %" PRIu64, offset);
	(void)trn_fit_free(&pool->fit, pool->fit.offset + offset, size); /* it is there */
	pool->pieces--;
	return 0;
}

TRN_API int trn_pool_usage(struct trn_pool *pool, struct trn_pool_usage *ret_usage)
{
	if (!TRN_HANDLE_OK(pool, TRN_OBJECT_POOL))
		return trn_handle_refused();
	if (!ret_usage || ret_usage->size != sizeof(*ret_usage))
		return refuse(pool->buffer, -EINVAL, __func__,
			      "size member is not sizeof(struct trn_pool_usage)");
	*ret_usage = (struct trn_pool_usage){
		.size = sizeof(*ret_usage),
		.total_bytes = pool->fit.size,
		.used_bytes = pool->fit.used,
		.peak_bytes = pool->fit.peak,
		.largest_bytes = trn_fit_largest(&pool->fit),
		.pieces = pool->pieces,
	};
	return 0;
}
