/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which memory of a device: categories, usage, quotas, the table for running out. */
#ifndef TRN_MEMORY_H
#define TRN_MEMORY_H

#include <trn/device.h>

TRN_BEGIN_DECLS

/** enum trn_memory_category - what memory is for; the library tags its own */
enum trn_memory_category {
	TRN_MEMORY_TENSORS = 0, /* what a buffer is unless it says otherwise */
	TRN_MEMORY_CONSTANTS = 1,
	TRN_MEMORY_CODE = 2, /* programs and their sections */
	TRN_MEMORY_SCRATCH = 3,
	TRN_MEMORY_RINGS = 4,         /* queues: commands, arguments, descriptors */
	TRN_MEMORY_NOTIFICATIONS = 5, /* words that a device writes: timelines, status */
	TRN_MEMORY_COLLECTIVES = 6,
	TRN_MEMORY_PROFILING = 7, /* timestamps */
	TRN_MEMORY_ALL = 8,       /* of quotas: all of them together */
};

#define TRN_MEMORY_CATEGORIES 8
/** The place beside the HBM stacks 0, 1, ...: pinned memory of the host. */
#define TRN_MEMORY_HOST UINT32_MAX
#define TRN_MEMORY_LABEL_MAX 32
#define TRN_MEMORY_NO_QUOTA UINT64_MAX

/** struct trn_memory_count - bytes as asked for, now and at most, and in how many blocks */
struct trn_memory_count {
	uint64_t live_bytes, peak_bytes;
	uint32_t blocks;
	uint32_t reserved;
};

/**
 * struct trn_memory_usage - one place; set size before the call
 * @size: sizeof(struct trn_memory_usage)
 * @place: HBM stack, or TRN_MEMORY_HOST
 * @total_bytes: what buffers can have at all; 0 for the host
 * @free_bytes: of it, what nobody has; 0 for the host
 * @largest_bytes: of that, the largest piece: what one buffer can have
 * @live_bytes: held through this handle of the device, with what sizes are rounded up by
 * @peak_bytes: most that was held at a time
 * @by: by enum trn_memory_category
 */
struct trn_memory_usage {
	size_t size;
	uint32_t place;
	uint32_t reserved;
	uint64_t total_bytes, free_bytes, largest_bytes;
	uint64_t live_bytes, peak_bytes;
	struct trn_memory_count by[TRN_MEMORY_CATEGORIES];
};

/** struct trn_memory_holder - one block and whose it is */
struct trn_memory_holder {
	uint32_t place; /* HBM stack, or TRN_MEMORY_HOST */
	enum trn_memory_category category;
	uint64_t bytes;
	uint64_t address; /* as the device's engines see it */
	uint32_t process; /* process id */
	uint32_t context; /* number of the context in its process, from 1 */
	char label[TRN_MEMORY_LABEL_MAX];
};

/**
 * typedef trn_memory_fn - one block of trn_device_memory_each()
 *
 * The holder lives for the call. Return non-zero to stop.
 */
typedef int (*trn_memory_fn)(void *user, const struct trn_memory_holder *holder);

/**
 * trn_memory_category_name() - a category in a word
 * @category: a category
 *
 * Context: any thread.
 * Return:  "tensors"; "unknown" for none.
 * Since:   0.1
 */
TRN_API const char *trn_memory_category_name(enum trn_memory_category category);

/**
 * trn_device_memory_usage() - what one place of a device's memory is used for
 * @device: a device
 * @place: HBM stack, or TRN_MEMORY_HOST
 * @ret_usage: filled; its size member is set by the caller
 *
 * Counts what this handle of the device holds: buffers, programs, queues, and what the driver
 * below keeps for itself.
 *
 * Context: any thread.
 * Return:  0, or -EINVAL for a wrong size member or place.
 * Since:   0.1
 */
TRN_API int trn_device_memory_usage(struct trn_device *device, uint32_t place,
				    struct trn_memory_usage *ret_usage);

/**
 * trn_device_memory_each() - every block that this handle of a device holds
 * @device: a device
 * @fn: called once for each, the newest first
 * @user: handed to @fn
 *
 * Blocks of the driver itself are in trn_device_memory_usage() only.
 *
 * Context: any thread. @fn runs under no lock, on what was there when the call began.
 * Return:  number of blocks that @fn saw, -EINVAL, or -ENOMEM.
 * Since:   0.1
 */
TRN_API int trn_device_memory_each(struct trn_device *device, trn_memory_fn fn, void *user);

/**
 * trn_device_memory_report() - a table for people: who holds what, and what would fit
 * @device: a device
 * @buf: takes the text, NUL terminated and cut to @size; may be NULL when @size is 0
 * @size: bytes of @buf
 *
 * The same table goes to the context's log, as errors, when a device is out of HBM for the first
 * time.
 *
 * Context: any thread. Does not allocate.
 * Return:  length of the text, at most @size - 1, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_device_memory_report(struct trn_device *device, char *buf, size_t size);

/**
 * trn_memory_quota_set() - limit the HBM that a context holds
 * @context: a context
 * @device: the device that is meant, or NULL for all devices of @context together
 * @category: a category, or TRN_MEMORY_ALL
 * @bytes: most that may be held at a time, as asked for; TRN_MEMORY_NO_QUOTA ends the limit
 *
 * Every limit that is set holds. A request that would break one answers -EDQUOT, and the record
 * says which. One below what is held already takes nothing away.
 *
 * Context: any thread.
 * Return:  0, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_memory_quota_set(struct trn_context *context, struct trn_device *device,
				 enum trn_memory_category category, uint64_t bytes);

TRN_END_DECLS

#endif /* TRN_MEMORY_H */
