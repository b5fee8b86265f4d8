/* SPDX-License-Identifier: Apache-2.0 */
/* Commands in flight that touch the same bytes in no order. What is said is certain: a pair counts
 * only when both can run whatever the host does, and no way of signals and waits leads from one to
 * the other. What that leaves out is in docs/validation.md. */
#include <inttypes.h>
#include "base/bits.h"
#include "base/ext.h"
#include "hal/validate.h"

#define FLIGHT_MAX 2048u /* commands in flight, of all devices; beyond it nobody looks */

struct access {
	uint64_t address, bytes;
	bool writes;
};

static const struct trn_ext_cmd *command(const struct trn_validate_queue *q, uint32_t index)
{
	return &q->cmds[index & (q->hal->depth - 1)];
}

/* What a command reads and writes, where that is one run of bytes each. */
static unsigned int accesses(const struct trn_ext_cmd *cmd, struct access ret[2])
{
	switch (cmd->op) {
	case TRN_CMD_COPY:
		ret[0] = (struct access){ cmd->a[0], cmd->a[2], true };
		ret[1] = (struct access){ cmd->a[1], cmd->a[2], false };
		return 2;
	case TRN_CMD_FILL:
		ret[0] = (struct access){ cmd->a[0], cmd->a[1], true };
		return 1;
	case TRN_CMD_TIMESTAMP:
		ret[0] = (struct access){ cmd->a[0], 8, true };
		return 1;
	default:
		return 0;
	}
}

static bool meet(const struct access *a, const struct access *b)
{
	return a->bytes > 0 && b->bytes > 0 &&
	       (a->address - b->address < b->bytes || b->address - a->address < a->bytes);
}

/* 0: they do not disturb each other; 1: one reads; 2: both write. */
static int conflict(const struct access *a, unsigned int a_count, const struct access *b,
		    unsigned int b_count)
{
	int worst = 0;

	for (unsigned int i = 0; i < a_count; i++)
		for (unsigned int k = 0; k < b_count; k++)
			if (worst < a[i].writes + b[k].writes && meet(&a[i], &b[k]))
				worst = a[i].writes + b[k].writes;
	return worst;
}

/* ---- every queue of every device ---- */

struct spot {
	struct trn_validate *v;
	struct trn_validate_queue *q;
};

static bool next_queue(struct spot *s)
{
	if (s->q) {
		s->q = s->q->next;
	} else {
		s->v = trn_validate_all();
		s->q = s->v ? s->v->queues : NULL;
	}
	while (!s->q && s->v) {
		s->v = s->v->next;
		s->q = s->v ? s->v->queues : NULL;
	}
	return s->q != NULL;
}

/* The word of a WAIT or SIGNAL, the same pointer for all devices that reach it; or NULL. */
static const uint64_t *word_of(const struct trn_validate *v, const struct trn_ext_cmd *cmd)
{
	return cmd->a[0] % 8 ? NULL : trn_validate_host(v, cmd->a[0], 8);
}

static uint64_t value_of(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* From the first command that may still run. A signal that has arrived says more of what is before
 * it than the head, which the device may write later. */
static uint32_t begin_of(const struct spot *s)
{
	uint32_t begin = trn_validate_first_in_flight(s->q);

	if (s->q->kicked - begin > s->q->hal->depth)
		return s->q->kicked;
	for (uint32_t i = begin; i != s->q->kicked; i++) {
		const struct trn_ext_cmd *cmd = command(s->q, i);
		const uint64_t *word = cmd->op == TRN_CMD_SIGNAL ? word_of(s->v, cmd) : NULL;

		if (word && value_of(word) >= cmd->a[1])
			begin = i + 1;
	}
	return begin;
}

/* Commands that write the word of a WAIT other than by signals make its value no promise. */
static bool word_is_written(const struct spot *wait, const struct trn_ext_cmd *cmd)
{
	const struct access word = { cmd->a[0], 8, true };
	struct access touched[2];

	for (struct trn_validate_queue *q = wait->v->queues; q; q = q->next)
		for (uint32_t i = q->begin; i != q->kicked; i++)
			if (accesses(command(q, i), touched) > 0 && meet(&touched[0], &word))
				return true;
	return false;
}

/* Will what it waits for come without the host? */
static bool wait_is_known(const struct spot *wait, const struct trn_ext_cmd *cmd)
{
	const uint64_t *word = word_of(wait->v, cmd);

	if (!word || word_is_written(wait, cmd))
		return false;
	if (value_of(word) >= cmd->a[1])
		return true;
	for (struct spot s = { 0 }; next_queue(&s);)
		for (uint32_t i = s.q->begin; i != s.q->reached; i++) {
			const struct trn_ext_cmd *by = command(s.q, i);

			if (by->op == TRN_CMD_SIGNAL && by->a[1] >= cmd->a[1] &&
			    word_of(s.v, by) == word)
				return true;
		}
	return false;
}

static bool may_run(const struct spot *s, const struct trn_ext_cmd *cmd)
{
	switch (cmd->op) {
	case TRN_CMD_WAIT:
		return wait_is_known(s, cmd);
	case TRN_CMD_NOP:
	case TRN_CMD_COPY:
	case TRN_CMD_COPY_ND:
	case TRN_CMD_FILL:
	case TRN_CMD_SIGNAL:
	case TRN_CMD_TIMESTAMP:
		return true;
	default: /* these have ways of their own to wait for each other */
		return false;
	}
}

/* How far every queue can come by what queues have promised, when one of them stops in front of a
 * command (or held is NULL): reached. */
static void run(const struct trn_validate_queue *held, uint32_t stop)
{
	bool moved = true;

	for (struct spot s = { 0 }; next_queue(&s);)
		s.q->reached = s.q->begin;
	while (moved) {
		moved = false;
		for (struct spot s = { 0 }; next_queue(&s);)
			while (s.q->reached != (s.q == held ? stop : s.q->kicked) &&
			       may_run(&s, command(s.q, s.q->reached))) {
				s.q->reached++;
				moved = true;
			}
	}
}

/* Finds what may run; false when that is too much to look at. */
static bool prepare(void)
{
	uint32_t flight = 0;

	for (struct spot s = { 0 }; next_queue(&s);) {
		s.q->begin = begin_of(&s);
		flight += s.q->kicked - s.q->begin;
	}
	if (flight > FLIGHT_MAX)
		return false;
	run(NULL, 0);
	for (struct spot s = { 0 }; next_queue(&s);)
		s.q->known = s.q->reached;
	return true;
}

/* The second command, which is known, does not come as long as the first one does not run. */
static bool before(const struct trn_validate_queue *from, uint32_t first,
		   const struct trn_validate_queue *to, uint32_t second)
{
	run(from, first);
	return second - to->begin >= to->reached - to->begin;
}

/* The device goes on while this looks: a wait may have ended since by what is behind the command,
 * and then the command has ended, too. */
static bool has_ended(struct trn_validate *v, struct trn_validate_queue *q, uint32_t index)
{
	const struct spot spot = { v, q };

	return index - q->begin < begin_of(&spot) - q->begin;
}

static const char *const words[] = { "", "uses what", "writes what" };

/* One command against those of another queue. */
static bool against(struct trn_validate_found *found, struct trn_validate_queue *q, uint32_t c,
		    struct trn_validate_queue *other)
{
	struct access mine[2], theirs[2];
	const unsigned int count = accesses(command(q, c), mine);

	for (uint32_t d = other->begin; d != other->known; d++) {
		const unsigned int others = accesses(command(other, d), theirs);
		const int kind = conflict(mine, count, theirs, others);

		if (kind == 0 || before(other, d, q, c) || before(q, c, other, d) ||
		    has_ended(found->v, other, d))
			continue;
		trn_validate_report(
			found,
			kind == 2 ? TRN_VALIDATE_OVERLAPPING_WRITES : TRN_VALIDATE_MISSING_WAIT,
			"command %" PRIu32 " of queue %" PRIu32 " %s command %" PRIu32
			" of queue %" PRIu32 " has in flight, at 0x%" PRIx64,
			c, q->hal->index, words[kind], d, other->hal->index, theirs[0].address);
		return true;
	}
	return false;
}

void trn_validate_order(struct trn_validate_found *found, struct trn_validate_queue *queue,
			uint32_t from)
{
	if (!queue || !prepare())
		return;
	/* From the later of the first new command and the first that may run. */
	if (queue->begin - from < queue->kicked - from)
		from = queue->begin;
	for (uint32_t c = from; c - queue->begin < queue->known - queue->begin; c++)
		for (struct trn_validate_queue *q = found->v->queues; q; q = q->next)
			if (q != queue && against(found, queue, c, q))
				break;
}

void trn_validate_host_order(struct trn_validate_found *found, uint64_t dst, uint64_t src,
			     uint64_t size)
{
	const struct access mine[] = { { dst, size, true }, { src, size, false } };
	struct access theirs[2];

	if (!prepare())
		return;
	for (struct trn_validate_queue *q = found->v->queues; q; q = q->next)
		for (uint32_t d = q->begin; d != q->known; d++) {
			const unsigned int others = accesses(command(q, d), theirs);
			const int kind = conflict(mine, 2, theirs, others);

			if (kind == 0)
				continue;
			trn_validate_report(found,
					    kind == 2 ? TRN_VALIDATE_OVERLAPPING_WRITES :
							TRN_VALIDATE_MISSING_WAIT,
					    "the host %s command %" PRIu32 " of queue %" PRIu32
					    " has in flight, at 0x%" PRIx64,
					    words[kind], d, q->hal->index, theirs[0].address);
			return;
		}
}
