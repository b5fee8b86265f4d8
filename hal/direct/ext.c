/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the libtrn extension: a PCI vendor-specific capability, then the id page
 * of its block. Nothing probes registers that no capability names. */
#include <errno.h>
#include "base/bits.h"
#include "hal/direct/direct.h"

#define CFG_STATUS_WORD 0x04u
#define CFG_STATUS_CAPS (1u << 20) /* in the upper half: a capability list is there */
#define CFG_CAP_POINTER 0x34u
#define CFG_CAP_FIRST 0x40u
#define CFG_CAP_LAST 0xfcu
#define CAPS_MAX 48 /* more do not fit: a list that is longer has a loop */
#define CAP_BYTES 16u

/* Offset of our capability, or 0. A malformed list ends the search: silicon has other ones. */
static int cap_find(struct trn_direct *d, uint32_t *ret_offset)
{
	struct trn_bus *bus = d->bus;
	uint32_t word = 0;
	uint32_t at;
	int r = bus->ops->cfg_read32(bus, CFG_STATUS_WORD, &word);

	*ret_offset = 0;
	if (r < 0 || !(word & CFG_STATUS_CAPS))
		return r;
	r = bus->ops->cfg_read32(bus, CFG_CAP_POINTER, &word);
	at = word & 0xfc;
	for (int n = 0; r == 0 && n < CAPS_MAX && at >= CFG_CAP_FIRST && at <= CFG_CAP_LAST; n++) {
		r = bus->ops->cfg_read32(bus, at, &word);
		if (r < 0)
			break;
		if ((word & 0xff) == TRN_EXT_CAP_ID && (word >> 24) == TRN_EXT_CAP_TYPE &&
		    (word >> 16 & 0xff) >= CAP_BYTES && at <= 0x100 - CAP_BYTES) {
			*ret_offset = at;
			return 0;
		}
		at = word >> 8 & 0xfc;
	}
	return r;
}

struct id_page {
	uint32_t magic, version, caps, cores, queues, windows, generation, isa, sbuf, hbm_mib;
};

static int id_read(struct trn_direct *d, uint64_t base, struct id_page *ret_id)
{
	const struct {
		uint32_t reg;
		uint32_t *value;
	} reads[] = {
		{ TRN_EXT_ID_MAGIC, &ret_id->magic },
		{ TRN_EXT_ID_VERSION, &ret_id->version },
		{ TRN_EXT_ID_CAPS, &ret_id->caps },
		{ TRN_EXT_ID_CORES, &ret_id->cores },
		{ TRN_EXT_ID_QUEUES, &ret_id->queues },
		{ TRN_EXT_ID_WINDOWS, &ret_id->windows },
		{ TRN_EXT_ID_GENERATION, &ret_id->generation },
		{ TRN_EXT_ID_ISA, &ret_id->isa },
		{ TRN_EXT_ID_SBUF_PARTITION, &ret_id->sbuf },
		{ TRN_EXT_ID_HBM_MIB, &ret_id->hbm_mib },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(reads); i++) {
		int r = trn_hal_read32_live(d->bus, base + reads[i].reg, reads[i].value);

		if (r < 0)
			return trn_hal_fail(&d->hal, r, "the id page does not answer");
	}
	return 0;
}

/* Each number against what the address map can hold: they size tables and loops later. */
static int id_check(struct trn_direct *d, const struct id_page *id)
{
	const struct {
		const char *name;
		uint32_t value, min, max;
	} checks[] = {
		{ "magic", id->magic, TRN_EXT_MAGIC, TRN_EXT_MAGIC },
		{ "version", id->version, TRN_EXT_VERSION, TRN_EXT_VERSION },
		{ "cores", id->cores, 1, TRN_CORES },
		{ "queues", id->queues, 1, TRN_EXT_QUEUES },
		{ "windows", id->windows, 1, TRN_EXT_WINDOWS },
		{ "SBUF bytes", id->sbuf, 1, TRN_SBUF_PARTITION_STRIDE },
		{ "HBM MiB", id->hbm_mib, 17, (uint32_t)(TRN_BAR4_SLOT / TRN_MIB) },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(checks); i++) {
		if (checks[i].value < checks[i].min || checks[i].value > checks[i].max)
			return trn_hal_fail(&d->hal, -TRN_EFIRMWARE, "id page: %s is 0x%x",
					    checks[i].name, checks[i].value);
	}
	return 0;
}

static void ext_none(struct trn_direct *d)
{
	d->ext = 0;
	d->ext_caps = 0;
	d->ext_queues = 0;
	d->cores = TRN_CORES;
	d->sbuf_partition_bytes = d->chip->sbuf_partition_bytes;
}

int trn_direct_ext_find(struct trn_direct *d)
{
	struct id_page id = { 0 };
	uint32_t at = 0;
	uint32_t magic = 0;
	uint32_t version = 0;
	uint32_t offset = 0;
	int r = cap_find(d, &at);

	ext_none(d);
	if (r == 0 && at != 0)
		r = d->bus->ops->cfg_read32(d->bus, at + 4, &magic);
	if (r == 0 && at != 0)
		r = d->bus->ops->cfg_read32(d->bus, at + 8, &version);
	if (r == 0 && at != 0)
		r = d->bus->ops->cfg_read32(d->bus, at + 12, &offset);
	if (r < 0)
		return trn_hal_fail(&d->hal, r, "the capability list cannot be read");
	if (at == 0 || magic != TRN_EXT_MAGIC)
		return 0; /* silicon as it is sold */
	if (version != TRN_EXT_VERSION) {
		trn_logf(d->hal.log, TRN_LOG_WARNING,
			 "%s: extension version %u, this driver knows %u: not used",
			 d->bus->info.name, version, TRN_EXT_VERSION);
		return 0;
	}
	if (offset == 0 || offset % DIRECT_PAGE != 0 ||
	    !trn_range_ok(offset, TRN_EXT_SIZE, d->bus->info.bar_size[TRN_BAR_REGS]))
		return trn_hal_fail(&d->hal, -TRN_EFIRMWARE, "block at 0x%x is outside BAR0",
				    offset);
	r = id_read(d, offset, &id);
	if (r == 0)
		r = id_check(d, &id);
	if (r < 0)
		return r;
	d->ext = offset;
	d->ext_caps = id.caps;
	d->ext_queues = id.queues;
	d->cores = id.cores;
	d->sbuf_partition_bytes = id.sbuf;
	if (d->hbm_bytes == 0)
		d->hbm_bytes = id.hbm_mib * TRN_MIB;
	return 0;
}
