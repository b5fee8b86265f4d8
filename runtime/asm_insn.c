/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction: a mnemonic, then KEY=VALUE. What a key sets is a table; what its value
 * means for an opcode is base/isa_text.c. */
#include <string.h>
#include "base/bits.h"
#include "runtime/asm.h"

union words {
	struct trn_isa_compute c;
	struct trn_isa_dma d;
	uint8_t bytes[TRN_ISA_WORDS_MAX * TRN_ISA_WORD_SIZE];
};

/* The instruction that is being read. */
struct insn {
	struct trn_asm *as;
	uint32_t op;
	const struct trn_isa_op *form;
	const struct trn_isa_text *text;
	union words words;
	uint32_t needs;    /* words, by what was set */
	uint64_t explicit; /* words=, or 0 */
	uint64_t offset;   /* in the section */
	bool seen[sizeof(union words)];
};

struct key {
	const char *name;
	int (*parse)(struct insn *insn, const struct key *key);
	uint8_t layouts; /* bit per enum trn_isa_layout */
	uint8_t word;    /* that holds it, from 1 */
	uint16_t offset; /* in the instruction; keys that share it exclude each other */
	uint16_t what;   /* enum trn_text_field, or enum trn_wait_mode */
};

static int take_register(struct trn_asm *as, uint32_t *ret_reg)
{
	const struct trn_asm_token *token = &as->token;
	uint32_t value = 0;
	bool ok = token->kind == TRN_ASM_WORD && token->length >= 2 && token->length <= 3 &&
		  token->text[0] == 'r' && (token->text[1] != '0' || token->length == 2);

	for (uint32_t i = 1; ok && i < token->length; i++) {
		ok = token->text[i] >= '0' && token->text[i] <= '9';
		value = value * 10 + (uint32_t)(token->text[i] - '0');
	}
	if (!ok || value >= TRN_ISA_REGISTERS)
		return trn_asm_expected(as, trn_text_expected(TRN_TEXT_REG));
	*ret_reg = value;
	return trn_asm_next(as);
}

/* A name that becomes a number when everything has been read. */
static int take_name(struct insn *insn, uint16_t offset, uint32_t bytes)
{
	struct trn_asm *as = insn->as;
	struct trn_asm_fixup *fixup = trn_asm_push(as, &as->fixups, 1, sizeof(*fixup));

	if (!fixup)
		return as->error.code;
	*fixup = (struct trn_asm_fixup){ .token = as->token,
					 .section = as->section_count - 1,
					 .bytes = bytes,
					 .offset = insn->offset + offset };
	return trn_asm_next(as);
}

static int take_named(struct trn_asm *as, enum trn_text_kind kind, uint64_t *ret_value)
{
	int value = as->token.kind == TRN_ASM_WORD ?
			    trn_text_value(kind, as->token.text, as->token.length) :
			    -1;

	if (value < 0)
		return trn_asm_expected(as, trn_text_expected(kind));
	*ret_value = (uint64_t)value;
	return trn_asm_next(as);
}

/* A number of 8 or 32 bits; FP32 where 32 bits are. */
static int take_plain(struct trn_asm *as, uint32_t size, uint64_t *ret_value)
{
	const bool wide = size == 4;
	const bool minus = wide && trn_asm_is_mark(as, '-');
	const struct trn_asm_token where = as->token;
	int r = minus ? trn_asm_next(as) : 0;

	if (r < 0)
		return r;
	if (wide && as->token.kind == TRN_ASM_FLOAT) {
		*ret_value = as->token.value | (minus ? 0x80000000u : 0);
		return trn_asm_next(as);
	}
	r = trn_asm_number(as, 0, wide ? UINT32_MAX : UINT8_MAX, ret_value);
	if (r < 0 || !minus)
		return r;
	if (*ret_value > 0x80000000u)
		return trn_asm_fail(as, &where, "a number from -2147483648 is expected");
	*ret_value = 0 - *ret_value;
	return 0;
}

static int parse_field(struct insn *insn, const struct key *key)
{
	const struct trn_text_place *place = &trn_text_places[key->what];
	const enum trn_text_kind kind = (enum trn_text_kind)insn->text->field[key->what];
	struct trn_asm *as = insn->as;
	uint64_t value = 0;
	uint32_t reg = 0;
	int r;

	if (as->token.kind == TRN_ASM_INT || as->token.kind == TRN_ASM_FLOAT ||
	    trn_asm_is_mark(as, '-')) {
		r = take_plain(as, place->size, &value);
	} else if (kind == TRN_TEXT_REG) {
		r = take_register(as, &reg);
		value = reg;
	} else if ((kind == TRN_TEXT_LABEL && as->token.kind == TRN_ASM_WORD) ||
		   (kind == TRN_TEXT_ARG && as->token.kind == TRN_ASM_TEXT)) {
		r = take_name(insn, key->offset, 4);
	} else {
		r = take_named(as, kind, &value);
	}
	if (r < 0)
		return r;
	if (place->size == 1)
		insn->words.bytes[key->offset] = (uint8_t)value;
	else
		trn_store32(insn->words.bytes + key->offset, (uint32_t)value);
	return 0;
}

/* ", NUM*STEP" as often as there are; a step that is not written is 1. */
static int take_dims(struct trn_asm *as, uint64_t num_max, int64_t step_min, uint64_t *ret_num,
		     int64_t *ret_step, uint32_t *ret_count)
{
	uint32_t count = 0;
	int r = 0;

	while (r == 0 && trn_asm_is_mark(as, ',')) {
		uint64_t step = 1;

		if (count == 4)
			return trn_asm_fail(as, &as->token, "more than four dimensions");
		r = trn_asm_next(as);
		if (r == 0)
			r = trn_asm_number(as, 0, num_max, &ret_num[count]);
		if (r == 0 && trn_asm_is_mark(as, '*')) {
			r = trn_asm_next(as);
			if (r == 0)
				r = trn_asm_number(as, step_min, (uint64_t)(-(step_min + 1)),
						   &step);
		}
		ret_step[count++] = (int64_t)step;
	}
	*ret_count = count;
	return r;
}

/* "[START:PARTITIONS, OFFSET+rN, NUM*STEP, ...]" */
static int take_pattern(struct trn_asm *as, struct trn_isa_ap *ap)
{
	uint64_t start, partitions, offset, num[4];
	int64_t step[4];
	uint32_t reg = 0, count = 0;
	int r = trn_asm_mark(as, '[');

	if (r == 0)
		r = trn_asm_number(as, 0, UINT8_MAX, &start);
	if (r == 0)
		r = trn_asm_mark(as, ':');
	if (r == 0)
		r = trn_asm_number(as, 0, UINT8_MAX, &partitions);
	if (r == 0)
		r = trn_asm_mark(as, ',');
	if (r == 0)
		r = trn_asm_number(as, 0, UINT32_MAX, &offset);
	if (r < 0)
		return r;
	ap->start = (uint8_t)start;
	ap->partitions = (uint8_t)partitions;
	ap->offset = (uint32_t)offset;
	if (trn_asm_is_mark(as, '+')) {
		r = trn_asm_next(as);
		if (r == 0)
			r = take_register(as, &reg);
		ap->reg = (uint8_t)(reg + 1);
	}
	if (r == 0)
		r = take_dims(as, UINT16_MAX, INT16_MIN, num, step, &count);
	if (r < 0)
		return r;
	ap->ndims = (uint8_t)count;
	for (uint32_t i = 0; i < count; i++)
		ap->dims[i] =
			(struct trn_isa_dim){ .step = (int16_t)step[i], .num = (uint16_t)num[i] };
	return trn_asm_mark(as, ']');
}

/* "[ARGUMENT, OFFSET+rN*SCALE, NUM*STEP, ...]" */
static int take_dram(struct insn *insn, uint16_t offset, struct trn_isa_mem *mem)
{
	struct trn_asm *as = insn->as;
	uint64_t value = 0, num[4];
	int64_t step[4];
	uint32_t reg = 0, count = 0;
	int r = trn_asm_mark(as, '[');

	if (r == 0)
		r = as->token.kind == TRN_ASM_TEXT ?
			    take_name(insn, (uint16_t)(offset + offsetof(struct trn_isa_mem, arg)),
				      1) :
			    trn_asm_number(as, 0, UINT8_MAX, &value);
	mem->arg = (uint8_t)value;
	if (r == 0)
		r = trn_asm_mark(as, ',');
	if (r == 0)
		r = trn_asm_number(as, 0, UINT64_MAX, &mem->u.dram.offset);
	if (r == 0 && trn_asm_is_mark(as, '+')) {
		r = trn_asm_next(as);
		if (r == 0)
			r = take_register(as, &reg);
		if (r == 0)
			r = trn_asm_mark(as, '*');
		if (r == 0)
			r = trn_asm_number(as, 0, UINT32_MAX, &value);
		mem->reg = (uint8_t)(reg + 1);
		mem->reg_scale = (uint32_t)value;
	}
	if (r == 0)
		r = take_dims(as, UINT32_MAX, INT32_MIN, num, step, &count);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < count; i++)
		mem->u.dram.dims[i] = (struct trn_isa_dram_dim){ .step = (int32_t)step[i],
								 .num = (uint32_t)num[i] };
	return trn_asm_mark(as, ']');
}

/* "sbuf", "psum" or "dram", ":", a format. */
static int take_space(struct trn_asm *as, bool dram, uint8_t *ret_space, uint8_t *ret_dtype)
{
	static const char *const names[] = { NULL, "sbuf", "psum", "dram" };
	uint64_t dtype = 0;
	uint8_t space = 0;
	int r;

	for (uint8_t i = 1; i < TRN_ARRAY_LEN(names); i++)
		if (trn_asm_word(&as->token, names[i]))
			space = i;
	if (!space || (space == TRN_SPACE_DRAM && !dram))
		return trn_asm_expected(as, dram ? "sbuf, psum or dram" : "sbuf or psum");
	*ret_space = space;
	r = trn_asm_next(as);
	if (r == 0)
		r = trn_asm_mark(as, ':');
	if (r == 0)
		r = take_named(as, TRN_TEXT_DTYPE, &dtype);
	*ret_dtype = (uint8_t)dtype;
	return r;
}

static int parse_ap(struct insn *insn, const struct key *key)
{
	struct trn_isa_ap ap = { 0 };
	int r = take_space(insn->as, false, &ap.space, &ap.dtype);

	if (r == 0)
		r = take_pattern(insn->as, &ap);
	memcpy(insn->words.bytes + key->offset, &ap, sizeof(ap));
	return r;
}

static int parse_mem(struct insn *insn, const struct key *key)
{
	struct trn_isa_mem mem = { 0 };
	int r = take_space(insn->as, true, &mem.space, &mem.dtype);

	if (r == 0 && mem.space == TRN_SPACE_DRAM) {
		r = take_dram(insn, key->offset, &mem);
	} else if (r == 0) {
		mem.u.chip.ap.space = mem.space;
		mem.u.chip.ap.dtype = mem.dtype;
		r = take_pattern(insn->as, &mem.u.chip.ap);
	}
	memcpy(insn->words.bytes + key->offset, &mem, sizeof(mem));
	return r;
}

static int parse_flags(struct insn *insn, const struct key *key)
{
	struct trn_asm *as = insn->as;
	int r = 0;

	do {
		uint64_t bits = 0;

		if (trn_asm_is_mark(as, '|'))
			r = trn_asm_next(as);
		if (r == 0 && as->token.kind == TRN_ASM_INT) {
			r = trn_asm_number(as, 0, UINT8_MAX, &bits);
		} else if (r == 0) {
			for (uint32_t i = 0; insn->text->flags && i < TRN_TEXT_FLAGS; i++)
				if (insn->text->flags[i] && insn->form->flags >> i & 1 &&
				    trn_asm_word(&as->token, insn->text->flags[i]))
					bits = 1u << i;
			r = bits ? trn_asm_next(as) : trn_asm_expected(as, "a flag of the opcode");
		}
		if (r < 0)
			return r;
		insn->words.bytes[key->offset] |= (uint8_t)bits;
	} while (trn_asm_is_mark(as, '|'));
	return 0;
}

static int parse_words(struct insn *insn, const struct key *key)
{
	(void)key;
	return trn_asm_number(insn->as, 1, TRN_ISA_WORDS_MAX, &insn->explicit);
}

static int parse_indirect(struct insn *insn, const struct key *key)
{
	uint64_t slot = 0;
	int r = take_named(insn->as, TRN_TEXT_SLOT, &slot);

	insn->words.bytes[key->offset] = (uint8_t)(slot + 1);
	return r;
}

/* "semN" */
static int take_semaphore(struct trn_asm *as, uint8_t *ret_semaphore)
{
	const struct trn_asm_token *token = &as->token;
	uint32_t value = 0;
	bool ok = token->kind == TRN_ASM_WORD && token->length >= 4 && token->length <= 6 &&
		  memcmp(token->text, "sem", 3) == 0 &&
		  (token->text[3] != '0' || token->length == 4);

	for (uint32_t i = 3; ok && i < token->length; i++) {
		ok = token->text[i] >= '0' && token->text[i] <= '9';
		value = value * 10 + (uint32_t)(token->text[i] - '0');
	}
	if (!ok || value >= TRN_ISA_SEMAPHORES)
		return trn_asm_expected(as, "a semaphore sem0 to sem255");
	*ret_semaphore = (uint8_t)value;
	return trn_asm_next(as);
}

/* "semN>=VALUE", with a register where the wait is none that consumes. */
static int parse_wait(struct insn *insn, const struct key *key)
{
	struct trn_isa_head *head = &insn->words.c.head;
	struct trn_asm *as = insn->as;
	uint64_t value = 0;
	uint32_t reg = 0;
	int r = take_semaphore(as, &head->wait_sem);

	head->wait_mode = (uint8_t)key->what;
	if (r == 0)
		r = trn_asm_mark(as, '>');
	if (r == 0)
		r = trn_asm_mark(as, '=');
	if (r == 0 && as->token.kind == TRN_ASM_WORD && key->what == TRN_WAIT_GE) {
		head->wait_mode = TRN_WAIT_GE_REG;
		r = take_register(as, &reg);
		value = reg;
	} else if (r == 0) {
		r = trn_asm_number(as, 0, UINT32_MAX, &value);
	}
	head->wait_value = (uint32_t)value;
	return r;
}

/* "semN+VALUE" or "semN-VALUE" */
static int parse_inc(struct insn *insn, const struct key *key)
{
	struct trn_isa_head *head = &insn->words.c.head;
	struct trn_asm *as = insn->as;
	uint64_t value = 0;
	int r = take_semaphore(as, &head->inc_sem);

	(void)key;
	if (r < 0)
		return r;
	if (!trn_asm_is_mark(as, '+') && !trn_asm_is_mark(as, '-'))
		return trn_asm_expected(as, "'+' or '-'");
	head->inc_mode = trn_asm_is_mark(as, '+') ? TRN_INC_ADD : TRN_INC_SUB;
	r = trn_asm_next(as);
	if (r == 0)
		r = trn_asm_number(as, 0, UINT32_MAX, &value);
	head->inc_value = (uint32_t)value;
	return r;
}

#define WORD (1u << TRN_LAYOUT_WORD)
#define COMPUTE (1u << TRN_LAYOUT_COMPUTE)
#define DMA (1u << TRN_LAYOUT_DMA)
#define ALL (WORD | COMPUTE | DMA)
#define C(member) offsetof(struct trn_isa_compute, member)
#define D(member) offsetof(struct trn_isa_dma, member)
#define FIELD(name, member, field)                                      \
	{                                                               \
		name, parse_field, ALL, 1, C(member), TRN_FIELD_##field \
	}
#define IMM(name, n)                                                              \
	{                                                                         \
		name, parse_field, ALL, 1, C(imm) + 4 * (n), TRN_FIELD_IMM0 + (n) \
	}

static const struct key keys[] = {
	FIELD("op0", op0, OP0),
	FIELD("rd", op0, OP0),
	FIELD("op1", op1, OP1),
	FIELD("ra", op1, OP1),
	FIELD("func", func, FUNC),
	FIELD("rb", func, FUNC),
	FIELD("mode", mode, MODE),
	IMM("imm0", 0),
	IMM("imm1", 1),
	IMM("to", 1),
	IMM("imm2", 2),
	IMM("imm3", 3),
	{ "imm4", parse_field, COMPUTE, 2, C(imm4), TRN_FIELD_IMM0 + 4 },
	{ "imm5", parse_field, COMPUTE, 2, C(imm5), TRN_FIELD_IMM0 + 5 },
	{ "dst", parse_ap, COMPUTE, 1, C(dst), 0 },
	{ "src0", parse_ap, COMPUTE, 2, C(src0), 0 },
	{ "src1", parse_ap, COMPUTE, 2, C(src1), 0 },
	{ "src2", parse_ap, COMPUTE, 3, C(src2), 0 },
	{ "dst2", parse_ap, COMPUTE, 3, C(dst2), 0 },
	{ "src3", parse_ap, COMPUTE, 4, C(src3), 0 },
	{ "index", parse_ap, COMPUTE, 4, C(index), 0 },
	{ "dst", parse_mem, DMA, 3, D(dst), 0 },
	{ "src", parse_mem, DMA, 3, D(src), 0 },
	{ "index", parse_ap, DMA, 3, D(index), 0 },
	{ "flags", parse_flags, ALL, 1, C(head.flags), 0 },
	{ "words", parse_words, ALL, 1, C(head.words), 0 },
	{ "indirect", parse_indirect, COMPUTE, 1, C(head.indirect), 0 },
	{ "wait", parse_wait, ALL, 1, C(head.wait_sem), TRN_WAIT_GE },
	{ "consume", parse_wait, ALL, 1, C(head.wait_sem), TRN_WAIT_CONSUME },
	{ "inc", parse_inc, ALL, 1, C(head.inc_sem), 0 },
};

static int parse_item(struct insn *insn)
{
	struct trn_asm *as = insn->as;
	const struct trn_asm_token where = as->token;
	const struct key *key = NULL;
	int r;

	for (size_t i = 0; i < TRN_ARRAY_LEN(keys); i++)
		if (keys[i].layouts >> insn->form->layout & 1 &&
		    trn_asm_word(&as->token, keys[i].name))
			key = &keys[i];
	if (!key)
		return trn_asm_expected(as, "an operand or a field of the instruction");
	if (insn->seen[key->offset])
		return trn_asm_fail(as, &where, "%s is there already", key->name);
	insn->seen[key->offset] = true;
	if (key->word > insn->needs)
		insn->needs = key->word;
	r = trn_asm_next(as);
	if (r == 0)
		r = trn_asm_mark(as, '=');
	return r < 0 ? r : key->parse(insn, key);
}

/* Appends what was read to the section, and remembers where it was written. */
static int append(struct insn *insn, const struct trn_asm_token *where)
{
	struct trn_asm *as = insn->as;
	const uint64_t words = insn->explicit ? insn->explicit : insn->needs;
	struct trn_asm_origin *origin;
	uint8_t *bytes;

	if (words < insn->needs)
		return trn_asm_fail(as, where, "the instruction needs %u words", insn->needs);
	if (insn->offset / TRN_ISA_WORD_SIZE + words > TRN_TRNX_WORDS_MAX)
		return trn_asm_fail(as, where, "the stream is too long");
	insn->words.c.head.op = (uint8_t)insn->op;
	insn->words.c.head.words = (uint8_t)words;
	bytes = trn_asm_push(as, as->content, (size_t)words * TRN_ISA_WORD_SIZE, 1);
	origin = bytes ? trn_asm_push(as, &as->origins, 1, sizeof(*origin)) : NULL;
	if (!origin)
		return as->error.code;
	memcpy(bytes, insn->words.bytes, (size_t)words * TRN_ISA_WORD_SIZE);
	*origin = (struct trn_asm_origin){ .section = as->section_count - 1,
					   .word = (uint32_t)(insn->offset / TRN_ISA_WORD_SIZE),
					   .line = where->line,
					   .column = where->column };
	return 0;
}

int trn_asm_instruction(struct trn_asm *as)
{
	const struct trn_asm_token where = as->token;
	struct insn insn = { .as = as, .offset = as->content->count };
	int op = trn_isa_text_op(where.text, where.length);
	int r;

	if (op < 0)
		return trn_asm_expected(as, "an instruction");
	insn.op = (uint32_t)op;
	insn.form = trn_isa_op(insn.op);
	insn.text = trn_isa_text(insn.op);
	insn.needs = insn.form->words_min;
	r = trn_asm_next(as);
	while (r == 0 && as->token.kind == TRN_ASM_WORD)
		r = parse_item(&insn);
	return r < 0 ? r : append(&insn, &where);
}
