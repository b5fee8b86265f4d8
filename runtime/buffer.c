/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers: memory a device reaches, views of it, and the slow way in and out. */
#include "runtime/private.h"

#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/pod.h"

/* A copy through a mapping looks at the clock this often. */
#define MAPPED_CHUNK_BYTES (UINT64_C(16) << 20)
#define ALIGN_MAX (UINT64_C(1) << 30)

static const struct {
	uint32_t api, hal;
} flags_map[] = {
	{ TRN_BUFFER_HUGE, TRN_HAL_MEM_HUGE },
	{ TRN_BUFFER_HUGE_ONLY, TRN_HAL_MEM_HUGE_ONLY },
	{ TRN_BUFFER_EXPORT, TRN_HAL_MEM_EXPORT },
};
#define FLAGS_ALL (TRN_BUFFER_HUGE | TRN_BUFFER_HUGE_ONLY | TRN_BUFFER_EXPORT)

static int opts_check(struct trn_device *device, const struct trn_buffer_opts *opts)
{
	struct trn_context *context = device->object.context;
	const char *what = NULL;

	if (!opts || opts->size != sizeof(*opts))
		what = "opts is NULL or its size member is wrong";
	else if (opts->bytes == 0)
		what = "bytes is 0";
	else if (opts->align != 0 && (!trn_is_pow2(opts->align) || opts->align > ALIGN_MAX))
		what = "align is not a power of two up to 1 GiB";
	else if ((unsigned int)opts->kind > (unsigned int)TRN_BUFFER_USER)
		what = "kind is unknown";
	else if (opts->kind == TRN_BUFFER_HBM && opts->core >= device->info.cores)
		what = "core is not there";
	else if ((opts->kind == TRN_BUFFER_USER) != (opts->user != NULL))
		what = "user must be set for USER memory, and for no other";
	else if ((unsigned int)opts->category >= TRN_MEMORY_CATEGORIES)
		what = "category is unknown";
	else if (opts->flags & ~FLAGS_ALL)
		what = "a flag is unknown";
	else if (opts->kind == TRN_BUFFER_USER && opts->flags)
		what = "USER memory is as it is: no flags";
	else if (opts->kind == TRN_BUFFER_HBM && (opts->flags & ~TRN_BUFFER_EXPORT))
		what = "large pages are for HOST memory";
	if (what)
		return trn_fail(context, device, -EINVAL, "trn_buffer_create", "%s", what);
	return 0;
}

static struct trn_buffer *buffer_alloc(struct trn_device *device)
{
	struct trn_context *context = device->object.context;
	struct trn_buffer *buffer = trn_alloc_zero(&context->alloc, sizeof(*buffer));

	if (!buffer)
		return NULL;
	trn_object_init(&buffer->object, TRN_OBJECT_BUFFER, context);
	buffer->device = trn_device_ref(device);
	return buffer;
}

/* Memory that the device may still touch never comes here: a queue's slot would hold it. */
static void buffer_destroy(struct trn_buffer *buffer)
{
	struct trn_device *device = buffer->device;
	struct trn_buffer *root = buffer->root;

	if (!root)
		trn_device_mem_free(device, &buffer->mem);
	trn_object_bury(&buffer->object);
	(void)trn_buffer_unref(root);
	trn_device_flush_log(device);
	(void)trn_device_unref(device);
}

int trn_buffer_make(struct trn_device *device, const struct trn_hal_mem_desc *desc,
		    const char *operation, struct trn_buffer **ret_buffer)
{
	struct trn_buffer *buffer = buffer_alloc(device);
	int r;

	if (!buffer)
		return trn_fail(device->object.context, device, -ENOMEM, operation,
				"no memory for the object");
	r = trn_device_mem_alloc(device, desc, &buffer->mem);
	if (r < 0) {
		r = trn_device_mem_fail(device, r, operation, desc);
		buffer_destroy(buffer);
		return r;
	}
	buffer->address = buffer->mem.address;
	buffer->bytes = desc->size;
	trn_device_flush_log(device);
	*ret_buffer = buffer;
	return 0;
}

TRN_API int trn_buffer_create(struct trn_device *device, const struct trn_buffer_opts *opts,
			      struct trn_buffer **ret_buffer)
{
	static const enum trn_hal_mem_kind kinds[] = {
		[TRN_BUFFER_HBM] = TRN_HAL_MEM_HBM,
		[TRN_BUFFER_HOST] = TRN_HAL_MEM_HOST,
		[TRN_BUFFER_USER] = TRN_HAL_MEM_USER,
	};
	struct trn_hal_mem_desc desc = { .numa_node = -1 };
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	r = opts_check(device, opts);
	if (r < 0)
		return r;
	if (!ret_buffer)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"ret_buffer is NULL");
	desc.kind = kinds[opts->kind];
	desc.size = opts->bytes;
	desc.align = opts->align;
	desc.user = opts->user;
	desc.category = opts->category;
	desc.label = opts->label;
	for (size_t i = 0; i < TRN_ARRAY_LEN(flags_map); i++)
		if (opts->flags & flags_map[i].api)
			desc.flags |= flags_map[i].hal;
	if (opts->kind == TRN_BUFFER_HBM)
		desc.hbm = trn_device_stack(device, opts->core);
	if (opts->kind == TRN_BUFFER_HBM && opts->bytes > trn_device_stack_free(device, desc.hbm))
		return trn_device_mem_fail(device, -ENOMEM, __func__, &desc);
	return trn_buffer_make(device, &desc, __func__, ret_buffer);
}

TRN_API int trn_buffer_slice(struct trn_buffer *buffer, uint64_t offset, uint64_t bytes,
			     struct trn_buffer **ret_buffer)
{
	struct trn_context *context;
	struct trn_buffer *slice;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return trn_handle_refused();
	context = buffer->object.context;
	if (!ret_buffer || bytes == 0 || !trn_range_ok(offset, bytes, buffer->bytes))
		return trn_fail(context, buffer->device, -EINVAL, __func__,
				"offset %llu with %llu bytes is no part of %llu bytes",
				(unsigned long long)offset, (unsigned long long)bytes,
				(unsigned long long)buffer->bytes);
	slice = buffer_alloc(buffer->device);
	if (!slice)
		return trn_fail(context, buffer->device, -ENOMEM, __func__,
				"no memory for the object");
	slice->root = buffer->root ? buffer->root : buffer;
	slice->peer = buffer->peer;
	trn_object_ref(&slice->root->object);
	slice->offset = buffer->offset + offset;
	slice->address = buffer->address + offset;
	slice->bytes = bytes;
	*ret_buffer = slice;
	return 0;
}

/* 0 when device may have the buffer as a peer's. */
static int peer_check(const struct trn_buffer *root, struct trn_device *device)
{
	struct trn_device *owner = root->device;
	struct trn_context *context = device->object.context;

	if (root->mem.kind != TRN_HAL_MEM_HBM)
		return trn_fail(context, device, -ENOTSUP, "trn_buffer_peer",
				"host memory is no chip's: chips of its server reach it by a USER "
				"buffer of their own");
	if (owner == device)
		return 0;
	if (!trn_device_same_pod(owner, device))
		return trn_fail(context, device, -EXDEV, "trn_buffer_peer",
				"%.60s and %.60s are not of one pod that is open in this context",
				owner->uri, device->uri);
	if (!trn_device_has(device, TRN_HAL_CAP_PEER))
		return trn_fail(context, device, -ENOTSUP, "trn_buffer_peer",
				"the device reaches no other chips (TRN_CAP_PEER)");
	return 0;
}

TRN_API int trn_buffer_peer(struct trn_buffer *buffer, struct trn_device *device,
			    struct trn_buffer **ret_buffer)
{
	struct trn_pod_place place;
	struct trn_buffer *peer, *root;
	int r;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER) || !TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_buffer)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"ret_buffer is NULL");
	root = buffer->root ? buffer->root : buffer;
	r = peer_check(root, device);
	if (r < 0)
		return r;
	peer = buffer_alloc(device);
	if (!peer)
		return trn_fail(device->object.context, device, -ENOMEM, __func__,
				"no memory for the object");
	place = (struct trn_pod_place){ .rack = root->device->info.rack,
					.server = root->device->info.server,
					.position = root->device->info.position };
	peer->root = root;
	trn_object_ref(&root->object);
	peer->peer = root->device != device;
	peer->offset = buffer->offset;
	peer->bytes = buffer->bytes;
	peer->address = root->address + buffer->offset;
	if (peer->peer)
		peer->address = trn_peer_address(&place, peer->address);
	*ret_buffer = peer;
	return 0;
}

TRN_API struct trn_buffer *trn_buffer_ref(struct trn_buffer *buffer)
{
	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return NULL;
	trn_object_ref(&buffer->object);
	return buffer;
}

TRN_API struct trn_buffer *trn_buffer_unref(struct trn_buffer *buffer)
{
	if (buffer && TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER) && trn_object_unref(&buffer->object))
		buffer_destroy(buffer);
	return NULL;
}

TRN_API uint64_t trn_buffer_size(const struct trn_buffer *buffer)
{
	return TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER) ? buffer->bytes : 0;
}

TRN_API uint64_t trn_buffer_address(const struct trn_buffer *buffer)
{
	return TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER) ? buffer->address : 0;
}

/* device.lock held. Sets mem->host, once. */
static int mem_host(struct trn_device *device, struct trn_hal_mem *mem) TRN_REQUIRES(device->lock)
{
	if (mem->host)
		return 0;
	if (!trn_device_has(device, TRN_HAL_CAP_MAP_HBM))
		return -ENOTSUP;
	return device->hal->ops.mem_map(device->hal, mem);
}

TRN_API int trn_buffer_map(struct trn_buffer *buffer, void **ret_ptr)
{
	struct trn_device *device;
	struct trn_buffer *root;
	int r;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return trn_handle_refused();
	root = buffer->root ? buffer->root : buffer;
	device = root->device; /* of a peer: the owner */
	if (!ret_ptr)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"ret_ptr is NULL");
	trn_device_enter(device);
	r = mem_host(device, &root->mem);
	trn_device_leave(device);
	if (r == -ENOTSUP)
		return trn_fail(
			device->object.context, device, r, __func__,
			"HBM of this device has no window; use trn_buffer_read() and write()");
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "mapping HBM");
	*ret_ptr = (char *)root->mem.host + buffer->offset;
	return 0;
}

/* ---- the slow way in and out ---- */

static int transfer_mapped(const struct trn_transfer *t)
{
	char *host = (char *)t->mem->host + t->offset;

	for (uint64_t done = 0; done < t->bytes;) {
		uint64_t n = trn_min_u64(t->bytes - done, MAPPED_CHUNK_BYTES);

		if (done > 0 && trn_clock_passed(t->deadline_ns))
			return -ETIMEDOUT;
		if (t->dst)
			memcpy((char *)t->dst + done, host + done, n);
		else
			memcpy(host + done, (const char *)t->src + done, n);
		done += n;
	}
	return 0;
}

/* device.lock held. */
static int staging_ready(struct trn_device *device)
{
	struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HOST,
		.size = TRN_STAGING_BYTES,
		.category = TRN_MEMORY_SCRATCH,
		.label = "staging",
		.numa_node = -1,
	};

	if (device->staging.size > 0)
		return 0;
	return trn_device_mem_alloc(device, &desc, &device->staging);
}

static int transfer_staged(struct trn_device *device, const struct trn_transfer *t)
{
	int r = staging_ready(device);

	for (uint64_t done = 0; r == 0 && done < t->bytes;) {
		uint64_t n = trn_min_u64(t->bytes - done, TRN_STAGING_BYTES);
		uint64_t at = t->mem->address + t->offset + done;
		uint64_t from = t->dst ? at : device->staging.address;
		uint64_t to = t->dst ? device->staging.address : at;

		if (!t->dst)
			memcpy(device->staging.host, (const char *)t->src + done, n);
		r = device->hal->ops.copy(device->hal, to, from, n, t->deadline_ns);
		if (r == 0 && t->dst)
			memcpy((char *)t->dst + done, device->staging.host, n);
		done += n;
	}
	return r;
}

static int transfer_hbm(struct trn_device *device, const struct trn_transfer *t,
			const char *operation)
{
	int r;

	if (atomic_load(&device->lost))
		return trn_fail(device->object.context, device, -TRN_EDEVLOST, operation,
				"the device was lost earlier");
	trn_device_enter(device);
	r = mem_host(device, t->mem);
	if (r == -ENOTSUP)
		r = transfer_staged(device, t);
	else if (r == 0)
		r = 1; /* mapped */
	trn_device_leave(device);
	if (r < 0)
		return trn_fail_hal(device, r, operation, "%llu bytes at 0x%llx",
				    (unsigned long long)t->bytes,
				    (unsigned long long)(t->mem->address + t->offset));
	return r;
}

int trn_device_transfer(struct trn_device *device, const struct trn_transfer *t,
			const char *operation)
{
	int r = 1;

	if (t->bytes == 0)
		return 0;
	if (t->mem->kind == TRN_HAL_MEM_HBM)
		r = transfer_hbm(device, t, operation);
	if (r <= 0)
		return r;
	r = transfer_mapped(t);
	if (r < 0)
		return trn_fail(device->object.context, device, r, operation,
				"%llu bytes took longer than that", (unsigned long long)t->bytes);
	return 0;
}

/* A peer's bytes go through the device they belong to. */
static struct trn_device *owner_of(const struct trn_buffer *buffer)
{
	return buffer->root ? buffer->root->device : buffer->device;
}

/* Fills what both directions share; the host pointer may be NULL only for nothing. */
static int transfer_prepare(struct trn_buffer *buffer, uint64_t offset, uint64_t bytes,
			    const void *host, const char *operation, struct trn_transfer *ret)
{
	struct trn_buffer *root = buffer->root ? buffer->root : buffer;

	if (!trn_range_ok(offset, bytes, buffer->bytes))
		return trn_fail(buffer->object.context, buffer->device, -EINVAL, operation,
				"offset %llu with %llu bytes is no part of %llu bytes",
				(unsigned long long)offset, (unsigned long long)bytes,
				(unsigned long long)buffer->bytes);
	if (!host && bytes > 0)
		return trn_fail(buffer->object.context, buffer->device, -EINVAL, operation,
				"host pointer is NULL");
	*ret = (struct trn_transfer){
		.mem = &root->mem,
		.offset = buffer->offset + offset,
		.bytes = bytes,
	};
	return 0;
}

TRN_API int trn_buffer_write(struct trn_buffer *buffer, uint64_t offset, const void *src,
			     uint64_t bytes, uint64_t deadline_ns)
{
	struct trn_transfer t;
	int r;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return trn_handle_refused();
	r = transfer_prepare(buffer, offset, bytes, src, __func__, &t);
	if (r < 0)
		return r;
	t.src = src;
	t.deadline_ns = deadline_ns;
	return trn_device_transfer(owner_of(buffer), &t, __func__);
}

TRN_API int trn_buffer_read(struct trn_buffer *buffer, uint64_t offset, void *ret_dst,
			    uint64_t bytes, uint64_t deadline_ns)
{
	struct trn_transfer t;
	int r;

	if (!TRN_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return trn_handle_refused();
	r = transfer_prepare(buffer, offset, bytes, ret_dst, __func__, &t);
	if (r < 0)
		return r;
	t.dst = ret_dst;
	t.deadline_ns = deadline_ns;
	return trn_device_transfer(owner_of(buffer), &t, __func__);
}
