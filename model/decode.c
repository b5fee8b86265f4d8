/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction words into struct trn_inst: the table of opcodes and every rule that
 * holds for all of them. Nothing of an instruction has an effect before all its rules
 * have been checked. Rules of single opcodes are in check.c. */
#include "model/core.h"

#include <errno.h>

int trn_inst_refuse(struct trn_core_error *error, uint32_t operand, enum trn_ext_rule rule)
{
	error->code = TRN_EXT_ERR_INSTRUCTION;
	error->operand = operand;
	error->rule = rule;
	return -EINVAL;
}

/* The words as they are in memory. */
union inst_words {
	struct trn_isa_head head;
	struct trn_isa_compute compute;
	struct trn_isa_dma dma;
	uint8_t bytes[TRN_ISA_WORDS_MAX * TRN_ISA_WORD_SIZE];
};

static bool all_zero(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= p[i];
	return any == 0;
}

/* Words [first, first + count) of the instruction at pc. */
static int words_fetch(const struct trn_core_engine *engine, union inst_words *words,
		       uint32_t first, uint32_t count, struct trn_core_error *error)
{
	const uint64_t at = engine->stream + ((uint64_t)engine->pc + first) * TRN_ISA_WORD_SIZE;
	uint64_t bad = at;

	if (engine->code) {
		memcpy(words->bytes + first * TRN_ISA_WORD_SIZE,
		       engine->code + ((size_t)engine->pc + first) * TRN_ISA_WORD_SIZE,
		       (size_t)count * TRN_ISA_WORD_SIZE);
		return 0;
	}
	if (trn_chip_dma_read(engine->core->chip, at, words->bytes + first * TRN_ISA_WORD_SIZE,
			      (uint64_t)count * TRN_ISA_WORD_SIZE, &bad) < 0) {
		error->code = TRN_EXT_ERR_ADDRESS;
		error->address = bad;
		return -EINVAL;
	}
	return 0;
}

static int head_check(const struct trn_isa_head *head, const struct trn_isa_op *form,
		      struct trn_core_error *error)
{
	if ((head->flags & ~form->flags) != 0 ||
	    (head->indirect != 0 && form->layout != TRN_LAYOUT_COMPUTE))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (head->wait_mode > TRN_WAIT_CONSUME || head->inc_mode > TRN_INC_SUB)
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (head->wait_mode == TRN_WAIT_NONE && (head->wait_value != 0 || head->wait_sem != 0))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (head->inc_mode == TRN_INC_NONE && (head->inc_value != 0 || head->inc_sem != 0))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (head->wait_mode == TRN_WAIT_GE_REG && head->wait_value >= TRN_ISA_REGISTERS)
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_REGISTER);
	if (head->inc_mode == TRN_INC_SUB && form->kind == TRN_KIND_DMA)
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	return 0;
}

static bool params_ok(const struct trn_isa_compute *c, const struct trn_isa_op *form)
{
	return ((form->params & TRN_PARAM_OP0) || c->op0 == 0) &&
	       ((form->params & TRN_PARAM_OP1) || c->op1 == 0) &&
	       ((form->params & TRN_PARAM_FUNC) || c->func == 0) &&
	       ((form->params & TRN_PARAM_MODE) || c->mode == 0);
}

/* The address an access pattern reaches, [lo, hi) relative to its offset. */
static void view_extent(const struct trn_isa_ap *ap, int64_t *ret_lo, int64_t *ret_hi)
{
	int64_t lo = 0, hi = 0;

	for (uint32_t d = 0; d < ap->ndims; d++) {
		int64_t far = (int64_t)ap->dims[d].step * (ap->dims[d].num - 1);

		if (far < 0)
			lo += far;
		else
			hi += far;
	}
	*ret_lo = lo;
	*ret_hi = hi + 1;
}

/* Drops loops of one round and joins loops that walk on where the inner one ends. */
static void view_collapse(struct trn_view *view, const struct trn_isa_ap *ap)
{
	uint32_t n = 0;

	for (uint32_t d = 0; d < ap->ndims; d++) {
		int32_t step = ap->dims[d].step;
		uint32_t num = ap->dims[d].num;

		if (num == 1)
			continue;
		if (n > 0 && view->step[n - 1] == step * (int32_t)num) {
			view->step[n - 1] = step;
			view->num[n - 1] *= num;
			continue;
		}
		view->step[n] = step;
		view->num[n++] = num;
	}
	if (n == 0) {
		view->step[0] = 1;
		view->num[0] = 1;
		n = 1;
	}
	view->ndims = n;
	view->dense = n == 1 && view->step[0] == 1;
}

static bool partitions_ok(const struct trn_isa_ap *ap, bool free_start)
{
	uint32_t grain = ap->partitions > 64 ? 128 : ap->partitions > 32 ? 64 : 32;

	if (ap->partitions < 1 || (uint32_t)ap->start + ap->partitions > TRN_ISA_PARTITIONS)
		return false;
	/* DMA and scales reach every partition; the engines only halves and quadrants. */
	return free_start || ap->start % grain == 0;
}

static enum trn_ext_rule ap_shape_rule(const struct trn_isa_ap *ap)
{
	uint64_t count = 1;

	if (ap->reserved != 0)
		return TRN_RULE_RESERVED;
	if (ap->ndims < 1 || ap->ndims > 4)
		return TRN_RULE_SHAPE;
	for (uint32_t d = 0; d < 4; d++) {
		if (d >= ap->ndims && (ap->dims[d].num != 0 || ap->dims[d].step != 0))
			return TRN_RULE_RESERVED;
		if (d < ap->ndims && ap->dims[d].num == 0)
			return TRN_RULE_SHAPE;
		if (d < ap->ndims)
			count *= ap->dims[d].num;
	}
	return count > TRN_FREE_MAX ? TRN_RULE_SHAPE : TRN_RULE_NONE;
}

static bool dtype_ok(const struct trn_gen *gen, uint32_t dtype)
{
	if (dtype == TRN_DTYPE_F8E4M3FN && !(gen->features & TRN_FEATURE_E4M3FN))
		return false;
	if (trn_dtype_is_mx(dtype) && !(gen->features & TRN_FEATURE_MX))
		return false;
	return dtype > TRN_DTYPE_NONE && dtype < TRN_DTYPE_COUNT;
}

/* Formats without arithmetic: only in the places that the table names, and where they are
 * moved, to their own kind. A constant can only be 0. */
static int mx_check(const struct trn_inst *inst, struct trn_core_error *error)
{
	const bool dma = inst->form->layout == TRN_LAYOUT_DMA;
	const uint32_t live = dma ? TRN_SLOT(DST) | TRN_SLOT(SRC0) : inst->live;
	uint32_t dst, src;

	for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
		uint32_t dtype = inst->view[s].dtype;

		if (dma && s <= TRN_AP_SRC0)
			dtype = s == TRN_AP_DST ? inst->dst.dtype : inst->src.dtype;
		if ((live >> s & 1) && trn_dtype_is_mx(dtype) && !(inst->info->mx >> s & 1))
			return trn_inst_refuse(error, s, TRN_RULE_DTYPE);
	}
	if (!inst->info->mx_move)
		return 0;
	dst = dma ? inst->dst.dtype : inst->view[TRN_AP_DST].dtype;
	src = dma ? inst->src.dtype : inst->view[TRN_AP_SRC0].dtype;
	if (!(live & TRN_SLOT(SRC0)))
		return trn_dtype_is_mx(dst) && inst->imm[0] != 0 ?
			       trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_DTYPE) :
			       0;
	return (trn_dtype_is_mx(dst) || trn_dtype_is_mx(src)) && dst != src ?
		       trn_inst_refuse(error, TRN_AP_DST, TRN_RULE_DTYPE) :
		       0;
}

static enum trn_ext_rule view_resolve(struct trn_core_engine *engine, const struct trn_isa_ap *ap,
				      bool dma, bool free_start, struct trn_view *view,
				      bool *ret_dynamic)
{
	struct trn_core *core = engine->core;
	const bool psum = ap->space == TRN_SPACE_PSUM;
	const int64_t limit = psum ? TRN_PSUM_PARTITION_SIZE :
				     (int64_t)core->chip->gen->sbuf_partition_bytes;
	int64_t at = ap->offset, lo, hi;
	enum trn_ext_rule rule;

	if (ap->space != TRN_SPACE_SBUF && (!psum || dma))
		return TRN_RULE_SPACE;
	if (!dtype_ok(core->chip->gen, ap->dtype))
		return TRN_RULE_DTYPE;
	if (!partitions_ok(ap, free_start))
		return TRN_RULE_PARTITION;
	rule = ap_shape_rule(ap);
	if (rule != TRN_RULE_NONE)
		return rule;
	if (ap->reg > TRN_ISA_REGISTERS)
		return TRN_RULE_REGISTER;
	if (ap->reg > 0) {
		at += (int32_t)engine->reg[ap->reg - 1];
		*ret_dynamic = true;
	}
	view->esize = (uint8_t)trn_dtype_size(ap->dtype);
	if (at % view->esize != 0)
		return TRN_RULE_ALIGN;
	view_extent(ap, &lo, &hi);
	if (at + lo * view->esize < 0 || at + hi * view->esize > limit)
		return TRN_RULE_RANGE;
	view->space = ap->space;
	view->rounding = NULL;
	view->dtype = ap->dtype;
	view->start = ap->start;
	view->partitions = ap->partitions;
	view->offset = (uint32_t)at;
	view->lo = (uint32_t)(at + lo * view->esize);
	view->hi = (uint32_t)(at + hi * view->esize);
	view->count = 1;
	view->rank = ap->ndims;
	for (uint32_t d = 0; d < ap->ndims; d++) {
		view->shape[d] = ap->dims[d].num;
		view->stride[d] = ap->dims[d].step;
		view->count *= ap->dims[d].num;
	}
	view_collapse(view, ap);
	view->pitch = psum ? core->psum_pitch : core->sbuf_pitch;
	view->base = (psum ? core->psum : core->sbuf) + ap->start * view->pitch;
	return TRN_RULE_NONE;
}

/* Which memories an engine reaches with a slot. */
static bool space_ok(uint32_t engine, uint32_t slot, uint32_t space)
{
	const bool output = slot == TRN_AP_DST || slot == TRN_AP_DST2;

	if (engine == TRN_ENGINE_TENSOR)
		return space == (output ? TRN_SPACE_PSUM : TRN_SPACE_SBUF);
	if (engine == TRN_ENGINE_GPSIMD)
		return space == TRN_SPACE_SBUF;
	return true;
}

static int compute_decode(struct trn_core_engine *engine, const union inst_words *words,
			  struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_isa_compute *c = &words->compute;
	const struct trn_isa_op *form = inst->form;

	if (inst->head.words >= 2) {
		inst->imm[4] = c->imm4;
		inst->imm[5] = c->imm5;
	}
	if ((inst->head.words >= 3 && !all_zero(c->reserved, sizeof(c->reserved))) ||
	    (inst->head.words >= 4 && !all_zero(c->reserved3, sizeof(c->reserved3))))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
		const struct trn_isa_ap *ap = (const void *)(words->bytes + trn_isa_slot_offset[s]);
		const bool word = inst->head.words >= trn_isa_slot_word[s];
		const bool there = word && ap->space != 0;
		enum trn_ext_rule rule;

		if (!there && word && !all_zero(ap, sizeof(*ap)))
			return trn_inst_refuse(error, s, TRN_RULE_RESERVED);
		if (!there && (form->required >> s & 1))
			return trn_inst_refuse(error, s, TRN_RULE_SPACE);
		if (!there)
			continue;
		if (!((form->required | form->optional) >> s & 1))
			return trn_inst_refuse(error, s, TRN_RULE_RESERVED);
		if (!space_ok(engine->index, s, ap->space))
			return trn_inst_refuse(error, s, TRN_RULE_SPACE);
		rule = view_resolve(engine, ap, false, form->scales >> s & 1, &inst->view[s],
				    &inst->dynamic);
		if (rule != TRN_RULE_NONE)
			return trn_inst_refuse(error, s, rule);
		inst->live |= (uint8_t)(1u << s);
	}
	/* An index needs an operand that it applies to, and the other way round. */
	if (inst->head.indirect != 0)
		return trn_indirect_check(engine->core, inst, error);
	return inst->live & TRN_SLOT(INDEX) ?
		       trn_inst_refuse(error, TRN_AP_INDEX, TRN_RULE_RESERVED) :
		       0;
}

#define DRAM_ELEMENTS_MAX (1u << 30) /* of one side */

/* Loops of a DRAM side; count, byte steps, and how far they reach. */
static enum trn_ext_rule dram_loops(const struct trn_isa_mem *mem, struct trn_side *side)
{
	uint64_t count = 1;
	uint32_t n = 0;
	int64_t far;

	side->lo = 0;
	side->hi = side->esize;
	while (n < 4 && mem->u.dram.dims[n].num != 0)
		n++;
	if (n == 0)
		return TRN_RULE_SHAPE;
	for (uint32_t d = 0; d < 4; d++) {
		const struct trn_isa_dram_dim *dim = &mem->u.dram.dims[d];

		if (d >= n && (dim->num != 0 || dim->step != 0))
			return TRN_RULE_RESERVED;
		if (d >= n)
			continue;
		side->step[d] = (int64_t)dim->step * side->esize;
		side->num[d] = dim->num;
		if (__builtin_mul_overflow(side->step[d], (int64_t)dim->num - 1, &far) ||
		    __builtin_add_overflow(far < 0 ? side->lo : side->hi, far,
					   far < 0 ? &side->lo : &side->hi))
			return TRN_RULE_RANGE;
		/* Steps of 0 make any number of elements of a few bytes: an instruction ends. */
		count *= dim->num;
		if (count > DRAM_ELEMENTS_MAX)
			return TRN_RULE_SHAPE;
	}
	side->ndims = n;
	side->count = count;
	return TRN_RULE_NONE;
}

static enum trn_ext_rule dram_resolve(struct trn_core_engine *engine, const struct trn_isa_mem *mem,
				      struct trn_side *side, bool *ret_dynamic)
{
	const struct trn_core *core = engine->core;
	enum trn_ext_rule rule;

	if (!dtype_ok(core->chip->gen, mem->dtype))
		return TRN_RULE_DTYPE;
	side->esize = (uint8_t)trn_dtype_size(mem->dtype);
	if (mem->arg >= core->arg_count || core->arg[mem->arg].size == 0)
		return TRN_RULE_ARGUMENT;
	if (mem->reg > TRN_ISA_REGISTERS)
		return TRN_RULE_REGISTER;
	if (mem->reg == 0 && mem->reg_scale != 0)
		return TRN_RULE_RESERVED;
	rule = dram_loops(mem, side);
	if (rule != TRN_RULE_NONE)
		return rule;
	side->arg = core->arg[mem->arg].value;
	side->arg_bytes = core->arg[mem->arg].size;
	if (mem->u.dram.offset > UINT64_C(1) << 60)
		return TRN_RULE_RANGE;
	side->offset = mem->u.dram.offset;
	if (mem->reg > 0) {
		/* The product is below 2^64, the sum need not be. */
		if (__builtin_add_overflow(side->offset,
					   (uint64_t)engine->reg[mem->reg - 1] * mem->reg_scale,
					   &side->offset))
			return TRN_RULE_RANGE;
		*ret_dynamic = true;
	}
	if (side->offset > UINT64_C(1) << 62)
		return TRN_RULE_RANGE;
	/* Memory is read and written at any byte: only the argument's layout decides. */
	return TRN_RULE_NONE;
}

static enum trn_ext_rule side_resolve(struct trn_core_engine *engine, const struct trn_isa_mem *mem,
				      struct trn_side *side, bool *ret_dynamic)
{
	enum trn_ext_rule rule;

	side->space = mem->space;
	side->dtype = mem->dtype;
	if (mem->space == TRN_SPACE_DRAM)
		return dram_resolve(engine, mem, side, ret_dynamic);
	if (mem->space != TRN_SPACE_SBUF)
		return TRN_RULE_SPACE;
	if (mem->u.chip.ap.space != TRN_SPACE_SBUF)
		return TRN_RULE_SPACE;
	if (mem->u.chip.ap.dtype != mem->dtype)
		return TRN_RULE_DTYPE;
	if (mem->arg != 0 || mem->reg != 0 || mem->reg_scale != 0 ||
	    !all_zero(mem->u.chip.reserved, sizeof(mem->u.chip.reserved)))
		return TRN_RULE_RESERVED;
	rule = view_resolve(engine, &mem->u.chip.ap, true, true, &side->view, ret_dynamic);
	side->esize = side->view.esize;
	side->count = (uint64_t)side->view.partitions * side->view.count;
	return rule;
}

/* Who makes the descriptors, and which class the transfer is in (H 4.6, 5.2 row 1). */
static int dge_check(const struct trn_core_engine *engine, const struct trn_inst *inst,
		     struct trn_core_error *error)
{
	const bool indexed = inst->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER);
	const bool qos = engine->core->chip->gen->features & TRN_FEATURE_QOS;
	bool ok = inst->op0 == TRN_DGE_AUTO;

	if (inst->op0 == TRN_DGE_SOFTWARE)
		ok = engine->index == TRN_ENGINE_GPSIMD;
	if (inst->op0 == TRN_DGE_HARDWARE)
		ok = !indexed &&
		     (engine->index == TRN_ENGINE_SYNC || engine->index == TRN_ENGINE_SCALAR);
	if (inst->op0 == TRN_DGE_STATIC)
		ok = !indexed && !inst->dynamic;
	if (!ok || inst->mode >= TRN_DMA_PRIORITIES || (inst->mode > 0 && !qos))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPERATOR);
	return 0;
}

static int dma_decode(struct trn_core_engine *engine, const union inst_words *words,
		      struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_isa_dma *d = &words->dma;
	const bool wants_dst = inst->head.op != TRN_OP_REG_LOAD;
	const bool wants_src = inst->head.op != TRN_OP_REG_STORE;
	enum trn_ext_rule rule = TRN_RULE_NONE;

	if (!all_zero(d->reserved1, sizeof(d->reserved1)) ||
	    !all_zero(d->reserved2, sizeof(d->reserved2)))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	if (wants_dst)
		rule = side_resolve(engine, &d->dst, &inst->dst, &inst->dynamic);
	else if (!all_zero(&d->dst, sizeof(d->dst)))
		rule = TRN_RULE_RESERVED;
	if (rule != TRN_RULE_NONE)
		return trn_inst_refuse(error, TRN_AP_DST, rule);
	if (wants_src)
		rule = side_resolve(engine, &d->src, &inst->src, &inst->dynamic);
	else if (!all_zero(&d->src, sizeof(d->src)))
		rule = TRN_RULE_RESERVED;
	if (rule != TRN_RULE_NONE)
		return trn_inst_refuse(error, TRN_AP_SRC0, rule);
	if (inst->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER)) {
		rule = view_resolve(engine, &d->index, true, true, &inst->view[TRN_AP_SRC1],
				    &inst->dynamic);
		inst->live |= 1u << TRN_AP_SRC1;
	} else if (!all_zero(&d->index, sizeof(d->index))) {
		rule = TRN_RULE_RESERVED;
	}
	if (rule != TRN_RULE_NONE)
		return trn_inst_refuse(error, TRN_AP_SRC1, rule);
	return inst->form->kind == TRN_KIND_DMA ? dge_check(engine, inst, error) : 0;
}

/* What is the same in the first word of both layouts. */
static int common_decode(const union inst_words *words, struct trn_inst *inst,
			 struct trn_core_error *error)
{
	const struct trn_isa_compute *c = &words->compute;
	const struct trn_isa_op *form = inst->form;
	int r = head_check(&words->head, form, error);

	if (r < 0)
		return r;
	if (!params_ok(c, form))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	inst->op0 = c->op0;
	inst->op1 = c->op1;
	inst->func = c->func;
	inst->mode = c->mode;
	memcpy(inst->imm, c->imm, sizeof(c->imm));
	return 0;
}

int trn_inst_decode(struct trn_core_engine *engine, struct trn_inst *inst,
		    struct trn_core_error *error)
{
	union inst_words words;
	const struct trn_isa_op *form;
	int r;

	*error = (struct trn_core_error){ .engine = engine->index,
					  .pc = engine->pc,
					  .operand = TRN_OPERAND_NONE };
	if (engine->pc >= engine->words)
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_PC);
	if (words_fetch(engine, &words, 0, 1, error) < 0)
		return -EINVAL;
	error->opcode = words.head.op;
	form = trn_isa_op(words.head.op);
	if (!form || !trn_op_info(words.head.op) ||
	    (form->features & ~engine->core->chip->gen->features) != 0)
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_OPCODE);
	if (!(form->engines >> engine->index & 1))
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_ENGINE);
	if (words.head.words < form->words_min || words.head.words > form->words_max ||
	    words.head.words > engine->words - engine->pc)
		return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_LENGTH);
	if (words.head.words > 1 &&
	    words_fetch(engine, &words, 1, words.head.words - 1u, error) < 0)
		return -EINVAL;
	inst->form = form;
	inst->info = trn_op_info(words.head.op);
	inst->head = words.head;
	inst->pc = engine->pc;
	inst->engine = engine->index;
	inst->dynamic = inst->keeps = false;
	inst->live = 0;
	inst->imm[4] = inst->imm[5] = 0;
	r = common_decode(&words, inst, error);
	if (r < 0)
		return r;
	inst->dst.dtype = inst->src.dtype = TRN_DTYPE_NONE;
	if (form->layout == TRN_LAYOUT_DMA)
		r = dma_decode(engine, &words, inst, error);
	else
		r = compute_decode(engine, &words, inst, error);
	if (r == 0)
		r = mx_check(inst, error);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < TRN_ARRAY_LEN(inst->imm); i++) {
		if (inst->imm[i] != 0 && !(form->imms >> i & 1))
			return trn_inst_refuse(error, TRN_OPERAND_NONE, TRN_RULE_RESERVED);
	}
	return inst->info->check ? inst->info->check(engine->core, inst, error) : 0;
}
