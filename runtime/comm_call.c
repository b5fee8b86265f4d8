/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked of a collective's call, and names. */
#include <errno.h>
#include "base/reduce.h"
#include "runtime/comm.h"

static const char *const kind_names[TRN_COMM_KINDS] = {
	[TRN_COMM_ALL_REDUCE] = "all_reduce",
	[TRN_COMM_REDUCE_SCATTER] = "reduce_scatter",
	[TRN_COMM_ALL_GATHER] = "all_gather",
	[TRN_COMM_ALL_TO_ALL] = "all_to_all",
	[TRN_COMM_BROADCAST] = "broadcast",
	[TRN_COMM_REDUCE] = "reduce",
	[TRN_COMM_SEND] = "send",
	[TRN_COMM_RECV] = "recv",
	[TRN_COMM_PERMUTE] = "permute",
	[TRN_COMM_BARRIER] = "barrier",
};
static const char *const op_names[TRN_COMM_OPS] = { "sum", "min", "max", "prod", "avg" };
static const char *const algorithm_names[TRN_COMM_ALGORITHMS] = {
	[TRN_COMM_AUTO] = "auto",     [TRN_COMM_RING] = "ring",     [TRN_COMM_MESH] = "mesh",
	[TRN_COMM_RDH] = "rdh",       [TRN_COMM_PAIRED] = "paired", [TRN_COMM_GRID] = "grid",
	[TRN_COMM_SWITCH] = "switch", [TRN_COMM_HOST] = "host",     [TRN_COMM_TORUS] = "torus",
	[TRN_COMM_FUSED] = "fused",
};

TRN_API const char *trn_comm_kind_name(enum trn_comm_kind kind)
{
	return (unsigned int)kind < TRN_COMM_KINDS ? kind_names[kind] : "?";
}

TRN_API const char *trn_comm_op_name(enum trn_comm_op op)
{
	return (unsigned int)op < TRN_COMM_OPS ? op_names[op] : "?";
}

TRN_API const char *trn_comm_algorithm_name(enum trn_comm_algorithm algorithm)
{
	return (unsigned int)algorithm < TRN_COMM_ALGORITHMS ? algorithm_names[algorithm] : "?";
}

enum trn_comm_algorithm trn_comm_algorithm_find(const char *name)
{
	uint32_t i = 0;

	while (i < TRN_COMM_ALGORITHMS && strcmp(algorithm_names[i], name) != 0)
		i++;
	return (enum trn_comm_algorithm)i;
}

uint32_t trn_comm_element(enum trn_dtype dtype)
{
	switch (dtype) {
	case TRN_DTYPE_U8:
	case TRN_DTYPE_S8:
	case TRN_DTYPE_F8E4M3:
	case TRN_DTYPE_F8E4M3FN:
	case TRN_DTYPE_F8E5M2:
	case TRN_DTYPE_F8E3M4:
		return 1;
	case TRN_DTYPE_U16:
	case TRN_DTYPE_S16:
	case TRN_DTYPE_BF16:
	case TRN_DTYPE_F16:
		return 2;
	case TRN_DTYPE_U32:
	case TRN_DTYPE_S32:
	case TRN_DTYPE_F32:
		return 4;
	default:
		return 0;
	}
}

static bool kind_reduces(enum trn_comm_kind kind)
{
	return kind == TRN_COMM_ALL_REDUCE || kind == TRN_COMM_REDUCE_SCATTER ||
	       kind == TRN_COMM_REDUCE;
}

static bool kind_rooted(enum trn_comm_kind kind)
{
	return kind == TRN_COMM_BROADCAST || kind == TRN_COMM_REDUCE || kind == TRN_COMM_SEND ||
	       kind == TRN_COMM_RECV;
}

/* Elements at most, so that no sum of a hostile call wraps. */
#define ELEMENTS_MAX (UINT64_C(1) << 48)

static bool counts_ok(const uint64_t *numbers, uint32_t ranks)
{
	for (uint32_t i = 0; numbers && i < ranks; i++)
		if (numbers[i] > ELEMENTS_MAX)
			return false;
	return true;
}

static bool permutation_ok(const uint32_t *permutation, uint32_t ranks)
{
	uint64_t seen[TRN_COLL_RANKS / 64 + 1] = { 0 };

	if (!permutation || ranks > TRN_COLL_RANKS)
		return false;
	for (uint32_t i = 0; i < ranks; i++) {
		const uint32_t to = permutation[i];

		if (to == UINT32_MAX)
			continue;
		if (to >= ranks || (seen[to / 64] >> to % 64 & 1))
			return false;
		seen[to / 64] |= UINT64_C(1) << to % 64;
	}
	return true;
}

/* What a kind has no use for is a mistake, and no decoration. */
static const char *arrays_wrong(const struct trn_comm_call *call)
{
	const bool exchange = call->kind == TRN_COMM_ALL_TO_ALL;
	const bool gather = call->kind == TRN_COMM_ALL_GATHER;
	const bool scatter = call->kind == TRN_COMM_REDUCE_SCATTER;

	if (call->src_counts && !exchange)
		return "src_counts are for ALL_TO_ALL";
	if (call->src_offsets && !exchange && !scatter)
		return "src_offsets are for ALL_TO_ALL and REDUCE_SCATTER";
	if (call->dst_counts && !exchange && !gather && !scatter)
		return "dst_counts are for ALL_TO_ALL, ALL_GATHER and REDUCE_SCATTER";
	if (call->dst_offsets && !exchange && !gather)
		return "dst_offsets are for ALL_TO_ALL and ALL_GATHER";
	if (call->permutation && call->kind != TRN_COMM_PERMUTE)
		return "permutation is for PERMUTE";
	return NULL;
}

static const char *members_wrong(const struct trn_comm *comm, const struct trn_comm_call *call)
{
	if (call->size != sizeof(*call))
		return "size member is not sizeof(struct trn_comm_call)";
	if ((unsigned int)call->kind >= TRN_COMM_KINDS)
		return "kind is unknown";
	if (call->rank < comm->first || call->rank - comm->first >= comm->count)
		return "rank is not a local one";
	if ((unsigned int)call->algorithm >= TRN_COMM_ALGORITHMS)
		return "algorithm is unknown";
	if (call->priority > 3)
		return "priority is not 0 to 3";
	if (arrays_wrong(call))
		return arrays_wrong(call);
	if (call->kind == TRN_COMM_BARRIER)
		return NULL;
	if (trn_comm_element(call->dtype) == 0)
		return "dtype is none of U8 to S32, F32, BF16, F16, F8*";
	if (kind_reduces(call->kind) && (unsigned int)call->op >= TRN_COMM_OPS)
		return "op is unknown";
	if (kind_rooted(call->kind) && call->root >= comm->ranks)
		return "root is no rank";
	if (call->count > ELEMENTS_MAX || !counts_ok(call->src_counts, comm->ranks) ||
	    !counts_ok(call->src_offsets, comm->ranks) ||
	    !counts_ok(call->dst_counts, comm->ranks) || !counts_ok(call->dst_offsets, comm->ranks))
		return "a count or offset is beyond 2^48 elements";
	if (call->kind == TRN_COMM_PERMUTE && !permutation_ok(call->permutation, comm->ranks))
		return "permutation names a rank twice, or none that there is";
	return NULL;
}

/* Elements up to the end of the last piece. */
static uint64_t pieces_end(const struct trn_comm_call *call, const uint64_t *counts,
			   const uint64_t *offsets, uint32_t ranks)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < ranks; i++) {
		uint64_t count = counts ? counts[i] : call->count;
		uint64_t at = offsets ? offsets[i] : end;

		if (count > 0)
			end = trn_max_u64(end, at + count);
	}
	return end;
}

static uint64_t piece_at(const struct trn_comm_call *call, const uint64_t *counts,
			 const uint64_t *offsets, uint32_t rank)
{
	uint64_t at = 0;

	if (offsets)
		return offsets[rank];
	for (uint32_t i = 0; i < rank; i++)
		at += counts ? counts[i] : call->count;
	return at;
}

static void extent_pieces(const struct trn_comm *comm, const struct trn_comm_call *call,
			  struct trn_comm_extent *e)
{
	const uint64_t mine = call->dst_counts ? call->dst_counts[call->rank] : call->count;

	e->src_used = e->dst_used = true;
	if (call->kind == TRN_COMM_ALL_TO_ALL) {
		e->src = pieces_end(call, call->src_counts, call->src_offsets, comm->ranks);
		e->dst = pieces_end(call, call->dst_counts, call->dst_offsets, comm->ranks);
		return;
	}
	e->in_place = true;
	if (call->kind == TRN_COMM_ALL_GATHER) {
		e->src = mine;
		e->dst = pieces_end(call, call->dst_counts, call->dst_offsets, comm->ranks);
		e->dst_at = piece_at(call, call->dst_counts, call->dst_offsets, call->rank);
		return;
	}
	e->dst = mine;
	e->src = pieces_end(call, call->dst_counts, call->src_offsets, comm->ranks);
	e->src_at = piece_at(call, call->dst_counts, call->src_offsets, call->rank);
}

static void extent_fill(const struct trn_comm *comm, const struct trn_comm_call *call,
			struct trn_comm_extent *e)
{
	*e = (struct trn_comm_extent){ .src = call->count, .dst = call->count };
	switch (call->kind) {
	case TRN_COMM_ALL_GATHER:
	case TRN_COMM_REDUCE_SCATTER:
	case TRN_COMM_ALL_TO_ALL:
		extent_pieces(comm, call, e);
		break;
	case TRN_COMM_PERMUTE:
		e->src_used = call->permutation[call->rank] != UINT32_MAX;
		for (uint32_t i = 0; i < comm->ranks; i++)
			e->dst_used = e->dst_used || call->permutation[i] == call->rank;
		break;
	case TRN_COMM_BARRIER:
		break;
	default:
		e->in_place = call->kind != TRN_COMM_SEND && call->kind != TRN_COMM_RECV;
		e->src_used = call->kind != TRN_COMM_RECV &&
			      (call->kind != TRN_COMM_BROADCAST || call->root == call->rank);
		e->dst_used = call->kind != TRN_COMM_SEND &&
			      (call->kind != TRN_COMM_REDUCE || call->root == call->rank);
		break;
	}
	e->src_used = e->src_used && e->src > 0;
	e->dst_used = e->dst_used && e->dst > 0;
}

static int call_refuse(struct trn_comm *comm, const struct trn_comm_call *call, int code,
		       const char *operation, const char *why)
{
	return trn_fail(comm->context, NULL, code, operation, "%s of rank %u: %s",
			trn_comm_kind_name(call->kind), call->rank, why);
}

/* An algorithm that is asked for and that nobody would look at. */
static const char *algorithm_wrong(const struct trn_comm *comm, const struct trn_comm_call *call)
{
	const bool host = call->algorithm == TRN_COMM_HOST;

	if (call->algorithm == TRN_COMM_AUTO)
		return NULL;
	if (comm->host || !comm->team)
		return host ? NULL : "between processes the algorithm is AUTO or HOST";
	if (host)
		return "algorithm HOST is between processes";
	return trn_comm_kind_p2p(call->kind) ? "point-to-point calls have no algorithm" : NULL;
}

int trn_comm_call_check(struct trn_comm *comm, const struct trn_comm_call *call,
			const char *operation, struct trn_comm_extent *ret_extent)
{
	const char *why = members_wrong(comm, call);

	if (why)
		return call_refuse(comm, call, -EINVAL, operation, why);
	why = algorithm_wrong(comm, call);
	if (why)
		return call_refuse(comm, call, -ENOTSUP, operation, why);
	extent_fill(comm, call, ret_extent);
	return 0;
}

static const char *span_wrong(const struct trn_comm_span *span, struct trn_device *device,
			      uint64_t elements, uint32_t element)
{
	if (!span->buffer)
		return "a span has no device buffer";
	if (!TRN_HANDLE_OK(span->buffer, TRN_OBJECT_BUFFER))
		return "a buffer was given back";
	if (span->buffer->device != device)
		return "a buffer of another device";
	if (span->buffer->peer)
		return "the memory is another chip's";
	if (span->host)
		return "a span has a buffer and host memory";
	if (span->offset % element != 0)
		return "an offset is no multiple of the element";
	if (elements > UINT64_MAX / 8 ||
	    !trn_range_ok(span->offset, elements * element, span->buffer->bytes))
		return "a range is not inside its buffer";
	return NULL;
}

/* Other chips write there: they do not reach a host's memory. */
static bool is_host(const struct trn_buffer *buffer)
{
	return (buffer->root ? buffer->root : buffer)->mem.kind != TRN_HAL_MEM_HBM;
}

/* Both ranges overlap, and are not the same place. */
static bool overlap_wrong(const struct trn_comm_call *call, const struct trn_comm_extent *e,
			  uint32_t element)
{
	const uint64_t src = call->src.buffer->address + call->src.offset;
	const uint64_t dst = call->dst.buffer->address + call->dst.offset;

	if (dst >= src + e->src * element || src >= dst + e->dst * element)
		return false;
	return !e->in_place || src + e->src_at * element != dst + e->dst_at * element;
}

int trn_comm_call_spans(struct trn_comm *comm, const struct trn_comm_call *call,
			struct trn_device *device, const struct trn_comm_extent *extent,
			const char *operation)
{
	const uint32_t element = trn_comm_element(call->dtype);
	const char *why = NULL;

	if (extent->src_used)
		why = span_wrong(&call->src, device, extent->src, element);
	if (!why && extent->dst_used)
		why = span_wrong(&call->dst, device, extent->dst, element);
	if (!why && extent->dst_used && is_host(call->dst.buffer))
		why = "dst is in host memory, which other chips do not reach";
	if (!why && extent->src_used && extent->dst_used && overlap_wrong(call, extent, element))
		why = "src and dst overlap, and it is not in place";
	if (why)
		return call_refuse(comm, call, -EINVAL, operation, why);
	return 0;
}

bool trn_comm_call_host(const struct trn_comm_call *call, const struct trn_comm_extent *extent)
{
	return (extent->src_used && call->src.host) || (extent->dst_used && call->dst.host);
}

static bool same_numbers(const uint64_t *a, const uint64_t *b, uint32_t ranks)
{
	if (!a || !b)
		return a == b;
	return memcmp(a, b, ranks * sizeof(*a)) == 0;
}

int trn_comm_call_match(const struct trn_comm_call *a, const struct trn_comm_call *b,
			uint32_t ranks, const char **ret_why)
{
	const bool pairs = a->kind == TRN_COMM_ALL_TO_ALL && (a->src_counts || b->src_counts);

	*ret_why = NULL;
	if (a->kind != b->kind)
		*ret_why = "kind";
	else if (a->kind == TRN_COMM_BARRIER)
		return 0;
	else if (a->dtype != b->dtype)
		*ret_why = "dtype";
	else if (a->count != b->count && !pairs)
		*ret_why = "count";
	else if (kind_reduces(a->kind) && a->op != b->op)
		*ret_why = "op";
	else if (kind_rooted(a->kind) && a->root != b->root)
		*ret_why = "root";
	else if (a->algorithm != b->algorithm)
		*ret_why = "algorithm";
	else if ((a->kind == TRN_COMM_ALL_GATHER || a->kind == TRN_COMM_REDUCE_SCATTER) &&
		 !same_numbers(a->dst_counts, b->dst_counts, ranks))
		*ret_why = "dst_counts";
	else if (a->kind == TRN_COMM_ALL_GATHER &&
		 !same_numbers(a->dst_offsets, b->dst_offsets, ranks))
		*ret_why = "dst_offsets";
	return *ret_why ? -TRN_ERANK : 0;
}
