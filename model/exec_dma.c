/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of DMA instructions. Both sides become nests of loops over bytes; two cursors
 * walk them together, a run at a time. Nothing moves before every address is known to
 * be allowed. */
#include "model/core.h"

#define LEVELS 5u   /* partitions and four dims */
#define CHUNK 4096u /* elements converted at once */
#define SQUARE 32u  /* rows and columns of a transpose moved together */

/* One side in the order it is walked. */
struct nest {
	struct trn_chip *chip;
	uint8_t *ptr;     /* host bytes at offset 0, or NULL: go through the address */
	uint64_t address; /* device address at offset 0, DRAM */
	bool dram;
	uint8_t dtype, esize;
	uint32_t levels;
	uint32_t num[LEVELS];
	int64_t step[LEVELS]; /* bytes */
	uint32_t i[LEVELS];
	int64_t offset;
};

static void nest_level(struct nest *nest, uint32_t num, int64_t step)
{
	nest->num[nest->levels] = num;
	nest->step[nest->levels++] = step;
}

/* Loops as written, from dims[first] on; the partitions are a loop of their own. */
static void nest_init(struct nest *nest, struct trn_core *core, const struct trn_side *side,
		      uint32_t first)
{
	const struct trn_view *view = &side->view;

	*nest = (struct nest){ .chip = core->chip,
			       .dram = side->space == TRN_SPACE_DRAM,
			       .dtype = side->dtype,
			       .esize = side->esize };
	if (nest->dram) {
		nest->address = side->arg;
		nest->offset = (int64_t)side->offset;
		for (uint32_t d = first; d < side->ndims; d++)
			nest_level(nest, side->num[d], side->step[d]);
		return;
	}
	nest->ptr = view->base;
	nest->offset = view->offset;
	nest_level(nest, view->partitions, (int64_t)view->pitch);
	for (uint32_t d = first; d < view->rank; d++)
		nest_level(nest, view->shape[d], (int64_t)view->stride[d] * view->esize);
}

static void nest_swap_ends(struct nest *nest)
{
	const uint32_t last = nest->levels - 1;
	const uint32_t num = nest->num[0];
	const int64_t step = nest->step[0];

	nest->num[0] = nest->num[last];
	nest->step[0] = nest->step[last];
	nest->num[last] = num;
	nest->step[last] = step;
}

/* Loops of one round go, loops that continue each other become one. */
static void nest_collapse(struct nest *nest)
{
	uint32_t n = 0;

	for (uint32_t d = 0; d < nest->levels; d++) {
		const uint32_t num = nest->num[d];
		const int64_t step = nest->step[d];

		if (num == 1)
			continue;
		if (n > 0 && nest->step[n - 1] == step * (int64_t)num &&
		    (uint64_t)nest->num[n - 1] * num <= UINT32_MAX) {
			nest->step[n - 1] = step;
			nest->num[n - 1] *= num;
			continue;
		}
		nest->step[n] = step;
		nest->num[n++] = num;
	}
	if (n == 0) {
		nest->num[0] = 1;
		nest->step[0] = nest->esize;
		n = 1;
	}
	nest->levels = n;
}

/* Host bytes for [lo, hi) around the argument's start, when they are in one piece. */
static void nest_resolve(struct nest *nest, int64_t lo, int64_t hi, bool write)
{
	uint8_t *base;

	if (!nest->dram)
		return;
	base = trn_chip_far_memory(nest->chip, nest->address + (uint64_t)lo, (uint64_t)(hi - lo),
				   write);
	nest->ptr = base ? base - lo : NULL;
}

static uint32_t nest_run(const struct nest *nest)
{
	return nest->num[nest->levels - 1] - nest->i[nest->levels - 1];
}

static void nest_advance(struct nest *nest, uint32_t count)
{
	uint32_t d = nest->levels - 1;

	nest->i[d] += count;
	nest->offset += (int64_t)count * nest->step[d];
	while (nest->i[d] == nest->num[d] && d > 0) {
		nest->offset -= (int64_t)nest->num[d] * nest->step[d];
		nest->i[d--] = 0;
		nest->i[d]++;
		nest->offset += nest->step[d];
	}
}

static uint64_t nest_elements(const struct nest *nest)
{
	uint64_t count = 1;

	for (uint32_t d = 0; d < nest->levels; d++)
		count *= nest->num[d];
	return count;
}

static void nest_skip(struct nest *nest, uint64_t count)
{
	while (count > 0) {
		const uint32_t run = (uint32_t)trn_min_u64(nest_run(nest), count);

		nest_advance(nest, run);
		count -= run;
	}
}

static bool nest_dense(const struct nest *nest)
{
	return nest->step[nest->levels - 1] == nest->esize;
}

/* One element or one dense run at a byte distance from the cursor. */
static int nest_access(const struct nest *nest, int64_t at, void *data, size_t size, bool write,
		       uint64_t *ret_bad)
{
	const uint64_t address = nest->address + (uint64_t)(nest->offset + at);

	if (!nest->ptr)
		return write ? trn_chip_far_write(nest->chip, address, data, size, ret_bad) :
			       trn_chip_far_read(nest->chip, address, data, size, ret_bad);
	if (write)
		memcpy(nest->ptr + nest->offset + at, data, size);
	else
		memcpy(data, nest->ptr + nest->offset + at, size);
	return 0;
}

static int nest_move(const struct nest *nest, uint8_t *data, uint32_t count, bool write,
		     uint64_t *ret_bad)
{
	const int64_t step = nest->step[nest->levels - 1];

	if (nest_dense(nest))
		return nest_access(nest, 0, data, (size_t)count * nest->esize, write, ret_bad);
	for (uint32_t i = 0; i < count; i++) {
		const int r = nest_access(nest, i * step, data + (size_t)i * nest->esize,
					  nest->esize, write, ret_bad);

		if (r < 0)
			return r;
	}
	return 0;
}

/* One loop of elements of a fixed size: what the compiler makes quick. */
#define STRIDED(bytes)                       \
	for (uint32_t i = 0; i < count; i++) \
	memcpy(to + i * to_step, from + i * from_step, bytes)

static void move_strided(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step,
			 uint32_t esize, uint32_t count)
{
	if (esize == 2)
		STRIDED(2);
	else if (esize == 4)
		STRIDED(4);
	else
		STRIDED(1);
}

/* The first and the last loop of both sides, in squares that stay in the cache. */
static void move_squares(const struct nest *dst, const struct nest *src, int64_t to_at,
			 int64_t from_at)
{
	const uint32_t last = dst->levels - 1, rows = dst->num[0], columns = dst->num[last];
	uint8_t *to = dst->ptr + dst->offset + to_at;
	const uint8_t *from = src->ptr + src->offset + from_at;

	for (uint32_t r0 = 0; r0 < rows; r0 += SQUARE) {
		for (uint32_t c = 0; c < columns; c += SQUARE) {
			for (uint32_t r = r0; r < rows && r < r0 + SQUARE; r++)
				move_strided(to + r * dst->step[0] + c * dst->step[last],
					     dst->step[last],
					     from + r * src->step[0] + c * src->step[last],
					     src->step[last], dst->esize,
					     columns - c < SQUARE ? columns - c : SQUARE);
		}
	}
}

/* Loops of the same rounds on both sides, at least two: a transpose. False: not that. */
static bool move_planes(const struct nest *dst, const struct nest *src)
{
	const uint32_t last = dst->levels - 1;
	uint32_t i[LEVELS] = { 0 };
	int64_t to = 0, from = 0;

	if (dst->dtype != src->dtype || !dst->ptr || !src->ptr || dst->levels < 2 ||
	    src->levels != dst->levels || (nest_dense(dst) && nest_dense(src)) ||
	    memcmp(dst->num, src->num, dst->levels * sizeof(dst->num[0])) != 0)
		return false;
	for (uint32_t d = 1; d > 0;) {
		move_squares(dst, src, to, from);
		for (d = last - 1; d > 0; d--) {
			to += dst->step[d];
			from += src->step[d];
			if (++i[d] < dst->num[d])
				break;
			to -= dst->step[d] * dst->num[d];
			from -= src->step[d] * src->num[d];
			i[d] = 0;
		}
	}
	return true;
}

static bool is_aligned(const void *at)
{
	return (uintptr_t)at % sizeof(float) == 0;
}

/* A run between host bytes, without a stop between; false: not of a form for that. */
static bool move_direct(const struct nest *dst, const struct nest *src, uint32_t count)
{
	uint8_t *to = dst->ptr + dst->offset;
	const uint8_t *from = src->ptr + src->offset;
	const bool dense = nest_dense(dst) && nest_dense(src);

	if (dst->dtype == src->dtype && dense)
		memmove(to, from, (size_t)count * src->esize);
	else if (dst->dtype == src->dtype)
		move_strided(to, dst->step[dst->levels - 1], from, src->step[src->levels - 1],
			     src->esize, count);
	else if (dense && dst->dtype == TRN_DTYPE_F32 && is_aligned(to))
		trn_row_to_f32((float *)(void *)to, from, src->dtype, count);
	else if (dense && src->dtype == TRN_DTYPE_F32 && is_aligned(from))
		trn_row_from_f32(to, (const float *)(const void *)from, dst->dtype, count);
	else
		return false;
	return true;
}

#define LINE 64u
#define AHEAD 6u /* runs; the host's own prefetch gives up at each jump */
#define AHEAD_BYTES 2048u

/* Asks for what a cursor that runs in front of the reading one points at. */
static void fetch_ahead(struct nest *ahead, uint32_t count)
{
	const size_t bytes = (size_t)count * ahead->esize;

	if (!ahead->ptr || !nest_dense(ahead) || bytes > AHEAD_BYTES)
		return;
	for (size_t at = 0; at < bytes; at += LINE)
		__builtin_prefetch(ahead->ptr + ahead->offset + at);
	nest_advance(ahead, count);
}

/* The next count elements of both sides. */
static int transfer(struct trn_core *core, struct nest *dst, struct nest *src, uint64_t count,
		    struct trn_core_error *error)
{
	uint8_t *raw = core->scratch->raw;
	float *wide = core->scratch->a;
	uint64_t bad = 0;
	struct nest ahead = *src;

	for (uint32_t i = 0; i < AHEAD; i++)
		nest_advance(&ahead, nest_run(&ahead));
	while (count > 0) {
		uint32_t run =
			(uint32_t)trn_min_u64(count, trn_min_u64(nest_run(dst), nest_run(src)));

		fetch_ahead(&ahead, run);
		if (!dst->ptr || !src->ptr || !move_direct(dst, src, run)) {
			run = run < CHUNK ? run : CHUNK;
			if (nest_move(src, raw, run, false, &bad) < 0)
				return trn_dma_refuse(error, TRN_AP_SRC0, bad);
			if (dst->dtype != src->dtype) {
				trn_row_to_f32(wide, raw, src->dtype, run);
				trn_row_from_f32(raw, wide, dst->dtype, run);
			}
			if (nest_move(dst, raw, run, true, &bad) < 0)
				return trn_dma_refuse(error, TRN_AP_DST, bad);
		}
		nest_advance(dst, run);
		nest_advance(src, run);
		count -= run;
	}
	return 0;
}

static bool accumulates(const struct trn_inst *inst)
{
	return inst->head.op == TRN_OP_DMA_ADD && (inst->head.flags & TRN_DMA_ACCUMULATE);
}

/* The next count elements of dst become the sum of the sources, after their old value if
 * that counts too. */
static int transfer_sum(struct trn_core *core, struct nest *dst, struct nest *src, uint32_t sources,
			bool accumulate, uint64_t count, struct trn_core_error *error)
{
	uint8_t *raw = core->scratch->raw;
	float *sum = core->scratch->a, *x = core->scratch->b;
	uint64_t bad = 0;

	while (count > 0) {
		uint32_t run = (uint32_t)trn_min_u64(trn_min_u64(count, CHUNK), nest_run(dst));

		for (uint32_t s = 0; s < sources; s++)
			run = (uint32_t)trn_min_u64(run, nest_run(&src[s]));
		if (accumulate) {
			if (nest_move(dst, raw, run, false, &bad) < 0)
				return trn_dma_refuse(error, TRN_AP_DST, bad);
			trn_row_to_f32(sum, raw, dst->dtype, run);
		}
		for (uint32_t s = 0; s < sources; s++) {
			const bool first = s == 0 && !accumulate;

			if (nest_move(&src[s], raw, run, false, &bad) < 0)
				return trn_dma_refuse(error, TRN_AP_SRC0, bad);
			trn_row_to_f32(first ? sum : x, raw, src[s].dtype, run);
			if (!first)
				trn_alu_rows(TRN_ALU_ADD, sum, sum, x, run);
			nest_advance(&src[s], run);
		}
		trn_row_from_f32(raw, sum, dst->dtype, run);
		if (nest_move(dst, raw, run, true, &bad) < 0)
			return trn_dma_refuse(error, TRN_AP_DST, bad);
		nest_advance(dst, run);
		count -= run;
	}
	return 0;
}

static bool in_argument(const struct trn_side *side, int64_t offset, int64_t lo, int64_t hi)
{
	return offset + lo >= 0 && offset + hi <= (int64_t)side->arg_bytes;
}

static bool window_ok(const struct trn_core *core, const struct trn_side *side, int64_t lo,
		      int64_t hi, bool write)
{
	return trn_launch_window_ok(core->chip->launch, core->window, side->arg + (uint64_t)lo,
				    (uint64_t)(hi - lo), write);
}

/* What is added to is read, too. */
static bool operand_ok(const struct trn_core *core, const struct trn_inst *inst,
		       const struct trn_side *side, int64_t lo, int64_t hi)
{
	const bool write = side == &inst->dst;

	return window_ok(core, side, lo, hi, write) &&
	       (!write || !accumulates(inst) || window_ok(core, side, lo, hi, false));
}

/* A side whose place does not depend on data: 1 when it may move, 0 when it is to be
 * skipped, negative when it is refused. */
static int side_allowed(struct trn_core *core, const struct trn_inst *inst,
			const struct trn_side *side, uint32_t operand, struct trn_core_error *error)
{
	const int64_t offset = (int64_t)side->offset;

	if (side->space != TRN_SPACE_DRAM)
		return 1;
	if (!in_argument(side, offset, side->lo, side->hi)) {
		if (inst->head.flags & TRN_DMA_OOB_SKIP)
			return 0;
		error->address = side->arg + side->offset;
		return trn_inst_refuse(error, operand, TRN_RULE_RANGE);
	}
	if (!operand_ok(core, inst, side, offset + side->lo, offset + side->hi))
		return trn_dma_refuse(error, operand, side->arg + (uint64_t)(offset + side->lo));
	return 1;
}

/* Moves everything when both sides have a fixed place. */
static int copy_plain(struct trn_core *core, struct trn_inst *inst, bool flip,
		      struct trn_core_error *error)
{
	const struct trn_side *to = &inst->dst, *from = &inst->src;
	struct nest dst, src;
	int r = side_allowed(core, inst, to, TRN_AP_DST, error);

	if (r > 0)
		r = side_allowed(core, inst, from, TRN_AP_SRC0, error);
	if (r <= 0 || !trn_shadow_moves(core, inst))
		return r < 0 ? r : 0;
	nest_init(&dst, core, to, 0);
	nest_init(&src, core, from, 0);
	if (flip)
		nest_swap_ends(&src);
	nest_resolve(&dst, (int64_t)to->offset + to->lo, (int64_t)to->offset + to->hi, true);
	nest_resolve(&src, (int64_t)from->offset + from->lo, (int64_t)from->offset + from->hi,
		     false);
	r = 0;
	if (!move_planes(&dst, &src)) {
		nest_collapse(&dst);
		nest_collapse(&src);
		r = transfer(core, &dst, &src, to->count, error);
	}
	if (r == 0 && to->space == TRN_SPACE_SBUF)
		trn_core_wrote(core, &to->view, false);
	return r;
}

/* The side that row numbers choose from, and how far a row of it reaches. */
struct indexed {
	const struct trn_side *side;
	bool write;
	int64_t lo, hi; /* bytes of one row from its start */
	uint64_t row;   /* elements of one row */
	/* Of each row, or SKIPPED. Read once: rows may be written to where the index lies. */
	int64_t place[TRN_ISA_PARTITIONS];
};
#define SKIPPED (-1)

static void indexed_init(struct indexed *ix, const struct trn_inst *inst)
{
	ix->write = inst->head.flags & TRN_DMA_SCATTER;
	ix->side = ix->write ? &inst->dst : &inst->src;
	ix->lo = 0;
	ix->hi = ix->side->esize;
	ix->row = 1;
	for (uint32_t d = 1; d < ix->side->ndims; d++) {
		const int64_t far = ix->side->step[d] * ((int64_t)ix->side->num[d] - 1);

		if (far < 0)
			ix->lo += far;
		else
			ix->hi += far;
		ix->row *= ix->side->num[d];
	}
}

/* Row number p of the index; false when it points outside the argument. */
static bool index_row(const struct trn_inst *inst, const struct indexed *ix, uint32_t p,
		      int64_t *ret_offset)
{
	const struct trn_view *view = &inst->view[TRN_AP_SRC1];
	uint32_t value = 0;
	int64_t step;

	trn_row_gather(view, p, 0, 1, &value);
	step = view->dtype == TRN_DTYPE_S32 ? (int64_t)(int32_t)value : (int64_t)value;
	if (step < 0 || __builtin_mul_overflow(step, ix->side->step[0], &step) ||
	    __builtin_add_overflow(step, (int64_t)ix->side->offset, &step))
		return false;
	*ret_offset = step;
	return step <= INT64_MAX / 2 && in_argument(ix->side, step, ix->lo, ix->hi);
}

/* Places of all rows, each of which may be touched. */
static int index_read(struct trn_core *core, const struct trn_inst *inst, struct indexed *ix,
		      struct trn_core_error *error)
{
	for (uint32_t p = 0; p < inst->view[TRN_AP_SRC1].partitions; p++) {
		int64_t offset = 0;

		if (!index_row(inst, ix, p, &offset)) {
			ix->place[p] = SKIPPED;
			if (inst->head.flags & TRN_DMA_OOB_SKIP)
				continue;
			error->address = ix->side->arg + (uint64_t)offset;
			return trn_inst_refuse(error, TRN_AP_SRC1, TRN_RULE_RANGE);
		}
		ix->place[p] = offset;
		if (!operand_ok(core, inst, ix->side, offset + ix->lo, offset + ix->hi))
			return trn_dma_refuse(error, ix->write ? TRN_AP_DST : TRN_AP_SRC0,
					      ix->side->arg + (uint64_t)offset);
	}
	return 0;
}

/* One row: added, copied, or put into column p of a transpose. */
static int move_row(struct trn_core *core, const struct trn_inst *inst, struct nest *straight,
		    struct nest *row, uint32_t p, struct trn_core_error *error)
{
	const bool scatter = inst->head.flags & TRN_DMA_SCATTER;
	struct nest *dst = scatter ? row : straight, *src = scatter ? straight : row;
	const uint64_t count = nest_elements(row);
	struct nest column;

	if (accumulates(inst))
		return transfer_sum(core, dst, src, 1, true, count, error);
	if (inst->head.op != TRN_OP_DMA_TRANSPOSE)
		return transfer(core, dst, src, count, error);
	column = *dst;
	column.levels = 1;
	column.offset += p * dst->step[1];
	return transfer(core, &column, src, count, error);
}

/* Gather or scatter: row by row, the other side straight through. */
static int move_indexed(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const bool scatter = inst->head.flags & TRN_DMA_SCATTER;
	const bool flip = inst->head.op == TRN_OP_DMA_TRANSPOSE;
	const struct trn_side *other = scatter ? &inst->src : &inst->dst;
	struct indexed ix;
	struct nest straight, rows;
	int r = side_allowed(core, inst, other, scatter ? TRN_AP_SRC0 : TRN_AP_DST, error);

	if (r <= 0)
		return r;
	indexed_init(&ix, inst);
	r = index_read(core, inst, &ix, error);
	if (r < 0 || !trn_shadow_moves(core, inst))
		return r;
	nest_init(&straight, core, other, 0);
	if (!flip)
		nest_collapse(&straight);
	nest_resolve(&straight, (int64_t)other->offset + other->lo,
		     (int64_t)other->offset + other->hi, !scatter);
	nest_init(&rows, core, ix.side, 1);
	nest_collapse(&rows);
	nest_resolve(&rows, 0, (int64_t)ix.side->arg_bytes, scatter);
	for (uint32_t p = 0; r == 0 && p < inst->view[TRN_AP_SRC1].partitions; p++) {
		struct nest row = rows;

		row.offset = ix.place[p];
		if (ix.place[p] != SKIPPED)
			r = move_row(core, inst, &straight, &row, p, error);
		else if (!flip)
			nest_skip(&straight, ix.row);
	}
	if (r == 0 && inst->dst.space == TRN_SPACE_SBUF)
		trn_core_wrote(core, &inst->dst.view, false);
	return r;
}

/* The sources, one behind the other in dims[0] of src when there are several. */
static void sources_init(struct nest *src, struct trn_core *core, const struct trn_inst *inst)
{
	const struct trn_side *from = &inst->src;
	const uint32_t sources = inst->imm[0];
	const int64_t step = from->space == TRN_SPACE_DRAM ?
				     from->step[0] :
				     (int64_t)from->view.stride[0] * from->esize;

	for (uint32_t s = 0; s < sources; s++) {
		nest_init(&src[s], core, from, sources > 1 ? 1 : 0);
		nest_resolve(&src[s], (int64_t)from->offset + from->lo,
			     (int64_t)from->offset + from->hi, false);
		src[s].offset += s * step;
		nest_collapse(&src[s]);
	}
}

static int sum_plain(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_side *to = &inst->dst;
	struct nest dst, src[TRN_DMA_SOURCES];
	int r = side_allowed(core, inst, to, TRN_AP_DST, error);

	if (r > 0)
		r = side_allowed(core, inst, &inst->src, TRN_AP_SRC0, error);
	if (r <= 0 || !trn_shadow_moves(core, inst))
		return r < 0 ? r : 0;
	nest_init(&dst, core, to, 0);
	nest_resolve(&dst, (int64_t)to->offset + to->lo, (int64_t)to->offset + to->hi, true);
	nest_collapse(&dst);
	sources_init(src, core, inst);
	r = transfer_sum(core, &dst, src, inst->imm[0], accumulates(inst), to->count, error);
	if (r == 0 && to->space == TRN_SPACE_SBUF)
		trn_core_wrote(core, &to->view, false);
	return r;
}

static int count_bytes(struct trn_core *core, const struct trn_inst *inst, int r)
{
	if (r == 0)
		core->chip->counters.dma_bytes += inst->dst.count * inst->dst.esize;
	else
		core->chip->counters.dma_errors++;
	return r;
}

static bool is_indexed(const struct trn_inst *inst)
{
	return inst->head.flags & (TRN_DMA_GATHER | TRN_DMA_SCATTER);
}

int trn_exec_dma_copy(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const int r = is_indexed(inst) ? move_indexed(core, inst, error) :
					 copy_plain(core, inst, false, error);

	return count_bytes(core, inst, r);
}

int trn_exec_dma_transpose(struct trn_core *core, struct trn_inst *inst,
			   struct trn_core_error *error)
{
	const int r = is_indexed(inst) ? move_indexed(core, inst, error) :
					 copy_plain(core, inst, true, error);

	return count_bytes(core, inst, r);
}

int trn_exec_dma_add(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	int r;

	if (is_indexed(inst))
		r = move_indexed(core, inst, error);
	else if (inst->imm[0] == 1 && !accumulates(inst))
		r = copy_plain(core, inst, false, error);
	else
		r = sum_plain(core, inst, error);
	return count_bytes(core, inst, r);
}
