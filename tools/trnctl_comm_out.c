// SPDX-License-Identifier: Apache-2.0
/* trnctl comm: rows as text, CSV or JSON. Bandwidths are of device time where the device tells
 * it, else of wall time. */
#include "tools/trnctl_comm.h"

#include <inttypes.h>
#include <math.h>

/* ---- figures ---- */

static double average(const uint64_t *values, uint32_t count)
{
	double sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += (double)values[i];
	return sum / count;
}

/* values are sorted; the nearest rank of a percentile. */
static double stat_of(const struct comm_stat *stat, const uint64_t *values, uint32_t count)
{
	double rank;

	if (stat->percent == -1)
		return average(values, count);
	if (stat->percent < 0)
		return (double)values[stat->percent == -2 ? 0 : count - 1];
	rank = ceil(stat->percent / 100 * count);
	return (double)values[rank < 1 ? 0 : (uint32_t)rank - 1];
}

static double time_of(const struct comm *comm, const struct comm_row *row)
{
	return average(row->have_device ? row->device_ns : row->wall_ns, comm->iterations);
}

/* GB/s of the size, as if it went once. */
static double algbw(const struct comm *comm, const struct comm_row *row)
{
	double ns = time_of(comm, row);

	return ns > 0 ? (double)row->bytes / ns : 0;
}

/* What of it each rank has to send at least. */
static double busbw(const struct comm *comm, const struct comm_row *row)
{
	double ranks = comm->info.ranks, factor = 1;

	if (comm->operation->kind == TRN_COMM_ALL_REDUCE)
		factor = 2 * (ranks - 1) / ranks;
	else if (comm->operation->layout != COMM_VECTOR)
		factor = (ranks - 1) / ranks;
	return algbw(comm, row) * factor;
}

/* Device time over the least there is; NAN: not known. */
static double times_of_bound(const struct comm *comm, const struct comm_row *row)
{
	if (!row->have_cost || !row->have_device || row->cost.bound_ns == 0)
		return NAN;
	return average(row->device_ns, comm->iterations) / (double)row->cost.bound_ns;
}

static const char *algorithm_of(const struct comm *comm, const struct comm_row *row)
{
	return trn_comm_algorithm_name(row->have_cost ? row->cost.algorithm : comm->algorithm);
}

static const char *op_of(const struct comm *comm)
{
	return comm->operation->reduces ? trn_comm_op_name(comm->op) : "none";
}

/* ---- text and CSV ---- */

static void csv_begin(const struct comm *comm)
{
	printf("operation,ranks,size_bytes,count,type,op,algorithm");
	for (uint32_t i = 0; i < comm->stat_count; i++)
		printf(",device_us_%s", comm->stats[i].text);
	printf(",wall_us,algbw_gbps,busbw_gbps,bound_us,times_of_bound,errors\n");
}

static void text_begin(const struct comm *comm)
{
	printf("# %s on %" PRIu32 " ranks of %s, %s%s%s\n", comm->operation->name, comm->info.ranks,
	       comm->where == COMM_DEVICES ? comm->pod.name : "host memory", comm->info.transport,
	       comm->in_place ? ", in place" : "",
	       comm->check == COMM_CHECK_NONE ? "" : ", checked");
	printf("# %" PRIu32 " iterations after %" PRIu32
	       " to warm up; sizes in bytes, times in us, "
	       "GB are 10^9 bytes\n",
	       comm->iterations, comm->warmup);
	printf("#%11s %11s %-8s %-4s %-9s", "size", "count", "type", "op", "algorithm");
	for (uint32_t i = 0; i < comm->stat_count; i++)
		printf(" %6s:%-4s", "device", comm->stats[i].text);
	printf(" %11s %9s %9s %11s %8s %6s\n", "wall:avg", "algbw", "busbw", "bound", "x bound",
	       "errors");
}

/* A cell of so many columns. */
static void cell(int width, int digits, double value)
{
	if (isfinite(value))
		printf(" %*.*f", width, digits, value);
	else
		printf(" %*s", width, "-");
}

/* The same between commas, empty when there is none. */
static void field(int digits, double value)
{
	if (isfinite(value))
		printf(",%.*f", digits, value);
	else
		printf(",");
}

/* In us; NAN: the device does not tell. */
static double device_us(const struct comm *comm, const struct comm_row *row, uint32_t stat)
{
	if (!row->have_device)
		return NAN;
	return stat_of(&comm->stats[stat], row->device_ns, comm->iterations) / 1e3;
}

static double bound_us(const struct comm_row *row)
{
	return row->have_cost ? (double)row->cost.bound_ns / 1e3 : NAN;
}

static void text_row(const struct comm *comm, const struct comm_row *row)
{
	printf("%12" PRIu64 " %11" PRIu64 " %-8s %-4s %-9s", row->bytes, row->count,
	       comm->type->name, op_of(comm), algorithm_of(comm, row));
	for (uint32_t i = 0; i < comm->stat_count; i++)
		cell(11, 2, device_us(comm, row, i));
	cell(11, 1, average(row->wall_ns, comm->iterations) / 1e3);
	cell(9, 2, algbw(comm, row));
	cell(9, 2, busbw(comm, row));
	cell(11, 2, bound_us(row));
	cell(8, 3, times_of_bound(comm, row));
	if (comm->check == COMM_CHECK_NONE)
		printf(" %6s\n", "-");
	else
		printf(" %6" PRIu64 "\n", row->errors);
	if (row->errors > 0)
		printf("#   %s\n", row->first_error);
}

static void csv_row(const struct comm *comm, const struct comm_row *row)
{
	printf("%s,%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%s,%s,%s", comm->operation->name,
	       comm->info.ranks, row->bytes, row->count, comm->type->name, op_of(comm),
	       algorithm_of(comm, row));
	for (uint32_t i = 0; i < comm->stat_count; i++)
		field(3, device_us(comm, row, i));
	field(3, average(row->wall_ns, comm->iterations) / 1e3);
	field(4, algbw(comm, row));
	field(4, busbw(comm, row));
	field(3, bound_us(row));
	field(4, times_of_bound(comm, row));
	if (comm->check == COMM_CHECK_NONE)
		printf(",\n");
	else
		printf(",%" PRIu64 "\n", row->errors);
}

/* ---- JSON ---- */

#define NUMBER(object, key, value) \
	json_object_object_add(object, key, json_object_new_uint64(value))

static struct json_object *times_json(const struct comm *comm, const uint64_t *values)
{
	static const struct comm_stat stats[] = {
		{ "avg", -1 }, { "min", -2 }, { "max", -3 },
		{ "p50", 50 }, { "p90", 90 }, { "p99", 99 },
	};
	struct json_object *json = json_object_new_object();

	for (size_t i = 0; i < sizeof(stats) / sizeof(stats[0]); i++)
		json_object_object_add(json, stats[i].text,
				       trnctl_real(stat_of(&stats[i], values, comm->iterations)));
	for (uint32_t i = 0; i < comm->stat_count; i++) {
		if (!json_object_object_get_ex(json, comm->stats[i].text, NULL))
			json_object_object_add(
				json, comm->stats[i].text,
				trnctl_real(stat_of(&comm->stats[i], values, comm->iterations)));
	}
	return json;
}

static void row_json(const struct comm *comm, const struct comm_row *row)
{
	struct json_object *json = json_object_new_object();

	NUMBER(json, "size", row->bytes);
	NUMBER(json, "count", row->count);
	json_object_object_add(json, "algorithm", trnctl_text(algorithm_of(comm, row)));
	json_object_object_add(json, "device_ns",
			       row->have_device ? times_json(comm, row->device_ns) : NULL);
	json_object_object_add(json, "wall_ns", times_json(comm, row->wall_ns));
	json_object_object_add(json, "algbw", trnctl_real(algbw(comm, row)));
	json_object_object_add(json, "busbw", trnctl_real(busbw(comm, row)));
	if (row->have_cost) {
		NUMBER(json, "predicted_ns", row->cost.predicted_ns);
		NUMBER(json, "bound_ns", row->cost.bound_ns);
		NUMBER(json, "bound_latency_ns", row->cost.bound_latency_ns);
		NUMBER(json, "bound_bandwidth_ns", row->cost.bound_bandwidth_ns);
		NUMBER(json, "wire_bytes", row->cost.wire_bytes);
		NUMBER(json, "steps", row->cost.steps);
	} else {
		json_object_object_add(json, "bound_ns", NULL);
	}
	json_object_object_add(json, "times_of_bound", trnctl_real(times_of_bound(comm, row)));
	json_object_object_add(json, "checked",
			       comm->check ? json_object_new_uint64(row->checked) : NULL);
	json_object_object_add(json, "errors",
			       comm->check ? json_object_new_uint64(row->errors) : NULL);
	json_object_object_add(json, "first_error",
			       row->errors > 0 ? trnctl_text(row->first_error) : NULL);
	json_object_array_add(comm->rows, json);
}

static struct json_object *document_of(struct comm *comm, double bus)
{
	static const char *const checks[] = { NULL, "random", "ones" };
	struct json_object *document = trnctl_document("trn.comm/1");

	json_object_object_add(document, "operation", trnctl_text(comm->operation->name));
	json_object_object_add(document, "pod",
			       comm->pod.name[0] ? trnctl_text(comm->pod.name) : NULL);
	json_object_object_add(document, "fabric",
			       comm->pod.name[0] ? trnctl_text(comm->pod.fabric) : NULL);
	NUMBER(document, "ranks", comm->info.ranks);
	NUMBER(document, "ranks_of_a_chip", comm->cores);
	NUMBER(document, "processes", comm->info.processes);
	json_object_object_add(document, "transport", trnctl_text(comm->info.transport));
	json_object_object_add(document, "type", trnctl_text(comm->type->name));
	json_object_object_add(document, "op", trnctl_text(op_of(comm)));
	json_object_object_add(document, "requested_algorithm",
			       trnctl_text(trn_comm_algorithm_name(comm->algorithm)));
	json_object_object_add(document, "in_place", json_object_new_boolean(comm->in_place));
	NUMBER(document, "root", comm->root);
	NUMBER(document, "priority", comm->priority);
	NUMBER(document, "iterations", comm->iterations);
	NUMBER(document, "warmup", comm->warmup);
	json_object_object_add(document, "check", trnctl_text(checks[comm->check]));
	NUMBER(document, "seed", comm->seed);
	json_object_object_add(document, "results", comm->rows);
	json_object_object_add(document, "average_busbw", trnctl_real(bus));
	NUMBER(document, "errors", comm->errors);
	return document;
}

/* ---- all of it ---- */

/* One process of a job speaks for all. */
static bool silent(const struct comm *comm)
{
	return comm->info.process != 0;
}

void comm_out_begin(struct comm *comm)
{
	comm->rows = json_object_new_array();
	if (comm->ctl->json || silent(comm))
		return;
	if (comm->csv)
		csv_begin(comm);
	else
		text_begin(comm);
}

void comm_out_row(struct comm *comm, const struct comm_row *row)
{
	comm->busbw_sum += busbw(comm, row);
	comm->errors += row->errors;
	if (comm->ctl->json)
		row_json(comm, row);
	else if (comm->csv && !silent(comm))
		csv_row(comm, row);
	else if (!silent(comm))
		text_row(comm, row);
	fflush(stdout);
}

int comm_out_end(struct comm *comm)
{
	double bus = comm->size_count > 0 ? comm->busbw_sum / comm->size_count : 0;
	int status = comm->errors > 0 ? TRNCTL_FAILURE : TRNCTL_OK;

	if (comm->ctl->json) {
		struct json_object *document = document_of(comm, bus);

		comm->rows = NULL; /* the document's now */
		if (silent(comm)) {
			json_object_put(document);
			return status;
		}
		return trnctl_print(comm->ctl, document, (enum trnctl_exit)status);
	}
	if (comm->csv || silent(comm))
		return status;
	printf("# avg bus bandwidth %.2f GB/s", bus);
	if (comm->check)
		printf(", %" PRIu64 " errors", comm->errors);
	printf("\n");
	return status;
}
