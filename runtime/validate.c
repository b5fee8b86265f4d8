/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's part of validation: TRN_VALIDATE puts the hook on every device, and lists the
 * objects that are still there when the process ends, with where they were made. */
#include "runtime/validate.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

#define FRAMES 12
#define FRAMES_SAID 3

struct trn_live {
	struct trn_live *next, **link;
	struct trn_object *object;
	int count; /* of frames */
	void *frames[FRAMES];
};

/* Leaf. Its memory is the C library's: a user's allocator may be gone at the end. */
static struct trn_lock lock = { PTHREAD_MUTEX_INITIALIZER };
static struct trn_live *live;

static const struct {
	enum trn_object_kind kind;
	const char *name;
} kinds[] = {
	{ TRN_OBJECT_CONTEXT, "context" },   { TRN_OBJECT_DEVICE, "device" },
	{ TRN_OBJECT_BUFFER, "buffer" },     { TRN_OBJECT_TIMELINE, "timeline" },
	{ TRN_OBJECT_PROGRAM, "program" },   { TRN_OBJECT_QUEUE, "queue" },
	{ TRN_OBJECT_BATCH, "batch" },       { TRN_OBJECT_COMM, "communicator" },
	{ TRN_OBJECT_POOL, "pool" },         { TRN_OBJECT_GRAPH, "graph" },
	{ TRN_OBJECT_LISTS, "graph lists" }, { TRN_OBJECT_EXEC, "graph instance" },
};

static const char *setting(void)
{
	const char *text = getenv("TRN_VALIDATE");

	return text && strcmp(text, "0") != 0 ? text : "";
}

int trn_validate_uri(const char *uri, char *buf, size_t size, const char **ret_uri)
{
	const char *text = setting();
	const char *hook = strcmp(text, "fatal") == 0 ? "validate(fatal)+" : "validate+";

	*ret_uri = uri;
	if (!text[0] || strstr(uri, "validate"))
		return 0;
	if (strcmp(text, "1") != 0 && strcmp(text, "fatal") != 0)
		return -EINVAL;
	if (strlen(hook) + strlen(uri) >= size)
		return 0; /* too long for a URI: who parses it says so */
	(void)snprintf(buf, size, "%s%s", hook, uri);
	*ret_uri = buf;
	return 0;
}

int trn_validate_note(struct trn_device *device, const char *rule, const char *what)
{
	char note[160];
	int r;

	(void)snprintf(note, sizeof(note), "note %s %s", rule, what);
	r = device->hal->ops.control(device->hal, "validate", note, NULL, 0);
	trn_device_flush_log(device);
	return r == -TRN_EVALIDATE ? r : 0;
}

/* ---- objects that are there ---- */

void trn_live_add(struct trn_object *object)
{
	struct trn_live *entry;

	object->live = NULL;
	if (!setting()[0])
		return;
	entry = trn_alloc_zero(&trn_alloc_libc, sizeof(*entry));
	if (!entry)
		return; /* not listed at the end; nothing else misses it */
	entry->object = object;
#ifdef __GLIBC__
	entry->count = backtrace(entry->frames, FRAMES);
#else
	entry->frames[0] = __builtin_return_address(0);
	entry->count = 1;
#endif
	trn_lock_take(&lock);
	entry->next = live;
	entry->link = &live;
	if (live)
		live->link = &entry->next;
	live = entry;
	trn_lock_give(&lock);
	object->live = entry;
}

void trn_live_remove(struct trn_object *object)
{
	struct trn_live *entry = object->live;

	if (!entry)
		return;
	trn_lock_take(&lock);
	*entry->link = entry->next;
	if (entry->next)
		entry->next->link = entry->link;
	trn_lock_give(&lock);
	object->live = NULL;
	trn_free(&trn_alloc_libc, entry);
}

static const char *kind_name(const struct trn_object *object)
{
	const uint32_t kind = atomic_load(&object->kind);

	for (size_t i = 0; i < TRN_ARRAY_LEN(kinds); i++)
		if ((uint32_t)kinds[i].kind == kind)
			return kinds[i].name;
	return "object";
}

/* The first frame outside this library; where all is one program, the first behind this file. */
static int first_frame(const struct trn_live *entry)
{
	Dl_info own, info;
	int i = 0;

	if (!dladdr((const void *)kinds, &own))
		return 0;
	while (i < entry->count && dladdr(entry->frames[i], &info) &&
	       info.dli_fbase == own.dli_fbase)
		i++;
	return i < entry->count && info.dli_sname ? i : (int)trn_min_u64(2, (uint64_t)entry->count);
}

static void say(const struct trn_live *entry)
{
	char text[400];
	int used = snprintf(text, sizeof(text), "validate: leaked-object: a %s made by",
			    kind_name(entry->object));
	const int from = first_frame(entry);

	for (int i = from; i < entry->count && i < from + FRAMES_SAID; i++) {
		Dl_info info = { 0 };
		const bool known = dladdr(entry->frames[i], &info) != 0;
		const char *name = known && info.dli_sname ? info.dli_sname :
				   known && info.dli_fname ? info.dli_fname :
							     "?";
		const void *base = known && info.dli_sname ? info.dli_saddr : info.dli_fbase;

		if ((size_t)used < sizeof(text))
			used += snprintf(
				text + used, sizeof(text) - (size_t)used, "%s %s+0x%lx",
				i > from ? " <-" : "", name,
				(unsigned long)((uintptr_t)entry->frames[i] - (uintptr_t)base));
	}
	trn_logf(&entry->object->context->log, TRN_LOG_ERROR, "%s", text);
}

void trn_live_report(void)
{
	/* The last thread but for those that nobody waited for; and the sink may ask for a lock. */
	for (const struct trn_live *entry = live; entry; entry = entry->next)
		say(entry);
}

static __attribute__((destructor)) void at_the_end(void)
{
	trn_live_report();
}
