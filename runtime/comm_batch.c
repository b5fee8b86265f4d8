/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectives between processes that are recorded by the user. In the rank's queue stand three
 * commands: it says that it is here, waits until the hosts are through, and takes that back, so
 * that the batch can be submitted again. What the hosts do for it is a group like others, which
 * begins when all local ranks are here; trn_comm_progress(), or the communicator's thread, sees to
 * it.
 */
#include <errno.h>
#include "base/clock.h"
#include "runtime/comm_host.h"

struct trn_comm_entry { /* one recorded call */
	struct trn_comm_entry *next;
	struct trn_timeline *here, *back;
	struct trn_comm_call call;
	void *arrays;
	uint64_t order; /* in which the ranks came */
	bool ready, running;
	bool failed; /* its timeline is, for good */
};

static bool is_unused(const struct trn_comm_entry *e)
{
	return !e->ready && !e->running && !e->failed &&
	       atomic_load_explicit(&e->here->object.refs, memory_order_acquire) == 1 &&
	       atomic_load_explicit(&e->back->object.refs, memory_order_acquire) == 1;
}

static void entry_free(struct trn_comm *comm, struct trn_comm_entry *e)
{
	(void)trn_timeline_unref(e->here);
	(void)trn_timeline_unref(e->back);
	trn_free(&comm->context->alloc, e->arrays);
	trn_free(&comm->context->alloc, e);
}

void trn_comm_batch_close(struct trn_comm *comm)
{
	while (comm->entries) {
		struct trn_comm_entry *e = comm->entries;

		comm->entries = e->next;
		entry_free(comm, e);
	}
}

bool trn_comm_batch_waits(const struct trn_comm *comm)
{
	const struct trn_comm_entry *e = comm->entries;

	while (e && (e->failed || is_unused(e)))
		e = e->next;
	return e != NULL;
}

/* ---- recording ---- */

static int entry_make(struct trn_comm *comm, struct trn_device *device,
		      struct trn_comm_entry **ret_entry)
{
	struct trn_comm_entry *e = comm->entries;
	int r;

	for (; e; e = e->next)
		if (e->here->device == device && is_unused(e)) {
			*ret_entry = e;
			return 0;
		}
	e = trn_alloc_zero(&comm->context->alloc, sizeof(*e));
	if (!e)
		return trn_fail(comm->context, device, -ENOMEM, "trn_batch_comm", "no memory");
	r = trn_timeline_create(device, 0, &e->here);
	if (r == 0)
		r = trn_timeline_create(device, 0, &e->back);
	if (r < 0) {
		entry_free(comm, e);
		return r;
	}
	e->next = comm->entries;
	comm->entries = e;
	*ret_entry = e;
	return 0;
}

static int entry_fill(struct trn_comm *comm, struct trn_comm_entry *e,
		      const struct trn_comm_call *call)
{
	const size_t bytes = trn_comm_arrays_bytes(call, comm->ranks);
	uint64_t *arrays = NULL;

	if (bytes > 0) {
		arrays = trn_alloc_zero(&comm->context->alloc, bytes);
		if (!arrays)
			return trn_fail(comm->context, NULL, -ENOMEM, "trn_batch_comm",
					"no memory");
	}
	trn_free(&comm->context->alloc, e->arrays);
	e->arrays = arrays;
	trn_comm_call_copy(&e->call, call, comm->ranks, &arrays);
	atomic_store(e->here->slot, 0);
	atomic_store(e->back->slot, 0);
	return 0;
}

int trn_comm_batch_record(struct trn_comm *comm, struct trn_batch *batch,
			  const struct trn_comm_call *call)
{
	struct trn_object *objects[3] = { &comm->object };
	struct trn_comm_entry *e = NULL;
	uint32_t n = 1;
	int r;

	if (call->kind == TRN_COMM_SEND || call->kind == TRN_COMM_RECV)
		return trn_fail(comm->context, NULL, -ENOTSUP, "trn_batch_comm",
				"%s in a batch between processes: trn_comm_start()",
				trn_comm_kind_name(call->kind));
	r = entry_make(comm, batch->queue->device, &e);
	if (r == 0)
		r = entry_fill(comm, e, call);
	if (r < 0)
		return r;
	if (call->src.buffer)
		objects[n++] = &call->src.buffer->object;
	if (call->dst.buffer)
		objects[n++] = &call->dst.buffer->object;
	return trn_batch_meet(batch, e->here, e->back, objects, n);
}

/* ---- the hosts' part ---- */

static struct trn_comm_entry *first_ready(struct trn_comm *comm, uint32_t rank)
{
	struct trn_comm_entry *found = NULL;

	for (struct trn_comm_entry *e = comm->entries; e; e = e->next)
		if (e->ready && e->call.rank == rank && (!found || e->order < found->order))
			found = e;
	return found;
}

/* All local ranks are here. */
static int entries_start(struct trn_comm *comm)
{
	const struct trn_alloc *alloc = &comm->context->alloc;
	struct trn_comm_call *calls;
	int r;

	for (uint32_t l = 0; l < comm->count; l++)
		if (!first_ready(comm, comm->first + l))
			return 0;
	calls = trn_alloc_array(alloc, comm->count, sizeof(*calls));
	if (!calls)
		return trn_fail(comm->context, NULL, -ENOMEM, "trn_batch_comm", "no memory");
	for (uint32_t l = 0; l < comm->count; l++) {
		struct trn_comm_entry *e = first_ready(comm, comm->first + l);

		calls[l] = e->call;
		e->ready = false;
		e->running = true;
	}
	r = trn_comm_host_start(comm, calls, comm->count, trn_clock_deadline(comm->timeout_ns),
				&comm->entry_group);
	trn_free(alloc, calls);
	return r;
}

static void entry_fail(struct trn_comm_entry *e, int code)
{
	e->ready = e->running = false;
	e->failed = true;
	(void)trn_timeline_fail(e->back, code);
}

/* The queues go on; after a failure they stop: what they wait for will not be. */
static int entries_finish(struct trn_comm *comm, int code)
{
	int r = code;

	for (struct trn_comm_entry *e = comm->entries; e; e = e->next) {
		if (!e->running)
			continue;
		e->running = false;
		if (r == 0)
			r = trn_timeline_signal(e->back, 1);
		if (r < 0)
			entry_fail(e, r);
	}
	comm->entry_failed = r;
	return r;
}

static void entries_look(struct trn_comm *comm)
{
	for (struct trn_comm_entry *e = comm->entries; e; e = e->next) {
		if (e->ready || e->running || e->failed || trn_timeline_value(e->here) == 0)
			continue;
		atomic_store(e->here->slot, 0);
		e->ready = true;
		e->order = ++comm->entry_orders;
	}
	for (struct trn_comm_entry *e = comm->entries; comm->entry_failed && e; e = e->next)
		if (e->ready)
			entry_fail(e, comm->entry_failed);
}

int trn_comm_batch_step(struct trn_comm *comm)
{
	int r = 0;

	entries_look(comm);
	if (!comm->entry_group)
		r = entries_start(comm);
	if (r < 0)
		return entries_finish(comm, r);
	if (!comm->entry_group)
		return -EAGAIN;
	r = trn_comm_host_step(comm, comm->entry_group);
	if (r == -EAGAIN)
		return r;
	trn_comm_host_end(comm, comm->entry_group);
	comm->entry_group = NULL;
	return entries_finish(comm, r);
}
