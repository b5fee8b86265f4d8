/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives between processes, and on host memory. */
#include <errno.h>
#include <stdlib.h>
#include "runtime/comm.h"

bool trn_comm_host_wanted(const struct trn_comm_opts *opts)
{
	const char *root = opts->root ? opts->root : getenv("TRN_COMM_ROOT");

	return !opts->devices || opts->processes > 1 || (root && root[0]);
}

int trn_comm_host_open(struct trn_comm *comm, const struct trn_comm_opts *opts,
		       uint64_t deadline_ns)
{
	(void)opts;
	(void)deadline_ns;
	return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_create",
			"several processes, or host memory");
}

void trn_comm_host_close(struct trn_comm *comm)
{
	(void)comm;
}

int trn_comm_host_start(struct trn_comm *comm, const struct trn_comm_call *calls, uint32_t count,
			uint64_t deadline_ns, struct trn_comm_host_group **ret_group)
{
	(void)calls;
	(void)count;
	(void)deadline_ns;
	(void)ret_group;
	return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_start", "host memory");
}

int trn_comm_host_step(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	(void)comm;
	(void)group;
	return -ENOTSUP;
}

void trn_comm_host_end(struct trn_comm *comm, struct trn_comm_host_group *group)
{
	(void)comm;
	(void)group;
}

int trn_comm_host_progress(struct trn_comm *comm)
{
	(void)comm;
	return -EAGAIN;
}

bool trn_comm_host_lost(struct trn_comm *comm, uint32_t index, uint32_t *ret_rank, char *why,
			size_t size)
{
	(void)comm;
	(void)index;
	(void)ret_rank;
	(void)why;
	(void)size;
	return false;
}

int trn_comm_host_shrink(struct trn_comm *comm, uint64_t deadline_ns, struct trn_comm *fresh)
{
	(void)deadline_ns;
	(void)fresh;
	return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_shrink", "several processes");
}

int trn_comm_host_memory(struct trn_comm *comm, uint64_t bytes, void **ret_host)
{
	(void)bytes;
	(void)ret_host;
	return trn_fail(comm->context, NULL, -ENOTSUP, "trn_comm_host_alloc", "alone");
}

int trn_comm_host_memory_free(struct trn_comm *comm, void *host)
{
	if (!host)
		return 0;
	return trn_fail(comm->context, NULL, -EINVAL, "trn_comm_host_free", "not from here");
}
