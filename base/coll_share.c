/* SPDX-License-Identifier: Apache-2.0 */
/* How a vector is cut: into channels' shares and chunks of them; and two strands joined. */
#include "base/bits.h"
#include "base/coll.h"

uint64_t trn_coll_share(uint64_t count, uint64_t part, uint64_t parts)
{
	return count / parts * part + count % parts * part / parts;
}

/* Elements of one vector that are the channel's. */
static void channel_range(const struct trn_coll *c, uint64_t count, uint64_t *ret_from,
			  uint64_t *ret_to)
{
	*ret_from = trn_coll_share(count, c->part_from, c->parts);
	*ret_to = trn_coll_share(count, c->part_to, c->parts);
}

bool trn_coll_one_vector(enum trn_comm_kind kind)
{
	return kind == TRN_COMM_ALL_REDUCE || kind == TRN_COMM_REDUCE || kind == TRN_COMM_BROADCAST;
}

/* Not all of its half: a vector of a power of two then has a chunk more, so that the first and the
 * last, which nothing runs beside, are shorter. */
static uint64_t strand_room(const struct trn_coll *c)
{
	return c->room / c->strands / 8 * 7;
}

uint64_t trn_coll_chunks(const struct trn_coll *c)
{
	const uint64_t room = c->strands ? strand_room(c) : c->room;
	uint64_t most = c->count, from, to, bytes;

	if (c->kind == TRN_COMM_BARRIER || (c->kind == TRN_COMM_ALL_TO_ALL && c->direct))
		return 1;
	if (c->kind != TRN_COMM_ALL_TO_ALL && c->counts) {
		most = 0;
		for (uint32_t i = 0; i < c->ranks; i++)
			most = trn_max_u64(most, c->counts[i]);
	}
	channel_range(c, most, &from, &to);
	/* Shares are rounded: of equal counts one may be an element longer. */
	bytes = (to - from) * c->element;
	if (!trn_coll_one_vector(c->kind))
		bytes *= c->ranks;
	bytes = trn_max_u64((bytes + room - 1) / room, 1);
	return bytes > 1 && c->turns > 0 ? bytes + 1 : bytes;
}

static bool is_staggered(const struct trn_coll *c, uint64_t chunks)
{
	return c->turns > 0 && chunks > 2;
}

/* Where a chunk begins in the channel's share of a vector. */
static uint64_t chunk_at(const struct trn_coll *c, uint64_t count, uint64_t chunk, uint64_t chunks)
{
	if (chunk == 0 || chunk == chunks)
		return chunk == 0 ? 0 : count;
	if (!is_staggered(c, chunks))
		return trn_coll_share(count, chunk, chunks);
	return trn_coll_share(count, (chunk - 1) * c->turns + c->turn, (chunks - 1) * c->turns);
}

void trn_coll_chunk(const struct trn_coll *c, uint64_t count, uint64_t chunk, uint64_t chunks,
		    uint64_t *ret_from, uint64_t *ret_to)
{
	uint64_t from, to;

	channel_range(c, count, &from, &to);
	*ret_from = from + chunk_at(c, to - from, chunk, chunks);
	*ret_to = from + chunk_at(c, to - from, chunk + 1, chunks);
}

/* ---- strands ---- */

bool trn_coll_stranded(enum trn_comm_kind kind)
{
	return kind == TRN_COMM_ALL_REDUCE || kind == TRN_COMM_REDUCE_SCATTER ||
	       kind == TRN_COMM_ALL_GATHER;
}

/* Waits and what follows, until the next wait or END; at stands behind it then. */
static uint32_t segment(const struct trn_ext_sync_op **at, struct trn_ext_sync_op *ret)
{
	uint32_t n = 0;

	while ((*at)->op == TRN_SYNC_WAIT)
		ret[n++] = *(*at)++;
	while ((*at)->op != TRN_SYNC_END && (*at)->op != TRN_SYNC_WAIT)
		ret[n++] = *(*at)++;
	return n;
}

/* Measured: about a third of a chunk; a relay waits twice. */
uint32_t trn_coll_ahead(const struct trn_coll_way *way)
{
	uint32_t ahead = 3;

	for (uint32_t d = 0; d < way->dims; d++)
		ahead += way->dim[d].relay;
	return ahead;
}

uint32_t trn_coll_merge(const struct trn_ext_sync_op *first, const struct trn_ext_sync_op *second,
			uint32_t ahead, struct trn_ext_sync_op *ret)
{
	uint32_t n = 0;

	while (ahead-- > 0)
		n += segment(&first, ret + n);
	while (first->op != TRN_SYNC_END || second->op != TRN_SYNC_END) {
		n += segment(&first, ret + n);
		n += segment(&second, ret + n);
	}
	ret[n++] = (struct trn_ext_sync_op){ .op = TRN_SYNC_END };
	return n;
}
