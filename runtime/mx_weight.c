/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of MX, made on the host: numbers and scales as trn/kernels_mx.h lays them out. */
#include <errno.h>
#include <string.h>
#include <trn/kernels_mx.h>
#include "base/bits.h"
#include "base/number.h"

#define OUT_MAX (1u << 24)
#define IN_MAX (1u << 21)
#define SCALE_ONE 127u

static uint32_t format_size(enum trn_dtype format)
{
	return trn_dtype_is_mx(format) && format != TRN_DTYPE_F8E8M0 ?
		       (uint32_t)trn_dtype_size(format) :
		       0;
}

static uint64_t padded(uint32_t in)
{
	return trn_align_up(in, TRN_MX_K_GRAIN);
}

uint64_t trn_mx_number_bytes(enum trn_dtype format, uint32_t in, uint32_t out)
{
	return padded(in) / TRN_MX_NUMBERS * out * format_size(format);
}

uint64_t trn_mx_scale_bytes(uint32_t in, uint32_t out)
{
	return padded(in) / TRN_MX_BLOCK * out;
}

/* Of the largest number: exponent that the block's largest value is brought to. */
static int32_t top_exponent(enum trn_dtype format)
{
	switch (format) {
	case TRN_DTYPE_F8E4M3FN_X4:
		return 7;
	case TRN_DTYPE_F8E5M2_X4:
		return 14;
	default:
		return 2;
	}
}

/* The scale of 32 values, and the values as the format is to hold them. -EINVAL: not finite. */
static int block_scale(float *x, enum trn_dtype format, uint8_t *ret_scale)
{
	uint32_t top = 0;
	int32_t e;

	for (uint32_t i = 0; i < TRN_MX_BLOCK; i++) {
		uint32_t bits;

		memcpy(&bits, &x[i], sizeof(bits));
		bits &= 0x7fffffffu;
		top = bits > top ? bits : top;
	}
	if (top >= 0x7f800000u)
		return -EINVAL;
	e = (int32_t)(top >> 23) - 127 - top_exponent(format);
	e = e < -127 ? -127 : e;
	for (uint32_t i = 0; i < TRN_MX_BLOCK; i++)
		x[i] *= trn_e8m0_to_f32((uint8_t)(127 - e));
	*ret_scale = top == 0 ? SCALE_ONE : (uint8_t)(e + 127);
	return 0;
}

int trn_mx_weight_pack(enum trn_dtype format, uint32_t in, uint32_t out, enum trn_dtype type,
		       const void *weight, void *ret_numbers, uint8_t *ret_scales)
{
	const uint32_t size = format_size(format);
	const size_t esize = type == TRN_DTYPE_F32 ? 4 : 2;
	const uint8_t *from = weight;
	uint8_t *numbers = ret_numbers;

	if (!weight || !ret_numbers || !ret_scales || !size || !in || !out ||
	    in % TRN_MX_BLOCK != 0 || in > IN_MAX || out > OUT_MAX ||
	    (type != TRN_DTYPE_F32 && type != TRN_DTYPE_BF16))
		return -EINVAL;
	memset(numbers, 0, trn_mx_number_bytes(format, in, out));
	memset(ret_scales, SCALE_ONE, trn_mx_scale_bytes(in, out));
	for (uint32_t block = 0; block < in / TRN_MX_BLOCK; block++) {
		for (uint32_t n = 0; n < out; n++) {
			float x[TRN_MX_BLOCK];

			for (uint32_t i = 0; i < TRN_MX_BLOCK; i++) {
				const size_t at = (size_t)(block * TRN_MX_BLOCK + i) * out + n;

				x[i] = trn_load_f32(from + at * esize, type);
			}
			if (block_scale(x, format, &ret_scales[(size_t)block * out + n]) < 0)
				return -EINVAL;
			for (uint32_t r = 0; r < TRN_MX_BLOCK / TRN_MX_NUMBERS; r++) {
				const size_t row = block * TRN_MX_BLOCK / TRN_MX_NUMBERS + r;

				trn_mx_pack(numbers + (row * out + n) * size,
					    x + (size_t)r * TRN_MX_NUMBERS, format, 1);
			}
		}
	}
	return 0;
}
