/* SPDX-License-Identifier: Apache-2.0 */
/* Valid images of the builder, cut, flipped, grown and spliced by a seed, through the fuzz
 * target: what a fuzzer would try first, in every build. With a folder as argument it
 * writes the images there instead: the corpus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/tile.h>
#include "base/bits.h"
#include "base/prng.h"
#include "base/test_main.h"

#define ROUNDS 4000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
	void *bytes;
	size_t size;
};

static struct image finish(struct trn_builder *builder)
{
	struct image image = { NULL, 0 };
	const char *message;

	if (trn_builder_finish(builder, &image.bytes, &image.size) < 0) {
		(void)trn_builder_status(builder, &message);
		fprintf(stderr, "%s\n", message);
		exit(1);
	}
	trn_builder_destroy(builder);
	return image;
}

static struct trn_builder *start(const char *name, uint32_t arch)
{
	struct trn_builder_opts opts = { .size = sizeof(opts), .name = name, .arch = arch };
	struct trn_builder *builder;

	if (trn_builder_create(&opts, &builder) < 0)
		exit(1);
	return builder;
}

static struct image tiny(void)
{
	struct trn_builder *builder = start("tiny", 0);
	struct trn_isa_compute insn = { .head = { .op = TRN_OP_NOP } };

	(void)trn_builder_emit(builder, TRN_ENGINE_SYNC, &insn, 1);
	return finish(builder);
}

/* Data, bss, addresses, a loop, registers, labels: every table has entries. */
static struct image full(void)
{
	static const uint64_t table[8] = { 1, 2, 3 };
	struct trn_builder *builder = start("full", 3);
	struct trn_tile tile = trn_tile_alloc(builder, TRN_SPACE_SBUF, TRN_DTYPE_F32, 64, 32);
	uint32_t data = trn_builder_data(builder, "table", table, sizeof(table));
	uint32_t bss = trn_builder_bss(builder, "scratch", 4096);
	uint32_t label = trn_builder_label(builder, TRN_ENGINE_GPSIMD, "after");
	uint8_t reg = trn_tile_reg(builder);
	struct trn_tile_dma load = { .op = TRN_OP_DMA_COPY,
				     .engine = TRN_ENGINE_SYNC,
				     .dst = trn_chip(trn_view(&tile, 0, 32)),
				     .src = trn_dram(0, TRN_DTYPE_BF16, 0, 2048) };
	struct trn_tile_op add = { .op = TRN_OP_TENSOR_SCALAR,
				   .engine = TRN_ENGINE_VECTOR,
				   .op0 = TRN_ALU_ADD,
				   .op1 = TRN_ALU_MUL,
				   .flags = TRN_SCALAR_COLUMN1,
				   .dst = trn_view(&tile, 0, 32),
				   .src0 = trn_view(&tile, 0, 32),
				   .src2 = trn_view(&tile, 3, 1) };
	struct trn_isa_mem one = trn_dram_reg(trn_dram(bss, TRN_DTYPE_S32, 8, 1), reg, 4);

	(void)trn_builder_arg(builder, "x", TRN_ARG_BUFFER, 4096);
	(void)trn_builder_arg(builder, "n", TRN_ARG_SCALAR, 0);
	trn_builder_data_address(builder, data, 8, bss, 16);
	trn_builder_data_address(builder, data, 16, data, 0);
	trn_tile_reg_arg(builder, TRN_TILE_ALL, reg, 1);
	trn_tile_loop_begin(builder, reg);
	trn_tile_transfer(builder, &load);
	trn_tile_compute(builder, &add);
	trn_tile_reg_store(builder, TRN_ENGINE_SCALAR, reg, &one);
	trn_tile_loop_end(builder);
	trn_builder_branch(builder, label, TRN_ALU_NE, 2, 5);
	trn_builder_bind(builder, label);
	return finish(builder);
}

static size_t mutate(struct trn_prng *prng, uint8_t *bytes, size_t size, size_t room)
{
	uint64_t times = 1 + trn_prng_below(prng, 4);

	switch (trn_prng_below(prng, 5)) {
	case 0: /* cut */
		return (size_t)trn_prng_below(prng, size + 1);
	case 1: /* grow */
		while (size < room && trn_prng_below(prng, 40))
			bytes[size++] = (uint8_t)trn_prng_next(prng);
		return size;
	case 2: /* splice */
		for (uint64_t i = 0; i < times; i++) {
			size_t length = (size_t)trn_prng_below(prng, 64);
			size_t to = (size_t)trn_prng_below(prng, size - length);

			memmove(bytes + to, bytes + trn_prng_below(prng, size - length), length);
		}
		return size;
	case 3: /* a word with an odd value */
		for (uint64_t i = 0; i < times; i++) {
			uint32_t value = UINT32_MAX >> trn_prng_below(prng, 33) % 32;
			size_t at = (size_t)trn_prng_below(prng, size / 4) * 4;

			trn_store32(bytes + at, trn_prng_below(prng, 2) ? value : value + 1);
		}
		return size;
	default: /* flip */
		for (uint64_t i = 0; i < times; i++) {
			size_t at = (size_t)trn_prng_below(prng, size);

			bytes[at] = (uint8_t)(bytes[at] ^ 1u << trn_prng_below(prng, 8));
		}
		return size;
	}
}

static int write_corpus(const char *folder, const struct image *image, size_t count)
{
	static const char *const names[] = { "tiny", "full" };

	for (size_t i = 0; i < count; i++) {
		char path[4096];
		FILE *file;
		bool ok;

		if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) >= (int)sizeof(path))
			return 1;
		file = fopen(path, "wb");
		ok = file && fwrite(image[i].bytes, 1, image[i].size, file) == image[i].size;
		if (file && fclose(file) != 0)
			ok = false;
		if (!ok)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct image image[] = { tiny(), full() };
	struct trn_prng prng;
	int r = 0;

	if (argc > 1)
		r = write_corpus(argv[1], image, TRN_ARRAY_LEN(image));
	else
		printf("# seed %llu\n1..%zu\n", (unsigned long long)trn_test_seed(),
		       TRN_ARRAY_LEN(image));
	trn_prng_seed(&prng, trn_test_seed());
	for (size_t i = 0; i < TRN_ARRAY_LEN(image); i++) {
		for (int round = 0; argc == 1 && round < ROUNDS; round++) {
			size_t room = image[i].size + 256;
			uint8_t *bytes = malloc(room);
			uint8_t *exact;
			size_t size;

			if (!bytes)
				return 1;
			memcpy(bytes, image[i].bytes, image[i].size);
			size = mutate(&prng, bytes, image[i].size, room);
			/* Exact size, so that ASan sees the first byte read past the end. */
			exact = realloc(bytes, size ? size : 1);
			(void)LLVMFuzzerTestOneInput(exact ? exact : bytes, size);
			free(exact ? exact : bytes);
		}
		if (argc == 1)
			printf("ok %zu - mutated image %zu\n", i + 1, i);
		trn_image_free(NULL, image[i].bytes);
	}
	return r;
}
