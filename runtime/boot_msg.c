/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and cards of a boot: to bytes and back. Whatever comes in is hostile: every number is
 * held against its limit, every text ends and can be shown. */
#include "runtime/boot_msg.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/bits.h"
#include "base/text.h"

#define MAGIC "TRNB"
#define ORDER UINT32_C(0x01020304)
#define ORDER_SWAPPED UINT32_C(0x04030201)
#define CARD_FIRST "libtrn-boot 1"

/* Bytes that may follow a head, by kind. The limits of the large kinds are those of the largest
 * job; who reads them compares with what it expects. */
static const struct {
	uint32_t min, max;
	bool large;
} kinds[] = {
	[TRN_BOOT_HELLO] = { TRN_BOOT_HELLO_BYTES, TRN_BOOT_HELLO_BYTES, false },
	[TRN_BOOT_WELCOME] = { TRN_BOOT_HELLO_BYTES, TRN_BOOT_HELLO_BYTES, false },
	[TRN_BOOT_ROSTER] = { TRN_BOOT_ENTRY_BYTES, TRN_BOOT_ENTRY_BYTES *TRN_BOOT_PROCESSES_MAX,
			      true },
	[TRN_BOOT_BLOB] = { 0, TRN_BOOT_BLOB_MAX, true },
	[TRN_BOOT_ALL] = { 0, UINT32_MAX, true },
	[TRN_BOOT_LOST] = { TRN_BOOT_TOLD_BYTES, TRN_BOOT_TOLD_BYTES, false },
	[TRN_BOOT_BYE] = { 0, 0, false },
};

_Static_assert(TRN_BOOT_HELLO_BYTES <= TRN_BOOT_SMALL_MAX, "a HELLO fits a connection's buffer");

static uint16_t load16(const uint8_t *in)
{
	uint16_t v;

	memcpy(&v, in, sizeof(v));
	return v;
}

static void store16(uint8_t *out, uint16_t v)
{
	memcpy(out, &v, sizeof(v));
}

void trn_boot_head_put(uint8_t *out, const struct trn_boot_head *head)
{
	memcpy(out, MAGIC, 4);
	trn_store32(out + 4, ORDER);
	store16(out + 8, head->version);
	store16(out + 10, head->kind);
	trn_store32(out + 12, head->process);
	trn_store32(out + 16, head->tag);
	trn_store32(out + 20, head->length);
	trn_store64(out + 24, head->value);
}

static void head_swap(struct trn_boot_head *head)
{
	head->version = __builtin_bswap16(head->version);
	head->kind = __builtin_bswap16(head->kind);
	head->process = __builtin_bswap32(head->process);
	head->tag = __builtin_bswap32(head->tag);
	head->length = __builtin_bswap32(head->length);
	head->value = __builtin_bswap64(head->value);
}

int trn_boot_head_get(const uint8_t *in, struct trn_boot_head *ret_head)
{
	uint32_t order = trn_load32(in + 4);
	struct trn_boot_head head = {
		.swapped = order == ORDER_SWAPPED,
		.version = load16(in + 8),
		.kind = load16(in + 10),
		.process = trn_load32(in + 12),
		.tag = trn_load32(in + 16),
		.length = trn_load32(in + 20),
		.value = trn_load64(in + 24),
	};

	if (memcmp(in, MAGIC, 4) != 0 || (order != ORDER && order != ORDER_SWAPPED))
		return -EPROTO;
	if (head.swapped)
		head_swap(&head);
	if (head.version != TRN_BOOT_VERSION || head.swapped) {
		if (head.kind != TRN_BOOT_HELLO || head.length < TRN_BOOT_HELLO_MIN ||
		    head.length > TRN_BOOT_SMALL_MAX)
			return -EPROTO;
	} else if (head.kind < TRN_BOOT_HELLO || head.kind > TRN_BOOT_BYE ||
		   head.length < kinds[head.kind].min || head.length > kinds[head.kind].max) {
		return -EPROTO;
	}
	*ret_head = head;
	return 0;
}

bool trn_boot_kind_large(uint16_t kind)
{
	return kind < TRN_ARRAY_LEN(kinds) && kinds[kind].large;
}

void trn_boot_text_clean(char *dst, const char *src, size_t max)
{
	size_t n = strnlen(src, max - 1);

	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] >= ' ' && src[i] <= '~' ? src[i] : '?';
	dst[n] = '\0';
}

/* A text in a field of fixed size; what is behind its end is not looked at. */
static void text_get(char *dst, const uint8_t *in, size_t max)
{
	char copy[TRN_BOOT_SMALL_MAX];

	memcpy(copy, in, max);
	copy[max - 1] = '\0';
	trn_boot_text_clean(dst, copy, max);
}

static void text_put(uint8_t *out, const char *text, size_t max)
{
	size_t n = strnlen(text, max - 1);

	memset(out, 0, max);
	memcpy(out, text, n);
}

void trn_boot_hello_put(uint8_t *out, const struct trn_boot_hello *hello)
{
	trn_store32(out, hello->processes);
	trn_store32(out + 4, hello->ranks);
	trn_store32(out + 8, hello->pid);
	trn_store32(out + 12, hello->patience_ms);
	text_put(out + 16, hello->host, TRN_BOOT_HOST_MAX);
	text_put(out + 88, hello->name, TRN_BOOT_NAME_MAX);
	store16(out + 152, hello->port);
	store16(out + 154, 0);
	trn_store32(out + 156, hello->generation);
	memcpy(out + 160, hello->lost, sizeof(hello->lost));
}

int trn_boot_hello_get(const struct trn_boot_head *head, const uint8_t *in,
		       struct trn_boot_hello *ret_hello)
{
	struct trn_boot_hello hello = {
		.processes = trn_load32(in),
		.ranks = trn_load32(in + 4),
		.pid = trn_load32(in + 8),
		.patience_ms = trn_load32(in + 12),
	};

	text_get(hello.host, in + 16, TRN_BOOT_HOST_MAX);
	text_get(hello.name, in + 88, TRN_BOOT_NAME_MAX);
	if (head->swapped) {
		hello.processes = __builtin_bswap32(hello.processes);
		hello.ranks = __builtin_bswap32(hello.ranks);
		hello.pid = __builtin_bswap32(hello.pid);
		hello.patience_ms = __builtin_bswap32(hello.patience_ms);
	} else if (head->version == TRN_BOOT_VERSION) {
		hello.port = load16(in + 152);
		hello.generation = trn_load32(in + 156);
		memcpy(hello.lost, in + 160, sizeof(hello.lost));
		if (hello.processes == 0 || hello.processes > TRN_BOOT_PROCESSES_MAX ||
		    hello.ranks == 0 || hello.ranks > TRN_BOOT_RANKS_MAX)
			return -EPROTO;
	}
	*ret_hello = hello;
	return 0;
}

void trn_boot_entry_put(uint8_t *out, const struct trn_boot_entry *entry)
{
	trn_store32(out, entry->old);
	trn_store32(out + 4, entry->ranks);
	trn_store32(out + 8, entry->pid);
	store16(out + 12, entry->port);
	store16(out + 14, entry->family);
	memcpy(out + 16, entry->addr, sizeof(entry->addr));
	text_put(out + 32, entry->host, TRN_BOOT_HOST_MAX);
}

int trn_boot_entry_get(const uint8_t *in, struct trn_boot_entry *ret_entry)
{
	struct trn_boot_entry entry = {
		.old = trn_load32(in),
		.ranks = trn_load32(in + 4),
		.pid = trn_load32(in + 8),
		.port = load16(in + 12),
		.family = load16(in + 14),
	};

	memcpy(entry.addr, in + 16, sizeof(entry.addr));
	text_get(entry.host, in + 32, TRN_BOOT_HOST_MAX);
	if (entry.old >= TRN_BOOT_PROCESSES_MAX || entry.ranks == 0 ||
	    entry.ranks > TRN_BOOT_RANKS_MAX || (entry.family != 4 && entry.family != 6))
		return -EPROTO;
	*ret_entry = entry;
	return 0;
}

void trn_boot_told_put(uint8_t *out, const struct trn_boot_told *told)
{
	trn_store32(out, told->flags);
	text_put(out + 4, told->why, TRN_BOOT_WHY_MAX);
}

void trn_boot_told_get(const uint8_t *in, struct trn_boot_told *ret_told)
{
	ret_told->flags = trn_load32(in);
	text_get(ret_told->why, in + 4, TRN_BOOT_WHY_MAX);
}

/* ---- cards ---- */

size_t trn_boot_card_put(char *out, const struct trn_boot_card *card)
{
	size_t n = trn_text_add(out, TRN_BOOT_CARD_MAX, 0,
				CARD_FIRST "\nname %s\nhost %s\npid %" PRIu32 "\nport %u\n"
					   "run %" PRIu64 "\n",
				card->name, card->host, card->pid, card->port, card->run);

	for (uint32_t i = 0; i < card->count; i++)
		n = trn_text_add(out, TRN_BOOT_CARD_MAX, n, "address %s\n", card->addrs[i]);
	return trn_text_add(out, TRN_BOOT_CARD_MAX, n, "end\n");
}

bool trn_boot_number(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(unsigned char)*text - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (v > max)
		return false;
	*ret_value = v;
	return true;
}

/* One line of a card, key and value apart. */
static bool card_line(struct trn_boot_card *card, const char *key, const char *value)
{
	uint64_t v = 0;

	if (strcmp(key, "name") == 0) {
		trn_boot_text_clean(card->name, value, sizeof(card->name));
		return strcmp(card->name, value) == 0;
	}
	if (strcmp(key, "host") == 0) {
		trn_boot_text_clean(card->host, value, sizeof(card->host));
		return strcmp(card->host, value) == 0 && *value;
	}
	if (strcmp(key, "pid") == 0 && trn_boot_number(value, INT32_MAX, &v)) {
		card->pid = (uint32_t)v;
		return v > 0;
	}
	if (strcmp(key, "port") == 0 && trn_boot_number(value, UINT16_MAX, &v)) {
		card->port = (uint16_t)v;
		return v > 0;
	}
	if (strcmp(key, "run") == 0)
		return trn_boot_number(value, UINT64_MAX, &card->run);
	if (strcmp(key, "address") == 0 && card->count < TRN_BOOT_CARD_ADDRS) {
		char *addr = card->addrs[card->count++];

		trn_boot_text_clean(addr, value, TRN_BOOT_ADDR_TEXT);
		return strcmp(addr, value) == 0 && *value;
	}
	return false;
}

int trn_boot_card_get(const char *text, struct trn_boot_card *ret_card)
{
	struct trn_boot_card card = { .pid = 0 };
	bool first = true;

	for (;;) {
		const char *end = strchr(text, '\n');
		char line[160];
		size_t n = end ? (size_t)(end - text) : 0;
		char *space;

		if (!end || n >= sizeof(line))
			return -EPROTO;
		memcpy(line, text, n);
		line[n] = '\0';
		text = end + 1;
		if (strcmp(line, "end") == 0)
			break;
		space = strchr(line, ' ');
		if (first ? strcmp(line, CARD_FIRST) != 0 : !space)
			return -EPROTO;
		if (!first) {
			*space = '\0';
			if (!card_line(&card, line, space + 1))
				return -EPROTO;
		}
		first = false;
	}
	if (first || !card.pid || !card.port || !card.count || !card.host[0] || *text)
		return -EPROTO;
	*ret_card = card;
	return 0;
}
