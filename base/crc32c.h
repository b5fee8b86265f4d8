/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, reflected, init and final all-ones): mailbox headers and
 * every checksum of our own formats. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc is 0 to start, or the value of the part before. */
uint32_t trn_crc32c(uint32_t crc, const void *data, size_t size);

#endif /* BASE_CRC32C_H */
