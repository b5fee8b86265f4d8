/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of the gpsimd instructions that gather, count and sort (docs/isa.md, 8.3.2).
 * A group is the 16 partitions of one gpsimd core; its elements are numbered partition
 * first. */
#include "model/gpsimd.h"

#define GROUP TRN_GPSIMD_GROUP

/* ---- over partitions ---- */

static void partition_bits(struct trn_core *core, const struct trn_inst *inst)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	uint32_t *sum = trn_words(core->scratch->a), *x = trn_words(core->scratch->b);

	trn_rows_load_words(core, src, 0, 1, sum);
	for (uint32_t p = 1; p < src->partitions; p++) {
		trn_rows_load_words(core, src, p, 1, x);
		trn_word_rows(inst->func, false, sum, sum, x, src->count);
	}
	trn_rows_store_words(core, &inst->view[TRN_AP_DST], 0, 1, sum);
}

int trn_exec_partition_reduce(struct trn_core *core, struct trn_inst *inst,
			      struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	float *sum = core->scratch->a, *x = core->scratch->b;

	(void)error;
	if (trn_alu_group(inst->func) == TRN_ALU_GROUP_BIT) {
		partition_bits(core, inst);
		return 0;
	}
	trn_rows_load(core, src, 0, 1, sum);
	for (uint32_t p = 1; p < src->partitions; p++) {
		trn_rows_load(core, src, p, 1, x);
		trn_alu_rows(inst->func, sum, sum, x, src->count);
	}
	for (uint32_t i = 0; (inst->head.flags & TRN_PARTITION_AVERAGE) && i < src->count; i++)
		sum[i] /= (float)src->partitions;
	trn_rows_store(core, &inst->view[TRN_AP_DST], 0, 1, sum);
	return 0;
}

/* ---- groups ---- */

/* The count elements of a group in their order, packed: element j is in partition j mod 16.
 * row is room for one partition. */
static void group_gather(const struct trn_view *view, uint32_t group, uint32_t count, uint8_t *row,
			 uint8_t *dst)
{
	for (uint32_t p = 0; p < GROUP; p++) {
		trn_row_gather(view, group * GROUP + p, 0, view->count, row);
		for (uint32_t i = 0; i * GROUP + p < count; i++)
			memcpy(dst + (size_t)(i * GROUP + p) * view->esize,
			       row + (size_t)i * view->esize, view->esize);
	}
}

/* The other way; what count does not fill stays. */
static void group_scatter(const struct trn_view *view, uint32_t group, uint32_t count, uint8_t *row,
			  const uint8_t *src)
{
	for (uint32_t p = 0; p < GROUP && p < count; p++) {
		const uint32_t have = (count - p + GROUP - 1) / GROUP;

		for (uint32_t i = 0; i < have; i++)
			memcpy(row + (size_t)i * view->esize,
			       src + (size_t)(i * GROUP + p) * view->esize, view->esize);
		trn_row_scatter(view, group * GROUP + p, 0, have, row);
	}
}

/* BF16 bits as a number that grows with the value: NaN first, both zeros alike. */
static uint32_t bf16_rank(uint16_t bits)
{
	const uint16_t magnitude = bits & 0x7fffu;

	if (magnitude > 0x7f80u)
		return 0;
	if (magnitude == 0)
		return 0x8000u;
	return bits & 0x8000u ? 0xffffu ^ bits : 0x8000u | bits;
}

/* Ascending, by bytes; the result is in keys. */
static void keys_sort(uint32_t *keys, uint32_t *spare, uint32_t count)
{
	for (uint32_t shift = 0; shift < 32; shift += 8) {
		uint32_t place[257] = { 0 };
		uint32_t *swap;

		for (uint32_t i = 0; i < count; i++)
			place[(keys[i] >> shift & 0xff) + 1]++;
		for (uint32_t b = 1; b < 257; b++)
			place[b] += place[b - 1];
		for (uint32_t i = 0; i < count; i++)
			spare[place[keys[i] >> shift & 0xff]++] = keys[i];
		swap = keys;
		keys = spare;
		spare = swap;
	}
}

int trn_exec_topk(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const uint32_t n = inst->imm[0], k = inst->imm[1];
	uint32_t *keys = trn_words(core->scratch->a), *spare = trn_words(core->scratch->b);
	uint8_t *values = (uint8_t *)core->scratch->c, *row = core->scratch->raw;

	(void)error;
	for (uint32_t g = 0; g < src->partitions / GROUP; g++) {
		const uint32_t *top = keys + n - k;

		group_gather(src, g, n, row, values);
		/* n is below 2^16: value and place make one key, and no two are equal. */
		for (uint32_t j = 0; j < n; j++) {
			uint16_t bits;

			memcpy(&bits, values + 2u * j, sizeof(bits));
			keys[j] = bf16_rank(bits) << 16 | (0xffffu - j);
		}
		keys_sort(keys, spare, n);
		for (uint32_t j = 0; j < k; j++) {
			const uint8_t *value = values + 2u * (0xffffu - (top[j] & 0xffffu));
			uint8_t *out = (uint8_t *)spare + (size_t)j * dst->esize;

			if (dst->dtype == TRN_DTYPE_BF16)
				memcpy(out, value, 2);
			else
				trn_row_to_f32((float *)(void *)out, value, TRN_DTYPE_BF16, 1);
		}
		group_scatter(dst, g, k, row, (uint8_t *)spare);
		for (uint32_t j = 0; j < k; j++)
			spare[j] = 0xffffu - (top[j] & 0xffffu);
		group_scatter(&inst->view[TRN_AP_DST2], g, k, row, (uint8_t *)spare);
	}
	return 0;
}

int trn_exec_nonzero(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	/* Minus zero is zero. */
	const uint32_t value = src->dtype == TRN_DTYPE_F32 ? 0x7fffffffu : UINT32_MAX;
	uint32_t *x = trn_words(core->scratch->a), *out = trn_words(core->scratch->b);

	(void)error;
	for (uint32_t p = 0; p < src->partitions; p += GROUP) {
		uint32_t found = 0;

		trn_row_gather(src, p, 0, src->count, x);
		for (uint32_t i = 0; i < src->count; i++) {
			if ((x[i] & value) != 0)
				out[found++] = i + inst->imm[0];
		}
		for (uint32_t i = found; i < src->count; i++)
			out[i] = inst->imm[1];
		out[src->count] = found;
		trn_row_scatter(dst, p, 0, dst->count, out);
	}
	return 0;
}

int trn_exec_local_gather(struct trn_core *core, struct trn_inst *inst,
			  struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const uint32_t e = inst->imm[0], v = inst->imm[1];
	uint8_t *row = core->scratch->raw, *out = (uint8_t *)core->scratch->b;
	uint16_t *index = (uint16_t *)(void *)core->scratch->a;
	const uint32_t groups = dst->partitions / GROUP;
	const size_t run = (size_t)e * src->esize;

	/* All places first: nothing is written when one of them is wrong. */
	for (uint32_t g = 0; g < groups; g++) {
		group_gather(&inst->view[TRN_AP_SRC1], g, v, row,
			     (uint8_t *)(index + g * TRN_GATHER_MAX));
		for (uint32_t j = 0; j < v; j++) {
			if ((index[g * TRN_GATHER_MAX + j] + 1u) * e > src->count)
				return trn_inst_refuse(error, TRN_AP_SRC1, TRN_RULE_RANGE);
		}
	}
	for (uint32_t p = 0; p < dst->partitions; p++) {
		const uint16_t *place = index + p / GROUP * TRN_GATHER_MAX;

		trn_row_gather(src, p, 0, src->count, row);
		for (uint32_t j = 0; j < v; j++)
			memcpy(out + j * run, row + place[j] * run, run);
		trn_row_scatter(dst, p, 0, dst->count, out);
	}
	return 0;
}

int trn_exec_n_gather(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	uint32_t *index = trn_words(core->scratch->a);
	uint8_t *row = core->scratch->raw, *out = (uint8_t *)core->scratch->b;

	for (uint32_t p = 0; p < dst->partitions; p++) {
		trn_row_gather(&inst->view[TRN_AP_SRC1], p, 0, dst->count, index);
		for (uint32_t j = 0; j < dst->count; j++) {
			if (index[j] >= src->count)
				return trn_inst_refuse(error, TRN_AP_SRC1, TRN_RULE_RANGE);
		}
	}
	for (uint32_t p = 0; p < dst->partitions; p++) {
		trn_row_gather(&inst->view[TRN_AP_SRC1], p, 0, dst->count, index);
		trn_row_gather(src, p, 0, src->count, row);
		for (uint32_t j = 0; j < dst->count; j++)
			memcpy(out + (size_t)j * src->esize, row + (size_t)index[j] * src->esize,
			       src->esize);
		trn_row_scatter(dst, p, 0, dst->count, out);
	}
	return 0;
}

/* ---- sequences ---- */

static bool same_id(const struct trn_view *view, uint32_t a, uint32_t b)
{
	float x, y;

	if (view->dtype == TRN_DTYPE_S32)
		return a == b;
	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	return x == y;
}

/* A place, in the dtype of the ids. */
static uint32_t place_bits(const struct trn_view *view, int32_t place)
{
	const float value = (float)place;
	uint32_t bits = (uint32_t)place;

	if (view->dtype == TRN_DTYPE_F32)
		memcpy(&bits, &value, sizeof(bits));
	return bits;
}

int trn_exec_bounds(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error)
{
	const struct trn_view *src = &inst->view[TRN_AP_SRC0];
	const uint32_t n = src->count;
	uint32_t *id = trn_words(core->scratch->a), *out = trn_words(core->scratch->b);
	uint32_t end;

	(void)error;
	trn_row_gather(src, 0, 0, n, id);
	for (uint32_t i = 0; i < n; i = end) {
		const bool none = same_id(src, id[i], 0);

		for (end = i + 1; end < n && same_id(src, id[i], id[end]);)
			end++;
		for (uint32_t k = i; k < end; k++) {
			out[k] = place_bits(src, (int32_t)(none ? n : i));
			out[n + k] = place_bits(src, none ? -1 : (int32_t)end);
		}
	}
	trn_row_scatter(&inst->view[TRN_AP_DST], 0, 0, 2 * n, out);
	return 0;
}
