/* SPDX-License-Identifier: Apache-2.0 */
/* The others' side of coming together: to find the hub, say who one is, and hear who all are. */
#include "runtime/boot_private.h"

#include <errno.h>
#include <unistd.h>
#include "base/clock.h"

#define CONNECT_NS UINT64_C(1000000000) /* for one address, when there are more */
#define AGAIN_NS UINT64_C(20000000)     /* between two rounds over the addresses */
#define LOOK_NS UINT64_C(200000000)     /* at the card, while the hub is silent */

/* The hub's connection stands: listens beside it and says HELLO. */
static int say_hello(struct trn_boot *boot, const struct trn_boot_finder *finder)
{
	struct trn_boot_conn *conn = &boot->conns[0];
	struct trn_boot_addr near = { .len = sizeof(near.u) }, bound;
	struct trn_boot_head head = { .version = TRN_BOOT_VERSION,
				      .kind = TRN_BOOT_HELLO,
				      .process = boot->process,
				      .length = TRN_BOOT_HELLO_BYTES,
				      .value = finder->run };
	struct trn_boot_hello hello;
	uint8_t body[TRN_BOOT_HELLO_BYTES];

	if (getsockname(conn->fd, &near.u.any, &near.len) < 0)
		return -errno;
	if (boot->listener < 0) {
		trn_boot_addr_set_port(&near, 0);
		boot->listener = trn_boot_listen(&near, &bound);
		if (boot->listener < 0)
			return boot->listener;
		boot->addrs[boot->process] = bound;
	}
	trn_boot_hello_fill(boot, finder->deadline_ns, &hello);
	for (uint32_t i = 0; i < finder->loss_count; i++)
		if (finder->losses[i].process < TRN_BOOT_PROCESSES_MAX)
			hello.lost[finder->losses[i].process / 8] |=
				(uint8_t)(1u << finder->losses[i].process % 8);
	trn_boot_hello_put(body, &hello);
	return trn_boot_conn_put(conn, &head, body) ? 0 : -EIO;
}

/* One address: 0 when the connection stands. */
static int try_address(struct trn_boot *boot, const struct trn_boot_addr *addr, uint64_t until_ns)
{
	struct pollfd fd = { .fd = trn_boot_connect(addr, boot->silence_ms), .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	if (fd.fd < 0)
		return fd.fd;
	for (;;) {
		uint64_t now = trn_clock_ns();
		uint64_t left = until_ns > now ? until_ns - now : 0;

		left = trn_min_u64(left, TRN_BOOT_STEP_NS);
		if (poll(&fd, 1, (int)((left + 999999) / 1000000)) > 0)
			break;
		if (left == 0) {
			(void)close(fd.fd);
			return -ETIMEDOUT;
		}
	}
	if (getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		(void)close(fd.fd);
		return -error;
	}
	trn_boot_conn_close(&boot->conns[0]);
	trn_boot_conn_take(&boot->conns[0], fd.fd);
	boot->conns[0].process = boot->hub;
	return 0;
}

/* Between two rounds: nothing to wait for but time. */
static void pause_round(uint64_t deadline_ns)
{
	uint64_t until = trn_min_u64(trn_clock_deadline(AGAIN_NS), deadline_ns);
	unsigned int round = 0;

	while (!trn_clock_passed(until))
		trn_clock_backoff(&round);
}

/* Waits for the hub's answer to HELLO. 0: it is there; -EAGAIN: the connection ended without
 * one, or the card is another one by now; -ETIMEDOUT. */
static int await_welcome(struct trn_boot *boot, struct trn_boot_finder *finder, uint64_t until_ns)
{
	struct trn_boot_addr addrs[TRN_BOOT_ADDRS_MAX];
	uint64_t look = trn_clock_deadline(LOOK_NS), run = finder->run;
	uint32_t count;

	while (!boot->welcome && boot->loss_count == 0) {
		if (trn_clock_passed(until_ns))
			return -ETIMEDOUT;
		trn_boot_pump(boot, until_ns);
		if (boot->conns[0].fd < 0 && !boot->welcome && boot->loss_count == 0)
			return -EAGAIN;
		if (!finder->card || !trn_clock_passed(look))
			continue;
		look = trn_clock_deadline(LOOK_NS);
		if (finder->find(finder, boot, addrs, &count) == 0 && finder->run != run)
			return -EAGAIN;
	}
	return 0;
}

/* One round over all addresses. 0: the hub has answered. -EAGAIN: not yet, finder->why. */
static int try_round(struct trn_boot *boot, struct trn_boot_finder *finder, uint64_t until_ns)
{
	struct trn_boot_addr addrs[TRN_BOOT_ADDRS_MAX];
	const struct trn_boot_expect table = { .kind = TRN_BOOT_ROSTER,
					       .up_to = true,
					       .length = boot->processes * TRN_BOOT_ENTRY_BYTES,
					       .body = finder->table };
	uint32_t count = 0;
	int r = finder->find(finder, boot, addrs, &count);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t until = until_ns;

		if (count > 1)
			until = trn_min_u64(until, trn_clock_deadline(CONNECT_NS));
		r = try_address(boot, &addrs[i], until);
		if (r == 0)
			r = say_hello(boot, finder);
		if (r == 0) {
			trn_boot_conn_expect(&boot->conns[0], &table);
			r = await_welcome(boot, finder, until_ns);
		}
		if (r == 0)
			return 0;
		trn_boot_conn_close(&boot->conns[0]);
		finder->error = r;
		if (boot->listener >= 0 && !boot->shrinking) {
			(void)close(boot->listener); /* the next hub's side may be another one */
			boot->listener = -1;
		}
		trn_text_copy(finder->why, sizeof(finder->why),
			      r == -EAGAIN    ? "closes the connection" :
			      r == -ETIMEDOUT ? "does not answer" :
						trn_strerror(r));
		if (boot->shrinking && r == -ECONNREFUSED)
			return r;
	}
	return -EAGAIN;
}

/* The table: entries of all, this process among them. */
static int roster_read(struct trn_boot *boot, struct trn_boot_conn *conn, const uint8_t *bytes)
{
	struct trn_boot_addr near = { .len = sizeof(near.u) };
	uint32_t count = conn->head.tag;

	if (getsockname(conn->fd, &near.u.any, &near.len) < 0)
		return -EPROTO;
	for (uint32_t p = 0; p < count; p++) {
		struct trn_boot_entry entry;
		struct trn_boot_peer *peer = &boot->peers[p];

		if (trn_boot_entry_get(bytes + (size_t)p * TRN_BOOT_ENTRY_BYTES, &entry) < 0)
			return -EPROTO;
		*peer = (struct trn_boot_peer){ .ranks = entry.ranks, .pid = entry.pid };
		memcpy(peer->host, entry.host, sizeof(peer->host));
		boot->old[p] = entry.old;
		trn_boot_addr_unpack(&entry, &near, &boot->addrs[p]);
	}
	/* The hub is where it answers, whatever it thinks its address is. */
	boot->addrs[0].len = sizeof(boot->addrs[0].u);
	if (getpeername(conn->fd, &boot->addrs[0].u.any, &boot->addrs[0].len) < 0 ||
	    boot->old[conn->head.process] != boot->process)
		return -EPROTO;
	boot->processes = count;
	boot->process = conn->head.process;
	boot->hub = 0;
	boot->run = conn->head.value;
	conn->process = 0;
	return 0;
}

static bool roster_fits(const struct trn_boot *boot, const struct trn_boot_head *head)
{
	return head->kind == TRN_BOOT_ROSTER && head->tag >= 1 && head->process < head->tag &&
	       head->length == head->tag * TRN_BOOT_ENTRY_BYTES &&
	       (boot->shrinking ? head->tag <= boot->processes : head->tag == boot->processes);
}

/* Waits for the table, into memory of the size of this process's own count. */
static int await_roster(struct trn_boot *boot, uint8_t *bytes, uint64_t deadline_ns)
{
	struct trn_boot_conn *conn = &boot->conns[0];
	char who[128];

	while (boot->loss_count == 0) {
		trn_boot_pump(boot, deadline_ns);
		if (conn->in == TRN_BOOT_IN_FULL) {
			if (roster_fits(boot, &conn->head) && roster_read(boot, conn, bytes) == 0) {
				trn_boot_conn_next(conn);
				return 0;
			}
		} else if (conn->in != TRN_BOOT_IN_PARKED && !trn_clock_passed(deadline_ns)) {
			continue;
		}
		trn_boot_describe(boot, boot->hub, who, sizeof(who));
		(void)trn_boot_loss(boot, boot->hub, 0, NULL, "%s %s", who,
				    trn_clock_passed(deadline_ns) ?
					    "did not say in time that all are here" :
					    "sent a table that is wrong");
	}
	return -TRN_ERANK;
}

int trn_boot_join(struct trn_boot *boot, struct trn_boot_finder *finder, uint64_t welcome_ns,
		  uint64_t deadline_ns)
{
	const struct trn_alloc *alloc = &boot->context->alloc;
	uint8_t *bytes = trn_alloc_array(alloc, boot->processes, TRN_BOOT_ENTRY_BYTES);
	int r = -EAGAIN;

	if (!bytes)
		return trn_fail(boot->context, NULL, -ENOMEM, boot->operation,
				"no memory for the table of %u processes", boot->processes);
	boot->stage = TRN_BOOT_STAGE_JOIN;
	finder->table = bytes;
	while (r == -EAGAIN) {
		r = try_round(boot, finder, welcome_ns);
		if (r != -EAGAIN)
			break;
		if (trn_clock_passed(welcome_ns)) {
			r = -ETIMEDOUT;
			break;
		}
		pause_round(welcome_ns);
	}
	if (r == 0)
		r = await_roster(boot, bytes, deadline_ns);
	else if (!boot->shrinking && (r == -ETIMEDOUT || r == -EAGAIN))
		(void)trn_boot_loss(boot, 0, 0, NULL,
				    "process 0 (rank 0) did not come in time: %s: %s", boot->where,
				    finder->why);
	trn_free(alloc, bytes);
	if (r == 0 || boot->shrinking)
		return r;
	return boot->loss_count ? trn_boot_fail(boot) : r;
}
