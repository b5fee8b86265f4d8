/* SPDX-License-Identifier: Apache-2.0 */
/* The program builder: arguments, data, labels and raw instructions into a trnx image.
 * trn/tile.h is the comfortable layer on top, which also writes the synchronisation. */
#ifndef TRN_BUILDER_H
#define TRN_BUILDER_H

#include <trn/error.h>
#include <trn/isa.h>
#include <trn/program.h>
#include <trn/types.h>

TRN_BEGIN_DECLS

struct trn_builder;

/* Semaphores below this one belong to trn/tile.h when a program uses it. */
#define TRN_BUILDER_SEMAPHORES 32
/* Argument numbers from this one on are the program's own data sections. */
#define TRN_BUILDER_SECTION_ARG 32
/* What trn_builder_label() and its like answer when something went wrong before. */
#define TRN_BUILDER_NONE UINT32_MAX

/**
 * struct trn_builder_opts - how to build; zero everything, then set
 * @size: sizeof(struct trn_builder_opts)
 * @name: the program's name, at most 63 printable characters; NULL is "program"
 * @arch: generation the program is for, 2, 3 or 4; 0 uses only what all of them have
 * @reserved: 0
 * @alloc: memory of builder and image; NULL is the C library's. Must outlive both
 */
struct trn_builder_opts {
	size_t size;
	const char *name;
	uint32_t arch;
	uint32_t reserved;
	const struct trn_alloc *alloc;
};

/**
 * trn_builder_create() - start a program
 * @opts: options, or NULL for the defaults; copied
 * @ret_builder: set on success; ended with trn_builder_destroy()
 *
 * The first mistake is kept with a message, and every call after it does nothing:
 * only trn_builder_finish() needs to be checked.
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_builder_create(const struct trn_builder_opts *opts,
					      struct trn_builder **ret_builder);

/**
 * trn_builder_destroy() - end a builder
 * @builder: a builder, or NULL; images it made live on
 *
 * Context: one thread at a time per object.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_builder *trn_builder_destroy(struct trn_builder *builder);

/**
 * trn_builder_fail() - keep an error, unless there is one already
 * @builder: a builder
 * @code: negative error
 * @format: printf format of the message
 * @...: its values
 *
 * For code on top of the builder, so that its mistakes end in trn_builder_finish() as well.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_builder_fail(struct trn_builder *builder, int code, const char *format, ...)
	TRN_PRINTF(3, 4);

/**
 * trn_builder_status() - the first error so far
 * @builder: a builder
 * @ret_message: if not NULL, set to its message, which lives as long as the builder
 *
 * Context: one thread at a time per object.
 * Return:  0, -EINVAL (a wrong parameter), -ENOSPC (no room for a tile, a register, an
 *          argument or a section), -ENOTSUP (not on this generation), -TRN_EPROGRAM, -ENOMEM.
 * Since:   0.1
 */
TRN_API int trn_builder_status(const struct trn_builder *builder, const char **ret_message);

/**
 * trn_builder_arch() - generation the program is for
 * @builder: a builder
 *
 * Context: one thread at a time per object.
 * Return:  as in the options.
 * Since:   0.1
 */
TRN_API uint32_t trn_builder_arch(const struct trn_builder *builder);

/**
 * trn_builder_finish() - seal the program
 * @builder: a builder; takes no more instructions after success
 * @ret_image: set on success: the trnx image, given back with trn_image_free()
 * @ret_bytes: set on success: its length
 *
 * Appends HALT to every stream in use, resolves labels, and puts the image through the
 * loader's own checks.
 *
 * Context: one thread at a time per object.
 * Return:  0, or as trn_builder_status().
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_builder_finish(struct trn_builder *builder, void **ret_image,
					      size_t *ret_bytes);

/**
 * trn_image_free() - give an image back
 * @alloc: the allocator of the builder's options; NULL is the C library's
 * @image: an image, or NULL
 *
 * Context: any thread.
 * Since:   0.1
 */
TRN_API void trn_image_free(const struct trn_alloc *alloc, void *image);

/**
 * trn_builder_arg() - declare the next argument of the launch
 * @builder: a builder
 * @name: at most 31 printable characters
 * @kind: buffer or number
 * @min_bytes: least size of the buffer; 0 for a number
 *
 * Context: one thread at a time per object.
 * Return:  its number, 0 to 31, or TRN_BUILDER_NONE.
 * Since:   0.1
 */
TRN_API uint32_t trn_builder_arg(struct trn_builder *builder, const char *name,
				 enum trn_arg_kind kind, uint64_t min_bytes);

/**
 * trn_builder_data() - add initialised data to the program
 * @builder: a builder
 * @name: at most 63 printable characters
 * @bytes: content; copied
 * @size: length, > 0
 *
 * Loaded once with the program. What the program writes there stays for the next launch.
 *
 * Context: one thread at a time per object.
 * Return:  the argument number that reaches it, 32 to 63, or TRN_BUILDER_NONE.
 * Since:   0.1
 */
TRN_API uint32_t trn_builder_data(struct trn_builder *builder, const char *name, const void *bytes,
				  uint64_t size);

/**
 * trn_builder_bss() - add memory that is zero before the first launch
 * @builder: a builder
 * @name: at most 63 printable characters
 * @size: length, > 0
 *
 * Context: one thread at a time per object.
 * Return:  the argument number that reaches it, 32 to 63, or TRN_BUILDER_NONE.
 * Since:   0.1
 */
TRN_API uint32_t trn_builder_bss(struct trn_builder *builder, const char *name, uint64_t size);

/**
 * trn_builder_data_address() - let eight bytes of data hold a device address
 * @builder: a builder
 * @arg: section made by trn_builder_data() that holds the address
 * @offset: where, in bytes; two addresses must not overlap
 * @target: data or bss section that is meant
 * @target_offset: byte inside it
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_builder_data_address(struct trn_builder *builder, uint32_t arg, uint64_t offset,
				      uint32_t target, uint64_t target_offset);

/**
 * trn_builder_emit() - append one instruction
 * @builder: a builder
 * @engine: stream it goes to
 * @words: the instruction, head first; copied
 * @count: words of 64 bytes, 1 to 4; written into the head
 *
 * The program is checked as a whole by trn_builder_finish().
 *
 * Context: one thread at a time per object.
 * Return:  the index of its first word, or TRN_BUILDER_NONE.
 * Since:   0.1
 */
TRN_API uint32_t trn_builder_emit(struct trn_builder *builder, enum trn_engine engine,
				  const void *words, uint32_t count);

/**
 * trn_builder_label() - make a label for branches of one engine
 * @builder: a builder
 * @engine: stream it will be in
 * @name: becomes a symbol of the image, at most 63 printable characters; NULL: none
 *
 * Context: one thread at a time per object.
 * Return:  the label, or TRN_BUILDER_NONE.
 * Since:   0.1
 */
TRN_API uint32_t trn_builder_label(struct trn_builder *builder, enum trn_engine engine,
				   const char *name);

/**
 * trn_builder_bind() - put a label before the next instruction of its engine
 * @builder: a builder
 * @label: a label that has no place yet
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_builder_bind(struct trn_builder *builder, uint32_t label);

/**
 * trn_builder_branch() - append a branch to a label
 * @builder: a builder
 * @label: where to; may get its place later
 * @condition: TRN_ALU_BYPASS (always) or a comparison, signed
 * @reg: register on its left side
 * @imm: number on its right side
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_builder_branch(struct trn_builder *builder, uint32_t label, enum trn_alu condition,
				uint32_t reg, int32_t imm);

/** trn_head_wait() - let an instruction wait until a semaphore has a value */
static inline void trn_head_wait(struct trn_isa_head *head, uint8_t semaphore, uint32_t value)
{
	head->wait_sem = semaphore;
	head->wait_mode = TRN_WAIT_GE;
	head->wait_value = value;
}

/** trn_head_consume() - the same, and take the value off the semaphore */
static inline void trn_head_consume(struct trn_isa_head *head, uint8_t semaphore, uint32_t value)
{
	head->wait_sem = semaphore;
	head->wait_mode = TRN_WAIT_CONSUME;
	head->wait_value = value;
}

/** trn_head_add() - let an instruction raise a semaphore when it retires; a DMA 16 times */
static inline void trn_head_add(struct trn_isa_head *head, uint8_t semaphore, uint32_t value)
{
	head->inc_sem = semaphore;
	head->inc_mode = TRN_INC_ADD;
	head->inc_value = value;
}

/** trn_head_sub() - let an instruction lower a semaphore when it retires; not a DMA */
static inline void trn_head_sub(struct trn_isa_head *head, uint8_t semaphore, uint32_t value)
{
	head->inc_sem = semaphore;
	head->inc_mode = TRN_INC_SUB;
	head->inc_value = value;
}

TRN_END_DECLS

#endif /* TRN_BUILDER_H */
