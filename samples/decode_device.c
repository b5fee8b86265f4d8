// SPDX-License-Identifier: Apache-2.0
/* The decoder on a device: weights and caches in HBM, one batch of launches for a token. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trn/kernels_attention.h>
#include <trn/trn.h>
#include "decode.h"

#define SECONDS UINT64_C(1000000000)
#define SETUP_SECONDS 60
#define TOKEN_SECONDS 30
#define CORE 0u

struct decode_device {
	struct decode_config config;
	struct trn_context *context; /* the caller's */
	struct trn_device *device;
	uint32_t positions, position;
	struct trn_program *embed, *sliding, *full, *head;
	struct trn_buffer **weights; /* [layers * DECODE_WEIGHT_COUNT]; a NULL where none is */
	struct trn_buffer **caches;  /* [layers * 2]: keys, values */
	struct trn_buffer *rope, *x;
	/* In host memory, mapped: the device reads and writes it there. */
	struct trn_buffer *token_buffer, *logits_buffer, *experts_buffer, *stamps_buffer;
	uint32_t *token, *experts;
	float *logits;
	uint64_t *stamps;
	struct trn_queue *queue;
	struct trn_batch *batch;
};

/* What the library knows of its last failure. */
static int fail(const struct decode_device *d, struct decode_why *why, int code, const char *what)
{
	struct trn_error error = { .size = sizeof(error) };

	if (trn_error_get(d->context, &error) < 0 || error.code != code)
		error.cause[0] = '\0';
	return decode_fail(why, code, "%s: %s%s%s", what, trn_strerror(code),
			   error.cause[0] != '\0' ? ": " : "", error.cause);
}

static int make(struct decode_device *d, enum trn_buffer_kind kind, uint64_t bytes,
		struct trn_buffer **ret_buffer)
{
	struct trn_buffer_opts opts = {
		.size = sizeof(opts), .kind = kind, .core = CORE, .bytes = bytes
	};

	return trn_buffer_create(d->device, &opts, ret_buffer);
}

static int upload(struct trn_buffer *buffer, const void *bytes)
{
	return trn_buffer_write(buffer, 0, bytes, trn_buffer_size(buffer),
				trn_deadline_in(SETUP_SECONDS * SECONDS));
}

static int weights_upload(struct decode_device *d, const struct decode_weights *weights)
{
	for (uint32_t layer = 0; layer < d->config.layers; layer++) {
		for (unsigned int which = layer == 0 ? 0 : DECODE_ATTN_NORM;
		     which < DECODE_WEIGHT_COUNT; which++) {
			struct trn_buffer **slot = &d->weights[layer * DECODE_WEIGHT_COUNT + which];
			uint64_t bytes = decode_program_bytes(&d->config, which);
			void *form = malloc(bytes);
			int r = form ? 0 : -ENOMEM;

			if (r == 0)
				r = make(d, TRN_BUFFER_HBM, bytes, slot);
			if (r == 0) {
				decode_program_convert(weights, layer, which, form);
				r = upload(*slot, form);
			}
			free(form);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Cosines, then sines of each position's angles. */
static int rope_upload(struct decode_device *d, uint32_t rows)
{
	uint32_t dim = d->config.head_dim, half = dim / 2;
	float *table = calloc(rows, dim * sizeof(*table));
	int r = table ? make(d, TRN_BUFFER_HBM, (uint64_t)rows * dim * 4, &d->rope) : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < rows * half; i++) {
		double angle = (i / half) / pow(d->config.rope_theta, (i % half) / (double)half);

		table[(size_t)(i / half) * dim + i % half] = (float)cos(angle);
		table[(size_t)(i / half) * dim + half + i % half] = (float)sin(angle);
	}
	if (r == 0)
		r = upload(d->rope, table);
	free(table);
	return r;
}

/* What lies behind the last position is read, and must be finite. */
static int caches_clear(struct decode_device *d)
{
	uint64_t bytes = decode_program_cache_bytes(&d->config, d->positions);
	void *zeroes = calloc(1, bytes);
	int r = zeroes ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < 2 * d->config.layers; i++) {
		r = make(d, TRN_BUFFER_HBM, bytes, &d->caches[i]);
		if (r == 0)
			r = upload(d->caches[i], zeroes);
	}
	free(zeroes);
	return r;
}

/* What passes between host and device with every token. */
static int mailbox_make(struct decode_device *d)
{
	const struct decode_config *c = &d->config;
	void *token, *logits, *experts, *stamps;
	const struct {
		struct trn_buffer **buffer;
		void **map;
		uint64_t bytes;
	} rows[] = {
		{ &d->token_buffer, &token, sizeof(*d->token) },
		{ &d->logits_buffer, &logits, c->vocab * sizeof(*d->logits) },
		{ &d->experts_buffer, &experts,
		  (uint64_t)c->layers * c->active * sizeof(*d->experts) },
		{ &d->stamps_buffer, &stamps, 2 * sizeof(*d->stamps) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = make(d, TRN_BUFFER_HOST, rows[i].bytes, rows[i].buffer);

		if (r == 0)
			r = trn_buffer_map(*rows[i].buffer, rows[i].map);
		if (r < 0)
			return r;
	}
	d->token = token;
	d->logits = logits;
	d->experts = experts;
	d->stamps = stamps;
	return 0;
}

static int buffers_make(struct decode_device *d, const struct decode_weights *weights)
{
	uint32_t block = TRN_ATTENTION_BLOCK;
	int r = weights_upload(d, weights);

	if (r == 0)
		r = rope_upload(d, (d->positions + block - 1) / block * block);
	if (r == 0)
		r = caches_clear(d);
	if (r == 0)
		r = make(d, TRN_BUFFER_HBM, d->config.hidden * (uint64_t)4, &d->x);
	return r < 0 ? r : mailbox_make(d);
}

static int load(struct decode_device *d, void *image, size_t bytes,
		struct trn_program **ret_program, struct decode_why *why)
{
	int r = trn_program_load(d->device, image, bytes, CORE,
				 trn_deadline_in(SETUP_SECONDS * SECONDS), ret_program);

	trn_image_free(NULL, image);
	return r < 0 ? fail(d, why, r, "loading a program") : 0;
}

static int programs_load(struct decode_device *d, struct decode_why *why)
{
	const struct decode_config *c = &d->config;
	void *image;
	size_t bytes;
	int r = decode_program_embed(c, &image, &bytes, why);

	if (r == 0)
		r = load(d, image, bytes, &d->embed, why);
	if (r == 0)
		r = decode_program_layer(c, d->positions, c->window, &image, &bytes, why);
	if (r == 0)
		r = load(d, image, bytes, &d->sliding, why);
	if (r == 0)
		r = decode_program_layer(c, d->positions, 0, &image, &bytes, why);
	if (r == 0)
		r = load(d, image, bytes, &d->full, why);
	if (r == 0)
		r = decode_program_head(c, &image, &bytes, why);
	if (r == 0)
		r = load(d, image, bytes, &d->head, why);
	return r;
}

int decode_device_create(struct trn_context *context, struct trn_device *device,
			 const struct decode_weights *weights, uint32_t positions,
			 struct decode_device **ret_decoder, struct decode_why *why)
{
	size_t layers = weights->config.layers;
	struct decode_device *d = calloc(1, sizeof(*d));
	int r = d ? 0 : -ENOMEM;

	if (r < 0)
		return decode_fail(why, r, "no memory");
	d->config = weights->config;
	d->context = context;
	d->device = device;
	d->positions = positions;
	d->weights = calloc(layers * DECODE_WEIGHT_COUNT, sizeof(struct trn_buffer *));
	d->caches = calloc(layers * 2, sizeof(struct trn_buffer *));
	if (!d->weights || !d->caches)
		r = -ENOMEM;
	if (r == 0)
		r = trn_queue_create(device, NULL, &d->queue);
	if (r == 0)
		r = trn_batch_create(d->queue, (uint32_t)layers + 4, &d->batch);
	if (r == 0)
		r = buffers_make(d, weights);
	if (r < 0)
		fail(d, why, r, "setting up");
	else
		r = programs_load(d, why);
	if (r < 0) {
		decode_device_destroy(d);
		return r;
	}
	*ret_decoder = d;
	return 0;
}

struct decode_device *decode_device_destroy(struct decode_device *d)
{
	if (!d)
		return NULL;
	trn_batch_destroy(d->batch);
	trn_queue_unref(d->queue);
	trn_program_unref(d->embed);
	trn_program_unref(d->sliding);
	trn_program_unref(d->full);
	trn_program_unref(d->head);
	for (size_t i = 0; d->weights && i < (size_t)d->config.layers * DECODE_WEIGHT_COUNT; i++)
		trn_buffer_unref(d->weights[i]);
	for (size_t i = 0; d->caches && i < (size_t)d->config.layers * 2; i++)
		trn_buffer_unref(d->caches[i]);
	trn_buffer_unref(d->rope);
	trn_buffer_unref(d->x);
	trn_buffer_unref(d->token_buffer);
	trn_buffer_unref(d->logits_buffer);
	trn_buffer_unref(d->experts_buffer);
	trn_buffer_unref(d->stamps_buffer);
	free(d->weights);
	free(d->caches);
	free(d);
	return NULL;
}

static struct trn_arg weight_arg(const struct decode_device *d, uint32_t layer,
				 enum decode_weight which)
{
	return (struct trn_arg){ .buffer = d->weights[layer * DECODE_WEIGHT_COUNT + which] };
}

static int layer_record(struct decode_device *d, uint32_t layer)
{
	uint64_t row = d->config.active * (uint64_t)4;
	struct trn_arg args[DECODE_LAYER_ARGS] = {
		[DECODE_ARG_X] = { .buffer = d->x },
		[DECODE_ARG_ROPE] = { .buffer = d->rope },
		[DECODE_ARG_K_CACHE] = { .buffer = d->caches[2 * layer] },
		[DECODE_ARG_V_CACHE] = { .buffer = d->caches[2 * layer + 1] },
		[DECODE_ARG_POSITION] = { .scalar = d->position },
		[DECODE_ARG_EXPERTS] = { .buffer = d->experts_buffer,
					 .offset = layer * row,
					 .bytes = row },
	};

	for (unsigned int which = DECODE_ATTN_NORM; which < DECODE_WEIGHT_COUNT; which++)
		args[DECODE_ARG_WEIGHTS + which - DECODE_ATTN_NORM] = weight_arg(d, layer, which);
	return trn_batch_launch(d->batch, layer % 2 == 0 ? d->sliding : d->full, CORE, args,
				DECODE_LAYER_ARGS);
}

/* Commands of a queue run in order: a layer finds what the one before it left. */
static int token_record(struct decode_device *d)
{
	struct trn_arg embed[] = { { .buffer = d->token_buffer },
				   weight_arg(d, 0, DECODE_EMBED),
				   { .buffer = d->x } };
	struct trn_arg head[] = { { .buffer = d->x },
				  weight_arg(d, 0, DECODE_FINAL_NORM),
				  weight_arg(d, 0, DECODE_HEAD),
				  { .buffer = d->logits_buffer } };
	int r;

	trn_batch_clear(d->batch);
	r = trn_batch_timestamp(d->batch, d->stamps_buffer, 0);
	if (r == 0)
		r = trn_batch_launch(d->batch, d->embed, CORE, embed, 3);
	for (uint32_t layer = 0; r == 0 && layer < d->config.layers; layer++)
		r = layer_record(d, layer);
	if (r == 0)
		r = trn_batch_launch(d->batch, d->head, CORE, head, 4);
	return r < 0 ? r : trn_batch_timestamp(d->batch, d->stamps_buffer, 8);
}

int decode_device_step(struct decode_device *d, uint32_t token, float *ret_logits,
		       uint32_t *ret_experts, uint64_t *ret_device_ns, struct decode_why *why)
{
	uint64_t deadline = trn_deadline_in(TOKEN_SECONDS * SECONDS), last;
	int r;

	if (d->position == d->positions)
		return decode_fail(why, -ENOSPC, "no position is left");
	*d->token = token;
	r = token_record(d);
	if (r == 0)
		r = trn_queue_submit(d->queue, d->batch, deadline, &last);
	if (r == 0)
		r = trn_queue_wait(d->queue, last, deadline);
	if (r < 0)
		return fail(d, why, r, "running the programs");
	memcpy(ret_logits, d->logits, d->config.vocab * sizeof(*ret_logits));
	memcpy(ret_experts, d->experts,
	       (size_t)d->config.layers * d->config.active * sizeof(*ret_experts));
	*ret_device_ns = d->stamps[1] - d->stamps[0];
	d->position++;
	return 0;
}
