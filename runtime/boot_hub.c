/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's side of coming together: who may come in, until when, and who is missing. */
#include "runtime/boot_private.h"

#include <errno.h>
#include "base/clock.h"
#include "base/text.h"

#define FLUSH_NS UINT64_C(1000000000) /* for the last words to those that are here */

/* ---- judging a HELLO ---- */

/* Who says so: not in the tables yet. Ranks as if all had as many as this one. */
static void describe_hello(const struct trn_boot *boot, const struct trn_boot_head *head,
			   const struct trn_boot_hello *hello, char *text, size_t size)
{
	uint32_t ranks = boot->peers[boot->process].ranks;
	size_t used = trn_text_add(text, size, 0, "process %u (", head->process);

	if (hello->ranks == ranks && head->process < TRN_BOOT_PROCESSES_MAX)
		used = trn_text_add(text, size, used, ranks > 1 ? "ranks %u-%u, " : "rank %u, ",
				    head->process * ranks, head->process * ranks + ranks - 1);
	(void)trn_text_add(text, size, used, "host %s, pid %u)", hello->host, hello->pid);
}

/* Why this process does not belong to the job; false when it does. */
static bool hello_wrong(const struct trn_boot *boot, const struct trn_boot_head *head,
			const struct trn_boot_hello *hello, char *why, size_t size)
{
	char who[128];

	describe_hello(boot, head, hello, who, sizeof(who));
	if (head->swapped)
		(void)trn_text_add(why, size, 0, "%s has the other byte order", who);
	else if (head->version != TRN_BOOT_VERSION)
		(void)trn_text_add(why, size, 0,
				   "%s speaks version %u of the protocol, process 0 %u", who,
				   head->version, TRN_BOOT_VERSION);
	else if (strcmp(hello->name, boot->name) != 0)
		(void)trn_text_add(why, size, 0, "%s is of job \"%s\", process 0 of \"%s\"", who,
				   hello->name, boot->name);
	else if (hello->processes != boot->processes)
		(void)trn_text_add(why, size, 0, "%s counts %u processes, process 0 %u", who,
				   hello->processes, boot->processes);
	else if (head->process >= boot->processes)
		(void)trn_text_add(why, size, 0, "%s: there are only %u processes", who,
				   boot->processes);
	else if (boot->here[head->process])
		(void)trn_text_add(why, size, 0, "%s is there twice: also on host %s, pid %u", who,
				   boot->peers[head->process].host, boot->peers[head->process].pid);
	else
		return false;
	return true;
}

/* In: its place in the table, and the hub's answer. */
void trn_boot_take_in(struct trn_boot *boot, struct trn_boot_conn *stranger,
		      const struct trn_boot_hello *hello)
{
	uint32_t process = stranger->head.process;
	struct trn_boot_conn *conn = &boot->conns[process];
	struct trn_boot_peer *peer = &boot->peers[process];
	struct trn_boot_addr *addr = &boot->addrs[process];
	struct trn_boot_hello mine;
	struct trn_boot_head head = { .version = TRN_BOOT_VERSION,
				      .kind = TRN_BOOT_WELCOME,
				      .length = TRN_BOOT_HELLO_BYTES };
	uint8_t body[TRN_BOOT_HELLO_BYTES];

	/* The others reach it where the hub sees it. */
	addr->len = sizeof(addr->u);
	if (getpeername(stranger->fd, &addr->u.any, &addr->len) < 0) {
		trn_boot_conn_close(stranger);
		return;
	}
	trn_boot_addr_set_port(addr, hello->port);
	peer->ranks = hello->ranks;
	peer->pid = hello->pid;
	memcpy(peer->host, hello->host, sizeof(peer->host));
	boot->here[process] = true;
	boot->here_count++;
	boot->limit_ns = trn_min_u64(boot->limit_ns, trn_boot_patience_end(hello->patience_ms));
	trn_boot_conn_next(stranger);
	trn_boot_conn_move(conn, stranger);
	conn->process = process;
	trn_boot_hello_fill(boot, TRN_DEADLINE_NEVER, &mine);
	trn_boot_hello_put(body, &mine);
	(void)trn_boot_conn_put(conn, &head, body); /* the first message: there is room */
}

/* The job is complete, or is being made again: others come too late, survivors too early. */
static void judge_late(struct trn_boot *boot, struct trn_boot_conn *conn,
		       const struct trn_boot_hello *hello)
{
	const bool joins = boot->stage == TRN_BOOT_STAGE_JOIN;
	char why[TRN_BOOT_WHY_MAX], who[128];

	/* Waits, FULL, until this process shrinks too, which then looks at the run again: a slow
	 * one may not even know it yet. So does who knows already that the process this one tries
	 * to join is lost: this one may be the next hub. */
	if ((hello->generation > boot->generation && (conn->head.value == boot->run || joins)) ||
	    (hello->generation == boot->generation && boot->shrinking && joins))
		return;
	describe_hello(boot, &conn->head, hello, who, sizeof(who));
	(void)trn_text_add(why, sizeof(why), 0, "%s came when the job was complete", who);
	trn_logf(&boot->context->log, TRN_LOG_WARNING, "%s", why);
	trn_boot_turn_away(conn, conn->head.process, why);
}

void trn_boot_judge(struct trn_boot *boot, struct trn_boot_conn *conn)
{
	struct trn_boot_hello hello;
	char why[TRN_BOOT_WHY_MAX];
	uint32_t process = conn->head.process;

	if (trn_boot_hello_get(&conn->head, conn->body, &hello) < 0) {
		trn_boot_conn_close(conn);
	} else if (boot->stage != TRN_BOOT_STAGE_GATHER) {
		judge_late(boot, conn, &hello);
	} else if (boot->shrinking) {
		trn_boot_judge_survivor(boot, conn, &hello);
	} else if (boot->run_known && conn->head.value != boot->run) {
		/* It has read the card of an earlier run, and will read it again. */
		trn_boot_conn_close(conn);
	} else if (hello_wrong(boot, &conn->head, &hello, why, sizeof(why))) {
		boot->refused++;
		(void)trn_boot_loss(boot, process, 0, NULL, "%s", why);
		trn_boot_turn_away(conn, process, why);
	} else {
		trn_boot_take_in(boot, conn, &hello);
	}
}

/* ---- waiting for all ---- */

/* Names all that are missing, as far as a line goes. */
static void missing(struct trn_boot *boot)
{
	uint32_t absent = boot->processes - boot->here_count, first = TRN_BOOT_NOBODY;
	char list[96] = "";
	size_t used = 0;

	for (uint32_t p = 0; p < boot->processes && used + 24 < sizeof(list); p++) {
		if (boot->here[p])
			continue;
		if (first == TRN_BOOT_NOBODY)
			first = p;
		used = trn_text_add(list, sizeof(list), used, "%s%u", p == first ? "" : ", ", p);
	}
	if (used + 24 >= sizeof(list))
		used = trn_text_add(list, sizeof(list), used, " ...");
	if (absent == 1) {
		char who[128];

		trn_boot_describe(boot, first, who, sizeof(who));
		(void)trn_boot_loss(boot, first, 0, NULL,
				    "%s did not come in time; the other %u did", who,
				    boot->here_count);
	} else {
		(void)trn_boot_loss(boot, first, 0, NULL,
				    "processes %s did not come in time; %u of %u did", list,
				    boot->here_count, boot->processes);
	}
}

/* Sends what is still to be said; not for ever. */
static void flush_all(struct trn_boot *boot)
{
	uint64_t until = trn_clock_deadline(FLUSH_NS);

	for (bool more = true; more && !trn_clock_passed(until);) {
		trn_boot_pump(boot, TRN_DEADLINE_NOW);
		more = false;
		for (uint32_t i = 0; i < boot->conn_count; i++)
			more |= boot->conns[i].fd >= 0 && trn_boot_conn_wants_out(&boot->conns[i]);
		if (more)
			trn_boot_pump(boot, until);
	}
}

int trn_boot_gather(struct trn_boot *boot, uint64_t deadline_ns)
{
	boot->limit_ns = trn_boot_before(deadline_ns);
	boot->tells = true;
	boot->here[0] = true;
	boot->here_count = 1;
	/* With somebody wrong, all that come still hear of it. */
	while (boot->here_count + boot->refused < boot->processes) {
		if (trn_clock_passed(boot->limit_ns)) {
			if (boot->loss_count == 0)
				missing(boot);
			break;
		}
		trn_boot_pump(boot, boot->limit_ns);
	}
	if (boot->loss_count == 0)
		return 0;
	flush_all(boot);
	return trn_boot_fail(boot);
}

static void roster_fill(const struct trn_boot *boot, uint8_t *bytes)
{
	for (uint32_t p = 0; p < boot->processes; p++) {
		struct trn_boot_entry entry = { .old = boot->old[p],
						.ranks = boot->peers[p].ranks,
						.pid = boot->peers[p].pid };

		trn_boot_addr_pack(&boot->addrs[p], &entry);
		memcpy(entry.host, boot->peers[p].host, sizeof(entry.host));
		trn_boot_entry_put(bytes + (size_t)p * TRN_BOOT_ENTRY_BYTES, &entry);
	}
}

int trn_boot_roster_send(struct trn_boot *boot, uint64_t deadline_ns)
{
	const struct trn_alloc *alloc = &boot->context->alloc;
	uint8_t *bytes = trn_alloc_array(alloc, boot->processes, TRN_BOOT_ENTRY_BYTES);

	if (!bytes)
		return trn_fail(boot->context, NULL, -ENOMEM, boot->operation,
				"no memory for the table of %u processes", boot->processes);
	roster_fill(boot, bytes);
	for (uint32_t p = 1; p < boot->processes; p++) {
		const struct trn_boot_head head = { .version = TRN_BOOT_VERSION,
						    .kind = TRN_BOOT_ROSTER,
						    .process = p,
						    .tag = boot->processes,
						    .length =
							    boot->processes * TRN_BOOT_ENTRY_BYTES,
						    .value = boot->run };

		if (boot->conns[p].fd >= 0)
			(void)trn_boot_conn_lend(&boot->conns[p], &head, bytes);
	}
	while (trn_boot_lends(boot) && boot->loss_count == 0 && !trn_clock_passed(deadline_ns))
		trn_boot_pump(boot, deadline_ns);
	for (uint32_t p = 1; p < boot->processes; p++) {
		if (boot->conns[p].big_left == 0)
			continue;
		(void)trn_boot_loss(boot, p, 0, NULL, "process %u does not take the table", p);
		trn_boot_conn_close(&boot->conns[p]);
	}
	trn_free(alloc, bytes);
	if (boot->loss_count == 0)
		return 0;
	flush_all(boot);
	return trn_boot_fail(boot);
}
