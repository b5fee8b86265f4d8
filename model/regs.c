/* SPDX-License-Identifier: Apache-2.0 */
/* BAR0: one table of ranges, each with what answers there; the doors that the
 * host has into a chip's BARs; and the store of plain registers. */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"
#include "model/parts.h"

/* ---- plain registers: a hash table from offset to value ---- */

struct plain_slot {
	uint32_t key; /* offset | 1; 0 is free */
	uint32_t value;
};

struct trn_plain {
	struct trn_model *model;
	struct plain_slot *slots;
	uint32_t room, count; /* room is a power of two; a table is at most half full */
};

#define PLAIN_ROOM_FIRST 64u

int trn_plain_create(struct trn_chip *chip, struct trn_plain **ret_plain)
{
	struct trn_plain *plain = trn_alloc_zero(chip->model->alloc, sizeof(*plain));

	if (!plain)
		return -ENOMEM;
	plain->model = chip->model;
	*ret_plain = plain;
	return 0;
}

void trn_plain_destroy(struct trn_plain *plain)
{
	if (!plain)
		return;
	trn_free(plain->model->alloc, plain->slots);
	trn_free(plain->model->alloc, plain);
}

/* The slot of a key, or the free slot where it belongs. */
static struct plain_slot *plain_slot(struct plain_slot *slots, uint32_t room, uint32_t key)
{
	uint32_t i = (key >> 2) * UINT32_C(2654435761);

	i ^= i >> 15;
	while (slots[i & (room - 1)].key != 0 && slots[i & (room - 1)].key != key)
		i++;
	return &slots[i & (room - 1)];
}

/* Moves everything outside [first, first + size) into a table of that room. */
static int plain_rebuild(struct trn_plain *plain, uint32_t room, uint32_t first, uint32_t size)
{
	struct plain_slot *slots = trn_alloc_array(plain->model->alloc, room, sizeof(*slots));
	uint32_t count = 0;

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < plain->room; i++) {
		uint32_t offset = plain->slots[i].key & ~UINT32_C(1);

		if (plain->slots[i].key == 0 || (offset >= first && offset - first < size))
			continue;
		*plain_slot(slots, room, plain->slots[i].key) = plain->slots[i];
		count++;
	}
	trn_free(plain->model->alloc, plain->slots);
	plain->slots = slots;
	plain->room = room;
	plain->count = count;
	return 0;
}

uint32_t trn_plain_get(const struct trn_plain *plain, uint32_t offset, uint32_t reset)
{
	const struct plain_slot *slot;

	if (plain->room == 0)
		return reset;
	slot = plain_slot(plain->slots, plain->room, offset | 1);
	return slot->key != 0 ? slot->value : reset;
}

void trn_plain_set(struct trn_plain *plain, uint32_t offset, uint32_t value, uint32_t reset)
{
	struct plain_slot *slot;

	if (plain->room != 0) {
		slot = plain_slot(plain->slots, plain->room, offset | 1);
		if (slot->key != 0) {
			slot->value = value;
			return;
		}
	}
	if (value == reset)
		return;
	if (plain->count * 2 >= plain->room &&
	    plain_rebuild(plain, plain->room != 0 ? plain->room * 2 : PLAIN_ROOM_FIRST, 0, 0) < 0) {
		plain->model->lost++;
		return;
	}
	slot = plain_slot(plain->slots, plain->room, offset | 1);
	slot->key = offset | 1;
	slot->value = value;
	plain->count++;
}

void trn_plain_forget(struct trn_plain *plain, uint32_t first, uint32_t size)
{
	if (plain->count != 0 && plain_rebuild(plain, plain->room, first, size) < 0)
		plain->model->lost++;
}

uint64_t trn_plain_hash(const struct trn_plain *plain, uint64_t hash)
{
	uint64_t sum = 0;

	/* A sum, because the order of the slots depends on history. */
	for (uint32_t i = 0; i < plain->room; i++) {
		const struct plain_slot *slot = &plain->slots[i];

		if (slot->key != 0)
			sum += trn_hash_u64(TRN_HASH_INIT, trn_u64(slot->value, slot->key));
	}
	return trn_hash_u64(hash, sum);
}

/* ---- handlers of this file ---- */

void trn_chip_unknown(struct trn_chip *chip, uint32_t offset, bool write, uint32_t value)
{
	trn_model_event(chip, TRN_EV_UNKNOWN_REG, write ? "unknown-write" : "unknown-read", offset,
			value, 0, 0);
}

static uint32_t tpb_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	struct trn_core *core = trn_chip_core(chip, index);
	uint32_t value = 0;

	if (!core)
		return 0;
	if (offset >= TRN_TPB_EVENTS && offset - TRN_TPB_EVENTS < TRN_TPB_SYNC_SIZE)
		return trn_sync_read(trn_core_sync(core), offset - TRN_TPB_EVENTS);
	if (trn_core_window_read(core, offset, &value, sizeof(value)) < 0)
		trn_chip_unknown(chip, TRN_BAR0_TPB + index * TRN_BAR0_TPB_STRIDE + offset, false,
				 0);
	return value;
}

static int sync_write(struct trn_chip *chip, uint32_t owner, struct trn_sync *sync, uint32_t offset,
		      uint32_t value)
{
	const uint64_t clipped = sync->clipped;
	const int changed = trn_sync_write(sync, offset, value);

	if (sync->clipped != clipped)
		trn_chip_sync_clipped(chip, owner, (uint32_t)changed, sync->semaphore[changed]);
	return changed;
}

static void tpb_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	struct trn_core *core = trn_chip_core(chip, index);
	int changed;

	if (!core)
		return;
	if (offset >= TRN_TPB_EVENTS && offset - TRN_TPB_EVENTS < TRN_TPB_SYNC_SIZE) {
		changed = sync_write(chip, TRN_NQ_OWNER_CORE + index, trn_core_sync(core),
				     offset - TRN_TPB_EVENTS, value);
		if (changed >= 0)
			trn_core_sync_changed(core, (uint32_t)changed);
	} else if (trn_core_window_write(core, offset, &value, sizeof(value)) < 0) {
		trn_chip_unknown(chip, TRN_BAR0_TPB + index * TRN_BAR0_TPB_STRIDE + offset, true,
				 value);
	}
}

static struct trn_store *topsp_store(struct trn_chip *chip, uint32_t index)
{
	/* Ids 8..15 are the map's blocks 10..17. */
	return &chip->topsp_ram[index < TRN_TOPSPS / 2 ? index : index + 2];
}

static uint32_t topsp_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	struct trn_store *store = topsp_store(chip, index);

	if (offset < TRN_TPB_SYNC_SIZE)
		return trn_sync_read(&chip->topsp[index], offset);
	/* Nothing was ever loaded there: no need to make it for a read. */
	return store->base ? trn_load32(store->base + offset) : 0;
}

static void topsp_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	struct trn_store *store = topsp_store(chip, index);
	uint8_t *base;

	if (offset < TRN_TPB_SYNC_SIZE) {
		const int changed = sync_write(chip, TRN_NQ_OWNER_TOPSP + index,
					       &chip->topsp[index], offset, value);

		if (changed >= 0 && chip->launch)
			trn_launch_counted(chip->launch, index, (uint32_t)changed);
		return;
	}
	base = trn_store_base(chip->model, store);
	if (base) {
		trn_store_touch(chip->model, store, offset, sizeof(value));
		trn_store32(base + offset, value);
	}
}

static uint32_t pe_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	return chip->core[index] ? trn_core_pe_read(chip->core[index], offset) : 0;
}

static void pe_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	trn_chip_unknown(chip, trn_regs_pe_bar0(index) + offset, true, value);
}

/* Notification blocks; index is an enum trn_nq_owner. */
static uint32_t nq_offset(uint32_t owner, uint32_t offset)
{
	return offset + (owner < TRN_NQ_OWNER_TOPSP ?
				 trn_regs_nq_core_bar0(owner) :
				 trn_regs_nq_topsp_bar0(owner - TRN_NQ_OWNER_TOPSP));
}

static uint32_t nq_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	uint32_t value = 0;

	if (!trn_notific_read(chip->notific, index, offset, &value))
		trn_chip_unknown(chip, nq_offset(index, offset), false, 0);
	return value;
}

static void nq_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	if (!trn_notific_write(chip->notific, index, offset, value))
		trn_chip_unknown(chip, nq_offset(index, offset), true, value);
}

static uint32_t udma_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	struct trn_udma *udma = trn_chip_udma(chip, index);

	return udma ? trn_udma_read(udma, offset) : 0;
}

static void udma_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	struct trn_udma *udma = trn_chip_udma(chip, index);

	if (udma)
		trn_udma_write(udma, offset, value);
}

static uint32_t misc_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	(void)index;
	return trn_misc_read(chip->misc, offset);
}

static void misc_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	(void)index;
	trn_misc_write(chip->misc, offset, value);
}

/* Exists on the simulator revision only. */
static uint32_t qemu_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	(void)index;
	if (chip->model->config.pci_revision == TRN_PCI_REVISION_QEMU)
		return trn_qemu_reset_read(chip->misc);
	trn_chip_unknown(chip, TRN_BAR0_QEMU_RESET + offset, false, 0);
	return 0;
}

static void qemu_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	(void)index;
	if (chip->model->config.pci_revision == TRN_PCI_REVISION_QEMU)
		trn_qemu_reset_write(chip->misc, value);
	else
		trn_chip_unknown(chip, TRN_BAR0_QEMU_RESET + offset, true, value);
}

/* Masks of the error triggers: four interrupt groups that nothing raises (driver facts 3.7, 22). */
#define FIS_GROUPS_SIZE 0x100u

static uint32_t fis_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	uint32_t address = trn_regs_fis_bar0(index) + offset;

	if (offset < FIS_GROUPS_SIZE)
		return trn_plain_get(chip->plain, address, 0);
	trn_chip_unknown(chip, address, false, 0);
	return 0;
}

static void fis_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	uint32_t address = trn_regs_fis_bar0(index) + offset;

	if (offset < FIS_GROUPS_SIZE)
		trn_plain_set(chip->plain, address, value, 0);
	else
		trn_chip_unknown(chip, address, true, value);
}

static uint32_t ext_read(struct trn_chip *chip, uint32_t index, uint32_t offset)
{
	struct trn_launch *launch = trn_chip_launch(chip);

	(void)index;
	if (launch)
		return trn_launch_read32(launch, offset);
	trn_chip_unknown(chip, TRN_EXT_BAR0 + offset, false, 0);
	return 0;
}

static void ext_write(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value)
{
	struct trn_launch *launch = trn_chip_launch(chip);

	(void)index;
	if (launch)
		trn_launch_write32(launch, offset, value);
	else
		trn_chip_unknown(chip, TRN_EXT_BAR0 + offset, true, value);
}

/* ---- the map (driver facts 2.3, 2.6 to 2.8) ---- */

struct range {
	uint32_t base, stride, count, size;
	uint32_t first, step;      /* number of element i: first + i * step */
	uint32_t per_core, reset0; /* in_reset bit of number n: reset0 + n / per_core; 0: none */
	uint32_t (*read)(struct trn_chip *chip, uint32_t index, uint32_t offset);
	void (*write)(struct trn_chip *chip, uint32_t index, uint32_t offset, uint32_t value);
};

#define UDMA(base, count, first, per_core, reset0)                                       \
	{                                                                                \
		base, TRN_UDMA_BLOCK, count, TRN_UDMA_BLOCK, first, 1, per_core, reset0, \
			udma_read, udma_write                                            \
	}
#define FIS(base, first)                                                        \
	{                                                                       \
		base, 0x20000, 32, 0x20000, first, 1, 0, 0, fis_read, fis_write \
	}
#define PE(base, first)                                                                           \
	{                                                                                         \
		base, TRN_BAR0_IO_APB1, 2, 4 * TRN_PE_XBUS_PER_ROW *TRN_PE_GROUP, first, 4, 0, 0, \
			pe_read, pe_write                                                         \
	}

#define NQ_CORE(base, first)                                                         \
	{                                                                            \
		base, TRN_BAR0_IO_APB1, 2, 0x1000, first, 4, 0, 0, nq_read, nq_write \
	}
#define NQ_TOPSP(base, first)                                                                      \
	{                                                                                          \
		base, 0x40000, 8, 0x1000, TRN_NQ_OWNER_TOPSP + (first), 1, 0, 0, nq_read, nq_write \
	}

/* Hot ones first; ranges do not overlap. */
static const struct range ranges[] = {
	{ TRN_EXT_BAR0, TRN_EXT_SIZE, 1, TRN_EXT_SIZE, 0, 0, 0, 0, ext_read, ext_write },
	UDMA(0x06800000, 2, 128, 256, 31),
	UDMA(0x46800000, 2, 130, 256, 31),
	UDMA(0x82000000, 32, 0, 16, 8),
	UDMA(0x94000000, 32, 32, 16, 8),
	UDMA(0xa2000000, 32, 64, 16, 8),
	UDMA(0xb4000000, 32, 96, 16, 8),
	{ TRN_MISC_RAM, TRN_MISC_RAM_SIZE, 1, TRN_MISC_RAM_SIZE, 0, 0, 0, 0, misc_read,
	  misc_write },
	{ TRN_BAR0_QEMU_RESET, 4, 1, 4, 0, 0, 0, 0, qemu_read, qemu_write },
	{ TRN_BAR0_TPB, TRN_BAR0_TPB_STRIDE, TRN_CORES, TRN_BAR0_TPB_STRIDE, 0, 1, 1, 0, tpb_read,
	  tpb_write },
	{ TRN_BAR0_TOPSP0, TRN_BAR0_TOPSP_STRIDE, 8, TRN_BAR0_TOPSP_STRIDE, 0, 1, 2, 16, topsp_read,
	  topsp_write },
	{ TRN_BAR0_TOPSP8, TRN_BAR0_TOPSP_STRIDE, 8, TRN_BAR0_TOPSP_STRIDE, 8, 1, 2, 16, topsp_read,
	  topsp_write },
	FIS(0x8c000000, 0),
	FIS(0x9c400000, 32),
	FIS(0xac000000, 64),
	FIS(0xbc400000, 96),
	PE(0x06141100, 0),
	PE(0x062c1100, 1),
	PE(0x06541100, 2),
	PE(0x066c1100, 3),
	NQ_CORE(0x06001000, 0),
	NQ_CORE(0x06181000, 1),
	NQ_CORE(0x06401000, 2),
	NQ_CORE(0x06581000, 3),
	NQ_TOPSP(0x06a00000, 0),
	NQ_TOPSP(0x46a00000, 8),
};

/* The range at an offset; NULL when nothing is there. */
static const struct range *range_find(uint32_t offset, uint32_t *ret_index, uint32_t *ret_inner)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(ranges); i++) {
		const struct range *range = &ranges[i];
		uint32_t from = offset - range->base, which;

		/* Below the base it is past every size. */
		if (from >= range->stride * range->count)
			continue;
		/* Most strides are powers of two, and a division is slow. */
		which = trn_is_pow2(range->stride) ? from >> __builtin_ctz(range->stride) :
						     from / range->stride;
		if (from - which * range->stride >= range->size)
			continue;
		*ret_index = range->first + which * range->step;
		*ret_inner = from - which * range->stride;
		return range;
	}
	return NULL;
}

/* True, and told, when the firmware holds what is there in reset. */
static bool held_in_reset(struct trn_chip *chip, const struct range *range, uint32_t index,
			  uint32_t offset, uint32_t value)
{
	if (range->per_core == 0 || chip->in_reset == 0 ||
	    (chip->in_reset >> (range->reset0 + index / range->per_core) & 1) == 0)
		return false;
	trn_model_event(chip, TRN_EV_VIOLATION, "in-reset", offset, value, index, 0);
	return true;
}

uint32_t trn_chip_reg_read(struct trn_chip *chip, uint32_t offset)
{
	uint32_t index = 0, inner = 0;
	const struct range *range = range_find(offset, &index, &inner);

	if (!range) {
		trn_chip_unknown(chip, offset, false, 0);
		return 0;
	}
	if (held_in_reset(chip, range, index, offset, 0))
		return TRN_READ_NOT_READY;
	return range->read(chip, index, inner);
}

void trn_chip_reg_write(struct trn_chip *chip, uint32_t offset, uint32_t value)
{
	uint32_t index = 0, inner = 0;
	const struct range *range = range_find(offset, &index, &inner);

	if (!range)
		trn_chip_unknown(chip, offset, true, value);
	else if (!held_in_reset(chip, range, index, offset, value))
		range->write(chip, index, inner, value);
}

/* ---- the host's doors ---- */

/* Event: nothing but that time has come. */
static void not_ready_end(void *arg, uint64_t a, uint64_t b)
{
	(void)arg;
	(void)a;
	(void)b;
}

/* Faults of the whole device strike at an access. True: it is dead. */
static bool struck(struct trn_chip *chip)
{
	struct trn_model *model = chip->model;
	uint64_t ms = 0;

	if (chip->dead || !model->faults)
		return chip->dead;
	if (trn_fault_fires(chip, "device.lost", 0, &ms)) {
		chip->dead = true;
	} else if (trn_fault_fires(chip, "notready", 0, &ms)) {
		uint64_t ps = trn_min_u64(ms, 1000000) * 1000000 * TRN_PS_PER_NS;

		/* The event lets a host that waits see that something is coming. */
		if (trn_model_after(model, ps, not_ready_end, chip, 0, 0) == 0)
			chip->not_ready_ps = ps < TRN_MODEL_NEVER - model->now_ps ?
						     model->now_ps + ps :
						     TRN_MODEL_NEVER;
	}
	return chip->dead;
}

/* Four bytes of HBM behind BAR4, or NULL. */
static uint8_t *bar4_word(struct trn_chip *chip, uint64_t offset, bool write)
{
	uint64_t slot = trn_chip_bar4_slot(chip), hbm = offset / slot;

	if (chip->model->config.no_bar4 || hbm >= TRN_HBMS ||
	    !trn_range_ok(offset % slot, 4, chip->hbm_bytes))
		return NULL;
	return trn_chip_memory(chip, trn_regs_hbm_axi((unsigned int)hbm) + offset % slot, 4, write);
}

uint32_t trn_chip_read32(struct trn_chip *chip, unsigned int bar, uint64_t offset)
{
	const uint8_t *word;

	if (struck(chip))
		return TRN_READ_DEAD;
	if (chip->model->now_ps < chip->not_ready_ps)
		return TRN_READ_NOT_READY;
	if (bar == TRN_BAR_REGS && offset < TRN_BAR0_SIZE && offset % 4 == 0)
		return trn_chip_reg_read(chip, (uint32_t)offset);
	if (bar == TRN_BAR_HBM && offset % 4 == 0) {
		word = bar4_word(chip, offset, false);
		if (word)
			return trn_load32(word);
	}
	trn_model_event(chip, TRN_EV_UNKNOWN_REG, "unknown-read", offset, bar, 0, 0);
	return 0;
}

void trn_chip_write32(struct trn_chip *chip, unsigned int bar, uint64_t offset, uint32_t value)
{
	uint8_t *word;

	if (struck(chip) || chip->model->now_ps < chip->not_ready_ps)
		return;
	if (bar == TRN_BAR_REGS && offset < TRN_BAR0_SIZE && offset % 4 == 0) {
		trn_chip_reg_write(chip, (uint32_t)offset, value);
		return;
	}
	if (bar == TRN_BAR_HBM && offset % 4 == 0) {
		word = bar4_word(chip, offset, true);
		if (word) {
			trn_store32(word, value);
			return;
		}
	}
	trn_model_event(chip, TRN_EV_UNKNOWN_REG, "unknown-write", offset, bar, 0, 0);
}

int trn_chip_map(struct trn_chip *chip, unsigned int bar, uint64_t offset, uint64_t size,
		 void **ret_ptr)
{
	uint64_t slot = trn_chip_bar4_slot(chip), hbm = offset / slot;
	void *ptr;

	if (bar == TRN_BAR_REGS)
		return -ENOTSUP;
	if (bar != TRN_BAR_HBM || chip->model->config.no_bar4 || hbm >= TRN_HBMS || size == 0 ||
	    !trn_range_ok(offset % slot, size, chip->hbm_bytes))
		return -EINVAL;
	ptr = trn_chip_memory(chip, trn_regs_hbm_axi((unsigned int)hbm) + offset % slot, size,
			      true);
	if (!ptr)
		return -ENOMEM;
	*ret_ptr = ptr;
	return 0;
}
