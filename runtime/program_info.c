/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a loaded program: facts, arguments, sections, symbols. */
#include "runtime/program.h"

#include <errno.h>
#include <stdio.h>
#include "runtime/trnx.h"

static int none(const struct trn_program *program, const char *operation, uint32_t count,
		const char *what)
{
	return trn_fail(program->object.context, program->device, -ENOENT, operation,
			"%s has %u %s", program->info.name, count, what);
}

static int bad_size(const struct trn_program *program, const char *operation, const char *type)
{
	return trn_fail(program->object.context, program->device, -EINVAL, operation,
			"size member is not sizeof(struct %s)", type);
}

TRN_API int trn_program_info(const struct trn_program *program, struct trn_program_info *ret_info)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return bad_size(program, __func__, "trn_program_info");
	*ret_info = program->info;
	ret_info->loads = atomic_load(&program->loads);
	return 0;
}

TRN_API int trn_program_arg(const struct trn_program *program, uint32_t index,
			    struct trn_program_arg_info *ret_info)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return bad_size(program, __func__, "trn_program_arg_info");
	if (index >= program->info.arg_count)
		return none(program, __func__, program->info.arg_count, "arguments");
	*ret_info = program->args[index];
	return 0;
}

TRN_API int trn_program_arg_find(const struct trn_program *program, const char *name,
				 uint32_t *ret_index)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return trn_handle_refused();
	if (!name || !ret_index)
		return trn_fail(program->object.context, program->device, -EINVAL, __func__,
				"name or ret_index is NULL");
	for (uint32_t i = 0; i < program->info.arg_count; i++) {
		if (strcmp(program->args[i].name, name) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	return trn_fail(program->object.context, program->device, -ENOENT, __func__,
			"%s has no argument %.60s", program->info.name, name);
}

TRN_API int trn_program_section(const struct trn_program *program, uint32_t index,
				struct trn_program_section_info *ret_info)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return bad_size(program, __func__, "trn_program_section_info");
	if (index >= program->info.section_count)
		return none(program, __func__, program->info.section_count, "sections");
	*ret_info = program->sections[index];
	return 0;
}

/* The symbols are read where they lie, in the image's tables. */
static int symbol_at(const struct trn_program *program, uint32_t index,
		     struct trn_trnx_symbol *ret_symbol, const char **ret_name)
{
	struct trn_trnx_header header;
	struct trn_trnx trnx = { .image = program->image };

	memcpy(&header, program->image, sizeof(header));
	trnx.section_count = header.section_count;
	trnx.symbol_count = header.symbol_count;
	trnx.reloc_count = header.reloc_count;
	trnx.arg_count = header.arg_count;
	return trn_trnx_symbol(&trnx, index, ret_symbol, ret_name);
}

static void symbol_fill(const struct trn_program *program, const struct trn_trnx_symbol *symbol,
			const char *name, struct trn_program_symbol_info *ret_info)
{
	*ret_info = (struct trn_program_symbol_info){
		.size = sizeof(*ret_info),
		.section = symbol->section,
		.is_label = symbol->kind == TRN_TRNX_LABEL,
		.offset = symbol->offset,
		.bytes = symbol->size,
		.address = program->sections[symbol->section].address + symbol->offset,
	};
	trn_text_copy(ret_info->name, sizeof(ret_info->name), name);
}

TRN_API int trn_program_symbol(const struct trn_program *program, uint32_t index,
			       struct trn_program_symbol_info *ret_info)
{
	struct trn_trnx_symbol symbol;
	const char *name;

	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return bad_size(program, __func__, "trn_program_symbol_info");
	if (index >= program->info.symbol_count)
		return none(program, __func__, program->info.symbol_count, "symbols");
	(void)symbol_at(program, index, &symbol, &name);
	symbol_fill(program, &symbol, name, ret_info);
	return 0;
}

TRN_API int trn_program_symbol_find(const struct trn_program *program, const char *name,
				    struct trn_program_symbol_info *ret_info)
{
	struct trn_trnx_symbol symbol;
	const char *at;

	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return bad_size(program, __func__, "trn_program_symbol_info");
	if (!name)
		return trn_fail(program->object.context, program->device, -EINVAL, __func__,
				"name is NULL");
	for (uint32_t i = 0; symbol_at(program, i, &symbol, &at) == 0; i++) {
		if (strcmp(at, name) == 0) {
			symbol_fill(program, &symbol, at, ret_info);
			return 0;
		}
	}
	return trn_fail(program->object.context, program->device, -ENOENT, __func__,
			"%s has no symbol %.60s", program->info.name, name);
}
