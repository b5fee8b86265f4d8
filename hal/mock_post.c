/* SPDX-License-Identifier: Apache-2.0 */
/* Register writes on their way to a model that runs on a thread of its own: posted, as on PCI. Any
 * thread puts one in without waiting for the model; whoever gets the pod's lock takes them out, in
 * their order, before he does anything else. So a read comes after every earlier write of its
 * thread. */
#include <errno.h>
#include <sched.h>
#include "base/alloc.h"
#include "hal/bus_mock.h"

#define POSTS 256u /* on the way at most; a power of two */
#define LINE 64
#define SPINS 64u /* for a writer that is about to finish */

/* A place is free for the writer whose number is turn, and full for a reader at turn - 1. */
struct post {
	_Atomic uint32_t turn;
	uint32_t bar, value;
	uint64_t offset;
	struct trn_chip *chip;
};

struct mock_posts {
	_Atomic uint32_t tail; /* the next writer's number */
	char apart[LINE];      /* writers and the reader each have a line of their own */
	uint32_t head;         /* the pod's lock: the next one to take out */
	char apart_too[LINE];
	struct post place[POSTS];
};

int trn_mock_posts_create(const struct trn_alloc *alloc, struct mock_posts **ret_posts)
{
	struct mock_posts *posts = trn_alloc_zero(alloc, sizeof(*posts));

	if (!posts)
		return -ENOMEM;
	for (uint32_t i = 0; i < POSTS; i++)
		atomic_init(&posts->place[i].turn, i);
	*ret_posts = posts;
	return 0;
}

uint32_t trn_mock_posted(struct mock_posts *posts)
{
	return atomic_load(&posts->tail);
}

bool trn_mock_post(struct mock *mock, unsigned int bar, uint64_t offset, uint32_t value)
{
	struct mock_posts *posts = mock->pod->posts;
	uint32_t at = atomic_load_explicit(&posts->tail, memory_order_relaxed);
	struct post *post;

	do {
		post = &posts->place[at % POSTS];
		if (at - atomic_load_explicit(&post->turn, memory_order_acquire) - 1 <
		    UINT32_MAX / 2)
			return false; /* full: what is there was put in a lap ago */
	} while (!atomic_compare_exchange_weak(&posts->tail, &at, at + 1));
	post->bar = bar;
	post->offset = offset;
	post->value = value;
	post->chip = mock->chip;
	/* In one order with what follows: the caller looks whether somebody sleeps. */
	atomic_store(&post->turn, at + 1);
	return true;
}

/* Its writer has taken the place and is about to fill it. */
static void await(const struct post *post, uint32_t turn)
{
	for (uint32_t n = 1; atomic_load_explicit(&post->turn, memory_order_acquire) != turn; n++)
		if (n % SPINS == 0)
			(void)sched_yield();
}

bool trn_mock_posts_take(struct mock_posts *posts)
{
	const uint32_t tail = atomic_load(&posts->tail);
	const bool some = posts->head != tail;

	while (posts->head != tail) {
		struct post *post = &posts->place[posts->head % POSTS];
		struct trn_chip *chip;
		uint64_t offset;
		uint32_t bar, value;

		await(post, posts->head + 1);
		chip = post->chip;
		bar = post->bar;
		offset = post->offset;
		value = post->value;
		atomic_store_explicit(&post->turn, posts->head + POSTS, memory_order_release);
		posts->head++;
		trn_chip_write32(chip, bar, offset, value);
	}
	return some;
}
