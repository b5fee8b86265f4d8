/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: a trnx image checked, placed in HBM and relocated. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "runtime/program.h"
#include "runtime/trnx.h"

_Static_assert(TRN_ARGS_USER_MAX == TRN_TRNX_SECTION_ARG, "sections come behind the arguments");
_Static_assert(TRN_ARGS_USER_MAX == TRN_TRNX_ARGS_MAX, "a queue's slot holds every buffer");

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

/* What a load was called with. */
struct loading {
	const void *image;
	size_t bytes;
	const struct trn_program_load_opts *opts;
	uint64_t deadline_ns;
	uint64_t check_ns;
};

static bool writes(const struct trn_trnx *trnx, const struct trn_trnx_part *part)
{
	return part->arg != TRN_TRNX_NONE && (trnx->written >> part->arg & 1) != 0;
}

/* Then two loads of it have each their own state. */
static bool writes_itself(const struct trn_trnx *trnx)
{
	for (uint32_t i = 0; i < trnx->section_count; i++)
		if (writes(trnx, &trnx->section[i]))
			return true;
	return false;
}

/* Whether this load may find a placement, or leave one to be found. */
static bool may_share(const struct loading *loading)
{
	return !(loading->opts->flags & TRN_PROGRAM_PRIVATE) && loading->opts->shared_count == 0 &&
	       loading->bytes <= TRN_PROGRAM_IMAGE_MAX;
}

static int no_tables(const struct trn_program *program)
{
	return trn_fail(program->object.context, program->device, -ENOMEM, "trn_program_load",
			"no memory for the tables");
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
	info->symbol_count = trnx->symbol_count;
	info->memory_bytes = trnx->memory_bytes;
	for (uint32_t i = 0; i < trnx->section_count; i++) {
		const struct trn_trnx_part *part = &trnx->section[i];

		info->data_bytes += part->kind != TRN_TRNX_CODE ? part->size : 0;
		info->external_bytes += part->outside ? part->size : 0;
	}
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

static uint64_t part_address(const struct trn_program *program, const struct trn_trnx_part *part)
{
	return part->outside ? part->address : program->mem.address + part->offset;
}

/* What reflection answers: sections, and the image's tables for the symbols. */
static int fill_sections(struct trn_program *program, const struct trn_trnx *trnx,
			 const struct loading *loading)
{
	const struct trn_alloc *alloc = &program->object.context->alloc;
	const bool found = may_share(loading) && !writes_itself(trnx);
	const size_t kept = found ? loading->bytes : (size_t)trn_trnx_tables_bytes(trnx);

	program->sections = trn_alloc_array(alloc, trnx->section_count, sizeof(*program->sections));
	program->image = trn_alloc_array(alloc, 1, kept);
	if (!program->sections || !program->image)
		return -ENOMEM;
	memcpy(program->image, loading->image, kept);
	program->image_bytes = found ? kept : 0;
	for (uint32_t i = 0; i < trnx->section_count; i++) {
		const struct trn_trnx_part *part = &trnx->section[i];
		struct trn_program_section_info *info = &program->sections[i];

		info->size = sizeof(*info);
		trn_text_copy(info->name, sizeof(info->name), part->name);
		info->kind = (enum trn_section_kind)part->kind;
		info->engine = part->kind == TRN_TRNX_CODE ? part->engine : -1;
		info->writes = writes(trnx, part);
		info->external = part->outside;
		info->bytes = part->size;
		info->address = part_address(program, part);
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
		program->hidden[at].value = part_address(program, part);
		program->hidden[at].size = part->size;
		if (at >= program->hidden_count)
			program->hidden_count = at + 1;
	}
	launch->arg_count = (uint16_t)(program->hidden_count > 0 ?
					       TRN_ARGS_USER_MAX + program->hidden_count :
					       program->info.arg_count);
	return 0;
}

/* ---- sections that lie elsewhere ---- */

static int share_refuse(struct trn_program *program, const struct trn_program_share *share,
			const char *why)
{
	return trn_fail(program->object.context, program->device, -EINVAL, "trn_program_load_opts",
			"section %.60s: %s", share->section ? share->section : "(NULL)", why);
}

static const struct trn_trnx_part *part_find(const struct trn_trnx *trnx, const char *name)
{
	for (uint32_t i = 0; name && i < trnx->section_count; i++)
		if (strcmp(trnx->section[i].name, name) == 0)
			return &trnx->section[i];
	return NULL;
}

static const char *place_in_program(const struct trn_program *program, const char *name,
				    uint64_t bytes, uint64_t *ret_address)
{
	for (uint32_t i = 0; i < program->info.section_count; i++) {
		const struct trn_program_section_info *info = &program->sections[i];

		if (info->kind == TRN_SECTION_CODE || strcmp(info->name, name) != 0)
			continue;
		*ret_address = info->address;
		return info->bytes < bytes ? "the other program's section is shorter" : NULL;
	}
	return "the other program has no such section";
}

/* Where the bytes of a share are, and who holds them. */
static const char *share_place(const struct trn_program *program,
			       const struct trn_program_share *share, uint64_t bytes,
			       uint64_t *ret_address, struct trn_object **ret_object)
{
	const char *why;

	if (!share->program == !share->buffer)
		return "a buffer or a program is wanted";
	if (share->buffer) {
		why = trn_range_problem(program->device, share->buffer, share->offset, bytes);
		if (why)
			return why;
		*ret_address = share->buffer->address + share->offset;
		*ret_object = &share->buffer->object;
		return share->buffer->peer ? "the memory is another chip's" : NULL;
	}
	if (!TRN_HANDLE_OK(share->program, TRN_OBJECT_PROGRAM))
		return "the program was given back";
	if (share->program->device != program->device)
		return "a program of another device";
	*ret_object = &share->program->object;
	return place_in_program(share->program, share->from ? share->from : share->section, bytes,
				ret_address);
}

static int share_bind(struct trn_program *program, struct trn_trnx *trnx,
		      const struct trn_program_share *share)
{
	const struct trn_trnx_part *part = part_find(trnx, share->section);
	struct trn_object *object = NULL;
	uint64_t address = 0;
	const char *why;

	if (!part)
		return share_refuse(program, share, "the image has no such section");
	why = share_place(program, share, part->size, &address, &object);
	if (!why)
		why = trn_trnx_bind(trnx, (uint32_t)(part - trnx->section), address);
	if (why)
		return share_refuse(program, share, why);
	trn_object_ref(object);
	program->uses[program->use_count++] = object;
	if (share->program)
		(void)atomic_fetch_add(&share->program->sharers, 1);
	return 0;
}

static int bind_all(struct trn_program *program, struct trn_trnx *trnx,
		    const struct trn_program_load_opts *opts)
{
	int r = 0;

	if (opts->shared_count == 0)
		return 0;
	program->uses = trn_alloc_array(&program->object.context->alloc, opts->shared_count,
					sizeof(struct trn_object *));
	if (!program->uses)
		return no_tables(program);
	for (uint32_t i = 0; r == 0 && i < opts->shared_count; i++)
		r = share_bind(program, trnx, &opts->shared[i]);
	return r;
}

static void let_go(struct trn_program *program)
{
	for (uint32_t i = 0; i < program->use_count; i++) {
		struct trn_object *object = program->uses[i];

		if (atomic_load(&object->kind) == TRN_OBJECT_PROGRAM)
			(void)atomic_fetch_sub(&((struct trn_program *)(void *)object)->sharers, 1);
		trn_object_drop(object);
	}
}

/* ---- placing ---- */

void trn_program_destroy(struct trn_program *program)
{
	struct trn_device *device = program->device;
	const struct trn_alloc *alloc = &device->object.context->alloc;

	trn_program_forget(program);
	let_go(program);
	trn_device_mem_free(device, &program->mem);
	trn_free(alloc, program->uses);
	trn_free(alloc, program->image);
	trn_free(alloc, program->sections);
	trn_free(alloc, program->args);
	trn_free(alloc, program->hidden);
	trn_object_bury(&program->object);
	trn_device_flush_log(device);
	(void)trn_device_unref(device);
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
	int r = 0;

	if (t.bytes > 0)
		r = trn_device_transfer(program->device, &t, "trn_program_load");
	t.src = zeros;
	for (uint64_t at = trnx->load_bytes; r == 0 && at < trnx->memory_bytes; at += t.bytes) {
		t.offset = at;
		t.bytes = trn_min_u64(sizeof(zeros), trnx->memory_bytes - at);
		r = trn_device_transfer(program->device, &t, "trn_program_load");
	}
	return r;
}

static int program_memory(struct trn_program *program, const struct trn_trnx *trnx, uint32_t core)
{
	struct trn_device *device = program->device;
	const struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HBM,
		.size = trnx->memory_bytes,
		.category = TRN_MEMORY_CODE,
		.label = program->info.name,
		.align = trn_max_u64(trnx->memory_align, 4096),
		.hbm = trn_device_stack(device, core),
		.numa_node = -1,
	};
	int r;

	program->stack = desc.hbm;
	if (desc.size == 0) /* all of it lies elsewhere */
		return 0;
	r = trn_device_mem_alloc(device, &desc, &program->mem);
	return r < 0 ? trn_device_mem_fail(device, r, "trn_program_load", &desc) : 0;
}

static int program_fill(struct trn_program *program, struct trn_trnx *trnx,
			const struct loading *loading)
{
	struct trn_program_info *info = &program->info;
	uint64_t begin;
	int r = bind_all(program, trnx, loading->opts);

	if (r < 0)
		return r;
	if (fill_info(program, trnx) < 0)
		return no_tables(program);
	r = program_memory(program, trnx, loading->opts->core);
	if (r < 0)
		return r;
	if (fill_launch(program, trnx) < 0 || fill_sections(program, trnx, loading) < 0)
		return no_tables(program);
	info->check_ns = loading->check_ns;
	begin = trn_clock_ns();
	info->reloc_count = trn_trnx_rebase(trnx, program->mem.address);
	info->reloc_ns = trn_clock_ns() - begin;
	begin = trn_clock_ns();
	r = place(program, trnx, loading->deadline_ns);
	info->copy_ns = trn_clock_ns() - begin;
	info->copied_bytes = trnx->memory_bytes;
	return r;
}

static int program_load(struct trn_device *device, struct trn_trnx *trnx,
			const struct loading *loading, struct trn_program **ret_program)
{
	struct trn_context *context = device->object.context;
	struct trn_program *program = trn_alloc_zero(&context->alloc, sizeof(*program));
	int r;

	if (!program)
		return trn_fail(context, device, -ENOMEM, "trn_program_load",
				"no memory for the object");
	trn_object_init(&program->object, TRN_OBJECT_PROGRAM, context);
	program->device = trn_device_ref(device);
	program->epoch = atomic_load(&device->epoch);
	atomic_init(&program->users, 1);
	atomic_init(&program->loads, 1);
	r = program_fill(program, trnx, loading);
	if (r < 0) {
		trn_program_destroy(program);
		return r;
	}
	trn_program_keep(program);
	*ret_program = program;
	return 0;
}

static int load_check(struct trn_device *device, const struct loading *loading, bool ret)
{
	const struct trn_program_load_opts *opts = loading->opts;
	struct trn_context *context = device->object.context;

	if (!loading->image || !ret || opts->core >= device->info.cores)
		return trn_fail(context, device, -EINVAL, "trn_program_load",
				"image or ret_program is NULL, or core %u is not there",
				opts->core);
	if (opts->flags & ~TRN_PROGRAM_PRIVATE || (opts->shared_count > 0 && !opts->shared) ||
	    opts->shared_count > TRN_TRNX_SECTIONS_MAX)
		return trn_fail(context, device, -EINVAL, "trn_program_load",
				"unknown flags 0x%x, or %u shared sections", opts->flags,
				opts->shared_count);
	if (!trn_device_has(device, TRN_HAL_CAP_COMPUTE))
		return trn_fail(context, device, -ENOTSUP, "trn_program_load",
				"the device runs no programs (TRN_CAP_COMPUTE)");
	return 0;
}

static int load_new(struct trn_device *device, struct loading *loading,
		    struct trn_program **ret_program)
{
	const uint64_t begin = trn_clock_ns();
	struct trn_trnx_fault fault;
	struct trn_trnx trnx;
	int r = trn_trnx_parse(&device->object.context->alloc, loading->image, loading->bytes,
			       generation(device), &trnx, &fault);

	loading->check_ns = trn_clock_ns() - begin;
	if (r < 0)
		r = refuse(device, r, &fault);
	else
		r = program_load(device, &trnx, loading, ret_program);
	trn_trnx_fini(&trnx);
	trn_device_flush_log(device);
	return r;
}

static int load(struct trn_device *device, struct loading *loading,
		struct trn_program **ret_program)
{
	struct trn_program *program;
	int r = load_check(device, loading, ret_program != NULL);

	if (r < 0)
		return r;
	program = may_share(loading) ?
			  trn_program_cached(device, loading->image, loading->bytes,
					     trn_device_stack(device, loading->opts->core)) :
			  NULL;
	if (!program)
		return load_new(device, loading, ret_program);
	*ret_program = program;
	return 0;
}

TRN_API int trn_program_load(struct trn_device *device, const void *image, size_t bytes,
			     uint32_t core, uint64_t deadline_ns, struct trn_program **ret_program)
{
	const struct trn_program_load_opts opts = { .size = sizeof(opts), .core = core };
	struct loading loading = {
		.image = image, .bytes = bytes, .opts = &opts, .deadline_ns = deadline_ns
	};

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	return load(device, &loading, ret_program);
}

TRN_API int trn_program_load_opts(struct trn_device *device, const void *image, size_t bytes,
				  const struct trn_program_load_opts *opts, uint64_t deadline_ns,
				  struct trn_program **ret_program)
{
	struct loading loading = {
		.image = image, .bytes = bytes, .opts = opts, .deadline_ns = deadline_ns
	};

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!opts || opts->size != sizeof(*opts))
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_program_load_opts)");
	return load(device, &loading, ret_program);
}
