/* SPDX-License-Identifier: Apache-2.0 */
/* Serving kernels on the mock against plain loops in double. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_serve.h>

#include "base/bits.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "kernels/test_rig.h"

/* Activations are rounded to BF16 several times on the way: of the largest result. */
#define TOLERANCE 0.03
#define TOLERANCE_MX 0.08 /* and to three bits of mantissa in MXFP8 */

static const char *const uris[] = { "mock:trn3?hbm=1G", "mock:trn2?hbm=1G" };

static struct trn_prng prng;

static void *room(size_t size)
{
	void *p = calloc(1, size);

	ck_assert_ptr_nonnull(p);
	return p;
}

static float draw(float scale)
{
	return (float)(trn_prng_unit(&prng) * 2.0 - 1.0) * scale;
}

/* A matrix as doubles, and as the kernel wants it. */
struct weights {
	double *plain; /* [rows][cols] */
	uint16_t *streamed;
	size_t elements;
};

static struct weights weights_make(const struct trn_serve_matrix *m, uint32_t rows, uint32_t cols,
				   float scale)
{
	struct weights w = { room((size_t)rows * cols * sizeof(double)), NULL,
			     (size_t)m->lanes * m->tiles * m->out };

	w.streamed = room(w.elements * 2);
	for (uint32_t r = 0; r < rows; r++)
		for (uint32_t c = 0; c < cols; c++) {
			uint16_t bits = trn_f32_to_bf16(draw(scale));

			w.plain[(size_t)r * cols + c] = (double)trn_bf16_to_f32(bits);
			w.streamed[trn_serve_at(m, r, c)] = bits;
		}
	return w;
}

static uint32_t tiles_of(uint32_t n)
{
	return (n + 127) / 128;
}

/* Columns: element (row, token) of [rows][tokens]. */
static size_t column_at(uint32_t rows, uint32_t tokens, uint32_t row, uint32_t token)
{
	return ((size_t)(row % 128) * tiles_of(rows) + row / 128) * tokens + token;
}

static float *columns_make(uint32_t rows, uint32_t tokens, float scale)
{
	float *p = room((size_t)128 * tiles_of(rows) * tokens * sizeof(*p));

	for (uint32_t r = 0; r < rows; r++)
		for (uint32_t t = 0; t < tokens; t++)
			p[column_at(rows, tokens, r, t)] = draw(scale);
	return p;
}

/* RMSNorm without gamma: [tokens][hidden]. */
static double *normed_make(const struct trn_serve_shape *s, const float *x)
{
	double *n = room((size_t)s->tokens * s->hidden * sizeof(*n));

	for (uint32_t t = 0; t < s->tokens; t++) {
		double sum = 0.0;

		for (uint32_t r = 0; r < s->hidden; r++)
			sum += pow((double)x[column_at(s->hidden, s->tokens, r, t)], 2);
		for (uint32_t r = 0; r < s->hidden; r++)
			n[t * s->hidden + r] = (double)x[column_at(s->hidden, s->tokens, r, t)] /
					       sqrt(sum / s->hidden + (double)s->eps);
	}
	return n;
}

static double product(const double *row, const struct weights *w, uint32_t rows, uint32_t cols,
		      uint32_t col)
{
	double sum = 0.0;

	for (uint32_t r = 0; r < rows; r++)
		sum += row[r] * w->plain[(size_t)r * cols + col];
	return sum;
}

static struct trn_builder *builder_for(uint32_t arch, uint32_t args, uint32_t scalar)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .arch = arch };
	struct trn_builder *b;

	ck_assert_int_eq(trn_builder_create(&opts, &b), 0);
	for (uint32_t i = 0; i < args; i++) {
		char name[8] = { 'a', (char)('a' + i), '\0' };
		bool number = i == scalar;

		ck_assert_uint_eq(trn_builder_arg(b, name, number ? TRN_ARG_SCALAR : TRN_ARG_BUFFER,
						  number ? 0 : 1),
				  i);
	}
	return b;
}

static struct trn_builder *builder(uint32_t args, uint32_t scalar)
{
	return builder_for(0, args, scalar);
}

static int run(struct trn_rig *rig, struct trn_builder *b)
{
	const char *why = "";
	size_t bytes;
	void *image;

	if (trn_builder_finish(b, &image, &bytes) < 0) {
		(void)trn_builder_status(b, &why);
		ck_abort_msg("builder: %s", why);
	}
	trn_builder_destroy(b);
	return trn_rig_run(rig, image, bytes);
}

static void move(struct trn_builder *b, const struct trn_tile *tile, uint32_t arg, bool out)
{
	struct trn_isa_mem mem = trn_dram_outer(trn_dram(arg, TRN_DTYPE_F32, 0, tile->elements),
						(int32_t)tile->elements, 128);
	struct trn_isa_mem chip = trn_chip(trn_view(tile, 0, tile->elements));
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY,
				    .engine = TRN_ENGINE_SYNC,
				    .dst = out ? mem : chip,
				    .src = out ? chip : mem };

	trn_tile_transfer(b, &dma);
}

static void compare(const struct trn_serve_shape *s, const float *got, const double *want)
{
	double worst = 0.0, largest = 0.0;
	double tolerance = s->format == TRN_DTYPE_NONE ? TOLERANCE : TOLERANCE_MX;

	for (uint32_t r = 0; r < s->hidden; r++)
		for (uint32_t t = 0; t < s->tokens; t++) {
			double w = want[t * s->hidden + r];

			worst = fmax(worst,
				     fabs((double)got[column_at(s->hidden, s->tokens, r, t)] - w));
			largest = fmax(largest, fabs(w));
		}
	ck_assert_double_gt(largest, 0.0);
	ck_assert_msg(worst <= tolerance * largest, "off by %g of %g", worst, largest);
	/* What lies past hidden is 0. */
	for (uint32_t r = s->hidden; r < 128 * tiles_of(s->hidden); r++)
		for (uint32_t t = 0; t < s->tokens; t++)
			ck_assert(got[column_at(s->hidden, s->tokens, r, t)] == 0.0f);
}

/* ---- attention ---- */

/* tokens, hidden, heads, head_dim, positions, window */
#define SHAPE(t, h, q, d, p, w)                                                                  \
	{                                                                                        \
		.tokens = t, .hidden = h, .heads = q, .head_dim = d, .positions = p, .window = w \
	}

static const struct {
	struct trn_serve_shape shape;
	uint32_t position;
} attentions[] = {
	{ SHAPE(1, 192, 2, 64, 256, 0), 200 },   { SHAPE(3, 256, 4, 64, 384, 0), 0 },
	{ SHAPE(4, 130, 2, 64, 1280, 0), 1279 }, { SHAPE(4, 192, 8, 64, 512, 128), 511 },
	{ SHAPE(5, 256, 4, 64, 512, 100), 300 }, { SHAPE(2, 192, 3, 128, 256, 0), 131 },
};

struct attention_data {
	struct trn_serve_shape s;
	uint32_t position, units, slots;
	float *x, *bias, *out_bias, *rope, *sinks;
	uint16_t *k, *v;
	struct weights qkv, out;
	double *want;
};

static uint64_t key_at(const struct attention_data *a, uint32_t t, uint32_t i, uint32_t p)
{
	uint32_t d = a->s.head_dim;

	return ((uint64_t)(t / a->slots) * 128 + t % a->slots * d + i) * a->s.positions + p;
}

static uint64_t value_at(const struct attention_data *a, uint32_t t, uint32_t i, uint32_t p)
{
	uint64_t blocks = a->s.positions / 128, d = a->s.head_dim;

	return ((t / a->slots * UINT64_C(128) + p % 128) * blocks + p / 128) * 128 +
	       t % a->slots * d + i;
}

static void turn(const struct attention_data *a, uint32_t t, double *head)
{
	uint32_t d = a->s.head_dim, half = d / 2, tokens = a->s.tokens;

	for (uint32_t i = 0; i < half; i++) {
		double c = (double)a->rope[(size_t)i * 2 * tokens + t];
		double s = (double)a->rope[(size_t)i * 2 * tokens + tokens + t];
		double low = head[i], high = head[i + half];

		head[i] = low * c - high * s;
		head[i + half] = high * c + low * s;
	}
}

static void head_want(const struct attention_data *a, uint32_t t, uint32_t h, const double *q,
		      const double *k_new, const double *v_new, double *ret_o)
{
	uint32_t d = a->s.head_dim, window = a->s.window ? a->s.window : UINT32_MAX;
	double sum = exp(-(double)a->sinks[h]);

	memset(ret_o, 0, d * sizeof(*ret_o));
	for (uint32_t p = 0; p <= a->position; p++) {
		double score = 0.0;

		if (a->position - p >= window)
			continue;
		for (uint32_t i = 0; i < d; i++)
			score += q[i] * (p == a->position ?
						 k_new[i] :
						 (double)trn_bf16_to_f32(a->k[key_at(a, t, i, p)]));
		score = exp(score);
		sum += score;
		for (uint32_t i = 0; i < d; i++)
			ret_o[i] += score *
				    (p == a->position ?
					     v_new[i] :
					     (double)trn_bf16_to_f32(a->v[value_at(a, t, i, p)]));
	}
	for (uint32_t i = 0; i < d; i++)
		ret_o[i] /= sum;
}

static void attention_want(struct attention_data *a)
{
	const struct trn_serve_shape *s = &a->s;
	uint32_t d = s->head_dim, outs = (s->heads + 2) * d;
	double *n = normed_make(s, a->x), *o = room(s->heads * d * sizeof(*o));
	double *row = room(outs * sizeof(*row));

	a->want = room((size_t)s->tokens * s->hidden * sizeof(double));
	for (uint32_t t = 0; t < s->tokens; t++) {
		for (uint32_t c = 0; c < outs; c++)
			row[c] = product(n + (size_t)t * s->hidden, &a->qkv, s->hidden, outs, c) +
				 (double)a->bias[(size_t)(c % 128) * tiles_of(outs) + c / 128];
		for (uint32_t h = 0; h <= s->heads; h++)
			turn(a, t, row + (size_t)h * d);
		for (uint32_t h = 0; h < s->heads; h++)
			head_want(a, t, h, row + (size_t)h * d, row + (size_t)s->heads * d,
				  row + (size_t)(s->heads + 1) * d, o + (size_t)h * d);
		for (uint32_t c = 0; c < s->hidden; c++)
			a->want[t * s->hidden + c] =
				product(o, &a->out, s->heads * d, s->hidden, c) +
				(double)a->out_bias[(size_t)(c % 128) * tiles_of(s->hidden) +
						    c / 128];
	}
	free(n);
	free(o);
	free(row);
}

static void attention_draw(struct attention_data *a)
{
	const struct trn_serve_shape *s = &a->s;
	uint32_t d = s->head_dim, outs = (s->heads + 2) * d;
	struct trn_serve_matrix qkv = trn_serve_hidden(s->hidden, outs);
	struct trn_serve_matrix out =
		trn_serve_matrix(s->hidden, 128, s->heads * d / 128, 128, s->hidden);
	uint64_t cache;

	a->slots = 128 / d;
	a->units = (s->tokens + a->slots - 1) / a->slots;
	cache = (uint64_t)a->units * 128 * s->positions;
	a->x = columns_make(s->hidden, s->tokens, 2.0f);
	a->qkv = weights_make(&qkv, s->hidden, outs, 0.05f);
	a->out = weights_make(&out, s->heads * d, s->hidden, 0.3f);
	a->bias = columns_make(outs, 1, 0.5f);
	a->out_bias = columns_make(s->hidden, 1, 0.5f);
	a->rope = room((size_t)128 * 2 * s->tokens * sizeof(float));
	for (uint32_t t = 0; t < s->tokens; t++)
		for (uint32_t i = 0; i < d / 2; i++) {
			double angle = (double)draw(3.0f);

			for (uint32_t lane = i; lane < 128; lane += d / 2) {
				a->rope[(size_t)lane * 2 * s->tokens + t] = (float)cos(angle);
				a->rope[(size_t)lane * 2 * s->tokens + s->tokens + t] =
					(float)sin(angle);
			}
		}
	a->sinks = room(128 * sizeof(float));
	for (uint32_t i = 0; i < s->heads * a->slots; i++)
		a->sinks[i] = i < s->heads ? draw(2.0f) : a->sinks[i % s->heads];
	a->k = room(cache * 2);
	a->v = room(cache * 2);
	for (uint64_t i = 0; i < cache; i++) {
		a->k[i] = trn_f32_to_bf16(draw(0.5f));
		a->v[i] = trn_f32_to_bf16(draw(1.0f));
	}
}

static void attention_free(struct attention_data *a)
{
	void *all[] = { a->x,    a->qkv.plain, a->qkv.streamed, a->out.plain, a->out.streamed,
			a->bias, a->out_bias,  a->rope,         a->sinks,     a->k,
			a->v,    a->want };

	for (size_t i = 0; i < TRN_ARRAY_LEN(all); i++)
		free(all[i]);
}

START_TEST(attention_matches)
{
	struct attention_data a = { .s = attentions[(size_t)_i / TRN_ARRAY_LEN(uris)].shape,
				    .position =
					    attentions[(size_t)_i / TRN_ARRAY_LEN(uris)].position };
	const struct trn_serve_attention_args args = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	uint32_t hidden_bytes, outs;
	struct trn_serve serve;
	struct trn_tile x, y;
	struct trn_builder *b;
	struct trn_rig rig;
	float *got;

	a.s.experts = a.s.top_k = a.s.groups = a.s.intermediate = 1;
	a.s.eps = 1e-5f;
	a.s.limit = a.s.alpha = 1.0f;
	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)_i);
	attention_draw(&a);
	attention_want(&a);
	outs = tiles_of((a.s.heads + 2) * a.s.head_dim);
	hidden_bytes = 128 * tiles_of(a.s.hidden) * a.s.tokens * 4;
	trn_rig_open(&rig, uris[(size_t)_i % TRN_ARRAY_LEN(uris)]);
	trn_rig_buffer(&rig, a.x, hidden_bytes);
	trn_rig_buffer(&rig, a.qkv.streamed, a.qkv.elements * 2);
	trn_rig_buffer(&rig, a.bias, (uint64_t)128 * outs * 4);
	trn_rig_buffer(&rig, a.rope, (uint64_t)128 * 2 * a.s.tokens * 4);
	trn_rig_buffer(&rig, a.sinks, 128 * 4);
	trn_rig_buffer(&rig, a.k, (uint64_t)a.units * 128 * a.s.positions * 2);
	trn_rig_buffer(&rig, a.v, (uint64_t)a.units * 128 * a.s.positions * 2);
	trn_rig_scalar(&rig, a.position);
	trn_rig_buffer(&rig, a.out.streamed, a.out.elements * 2);
	trn_rig_buffer(&rig, a.out_bias, (uint64_t)128 * tiles_of(a.s.hidden) * 4);
	b = builder(10, 7);
	trn_serve_begin(b, &a.s, &serve);
	x = trn_serve_columns(&serve);
	y = trn_serve_columns(&serve);
	move(b, &x, 0, false);
	trn_serve_attention_emit(&serve, &args, &x, &y);
	move(b, &y, 0, true);
	trn_serve_end(&serve);
	ck_assert_int_eq(run(&rig, b), 0);
	got = room(hidden_bytes);
	trn_rig_read(&rig, 0, got, hidden_bytes);
	compare(&a.s, got, a.want);
	trn_rig_close(&rig);
	free(got);
	attention_free(&a);
}
END_TEST

/* ---- experts ---- */

static const struct trn_serve_shape mixtures_mx[] = {
	{ .tokens = 1, .hidden = 192, .experts = 8, .top_k = 2, .intermediate = 150 },
	{ .tokens = 5, .hidden = 640, .experts = 3, .top_k = 2, .intermediate = 600 },
	{ .tokens = 2, .hidden = 384, .experts = 1, .top_k = 1, .intermediate = 90 },
};

static const struct trn_serve_shape mixtures[] = {
	{ .tokens = 1, .hidden = 192, .experts = 8, .top_k = 2, .intermediate = 150 },
	{ .tokens = 3, .hidden = 256, .experts = 4, .top_k = 1, .intermediate = 128 },
	{ .tokens = 6, .hidden = 130, .experts = 140, .top_k = 4, .intermediate = 77 },
	{ .tokens = 2, .hidden = 384, .experts = 1, .top_k = 1, .intermediate = 300 },
};

struct experts_data {
	struct trn_serve_shape s;
	struct weights router, *gate_up, *down;
	struct trn_serve_matrix gate_up_matrix, down_matrix;
	uint8_t *scales;
	float *x, *router_bias, *bias;
	uint16_t *down_bias, *all_gate_up, *all_down;
	uint32_t *list;
	double *shares; /* [tokens][experts] */
	double *want;
};

/* Weights in MXFP4: elements of four rows, four tiles of rows apart. A block of one scale is
 * eight lanes of a tile; row is where it lies in its quadrant's eight lanes of scales. */
static struct weights weights_make_mx(const struct trn_serve_matrix *m, uint32_t rows,
				      uint32_t cols, uint32_t tile, uint8_t *scales,
				      uint32_t scale_cols, uint32_t row)
{
	static const double values[] = { 0, 0.5, 1, 1.5, 2, 3, 4, 6 };
	struct weights w = { room((size_t)rows * cols * sizeof(double)), NULL,
			     (size_t)m->lanes * m->tiles * m->out };

	w.streamed = room(w.elements * 2);
	for (uint32_t e = 0; e < m->tiles * m->lanes; e++)
		for (uint32_t c = 0; c < cols; c++) {
			uint32_t lane = e % m->lanes, first = e / m->lanes * 4;
			uint8_t *scale =
				&scales[((size_t)lane / 32 * 8 + lane % 32 / 8 + row) * scale_cols +
					e / m->lanes * m->out + c];
			uint32_t bits = 0;

			if (lane % 8 == 0)
				*scale = (uint8_t)(121 + trn_prng_below(&prng, 3));
			for (uint32_t j = 0; j < 4; j++) {
				uint32_t nibble = (uint32_t)trn_prng_below(&prng, 16);
				uint32_t r = (first + j) * tile + lane;

				if (lane >= tile || r >= rows)
					continue;
				bits |= nibble << 4 * j;
				w.plain[(size_t)r * cols + c] = values[nibble & 7] *
								(nibble & 8 ? -1 : 1) *
								ldexp(1, (int)*scale - 127);
			}
			w.streamed[trn_serve_at(m, e, c)] = (uint16_t)bits;
		}
	return w;
}

static uint32_t middle(const struct trn_serve_shape *s, uint32_t *ret_lanes)
{
	return s->format == TRN_DTYPE_NONE ? trn_serve_middle(s->intermediate, ret_lanes) :
					     trn_serve_middle_mx(s->intermediate, ret_lanes);
}

/* Column of the streamed matrix that gate or up number i is. */
static uint32_t gate_at(const struct trn_serve_shape *s, uint32_t i, uint32_t odd)
{
	uint32_t lanes;

	(void)middle(s, &lanes);
	return (2 * (i / lanes) + odd) * lanes + i % lanes;
}

static void experts_draw(struct experts_data *e)
{
	const struct trn_serve_shape *s = &e->s;
	struct trn_serve_matrix router = trn_serve_hidden(s->hidden, s->experts);
	uint32_t lanes, tiles = middle(s, &lanes), padded = tiles * lanes;

	bool mx = s->format != TRN_DTYPE_NONE;
	uint32_t cols = trn_serve_scale_columns(s->hidden, s->intermediate);

	e->gate_up_matrix = mx ? trn_serve_gate_up_mx(s->hidden, s->intermediate) :
				 trn_serve_gate_up(s->hidden, s->intermediate);
	e->down_matrix = mx ? trn_serve_down_mx(s->hidden, s->intermediate) :
			      trn_serve_down(s->hidden, s->intermediate);
	e->scales = room((size_t)s->experts * 32 * cols);
	e->x = columns_make(s->hidden, s->tokens, 2.0f);
	e->router = weights_make(&router, s->hidden, s->experts, 0.2f);
	e->router_bias = room(s->experts * sizeof(float));
	e->gate_up = room(s->experts * sizeof(*e->gate_up));
	e->down = room(s->experts * sizeof(*e->down));
	e->bias = room((size_t)s->experts * 128 * 2 * tiles * sizeof(float));
	e->down_bias = room((size_t)s->experts * s->hidden * 2);
	for (uint32_t i = 0; i < s->experts; i++) {
		uint8_t *scales = e->scales + (size_t)i * 32 * cols;

		e->router_bias[i] = draw(0.5f);
		e->gate_up[i] = mx ? weights_make_mx(&e->gate_up_matrix, s->hidden, 2 * padded, 128,
						     scales, cols, 0) :
				     weights_make(&e->gate_up_matrix, s->hidden, 2 * padded, 0.1f);
		e->down[i] = mx ? weights_make_mx(&e->down_matrix, padded, s->hidden, lanes, scales,
						  cols, 4) :
				  weights_make(&e->down_matrix, padded, s->hidden, 0.1f);
	}
	for (size_t i = 0; i < (size_t)s->experts * 128 * 2 * tiles; i++)
		e->bias[i] = draw(0.5f);
	for (size_t i = 0; i < (size_t)s->experts * s->hidden; i++)
		e->down_bias[i] = trn_f32_to_bf16(draw(0.5f));
	e->all_gate_up = room(s->experts * e->gate_up[0].elements * 2);
	e->all_down = room(s->experts * e->down[0].elements * 2);
	for (uint32_t i = 0; i < s->experts; i++) {
		memcpy(e->all_gate_up + i * e->gate_up[0].elements, e->gate_up[i].streamed,
		       e->gate_up[0].elements * 2);
		memcpy(e->all_down + i * e->down[0].elements, e->down[i].streamed,
		       e->down[0].elements * 2);
	}
}

static void shares_want(struct experts_data *e, const double *n)
{
	const struct trn_serve_shape *s = &e->s;

	e->shares = room((size_t)s->tokens * s->experts * sizeof(double));
	for (uint32_t t = 0; t < s->tokens; t++) {
		double *share = e->shares + (size_t)t * s->experts, sum = 0.0;
		double *logit = room(s->experts * sizeof(*logit));

		for (uint32_t i = 0; i < s->experts; i++)
			logit[i] = product(n + (size_t)t * s->hidden, &e->router, s->hidden,
					   s->experts, i) +
				   (double)e->router_bias[i];
		for (uint32_t k = 0; k < s->top_k; k++) {
			uint32_t best = 0;

			for (uint32_t i = 1; i < s->experts; i++)
				best = logit[i] > logit[best] ? i : best;
			share[best] = s->experts == 1 ? 1.0 : exp(logit[best]);
			sum += share[best];
			logit[best] = -1e30;
		}
		for (uint32_t i = 0; i < s->experts; i++)
			share[i] /= sum;
		free(logit);
	}
}

static void expert_want(const struct experts_data *e, uint32_t expert, const double *n,
			double share, double *y)
{
	const struct trn_serve_shape *s = &e->s;
	uint32_t lanes, tiles = middle(s, &lanes), padded = tiles * lanes;
	double *act = room(padded * sizeof(*act));

	for (uint32_t i = 0; i < padded; i++) {
		double part[2];

		for (uint32_t odd = 0; odd < 2; odd++)
			part[odd] = product(n, &e->gate_up[expert], s->hidden, 2 * padded,
					    gate_at(s, i, odd)) +
				    (double)e->bias[((size_t)expert * 128 + i % lanes) * 2 * tiles +
						    2 * (i / lanes) + odd];
		part[0] = fmin(part[0], (double)s->limit);
		part[1] = fmax(fmin(part[1], (double)s->limit), -(double)s->limit);
		act[i] = (part[1] + 1.0) * part[0] / (1.0 + exp(-(double)s->alpha * part[0]));
	}
	for (uint32_t c = 0; c < s->hidden; c++)
		y[c] += share *
			(product(act, &e->down[expert], padded, s->hidden, c) +
			 (double)trn_bf16_to_f32(e->down_bias[(size_t)expert * s->hidden + c]));
	free(act);
}

/* The reference, and the list of experts that it chose. */
static void experts_want(struct experts_data *e)
{
	struct trn_serve_shape *s = &e->s;
	double *n = normed_make(s, e->x);

	shares_want(e, n);
	e->want = room((size_t)s->tokens * s->hidden * sizeof(double));
	e->list = room(s->experts * sizeof(uint32_t));
	s->groups = 0;
	for (uint32_t i = 0; i < s->experts; i++) {
		bool used = false;

		for (uint32_t t = 0; t < s->tokens; t++) {
			double share = e->shares[(size_t)t * s->experts + i];

			used = used || share > 0.0;
			if (share > 0.0)
				expert_want(e, i, n + (size_t)t * s->hidden, share,
					    e->want + (size_t)t * s->hidden);
		}
		if (used)
			e->list[s->groups++] = i;
	}
	free(n);
}

static void experts_buffers(struct experts_data *e, struct trn_rig *rig)
{
	const struct trn_serve_shape *s = &e->s;
	uint64_t tiles = e->gate_up_matrix.out / e->gate_up_matrix.width;

	trn_rig_buffer(rig, e->x, (uint64_t)128 * tiles_of(s->hidden) * s->tokens * 4);
	trn_rig_buffer(rig, e->router.streamed, e->router.elements * 2);
	trn_rig_buffer(rig, e->router_bias, (uint64_t)s->experts * 4);
	trn_rig_buffer(rig, NULL, (uint64_t)s->experts * s->tokens * 4);
	trn_rig_buffer(rig, e->list, (uint64_t)s->groups * 4);
	trn_rig_buffer(rig, e->all_gate_up, s->experts * e->gate_up[0].elements * 2);
	trn_rig_buffer(rig, e->bias, (uint64_t)s->experts * 128 * tiles * 4);
	trn_rig_buffer(rig, e->all_down, s->experts * e->down[0].elements * 2);
	trn_rig_buffer(rig, e->down_bias, (uint64_t)s->experts * s->hidden * 2);
	trn_rig_buffer(rig, e->scales,
		       (uint64_t)s->experts * 32 *
			       trn_serve_scale_columns(s->hidden, s->intermediate));
}

static void experts_free(struct experts_data *e)
{
	void *all[] = { e->router.plain, e->router.streamed, e->x,           e->router_bias,
			e->bias,         e->down_bias,       e->all_gate_up, e->all_down,
			e->list,         e->shares,          e->want };

	for (uint32_t i = 0; i < e->s.experts; i++) {
		free(e->gate_up[i].plain);
		free(e->gate_up[i].streamed);
		free(e->down[i].plain);
		free(e->down[i].streamed);
	}
	free(e->scales);
	free(e->gate_up);
	free(e->down);
	for (size_t i = 0; i < TRN_ARRAY_LEN(all); i++)
		free(all[i]);
}

static void experts_try(const struct trn_serve_shape *shape, const char *uri, uint32_t arch)
{
	struct experts_data e = { .s = *shape };
	const struct trn_serve_experts_args args = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct trn_serve serve;
	struct trn_tile x, y;
	struct trn_builder *b;
	struct trn_rig rig;
	uint64_t bytes;
	float *got;

	e.s.heads = 2;
	e.s.head_dim = 64;
	e.s.positions = 128;
	e.s.eps = 1e-5f;
	e.s.limit = 1.5f;
	e.s.alpha = 1.702f;
	experts_draw(&e);
	experts_want(&e);
	bytes = (uint64_t)128 * tiles_of(e.s.hidden) * e.s.tokens * 4;
	trn_rig_open(&rig, uri);
	experts_buffers(&e, &rig);
	b = builder_for(arch, 10, UINT32_MAX);
	trn_serve_begin(b, &e.s, &serve);
	x = trn_serve_columns(&serve);
	y = trn_serve_columns(&serve);
	move(b, &x, 0, false);
	trn_serve_experts_emit(&serve, &args, &x, &y);
	move(b, &y, 0, true);
	trn_serve_end(&serve);
	ck_assert_int_eq(run(&rig, b), 0);
	got = room(bytes);
	trn_rig_read(&rig, 0, got, bytes);
	compare(&e.s, got, e.want);
	trn_rig_close(&rig);
	free(got);
	experts_free(&e);
}

START_TEST(experts_match)
{
	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)_i);
	experts_try(&mixtures[(size_t)_i / TRN_ARRAY_LEN(uris)],
		    uris[(size_t)_i % TRN_ARRAY_LEN(uris)], 0);
}
END_TEST

START_TEST(experts_in_mxfp4_match)
{
	struct trn_serve_shape shape = mixtures_mx[_i];

	shape.format = TRN_DTYPE_F4E2M1_X4;
	trn_prng_seed(&prng, trn_test_seed() + (uint64_t)_i);
	experts_try(&shape, uris[0], 3);
}
END_TEST

/* ---- head, sizes ---- */

START_TEST(head_matches)
{
	struct trn_serve_shape s = { .tokens = 3,
				     .hidden = 192,
				     .heads = 2,
				     .head_dim = 64,
				     .positions = 128,
				     .experts = 1,
				     .top_k = 1,
				     .groups = 1,
				     .intermediate = 128,
				     .eps = 1e-5f,
				     .limit = 1.0f,
				     .alpha = 1.0f };
	const uint32_t vocab = 700;
	struct trn_serve_matrix m = trn_serve_hidden(s.hidden, vocab);
	struct weights w;
	struct trn_serve serve;
	struct trn_builder *b = builder(3, UINT32_MAX);
	struct trn_tile x;
	struct trn_rig rig;
	double *n, largest = 0.0, worst = 0.0;
	float *data, *got;
	uint64_t bytes = (uint64_t)128 * tiles_of(vocab) * s.tokens * 4;

	trn_prng_seed(&prng, trn_test_seed());
	data = columns_make(s.hidden, s.tokens, 2.0f);
	w = weights_make(&m, s.hidden, vocab, 0.2f);
	n = normed_make(&s, data);
	got = room(bytes);
	trn_rig_open(&rig, uris[_i]);
	trn_rig_buffer(&rig, data, (uint64_t)128 * tiles_of(s.hidden) * s.tokens * 4);
	trn_rig_buffer(&rig, w.streamed, w.elements * 2);
	trn_rig_buffer(&rig, NULL, bytes);
	trn_serve_begin(b, &s, &serve);
	x = trn_serve_columns(&serve);
	move(b, &x, 0, false);
	trn_serve_head_emit(&serve, 1, vocab, 2, &x);
	trn_serve_end(&serve);
	ck_assert_int_eq(run(&rig, b), 0);
	trn_rig_read(&rig, 2, got, bytes);
	for (uint32_t t = 0; t < s.tokens; t++)
		for (uint32_t c = 0; c < vocab; c++) {
			double want = product(n + (size_t)t * s.hidden, &w, s.hidden, vocab, c);

			largest = fmax(largest, fabs(want));
			worst = fmax(worst,
				     fabs(want - (double)got[column_at(vocab, s.tokens, c, t)]));
		}
	ck_assert_msg(worst <= TOLERANCE * largest, "off by %g of %g", worst, largest);
	trn_rig_close(&rig);
	free(data);
	free(got);
	free(n);
	free(w.plain);
	free(w.streamed);
}
END_TEST

START_TEST(sizes_out_of_range_are_refused)
{
	static const struct trn_serve_shape good = {
		1, 256, 2, 64, 128, 0, 8, 2, 2, 128, 0.0f, 1.0f, 1.0f, TRN_DTYPE_NONE
	};
	struct trn_serve_shape bad[13];
	struct trn_serve serve;
	struct trn_builder *b;

	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].tokens = 129;
	bad[1].hidden = 64;
	bad[2].heads = 0;
	bad[3].head_dim = 32;
	bad[4].heads = 3;
	bad[5].positions = 100;
	bad[6].positions = 32768;
	bad[7].top_k = 9;
	bad[8].groups = 1;
	bad[9].intermediate = 0;
	bad[10].limit = 0.0f;
	bad[11].eps = -1.0f;
	bad[12].format = TRN_DTYPE_F8E4M3FN_X4;
	ck_assert_int_eq(trn_builder_create(NULL, &b), 0);
	trn_serve_begin(b, &bad[_i], &serve);
	ck_assert_int_eq(trn_builder_status(b, NULL), -EINVAL);
	trn_builder_destroy(b);
}
END_TEST

static Suite *suite_make(void)
{
	Suite *s = suite_create("serve");
	TCase *tc = tcase_create("serve");
	int uri_count = (int)TRN_ARRAY_LEN(uris);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, attention_matches, 0, (int)TRN_ARRAY_LEN(attentions) * uri_count);
	tcase_add_loop_test(tc, experts_match, 0, (int)TRN_ARRAY_LEN(mixtures) * uri_count);
	tcase_add_loop_test(tc, experts_in_mxfp4_match, 0, (int)TRN_ARRAY_LEN(mixtures_mx));
	tcase_add_loop_test(tc, head_matches, 0, uri_count);
	tcase_add_loop_test(tc, sizes_out_of_range_are_refused, 0, 13);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite_make)
