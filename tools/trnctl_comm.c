// SPDX-License-Identifier: Apache-2.0
/* trnctl comm: a collective on the chips of a pod, run, checked and measured. */
#include "tools/trnctl_comm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <trn/buffer.h>

#define OPEN_SECONDS 30u
#define RUN_SECONDS 600u
#define CHIPS_MAX 1024u

/* ---- ranks ---- */

static int ranks_of(struct comm *comm)
{
	uint64_t most = (uint64_t)comm->devices * comm->cores;

	if (comm->cores > comm->ctl->info.cores)
		return trnctl_fail_usage(comm->ctl, "--cores %" PRIu32 ": a chip has %" PRIu32,
					 comm->cores, comm->ctl->info.cores);
	if (comm->ranks == 0)
		comm->ranks = (uint32_t)most;
	if (comm->ranks > most)
		return trnctl_fail_usage(comm->ctl,
					 "--ranks %" PRIu32 ": %" PRIu32 " chips with %" PRIu32
					 " ranks each are %" PRIu64,
					 comm->ranks, comm->devices, comm->cores, most);
	comm->rank_device = calloc(comm->ranks, sizeof(*comm->rank_device));
	comm->rank_core = calloc(comm->ranks, sizeof(*comm->rank_core));
	if (!comm->rank_device || !comm->rank_core)
		return trnctl_fail(comm->ctl, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < comm->ranks; i++) {
		comm->rank_device[i] = comm->device[i / comm->cores];
		comm->rank_core[i] = i % comm->cores;
	}
	return TRNCTL_OK;
}

static int join(struct comm *comm)
{
	struct trn_comm_opts opts = { .size = sizeof(opts), .count = 1 };
	int r = comm->where == COMM_DEVICES ? ranks_of(comm) : TRNCTL_OK;

	if (r != TRNCTL_OK)
		return r;
	if (comm->where == COMM_DEVICES) {
		opts.devices = comm->rank_device;
		opts.cores = comm->rank_core;
		opts.count = comm->ranks;
	}
	opts.timeout_ns = RUN_SECONDS * UINT64_C(1000000000);
	r = trn_comm_create(comm->ctl->context, &opts, trnctl_deadline(comm->ctl, OPEN_SECONDS),
			    &comm->comm);
	if (r < 0)
		return trnctl_fail(comm->ctl, r, "no communicator of %" PRIu32 " ranks here",
				   opts.count);
	comm->info.size = sizeof(comm->info);
	r = trn_comm_info(comm->comm, &comm->info);
	if (r < 0)
		return trnctl_fail(comm->ctl, r, "the communicator does not describe itself");
	if (comm->root >= comm->info.ranks)
		return trnctl_fail_usage(comm->ctl, "--root %" PRIu32 " of %" PRIu32 " ranks",
					 comm->root, comm->info.ranks);
	if (comm->operation->kind == TRN_COMM_SEND && comm->info.ranks < 2)
		return trnctl_fail_usage(comm->ctl, "sendrecv takes two ranks");
	return TRNCTL_OK;
}

static int open_pod(struct comm *comm)
{
	struct trnctl *ctl = comm->ctl;
	int r = trnctl_context(ctl);
	const char *uri;

	if (r != TRNCTL_OK || comm->where != COMM_DEVICES)
		return r;
	comm->device = calloc(CHIPS_MAX, sizeof(struct trn_device *));
	if (!comm->device)
		return trnctl_fail(ctl, -ENOMEM, "no memory");
	r = trn_pod_open(ctl->context, ctl->uri, trnctl_deadline(ctl, OPEN_SECONDS), comm->device,
			 CHIPS_MAX, &comm->devices);
	if (r < 0)
		return trnctl_fail(ctl, r, "cannot open %s", ctl->uri ? ctl->uri : "a device");
	ctl->info.size = sizeof(ctl->info);
	comm->pod.size = sizeof(comm->pod);
	r = trn_device_info(comm->device[0], &ctl->info);
	if (r == 0)
		r = trn_device_pod(comm->device[0], &comm->pod);
	if (r < 0)
		return trnctl_fail(ctl, r, "the device does not describe itself");
	uri = ctl->uri ? ctl->uri : getenv("TRN_DEVICE");
	if (comm->check && uri && strstr(uri, "timing-only=1"))
		return trnctl_fail_usage(ctl, "--check needs data: %.100s moves none", uri);
	return TRNCTL_OK;
}

/* ---- memory ---- */

/* Elements of the larger side of the largest rank at this count. */
static uint64_t elements_most(const struct comm *comm)
{
	uint64_t most = 0;

	for (uint32_t rank = 0; rank < comm->info.ranks; rank++) {
		uint64_t src = comm_src_elements(comm, rank), dst = comm_dst_elements(comm, rank);

		most = src > most ? src : most;
		most = dst > most ? dst : most;
	}
	return most;
}

/* The count that makes a size; the size it then is. */
static void count_set(struct comm *comm, uint64_t bytes, struct comm_row *row)
{
	uint64_t parts = comm->operation->layout == COMM_VECTOR ? 1 : comm->info.ranks;

	comm->count = bytes / comm->type->bytes / parts;
	if (comm->count == 0 && comm->operation->layout != COMM_NONE)
		comm->count = 1;
	row->count = comm->count;
	row->bytes = elements_most(comm) * comm->type->bytes;
}

static int buffer_of(struct comm *comm, uint32_t local, uint64_t bytes, struct comm_side *side)
{
	struct trn_buffer_opts opts = {
		.size = sizeof(opts),
		.bytes = bytes,
		.core = comm->rank_core[local],
	};

	return trn_buffer_create(comm->rank_device[local], &opts, &side->buffer);
}

static int host_of(struct comm *comm, uint64_t bytes, struct comm_side *side)
{
	void *host = NULL;
	int r = 0;

	if (comm->where == COMM_SHARED)
		r = trn_comm_host_alloc(comm->comm, bytes, &host);
	else if (bytes > SIZE_MAX || !(host = calloc(1, (size_t)bytes)))
		r = -ENOMEM;
	side->host = host;
	return r;
}

static int side_make(struct comm *comm, uint32_t local, uint64_t elements, struct comm_side *side)
{
	uint64_t bytes = (elements > 0 ? elements : 1) * comm->type->bytes;
	int r;

	if (comm->where == COMM_DEVICES)
		r = buffer_of(comm, local, bytes, side);
	else
		r = host_of(comm, bytes, side);
	return r < 0 ? trnctl_fail(comm->ctl, r, "rank %" PRIu32 ": memory of %" PRIu64 " bytes",
				   comm->info.first + local, bytes) :
		       TRNCTL_OK;
}

static void side_free(struct comm *comm, struct comm_side *side)
{
	trn_buffer_unref(side->buffer);
	if (comm->where == COMM_SHARED && comm->comm)
		(void)trn_comm_host_free(comm->comm, side->host);
	else
		free(side->host);
	*side = (struct comm_side){ 0 };
}

/* For the sizes of the row under way. Nothing touches them from here unless the check does. */
static int memory_make(struct comm *comm)
{
	int r = TRNCTL_OK;

	for (uint32_t i = 0; i < comm->info.count && r == TRNCTL_OK; i++) {
		uint32_t rank = comm->info.first + i;
		struct comm_memory *memory = &comm->memory[i];
		uint64_t src = comm_src_elements(comm, rank), dst = comm_dst_elements(comm, rank);

		if (comm->in_place && dst > src)
			src = dst;
		r = side_make(comm, i, src, &memory->src);
		if (comm->in_place)
			memory->dst = memory->src;
		else if (r == TRNCTL_OK)
			r = side_make(comm, i, dst, &memory->dst);
	}
	return r;
}

static void memory_free(struct comm *comm)
{
	for (uint32_t i = 0; comm->memory && i < comm->info.count; i++) {
		struct comm_memory *memory = &comm->memory[i];

		side_free(comm, &memory->src);
		if (!comm->in_place)
			side_free(comm, &memory->dst);
	}
}

/* ---- calls ---- */

/* What is different from rank to rank. */
static void v_arrays(struct comm *comm)
{
	for (uint32_t third = 0; third < 3; third++) {
		for (uint32_t i = 0; i < comm->info.ranks; i++) {
			comm->counts[third][i] = comm_part(comm, third, i);
			comm->offsets[third][i] = comm_offset(comm, third, i);
		}
	}
}

static struct trn_comm_span span_of(const struct comm_side *side, uint64_t offset)
{
	if (side->host)
		return (struct trn_comm_span){ .host = side->host + offset };
	return (struct trn_comm_span){ .buffer = side->buffer, .offset = offset };
}

static struct trn_comm_call call_of(const struct comm *comm, uint32_t local)
{
	const struct comm_operation *operation = comm->operation;
	uint32_t rank = comm->info.first + local, third = rank % 3;
	uint64_t own = comm_offset(comm, rank, rank) * comm->type->bytes;
	struct trn_comm_call call = {
		.size = sizeof(call),
		.kind = operation->kind,
		.op = comm->op,
		.dtype = comm->type->dtype,
		.algorithm = comm->algorithm,
		.rank = rank,
		.root = comm->root,
		.priority = comm->priority,
		.count = comm->count,
	};

	if (operation->layout != COMM_NONE) {
		call.src = span_of(&comm->memory[local].src,
				   comm->in_place && operation->layout == COMM_GATHER ? own : 0);
		call.dst = span_of(&comm->memory[local].dst,
				   comm->in_place && operation->layout == COMM_SCATTER ? own : 0);
	}
	if (operation->v) {
		call.dst_counts = comm->counts[third];
		if (operation->layout == COMM_EXCHANGE) {
			call.src_counts = comm->counts[third];
			call.src_offsets = comm->offsets[third];
		}
		if (operation->layout != COMM_SCATTER)
			call.dst_offsets = comm->offsets[third];
	}
	if (operation->kind == TRN_COMM_PERMUTE)
		call.permutation = comm->permutation;
	return call;
}

/* Calls of all local ranks; their number. */
static uint32_t calls_make(struct comm *comm)
{
	uint32_t count = 0, ranks = comm->info.ranks;

	if (comm->operation->v)
		v_arrays(comm);
	for (uint32_t i = 0; i < comm->info.count; i++) {
		struct trn_comm_call call = call_of(comm, i);

		if (comm->operation->kind == TRN_COMM_SEND)
			call.root = (call.rank + 1) % ranks;
		comm->calls[count++] = call;
		if (comm->operation->kind != TRN_COMM_SEND)
			continue;
		call.kind = TRN_COMM_RECV;
		call.root = (call.rank + ranks - 1) % ranks;
		comm->calls[count++] = call;
	}
	return count;
}

static int tables_make(struct comm *comm)
{
	uint32_t ranks = comm->info.ranks;
	bool ok = true;

	comm->memory = calloc(comm->info.count, sizeof(*comm->memory));
	comm->calls = calloc((size_t)comm->info.count * 2, sizeof(*comm->calls));
	comm->permutation = calloc(ranks, sizeof(*comm->permutation));
	comm->samples = calloc((size_t)comm->iterations * 2, sizeof(*comm->samples));
	for (uint32_t i = 0; i < 3; i++) {
		comm->counts[i] = calloc(ranks, sizeof(uint64_t));
		comm->offsets[i] = calloc(ranks, sizeof(uint64_t));
		ok = ok && comm->counts[i] && comm->offsets[i];
	}
	if (!ok || !comm->memory || !comm->calls || !comm->permutation || !comm->samples)
		return trnctl_fail(comm->ctl, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < ranks; i++)
		comm->permutation[i] = (i + 1) % ranks;
	return TRNCTL_OK;
}

/* ---- measuring ---- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Who is missing, behind the record of a failure. */
static int run_failed(struct comm *comm, int code, const struct comm_row *row)
{
	char why[160];
	uint32_t rank;

	if (trn_comm_lost(comm->comm, 0, &rank, why, sizeof(why)) == 0)
		return trnctl_fail(comm->ctl, code,
				   "%s of %" PRIu64 " bytes: rank %" PRIu32 " is lost: %.120s",
				   comm->operation->name, row->bytes, rank, why);
	return trnctl_fail(comm->ctl, code, "%s of %" PRIu64 " bytes on %" PRIu32 " ranks",
			   comm->operation->name, row->bytes, comm->info.ranks);
}

static int iterate(struct comm *comm, struct comm_row *row, uint32_t calls)
{
	uint32_t all = comm->warmup + comm->iterations;
	struct trn_comm_times times = { .size = sizeof(times) };
	int r;

	row->device_ns = comm->samples;
	row->wall_ns = comm->samples + comm->iterations;
	row->have_device = true;
	for (uint32_t i = 0; i < all; i++) {
		uint64_t start = trn_deadline_in(0);

		r = trn_comm_run(comm->comm, comm->calls, calls,
				 trnctl_deadline(comm->ctl, RUN_SECONDS));
		if (r < 0)
			return run_failed(comm, r, row);
		if (i < comm->warmup)
			continue;
		row->wall_ns[i - comm->warmup] = trn_deadline_in(0) - start;
		row->have_device &= trn_comm_times(comm->comm, &times) == 0;
		row->device_ns[i - comm->warmup] = times.device_ns;
	}
	qsort(row->device_ns, comm->iterations, sizeof(uint64_t), by_value);
	qsort(row->wall_ns, comm->iterations, sizeof(uint64_t), by_value);
	return TRNCTL_OK;
}

/* Once more, on known data. */
static int check(struct comm *comm, struct comm_row *row, uint32_t calls)
{
	int r = comm->operation->layout == COMM_NONE ? 0 : comm_fill(comm);

	if (r == 0) {
		r = trn_comm_run(comm->comm, comm->calls, calls,
				 trnctl_deadline(comm->ctl, RUN_SECONDS));
		if (r < 0)
			return run_failed(comm, r, row);
	}
	if (r == 0 && comm->operation->layout != COMM_NONE)
		r = comm_compare(comm, row);
	return r < 0 ? trnctl_fail(comm->ctl, r, "data of the check") : TRNCTL_OK;
}

static int one_size(struct comm *comm, uint64_t bytes)
{
	struct comm_row row = { .cost = { .size = sizeof(row.cost) } };
	uint32_t calls;
	int r;

	count_set(comm, bytes, &row);
	r = comm->operation->layout == COMM_NONE ? TRNCTL_OK : memory_make(comm);
	if (r == TRNCTL_OK) {
		calls = calls_make(comm);
		row.have_cost = trn_comm_cost(comm->comm, &comm->calls[0], &row.cost) == 0;
		r = iterate(comm, &row, calls);
		if (r == TRNCTL_OK && comm->check)
			r = check(comm, &row, calls);
	}
	if (r == TRNCTL_OK)
		comm_out_row(comm, &row);
	memory_free(comm);
	return r;
}

/* ---- the verb ---- */

static void comm_free(struct comm *comm)
{
	memory_free(comm);
	trn_comm_unref(comm->comm);
	for (uint32_t i = 0; i < comm->devices; i++)
		trn_device_unref(comm->device[i]);
	for (uint32_t i = 0; i < 3; i++) {
		free(comm->counts[i]);
		free(comm->offsets[i]);
	}
	free(comm->device);
	free(comm->rank_device);
	free(comm->rank_core);
	free(comm->memory);
	free(comm->calls);
	free(comm->permutation);
	free(comm->samples);
	json_object_put(comm->rows);
}

int trnctl_comm(struct trnctl *ctl, int argc, char **argv)
{
	struct comm comm = { .ctl = ctl };
	int r;

	if (!comm_parse_args(&comm, argc, argv, &r))
		return r;
	r = open_pod(&comm);
	if (r == TRNCTL_OK)
		r = join(&comm);
	if (r == TRNCTL_OK)
		r = tables_make(&comm);
	if (r == TRNCTL_OK)
		comm_out_begin(&comm);
	for (uint32_t i = 0; i < comm.size_count && r == TRNCTL_OK; i++)
		r = one_size(&comm, comm.sizes[i]);
	if (r == TRNCTL_OK)
		r = comm_out_end(&comm);
	comm_free(&comm);
	return r;
}
