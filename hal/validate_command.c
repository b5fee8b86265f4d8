/* SPDX-License-Identifier: Apache-2.0 */
/* What commands touch, as the validate hook reads them: operands, launch descriptors with
 * their streams and arguments, and the commands of lists. */
#include "base/bits.h"
#include "base/ext.h"
#include "hal/validate.h"

#define WORD 8u /* bytes of what WAIT, SIGNAL and their like use */

/* Bytes from the first to the last of rows in planes; UINT64_MAX when that passes 2^64. */
static uint64_t extent(const struct trn_ext_cmd *cmd, uint64_t row_pitch, uint64_t plane_pitch)
{
	const uint64_t row = trn_lo32(cmd->a[2]), rows = trn_hi32(cmd->a[2]);
	const uint64_t planes = trn_lo32(cmd->a[3]);
	uint64_t in_rows, in_planes, sum;

	if (row == 0 || rows == 0 || planes == 0)
		return 0;
	if (__builtin_mul_overflow(rows - 1, row_pitch, &in_rows) ||
	    __builtin_mul_overflow(planes - 1, plane_pitch, &in_planes) ||
	    __builtin_add_overflow(in_rows, in_planes, &sum) ||
	    __builtin_add_overflow(sum, row, &sum))
		return UINT64_MAX;
	return sum;
}

struct visit {
	const struct trn_validate *v;
	trn_validate_range_fn fn;
	void *user;
};

static void range(const struct visit *visit, const char *what, uint64_t address, uint64_t bytes,
		  uint64_t align)
{
	visit->fn(visit->user, &(struct trn_validate_range){ address, bytes, align, what });
}

static void launch(const struct visit *visit, uint64_t address)
{
	const struct trn_ext_launch *l =
		trn_validate_host(visit->v, address, sizeof(struct trn_ext_launch));
	const struct trn_ext_arg *args;
	uint64_t bytes = sizeof(*l);

	if (l && l->arg_count <= TRN_ISA_ARGS_MAX)
		bytes += l->arg_count * sizeof(*args);
	range(visit, "descriptor", address, bytes, 64);
	args = trn_validate_host(visit->v, address + sizeof(*l), bytes - sizeof(*l));
	if (!l || address % 64 || l->magic != TRN_EXT_MAGIC || l->arg_count > TRN_ISA_ARGS_MAX)
		return; /* the device says what is wrong with it */
	for (unsigned int e = 0; e < TRN_ENGINE_COUNT; e++)
		range(visit, "stream", l->stream[e].address,
		      (uint64_t)l->stream[e].words * TRN_ISA_WORD_SIZE, 64);
	for (unsigned int i = 0; args && i < l->arg_count; i++)
		range(visit, "argument", args[i].value, args[i].size, 0);
}

static void one(const struct visit *visit, const struct trn_ext_cmd *cmd)
{
	switch (cmd->op) {
	case TRN_CMD_COPY:
		range(visit, "destination", cmd->a[0], cmd->a[2], 0);
		range(visit, "source", cmd->a[1], cmd->a[2], 0);
		break;
	case TRN_CMD_COPY_ND:
		range(visit, "destination", cmd->a[0], extent(cmd, trn_lo32(cmd->a[4]), cmd->a[5]),
		      0);
		range(visit, "source", cmd->a[1], extent(cmd, trn_hi32(cmd->a[4]), cmd->a[6]), 0);
		break;
	case TRN_CMD_FILL:
		range(visit, "destination", cmd->a[0], cmd->a[1], 0);
		break;
	case TRN_CMD_WAIT:
		if (cmd->a[2])
			range(visit, "failure word", cmd->a[2], WORD, WORD);
		range(visit, "word", cmd->a[0], WORD, WORD);
		break;
	case TRN_CMD_SIGNAL:
	case TRN_CMD_TIMESTAMP:
	case TRN_CMD_ADD:
		range(visit, "word", cmd->a[0], WORD, WORD);
		break;
	case TRN_CMD_BRANCH:
		if (cmd->a[2] != TRN_COMPARE_ALWAYS)
			range(visit, "word", cmd->a[0], WORD, WORD);
		break;
	case TRN_CMD_LAUNCH:
		launch(visit, cmd->a[0]);
		break;
	case TRN_CMD_COLLECT:
		range(visit, "descriptor", cmd->a[0], sizeof(struct trn_ext_collect), 64);
		break;
	default: /* NOP; what the device does not know either */
		break;
	}
}

void trn_validate_ranges(const struct trn_validate *v, const struct trn_ext_cmd *cmd,
			 trn_validate_range_fn fn, void *user)
{
	const struct visit visit = { v, fn, user };
	const struct trn_ext_cmd *list;
	uint64_t bytes;

	if (cmd->op != TRN_CMD_CALL || cmd->a[1] > TRN_EXT_LIST_MAX) {
		one(&visit, cmd);
		return;
	}
	bytes = cmd->a[1] * sizeof(*list);
	range(&visit, "list", cmd->a[0], bytes, 64);
	list = cmd->a[0] % 64 ? NULL : trn_validate_host(v, cmd->a[0], bytes);
	for (uint64_t i = 0; list && i < cmd->a[1]; i++)
		one(&visit, &list[i]);
}
