/* SPDX-License-Identifier: Apache-2.0 */
/* TRN_CMD_COPY_ND taken apart: rows of bytes, in planes, with pitches on both sides. */
#ifndef BASE_STRIDED_H
#define BASE_STRIDED_H

#include "base/bits.h"
#include "base/ext.h"

struct trn_strided_row {
	uint64_t dst, src;
};

static inline uint32_t trn_strided_bytes(const struct trn_ext_cmd *cmd)
{
	return trn_lo32(cmd->a[2]);
}

/* Rows of all planes; 0: nothing to move. Below 2^64: neither factor passes 2^32 - 1. */
static inline uint64_t trn_strided_rows(const struct trn_ext_cmd *cmd)
{
	return trn_strided_bytes(cmd) == 0 ? 0 :
					     (uint64_t)trn_hi32(cmd->a[2]) * trn_lo32(cmd->a[3]);
}

/* Where a row is, rows of the first plane first; index below trn_strided_rows(). */
static inline struct trn_strided_row trn_strided_row(const struct trn_ext_cmd *cmd, uint64_t index)
{
	const uint64_t rows = trn_hi32(cmd->a[2]);
	const uint64_t row = index % rows, plane = index / rows;

	return (struct trn_strided_row){
		.dst = cmd->a[0] + row * trn_lo32(cmd->a[4]) + plane * cmd->a[5],
		.src = cmd->a[1] + row * trn_hi32(cmd->a[4]) + plane * cmd->a[6],
	};
}

#endif /* BASE_STRIDED_H */
