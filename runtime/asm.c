/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of trn/asm.h: what goes in, what comes out, and errors. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trn/error.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "runtime/asm.h"

_Static_assert(sizeof(((struct trn_image_info *)0)->section) / sizeof(struct trn_image_section) ==
		       TRN_TRNX_SECTIONS_MAX,
	       "room for every section");

static const struct trn_alloc *alloc_of(const struct trn_alloc *alloc)
{
	return alloc ? alloc : &trn_alloc_libc;
}

/* Hands an error out; what has no words of its own gets some. */
static int answer(int r, const struct trn_asm_error *error, struct trn_asm_error *ret_error)
{
	if (!ret_error)
		return r;
	*ret_error = *error;
	ret_error->size = sizeof(*ret_error);
	ret_error->code = r;
	if (r == -ENOMEM)
		(void)snprintf(ret_error->message, sizeof(ret_error->message), "out of memory");
	return r;
}

static const struct trn_asm_error no_error = { .engine = -1, .opcode = -1, .pc = -1 };

static void free_all(struct trn_asm *as)
{
	const struct trn_alloc *alloc = as->alloc;

	for (uint32_t i = 0; i < TRN_TRNX_SECTIONS_MAX; i++)
		trn_free(alloc, as->section[i].bytes.items);
	trn_free(alloc, as->symbols.items);
	trn_free(alloc, as->relocs.items);
	trn_free(alloc, as->labels.items);
	trn_free(alloc, as->fixups.items);
	trn_free(alloc, as->origins.items);
	trn_free(alloc, as->strings.items);
	trn_free(alloc, as);
}

int trn_asm_assemble(const struct trn_alloc *alloc, const char *text, size_t bytes,
		     void **ret_image, size_t *ret_bytes, struct trn_asm_error *ret_error)
{
	struct trn_asm *as;
	int r;

	if ((!text && bytes) || !ret_image || !ret_bytes ||
	    (ret_error && ret_error->size != sizeof(*ret_error)))
		return -EINVAL;
	as = trn_alloc_zero(alloc_of(alloc), sizeof(*as));
	if (!as)
		return answer(-ENOMEM, &no_error, ret_error);
	as->alloc = alloc_of(alloc);
	as->text = text;
	as->bytes = bytes;
	as->line = 1;
	as->error = no_error;
	r = trn_asm_parse(as);
	if (r == 0)
		r = trn_asm_link(as, ret_image, ret_bytes);
	if (r < 0)
		(void)answer(r, &as->error, ret_error);
	free_all(as);
	return r;
}

/* Parses an image for someone who has no device; a refusal becomes an error of the API. */
static int take_image(const struct trn_alloc *alloc, const void *image, size_t bytes,
		      struct trn_trnx *trnx, struct trn_asm_error *ret_error)
{
	struct trn_asm_error error = no_error;
	struct trn_trnx_fault fault;
	int r;

	if ((!image && bytes) || (ret_error && ret_error->size != sizeof(*ret_error)))
		return -EINVAL;
	r = trn_trnx_parse(alloc, image, bytes, 0, trnx, &fault);
	if (r == 0)
		return 0;
	error.engine = fault.engine;
	error.opcode = fault.opcode;
	error.rule = fault.rule;
	error.pc = fault.pc;
	error.offset = fault.offset;
	(void)snprintf(error.message, sizeof(error.message), "%s", fault.why);
	return answer(r, &error, ret_error);
}

int trn_asm_disassemble(const struct trn_alloc *alloc, const void *image, size_t bytes,
			char **ret_text, size_t *ret_bytes, struct trn_asm_error *ret_error)
{
	struct trn_asm_out out = { .alloc = alloc_of(alloc) };
	struct trn_trnx trnx;
	int r;

	if (!ret_text || !ret_bytes)
		return -EINVAL;
	r = take_image(out.alloc, image, bytes, &trnx, ret_error);
	if (r < 0)
		return r;
	r = trn_asm_print(&out, &trnx);
	trn_trnx_fini(&trnx);
	if (r < 0) {
		trn_free(out.alloc, out.text);
		return answer(r, &no_error, ret_error);
	}
	*ret_text = out.text;
	*ret_bytes = out.count;
	return 0;
}

static uint32_t count_instructions(const struct trn_trnx *trnx, const struct trn_trnx_part *part)
{
	uint32_t count = 0;

	for (uint64_t at = 0; at < part->size; count++)
		at += trnx->load[part->offset + at + offsetof(struct trn_isa_head, words)] *
		      (uint64_t)TRN_ISA_WORD_SIZE;
	return count;
}

static void describe_section(const struct trn_trnx *trnx, uint32_t index,
			     struct trn_image_info *info)
{
	const struct trn_trnx_part *part = &trnx->section[index];
	struct trn_image_section *section = &info->section[index];
	const uint64_t table = sizeof(struct trn_trnx_header);
	struct trn_trnx_section raw;

	memcpy(&raw, trnx->image + table + index * sizeof(raw), sizeof(raw));
	memcpy(section->name, part->name, sizeof(section->name));
	section->kind = (enum trn_section_kind)part->kind;
	section->engine = (enum trn_engine)part->engine;
	section->align = 1u << raw.align_log2;
	section->arg = part->arg;
	section->bytes = part->size;
	section->writable = part->flags & TRN_TRNX_SECTION_WRITE;
	if (part->kind == TRN_TRNX_CODE) {
		info->words[part->engine] = (uint32_t)(part->size / TRN_ISA_WORD_SIZE);
		info->instructions[part->engine] = count_instructions(trnx, part);
	}
}

int trn_image_inspect(const struct trn_alloc *alloc, const void *image, size_t bytes,
		      struct trn_image_info *ret_info, struct trn_asm_error *ret_error)
{
	struct trn_trnx trnx;
	int r;

	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return -EINVAL;
	r = take_image(alloc_of(alloc), image, bytes, &trnx, ret_error);
	if (r < 0)
		return r;
	*ret_info = (struct trn_image_info){
		.size = sizeof(*ret_info),
		.arch = trnx.arch,
		.section_count = trnx.section_count,
		.symbol_count = trnx.symbol_count,
		.reloc_count = trnx.reloc_count,
		.arg_count = trnx.arg_count,
		.memory_bytes = trnx.memory_bytes,
	};
	memcpy(ret_info->name, trnx.name, sizeof(ret_info->name));
	for (uint32_t i = 0; i < trnx.section_count; i++)
		describe_section(&trnx, i, ret_info);
	for (uint32_t i = 0; i < trnx.arg_count; i++) {
		struct trn_program_arg_info *arg = &ret_info->arg[i];

		arg->size = sizeof(*arg);
		memcpy(arg->name, trnx.arg[i].name, sizeof(arg->name));
		arg->kind = (enum trn_arg_kind)trnx.arg[i].kind;
		arg->min_bytes = trnx.arg[i].min_bytes;
	}
	trn_trnx_fini(&trnx);
	return 0;
}
