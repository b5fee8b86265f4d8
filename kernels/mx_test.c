/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with MX weights on the mock against plain loops in double, over the same quantised
 * numbers; packing by itself. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_mx.h>

#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "kernels/test_rig.h"

#define URI "mock:trn3?hbm=1G"

static const enum trn_dtype formats[] = { TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F8E4M3FN_X4,
					  TRN_DTYPE_F8E5M2_X4 };

static struct trn_prng prng;

static void *room(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	ck_assert_ptr_nonnull(p);
	return p;
}

static float *floats(size_t count, float scale)
{
	float *p = room(count * sizeof(*p));

	for (size_t i = 0; i < count; i++)
		p[i] = (float)(trn_prng_unit(&prng) * 2.0 - 1.0) * scale;
	return p;
}

/* A matrix in memory, and what its numbers mean. */
struct matrix {
	uint32_t in, out;
	enum trn_dtype format;
	uint8_t *numbers, *scales;
};

static float number(const uint8_t *element, enum trn_dtype format, uint32_t j)
{
	static const float e2m1[8] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };
	const uint32_t code = (uint32_t)element[j / 2] >> (j % 2 * 4) & 15u;

	if (format == TRN_DTYPE_F4E2M1_X4)
		return code & 8 ? -e2m1[code & 7] : e2m1[code & 7];
	return trn_fp8_to_f32(element[j], format == TRN_DTYPE_F8E5M2_X4 ? TRN_DTYPE_F8E5M2 :
									  TRN_DTYPE_F8E4M3FN);
}

static double weight(const struct matrix *m, uint32_t matrix, uint32_t row, uint32_t col)
{
	const uint64_t size = trn_dtype_size(m->format);
	const uint8_t *numbers =
		m->numbers + matrix * trn_mx_number_bytes(m->format, m->in, m->out);
	const uint8_t *scales = m->scales + matrix * trn_mx_scale_bytes(m->in, m->out);

	return (double)number(numbers + ((uint64_t)(row / 4) * m->out + col) * size, m->format,
			      row % 4) *
	       ldexp(1.0, scales[(uint64_t)(row / 32) * m->out + col] - 127);
}

static struct matrix matrix_make(uint32_t in, uint32_t out, enum trn_dtype format, uint32_t count)
{
	struct matrix m = { in, out, format, NULL, NULL };
	const uint64_t number_bytes = trn_mx_number_bytes(format, in, out);
	const uint64_t scale_bytes = trn_mx_scale_bytes(in, out);

	m.numbers = room(number_bytes * count);
	m.scales = room(scale_bytes * count);
	for (uint32_t i = 0; i < count; i++) {
		float *w = floats((size_t)in * out, 1.0f);

		ck_assert_int_eq(trn_mx_weight_pack(format, in, out, TRN_DTYPE_F32, w,
						    m.numbers + i * number_bytes,
						    m.scales + i * scale_bytes),
				 0);
		free(w);
	}
	return m;
}

static void matrix_free(struct matrix *m)
{
	free(m->numbers);
	free(m->scales);
}

/* What QUANTIZE_MX keeps of a block of 32, written down again. */
static void quantize(double *dst, const float *src)
{
	double top = 0.0;
	int e = -127;

	for (size_t i = 0; i < 32; i++) {
		/* Not fmax(): gcc 12 for arm64 gives up over it. */
		if (fabs((double)src[i]) > top)
			top = fabs((double)src[i]);
	}
	if (top > 0.0) {
		(void)frexp(top, &e);
		e = e - 1 - 7 < -127 ? -127 : e - 1 - 7;
	}
	for (size_t i = 0; i < 32; i++) {
		const float v = (float)ldexp((double)src[i], -e);

		dst[i] = ldexp((double)trn_fp8_to_f32(trn_f32_to_fp8(v, TRN_DTYPE_F8E4M3FN),
						      TRN_DTYPE_F8E4M3FN),
			       e);
	}
}

/* Of values in the format of QUANTIZE_MX's source. */
static double *quantized(const float *x, size_t count, enum trn_dtype format)
{
	double *q = room(count * sizeof(*q));

	ck_assert_uint_eq(count % 32, 0);
	for (size_t i = 0; i < count; i += 32) {
		float block[32];
		uint16_t rounded[32];

		trn_row_from_f32(rounded, x + i, format, 32);
		trn_row_to_f32(block, rounded, format, 32);
		quantize(q + i, block);
	}
	return q;
}

static struct trn_builder *builder(uint32_t args)
{
	static const char *const names[] = { "a0", "a1", "a2", "a3", "a4",
					     "a5", "a6", "a7", "a8", "a9" };
	struct trn_builder_opts opts = { .size = sizeof(opts), .arch = 3 };
	struct trn_builder *b;

	ck_assert_int_eq(trn_builder_create(&opts, &b), 0);
	for (uint32_t i = 0; i < args; i++)
		ck_assert_uint_eq(trn_builder_arg(b, names[i], TRN_ARG_BUFFER, 1), i);
	return b;
}

static void run(struct trn_rig *rig, struct trn_builder *b)
{
	const char *why = "";
	size_t bytes;
	void *image;

	if (trn_builder_finish(b, &image, &bytes) < 0) {
		(void)trn_builder_status(b, &why);
		ck_abort_msg("builder: %s", why);
	}
	trn_builder_destroy(b);
	ck_assert_int_eq(trn_rig_run(rig, image, bytes), 0);
}

/* ---- packing ---- */

START_TEST(packs_blocks)
{
	const uint32_t in = 160, out = 7;

	trn_prng_seed(&prng, trn_test_seed());
	for (size_t f = 0; f < TRN_ARRAY_LEN(formats); f++) {
		struct matrix m = { in, out, formats[f], NULL, NULL };
		float *w = floats((size_t)in * out, 3.0f);
		const double step = f == 0 ? 0.25 : f == 1 ? 0x1p-4 : 0x1p-3;

		m.numbers = room(trn_mx_number_bytes(formats[f], in, out));
		m.scales = room(trn_mx_scale_bytes(in, out));
		ck_assert_uint_eq(trn_mx_number_bytes(formats[f], in, out),
				  256 / 4 * out * (f == 0 ? 2 : 4));
		ck_assert_uint_eq(trn_mx_scale_bytes(in, out), 256 / 32 * out);
		w[0] = 0x1p-140f; /* a block of zeros and a subnormal */
		for (uint32_t r = 1; r < 32; r++)
			w[r * out] = 0.0f;
		ck_assert_int_eq(trn_mx_weight_pack(formats[f], in, out, TRN_DTYPE_F32, w,
						    m.numbers, m.scales),
				 0);
		for (uint32_t n = 0; n < out; n++) {
			for (uint32_t r = 0; r < 256; r++) {
				const double want = r < in ? (double)w[r * out + n] : 0.0;

				/* Half a step where the number is, at least half the least
				 * one: of 4 bits 0.5 * 2^-1, as the largest is below 4. */
				ck_assert_double_le(fabs(weight(&m, 0, r, n) - want),
						    fabs(want) * step + (f == 0 ? 0.125 : 0x1p-9));
			}
			ck_assert_uint_eq(m.scales[5 * out + n], 127); /* past the last row */
		}
		free(w);
		matrix_free(&m);
	}
}
END_TEST

START_TEST(packs_exactly_what_fits)
{
	uint16_t w[32];
	uint8_t numbers[128 / 4 * 4] = { 1 }, scales[4];

	for (int i = 0; i < 32; i++)
		w[i] = trn_f32_to_bf16(i % 2 ? 6.0f : -1.5f);
	ck_assert_int_eq(trn_mx_weight_pack(TRN_DTYPE_F4E2M1_X4, 32, 1, TRN_DTYPE_BF16, w, numbers,
					    scales),
			 0);
	ck_assert_uint_eq(scales[0], 127);
	for (int i = 0; i < 16; i++)
		ck_assert_uint_eq(numbers[i], 0x7b); /* -1.5, 6 */
	ck_assert_uint_eq(numbers[16], 0);
	for (int i = 0; i < 32; i++)
		w[i] = 0;
	ck_assert_int_eq(trn_mx_weight_pack(TRN_DTYPE_F8E4M3FN_X4, 32, 1, TRN_DTYPE_BF16, w,
					    numbers, scales),
			 0);
	ck_assert_uint_eq(numbers[0], 0);
}
END_TEST

START_TEST(refuses_to_pack)
{
	float w[64] = { 0 };
	uint8_t numbers[512], scales[16];

	ck_assert_int_eq(trn_mx_weight_pack(TRN_DTYPE_F8E4M3FN, 32, 1, TRN_DTYPE_F32, w, numbers,
					    scales),
			 -EINVAL);
	ck_assert_int_eq(trn_mx_weight_pack(formats[0], 33, 1, TRN_DTYPE_F32, w, numbers, scales),
			 -EINVAL);
	ck_assert_int_eq(trn_mx_weight_pack(formats[0], 0, 1, TRN_DTYPE_F32, w, numbers, scales),
			 -EINVAL);
	ck_assert_int_eq(trn_mx_weight_pack(formats[0], 32, 0, TRN_DTYPE_F32, w, numbers, scales),
			 -EINVAL);
	ck_assert_int_eq(trn_mx_weight_pack(formats[0], 32, 1, TRN_DTYPE_F16, w, numbers, scales),
			 -EINVAL);
	ck_assert_int_eq(trn_mx_weight_pack(formats[0], 32, 1, TRN_DTYPE_F32, NULL, numbers,
					    scales),
			 -EINVAL);
	w[9] = (float)INFINITY;
	ck_assert_int_eq(trn_mx_weight_pack(formats[0], 32, 1, TRN_DTYPE_F32, w, numbers, scales),
			 -EINVAL);
	w[9] = (float)NAN;
	ck_assert_int_eq(trn_mx_weight_pack(formats[0], 32, 1, TRN_DTYPE_F32, w, numbers, scales),
			 -EINVAL);
	ck_assert_uint_eq(trn_mx_number_bytes(TRN_DTYPE_BF16, 32, 1), 0);
}
END_TEST

/* ---- linear ---- */

static const struct trn_linear_mx_args linears[] = {
	{ .tokens = 1, .in = 32, .out = 1 },
	{ .tokens = 3, .in = 512, .out = 70, .flags = TRN_LINEAR_BIAS },
	{ .tokens = 4, .in = 544, .out = 129, .flags = TRN_LINEAR_ADD },
	{ .tokens = 64, .in = 96, .out = 33, .flags = TRN_LINEAR_BIAS | TRN_LINEAR_ADD },
	{ .tokens = 1, .in = 2880, .out = 1500 },
	{ .tokens = 2, .in = 2048, .out = 2100, .flags = TRN_LINEAR_BIAS },
	{ .tokens = 1, .in = 4640, .out = 40 },
	{ .tokens = 1, .in = 16384, .out = 600 },
};

START_TEST(linear)
{
	struct trn_linear_mx_args a = linears[(size_t)_i / TRN_ARRAY_LEN(formats)];
	const size_t cells = (size_t)a.tokens * a.out;
	float *x, *bias, *y, *got;
	struct trn_builder *b;
	struct trn_rig rig;
	struct matrix m;
	double *q;

	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)_i);
	a.format = formats[(size_t)_i % TRN_ARRAY_LEN(formats)];
	trn_rig_open(&rig, URI);
	x = floats((size_t)a.tokens * a.in, 2.0f);
	bias = floats(a.out, 1.0f);
	y = floats(cells, 1.0f);
	got = room(cells * 4);
	m = matrix_make(a.in, a.out, a.format, 1);
	a.x = trn_rig_buffer(&rig, x, (uint64_t)a.tokens * a.in * 4);
	a.weight = trn_rig_buffer(&rig, m.numbers, trn_mx_number_bytes(a.format, a.in, a.out));
	a.scale = trn_rig_buffer(&rig, m.scales, trn_mx_scale_bytes(a.in, a.out));
	a.bias = trn_rig_buffer(&rig, bias, (uint64_t)a.out * 4);
	a.y = trn_rig_buffer(&rig, y, cells * 4);
	b = builder(5);
	trn_linear_mx_emit(b, &a);
	run(&rig, b);
	trn_rig_read(&rig, a.y, got, cells * 4);
	trn_rig_close(&rig);
	q = quantized(x, (size_t)a.tokens * a.in, TRN_DTYPE_BF16);
	for (uint32_t t = 0; t < a.tokens; t++) {
		for (uint32_t n = 0; n<a.out; n += a.out> 500 ? 7 : 1) {
			const size_t at = (size_t)t * a.out + n;
			double sum = 0.0;

			for (uint32_t k = 0; k < a.in; k++)
				sum += q[(size_t)t * a.in + k] * weight(&m, 0, k, n);
			sum += a.flags & TRN_LINEAR_BIAS ? (double)bias[n] : 0.0;
			sum += a.flags & TRN_LINEAR_ADD ? (double)y[at] : 0.0;
			ck_assert_double_eq_tol((double)got[at], sum,
						4e-6 * (4.0 + sqrt((double)a.in)));
		}
	}
	free(q);
	free(x);
	free(bias);
	free(y);
	free(got);
	matrix_free(&m);
}
END_TEST

static void refused(const struct trn_linear_mx_args *args, uint32_t arch, int want)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .arch = arch };
	struct trn_builder *b;
	size_t bytes;
	void *image;

	ck_assert_int_eq(trn_builder_create(&opts, &b), 0);
	for (uint32_t i = 0; i < 5; i++)
		(void)trn_builder_arg(b, (char[]){ 'a', (char)('0' + i), 0 }, TRN_ARG_BUFFER, 1);
	trn_linear_mx_emit(b, args);
	ck_assert_int_eq(trn_builder_finish(b, &image, &bytes), want);
	trn_builder_destroy(b);
}

START_TEST(linear_sizes)
{
	const struct trn_linear_mx_args good = { .tokens = 1,
						 .in = 64,
						 .out = 8,
						 .format = TRN_DTYPE_F4E2M1_X4,
						 .weight = 1,
						 .scale = 2,
						 .bias = 3,
						 .y = 4 };
	struct trn_linear_mx_args bad;

	refused(&good, 2, -ENOTSUP);
#define BAD(field, value, want)         \
	do {                            \
		bad = good;             \
		bad.field = (value);    \
		refused(&bad, 3, want); \
	} while (0)
	BAD(tokens, 0, -EINVAL);
	BAD(tokens, 65, -EINVAL);
	BAD(in, 0, -EINVAL);
	BAD(in, 48, -EINVAL);
	BAD(in, 16416, -EINVAL);
	BAD(out, 0, -EINVAL);
	BAD(flags, TRN_LINEAR_FP32, -EINVAL);
	BAD(format, TRN_DTYPE_F8E8M0, -EINVAL);
	BAD(format, TRN_DTYPE_BF16, -EINVAL);
}
END_TEST

/* ---- experts ---- */

static const struct trn_moe_shape shapes[] = {
	{ 1, 32, 4, 2, 32, 7.0f, 1.702f },    { 2, 544, 40, 2, 96, 7.0f, 1.702f }, /* by choice */
	{ 3, 96, 5, 3, 544, 1.0f, 1.702f },                                        /* by expert */
	{ 1, 1056, 3, 2, 1120, 7.0f, 1.0f },  { 64, 64, 16, 4, 64, 7.0f, 1.702f },
	{ 6, 32, 20, 1, 2080, 7.0f, 1.702f },
};

struct layer {
	const struct trn_moe_shape *s;
	struct matrix gate_up, down;
	float *x, *gate_up_bias, *down_bias, *shares, *y;
	uint32_t *indices;
};

static void layer_make(struct layer *l, const struct trn_moe_shape *s, enum trn_dtype format)
{
	const size_t rows = s->tokens, e = s->experts;

	l->s = s;
	l->gate_up = matrix_make(s->hidden, 2 * s->intermediate, format, s->experts);
	l->down = matrix_make(s->intermediate, s->hidden, format, s->experts);
	l->x = floats(rows * s->hidden, 1.0f);
	l->gate_up_bias = floats(e * 2 * s->intermediate, 1.0f);
	l->down_bias = floats(e * s->hidden, 1.0f);
	l->shares = floats(rows * s->top_k, 1.0f);
	l->y = floats(rows * s->hidden, 1.0f);
	l->indices = room(rows * s->top_k * 4);
	for (uint32_t t = 0; t < s->tokens; t++) {
		const uint32_t from = (uint32_t)trn_prng_below(&prng, s->experts);

		/* Different ones, and some that nobody takes. */
		for (uint32_t k = 0; k < s->top_k; k++)
			l->indices[t * s->top_k + k] = (from + k) % s->experts;
	}
}

static void layer_free(struct layer *l)
{
	matrix_free(&l->gate_up);
	matrix_free(&l->down);
	free(l->x);
	free(l->gate_up_bias);
	free(l->down_bias);
	free(l->shares);
	free(l->y);
	free(l->indices);
}

/* One token through one expert: y += share * ... */
static void reference(const struct layer *l, uint32_t t, uint32_t e, double share, double *y)
{
	const struct trn_moe_shape *s = l->s;
	const uint32_t h = s->hidden, m = s->intermediate;
	double *q = quantized(l->x + (size_t)t * h, h, TRN_DTYPE_BF16), *mid_q;
	float *mid = room(m * sizeof(*mid));

	for (uint32_t i = 0; i < m; i++) {
		double gate = (double)l->gate_up_bias[(size_t)e * 2 * m + 2 * i];
		double up = (double)l->gate_up_bias[(size_t)e * 2 * m + 2 * i + 1];

		for (uint32_t k = 0; k < h; k++) {
			gate += q[k] * weight(&l->gate_up, e, k, 2 * i);
			up += q[k] * weight(&l->gate_up, e, k, 2 * i + 1);
		}
		gate = fmin(gate, (double)s->limit);
		up = fmax(fmin(up, (double)s->limit), -(double)s->limit);
		mid[i] = (float)((up + 1.0) * gate / (1.0 + exp(-(double)s->alpha * gate)));
	}
	mid_q = quantized(mid, m, TRN_DTYPE_BF16);
	for (uint32_t n = 0; n < h; n++) {
		double sum = (double)l->down_bias[(size_t)e * h + n];

		for (uint32_t i = 0; i < m; i++)
			sum += mid_q[i] * weight(&l->down, e, i, n);
		y[n] += share * sum;
	}
	free(q);
	free(mid);
	free(mid_q);
}

static void layer_run(const struct layer *l, float *ret_y)
{
	const struct trn_moe_shape *s = l->s;
	const struct matrix *g = &l->gate_up, *d = &l->down;
	const uint64_t rows = s->tokens, e = s->experts;
	struct trn_experts_mx_args a = { .format = g->format };
	struct trn_builder *b = builder(10);
	struct trn_rig rig;

	trn_rig_open(&rig, URI);
	a.x = trn_rig_buffer(&rig, l->x, rows * s->hidden * 4);
	a.indices = trn_rig_buffer(&rig, l->indices, rows * s->top_k * 4);
	a.shares = trn_rig_buffer(&rig, l->shares, rows * s->top_k * 4);
	a.gate_up =
		trn_rig_buffer(&rig, g->numbers, e * trn_mx_number_bytes(g->format, g->in, g->out));
	a.gate_up_scale = trn_rig_buffer(&rig, g->scales, e * trn_mx_scale_bytes(g->in, g->out));
	a.gate_up_bias = trn_rig_buffer(&rig, l->gate_up_bias, e * 2 * s->intermediate * 4);
	a.down =
		trn_rig_buffer(&rig, d->numbers, e * trn_mx_number_bytes(d->format, d->in, d->out));
	a.down_scale = trn_rig_buffer(&rig, d->scales, e * trn_mx_scale_bytes(d->in, d->out));
	a.down_bias = trn_rig_buffer(&rig, l->down_bias, e * s->hidden * 4);
	a.y = trn_rig_buffer(&rig, l->y, rows * s->hidden * 4);
	trn_experts_mx_emit(b, s, &a);
	run(&rig, b);
	trn_rig_read(&rig, a.y, ret_y, rows * s->hidden * 4);
	trn_rig_close(&rig);
}

START_TEST(experts)
{
	const struct trn_moe_shape *s = &shapes[(size_t)_i / TRN_ARRAY_LEN(formats)];
	const size_t cells = (size_t)s->tokens * s->hidden;
	double *want = room(cells * sizeof(*want)), top = 0.0;
	float *got = room(cells * sizeof(*got));
	struct layer l;

	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)_i);
	layer_make(&l, s, formats[(size_t)_i % TRN_ARRAY_LEN(formats)]);
	layer_run(&l, got);
	for (size_t i = 0; i < cells; i++)
		want[i] = (double)l.y[i];
	for (uint32_t t = 0; t < s->tokens; t++) {
		for (uint32_t k = 0; k < s->top_k; k++)
			reference(&l, t, l.indices[t * s->top_k + k],
				  (double)l.shares[t * s->top_k + k], want + (size_t)t * s->hidden);
	}
	for (size_t i = 0; i < cells; i++)
		top = fmax(top, fabs(want[i]));
	/* A sum next to a tie of the quantisation may fall to the other side. */
	for (size_t i = 0; i < cells; i++)
		ck_assert_double_eq_tol((double)got[i], want[i], 1e-2 * top);
	layer_free(&l);
	free(want);
	free(got);
}
END_TEST

START_TEST(experts_sizes)
{
	static const struct {
		struct trn_moe_shape shape;
		enum trn_dtype format;
	} bad[] = {
		{ { 1, 48, 4, 2, 32, 7.0f, 1.0f }, TRN_DTYPE_F4E2M1_X4 },
		{ { 1, 32, 4, 2, 40, 7.0f, 1.0f }, TRN_DTYPE_F4E2M1_X4 },
		{ { 1, 32, 4, 2, 32, 7.0f, 1.0f, TRN_MOE_FP32 }, TRN_DTYPE_F4E2M1_X4 },
		{ { 1, 32, 4, 2, 32, 7.0f, 1.0f }, TRN_DTYPE_BF16 },
		{ { 0, 32, 4, 2, 32, 7.0f, 1.0f }, TRN_DTYPE_F4E2M1_X4 },
	};
	const struct trn_experts_mx_args args = { .format = TRN_DTYPE_F4E2M1_X4 };

	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++) {
		struct trn_experts_mx_args a = args;
		struct trn_builder *b = builder(10);
		size_t bytes;
		void *image;

		a.format = bad[i].format;
		trn_experts_mx_emit(b, &bad[i].shape, &a);
		ck_assert_int_eq(trn_builder_finish(b, &image, &bytes), -EINVAL);
		trn_builder_destroy(b);
	}
}
END_TEST

/* ---- matrix products ---- */

static const struct trn_gemm_mx_shape gemms[] = {
	{ 1, 1, 32, TRN_DTYPE_BF16, TRN_DTYPE_NONE, TRN_DTYPE_F32 },
	{ 5, 70, 512, TRN_DTYPE_F16, TRN_DTYPE_NONE, TRN_DTYPE_F32 },
	{ 129, 33, 544, TRN_DTYPE_BF16, TRN_DTYPE_NONE, TRN_DTYPE_F32 },
	{ 300, 1100, 96, TRN_DTYPE_BF16, TRN_DTYPE_NONE, TRN_DTYPE_BF16 },
	{ 131, 600, 7392, TRN_DTYPE_BF16, TRN_DTYPE_NONE, TRN_DTYPE_F32 },
	{ 3, 600, 24672, TRN_DTYPE_BF16, TRN_DTYPE_NONE, TRN_DTYPE_F32 }, /* steps of K */
	{ 2, 2100, 3104, TRN_DTYPE_F16, TRN_DTYPE_NONE, TRN_DTYPE_F16 },
	{ 5123, 6, 64, TRN_DTYPE_BF16, TRN_DTYPE_NONE, TRN_DTYPE_F32 }, /* a loop */
};

static void gemm_run(const struct trn_gemm_mx_shape *s, const uint16_t *a, const struct matrix *m,
		     void *ret_c)
{
	const size_t c_bytes = (size_t)s->m * s->n * trn_dtype_size(s->output);
	struct trn_rig rig;
	uint32_t c;
	size_t bytes;
	void *image;

	trn_rig_open(&rig, URI);
	trn_rig_buffer(&rig, a, (uint64_t)s->m * s->k * 2);
	trn_rig_buffer(&rig, m->numbers, trn_mx_number_bytes(s->weight, s->k, s->n));
	trn_rig_buffer(&rig, m->scales, trn_mx_scale_bytes(s->k, s->n));
	c = trn_rig_buffer(&rig, NULL, c_bytes);
	ck_assert_int_eq(trn_kernel_gemm_mx(NULL, s, &image, &bytes), 0);
	ck_assert_int_eq(trn_rig_run(&rig, image, bytes), 0);
	trn_rig_read(&rig, c, ret_c, c_bytes);
	trn_rig_close(&rig);
}

START_TEST(gemm)
{
	struct trn_gemm_mx_shape s = gemms[(size_t)_i / TRN_ARRAY_LEN(formats)];
	const size_t cells = (size_t)s.m * s.n, esize = trn_dtype_size(s.output);
	const double loose = s.output == TRN_DTYPE_BF16 ? 5e-3 :
			     s.output == TRN_DTYPE_F16  ? 6e-4 :
							  1e-6;
	uint16_t *a = room((size_t)s.m * s.k * 2);
	uint8_t *c = room(cells * esize);
	struct matrix m;
	float *wide;
	double *q;

	s.weight = formats[(size_t)_i % TRN_ARRAY_LEN(formats)];
	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)_i);
	wide = floats((size_t)s.m * s.k, 1.0f);
	trn_row_from_f32(a, wide, s.input, (size_t)s.m * s.k);
	trn_row_to_f32(wide, a, s.input, (size_t)s.m * s.k);
	m = matrix_make(s.k, s.n, s.weight, 1);
	gemm_run(&s, a, &m, c);
	q = quantized(wide, (size_t)s.m * s.k, s.input);
	for (uint32_t i = 0; i < 300; i++) {
		const uint32_t row = i < 4 ? s.m - 1 : (uint32_t)trn_prng_below(&prng, s.m);
		const uint32_t col = i % 4 < 2 ? s.n - 1 : (uint32_t)trn_prng_below(&prng, s.n);
		const float have = trn_load_f32(c + ((size_t)row * s.n + col) * esize, s.output);
		double sum = 0.0;

		for (uint32_t k = 0; k < s.k; k++)
			sum += q[(size_t)row * s.k + k] * weight(&m, 0, k, col);
		ck_assert_double_eq_tol((double)have, sum, 2e-7 * s.k + loose * fabs(sum));
	}
	free(a);
	free(wide);
	free(c);
	free(q);
	matrix_free(&m);
}
END_TEST

START_TEST(gemm_sizes)
{
	static const struct {
		struct trn_gemm_mx_shape shape;
		uint32_t arch;
		int want;
	} bad[] = {
		{ { 0, 1, 32, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32 }, 3, -EINVAL },
		{ { 1, 0, 32, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32 }, 3, -EINVAL },
		{ { 1, 1, 0, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32 }, 3, -EINVAL },
		{ { 1, 1, 33, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32 }, 3, -EINVAL },
		{ { 1, 1, 32, TRN_DTYPE_F32, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32 }, 3, -EINVAL },
		{ { 1, 1, 32, TRN_DTYPE_BF16, TRN_DTYPE_F8E4M3, TRN_DTYPE_F32 }, 3, -EINVAL },
		{ { 1, 1, 32, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_S32 }, 3, -EINVAL },
		{ { 1, 1, 32, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32 }, 2, -ENOTSUP },
		{ { 1, 2000000, 2000000, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32 },
		  3,
		  -ENOSPC },
	};
	void *image = NULL;
	size_t bytes = 0;

	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++) {
		const struct trn_builder_opts opts = { .size = sizeof(opts), .arch = bad[i].arch };

		ck_assert_int_eq(trn_kernel_gemm_mx(&opts, &bad[i].shape, &image, &bytes),
				 bad[i].want);
	}
	ck_assert_int_eq(trn_kernel_gemm_mx(NULL, NULL, &image, &bytes), -EINVAL);
	ck_assert_ptr_null(image);
}
END_TEST

START_TEST(out_of_memory)
{
	static const struct trn_gemm_mx_shape shape = {
		300, 100, 544, TRN_DTYPE_BF16, TRN_DTYPE_F4E2M1_X4, TRN_DTYPE_F32
	};

	for (long n = 0;; n++) {
		struct trn_test_alloc mem;
		struct trn_builder_opts opts = { .size = sizeof(opts),
						 .arch = 3,
						 .alloc = &mem.alloc };
		void *image = NULL;
		size_t bytes;
		int r;

		trn_test_alloc_init(&mem, n);
		r = trn_kernel_gemm_mx(&opts, &shape, &image, &bytes);
		if (r != (mem.failed ? -ENOMEM : 0) || (r < 0) != !image)
			ck_abort_msg("allocation %ld: %d", n, r);
		trn_image_free(&mem.alloc, image);
		ck_assert_int_eq(mem.live, 0);
		if (!mem.failed)
			break;
	}
}
END_TEST

/* After it the builder's memory is as before: each is a part of a program. */
START_TEST(leaves_nothing_behind)
{
	struct trn_builder *b = builder(10);
	const uint32_t sbuf = trn_tile_room(b, TRN_SPACE_SBUF);

	for (size_t f = 0; f < TRN_ARRAY_LEN(formats); f++) {
		const struct trn_experts_mx_args args = {
			.format = formats[f], .indices = 1, .shares = 2, .y = 9
		};
		struct trn_linear_mx_args l = linears[3];
		struct trn_gemm_mx_shape g = gemms[5];

		l.format = g.weight = formats[f];
		trn_linear_mx_emit(b, &l);
		trn_gemm_mx_emit(b, &g, &(struct trn_gemm_mx_args){ 0, 1, 2, 3 });
		for (size_t i = 0; i < 3; i++)
			trn_experts_mx_emit(b, &shapes[i], &args);
	}
	ck_assert_int_eq(trn_builder_status(b, NULL), 0);
	ck_assert_uint_eq(trn_tile_room(b, TRN_SPACE_SBUF), sbuf);
	ck_assert_uint_eq(trn_tile_room(b, TRN_SPACE_PSUM), 16384);
	trn_builder_destroy(b);
}
END_TEST

static Suite *mx_suite(void)
{
	Suite *suite = suite_create("kernels-mx");
	TCase *tcase = tcase_create("mx");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, packs_blocks);
	tcase_add_test(tcase, packs_exactly_what_fits);
	tcase_add_test(tcase, refuses_to_pack);
	tcase_add_loop_test(tcase, linear, 0,
			    (int)(TRN_ARRAY_LEN(linears) * TRN_ARRAY_LEN(formats)));
	tcase_add_test(tcase, linear_sizes);
	tcase_add_loop_test(tcase, experts, 0,
			    (int)(TRN_ARRAY_LEN(shapes) * TRN_ARRAY_LEN(formats)));
	tcase_add_test(tcase, experts_sizes);
	tcase_add_loop_test(tcase, gemm, 0, (int)(TRN_ARRAY_LEN(gemms) * TRN_ARRAY_LEN(formats)));
	tcase_add_test(tcase, gemm_sizes);
	tcase_add_test(tcase, out_of_memory);
	tcase_add_test(tcase, leaves_nothing_behind);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(mx_suite)
