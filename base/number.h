/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats of the device: conversion to and from FP32, scalar and in
 * rows. Round to nearest even; FP32 to integer rounds to nearest even and
 * saturates, NaN gives 0; overflow of FP16, e4m3, e5m2 and e3m4 goes to infinity,
 * of e4m3fn to NaN; a NaN stays one and becomes quiet (BF16 to FP32 keeps its
 * bits). The host must round to nearest, as it does unless told otherwise. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/isa.h> /* enum trn_dtype */

float trn_bf16_to_f32(uint16_t v);
uint16_t trn_f32_to_bf16(float v);
float trn_f16_to_f32(uint16_t v);
uint16_t trn_f32_to_f16(float v);
float trn_fp8_to_f32(uint8_t v, enum trn_dtype type);
uint8_t trn_f32_to_fp8(float v, enum trn_dtype type);

/* Bytes of one element; 0 for a value that is no dtype. */
size_t trn_dtype_size(enum trn_dtype type);
const char *trn_dtype_name(enum trn_dtype type);

/* One element, any dtype. Integers convert by value (int32 may round). */
float trn_load_f32(const void *p, enum trn_dtype type);
void trn_store_f32(void *p, enum trn_dtype type, float v);

/* Contiguous rows at any alignment: the fast paths of the model and of the kernels'
 * tests. dst may be src where both elements have one size. What is no dtype reads
 * as zeros and stores nothing, here and above. */
void trn_row_to_f32(float *dst, const void *src, enum trn_dtype type, size_t count);
void trn_row_from_f32(void *dst, const float *src, enum trn_dtype type, size_t count);

/* The formats of MX: four numbers in an element, and scales. They have a size and a name, the
 * functions above take them for what is no dtype. */
#define TRN_MX_NUMBERS 4u
bool trn_dtype_is_mx(enum trn_dtype type);
float trn_e8m0_to_f32(uint8_t v);
void trn_e8m0_row(float *dst, const uint8_t *src, size_t count);
/* count packed elements: number j of element i times scale[i] becomes dst[j * ld + i]. */
void trn_mx_unpack(float *dst, size_t ld, const void *src, enum trn_dtype type, const float *scale,
		   size_t count);
/* count elements from four numbers each, one after the other. F4E2M1_X4 stops at 6, NaN gives 0. */
void trn_mx_pack(void *dst, const float *src, enum trn_dtype type, size_t count);

/* Stochastic rounding, docs/isa.md section 3: one step of the generator, and a row for which
 * it makes one number for each element. Formats that are not narrower than FP32, and integers,
 * draw none. */
uint32_t trn_rounding_next(uint32_t *state);
void trn_row_from_f32_stochastic(void *dst, const float *src, enum trn_dtype type, size_t count,
				 uint32_t *state);

#endif /* BASE_NUMBER_H */
