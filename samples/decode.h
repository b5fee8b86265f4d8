/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the decode sample share: configuration, weights, the double-precision
 * reference, the device's side and the report. */
#ifndef SAMPLES_DECODE_H
#define SAMPLES_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** struct decode_why - one line for people: what went wrong */
struct decode_why {
	char text[400];
};

/* Writes the line and hands @code back. */
int decode_fail(struct decode_why *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The whole of a regular file of at most @most bytes, malloc'ed, with a NUL behind it. */
int decode_file_read(const char *path, uint64_t most, uint8_t **ret_bytes, size_t *ret_size,
		     struct decode_why *why);

/** struct decode_config - sizes of the decoder; the names are those of GPT-OSS */
struct decode_config {
	uint32_t vocab, hidden, layers;
	uint32_t heads, kv_heads, head_dim;
	uint32_t experts, active, intermediate;
	uint32_t window; /* positions an even layer sees, its own included */
	uint32_t positions;
	double rope_theta, rms_eps, swiglu_limit;
	bool bf16; /* activations are rounded to BF16 where they are multiplied; not in the file */
};

int decode_config_parse(const char *text, size_t size, struct decode_config *ret_config,
			struct decode_why *why);
int decode_config_load(const char *path, struct decode_config *ret_config, struct decode_why *why);

/* ---- safetensors ---- */

#define DECODE_RANK_MAX 4

enum decode_dtype {
	DECODE_BF16,
	DECODE_F16,
	DECODE_F32,
	DECODE_OTHER
};

struct decode_tensor {
	const char *name;
	enum decode_dtype dtype;
	uint32_t rank;
	uint64_t shape[DECODE_RANK_MAX];
	uint64_t begin, end; /* in the data, which is where @data points */
	const uint8_t *data; /* no alignment promised */
};

/** struct decode_tensors - a safetensors file in memory, checked */
struct decode_tensors {
	uint8_t *image; /* owned; NULL when parsed from the caller's bytes */
	void *header;   /* the parsed JSON; names point into it */
	struct decode_tensor *list;
	size_t count;
};

/* @image must outlive the result. Trusts no byte of it. */
int decode_tensors_parse(const uint8_t *image, size_t size, struct decode_tensors *ret_tensors,
			 struct decode_why *why);
int decode_tensors_load(const char *path, struct decode_tensors *ret_tensors,
			struct decode_why *why);
void decode_tensors_free(struct decode_tensors *tensors);
const struct decode_tensor *decode_tensors_find(const struct decode_tensors *tensors,
						const char *name);
/* Writes BF16 tensors one behind the other; only name, rank, shape and data are looked at. */
int decode_tensors_write(FILE *file, const struct decode_tensor *list, size_t count,
			 struct decode_why *why);

/* ---- weights ---- */

enum decode_weight {
	DECODE_EMBED, /* [vocab, hidden] */
	DECODE_FINAL_NORM,
	DECODE_HEAD, /* [vocab, hidden] */
	/* of each layer */
	DECODE_ATTN_NORM,
	DECODE_Q, /* [heads * head_dim, hidden], as all projections: out, in */
	DECODE_Q_BIAS,
	DECODE_K,
	DECODE_K_BIAS,
	DECODE_V,
	DECODE_V_BIAS,
	DECODE_O, /* [hidden, heads * head_dim] */
	DECODE_O_BIAS,
	DECODE_SINKS, /* [heads] */
	DECODE_MLP_NORM,
	DECODE_ROUTER, /* [experts, hidden] */
	DECODE_ROUTER_BIAS,
	DECODE_GATE_UP, /* [experts, hidden, 2 * intermediate]: in, out; gate and up interleaved */
	DECODE_GATE_UP_BIAS,
	DECODE_DOWN, /* [experts, intermediate, hidden]: in, out */
	DECODE_DOWN_BIAS,
	DECODE_WEIGHT_COUNT,
};

/** struct decode_weights - every weight as BF16 bits, whatever the file held */
struct decode_weights {
	struct decode_config config;
	uint16_t **tensor; /* [layers * DECODE_WEIGHT_COUNT] */
};

/* @layer is ignored for the three tensors that no layer owns. */
const uint16_t *decode_weights_get(const struct decode_weights *weights, uint32_t layer,
				   enum decode_weight which);
/* Elements of one tensor. */
uint64_t decode_weights_size(const struct decode_config *config, enum decode_weight which);
int decode_weights_seed(const struct decode_config *config, uint64_t seed,
			struct decode_weights *ret_weights, struct decode_why *why);
int decode_weights_save(const struct decode_weights *weights, FILE *file, struct decode_why *why);
int decode_weights_load(const struct decode_config *config, const char *path,
			struct decode_weights *ret_weights, struct decode_why *why);
void decode_weights_free(struct decode_weights *weights);
uint64_t decode_weights_count(const struct decode_config *config);
uint16_t decode_bf16_from_float(float value);
float decode_bf16_to_float(uint16_t bits);

/* ---- reference: double precision on the host, written apart from every kernel ---- */

struct decode_ref;

int decode_ref_create(const struct decode_weights *weights, uint32_t positions,
		      struct decode_ref **ret_ref);
struct decode_ref *decode_ref_destroy(struct decode_ref *ref);
/**
 * struct decode_routing - how close the choices of experts were
 * @margin: least gap between the last logit taken and the first one left, by the reference
 * @choices: choices made, one for each token and layer
 * @followed: choices where the device took other experts and the reference followed
 * @worst: largest gap, in router logits, that such a choice went against the reference
 *
 * Two logits closer than the device's rounding may change places. What comes after would
 * then differ by whole experts and say nothing about the arithmetic, so the reference goes
 * the device's way and keeps account of what that took.
 */
struct decode_routing {
	double margin, worst;
	uint32_t choices, followed;
};

/* One token at the next position. @experts: [layers][active] as the device chose, or NULL.
 * @ret_logits: [vocab]. -ENOSPC past the last position, -EINVAL for a token or an expert
 * that is not there. */
int decode_ref_step(struct decode_ref *ref, uint32_t token, const uint32_t *experts,
		    double *ret_logits);
void decode_ref_routing(const struct decode_ref *ref, struct decode_routing *ret_routing);

/* ---- programs: what the NeuronCore runs for one token ---- */

/* Arguments of a layer's program; the layer's weights follow in the order of the enum. */
enum decode_layer_arg {
	DECODE_ARG_X, /* [hidden] FP32: in and out */
	DECODE_ARG_ROPE,
	DECODE_ARG_K_CACHE,
	DECODE_ARG_V_CACHE,
	DECODE_ARG_POSITION, /* number */
	DECODE_ARG_EXPERTS,  /* [active] U32: out, the experts that were chosen */
	DECODE_ARG_WEIGHTS,
	DECODE_LAYER_ARGS = DECODE_ARG_WEIGHTS + DECODE_WEIGHT_COUNT - DECODE_ATTN_NORM,
};

/* Bytes of a tensor as the programs want it: matrices BF16 [in][out], the rest FP32. */
uint64_t decode_program_bytes(const struct decode_config *config, enum decode_weight which);
/* A tensor in that form, into @dst. */
void decode_program_convert(const struct decode_weights *weights, uint32_t layer,
			    enum decode_weight which, void *dst);
/* Bytes of one layer's cache of keys, or of values. */
uint64_t decode_program_cache_bytes(const struct decode_config *config, uint32_t positions);
/* Images, given back with trn_image_free(). Each fails with a line that says why.
 * token, table -> x */
int decode_program_embed(const struct decode_config *config, void **ret_image, size_t *ret_bytes,
			 struct decode_why *why);
/* One transformer layer; @window 0 sees everything. */
int decode_program_layer(const struct decode_config *config, uint32_t positions, uint32_t window,
			 void **ret_image, size_t *ret_bytes, struct decode_why *why);
/* x, norm, matrix -> logits */
int decode_program_head(const struct decode_config *config, void **ret_image, size_t *ret_bytes,
			struct decode_why *why);

/* ---- device: buffers, one batch a token ---- */

struct trn_context;
struct trn_device;
struct decode_device;

/* Builds and loads the programs, uploads the weights. @positions: most tokens. */
int decode_device_create(struct trn_context *context, struct trn_device *device,
			 const struct decode_weights *weights, uint32_t positions,
			 struct decode_device **ret_decoder, struct decode_why *why);
struct decode_device *decode_device_destroy(struct decode_device *decoder);
/* One token at the next position: one batch, one doorbell. @ret_logits: [vocab];
 * @ret_experts: [layers][active]. */
int decode_device_step(struct decode_device *decoder, uint32_t token, float *ret_logits,
		       uint32_t *ret_experts, uint64_t *ret_device_ns, struct decode_why *why);

/* ---- command line and report ---- */

struct decode_options {
	const char *uri, *text, *config, *weights, *save, *trace;
	uint64_t tokens, seed;
	double bound; /* worst relative error that is taken; 0: by precision */
	bool bf16, json, verbose;
};

/* 0, or the exit status. */
int decode_options_parse(int argc, char **argv, struct decode_options *ret_options);

int decode_source_config(const struct decode_options *options, struct decode_config *ret_config,
			 struct decode_why *why);
int decode_source_weights(const struct decode_options *options, const struct decode_config *config,
			  struct decode_weights *ret_weights, struct decode_why *why);
/* Tokens to run: what was asked, but no more than text and positions there are. */
uint32_t decode_source_count(const struct decode_options *options,
			     const struct decode_config *config, size_t text_bytes);

/* The trace that --trace asks for, around the tokens; stop hands result on, or its own error. */
int decode_trace_start(struct trn_context *context, const struct decode_options *options,
		       struct decode_why *why);
int decode_trace_stop(struct trn_context *context, const struct decode_options *options, int result,
		      struct decode_why *why);

/** struct decode_report - what a run was and how it went; times in ns */
struct decode_report {
	const struct decode_options *options;
	struct decode_config config;
	char device[128], product[32];
	bool simulated;
	uint32_t tokens, agree;
	double worst; /* largest error of a logit over the largest logit */
	double loss_bits;
	struct decode_routing routing;
	uint32_t worst_at;
	uint64_t device_ns, device_least_ns, device_most_ns;             /* the device's own time */
	uint64_t weights_ns, setup_ns, steps_ns, reference_ns, total_ns; /* this host's time */
};

uint64_t decode_clock_ns(void);
/* Holds one token's logits against the reference's. @next: the byte that follows, or -1. */
void decode_report_token(struct decode_report *report, uint32_t token, int next,
			 const float *logits, const double *reference, uint64_t device_ns);
/* Prints, and says whether the error is inside the bound. */
bool decode_report_print(const struct decode_report *report);

#endif /* SAMPLES_DECODE_H */
