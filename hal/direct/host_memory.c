/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of host memory, on the NUMA node nearest to the device where libnuma is
 * there to say so. libnuma's own allocator prints to stderr when the kernel refuses
 * a policy (as in many containers), so pages are reserved here and then placed. */
#include "hal/direct/direct.h"

#if defined(TRN_HAVE_NUMA)
#include <numa.h>
#include <numaif.h>

bool trn_direct_numa_open(void)
{
	return numa_available() >= 0;
}

static void pages_place(void *base, uint64_t size, int node)
{
	unsigned long mask[8] = { 0 };
	const unsigned int bits = 8 * (unsigned int)sizeof(mask[0]);

	if (node < 0) {
		/* The node of the thread that asks, as numa_alloc_local() does. */
		(void)mbind(base, size, MPOL_PREFERRED, NULL, 0, 0);
		return;
	}
	if (node > numa_max_node() ||
	    !numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node) ||
	    (unsigned int)node >= sizeof(mask) * 8)
		return;
	mask[(unsigned int)node / bits] = 1ul << ((unsigned int)node % bits);
	/* Preferred, not bound: memory from farther away beats none. Refusal is no error. */
	(void)mbind(base, size, MPOL_PREFERRED, mask, sizeof(mask) * 8, 0);
}
#else
bool trn_direct_numa_open(void)
{
	return false;
}

static void pages_place(void *base, uint64_t size, int node)
{
	(void)base;
	(void)size;
	(void)node;
}
#endif

void trn_direct_pages_place(bool numa, int node, void *base, uint64_t size)
{
	if (numa)
		pages_place(base, size, node);
}
