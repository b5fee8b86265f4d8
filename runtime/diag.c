/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics: registers, semaphores and control verbs, straight to the HAL. */
#include "runtime/private.h"

#include <errno.h>
#include <trn/diag.h>
#include "base/regs.h"

TRN_API int trn_diag_reg_read(struct trn_device *device, unsigned int bar, uint64_t offset,
			      uint32_t *ret_value)
{
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_value || offset % 4 != 0)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"BAR%u offset 0x%llx is not a multiple of 4, or ret_value is NULL",
				bar, (unsigned long long)offset);
	r = device->hal->ops.reg_read32(device->hal, bar, offset, ret_value);
	trn_device_flush_log(device);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "BAR%u offset 0x%llx", bar,
				    (unsigned long long)offset);
	return 0;
}

TRN_API int trn_diag_reg_write(struct trn_device *device, unsigned int bar, uint64_t offset,
			       uint32_t value)
{
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (offset % 4 != 0)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"BAR%u offset 0x%llx is not a multiple of 4", bar,
				(unsigned long long)offset);
	r = device->hal->ops.reg_write32(device->hal, bar, offset, value);
	trn_device_flush_log(device);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "BAR%u offset 0x%llx", bar,
				    (unsigned long long)offset);
	return 0;
}

TRN_API int trn_diag_reg_name(uint32_t offset, char *buf, size_t size)
{
	if (!buf && size > 0)
		return -EINVAL;
	return trn_regs_name(offset, buf, size);
}

TRN_API int trn_diag_reg_find(const char *name, uint32_t *ret_offset)
{
	if (!name || !ret_offset)
		return -EINVAL;
	return trn_regs_find(name, ret_offset);
}

TRN_API int trn_diag_reg_each(trn_diag_reg_fn fn, void *user)
{
	return fn ? trn_regs_each(fn, user) : -EINVAL;
}

TRN_API const char *trn_diag_scheme(unsigned int index, const char **ret_help)
{
	const char *help = NULL;
	const char *name = trn_hal_scheme(index, &help);

	if (name && ret_help)
		*ret_help = help;
	return name;
}

TRN_API int trn_diag_control(struct trn_device *device, const char *verb, const char *arg,
			     char *ret_text, size_t bytes)
{
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!verb || (!ret_text && bytes > 0))
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"verb is NULL, or ret_text is NULL with room");
	trn_device_enter(device);
	r = device->hal->ops.control(device->hal, verb, arg, ret_text, bytes);
	trn_device_leave(device);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "%s", verb);
	return 0;
}

TRN_API int trn_diag_sem_read(struct trn_device *device, uint32_t owner, uint32_t index,
			      uint32_t *ret_value)
{
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_value || index >= TRN_ISA_SEMAPHORES)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"semaphore %u of owner %u: 0 to 255 exist", index, owner);
	trn_device_enter(device);
	r = device->hal->ops.sem_read(device->hal, owner, index, ret_value);
	trn_device_leave(device);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "semaphore %u of owner %u", index, owner);
	return 0;
}
