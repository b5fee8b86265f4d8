/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: a trnx image loaded into a device's HBM. */
#ifndef TRN_PROGRAM_H
#define TRN_PROGRAM_H

#include <trn/buffer.h>
#include <trn/isa.h>

TRN_BEGIN_DECLS

struct trn_program;

/** enum trn_arg_kind - what an argument of a program is */
enum trn_arg_kind {
	TRN_ARG_BUFFER = 0, /* an address with a size */
	TRN_ARG_SCALAR = 1, /* a 64-bit number; registers see 32 bits at a time */
};

/**
 * struct trn_arg - one argument of a launch, in the order of the program's table
 * @buffer: the buffer, or NULL for a scalar; borrowed until the launch has finished (the batch
 *          holds a reference)
 * @offset: first byte inside the buffer
 * @bytes: what the program may touch; 0 is the rest of the buffer
 * @scalar: the number
 */
struct trn_arg {
	struct trn_buffer *buffer;
	uint64_t offset;
	uint64_t bytes;
	uint64_t scalar;
};

/** struct trn_program_arg_info - an argument as the program declares it; set size */
struct trn_program_arg_info {
	size_t size;
	char name[32];
	enum trn_arg_kind kind;
	uint32_t reserved;
	uint64_t min_bytes; /* launches with less are refused */
};

/** struct trn_program_info - what is in a program; set size */
struct trn_program_info {
	size_t size;
	char name[64];
	uint32_t arch; /* generation number it needs, 0: any */
	uint32_t arg_count;
	uint32_t words[TRN_ENGINE_COUNT]; /* length of each stream */
	uint32_t section_count;
	uint64_t data_bytes;
};

/**
 * trn_program_load() - check an image and place it in HBM
 * @device: device that will run it
 * @image: trnx bytes; borrowed for the call, not trusted
 * @bytes: length
 * @core: core whose nearest stack takes it; any core can run it
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 * @ret_program: set on success; the caller holds one reference
 *
 * Context: one thread at a time per device.
 * Return:  0, -TRN_EPROGRAM (the record says which byte and rule), -ENOTSUP without
 *          TRN_CAP_COMPUTE, -EINVAL, -ENOMEM, -ETIMEDOUT.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_program_load(struct trn_device *device, const void *image,
					    size_t bytes, uint32_t core, uint64_t deadline_ns,
					    struct trn_program **ret_program);

/**
 * trn_program_ref() - take one more reference
 * @program: a program
 *
 * Context: any thread.
 * Return:  @program.
 * Since:   0.1
 */
TRN_API struct trn_program *trn_program_ref(struct trn_program *program);

/**
 * trn_program_unref() - give a reference back
 * @program: a program, or NULL
 *
 * Launches in flight hold references.
 *
 * Context: any thread.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_program *trn_program_unref(struct trn_program *program);

/**
 * trn_program_info() - what is in a program
 * @program: a program
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, or -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_program_info(const struct trn_program *program, struct trn_program_info *ret_info);

/**
 * trn_program_arg() - one declared argument
 * @program: a program
 * @index: argument number
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -ENOENT past the last one, -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_program_arg(const struct trn_program *program, uint32_t index,
			    struct trn_program_arg_info *ret_info);

TRN_END_DECLS

#endif /* TRN_PROGRAM_H */
