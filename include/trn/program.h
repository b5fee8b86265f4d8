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
	uint32_t symbol_count;
	uint32_t loads;          /* trn_program_load() that this placement answered */
	uint64_t memory_bytes;   /* of HBM that is its own */
	uint64_t external_bytes; /* of sections that lie elsewhere */
	/* What the first load cost on the host. */
	uint64_t check_ns; /* reading and judging the image */
	uint64_t reloc_ns; /* patching addresses */
	uint64_t copy_ns;  /* to the device */
	uint64_t copied_bytes;
	uint32_t reloc_count; /* addresses that were patched for its place */
	uint32_t reserved;
};

/** enum trn_section_kind - what a section is */
enum trn_section_kind {
	TRN_SECTION_CODE = 1, /* an engine's stream */
	TRN_SECTION_DATA = 2,
	TRN_SECTION_BSS = 3, /* zero before the first launch */
};

/** struct trn_program_section_info - a section of a loaded program; set size */
struct trn_program_section_info {
	size_t size;
	char name[64];
	enum trn_section_kind kind;
	int engine;        /* enum trn_engine of code, else -1 */
	uint32_t writes;   /* an instruction writes it */
	uint32_t external; /* it lies in a buffer, or in another program */
	uint64_t bytes;
	uint64_t address; /* as the device's engines see it */
};

/** struct trn_program_symbol_info - a symbol of a loaded program; set size */
struct trn_program_symbol_info {
	size_t size;
	char name[64];
	uint32_t section;  /* index */
	uint32_t is_label; /* an instruction; else an object */
	uint64_t offset;   /* in the section */
	uint64_t bytes;
	uint64_t address; /* as the device's engines see it */
};

/**
 * struct trn_program_share - a section that is not placed, because its bytes are elsewhere
 * @section: name of a data or bss section of the image; its contents there are not used
 * @buffer: memory of the device that is as long, with the section's alignment; held. Or NULL:
 * @offset: first byte in the buffer
 * @program: a program on the same device, held
 * @from: name of its section; NULL: the same
 */
struct trn_program_share {
	const char *section;
	struct trn_buffer *buffer;
	uint64_t offset;
	struct trn_program *program;
	const char *from;
};

/** A placement of its own, also when the image is there already. */
#define TRN_PROGRAM_PRIVATE 0x1u

/**
 * struct trn_program_load_opts - how to load; zero everything, then set
 * @size: sizeof(struct trn_program_load_opts)
 * @core: core whose nearest stack takes it; any core can run it
 * @flags: TRN_PROGRAM_PRIVATE
 * @shared: sections that lie elsewhere; borrowed for the call
 * @shared_count: how many
 */
struct trn_program_load_opts {
	size_t size;
	uint32_t core;
	uint32_t flags;
	const struct trn_program_share *shared;
	uint32_t shared_count;
	uint32_t reserved;
};

/** struct trn_program_stats - loads of a device; set size */
struct trn_program_stats {
	size_t size;
	uint64_t loads;       /* that ended well */
	uint64_t hits;        /* of them, those that found the image in place */
	uint64_t saved_bytes; /* of HBM that hits did not take */
	uint64_t placed;      /* programs that are in HBM now */
	uint64_t placed_bytes;
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
 * The same image again, on the same stack, is the same program with one reference more: it is
 * compared byte by byte, not checked or placed anew. Not so when it has sections that it writes,
 * when it is longer than 64 MiB, or after a reset of the device.
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  0, -TRN_EPROGRAM (the record says which byte and rule), -ENOTSUP without
 *          TRN_CAP_COMPUTE, -EINVAL, -ENOMEM, -ETIMEDOUT.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_program_load(struct trn_device *device, const void *image,
					    size_t bytes, uint32_t core, uint64_t deadline_ns,
					    struct trn_program **ret_program);

/**
 * trn_program_load_opts() - the same, with sections that lie elsewhere
 * @device: device that will run it
 * @image: trnx bytes; borrowed for the call, not trusted
 * @bytes: length
 * @opts: options
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 * @ret_program: set on success; the caller holds one reference
 *
 * Weights that several programs use are in HBM once: in a buffer, or in the first program. What a
 * section is bound to is the caller's to fill, and to keep still while programs run.
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  as trn_program_load(); -EINVAL also for a section that is not there, is code, has
 *          addresses in it, or does not fit its place; -ENOTSUP a peer's memory.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_program_load_opts(struct trn_device *device, const void *image,
						 size_t bytes,
						 const struct trn_program_load_opts *opts,
						 uint64_t deadline_ns,
						 struct trn_program **ret_program);

/**
 * trn_program_unload() - give a reference back, if nothing else uses the program
 * @program: a program
 *
 * Refuses where trn_program_unref() would leave the memory to whoever still has it: recorded
 * batches, commands in flight (also finished ones until their queue was waited for), graphs and
 * their instances, programs that use its sections. Other references of the caller's do not count:
 * with the last one the memory goes.
 *
 * Context: any thread.
 * Return:  0, -EBUSY in use: the record says by what, and the reference is still the caller's.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_program_unload(struct trn_program *program);

/**
 * trn_program_stats() - what loading on a device has come to
 * @device: a device
 * @ret_stats: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, or -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_program_stats(struct trn_device *device, struct trn_program_stats *ret_stats);

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

/**
 * trn_program_arg_find() - number of a declared argument by its name
 * @program: a program
 * @name: its name
 * @ret_index: set on success
 *
 * Context: any thread.
 * Return:  0, -ENOENT there is none, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_program_arg_find(const struct trn_program *program, const char *name,
				 uint32_t *ret_index);

/**
 * trn_program_section() - one section
 * @program: a program
 * @index: section number
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -ENOENT past the last one, -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_program_section(const struct trn_program *program, uint32_t index,
				struct trn_program_section_info *ret_info);

/**
 * trn_program_symbol() - one symbol
 * @program: a program
 * @index: symbol number
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -ENOENT past the last one, -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_program_symbol(const struct trn_program *program, uint32_t index,
			       struct trn_program_symbol_info *ret_info);

/**
 * trn_program_symbol_find() - a symbol by its name
 * @program: a program
 * @name: its name; of several the first
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -ENOENT there is none, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_program_symbol_find(const struct trn_program *program, const char *name,
				    struct trn_program_symbol_info *ret_info);

TRN_END_DECLS

#endif /* TRN_PROGRAM_H */
