/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a boot. boot.c opens and closes, boot_env.c and boot_way.c find out who and where,
 * boot_addr.c makes sockets, boot_conn.c moves bytes, boot_pump.c turns events into what is known,
 * boot_hub.c gathers processes, boot_join.c comes to the hub, boot_exchange.c and boot_shrink.c
 * do what their names say.
 *
 * All that is known to be wrong with a process is a loss, in the order it was found; each
 * connection counts how many of them it has been told. A boot with a loss is broken: it exchanges
 * nothing any more.
 */
#ifndef RUNTIME_BOOT_PRIVATE_H
#define RUNTIME_BOOT_PRIVATE_H

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include "runtime/boot_msg.h"
#include "runtime/private.h"

#define TRN_BOOT_STRANGERS 64u /* connections that have not said who they are */
#define TRN_BOOT_OUT_MAX 4096u /* small messages on their way out of one connection */
#define TRN_BOOT_NOBODY UINT32_MAX
#define TRN_BOOT_ADDRS_MAX 32u
#define TRN_BOOT_STEP_NS UINT64_C(50000000) /* longest sleep in poll() */

struct trn_boot_addr {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;
};

/* ---- connections: boot_conn.c ---- */

enum trn_boot_in {
	TRN_BOOT_IN_HEAD,
	TRN_BOOT_IN_PARKED,
	TRN_BOOT_IN_BODY,
	TRN_BOOT_IN_FULL
};

struct trn_boot_conn {
	int fd; /* -1: none */
	uint32_t process;
	uint64_t since_ns;    /* strangers: when accepted */
	uint64_t patience_ns; /* when the other side gives up what it waits for */
	bool connecting;      /* not there yet */
	bool probe;           /* only to see whether somebody listens */
	uint32_t told;        /* losses that are in out, or gone */

	enum trn_boot_in in; /* FULL: head and body are there until trn_boot_conn_next() */
	uint8_t head_bytes[TRN_BOOT_HEAD_BYTES];
	struct trn_boot_head head;
	struct trn_boot_expect {
		uint16_t kind; /* 0: nothing */
		uint32_t tag, length;
		bool up_to; /* any tag, and length or less */
		uint8_t *body;
	} expect;
	uint8_t *body;
	size_t got; /* of head or body */
	uint8_t small[TRN_BOOT_SMALL_MAX];

	size_t out_at, out_end;
	uint8_t out[TRN_BOOT_OUT_MAX];
	const uint8_t *big; /* behind out; the lender waits until it is gone */
	size_t big_left;
};

void trn_boot_conn_init(struct trn_boot_conn *conn);
void trn_boot_conn_take(struct trn_boot_conn *conn, int fd);
/* Moves a connection; from is empty then. */
void trn_boot_conn_move(struct trn_boot_conn *to, struct trn_boot_conn *from);
void trn_boot_conn_close(struct trn_boot_conn *conn);
/* Queues a message of at most TRN_BOOT_SMALL_MAX bytes; false: no room now. */
bool trn_boot_conn_put(struct trn_boot_conn *conn, const struct trn_boot_head *head,
		       const void *body);
/* Queues a head, and the bytes behind it, which stay the caller's. */
bool trn_boot_conn_lend(struct trn_boot_conn *conn, const struct trn_boot_head *head,
			const void *body);
/* 0: all is out; -EAGAIN; else the connection is dead, and why. */
int trn_boot_conn_flush(struct trn_boot_conn *conn);
/* 0: a message is there (FULL); -EAGAIN: not yet; -EBUSY: parked until somebody gives room for
 * the body; -EPROTO: nonsense; -EPIPE: closed; else dead, and why. */
int trn_boot_conn_read(struct trn_boot_conn *conn);
/* The large message that may come next, and room for it. One that does not fit stays parked. */
void trn_boot_conn_expect(struct trn_boot_conn *conn, const struct trn_boot_expect *expect);
/* Done with a message; after a large one nothing is expected any more. */
void trn_boot_conn_next(struct trn_boot_conn *conn);

static inline bool trn_boot_conn_wants_out(const struct trn_boot_conn *conn)
{
	return conn->connecting || conn->out_at < conn->out_end || conn->big_left > 0;
}

/* ---- addresses: boot_addr.c ---- */

/* "HOST:PORT", "[V6]:PORT": a host of up to 253 characters. -EINVAL. */
int trn_boot_root_parse(const char *root, char *host, size_t host_size, char *port,
			size_t port_size);
/* Names are looked up by the C library, which has time limits of its own. Answers the number of
 * addresses; 0 with *ret_why, which is static. */
uint32_t trn_boot_resolve(const char *host, const char *port, bool numeric,
			  struct trn_boot_addr *addrs, uint32_t max, const char **ret_why);
/* A socket that listens, or -errno. */
int trn_boot_listen(const struct trn_boot_addr *addr, struct trn_boot_addr *ret_bound);
/* All addresses of this host that another one may reach, as numbers, loopback last. */
uint32_t trn_boot_addrs_own(char (*texts)[TRN_BOOT_ADDR_TEXT], uint32_t max);
/* A socket on its way to addr, or -errno. */
int trn_boot_connect(const struct trn_boot_addr *addr, uint32_t silence_ms);
/* What a socket of a boot has besides. */
int trn_boot_socket_tune(int fd, uint32_t silence_ms);
uint16_t trn_boot_addr_port(const struct trn_boot_addr *addr);
void trn_boot_addr_set_port(struct trn_boot_addr *addr, uint16_t port);
void trn_boot_addr_text(const struct trn_boot_addr *addr, char *text, size_t size);
/* To the roster and back; near is this side of a connection, whose zone link-local ones have. */
void trn_boot_addr_pack(const struct trn_boot_addr *addr, struct trn_boot_entry *entry);
void trn_boot_addr_unpack(const struct trn_boot_entry *entry, const struct trn_boot_addr *near,
			  struct trn_boot_addr *ret_addr);

/* ---- the boot ---- */

#define TRN_BOOT_LOSS_ENDED 1u /* known to have ended, not only silent */

struct trn_boot_loss {
	uint32_t process, flags;
	const struct trn_boot_conn *from; /* who told */
	char why[TRN_BOOT_WHY_MAX];
};

enum trn_boot_stage {
	TRN_BOOT_STAGE_GATHER, /* the hub waits for the others */
	TRN_BOOT_STAGE_JOIN,   /* the others wait for the hub */
	TRN_BOOT_STAGE_READY,
	TRN_BOOT_STAGE_OVER, /* shrunk: waits for close */
};

struct trn_boot {
	struct trn_context *context;
	const char *operation, *way;
	enum trn_boot_stage stage;
	char name[TRN_BOOT_NAME_MAX];
	char where[280]; /* of process 0, for people */
	char *file;      /* hub of the file way: to be removed, when published */
	bool published;
	uint64_t run;        /* id of this run of the job */
	bool run_known;      /* the hub's card told it; else a HELLO without one is fine */
	uint32_t generation; /* shrinks so far */
	uint32_t silence_ms;
	uint32_t process, processes;
	uint32_t hub; /* 0 but for a survivor that joins another one */
	struct trn_boot_peer *peers;
	struct trn_boot_addr *addrs; /* where each listens */
	uint32_t *old;               /* numbers before the shrink */
	bool *here;                  /* the hub has heard HELLO */
	bool *left;                  /* said BYE */
	uint32_t here_count, refused;
	struct trn_boot_loss *losses;
	uint32_t loss_count;

	int listener;                /* -1: none */
	struct trn_boot_conn *conns; /* hub: one each, its own empty; others: [0] is the hub */
	uint32_t conn_count;
	struct trn_boot_conn *strangers; /* TRN_BOOT_STRANGERS */
	struct pollfd *fds;
	struct trn_boot_conn **fd_conns;
	uint64_t pumped_ns;

	bool tells;        /* losses go to all connections */
	bool numbered;     /* all ranks are known */
	bool referenced;   /* holds the context */
	bool exchanging;   /* this process is inside an exchange */
	bool welcome;      /* JOIN: the hub has answered */
	bool shrinking;    /* this boot is being made by trn_boot_shrink() */
	uint64_t limit_ns; /* hub: when the first of those who wait gives up */
};

static inline bool trn_boot_is_hub(const struct trn_boot *boot)
{
	return boot->process == 0;
}

/* boot.c. NULL: no memory. */
struct trn_boot *trn_boot_new(struct trn_context *context, uint32_t processes, uint32_t conns);
void trn_boot_free(struct trn_boot *boot);
/* What this process says of itself. */
void trn_boot_hello_fill(const struct trn_boot *boot, uint64_t deadline_ns,
			 struct trn_boot_hello *hello);
/* Posts the first loss as the error; -TRN_ERANK. */
int trn_boot_fail(struct trn_boot *boot);
/* Where the ranks of each process begin, once all are known. */
void trn_boot_number_ranks(struct trn_boot *boot);
/* Milliseconds until then, as a message says it; and back to a deadline a little before it, so
 * that what is found out still reaches who waits. */
uint32_t trn_boot_patience(uint64_t deadline_ns);
uint64_t trn_boot_patience_end(uint32_t patience_ms);
uint64_t trn_boot_before(uint64_t deadline_ns);
/* When this process itself stops, so that it answers in time. */
uint64_t trn_boot_almost(uint64_t deadline_ns);

/* ---- events: boot_pump.c ---- */

/* Waits for events until then (0: only looks), at most TRN_BOOT_STEP_NS, and works on them. */
void trn_boot_pump(struct trn_boot *boot, uint64_t until_ns);
/* Is lent memory still on its way out? */
bool trn_boot_lends(const struct trn_boot *boot);
/* A process is lost; false when it already was, or has left. The text names it already. */
bool trn_boot_loss(struct trn_boot *boot, uint32_t process, uint32_t flags,
		   const struct trn_boot_conn *from, const char *fmt, ...) TRN_PRINTF(5, 6);
const struct trn_boot_loss *trn_boot_loss_of(const struct trn_boot *boot, uint32_t process);
/* Hub: a stranger has said HELLO. boot_hub.c, boot_shrink.c. Takes the connection or closes it. */
void trn_boot_judge(struct trn_boot *boot, struct trn_boot_conn *conn);
void trn_boot_take_in(struct trn_boot *boot, struct trn_boot_conn *conn,
		      const struct trn_boot_hello *hello);
/* The same while the survivors gather: boot_shrink.c. */
void trn_boot_judge_survivor(struct trn_boot *boot, struct trn_boot_conn *conn,
			     const struct trn_boot_hello *hello);
/* Tells a connection that its process is out, and closes it. */
void trn_boot_turn_away(struct trn_boot_conn *conn, uint32_t process, const char *why);

/* Hub: fails the exchange that others wait in and this process does not come to. */
void trn_boot_overdue(struct trn_boot *boot);

/* ---- coming together: boot_hub.c, boot_join.c ---- */

/* Hub: waits until all are here. */
int trn_boot_gather(struct trn_boot *boot, uint64_t deadline_ns);
/* Hub: who is who goes to everybody. */
int trn_boot_roster_send(struct trn_boot *boot, uint64_t deadline_ns);

/* How a process finds the hub: addresses, again before each try. 0: *ret_count of them (0: not
 * yet, *ret_why is why); < 0: gives up. */
struct trn_boot_finder {
	int (*find)(struct trn_boot_finder *finder, struct trn_boot *boot,
		    struct trn_boot_addr *addrs, uint32_t *ret_count);
	const char *path; /* of a file, or the address as given */
	bool card;        /* what is found is a card: look again while the hub is silent */
	uint64_t deadline_ns;
	struct trn_boot_addr addrs[TRN_BOOT_ADDRS_MAX]; /* once a name is known, and in a shrink */
	uint32_t count;
	const struct trn_boot_loss *losses; /* shrink: who is lost already, for the HELLO */
	uint32_t loss_count;
	int error; /* of the last try */
	char why[TRN_BOOT_WHY_MAX];
	uint64_t run;   /* of the card that was read last */
	uint8_t *table; /* room for the roster */
};

/* Others: finds the hub and waits for the roster. welcome_ns: when to stop without an answer. */
int trn_boot_join(struct trn_boot *boot, struct trn_boot_finder *finder, uint64_t welcome_ns,
		  uint64_t deadline_ns);

/* ---- who and where: boot_env.c, boot_way.c, boot_file.c, boot_pmix.c ---- */

/* Number and count of this process from the environment; -EINVAL posts what is wrong. */
int trn_boot_env(struct trn_context *context, uint32_t *ret_process, uint32_t *ret_processes);
/* The silence limit in milliseconds: wanted, else the environment's, else 5000. -EINVAL posts. */
int trn_boot_env_silence(struct trn_context *context, uint32_t wanted, uint32_t *ret_ms);

/* Comes together with the others by the root: boot_way.c. Errors are posted. */
int trn_boot_way_go(struct trn_boot *boot, const char *root, uint64_t deadline_ns);
/* A hub that is found by its card listens on all its addresses. */
int trn_boot_listen_any(struct trn_boot *boot);
void trn_boot_card_fill(const struct trn_boot *boot, struct trn_boot_card *card);
/* Its addresses; also sets finder->run. */
uint32_t trn_boot_card_addrs(const struct trn_boot_card *card, struct trn_boot_finder *finder,
			     struct trn_boot_addr *addrs, uint32_t max);

int trn_boot_file_publish(struct trn_boot *boot, const char *path);
int trn_boot_file_find(struct trn_boot_finder *finder, struct trn_boot *boot,
		       struct trn_boot_addr *addrs, uint32_t *ret_count);
void trn_boot_file_remove(struct trn_boot *boot);

/* PMIx: each of these answers -ENOTSUP in a build without. begin says who this process is. */
int trn_boot_pmix_begin(struct trn_context *context, uint32_t *ret_process,
			uint32_t *ret_processes);
int trn_boot_pmix_publish(struct trn_boot *boot);
int trn_boot_pmix_find(struct trn_boot_finder *finder, struct trn_boot *boot,
		       struct trn_boot_addr *addrs, uint32_t *ret_count);
void trn_boot_pmix_end(void);

#endif /* RUNTIME_BOOT_PRIVATE_H */
