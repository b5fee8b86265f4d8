/* SPDX-License-Identifier: Apache-2.0 */
/* Names become numbers, tables an image, and the loader's verdict a place in the text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/builder.h>
#include <trn/error.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "runtime/asm.h"

#define ITEMS(list, type) ((type *)(list).items)

struct link {
	struct trn_asm *as;
	struct trn_trnx_section section[TRN_TRNX_SECTIONS_MAX];
	const uint8_t *content[TRN_TRNX_SECTIONS_MAX];
	struct trn_trnx_arg arg[TRN_TRNX_ARGS_MAX];
	struct trn_trnx_symbol *symbol;
	struct trn_trnx_reloc *reloc;
	struct trn_trnx_tables tables;
};

static int compare_text(const struct trn_asm_token *a, const struct trn_asm_token *b)
{
	uint32_t length = a->length < b->length ? a->length : b->length;
	int r = memcmp(a->text, b->text, length);

	return r ? r : (a->length > b->length) - (a->length < b->length);
}

/* By name, then by place, so that the second of two is the one to blame. */
static int compare_labels(const void *a, const void *b)
{
	const struct trn_asm_token *one = &((const struct trn_asm_label *)a)->token;
	const struct trn_asm_token *two = &((const struct trn_asm_label *)b)->token;
	int r = compare_text(one, two);

	return r ? r : (one->text > two->text) - (one->text < two->text);
}

static int sort_labels(struct trn_asm *as)
{
	struct trn_asm_label *label = as->labels.items;

	if (as->labels.count)
		qsort(label, as->labels.count, sizeof(*label), compare_labels);
	for (size_t i = 1; i < as->labels.count; i++)
		if (compare_text(&label[i - 1].token, &label[i].token) == 0)
			return trn_asm_fail(as, &label[i].token, "%.*s is a label already",
					    (int)trn_min_u64(label[i].token.length, 60),
					    label[i].token.text);
	return 0;
}

/* The first of a sorted list with this name, or NULL. */
static const struct trn_asm_label *find_first(const struct trn_asm_list *sorted,
					      const struct trn_asm_token *token)
{
	const struct trn_asm_label *label = sorted->items;
	size_t low = 0, high = sorted->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_text(&label[middle].token, token) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == sorted->count || compare_text(&label[low].token, token) != 0)
		return NULL;
	return &label[low];
}

/* NULL after an error. */
static const struct trn_asm_label *find_label(struct trn_asm *as, const struct trn_asm_token *token)
{
	const struct trn_asm_label *label = find_first(&as->labels, token);

	if (!label)
		(void)trn_asm_fail(as, token, "no label %.*s", (int)trn_min_u64(token->length, 60),
				   token->text);
	return label;
}

static bool same_name(const struct trn_asm_token *a, const struct trn_asm_token *b)
{
	char one[TRN_TRNX_NAME_MAX + 1], two[TRN_TRNX_NAME_MAX + 1];

	return trn_asm_unquote(a, one, sizeof(one)) < sizeof(one) &&
	       trn_asm_unquote(b, two, sizeof(two)) < sizeof(two) && strcmp(one, two) == 0;
}

static int no_name(struct trn_asm *as, const struct trn_asm_token *token, const char *what)
{
	return trn_asm_fail(as, token, "no %s is called \"%.*s\"", what,
			    (int)trn_min_u64(token->length, 70), token->text);
}

/* Number of the first argument or data section of that name. */
static int find_arg(struct trn_asm *as, const struct trn_asm_token *token, uint32_t *ret_arg)
{
	uint32_t number = TRN_TRNX_SECTION_ARG;

	for (uint32_t i = 0; i < as->arg_count; i++) {
		if (same_name(&as->arg[i].name.token, token)) {
			*ret_arg = i;
			return 0;
		}
	}
	for (uint32_t i = 0; i < as->section_count; i++) {
		if (as->section[i].head.kind == TRN_TRNX_CODE)
			continue;
		if (same_name(&as->section[i].name.token, token)) {
			*ret_arg = number;
			return 0;
		}
		number++;
	}
	return no_name(as, token, "argument or data section");
}

static int apply_fixups(struct trn_asm *as)
{
	const struct trn_asm_fixup *fixup = as->fixups.items;

	for (size_t i = 0; i < as->fixups.count; i++, fixup++) {
		uint8_t *at = (uint8_t *)as->section[fixup->section].bytes.items + fixup->offset;
		uint32_t value = 0;

		if (fixup->token.kind == TRN_ASM_WORD) {
			const struct trn_asm_label *label = find_label(as, &fixup->token);

			if (!label)
				return as->error.code;
			if (label->section != fixup->section)
				return trn_asm_fail(as, &fixup->token,
						    "the label is not in this stream");
			value = (uint32_t)(label->offset / TRN_ISA_WORD_SIZE);
		} else if (find_arg(as, &fixup->token, &value) < 0) {
			return as->error.code;
		}
		memcpy(at, &value, fixup->bytes);
	}
	return 0;
}

static int find_place(struct trn_asm *as, const struct trn_asm_place *place, uint16_t *ret_section,
		      uint64_t *ret_offset)
{
	const struct trn_asm_token *what = &place->what;
	uint32_t section = 0;

	*ret_offset = place->offset;
	if (what->kind == TRN_ASM_WORD) {
		const struct trn_asm_label *label = find_label(as, what);

		if (!label)
			return as->error.code;
		section = label->section;
		*ret_offset += label->offset;
	} else if (what->kind == TRN_ASM_TEXT) {
		while (section < as->section_count &&
		       !same_name(&as->section[section].name.token, what))
			section++;
		if (section == as->section_count)
			return no_name(as, what, "section");
	} else if (what->value >= as->section_count) {
		return trn_asm_fail(as, what, "there are %u sections", as->section_count);
	} else {
		section = (uint32_t)what->value;
	}
	*ret_section = (uint16_t)section;
	return 0;
}

static int make_symbols(struct link *link)
{
	struct trn_asm *as = link->as;
	const struct trn_asm_symbol *from = as->symbols.items;

	link->symbol = trn_alloc_array(as->alloc, as->symbols.count + 1, sizeof(*link->symbol));
	if (!link->symbol)
		return -ENOMEM;
	for (size_t i = 0; i < as->symbols.count; i++) {
		struct trn_trnx_symbol *symbol = &link->symbol[i];
		int r = find_place(as, &from[i].place, &symbol->section, &symbol->offset);

		if (r < 0)
			return r;
		symbol->kind = as->section[symbol->section].head.kind == TRN_TRNX_CODE ?
				       TRN_TRNX_LABEL :
				       TRN_TRNX_OBJECT;
		symbol->size = from[i].size;
	}
	return 0;
}

/* Symbols by name: labels whose offset is the symbol's number. */
static int sort_symbols(struct trn_asm *as, struct trn_asm_list *sorted)
{
	const struct trn_asm_symbol *symbols = as->symbols.items;
	struct trn_asm_label *label;

	if (!as->symbols.count)
		return 0;
	label = trn_asm_push(as, sorted, as->symbols.count, sizeof(*label));
	if (!label)
		return as->error.code;
	for (size_t i = 0; i < as->symbols.count; i++)
		label[i] = (struct trn_asm_label){ .token = symbols[i].name.token, .offset = i };
	qsort(label, sorted->count, sizeof(*label), compare_labels);
	return 0;
}

static int make_reloc(struct trn_asm *as, const struct trn_asm_reloc *from,
		      const struct trn_asm_list *sorted, struct trn_trnx_reloc *reloc)
{
	uint64_t symbol = from->symbol.value;
	int r = find_place(as, &from->place, &reloc->section, &reloc->offset);

	if (r < 0)
		return r;
	if (from->symbol.kind == TRN_ASM_TEXT) {
		const struct trn_asm_label *named = find_first(sorted, &from->symbol);

		symbol = named ? named->offset : as->symbols.count;
	}
	if (symbol >= as->symbols.count)
		return trn_asm_fail(as, &from->symbol, "no such symbol");
	reloc->symbol = (uint32_t)symbol;
	reloc->kind = from->kind;
	reloc->addend = from->addend;
	return 0;
}

static int make_relocs(struct link *link)
{
	struct trn_asm *as = link->as;
	struct trn_asm_list sorted = { 0 };
	int r = sort_symbols(as, &sorted);

	link->reloc = trn_alloc_array(as->alloc, as->relocs.count + 1, sizeof(*link->reloc));
	if (!link->reloc)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < as->relocs.count; i++)
		r = make_reloc(as, &ITEMS(as->relocs, struct trn_asm_reloc)[i], &sorted,
			       &link->reloc[i]);
	trn_free(as->alloc, sorted.items);
	return r;
}

/* A name in the table that the text wrote. */
static int place_given(struct trn_asm *as, const struct trn_asm_name *name, uint32_t *ret_offset)
{
	char text[TRN_TRNX_NAME_MAX + 1];
	size_t length = trn_asm_unquote(&name->token, text, sizeof(text));

	if (name->offset == TRN_TRNX_NONE)
		return trn_asm_fail(as, &name->token, "with .strings a name is \"name\"@OFFSET");
	if (!trn_range_ok(name->offset, length + 1, as->strings.count) ||
	    memcmp((const char *)as->strings.items + name->offset, text, length + 1) != 0)
		return trn_asm_fail(as, &name->token, "the string table has another text there");
	*ret_offset = name->offset;
	return 0;
}

/* Gives a name its place in the string table, writing it there when the text did not. */
static int place_name(struct trn_asm *as, const struct trn_asm_name *name, uint32_t shared,
		      uint32_t *ret_offset)
{
	size_t length = trn_asm_unquote(&name->token, NULL, 0);
	uint32_t used = (uint32_t)as->strings.count;
	uint8_t *at;

	if (as->explicit_strings)
		return place_given(as, name, ret_offset);
	if (name->offset != TRN_TRNX_NONE)
		return trn_asm_fail(as, &name->token, "\"name\"@OFFSET needs .strings");
	*ret_offset = trn_asm_string_place(&used, length, shared);
	if (used == as->strings.count)
		return 0;
	at = trn_asm_push(as, &as->strings, used - as->strings.count, 1);
	if (!at)
		return as->error.code;
	(void)trn_asm_unquote(&name->token, (char *)at, length + 1);
	return 0;
}

static int place_names(struct link *link)
{
	struct trn_asm *as = link->as;
	const struct trn_asm_symbol *symbols = as->symbols.items;
	int r = 0;

	/* Offset 0 is the empty name. */
	if (!as->explicit_strings && !trn_asm_push(as, &as->strings, 1, 1))
		return as->error.code;
	if (as->named)
		r = place_name(as, &as->name, TRN_TRNX_NONE, &link->tables.name);
	for (uint32_t i = 0; r == 0 && i < as->section_count; i++)
		r = place_name(as, &as->section[i].name, TRN_TRNX_NONE, &link->section[i].name);
	for (size_t i = 0; r == 0 && i < as->symbols.count; i++) {
		struct trn_trnx_symbol *symbol = &link->symbol[i];
		const struct trn_asm_name *of = &as->section[symbol->section].name;
		bool shared = symbol->kind == TRN_TRNX_OBJECT &&
			      same_name(&symbols[i].name.token, &of->token);

		r = place_name(as, &symbols[i].name,
			       shared ? link->section[symbol->section].name : TRN_TRNX_NONE,
			       &symbol->name);
	}
	for (uint32_t i = 0; r == 0 && i < as->arg_count; i++)
		r = place_name(as, &as->arg[i].name, TRN_TRNX_NONE, &link->arg[i].name);
	if (r < 0 || as->explicit_strings)
		return r;
	return trn_asm_push(as, &as->strings,
			    trn_align_up(as->strings.count + 1, 8) - as->strings.count, 1) ?
		       0 :
		       as->error.code;
}

static int make_tables(struct link *link)
{
	struct trn_asm *as = link->as;
	struct trn_trnx_tables *tables = &link->tables;
	int r;

	for (uint32_t i = 0; i < as->arg_count; i++)
		link->arg[i] = as->arg[i].head;
	for (uint32_t i = 0; i < as->section_count; i++) {
		link->section[i] = as->section[i].head;
		if (link->section[i].kind != TRN_TRNX_BSS)
			link->section[i].size = as->section[i].bytes.count;
		link->content[i] = as->section[i].bytes.items;
		if (!link->section[i].size)
			return trn_asm_fail(as, &as->section[i].name.token, "the section is empty");
	}
	r = make_symbols(link);
	if (r == 0)
		r = make_relocs(link);
	if (r == 0)
		r = place_names(link);
	if (r < 0)
		return r;
	if (as->strings.count > TRN_TRNX_STRINGS_MAX)
		return trn_asm_fail(as, &as->strings_at, "the string table is too long");
	tables->arch = as->arch;
	tables->section_count = as->section_count;
	tables->symbol_count = (uint32_t)as->symbols.count;
	tables->reloc_count = (uint32_t)as->relocs.count;
	tables->arg_count = as->arg_count;
	tables->string_size = (uint32_t)as->strings.count;
	tables->section = link->section;
	tables->content = link->content;
	tables->symbol = link->symbol;
	tables->reloc = link->reloc;
	tables->arg = link->arg;
	tables->strings = as->strings.items;
	return 0;
}

/* The statement that wrote a word of a stream. */
static struct trn_asm_token origin_of(const struct trn_asm *as, int engine, int64_t pc)
{
	const struct trn_asm_origin *origin = as->origins.items;
	struct trn_asm_token where = { .line = 1, .column = 1 };

	for (size_t i = 0; i < as->origins.count; i++, origin++) {
		if (as->section[origin->section].head.engine != engine || origin->word > pc)
			continue;
		where.line = origin->line;
		where.column = origin->column;
	}
	return where;
}

/* The statement that wrote a byte of the tables. */
static struct trn_asm_token table_origin(const struct link *link, uint64_t offset)
{
	const struct trn_asm *as = link->as;
	const struct trn_trnx_tables *tables = &link->tables;
	const struct trn_asm_token start = { .line = 1, .column = 1 };
	uint64_t at = sizeof(struct trn_trnx_header);
	uint64_t index;

	if (offset < at)
		return as->named ? as->name.token : start;
	index = (offset - at) / sizeof(struct trn_trnx_section);
	if (index < tables->section_count)
		return as->section[index].name.token;
	at += tables->section_count * (uint64_t)sizeof(struct trn_trnx_section);
	index = (offset - at) / sizeof(struct trn_trnx_symbol);
	if (index < tables->symbol_count)
		return ITEMS(as->symbols, struct trn_asm_symbol)[index].name.token;
	at += tables->symbol_count * (uint64_t)sizeof(struct trn_trnx_symbol);
	index = (offset - at) / sizeof(struct trn_trnx_reloc);
	if (index < tables->reloc_count)
		return ITEMS(as->relocs, struct trn_asm_reloc)[index].at;
	at += tables->reloc_count * (uint64_t)sizeof(struct trn_trnx_reloc);
	index = (offset - at) / sizeof(struct trn_trnx_arg);
	if (index < tables->arg_count)
		return as->arg[index].name.token;
	return as->explicit_strings ? as->strings_at : start;
}

/* Puts the image through the loader; what it refuses is an error of the text. */
static int judge(struct link *link, const void *image, size_t bytes)
{
	struct trn_asm *as = link->as;
	struct trn_trnx_fault fault;
	struct trn_trnx trnx;
	struct trn_asm_token where;
	int r = trn_trnx_parse(as->alloc, image, bytes, 0, &trnx, &fault);

	trn_trnx_fini(&trnx);
	if (r != -TRN_EPROGRAM)
		return r;
	where = fault.engine >= 0 ? origin_of(as, fault.engine, fault.pc) :
				    table_origin(link, fault.offset);
	r = trn_asm_fail(as, &where, "%s", fault.why);
	as->error.engine = fault.engine;
	as->error.opcode = fault.opcode;
	as->error.rule = fault.rule;
	as->error.pc = fault.pc;
	as->error.offset = fault.offset;
	return r;
}

int trn_asm_link(struct trn_asm *as, void **ret_image, size_t *ret_bytes)
{
	struct link link = { .as = as };
	void *image = NULL;
	size_t bytes = 0;
	int r;

	if (!as->section_count)
		return trn_asm_fail(as, &as->token, "a program has at least one section");
	r = sort_labels(as);
	if (r == 0)
		r = apply_fixups(as);
	if (r == 0)
		r = make_tables(&link);
	if (r == 0)
		r = trn_trnx_write(as->alloc, &link.tables, &image, &bytes);
	if (r == 0)
		r = judge(&link, image, bytes);
	trn_free(as->alloc, link.symbol);
	trn_free(as->alloc, link.reloc);
	if (r < 0) {
		trn_image_free(as->alloc, image);
		return r;
	}
	*ret_image = image;
	*ret_bytes = bytes;
	return 0;
}
