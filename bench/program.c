/* SPDX-License-Identifier: Apache-2.0 */
/* What loading a program costs: an image with 1 MiB of data, and one with 64 Ki addresses to patch;
 * again when it is in place; beside copies of as many bytes by memcpy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <trn/builder.h>
#include "bench/measure.h"
#include "bench/rig.h"

#define BYTES (UINT64_C(1) << 20)
#define ADDRESSES (UINT64_C(1) << 16)
#define RUNS 200

/* Parts of a load, as trn_program_info() has them. */
enum part {
	ALL,
	AGAIN, /* it is in place */
	CHECK,
	PATCH, /* of the image with addresses */
};

static int image_make(bool addresses, void **ret_image, size_t *ret_bytes)
{
	const struct trn_builder_opts opts = { .size = sizeof(opts), .name = "bench" };
	const struct trn_isa_compute nop = { .head = { .op = TRN_OP_NOP } };
	struct trn_builder *builder = NULL;
	void *data = calloc(1, BYTES);
	uint32_t section;
	int r = data ? trn_builder_create(&opts, &builder) : -ENOMEM;

	if (r == 0) {
		section = trn_builder_data(builder, "data", data, BYTES);
		for (uint64_t i = 0; addresses && i < ADDRESSES; i++)
			trn_builder_data_address(builder, section, 8 * i, section, i);
		(void)trn_builder_emit(builder, TRN_ENGINE_VECTOR, &nop, 1);
		r = trn_builder_finish(builder, ret_image, ret_bytes);
		trn_builder_destroy(builder);
	}
	free(data);
	return r;
}

static int load_once(struct bench_rig *rig, enum part part, const void *image, size_t bytes,
		     double *ret_ns)
{
	struct trn_program_info info = { .size = sizeof(info) };
	const double start = bench_now_ns();
	struct trn_program *program = NULL;
	int r = trn_program_load(rig->device, image, bytes, 0, rig->deadline_ns, &program);

	*ret_ns = bench_now_ns() - start;
	if (r == 0)
		r = trn_program_info(program, &info);
	if (part == CHECK)
		*ret_ns = (double)info.check_ns;
	if (part == PATCH)
		*ret_ns = (double)info.reloc_ns;
	(void)trn_program_unref(program);
	return r;
}

static int load(int how, struct bench_series *series)
{
	struct trn_program *kept = NULL;
	struct bench_rig rig = { 0 };
	void *image = NULL;
	size_t bytes = 0;
	int r = bench_rig_open(&rig, BENCH_INLINE, 16, 1);

	if (r == 0)
		r = image_make(how == PATCH, &image, &bytes);
	if (r == 0 && how == AGAIN)
		r = trn_program_load(rig.device, image, bytes, 0, rig.deadline_ns, &kept);
	for (int i = 0; r == 0 && i < RUNS; i++) {
		double ns = 0;

		r = load_once(&rig, (enum part)how, image, bytes, &ns);
		bench_add(series, ns);
	}
	(void)trn_program_unref(kept);
	trn_image_free(NULL, image);
	bench_rig_close(&rig);
	return r;
}

/* The floor of everything that touches each byte once. */
static int copy_bytes(int how, struct bench_series *series)
{
	char *from = malloc(BYTES), *to = malloc(BYTES);

	(void)how;
	if (from && to)
		memset(from, 1, BYTES);
	for (int i = 0; from && to && i < RUNS; i++) {
		const double start = bench_now_ns();

		memcpy(to, from, BYTES);
		__asm__ volatile("" : : "r"(to) : "memory");
		bench_add(series, bench_now_ns() - start);
	}
	free(from);
	free(to);
	return from && to ? 0 : -ENOMEM;
}

static const struct bench_row rows[] = {
	{ "load 1 MiB", load, ALL, BENCH_US, 0, { { "memcpy", copy_bytes, 0, 0 } } },
	{ "load 1 MiB, in place",
	  load,
	  AGAIN,
	  BENCH_US,
	  0,
	  { { "memcpy", copy_bytes, 0, 0 }, { "load 1 MiB", load, ALL, 0 } } },
	{ "judge 1 MiB", load, CHECK, BENCH_US, 0, { { "memcpy", copy_bytes, 0, 0 } } },
	{ "patch 65536 addresses", load, PATCH, BENCH_US, 0, { { "memcpy", copy_bytes, 0, 0 } } },
};

int main(int argc, char **argv)
{
	return bench_main(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
}
