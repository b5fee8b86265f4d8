/* SPDX-License-Identifier: Apache-2.0 */
/* Inside bench/fidelity: a device to measure on, programs to measure with, rows of the table. */
#ifndef BENCH_FIDELITY_H
#define BENCH_FIDELITY_H

#include <stdbool.h>
#include <trn/tile.h>
#include <trn/trn.h>

#define FID_CORES 8u

/* ---- fidelity_rig.c: one simulated chip ---- */

struct fid_rig {
	const char *uri;
	struct trn_context *context;
	struct trn_device *device;
	struct trn_queue *queue[FID_CORES];
	struct trn_batch *batch[FID_CORES];
	struct trn_buffer *stamps;
};

/* A program, and the buffers a launch of it gets; a buffer is in the HBM of its core. */
struct fid_program {
	void *image;
	size_t bytes;
	uint32_t args;
	uint64_t arg_bytes[4];
	/* Optional: content of an argument before the launch, and what to do with one after it. */
	const void *input[4];
	void *output[4];
};

int fid_open(struct fid_rig *rig, const char *uri);
void fid_close(struct fid_rig *rig);
/* Runs the program on cores 0 to cores - 1 at once; device time from the first start to the
 * last end, nanoseconds. */
int fid_run(struct fid_rig *rig, const struct fid_program *program, uint32_t cores, double *ret_ns);
void fid_release(struct fid_program *program);

/* ---- fidelity_programs.c: what is measured ---- */

/* One instruction many times, of the tensor engine. */
struct fid_matmul {
	enum trn_op op;
	enum trn_dtype dtype;
	uint8_t flags;
	uint32_t n; /* moving columns; K and M are 128 partitions and columns */
	uint32_t count;
};
int fid_matmuls(uint32_t arch, const struct fid_matmul *shape, struct fid_program *ret);
/* count loads from HBM, each so many bytes of 128 partitions, one behind the other. */
int fid_loads(uint32_t arch, uint32_t bytes, uint32_t count, struct fid_program *ret);
/* A DMA in this mode and of this size, and an instruction that waits for it; without bytes
 * only the instruction. */
struct fid_transfer {
	enum trn_engine engine;
	enum trn_dge dge;
	uint32_t partitions, bytes; /* of each partition */
};
int fid_dma_then_use(uint32_t arch, const struct fid_transfer *transfer, struct fid_program *ret);
/* count copies of so many bytes from HBM to HBM. */
int fid_copies(uint32_t arch, uint32_t bytes, uint32_t count, struct fid_program *ret);
/* An activation that loads the table of exp, and one of n elements that needs its result. */
int fid_activation(uint32_t arch, uint32_t n, struct fid_program *ret);

/* ---- fidelity_conv.c: 3 x 3 convolution, 256 to 256 channels, no padding ---- */

#define FID_CONV_CHANNELS 256u
/* Arguments: x [channel][height][width], w [tap][in][out], y [out][height - 2][width - 2]. */
int fid_conv(uint32_t arch, enum trn_dtype dtype, uint32_t height, uint32_t width,
	     struct fid_program *ret);
/* A small one with real numbers against plain loops; the worst difference. */
int fid_conv_verify(double *ret_worst);

#endif /* BENCH_FIDELITY_H */
