/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for the NeuronCore and the extension block while their files are not in the tree. */
#include <errno.h>

#include "model/private.h"

int trn_core_create(struct trn_chip *chip, uint32_t index, struct trn_core **ret_core)
{
	(void)chip;
	(void)index;
	(void)ret_core;
	return -ENOTSUP;
}

void trn_core_destroy(struct trn_core *core)
{
	(void)core;
}

int trn_core_window_read(struct trn_core *core, uint32_t offset, void *dst, uint64_t size)
{
	(void)core;
	(void)offset;
	(void)dst;
	(void)size;
	return -EFAULT;
}

int trn_core_window_write(struct trn_core *core, uint32_t offset, const void *src, uint64_t size)
{
	(void)core;
	(void)offset;
	(void)src;
	(void)size;
	return -EFAULT;
}

struct trn_sync *trn_core_sync(struct trn_core *core)
{
	(void)core;
	return NULL;
}

void trn_core_sync_changed(struct trn_core *core, uint32_t semaphore)
{
	(void)core;
	(void)semaphore;
}

void trn_core_reset(struct trn_core *core)
{
	(void)core;
}

uint64_t trn_core_hash(struct trn_core *core, uint64_t hash)
{
	(void)core;
	return hash;
}

uint32_t trn_core_pe_read(struct trn_core *core, uint32_t offset)
{
	(void)core;
	(void)offset;
	return 0;
}

uint32_t trn_sync_read(const struct trn_sync *sync, uint32_t offset)
{
	(void)sync;
	(void)offset;
	return 0;
}

int trn_sync_write(struct trn_sync *sync, uint32_t offset, uint32_t value)
{
	(void)sync;
	(void)offset;
	(void)value;
	return -1;
}

int trn_launch_create(struct trn_chip *chip, struct trn_launch **ret_launch)
{
	(void)chip;
	(void)ret_launch;
	return -ENOTSUP;
}

void trn_launch_destroy(struct trn_launch *launch)
{
	(void)launch;
}

uint32_t trn_launch_read32(struct trn_launch *launch, uint32_t offset)
{
	(void)launch;
	(void)offset;
	return 0;
}

void trn_launch_write32(struct trn_launch *launch, uint32_t offset, uint32_t value)
{
	(void)launch;
	(void)offset;
	(void)value;
}

void trn_launch_kick(struct trn_launch *launch)
{
	(void)launch;
}

void trn_launch_reset(struct trn_launch *launch, uint32_t core_map, bool device)
{
	(void)launch;
	(void)core_map;
	(void)device;
}

uint64_t trn_launch_hash(struct trn_launch *launch, uint64_t hash)
{
	(void)launch;
	return hash;
}
