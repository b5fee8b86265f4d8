/* SPDX-License-Identifier: Apache-2.0 */
/* A 64-bit FNV-1a style running hash over words: state comparison in tests and
 * `trn_chip_hash`. Not for hostile keys. The size of each trn_hash_bytes() counts:
 * two calls are not one call over both parts. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define TRN_HASH_INIT UINT64_C(0xcbf29ce484222325)

uint64_t trn_hash_bytes(uint64_t hash, const void *data, size_t size);
uint64_t trn_hash_u64(uint64_t hash, uint64_t value);

#endif /* BASE_HASH_H */
