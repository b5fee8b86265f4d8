/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of an image from what a builder holds; trnx_write.c lays them out. */
#include "runtime/builder.h"

#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/isa_text.h"
#include "runtime/trnx.h"

/* Tables under work. Two passes: strings is NULL while the string table is measured. */
struct work {
	struct trn_trnx_section section[TRN_TRNX_SECTIONS_MAX];
	const uint8_t *content[TRN_TRNX_SECTIONS_MAX];
	struct trn_trnx_arg arg[TRN_TRNX_ARGS_MAX];
	struct trn_trnx_symbol *symbol;
	struct trn_trnx_reloc *reloc;
	uint8_t *strings;
	uint32_t string_used;
	uint16_t code_section[TRN_ENGINE_COUNT];
	uint32_t code_count; /* code sections come first */
	struct trn_trnx_tables tables;
};

/* Labels with a name and an instruction behind them. */
static bool is_symbol(const struct trn_builder *builder, const struct trn_build_label *label)
{
	return label->name[0] && label->word < builder->stream[label->engine].count;
}

static uint32_t put_string(struct work *work, const char *text)
{
	uint32_t at = work->string_used;

	if (work->strings)
		memcpy(work->strings + at, text, strlen(text) + 1);
	work->string_used += (uint32_t)strlen(text) + 1;
	return at;
}

/* Sections: code by engine, then data by argument. */
static void put_sections(const struct trn_builder *builder, struct work *work)
{
	uint32_t index = 0;

	for (uint32_t i = 0; i < TRN_ENGINE_COUNT; i++) {
		const struct trn_build_stream *stream = &builder->stream[i];

		if (!stream->count)
			continue;
		work->code_section[i] = (uint16_t)index;
		work->content[index] = stream->words;
		work->section[index++] = (struct trn_trnx_section){
			.name = put_string(work, trn_text_name(TRN_TEXT_ENGINE, i)),
			.kind = TRN_TRNX_CODE,
			.engine = (uint8_t)i,
			.align_log2 = 6,
			.size = stream->count * (uint64_t)TRN_ISA_WORD_SIZE,
		};
	}
	work->code_count = index;
	for (uint32_t i = 0; i < builder->section_count; i++) {
		const struct trn_build_section *from = &builder->section[i];

		work->content[index] = from->bytes;
		work->section[index++] = (struct trn_trnx_section){
			.name = put_string(work, from->name),
			.kind = from->bytes ? TRN_TRNX_DATA : TRN_TRNX_BSS,
			.align_log2 = 6,
			.flags = TRN_TRNX_SECTION_WRITE,
			.size = from->size,
		};
	}
	work->tables.section_count = index;
}

/* One for each data section, which shares its name, then the labels. */
static void put_symbols(const struct trn_builder *builder, struct work *work)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < builder->section_count; i++)
		work->symbol[count++] = (struct trn_trnx_symbol){
			.name = work->section[work->code_count + i].name,
			.section = (uint16_t)(work->code_count + i),
			.kind = TRN_TRNX_OBJECT,
			.size = builder->section[i].size,
		};
	for (uint32_t i = 0; i < builder->label_count; i++) {
		const struct trn_build_label *label = &builder->label[i];

		if (is_symbol(builder, label))
			work->symbol[count++] = (struct trn_trnx_symbol){
				.name = put_string(work, label->name),
				.section = work->code_section[label->engine],
				.kind = TRN_TRNX_LABEL,
				.offset = label->word * (uint64_t)TRN_ISA_WORD_SIZE,
			};
	}
	work->tables.symbol_count = count;
}

static void put_rest(const struct trn_builder *builder, struct work *work)
{
	for (uint32_t i = 0; i < builder->pointer_count; i++) {
		const struct trn_build_pointer *pointer = &builder->pointer[i];

		work->reloc[i] = (struct trn_trnx_reloc){
			.section = (uint16_t)(work->code_count + pointer->section),
			.kind = TRN_TRNX_ABS64,
			.symbol = pointer->target,
			.offset = pointer->offset,
			.addend = (int64_t)pointer->target_offset,
		};
	}
	for (uint32_t i = 0; i < builder->arg_count; i++) {
		work->arg[i] = builder->arg[i];
		work->arg[i].name = put_string(work, builder->arg_name[i]);
	}
}

static void put_tables(const struct trn_builder *builder, struct work *work)
{
	struct trn_trnx_tables *tables = &work->tables;

	work->string_used = 1; /* offset 0 is the empty name */
	tables->name = put_string(work, builder->name);
	put_sections(builder, work);
	put_symbols(builder, work);
	put_rest(builder, work);
	tables->arch = builder->arch;
	tables->reloc_count = builder->pointer_count;
	tables->arg_count = builder->arg_count;
	tables->string_size = (uint32_t)trn_align_up(work->string_used + 1, 8);
	tables->section = work->section;
	tables->content = work->content;
	tables->symbol = work->symbol;
	tables->reloc = work->reloc;
	tables->arg = work->arg;
	tables->strings = work->strings;
}

int trn_build_image(struct trn_builder *builder, void **ret_image, size_t *ret_bytes)
{
	const struct trn_alloc *alloc = builder->alloc;
	struct work work = { 0 };
	int r = -ENOMEM;

	work.symbol = trn_alloc_array(alloc,
				      (size_t)builder->section_count + builder->label_count + 1,
				      sizeof(*work.symbol));
	work.reloc =
		trn_alloc_array(alloc, (size_t)builder->pointer_count + 1, sizeof(*work.reloc));
	if (work.symbol && work.reloc) {
		put_tables(builder, &work);
		work.strings = trn_alloc_zero(alloc, work.tables.string_size);
	}
	if (work.strings) {
		put_tables(builder, &work);
		r = trn_trnx_write(alloc, &work.tables, ret_image, ret_bytes);
	}
	trn_free(alloc, work.symbol);
	trn_free(alloc, work.reloc);
	trn_free(alloc, work.strings);
	return r;
}
