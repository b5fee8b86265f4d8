/* SPDX-License-Identifier: Apache-2.0 */
/* One core's share of a decoder, and the programs that it runs. */
#ifndef PREDICT_PLAN_H
#define PREDICT_PLAN_H

#include <trn/kernels_serve.h>
#include "predict/machine.h"

#define TRN_PLAN_ARGS_MAX 32u

/** struct trn_plan - how a decoder is cut: tensor parallel over cores, copies side by side */
struct trn_plan {
	const struct trn_predict_config *config;
	const struct trn_gen *gen;
	uint32_t cores;     /* of all chips */
	uint32_t width;     /* cores that share every layer */
	uint32_t copies;    /* groups of so many cores, each with sequences of its own */
	uint32_t sequences; /* of a copy */
	uint32_t heads;     /* query heads of a core, of one key head */
	uint32_t key_heads; /* key heads of a core, one after the other */
	uint32_t middle;    /* width of every expert on a core */
	uint32_t vocab;     /* rows of the unembedding of a core */
	uint32_t positions; /* of a cache, whole blocks */
	enum trn_predict_format format;
	uint32_t context;
};
int trn_plan_make(const struct trn_predict_request *request, struct trn_plan *ret_plan,
		  struct trn_predict_why *why);

/** enum trn_plan_part - what a program has of each layer, and behind them */
enum trn_plan_part {
	TRN_PLAN_ATTENTION = 1,
	TRN_PLAN_EXPERTS = 2,
	TRN_PLAN_HEAD = 4,
	TRN_PLAN_SUM = 8, /* nothing but the sum over a chip's cores */
};

/** struct trn_plan_program - one program; @list has @groups expert numbers */
struct trn_plan_program {
	const struct trn_plan *plan;
	uint32_t parts;
	uint32_t first, layers; /* of the decoder */
	uint32_t tokens, groups;
	const uint32_t *list;
};
/* Builds it and runs it. -ENOSPC when it does not fit the core's memories. */
int trn_plan_run(struct trn_machine *machine, const struct trn_plan_program *program,
		 struct trn_machine_cost *ret_cost, struct trn_predict_why *why);
/* Tokens that are gathered for @groups experts and scattered back, @tokens for each. */
int trn_plan_dispatch_run(struct trn_machine *machine, const struct trn_plan *plan, uint32_t tokens,
			  uint32_t groups, struct trn_machine_cost *ret_cost,
			  struct trn_predict_why *why);
/* Seconds of the sums over chips that a step of @tokens makes: on the links of a pod. */
double trn_plan_links(const struct trn_plan *plan, double tokens);

/* ---- prefill.c: what a prompt needs ---- */

/* c[rows][out] = a[rows][in] b[in][out] in BF16, one of many that follow each other. */
int trn_plan_gemm_run(struct trn_machine *machine, const struct trn_plan *plan, uint32_t rows,
		      uint32_t in, uint32_t out, struct trn_machine_cost *ret_cost,
		      struct trn_predict_why *why);
/* Attention of 128 queries of each of @heads heads on @keys positions, in steps of 512. */
int trn_plan_flash_run(struct trn_machine *machine, const struct trn_plan *plan, uint32_t heads,
		       uint32_t keys, struct trn_machine_cost *ret_cost,
		       struct trn_predict_why *why);
/* For those: a builder of the plan's generation, and what it has made. */
int trn_plan_builder(const struct trn_plan *plan, struct trn_builder **ret_builder,
		     struct trn_predict_why *why);
int trn_plan_finish(struct trn_builder *builder, void **ret_image, size_t *ret_bytes,
		    struct trn_predict_why *why);

#endif /* PREDICT_PLAN_H */
