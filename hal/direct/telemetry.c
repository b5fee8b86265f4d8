/* SPDX-License-Identifier: Apache-2.0 */
/* Health and activity: plain register reads (neuron-driver facts 2.8, 5.1). */
#include <errno.h>
#include "base/bits.h"
#include "hal/direct/direct.h"

#define PE_ROWS 4

static int misc(struct trn_direct *d, uint32_t offset, uint32_t *ret_value)
{
	return trn_hal_read32_live(d->bus, TRN_MISC_RAM + offset, ret_value);
}

/* High word first, then the low one: the counter's own rule. */
static int counter(struct trn_direct *d, uint64_t lsb, uint64_t *sum)
{
	uint32_t high = 0;
	uint32_t low = 0;
	int r = trn_hal_read32_live(d->bus, lsb + 4, &high);

	if (r == 0)
		r = trn_hal_read32_live(d->bus, lsb, &low);
	if (r == 0)
		*sum += trn_u64(low, high);
	return r;
}

static int ecc(struct trn_direct *d, uint32_t offset, uint32_t *ret_corrected,
	       uint32_t *ret_uncorrected)
{
	uint32_t value = 0;
	int r = misc(d, offset, &value);

	if (r == 0) {
		*ret_corrected = value >> 16;
		*ret_uncorrected = value & 0xffff;
	}
	return r;
}

static int cores(struct trn_direct *d, struct trn_hal_telemetry *t)
{
	int r = 0;

	for (uint32_t core = 0; r == 0 && core < d->cores; core++) {
		uint64_t base = trn_regs_pe_bar0(core);

		for (uint32_t row = 0; r == 0 && row < PE_ROWS; row++) {
			r = counter(d, base + TRN_PE_MATMUL_LSB(row), &t->pe_matmul[core]);
			if (r == 0)
				r = counter(d, base + TRN_PE_IDLE_LSB(row), &t->pe_idle[core]);
		}
	}
	return r;
}

/* What 64 bits are between two looks at the high word that agree. */
static int wide(struct trn_direct *d, uint64_t lsb, uint64_t *ret_value)
{
	uint32_t high = 0, again = 0, low = 0;
	int r = trn_hal_read32_live(d->bus, lsb + 4, &again);

	/* A high word changes once in a second at most. */
	for (int i = 0; r == 0 && (i == 0 || (high != again && i < 3)); i++) {
		high = again;
		r = trn_hal_read32_live(d->bus, lsb, &low);
		if (r == 0)
			r = trn_hal_read32_live(d->bus, lsb + 4, &again);
	}
	*ret_value = trn_u64(low, high);
	return r;
}

static int counters(struct trn_direct *d, struct trn_hal_telemetry *t)
{
	const struct {
		uint32_t reg;
		uint64_t *value;
	} reads[] = {
		{ TRN_EXT_CNT_LAUNCHES, &t->launches },
		{ TRN_EXT_CNT_INSTRUCTIONS, &t->instructions },
		{ TRN_EXT_CNT_DMA_BYTES, &t->dma_bytes },
		{ TRN_EXT_CNT_DMA_ERRORS, &t->dma_errors },
		{ TRN_EXT_CNT_DOORBELLS, &t->doorbells },
		{ TRN_EXT_CNT_RESETS, &t->resets },
		{ TRN_EXT_CNT_ENERGY_UJ, &t->energy_uj },
	};
	int r = 0;

	if (!(d->ext_caps & TRN_EXT_CAP_COUNTERS))
		return 0;
	for (size_t i = 0; r == 0 && i < TRN_ARRAY_LEN(reads); i++)
		r = wide(d, d->ext + TRN_EXT_COUNTERS + reads[i].reg, reads[i].value);
	for (uint32_t e = 0; r == 0 && e < TRN_ENGINE_COUNT; e++)
		r = wide(d, d->ext + TRN_EXT_COUNTERS + TRN_EXT_CNT_BUSY_NS(e), &t->busy_ns[e]);
	t->counted = r == 0;
	return r;
}

int trn_direct_telemetry(struct trn_hal_dev *dev, struct trn_hal_telemetry *ret)
{
	static const uint32_t power[] = { TRN_MR_POWER_DIE0, TRN_MR_POWER_DIE1 };
	struct trn_direct *d = trn_direct_of(dev);
	struct trn_hal_telemetry t = { 0 };
	uint32_t value = 0;
	int r = ecc(d, TRN_MR_ECC_SRAM, &t.ecc_sram_corrected, &t.ecc_sram_uncorrected);

	for (uint32_t i = 0; r == 0 && i < TRN_HBMS; i++)
		r = ecc(d, TRN_MR_ECC_HBM0 + 4 * i, &t.ecc_hbm_corrected[i],
			&t.ecc_hbm_uncorrected[i]);
	if (r == 0)
		r = misc(d, TRN_MR_HBM_REPAIR, &value);
	t.hbm_repair = value & 3;
	for (uint32_t die = 0; r == 0 && die < TRN_ARRAY_LEN(power); die++) {
		r = misc(d, power[die], &value);
		t.power_utilization[die] = value & 0xffff;
		t.power_samples[die] = value >> 16;
	}
	if (r == 0)
		r = cores(d, &t);
	if (r == 0)
		r = counters(d, &t);
	if (r < 0)
		return trn_hal_fail(dev, r, "telemetry: the device is gone");
	*ret = t;
	return 0;
}
