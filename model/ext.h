/* SPDX-License-Identifier: Apache-2.0 */
/* The extension block inside: queues, windows, claims. Shared by the files ext*.c and the trace;
 * nobody else includes it. */
#ifndef MODEL_EXT_H
#define MODEL_EXT_H

#include "model/core.h"
#include "model/parts.h"

#define TRN_CORE_NONE UINT32_MAX
#define TRN_QUEUE_NONE UINT32_MAX

struct trn_window_range {
	uint64_t base, size;
	uint32_t rights;
};

/* What a stopped queue shows. */
struct trn_queue_error {
	uint32_t code, tag, opcode;
	uint32_t core, engine, pc, operand, rule;
	uint32_t entry; /* 1 + index in a list */
	uint64_t address;
};

/* The list that a CALL runs; the queue's cmd is the entry under way. */
struct trn_queue_list {
	struct trn_ext_cmd call;
	uint32_t next; /* entry after that one */
	bool active;
};

struct trn_queue {
	struct trn_launch *launch;
	uint32_t index;
	uint32_t state; /* enum trn_ext_queue_state */
	uint32_t epoch; /* events of an older epoch are stale */
	uint64_t base, status;
	uint32_t entries, window;
	uint32_t head, tail;
	bool busy; /* a command is under way, or the fetch of one */
	struct trn_ext_cmd cmd;
	struct trn_queue_list list;
	uint64_t begin_ps; /* when it was read */
	uint64_t done;     /* bytes of a COPY or FILL that have moved */
	uint32_t core;     /* of a LAUNCH that runs or stands in line, else TRN_CORE_NONE */
	struct trn_queue_error error;
	bool told;              /* the status record has the error, or that there is none */
	struct trn_flight *far; /* a COPY between chips that is under way */
};

struct trn_claim {
	uint32_t token;
	uint64_t since_ps;
	uint32_t pid, wall_lo, wall_hi;
	uint32_t name[TRN_EXT_HOLDER_NAME_WORDS];
};

/* Who runs on a core and who stands in line for it, in order of arrival. */
struct trn_core_line {
	uint32_t runner; /* queue, or TRN_QUEUE_NONE */
	uint32_t count;
	uint8_t queue[TRN_EXT_QUEUES];
};

struct trn_launch {
	struct trn_chip *chip;
	uint32_t time_hi; /* latched by a read of TIME_LO */
	struct trn_queue queue[TRN_EXT_QUEUES];
	uint32_t waiting; /* queues in state WAITING */
	struct trn_window_range window[TRN_EXT_WINDOWS][TRN_EXT_WINDOW_RANGES];
	struct trn_claim claim[TRN_CORES];
	struct trn_core_line line[TRN_CORES];
	struct trn_sync_unit *sync; /* from the first COLLECT on */
};

/* ext_queue.c */
uint32_t trn_queue_read(struct trn_queue *queue, uint32_t reg);
/* False when the register is not there. */
bool trn_queue_write(struct trn_queue *queue, uint32_t reg, uint32_t value);
bool trn_queue_doorbell(struct trn_queue *queue, uint32_t reg, uint32_t value);
/* The command under way is done: the next one. */
void trn_queue_finish(struct trn_queue *queue);
/* Stops the queue at the command under way. The caller fills code, address and what it
 * knows of the core; tag comes from the command, and the
 * opcode too when no engine is to blame. */
void trn_queue_fail(struct trn_queue *queue, const struct trn_queue_error *error);
void trn_queue_fail_code(struct trn_queue *queue, enum trn_ext_error code, uint64_t address);
void trn_queue_disable(struct trn_queue *queue);
/* Looks again at what a waiting queue waits for. */
void trn_queue_recheck(struct trn_queue *queue);
/* Runs fn(queue, 0, epoch) later; fails the queue when there is no memory. */
void trn_queue_after(struct trn_queue *queue, uint64_t delay_ps,
		     void (*fn)(void *arg, uint64_t a, uint64_t b));

/* What queue->cmd says. */
void trn_queue_begin(struct trn_queue *queue);
/* An aligned 64-bit value in memory, or NULL with the queue failed. */
uint64_t *trn_queue_word(struct trn_queue *queue, uint64_t address, bool write);
/* What a command costs that does nothing. */
uint64_t trn_queue_command_ps(const struct trn_queue *queue);

/* ext_list.c */
void trn_call_begin(struct trn_queue *queue);
void trn_branch_begin(struct trn_queue *queue);
/* Begins the next entry of an active list; false when there is none: the CALL is done, and cmd
 * is the CALL. */
bool trn_list_next(struct trn_queue *queue);

/* ext_launch.c */
void trn_launch_begin(struct trn_queue *queue);
/* Leaves the line, or detaches from a running launch, which goes on alone. */
void trn_launch_forget(struct trn_queue *queue);

/* ext_strided.c */
void trn_strided_begin(struct trn_queue *queue);

/* ext_far.c: COPY when an address is another chip's. */
void trn_far_begin(struct trn_queue *queue);
void trn_far_forget(struct trn_queue *queue);

/* ext_collect.c */
void trn_collect_begin(struct trn_queue *queue);
/* Leaves the line, or stops its streams. */
void trn_collect_forget(struct trn_queue *queue);
/* Whether it has, or waits for, a processor of these cores. */
bool trn_collect_hit(const struct trn_queue *queue, uint32_t cores);
/* Those that wait for one leave the line; their queues are the caller's. */
void trn_collect_clear_line(struct trn_launch *launch, uint32_t cores);
void trn_sync_unit_destroy(struct trn_sync_unit *unit);
uint64_t trn_collect_hash(const struct trn_launch *launch, uint64_t hash);

#endif /* MODEL_EXT_H */
