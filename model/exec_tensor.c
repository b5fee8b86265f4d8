/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of the tensor engine: matrix multiplication into PSUM, pass-through and
 * transposes that keep bits. */
#include "model/core.h"

/* Storage of a dense FP32 view as a matrix, from a column on. */
static float *view_matrix(const struct trn_view *view, uint32_t column)
{
	return (float *)(void *)(view->base + view->offset) + column;
}

#define NARROW 8u /* columns of a product that takes its operands where they lie */
#define LINE 64u
#define AHEAD 3u /* rows: a partition is far from the next, the host does not guess it */

static void fetch_row(const struct trn_view *view, uint32_t row)
{
	const uint8_t *base = view->base + (size_t)row * view->pitch;

	for (uint32_t at = view->lo; row < view->partitions && at < view->hi; at += LINE)
		__builtin_prefetch(base + at);
}

/* One operand of a tile: K rows of count columns. With two rows per partition, k is
 * 2 * partition + row. Dense FP32 is used where it lies. */
static const float *tile_load(struct trn_core *core, const struct trn_view *view, uint32_t rows,
			      uint32_t from, uint32_t count, float *scratch, size_t ld,
			      size_t *ret_ld)
{
	const uint32_t width = view->count / rows;

	if (rows == 1 && view->dtype == TRN_DTYPE_F32 && view->dense) {
		*ret_ld = view->pitch / sizeof(float);
		return view_matrix(view, from);
	}
	for (uint32_t p = 0; p < view->partitions; p++) {
		if (view->hi - view->lo <= 4096)
			fetch_row(view, p + AHEAD);
		for (uint32_t j = 0; j < rows; j++)
			trn_row_load(core, view, p, j * width + from, count,
				     scratch + (p * rows + j) * ld);
	}
	*ret_ld = ld;
	return scratch;
}

static void gemm(const struct trn_core *core, const struct trn_gemm *tile)
{
	const struct trn_model_host *host = &core->chip->model->host;

	if (host->gemm)
		host->gemm(host->user, tile);
	else
		trn_gemm_run(tile);
}

/* Tiles of columns come one after the other, random numbers in the order of elements: each
 * row's generator starts where the rows before leave it. */
void trn_product_start(const struct trn_inst *inst, struct trn_product *product)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	uint32_t state;

	product->accumulate = inst->head.flags & TRN_MATMUL_ACCUMULATE;
	product->random = dst->rounding && dst->dtype != TRN_DTYPE_F32;
	if (!product->random)
		return;
	state = *dst->rounding;
	for (uint32_t m = 0; m < dst->partitions; m++) {
		product->rounding[m] = state;
		for (uint32_t n = 0; n < dst->count; n++)
			(void)trn_rounding_next(&state);
	}
	*dst->rounding = state;
}

/* Where the sums of columns [from, from + n) are made, with what they begin with. */
void trn_product_open(struct trn_core *core, const struct trn_inst *inst,
		      const struct trn_product *product, struct trn_gemm *tile, uint32_t from)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const bool direct = dst->dtype == TRN_DTYPE_F32 && dst->dense;

	tile->accumulate = product->accumulate;
	tile->c = direct ? view_matrix(dst, from) : core->scratch->gemm_c;
	tile->ldc = direct ? dst->pitch / sizeof(float) : TRN_GEMM_N;
	for (uint32_t m = 0; m < tile->m && !direct && tile->accumulate; m++)
		trn_row_load(core, dst, m, from, tile->n, tile->c + m * tile->ldc);
}

/* A piece of K: the chains go on with it. */
void trn_product_add(const struct trn_core *core, struct trn_gemm *tile)
{
	gemm(core, tile);
	tile->accumulate = true;
}

void trn_product_close(struct trn_core *core, const struct trn_inst *inst,
		       struct trn_product *product, const struct trn_gemm *tile, uint32_t from)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const bool direct = dst->dtype == TRN_DTYPE_F32 && dst->dense;

	for (uint32_t m = 0; m < tile->m && !direct; m++)
		trn_row_store(core, dst, m, from, tile->n, tile->c + m * tile->ldc,
			      product->random ? &product->rounding[m] : NULL);
}

/* Activity in cycles, by the groups of 32 rows that the operands use. */
void trn_tensor_count(struct trn_core *core, const struct trn_inst *inst)
{
	const struct trn_view *still = &inst->view[TRN_AP_SRC0];
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const uint32_t first = still->start / 32;
	const uint32_t last = (still->start + still->partitions - 1) / 32;

	for (uint32_t row = first; row <= last; row++) {
		core->pe_busy[row] += inst->cycles;
		core->pe_fast[row] += (dst->partitions + 3) / 4;
	}
	if (inst->head.op != TRN_OP_TRANSPOSE)
		core->chip->counters.matmul_macs += trn_tensor_macs(inst);
}

/* The bits of one moving row each: that of the last stationary row with a value that is
 * not 0 in column m. A column of zeros gives zero bits. */
static void matmul_pass(struct trn_core *core, const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *moving = &inst->view[TRN_AP_SRC1];
	const uint32_t m_count = dst->partitions;
	uint8_t *bits = (uint8_t *)core->scratch->b;
	size_t ld;
	const float *a = tile_load(core, &inst->view[TRN_AP_SRC0], 1, 0, m_count,
				   core->scratch->gemm_a, m_count, &ld);

	for (uint32_t m = 0; m < m_count; m++) {
		uint32_t k = moving->partitions;

		while (k > 0 && a[(k - 1) * ld + m] == 0.0f)
			k--;
		if (k > 0)
			trn_row_gather(moving, k - 1, 0, moving->count, bits);
		else
			memset(bits, 0, (size_t)moving->count * moving->esize);
		trn_row_scatter(dst, m, 0, dst->count, bits);
	}
}

/* Who says that an operand holds only 0 and 1 is told, once, when it does not. */
static void tell_onezero(struct trn_core *core, const struct trn_inst *inst)
{
	const uint32_t slot = inst->head.flags & TRN_MATMUL_ONEZERO0 ? TRN_AP_SRC0 : TRN_AP_SRC1;
	const struct trn_view *view = &inst->view[slot];
	float *row = core->scratch->a;

	if (!(inst->head.flags & (TRN_MATMUL_ONEZERO0 | TRN_MATMUL_ONEZERO1)))
		return;
	for (uint32_t p = 0; p < view->partitions; p++) {
		trn_row_load(core, view, p, 0, view->count, row);
		for (uint32_t i = 0; i < view->count; i++) {
			uint32_t bits;

			if (row[i] == 0.0f || row[i] == 1.0f)
				continue;
			memcpy(&bits, &row[i], sizeof(bits));
			trn_model_event(core->chip, TRN_EV_VIOLATION, "one-zero", inst->pc, bits,
					core->index, inst->engine);
			return;
		}
	}
}

/* Every second FP32 number, forwards: a few columns are not worth a copy of it. */
static bool is_pairs(const struct trn_view *view)
{
	return view->dtype == TRN_DTYPE_F32 && view->ndims == 1 && view->step[0] == 2;
}

int trn_exec_matmul(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *still = &inst->view[TRN_AP_SRC0];
	const struct trn_view *moving = &inst->view[TRN_AP_SRC1];
	const uint32_t rows = inst->head.flags & TRN_MATMUL_DOUBLE_ROW ? 2 : 1;
	const uint32_t n = moving->count / rows;
	struct trn_gemm tile = {
		.m = still->count / rows,
		.k = still->partitions * rows,
	};
	struct trn_product product;

	(void)error;
	if (inst->head.flags & TRN_MATMUL_TRANSPOSE) {
		matmul_pass(core, inst);
		return 0;
	}
	tell_onezero(core, inst);
	trn_product_start(inst, &product);
	if (rows == 1 && n <= NARROW && is_pairs(still)) {
		tile.a = view_matrix(still, 0);
		tile.lda = still->pitch / sizeof(float);
		tile.pairs = true;
	} else {
		tile.a = tile_load(core, still, rows, 0, tile.m, core->scratch->gemm_a, tile.m,
				   &tile.lda);
	}
	for (uint32_t from = 0; from < n; from += TRN_GEMM_N) {
		tile.n = n - from < TRN_GEMM_N ? n - from : TRN_GEMM_N;
		tile.b = tile_load(core, moving, rows, from, tile.n, core->scratch->gemm_b,
				   TRN_GEMM_N, &tile.ldb);
		trn_product_open(core, inst, &product, &tile, from);
		trn_product_add(core, &tile);
		trn_product_close(core, inst, &product, &tile, from);
	}
	return 0;
}

#define FLIP_SQUARE 16u /* rows and columns that stay in the cache together */

/* Element (f, p) of the result is element (p, f) of the source. The size is a constant in each
 * call: the copies become single moves. */
static inline __attribute__((always_inline)) void flip_size(uint8_t *dst, const uint8_t *src,
							    uint32_t p_count, uint32_t f_count,
							    uint32_t from, uint32_t to)
{
	for (uint32_t f0 = 0; f0 < f_count; f0 += FLIP_SQUARE) {
		const uint32_t f1 = f0 + FLIP_SQUARE < f_count ? f0 + FLIP_SQUARE : f_count;

		for (uint32_t p = 0; p < p_count; p++) {
			for (uint32_t f = f0; f < f1; f++)
				memcpy(dst + (f * p_count + p) * to, src + (p * f_count + f) * from,
				       from);
		}
	}
}

/* Eight rows of eight 2-byte elements, turned in registers. */
typedef uint16_t trn_eight __attribute__((vector_size(16)));

#define LOW16(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH16(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW32(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 2, 3, 10, 11)
#define HIGH32(a, b) __builtin_shufflevector(a, b, 4, 5, 12, 13, 6, 7, 14, 15)
#define LOW64(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH64(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

static void flip_eight(uint8_t *dst, size_t dst_row, const uint8_t *src, size_t src_row)
{
	trn_eight r[8], t[8], u[8];

	for (uint32_t i = 0; i < 8; i++)
		memcpy(&r[i], src + i * src_row, sizeof(r[i]));
	for (uint32_t i = 0; i < 4; i++) {
		t[2 * i] = LOW16(r[2 * i], r[2 * i + 1]);
		t[2 * i + 1] = HIGH16(r[2 * i], r[2 * i + 1]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		u[4 * i] = LOW32(t[4 * i], t[4 * i + 2]);
		u[4 * i + 1] = HIGH32(t[4 * i], t[4 * i + 2]);
		u[4 * i + 2] = LOW32(t[4 * i + 1], t[4 * i + 3]);
		u[4 * i + 3] = HIGH32(t[4 * i + 1], t[4 * i + 3]);
	}
	for (uint32_t i = 0; i < 4; i++) {
		r[2 * i] = LOW64(u[i], u[4 + i]);
		r[2 * i + 1] = HIGH64(u[i], u[4 + i]);
	}
	for (uint32_t i = 0; i < 8; i++)
		memcpy(dst + i * dst_row, &r[i], sizeof(r[i]));
}

/* The whole squares of eight; what is left over goes element by element. */
static void flip_two(uint8_t *dst, const uint8_t *src, uint32_t p_count, uint32_t f_count)
{
	const uint32_t ps = p_count & ~7u, fs = f_count & ~7u;

	for (uint32_t p = 0; p < ps; p += 8) {
		for (uint32_t f = 0; f < fs; f += 8)
			flip_eight(dst + ((size_t)f * p_count + p) * 2, (size_t)p_count * 2,
				   src + ((size_t)p * f_count + f) * 2, (size_t)f_count * 2);
	}
	for (uint32_t p = 0; p < p_count; p++) {
		for (uint32_t f = p < ps ? fs : 0; f < f_count; f++)
			memcpy(dst + ((size_t)f * p_count + p) * 2,
			       src + ((size_t)p * f_count + f) * 2, 2);
	}
}

/* Into containers of to bytes, whose upper part is 0. */
static void flip(uint8_t *dst, const uint8_t *src, uint32_t p_count, uint32_t f_count,
		 uint32_t from, uint32_t to)
{
	if (from == 4) {
		flip_size(dst, src, p_count, f_count, 4, 4);
	} else if (from == 2) {
		flip_two(dst, src, p_count, f_count);
	} else if (to == 1) {
		flip_size(dst, src, p_count, f_count, 1, 1);
	} else {
		memset(dst, 0, (size_t)p_count * f_count * to);
		flip_size(dst, src, p_count, f_count, 1, 2);
	}
}

int trn_exec_transpose(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	uint8_t *flipped = (uint8_t *)core->scratch->a;

	(void)error;
	trn_rows_gather(src, 0, src->partitions, core->scratch->raw);
	flip(flipped, core->scratch->raw, src->partitions, src->count, src->esize, dst->esize);
	trn_rows_scatter(dst, 0, dst->partitions, flipped);
	return 0;
}
