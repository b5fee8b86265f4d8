/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes over the connections of a boot. A head of 32 bytes, then length bytes.
 *
 *	 0  magic "TRNB"
 *	 4  0x01020304 as the sender's processor stores it: tells its byte order
 *	 8  version, kind (16 bits each)
 *	12  process, tag, length (32 bits each)
 *	24  value (64 bits)
 *
 *	HELLO    I am process; value is the id of the run; struct trn_boot_hello
 *	WELCOME  the hub's answer: its own struct trn_boot_hello
 *	ROSTER   you are process of tag; value is the id of the run; tag entries
 *	BLOB     one of an exchange; value: milliseconds until the sender gives up
 *	ALL      all of them
 *	LOST     process is gone, for the reason in struct trn_boot_told
 *	BYE      I close, all is well
 *
 * The head and the first TRN_BOOT_HELLO_MIN bytes of HELLO are the same in all versions, so that
 * a process of another version can be named. Parsers are pure; tests/fuzz/boot_fuzz.c.
 */
#ifndef RUNTIME_BOOT_MSG_H
#define RUNTIME_BOOT_MSG_H

#include "runtime/boot.h"

#define TRN_BOOT_VERSION 1u
#define TRN_BOOT_HEAD_BYTES 32u
#define TRN_BOOT_HELLO_MIN 152u
#define TRN_BOOT_HELLO_BYTES (160u + TRN_BOOT_PROCESSES_MAX / 8)
#define TRN_BOOT_ENTRY_BYTES 104u
#define TRN_BOOT_TOLD_BYTES (4u + TRN_BOOT_WHY_MAX)
#define TRN_BOOT_SMALL_MAX 1024u /* bytes behind the head of HELLO, WELCOME, LOST, BYE */
#define TRN_BOOT_CARD_MAX 4096u
#define TRN_BOOT_CARD_ADDRS 16u
#define TRN_BOOT_ADDR_TEXT 64u
#define TRN_BOOT_FOREVER_MS UINT32_MAX

enum trn_boot_kind {
	TRN_BOOT_HELLO = 1,
	TRN_BOOT_WELCOME = 2,
	TRN_BOOT_ROSTER = 3,
	TRN_BOOT_BLOB = 4,
	TRN_BOOT_ALL = 5,
	TRN_BOOT_LOST = 6,
	TRN_BOOT_BYE = 7,
};

struct trn_boot_head {
	bool swapped; /* from a processor of the other byte order; the members are right */
	uint16_t version, kind;
	uint32_t process, tag, length;
	uint64_t value;
};

struct trn_boot_hello {
	uint32_t processes, ranks, pid;
	uint32_t patience_ms; /* until the sender gives up */
	char host[TRN_BOOT_HOST_MAX];
	char name[TRN_BOOT_NAME_MAX];
	uint16_t port;       /* where the sender listens */
	uint32_t generation; /* shrinks since the job began, this one included */
	uint8_t lost[TRN_BOOT_PROCESSES_MAX / 8]; /* bit per process */
};

struct trn_boot_entry {
	uint32_t old, ranks, pid;
	uint16_t port, family; /* 4, 6 */
	uint8_t addr[16];
	char host[TRN_BOOT_HOST_MAX];
};

struct trn_boot_told {
	uint32_t flags;
	char why[TRN_BOOT_WHY_MAX];
};

/* What process 0 leaves in a file, or with PMIx. */
struct trn_boot_card {
	char name[TRN_BOOT_NAME_MAX];
	char host[TRN_BOOT_HOST_MAX];
	uint32_t pid;
	uint16_t port;
	uint64_t run;
	uint32_t count;
	char addrs[TRN_BOOT_CARD_ADDRS][TRN_BOOT_ADDR_TEXT];
};

void trn_boot_head_put(uint8_t *out, const struct trn_boot_head *head);
/* -EPROTO: not ours at all, or a length that its kind cannot have. A head of another version or
 * byte order is only taken for HELLO. */
int trn_boot_head_get(const uint8_t *in, struct trn_boot_head *ret_head);
/* Is the rest of the message read into memory of whoever waits for it? */
bool trn_boot_kind_large(uint16_t kind);

/* out has room for TRN_BOOT_HELLO_BYTES. */
void trn_boot_hello_put(uint8_t *out, const struct trn_boot_hello *hello);
/* -EPROTO when a number or a text cannot be; of another version only what is the same is read. */
int trn_boot_hello_get(const struct trn_boot_head *head, const uint8_t *in,
		       struct trn_boot_hello *ret_hello);
void trn_boot_entry_put(uint8_t *out, const struct trn_boot_entry *entry);
int trn_boot_entry_get(const uint8_t *in, struct trn_boot_entry *ret_entry);
void trn_boot_told_put(uint8_t *out, const struct trn_boot_told *told);
void trn_boot_told_get(const uint8_t *in, struct trn_boot_told *ret_told);

/* Answers the length; out has room for TRN_BOOT_CARD_MAX. */
size_t trn_boot_card_put(char *out, const struct trn_boot_card *card);
/* -EPROTO: that is no card. text ends with a NUL. */
int trn_boot_card_get(const char *text, struct trn_boot_card *ret_card);

/* Takes a text of at most max - 1 characters, without what a terminal would act on. */
void trn_boot_text_clean(char *dst, const char *src, size_t max);
/* A decimal number in [0, max] and nothing else. */
bool trn_boot_number(const char *text, uint64_t max, uint64_t *ret_value);

#endif /* RUNTIME_BOOT_MSG_H */
