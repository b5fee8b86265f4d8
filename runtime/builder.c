/* SPDX-License-Identifier: Apache-2.0 */
/* The program builder: what callers declare and append. The image is laid out in
 * builder_image.c. */
#include "runtime/builder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "runtime/trnx.h"

#define TRN3_FEATURES                                                                        \
	(TRN_FEATURE_EXPONENTIAL | TRN_FEATURE_ALU_EXTRA | TRN_FEATURE_E4M3FN |              \
	 TRN_FEATURE_PSUM_WHOLE | TRN_FEATURE_PSUM_BF16 | TRN_FEATURE_PSUM_PRELOAD |         \
	 TRN_FEATURE_MX | TRN_FEATURE_ACTIVATE2 | TRN_FEATURE_RAND2 | TRN_FEATURE_INDIRECT | \
	 TRN_FEATURE_QOS | TRN_FEATURE_DMA_ADD_FULL)

/* What every chip of a generation has: SBUF bytes of a partition that are the program's, and
 * the instructions it may use. */
static const struct {
	uint32_t arch, sbuf_bytes, features;
} arches[] = {
	{ 0, 208 * 1024 - 576, 0 }, /* trn2, the smallest */
	{ 2, 208 * 1024 - 576, 0 }, /* 224 KiB less what the vendor's kernel library keeps free */
	{ 3, 256 * 1024, TRN3_FEATURES },
	{ 4, 256 * 1024, TRN3_FEATURES },
};

void trn_builder_fail(struct trn_builder *builder, int code, const char *format, ...)
{
	va_list args;

	if (builder->error)
		return;
	builder->error = code < 0 ? code : -EINVAL;
	va_start(args, format);
	/* A message that is too long is cut: it is for people. */
	(void)vsnprintf(builder->message, sizeof(builder->message), format, args);
	va_end(args);
}

void *trn_build_room(struct trn_builder *builder, void *items, uint32_t count, uint32_t *room,
		     size_t size)
{
	uint32_t wanted = *room ? *room * 2 : 64;
	void *grown;

	if (count < *room)
		return items;
	grown = trn_alloc_grow(builder->alloc, items, *room, wanted, size);
	if (!grown) {
		trn_builder_fail(builder, -ENOMEM, "out of memory for the program");
		return NULL;
	}
	*room = wanted;
	return grown;
}

/* Copies a name; false after keeping an error. */
static bool take_name(struct trn_builder *builder, char *dst, size_t max, const char *name)
{
	size_t length = name ? strnlen(name, max + 1) : 0;
	bool ok = length > 0 && length <= max;

	for (size_t i = 0; ok && i < length; i++)
		ok = name[i] >= 0x20 && name[i] <= 0x7e;
	if (!ok) {
		trn_builder_fail(builder, -EINVAL, "a name is 1 to %zu printable characters", max);
		return false;
	}
	memcpy(dst, name, length);
	dst[length] = '\0';
	return true;
}

int trn_builder_create(const struct trn_builder_opts *opts, struct trn_builder **ret_builder)
{
	static const struct trn_builder_opts none = { .size = sizeof(none) };
	struct trn_builder *builder;
	size_t arch = 0;

	if (!opts)
		opts = &none;
	if (!ret_builder || opts->size != sizeof(*opts) || opts->reserved)
		return -EINVAL;
	while (arch < TRN_ARRAY_LEN(arches) && arches[arch].arch != opts->arch)
		arch++;
	if (arch == TRN_ARRAY_LEN(arches))
		return -EINVAL;
	builder = trn_alloc_zero(opts->alloc ? opts->alloc : &trn_alloc_libc, sizeof(*builder));
	if (!builder)
		return -ENOMEM;
	builder->alloc = opts->alloc ? opts->alloc : &trn_alloc_libc;
	builder->arch = opts->arch;
	builder->features = arches[arch].features;
	builder->sbuf.bytes = arches[arch].sbuf_bytes;
	builder->sbuf.grain = 64;
	builder->psum.bytes = 16 * 1024;
	builder->psum.grain = 64;
	if (!take_name(builder, builder->name, TRN_TRNX_NAME_MAX,
		       opts->name ? opts->name : "program")) {
		trn_builder_destroy(builder);
		return -EINVAL;
	}
	*ret_builder = builder;
	return 0;
}

struct trn_builder *trn_builder_destroy(struct trn_builder *builder)
{
	const struct trn_alloc *alloc;

	if (!builder)
		return NULL;
	alloc = builder->alloc;
	for (uint32_t i = 0; i < TRN_ENGINE_COUNT; i++)
		trn_free(alloc, builder->stream[i].words);
	for (uint32_t i = 0; i < builder->section_count; i++)
		trn_free(alloc, builder->section[i].bytes);
	for (uint32_t i = 0; i < TRN_BUILD_QUEUES; i++)
		trn_free(alloc, builder->queue[i].history);
	trn_free(alloc, builder->label);
	trn_free(alloc, builder->branch);
	trn_free(alloc, builder->pointer);
	trn_free(alloc, builder->sbuf.block);
	trn_free(alloc, builder->psum.block);
	trn_free(alloc, builder->access);
	trn_free(alloc, builder);
	return NULL;
}

int trn_builder_status(const struct trn_builder *builder, const char **ret_message)
{
	if (ret_message)
		*ret_message = builder->message;
	return builder->error;
}

uint32_t trn_builder_arch(const struct trn_builder *builder)
{
	return builder->arch;
}

uint32_t trn_builder_arg(struct trn_builder *builder, const char *name, enum trn_arg_kind kind,
			 uint64_t min_bytes)
{
	uint32_t index = builder->arg_count;

	if (builder->error)
		return TRN_BUILDER_NONE;
	if (index == TRN_TRNX_ARGS_MAX) {
		trn_builder_fail(builder, -ENOSPC, "more than %d arguments", TRN_TRNX_ARGS_MAX);
		return TRN_BUILDER_NONE;
	}
	if ((kind != TRN_ARG_BUFFER && kind != TRN_ARG_SCALAR) ||
	    (kind == TRN_ARG_SCALAR && min_bytes)) {
		trn_builder_fail(builder, -EINVAL, "argument %u: kind or least size", index);
		return TRN_BUILDER_NONE;
	}
	if (!take_name(builder, builder->arg_name[index], TRN_TRNX_ARG_NAME_MAX, name))
		return TRN_BUILDER_NONE;
	builder->arg[index].kind = (uint8_t)kind;
	builder->arg[index].min_bytes = min_bytes;
	builder->arg_count++;
	return index;
}

static uint32_t add_section(struct trn_builder *builder, const char *name, const void *bytes,
			    uint64_t size)
{
	struct trn_build_section *section = &builder->section[builder->section_count];

	if (builder->error)
		return TRN_BUILDER_NONE;
	if (builder->section_count == TRN_ARRAY_LEN(builder->section)) {
		trn_builder_fail(builder, -ENOSPC, "more than %zu data sections",
				 TRN_ARRAY_LEN(builder->section));
		return TRN_BUILDER_NONE;
	}
	if (!size || size > TRN_TRNX_MEMORY_MAX || (bytes && size > SIZE_MAX / 2)) {
		trn_builder_fail(builder, -EINVAL, "size of a data section");
		return TRN_BUILDER_NONE;
	}
	if (!take_name(builder, section->name, TRN_TRNX_NAME_MAX, name))
		return TRN_BUILDER_NONE;
	if (bytes) {
		section->bytes = trn_alloc_zero(builder->alloc, (size_t)size);
		if (!section->bytes) {
			trn_builder_fail(builder, -ENOMEM, "out of memory for section %s", name);
			return TRN_BUILDER_NONE;
		}
		memcpy(section->bytes, bytes, (size_t)size);
	}
	section->size = size;
	return TRN_BUILDER_SECTION_ARG + builder->section_count++;
}

uint32_t trn_builder_data(struct trn_builder *builder, const char *name, const void *bytes,
			  uint64_t size)
{
	if (!bytes) {
		trn_builder_fail(builder, -EINVAL, "data section without content");
		return TRN_BUILDER_NONE;
	}
	return add_section(builder, name, bytes, size);
}

uint32_t trn_builder_bss(struct trn_builder *builder, const char *name, uint64_t size)
{
	return add_section(builder, name, NULL, size);
}

void trn_builder_data_address(struct trn_builder *builder, uint32_t arg, uint64_t offset,
			      uint32_t target, uint64_t target_offset)
{
	uint32_t section = arg - TRN_BUILDER_SECTION_ARG; /* wraps to a large number */
	uint32_t to = target - TRN_BUILDER_SECTION_ARG;
	struct trn_build_pointer *pointer;
	uint32_t at;

	if (builder->error)
		return;
	if (section >= builder->section_count || to >= builder->section_count ||
	    !builder->section[section].bytes ||
	    !trn_range_ok(offset, 8, builder->section[section].size) ||
	    target_offset > builder->section[to].size) {
		trn_builder_fail(builder, -EINVAL, "address of or in a section that is not there");
		return;
	}
	pointer = trn_build_room(builder, builder->pointer, builder->pointer_count,
				 &builder->pointer_room, sizeof(*pointer));
	if (!pointer)
		return;
	builder->pointer = pointer;
	/* In the order of the image: by section, then by offset. */
	at = builder->pointer_count++;
	for (; at > 0 && (pointer[at - 1].section > section ||
			  (pointer[at - 1].section == section && pointer[at - 1].offset > offset));
	     at--)
		pointer[at] = pointer[at - 1];
	pointer[at] = (struct trn_build_pointer){
		.section = section, .target = to, .offset = offset, .target_offset = target_offset
	};
}

uint32_t trn_builder_emit(struct trn_builder *builder, enum trn_engine engine, const void *words,
			  uint32_t count)
{
	struct trn_build_stream *stream = &builder->stream[engine % TRN_ENGINE_COUNT];
	uint32_t at = stream->count;
	uint8_t *insn;

	if (builder->error)
		return TRN_BUILDER_NONE;
	if (builder->finished || (uint32_t)engine >= TRN_ENGINE_COUNT || !count ||
	    count > TRN_ISA_WORDS_MAX) {
		trn_builder_fail(builder, -EINVAL,
				 builder->finished ? "the program is finished" :
						     "engine or length of an instruction");
		return TRN_BUILDER_NONE;
	}
	if (at > TRN_TRNX_WORDS_MAX - 2 * TRN_ISA_WORDS_MAX) {
		trn_builder_fail(builder, -ENOSPC, "the stream of engine %d is too long", engine);
		return TRN_BUILDER_NONE;
	}
	/* Room for the last word is room for all: it grows by 64 words at least. */
	insn = trn_build_room(builder, stream->words, at + count - 1, &stream->room,
			      TRN_ISA_WORD_SIZE);
	if (!insn)
		return TRN_BUILDER_NONE;
	stream->words = insn;
	insn += (size_t)at * TRN_ISA_WORD_SIZE;
	memcpy(insn, words, (size_t)count * TRN_ISA_WORD_SIZE);
	insn[offsetof(struct trn_isa_head, words)] = (uint8_t)count;
	stream->count += count;
	return at;
}

uint32_t trn_builder_label(struct trn_builder *builder, enum trn_engine engine, const char *name)
{
	struct trn_build_label *label;

	if (builder->error)
		return TRN_BUILDER_NONE;
	if ((uint32_t)engine >= TRN_ENGINE_COUNT) {
		trn_builder_fail(builder, -EINVAL, "label on engine %d", engine);
		return TRN_BUILDER_NONE;
	}
	label = trn_build_room(builder, builder->label, builder->label_count, &builder->label_room,
			       sizeof(*label));
	if (!label)
		return TRN_BUILDER_NONE;
	builder->label = label;
	label += builder->label_count;
	*label = (struct trn_build_label){ .engine = (uint8_t)engine, .word = TRN_BUILDER_NONE };
	if (name && !take_name(builder, label->name, TRN_TRNX_NAME_MAX, name))
		return TRN_BUILDER_NONE;
	return builder->label_count++;
}

void trn_builder_bind(struct trn_builder *builder, uint32_t label)
{
	struct trn_build_label *at;

	if (builder->error)
		return;
	if (label >= builder->label_count || builder->label[label].word != TRN_BUILDER_NONE) {
		trn_builder_fail(builder, -EINVAL, "label %u is bound already, or none", label);
		return;
	}
	at = &builder->label[label];
	at->word = builder->stream[at->engine].count;
}

void trn_builder_branch(struct trn_builder *builder, uint32_t label, enum trn_alu condition,
			uint32_t reg, int32_t imm)
{
	struct trn_isa_compute insn = { .head = { .op = TRN_OP_BRANCH } };
	struct trn_build_branch *branch;
	uint32_t word;

	if (builder->error)
		return;
	if (label >= builder->label_count || reg >= TRN_ISA_REGISTERS) {
		trn_builder_fail(builder, -EINVAL, "branch to label %u by register %u", label, reg);
		return;
	}
	if (condition != TRN_ALU_BYPASS) {
		insn.head.flags = TRN_REG_IMM;
		insn.op1 = (uint8_t)reg;
		insn.imm[0] = (uint32_t)imm;
	}
	insn.mode = (uint8_t)condition;
	branch = trn_build_room(builder, builder->branch, builder->branch_count,
				&builder->branch_room, sizeof(*branch));
	if (!branch)
		return;
	builder->branch = branch;
	word = trn_builder_emit(builder, (enum trn_engine)builder->label[label].engine, &insn, 1);
	if (word != TRN_BUILDER_NONE)
		builder->branch[builder->branch_count++] =
			(struct trn_build_branch){ .label = label, .word = word };
}

static bool has_work(const struct trn_builder *builder)
{
	for (uint32_t i = 0; i < TRN_ENGINE_COUNT; i++)
		if (builder->stream[i].count)
			return true;
	return false;
}

/* A stream ends in HALT, also where a label at its very end is branched to. */
static void close_streams(struct trn_builder *builder)
{
	const struct trn_isa_compute halt = { .head = { .op = TRN_OP_HALT } };

	for (uint32_t i = 0; i < TRN_ENGINE_COUNT; i++)
		if (builder->stream[i].count)
			(void)trn_builder_emit(builder, (enum trn_engine)i, &halt, 1);
}

static void resolve_branches(struct trn_builder *builder)
{
	for (uint32_t i = 0; i < builder->branch_count && !builder->error; i++) {
		const struct trn_build_branch *branch = &builder->branch[i];
		const struct trn_build_label *label = &builder->label[branch->label];

		if (label->word == TRN_BUILDER_NONE) {
			trn_builder_fail(builder, -EINVAL, "label %u (%s) is not bound",
					 branch->label, label->name);
			return;
		}
		trn_store32(builder->stream[label->engine].words +
				    (size_t)branch->word * TRN_ISA_WORD_SIZE +
				    offsetof(struct trn_isa_compute, imm) + 4,
			    label->word);
	}
}

/* The loader's verdict on what was built, as a message for the one who built it. */
static void judge(struct trn_builder *builder, const void *image, size_t bytes)
{
	struct trn_trnx_fault fault;
	struct trn_trnx trnx;
	int r = trn_trnx_parse(builder->alloc, image, bytes, builder->arch, &trnx, &fault);

	if (r == -TRN_EPROGRAM && fault.pc >= 0) {
		const struct trn_isa_op *op = trn_isa_op((uint8_t)fault.opcode);

		trn_builder_fail(builder, r, "engine %d, word %lld, %s: %s", fault.engine,
				 (long long)fault.pc, op ? op->name : "opcode", fault.why);
	} else if (r < 0) {
		trn_builder_fail(builder, r, "byte %llu: %s", (unsigned long long)fault.offset,
				 fault.why);
	}
	trn_trnx_fini(&trnx);
}

int trn_builder_finish(struct trn_builder *builder, void **ret_image, size_t *ret_bytes)
{
	void *image = NULL;
	size_t bytes = 0;
	int r;

	if (builder->loop_count)
		trn_builder_fail(builder, -EINVAL, "a loop is not closed");
	if (!has_work(builder))
		trn_builder_fail(builder, -EINVAL, "no instruction was emitted");
	close_streams(builder); /* refuses a finished program, too */
	resolve_branches(builder);
	if (builder->error)
		return builder->error;
	r = trn_build_image(builder, &image, &bytes);
	if (r < 0) {
		trn_builder_fail(builder, r, "out of memory for the image");
		return builder->error;
	}
	judge(builder, image, bytes);
	if (builder->error) {
		trn_free(builder->alloc, image);
		return builder->error;
	}
	builder->finished = true;
	*ret_image = image;
	*ret_bytes = bytes;
	return 0;
}

void trn_image_free(const struct trn_alloc *alloc, void *image)
{
	trn_free(alloc ? alloc : &trn_alloc_libc, image);
}
