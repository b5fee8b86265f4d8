/* SPDX-License-Identifier: Apache-2.0 */
/* Lays out what a builder holds as a trnx image: sizes first, then one piece of memory. */
#include "runtime/builder.h"

#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/crc32c.h"

static const char *const engine_names[TRN_ENGINE_COUNT] = { "tensor", "vector", "scalar", "gpsimd",
							    "sync" };

struct layout {
	struct trn_trnx_header header;
	uint64_t sections, symbols, relocs, args, strings, end; /* offsets */
	uint64_t bytes;
	uint8_t *image;
	uint32_t string_used;
	uint32_t code_count; /* code sections come first */
};

static uint32_t string_size(const char *name)
{
	return (uint32_t)strlen(name) + 1;
}

/* Labels with a name and an instruction behind them. */
static bool is_symbol(const struct trn_builder *builder, const struct trn_build_label *label)
{
	return label->name[0] && label->word < builder->stream[label->engine].count;
}

static void count_tables(const struct trn_builder *builder, struct layout *layout)
{
	uint32_t strings = 1 + string_size(builder->name);

	for (uint32_t i = 0; i < TRN_ENGINE_COUNT; i++) {
		if (!builder->stream[i].count)
			continue;
		layout->code_count++;
		strings += string_size(engine_names[i]);
	}
	/* A section's symbol shares its name. */
	for (uint32_t i = 0; i < builder->section_count; i++)
		strings += string_size(builder->section[i].name);
	layout->header.symbol_count = builder->section_count;
	for (uint32_t i = 0; i < builder->label_count; i++) {
		const struct trn_build_label *label = &builder->label[i];

		if (!is_symbol(builder, label))
			continue;
		layout->header.symbol_count++;
		strings += string_size(label->name);
	}
	for (uint32_t i = 0; i < builder->arg_count; i++)
		strings += string_size(builder->arg_name[i]);
	layout->header.section_count = layout->code_count + builder->section_count;
	layout->header.reloc_count = builder->pointer_count;
	layout->header.arg_count = builder->arg_count;
	layout->header.string_size = (uint32_t)trn_align_up(strings + 1, 8);
}

static void place(const struct trn_builder *builder, struct layout *layout)
{
	const struct trn_trnx_header *header = &layout->header;
	uint64_t at;

	layout->sections = sizeof(*header);
	layout->symbols = layout->sections +
			  header->section_count * (uint64_t)sizeof(struct trn_trnx_section);
	layout->relocs =
		layout->symbols + header->symbol_count * (uint64_t)sizeof(struct trn_trnx_symbol);
	layout->args =
		layout->relocs + header->reloc_count * (uint64_t)sizeof(struct trn_trnx_reloc);
	layout->strings = layout->args + header->arg_count * (uint64_t)sizeof(struct trn_trnx_arg);
	layout->end = layout->strings + header->string_size;
	at = layout->end;
	for (uint32_t i = 0; i < TRN_ENGINE_COUNT; i++)
		if (builder->stream[i].count)
			at = trn_align_up(at, TRN_TRNX_ALIGN) +
			     builder->stream[i].count * (uint64_t)TRN_ISA_WORD_SIZE;
	for (uint32_t i = 0; i < builder->section_count; i++)
		if (builder->section[i].bytes)
			at = trn_align_up(at, TRN_TRNX_ALIGN) + builder->section[i].size;
	layout->bytes = at;
}

static uint32_t put_string(struct layout *layout, const char *text)
{
	uint32_t at = layout->string_used;

	memcpy(layout->image + layout->strings + at, text, string_size(text));
	layout->string_used += string_size(text);
	return at;
}

static void put_section(struct layout *layout, uint32_t index, struct trn_trnx_section *section,
			const void *contents, uint64_t *at)
{
	section->align_log2 = 6;
	if (contents) {
		*at = trn_align_up(*at, TRN_TRNX_ALIGN);
		section->offset = *at;
		section->crc = trn_crc32c(0, contents, (size_t)section->size);
		memcpy(layout->image + *at, contents, (size_t)section->size);
		*at += section->size;
	}
	memcpy(layout->image + layout->sections + index * sizeof(*section), section,
	       sizeof(*section));
}

/* Sections and the symbols that stand for data: code by engine, then data by argument. */
static void put_sections(const struct trn_builder *builder, struct layout *layout,
			 uint32_t *code_section)
{
	uint64_t at = layout->end;
	uint32_t index = 0;

	for (uint32_t i = 0; i < TRN_ENGINE_COUNT; i++) {
		const struct trn_build_stream *stream = &builder->stream[i];
		struct trn_trnx_section section = {
			.kind = TRN_TRNX_CODE,
			.engine = (uint8_t)i,
			.size = stream->count * (uint64_t)TRN_ISA_WORD_SIZE,
			.arg = TRN_TRNX_NONE,
		};

		if (!stream->count)
			continue;
		code_section[i] = index;
		section.name = put_string(layout, engine_names[i]);
		put_section(layout, index++, &section, stream->words, &at);
	}
	for (uint32_t i = 0; i < builder->section_count; i++) {
		const struct trn_build_section *from = &builder->section[i];
		struct trn_trnx_section section = {
			.kind = from->bytes ? TRN_TRNX_DATA : TRN_TRNX_BSS,
			.flags = TRN_TRNX_SECTION_WRITE,
			.size = from->size,
			.arg = TRN_TRNX_SECTION_ARG + i,
		};
		struct trn_trnx_symbol symbol = {
			.section = (uint16_t)index,
			.kind = TRN_TRNX_OBJECT,
			.size = from->size,
		};

		section.name = put_string(layout, from->name);
		symbol.name = section.name;
		memcpy(layout->image + layout->symbols + i * sizeof(symbol), &symbol,
		       sizeof(symbol));
		put_section(layout, index++, &section, from->bytes, &at);
	}
}

static void put_labels(const struct trn_builder *builder, struct layout *layout,
		       const uint32_t *code_section)
{
	uint32_t index = builder->section_count;

	for (uint32_t i = 0; i < builder->label_count; i++) {
		const struct trn_build_label *label = &builder->label[i];
		struct trn_trnx_symbol symbol = {
			.section = (uint16_t)code_section[label->engine],
			.kind = TRN_TRNX_LABEL,
			.offset = label->word * (uint64_t)TRN_ISA_WORD_SIZE,
		};

		if (!is_symbol(builder, label))
			continue;
		symbol.name = put_string(layout, label->name);
		memcpy(layout->image + layout->symbols + index++ * sizeof(symbol), &symbol,
		       sizeof(symbol));
	}
}

static void put_rest(const struct trn_builder *builder, struct layout *layout)
{
	for (uint32_t i = 0; i < builder->pointer_count; i++) {
		const struct trn_build_pointer *pointer = &builder->pointer[i];
		struct trn_trnx_reloc reloc = {
			.section = (uint16_t)(layout->code_count + pointer->section),
			.kind = TRN_TRNX_ABS64,
			.symbol = pointer->target,
			.offset = pointer->offset,
			.addend = (int64_t)pointer->target_offset,
		};

		memcpy(layout->image + layout->relocs + i * sizeof(reloc), &reloc, sizeof(reloc));
	}
	for (uint32_t i = 0; i < builder->arg_count; i++) {
		struct trn_trnx_arg arg = builder->arg[i];

		arg.name = put_string(layout, builder->arg_name[i]);
		memcpy(layout->image + layout->args + i * sizeof(arg), &arg, sizeof(arg));
	}
}

int trn_build_image(struct trn_builder *builder, void **ret_image, size_t *ret_bytes)
{
	struct layout layout = { .string_used = 1 }; /* offset 0 is the empty name */
	struct trn_trnx_header *header = &layout.header;
	uint32_t code_section[TRN_ENGINE_COUNT] = { 0 };

	count_tables(builder, &layout);
	place(builder, &layout);
	layout.image = trn_alloc_zero(builder->alloc, (size_t)layout.bytes);
	if (!layout.image)
		return -ENOMEM;
	memcpy(header->magic, TRN_TRNX_MAGIC, TRN_TRNX_MAGIC_SIZE);
	header->version = TRN_TRNX_VERSION;
	header->isa = TRN_ISA_VERSION;
	header->arch = builder->arch;
	header->size = layout.bytes;
	header->name = put_string(&layout, builder->name);
	put_sections(builder, &layout, code_section);
	put_labels(builder, &layout, code_section);
	put_rest(builder, &layout);
	memcpy(layout.image, header, sizeof(*header));
	trn_store32(layout.image + offsetof(struct trn_trnx_header, crc),
		    trn_crc32c(0, layout.image, (size_t)layout.end));
	*ret_image = layout.image;
	*ret_bytes = (size_t)layout.bytes;
	return 0;
}
