/* SPDX-License-Identifier: Apache-2.0 */
/* A build without libfabric: processes of one host only. */
#include <errno.h>
#include "runtime/wire_private.h"

int trn_ofi_open(struct trn_wire *wire, const char *provider, bool one_host, uint64_t deadline_ns)
{
	(void)provider;
	(void)one_host;
	(void)deadline_ns;
	return trn_fail(wire->context, NULL, -ENOTSUP, "trn_comm_create",
			"this build has no libfabric: only processes of one host can meet");
}

void trn_ofi_close(struct trn_wire *wire)
{
	(void)wire;
}

void trn_ofi_stop(struct trn_wire *wire)
{
	(void)wire;
}

const struct trn_wire_window *trn_ofi_scratch(const struct trn_wire *wire)
{
	(void)wire;
	return NULL;
}

int trn_wire_expose(struct trn_wire *wire, void *base, uint64_t bytes,
		    struct trn_wire_window *ret_window)
{
	(void)wire;
	(void)base;
	(void)bytes;
	(void)ret_window;
	return -ENOTSUP;
}

void trn_wire_conceal(struct trn_wire *wire, struct trn_wire_window *window)
{
	(void)wire;
	(void)window;
}

struct trn_wire_remote trn_wire_remote(const struct trn_wire *wire,
				       const struct trn_wire_window *window)
{
	(void)wire;
	(void)window;
	return (struct trn_wire_remote){ 0, 0 };
}

int trn_wire_send_text(struct trn_wire *wire, uint32_t process, uint64_t tag,
		       const struct trn_wire_text *text, struct trn_wire_request **ret_request)
{
	(void)wire;
	(void)process;
	(void)tag;
	(void)text;
	(void)ret_request;
	return -ENOTSUP;
}

int trn_wire_recv(struct trn_wire *wire, uint32_t process, uint64_t tag, void *data, size_t room,
		  struct trn_wire_request **ret_request)
{
	(void)wire;
	(void)process;
	(void)tag;
	(void)data;
	(void)room;
	(void)ret_request;
	return -ENOTSUP;
}

int trn_wire_get(struct trn_wire *wire, const struct trn_wire_get *get,
		 struct trn_wire_request **ret_request)
{
	(void)wire;
	(void)get;
	(void)ret_request;
	return -ENOTSUP;
}

int trn_wire_progress(struct trn_wire *wire)
{
	(void)wire;
	return 0;
}

int trn_wire_test(struct trn_wire *wire, struct trn_wire_request *request, size_t *ret_bytes)
{
	(void)wire;
	(void)request;
	(void)ret_bytes;
	return -ENOTSUP;
}
