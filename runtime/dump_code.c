/* SPDX-License-Identifier: Apache-2.0 */
/* Sections with what the device was at: instructions around each engine's pc, operations of
 * collectives. What lies in the device's memory is read there, and not trusted. */
#include "runtime/dump.h"

#include <errno.h>
#include <string.h>
#include "base/clock.h"

#define WINDOW_BYTES 65536u
#define WINDOW_WORDS (WINDOW_BYTES / TRN_ISA_WORD_SIZE)
#define WALK_WORDS 65536u /* from the start of a stream, to find where instructions begin */
#define AROUND 8u         /* instructions before and after the pc */
#define OPS_AROUND 4u

/* Device memory to the window. What cannot be read once is not tried again. */
static bool fetch(struct trn_dump_make *make, uint64_t address, size_t bytes)
{
	struct trn_device *device = make->device;
	int r;

	if (make->blind || make->window.size == 0)
		return false;
	trn_lock_take(&device->lock);
	r = device->hal->ops.copy(device->hal, make->window.address, address, bytes,
				  make->deadline_ns);
	trn_lock_give(&device->lock);
	make->blind = r == -ETIMEDOUT || r == -TRN_EDEVLOST;
	return r == 0;
}

/* ---- instructions ---- */

/* Words of the instruction there; 0: it is none. */
static uint32_t insn_words(const uint8_t *word)
{
	const struct trn_isa_op *op = trn_isa_op(word[0]);
	const uint8_t words = word[offsetof(struct trn_isa_head, words)];

	return op && words >= op->words_min && words <= op->words_max ? words : 0;
}

/* Whether the disassembler may have it: it takes what was checked. Operands are judged without
 * the program, whose arguments and length nobody knows here; a branch has none. */
static bool is_sound(enum trn_engine engine, const uint8_t *word, uint32_t count)
{
	uint64_t written = 0;
	uint8_t starts = 1;
	struct trn_trnx_fault fault;
	const struct trn_trnx_code code = {
		.words = word,
		.count = count,
		.starts = &starts,
		.engine = engine,
		.arg_count = TRN_TRNX_ARGS_MAX,
		.section_args = TRN_TRNX_ARGS_MAX,
		.written = &written,
	};

	return word[0] == TRN_OP_BRANCH ? word[offsetof(struct trn_isa_head, indirect)] == 0 :
					  trn_trnx_code_check(&code, &fault) == 0;
}

static void put_insn(struct trn_dump_make *make, enum trn_engine engine, uint32_t pc,
		     const uint8_t *word, bool here)
{
	const uint32_t words = insn_words(word);
	uint8_t none = 0;
	const struct trn_trnx_code code = {
		.words = word, .count = 1, .starts = &none, .engine = engine
	};

	trn_asm_put(&make->out, "%c %6u  ", here ? '>' : ' ', pc);
	if (words > 0 && is_sound(engine, word, words)) {
		trn_asm_put_insn(&make->out, &code, 0);
	} else {
		for (uint32_t i = 0; i < TRN_ISA_WORD_SIZE; i++)
			trn_asm_put(&make->out, "%02x", word[i]);
	}
	trn_asm_put(&make->out, "\n");
}

/* Walks from the start of the stream; recent[] gets the last starts up to pc. */
static bool find_start(struct trn_dump_make *make, const struct trn_ext_stream *stream, uint32_t pc,
		       uint32_t *ret_start)
{
	const uint8_t *bytes = make->window.host;
	uint32_t recent[AROUND] = { 0 };
	uint32_t at = 0, count = 0, low = 0, high = 0;

	while (at < pc && at < WALK_WORDS) {
		uint32_t words;

		if (at >= high) {
			low = at;
			high = (uint32_t)trn_min_u64(at + WINDOW_WORDS, stream->words);
			if (!fetch(make, stream->address + (uint64_t)low * TRN_ISA_WORD_SIZE,
				   (size_t)(high - low) * TRN_ISA_WORD_SIZE))
				return false;
		}
		recent[count++ % AROUND] = at;
		words = insn_words(bytes + (size_t)(at - low) * TRN_ISA_WORD_SIZE);
		at += words > 0 ? words : 1;
	}
	*ret_start = at < pc ? pc : (count >= AROUND ? recent[count % AROUND] : recent[0]);
	return true;
}

static void put_stream(struct trn_dump_make *make, enum trn_engine engine,
		       const struct trn_ext_stream *stream, uint32_t pc)
{
	const uint8_t *bytes = make->window.host;
	uint32_t start, end, after = 0;

	if (pc >= stream->words || !find_start(make, stream, pc, &start)) {
		trn_asm_put(&make->out, "%s\n", pc >= stream->words ? "ended" : "unreadable");
		return;
	}
	end = (uint32_t)trn_min_u64(start + 4 * AROUND, stream->words);
	if (!fetch(make, stream->address + (uint64_t)start * TRN_ISA_WORD_SIZE,
		   (size_t)(end - start) * TRN_ISA_WORD_SIZE)) {
		trn_asm_put(&make->out, "unreadable\n");
		return;
	}
	for (uint32_t at = start; at < end && after <= AROUND;) {
		const uint8_t *word = bytes + (size_t)(at - start) * TRN_ISA_WORD_SIZE;
		const uint32_t words = insn_words(word);

		if (words > end - at)
			break;
		put_insn(make, engine, at, word, at == pc);
		after += at >= pc;
		at += words > 0 ? words : 1;
	}
}

static const char *engine_state(uint32_t state)
{
	static const char *const names[] = { "idle", "busy", "waiting", "halted", "faulted" };

	return state < TRN_ARRAY_LEN(names) ? names[state] : "unknown";
}

/* The live pc, or where the core stopped. */
static uint32_t pc_of(struct trn_dump_make *make, const struct trn_dump_job *job, uint32_t e,
		      uint32_t *ret_state)
{
	const uint32_t core = make->device->info.ext_base + TRN_EXT_CORE(job->core);
	uint32_t pc = UINT32_MAX;

	*ret_state = UINT32_MAX;
	if (job->stopped && job->at_core == job->core && job->at_engine == e)
		pc = job->at_pc;
	else
		(void)trn_dump_reg(make, core + TRN_EXT_CORE_PC(e), &pc);
	(void)trn_dump_reg(make, core + TRN_EXT_CORE_STATUS(e), ret_state);
	return pc;
}

static void put_launch(struct trn_dump_make *make, const struct trn_dump_job *job)
{
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		const struct trn_ext_stream *stream = &job->launch.stream[e];
		uint32_t state, pc;

		if (stream->words == 0)
			continue;
		pc = pc_of(make, job, e, &state);
		trn_asm_put(&make->out, "queue %u command %" PRIu64 " core %u engine %s",
			    job->queue, job->sequence - 1, job->core,
			    trn_text_name(TRN_TEXT_ENGINE, e));
		trn_asm_put(&make->out, " %s pc %" PRId64 " of %u\n", engine_state(state),
			    pc == UINT32_MAX ? -1 : (int64_t)pc, stream->words);
		put_stream(make, (enum trn_engine)e, stream, pc);
	}
}

/* ---- collectives ---- */

static void put_op(struct trn_dump_make *make, uint32_t at, const struct trn_ext_sync_op *op,
		   bool here)
{
	static const char *const names[] = {
		[TRN_SYNC_COPY] = "copy",   [TRN_SYNC_REDUCE] = "reduce",
		[TRN_SYNC_WAIT] = "wait",   [TRN_SYNC_SIGNAL] = "signal",
		[TRN_SYNC_FENCE] = "fence", [TRN_SYNC_END] = "end",
	};
	const char *name = op->op < TRN_ARRAY_LEN(names) ? names[op->op] : NULL;

	trn_asm_put(&make->out, "%c %6u  %s peer %u semaphore %u value %u", here ? '>' : ' ', at,
		    name ? name : "unknown", op->peer, op->semaphore, op->value);
	trn_asm_put(&make->out,
		    " dst 0x%" PRIx64 " src 0x%" PRIx64 " bytes %" PRIu64 " sources %u\n", op->dst,
		    op->src, op->bytes, op->sources);
}

static void put_processor(struct trn_dump_make *make, const struct trn_dump_job *job,
			  const struct trn_ext_sync_stream *stream)
{
	const bool here = job->stopped && job->at_core == stream->processor;
	const uint64_t pc = here ? job->at_pc : 0;
	const uint64_t first = pc > OPS_AROUND ? pc - OPS_AROUND : 0;
	const uint64_t end = trn_min_u64(first + 2 * OPS_AROUND + 1, stream->ops);

	trn_asm_put(&make->out, "processor %u operations %u\n", stream->processor, stream->ops);
	if (first >= end)
		return;
	if (!fetch(make, stream->address + first * sizeof(struct trn_ext_sync_op),
		   (size_t)(end - first) * sizeof(struct trn_ext_sync_op))) {
		trn_asm_put(&make->out, "unreadable\n");
		return;
	}
	for (uint64_t at = first; at < end; at++) {
		struct trn_ext_sync_op op;

		memcpy(&op, (const uint8_t *)make->window.host + (at - first) * sizeof(op),
		       sizeof(op));
		put_op(make, (uint32_t)at, &op, here && at == pc);
	}
}

static void put_collect(struct trn_dump_make *make, const struct trn_dump_job *job)
{
	struct trn_ext_sync_stream streams[TRN_SYNC_STREAMS_MAX];
	struct trn_ext_collect collect;
	uint32_t count;

	trn_asm_put(&make->out, "queue %u command %" PRIu64 " descriptor 0x%" PRIx64 "\n",
		    job->queue, job->sequence - 1, job->collect);
	if (!fetch(make, job->collect, sizeof(collect))) {
		trn_asm_put(&make->out, "unreadable\n");
		return;
	}
	memcpy(&collect, make->window.host, sizeof(collect));
	trn_asm_put(&make->out, "streams %u priority %u limit_ns %" PRIu64 "\n", collect.streams,
		    collect.priority, collect.limit_ns);
	count = collect.streams < TRN_SYNC_STREAMS_MAX ? collect.streams : TRN_SYNC_STREAMS_MAX;
	if (count == 0 ||
	    !fetch(make, job->collect + sizeof(collect), count * sizeof(streams[0]))) {
		trn_asm_put(&make->out, "unreadable\n");
		return;
	}
	memcpy(streams, make->window.host, count * sizeof(streams[0]));
	for (uint32_t i = 0; i < count; i++)
		put_processor(make, job, &streams[i]);
}

void trn_dump_code(struct trn_dump_make *make)
{
	trn_dump_begin(make, "instructions");
	for (uint32_t i = 0; i < make->job_count; i++)
		if (make->jobs[i].collect == 0)
			put_launch(make, &make->jobs[i]);
	trn_dump_end(make);
	trn_dump_begin(make, "collectives");
	for (uint32_t i = 0; i < make->job_count; i++)
		if (make->jobs[i].collect != 0)
			put_collect(make, &make->jobs[i]);
	trn_dump_end(make);
}
