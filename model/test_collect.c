/* SPDX-License-Identifier: Apache-2.0 */
#include "model/test_collect.h"

#include <string.h>

#include "base/bits.h"
#include "base/test_main.h"
#include "model/private.h"

#define RING_ENTRIES 64u
#define CONTROL UINT64_C(0x1000000) /* of queue q at + q * CONTROL_STRIDE */
#define CONTROL_STRIDE UINT64_C(0x10000)
#define STATUS UINT64_C(0x8000)
#define DESC UINT64_C(0xc000)
#define STREAMS UINT64_C(0x1200000)
#define STREAM_STRIDE (TRN_TEST_COLLECT_OPS * sizeof(struct trn_ext_sync_op))
#define STEPS_MAX 50000000u

static uint64_t control_of(uint32_t queue)
{
	return TRN_AXI_HBM0 + CONTROL + queue * CONTROL_STRIDE;
}

static uint64_t stream_of(uint32_t processor)
{
	return TRN_AXI_HBM0 + STREAMS + processor * STREAM_STRIDE;
}

void trn_test_collect_init(struct trn_test_collect *tc, const char *pod)
{
	memset(tc, 0, sizeof(*tc));
	trn_prng_seed(&tc->prng, trn_test_seed());
	trn_test_host_init_pod(&tc->host, pod);
	tc->host.config.hbm_bytes = TRN_TEST_COLLECT_HBM;
}

void trn_test_collect_open(struct trn_test_collect *tc)
{
	trn_test_host_open(&tc->host);
	for (uint32_t c = 0; c < trn_model_chips(tc->host.model); c++) {
		for (uint32_t q = 0; q < TRN_TEST_COLLECT_QUEUES; q++)
			trn_test_collect_queue(tc, c, q, 0);
	}
}

void trn_test_collect_close(struct trn_test_collect *tc)
{
	trn_test_host_close(&tc->host);
}

uint32_t trn_test_ext_read(struct trn_test_collect *tc, uint32_t chip, uint32_t offset)
{
	return trn_chip_read32(trn_model_chip(tc->host.model, chip), TRN_BAR_REGS,
			       TRN_EXT_BAR0 + offset);
}

void trn_test_ext_write(struct trn_test_collect *tc, uint32_t chip, uint32_t offset, uint32_t value)
{
	trn_chip_write32(trn_model_chip(tc->host.model, chip), TRN_BAR_REGS, TRN_EXT_BAR0 + offset,
			 value);
}

void trn_test_collect_queue(struct trn_test_collect *tc, uint32_t chip, uint32_t queue,
			    uint32_t window)
{
	const uint64_t ring = control_of(queue), status = ring + STATUS;
	const struct {
		uint32_t reg, value;
	} writes[] = {
		{ TRN_EXT_Q_CONTROL, TRN_EXT_Q_RESET },
		{ TRN_EXT_Q_BASE_LO, trn_lo32(ring) },
		{ TRN_EXT_Q_BASE_HI, trn_hi32(ring) },
		{ TRN_EXT_Q_ENTRIES, RING_ENTRIES },
		{ TRN_EXT_Q_WINDOW, window },
		{ TRN_EXT_Q_STATUS_LO, trn_lo32(status) },
		{ TRN_EXT_Q_STATUS_HI, trn_hi32(status) },
		{ TRN_EXT_Q_CONTROL, TRN_EXT_Q_ENABLE },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(writes); i++)
		trn_test_ext_write(tc, chip, TRN_EXT_QUEUE(queue) + writes[i].reg, writes[i].value);
	tc->tail[chip][queue] = 0;
}

uint8_t *trn_test_hbm(struct trn_test_collect *tc, uint32_t chip, uint64_t address)
{
	uint8_t *p = trn_chip_memory(trn_model_chip(tc->host.model, chip), address, 1, true);

	ck_assert_ptr_nonnull(p);
	return p;
}

uint64_t trn_test_far(const struct trn_test_collect *tc, uint32_t chip, uint64_t address)
{
	struct trn_pod_place place;

	trn_pod_place(trn_model_pod(tc->host.model), chip, &place);
	return trn_peer_address(&place, address);
}

uint64_t trn_test_inc(uint32_t processor, uint32_t semaphore)
{
	/* Blocks 8 and 9 have no processor. */
	const uint32_t block = processor < TRN_TOPSPS / 2 ? processor : processor + 2;

	return trn_regs_topsp_axi(block) + TRN_TOPSP_SEM_INC + semaphore * 4;
}

uint32_t trn_test_semaphore(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
			    uint32_t semaphore)
{
	return trn_chip_read32(trn_model_chip(tc->host.model, chip), TRN_BAR_REGS,
			       trn_regs_topsp_bar0(processor) + TRN_TOPSP_SEM_READ + semaphore * 4);
}

struct trn_ext_sync_op *trn_test_op(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
				    enum trn_ext_sync_op_code code)
{
	const uint32_t at = tc->ops[chip][processor]++;
	struct trn_ext_sync_op *op;

	ck_assert_uint_lt(at, TRN_TEST_COLLECT_OPS);
	op = (struct trn_ext_sync_op *)(void *)trn_test_hbm(
		tc, chip, stream_of(processor) + at * sizeof(*op));
	*op = (struct trn_ext_sync_op){ .op = (uint8_t)code };
	return op;
}

struct trn_ext_sync_op *trn_test_copy(struct trn_test_collect *tc, uint32_t chip,
				      uint32_t processor, uint64_t dst, uint64_t src,
				      uint64_t bytes)
{
	struct trn_ext_sync_op *op = trn_test_op(tc, chip, processor, TRN_SYNC_COPY);

	op->dst = dst;
	op->src = src;
	op->bytes = bytes;
	return op;
}

struct trn_ext_sync_op *trn_test_reduce(struct trn_test_collect *tc, uint32_t chip,
					uint32_t processor, enum trn_dtype dtype, uint64_t dst,
					uint64_t src, uint64_t bytes)
{
	struct trn_ext_sync_op *op = trn_test_copy(tc, chip, processor, dst, src, bytes);

	op->op = TRN_SYNC_REDUCE;
	op->dtype = (uint8_t)dtype;
	op->sources = 1;
	op->scale = 1.0f;
	return op;
}

void trn_test_wait(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
		   uint32_t semaphore, uint32_t value, uint32_t peer)
{
	struct trn_ext_sync_op *op = trn_test_op(tc, chip, processor, TRN_SYNC_WAIT);

	op->semaphore = (uint16_t)semaphore;
	op->value = value;
	op->peer = peer;
}

void trn_test_signal(struct trn_test_collect *tc, uint32_t chip, uint32_t processor,
		     uint64_t signal, uint32_t value)
{
	struct trn_ext_sync_op *op = trn_test_op(tc, chip, processor, TRN_SYNC_SIGNAL);

	op->signal = signal;
	op->value = value;
}

struct trn_ext_collect *trn_test_describe(struct trn_test_collect *tc, uint32_t chip)
{
	struct trn_ext_collect *head = (struct trn_ext_collect *)(void *)trn_test_hbm(
		tc, chip, control_of(tc->queue) + DESC);
	struct trn_ext_sync_stream *stream = (struct trn_ext_sync_stream *)(void *)(head + 1);

	*head = (struct trn_ext_collect){ .magic = TRN_EXT_MAGIC,
					  .version = TRN_EXT_VERSION,
					  .limit_ns = tc->limit_ns };
	for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
		if (tc->ops[chip][p] == 0)
			continue;
		*stream++ = (struct trn_ext_sync_stream){ stream_of(p), tc->ops[chip][p], p };
		head->streams++;
		tc->ops[chip][p] = 0;
	}
	return head;
}

void trn_test_ring(struct trn_test_collect *tc, uint32_t chip, const struct trn_ext_cmd *cmd)
{
	uint32_t *tail = &tc->tail[chip][tc->queue];

	memcpy(trn_test_hbm(tc, chip, control_of(tc->queue) + *tail % RING_ENTRIES * sizeof(*cmd)),
	       cmd, sizeof(*cmd));
	trn_test_ext_write(tc, chip, TRN_EXT_DOORBELL(tc->queue) + TRN_EXT_DB_TAIL, ++*tail);
}

void trn_test_command_collect(struct trn_test_collect *tc, uint32_t chip)
{
	trn_test_ring(tc, chip,
		      &(struct trn_ext_cmd){ .op = TRN_CMD_COLLECT,
					     .tag = 77,
					     .a = { control_of(tc->queue) + DESC } });
}

void trn_test_submit(struct trn_test_collect *tc, uint32_t chip)
{
	for (uint32_t p = 0; p < TRN_TOPSPS; p++) {
		if (tc->ops[chip][p] > 0)
			(void)trn_test_op(tc, chip, p, TRN_SYNC_END);
	}
	(void)trn_test_describe(tc, chip);
	trn_test_command_collect(tc, chip);
}

void trn_test_collect_run(struct trn_test_collect *tc)
{
	uint32_t steps = 0;

	while (trn_model_step(tc->host.model)) {
		if (++steps > STEPS_MAX)
			ck_abort_msg("still something to do after %u steps", steps);
	}
}

const struct trn_ext_status *trn_test_collect_status(struct trn_test_collect *tc, uint32_t chip,
						     uint32_t queue)
{
	return (const struct trn_ext_status *)(void *)trn_test_hbm(tc, chip,
								   control_of(queue) + STATUS);
}

void trn_test_expect_done(struct trn_test_collect *tc, uint32_t chip)
{
	const struct trn_ext_status *status = trn_test_collect_status(tc, chip, tc->queue);

	ck_assert_msg(status->error == 0, "chip %u: error %u processor %u op %u address 0x%llx",
		      chip, status->error, status->core, status->pc,
		      (unsigned long long)status->address);
	ck_assert_uint_eq(status->state, TRN_QUEUE_READY);
	ck_assert_uint_eq(status->head, tc->tail[chip][tc->queue]);
}

const struct trn_ext_status *trn_test_expect_error(struct trn_test_collect *tc, uint32_t chip,
						   enum trn_ext_error code, uint32_t processor,
						   uint32_t pc, uint32_t operand)
{
	const struct trn_ext_status *status = trn_test_collect_status(tc, chip, tc->queue);

	ck_assert_uint_eq(status->state, TRN_QUEUE_ERROR);
	ck_assert_msg(status->error == code && status->core == processor && status->pc == pc &&
			      status->operand == operand,
		      "error %u processor %u op %u operand %u, expected %u %u %u %u", status->error,
		      status->core, status->pc, status->operand, code, processor, pc, operand);
	ck_assert_uint_eq(status->tag, 77);
	ck_assert_uint_eq(status->opcode, TRN_CMD_COLLECT);
	ck_assert_uint_eq(status->engine, 0xff);
	return status;
}

void trn_test_collect_pod(struct trn_test_collect *tc, const char *pod)
{
	trn_test_collect_init(tc, pod);
	trn_test_collect_open(tc);
}

void trn_test_collect_fill(struct trn_test_collect *tc, uint32_t chip, uint64_t address,
			   uint64_t bytes)
{
	uint8_t *p = trn_test_hbm(tc, chip, address);

	for (uint64_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)trn_prng_next(&tc->prng);
}

void trn_test_expect_same(struct trn_test_collect *tc, uint32_t chip, uint64_t a, uint32_t other,
			  uint64_t b, uint64_t bytes)
{
	ck_assert_int_eq(
		memcmp(trn_test_hbm(tc, chip, a), trn_test_hbm(tc, other, b), (size_t)bytes), 0);
}
