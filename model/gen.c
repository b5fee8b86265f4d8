/* SPDX-License-Identifier: Apache-2.0 */
/* The list of generations: a new chip is one more table and one more line here. */
#include "model/gen.h"

#include <stddef.h>
#include <string.h>

extern const struct trn_gen trn_gen_trn2, trn_gen_trn3, trn_gen_trn4;

static const struct trn_gen *const gens[] = {
	&trn_gen_trn2,
	&trn_gen_trn3,
	&trn_gen_trn4,
};

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

static const struct {
	const char *name, *help;
	uint32_t bit;
} features[] = {
	{ "exponential", "EXPONENTIAL of the vector engine", TRN_FEATURE_EXPONENTIAL },
	{ "alu-extra", "abs_max, abs_min, square, relu as operators", TRN_FEATURE_ALU_EXTRA },
	{ "e4m3fn", "float8_e4m3fn", TRN_FEATURE_E4M3FN },
	{ "psum-whole", "one matmul may span PSUM banks", TRN_FEATURE_PSUM_WHOLE },
	{ "psum-bf16", "BF16 results of a matmul", TRN_FEATURE_PSUM_BF16 },
	{ "psum-preload", "a matmul may add to copied bytes", TRN_FEATURE_PSUM_PRELOAD },
	{ "mx", "MATMUL_MX, QUANTIZE_MX and their formats", TRN_FEATURE_MX },
	{ "activate2", "ACTIVATE2", TRN_FEATURE_ACTIVATE2 },
	{ "rand2", "RAND2", TRN_FEATURE_RAND2 },
	{ "indirect", "operands by index", TRN_FEATURE_INDIRECT },
	{ "qos", "priority of a DMA", TRN_FEATURE_QOS },
	{ "dma-add-full", "DMA_ADD at the rate of a copy", TRN_FEATURE_DMA_ADD_FULL },
	{ "xorwow", "XORWOW on the vector engine", TRN_FEATURE_XORWOW },
};

const char *trn_gen_feature(unsigned int index, uint32_t *ret_bit, const char **ret_help)
{
	if (index >= sizeof(features) / sizeof(features[0]))
		return NULL;
	if (ret_bit)
		*ret_bit = features[index].bit;
	if (ret_help)
		*ret_help = features[index].help;
	return features[index].name;
}

#define INFO(field, unit, least, most, help) { #field, unit, help, least, most },
/* clang-format off */
const struct trn_gen_field_info trn_gen_fields[TRN_GEN_FIELD_COUNT] = {
	TRN_GEN_FIELDS(INFO)
};
/* clang-format on */
