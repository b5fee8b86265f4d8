/* SPDX-License-Identifier: Apache-2.0 */
/* Names of everything in an instruction; one line of ops[] is one row of docs/isa.md. */
#include "base/isa_text.h"

#include <string.h>
#include <trn/isa.h>
#include "base/bits.h"
#include "base/isa_ops.h"

#define F(name) TRN_FIELD_##name
#define K(name) TRN_TEXT_##name
#define IMM(n) (TRN_FIELD_IMM0 + (n))

static const char *const reg_flags[TRN_TEXT_FLAGS] = { "imm" };
static const char *const dma_flags[TRN_TEXT_FLAGS] = { "gather", "scatter", "oob_skip",
						       "accumulate", "gpsimd" };
static const char *const matmul_flags[TRN_TEXT_FLAGS] = { "accumulate", "transpose", "double_row",
							  "tiled",      "onezero0",  "onezero1" };
static const char *const tensor_flags[TRN_TEXT_FLAGS] = { "column0",  "column1", "reverse0",
							  "reverse1", "negate",  "reverse" };
static const char *const partition_flags[TRN_TEXT_FLAGS] = { "average" };

#define DMA                                                        \
	{                                                          \
		.field = { [F(OP0)] = K(DGE) }, .flags = dma_flags \
	}
#define OPS01 [F(OP0)] = K(ALU), [F(OP1)] = K(ALU)
#define FLOAT01 [IMM(0)] = K(FLOAT), [IMM(1)] = K(FLOAT)
#define ACCUMULATOR [F(MODE)] = K(REDUCE)

/* Fields that are not named here are plain numbers. */
static const struct trn_isa_text ops[TRN_OP_LIMIT] = {
	[TRN_OP_BRANCH] = { .field = { [F(OP1)] = K(REG),
				       [F(FUNC)] = K(REG),
				       [F(MODE)] = K(ALU),
				       [IMM(0)] = K(SIGNED),
				       [IMM(1)] = K(LABEL) },
			    .flags = reg_flags },
	[TRN_OP_REG_MOVE] = { .field = { [F(OP0)] = K(REG),
					 [F(OP1)] = K(REG),
					 [IMM(0)] = K(SIGNED) },
			      .flags = reg_flags },
	[TRN_OP_REG_ALU] = { .field = { [F(OP0)] = K(REG),
					[F(OP1)] = K(REG),
					[F(FUNC)] = K(REG),
					[F(MODE)] = K(ALU),
					[IMM(0)] = K(SIGNED) },
			     .flags = reg_flags },
	[TRN_OP_REG_LOAD] = { .field = { [F(OP0)] = K(REG) } },
	[TRN_OP_REG_STORE] = { .field = { [F(OP0)] = K(REG) } },
	[TRN_OP_REG_ARG] = { .field = { [F(OP0)] = K(REG), [IMM(0)] = K(ARG), [IMM(1)] = K(PART) },
			     .flags = NULL },
	[TRN_OP_NOTIFY] = { .field = { [F(FUNC)] = K(REG) }, .flags = reg_flags },
	[TRN_OP_SET_ROUNDING] = { .field = { [F(MODE)] = K(ROUND) } },
	[TRN_OP_DMA_COPY] = DMA,
	[TRN_OP_DMA_TRANSPOSE] = DMA,
	[TRN_OP_DMA_ADD] = DMA,
	[TRN_OP_SENDRECV] = DMA,
	[TRN_OP_MATMUL] = { .flags = matmul_flags },
	[TRN_OP_MATMUL_MX] = { .flags = matmul_flags },
	[TRN_OP_MEMSET] = { .field = { [IMM(0)] = K(BITS) } },
	[TRN_OP_TENSOR_TENSOR] = { .field = { [F(OP0)] = K(ALU) } },
	[TRN_OP_TENSOR_SCALAR] = { .field = { OPS01, FLOAT01 }, .flags = tensor_flags },
	[TRN_OP_TENSOR_REDUCE] = { .field = { [F(FUNC)] = K(ALU) }, .flags = tensor_flags },
	[TRN_OP_ACTIVATION] = { .field = { [F(FUNC)] = K(ACT),
					   ACCUMULATOR,
					   FLOAT01,
					   [IMM(2)] = K(FLOAT) },
				.flags = tensor_flags },
	[TRN_OP_EXPONENTIAL] = { .field = { ACCUMULATOR, FLOAT01 }, .flags = tensor_flags },
	[TRN_OP_IOTA] = { .field = { [IMM(0)] = K(SIGNED),
				     [IMM(1)] = K(SIGNED),
				     [IMM(2)] = K(SIGNED),
				     [IMM(3)] = K(SIGNED),
				     [IMM(4)] = K(SIGNED),
				     [IMM(5)] = K(SIGNED) } },
	[TRN_OP_AFFINE_SELECT] = { .field = { [F(OP0)] = K(ALU),
					      [IMM(0)] = K(SIGNED),
					      [IMM(1)] = K(SIGNED),
					      [IMM(2)] = K(FLOAT),
					      [IMM(3)] = K(SIGNED),
					      [IMM(4)] = K(SIGNED),
					      [IMM(5)] = K(SIGNED) } },
	[TRN_OP_RANGE_SELECT] = { .field = { OPS01, ACCUMULATOR, FLOAT01, [IMM(2)] = K(SIGNED) },
				  .flags = tensor_flags },
	[TRN_OP_MATCH_REPLACE8] = { .field = { [IMM(0)] = K(FLOAT) } },
	[TRN_OP_SCALAR_TENSOR_TENSOR] = { .field = { OPS01, FLOAT01 }, .flags = tensor_flags },
	[TRN_OP_TENSOR_SCAN] = { .field = { OPS01, FLOAT01 }, .flags = tensor_flags },
	[TRN_OP_SCALAR_CUMULATIVE] = { .field = { OPS01, ACCUMULATOR, FLOAT01 },
				       .flags = tensor_flags },
	[TRN_OP_SCALAR_REDUCE] = { .field = { [F(OP0)] = K(ALU),
					      [F(FUNC)] = K(ALU),
					      ACCUMULATOR,
					      FLOAT01 },
				   .flags = tensor_flags },
	[TRN_OP_ACTIVATE2] = { .field = { OPS01, [F(FUNC)] = K(ACT), ACCUMULATOR, FLOAT01,
					  [IMM(2)] = K(ALU), [IMM(3)] = K(FLOAT) },
			       .flags = tensor_flags },
	[TRN_OP_SELECT_REDUCE] = { .field = { ACCUMULATOR, FLOAT01 }, .flags = tensor_flags },
	[TRN_OP_COPY_PREDICATED] = { .field = { [IMM(0)] = K(BITS) }, .flags = tensor_flags },
	[TRN_OP_STREAM_SHUFFLE] = { .field = { [IMM(0)] = K(BITS),
					       [IMM(1)] = K(BITS),
					       [IMM(2)] = K(BITS),
					       [IMM(3)] = K(BITS),
					       [IMM(4)] = K(BITS),
					       [IMM(5)] = K(BITS) } },
	[TRN_OP_DROPOUT] = { .field = { [IMM(0)] = K(FLOAT) }, .flags = tensor_flags },
	[TRN_OP_RAND2] = { .field = { FLOAT01 }, .flags = tensor_flags },
	[TRN_OP_PARTITION_REDUCE] = { .field = { [F(FUNC)] = K(ALU) }, .flags = partition_flags },
	[TRN_OP_NONZERO_COUNT] = { .field = { [IMM(0)] = K(SIGNED), [IMM(1)] = K(SIGNED) } },
};

#define AT(member) offsetof(struct trn_isa_compute, member)

const struct trn_text_place trn_text_places[TRN_FIELD_COUNT] = {
	[F(OP0)] = { "op0", "rd", AT(op0), 1 },      [F(OP1)] = { "op1", "ra", AT(op1), 1 },
	[F(FUNC)] = { "func", "rb", AT(func), 1 },   [F(MODE)] = { "mode", NULL, AT(mode), 1 },
	[IMM(0)] = { "imm0", NULL, AT(imm), 4 },     [IMM(1)] = { "imm1", "to", AT(imm) + 4, 4 },
	[IMM(2)] = { "imm2", NULL, AT(imm) + 8, 4 }, [IMM(3)] = { "imm3", NULL, AT(imm) + 12, 4 },
	[IMM(4)] = { "imm4", NULL, AT(imm4), 4 },    [IMM(5)] = { "imm5", NULL, AT(imm5), 4 },
};

static const char *const alu_names[] = {
	[TRN_ALU_BYPASS] = "bypass",
	[TRN_ALU_ADD] = "add",
	[TRN_ALU_SUB] = "sub",
	[TRN_ALU_MUL] = "mul",
	[TRN_ALU_MAX] = "max",
	[TRN_ALU_MIN] = "min",
	[TRN_ALU_EQ] = "eq",
	[TRN_ALU_NE] = "ne",
	[TRN_ALU_GE] = "ge",
	[TRN_ALU_GT] = "gt",
	[TRN_ALU_LE] = "le",
	[TRN_ALU_LT] = "lt",
	[TRN_ALU_LAND] = "land",
	[TRN_ALU_LOR] = "lor",
	[TRN_ALU_LXOR] = "lxor",
	[TRN_ALU_POW] = "pow",
	[TRN_ALU_ABS_MAX] = "abs_max",
	[TRN_ALU_ABS_MIN] = "abs_min",
	[TRN_ALU_NOT] = "not",
	[TRN_ALU_AND] = "and",
	[TRN_ALU_OR] = "or",
	[TRN_ALU_XOR] = "xor",
	[TRN_ALU_SHL] = "shl",
	[TRN_ALU_SHR] = "shr",
	[TRN_ALU_ABS] = "abs",
	[TRN_ALU_SQUARE] = "square",
	[TRN_ALU_RELU] = "relu",
	[TRN_ALU_RSQRT] = "rsqrt",
	[TRN_ALU_RECIPROCAL] = "reciprocal",
};

static const char *const act_names[] = {
	[TRN_ACT_COPY] = "copy",
	[TRN_ACT_SQUARE] = "square",
	[TRN_ACT_SIGMOID] = "sigmoid",
	[TRN_ACT_RELU] = "relu",
	[TRN_ACT_GELU] = "gelu",
	[TRN_ACT_SILU] = "silu",
	[TRN_ACT_TANH] = "tanh",
	[TRN_ACT_SOFTPLUS] = "softplus",
	[TRN_ACT_ERF] = "erf",
	[TRN_ACT_EXP] = "exp",
	[TRN_ACT_LOG] = "log",
	[TRN_ACT_SIN] = "sin",
	[TRN_ACT_ARCTAN] = "arctan",
	[TRN_ACT_SQRT] = "sqrt",
	[TRN_ACT_RSQRT] = "rsqrt",
	[TRN_ACT_RECIPROCAL] = "reciprocal",
	[TRN_ACT_SIGN] = "sign",
	[TRN_ACT_ABS] = "abs",
	[TRN_ACT_PRELU] = "prelu",
	[TRN_ACT_GELU_DX] = "gelu_dx",
	[TRN_ACT_GELU_TANH] = "gelu_tanh",
	[TRN_ACT_GELU_SIGMOID] = "gelu_sigmoid",
	[TRN_ACT_GELU_SIGMOID_DX] = "gelu_sigmoid_dx",
	[TRN_ACT_SILU_DX] = "silu_dx",
	[TRN_ACT_MISH] = "mish",
	[TRN_ACT_ERF_DX] = "erf_dx",
};
_Static_assert(TRN_ARRAY_LEN(act_names) == TRN_ACT_COUNT, "a name for each function");

static const char *const reduce_names[] = {
	[TRN_REDUCE_IDLE] = "idle",
	[TRN_REDUCE_RESET] = "reset",
	[TRN_REDUCE_ACCUMULATE] = "accumulate",
	[TRN_REDUCE_RESET_REDUCE] = "reset_reduce",
	[TRN_REDUCE_LOAD_REDUCE] = "load_reduce",
};
static const char *const dge_names[] = {
	[TRN_DGE_AUTO] = "auto",
	[TRN_DGE_SOFTWARE] = "software",
	[TRN_DGE_HARDWARE] = "hardware",
	[TRN_DGE_STATIC] = "static",
};
static const char *const round_names[] = {
	[TRN_ROUND_NEAREST] = "nearest",
	[TRN_ROUND_STOCHASTIC] = "stochastic",
};
static const char *const part_names[] = {
	[TRN_REG_PART_VALUE_LO] = "value_lo",
	[TRN_REG_PART_VALUE_HI] = "value_hi",
	[TRN_REG_PART_SIZE_LO] = "size_lo",
	[TRN_REG_PART_SIZE_HI] = "size_hi",
};
static const char *const dtype_names[TRN_DTYPE_COUNT] = {
	[TRN_DTYPE_U8] = "u8",
	[TRN_DTYPE_S8] = "s8",
	[TRN_DTYPE_U16] = "u16",
	[TRN_DTYPE_S16] = "s16",
	[TRN_DTYPE_U32] = "u32",
	[TRN_DTYPE_S32] = "s32",
	[TRN_DTYPE_F32] = "f32",
	[TRN_DTYPE_TF32] = "tf32",
	[TRN_DTYPE_BF16] = "bf16",
	[TRN_DTYPE_F16] = "f16",
	[TRN_DTYPE_F8E4M3] = "f8e4m3",
	[TRN_DTYPE_F8E4M3FN] = "f8e4m3fn",
	[TRN_DTYPE_F8E5M2] = "f8e5m2",
	[TRN_DTYPE_F8E3M4] = "f8e3m4",
	[TRN_DTYPE_F8E5M2_X4] = "f8e5m2_x4",
	[TRN_DTYPE_F8E4M3FN_X4] = "f8e4m3fn_x4",
	[TRN_DTYPE_F4E2M1_X4] = "f4e2m1_x4",
	[TRN_DTYPE_F8E8M0] = "f8e8m0",
};
static const char *const engine_names[TRN_ENGINE_COUNT] = {
	[TRN_ENGINE_TENSOR] = "tensor", [TRN_ENGINE_VECTOR] = "vector",
	[TRN_ENGINE_SCALAR] = "scalar", [TRN_ENGINE_GPSIMD] = "gpsimd",
	[TRN_ENGINE_SYNC] = "sync",
};
static const char *const slot_names[TRN_AP_COUNT] = {
	[TRN_AP_DST] = "dst",     [TRN_AP_SRC0] = "src0", [TRN_AP_SRC1] = "src1",
	[TRN_AP_SRC2] = "src2",   [TRN_AP_DST2] = "dst2", [TRN_AP_SRC3] = "src3",
	[TRN_AP_INDEX] = "index",
};

static const struct {
	const char *expected;
	const char *const *name;
	uint32_t count;
} kinds[TRN_TEXT_KINDS] = {
	[K(NUMBER)] = { "a number", NULL, 0 },
	[K(SIGNED)] = { "a number", NULL, 0 },
	[K(BITS)] = { "a number", NULL, 0 },
	[K(FLOAT)] = { "a number", NULL, 0 },
	[K(REG)] = { "a register r0 to r63", NULL, 0 },
	[K(LABEL)] = { "a label", NULL, 0 },
	[K(ARG)] = { "an argument's number or \"name\"", NULL, 0 },
	[K(ALU)] = { "an operator", alu_names, TRN_ARRAY_LEN(alu_names) },
	[K(ACT)] = { "an activation function", act_names, TRN_ARRAY_LEN(act_names) },
	[K(REDUCE)] = { "an accumulator command", reduce_names, TRN_ARRAY_LEN(reduce_names) },
	[K(DGE)] = { "auto, software, hardware or static", dge_names, TRN_ARRAY_LEN(dge_names) },
	[K(ROUND)] = { "nearest or stochastic", round_names, TRN_ARRAY_LEN(round_names) },
	[K(PART)] = { "value_lo, value_hi, size_lo or size_hi", part_names,
		      TRN_ARRAY_LEN(part_names) },
	[K(DTYPE)] = { "a number format", dtype_names, TRN_DTYPE_COUNT },
	[K(ENGINE)] = { "an engine", engine_names, TRN_ENGINE_COUNT },
	[K(SLOT)] = { "an operand", slot_names, TRN_AP_COUNT },
};

const struct trn_isa_text *trn_isa_text(uint32_t op)
{
	if (!trn_isa_op(op))
		return NULL;
	return &ops[op];
}

static int same(const char *name, const char *text, size_t length)
{
	return name && strlen(name) == length && memcmp(name, text, length) == 0;
}

int trn_isa_text_op(const char *name, size_t length)
{
	for (uint32_t op = 0; op < TRN_OP_LIMIT; op++) {
		const struct trn_isa_op *form = trn_isa_op(op);

		if (form && same(form->name, name, length))
			return (int)op;
	}
	return -1;
}

const char *trn_text_name(enum trn_text_kind kind, uint32_t value)
{
	if (value >= kinds[kind].count)
		return NULL;
	return kinds[kind].name[value];
}

int trn_text_value(enum trn_text_kind kind, const char *name, size_t length)
{
	for (uint32_t value = 0; value < kinds[kind].count; value++)
		if (same(trn_text_name(kind, value), name, length))
			return (int)value;
	return -1;
}

const char *trn_text_expected(enum trn_text_kind kind)
{
	return kinds[kind].expected;
}
