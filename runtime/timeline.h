/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines: the word, how devices reach it, what became of it. Only for runtime/private.h. */
#ifndef RUNTIME_TIMELINE_H
#define RUNTIME_TIMELINE_H

struct trn_timeline_page {
	struct trn_timeline_page *next;
	struct trn_hal_mem mem;
	uint64_t used; /* bit per slot */
};

struct trn_timeline {
	struct trn_object object;
	struct trn_device *device;
	struct trn_timeline_page *page;
	uint32_t index;         /* slot in the page */
	_Atomic uint64_t *slot; /* the value; the second word is broken, for devices */
	uint64_t address;
	_Atomic bool shared;                         /* queues of other devices use it, too */
	uint64_t id;                                 /* of the context, for messages; never 0 */
	_Atomic uint64_t broken;                     /* highest value that will not come; 0: none */
	_Atomic(struct trn_timeline_share *) shares; /* only ever grows */
	/* sync.lock */
	struct trn_timeline *next, **link;
	uint64_t told;          /* value that devices were last told of */
	bool failed;            /* by trn_timeline_fail(): for good */
	struct trn_error error; /* while broken is not 0: of the first failure */
};

/* Its word as a device reaches it that does not by itself. */
struct trn_timeline_share {
	struct trn_timeline_share *next;
	struct trn_device *device;
	struct trn_hal_mem mem;
};

/* The word's address for a device's commands; -ENOTSUP when it does not reach it. Any thread. */
int trn_timeline_address(const struct trn_timeline *timeline, const struct trn_device *device,
			 uint64_t *ret_address);
/* Names it in a command of a device: told of the host's signals, too, from now on. */
void trn_timeline_use(struct trn_timeline *timeline, const struct trn_device *device);

static inline uint64_t trn_timeline_broken(const struct trn_timeline *timeline)
{
	return atomic_load_explicit(&timeline->broken, memory_order_acquire);
}

/* Gives the pages back; no timeline is left. */
void trn_timeline_pages_free(struct trn_device *device);

#endif /* RUNTIME_TIMELINE_H */
