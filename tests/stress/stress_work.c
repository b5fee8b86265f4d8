/* SPDX-License-Identifier: Apache-2.0 */
/* What one thread does: an action at random, again and again. An action's data is looked at
 * whenever its last call said that it went well, whatever is going wrong around it. */
#include "stress.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define TRY(call)                  \
	do {                       \
		int r_ = (call);   \
		if (r_ < 0)        \
			return r_; \
	} while (0)

static uint64_t below(struct stress_worker *w, uint64_t limit)
{
	return trn_prng_below(&w->prng, limit);
}

static bool on(const struct stress_worker *w, uint32_t flag)
{
	return (w->stress->flags & flag) != 0;
}

/* A device that was refused memory for an event is broken from then on, and says nothing. */
static uint64_t soon(const struct stress_worker *w)
{
	return trn_deadline_in(on(w, STRESS_MEMORY) ? STRESS_SECOND / 4 : STRESS_PATIENCE);
}

/* ---- waiting ---- */

/* An inline device is idle while the thread that has work for it has not come so far. */
static bool again(const struct stress_worker *w, int r, uint64_t deadline_ns)
{
	if (r != -ETIMEDOUT || !(w->stress->info.caps & TRN_CAP_INLINE) ||
	    trn_deadline_in(0) >= deadline_ns)
		return false;
	(void)sched_yield();
	return true;
}

static int wait_queue(struct stress_worker *w, uint64_t sequence)
{
	uint64_t deadline_ns = soon(w);
	int r;

	do {
		r = trn_queue_wait(w->queue, sequence, deadline_ns);
	} while (again(w, r, deadline_ns));
	return r;
}

static int wait_points(struct stress_worker *w, const struct trn_timeline_point *points,
		       uint32_t count, uint32_t flags)
{
	uint64_t deadline_ns = soon(w);
	uint32_t index = 0;
	int r;

	do {
		r = trn_timeline_wait_many(points, count, flags, deadline_ns, &index);
	} while (again(w, r, deadline_ns));
	if (r == 0 && flags == TRN_WAIT_ANY &&
	    trn_timeline_value(points[index].timeline) < points[index].value)
		stress_fail(w->stress, "wait for any: number %u is not reached", index);
	return r;
}

/* A value that some queue has been given to signal: a wait for it ends, well or in an error. */
static struct trn_timeline_point promise(struct stress_worker *w)
{
	struct stress_worker *of = &w->stress->workers[below(w, STRESS_WORKERS)];

	return (struct trn_timeline_point){ of->timeline, atomic_load(&of->promised) };
}

/* The batch and a signal after it. */
static int submit(struct stress_worker *w, uint64_t *ret_sequence)
{
	uint64_t value = atomic_load(&w->promised) + 1;
	uint64_t deadline_ns = soon(w);
	int r;

	TRY(trn_batch_signal(w->batch, w->timeline, value));
	do {
		r = trn_queue_submit(w->queue, w->batch, deadline_ns, ret_sequence);
	} while (again(w, r, deadline_ns));
	if (r == 0)
		atomic_store(&w->promised, value);
	return r;
}

/* What the queue dropped is raised from here: else the next batch would promise it anew, and might
 * wait, by way of others, for itself. */
static void keep_promise(struct stress_worker *w)
{
	int r = trn_timeline_signal(w->timeline, atomic_load(&w->promised));

	if (r < 0)
		stress_fail(w->stress, "thread %u: keeping a promise: %d", w->index, r);
}

/* ---- data ---- */

static int fresh(struct stress_worker *w, uint8_t **ret_in, uint8_t **ret_out)
{
	void *in, *out;

	TRY(trn_buffer_map(w->in, &in));
	TRY(trn_buffer_map(w->out, &out));
	for (uint32_t i = 0; i < STRESS_BYTES; i += 8) {
		uint64_t word = trn_prng_next(&w->prng);

		memcpy((uint8_t *)in + i, &word, 8);
	}
	memset(out, 0, STRESS_BYTES);
	*ret_in = in;
	*ret_out = out;
	trn_batch_clear(w->batch);
	return 0;
}

static void compare(struct stress_worker *w, const uint8_t *in, const uint8_t *out,
		    const char *what)
{
	if (memcmp(in, out, STRESS_BYTES) != 0)
		stress_fail(w->stress, "thread %u: %s: wrong data after %llu actions", w->index,
			    what, (unsigned long long)w->done);
}

/* ---- actions ---- */

/* Host to HBM and back, after some promises of other queues. */
static int act_copy(struct stress_worker *w)
{
	uint8_t *in, *out;
	uint64_t sequence = 0;

	TRY(fresh(w, &in, &out));
	for (uint64_t n = below(w, 3); n > 0; n--) {
		struct trn_timeline_point p = promise(w);

		TRY(trn_batch_wait(w->batch, p.timeline, p.value));
	}
	TRY(trn_batch_copy(w->batch, w->hbm, 0, w->in, 0, STRESS_BYTES));
	TRY(trn_batch_copy(w->batch, w->out, 0, w->hbm, 0, STRESS_BYTES));
	TRY(submit(w, &sequence));
	TRY(wait_queue(w, sequence));
	compare(w, in, out, "copy");
	return 0;
}

/* Several batches on their way at once; the last one's data counts. */
static int act_burst(struct stress_worker *w)
{
	uint8_t *in, *out;
	uint64_t sequence = 0;

	TRY(fresh(w, &in, &out));
	for (uint64_t n = 1 + below(w, 24); n > 0; n--) {
		trn_batch_clear(w->batch);
		TRY(trn_batch_fill(w->batch, w->hbm, 0, STRESS_BYTES, (uint32_t)n));
		TRY(trn_batch_copy(w->batch, w->hbm, 0, w->in, 0, STRESS_BYTES));
		TRY(trn_batch_copy(w->batch, w->out, 0, w->hbm, 0, STRESS_BYTES));
		TRY(submit(w, &sequence));
	}
	if (on(w, STRESS_CANCEL) && below(w, 4) == 0) {
		TRY(trn_queue_cancel(w->queue, soon(w)));
		keep_promise(w);
		return 0;
	}
	TRY(wait_queue(w, sequence));
	compare(w, in, out, "burst");
	return 0;
}

static int act_launch(struct stress_worker *w)
{
	const struct trn_arg args[2] = { { .buffer = w->in }, { .buffer = w->out } };
	uint8_t *in, *out;
	uint64_t sequence = 0;

	if (!w->program)
		return 0;
	TRY(fresh(w, &in, &out));
	TRY(trn_batch_launch(w->batch, w->program, w->index % w->stress->info.cores, args, 2));
	TRY(submit(w, &sequence));
	TRY(wait_queue(w, sequence));
	compare(w, in, out, "launch");
	return 0;
}

static int make_exec(struct stress_worker *w)
{
	struct trn_graph *graph;
	int r = trn_graph_create(w->stress->device, &graph);

	if (r < 0)
		return r;
	trn_batch_clear(w->batch);
	r = trn_batch_copy(w->batch, w->hbm, 0, w->in, 0, STRESS_BYTES);
	if (r == 0)
		r = trn_batch_copy(w->batch, w->out, 0, w->hbm, 0, STRESS_BYTES);
	if (r == 0)
		r = trn_graph_loop(graph, w->queue, NULL, 2, NULL);
	if (r == 0)
		r = trn_graph_add_batch(graph, w->batch, NULL);
	if (r == 0)
		r = trn_graph_end(graph, w->queue);
	if (r == 0)
		r = trn_graph_instantiate(graph, &w->exec);
	trn_graph_destroy(graph);
	return r;
}

static int act_graph(struct stress_worker *w)
{
	uint64_t deadline_ns = soon(w);
	uint8_t *in, *out;
	int r;

	if (!(w->stress->info.caps & TRN_CAP_LISTS))
		return 0;
	if (!w->exec)
		TRY(make_exec(w));
	TRY(fresh(w, &in, &out));
	TRY(trn_graph_launch(w->exec, deadline_ns, NULL));
	do {
		r = trn_graph_wait(w->exec, deadline_ns);
	} while (again(w, r, deadline_ns));
	TRY(r);
	compare(w, in, out, "graph");
	return 0;
}

static int act_waits(struct stress_worker *w)
{
	const struct trn_timeline_point points[3] = { promise(w), promise(w), promise(w) };

	return wait_points(w, points, 3, below(w, 2) ? TRN_WAIT_ANY : TRN_WAIT_ALL);
}

static void heard(void *user, int code)
{
	struct stress_worker *w = user;

	(void)code;
	atomic_fetch_add(&w->heard, 1);
}

static int act_notify(struct stress_worker *w)
{
	struct trn_timeline_point p = promise(w);
	uint64_t id = 0;

	TRY(trn_timeline_notify(p.timeline, p.value + below(w, 2), heard, w, &id));
	w->asked++;
	if (below(w, 2) && trn_timeline_notify_cancel(w->stress->context, id) == 0)
		w->cancelled++;
	return 0;
}

/* A descriptor for a promise becomes readable with nobody inside the library for it. */
static int act_fd(struct stress_worker *w)
{
	struct trn_timeline_point p = promise(w);
	struct pollfd at = { .events = POLLIN };
	int r = trn_timeline_fd(p.timeline, p.value, &at.fd);

	if (r == -ENOTSUP && (w->stress->info.caps & TRN_CAP_INLINE))
		return 0;
	TRY(r);
	r = poll(&at, 1, (int)(STRESS_PATIENCE / 1000000));
	(void)close(at.fd);
	if (r != 1)
		stress_fail(w->stress, "thread %u: descriptor for %llu: poll %d, value %llu",
			    w->index, (unsigned long long)p.value, r,
			    (unsigned long long)trn_timeline_value(p.timeline));
	return 0;
}

static int act_pool(struct stress_worker *w)
{
	uint64_t at[8];
	uint32_t count = 0;
	int r = 0;

	while (count < 8 && r == 0) {
		r = trn_pool_take(w->pool, 1 + below(w, 512), 0, &at[count]);
		count += r == 0;
	}
	while (count > 0)
		TRY(trn_pool_give(w->pool, at[--count]));
	return r;
}

/* What any thread may make and drop, beside everybody's work. */
static int act_objects(struct stress_worker *w)
{
	const struct trn_buffer_opts opts = {
		.size = sizeof(opts),
		.bytes = 1 + below(w, 65536),
		.kind = below(w, 2) ? TRN_BUFFER_HOST : TRN_BUFFER_HBM,
		.core = (uint32_t)below(w, w->stress->info.cores),
	};
	struct trn_timeline *timeline;
	struct trn_buffer *buffer;
	uint8_t wrote = (uint8_t)below(w, 256), read = (uint8_t)(wrote + 1);
	int r = trn_buffer_create(w->stress->device, &opts, &buffer);

	if (r < 0)
		return r;
	r = trn_buffer_write(buffer, opts.bytes - 1, &wrote, 1, soon(w));
	if (r == 0)
		r = trn_buffer_read(buffer, opts.bytes - 1, &read, 1, soon(w));
	if (r == 0 && read != wrote && !on(w, STRESS_DEVICE))
		stress_fail(w->stress, "thread %u: buffer: read %u, wrote %u", w->index, read,
			    wrote);
	trn_buffer_unref(buffer);
	TRY(r);
	TRY(trn_timeline_create(w->stress->device, 1, &timeline));
	TRY(trn_timeline_signal(timeline, 2));
	r = trn_timeline_wait(timeline, 2, TRN_DEADLINE_NOW);
	trn_timeline_unref(timeline);
	return r;
}

static int act_questions(struct stress_worker *w)
{
	struct trn_device *device = trn_device_ref(w->stress->device);
	struct trn_memory_usage usage = { .size = sizeof(usage) };
	struct trn_device_info info = { .size = sizeof(info) };
	struct trn_error error = { .size = sizeof(error) };
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	int r = trn_device_info(device, &info);

	if (r == 0)
		r = trn_device_memory_usage(device, TRN_MEMORY_HOST, &usage);
	if (r == 0)
		r = trn_device_telemetry(device, &telemetry);
	(void)trn_error_get(w->stress->context, &error);
	(void)trn_timeline_error(promise(w).timeline, &error);
	(void)trn_context_progress(w->stress->context);
	trn_device_unref(device);
	return r;
}

static int (*const actions[])(struct stress_worker *w) = {
	act_copy,  act_copy,   act_burst, act_launch, act_launch,  act_graph,
	act_waits, act_notify, act_fd,    act_pool,   act_objects, act_questions,
};

/* ---- a worker ---- */

/* What is missing yet: where memory is refused not all of it comes the first time. */
static int up(struct stress_worker *w)
{
	const struct trn_buffer_opts host = { .size = sizeof(host),
					      .bytes = STRESS_BYTES,
					      .kind = TRN_BUFFER_HOST };
	const struct trn_queue_opts queue = { .size = sizeof(queue),
					      .depth = 32,
					      .core = w->index % w->stress->info.cores };
	struct stress *s = w->stress;

	if (!w->in)
		TRY(trn_buffer_create(s->device, &host, &w->in));
	if (!w->out)
		TRY(trn_buffer_create(s->device, &host, &w->out));
	if (!w->hbm)
		TRY(trn_buffer_slice(s->shared, (uint64_t)w->index * STRESS_BYTES, STRESS_BYTES,
				     &w->hbm));
	if (!w->pool)
		TRY(trn_pool_create(w->hbm, NULL, &w->pool));
	if (!w->queue)
		TRY(trn_queue_create(s->device, &queue, &w->queue));
	if (!w->batch)
		TRY(trn_batch_create(w->queue, 16, &w->batch));
	if (!w->program && !on(w, STRESS_DEVICE))
		TRY(trn_program_load(s->device, s->image, s->image_bytes, 0, soon(w), &w->program));
	return 0;
}

static void down(struct stress_worker *w)
{
	w->exec = trn_graph_exec_destroy(w->exec);
	w->batch = trn_batch_destroy(w->batch);
	w->queue = trn_queue_unref(w->queue);
	w->program = trn_program_unref(w->program);
	w->pool = trn_pool_destroy(w->pool);
	w->hbm = trn_buffer_unref(w->hbm);
	w->in = trn_buffer_unref(w->in);
	w->out = trn_buffer_unref(w->out);
}

static bool allowed(const struct stress_worker *w, int r)
{
	static const struct {
		int code;
		uint32_t flags; /* any of them */
	} table[] = {
		{ -ECANCELED, STRESS_CANCEL },
		{ -TRN_ERESET, STRESS_RESETS | STRESS_DEVICE | STRESS_FAULTS | STRESS_CANCEL },
		{ -TRN_EQUEUE, STRESS_RESETS | STRESS_DEVICE | STRESS_FAULTS | STRESS_CANCEL },
		{ -ESTALE, STRESS_RESETS | STRESS_DEVICE | STRESS_FAULTS | STRESS_CANCEL },
		{ -EIO, STRESS_FAULTS },
		{ -EBUSY, STRESS_FAULTS | STRESS_RESETS }, /* the core is in reset, or faulted */
	};

	if (on(w, STRESS_MEMORY))
		return true;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == r && (table[i].flags & w->stress->flags))
			return true;
	return false;
}

/* After a failed action: a core that is faulted, a queue that stopped and an instance that is
 * dead are made good, as an application does. */
static void recover(struct stress_worker *w)
{
	struct trn_error error = { .size = sizeof(error) };

	if (!w->queue || trn_queue_error(w->queue, &error) == 0) {
		uint32_t core = w->index % w->stress->info.cores;
		int r = on(w, STRESS_FAULTS) ?
				trn_device_reset(w->stress->device, UINT32_C(1) << core, soon(w)) :
				0;

		if (w->queue && r == 0)
			r = trn_queue_reset(w->queue, soon(w));
		if (r < 0 && !allowed(w, r))
			stress_fail(w->stress, "thread %u: making good after %d: %d", w->index,
				    error.code, r);
	}
	keep_promise(w);
	w->exec = trn_graph_exec_destroy(w->exec);
}

void *stress_work(void *worker)
{
	struct stress_worker *w = worker;

	while (!atomic_load(&w->stress->stop)) {
		uint64_t which = below(w, sizeof(actions) / sizeof(actions[0]));
		struct trn_error error = { .size = sizeof(error) };
		int r = up(w);

		if (r == 0)
			r = actions[which](w);
		w->done += r == 0;
		if (r == 0)
			continue;
		if (!allowed(w, r)) {
			(void)trn_error_get(w->stress->context, &error);
			stress_fail(w->stress, "thread %u, action %llu: %d; %s: %s", w->index,
				    (unsigned long long)which, r, error.operation, error.cause);
		}
		recover(w);
	}
	down(w);
	return NULL;
}
