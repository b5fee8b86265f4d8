/* SPDX-License-Identifier: Apache-2.0 */
/* Every access to a device's registers and to memory that a device shares goes
 * through here. A barrier is named after its purpose and says which two accesses
 * it orders; the compiler and CPU details stay in this file. */
#ifndef HAL_MMIO_H
#define HAL_MMIO_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <trn/error.h>
#include "base/regs.h"
#include "hal/bus.h"

/*
 * What a register access is, as the bus sees it: one aligned 32-bit transaction, never torn,
 * merged or repeated; writes of one thread reach the device in program order; a read
 * returns after every earlier write of the same thread has reached the device.
 */
static inline int trn_hal_read32(struct trn_bus *bus, uint64_t offset, uint32_t *ret_value)
{
	return bus->ops->read32(bus, TRN_BAR_REGS, offset, ret_value);
}

static inline int trn_hal_write32(struct trn_bus *bus, uint64_t offset, uint32_t value)
{
	return bus->ops->write32(bus, TRN_BAR_REGS, offset, value);
}

/* True when a device that fell off the bus would have answered this. */
static inline bool trn_hal_value_dead(uint32_t value)
{
	return value == TRN_READ_DEAD;
}

/* True when a device whose firmware is not up yet would have answered this. */
static inline bool trn_hal_value_not_ready(uint32_t value)
{
	return value == TRN_READ_NOT_READY;
}

/*
 * A read that is allowed to meet a dead device: all-ones is -TRN_EDEVLOST when the
 * configuration space reads all-ones too (no register of it can), else an ordinary value.
 */
static inline int trn_hal_read32_live(struct trn_bus *bus, uint64_t offset, uint32_t *ret_value)
{
	uint32_t value;
	uint32_t id;
	int r = trn_hal_read32(bus, offset, &value);

	if (r < 0)
		return r;
	if (trn_hal_value_dead(value)) {
		r = bus->ops->cfg_read32(bus, 0, &id);
		if (r < 0)
			return r;
		if (trn_hal_value_dead(id))
			return -TRN_EDEVLOST;
	}
	*ret_value = value;
	return 0;
}

/* Stores to DMA memory (descriptors, commands, payload) before the register write (doorbell)
 * that makes the device read them. */
static inline void trn_hal_dma_publish(void)
{
#if defined(__x86_64__)
	__asm__ volatile("" ::: "memory"); /* stores are not reordered with uncached stores */
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshst" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/* The load that saw the device's marker before the loads of what the device wrote earlier. */
static inline void trn_hal_dma_observe(void)
{
#if defined(__x86_64__)
	__asm__ volatile("" ::: "memory"); /* loads are not reordered with loads */
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshld" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/* Stores through the write-combined HBM window before the register write or the copy that
 * makes the device use them. */
static inline void trn_hal_wc_flush(void)
{
#if defined(__x86_64__)
	__asm__ volatile("sfence" ::: "memory"); /* write-combining buffers */
#elif defined(__aarch64__)
	__asm__ volatile("dsb oshst" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/* Words that a device writes and a host polls: one access each, never cached in a register.
 * The load orders itself before later loads, the store after earlier stores. */
static inline uint32_t trn_hal_dma_load32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint64_t trn_hal_dma_load64(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void trn_hal_dma_store32(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void trn_hal_dma_store64(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* A signal: the word becomes at least value. The host may raise the same word at the same
 * time, and it must never fall. */
static inline void trn_hal_dma_raise64(uint64_t *word, uint64_t value)
{
	uint64_t now = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (now < value && !__atomic_compare_exchange_n(word, &now, value, true,
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

#endif /* HAL_MMIO_H */
