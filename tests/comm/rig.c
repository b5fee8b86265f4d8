/* SPDX-License-Identifier: Apache-2.0 */
/* Pods, communicators, and the computation on the host that results are compared with. */
#include "comm.h"

#include <stdlib.h>
#include <string.h>
#include "base/bits.h"
#include "base/hash.h"
#include "base/reduce.h"

#define OK(x)                                          \
	do {                                           \
		int ok_ = (x);                         \
		if (ok_ < 0)                           \
			failed(rig->context, #x, ok_); \
	} while (0)

static void failed(struct trn_context *context, const char *what, int code)
{
	struct trn_error error = { .size = sizeof(error) };

	(void)trn_error_get(context, &error);
	ck_abort_msg("%s: %s: %s: %s", what, trn_strerror(code), error.operation, error.cause);
}

const enum trn_dtype all_dtypes[] = {
	TRN_DTYPE_F32,    TRN_DTYPE_BF16,   TRN_DTYPE_F16, TRN_DTYPE_F8E4M3, TRN_DTYPE_F8E4M3FN,
	TRN_DTYPE_F8E5M2, TRN_DTYPE_F8E3M4, TRN_DTYPE_U8,  TRN_DTYPE_S8,     TRN_DTYPE_U16,
	TRN_DTYPE_S16,    TRN_DTYPE_U32,    TRN_DTYPE_S32,
};
const uint32_t all_dtypes_count = TRN_ARRAY_LEN(all_dtypes);

uint32_t element_of(enum trn_dtype dtype)
{
	switch (dtype) {
	case TRN_DTYPE_F32:
	case TRN_DTYPE_U32:
	case TRN_DTYPE_S32:
		return 4;
	case TRN_DTYPE_BF16:
	case TRN_DTYPE_F16:
	case TRN_DTYPE_U16:
	case TRN_DTYPE_S16:
		return 2;
	default:
		return 1;
	}
}

bool is_float(enum trn_dtype dtype)
{
	return dtype >= TRN_DTYPE_F32;
}

void rig_up(struct rig *rig, const char *uri)
{
	struct trn_context_opts opts = { .size = sizeof(opts) };

	memset(rig, 0, sizeof(*rig));
	trn_test_alloc_init(&rig->mem, -1);
	trn_prng_seed(&rig->prng, trn_test_seed());
	opts.alloc = &rig->mem.alloc;
	ck_assert_int_eq(trn_context_create(&opts, &rig->context), 0);
	OK(trn_pod_open(rig->context, uri, SOON, rig->pod, RANKS_MAX, &rig->chips));
}

void rig_down(struct rig *rig)
{
	rig_comm_end(rig);
	for (uint32_t i = 0; i < rig->chips; i++)
		ck_assert_ptr_null(trn_device_unref(rig->pod[i]));
	ck_assert_ptr_null(trn_context_unref(rig->context));
	ck_assert_int_eq(rig->mem.live, 0);
}

static void shuffle(struct rig *rig)
{
	for (uint32_t i = rig->ranks; i-- > 1;) {
		uint32_t j = (uint32_t)trn_prng_below(&rig->prng, i + 1);
		struct trn_device *device = rig->device[i];
		uint32_t core = rig->core[i];

		rig->device[i] = rig->device[j];
		rig->core[i] = rig->core[j];
		rig->device[j] = device;
		rig->core[j] = core;
	}
}

void rig_comm(struct rig *rig, uint32_t ranks, uint32_t cores, uint64_t room)
{
	struct trn_comm_opts opts = { .size = sizeof(opts), .count = ranks };

	rig_comm_end(rig);
	ck_assert_uint_le(ranks, rig->chips * cores);
	rig->ranks = ranks;
	rig->room = room;
	for (uint32_t i = 0; i < ranks; i++) {
		rig->device[i] = rig->pod[i / cores];
		rig->core[i] = i % cores;
	}
	shuffle(rig);
	opts.devices = rig->device;
	opts.cores = rig->core;
	OK(trn_comm_create(rig->context, &opts, SOON, &rig->comm));
	rig->want = calloc(1, room);
	for (uint32_t i = 0; i < ranks; i++) {
		struct trn_buffer_opts buffer = {
			.size = sizeof(buffer),
			.bytes = room,
			.core = rig->core[i],
		};

		OK(trn_buffer_create(rig->device[i], &buffer, &rig->src[i]));
		OK(trn_buffer_create(rig->device[i], &buffer, &rig->dst[i]));
		rig->given[i] = calloc(1, room);
		rig->got[i] = calloc(1, room);
	}
}

void rig_comm_end(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->ranks; i++) {
		(void)trn_buffer_unref(rig->src[i]);
		(void)trn_buffer_unref(rig->dst[i]);
		free(rig->given[i]);
		free(rig->got[i]);
	}
	free(rig->want);
	rig->want = NULL;
	ck_assert_ptr_null(trn_comm_unref(rig->comm));
	rig->comm = NULL;
	rig->ranks = 0;
}

/* ---- numbers ---- */

/* Floats: few of the ranks have a number that is not 0, and those are small, so that every order
 * of adding gives the same. Integers: anything. */
static void number(struct rig *rig, const struct job *job, uint32_t rank, uint64_t i, uint8_t *out)
{
	static const uint8_t one[][4] = {
		[TRN_DTYPE_F32] = { 0, 0, 0x80, 0x3f }, [TRN_DTYPE_BF16] = { 0x80, 0x3f },
		[TRN_DTYPE_F16] = { 0, 0x3c },          [TRN_DTYPE_F8E4M3] = { 0x38 },
		[TRN_DTYPE_F8E4M3FN] = { 0x38 },        [TRN_DTYPE_F8E5M2] = { 0x3c },
		[TRN_DTYPE_F8E3M4] = { 0x30 },
	};
	const uint32_t element = element_of(job->dtype);
	const uint64_t any = trn_prng_next(&rig->prng);

	memset(out, 0, element);
	if (!is_float(job->dtype)) {
		memcpy(out, &any, element);
		return;
	}
	if (job->op != TRN_COMM_PROD && (rank + i) % ((rig->ranks + 6) / 7) != 0)
		return;
	memcpy(out, one[job->dtype], element);
	if (any & 1)
		out[element - 1] |= 0x80;
}

static void fill(struct rig *rig, const struct job *job)
{
	const uint32_t element = element_of(job->dtype);

	for (uint32_t r = 0; r < rig->ranks; r++) {
		for (uint64_t i = 0; i < rig->room / element; i++)
			number(rig, job, r, i, rig->given[r] + i * element);
		OK(trn_buffer_write(rig->src[r], 0, rig->given[r], rig->room, SOON));
		memset(rig->got[r], 0xa5, rig->room);
		if (!job->in_place)
			OK(trn_buffer_write(rig->dst[r], 0, rig->got[r], rig->room, SOON));
	}
}

/* ---- pieces ---- */

struct pieces {
	uint64_t count[RANKS_MAX], at[RANKS_MAX];
	uint64_t a2a_count[RANKS_MAX][RANKS_MAX], a2a_from[RANKS_MAX][RANKS_MAX];
	uint64_t a2a_src[RANKS_MAX][RANKS_MAX], a2a_dst[RANKS_MAX][RANKS_MAX];
	uint32_t permutation[RANKS_MAX];
};

static void pieces_fill(struct rig *rig, const struct job *job, struct pieces *p)
{
	const uint32_t n = rig->ranks;
	uint64_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		p->count[i] = job->v ? trn_prng_below(&rig->prng, job->count + 1) : job->count;
		p->at[i] = at;
		at += p->count[i];
		p->permutation[i] = (i + 1 + job->root) % n;
	}
	if (job->v && n > 2)
		p->permutation[(n - 1 + n - job->root) % n] = UINT32_MAX;
	for (uint32_t i = 0; i < n; i++) {
		at = 0;
		for (uint32_t j = 0; j < n; j++) {
			p->a2a_count[i][j] = job->v ? trn_prng_below(&rig->prng, job->count + 1) :
						      job->count;
			p->a2a_src[i][j] = at;
			at += p->a2a_count[i][j];
		}
	}
	for (uint32_t j = 0; j < n; j++) {
		at = 0;
		for (uint32_t i = 0; i < n; i++) {
			p->a2a_from[j][i] = p->a2a_count[i][j];
			p->a2a_dst[j][i] = at;
			at += p->a2a_count[i][j];
		}
	}
}

static void call_fill(const struct rig *rig, const struct job *job, const struct pieces *p,
		      uint32_t r, struct trn_comm_call *call)
{
	const uint32_t element = element_of(job->dtype);

	*call = (struct trn_comm_call){
		.size = sizeof(*call),
		.kind = job->kind,
		.op = job->op,
		.dtype = job->dtype,
		.algorithm = job->algorithm,
		.rank = r,
		.root = job->root,
		.count = job->count,
		.src.buffer = rig->src[r],
		.dst.buffer = job->in_place ? rig->src[r] : rig->dst[r],
		.permutation = job->kind == TRN_COMM_PERMUTE ? p->permutation : NULL,
	};
	if (job->v && job->kind == TRN_COMM_ALL_TO_ALL) {
		call->src_counts = p->a2a_count[r];
		call->src_offsets = p->a2a_src[r];
		call->dst_counts = p->a2a_from[r];
		call->dst_offsets = p->a2a_dst[r];
	} else if (job->v &&
		   (job->kind == TRN_COMM_ALL_GATHER || job->kind == TRN_COMM_REDUCE_SCATTER)) {
		call->dst_counts = p->count;
	}
	if (job->in_place && job->kind == TRN_COMM_ALL_GATHER)
		call->src.offset = p->at[r] * element;
	if (job->in_place && job->kind == TRN_COMM_REDUCE_SCATTER)
		call->dst.offset = p->at[r] * element;
}

/* ---- what must come out ---- */

static void reduce(struct rig *rig, const struct job *job, uint64_t from, uint64_t count,
		   uint8_t *out)
{
	static const uint8_t ops[] = { TRN_REDUCE_SUM, TRN_REDUCE_MIN, TRN_REDUCE_MAX,
				       TRN_REDUCE_PROD, TRN_REDUCE_SUM };
	const bool avg = job->op == TRN_COMM_AVG;
	const struct trn_reduce how = {
		.dtype = job->dtype,
		.op = (enum trn_ext_reduce)ops[job->op],
		.scale = avg ? 1.0f / (float)rig->ranks : 1.0f,
		.divisor = avg ? rig->ranks : 0,
	};
	const void *src[RANKS_MAX];

	for (uint32_t r = 0; r < rig->ranks; r++)
		src[r] = rig->given[r] + from * element_of(job->dtype);
	trn_reduce_row(out, src, rig->ranks, &how, count);
}

/* rig.want: what rank r's dst holds, from *ret_from on; bytes. */
static uint64_t expect(struct rig *rig, const struct job *job, const struct pieces *p, uint32_t r)
{
	const uint32_t e = element_of(job->dtype), n = rig->ranks;
	uint64_t bytes = 0;

	switch (job->kind) {
	case TRN_COMM_ALL_REDUCE:
	case TRN_COMM_REDUCE:
		if (job->kind == TRN_COMM_REDUCE && r != job->root)
			return 0;
		reduce(rig, job, 0, job->count, rig->want);
		return job->count * e;
	case TRN_COMM_REDUCE_SCATTER:
		reduce(rig, job, p->at[r], p->count[r], rig->want);
		return p->count[r] * e;
	case TRN_COMM_ALL_GATHER:
		for (uint32_t i = 0; i < n; i++) {
			memcpy(rig->want + bytes,
			       rig->given[i] + (job->in_place ? p->at[i] * e : 0), p->count[i] * e);
			bytes += p->count[i] * e;
		}
		return bytes;
	case TRN_COMM_ALL_TO_ALL:
		for (uint32_t i = 0; i < n; i++) {
			memcpy(rig->want + bytes, rig->given[i] + p->a2a_src[i][r] * e,
			       p->a2a_from[r][i] * e);
			bytes += p->a2a_from[r][i] * e;
		}
		return bytes;
	case TRN_COMM_BROADCAST:
		memcpy(rig->want, rig->given[job->root], job->count * e);
		return job->count * e;
	case TRN_COMM_PERMUTE:
		for (uint32_t i = 0; i < n; i++)
			if (p->permutation[i] == r) {
				memcpy(rig->want, rig->given[i], job->count * e);
				return job->count * e;
			}
		return 0;
	default:
		return 0;
	}
}

static void compare(struct rig *rig, const struct job *job, const struct pieces *p)
{
	const uint32_t e = element_of(job->dtype);

	for (uint32_t r = 0; r < rig->ranks; r++) {
		struct trn_buffer *dst = job->in_place ? rig->src[r] : rig->dst[r];
		uint64_t bytes = expect(rig, job, p, r), at = 0;

		if (job->in_place && job->kind == TRN_COMM_REDUCE_SCATTER)
			at = p->at[r] * e;
		OK(trn_buffer_read(dst, 0, rig->got[r], rig->room, SOON));
		/* Check writes a line for every assertion. */
		for (uint64_t i = 0; i < bytes && memcmp(rig->got[r] + at, rig->want, bytes) != 0;
		     i++)
			ck_assert_msg(rig->got[r][at + i] == rig->want[i],
				      "%s %s dtype %d %s%s%s, %llu elements, %u ranks, root %u: "
				      "rank %u differs at byte %llu of %llu: 0x%02x, not 0x%02x",
				      trn_comm_kind_name(job->kind), trn_comm_op_name(job->op),
				      job->dtype, trn_comm_algorithm_name(job->algorithm),
				      job->batch ? " batch" : "", job->in_place ? " in place" : "",
				      (unsigned long long)job->count, rig->ranks, job->root, r,
				      (unsigned long long)i, (unsigned long long)bytes,
				      rig->got[r][at + i], rig->want[i]);
		/* Nothing behind it was touched. */
		if (!job->in_place && bytes < rig->room)
			ck_assert_uint_eq(rig->got[r][bytes], 0xa5);
	}
}

/* ---- running ---- */

static void run_batches(struct rig *rig, const struct trn_comm_call *calls, uint32_t times)
{
	struct trn_queue *queue[RANKS_MAX];
	struct trn_batch *batch[RANKS_MAX];
	uint64_t sequence[RANKS_MAX];

	for (uint32_t r = 0; r < rig->ranks; r++) {
		OK(trn_queue_create(rig->device[r], NULL, &queue[r]));
		OK(trn_batch_create(queue[r], 4, &batch[r]));
		OK(trn_batch_comm(batch[r], rig->comm, &calls[r]));
	}
	/* A recorded command may run again. */
	for (uint32_t i = 0; i < times; i++)
		for (uint32_t r = 0; r < rig->ranks; r++)
			OK(trn_queue_submit(queue[r], batch[r], SOON, &sequence[r]));
	for (uint32_t r = 0; r < rig->ranks; r++)
		OK(trn_queue_wait(queue[r], sequence[r], SOON));
	for (uint32_t r = 0; r < rig->ranks; r++) {
		(void)trn_batch_destroy(batch[r]);
		(void)trn_queue_unref(queue[r]);
	}
}

void rig_run(struct rig *rig, const struct job *job, uint64_t *ret_ns)
{
	struct trn_comm_times times = { .size = sizeof(times) };
	struct trn_comm_call *calls = calloc(rig->ranks, sizeof(*calls));
	struct pieces *p = calloc(1, sizeof(*p));

	pieces_fill(rig, job, p);
	fill(rig, job);
	for (uint32_t r = 0; r < rig->ranks; r++)
		call_fill(rig, job, p, r, &calls[r]);
	if (job->batch)
		run_batches(rig, calls, job->in_place ? 1 : 2);
	else
		OK(trn_comm_run(rig->comm, calls, rig->ranks, SOON));
	if (ret_ns) {
		OK(trn_comm_times(rig->comm, &times));
		*ret_ns = times.device_ns;
	}
	compare(rig, job, p);
	free(calls);
	free(p);
}

uint64_t rig_hash(const struct rig *rig)
{
	uint64_t hash = 0;

	for (uint32_t r = 0; r < rig->ranks; r++)
		for (uint64_t i = 0; i < rig->room; i++)
			hash = (hash ^ rig->got[r][i]) * UINT64_C(0x100000001b3);
	return hash;
}
