/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a over 64-bit words with a fold after each product, so that high bits
 * of a word reach the low bits of the hash. Each step is a bijection: states
 * that differ in one word cannot have the same hash. */
#include "base/hash.h"
#include "base/bits.h"

#define HASH_PRIME UINT64_C(0x100000001b3)

uint64_t trn_hash_u64(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * HASH_PRIME;
	return hash ^ (hash >> 32);
}

uint64_t trn_hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *p = data;
	size_t left = size;
	uint64_t tail = 0;

	for (; left >= sizeof(tail); left -= sizeof(tail), p += sizeof(tail))
		hash = trn_hash_u64(hash, trn_load64(p));
	if (left > 0) {
		memcpy(&tail, p, left);
		hash = trn_hash_u64(hash, tail);
	}
	/* The size tells padding from zero bytes. */
	return trn_hash_u64(hash, size);
}
