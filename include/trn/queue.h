/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and batches: record commands, submit with one doorbell, reap. */
#ifndef TRN_QUEUE_H
#define TRN_QUEUE_H

#include <trn/buffer.h>
#include <trn/program.h>
#include <trn/timeline.h>

TRN_BEGIN_DECLS

struct trn_queue;
struct trn_batch;

/**
 * struct trn_queue_opts - how to make a queue; zero everything, then set
 * @size: sizeof(struct trn_queue_opts)
 * @depth: commands in flight, power of two 16..65536; 0 is 256
 * @core: core that its work is mostly for
 * @hang_ns: how long a command may stand still before a wait answers -TRN_EHANG; UINT64_MAX: for
 *           ever; 0: TRN_HANG_NS in the environment, else ten seconds. docs/recovery.md
 */
struct trn_queue_opts {
	size_t size;
	uint32_t depth;
	uint32_t core;
	uint64_t hang_ns;
};

/**
 * trn_queue_create() - make an in-order queue
 * @device: a device
 * @opts: options, or NULL for the defaults
 * @ret_queue: set on success; the caller holds one reference
 *
 * Takes all memory the queue will ever use. The first thread that submits owns the queue;
 * debug builds answer -EPERM to any other.
 *
 * Context: one thread at a time per device.
 * Return:  0, -EINVAL, -ENOMEM, -ENOSPC when the device has no queue left.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_create(struct trn_device *device,
					    const struct trn_queue_opts *opts,
					    struct trn_queue **ret_queue);

/**
 * trn_queue_ref() - take one more reference
 * @queue: a queue
 *
 * Context: any thread.
 * Return:  @queue.
 * Since:   0.1
 */
TRN_API struct trn_queue *trn_queue_ref(struct trn_queue *queue);

/**
 * trn_queue_unref() - give a reference back
 * @queue: a queue, or NULL
 *
 * With the last one, work that has not finished is dropped and the queue is taken from the
 * device before its memory goes.
 *
 * Context: any thread; the owner thread for the last reference.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_queue *trn_queue_unref(struct trn_queue *queue);

/**
 * trn_batch_create() - make a batch
 * @queue: queue it is for
 * @commands_max: most commands it can hold, 1 up to the queue's depth
 * @ret_batch: set on success; ended with trn_batch_destroy()
 *
 * Context: any thread.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_batch_create(struct trn_queue *queue, uint32_t commands_max,
					    struct trn_batch **ret_batch);

/**
 * trn_batch_destroy() - end a batch
 * @batch: a batch, or NULL; work submitted from it goes on
 *
 * Context: one thread at a time per object.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_batch *trn_batch_destroy(struct trn_batch *batch);

/**
 * trn_batch_clear() - forget the recorded commands
 * @batch: a batch
 *
 * Context: one thread at a time per object. Does not allocate.
 * Since:   0.1
 */
TRN_API void trn_batch_clear(struct trn_batch *batch);

/**
 * trn_batch_nop() - record a command that only takes its place in order
 * @batch: a batch
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, or -ENOSPC when the batch is full.
 * Since:   0.1
 */
TRN_API int trn_batch_nop(struct trn_batch *batch);

/**
 * trn_batch_copy() - record a copy between two buffers
 * @batch: a batch
 * @dst: destination; either may be a peer's: trn_buffer_peer()
 * @dst_offset: first byte of the destination
 * @src: source; may be @dst when the ranges do not overlap
 * @src_offset: first byte of the source
 * @bytes: length, > 0
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, -EINVAL (outside a buffer, another device's buffer, overlap), -ENOSPC.
 * Since:   0.1
 */
TRN_API int trn_batch_copy(struct trn_batch *batch, struct trn_buffer *dst, uint64_t dst_offset,
			   struct trn_buffer *src, uint64_t src_offset, uint64_t bytes);

/**
 * struct trn_copy_shape - rows of bytes, in planes; zero everything, then set
 * @size: sizeof(struct trn_copy_shape)
 * @bytes: of a row, > 0 and below 4 GiB
 * @rows: of a plane; 0 is 1
 * @planes: how many; 0 is 1
 * @dst_offset: first byte of the first row
 * @dst_pitch: bytes from a row to the next; at least @bytes where there are several rows
 * @dst_plane: bytes from a plane to the next; at least @bytes where there are several
 * @src_offset: as @dst_offset
 * @src_pitch: any; 0 takes the same row again and again. Pitches are below 4 GiB
 * @src_plane: any; 0 takes the same plane again and again
 */
struct trn_copy_shape {
	size_t size;
	uint64_t bytes;
	uint32_t rows, planes;
	uint64_t dst_offset, dst_pitch, dst_plane;
	uint64_t src_offset, src_pitch, src_plane;
};

/**
 * trn_batch_copy_nd() - record a copy of a part of a matrix, or of a stack of them
 * @batch: a batch
 * @dst: destination
 * @src: source
 * @shape: what to move; borrowed for the call
 *
 * One command, whatever the number of rows. Rows move in any order: when rows of the destination
 * meet each other or rows of the source, what is there afterwards is undefined.
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, -EINVAL (outside a buffer, pitches), -ENOSPC, -ENOTSUP for a peer's memory and
 *          without TRN_CAP_STRIDED.
 * Since:   0.1
 */
TRN_API int trn_batch_copy_nd(struct trn_batch *batch, struct trn_buffer *dst,
			      struct trn_buffer *src, const struct trn_copy_shape *shape);

/**
 * trn_batch_fill() - record filling a range with a 32-bit pattern
 * @batch: a batch
 * @dst: destination
 * @offset: first byte
 * @bytes: length, > 0; the last pattern may be cut
 * @pattern: little-endian pattern, repeated from @offset on
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, -EINVAL, -ENOSPC, -ENOTSUP for a peer's memory.
 * Since:   0.1
 */
TRN_API int trn_batch_fill(struct trn_batch *batch, struct trn_buffer *dst, uint64_t offset,
			   uint64_t bytes, uint32_t pattern);

/**
 * trn_batch_launch() - record a run of a program
 * @batch: a batch
 * @program: program loaded on the queue's device
 * @core: core that runs it
 * @args: arguments in the program's order; copied
 * @arg_count: must be what the program declares
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, -EINVAL (an argument: the record names it), -ENOSPC, -ENOTSUP.
 * Since:   0.1
 */
TRN_API int trn_batch_launch(struct trn_batch *batch, struct trn_program *program, uint32_t core,
			     const struct trn_arg *args, uint32_t arg_count);

/**
 * trn_batch_wait() - record that the queue waits for a timeline
 * @batch: a batch
 * @timeline: a timeline of the same device, of another chip of the same server, or one that was
 *            shared with the device: trn_timeline_share()
 * @value: value to reach
 *
 * When what it waits for will not come, the queue stops there and its record has the cause.
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, -EINVAL, -ENOSPC, -ENOTSUP when the device does not reach the timeline's word yet:
 *          trn_timeline_share() it, from the host memory of another server, pod or mock, and to
 *          or from a device without TRN_CAP_COMPUTE.
 * Since:   0.1
 */
TRN_API int trn_batch_wait(struct trn_batch *batch, struct trn_timeline *timeline, uint64_t value);

/**
 * trn_batch_signal() - record that the queue raises a timeline
 * @batch: a batch
 * @timeline: as trn_batch_wait()
 * @value: value it will have at least
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, -EINVAL, -ENOSPC, -ENOTSUP as trn_batch_wait().
 * Since:   0.1
 */
TRN_API int trn_batch_signal(struct trn_batch *batch, struct trn_timeline *timeline,
			     uint64_t value);

/**
 * trn_batch_timestamp() - record writing the device's time
 * @batch: a batch
 * @dst: buffer that takes a little-endian 64-bit count of nanoseconds of device time
 * @offset: where, 8-aligned
 *
 * On a mock device time is virtual time and has nothing to do with the host's clock.
 *
 * Context: one thread at a time per object. Does not allocate.
 * Return:  0, -EINVAL, -ENOSPC, -ENOTSUP without TRN_CAP_TIMESTAMP.
 * Since:   0.1
 */
TRN_API int trn_batch_timestamp(struct trn_batch *batch, struct trn_buffer *dst, uint64_t offset);

/**
 * trn_queue_submit() - hand the commands of a batch to the device
 * @queue: queue the batch was made for
 * @batch: recorded commands; unchanged, and free for reuse after the call
 * @deadline_ns: CLOCK_MONOTONIC time to give up waiting for room; TRN_DEADLINE_NOW never waits
 * @ret_sequence: if not NULL, set on success: number of the batch's last command, for
 *                trn_queue_wait()
 *
 * One doorbell for the whole batch. All of it is taken, or nothing. Commands are counted from 1
 * since the queue was made; an empty batch rings nothing.
 *
 * Context: owner thread of @queue. Does not allocate, lock or make a system call on a
 *          memory-mapped door while there is room.
 *          The first launch on a core claims it: trn_device_core_claim(). That takes the
 *          device's lock, once.
 * Return:  0, -EAGAIN no room and @deadline_ns passed already, -ETIMEDOUT no room until then,
 *          -EBUSY another context holds a core: nothing was taken, and the record names it,
 *          -TRN_EQUEUE the queue stopped with an error, -TRN_EDEVLOST, -EPERM wrong thread
 *          (debug builds), -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_submit(struct trn_queue *queue, struct trn_batch *batch,
					    uint64_t deadline_ns, uint64_t *ret_sequence);

/**
 * trn_queue_wait() - wait until a command has finished
 * @queue: a queue
 * @sequence: number from trn_queue_submit()
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * Context: owner thread of @queue. Blocks until @deadline_ns.
 * Return:  0, -ETIMEDOUT, the device's error when it stopped at or before @sequence
 *          (-TRN_EINSN, -TRN_EFAULT_DEV, -TRN_ERESET, …), -TRN_EDEVLOST, -EDEADLK as
 *          trn_timeline_wait(), -TRN_ERESET or -ECANCELED when it was dropped.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_wait(struct trn_queue *queue, uint64_t sequence,
					  uint64_t deadline_ns);

/**
 * trn_queue_drain() - wait until everything submitted has finished
 * @queue: a queue
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * Context: owner thread of @queue. Blocks until @deadline_ns.
 * Return:  as trn_queue_wait().
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_drain(struct trn_queue *queue, uint64_t deadline_ns);

/**
 * trn_queue_error() - the structured record of the command that stopped a queue
 * @queue: a queue
 * @ret_error: filled; its size member is set by the caller
 *
 * Context: owner thread of @queue.
 * Return:  0, -ENOENT when the queue is well, -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_queue_error(struct trn_queue *queue, struct trn_error *ret_error);

/**
 * trn_queue_reset() - drop what is queued and make a stopped queue usable again
 * @queue: a queue
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * A core that a program left faulted stays so until trn_device_reset() with its bit.
 * Who waits for what the queue had yet to signal gets the error that stopped it, else
 * -TRN_ERESET.
 *
 * Context: owner thread of @queue. Blocks until @deadline_ns, and while another thread resets the
 *          device or writes its memory.
 * Return:  0, -ETIMEDOUT, -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_reset(struct trn_queue *queue, uint64_t deadline_ns);

/**
 * trn_queue_cancel() - drop what has not finished
 * @queue: a queue
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * What the commands held is given back, and the queue can be used again at once. Who waits for a
 * value that they had promised, on the host or on a device, gets -ECANCELED; so does
 * trn_queue_wait() for one of them. Other queues go on.
 *
 * Context: owner thread of @queue. Blocks as trn_queue_reset().
 * Return:  0, -ETIMEDOUT, -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_queue_cancel(struct trn_queue *queue, uint64_t deadline_ns);

TRN_END_DECLS

#endif /* TRN_QUEUE_H */
