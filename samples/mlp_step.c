// SPDX-License-Identifier: Apache-2.0
/*
 * mlp_step: steps of training on 8 chips, held against one. The batch is split over 2 groups of
 * chips, the hidden layer over the 4 chips of a group. Outputs are summed inside a group,
 * gradients between chips of the same place, by the devices: a step is one batch of commands
 * that each chip runs on its own (mlp_step_team.c).
 * usage: mlp_step [POD]      default mock:trn3-ultraserver
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "mlp_step.h"

static void fill(float *values, size_t count, uint32_t seed)
{
	for (size_t i = 0; i < count; i++) {
		seed = seed * 1664525u + 1013904223u;
		values[i] = ((float)(seed >> 8) / 8388608.0f - 1.0f) / 8.0f;
	}
}

/* Half the mean squared error, on the host. */
static double loss(const struct mlp_data *data, const struct mlp_weights *w)
{
	double total = 0;

	for (uint32_t b = 0; b < BATCH; b++) {
		double h[HIDDEN] = { 0 }, y;

		for (uint32_t i = 0; i < IN * HIDDEN; i++)
			h[i % HIDDEN] += (double)data->x[b * IN + i / HIDDEN] * (double)w->w1[i];
		for (uint32_t o = 0; o < OUT; o++) {
			y = -(double)data->t[b * OUT + o];
			for (uint32_t i = 0; i < HIDDEN; i++)
				y += fmax(h[i], 0) * (double)w->w2[i * OUT + o];
			total += y * y / (2.0 * BATCH);
		}
	}
	return total;
}

/* The largest difference, beside the largest weight. */
static double difference(const struct mlp_weights *a, const struct mlp_weights *b)
{
	const float *p = (const float *)a, *q = (const float *)b;
	double worst = 0, largest = 0;

	for (size_t i = 0; i < sizeof(*a) / sizeof(float); i++) {
		largest = fmax(largest, fabs((double)p[i]));
		if (!(fabs((double)p[i] - (double)q[i]) <= worst))
			worst = fabs((double)p[i] - (double)q[i]);
	}
	return worst / largest;
}

int main(int argc, char **argv)
{
	const char *pod = argc > 1 ? argv[1] : "mock:trn3-ultraserver";
	static struct mlp_weights start, one, many;
	static struct mlp_data data;
	struct trn_error error = { .size = sizeof(error) };
	struct trn_context *context = NULL;
	double before, apart;
	int r = trn_context_create(NULL, &context);

	fill(data.x, BATCH * IN, 1);
	fill(data.t, BATCH * OUT, 2);
	fill(start.w1, IN * HIDDEN, 3);
	fill(start.w2, HIDDEN * OUT, 4);
	one = many = start;
	before = loss(&data, &start);
	if (r == 0)
		r = mlp_train(context, pod, &data, 1, 1, &one);
	if (r == 0)
		r = mlp_train(context, pod, &data, GROUPS_MAX, PARTS_MAX, &many);
	if (r < 0) {
		if (context && trn_error_get(context, &error) == 0)
			fprintf(stderr, "%s: %s\n  cause: %s\n", pod, trn_strerror(r), error.cause);
		trn_context_unref(context);
		return EXIT_FAILURE;
	}
	trn_context_unref(context);
	apart = difference(&one, &many);
	printf("%d steps on %u chips (%u parts of the batch, %u of the hidden layer)\n", STEPS,
	       GROUPS_MAX * PARTS_MAX, GROUPS_MAX, PARTS_MAX);
	printf("loss %.6f -> %.6f; one chip: %.6f; weights differ by %.2g of the largest\n", before,
	       loss(&data, &many), loss(&data, &one), apart);
	return apart <= 1e-5 && loss(&data, &many) < before ? EXIT_SUCCESS : EXIT_FAILURE;
}
