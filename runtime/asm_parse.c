/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: a table of directives; instructions are asm_insn.c's. */
#include <errno.h>
#include <string.h>
#include <trn/error.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "runtime/asm.h"

struct directive {
	const char *name;
	int (*parse)(struct trn_asm *as, const struct directive *directive);
	uint32_t what; /* section kind, or bytes of an element */
};

/* "text" or "text"@OFFSET */
static int take_name(struct trn_asm *as, size_t max, struct trn_asm_name *name)
{
	uint64_t offset = 0;
	int r;

	name->token = as->token;
	name->offset = TRN_TRNX_NONE;
	if (as->token.kind != TRN_ASM_TEXT)
		return trn_asm_expected(as, "a \"name\"");
	if (trn_asm_unquote(&as->token, NULL, 0) > max)
		return trn_asm_fail(as, &as->token, "a name has at most %zu characters", max);
	r = trn_asm_next(as);
	if (r < 0 || !trn_asm_is_mark(as, '@'))
		return r;
	r = trn_asm_next(as);
	if (r == 0)
		r = trn_asm_number(as, 0, TRN_TRNX_STRINGS_MAX, &offset);
	name->offset = (uint32_t)offset;
	return r;
}

/* Takes KEY=NUMBER when that is the next key. ret_value stays when it is not. */
static int take_option(struct trn_asm *as, const char *key, int64_t low, uint64_t high,
		       uint64_t *ret_value)
{
	int r;

	if (!trn_asm_word(&as->token, key))
		return 0;
	r = trn_asm_next(as);
	if (r == 0)
		r = trn_asm_mark(as, '=');
	return r < 0 ? r : trn_asm_number(as, low, high, ret_value);
}

static int parse_program(struct trn_asm *as, const struct directive *directive)
{
	const struct trn_asm_token where = as->token;
	uint64_t arch = 0;
	int r;

	(void)directive;
	if (as->named)
		return trn_asm_fail(as, &where, "the program has a name already");
	as->named = true;
	r = take_name(as, TRN_TRNX_NAME_MAX, &as->name);
	if (r == 0)
		r = take_option(as, "arch", 0, UINT32_MAX, &arch);
	as->arch = (uint32_t)arch;
	return r;
}

static int parse_arg(struct trn_asm *as, const struct directive *directive)
{
	struct trn_asm_arg *arg = &as->arg[as->arg_count];
	int r;

	(void)directive;
	if (as->arg_count == TRN_TRNX_ARGS_MAX)
		return trn_asm_fail(as, &as->token, "more than %d arguments", TRN_TRNX_ARGS_MAX);
	r = take_name(as, TRN_TRNX_ARG_NAME_MAX, &arg->name);
	if (r < 0)
		return r;
	if (trn_asm_word(&as->token, "number"))
		arg->head.kind = TRN_ARG_SCALAR;
	else if (!trn_asm_word(&as->token, "buffer"))
		return trn_asm_expected(as, "buffer or number");
	r = trn_asm_next(as);
	if (r == 0 && arg->head.kind == TRN_ARG_BUFFER)
		r = take_option(as, "min", 0, UINT64_MAX, &arg->head.min_bytes);
	as->arg_count++;
	return r;
}

/* align=BYTES and write, in this order. */
static int take_attributes(struct trn_asm *as, struct trn_asm_section *section)
{
	const struct trn_asm_token where = as->token;
	uint64_t align = TRN_TRNX_ALIGN;
	int r = take_option(as, "align", 0, UINT64_MAX, &align);

	if (r < 0)
		return r;
	if (!trn_is_pow2(align) || align < TRN_TRNX_ALIGN ||
	    align > UINT64_C(1) << TRN_TRNX_ALIGN_LOG2_MAX)
		return trn_asm_fail(as, &where, "an alignment is a power of two from 64 to 65536");
	while (align > 1) {
		section->head.align_log2++;
		align /= 2;
	}
	if (section->head.kind == TRN_TRNX_CODE || !trn_asm_word(&as->token, "write"))
		return 0;
	section->head.flags = TRN_TRNX_SECTION_WRITE;
	return trn_asm_next(as);
}

static int take_engine(struct trn_asm *as, struct trn_asm_section *section)
{
	int engine = as->token.kind == TRN_ASM_WORD ?
			     trn_text_value(TRN_TEXT_ENGINE, as->token.text, as->token.length) :
			     -1;
	int r;

	if (engine < 0)
		return trn_asm_expected(as, trn_text_expected(TRN_TEXT_ENGINE));
	for (uint32_t i = 0; i < as->section_count; i++)
		if (as->section[i].head.kind == TRN_TRNX_CODE &&
		    as->section[i].head.engine == engine)
			return trn_asm_fail(as, &as->token, "the engine has a stream already");
	section->head.engine = (uint8_t)engine;
	/* Without a name of its own it is called like the engine. */
	section->name.token = as->token;
	section->name.offset = TRN_TRNX_NONE;
	r = trn_asm_next(as);
	if (r < 0 || as->token.kind != TRN_ASM_TEXT)
		return r;
	return take_name(as, TRN_TRNX_NAME_MAX, &section->name);
}

static int parse_section(struct trn_asm *as, const struct directive *directive)
{
	struct trn_asm_section *section = &as->section[as->section_count];
	int r;

	if (as->section_count == TRN_TRNX_SECTIONS_MAX)
		return trn_asm_fail(as, &as->token, "more than %d sections", TRN_TRNX_SECTIONS_MAX);
	section->head.kind = (uint8_t)directive->what;
	r = directive->what == TRN_TRNX_CODE ? take_engine(as, section) :
					       take_name(as, TRN_TRNX_NAME_MAX, &section->name);
	if (r == 0 && directive->what == TRN_TRNX_BSS) {
		if (!trn_asm_word(&as->token, "size"))
			return trn_asm_expected(as, "size=BYTES");
		r = take_option(as, "size", 1, TRN_TRNX_MEMORY_MAX, &section->head.size);
	}
	if (r == 0)
		r = take_attributes(as, section);
	as->section_count++;
	as->content = directive->what == TRN_TRNX_BSS ? NULL : &section->bytes;
	as->code = directive->what == TRN_TRNX_CODE;
	return r;
}

/* A label, or a section's number or "name", and "+BYTES". */
static int take_place(struct trn_asm *as, struct trn_asm_place *place)
{
	int r;

	place->what = as->token;
	if (as->token.kind != TRN_ASM_INT && as->token.kind != TRN_ASM_TEXT &&
	    as->token.kind != TRN_ASM_WORD)
		return trn_asm_expected(as, "a label, or a section's number or \"name\"");
	r = trn_asm_next(as);
	if (r < 0 || !trn_asm_is_mark(as, '+'))
		return r;
	r = trn_asm_next(as);
	return r < 0 ? r : trn_asm_number(as, 0, TRN_TRNX_MEMORY_MAX, &place->offset);
}

static int parse_symbol(struct trn_asm *as, const struct directive *directive)
{
	struct trn_asm_symbol *symbol;
	int r;

	(void)directive;
	if (as->symbols.count == TRN_TRNX_SYMBOLS_MAX)
		return trn_asm_fail(as, &as->token, "more than %u symbols", TRN_TRNX_SYMBOLS_MAX);
	symbol = trn_asm_push(as, &as->symbols, 1, sizeof(*symbol));
	if (!symbol)
		return as->error.code;
	r = take_name(as, TRN_TRNX_NAME_MAX, &symbol->name);
	if (r == 0)
		r = take_place(as, &symbol->place);
	if (r == 0)
		r = take_option(as, "size", 0, TRN_TRNX_MEMORY_MAX, &symbol->size);
	return r;
}

static int parse_reloc(struct trn_asm *as, const struct directive *directive)
{
	static const char *const kinds[] = { NULL, "abs64", "code32", "arg8" };
	const struct trn_asm_token where = as->token;
	struct trn_asm_reloc *reloc;
	uint64_t addend = 0;
	int r;

	(void)directive;
	if (as->relocs.count == TRN_TRNX_RELOCS_MAX)
		return trn_asm_fail(as, &where, "more than %u relocations", TRN_TRNX_RELOCS_MAX);
	reloc = trn_asm_push(as, &as->relocs, 1, sizeof(*reloc));
	if (!reloc)
		return as->error.code;
	reloc->at = where;
	for (uint8_t i = 1; i < TRN_ARRAY_LEN(kinds); i++)
		if (trn_asm_word(&where, kinds[i]))
			reloc->kind = i;
	if (!reloc->kind)
		return trn_asm_expected(as, "abs64, code32 or arg8");
	r = trn_asm_next(as);
	if (r == 0)
		r = take_place(as, &reloc->place);
	if (r < 0)
		return r;
	if (!trn_asm_word(&as->token, "symbol"))
		return trn_asm_expected(as, "symbol=");
	r = trn_asm_next(as);
	if (r == 0)
		r = trn_asm_mark(as, '=');
	reloc->symbol = as->token;
	if (r == 0 && as->token.kind != TRN_ASM_INT && as->token.kind != TRN_ASM_TEXT)
		return trn_asm_expected(as, "a symbol's number or \"name\"");
	if (r == 0)
		r = trn_asm_next(as);
	if (r == 0)
		r = take_option(as, "addend", INT64_MIN, INT64_MAX, &addend);
	reloc->addend = (int64_t)addend;
	return r;
}

static int parse_strings(struct trn_asm *as, const struct directive *directive)
{
	(void)directive;
	if (as->explicit_strings)
		return trn_asm_fail(as, &as->token, "the string table is there already");
	as->explicit_strings = true;
	as->strings_at = as->token;
	as->content = &as->strings;
	as->code = false;
	return 0;
}

/* Where the next bytes of data go, or NULL after an error. */
static uint8_t *more(struct trn_asm *as, size_t bytes)
{
	if (!as->content || as->code) {
		(void)trn_asm_fail(as, &as->token, "data belongs into .data or .strings");
		return NULL;
	}
	if (bytes > TRN_TRNX_MEMORY_MAX - as->content->count) {
		(void)trn_asm_fail(as, &as->token, "the section is too large");
		return NULL;
	}
	return trn_asm_push(as, as->content, bytes, 1);
}

static int parse_numbers(struct trn_asm *as, const struct directive *directive)
{
	const uint32_t size = directive->what;
	const uint64_t high = UINT64_MAX >> (64 - 8 * size);

	do {
		uint64_t value;
		uint8_t *at;
		int r = trn_asm_number(as, -(int64_t)(high / 2) - 1, high, &value);

		if (r < 0)
			return r;
		at = more(as, size);
		if (!at)
			return as->error.code;
		memcpy(at, &value, size);
	} while (as->token.kind == TRN_ASM_INT || trn_asm_is_mark(as, '-'));
	return 0;
}

static int parse_floats(struct trn_asm *as, const struct directive *directive)
{
	(void)directive;
	do {
		const bool minus = trn_asm_is_mark(as, '-');
		uint8_t *at;
		int r = minus ? trn_asm_next(as) : 0;

		if (r < 0)
			return r;
		if (as->token.kind != TRN_ASM_FLOAT)
			return trn_asm_expected(as, "a number with a point");
		at = more(as, 4);
		if (!at)
			return as->error.code;
		trn_store32(at, (uint32_t)as->token.value | (minus ? 0x80000000u : 0));
		r = trn_asm_next(as);
		if (r < 0)
			return r;
	} while (as->token.kind == TRN_ASM_FLOAT || trn_asm_is_mark(as, '-'));
	return 0;
}

static int parse_zero(struct trn_asm *as, const struct directive *directive)
{
	const struct trn_asm_token where = as->token;
	uint64_t bytes = 0;
	int r = trn_asm_number(as, 1, TRN_TRNX_MEMORY_MAX, &bytes);

	(void)directive;
	if (r < 0)
		return r;
	if (bytes > TRN_ASM_ZERO_MAX - as->filled)
		return trn_asm_fail(as, &where, ".zero of more than %llu bytes in one text",
				    (unsigned long long)TRN_ASM_ZERO_MAX);
	as->filled += bytes;
	return more(as, (size_t)bytes) ? 0 : as->error.code;
}

static int parse_ascii(struct trn_asm *as, const struct directive *directive)
{
	size_t length;
	uint8_t *at;

	(void)directive;
	if (as->token.kind != TRN_ASM_TEXT)
		return trn_asm_expected(as, "a \"text\"");
	length = trn_asm_unquote(&as->token, NULL, 0);
	/* One more for the 0 that is written behind it. */
	at = more(as, length + 1);
	if (!at)
		return as->error.code;
	(void)trn_asm_unquote(&as->token, (char *)at, length + 1);
	as->content->count--;
	return trn_asm_next(as);
}

static const struct directive directives[] = {
	{ ".program", parse_program, 0 },
	{ ".arg", parse_arg, 0 },
	{ ".code", parse_section, TRN_TRNX_CODE },
	{ ".data", parse_section, TRN_TRNX_DATA },
	{ ".bss", parse_section, TRN_TRNX_BSS },
	{ ".symbol", parse_symbol, 0 },
	{ ".reloc", parse_reloc, 0 },
	{ ".strings", parse_strings, 0 },
	{ ".u8", parse_numbers, 1 },
	{ ".u16", parse_numbers, 2 },
	{ ".u32", parse_numbers, 4 },
	{ ".u64", parse_numbers, 8 },
	{ ".f32", parse_floats, 0 },
	{ ".zero", parse_zero, 0 },
	{ ".ascii", parse_ascii, 0 },
};

/* The token is a word with ":" right behind it. */
static int parse_label(struct trn_asm *as)
{
	struct trn_asm_label *label;
	int r;

	if (!as->content || as->content == &as->strings)
		return trn_asm_fail(as, &as->token, "a label belongs into .code or .data");
	label = trn_asm_push(as, &as->labels, 1, sizeof(*label));
	if (!label)
		return as->error.code;
	*label = (struct trn_asm_label){ .token = as->token,
					 .section = as->section_count - 1,
					 .offset = as->content->count };
	r = trn_asm_next(as);
	return r < 0 ? r : trn_asm_next(as);
}

static int parse_directive(struct trn_asm *as)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(directives); i++) {
		int r;

		if (!trn_asm_word(&as->token, directives[i].name))
			continue;
		r = trn_asm_next(as);
		return r < 0 ? r : directives[i].parse(as, &directives[i]);
	}
	return trn_asm_expected(as, "a directive");
}

static int parse_statement(struct trn_asm *as)
{
	while (as->token.kind == TRN_ASM_WORD && as->token.text[0] != '.' && as->at < as->bytes &&
	       as->text[as->at] == ':') {
		int r = parse_label(as);

		if (r < 0)
			return r;
	}
	if (as->token.kind == TRN_ASM_LINE || as->token.kind == TRN_ASM_END)
		return 0;
	if (as->token.kind != TRN_ASM_WORD)
		return trn_asm_expected(as, "an instruction, a directive or a label");
	if (as->token.text[0] == '.')
		return parse_directive(as);
	if (!as->content || !as->code)
		return trn_asm_expected(as, "a directive (instructions belong into .code)");
	return trn_asm_instruction(as);
}

int trn_asm_parse(struct trn_asm *as)
{
	int r = trn_asm_next(as);

	while (r == 0 && as->token.kind != TRN_ASM_END) {
		r = parse_statement(as);
		if (r < 0)
			return r;
		if (as->token.kind == TRN_ASM_END)
			return 0;
		if (as->token.kind != TRN_ASM_LINE)
			return trn_asm_expected(as, "the end of the line");
		r = trn_asm_next(as);
	}
	return r;
}
