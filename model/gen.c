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
