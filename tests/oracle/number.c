/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats from their definition: sign, exponent, fraction. */
#include "oracle.h"

#include <math.h>
#include <string.h>

/* special: 'i' infinities and NaN as IEEE, 'n' one NaN and no infinity. */
struct format {
	const char *name;
	uint8_t size, exponent, fraction;
	char special;
};

static const struct format formats[TRN_DTYPE_COUNT] = {
	[TRN_DTYPE_NONE] = { "none", 0, 0, 0, 0 },
	[TRN_DTYPE_U8] = { "u8", 1, 0, 0, 0 },
	[TRN_DTYPE_S8] = { "s8", 1, 0, 0, 0 },
	[TRN_DTYPE_U16] = { "u16", 2, 0, 0, 0 },
	[TRN_DTYPE_S16] = { "s16", 2, 0, 0, 0 },
	[TRN_DTYPE_U32] = { "u32", 4, 0, 0, 0 },
	[TRN_DTYPE_S32] = { "s32", 4, 0, 0, 0 },
	[TRN_DTYPE_F32] = { "f32", 4, 8, 23, 'i' },
	[TRN_DTYPE_TF32] = { "tf32", 4, 8, 10, 'i' },
	[TRN_DTYPE_BF16] = { "bf16", 2, 8, 7, 'i' },
	[TRN_DTYPE_F16] = { "f16", 2, 5, 10, 'i' },
	[TRN_DTYPE_F8E4M3] = { "f8e4m3", 1, 4, 3, 'i' },
	[TRN_DTYPE_F8E4M3FN] = { "f8e4m3fn", 1, 4, 3, 'n' },
	[TRN_DTYPE_F8E5M2] = { "f8e5m2", 1, 5, 2, 'i' },
	[TRN_DTYPE_F8E3M4] = { "f8e3m4", 1, 3, 4, 'i' },
	[TRN_DTYPE_F8E5M2_X4] = { "f8e5m2_x4", 4, 0, 0, 0 },
	[TRN_DTYPE_F8E4M3FN_X4] = { "f8e4m3fn_x4", 4, 0, 0, 0 },
	[TRN_DTYPE_F4E2M1_X4] = { "f4e2m1_x4", 2, 0, 0, 0 },
	[TRN_DTYPE_F8E8M0] = { "f8e8m0", 1, 0, 0, 0 },
};

static const double int_least[] = { 0, 0, -128, 0, -32768, 0, -2147483648.0 };
static const double int_most[] = { 0, 255, 127, 65535, 32767, 4294967295.0, 2147483647.0 };

uint32_t orc_size(uint32_t dtype)
{
	return dtype < TRN_DTYPE_COUNT ? formats[dtype].size : 0;
}

const char *orc_dtype_name(uint32_t dtype)
{
	return dtype < TRN_DTYPE_COUNT ? formats[dtype].name : "?";
}

bool orc_is_int(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_U8 && dtype <= TRN_DTYPE_S32;
}

bool orc_is_float(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_F32 && dtype <= TRN_DTYPE_F8E3M4;
}

bool orc_is_packed(uint32_t dtype)
{
	return dtype >= TRN_DTYPE_F8E5M2_X4 && dtype <= TRN_DTYPE_F8E8M0;
}

uint32_t orc_bits_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

float orc_float_of(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static float decode_int(uint32_t dtype, uint32_t raw)
{
	switch (dtype) {
	case TRN_DTYPE_S8:
		return (float)(int8_t)raw;
	case TRN_DTYPE_S16:
		return (float)(int16_t)raw;
	case TRN_DTYPE_S32:
		return (float)(int32_t)raw;
	default:
		return (float)raw;
	}
}

float orc_decode(uint32_t dtype, uint32_t raw)
{
	const struct format *f = &formats[dtype];
	const uint32_t bits = dtype == TRN_DTYPE_TF32 ? raw >> 13 : raw;
	const uint32_t fraction = bits & ((1u << f->fraction) - 1);
	const uint32_t ones = (1u << f->exponent) - 1;
	const uint32_t exponent = (bits >> f->fraction) & ones;
	const uint32_t sign = (bits >> (f->fraction + f->exponent)) & 1;
	const int bias = (int)(ones >> 1);
	const bool last = exponent == ones;
	double value;

	if (orc_is_int(dtype))
		return decode_int(dtype, raw);
	/* The bits that TF32 has not may be all that makes a NaN. */
	if (dtype == TRN_DTYPE_TF32 && (raw & 0x7fffffffu) > 0x7f800000u)
		return orc_float_of(raw | 0x400000u);
	if (last && (f->special == 'i' ? fraction != 0 : fraction == (1u << f->fraction) - 1))
		return orc_float_of(sign << 31 | 0x7f800000u | fraction << (23 - f->fraction));
	if (last && f->special == 'i')
		value = INFINITY;
	else if (exponent == 0)
		value = ldexp(fraction, 1 - bias - f->fraction);
	else
		value = ldexp((double)(fraction + (1u << f->fraction)),
			      (int)exponent - bias - f->fraction);
	return (float)(sign ? -value : value);
}

static uint32_t encode_int(uint32_t dtype, float value)
{
	double whole = rint((double)value);

	if (value != value)
		return 0;
	if (whole < int_least[dtype])
		whole = int_least[dtype];
	if (whole > int_most[dtype])
		whole = int_most[dtype];
	return (uint32_t)(int64_t)whole & (uint32_t)((UINT64_C(1) << 8 * orc_size(dtype)) - 1);
}

/* Nearest even, or up with the probability of what is cut off. */
static double whole_of(double scaled, const uint32_t *random)
{
	const double down = floor(scaled);

	if (!random)
		return rint(scaled);
	return (double)*random < floor((scaled - down) * 4294967296.0) ? down + 1 : down;
}

static uint32_t encode_float(uint32_t dtype, float value, const uint32_t *random)
{
	const struct format *f = &formats[dtype];
	const uint32_t ones = (1u << f->exponent) - 1, full = (1u << f->fraction) - 1;
	const int bias = (int)(ones >> 1);
	const int top = f->special == 'i' ? bias : bias + 1; /* exponent of the largest */
	const double largest = ldexp(2.0 - ldexp(f->special == 'i' ? 1 : 2, -f->fraction), top);
	const uint32_t sign = orc_bits_of(value) >> 31 << (f->exponent + f->fraction);
	const double size = fabs((double)value);
	double rounded;
	int power;

	if (value != value && f->special == 'i')
		return sign | ones << f->fraction | 1u << (f->fraction - 1) |
		       (orc_bits_of(value) & 0x7fffffu) >> (23 - f->fraction);
	if (value != value)
		return sign | ones << f->fraction | full;
	if (size == 0)
		return sign;
	(void)frexp(size, &power); /* size = x * 2^power, 0.5 <= x < 1 */
	if (isinf(size)) {
		rounded = size;
	} else {
		power = power - 1 < 1 - bias ? 1 - bias : power - 1;
		rounded = ldexp(whole_of(ldexp(size, f->fraction - power), random),
				power - f->fraction);
	}
	if (rounded > largest)
		return sign | ones << f->fraction | (f->special == 'i' ? 0 : full);
	if (rounded < ldexp(1, 1 - bias))
		return sign | (uint32_t)ldexp(rounded, bias - 1 + f->fraction);
	(void)frexp(rounded, &power);
	return sign | (uint32_t)(power - 1 + bias) << f->fraction |
	       ((uint32_t)ldexp(rounded, f->fraction - power + 1) & full);
}

static uint32_t encode(uint32_t dtype, float value, const uint32_t *random)
{
	if (orc_is_int(dtype))
		return encode_int(dtype, value);
	if (dtype == TRN_DTYPE_TF32)
		return encode_float(dtype, value, random) << 13;
	return encode_float(dtype, value, random);
}

uint32_t orc_encode(uint32_t dtype, float value)
{
	return encode(dtype, value, NULL);
}

uint32_t orc_encode_random(uint32_t dtype, float value, uint32_t random)
{
	return encode(dtype, value, &random);
}

uint32_t orc_x4_part(uint32_t dtype)
{
	if (dtype == TRN_DTYPE_F8E5M2_X4)
		return TRN_DTYPE_F8E5M2;
	return dtype == TRN_DTYPE_F8E4M3FN_X4 ? TRN_DTYPE_F8E4M3FN : TRN_DTYPE_NONE;
}

float orc_decode_x4(uint32_t dtype, uint32_t raw, uint32_t j)
{
	static const float sizes[8] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };
	uint32_t nibble;

	if (dtype != TRN_DTYPE_F4E2M1_X4)
		return orc_decode(orc_x4_part(dtype), raw >> 8 * j & 0xff);
	nibble = raw >> 4 * j & 0xf;
	return nibble & 8 ? -sizes[nibble & 7] : sizes[nibble];
}

float orc_decode_scale(uint32_t raw)
{
	return raw == 0xff ? NAN : (float)ldexp(1, (int)raw - 127);
}

uint64_t orc_next(struct orc_rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t orc_below(struct orc_rng *rng, uint32_t bound)
{
	return bound == 0 ? 0 : (uint32_t)((orc_next(rng) >> 32) * bound >> 32);
}

bool orc_chance(struct orc_rng *rng, uint32_t percent)
{
	return orc_below(rng, 100) < percent;
}
