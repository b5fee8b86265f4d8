/* SPDX-License-Identifier: Apache-2.0 */
/* The device of the runtime's unit tests: an answer for every HAL entry, each
 * of which can be made to fail. */
#include "runtime/test_hal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trn/error.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/strided.h"

#define HOST_BIT (UINT64_C(1) << 46)
#define ARENA_BYTES (UINT64_C(256) << 20) /* of addresses: host memory and each stack */
#define USERS_MAX 8

struct test_queue {
	struct trn_hal_queue hal; /* first */
	struct trn_ext_status *status;
	uint32_t next; /* entry of the list that the command at the head runs */
	bool used;
};

struct user_range {
	uint64_t address, size;
	char *base;
};

struct test_dev {
	struct trn_hal_dev hal; /* first */
	char *arena[5];         /* stacks 0..3, host */
	uint64_t used[5];       /* bump; never given back */
	uint64_t hbm_live[4];   /* bytes */
	struct user_range users[USERS_MAX];
	uint32_t user_count;
	struct test_queue queues[TRN_TEST_QUEUES];
};

struct trn_test_hal trn_test_hal;
static char last_why[TRN_HAL_WHY_MAX];

void trn_test_hal_init(void)
{
	trn_test_hal = (struct trn_test_hal){
		.devices = 1,
		.info = {
			.uri = "test:0", .backend = "test", .product = "Test", .arch = "trn3",
			.pci_vendor = 0x1d0f, .pci_device = 0x7564, .pci_revision = 1,
			.caps = TRN_HAL_CAP_COMPUTE | TRN_HAL_CAP_MAP_HBM | TRN_HAL_CAP_TIMESTAMP |
				TRN_HAL_CAP_INLINE | TRN_HAL_CAP_SIMULATED |
				TRN_HAL_CAP_LISTS | TRN_HAL_CAP_STRIDED,
			.cores = 8, .hbm_stacks = 4, .queues = TRN_TEST_QUEUES,
			.hbm_bytes = 16 << 20, .hbm_reserved = 1 << 20,
			.sbuf_partition_bytes = 192 << 10, .routing_id = 5, .serial = 77,
			.firmware_api = 7, .numa_node = -1,
		},
	};
}

static int scripted(enum trn_test_op op)
{
	uint32_t call = trn_test_hal.calls[op]++;
	int r = trn_test_hal.fail[op];

	last_why[0] = '\0';
	if (r == 0 || call < trn_test_hal.after[op])
		return 0;
	(void)snprintf(last_why, sizeof(last_why), "scripted failure");
	return r;
}

static struct test_dev *dev_of(struct trn_hal_dev *dev)
{
	return TRN_CONTAINER_OF(dev, struct test_dev, hal);
}

static uint64_t arena_address(unsigned int index)
{
	return index == 4 ? HOST_BIT : index * ARENA_BYTES;
}

static char *resolve(struct test_dev *test, uint64_t address, uint64_t size)
{
	for (uint32_t i = 0; i < test->user_count; i++)
		if (address >= test->users[i].address &&
		    trn_range_ok(address - test->users[i].address, size, test->users[i].size))
			return test->users[i].base + (address - test->users[i].address);
	for (unsigned int i = 0; i < 5; i++)
		if (address >= arena_address(i) &&
		    trn_range_ok(address - arena_address(i), size, test->used[i]))
			return test->arena[i] + (address - arena_address(i));
	return NULL;
}

/* ---- memory ---- */

static int test_mem_alloc(struct trn_hal_dev *dev, const struct trn_hal_mem_desc *desc,
			  struct trn_hal_mem *ret_mem)
{
	struct test_dev *test = dev_of(dev);
	unsigned int arena = desc->kind == TRN_HAL_MEM_HBM ? desc->hbm : 4;
	uint64_t at = trn_align_up(test->used[arena], trn_max_u64(desc->align, 4096));
	int r = scripted(TRN_TEST_MEM_ALLOC);

	if (r < 0)
		return r;
	if (desc->kind == TRN_HAL_MEM_HBM &&
	    desc->size > trn_test_hal.info.hbm_bytes - test->hbm_live[arena])
		return -ENOMEM;
	if (!trn_range_ok(at, desc->size, ARENA_BYTES) || test->user_count == USERS_MAX)
		return -ENOMEM;
	test->used[arena] = at + desc->size;
	*ret_mem = (struct trn_hal_mem){
		.kind = desc->kind,
		.address = arena_address(arena) + at,
		.size = desc->size,
		.hbm = desc->hbm,
	};
	if (desc->kind == TRN_HAL_MEM_HBM)
		test->hbm_live[arena] += desc->size;
	else
		ret_mem->host = test->arena[4] + at;
	if (desc->kind != TRN_HAL_MEM_USER) /* nobody promised zeros */
		memset(test->arena[arena] + at, 0xa5, desc->size);
	if (desc->kind == TRN_HAL_MEM_USER) {
		ret_mem->host = desc->user;
		test->users[test->user_count++] =
			(struct user_range){ ret_mem->address, desc->size, desc->user };
	}
	trn_test_hal.live_mem++;
	return 0;
}

static int test_mem_free(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	if (mem->kind == TRN_HAL_MEM_HBM)
		dev_of(dev)->hbm_live[mem->hbm] -= mem->size;
	trn_test_hal.live_mem--;
	return scripted(TRN_TEST_MEM_FREE);
}

static int test_mem_map(struct trn_hal_dev *dev, struct trn_hal_mem *mem)
{
	int r = scripted(TRN_TEST_MEM_MAP);

	if (r == 0)
		mem->host = resolve(dev_of(dev), mem->address, mem->size);
	return r;
}

static int test_copy(struct trn_hal_dev *dev, uint64_t dst, uint64_t src, uint64_t size,
		     uint64_t deadline_ns)
{
	char *to = resolve(dev_of(dev), dst, size), *from = resolve(dev_of(dev), src, size);
	int r = scripted(TRN_TEST_COPY);

	(void)deadline_ns;
	if (trn_test_hal.log_each_copy)
		trn_logf(dev->log, TRN_LOG_WARNING, "copy of %llu bytes", (unsigned long long)size);
	if (r == 0 && (!to || !from))
		r = -TRN_EFAULT_DEV;
	if (r == 0)
		memmove(to, from, size);
	return r;
}

/* ---- queues ---- */

static int test_queue_open(struct trn_hal_dev *dev, const struct trn_hal_queue_desc *desc,
			   struct trn_hal_queue **ret_queue)
{
	struct test_dev *test = dev_of(dev);
	uint32_t i = 0;
	int r = scripted(TRN_TEST_QUEUE_OPEN);

	if (r < 0)
		return r;
	while (i < TRN_TEST_QUEUES && test->queues[i].used)
		i++;
	if (i == TRN_TEST_QUEUES)
		return -ENOSPC;
	test->queues[i].hal.ring =
		trn_alloc_array(dev->alloc, desc->depth, sizeof(struct trn_ext_cmd));
	test->queues[i].status = trn_alloc_zero(dev->alloc, sizeof(struct trn_ext_status));
	if (!test->queues[i].hal.ring || !test->queues[i].status) {
		trn_free(dev->alloc, test->queues[i].hal.ring);
		trn_free(dev->alloc, test->queues[i].status);
		return -ENOMEM;
	}
	test->queues[i].status->state = TRN_QUEUE_READY;
	test->queues[i].hal.status = test->queues[i].status;
	test->queues[i].hal.index = i;
	test->queues[i].hal.depth = desc->depth;
	test->queues[i].hal.tail = 0;
	test->queues[i].used = true;
	trn_test_hal.live_queues++;
	*ret_queue = &test->queues[i].hal;
	return 0;
}

static int test_queue_close(struct trn_hal_dev *dev, struct trn_hal_queue *queue)
{
	struct test_queue *q = TRN_CONTAINER_OF(queue, struct test_queue, hal);

	trn_free(dev->alloc, q->hal.ring);
	trn_free(dev->alloc, q->status);
	q->used = false;
	trn_test_hal.live_queues--;
	return scripted(TRN_TEST_QUEUE_CLOSE);
}

static int test_queue_kick(struct trn_hal_dev *dev, struct trn_hal_queue *queue, uint32_t tail)
{
	int r = scripted(TRN_TEST_QUEUE_KICK);

	(void)dev;
	if (r == 0)
		queue->tail = tail;
	return r;
}

static int test_queue_reset(struct trn_hal_dev *dev, struct trn_hal_queue *queue,
			    uint64_t deadline_ns)
{
	struct test_queue *q = TRN_CONTAINER_OF(queue, struct test_queue, hal);
	int r = scripted(TRN_TEST_QUEUE_RESET);

	(void)dev;
	(void)deadline_ns;
	if (r < 0)
		return r;
	queue->tail = 0;
	q->next = 0;
	*q->status = (struct trn_ext_status){ .state = TRN_QUEUE_READY };
	return 0;
}

static void launch_keep(struct test_dev *test, const struct trn_ext_cmd *cmd)
{
	const char *p = resolve(test, cmd->a[0], sizeof(struct trn_ext_launch));

	memcpy(&trn_test_hal.launch, p, sizeof(trn_test_hal.launch));
	memcpy(trn_test_hal.args, p + sizeof(trn_test_hal.launch),
	       trn_test_hal.launch.arg_count * sizeof(trn_test_hal.args[0]));
	trn_test_hal.launches++;
}

/* False: a WAIT that is not satisfied. */
static bool execute(struct test_dev *test, const struct trn_ext_cmd *cmd)
{
	uint64_t *word;
	char *to;

	switch (cmd->op) {
	case TRN_CMD_COPY:
		memcpy(resolve(test, cmd->a[0], cmd->a[2]), resolve(test, cmd->a[1], cmd->a[2]),
		       cmd->a[2]);
		break;
	case TRN_CMD_COPY_ND:
		for (uint64_t i = 0; i < trn_strided_rows(cmd); i++) {
			const struct trn_strided_row row = trn_strided_row(cmd, i);

			memcpy(resolve(test, row.dst, trn_strided_bytes(cmd)),
			       resolve(test, row.src, trn_strided_bytes(cmd)),
			       trn_strided_bytes(cmd));
		}
		break;
	case TRN_CMD_FILL:
		to = resolve(test, cmd->a[0], cmd->a[1]);
		for (uint64_t i = 0; i < cmd->a[1]; i++)
			to[i] = (char)(cmd->a[2] >> i % 4 * 8);
		break;
	case TRN_CMD_WAIT:
		word = (uint64_t *)(void *)resolve(test, cmd->a[0], sizeof(*word));
		return __atomic_load_n(word, __ATOMIC_ACQUIRE) >= cmd->a[1];
	case TRN_CMD_SIGNAL:
		word = (uint64_t *)(void *)resolve(test, cmd->a[0], sizeof(*word));
		if (*word < cmd->a[1])
			__atomic_store_n(word, cmd->a[1], __ATOMIC_RELEASE);
		break;
	case TRN_CMD_TIMESTAMP:
		trn_store64(resolve(test, cmd->a[0], 8), trn_test_hal.executed);
		break;
	case TRN_CMD_ADD:
		word = (uint64_t *)(void *)resolve(test, cmd->a[0], sizeof(*word));
		*word += cmd->a[1];
		break;
	case TRN_CMD_LAUNCH:
		launch_keep(test, cmd);
		break;
	default:
		break;
	}
	return true;
}

/* What the command at the head is: of a CALL the entry whose turn it is. */
static struct trn_ext_cmd command_at(struct test_dev *test, const struct test_queue *q,
				     const struct trn_ext_cmd *head)
{
	struct trn_ext_cmd cmd = *head;

	if (head->op != TRN_CMD_CALL)
		return cmd;
	memcpy(&cmd, resolve(test, head->a[0] + q->next * sizeof(cmd), sizeof(cmd)), sizeof(cmd));
	if (cmd.flags & TRN_CMD_RELATIVE)
		cmd.a[1] += head->a[2];
	return cmd;
}

static bool branch_taken(struct test_dev *test, const struct trn_ext_cmd *cmd)
{
	uint64_t value = 0;

	if (cmd->a[2] != TRN_COMPARE_ALWAYS)
		memcpy(&value, resolve(test, cmd->a[0], sizeof(value)), sizeof(value));
	switch (cmd->a[2]) {
	case TRN_COMPARE_EQ:
		return value == cmd->a[1];
	case TRN_COMPARE_NE:
		return value != cmd->a[1];
	case TRN_COMPARE_LT:
		return value < cmd->a[1];
	case TRN_COMPARE_GE:
		return value >= cmd->a[1];
	case TRN_COMPARE_GT:
		return value > cmd->a[1];
	case TRN_COMPARE_LE:
		return value <= cmd->a[1];
	default:
		return true;
	}
}

/* The command at the head has run, or an entry of it. False: it has more. */
static bool head_done(struct test_dev *test, struct test_queue *q, const struct trn_ext_cmd *head,
		      const struct trn_ext_cmd *ran)
{
	if (head->op != TRN_CMD_CALL)
		return true;
	q->next++;
	if (ran->op == TRN_CMD_BRANCH && branch_taken(test, ran))
		q->next = (uint32_t)ran->a[3];
	if (q->next < head->a[1])
		return false;
	q->next = 0;
	return true;
}

/* A WAIT for what will not come. */
static bool is_broken(struct test_dev *test, const struct trn_ext_cmd *cmd)
{
	const uint64_t *word, *broken;

	if (cmd->op != TRN_CMD_WAIT || cmd->a[2] == 0)
		return false;
	word = (const uint64_t *)(void *)resolve(test, cmd->a[0], sizeof(*word));
	broken = (const uint64_t *)(void *)resolve(test, cmd->a[2], sizeof(*broken));
	return __atomic_load_n(word, __ATOMIC_ACQUIRE) < cmd->a[1] &&
	       __atomic_load_n(broken, __ATOMIC_ACQUIRE) >= cmd->a[1];
}

static bool queue_step(struct test_dev *test, struct test_queue *q)
{
	const struct trn_ext_cmd *cmd;
	struct trn_ext_cmd now;
	uint32_t head;

	if (!q->used || q->status->state == TRN_QUEUE_ERROR)
		return false;
	head = q->status->head -
	       (q->status->head > trn_test_hal.head_lie ? trn_test_hal.head_lie : 0);
	if (head == q->hal.tail)
		return false;
	cmd = &q->hal.ring[head & (q->hal.depth - 1)];
	now = command_at(test, q, cmd);
	if (is_broken(test, &now)) {
		head = q->status->head;
		*q->status = (struct trn_ext_status){ .head = head,
						      .error = TRN_EXT_ERR_DEPENDENCY,
						      .tag = cmd->tag,
						      .address = now.a[0] };
		q->status->entry = cmd->op == TRN_CMD_CALL ? q->next + 1 : 0;
		q->status->state = TRN_QUEUE_ERROR;
		return true;
	}
	if (trn_test_hal.error_at && trn_test_hal.executed + 1 == trn_test_hal.error_at) {
		trn_test_hal.error_at = 0;
		head = q->status->head;
		*q->status = trn_test_hal.error;
		q->status->head = head;
		q->status->tag = cmd->tag + (trn_test_hal.wrong_tag ? 1000 : 0);
		q->status->entry = cmd->op == TRN_CMD_CALL ? q->next + 1 : 0;
		q->status->state = TRN_QUEUE_ERROR;
		return true;
	}
	if (!execute(test, &now))
		return false;
	trn_test_hal.executed++;
	if (head_done(test, q, cmd, &now))
		q->status->head++;
	return true;
}

static int test_signal(struct trn_hal_dev *dev)
{
	(void)dev;
	return scripted(TRN_TEST_SIGNAL);
}

static int test_progress(struct trn_hal_dev *dev, unsigned int *round, uint64_t deadline_ns)
{
	struct test_dev *test = dev_of(dev);
	int r = scripted(TRN_TEST_PROGRESS);

	(void)deadline_ns;
	++*round;
	if (r < 0 || trn_test_hal.dead)
		return r;
	for (uint32_t i = 0; i < TRN_TEST_QUEUES; i++)
		if (queue_step(test, &test->queues[i])) {
			if (trn_test_hal.watch)
				trn_test_hal.watch(trn_test_hal.watch_user);
			if (trn_test_hal.head_lie && test->queues[i].status->head == 1)
				test->queues[i].status->head += trn_test_hal.head_lie;
			return 0;
		}
	return trn_test_hal.never_idle ? 0 : -EAGAIN;
}

/* ---- the rest ---- */

static int test_info(struct trn_hal_dev *dev, struct trn_hal_info *ret_info)
{
	int r = scripted(TRN_TEST_INFO);

	(void)dev;
	if (r == 0)
		*ret_info = trn_test_hal.info;
	return r;
}

static int test_sem_read(struct trn_hal_dev *dev, uint32_t owner, uint32_t index,
			 uint32_t *ret_value)
{
	int r = scripted(TRN_TEST_SEM_READ);

	(void)dev;
	if (r == 0)
		*ret_value = owner * 1000 + index;
	return r;
}

static int test_core_error(struct trn_hal_dev *dev, uint32_t core,
			   struct trn_hal_core_error *ret_error)
{
	int r = scripted(TRN_TEST_CORE_ERROR);

	(void)dev;
	if (r == 0)
		*ret_error = (struct trn_hal_core_error){ .state = core == 7 ? TRN_CORE_FAULTED :
									       TRN_CORE_IDLE };
	return r;
}

static int test_core_claim(struct trn_hal_dev *dev, uint32_t core, const struct trn_hal_claim *who,
			   bool take, struct trn_hal_claim *ret_claim)
{
	const uint32_t token = who ? who->owner : 0;
	int r = scripted(TRN_TEST_CORE_CLAIM);

	struct trn_hal_claim *claim = &trn_test_hal.claims[core];

	(void)dev;
	if (r < 0)
		return r;
	if (token && claim->owner && claim->owner != token)
		return take ? -EBUSY : -EPERM;
	if (token && !take && trn_test_hal.busy_releases > 0) {
		trn_test_hal.busy_releases--;
		return -EBUSY;
	}
	if (token)
		*claim = take ? *who : (struct trn_hal_claim){ 0 };
	*ret_claim = *claim;
	return 0;
}

static int test_reset(struct trn_hal_dev *dev, enum trn_hal_reset kind, uint32_t core_map,
		      uint64_t deadline_ns)
{
	(void)dev;
	(void)deadline_ns;
	if (kind == TRN_HAL_RESET_DEVICE)
		memset(trn_test_hal.claims, 0, sizeof(trn_test_hal.claims));
	trn_test_hal.reset_map = core_map;
	return scripted(TRN_TEST_RESET);
}

static int test_telemetry(struct trn_hal_dev *dev, struct trn_hal_telemetry *ret)
{
	int r = scripted(TRN_TEST_TELEMETRY);

	(void)dev;
	if (r == 0)
		*ret = (struct trn_hal_telemetry){
			.ecc_sram_corrected = 1,
			.ecc_sram_uncorrected = 2,
			.ecc_hbm_corrected = { 3, 4, 5, 6 },
			.ecc_hbm_uncorrected = { 7, 8, 9, 10 },
			.hbm_repair = 1,
			.power_utilization = { 11, 12 },
			.power_samples = { 13, 14 },
			.pe_matmul = { 15 },
			.pe_idle = { 16 },
			.counted = trn_test_hal.counted,
			.dma_bytes = UINT64_C(17) << 32,
			.energy_uj = 18000019,
			.busy_ns = { 20, 21 },
		};
	return r;
}

static int test_reg_read32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			   uint32_t *ret_value)
{
	int r = scripted(TRN_TEST_REG);

	(void)dev;
	if (r == 0)
		*ret_value = (uint32_t)offset + bar;
	return r;
}

static int test_reg_write32(struct trn_hal_dev *dev, unsigned int bar, uint64_t offset,
			    uint32_t value)
{
	(void)dev;
	(void)bar;
	(void)offset;
	(void)value;
	return scripted(TRN_TEST_REG);
}

static int test_control(struct trn_hal_dev *dev, const char *verb, const char *arg, char *ret_text,
			size_t text_size)
{
	int r = scripted(TRN_TEST_CONTROL);

	(void)dev;
	if (r == 0 && ret_text)
		(void)snprintf(ret_text, text_size, "%s %s", verb, arg ? arg : "-");
	return r;
}

static int test_trace(struct trn_hal_dev *dev, trn_trace_fn *fn, void *user)
{
	int r = scripted(TRN_TEST_TRACE);

	(void)dev;
	if (r < 0)
		return r;
	trn_test_hal.trace = fn;
	trn_test_hal.trace_user = user;
	return 0;
}

static int test_watch(struct trn_hal_dev *dev, void (*fn)(void *user), void *user)
{
	int r = scripted(TRN_TEST_WATCH);

	(void)dev;
	if (r < 0)
		return r;
	trn_test_hal.watch = fn;
	trn_test_hal.watch_user = user;
	return 0;
}

static void test_close(struct trn_hal_dev *dev)
{
	struct test_dev *test = dev_of(dev);

	trn_logf(dev->log, TRN_LOG_INFO, "closed");
	for (unsigned int i = 0; i < 5; i++)
		trn_unreserve(test->arena[i], ARENA_BYTES);
	trn_test_hal.live_devices--;
	trn_free(dev->alloc, test);
}

static const struct trn_hal_ops test_ops = {
	.name = "test",
	.close = test_close,
	.info = test_info,
	.mem_alloc = test_mem_alloc,
	.mem_free = test_mem_free,
	.mem_map = test_mem_map,
	.copy = test_copy,
	.queue_open = test_queue_open,
	.queue_close = test_queue_close,
	.queue_kick = test_queue_kick,
	.queue_reset = test_queue_reset,
	.signal = test_signal,
	.progress = test_progress,
	.sem_read = test_sem_read,
	.core_error = test_core_error,
	.core_claim = test_core_claim,
	.reset = test_reset,
	.telemetry = test_telemetry,
	.reg_read32 = test_reg_read32,
	.reg_write32 = test_reg_write32,
	.control = test_control,
	.trace = test_trace,
	.watch = test_watch,
};

int trn_hal_open(const struct trn_hal_open *open, struct trn_hal_dev **ret_dev)
{
	struct test_dev *test;
	int r = scripted(TRN_TEST_OPEN);

	if (strncmp(open->uri, "test:", 5) != 0)
		r = -EINVAL;
	if (r < 0) {
		if (open->ret_fault)
			(void)snprintf(open->ret_fault->why, sizeof(open->ret_fault->why),
				       "scripted open failure");
		trn_logf(open->log, TRN_LOG_ERROR, "open failed");
		return r;
	}
	test = trn_alloc_zero(open->alloc, sizeof(*test));
	if (!test)
		return -ENOMEM;
	test->hal.ops = test_ops;
	test->hal.alloc = open->alloc;
	test->hal.log = open->log;
	for (unsigned int i = 0; i < 5; i++)
		if (trn_reserve(ARENA_BYTES, (void **)&test->arena[i]) < 0) {
			test_close(&test->hal);
			return -ENOMEM;
		}
	trn_test_hal.live_devices++;
	*ret_dev = &test->hal;
	return 0;
}

/* As many as the test says; hal/ would ask the door. */
int trn_hal_count(const struct trn_hal_open *open, uint32_t *ret_count)
{
	if (strncmp(open->uri, "test:", 5) != 0) {
		(void)snprintf(open->ret_fault->why, sizeof(open->ret_fault->why),
			       "scripted count failure");
		return -EINVAL;
	}
	*ret_count = trn_test_hal.devices;
	return 0;
}

int trn_hal_pods_create(const struct trn_alloc *alloc, struct trn_hal_pods **ret_pods)
{
	(void)alloc;
	*ret_pods = NULL;
	return 0;
}

void trn_hal_pods_destroy(struct trn_hal_pods *pods)
{
	(void)pods;
}

void trn_hal_close(struct trn_hal_dev *dev)
{
	dev->ops.close(dev);
}

void trn_hal_last_fault(struct trn_hal_dev *dev, struct trn_hal_fault *ret_fault)
{
	(void)dev;
	*ret_fault = (struct trn_hal_fault){ .engine = UINT32_MAX, .queue = UINT32_MAX };
	memcpy(ret_fault->why, last_why, sizeof(ret_fault->why));
}

int trn_hal_discover(const struct trn_alloc *alloc,
		     void (*fn)(void *user, const char *uri, const char *product), void *user)
{
	int n = 0, r = scripted(TRN_TEST_DISCOVER);

	(void)alloc;
	if (r < 0)
		return r;
	for (; n < 4 && trn_test_hal.discover[n]; n++)
		fn(user, trn_test_hal.discover[n], "Test");
	return n;
}

const char *trn_hal_scheme(unsigned int index, const char **ret_help)
{
	if (index > 0)
		return NULL;
	*ret_help = "the device of the unit tests";
	return "test";
}
