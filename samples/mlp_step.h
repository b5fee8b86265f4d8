/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of mlp_step: y = relu(x W1) W2, the gradients of its squared error, and a step
 * of plain descent. */
#ifndef SAMPLES_MLP_STEP_H
#define SAMPLES_MLP_STEP_H

#include <stddef.h>
#include <stdint.h>
#include <trn/trn.h>

/* What one chip works on; each at most 128. */
struct mlp_shape {
	uint32_t batch, in, hidden, out;
	float scale; /* of the error: 1 / the whole batch */
	float rate;  /* of the step */
};

/* Arguments of every program, FP32, row-major. */
enum mlp_arg {
	MLP_X,  /* [batch][in] */
	MLP_T,  /* [batch][out]: targets */
	MLP_W1, /* [in][hidden] */
	MLP_W2, /* [hidden][out] */
	MLP_H,  /* [batch][hidden]: relu(x W1) */
	MLP_Y,  /* [batch][out]: of this chip's part of the hidden layer */
	MLP_G1, /* gradients, as W1 */
	MLP_G2,
	MLP_ARGS,
};
enum mlp_part {
	MLP_FORWARD,
	MLP_BACKWARD,
	MLP_UPDATE,
	MLP_PARTS,
};

/* Elements of an argument. */
uint32_t mlp_elements(const struct mlp_shape *shape, enum mlp_arg arg);
/* The image is given back with trn_image_free(NULL, ...). */
int mlp_program(const struct mlp_shape *shape, enum mlp_part part, void **ret_image,
		size_t *ret_bytes);

/* The whole problem, and how often it is cut. */
#define BATCH 32u
#define IN 96u
#define HIDDEN 128u
#define OUT 64u
#define STEPS 4
#define GROUPS_MAX 2u /* parts of the batch */
#define PARTS_MAX 4u  /* parts of the hidden layer */

struct mlp_data {
	float x[BATCH * IN], t[BATCH * OUT];
};
struct mlp_weights {
	float w1[IN * HIDDEN], w2[HIDDEN * OUT];
};

/* mlp_step_team.c: STEPS steps on groups * parts chips of a pod, from chip 0 on. */
int mlp_train(struct trn_context *context, const char *pod, const struct mlp_data *data,
	      uint32_t groups, uint32_t parts, struct mlp_weights *weights);

#endif /* SAMPLES_MLP_STEP_H */
