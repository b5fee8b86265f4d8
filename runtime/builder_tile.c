/* SPDX-License-Identifier: Apache-2.0 */
/* trn/tile.h: memory of SBUF and PSUM, registers, loops, and instructions whose operands
 * say what they touch. */
#include "runtime/builder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "runtime/trnx.h"

#define PSUM_BANK 2048u
#define PAIR_PLACES 16u

/* ---- memory ---- */

static struct trn_build_space *space_of(struct trn_builder *builder, uint32_t space)
{
	return space == TRN_SPACE_SBUF ? &builder->sbuf :
	       space == TRN_SPACE_PSUM ? &builder->psum :
					 NULL;
}

static const char *space_name(uint32_t space)
{
	return space == TRN_SPACE_SBUF ? "SBUF" : "PSUM";
}

/* Where bytes may begin in a gap at lo: a PSUM tile does not straddle banks. */
static uint32_t fit(const struct trn_builder *builder, const struct trn_build_space *space,
		    uint32_t lo, uint32_t bytes)
{
	uint32_t in_bank = lo % PSUM_BANK;

	if (space != &builder->psum || in_bank == 0 ||
	    (bytes <= PSUM_BANK && in_bank + bytes <= PSUM_BANK))
		return lo;
	return lo - in_bank + PSUM_BANK;
}

/* Lowest gap; the index the block would have, or count of blocks + 1 when there is none. */
static uint32_t find_gap(const struct trn_builder *builder, const struct trn_build_space *space,
			 uint32_t bytes, uint32_t *ret_lo)
{
	for (uint32_t i = 0; i <= space->count; i++) {
		uint32_t lo = fit(builder, space, i ? space->block[i - 1].hi : 0, bytes);
		uint32_t hi = i < space->count ? space->block[i].lo : space->bytes;

		if (lo <= hi && bytes <= hi - lo) {
			*ret_lo = lo;
			return i;
		}
	}
	return space->count + 1;
}

uint32_t trn_tile_room(const struct trn_builder *builder, enum trn_space which)
{
	const struct trn_build_space *space = which == TRN_SPACE_PSUM ? &builder->psum :
									&builder->sbuf;
	uint32_t best = 0, lo;

	for (uint32_t i = 0; i <= space->count; i++) {
		uint32_t hi = i < space->count ? space->block[i].lo : space->bytes;

		lo = i ? space->block[i - 1].hi : 0;
		if (hi > lo && hi - lo > best)
			best = hi - lo;
	}
	while (best && find_gap(builder, space, best, &lo) > space->count)
		best -= best % space->grain ? best % space->grain : space->grain;
	return best;
}

struct trn_tile trn_tile_alloc(struct trn_builder *builder, enum trn_space which,
			       enum trn_dtype dtype, uint32_t partitions, uint32_t elements)
{
	struct trn_build_space *space = space_of(builder, (uint32_t)which);
	uint64_t bytes = (uint64_t)elements * trn_dtype_size(dtype);
	const struct trn_tile none = { 0 };
	struct trn_build_block *block;
	uint32_t at, lo = 0;

	if (builder->error)
		return none;
	if (!space || !bytes || !partitions || partitions > TRN_ISA_PARTITIONS) {
		trn_builder_fail(builder, -EINVAL, "tile of %u partitions, %u elements", partitions,
				 elements);
		return none;
	}
	bytes = trn_align_up(bytes, space->grain);
	at = bytes > space->bytes ? space->count + 1 :
				    find_gap(builder, space, (uint32_t)bytes, &lo);
	if (at > space->count) {
		trn_builder_fail(
			builder, -ENOSPC,
			"%s: %llu bytes a partition wanted, largest gap %u of %u (arch %u)",
			space_name(which), (unsigned long long)bytes, trn_tile_room(builder, which),
			space->bytes, builder->arch);
		return none;
	}
	block = trn_build_room(builder, space->block, space->count, &space->room, sizeof(*block));
	if (!block)
		return none;
	space->block = block;
	memmove(block + at + 1, block + at, (space->count - at) * sizeof(*block));
	block[at] = (struct trn_build_block){ .lo = lo, .hi = lo + (uint32_t)bytes };
	space->count++;
	return (struct trn_tile){ .space = (uint32_t)which,
				  .dtype = (uint32_t)dtype,
				  .partitions = partitions,
				  .elements = elements,
				  .offset = lo,
				  .bytes = (uint32_t)bytes,
				  .esize = (uint32_t)trn_dtype_size(dtype) };
}

void trn_tile_free(struct trn_builder *builder, const struct trn_tile *tile)
{
	struct trn_build_space *space = space_of(builder, tile->space);

	if (builder->error)
		return;
	for (uint32_t i = 0; space && i < space->count; i++) {
		if (space->block[i].lo != tile->offset ||
		    space->block[i].hi != tile->offset + tile->bytes)
			continue;
		space->count--;
		memmove(space->block + i, space->block + i + 1,
			(space->count - i) * sizeof(*space->block));
		return;
	}
	trn_builder_fail(builder, -EINVAL, "tile at %s byte %u is free already, or none",
			 space_name(tile->space), tile->offset);
}

/* ---- what operands touch ---- */

static bool ap_extent(const struct trn_isa_ap *ap, int64_t *ret_lo, int64_t *ret_hi)
{
	int64_t size = (int64_t)trn_dtype_size((enum trn_dtype)ap->dtype);
	int64_t lo = ap->offset, hi = ap->offset;

	if (!size || ap->ndims < 1 || ap->ndims > 4)
		return false;
	for (unsigned int i = 0; i < ap->ndims; i++) {
		int64_t reach = (int64_t)ap->dims[i].step * (ap->dims[i].num - 1) * size;

		if (!ap->dims[i].num)
			return false;
		lo += reach < 0 ? reach : 0;
		hi += reach > 0 ? reach : 0;
	}
	*ret_lo = lo;
	*ret_hi = hi + size;
	return true;
}

bool trn_build_ap_area(struct trn_builder *builder, const struct trn_isa_ap *ap, const char *what,
		       struct trn_build_area *ret_area)
{
	const struct trn_build_space *space = space_of(builder, ap->space);
	int64_t lo = 0, hi = 0;

	if (!space || !ap_extent(ap, &lo, &hi)) {
		trn_builder_fail(builder, -EINVAL, "%s: a view that is none (loop, dtype or space)",
				 what);
		return false;
	}
	for (uint32_t i = 0; i < space->count; i++) {
		const struct trn_build_block *block = &space->block[i];

		if (lo < block->lo || hi > block->hi)
			continue;
		*ret_area = (struct trn_build_area){
			.space = ap->space,
			.first = ap->start,
			.last = (uint32_t)ap->start + ap->partitions,
			.lo = ap->reg ? block->lo : (uint64_t)lo,
			.hi = ap->reg ? block->hi : (uint64_t)hi,
		};
		return true;
	}
	trn_builder_fail(builder, -EINVAL, "%s: %s bytes %lld to %lld are not inside one tile",
			 what, space_name(ap->space), (long long)lo, (long long)hi);
	return false;
}

static bool mem_area(struct trn_builder *builder, const struct trn_isa_mem *mem, const char *what,
		     struct trn_build_area *ret_area)
{
	int64_t size = (int64_t)trn_dtype_size((enum trn_dtype)mem->dtype);
	int64_t lo = (int64_t)mem->u.dram.offset, hi = lo + size;

	if (mem->space == TRN_SPACE_SBUF)
		return trn_build_ap_area(builder, &mem->u.chip.ap, what, ret_area);
	if (mem->space != TRN_SPACE_DRAM || !size || !mem->u.dram.dims[0].num ||
	    mem->u.dram.offset > UINT64_C(1) << 60) {
		trn_builder_fail(builder, -EINVAL, "%s: memory that is none (loops or dtype)",
				 what);
		return false;
	}
	for (unsigned int i = 0; i < 4 && mem->u.dram.dims[i].num; i++) {
		int64_t step = (int64_t)mem->u.dram.dims[i].step * size, reach;

		if (__builtin_mul_overflow(step, (int64_t)mem->u.dram.dims[i].num - 1, &reach) ||
		    __builtin_add_overflow(reach < 0 ? lo : hi, reach, reach < 0 ? &lo : &hi)) {
			trn_builder_fail(builder, -EINVAL, "%s: loops of memory overflow", what);
			return false;
		}
	}
	if (!mem->reg && lo < 0) {
		trn_builder_fail(builder, -EINVAL, "%s: memory before its argument", what);
		return false;
	}
	*ret_area = (struct trn_build_area){
		.space = TRN_SPACE_DRAM,
		.first = mem->arg,
		.last = mem->arg + 1u,
		.lo = mem->reg ? 0 : (uint64_t)lo,
		.hi = mem->reg ? UINT64_MAX : (uint64_t)hi,
	};
	return true;
}

/* ---- instructions ---- */

/* ALU operators of trn3 and later. */
static bool is_new_alu(uint8_t op)
{
	return op == TRN_ALU_ABS_MAX || op == TRN_ALU_ABS_MIN || op == TRN_ALU_SQUARE ||
	       op == TRN_ALU_RELU;
}

/* Rules of generations, and that the opcode computes. */
static const struct trn_isa_op *check_op(struct trn_builder *builder, const struct trn_tile_op *op)
{
	const struct trn_isa_op *row = trn_isa_op((uint8_t)op->op);
	bool alu = op->op == TRN_OP_TENSOR_TENSOR || op->op == TRN_OP_TENSOR_SCALAR;
	uint32_t bank = op->dst.offset / PSUM_BANK;
	int64_t lo = 0, hi = 0;

	if (!row || row->kind != TRN_KIND_COMPUTE) {
		trn_builder_fail(builder, -EINVAL, "opcode 0x%x is not an instruction of tiles",
				 op->op);
		return NULL;
	}
	if ((row->features & ~builder->features) ||
	    (alu && !(builder->features & TRN_FEATURE_ALU_EXTRA) &&
	     (is_new_alu(op->op0) || is_new_alu(op->op1)))) {
		trn_builder_fail(builder, -ENOTSUP, "%s: not on trn%u", row->name, builder->arch);
		return NULL;
	}
	if (op->indirect && !(builder->features & TRN_FEATURE_INDIRECT)) {
		trn_builder_fail(builder, -ENOTSUP, "%s: no operands by index on trn%u", row->name,
				 builder->arch);
		return NULL;
	}
	if (!(builder->features & TRN_FEATURE_PSUM_WHOLE) && op->op == TRN_OP_MATMUL &&
	    ap_extent(&op->dst, &lo, &hi) && hi > (int64_t)(bank + 1) * PSUM_BANK) {
		trn_builder_fail(builder, -ENOTSUP, "matmul: output leaves its PSUM bank");
		return NULL;
	}
	return row;
}

void trn_tile_compute(struct trn_builder *builder, const struct trn_tile_op *op)
{
	const struct {
		const struct trn_isa_ap *ap;
		const char *name;
		bool write;
		uint32_t words;
	} slot[] = {
		{ &op->dst, "destination", true, 1 }, { &op->dst2, "second destination", true, 3 },
		{ &op->src0, "source 0", false, 2 },  { &op->src1, "source 1", false, 2 },
		{ &op->src2, "source 2", false, 3 },  { &op->src3, "source 3", false, 4 },
		{ &op->index, "index", false, 4 },
	};
	struct trn_build_use use[TRN_ARRAY_LEN(slot)];
	const struct trn_isa_op *row;
	struct trn_isa_compute insn = {
		.head = { .op = (uint8_t)op->op, .flags = op->flags, .indirect = op->indirect },
		.op0 = op->op0,
		.op1 = op->op1,
		.func = op->func,
		.mode = op->mode,
		.dst = op->dst,
		.src0 = op->src0,
		.src1 = op->src1,
		.src2 = op->src2,
		.dst2 = op->dst2,
		.src3 = op->src3,
		.index = op->index,
		.imm4 = op->imm[4],
		.imm5 = op->imm[5],
	};
	uint32_t words, count = 0;

	if (builder->error)
		return;
	row = check_op(builder, op);
	if (!row)
		return;
	words = op->imm[4] || op->imm[5] ? 2 : row->words_min;
	memcpy(insn.imm, op->imm, sizeof(insn.imm));
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(slot); i++) {
		char what[64];

		if (slot[i].ap->space == TRN_SPACE_NONE && slot[i].ap->ndims == 0)
			continue;
		/* Both names are short and ours: nothing is cut. */
		(void)snprintf(what, sizeof(what), "%s %s", row->name, slot[i].name);
		if (!trn_build_ap_area(builder, slot[i].ap, what, &use[count].area))
			return;
		use[count++].write = slot[i].write;
		words = words > slot[i].words ? words : slot[i].words;
	}
	trn_build_order(builder, op->engine, false, use, count, &insn.head);
	(void)trn_builder_emit(builder, op->engine, &insn, words); /* a failure is kept */
}

void trn_tile_transfer(struct trn_builder *builder, const struct trn_tile_dma *dma)
{
	struct trn_build_use use[3] = { { .write = true } };
	struct trn_isa_dma insn = {
		.head = { .op = (uint8_t)dma->op, .flags = dma->flags },
		.op0 = dma->dge,
		.mode = dma->priority,
		.imm = { dma->imm },
		.index = dma->index,
		.dst = dma->dst,
		.src = dma->src,
	};
	uint32_t count = 2;

	if (builder->error)
		return;
	if (!trn_isa_op(dma->op) || trn_isa_op(dma->op)->kind != TRN_KIND_DMA) {
		trn_builder_fail(builder, -EINVAL, "opcode 0x%x is no DMA", dma->op);
		return;
	}
	if (!mem_area(builder, &dma->dst, "DMA destination", &use[0].area) ||
	    !mem_area(builder, &dma->src, "DMA source", &use[1].area))
		return;
	if (dma->index.space != TRN_SPACE_NONE &&
	    !trn_build_ap_area(builder, &dma->index, "DMA index", &use[count++].area))
		return;
	/* Rows are chosen at run time: all of the argument. */
	for (uint32_t i = 0; i < 2; i++) {
		if (!(dma->flags & (i ? TRN_DMA_GATHER : TRN_DMA_SCATTER)) ||
		    use[i].area.space != TRN_SPACE_DRAM)
			continue;
		use[i].area.lo = 0;
		use[i].area.hi = UINT64_MAX;
	}
	trn_build_order(builder, dma->engine, true, use, count, &insn.head);
	(void)trn_builder_emit(builder, dma->engine, &insn, 3); /* a failure is kept */
}

/* ---- registers ---- */

uint8_t trn_tile_reg(struct trn_builder *builder)
{
	for (uint8_t reg = 0; reg < TRN_ISA_REGISTERS; reg++) {
		if (builder->regs >> reg & 1)
			continue;
		builder->regs |= UINT64_C(1) << reg;
		return reg;
	}
	trn_builder_fail(builder, -ENOSPC, "no register left");
	return 0;
}

void trn_tile_reg_free(struct trn_builder *builder, uint8_t reg)
{
	if (reg >= TRN_ISA_REGISTERS || !(builder->regs >> reg & 1)) {
		trn_builder_fail(builder, -EINVAL, "register %u is not taken", reg);
		return;
	}
	builder->regs &= ~(UINT64_C(1) << reg);
}

static void emit_everywhere(struct trn_builder *builder, uint32_t engines,
			    const struct trn_isa_compute *insn)
{
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		if (engines >> e & 1)
			(void)trn_builder_emit(builder, (enum trn_engine)e, insn, 1);
}

void trn_tile_reg_set(struct trn_builder *builder, uint32_t engines, uint8_t reg, uint32_t value)
{
	struct trn_isa_compute insn = {
		.head = { .op = TRN_OP_REG_MOVE, .flags = TRN_REG_IMM },
		.op0 = reg,
		.imm = { value },
	};

	emit_everywhere(builder, engines, &insn);
}

void trn_tile_reg_arg(struct trn_builder *builder, uint32_t engines, uint8_t reg, uint32_t arg)
{
	struct trn_isa_compute insn = {
		.head = { .op = TRN_OP_REG_ARG },
		.op0 = reg,
		.imm = { arg, TRN_REG_PART_VALUE_LO },
	};

	emit_everywhere(builder, engines, &insn);
}

void trn_tile_reg_alu(struct trn_builder *builder, uint32_t engines, uint8_t dst, uint8_t src,
		      enum trn_alu op, uint32_t value)
{
	struct trn_isa_compute insn = {
		.head = { .op = TRN_OP_REG_ALU, .flags = TRN_REG_IMM },
		.op0 = dst,
		.op1 = src,
		.mode = (uint8_t)op,
		.imm = { value },
	};

	emit_everywhere(builder, engines, &insn);
}

static void reg_access(struct trn_builder *builder, enum trn_engine engine,
		       struct trn_isa_dma *insn, const struct trn_isa_mem *mem, bool write)
{
	struct trn_build_use use = { .write = write };

	if (builder->error || !mem_area(builder, mem, "register access", &use.area))
		return;
	trn_build_order(builder, engine, false, &use, 1, &insn->head);
	(void)trn_builder_emit(builder, engine, insn, 3); /* a failure is kept */
}

void trn_tile_reg_load(struct trn_builder *builder, uint32_t engines, uint8_t reg,
		       const struct trn_isa_mem *src)
{
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct trn_isa_dma insn = { .head = { .op = TRN_OP_REG_LOAD },
					    .op0 = reg,
					    .src = *src };

		if (engines >> e & 1)
			reg_access(builder, (enum trn_engine)e, &insn, src, false);
	}
}

void trn_tile_reg_store(struct trn_builder *builder, enum trn_engine engine, uint8_t reg,
			const struct trn_isa_mem *dst)
{
	struct trn_isa_dma insn = { .head = { .op = TRN_OP_REG_STORE }, .op0 = reg, .dst = *dst };

	reg_access(builder, engine, &insn, dst, true);
}

/* ---- barriers and loops ---- */

void trn_tile_barrier(struct trn_builder *builder)
{
	trn_build_barrier(builder, TRN_BUILD_ALONE);
}

void trn_tile_pair_barrier(struct trn_builder *builder, uint32_t place)
{
	if (builder->error)
		return;
	if (place >= PAIR_PLACES)
		trn_builder_fail(builder, -EINVAL, "place %u of a pair's barrier: 0 to %u", place,
				 PAIR_PLACES - 1);
	else
		trn_build_barrier(builder, place);
}

void trn_tile_loop_begin(struct trn_builder *builder, uint8_t reg)
{
	struct trn_build_loop *loop = &builder->loop[builder->loop_count];

	if (builder->error)
		return;
	if (builder->loop_count == TRN_BUILD_LOOPS_MAX || reg >= TRN_ISA_REGISTERS) {
		trn_builder_fail(builder, -ENOSPC, "more than %d nested loops, or register %u",
				 TRN_BUILD_LOOPS_MAX, reg);
		return;
	}
	builder->loop_count++;
	trn_build_barrier(builder, TRN_BUILD_ALONE);
	loop->reg = reg;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		loop->top[e] = trn_builder_label(builder, (enum trn_engine)e, NULL);
		loop->end[e] = trn_builder_label(builder, (enum trn_engine)e, NULL);
		trn_builder_bind(builder, loop->top[e]);
		trn_builder_branch(builder, loop->end[e], TRN_ALU_LE, reg, 0);
	}
}

void trn_tile_loop_end(struct trn_builder *builder)
{
	const struct trn_build_loop *loop;

	if (builder->error)
		return;
	if (!builder->loop_count) {
		trn_builder_fail(builder, -EINVAL, "no loop is open");
		return;
	}
	loop = &builder->loop[--builder->loop_count];
	trn_build_barrier(builder, TRN_BUILD_ALONE);
	trn_tile_reg_alu(builder, TRN_TILE_ALL, loop->reg, loop->reg, TRN_ALU_SUB, 1);
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		trn_builder_branch(builder, loop->top[e], TRN_ALU_BYPASS, 0, 0);
		trn_builder_bind(builder, loop->end[e]);
	}
}
