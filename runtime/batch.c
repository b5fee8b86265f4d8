/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: commands checked and recorded once, submitted any number of times.
 * A recorded command holds what it names, so the caller may let go of it. */
#include "runtime/graph.h"

#include <errno.h>

TRN_API int trn_batch_create(struct trn_queue *queue, uint32_t commands_max,
			     struct trn_batch **ret_batch)
{
	struct trn_context *context;
	struct trn_batch *batch;

	if (!TRN_HANDLE_OK(queue, TRN_OBJECT_QUEUE))
		return trn_handle_refused();
	context = queue->object.context;
	if (!ret_batch || commands_max == 0 || commands_max > queue->depth)
		return trn_fail(context, queue->device, -EINVAL, __func__,
				"commands_max %u: 1 to %u are possible", commands_max,
				queue->depth);
	batch = trn_alloc_zero(&context->alloc, sizeof(*batch));
	if (!batch)
		return trn_fail(context, queue->device, -ENOMEM, __func__,
				"no memory for the object");
	trn_object_init(&batch->object, TRN_OBJECT_BATCH, context);
	batch->queue = trn_queue_ref(queue);
	batch->max = commands_max;
	batch->cmds = trn_alloc_array(&context->alloc, commands_max, sizeof(*batch->cmds));
	batch->entries = trn_alloc_array(&context->alloc, commands_max, sizeof(*batch->entries));
	batch->args = trn_alloc_array(&context->alloc, commands_max,
				      TRN_ARGS_USER_MAX * sizeof(*batch->args));
	if (!batch->cmds || !batch->entries || !batch->args) {
		(void)trn_batch_destroy(batch);
		return trn_fail(context, queue->device, -ENOMEM, __func__,
				"no memory for %u commands", commands_max);
	}
	*ret_batch = batch;
	return 0;
}

static void entry_clear(struct trn_batch_entry *entry)
{
	for (uint32_t i = 0; i < entry->ref_count; i++)
		trn_object_drop(entry->refs[i]);
	entry->ref_count = 0;
	entry->program = NULL;
}

static void batch_clear(struct trn_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++)
		entry_clear(&batch->entries[i]);
	batch->count = 0;
	batch->syncs = 0;
	batch->cores = 0;
}

TRN_API struct trn_batch *trn_batch_destroy(struct trn_batch *batch)
{
	struct trn_context *context;
	struct trn_queue *queue;

	if (!batch || !TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return NULL;
	context = batch->object.context;
	queue = batch->queue;
	batch_clear(batch);
	trn_free(&context->alloc, batch->args);
	trn_free(&context->alloc, batch->entries);
	trn_free(&context->alloc, batch->cmds);
	trn_object_bury(&batch->object);
	(void)trn_queue_unref(queue);
	return NULL;
}

TRN_API void trn_batch_clear(struct trn_batch *batch)
{
	if (TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		batch_clear(batch);
}

/* ---- recording ---- */

/* Refusals name the public call; every caller has checked its handles. */
static int refuse(struct trn_batch *batch, int code, const char *operation, const char *why)
{
	return trn_fail(batch->object.context, batch->queue->device, code, operation,
			"command %u: %s", batch->count, why);
}

static int room_check(struct trn_batch *batch, const char *operation)
{
	if (batch->count < batch->max)
		return 0;
	return refuse(batch, -ENOSPC, operation, "the batch is full");
}

static void hold(struct trn_batch_entry *entry, struct trn_object *object)
{
	trn_object_ref(object);
	entry->refs[entry->ref_count++] = object;
}

/* The next place, with the command in it; count goes up when all is in place. */
static struct trn_batch_entry *append(struct trn_batch *batch, struct trn_ext_cmd cmd)
{
	batch->cmds[batch->count] = cmd;
	return &batch->entries[batch->count++];
}

const char *trn_range_problem(const struct trn_device *device, const struct trn_buffer *buffer,
			      uint64_t offset, uint64_t bytes)
{
	if (!TRN_OTHER_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return "a buffer is NULL or was given back";
	if (buffer->device != device)
		return "a buffer of another device; in a pod there is trn_buffer_peer()";
	if (bytes == 0)
		return "length is 0";
	if (!trn_range_ok(offset, bytes, buffer->bytes))
		return "the range is not inside the buffer";
	return NULL;
}

const char *trn_word_problem(const struct trn_device *device, const struct trn_buffer *buffer,
			     uint64_t offset, int *ret_code)
{
	const char *why = trn_range_problem(device, buffer, offset, sizeof(uint64_t));

	*ret_code = -EINVAL;
	if (why)
		return why;
	if (buffer->peer) {
		*ret_code = -ENOTSUP;
		return "the memory is another chip's: only copies and programs reach it";
	}
	return (buffer->address + offset) % sizeof(uint64_t) != 0 ?
		       "the place is not aligned to 8 bytes" :
		       NULL;
}

/* A range of a buffer of this device. */
static int range_check(struct trn_batch *batch, const struct trn_buffer *buffer, uint64_t offset,
		       uint64_t bytes, const char *operation)
{
	const char *why = trn_range_problem(batch->queue->device, buffer, offset, bytes);

	return why ? refuse(batch, -EINVAL, operation, why) : 0;
}

/* The same for what only copies and programs can do elsewhere. */
static int own_range_check(struct trn_batch *batch, const struct trn_buffer *buffer,
			   uint64_t offset, uint64_t bytes, const char *operation)
{
	int r = range_check(batch, buffer, offset, bytes, operation);

	if (r == 0 && buffer->peer)
		r = refuse(batch, -ENOTSUP, operation,
			   "the memory is another chip's: only copies and programs reach it");
	return r;
}

TRN_API int trn_batch_nop(struct trn_batch *batch)
{
	int r;

	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	r = room_check(batch, __func__);
	if (r == 0)
		(void)append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_NOP });
	return r;
}

TRN_API int trn_batch_copy(struct trn_batch *batch, struct trn_buffer *dst, uint64_t dst_offset,
			   struct trn_buffer *src, uint64_t src_offset, uint64_t bytes)
{
	struct trn_batch_entry *entry;
	uint64_t to, from;
	int r;

	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	r = range_check(batch, dst, dst_offset, bytes, __func__);
	if (r == 0)
		r = range_check(batch, src, src_offset, bytes, __func__);
	if (r == 0)
		r = room_check(batch, __func__);
	if (r < 0)
		return r;
	to = dst->address + dst_offset;
	from = src->address + src_offset;
	/* By address: two slices of one buffer overlap as well. */
	if (to < from + bytes && from < to + bytes)
		return refuse(batch, -EINVAL, __func__, "source and destination overlap");
	entry = append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_COPY, .a = { to, from, bytes } });
	hold(entry, &dst->object);
	hold(entry, &src->object);
	return 0;
}

/* Bytes from the first to behind the last, or 0 when that is no number. */
static uint64_t span(const struct trn_copy_shape *s, uint64_t pitch, uint64_t plane)
{
	uint64_t rows, planes, bytes;

	if (__builtin_mul_overflow(s->rows > 0 ? s->rows - 1u : 0u, pitch, &rows) ||
	    __builtin_mul_overflow(s->planes > 0 ? s->planes - 1u : 0u, plane, &planes) ||
	    __builtin_add_overflow(rows, planes, &bytes) ||
	    __builtin_add_overflow(bytes, s->bytes, &bytes))
		return 0;
	return bytes;
}

static const char *shape_problem(const struct trn_copy_shape *s)
{
	if (!s || s->size != sizeof(*s))
		return "shape is NULL or its size member is wrong";
	if (s->bytes == 0 || s->bytes > UINT32_MAX)
		return "a row has 1 byte to 4 GiB - 1";
	if (s->dst_pitch > UINT32_MAX || s->src_pitch > UINT32_MAX)
		return "a pitch is below 4 GiB; planes go farther";
	if ((s->rows > 1 && s->dst_pitch < s->bytes) || (s->planes > 1 && s->dst_plane < s->bytes))
		return "rows of the destination meet: its pitch is less than a row";
	if (span(s, s->dst_pitch, s->dst_plane) == 0 || span(s, s->src_pitch, s->src_plane) == 0)
		return "the last row is nowhere";
	return NULL;
}

TRN_API int trn_batch_copy_nd(struct trn_batch *batch, struct trn_buffer *dst,
			      struct trn_buffer *src, const struct trn_copy_shape *s)
{
	const char *why;
	struct trn_batch_entry *entry;
	int r;

	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	why = shape_problem(s);
	if (why)
		return refuse(batch, -EINVAL, __func__, why);
	if (!trn_device_has(batch->queue->device, TRN_HAL_CAP_STRIDED))
		return refuse(batch, -ENOTSUP, __func__,
			      "the device moves no rows (TRN_CAP_STRIDED)");
	r = own_range_check(batch, dst, s->dst_offset, span(s, s->dst_pitch, s->dst_plane),
			    __func__);
	if (r == 0)
		r = own_range_check(batch, src, s->src_offset, span(s, s->src_pitch, s->src_plane),
				    __func__);
	if (r == 0)
		r = room_check(batch, __func__);
	if (r < 0)
		return r;
	entry = append(batch,
		       (struct trn_ext_cmd){
			       .op = TRN_CMD_COPY_ND,
			       .a = { dst->address + s->dst_offset, src->address + s->src_offset,
				      trn_u64((uint32_t)s->bytes, s->rows > 0 ? s->rows : 1),
				      s->planes > 0 ? s->planes : 1,
				      trn_u64((uint32_t)s->dst_pitch, (uint32_t)s->src_pitch),
				      s->dst_plane, s->src_plane } });
	hold(entry, &dst->object);
	hold(entry, &src->object);
	return 0;
}

TRN_API int trn_batch_fill(struct trn_batch *batch, struct trn_buffer *dst, uint64_t offset,
			   uint64_t bytes, uint32_t pattern)
{
	int r;

	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	r = own_range_check(batch, dst, offset, bytes, __func__);
	if (r == 0)
		r = room_check(batch, __func__);
	if (r < 0)
		return r;
	hold(append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_FILL,
						 .a = { dst->address + offset, bytes, pattern } }),
	     &dst->object);
	return 0;
}

/* Its word is in a host's memory: chips of that server reach it, others when it was shared. */
static int reach_fail(struct trn_batch *batch, const struct trn_timeline *timeline,
		      const char *operation)
{
	struct trn_device *device = batch->queue->device;
	const struct trn_hal_info *there = &timeline->device->info;

	return trn_fail(batch->object.context, device, -ENOTSUP, operation,
			"command %u: the device does not reach the timeline of %s (rack %u, server "
			"%u): trn_timeline_share() it first",
			batch->count, there->uri, there->rack, there->server);
}

static int sync_record(struct trn_batch *batch, struct trn_timeline *timeline, uint8_t op,
		       uint64_t value, const char *operation)
{
	struct trn_ext_cmd cmd = { .op = op, .a = { 0, value } };
	int r;

	if (!TRN_OTHER_HANDLE_OK(timeline, TRN_OBJECT_TIMELINE))
		return refuse(batch, -EINVAL, operation, "the timeline is NULL or was given back");
	if (timeline->object.context != batch->object.context)
		return refuse(batch, -EINVAL, operation, "a timeline of another context");
	if (trn_timeline_address(timeline, batch->queue->device, &cmd.a[0]) < 0)
		return reach_fail(batch, timeline, operation);
	r = room_check(batch, operation);
	if (r < 0)
		return r;
	if (op == TRN_CMD_WAIT)
		cmd.a[2] = cmd.a[0] + sizeof(uint64_t); /* timeline->slot[1] */
	trn_timeline_use(timeline, batch->queue->device);
	batch->syncs++;
	hold(append(batch, cmd), &timeline->object);
	return 0;
}

TRN_API int trn_batch_wait(struct trn_batch *batch, struct trn_timeline *timeline, uint64_t value)
{
	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	return sync_record(batch, timeline, TRN_CMD_WAIT, value, __func__);
}

TRN_API int trn_batch_signal(struct trn_batch *batch, struct trn_timeline *timeline, uint64_t value)
{
	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	return sync_record(batch, timeline, TRN_CMD_SIGNAL, value, __func__);
}

TRN_API int trn_batch_timestamp(struct trn_batch *batch, struct trn_buffer *dst, uint64_t offset)
{
	const char *why;
	int r;

	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	if (!trn_device_has(batch->queue->device, TRN_HAL_CAP_TIMESTAMP))
		return refuse(batch, -ENOTSUP, __func__,
			      "the device has no time (TRN_CAP_TIMESTAMP)");
	why = trn_word_problem(batch->queue->device, dst, offset, &r);
	if (why)
		return refuse(batch, r, __func__, why);
	r = room_check(batch, __func__);
	if (r < 0)
		return r;
	hold(append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_TIMESTAMP,
						 .a = { dst->address + offset } }),
	     &dst->object);
	return 0;
}

int trn_batch_call(struct trn_batch *batch, uint64_t address, uint32_t count,
		   struct trn_object *lists)
{
	int r = room_check(batch, "trn_graph_instantiate");

	if (r < 0)
		return r;
	batch->syncs++; /* what it may have in the list */
	hold(append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_CALL, .a = { address, count } }),
	     lists);
	return 0;
}

int trn_batch_collect(struct trn_batch *batch, uint64_t address, struct trn_object *const *objects,
		      uint32_t count)
{
	struct trn_batch_entry *entry;
	int r = room_check(batch, "trn_batch_comm");

	if (r < 0)
		return r;
	entry = append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_COLLECT, .a = { address } });
	for (uint32_t i = 0; i < count; i++)
		hold(entry, objects[i]);
	return 0;
}

int trn_batch_meet(struct trn_batch *batch, struct trn_timeline *here, struct trn_timeline *back,
		   struct trn_object *const *objects, uint32_t count)
{
	int r;

	if (batch->max - batch->count < 3)
		return refuse(batch, -ENOSPC, "trn_batch_comm",
			      "the batch has no room for three commands");
	r = sync_record(batch, here, TRN_CMD_SIGNAL, 1, "trn_batch_comm");
	if (r == 0)
		r = sync_record(batch, back, TRN_CMD_WAIT, 1, "trn_batch_comm");
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < count; i++)
		hold(&batch->entries[batch->count - 1], objects[i]);
	hold(append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_FILL,
						 .a = { back->address, sizeof(uint64_t), 0 } }),
	     &back->object);
	return 0;
}

/* ---- launch ---- */

const char *trn_arg_take(const struct trn_device *device, const struct trn_program_arg_info *info,
			 const struct trn_arg *arg, struct trn_ext_arg *ret_arg)
{
	const struct trn_buffer *buffer = arg->buffer;
	uint64_t bytes;

	if (info->kind == TRN_ARG_SCALAR) {
		if (buffer || arg->offset != 0 || arg->bytes != 0)
			return "a number is wanted, not a buffer";
		*ret_arg = (struct trn_ext_arg){ .value = arg->scalar };
		return NULL;
	}
	if (!buffer)
		return "a buffer is wanted";
	if (!TRN_OTHER_HANDLE_OK(buffer, TRN_OBJECT_BUFFER))
		return "the buffer was given back";
	if (buffer->device != device)
		return "a buffer of another device; in a pod there is trn_buffer_peer()";
	if (arg->offset >= buffer->bytes)
		return "offset is not inside the buffer";
	bytes = arg->bytes ? arg->bytes : buffer->bytes - arg->offset;
	if (!trn_range_ok(arg->offset, bytes, buffer->bytes))
		return "the range is not inside the buffer";
	if (bytes < info->min_bytes)
		return "the range is shorter than the program needs";
	*ret_arg = (struct trn_ext_arg){ .value = buffer->address + arg->offset, .size = bytes };
	return NULL;
}

static int launch_check(struct trn_batch *batch, const struct trn_program *program, uint32_t core,
			const struct trn_arg *args, uint32_t arg_count)
{
	struct trn_device *device = batch->queue->device;

	if (!trn_device_has(device, TRN_HAL_CAP_COMPUTE))
		return refuse(batch, -ENOTSUP, "trn_batch_launch",
			      "the device runs no programs (TRN_CAP_COMPUTE)");
	if (!TRN_OTHER_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return refuse(batch, -EINVAL, "trn_batch_launch",
			      "the program is NULL or was given back");
	if (program->device != device)
		return refuse(batch, -EINVAL, "trn_batch_launch", "a program of another device");
	if (core >= device->info.cores)
		return refuse(batch, -EINVAL, "trn_batch_launch", "the core is not there");
	if (arg_count != program->info.arg_count || (arg_count > 0 && !args))
		return trn_fail(batch->object.context, device, -EINVAL, "trn_batch_launch",
				"command %u: %u arguments given, %s wants %u", batch->count,
				args ? arg_count : 0, program->info.name, program->info.arg_count);
	return room_check(batch, "trn_batch_launch");
}

TRN_API int trn_batch_launch(struct trn_batch *batch, struct trn_program *program, uint32_t core,
			     const struct trn_arg *args, uint32_t arg_count)
{
	struct trn_batch_entry *entry;
	struct trn_ext_arg *out;
	int r;

	if (!TRN_HANDLE_OK(batch, TRN_OBJECT_BATCH))
		return trn_handle_refused();
	r = launch_check(batch, program, core, args, arg_count);
	if (r < 0)
		return r;
	out = batch->args + (size_t)batch->count * TRN_ARGS_USER_MAX;
	for (uint32_t i = 0; i < arg_count; i++) {
		const char *why =
			trn_arg_take(batch->queue->device, &program->args[i], &args[i], &out[i]);

		if (why)
			return trn_fail(batch->object.context, batch->queue->device, -EINVAL,
					__func__, "command %u, argument %u (%s): %s", batch->count,
					i, program->args[i].name, why);
	}
	entry = append(batch, (struct trn_ext_cmd){ .op = TRN_CMD_LAUNCH, .a = { 0, core } });
	entry->program = program;
	batch->cores |= 1u << core;
	hold(entry, &program->object);
	for (uint32_t i = 0; i < arg_count; i++)
		if (args[i].buffer)
			hold(entry, &args[i].buffer->object);
	return 0;
}
