/* SPDX-License-Identifier: Apache-2.0 */
/* The bench of test_core.h. */
#include "model/test_core.h"

#include <check.h>
#include <string.h>
#include "base/bits.h"
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"

#define STREAM_BYTES (TRN_TEST_STREAM_WORDS * TRN_ISA_WORD_SIZE)
#define STEPS_MAX 2000000u

uint32_t trn_test_ext_rd(struct trn_test_core *tc, uint32_t offset)
{
	return trn_test_rd(&tc->host, TRN_EXT_BAR0 + offset);
}

void trn_test_ext_wr(struct trn_test_core *tc, uint32_t offset, uint32_t value)
{
	trn_test_wr(&tc->host, TRN_EXT_BAR0 + offset, value);
}

void trn_test_queue_open(struct trn_test_core *tc, uint32_t queue, uint32_t window)
{
	const uint64_t shift = (uint64_t)queue << 16;
	const uint64_t ring = TRN_TEST_HOST(TRN_TEST_IOVA_RING + (shift << 8));
	const uint64_t status = TRN_TEST_HOST(TRN_TEST_IOVA_STATUS + (shift << 8));

	if (queue > 0) {
		(void)trn_test_host_map(&tc->host, TRN_TEST_IOVA_RING + (shift << 8),
					TRN_TEST_RING * sizeof(struct trn_ext_cmd));
		(void)trn_test_host_map(&tc->host, TRN_TEST_IOVA_STATUS + (shift << 8), 4096);
	}
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_BASE_LO, trn_lo32(ring));
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_BASE_HI, trn_hi32(ring));
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_ENTRIES, TRN_TEST_RING);
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_WINDOW, window);
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_STATUS_LO, trn_lo32(status));
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_STATUS_HI, trn_hi32(status));
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_CONTROL, TRN_EXT_Q_ENABLE);
}

void trn_test_core_open(struct trn_test_core *tc, const char *gen)
{
	trn_test_core_init(tc, gen);
	trn_test_core_start(tc);
}

void trn_test_core_init(struct trn_test_core *tc, const char *gen)
{
	memset(tc, 0, sizeof(*tc));
	trn_prng_seed(&tc->prng, trn_test_seed());
	trn_test_host_init(&tc->host, gen);
}

void trn_test_core_start(struct trn_test_core *tc)
{
	trn_test_host_open(&tc->host);
	tc->ring = trn_test_host_map(&tc->host, TRN_TEST_IOVA_RING,
				     TRN_TEST_RING * sizeof(struct trn_ext_cmd));
	tc->status = trn_test_host_map(&tc->host, TRN_TEST_IOVA_STATUS, 4096);
	tc->desc = trn_test_host_map(&tc->host, TRN_TEST_IOVA_DESC, 4096);
	tc->args = (struct trn_ext_arg *)(void *)(tc->desc + 1);
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		tc->stream[e] = trn_test_host_map(
			&tc->host, TRN_TEST_IOVA_STREAM + e * STREAM_BYTES, STREAM_BYTES);
	tc->data = trn_test_host_map(&tc->host, TRN_TEST_IOVA_DATA, TRN_TEST_DATA_BYTES);
	trn_test_queue_open(tc, 0, 0);
	trn_test_clear(tc);
}

void trn_test_core_close(struct trn_test_core *tc)
{
	trn_test_host_close(&tc->host);
}

void trn_test_clear(struct trn_test_core *tc)
{
	memset(tc->desc, 0, sizeof(*tc->desc));
	tc->desc->magic = TRN_EXT_MAGIC;
	tc->desc->version = TRN_EXT_VERSION;
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		tc->desc->stream[e].address =
			TRN_TEST_HOST(TRN_TEST_IOVA_STREAM + e * STREAM_BYTES);
}

struct trn_isa_compute *trn_test_emit(struct trn_test_core *tc, enum trn_engine engine,
				      enum trn_op op, uint8_t words)
{
	struct trn_ext_stream *stream = &tc->desc->stream[engine];
	struct trn_isa_compute *inst =
		(void *)(tc->stream[engine] + stream->words * TRN_ISA_WORD_SIZE);

	ck_assert_uint_le(stream->words + words, TRN_TEST_STREAM_WORDS);
	memset(inst, 0, words * TRN_ISA_WORD_SIZE);
	inst->head.op = (uint8_t)op;
	inst->head.words = words;
	stream->words += words;
	return inst;
}

struct trn_isa_dma *trn_test_emit_dma(struct trn_test_core *tc, enum trn_engine engine,
				      enum trn_op op)
{
	return (struct trn_isa_dma *)(void *)trn_test_emit(tc, engine, op, 3);
}

struct trn_isa_ap trn_test_ap(enum trn_space space, enum trn_dtype dtype, uint32_t start,
			      uint32_t partitions, uint32_t offset, uint32_t count)
{
	return (struct trn_isa_ap){
		.space = (uint8_t)space,
		.dtype = (uint8_t)dtype,
		.start = (uint8_t)start,
		.partitions = (uint8_t)partitions,
		.offset = offset,
		.ndims = 1,
		.dims = { { 1, (uint16_t)count } },
	};
}

struct trn_isa_mem trn_test_mem(const struct trn_isa_ap *ap)
{
	struct trn_isa_mem mem = { .space = ap->space, .dtype = ap->dtype };

	mem.u.chip.ap = *ap;
	return mem;
}

struct trn_isa_mem trn_test_dram(uint32_t arg, enum trn_dtype dtype, uint64_t offset, uint32_t rows,
				 uint32_t count)
{
	struct trn_isa_mem mem = { .space = TRN_SPACE_DRAM,
				   .dtype = (uint8_t)dtype,
				   .arg = (uint8_t)arg };

	mem.u.dram.offset = offset;
	mem.u.dram.dims[0] = (struct trn_isa_dram_dim){ (int32_t)count, rows };
	mem.u.dram.dims[1] = (struct trn_isa_dram_dim){ 1, count };
	return mem;
}

void trn_test_arg(struct trn_test_core *tc, uint64_t value, uint64_t size)
{
	ck_assert_uint_lt(tc->desc->arg_count, TRN_ISA_ARGS_MAX);
	tc->args[tc->desc->arg_count++] = (struct trn_ext_arg){ value, size };
}

void trn_test_command(struct trn_test_core *tc, const struct trn_ext_cmd *cmd)
{
	tc->ring[tc->tail++ % TRN_TEST_RING] = *cmd;
	trn_test_ext_wr(tc, TRN_EXT_DOORBELL(0) + TRN_EXT_DB_TAIL, tc->tail);
}

void trn_test_start(struct trn_test_core *tc)
{
	const struct trn_ext_cmd cmd = {
		.op = TRN_CMD_LAUNCH,
		.tag = 0x1234,
		.a = { TRN_TEST_HOST(TRN_TEST_IOVA_DESC), tc->core },
	};

	trn_test_command(tc, &cmd);
}

uint32_t trn_test_launch(struct trn_test_core *tc)
{
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		if (tc->desc->stream[e].words > 0)
			(void)trn_test_emit(tc, e, TRN_OP_HALT, 1);
	}
	trn_test_start(tc);
	trn_test_host_settle(&tc->host, STEPS_MAX);
	return tc->status->error;
}

void trn_test_recover(struct trn_test_core *tc)
{
	trn_core_reset(tc->host.chip->core[tc->core]);
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(0) + TRN_EXT_Q_CONTROL,
			TRN_EXT_Q_RESET | TRN_EXT_Q_ENABLE);
	tc->tail = 0;
	trn_test_clear(tc);
}

static uint32_t window_offset(enum trn_space space, uint32_t partition, uint32_t offset)
{
	return space == TRN_SPACE_PSUM ?
		       TRN_TPB_PSUM + partition * TRN_PSUM_PARTITION_SIZE + offset :
		       TRN_TPB_SBUF + partition * TRN_SBUF_PARTITION_STRIDE + offset;
}

void trn_test_poke(struct trn_test_core *tc, enum trn_space space, uint32_t start,
		   uint32_t partitions, uint32_t offset, const void *rows, uint32_t bytes)
{
	struct trn_core *core = trn_chip_core(tc->host.chip, tc->core);

	for (uint32_t p = 0; p < partitions; p++)
		ck_assert_int_eq(trn_core_window_write(core,
						       window_offset(space, start + p, offset),
						       (const uint8_t *)rows + p * bytes, bytes),
				 0);
}

void trn_test_peek(struct trn_test_core *tc, enum trn_space space, uint32_t start,
		   uint32_t partitions, uint32_t offset, void *rows, uint32_t bytes)
{
	struct trn_core *core = trn_chip_core(tc->host.chip, tc->core);

	for (uint32_t p = 0; p < partitions; p++)
		ck_assert_int_eq(trn_core_window_read(core, window_offset(space, start + p, offset),
						      (uint8_t *)rows + p * bytes, bytes),
				 0);
}

void trn_test_fill(struct trn_test_core *tc, enum trn_dtype dtype, void *dst, uint32_t count)
{
	const size_t size = trn_dtype_size(dtype);
	const bool is_signed = dtype != TRN_DTYPE_U8 && dtype != TRN_DTYPE_U16 &&
			       dtype != TRN_DTYPE_U32;

	for (uint32_t i = 0; i < count; i++) {
		const double unit = trn_prng_unit(&tc->prng);
		const float value = (float)(is_signed ? 8.0 * unit - 4.0 : 100.0 * unit);

		trn_store_f32((uint8_t *)dst + i * size, dtype,
			      dtype <= TRN_DTYPE_S32 ? 10.0f * value : value);
	}
}

uint32_t trn_test_below(struct trn_test_core *tc, uint32_t n)
{
	return (uint32_t)trn_prng_below(&tc->prng, n);
}

/* Values of a view, element by element as the pattern says: the reference's own loads. */
uint32_t trn_test_view_count(const struct trn_isa_ap *ap)
{
	uint32_t count = 1;

	for (uint32_t d = 0; d < ap->ndims; d++)
		count *= ap->dims[d].num;
	return count;
}

static uint32_t element_at(const struct trn_isa_ap *ap, uint32_t n)
{
	int64_t at = 0;

	for (uint32_t d = ap->ndims; d-- > 0;) {
		at += (int64_t)(n % ap->dims[d].num) * ap->dims[d].step;
		n /= ap->dims[d].num;
	}
	return (uint32_t)(ap->offset + at * (int64_t)trn_dtype_size(ap->dtype));
}

void trn_test_raw_get(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		      void *dst)
{
	trn_test_peek(tc, ap->space, ap->start + p, 1, element_at(ap, n), dst,
		      (uint32_t)trn_dtype_size(ap->dtype));
}

void trn_test_raw_set(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		      const void *src)
{
	trn_test_poke(tc, ap->space, ap->start + p, 1, element_at(ap, n), src,
		      (uint32_t)trn_dtype_size(ap->dtype));
}

float trn_test_get(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n)
{
	uint8_t raw[4];

	trn_test_raw_get(tc, ap, p, n, raw);
	return trn_load_f32(raw, ap->dtype);
}

/* Fills everything a pattern may reach, gaps too. */
void trn_test_fill_view(struct trn_test_core *tc, const struct trn_isa_ap *ap)
{
	uint8_t row[TRN_TEST_COUNT_MAX * 4 * 4];
	const uint32_t size = (uint32_t)trn_dtype_size(ap->dtype);

	for (uint32_t p = 0; p < ap->partitions; p++) {
		trn_test_fill(tc, ap->dtype, row, TRN_TEST_COUNT_MAX * 4);
		trn_test_poke(tc, ap->space, ap->start + p, 1, ap->offset, row,
			      TRN_TEST_COUNT_MAX * 4 * size);
	}
}

/* count elements in one to three loops, sometimes with gaps. */
static struct trn_isa_ap shaped(struct trn_test_core *tc, enum trn_space space,
				enum trn_dtype dtype, uint32_t start, uint32_t partitions,
				uint32_t offset, uint32_t count)
{
	struct trn_isa_ap ap = trn_test_ap(space, dtype, start, partitions, offset, count);
	const uint32_t step = 1 + trn_test_below(tc, 2);

	if (trn_test_below(tc, 2) == 0)
		return ap;
	if (count % 4 == 0) {
		ap.ndims = 2;
		ap.dims[0] = (struct trn_isa_dim){ (int16_t)(step * (count / 4) + 3), 4 };
		ap.dims[1] = (struct trn_isa_dim){ (int16_t)step, (uint16_t)(count / 4) };
	} else {
		ap.dims[0].step = 2;
	}
	return ap;
}

static const enum trn_dtype floats[] = {
	TRN_DTYPE_F32, TRN_DTYPE_BF16, TRN_DTYPE_F16, TRN_DTYPE_F8E4M3, TRN_DTYPE_F8E5M2,
};

enum trn_dtype trn_test_any_float(struct trn_test_core *tc)
{
	return floats[trn_test_below(tc, TRN_ARRAY_LEN(floats))];
}

enum trn_dtype trn_test_any_dtype(struct trn_test_core *tc)
{
	return (enum trn_dtype)(1 + trn_test_below(tc, TRN_DTYPE_F8E3M4));
}

struct trn_test_place trn_test_any_place(struct trn_test_core *tc)
{
	static const uint32_t sizes[] = { 1, 7, 32, 48, 64, 100, 128 };
	struct trn_test_place place = {
		.partitions = sizes[trn_test_below(tc, TRN_ARRAY_LEN(sizes))],
		.count = 1 + trn_test_below(tc, TRN_TEST_COUNT_MAX),
	};

	if (place.partitions <= 32)
		place.start = 32 * trn_test_below(tc, 4);
	else if (place.partitions <= 64)
		place.start = 64 * trn_test_below(tc, 2);
	return place;
}

struct trn_isa_ap trn_test_operand(struct trn_test_core *tc, const struct trn_test_place *place,
				   enum trn_space space, enum trn_dtype dtype, uint32_t offset)
{
	return shaped(tc, space, dtype, place->start, place->partitions, offset, place->count);
}

void trn_test_expect(struct trn_test_core *tc, const struct trn_isa_ap *dst, uint32_t p, uint32_t n,
		     float want)
{
	uint8_t raw[4], have[4] = { 0 };

	memset(raw, 0, sizeof(raw));
	trn_store_f32(raw, dst->dtype, want);
	trn_test_raw_get(tc, dst, p, n, have);
	if (want != want) {
		ck_assert(trn_test_get(tc, dst, p, n) != trn_test_get(tc, dst, p, n));
		return;
	}
	ck_assert_msg(memcmp(raw, have, trn_dtype_size(dst->dtype)) == 0,
		      "partition %u element %u of %u: want %g, have %g as %s", p, n,
		      trn_test_view_count(dst), (double)want, (double)trn_test_get(tc, dst, p, n),
		      trn_dtype_name(dst->dtype));
}

void trn_test_cmd(struct trn_test_core *tc, enum trn_ext_op op, uint64_t a0, uint64_t a1,
		  uint64_t a2)
{
	const struct trn_ext_cmd cmd = { .op = (uint8_t)op, .tag = 77, .a = { a0, a1, a2 } };

	trn_test_command(tc, &cmd);
}

void trn_test_settle(struct trn_test_core *tc)
{
	trn_test_host_settle(&tc->host, 1000000);
}

/* Rings of other queues, found by address. */
static void *test_region(struct trn_test_core *tc, uint64_t iova)
{
	for (uint32_t i = 0; i < tc->host.region_count; i++) {
		if (tc->host.regions[i].iova == iova)
			return tc->host.regions[i].ptr;
	}
	ck_abort_msg("no region");
	return NULL;
}

void trn_test_command_on(struct trn_test_core *tc, uint32_t queue, const struct trn_ext_cmd *cmd)
{
	struct trn_ext_cmd *ring = test_region(tc, TRN_TEST_IOVA_RING + ((uint64_t)queue << 24));
	const uint32_t tail = trn_test_ext_rd(tc, TRN_EXT_QUEUE(queue) + TRN_EXT_Q_TAIL);

	ring[tail % TRN_TEST_RING] = *cmd;
	trn_test_ext_wr(tc, TRN_EXT_DOORBELL(queue) + TRN_EXT_DB_TAIL, tail + 1);
}

const struct trn_ext_status *trn_test_status_of(struct trn_test_core *tc, uint32_t queue)
{
	return test_region(tc, TRN_TEST_IOVA_STATUS + ((uint64_t)queue << 24));
}

void trn_test_restart(struct trn_test_core *tc)
{
	trn_test_ext_wr(tc, TRN_EXT_QUEUE(0) + TRN_EXT_Q_CONTROL,
			TRN_EXT_Q_RESET | TRN_EXT_Q_ENABLE);
	tc->tail = 0;
}

void trn_test_window(struct trn_test_core *tc, uint32_t w, uint32_t r, uint64_t base, uint64_t size,
		     uint32_t rights)
{
	trn_test_ext_wr(tc, TRN_EXT_WINDOW(w) + TRN_EXT_WIN_BASE_LO(r), trn_lo32(base));
	trn_test_ext_wr(tc, TRN_EXT_WINDOW(w) + TRN_EXT_WIN_BASE_HI(r), trn_hi32(base));
	trn_test_ext_wr(tc, TRN_EXT_WINDOW(w) + TRN_EXT_WIN_SIZE_LO(r), trn_lo32(size));
	trn_test_ext_wr(tc, TRN_EXT_WINDOW(w) + TRN_EXT_WIN_SIZE_HI(r), trn_hi32(size));
	trn_test_ext_wr(tc, TRN_EXT_WINDOW(w) + TRN_EXT_WIN_RIGHTS(r), rights);
}
