/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers as file descriptors, and what a buffer became. */
#include "runtime/private.h"

#include <errno.h>
#include <fcntl.h>

static const struct trn_buffer *root_of(const struct trn_buffer *buffer)
{
	return buffer->root ? buffer->root : buffer;
}

static int export_refuse(const struct trn_buffer *buffer, int code, const char *why)
{
	return trn_fail(buffer->object.context, buffer->device, code, "trn_buffer_export", "%s",
			why);
}

TRN_API int trn_buffer_export(struct trn_buffer *buffer, int *ret_fd)
{
	int fd;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return trn_handle_refused();
	if (!ret_fd)
		return export_refuse(buffer, -EINVAL, "ret_fd is NULL");
	if (root_of(buffer)->mem.kind == TRN_HAL_MEM_HBM)
		return export_refuse(buffer, -ENOTSUP,
				     "HBM has no file descriptor on this door; one with a kernel "
				     "driver has (dma-buf)");
	if (root_of(buffer)->mem.kind == TRN_HAL_MEM_USER)
		return export_refuse(buffer, -ENOTSUP,
				     "USER memory is the caller's: share it where it comes from");
	if (buffer->root)
		return export_refuse(buffer, -EINVAL, "a slice: export the whole buffer");
	if (!buffer->mem.exported)
		return export_refuse(buffer, -EINVAL,
				     "made without TRN_BUFFER_EXPORT, or imported itself");
	fd = fcntl(buffer->mem.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return export_refuse(buffer, -errno, "no file descriptor is left");
	*ret_fd = fd;
	return 0;
}

TRN_API int trn_buffer_import(struct trn_device *device, int fd, const struct trn_buffer_opts *opts,
			      struct trn_buffer **ret_buffer)
{
	struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HOST,
		.numa_node = -1,
		.flags = TRN_HAL_MEM_IMPORT,
		.fd = fd,
	};
	const char *what = NULL;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!opts || opts->size != sizeof(*opts))
		what = "opts is NULL or its size member is wrong";
	else if (!ret_buffer)
		what = "ret_buffer is NULL";
	else if (opts->bytes == 0)
		what = "bytes is 0";
	else if (opts->align || opts->core || opts->user || opts->flags ||
		 (unsigned int)opts->kind > TRN_BUFFER_HOST)
		what = "align, core, user and flags are not the importer's to choose";
	else if ((unsigned int)opts->category >= TRN_MEMORY_CATEGORIES)
		what = "category is unknown";
	if (what)
		return trn_fail(device->object.context, device, -EINVAL, __func__, "%s", what);
	desc.size = opts->bytes;
	desc.category = opts->category;
	desc.label = opts->label;
	return trn_buffer_make(device, &desc, __func__, ret_buffer);
}

TRN_API int trn_buffer_info(struct trn_buffer *buffer, struct trn_buffer_info *ret_info)
{
	static const enum trn_buffer_kind kinds[] = {
		[TRN_HAL_MEM_HBM] = TRN_BUFFER_HBM,
		[TRN_HAL_MEM_HOST] = TRN_BUFFER_HOST,
		[TRN_HAL_MEM_USER] = TRN_BUFFER_USER,
	};
	struct trn_buffer_info info = { .size = sizeof(info) };
	const struct trn_memory_block *block;
	const struct trn_hal_mem *mem;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return trn_fail(buffer->object.context, buffer->device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_buffer_info)");
	mem = &root_of(buffer)->mem;
	block = mem->holder; /* what it says of itself does not change */
	info.kind = kinds[mem->kind];
	info.category = block->category;
	info.stack = mem->kind == TRN_HAL_MEM_HBM ? mem->hbm : 0;
	info.exported = mem->exported && !buffer->root;
	info.bytes = buffer->bytes;
	info.address = buffer->address;
	info.page_bytes = mem->page;
	memcpy(info.label, block->label, sizeof(info.label));
	*ret_info = info;
	return 0;
}
