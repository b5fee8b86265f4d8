/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of calls on a team's own queues: who belongs together, submitting, waiting, failing. */
#include <errno.h>
#include <stdio.h>
#include "base/clock.h"
#include "runtime/comm.h"

/* ---- which calls are one collective ---- */

/* Index of every rank's nth collective, UINT32_MAX where there is none; how many have one. */
static uint32_t nth_calls(struct trn_comm_team *team, const struct trn_comm_call *calls,
			  uint32_t count, uint32_t nth)
{
	uint32_t *index = team->index, *seen = team->index + team->ranks, found = 0;

	for (uint32_t r = 0; r < team->ranks; r++) {
		index[r] = UINT32_MAX;
		seen[r] = 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t rank = calls[i].rank;

		if (trn_comm_kind_p2p(calls[i].kind) || seen[rank]++ != nth)
			continue;
		index[rank] = i;
		found++;
	}
	return found;
}

/* What rank a sends to rank b is what b takes from a: it lands where b's call says. */
static int pairs_check(struct trn_comm_team *team, const struct trn_comm_call *calls, uint32_t a,
		       uint32_t nth)
{
	const struct trn_comm_call *from = &calls[team->index[a]];

	for (uint32_t b = 0; b < team->ranks; b++) {
		const struct trn_comm_call *to = &calls[team->index[b]];
		const uint64_t sent = from->src_counts ? from->src_counts[b] : from->count;
		const uint64_t taken = to->dst_counts ? to->dst_counts[a] : to->count;

		if (sent != taken)
			return trn_fail(team->context, team->member[b].device, -TRN_ERANK,
					"trn_comm_start",
					"collective %u of the group: rank %u sends %llu elements "
					"to rank %u, which takes %llu",
					nth, a, (unsigned long long)sent, b,
					(unsigned long long)taken);
	}
	return 0;
}

static int nth_check(struct trn_comm_team *team, const struct trn_comm_call *calls, uint32_t found,
		     uint32_t nth, uint32_t *ret_first)
{
	uint32_t first = 0;

	while (team->index[first] == UINT32_MAX)
		first++;
	for (uint32_t r = 0; r < team->ranks; r++) {
		const char *why;

		if (team->index[r] == UINT32_MAX)
			return trn_fail(
				team->context, team->member[r].device, -EINVAL, "trn_comm_start",
				"%s, collective %u of the group: rank %u has no call, %u of "
				"%u have",
				trn_comm_kind_name(calls[team->index[first]].kind), nth, r, found,
				team->ranks);
		if (trn_comm_call_match(&calls[team->index[first]], &calls[team->index[r]],
					team->ranks, &why) < 0)
			return trn_fail(team->context, team->member[r].device, -TRN_ERANK,
					"trn_comm_start",
					"collective %u of the group: rank %u has another %s than "
					"rank %u",
					nth, r, why, first);
	}
	for (uint32_t r = 0;
	     calls[team->index[first]].kind == TRN_COMM_ALL_TO_ALL && r < team->ranks; r++) {
		int e = pairs_check(team, calls, r, nth);

		if (e < 0)
			return e;
	}
	*ret_first = team->index[first];
	return 0;
}

static int record_collective(struct trn_comm_team *team, const struct trn_comm_call *calls,
			     enum trn_comm_algorithm forced, uint32_t first)
{
	const struct trn_comm_call **all = team->all;
	enum trn_coll_shape shape;
	int r = trn_comm_team_choose(team, &calls[first], forced, &shape);

	if (r < 0)
		return trn_comm_team_refuse(team, &calls[first], forced, r, "trn_comm_start");
	r = trn_comm_team_ready(team, shape);
	for (uint32_t i = 0; i < team->ranks; i++)
		all[i] = &calls[team->index[i]];
	for (uint32_t i = 0; r == 0 && i < team->ranks; i++)
		r = trn_comm_record(team, team->member[i].batch, all[i], all, shape, NULL);
	return r;
}

static bool is_held(const struct trn_buffer *const *held, uint32_t count,
		    const struct trn_buffer *buffer)
{
	while (count > 0 && held[count - 1] != buffer)
		count--;
	return count > 0;
}

/* A command holds its schedule and so many buffers: what more a rank has would be freed under the
 * device. */
static int buffers_check(struct trn_comm_team *team, const struct trn_comm_call *calls,
			 uint32_t count, uint32_t rank)
{
	const struct trn_buffer *held[TRN_CMD_REFS_MAX - 1];
	uint32_t n = 0;

	for (uint32_t i = 0; i < 2 * count; i++) {
		const struct trn_comm_call *call = &calls[i / 2];
		const struct trn_buffer *buffer = i % 2 ? call->dst.buffer : call->src.buffer;

		if (call->rank != rank || !buffer || is_held(held, n, buffer))
			continue;
		if (n < TRN_ARRAY_LEN(held))
			held[n++] = buffer;
		else
			return trn_fail(team->context, team->member[rank].device, -ENOSPC,
					"trn_comm_start",
					"rank %u has more than %u buffers in a group with "
					"point-to-point calls",
					rank, n);
	}
	return 0;
}

static int record_p2p(struct trn_comm_team *team, const struct trn_comm_call *calls, uint32_t count)
{
	bool any = false;
	int r = 0;

	for (uint32_t i = 0; i < count; i++)
		any = any || trn_comm_kind_p2p(calls[i].kind);
	if (!any)
		return 0;
	r = trn_comm_team_p2p_ready(team, false);
	for (uint32_t i = 0; r == 0 && i < team->ranks; i++)
		r = buffers_check(team, calls, count, i);
	for (uint32_t i = 0; r == 0 && i < team->ranks; i++)
		r = trn_comm_record_p2p(team, team->member[i].batch, calls, count, i, true, NULL);
	return r;
}

/* Everything into the members' batches. */
static int record_group(struct trn_comm_team *team, const struct trn_comm_call *calls,
			uint32_t count, enum trn_comm_algorithm forced)
{
	uint32_t found, first = 0;
	int r = 0;

	r = record_p2p(team, calls, count);
	for (uint32_t nth = 0; r == 0 && (found = nth_calls(team, calls, count, nth)) > 0; nth++) {
		r = nth_check(team, calls, found, nth, &first);
		if (r == 0)
			r = record_collective(team, calls, forced, first);
	}
	return r;
}

/* ---- under way ---- */

static void stamp(struct trn_comm_team *team, uint32_t slot, uint32_t which, bool *stamped)
{
	for (uint32_t i = 0; i < team->ranks; i++) {
		struct trn_comm_member *m = &team->member[i];

		if (!m->stamps || trn_batch_timestamp(m->batch, m->stamps,
						      (2 * slot + which) * sizeof(uint64_t)) < 0)
			*stamped = false;
	}
}

static int submit_group(struct trn_comm_team *team, struct trn_comm_group *group)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < team->ranks; i++) {
		struct trn_comm_member *m = &team->member[i];

		r = trn_queue_submit(m->queue, m->batch, trn_clock_deadline(TRN_COMM_TIMEOUT_NS),
				     &group->sequence[i]);
	}
	/* A part of the ranks has begun, and waits for the rest. */
	if (r < 0)
		team->failed = r;
	return r;
}

static void batches_clear(struct trn_comm_team *team)
{
	for (uint32_t i = 0; i < team->ranks; i++)
		trn_batch_clear(team->member[i].batch);
}

int trn_comm_team_start(struct trn_comm_team *team, const struct trn_comm_call *calls,
			uint32_t count, enum trn_comm_algorithm forced, uint64_t *ret_ticket)
{
	const uint64_t ticket = team->tickets + 1;
	const uint32_t slot = (uint32_t)(ticket % TRN_COMM_GROUPS);
	struct trn_comm_group *group = &team->group[slot];
	const uint32_t set = team->set;
	int r;

	if (team->failed)
		return trn_fail(team->context, NULL, -TRN_ERANK, "trn_comm_start",
				"the communicator has failed: trn_comm_shrink()");
	if (group->ticket != 0)
		return -EAGAIN;
	group->stamped = true;
	batches_clear(team);
	stamp(team, slot, 0, &group->stamped);
	r = record_group(team, calls, count, forced);
	if (r == 0) {
		stamp(team, slot, 1, &group->stamped);
		r = submit_group(team, group);
	}
	batches_clear(team);
	if (r < 0) {
		team->set = set;
		return r;
	}
	group->ticket = ticket;
	team->tickets = ticket;
	*ret_ticket = ticket;
	return 0;
}

void trn_comm_team_forget(struct trn_comm_team *team, uint64_t ticket)
{
	team->group[ticket % TRN_COMM_GROUPS].ticket = 0;
}

void trn_comm_team_times(struct trn_comm_team *team, uint32_t slot)
{
	uint64_t begin = UINT64_MAX, end = 0;

	for (uint32_t i = 0; i < team->ranks && team->member[i].stamps; i++) {
		const uint64_t *words = team->member[i].stamps->mem.host;

		begin = trn_min_u64(begin, words[2 * slot]);
		end = trn_max_u64(end, words[2 * slot + 1]);
	}
	team->device_ns = !team->member[0].stamps ? UINT64_MAX : end > begin ? end - begin : 0;
}

/* The rank that most of the broken ways end at; of two, the one that failed itself. */
static uint32_t cut_off(struct trn_comm_team *team, uint32_t rank)
{
	uint32_t *count = team->index, best = rank;

	memset(count, 0, team->ranks * sizeof(*count));
	for (uint32_t i = 0; i < team->ranks; i++) {
		const struct trn_queue *queue = team->member[i].queue;
		const struct trn_ext_status *st = queue->hal->status;

		if (!queue->failed || st->error != TRN_EXT_ERR_LINK)
			continue;
		count[i]++;
		if (st->operand < team->ranks)
			count[st->operand]++;
	}
	for (uint32_t i = 0; i < team->ranks; i++)
		if (count[i] > count[best])
			best = i;
	return best;
}

/* Who is behind a failure: the device that is gone, the rank that is cut off, or the one that a
 * schedule waited for. */
static void blame(struct trn_comm_team *team, uint32_t rank)
{
	const struct trn_queue *queue = team->member[rank].queue;
	const struct trn_ext_status *st = queue->hal->status;
	const char *how = "was waited for by";
	uint32_t who = UINT32_MAX;

	for (uint32_t i = 0; i < team->ranks; i++) {
		struct trn_comm_member *m = &team->member[i];

		if (!atomic_load(&m->device->lost))
			continue;
		m->lost = true;
		(void)snprintf(m->why, sizeof(m->why), "rank %u: its device is lost",
			       team->first + i);
		who = i;
	}
	if (who != UINT32_MAX || !queue->failed)
		return;
	if (st->error == TRN_EXT_ERR_TIMEOUT)
		who = st->operand;
	for (uint32_t i = 0; i < team->ranks; i++)
		if (team->member[i].queue->failed &&
		    team->member[i].queue->hal->status->error == TRN_EXT_ERR_LINK) {
			who = cut_off(team, i);
			how = "is cut off; heard by";
			break;
		}
	if (who >= team->ranks)
		return;
	team->member[who].lost = true;
	(void)snprintf(team->member[who].why, sizeof(team->member[who].why), "rank %u %s rank %u",
		       team->first + who, how, team->first + rank);
}

/* The others end, too: done, failed, or by the limit of their schedules. */
static void settle(struct trn_comm_team *team, const uint64_t *sequence, uint64_t deadline_ns)
{
	for (uint32_t i = 0; i < team->ranks; i++)
		if (!atomic_load(&team->member[i].device->lost))
			(void)!trn_queue_wait(team->member[i].queue, sequence[i], deadline_ns);
}

int trn_comm_team_failed(struct trn_comm_team *team, const uint64_t *sequence, uint32_t rank,
			 int code, uint64_t deadline_ns)
{
	struct trn_error error = { .size = sizeof(error) };
	const bool known = trn_error_get(team->context, &error) == 0;

	team->failed = code;
	settle(team, sequence, deadline_ns);
	blame(team, rank);
	for (uint32_t i = 0; i < team->ranks; i++)
		if (team->member[i].lost)
			return trn_fail(team->context, team->member[i].device,
					code == -TRN_EDEVLOST ? -TRN_EDEVLOST : -TRN_ERANK,
					"trn_comm_wait", "%s", team->member[i].why);
	return trn_fail(team->context, team->member[rank].device, code, "trn_comm_wait",
			"rank %u: %.120s", team->first + rank, known ? error.cause : "failed");
}

int trn_comm_team_wait(struct trn_comm_team *team, uint64_t ticket, uint64_t deadline_ns)
{
	const uint32_t slot = (uint32_t)(ticket % TRN_COMM_GROUPS);
	struct trn_comm_group *group = &team->group[slot];

	for (uint32_t i = 0; i < team->ranks; i++) {
		int r = trn_queue_wait(team->member[i].queue, group->sequence[i], deadline_ns);

		if (r == -ETIMEDOUT && deadline_ns == TRN_DEADLINE_NOW)
			return r;
		if (r == -ETIMEDOUT)
			return trn_fail(team->context, team->member[i].device, r, "trn_comm_wait",
					"rank %u has not come to the end", i);
		if (r < 0)
			return trn_comm_team_failed(team, group->sequence, i, r, deadline_ns);
	}
	if (group->stamped)
		trn_comm_team_times(team, slot);
	else
		team->device_ns = UINT64_MAX;
	group->ticket = 0;
	return 0;
}

int trn_comm_team_shrink(struct trn_comm_team *team, uint64_t deadline_ns,
			 struct trn_comm_team **ret_team)
{
	const struct trn_alloc *alloc = &team->context->alloc;
	struct trn_device **devices = trn_alloc_array(alloc, team->ranks, sizeof(*devices));
	uint32_t *cores = trn_alloc_array(alloc, team->ranks, sizeof(*cores)), count = 0;
	int r = devices && cores ? 0 : -ENOMEM;

	if (r < 0)
		(void)trn_fail(team->context, NULL, r, "trn_comm_shrink", "no memory");
	for (uint32_t i = 0; r == 0 && i < team->ranks; i++) {
		struct trn_comm_member *m = &team->member[i];

		if (m->lost || atomic_load(&m->device->lost))
			continue;
		r = trn_queue_reset(m->queue, deadline_ns);
		devices[count] = m->device;
		cores[count++] = m->core;
	}
	if (r == 0 && count == 0)
		r = trn_fail(team->context, NULL, -TRN_ERANK, "trn_comm_shrink", "no rank is left");
	if (r == 0)
		r = trn_comm_team_create(team->context, devices, cores, count, team->limit_ns,
					 ret_team);
	trn_free(alloc, devices);
	trn_free(alloc, cores);
	return r;
}
