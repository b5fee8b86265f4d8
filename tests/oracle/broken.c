/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that break one rule of docs/isa.md, section 11: the model must name it. */
#include "drive.h"

#include <string.h>

#define RULE(name) (1u << TRN_RULE_##name)
#define TRIES 40u

enum layout {
	WORD,
	COMPUTE,
	DMA
};

/* Which of op0, op1, func, mode have a meaning. */
#define P0 1u
#define P1 2u
#define PF 4u
#define PM 8u
#define NONE 0u

/* The table of sections 5, 7 and 8, as far as it says what must be 0. */
struct form {
	uint8_t op, layout, words_min, words_max, flags, params, imms;
	bool free; /* DST may have any number of elements */
};

static const struct form forms[] = {
	{ TRN_OP_NOP, WORD, 1, 1, 0, NONE, 0, false },
	{ TRN_OP_BRANCH, WORD, 1, 1, 1, P1 | PF | PM, 0x03, false },
	{ TRN_OP_REG_MOVE, WORD, 1, 1, 1, P0 | P1, 0x01, false },
	{ TRN_OP_REG_ALU, WORD, 1, 1, 1, P0 | P1 | PF | PM, 0x01, false },
	{ TRN_OP_REG_LOAD, DMA, 3, 3, 0, P0, 0, true },
	{ TRN_OP_REG_STORE, DMA, 3, 3, 0, P0, 0, true },
	{ TRN_OP_REG_ARG, WORD, 1, 1, 0, P0, 0x03, false },
	{ TRN_OP_NOTIFY, WORD, 1, 1, 1, PF, 0x03, false },
	{ TRN_OP_SET_ROUNDING, WORD, 1, 1, 0, PM, 0x01, false },
	{ TRN_OP_DMA_COPY, DMA, 3, 3, 0x07, P0 | PM, 0, false },
	{ TRN_OP_DMA_TRANSPOSE, DMA, 3, 3, 0x05, P0 | PM, 0, false },
	{ TRN_OP_DMA_ADD, DMA, 3, 3, 0x0f, P0 | PM, 0x01, false },
	{ TRN_OP_MATMUL, COMPUTE, 2, 4, 0x3f, P0 | P1, 0, false },
	{ TRN_OP_TRANSPOSE, COMPUTE, 2, 3, 0, NONE, 0, false },
	{ TRN_OP_MATMUL_MX, COMPUTE, 4, 4, 0x09, P0 | P1, 0, false },
	{ TRN_OP_QUANTIZE_MX, COMPUTE, 3, 3, 0, NONE, 0, false },
	{ TRN_OP_TENSOR_COPY, COMPUTE, 2, 4, 0, NONE, 0, false },
	{ TRN_OP_MEMSET, COMPUTE, 1, 3, 0, NONE, 0x01, true },
	{ TRN_OP_TENSOR_TENSOR, COMPUTE, 2, 4, 0, P0, 0, false },
	{ TRN_OP_TENSOR_SCALAR, COMPUTE, 2, 4, 0x0f, P0 | P1, 0x03, false },
	{ TRN_OP_TENSOR_REDUCE, COMPUTE, 2, 4, 0x10, PF, 0x01, false },
	{ TRN_OP_ACTIVATION, COMPUTE, 2, 4, 0x03, PF | PM, 0x07, false },
	{ TRN_OP_EXPONENTIAL, COMPUTE, 2, 4, 0x01, PM, 0x03, false },
	{ TRN_OP_RECIPROCAL, COMPUTE, 2, 3, 0, NONE, 0, false },
	{ TRN_OP_IOTA, COMPUTE, 2, 3, 0, NONE, 0x3f, true },
	{ TRN_OP_AFFINE_SELECT, COMPUTE, 2, 3, 0, P0, 0x3f, false },
	{ TRN_OP_RANGE_SELECT, COMPUTE, 2, 3, 0x03, P0 | P1 | PM, 0x07, false },
	{ TRN_OP_MAX8, COMPUTE, 2, 3, 0, NONE, 0, false },
	{ TRN_OP_FIND_INDEX8, COMPUTE, 2, 3, 0, NONE, 0, false },
	{ TRN_OP_MATCH_REPLACE8, COMPUTE, 2, 3, 0, NONE, 0x01, false },
	{ TRN_OP_SCALAR_TENSOR_TENSOR, COMPUTE, 3, 3, 0x0d, P0 | P1, 0x01, false },
	{ TRN_OP_TENSOR_SCAN, COMPUTE, 2, 3, 0x0e, P0 | P1, 0x02, false },
	{ TRN_OP_SCALAR_CUMULATIVE, COMPUTE, 2, 4, 0x0d, P0 | P1 | PM, 0x03, false },
	{ TRN_OP_SCALAR_REDUCE, COMPUTE, 2, 4, 0x11, P0 | PF | PM, 0x03, false },
	{ TRN_OP_ACTIVATE2, COMPUTE, 2, 4, 0x0f, P0 | P1 | PF | PM, 0x0f, false },
	{ TRN_OP_SELECT_REDUCE, COMPUTE, 2, 3, 0x20, PM, 0x03, false },
	{ TRN_OP_COPY_PREDICATED, COMPUTE, 2, 4, 0x20, NONE, 0x01, false },
	{ TRN_OP_BN_STATS, COMPUTE, 2, 3, 0, NONE, 0, false },
	{ TRN_OP_BN_AGGR, COMPUTE, 2, 3, 0, NONE, 0, false },
	{ TRN_OP_STREAM_SHUFFLE, COMPUTE, 2, 3, 0, NONE, 0x3f, false },
	{ TRN_OP_DROPOUT, COMPUTE, 2, 3, 0x01, NONE, 0x01, false },
	{ TRN_OP_RNG, COMPUTE, 1, 3, 0, NONE, 0, true },
	{ TRN_OP_RAND2, COMPUTE, 1, 3, 0x03, NONE, 0x03, true },
	{ TRN_OP_SET_RNG_SEED, COMPUTE, 2, 3, 0, NONE, 0, true },
	{ TRN_OP_RAND_SET_STATE, COMPUTE, 2, 3, 0, NONE, 0, true },
	{ TRN_OP_RAND_GET_STATE, COMPUTE, 1, 3, 0, NONE, 0, false },
	{ TRN_OP_PARTITION_REDUCE, COMPUTE, 2, 3, 0x01, PF, 0, false },
	{ TRN_OP_TOPK, COMPUTE, 3, 3, 0, NONE, 0x03, false },
	{ TRN_OP_NONZERO_COUNT, COMPUTE, 2, 3, 0, NONE, 0x03, false },
	{ TRN_OP_LOCAL_GATHER, COMPUTE, 2, 3, 0, NONE, 0x03, false },
	{ TRN_OP_N_GATHER, COMPUTE, 2, 3, 0, NONE, 0, false },
	{ TRN_OP_SEQUENCE_BOUNDS, COMPUTE, 2, 3, 0, NONE, 0, false },
};

/* One instruction that is about to be broken. */
struct victim {
	struct orc_rng rng;
	const struct form *form;
	const struct orc_row *row;
	uint32_t number, sbuf, engine;
	bool preload, alone; /* PSUM is written; no compute instruction before it */
	struct trn_isa_compute c;
	struct trn_isa_dma d; /* the same words, in the layout of DMAs */
};

static uint32_t below(struct victim *v, uint32_t n)
{
	return orc_below(&v->rng, n);
}

/* A present operand of a compute instruction; NULL where there is none. */
static struct trn_isa_ap *operand(struct victim *v)
{
	struct trn_isa_ap *const all[] = { &v->c.dst,  &v->c.src0, &v->c.src1,
					   &v->c.src2, &v->c.dst2, &v->c.src3 };
	struct trn_isa_ap *ap;

	if (v->form->layout != COMPUTE)
		return NULL;
	do
		ap = all[below(v, ORC_LEN(all))];
	while (ap->space == TRN_SPACE_NONE);
	return ap;
}

/* --- one broken thing each; the rules that may be named, 0: does not apply --- */

static uint32_t break_opcode(struct victim *v)
{
	static const uint8_t none[] = { 0x00, 0x0c, 0x0f, 0x14, 0x1f, 0x24, 0x2f,
					0x4e, 0x4f, 0x56, 0x7f, 0x80, 0xff };

	v->c.head.op = none[below(v, ORC_LEN(none))];
	return RULE(OPCODE);
}

static uint32_t break_generation(struct victim *v)
{
	static const uint8_t later[] = { TRN_OP_MATMUL_MX, TRN_OP_QUANTIZE_MX, TRN_OP_EXPONENTIAL,
					 TRN_OP_ACTIVATE2, TRN_OP_RAND2 };

	if (v->number >= 3)
		return 0;
	v->c.head.op = later[below(v, ORC_LEN(later))];
	/* It may be another engine's, too. */
	return RULE(OPCODE) | RULE(ENGINE);
}

static uint32_t break_engine(struct victim *v)
{
	uint32_t engines = 0;

	for (unsigned int k = 0; k < orc_row_count; k++) {
		if (orc_rows[k].op == v->row->op)
			engines |= orc_rows[k].engines;
	}
	if (v->form->layout != COMPUTE)
		return 0;
	do
		v->engine = below(v, TRN_ENGINE_COUNT);
	while (engines >> v->engine & 1);
	return RULE(ENGINE);
}

static uint32_t break_length(struct victim *v)
{
	static const uint8_t wrong[] = { 0, 5, 8, 255 };

	v->c.head.words = wrong[below(v, ORC_LEN(wrong))];
	if (v->form->words_max < 4 && below(v, 2))
		v->c.head.words = (uint8_t)(v->form->words_max + 1);
	else if (v->form->words_min > 1 && below(v, 2))
		v->c.head.words = (uint8_t)(v->form->words_min - 1);
	return RULE(LENGTH);
}

static uint32_t break_flags(struct victim *v)
{
	const uint8_t bit = (uint8_t)(1u << below(v, 8));

	if (v->form->flags & bit)
		return 0;
	v->c.head.flags |= bit;
	return RULE(RESERVED);
}

static uint32_t break_indirect(struct victim *v)
{
	/* Where some operand may have an index, the missing INDEX is rule SPACE. */
	if (v->form->words_max == 4 && v->number >= 3)
		return 0;
	v->c.head.indirect = (uint8_t)(1 + below(v, 255));
	return RULE(RESERVED);
}

static uint32_t break_wait(struct victim *v)
{
	struct trn_isa_head *h = &v->c.head;

	switch (below(v, 7)) {
	case 0:
		h->wait_sem = 3;
		return RULE(RESERVED);
	case 1:
		h->wait_value = 1;
		return RULE(RESERVED);
	case 2:
		h->wait_mode = (uint8_t)(4 + below(v, 250));
		return RULE(RESERVED) | RULE(OPERATOR);
	case 3:
		h->wait_mode = TRN_WAIT_GE_REG;
		h->wait_value = 64 + below(v, 1000);
		return RULE(REGISTER);
	case 4:
		h->inc_value = 1;
		return RULE(RESERVED);
	case 5:
		h->inc_mode = (uint8_t)(3 + below(v, 250));
		return RULE(RESERVED) | RULE(OPERATOR);
	default:
		if (h->op < TRN_OP_DMA_COPY || h->op > TRN_OP_SENDRECV)
			return 0;
		h->inc_mode = TRN_INC_SUB;
		return RULE(OPERATOR);
	}
}

static uint32_t break_parameter(struct victim *v)
{
	uint8_t *const params[] = { &v->c.op0, &v->c.op1, &v->c.func, &v->c.mode };
	const uint32_t k = below(v, 4);

	if (v->form->params >> k & 1)
		return 0;
	*params[k] = (uint8_t)(1 + below(v, 255));
	return RULE(RESERVED);
}

static uint32_t break_immediate(struct victim *v)
{
	uint32_t *const imms[] = { &v->c.imm[0], &v->c.imm[1], &v->c.imm[2],
				   &v->c.imm[3], &v->c.imm4,   &v->c.imm5 };
	const uint32_t k = below(v, v->form->layout == COMPUTE && v->c.head.words > 1 ? 6 : 4);

	if (v->form->imms >> k & 1)
		return 0;
	*imms[k] = 1u << below(v, 32);
	return RULE(RESERVED);
}

static uint32_t break_reserved(struct victim *v)
{
	if (v->form->layout == DMA) {
		v->d.reserved1[below(v, 4)] = 1;
		memcpy(&v->c, &v->d, sizeof(v->d));
		return RULE(RESERVED);
	}
	if (v->form->layout == WORD) {
		v->c.dst.dims[below(v, 4)].num = 1;
		return RULE(RESERVED);
	}
	if (v->c.head.words < 3)
		return 0;
	v->c.reserved[below(v, 2)] = 1u << below(v, 32);
	return RULE(RESERVED);
}

/* An operand that the instruction has not: SRC3 in what may have four words. */
static uint32_t break_extra(struct victim *v)
{
	if (v->form->layout != COMPUTE || v->form->words_max < 4 || v->c.src3.space)
		return 0; /* else SRC3 is one of its operands */
	v->c.src3 = v->c.dst;
	v->c.head.words = 4;
	return RULE(RESERVED);
}

static uint32_t break_partitions(struct victim *v)
{
	struct trn_isa_ap *ap = operand(v);

	if (!ap)
		return 0;
	switch (below(v, 4)) {
	case 0:
		ap->partitions = 0;
		break;
	case 1:
		ap->partitions = (uint8_t)(129 + below(v, 127));
		break;
	case 2:
		ap->start = (uint8_t)(129 - ap->partitions + below(v, 100));
		break;
	default:
		ap->start = (uint8_t)(ap->start + 1);
		break;
	}
	return RULE(PARTITION) | RULE(SHAPE);
}

static uint32_t break_dims(struct victim *v)
{
	struct trn_isa_ap *ap = operand(v);

	if (!ap)
		return 0;
	switch (below(v, 3)) {
	case 0:
		ap->ndims = (uint8_t)(5 + below(v, 200));
		return RULE(SHAPE);
	case 1:
		ap->dims[below(v, ap->ndims)].num = 0;
		return RULE(SHAPE);
	default:
		/* loops that are not there must be 0 */
		if (ap->ndims == 4)
			return 0;
		ap->dims[ap->ndims].num = 1;
		return RULE(RESERVED);
	}
}

static uint32_t break_offset(struct victim *v)
{
	struct trn_isa_ap *ap = operand(v);
	const uint32_t size = ap ? orc_size(ap->dtype) : 0;

	if (!ap || ap->reg)
		return 0;
	switch (below(v, 3)) {
	case 0:
		ap->offset = ap->space == TRN_SPACE_PSUM ? ORC_PSUM_BYTES : v->sbuf;
		return RULE(RANGE) | RULE(BANK);
	case 1:
		ap->offset = 0xfffffff0u;
		return RULE(RANGE) | RULE(BANK);
	default:
		if (size < 2)
			return 0;
		ap->offset += 1 + below(v, size - 1);
		return RULE(ALIGN) | RULE(RANGE) | RULE(BANK);
	}
}

static uint32_t break_register(struct victim *v)
{
	struct trn_isa_ap *ap = operand(v);

	if (!ap)
		return 0;
	ap->reg = (uint8_t)(65 + below(v, 190));
	return RULE(REGISTER);
}

static uint32_t break_dtype(struct victim *v)
{
	static const uint8_t none[] = { 0, 19, 20, 63, 255 };
	static const uint8_t later[] = { TRN_DTYPE_F8E4M3FN, TRN_DTYPE_F8E5M2_X4,
					 TRN_DTYPE_F8E8M0 };
	struct trn_isa_ap *ap = operand(v);

	if (!ap)
		return 0;
	ap->dtype = none[below(v, ORC_LEN(none))];
	if (v->number < 3 && below(v, 2))
		ap->dtype = later[below(v, ORC_LEN(later))];
	return RULE(DTYPE);
}

static uint32_t break_space(struct victim *v)
{
	struct trn_isa_ap *ap = operand(v);

	if (!ap)
		return 0;
	switch (below(v, 4)) {
	case 0:
		ap->space = (uint8_t)(TRN_SPACE_DRAM + below(v, 200));
		return RULE(SPACE);
	case 1:
		/* absent, but not 28 bytes 0 */
		ap->space = TRN_SPACE_NONE;
		return RULE(RESERVED) | RULE(SPACE);
	case 2:
		if (ap != &v->c.dst && ap != &v->c.src0)
			return 0;
		/* COPY_PREDICATED may be without SRC0, the generators have only one operand */
		if (v->c.head.op == TRN_OP_COPY_PREDICATED && ap == &v->c.src0)
			return 0;
		memset(ap, 0, sizeof(*ap));
		return RULE(SPACE);
	default:
		if (v->engine == TRN_ENGINE_TENSOR && ap == &v->c.dst)
			ap->space = TRN_SPACE_SBUF;
		else if (v->engine == TRN_ENGINE_TENSOR || v->engine == TRN_ENGINE_GPSIMD)
			ap->space = TRN_SPACE_PSUM;
		else
			return 0;
		/* The same bytes may lie outside the other memory. */
		return RULE(SPACE) | RULE(RANGE);
	}
}

static uint32_t break_pattern(struct victim *v)
{
	struct trn_isa_ap *ap = operand(v);

	if (!ap)
		return 0;
	ap->reserved = (uint16_t)(1u << below(v, 16));
	return RULE(RESERVED);
}

static uint32_t break_count(struct victim *v)
{
	struct trn_isa_ap *dst = &v->c.dst;

	/* With an index the other counts may still go together. */
	if (v->form->layout != COMPUTE || v->form->free || v->c.head.indirect)
		return 0;
	dst->dims[dst->ndims - 1].num = (uint16_t)(dst->dims[dst->ndims - 1].num + 1);
	return RULE(SHAPE) | RULE(RANGE) | RULE(BANK);
}

static uint32_t break_operator(struct victim *v)
{
	static const uint8_t none[] = { 18, 31, 38, 47, 53, 64, 255 };
	uint8_t *const params[] = { &v->c.op0, &v->c.op1, &v->c.func, &v->c.mode };
	const uint32_t k = below(v, 4);

	if (!(v->form->params >> k & 1) || v->form->layout != COMPUTE)
		return 0;
	/* of a function, only what is above the activation functions */
	*params[k] = none[k == 2 ? ORC_LEN(none) - 1 - below(v, 3) : below(v, ORC_LEN(none))];
	/* Of an operator that MATMUL's flags do not ask for: RESERVED. */
	return RULE(OPERATOR) | RULE(RESERVED);
}

static uint32_t break_sequencer(struct victim *v)
{
	static const uint8_t not_reg[] = { TRN_ALU_POW,
					   TRN_ALU_ABS_MAX,
					   TRN_ALU_ABS_MIN,
					   TRN_ALU_SQUARE,
					   TRN_ALU_RSQRT,
					   18,
					   53,
					   255 };
	struct trn_isa_compute *c = &v->c;

	switch (c->head.op) {
	case TRN_OP_REG_MOVE:
	case TRN_OP_REG_LOAD:
	case TRN_OP_REG_STORE:
		c->op0 = (uint8_t)(64 + below(v, 190));
		return RULE(REGISTER);
	case TRN_OP_REG_ALU:
		if (below(v, 2)) {
			c->op1 = (uint8_t)(64 + below(v, 190));
			return RULE(REGISTER);
		}
		c->mode = not_reg[below(v, ORC_LEN(not_reg))];
		return RULE(OPERATOR);
	case TRN_OP_BRANCH:
		if (below(v, 2)) {
			c->imm[1] = 1000 + below(v, 100000);
			return RULE(BRANCH);
		}
		c->mode = TRN_ALU_ADD;
		return RULE(OPERATOR);
	case TRN_OP_REG_ARG:
		c->imm[below(v, 2)] = 4 + below(v, 1000);
		return RULE(ARGUMENT);
	case TRN_OP_SET_ROUNDING:
		c->mode = (uint8_t)(2 + below(v, 200));
		return RULE(OPERATOR);
	default:
		return 0;
	}
}

/* PSUM that nobody wrote in this launch; reported when the instruction retires. */
static uint32_t break_unwritten(struct victim *v)
{
	const struct trn_isa_compute *c = &v->c;

	if (v->preload || !v->alone || v->form->layout != COMPUTE)
		return 0;
	if (v->engine == TRN_ENGINE_TENSOR &&
	    (c->head.op == TRN_OP_MATMUL || c->head.op == TRN_OP_MATMUL_MX)) {
		if (c->head.flags & TRN_MATMUL_TRANSPOSE)
			return 0;
		v->c.head.flags |= TRN_MATMUL_ACCUMULATE;
		return RULE(PSUM_UNINIT);
	}
	if (c->src0.space == TRN_SPACE_PSUM || c->src1.space == TRN_SPACE_PSUM ||
	    c->src2.space == TRN_SPACE_PSUM)
		return RULE(PSUM_UNINIT);
	return 0;
}

static uint32_t break_bank(struct victim *v)
{
	struct trn_isa_ap *dst = &v->c.dst;

	if (v->number >= 3 || v->c.head.op != TRN_OP_MATMUL || orc_ap_count(dst) < 2)
		return 0;
	for (uint32_t d = 0; d < dst->ndims; d++)
		dst->dims[d].step =
			(int16_t)(dst->dims[d].step < 0 ? -dst->dims[d].step : dst->dims[d].step);
	dst->offset = 2048u - orc_size(dst->dtype);
	return RULE(BANK);
}

/* --- DMAs --- */

static struct trn_isa_mem *dram_of(struct victim *v)
{
	const bool has_src = v->d.head.op != TRN_OP_REG_STORE;
	const bool has_dst = v->d.head.op != TRN_OP_REG_LOAD;

	if (has_src && v->d.src.space == TRN_SPACE_DRAM && (below(v, 2) || !has_dst))
		return &v->d.src;
	return has_dst && v->d.dst.space == TRN_SPACE_DRAM ? &v->d.dst : NULL;
}

static uint32_t break_dram(struct victim *v)
{
	struct trn_isa_mem *mem = v->form->layout == DMA ? dram_of(v) : NULL;
	uint32_t rules = 0;

	if (!mem)
		return 0;
	switch (below(v, 5)) {
	case 0:
		mem->arg = (uint8_t)(2 + below(v, 200)); /* 2 is a number */
		rules = RULE(ARGUMENT);
		break;
	case 1:
		if (v->d.head.flags & TRN_DMA_OOB_SKIP)
			return 0;
		mem->u.dram.offset = ORC_DRAM_BYTES + below(v, 1u << 30);
		rules = RULE(RANGE);
		break;
	case 2:
		mem->reg = (uint8_t)(65 + below(v, 190));
		rules = RULE(REGISTER);
		break;
	case 3:
		mem->reg = 0;
		mem->reg_scale = 1 + below(v, 100);
		rules = RULE(RESERVED);
		break;
	default:
		mem->space = TRN_SPACE_PSUM;
		rules = RULE(SPACE) | RULE(RESERVED) | RULE(DTYPE);
		break;
	}
	memcpy(&v->c, &v->d, sizeof(v->d));
	return rules;
}

static uint32_t break_dma(struct victim *v)
{
	if (v->form->layout != DMA || v->d.head.op < TRN_OP_DMA_COPY)
		return 0;
	switch (below(v, 4)) {
	case 0:
		v->d.op0 = (uint8_t)(4 + below(v, 250));
		break;
	case 1:
		v->d.mode = (uint8_t)(v->number >= 3 ? 4 + below(v, 250) : 1 + below(v, 255));
		break;
	case 2:
		if (v->engine == TRN_ENGINE_GPSIMD)
			return 0;
		v->d.op0 = TRN_DGE_SOFTWARE;
		break;
	default:
		if (v->d.head.op != TRN_OP_DMA_ADD)
			return 0;
		v->d.imm[0] = below(v, 2) ? 0 : 17 + below(v, 1000);
		break;
	}
	memcpy(&v->c, &v->d, sizeof(v->d));
	return RULE(OPERATOR) | (v->d.head.op == TRN_OP_DMA_ADD ? RULE(SHAPE) : 0);
}

static uint32_t break_index(struct victim *v)
{
	if (v->form->layout != DMA || !(v->d.head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER)))
		return 0;
	switch (below(v, 3)) {
	case 0:
		v->d.index.dtype = TRN_DTYPE_U16;
		memcpy(&v->c, &v->d, sizeof(v->d));
		return RULE(DTYPE);
	case 1:
		v->d.index.dims[0].num = 2;
		memcpy(&v->c, &v->d, sizeof(v->d));
		return RULE(SHAPE) | RULE(RANGE);
	default:
		memset(&v->d.index, 0, sizeof(v->d.index));
		memcpy(&v->c, &v->d, sizeof(v->d));
		return RULE(SPACE);
	}
}

static uint32_t (*const breaks[])(struct victim *v) = {
	break_opcode,    break_generation, break_engine,    break_length,    break_flags,
	break_indirect,  break_wait,       break_parameter, break_immediate, break_reserved,
	break_extra,     break_partitions, break_dims,      break_offset,    break_register,
	break_dtype,     break_space,      break_pattern,   break_count,     break_operator,
	break_sequencer, break_unwritten,  break_bank,      break_dram,      break_dram,
	break_dma,       break_index,
};

/* --- one launch each --- */

static const struct form *form_of(uint32_t op)
{
	for (size_t k = 0; k < ORC_LEN(forms); k++) {
		if (forms[k].op == op)
			return &forms[k];
	}
	return NULL;
}

/* The case up to the last instruction of the row; false where it has none. */
static bool cut(struct orc_case *g, uint32_t op)
{
	while (g->count > 0 && g->inst[g->count - 1].head.op != op)
		g->count--;
	return g->count > 0;
}

static bool is_first_compute(const struct orc_case *g)
{
	for (uint32_t k = 0; k + 1 < g->count; k++) {
		if (g->inst[k].head.op >= TRN_OP_MATMUL)
			return false;
	}
	return true;
}

/* Words of it in the stream; a length that is none is written into the first byte only. */
static void emit_broken(struct orc_bench *bench, const struct victim *v)
{
	const uint32_t words = v->c.head.words >= 1 && v->c.head.words <= 4 ? v->c.head.words : 1;
	void *to = trn_test_emit(&bench->tc, v->engine, v->c.head.op, (uint8_t)words);

	memcpy(to, &v->c, words * (size_t)TRN_ISA_WORD_SIZE);
}

static void judge(struct orc_bench *bench, const struct victim *v, uint32_t index, uint32_t pc,
		  uint32_t error, uint32_t rules, struct orc_tally *tally)
{
	const struct trn_ext_status *status = bench->tc.status;
	const bool named = status->rule < 32 && (rules >> status->rule & 1);

	tally->refused++;
	if (error == TRN_EXT_ERR_INSTRUCTION && named && status->engine == v->engine &&
	    status->pc == pc && (status->opcode == v->c.head.op || status->opcode == 0))
		return;
	tally->failed++;
	printf("# %s %s %s, refusal %u: error %u rule %u engine %u pc %u opcode 0x%02x, want error "
	       "5, one of the rules 0x%x, engine %u pc %u\n",
	       bench->gen_name, v->row->group, v->row->name, index, error, status->rule,
	       status->engine, status->pc, status->opcode, rules, v->engine, pc);
	printf("#   replay: TRN_SEED=%llu oracle %s --replay %s:r%u\n",
	       (unsigned long long)bench->seed, v->row->name, bench->gen_name, index);
	orc_print_inst(stdout, &v->c);
}

static void refuse_one(struct orc_bench *bench, const struct orc_row *row, const struct form *form,
		       uint32_t index, struct orc_tally *tally)
{
	struct orc_layout l = orc_layout_of(bench, row, 0x80000000u + index);
	struct orc_case room, g;
	struct victim v = { .row = row, .form = form, .number = bench->number };
	uint32_t rules = 0, pc;

	l.slots = 16;
	room = orc_room(bench, &l, 0);
	/* The generator believes that PSUM is there; whether it is, is one of the breaks. */
	room.psum_ready = true;
	g = room;
	orc_one_case(&g, row, &room);
	if (!cut(&g, row->op))
		return;
	orc_prologue(bench, &l);
	orc_set_arguments(bench, &l.rng);
	v.rng = l.rng;
	for (uint32_t k = 0; k < TRIES && rules == 0; k++) {
		v.c = g.inst[g.count - 1];
		memcpy(&v.d, &v.c, sizeof(v.d));
		v.engine = g.engine;
		v.sbuf = bench->m->pitch[TRN_SPACE_SBUF];
		v.preload = l.preload;
		v.alone = is_first_compute(&g);
		rules = breaks[below(&v, ORC_LEN(breaks))](&v);
	}
	/* Only with all memory written an instruction breaks nothing but that. */
	if (rules == 0 || (!l.preload && !(rules & RULE(PSUM_UNINIT)) && orc_reads_psum(&g)))
		return;
	g.count--;
	if (v.engine != g.engine)
		g.count = 0;
	orc_emit_case(bench, &g);
	pc = bench->tc.desc->stream[v.engine].words;
	if (v.c.head.op == TRN_OP_BRANCH)
		v.c.imm[1] += pc;
	emit_broken(bench, &v);
	orc_arguments(bench);
	orc_poke_zone(bench, &l);
	judge(bench, &v, index, pc, trn_test_launch(&bench->tc), rules, tally);
	trn_test_recover(&bench->tc);
}

void orc_refusals(struct orc_bench *bench, const struct orc_row *row, uint32_t first,
		  uint32_t count, struct orc_tally *tally)
{
	const struct form *form = form_of(row->op);
	const uint32_t before = tally->failed;

	for (uint32_t k = first; k < first + count && form; k++) {
		refuse_one(bench, row, form, k, tally);
		if (tally->failed > before + 3)
			break;
	}
	/* What ran in front of the broken ones is not in the oracle's memory. */
	bench->dirty = true;
}
