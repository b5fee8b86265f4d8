/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives on host memory: what a call means, the order they run in, deadlines. How bytes move
 * is in hostcoll_map.c and hostcoll_net.c. */
#include "runtime/wire_private.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/number.h"

#define LOOK_STEPS 64u
#define LOOK_NS UINT64_C(1000000)
#define ELEMENTS_MAX (UINT64_C(1) << 48)

/* What a kind needs; the words are for errors. */
static const struct kind {
	const char *name;
	bool reduces, message, src, dst, root;
} kinds[TRN_COMM_KINDS] = {
	[TRN_COMM_ALL_REDUCE] = { "all_reduce", .reduces = true, .src = true, .dst = true },
	[TRN_COMM_REDUCE_SCATTER] = { "reduce_scatter", .reduces = true, .src = true, .dst = true },
	[TRN_COMM_ALL_GATHER] = { "all_gather", .src = true, .dst = true },
	[TRN_COMM_ALL_TO_ALL] = { "all_to_all", .src = true, .dst = true },
	[TRN_COMM_BROADCAST] = { "broadcast", .root = true },
	[TRN_COMM_REDUCE] = { "reduce", .reduces = true, .src = true, .root = true },
	[TRN_COMM_SEND] = { "send", .message = true, .src = true, .root = true },
	[TRN_COMM_RECV] = { "recv", .message = true, .dst = true, .root = true },
	[TRN_COMM_PERMUTE] = { "permute", .src = true, .dst = true },
	[TRN_COMM_BARRIER] = { "barrier" },
};

/* ---- signatures: kind 8 bits, op 8, dtype 8, v 8, root 32 ---- */

static uint64_t signature_of(const struct trn_hostcoll *coll)
{
	const struct trn_hostcoll_call *call = &coll->call;
	/* Root, or what else must be the same on all. */
	uint64_t low = kinds[call->kind].root ? call->root : 0;

	if (call->kind == TRN_COMM_PERMUTE)
		low = (uint32_t)trn_hash_bytes(TRN_HASH_INIT, call->permutation,
					       coll->wire->processes * sizeof(uint32_t));
	else if (call->dst_counts && call->kind != TRN_COMM_ALL_TO_ALL)
		low = (uint32_t)trn_hash_bytes(TRN_HASH_INIT, call->dst_counts,
					       coll->wire->processes * sizeof(uint64_t));
	return (uint64_t)call->kind << 56 |
	       (kinds[call->kind].reduces ? (uint64_t)call->op << 48 : 0) |
	       (call->kind == TRN_COMM_BARRIER ? 0 : (uint64_t)call->dtype << 40) |
	       (uint64_t)trn_hostcoll_is_v(coll) << 32 | low;
}

static void describe(char *text, size_t size, uint64_t signature, uint64_t count)
{
	const uint32_t kind = (uint32_t)(signature >> 56);
	const bool reduces = kind < TRN_COMM_KINDS && kinds[kind].reduces;

	(void)snprintf(text, size, "%s%s%u dtype %u count %llu root %u",
		       kind < TRN_COMM_KINDS ? kinds[kind].name : "nonsense",
		       reduces ? " op " : " ", (unsigned int)(signature >> 48 & 0xff),
		       (unsigned int)(signature >> 40 & 0xff), (unsigned long long)count,
		       (unsigned int)signature);
}

int trn_hostcoll_differs(struct trn_hostcoll *coll, uint32_t process, uint64_t signature,
			 uint64_t count)
{
	char theirs[96], ours[96];

	if (signature == coll->signature && (count == coll->call.count || trn_hostcoll_is_v(coll)))
		return 0;
	describe(theirs, sizeof(theirs), signature, count);
	describe(ours, sizeof(ours), coll->signature, coll->call.count);
	return trn_wire_blame(coll->wire, process, "calls %s, here it is %s", theirs, ours);
}

int trn_hostcoll_letter_differs(struct trn_hostcoll *coll, uint64_t tag, uint64_t bytes)
{
	const uint64_t mine = coll->call.count * coll->size;

	if (tag >> 24 != coll->call.tag >> 24)
		return trn_wire_blame(coll->wire, coll->call.root,
				      "sends from rank %u to rank %u what rank %u receives from "
				      "rank %u",
				      (unsigned int)(tag >> 44),
				      (unsigned int)(tag >> 24 & 0xfffff),
				      (unsigned int)(coll->call.tag >> 24 & 0xfffff),
				      (unsigned int)(coll->call.tag >> 44));
	if (bytes != mine)
		return trn_wire_blame(coll->wire, coll->call.root,
				      "sends %llu bytes where this process receives %llu",
				      (unsigned long long)bytes, (unsigned long long)mine);
	if (tag != coll->call.tag)
		return trn_wire_blame(coll->wire, coll->call.root,
				      "sends another dtype or count than this process receives");
	return 0;
}

/* ---- pieces ---- */

static struct trn_hostcoll_piece piece_of(const uint64_t *counts, const uint64_t *offsets,
					  uint64_t count, uint32_t process)
{
	struct trn_hostcoll_piece piece = { .count = counts ? counts[process] : count };

	if (offsets)
		piece.offset = offsets[process];
	else if (!counts)
		piece.offset = process * count;
	else
		for (uint32_t p = 0; p < process; p++)
			piece.offset += counts[p];
	return piece;
}

struct trn_hostcoll_piece trn_hostcoll_to(const struct trn_hostcoll *coll, uint32_t process)
{
	const struct trn_hostcoll_call *call = &coll->call;
	const uint32_t me = coll->wire->process;

	switch (call->kind) {
	case TRN_COMM_ALL_TO_ALL:
		return piece_of(call->src_counts, call->src_offsets, call->count, process);
	case TRN_COMM_REDUCE_SCATTER:
		return piece_of(call->dst_counts, call->src_offsets, call->count, process);
	case TRN_COMM_ALL_GATHER:
		return (struct trn_hostcoll_piece){ 0, call->dst_counts ? call->dst_counts[me] :
									  call->count };
	case TRN_COMM_PERMUTE:
		return (struct trn_hostcoll_piece){ 0, call->permutation[me] == process ?
							       call->count :
							       0 };
	default:
		return (struct trn_hostcoll_piece){ 0, call->count };
	}
}

struct trn_hostcoll_piece trn_hostcoll_from(const struct trn_hostcoll *coll, uint32_t process)
{
	const struct trn_hostcoll_call *call = &coll->call;

	switch (call->kind) {
	case TRN_COMM_ALL_TO_ALL:
	case TRN_COMM_ALL_GATHER:
		return piece_of(call->dst_counts, call->dst_offsets, call->count, process);
	case TRN_COMM_PERMUTE:
		return (struct trn_hostcoll_piece){ 0, process == trn_hostcoll_permuted_from(coll) ?
							       call->count :
							       0 };
	default:
		return (struct trn_hostcoll_piece){ 0, call->count };
	}
}

struct trn_hostcoll_piece trn_hostcoll_part(const struct trn_hostcoll *coll, uint64_t count,
					    uint32_t process)
{
	/* Parts begin on lines of the cache. */
	const uint64_t line = 64 / coll->size, n = coll->wire->processes;
	const uint64_t part = (count / n + (count % n ? 1 : 0) + line - 1) / line * line;
	const uint64_t first = trn_min_u64(part * process, count);

	return (struct trn_hostcoll_piece){ first, trn_min_u64(part, count - first) };
}

uint32_t trn_hostcoll_permuted_from(const struct trn_hostcoll *coll)
{
	for (uint32_t p = 0; p < coll->wire->processes; p++)
		if (coll->call.permutation[p] == coll->wire->process)
			return p;
	return UINT32_MAX;
}

uint64_t trn_hostcoll_most(const struct trn_hostcoll *coll)
{
	uint64_t most = coll->call.count;

	if (!trn_hostcoll_is_v(coll))
		return most;
	most = 0;
	for (uint32_t p = 0; p < coll->wire->processes; p++)
		most = trn_max_u64(most, trn_hostcoll_to(coll, p).count);
	return most;
}

/* ---- a process alone ---- */

static const unsigned char *src_of(const struct trn_hostcoll *coll, uint64_t offset)
{
	return (const unsigned char *)coll->call.src + offset * coll->size;
}

static int alone_collective(struct trn_hostcoll *coll)
{
	const struct trn_hostcoll_call *call = &coll->call;
	const struct trn_hostcoll_piece to = trn_hostcoll_to(coll, 0);
	const struct trn_hostcoll_piece from = trn_hostcoll_from(coll, 0);
	const void *src = src_of(coll, to.offset);
	unsigned char *dst = (unsigned char *)call->dst;

	if (call->kind == TRN_COMM_BARRIER)
		return 0;
	if (kinds[call->kind].reduces)
		trn_reduce_row(dst, &src, 1, &coll->how, to.count);
	else
		memmove(dst + from.offset * coll->size, src, from.count * coll->size);
	return 0;
}

/* Messages to oneself: the n-th send meets the n-th receive. */
static int alone_message(struct trn_hostcoll *coll)
{
	struct trn_hostcoll *other;

	if (coll->call.kind != TRN_COMM_RECV)
		return -EAGAIN;
	for (other = coll->wire->messages.first; other; other = other->next)
		if (other->call.kind == TRN_COMM_SEND && other->result == -EAGAIN &&
		    other->at.message.sequence == coll->at.message.sequence)
			break;
	if (!other)
		return -EAGAIN;
	if (other->call.count * other->size != coll->call.count * coll->size)
		return trn_wire_broken(coll->wire, -EINVAL,
				       "a send to itself has %llu bytes, its receive %llu",
				       (unsigned long long)(other->call.count * other->size),
				       (unsigned long long)(coll->call.count * coll->size));
	memmove(coll->call.dst, other->call.src, coll->call.count * coll->size);
	other->result = 0;
	return 0;
}

static uint32_t alone_waits_for(const struct trn_hostcoll *coll)
{
	(void)coll;
	return UINT32_MAX;
}

static void no_end(struct trn_hostcoll *coll)
{
	(void)coll;
}

const struct trn_hostcoll_way trn_hostcoll_alone = { alone_collective, alone_message,
						     alone_waits_for, no_end };

/* ---- starting ---- */

static const char *counts_wrong(const struct trn_hostcoll *coll)
{
	const struct trn_hostcoll_call *call = &coll->call;
	const uint64_t *const arrays[] = { call->src_counts, call->src_offsets, call->dst_counts,
					   call->dst_offsets };

	if (call->count > ELEMENTS_MAX)
		return "count is above 2^48";
	for (size_t a = 0; a < TRN_ARRAY_LEN(arrays); a++)
		for (uint32_t p = 0; arrays[a] && p < coll->wire->processes; p++)
			if (arrays[a][p] > ELEMENTS_MAX)
				return "a count or offset is above 2^48";
	if (call->src_counts && call->kind != TRN_COMM_ALL_TO_ALL)
		return "src_counts are for ALL_TO_ALL";
	if (call->dst_counts && call->kind != TRN_COMM_ALL_TO_ALL &&
	    call->kind != TRN_COMM_ALL_GATHER && call->kind != TRN_COMM_REDUCE_SCATTER)
		return "dst_counts are for ALL_TO_ALL, ALL_GATHER and REDUCE_SCATTER";
	if (call->kind == TRN_COMM_ALL_TO_ALL && !call->src_counts != !call->dst_counts)
		return "src_counts and dst_counts come together";
	return NULL;
}

static const char *permutation_wrong(const struct trn_hostcoll *coll)
{
	const uint32_t *permutation = coll->call.permutation;
	const uint32_t n = coll->wire->processes;

	if (!permutation)
		return "permutation is NULL";
	for (uint32_t p = 0; p < n; p++) {
		if (permutation[p] == UINT32_MAX)
			continue;
		if (permutation[p] >= n)
			return "permutation names a rank that is not there";
		for (uint32_t q = 0; q < p; q++)
			if (permutation[q] == permutation[p])
				return "permutation names a rank twice";
	}
	return NULL;
}

static const char *wrong_with(struct trn_hostcoll *coll)
{
	const struct trn_hostcoll_call *call = &coll->call;
	const struct kind *kind;
	const bool root = call->root == coll->wire->process;

	if ((uint32_t)call->kind >= TRN_COMM_KINDS)
		return "kind is unknown";
	kind = &kinds[call->kind];
	if (call->kind == TRN_COMM_BARRIER)
		return NULL;
	if ((uint32_t)call->dtype >= TRN_DTYPE_COUNT || trn_dtype_size(call->dtype) == 0)
		return "dtype has no size";
	coll->size = (uint32_t)trn_dtype_size(call->dtype);
	if (kind->reduces && !trn_reduce_has(call->dtype))
		return "dtype cannot be reduced";
	if (kind->reduces && (uint32_t)call->op >= TRN_COMM_OPS)
		return "op is unknown";
	if (kind->root && call->root >= coll->wire->processes)
		return "root is not there";
	if (counts_wrong(coll))
		return counts_wrong(coll);
	if (call->kind == TRN_COMM_PERMUTE && permutation_wrong(coll))
		return permutation_wrong(coll);
	if (call->count == 0 && !trn_hostcoll_is_v(coll))
		return NULL;
	if (!call->src && (kind->src || (call->kind == TRN_COMM_BROADCAST && root)))
		return "src is NULL";
	if (!call->dst && (kind->dst || (call->kind == TRN_COMM_BROADCAST && !root) ||
			   (call->kind == TRN_COMM_REDUCE && root)))
		return "dst is NULL";
	return NULL;
}

/* As base/reduce.h wants it. */
static struct trn_reduce how_of(const struct trn_hostcoll *coll)
{
	static const enum trn_ext_reduce ops[TRN_COMM_OPS] = {
		TRN_REDUCE_SUM, TRN_REDUCE_MIN, TRN_REDUCE_MAX, TRN_REDUCE_PROD, TRN_REDUCE_SUM,
	};
	const uint32_t divide = coll->call.divide ? coll->call.divide : coll->wire->processes;
	struct trn_reduce how = { coll->call.dtype, TRN_REDUCE_SUM, 1.0f, 1 };

	if (!kinds[coll->call.kind].reduces)
		return how;
	how.op = ops[coll->call.op];
	if (coll->call.op == TRN_COMM_AVG) {
		how.scale = 1.0f / (float)divide;
		how.divisor = divide;
	}
	return how;
}

/* Pointers that nothing is read or written through may be NULL; a sum with one may not. */
static void fill_blanks(struct trn_hostcoll *coll)
{
	static uint64_t nothing[8];
	struct trn_hostcoll_call *call = &coll->call;

	if (call->kind == TRN_COMM_BROADCAST && call->root == coll->wire->process && !call->dst)
		call->dst = (void *)(uintptr_t)call->src;
	if (!call->src)
		call->src = nothing;
	if (!call->dst)
		call->dst = nothing;
}

static void append(struct trn_hostcoll_list *list, struct trn_hostcoll *coll)
{
	coll->next = NULL;
	*list->end = coll;
	list->end = &coll->next;
}

static void take_out(struct trn_hostcoll_list *list, struct trn_hostcoll *coll)
{
	struct trn_hostcoll **at = &list->first;

	while (*at && *at != coll)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = coll->next;
	if (!coll->next)
		list->end = at;
}

static void find_ends(struct trn_hostcoll *coll)
{
	const struct trn_hostcoll_call *call = &coll->call;
	const bool root = call->root == coll->wire->process;

	coll->gives = call->kind != TRN_COMM_BARRIER;
	coll->wants = coll->gives;
	if (call->kind == TRN_COMM_BROADCAST)
		coll->gives = root;
	if (call->kind == TRN_COMM_REDUCE)
		coll->wants = root;
	if (call->kind == TRN_COMM_PERMUTE) {
		coll->gives = call->permutation[coll->wire->process] != UINT32_MAX;
		coll->wants = trn_hostcoll_permuted_from(coll) != UINT32_MAX;
	}
}

static void enqueue(struct trn_wire *wire, struct trn_hostcoll *coll)
{
	uint64_t *counter;

	if (!kinds[coll->call.kind].message) {
		coll->sequence = ++wire->sequence;
		append(&wire->collectives, coll);
		return;
	}
	counter = coll->call.kind == TRN_COMM_SEND ? wire->sent : wire->received;
	coll->at.message.sequence = ++counter[coll->call.root];
	append(&wire->messages, coll);
}

uint32_t trn_hostcoll_room(const struct trn_wire *wire)
{
	return TRN_HOSTCOLL_MAX - wire->colls_used;
}

int trn_hostcoll_check(struct trn_wire *wire, const struct trn_hostcoll_call *call)
{
	struct trn_hostcoll coll = { .wire = wire, .call = *call, .size = 1 };
	const char *wrong = wrong_with(&coll);

	return wrong ? trn_fail(wire->context, NULL, -EINVAL, "trn_comm", "%s", wrong) : 0;
}

int trn_hostcoll_start(struct trn_wire *wire, const struct trn_hostcoll_call *call,
		       struct trn_hostcoll **ret_coll)
{
	struct trn_hostcoll *coll = NULL;
	const char *wrong;
	int r = trn_wire_own(wire, "trn_comm");

	if (r < 0)
		return r;
	if (wire->failed)
		return trn_wire_failed(wire);
	for (uint32_t i = 0; i < TRN_HOSTCOLL_MAX && !coll; i++)
		if (!wire->colls[i].used)
			coll = &wire->colls[i];
	if (!coll)
		return trn_fail(wire->context, NULL, -EBUSY, "trn_comm",
				"%u collectives are under way", TRN_HOSTCOLL_MAX);
	*coll = (struct trn_hostcoll){ .wire = wire, .call = *call, .result = -EAGAIN, .size = 1 };
	wrong = wrong_with(coll);
	if (wrong)
		return trn_fail(wire->context, NULL, -EINVAL, "trn_comm", "%s", wrong);
	fill_blanks(coll);
	find_ends(coll);
	coll->how = how_of(coll);
	coll->signature = signature_of(coll);
	coll->used = true;
	wire->colls_used++;
	enqueue(wire, coll);
	*ret_coll = coll;
	return 0;
}

/* ---- running ---- */

static bool same_lane(const struct trn_hostcoll *a, const struct trn_hostcoll *b)
{
	return a->call.kind == b->call.kind && a->call.root == b->call.root;
}

/* Of the messages between two processes in one direction only the oldest moves. */
static bool is_oldest(const struct trn_hostcoll *coll)
{
	const struct trn_hostcoll *other = coll->wire->messages.first;

	while (other != coll && !same_lane(other, coll))
		other = other->next;
	return other == coll;
}

static void run_messages(struct trn_wire *wire)
{
	struct trn_hostcoll *coll = wire->messages.first, *next;

	for (; coll && !wire->failed; coll = next) {
		next = coll->next;
		if (coll->result == -EAGAIN && is_oldest(coll))
			coll->result = wire->way->message(coll);
	}
	for (coll = wire->messages.first; coll; coll = next) {
		next = coll->next;
		if (coll->result != -EAGAIN)
			take_out(&wire->messages, coll);
	}
}

static void run_collectives(struct trn_wire *wire)
{
	struct trn_hostcoll *coll;

	while (!wire->failed && (coll = wire->collectives.first)) {
		coll->result = wire->way->collective(coll);
		if (coll->result == -EAGAIN)
			return;
		take_out(&wire->collectives, coll);
	}
}

/* What moves before this one can: of messages the oldest between the same two, of collectives the
 * one that runs. */
static struct trn_hostcoll *head_of(struct trn_hostcoll *coll)
{
	struct trn_wire *wire = coll->wire;
	struct trn_hostcoll *head = wire->messages.first;

	if (!kinds[coll->call.kind].message)
		return wire->collectives.first ? wire->collectives.first : coll;
	while (head && !same_lane(head, coll))
		head = head->next;
	return head ? head : coll;
}

/* The deadline passed: whoever is waited for is late. */
static int late(struct trn_hostcoll *coll)
{
	struct trn_wire *wire = coll->wire;
	const uint32_t process = wire->way->waits_for(head_of(coll));

	if (process == UINT32_MAX)
		return trn_wire_broken(wire, -ETIMEDOUT, "%s: the deadline passed",
				       kinds[coll->call.kind].name);
	return trn_wire_blame(wire, process, "made no progress before the deadline (%s)",
			      kinds[coll->call.kind].name);
}

/* A process that closed in order is missed by who still waits for it. What it did before is seen by
 * the steps between two looks. */
static int forsaken(struct trn_hostcoll *coll)
{
	struct trn_wire *wire = coll->wire;
	struct trn_hostcoll *head = head_of(coll);
	const uint32_t process = wire->map ? wire->way->waits_for(head) : UINT32_MAX;
	const bool before = head->forsaken;

	head->forsaken = process != UINT32_MAX && trn_map_closed(wire->map, process);
	if (!head->forsaken || !before)
		return 0;
	return trn_wire_blame(wire, process, "has closed its communicator (%s)",
			      kinds[head->call.kind].name);
}

static int look(struct trn_hostcoll *coll)
{
	struct trn_wire *wire = coll->wire;
	uint64_t now = trn_clock_ns();
	int r = 0;

	if (now >= wire->next_look_ns) {
		wire->next_look_ns = now + LOOK_NS;
		r = trn_wire_look(wire);
		if (r == 0)
			r = forsaken(coll);
	}
	if (r == 0 && now >= coll->call.deadline_ns)
		r = late(coll);
	return r;
}

int trn_hostcoll_step(struct trn_hostcoll *coll)
{
	struct trn_wire *wire = coll->wire;

	if (coll->result == -EAGAIN && !wire->failed) {
		if (wire->messages.first)
			run_messages(wire);
		run_collectives(wire);
	}
	if (coll->result == 0)
		return 0;
	if (coll->result == -EAGAIN && !wire->failed &&
	    (++wire->steps % LOOK_STEPS != 0 || look(coll) == 0))
		return -EAGAIN;
	coll->result = wire->failure.code;
	return trn_wire_failed(wire);
}

int trn_hostcoll_wait(struct trn_hostcoll *coll)
{
	unsigned int round = 0;
	int r;

	while ((r = trn_hostcoll_step(coll)) == -EAGAIN)
		trn_wire_relax(coll->wire, &round);
	return r;
}

void trn_hostcoll_end(struct trn_hostcoll *coll)
{
	struct trn_wire *wire;

	if (!coll || !coll->used)
		return;
	wire = coll->wire;
	if (coll->result == -EAGAIN && !wire->failed)
		(void)trn_wire_broken(wire, -ECANCELED, "%s: given up before it was done",
				      kinds[coll->call.kind].name);
	take_out(&wire->collectives, coll);
	take_out(&wire->messages, coll);
	wire->way->end(coll);
	coll->used = false;
	wire->colls_used--;
}

int trn_hostcoll_run(struct trn_wire *wire, const struct trn_hostcoll_call *call)
{
	struct trn_hostcoll *coll;
	int r = trn_hostcoll_start(wire, call, &coll);

	if (r < 0)
		return r;
	r = trn_hostcoll_wait(coll);
	trn_hostcoll_end(coll);
	return r;
}
