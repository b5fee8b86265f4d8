/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that break one rule of docs/isa.md, section 11: the model must say which. */
#include "drive.h"

#include <string.h>

void orc_refusals(struct orc_bench *bench, const struct orc_row *row, uint32_t count,
		  struct orc_tally *tally)
{
	(void)bench;
	(void)row;
	(void)count;
	(void)tally;
}
