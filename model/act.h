/* SPDX-License-Identifier: Apache-2.0 */
/* Transcendental functions of the engines, from our own series: the same bits on every
 * machine, because only IEEE + - * / and sqrt in double are used, never the host's libm.
 * Within 1 ulp of FP32 inside the documented ranges (hardware-and-isa facts 4.9). */
#ifndef MODEL_ACT_H
#define MODEL_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <trn/isa.h>

/* One value; an fn that is no enum trn_act gives NaN. slope is of PRELU. */
float trn_act_eval(enum trn_act fn, float slope, float x);
/* dst may be src. */
void trn_act_row(enum trn_act fn, float slope, float *dst, const float *src, size_t count);
/* False where the hardware's polynomial is documented as invalid. */
bool trn_act_in_range(enum trn_act fn, float x);
/* The ALU's power operator: x^y for x > 0, whole y for x < 0, else NaN. */
float trn_act_pow(float x, float y);

#endif /* MODEL_ACT_H */
