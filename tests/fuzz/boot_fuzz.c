/* SPDX-License-Identifier: Apache-2.0 */
/* What comes over a boot's connections, and cards that others wrote: whatever the bytes, a message
 * is refused or is inside its limits; what is taken survives being written and read again. The
 * first byte picks the way in. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "runtime/boot_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void plain(const char *text, size_t max)
{
	require(strnlen(text, max) < max);
	for (; *text; text++)
		require(*text >= ' ' && *text <= '~');
}

static void fuzz_card(const uint8_t *data, size_t size)
{
	char text[TRN_BOOT_CARD_MAX + 1], again[TRN_BOOT_CARD_MAX];
	struct trn_boot_card card, back;

	memset(&card, 0, sizeof(card));
	if (size > TRN_BOOT_CARD_MAX)
		size = TRN_BOOT_CARD_MAX;
	memcpy(text, data, size);
	text[size] = '\0';
	if (trn_boot_card_get(text, &card) < 0)
		return;
	require(card.pid && card.port && card.count && card.count <= TRN_BOOT_CARD_ADDRS);
	plain(card.name, sizeof(card.name));
	plain(card.host, sizeof(card.host));
	for (uint32_t i = 0; i < card.count; i++)
		plain(card.addrs[i], sizeof(card.addrs[i]));
	(void)trn_boot_card_put(again, &card);
	require(trn_boot_card_get(again, &back) == 0 && back.run == card.run &&
		back.count == card.count && strcmp(back.host, card.host) == 0);
}

static void fuzz_root(const uint8_t *data, size_t size)
{
	char text[600], host[256], port[8];

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (trn_boot_root_parse(text, host, sizeof(host), port, sizeof(port)) < 0)
		return;
	require(*host && strlen(host) < sizeof(host) && strlen(port) < sizeof(port));
}

static void check_body(const struct trn_boot_head *head, const uint8_t *body)
{
	struct trn_boot_hello hello;
	struct trn_boot_told told;

	if (head->kind == TRN_BOOT_HELLO || head->kind == TRN_BOOT_WELCOME) {
		if (trn_boot_hello_get(head, body, &hello) < 0)
			return;
		plain(hello.host, sizeof(hello.host));
		plain(hello.name, sizeof(hello.name));
	} else if (head->kind == TRN_BOOT_LOST) {
		trn_boot_told_get(body, &told);
		plain(told.why, sizeof(told.why));
	}
}

/* As a connection reads it: through a socket, in whatever pieces. */
static void fuzz_stream(const uint8_t *data, size_t size)
{
	static struct trn_boot_conn conn;
	static uint8_t table[TRN_BOOT_ENTRY_BYTES * 8];
	struct trn_boot_expect expect = {
		.kind = TRN_BOOT_ROSTER, .up_to = true, .length = sizeof(table), .body = table
	};
	struct trn_boot_entry entry;
	int ends[2];

	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return;
	trn_boot_conn_take(&conn, ends[0]);
	trn_boot_conn_expect(&conn, &expect);
	require(size == 0 || send(ends[1], data, size, MSG_NOSIGNAL) == (ssize_t)size);
	(void)close(ends[1]);
	while (trn_boot_conn_read(&conn) == 0) {
		require(trn_boot_kind_large(conn.head.kind) ?
				conn.head.length <= sizeof(table) :
				conn.head.length <= TRN_BOOT_SMALL_MAX);
		check_body(&conn.head, conn.body);
		for (size_t at = 0; conn.head.kind == TRN_BOOT_ROSTER &&
				    at + TRN_BOOT_ENTRY_BYTES <= conn.head.length;
		     at += TRN_BOOT_ENTRY_BYTES)
			if (trn_boot_entry_get(table + at, &entry) == 0)
				plain(entry.host, sizeof(entry.host));
		trn_boot_conn_next(&conn);
	}
	trn_boot_conn_close(&conn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'c':
		fuzz_card(data + 1, size - 1);
		break;
	case 'r':
		fuzz_root(data + 1, size - 1);
		break;
	default:
		fuzz_stream(data + 1, size - 1);
		break;
	}
	return 0;
}
