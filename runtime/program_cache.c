/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a device: an image that is in place already is found by its bytes, references are
 * told apart so that unloading can refuse, and loads are counted. */
#include "runtime/program.h"

#include <errno.h>

/* device.list_lock held. Bytes against bytes: no hash that could be wrong, and a first look at the
 * header, where the checksum is, that ends almost every comparison. */
static bool same(const struct trn_program *program, const void *image, size_t bytes, uint32_t stack)
{
	return program->image_bytes == bytes && program->stack == stack &&
	       program->epoch == atomic_load(&program->device->epoch) &&
	       memcmp(program->image, image, bytes) == 0;
}

struct trn_program *trn_program_cached(struct trn_device *device, const void *image, size_t bytes,
				       uint32_t stack)
{
	struct trn_program *program = NULL;

	if (bytes == 0)
		return NULL;
	trn_lock_take(&device->list_lock);
	for (program = device->programs; program; program = program->next)
		if (same(program, image, bytes, stack) && trn_object_ref_live(&program->object))
			break;
	if (program) {
		device->program_stats.loads++;
		device->program_stats.hits++;
		device->program_stats.saved_bytes += program->info.memory_bytes;
		(void)atomic_fetch_add(&program->users, 1);
		(void)atomic_fetch_add(&program->loads, 1);
	}
	trn_lock_give(&device->list_lock);
	return program;
}

void trn_program_keep(struct trn_program *program)
{
	struct trn_device *device = program->device;

	trn_lock_take(&device->list_lock);
	program->next = device->programs;
	device->programs = program;
	device->program_stats.loads++;
	device->program_stats.placed++;
	device->program_stats.placed_bytes += program->info.memory_bytes;
	trn_lock_give(&device->list_lock);
}

void trn_program_forget(struct trn_program *program)
{
	struct trn_device *device = program->device;
	struct trn_program **at;

	trn_lock_take(&device->list_lock);
	for (at = &device->programs; *at; at = &(*at)->next) {
		if (*at == program) {
			*at = program->next;
			device->program_stats.placed--;
			device->program_stats.placed_bytes -= program->info.memory_bytes;
			break;
		}
	}
	trn_lock_give(&device->list_lock);
}

TRN_API int trn_program_stats(struct trn_device *device, struct trn_program_stats *ret_stats)
{
	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_stats || ret_stats->size != sizeof(*ret_stats))
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_program_stats)");
	trn_lock_take(&device->list_lock);
	*ret_stats = device->program_stats;
	trn_lock_give(&device->list_lock);
	ret_stats->size = sizeof(*ret_stats);
	return 0;
}

/* ---- references ---- */

TRN_API struct trn_program *trn_program_ref(struct trn_program *program)
{
	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return NULL;
	(void)atomic_fetch_add(&program->users, 1);
	trn_object_ref(&program->object);
	return program;
}

void trn_program_drop(struct trn_program *program)
{
	if (trn_object_unref(&program->object))
		trn_program_destroy(program);
}

TRN_API struct trn_program *trn_program_unref(struct trn_program *program)
{
	if (program && TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM)) {
		(void)atomic_fetch_sub(&program->users, 1);
		trn_program_drop(program);
	}
	return NULL;
}

void trn_program_graph_use(struct trn_object *object, int more)
{
	if (atomic_load_explicit(&object->kind, memory_order_relaxed) != TRN_OBJECT_PROGRAM)
		return;
	(void)atomic_fetch_add(&((struct trn_program *)(void *)object)->graphs, (uint32_t)more);
}

TRN_API int trn_program_unload(struct trn_program *program)
{
	uint32_t users, graphs, sharers, others;

	if (!TRN_HANDLE_OK(program, TRN_OBJECT_PROGRAM))
		return trn_handle_refused();
	users = atomic_load(&program->users);
	graphs = atomic_load(&program->graphs);
	sharers = atomic_load(&program->sharers);
	others = atomic_load(&program->object.refs) - users;
	if (users == 1 && others > 0)
		return trn_fail(program->object.context, program->device, -EBUSY, __func__,
				"%s is used by %u places of graphs, %u programs that have its "
				"sections, %u recorded commands or commands in flight",
				program->info.name, graphs, sharers, others - graphs - sharers);
	(void)trn_program_unref(program);
	return 0;
}
