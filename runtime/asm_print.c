/* SPDX-License-Identifier: Apache-2.0 */
/* An image that the loader takes, as text that assembles to the same bytes. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "runtime/asm.h"

#define DATA_LINE 16 /* bytes */

struct print {
	struct trn_asm_out *out;
	const struct trn_trnx *trnx;
	struct trn_trnx_header header;
	uint64_t symbols, relocs, args, strings; /* offsets of the tables */
	bool own_strings;                        /* not the ones that the assembler would write */
	struct trn_trnx_code code[TRN_ENGINE_COUNT];
	uint8_t *bits;                     /* memory of code[].starts and labels */
	uint64_t filled;                   /* bytes written as .zero */
	uint8_t *labels[TRN_ENGINE_COUNT]; /* bit per word: somebody names it */
};

/* Room for size more bytes and a 0. */
static bool out_room(struct trn_asm_out *out, size_t size)
{
	size_t wanted = out->room ? out->room : 4096;
	char *grown;

	if (out->error)
		return false;
	while (wanted < out->count + size + 1 && wanted < SIZE_MAX / 2)
		wanted *= 2;
	if (wanted == out->room)
		return true;
	grown = wanted < out->count + size + 1 ?
			NULL :
			trn_alloc_grow(out->alloc, out->text, out->room, wanted, 1);
	if (!grown) {
		out->error = -ENOMEM;
		return false;
	}
	out->text = grown;
	out->room = wanted;
	return true;
}

void trn_asm_put(struct trn_asm_out *out, const char *format, ...)
{
	char buf[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	/* Nobody writes more than a name at a time. */
	if (length < 0 || (size_t)length >= sizeof(buf) || !out_room(out, (size_t)length)) {
		out->error = out->error ? out->error : -ENOMEM;
		return;
	}
	memcpy(out->text + out->count, buf, (size_t)length + 1);
	out->count += (size_t)length;
}

static void put_text(struct trn_asm_out *out, const char *text)
{
	trn_asm_put(out, "\"");
	for (; *text; text++)
		trn_asm_put(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	trn_asm_put(out, "\"");
}

static const char *string_at(const struct print *print, uint32_t name)
{
	return (const char *)print->trnx->image + print->strings + name;
}

static void put_name(const struct print *print, uint32_t name)
{
	put_text(print->out, string_at(print, name));
	if (print->own_strings)
		trn_asm_put(print->out, "@%" PRIu32, name);
}

static struct trn_trnx_section section_at(const struct print *print, uint32_t index)
{
	struct trn_trnx_section section;

	memcpy(&section,
	       print->trnx->image + sizeof(struct trn_trnx_header) + index * sizeof(section),
	       sizeof(section));
	return section;
}

static struct trn_trnx_symbol symbol_at(const struct print *print, uint32_t index)
{
	struct trn_trnx_symbol symbol;

	memcpy(&symbol, print->trnx->image + print->symbols + index * (uint64_t)sizeof(symbol),
	       sizeof(symbol));
	return symbol;
}

static struct trn_trnx_arg arg_at(const struct print *print, uint32_t index)
{
	struct trn_trnx_arg arg;

	memcpy(&arg, print->trnx->image + print->args + index * sizeof(arg), sizeof(arg));
	return arg;
}

/* True when a name is where the assembler would put it. */
static bool as_written(const struct print *print, uint32_t name, uint32_t shared, uint32_t *used)
{
	size_t length = strlen(string_at(print, name));

	if (*used > print->header.string_size)
		return false;
	return trn_asm_string_place(used, length, shared) == name;
}

static bool strings_as_written(const struct print *print)
{
	const struct trn_trnx_header *header = &print->header;
	uint32_t used = 1;
	bool same = as_written(print, header->name, TRN_TRNX_NONE, &used);

	for (uint32_t i = 0; same && i < header->section_count; i++)
		same = as_written(print, section_at(print, i).name, TRN_TRNX_NONE, &used);
	for (uint32_t i = 0; same && i < header->symbol_count; i++) {
		struct trn_trnx_symbol symbol = symbol_at(print, i);
		uint32_t of = section_at(print, symbol.section).name;
		bool shared = symbol.kind == TRN_TRNX_OBJECT &&
			      strcmp(string_at(print, symbol.name), string_at(print, of)) == 0;

		same = as_written(print, symbol.name, shared ? of : TRN_TRNX_NONE, &used);
	}
	for (uint32_t i = 0; same && i < header->arg_count; i++)
		same = as_written(print, arg_at(print, i).name, TRN_TRNX_NONE, &used);
	if (!same || trn_align_up((uint64_t)used + 1, 8) != header->string_size)
		return false;
	for (uint32_t i = used; i < header->string_size; i++)
		if (*string_at(print, i))
			return false;
	return true;
}

/* Lines of bytes; runs of zeros in one line. */
static void put_bytes(struct print *print, const uint8_t *bytes, uint64_t size)
{
	struct trn_asm_out *out = print->out;

	for (uint64_t at = 0; at < size && !out->error;) {
		uint64_t zeros = 0;

		while (zeros < TRN_ASM_ZERO_MAX - print->filled && at + zeros < size &&
		       !bytes[at + zeros])
			zeros++;
		if (zeros >= DATA_LINE) {
			trn_asm_put(out, "\t.zero %" PRIu64 "\n", zeros);
			at += zeros;
			print->filled += zeros;
			continue;
		}
		trn_asm_put(out, "\t.u8");
		for (unsigned int i = 0; i < DATA_LINE && at < size; i++)
			trn_asm_put(out, " 0x%02x", bytes[at++]);
		trn_asm_put(out, "\n");
	}
}

void trn_asm_put_label(struct trn_asm_out *out, enum trn_engine engine, uint32_t pc)
{
	trn_asm_put(out, "%s_%" PRIu32, trn_text_name(TRN_TEXT_ENGINE, engine), pc);
}

static void put_code(const struct print *print, enum trn_engine engine)
{
	const struct trn_trnx_code *code = &print->code[engine];

	for (uint32_t pc = 0; pc < code->count && !print->out->error;) {
		if (print->labels[engine][pc / 8] >> (pc % 8) & 1) {
			trn_asm_put_label(print->out, engine, pc);
			trn_asm_put(print->out, ":\n");
		}
		trn_asm_put(print->out, "\t");
		trn_asm_put_insn(print->out, code, pc);
		trn_asm_put(print->out, "\n");
		pc += code->words[(size_t)pc * TRN_ISA_WORD_SIZE +
				  offsetof(struct trn_isa_head, words)];
	}
}

static void put_section(struct print *print, uint32_t index)
{
	static const char *const kinds[] = { NULL, ".code", ".data", ".bss" };
	const struct trn_trnx_section section = section_at(print, index);
	struct trn_asm_out *out = print->out;

	trn_asm_put(out, "\n%s ", kinds[section.kind]);
	if (section.kind == TRN_TRNX_CODE) {
		const char *engine = trn_text_name(TRN_TEXT_ENGINE, section.engine);

		trn_asm_put(out, "%s", engine);
		if (print->own_strings || strcmp(engine, string_at(print, section.name)) != 0) {
			trn_asm_put(out, " ");
			put_name(print, section.name);
		}
	} else {
		put_name(print, section.name);
	}
	if (section.kind == TRN_TRNX_BSS)
		trn_asm_put(out, " size=%" PRIu64, section.size);
	if (section.align_log2 != 6)
		trn_asm_put(out, " align=%u", 1u << section.align_log2);
	if (section.flags & TRN_TRNX_SECTION_WRITE)
		trn_asm_put(out, " write");
	if (section.kind != TRN_TRNX_CODE)
		trn_asm_put(out, " ; argument %" PRIu32, section.arg);
	trn_asm_put(out, "\n");
	if (section.kind == TRN_TRNX_CODE)
		put_code(print, (enum trn_engine)section.engine);
	else if (section.kind == TRN_TRNX_DATA)
		put_bytes(print, print->trnx->image + section.offset, section.size);
}

static void put_symbols(const struct print *print)
{
	struct trn_asm_out *out = print->out;

	for (uint32_t i = 0; i < print->header.symbol_count && !out->error; i++) {
		struct trn_trnx_symbol symbol = symbol_at(print, i);
		const struct trn_trnx_part *part = &print->trnx->section[symbol.section];

		trn_asm_put(out, "%s.symbol ", i ? "" : "\n");
		put_name(print, symbol.name);
		trn_asm_put(out, " ");
		if (symbol.kind == TRN_TRNX_LABEL)
			trn_asm_put_label(out, (enum trn_engine)part->engine,
					  (uint32_t)(symbol.offset / TRN_ISA_WORD_SIZE));
		else
			trn_asm_put(out, "%u+%" PRIu64, symbol.section, symbol.offset);
		if (symbol.size)
			trn_asm_put(out, " size=%" PRIu64, symbol.size);
		trn_asm_put(out, "\n");
	}
}

static void put_relocs(const struct print *print)
{
	static const char *const kinds[] = { NULL, "abs64", "code32", "arg8" };
	struct trn_asm_out *out = print->out;

	for (uint32_t i = 0; i < print->header.reloc_count && !out->error; i++) {
		struct trn_trnx_reloc reloc;

		memcpy(&reloc, print->trnx->image + print->relocs + i * (uint64_t)sizeof(reloc),
		       sizeof(reloc));
		trn_asm_put(out, "%s.reloc %s %u+%" PRIu64 " symbol=%" PRIu32, i ? "" : "\n",
			    kinds[reloc.kind], reloc.section, reloc.offset, reloc.symbol);
		if (reloc.addend)
			trn_asm_put(out, " addend=%" PRId64, reloc.addend);
		trn_asm_put(out, "\n");
	}
}

static void put_front(const struct print *print)
{
	struct trn_asm_out *out = print->out;

	if (print->header.name || print->header.arch || print->own_strings) {
		trn_asm_put(out, ".program ");
		put_name(print, print->header.name);
		if (print->header.arch)
			trn_asm_put(out, " arch=%" PRIu32, print->header.arch);
		trn_asm_put(out, "\n");
	}
	for (uint32_t i = 0; i < print->header.arg_count; i++) {
		struct trn_trnx_arg arg = arg_at(print, i);

		trn_asm_put(out, ".arg ");
		put_name(print, arg.name);
		trn_asm_put(out, arg.kind == TRN_ARG_SCALAR ? " number" : " buffer");
		if (arg.min_bytes)
			trn_asm_put(out, " min=%" PRIu64, arg.min_bytes);
		trn_asm_put(out, " ; argument %" PRIu32 "\n", i);
	}
}

static void find_tables(struct print *print)
{
	struct trn_trnx_header *header = &print->header;

	memcpy(header, print->trnx->image, sizeof(*header));
	print->symbols =
		sizeof(*header) + header->section_count * (uint64_t)sizeof(struct trn_trnx_section);
	print->relocs =
		print->symbols + header->symbol_count * (uint64_t)sizeof(struct trn_trnx_symbol);
	print->args = print->relocs + header->reloc_count * (uint64_t)sizeof(struct trn_trnx_reloc);
	print->strings = print->args + header->arg_count * (uint64_t)sizeof(struct trn_trnx_arg);
	print->own_strings = !strings_as_written(print);
}

/* A place that somebody names, if an instruction begins there. */
static void name_word(struct print *print, enum trn_engine engine, uint64_t pc)
{
	if (trn_trnx_code_start(&print->code[engine], pc))
		print->labels[engine][pc / 8] |= (uint8_t)(1u << (pc % 8));
}

static void find_branches(struct print *print, enum trn_engine engine)
{
	const struct trn_trnx_code *code = &print->code[engine];

	for (uint32_t pc = 0; pc < code->count; pc++) {
		const uint8_t *word = code->words + (size_t)pc * TRN_ISA_WORD_SIZE;

		if (trn_trnx_code_start(code, pc) && word[0] == TRN_OP_BRANCH)
			name_word(print, engine,
				  trn_load32(word + offsetof(struct trn_isa_compute, imm) + 4));
	}
}

/* Instruction boundaries of the streams as they stand in the file, and who is named. */
static int find_labels(struct print *print)
{
	const struct trn_trnx *trnx = print->trnx;
	struct trn_trnx_fault fault;
	size_t bytes = 1;
	uint8_t *at;

	for (uint32_t i = 0; i < trnx->section_count; i++)
		if (trnx->section[i].kind == TRN_TRNX_CODE)
			bytes += 2 * (size_t)(trnx->section[i].size / TRN_ISA_WORD_SIZE / 8 + 1);
	print->bits = trn_alloc_zero(print->out->alloc, bytes);
	if (!print->bits)
		return -ENOMEM;
	at = print->bits;
	for (uint32_t i = 0; i < trnx->section_count; i++) {
		const struct trn_trnx_part *part = &trnx->section[i];
		const enum trn_engine engine = (enum trn_engine)part->engine;
		struct trn_trnx_code *code = &print->code[engine];

		if (part->kind != TRN_TRNX_CODE)
			continue;
		code->words = trnx->image + part->file_offset;
		code->count = (uint32_t)(part->size / TRN_ISA_WORD_SIZE);
		code->engine = engine;
		code->starts = at;
		print->labels[engine] = at + code->count / 8 + 1;
		at = print->labels[engine] + code->count / 8 + 1;
		/* The loader has scanned it: it holds. */
		(void)trn_trnx_code_scan(code, &fault);
		find_branches(print, engine);
	}
	for (uint32_t i = 0; i < print->header.symbol_count; i++) {
		struct trn_trnx_symbol symbol = symbol_at(print, i);

		if (symbol.kind == TRN_TRNX_LABEL)
			name_word(print, (enum trn_engine)trnx->section[symbol.section].engine,
				  symbol.offset / TRN_ISA_WORD_SIZE);
	}
	return 0;
}

int trn_asm_print(struct trn_asm_out *out, const struct trn_trnx *trnx)
{
	struct print print = { .out = out, .trnx = trnx };
	int r;

	find_tables(&print);
	r = find_labels(&print);
	if (r < 0)
		return r;
	put_front(&print);
	for (uint32_t i = 0; i < trnx->section_count; i++)
		put_section(&print, i);
	put_symbols(&print);
	put_relocs(&print);
	if (print.own_strings) {
		trn_asm_put(out, "\n.strings\n");
		put_bytes(&print, trnx->image + print.strings, print.header.string_size);
	}
	trn_free(out->alloc, print.bits);
	return out->error;
}
