/* SPDX-License-Identifier: Apache-2.0 */
/* Bit, size and overflow helpers. No I/O, no state. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TRN_KIB (UINT64_C(1) << 10)
#define TRN_MIB (UINT64_C(1) << 20)
#define TRN_GIB (UINT64_C(1) << 30)

#define TRN_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TRN_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline uint32_t trn_min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t trn_max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t trn_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t trn_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* align is a power of two. */
static inline uint64_t trn_align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline bool trn_is_pow2(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* True when [offset, offset + size) lies inside [0, limit); no wrap. */
static inline bool trn_range_ok(uint64_t offset, uint64_t size, uint64_t limit)
{
	return offset <= limit && size <= limit - offset;
}

static inline uint32_t trn_lo32(uint64_t v)
{
	return (uint32_t)(v & UINT32_MAX);
}

static inline uint32_t trn_hi32(uint64_t v)
{
	return (uint32_t)(v >> 32);
}

static inline uint64_t trn_u64(uint32_t lo, uint32_t hi)
{
	return ((uint64_t)hi << 32) | lo;
}

/* Little-endian loads and stores at any alignment. Every supported host is
 * little endian (checked in base/bits.c at compile time). */
static inline uint32_t trn_load32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t trn_load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void trn_store32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void trn_store64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

#endif /* BASE_BITS_H */
