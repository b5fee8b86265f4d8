/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle: what each instruction of docs/isa.md does, computed from the page in the plainest
 * C, and the driver that holds the model to it. Nothing here is shared with model/ or
 * base/number.c but layouts and numbers of trn/isa.h; docs/oracle.md explains how to use it. */
#ifndef TESTS_ORACLE_ORACLE_H
#define TESTS_ORACLE_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <trn/isa.h>
#include "base/ext.h" /* the numbers of rules and errors */

#define ORC_PARTITIONS 128u
#define ORC_PSUM_BYTES 16384u
#define ORC_DRAM_BYTES 65536u
#define ORC_ELEMENTS 65536u
#define ORC_SPACES 4u /* enum trn_space */
#define ORC_ARGS 8u

#define ORC_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* --- random numbers of the generator --- */
struct orc_rng {
	uint64_t state;
};
uint64_t orc_next(struct orc_rng *rng);
uint32_t orc_below(struct orc_rng *rng, uint32_t bound);
bool orc_chance(struct orc_rng *rng, uint32_t percent);

/* --- number formats (number.c) --- */
uint32_t orc_size(uint32_t dtype); /* bytes, 0 for no format */
const char *orc_dtype_name(uint32_t dtype);
bool orc_is_int(uint32_t dtype);
bool orc_is_float(uint32_t dtype);
bool orc_is_packed(uint32_t dtype); /* x4 and E8M0: no arithmetic */
uint32_t orc_bits_of(float value);
float orc_float_of(uint32_t bits);
/* Raw bits of an element as FP32, and back: to nearest even, or with a random number. */
float orc_decode(uint32_t dtype, uint32_t raw);
uint32_t orc_encode(uint32_t dtype, float value);
uint32_t orc_encode_random(uint32_t dtype, float value, uint32_t random);
/* Number 0..3 of an x4 element; the value of a scale. */
float orc_decode_x4(uint32_t dtype, uint32_t raw, uint32_t j);
float orc_decode_scale(uint32_t raw);
uint32_t orc_x4_part(uint32_t dtype); /* format of the four, F4E2M1_X4: NONE */

/* --- operators and functions (alu.c) --- */
bool orc_alu_is_bit(uint32_t op);
bool orc_alu_is_unary(uint32_t op);
float orc_alu(uint32_t op, float a, float b);
uint32_t orc_alu_bits(uint32_t op, uint32_t a, uint32_t b);
/* 32-bit integers: REG_ALU (signed), exact integers of gpsimd. */
uint32_t orc_alu_int(uint32_t op, uint32_t a, uint32_t b, bool is_signed);
/* In the order that section 8.3 defines. */
float orc_reduce(uint32_t op, const float *x, uint32_t count);
uint32_t orc_reduce_bits(uint32_t op, const uint32_t *x, uint32_t count);
long double orc_act(uint32_t func, float x, float slope);
bool orc_act_exact(uint32_t func);

/* --- the machine that the words run on (machine.c) --- */
struct orc_slack {
	uint8_t space, dtype;
	bool any_nan, anything;
	uint32_t partition, offset;
	float lo, hi;
};

struct orc_arg {
	uint64_t offset, size; /* in the DRAM of the machine */
	bool number;
	uint64_t value; /* what the launch's table says */
};

struct orc_machine {
	uint32_t number;            /* of the generation */
	uint32_t pitch[ORC_SPACES]; /* bytes of a partition; DRAM: all bytes */
	uint8_t *mem[ORC_SPACES];
	uint8_t *loose[ORC_SPACES]; /* by byte: 1 where an element with slack begins */
	uint8_t *grain;             /* PSUM, by 4 bytes: 0 unwritten, 1 written, 2 by T */
	struct orc_slack *slack;
	size_t slack_count, slack_room;
	float acc[TRN_ENGINE_COUNT][ORC_PARTITIONS];
	double acc_slack[TRN_ENGINE_COUNT][ORC_PARTITIONS];
	uint32_t reg[TRN_ENGINE_COUNT][TRN_ISA_REGISTERS];
	bool stochastic[TRN_ENGINE_COUNT];
	uint32_t round_state[TRN_ENGINE_COUNT];
	uint32_t shift[ORC_PARTITIONS];
	uint32_t xorwow[TRN_ENGINE_COUNT][ORC_PARTITIONS][4][6];
	struct orc_arg arg[ORC_ARGS];
	uint32_t arg_count;
	uint32_t at[TRN_AP_COUNT][ORC_ELEMENTS]; /* byte offsets of elements */
	uint32_t place[ORC_ELEMENTS * 8];        /* of the indirect operand, by group */
	float row[4][ORC_ELEMENTS];
	uint32_t draws[4]; /* spare */
};

int orc_machine_open(struct orc_machine **ret, uint32_t number, uint32_t sbuf_bytes);
void orc_machine_close(struct orc_machine *m);

/* One operand of an instruction that runs. */
struct orc_view {
	struct orc_machine *m;
	uint8_t slot, space, dtype, size;
	uint32_t start, rows, count;
	const uint32_t *at;
	uint32_t group, region; /* indirect: partitions of a group, elements of the region */
	bool rounds;            /* DST of an engine that rounds stochastically */
	uint8_t engine;
};

/* An instruction that runs. Words that are not there are zero. */
struct orc_inst {
	struct orc_machine *m;
	uint32_t engine;
	struct trn_isa_compute c;
	struct trn_isa_dma d;
	struct orc_view v[TRN_AP_COUNT];
	uint32_t rule; /* that the memory contents break, enum trn_ext_rule; 0: none */
};

uint32_t orc_raw(const struct orc_view *v, uint32_t p, uint32_t n);
float orc_get(const struct orc_view *v, uint32_t p, uint32_t n);
void orc_put_raw(const struct orc_view *v, uint32_t p, uint32_t n, uint32_t raw);
void orc_put(const struct orc_view *v, uint32_t p, uint32_t n, float value);
/* The value, or any within the bounds. */
void orc_put_about(const struct orc_view *v, uint32_t p, uint32_t n, float value, float lo,
		   float hi);
void orc_view_set(struct orc_machine *m, struct orc_view *v, uint32_t engine, uint32_t slot,
		  const struct trn_isa_ap *ap);
uint8_t *orc_at(struct orc_machine *m, uint32_t space, uint32_t partition, uint32_t offset);
uint32_t orc_read(struct orc_machine *m, uint32_t space, uint32_t partition, uint32_t offset,
		  uint32_t size);
void orc_write(struct orc_machine *m, uint32_t space, uint32_t partition, uint32_t offset,
	       uint32_t size, uint32_t raw);
uint32_t orc_xorshift(uint32_t x);

/* --- effects (run_*.c) --- */
typedef void orc_run_fn(struct orc_inst *i);
orc_run_fn orc_run_copy, orc_run_memset, orc_run_tensor_tensor, orc_run_tensor_scalar,
	orc_run_reduce, orc_run_activation, orc_run_exponential, orc_run_reciprocal, orc_run_iota,
	orc_run_affine, orc_run_range_select, orc_run_max8, orc_run_find8, orc_run_replace8,
	orc_run_stt, orc_run_scan, orc_run_cumulative, orc_run_scalar_reduce, orc_run_activate2,
	orc_run_select, orc_run_predicated, orc_run_bn_stats, orc_run_bn_aggr, orc_run_shuffle,
	orc_run_dropout, orc_run_rng, orc_run_rand2, orc_run_seed, orc_run_set_state,
	orc_run_get_state, orc_run_partition_reduce, orc_run_topk, orc_run_nonzero,
	orc_run_local_gather, orc_run_n_gather, orc_run_bounds, orc_run_matmul, orc_run_transpose,
	orc_run_matmul_mx, orc_run_quantize_mx, orc_run_dma_copy, orc_run_dma_transpose,
	orc_run_dma_add, orc_run_reg_load, orc_run_reg_store;
/* Runs a stream from word 0 to its HALT. 0, or the rule that memory contents break. */
uint32_t orc_stream(struct orc_machine *m, uint32_t engine, const uint8_t *words, uint32_t count);
/* Registers, rounding and PSUM grains as at the start of a launch. */
void orc_launch(struct orc_machine *m);
/* Generators of all lanes of an engine. */
void orc_seed_lanes(struct orc_machine *m, uint32_t engine, uint32_t seed);
/* mode: joins the row to its lane, and shows the lanes in DST2. */
void orc_join(struct orc_inst *i, uint32_t p, uint32_t op, const float *row, uint32_t count,
	      float imm, double slack);
void orc_show(struct orc_inst *i, bool negate);
/* Operand a or b of an instruction that may have it as a column. */
float orc_scalar(const struct orc_inst *i, uint32_t which, uint32_t p);

/* --- one random case (gen.c) --- */
#define ORC_SEQUENCE 24
struct orc_case {
	struct orc_rng rng;
	struct orc_machine *m;
	uint32_t number, engine;
	uint32_t lo[ORC_SPACES], hi[ORC_SPACES]; /* bytes that the case may use, in partitions */
	uint32_t image; /* SBUF offset of what PSUM offset lo[PSUM] is preloaded with */
	bool psum_ready;
	bool full;      /* no room was left: make a smaller one */
	uint32_t small; /* tries so far: shapes shrink */
	struct trn_isa_compute inst[ORC_SEQUENCE];
	uint32_t count;
};

enum orc_values {    /* what an operand is filled with */
	ORC_ANY = 0, /* one of those below */
	ORC_BITS,    /* random bits */
	ORC_EDGES,   /* NaN, infinities, subnormals, largest, ties, zeros */
	ORC_PLAIN,   /* numbers around 1 */
	ORC_WHOLE,   /* small whole numbers */
	ORC_FINITE,  /* random bits without NaN and infinities */
	ORC_VALUES,
};

#define ORC_ANYDT 0x7ffeu /* what arithmetic knows, a bit per dtype: 1..14 */
#define ORC_INTS 0x7eu
#define ORC_FLOATS 0x7f80u
uint32_t orc_dtypes(const struct orc_case *g, uint32_t set); /* without what g has not */
uint32_t orc_pick_dtype(struct orc_case *g, uint32_t set);
uint32_t orc_partitions(struct orc_case *g);
uint32_t orc_count(struct orc_case *g, uint32_t most);
/* SBUF, or sometimes PSUM where the engine reaches it. */
uint32_t orc_space(struct orc_case *g, bool reads);
/* A random pattern with so many elements in the room of the case. */
struct trn_isa_ap orc_operand(struct orc_case *g, uint32_t space, uint32_t dtype,
			      uint32_t partitions, uint32_t count);
struct trn_isa_ap orc_source(struct orc_case *g, uint32_t dtype, uint32_t partitions,
			     uint32_t count, enum orc_values values);
struct trn_isa_ap orc_target(struct orc_case *g, uint32_t dtype, uint32_t partitions,
			     uint32_t count);
struct trn_isa_ap orc_column(struct orc_case *g, uint32_t dtype, uint32_t partitions);
void orc_fill(struct orc_case *g, const struct trn_isa_ap *ap, enum orc_values values);
void orc_fill_raw(struct orc_case *g, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		  uint32_t raw);
uint32_t orc_value(struct orc_case *g, uint32_t dtype, enum orc_values values);
uint32_t orc_ap_count(const struct trn_isa_ap *ap);
int64_t orc_ap_at(const struct trn_isa_ap *ap, uint32_t n); /* byte offset of element n */
/* A random FP32 immediate, as bits. */
uint32_t orc_imm(struct orc_case *g);
/* Sometimes: the pattern of a source as a destination of the same size. */
void orc_in_place(struct orc_case *g, struct trn_isa_ap *dst, const struct trn_isa_ap *src);
struct trn_isa_compute *orc_emit(struct orc_case *g, uint32_t op, uint32_t words);
/* Words that the operands need. */
void orc_words(struct trn_isa_compute *c);
typedef void orc_make_fn(struct orc_case *g);
orc_make_fn orc_make_copy, orc_make_memset, orc_make_tensor_tensor, orc_make_tensor_scalar,
	orc_make_reduce, orc_make_activation, orc_make_exponential, orc_make_reciprocal,
	orc_make_iota, orc_make_affine, orc_make_range_select, orc_make_max8, orc_make_find8,
	orc_make_replace8, orc_make_stt, orc_make_scan, orc_make_cumulative, orc_make_scalar_reduce,
	orc_make_activate2, orc_make_select, orc_make_predicated, orc_make_bn_stats,
	orc_make_bn_aggr, orc_make_shuffle, orc_make_dropout, orc_make_rng, orc_make_rand2,
	orc_make_seed, orc_make_set_state, orc_make_get_state, orc_make_partition_reduce,
	orc_make_topk, orc_make_nonzero, orc_make_local_gather, orc_make_n_gather, orc_make_bounds,
	orc_make_matmul, orc_make_transpose, orc_make_matmul_mx, orc_make_quantize_mx,
	orc_make_dma_copy, orc_make_dma_transpose, orc_make_dma_add, orc_make_reg_alu,
	orc_make_reg_move, orc_make_branch, orc_make_reg_load, orc_make_reg_store, orc_make_reg_arg,
	orc_make_rounding, orc_make_nop, orc_make_notify;

/* --- rows of the coverage table (table.c) --- */
struct orc_row {
	const char *group, *name;
	uint8_t op;
	uint8_t engines;   /* bit per engine */
	uint8_t since;     /* number of the first generation */
	orc_make_fn *make; /* NULL: two cores, pair.c */
};
extern const struct orc_row orc_rows[];
extern const unsigned int orc_row_count;

/* --- the model beside it (drive.c) --- */
struct orc_bench;
struct orc_tally {
	uint32_t cases, failed, missing, refused, indexed;
	uint32_t dst[TRN_DTYPE_COUNT], src[TRN_DTYPE_COUNT];
};
int orc_bench_open(struct orc_bench **ret, const char *gen_name, uint32_t number,
		   uint32_t sbuf_bytes, uint64_t seed);
void orc_bench_close(struct orc_bench *bench);
/* One launch of several cases; only >= 0: that one alone. */
void orc_batch(struct orc_bench *bench, const struct orc_row *row, uint32_t batch, int only,
	       struct orc_tally *tally);
/* Everything, also what no case reached. */
void orc_whole(struct orc_bench *bench, const struct orc_row *row, struct orc_tally *tally);
/* Instructions that break one rule: count of them, from number `first` on. */
void orc_refusals(struct orc_bench *bench, const struct orc_row *row, uint32_t first,
		  uint32_t count, struct orc_tally *tally);
/* Rows without a generator: two cores together. */
void orc_pairs(struct orc_bench *bench, const struct orc_row *row, uint32_t first, uint32_t count,
	       struct orc_tally *tally);
void orc_print_inst(FILE *out, const struct trn_isa_compute *c);

#endif /* TESTS_ORACLE_ORACLE_H */
