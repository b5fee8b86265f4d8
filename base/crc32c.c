/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C eight bytes a step ("slicing by 8"), from constant tables. */
#include "base/crc32c.h"
#include "base/bits.h"

/* A CRC is linear, so a table of 256 is the sums of eight basis values: b0 is
 * the entry of byte 0x01, b7 that of 0x80. The test derives them again. */
#define PICK(n, bit, b) (((n) >> (bit)&1u) * (b))
#define ENTRY(n, b0, b1, b2, b3, b4, b5, b6, b7)                                              \
	(PICK(n, 0, b0) ^ PICK(n, 1, b1) ^ PICK(n, 2, b2) ^ PICK(n, 3, b3) ^ PICK(n, 4, b4) ^ \
	 PICK(n, 5, b5) ^ PICK(n, 6, b6) ^ PICK(n, 7, b7))
#define ENTRY4(n, ...)                                                                     \
	ENTRY(n, __VA_ARGS__), ENTRY((n) + 1u, __VA_ARGS__), ENTRY((n) + 2u, __VA_ARGS__), \
		ENTRY((n) + 3u, __VA_ARGS__)
#define ENTRY16(n, ...)                                                                       \
	ENTRY4(n, __VA_ARGS__), ENTRY4((n) + 4u, __VA_ARGS__), ENTRY4((n) + 8u, __VA_ARGS__), \
		ENTRY4((n) + 12u, __VA_ARGS__)
#define ENTRY64(n, ...)                                                                            \
	ENTRY16(n, __VA_ARGS__), ENTRY16((n) + 16u, __VA_ARGS__), ENTRY16((n) + 32u, __VA_ARGS__), \
		ENTRY16((n) + 48u, __VA_ARGS__)
#define TABLE(...)                                                                               \
	{                                                                                        \
		ENTRY64(0u, __VA_ARGS__), ENTRY64(64u, __VA_ARGS__), ENTRY64(128u, __VA_ARGS__), \
			ENTRY64(192u, __VA_ARGS__)                                               \
	}

/* tables[k][n]: byte n followed by k zero bytes; polynomial 0x82f63b78, reflected. */
static const uint32_t tables[8][256] = {
	TABLE(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu,
	      0x417b1dbcu, 0x82f63b78u),
	TABLE(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u,
	      0xff17c604u, 0xfbc3faf9u),
	TABLE(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u,
	      0xc76580d9u, 0x8b277743u),
	TABLE(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu,
	      0xaba65fe7u, 0x52a0c93fu),
	TABLE(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u,
	      0x37516aaeu, 0x6ea2d55cu),
	TABLE(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du,
	      0x0e045bebu, 0x1c08b7d6u),
	TABLE(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu,
	      0x7ab7077au, 0xf56e0ef4u),
	TABLE(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u,
	      0x1a00cb32u, 0x34019664u),
};

uint32_t trn_crc32c(uint32_t crc, const void *data, size_t size)
{
	const unsigned char *p = data;

	crc = ~crc;
	for (; size >= 8; size -= 8, p += 8) {
		uint64_t v = trn_load64(p) ^ crc;

		crc = 0;
		for (unsigned int i = 0; i < 8; i++)
			crc ^= tables[7 - i][(v >> (8 * i)) & 0xff];
	}
	for (; size > 0; size--, p++)
		crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}
