/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include "base/alloc.h"
#include "base/pack.h"
#ifdef TRN_HAVE_ZLIB
#define ZLIB_CONST /* what it reads it does not change */
#include <zlib.h>

/* zlib's own memory comes from the user's allocator, too. */
static void *zlib_alloc(void *alloc, uInt items, uInt size)
{
	return trn_alloc_array(alloc, items, size);
}

static void zlib_free(void *alloc, void *memory)
{
	trn_free(alloc, memory);
}

static void stream_init(z_stream *z, const struct trn_alloc *alloc)
{
	memset(z, 0, sizeof(*z));
	z->zalloc = zlib_alloc;
	z->zfree = zlib_free;
	z->opaque = (void *)(uintptr_t)alloc;
}

/* Deflates into room that is smaller than the bytes: 0 when they do not fit. */
static int deflate_all(const struct trn_alloc *alloc, const void *bytes, size_t count, void *room,
		       size_t size, size_t *ret_count)
{
	z_stream z;
	int r;

	*ret_count = 0;
	if (count > UINT_MAX || size > UINT_MAX)
		return 0;
	stream_init(&z, alloc);
	if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK)
		return -ENOMEM;
	z.next_in = bytes;
	z.avail_in = (uInt)count;
	z.next_out = room;
	z.avail_out = (uInt)size;
	r = deflate(&z, Z_FINISH);
	if (r == Z_STREAM_END)
		*ret_count = size - z.avail_out;
	(void)deflateEnd(&z);
	return 0;
}

static int inflate_all(const struct trn_alloc *alloc, const void *packed, size_t count, void *room,
		       size_t size)
{
	z_stream z;
	int r;

	if (count > UINT_MAX || size > UINT_MAX)
		return -EBADMSG;
	stream_init(&z, alloc);
	if (inflateInit(&z) != Z_OK)
		return -ENOMEM;
	z.next_in = packed;
	z.avail_in = (uInt)count;
	z.next_out = room;
	z.avail_out = (uInt)size;
	r = inflate(&z, Z_FINISH);
	if (r == Z_MEM_ERROR)
		r = -ENOMEM;
	else
		r = r == Z_STREAM_END && z.avail_out == 0 && z.avail_in == 0 ? 0 : -EBADMSG;
	(void)inflateEnd(&z);
	return r;
}
#else
static int deflate_all(const struct trn_alloc *alloc, const void *bytes, size_t count, void *room,
		       size_t size, size_t *ret_count)
{
	(void)alloc, (void)bytes, (void)count, (void)room, (void)size;
	*ret_count = 0;
	return 0;
}

static int inflate_all(const struct trn_alloc *alloc, const void *packed, size_t count, void *room,
		       size_t size)
{
	(void)alloc, (void)packed, (void)count, (void)room, (void)size;
	return -ENOTSUP;
}
#endif

int trn_pack(const struct trn_alloc *alloc, const void *bytes, size_t count, uint32_t *ret_method,
	     void **ret_packed, size_t *ret_count)
{
	void *packed = trn_alloc_zero(alloc, count + 1);
	size_t used = 0;
	int r;

	if (!packed)
		return -ENOMEM;
	r = deflate_all(alloc, bytes, count, packed, count, &used);
	if (r < 0) {
		trn_free(alloc, packed);
		return r;
	}
	*ret_method = used > 0 ? TRN_PACK_ZLIB : TRN_PACK_NONE;
	if (used == 0 && count > 0)
		memcpy(packed, bytes, count);
	*ret_packed = packed;
	*ret_count = used > 0 ? used : count;
	return 0;
}

int trn_unpack(const struct trn_alloc *alloc, uint32_t method, const void *packed, size_t count,
	       void *room, size_t size)
{
	if (method == TRN_PACK_ZLIB)
		return inflate_all(alloc, packed, count, room, size);
	if (method != TRN_PACK_NONE)
		return -ENOTSUP;
	if (count != size)
		return -EBADMSG;
	if (size > 0)
		memcpy(room, packed, size);
	return 0;
}
