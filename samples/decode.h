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
/* One token at the next position. @ret_logits: [vocab]. -ENOSPC past the last position. */
int decode_ref_step(struct decode_ref *ref, uint32_t token, double *ret_logits);
/* Smallest gap so far between the last expert taken and the first one left, as router logits. */
double decode_ref_margin(const struct decode_ref *ref);

#endif /* SAMPLES_DECODE_H */
