/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted bus: registers are what was written last, resets end at once, a
 * doorbell pair copies between host buffers. */
#include "hal/direct/test_bus.h"

#include <errno.h>
#include <string.h>
#include "base/bits.h"

#define EXT_AT 0xc0000000u

static struct test_bus *test_of(struct trn_bus *bus)
{
	return (struct test_bus *)(void *)bus;
}

static uint32_t slot_of(const struct test_bus *bus, uint64_t offset)
{
	uint32_t i = (uint32_t)(offset >> 2) * UINT32_C(2654435761) >> 16;

	while (bus->slots[i].key != 0 && bus->slots[i].key != ((uint32_t)offset | 1))
		i = (i + 1) % TEST_BUS_SLOTS;
	return i;
}

uint32_t test_bus_get(const struct test_bus *bus, uint64_t offset)
{
	return bus->slots[slot_of(bus, offset)].value;
}

void test_bus_set(struct test_bus *bus, uint64_t offset, uint32_t value)
{
	uint32_t i = slot_of(bus, offset);

	bus->slots[i].key = (uint32_t)offset | 1;
	bus->slots[i].value = value;
}

void *test_bus_host(struct test_bus *bus, uint64_t address, uint64_t size)
{
	uint64_t iova = address & ~TRN_AXI_HOST;

	for (size_t i = 0; (address & TRN_AXI_HOST) && i < bus->map_count; i++) {
		if (iova >= bus->maps[i].iova &&
		    trn_range_ok(iova - bus->maps[i].iova, size, bus->maps[i].size))
			return bus->maps[i].base + (iova - bus->maps[i].iova);
	}
	return NULL;
}

/* Uses up one access; false when it fails. */
static bool access_works(struct test_bus *bus)
{
	if (bus->fail_after == 0)
		return false;
	if (bus->fail_after > 0)
		bus->fail_after--;
	return true;
}

/* What the source side of a doorbell pair does, from the start of the rings. */
static void copy_pairs(struct test_bus *bus, uint64_t block, uint32_t queue, uint32_t count)
{
	uint64_t at = block + TRN_UDMA_QUEUE(queue);
	uint64_t tx = trn_u64(test_bus_get(bus, at + TRN_UDMAQ_BASE_LO),
			      test_bus_get(bus, at + TRN_UDMAQ_BASE_HI));
	uint64_t rx = trn_u64(test_bus_get(bus, at + TRN_UDMA_S2M + TRN_UDMAQ_BASE_LO),
			      test_bus_get(bus, at + TRN_UDMA_S2M + TRN_UDMAQ_BASE_HI));
	uint32_t length = test_bus_get(bus, at + TRN_UDMAQ_LENGTH);
	uint32_t head = test_bus_get(bus, at + TRN_UDMAQ_HEAD);

	for (; count > 0; count--) {
		const struct trn_udma_desc *from = test_bus_host(bus, tx + 16ull * head, 16);
		const struct trn_udma_desc *to = test_bus_host(bus, rx + 16ull * head, 16);
		uint64_t bytes = from ? (from->len_ctrl & 0xffff) : 0;
		void *src, *dst;

		if (!from || !to)
			return;
		bytes = bytes ? bytes : TRN_UDMA_DESC_LEN_MAX;
		src = test_bus_host(bus, from->address, bytes);
		dst = test_bus_host(bus, to->address, bytes);
		if (src && dst)
			memcpy(dst, src, bytes);
		head = head + 1 == length ? 0 : head + 1;
	}
	test_bus_set(bus, at + TRN_UDMAQ_HEAD, head);
}

/* Registers that do something. */
static void react(struct test_bus *bus, uint64_t offset, uint32_t value)
{
	uint32_t in_block = (uint32_t)offset & (TRN_UDMA_BLOCK - 1);
	uint32_t queue = (in_block - TRN_UDMA_QUEUE(0)) / 0x1000;

	if (offset == TRN_MISC_RAM + TRN_MR_TRIGGER && !bus->no_reset && bus->resets_to_lose-- <= 0)
		test_bus_set(bus, TRN_MISC_RAM + TRN_MR_RESET_TYPE, 0);
	for (uint32_t e = TRN_DMA_H2T_FIRST; e < TRN_DMA_ENGINES; e++) {
		uint64_t block = trn_regs_udma_bar0(e);

		if (offset - block >= TRN_UDMA_S2M || in_block < TRN_UDMA_QUEUE(0) ||
		    queue >= TRN_DMA_QUEUES)
			continue;
		if ((in_block & 0xfff) == TRN_UDMAQ_TAIL_INC && !bus->no_copies)
			copy_pairs(bus, block, queue, value);
		if ((in_block & 0xfff) == TRN_UDMAQ_M2S_SW_CTRL)
			test_bus_set(bus, block + TRN_UDMA_QUEUE(queue) + TRN_UDMAQ_HEAD, 0);
	}
}

static int test_cfg_read32(struct trn_bus *trn_bus, uint32_t offset, uint32_t *ret_value)
{
	struct test_bus *bus = test_of(trn_bus);

	if (!access_works(bus))
		return -EIO;
	*ret_value = bus->dead ? UINT32_MAX : bus->cfg[offset / 4 % 64];
	return 0;
}

static int test_cfg_write32(struct trn_bus *trn_bus, uint32_t offset, uint32_t value)
{
	struct test_bus *bus = test_of(trn_bus);

	if (!access_works(bus))
		return -EIO;
	if (offset == 4) /* the status half is the device's */
		bus->cfg[1] = (bus->cfg[1] & 0xffff0000) | (value & 0xffff);
	return 0;
}

static int test_read32(struct trn_bus *trn_bus, unsigned int bar, uint64_t offset,
		       uint32_t *ret_value)
{
	struct test_bus *bus = test_of(trn_bus);

	(void)bar;
	if (!access_works(bus))
		return -EIO;
	if (bus->dead)
		*ret_value = UINT32_MAX;
	else if (!bus->on_read || !bus->on_read(bus, offset, ret_value))
		*ret_value = test_bus_get(bus, offset);
	return 0;
}

static int test_write32(struct trn_bus *trn_bus, unsigned int bar, uint64_t offset, uint32_t value)
{
	struct test_bus *bus = test_of(trn_bus);

	(void)bar;
	if (!access_works(bus))
		return -EIO;
	if (bus->write_count < TEST_BUS_WRITES)
		bus->writes[bus->write_count++] =
			(struct test_bus_write){ (uint32_t)offset, value };
	if (bus->dead || (bus->on_write && bus->on_write(bus, offset, value)))
		return 0;
	test_bus_set(bus, offset, value);
	react(bus, offset, value);
	return 0;
}

static int test_map(struct trn_bus *bus, unsigned int bar, uint64_t offset, uint64_t size,
		    void **ret_ptr)
{
	(void)bus;
	(void)bar;
	(void)offset;
	(void)size;
	(void)ret_ptr;
	return -ENOTSUP;
}

static int test_dma_map(struct trn_bus *trn_bus, void *base, uint64_t size, uint64_t *ret_iova)
{
	struct test_bus *bus = test_of(trn_bus);

	if (bus->map_count == TEST_BUS_MAPS)
		return -ENOSPC;
	bus->maps[bus->map_count].iova = bus->iova_next;
	bus->maps[bus->map_count].size = size;
	bus->maps[bus->map_count++].base = base;
	*ret_iova = bus->iova_next;
	bus->iova_next += size + 0x10000;
	return 0;
}

static int test_dma_unmap(struct trn_bus *trn_bus, uint64_t iova, uint64_t size)
{
	struct test_bus *bus = test_of(trn_bus);

	for (size_t i = 0; i < bus->map_count; i++) {
		if (bus->maps[i].iova == iova && bus->maps[i].size == size) {
			bus->maps[i] = bus->maps[--bus->map_count];
			return 0;
		}
	}
	return -EINVAL;
}

static int test_progress(struct trn_bus *bus, unsigned int *round, uint64_t deadline_ns)
{
	(void)bus;
	(void)deadline_ns;
	(*round)++;
	return -EAGAIN; /* whatever happens has happened at the write */
}

static int test_control(struct trn_bus *bus, const char *verb, const char *arg, char *ret_text,
			size_t text_size)
{
	(void)bus;
	(void)verb;
	(void)arg;
	(void)ret_text;
	(void)text_size;
	return -ENOTSUP;
}

static void test_close(struct trn_bus *bus)
{
	test_of(bus)->closed++;
}

static const struct trn_bus_ops test_ops = {
	.close = test_close,
	.cfg_read32 = test_cfg_read32,
	.cfg_write32 = test_cfg_write32,
	.read32 = test_read32,
	.write32 = test_write32,
	.map = test_map,
	.dma_map = test_dma_map,
	.dma_unmap = test_dma_unmap,
	.progress = test_progress,
	.control = test_control,
};

void test_bus_init(struct test_bus *bus, const struct trn_alloc *alloc, struct trn_log *log)
{
	memset(bus, 0, sizeof(*bus));
	bus->bus.ops = &test_ops;
	bus->bus.alloc = alloc;
	bus->bus.log = log;
	bus->bus.info.vendor = TRN_PCI_VENDOR;
	bus->bus.info.device = TRN_PCI_DEVICE_TRN3;
	bus->bus.info.numa_node = -1;
	bus->bus.info.bar_size[TRN_BAR_REGS] = TRN_BAR0_SIZE;
	bus->bus.info.flags = TRN_BUS_INLINE | TRN_BUS_SIMULATED;
	memcpy(bus->bus.info.name, "test", sizeof("test"));
	bus->cfg[0] = (uint32_t)TRN_PCI_DEVICE_TRN3 << 16 | TRN_PCI_VENDOR;
	bus->fail_after = -1;
	bus->iova_next = 0x100000;
	test_bus_set(bus, TRN_MISC_RAM + TRN_MR_API_VERSION, 7);
	test_bus_set(bus, TRN_MISC_RAM + TRN_MR_ROUTING_ID, 3);
	test_bus_set(bus, TRN_MISC_RAM + TRN_MR_SERIAL_LO, 0x55667788);
	test_bus_set(bus, TRN_MISC_RAM + TRN_MR_SERIAL_HI, 0x11223344);
}

void test_bus_extension(struct test_bus *bus)
{
	bus->cfg[1] |= 0x00100000;
	bus->cfg[0x34 / 4] = TRN_EXT_CAP_OFFSET;
	bus->cfg[0x40 / 4] = TRN_EXT_CAP_ID | 16u << 16 | TRN_EXT_CAP_TYPE << 24;
	bus->cfg[0x44 / 4] = TRN_EXT_MAGIC;
	bus->cfg[0x48 / 4] = TRN_EXT_VERSION;
	bus->cfg[0x4c / 4] = EXT_AT;
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_MAGIC, TRN_EXT_MAGIC);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_VERSION, TRN_EXT_VERSION);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_CAPS, 0xf);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_CORES, 8);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_QUEUES, 64);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_WINDOWS, 16);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_GENERATION, 3);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_ISA, 1);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_SBUF_PARTITION, 256 * 1024);
	test_bus_set(bus, EXT_AT + TRN_EXT_ID_HBM_MIB, 64);
}

int test_bus_open(struct test_bus *bus, uint64_t deadline_ns, struct trn_hal_dev **ret_dev)
{
	const struct trn_hal_open open = { .alloc = bus->bus.alloc,
					   .log = bus->bus.log,
					   .uri = "test:",
					   .deadline_ns = deadline_ns };

	return trn_direct_open(&open, &bus->bus, ret_dev);
}
