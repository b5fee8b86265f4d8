/* SPDX-License-Identifier: Apache-2.0 */
/* Program images from anywhere: parsing ends with parts that lie inside the program's
 * memory, or with a place and a reason. A second try repairs length and checksums, so that
 * what is behind them is reached. */
#include <stdlib.h>
#include <string.h>
#include <trn/error.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/crc32c.h"
#include "runtime/trnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void look_at(const struct trn_trnx *trnx)
{
	struct trn_trnx_symbol symbol;
	const char *name;

	require(trnx->load_bytes <= trnx->memory_bytes);
	for (uint32_t i = 0; i < trnx->section_count; i++) {
		const struct trn_trnx_part *part = &trnx->section[i];

		require(part->outside ||
			trn_range_ok(part->offset, part->size,
				     part->kind == TRN_TRNX_BSS ? trnx->memory_bytes :
								  trnx->load_bytes));
		require(strlen(part->name) <= TRN_TRNX_NAME_MAX);
	}
	for (unsigned int e = 0; e < TRN_ENGINE_COUNT; e++)
		require(trnx->code[e] < (int)trnx->section_count);
	for (uint32_t i = 0; trn_trnx_symbol(trnx, i, &symbol, &name) == 0; i++)
		require(strlen(name) <= TRN_TRNX_NAME_MAX && symbol.section < trnx->section_count);
}

static void parse(const uint8_t *data, size_t size)
{
	struct trn_trnx_fault fault;
	struct trn_trnx trnx;
	int r = trn_trnx_parse(&trn_alloc_libc, data, size, 3, &trnx, &fault);

	if (r < 0) {
		require(r == -TRN_EPROGRAM && fault.why && fault.why[0] && fault.offset <= size);
		require(!trnx.load);
		return;
	}
	look_at(&trnx);
	(void)trn_trnx_rebase(&trnx, UINT64_C(0x123456780000));
	(void)trn_trnx_rebase(&trnx, 0);
	require(trn_trnx_tables_bytes(&trnx) <= size);
	for (uint32_t i = 0; i < trnx.section_count; i++) {
		const char *why = trn_trnx_bind(&trnx, i, UINT64_C(0x40000));

		require(!why == trnx.section[i].outside);
		look_at(&trnx);
		(void)trn_trnx_rebase(&trnx, UINT64_C(0x123456780000));
	}
	trn_trnx_fini(&trnx);
}

/* Everything a checksum covers may be wrong; the checksums are not. */
static void repair(uint8_t *data, size_t size)
{
	struct trn_trnx_header header;
	uint64_t end;

	memcpy(&header, data, sizeof(header));
	header.size = size;
	end = sizeof(header) + header.section_count * (uint64_t)sizeof(struct trn_trnx_section) +
	      header.symbol_count * (uint64_t)sizeof(struct trn_trnx_symbol) +
	      header.reloc_count * (uint64_t)sizeof(struct trn_trnx_reloc) +
	      header.arg_count * (uint64_t)sizeof(struct trn_trnx_arg) + header.string_size;
	for (uint32_t i = 0; i < header.section_count; i++) {
		uint64_t at = sizeof(header) + i * (uint64_t)sizeof(struct trn_trnx_section);
		struct trn_trnx_section section;

		if (!trn_range_ok(at, sizeof(section), size))
			break;
		memcpy(&section, data + at, sizeof(section));
		if (section.kind != TRN_TRNX_BSS &&
		    trn_range_ok(section.offset, section.size, size))
			section.crc = trn_crc32c(0, data + section.offset, (size_t)section.size);
		memcpy(data + at, &section, sizeof(section));
	}
	header.crc = 0;
	memcpy(data, &header, sizeof(header));
	if (end <= size)
		header.crc = trn_crc32c(0, data, (size_t)end);
	memcpy(data, &header, sizeof(header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	parse(data, size);
	if (size < sizeof(struct trn_trnx_header))
		return 0;
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	repair(copy, size);
	parse(copy, size);
	free(copy);
	return 0;
}
