/* SPDX-License-Identifier: Apache-2.0 */
/* One NeuronCore inside: storage, engines, decoded instructions, scratch. Shared
 * by core.c, seq.c, decode.c, timing.c and exec_*.c; nobody else includes it. */
#ifndef MODEL_CORE_H
#define MODEL_CORE_H

#include "base/bits.h"
#include "base/isa_ops.h"
#include "base/number.h"
#include "model/alu.h"
#include "model/private.h"
#include "model/timing.h"

#define TRN_PSUM_GRAIN 4 /* bytes of one bit in the initialised maps */
#define TRN_PSUM_MAP_WORDS (TRN_PSUM_PARTITION_SIZE / TRN_PSUM_GRAIN / 64)
#define TRN_PSUM_BANK 2048u
#define TRN_FREE_MAX 65536u         /* elements of one partition in one instruction */
#define TRN_SBUF_BLOCK 4096u        /* bytes of one bit in the touched map */
#define TRN_INFLIGHT 16             /* instructions an engine has issued and not retired */
#define TRN_RING (TRN_INFLIGHT + 1) /* and the one that is to issue */
#define TRN_DMA_LIVE 32             /* DMAs of a core that are on their way */
#define TRN_DMA_SOURCES 16u         /* of one DMA_ADD */
#define TRN_KEPT 4u                 /* unpacked operands that are kept */
#define TRN_GEMM_N 512u             /* columns of one tile handed to the host */

#define TRN_GPSIMD_GROUP 16u /* partitions of one gpsimd core */

#define TRN_F32_LOWEST (-3.4028234663852886e38f) /* the most negative finite FP32 */

#define TRN_OPERAND_NONE 0xffu /* an error that is not about one operand */

/* An access pattern, checked and resolved: registers added, dims collapsed. */
struct trn_view {
	uint8_t *base; /* storage of the first partition, byte 0 of the partition */
	size_t pitch;  /* bytes between partitions */
	uint8_t space, dtype, esize;
	bool dense;         /* one run of step 1 */
	uint32_t *rounding; /* generator of a destination that is rounded stochastically, or NULL */
	uint32_t start, partitions;
	uint32_t offset; /* bytes inside the partition */
	uint32_t count;  /* elements per partition */
	uint32_t lo, hi; /* bytes of the partition it touches: [lo, hi) */
	uint32_t ndims;  /* after collapsing, at least 1 */
	int32_t step[4];
	uint32_t num[4];
	uint32_t rank; /* as written in the instruction */
	uint32_t shape[4];
	int32_t stride[4];
};

/* One side of a DMA, resolved. */
struct trn_side {
	uint8_t space, dtype, esize;
	struct trn_view view; /* SBUF */
	/* DRAM */
	uint64_t arg, arg_bytes; /* the argument: address and size */
	uint64_t offset;         /* of the first element in it */
	int64_t lo, hi;          /* bytes the loops reach from there: [lo, hi) */
	uint32_t ndims;
	int64_t step[4]; /* bytes */
	uint32_t num[4];
	uint64_t count; /* elements */
};

struct trn_op_info;

/* A decoded instruction; registers are read when it is decoded, that is, at issue. */
struct trn_inst {
	const struct trn_isa_op *form;
	const struct trn_op_info *info;
	struct trn_isa_head head;
	uint32_t pc;
	uint8_t engine;
	uint8_t op0, op1, func, mode;
	bool dynamic; /* an address came from a register */
	bool keeps;   /* a part of DST stays as it is: DST is read, too */
	uint8_t live; /* bit per enum trn_isa_slot that is present */
	uint32_t imm[6];
	uint64_t cycles; /* that it keeps its engine busy */
	uint64_t retire_ps;
	struct trn_view view[TRN_AP_COUNT];
	struct trn_view region;   /* of the operand that an index places */
	struct trn_side dst, src; /* DMA and register access; the index is view[TRN_AP_SRC1] */
};

/* What a broken rule leaves behind. */
struct trn_core_error {
	uint32_t code, engine, pc, opcode, operand, rule;
	uint64_t address;
};

/* ops.c: what the model adds to the form of an opcode. A row without exec is an opcode
 * that this model does not run: it traps. */
struct trn_op_info {
	/* Rules of this opcode, when it is decoded; NULL: none. */
	int (*check)(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error);
	/* Its effect, when it retires. */
	int (*exec)(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error);
	/* Cycles of its engine, before strides, starts and floors; NULL where kind says it all. */
	uint64_t (*cycles)(const struct trn_gen *gen, const struct trn_inst *inst);
	uint8_t mx;   /* bit per slot that may hold an x4 format or F8E8M0 */
	bool mx_move; /* such a DST takes the bits of SRC0, of the same format, or the constant 0 */
};

struct trn_core_engine {
	struct trn_core *core;
	uint8_t index;
	uint8_t state;       /* enum trn_ext_engine_state */
	bool runs;           /* has a stream in this launch */
	bool decoded;        /* current holds the instruction at pc */
	bool draining;       /* stopped until what it issued is done */
	bool awake;          /* a step event is pending */
	uint64_t stream;     /* address of word 0 */
	const uint8_t *code; /* the same in host memory, where that is known; or NULL */
	uint32_t words;
	uint32_t pc;
	uint32_t retired;
	uint32_t reg[TRN_ISA_REGISTERS];
	uint64_t local_ps;     /* how far the sequencer has come */
	uint64_t ready_ps;     /* earliest next issue of a compute instruction */
	uint64_t dma_ready_ps; /* earliest next DMA trigger */
	uint64_t last_retire_ps;
	uint32_t dma_live;
	bool exchanging; /* a SENDRECV of it has not met the other core's yet */
	bool arrived;    /* current is a CORE_BARRIER, and has been counted: arrival */
	uint32_t arrival;
	uint8_t act_table; /* function set that is loaded, scalar engine */
	uint8_t rounding;  /* enum trn_rounding */
	uint32_t rounding_state;
	struct trn_trace_engine trace;
	uint32_t first, count; /* ring of issued instructions */
	struct trn_inst ring[TRN_RING];
	struct trn_inst *current; /* in the ring, behind them */
};

/* Scratch of a core: one reservation, committed as far as it is used. */
struct trn_scratch {
	float a[TRN_FREE_MAX];
	float b[TRN_FREE_MAX];
	float c[TRN_FREE_MAX];
	uint8_t raw[TRN_FREE_MAX * 4];
	float column[3][TRN_ISA_PARTITIONS];
	float gemm_a[TRN_MX_NUMBERS * TRN_ISA_PARTITIONS * TRN_ISA_PARTITIONS];
	float gemm_b[2 * TRN_ISA_PARTITIONS * TRN_GEMM_N];
	float gemm_c[TRN_ISA_PARTITIONS * TRN_GEMM_N];
	float kept[2][TRN_KEPT][TRN_MX_NUMBERS * TRN_ISA_PARTITIONS * TRN_GEMM_N];
};

/* exec_random.c: generators by lane. The vector engine has the shift register or the others,
 * as the generation says; x, y, z, w, v, d of each. */
#define TRN_XORWOW_WORDS 6u
#define TRN_VECTOR_GENERATORS 4u
struct trn_random {
	uint32_t shift[TRN_ISA_PARTITIONS];
	uint32_t vector[TRN_ISA_PARTITIONS][TRN_VECTOR_GENERATORS][TRN_XORWOW_WORDS];
	uint32_t gpsimd[TRN_ISA_PARTITIONS][TRN_XORWOW_WORDS];
};

struct trn_core_dma {
	bool used;
	uint64_t begin_ps; /* of its trigger */
	bool alone;        /* a SENDRECV that has not met the other core's */
	uint32_t arrival;  /* which one of its pipe it is, from 1 */
	struct trn_inst inst;
};

struct trn_core {
	struct trn_chip *chip;
	uint32_t index;
	enum trn_ext_core_state state;
	uint32_t epoch; /* events of an older epoch are stale */
	uint32_t runs;
	struct trn_core_error error;
	struct trn_sync sync;
	uint8_t *sbuf, *psum;
	size_t sbuf_pitch, psum_pitch;
	size_t sbuf_bytes, psum_bytes; /* reserved */
	struct trn_scratch *scratch;
	/* exec_mx.c: stationary, and moving, operands and their scales that scratch->kept holds
	 * unpacked, for as long as nobody writes there; space NONE: nothing. */
	struct trn_kept {
		struct trn_view view, scale;
	} kept[2][TRN_KEPT];
	uint32_t kept_next[2];
	void *indirect; /* indirect.c: room for indexed operands, from the first one on */
	uint64_t sbuf_touched[TRN_ISA_PARTITIONS];
	uint64_t psum_written[TRN_ISA_PARTITIONS][TRN_PSUM_MAP_WORDS];
	uint64_t psum_summable[TRN_ISA_PARTITIONS][TRN_PSUM_MAP_WORDS]; /* accumulate is defined */
	bool psum_used;
	float acc_vector[TRN_ISA_PARTITIONS], acc_scalar[TRN_ISA_PARTITIONS];
	struct trn_random random;
	struct trn_core_engine engine[TRN_ENGINE_COUNT];
	uint32_t running; /* engines that have not halted */
	/* launch */
	uint64_t launch_ps; /* its begin */
	uint32_t window;
	uint32_t arg_count;
	struct trn_ext_arg arg[TRN_ISA_ARGS_MAX];
	struct trn_core_dma dma[TRN_DMA_LIVE];
	uint32_t dma_live;
	struct trn_dma_time dma_time;
	struct trn_pe_time pe_time;
	struct trn_hold psum_bank[TRN_PSUM_PARTITION_SIZE / TRN_PSUM_BANK], sbuf_port, psum_port;
	/* tensor engine activity, cycles, by group of 32 rows */
	uint64_t pe_busy[4], pe_weight[4], pe_fast[4];
	uint64_t pe_since_ps;
};

/* core.c */
bool trn_core_storage(struct trn_core *core);
void trn_core_fail(struct trn_core *core, const struct trn_core_error *error);
/* Bits of the PSUM map that a view covers, the same for each of its partitions. */
struct trn_psum_mask {
	uint32_t first, last; /* words [first, last] */
	uint64_t bits[TRN_PSUM_MAP_WORDS];
};
void trn_psum_mask(const struct trn_view *view, struct trn_psum_mask *ret_mask);
/* Bytes that both reach, gaps between elements counted. */
static inline bool trn_view_overlap(const struct trn_view *a, const struct trn_view *b)
{
	return a->space == b->space && a->start < b->start + b->partitions &&
	       b->start < a->start + a->partitions && a->lo < b->hi && b->lo < a->hi;
}
bool trn_psum_readable(const struct trn_core *core, const struct trn_view *view, bool summable);
/* Marks what a finished instruction wrote, SBUF and PSUM. */
void trn_core_wrote(struct trn_core *core, const struct trn_view *view, bool by_matmul);

/* decode.c: reads words at engine->pc into inst and checks every rule. 0, or -EINVAL
 * with *error filled. */
int trn_inst_decode(struct trn_core_engine *engine, struct trn_inst *inst,
		    struct trn_core_error *error);
int trn_inst_refuse(struct trn_core_error *error, uint32_t operand, enum trn_ext_rule rule);

/* ops.c: NULL when the model does not run the opcode. */
const struct trn_op_info *trn_op_info(uint32_t op);

/* check.c: rules of single instructions, named by the table. */
typedef int trn_check_fn(struct trn_core *core, struct trn_inst *inst,
			 struct trn_core_error *error);
trn_check_fn trn_check_branch, trn_check_move, trn_check_reg_alu, trn_check_reg_load,
	trn_check_reg_store, trn_check_reg_arg, trn_check_notify, trn_check_dma_copy,
	trn_check_dma_transpose, trn_check_dma_add, trn_check_matmul, trn_check_transpose,
	trn_check_tensor_tensor, trn_check_tensor_scalar, trn_check_reduce, trn_check_activation,
	trn_check_exponential, trn_check_same_shape, trn_check_iota, trn_check_affine,
	trn_check_range_select, trn_check_max8, trn_check_find8;

/* check_vector.c */
trn_check_fn trn_check_activate2, trn_check_scalar_reduce, trn_check_select_reduce,
	trn_check_scalar_tensor_tensor, trn_check_tensor_scan, trn_check_cumulative,
	trn_check_match8, trn_check_copy_predicated, trn_check_stream_shuffle, trn_check_bn_stats,
	trn_check_bn_aggr;

/* check_tensor.c */
trn_check_fn trn_check_matmul_mx, trn_check_quantize_mx;
trn_check_fn trn_check_set_rounding;

/* exec_random.c */
trn_check_fn trn_check_rng, trn_check_rand2, trn_check_dropout, trn_check_seed, trn_check_rand_set,
	trn_check_rand_get, trn_exec_rng, trn_exec_rand2, trn_exec_dropout, trn_exec_seed,
	trn_exec_rand_set, trn_exec_rand_get;
void trn_random_reset(struct trn_random *random);

/* check.c: partitions (SBUF) and dims of one side, outer to inner; the rank, at most 5. */
uint32_t trn_side_shape(const struct trn_side *side, uint32_t ret_shape[5]);

/* rows.c: rows of a view as packed FP32 or packed elements. */
void trn_rows_load(struct trn_core *core, const struct trn_view *view, uint32_t first,
		   uint32_t rows, float *dst);
void trn_rows_store(struct trn_core *core, const struct trn_view *view, uint32_t first,
		    uint32_t rows, const float *src);
void trn_rows_gather(const struct trn_view *view, uint32_t first, uint32_t rows, void *dst);
void trn_rows_scatter(const struct trn_view *view, uint32_t first, uint32_t rows, const void *src);
/* The same as 32-bit words: elements zero-extended, and their low bits. */
void trn_rows_load_words(struct trn_core *core, const struct trn_view *view, uint32_t first,
			 uint32_t rows, uint32_t *dst);
void trn_rows_store_words(struct trn_core *core, const struct trn_view *view, uint32_t first,
			  uint32_t rows, const uint32_t *src);
/* A scratch buffer for words in place of FP32. */
static inline uint32_t *trn_words(float *buffer)
{
	return (uint32_t *)(void *)buffer;
}
/* Elements [from, from + count) of one row: as FP32, or their bits. Rounded by a generator, or
 * to nearest without one. */
void trn_row_load(struct trn_core *core, const struct trn_view *view, uint32_t row, uint32_t from,
		  uint32_t count, float *dst);
void trn_row_store(struct trn_core *core, const struct trn_view *view, uint32_t row, uint32_t from,
		   uint32_t count, const float *src, uint32_t *rounding);
void trn_row_gather(const struct trn_view *view, uint32_t row, uint32_t from, uint32_t count,
		    void *dst);
void trn_row_scatter(const struct trn_view *view, uint32_t row, uint32_t from, uint32_t count,
		     const void *src);
/* Rows that are worked on at once: enough to fill vectors, small enough for a cache. */
uint32_t trn_rows_block(const struct trn_view *view);
/* A block of partitions under work; start with zeros. False when all have been. */
struct trn_block {
	uint32_t first, rows;
	size_t count; /* elements */
};
bool trn_block_next(struct trn_block *block, const struct trn_view *view);

/* indirect.c: rules of an indexed operand, whose view becomes what the rest of the instruction
 * sees; and the effect of such an instruction. */
int trn_indirect_check(const struct trn_core *core, struct trn_inst *inst,
		       struct trn_core_error *error);
int trn_indirect_effect(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error);
void trn_indirect_free(struct trn_core *core);

/* exec.c: the whole effect of a compute instruction, PSUM rules included. */
int trn_inst_effect(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error);
/* shadow.c: the same in timing-only mode; and whether a DMA moves its bytes in this mode. */
int trn_shadow_effect(struct trn_core *core, struct trn_inst *inst, struct trn_core_error *error);
bool trn_shadow_real(const struct trn_core *core, const struct trn_inst *inst);
bool trn_shadow_moves(const struct trn_core *core, const struct trn_inst *inst);
/* exec_tensor.c: activity counters of a tensor instruction. */
void trn_tensor_count(struct trn_core *core, const struct trn_inst *inst);
int trn_dma_refuse(struct trn_core_error *error, uint32_t operand, uint64_t address);

/* exec_vector.c: the constant imm[0] in DST's format, so many times. */
void trn_constant_row(const struct trn_inst *inst, void *row, size_t count);
/* Operand a (0) or b (1) of all partitions: a column, or the immediate in each;
 * the operator that joins it to the rows of a block; and that of one row. */
const float *trn_operand_load(struct trn_core *core, const struct trn_inst *inst, uint32_t which);
float trn_operand_row(const struct trn_inst *inst, uint32_t which, uint32_t row);
void trn_operand_apply(const struct trn_inst *inst, uint32_t which, const float *operand,
		       const struct trn_block *block, uint32_t width, float *x);
/* Joins the reduction of each row of a block to its lane's accumulator as the instruction
 * says; what a lane is without any; and the column that shows the lanes. */
void trn_accumulate(const struct trn_inst *inst, uint32_t op, float *lanes,
		    const struct trn_block *block, uint32_t width, const float *x);
float trn_accumulator_empty(uint32_t op);
void trn_accumulator_read(struct trn_core *core, const struct trn_inst *inst, const float *lanes);

/* exec_*.c, named by the table. */
trn_check_fn trn_exec_matmul_mx, trn_exec_quantize_mx;
trn_check_fn trn_exec_set_rounding;
trn_check_fn trn_exec_matmul, trn_exec_transpose, trn_exec_copy, trn_exec_memset,
	trn_exec_tensor_tensor, trn_exec_tensor_scalar, trn_exec_reduce, trn_exec_activation,
	trn_exec_exponential, trn_exec_reciprocal, trn_exec_iota, trn_exec_affine,
	trn_exec_range_select, trn_exec_max8, trn_exec_find8, trn_exec_dma_copy,
	trn_exec_dma_transpose, trn_exec_dma_add, trn_exec_reg_load, trn_exec_reg_store,
	trn_exec_notify;

/* exec_tensor.c: the output side of a product, shared with MX. One tile of columns after the
 * other, each with its operands as FP32. */
struct trn_product {
	bool accumulate, random;
	uint32_t rounding[TRN_ISA_PARTITIONS]; /* generator of each row */
};
void trn_product_start(const struct trn_inst *inst, struct trn_product *product);
void trn_product_open(struct trn_core *core, const struct trn_inst *inst,
		      const struct trn_product *product, struct trn_gemm *tile, uint32_t from);
void trn_product_add(const struct trn_core *core, struct trn_gemm *tile);
void trn_product_close(struct trn_core *core, const struct trn_inst *inst,
		       struct trn_product *product, const struct trn_gemm *tile, uint32_t from);

trn_check_fn trn_exec_activate2, trn_exec_scalar_reduce;

/* exec_scan.c */
trn_check_fn trn_exec_scalar_tensor_tensor, trn_exec_tensor_scan, trn_exec_cumulative;

/* exec_predicate.c */
trn_check_fn trn_exec_select_reduce, trn_exec_copy_predicated, trn_exec_stream_shuffle;
/* Mask of STREAM_SHUFFLE: the partition of its quadrant that a partition takes. */
#define TRN_QUADRANT 32u
#define TRN_SHUFFLE_BITS 6u
#define TRN_SHUFFLE_KEEP 63u
uint32_t trn_shuffle_from(const struct trn_inst *inst, uint32_t partition);

/* exec_stats.c */
trn_check_fn trn_exec_bn_stats, trn_exec_bn_aggr;

/* exec_select.c */
trn_check_fn trn_exec_match_replace8;

/* gemm.c: trn_gemm_run() of model.h without the host's own unit. */
void trn_gemm_plain(const struct trn_gemm *gemm);

/* seq.c */
/* Starts a checked launch; -ENOMEM when there is no storage. It may end before this returns. */
int trn_core_launch(struct trn_core *core, const struct trn_ext_launch *launch,
		    const struct trn_ext_arg *args, uint32_t window);
/* energy.c: an instruction has taken effect; the sequencer did one alone. */
void trn_energy_retire(struct trn_core *core, const struct trn_inst *inst);
void trn_energy_issue(struct trn_chip *chip, uint32_t engine);
/* Products of a tensor instruction. */
uint64_t trn_tensor_macs(const struct trn_inst *inst);

/* sync.c */
void trn_sync_count(struct trn_sync *sync, uint32_t semaphore, bool down, uint32_t by);

/* ext.c: called by the core when its launch has ended, well or badly. */
void trn_launch_core_done(struct trn_launch *launch, uint32_t core);
/* True when [address, address + size) may be touched through a window. */
bool trn_launch_window_ok(const struct trn_launch *launch, uint32_t window, uint64_t address,
			  uint64_t size, bool write);
/* Memory that a WAIT may look at has been written by the device. */
void trn_launch_written(struct trn_launch *launch);

#endif /* MODEL_CORE_H */
