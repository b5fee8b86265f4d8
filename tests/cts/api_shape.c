/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: copies of rows and planes, and buffers cut into pieces. */
#include "api.h"

#include <errno.h>
#include <string.h>
#include <trn/pool.h>

#define ROOM (1u << 18)

struct scene {
	struct trn_buffer *src, *dst;
	struct trn_queue *queue;
	struct trn_batch *batch;
	uint8_t *in, *was, *out, *want;
};

static struct scene scene(struct api *a, enum trn_buffer_kind src, enum trn_buffer_kind dst)
{
	struct scene s = { .src = api_buffer(a, src, ROOM), .dst = api_buffer(a, dst, ROOM) };

	s.queue = api_queue(a, 16);
	s.batch = api_batch(a, s.queue, 4);
	s.in = api_bytes(a, ROOM);
	s.was = api_bytes(a, ROOM);
	s.out = api_bytes(a, ROOM);
	s.want = api_bytes(a, ROOM);
	api_random(a, s.in, ROOM);
	api_random(a, s.was, ROOM);
	API_OK(a, trn_buffer_write(s.src, 0, s.in, ROOM, api_soon()));
	return s;
}

/* The device's answer, byte for byte, against rows moved one by one here. */
static void compare(struct api *a, const struct scene *s, const struct trn_copy_shape *shape)
{
	const uint32_t rows = shape->rows ? shape->rows : 1;
	const uint32_t planes = shape->planes ? shape->planes : 1;

	API_OK(a, trn_buffer_write(s->dst, 0, s->was, ROOM, api_soon()));
	memcpy(s->want, s->was, ROOM);
	for (uint32_t p = 0; p < planes; p++)
		for (uint32_t r = 0; r < rows; r++)
			memcpy(s->want + shape->dst_offset + r * shape->dst_pitch +
				       p * shape->dst_plane,
			       s->in + shape->src_offset + r * shape->src_pitch +
				       p * shape->src_plane,
			       shape->bytes);
	trn_batch_clear(s->batch);
	API_OK(a, trn_batch_copy_nd(s->batch, s->dst, s->src, shape));
	api_submit(a, s->queue, s->batch, NULL);
	API_OK(a, trn_queue_drain(s->queue, api_soon()));
	API_OK(a, trn_buffer_read(s->dst, 0, s->out, ROOM, api_soon()));
	API_CHECK(a, memcmp(s->out, s->want, ROOM) == 0);
}

static void shape_rows(struct api *a)
{
	static const struct trn_copy_shape shapes[] = {
		{ .size = sizeof(shapes[0]), .bytes = 100 },
		{ .size = sizeof(shapes[0]),
		  .bytes = 512,
		  .rows = 64,
		  .dst_pitch = 512,
		  .src_offset = 128,
		  .src_pitch = 2048 },
		{ .size = sizeof(shapes[0]),
		  .bytes = 3,
		  .rows = 1000,
		  .dst_offset = 7,
		  .dst_pitch = 5,
		  .src_offset = 1,
		  .src_pitch = 11 },
		{ .size = sizeof(shapes[0]),
		  .bytes = 64,
		  .rows = 8,
		  .planes = 5,
		  .dst_offset = 64,
		  .dst_pitch = 128,
		  .dst_plane = 4096,
		  .src_pitch = 64,
		  .src_plane = 1000 },
		/* One row for all, and the planes woven into each other. */
		{ .size = sizeof(shapes[0]),
		  .bytes = 32,
		  .rows = 100,
		  .dst_pitch = 96,
		  .planes = 3,
		  .dst_plane = 32,
		  .src_pitch = 0,
		  .src_plane = 77 },
		{ .size = sizeof(shapes[0]),
		  .bytes = 1,
		  .rows = 5000,
		  .dst_pitch = 1,
		  .src_pitch = 50 },
	};
	static const enum trn_buffer_kind kinds[] = { TRN_BUFFER_HBM, TRN_BUFFER_HOST };

	for (unsigned int way = 0; way < 3; way++) {
		const struct scene s = scene(a, kinds[way & 1], kinds[way >> 1]);

		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			if (shapes[i].rows < 200 || way == 0)
				compare(a, &s, &shapes[i]);
		api_release(a, s.batch);
		api_release(a, s.queue);
	}
}

static void shape_random(struct api *a)
{
	const struct scene s = scene(a, TRN_BUFFER_HBM, TRN_BUFFER_HBM);

	for (int i = 0; i < 30; i++) {
		struct trn_copy_shape shape = { .size = sizeof(shape),
						.bytes = 1 + api_below(a, 300),
						.rows = (uint32_t)api_below(a, 20),
						.planes = (uint32_t)api_below(a, 6) };

		shape.dst_pitch = shape.bytes + api_below(a, 400);
		shape.dst_plane = 20 * shape.dst_pitch + api_below(a, 1000);
		shape.src_pitch = api_below(a, 2000);
		shape.src_plane = api_below(a, 10000);
		shape.dst_offset = api_below(a, 5000);
		shape.src_offset = api_below(a, 5000);
		compare(a, &s, &shape);
	}
}

static void shape_refused(struct api *a)
{
	static const struct trn_copy_shape good = { .size = sizeof(good),
						    .bytes = 1024,
						    .rows = 256,
						    .dst_pitch = 1024,
						    .src_pitch = 1024 };
	struct trn_copy_shape s = good;
	struct scene t = scene(a, TRN_BUFFER_HBM, TRN_BUFFER_HBM);

#define REFUSED(change)                                                             \
	do {                                                                        \
		s = good;                                                           \
		change;                                                             \
		API_CODE(a, -EINVAL, trn_batch_copy_nd(t.batch, t.dst, t.src, &s)); \
	} while (0)
	API_CODE(a, -EINVAL, trn_batch_copy_nd(t.batch, t.dst, t.src, NULL));
	REFUSED(s.size = 1);
	REFUSED(s.bytes = 0);
	REFUSED(s.bytes = UINT64_C(1) << 32);
	REFUSED(s.rows = 257);
	REFUSED(s.dst_pitch = 1023);
	REFUSED(s.dst_pitch = 1025);
	REFUSED(s.src_pitch = 1025);
	REFUSED(s.src_pitch = UINT64_C(1) << 32);
	REFUSED(s.dst_offset = 1);
	REFUSED(s.src_offset = UINT64_MAX);
	REFUSED((s.planes = 2, s.dst_plane = 512));
	REFUSED((s.planes = UINT32_MAX, s.dst_plane = UINT64_MAX));
	REFUSED((s.planes = UINT32_MAX, s.src_plane = UINT64_MAX, s.dst_plane = 1024));
	API_OK(a, trn_batch_copy_nd(t.batch, t.dst, t.src, &good));
	for (int i = 0; i < 3; i++)
		API_OK(a, trn_batch_copy_nd(t.batch, t.dst, t.src, &good));
	API_CODE(a, -ENOSPC, trn_batch_copy_nd(t.batch, t.dst, t.src, &good));
}

static void pool_pieces(struct api *a)
{
	struct trn_pool_opts opts = { .size = sizeof(opts), .pieces_max = 3 };
	struct trn_pool_usage usage = { .size = sizeof(usage) };
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 1 << 20), *slice;
	struct trn_pool *pool = NULL;
	uint64_t at[3] = { 7, 7, 7 };

	API_OK(a, trn_buffer_slice(buffer, 64, 65536, &slice));
	API_OK(a, trn_pool_create(slice, &opts, &pool));
	trn_buffer_unref(slice); /* the pool keeps it */
	API_OK(a, trn_pool_take(pool, 100, 0, &at[0]));
	API_OK(a, trn_pool_take(pool, 5000, 4096, &at[1]));
	API_CHECK(a, (trn_buffer_address(buffer) + 64 + at[1]) % 4096 == 0);
	API_OK(a, trn_pool_take(pool, 64, 0, &at[2]));
	API_CHECK(a, at[0] == 0 && at[2] == 128); /* in front of the aligned one */
	API_CODE(a, -ENOSPC, trn_pool_take(pool, 1, 0, &at[0]));
	API_CODE(a, -EINVAL, trn_pool_give(pool, 64));
	API_CODE(a, -EINVAL, trn_pool_give(pool, UINT64_MAX));
	API_OK(a, trn_pool_give(pool, at[1]));
	API_CODE(a, -EINVAL, trn_pool_give(pool, at[1]));
	API_CODE(a, -ENOMEM, trn_pool_take(pool, 65536, 0, &at[1]));
	API_CHECK(a, api_cause_has(a, "the largest piece"));
	API_OK(a, trn_pool_usage(pool, &usage));
	API_CHECK(a, usage.pieces == 2 && usage.used_bytes == 192 && usage.total_bytes == 65536);
	API_OK(a, trn_pool_take(pool, usage.largest_bytes, 0, &at[1]));
	API_OK(a, trn_pool_usage(pool, &usage));
	API_CHECK(a, usage.used_bytes == 65536 && usage.largest_bytes == 0);
	usage.size = 1;
	API_CODE(a, -EINVAL, trn_pool_usage(pool, &usage));
	API_CODE(a, -EINVAL, trn_pool_take(pool, 0, 0, &at[0]));
	API_CODE(a, -EINVAL, trn_pool_take(pool, 1, 3, &at[0]));
	trn_pool_destroy(pool);
	opts.granule = 3;
	API_CODE(a, -EINVAL, trn_pool_create(buffer, &opts, &pool));
	API_OK(a, trn_pool_create(buffer, NULL, &pool));
	trn_pool_destroy(pool);
	API_CHECK(a, !trn_pool_destroy(NULL));
}

/* Full and with holes everywhere: as many pieces as it was made for fit in its nodes. */
static void pool_full(struct api *a)
{
	const struct trn_pool_opts opts = { .size = sizeof(opts), .pieces_max = 512 };
	struct trn_buffer *buffer = api_buffer(a, TRN_BUFFER_HBM, 512 * 64 * 2);
	struct trn_pool *pool = NULL;
	uint64_t at[512];

	API_OK(a, trn_pool_create(buffer, &opts, &pool));
	for (int turn = 0; turn < 4; turn++) {
		for (int i = 0; i < 512; i++)
			API_OK(a, trn_pool_take(pool, 1, 128, &at[i]));
		for (int i = turn; i < 512 + turn; i += 2) /* every other one, then the rest */
			API_OK(a, trn_pool_give(pool, at[i % 512]));
		for (int i = turn + 1; i < 512 + turn; i += 2)
			API_OK(a, trn_pool_give(pool, at[i % 512]));
	}
	trn_pool_destroy(pool);
}

const struct api_test api_shape_tests[] = {
	{ "shape.rows", shape_rows },       { "shape.random", shape_random },
	{ "shape.refused", shape_refused }, { "pool.pieces", pool_pieces },
	{ "pool.full", pool_full },         { NULL, NULL },
};
