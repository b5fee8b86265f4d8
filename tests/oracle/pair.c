/* SPDX-License-Identifier: Apache-2.0 */
/* SENDRECV and CORE_BARRIER: two cores of a pair, launched together. */
#include "drive.h"

#include <string.h>

#define ZONE 4096u /* bytes of each partition, of both cores */
#define SLICE 1024u
#define PIPES 16u
#define ARG_BYTES 4096u
#define STAGE(core) (0x100000u + (core)*0x100000u)
#define DATA TRN_TEST_HOST(TRN_TEST_IOVA_DATA)

struct pair {
	struct orc_bench *bench;
	struct orc_rng rng;
	uint32_t base;
	uint8_t mem[2][ORC_PARTITIONS][ZONE];
};

static void begin(struct pair *pair)
{
	struct trn_test_core *tc = &pair->bench->tc;

	trn_test_clear(tc);
	tc->desc->arg_count = 0;
	trn_test_arg(tc, DATA, ARG_BYTES);
}

/* What has been emitted becomes the launch of a core. */
static void stage(struct pair *pair, uint32_t core)
{
	struct trn_test_core *tc = &pair->bench->tc;
	uint8_t *at = tc->data + STAGE(core);
	uint64_t used = 4096;

	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++) {
		struct trn_ext_stream *stream = &tc->desc->stream[e];

		if (stream->words == 0)
			continue;
		(void)trn_test_emit(tc, e, TRN_OP_HALT, 1);
		memcpy(at + used, tc->stream[e], stream->words * (size_t)TRN_ISA_WORD_SIZE);
		stream->address = DATA + STAGE(core) + used;
		used += stream->words * (uint64_t)TRN_ISA_WORD_SIZE;
	}
	memcpy(at, tc->desc, sizeof(*tc->desc) + tc->desc->arg_count * sizeof(*tc->args));
}

static bool run_both(struct pair *pair)
{
	struct trn_test_core *tc = &pair->bench->tc;
	const uint32_t first = orc_below(&pair->rng, 2);

	for (uint32_t k = 0; k < 2; k++) {
		const uint32_t core = k ^ first;
		const struct trn_ext_cmd cmd = { .op = TRN_CMD_LAUNCH,
						 .tag = 1,
						 .a = { DATA + STAGE(core), core } };

		trn_test_command_on(tc, core, &cmd);
		tc->tail += core == 0;
	}
	trn_test_settle(tc);
	trn_test_clear(tc);
	return trn_test_status_of(tc, 0)->error == 0 && trn_test_status_of(tc, 1)->error == 0;
}

static struct trn_isa_ap view(struct pair *pair, uint32_t dtype, uint32_t partitions,
			      uint32_t count, uint32_t offset)
{
	const uint32_t inner = count % 2 == 0 && orc_chance(&pair->rng, 50) ? 2 : 1;
	struct trn_isa_ap ap = { .space = TRN_SPACE_SBUF,
				 .dtype = (uint8_t)dtype,
				 .start = (uint8_t)orc_below(&pair->rng, 129 - partitions),
				 .partitions = (uint8_t)partitions,
				 .offset = pair->base + offset,
				 .ndims = 2 };

	/* one after the other, or the inner loop outside */
	ap.dims[0] = (struct trn_isa_dim){ (int16_t)inner, (uint16_t)(count / inner) };
	ap.dims[1] = (struct trn_isa_dim){ 1, (uint16_t)inner };
	if (orc_chance(&pair->rng, 30)) {
		ap.dims[0].step = (int16_t)-ap.dims[0].step;
		ap.offset += (count - inner) * orc_size(dtype);
	}
	return ap;
}

static uint8_t *byte_at(struct pair *pair, uint32_t core, const struct trn_isa_ap *ap, uint32_t p,
			uint32_t n)
{
	return &pair->mem[core][ap->start + p][orc_ap_at(ap, n) - pair->base];
}

/* One exchange: both sides of both cores, and what comes of it. */
static void exchange(struct pair *pair, uint32_t slice, const uint32_t engine[2],
		     struct trn_isa_dma out[2])
{
	const uint32_t dtype = 1 + orc_below(&pair->rng, TRN_DTYPE_F8E5M2 - 2);
	const uint32_t size = orc_size(dtype), p = 1 + orc_below(&pair->rng, 128);
	const uint32_t count = 1 + orc_below(&pair->rng, SLICE / 2 / size / 2);
	const uint32_t pipe = orc_below(&pair->rng, PIPES);
	uint8_t moved[2][SLICE / 2];

	for (uint32_t core = 0; core < 2; core++) {
		struct trn_isa_ap src = view(pair, dtype, p, count, slice * SLICE);
		struct trn_isa_ap dst = view(pair, dtype, p, count, slice * SLICE + SLICE / 2);

		out[core] = (struct trn_isa_dma){ .head = { .op = TRN_OP_SENDRECV, .words = 3 },
						  .imm = { pipe } };
		out[core].dst = trn_test_mem(&dst);
		out[core].src = trn_test_mem(&src);
		if (engine[core] == TRN_ENGINE_GPSIMD && orc_chance(&pair->rng, 30))
			out[core].head.flags = TRN_DMA_GPSIMD;
	}
	for (uint32_t r = 0; r < p; r++) {
		for (uint32_t core = 0; core < 2; core++) {
			for (uint32_t n = 0; n < count; n++)
				memcpy(moved[core] + n * size,
				       byte_at(pair, core, &out[core].src.u.chip.ap, r, n), size);
		}
		for (uint32_t core = 0; core < 2; core++) {
			for (uint32_t n = 0; n < count; n++)
				memcpy(byte_at(pair, core, &out[core].dst.u.chip.ap, r, n),
				       moved[core ^ 1] + n * size, size);
		}
	}
}

static void poke_pair(struct pair *pair)
{
	struct trn_test_core *tc = &pair->bench->tc;
	uint8_t *all = &pair->mem[0][0][0];

	for (size_t k = 0; k < sizeof(pair->mem); k += 8) {
		const uint64_t value = orc_next(&pair->rng);

		memcpy(all + k, &value, sizeof(value));
	}
	for (uint32_t core = 0; core < 2; core++) {
		tc->core = core;
		trn_test_poke(tc, TRN_SPACE_SBUF, 0, ORC_PARTITIONS, pair->base, pair->mem[core],
			      ZONE);
	}
	tc->core = 0;
}

static bool same_pair(struct pair *pair)
{
	struct trn_test_core *tc = &pair->bench->tc;
	bool same = true;

	for (uint32_t core = 0; core < 2; core++) {
		tc->core = core;
		trn_test_peek(tc, TRN_SPACE_SBUF, 0, ORC_PARTITIONS, pair->base, pair->bench->peek,
			      ZONE);
		same = same &&
		       memcmp(pair->bench->peek, pair->mem[core], ORC_PARTITIONS * ZONE) == 0;
	}
	tc->core = 0;
	return same;
}

/* Up to four exchanges on pipes at random; both cores agree on the order. */
static bool exchanges(struct pair *pair)
{
	const uint32_t engine[2] = { orc_below(&pair->rng, TRN_ENGINE_COUNT),
				     orc_below(&pair->rng, TRN_ENGINE_COUNT) };
	const uint32_t count = 1 + orc_below(&pair->rng, ZONE / SLICE);
	struct trn_isa_dma dma[ZONE / SLICE][2];

	poke_pair(pair);
	for (uint32_t k = 0; k < count; k++)
		exchange(pair, k, engine, dma[k]);
	for (uint32_t core = 0; core < 2; core++) {
		begin(pair);
		for (uint32_t k = 0; k < count; k++)
			*trn_test_emit_dma(&pair->bench->tc, engine[core], TRN_OP_SENDRECV) =
				dma[k][core];
		stage(pair, core);
	}
	return run_both(pair) && same_pair(pair);
}

static void cell(struct pair *pair, uint32_t engine, uint32_t op, uint32_t reg, uint32_t at)
{
	struct trn_isa_dma *d = trn_test_emit_dma(&pair->bench->tc, engine, op);
	struct trn_isa_mem mem = { .space = TRN_SPACE_DRAM, .dtype = TRN_DTYPE_U32 };

	mem.u.dram.offset = at;
	mem.u.dram.dims[0] = (struct trn_isa_dram_dim){ 1, 1 };
	d->op0 = (uint8_t)reg;
	*(op == TRN_OP_REG_LOAD ? &d->src : &d->dst) = mem;
}

/* Each core stores a number, comes to the barrier, and loads the other's; a few rounds. */
static bool barriers(struct pair *pair)
{
	struct trn_test_core *tc = &pair->bench->tc;
	const uint32_t rounds = 1 + orc_below(&pair->rng, 5);
	uint32_t value[2][5], have, places[5];
	bool same = true;

	for (uint32_t k = 0; k < rounds; k++)
		places[k] = orc_below(&pair->rng, 16);
	for (uint32_t core = 0; core < 2; core++) {
		const uint32_t e = orc_below(&pair->rng, TRN_ENGINE_COUNT);

		begin(pair);
		for (uint32_t k = 0; k < rounds; k++) {
			struct trn_isa_compute *c = trn_test_emit(tc, e, TRN_OP_REG_MOVE, 1);

			value[core][k] = (uint32_t)orc_next(&pair->rng);
			c->head.flags = TRN_REG_IMM;
			c->imm[0] = value[core][k];
			for (uint32_t late = orc_below(&pair->rng, 200); late > 0;
			     late -= late > 9 ? 9 : late)
				(void)trn_test_emit(tc, e, TRN_OP_NOP, 1);
			cell(pair, e, TRN_OP_REG_STORE, 0, 4 * (2 * k + core));
			trn_test_emit(tc, e, TRN_OP_CORE_BARRIER, 1)->imm[0] = places[k];
			cell(pair, e, TRN_OP_REG_LOAD, 1, 4 * (2 * k + (core ^ 1)));
			cell(pair, e, TRN_OP_REG_STORE, 1, 256 + 4 * (2 * k + core));
		}
		stage(pair, core);
	}
	memset(tc->data, 0, ARG_BYTES);
	if (!run_both(pair))
		return false;
	for (uint32_t k = 0; k < 2 * rounds; k++) {
		memcpy(&have, tc->data + 256 + 4 * k, sizeof(have));
		same = same && have == value[k % 2 ^ 1][k / 2];
	}
	return same;
}

void orc_pairs(struct orc_bench *bench, const struct orc_row *row, uint32_t first, uint32_t count,
	       struct orc_tally *tally)
{
	static struct pair pair;

	if (!bench->paired)
		trn_test_queue_open(&bench->tc, 1, 0);
	bench->paired = true;
	pair.bench = bench;
	for (uint32_t k = first; k < first + count && tally->failed < 3; k++) {
		pair.rng.state = (bench->seed * 1000003 + row->op) * 1000003 + k;
		pair.base = orc_below(&pair.rng, (bench->m->pitch[TRN_SPACE_SBUF] - ZONE) / 4) * 4;
		tally->cases++;
		if (row->op == TRN_OP_SENDRECV ? exchanges(&pair) : barriers(&pair))
			continue;
		tally->failed++;
		orc_report(bench, row, "two cores differ from what the page says", NULL, -1, k);
	}
	/* The first core's memory is not the oracle's. */
	bench->dirty = true;
}
