/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of events of a device: who writes never waits, who reads notices what is missing. */
#include "runtime/private.h"

#include <errno.h>
#include "base/clock.h"

_Static_assert(sizeof(struct trn_event) % sizeof(uint64_t) == 0, "copied by words");
_Static_assert(sizeof(uint64_t) == sizeof(_Atomic uint64_t), "no lock inside");

#define WRITING(number) (2 * (number) + 1)
#define WRITTEN(number) (2 * (number) + 2)

/* ---- writing ---- */

/* The slot of the next number, which is set; NULL when whoever has it is not done. */
static struct trn_event_slot *slot_take(struct trn_event_ring *ring, uint64_t *ret_number)
{
	for (;;) {
		uint64_t last = atomic_load(&ring->last), number = last + 1;
		struct trn_event_slot *slot = &ring->slots[number % TRN_EVENTS_KEPT];
		uint64_t stamp = atomic_load(&slot->stamp);

		if (stamp >= WRITING(number)) {
			/* Somebody has it and has not said so yet. */
			(void)atomic_compare_exchange_strong(&ring->last, &last, number);
			continue;
		}
		if (stamp % 2 == 1)
			return NULL;
		if (!atomic_compare_exchange_strong(&slot->stamp, &stamp, WRITING(number)))
			continue;
		(void)atomic_compare_exchange_strong(&ring->last, &last, number);
		*ret_number = number;
		return slot;
	}
}

void trn_event_write(struct trn_event_ring *ring, const struct trn_event *event)
{
	struct trn_event copy = *event;
	uint64_t words[TRN_EVENT_WORDS];
	struct trn_event_slot *slot = slot_take(ring, &copy.number);

	if (!slot) {
		trn_count_shared(&ring->dropped);
		return;
	}
	copy.time_ns = trn_clock_ns();
	memcpy(words, &copy, sizeof(words));
	/* A reader that sees one of the words sees the stamp that says it is being written. */
	for (size_t i = 0; i < TRN_EVENT_WORDS; i++)
		atomic_store_explicit(&slot->words[i], words[i], memory_order_release);
	atomic_store_explicit(&slot->stamp, WRITTEN(copy.number), memory_order_release);
}

struct trn_event trn_event_of(enum trn_event_kind kind)
{
	return (struct trn_event){ .kind = kind, .core = -1, .queue = -1, .command = -1 };
}

void trn_device_event(struct trn_device *device, const struct trn_event *event)
{
	trn_event_write(&device->events, event);
}

void trn_device_event_error(struct trn_device *device, enum trn_event_kind kind,
			    const struct trn_error *error)
{
	struct trn_event event = trn_event_of(kind);

	event.code = error->code;
	event.core = error->core;
	event.queue = (int32_t)error->queue;
	event.command = error->command;
	event.address = error->address;
	trn_text_copy(event.text, sizeof(event.text), error->cause);
	trn_device_event(device, &event);
}

void trn_device_lose(struct trn_device *device)
{
	struct trn_event event = trn_event_of(TRN_EVENT_LOST);

	if (atomic_exchange(&device->lost, true))
		return;
	event.code = -TRN_EDEVLOST;
	trn_count_shared(&device->count.losses);
	trn_device_event(device, &event);
}

/* ---- reading ---- */

/* 1: copied; 0: not written yet; -1: overwritten. */
static int slot_copy(const struct trn_event_slot *slot, uint64_t number,
		     struct trn_event *ret_event)
{
	uint64_t words[TRN_EVENT_WORDS];
	uint64_t stamp = atomic_load_explicit(&slot->stamp, memory_order_acquire);

	if (stamp != WRITTEN(number))
		return stamp > WRITTEN(number) ? -1 : 0;
	/* Acquire: the stamp is looked at after them. No fence: ThreadSanitizer knows none. */
	for (size_t i = 0; i < TRN_EVENT_WORDS; i++)
		words[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
	if (atomic_load_explicit(&slot->stamp, memory_order_relaxed) != stamp)
		return -1;
	memcpy(ret_event, words, sizeof(words));
	return 1;
}

bool trn_event_read(const struct trn_event_ring *ring, uint64_t *number, uint64_t *ret_missed,
		    struct trn_event *ret_event)
{
	for (;;) {
		uint64_t last = atomic_load(&ring->last), next = *number + 1;
		uint64_t oldest = last > TRN_EVENTS_KEPT ? last - TRN_EVENTS_KEPT + 1 : 1;
		int r;

		if (*number >= last)
			return false;
		if (next < oldest) {
			*ret_missed += oldest - next;
			next = oldest;
		}
		r = slot_copy(&ring->slots[next % TRN_EVENTS_KEPT], next, ret_event);
		*number = r == 0 ? next - 1 : next;
		if (r >= 0)
			return r > 0;
		++*ret_missed;
	}
}

TRN_API int trn_telemetry_events(struct trn_device *device, uint64_t *cursor, trn_event_fn fn,
				 void *user, uint64_t *ret_missed)
{
	uint64_t at, missed = 0;
	struct trn_event event;
	bool stop = false;
	int count = 0;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!cursor || !fn)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"cursor or fn is NULL");
	at = *cursor;
	/* Not without end, should somebody write as fast as this reads. */
	while (!stop && count < TRN_EVENTS_KEPT &&
	       trn_event_read(&device->events, &at, &missed, &event)) {
		stop = fn(user, &event) != 0;
		count++;
	}
	*cursor = at;
	if (ret_missed)
		*ret_missed = missed;
	return count;
}

TRN_API const char *trn_event_kind_name(enum trn_event_kind kind)
{
	static const char *const names[TRN_EVENT_KINDS] = {
		[TRN_EVENT_OPEN] = "open",
		[TRN_EVENT_CLAIM] = "claim",
		[TRN_EVENT_RELEASE] = "release",
		[TRN_EVENT_QUEUE_OPEN] = "queue-open",
		[TRN_EVENT_QUEUE_CLOSE] = "queue-close",
		[TRN_EVENT_QUEUE_RESET] = "queue-reset",
		[TRN_EVENT_FAULT] = "fault",
		[TRN_EVENT_REFUSED] = "refused",
		[TRN_EVENT_TIMEOUT] = "timeout",
		[TRN_EVENT_DEADLOCK] = "deadlock",
		[TRN_EVENT_RESET] = "reset",
		[TRN_EVENT_LOST] = "lost",
		[TRN_EVENT_OUT_OF_MEMORY] = "out-of-memory",
		[TRN_EVENT_QUOTA] = "quota",
	};

	return (unsigned int)kind < TRN_EVENT_KINDS && names[kind] ? names[kind] : "unknown";
}
