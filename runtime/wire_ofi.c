/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and windows over libfabric, and the only file that knows it.
 *
 * The library is loaded when the first wire wants it, not linked: Debian's build brings drivers of
 * other networks along, one of which takes 200 ms in its constructor and catches the process's
 * signals. What it did to them is undone. Nothing is asked of libfabric before (a name that it
 * makes up for a process must not be used by a child of that process too).
 */
#include "runtime/wire_private.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>
#include <stdio.h>
#include <sys/mman.h>
#include "base/clock.h"
#include "runtime/handlers.h"
#include "runtime/symbol.h"

#define TAG_PROVIDERS 0x6f666901u
#define TAG_NAMES 0x6f666902u
#define MESSAGES 128u /* requests that have a slot: 32 of a collective, 64 of messages */
#define READS 64u
#define REQUESTS (MESSAGES + READS)
#define SLOT_BYTES (TRN_WIRE_MESSAGE_MAX + 64u)
#define MEMORY_BYTES ((size_t)TRN_OFI_SCRATCH + (size_t)MESSAGES * SLOT_BYTES)
#define NAME_MAX_BYTES 128u
#define PROCESS_SHIFT 50 /* of a tag: below it the caller's */
#define WANTED (FI_TAGGED | FI_RMA)
/* What of libfabric's wishes about memory is honoured here. */
#define MR_MODES (FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_ENDPOINT)

enum state {
	FREE,
	QUEUED,
	POSTED,
	DONE
};
enum action {
	SEND,
	RECV,
	READ
};

struct trn_wire_request {
	struct fi_context2 context; /* libfabric's, first */
	enum state state;
	enum action action;
	uint32_t process;
	int result;
	uint64_t tag;
	unsigned char *slot;
	void *data;
	size_t bytes; /* RECV: room, then what came */
	struct trn_wire_get get;
};

/* In front of each message. */
struct envelope {
	uint64_t token, tag;
	uint32_t process, bytes;
};

struct trn_ofi {
	const struct trn_alloc *alloc;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *cq;
	struct fid_ep *ep; /* NULL: stopped */
	fi_addr_t *peers;
	uint64_t token, next_key;
	struct trn_wire_window memory;
	struct trn_wire_request requests[REQUESTS];
	uint32_t queued;
	uint32_t free_from[2]; /* below it no request is free: of messages, of reads */
	bool near;             /* shm: short messages are copied once by their sender */
};

/* ---- the library ---- */

static struct {
	struct trn_lock lock;
	bool tried;
	int (*getinfo)(uint32_t version, const char *node, const char *service, uint64_t flags,
		       const struct fi_info *hints, struct fi_info **ret_info);
	void (*freeinfo)(struct fi_info *info);
	struct fi_info *(*dupinfo)(const struct fi_info *info);
	int (*fabric)(struct fi_fabric_attr *attr, struct fid_fabric **ret_fabric, void *context);
	const char *(*strerror)(int errnum);
} lib = { .lock = { PTHREAD_MUTEX_INITIALIZER } };

/* Loaded once and kept: its drivers do not all survive being unloaded. */
static bool load_locked(void)
{
	void *handle = dlopen("libfabric.so.1", RTLD_NOW | RTLD_LOCAL);

	return handle && trn_symbol(handle, "fi_freeinfo", &lib.freeinfo) &&
	       trn_symbol(handle, "fi_dupinfo", &lib.dupinfo) &&
	       trn_symbol(handle, "fi_fabric", &lib.fabric) &&
	       trn_symbol(handle, "fi_strerror", &lib.strerror) &&
	       trn_symbol(handle, "fi_getinfo", &lib.getinfo);
}

static int load(struct trn_wire *wire)
{
	trn_lock_take(&lib.lock);
	if (!lib.tried && !load_locked())
		lib.getinfo = NULL;
	lib.tried = true;
	trn_lock_give(&lib.lock);
	if (!lib.getinfo)
		return trn_fail(wire->context, NULL, -ENOTSUP, "trn_comm_create",
				"libfabric.so.1 is not on this machine");
	return 0;
}

/* ---- choosing a provider ---- */

/* In the order they are tried; sockets (hangs) and udp (slow) only serve who names them. */
static const struct candidate {
	const char *name;
	bool one_host;
} candidates[] = {
	{ "efa", false },
	{ "shm", true },
	{ "tcp;ofi_rxm", false },
};

static bool is_loopback(const struct fi_info *info)
{
	const struct sockaddr *address = info->src_addr;

	if (!address)
		return false;
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)info->src_addr)->sin_addr.s_addr) >> 24 ==
		       127;
	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)info->src_addr)->sin6_addr);
}

/* What it says it can do counts; that a call returned 0 does not. */
static bool is_usable(const struct fi_info *info)
{
	return (info->caps & WANTED) == WANTED && info->ep_attr->type == FI_EP_RDM &&
	       (info->domain_attr->mr_mode & ~(int)MR_MODES) == 0 &&
	       (info->mode & ~(FI_CONTEXT | FI_CONTEXT2)) == 0;
}

/* The first one that can do it; between hosts rather not at the loopback address. */
static struct fi_info *pick(struct fi_info *list, bool one_host)
{
	const struct fi_info *found = NULL;

	for (const struct fi_info *info = list; info; info = info->next) {
		if (!is_usable(info))
			continue;
		if (!found || (is_loopback(found) && !one_host && !is_loopback(info)))
			found = info;
	}
	return found ? lib.dupinfo(found) : NULL;
}

/* NULL: not here. */
static struct fi_info *ask(const char *provider, bool one_host)
{
	char name[64];
	struct fi_info *hints = lib.dupinfo(NULL), *list = NULL, *found = NULL;

	if (!hints)
		return NULL;
	trn_text_copy(name, sizeof(name), provider);
	hints->caps = WANTED;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->mr_mode = MR_MODES;
	hints->domain_attr->control_progress = FI_PROGRESS_UNSPEC;
	hints->domain_attr->data_progress = FI_PROGRESS_UNSPEC;
	hints->domain_attr->threading = FI_THREAD_DOMAIN;
	hints->fabric_attr->prov_name = name;
	if (lib.getinfo(FI_VERSION(1, 17), NULL, NULL, 0, hints, &list) == 0)
		found = pick(list, one_host);
	hints->fabric_attr->prov_name = NULL;
	lib.freeinfo(hints);
	if (list)
		lib.freeinfo(list);
	return found;
}

/* All processes must have it: each says what it has. */
static int agree(struct trn_wire *wire, uint32_t mine, uint64_t deadline_ns, uint32_t *ret_common)
{
	const struct trn_alloc *alloc = &wire->context->alloc;
	struct {
		uint64_t token;
		uint32_t mask;
		uint32_t reserved;
	} me = { trn_clock_ns() | 1, mine, 0 }, *all;
	int r;

	all = trn_alloc_array(alloc, wire->processes, sizeof(*all));
	if (!all)
		return trn_fail(wire->context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	r = trn_boot_exchange(wire->boot, TAG_PROVIDERS, &me, sizeof(me), all, deadline_ns);
	*ret_common = mine;
	for (uint32_t p = 0; r == 0 && p < wire->processes; p++)
		*ret_common &= all[p].mask;
	wire->ofi->token = all[0].token;
	trn_free(alloc, all);
	return r;
}

static int choose(struct trn_wire *wire, const char *provider, bool one_host, uint64_t deadline_ns)
{
	struct fi_info *found[TRN_ARRAY_LEN(candidates)] = { 0 };
	const uint32_t count = provider ? 1 : TRN_ARRAY_LEN(candidates);
	uint32_t mask = 0, common = 0, best;
	int r;

	for (uint32_t c = 0; c < count; c++) {
		if (!provider && candidates[c].one_host && !one_host)
			continue;
		found[c] = ask(provider ? provider : candidates[c].name, one_host);
		if (found[c])
			mask |= 1u << c;
	}
	r = agree(wire, mask, deadline_ns, &common);
	best = common ? (uint32_t)__builtin_ctz(common) : count;
	if (r == 0 && best == count)
		r = trn_fail(wire->context, NULL, -ENOTSUP, "trn_comm_create",
			     "no provider of libfabric that all processes have (asked for: %s)",
			     provider ? provider : "efa, shm, tcp;ofi_rxm");
	for (uint32_t c = 0; c < count; c++) {
		if (r == 0 && c == best)
			wire->ofi->info = found[c];
		else if (found[c])
			lib.freeinfo(found[c]);
	}
	if (r == 0)
		trn_text_copy(wire->transport, sizeof(wire->transport),
			      provider ? provider : candidates[best].name);
	return r;
}

/* ---- opening ---- */

static int no(struct trn_wire *wire, int r, const char *what)
{
	return trn_fail(wire->context, NULL, r == -FI_ENOMEM ? -ENOMEM : -EIO, "trn_comm_create",
			"libfabric (%s): %s: %s", wire->transport, what, lib.strerror(-r));
}

static int endpoint_open(struct trn_wire *wire)
{
	struct trn_ofi *ofi = wire->ofi;
	struct fi_cq_attr cq = { .format = FI_CQ_FORMAT_TAGGED, .size = 2 * REQUESTS };
	struct fi_av_attr av = { .type = FI_AV_TABLE, .count = wire->processes };
	int r;

	wire->piece = TRN_WIRE_MESSAGE_MAX;
	ofi->near = strcmp(wire->transport, "shm") == 0 &&
		    ofi->info->tx_attr->inject_size >= 1024 && ofi->info->tx_attr->iov_limit >= 3 &&
		    ofi->info->rx_attr->iov_limit >= 3 &&
		    !(ofi->info->domain_attr->mr_mode & FI_MR_LOCAL);
	if (ofi->near)
		wire->piece = ofi->info->tx_attr->inject_size - sizeof(struct envelope);
	r = lib.fabric(ofi->info->fabric_attr, &ofi->fabric, NULL);
	if (r == 0)
		r = fi_domain(ofi->fabric, ofi->info, &ofi->domain, NULL);
	if (r < 0)
		return no(wire, r, "the domain does not open");
	r = fi_cq_open(ofi->domain, &cq, &ofi->cq, NULL);
	if (r == 0)
		r = fi_av_open(ofi->domain, &av, &ofi->av, NULL);
	if (r == 0)
		r = fi_endpoint(ofi->domain, ofi->info, &ofi->ep, NULL);
	if (r == 0)
		r = fi_ep_bind(ofi->ep, &ofi->av->fid, 0);
	if (r == 0)
		r = fi_ep_bind(ofi->ep, &ofi->cq->fid, FI_TRANSMIT | FI_RECV);
	if (r == 0)
		r = fi_enable(ofi->ep);
	return r < 0 ? no(wire, r, "the endpoint does not open") : 0;
}

/* Messages' slots and the scratch of collectives: registered once. */
static int memory_open(struct trn_wire *wire)
{
	struct trn_ofi *ofi = wire->ofi;
	void *base = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	int r;

	if (base == MAP_FAILED)
		return trn_fail(wire->context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	r = trn_wire_expose(wire, base, MEMORY_BYTES, &ofi->memory);
	if (r < 0) {
		(void)munmap(base, MEMORY_BYTES);
		return r;
	}
	for (uint32_t i = 0; i < MESSAGES; i++)
		ofi->requests[i].slot =
			(unsigned char *)base + TRN_OFI_SCRATCH + (size_t)i * SLOT_BYTES;
	return 0;
}

/* Could memory of a device be registered? Asked with memory that is none, so the answer is about
 * the library: "not built for it" is another error than "not such memory". */
static void memory_describe(struct trn_wire *wire)
{
	struct iovec iov = { wire->ofi->memory.base, 4096 };
	struct fi_mr_attr attr = { .mr_iov = &iov,
				   .iov_count = 1,
				   .access = FI_SEND | FI_RECV | FI_REMOTE_READ,
				   .requested_key = UINT32_MAX,
				   .iface = FI_HMEM_NEURON };
	struct fid_mr *mr;
	int r = fi_mr_regattr(wire->ofi->domain, &attr, 0, &mr);

	if (r == 0)
		(void)fi_close(&mr->fid);
	(void)snprintf(wire->memory, sizeof(wire->memory),
		       "staging through pinned host memory (device memory: %s)",
		       r == 0 ? "could be registered" : lib.strerror(-r));
}

static int names_swap(struct trn_wire *wire, uint64_t deadline_ns)
{
	const struct trn_alloc *alloc = &wire->context->alloc;
	struct trn_ofi *ofi = wire->ofi;
	struct name {
		struct trn_wire_remote scratch;
		uint64_t bytes;
		unsigned char text[NAME_MAX_BYTES];
	} mine = { .scratch = trn_wire_remote(wire, &ofi->memory) }, *all;
	size_t bytes = sizeof(mine.text);
	int r = fi_getname(&ofi->ep->fid, mine.text, &bytes);

	if (r < 0)
		return no(wire, r, "the endpoint has no name");
	mine.bytes = bytes;
	all = trn_alloc_array(alloc, wire->processes, sizeof(*all));
	if (!all)
		return trn_fail(wire->context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	r = trn_boot_exchange(wire->boot, TAG_NAMES, &mine, sizeof(mine), all, deadline_ns);
	for (uint32_t p = 0; r == 0 && p < wire->processes; p++) {
		wire->scratches[p] = all[p].scratch;
		if (all[p].bytes != mine.bytes ||
		    (wire->transport[0] == 's' && !memchr(all[p].text, 0, sizeof(all[p].text))))
			r = trn_wire_blame(wire, p, "gives an address that is none");
		else if (fi_av_insert(ofi->av, all[p].text, 1, &ofi->peers[p], 0, NULL) != 1)
			r = trn_wire_blame(wire, p, "gives an address that %s refuses",
					   wire->transport);
	}
	trn_free(alloc, all);
	return r;
}

static int open_all(struct trn_wire *wire, const char *provider, bool one_host,
		    uint64_t deadline_ns)
{
	int r = load(wire);

	if (r == 0)
		r = choose(wire, provider, one_host, deadline_ns);
	if (r == 0)
		r = endpoint_open(wire);
	if (r == 0)
		r = memory_open(wire);
	if (r < 0)
		return r;
	memory_describe(wire);
	return names_swap(wire, deadline_ns);
}

int trn_ofi_open(struct trn_wire *wire, const char *provider, bool one_host, uint64_t deadline_ns)
{
	const struct trn_alloc *alloc = &wire->context->alloc;
	struct trn_handlers handlers;
	int r;

	wire->ofi = trn_alloc_zero(alloc, sizeof(*wire->ofi));
	if (wire->ofi)
		wire->ofi->peers =
			trn_alloc_array(alloc, wire->processes, sizeof(*wire->ofi->peers));
	if (!wire->ofi || !wire->ofi->peers)
		return trn_fail(wire->context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	trn_handlers_save(&handlers);
	r = open_all(wire, provider, one_host, deadline_ns);
	trn_handlers_restore(&handlers);
	return r;
}

/* ---- closing ---- */

void trn_ofi_stop(struct trn_wire *wire)
{
	struct trn_ofi *ofi = wire->ofi;

	if (!ofi || !ofi->ep)
		return;
	(void)fi_close(&ofi->ep->fid);
	ofi->ep = NULL;
	for (uint32_t i = 0; i < REQUESTS; i++) {
		if (ofi->requests[i].state == FREE)
			continue;
		ofi->requests[i].state = DONE;
		ofi->requests[i].result = -TRN_ERANK;
	}
}

static void close_fid(struct fid *fid)
{
	if (fid)
		(void)fi_close(fid);
}

void trn_ofi_close(struct trn_wire *wire)
{
	struct trn_ofi *ofi = wire->ofi;

	if (!ofi)
		return;
	wire->ofi = NULL;
	/* A child's copy: what it would close is its parent's. */
	if (trn_wire_own(wire, "trn_comm_unref") == 0) {
		if (ofi->ep)
			close_fid(&ofi->ep->fid);
		if (ofi->memory.base) {
			trn_wire_conceal(wire, &ofi->memory);
			(void)munmap(ofi->memory.base, MEMORY_BYTES);
		}
		close_fid(ofi->av ? &ofi->av->fid : NULL);
		close_fid(ofi->cq ? &ofi->cq->fid : NULL);
		close_fid(ofi->domain ? &ofi->domain->fid : NULL);
		close_fid(ofi->fabric ? &ofi->fabric->fid : NULL);
		if (ofi->info)
			lib.freeinfo(ofi->info);
	}
	trn_free(&wire->context->alloc, ofi->peers);
	trn_free(&wire->context->alloc, ofi);
}

/* ---- windows ---- */

int trn_wire_expose(struct trn_wire *wire, void *base, uint64_t bytes,
		    struct trn_wire_window *ret_window)
{
	struct trn_ofi *ofi = wire->ofi;
	struct fid_mr *mr = NULL;
	int r;

	if (!ofi)
		return -ENOTSUP;
	r = fi_mr_reg(ofi->domain, base, bytes,
		      FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ, 0, ofi->next_key++,
		      0, &mr, NULL);
	if (r == 0 && (ofi->info->domain_attr->mr_mode & FI_MR_ENDPOINT)) {
		r = fi_mr_bind(mr, &ofi->ep->fid, 0);
		if (r == 0)
			r = fi_mr_enable(mr);
	}
	if (r < 0) {
		close_fid(mr ? &mr->fid : NULL);
		return trn_fail(wire->context, NULL, -ENOMEM, "trn_comm",
				"%llu bytes of host memory cannot be registered: %s",
				(unsigned long long)bytes, lib.strerror(-r));
	}
	*ret_window = (struct trn_wire_window){ base, bytes, mr };
	return 0;
}

void trn_wire_conceal(struct trn_wire *wire, struct trn_wire_window *window)
{
	struct fid_mr *mr = window->region;

	(void)wire;
	if (mr)
		(void)fi_close(&mr->fid);
	window->region = NULL;
}

struct trn_wire_remote trn_wire_remote(const struct trn_wire *wire,
				       const struct trn_wire_window *window)
{
	const bool absolute = wire->ofi->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR;

	return (struct trn_wire_remote){ absolute ? (uint64_t)(uintptr_t)window->base : 0,
					 window->region ? fi_mr_key(window->region) : 0 };
}

const struct trn_wire_window *trn_ofi_scratch(const struct trn_wire *wire)
{
	return &wire->ofi->memory;
}

/* ---- requests ---- */

static struct trn_wire_request *request_new(struct trn_wire *wire, enum action action,
					    uint32_t process)
{
	struct trn_ofi *ofi = wire->ofi;
	const uint32_t first = action == READ ? MESSAGES : 0;
	const uint32_t count = action == READ ? READS : MESSAGES;
	uint32_t *next;

	if (!ofi || !ofi->ep)
		return NULL;
	for (next = &ofi->free_from[action == READ]; *next < count; ++*next) {
		struct trn_wire_request *request = &ofi->requests[first + *next];

		if (request->state != FREE)
			continue;
		request->action = action;
		request->process = process;
		request->result = 0;
		return request;
	}
	return NULL;
}

/* Data goes where it belongs, around the envelope; what is too much behind the envelope. */
static ssize_t post_scattered(struct trn_ofi *ofi, struct trn_wire_request *request)
{
	const size_t head = sizeof(struct envelope);
	const struct iovec iov[] = { { request->slot, head },
				     { request->data, request->bytes },
				     { request->slot + head, SLOT_BYTES - head } };

	return fi_trecvv(ofi->ep, iov, NULL, TRN_ARRAY_LEN(iov), FI_ADDR_UNSPEC, request->tag, 0,
			 request);
}

static void request_free(struct trn_ofi *ofi, struct trn_wire_request *request)
{
	const bool read = request->action == READ;
	const uint32_t index = (uint32_t)(request - ofi->requests) - (read ? MESSAGES : 0);

	request->state = FREE;
	ofi->free_from[read] = trn_min_u32(ofi->free_from[read], index);
}

static ssize_t post(struct trn_ofi *ofi, struct trn_wire_request *request)
{
	void *desc = fi_mr_desc(ofi->memory.region);
	const struct trn_wire_get *get = &request->get;

	switch (request->action) {
	case SEND:
		return fi_tsend(ofi->ep, request->slot, sizeof(struct envelope) + request->bytes,
				desc, ofi->peers[request->process], request->tag, request);
	case RECV:
		if (ofi->near && request->bytes > 0)
			return post_scattered(ofi, request);
		return fi_trecv(ofi->ep, request->slot, SLOT_BYTES, desc, FI_ADDR_UNSPEC,
				request->tag, 0, request);
	default:
		return fi_read(ofi->ep, (char *)get->window->base + get->offset, get->bytes,
			       get->window->region ? fi_mr_desc(get->window->region) : NULL,
			       ofi->peers[get->process], get->remote.address + get->remote_offset,
			       get->remote.key, request);
	}
}

/* 0, also when there was no room now; else the wire has failed. */
static int post_or_queue(struct trn_wire *wire, struct trn_wire_request *request)
{
	struct trn_ofi *ofi = wire->ofi;
	const ssize_t r = post(ofi, request);

	if (r == 0) {
		request->state = POSTED;
		return 0;
	}
	if (r == -FI_EAGAIN) {
		request->state = QUEUED;
		ofi->queued++;
		return 0;
	}
	request_free(ofi, request);
	return trn_wire_unreached(wire, request->process, lib.strerror((int)-r));
}

static uint64_t tag_of(uint32_t from, uint64_t tag)
{
	return (uint64_t)from << PROCESS_SHIFT | tag;
}

/* Out of the caller's memory at once, if there is room on the other side. */
static int inject(struct trn_ofi *ofi, struct trn_wire_request *request,
		  const struct envelope *envelope, const struct trn_wire_text *text)
{
	struct iovec iov[] = { { (void *)(uintptr_t)envelope, sizeof(*envelope) },
			       { (void *)(uintptr_t)text->head, text->head_bytes },
			       { (void *)(uintptr_t)text->data, text->data_bytes } };
	const struct fi_msg_tagged message = { .msg_iov = iov,
					       .iov_count = TRN_ARRAY_LEN(iov),
					       .addr = ofi->peers[request->process],
					       .tag = request->tag,
					       .context = request };

	return fi_tsendmsg(ofi->ep, &message, FI_INJECT | FI_COMPLETION) == 0 ? 0 : -EAGAIN;
}

int trn_wire_send_text(struct trn_wire *wire, uint32_t process, uint64_t tag,
		       const struct trn_wire_text *text, struct trn_wire_request **ret_request)
{
	struct trn_wire_request *request = request_new(wire, SEND, process);
	const size_t bytes = text->head_bytes + text->data_bytes;
	struct envelope envelope;
	int r;

	if (bytes > TRN_WIRE_MESSAGE_MAX || process >= wire->processes || tag > TRN_WIRE_TAG_MAX)
		return -EINVAL;
	if (!request)
		return -EAGAIN;
	request->bytes = bytes;
	request->tag = tag_of(wire->process, tag);
	envelope =
		(struct envelope){ wire->ofi->token, request->tag, wire->process, (uint32_t)bytes };
	if (wire->ofi->near && bytes <= wire->piece &&
	    inject(wire->ofi, request, &envelope, text) == 0) {
		request->state = POSTED;
		*ret_request = request;
		return 0;
	}
	memcpy(request->slot, &envelope, sizeof(envelope));
	if (text->head_bytes > 0)
		memcpy(request->slot + sizeof(envelope), text->head, text->head_bytes);
	if (text->data_bytes > 0)
		memcpy(request->slot + sizeof(envelope) + text->head_bytes, text->data,
		       text->data_bytes);
	r = post_or_queue(wire, request);
	if (r == 0)
		*ret_request = request;
	return r;
}

int trn_wire_recv(struct trn_wire *wire, uint32_t process, uint64_t tag, void *data, size_t room,
		  struct trn_wire_request **ret_request)
{
	struct trn_wire_request *request = request_new(wire, RECV, process);
	int r;

	if (process >= wire->processes || tag > TRN_WIRE_TAG_MAX)
		return -EINVAL;
	if (!request)
		return -EAGAIN;
	request->data = data;
	request->bytes = room;
	request->tag = tag_of(process, tag);
	r = post_or_queue(wire, request);
	if (r == 0)
		*ret_request = request;
	return r;
}

int trn_wire_get(struct trn_wire *wire, const struct trn_wire_get *get,
		 struct trn_wire_request **ret_request)
{
	struct trn_wire_request *request = request_new(wire, READ, get->process);
	int r;

	if (get->process >= wire->processes || get->offset > get->window->bytes ||
	    get->bytes > get->window->bytes - get->offset)
		return -EINVAL;
	if (!request)
		return -EAGAIN;
	request->get = *get;
	r = post_or_queue(wire, request);
	if (r == 0)
		*ret_request = request;
	return r;
}

/* ---- completions ---- */

/* A message came: is it what it says, and what was waited for? */
static int received(struct trn_wire *wire, struct trn_wire_request *request, size_t length)
{
	struct envelope envelope;

	if (length < sizeof(envelope))
		return trn_wire_blame(wire, request->process, "sent %zu bytes that are no message",
				      length);
	memcpy(&envelope, request->slot, sizeof(envelope));
	if (envelope.token != wire->ofi->token || envelope.tag != request->tag ||
	    envelope.process != request->process || envelope.bytes != length - sizeof(envelope))
		return trn_wire_blame(wire, request->process,
				      "sent a message that belongs to no exchange of this job");
	if (envelope.bytes > request->bytes)
		return trn_wire_blame(wire, request->process,
				      "sent %u bytes where at most %zu were waited for",
				      envelope.bytes, request->bytes);
	if (!wire->ofi->near)
		memcpy(request->data, request->slot + sizeof(envelope), envelope.bytes);
	request->bytes = envelope.bytes;
	return 0;
}

static int complete(struct trn_wire *wire, const struct fi_cq_tagged_entry *entry)
{
	struct trn_wire_request *request = entry->op_context;
	int r = 0;

	if (!request || request->state != POSTED)
		return 0;
	if (request->action == RECV)
		r = received(wire, request, entry->len);
	if (r < 0)
		return r;
	request->state = DONE;
	return 0;
}

static int complete_error(struct trn_wire *wire)
{
	struct fi_cq_err_entry error = { 0 };
	const struct trn_wire_request *request;

	if (fi_cq_readerr(wire->ofi->cq, &error, 0) < 1)
		return 0;
	request = error.op_context;
	if (!request)
		return 0;
	return trn_wire_unreached(wire, request->process, lib.strerror(error.err));
}

static int retry(struct trn_wire *wire)
{
	struct trn_ofi *ofi = wire->ofi;
	int r = 0;

	for (uint32_t i = 0; r == 0 && ofi->queued > 0 && i < REQUESTS; i++) {
		if (ofi->requests[i].state != QUEUED)
			continue;
		ofi->queued--;
		r = post_or_queue(wire, &ofi->requests[i]);
		if (r == 0 && ofi->requests[i].state == QUEUED)
			break;
	}
	return r;
}

int trn_wire_progress(struct trn_wire *wire)
{
	struct fi_cq_tagged_entry entries[16];
	struct trn_ofi *ofi = wire->ofi;
	ssize_t n;
	int r = 0;

	if (wire->failed)
		return trn_wire_failed(wire);
	if (!ofi)
		return 0;
	do {
		n = fi_cq_read(ofi->cq, entries, TRN_ARRAY_LEN(entries));
		for (ssize_t i = 0; r == 0 && i < n; i++)
			r = complete(wire, &entries[i]);
		if (n == -FI_EAVAIL)
			r = complete_error(wire);
	} while (r == 0 && n == (ssize_t)TRN_ARRAY_LEN(entries));
	if (r == 0 && ofi->queued > 0)
		r = retry(wire);
	if (r == 0 && n < 0 && n != -FI_EAGAIN && n != -FI_EAVAIL)
		r = trn_wire_broken(wire, -EIO, "libfabric (%s): %s", wire->transport,
				    lib.strerror((int)-n));
	return r;
}

int trn_wire_test(struct trn_wire *wire, struct trn_wire_request *request, size_t *ret_bytes)
{
	int r;

	if (request->state == POSTED || request->state == QUEUED)
		return -EAGAIN;
	r = request->result;
	if (ret_bytes)
		*ret_bytes = request->bytes;
	request_free(wire->ofi, request);
	return r < 0 ? trn_wire_failed(wire) : 0;
}
