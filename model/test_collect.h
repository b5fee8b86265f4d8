/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of COLLECT: a pod of which every chip has queues, a descriptor and a stream for each
 * sync processor, all in its own HBM. */
#ifndef MODEL_TEST_COLLECT_H
#define MODEL_TEST_COLLECT_H

#include "base/ext.h"
#include "base/pod.h"
#include "base/prng.h"
#include "base/regs.h"
#include "model/test_host.h"

#define TRN_TEST_COLLECT_OPS 4096u
#define TRN_TEST_COLLECT_QUEUES 4u
/* Room for data: 32 MiB of stack 0 from here on, and all of stack 1, 64 MiB. */
#define TRN_TEST_COLLECT_DATA UINT64_C(0x2000000)
#define TRN_TEST_COLLECT_HBM (UINT64_C(64) << 20)

struct trn_test_collect {
	struct trn_test_host host;
	struct trn_prng prng;
	uint32_t queue; /* that the next submit goes to; its descriptor */
	uint32_t tail[TRN_POD_CHIPS_MAX][TRN_TEST_COLLECT_QUEUES];
	uint32_t ops[TRN_POD_CHIPS_MAX][TRN_TOPSPS];
	uint64_t limit_ns;
};

/* init(), changes to host.config if any, open(). */
void trn_test_collect_init(struct trn_test_collect *tc, const char *pod);
void trn_test_collect_open(struct trn_test_collect *tc);
void trn_test_collect_close(struct trn_test_collect *tc);
/* Queue of a chip anew, through a window. */
void trn_test_collect_queue(struct trn_test_collect *tc, uint32_t chip, uint32_t queue,
			    uint32_t window);

/* Bytes of a chip's HBM, and a chip's address as others see it. */
uint8_t *trn_test_hbm(struct trn_test_collect *tc, uint32_t chip, uint64_t address);
uint64_t trn_test_far(const struct trn_test_collect *tc, uint32_t chip, uint64_t address);
/* Increment register of a processor's semaphore, and the semaphore's value. */
uint64_t trn_test_inc(uint32_t processor, uint32_t semaphore);
uint32_t trn_test_semaphore(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
			    uint32_t semaphore);
uint32_t trn_test_ext_read(struct trn_test_collect *tc, uint32_t chip, uint32_t offset);
void trn_test_ext_write(struct trn_test_collect *tc, uint32_t chip, uint32_t offset,
			uint32_t value);

/* init and open. */
void trn_test_collect_pod(struct trn_test_collect *tc, const char *pod);
/* Numbers of the seed into a chip's HBM. */
void trn_test_collect_fill(struct trn_test_collect *tc, uint32_t chip, uint64_t address,
			   uint64_t bytes);
void trn_test_expect_same(struct trn_test_collect *tc, uint32_t chip, uint64_t a, uint32_t other,
			  uint64_t b, uint64_t bytes);

/* The next operation of a processor's stream. */
struct trn_ext_sync_op *trn_test_op(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
				    enum trn_ext_sync_op_code code);
struct trn_ext_sync_op *trn_test_copy(struct trn_test_collect *tc, uint32_t chip,
				      uint32_t processor, uint64_t dst, uint64_t src,
				      uint64_t bytes);
struct trn_ext_sync_op *trn_test_reduce(struct trn_test_collect *tc, uint32_t chip,
					uint32_t processor, enum trn_dtype dtype, uint64_t dst,
					uint64_t src, uint64_t bytes);
void trn_test_wait(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
		   uint32_t semaphore, uint32_t value, uint32_t peer);
void trn_test_signal(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
		     uint64_t signal, uint32_t value);

/* END behind every stream that has something, a descriptor of these streams, the command; the
 * streams are empty then, but their memory keeps what is in it until it is written again. */
void trn_test_submit(struct trn_test_collect *tc, uint32_t chip);
/* The parts of it: the descriptor (for changes), and the command. */
struct trn_ext_collect *trn_test_describe(struct trn_test_collect *tc, uint32_t chip);
void trn_test_ring(struct trn_test_collect *tc, uint32_t chip, const struct trn_ext_cmd *cmd);
void trn_test_command_collect(struct trn_test_collect *tc, uint32_t chip);
/* Steps until nothing is left, limits neither. */
void trn_test_collect_run(struct trn_test_collect *tc);
const struct trn_ext_status *trn_test_collect_status(struct trn_test_collect *tc, uint32_t chip,
						     uint32_t queue);
/* The queue has done all its commands. */
void trn_test_expect_done(struct trn_test_collect *tc, uint32_t chip);
/* It stopped: code, processor, operation, operand; any address. */
const struct trn_ext_status *trn_test_expect_error(struct trn_test_collect *tc, uint32_t chip,
						   enum trn_ext_error code, uint32_t processor,
						   uint32_t pc, uint32_t operand);

#endif /* MODEL_TEST_COLLECT_H */
