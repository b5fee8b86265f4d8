/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles from anywhere: whatever the bytes, parsing ends with a generation whose every number
 * is inside its limits and whose strings lie in its own text, or with a place in the text. */
#include <stdlib.h>
#include <string.h>
#include "model/gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_gen(const struct trn_gen *gen, const struct trn_gen *base)
{
	enum trn_gen_field fields[TRN_GEN_CHECK_FIELDS];

	require(strlen(gen->name) > 0 && gen->number == base->number);
	for (unsigned int f = 0; f < TRN_GEN_FIELD_COUNT; f++) {
		const struct trn_gen_origin *origin = &gen->origin[f];

		require(gen->value[f] >= trn_gen_fields[f].least &&
			gen->value[f] <= trn_gen_fields[f].most);
		require(origin->confidence >= 'A' && origin->confidence <= 'C');
		require(origin->source[0] && !strpbrk(origin->source, "\"\\\n"));
	}
	require(trn_gen_check(gen, fields) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct trn_gen *base;
	struct trn_gen_problem problem = { 0 };
	struct trn_gen gen;
	char *text;

	if (size > TRN_GEN_PROFILE_MAX)
		return 0;
	/* On every generation: cross checks depend on the base. */
	for (unsigned int i = 0; (base = trn_gen_at(i)); i++) {
		text = malloc(size + 1);
		if (!text)
			return 0;
		if (size)
			memcpy(text, data, size);
		if (trn_gen_profile(text, size, base, &gen, &problem) == 0)
			check_gen(&gen, base);
		else
			require(problem.line >= 1 && problem.line <= size + 1 &&
				problem.column >= 1 && problem.column <= size + 1 &&
				strlen(problem.what) > 0);
		free(text);
	}
	return 0;
}
