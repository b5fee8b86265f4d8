/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's objects, who keeps whom, and the locks.
 *
 * Lifetimes. context <- device <- {buffer, timeline, program, queue}, queue <- {batch, exec}; an
 * arrow is a reference that the right side holds on the left. A graph's instance has lists,
 * which hold what they name; its commands hold the lists, not the instance, since that holds the
 * queues. A slice holds its root buffer. A recorded
 * command holds the buffers, timelines and programs it names; a submitted one holds them again,
 * in the queue's slot, until it is reaped. A parent never holds a child: the context's list of
 * devices and the device's list of queues are weak and emptied by the child's last unref.
 *
 * Locks, in the order they may be taken (left first, never backwards):
 *
 *	context.open_lock -> device.lock -> sync.lock -> device.list_lock -> context.lock ->
 *	pending_log.lock
 *
 *	context.open_lock  held while a device is opened, so that one URI is one device
 *	device.lock        HAL calls that want one thread; the staging buffer; buffer mappings.
 *	                   May be held until the deadline of the call that holds it.
 *	sync.lock          runtime/sync.h: timelines, their failures, who is told. Short.
 *	device.list_lock   device.queues, what queue_reset changes, timeline pages, programs. Short.
 *	context.lock       error record, list of devices, graves, who holds which memory, numbers
 *	                   of a text of telemetry. Leaf but for the log's. Short.
 *	pending_log.lock   lines the HAL logged. Leaf.
 *
 * No reference is dropped and no user function (log sink, list callback) is called under a lock;
 * the user's allocator may be. What the HAL logs is kept in the device and handed to the sink
 * when the public call that caused it, or the next one, is about to return.
 *
 * Record, submit and reap take no lock and allocate nothing while the queue has room.
 */
#ifndef RUNTIME_PRIVATE_H
#define RUNTIME_PRIVATE_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <inttypes.h>
#include <string.h>
#include <trn/trn.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/regs.h"
#include "hal/hal.h"
#include "runtime/claim.h"
#include "runtime/failure.h"
#include "runtime/memory.h"
#include "runtime/process.h"
#include "runtime/sync.h"
#include "runtime/telemetry.h"
#include "runtime/trace.h"

/* Handles are checked in builds with TRN_DEBUG: runtime/object.c. */
#ifdef TRN_DEBUG
#define TRN_OBJECT_CHECKED 1
#else
#define TRN_OBJECT_CHECKED 0
#endif

#define TRN_STAGING_BYTES (UINT64_C(1) << 20) /* bounce memory of trn_buffer_read and write */
#define TRN_QUEUE_DEPTH_DEFAULT 256u
#define TRN_QUEUE_DEPTH_MIN 16u
#define TRN_QUEUE_DEPTH_MAX 65536u
#define TRN_ARGS_USER_MAX 32u /* the rest of a launch's table belongs to the program's sections */
#define TRN_CMD_REFS_MAX (TRN_ARGS_USER_MAX + 1u) /* buffers of a launch and its program */

/* Copies a text and cuts what does not fit: for records, whose members have a size. */
static inline void trn_text_copy(char *dst, size_t room, const char *src)
{
	size_t n = strlen(src);

	if (n >= room)
		n = room - 1;
	memcpy(dst, src, n);
	dst[n] = '\0';
}

/* ---- objects ---- */

/* Also the canary: any other value in a handle is not a live object of that kind. */
enum trn_object_kind {
	TRN_OBJECT_DEAD = 0x64616544,
	TRN_OBJECT_CONTEXT = 0x74786354,
	TRN_OBJECT_DEVICE = 0x76656454,
	TRN_OBJECT_BUFFER = 0x66756254,
	TRN_OBJECT_TIMELINE = 0x6d697454,
	TRN_OBJECT_PROGRAM = 0x67727054,
	TRN_OBJECT_QUEUE = 0x65757154,
	TRN_OBJECT_BATCH = 0x74616254,
	TRN_OBJECT_COMM = 0x6d6f6354,
	TRN_OBJECT_POOL = 0x6c6f6f70,
	TRN_OBJECT_GRAPH = 0x68706754,
	TRN_OBJECT_LISTS = 0x7473694c,
	TRN_OBJECT_EXEC = 0x63657845,
};

struct trn_object { /* first member of every handle */
	_Atomic uint32_t kind;
	_Atomic uint32_t refs;
	struct trn_context *context; /* kept alive by the chain of parents */
	struct trn_object *next_grave;
	struct trn_live *live; /* validate.c; NULL: not listed */
};

void trn_object_init(struct trn_object *object, enum trn_object_kind kind,
		     struct trn_context *context);
void trn_object_ref(struct trn_object *object);
/* A reference only when somebody else still holds one: for weak lists. */
bool trn_object_ref_live(struct trn_object *object);
/* True when that was the last: the caller takes the object apart. */
bool trn_object_unref(struct trn_object *object);
/* Frees the object's own memory; a checked build keeps it readable for a while. */
void trn_object_bury(struct trn_object *object);
/* Gives one reference back, whatever the kind (buffer, timeline, program). */
void trn_object_drop(struct trn_object *object);
/* Says that a handle is bad: record and log when its context can be known. */
void trn_object_bad(const struct trn_object *object, const char *operation);
/* After a check that did not hold: -EPERM in a forked child, else -EINVAL. */
int trn_handle_refused(void);

/* ---- context ---- */

struct trn_context {
	struct trn_object object;
	const uint32_t *mine; /* not 0 in the process that made it, 0 in children: process.c */
	struct trn_alloc alloc;
	struct trn_log log;
	struct trn_lock open_lock;
	struct trn_lock lock;
	bool failed; /* error is filled */
	struct trn_error error;
	uint64_t errors[TRN_ERROR_CODES_MAX]; /* lock; by code, the last: without words */
	struct trn_dump_policy dump;          /* lock */
	struct trn_device *devices;           /* weak, newest first, ids descending */
	uint64_t device_ids;
	struct trn_object *graves, **graves_end; /* oldest first */
	uint32_t grave_count;
	struct trn_trace *trace; /* lock */
	struct trn_hal_pods *pods;
	struct trn_memory_quota quota;            /* lock */
	uint64_t hbm_held[TRN_MEMORY_CATEGORIES]; /* lock; of all devices, as asked for */
	_Atomic uint32_t number;                  /* in the process; 0 until memory is held */
	struct trn_sync sync;
	bool scrub;     /* HBM is zeroed before it goes back */
	uint32_t token; /* of its claims */
};

/* The check at the top of every public call, mine: of its first handle; the others are of the same
 * context, or refused for that. NULL is refused in every build. */
static inline bool trn_object_ok(const struct trn_object *object, enum trn_object_kind kind,
				 bool mine, const char *operation)
{
	if (object &&
	    (!TRN_OBJECT_CHECKED ||
	     atomic_load_explicit(&object->kind, memory_order_relaxed) == (uint32_t)kind) &&
	    (!mine || *object->context->mine != 0))
		return true;
	trn_object_bad(object, operation);
	return false;
}

#define TRN_HANDLE_OK(handle, kind) \
	trn_object_ok((handle) ? &(handle)->object : NULL, (kind), true, __func__)
#define TRN_OTHER_HANDLE_OK(handle, kind) \
	trn_object_ok((handle) ? &(handle)->object : NULL, (kind), false, __func__)

/* The newest device with an id below the given one, with a reference; NULL at the end. Walking
 * by id needs no lock between two steps, whatever is opened or closed meanwhile. */
struct trn_device *trn_context_device_below(struct trn_context *context, uint64_t id);

/* ---- errors ---- */

/* A record with nothing known but code, operation and, from the table, the hint. */
void trn_error_init(struct trn_error *error, int code, const char *operation);
/* Keeps the record in the context and logs it. Returns its code. No lock held. */
int trn_error_post(struct trn_context *context, const struct trn_error *error);
/* Both, with a cause. device may be NULL. */
int trn_fail(struct trn_context *context, struct trn_device *device, int code,
	     const char *operation, const char *fmt, ...) TRN_PRINTF(5, 6);
/* The same after a failed HAL call: appends the backend's words and address. */
int trn_fail_hal(struct trn_device *device, int code, const char *operation, const char *fmt, ...)
	TRN_PRINTF(4, 5);

/* ---- device ---- */

#define TRN_PENDING_LOG_LINES 16u
#define TRN_PENDING_LOG_TEXT 192u

struct trn_pending_log {
	struct trn_lock lock;
	_Atomic uint32_t count;
	uint32_t dropped;
	struct {
		enum trn_log_level level;
		char text[TRN_PENDING_LOG_TEXT];
	} lines[TRN_PENDING_LOG_LINES];
};

struct trn_device {
	struct trn_object object;
	struct trn_device *next; /* context.lock */
	uint64_t id;
	char *uri; /* as opened */
	struct trn_hal_dev *hal;
	struct trn_hal_info info;
	struct trn_log hal_log;
	struct trn_pending_log pending;
	struct trn_lock lock;
	struct trn_lock list_lock;
	struct trn_queue *queues;               /* list_lock and context.lock; to look: one */
	struct trn_program *programs;           /* list_lock; weak */
	struct trn_program_stats program_stats; /* list_lock */
	struct trn_timeline_page *pages;        /* list_lock */
	struct trn_hal_mem staging;             /* lock; size 0 until first use */
	_Atomic bool lost;             /* fell off the bus; a device reset may bring it back */
	_Atomic uint32_t epoch;        /* device resets begun */
	struct trn_memory_books books; /* context.lock */
	uint64_t sync_used[TRN_TOPSPS][TRN_SEMAPHORES / 64]; /* list_lock: a communicator's */
	struct trn_trace_source trace;                       /* lock */
	struct trn_device *sync_next;                        /* sync.lock */
	bool sync_kick;        /* sync.lock: its queues have to look again */
	_Atomic bool watched;  /* the HAL tells of what it writes */
	bool validate;         /* the hook is there */
	_Atomic bool measures; /* latency of queues */
	struct trn_device_count count;
	struct trn_device_snap snap; /* context.lock */
	struct trn_event_ring events;
	struct trn_claims claims; /* lock */
};

/* context_trace.c: the context's trace takes this device in, if there is one; 0 too when there
 * is none. -ENOTSUP and others as the HAL. */
int trn_device_trace_begin(struct trn_device *device);
/* No item comes any more. */
void trn_device_trace_end(struct trn_device *device);

/* Bracket for HAL calls that want one thread. leave also hands out what was logged. */
void trn_device_enter(struct trn_device *device) TRN_ACQUIRES(device->lock);
void trn_device_leave(struct trn_device *device) TRN_RELEASES(device->lock);
void trn_device_flush_log(struct trn_device *device);
/* The log level of the context has changed. */
void trn_device_set_log_level(struct trn_device *device, enum trn_log_level level);

/* The URI to open when the caller gave none: from the environment, or a discovered one, in buf. */
int trn_device_default_uri(struct trn_context *context, char *buf, size_t size,
			   const char **ret_uri);

/* Chips of one pod. */
static inline bool trn_device_same_pod(const struct trn_device *a, const struct trn_device *b)
{
	return a->object.context == b->object.context && a->info.pod_id != 0 &&
	       a->info.pod_id == b->info.pod_id;
}

/* And of one server: they reach the same host memory by the same addresses. */
static inline bool trn_device_same_host(const struct trn_device *a, const struct trn_device *b)
{
	return trn_device_same_pod(a, b) && a->info.rack == b->info.rack &&
	       a->info.server == b->info.server;
}

static inline bool trn_device_has(const struct trn_device *device, uint32_t cap)
{
	return (device->info.caps & cap) != 0;
}

/* Stack that is nearest to a core. */
uint32_t trn_device_stack(const struct trn_device *device, uint32_t core);
/* One step of a wait: 0 go on, -EAGAIN nothing is pending, -ETIMEDOUT, -TRN_EDEVLOST. */
int trn_device_step(struct trn_device *device, unsigned int *round, uint64_t deadline_ns);
/* A wait ran out: asks the device whether it is still there. code, or -TRN_EDEVLOST. */
int trn_device_verdict(struct trn_device *device, int code);
/* A command failed: says so in its record when the reason is that the device is gone. */
void trn_device_blame(struct trn_device *device, struct trn_error *error);

/* ---- buffer ---- */

struct trn_buffer {
	struct trn_object object;
	struct trn_device *device;
	struct trn_buffer *root; /* NULL for a root, which owns mem; of a peer: another device's */
	bool peer;               /* memory of another chip, as device reaches it */
	struct trn_hal_mem mem;  /* mem.host of HBM: device.lock */
	uint64_t address, bytes;
	uint64_t offset; /* in the root */
};

/* A root buffer of memory as described; records what goes wrong. */
int trn_buffer_make(struct trn_device *device, const struct trn_hal_mem_desc *desc,
		    const char *operation, struct trn_buffer **ret_buffer);

/* Host bytes to device memory or back, by mapping or through the staging buffer. */
struct trn_transfer {
	struct trn_hal_mem *mem;
	uint64_t offset; /* in mem */
	void *dst;       /* reading; else NULL */
	const void *src; /* writing; else NULL */
	uint64_t bytes;
	uint64_t deadline_ns;
};
int trn_device_transfer(struct trn_device *device, const struct trn_transfer *transfer,
			const char *operation);

#include "runtime/timeline.h"

/* ---- queue and batch ---- */

struct trn_batch_entry {
	struct trn_program *program; /* LAUNCH only */
	uint32_t ref_count;
	struct trn_object *refs[TRN_CMD_REFS_MAX];
};

struct trn_batch {
	struct trn_object object;
	struct trn_queue *queue;
	uint32_t count, max;
	uint32_t syncs;           /* WAIT and SIGNAL among them */
	uint32_t cores;           /* that its launches are for */
	struct trn_ext_cmd *cmds; /* a0 of LAUNCH: filled at submit */
	struct trn_batch_entry *entries;
	struct trn_ext_arg *args; /* TRN_ARGS_USER_MAX for each command */
};

/* What a command may name, checked; NULL, or what is wrong with it. */
const char *trn_range_problem(const struct trn_device *device, const struct trn_buffer *buffer,
			      uint64_t offset, uint64_t bytes);
/* A u64 that commands of the device read or write whole. */
const char *trn_word_problem(const struct trn_device *device, const struct trn_buffer *buffer,
			     uint64_t offset, int *ret_code);
/* An argument of a launch, turned into what the device reads. */
const char *trn_arg_take(const struct trn_device *device, const struct trn_program_arg_info *info,
			 const struct trn_arg *arg, struct trn_ext_arg *ret_arg);
/* Records COLLECT; the command holds the objects, TRN_CMD_REFS_MAX at most. */
int trn_batch_collect(struct trn_batch *batch, uint64_t address, struct trn_object *const *objects,
		      uint32_t count);

/* Records a meeting with the host, for a communicator: here becomes 1, back is waited for and made
 * 0 again. The wait holds the objects. */
int trn_batch_meet(struct trn_batch *batch, struct trn_timeline *here, struct trn_timeline *back,
		   struct trn_object *const *objects, uint32_t count);

struct trn_launch_slot {
	struct trn_ext_launch launch;
	struct trn_ext_arg args[TRN_ISA_ARGS_MAX];
};

struct trn_queue_slot {
	uint32_t ref_count;
	struct trn_object *refs[TRN_CMD_REFS_MAX];
};

/* Sequences count commands since the queue was made, the first is 1. The device counts from
 * the last reset: its 32-bit head and tail are the low bits of sequence - base. */
struct trn_queue {
	struct trn_object object;
	struct trn_device *device;
	struct trn_queue *next; /* as device.queues */
	struct trn_hal_queue *hal;
	uint32_t depth, mask;
	_Atomic uint64_t submitted; /* owner writes; a timeline's waiter reads */
	_Atomic uint64_t completed; /* the same */
	uint64_t base;              /* owner writes under list_lock */
	uint64_t dropped_after;     /* the last reset dropped (dropped_after, dropped_to] */
	uint64_t dropped_to;
	_Atomic uint32_t epoch; /* device.epoch the queue belongs to */
	bool failed;            /* owner; error is filled */
	struct trn_error error;
	struct trn_hang hang;         /* owner's */
	int dropped_code;             /* what a wait for them answers */
	bool quiet;                   /* list_lock: being reset, its ring says nothing */
	struct trn_promise_at swept;  /* list_lock: stopped, and promises up to here are broken */
	struct trn_queue_sync *syncs; /* list_lock; depth; NULL where waits are not checked */
	_Atomic uintptr_t owner;      /* 0 until the first submit; checked builds */
	uint32_t cores;               /* claimed for it; owner writes, under device.lock */
	struct trn_hal_mem launch_mem;
	struct trn_launch_slot *launches; /* depth; NULL without TRN_HAL_CAP_COMPUTE */
	struct trn_queue_slot *slots;     /* depth */
	bool *held;                       /* depth; false: the slot holds nothing */
	struct trn_queue_count count;
	struct trn_histogram latency;
	struct trn_latency_marks marks; /* owner */
	struct trn_queue_snap snap;     /* context.lock */
};

/* A descriptor as the device reads it; args: as many as the program declares. */
void trn_launch_slot_write(struct trn_launch_slot *slot, const struct trn_program *program,
			   const struct trn_ext_arg *args);
/* Owner. Waits for room for so many commands; recorded as a submit's failure. */
int trn_queue_room(struct trn_queue *queue, uint32_t count, uint64_t deadline_ns);
/* Has a command finished? 0, -EAGAIN without a record, or the failure. Steps nothing. */
int trn_queue_test(struct trn_queue *queue, uint64_t sequence);

/* Ends what the status block says of the failing command in a record. */
void trn_queue_describe(const struct trn_queue *queue, uint64_t submitted,
			struct trn_error *ret_error);
#endif /* RUNTIME_PRIVATE_H */
