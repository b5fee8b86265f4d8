/* SPDX-License-Identifier: Apache-2.0 */
/* PCI configuration space (driver facts 1.1 to 1.3): ids, BARs 0 and 4, bus
 * master, no interrupts, and the capability that announces the extension. */
#include "base/bits.h"
#include "model/parts.h"

#define CFG_SIZE 256u
#define COMMAND_MEMORY 0x0002u
#define COMMAND_MASTER 0x0004u
#define COMMAND_WRITABLE (COMMAND_MEMORY | COMMAND_MASTER)
#define STATUS_CAPABILITIES 0x00100000u
#define CLASS_ACCELERATOR 0x12000000u /* processing accelerator; inferred */
#define BAR_MEMORY64 0x4u
#define BAR_PREFETCHABLE 0x8u

uint64_t trn_chip_bar4_slot(const struct trn_chip *chip)
{
	/* On the simulator revision HBM fills the BAR without gaps (driver facts 1.2). */
	return chip->model->config.pci_revision == TRN_PCI_REVISION_QEMU ? chip->hbm_bytes :
									   TRN_BAR4_SLOT;
}

uint64_t trn_chip_bar_size(struct trn_chip *chip, unsigned int bar)
{
	if (bar == TRN_BAR_REGS)
		return TRN_BAR0_SIZE;
	return bar == TRN_BAR_HBM && !chip->model->config.no_bar4 ?
		       TRN_HBMS * trn_chip_bar4_slot(chip) :
		       0;
}

/* Size of the BAR that a BAR register belongs to, and its fixed bits. */
static uint64_t bar_of(struct trn_chip *chip, uint32_t index, uint32_t *ret_flags)
{
	uint32_t bar = index & ~1u;

	*ret_flags = BAR_MEMORY64 | (bar == TRN_BAR_HBM ? BAR_PREFETCHABLE : 0);
	return trn_chip_bar_size(chip, bar);
}

static uint32_t bar_read(struct trn_chip *chip, uint32_t index)
{
	uint32_t flags;

	if (bar_of(chip, index, &flags) == 0)
		return 0;
	return chip->cfg_bar[index] | (index % 2 == 0 ? flags : 0);
}

static void bar_write(struct trn_chip *chip, uint32_t index, uint32_t value)
{
	uint32_t flags;
	uint64_t size = bar_of(chip, index, &flags);
	uint64_t mask = size != 0 ? ~(size - 1) : 0;

	/* Bits below the size stay 0: how a host finds the size. */
	chip->cfg_bar[index] = value & (index % 2 == 0 ? trn_lo32(mask) : trn_hi32(mask));
}

static uint32_t capability_read(uint32_t offset)
{
	switch (offset) {
	case 0x0:
		return TRN_EXT_CAP_ID | 16u << 16 | (uint32_t)TRN_EXT_CAP_TYPE << 24;
	case 0x4:
		return TRN_EXT_MAGIC;
	case 0x8:
		return TRN_EXT_VERSION;
	default:
		return TRN_EXT_BAR0;
	}
}

uint32_t trn_chip_cfg_read32(struct trn_chip *chip, uint32_t offset)
{
	const struct trn_model_config *config = &chip->model->config;
	bool extension = !config->no_extension;

	if (chip->dead)
		return TRN_READ_DEAD;
	if (offset % 4 != 0 || offset >= CFG_SIZE)
		return 0;
	if (offset >= 0x10 && offset < 0x28)
		return bar_read(chip, (offset - 0x10) / 4);
	if (extension && offset >= TRN_EXT_CAP_OFFSET && offset < TRN_EXT_CAP_OFFSET + 16)
		return capability_read(offset - TRN_EXT_CAP_OFFSET);
	switch (offset) {
	case 0x00:
	case 0x2c: /* subsystem ids: inferred to repeat the device's */
		return (uint32_t)chip->gen->pci_device << 16 | TRN_PCI_VENDOR;
	case 0x04:
		return chip->cfg_command | (extension ? STATUS_CAPABILITIES : 0);
	case 0x08:
		return CLASS_ACCELERATOR | config->pci_revision;
	case 0x34:
		return extension ? TRN_EXT_CAP_OFFSET : 0;
	default:
		return 0;
	}
}

void trn_chip_cfg_write32(struct trn_chip *chip, uint32_t offset, uint32_t value)
{
	if (chip->dead || offset % 4 != 0)
		return;
	if (offset >= 0x10 && offset < 0x28) {
		bar_write(chip, (offset - 0x10) / 4, value);
	} else if (offset == 0x04) {
		chip->cfg_command = value & COMMAND_WRITABLE;
		chip->bus_master = (value & COMMAND_MASTER) != 0;
	}
}
