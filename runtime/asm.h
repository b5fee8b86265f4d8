/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the assembler and the disassembler. A text becomes tokens (asm_lex.c), statements
 * (asm_parse.c) with instructions (asm_insn.c), then names become numbers and everything an
 * image (asm_link.c). Back: asm_print.c, with instructions in asm_print_insn.c. */
#ifndef RUNTIME_ASM_H
#define RUNTIME_ASM_H

#include <stdbool.h>
#include <trn/asm.h>
#include "base/isa_ops.h"
#include "base/isa_text.h"
#include "base/trnx.h"
#include "runtime/trnx.h"

#define TRN_ASM_ZERO_MAX (UINT64_C(1) << 30) /* bytes that .zero may make of one text */

enum trn_asm_token_kind {
	TRN_ASM_END,   /* of the text */
	TRN_ASM_LINE,  /* end of a line */
	TRN_ASM_WORD,  /* letters, digits, "_", "." */
	TRN_ASM_INT,   /* value */
	TRN_ASM_FLOAT, /* value: FP32 bits */
	TRN_ASM_TEXT,  /* "...": text and length without the quotes, escapes as they are */
	TRN_ASM_MARK,  /* one character: value */
};

struct trn_asm_token {
	enum trn_asm_token_kind kind;
	const char *text; /* in the source */
	uint32_t length;
	uint32_t line, column;
	uint64_t value;
};

/* A list that grows; count and room in items. */
struct trn_asm_list {
	void *items;
	size_t count, room;
};

/* Where something is: a section by number or name, or a label; then bytes from there. */
struct trn_asm_place {
	struct trn_asm_token what; /* INT, TEXT or WORD */
	uint64_t offset;
};

struct trn_asm_name {
	struct trn_asm_token token; /* TEXT */
	uint32_t offset;            /* in .strings, or TRN_TRNX_NONE */
};

struct trn_asm_section {
	struct trn_trnx_section head;
	struct trn_asm_name name;
	struct trn_asm_list bytes;
};

struct trn_asm_symbol {
	struct trn_asm_name name;
	struct trn_asm_place place;
	uint64_t size;
};

struct trn_asm_reloc {
	uint8_t kind;
	struct trn_asm_place place;
	struct trn_asm_token symbol; /* INT or TEXT */
	struct trn_asm_token at;     /* of the statement */
	int64_t addend;
};

struct trn_asm_arg {
	struct trn_trnx_arg head;
	struct trn_asm_name name;
};

struct trn_asm_label {
	struct trn_asm_token token;
	uint32_t section;
	uint64_t offset;
};

/* Bytes of a section that wait for a name. */
struct trn_asm_fixup {
	struct trn_asm_token token; /* WORD: label; TEXT: argument */
	uint32_t section, bytes;    /* bytes: 1 or 4 */
	uint64_t offset;
};

/* Where each instruction was written. */
struct trn_asm_origin {
	uint32_t section, word, line, column;
};

struct trn_asm {
	const struct trn_alloc *alloc;
	/* text */
	const char *text;
	size_t bytes, at, line_start;
	uint32_t line;
	struct trn_asm_token token; /* the next one */
	struct trn_asm_error error; /* code 0: none yet */
	/* program */
	bool named;
	uint32_t arch;
	struct trn_asm_name name;
	struct trn_asm_section section[TRN_TRNX_SECTIONS_MAX];
	struct trn_asm_arg arg[TRN_TRNX_ARGS_MAX];
	uint32_t section_count, arg_count;
	struct trn_asm_list symbols, relocs, labels, fixups, origins;
	struct trn_asm_list strings; /* bytes */
	bool explicit_strings;
	struct trn_asm_token strings_at;
	struct trn_asm_list *content; /* that data goes to, or NULL */
	bool code;                    /* content is a stream: instructions only */
	uint64_t filled;              /* bytes that came from .zero */
};

/* asm_lex.c */

/* Reads the next token into as->token. -TRN_EPROGRAM. */
int trn_asm_next(struct trn_asm *as);
/* Keeps the first error: where, and a message. */
int trn_asm_fail(struct trn_asm *as, const struct trn_asm_token *where, const char *format, ...)
	TRN_PRINTF(3, 4);
/* "expected ..., found ..." at the next token. */
int trn_asm_expected(struct trn_asm *as, const char *what);
bool trn_asm_is_mark(const struct trn_asm *as, char mark);
/* Takes a character, or fails. */
int trn_asm_mark(struct trn_asm *as, char mark);
/* Takes a number from low to high; '-' is allowed when low is negative. */
int trn_asm_number(struct trn_asm *as, int64_t low, uint64_t high, uint64_t *ret_value);
/* True when the token is this word. */
bool trn_asm_word(const struct trn_asm_token *token, const char *word);
/* Plain characters of a TEXT; the length of what there is, also when it does not fit. */
size_t trn_asm_unquote(const struct trn_asm_token *token, char *buf, size_t size);
/* Room for more items at the end, zeroed; NULL after keeping -ENOMEM. */
void *trn_asm_push(struct trn_asm *as, struct trn_asm_list *list, size_t count, size_t size);

/* asm_parse.c */
int trn_asm_parse(struct trn_asm *as);
/* asm_insn.c: the token is the mnemonic. */
int trn_asm_instruction(struct trn_asm *as);
/* asm_link.c */
int trn_asm_link(struct trn_asm *as, void **ret_image, size_t *ret_bytes);

/* Strings of names in the order of an image without .strings. shared: string of the section
 * that the name belongs to, or TRN_TRNX_NONE. Returns where the string goes. */
static inline uint32_t trn_asm_string_place(uint32_t *used, size_t length, uint32_t shared)
{
	uint32_t at = *used;

	if (!length)
		return 0;
	if (shared != TRN_TRNX_NONE)
		return shared;
	*used += (uint32_t)length + 1;
	return at;
}

/* Text that grows. The first failure stays. */
struct trn_asm_out {
	const struct trn_alloc *alloc;
	char *text;
	size_t count, room;
	int error;
};
void trn_asm_put(struct trn_asm_out *out, const char *format, ...) TRN_PRINTF(2, 3);

/* asm_print.c: a checked image. */
int trn_asm_print(struct trn_asm_out *out, const struct trn_trnx *trnx);
/* asm_print_insn.c: one line without its end. stream: whose labels branches name. */
void trn_asm_put_insn(struct trn_asm_out *out, const struct trn_trnx_code *stream, uint32_t pc);
/* How a branch or a symbol names a word. */
void trn_asm_put_label(struct trn_asm_out *out, enum trn_engine engine, uint32_t pc);

#endif /* RUNTIME_ASM_H */
