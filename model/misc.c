/* SPDX-License-Identifier: Apache-2.0 */
/* MISC RAM (driver facts 5.1): what the host may read and write, and the
 * registers that the firmware keeps: ids, ECC counts, power samples. */
#include "model/misc.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"

#define SERVER_VALID 0x8000u
#define RACK_SHIFT 16 /* 30:16, and a valid bit: driver facts 12 */
#define RACK_VALID (UINT32_C(1) << 31)
#define POWER_STEP_PS (500 * 1000000 * TRN_PS_PER_NS) /* a host needs 60 samples a minute */
#define POWER_FULL 10000u                             /* 1/100 % of power_mw_busy */
#define HEARTBEAT_SHIFT 12                            /* 19:12, from driver 2.27 on */

enum access {
	RO,
	RW,
};
struct area {
	uint32_t first, words;
	enum access access;
};

static const struct area areas[] = {
	{ TRN_MR_API_VERSION, 1, RO },
	{ 0x004, 1, RO }, /* health bits: hint of driver 2.27; 0 */
	{ 0x00c, 1, RO }, /* heartbeat: hint of driver 2.27 */
	{ TRN_MR_ROUTING_ID, 1, RO },
	{ 0x030, 1, RO }, /* partition size: hint; 0 */
	{ TRN_MR_SERIAL_LO, 2, RO },
	{ TRN_MR_ECC_SRAM, 5, RO },
	{ TRN_MR_POWER_DIE0, 2, RO },
	{ TRN_MR_HBM_REPAIR, 1, RO },
	{ TRN_MR_SERVER_INFO, 2, RO }, /* and the firmware build: hint; 0 */
	{ 0x080, 2, RO },              /* reservation id: hint; 0 */
	{ 0x0c0, 13, RW },             /* runtime's, and the acknowledge word */
	{ TRN_MR_DATA, 32, RW },
	{ TRN_MR_LEFT_SERIAL_HI, 7, RW }, /* election */
	{ 0x1a0, 12, RW },                /* runtime's */
	{ 0x1d4, 2, RW },                 /* reset maps */
	{ TRN_MR_RESET_TYPE, 5, RW },     /* and the four request words */
	{ TRN_MR_TRIGGER, 1, RW },
	{ TRN_MR_STATUS, 1, RO },
};

static const struct area *area_find(uint32_t offset)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(areas); i++) {
		if (offset >= areas[i].first && offset - areas[i].first < areas[i].words * 4)
			return &areas[i];
	}
	return NULL;
}

/* Milliwatts as a share of full load. */
static uint32_t power_share(const struct trn_chip *chip, uint64_t mw)
{
	return (uint32_t)trn_min_u64(mw * POWER_FULL / chip->gen->power_mw_busy, POWER_FULL);
}

/* Ids by place (driver facts 8.4, 9.1): a torus has its map; on a switched pod servers have
 * numbers, which are its node ids. */
static void ids(const struct trn_chip *chip, struct trn_misc *misc)
{
	const struct trn_model_config *config = &chip->model->config;
	const struct trn_pod *pod = chip->model->pod;
	const uint64_t serial = config->serial + chip->index;
	const bool torus = pod->shape == TRN_POD_TORUS;
	struct trn_pod_place place;

	trn_pod_place(pod, chip->index, &place);
	*misc_word(misc, TRN_MR_SERIAL_LO) = trn_lo32(serial);
	*misc_word(misc, TRN_MR_SERIAL_HI) = trn_hi32(serial);
	*misc_word(misc, TRN_MR_ROUTING_ID) = config->routing_id;
	*misc_word(misc, TRN_MR_SERVER_INFO) = SERVER_VALID;
	if (pod->shape == TRN_POD_CHIP)
		return;
	*misc_word(misc, TRN_MR_ROUTING_ID) = trn_pod_routing_of_index(torus, place.position);
	if (!torus)
		*misc_word(misc, TRN_MR_SERVER_INFO) = RACK_VALID | place.rack << RACK_SHIFT |
						       SERVER_VALID | chip->server;
}

int trn_misc_create(struct trn_chip *chip, struct trn_misc **ret_misc)
{
	const struct trn_model_config *config = &chip->model->config;
	struct trn_misc *misc = trn_alloc_zero(chip->model->alloc, sizeof(*misc));
	uint64_t idle_mw = 0;

	if (!misc)
		return -ENOMEM;
	misc->chip = chip;
	for (uint32_t part = 0; part < TRN_ENERGY_PARTS; part++)
		idle_mw += chip->gen->value[TRN_GEN_idle_tensor_mw + part];
	misc->utilisation = power_share(chip, idle_mw);
	*misc_word(misc, TRN_MR_API_VERSION) = config->api_version;
	ids(chip, misc);
	*ret_misc = misc;
	return 0;
}

void trn_misc_destroy(struct trn_misc *misc)
{
	if (misc)
		trn_free(misc->chip->model->alloc, misc);
}

/* Samples tick with virtual time; between two reads they are one sample longer. */
static uint32_t power_read(struct trn_misc *misc)
{
	const struct trn_chip *chip = misc->chip;
	const uint64_t sample = chip->model->now_ps / POWER_STEP_PS;

	if (sample != misc->sample) {
		const uint64_t nj = trn_energy_total_nj(chip);
		/* Nanojoules a microsecond are milliwatts. */
		const uint64_t us = (chip->model->now_ps - misc->sample_ps) / 1000000u;

		if (us != 0)
			misc->utilisation = power_share(chip, (nj - misc->sample_nj) / us);
		misc->sample_nj = nj;
		misc->sample_ps = chip->model->now_ps;
		misc->sample = sample;
	}
	return (uint32_t)(sample & 0xffff) << 16 | misc->utilisation;
}

/* ECC words count up to their fields' end. */
static void ecc_add(uint32_t *word, uint64_t value)
{
	uint64_t bad = trn_min_u64((*word & 0xffff) + (value & 0xffff), 0xffff);
	uint64_t fixed = trn_min_u64((*word >> 16) + (value >> 16 & 0xffff), 0xffff);

	*word = (uint32_t)(fixed << 16 | bad);
}

/* Faults that a read of a telemetry word brings out. */
static void telemetry_faults(struct trn_misc *misc, uint32_t offset)
{
	uint32_t stack = (offset - TRN_MR_ECC_HBM0) / 4;
	uint32_t *word = misc_word(misc, offset);
	uint64_t value = 0;

	if (stack < TRN_HBMS && trn_fault_fires(misc->chip, "hbm.ecc", stack, &value))
		ecc_add(word, value);
	else if (offset == TRN_MR_ECC_SRAM && trn_fault_fires(misc->chip, "sram.ecc", 0, &value))
		ecc_add(word, value);
	else if (offset == TRN_MR_HBM_REPAIR &&
		 trn_fault_fires(misc->chip, "hbm.repair", 0, &value))
		*word = (uint32_t)value & 3;
}

uint32_t trn_misc_read(struct trn_misc *misc, uint32_t offset)
{
	if (!area_find(offset)) {
		trn_chip_unknown(misc->chip, TRN_MISC_RAM + offset, false, 0);
		return 0;
	}
	if (offset == TRN_MR_POWER_DIE0 || offset == TRN_MR_POWER_DIE1)
		return power_read(misc);
	if (offset == 0x00c)
		return (uint32_t)(misc->chip->model->now_ps / POWER_STEP_PS & 0xff)
		       << HEARTBEAT_SHIFT;
	if (misc->chip->model->faults)
		telemetry_faults(misc, offset);
	return *misc_word(misc, offset);
}

void trn_misc_write(struct trn_misc *misc, uint32_t offset, uint32_t value)
{
	const struct area *area = area_find(offset);

	if (!area || area->access == RO) {
		trn_chip_unknown(misc->chip, TRN_MISC_RAM + offset, true, value);
		return;
	}
	*misc_word(misc, offset) = value;
	if (offset != TRN_MR_TRIGGER || value != 1)
		return;
	/* How the firmware tells requests apart: driver facts 13. */
	if (*misc_word(misc, TRN_MR_RESET_TYPE) != 0)
		trn_reset_request(misc);
	else
		trn_mailbox_request(misc);
}

uint64_t trn_misc_hash(const struct trn_misc *misc, uint64_t hash)
{
	hash = trn_hash_bytes(hash, misc->word, sizeof(misc->word));
	hash = trn_hash_u64(hash, trn_u64(misc->utilisation, misc->power_profile));
	hash = trn_hash_u64(hash, trn_u64(misc->reset_map, misc->qemu_map));
	return trn_hash_u64(hash, misc->reset_ending);
}
