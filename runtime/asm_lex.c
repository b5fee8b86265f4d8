/* SPDX-License-Identifier: Apache-2.0 */
/* Text to tokens, and what every parser does with them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <trn/error.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "runtime/asm.h"

int trn_asm_fail(struct trn_asm *as, const struct trn_asm_token *where, const char *format, ...)
{
	struct trn_asm_error *error = &as->error;
	va_list args;

	if (error->code)
		return error->code;
	error->code = -TRN_EPROGRAM;
	error->line = where->line;
	error->column = where->column;
	va_start(args, format);
	/* A message that is too long is cut: it is for people. */
	(void)vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return error->code;
}

void *trn_asm_push(struct trn_asm *as, struct trn_asm_list *list, size_t count, size_t size)
{
	size_t wanted = list->room ? list->room : 64;
	void *grown;

	if (count > SIZE_MAX / 4 - list->count) {
		as->error.code = as->error.code ? as->error.code : -ENOMEM;
		return NULL;
	}
	while (wanted < list->count + count)
		wanted *= 2;
	if (wanted > list->room) {
		grown = trn_alloc_grow(as->alloc, list->items, list->room, wanted, size);
		if (!grown) {
			as->error.code = as->error.code ? as->error.code : -ENOMEM;
			return NULL;
		}
		list->items = grown;
		list->room = wanted;
	}
	list->count += count;
	return (uint8_t *)list->items + (list->count - count) * size;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

/* Digits before and behind a point, and an exponent, as they stand in the text. */
struct number {
	uint64_t digits;
	int behind; /* digits behind the point */
	int exponent;
	bool real, long_;
};

static bool take_digits(const char *text, uint32_t length, uint32_t *at, unsigned int base,
			struct number *number)
{
	uint32_t from = *at;
	bool point = false;

	for (; *at < length; ++*at) {
		char c = text[*at];
		unsigned int digit = (unsigned int)digit_of(c);

		if (c == '.' && !point) {
			point = true;
			number->real = true;
			continue;
		}
		if (digit >= base)
			break;
		number->long_ |= number->digits > (UINT64_MAX - digit) / base;
		number->digits = number->digits * base + digit;
		number->behind += point;
	}
	return *at > from + point;
}

/* The exponent, from its letter on; at most four digits. */
static bool take_exponent(const char *text, uint32_t length, uint32_t *at, struct number *number)
{
	bool minus = *at + 1 < length && text[*at + 1] == '-';
	uint32_t from;

	*at += *at + 1 < length && (minus || text[*at + 1] == '+') ? 2u : 1u;
	from = *at;
	for (; *at < length && *at <= from + 4 && digit_of(text[*at]) < 10; ++*at)
		number->exponent = number->exponent * 10 + digit_of(text[*at]);
	if (*at == from || *at > from + 4)
		return false;
	number->exponent = minus ? -number->exponent : number->exponent;
	number->real = true;
	return true;
}

/* digits * 2^exponent exactly as FP32; false when it is none. */
static bool exact(uint64_t digits, int exponent, uint32_t *ret_bits)
{
	if (!digits) {
		*ret_bits = 0;
		return true;
	}
	while (!(digits & 1)) {
		digits >>= 1;
		exponent++;
	}
	/* As a significand of 24 bits, or fewer for what is subnormal. */
	while (digits < (1u << 23) && exponent > -149) {
		digits <<= 1;
		exponent--;
	}
	if (digits >= (1u << 24) || exponent < -149 || exponent > 104)
		return false;
	*ret_bits = (uint32_t)digits & 0x7fffffu;
	if (digits & (1u << 23))
		*ret_bits |= (uint32_t)(exponent + 150) << 23;
	return true;
}

/* Rounded to binary64, then to FP32; false when it is too large or has too many digits. */
static bool decimal(const struct number *number, uint32_t *ret_bits)
{
	int exponent = number->exponent - number->behind;
	double value = (double)number->digits;
	double scale = 1;
	float narrow;

	if (number->digits > (UINT64_C(1) << 53) || exponent < -22 || exponent > 22)
		return false;
	for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--)
		scale *= 10;
	value = exponent < 0 ? value / scale : value * scale;
	if (value > 3.4028234663852886e38)
		return false;
	narrow = (float)value;
	memcpy(ret_bits, &narrow, sizeof(*ret_bits));
	return true;
}

static int take_number(struct trn_asm *as, struct trn_asm_token *token)
{
	const char *text = token->text;
	uint32_t length = (uint32_t)trn_min_u64(as->bytes - as->at, UINT32_MAX);
	bool hex = length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	struct number number = { 0 };
	uint32_t at = hex ? 2 : 0, bits = 0;
	bool ok = take_digits(text, length, &at, hex ? 16 : 10, &number);
	char mark = at < length ? text[at] : '\0';

	if (ok && (hex ? mark == 'p' || mark == 'P' : mark == 'e' || mark == 'E'))
		ok = take_exponent(text, length, &at, &number);
	else if (hex && number.real)
		ok = false;
	if (!ok || (at < length && (is_letter(text[at]) || digit_of(text[at]) < 10)))
		return trn_asm_fail(as, token, "this is no number");
	if (number.long_)
		return trn_asm_fail(as, token, "a number of more than 64 bits");
	token->kind = number.real ? TRN_ASM_FLOAT : TRN_ASM_INT;
	token->length = at;
	token->value = number.digits;
	if (!number.real)
		return 0;
	ok = hex ? exact(number.digits, number.exponent - 4 * number.behind, &bits) :
		   decimal(&number, &bits);
	if (!ok)
		return trn_asm_fail(as, token, "this number is no FP32 number");
	token->value = bits;
	return 0;
}

static int take_text(struct trn_asm *as, struct trn_asm_token *token)
{
	size_t at = as->at + 1;

	for (; at < as->bytes && as->text[at] != '"'; at++) {
		char c = as->text[at];

		if (c < 0x20 || c > 0x7e)
			return trn_asm_fail(as, token,
					    "a name of one line of printable characters "
					    "ends in \"");
		if (c == '\\' &&
		    (at + 1 == as->bytes || (as->text[at + 1] != '"' && as->text[at + 1] != '\\')))
			return trn_asm_fail(as, token, "\\ is for \\\" and \\\\ only");
		at += c == '\\';
	}
	if (at >= as->bytes || at - as->at > UINT32_MAX - 2)
		return trn_asm_fail(as, token, "\" is not closed");
	token->kind = TRN_ASM_TEXT;
	token->text = as->text + as->at + 1;
	token->length = (uint32_t)(at - as->at - 1);
	as->at = at + 1;
	return 0;
}

static void skip_blanks(struct trn_asm *as)
{
	while (as->at < as->bytes) {
		char c = as->text[as->at];

		if (c == ';') {
			while (as->at < as->bytes && as->text[as->at] != '\n')
				as->at++;
			return;
		}
		if (c != ' ' && c != '\t' && c != '\r')
			return;
		as->at++;
	}
}

static int take_word_or_mark(struct trn_asm *as, struct trn_asm_token *token)
{
	const char *text = token->text;
	uint32_t length = 0;

	while (as->at + length < as->bytes && length < UINT32_MAX &&
	       (is_letter(text[length]) || (text[length] >= '0' && text[length] <= '9')))
		length++;
	if (length) {
		token->kind = TRN_ASM_WORD;
	} else if (strchr("=:[],+-*@>|", text[0]) && text[0]) {
		token->kind = TRN_ASM_MARK;
		token->value = (uint8_t)text[0];
		length = 1;
	} else if (text[0] > 0x20 && text[0] < 0x7f) {
		return trn_asm_fail(as, token, "'%c' has no meaning here", text[0]);
	} else {
		return trn_asm_fail(as, token, "byte 0x%02x has no meaning here",
				    (unsigned int)(uint8_t)text[0]);
	}
	token->length = length;
	as->at += length;
	return 0;
}

int trn_asm_next(struct trn_asm *as)
{
	struct trn_asm_token *token = &as->token;
	int r;

	skip_blanks(as);
	*token = (struct trn_asm_token){
		.kind = TRN_ASM_END,
		.text = as->text + as->at,
		.line = as->line,
		.column = (uint32_t)trn_min_u64(as->at - as->line_start + 1, UINT32_MAX),
	};
	if (as->at == as->bytes)
		return 0;
	if (*token->text == '\n') {
		token->kind = TRN_ASM_LINE;
		as->at++;
		as->line += as->line < UINT32_MAX;
		as->line_start = as->at;
		return 0;
	}
	if (*token->text == '"')
		return take_text(as, token);
	if (*token->text < '0' || *token->text > '9')
		return take_word_or_mark(as, token);
	r = take_number(as, token);
	as->at += token->length;
	return r;
}

int trn_asm_expected(struct trn_asm *as, const char *what)
{
	const struct trn_asm_token *token = &as->token;

	if (token->kind == TRN_ASM_END)
		return trn_asm_fail(as, token, "expected %s, the text ends", what);
	if (token->kind == TRN_ASM_LINE)
		return trn_asm_fail(as, token, "expected %s, the line ends", what);
	return trn_asm_fail(as, token, "expected %s, found %s%.*s%s", what,
			    token->kind == TRN_ASM_TEXT ? "\"" : "'",
			    (int)trn_min_u64(token->length, 40), token->text,
			    token->kind == TRN_ASM_TEXT ? "\"" : "'");
}

bool trn_asm_is_mark(const struct trn_asm *as, char mark)
{
	return as->token.kind == TRN_ASM_MARK && as->token.value == (uint8_t)mark;
}

int trn_asm_mark(struct trn_asm *as, char mark)
{
	const char what[] = { '\'', mark, '\'', '\0' };

	if (!trn_asm_is_mark(as, mark))
		return trn_asm_expected(as, what);
	return trn_asm_next(as);
}

int trn_asm_number(struct trn_asm *as, int64_t low, uint64_t high, uint64_t *ret_value)
{
	const struct trn_asm_token where = as->token;
	bool minus = low < 0 && trn_asm_is_mark(as, '-');
	uint64_t value;
	int r = 0;

	if (minus)
		r = trn_asm_next(as);
	if (r < 0)
		return r;
	if (as->token.kind != TRN_ASM_INT)
		return trn_asm_expected(as, "a number");
	value = as->token.value;
	if (minus ? value > 0 - (uint64_t)low : value > high || (low > 0 && value < (uint64_t)low))
		return trn_asm_fail(as, &where, "a number from %lld to %llu is expected",
				    (long long)low, (unsigned long long)high);
	*ret_value = minus ? 0 - value : value;
	return trn_asm_next(as);
}

bool trn_asm_word(const struct trn_asm_token *token, const char *word)
{
	return token->kind == TRN_ASM_WORD && strlen(word) == token->length &&
	       memcmp(word, token->text, token->length) == 0;
}

size_t trn_asm_unquote(const struct trn_asm_token *token, char *buf, size_t size)
{
	size_t used = 0;

	for (uint32_t i = 0; i < token->length; i++) {
		i += token->text[i] == '\\';
		if (used + 1 < size)
			buf[used] = token->text[i];
		used++;
	}
	if (size)
		buf[trn_min_u64(used, size - 1)] = '\0';
	return used;
}
