/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of commands in memory that one CALL of the ring runs, with branches: loops and
 * conditions without the host. An entry is read, and checked as hostile, when its turn comes. */
#include "model/ext.h"

static uint64_t entry_address(const struct trn_queue *queue, uint64_t index)
{
	return queue->list.call.a[0] + index * sizeof(struct trn_ext_cmd);
}

static void call_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	queue->busy = false;
	(void)trn_list_next(queue); /* a list has an entry */
}

/* Memory of entries: readable through the queue's window, and there. */
static bool entries_ok(struct trn_queue *queue, uint64_t address, uint64_t size)
{
	uint64_t bad = address;

	if (address % sizeof(struct trn_ext_cmd) == 0 &&
	    trn_launch_window_ok(queue->launch, queue->window, address, size, false) &&
	    trn_chip_dma_check(queue->launch->chip, address, size, false, &bad) == 0)
		return true;
	trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
	return false;
}

void trn_call_begin(struct trn_queue *queue)
{
	const struct trn_ext_cmd *cmd = &queue->cmd;

	if (queue->list.active || cmd->a[1] == 0 || cmd->a[1] > TRN_EXT_LIST_MAX) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_LIST, cmd->a[0]);
		return;
	}
	if (!entries_ok(queue, cmd->a[0], cmd->a[1] * sizeof(*cmd)))
		return;
	queue->list = (struct trn_queue_list){ .call = *cmd, .active = true };
	trn_queue_after(queue,
			trn_queue_command_ps(queue) +
				queue->launch->chip->gen->udma_fetch_ns * TRN_PS_PER_NS,
			call_event);
}

bool trn_list_next(struct trn_queue *queue)
{
	struct trn_queue_list *list = &queue->list;
	struct trn_ext_cmd *cmd = &queue->cmd;
	const uint64_t at = entry_address(queue, list->next);
	uint64_t bad = at;

	if (list->next == list->call.a[1]) {
		list->active = false;
		*cmd = list->call;
		return false;
	}
	list->next++;
	*cmd = (struct trn_ext_cmd){ 0 };
	if (!entries_ok(queue, at, sizeof(*cmd)))
		return true;
	if (trn_chip_dma_read(queue->launch->chip, at, cmd, sizeof(*cmd), &bad) < 0) {
		*cmd = (struct trn_ext_cmd){ 0 };
		trn_queue_fail_code(queue, TRN_EXT_ERR_ADDRESS, bad);
		return true;
	}
	if (cmd->flags == TRN_CMD_RELATIVE &&
	    (cmd->op == TRN_CMD_WAIT || cmd->op == TRN_CMD_SIGNAL)) {
		cmd->a[1] += list->call.a[2];
		cmd->flags = 0;
	}
	trn_queue_begin(queue);
	return true;
}

/* ---- branches ---- */

static bool holds(uint64_t value, uint64_t compare, uint64_t to)
{
	switch (compare) {
	case TRN_COMPARE_EQ:
		return value == to;
	case TRN_COMPARE_NE:
		return value != to;
	case TRN_COMPARE_LT:
		return value < to;
	case TRN_COMPARE_GE:
		return value >= to;
	case TRN_COMPARE_GT:
		return value > to;
	case TRN_COMPARE_LE:
		return value <= to;
	default:
		return true; /* always: begin() has seen to the rest */
	}
}

static void branch_event(void *arg, uint64_t a, uint64_t epoch)
{
	struct trn_queue *queue = arg;
	const struct trn_ext_cmd *cmd = &queue->cmd;
	const uint64_t *word;
	uint64_t value = 0;

	(void)a;
	if (queue->epoch != (uint32_t)epoch)
		return;
	if (cmd->a[2] != TRN_COMPARE_ALWAYS) {
		word = trn_queue_word(queue, cmd->a[0], false);
		if (!word)
			return;
		value = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	}
	if (holds(value, cmd->a[2], cmd->a[1]))
		queue->list.next = (uint32_t)cmd->a[3];
	trn_queue_finish(queue);
}

void trn_branch_begin(struct trn_queue *queue)
{
	const struct trn_ext_cmd *cmd = &queue->cmd;
	const struct trn_queue_list *list = &queue->list;

	if (!list->active || cmd->a[2] >= TRN_COMPARES || cmd->a[3] > list->call.a[1]) {
		trn_queue_fail_code(queue, TRN_EXT_ERR_LIST,
				    list->active ? entry_address(queue, list->next - 1) : 0);
		return;
	}
	if (cmd->a[2] != TRN_COMPARE_ALWAYS && !trn_queue_word(queue, cmd->a[0], false))
		return;
	trn_queue_after(queue, trn_queue_command_ps(queue), branch_event);
}
