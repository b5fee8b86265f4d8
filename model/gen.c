/* SPDX-License-Identifier: Apache-2.0 */
/* The list of generations: a new chip is one more table and one more line here. */
#include "model/gen.h"

#include <stddef.h>
#include <string.h>

extern const struct trn_gen trn_gen_trn2, trn_gen_trn3;

static const struct trn_gen *const gens[] = { &trn_gen_trn2, &trn_gen_trn3 };

const struct trn_gen *trn_gen_at(unsigned int index)
{
	return index < sizeof(gens) / sizeof(gens[0]) ? gens[index] : NULL;
}

const struct trn_gen *trn_gen_find(const char *name)
{
	const struct trn_gen *gen;

	for (unsigned int i = 0; (gen = trn_gen_at(i)) != NULL; i++) {
		if (strcmp(gen->name, name) == 0)
			return gen;
	}
	return NULL;
}

#define INFO(field, unit, least, most, help) { #field, unit, help, least, most },
/* clang-format off */
const struct trn_gen_field_info trn_gen_fields[TRN_GEN_FIELD_COUNT] = {
	TRN_GEN_FIELDS(INFO)
};
/* clang-format on */
