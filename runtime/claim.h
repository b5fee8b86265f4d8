/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of a context on the cores of a device. */
#ifndef RUNTIME_CLAIM_H
#define RUNTIME_CLAIM_H

#include <stdint.h>

struct trn_device;
struct trn_queue;

/* A bit for each core. A device reset frees them all. */
struct trn_claims {
	uint32_t held, kept; /* kept: by trn_device_core_claim() */
	uint32_t epoch;      /* device.epoch they belong to */
};

/* Tokens of the contexts of this process differ, and from those of other processes. */
uint32_t trn_claim_token(void);
/* Owner. Claims cores for a queue that is about to launch on them. Recorded as a submit's. */
int trn_claim_for(struct trn_queue *queue, uint32_t cores);
/* The queue was reset: what a reset of the device took is claimed again at the next launch. */
void trn_claim_again(struct trn_queue *queue);
/* The queue is off the device: what no other queue needs is given back. */
void trn_claim_leave(struct trn_queue *queue);
/* The device is about to be closed. */
void trn_claim_end(struct trn_device *device);

#endif /* RUNTIME_CLAIM_H */
