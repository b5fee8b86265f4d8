/* SPDX-License-Identifier: Apache-2.0 */
/* A NeuronCore as a thing with memory: SBUF and PSUM storage, the window other
 * parts of the device reach it through, its error record, reset and hash. What its
 * engines do is in seq.c and exec_*.c. */
#include "model/core.h"
#include "model/pair.h"

#include <errno.h>
#include "base/alloc.h"
#include "base/hash.h"

/* One cache line more than the partition: partitions at a power of two would all
 * fall into one set of the host's caches. */
#define PITCH_PAD 1088u

int trn_core_create(struct trn_chip *chip, uint32_t index, struct trn_core **ret_core)
{
	struct trn_core *core = trn_alloc_zero(chip->model->alloc, sizeof(*core));

	if (!core)
		return -ENOMEM;
	core->chip = chip;
	core->index = index;
	trn_random_reset(&core->random);
	core->sbuf_pitch = chip->gen->sbuf_partition_bytes + PITCH_PAD;
	core->psum_pitch = TRN_PSUM_PARTITION_SIZE + PITCH_PAD;
	core->sbuf_bytes = core->sbuf_pitch * TRN_ISA_PARTITIONS;
	core->psum_bytes = core->psum_pitch * TRN_ISA_PARTITIONS;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		core->engine[e].core = core;
		core->engine[e].index = (uint8_t)e;
	}
	*ret_core = core;
	return 0;
}

void trn_core_destroy(struct trn_core *core)
{
	const struct trn_model_host *host;

	if (!core)
		return;
	host = &core->chip->model->host;
	if (core->sbuf)
		host->unreserve(host->user, core->sbuf, core->sbuf_bytes);
	if (core->psum)
		host->unreserve(host->user, core->psum, core->psum_bytes);
	if (core->scratch)
		host->unreserve(host->user, core->scratch, sizeof(*core->scratch));
	trn_indirect_free(core);
	trn_free(core->chip->model->alloc, core);
}

/* Address space for the core's memories, at the first touch. */
bool trn_core_storage(struct trn_core *core)
{
	const struct trn_model_host *host = &core->chip->model->host;

	if (!core->sbuf)
		core->sbuf = host->reserve(host->user, core->sbuf_bytes);
	if (!core->psum)
		core->psum = host->reserve(host->user, core->psum_bytes);
	if (!core->scratch)
		core->scratch = host->reserve(host->user, sizeof(*core->scratch));
	return core->sbuf && core->psum && core->scratch;
}

/* Where a piece of the window is stored. */
struct window_piece {
	bool psum;
	uint32_t partition, offset;
	size_t room; /* bytes to the end of the partition */
};

static int window_find(const struct trn_core *core, uint32_t offset, struct window_piece *ret_piece)
{
	const uint32_t sbuf_end = TRN_SBUF_PARTITION_STRIDE * TRN_ISA_PARTITIONS;
	uint32_t limit = (uint32_t)core->chip->gen->sbuf_partition_bytes;
	uint32_t stride = TRN_SBUF_PARTITION_STRIDE;
	uint32_t at = offset - TRN_TPB_SBUF;

	ret_piece->psum = offset >= TRN_TPB_PSUM && offset - TRN_TPB_PSUM < TRN_TPB_PSUM_SIZE;
	if (ret_piece->psum) {
		limit = stride = TRN_PSUM_PARTITION_SIZE;
		at = offset - TRN_TPB_PSUM;
	} else if (offset >= sbuf_end) {
		return -EFAULT;
	}
	ret_piece->partition = at / stride;
	ret_piece->offset = at % stride;
	if (ret_piece->offset >= limit)
		return -EFAULT;
	ret_piece->room = limit - ret_piece->offset;
	return 0;
}

static uint8_t *window_at(struct trn_core *core, const struct window_piece *piece)
{
	return piece->psum ? core->psum + piece->partition * core->psum_pitch + piece->offset :
			     core->sbuf + piece->partition * core->sbuf_pitch + piece->offset;
}

/* All of it or nothing: the whole range is looked at first. */
static int window_check(const struct trn_core *core, uint32_t offset, uint64_t size)
{
	struct window_piece piece = { 0 };

	for (uint64_t done = 0; done < size; done += piece.room) {
		if (done + offset > UINT32_MAX ||
		    window_find(core, offset + (uint32_t)done, &piece) < 0)
			return -EFAULT;
	}
	return 0;
}

int trn_core_window_read(struct trn_core *core, uint32_t offset, void *dst, uint64_t size)
{
	struct window_piece piece = { 0 };
	uint8_t *out = dst;

	if (window_check(core, offset, size) < 0)
		return -EFAULT;
	for (uint64_t done = 0; done < size;) {
		size_t part;

		(void)window_find(core, offset + (uint32_t)done, &piece); /* checked above */
		part = (size_t)trn_min_u64(piece.room, size - done);
		if (core->sbuf && core->psum)
			memcpy(out + done, window_at(core, &piece), part);
		else
			memset(out + done, 0, part); /* never written */
		done += part;
	}
	return 0;
}

static void window_mark(struct trn_core *core, const struct window_piece *piece, size_t size)
{
	struct trn_view view = {
		.space = piece->psum ? TRN_SPACE_PSUM : TRN_SPACE_SBUF,
		.esize = 1,
		.dense = true,
		.start = piece->partition,
		.partitions = 1,
		.offset = piece->offset,
		.count = (uint32_t)size,
		.lo = piece->offset,
		.hi = piece->offset + (uint32_t)size,
		.ndims = 1,
		.step = { 1 },
		.num = { (uint32_t)size },
	};

	trn_core_wrote(core, &view, false);
}

int trn_core_window_write(struct trn_core *core, uint32_t offset, const void *src, uint64_t size)
{
	struct window_piece piece = { 0 };
	const uint8_t *in = src;

	if (window_check(core, offset, size) < 0 || !trn_core_storage(core))
		return -EFAULT;
	for (uint64_t done = 0; done < size;) {
		size_t part;

		(void)window_find(core, offset + (uint32_t)done, &piece); /* checked above */
		part = (size_t)trn_min_u64(piece.room, size - done);
		memcpy(window_at(core, &piece), in + done, part);
		window_mark(core, &piece, part);
		done += part;
	}
	return 0;
}

struct trn_sync *trn_core_sync(struct trn_core *core)
{
	return &core->sync;
}

/* Bits [lo, hi) of a map. */
static void map_set(uint64_t *map, uint32_t lo, uint32_t hi)
{
	for (uint32_t at = lo; at < hi;) {
		uint32_t bit = at % 64;
		uint32_t count = hi - at < 64 - bit ? hi - at : 64 - bit;
		uint64_t ones = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;

		map[at / 64] |= ones << bit;
		at += count;
	}
}

static void mask_run(struct trn_psum_mask *mask, int64_t at, uint32_t bytes)
{
	map_set(mask->bits, (uint32_t)at / TRN_PSUM_GRAIN,
		((uint32_t)at + bytes - 1) / TRN_PSUM_GRAIN + 1);
}

void trn_psum_mask(const struct trn_view *view, struct trn_psum_mask *ret_mask)
{
	const uint32_t last = view->ndims - 1;
	const bool run = view->step[last] == 1;
	uint32_t i[4] = { 0 };

	ret_mask->first = view->lo / TRN_PSUM_GRAIN / 64;
	ret_mask->last = (view->hi - 1) / TRN_PSUM_GRAIN / 64;
	memset(&ret_mask->bits[ret_mask->first], 0,
	       (ret_mask->last - ret_mask->first + 1) * sizeof(ret_mask->bits[0]));
	for (uint32_t done = 0; done < view->count;) {
		int64_t at = view->offset;
		uint32_t d = run ? last : view->ndims;

		for (uint32_t k = 0; k < view->ndims; k++)
			at += (int64_t)i[k] * view->step[k] * view->esize;
		mask_run(ret_mask, at, run ? view->num[last] * view->esize : view->esize);
		done += run ? view->num[last] : 1;
		while (d-- > 0 && ++i[d] == view->num[d])
			i[d] = 0;
	}
}

bool trn_psum_readable(const struct trn_core *core, const struct trn_view *view, bool summable)
{
	struct trn_psum_mask mask;

	trn_psum_mask(view, &mask);
	for (uint32_t p = view->start; p < view->start + view->partitions; p++) {
		const uint64_t *map = summable ? core->psum_summable[p] : core->psum_written[p];

		for (uint32_t w = mask.first; w <= mask.last; w++) {
			if ((map[w] & mask.bits[w]) != mask.bits[w])
				return false;
		}
	}
	return true;
}

static void psum_wrote(struct trn_core *core, const struct trn_view *view, bool summable)
{
	struct trn_psum_mask mask;

	trn_psum_mask(view, &mask);
	for (uint32_t p = view->start; p < view->start + view->partitions; p++) {
		for (uint32_t w = mask.first; w <= mask.last; w++) {
			core->psum_written[p][w] |= mask.bits[w];
			if (summable)
				core->psum_summable[p][w] |= mask.bits[w];
			else
				core->psum_summable[p][w] &= ~mask.bits[w];
		}
	}
	core->psum_used = true;
}

void trn_core_wrote(struct trn_core *core, const struct trn_view *view, bool by_matmul)
{
	uint64_t blocks = 0;

	if (view->space == TRN_SPACE_PSUM) {
		psum_wrote(core, view,
			   by_matmul ||
				   (core->chip->gen->features & TRN_FEATURE_PSUM_PRELOAD) != 0);
		return;
	}
	for (uint32_t i = 0; i < 2 * TRN_KEPT; i++) {
		struct trn_kept *kept = &core->kept[i / TRN_KEPT][i % TRN_KEPT];

		if (trn_view_overlap(view, &kept->view) || trn_view_overlap(view, &kept->scale))
			kept->view.space = TRN_SPACE_NONE;
	}
	map_set(&blocks, view->lo / TRN_SBUF_BLOCK, (view->hi - 1) / TRN_SBUF_BLOCK + 1);
	for (uint32_t p = view->start; p < view->start + view->partitions; p++)
		core->sbuf_touched[p] |= blocks;
}

/* The core stops; what its engines had under way is lost. */
void trn_core_fail(struct trn_core *core, const struct trn_core_error *error)
{
	struct trn_nq_entry entry = {
		.phase_type = TRN_NQ_ERROR | error->engine << 8,
		.code = error->code,
		.time_ps = core->chip->model->now_ps,
		.address = error->address,
		.pc = error->pc,
		.aux = error->rule,
	};

	memset(core->kept, 0, sizeof(core->kept)); /* a transfer may have stopped half way */
	core->error = *error;
	trn_trace_launch_end(core);
	core->state = TRN_CORE_FAULTED;
	core->epoch++;
	core->dma_live = 0;
	core->dma_time.count = 0;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct trn_core_engine *engine = &core->engine[e];

		if (engine->runs && engine->state != TRN_ENGINE_HALTED)
			engine->state = TRN_ENGINE_IDLE;
		engine->runs = false;
	}
	if (error->engine < TRN_ENGINE_COUNT)
		core->engine[error->engine].state = TRN_ENGINE_FAULTED;
	for (uint32_t d = 0; d < TRN_DMA_LIVE; d++)
		core->dma[d].used = false;
	trn_pair_stopped(core);
	trn_model_event(core->chip, TRN_EV_CORE_ERROR, "core-error", error->address, error->rule,
			core->index, error->engine);
	trn_chip_notify(core->chip, core->index, &entry);
	trn_launch_core_done(core->chip->launch, core->index);
}

/* Back to idle with everything zero but SBUF, whose contents a reset does not keep
 * a promise about and this one leaves. */
void trn_core_reset(struct trn_core *core)
{
	if (core->state == TRN_CORE_RUNNING)
		trn_trace_launch_end(core);
	core->epoch++;
	core->state = TRN_CORE_IDLE;
	core->runs = 0;
	memset(core->kept, 0, sizeof(core->kept));
	core->running = 0;
	core->dma_live = 0;
	core->error = (struct trn_core_error){ 0 };
	trn_random_reset(&core->random);
	memset(&core->sync, 0, sizeof(core->sync));
	memset(core->psum_written, 0, sizeof(core->psum_written));
	memset(core->psum_summable, 0, sizeof(core->psum_summable));
	memset(&core->dma_time, 0, sizeof(core->dma_time));
	memset(&core->pe_time, 0, sizeof(core->pe_time));
	memset(core->psum_bank, 0, sizeof(core->psum_bank));
	memset(&core->sbuf_port, 0, sizeof(core->sbuf_port));
	memset(&core->psum_port, 0, sizeof(core->psum_port));
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct trn_core_engine *engine = &core->engine[e];

		memset(engine, 0, sizeof(*engine));
		engine->core = core;
		engine->index = (uint8_t)e;
	}
	for (uint32_t d = 0; d < TRN_DMA_LIVE; d++)
		core->dma[d].used = false;
	trn_pair_stopped(core);
}

void trn_core_wipe(struct trn_core *core)
{
	const size_t limit = (size_t)core->chip->gen->sbuf_partition_bytes;

	for (uint32_t p = 0; p < TRN_ISA_PARTITIONS; p++) {
		for (size_t at = 0; at < limit; at += TRN_SBUF_BLOCK) {
			if (core->sbuf_touched[p] >> (at / TRN_SBUF_BLOCK) & 1)
				memset(core->sbuf + p * core->sbuf_pitch + at, 0,
				       (size_t)trn_min_u64(TRN_SBUF_BLOCK, limit - at));
		}
	}
	memset(core->sbuf_touched, 0, sizeof(core->sbuf_touched));
	if (core->psum_used)
		memset(core->psum, 0, core->psum_bytes);
	core->psum_used = false;
	memset(core->acc_vector, 0, sizeof(core->acc_vector));
	memset(core->acc_scalar, 0, sizeof(core->acc_scalar));
	trn_core_reset(core);
}

static uint64_t hash_sbuf(const struct trn_core *core, uint64_t hash)
{
	const uint32_t limit = (uint32_t)core->chip->gen->sbuf_partition_bytes;

	for (uint32_t p = 0; p < TRN_ISA_PARTITIONS; p++) {
		for (uint32_t b = 0; b < 64; b++) {
			uint32_t at = b * TRN_SBUF_BLOCK;

			if (!(core->sbuf_touched[p] >> b & 1) || at >= limit)
				continue;
			hash = trn_hash_u64(hash, (uint64_t)p << 32 | at);
			hash = trn_hash_bytes(hash, core->sbuf + p * core->sbuf_pitch + at,
					      (size_t)trn_min_u64(TRN_SBUF_BLOCK, limit - at));
		}
	}
	return hash;
}

uint64_t trn_core_hash(struct trn_core *core, uint64_t hash)
{
	hash = trn_hash_bytes(hash, &core->sync, sizeof(core->sync));
	hash = trn_hash_u64(hash, (uint64_t)core->state << 32 | core->runs);
	hash = trn_hash_u64(hash, (uint64_t)core->error.code << 32 | core->error.rule);
	hash = trn_pair_hash(core, hash);
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		const struct trn_core_engine *engine = &core->engine[e];

		hash = trn_hash_u64(hash, (uint64_t)engine->pc << 32 | engine->retired);
		hash = trn_hash_u64(hash, engine->state);
		if (engine->rounding != TRN_ROUND_NEAREST)
			hash = trn_hash_u64(hash, engine->rounding_state);
		hash = trn_hash_bytes(hash, engine->reg, sizeof(engine->reg));
	}
	hash = trn_hash_bytes(hash, &core->random, sizeof(core->random));
	if (core->psum_used) {
		hash = trn_hash_bytes(hash, core->psum_written, sizeof(core->psum_written));
		for (uint32_t p = 0; p < TRN_ISA_PARTITIONS; p++)
			hash = trn_hash_bytes(hash, core->psum + p * core->psum_pitch,
					      TRN_PSUM_PARTITION_SIZE);
	}
	return hash_sbuf(core, hash);
}

/* Low or high word of a counter of the activity block; 0 where there is none. */
uint32_t trn_core_pe_read(struct trn_core *core, uint32_t offset)
{
	/* Nanoseconds first: picoseconds times megahertz would overflow after two hours. */
	uint64_t total = (core->chip->model->now_ps - core->pe_since_ps) / TRN_PS_PER_NS *
			 trn_gen_clock_mhz(core->chip->gen, TRN_ENGINE_TENSOR) / 1000u;

	for (uint32_t row = 0; row < 4; row++) {
		uint64_t idle = total > core->pe_busy[row] ? total - core->pe_busy[row] : 0;
		const struct {
			uint32_t offset;
			uint64_t value;
		} counters[] = {
			{ TRN_PE_MATMUL_LSB(row), core->pe_busy[row] },
			{ TRN_PE_WEIGHT_LSB(row), core->pe_weight[row] },
			{ TRN_PE_FAST_LSB(row), core->pe_fast[row] },
			{ TRN_PE_IDLE_LSB(row), idle },
		};

		for (size_t i = 0; i < TRN_ARRAY_LEN(counters); i++) {
			if (offset == counters[i].offset)
				return trn_lo32(counters[i].value);
			if (offset == counters[i].offset + 4)
				return trn_hi32(counters[i].value);
		}
	}
	return 0;
}
