/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a boot: messages in and out of a socket that never blocks. */
#include "runtime/boot_private.h"

#include <errno.h>
#include <unistd.h>

void trn_boot_conn_init(struct trn_boot_conn *conn)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = -1;
	conn->process = TRN_BOOT_NOBODY;
	conn->patience_ns = UINT64_MAX;
}

void trn_boot_conn_take(struct trn_boot_conn *conn, int fd)
{
	trn_boot_conn_init(conn);
	conn->fd = fd;
}

void trn_boot_conn_move(struct trn_boot_conn *to, struct trn_boot_conn *from)
{
	trn_boot_conn_close(to);
	*to = *from;
	if (from->body == from->small)
		to->body = to->small;
	trn_boot_conn_init(from);
}

void trn_boot_conn_close(struct trn_boot_conn *conn)
{
	if (conn->fd >= 0)
		(void)close(conn->fd); /* a socket: nothing is written back that could be lost */
	trn_boot_conn_init(conn);
}

bool trn_boot_conn_put(struct trn_boot_conn *conn, const struct trn_boot_head *head,
		       const void *body)
{
	if (conn->out_at == conn->out_end)
		conn->out_at = conn->out_end = 0;
	if (conn->big_left > 0 ||
	    TRN_BOOT_OUT_MAX - conn->out_end < TRN_BOOT_HEAD_BYTES + head->length)
		return false;
	trn_boot_head_put(conn->out + conn->out_end, head);
	conn->out_end += TRN_BOOT_HEAD_BYTES;
	if (body)
		memcpy(conn->out + conn->out_end, body, head->length);
	conn->out_end += head->length;
	return true;
}

bool trn_boot_conn_lend(struct trn_boot_conn *conn, const struct trn_boot_head *head,
			const void *body)
{
	struct trn_boot_head alone = *head;

	alone.length = 0;
	if (!trn_boot_conn_put(conn, &alone, NULL))
		return false;
	trn_boot_head_put(conn->out + conn->out_end - TRN_BOOT_HEAD_BYTES, head);
	conn->big = body;
	conn->big_left = head->length;
	/* An error is found again by the next flush, or when reading. */
	(void)trn_boot_conn_flush(conn);
	return true;
}

/* Sends what fits. 0, -EAGAIN or why not. */
static int send_some(int fd, const uint8_t *bytes, size_t size, size_t *ret_sent)
{
	ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	*ret_sent = (size_t)n;
	return 0;
}

int trn_boot_conn_flush(struct trn_boot_conn *conn)
{
	size_t sent = 0;
	int r;

	while (conn->out_at < conn->out_end) {
		r = send_some(conn->fd, conn->out + conn->out_at, conn->out_end - conn->out_at,
			      &sent);
		if (r < 0)
			return r;
		conn->out_at += sent;
	}
	while (conn->big_left > 0) {
		r = send_some(conn->fd, conn->big, conn->big_left, &sent);
		if (r < 0)
			return r;
		conn->big += sent;
		conn->big_left -= sent;
	}
	conn->big = NULL;
	return 0;
}

/* Reads until got is size. 0, -EAGAIN, -EPIPE at the end, or why not. */
static int read_some(struct trn_boot_conn *conn, uint8_t *bytes, size_t size)
{
	while (conn->got < size) {
		ssize_t n = recv(conn->fd, bytes + conn->got, size - conn->got, MSG_DONTWAIT);

		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			conn->got += (size_t)n;
	}
	return 0;
}

/* A large message goes on where it is expected. */
static void park(struct trn_boot_conn *conn)
{
	const struct trn_boot_expect *expect = &conn->expect;
	const struct trn_boot_head *head = &conn->head;

	conn->in = TRN_BOOT_IN_PARKED;
	if (head->kind != expect->kind ||
	    (expect->up_to ? head->length > expect->length :
			     head->tag != expect->tag || head->length != expect->length))
		return;
	conn->body = expect->body;
	conn->in = TRN_BOOT_IN_BODY;
}

int trn_boot_conn_read(struct trn_boot_conn *conn)
{
	int r;

	if (conn->in == TRN_BOOT_IN_FULL)
		return 0;
	if (conn->in == TRN_BOOT_IN_HEAD) {
		r = read_some(conn, conn->head_bytes, sizeof(conn->head_bytes));
		if (r < 0)
			return r;
		r = trn_boot_head_get(conn->head_bytes, &conn->head);
		if (r < 0)
			return r;
		conn->got = 0;
		conn->body = conn->small;
		conn->in = TRN_BOOT_IN_BODY;
		if (trn_boot_kind_large(conn->head.kind))
			park(conn);
	}
	if (conn->in == TRN_BOOT_IN_PARKED)
		return -EBUSY;
	r = read_some(conn, conn->body, conn->head.length);
	if (r == 0)
		conn->in = TRN_BOOT_IN_FULL;
	return r;
}

void trn_boot_conn_expect(struct trn_boot_conn *conn, const struct trn_boot_expect *expect)
{
	conn->expect = *expect;
	if (conn->in == TRN_BOOT_IN_PARKED)
		park(conn);
	/* Of an empty one nothing more arrives that would tell. */
	if (conn->in == TRN_BOOT_IN_BODY && conn->head.length == 0)
		conn->in = TRN_BOOT_IN_FULL;
}

void trn_boot_conn_next(struct trn_boot_conn *conn)
{
	if (trn_boot_kind_large(conn->head.kind))
		conn->expect.kind = 0;
	conn->in = TRN_BOOT_IN_HEAD;
	conn->got = 0;
	conn->body = NULL;
}
