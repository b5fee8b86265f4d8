/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: who holds which memory, limits, running out with holes. */
#include "api.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static struct trn_memory_usage usage(struct api *a, uint32_t place)
{
	struct trn_memory_usage u = { .size = sizeof(u) };

	API_OK(a, trn_device_memory_usage(a->device, place, &u));
	return u;
}

static int make(struct api *a, enum trn_memory_category category, const char *label, uint64_t bytes,
		struct trn_buffer **ret_buffer)
{
	const struct trn_buffer_opts opts = {
		.size = sizeof(opts), .bytes = bytes, .category = category, .label = label
	};
	int r = trn_buffer_create(a->device, &opts, ret_buffer);

	if (r == 0)
		(void)api_keep(a, API_BUFFER, *ret_buffer);
	return r;
}

static void books_usage(struct api *a)
{
	const struct trn_memory_usage before = usage(a, 0), host = usage(a, TRN_MEMORY_HOST);
	struct trn_memory_usage u = { .size = 1 };
	struct trn_buffer *buffer;
	struct trn_queue *queue;

	API_CHECK(a, before.free_bytes == before.total_bytes);
	API_CHECK(a, before.largest_bytes == before.total_bytes);
	API_OK(a, make(a, TRN_MEMORY_CONSTANTS, "weights", 100000, &buffer));
	u = usage(a, 0);
	API_CHECK(a, u.by[TRN_MEMORY_CONSTANTS].live_bytes == 100000);
	API_CHECK(a, u.by[TRN_MEMORY_CONSTANTS].blocks == 1);
	API_CHECK(a, u.free_bytes + u.live_bytes == u.total_bytes && u.live_bytes >= 100000);
	API_CHECK(a, u.largest_bytes <= u.free_bytes);
	api_release(a, buffer);
	u = usage(a, 0);
	API_CHECK(a, u.free_bytes == u.total_bytes && u.live_bytes == 0);
	API_CHECK(a, u.by[TRN_MEMORY_CONSTANTS].peak_bytes == 100000 && u.peak_bytes >= 100000);
	queue = api_queue(a, 64);
	u = usage(a, TRN_MEMORY_HOST);
	/* A copy queue's commands are the host's own; its descriptors are not. */
	if (!strstr(a->uri, "null:"))
		API_CHECK(a,
			  u.by[TRN_MEMORY_RINGS].live_bytes > host.by[TRN_MEMORY_RINGS].live_bytes);
	api_release(a, queue);
	u = usage(a, TRN_MEMORY_HOST);
	API_CHECK(a, u.by[TRN_MEMORY_RINGS].live_bytes == host.by[TRN_MEMORY_RINGS].live_bytes);
	API_CODE(a, -EINVAL, trn_device_memory_usage(a->device, a->info.hbm_stacks, &u));
}

struct found {
	const char *label;
	struct trn_memory_holder holder;
	int count;
};

static int find(void *user, const struct trn_memory_holder *holder)
{
	struct found *found = user;

	if (strcmp(holder->label, found->label) == 0) {
		found->holder = *holder;
		found->count++;
	}
	return 0;
}

static void books_holders(struct api *a)
{
	struct found found = { .label = "activations" };
	struct trn_buffer *buffer, *slice;

	API_OK(a, make(a, TRN_MEMORY_SCRATCH, "activations", 12345, &buffer));
	API_OK(a, trn_buffer_slice(buffer, 1, 2, &slice)); /* holds nothing of its own */
	(void)api_keep(a, API_BUFFER, slice);
	API_CHECK(a, trn_device_memory_each(a->device, find, &found) >= 1);
	API_CHECK(a, found.count == 1 && found.holder.bytes == 12345);
	API_CHECK(a, found.holder.place == 0 && found.holder.category == TRN_MEMORY_SCRATCH);
	API_CHECK(a, found.holder.address == trn_buffer_address(buffer));
	api_release(a, buffer);
	found.count = 0;
	API_CHECK(a, trn_device_memory_each(a->device, find, &found) >= 1);
	API_CHECK(a, found.count == 1); /* the slice keeps it */
	api_release(a, slice);
	found.count = 0;
	API_CHECK(a, trn_device_memory_each(a->device, find, &found) >= 0 && found.count == 0);
}

static void books_quota(struct api *a)
{
	struct trn_buffer *first, *second = NULL;

	API_OK(a, trn_memory_quota_set(a->context, a->device, TRN_MEMORY_TENSORS, 1 << 20));
	API_OK(a, make(a, TRN_MEMORY_TENSORS, NULL, 700 << 10, &first));
	API_CODE(a, -EDQUOT, make(a, TRN_MEMORY_TENSORS, NULL, 400 << 10, &second));
	API_CHECK(a, api_cause_has(a, "quota of tensors of the device"));
	API_CHECK(a, !second);
	API_OK(a, make(a, TRN_MEMORY_SCRATCH, NULL, 400 << 10, &second));
	api_release(a, first);
	API_OK(a, make(a, TRN_MEMORY_TENSORS, NULL, 1 << 20, &first));
	API_OK(a, trn_memory_quota_set(a->context, NULL, TRN_MEMORY_ALL, 1 << 20));
	API_CODE(a, -EDQUOT, make(a, TRN_MEMORY_RINGS, NULL, 1, &second));
	API_CHECK(a, api_cause_has(a, "of the context"));
	API_OK(a, trn_memory_quota_set(a->context, NULL, TRN_MEMORY_ALL, TRN_MEMORY_NO_QUOTA));
	API_OK(a, make(a, TRN_MEMORY_RINGS, NULL, 1, &second));
}

struct taker {
	struct trn_device *device;
	_Atomic uint64_t *held, *most;
	bool wrong;
};

#define TAKER_BYTES UINT64_C(100000)
#define TAKER_LIMIT (3 * TAKER_BYTES)

static void *take_and_give(void *arg)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = TAKER_BYTES };
	struct taker *t = arg;

	for (int i = 0; i < 200; i++) {
		struct trn_buffer *buffer = NULL;
		int r = trn_buffer_create(t->device, &opts, &buffer);

		if (r == 0) {
			uint64_t now = atomic_fetch_add(t->held, TAKER_BYTES) + TAKER_BYTES;

			if (now > atomic_load(t->most))
				atomic_store(t->most, now);
			(void)atomic_fetch_sub(t->held, TAKER_BYTES);
			trn_buffer_unref(buffer);
		} else if (r != -EDQUOT) {
			t->wrong = true;
		}
	}
	return NULL;
}

/* Six threads want what only three can have: never more than that is out. */
static void books_threads(struct api *a)
{
	_Atomic uint64_t held = 0, most = 0;
	struct taker takers[6];
	pthread_t threads[6];
	unsigned int count = 0;

	API_OK(a, trn_memory_quota_set(a->context, a->device, TRN_MEMORY_TENSORS, TAKER_LIMIT));
	for (; count < 6; count++) {
		takers[count] = (struct taker){ a->device, &held, &most, false };
		if (pthread_create(&threads[count], NULL, take_and_give, &takers[count]) != 0)
			break;
	}
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < count; i++)
		API_CHECK(a, !takers[i].wrong);
	API_CHECK(a, count == 6);
	API_CHECK(a, most > 0 && most <= TAKER_LIMIT);
	API_CHECK(a, usage(a, 0).live_bytes == 0);
	API_CHECK(a, usage(a, 0).by[TRN_MEMORY_TENSORS].blocks == 0);
	API_CHECK(a, usage(a, 0).by[TRN_MEMORY_TENSORS].peak_bytes <= TAKER_LIMIT);
}

/* Half is free and nothing fits: the record and the table say why. */
static void books_run_out(struct api *a)
{
	const uint64_t piece = usage(a, 0).total_bytes / 64;
	struct trn_buffer *pieces[64] = { NULL }, *none = NULL;
	char text[4096];
	int count = 0;

	while (count < 64 && make(a, TRN_MEMORY_TENSORS, "piece", piece, &pieces[count]) == 0)
		count++;
	API_CHECK(a, count >= 60);
	for (int i = 0; i < count; i += 2)
		api_release(a, pieces[i]);
	if (strstr(a->uri, "null:")) /* its addresses are used once only: no holes */
		return;
	API_CODE(a, -ENOMEM, make(a, TRN_MEMORY_TENSORS, NULL, 2 * piece + 8192, &none));
	API_CHECK(a, api_cause_has(a, "the largest piece"));
	API_CHECK(a, usage(a, 0).largest_bytes < 2 * piece + 8192);
	API_CHECK(a, usage(a, 0).free_bytes > 20 * piece);
	API_CHECK(a, trn_device_memory_report(a->device, text, sizeof(text)) > 0);
	API_CHECK(a, strstr(text, "piece\n") && strstr(text, "would fit: up to"));
	API_OK(a, make(a, TRN_MEMORY_TENSORS, NULL, usage(a, 0).largest_bytes, &none));
	API_CHECK(a, !!none);
}

/* One block after another at the same address: what the first held is there, or is not. */
static bool secret_stays(struct api *a, uint32_t flags)
{
	const struct trn_context_opts opts = { .size = sizeof(opts), .flags = flags };
	struct trn_buffer_opts want = { .size = sizeof(want), .bytes = 200000 };
	struct trn_context *context = NULL;
	struct trn_device *device = NULL;
	struct trn_buffer *buffer = NULL;
	static uint8_t bytes[200000];
	uint64_t address;
	bool stays = false;

	API_OK(a, trn_context_create(&opts, &context));
	API_OK(a, trn_device_open(context, a->opened, api_soon(), &device));
	API_OK(a, trn_buffer_create(device, &want, &buffer));
	address = trn_buffer_address(buffer);
	memset(bytes, 0x5e, sizeof(bytes));
	API_OK(a, trn_buffer_write(buffer, 0, bytes, sizeof(bytes), api_soon()));
	trn_buffer_unref(buffer);
	API_OK(a, trn_buffer_create(device, &want, &buffer));
	API_CHECK(a, trn_buffer_address(buffer) == address);
	API_OK(a, trn_buffer_read(buffer, 0, bytes, sizeof(bytes), api_soon()));
	for (size_t i = 0; i < sizeof(bytes); i++)
		stays = stays || bytes[i] != 0;
	trn_buffer_unref(buffer);
	trn_device_unref(device);
	trn_context_unref(context);
	return stays;
}

static void books_scrub(struct api *a)
{
	if (strstr(a->uri, "null:")) /* its addresses are used once only */
		return;
	API_CHECK(a, secret_stays(a, 0)); /* or the test would prove nothing */
	API_CHECK(a, !secret_stays(a, TRN_CONTEXT_SCRUB));
}

const struct api_test api_books_tests[] = {
	{ "books.usage", books_usage },
	{ "books.holders", books_holders },
	{ "books.quota", books_quota },
	{ "books.threads", books_threads },
	{ "books.run-out", books_run_out },
	{ "books.scrub", books_scrub },
	{ NULL, NULL },
};
