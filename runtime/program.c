/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: a trnx image checked, placed in HBM and relocated. */
#include "runtime/private.h"

#include <errno.h>

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
