/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which memory of a device: the books and what fills them. */
#ifndef RUNTIME_MEMORY_H
#define RUNTIME_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <trn/memory.h>
#include "hal/hal.h"

#define TRN_HBM_STACKS_MAX 8u

/* Limits by category, the last is for all. What is left out counts as none: kept inverted. */
struct trn_memory_quota {
	uint64_t inverted[TRN_MEMORY_CATEGORIES + 1];
};

/* One block, in the books of its device from before it is taken until after it is given back. */
struct trn_memory_block {
	struct trn_memory_block *older, *newer;
	uint32_t place; /* index into the books */
	enum trn_memory_category category;
	uint64_t bytes, room; /* asked for; taken */
	uint64_t address;
	char label[TRN_MEMORY_LABEL_MAX];
};

#define TRN_MEMORY_PLACES (TRN_HBM_STACKS_MAX + 1u) /* the last is the host */

struct trn_memory_books {
	struct trn_memory_block *newest;
	uint64_t live[TRN_MEMORY_PLACES], peak[TRN_MEMORY_PLACES];
	struct trn_memory_count by[TRN_MEMORY_PLACES][TRN_MEMORY_CATEGORIES];
	struct trn_memory_quota quota;
	bool told; /* the table went to the log */
};

/* memory.c: memory with its bookkeeping; the caller records failures, by trn_device_mem_fail()
 * or in its own words. -EDQUOT: a quota. */
int trn_device_mem_alloc(struct trn_device *device, const struct trn_hal_mem_desc *desc,
			 struct trn_hal_mem *ret_mem);
void trn_device_mem_free(struct trn_device *device, struct trn_hal_mem *mem);
/* scrub.c: zeroes HBM that nobody uses any more; recorded. */
int trn_device_scrub(struct trn_device *device, struct trn_hal_mem *mem);
int trn_device_mem_fail(struct trn_device *device, int code, const char *operation,
			const struct trn_hal_mem_desc *desc);
uint64_t trn_device_stack_free(struct trn_device *device, uint32_t stack);
/* Largest piece of a stack; where the backend does not say, all that is free. */
uint64_t trn_device_stack_largest(struct trn_device *device, uint32_t stack);
/* memory_report.c: the table as errors in the log, when nobody has seen it yet. */
void trn_device_memory_log(struct trn_device *device);

#endif /* RUNTIME_MEMORY_H */
