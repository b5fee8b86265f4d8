/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the processes of a job move bytes between their host memories. docs/hosts.md.
 *
 * Processes of one host share a mapping (wire_map.c). Others, and those that name a provider, use
 * libfabric (wire_ofi.c): small messages by tag, out of and into memory of the wire that is
 * registered once; big ones as reads of a window that the other side exposes.
 *
 * One thread at a time in a wire. What another process writes, in the mapping or in a message, is
 * hostile until checked. After the first failure that names a process the wire has failed: every
 * further call answers the same, and nothing of a peer reaches the caller's memory any more.
 */
#ifndef RUNTIME_WIRE_H
#define RUNTIME_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/context.h>
#include "runtime/boot.h"

#define TRN_WIRE_PROCESSES_MAX 1024u
#define TRN_WIRE_MESSAGE_MAX 65536u /* bytes of one message */
#define TRN_WIRE_TAG_MAX ((UINT64_C(1) << 50) - 1)
#define TRN_WIRE_MAPPING "mapping" /* a provider that is none: the shared mapping, or an error */

struct trn_wire;
struct trn_wire_request;

/* provider: of libfabric, or TRN_WIRE_MAPPING; NULL: TRN_COMM_PROVIDER, else the best. All
 * processes call it with the same. The wire keeps the boot, which must outlive it. -TRN_ERANK,
 * -ENOTSUP (no such provider, or a build without libfabric), -EINVAL (one that is refused). */
int trn_wire_open(struct trn_context *context, struct trn_boot *boot, const char *provider,
		  uint64_t deadline_ns, struct trn_wire **ret_wire);
/* NULL is fine. No request may be in use. Does not wait for the others. */
void trn_wire_close(struct trn_wire *wire);

/* "alone", "shared mapping", or the provider: "shm", "tcp;ofi_rxm", "efa". */
const char *trn_wire_transport(const struct trn_wire *wire);
/* How memory of a device gets onto the wire: one line. */
const char *trn_wire_memory(const struct trn_wire *wire);
uint32_t trn_wire_process(const struct trn_wire *wire);
uint32_t trn_wire_processes(const struct trn_wire *wire);

/* Host memory that the others of this host map: what collectives read and write without a copy.
 * Ordinary memory when there is no mapping. 64-byte aligned, zeroed. */
int trn_wire_host_alloc(struct trn_wire *wire, uint64_t bytes, void **ret_host);
/* -EINVAL: not from trn_wire_host_alloc() of this wire. */
int trn_wire_host_free(struct trn_wire *wire, void *host);

/* ---- messages and windows: libfabric only ---- */

/* Bytes of a message: one piece behind the other. */
struct trn_wire_text {
	const void *head, *data;
	size_t head_bytes, data_bytes;
};
/* Copies them: they are the caller's again at once. -EAGAIN: no request is free. */
int trn_wire_send_text(struct trn_wire *wire, uint32_t process, uint64_t tag,
		       const struct trn_wire_text *text, struct trn_wire_request **ret_request);
static inline int trn_wire_send(struct trn_wire *wire, uint32_t process, uint64_t tag,
				const void *data, size_t bytes,
				struct trn_wire_request **ret_request)
{
	const struct trn_wire_text text = { .data = data, .data_bytes = bytes };

	return trn_wire_send_text(wire, process, tag, &text, ret_request);
}
/* The message of that process with that tag, of at most room bytes. */
int trn_wire_recv(struct trn_wire *wire, uint32_t process, uint64_t tag, void *data, size_t room,
		  struct trn_wire_request **ret_request);

/* Memory of the caller that others may read, and get into. */
struct trn_wire_window {
	void *base;
	uint64_t bytes;
	void *region; /* of libfabric; NULL: none */
};
/* As another process is told of it. */
struct trn_wire_remote {
	uint64_t address, key;
};
int trn_wire_expose(struct trn_wire *wire, void *base, uint64_t bytes,
		    struct trn_wire_window *ret_window);
void trn_wire_conceal(struct trn_wire *wire, struct trn_wire_window *window);
struct trn_wire_remote trn_wire_remote(const struct trn_wire *wire,
				       const struct trn_wire_window *window);
/* Reads bytes at offset of a peer's window into this one's. */
struct trn_wire_get {
	uint32_t process;
	struct trn_wire_remote remote;
	uint64_t remote_offset;
	const struct trn_wire_window *window;
	uint64_t offset;
	uint64_t bytes;
};
int trn_wire_get(struct trn_wire *wire, const struct trn_wire_get *get,
		 struct trn_wire_request **ret_request);

/* 0: done, and the request is given back; *ret_bytes (may be NULL) is what a message had.
 * -EAGAIN: not yet. Else the failure, and the request is given back. */
int trn_wire_test(struct trn_wire *wire, struct trn_wire_request *request, size_t *ret_bytes);
/* Completions are taken, requests that found no room are tried again. */
int trn_wire_progress(struct trn_wire *wire);

#endif /* RUNTIME_WIRE_H */
