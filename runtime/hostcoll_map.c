/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectives through the shared mapping. A call is a number of rounds, a round is: fill a half of
 * the own slot, arrive, wait for all, take what is in the halves of the others. The next round
 * uses the other half, so nobody writes what a slow one still reads: who passes the barrier of a
 * round knows that all have done with the round before.
 *
 * Long reductions wait twice: parts are reduced, one by each process, into the slots' third part
 * and then taken from there. Long calls whose memory lies in the mapping on all processes
 * (trn_comm_host_alloc()) go directly, in one pass: every process reads its part of all sources
 * and writes it to all destinations.
 */
#include "runtime/wire_private.h"

#include <errno.h>

#define SMALL_BYTES 8192u         /* up to here everybody reduces everything */
#define DIRECT_BLOCK_BYTES 16384u /* of a result, in the first-level cache */

enum stage {
	STAGE_BEGIN,   /* nothing was said yet */
	STAGE_MET,     /* said what it is, and filled the half if it will be; waits for all */
	STAGE_FILLED,  /* the half is full; waits for all */
	STAGE_REDUCED, /* the own part is ready; waits for all */
	STAGE_LAST,    /* direct: waits until all have read and written */
};

static struct trn_map *map_of(const struct trn_hostcoll *coll)
{
	return coll->wire->map;
}

static uint32_t parity(const struct trn_hostcoll *coll)
{
	return (uint32_t)(coll->sequence & 1);
}

/* Which half the round at hand uses: by barriers, as all have come to equally many. */
static uint32_t half_now(const struct trn_map *map)
{
	return (uint32_t)(map->epoch & 1);
}

/* ---- what a round moves ---- */

/* Parts of a half: one for each process, or one for all. */
static uint32_t subs_of(const struct trn_hostcoll *coll)
{
	const enum trn_comm_kind kind = coll->call.kind;

	return kind == TRN_COMM_REDUCE_SCATTER || kind == TRN_COMM_ALL_TO_ALL ?
		       coll->wire->processes :
		       1;
}

static uint32_t sub_bytes(const struct trn_hostcoll *coll)
{
	return TRN_MAP_SLOT_BYTES / subs_of(coll) & ~63u;
}

static unsigned char *sub_at(const struct trn_hostcoll *coll, uint32_t process, uint32_t half,
			     uint32_t sub)
{
	return trn_map_slot(map_of(coll), process, half) + (size_t)sub * sub_bytes(coll);
}

/* What of a piece belongs to this round. */
static struct trn_hostcoll_piece cut(const struct trn_hostcoll *coll,
				     struct trn_hostcoll_piece piece)
{
	const uint64_t chunk = coll->at.map.chunk;
	const uint64_t first = trn_min_u64(coll->at.map.round * chunk, piece.count);

	return (struct trn_hostcoll_piece){ piece.offset + first,
					    trn_min_u64(chunk, piece.count - first) };
}

static void fill(struct trn_hostcoll *coll)
{
	struct trn_map *map = map_of(coll);
	/* It arrives next, and then this is the half. */
	const uint32_t half = half_now(map) ^ 1, subs = subs_of(coll);
	struct trn_map_rank *mine = trn_map_rank(map, map->process);
	const unsigned char *src = coll->call.src;

	for (uint32_t s = 0; s < subs && coll->gives; s++) {
		uint32_t to = subs == 1 ? map->process : s;
		struct trn_hostcoll_piece piece;

		if (coll->call.kind == TRN_COMM_PERMUTE)
			to = coll->call.permutation[map->process];
		piece = cut(coll, trn_hostcoll_to(coll, to));
		mine->bytes[half][s] = (uint32_t)(piece.count * coll->size);
		/* Its own piece goes from src to dst. */
		if (subs > 1 && to == map->process)
			continue;
		if (piece.count > 0)
			memcpy(sub_at(coll, map->process, half, s), src + piece.offset * coll->size,
			       piece.count * coll->size);
	}
}

/* Sources of a reduction, ascending; the own one where it lies. */
static void sources(const struct trn_hostcoll *coll, uint32_t half, uint32_t sub, const void *own,
		    uint64_t offset, const void **ret_src)
{
	for (uint32_t p = 0; p < coll->wire->processes; p++)
		ret_src[p] = sub_at(coll, p, half, sub) + offset * coll->size;
	if (own)
		ret_src[coll->wire->process] = own;
}

/* A piece from one process into the own destination. */
static int take(struct trn_hostcoll *coll, uint32_t from, uint32_t sub)
{
	struct trn_map *map = map_of(coll);
	const uint32_t half = half_now(map);
	const struct trn_hostcoll_piece piece = cut(coll, trn_hostcoll_from(coll, from));
	unsigned char *dst = (unsigned char *)coll->call.dst + piece.offset * coll->size;
	const uint32_t bytes = (uint32_t)(piece.count * coll->size);
	const uint32_t told = trn_map_rank(map, from)->bytes[half][sub];

	if (told != bytes)
		return trn_wire_blame(coll->wire, from,
				      "gives %u bytes where this process takes %u", told, bytes);
	if (bytes == 0)
		return 0;
	if (from == map->process && subs_of(coll) > 1) {
		const struct trn_hostcoll_piece to = cut(coll, trn_hostcoll_to(coll, from));

		memmove(dst, (const unsigned char *)coll->call.src + to.offset * coll->size, bytes);
	} else {
		memcpy(dst, sub_at(coll, from, half, sub), bytes);
	}
	return 0;
}

static int take_all(struct trn_hostcoll *coll)
{
	const uint32_t sub = subs_of(coll) > 1 ? coll->wire->process : 0;
	int r = 0;

	for (uint32_t p = 0; r == 0 && p < coll->wire->processes; p++)
		r = take(coll, p, sub);
	return r;
}

/* The whole chunk by everybody who wants it. */
static void reduce_here(struct trn_hostcoll *coll)
{
	const uint32_t me = coll->wire->process, half = half_now(map_of(coll));
	const bool scatter = coll->call.kind == TRN_COMM_REDUCE_SCATTER;
	const struct trn_hostcoll_piece piece = cut(coll, trn_hostcoll_to(coll, me));
	const void *src[TRN_MAP_PROCESSES_MAX];
	const unsigned char *own = (const unsigned char *)coll->call.src;
	/* Of a scatter the result begins where dst does. */
	const uint64_t at = scatter ? coll->at.map.round * coll->at.map.chunk : piece.offset;

	sources(coll, half, scatter ? me : 0, own + piece.offset * coll->size, 0, src);
	trn_reduce_row((unsigned char *)coll->call.dst + at * coll->size, src,
		       coll->wire->processes, &coll->how, piece.count);
}

/* The own part of the chunk, for all. */
static void reduce_part(struct trn_hostcoll *coll)
{
	struct trn_map *map = map_of(coll);
	const struct trn_hostcoll_piece chunk = cut(coll, trn_hostcoll_to(coll, map->process));
	const struct trn_hostcoll_piece part = trn_hostcoll_part(coll, chunk.count, map->process);
	const void *src[TRN_MAP_PROCESSES_MAX];

	sources(coll, half_now(map), 0, NULL, part.offset, src);
	trn_reduce_row(trn_map_slot(map, map->process, 2), src, map->processes, &coll->how,
		       part.count);
}

static void take_parts(struct trn_hostcoll *coll)
{
	struct trn_map *map = map_of(coll);
	const struct trn_hostcoll_piece chunk = cut(coll, trn_hostcoll_to(coll, map->process));
	unsigned char *dst = (unsigned char *)coll->call.dst + chunk.offset * coll->size;

	if (coll->call.kind == TRN_COMM_REDUCE && coll->call.root != map->process)
		return;
	for (uint32_t p = 0; p < map->processes; p++) {
		const struct trn_hostcoll_piece part = trn_hostcoll_part(coll, chunk.count, p);

		if (part.count > 0)
			memcpy(dst + part.offset * coll->size, trn_map_slot(map, p, 2),
			       part.count * coll->size);
	}
}

/* ---- directly between memory in the mapping ---- */

/* Buffers of all, as this process sees them. */
struct direct {
	unsigned char *src[TRN_MAP_PROCESSES_MAX], *dst[TRN_MAP_PROCESSES_MAX];
};

static uint64_t src_elements(const struct trn_hostcoll *coll)
{
	return coll->call.count * subs_of(coll);
}

static uint64_t dst_elements(const struct trn_hostcoll *coll)
{
	const enum trn_comm_kind kind = coll->call.kind;

	return kind == TRN_COMM_ALL_GATHER || kind == TRN_COMM_ALL_TO_ALL ?
		       coll->call.count * coll->wire->processes :
		       coll->call.count;
}

static bool has_direct(const struct trn_hostcoll *coll)
{
	switch (coll->call.kind) {
	case TRN_COMM_ALL_REDUCE:
	case TRN_COMM_REDUCE_SCATTER:
	case TRN_COMM_ALL_GATHER:
	case TRN_COMM_ALL_TO_ALL:
		return !trn_hostcoll_is_v(coll);
	default:
		return false;
	}
}

/* Is the memory of a process in the mapping, by what it said? */
static bool direct_find(const struct trn_hostcoll *coll, uint32_t process,
			struct direct *ret_direct)
{
	struct trn_map *map = map_of(coll);
	const struct trn_map_rank *rank = trn_map_rank(map, process);

	ret_direct->src[process] = trn_map_at(map, rank->src[parity(coll)],
					      src_elements(coll) * coll->size, coll->size);
	ret_direct->dst[process] = trn_map_at(map, rank->dst[parity(coll)],
					      dst_elements(coll) * coll->size, coll->size);
	return ret_direct->src[process] && ret_direct->dst[process];
}

/* How many processes' memory is: all count the same. */
static uint32_t direct_count(const struct trn_hostcoll *coll, struct direct *ret_direct)
{
	uint32_t found = 0;

	for (uint32_t p = 0; has_direct(coll) && p < coll->wire->processes; p++)
		found += direct_find(coll, p, ret_direct);
	return found;
}

/* The own part of all sources to all destinations, a block at a time: the block of a result is
 * still in the cache when it is copied. */
static void direct_reduce(const struct trn_hostcoll *coll, const struct direct *direct)
{
	const uint32_t me = coll->wire->process, n = coll->wire->processes;
	const struct trn_hostcoll_piece part = trn_hostcoll_part(coll, coll->call.count, me);
	const uint64_t block = DIRECT_BLOCK_BYTES / coll->size;

	for (uint64_t at = 0; at < part.count; at += block) {
		const uint64_t count = trn_min_u64(block, part.count - at);
		const uint64_t offset = (part.offset + at) * coll->size;
		const void *src[TRN_MAP_PROCESSES_MAX];

		for (uint32_t p = 0; p < n; p++)
			src[p] = direct->src[p] + offset;
		trn_reduce_row(direct->dst[me] + offset, src, n, &coll->how, count);
		for (uint32_t p = 0; p < n; p++)
			if (p != me)
				memcpy(direct->dst[p] + offset, direct->dst[me] + offset,
				       count * coll->size);
	}
}

static void direct_scatter(const struct trn_hostcoll *coll, const struct direct *direct)
{
	const uint32_t me = coll->wire->process, n = coll->wire->processes;
	const uint64_t bytes = coll->call.count * coll->size;
	const void *src[TRN_MAP_PROCESSES_MAX];

	for (uint32_t p = 0; p < n; p++)
		src[p] = direct->src[p] + me * bytes;
	trn_reduce_row(direct->dst[me], src, n, &coll->how, coll->call.count);
}

static void direct_take(const struct trn_hostcoll *coll, const struct direct *direct)
{
	const uint32_t me = coll->wire->process, n = coll->wire->processes;
	const uint64_t bytes = coll->call.count * coll->size;
	const bool all_to_all = coll->call.kind == TRN_COMM_ALL_TO_ALL;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t p = (me + i) % n; /* not all from the same at once */

		memmove(direct->dst[me] + p * bytes, direct->src[p] + (all_to_all ? me * bytes : 0),
			bytes);
	}
}

static void direct_run(const struct trn_hostcoll *coll, const struct direct *direct)
{
	if (coll->call.kind == TRN_COMM_ALL_REDUCE)
		direct_reduce(coll, direct);
	else if (coll->call.kind == TRN_COMM_REDUCE_SCATTER)
		direct_scatter(coll, direct);
	else
		direct_take(coll, direct);
}

/* ---- the stages ---- */

static bool reduces(const struct trn_hostcoll *coll)
{
	return coll->call.kind == TRN_COMM_ALL_REDUCE || coll->call.kind == TRN_COMM_REDUCE;
}

static bool is_small(const struct trn_hostcoll *coll)
{
	return trn_hostcoll_is_v(coll) ||
	       coll->call.count * coll->size * subs_of(coll) <= SMALL_BYTES;
}

static void say(struct trn_hostcoll *coll)
{
	struct trn_map *map = map_of(coll);
	struct trn_map_rank *mine = trn_map_rank(map, map->process);
	const bool v = trn_hostcoll_is_v(coll);
	uint64_t src = TRN_MAP_NOWHERE, dst = TRN_MAP_NOWHERE;

	/* Of what is small a copy costs less than the second barrier, when others must have their
	 * turn on this core before it is passed. */
	if (has_direct(coll) && (!is_small(coll) || !coll->wire->crowded)) {
		src = trn_map_offset(map, coll->call.src, src_elements(coll) * coll->size);
		dst = trn_map_offset(map, coll->call.dst, dst_elements(coll) * coll->size);
	}
	mine->call[parity(coll)] =
		(struct trn_map_call){ coll->signature,
				       v ? trn_hostcoll_most(coll) : coll->call.count };
	mine->src[parity(coll)] = src;
	mine->dst[parity(coll)] = dst;
}

/* Everybody has said what it calls: compares, and counts the rounds. */
static int hear(struct trn_hostcoll *coll)
{
	struct trn_map *map = map_of(coll);
	uint64_t most = 0;

	for (uint32_t p = 0; p < map->processes; p++) {
		const struct trn_map_call said = trn_map_rank(map, p)->call[parity(coll)];
		int r = trn_hostcoll_differs(coll, p, said.signature, said.count);

		if (r < 0)
			return r;
		most = trn_max_u64(most, said.count);
	}
	coll->at.map.rounds = most / coll->at.map.chunk + (most % coll->at.map.chunk ? 1 : 0);
	return 0;
}

static void go(struct trn_hostcoll *coll, enum stage stage)
{
	coll->at.map.stage = stage;
	trn_map_arrive(map_of(coll));
}

/* Whose memory is elsewhere fills the half at once. */
static void begin(struct trn_hostcoll *coll)
{
	struct direct direct;

	coll->at.map.chunk = sub_bytes(coll) / coll->size;
	say(coll);
	if (!has_direct(coll) || !direct_find(coll, coll->wire->process, &direct))
		fill(coll);
	go(coll, STAGE_MET);
}

/* What is in the halves goes where it belongs. */
static int drain(struct trn_hostcoll *coll)
{
	switch (coll->call.kind) {
	case TRN_COMM_ALL_REDUCE:
	case TRN_COMM_REDUCE_SCATTER:
		reduce_here(coll);
		return 0;
	case TRN_COMM_REDUCE:
		if (coll->call.root == coll->wire->process)
			reduce_here(coll);
		return 0;
	case TRN_COMM_ALL_GATHER:
	case TRN_COMM_ALL_TO_ALL:
		return take_all(coll);
	case TRN_COMM_BROADCAST:
		return coll->call.dst == coll->call.src && coll->call.root == coll->wire->process ?
			       0 :
			       take(coll, coll->call.root, 0);
	case TRN_COMM_PERMUTE: {
		const uint32_t from = trn_hostcoll_permuted_from(coll);

		return from == UINT32_MAX ? 0 : take(coll, from, 0);
	}
	default:
		return 0;
	}
}

/* 0: that was the last round. */
static int next_round(struct trn_hostcoll *coll)
{
	if (++coll->at.map.round >= coll->at.map.rounds)
		return 0;
	fill(coll);
	go(coll, STAGE_FILLED);
	return -EAGAIN;
}

static int filled(struct trn_hostcoll *coll)
{
	int r;

	if (reduces(coll) && !is_small(coll)) {
		reduce_part(coll);
		go(coll, STAGE_REDUCED);
		return -EAGAIN;
	}
	r = drain(coll);
	return r < 0 ? r : next_round(coll);
}

/* All have filled a half, or all have their memory in the mapping; else all fill now. */
static int met(struct trn_hostcoll *coll)
{
	struct direct direct;
	uint32_t found;
	int r = hear(coll);

	if (r < 0)
		return r;
	found = direct_count(coll, &direct);
	if (found == 0)
		return filled(coll);
	if (found == coll->wire->processes) {
		direct_run(coll, &direct);
		go(coll, STAGE_LAST);
	} else {
		fill(coll);
		go(coll, STAGE_FILLED);
	}
	return -EAGAIN;
}

static int map_collective(struct trn_hostcoll *coll)
{
	int r = -EAGAIN;

	if (coll->at.map.stage == STAGE_BEGIN)
		begin(coll);
	while (r == -EAGAIN && trn_map_all_here(map_of(coll))) {
		switch ((enum stage)coll->at.map.stage) {
		case STAGE_MET:
			r = met(coll);
			break;
		case STAGE_FILLED:
			r = filled(coll);
			break;
		case STAGE_REDUCED:
			take_parts(coll);
			r = next_round(coll);
			break;
		default:
			r = 0;
			break;
		}
	}
	return r;
}

/* ---- messages: through the ring of the pair ---- */

/* In front of each message. Data lies behind it in the ring, or where offset says. */
struct letter {
	uint64_t bytes;
	uint64_t offset;   /* in the mapping; TRN_MAP_NOWHERE: in the ring */
	uint64_t sequence; /* of the pair */
	uint64_t tag;
};

/* The ring's bytes from at on that lie in one piece. */
static uint64_t straight(uint64_t at, uint64_t bytes)
{
	return trn_min_u64(bytes, TRN_MAP_RING_BYTES - at % TRN_MAP_RING_BYTES);
}

static int send_letter(struct trn_hostcoll *coll, struct trn_map_ring *ring)
{
	const uint64_t bytes = coll->call.count * coll->size;
	const struct letter letter = {
		.bytes = bytes,
		.offset = bytes > SMALL_BYTES ?
				  trn_map_offset(map_of(coll), coll->call.src, bytes) :
				  TRN_MAP_NOWHERE,
		.sequence = coll->at.message.sequence,
		.tag = coll->call.tag,
	};
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	if (head - tail > TRN_MAP_RING_BYTES - sizeof(letter))
		return -EAGAIN;
	/* Letters begin at multiples of their size: one never wraps. */
	memcpy(ring->data + head % TRN_MAP_RING_BYTES, &letter, sizeof(letter));
	atomic_store_explicit(&ring->head, head + sizeof(letter), memory_order_release);
	coll->at.message.end = head + sizeof(letter);
	coll->at.message.stage = letter.offset == TRN_MAP_NOWHERE ? 1 : 2;
	return 0;
}

static int send_data(struct trn_hostcoll *coll, struct trn_map_ring *ring)
{
	const unsigned char *src = coll->call.src;
	const uint64_t bytes = coll->call.count * coll->size;
	/* Padded, so that the next letter begins where one may. */
	const uint64_t padded = trn_align_up(bytes, sizeof(struct letter));
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	while (coll->at.message.done < padded) {
		const uint64_t done = coll->at.message.done;
		uint64_t room = head - tail;
		uint64_t n;

		if (room >= TRN_MAP_RING_BYTES)
			break;
		room = straight(head, TRN_MAP_RING_BYTES - room);
		n = trn_min_u64(room, padded - done);
		if (done < bytes)
			memcpy(ring->data + head % TRN_MAP_RING_BYTES, src + done,
			       trn_min_u64(n, bytes - done));
		head += n;
		coll->at.message.done += n;
	}
	atomic_store_explicit(&ring->head, head, memory_order_release);
	return coll->at.message.done == padded ? 0 : -EAGAIN;
}

static int map_send(struct trn_hostcoll *coll)
{
	struct trn_map *map = map_of(coll);
	struct trn_map_ring *ring = trn_map_ring(map, map->process, coll->call.root);
	uint64_t tail;

	if (coll->at.message.stage == 0 && send_letter(coll, ring) == -EAGAIN)
		return -EAGAIN;
	if (coll->at.message.stage == 1)
		return send_data(coll, ring);
	/* The other side reads where the data lies, and then takes the letter. */
	tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return tail >= coll->at.message.end ? 0 : -EAGAIN;
}

static int recv_letter(struct trn_hostcoll *coll, struct trn_map_ring *ring)
{
	struct trn_map *map = map_of(coll);
	const uint64_t bytes = coll->call.count * coll->size;
	const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	struct letter letter;
	int r;

	if (head - tail < sizeof(letter))
		return -EAGAIN;
	memcpy(&letter, ring->data + tail % TRN_MAP_RING_BYTES, sizeof(letter));
	if (head - tail > TRN_MAP_RING_BYTES || letter.sequence != coll->at.message.sequence)
		return trn_wire_blame(coll->wire, coll->call.root, "wrote nonsense into its ring");
	r = trn_hostcoll_letter_differs(coll, letter.tag, letter.bytes);
	if (r < 0)
		return r;
	coll->at.message.stage = 1;
	if (letter.offset != TRN_MAP_NOWHERE) {
		const void *src = trn_map_at(map, letter.offset, bytes, 1);

		if (!src)
			return trn_wire_blame(coll->wire, coll->call.root,
					      "sends from outside of the mapping");
		memmove(coll->call.dst, src, bytes);
		coll->at.message.done = trn_align_up(bytes, sizeof(letter));
	}
	atomic_store_explicit(&ring->tail, tail + sizeof(letter), memory_order_release);
	return 0;
}

static int recv_data(struct trn_hostcoll *coll, struct trn_map_ring *ring)
{
	unsigned char *dst = coll->call.dst;
	const uint64_t bytes = coll->call.count * coll->size;
	const uint64_t padded = trn_align_up(bytes, sizeof(struct letter));
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (head - tail > TRN_MAP_RING_BYTES)
		return trn_wire_blame(coll->wire, coll->call.root, "wrote nonsense into its ring");
	while (coll->at.message.done < padded && tail != head) {
		const uint64_t done = coll->at.message.done;
		const uint64_t n = trn_min_u64(straight(tail, head - tail), padded - done);

		if (done < bytes)
			memcpy(dst + done, ring->data + tail % TRN_MAP_RING_BYTES,
			       trn_min_u64(n, bytes - done));
		tail += n;
		coll->at.message.done += n;
	}
	atomic_store_explicit(&ring->tail, tail, memory_order_release);
	return coll->at.message.done == padded ? 0 : -EAGAIN;
}

static int map_message(struct trn_hostcoll *coll)
{
	struct trn_map *map = map_of(coll);
	struct trn_map_ring *ring;
	int r = 0;

	if (coll->call.kind == TRN_COMM_SEND)
		return map_send(coll);
	ring = trn_map_ring(map, coll->call.root, map->process);
	if (coll->at.message.stage == 0)
		r = recv_letter(coll, ring);
	return r < 0 ? r : recv_data(coll, ring);
}

static uint32_t map_waits_for(const struct trn_hostcoll *coll)
{
	const struct trn_map *map = map_of(coll);

	if (coll->call.kind == TRN_COMM_SEND || coll->call.kind == TRN_COMM_RECV)
		return coll->call.root;
	return map->at < map->processes ? map->at : UINT32_MAX;
}

static void map_end(struct trn_hostcoll *coll)
{
	(void)coll; /* holds nothing */
}

const struct trn_hostcoll_way trn_hostcoll_by_map = { map_collective, map_message, map_waits_for,
						      map_end };
