/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/test_insn.h"

#include <string.h>
#include "base/bits.h"
#include "base/isa_ops.h"
#include "base/number.h"

static uint32_t below(struct trn_prng *prng, uint64_t limit)
{
	return (uint32_t)trn_prng_below(prng, limit);
}

/* Numbers that formats and signs are about, and any. */
static uint32_t number(struct trn_prng *prng)
{
	static const uint32_t known[] = { 0,          1,          0x3f800000, 0xbf000000,
					  0x80000000, 0x7f800000, 0x7fc00001, 0xffffffff,
					  0x7f7fffff, 0x00000fff, 0x3dcccccd, 0x00800000,
					  0x41200000, 0x4b7fffff };

	if (below(prng, 2))
		return known[below(prng, TRN_ARRAY_LEN(known))];
	return (uint32_t)trn_prng_next(prng);
}

static struct trn_isa_ap pattern(struct trn_prng *prng, bool dma)
{
	struct trn_isa_ap ap = {
		.space = dma || below(prng, 2) ? TRN_SPACE_SBUF : TRN_SPACE_PSUM,
		.dtype = (uint8_t)(1 + below(prng, TRN_DTYPE_COUNT - 1)),
		.partitions = (uint8_t)(1 + below(prng, TRN_ISA_PARTITIONS)),
		.ndims = (uint8_t)(1 + below(prng, 4)),
	};

	if (dma)
		ap.start = (uint8_t)below(prng, TRN_ISA_PARTITIONS - ap.partitions + 1u);
	else if (ap.partitions <= 32)
		ap.start = (uint8_t)(32 * below(prng, 4));
	else if (ap.partitions <= 64)
		ap.start = (uint8_t)(64 * below(prng, 2));
	for (unsigned int i = 0; i < ap.ndims; i++)
		ap.dims[i] = (struct trn_isa_dim){ .step = (int16_t)(below(prng, 15) - 7u),
						   .num = (uint16_t)(1 + below(prng, 40)) };
	ap.offset = 8192;
	if (below(prng, 3) == 0) {
		ap.reg = (uint8_t)(1 + below(prng, TRN_ISA_REGISTERS));
		ap.offset = number(prng);
		ap.dims[0].step = (int16_t)trn_prng_next(prng);
		ap.dims[0].num = (uint16_t)(1 + below(prng, UINT16_MAX));
	}
	return ap;
}

static struct trn_isa_mem side(struct trn_prng *prng)
{
	struct trn_isa_mem mem = { .space = TRN_SPACE_SBUF };
	uint32_t dims = 1 + below(prng, 4);

	if (below(prng, 2)) {
		mem.u.chip.ap = pattern(prng, true);
		mem.dtype = mem.u.chip.ap.dtype;
		return mem;
	}
	mem.space = TRN_SPACE_DRAM;
	mem.dtype = (uint8_t)(1 + below(prng, TRN_DTYPE_COUNT - 1));
	mem.arg = (uint8_t)below(prng, TRN_TEST_INSN_ARGS);
	mem.u.dram.offset = trn_prng_next(prng) >> below(prng, 64);
	if (below(prng, 2)) {
		mem.reg = (uint8_t)(1 + below(prng, TRN_ISA_REGISTERS));
		mem.reg_scale = number(prng);
	}
	for (uint32_t i = 0; i < dims; i++)
		mem.u.dram.dims[i] = (struct trn_isa_dram_dim){ .step = (int32_t)number(prng),
								.num = number(prng) | 1 };
	return mem;
}

static void make_head(struct trn_prng *prng, const struct trn_isa_op *form,
		      struct trn_isa_head *head)
{
	head->wait_mode = (uint8_t)below(prng, TRN_WAIT_CONSUME + 1);
	head->inc_mode = (uint8_t)below(prng, form->kind == TRN_KIND_DMA ? 2 : 3);
	if (head->wait_mode) {
		head->wait_sem = (uint8_t)trn_prng_next(prng);
		head->wait_value = head->wait_mode == TRN_WAIT_GE_REG ?
					   below(prng, TRN_ISA_REGISTERS) :
					   number(prng);
	}
	if (head->inc_mode) {
		head->inc_sem = (uint8_t)trn_prng_next(prng);
		head->inc_value = number(prng);
	}
	head->flags = (uint8_t)(trn_prng_next(prng) & form->flags);
}

static void make_compute(struct trn_prng *prng, const struct trn_isa_op *form,
			 struct trn_isa_compute *insn)
{
	for (unsigned int slot = 0; slot < TRN_AP_INDEX; slot++) {
		struct trn_isa_ap ap = pattern(prng, false);
		bool wanted = form->required >> slot & 1;

		if (trn_isa_slot_word[slot] > insn->head.words)
			continue;
		if (wanted || (form->optional >> slot & 1 && below(prng, 2)))
			memcpy((uint8_t *)insn + trn_isa_slot_offset[slot], &ap, sizeof(ap));
	}
	if (insn->head.words == TRN_ISA_WORDS_MAX && form->indirect && below(prng, 2)) {
		do
			insn->head.indirect = (uint8_t)(1 + below(prng, TRN_AP_COUNT));
		while (!(form->indirect >> (insn->head.indirect - 1) & 1));
		insn->index = pattern(prng, false);
	}
	if (insn->head.words > 1 && below(prng, 2)) {
		insn->imm4 = number(prng);
		insn->imm5 = number(prng);
	}
}

static void make_dma(struct trn_prng *prng, const struct trn_isa_op *form, struct trn_isa_dma *insn)
{
	insn->op0 = (uint8_t)below(prng, form->kind == TRN_KIND_DMA ? 4 : TRN_ISA_REGISTERS);
	insn->mode = (uint8_t)below(prng, form->kind == TRN_KIND_DMA ? TRN_DMA_PRIORITIES : 256);
	if (insn->head.op != TRN_OP_REG_LOAD)
		insn->dst = side(prng);
	if (insn->head.op != TRN_OP_REG_STORE)
		insn->src = side(prng);
	if (insn->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER))
		insn->index = pattern(prng, true);
}

static void make_sequencer(struct trn_prng *prng, struct trn_isa_compute *insn)
{
	insn->op0 = (uint8_t)below(prng, TRN_ISA_REGISTERS);
	insn->op1 = (uint8_t)below(prng, TRN_ISA_REGISTERS);
	insn->func = (uint8_t)below(prng, TRN_ISA_REGISTERS);
	if (insn->head.op == TRN_OP_BRANCH) {
		insn->mode = (uint8_t)(TRN_ALU_EQ + below(prng, 6));
		insn->imm[1] = 0;
	} else if (insn->head.op == TRN_OP_REG_ARG) {
		insn->imm[0] = below(prng, TRN_TEST_INSN_ARGS);
		insn->imm[1] = below(prng, 4);
	}
}

void trn_test_insn_make(struct trn_prng *prng, uint8_t op, union trn_test_insn *insn)
{
	const struct trn_isa_op *form = trn_isa_op(op);

	memset(insn, 0, sizeof(*insn));
	insn->c.head.op = op;
	insn->c.head.words =
		(uint8_t)(form->words_min + below(prng, 1u + form->words_max - form->words_min));
	make_head(prng, form, &insn->c.head);
	insn->c.op0 = (uint8_t)below(prng, 60);
	insn->c.op1 = (uint8_t)trn_prng_next(prng);
	insn->c.func = (uint8_t)below(prng, 30);
	insn->c.mode = (uint8_t)below(prng, 6);
	for (unsigned int i = 0; i < 4; i++)
		insn->c.imm[i] = number(prng);
	if (form->layout == TRN_LAYOUT_COMPUTE)
		make_compute(prng, form, &insn->c);
	else if (form->layout == TRN_LAYOUT_DMA)
		make_dma(prng, form, &insn->d);
	else
		make_sequencer(prng, &insn->c);
}

enum trn_engine trn_test_insn_engine(struct trn_prng *prng, uint8_t op)
{
	uint32_t engine;

	do
		engine = below(prng, TRN_ENGINE_COUNT);
	while (!(trn_isa_op(op)->engines >> engine & 1));
	return (enum trn_engine)engine;
}
