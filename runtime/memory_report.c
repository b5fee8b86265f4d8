/* SPDX-License-Identifier: Apache-2.0 */
/* The table for people who ran out: each place with its categories, the largest blocks by name,
 * and what would fit where. It is made of one look at the books and allocates nothing. */
#include "runtime/private.h"

#include <errno.h>
#include "base/text.h"

#define LARGEST_MAX 12u
#define LOG_BYTES 8192u

struct page {
	char *buf;
	size_t size, used;
};

static void TRN_PRINTF(2, 3) add(struct page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	page->used = trn_text_addv(page->buf, page->size, page->used, format, args);
	va_end(args);
}

/* "1.5 GiB" */
static const char *human(uint64_t bytes, char buf[24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	uint64_t unit = 1;
	unsigned int i = 0;

	while (i < 4 && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	if (bytes % unit == 0)
		(void)trn_text_add(buf, 24, 0, "%" PRIu64 " %s", bytes / unit, units[i]);
	else
		(void)trn_text_add(buf, 24, 0, "%.1f %s", (double)bytes / (double)unit, units[i]);
	return buf;
}

static void place_lines(struct page *page, struct trn_device *device, uint32_t place)
{
	struct trn_memory_usage u = { .size = sizeof(u) };
	char a[24], b[24], c[24];

	if (trn_device_memory_usage(device, place, &u) < 0)
		return;
	if (place == TRN_MEMORY_HOST)
		add(page, "host memory: %s held, at most %s\n", human(u.live_bytes, a),
		    human(u.peak_bytes, b));
	else
		add(page, "HBM stack %" PRIu32 ": %s free of %s, the largest piece %s\n", place,
		    human(u.free_bytes, a), human(u.total_bytes, b), human(u.largest_bytes, c));
	for (uint32_t i = 0; i < TRN_MEMORY_CATEGORIES; i++) {
		if (u.by[i].peak_bytes == 0)
			continue;
		add(page, "  %-14s %10s in %" PRIu32 ", at most %s\n",
		    trn_memory_category_name((enum trn_memory_category)i),
		    human(u.by[i].live_bytes, a), u.by[i].blocks, human(u.by[i].peak_bytes, b));
	}
}

/* Blocks of HBM are what is short. Largest first, equal ones newest first. context.lock held. */
static uint32_t largest_blocks(const struct trn_device *device,
			       struct trn_memory_block ret[LARGEST_MAX], uint64_t *ret_others)
{
	uint32_t count = 0;

	*ret_others = 0;
	for (const struct trn_memory_block *b = device->books.newest; b; b = b->older) {
		uint32_t at = count;

		if (b->room == 0 || b->place == TRN_HBM_STACKS_MAX)
			continue;
		while (at > 0 && ret[at - 1].bytes < b->bytes)
			at--;
		if (count == LARGEST_MAX)
			(*ret_others)++;
		if (at == LARGEST_MAX)
			continue;
		count += count < LARGEST_MAX;
		memmove(&ret[at + 1], &ret[at], (count - 1 - at) * sizeof(*ret));
		ret[at] = *b;
	}
	return count;
}

static void block_lines(struct page *page, struct trn_device *device)
{
	struct trn_context *context = device->object.context;
	struct trn_memory_block largest[LARGEST_MAX];
	uint64_t others = 0;
	uint32_t count;
	char a[24];

	trn_lock_take(&context->lock);
	count = largest_blocks(device, largest, &others);
	trn_lock_give(&context->lock);
	if (count > 0)
		add(page, "largest blocks of HBM:\n");
	for (uint32_t i = 0; i < count; i++)
		add(page, "  %10s  stack %" PRIu32 "  %-14s 0x%" PRIx64 "  %s\n",
		    human(largest[i].bytes, a), largest[i].place,
		    trn_memory_category_name(largest[i].category), largest[i].address,
		    largest[i].label[0] ? largest[i].label : "(no label)");
	if (others > 0)
		add(page, "  and %" PRIu64 " smaller\n", others);
}

/* Where the largest buffer would go now, and by which core it is asked for there. */
static void fit_line(struct page *page, struct trn_device *device)
{
	uint64_t most = 0;
	uint32_t stack = 0, core = 0;
	char a[24];

	for (uint32_t s = 0; s < device->info.hbm_stacks; s++) {
		const uint64_t largest = trn_device_stack_largest(device, s);

		if (largest > most) {
			most = largest;
			stack = s;
		}
	}
	while (core < device->info.cores && trn_device_stack(device, core) != stack)
		core++;
	if (most == 0)
		add(page, "would fit: nothing\n");
	else
		add(page, "would fit: up to %s on stack %" PRIu32 " (core %" PRIu32 ")\n",
		    human(most, a), stack, core);
}

static size_t report(struct trn_device *device, char *buf, size_t size)
{
	struct page page = { .buf = buf, .size = size };

	buf[0] = '\0';
	add(&page, "memory of %s\n", device->info.uri);
	for (uint32_t s = 0; s < device->info.hbm_stacks; s++)
		place_lines(&page, device, s);
	place_lines(&page, device, TRN_MEMORY_HOST);
	block_lines(&page, device);
	fit_line(&page, device);
	return page.used;
}

TRN_API int trn_device_memory_report(struct trn_device *device, char *buf, size_t size)
{
	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (size > INT32_MAX || (!buf && size > 0))
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"buf is NULL, or size past 2 GiB");
	return size == 0 ? 0 : (int)report(device, buf, size);
}

void trn_device_memory_log(struct trn_device *device)
{
	struct trn_context *context = device->object.context;
	char text[LOG_BYTES], *line = text, *end;
	bool told;

	trn_lock_take(&context->lock);
	told = device->books.told;
	device->books.told = true;
	trn_lock_give(&context->lock);
	if (told || !context->log.fn)
		return;
	(void)report(device, text, sizeof(text));
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		trn_logf(&context->log, TRN_LOG_ERROR, "%s", line);
		line = end + 1;
	}
}
