/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a trnx image that may be anything: every count, offset, name and checksum is
 * judged before use. The result lies in one piece of memory, relocated for address 0. */
#include <errno.h>
#include <string.h>
#include <trn/error.h>
#include <trn/program.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/crc32c.h"
#include "runtime/trnx.h"

_Static_assert(sizeof(struct trn_trnx_header) == 64, "layout");
_Static_assert(sizeof(struct trn_trnx_section) == 40, "layout");
_Static_assert(sizeof(struct trn_trnx_symbol) == 24, "layout");
_Static_assert(sizeof(struct trn_trnx_reloc) == 24, "layout");
_Static_assert(sizeof(struct trn_trnx_arg) == 24, "layout");

_Static_assert(TRN_TRNX_SECTIONS_MAX == TRN_ENGINE_COUNT + TRN_ISA_ARGS_MAX - TRN_TRNX_SECTION_ARG,
	       "a stream for each engine, an argument for each data section");

/* The image while it is read. Tables are copied out entry by entry: no alignment is given. */
struct reader {
	const uint8_t *image;
	size_t bytes;
	struct trn_trnx_header header;
	uint64_t sections, symbols, relocs, args, strings, end; /* offsets */
	struct trn_trnx *trnx;
	struct trn_trnx_fault *fault;
};

static int refuse(const struct reader *reader, uint64_t offset, const char *why)
{
	*reader->fault = (struct trn_trnx_fault){
		.offset = offset, .engine = -1, .pc = -1, .opcode = -1, .why = why
	};
	return -TRN_EPROGRAM;
}

static int read_header(struct reader *reader, uint32_t arch)
{
	const struct trn_trnx_header *header = &reader->header;

	if (reader->bytes < sizeof(*header))
		return refuse(reader, reader->bytes, "shorter than a header");
	memcpy(&reader->header, reader->image, sizeof(reader->header));
	if (memcmp(header->magic, TRN_TRNX_MAGIC, TRN_TRNX_MAGIC_SIZE) != 0)
		return refuse(reader, 0, "not a trnx image");
	if (header->version != TRN_TRNX_VERSION)
		return refuse(reader, offsetof(struct trn_trnx_header, version),
			      "container version this library does not know");
	if (header->isa != TRN_ISA_VERSION)
		return refuse(reader, offsetof(struct trn_trnx_header, isa),
			      "instruction set version this library does not know");
	if (header->arch && arch && header->arch != arch)
		return refuse(reader, offsetof(struct trn_trnx_header, arch),
			      "built for another generation");
	if (header->flags || header->reserved[0] || header->reserved[1])
		return refuse(reader, offsetof(struct trn_trnx_header, flags),
			      "unknown flags or reserved fields are set");
	if (header->size != reader->bytes)
		return refuse(reader, offsetof(struct trn_trnx_header, size),
			      "length differs from the header's");
	if (!header->section_count || header->section_count > TRN_TRNX_SECTIONS_MAX ||
	    header->symbol_count > TRN_TRNX_SYMBOLS_MAX ||
	    header->reloc_count > TRN_TRNX_RELOCS_MAX || header->arg_count > TRN_TRNX_ARGS_MAX ||
	    header->string_size % 8 || !header->string_size ||
	    header->string_size > TRN_TRNX_STRINGS_MAX)
		return refuse(reader, offsetof(struct trn_trnx_header, section_count),
			      "table count out of bounds");
	return 0;
}

static uint32_t tables_crc(const struct reader *reader)
{
	const size_t at = offsetof(struct trn_trnx_header, crc);
	const uint8_t zero[4] = { 0 };
	uint32_t crc = trn_crc32c(0, reader->image, at);

	crc = trn_crc32c(crc, zero, sizeof(zero));
	return trn_crc32c(crc, reader->image + at + 4, (size_t)reader->end - at - 4);
}

static int read_tables(struct reader *reader)
{
	const struct trn_trnx_header *header = &reader->header;

	/* Counts are bounded: no sum here can wrap. */
	reader->sections = sizeof(*header);
	reader->symbols = reader->sections +
			  header->section_count * (uint64_t)sizeof(struct trn_trnx_section);
	reader->relocs =
		reader->symbols + header->symbol_count * (uint64_t)sizeof(struct trn_trnx_symbol);
	reader->args =
		reader->relocs + header->reloc_count * (uint64_t)sizeof(struct trn_trnx_reloc);
	reader->strings = reader->args + header->arg_count * (uint64_t)sizeof(struct trn_trnx_arg);
	reader->end = reader->strings + header->string_size;
	if (reader->end > reader->bytes)
		return refuse(reader, reader->bytes, "ends inside its tables");
	if (tables_crc(reader) != header->crc)
		return refuse(reader, offsetof(struct trn_trnx_header, crc),
			      "checksum of header and tables is wrong");
	if (reader->image[reader->strings] || reader->image[reader->end - 1])
		return refuse(reader, reader->strings, "string table is not closed by zeros");
	return 0;
}

/* Names are printable ASCII: they go into messages and JSON. from: who refers to it. */
static int read_name(const struct reader *reader, uint32_t name, size_t max, uint64_t from,
		     char *ret_name)
{
	const char *text;
	size_t length;

	if (name >= reader->header.string_size)
		return refuse(reader, from, "name outside the string table");
	text = (const char *)reader->image + reader->strings + name;
	length = strnlen(text, max + 1); /* the table ends in zero: bounded */
	if (length > max)
		return refuse(reader, from, "name is too long");
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return refuse(reader, from, "name is not printable");
	if (ret_name)
		memcpy(ret_name, text, length + 1);
	return 0;
}

/* What one section may say of itself, by kind. */
static int check_section(struct reader *reader, const struct trn_trnx_section *section,
			 uint64_t from, uint32_t *next_arg)
{
	struct trn_trnx *trnx = reader->trnx;
	bool code = section->kind == TRN_TRNX_CODE;

	if (section->kind < TRN_TRNX_CODE || section->kind > TRN_TRNX_BSS)
		return refuse(reader, from, "unknown kind of section");
	if (section->reserved || section->flags & ~(code ? 0u : TRN_TRNX_SECTION_WRITE))
		return refuse(reader, from, "unknown flags or reserved fields are set");
	if (section->align_log2 < 6 || section->align_log2 > TRN_TRNX_ALIGN_LOG2_MAX)
		return refuse(reader, from, "alignment of a section");
	if (!section->size || section->size > TRN_TRNX_MEMORY_MAX)
		return refuse(reader, from, "size of a section");
	if (!code) {
		if (section->engine || section->arg != *next_arg)
			return refuse(reader, from, "engine or argument number of a data section");
		if (++*next_arg > TRN_ISA_ARGS_MAX)
			return refuse(reader, from, "more data sections than arguments");
		return 0;
	}
	if (section->engine >= TRN_ENGINE_COUNT || trnx->code[section->engine] >= 0)
		return refuse(reader, from, "unknown engine, or a second stream for one");
	if (section->arg != TRN_TRNX_NONE)
		return refuse(reader, from, "code section with an argument number");
	if (section->size % TRN_ISA_WORD_SIZE ||
	    section->size / TRN_ISA_WORD_SIZE > TRN_TRNX_WORDS_MAX)
		return refuse(reader, from, "stream is no whole number of words, or too long");
	return 0;
}

/* Contents follow each other in table order, each on the next multiple of 64 after
 * zeros: they cannot overlap, and nothing hides between them. */
static int check_contents(struct reader *reader, const struct trn_trnx_section *section,
			  uint64_t from, uint64_t *at)
{
	uint64_t start = trn_align_up(*at, TRN_TRNX_ALIGN);

	if (section->kind == TRN_TRNX_BSS) {
		if (section->offset || section->crc)
			return refuse(reader, from, "bss section with contents");
		return 0;
	}
	if (section->offset != start)
		return refuse(reader, from, "contents are not where they must be");
	if (!trn_range_ok(start, section->size, reader->bytes))
		return refuse(reader, from, "contents end past the image");
	for (uint64_t i = *at; i < start; i++)
		if (reader->image[i])
			return refuse(reader, i, "padding is not zero");
	if (trn_crc32c(0, reader->image + start, (size_t)section->size) != section->crc)
		return refuse(reader, start, "checksum of a section is wrong");
	*at = start + section->size;
	return 0;
}

static int read_sections(struct reader *reader)
{
	struct trn_trnx *trnx = reader->trnx;
	uint32_t next_arg = TRN_TRNX_SECTION_ARG;
	uint64_t at = reader->end;

	for (uint32_t i = 0; i < reader->header.section_count; i++) {
		uint64_t from = reader->sections + i * sizeof(struct trn_trnx_section);
		struct trn_trnx_part *part = &trnx->section[i];
		struct trn_trnx_section section;
		uint64_t align;
		int r;

		memcpy(&section, reader->image + from, sizeof(section));
		r = check_section(reader, &section, from, &next_arg);
		if (r == 0)
			r = check_contents(reader, &section, from, &at);
		if (r == 0)
			r = read_name(reader, section.name, TRN_TRNX_NAME_MAX, from, part->name);
		if (r < 0)
			return r;
		part->kind = section.kind;
		part->engine = section.engine;
		part->flags = section.flags;
		part->arg = section.arg;
		part->size = section.size;
		part->file_offset = section.offset;
		align = UINT64_C(1) << section.align_log2;
		trnx->memory_align = trn_max_u64(trnx->memory_align, align);
		part->align = align;
		if (section.kind == TRN_TRNX_CODE)
			trnx->code[section.engine] = (int)i;
	}
	if (at != reader->bytes)
		return refuse(reader, at, "bytes after the last section");
	return 0;
}

/* Code and data first, so that load is one piece, then bss. */
static int place_sections(struct reader *reader)
{
	struct trn_trnx *trnx = reader->trnx;

	for (int bss = 0; bss < 2; bss++) {
		for (uint32_t i = 0; i < trnx->section_count; i++) {
			struct trn_trnx_part *part = &trnx->section[i];

			if ((part->kind == TRN_TRNX_BSS) != bss)
				continue;
			part->offset = trn_align_up(trnx->memory_bytes, part->align);
			trnx->memory_bytes = part->offset + part->size;
			if (trnx->memory_bytes > TRN_TRNX_MEMORY_MAX)
				return refuse(reader, reader->sections,
					      "sections together are too large");
			if (!bss)
				trnx->load_bytes = trnx->memory_bytes;
		}
	}
	if (!trnx->load_bytes)
		return 0;
	trnx->load = trn_alloc_zero(trnx->alloc, (size_t)trnx->load_bytes);
	if (!trnx->load)
		return -ENOMEM;
	for (uint32_t i = 0; i < trnx->section_count; i++) {
		const struct trn_trnx_part *part = &trnx->section[i];

		if (part->kind != TRN_TRNX_BSS)
			memcpy(trnx->load + part->offset, reader->image + part->file_offset,
			       (size_t)part->size);
	}
	return 0;
}

static int read_args(struct reader *reader)
{
	for (uint32_t i = 0; i < reader->header.arg_count; i++) {
		uint64_t from = reader->args + i * sizeof(struct trn_trnx_arg);
		struct trn_trnx_arg arg;
		int r;

		memcpy(&arg, reader->image + from, sizeof(arg));
		if (arg.kind > TRN_ARG_SCALAR)
			return refuse(reader, from, "unknown kind of argument");
		if (arg.reserved0 || arg.reserved1 || arg.reserved2 ||
		    (arg.kind == TRN_ARG_SCALAR && arg.min_bytes))
			return refuse(reader, from, "reserved fields of an argument are set");
		r = read_name(reader, arg.name, TRN_TRNX_ARG_NAME_MAX, from,
			      reader->trnx->arg[i].name);
		if (r < 0)
			return r;
		reader->trnx->arg[i].kind = arg.kind;
		reader->trnx->arg[i].min_bytes = arg.min_bytes;
	}
	return 0;
}

static struct trn_trnx_symbol symbol_at(const struct reader *reader, uint32_t index)
{
	struct trn_trnx_symbol symbol;

	memcpy(&symbol, reader->image + reader->symbols + index * (uint64_t)sizeof(symbol),
	       sizeof(symbol));
	return symbol;
}

static int read_symbols(struct reader *reader, const struct trn_trnx_code *codes)
{
	const struct trn_trnx *trnx = reader->trnx;

	for (uint32_t i = 0; i < reader->header.symbol_count; i++) {
		uint64_t from = reader->symbols + i * (uint64_t)sizeof(struct trn_trnx_symbol);
		struct trn_trnx_symbol symbol = symbol_at(reader, i);
		const struct trn_trnx_part *part;
		int r;

		if (symbol.section >= trnx->section_count)
			return refuse(reader, from, "symbol of a section that is not there");
		part = &trnx->section[symbol.section];
		if (symbol.reserved ||
		    symbol.kind != (part->kind == TRN_TRNX_CODE ? TRN_TRNX_LABEL : TRN_TRNX_OBJECT))
			return refuse(reader, from, "kind of a symbol and of its section differ");
		if (!trn_range_ok(symbol.offset, symbol.size, part->size))
			return refuse(reader, from, "symbol outside its section");
		if (part->kind == TRN_TRNX_CODE &&
		    (symbol.offset % TRN_ISA_WORD_SIZE ||
		     !trn_trnx_code_start(&codes[part->engine], symbol.offset / TRN_ISA_WORD_SIZE)))
			return refuse(reader, from, "label where no instruction begins");
		r = read_name(reader, symbol.name, TRN_TRNX_NAME_MAX, from, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A relocation of code touches one field of one kind of instruction. */
static int relocate_code(struct reader *reader, const struct trn_trnx_reloc *reloc,
			 const struct trn_trnx_symbol *symbol, const struct trn_trnx_code *codes,
			 uint64_t from)
{
	const struct trn_trnx_part *part = &reader->trnx->section[reloc->section];
	const struct trn_trnx_part *target = &reader->trnx->section[symbol->section];
	const struct trn_trnx_code *code = &codes[part->engine];
	uint8_t *load = reader->trnx->load + part->offset;
	uint64_t word = reloc->offset / TRN_ISA_WORD_SIZE;
	uint64_t field = reloc->offset % TRN_ISA_WORD_SIZE;
	uint64_t start = word;

	while (start > 0 && !trn_trnx_code_start(code, start))
		start--;
	field += (word - start) * TRN_ISA_WORD_SIZE;
	if (reloc->kind == TRN_TRNX_CODE32) {
		int64_t index = (int64_t)(symbol->offset / TRN_ISA_WORD_SIZE);

		if (load[start * TRN_ISA_WORD_SIZE] != TRN_OP_BRANCH ||
		    field != offsetof(struct trn_isa_compute, imm) + 4)
			return refuse(reader, from, "relocation of no branch target");
		if (symbol->section != reloc->section || reloc->addend > UINT32_MAX ||
		    reloc->addend < -(int64_t)UINT32_MAX || index + reloc->addend < 0 ||
		    index + reloc->addend >= code->count)
			return refuse(reader, from, "branch target outside its stream");
		trn_store32(load + reloc->offset, (uint32_t)(index + reloc->addend));
		return 0;
	}
	if (trn_isa_op(load[start * TRN_ISA_WORD_SIZE])->layout != TRN_LAYOUT_DMA ||
	    (field != offsetof(struct trn_isa_dma, dst) + offsetof(struct trn_isa_mem, arg) &&
	     field != offsetof(struct trn_isa_dma, src) + offsetof(struct trn_isa_mem, arg)))
		return refuse(reader, from, "relocation of no memory operand");
	if (target->arg == TRN_TRNX_NONE || reloc->addend)
		return refuse(reader, from, "argument number of a section that has none");
	load[reloc->offset] = (uint8_t)target->arg;
	return 0;
}

static struct trn_trnx_reloc reloc_at(const uint8_t *image, uint64_t relocs, uint32_t index)
{
	struct trn_trnx_reloc reloc;

	memcpy(&reloc, image + relocs + index * (uint64_t)sizeof(reloc), sizeof(reloc));
	return reloc;
}

static int read_relocs(struct reader *reader, const struct trn_trnx_code *codes)
{
	static const uint8_t sizes[] = { 0, 8, 4, 1 };
	struct trn_trnx *trnx = reader->trnx;
	uint64_t free_from = 0; /* ascending places, so that none is patched twice */
	uint16_t section = 0;

	for (uint32_t i = 0; i < reader->header.reloc_count; i++) {
		uint64_t from = reader->relocs + i * (uint64_t)sizeof(struct trn_trnx_reloc);
		struct trn_trnx_reloc reloc = reloc_at(reader->image, reader->relocs, i);
		struct trn_trnx_symbol symbol;
		const struct trn_trnx_part *part;
		int r;

		if (reloc.kind < TRN_TRNX_ABS64 || reloc.kind > TRN_TRNX_ARG8 || reloc.reserved)
			return refuse(reader, from, "unknown kind of relocation");
		if (reloc.section >= trnx->section_count ||
		    reloc.symbol >= reader->header.symbol_count)
			return refuse(reader, from, "relocation of what is not there");
		part = &trnx->section[reloc.section];
		symbol = symbol_at(reader, reloc.symbol);
		if (part->kind != (reloc.kind == TRN_TRNX_ABS64 ? TRN_TRNX_DATA : TRN_TRNX_CODE))
			return refuse(reader, from, "relocation in a section of another kind");
		if (!trn_range_ok(reloc.offset, sizes[reloc.kind], part->size))
			return refuse(reader, from, "relocation outside its section");
		if (reloc.section < section ||
		    (reloc.section == section && reloc.offset < free_from))
			return refuse(reader, from, "relocations overlap or are not in order");
		section = reloc.section;
		free_from = reloc.offset + sizes[reloc.kind];
		if (reloc.kind == TRN_TRNX_ABS64) {
			trn_store64(trnx->load + part->offset + reloc.offset,
				    trnx->section[symbol.section].offset + symbol.offset +
					    (uint64_t)reloc.addend);
			continue;
		}
		r = relocate_code(reader, &reloc, &symbol, codes, from);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Faults of a stream count from its first word: make them offsets of the image. */
static int in_image(struct reader *reader, uint32_t section, int r)
{
	if (r == -TRN_EPROGRAM)
		reader->fault->offset += reader->trnx->section[section].file_offset;
	return r;
}

static int scan_streams(struct reader *reader, struct trn_trnx_code *codes, uint8_t *starts)
{
	struct trn_trnx *trnx = reader->trnx;
	uint32_t section_args = 0;

	for (uint32_t i = 0; i < trnx->section_count; i++)
		section_args += trnx->section[i].kind != TRN_TRNX_CODE;
	for (uint32_t i = 0; i < trnx->section_count; i++) {
		const struct trn_trnx_part *part = &trnx->section[i];
		struct trn_trnx_code *code;
		int r;

		if (part->kind != TRN_TRNX_CODE)
			continue;
		code = &codes[part->engine];
		code->words = trnx->load + part->offset;
		code->count = (uint32_t)(part->size / TRN_ISA_WORD_SIZE);
		code->starts = starts;
		code->engine = (enum trn_engine)part->engine;
		code->arg_count = trnx->arg_count;
		code->section_args = section_args;
		code->written = &trnx->written;
		starts += code->count / 8 + 1;
		r = in_image(reader, i, trn_trnx_code_scan(code, reader->fault));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_code(struct reader *reader)
{
	struct trn_trnx_code codes[TRN_ENGINE_COUNT] = { 0 };
	struct trn_trnx *trnx = reader->trnx;
	size_t bits = TRN_ENGINE_COUNT;
	uint8_t *starts;
	int r;

	for (unsigned int e = 0; e < TRN_ENGINE_COUNT; e++)
		if (trnx->code[e] >= 0)
			bits += (size_t)trnx->section[trnx->code[e]].size / TRN_ISA_WORD_SIZE / 8;
	starts = trn_alloc_zero(trnx->alloc, bits);
	if (!starts)
		return -ENOMEM;
	r = scan_streams(reader, codes, starts);
	if (r == 0)
		r = read_symbols(reader, codes);
	if (r == 0)
		r = read_relocs(reader, codes);
	for (unsigned int e = 0; r == 0 && e < TRN_ENGINE_COUNT; e++)
		if (trnx->code[e] >= 0)
			r = in_image(reader, (uint32_t)trnx->code[e],
				     trn_trnx_code_check(&codes[e], reader->fault));
	trn_free(trnx->alloc, starts);
	return r;
}

int trn_trnx_parse(const struct trn_alloc *alloc, const void *image, size_t bytes, uint32_t arch,
		   struct trn_trnx *ret_trnx, struct trn_trnx_fault *ret_fault)
{
	struct reader reader = {
		.image = image, .bytes = bytes, .trnx = ret_trnx, .fault = ret_fault
	};
	int r;

	*ret_fault = (struct trn_trnx_fault){ .engine = -1, .pc = -1, .opcode = -1, .why = "" };
	*ret_trnx = (struct trn_trnx){ .alloc = alloc, .image = image, .memory_align = 64 };
	for (unsigned int e = 0; e < TRN_ENGINE_COUNT; e++)
		ret_trnx->code[e] = -1;
	r = read_header(&reader, arch);
	if (r == 0)
		r = read_tables(&reader);
	if (r == 0)
		r = read_name(&reader, reader.header.name, TRN_TRNX_NAME_MAX,
			      offsetof(struct trn_trnx_header, name), ret_trnx->name);
	if (r < 0)
		return r;
	ret_trnx->arch = reader.header.arch;
	ret_trnx->section_count = reader.header.section_count;
	ret_trnx->arg_count = reader.header.arg_count;
	ret_trnx->symbol_count = reader.header.symbol_count;
	ret_trnx->reloc_count = reader.header.reloc_count;
	r = read_sections(&reader);
	if (r == 0)
		r = place_sections(&reader);
	if (r == 0)
		r = read_args(&reader);
	if (r == 0)
		r = read_code(&reader);
	if (r < 0)
		trn_trnx_fini(ret_trnx);
	return r;
}

/* ---- a checked image ---- */

static uint64_t symbols_at(const struct trn_trnx *trnx)
{
	return sizeof(struct trn_trnx_header) +
	       trnx->section_count * (uint64_t)sizeof(struct trn_trnx_section);
}

static uint64_t relocs_at(const struct trn_trnx *trnx)
{
	return symbols_at(trnx) + trnx->symbol_count * (uint64_t)sizeof(struct trn_trnx_symbol);
}

static uint64_t strings_at(const struct trn_trnx *trnx)
{
	return relocs_at(trnx) + trnx->reloc_count * (uint64_t)sizeof(struct trn_trnx_reloc) +
	       trnx->arg_count * (uint64_t)sizeof(struct trn_trnx_arg);
}

uint64_t trn_trnx_tables_bytes(const struct trn_trnx *trnx)
{
	struct trn_trnx_header header;

	memcpy(&header, trnx->image, sizeof(header));
	return strings_at(trnx) + header.string_size;
}

/* Moves what stays together; sections only come closer to the start. */
static void pack(struct trn_trnx *trnx)
{
	uint64_t at = 0;

	trnx->load_bytes = 0;
	for (int bss = 0; bss < 2; bss++) {
		for (uint32_t i = 0; i < trnx->section_count; i++) {
			struct trn_trnx_part *part = &trnx->section[i];
			const uint64_t from = part->offset;

			if (part->outside || (part->kind == TRN_TRNX_BSS) != bss)
				continue;
			part->offset = trn_align_up(at, part->align);
			at = part->offset + part->size;
			if (bss)
				continue;
			memmove(trnx->load + part->offset, trnx->load + from, (size_t)part->size);
			trnx->load_bytes = at;
		}
	}
	trnx->memory_bytes = at;
}

const char *trn_trnx_bind(struct trn_trnx *trnx, uint32_t section, uint64_t address)
{
	struct trn_trnx_part *part = &trnx->section[section];

	if (part->kind == TRN_TRNX_CODE)
		return "a stream of instructions cannot be shared";
	if (part->outside)
		return "the section is bound already";
	if (address % part->align != 0)
		return "the place is not aligned as the section wants";
	for (uint32_t i = 0; i < trnx->reloc_count; i++)
		if (reloc_at(trnx->image, relocs_at(trnx), i).section == section)
			return "a section with addresses in it cannot be shared";
	part->outside = true;
	part->address = address;
	pack(trnx);
	return NULL;
}

uint32_t trn_trnx_rebase(struct trn_trnx *trnx, uint64_t address)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < trnx->reloc_count; i++) {
		struct trn_trnx_reloc reloc = reloc_at(trnx->image, relocs_at(trnx), i);
		const struct trn_trnx_part *part;
		struct trn_trnx_symbol symbol;
		const char *ignored;

		if (reloc.kind != TRN_TRNX_ABS64)
			continue;
		(void)trn_trnx_symbol(trnx, reloc.symbol, &symbol, &ignored);
		part = &trnx->section[symbol.section];
		trn_store64(trnx->load + trnx->section[reloc.section].offset + reloc.offset,
			    (part->outside ? part->address : address + part->offset) +
				    symbol.offset + (uint64_t)reloc.addend);
		count++;
	}
	return count;
}

void trn_trnx_fini(struct trn_trnx *trnx)
{
	trn_free(trnx->alloc, trnx->load);
	trnx->load = NULL;
}

int trn_trnx_symbol(const struct trn_trnx *trnx, uint32_t index, struct trn_trnx_symbol *ret_symbol,
		    const char **ret_name)
{
	if (index >= trnx->symbol_count)
		return -ENOENT;
	memcpy(ret_symbol, trnx->image + symbols_at(trnx) + index * (uint64_t)sizeof(*ret_symbol),
	       sizeof(*ret_symbol));
	*ret_name = (const char *)trnx->image + strings_at(trnx) + ret_symbol->name;
	return 0;
}
