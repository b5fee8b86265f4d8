/* SPDX-License-Identifier: Apache-2.0 */
/* The chips the driver knows. Adding one is adding a line. */
#include "base/bits.h"
#include "hal/direct/direct.h"

static const struct trn_direct_chip chips[] = {
	{ .pci_device = TRN_PCI_DEVICE_TRN2,
	  .product = "Trainium2",
	  .arch = "trn2",
	  .hbm_bytes = 24 * TRN_GIB,
	  .sbuf_partition_bytes = 192 * 1024 },
	{ .pci_device = TRN_PCI_DEVICE_TRN3,
	  .product = "Trainium3",
	  .arch = "trn3",
	  .hbm_bytes = 36 * TRN_GIB,
	  .sbuf_partition_bytes = 256 * 1024,
	  .ostand_wr_2 = true },
	{ .pci_device = TRN_PCI_DEVICE_TRN3_ALT,
	  .product = "Trainium3",
	  .arch = "trn3",
	  .hbm_bytes = 36 * TRN_GIB,
	  .sbuf_partition_bytes = 256 * 1024,
	  .ostand_wr_2 = true },
	/* A preview: only the model has this id. */
	{ .pci_device = TRN_PCI_DEVICE_TRN4,
	  .product = "Trainium4",
	  .arch = "trn4",
	  .hbm_bytes = 64 * TRN_GIB,
	  .sbuf_partition_bytes = 256 * 1024,
	  .ostand_wr_2 = true },
};

const struct trn_direct_chip *trn_direct_chip_find(uint16_t pci_device)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(chips); i++) {
		if (chips[i].pci_device == pci_device)
			return &chips[i];
	}
	return NULL;
}
