/* SPDX-License-Identifier: Apache-2.0 */
/* Random DMAs and sequencer programs: sections 5 and 7. */
#include "gen.h"

#include <string.h>

#define ARG_ALL 0u    /* all of the DRAM */
#define ARG_PART 1u   /* a part of it */
#define ARG_NUMBER 2u /* a number */

/* A pattern in SBUF at any start: DMAs reach any partition. */
static struct trn_isa_mem chip_side(struct orc_case *g, uint32_t dtype, uint32_t partitions,
				    uint32_t count)
{
	struct trn_isa_mem mem = { .space = TRN_SPACE_SBUF, .dtype = (uint8_t)dtype };

	mem.u.chip.ap = orc_operand(g, TRN_SPACE_SBUF, dtype, partitions, count);
	mem.u.chip.ap.start = (uint8_t)orc_below(&g->rng, 129 - partitions);
	return mem;
}

/* Loops in DRAM with these nums, room in the slot of the case; steps with gaps and signs. */
static struct trn_isa_mem dram_side(struct orc_case *g, uint32_t dtype, const uint32_t *nums,
				    uint32_t rank)
{
	struct trn_isa_mem mem = { .space = TRN_SPACE_DRAM, .dtype = (uint8_t)dtype };
	const uint32_t size = orc_size(dtype);
	int64_t unit = 1, least = 0, bytes;

	for (uint32_t d = rank; d-- > 0;) {
		struct trn_isa_dram_dim *dim = &mem.u.dram.dims[d];

		*dim = (struct trn_isa_dram_dim){ (int32_t)unit, nums[d] };
		if (orc_chance(&g->rng, 15)) {
			dim->step = (int32_t)-unit;
			least -= unit * (nums[d] - 1);
		}
		unit *= nums[d];
		if (orc_chance(&g->rng, 20))
			unit += orc_below(&g->rng, 5);
	}
	bytes = unit * size;
	if (g->lo[TRN_SPACE_DRAM] + bytes > g->hi[TRN_SPACE_DRAM]) {
		g->full = true;
		bytes = 0;
		least = 0;
	}
	mem.arg = ARG_ALL;
	mem.u.dram.offset = (uint64_t)((int64_t)g->lo[TRN_SPACE_DRAM] - least * size);
	g->lo[TRN_SPACE_DRAM] += (uint32_t)bytes;
	return mem;
}

static void dram_register(struct orc_case *g, struct trn_isa_mem *mem)
{
	const uint32_t reg = 7 * g->count % TRN_ISA_REGISTERS, scale = 1 + orc_below(&g->rng, 9);
	const uint32_t value = orc_below(&g->rng, (uint32_t)mem->u.dram.offset / scale + 1);
	struct trn_isa_compute *c;

	if (mem->space != TRN_SPACE_DRAM || !orc_chance(&g->rng, 15))
		return;
	c = orc_emit(g, TRN_OP_REG_MOVE, 1);
	c->head.flags = TRN_REG_IMM;
	c->op0 = (uint8_t)reg;
	c->imm[0] = value;
	mem->reg = (uint8_t)(reg + 1);
	mem->reg_scale = scale;
	mem->u.dram.offset -= (uint64_t)value * scale;
}

/* Random bytes in all of the DRAM that the case has: values of dtypes as they come. */
static void fill_dram(struct orc_case *g, uint32_t from, uint32_t dtype)
{
	const uint32_t size = orc_size(dtype);
	const enum orc_values values =
		(enum orc_values)(ORC_BITS + orc_below(&g->rng, ORC_VALUES - 1));

	for (uint32_t at = from; at + size <= g->lo[TRN_SPACE_DRAM]; at += size)
		orc_write(g->m, TRN_SPACE_DRAM, 0, at, size, orc_value(g, dtype, values));
}

/* A side with so many elements as rows of equal length. */
static struct trn_isa_mem any_side(struct orc_case *g, uint32_t dtype, uint32_t rows, uint32_t each,
				   bool chip, bool fill)
{
	const uint32_t nums[2] = { rows, each }, from = g->lo[TRN_SPACE_DRAM];
	struct trn_isa_mem mem;

	if (chip) {
		mem = chip_side(g, dtype, rows, each);
		if (fill)
			orc_fill(g, &mem.u.chip.ap, ORC_ANY);
		return mem;
	}
	mem = dram_side(g, dtype, nums, 2);
	if (fill)
		fill_dram(g, from, dtype);
	return mem;
}

static void put_dma(struct orc_case *g, struct trn_isa_dma *d, uint32_t op)
{
	struct trn_isa_compute *c;

	d->head.op = (uint8_t)op;
	d->head.words = 3;
	/* Who makes the descriptors changes nothing but time. */
	if (g->engine == TRN_ENGINE_GPSIMD && orc_chance(&g->rng, 30))
		d->op0 = TRN_DGE_SOFTWARE;
	else if ((g->engine == TRN_ENGINE_SYNC || g->engine == TRN_ENGINE_SCALAR) &&
		 !(d->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER)) && orc_chance(&g->rng, 30))
		d->op0 = TRN_DGE_HARDWARE;
	if (g->number >= 3 && orc_chance(&g->rng, 30))
		d->mode = (uint8_t)orc_below(&g->rng, TRN_DMA_PRIORITIES);
	c = orc_emit(g, op, 3);
	memcpy(c, d, sizeof(*d));
}

/* The index of a gather or scatter; a few rows outside where that is skipped. */
static void index_rows(struct orc_case *g, struct trn_isa_dma *d, struct trn_isa_mem *side,
		       uint32_t rows, uint32_t of)
{
	const uint32_t dtype = orc_chance(&g->rng, 50) ? TRN_DTYPE_U32 : TRN_DTYPE_S32;

	d->index = orc_operand(g, TRN_SPACE_SBUF, dtype, rows, 1);
	d->index.start = (uint8_t)orc_below(&g->rng, 129 - rows);
	side->u.dram.dims[0].num = rows;
	for (uint32_t r = 0; r < rows; r++) {
		uint32_t at = orc_below(&g->rng, of);

		if ((d->head.flags & TRN_DMA_OOB_SKIP) && orc_chance(&g->rng, 20))
			at = orc_chance(&g->rng, 50) ? 0x7ffffff0u : 0x80000000u + at;
		orc_fill_raw(g, &d->index, r, 0, at);
	}
}

/* A side in DRAM of `of` rows, of which `rows` are moved by index. */
static struct trn_isa_mem indexed_side(struct orc_case *g, struct trn_isa_dma *d, uint32_t dtype,
				       uint32_t rows, uint32_t each, bool fill)
{
	const uint32_t of = 1 + orc_below(&g->rng, 12);
	const uint32_t nums[2] = { of, each }, from = g->lo[TRN_SPACE_DRAM];
	struct trn_isa_mem mem = dram_side(g, dtype, nums, 2);

	/* Rows go up from the offset, so that all of them lie inside. */
	if (mem.u.dram.dims[0].step < 0) {
		mem.u.dram.dims[0].step = -mem.u.dram.dims[0].step;
		mem.u.dram.offset -= (uint64_t)mem.u.dram.dims[0].step * (of - 1) * orc_size(dtype);
	}
	if (fill)
		fill_dram(g, from, dtype);
	index_rows(g, d, &mem, rows, of);
	return mem;
}

void orc_make_dma_copy(struct orc_case *g)
{
	const uint32_t rows = orc_partitions(g), each = orc_count(g, 500);
	const uint32_t kind = orc_below(&g->rng, 5);
	uint32_t from = orc_pick_dtype(g, ORC_ANYDT), to = orc_pick_dtype(g, ORC_ANYDT);
	struct trn_isa_dma d = { 0 };

	if (orc_chance(&g->rng, 40)) {
		from = orc_pick_dtype(g, ORC_ANYDT | 0x78000);
		to = from;
	}
	if (orc_chance(&g->rng, 30))
		d.head.flags = TRN_DMA_OOB_SKIP;
	if (kind == 0) {
		d.head.flags |= TRN_DMA_GATHER;
		d.src = indexed_side(g, &d, from, rows, each, true);
		d.dst = any_side(g, to, rows, each, orc_chance(&g->rng, 60), false);
	} else if (kind == 1) {
		d.head.flags |= TRN_DMA_SCATTER;
		d.src = any_side(g, from, rows, each, orc_chance(&g->rng, 60), true);
		d.dst = indexed_side(g, &d, to, rows, each, false);
	} else {
		d.src = any_side(g, from, rows, each, orc_chance(&g->rng, 60), true);
		/* The shapes may differ, only the counts are equal. */
		if (rows * each <= 128 && orc_chance(&g->rng, 50))
			d.dst = any_side(g, to, rows * each, 1, orc_chance(&g->rng, 60), false);
		else
			d.dst = any_side(g, to, rows, each, orc_chance(&g->rng, 60), false);
		dram_register(g, &d.src);
		/* Outside: nothing moves. */
		if (d.src.space == TRN_SPACE_DRAM && (d.head.flags & TRN_DMA_OOB_SKIP) &&
		    orc_chance(&g->rng, 15))
			d.src.u.dram.offset += ORC_DRAM_BYTES;
	}
	put_dma(g, &d, TRN_OP_DMA_COPY);
}

/* Both sides of a shape and of the same with first and last swapped. */
void orc_make_dma_transpose(struct orc_case *g)
{
	const uint32_t dtypes = 1u << TRN_DTYPE_U16 | 1u << TRN_DTYPE_S16 | 1u << TRN_DTYPE_BF16 |
				1u << TRN_DTYPE_F16;
	const uint32_t dtype = orc_pick_dtype(g, dtypes), rank = 2 + orc_below(&g->rng, 3);
	uint32_t shape[4], swapped[4], from;
	struct trn_isa_dma d = { 0 };

	for (uint32_t k = 0; k < 4; k++)
		shape[k] = 1 + orc_below(&g->rng, g->small > 1 ? 4 : (rank == 2 ? 60 : 7));
	if (orc_chance(&g->rng, 25)) {
		const uint32_t rows = 16 * (1 + orc_below(&g->rng, 4));
		const uint32_t nums[2] = { shape[1], rows };

		d.head.flags = TRN_DMA_GATHER | (orc_chance(&g->rng, 40) ? TRN_DMA_OOB_SKIP : 0);
		d.src = indexed_side(g, &d, dtype, rows, shape[1], true);
		if (orc_chance(&g->rng, 50))
			d.dst = dram_side(g, dtype, nums, 2);
		else
			d.dst = any_side(g, dtype, shape[1], rows, true, false);
		if (d.dst.space == TRN_SPACE_SBUF) {
			d.dst.u.chip.ap.ndims = 1;
			d.dst.u.chip.ap.dims[0] = (struct trn_isa_dim){ 1, (uint16_t)rows };
			memset(&d.dst.u.chip.ap.dims[1], 0, 12);
			d.dst.u.chip.ap.offset = g->lo[TRN_SPACE_SBUF] - 2 * rows;
		}
		put_dma(g, &d, TRN_OP_DMA_TRANSPOSE);
		return;
	}
	for (uint32_t k = 0; k < rank; k++)
		swapped[k] = shape[k == 0 ? rank - 1 : (k == rank - 1 ? 0 : k)];
	from = g->lo[TRN_SPACE_DRAM];
	d.src = dram_side(g, dtype, shape, rank);
	fill_dram(g, from, dtype);
	if (rank == 2 && orc_chance(&g->rng, 60)) {
		d.dst = any_side(g, dtype, swapped[0], swapped[1], true, false);
		d.dst.u.chip.ap.ndims = 1;
		d.dst.u.chip.ap.dims[0] = (struct trn_isa_dim){ 1, (uint16_t)swapped[1] };
		memset(&d.dst.u.chip.ap.dims[1], 0, 12);
		d.dst.u.chip.ap.offset = g->lo[TRN_SPACE_SBUF] - 2 * swapped[1];
	} else {
		d.dst = dram_side(g, dtype, swapped, rank);
	}
	put_dma(g, &d, TRN_OP_DMA_TRANSPOSE);
}

void orc_make_dma_add(struct orc_case *g)
{
	const uint32_t rows = orc_partitions(g), each = orc_count(g, 200);
	const uint32_t from = orc_pick_dtype(g, ORC_ANYDT), to = orc_pick_dtype(g, ORC_ANYDT);
	const uint32_t kind = orc_below(&g->rng, 4);
	struct trn_isa_dma d = { .imm = { 1 } };

	if (orc_chance(&g->rng, 30))
		d.head.flags = TRN_DMA_OOB_SKIP;
	if (kind == 0) {
		d.head.flags |= TRN_DMA_GATHER | TRN_DMA_ACCUMULATE;
		d.src = indexed_side(g, &d, from, rows, each, true);
		d.dst = any_side(g, to, rows, each, orc_chance(&g->rng, 60), true);
	} else if (kind == 1) {
		d.head.flags |= TRN_DMA_SCATTER | TRN_DMA_ACCUMULATE;
		d.src = any_side(g, from, rows, each, orc_chance(&g->rng, 60), true);
		d.dst = indexed_side(g, &d, to, rows, each, true);
	} else {
		const uint32_t sources = 1 + orc_below(&g->rng, orc_chance(&g->rng, 70) ? 4 : 16);
		const uint32_t nums[3] = { sources, rows, each }, at = g->lo[TRN_SPACE_DRAM];

		d.imm[0] = sources;
		d.head.flags |= orc_chance(&g->rng, 50) ? TRN_DMA_ACCUMULATE : 0;
		d.src = dram_side(g, from, sources > 1 ? nums : nums + 1, sources > 1 ? 3 : 2);
		fill_dram(g, at, from);
		d.dst = any_side(g, to, rows, each, orc_chance(&g->rng, 60), true);
	}
	put_dma(g, &d, TRN_OP_DMA_ADD);
}

/* --- sequencer --- */

static void set_register(struct orc_case *g, uint32_t reg, uint32_t value)
{
	struct trn_isa_compute *c = orc_emit(g, TRN_OP_REG_MOVE, 1);

	c->head.flags = TRN_REG_IMM;
	c->op0 = (uint8_t)reg;
	c->imm[0] = value;
}

static uint32_t word_value(struct orc_case *g)
{
	static const uint32_t edges[] = { 0, 1, 31, 32, 33, 0x7fffffff, 0x80000000, 0xffffffff };

	if (orc_chance(&g->rng, 40))
		return edges[orc_below(&g->rng, ORC_LEN(edges))];
	return orc_chance(&g->rng, 50) ? orc_below(&g->rng, 40) : (uint32_t)orc_next(&g->rng);
}

static void store_register(struct orc_case *g, uint32_t reg, uint32_t dtype)
{
	struct trn_isa_dma d = { .head = { .op = TRN_OP_REG_STORE, .words = 3 },
				 .op0 = (uint8_t)reg };

	d.dst = any_side(g, dtype, 1, 1, orc_chance(&g->rng, 50), false);
	if (d.dst.space == TRN_SPACE_DRAM)
		memset(&d.dst.u.dram.dims[1], 0, sizeof(d.dst.u.dram.dims[1]));
	memcpy(orc_emit(g, TRN_OP_REG_STORE, 3), &d, sizeof(d));
}

void orc_make_reg_alu(struct orc_case *g)
{
	static const uint8_t ops[] = {
		TRN_ALU_BYPASS, TRN_ALU_ADD, TRN_ALU_SUB,  TRN_ALU_MUL, TRN_ALU_MAX, TRN_ALU_MIN,
		TRN_ALU_EQ,     TRN_ALU_NE,  TRN_ALU_GE,   TRN_ALU_GT,  TRN_ALU_LE,  TRN_ALU_LT,
		TRN_ALU_LAND,   TRN_ALU_LOR, TRN_ALU_LXOR, TRN_ALU_NOT, TRN_ALU_AND, TRN_ALU_OR,
		TRN_ALU_XOR,    TRN_ALU_SHL, TRN_ALU_SHR,  TRN_ALU_ABS,
	};
	uint32_t reg[3];

	for (uint32_t k = 0; k < 3; k++) {
		reg[k] = orc_below(&g->rng, TRN_ISA_REGISTERS);
		set_register(g, reg[k], word_value(g));
	}
	for (uint32_t k = 0; k < 6; k++) {
		struct trn_isa_compute *c = orc_emit(g, TRN_OP_REG_ALU, 1);

		c->mode = ops[orc_below(&g->rng, ORC_LEN(ops))];
		c->op0 = (uint8_t)reg[orc_below(&g->rng, 3)];
		c->op1 = (uint8_t)reg[orc_below(&g->rng, 3)];
		if (orc_chance(&g->rng, 40)) {
			c->head.flags = TRN_REG_IMM;
			c->imm[0] = word_value(g);
		} else {
			c->func = (uint8_t)reg[orc_below(&g->rng, 3)];
		}
		if (k % 2 == 1)
			store_register(g, c->op0, TRN_DTYPE_U32);
	}
}

void orc_make_reg_move(struct orc_case *g)
{
	const uint32_t a = orc_below(&g->rng, TRN_ISA_REGISTERS);
	const uint32_t b = orc_below(&g->rng, TRN_ISA_REGISTERS);
	struct trn_isa_compute *c;

	set_register(g, a, word_value(g));
	c = orc_emit(g, TRN_OP_REG_MOVE, 1);
	c->op0 = (uint8_t)b;
	c->op1 = (uint8_t)a;
	store_register(g, b, TRN_DTYPE_S32);
}

/* A loop that counts, with a branch over an instruction in it. Targets are relative to the
 * case: who places it adds where it begins. */
void orc_make_branch(struct orc_case *g)
{
	static const uint8_t ops[] = { TRN_ALU_EQ, TRN_ALU_NE, TRN_ALU_GE,
				       TRN_ALU_GT, TRN_ALU_LE, TRN_ALU_LT };
	const uint32_t turns = 1 + orc_below(&g->rng, 6);
	struct trn_isa_compute *c;

	set_register(g, 1, 0);             /* 0: turns */
	set_register(g, 2, word_value(g)); /* 1 */
	set_register(g, 3, word_value(g)); /* 2 */
	c = orc_emit(g, TRN_OP_BRANCH, 1); /* 3: the loop */
	c->mode = ops[orc_below(&g->rng, ORC_LEN(ops))];
	c->op1 = 2;
	if (orc_chance(&g->rng, 50)) {
		c->head.flags = TRN_REG_IMM;
		c->imm[0] = word_value(g);
	} else {
		c->func = 3;
	}
	c->imm[1] = 5;
	c = orc_emit(g, TRN_OP_REG_ALU, 1); /* 4: is branched over */
	c->mode = orc_chance(&g->rng, 50) ? TRN_ALU_ADD : TRN_ALU_XOR;
	c->head.flags = TRN_REG_IMM;
	c->op0 = c->op1 = 3;
	c->imm[0] = word_value(g);
	for (uint32_t k = 1; k <= 2; k++) { /* 5, 6 */
		c = orc_emit(g, TRN_OP_REG_ALU, 1);
		c->mode = TRN_ALU_ADD;
		c->head.flags = TRN_REG_IMM;
		c->op0 = c->op1 = (uint8_t)k;
		c->imm[0] = k == 1 ? 1 : word_value(g);
	}
	c = orc_emit(g, TRN_OP_BRANCH, 1); /* 7 */
	c->mode = TRN_ALU_LT;
	c->head.flags = TRN_REG_IMM;
	c->op1 = 1;
	c->imm[0] = turns;
	c->imm[1] = 3;
	if (orc_chance(&g->rng, 50)) {
		c = orc_emit(g, TRN_OP_BRANCH, 1); /* 8 */
		c->imm[1] = 10;
		set_register(g, 3, 77); /* 9: never */
	}
	store_register(g, 2, TRN_DTYPE_U32);
	store_register(g, 3, TRN_DTYPE_U32);
}

static struct trn_isa_dma one_load(struct orc_case *g, uint32_t dtype)
{
	struct trn_isa_dma d = { .head = { .op = TRN_OP_REG_LOAD, .words = 3 } };

	d.src = any_side(g, dtype, 1, 1, orc_chance(&g->rng, 50), true);
	if (d.src.space == TRN_SPACE_DRAM)
		memset(&d.src.u.dram.dims[1], 0, sizeof(d.src.u.dram.dims[1]));
	d.op0 = (uint8_t)orc_below(&g->rng, TRN_ISA_REGISTERS);
	return d;
}

void orc_make_reg_load(struct orc_case *g)
{
	struct trn_isa_dma d = one_load(g, orc_pick_dtype(g, ORC_ANYDT));

	memcpy(orc_emit(g, TRN_OP_REG_LOAD, 3), &d, sizeof(d));
	store_register(g, d.op0, TRN_DTYPE_U32);
}

void orc_make_reg_store(struct orc_case *g)
{
	const uint32_t reg = orc_below(&g->rng, TRN_ISA_REGISTERS);

	set_register(g, reg, (uint32_t)orc_next(&g->rng));
	store_register(g, reg, orc_pick_dtype(g, ORC_ANYDT));
}

void orc_make_reg_arg(struct orc_case *g)
{
	const uint32_t reg = orc_below(&g->rng, TRN_ISA_REGISTERS);
	struct trn_isa_compute *c = orc_emit(g, TRN_OP_REG_ARG, 1);

	c->op0 = (uint8_t)reg;
	c->imm[0] = orc_below(&g->rng, ARG_NUMBER + 1);
	c->imm[1] = orc_below(&g->rng, 4);
	store_register(g, reg, TRN_DTYPE_U32);
}

/* Nothing but a wait or an increment, which tests of the sequencer look at. */
void orc_make_nop(struct orc_case *g)
{
	(void)orc_emit(g, TRN_OP_NOP, 1);
	orc_make_reg_move(g);
}

/* Changes no memory that a stream sees; what it sends, tests of the notification queues see. */
void orc_make_notify(struct orc_case *g)
{
	struct trn_isa_compute *c = orc_emit(g, TRN_OP_NOTIFY, 1);

	c->head.flags = TRN_REG_IMM;
	c->imm[0] = (uint32_t)orc_next(&g->rng);
	c->imm[1] = (uint32_t)orc_next(&g->rng);
	orc_make_reg_move(g);
}
