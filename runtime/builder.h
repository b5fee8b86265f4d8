/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the program builder: streams and sections (builder.c), the image
 * (builder_image.c), memory of the core (builder_tile.c), who waits for whom (builder_sync.c). */
#ifndef RUNTIME_BUILDER_H
#define RUNTIME_BUILDER_H

#include <stdbool.h>
#include <trn/builder.h>
#include <trn/tile.h>
#include "base/trnx.h"

#define TRN_BUILD_LOOPS_MAX 8
/* Queues of work that are in order in themselves: compute of each engine, then DMA
 * triggered by each engine. Semaphore of a queue: its number. */
#define TRN_BUILD_QUEUES (2 * TRN_ENGINE_COUNT)
#define TRN_BUILD_DMA(engine) (TRN_ENGINE_COUNT + (uint32_t)(engine))
#define TRN_BUILD_ARRIVE TRN_BUILD_QUEUES /* engines that reached a barrier */
#define TRN_BUILD_RELEASE(engine) (TRN_BUILD_ARRIVE + 1 + (uint32_t)(engine))

struct trn_build_stream {
	uint8_t *words;
	uint32_t count, room; /* words */
};

struct trn_build_section {
	char name[TRN_TRNX_NAME_MAX + 1];
	uint8_t *bytes; /* NULL: bss */
	uint64_t size;
};

struct trn_build_label {
	char name[TRN_TRNX_NAME_MAX + 1];
	uint8_t engine;
	uint32_t word; /* TRN_BUILDER_NONE: not bound */
};

struct trn_build_branch {
	uint32_t label, word;
};

struct trn_build_pointer { /* in data section `section` */
	uint32_t section, target;
	uint64_t offset, target_offset;
};

/* How far each queue is known to be. */
struct trn_build_clock {
	uint32_t done[TRN_BUILD_QUEUES];
};

struct trn_build_queue {
	struct trn_build_clock *history; /* entry n - 1: what is done when entry n is */
	uint32_t count, room;
};

/* Bytes [lo, hi) of partitions [first, last), or of an argument. */
struct trn_build_area {
	uint32_t space;       /* SBUF, PSUM, DRAM */
	uint32_t first, last; /* DRAM: arg, arg + 1 */
	uint64_t lo, hi;
};

struct trn_build_access {
	struct trn_build_area area;
	bool write;
	uint32_t queue, entry;
};

struct trn_build_block {
	uint32_t lo, hi; /* bytes of every partition */
};

struct trn_build_space {               /* SBUF or PSUM */
	struct trn_build_block *block; /* taken, ascending */
	uint32_t count, room;
	uint32_t bytes, grain;
};

struct trn_build_loop {
	uint8_t reg;
	uint32_t top[TRN_ENGINE_COUNT], end[TRN_ENGINE_COUNT]; /* labels */
};

struct trn_builder {
	const struct trn_alloc *alloc;
	char name[TRN_TRNX_NAME_MAX + 1];
	uint32_t arch;
	uint32_t features; /* TRN_FEATURE_ that the program may use */
	int error;
	char message[192];
	bool finished;

	struct trn_build_stream stream[TRN_ENGINE_COUNT];
	struct trn_trnx_arg arg[TRN_TRNX_ARGS_MAX]; /* name: unused */
	char arg_name[TRN_TRNX_ARGS_MAX][TRN_TRNX_ARG_NAME_MAX + 1];
	uint32_t arg_count;
	struct trn_build_section section[TRN_ISA_ARGS_MAX - TRN_TRNX_SECTION_ARG];
	uint32_t section_count;
	struct trn_build_label *label;
	uint32_t label_count, label_room;
	struct trn_build_branch *branch;
	uint32_t branch_count, branch_room;
	struct trn_build_pointer *pointer;
	uint32_t pointer_count, pointer_room;

	/* trn/tile.h */
	struct trn_build_space sbuf, psum;
	uint64_t regs; /* taken */
	struct trn_build_loop loop[TRN_BUILD_LOOPS_MAX];
	uint32_t loop_count;
	bool tiled; /* the automatic layer has written semaphores */
	struct trn_build_queue queue[TRN_BUILD_QUEUES];
	struct trn_build_clock known[TRN_ENGINE_COUNT];
	struct trn_build_access *access;
	uint32_t access_count, access_room;
};

/* Room for item number count: items, or where they are after growing; NULL after keeping
 * -ENOMEM, items stay valid then. */
void *trn_build_room(struct trn_builder *builder, void *items, uint32_t count, uint32_t *room,
		     size_t size);

/* builder_image.c */
int trn_build_image(struct trn_builder *builder, void **ret_image, size_t *ret_bytes);

/* builder_sync.c: writes the waits that these accesses need into the stream and into head,
 * and the increment that tells others when they are done. */
struct trn_build_use {
	struct trn_build_area area;
	bool write;
};
void trn_build_order(struct trn_builder *builder, enum trn_engine engine, bool dma,
		     const struct trn_build_use *use, uint32_t count, struct trn_isa_head *head);
/* place: of a CORE_BARRIER between the two halves, or TRN_BUILD_ALONE. */
#define TRN_BUILD_ALONE UINT32_MAX
void trn_build_barrier(struct trn_builder *builder, uint32_t place);

/* builder_tile.c: bytes that an operand can touch; false after keeping an error. */
bool trn_build_ap_area(struct trn_builder *builder, const struct trn_isa_ap *ap, const char *what,
		       struct trn_build_area *ret_area);

#endif /* RUNTIME_BUILDER_H */
