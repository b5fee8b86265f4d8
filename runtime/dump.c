/* SPDX-License-Identifier: Apache-2.0 */
/* When a dump is made and where it goes. */
#include "runtime/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"

#define WINDOW_BYTES 65536u
#define READ_NS UINT64_C(500000000) /* for all reads of device memory together */
#define AUTOMATIC_MAX 16u           /* of a context: a loop that fails fills no disk */
#define NAMES_MAX 64u               /* of files that are there already */

/* A hook is at work on this thread: what fails in there makes no dump of its own. */
static _Thread_local bool inside;

/* ---- making ---- */

static void window_take(struct trn_dump_make *make)
{
	const struct trn_hal_mem_desc desc = {
		.kind = TRN_HAL_MEM_HOST,
		.size = WINDOW_BYTES,
		.category = TRN_MEMORY_SCRATCH,
		.label = "dump",
		.numa_node = -1,
	};

	if (trn_device_mem_alloc(make->device, &desc, &make->window) < 0)
		make->window.size = 0;
}

static int dump_make(struct trn_device *device, const struct trn_error *error, void **ret_bytes,
		     size_t *ret_count)
{
	struct trn_context *context = device->object.context;
	struct trn_dump_make *make = trn_alloc_zero(&context->alloc, sizeof(*make));
	int r;

	if (!make)
		return -ENOMEM;
	make->device = device;
	make->error = *error;
	make->out.alloc = &context->alloc;
	make->deadline_ns = trn_clock_deadline(READ_NS);
	make->blind = atomic_load(&device->lost);
	trn_dump_state(make);
	trn_dump_queues(make);
	if (make->job_count > 0 && !make->blind)
		window_take(make);
	trn_dump_code(make);
	trn_dump_events(make);
	if (make->window.size != 0)
		trn_device_mem_free(device, &make->window);
	r = make->out.error;
	if (r == 0)
		r = trn_dump_pack(make, ret_bytes, ret_count);
	trn_free(&context->alloc, make->out.text);
	trn_free(&context->alloc, make);
	trn_device_flush_log(device);
	return r;
}

/* ---- where to ---- */

static int write_all(int fd, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(fd, bytes, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		count -= (size_t)n;
	}
	return 0;
}

static int write_file(const char *path, int flags, const void *bytes, size_t count)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, count);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	/* Half a dump is none. */
	if (r < 0 && (flags & O_EXCL))
		(void)unlink(path);
	return r;
}

static void file_make(struct trn_context *context, const char *dir, uint32_t number,
		      const void *bytes, size_t count)
{
	char path[TRN_DUMP_DIR_MAX + 48];
	int r = -EEXIST;

	/* A process with our number was here before. */
	for (uint32_t i = 0; r == -EEXIST && i < NAMES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "%s/trn-%ld-%u.dump", dir, (long)getpid(),
			       number + i * AUTOMATIC_MAX);
		r = write_file(path, O_EXCL, bytes, count);
	}
	if (r < 0)
		trn_logf(&context->log, TRN_LOG_WARNING, "no dump %s: %s", path, trn_strerror(r));
	else
		trn_logf(&context->log, TRN_LOG_ERROR, "dump: %s (trnctl dump show reads it)",
			 path);
}

/* Resets and cancelled work are somebody's will, and who waited for the work of others has
 * nothing to tell. */
static bool is_wanted(const struct trn_error *error)
{
	return error->code != -TRN_ERESET && error->code != -ECANCELED;
}

static bool policy_take(struct trn_context *context, struct trn_dump_policy *ret_policy)
{
	bool take;

	trn_lock_take(&context->lock);
	take = context->dump.fn || (context->dump.dir[0] && context->dump.made < AUTOMATIC_MAX);
	if (take) {
		*ret_policy = context->dump;
		context->dump.made++;
	}
	trn_lock_give(&context->lock);
	return take;
}

void trn_dump_failure(struct trn_device *device, const struct trn_error *error)
{
	struct trn_context *context = device->object.context;
	struct trn_dump_policy policy;
	void *bytes;
	size_t count;
	int r;

	if (inside || !is_wanted(error) || !policy_take(context, &policy))
		return;
	r = dump_make(device, error, &bytes, &count);
	if (r < 0) {
		trn_logf(&context->log, TRN_LOG_WARNING, "no dump: %s", trn_strerror(r));
		return;
	}
	inside = true;
	if (policy.fn)
		policy.fn(policy.user, error, bytes, count);
	else
		file_make(context, policy.dir, policy.made, bytes, count);
	inside = false;
	trn_free(&context->alloc, bytes);
}

/* ---- public ---- */

void trn_dump_policy_init(struct trn_dump_policy *policy)
{
	const char *dir = getenv("TRN_DUMP_DIR");

	if (dir && strlen(dir) < sizeof(policy->dir))
		trn_text_copy(policy->dir, sizeof(policy->dir), dir);
}

/* With the bytes, or recorded. */
static int dump_now(struct trn_device *device, const char *operation, void **ret_bytes,
		    size_t *ret_count)
{
	struct trn_error none;
	int r;

	trn_error_init(&none, 0, operation);
	r = dump_make(device, &none, ret_bytes, ret_count);
	if (r < 0)
		return trn_fail(device->object.context, device, r, operation,
				"no memory for the dump");
	return 0;
}

TRN_API int trn_device_dump(struct trn_device *device, trn_dump_fn fn, void *user)
{
	struct trn_error none;
	void *bytes;
	size_t count;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!fn)
		return trn_fail(device->object.context, device, -EINVAL, __func__, "fn is NULL");
	r = dump_now(device, __func__, &bytes, &count);
	if (r < 0)
		return r;
	trn_error_init(&none, 0, __func__);
	fn(user, &none, bytes, count);
	trn_free(&device->object.context->alloc, bytes);
	return 0;
}

TRN_API int trn_device_dump_file(struct trn_device *device, const char *path)
{
	void *bytes;
	size_t count;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!path)
		return trn_fail(device->object.context, device, -EINVAL, __func__, "path is NULL");
	r = dump_now(device, __func__, &bytes, &count);
	if (r < 0)
		return r;
	r = write_file(path, O_TRUNC, bytes, count);
	trn_free(&device->object.context->alloc, bytes);
	if (r < 0)
		return trn_fail(device->object.context, device, r, __func__, "%.120s: %s", path,
				trn_strerror(r));
	return 0;
}

TRN_API int trn_context_dump_dir(struct trn_context *context, const char *dir)
{
	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	if (dir && strlen(dir) >= sizeof(context->dump.dir))
		return trn_fail(context, NULL, -EINVAL, __func__,
				"the name has more than %zu bytes", sizeof(context->dump.dir) - 1);
	trn_lock_take(&context->lock);
	trn_text_copy(context->dump.dir, sizeof(context->dump.dir), dir ? dir : "");
	trn_lock_give(&context->lock);
	return 0;
}

TRN_API int trn_context_dump_hook(struct trn_context *context, trn_dump_fn fn, void *user)
{
	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	trn_lock_take(&context->lock);
	context->dump.fn = fn;
	context->dump.user = user;
	trn_lock_give(&context->lock);
	return 0;
}
