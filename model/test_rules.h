/* SPDX-License-Identifier: Apache-2.0 */
/* Right instructions broken by one change each: tables of rules_test.c and its like. */
#ifndef MODEL_TEST_RULES_H
#define MODEL_TEST_RULES_H

#include "model/test_shapes.h"

/* An operand that is none. */
#define NONE 0xffu

/* One case: a change and what it must lead to. */
struct trn_test_broken {
	const char *what;
	enum trn_test_shape shape;
	void (*change)(union trn_test_inst *i);
	enum trn_ext_rule rule;
	uint32_t operand;
	bool trn3; /* else trn2 */
};

#define CHANGE(name, ...)                        \
	static void name(union trn_test_inst *i) \
	{                                        \
		__VA_ARGS__;                     \
	}

#define BREAK(shape, change, rule, operand)                             \
	{                                                               \
#shape " " #change, shape, change, rule, operand, false \
	}
#define BREAK3(shape, change, rule, operand)                           \
	{                                                              \
#shape " " #change, shape, change, rule, operand, true \
	}

/* Argument 0: 64 KiB of host memory; argument 1: a number. */
void trn_test_rule_args(struct trn_test_core *tc);
/* Runs the broken instruction behind two others: it traps with its record, before any
 * effect, and a reset brings the core back. */
void trn_test_broken_run(const struct trn_test_broken *broken);

#endif /* MODEL_TEST_RULES_H */
