/* SPDX-License-Identifier: Apache-2.0 */
/* Calls between the parts of a chip that are not a NeuronCore: registers,
 * UDMA, MISC RAM, mailbox, notification queues. */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include "model/private.h"

/* addr.c: the bytes of a store, reserved on first use, or NULL. */
uint8_t *trn_store_base(struct trn_model *model, struct trn_store *store);
void trn_store_touch(struct trn_model *model, struct trn_store *store, uint64_t offset,
		     uint64_t size);
void trn_store_fini(struct trn_model *model, struct trn_store *store);
/* Mixes in the pages that are not all zero: the same bytes give the same hash, whoever
 * touched them. */
uint64_t trn_store_hash(const struct trn_store *store, uint64_t hash);
/* 0 when something answers at every byte; moves nothing. */
int trn_chip_dma_check(struct trn_chip *chip, uint64_t address, uint64_t size, bool write,
		       uint64_t *ret_bad);
/* Far addresses as well. */
int trn_chip_far_check(struct trn_chip *chip, uint64_t address, uint64_t size, bool write,
		       uint64_t *ret_bad);

/* What kind of thing answers at an address of the chip's own; HOST for host memory that is not
 * mapped too. */
enum trn_place {
	TRN_PLACE_NONE,
	TRN_PLACE_HOST,
	TRN_PLACE_HBM,
	TRN_PLACE_CORE, /* a TPB window */
	TRN_PLACE_OTHER,
};
enum trn_place trn_chip_place(const struct trn_chip *chip, uint64_t address);

/* udma.c: one engine; offsets in its block. */
int trn_udma_create(struct trn_chip *chip, uint32_t index, struct trn_udma **ret_udma);
void trn_udma_destroy(struct trn_udma *udma);
uint32_t trn_udma_read(struct trn_udma *udma, uint32_t offset);
void trn_udma_write(struct trn_udma *udma, uint32_t offset, uint32_t value);
/* As after a firmware reset; plain registers are the caller's to forget. */
void trn_udma_reset(struct trn_udma *udma);
uint64_t trn_udma_hash(const struct trn_udma *udma, uint64_t hash);

/* misc.c: MISC RAM. reset.c and mailbox.c are its firmware. */
int trn_misc_create(struct trn_chip *chip, struct trn_misc **ret_misc);
void trn_misc_destroy(struct trn_misc *misc);
uint32_t trn_misc_read(struct trn_misc *misc, uint32_t offset);
void trn_misc_write(struct trn_misc *misc, uint32_t offset, uint32_t value);
uint64_t trn_misc_hash(const struct trn_misc *misc, uint64_t hash);
/* The simulator revision's reset register. */
uint32_t trn_qemu_reset_read(struct trn_misc *misc);
void trn_qemu_reset_write(struct trn_misc *misc, uint32_t map);

/* regs.c: BAR0 as the device sees it; offset is 4-byte aligned. */
uint32_t trn_chip_reg_read(struct trn_chip *chip, uint32_t offset);
void trn_chip_reg_write(struct trn_chip *chip, uint32_t offset, uint32_t value);
/* An access that the map does not have. */
void trn_chip_unknown(struct trn_chip *chip, uint32_t offset, bool write, uint32_t value);
/* Plain registers by BAR0 offset. Only what differs from its reset value takes memory. */
int trn_plain_create(struct trn_chip *chip, struct trn_plain **ret_plain);
void trn_plain_destroy(struct trn_plain *plain);
uint32_t trn_plain_get(const struct trn_plain *plain, uint32_t offset, uint32_t reset);
void trn_plain_set(struct trn_plain *plain, uint32_t offset, uint32_t value, uint32_t reset);
/* Back to the reset values. */
void trn_plain_forget(struct trn_plain *plain, uint32_t first, uint32_t size);
uint64_t trn_plain_hash(const struct trn_plain *plain, uint64_t hash);

/* notific.c. One block of registers each for 8 cores, 16 TOP_SPs, 132 UDMA engines. read and
 * write answer false at an offset that is no register. */
enum trn_nq_owner {
	TRN_NQ_OWNER_CORE = 0,
	TRN_NQ_OWNER_TOPSP = TRN_CORES,
	TRN_NQ_OWNER_UDMA = TRN_NQ_OWNER_TOPSP + TRN_TOPSPS,
	TRN_NQ_OWNERS = TRN_NQ_OWNER_UDMA + TRN_DMA_ENGINES,
};
#define TRN_NQ_PHASE (UINT32_C(1) << 31)
int trn_notific_create(struct trn_chip *chip, struct trn_notific **ret_notific);
void trn_notific_destroy(struct trn_notific *notific);
bool trn_notific_read(struct trn_notific *notific, uint32_t owner, uint32_t offset,
		      uint32_t *ret_value);
bool trn_notific_write(struct trn_notific *notific, uint32_t owner, uint32_t offset,
		       uint32_t value);
void trn_notific_reset(struct trn_notific *notific, uint32_t owner);
bool trn_notific_armed(const struct trn_notific *notific, uint32_t owner, uint32_t index);
void trn_notific_post(struct trn_notific *notific, uint32_t owner, uint32_t index,
		      const struct trn_nq_entry *entry);
uint64_t trn_notific_hash(const struct trn_notific *notific, uint64_t hash);

/* fault.c */
void trn_fault_destroy(struct trn_model *model);

/* pci.c: bytes from one HBM stack to the next in BAR4. */
uint64_t trn_chip_bar4_slot(const struct trn_chip *chip);

#endif /* MODEL_PARTS_H */
