/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the NeuronCore and the extension: a chip with one command queue,
 * streams written instruction by instruction, memories looked at from outside. */
#ifndef MODEL_TEST_CORE_H
#define MODEL_TEST_CORE_H

#include "base/ext.h"
#include "base/prng.h"
#include "model/test_host.h"

#define TRN_TEST_RING 64
#define TRN_TEST_STREAM_WORDS 4096
#define TRN_TEST_DATA_BYTES (UINT64_C(8) << 20)

/* Host memory, without and with the host bit. */
#define TRN_TEST_IOVA_RING UINT64_C(0x100000)
#define TRN_TEST_IOVA_STATUS UINT64_C(0x110000)
#define TRN_TEST_IOVA_DESC UINT64_C(0x120000)
#define TRN_TEST_IOVA_STREAM UINT64_C(0x200000)
#define TRN_TEST_IOVA_DATA UINT64_C(0x4000000)
#define TRN_TEST_HOST(iova) (TRN_AXI_HOST | (iova))

struct trn_test_core {
	struct trn_test_host host;
	struct trn_prng prng;
	struct trn_ext_cmd *ring;
	struct trn_ext_status *status;
	struct trn_ext_launch *desc;
	struct trn_ext_arg *args;
	uint8_t *stream[TRN_ENGINE_COUNT];
	uint8_t *data;
	uint32_t tail;
	uint32_t core; /* that launches go to */
};

/* Model open, queue 0 enabled, stream memory mapped. gen: "trn2", "trn3". */
void trn_test_core_open(struct trn_test_core *tc, const char *gen);
/* The two halves of it: host.config may be changed between them. */
void trn_test_core_init(struct trn_test_core *tc, const char *gen);
void trn_test_core_start(struct trn_test_core *tc);
void trn_test_core_close(struct trn_test_core *tc);
/* A queue by number, for tests of several; ring and status at an offset of 64 KiB * q. */
void trn_test_queue_open(struct trn_test_core *tc, uint32_t queue, uint32_t window);

/* Extension registers. */
uint32_t trn_test_ext_rd(struct trn_test_core *tc, uint32_t offset);
void trn_test_ext_wr(struct trn_test_core *tc, uint32_t offset, uint32_t value);

/* Empties the streams and the argument table. */
void trn_test_clear(struct trn_test_core *tc);
/* Appends an instruction of so many words, zero but for op and words. */
struct trn_isa_compute *trn_test_emit(struct trn_test_core *tc, enum trn_engine engine,
				      enum trn_op op, uint8_t words);
struct trn_isa_dma *trn_test_emit_dma(struct trn_test_core *tc, enum trn_engine engine,
				      enum trn_op op);
/* One loop of step 1. */
struct trn_isa_ap trn_test_ap(enum trn_space space, enum trn_dtype dtype, uint32_t start,
			      uint32_t partitions, uint32_t offset, uint32_t count);
struct trn_isa_mem trn_test_mem(const struct trn_isa_ap *ap);
/* rows x count elements, dense, in an argument. */
struct trn_isa_mem trn_test_dram(uint32_t arg, enum trn_dtype dtype, uint64_t offset, uint32_t rows,
				 uint32_t count);
void trn_test_arg(struct trn_test_core *tc, uint64_t value, uint64_t size);

/* Puts one command in the ring and rings; does not step. */
void trn_test_command(struct trn_test_core *tc, const struct trn_ext_cmd *cmd);
/* Adds HALT to each stream that has something, launches, steps until nothing is
 * pending; the queue's error code. */
uint32_t trn_test_launch(struct trn_test_core *tc);
/* The same without the HALTs, and without stepping. */
void trn_test_start(struct trn_test_core *tc);
/* After an error: the core is reset, the queue starts anew. */
void trn_test_recover(struct trn_test_core *tc);

/* SBUF and PSUM, packed rows of bytes. */
void trn_test_poke(struct trn_test_core *tc, enum trn_space space, uint32_t start,
		   uint32_t partitions, uint32_t offset, const void *rows, uint32_t bytes);
void trn_test_peek(struct trn_test_core *tc, enum trn_space space, uint32_t start,
		   uint32_t partitions, uint32_t offset, void *rows, uint32_t bytes);
/* Random values of a dtype that a computation can stand: small, no NaN. */
void trn_test_fill(struct trn_test_core *tc, enum trn_dtype dtype, void *dst, uint32_t count);

/* Random operands of one instruction: partitions that start where the rules allow, up to
 * TRN_TEST_COUNT_MAX elements, one or two loops with or without gaps. */
#define TRN_TEST_COUNT_MAX 96u
#define TRN_TEST_SRC0 0u /* usual places of operands in a partition */
#define TRN_TEST_SRC1 8192u
#define TRN_TEST_DST 65536u
struct trn_test_place {
	uint32_t start, partitions, count;
};
uint32_t trn_test_below(struct trn_test_core *tc, uint32_t n);
struct trn_test_place trn_test_any_place(struct trn_test_core *tc);
enum trn_dtype trn_test_any_float(struct trn_test_core *tc);
enum trn_dtype trn_test_any_dtype(struct trn_test_core *tc);
struct trn_isa_ap trn_test_operand(struct trn_test_core *tc, const struct trn_test_place *place,
				   enum trn_space space, enum trn_dtype dtype, uint32_t offset);
uint32_t trn_test_view_count(const struct trn_isa_ap *ap);
/* Element n of partition p of a pattern, by the tests' own arithmetic. */
void trn_test_raw_get(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		      void *dst);
void trn_test_raw_set(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n,
		      const void *src);
float trn_test_get(struct trn_test_core *tc, const struct trn_isa_ap *ap, uint32_t p, uint32_t n);
/* Random values wherever the pattern may reach, its gaps too. */
void trn_test_fill_view(struct trn_test_core *tc, const struct trn_isa_ap *ap);
/* The element is want, rounded to the dtype, to the bit; any NaN for a NaN. */
void trn_test_expect(struct trn_test_core *tc, const struct trn_isa_ap *dst, uint32_t p, uint32_t n,
		     float want);

/* One command with three arguments and tag 77 on queue 0; any command on another queue. */
void trn_test_cmd(struct trn_test_core *tc, enum trn_ext_op op, uint64_t a0, uint64_t a1,
		  uint64_t a2);
void trn_test_command_on(struct trn_test_core *tc, uint32_t queue, const struct trn_ext_cmd *cmd);
const struct trn_ext_status *trn_test_status_of(struct trn_test_core *tc, uint32_t queue);
/* Steps until nothing is pending. */
void trn_test_settle(struct trn_test_core *tc);
/* Queue 0 anew, its core left alone. */
void trn_test_restart(struct trn_test_core *tc);
void trn_test_window(struct trn_test_core *tc, uint32_t w, uint32_t r, uint64_t base, uint64_t size,
		     uint32_t rights);

#endif /* MODEL_TEST_CORE_H */
