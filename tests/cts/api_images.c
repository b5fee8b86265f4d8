/* SPDX-License-Identifier: Apache-2.0 */
/* Programs for tests, made with the public builder. */
#include "api_images.h"

#include <trn/builder.h>
#include <trn/tile.h>

static int start(const struct trn_alloc *alloc, const char *name, struct trn_builder **ret_builder)
{
	const struct trn_builder_opts opts = { .size = sizeof(opts), .name = name, .alloc = alloc };

	return trn_builder_create(&opts, ret_builder);
}

static int finish(struct trn_builder *builder, void **ret_image, size_t *ret_bytes)
{
	int r = trn_builder_finish(builder, ret_image, ret_bytes);

	trn_builder_destroy(builder);
	return r;
}

static void move(struct trn_builder *builder, struct trn_isa_mem dst, struct trn_isa_mem src)
{
	trn_tile_transfer(builder, &(struct trn_tile_dma){ .op = TRN_OP_DMA_COPY,
							   .engine = TRN_ENGINE_SYNC,
							   .dst = dst,
							   .src = src });
}

unsigned char api_table_byte(size_t index)
{
	return (unsigned char)(index * 7 + 3);
}

int api_image_copy(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes)
{
	const uint32_t lanes = 32, per_lane = API_COPY_BYTES / 32;
	unsigned char table[API_TABLE_BYTES];
	uint32_t in, out, data, count;
	struct trn_builder *builder;
	struct trn_tile tile;
	uint8_t reg;
	int r = start(alloc, "copy", &builder);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(table); i++)
		table[i] = api_table_byte(i);
	in = trn_builder_arg(builder, "in", TRN_ARG_BUFFER, API_COPY_BYTES);
	out = trn_builder_arg(builder, "out", TRN_ARG_BUFFER, API_COPY_BYTES);
	data = trn_builder_data(builder, "table", table, sizeof(table));
	count = trn_builder_bss(builder, "count", 64);
	tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, lanes, per_lane);
	move(builder, trn_chip(trn_view(&tile, 0, per_lane)),
	     trn_dram(in, TRN_DTYPE_U8, 0, API_COPY_BYTES));
	move(builder, trn_dram(out, TRN_DTYPE_U8, 0, API_COPY_BYTES),
	     trn_chip(trn_view(&tile, 0, per_lane)));
	move(builder, trn_dram(out, TRN_DTYPE_U8, 0, sizeof(table)),
	     trn_dram(data, TRN_DTYPE_U8, 0, sizeof(table)));
	reg = trn_tile_reg(builder);
	{
		const struct trn_isa_mem from = trn_dram(count, TRN_DTYPE_U32, 0, 1);
		const struct trn_isa_mem to = trn_dram(out, TRN_DTYPE_U32, API_COPY_BYTES - 4, 1);

		trn_tile_reg_load(builder, TRN_TILE_ENGINE(TRN_ENGINE_SYNC), reg, &from);
		trn_tile_reg_alu(builder, TRN_TILE_ENGINE(TRN_ENGINE_SYNC), reg, reg, TRN_ALU_ADD,
				 1);
		trn_tile_reg_store(builder, TRN_ENGINE_SYNC, reg, &from);
		trn_tile_reg_store(builder, TRN_ENGINE_SYNC, reg, &to);
	}
	return finish(builder, ret_image, ret_bytes);
}

int api_image_move(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes)
{
	const uint32_t lanes = 32, per_lane = API_COPY_BYTES / 32;
	struct trn_builder *builder;
	struct trn_tile tile;
	uint32_t in, out;
	int r = start(alloc, "move", &builder);

	if (r < 0)
		return r;
	in = trn_builder_arg(builder, "in", TRN_ARG_BUFFER, API_COPY_BYTES);
	out = trn_builder_arg(builder, "out", TRN_ARG_BUFFER, API_COPY_BYTES);
	tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, lanes, per_lane);
	move(builder, trn_chip(trn_view(&tile, 0, per_lane)),
	     trn_dram(in, TRN_DTYPE_U8, 0, API_COPY_BYTES));
	move(builder, trn_dram(out, TRN_DTYPE_U8, 0, API_COPY_BYTES),
	     trn_chip(trn_view(&tile, 0, per_lane)));
	return finish(builder, ret_image, ret_bytes);
}

int api_image_overrun(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes)
{
	struct trn_builder *builder;
	struct trn_tile tile;
	uint32_t in;
	int r = start(alloc, "overrun", &builder);

	if (r < 0)
		return r;
	in = trn_builder_arg(builder, "in", TRN_ARG_BUFFER, 16);
	tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_U8, 32, API_COPY_BYTES / 32);
	move(builder, trn_chip(trn_view(&tile, 0, API_COPY_BYTES / 32)),
	     trn_dram(in, TRN_DTYPE_U8, 0, API_COPY_BYTES));
	return finish(builder, ret_image, ret_bytes);
}

int api_image_uninit(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes)
{
	struct trn_builder *builder;
	struct trn_tile psum, sbuf;
	int r = start(alloc, "uninit", &builder);

	if (r < 0)
		return r;
	psum = trn_tile_alloc(builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, 32, 16);
	sbuf = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 32, 16);
	trn_tile_compute(builder, &(struct trn_tile_op){ .op = TRN_OP_TENSOR_COPY,
							 .engine = TRN_ENGINE_VECTOR,
							 .dst = trn_view(&sbuf, 0, 16),
							 .src0 = trn_view(&psum, 0, 16) });
	return finish(builder, ret_image, ret_bytes);
}

int api_image_deadlock(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes)
{
	struct trn_builder *builder;
	int r = start(alloc, "deadlock", &builder);

	if (r < 0)
		return r;
	for (uint8_t i = 0; i < 2; i++) {
		struct trn_isa_compute wait = { .head = { .op = TRN_OP_NOP } };

		trn_head_wait(&wait.head, (uint8_t)(200 + i), 1);
		trn_head_add(&wait.head, (uint8_t)(201 - i), 1);
		(void)trn_builder_emit(builder, i ? TRN_ENGINE_VECTOR : TRN_ENGINE_SCALAR, &wait,
				       1);
	}
	return finish(builder, ret_image, ret_bytes);
}

int api_image_pair(const struct trn_alloc *alloc, unsigned int side, void **ret_image,
		   size_t *ret_bytes)
{
	const uint32_t lanes = 64, per_lane = API_PAIR_NUMBERS / 64;
	struct trn_tile mine, theirs;
	uint32_t in, out, shared;
	struct trn_builder *builder;
	int r = start(alloc, "pair", &builder);

	if (r < 0)
		return r;
	in = trn_builder_arg(builder, "in", TRN_ARG_BUFFER, API_PAIR_BYTES);
	out = trn_builder_arg(builder, "out", TRN_ARG_BUFFER, API_PAIR_BYTES);
	shared = trn_builder_arg(builder, "shared", TRN_ARG_BUFFER, API_PAIR_BYTES);
	mine = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, lanes, per_lane);
	theirs = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, lanes, per_lane);
	move(builder, trn_chip(trn_view(&mine, 0, per_lane)),
	     trn_dram(in, TRN_DTYPE_F32, 0, API_PAIR_NUMBERS));
	trn_tile_transfer(builder,
			  &(struct trn_tile_dma){ .op = TRN_OP_SENDRECV,
						  .engine = TRN_ENGINE_SYNC,
						  .imm = 2,
						  .dst = trn_chip(trn_view(&theirs, 0, per_lane)),
						  .src = trn_chip(trn_view(&mine, 0, per_lane)) });
	move(builder, trn_dram(out, TRN_DTYPE_F32, 0, API_PAIR_NUMBERS),
	     trn_chip(trn_view(&theirs, 0, per_lane)));
	if (side == 1)
		trn_tile_pair_barrier(builder, 9);
	trn_tile_transfer(
		builder,
		&(struct trn_tile_dma){ .op = TRN_OP_DMA_ADD,
					.engine = TRN_ENGINE_SYNC,
					.flags = TRN_DMA_ACCUMULATE,
					.imm = 1,
					.dst = trn_dram(shared, TRN_DTYPE_F32, 0, API_PAIR_NUMBERS),
					.src = trn_chip(trn_view(&mine, 0, per_lane)) });
	if (side == 0)
		trn_tile_pair_barrier(builder, 9);
	return finish(builder, ret_image, ret_bytes);
}
