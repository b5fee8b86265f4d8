/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles on top of the builder: memory of SBUF and PSUM, views of it, and instructions in
 * program order whose waits and increments are found from what they read and write. */
#ifndef TRN_TILE_H
#define TRN_TILE_H

#include <trn/builder.h>

TRN_BEGIN_DECLS

/** struct trn_tile - memory of one core: the same bytes of some partitions */
struct trn_tile {
	uint32_t space; /* SBUF or PSUM; NONE: allocation failed */
	uint32_t dtype;
	uint32_t partitions; /* from partition 0 */
	uint32_t elements;   /* of each partition */
	uint32_t offset;     /* bytes inside the partition */
	uint32_t bytes;      /* of each partition, rounded up */
	uint32_t esize;      /* bytes of one element */
};

/** struct trn_tile_op - one compute instruction; operands and immediates as docs/isa.md says */
struct trn_tile_op {
	enum trn_op op;
	enum trn_engine engine;
	uint8_t flags, op0, op1, func, mode;
	uint8_t indirect; /* enum trn_isa_slot + 1 of the operand that @index is for; 0: none */
	uint32_t imm[6];
	struct trn_isa_ap dst, src0, src1, src2, dst2, src3, index; /* zero: absent */
};

/** struct trn_tile_dma - one DMA; @index is zero without GATHER and SCATTER */
struct trn_tile_dma {
	enum trn_op op;         /* DMA_COPY, DMA_TRANSPOSE, DMA_ADD or SENDRECV */
	enum trn_engine engine; /* that triggers it, and waits until it may */
	uint8_t flags;
	uint8_t dge;      /* enum trn_dge */
	uint8_t priority; /* 0 to 3, 0 goes first; trn3 and later */
	uint32_t imm;     /* sources of DMA_ADD, pipe of SENDRECV */
	struct trn_isa_ap index;
	struct trn_isa_mem dst, src;
};

/* Engine sets: bit per enum trn_engine. */
#define TRN_TILE_ENGINE(e) (1u << (e))
#define TRN_TILE_ALL 0x1fu

/**
 * trn_tile_alloc() - take memory of SBUF or PSUM
 * @builder: a builder
 * @space: TRN_SPACE_SBUF or TRN_SPACE_PSUM
 * @dtype: of the elements
 * @partitions: 1 to 128
 * @elements: of each partition
 *
 * Takes the lowest room there is. A PSUM tile of at most 2 KiB lies in one bank, a larger one
 * begins with a bank. Content is undefined. Memory that was freed may be taken again at once:
 * instructions wait for the ones that still use it.
 *
 * Context: one thread at a time per object.
 * Return:  the tile; all zero after a failure (-ENOSPC names what was asked and what is free).
 * Since:   0.1
 */
TRN_API struct trn_tile trn_tile_alloc(struct trn_builder *builder, enum trn_space space,
				       enum trn_dtype dtype, uint32_t partitions,
				       uint32_t elements);

/**
 * trn_tile_free() - give a tile's memory back
 * @builder: a builder
 * @tile: a tile of it
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_free(struct trn_builder *builder, const struct trn_tile *tile);

/**
 * trn_tile_room() - largest tile that could be had now
 * @builder: a builder
 * @space: TRN_SPACE_SBUF or TRN_SPACE_PSUM
 *
 * Context: one thread at a time per object.
 * Return:  bytes of each partition.
 * Since:   0.1
 */
TRN_API uint32_t trn_tile_room(const struct trn_builder *builder, enum trn_space space);

/**
 * trn_tile_compute() - append a compute instruction
 * @builder: a builder
 * @op: the instruction; borrowed for the call
 *
 * Every operand must lie inside one tile. With a register in an operand's address the whole
 * tile counts as touched.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_compute(struct trn_builder *builder, const struct trn_tile_op *op);

/**
 * trn_tile_transfer() - append a DMA
 * @builder: a builder
 * @dma: the transfer; borrowed for the call
 *
 * Memory behind arguments is tracked by argument and byte range; with a register in the
 * address the whole argument counts as touched. Two arguments of one launch must not name
 * memory that overlaps when the program writes one of them.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_transfer(struct trn_builder *builder, const struct trn_tile_dma *dma);

/**
 * trn_tile_reg() - take a register, the same one on every engine
 * @builder: a builder
 *
 * Context: one thread at a time per object.
 * Return:  its number, 0 to 63; 0 after a failure.
 * Since:   0.1
 */
TRN_API uint8_t trn_tile_reg(struct trn_builder *builder);

/**
 * trn_tile_reg_free() - give a register back
 * @builder: a builder
 * @reg: its number
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_reg_free(struct trn_builder *builder, uint8_t reg);

/**
 * trn_tile_reg_set() - register = number
 * @builder: a builder
 * @engines: on which engines
 * @reg: register
 * @value: number
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_reg_set(struct trn_builder *builder, uint32_t engines, uint8_t reg,
			      uint32_t value);

/**
 * trn_tile_reg_arg() - register = low 32 bits of a number of the launch
 * @builder: a builder
 * @engines: on which engines
 * @reg: register
 * @arg: argument number
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_reg_arg(struct trn_builder *builder, uint32_t engines, uint8_t reg,
			      uint32_t arg);

/**
 * trn_tile_reg_alu() - register = register operator number
 * @builder: a builder
 * @engines: on which engines
 * @dst: register that takes the result
 * @src: register on the left side
 * @op: operator; signed, wraps
 * @value: number on the right side
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_reg_alu(struct trn_builder *builder, uint32_t engines, uint8_t dst,
			      uint8_t src, enum trn_alu op, uint32_t value);

/**
 * trn_tile_reg_load() - register = one element of memory
 * @builder: a builder
 * @engines: on which engines
 * @reg: register
 * @src: one element of SBUF or of an argument
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_reg_load(struct trn_builder *builder, uint32_t engines, uint8_t reg,
			       const struct trn_isa_mem *src);

/**
 * trn_tile_reg_store() - one element of memory = register
 * @builder: a builder
 * @engine: on which engine
 * @reg: register
 * @dst: one element of SBUF or of an argument
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_reg_store(struct trn_builder *builder, enum trn_engine engine, uint8_t reg,
				const struct trn_isa_mem *dst);

/**
 * trn_tile_barrier() - every engine waits until all that came before is done
 * @builder: a builder
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_barrier(struct trn_builder *builder);

/**
 * trn_tile_pair_barrier() - a barrier of both cores of a pair
 * @builder: a builder
 * @place: which one, 0 to 15: the other core's program has the same one here
 *
 * Cores 2n and 2n + 1 are a pair. Each waits until all that came before is done on both;
 * one whose partner does not come waits until it is reset.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_pair_barrier(struct trn_builder *builder, uint32_t place);

/**
 * trn_tile_loop_begin() - repeat what follows while a register is above 0
 * @builder: a builder
 * @reg: count, set on every engine (TRN_TILE_ALL); 0 or less: not once
 *
 * Loops may be nested. Each round ends with a barrier: what one round leaves behind, the
 * next one finds done.
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_loop_begin(struct trn_builder *builder, uint8_t reg);

/**
 * trn_tile_loop_end() - end of the innermost loop: the register counts down by 1
 * @builder: a builder
 *
 * Context: one thread at a time per object.
 * Since:   0.1
 */
TRN_API void trn_tile_loop_end(struct trn_builder *builder);

/*
 * Views. A count or step that its field cannot hold makes a view of 255 dimensions, which
 * the builder refuses.
 */

/** trn_view() - @num elements of every partition of a tile, from @element on */
static inline struct trn_isa_ap trn_view(const struct trn_tile *tile, uint32_t element,
					 uint32_t num)
{
	struct trn_isa_ap ap;

	ap.space = (uint8_t)tile->space;
	ap.dtype = (uint8_t)tile->dtype;
	ap.start = 0;
	ap.partitions = (uint8_t)tile->partitions;
	ap.offset = tile->offset + element * tile->esize;
	ap.reg = 0;
	ap.ndims = num > 0xffff ? 255 : 1;
	ap.reserved = 0;
	for (int i = 0; i < 4; i++) {
		ap.dims[i].step = i ? 0 : 1;
		ap.dims[i].num = i ? (uint16_t)0 : (uint16_t)num;
	}
	return ap;
}

/** trn_view_step() - the innermost loop of @ap takes every @step-th element; 0 repeats one */
static inline struct trn_isa_ap trn_view_step(struct trn_isa_ap ap, int32_t step)
{
	if (step < -32768 || step > 32767 || ap.ndims > 4)
		ap.ndims = 255;
	else
		ap.dims[ap.ndims - 1].step = (int16_t)step;
	return ap;
}

/** trn_view_outer() - @ap @num times, each @step elements further; 0 repeats it */
static inline struct trn_isa_ap trn_view_outer(struct trn_isa_ap ap, int32_t step, uint32_t num)
{
	if (step < -32768 || step > 32767 || num > 0xffff || ap.ndims > 3) {
		ap.ndims = 255;
		return ap;
	}
	for (int i = ap.ndims; i > 0; i--)
		ap.dims[i] = ap.dims[i - 1];
	ap.dims[0].step = (int16_t)step;
	ap.dims[0].num = (uint16_t)num;
	ap.ndims++;
	return ap;
}

/** trn_view_rows() - only @count partitions of @ap, from its @first on */
static inline struct trn_isa_ap trn_view_rows(struct trn_isa_ap ap, uint32_t first, uint32_t count)
{
	ap.start = (uint8_t)(ap.start + first);
	ap.partitions = (uint8_t)count;
	return ap;
}

/** trn_view_as() - the same bytes as another dtype of the same size */
static inline struct trn_isa_ap trn_view_as(struct trn_isa_ap ap, enum trn_dtype dtype)
{
	ap.dtype = (uint8_t)dtype;
	return ap;
}

/** trn_view_reg() - @ap moved by a register's number of bytes */
static inline struct trn_isa_ap trn_view_reg(struct trn_isa_ap ap, uint8_t reg)
{
	ap.reg = (uint8_t)(reg + 1);
	return ap;
}

/** trn_chip() - a view as one side of a DMA */
static inline struct trn_isa_mem trn_chip(struct trn_isa_ap ap)
{
	struct trn_isa_mem mem;

	mem.space = ap.space;
	mem.dtype = ap.dtype;
	mem.arg = 0;
	mem.reg = 0;
	mem.reg_scale = 0;
	mem.u.chip.ap = ap;
	for (int i = 0; i < 12; i++)
		mem.u.chip.reserved[i] = 0;
	return mem;
}

/** trn_dram() - @num elements of argument @arg, from byte @offset on */
static inline struct trn_isa_mem trn_dram(uint32_t arg, enum trn_dtype dtype, uint64_t offset,
					  uint32_t num)
{
	struct trn_isa_mem mem;

	mem.space = TRN_SPACE_DRAM;
	mem.dtype = (uint8_t)dtype;
	mem.arg = (uint8_t)(arg > 0xff ? 0xff : arg);
	mem.reg = 0;
	mem.reg_scale = 0;
	mem.u.dram.offset = offset;
	for (int i = 0; i < 4; i++) {
		mem.u.dram.dims[i].step = i ? 0 : 1;
		mem.u.dram.dims[i].num = i ? 0 : num;
	}
	return mem;
}

/** trn_dram_step() - the innermost loop of @mem takes every @step-th element; 0 repeats one */
static inline struct trn_isa_mem trn_dram_step(struct trn_isa_mem mem, int32_t step)
{
	int last = 3;

	while (last > 0 && !mem.u.dram.dims[last].num)
		last--;
	mem.u.dram.dims[last].step = step;
	return mem;
}

/** trn_dram_outer() - @mem @num times, each @step elements further; at most four loops */
static inline struct trn_isa_mem trn_dram_outer(struct trn_isa_mem mem, int32_t step, uint32_t num)
{
	if (mem.u.dram.dims[3].num) {
		mem.space = TRN_SPACE_NONE; /* refused */
		return mem;
	}
	for (int i = 3; i > 0; i--)
		mem.u.dram.dims[i] = mem.u.dram.dims[i - 1];
	mem.u.dram.dims[0].step = step;
	mem.u.dram.dims[0].num = num;
	return mem;
}

/** trn_dram_reg() - @mem moved by register * @scale bytes */
static inline struct trn_isa_mem trn_dram_reg(struct trn_isa_mem mem, uint8_t reg, uint32_t scale)
{
	mem.reg = (uint8_t)(reg + 1);
	mem.reg_scale = scale;
	return mem;
}

TRN_END_DECLS

#endif /* TRN_TILE_H */
