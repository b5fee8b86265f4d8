/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the validate hook share: the rules, what it knows of a device,
 * and how a mistake is said. docs/validation.md has the rules in words. */
#ifndef HAL_VALIDATE_H
#define HAL_VALIDATE_H

#include "hal/backend.h"

enum trn_validate_rule {
	TRN_VALIDATE_USE_AFTER_FREE,
	TRN_VALIDATE_OUT_OF_BOUNDS,
	TRN_VALIDATE_MISALIGNED,
	TRN_VALIDATE_FREE_IN_FLIGHT,
	TRN_VALIDATE_OVERLAPPING_WRITES,
	TRN_VALIDATE_MISSING_WAIT,
	TRN_VALIDATE_WRONG_THREAD,
	TRN_VALIDATE_LEAKED_MEMORY,
	TRN_VALIDATE_RULES,
};
extern const char *const trn_validate_names[TRN_VALIDATE_RULES];

#define VALIDATE_FREED 64u /* freed blocks that are remembered */
#define VALIDATE_LABEL 32u
#define VALIDATE_TEXT 176u
#define VALIDATE_FOUND 4u /* mistakes of one call that are told; all are counted */

struct trn_validate_block {
	uint64_t address, size;
	const uint8_t *host; /* NULL: HBM that is not mapped */
	const void *made;    /* who asked for it */
	char label[VALIDATE_LABEL];
};

struct trn_validate_queue {
	struct trn_validate_queue *next;
	struct trn_hal_queue *hal;
	uint32_t kicked; /* commands from the status record's head to here are in flight */
	/* validate_order.c, for one look: what may still run begins here, is known to need no
	 * host up to here, and comes this far while a command in question does not run. */
	uint32_t begin, known, reached;
	struct trn_ext_cmd cmds[]; /* depth; as they were kicked: the ring is its owner's */
};

/* One device. All of them are behind one lock, since host memory is shared by all of a host. */
struct trn_validate {
	struct trn_validate *next;
	struct trn_hal_dev *dev;
	struct trn_hal_ops inner;          /* the entries that the hook has taken the place of */
	struct trn_validate_block *blocks; /* by address */
	size_t block_count, block_room;
	struct trn_validate_block freed[VALIDATE_FREED];
	uint64_t freed_count; /* since it was opened */
	struct trn_validate_queue *queues;
	bool fatal;
	uint64_t counts[TRN_VALIDATE_RULES];
	char last[VALIDATE_TEXT]; /* the newest mistake */
};

/* What a command touches. */
struct trn_validate_range {
	uint64_t address, bytes;
	uint64_t align; /* 0: any */
	const char *what;
};
typedef void (*trn_validate_range_fn)(void *user, const struct trn_validate_range *range);

/* Mistakes of one call: found under the lock, logged without it. */
struct trn_validate_found {
	struct trn_validate *v;
	uint32_t count;
	char text[VALIDATE_FOUND][VALIDATE_TEXT];
};

/* hook_validate.c; the lock is held. */
void trn_validate_report(struct trn_validate_found *found, enum trn_validate_rule rule,
			 const char *fmt, ...) TRN_PRINTF(3, 4);
/* All devices that are open; any of a host may name its memory. */
struct trn_validate *trn_validate_all(void);

/* validate_memory.c; the lock is held. */
int trn_validate_block_add(struct trn_validate *v, const struct trn_hal_mem *mem, const char *label,
			   const void *made);
/* Takes the block that begins there out and remembers it as freed; false: there is none. */
bool trn_validate_block_remove(struct trn_validate *v, uint64_t address,
			       struct trn_validate_block *ret_block);
/* The block that the address is in, or NULL. Host memory may be another device's. */
const struct trn_validate_block *trn_validate_block_at(const struct trn_validate *v,
						       uint64_t address);
/* Host pointer to a range that lies in one block, or NULL. */
const void *trn_validate_host(const struct trn_validate *v, uint64_t address, uint64_t bytes);
/* Reports a range that is no block's or passes its end. where: the command, in words. */
void trn_validate_check(struct trn_validate_found *found, const struct trn_validate_range *range,
			const char *where);

/* validate_command.c: calls fn for every range of a command, of what it launches and calls. */
void trn_validate_ranges(const struct trn_validate *v, const struct trn_ext_cmd *cmd,
			 trn_validate_range_fn fn, void *user);
/* First command that the device may still run; none once it has stopped. */
uint32_t trn_validate_first_in_flight(const struct trn_validate_queue *queue);

/* validate_order.c; the lock is held. Commands of a queue from one on, all but kicked, against
 * those in flight on the device's other queues. */
void trn_validate_order(struct trn_validate_found *found, struct trn_validate_queue *queue,
			uint32_t from);
/* A copy by the host against all of them. */
void trn_validate_host_order(struct trn_validate_found *found, uint64_t dst, uint64_t src,
			     uint64_t size);

#endif /* HAL_VALIDATE_H */
