/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise reductions: the one definition, for the DMA of the sync processors and for
 * collectives between hosts.
 *
 * Element i of the result joins element i of every source, from the first one on. Floats: in
 * FP32, times scale, rounded once at the end; minimum and maximum of a NaN are NaN, of zeros of
 * both signs the later one; a NaN that comes out is the quiet one without sign or payload
 * (0x7fc00000 in FP32), so that no host's habit shows. Integers: in their own width, sums and
 * products wrap; then the quotient by divisor, toward zero. One source with nothing to scale or
 * divide keeps its bits. */
#ifndef BASE_REDUCE_H
#define BASE_REDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/isa.h>
#include "base/ext.h"

struct trn_reduce {
	enum trn_dtype dtype;
	enum trn_ext_reduce op;
	float scale;      /* floats; 1: none. Integers: not looked at */
	uint32_t divisor; /* integers; 0 and 1: none. Floats: not looked at */
};

/* All numbers but the formats of MX. */
bool trn_reduce_has(enum trn_dtype dtype);

/* Any alignment. dst may be one of the sources; other overlaps give what nobody wants. No
 * sources, a dtype that trn_reduce_has() refuses, or an unknown op: nothing. */
void trn_reduce_row(void *dst, const void *const *src, uint32_t sources,
		    const struct trn_reduce *how, size_t count);

#endif /* BASE_REDUCE_H */
