/* SPDX-License-Identifier: Apache-2.0 */
/* The survivors agree who is left. The lowest process that nobody knows to be lost is the new hub;
 * each one tries them in turn, listens all the time, and ends as a hub itself when all below it
 * are gone. */
#include "runtime/boot_private.h"

#include <errno.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/text.h"

#define PROBE_NS UINT64_C(200000000)

static bool is_gone(const struct trn_boot *boot, uint32_t process)
{
	return boot->left[process] || trn_boot_loss_of(boot, process);
}

/* A boot with the old one's tables: numbers stay the old ones until all have come. */
static struct trn_boot *heir_new(struct trn_boot *old, bool hub)
{
	uint32_t n = old->processes;
	struct trn_boot *heir = trn_boot_new(old->context, n, hub ? n : 1);

	if (!heir)
		return NULL;
	heir->operation = "trn_comm_shrink";
	heir->way = old->way;
	heir->shrinking = true;
	heir->numbered = true;
	heir->run = old->run;
	heir->generation = old->generation + 1;
	heir->silence_ms = old->silence_ms;
	heir->process = old->process;
	memcpy(heir->name, old->name, sizeof(heir->name));
	memcpy(heir->where, old->where, sizeof(heir->where));
	memcpy(heir->peers, old->peers, n * sizeof(*heir->peers));
	memcpy(heir->addrs, old->addrs, n * sizeof(*heir->addrs));
	heir->listener = old->listener;
	old->listener = -1;
	/* Whoever was faster than this process waits among them. */
	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS; i++)
		trn_boot_conn_move(&heir->strangers[i], &old->strangers[i]);
	return heir;
}

/* Another candidate follows: what it needs goes back. */
static void heir_drop(struct trn_boot *old, struct trn_boot *heir)
{
	old->listener = heir->listener;
	heir->listener = -1;
	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS; i++)
		trn_boot_conn_move(&old->strangers[i], &heir->strangers[i]);
	trn_boot_free(heir);
}

/* ---- as the new hub ---- */

static bool lost_bit(const struct trn_boot_hello *hello, uint32_t process)
{
	return hello->lost[process / 8] & (1u << process % 8);
}

/* What this survivor knows to be lost is lost for all. */
static void take_losses(struct trn_boot *boot, uint32_t process, const struct trn_boot_hello *hello)
{
	char who[128];

	for (uint32_t p = 0; p < boot->processes; p++) {
		if (p == process || p == boot->process || !lost_bit(hello, p) || is_gone(boot, p))
			continue;
		trn_boot_describe(boot, p, who, sizeof(who));
		(void)trn_boot_loss(boot, p, 0, NULL, "%s is lost for process %u", who, process);
		if (!boot->here[p])
			continue;
		trn_boot_turn_away(&boot->conns[p], p, trn_boot_loss_of(boot, p)->why);
		boot->here[p] = false;
		boot->here_count--;
	}
}

void trn_boot_judge_survivor(struct trn_boot *boot, struct trn_boot_conn *conn,
			     const struct trn_boot_hello *hello)
{
	uint32_t process = conn->head.process;

	if (conn->head.swapped || conn->head.version != TRN_BOOT_VERSION ||
	    conn->head.value != boot->run || hello->generation != boot->generation ||
	    process >= boot->processes || process == boot->process || boot->here[process]) {
		trn_boot_conn_close(conn);
		return;
	}
	if (is_gone(boot, process)) {
		const struct trn_boot_loss *loss = trn_boot_loss_of(boot, process);

		trn_boot_turn_away(conn, process, loss ? loss->why : "has left the job");
		return;
	}
	take_losses(boot, process, hello);
	trn_boot_take_in(boot, conn, hello);
}

/* Asks those that have not come whether they are there at all: a host says at once that nobody
 * listens any more. */
static void probe(struct trn_boot *boot)
{
	for (uint32_t p = 0; p < boot->processes; p++) {
		int fd;

		if (p == boot->process || boot->here[p] || is_gone(boot, p) ||
		    boot->conns[p].fd >= 0)
			continue;
		fd = trn_boot_connect(&boot->addrs[p], boot->silence_ms);
		if (fd < 0)
			continue;
		trn_boot_conn_take(&boot->conns[p], fd);
		boot->conns[p].process = p;
		boot->conns[p].connecting = true;
		boot->conns[p].probe = true;
	}
}

static bool all_here(const struct trn_boot *boot)
{
	for (uint32_t p = 0; p < boot->processes; p++)
		if (!boot->here[p] && !is_gone(boot, p))
			return false;
	return true;
}

/* Enough to be sure that the others are not going on without these? */
static bool quorum(const struct trn_boot *boot, uint32_t *ret_alive)
{
	uint32_t alive = 0, lowest = TRN_BOOT_NOBODY;

	for (uint32_t p = 0; p < boot->processes; p++) {
		const struct trn_boot_loss *loss = trn_boot_loss_of(boot, p);

		if (boot->left[p] || (loss && (loss->flags & TRN_BOOT_LOSS_ENDED)))
			continue;
		alive++;
		if (lowest == TRN_BOOT_NOBODY)
			lowest = p;
	}
	*ret_alive = alive;
	return boot->here_count * 2 > alive ||
	       (boot->here_count * 2 == alive && boot->here[lowest]);
}

/* Numbers the survivors anew, in the old order. This process is the lowest of them. */
static void compact(struct trn_boot *boot)
{
	uint32_t n = 0;

	for (uint32_t p = 0; p < boot->processes; p++) {
		if (!boot->here[p])
			continue;
		boot->peers[n] = boot->peers[p];
		boot->addrs[n] = boot->addrs[p];
		boot->old[n] = p;
		if (n != p)
			trn_boot_conn_move(&boot->conns[n], &boot->conns[p]);
		boot->conns[n].process = n;
		boot->conns[n].told = 0;
		n++;
	}
	for (uint32_t p = n; p < boot->conn_count; p++)
		trn_boot_conn_close(&boot->conns[p]);
	memset(boot->left, 0, boot->processes * sizeof(*boot->left));
	boot->processes = boot->conn_count = n;
	boot->process = 0;
	boot->loss_count = 0;
}

static int too_few(struct trn_boot *boot, uint32_t alive)
{
	char why[TRN_BOOT_WHY_MAX];

	(void)trn_text_add(
		why, sizeof(why), 0,
		"only %u of %u processes that may be alive came together: the others may go "
		"on without them",
		boot->here_count, alive);
	for (uint32_t p = 0; p < boot->processes; p++)
		if (boot->conns[p].fd >= 0 && !boot->conns[p].probe)
			trn_boot_turn_away(&boot->conns[p], p, why);
	return trn_fail(boot->context, NULL, -TRN_ERANK, boot->operation, "%s", why);
}

/* Those that came before this process was ready to answer. */
static void judge_waiting(struct trn_boot *boot)
{
	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS; i++)
		if (boot->strangers[i].in == TRN_BOOT_IN_FULL)
			trn_boot_judge(boot, &boot->strangers[i]);
}

static int survivors_gather(struct trn_boot *boot, uint64_t deadline_ns)
{
	uint64_t now = trn_clock_ns(), limit = deadline_ns, ask = 0;
	uint32_t alive;

	if (deadline_ns != TRN_DEADLINE_NEVER && deadline_ns > now)
		limit = now + (deadline_ns - now) / 2;
	boot->stage = TRN_BOOT_STAGE_GATHER;
	boot->here[boot->process] = true;
	boot->here_count = 1;
	judge_waiting(boot);
	while (!all_here(boot) && !trn_clock_passed(trn_min_u64(limit, boot->limit_ns))) {
		/* Again and again: it may end only now. */
		if (trn_clock_passed(ask)) {
			probe(boot);
			ask = trn_clock_deadline(PROBE_NS);
		}
		trn_boot_pump(boot, trn_min_u64(limit, boot->limit_ns));
	}
	/* One that came and ended again. */
	for (uint32_t p = 0; p < boot->processes; p++) {
		if (!boot->here[p] || !is_gone(boot, p))
			continue;
		boot->here[p] = false;
		boot->here_count--;
	}
	if (!quorum(boot, &alive))
		return too_few(boot, alive);
	compact(boot);
	boot->tells = true;
	return trn_boot_roster_send(boot, deadline_ns);
}

/* ---- as one of the others ---- */

static int candidate_find(struct trn_boot_finder *finder, struct trn_boot *boot,
			  struct trn_boot_addr *addrs, uint32_t *ret_count)
{
	(void)boot;
	addrs[0] = finder->addrs[0];
	*ret_count = 1;
	return 0;
}

/* 0; -EAGAIN: not this one; -TRN_ERANK: it turned this process away. */
static int try_candidate(struct trn_boot *old, struct trn_boot *heir, uint32_t candidate,
			 uint64_t deadline_ns)
{
	struct trn_boot_finder finder = { .find = candidate_find,
					  .deadline_ns = deadline_ns,
					  .run = old->run,
					  .losses = old->losses,
					  .loss_count = old->loss_count };
	uint64_t now = trn_clock_ns(), welcome = deadline_ns;
	char who[128];
	int r;

	if (deadline_ns != TRN_DEADLINE_NEVER && deadline_ns > now)
		welcome = now + (deadline_ns - now) / 2;
	finder.addrs[0] = old->addrs[candidate];
	heir->hub = candidate;
	r = trn_boot_join(heir, &finder, welcome, deadline_ns);
	if (r == 0 || r == -ENOMEM)
		return r;
	if (heir->loss_count && trn_boot_loss_of(heir, heir->process))
		return trn_boot_fail(heir);
	trn_boot_describe(old, candidate, who, sizeof(who));
	(void)trn_boot_loss(old, candidate, r == -ECONNREFUSED ? TRN_BOOT_LOSS_ENDED : 0, NULL,
			    "%s %s", who,
			    r == -ECONNREFUSED ? "ended" : "does not come to the shrink");
	return -EAGAIN;
}

static int be_hub(struct trn_boot *old, struct trn_boot *heir, uint64_t deadline_ns)
{
	memcpy(heir->left, old->left, old->processes * sizeof(*heir->left));
	memcpy(heir->losses, old->losses, old->loss_count * sizeof(*heir->losses));
	heir->loss_count = old->loss_count;
	return survivors_gather(heir, deadline_ns);
}

/* One candidate. -EAGAIN: the next one. */
static int try_one(struct trn_boot *old, uint32_t candidate, uint64_t deadline_ns,
		   struct trn_boot **ret_boot)
{
	bool hub = candidate == old->process;
	struct trn_boot *heir = heir_new(old, hub);
	int r;

	if (!heir)
		return trn_fail(old->context, NULL, -ENOMEM, "trn_comm_shrink",
				"no memory for %u processes", old->processes);
	r = hub ? be_hub(old, heir, deadline_ns) : try_candidate(old, heir, candidate, deadline_ns);
	if (r < 0) {
		heir_drop(old, heir);
		return r;
	}
	heir->shrinking = false;
	heir->tells = true;
	heir->stage = TRN_BOOT_STAGE_READY;
	trn_boot_number_ranks(heir);
	judge_waiting(heir);
	*ret_boot = heir;
	return 0;
}

int trn_boot_shrink(struct trn_boot *boot, uint64_t deadline_ns, struct trn_boot **ret_boot)
{
	int r = -EAGAIN;

	if (boot->stage != TRN_BOOT_STAGE_READY)
		return trn_fail(boot->context, NULL, -EINVAL, "trn_comm_shrink",
				"this communicator was shrunk before");
	deadline_ns = trn_boot_almost(deadline_ns);
	trn_boot_pump(boot, TRN_DEADLINE_NOW);
	if (boot->listener < 0 && boot->processes > 1)
		return trn_fail(boot->context, NULL, -EINVAL, "trn_comm_shrink",
				"this process does not listen");
	if (is_gone(boot, boot->process))
		return trn_fail(boot->context, NULL, -TRN_ERANK, "trn_comm_shrink", "%s",
				trn_boot_loss_of(boot, boot->process)->why);
	for (uint32_t p = 0; r == -EAGAIN && p <= boot->process; p++)
		if (!is_gone(boot, p))
			r = try_one(boot, p, deadline_ns, ret_boot);
	boot->stage = TRN_BOOT_STAGE_OVER;
	return r;
}
