/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends, receives and permutations between devices of several processes.
 *
 * What stays in the process is one command of its devices. The rest are letters: from one rank to
 * another, cut in chunks. All letters between two processes in one direction are a lane, and stand
 * in it by ranks and then by their order in the group, so that both sides have them in the same
 * order, however the calls were given. Lanes move beside each other, each with memory of its own.
 *
 * Of many lanes only some move at a time. They are in the order of (a + b) mod P of the processes
 * a and b: pairs with the same number share no process, so of all pairs that are not done one with
 * the smallest number is first on both sides. Nobody waits for ever, as long as the calls fit.
 */
#include "runtime/comm_stage.h"

#include <errno.h>
#include <stdlib.h>
#include "base/hash.h"

struct letter {
	const struct trn_comm_call *call;
	uint32_t from, to; /* ranks */
	uint32_t turn;     /* of the pair of processes */
	uint32_t peer;
	uint32_t order; /* in the group */
	bool send;
};

struct slot { /* a chunk under way */
	const struct letter *letter;
	uint64_t offset, bytes;
	struct trn_hostcoll *coll;
	uint64_t sequence; /* of the local rank's queue */
	bool copying;
};

struct lane {
	const struct letter *letters;
	uint32_t count;
	uint32_t at;     /* the letter that is issued next, */
	uint64_t offset; /* from this byte on */
	uint64_t issued, wired, done;
	struct slot slot[TRN_MAIL_SLOTS];
};

struct trn_comm_mail {
	struct letter *letters;
	uint32_t letter_count;
	struct lane *lanes;
	uint32_t lane_count, first;  /* first: all before it are done */
	uint64_t room;               /* bytes of a chunk in the area */
	struct trn_comm_call *local; /* of the team */
	uint32_t local_count;
	uint64_t *local_sequence, *sequence; /* [local rank] */
	bool local_done;
};

/* ---- who writes to whom ---- */

static uint64_t letter_bytes(const struct letter *letter)
{
	return letter->call->count * trn_comm_element(letter->call->dtype);
}

/* Which letter it is, so that another one is not taken for it: ranks, type and length. */
static uint64_t tag_of(const struct letter *letter)
{
	const uint64_t hash =
		trn_hash_bytes(TRN_HASH_INIT, &letter->call->count, sizeof(letter->call->count));

	return (uint64_t)letter->from << 44 | (uint64_t)letter->to << 24 |
	       (uint64_t)(letter->call->dtype & 0xff) << 16 | (hash & 0xffff);
}

static void local_add(struct trn_comm *comm, struct trn_comm_mail *mail,
		      const struct trn_comm_call *call, uint32_t other, bool send)
{
	struct trn_comm_call *local = &mail->local[mail->local_count++];

	*local = *call;
	local->kind = send ? TRN_COMM_SEND : TRN_COMM_RECV;
	local->rank -= comm->first;
	local->root = other - comm->first;
	local->algorithm = TRN_COMM_AUTO;
	local->permutation = NULL;
	*(send ? &local->dst : &local->src) = (struct trn_comm_span){ 0 };
}

static void add(struct trn_comm *comm, struct trn_comm_mail *mail, const struct trn_comm_call *call,
		uint32_t other, bool send)
{
	const uint32_t peer = trn_comm_process_of(comm, other);
	struct letter *letter;

	if (peer == comm->process) {
		local_add(comm, mail, call, other, send);
		return;
	}
	letter = &mail->letters[mail->letter_count];
	*letter = (struct letter){
		.call = call,
		.from = send ? call->rank : other,
		.to = send ? other : call->rank,
		.turn = (peer + comm->process) % comm->processes,
		.peer = peer,
		.order = mail->letter_count++,
		.send = send,
	};
	mail->room = trn_max_u64(mail->room, trn_min_u64(letter_bytes(letter), TRN_MAIL_BYTES));
}

static void call_add(struct trn_comm *comm, struct trn_comm_mail *mail,
		     const struct trn_comm_call *call)
{
	if (call->kind != TRN_COMM_PERMUTE) {
		add(comm, mail, call, call->root, call->kind == TRN_COMM_SEND);
		return;
	}
	if (call->permutation[call->rank] != UINT32_MAX)
		add(comm, mail, call, call->permutation[call->rank], true);
	for (uint32_t r = 0; r < comm->ranks; r++)
		if (call->permutation[r] == call->rank)
			add(comm, mail, call, r, false);
}

static int by_lane(const struct letter *a, const struct letter *b)
{
	const uint32_t keys[][2] = {
		{ a->turn, b->turn }, { a->peer, b->peer }, { a->send, b->send },
		{ a->from, b->from }, { a->to, b->to },     { a->order, b->order },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(keys); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return by_lane(a, b);
}

static void lanes_find(struct trn_comm_mail *mail)
{
	struct lane *lane = NULL;

	qsort(mail->letters, mail->letter_count, sizeof(*mail->letters), compare);
	for (uint32_t i = 0; i < mail->letter_count; i++) {
		const struct letter *letter = &mail->letters[i];

		if (!lane || lane->letters->peer != letter->peer ||
		    lane->letters->send != letter->send) {
			lane = &mail->lanes[mail->lane_count++];
			lane->letters = letter;
		}
		lane->count++;
	}
}

static int arrays(struct trn_comm *comm, struct trn_comm_mail *mail, uint32_t count)
{
	const struct trn_alloc *alloc = &comm->context->alloc;

	mail->letters = trn_alloc_array(alloc, 2 * (size_t)count, sizeof(*mail->letters));
	mail->lanes = trn_alloc_array(alloc, 2 * (size_t)comm->processes, sizeof(*mail->lanes));
	mail->local = trn_alloc_array(alloc, 2 * (size_t)count, sizeof(*mail->local));
	mail->local_sequence = trn_alloc_array(alloc, comm->count, sizeof(*mail->local_sequence));
	mail->sequence = trn_alloc_array(alloc, comm->count, sizeof(*mail->sequence));
	if (mail->letters && mail->lanes && mail->local && mail->local_sequence && mail->sequence)
		return 0;
	return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_start", "no memory");
}

int trn_comm_mail_new(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
		      struct trn_comm_mail **ret_mail)
{
	struct trn_comm_mail *mail;
	uint32_t some = 0;
	int r;

	for (uint32_t i = 0; i < count; i++)
		some += trn_comm_kind_p2p(calls[i].kind);
	if (some == 0)
		return 0;
	mail = trn_alloc_zero(&comm->context->alloc, sizeof(*mail));
	if (!mail)
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_comm_start", "no memory");
	*ret_mail = mail;
	r = arrays(comm, mail, some);
	for (uint32_t i = 0; r == 0 && i < count; i++)
		if (trn_comm_kind_p2p(calls[i].kind))
			call_add(comm, mail, &calls[i]);
	if (r == 0)
		lanes_find(mail);
	return r;
}

int trn_comm_mail_begin(struct trn_comm *comm, struct trn_comm_mail *mail)
{
	const uint64_t lanes = trn_min_u64(mail->lane_count, TRN_MAIL_LANES);
	uint64_t ticket;
	int r;

	mail->room = trn_align_up(mail->room, 64);
	r = trn_comm_area_need(comm, &comm->host->stage->mail, lanes * TRN_MAIL_SLOTS * mail->room);
	if (r == 0 && mail->local_count > 0) {
		r = trn_comm_team_start(comm->team, mail->local, mail->local_count, TRN_COMM_AUTO,
					&ticket);
		if (r == 0)
			trn_comm_team_forget(comm->team, ticket);
	}
	return r < 0 ? r : trn_comm_stage_submit(comm, mail->local_sequence);
}

/* ---- lanes ---- */

static uint32_t local_of(const struct trn_comm *comm, const struct letter *letter)
{
	return letter->call->rank - comm->first;
}

static uint64_t place(const struct trn_comm_mail *mail, const struct lane *lane,
		      const struct slot *slot)
{
	const uint64_t which = (uint64_t)(lane - mail->lanes) % TRN_MAIL_LANES;

	return (which * TRN_MAIL_SLOTS + (uint64_t)(slot - lane->slot)) * mail->room;
}

static int slot_copy(struct trn_comm *comm, struct trn_comm_mail *mail, const struct lane *lane,
		     struct slot *slot)
{
	const struct letter *letter = slot->letter;
	const struct trn_comm_span *span = letter->send ? &letter->call->src : &letter->call->dst;
	const uint32_t local = local_of(comm, letter);
	const struct trn_comm_copy copy = {
		.buffer = span->buffer,
		.offset = span->offset + slot->offset,
		.at = place(mail, lane, slot),
		.bytes = slot->bytes,
		.in = letter->send,
	};
	int r = trn_comm_stage_copy(comm, &comm->host->stage->mail, local, &copy);

	if (r == 0)
		r = trn_comm_stage_submit(comm, mail->sequence);
	slot->sequence = mail->sequence[local];
	slot->copying = true;
	return r;
}

static int slot_wire(struct trn_comm *comm, const struct trn_comm_mail *mail,
		     const struct lane *lane, struct slot *slot)
{
	const struct letter *letter = slot->letter;
	unsigned char *host = comm->host->stage->mail.host + place(mail, lane, slot);
	const struct trn_hostcoll_call call = {
		.kind = letter->send ? TRN_COMM_SEND : TRN_COMM_RECV,
		.dtype = TRN_DTYPE_U8,
		.root = letter->peer,
		.count = slot->bytes,
		.src = host,
		.dst = host,
		.tag = tag_of(letter),
		.deadline_ns = comm->host->stage->deadline_ns,
	};

	return trn_hostcoll_start(comm->host->wire, &call, &slot->coll);
}

/* The next chunk of a lane begins: sends with the device, receives on the wire. */
static int lane_issue(struct trn_comm *comm, struct trn_comm_mail *mail, struct lane *lane)
{
	struct slot *slot = &lane->slot[lane->issued++ % TRN_MAIL_SLOTS];
	const struct letter *letter = &lane->letters[lane->at];
	const uint64_t bytes = letter_bytes(letter);

	*slot = (struct slot){
		.letter = letter,
		.offset = lane->offset,
		.bytes = trn_min_u64(bytes - lane->offset, TRN_MAIL_BYTES),
	};
	lane->offset += slot->bytes;
	if (lane->offset == bytes) {
		lane->at++;
		lane->offset = 0;
	}
	return letter->send ? slot_copy(comm, mail, lane, slot) : slot_wire(comm, mail, lane, slot);
}

/* 0: the chunk has come to its end. */
static int slot_step(struct trn_comm *comm, struct trn_comm_mail *mail, struct lane *lane,
		     struct slot *slot)
{
	const uint32_t local = local_of(comm, slot->letter);
	const bool send = slot->letter->send;
	int r;

	if (slot->copying) {
		r = trn_queue_test(comm->team->member[local].queue, slot->sequence);
		if (r < 0 && r != -EAGAIN)
			return trn_comm_team_failed(comm->team, mail->sequence, local, r,
						    TRN_DEADLINE_NOW);
		if (r < 0 || !send)
			return r;
		/* The other side takes them in the order of the lane. */
		if (slot != &lane->slot[lane->wired % TRN_MAIL_SLOTS])
			return -EAGAIN;
		slot->copying = false;
		lane->wired++;
		r = slot_wire(comm, mail, lane, slot);
		return r < 0 ? r : -EAGAIN;
	}
	r = trn_hostcoll_step(slot->coll);
	if (r < 0)
		return r;
	trn_hostcoll_end(slot->coll);
	slot->coll = NULL;
	if (send)
		return 0;
	r = slot_copy(comm, mail, lane, slot);
	return r < 0 ? r : -EAGAIN;
}

/* Chunks of a lane end in order; what one does on the wire another does on the device. */
static int lane_step(struct trn_comm *comm, struct trn_comm_mail *mail, struct lane *lane)
{
	int r = 0;

	while (r == 0 && lane->at < lane->count && lane->issued - lane->done < TRN_MAIL_SLOTS)
		r = lane_issue(comm, mail, lane);
	for (uint64_t i = lane->done; r == 0 && i < lane->issued; i++) {
		struct slot *slot = &lane->slot[i % TRN_MAIL_SLOTS];

		if (!slot->letter)
			continue;
		r = slot_step(comm, mail, lane, slot);
		if (r == 0) {
			slot->letter = NULL;
			comm->host->stage->moves++;
		} else if (r == -EAGAIN)
			r = 0;
	}
	while (lane->done < lane->issued && !lane->slot[lane->done % TRN_MAIL_SLOTS].letter)
		lane->done++;
	return r;
}

static bool lane_done(const struct lane *lane)
{
	return lane->at == lane->count && lane->done == lane->issued;
}

int trn_comm_mail_step(struct trn_comm *comm, struct trn_comm_mail *mail)
{
	const uint32_t end =
		(uint32_t)trn_min_u64(mail->lane_count, mail->first + (uint64_t)TRN_MAIL_LANES);
	int r = 0;

	for (uint32_t i = mail->first; r == 0 && i < end; i++)
		if (!lane_done(&mail->lanes[i]))
			r = lane_step(comm, mail, &mail->lanes[i]);
	while (mail->first < mail->lane_count && lane_done(&mail->lanes[mail->first]))
		mail->first++;
	if (r == 0 && !mail->local_done) {
		r = trn_comm_stage_test(comm, mail->local_sequence);
		mail->local_done = r == 0;
	}
	if (r < 0)
		return r;
	return mail->first == mail->lane_count ? 0 : -EAGAIN;
}

bool trn_comm_mail_on_devices(const struct trn_comm_mail *mail)
{
	for (uint32_t i = mail->first; i < mail->lane_count; i++)
		for (uint32_t s = 0; s < TRN_MAIL_SLOTS; s++)
			if (mail->lanes[i].slot[s].letter && mail->lanes[i].slot[s].copying)
				return true;
	return !mail->local_done;
}

void trn_comm_mail_end(struct trn_comm *comm, struct trn_comm_mail *mail)
{
	const struct trn_alloc *alloc = &comm->context->alloc;

	if (!mail)
		return;
	for (uint32_t i = 0; mail->lanes && i < mail->lane_count; i++)
		for (uint32_t s = 0; s < TRN_MAIL_SLOTS; s++)
			trn_hostcoll_end(mail->lanes[i].slot[s].coll);
	trn_free(alloc, mail->letters);
	trn_free(alloc, mail->lanes);
	trn_free(alloc, mail->local);
	trn_free(alloc, mail->local_sequence);
	trn_free(alloc, mail->sequence);
	trn_free(alloc, mail);
}
