/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: programs on the two cores of a pair that meet in barriers and change tiles. */
#include "api.h"

#include <errno.h>
#include <string.h>
#include "api_images.h"

#define ROUNDS 6u

static struct trn_program *load(struct api *a, uint32_t core)
{
	struct trn_program *program = NULL;
	void *image = NULL;
	size_t bytes = 0;

	API_CHECK(a, api_image_pair(&a->mem.alloc, core & 1, &image, &bytes) == 0);
	(void)api_keep(a, API_IMAGE, image);
	API_OK(a, trn_program_load(a->device, image, bytes, core, api_soon(), &program));
	api_release(a, image);
	return api_keep(a, API_PROGRAM, program);
}

struct half {
	struct trn_program *program;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_buffer *in, *out;
	float sent[API_PAIR_NUMBERS];
};

static void half_make(struct api *a, struct half *half, uint32_t core)
{
	half->program = load(a, core);
	half->queue = api_queue(a, 16);
	half->batch = api_batch(a, half->queue, 2);
	half->in = api_buffer(a, TRN_BUFFER_HBM, API_PAIR_BYTES);
	half->out = api_buffer(a, TRN_BUFFER_HOST, API_PAIR_BYTES);
	for (uint32_t i = 0; i < API_PAIR_NUMBERS; i++)
		half->sent[i] = (float)api_below(a, 1000);
	API_OK(a, trn_buffer_write(half->in, 0, half->sent, API_PAIR_BYTES, api_soon()));
}

static void half_launch(struct api *a, struct half *half, struct trn_buffer *shared, uint32_t core)
{
	const struct trn_arg args[3] = { { .buffer = half->in },
					 { .buffer = half->out },
					 { .buffer = shared } };

	trn_batch_clear(half->batch);
	API_OK(a, trn_batch_launch(half->batch, half->program, core, args, 3));
	api_submit(a, half->queue, half->batch, NULL);
}

/* What one side has sent, the other has got, and both have added to the shared numbers. */
static void half_check(struct api *a, struct half *half, const struct half *other)
{
	float got[API_PAIR_NUMBERS];

	API_OK(a, trn_queue_drain(half->queue, api_soon()));
	API_OK(a, trn_buffer_read(half->out, 0, got, API_PAIR_BYTES, api_soon()));
	for (uint32_t i = 0; i < API_PAIR_NUMBERS; i++)
		API_CHECK(a, got[i] == other->sent[i]);
}

static void shared_clear(struct api *a, struct trn_buffer *shared)
{
	static const float zeros[API_PAIR_NUMBERS];

	API_OK(a, trn_buffer_write(shared, 0, zeros, API_PAIR_BYTES, api_soon()));
}

static void shared_check(struct api *a, struct trn_buffer *shared, const struct half *half)
{
	float sum[API_PAIR_NUMBERS];

	API_OK(a, trn_buffer_read(shared, 0, sum, API_PAIR_BYTES, api_soon()));
	for (uint32_t i = 0; i < API_PAIR_NUMBERS; i++)
		API_CHECK(a, sum[i] == half[0].sent[i] + half[1].sent[i]);
}

/* Two launches on two queues, every pair of the chip, again and again. */
static void program_pair(struct api *a)
{
	for (uint32_t first = 0; first < 8; first += 2) {
		struct trn_buffer *shared = api_buffer(a, TRN_BUFFER_HBM, API_PAIR_BYTES);
		struct half half[2];

		for (uint32_t i = 0; i < 2; i++)
			half_make(a, &half[i], first + i);
		for (uint32_t round = 0; round < ROUNDS; round++) {
			const uint32_t one = round & 1;

			shared_clear(a, shared);
			half_launch(a, &half[one], shared, first + one);
			half_launch(a, &half[1 - one], shared, first + 1 - one);
			half_check(a, &half[0], &half[1]);
			half_check(a, &half[1], &half[0]);
			shared_check(a, shared, half);
		}
	}
}

/* One core alone waits until the caller's time is up; a reset of the core ends its launch, and
 * the pair works again. */
static void program_pair_alone(struct api *a)
{
	struct trn_buffer *shared = api_buffer(a, TRN_BUFFER_HBM, API_PAIR_BYTES);
	struct half half[2];

	for (uint32_t i = 0; i < 2; i++)
		half_make(a, &half[i], 4 + i);
	for (uint32_t alone = 0; alone < 2; alone++) {
		half_launch(a, &half[alone], shared, 4 + alone);
		API_CODE(a, api_has(a, TRN_CAP_INLINE) ? -TRN_EHANG : -ETIMEDOUT,
			 trn_queue_drain(half[alone].queue, trn_deadline_in(20000000)));
		API_OK(a, trn_device_reset(a->device, 1u << (4 + alone), api_soon()));
		API_CODE(a, -TRN_ERESET, trn_queue_drain(half[alone].queue, api_soon()));
		API_OK(a, trn_queue_reset(half[alone].queue, api_soon()));
	}
	shared_clear(a, shared);
	for (uint32_t i = 0; i < 2; i++)
		half_launch(a, &half[i], shared, 4 + i);
	half_check(a, &half[0], &half[1]);
	half_check(a, &half[1], &half[0]);
	shared_check(a, shared, half);
}

const struct api_test api_pair_tests[] = {
	{ "program.pair", program_pair },
	{ "program.pair-alone", program_pair_alone },
	{ NULL, NULL },
};
