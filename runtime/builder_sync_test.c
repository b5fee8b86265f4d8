/* SPDX-License-Identifier: Apache-2.0 */
/* The waits the builder writes, proven by running: random programs on a small machine
 * whose engines and DMAs take random turns must leave what one instruction after the other
 * leaves, and never stop. */
#include <string.h>
#include "base/bits.h"
#include "base/hash.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "runtime/builder.h"

#define CELLS 6  /* SBUF tiles, and as many cells of each argument */
#define SPACES 3 /* SBUF, argument 0, argument 1 */
#define OPS_MAX 96
#define FLIGHT_MAX 4
#define RUNS 150

/* One instruction of the random program: dst = hash(id, dst?, src). */
struct op {
	uint32_t id, dst, src; /* cells, over all spaces */
	enum trn_engine engine;
	bool dma;
	uint32_t word; /* in its stream */
	int32_t loop;  /* that it is in, or -1 */
};

struct program {
	struct trn_builder *builder;
	struct trn_prng prng;
	struct trn_tile tile[CELLS];
	struct op op[OPS_MAX];
	uint32_t count;
	struct {
		uint32_t first, last, rounds;
	} loop[4];
	uint32_t loops;
};

static struct trn_isa_mem cell_mem(const struct program *program, uint32_t cell)
{
	if (cell < CELLS)
		return trn_chip(trn_view(&program->tile[cell], 0, 16));
	return trn_dram(cell / CELLS - 1, TRN_DTYPE_F32, cell % CELLS * 64, 16);
}

static void add_op(struct program *program, int32_t loop)
{
	static const enum trn_engine compute[] = { TRN_ENGINE_VECTOR, TRN_ENGINE_SCALAR,
						   TRN_ENGINE_GPSIMD };
	struct op *op = &program->op[program->count];

	op->id = program->count++;
	op->loop = loop;
	op->dma = trn_prng_below(&program->prng, 2);
	if (op->dma) {
		op->engine = (enum trn_engine)trn_prng_below(&program->prng, TRN_ENGINE_COUNT);
		op->dst = (uint32_t)trn_prng_below(&program->prng, CELLS * SPACES);
		op->src = (uint32_t)trn_prng_below(&program->prng, CELLS * SPACES);
		trn_tile_transfer(program->builder,
				  &(struct trn_tile_dma){ .op = TRN_OP_DMA_COPY,
							  .engine = op->engine,
							  .dst = cell_mem(program, op->dst),
							  .src = cell_mem(program, op->src) });
		op->word = program->builder->stream[op->engine].count - 3;
		return;
	}
	op->engine = compute[trn_prng_below(&program->prng, 3)];
	op->dst = (uint32_t)trn_prng_below(&program->prng, CELLS);
	op->src = (uint32_t)trn_prng_below(&program->prng, CELLS);
	trn_tile_compute(program->builder,
			 &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
						.engine = op->engine,
						.dst = trn_view(&program->tile[op->dst], 0, 16),
						.src0 = trn_view(&program->tile[op->src], 0, 16) });
	op->word = program->builder->stream[op->engine].count - 2;
}

static void make_program(struct program *program, uint64_t seed)
{
	uint32_t parts;
	uint8_t reg;

	memset(program, 0, sizeof(*program));
	trn_prng_seed(&program->prng, seed);
	ck_assert_int_eq(trn_builder_create(NULL, &program->builder), 0);
	(void)trn_builder_arg(program->builder, "a", TRN_ARG_BUFFER, CELLS * 64);
	(void)trn_builder_arg(program->builder, "b", TRN_ARG_BUFFER, CELLS * 64);
	for (uint32_t i = 0; i < CELLS; i++)
		program->tile[i] =
			trn_tile_alloc(program->builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 128, 16);
	reg = trn_tile_reg(program->builder);
	parts = 1 + (uint32_t)trn_prng_below(&program->prng, 5);
	for (uint32_t part = 0; part < parts; part++) {
		uint32_t ops = 1 + (uint32_t)trn_prng_below(&program->prng, 18);
		bool loop = program->loops < 4 && trn_prng_below(&program->prng, 2);
		uint32_t rounds = (uint32_t)trn_prng_below(&program->prng, 4);

		if (loop) {
			trn_tile_reg_set(program->builder, TRN_TILE_ALL, reg, rounds);
			trn_tile_loop_begin(program->builder, reg);
			program->loop[program->loops].rounds = rounds;
			program->loop[program->loops].first = program->count;
		}
		for (uint32_t i = 0; i < ops; i++)
			add_op(program, loop ? (int32_t)program->loops : -1);
		if (loop) {
			trn_tile_loop_end(program->builder);
			program->loop[program->loops++].last = program->count;
		}
	}
}

static uint64_t mix(uint64_t dst, uint64_t src, uint32_t id)
{
	uint64_t v = dst * 3 + src * UINT64_C(0x9e3779b97f4a7c15) + id + 1;

	return v ^ v >> 29;
}

/* One after the other. */
static void run_plain(const struct program *program, uint64_t *cell)
{
	uint32_t round = 0;

	for (uint32_t i = 0; i < program->count; i++) {
		const struct op *op = &program->op[i];

		if (op->loop >= 0 && program->loop[op->loop].rounds == 0)
			continue;
		cell[op->dst] = mix(cell[op->dst], cell[op->src], op->id);
		if (op->loop >= 0 && i + 1 == program->loop[op->loop].last) {
			if (++round < program->loop[op->loop].rounds)
				i = program->loop[op->loop].first - 1;
			else
				round = 0;
		}
	}
}

/* The machine. */
struct flight {
	const struct op *op;
	struct trn_isa_head head;
	uint64_t dst, src; /* as read when a DMA began */
};

struct lane { /* in order in itself */
	struct flight flight[FLIGHT_MAX];
	uint32_t count;
};

struct machine {
	const struct program *program;
	struct trn_prng prng;
	uint64_t cell[CELLS * SPACES];
	uint32_t semaphore[TRN_ISA_SEMAPHORES];
	uint32_t reg[TRN_ENGINE_COUNT][TRN_ISA_REGISTERS];
	uint32_t pc[TRN_ENGINE_COUNT];
	struct lane lane[2 * TRN_ENGINE_COUNT];
};

static void post(struct machine *machine, const struct trn_isa_head *head, uint32_t times)
{
	if (head->inc_mode == TRN_INC_ADD)
		machine->semaphore[head->inc_sem] += head->inc_value * times;
	if (head->inc_mode == TRN_INC_SUB) {
		if (machine->semaphore[head->inc_sem] < head->inc_value)
			ck_abort_msg("semaphore %u falls below 0", head->inc_sem);
		machine->semaphore[head->inc_sem] -= head->inc_value;
	}
}

static const struct op *find_op(const struct program *program, uint32_t engine, uint32_t word)
{
	for (uint32_t i = 0; i < program->count; i++)
		if ((uint32_t)program->op[i].engine == engine && program->op[i].word == word)
			return &program->op[i];
	return NULL;
}

static bool land(struct machine *machine, uint32_t index)
{
	struct lane *lane = &machine->lane[index];
	struct flight *flight = &lane->flight[0];
	uint64_t *cell = machine->cell;

	if (!lane->count)
		return false;
	/* Nobody may have touched what a DMA read while it was on its way. */
	if (index >= TRN_ENGINE_COUNT &&
	    (flight->dst != cell[flight->op->dst] || flight->src != cell[flight->op->src]))
		ck_abort_msg("instruction %u was overtaken", flight->op->id);
	cell[flight->op->dst] = mix(cell[flight->op->dst], cell[flight->op->src], flight->op->id);
	post(machine, &flight->head, index < TRN_ENGINE_COUNT ? 1 : TRN_ISA_DMA_ENGINES);
	memmove(flight, flight + 1, --lane->count * sizeof(*flight));
	return true;
}

static void branch(struct machine *machine, uint32_t engine, const struct trn_isa_compute *insn)
{
	int32_t value = (int32_t)machine->reg[engine][insn->op1];

	if (insn->mode == TRN_ALU_BYPASS ||
	    (insn->mode == TRN_ALU_LE && value <= (int32_t)insn->imm[0]))
		machine->pc[engine] = insn->imm[1];
}

static bool issue(struct machine *machine, uint32_t engine)
{
	const struct trn_build_stream *stream = &machine->program->builder->stream[engine];
	const struct op *op = find_op(machine->program, engine, machine->pc[engine]);
	struct lane *lane = &machine->lane[op && op->dma ? TRN_BUILD_DMA(engine) : engine];
	struct trn_isa_compute insn;
	uint32_t *semaphore;

	if (machine->pc[engine] == stream->count || (op && lane->count == FLIGHT_MAX))
		return false;
	memcpy(&insn, stream->words + (size_t)machine->pc[engine] * TRN_ISA_WORD_SIZE,
	       TRN_ISA_WORD_SIZE);
	semaphore = &machine->semaphore[insn.head.wait_sem];
	if (insn.head.wait_mode != TRN_WAIT_NONE && *semaphore < insn.head.wait_value)
		return false;
	if (insn.head.wait_mode == TRN_WAIT_CONSUME)
		*semaphore -= insn.head.wait_value;
	machine->pc[engine] += insn.head.words;
	if (op) {
		lane->flight[lane->count++] = (struct flight){ .op = op,
							       .head = insn.head,
							       .dst = machine->cell[op->dst],
							       .src = machine->cell[op->src] };
		return true;
	}
	post(machine, &insn.head, 1);
	if (insn.head.op == TRN_OP_BRANCH)
		branch(machine, engine, &insn);
	else if (insn.head.op == TRN_OP_REG_MOVE)
		machine->reg[engine][insn.op0] = insn.imm[0];
	else if (insn.head.op == TRN_OP_REG_ALU)
		machine->reg[engine][insn.op0] = machine->reg[engine][insn.op1] - insn.imm[0];
	else if (insn.head.op != TRN_OP_NOP && insn.head.op != TRN_OP_HALT)
		ck_abort_msg("unexpected opcode %u", insn.head.op);
	return true;
}

static bool at_end(const struct machine *machine)
{
	for (uint32_t e = 0; e < TRN_ENGINE_COUNT; e++)
		if (machine->pc[e] != machine->program->builder->stream[e].count ||
		    machine->lane[e].count || machine->lane[TRN_BUILD_DMA(e)].count)
			return false;
	return true;
}

static void run_machine(struct machine *machine)
{
	/* Some lanes are slow for the whole run: long overtaking, not only near races. */
	uint32_t slow = (uint32_t)trn_prng_next(&machine->prng);
	uint32_t idle = 0;

	while (!at_end(machine)) {
		uint32_t turn = (uint32_t)trn_prng_below(&machine->prng, 3 * TRN_ENGINE_COUNT);
		bool moved;

		if ((slow >> turn & 1) && trn_prng_below(&machine->prng, 40) && idle < 300) {
			idle++;
			continue;
		}
		moved = turn < TRN_ENGINE_COUNT ? issue(machine, turn) :
						  land(machine, turn - TRN_ENGINE_COUNT);
		idle = moved ? 0 : idle + 1;
		/* A passing assertion is a message to the parent, too: none in here. */
		if (idle == 20000)
			ck_abort_msg("the program stops");
	}
}

START_TEST(any_order_of_engines)
{
	uint64_t seed = trn_test_seed() * 1000003 + (uint64_t)_i;
	static struct program program;
	static struct machine machine;
	uint64_t plain[CELLS * SPACES];
	size_t bytes;
	void *image;

	make_program(&program, seed);
	ck_assert_int_eq(trn_builder_finish(program.builder, &image, &bytes), 0);
	trn_image_free(NULL, image);
	for (uint32_t i = 0; i < CELLS * SPACES; i++)
		plain[i] = i + 1;
	memset(&machine, 0, sizeof(machine));
	memcpy(machine.cell, plain, sizeof(plain));
	machine.program = &program;
	trn_prng_seed(&machine.prng, seed + 1);
	run_plain(&program, plain);
	run_machine(&machine);
	ck_assert_msg(memcmp(plain, machine.cell, sizeof(plain)) == 0, "seed %llu",
		      (unsigned long long)seed);
	trn_builder_destroy(program.builder);
}
END_TEST

/* Waits cost issue slots: a chain through one engine needs none at all. */
START_TEST(no_wait_within_an_engine)
{
	struct program program = { 0 };
	const struct trn_build_stream *stream;

	ck_assert_int_eq(trn_builder_create(NULL, &program.builder), 0);
	for (uint32_t i = 0; i < 3; i++)
		program.tile[i] =
			trn_tile_alloc(program.builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 4, 16);
	for (uint32_t i = 0; i < 6; i++)
		trn_tile_compute(
			program.builder,
			&(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
					       .engine = TRN_ENGINE_VECTOR,
					       .dst = trn_view(&program.tile[(i + 1) % 3], 0, 16),
					       .src0 = trn_view(&program.tile[i % 3], 0, 16) });
	stream = &program.builder->stream[TRN_ENGINE_VECTOR];
	ck_assert_uint_eq(stream->count, 12);
	for (uint32_t i = 0; i < 6; i++)
		ck_assert_int_eq(stream->words[i * 128 + offsetof(struct trn_isa_head, wait_mode)],
				 TRN_WAIT_NONE);
	trn_builder_destroy(program.builder);
}
END_TEST

/* What another wait brings along is not waited for again. */
START_TEST(waits_are_not_repeated)
{
	static const enum trn_engine engine[] = { TRN_ENGINE_VECTOR, TRN_ENGINE_SCALAR,
						  TRN_ENGINE_GPSIMD, TRN_ENGINE_GPSIMD };
	struct program program = { 0 };
	struct trn_isa_head head;

	ck_assert_int_eq(trn_builder_create(NULL, &program.builder), 0);
	for (uint32_t i = 0; i < 5; i++)
		program.tile[i] =
			trn_tile_alloc(program.builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 4, 16);
	/* v: 0 -> 1; s: 1 -> 2; g: 2 -> 3, which knows of v through s; g: 1 -> 4. */
	for (uint32_t i = 0; i < 4; i++)
		trn_tile_compute(program.builder,
				 &(struct trn_tile_op){
					 .op = TRN_OP_TENSOR_COPY,
					 .engine = engine[i],
					 .dst = trn_view(&program.tile[i + 1], 0, 16),
					 .src0 = trn_view(&program.tile[i == 3 ? 1 : i], 0, 16) });
	ck_assert_uint_eq(program.builder->stream[TRN_ENGINE_GPSIMD].count, 4);
	memcpy(&head, program.builder->stream[TRN_ENGINE_GPSIMD].words, sizeof(head));
	ck_assert_int_eq(head.wait_mode, TRN_WAIT_GE);
	ck_assert_int_eq(head.wait_sem, TRN_ENGINE_SCALAR);
	memcpy(&head, program.builder->stream[TRN_ENGINE_GPSIMD].words + 128, sizeof(head));
	ck_assert_int_eq(head.wait_mode, TRN_WAIT_NONE);
	trn_builder_destroy(program.builder);
}
END_TEST

static Suite *sync_suite(void)
{
	Suite *suite = suite_create("builder_sync");
	TCase *tcase = tcase_create("order");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, any_order_of_engines, 0, RUNS);
	tcase_add_test(tcase, no_wait_within_an_engine);
	tcase_add_test(tcase, waits_are_not_repeated);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(sync_suite)
