/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise reductions. FP32, BF16 and integers join up to four sources in one loop, straight
 * into the destination; more sources, and the other floats, go through a block that stays in the
 * cache. Which way was taken cannot be seen in the result. */
#include "base/reduce.h"

#include <string.h>

#include "base/number.h"

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 2048u /* elements */
#define ARITY 4u    /* sources of one loop, at most */
#define QUIET_NAN 0x7fc00000u

/* Element i depends on elements i only: dst may be a source. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

INLINE float f32_from(uint32_t u)
{
	float v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

INLINE uint32_t f32_bits(float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

/* Hosts differ in sign and payload of a NaN, and in which of two they keep. */
INLINE float canonical(float v)
{
	return v == v ? v : f32_from(QUIET_NAN);
}

INLINE uint16_t bf16_from(float v)
{
	const uint32_t u = f32_bits(v);
	const uint32_t rounded = u + 0x7fffu + ((u >> 16) & 1);

	return (uint16_t)((v == v ? rounded : QUIET_NAN) >> 16);
}

INLINE float float_sum(float a, float b)
{
	return a + b;
}

INLINE float float_prod(float a, float b)
{
	return a * b;
}

INLINE float float_min(float a, float b)
{
	return a < b || a != a ? a : b;
}

INLINE float float_max(float a, float b)
{
	return a > b || a != a ? a : b;
}

/* The low bits are those of signed numbers, too. */
INLINE uint32_t word_sum(uint32_t a, uint32_t b)
{
	return a + b;
}

INLINE uint32_t word_prod(uint32_t a, uint32_t b)
{
	return a * b;
}

INLINE uint32_t unsigned_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

INLINE uint32_t unsigned_max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

INLINE int32_t signed_min(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

INLINE int32_t signed_max(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

#define KEEP(v) (v)
#define FROM_BF16(v) f32_from((uint32_t)(v) << 16)

typedef void join_fn(unsigned char *dst, const unsigned char *const *src, size_t count);

/* Rows come at any alignment, and a row may be another one. */
#define ANYWHERE __attribute__((aligned(1), may_alias))
typedef float ANYWHERE float_any;
typedef uint8_t ANYWHERE uint8_any;
typedef uint16_t ANYWHERE uint16_any;
typedef uint32_t ANYWHERE uint32_any;
typedef int8_t ANYWHERE int8_any;
typedef int16_t ANYWHERE int16_any;
typedef int32_t ANYWHERE int32_any;

#define JOINED_2(joined, from, op) (joined) op((joined)from(x0[i]), (joined)from(x1[i]))
#define JOINED_3(joined, from, op) (joined) op(JOINED_2(joined, from, op), (joined)from(x2[i]))
#define JOINED_4(joined, from, op) (joined) op(JOINED_3(joined, from, op), (joined)from(x3[i]))

/* One loop: what an element is stored as and joined as, how it comes and goes, the operator. */
#define DEFINE_JOIN(target, name, arity, stored, joined, from, to, op)                         \
	target static void name##_##arity(unsigned char *dst, const unsigned char *const *src, \
					  size_t count)                                        \
	{                                                                                      \
		const stored##_any *x0 = (const stored##_any *)src[0];                         \
		const stored##_any *x1 = (const stored##_any *)src[1];                         \
		const stored##_any *x2 = (const stored##_any *)src[(arity) > 2 ? 2 : 0];       \
		const stored##_any *x3 = (const stored##_any *)src[(arity) > 3 ? 3 : 0];       \
		stored##_any *out = (stored##_any *)dst;                                       \
                                                                                               \
		(void)x2;                                                                      \
		(void)x3;                                                                      \
		INDEPENDENT                                                                    \
		for (size_t i = 0; i < count; i++) {                                           \
			const joined v = JOINED_##arity(joined, from, op);                     \
                                                                                               \
			out[i] = (stored##_any)to(v);                                          \
		}                                                                              \
	}

/* All arities of one operator. */
#define DEFINE_JOINS(target, name, stored, joined, from, to, op)   \
	DEFINE_JOIN(target, name, 2, stored, joined, from, to, op) \
	DEFINE_JOIN(target, name, 3, stored, joined, from, to, op) \
	DEFINE_JOIN(target, name, 4, stored, joined, from, to, op)
#define DEFINE_FLOATS(target, name, stored, from, to)                        \
	DEFINE_JOINS(target, name##_sum, stored, float, from, to, float_sum) \
	DEFINE_JOINS(target, name##_min, stored, float, from, to, float_min) \
	DEFINE_JOINS(target, name##_max, stored, float, from, to, float_max) \
	DEFINE_JOINS(target, name##_prod, stored, float, from, to, float_prod)
#define DEFINE_WORDS(target, name, bits)                                                  \
	DEFINE_JOINS(target, name##_sum, uint##bits, uint32_t, KEEP, KEEP, word_sum)      \
	DEFINE_JOINS(target, name##_prod, uint##bits, uint32_t, KEEP, KEEP, word_prod)    \
	DEFINE_JOINS(target, name##_umin, uint##bits, uint32_t, KEEP, KEEP, unsigned_min) \
	DEFINE_JOINS(target, name##_umax, uint##bits, uint32_t, KEEP, KEEP, unsigned_max) \
	DEFINE_JOINS(target, name##_smin, int##bits, int32_t, KEEP, KEEP, signed_min)     \
	DEFINE_JOINS(target, name##_smax, int##bits, int32_t, KEEP, KEEP, signed_max)

struct joins {
	join_fn *fn[TRN_REDUCE_OPS][ARITY - 1]; /* of 2, 3, 4 sources */
};

#define ARITIES(name)                        \
	{                                    \
		name##_2, name##_3, name##_4 \
	}
#define FLOAT_JOINS(name)                                         \
	{                                                         \
		{                                                 \
			[TRN_REDUCE_SUM] = ARITIES(name##_sum),   \
			[TRN_REDUCE_MIN] = ARITIES(name##_min),   \
			[TRN_REDUCE_MAX] = ARITIES(name##_max),   \
			[TRN_REDUCE_PROD] = ARITIES(name##_prod), \
		}                                                 \
	}
#define WORD_JOINS(name, sign)                                          \
	{                                                               \
		{                                                       \
			[TRN_REDUCE_SUM] = ARITIES(name##_sum),         \
			[TRN_REDUCE_MIN] = ARITIES(name##_##sign##min), \
			[TRN_REDUCE_MAX] = ARITIES(name##_##sign##max), \
			[TRN_REDUCE_PROD] = ARITIES(name##_prod),       \
		}                                                       \
	}

/* The same source for every unit of the host; nothing rounds twice or is fused. */
#define DEFINE_UNIT(target, unit)                                        \
	DEFINE_FLOATS(target, f32_##unit, float, KEEP, canonical)        \
	DEFINE_FLOATS(target, bf16_##unit, uint16, FROM_BF16, bf16_from) \
	DEFINE_WORDS(target, w8_##unit, 8)                               \
	DEFINE_WORDS(target, w16_##unit, 16)                             \
	DEFINE_WORDS(target, w32_##unit, 32)                             \
	static const struct joins unit##_joins[TRN_DTYPE_COUNT] = {      \
		[TRN_DTYPE_F32] = FLOAT_JOINS(f32_##unit),               \
		[TRN_DTYPE_BF16] = FLOAT_JOINS(bf16_##unit),             \
		[TRN_DTYPE_U8] = WORD_JOINS(w8_##unit, u),               \
		[TRN_DTYPE_S8] = WORD_JOINS(w8_##unit, s),               \
		[TRN_DTYPE_U16] = WORD_JOINS(w16_##unit, u),             \
		[TRN_DTYPE_S16] = WORD_JOINS(w16_##unit, s),             \
		[TRN_DTYPE_U32] = WORD_JOINS(w32_##unit, u),             \
		[TRN_DTYPE_S32] = WORD_JOINS(w32_##unit, s),             \
	};

DEFINE_UNIT(, plain)
#if defined(__x86_64__)
DEFINE_UNIT(__attribute__((target("avx2"))), wide)
#endif

/* NULL rows: this dtype has no loops of its own. */
static const struct joins *joins_of(enum trn_dtype dtype)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return &wide_joins[dtype];
#endif
	return &plain_joins[dtype];
}

bool trn_reduce_has(enum trn_dtype dtype)
{
	return trn_dtype_size(dtype) != 0 && !trn_dtype_is_mx(dtype);
}

static bool is_integer(enum trn_dtype dtype)
{
	return dtype >= TRN_DTYPE_U8 && dtype <= TRN_DTYPE_S32;
}

/* ---- a block ---- */

union block {
	float f32[BLOCK];
	uint32_t u32[BLOCK];
	int32_t s32[BLOCK];
	uint16_t u16[BLOCK];
	int16_t s16[BLOCK];
	uint8_t u8[BLOCK];
	int8_t s8[BLOCK];
	unsigned char raw[BLOCK * sizeof(float)];
};

static void scale_block(float *x, float scale, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] = canonical(x[i] * scale);
}

#define DIVIDE(x, type)                    \
	for (size_t i = 0; i < count; i++) \
	(x)[i] = (type)((int64_t)(x)[i] / (int64_t)divisor)

static void divide_block(union block *x, enum trn_dtype dtype, uint32_t divisor, size_t count)
{
	switch (dtype) {
	case TRN_DTYPE_U8:
		DIVIDE(x->u8, uint8_t);
		break;
	case TRN_DTYPE_S8:
		DIVIDE(x->s8, int8_t);
		break;
	case TRN_DTYPE_U16:
		DIVIDE(x->u16, uint16_t);
		break;
	case TRN_DTYPE_S16:
		DIVIDE(x->s16, int16_t);
		break;
	case TRN_DTYPE_U32:
		DIVIDE(x->u32, uint32_t);
		break;
	default:
		DIVIDE(x->s32, int32_t);
		break;
	}
}

/* What is left to do with a row after its sources are joined. */
static bool is_finished(const struct trn_reduce *how)
{
	return is_integer(how->dtype) ? how->divisor <= 1 : how->scale == 1.0f;
}

static void finish(union block *x, const struct trn_reduce *how, size_t count)
{
	if (is_finished(how))
		return;
	if (is_integer(how->dtype))
		divide_block(x, how->dtype, how->divisor, count);
	else
		scale_block(x->f32, how->scale, count);
}

/* A row: elements [at, at + count) of the sources. */
struct row {
	unsigned char *dst;
	const void *const *src;
	uint32_t sources;
	size_t at, count, size;
};

static const unsigned char *source_at(const struct row *row, uint32_t s)
{
	return (const unsigned char *)row->src[s] + row->at * row->size;
}

/* Joined in the dtype itself, a few sources at a time; the last of them into dst. */
static void reduce_same(const struct row *row, const struct trn_reduce *how,
			const struct joins *joins)
{
	const bool direct = is_finished(how);
	union block x;
	unsigned char *out = x.raw;
	uint32_t done = 0;

	while (done < row->sources) {
		const unsigned char *from[ARITY];
		uint32_t n = 0;

		if (done > 0)
			from[n++] = x.raw;
		while (n < ARITY && done < row->sources)
			from[n++] = source_at(row, done++);
		if (done == row->sources && direct)
			out = row->dst;
		if (n == 1)
			memcpy(out, from[0], row->count * row->size);
		else
			joins->fn[how->op][n - 2](out, from, row->count);
	}
	if (direct)
		return;
	finish(&x, how, row->count);
	memcpy(row->dst, x.raw, row->count * row->size);
}

/* Joined as FP32. */
static void reduce_float(const struct row *row, const struct trn_reduce *how)
{
	const struct joins *joins = joins_of(TRN_DTYPE_F32);
	union block x, y[ARITY - 1];
	const unsigned char *const from[ARITY] = { x.raw, y[0].raw, y[1].raw, y[2].raw };

	trn_row_to_f32(x.f32, source_at(row, 0), how->dtype, row->count);
	for (uint32_t done = 1; done < row->sources;) {
		uint32_t n = 0;

		while (n < ARITY - 1 && done < row->sources)
			trn_row_to_f32(y[n++].f32, source_at(row, done++), how->dtype, row->count);
		joins->fn[how->op][n - 1](x.raw, from, row->count);
	}
	finish(&x, how, row->count);
	trn_row_from_f32(row->dst, x.f32, how->dtype, row->count);
}

void trn_reduce_row(void *dst, const void *const *src, uint32_t sources,
		    const struct trn_reduce *how, size_t count)
{
	const struct joins *joins;
	struct row row = { .dst = dst, .src = src, .sources = sources };
	bool same;

	if (sources == 0 || !trn_reduce_has(how->dtype) || (uint32_t)how->op >= TRN_REDUCE_OPS)
		return;
	row.size = trn_dtype_size(how->dtype);
	if (sources == 1 && is_finished(how)) {
		memmove(dst, src[0], count * row.size);
		return;
	}
	joins = joins_of(how->dtype);
	/* BF16 is rounded once: only where one loop does it all. */
	same = joins->fn[0][0] &&
	       (how->dtype != TRN_DTYPE_BF16 || (sources <= ARITY && is_finished(how)));
	for (; row.at < count; row.at += row.count, row.dst += row.count * row.size) {
		row.count = count - row.at < BLOCK ? count - row.at : BLOCK;
		if (same)
			reduce_same(&row, how, joins);
		else
			reduce_float(&row, how);
	}
}
