/* SPDX-License-Identifier: Apache-2.0 */
/* A build without PMIx (-Dpmix=disabled, or the library is absent): says so. */
#include "runtime/boot_private.h"

#include <errno.h>

int trn_boot_pmix_begin(struct trn_context *context, uint32_t *ret_process, uint32_t *ret_processes)
{
	(void)ret_process;
	(void)ret_processes;
	return trn_fail(context, NULL, -ENOTSUP, "trn_comm_create",
			"root \"pmix\": libtrn was built without PMIx");
}
int trn_boot_pmix_publish(struct trn_boot *boot)
{
	(void)boot;
	return -ENOTSUP;
}
int trn_boot_pmix_find(struct trn_boot_finder *finder, struct trn_boot *boot,
		       struct trn_boot_addr *addrs, uint32_t *ret_count)
{
	(void)finder;
	(void)boot;
	(void)addrs;
	(void)ret_count;
	return -ENOTSUP;
}
void trn_boot_pmix_end(void)
{
}
