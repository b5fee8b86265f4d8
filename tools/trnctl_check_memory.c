// SPDX-License-Identifier: Apache-2.0
/* Selftest: HBM patterns, and copies of odd sizes between odd places. */
#include "tools/trnctl_selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_BYTES (UINT64_C(1) << 20)
#define COPY_BYTES (UINT64_C(1) << 18)
#define GUARD 0xa5

static uint8_t pattern_at(uint64_t place, uint64_t seed)
{
	uint64_t z = (place + 1) * UINT64_C(0x9e3779b97f4a7c15) + seed;

	return (uint8_t)(z >> 56 ^ z >> 24);
}

static void pattern_make(uint8_t *bytes, uint64_t count, uint64_t seed)
{
	for (uint64_t i = 0; i < count; i++)
		bytes[i] = pattern_at(i, seed);
}

static int buffer_make(struct trnctl_check *check, enum trn_buffer_kind kind, uint32_t core,
		       uint64_t bytes, struct trn_buffer **ret_buffer)
{
	struct trn_buffer_opts opts = {
		.size = sizeof(opts), .kind = kind, .core = core, .bytes = bytes
	};

	return trn_buffer_create(check->device, &opts, ret_buffer);
}

/* One stack: a pattern, then its inverse, all read back. */
static int stack_try(struct trnctl_check *check, uint32_t core, uint8_t *want, uint8_t *have)
{
	struct trn_buffer *buffer;
	int r = buffer_make(check, TRN_BUFFER_HBM, core, PATTERN_BYTES, &buffer);

	if (r < 0)
		return r;
	for (unsigned int round = 0; r == 0 && round < 2; round++) {
		pattern_make(want, PATTERN_BYTES, trn_buffer_address(buffer));
		for (uint64_t i = 0; round == 1 && i < PATTERN_BYTES; i++)
			want[i] = (uint8_t)~want[i];
		r = trn_buffer_write(buffer, 0, want, PATTERN_BYTES, check->deadline_ns);
		if (r == 0)
			r = trn_buffer_read(buffer, 0, have, PATTERN_BYTES, check->deadline_ns);
		for (uint64_t i = 0; r == 0 && i < PATTERN_BYTES; i++) {
			if (have[i] != want[i])
				r = trnctl_note(check, TRNCTL_CHECK_WRONG,
						"address 0x%" PRIx64 ": wrote 0x%02x, read 0x%02x",
						trn_buffer_address(buffer) + i, want[i], have[i]);
		}
	}
	trn_buffer_unref(buffer);
	return r;
}

int trnctl_check_memory(struct trnctl_check *check)
{
	uint32_t stacks = check->info->hbm_stacks, cores = check->info->cores;
	uint8_t *want = malloc(PATTERN_BYTES), *have = malloc(PATTERN_BYTES);
	int r = want && have ? 0 : -ENOMEM;

	for (uint32_t stack = 0; r == 0 && stack < stacks; stack++)
		r = stack_try(check, stack * cores / stacks, want, have);
	free(want);
	free(have);
	if (r == 0)
		(void)trnctl_note(check, 0, "%" PRIu32 " stacks, %" PRIu64 " KiB each", stacks,
				  PATTERN_BYTES / 1024);
	return r;
}

/* ---- copies ---- */

static const struct copy_row {
	uint64_t dst, src, bytes;
} copy_rows[] = {
	{ 0, 0, 1 },       { 1, 0, 1 },     { 0, 1, 3 },       { 3, 5, 7 },      { 64, 64, 63 },
	{ 0, 0, 64 },      { 63, 1, 65 },   { 4095, 1, 2 },    { 0, 0, 4096 },   { 1, 4095, 4097 },
	{ 17, 33, 65535 }, { 0, 0, 65536 }, { 511, 7, 65537 }, { 4, 8, 131071 }, { 13, 0, 262131 },
};
#define COPY_ROWS (sizeof(copy_rows) / sizeof(copy_rows[0]))

struct copy {
	struct trn_buffer *src, *dst;
	struct trn_queue *queue;
	struct trn_batch *batch;
	uint8_t *want, *have;
};

static int copy_setup(struct trnctl_check *check, enum trn_buffer_kind src,
		      enum trn_buffer_kind dst, uint32_t dst_core, struct copy *copy)
{
	struct trn_queue_opts opts = { .size = sizeof(opts), .depth = 16 };
	int r;

	copy->want = malloc(COPY_BYTES);
	copy->have = malloc(COPY_BYTES);
	if (!copy->want || !copy->have)
		return -ENOMEM;
	r = buffer_make(check, src, 0, COPY_BYTES, &copy->src);
	if (r == 0)
		r = buffer_make(check, dst, dst_core, COPY_BYTES, &copy->dst);
	if (r == 0)
		r = trn_queue_create(check->device, &opts, &copy->queue);
	if (r == 0)
		r = trn_batch_create(copy->queue, 1, &copy->batch);
	return r;
}

static void copy_end(struct copy *copy)
{
	trn_batch_destroy(copy->batch);
	trn_queue_unref(copy->queue);
	trn_buffer_unref(copy->dst);
	trn_buffer_unref(copy->src);
	free(copy->want);
	free(copy->have);
}

/* One copy; what lies around the destination must stay. */
static int copy_try(struct trnctl_check *check, struct copy *copy, const struct copy_row *row,
		    uint64_t seed)
{
	int r;

	pattern_make(copy->want, COPY_BYTES, seed);
	r = trn_buffer_write(copy->src, 0, copy->want, COPY_BYTES, check->deadline_ns);
	memset(copy->have, GUARD, COPY_BYTES);
	if (r == 0)
		r = trn_buffer_write(copy->dst, 0, copy->have, COPY_BYTES, check->deadline_ns);
	trn_batch_clear(copy->batch);
	if (r == 0)
		r = trn_batch_copy(copy->batch, copy->dst, row->dst, copy->src, row->src,
				   row->bytes);
	if (r == 0)
		r = trnctl_check_play(check, copy->queue, copy->batch);
	if (r == 0)
		r = trn_buffer_read(copy->dst, 0, copy->have, COPY_BYTES, check->deadline_ns);
	for (uint64_t i = 0; r == 0 && i < COPY_BYTES; i++) {
		bool inside = i >= row->dst && i < row->dst + row->bytes;
		uint8_t want = inside ? copy->want[i - row->dst + row->src] : GUARD;

		if (copy->have[i] != want)
			r = trnctl_note(check, TRNCTL_CHECK_WRONG,
					"%" PRIu64 " bytes from +%" PRIu64 " to +%" PRIu64
					": byte %" PRIu64 " %s",
					row->bytes, row->src, row->dst, i,
					inside ? "is wrong" : "was overwritten");
	}
	return r;
}

static int copy_all(struct trnctl_check *check, enum trn_buffer_kind src, enum trn_buffer_kind dst,
		    uint32_t dst_core)
{
	struct copy copy = { 0 };
	int r = copy_setup(check, src, dst, dst_core, &copy);

	for (size_t i = 0; r == 0 && i < COPY_ROWS; i++)
		r = copy_try(check, &copy, &copy_rows[i], i + 1);
	copy_end(&copy);
	if (r == 0)
		(void)trnctl_note(check, 0, "%zu sizes", COPY_ROWS);
	return r;
}

int trnctl_check_copy_h2d(struct trnctl_check *check)
{
	return copy_all(check, TRN_BUFFER_HOST, TRN_BUFFER_HBM, 0);
}

int trnctl_check_copy_d2h(struct trnctl_check *check)
{
	return copy_all(check, TRN_BUFFER_HBM, TRN_BUFFER_HOST, 0);
}

int trnctl_check_copy_d2d(struct trnctl_check *check)
{
	int r = copy_all(check, TRN_BUFFER_HBM, TRN_BUFFER_HBM, 0);

	return r == 0 ? copy_all(check, TRN_BUFFER_HBM, TRN_BUFFER_HBM, check->info->cores - 1) : r;
}

int trnctl_check_fill(struct trnctl_check *check)
{
	static const struct copy_row rows[] = { { 0, 0, 4096 }, { 3, 0, 5 }, { 61, 0, 70001 } };
	const uint32_t pattern = 0x04030201;
	struct copy copy = { 0 };
	int r = copy_setup(check, TRN_BUFFER_HBM, TRN_BUFFER_HBM, 0, &copy);

	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct copy_row *row = &rows[i];

		memset(copy.have, GUARD, COPY_BYTES);
		r = trn_buffer_write(copy.dst, 0, copy.have, COPY_BYTES, check->deadline_ns);
		trn_batch_clear(copy.batch);
		if (r == 0)
			r = trn_batch_fill(copy.batch, copy.dst, row->dst, row->bytes, pattern);
		if (r == 0)
			r = trnctl_check_play(check, copy.queue, copy.batch);
		if (r == 0)
			r = trn_buffer_read(copy.dst, 0, copy.have, COPY_BYTES, check->deadline_ns);
		for (uint64_t k = 0; r == 0 && k < COPY_BYTES; k++) {
			bool inside = k >= row->dst && k < row->dst + row->bytes;

			if (copy.have[k] != (inside ? (uint8_t)((k - row->dst) % 4 + 1) : GUARD))
				r = trnctl_note(check, TRNCTL_CHECK_WRONG,
						"%" PRIu64 " bytes at +%" PRIu64 ": byte %" PRIu64
						" is wrong",
						row->bytes, row->dst, k);
		}
	}
	copy_end(&copy);
	return r;
}
