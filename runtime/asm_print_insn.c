/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction as text. What its fields mean is in base/isa_text.c. */
#include <inttypes.h>
#include <string.h>
#include "base/bits.h"
#include "runtime/asm.h"

struct view {
	struct trn_asm_out *out;
	const struct trn_trnx_code *stream;
	const struct trn_isa_op *form;
	const struct trn_isa_text *text;
	struct trn_isa_compute insn;
	uint32_t needs; /* words, by what was written */
};

/* FP32 as a decimal number with at most ten digits behind the point, or in hexadecimal; what
 * has no finite normal value as its bits. */
static void put_float(struct trn_asm_out *out, uint32_t bits)
{
	const uint32_t exponent = bits >> 23 & 0xff;
	uint64_t digits = (bits & 0x7fffffu) | 1u << 23;
	int shift = (int)exponent - 150; /* value is digits * 2^shift */
	unsigned int behind = 0;

	if (bits == 0x80000000u) {
		trn_asm_put(out, "-0.0");
		return;
	}
	if (exponent == 0 || exponent == 0xff) {
		trn_asm_put(out, bits < 1u << 20 ? "%" PRIu32 : "0x%" PRIx32, bits);
		return;
	}
	for (; shift < 0 && !(digits & 1); shift++)
		digits >>= 1;
	if (shift < -10 || shift > 8) {
		trn_asm_put(out, "%s0x%" PRIx64 "p%d", bits >> 31 ? "-" : "", digits, shift);
		return;
	}
	for (; shift > 0; shift--)
		digits *= 2;
	trn_asm_put(out, "%s%" PRIu64 ".", bits >> 31 ? "-" : "", digits >> -shift);
	do {
		digits = (digits & ((UINT64_C(1) << -shift) - 1)) * 10;
		trn_asm_put(out, "%u", (unsigned int)(digits >> -shift));
	} while (++behind < 10 && digits & ((UINT64_C(1) << -shift) - 1));
}

static void put_value(const struct view *view, enum trn_text_kind kind, uint32_t value)
{
	const char *name = trn_text_name(kind, value);

	if (name)
		trn_asm_put(view->out, "%s", name);
	else if (kind == TRN_TEXT_REG && value < TRN_ISA_REGISTERS)
		trn_asm_put(view->out, "r%" PRIu32, value);
	else if (kind == TRN_TEXT_LABEL && trn_trnx_code_start(view->stream, value))
		trn_asm_put_label(view->out, view->stream->engine, value);
	else if (kind == TRN_TEXT_SIGNED)
		trn_asm_put(view->out, "%" PRId32, (int32_t)value);
	else if (kind == TRN_TEXT_BITS)
		trn_asm_put(view->out, "0x%" PRIx32, value);
	else if (kind == TRN_TEXT_FLOAT)
		put_float(view->out, value);
	else
		trn_asm_put(view->out, "%" PRIu32, value);
}

static void put_pattern(struct trn_asm_out *out, const struct trn_isa_ap *ap)
{
	trn_asm_put(out, "%s:%s[%u:%u, %" PRIu32, ap->space == TRN_SPACE_SBUF ? "sbuf" : "psum",
		    trn_text_name(TRN_TEXT_DTYPE, ap->dtype), ap->start, ap->partitions,
		    ap->offset);
	if (ap->reg)
		trn_asm_put(out, "+r%u", ap->reg - 1u);
	for (unsigned int i = 0; i < ap->ndims; i++) {
		trn_asm_put(out, ", %u", ap->dims[i].num);
		if (ap->dims[i].step != 1)
			trn_asm_put(out, "*%d", ap->dims[i].step);
	}
	trn_asm_put(out, "]");
}

static void put_mem(struct trn_asm_out *out, const char *key, const struct trn_isa_mem *mem)
{
	if (mem->space == TRN_SPACE_NONE)
		return;
	trn_asm_put(out, " %s=", key);
	if (mem->space != TRN_SPACE_DRAM) {
		put_pattern(out, &mem->u.chip.ap);
		return;
	}
	trn_asm_put(out, "dram:%s[%u, %" PRIu64, trn_text_name(TRN_TEXT_DTYPE, mem->dtype),
		    mem->arg, mem->u.dram.offset);
	if (mem->reg)
		trn_asm_put(out, "+r%u*%" PRIu32, mem->reg - 1u, mem->reg_scale);
	for (unsigned int i = 0; i < 4 && mem->u.dram.dims[i].num; i++) {
		trn_asm_put(out, ", %" PRIu32, mem->u.dram.dims[i].num);
		if (mem->u.dram.dims[i].step != 1)
			trn_asm_put(out, "*%" PRId32, mem->u.dram.dims[i].step);
	}
	trn_asm_put(out, "]");
}

static void put_operands(struct view *view)
{
	static const uint8_t order[] = { TRN_AP_DST,  TRN_AP_SRC0, TRN_AP_SRC1, TRN_AP_SRC2,
					 TRN_AP_SRC3, TRN_AP_DST2, TRN_AP_INDEX };
	struct trn_isa_dma dma;

	if (view->form->layout == TRN_LAYOUT_DMA) {
		memcpy(&dma, &view->insn, sizeof(dma));
		put_mem(view->out, "dst", &dma.dst);
		put_mem(view->out, "src", &dma.src);
		if (dma.index.space) {
			trn_asm_put(view->out, " index=");
			put_pattern(view->out, &dma.index);
		}
	}
	for (size_t i = 0; view->form->layout == TRN_LAYOUT_COMPUTE && i < sizeof(order); i++) {
		struct trn_isa_ap ap;

		memcpy(&ap, (const uint8_t *)&view->insn + trn_isa_slot_offset[order[i]],
		       sizeof(ap));
		if (!ap.space)
			continue;
		trn_asm_put(view->out, " %s=", trn_text_name(TRN_TEXT_SLOT, order[i]));
		put_pattern(view->out, &ap);
		if (trn_isa_slot_word[order[i]] > view->needs)
			view->needs = trn_isa_slot_word[order[i]];
	}
}

/* Fields whose 0 is an operator, a function, a place, or the register that is written. */
static bool says_zero(enum trn_text_kind kind, unsigned int field)
{
	return kind == TRN_TEXT_ALU || kind == TRN_TEXT_ACT || kind == TRN_TEXT_LABEL ||
	       kind == TRN_TEXT_ARG || kind == TRN_TEXT_PART ||
	       (kind == TRN_TEXT_REG && field == TRN_FIELD_OP0);
}

static void put_field(struct view *view, unsigned int field)
{
	const struct trn_text_place *place = &trn_text_places[field];
	const enum trn_text_kind kind = (enum trn_text_kind)view->text->field[field];
	const bool named = place->other && (kind == TRN_TEXT_REG || kind == TRN_TEXT_LABEL);
	const bool used = field < TRN_FIELD_IMM0 ? view->form->params >> field & 1 :
						   view->form->imms >> (field - TRN_FIELD_IMM0) & 1;
	/* Where the immediates of the second word are, others keep operands. */
	const bool there = field < TRN_FIELD_IMM0 + 4 || view->form->layout == TRN_LAYOUT_COMPUTE;
	uint32_t value = 0;

	memcpy(&value, (const uint8_t *)&view->insn + place->offset, place->size);
	/* 0 is written where it says something. */
	if (!there || (!value && !(used && says_zero(kind, field))))
		return;
	trn_asm_put(view->out, " %s=", named ? place->other : place->name);
	put_value(view, kind, value);
	if (field >= TRN_FIELD_IMM0 + 4 && view->needs < 2)
		view->needs = 2;
}

static void put_flags(const struct view *view)
{
	uint8_t flags = view->insn.head.flags;
	const char *mark = " flags=";

	for (unsigned int i = 0; i < TRN_TEXT_FLAGS; i++) {
		if (!(flags >> i & 1))
			continue;
		if (view->text->flags && view->text->flags[i])
			trn_asm_put(view->out, "%s%s", mark, view->text->flags[i]);
		else
			trn_asm_put(view->out, "%s0x%x", mark, 1u << i);
		mark = "|";
	}
}

static void put_semaphores(const struct view *view)
{
	const struct trn_isa_head *head = &view->insn.head;

	if (head->wait_mode == TRN_WAIT_GE_REG)
		trn_asm_put(view->out, " wait=sem%u>=r%" PRIu32, head->wait_sem, head->wait_value);
	else if (head->wait_mode)
		trn_asm_put(view->out, " %s=sem%u>=%" PRIu32,
			    head->wait_mode == TRN_WAIT_GE ? "wait" : "consume", head->wait_sem,
			    head->wait_value);
	if (head->inc_mode)
		trn_asm_put(view->out, " inc=sem%u%c%" PRIu32, head->inc_sem,
			    head->inc_mode == TRN_INC_ADD ? '+' : '-', head->inc_value);
}

void trn_asm_put_insn(struct trn_asm_out *out, const struct trn_trnx_code *stream, uint32_t pc)
{
	const uint8_t *word = stream->words + (size_t)pc * TRN_ISA_WORD_SIZE;
	const struct trn_isa_head *head;
	struct view view = { .out = out, .stream = stream, .form = trn_isa_op(word[0]) };

	view.text = trn_isa_text(word[0]);
	memcpy(&view.insn, word,
	       word[offsetof(struct trn_isa_head, words)] * (size_t)TRN_ISA_WORD_SIZE);
	view.needs = view.form->words_min;
	head = &view.insn.head;
	trn_asm_put(out, "%s", view.form->name);
	put_operands(&view);
	for (unsigned int field = 0; field < TRN_FIELD_COUNT; field++)
		put_field(&view, field);
	put_flags(&view);
	if (head->indirect)
		trn_asm_put(out, " indirect=%s", trn_text_name(TRN_TEXT_SLOT, head->indirect - 1u));
	put_semaphores(&view);
	if (head->words != view.needs)
		trn_asm_put(out, " words=%u", head->words);
}
