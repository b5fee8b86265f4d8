/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of trace-event JSON, as Perfetto and Chrome read it (docs/traces.md). Every item
 * is written when it comes: nothing is kept but the stream's buffer. */
#include "runtime/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/isa_text.h"
#include "base/lock.h"

/* Processes of a device: 0 the chip, then its cores. Tracks: queues, or those below. */
#define PROCESSES 64u
#define TRACKS 64u /* the numbers of tracks are unique in the file */
#define TRACK_LAUNCH 0u
#define TRACK_ENGINE 1u
#define TRACK_WAIT 9u
#define TRACK_DMA 17u
#define TRACK_PROCESSOR 25u /* waits of the core's two sync processors, then their transfers */
#define TRACK_TRANSFER 27u
#define CHIP_PROCESS 0u
#define CORES_MAX 32u /* seen[0] is the chip */

struct trn_trace {
	struct trn_alloc alloc;
	_Atomic uint32_t refs;
	struct trn_lock lock; /* leaf; everything below */
	FILE *file;           /* NULL: closed */
	int error;            /* the first */
	uint32_t sources;
	uint64_t spans; /* DMAs so far: each has a number */
	bool first;
};

int trn_trace_open(const struct trn_alloc *alloc, const char *path, struct trn_trace **ret_trace)
{
	struct trn_trace *trace = trn_alloc_zero(alloc, sizeof(*trace));

	if (!trace)
		return -ENOMEM;
	trace->alloc = *alloc;
	atomic_init(&trace->refs, 1);
	trace->first = true;
	trace->file = fopen(path, "we"); /* e: closed in children */
	if (!trace->file) {
		int r = errno ? -errno : -EIO;

		trn_free(alloc, trace);
		return r;
	}
	trn_lock_init(&trace->lock);
	if (fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"schema\":\"trn.trace/1\","
		  "\"time\":\"device\"},\"traceEvents\":[",
		  trace->file) < 0)
		trace->error = -errno;
	*ret_trace = trace;
	return 0;
}

void trn_trace_ref(struct trn_trace *trace)
{
	atomic_fetch_add(&trace->refs, 1);
}

int trn_trace_close(struct trn_trace *trace)
{
	int r;

	trn_lock_take(&trace->lock);
	if (trace->file) {
		if (!trace->error && fputs("\n]}\n", trace->file) < 0)
			trace->error = -errno;
		/* What was buffered may fail only now. */
		if (fclose(trace->file) != 0 && !trace->error)
			trace->error = errno ? -errno : -EIO;
		trace->file = NULL;
	}
	r = trace->error;
	trn_lock_give(&trace->lock);
	return r;
}

void trn_trace_unref(struct trn_trace *trace)
{
	struct trn_alloc alloc;

	if (!trace || atomic_fetch_sub(&trace->refs, 1) != 1)
		return;
	(void)trn_trace_close(trace); /* whoever wanted to know has asked */
	trn_lock_fini(&trace->lock);
	alloc = trace->alloc;
	trn_free(&alloc, trace);
}

uint32_t trn_trace_next(struct trn_trace *trace)
{
	uint32_t number;

	trn_lock_take(&trace->lock);
	number = trace->sources++;
	trn_lock_give(&trace->lock);
	return number;
}

/* ---- events; lock held ---- */

static void put(struct trn_trace *trace, const char *format, ...) TRN_PRINTF(2, 3);

static void put(struct trn_trace *trace, const char *format, ...)
{
	va_list args;

	if (trace->error)
		return;
	va_start(args, format);
	if (vfprintf(trace->file, format, args) < 0)
		trace->error = errno ? -errno : -EIO;
	va_end(args);
}

/* Text of a user inside quotes: every byte as a character of its own. */
static void put_text(struct trn_trace *trace, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		put(trace, c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? "\\u%04x" : "%c", c);
	}
}

/* Picoseconds as the microseconds of the format, exactly. */
#define TIME "%" PRIu64 ".%06" PRIu64
#define TIME_OF(ps) (ps) / 1000000, (ps) % 1000000

static uint32_t process_of(const struct trn_trace_source *source, uint32_t process)
{
	return source->number * PROCESSES + process + 1;
}

static void begin(struct trn_trace *trace, const struct trn_trace_source *source, const char *phase,
		  uint32_t process, uint32_t track)
{
	put(trace, "%s{\"ph\":\"%s\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32,
	    trace->first ? "\n" : ",\n", phase, process_of(source, process),
	    process_of(source, process) * TRACKS + track);
	trace->first = false;
}

static void name_process(struct trn_trace *trace, const struct trn_trace_source *source,
			 uint32_t process)
{
	begin(trace, source, "M", process, 0);
	put(trace, ",\"name\":\"process_name\",\"args\":{\"name\":\"");
	put_text(trace, source->name);
	if (process == CHIP_PROCESS)
		put(trace, "\"}}");
	else
		put(trace, " core %" PRIu32 "\"}}", process - 1);
	begin(trace, source, "M", process, 0);
	put(trace, ",\"name\":\"process_sort_index\",\"args\":{\"sort_index\":%" PRIu32 "}}",
	    process_of(source, process));
}

static void name_track(struct trn_trace *trace, const struct trn_trace_source *source,
		       uint32_t process, uint32_t track)
{
	const uint32_t engine = (track - TRACK_ENGINE) % (TRACK_WAIT - TRACK_ENGINE);
	const char *engine_name = trn_text_name(TRN_TEXT_ENGINE, engine);

	begin(trace, source, "M", process, track);
	put(trace, ",\"name\":\"thread_name\",\"args\":{\"name\":\"");
	if (process == CHIP_PROCESS)
		put(trace, "queue %" PRIu32, track);
	else if (track >= TRACK_PROCESSOR)
		put(trace, "processor %" PRIu32 "%s",
		    2 * (process - 1) + (track - TRACK_PROCESSOR) % 2,
		    track < TRACK_TRANSFER ? " waits" : "");
	else if (track == TRACK_LAUNCH || !engine_name)
		put(trace, "launches");
	else
		put(trace, "%s%s", engine_name,
		    track >= TRACK_DMA  ? " DMA" :
		    track >= TRACK_WAIT ? " waits" :
					  "");
	put(trace, "\"}}");
	begin(trace, source, "M", process, track);
	put(trace, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%" PRIu32 "}}", track);
}

/* Names a process and a track before their first event. */
static void introduce(struct trn_trace *trace, struct trn_trace_source *source, uint32_t process,
		      uint32_t track)
{
	uint64_t *seen = &source->seen[process];

	if (!*seen)
		name_process(trace, source, process);
	if (!(*seen >> track & 1))
		name_track(trace, source, process, track);
	*seen |= UINT64_C(1) << track;
}

static void put_span(struct trn_trace *trace, struct trn_trace_source *source, uint32_t process,
		     uint32_t track, const char *category, const struct trn_trace_item *item)
{
	introduce(trace, source, process, track);
	begin(trace, source, "X", process, track);
	put(trace, ",\"cat\":\"%s\",\"name\":\"%s\",\"ts\":" TIME ",\"dur\":" TIME, category,
	    item->name, TIME_OF(item->begin_ps), TIME_OF(item->end_ps - item->begin_ps));
}

/* DMAs of one engine overlap, and transfers of a processor: spans of their own, by number. */
static void put_dma(struct trn_trace *trace, struct trn_trace_source *source, uint32_t process,
		    const struct trn_trace_item *item)
{
	const bool transfer = item->kind == TRN_TRACE_TRANSFER;
	const uint32_t track = transfer ? TRACK_TRANSFER + item->track % 2 :
					  TRACK_DMA + item->track;

	introduce(trace, source, process, track);
	trace->spans++;
	for (int end = 0; end < 2; end++) {
		begin(trace, source, end ? "e" : "b", process, track);
		put(trace,
		    ",\"cat\":\"%s\",\"id\":\"%" PRIu64 "\",\"name\":\"%s%s%s\",\"ts\":" TIME,
		    transfer ? "transfer" : "dma", trace->spans, item->name, transfer ? "" : " by ",
		    transfer ? "" : trn_text_name(TRN_TEXT_ENGINE, item->track),
		    TIME_OF(end ? item->end_ps : item->begin_ps));
		if (!end)
			put(trace, ",\"args\":{\"pc\":%" PRIu32 ",\"bytes\":%" PRIu64 "}", item->pc,
			    item->value);
		put(trace, "}");
	}
}

static void put_counter(struct trn_trace *trace, struct trn_trace_source *source, uint32_t process,
			const char *name, bool numbered, const struct trn_trace_item *item)
{
	if (!source->seen[process])
		name_process(trace, source, process);
	source->seen[process] |= UINT64_C(1) << 63; /* no track of its own */
	begin(trace, source, "C", process, 0);
	put(trace, ",\"name\":\"%s", name);
	if (numbered)
		put(trace, " %" PRIu32, item->track);
	put(trace, "\",\"ts\":" TIME ",\"args\":{", TIME_OF(item->begin_ps));
	if (item->kind == TRN_TRACE_POWER)
		put(trace, "\"W\":%" PRIu64 ".%03" PRIu64 "}}", item->value / 1000,
		    item->value % 1000);
	else
		put(trace, "\"%s\":%" PRIu64 "}}",
		    item->kind == TRN_TRACE_SEMAPHORE ? "value" : "bytes/s", item->value);
}

static void put_item(struct trn_trace *trace, struct trn_trace_source *source,
		     const struct trn_trace_item *item)
{
	const uint32_t core = item->core % CORES_MAX + 1;
	const uint32_t engine = item->track % (TRACK_WAIT - TRACK_ENGINE);

	switch (item->kind) {
	case TRN_TRACE_INSTRUCTION:
		put_span(trace, source, core, TRACK_ENGINE + engine, "instruction", item);
		put(trace, ",\"args\":{\"pc\":%" PRIu32 ",\"cycles\":%" PRIu64 "}}", item->pc,
		    item->value);
		break;
	case TRN_TRACE_WAIT:
		put_span(trace, source, core, TRACK_WAIT + engine, "wait", item);
		put(trace, ",\"args\":{\"pc\":%" PRIu32 ",\"semaphore\":%" PRIu64 "}}", item->pc,
		    item->value);
		break;
	case TRN_TRACE_LAUNCH:
		put_span(trace, source, core, TRACK_LAUNCH, "launch", item);
		put(trace, ",\"args\":{\"error\":%" PRIu64 "}}", item->value);
		break;
	case TRN_TRACE_COPY:
		put_span(trace, source, CHIP_PROCESS, item->track % 63, "command", item);
		put(trace, ",\"args\":{\"tag\":%" PRIu64 "}}", item->value);
		break;
	case TRN_TRACE_SYNC_WAIT:
		put_span(trace, source, core, TRACK_PROCESSOR + item->track % 2, "wait", item);
		put(trace, ",\"args\":{\"pc\":%" PRIu32 ",\"semaphore\":%" PRIu64 "}}", item->pc,
		    item->value);
		break;
	case TRN_TRACE_DMA:
	case TRN_TRACE_TRANSFER:
		put_dma(trace, source, core, item);
		break;
	case TRN_TRACE_SEMAPHORE:
		put_counter(trace, source, core, "semaphore", true, item);
		break;
	case TRN_TRACE_HBM:
		put_counter(trace, source, CHIP_PROCESS, "HBM", true, item);
		break;
	case TRN_TRACE_LINK:
		put_counter(trace, source, CHIP_PROCESS, "link", true, item);
		break;
	case TRN_TRACE_POWER:
		put_counter(trace, source, CHIP_PROCESS, "power", false, item);
		break;
	default:
		break; /* a kind of a later version */
	}
}

void trn_trace_put(void *user, const struct trn_trace_item *item)
{
	struct trn_trace_source *source = user;
	struct trn_trace *trace = source->trace;

	trn_lock_take(&trace->lock);
	if (trace->file && !trace->error)
		put_item(trace, source, item);
	trn_lock_give(&trace->lock);
}
