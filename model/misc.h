/* SPDX-License-Identifier: Apache-2.0 */
/* MISC RAM and the firmware behind it: words (misc.c), reset requests
 * (reset.c), mailbox (mailbox.c). */
#ifndef MODEL_MISC_H
#define MODEL_MISC_H

#include "model/parts.h"

#define MISC_WORDS (0x810u / 4)

struct trn_misc {
	struct trn_chip *chip;
	uint32_t word[MISC_WORDS];
	/* power: what the last sample saw */
	uint64_t sample, sample_ps, sample_nj;
	uint32_t utilisation; /* 1/100 % */
	uint32_t power_profile;
	/* reset */
	uint32_t reset_map;   /* what is being reset, as in_reset */
	bool reset_ending;    /* the event that ends it is pending */
	uint64_t reset_token; /* events of an older one are void */
	uint32_t qemu_map;
	/* mailbox */
	uint64_t request_token; /* the same for answers */
};

static inline uint32_t *misc_word(struct trn_misc *misc, uint32_t offset)
{
	return &misc->word[offset / 4];
}

/* The trigger was written while the reset type was not 0. */
void trn_reset_request(struct trn_misc *misc);
/* The trigger was written and it is no reset. */
void trn_mailbox_request(struct trn_misc *misc);

#endif /* MODEL_MISC_H */
