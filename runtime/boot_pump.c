/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a boot's sockets, and what follows from them. */
#include "runtime/boot_private.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"

#define STRANGER_NS UINT64_C(2000000000) /* a stranger has said HELLO by then */
#define EVICT_NS UINT64_C(100000000)     /* one that holds the last place, by then */

/* ---- losses ---- */

const struct trn_boot_loss *trn_boot_loss_of(const struct trn_boot *boot, uint32_t process)
{
	for (uint32_t i = 0; i < boot->loss_count; i++)
		if (boot->losses[i].process == process)
			return &boot->losses[i];
	return NULL;
}

bool trn_boot_loss(struct trn_boot *boot, uint32_t process, uint32_t flags,
		   const struct trn_boot_conn *from, const char *fmt, ...)
{
	struct trn_boot_loss *loss = &boot->losses[boot->loss_count];
	char why[TRN_BOOT_WHY_MAX];
	va_list args;

	/* A number from elsewhere may be any; there is one place more than processes. */
	if (boot->loss_count > boot->processes || trn_boot_loss_of(boot, process) ||
	    (process < boot->processes && boot->left[process]))
		return false;
	va_start(args, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, args); /* cut: it is for people */
	va_end(args);
	*loss = (struct trn_boot_loss){ .process = process, .flags = flags, .from = from };
	trn_boot_text_clean(loss->why, why, sizeof(loss->why));
	boot->loss_count++;
	trn_logf(&boot->context->log, TRN_LOG_WARNING, "%s", loss->why);
	return true;
}

/* Everybody that is connected hears of every loss once, but for who told it. */
static void tell(const struct trn_boot *boot, struct trn_boot_conn *conn)
{
	while (conn->told < boot->loss_count) {
		const struct trn_boot_loss *loss = &boot->losses[conn->told];
		const struct trn_boot_head head = { .version = TRN_BOOT_VERSION,
						    .kind = TRN_BOOT_LOST,
						    .process = loss->process,
						    .length = TRN_BOOT_TOLD_BYTES };
		struct trn_boot_told told = { .flags = loss->flags };
		uint8_t body[TRN_BOOT_TOLD_BYTES];

		memcpy(told.why, loss->why, sizeof(told.why));
		trn_boot_told_put(body, &told);
		if (loss->from != conn && !trn_boot_conn_put(conn, &head, body))
			return;
		conn->told++;
	}
}

void trn_boot_turn_away(struct trn_boot_conn *conn, uint32_t process, const char *why)
{
	const struct trn_boot_head head = { .version = TRN_BOOT_VERSION,
					    .kind = TRN_BOOT_LOST,
					    .process = process,
					    .length = TRN_BOOT_TOLD_BYTES };
	struct trn_boot_told told = { .flags = 0 };
	uint8_t body[TRN_BOOT_TOLD_BYTES];

	trn_text_copy(told.why, sizeof(told.why), why);
	trn_boot_told_put(body, &told);
	/* Nothing of ours is on its way: the kernel takes these bytes at once, or never. */
	if (trn_boot_conn_put(conn, &head, body))
		(void)trn_boot_conn_flush(conn);
	trn_boot_conn_close(conn);
}

/* A connection is dead. */
static void conn_dead(struct trn_boot *boot, struct trn_boot_conn *conn, int r)
{
	uint32_t process = conn->process;
	char who[TRN_BOOT_WHY_MAX];

	trn_boot_conn_close(conn);
	/* Nobody yet, or a hub that has not answered: join tries again. */
	if (process == TRN_BOOT_NOBODY || (boot->stage == TRN_BOOT_STAGE_JOIN && !boot->welcome))
		return;
	trn_boot_describe(boot, process, who, sizeof(who));
	if (r == -EPROTO)
		(void)trn_boot_loss(boot, process, 0, NULL, "%s sent what is no message", who);
	else if (r == -EPIPE || r == -ECONNRESET)
		(void)trn_boot_loss(boot, process, TRN_BOOT_LOSS_ENDED, NULL,
				    "%s ended%s: its connection closed", who,
				    boot->stage == TRN_BOOT_STAGE_READY ? "" :
									  " before all were here");
	else
		(void)trn_boot_loss(boot, process, 0, NULL,
				    "%s does not answer for %u ms: cut off, or its host is down",
				    who, boot->silence_ms);
}

/* ---- messages ---- */

static void on_lost(struct trn_boot *boot, struct trn_boot_conn *conn)
{
	struct trn_boot_told told;

	trn_boot_told_get(conn->body, &told);
	(void)trn_boot_loss(boot, conn->head.process, told.flags & TRN_BOOT_LOSS_ENDED, conn, "%s",
			    told.why);
}

static int on_welcome(struct trn_boot *boot, struct trn_boot_conn *conn)
{
	struct trn_boot_hello hello;
	struct trn_boot_peer *hub = &boot->peers[conn->process];

	if (boot->stage != TRN_BOOT_STAGE_JOIN || boot->welcome ||
	    trn_boot_hello_get(&conn->head, conn->body, &hello) < 0)
		return -EPROTO;
	hub->ranks = hello.ranks;
	hub->pid = hello.pid;
	memcpy(hub->host, hello.host, sizeof(hub->host));
	boot->welcome = true;
	return 0;
}

/* A small message from somebody that is known. -EPROTO: it has no place here. */
static int on_message(struct trn_boot *boot, struct trn_boot_conn *conn)
{
	switch (conn->head.kind) {
	case TRN_BOOT_LOST:
		/* Who joins may not know yet how many there are; nobody goes on from there. */
		if (boot->stage == TRN_BOOT_STAGE_READY && conn->head.process >= boot->processes)
			return -EPROTO;
		on_lost(boot, conn);
		return 0;
	case TRN_BOOT_BYE:
		boot->left[conn->process] = true;
		return 0;
	case TRN_BOOT_WELCOME:
		return on_welcome(boot, conn);
	default:
		return -EPROTO;
	}
}

static int so_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

/* A probe has its answer: nobody listens there any more, or somebody does. */
static void on_probe(struct trn_boot *boot, struct trn_boot_conn *conn)
{
	uint32_t process = conn->process;
	char who[TRN_BOOT_WHY_MAX];
	int r = so_error(conn->fd);

	trn_boot_conn_close(conn);
	if (r != -ECONNREFUSED)
		return;
	trn_boot_describe(boot, process, who, sizeof(who));
	(void)trn_boot_loss(boot, process, TRN_BOOT_LOSS_ENDED, NULL, "%s ended", who);
}

/* How a connection ended on which nothing is read now: by its other end, or by silence. */
static int dead_why(int fd)
{
	int r = so_error(fd);

	return r < 0 ? r : -EPIPE;
}

static void conn_event(struct trn_boot *boot, struct trn_boot_conn *conn, short events)
{
	bool waited = conn->in == TRN_BOOT_IN_FULL;
	int r, out = 0;

	if (conn->probe) {
		on_probe(boot, conn);
		return;
	}
	if (conn->connecting) {
		out = so_error(conn->fd);
		conn->connecting = false;
	}
	if (out == 0 && trn_boot_conn_wants_out(conn))
		out = trn_boot_conn_flush(conn);
	/* What was said before the end counts: read first. Large messages are left to who waits. */
	while ((r = trn_boot_conn_read(conn)) == 0 && !trn_boot_kind_large(conn->head.kind)) {
		if (conn->process == TRN_BOOT_NOBODY) {
			if (conn->head.kind != TRN_BOOT_HELLO)
				r = -EPROTO;
			break;
		}
		r = on_message(boot, conn);
		if (r < 0)
			break;
		trn_boot_conn_next(conn);
	}
	/* The hub's last words may be what somebody waits for: they are looked at first. */
	if ((r == -EBUSY ||
	     (r == 0 && (waited || conn->process != TRN_BOOT_NOBODY) && boot->conn_count != 1)) &&
	    (events & (POLLRDHUP | POLLHUP | POLLERR)))
		r = dead_why(conn->fd);
	if (r == 0 || r == -EAGAIN || r == -EBUSY)
		r = out;
	if (r < 0 && r != -EAGAIN && r != -EBUSY)
		conn_dead(boot, conn, r);
	else if (conn->process == TRN_BOOT_NOBODY && conn->in == TRN_BOOT_IN_FULL)
		trn_boot_judge(boot, conn);
}

/* ---- strangers ---- */

static struct trn_boot_conn *stranger_place(struct trn_boot *boot, uint64_t now)
{
	struct trn_boot_conn *oldest = NULL;

	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS; i++) {
		struct trn_boot_conn *conn = &boot->strangers[i];

		if (conn->fd < 0)
			return conn;
		if (conn->in != TRN_BOOT_IN_FULL && now - conn->since_ns > EVICT_NS &&
		    (!oldest || conn->since_ns < oldest->since_ns))
			oldest = conn;
	}
	return oldest;
}

static void strangers_accept(struct trn_boot *boot)
{
	struct trn_boot_conn *conn;
	uint64_t now = trn_clock_ns();

	while ((conn = stranger_place(boot, now))) {
		int fd = accept4(boot->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (trn_boot_socket_tune(fd, boot->silence_ms) < 0) {
			(void)close(fd);
			continue;
		}
		trn_boot_conn_close(conn);
		trn_boot_conn_take(conn, fd);
		conn->since_ns = now;
	}
}

static void strangers_expire(struct trn_boot *boot, uint64_t now)
{
	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS; i++) {
		struct trn_boot_conn *conn = &boot->strangers[i];

		if (conn->fd >= 0 && conn->in != TRN_BOOT_IN_FULL &&
		    now - conn->since_ns > STRANGER_NS)
			trn_boot_conn_close(conn);
	}
}

/* ---- the pump ---- */

static nfds_t fds_add(struct trn_boot *boot, nfds_t n, struct trn_boot_conn *conn)
{
	bool waits = conn->in == TRN_BOOT_IN_PARKED || conn->in == TRN_BOOT_IN_FULL;

	if (conn->fd < 0)
		return n;
	boot->fds[n] = (struct pollfd){
		.fd = conn->fd,
		.events = (short)((waits ? POLLRDHUP : POLLIN | POLLRDHUP) |
				  (trn_boot_conn_wants_out(conn) ? POLLOUT : 0)),
	};
	boot->fd_conns[n] = conn;
	return n + 1;
}

static nfds_t fds_build(struct trn_boot *boot)
{
	nfds_t n = 0;

	for (uint32_t i = 0; i < boot->conn_count; i++)
		n = fds_add(boot, n, &boot->conns[i]);
	if (boot->listener < 0)
		return n;
	for (uint32_t i = 0; i < TRN_BOOT_STRANGERS; i++)
		n = fds_add(boot, n, &boot->strangers[i]);
	/* With all places taken the next ones wait in the kernel. */
	if (stranger_place(boot, trn_clock_ns())) {
		boot->fds[n] = (struct pollfd){ .fd = boot->listener, .events = POLLIN };
		boot->fd_conns[n++] = NULL;
	}
	return n;
}

static int poll_ms(uint64_t until_ns)
{
	uint64_t now = trn_clock_ns();
	uint64_t left = until_ns > now ? trn_min_u64(until_ns - now, TRN_BOOT_STEP_NS) : 0;

	return (int)((left + 999999) / 1000000);
}

static void tell_all(struct trn_boot *boot)
{
	for (uint32_t i = 0; i < boot->conn_count; i++) {
		struct trn_boot_conn *conn = &boot->conns[i];
		int r;

		if (conn->fd < 0 || conn->connecting || conn->probe)
			continue;
		if (boot->tells)
			tell(boot, conn);
		r = trn_boot_conn_flush(conn);
		/* What it said last is still to be read: the next round finds it dead. */
		if (r < 0 && r != -EAGAIN)
			trn_logf(&boot->context->log, TRN_LOG_DEBUG, "process %u: %s",
				 conn->process, trn_strerror(r));
	}
}

bool trn_boot_lends(const struct trn_boot *boot)
{
	for (uint32_t i = 0; i < boot->conn_count; i++)
		if (boot->conns[i].big_left > 0)
			return true;
	return false;
}

void trn_boot_pump(struct trn_boot *boot, uint64_t until_ns)
{
	nfds_t n;
	int ready;

	tell_all(boot);
	n = fds_build(boot);
	ready = poll(boot->fds, n, until_ns ? poll_ms(until_ns) : 0);
	boot->pumped_ns = trn_clock_ns();
	for (nfds_t i = 0; i < n && ready > 0; i++) {
		/* An earlier event may have closed or moved it. */
		if (!boot->fds[i].revents ||
		    (boot->fd_conns[i] && boot->fd_conns[i]->fd != boot->fds[i].fd))
			continue;
		if (boot->fd_conns[i])
			conn_event(boot, boot->fd_conns[i], boot->fds[i].revents);
		else
			strangers_accept(boot);
	}
	if (boot->listener >= 0)
		strangers_expire(boot, trn_clock_ns());
	tell_all(boot);
}
