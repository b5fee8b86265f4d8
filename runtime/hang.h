/* SPDX-License-Identifier: Apache-2.0 */
/* Does a command still move? By the device's counters of progress, not by how long it takes. */
#ifndef RUNTIME_HANG_H
#define RUNTIME_HANG_H

#include <stdbool.h>
#include <stdint.h>

struct trn_queue;

/* Owner's. */
struct trn_hang {
	uint64_t ns;      /* without progress; UINT64_MAX: not looked for */
	uint64_t next_ns; /* host time of the next look */
	uint64_t print;   /* of the counters, when they were seen to change */
	uint64_t since_ns, since_device_ns;
	uint64_t told; /* sequence + 1 of the command that a dump was made of */
};

/* TRN_HANG_NS, else ten seconds. */
uint64_t trn_hang_default(void);
/* One look. 0, -TRN_EHANG with the record kept, -TRN_EDEVLOST without; idle: the device has
 * nothing pending at all. */
int trn_hang_look(struct trn_queue *queue, bool idle, const char *operation);
/* Time for another one? For loops that wait. */
bool trn_hang_due(struct trn_queue *queue);

#endif /* RUNTIME_HANG_H */
