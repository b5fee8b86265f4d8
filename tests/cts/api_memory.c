/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: buffers of every kind, slices, mapping, transfers, running out. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BIG (9u << 20)

static void memory_round_trip(struct api *a)
{
	static const enum trn_buffer_kind kinds[] = { TRN_BUFFER_HBM, TRN_BUFFER_HOST };
	uint8_t *in = api_bytes(a, 70000), *out = api_bytes(a, 70000);

	for (int i = 0; i < 40; i++) {
		uint64_t bytes = 1 + api_below(a, 65536), offset = api_below(a, 4096);
		struct trn_buffer *buffer = api_buffer(a, kinds[i % 2], bytes + offset + 7);

		api_random(a, in, bytes);
		API_OK(a, trn_buffer_write(buffer, offset, in, bytes, api_soon()));
		API_OK(a, trn_buffer_read(buffer, offset, out, bytes, api_soon()));
		API_CHECK(a, memcmp(in, out, bytes) == 0);
		api_release(a, buffer);
	}
}

static void memory_big(struct api *a)
{
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, BIG);
	uint8_t *in = api_bytes(a, BIG), *out = api_bytes(a, BIG);

	api_random(a, in, BIG);
	API_OK(a, trn_buffer_write(buffer, 0, in, BIG, api_soon()));
	API_OK(a, trn_buffer_read(buffer, 0, out, BIG, api_soon()));
	API_CHECK(a, memcmp(in, out, BIG) == 0);
}

static void memory_slices(struct api *a)
{
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 65536), *slice, *none = NULL;
	uint8_t in[100], out[100];

	API_OK(a, trn_buffer_slice(buffer, 1001, 5000, &slice));
	(void)api_keep(a, API_BUFFER, slice);
	API_CHECK(a, trn_buffer_address(slice) == trn_buffer_address(buffer) + 1001);
	API_CHECK(a, trn_buffer_size(slice) == 5000);
	API_CODE(a, -EINVAL, trn_buffer_slice(slice, 4999, 2, &none));
	API_CODE(a, -EINVAL, trn_buffer_slice(slice, UINT64_MAX, UINT64_MAX, &none));
	api_random(a, in, sizeof(in));
	API_OK(a, trn_buffer_write(slice, 9, in, sizeof(in), api_soon()));
	API_OK(a, trn_buffer_read(buffer, 1010, out, sizeof(out), api_soon()));
	API_CHECK(a, memcmp(in, out, sizeof(in)) == 0);
	api_release(a, buffer); /* the slice keeps the memory */
	API_OK(a, trn_buffer_read(slice, 9, out, sizeof(out), api_soon()));
	API_CHECK(a, memcmp(in, out, sizeof(in)) == 0);
}

static void memory_map(struct api *a)
{
	struct trn_buffer *host = api_buffer(a, TRN_BUFFER_HOST, 8192);
	struct trn_buffer *hbm = api_buffer(a, TRN_BUFFER_HBM, 8192);
	char word[8] = "";
	void *ptr = NULL;

	API_OK(a, trn_buffer_map(host, &ptr));
	memcpy(ptr, "pinned!", 8);
	API_OK(a, trn_buffer_read(host, 0, word, 8, api_soon()));
	API_CHECK(a, strcmp(word, "pinned!") == 0);
	if (api_has(a, TRN_CAP_MAP_HBM)) {
		API_OK(a, trn_buffer_write(hbm, 4096, "window!", 8, api_soon()));
		API_OK(a, trn_buffer_map(hbm, &ptr));
		API_CHECK(a, strcmp((char *)ptr + 4096, "window!") == 0);
	} else {
		API_CODE(a, -ENOTSUP, trn_buffer_map(hbm, &ptr));
	}
}

static void memory_user(struct api *a)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts),
					.kind = TRN_BUFFER_USER,
					.bytes = 131072 };
	struct trn_buffer *user, *none = NULL;
	char word[8] = "";

	API_CHECK(a, posix_memalign(&opts.user, 65536, opts.bytes) == 0);
	(void)api_keep(a, API_BYTES, opts.user);
	memset(opts.user, 0, opts.bytes);
	memcpy(opts.user, "caller's", 8);
	API_OK(a, trn_buffer_create(a->device, &opts, &user));
	(void)api_keep(a, API_BUFFER, user);
	API_OK(a, trn_buffer_read(user, 0, word, 8, api_soon()));
	API_CHECK(a, memcmp(word, "caller's", 8) == 0);
	api_release(a, user);
	API_CHECK(a, memcmp(opts.user, "caller's", 8) == 0); /* still the caller's */
	opts.flags = TRN_BUFFER_EXPORT;
	API_CODE(a, -EINVAL, trn_buffer_create(a->device, &opts, &none));
	opts.flags = 0;
	opts.bytes = 65536; /* any bytes: the device gets the pages around them */
	opts.user = (char *)opts.user + 8;
	API_OK(a, trn_buffer_create(a->device, &opts, &user));
	(void)api_keep(a, API_BUFFER, user);
	API_OK(a, trn_buffer_write(user, 1, "inside", 6, api_soon()));
	API_CHECK(a, memcmp((char *)opts.user + 1, "inside", 6) == 0);
}

static void memory_limits(struct api *a)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts) };
	struct trn_buffer *none = NULL;

	API_CODE(a, -EINVAL, trn_buffer_create(a->device, &opts, &none));
	opts.bytes = UINT64_MAX;
	API_CODE(a, -ENOMEM, trn_buffer_create(a->device, &opts, &none));
	API_CHECK(a, api_cause_has(a, "HBM stack 0"));
	opts.bytes = 4096;
	opts.align = 48;
	API_CODE(a, -EINVAL, trn_buffer_create(a->device, &opts, &none));
	opts.align = 0;
	opts.core = a->info.cores;
	API_CODE(a, -EINVAL, trn_buffer_create(a->device, &opts, &none));
	API_CHECK(a, !none);
}

/* All of a stack, then one byte more, then again after giving it back. */
static void memory_run_out(struct api *a)
{
	struct trn_device_info info = { .size = sizeof(info) };
	uint64_t piece = a->info.hbm_bytes / a->info.hbm_stacks / 4;
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = piece };
	struct trn_buffer *taken[8] = { NULL };
	int count = 0;

	while (count < 8 && trn_buffer_create(a->device, &opts, &taken[count]) == 0)
		(void)api_keep(a, API_BUFFER, taken[count++]);
	API_CHECK(a, count == 3 || count == 4); /* firmware keeps some of it */
	API_CODE(a, -ENOMEM, trn_buffer_create(a->device, &opts, &taken[count]));
	API_OK(a, trn_device_info(a->device, &info));
	API_CHECK(a, info.hbm_free_bytes <= a->info.hbm_free_bytes - 3 * piece);
	api_release(a, taken[1]);
	API_OK(a, trn_buffer_create(a->device, &opts, &taken[1]));
	(void)api_keep(a, API_BUFFER, taken[1]);
	while (count > 0)
		api_release(a, taken[--count]);
	API_OK(a, trn_device_info(a->device, &info));
	API_CHECK(a, info.hbm_free_bytes == a->info.hbm_free_bytes);
}

static void memory_bad_transfers(struct api *a)
{
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 1000);
	char bytes[16] = "";

	API_OK(a, trn_buffer_write(buffer, 1000, NULL, 0, TRN_DEADLINE_NOW));
	API_CODE(a, -EINVAL, trn_buffer_write(buffer, 990, bytes, 11, api_soon()));
	API_CODE(a, -EINVAL, trn_buffer_read(buffer, UINT64_MAX, bytes, 1, api_soon()));
	API_CODE(a, -EINVAL, trn_buffer_read(buffer, 1, bytes, UINT64_MAX, api_soon()));
	API_CODE(a, -EINVAL, trn_buffer_read(buffer, 0, NULL, 1, api_soon()));
}

const struct api_test api_memory_tests[] = {
	{ "memory.round-trip", memory_round_trip },
	{ "memory.big", memory_big },
	{ "memory.slices", memory_slices },
	{ "memory.map", memory_map },
	{ "memory.user", memory_user },
	{ "memory.limits", memory_limits },
	{ "memory.run-out", memory_run_out },
	{ "memory.bad-transfers", memory_bad_transfers },
	{ NULL, NULL },
};
