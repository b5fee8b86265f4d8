/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a wire: what wire*.c and hostcoll*.c share. */
#ifndef RUNTIME_WIRE_PRIVATE_H
#define RUNTIME_WIRE_PRIVATE_H

#include "base/reduce.h"
#include "runtime/hostcoll.h"
#include "runtime/private.h"
#include "runtime/wire.h"
#include "runtime/wire_map.h"

struct trn_ofi;

/* ---- collectives in progress ---- */

struct trn_hostcoll_piece { /* elements */
	uint64_t offset, count;
};

/* Messages and windows: where a collective over libfabric stands (hostcoll_ofi.c). */
struct trn_hostcoll_net {
	uint32_t stage;        /* of the kind */
	uint32_t step;         /* of an exchange */
	uint32_t content;      /* enum trn_hostcoll_content */
	uint64_t posted;       /* reads begun */
	uint64_t reduced;      /* blocks that are done with */
	uint64_t round;        /* of REDUCE; of BROADCAST: 0 own part, 1 those of others */
	uint32_t waits[2];     /* reads under way, by parity of their block */
	size_t record;         /* bytes of one process's record; 0 in a barrier */
	size_t records;        /* what it was before the barrier */
	uint32_t sends, recvs; /* messages of the step begun */
	uint32_t sent, got;    /* and done */
	struct trn_wire_window src, dst;
};

/* In the mapping (hostcoll_map.c). */
struct trn_hostcoll_mapped {
	uint32_t stage;
	uint64_t round, rounds, chunk; /* chunk: elements of a sub-slot */
};

/* One message (hostcoll_p2p.c). */
struct trn_hostcoll_message {
	uint64_t sequence; /* of the pair */
	uint64_t done;     /* bytes */
	uint32_t stage;
	uint64_t end; /* of the ring, when it is taken */
	/* Over libfabric. */
	struct trn_wire_remote remote;
	struct trn_wire_request *request;
	struct trn_wire_window window;
	unsigned char letter[32];
};

/* Messages of a step under way, by number. */
#define TRN_HOSTCOLL_MESSAGES 16u
struct trn_hostcoll_exchange {
	struct trn_wire_request *send[TRN_HOSTCOLL_MESSAGES], *recv[TRN_HOSTCOLL_MESSAGES];
};

/* Reads under way, of the one collective that runs. */
#define TRN_HOSTCOLL_READS 48u
struct trn_hostcoll_reads {
	uint32_t count;
	struct trn_wire_request *request[TRN_HOSTCOLL_READS];
	uint32_t process[TRN_HOSTCOLL_READS];
	uint8_t parity[TRN_HOSTCOLL_READS]; /* of the block */
};

struct trn_hostcoll {
	struct trn_wire *wire;
	struct trn_hostcoll *next; /* in the order they were started */
	struct trn_hostcoll_call call;
	bool used;
	bool gives, wants; /* has this process a source, a destination? */
	bool forsaken;     /* waits for a process that has closed, when somebody last looked */
	int result;        /* -EAGAIN: under way */
	uint32_t size;     /* of an element */
	uint64_t sequence; /* of collectives */
	uint64_t signature;
	struct trn_reduce how;
	union {
		struct trn_hostcoll_net net;
		struct trn_hostcoll_mapped map;
		struct trn_hostcoll_message message;
	} at;
};

struct trn_hostcoll_list {
	struct trn_hostcoll *first, **end;
};

/* How a transport runs them. Each moves a call on: 0 done, -EAGAIN, or the failure, recorded. */
struct trn_hostcoll_way {
	int (*collective)(struct trn_hostcoll *coll);
	int (*message)(struct trn_hostcoll *coll);
	/* Whom it waits for; UINT32_MAX: nobody in particular. */
	uint32_t (*waits_for)(const struct trn_hostcoll *coll);
	/* Done or not: gives back what it holds. */
	void (*end)(struct trn_hostcoll *coll);
};
extern const struct trn_hostcoll_way trn_hostcoll_alone, trn_hostcoll_by_map, trn_hostcoll_by_net;

struct trn_wire_plain { /* trn_wire_host_alloc() without a mapping */
	struct trn_wire_plain *next;
	void *base;
	uint64_t bytes;
};

struct trn_wire {
	struct trn_context *context;
	struct trn_boot *boot;
	uint32_t process, processes;
	bool crowded;         /* more processes than cores on this host: no spinning */
	const uint64_t *mark; /* a page that is zero in a forked child */
	struct trn_map *map;  /* NULL: none */
	struct trn_ofi *ofi;  /* NULL: none */
	size_t piece;         /* trn_ofi_piece() */
	struct trn_wire_plain *plain;
	char transport[32];
	char memory[128];
	bool failed;
	struct trn_error failure;
	uint64_t next_look_ns;
	uint32_t steps; /* since the clock was looked at */

	const struct trn_hostcoll_way *way;
	struct trn_hostcoll colls[TRN_HOSTCOLL_MAX];
	uint32_t colls_used;
	struct trn_hostcoll_list collectives, messages;
	uint64_t sequence;         /* collectives started */
	uint64_t *sent, *received; /* messages started, by process */
	const void **rows;         /* processes: sources of a reduction */
	/* hostcoll_net.c */
	uint64_t exchanges;                /* begun; the same on all processes */
	struct trn_wire_remote *scratches; /* of all processes */
	struct trn_hostcoll_exchange exchange;
	struct trn_hostcoll_reads reads;
};

/* Is this the process that opened it? -EPERM, recorded, in a forked child. */
int trn_wire_own(struct trn_wire *wire, const char *operation);
/* Names the process in a record, tells the others, and the wire has failed. -TRN_ERANK. */
int trn_wire_blame(struct trn_wire *wire, uint32_t process, const char *fmt, ...) TRN_PRINTF(3, 4);
/* The same for a failure of this side. code. */
int trn_wire_broken(struct trn_wire *wire, int code, const char *fmt, ...) TRN_PRINTF(3, 4);
/* A peer's end of the transport is gone. Whoever gives up says why by way of the boot before it
 * closes its end: that is listened for, for a moment, and counts. Else the peer is to blame. */
int trn_wire_unreached(struct trn_wire *wire, uint32_t process, const char *why);
/* The record of the failure once more. */
int trn_wire_failed(struct trn_wire *wire);
/* Asks boot and kernel whether somebody is gone: 0, or the failure. */
int trn_wire_look(struct trn_wire *wire);
/* One step of a wait. */
void trn_wire_relax(const struct trn_wire *wire, unsigned int *round);

/* ---- libfabric ---- */

/* All processes call it. Fills wire->ofi and transport. */
int trn_ofi_open(struct trn_wire *wire, const char *provider, bool one_host, uint64_t deadline_ns);
void trn_ofi_close(struct trn_wire *wire);
/* Nothing arrives any more: after a failure. */
void trn_ofi_stop(struct trn_wire *wire);
/* Memory of the wire that is registered: TRN_OFI_SCRATCH bytes. */
#define TRN_OFI_SCRATCH (UINT32_C(8) << 20)
const struct trn_wire_window *trn_ofi_scratch(const struct trn_wire *wire);
/* Bytes of a message that the provider carries best; of shm what needs no answer from the other
 * side. */
static inline size_t trn_ofi_piece(const struct trn_wire *wire)
{
	return wire->piece;
}

/* ---- what the transports share: hostcoll.c ---- */

/* What goes to, and comes from, a process; of kinds that move vectors as they are. */
struct trn_hostcoll_piece trn_hostcoll_to(const struct trn_hostcoll *coll, uint32_t process);
struct trn_hostcoll_piece trn_hostcoll_from(const struct trn_hostcoll *coll, uint32_t process);
/* Elements [ret.offset, + ret.count) of count are this process's part to reduce. */
struct trn_hostcoll_piece trn_hostcoll_part(const struct trn_hostcoll *coll, uint64_t count,
					    uint32_t process);
/* Who sends to this process; UINT32_MAX nobody. */
uint32_t trn_hostcoll_permuted_from(const struct trn_hostcoll *coll);
/* The most elements that one piece of a call has. */
uint64_t trn_hostcoll_most(const struct trn_hostcoll *coll);
/* A process says it calls something else: names it and both. -TRN_ERANK. */
int trn_hostcoll_differs(struct trn_hostcoll *coll, uint32_t process, uint64_t signature,
			 uint64_t count);

/* What a letter says is not what is received: names the sender. -TRN_ERANK. */
int trn_hostcoll_letter_differs(struct trn_hostcoll *coll, uint64_t tag, uint64_t bytes);

static inline bool trn_hostcoll_is_v(const struct trn_hostcoll *coll)
{
	return coll->call.src_counts || coll->call.dst_counts;
}

#endif /* RUNTIME_WIRE_PRIVATE_H */
