/* SPDX-License-Identifier: Apache-2.0 */
/* Predictions of real workloads: a decoder's shape from a file, cut over cores, built from the
 * public kernel parts, run on the model without its data. docs/predict.md says what is
 * simulated and what is composed. Nothing here prints; trnctl and bench do. */
#ifndef PREDICT_PREDICT_H
#define PREDICT_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trn_gen;

#define TRN_PREDICT_GENS 8      /* generations that a configuration may name */
#define TRN_PREDICT_PATTERN 8   /* kinds of layers that repeat */
#define TRN_PREDICT_CHIPS 1024u /* most of one copy of the model */
#define TRN_PREDICT_BATCH 65536u

/** struct trn_predict_why - one line for people: what went wrong, and where */
struct trn_predict_why {
	char text[400];
};

/* Writes the line and hands @code back. */
int trn_predict_fail(struct trn_predict_why *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** enum trn_predict_format - how the weights of experts are stored */
enum trn_predict_format {
	TRN_PREDICT_BF16 = 0,
	TRN_PREDICT_MXFP8 = 1, /* 8 bits and a scale of 8 for 32 of them */
	TRN_PREDICT_MXFP4 = 2, /* 4 bits and a scale */
};

/** struct trn_predict_config - shape of a decoder; the names are those of a config.json */
struct trn_predict_config {
	char name[64];
	uint32_t vocab, hidden, layers;
	uint32_t heads, kv_heads, head_dim;
	uint32_t experts, active, intermediate;
	uint32_t window; /* positions that a sliding layer sees, its own included */
	uint32_t positions;
	double rms_eps, swiglu_limit, swiglu_alpha;
	bool attention_bias, expert_bias, sinks, tied;
	uint32_t pattern_count;
	bool sliding[TRN_PREDICT_PATTERN]; /* the pattern, repeated over the layers */
	uint32_t gen_count;
	struct {
		char gen[16];
		enum trn_predict_format format;
	} gen[TRN_PREDICT_GENS]; /* that are not BF16 */
};

/* Trusts no byte. -EINVAL and a line that names the field. */
int trn_predict_config_parse(const char *text, size_t size, struct trn_predict_config *ret_config,
			     struct trn_predict_why *why);
/* A file when @name has a slash or ends in ".json", else NAME.json of the models that come with
 * the library (TRN_PREDICT_MODELS names another folder). */
int trn_predict_config_load(const char *name, struct trn_predict_config *ret_config,
			    struct trn_predict_why *why);
enum trn_predict_format trn_predict_config_format(const struct trn_predict_config *config,
						  const char *gen);
const char *trn_predict_format_name(enum trn_predict_format format);
/* Bytes of a weight. */
double trn_predict_format_bytes(enum trn_predict_format format);
uint32_t trn_predict_config_sliding(const struct trn_predict_config *config);

/** struct trn_predict_size - weights of a decoder, in parameters (H 6.2) */
struct trn_predict_size {
	double attention; /* of a layer, with biases and sinks */
	double norms;     /* of a layer */
	double router;    /* of a layer */
	double expert;    /* one of them, with biases */
	double embedding; /* and as much for the unembedding */
	double total, active;
};
void trn_predict_size(const struct trn_predict_config *config, struct trn_predict_size *ret_size);
/* Bytes of all weights, and of the keys and values of @batch sequences. */
double trn_predict_weight_bytes(const struct trn_predict_config *config,
				enum trn_predict_format format);
double trn_predict_kv_bytes(const struct trn_predict_config *config, uint32_t batch,
			    uint32_t context);
/* Different experts that @tokens touch when each takes its own at random: expectation. */
double trn_predict_distinct(const struct trn_predict_config *config, double tokens);

/** enum trn_predict_phase - what a step is */
enum trn_predict_phase {
	TRN_PREDICT_DECODE = 0,  /* one token more for each sequence */
	TRN_PREDICT_PREFILL = 1, /* all tokens of the context of each sequence */
};

/** struct trn_predict_request - what is asked */
struct trn_predict_request {
	const struct trn_predict_config *config;
	const char *gen;
	enum trn_predict_phase phase;
	uint32_t batch, context;
	uint32_t chips;       /* 0: the smallest number that fits */
	bool chip_equivalent; /* one chip's bandwidth and compute, whatever its capacity: H 3.1 */
	uint64_t seed;
};

/* Checks the request; chips becomes a number. */
int trn_predict_request_check(struct trn_predict_request *request, struct trn_predict_why *why);

/** struct trn_predict_roofline - H 3.1: bytes over bandwidth, work over compute */
struct trn_predict_roofline {
	enum trn_predict_format format; /* of the experts */
	double experts;                 /* different ones that are touched, expected */
	double weight_bytes, kv_bytes;  /* read in a step */
	double flops_dense, flops_experts;
	double memory_s, compute_s, step_s;
};
/* @request has been checked. */
int trn_predict_roofline(const struct trn_predict_request *request,
			 struct trn_predict_roofline *ret_roofline, struct trn_predict_why *why);
/* The same with the experts in a format of the caller's choice. */
int trn_predict_roofline_as(const struct trn_predict_request *request,
			    enum trn_predict_format format,
			    struct trn_predict_roofline *ret_roofline, struct trn_predict_why *why);
/* Tensor engines of a chip, FLOP/s, dense. */
double trn_predict_peak(const struct trn_gen *gen, enum trn_predict_format format);

/** enum trn_predict_bound - what a step waits for most of its time */
enum trn_predict_bound {
	TRN_PREDICT_BOUND_COMPUTE,
	TRN_PREDICT_BOUND_HBM,
	TRN_PREDICT_BOUND_DMA,
	TRN_PREDICT_BOUND_ISSUE, /* nothing is busy for half of the time */
};
const char *trn_predict_bound_name(enum trn_predict_bound bound);

#define TRN_PREDICT_PIECES 12

/** struct trn_predict_piece - a part of a step's time */
struct trn_predict_piece {
	const char *name;
	double seconds;
	bool composed; /* measured shorter and multiplied, or from a table: not run as a whole */
};

/** struct trn_predict_result - what a step takes */
struct trn_predict_result {
	uint32_t chips, cores, width, copies; /* cores that share a layer; groups of them */
	uint32_t sequences;                   /* of a copy */
	enum trn_predict_format format;       /* that the experts ran in */
	double step_s, tokens, tokens_per_s, token_s;
	double joules;     /* of a step, all chips, from the model's events: docs/energy.md */
	double idle_watts; /* of all chips, contained in it */
	enum trn_predict_bound bound;
	double busy[5];  /* share of the step, by enum trn_engine */
	double dma, hbm; /* share of what DMA engines and the HBM could have moved */
	double experts;  /* different ones that were touched, mean of the layers' draws */
	double instructions, macs, dma_bytes; /* of a core */
	uint32_t piece_count;
	struct trn_predict_piece piece[TRN_PREDICT_PIECES];
	struct trn_predict_roofline roofline; /* in the format that ran */
};
/* @request has been checked. */
int trn_predict_run(const struct trn_predict_request *request,
		    struct trn_predict_result *ret_result, struct trn_predict_why *why);

#endif /* PREDICT_PREDICT_H */
