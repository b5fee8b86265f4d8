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
	/* No arithmetic: they are unpacked with their scales. */
	[TRN_DTYPE_F8E5M2_X4] = { "f8e5m2_x4", 4, { NULL, NULL }, { NULL, NULL } },
	[TRN_DTYPE_F8E4M3FN_X4] = { "f8e4m3fn_x4", 4, { NULL, NULL }, { NULL, NULL } },
	[TRN_DTYPE_F4E2M1_X4] = { "f4e2m1_x4", 2, { NULL, NULL }, { NULL, NULL } },
	[TRN_DTYPE_F8E8M0] = { "f8e8m0", 1, { NULL, NULL }, { NULL, NULL } },
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

bool trn_dtype_is_mx(enum trn_dtype type)
{
	return type >= TRN_DTYPE_F8E5M2_X4 && type <= TRN_DTYPE_F8E8M0;
}

/* ---- MX ---- */

static ALWAYS_INLINE float e8m0_to_f32(uint32_t v)
{
	/* 2^-127 is a subnormal, 0xff the NaN. */
	uint32_t u = v == 0 ? 1u << (F32_MANTISSA - 1) : v << F32_MANTISSA;

	return f32_from(v == 0xff ? F32_INF | F32_QUIET : u);
}

float trn_e8m0_to_f32(uint8_t v)
{
	return e8m0_to_f32(v);
}

void trn_e8m0_row(float *dst, const uint8_t *src, size_t count)
{
	for (size_t i = 0; i < count; i++)
		dst[i] = e8m0_to_f32(src[i]);
}

/* 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. */
static ALWAYS_INLINE float e2m1_to_f32(uint32_t v)
{
	const uint32_t abs = v & 7;
	const uint32_t normal = (abs << (F32_MANTISSA - 1)) + ((F32_BIAS - 1) << F32_MANTISSA);
	const uint32_t tiny = abs == 0 ? 0 : (F32_BIAS - 1) << F32_MANTISSA;

	return f32_from((v & 8) << 28 | (abs < 2 ? tiny : normal));
}

/* Nearest, ties to the even code, at most 6; NaN gives 0. */
static ALWAYS_INLINE uint32_t e2m1_from_f32(float v)
{
	const float abs = f32_from(f32_bits(v) & F32_ABS);
	uint32_t code = 0;

	/* The ties between codes; at each the even code of the two wins. */
	code += abs > 0.25f;
	code += abs >= 0.75f;
	code += abs > 1.25f;
	code += abs >= 1.75f;
	code += abs > 2.5f;
	code += abs >= 3.5f;
	code += abs > 5.0f;
	return code | (abs == abs ? f32_bits(v) >> 31 << 3 : 0);
}

#define E5M2_TO(v) narrow_to_f32(v, NARROW_E5M2)
#define E4M3FN_TO(v) narrow_to_f32(v, NARROW_E4M3FN)

/* Number j of element i, times scale i, is dst[j * ld + i]. */
#define DEFINE_MX(target, name, container, bits, to)                                               \
	target static void name(float *dst, size_t ld, const unsigned char *src,                   \
				const float *scale, size_t count)                                  \
	{                                                                                          \
		for (uint32_t j = 0; j < TRN_MX_NUMBERS; j++) {                                    \
			for (size_t i = 0; i < count; i++) {                                       \
				container e;                                                       \
                                                                                                   \
				memcpy(&e, src + i * sizeof(e), sizeof(e));                        \
				dst[j * ld + i] =                                                  \
					to((uint32_t)(e >> (j * (bits))) & ((1u << (bits)) - 1)) * \
					scale[i];                                                  \
			}                                                                          \
		}                                                                                  \
	}

DEFINE_MX(, e5m2_x4_row, uint32_t, 8, E5M2_TO)
DEFINE_MX(, e4m3fn_x4_row, uint32_t, 8, E4M3FN_TO)
DEFINE_MX(, e2m1_x4_row, uint16_t, 4, e2m1_to_f32)

typedef void mx_unpack_fn(float *dst, size_t ld, const unsigned char *src, const float *scale,
			  size_t count);

static mx_unpack_fn *const mx_rows[] = { e5m2_x4_row, e4m3fn_x4_row, e2m1_x4_row };

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
DEFINE_MX(AVX2, e5m2_x4_wide, uint32_t, 8, E5M2_TO)
DEFINE_MX(AVX2, e4m3fn_x4_wide, uint32_t, 8, E4M3FN_TO)
DEFINE_MX(AVX2, e2m1_x4_wide, uint16_t, 4, e2m1_to_f32)

static mx_unpack_fn *const mx_wide[] = { e5m2_x4_wide, e4m3fn_x4_wide, e2m1_x4_wide };
#endif

void trn_mx_unpack(float *dst, size_t ld, const void *src, enum trn_dtype type, const float *scale,
		   size_t count)
{
	mx_unpack_fn *const *table = mx_rows;

	if (type < TRN_DTYPE_F8E5M2_X4 || type > TRN_DTYPE_F4E2M1_X4)
		return;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		table = mx_wide;
#endif
	table[type - TRN_DTYPE_F8E5M2_X4](dst, ld, src, scale, count);
}

void trn_mx_pack(void *dst, const float *src, enum trn_dtype type, size_t count)
{
	unsigned char *out = dst;

	if (type == TRN_DTYPE_F8E5M2_X4)
		trn_row_from_f32(dst, src, TRN_DTYPE_F8E5M2, count * TRN_MX_NUMBERS);
	else if (type == TRN_DTYPE_F8E4M3FN_X4)
		trn_row_from_f32(dst, src, TRN_DTYPE_F8E4M3FN, count * TRN_MX_NUMBERS);
	else if (type == TRN_DTYPE_F4E2M1_X4)
		for (size_t i = 0; i < count * 2; i++)
			out[i] = (unsigned char)(e2m1_from_f32(src[2 * i]) |
						 e2m1_from_f32(src[2 * i + 1]) << 4);
}

/* ---- stochastic rounding ---- */

uint32_t trn_rounding_next(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	*state = x;
	return x;
}

/* The magnitude is cut to the format's last place, then one is added when the random number
 * is below what was cut off, as a fraction of 2^32 of that place. */
static uint32_t narrow_stochastic(float v, struct narrow f, uint32_t random)
{
	const uint32_t rebias = F32_BIAS - ((1u << (f.exponent - 1)) - 1);
	const uint32_t all_ones = (1u << (f.exponent + f.mantissa)) - 1;
	const uint32_t inf = f.finite ? all_ones : all_ones - ((1u << f.mantissa) - 1);
	const uint32_t abs = f32_bits(v) & F32_ABS;
	const uint32_t field = abs >> F32_MANTISSA;
	const uint32_t e = field == 0 ? 1 : field;
	const uint32_t fraction = abs & ((1u << F32_MANTISSA) - 1);
	uint32_t shift = F32_MANTISSA - f.mantissa;
	uint32_t whole = abs - (rebias << F32_MANTISSA);
	uint64_t cut;
	uint32_t code;

	if (e <= rebias) { /* a subnormal of the format */
		shift += rebias + 1 - e;
		whole = fraction | (field == 0 ? 0 : 1u << F32_MANTISSA);
	}
	code = shift < 32 ? whole >> shift : 0;
	cut = shift < 32 ? whole & ((1u << shift) - 1) : whole;
	cut = shift <= 32 ? cut << (32 - shift) : shift < 64 ? cut >> (shift - 32) : 0;
	code += random < cut;
	code = code > inf ? inf : code;
	return code | (f32_bits(v) >> 31) << (f.exponent + f.mantissa);
}

void trn_row_from_f32_stochastic(void *dst, const float *src, enum trn_dtype type, size_t count,
				 uint32_t *state)
{
	static const struct narrow narrow[] = {
		[TRN_DTYPE_TF32] = { 8, F32_MANTISSA - TF32_DROP, false },
		[TRN_DTYPE_BF16] = { 8, 7, false },
		[TRN_DTYPE_F16] = { 5, 10, false },
		[TRN_DTYPE_F8E4M3] = { 4, 3, false },
		[TRN_DTYPE_F8E4M3FN] = { 4, 3, true },
		[TRN_DTYPE_F8E5M2] = { 5, 2, false },
		[TRN_DTYPE_F8E3M4] = { 3, 4, false },
	};
	const size_t size = trn_dtype_size(type);
	unsigned char *out = dst;

	if (type < TRN_DTYPE_TF32 || type > TRN_DTYPE_F8E3M4) {
		trn_row_from_f32(dst, src, type, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const uint32_t random = trn_rounding_next(state);
		uint32_t code;

		if ((f32_bits(src[i]) & F32_ABS) >= F32_INF) { /* infinity, NaN */
			trn_store_f32(out + i * size, type, src[i]);
			continue;
		}
		code = narrow_stochastic(src[i], narrow[type], random);
		if (type == TRN_DTYPE_TF32)
			code <<= TF32_DROP;
		memcpy(out + i * size, &code, size); /* little endian */
	}
}
