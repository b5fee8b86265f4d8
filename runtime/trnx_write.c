/* SPDX-License-Identifier: Apache-2.0 */
/* Lays tables and contents out as a trnx image. There is one layout for one set of tables:
 * offsets, sizes, argument numbers and checksums follow from them. */
#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/crc32c.h"
#include "runtime/trnx.h"

/* Copies a table to *at and moves it on. */
static void put(uint8_t *image, uint64_t *at, const void *table, uint64_t bytes)
{
	if (bytes)
		memcpy(image + *at, table, (size_t)bytes);
	*at += bytes;
}

static void finish_sections(const struct trn_trnx_tables *tables, uint64_t *at, uint8_t *image)
{
	uint32_t next_arg = TRN_TRNX_SECTION_ARG;

	for (uint32_t i = 0; i < tables->section_count; i++) {
		struct trn_trnx_section *section = &tables->section[i];

		section->arg = section->kind == TRN_TRNX_CODE ? TRN_TRNX_NONE : next_arg++;
		if (section->kind == TRN_TRNX_BSS)
			continue;
		*at = trn_align_up(*at, TRN_TRNX_ALIGN);
		section->offset = *at;
		if (image) {
			section->crc = trn_crc32c(0, tables->content[i], (size_t)section->size);
			memcpy(image + *at, tables->content[i], (size_t)section->size);
		}
		*at += section->size;
	}
}

int trn_trnx_write(const struct trn_alloc *alloc, const struct trn_trnx_tables *tables,
		   void **ret_image, size_t *ret_bytes)
{
	const uint64_t sections = tables->section_count * (uint64_t)sizeof(*tables->section);
	const uint64_t symbols = tables->symbol_count * (uint64_t)sizeof(*tables->symbol);
	const uint64_t relocs = tables->reloc_count * (uint64_t)sizeof(*tables->reloc);
	const uint64_t args = tables->arg_count * (uint64_t)sizeof(*tables->arg);
	struct trn_trnx_header header = {
		.version = TRN_TRNX_VERSION,
		.isa = TRN_ISA_VERSION,
		.arch = tables->arch,
		.section_count = tables->section_count,
		.symbol_count = tables->symbol_count,
		.reloc_count = tables->reloc_count,
		.arg_count = tables->arg_count,
		.string_size = tables->string_size,
		.name = tables->name,
	};
	const uint64_t end =
		sizeof(header) + sections + symbols + relocs + args + tables->string_size;
	uint64_t bytes = end, contents = end, at = sizeof(header);
	uint8_t *image;

	memcpy(header.magic, TRN_TRNX_MAGIC, TRN_TRNX_MAGIC_SIZE);
	finish_sections(tables, &bytes, NULL);
	if (bytes > SIZE_MAX / 2)
		return -ENOMEM;
	image = trn_alloc_zero(alloc, (size_t)bytes);
	if (!image)
		return -ENOMEM;
	finish_sections(tables, &contents, image);
	header.size = bytes;
	memcpy(image, &header, sizeof(header));
	put(image, &at, tables->section, sections);
	put(image, &at, tables->symbol, symbols);
	put(image, &at, tables->reloc, relocs);
	put(image, &at, tables->arg, args);
	put(image, &at, tables->strings, tables->string_size);
	trn_store32(image + offsetof(struct trn_trnx_header, crc),
		    trn_crc32c(0, image, (size_t)end));
	*ret_image = image;
	*ret_bytes = (size_t)bytes;
	return 0;
}
