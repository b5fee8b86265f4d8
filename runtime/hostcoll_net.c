/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectives over libfabric. A call begins with an exchange: everybody learns everybody's record,
 * in ceil(log2 P) steps (Bruck). A record says what is called, where the memory is, and, when that
 * is little, holds the data itself: then the call is done. Else the processes read what they need
 * out of each other's windows, a barrier (the same steps without data) between two phases that
 * depend on each other, and one at the end, after which the memory is the caller's again.
 *
 * A reduction is split: each process reads its part of all others, block by block, into registered
 * memory that stays in the cache, reduces them, and the parts are then read by who wants them.
 */
#include "runtime/hostcoll_net.h"

#include <errno.h>

/* The wire's scratch: records of all; the part that this process reduced; blocks of the others. */
#define RECORDS_BYTES (UINT32_C(256) << 10)
#define RESULT_BYTES (UINT32_C(1) << 20)
#define BLOCKS_AT (RECORDS_BYTES + RESULT_BYTES)
#define BLOCKS_BYTES (TRN_OFI_SCRATCH - BLOCKS_AT)
#define BLOCK_MAX (UINT32_C(128) << 10)
#define DATA_MAX 8192u                 /* of a record */
#define SPREAD_MAX 20480u              /* of a part: more is read faster than sent */
#define NEAR_BYTES (UINT64_C(8) << 20) /* of all vectors in a round of all-reduce on a host */
#define WHOLE_MAX 65536u               /* all-reduce: up to here everybody reduces everything */
#define ERRORS_OR(r, next) ((r) < 0 ? (r) : (next))

enum stage {
	STAGE_BEGIN,
	STAGE_RECORDS, /* exchange; behind the head data, parts of it (is_spread), or of ALL_TO_ALL
			* with counts a struct trn_hostcoll_piece for each process */
	STAGE_RESULTS, /* exchange */
	STAGE_REDUCE,  /* blocks of the own part */
	STAGE_MIDDLE,  /* barrier */
	STAGE_READ,    /* pieces, or parts that others made */
	STAGE_LAST,    /* barrier */
};

static unsigned char *scratch(const struct trn_hostcoll *coll, uint64_t offset)
{
	return (unsigned char *)trn_ofi_scratch(coll->wire)->base + offset;
}

static struct trn_hostcoll_head record_of(const struct trn_hostcoll *coll, uint32_t process)
{
	const uint32_t n = coll->wire->processes;
	struct trn_hostcoll_head record;

	memcpy(&record, trn_hostcoll_record(coll, (process + n - coll->wire->process) % n),
	       sizeof(record));
	return record;
}

static const unsigned char *data_of(const struct trn_hostcoll *coll, uint32_t process)
{
	const uint32_t n = coll->wire->processes;

	return trn_hostcoll_record(coll, (process + n - coll->wire->process) % n) +
	       sizeof(struct trn_hostcoll_head);
}

static unsigned char *src_at(const struct trn_hostcoll *coll, uint64_t element)
{
	return (unsigned char *)(uintptr_t)coll->call.src + element * coll->size;
}

static unsigned char *dst_at(const struct trn_hostcoll *coll, uint64_t element)
{
	return (unsigned char *)coll->call.dst + element * coll->size;
}

/* ---- records ---- */

static bool to_each(const struct trn_hostcoll *coll)
{
	return coll->call.kind == TRN_COMM_REDUCE_SCATTER || coll->call.kind == TRN_COMM_ALL_TO_ALL;
}

/* Bytes of data that a record may hold, so that half of all records fit a message. */
static uint64_t data_max(const struct trn_hostcoll *coll)
{
	const uint64_t half = (coll->wire->processes + 1) / 2;

	return trn_min_u64(DATA_MAX,
			   TRN_WIRE_MESSAGE_MAX / half - sizeof(struct trn_hostcoll_head));
}

static uint64_t src_bytes(const struct trn_hostcoll *coll)
{
	uint64_t end = 0;

	if (!trn_hostcoll_is_v(coll))
		return coll->call.count * coll->size * (to_each(coll) ? coll->wire->processes : 1);
	for (uint32_t p = 0; p < coll->wire->processes; p++) {
		const struct trn_hostcoll_piece piece = trn_hostcoll_to(coll, p);

		end = trn_max_u64(end, piece.offset + piece.count);
	}
	return end * coll->size;
}

static uint64_t dst_bytes(const struct trn_hostcoll *coll)
{
	uint64_t end = 0;

	if (coll->call.kind == TRN_COMM_REDUCE_SCATTER)
		return coll->size * (coll->call.dst_counts ?
					     coll->call.dst_counts[coll->wire->process] :
					     coll->call.count);
	for (uint32_t p = 0; p < coll->wire->processes; p++) {
		const struct trn_hostcoll_piece piece = trn_hostcoll_from(coll, p);

		end = trn_max_u64(end, piece.offset + piece.count);
	}
	return end * coll->size;
}

/* Parts travel as messages: both sides copy, but nobody waits to be read. Same answer on all. */
static bool is_spread(const struct trn_hostcoll *coll)
{
	const uint64_t part = trn_hostcoll_part(coll, coll->call.count, 0).count * coll->size +
			      sizeof(struct trn_hostcoll_head);

	return coll->call.kind == TRN_COMM_ALL_REDUCE && trn_hostcoll_exchange_direct(coll) &&
	       coll->call.count * coll->size > DATA_MAX && part <= SPREAD_MAX &&
	       part <= TRN_HOSTCOLL_PIECES * trn_ofi_piece(coll->wire);
}

/* Same answer on all: it hangs on what the signature has. */
static bool is_small(const struct trn_hostcoll *coll)
{
	return !is_spread(coll) && !trn_hostcoll_is_v(coll) && src_bytes(coll) <= data_max(coll);
}

static int expose(struct trn_hostcoll *coll, struct trn_hostcoll_head *record)
{
	struct trn_wire *wire = coll->wire;
	struct trn_hostcoll_net *net = &coll->at.net;
	const uint64_t src = src_bytes(coll), dst = dst_bytes(coll);
	int r = 0;

	if (src > 0 && coll->gives)
		r = trn_wire_expose(wire, src_at(coll, 0), src, &net->src);
	/* What nobody wants may be no memory at all. */
	if (r == 0 && dst > 0 && coll->wants)
		r = trn_wire_expose(wire, dst_at(coll, 0), dst, &net->dst);
	if (r < 0)
		return trn_wire_broken(wire, r, "host memory cannot be registered");
	if (net->src.region)
		record->src = trn_wire_remote(wire, &net->src);
	if (net->dst.region)
		record->dst = trn_wire_remote(wire, &net->dst);
	return 0;
}

static int begin(struct trn_hostcoll *coll)
{
	const uint32_t n = coll->wire->processes;
	const bool pieces = trn_hostcoll_is_v(coll) && coll->call.kind == TRN_COMM_ALL_TO_ALL;
	struct trn_hostcoll_head record = { .signature = coll->signature,
					    .count = coll->call.count };
	size_t data = 0;
	int r = 0;

	if (pieces)
		data = n * sizeof(struct trn_hostcoll_piece);
	else if (is_small(coll))
		data = src_bytes(coll);
	if (pieces && data > TRN_WIRE_MESSAGE_MAX / ((n + 1) / 2) - sizeof(record))
		return trn_wire_broken(coll->wire, -ENOTSUP,
				       "all_to_all with counts among %u processes over libfabric",
				       n);
	else if (is_spread(coll))
		data = trn_hostcoll_part(coll, coll->call.count, 0).count * coll->size;
	else
		r = expose(coll, &record);
	if (r < 0)
		return r;
	trn_hostcoll_exchange_begin(coll,
				    is_spread(coll) ? TRN_HOSTCOLL_PARTS : TRN_HOSTCOLL_RECORDS,
				    sizeof(record) + trn_align_up(data, 8));
	memcpy(trn_hostcoll_record(coll, 0), &record, sizeof(record));
	if (pieces) {
		for (uint32_t p = 0; p < n; p++) {
			const struct trn_hostcoll_piece piece = trn_hostcoll_to(coll, p);

			memcpy(trn_hostcoll_record(coll, 0) + sizeof(record) + p * sizeof(piece),
			       &piece, sizeof(piece));
		}
	} else if (is_small(coll) && data > 0 && coll->gives) {
		memcpy(trn_hostcoll_record(coll, 0) + sizeof(record), coll->call.src, data);
	}
	coll->at.net.stage = STAGE_RECORDS;
	return -EAGAIN;
}

/* ---- data that came with the records ---- */

static void small_reduce(struct trn_hostcoll *coll)
{
	struct trn_wire *wire = coll->wire;
	const uint64_t offset = coll->call.kind == TRN_COMM_REDUCE_SCATTER ?
					coll->call.count * coll->size * wire->process :
					0;

	for (uint32_t p = 0; p < wire->processes; p++)
		wire->rows[p] = data_of(coll, p) + offset;
	trn_reduce_row(coll->call.dst, wire->rows, wire->processes, &coll->how, coll->call.count);
}

static void small_take(struct trn_hostcoll *coll)
{
	const uint64_t bytes = coll->call.count * coll->size;

	for (uint32_t p = 0; p < coll->wire->processes; p++) {
		const struct trn_hostcoll_piece from = trn_hostcoll_from(coll, p);
		const uint64_t skip =
			coll->call.kind == TRN_COMM_ALL_TO_ALL ? bytes * coll->wire->process : 0;

		if (coll->call.kind == TRN_COMM_BROADCAST && p != coll->call.root)
			continue;
		memcpy(dst_at(coll, from.offset), data_of(coll, p) + skip, from.count * coll->size);
	}
}

static void small_finish(struct trn_hostcoll *coll)
{
	switch (coll->call.kind) {
	case TRN_COMM_BARRIER:
		return;
	case TRN_COMM_ALL_REDUCE:
	case TRN_COMM_REDUCE_SCATTER:
	case TRN_COMM_REDUCE:
		if (coll->wants)
			small_reduce(coll);
		return;
	default:
		if (coll->wants)
			small_take(coll);
		return;
	}
}

/* The own part, then it goes to all. */
static void spread_reduce(struct trn_hostcoll *coll)
{
	struct trn_wire *wire = coll->wire;
	const struct trn_hostcoll_piece part =
		trn_hostcoll_part(coll, coll->call.count, wire->process);

	for (uint32_t p = 0; p < wire->processes; p++)
		wire->rows[p] = data_of(coll, p);
	wire->rows[wire->process] = src_at(coll, part.offset);
	trn_reduce_row(dst_at(coll, part.offset), wire->rows, wire->processes, &coll->how,
		       part.count);
	trn_hostcoll_exchange_begin(coll, TRN_HOSTCOLL_RESULTS,
				    trn_hostcoll_part(coll, coll->call.count, 0).count *
					    coll->size);
	coll->at.net.stage = STAGE_RESULTS;
}

/* ---- reads ---- */

/* Not worth a second phase. */
static bool is_whole(const struct trn_hostcoll *coll)
{
	return coll->call.kind == TRN_COMM_ALL_REDUCE &&
	       coll->call.count * coll->size * (coll->wire->processes - 1) <= WHOLE_MAX;
}

/* Elements of a round: of REDUCE what the scratch holds, of ALL_REDUCE on one host what stays in
 * the caches until the others have read it. */
static uint64_t round_elements(const struct trn_hostcoll *coll)
{
	if (coll->call.kind == TRN_COMM_REDUCE)
		return (uint64_t)(RESULT_BYTES / coll->size) * coll->wire->processes;
	if (coll->call.kind == TRN_COMM_ALL_REDUCE && trn_hostcoll_exchange_direct(coll) &&
	    coll->wire->processes > 2)
		return NEAR_BYTES / coll->wire->processes / coll->size;
	return coll->call.count;
}

static bool is_last_round(const struct trn_hostcoll *coll)
{
	return round_elements(coll) * (coll->at.net.round + 1) >= coll->call.count;
}

/* What a process reduces: a part of the round. */
static struct trn_hostcoll_piece own_part(const struct trn_hostcoll *coll, uint32_t process)
{
	const uint64_t count = coll->call.count, round = round_elements(coll);
	const uint64_t first = round * coll->at.net.round;
	struct trn_hostcoll_piece part;

	if (coll->call.kind == TRN_COMM_REDUCE_SCATTER)
		return trn_hostcoll_to(coll, process);
	if (is_whole(coll))
		return (struct trn_hostcoll_piece){ 0, count };
	part = trn_hostcoll_part(coll, trn_min_u64(round, count - first), process);
	part.offset += first;
	return part;
}

static uint64_t block_elements(const struct trn_hostcoll *coll)
{
	const uint64_t room = BLOCKS_BYTES / 2 / coll->wire->processes & ~UINT64_C(63);

	return trn_min_u64(room, BLOCK_MAX) / coll->size;
}

static unsigned char *block_at(const struct trn_hostcoll *coll, uint64_t block, uint64_t distance)
{
	const uint64_t bytes = block_elements(coll) * coll->size;

	return scratch(coll, BLOCKS_AT + (block % 2 * coll->wire->processes + distance) * bytes);
}

static uint64_t blocks_of(const struct trn_hostcoll *coll)
{
	const uint64_t count = own_part(coll, coll->wire->process).count;
	const uint64_t block = block_elements(coll);

	return count / block + (count % block ? 1 : 0);
}

static struct trn_hostcoll_piece block_piece(const struct trn_hostcoll *coll, uint64_t block)
{
	const struct trn_hostcoll_piece part = own_part(coll, coll->wire->process);
	const uint64_t first = block * block_elements(coll);

	return (struct trn_hostcoll_piece){ part.offset + first,
					    trn_min_u64(block_elements(coll), part.count - first) };
}

static int read_start(struct trn_hostcoll *coll, const struct trn_wire_get *get, uint64_t block)
{
	struct trn_hostcoll_reads *reads = &coll->wire->reads;
	struct trn_wire_request *request;
	int r;

	if (reads->count == TRN_HOSTCOLL_READS)
		return -EAGAIN;
	r = trn_wire_get(coll->wire, get, &request);
	if (r < 0)
		return r;
	reads->request[reads->count] = request;
	reads->process[reads->count] = get->process;
	reads->parity[reads->count++] = (uint8_t)(block % 2);
	coll->at.net.waits[block % 2]++;
	return 0;
}

static int reads_test(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_reads *reads = &coll->wire->reads;

	for (uint32_t i = 0; i < reads->count;) {
		int r = trn_wire_test(coll->wire, reads->request[i], NULL);

		if (r == -EAGAIN) {
			i++;
			continue;
		}
		if (r < 0)
			return r;
		coll->at.net.waits[reads->parity[i]]--;
		reads->count--;
		reads->request[i] = reads->request[reads->count];
		reads->process[i] = reads->process[reads->count];
		reads->parity[i] = reads->parity[reads->count];
	}
	return 0;
}

/* The next read of a block: blocks in order, of each the others by distance. */
static int block_read(struct trn_hostcoll *coll)
{
	const uint32_t others = coll->wire->processes - 1;
	const uint64_t block = coll->at.net.posted / others;
	const uint64_t distance = coll->at.net.posted % others + 1;
	const struct trn_hostcoll_piece piece = block_piece(coll, block);
	const struct trn_wire_window *window = trn_ofi_scratch(coll->wire);
	struct trn_wire_get get = { .process = trn_hostcoll_peer(coll, distance),
				    .window = window,
				    .remote_offset = piece.offset * coll->size,
				    .bytes = piece.count * coll->size };
	int r;

	get.remote = record_of(coll, get.process).src;
	get.offset = (uint64_t)(block_at(coll, block, distance) - (unsigned char *)window->base);
	r = read_start(coll, &get, block);
	if (r == 0)
		coll->at.net.posted++;
	return r;
}

static void block_reduce(struct trn_hostcoll *coll, uint64_t block)
{
	struct trn_wire *wire = coll->wire;
	const struct trn_hostcoll_piece part = own_part(coll, wire->process);
	const struct trn_hostcoll_piece piece = block_piece(coll, block);
	const uint64_t from = (piece.offset - part.offset) * coll->size;
	unsigned char *dst = scratch(coll, RECORDS_BYTES + from);

	for (uint64_t d = 1; d < wire->processes; d++)
		wire->rows[trn_hostcoll_peer(coll, d)] = block_at(coll, block, d);
	wire->rows[wire->process] = src_at(coll, piece.offset);
	if (coll->call.kind == TRN_COMM_REDUCE_SCATTER)
		dst = (unsigned char *)coll->call.dst + from;
	else if (coll->call.kind == TRN_COMM_ALL_REDUCE && !is_whole(coll))
		dst = dst_at(coll, piece.offset);
	trn_reduce_row(dst, wire->rows, wire->processes, &coll->how, piece.count);
}

/* Reads two blocks ahead of what is reduced. */
static int reduce_stage(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_net *net = &coll->at.net;
	const uint64_t blocks = blocks_of(coll), others = coll->wire->processes - 1;
	int r = trn_wire_progress(coll->wire);

	while (r == 0 && net->reduced < blocks) {
		while (r == 0 && net->posted < trn_min_u64(blocks, net->reduced + 2) * others)
			r = block_read(coll);
		if (r == 0 || r == -EAGAIN)
			r = ERRORS_OR(reads_test(coll), 0);
		if (r < 0)
			return r;
		if (net->posted < (net->reduced + 1) * others || net->waits[net->reduced % 2] > 0)
			return -EAGAIN;
		block_reduce(coll, net->reduced);
		net->reduced++;
	}
	return r;
}

/* ---- pieces ---- */

/* Where the piece from a process comes from, and where it goes. False: nothing to read. */
struct source {
	struct trn_wire_remote remote;
	uint64_t offset, dst, bytes; /* bytes */
};

static int source_v(struct trn_hostcoll *coll, uint32_t process, struct source *source)
{
	struct trn_hostcoll_piece theirs;

	memcpy(&theirs, data_of(coll, process) + coll->wire->process * sizeof(theirs),
	       sizeof(theirs));
	if (theirs.count * coll->size != source->bytes)
		return trn_wire_blame(coll->wire, process,
				      "gives %llu elements where this process takes %llu",
				      (unsigned long long)theirs.count,
				      (unsigned long long)(source->bytes / coll->size));
	source->offset = theirs.offset * coll->size;
	return 0;
}

/* Of a broadcast: first the own part from the root, then the others' parts from them. */
static void source_broadcast(struct trn_hostcoll *coll, uint32_t process, struct source *source)
{
	const bool first = coll->at.net.round == 0;
	const uint32_t whose = first ? coll->wire->process : process;
	const struct trn_hostcoll_piece part = trn_hostcoll_part(coll, coll->call.count, whose);
	const struct trn_hostcoll_head record = record_of(coll, process);

	source->remote = process == coll->call.root ? record.src : record.dst;
	source->offset = source->dst = part.offset * coll->size;
	source->bytes = part.count * coll->size;
	if (coll->call.root == coll->wire->process || (first && process != coll->call.root))
		source->bytes = 0;
}

static int source_find(struct trn_hostcoll *coll, uint32_t process, struct source *source)
{
	const struct trn_hostcoll_piece from = trn_hostcoll_from(coll, process);
	const struct trn_hostcoll_head record = record_of(coll, process);
	struct trn_hostcoll_piece part;

	*source =
		(struct source){ record.src, 0, from.offset * coll->size, from.count * coll->size };
	switch (coll->call.kind) {
	case TRN_COMM_ALL_REDUCE:
		part = own_part(coll, process);
		*source = (struct source){ record.dst, part.offset * coll->size,
					   part.offset * coll->size, part.count * coll->size };
		return 0;
	case TRN_COMM_REDUCE: /* out of the scratch of each */
		part = own_part(coll, process);
		*source = (struct source){ coll->wire->scratches[process], RECORDS_BYTES,
					   part.offset * coll->size, part.count * coll->size };
		if (!coll->wants)
			source->bytes = 0;
		return 0;
	case TRN_COMM_BROADCAST:
		source_broadcast(coll, process, source);
		return 0;
	case TRN_COMM_ALL_TO_ALL:
		if (trn_hostcoll_is_v(coll))
			return source_v(coll, process, source);
		source->offset = coll->call.count * coll->size * coll->wire->process;
		return 0;
	default:
		return 0;
	}
}

/* The own piece does not travel. */
static void own_piece(struct trn_hostcoll *coll)
{
	const uint32_t me = coll->wire->process;
	const struct trn_hostcoll_piece to = trn_hostcoll_to(coll, me);
	const struct trn_hostcoll_piece from = trn_hostcoll_from(coll, me);
	struct trn_hostcoll_piece part;

	switch (coll->call.kind) {
	case TRN_COMM_ALL_REDUCE:
		return;
	case TRN_COMM_REDUCE:
		part = own_part(coll, me);
		if (coll->wants)
			memcpy(dst_at(coll, part.offset), scratch(coll, RECORDS_BYTES),
			       part.count * coll->size);
		return;
	case TRN_COMM_BROADCAST:
		if (coll->call.root == me && coll->call.dst != coll->call.src &&
		    coll->at.net.round == 0)
			memcpy(coll->call.dst, coll->call.src, coll->call.count * coll->size);
		return;
	default:
		memmove(dst_at(coll, from.offset), src_at(coll, to.offset),
			trn_min_u64(to.count, from.count) * coll->size);
		return;
	}
}

/* posted: which process; reduced: bytes of its piece that are asked for. */
static int read_stage(struct trn_hostcoll *coll)
{
	struct trn_hostcoll_net *net = &coll->at.net;
	int r = trn_wire_progress(coll->wire);

	if (r == 0 && net->posted == 0) {
		own_piece(coll);
		net->posted = 1;
	}
	while (r == 0 && net->posted < coll->wire->processes) {
		const uint32_t process = trn_hostcoll_peer(coll, net->posted);
		struct source source;
		struct trn_wire_get get;

		r = source_find(coll, process, &source);
		if (r < 0)
			return r;
		get = (struct trn_wire_get){ process,
					     source.remote,
					     source.offset + net->reduced,
					     &net->dst,
					     source.dst + net->reduced,
					     trn_min_u64(TRN_HOSTCOLL_READ_MAX,
							 source.bytes - net->reduced) };
		if (get.bytes > 0)
			r = read_start(coll, &get, 0);
		if (r == 0)
			net->reduced += get.bytes;
		if (r == 0 && net->reduced == source.bytes) {
			net->reduced = 0;
			net->posted++;
		}
	}
	if (r == 0 || r == -EAGAIN)
		r = ERRORS_OR(reads_test(coll), r);
	return r == 0 && coll->wire->reads.count > 0 ? -EAGAIN : r;
}

/* ---- the stages ---- */

static void stage_begin(struct trn_hostcoll *coll, enum stage stage)
{
	coll->at.net.stage = stage;
	coll->at.net.posted = 0;
	coll->at.net.reduced = 0;
}

static void barrier_begin(struct trn_hostcoll *coll, enum stage stage)
{
	coll->at.net.records = coll->at.net.record;
	trn_hostcoll_exchange_begin(coll, TRN_HOSTCOLL_RECORDS, 0);
	stage_begin(coll, stage);
}

static int records_done(struct trn_hostcoll *coll)
{
	for (uint32_t p = 0; p < coll->wire->processes; p++) {
		const struct trn_hostcoll_head record = record_of(coll, p);
		int r = trn_hostcoll_differs(coll, p, record.signature, record.count);

		if (r < 0)
			return r;
	}
	if (coll->call.kind == TRN_COMM_BARRIER || is_small(coll)) {
		small_finish(coll);
		return 0;
	}
	if (is_spread(coll)) {
		spread_reduce(coll);
		return -EAGAIN;
	}
	switch (coll->call.kind) {
	case TRN_COMM_ALL_REDUCE:
	case TRN_COMM_REDUCE:
	case TRN_COMM_REDUCE_SCATTER:
		stage_begin(coll, STAGE_REDUCE);
		break;
	default:
		stage_begin(coll, STAGE_READ);
		break;
	}
	return -EAGAIN;
}

static int read_done(struct trn_hostcoll *coll)
{
	const bool again = coll->call.kind == TRN_COMM_BROADCAST && coll->at.net.round == 0;

	/* What is read and written next lies elsewhere: no barrier. */
	if (coll->call.kind == TRN_COMM_ALL_REDUCE && !is_last_round(coll)) {
		coll->at.net.round++;
		stage_begin(coll, STAGE_REDUCE);
		return -EAGAIN;
	}
	barrier_begin(coll, again ? STAGE_MIDDLE : STAGE_LAST);
	return -EAGAIN;
}

/* More rounds of REDUCE, or the end. */
static int last_done(struct trn_hostcoll *coll)
{
	/* Source and destination may be the same: not before all have read. */
	if (is_whole(coll))
		memcpy(coll->call.dst, scratch(coll, RECORDS_BYTES), coll->call.count * coll->size);
	if (coll->call.kind != TRN_COMM_REDUCE || is_last_round(coll))
		return 0;
	coll->at.net.round++;
	coll->at.net.record = coll->at.net.records;
	stage_begin(coll, STAGE_REDUCE);
	return -EAGAIN;
}

static int middle_done(struct trn_hostcoll *coll)
{
	coll->at.net.record = coll->at.net.records;
	if (coll->call.kind == TRN_COMM_BROADCAST)
		coll->at.net.round = 1;
	stage_begin(coll, STAGE_READ);
	return -EAGAIN;
}

/* Moves on by one stage: -EAGAIN with *ret_moved when there is more to do at once. */
static int stage_run(struct trn_hostcoll *coll, bool *ret_moved)
{
	int r;

	switch ((enum stage)coll->at.net.stage) {
	case STAGE_BEGIN:
		r = begin(coll);
		*ret_moved = r == -EAGAIN;
		return r;
	case STAGE_REDUCE:
		r = reduce_stage(coll);
		if (r == 0)
			barrier_begin(coll,
				      coll->call.kind == TRN_COMM_REDUCE_SCATTER || is_whole(coll) ?
					      STAGE_LAST :
					      STAGE_MIDDLE);
		*ret_moved = r == 0;
		return r == 0 ? -EAGAIN : r;
	case STAGE_READ:
		r = read_stage(coll);
		*ret_moved = r == 0;
		return r == 0 ? read_done(coll) : r;
	default:
		break;
	}
	r = trn_hostcoll_exchange(coll);
	*ret_moved = r == 0;
	if (r < 0)
		return r;
	if (coll->at.net.stage == STAGE_RECORDS)
		return records_done(coll);
	if (coll->at.net.stage == STAGE_RESULTS)
		return 0;
	return coll->at.net.stage == STAGE_MIDDLE ? middle_done(coll) : last_done(coll);
}

static int net_collective(struct trn_hostcoll *coll)
{
	bool moved;
	int r;

	do {
		moved = false;
		r = stage_run(coll, &moved);
	} while (r == -EAGAIN && moved);
	return r;
}

/* ---- the way ---- */

static uint32_t net_waits_for(const struct trn_hostcoll *coll)
{
	const struct trn_hostcoll_net *net = &coll->at.net;

	if (coll->call.kind == TRN_COMM_SEND || coll->call.kind == TRN_COMM_RECV)
		return coll->call.root;
	if (net->stage == STAGE_REDUCE || net->stage == STAGE_READ)
		return coll->wire->reads.count > 0 ? coll->wire->reads.process[0] : UINT32_MAX;
	return trn_hostcoll_exchange_waits_for(coll);
}

static void net_end(struct trn_hostcoll *coll)
{
	const bool message = coll->call.kind == TRN_COMM_SEND || coll->call.kind == TRN_COMM_RECV;

	if (message) {
		trn_wire_conceal(coll->wire, &coll->at.message.window);
		return;
	}
	trn_wire_conceal(coll->wire, &coll->at.net.src);
	trn_wire_conceal(coll->wire, &coll->at.net.dst);
}

const struct trn_hostcoll_way trn_hostcoll_by_net = { net_collective, trn_hostcoll_net_message,
						      net_waits_for, net_end };
