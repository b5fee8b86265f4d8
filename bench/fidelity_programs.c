/* SPDX-License-Identifier: Apache-2.0 */
/* Programs whose device time is a published figure. Raw instructions, no waits but the ones
 * that are measured. */
#include <string.h>
#include "bench/fidelity.h"

#define SEMAPHORE 40 /* above those of the tile layer */
#define DMA_ENGINES 16u
#define PARTITIONS 128u

static struct trn_isa_ap view(enum trn_space space, enum trn_dtype dtype, uint32_t partitions,
			      uint32_t offset, uint32_t count)
{
	return (struct trn_isa_ap){
		.space = (uint8_t)space,
		.dtype = (uint8_t)dtype,
		.partitions = (uint8_t)partitions,
		.offset = offset,
		.ndims = 1,
		.dims = { { 1, (uint16_t)count } },
	};
}

static int begin(uint32_t arch, struct trn_builder **ret_builder)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = "fidelity", .arch = arch };

	return trn_builder_create(&opts, ret_builder);
}

static int end(struct trn_builder *b, struct fid_program *ret)
{
	int r = trn_builder_finish(b, &ret->image, &ret->bytes);

	trn_builder_destroy(b);
	return r;
}

static void argument(struct trn_builder *b, const char *name, uint64_t bytes,
		     struct fid_program *ret)
{
	(void)trn_builder_arg(b, name, TRN_ARG_BUFFER, bytes); /* numbered from 0 */
	ret->arg_bytes[ret->args++] = bytes;
}

/* ---- tensor engine ---- */

static uint32_t rows_of(const struct fid_matmul *shape)
{
	return shape->flags & TRN_MATMUL_DOUBLE_ROW ? 2 : 1;
}

int fid_matmuls(uint32_t arch, const struct fid_matmul *shape, struct fid_program *ret)
{
	const bool mx = shape->op == TRN_OP_MATMUL_MX;
	const uint32_t rows = rows_of(shape);
	struct trn_isa_compute c = {
		.head = { .op = (uint8_t)shape->op, .flags = shape->flags },
		.dst = view(TRN_SPACE_PSUM, TRN_DTYPE_F32, PARTITIONS, 0, shape->n),
		.src0 = view(TRN_SPACE_SBUF, shape->dtype, PARTITIONS, 0, PARTITIONS * rows),
		.src1 = view(TRN_SPACE_SBUF, shape->dtype, PARTITIONS, 8192, shape->n * rows),
	};
	struct trn_builder *b;
	int r = begin(arch, &b);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	if (mx) { /* scales: one row for 8 partitions, 28 of 32 stay unused */
		c.src2 = view(TRN_SPACE_SBUF, TRN_DTYPE_F8E8M0, PARTITIONS - 28, 32768, PARTITIONS);
		c.src3 = view(TRN_SPACE_SBUF, TRN_DTYPE_F8E8M0, PARTITIONS - 28, 40960, shape->n);
	}
	for (uint32_t i = 0; i < shape->count; i++)
		(void)trn_builder_emit(b, TRN_ENGINE_TENSOR, &c, mx ? 4 : 2);
	return end(b, ret);
}

/* ---- DMA ---- */

static struct trn_isa_mem rows(uint32_t arg, uint32_t partitions, uint32_t bytes)
{
	const struct trn_isa_mem row = trn_dram(arg, TRN_DTYPE_BF16, 0, bytes / 2);

	return trn_dram_outer(row, (int32_t)(bytes / 2), partitions);
}

static struct trn_isa_dma load(const struct fid_transfer *t)
{
	return (struct trn_isa_dma){
		.head = { .op = TRN_OP_DMA_COPY },
		.op0 = (uint8_t)t->dge,
		.dst = trn_chip(
			view(TRN_SPACE_SBUF, TRN_DTYPE_BF16, t->partitions, 4096, t->bytes / 2)),
		.src = rows(0, t->partitions, t->bytes),
	};
}

int fid_loads(uint32_t arch, uint32_t bytes, uint32_t count, struct fid_program *ret)
{
	const struct fid_transfer t = { TRN_ENGINE_SYNC, TRN_DGE_HARDWARE, PARTITIONS, bytes };
	const struct trn_isa_dma dma = load(&t);
	struct trn_builder *b;
	int r = begin(arch, &b);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	argument(b, "x", (uint64_t)PARTITIONS * bytes, ret);
	for (uint32_t i = 0; i < count; i++)
		(void)trn_builder_emit(b, t.engine, &dma, 3);
	return end(b, ret);
}

int fid_dma_then_use(uint32_t arch, const struct fid_transfer *transfer, struct fid_program *ret)
{
	struct trn_isa_compute use = {
		.head = { .op = TRN_OP_TENSOR_COPY },
		.dst = view(TRN_SPACE_SBUF, TRN_DTYPE_BF16, PARTITIONS, 0, 1),
		.src0 = view(TRN_SPACE_SBUF, TRN_DTYPE_BF16, PARTITIONS, 4096, 1),
	};
	struct trn_builder *b;
	int r = begin(arch, &b);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	if (transfer->bytes > 0) {
		struct trn_isa_dma dma = load(transfer);

		argument(b, "x", (uint64_t)transfer->partitions * transfer->bytes, ret);
		trn_head_add(&dma.head, SEMAPHORE, 1);
		trn_head_wait(&use.head, SEMAPHORE, DMA_ENGINES);
		(void)trn_builder_emit(b, transfer->engine, &dma, 3);
	}
	(void)trn_builder_emit(b, TRN_ENGINE_VECTOR, &use, 2);
	return end(b, ret);
}

int fid_copies(uint32_t arch, uint32_t bytes, uint32_t count, struct fid_program *ret)
{
	const struct trn_isa_dma dma = {
		.head = { .op = TRN_OP_DMA_COPY },
		.dst = trn_dram(1, TRN_DTYPE_BF16, 0, bytes / 2),
		.src = trn_dram(0, TRN_DTYPE_BF16, 0, bytes / 2),
	};
	struct trn_builder *b;
	int r = begin(arch, &b);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	argument(b, "x", bytes, ret);
	argument(b, "y", bytes, ret);
	for (uint32_t i = 0; i < count; i++)
		(void)trn_builder_emit(b, TRN_ENGINE_SYNC, &dma, 3);
	return end(b, ret);
}

/* ---- scalar engine ---- */

int fid_activation(uint32_t arch, uint32_t n, struct fid_program *ret)
{
	struct trn_isa_compute c = {
		.head = { .op = TRN_OP_ACTIVATION },
		.func = TRN_ACT_EXP,
		.imm = { 0x3f800000 }, /* scale 1.0 */
		.dst = view(TRN_SPACE_SBUF, TRN_DTYPE_BF16, PARTITIONS, 32768, 1),
		.src0 = view(TRN_SPACE_SBUF, TRN_DTYPE_BF16, PARTITIONS, 0, 1),
	};
	struct trn_builder *b;
	int r = begin(arch, &b);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	(void)trn_builder_emit(b, TRN_ENGINE_SCALAR, &c, 2);
	if (n > 0) {
		c.src0 = view(TRN_SPACE_SBUF, TRN_DTYPE_BF16, PARTITIONS, 32768, n);
		c.dst = view(TRN_SPACE_SBUF, TRN_DTYPE_BF16, PARTITIONS, 65536, n);
		(void)trn_builder_emit(b, TRN_ENGINE_SCALAR, &c, 2);
	}
	return end(b, ret);
}
