/* SPDX-License-Identifier: Apache-2.0 */
/* Programs as text: the assembler and the disassembler of trnx images. docs/assembly.md
 * specifies the language. */
#ifndef TRN_ASM_H
#define TRN_ASM_H

#include <trn/program.h>

TRN_BEGIN_DECLS

/**
 * struct trn_asm_error - what is wrong with a text or an image, and where
 * @size: sizeof(struct trn_asm_error) of the caller, set before the call
 * @code: what the call answered
 * @line: of the text, from 1; 0: no place in a text
 * @column: of the text, in bytes, from 1
 * @offset: byte of the image, when an image was refused
 * @engine: enum trn_engine of the instruction, or -1
 * @opcode: enum trn_op, or -1
 * @rule: number of the rule in docs/isa.md, or 0
 * @pc: word index in the engine's stream, or -1
 * @message: one line: what was expected, what was found
 */
struct trn_asm_error {
	size_t size;
	int code;
	uint32_t line, column;
	int engine;
	int opcode;
	int rule;
	int64_t pc;
	uint64_t offset;
	char message[192];
};

/**
 * trn_asm_assemble() - make a trnx image of a text
 * @alloc: memory of the image and of the work; NULL is the C library's
 * @text: the program; borrowed for the call, not trusted, any bytes
 * @bytes: its length
 * @ret_image: set on success: the image, given back with trn_image_free()
 * @ret_bytes: set on success: its length
 * @ret_error: if not NULL, filled on failure; its size member is set by the caller
 *
 * The image has passed the loader's checks; what they refuse is an error at the line that
 * wrote it.
 *
 * Context: any thread.
 * Return:  0, -TRN_EPROGRAM (the text is wrong), -ENOMEM, -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_asm_assemble(const struct trn_alloc *alloc, const char *text,
					    size_t bytes, void **ret_image, size_t *ret_bytes,
					    struct trn_asm_error *ret_error);

/**
 * trn_asm_disassemble() - write a trnx image as text
 * @alloc: memory of the text and of the work; NULL is the C library's
 * @image: trnx bytes; borrowed for the call, not trusted
 * @bytes: their length
 * @ret_text: set on success: the text, with a 0 behind it, given back with trn_image_free()
 * @ret_bytes: set on success: its length without the 0
 * @ret_error: if not NULL, filled on failure; its size member is set by the caller
 *
 * trn_asm_assemble() makes the same bytes of it.
 *
 * Context: any thread.
 * Return:  0, -TRN_EPROGRAM (not an image that the loader takes), -ENOMEM, -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_asm_disassemble(const struct trn_alloc *alloc, const void *image,
					       size_t bytes, char **ret_text, size_t *ret_bytes,
					       struct trn_asm_error *ret_error);

/** struct trn_image_section - one section of an image */
struct trn_image_section {
	char name[64];
	enum trn_section_kind kind;
	enum trn_engine engine; /* code only */
	uint32_t align;
	uint32_t arg; /* argument number; code: UINT32_MAX */
	uint64_t bytes;
	uint32_t writable; /* 0 or 1 */
	uint32_t reserved;
};

/** struct trn_image_info - all there is to say about an image without a device; set size */
struct trn_image_info {
	size_t size;
	char name[64];
	uint32_t arch; /* generation number it needs, 0: any */
	uint32_t section_count, symbol_count, reloc_count, arg_count;
	uint32_t words[TRN_ENGINE_COUNT];        /* length of each stream */
	uint32_t instructions[TRN_ENGINE_COUNT]; /* in each stream */
	uint64_t memory_bytes;                   /* of the loaded program */
	struct trn_image_section section[37];
	struct trn_program_arg_info arg[32];
};

/**
 * trn_image_inspect() - check an image without a device, and say what is in it
 * @alloc: memory of the work; NULL is the C library's
 * @image: trnx bytes; borrowed for the call, not trusted
 * @bytes: their length
 * @ret_info: filled on success; its size member is set by the caller
 * @ret_error: if not NULL, filled on failure; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -TRN_EPROGRAM (what the loader would refuse), -ENOMEM, -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_image_inspect(const struct trn_alloc *alloc, const void *image,
					     size_t bytes, struct trn_image_info *ret_info,
					     struct trn_asm_error *ret_error);

TRN_END_DECLS

#endif /* TRN_ASM_H */
