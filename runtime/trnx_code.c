/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of an instruction stream without a device: boundaries, fields,
 * engines, branch targets. The device checks again, with its own sizes. */
#include <errno.h>
#include <string.h>
#include <trn/error.h>
#include "base/bits.h"
#include "base/ext.h"
#include "base/number.h"
#include "runtime/trnx.h"

/* The instruction under judgement. */
struct look {
	const struct trn_trnx_code *code;
	const struct trn_isa_op *op;
	const uint8_t *bytes;
	uint32_t pc;
	struct trn_trnx_fault *fault;
};

static int refuse(const struct look *look, enum trn_ext_rule rule, const char *why)
{
	look->fault->offset = (uint64_t)look->pc * TRN_ISA_WORD_SIZE;
	look->fault->engine = (int)look->code->engine;
	look->fault->pc = look->pc;
	look->fault->opcode = look->bytes[0];
	look->fault->rule = (int)rule;
	look->fault->why = why;
	return -TRN_EPROGRAM;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

int trn_trnx_code_scan(const struct trn_trnx_code *code, struct trn_trnx_fault *ret_fault)
{
	struct look look = { .code = code, .fault = ret_fault };
	uint8_t last = TRN_OP_NOP;

	for (uint32_t pc = 0; pc < code->count;) {
		uint8_t words;

		look.pc = pc;
		look.bytes = code->words + (size_t)pc * TRN_ISA_WORD_SIZE;
		look.op = trn_isa_op(look.bytes[offsetof(struct trn_isa_head, op)]);
		if (!look.op)
			return refuse(&look, TRN_RULE_OPCODE, "unknown opcode");
		words = look.bytes[offsetof(struct trn_isa_head, words)];
		if (words < look.op->words_min || words > look.op->words_max)
			return refuse(&look, TRN_RULE_LENGTH,
				      "wrong number of words for the opcode");
		if (words > code->count - pc)
			return refuse(&look, TRN_RULE_LENGTH, "stream ends inside an instruction");
		code->starts[pc / 8] = (uint8_t)(code->starts[pc / 8] | 1u << (pc % 8));
		last = look.bytes[offsetof(struct trn_isa_head, op)];
		if (last == TRN_OP_BRANCH && look.bytes[offsetof(struct trn_isa_compute, mode)])
			last = TRN_OP_NOP; /* conditional: goes on */
		pc += words;
	}
	if (code->count && last != TRN_OP_HALT && last != TRN_OP_BRANCH)
		return refuse(&look, TRN_RULE_PC, "stream can run past its end: no HALT");
	return 0;
}

static int check_head(const struct look *look)
{
	struct trn_isa_head head;

	memcpy(&head, look->bytes, sizeof(head));
	if (head.indirect && look->op->layout != TRN_LAYOUT_COMPUTE)
		return refuse(look, TRN_RULE_RESERVED, "index without a compute instruction");
	if (head.flags & ~look->op->flags)
		return refuse(look, TRN_RULE_RESERVED, "flag that the opcode does not have");
	if (!(look->op->engines >> look->code->engine & 1))
		return refuse(look, TRN_RULE_ENGINE, "not an instruction of this engine");
	if (head.wait_mode > TRN_WAIT_CONSUME || head.inc_mode > TRN_INC_SUB)
		return refuse(look, TRN_RULE_RESERVED, "unknown semaphore mode");
	if (head.wait_mode == TRN_WAIT_NONE && (head.wait_value || head.wait_sem))
		return refuse(look, TRN_RULE_RESERVED, "wait fields without a wait");
	if (head.inc_mode == TRN_INC_NONE && (head.inc_value || head.inc_sem))
		return refuse(look, TRN_RULE_RESERVED, "increment fields without an increment");
	if (head.wait_mode == TRN_WAIT_GE_REG && head.wait_value >= TRN_ISA_REGISTERS)
		return refuse(look, TRN_RULE_REGISTER, "wait for a register that is not there");
	if (head.inc_mode == TRN_INC_SUB && look->op->kind == TRN_KIND_DMA)
		return refuse(look, TRN_RULE_RESERVED, "a DMA cannot decrement");
	return 0;
}

static bool partitions_ok(const struct trn_isa_ap *ap, bool free_start)
{
	unsigned int end = (unsigned int)ap->start + ap->partitions;

	if (!ap->partitions || end > TRN_ISA_PARTITIONS)
		return false;
	if (free_start)
		return true;
	return ap->start % (ap->partitions > 64 ? 128 : ap->partitions > 32 ? 64 : 32) == 0;
}

/* Largest partition of any generation; the device knows its own. */
static int64_t partition_bytes(uint8_t space)
{
	return space == TRN_SPACE_PSUM ? 16 * 1024 : 256 * 1024;
}

static int check_extent(const struct look *look, const struct trn_isa_ap *ap)
{
	int64_t size = (int64_t)trn_dtype_size((enum trn_dtype)ap->dtype);
	int64_t low = ap->offset;
	int64_t high = ap->offset;

	for (unsigned int i = 0; i < ap->ndims; i++) {
		int64_t reach = (int64_t)ap->dims[i].step * (ap->dims[i].num - 1) * size;

		low += reach < 0 ? reach : 0;
		high += reach > 0 ? reach : 0;
	}
	if (!ap->reg && (low < 0 || high + size > partition_bytes(ap->space)))
		return refuse(look, TRN_RULE_RANGE, "access pattern leaves its partition");
	return 0;
}

static int check_ap(const struct look *look, const struct trn_isa_ap *ap, bool dma, bool free_start)
{
	if (ap->space != TRN_SPACE_SBUF && (dma || ap->space != TRN_SPACE_PSUM))
		return refuse(look, TRN_RULE_SPACE, "memory that this operand cannot be in");
	if (ap->dtype == TRN_DTYPE_NONE || ap->dtype >= TRN_DTYPE_COUNT)
		return refuse(look, TRN_RULE_DTYPE, "unknown dtype");
	if (!partitions_ok(ap, free_start))
		return refuse(look, TRN_RULE_PARTITION, "partition start and count");
	if (ap->reg > TRN_ISA_REGISTERS)
		return refuse(look, TRN_RULE_REGISTER, "register that is not there");
	if (ap->ndims < 1 || ap->ndims > 4 || ap->reserved)
		return refuse(look, TRN_RULE_RESERVED, "number of dimensions or reserved bits");
	for (unsigned int i = 0; i < 4; i++) {
		if (i < ap->ndims && !ap->dims[i].num)
			return refuse(look, TRN_RULE_SHAPE, "dimension of no elements");
		if (i >= ap->ndims && (ap->dims[i].num || ap->dims[i].step))
			return refuse(look, TRN_RULE_RESERVED, "unused dimension is set");
	}
	return check_extent(look, ap);
}

/* An index operand and the field that says what it is for go together. */
static int check_indirect(const struct look *look)
{
	const uint8_t slot = look->bytes[offsetof(struct trn_isa_head, indirect)];
	const uint8_t words = look->bytes[offsetof(struct trn_isa_head, words)];
	const bool index = words == TRN_ISA_WORDS_MAX &&
			   look->bytes[offsetof(struct trn_isa_compute, index)] != TRN_SPACE_NONE;

	if (slot > TRN_AP_COUNT || (slot > 0 && !(look->op->indirect >> (slot - 1) & 1)))
		return refuse(look, TRN_RULE_RESERVED, "no operand that an index applies to");
	if (index != (slot > 0))
		return refuse(look, TRN_RULE_SHAPE, "index operand and head differ");
	return 0;
}

static int check_compute(const struct look *look, size_t size)
{
	for (unsigned int slot = 0; slot < TRN_AP_COUNT; slot++) {
		struct trn_isa_ap ap = { 0 };
		int r;

		if (trn_isa_slot_offset[slot] + sizeof(ap) <= size)
			memcpy(&ap, look->bytes + trn_isa_slot_offset[slot], sizeof(ap));
		if (ap.space == TRN_SPACE_NONE) {
			if (look->op->required >> slot & 1)
				return refuse(look, TRN_RULE_SHAPE, "operand is missing");
			if (!all_zero((const uint8_t *)&ap, sizeof(ap)))
				return refuse(look, TRN_RULE_RESERVED,
					      "absent operand is not zero");
			continue;
		}
		if (!((look->op->required | look->op->optional) >> slot & 1))
			return refuse(look, TRN_RULE_RESERVED, "operand the opcode does not have");
		r = check_ap(look, &ap, false, look->op->scales >> slot & 1);
		if (r < 0)
			return r;
	}
	for (unsigned int word = 3; word <= TRN_ISA_WORDS_MAX; word++) {
		const size_t end = (size_t)word * TRN_ISA_WORD_SIZE;

		/* The last eight bytes of the third and of the fourth word. */
		if (size >= end && !all_zero(look->bytes + end - 8, 8))
			return refuse(look, TRN_RULE_RESERVED, "reserved words are set");
	}
	return check_indirect(look);
}

static bool arg_ok(const struct look *look, uint32_t arg)
{
	if (arg < TRN_TRNX_SECTION_ARG)
		return arg < look->code->arg_count;
	return arg - TRN_TRNX_SECTION_ARG < look->code->section_args;
}

static int check_dram(const struct look *look, const struct trn_isa_mem *mem)
{
	bool ended = false;

	if (!mem->reg && mem->reg_scale)
		return refuse(look, TRN_RULE_RESERVED, "scale without a register");
	if (!arg_ok(look, mem->arg))
		return refuse(look, TRN_RULE_ARGUMENT, "argument that is not declared");
	if (!mem->u.dram.dims[0].num)
		return refuse(look, TRN_RULE_SHAPE, "memory operand of no dimension");
	for (unsigned int i = 0; i < 4; i++) {
		const struct trn_isa_dram_dim *dim = &mem->u.dram.dims[i];

		if (!dim->num && dim->step)
			return refuse(look, TRN_RULE_RESERVED, "unused dimension is set");
		if (dim->num && ended)
			return refuse(look, TRN_RULE_SHAPE, "dimension of no elements");
		ended = ended || !dim->num;
	}
	return 0;
}

static int check_mem(const struct look *look, const struct trn_isa_mem *mem)
{
	if (mem->dtype == TRN_DTYPE_NONE || mem->dtype >= TRN_DTYPE_COUNT)
		return refuse(look, TRN_RULE_DTYPE, "unknown dtype");
	if (mem->reg > TRN_ISA_REGISTERS)
		return refuse(look, TRN_RULE_REGISTER, "register that is not there");
	if (mem->space == TRN_SPACE_DRAM)
		return check_dram(look, mem);
	if (mem->space != TRN_SPACE_SBUF)
		return refuse(look, TRN_RULE_SPACE, "memory that DMA does not reach");
	if (mem->arg || mem->reg || mem->reg_scale ||
	    !all_zero(mem->u.chip.reserved, sizeof(mem->u.chip.reserved)))
		return refuse(look, TRN_RULE_RESERVED, "reserved fields of a memory operand");
	if (mem->u.chip.ap.space != mem->space || mem->u.chip.ap.dtype != mem->dtype)
		return refuse(look, TRN_RULE_DTYPE, "memory operand and its pattern differ");
	return check_ap(look, &mem->u.chip.ap, true, true);
}

static int check_dma(const struct look *look)
{
	struct trn_isa_dma dma;
	bool indexed;
	int r;

	memcpy(&dma, look->bytes, sizeof(dma));
	indexed = dma.head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER);
	if (!all_zero((const uint8_t *)dma.reserved1, sizeof(dma.reserved1)) ||
	    !all_zero((const uint8_t *)dma.reserved2, sizeof(dma.reserved2)))
		return refuse(look, TRN_RULE_RESERVED, "reserved words are set");
	if (indexed != (dma.index.space != TRN_SPACE_NONE))
		return refuse(look, TRN_RULE_SHAPE, "index operand and flags differ");
	if (!indexed && !all_zero((const uint8_t *)&dma.index, sizeof(dma.index)))
		return refuse(look, TRN_RULE_RESERVED, "absent operand is not zero");
	if (indexed) {
		r = check_ap(look, &dma.index, true, true);
		if (r < 0)
			return r;
	}
	if (look->op->kind != TRN_KIND_DMA && dma.op0 >= TRN_ISA_REGISTERS)
		return refuse(look, TRN_RULE_REGISTER, "register that is not there");
	if (look->op->kind == TRN_KIND_DMA &&
	    (dma.op0 > TRN_DGE_STATIC || dma.mode >= TRN_DMA_PRIORITIES))
		return refuse(look, TRN_RULE_OPERATOR, "descriptor mode or priority");
	if (dma.head.op != TRN_OP_REG_LOAD) {
		r = check_mem(look, &dma.dst);
		if (r < 0)
			return r;
		if (dma.dst.space == TRN_SPACE_DRAM && look->code->written)
			*look->code->written |= UINT64_C(1) << dma.dst.arg;
	} else if (!all_zero((const uint8_t *)&dma.dst, sizeof(dma.dst))) {
		return refuse(look, TRN_RULE_RESERVED, "absent operand is not zero");
	}
	if (dma.head.op != TRN_OP_REG_STORE)
		return check_mem(look, &dma.src);
	if (!all_zero((const uint8_t *)&dma.src, sizeof(dma.src)))
		return refuse(look, TRN_RULE_RESERVED, "absent operand is not zero");
	return 0;
}

static bool branch_mode_ok(uint8_t mode)
{
	return mode == TRN_ALU_BYPASS || (mode >= TRN_ALU_EQ && mode <= TRN_ALU_LT);
}

static int check_sequencer(const struct look *look)
{
	struct trn_isa_compute insn = { 0 };

	memcpy(&insn, look->bytes, TRN_ISA_WORD_SIZE);
	if (!all_zero((const uint8_t *)&insn.dst, sizeof(insn.dst)))
		return refuse(look, TRN_RULE_RESERVED, "sequencer instruction with an operand");
	if (insn.op0 >= TRN_ISA_REGISTERS || insn.op1 >= TRN_ISA_REGISTERS ||
	    insn.func >= TRN_ISA_REGISTERS)
		return refuse(look, TRN_RULE_REGISTER, "register that is not there");
	switch (insn.head.op) {
	case TRN_OP_BRANCH:
		if (!branch_mode_ok(insn.mode))
			return refuse(look, TRN_RULE_OPERATOR, "not a condition");
		if (!trn_trnx_code_start(look->code, insn.imm[1]))
			return refuse(look, TRN_RULE_BRANCH,
				      "branch to where no instruction begins");
		return 0;
	case TRN_OP_REG_ARG:
		if (insn.imm[1] > 3)
			return refuse(look, TRN_RULE_SHAPE, "argument has four words");
		if (!arg_ok(look, insn.imm[0]))
			return refuse(look, TRN_RULE_ARGUMENT, "argument that is not declared");
		return 0;
	default:
		return 0;
	}
}

int trn_trnx_code_check(const struct trn_trnx_code *code, struct trn_trnx_fault *ret_fault)
{
	struct look look = { .code = code, .fault = ret_fault };

	for (uint32_t pc = 0; pc < code->count;) {
		size_t words;
		int r;

		look.pc = pc;
		look.bytes = code->words + (size_t)pc * TRN_ISA_WORD_SIZE;
		look.op = trn_isa_op(look.bytes[0]);
		words = look.bytes[offsetof(struct trn_isa_head, words)];
		r = check_head(&look);
		if (r == 0 && look.op->layout == TRN_LAYOUT_COMPUTE)
			r = check_compute(&look, words * TRN_ISA_WORD_SIZE);
		else if (r == 0 && look.op->layout == TRN_LAYOUT_DMA)
			r = check_dma(&look);
		else if (r == 0)
			r = check_sequencer(&look);
		if (r < 0)
			return r;
		pc += (uint32_t)words;
	}
	return 0;
}
