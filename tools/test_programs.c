// SPDX-License-Identifier: Apache-2.0
/* Writes the program files that trnctl's tests run: one that adds, one that copies a number,
 * one that breaks a rule, one that never ends. usage: test_programs FOLDER */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/tile.h>
#include <trn/trn.h>

#define COLUMNS 8u
#define ELEMENTS (TRN_ISA_PARTITIONS * COLUMNS)

/* out = in + 1 */
static void build_add(struct trn_builder *builder)
{
	uint32_t in = trn_builder_arg(builder, "in", TRN_ARG_BUFFER, ELEMENTS * 4);
	uint32_t out = trn_builder_arg(builder, "out", TRN_ARG_BUFFER, ELEMENTS * 4);
	struct trn_tile tile =
		trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, TRN_ISA_PARTITIONS, COLUMNS);
	struct trn_tile_dma dma = { .op = TRN_OP_DMA_COPY, .engine = TRN_ENGINE_SYNC };
	struct trn_tile_op add = { .op = TRN_OP_TENSOR_SCALAR,
				   .engine = TRN_ENGINE_VECTOR,
				   .op0 = TRN_ALU_ADD,
				   .dst = trn_view(&tile, 0, COLUMNS),
				   .src0 = trn_view(&tile, 0, COLUMNS) };
	const float one = 1.0f;

	memcpy(&add.imm[0], &one, sizeof(one));
	dma.dst = trn_chip(trn_view(&tile, 0, COLUMNS));
	dma.src = trn_dram(in, TRN_DTYPE_F32, 0, ELEMENTS);
	trn_tile_transfer(builder, &dma);
	trn_tile_compute(builder, &add);
	dma.src = trn_chip(trn_view(&tile, 0, COLUMNS));
	dma.dst = trn_dram(out, TRN_DTYPE_F32, 0, ELEMENTS);
	trn_tile_transfer(builder, &dma);
}

/* out[0] = number */
static void build_number(struct trn_builder *builder)
{
	uint32_t number = trn_builder_arg(builder, "number", TRN_ARG_SCALAR, 0);
	uint32_t out = trn_builder_arg(builder, "out", TRN_ARG_BUFFER, 4);
	struct trn_isa_mem dst = trn_dram(out, TRN_DTYPE_U32, 0, 1);
	uint8_t reg = trn_tile_reg(builder);

	trn_tile_reg_arg(builder, TRN_TILE_ENGINE(TRN_ENGINE_SYNC), reg, number);
	trn_tile_reg_store(builder, TRN_ENGINE_SYNC, reg, &dst);
}

/* Reads PSUM that nobody wrote. */
static void build_fault(struct trn_builder *builder)
{
	struct trn_tile psum = trn_tile_alloc(builder, TRN_SPACE_PSUM, TRN_DTYPE_F32, 32, COLUMNS);
	struct trn_tile sbuf = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 32, COLUMNS);
	struct trn_tile_op copy = { .op = TRN_OP_TENSOR_COPY,
				    .engine = TRN_ENGINE_VECTOR,
				    .dst = trn_view(&sbuf, 0, COLUMNS),
				    .src0 = trn_view(&psum, 0, COLUMNS) };

	trn_tile_compute(builder, &copy);
}

static void build_endless(struct trn_builder *builder)
{
	uint32_t label = trn_builder_label(builder, TRN_ENGINE_GPSIMD, "again");

	trn_builder_bind(builder, label);
	trn_builder_branch(builder, label, TRN_ALU_BYPASS, 0, 0);
}

static int write_file(const char *folder, const char *name, const void *image, size_t bytes)
{
	char path[512];
	FILE *file;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s.trnx", folder, name);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	if (fwrite(image, 1, bytes, file) != bytes)
		r = -EIO;
	if (fclose(file) != 0)
		r = -EIO;
	return r;
}

static int make(const char *folder, const char *name, void (*build)(struct trn_builder *builder))
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = name };
	struct trn_builder *builder;
	const char *message = "";
	void *image = NULL;
	size_t bytes;
	int r = trn_builder_create(&opts, &builder);

	if (r < 0)
		return r;
	build(builder);
	r = trn_builder_finish(builder, &image, &bytes);
	if (r == 0)
		r = write_file(folder, name, image, bytes);
	else
		(void)trn_builder_status(builder, &message);
	if (r < 0)
		fprintf(stderr, "%s: %s %s\n", name, trn_strerror(r), message);
	trn_image_free(NULL, image);
	trn_builder_destroy(builder);
	return r;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*build)(struct trn_builder *builder);
	} rows[] = { { "add", build_add },
		     { "number", build_number },
		     { "fault", build_fault },
		     { "endless", build_endless } };

	if (argc != 2)
		return 2;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (make(argv[1], rows[i].name, rows[i].build) < 0)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
