/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps from anywhere: whole files, and bytes with a good header and checksum around them, so that
 * what lies behind those is reached. Every section that is given out is plain text with a 0. */
#include <stdlib.h>
#include <string.h>
#include "base/crc32c.h"
#include "base/pack.h"
#include "runtime/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
	struct trn_dump_section section = { .size = sizeof(section) };
	struct trn_dump *dump = NULL;

	if (trn_dump_open(NULL, bytes, size, &dump) < 0) {
		require(dump == NULL);
		return;
	}
	for (uint32_t i = 0; trn_dump_section(dump, i, &section) == 0; i++) {
		require(section.name[0] && strlen(section.name) < sizeof(section.name));
		require(strlen(section.text) == section.bytes);
	}
	(void)trn_dump_close(dump);
}

static void try_wrapped(const uint8_t *data, size_t size, uint32_t method, uint64_t bytes)
{
	struct trn_dump_header header = {
		.version = TRN_DUMP_VERSION,
		.method = method,
		.bytes = bytes,
		.packed = size,
		.crc = trn_crc32c(0, data, size),
	};
	uint8_t *file = malloc(sizeof(header) + size);

	if (!file)
		return;
	memcpy(header.magic, TRN_DUMP_MAGIC, TRN_DUMP_MAGIC_SIZE);
	memcpy(file, &header, sizeof(header));
	if (size > 0)
		memcpy(file + sizeof(header), data, size);
	try_bytes(file, sizeof(header) + size);
	free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_bytes(data, size);
	try_wrapped(data, size, TRN_PACK_NONE, size);
	try_wrapped(data, size, TRN_PACK_ZLIB, size * 3);
	return 0;
}
