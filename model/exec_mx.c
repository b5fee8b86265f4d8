/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of MX: products of scaled four-number elements, and how such elements are made.
 * A scale belongs to eight partitions and one element of each. */
#include "model/core.h"

#define GROUP_ROWS 8u /* partitions of one scale */
#define QUADRANT 32u  /* partitions whose scales lie together */
#define CHUNK 1024u   /* elements quantised at once */
#define E4M3FN_EMAX 8 /* of the largest number */
#define E5M2_EMAX 15
#define EXPONENT_LEAST (-127)
#define SCALE_NAN 0xffu

/* The row of a scale operand for a group of eight partitions. */
static uint32_t scale_row(uint32_t group)
{
	const uint32_t per_quadrant = QUADRANT / GROUP_ROWS;

	return group / per_quadrant * QUADRANT + group % per_quadrant;
}

/* Elements [from, from + count) of a row, where they lie or gathered. */
static const uint8_t *row_bytes(struct trn_core *core, const struct trn_view *view, uint32_t row,
				uint32_t from, uint32_t count)
{
	if (view->dense)
		return view->base + row * view->pitch + view->offset + (size_t)from * view->esize;
	trn_row_gather(view, row, from, count, core->scratch->raw);
	return core->scratch->raw;
}

/* Elements [from, from + count) of partitions [first, first + rows) as FP32: number j of
 * partition first + p is row 4p + j. */
static void operand_load(struct trn_core *core, const struct trn_view *view,
			 const struct trn_view *scale, uint32_t first, uint32_t rows, uint32_t from,
			 uint32_t count, float *dst, size_t ld)
{
	float *factor = core->scratch->a;

	for (uint32_t p = first; p < first + rows; p++) {
		if (p % GROUP_ROWS == 0)
			trn_e8m0_row(factor,
				     row_bytes(core, scale, scale_row(p / GROUP_ROWS), from, count),
				     count);
		trn_mx_unpack(dst + (size_t)(p - first) * TRN_MX_NUMBERS * ld, ld,
			      row_bytes(core, view, p, from, count), view->dtype, factor, count);
	}
}

static bool same_view(const struct trn_view *a, const struct trn_view *b)
{
	return a->space == b->space && a->dtype == b->dtype && a->start == b->start &&
	       a->partitions == b->partitions && a->offset == b->offset && a->count == b->count &&
	       a->ndims == b->ndims &&
	       memcmp(a->step, b->step, a->ndims * sizeof(a->step[0])) == 0 &&
	       memcmp(a->num, b->num, a->ndims * sizeof(a->num[0])) == 0;
}

/* Room for an operand unpacked, side 0 the stationary and 1 the moving one; *ret_there: it is
 * in it from an instruction before. It is kept if it is not indexed and not wider than the room. */
static float *take_kept(struct trn_core *core, const struct trn_inst *inst, uint32_t side,
			bool *ret_there)
{
	const struct trn_view *view = &inst->view[side ? TRN_AP_SRC1 : TRN_AP_SRC0];
	const struct trn_view *scale = &inst->view[side ? TRN_AP_SRC3 : TRN_AP_SRC2];
	/* Indexed elements lie side by side in a room of their own, others each time. */
	const bool in_sbuf = view->base == core->sbuf + view->start * view->pitch;
	const bool keep = in_sbuf && view->count <= TRN_GEMM_N;
	struct trn_kept *kept = core->kept[side];
	uint32_t i = 0;

	while (keep && i < TRN_KEPT &&
	       !(same_view(&kept[i].view, view) && same_view(&kept[i].scale, scale)))
		i++;
	*ret_there = keep && i < TRN_KEPT;
	if (*ret_there)
		return core->scratch->kept[side][i];
	i = core->kept_next[side]++ % TRN_KEPT;
	kept[i].view.space = TRN_SPACE_NONE;
	if (keep)
		kept[i] = (struct trn_kept){ *view, *scale };
	return core->scratch->kept[side][i];
}

int trn_exec_matmul_mx(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *still = &inst->view[TRN_AP_SRC0];
	const struct trn_view *moving = &inst->view[TRN_AP_SRC1];
	struct trn_gemm tile = {
		.m = still->count,
		.k = QUADRANT * TRN_MX_NUMBERS,
		.lda = still->count,
		.ldb = TRN_GEMM_N,
	};
	struct trn_product product;
	bool a_there, b_there;
	float *a = take_kept(core, inst, 0, &a_there), *b = take_kept(core, inst, 1, &b_there);

	(void)error;
	trn_product_start(inst, &product);
	if (!a_there)
		operand_load(core, still, &inst->view[TRN_AP_SRC2], 0, still->partitions, 0,
			     still->count, a, tile.lda);
	for (uint32_t from = 0; from < moving->count; from += TRN_GEMM_N) {
		tile.n = moving->count - from < TRN_GEMM_N ? moving->count - from : TRN_GEMM_N;
		trn_product_open(core, inst, &product, &tile, from);
		/* A quadrant at a time: what is unpacked is used while it is in the cache. */
		for (uint32_t p = 0; p < moving->partitions; p += QUADRANT) {
			float *part = b + (size_t)p * TRN_MX_NUMBERS * tile.ldb;

			tile.a = a + (size_t)p * TRN_MX_NUMBERS * tile.lda;
			tile.b = part;
			if (!b_there)
				operand_load(core, moving, &inst->view[TRN_AP_SRC3], p, QUADRANT,
					     from, tile.n, part, tile.ldb);
			trn_product_add(core, &tile);
		}
		trn_product_close(core, inst, &product, &tile, from);
	}
	return 0;
}

static uint32_t bits_of(float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

/* Groups of eight rows, which lie ld numbers apart, and four numbers. The numbers become what
 * the format is to hold of them, scales are what they are to be multiplied by. */
static void groups_scale(float *x, size_t ld, uint32_t groups, int32_t emax, uint8_t *scales)
{
	const uint32_t count = groups * TRN_MX_NUMBERS;
	uint32_t top[CHUNK * TRN_MX_NUMBERS];
	float factor[CHUNK * TRN_MX_NUMBERS];

	for (uint32_t n = 0; n < count; n++)
		top[n] = bits_of(x[n]) & 0x7fffffffu;
	for (uint32_t r = 1; r < GROUP_ROWS; r++) {
		for (uint32_t n = 0; n < count; n++) {
			const uint32_t abs = bits_of(x[r * ld + n]) & 0x7fffffffu;

			top[n] = abs > top[n] ? abs : top[n];
		}
	}
	for (uint32_t i = 0; i < groups; i++) {
		uint32_t most = 0;
		int32_t e;

		for (uint32_t j = 0; j < TRN_MX_NUMBERS; j++)
			most = top[i * TRN_MX_NUMBERS + j] > most ? top[i * TRN_MX_NUMBERS + j] :
								    most;
		e = (int32_t)(most >> 23) - 127 - (emax - 1);
		/* Subnormals are below what the least scale is for. */
		e = e < EXPONENT_LEAST ? EXPONENT_LEAST : e;
		/* 0 says: no numbers here, whatever is there. No scale is 0. */
		for (uint32_t j = 0; j < TRN_MX_NUMBERS; j++)
			factor[i * TRN_MX_NUMBERS + j] =
				most >= 0x7f800000u ? 0.0f : trn_e8m0_to_f32((uint8_t)(127 - e));
		scales[i] = most >= 0x7f800000u ? SCALE_NAN : (uint8_t)(e - EXPONENT_LEAST);
	}
	for (uint32_t r = 0; r < GROUP_ROWS; r++) {
		for (uint32_t n = 0; n < count; n++)
			x[r * ld + n] = factor[n] != 0.0f ? x[r * ld + n] * factor[n] : 0.0f;
	}
}

int trn_exec_quantize_mx(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const struct trn_view *scale = &inst->view[TRN_AP_DST2];
	const int32_t emax = dst->dtype == TRN_DTYPE_F8E5M2_X4 ? E5M2_EMAX : E4M3FN_EMAX;
	const size_t ld = (size_t)CHUNK * TRN_MX_NUMBERS;
	float *x = core->scratch->a;
	uint8_t scales[CHUNK];

	(void)error;
	for (uint32_t p = 0; p < dst->partitions; p += GROUP_ROWS) {
		for (uint32_t from = 0; from < dst->count; from += CHUNK) {
			const uint32_t count = dst->count - from < CHUNK ? dst->count - from :
									   CHUNK;

			for (uint32_t r = 0; r < GROUP_ROWS; r++)
				trn_row_load(core, src, p + r, from * TRN_MX_NUMBERS,
					     count * TRN_MX_NUMBERS, x + r * ld);
			groups_scale(x, ld, count, emax, scales);
			for (uint32_t r = 0; r < GROUP_ROWS; r++) {
				trn_mx_pack(core->scratch->raw, x + r * ld, dst->dtype, count);
				trn_row_scatter(dst, p + r, from, count, core->scratch->raw);
			}
			trn_row_scatter(scale, scale_row(p / GROUP_ROWS), from, count, scales);
		}
	}
	return 0;
}
