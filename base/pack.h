/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes made smaller, and back: deflate where the build has zlib, else as they are. */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <stddef.h>
#include <stdint.h>
#include <trn/types.h>

#define TRN_PACK_NONE 0u
#define TRN_PACK_ZLIB 1u

/* *ret_packed is the caller's to free, *ret_method how it was made: NONE when nothing is won.
 * -ENOMEM. */
int trn_pack(const struct trn_alloc *alloc, const void *bytes, size_t count, uint32_t *ret_method,
	     void **ret_packed, size_t *ret_count);
/* Fills the room exactly, and never writes more: what would be longer or shorter is -EBADMSG.
 * -ENOTSUP a method that this build does not have, -ENOMEM. */
int trn_unpack(const struct trn_alloc *alloc, uint32_t method, const void *packed, size_t count,
	       void *room, size_t size);

#endif /* BASE_PACK_H */
