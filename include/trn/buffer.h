/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers: device HBM, pinned host memory, the caller's own pages, slices. */
#ifndef TRN_BUFFER_H
#define TRN_BUFFER_H

#include <trn/memory.h>

TRN_BEGIN_DECLS

struct trn_buffer;

/** enum trn_buffer_kind - where the bytes are */
enum trn_buffer_kind {
	TRN_BUFFER_HBM = 0,
	TRN_BUFFER_HOST = 1, /* pinned, on the device's NUMA node */
	TRN_BUFFER_USER = 2, /* memory the caller owns, made reachable */
};

/* How host memory is made (struct trn_buffer_opts.flags). */
#define TRN_BUFFER_HUGE 0x1u /* pages of 1 GiB or 2 MiB where there are some, else ordinary ones */
#define TRN_BUFFER_HUGE_ONLY 0x2u /* such pages or -ENOMEM */
#define TRN_BUFFER_EXPORT 0x4u    /* behind a file descriptor: trn_buffer_export() */

/**
 * struct trn_buffer_opts - what to allocate; zero everything, then set
 * @size: sizeof(struct trn_buffer_opts)
 * @bytes: length, > 0
 * @align: device address alignment, power of two; 0 is 4096
 * @kind: enum trn_buffer_kind
 * @core: for HBM: the core whose nearest stack is taken
 * @user: for USER: first byte, anywhere; the device reaches the whole pages it is in
 * @category: what it is for
 * @label: a name for tables, or NULL; copied, cut to TRN_MEMORY_LABEL_MAX
 * @flags: TRN_BUFFER_HUGE, _HUGE_ONLY, _EXPORT, for HOST memory
 */
struct trn_buffer_opts {
	size_t size;
	uint64_t bytes;
	uint64_t align;
	enum trn_buffer_kind kind;
	uint32_t core;
	void *user;
	enum trn_memory_category category;
	const char *label;
	uint32_t flags;
};

/** struct trn_buffer_info - what a buffer became; set size before the call */
struct trn_buffer_info {
	size_t size;
	enum trn_buffer_kind kind; /* of the memory; imported memory is HOST */
	enum trn_memory_category category;
	uint32_t stack;   /* HBM: where it is */
	int32_t exported; /* 1: trn_buffer_export() works */
	uint64_t bytes, address;
	uint64_t page_bytes; /* host memory: of the pages behind it; else 0 */
	char label[TRN_MEMORY_LABEL_MAX];
};

/**
 * trn_buffer_create() - allocate a buffer
 * @device: device that will reach it
 * @opts: what to allocate; borrowed for the call
 * @ret_buffer: set on success; the caller holds one reference
 *
 * Content is undefined. USER memory must outlive the buffer.
 *
 * Context: any thread.
 * Return:  0, -EINVAL, -ENOMEM (the record says which stack, what was free, and what would take
 *          it), -EDQUOT past a quota, -ENOTSUP.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_create(struct trn_device *device,
					     const struct trn_buffer_opts *opts,
					     struct trn_buffer **ret_buffer);

/**
 * trn_buffer_export() - a file descriptor for a buffer's memory
 * @buffer: HOST memory made with TRN_BUFFER_EXPORT, whole
 * @ret_fd: set on success; the caller closes it, at any time
 *
 * The descriptor is memory: it may be mapped, sent to another process, and given to
 * trn_buffer_import() there or here. The memory lives as long as anybody has it mapped or holds a
 * descriptor. It is sealed: its size stays.
 *
 * Context: any thread.
 * Return:  0, -EINVAL for a slice or memory made without the flag, -ENOTSUP for HBM and USER memory
 *          (the record says which doors could), or the errno of duplicating the descriptor.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_export(struct trn_buffer *buffer, int *ret_fd);

/**
 * trn_buffer_import() - make the memory behind a file descriptor reachable
 * @device: device that will reach it
 * @fd: from trn_buffer_export(), or any memfd that is sealed against shrinking; stays the caller's
 * @opts: @bytes, @category and @label count, the rest is 0; borrowed for the call
 * @ret_buffer: set on success; the caller holds one reference
 *
 * The buffer is the first @bytes of the file, mapped, not copied.
 *
 * Context: any thread.
 * Return:  0, -EINVAL (no memory, not sealed, shorter, not for writing: the record says which),
 *          -EBADF, -ENOMEM, -ENOTSUP.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_import(struct trn_device *device, int fd,
					     const struct trn_buffer_opts *opts,
					     struct trn_buffer **ret_buffer);

/**
 * trn_buffer_info() - what a buffer became
 * @buffer: a buffer
 * @ret_info: filled; its size member is set by the caller
 *
 * Of a slice: its own bytes and address, the rest is its parent's.
 *
 * Context: any thread.
 * Return:  0, or -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_buffer_info(struct trn_buffer *buffer, struct trn_buffer_info *ret_info);

/**
 * trn_buffer_slice() - a view of a part of a buffer
 * @buffer: parent; the slice holds a reference on it
 * @offset: first byte
 * @bytes: length, > 0
 * @ret_buffer: set on success; the caller holds one reference
 *
 * Context: any thread.
 * Return:  0, -EINVAL (outside the parent), -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_slice(struct trn_buffer *buffer, uint64_t offset,
					    uint64_t bytes, struct trn_buffer **ret_buffer);

/**
 * trn_buffer_peer() - a buffer of one device as another device of its pod reaches it
 * @buffer: HBM of a device; the peer holds a reference on it
 * @device: device that will use it
 * @ret_buffer: set on success; the caller holds one reference
 *
 * The result belongs to @device: its copies take it on either side, and as an argument the DMA
 * instructions of its programs; the device moves the bytes over the links without any host.
 * Slices of it are peers as well. trn_buffer_map(), read and write go through the owner. Of a
 * buffer of @device itself it is a slice. What one queue sends to a chip arrives in order: a
 * word that follows its payload says that it is there; across queues and chips order is the
 * caller's. When the other chip is lost, or reset under a copy, the copy fails or moves what is
 * there; it does not hang.
 *
 * Context: any thread.
 * Return:  0, -EXDEV when the two are not of one pod of this context, -ENOTSUP for host memory
 *          and without TRN_CAP_PEER, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_peer(struct trn_buffer *buffer, struct trn_device *device,
					   struct trn_buffer **ret_buffer);

/**
 * trn_buffer_ref() - take one more reference
 * @buffer: a buffer
 *
 * Context: any thread.
 * Return:  @buffer.
 * Since:   0.1
 */
TRN_API struct trn_buffer *trn_buffer_ref(struct trn_buffer *buffer);

/**
 * trn_buffer_unref() - give a reference back
 * @buffer: a buffer, or NULL
 *
 * Batches in flight hold references: memory the device may still touch is not given back.
 *
 * Context: any thread.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_buffer *trn_buffer_unref(struct trn_buffer *buffer);

/**
 * trn_buffer_size() - length
 * @buffer: a buffer
 *
 * Context: any thread.
 * Return:  bytes.
 * Since:   0.1
 */
TRN_API uint64_t trn_buffer_size(const struct trn_buffer *buffer);

/**
 * trn_buffer_address() - address as the device's engines see it
 * @buffer: a buffer
 *
 * Context: any thread.
 * Return:  device address; host memory carries bit 46, a peer's memory bit 63 and its place.
 * Since:   0.1
 */
TRN_API uint64_t trn_buffer_address(const struct trn_buffer *buffer);

/**
 * trn_buffer_map() - the buffer in this process's address space
 * @buffer: a buffer
 * @ret_ptr: set on success; valid while the buffer lives
 *
 * No copy is made. Order against queued work is the caller's: wait for a timeline first.
 *
 * Context: any thread.
 * Return:  0, or -ENOTSUP for HBM without TRN_CAP_MAP_HBM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_map(struct trn_buffer *buffer, void **ret_ptr);

/**
 * trn_buffer_write() - copy host bytes into a buffer and wait
 * @buffer: destination
 * @offset: first byte of the destination
 * @src: host bytes; any memory
 * @bytes: length; 0 is allowed and does nothing
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * For setting up, not for the hot path: that is trn_batch_copy().
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  0, -EINVAL, -ETIMEDOUT, -TRN_EDEVLOST, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_write(struct trn_buffer *buffer, uint64_t offset,
					    const void *src, uint64_t bytes, uint64_t deadline_ns);

/**
 * trn_buffer_read() - copy bytes of a buffer to host memory and wait
 * @buffer: source
 * @offset: first byte of the source
 * @ret_dst: host memory; any
 * @bytes: length; 0 is allowed and does nothing
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  0, -EINVAL, -ETIMEDOUT, -TRN_EDEVLOST, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_buffer_read(struct trn_buffer *buffer, uint64_t offset,
					   void *ret_dst, uint64_t bytes, uint64_t deadline_ns);

TRN_END_DECLS

#endif /* TRN_BUFFER_H */
