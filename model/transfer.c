/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers in pieces. The next piece is booked when the one before has left, so that transfers
 * which share an engine, a stack or a link take turns; a piece is the size that they wait for. */
#include "model/transfer.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/number.h"
#include "model/core.h"
#include "model/fabric.h"
#include "model/parts.h"
#include "model/slots.h"

#define PIECE TRN_FABRIC_PIECE
#define PIECE_MIN (UINT64_C(64) << 10) /* of a reduction with many sources */
#define ELEMENT_MAX 4u
#define BOUNCE 4096u    /* bytes of a block where memory is not plain */
#define BOUNCE_MIN 64u  /* the same with many sources */
#define BOUNCE_MANY 16u /* sources */

/* ---- what it touches ---- */

/* A stride may lead down. */
static bool leads_down(const struct trn_transfer *t)
{
	return t->sources > 1 && t->stride >> 63;
}

/* All sources from the lowest byte on, and how far; false: something wraps. */
static bool sources_span(const struct trn_transfer *t, uint64_t *ret_low, uint64_t *ret_span)
{
	const uint64_t count = t->sources > 0 ? t->sources : 1;
	const uint64_t stride = leads_down(t) ? -t->stride : t->stride;
	uint64_t far;

	if (__builtin_mul_overflow(count - 1, stride, &far) ||
	    __builtin_add_overflow(far, t->bytes, ret_span))
		return false;
	*ret_low = leads_down(t) ? t->src - far : t->src;
	return (!leads_down(t) || far <= t->src) && *ret_low + *ret_span >= *ret_low &&
	       t->dst + t->bytes >= t->dst;
}

/* Whether an address is of another chip, and that one is lost: a broken way to it. */
static bool is_lost(const struct trn_transfer *t, uint64_t address)
{
	const struct trn_chip *chip = trn_chip_at(t->chip, &address);

	return chip && chip != t->chip && chip->dead;
}

/* Window, and whether something answers. */
static enum trn_ext_error range_check(const struct trn_transfer *t, uint32_t window,
				      uint64_t address, uint64_t size, bool write,
				      uint64_t *ret_bad)
{
	*ret_bad = address;
	if (!trn_launch_window_ok(t->chip->launch, window, address, size, write))
		return TRN_EXT_ERR_ADDRESS;
	if (is_lost(t, address))
		return TRN_EXT_ERR_LINK;
	return trn_chip_far_check(t->chip, address, size, write, ret_bad) < 0 ?
		       TRN_EXT_ERR_ADDRESS :
		       TRN_EXT_OK;
}

/* All sources at once, or one by one when something between them is not allowed. */
static enum trn_ext_error sources_check(const struct trn_transfer *t, uint32_t window, uint64_t low,
					uint64_t span, uint64_t *ret_bad)
{
	enum trn_ext_error error = range_check(t, window, low, span, false, ret_bad);

	if (error != TRN_EXT_ERR_ADDRESS || t->sources <= 1)
		return error;
	error = TRN_EXT_OK;
	for (uint32_t s = 0; error == TRN_EXT_OK && s < t->sources; s++)
		error = range_check(t, window, t->src + s * t->stride, t->bytes, false, ret_bad);
	return error;
}

/* Ranges of one memory that share bytes without being the same. */
static bool crosses(uint64_t a, uint64_t b, uint64_t size)
{
	return a != b && (a > b ? a - b : b - a) < size;
}

static bool overlaps(const struct trn_transfer *t, uint64_t low, uint64_t span)
{
	uint64_t dst = t->dst, src = low;

	if (trn_chip_at(t->chip, &dst) != trn_chip_at(t->chip, &src) || dst >= src + span ||
	    src >= dst + t->bytes)
		return false;
	for (uint32_t s = 0; s < t->sources || s == 0; s++) {
		if (crosses(dst, src + (t->src - low) + s * t->stride, t->bytes))
			return true;
	}
	return false;
}

enum trn_ext_error trn_transfer_check(const struct trn_transfer *t, uint32_t window,
				      uint64_t *ret_bad)
{
	enum trn_ext_error error;
	uint64_t low, span;

	*ret_bad = t->src;
	if (!sources_span(t, &low, &span) || (t->sources > 0 && trn_address_far(low + span)))
		return TRN_EXT_ERR_ADDRESS;
	if (t->bytes == 0)
		return TRN_EXT_OK;
	error = sources_check(t, window, low, span, ret_bad);
	if (error == TRN_EXT_OK)
		error = range_check(t, window, t->dst, t->bytes, true, ret_bad);
	if (error == TRN_EXT_OK && t->add_dst)
		error = range_check(t, window, t->dst, t->bytes, false, ret_bad);
	if (error == TRN_EXT_OK && overlaps(t, low, span)) {
		*ret_bad = t->dst;
		error = TRN_EXT_ERR_ADDRESS;
	}
	return error;
}

/* ---- moving ---- */

/* Through a block of each source; any memory. */
static int reduce_bounced(const struct trn_transfer *t, uint64_t at, uint64_t size,
			  uint64_t *ret_bad)
{
	const struct trn_alloc *alloc = t->chip->model->alloc;
	const size_t esize = trn_dtype_size(t->how.dtype);
	const uint32_t rows = t->sources + (t->add_dst ? 1 : 0);
	const uint64_t block = rows <= BOUNCE_MANY ? BOUNCE : BOUNCE_MIN;
	uint8_t *bytes = trn_alloc_array(alloc, rows, (size_t)block);
	const void **row = trn_alloc_array(alloc, rows, sizeof(*row));
	int r = bytes && row ? 0 : -ENOMEM;

	for (uint64_t done = 0; r == 0 && done < size; done += block) {
		const uint64_t part = trn_min_u64(size - done, block);

		for (uint32_t i = 0; r == 0 && i < rows; i++) {
			const bool own = t->add_dst && i == 0;
			const uint32_t s = i - (t->add_dst ? 1 : 0);

			row[i] = bytes + i * block;
			r = trn_chip_far_read(t->chip,
					      (own ? t->dst : t->src + s * t->stride) + at + done,
					      bytes + i * block, part, ret_bad);
		}
		if (r < 0)
			break;
		trn_reduce_row(bytes, row, rows, &t->how, (size_t)part / esize);
		r = trn_chip_far_write(t->chip, t->dst + at + done, bytes, part, ret_bad);
	}
	trn_free(alloc, row);
	trn_free(alloc, bytes);
	return r;
}

/* Straight from memory to memory; false: not all of it is plain. */
static bool reduce_plain(const struct trn_transfer *t, uint64_t at, uint64_t size)
{
	const void *row[TRN_SYNC_SOURCES_MAX + 1];
	uint32_t rows = 0;
	void *dst = trn_chip_far_memory(t->chip, t->dst + at, size, true);

	if (t->add_dst)
		row[rows++] = dst;
	for (uint32_t s = 0; s < t->sources; s++) {
		row[rows] = trn_chip_memory(t->chip, t->src + s * t->stride + at, size, false);
		if (!row[rows++])
			return false;
	}
	if (!dst)
		return false;
	trn_reduce_row(dst, row, rows, &t->how, (size_t)size / trn_dtype_size(t->how.dtype));
	return true;
}

static int move(const struct trn_transfer *t, uint64_t at, uint64_t size, uint64_t *ret_bad)
{
	int r;

	if (t->chip->model->config.timing_only) {
		r = trn_chip_far_check(t->chip, t->src + at, size, false, ret_bad);
		return r < 0 ? r : trn_chip_far_check(t->chip, t->dst + at, size, true, ret_bad);
	}
	if (t->sources == 0)
		return trn_chip_dma_copy(t->chip, t->dst + at, t->src + at, size, ret_bad);
	return reduce_plain(t, at, size) ? 0 : reduce_bounced(t, at, size, ret_bad);
}

/* A queue may wait for what lies there now. */
static void tell(const struct trn_transfer *t)
{
	uint64_t at = t->dst;
	struct trn_chip *to = trn_chip_at(t->chip, &at);

	if (to && to->launch)
		trn_launch_written(to->launch);
}

/* ---- time ---- */

static uint64_t piece_max(const struct trn_transfer *t)
{
	const uint64_t each = t->sources > 1 ? PIECE / t->sources : PIECE;

	return trn_max_u64(each / ELEMENT_MAX * ELEMENT_MAX, PIECE_MIN);
}

/* When the engines begin with so many bytes of dst, at start_ps or as soon as they can; *ret_span
 * is what they take. */
static uint64_t engine_ps(const struct trn_transfer *t, uint64_t size, uint64_t start_ps,
			  uint64_t *ret_span)
{
	const uint64_t work = size * (t->sources > 0 ? t->sources : 1) * 100u / t->percent;
	const uint64_t span = work * 1000000u / t->mbps;
	uint64_t end;

	*ret_span = span;
	if (!t->shared)
		return start_ps;
	trn_slots_roll(t->shared, t->chip->model->now_ps, NULL, NULL);
	t->shared->capacity = t->mbps;
	end = trn_slots_take(t->shared, 0, work, start_ps, span);
	return end > start_ps + span ? end - span : start_ps;
}

/* How many sources from s on lie in the stack of that one: those of one stack are read as one. */
static uint32_t same_stack(const struct trn_transfer *t, uint32_t s, uint64_t at)
{
	const uint64_t first = t->src + s * t->stride + at;

	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		const uint64_t base = trn_regs_hbm_axi(i);

		if (first < base || first - base >= t->chip->hbm_bytes)
			continue;
		if (t->stride == 0)
			return t->sources - s;
		if (leads_down(t))
			return (uint32_t)trn_min_u64((first - base) / -t->stride + 1,
						     t->sources - s);
		return (uint32_t)trn_min_u64(
			(t->chip->hbm_bytes - 1 - (first - base)) / t->stride + 1, t->sources - s);
	}
	return 1;
}

/* When all sources but the first, which the piece reads, have been read. */
static uint64_t read_ps(const struct trn_transfer *t, uint64_t at, uint64_t size, uint64_t start_ps,
			uint64_t span_ps)
{
	uint64_t end = start_ps + span_ps;

	for (uint32_t s = 1; s < t->sources;) {
		const uint32_t run = same_stack(t, s, at);

		end = trn_max_u64(end, trn_hbm_take_ps(t->chip, t->src + s * t->stride + at,
						       size * run, start_ps, span_ps));
		s += run;
	}
	return end;
}

/* What dst holds is read there before it is written. */
static uint64_t add_ps(const struct trn_transfer *t, uint64_t at, uint64_t size, uint64_t span_ps,
		       uint64_t end_ps)
{
	uint64_t dst = t->dst + at;
	struct trn_chip *to = trn_chip_at(t->chip, &dst);
	uint64_t end = end_ps;

	if (to)
		end = trn_hbm_take_ps(to, dst, size, end_ps - span_ps, span_ps);
	if (end <= end_ps)
		return end_ps;
	return to == t->chip ? end :
			       trn_fabric_order_ps(t->chip->model->fabric, t->chip->index,
						   to->index, t->priority, end);
}

/* When the next piece is at dst; TRN_MODEL_NEVER: the way is broken. */
static uint64_t piece_ps(struct trn_transfer *t, uint64_t size)
{
	struct trn_piece piece = {
		.dst = t->dst + t->begun,
		.src = t->src + t->begun,
		.bytes = size,
		.priority = t->priority,
	};
	uint64_t end;

	piece.start_ps = engine_ps(t, size,
				   t->chip->model->now_ps + (t->begun == 0 ? t->trigger_ps : 0),
				   &piece.span_ps);
	t->sent_ps = piece.start_ps + piece.span_ps;
	piece.span_ps = read_ps(t, t->begun, size, piece.start_ps, piece.span_ps) - piece.start_ps;
	end = trn_piece_ps(t->chip, &piece);
	if (t->add_dst && end != TRN_MODEL_NEVER)
		end = add_ps(t, t->begun, size, piece.span_ps, end);
	return end;
}

/* From the engine to dst with nothing else under way; a far source is asked first. */
static uint64_t latency_ps(const struct trn_transfer *t)
{
	uint64_t dst = t->dst, src = t->src;
	const struct trn_fabric *fabric = t->chip->model->fabric;
	const struct trn_chip *from = trn_chip_at(t->chip, &src), *to = trn_chip_at(t->chip, &dst);

	if (!fabric || !from || !to)
		return 0;
	return (from == t->chip ? 0 : trn_fabric_latency_ps(fabric, t->chip->index, from->index)) +
	       (from == to ? 0 : trn_fabric_latency_ps(fabric, from->index, to->index));
}

/* ---- a transfer ---- */

static int book(struct trn_transfer *t);

static int later(struct trn_transfer *t, uint64_t when,
		 void (*fn)(void *arg, uint64_t a, uint64_t b), uint64_t a, uint64_t b)
{
	struct trn_model *model = t->chip->model;
	const int r = trn_model_after(model, when > model->now_ps ? when - model->now_ps : 0, fn, t,
				      a, b);

	if (r == 0)
		t->events++;
	return r;
}

static void end(struct trn_transfer *t, enum trn_ext_error error, uint64_t bad)
{
	if (t->over)
		return;
	t->over = true;
	t->done(t, error, bad);
}

/* An event has been dealt with. */
static void leave(struct trn_transfer *t)
{
	t->events--;
	if (t->events == 0 && t->gone)
		t->gone(t);
}

static void spend(const struct trn_transfer *t, uint64_t at, uint64_t size)
{
	uint64_t dst = t->dst + at;
	struct trn_chip *to = trn_chip_at(t->chip, &dst);

	trn_energy_move(t->chip, t->dst + at, t->src + at, size);
	if (t->sources > 1)
		trn_energy_move(t->chip, TRN_ENERGY_NOWHERE, t->src + t->stride + at,
				size * (t->sources - 1));
	if (t->add_dst && to)
		trn_energy_move(to, TRN_ENERGY_NOWHERE, dst, size);
}

static void arrive_event(void *arg, uint64_t at, uint64_t size)
{
	struct trn_transfer *t = arg;
	uint64_t bad = t->dst + at;

	if (!t->over && size > 0 && move(t, at, size, &bad) < 0)
		end(t, is_lost(t, bad) ? TRN_EXT_ERR_LINK : TRN_EXT_ERR_ADDRESS, bad);
	if (t->over) {
		leave(t);
		return;
	}
	t->chip->counters.dma_bytes += size;
	spend(t, at, size);
	t->arrived += size;
	if (t->arrived == t->bytes) {
		tell(t);
		end(t, TRN_EXT_OK, 0);
	} else if (t->events == 1 && book(t) < 0) {
		/* There was no memory to look at the next piece before, and there is none now. */
		end(t, TRN_EXT_ERR_RESET, 0);
	}
	leave(t);
}

static void lost_event(void *arg, uint64_t at, uint64_t unused)
{
	struct trn_transfer *t = arg;

	(void)unused;
	end(t, TRN_EXT_ERR_LINK, t->dst + at);
	leave(t);
}

static void next_event(void *arg, uint64_t a, uint64_t b)
{
	struct trn_transfer *t = arg;

	(void)a;
	(void)b;
	if (!t->over && book(t) < 0)
		end(t, TRN_EXT_ERR_RESET, 0);
	leave(t);
}

/* When the piece behind the last one begins: the engine goes on while bytes are on the way, but
 * has so many pieces out and no more. */
static uint64_t next_ps(const struct trn_transfer *t)
{
	const uint64_t oldest =
		t->pieces < TRN_TRANSFER_AHEAD ? 0 : t->when_ps[t->pieces % TRN_TRANSFER_AHEAD];

	return trn_max_u64(t->sent_ps, oldest - trn_min_u64(oldest, t->latency_ps));
}

/* The next piece: its arrival, and when the one behind it is looked at. -ENOMEM: nothing of it
 * is in the calendar. */
static int book(struct trn_transfer *t)
{
	const uint64_t at = t->begun, size = trn_min_u64(t->bytes - at, piece_max(t));
	const uint64_t when = piece_ps(t, size);
	const bool last = at + size == t->bytes;
	int r;

	if (when == TRN_MODEL_NEVER)
		return later(t, t->chip->model->now_ps + TRN_FABRIC_LOST_PS, lost_event, at, 0);
	r = later(t, last ? when + t->done_ps : when, arrive_event, at, size);
	if (r < 0)
		return r;
	t->begun += size;
	t->when_ps[t->pieces++ % TRN_TRANSFER_AHEAD] = when;
	/* If there is no memory for it, the arrival does it. */
	if (!last)
		(void)later(t, next_ps(t), next_event, 0, 0);
	return 0;
}

int trn_transfer_begin(struct trn_transfer *t)
{
	t->begun = t->arrived = 0;
	t->events = 0;
	t->pieces = 0;
	t->over = false;
	t->latency_ps = latency_ps(t);
	return book(t);
}

void trn_transfer_cancel(struct trn_transfer *t)
{
	t->over = true;
}
