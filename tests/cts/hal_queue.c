/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: in-order command queues. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include "base/bits.h"
#include "base/clock.h"
#include "cts.h"

static struct trn_ext_cmd cmd_nop(void)
{
	return (struct trn_ext_cmd){ .op = TRN_CMD_NOP };
}

static struct trn_ext_cmd cmd_copy(uint64_t dst, uint64_t src, uint64_t size)
{
	return (struct trn_ext_cmd){ .op = TRN_CMD_COPY, .a = { dst, src, size } };
}

static struct trn_ext_cmd cmd_fill(uint64_t dst, uint64_t size, uint32_t pattern)
{
	return (struct trn_ext_cmd){ .op = TRN_CMD_FILL, .a = { dst, size, pattern } };
}

static struct trn_ext_cmd cmd_signal(uint64_t address, uint64_t value)
{
	return (struct trn_ext_cmd){ .op = TRN_CMD_SIGNAL, .a = { address, value } };
}

static struct trn_ext_cmd cmd_wait(uint64_t address, uint64_t value)
{
	return (struct trn_ext_cmd){ .op = TRN_CMD_WAIT, .a = { address, value } };
}

/* One command, kicked and waited for. */
static int run(struct cts *c, struct trn_hal_queue *queue, struct trn_ext_cmd cmd)
{
	uint32_t tail = cts_put(queue, queue->tail, &cmd);
	int r = c->dev->ops.queue_kick(c->dev, queue, tail);

	return r < 0 ? r : cts_drain(c, queue, tail);
}

static void queue_close(struct cts *c, struct trn_hal_queue *queue)
{
	CTS_OK(c, c->dev->ops.queue_close(c->dev, queue));
}

static void empty_queue(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);

	CTS_CHECK(c, queue->depth == 16 && queue->tail == 0);
	CTS_CHECK(c, cts_head(queue) == 0);
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, 0));
	CTS_OK(c, cts_drain(c, queue, 0));
	CTS_OK(c, run(c, queue, cmd_nop()));
	CTS_CHECK(c, queue->tail == 1);
	queue_close(c, queue);
}

static void copies(struct cts *c)
{
	static const uint64_t sizes[] = { 1, 3, 64, 65536, 65537, 200001 };
	struct trn_hal_queue *queue = cts_queue(c, 64);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 500000);
	struct trn_hal_mem hbm = cts_alloc(c, TRN_HAL_MEM_HBM, 250000);
	uint8_t *bytes = host.host;

	for (size_t i = 0; i < TRN_ARRAY_LEN(sizes); i++) {
		uint64_t size = sizes[i];

		cts_random(c, bytes, size);
		memset(bytes + 250000, 0xcc, size + 2);
		CTS_OK(c, run(c, queue, cmd_copy(hbm.address + i, host.address, size)));
		CTS_OK(c, run(c, queue, cmd_copy(host.address + 250001, hbm.address + i, size)));
		CTS_CHECK(c, memcmp(bytes, bytes + 250001, size) == 0);
		CTS_CHECK(c, bytes[250000] == 0xcc && bytes[250001 + size] == 0xcc);
	}
	cts_free(c, &hbm);
	cts_free(c, &host);
	queue_close(c, queue);
}

static void fills(struct cts *c)
{
	static const uint64_t sizes[] = { 1, 2, 3, 4, 5, 63, 4096, 65536, 65539, 150001 };
	const uint32_t pattern = 0xa1b2c3d4;
	struct trn_hal_queue *queue = cts_queue(c, 64);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 160000);
	uint8_t *bytes = host.host;

	for (size_t i = 0; i < TRN_ARRAY_LEN(sizes); i++) {
		memset(bytes, 0x11, 160000);
		CTS_OK(c, run(c, queue, cmd_fill(host.address + 8 + i, sizes[i], pattern)));
		CTS_CHECK(c, bytes[7 + i] == 0x11 && bytes[8 + i + sizes[i]] == 0x11);
		for (uint64_t k = 0; k < sizes[i]; k++)
			CTS_CHECK(c, bytes[8 + i + k] == (uint8_t)(pattern >> 8 * (k % 4)));
	}
	cts_free(c, &host);
	queue_close(c, queue);
}

/* Commands run in order: each copy takes what the one before it wrote. */
static void order(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 256);
	struct trn_hal_mem hbm = cts_alloc(c, TRN_HAL_MEM_HBM, 65536);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 8192);
	uint64_t *words = host.host;
	struct trn_ext_cmd cmd;
	uint32_t tail = 0;

	words[0] = 0x1234567890abcdef;
	cmd = cmd_copy(hbm.address, host.address, 512);
	tail = cts_put(queue, tail, &cmd);
	for (uint32_t i = 0; i < 100; i++) {
		cmd = cmd_copy(hbm.address + 512 * (i + 1), hbm.address + 512 * i, 512);
		tail = cts_put(queue, tail, &cmd);
	}
	cmd = cmd_copy(host.address + 4096, hbm.address + 512 * 100, 512);
	tail = cts_put(queue, tail, &cmd);
	cmd = cmd_signal(host.address + 2048, 7);
	tail = cts_put(queue, tail, &cmd);
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, tail));
	CTS_OK(c, cts_drain(c, queue, tail));
	CTS_CHECK(c, words[512] == 0x1234567890abcdef);
	CTS_CHECK(c, words[256] == 7);
	cts_free(c, &host);
	cts_free(c, &hbm);
	queue_close(c, queue);
}

/* A small ring, kicked full again and again. */
static void wraps(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	uint64_t *words = host.host;
	uint32_t tail = 0;

	for (uint64_t round = 1; round <= 40; round++) {
		for (uint32_t i = 0; i < 16; i++) {
			struct trn_ext_cmd cmd = cmd_signal(host.address + 8 * i, round);

			tail = cts_put(queue, tail, &cmd);
		}
		CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, tail));
		CTS_OK(c, cts_drain(c, queue, tail));
		for (uint32_t i = 0; i < 16; i++)
			CTS_CHECK(c, words[i] == round);
	}
	cts_free(c, &host);
	queue_close(c, queue);
}

static void signals_only_grow(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	uint64_t *words = host.host;

	CTS_OK(c, run(c, queue, cmd_signal(host.address, UINT64_C(1) << 40)));
	CTS_OK(c, run(c, queue, cmd_signal(host.address, 5)));
	CTS_CHECK(c, words[0] == UINT64_C(1) << 40);
	cts_free(c, &host);
	queue_close(c, queue);
}

/* A wait holds the queue until the host has stored the value and said so. */
static void waits_for_the_host(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	uint64_t *words = host.host;
	struct trn_ext_cmd wait = cmd_wait(host.address, 3);
	struct trn_ext_cmd signal = cmd_signal(host.address + 64, 1);
	unsigned int round = 0;
	uint32_t tail = cts_put(queue, 0, &wait);

	tail = cts_put(queue, tail, &signal);
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, tail));
	for (uint64_t value = 1; value < 3; value++) {
		__atomic_store_n(&words[0], value, __ATOMIC_RELEASE);
		CTS_OK(c, c->dev->ops.signal(c->dev));
		for (int i = 0; i < 200; i++)
			(void)c->dev->ops.progress(c->dev, &round, cts_deadline());
		CTS_CHECK(c, cts_head(queue) == 0);
		CTS_CHECK(c, __atomic_load_n(&words[8], __ATOMIC_ACQUIRE) == 0);
	}
	CTS_CHECK(c, cts_state(queue) == TRN_QUEUE_WAITING);
	__atomic_store_n(&words[0], 9, __ATOMIC_RELEASE);
	CTS_OK(c, c->dev->ops.signal(c->dev));
	CTS_OK(c, cts_drain(c, queue, tail));
	CTS_CHECK(c, words[8] == 1);
	cts_free(c, &host);
	queue_close(c, queue);
}

/* Two queues hand a value to and fro without the host. */
static void queues_wait_for_each_other(struct cts *c)
{
	struct trn_hal_queue *a = cts_queue(c, 64);
	struct trn_hal_queue *b = cts_queue(c, 64);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	uint64_t *words = host.host;

	for (uint64_t i = 0; i < 16; i++) {
		struct trn_ext_cmd wait_a = cmd_wait(host.address + 64, i);
		struct trn_ext_cmd signal_a = cmd_signal(host.address, i + 1);
		struct trn_ext_cmd wait_b = cmd_wait(host.address, i + 1);
		struct trn_ext_cmd signal_b = cmd_signal(host.address + 64, i + 1);
		uint32_t at = (uint32_t)(2 * i);

		cts_put(a, cts_put(a, at, &wait_a), &signal_a);
		cts_put(b, cts_put(b, at, &wait_b), &signal_b);
	}
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, b, 32));
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, a, 32));
	CTS_OK(c, cts_drain(c, a, 32));
	CTS_OK(c, cts_drain(c, b, 32));
	CTS_CHECK(c, words[0] == 16 && words[8] == 16);
	cts_free(c, &host);
	queue_close(c, b);
	queue_close(c, a);
}

/* The failing command is named, nothing behind it runs, and a reset helps. */
static void stops_at_an_error(struct cts *c)
{
	const uint64_t nowhere = UINT64_C(0x4000) << 32 | 0x2000;
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	uint64_t *words = host.host;
	struct trn_ext_cmd good = cmd_signal(host.address, 1);
	struct trn_ext_cmd bad = cmd_copy(host.address, nowhere, 8);
	struct trn_ext_cmd after = cmd_signal(host.address + 8, 1);
	uint32_t tail = cts_put(queue, 0, &good);

	c->violations_allowed = true;
	bad.tag = 0xfeedbeef;
	tail = cts_put(queue, tail, &bad);
	tail = cts_put(queue, tail, &after);
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, tail));
	CTS_CHECK(c, cts_drain(c, queue, tail) == -EIO);
	CTS_CHECK(c, cts_head(queue) == 1);
	CTS_CHECK(c, queue->status->error == TRN_EXT_ERR_ADDRESS);
	CTS_CHECK(c, queue->status->tag == 0xfeedbeef);
	CTS_CHECK(c, words[0] == 1 && words[1] == 0);
	for (int i = 0; i < 2; i++) {
		CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
		CTS_CHECK(c, queue->tail == 0 && cts_head(queue) == 0);
		CTS_OK(c, run(c, queue, cmd_signal(host.address + 8, 5)));
		CTS_CHECK(c, words[1] == 5);
	}
	cts_free(c, &host);
	queue_close(c, queue);
}

static void bad_addresses(struct cts *c)
{
	const uint64_t nowhere = UINT64_C(0x4000) << 32 | 0x3000;
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	const struct trn_ext_cmd bad[] = {
		cmd_copy(nowhere, host.address, 64),
		cmd_copy(host.address, nowhere, 64),
		cmd_fill(nowhere, 64, 1),
		cmd_signal(nowhere, 1),
		cmd_signal(host.address + 4, 1), /* not 8-aligned */
	};

	c->violations_allowed = true;
	for (size_t i = 0; i < TRN_ARRAY_LEN(bad); i++) {
		CTS_CHECK(c, run(c, queue, bad[i]) == -EIO);
		CTS_CHECK(c, queue->status->error == TRN_EXT_ERR_ADDRESS);
		CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
	}
	CTS_OK(c, run(c, queue, cmd_nop()));
	cts_free(c, &host);
	queue_close(c, queue);
}

/* Raw: the runtime would refuse these. Rows in front of the one that is nowhere have moved. */
static void bad_rows(struct cts *c)
{
	const uint64_t nowhere = UINT64_C(0x4000) << 32 | 0x3000;
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	struct trn_ext_cmd cmd = { .op = TRN_CMD_COPY_ND };
	uint8_t *bytes = host.host;

	cts_random(c, bytes, 64);
	cmd.a[0] = host.address + 2048;
	cmd.a[1] = host.address;
	cmd.a[2] = trn_u64(16, 2);
	cmd.a[4] = trn_u64(32, 16);
	CTS_OK(c, run(c, queue, cmd)); /* no planes, no bytes */
	CTS_CHECK(c, bytes[2048] == 0);
	c->violations_allowed = true;
	cmd.a[3] = 2;
	cmd.a[5] = 64;
	cmd.a[6] = nowhere - host.address;
	CTS_CHECK(c, run(c, queue, cmd) == -EIO);
	CTS_CHECK(c, queue->status->error == TRN_EXT_ERR_ADDRESS);
	CTS_CHECK(c, memcmp(bytes + 2048, bytes, 16) == 0);
	CTS_CHECK(c, memcmp(bytes + 2048 + 32, bytes + 16, 16) == 0);
	CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
	cmd.a[3] = UINT64_C(1) << 32;
	CTS_CHECK(c, run(c, queue, cmd) == -EIO);
	CTS_CHECK(c, queue->status->error == TRN_EXT_ERR_COMMAND);
	CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
	CTS_OK(c, run(c, queue, cmd_nop()));
	cts_free(c, &host);
	queue_close(c, queue);
}

static void wait_addresses(struct cts *c)
{
	const uint64_t nowhere = UINT64_C(0x4000) << 32 | 0x3000;
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);

	c->violations_allowed = true;
	CTS_OK(c, run(c, queue, cmd_wait(host.address + 8, 0)));
	CTS_CHECK(c, run(c, queue, cmd_wait(nowhere, 1)) == -EIO);
	CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
	CTS_CHECK(c, run(c, queue, cmd_wait(host.address + 4, 0)) == -EIO);
	cts_free(c, &host);
	queue_close(c, queue);
}

/* A wait whose failure word covers its value stops the queue; the value itself comes first. */
static void wait_that_is_broken(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4096);
	uint64_t *words = host.host;
	struct trn_ext_cmd wait = cmd_wait(host.address, 3);
	unsigned int round = 0;
	uint32_t tail;

	CTS_OK(c, run(c, queue, cmd_wait(host.address, 0)));
	c->violations_allowed = true;
	wait.a[2] = host.address + 4;
	CTS_CHECK(c, run(c, queue, wait) == -EIO);
	CTS_CHECK(c, queue->status->error == TRN_EXT_ERR_ADDRESS);
	CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
	wait.a[2] = host.address + 8;
	words[1] = 2; /* less than is wanted */
	tail = cts_put(queue, 0, &wait);
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, tail));
	for (int i = 0; i < 200; i++)
		(void)c->dev->ops.progress(c->dev, &round, cts_deadline());
	CTS_CHECK(c, cts_state(queue) == TRN_QUEUE_WAITING);
	__atomic_store_n(&words[1], 3, __ATOMIC_RELEASE);
	CTS_OK(c, c->dev->ops.signal(c->dev));
	CTS_CHECK(c, cts_drain(c, queue, tail) == -EIO);
	CTS_CHECK(c, queue->status->error == TRN_EXT_ERR_DEPENDENCY);
	CTS_CHECK(c, queue->status->address == host.address);
	CTS_OK(c, c->dev->ops.queue_reset(c->dev, queue, cts_deadline()));
	words[0] = 3;
	CTS_OK(c, run(c, queue, wait));
	cts_free(c, &host);
	queue_close(c, queue);
}

static void kick_past_the_ring(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);

	CTS_CODE(c, -EINVAL, c->dev->ops.queue_kick(c->dev, queue, 17));
	CTS_CODE(c, -EINVAL, c->dev->ops.queue_kick(c->dev, queue, UINT32_MAX));
	CTS_CHECK(c, queue->tail == 0);
	CTS_OK(c, run(c, queue, cmd_nop()));
	queue_close(c, queue);
}

static void bad_queues(struct cts *c)
{
	static const uint32_t depths[] = { 0, 1, 8, 17, 100, 131072, UINT32_MAX };
	struct trn_hal_queue_desc desc = { 0 };
	struct trn_hal_queue *queue = NULL;

	for (size_t i = 0; i < TRN_ARRAY_LEN(depths); i++) {
		desc.depth = depths[i];
		CTS_CODE(c, -EINVAL, c->dev->ops.queue_open(c->dev, &desc, &queue));
	}
	CTS_CHECK(c, !queue);
}

/* As many as there are; one more is refused; each works. */
static void every_queue(struct cts *c)
{
	const struct trn_hal_queue_desc desc = { .depth = 16 };
	struct trn_hal_queue *queues[64];
	struct trn_hal_queue *more = NULL;
	uint32_t count = c->info.queues < 64 ? c->info.queues : 64;

	for (uint32_t i = 0; i < count; i++)
		CTS_OK(c, c->dev->ops.queue_open(c->dev, &desc, &queues[i]));
	if (c->info.queues == count)
		CTS_CODE(c, -ENOSPC, c->dev->ops.queue_open(c->dev, &desc, &more));
	for (uint32_t i = 0; i < count; i++) {
		CTS_OK(c, run(c, queues[i], cmd_nop()));
		for (uint32_t k = 0; k < i; k++)
			CTS_CHECK(c, queues[i]->index != queues[k]->index);
	}
	/* One goes, its place is free again. */
	queue_close(c, queues[3]);
	CTS_OK(c, c->dev->ops.queue_open(c->dev, &desc, &queues[3]));
	CTS_OK(c, run(c, queues[3], cmd_nop()));
	for (uint32_t i = 0; i < count; i += 2)
		queue_close(c, queues[i]); /* the others go with the device */
}

static void closes_with_work_in_flight(struct cts *c)
{
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 4 * TRN_MIB);

	for (int i = 0; i < 4; i++) {
		struct trn_hal_queue *queue = cts_queue(c, 16);
		struct trn_ext_cmd cmd =
			cmd_copy(host.address, host.address + 2 * TRN_MIB, 2 * TRN_MIB);
		uint32_t tail = cts_put(queue, 0, &cmd);

		CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, tail));
		queue_close(c, queue);
	}
	CTS_OK(c,
	       c->dev->ops.copy(c->dev, host.address, host.address + 65536, 65536, cts_deadline()));
	cts_free(c, &host);
}

static void timestamps(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_hal_mem host = cts_alloc(c, TRN_HAL_MEM_HOST, 300000);
	uint64_t *words = host.host;
	struct trn_ext_cmd cmd = { .op = TRN_CMD_TIMESTAMP };

	words[0] = UINT64_MAX;
	for (uint32_t i = 0; i < 3; i++) {
		cmd.a[0] = host.address + 8 * i;
		CTS_OK(c, run(c, queue, cmd));
		CTS_OK(c,
		       run(c, queue, cmd_copy(host.address + 4096, host.address + 140000, 100000)));
	}
	CTS_CHECK(c, words[0] < words[1] && words[1] < words[2]);
	CTS_CHECK(c, words[2] != UINT64_MAX);
	cts_free(c, &host);
	queue_close(c, queue);
}

/* What only a launch block runs: accepted where there is one, refused as a whole elsewhere. */
static void launches_need_the_block(struct cts *c)
{
	struct trn_hal_queue *queue = cts_queue(c, 16);
	struct trn_ext_cmd nop = cmd_nop();
	struct trn_ext_cmd launch = { .op = TRN_CMD_LAUNCH, .a = { 64, 0 } };
	uint32_t tail = cts_put(queue, 0, &nop);

	c->violations_allowed = true;
	tail = cts_put(queue, tail, &launch);
	CTS_OK(c, c->dev->ops.queue_kick(c->dev, queue, tail));
	/* HBM at 64 holds no launch descriptor: the device must see that. */
	CTS_CHECK(c, cts_drain(c, queue, tail) == -EIO);
	CTS_CHECK(c, queue->status->error == TRN_EXT_ERR_LAUNCH);
	CTS_CHECK(c, cts_head(queue) == 1);
	queue_close(c, queue);
}

/* ---- several threads ---- */

#define THREADS 4

struct worker {
	struct cts *c;
	struct trn_hal_queue *queue;
	pthread_t thread;
	int answer;
};

/* No CTS_CHECK here: a test ends on the thread that began it. */
static int work(struct worker *w)
{
	struct trn_hal_dev *dev = w->c->dev;
	const struct trn_hal_mem_desc hbm_desc = { .kind = TRN_HAL_MEM_HBM, .size = 3000 };
	const struct trn_hal_mem_desc host_desc = { .kind = TRN_HAL_MEM_HOST,
						    .size = 8192,
						    .numa_node = -1 };
	struct trn_hal_mem hbm;
	struct trn_hal_mem host;
	uint32_t tail = w->queue->tail;
	uint8_t *bytes;
	int r = dev->ops.mem_alloc(dev, &hbm_desc, &hbm);

	if (r == 0)
		r = dev->ops.mem_alloc(dev, &host_desc, &host);
	if (r < 0)
		return r;
	bytes = host.host;
	memset(bytes, (int)(tail & 0xff) + 1, 3000);
	tail = cts_put(w->queue, tail,
		       &(struct trn_ext_cmd){ .op = TRN_CMD_COPY,
					      .a = { hbm.address, host.address, 3000 } });
	tail = cts_put(w->queue, tail,
		       &(struct trn_ext_cmd){ .op = TRN_CMD_COPY,
					      .a = { host.address + 4096, hbm.address, 3000 } });
	r = dev->ops.queue_kick(dev, w->queue, tail);
	if (r == 0)
		r = dev->ops.signal(dev);
	if (r == 0)
		r = cts_drain(w->c, w->queue, tail);
	if (r == 0 && memcmp(bytes, bytes + 4096, 3000) != 0)
		r = -EILSEQ;
	if (r == 0)
		r = dev->ops.mem_free(dev, &host);
	if (r == 0)
		r = dev->ops.mem_free(dev, &hbm);
	return r;
}

static void *work_thread(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 60 && w->answer == 0; i++)
		w->answer = work(w);
	return NULL;
}

/* Each queue has its owner; memory, signals and progress are for all of them. */
static void threads_with_a_queue_each(struct cts *c)
{
	struct worker workers[THREADS];

	for (int i = 0; i < THREADS; i++)
		workers[i] = (struct worker){ .c = c, .queue = cts_queue(c, 16) };
	for (int i = 0; i < THREADS; i++)
		CTS_CHECK(c,
			  pthread_create(&workers[i].thread, NULL, work_thread, &workers[i]) == 0);
	for (int i = 0; i < THREADS; i++)
		CTS_CHECK(c, pthread_join(workers[i].thread, NULL) == 0);
	for (int i = 0; i < THREADS; i++) {
		CTS_CHECK(c, workers[i].answer == 0);
		queue_close(c, workers[i].queue);
	}
}

const struct cts_test cts_queue_tests[] = {
	{ "queue.empty", empty_queue },
	{ "queue.copy", copies },
	{ "queue.fill", fills },
	{ "queue.order", order },
	{ "queue.wrap", wraps },
	{ "queue.signal", signals_only_grow },
	{ "queue.wait", waits_for_the_host },
	{ "queue.pair", queues_wait_for_each_other },
	{ "queue.error", stops_at_an_error },
	{ "queue.addresses", bad_addresses },
	{ "queue.rows", bad_rows },
	{ "queue.wait-addresses", wait_addresses },
	{ "queue.wait-broken", wait_that_is_broken },
	{ "queue.past-ring", kick_past_the_ring },
	{ "queue.bad", bad_queues },
	{ "queue.every", every_queue },
	{ "queue.close-in-flight", closes_with_work_in_flight },
	{ "queue.timestamp", timestamps },
	{ "queue.threads", threads_with_a_queue_each },
	{ "queue.launch", launches_need_the_block },
	{ NULL, NULL },
};
