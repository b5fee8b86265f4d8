// SPDX-License-Identifier: Apache-2.0
/* The chips of mlp_step: what each holds, who sums with whom, and a step as one batch of
 * commands that is recorded once. */
#include <stdio.h>
#include <string.h>
#include <trn/comm.h>
#include "mlp_step.h"

#define SECONDS UINT64_C(1000000000)
#define CHIPS (GROUPS_MAX * PARTS_MAX)

struct chip {
	struct trn_device *device;
	struct trn_program *program[MLP_PARTS];
	struct trn_buffer *buffer[MLP_ARGS];
	struct trn_queue *queue;
	struct trn_batch *batch;
};

struct team {
	struct trn_context *context;
	const struct mlp_data *data;
	uint32_t groups, parts;
	struct mlp_shape shape;
	struct chip chip[CHIPS];
	struct trn_comm *rows[GROUPS_MAX];   /* the chips of a group */
	struct trn_comm *columns[PARTS_MAX]; /* those that hold the same weights */
};

/* Columns of a matrix of the whole hidden layer that a part holds; back with out set. */
static void columns(const struct team *team, uint32_t part, float *whole, float *piece, int out)
{
	const uint32_t own = team->shape.hidden;

	for (uint32_t row = 0; row < IN; row++) {
		float *there = whole + row * HIDDEN + part * own;

		memcpy(out ? there : piece + row * own, out ? piece + row * own : there,
		       own * sizeof(float));
	}
}

static int buffers(struct team *team, uint32_t index, struct mlp_weights *weights)
{
	const uint32_t group = index / team->parts, part = index % team->parts;
	const struct mlp_shape *s = &team->shape;
	static float w1[IN * HIDDEN];
	const float *first[MLP_ARGS] = { [MLP_X] = team->data->x + group * s->batch * IN,
					 [MLP_T] = team->data->t + group * s->batch * OUT,
					 [MLP_W1] = w1,
					 [MLP_W2] = weights->w2 + part * s->hidden * OUT };
	struct chip *chip = &team->chip[index];
	int r = 0;

	columns(team, part, weights->w1, w1, 0);
	for (enum mlp_arg arg = 0; r == 0 && arg < MLP_ARGS; arg++) {
		struct trn_buffer_opts opts = { .size = sizeof(opts),
						.bytes = mlp_elements(s, arg) * sizeof(float) };

		r = trn_buffer_create(chip->device, &opts, &chip->buffer[arg]);
		if (r == 0 && first[arg])
			r = trn_buffer_write(chip->buffer[arg], 0, first[arg], opts.bytes,
					     trn_deadline_in(30 * SECONDS));
	}
	return r;
}

static int programs(const struct team *team, struct chip *chip)
{
	int r = 0;

	for (enum mlp_part part = 0; r == 0 && part < MLP_PARTS; part++) {
		void *image;
		size_t bytes;

		r = mlp_program(&team->shape, part, &image, &bytes);
		if (r < 0)
			return r;
		r = trn_program_load(chip->device, image, bytes, 0, trn_deadline_in(30 * SECONDS),
				     &chip->program[part]);
		trn_image_free(NULL, image);
	}
	if (r == 0)
		r = trn_queue_create(chip->device, NULL, &chip->queue);
	return r < 0 ? r : trn_batch_create(chip->queue, 8, &chip->batch);
}

/* count chips from first on, every step-th, as a communicator. */
static int join(struct team *team, uint32_t first, uint32_t step, uint32_t count,
		struct trn_comm **ret_comm)
{
	struct trn_device *devices[CHIPS];
	struct trn_comm_opts opts = { .size = sizeof(opts), .devices = devices, .count = count };

	for (uint32_t i = 0; i < count; i++)
		devices[i] = team->chip[first + i * step].device;
	return trn_comm_create(team->context, &opts, trn_deadline_in(30 * SECONDS), ret_comm);
}

static int team_make(struct team *team, const char *pod, struct mlp_weights *weights)
{
	int r = 0;

	team->shape = (struct mlp_shape){ .batch = BATCH / team->groups,
					  .in = IN,
					  .hidden = HIDDEN / team->parts,
					  .out = OUT,
					  .scale = 1.0f / BATCH,
					  .rate = 4.0f };
	for (uint32_t i = 0; r == 0 && i < team->groups * team->parts; i++) {
		char uri[160];

		snprintf(uri, sizeof(uri), "%s/%u", pod, i);
		r = trn_device_open(team->context, uri, trn_deadline_in(30 * SECONDS),
				    &team->chip[i].device);
		if (r == 0)
			r = buffers(team, i, weights);
		if (r == 0)
			r = programs(team, &team->chip[i]);
	}
	for (uint32_t g = 0; r == 0 && g < team->groups; g++)
		r = join(team, g * team->parts, 1, team->parts, &team->rows[g]);
	for (uint32_t p = 0; r == 0 && p < team->parts; p++)
		r = join(team, p, team->parts, team->groups, &team->columns[p]);
	return r;
}

static int launch(struct chip *chip, enum mlp_part part)
{
	struct trn_arg args[MLP_ARGS];

	for (enum mlp_arg arg = 0; arg < MLP_ARGS; arg++)
		args[arg] = (struct trn_arg){ .buffer = chip->buffer[arg] };
	return trn_batch_launch(chip->batch, chip->program[part], 0, args, MLP_ARGS);
}

static int sum(const struct team *team, struct chip *chip, struct trn_comm *comm, uint32_t rank,
	       enum mlp_arg arg)
{
	const struct trn_comm_span span = { .buffer = chip->buffer[arg] };
	const struct trn_comm_call call = { .size = sizeof(call),
					    .kind = TRN_COMM_ALL_REDUCE,
					    .op = TRN_COMM_SUM,
					    .dtype = TRN_DTYPE_F32,
					    .rank = rank,
					    .count = mlp_elements(&team->shape, arg),
					    .src = span,
					    .dst = span };

	return trn_batch_comm(chip->batch, comm, &call);
}

/* A whole step of one chip. Recorded once, submitted as often as there are steps. */
static int record(struct team *team, uint32_t index)
{
	const uint32_t group = index / team->parts, part = index % team->parts;
	struct chip *chip = &team->chip[index];
	int r = launch(chip, MLP_FORWARD);

	if (r == 0)
		r = sum(team, chip, team->rows[group], part, MLP_Y);
	if (r == 0)
		r = launch(chip, MLP_BACKWARD);
	if (r == 0)
		r = sum(team, chip, team->columns[part], group, MLP_G1);
	if (r == 0)
		r = sum(team, chip, team->columns[part], group, MLP_G2);
	return r < 0 ? r : launch(chip, MLP_UPDATE);
}

static int steps(struct team *team)
{
	const uint32_t chips = team->groups * team->parts;
	const uint64_t deadline = trn_deadline_in(60 * SECONDS);
	uint64_t last[CHIPS];
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < chips; i++)
		r = record(team, i);
	for (int step = 0; r == 0 && step < STEPS; step++) {
		for (uint32_t i = 0; r == 0 && i < chips; i++)
			r = trn_queue_submit(team->chip[i].queue, team->chip[i].batch, deadline,
					     &last[i]);
	}
	for (uint32_t i = 0; r == 0 && i < chips; i++)
		r = trn_queue_wait(team->chip[i].queue, last[i], deadline);
	return r;
}

/* Weights of the first group. */
static int collect(struct team *team, struct mlp_weights *weights)
{
	static float w1[IN * HIDDEN];
	const uint64_t deadline = trn_deadline_in(30 * SECONDS);
	int r = 0;

	for (uint32_t p = 0; r == 0 && p < team->parts; p++) {
		struct trn_buffer **buffer = team->chip[p].buffer;
		float *w2 = weights->w2 + p * team->shape.hidden * OUT;

		r = trn_buffer_read(buffer[MLP_W1], 0, w1, trn_buffer_size(buffer[MLP_W1]),
				    deadline);
		if (r == 0)
			r = trn_buffer_read(buffer[MLP_W2], 0, w2, trn_buffer_size(buffer[MLP_W2]),
					    deadline);
		columns(team, p, weights->w1, w1, 1);
	}
	return r;
}

static void team_end(struct team *team)
{
	for (uint32_t i = 0; i < CHIPS; i++) {
		struct chip *chip = &team->chip[i];

		trn_batch_destroy(chip->batch);
		trn_queue_unref(chip->queue);
		for (int arg = 0; arg < MLP_ARGS; arg++)
			trn_buffer_unref(chip->buffer[arg]);
		for (int part = 0; part < MLP_PARTS; part++)
			trn_program_unref(chip->program[part]);
	}
	for (uint32_t g = 0; g < GROUPS_MAX; g++)
		trn_comm_unref(team->rows[g]);
	for (uint32_t p = 0; p < PARTS_MAX; p++)
		trn_comm_unref(team->columns[p]);
	for (uint32_t i = 0; i < CHIPS; i++)
		trn_device_unref(team->chip[i].device);
}

int mlp_train(struct trn_context *context, const char *pod, const struct mlp_data *data,
	      uint32_t groups, uint32_t parts, struct mlp_weights *weights)
{
	struct team team = { .context = context, .data = data, .groups = groups, .parts = parts };
	int r = team_make(&team, pod, weights);

	if (r == 0)
		r = steps(&team);
	if (r == 0)
		r = collect(&team, weights);
	team_end(&team);
	return r;
}
