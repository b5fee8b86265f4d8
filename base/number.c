/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats: integer arithmetic and exact float steps only, so every host
 * gives the same bits. Assumes the default rounding mode. No branch inside a
 * row's element: the compiler turns the rows into vector code. */
#include "base/number.h"

#include <stdbool.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

#define F32_ABS 0x7fffffffu
#define F32_INF 0x7f800000u
#define F32_QUIET 0x00400000u
#define F32_MANTISSA 23
#define F32_BIAS 127
#define TF32_DROP 13 /* mantissa bits that TF32 does not have */

static ALWAYS_INLINE uint32_t f32_bits(float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

static ALWAYS_INLINE float f32_from(uint32_t u)
{
	float v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

/* A narrow binary format: sign, exponent, mantissa; subnormals always. */
struct narrow {
	unsigned int exponent, mantissa; /* bits */
	bool finite;                     /* no infinity; all ones is the only NaN */
};

/* Constants: always_inline folds them away. */
#define NARROW_F16 ((struct narrow){ 5, 10, false })
#define NARROW_E5M2 ((struct narrow){ 5, 2, false })
#define NARROW_E4M3 ((struct narrow){ 4, 3, false })
#define NARROW_E4M3FN ((struct narrow){ 4, 3, true })
#define NARROW_E3M4 ((struct narrow){ 3, 4, false })

static ALWAYS_INLINE float narrow_to_f32(uint32_t v, struct narrow f)
{
	const unsigned int shift = F32_MANTISSA - f.mantissa;
	const uint32_t bias = (1u << (f.exponent - 1)) - 1;
	const uint32_t rebias = F32_BIAS - bias;
	const uint32_t sign_bit = 1u << (f.exponent + f.mantissa);
	const uint32_t inf = ((1u << f.exponent) - 1) << f.mantissa;
	const float step = f32_from((rebias + 1 - f.mantissa) << F32_MANTISSA);
	uint32_t abs = v & (sign_bit - 1);
	uint32_t sign = (v & sign_bit) << (31 - f.exponent - f.mantissa);
	uint32_t normal = (abs << shift) + (rebias << F32_MANTISSA);
	uint32_t tiny = f32_bits((float)(int32_t)abs * step); /* exact */
	uint32_t nan = F32_INF | F32_QUIET | (abs << shift);
	uint32_t u = abs < (1u << f.mantissa) ? tiny : normal;

	if (f.finite) {
		u = abs == sign_bit - 1 ? F32_INF | F32_QUIET : u;
	} else {
		u = abs == inf ? F32_INF : u;
		u = abs > inf ? nan : u;
	}
	return f32_from(sign | u);
}

static ALWAYS_INLINE uint32_t narrow_from_f32(float v, struct narrow f)
{
	const unsigned int shift = F32_MANTISSA - f.mantissa;
	const uint32_t bias = (1u << (f.exponent - 1)) - 1;
	const uint32_t rebias = F32_BIAS - bias;
	const uint32_t all_ones = (1u << (f.exponent + f.mantissa)) - 1;
	const uint32_t inf = f.finite ? all_ones : all_ones - ((1u << f.mantissa) - 1);
	/* Adding it makes the float unit round a subnormal at its last place. */
	const float align = f32_from((rebias + 1 + shift) << F32_MANTISSA);
	const uint32_t smallest_normal = (rebias + 1) << F32_MANTISSA;
	uint32_t u = f32_bits(v);
	uint32_t abs = u & F32_ABS;
	uint32_t sign = (u >> 31) << (f.exponent + f.mantissa);
	uint32_t round = (1u << (shift - 1)) - 1 + ((abs >> shift) & 1);
	uint32_t normal = (abs - (rebias << F32_MANTISSA) + round) >> shift;
	uint32_t tiny = f32_bits(f32_from(abs) + align) - f32_bits(align);
	uint32_t nan = f.finite ?
			       all_ones :
			       inf | (1u << (f.mantissa - 1)) | ((abs >> shift) & ~inf & all_ones);

	normal = normal > inf ? inf : normal;
	normal = abs < smallest_normal ? tiny : normal;
	normal = abs > F32_INF ? nan : normal;
	return sign | normal;
}

static ALWAYS_INLINE float bf16_to_f32(uint16_t v)
{
	return f32_from((uint32_t)v << 16);
}

static ALWAYS_INLINE uint16_t bf16_from_f32(float v)
{
	uint32_t u = f32_bits(v);
	uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
	uint32_t nan = (u | F32_QUIET) >> 16;

	return (uint16_t)((u & F32_ABS) > F32_INF ? nan : rounded);
}

static ALWAYS_INLINE float tf32_to_f32(uint32_t u)
{
	uint32_t cut = u & ~((1u << TF32_DROP) - 1);

	/* A NaN whose payload is cut off must not turn into an infinity. */
	return f32_from((u & F32_ABS) > F32_INF ? cut | F32_QUIET : cut);
}

static ALWAYS_INLINE uint32_t tf32_from_f32(float v)
{
	const uint32_t drop = (1u << TF32_DROP) - 1;
	uint32_t u = f32_bits(v);
	uint32_t rounded = (u + (drop >> 1) + ((u >> TF32_DROP) & 1)) & ~drop;
	uint32_t nan = (u | F32_QUIET) & ~drop;

	return (u & F32_ABS) > F32_INF ? nan : rounded;
}

#define ROUND_MAGIC 0x1.8p23f /* its last place is 1: adding it rounds to an integer */

/* lo and hi are integers of at most 16 bits, so clamping first changes nothing. */
static ALWAYS_INLINE int32_t small_int_from_f32(float v, float lo, float hi)
{
	v = v == v ? v : 0.0f;
	v = v < lo ? lo : v;
	v = v > hi ? hi : v;
	return (int32_t)(f32_bits(v + ROUND_MAGIC) - f32_bits(ROUND_MAGIC));
}

static ALWAYS_INLINE float round_f32(float v)
{
	float near = v < 0.0f ? (v - 0x1p23f) + 0x1p23f : (v + 0x1p23f) - 0x1p23f;

	/* From 2^23 on every float is an integer. */
	return (f32_bits(v) & F32_ABS) < f32_bits(0x1p23f) ? near : v;
}

static ALWAYS_INLINE int32_t s32_from_f32(float v)
{
	float in = v == v ? v : 0.0f;

	in = in < -0x1p31f ? -0x1p31f : in;
	in = in >= 0x1p31f ? 0.0f : in; /* the cast below must be defined */
	return v >= 0x1p31f ? INT32_MAX : (int32_t)round_f32(in);
}

static ALWAYS_INLINE uint32_t u32_from_f32(float v)
{
	float in = v > 0.0f ? v : 0.0f; /* NaN too */
	uint32_t high = in >= 0x1p31f ? 0x80000000u : 0u;

	in = in >= 0x1p32f ? 0.0f : in;
	in = in >= 0x1p31f ? in - 0x1p31f : in; /* exact */
	return v >= 0x1p32f ? UINT32_MAX : (uint32_t)(int32_t)round_f32(in) + high;
}

/*
 * One row of this table makes a format's element and row functions. Elements
 * go through memcpy: rows come at any alignment.
 *
 *       name    container  to FP32                            from FP32
 */
#define FORMATS(X)                                                                             \
	X(u8, uint8_t, (float)e, small_int_from_f32(v, 0.0f, 255.0f))                          \
	X(s8, int8_t, (float)e, small_int_from_f32(v, -128.0f, 127.0f))                        \
	X(u16, uint16_t, (float)e, small_int_from_f32(v, 0.0f, 65535.0f))                      \
	X(s16, int16_t, (float)e, small_int_from_f32(v, -32768.0f, 32767.0f))                  \
	X(u32, uint32_t, (float)e, u32_from_f32(v))                                            \
	X(s32, int32_t, (float)e, s32_from_f32(v))                                             \
	X(f32, uint32_t, f32_from(e), f32_bits(v))                                             \
	X(tf32, uint32_t, tf32_to_f32(e), tf32_from_f32(v))                                    \
	X(bf16, uint16_t, bf16_to_f32(e), bf16_from_f32(v))                                    \
	X(f16, uint16_t, narrow_to_f32(e, NARROW_F16), narrow_from_f32(v, NARROW_F16))         \
	X(e4m3, uint8_t, narrow_to_f32(e, NARROW_E4M3), narrow_from_f32(v, NARROW_E4M3))       \
	X(e4m3fn, uint8_t, narrow_to_f32(e, NARROW_E4M3FN), narrow_from_f32(v, NARROW_E4M3FN)) \
	X(e5m2, uint8_t, narrow_to_f32(e, NARROW_E5M2), narrow_from_f32(v, NARROW_E5M2))       \
	X(e3m4, uint8_t, narrow_to_f32(e, NARROW_E3M4), narrow_from_f32(v, NARROW_E3M4))

#define DEFINE_ROWS_FOR(target, name, container, to, from)                                 \
	target static void name##_to(float *dst, const unsigned char *src, size_t count)   \
	{                                                                                  \
		for (size_t i = 0; i < count; i++) {                                       \
			container e;                                                       \
                                                                                           \
			memcpy(&e, src + i * sizeof(e), sizeof(e));                        \
			dst[i] = (to);                                                     \
		}                                                                          \
	}                                                                                  \
	target static void name##_from(unsigned char *dst, const float *src, size_t count) \
	{                                                                                  \
		for (size_t i = 0; i < count; i++) {                                       \
			float v = src[i];                                                  \
			container e = (container)(from);                                   \
                                                                                           \
			memcpy(dst + i * sizeof(e), &e, sizeof(e));                        \
		}                                                                          \
	}

/* The same source for every unit of the host, and no step that could round twice or be
 * fused: which of them ran cannot be seen in the result. */
#define DEFINE_ROWS(name, container, to, from) DEFINE_ROWS_FOR(, name##_row, container, to, from)
FORMATS(DEFINE_ROWS)

#if defined(__x86_64__)
#define DEFINE_WIDE_ROWS(name, container, to, from) \
	DEFINE_ROWS_FOR(__attribute__((target("avx2"))), name##_wide, container, to, from)
FORMATS(DEFINE_WIDE_ROWS)
#define WIDE(name)                               \
	{                                        \
		name##_wide_to, name##_wide_from \
	}
#else
#define WIDE(name)                             \
	{                                      \
		name##_row_to, name##_row_from \
	}
#endif

struct rows {
	void (*to)(float *dst, const unsigned char *src, size_t count);
	void (*from)(unsigned char *dst, const float *src, size_t count);
};

struct format {
	const char *name;
	size_t size;
	struct rows rows, wide;
};

#define FORMAT(dtype, text, name, bytes) \
	[TRN_DTYPE_##dtype] = { text, bytes, { name##_row_to, name##_row_from }, WIDE(name) }

static const struct format formats[TRN_DTYPE_COUNT] = {
	[TRN_DTYPE_NONE] = { "none", 0, { NULL, NULL }, { NULL, NULL } },
	FORMAT(U8, "u8", u8, 1),
	FORMAT(S8, "s8", s8, 1),
	FORMAT(U16, "u16", u16, 2),
	FORMAT(S16, "s16", s16, 2),
	FORMAT(U32, "u32", u32, 4),
	FORMAT(S32, "s32", s32, 4),
	FORMAT(F32, "f32", f32, 4),
	FORMAT(TF32, "tf32", tf32, 4),
	FORMAT(BF16, "bf16", bf16, 2),
	FORMAT(F16, "f16", f16, 2),
	FORMAT(F8E4M3, "f8e4m3", e4m3, 1),
	FORMAT(F8E4M3FN, "f8e4m3fn", e4m3fn, 1),
	FORMAT(F8E5M2, "f8e5m2", e5m2, 1),
	FORMAT(F8E3M4, "f8e3m4", e3m4, 1),
};

static const struct rows *rows_of(const struct format *format)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return &format->wide;
#endif
	return &format->rows;
}

static const struct format *format_of(enum trn_dtype type)
{
	/* The value may come from a program file: any number. */
	return (unsigned int)type < TRN_DTYPE_COUNT ? &formats[type] : &formats[TRN_DTYPE_NONE];
}

float trn_bf16_to_f32(uint16_t v)
{
	return bf16_to_f32(v);
}

uint16_t trn_f32_to_bf16(float v)
{
	return bf16_from_f32(v);
}

float trn_f16_to_f32(uint16_t v)
{
	return narrow_to_f32(v, NARROW_F16);
}

uint16_t trn_f32_to_f16(float v)
{
	return (uint16_t)narrow_from_f32(v, NARROW_F16);
}

float trn_fp8_to_f32(uint8_t v, enum trn_dtype type)
{
	float ret = 0.0f;

	if (type >= TRN_DTYPE_F8E4M3 && type <= TRN_DTYPE_F8E3M4)
		formats[type].rows.to(&ret, &v, 1);
	return ret;
}

uint8_t trn_f32_to_fp8(float v, enum trn_dtype type)
{
	uint8_t ret = 0;

	if (type >= TRN_DTYPE_F8E4M3 && type <= TRN_DTYPE_F8E3M4)
		formats[type].rows.from(&ret, &v, 1);
	return ret;
}

size_t trn_dtype_size(enum trn_dtype type)
{
	return format_of(type)->size;
}

const char *trn_dtype_name(enum trn_dtype type)
{
	return (unsigned int)type < TRN_DTYPE_COUNT ? formats[type].name : "unknown";
}

float trn_load_f32(const void *p, enum trn_dtype type)
{
	float ret;

	trn_row_to_f32(&ret, p, type, 1);
	return ret;
}

void trn_store_f32(void *p, enum trn_dtype type, float v)
{
	trn_row_from_f32(p, &v, type, 1);
}

void trn_row_to_f32(float *dst, const void *src, enum trn_dtype type, size_t count)
{
	const struct rows *rows = rows_of(format_of(type));

	if (rows->to)
		rows->to(dst, src, count);
	else
		memset(dst, 0, count * sizeof(*dst));
}

void trn_row_from_f32(void *dst, const float *src, enum trn_dtype type, size_t count)
{
	const struct rows *rows = rows_of(format_of(type));

	if (rows->from)
		rows->from(dst, src, count);
}
