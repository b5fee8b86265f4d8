/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an access pattern to and from packed buffers: the loads and stores of every
 * engine. A row is one partition's elements in the order of the pattern's loops. */
#include "model/core.h"

#define ROWS_BLOCK 8192u /* elements: 32 KiB of FP32, the size of a first-level cache */

static uint8_t *row_at(const struct trn_view *view, uint32_t row)
{
	return view->base + row * view->pitch;
}

/* One strided run. Size and the commonest step are constants in each branch: plain loops. */
#define RUN(bytes, dst_step, src_step)     \
	for (size_t i = 0; i < count; i++) \
	memcpy(dst + (ptrdiff_t)i * (dst_step), src + (ptrdiff_t)i * (src_step), bytes)

/* Every second one of four bytes, as of pairs: shuffles, where the host has wide ones. */
static inline __attribute__((always_inline)) void
pairs_body(float *restrict dst, const float *restrict src, size_t count)
{
	for (size_t i = 0; i < count; i++)
		dst[i] = src[2 * i];
}

static void pairs_plain(float *restrict dst, const float *restrict src, size_t count)
{
	pairs_body(dst, src, count);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void pairs_wide(float *restrict dst,
						       const float *restrict src, size_t count)
{
	pairs_body(dst, src, count);
}
#endif

static void pairs_gather(void *dst, const void *src, size_t count)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		pairs_wide(dst, src, count);
		return;
	}
#endif
	pairs_plain(dst, src, count);
}

static void run_gather(uint8_t *restrict dst, const uint8_t *restrict src, ptrdiff_t step,
		       uint32_t count, uint32_t esize)
{
	if (step == (ptrdiff_t)esize)
		memcpy(dst, src, (size_t)count * esize);
	else if (esize == 4 && step == 8 && ((uintptr_t)dst | (uintptr_t)src) % 4 == 0)
		pairs_gather(dst, src, count);
	else if (esize == 4)
		RUN(4, 4, step);
	else if (esize == 2 && step == 4)
		RUN(2, 2, 4);
	else if (esize == 2 && step == 8) /* one number in four, as MX wants them */
		RUN(2, 2, 8);
	else if (esize == 2)
		RUN(2, 2, step);
	else
		RUN(1, 1, step);
}

static void run_scatter(uint8_t *restrict dst, const uint8_t *restrict src, ptrdiff_t step,
			uint32_t count, uint32_t esize)
{
	if (step == (ptrdiff_t)esize)
		memcpy(dst, src, (size_t)count * esize);
	else if (esize == 4)
		RUN(4, step, 4);
	else if (esize == 2 && step == 8)
		RUN(2, 8, 2);
	else if (esize == 2)
		RUN(2, step, 2);
	else
		RUN(1, step, 1);
}

/* A place inside a row's loops. */
struct walk {
	const struct trn_view *view;
	uint32_t i[4];
	ptrdiff_t offset; /* bytes from the start of the partition */
};

static void walk_start(struct walk *walk, const struct trn_view *view, uint32_t from)
{
	walk->view = view;
	walk->offset = (ptrdiff_t)view->offset;
	for (uint32_t d = view->ndims; d-- > 0;) {
		walk->i[d] = from % view->num[d];
		from /= view->num[d];
		walk->offset += (ptrdiff_t)walk->i[d] * view->step[d] * view->esize;
	}
}

/* Elements left in the innermost loop. */
static uint32_t walk_run(const struct walk *walk)
{
	const uint32_t last = walk->view->ndims - 1;

	return walk->view->num[last] - walk->i[last];
}

static void walk_advance(struct walk *walk, uint32_t count)
{
	const struct trn_view *view = walk->view;
	uint32_t d = view->ndims - 1;

	walk->i[d] += count;
	walk->offset += (ptrdiff_t)count * view->step[d] * view->esize;
	while (walk->i[d] == view->num[d] && d > 0) {
		walk->offset -= (ptrdiff_t)view->num[d] * view->step[d] * view->esize;
		walk->i[d] = 0;
		d--;
		walk->i[d]++;
		walk->offset += (ptrdiff_t)view->step[d] * view->esize;
	}
}

void trn_row_gather(const struct trn_view *view, uint32_t row, uint32_t from, uint32_t count,
		    void *dst)
{
	const uint8_t *src = row_at(view, row);
	const ptrdiff_t step = (ptrdiff_t)view->step[view->ndims - 1] * view->esize;
	struct walk walk;
	uint8_t *out = dst;

	if (view->dense) {
		memcpy(out, src + view->offset + (size_t)from * view->esize,
		       (size_t)count * view->esize);
		return;
	}
	walk_start(&walk, view, from);
	while (count > 0) {
		const uint32_t run = walk_run(&walk) < count ? walk_run(&walk) : count;

		run_gather(out, src + walk.offset, step, run, view->esize);
		out += (size_t)run * view->esize;
		count -= run;
		if (count > 0)
			walk_advance(&walk, run);
	}
}

void trn_row_scatter(const struct trn_view *view, uint32_t row, uint32_t from, uint32_t count,
		     const void *src)
{
	uint8_t *dst = row_at(view, row);
	const ptrdiff_t step = (ptrdiff_t)view->step[view->ndims - 1] * view->esize;
	struct walk walk;
	const uint8_t *in = src;

	if (view->dense) {
		memcpy(dst + view->offset + (size_t)from * view->esize, in,
		       (size_t)count * view->esize);
		return;
	}
	walk_start(&walk, view, from);
	while (count > 0) {
		const uint32_t run = walk_run(&walk) < count ? walk_run(&walk) : count;

		run_scatter(dst + walk.offset, in, step, run, view->esize);
		in += (size_t)run * view->esize;
		count -= run;
		if (count > 0)
			walk_advance(&walk, run);
	}
}

#define LINE 64u
#define FETCH_BYTES 2048u /* of a row; more is known to the host from its beginning */

/* A row that will be read soon: partitions are far apart, the host does not guess it. */
static void row_fetch(const struct trn_view *view, uint32_t row)
{
	const uint8_t *base = row_at(view, row);

	for (uint32_t at = view->lo; at < view->hi && at < view->lo + FETCH_BYTES; at += LINE)
		__builtin_prefetch(base + at);
}

void trn_rows_gather(const struct trn_view *view, uint32_t first, uint32_t rows, void *dst)
{
	const size_t bytes = (size_t)view->count * view->esize;
	const uint8_t *base = row_at(view, first) + view->offset;
	uint8_t *out = dst;

	for (uint32_t r = 0; r < rows && view->dense; r++)
		memcpy(out + r * bytes, base + r * view->pitch, bytes);
	for (uint32_t r = 0; r < rows && !view->dense; r++) {
		if (r + 2 < rows)
			row_fetch(view, first + r + 2);
		trn_row_gather(view, first + r, 0, view->count, out + r * bytes);
	}
}

void trn_rows_scatter(const struct trn_view *view, uint32_t first, uint32_t rows, const void *src)
{
	const size_t bytes = (size_t)view->count * view->esize;
	uint8_t *base = row_at(view, first) + view->offset;
	const uint8_t *in = src;

	for (uint32_t r = 0; r < rows && view->dense; r++)
		memcpy(base + r * view->pitch, in + r * bytes, bytes);
	for (uint32_t r = 0; r < rows && !view->dense; r++)
		trn_row_scatter(view, first + r, 0, view->count, in + r * bytes);
}

void trn_rows_load(struct trn_core *core, const struct trn_view *view, uint32_t first,
		   uint32_t rows, float *dst)
{
	if (view->dtype == TRN_DTYPE_F32) {
		trn_rows_gather(view, first, rows, dst);
	} else if (rows == 1 && view->dense) {
		trn_row_to_f32(dst, row_at(view, first) + view->offset, view->dtype, view->count);
	} else {
		trn_rows_gather(view, first, rows, core->scratch->raw);
		trn_row_to_f32(dst, core->scratch->raw, view->dtype, (size_t)rows * view->count);
	}
}

void trn_row_load(struct trn_core *core, const struct trn_view *view, uint32_t row, uint32_t from,
		  uint32_t count, float *dst)
{
	if (view->dtype == TRN_DTYPE_F32) {
		trn_row_gather(view, row, from, count, dst);
	} else if (view->dense) {
		trn_row_to_f32(dst, row_at(view, row) + view->offset + (size_t)from * view->esize,
			       view->dtype, count);
	} else {
		trn_row_gather(view, row, from, count, core->scratch->raw);
		trn_row_to_f32(dst, core->scratch->raw, view->dtype, count);
	}
}

void trn_row_store(struct trn_core *core, const struct trn_view *view, uint32_t row, uint32_t from,
		   uint32_t count, const float *src, uint32_t *rounding)
{
	uint8_t *raw = core->scratch->raw;

	if (view->dtype == TRN_DTYPE_F32) {
		trn_row_scatter(view, row, from, count, src);
		return;
	}
	if (rounding)
		trn_row_from_f32_stochastic(raw, src, view->dtype, count, rounding);
	else
		trn_row_from_f32(raw, src, view->dtype, count);
	trn_row_scatter(view, row, from, count, raw);
}

void trn_rows_store(struct trn_core *core, const struct trn_view *view, uint32_t first,
		    uint32_t rows, const float *src)
{
	if (view->dtype == TRN_DTYPE_F32) {
		trn_rows_scatter(view, first, rows, src);
	} else if (view->rounding) {
		trn_row_from_f32_stochastic(core->scratch->raw, src, view->dtype,
					    (size_t)rows * view->count, view->rounding);
		trn_rows_scatter(view, first, rows, core->scratch->raw);
	} else if (rows == 1 && view->dense) {
		trn_row_from_f32(row_at(view, first) + view->offset, src, view->dtype, view->count);
	} else {
		trn_row_from_f32(core->scratch->raw, src, view->dtype, (size_t)rows * view->count);
		trn_rows_scatter(view, first, rows, core->scratch->raw);
	}
}

uint32_t trn_rows_block(const struct trn_view *view)
{
	const uint32_t rows = ROWS_BLOCK / view->count;

	return rows > 1 ? rows : 1;
}

void trn_rows_load_words(struct trn_core *core, const struct trn_view *view, uint32_t first,
			 uint32_t rows, uint32_t *dst)
{
	const size_t count = (size_t)rows * view->count;
	const uint8_t *raw = core->scratch->raw;

	if (view->esize == 4) {
		trn_rows_gather(view, first, rows, dst);
		return;
	}
	trn_rows_gather(view, first, rows, core->scratch->raw);
	for (size_t i = 0; i < count && view->esize == 1; i++)
		dst[i] = raw[i];
	for (size_t i = 0; i < count && view->esize == 2; i++) {
		uint16_t half;

		memcpy(&half, raw + 2 * i, sizeof(half));
		dst[i] = half;
	}
}

void trn_rows_store_words(struct trn_core *core, const struct trn_view *view, uint32_t first,
			  uint32_t rows, const uint32_t *src)
{
	const size_t count = (size_t)rows * view->count;
	uint8_t *raw = core->scratch->raw;

	if (view->esize == 4) {
		trn_rows_scatter(view, first, rows, src);
		return;
	}
	for (size_t i = 0; i < count && view->esize == 1; i++)
		raw[i] = (uint8_t)src[i];
	for (size_t i = 0; i < count && view->esize == 2; i++) {
		const uint16_t half = (uint16_t)src[i];

		memcpy(raw + 2 * i, &half, sizeof(half));
	}
	trn_rows_scatter(view, first, rows, raw);
}

bool trn_block_next(struct trn_block *block, const struct trn_view *view)
{
	const uint32_t size = trn_rows_block(view);

	block->first += block->rows;
	if (block->first >= view->partitions)
		return false;
	block->rows = view->partitions - block->first < size ? view->partitions - block->first :
							       size;
	block->count = (size_t)block->rows * view->count;
	return true;
}
