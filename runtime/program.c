/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: a trnx image checked, placed in HBM and relocated. */
#include "runtime/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "runtime/trnx.h"

_Static_assert(TRN_ARGS_USER_MAX == TRN_TRNX_SECTION_ARG, "sections come behind the arguments");
_Static_assert(TRN_ARGS_USER_MAX == TRN_TRNX_ARGS_MAX, "a queue's slot holds every buffer");

static void program_destroy(struct trn_program *program)
{
	struct trn_device *device = program->device;
	const struct trn_alloc *alloc = &device->object.context->alloc;

	trn_device_mem_free(device, &program->mem);
	trn_free(alloc, program->args);
	trn_free(alloc, program->hidden);
	trn_object_bury(&program->object);
	trn_device_flush_log(device);
	(void)trn_device_unref(device);
}

TRN_API struct trn_program *trn_program_ref(struct trn_program *program)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return NULL;
	trn_object_ref(&program->object);
	return program;
}

TRN_API struct trn_program *trn_program_unref(struct trn_program *program)
{
	if (program && TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM) &&
	    trn_object_unref(&program->object))
		program_destroy(program);
	return NULL;
}

TRN_API int trn_program_info(const struct trn_program *program, struct trn_program_info *ret_info)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return -EINVAL;
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return trn_fail(program->object.context, program->device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_program_info)");
	*ret_info = program->info;
	return 0;
}

TRN_API int trn_program_arg(const struct trn_program *program, uint32_t index,
			    struct trn_program_arg_info *ret_info)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return -EINVAL;
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return trn_fail(program->object.context, program->device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_program_arg_info)");
	if (index >= program->info.arg_count)
		return trn_fail(program->object.context, program->device, -ENOENT, __func__,
				"%s has %u arguments", program->info.name, program->info.arg_count);
	*ret_info = program->args[index];
	return 0;
}

/* ---- loading ---- */

static int refuse(struct trn_device *device, int code, const struct trn_trnx_fault *fault)
{
	struct trn_error error;

	if (code != -TRN_EPROGRAM)
		return trn_fail(device->object.context, device, code, "trn_program_load",
				"no memory to read the image");
	trn_error_init(&error, code, "trn_program_load");
	trn_text_copy(error.device, sizeof(error.device), device->info.uri);
	(void)snprintf(error.cause, sizeof(error.cause), "byte %llu: %s",
		       (unsigned long long)fault->offset, fault->why);
	error.engine = fault->engine;
	error.pc = fault->pc;
	error.opcode = fault->opcode;
	error.rule = fault->rule;
	return trn_error_post(device->object.context, &error);
}

/* "trn3" is generation 3; 0, which fits any program, for a name of another form. */
static uint32_t generation(const struct trn_device *device)
{
	const char *arch = device->info.arch;

	if (strncmp(arch, "trn", 3) != 0 || arch[3] < '0' || arch[3] > '9')
		return 0;
	return (uint32_t)(arch[3] - '0');
}

/* What info() and arg() answer, and the checks of a launch. */
static int fill_info(struct trn_program *program, const struct trn_trnx *trnx)
{
	const struct trn_alloc *alloc = &program->object.context->alloc;
	struct trn_program_info *info = &program->info;

	info->size = sizeof(*info);
	trn_text_copy(info->name, sizeof(info->name), trnx->name);
	info->arch = trnx->arch;
	info->arg_count = trnx->arg_count;
	info->section_count = trnx->section_count;
	for (uint32_t i = 0; i < trnx->section_count; i++)
		if (trnx->section[i].kind != TRN_TRNX_CODE)
			info->data_bytes += trnx->section[i].size;
	program->args = trn_alloc_array(alloc, trnx->arg_count, sizeof(*program->args));
	if (!program->args)
		return -ENOMEM;
	for (uint32_t i = 0; i < trnx->arg_count; i++) {
		struct trn_program_arg_info *arg = &program->args[i];

		arg->size = sizeof(*arg);
		trn_text_copy(arg->name, sizeof(arg->name), trnx->arg[i].name);
		arg->kind = (enum trn_arg_kind)trnx->arg[i].kind;
		arg->min_bytes = trnx->arg[i].min_bytes;
	}
	return 0;
}

/* The launch descriptor that every launch starts from, for memory at its address. */
static int fill_launch(struct trn_program *program, const struct trn_trnx *trnx)
{
	const struct trn_alloc *alloc = &program->object.context->alloc;
	struct trn_ext_launch *launch = &program->launch;

	launch->magic = TRN_EXT_MAGIC;
	launch->version = TRN_EXT_VERSION;
	for (int e = 0; e < TRN_ENGINE_COUNT; e++) {
		const struct trn_trnx_part *part;

		if (trnx->code[e] < 0)
			continue;
		part = &trnx->section[trnx->code[e]];
		launch->stream[e].address = program->mem.address + part->offset;
		launch->stream[e].words = (uint32_t)(part->size / TRN_ISA_WORD_SIZE);
		program->info.words[e] = launch->stream[e].words;
	}
	program->hidden = trn_alloc_array(alloc, TRN_ISA_ARGS_MAX - TRN_ARGS_USER_MAX,
					  sizeof(*program->hidden));
	if (!program->hidden)
		return -ENOMEM;
	for (uint32_t i = 0; i < trnx->section_count; i++) {
		const struct trn_trnx_part *part = &trnx->section[i];
		uint32_t at = part->arg - TRN_ARGS_USER_MAX;

		if (part->arg == TRN_TRNX_NONE)
			continue;
		program->hidden[at].value = program->mem.address + part->offset;
		program->hidden[at].size = part->size;
		if (at >= program->hidden_count)
			program->hidden_count = at + 1;
	}
	launch->arg_count = (uint16_t)(program->hidden_count > 0 ?
					       TRN_ARGS_USER_MAX + program->hidden_count :
					       program->info.arg_count);
	return 0;
}

/* Code and data as relocated, then zeros for bss. */
static int place(struct trn_program *program, const struct trn_trnx *trnx, uint64_t deadline_ns)
{
	static const uint8_t zeros[64 * 1024];
	struct trn_transfer t = {
		.mem = &program->mem,
		.src = trnx->load,
		.bytes = trnx->load_bytes,
		.deadline_ns = deadline_ns,
	};
	int r = trn_device_transfer(program->device, &t, "trn_program_load");

	t.src = zeros;
	for (uint64_t at = trnx->load_bytes; r == 0 && at < trnx->memory_bytes; at += t.bytes) {
		t.offset = at;
		t.bytes = trn_min_u64(sizeof(zeros), trnx->memory_bytes - at);
		r = trn_device_transfer(program->device, &t, "trn_program_load");
	}
	return r;
}

static int program_fill(struct trn_program *program, struct trn_trnx *trnx, uint32_t core,
			uint64_t deadline_ns)
{
	struct trn_device *device = program->device;
	struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HBM,
		.size = trnx->memory_bytes,
		.category = TRN_MEMORY_CODE,
		.label = program->info.name,
		.align = trn_max_u64(trnx->memory_align, 4096),
		.hbm = trn_device_stack(device, core),
		.numa_node = -1,
	};
	int r = fill_info(program, trnx);

	if (r == 0) {
		r = trn_device_mem_alloc(device, &desc, &program->mem);
		if (r < 0)
			return trn_device_mem_fail(device, r, "trn_program_load", &desc);
		r = fill_launch(program, trnx);
	}
	if (r < 0)
		return trn_fail(device->object.context, device, r, "trn_program_load",
				"no memory for the tables");
	trn_trnx_rebase(trnx, program->mem.address);
	return place(program, trnx, deadline_ns);
}

static int program_load(struct trn_device *device, struct trn_trnx *trnx, uint32_t core,
			uint64_t deadline_ns, struct trn_program **ret_program)
{
	struct trn_context *context = device->object.context;
	struct trn_program *program = trn_alloc_zero(&context->alloc, sizeof(*program));
	int r;

	if (!program)
		return trn_fail(context, device, -ENOMEM, "trn_program_load",
				"no memory for the object");
	trn_object_init(&program->object, TRN_OBJECT_PROGRAM, context);
	program->device = trn_device_ref(device);
	r = program_fill(program, trnx, core, deadline_ns);
	if (r < 0) {
		program_destroy(program);
		return r;
	}
	*ret_program = program;
	return 0;
}

TRN_API int trn_program_load(struct trn_device *device, const void *image, size_t bytes,
			     uint32_t core, uint64_t deadline_ns, struct trn_program **ret_program)
{
	struct trn_trnx_fault fault;
	struct trn_context *context;
	struct trn_trnx trnx;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return -EINVAL;
	context = device->object.context;
	if (!image || !ret_program || core >= device->info.cores)
		return trn_fail(context, device, -EINVAL, __func__,
				"image or ret_program is NULL, or core %u is not there", core);
	if (!trn_device_has(device, TRN_HAL_CAP_COMPUTE))
		return trn_fail(context, device, -ENOTSUP, __func__,
				"the device runs no programs (TRN_CAP_COMPUTE)");
	r = trn_trnx_parse(&context->alloc, image, bytes, generation(device), &trnx, &fault);
	if (r < 0)
		r = refuse(device, r, &fault);
	else
		r = program_load(device, &trnx, core, deadline_ns, ret_program);
	trn_trnx_fini(&trnx);
	trn_device_flush_log(device);
	return r;
}
