/* SPDX-License-Identifier: Apache-2.0 */
/* The same words on the model and on the oracle, and all memory compared. */
#include "drive.h"

#include <stdlib.h>
#include <string.h>
#include "model/gen.h"

#define ZONE_SBUF 32768u /* bytes of a partition that the cases of a batch share */
#define ZONE_PSUM 8192u
#define PEEK_BYTES (ORC_PARTITIONS * (ZONE_SBUF + ZONE_PSUM))
#define PRELOAD_SEMAPHORE 1

static const char *const space_names[ORC_SPACES] = { "-", "sbuf", "psum", "dram" };

static void fill_background(struct orc_bench *bench)
{
	struct orc_rng rng = { bench->seed };
	struct orc_machine *m = bench->m;
	uint8_t *at = m->mem[TRN_SPACE_SBUF];

	for (size_t k = 0; k < (size_t)ORC_PARTITIONS * m->pitch[TRN_SPACE_SBUF]; k += 8) {
		const uint64_t value = orc_next(&rng);

		memcpy(at + k, &value, sizeof(value));
	}
	for (uint32_t k = 0; k < ORC_DRAM_BYTES; k++)
		m->mem[TRN_SPACE_DRAM][k] = (uint8_t)orc_next(&rng);
}

/* Everything that the oracle holds, into the model. */
static void poke_all(struct orc_bench *bench)
{
	for (uint32_t space = TRN_SPACE_SBUF; space <= TRN_SPACE_PSUM; space++)
		trn_test_poke(&bench->tc, space, 0, ORC_PARTITIONS, 0, bench->m->mem[space],
			      bench->m->pitch[space]);
	memcpy(bench->tc.data, bench->m->mem[TRN_SPACE_DRAM], ORC_DRAM_BYTES);
	bench->dirty = false;
}

int orc_bench_open(struct orc_bench **ret, const char *gen_name, uint32_t number,
		   uint32_t sbuf_bytes, uint64_t seed)
{
	struct orc_bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		return -1;
	bench->gen_name = gen_name;
	bench->number = number;
	bench->seed = seed;
	bench->peek = malloc((size_t)ORC_PARTITIONS * sbuf_bytes);
	if (!bench->peek || orc_machine_open(&bench->m, number, sbuf_bytes) < 0) {
		free(bench->peek);
		free(bench);
		return -1;
	}
	trn_test_core_open(&bench->tc, gen_name);
	/* What the checker says of arguments outside a range is part of the definition. */
	trn_test_host_expect(&bench->tc.host, "act-range");
	trn_test_host_expect(&bench->tc.host, "one-zero");
	fill_background(bench);
	bench->dirty = true;
	*ret = bench;
	return 0;
}

void orc_bench_close(struct orc_bench *bench)
{
	if (!bench)
		return;
	trn_test_core_close(&bench->tc);
	orc_machine_close(bench->m);
	free(bench->peek);
	free(bench);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	struct orc_rng rng = { a ^ b * UINT64_C(0xd1342543de82ef95) };

	return orc_next(&rng);
}

/* One case; smaller and smaller until it fits into its room. */
void orc_one_case(struct orc_case *g, const struct orc_row *row, const struct orc_case *room)
{
	for (uint32_t k = 0; k < 12; k++) {
		const struct orc_rng rng = g->rng;

		*g = *room;
		g->rng = rng;
		g->small = k;
		row->make(g);
		if (!g->full)
			return;
	}
	g->count = 0;
}

/* Where the cases of this batch live. */
struct orc_layout orc_layout_of(struct orc_bench *bench, const struct orc_row *row, uint32_t batch)
{
	static const uint8_t slots[] = { 16, 16, 16, 8, 4, 1 };
	struct orc_layout l = { .rng = { mix(mix(bench->seed, bench->number),
					     row->op * 65536u + batch) } };
	const uint32_t room = bench->m->pitch[TRN_SPACE_SBUF] - ZONE_SBUF - ZONE_PSUM;

	l.slots = slots[orc_below(&l.rng, ORC_LEN(slots))];
	l.sbuf = orc_below(&l.rng, room / 64 + 1) * 64;
	if (orc_chance(&l.rng, 10))
		l.sbuf = room;
	l.image = l.sbuf + ZONE_SBUF;
	l.psum = orc_below(&l.rng, 5) * 2048;
	do
		l.engine = orc_below(&l.rng, TRN_ENGINE_COUNT);
	while (!(row->engines >> l.engine & 1));
	l.preload = orc_chance(&l.rng, 60);
	return l;
}

struct orc_case orc_room(struct orc_bench *bench, const struct orc_layout *l, uint32_t slot)
{
	const uint32_t sbuf = ZONE_SBUF / l->slots, psum = ZONE_PSUM / l->slots;
	const uint32_t dram = ORC_DRAM_BYTES / l->slots;
	struct orc_case g = {
		.rng = { mix(l->rng.state, slot) },
		.m = bench->m,
		.number = bench->number,
		.engine = l->engine,
		.psum_ready = l->preload,
	};

	g.lo[TRN_SPACE_SBUF] = l->sbuf + slot * sbuf;
	g.hi[TRN_SPACE_SBUF] = g.lo[TRN_SPACE_SBUF] + sbuf;
	g.lo[TRN_SPACE_PSUM] = l->psum + slot * psum;
	g.hi[TRN_SPACE_PSUM] = g.lo[TRN_SPACE_PSUM] + psum;
	g.lo[TRN_SPACE_DRAM] = slot * dram;
	g.hi[TRN_SPACE_DRAM] = g.lo[TRN_SPACE_DRAM] + dram;
	g.image = l->image - l->psum; /* an offset in PSUM + this: its image in SBUF */
	return g;
}

static void emit_words(struct orc_bench *bench, uint32_t engine, const struct trn_isa_compute *c)
{
	void *to = trn_test_emit(&bench->tc, engine, c->head.op, c->head.words);

	memcpy(to, c, c->head.words * (size_t)TRN_ISA_WORD_SIZE);
}

/* V copies the image into PSUM, and the engine waits for it. */
void orc_prologue(struct orc_bench *bench, const struct orc_layout *l)
{
	struct trn_isa_compute c = {
		.head = { .op = TRN_OP_TENSOR_COPY, .words = 2 },
		.dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_U32, 0, 128, l->psum, ZONE_PSUM / 4),
		.src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_U32, 0, 128, l->image, ZONE_PSUM / 4),
	};

	bench->tc.desc->arg_count = 0;
	trn_test_clear(&bench->tc);
	if (!l->preload)
		return;
	c.head.inc_sem = PRELOAD_SEMAPHORE;
	c.head.inc_mode = TRN_INC_ADD;
	c.head.inc_value = 1;
	emit_words(bench, TRN_ENGINE_VECTOR, &c);
	if (l->engine == TRN_ENGINE_VECTOR)
		return;
	c = (struct trn_isa_compute){ .head = { .op = TRN_OP_NOP,
						.words = 1,
						.wait_sem = PRELOAD_SEMAPHORE,
						.wait_mode = TRN_WAIT_GE,
						.wait_value = 1 } };
	emit_words(bench, l->engine, &c);
}

/* Branches of a case count from its first word. */
void orc_emit_case(struct orc_bench *bench, const struct orc_case *g)
{
	const uint32_t base = bench->tc.desc->stream[g->engine].words;

	for (uint32_t k = 0; k < g->count; k++) {
		struct trn_isa_compute c = g->inst[k];

		if (c.head.op == TRN_OP_BRANCH)
			c.imm[1] += base;
		emit_words(bench, g->engine, &c);
	}
}

/* What the launches' argument table holds, in this order. */
void orc_set_arguments(struct orc_bench *bench, struct orc_rng *rng)
{
	struct orc_machine *m = bench->m;

	m->arg_count = 3;
	m->arg[0] = (struct orc_arg){ .size = ORC_DRAM_BYTES };
	m->arg[1] = (struct orc_arg){ .offset = orc_below(rng, 1000), .size = 4096 };
	m->arg[2] = (struct orc_arg){ .number = true, .value = orc_next(rng) };
}

void orc_poke_zone(struct orc_bench *bench, const struct orc_layout *l)
{
	struct orc_machine *m = bench->m;

	if (bench->dirty)
		poke_all(bench);
	for (uint32_t p = 0; p < ORC_PARTITIONS; p++)
		trn_test_poke(&bench->tc, TRN_SPACE_SBUF, p, 1, l->sbuf,
			      orc_at(m, TRN_SPACE_SBUF, p, l->sbuf), ZONE_SBUF + ZONE_PSUM);
	memcpy(bench->tc.data, m->mem[TRN_SPACE_DRAM], ORC_DRAM_BYTES);
}

uint32_t orc_run_oracle(struct orc_bench *bench)
{
	uint32_t rule = 0;

	orc_launch(bench->m);
	/* V first: it is the one that others wait for. */
	for (uint32_t k = 0; k < TRN_ENGINE_COUNT && rule == 0; k++) {
		const uint32_t e = k == 0 ? TRN_ENGINE_VECTOR : (k == 1 ? TRN_ENGINE_TENSOR : k);

		if (bench->tc.desc->stream[e].words > 0)
			rule = orc_stream(bench->m, e, bench->tc.stream[e],
					  bench->tc.desc->stream[e].words);
	}
	return rule;
}

/* --- comparison --- */

static uint8_t *model_at(struct orc_bench *bench, uint32_t space, uint32_t partition,
			 uint32_t offset, uint32_t size)
{
	if (space == TRN_SPACE_DRAM)
		return bench->tc.data + offset;
	trn_test_peek(&bench->tc, space, partition, 1, offset, bench->small, size);
	return bench->small;
}

static bool within(const struct orc_slack *s, uint32_t raw, uint32_t want)
{
	const uint32_t lo = orc_encode(s->dtype, s->lo), hi = orc_encode(s->dtype, s->hi);
	const float value = orc_decode(s->dtype, raw);

	if (s->anything)
		return true;
	if (s->any_nan)
		return value != value;
	return raw == want || raw == lo || raw == hi ||
	       (value >= orc_decode(s->dtype, lo) && value <= orc_decode(s->dtype, hi));
}

/* Elements that have slack: where the model's value will do, the oracle takes it. */
void orc_settle_slack(struct orc_bench *bench)
{
	struct orc_machine *m = bench->m;

	for (size_t k = m->slack_count; k-- > 0;) {
		const struct orc_slack *s = &m->slack[k];
		const uint32_t size = orc_size(s->dtype);
		uint8_t *loose =
			m->loose[s->space] + (size_t)s->partition * m->pitch[s->space] + s->offset;
		uint8_t *mine = orc_at(m, s->space, s->partition, s->offset);
		const uint8_t *theirs;
		uint32_t raw = 0;

		if (!*loose)
			continue;
		*loose = 0;
		theirs = model_at(bench, s->space, s->partition, s->offset, size);
		for (uint32_t i = 0; i < size; i++)
			raw |= (uint32_t)theirs[i] << 8 * i;
		if (within(s, raw, orc_read(m, s->space, s->partition, s->offset, size)))
			memcpy(mine, theirs, size);
	}
	m->slack_count = 0;
}

/* Compares [offset, offset + bytes) of all partitions; the first that differs. */
bool orc_same(struct orc_bench *bench, uint32_t space, uint32_t offset, uint32_t bytes,
	      struct orc_difference *ret)
{
	const uint32_t partitions = space == TRN_SPACE_DRAM ? 1 : ORC_PARTITIONS;

	for (uint32_t p = 0; p < partitions; p++) {
		const uint8_t *mine = orc_at(bench->m, space, p, offset);
		const uint8_t *theirs = bench->tc.data + offset;

		if (space != TRN_SPACE_DRAM) {
			trn_test_peek(&bench->tc, space, p, 1, offset, bench->peek, bytes);
			theirs = bench->peek;
		}
		if (memcmp(mine, theirs, bytes) == 0)
			continue;
		for (uint32_t i = 0; i < bytes; i++) {
			if (mine[i] == theirs[i])
				continue;
			*ret = (struct orc_difference){ space, p, offset + i, { 0 }, { 0 } };
			for (uint32_t k = 0; k < 4 && i + k < bytes; k++) {
				ret->mine[k] = mine[i + k];
				ret->theirs[k] = theirs[i + k];
			}
			return false;
		}
	}
	return true;
}

/* After a difference: the oracle takes what the model has. */
static void adopt(struct orc_bench *bench, uint32_t space, uint32_t offset, uint32_t bytes)
{
	for (uint32_t p = 0; p < ORC_PARTITIONS; p++)
		trn_test_peek(&bench->tc, space, p, 1, offset, orc_at(bench->m, space, p, offset),
			      bytes);
}

void orc_report(struct orc_bench *bench, const struct orc_row *row, const char *what,
		const struct orc_difference *d, int slot, uint32_t batch)
{
	printf("# %s %s %s, batch %u case %d: %s", bench->gen_name, row->group, row->name, batch,
	       slot, what);
	if (d)
		printf(" at %s partition %u byte %u: want %02x %02x %02x %02x, have %02x %02x %02x "
		       "%02x",
		       space_names[d->space], d->partition, d->offset, d->mine[0], d->mine[1],
		       d->mine[2], d->mine[3], d->theirs[0], d->theirs[1], d->theirs[2],
		       d->theirs[3]);
	printf("\n#   replay: TRN_SEED=%llu oracle %s --replay %s:%u:%d\n",
	       (unsigned long long)bench->seed, row->name, bench->gen_name, batch, slot);
}

static void print_case(const struct orc_case *g)
{
	for (uint32_t k = 0; k < g->count; k++)
		orc_print_inst(stdout, &g->inst[k]);
}

/* Compares the zone, names the cases that differ. */
static void compare(struct orc_bench *bench, const struct orc_row *row, const struct orc_layout *l,
		    struct orc_case *cases, uint32_t batch, struct orc_tally *tally)
{
	struct orc_difference d;

	orc_settle_slack(bench);
	for (uint32_t k = 0; k < l->slots; k++) {
		const struct orc_case room = orc_room(bench, l, k);
		bool same = true;

		for (uint32_t space = TRN_SPACE_SBUF; space < ORC_SPACES && same; space++)
			same = orc_same(bench, space, room.lo[space],
					room.hi[space] - room.lo[space], &d);
		if (same)
			continue;
		orc_report(bench, row, "differs", &d, (int)k, batch);
		print_case(&cases[k]);
		tally->failed++;
	}
	if (!orc_same(bench, TRN_SPACE_SBUF, l->image, ZONE_PSUM, &d)) {
		orc_report(bench, row, "wrote outside", &d, -1, batch);
		tally->failed++;
	}
	if (tally->failed > 0) {
		for (uint32_t space = TRN_SPACE_SBUF; space <= TRN_SPACE_PSUM; space++)
			adopt(bench, space, 0, bench->m->pitch[space]);
		memcpy(bench->m->mem[TRN_SPACE_DRAM], bench->tc.data, ORC_DRAM_BYTES);
	}
}

/* The model ended with an error: which case was it? */
static void broke(struct orc_bench *bench, const struct orc_row *row, const struct orc_layout *l,
		  struct orc_case *cases, uint32_t batch, struct orc_tally *tally)
{
	const struct trn_ext_status *status = bench->tc.status;
	const uint32_t count = tally->cases;
	uint32_t pc = l->preload && l->engine != TRN_ENGINE_VECTOR ? 1 : (l->preload ? 2 : 0);
	char text[160];

	if (status->error == TRN_EXT_ERR_INSTRUCTION && status->rule == TRN_RULE_OPCODE) {
		tally->missing += count > 0;
		return;
	}
	snprintf(text, sizeof(text), "error %u rule %u operand %u opcode 0x%02x engine %u pc %u",
		 status->error, status->rule, status->operand, status->opcode, status->engine,
		 status->pc);
	tally->failed++;
	for (uint32_t k = 0; k < l->slots; k++) {
		uint32_t words = 0;

		for (uint32_t i = 0; i < cases[k].count; i++)
			words += cases[k].inst[i].head.words;
		if (status->pc < pc + words && status->pc >= pc) {
			orc_report(bench, row, text, NULL, (int)k, batch);
			print_case(&cases[k]);
			return;
		}
		pc += words;
	}
	orc_report(bench, row, text, NULL, -1, batch);
}

bool orc_reads_psum(const struct orc_case *g)
{
	for (uint32_t k = 0; k < g->count; k++) {
		const struct trn_isa_compute *c = &g->inst[k];

		/* COPY_PREDICATED and STREAM_SHUFFLE read DST. */
		if (c->src0.space == TRN_SPACE_PSUM || c->src1.space == TRN_SPACE_PSUM ||
		    c->src2.space == TRN_SPACE_PSUM || c->dst.space == TRN_SPACE_PSUM)
			return true;
	}
	return false;
}

static void count_cover(const struct orc_row *row, const struct orc_case *g,
			struct orc_tally *tally)
{
	for (uint32_t k = 0; k < g->count; k++) {
		const struct trn_isa_compute *c = &g->inst[k];

		if (c->head.op != row->op)
			continue;
		tally->indexed += c->head.op >= TRN_OP_MATMUL && c->head.indirect != 0;
		tally->dst[orc_cover_dst(c)]++;
		tally->src[orc_cover_src(c)]++;
	}
	tally->cases += g->count > 0;
}

void orc_batch(struct orc_bench *bench, const struct orc_row *row, uint32_t batch, int only,
	       struct orc_tally *tally)
{
	static struct orc_case cases[16];
	struct orc_layout l = orc_layout_of(bench, row, batch);
	uint32_t rule;

	orc_prologue(bench, &l);
	orc_set_arguments(bench, &l.rng);
	for (uint32_t k = 0; k < l.slots; k++) {
		const struct orc_case room = orc_room(bench, &l, k);

		cases[k] = room;
		orc_one_case(&cases[k], row, &room);
		if (only >= 0 && (int)k != only) {
			cases[k].count = 0;
			continue;
		}
		if (only >= 0)
			print_case(&cases[k]);
		orc_emit_case(bench, &cases[k]);
		count_cover(row, &cases[k], tally);
	}
	orc_arguments(bench);
	orc_poke_zone(bench, &l);
	if (trn_test_launch(&bench->tc) != 0) {
		broke(bench, row, &l, cases, batch, tally);
		trn_test_recover(&bench->tc);
		bench->dirty = true;
		return;
	}
	rule = orc_run_oracle(bench);
	if (rule != 0) {
		printf("# the oracle itself found rule %u broken\n", rule);
		orc_report(bench, row, "not refused", NULL, -1, batch);
		tally->failed++;
	}
	compare(bench, row, &l, cases, batch, tally);
}

void orc_whole(struct orc_bench *bench, const struct orc_row *row, struct orc_tally *tally)
{
	struct orc_difference d;

	if (bench->dirty)
		return;
	for (uint32_t space = TRN_SPACE_SBUF; space <= TRN_SPACE_PSUM; space++) {
		if (orc_same(bench, space, 0, bench->m->pitch[space], &d))
			continue;
		orc_report(bench, row, "some case before wrote outside its operands", &d, -1, 0);
		tally->failed++;
		adopt(bench, space, 0, bench->m->pitch[space]);
	}
}
