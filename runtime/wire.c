/* SPDX-License-Identifier: Apache-2.0 */
/* Wires: which transport, who failed, how to wait. */
#include "runtime/wire_private.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/hash.h"

#define TAG_WHO 0x77697265u
#define MARK UINT64_C(0x656e6f)
#define PAGE 4096u
#define HEAR_NS UINT64_C(50000000) /* for why somebody cannot be reached */
#define SPIN_ROUNDS 4000u          /* about 50 us */
#define SPIN_CROWDED 3u
#define YIELD_ROUNDS 4000u

/* What a process says of itself first. */
struct who {
	uint64_t host;     /* same number: same kernel and namespaces */
	uint64_t provider; /* hash of the name asked for; 0: none */
	uint64_t cpus[16]; /* it may run on */
};

/* ---- failures ---- */

static int fail_record(struct trn_wire *wire, int code, const char *cause)
{
	struct trn_error error;

	trn_error_init(&error, code, "trn_comm");
	trn_text_copy(error.cause, sizeof(error.cause), cause);
	if (!wire->failed) {
		wire->failed = true;
		wire->failure = error;
		trn_ofi_stop(wire);
	}
	return trn_error_post(wire->context, &error);
}

int trn_wire_failed(struct trn_wire *wire)
{
	return trn_error_post(wire->context, &wire->failure);
}

int trn_wire_blame(struct trn_wire *wire, uint32_t process, const char *fmt, ...)
{
	char who[112], what[160], cause[TRN_BOOT_WHY_MAX + 96];
	va_list args;

	if (wire->failed)
		return trn_wire_failed(wire);
	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args); /* our own formats; cut if need be */
	va_end(args);
	trn_boot_describe(wire->boot, process, who, sizeof(who));
	(void)snprintf(cause, sizeof(cause), "%s %s", who, what);
	trn_boot_tell(wire->boot, process, cause);
	return fail_record(wire, -TRN_ERANK, cause);
}

int trn_wire_broken(struct trn_wire *wire, int code, const char *fmt, ...)
{
	char cause[192];
	va_list args;

	if (wire->failed)
		return trn_wire_failed(wire);
	va_start(args, fmt);
	(void)vsnprintf(cause, sizeof(cause), fmt, args);
	va_end(args);
	trn_boot_tell(wire->boot, wire->process, cause);
	return fail_record(wire, code, cause);
}

int trn_wire_look(struct trn_wire *wire)
{
	char why[TRN_BOOT_WHY_MAX];
	uint32_t process;

	if (wire->failed)
		return trn_wire_failed(wire);
	if (trn_boot_lost(wire->boot, &process, why, sizeof(why)))
		return fail_record(wire, -TRN_ERANK, why);
	process = wire->map ? trn_map_dead(wire->map) : UINT32_MAX;
	if (process != UINT32_MAX)
		return trn_wire_blame(wire, process, "ended");
	return 0;
}

int trn_wire_unreached(struct trn_wire *wire, uint32_t process, const char *why)
{
	const uint64_t until_ns = trn_clock_deadline(HEAR_NS);
	unsigned int round = 0;

	do {
		int r = trn_wire_look(wire);

		if (r < 0)
			return r;
		trn_clock_backoff(&round);
	} while (!trn_clock_passed(until_ns));
	return trn_wire_blame(wire, process, "cannot be reached over %s: %s", wire->transport, why);
}

int trn_wire_own(struct trn_wire *wire, const char *operation)
{
	if (*wire->mark == MARK)
		return 0;
	return trn_fail(wire->context, NULL, -EPERM, operation,
			"a communicator belongs to the process that made it; this one (pid %ld) "
			"was forked from it",
			(long)getpid());
}

void trn_wire_relax(const struct trn_wire *wire, unsigned int *round)
{
	/* A look at the completions of libfabric takes as long as some pauses. */
	const unsigned int spins = !wire->crowded ? SPIN_ROUNDS : wire->ofi ? 1 : SPIN_CROWDED;
	unsigned int pause = 0;

	if (*round < spins + YIELD_ROUNDS)
		++*round;
	if (*round < spins) {
		trn_clock_backoff(&pause); /* its first step is one pause */
		return;
	}
	if (*round < spins + YIELD_ROUNDS) {
		(void)sched_yield();
		return;
	}
	pause = UINT32_MAX; /* its last: sleeps */
	trn_clock_backoff(&pause);
}

/* ---- who is where ---- */

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* The kernel's boot, and the namespaces that a mapping and provider shm need to be the same. */
static uint64_t host_key(void)
{
	struct {
		char boot[40];
		uint64_t pid, net, user;
	} key = { .pid = inode_of("/proc/self/ns/pid"),
		  .net = inode_of("/proc/self/ns/net"),
		  .user = inode_of("/proc/self/ns/user") };
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	/* Nothing to read: hosts look alike, and the mapping finds out that they are not. */
	if (file) {
		if (!fgets(key.boot, sizeof(key.boot), file))
			key.boot[0] = '\0';
		(void)fclose(file);
	}
	return trn_hash_bytes(TRN_HASH_INIT, &key, sizeof(key));
}

static void describe_self(struct who *who, const char *provider)
{
	cpu_set_t cpus;

	*who = (struct who){ .host = host_key() };
	if (provider)
		who->provider = trn_hash_bytes(TRN_HASH_INIT, provider, strlen(provider)) | 1;
	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		for (uint32_t c = 0; c < sizeof(who->cpus) * 8; c++)
			if (CPU_ISSET(c, &cpus))
				who->cpus[c / 64] |= UINT64_C(1) << (c % 64);
}

/* Fewer cores than processes, on this host. */
static bool is_crowded(const struct trn_wire *wire, const struct who *all)
{
	uint32_t cores = 0, here = 0;

	for (uint32_t w = 0; w < TRN_ARRAY_LEN(all->cpus); w++) {
		uint64_t cpus = 0;

		for (uint32_t p = 0; p < wire->processes; p++)
			if (all[p].host == all[wire->process].host)
				cpus |= all[p].cpus[w];
		cores += (uint32_t)__builtin_popcountll(cpus);
	}
	for (uint32_t p = 0; p < wire->processes; p++)
		here += all[p].host == all[wire->process].host;
	return here > cores;
}

static int meet(struct trn_wire *wire, const char *provider, uint64_t deadline_ns,
		bool *ret_one_host)
{
	const struct trn_alloc *alloc = &wire->context->alloc;
	struct who mine, *all = trn_alloc_array(alloc, wire->processes, sizeof(*all));
	int r;

	if (!all)
		return trn_fail(wire->context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	describe_self(&mine, provider);
	r = trn_boot_exchange(wire->boot, TAG_WHO, &mine, sizeof(mine), all, deadline_ns);
	*ret_one_host = true;
	for (uint32_t p = 0; r == 0 && p < wire->processes; p++) {
		if (all[p].host != mine.host)
			*ret_one_host = false;
		if (all[p].provider != mine.provider)
			r = trn_wire_blame(wire, p,
					   "asks for another provider than this process ('%s')",
					   provider ? provider : "the best");
	}
	if (r == 0)
		wire->crowded = is_crowded(wire, all);
	trn_free(alloc, all);
	return r;
}

/* ---- memory ---- */

/* Without a mapping: pages of this process alone. */
static int plain_alloc(struct trn_wire *wire, uint64_t bytes, void **ret_host)
{
	const struct trn_alloc *alloc = &wire->context->alloc;
	struct trn_wire_plain *plain;
	void *base;

	if (bytes == 0)
		return -EINVAL;
	plain = trn_alloc_zero(alloc, sizeof(*plain));
	if (!plain)
		return -ENOMEM;
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED) {
		trn_free(alloc, plain);
		return -ENOMEM;
	}
	*plain = (struct trn_wire_plain){ wire->plain, base, bytes };
	wire->plain = plain;
	*ret_host = base;
	return 0;
}

static int plain_free(struct trn_wire *wire, void *host)
{
	struct trn_wire_plain **at = &wire->plain, *plain;

	while (*at && (*at)->base != host)
		at = &(*at)->next;
	plain = *at;
	if (!plain)
		return -EINVAL;
	*at = plain->next;
	(void)munmap(plain->base, plain->bytes);
	trn_free(&wire->context->alloc, plain);
	return 0;
}

/* ---- opening ---- */

static int mark_make(struct trn_wire *wire)
{
	uint64_t *mark =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mark == MAP_FAILED)
		return -errno;
	wire->mark = mark;
	if (madvise(mark, PAGE, MADV_WIPEONFORK) < 0)
		return -errno;
	*mark = MARK;
	return 0;
}

static int map_try(struct trn_wire *wire, uint64_t deadline_ns)
{
	int r = trn_map_open(&wire->context->alloc, wire->boot, deadline_ns, &wire->map);

	if (r < 0)
		return r;
	wire->way = &trn_hostcoll_by_map;
	trn_text_copy(wire->transport, sizeof(wire->transport), "shared mapping");
	return 0;
}

static int transport_open(struct trn_wire *wire, const char *provider, uint64_t deadline_ns)
{
	const bool mapping = provider && strcmp(provider, TRN_WIRE_MAPPING) == 0;
	bool one_host = false;
	int r;

	trn_text_copy(wire->memory, sizeof(wire->memory), "staging through pinned host memory");
	if (wire->processes == 1) {
		wire->way = &trn_hostcoll_alone;
		trn_text_copy(wire->transport, sizeof(wire->transport), "alone");
		return 0;
	}
	r = meet(wire, provider, deadline_ns, &one_host);
	if (r < 0)
		return r;
	if (mapping && (!one_host || wire->processes > TRN_MAP_PROCESSES_MAX))
		return trn_fail(wire->context, NULL, -ENOTSUP, "trn_comm_create",
				"a shared mapping is for up to %u processes of one host",
				TRN_MAP_PROCESSES_MAX);
	if (one_host && wire->processes <= TRN_MAP_PROCESSES_MAX && (!provider || mapping)) {
		r = map_try(wire, deadline_ns);
		/* All of them failed, or none. */
		if (r != -ENOTSUP || mapping)
			return r;
		trn_logf(&wire->context->log, TRN_LOG_WARNING,
			 "no shared mapping between the processes of this host: libfabric is used");
	}
	wire->way = &trn_hostcoll_by_net;
	return trn_ofi_open(wire, provider, one_host, deadline_ns);
}

static const char *provider_wanted(const char *provider)
{
	if (!provider || !*provider)
		provider = getenv("TRN_COMM_PROVIDER");
	return provider && *provider ? provider : NULL;
}

int trn_wire_open(struct trn_context *context, struct trn_boot *boot, const char *provider,
		  uint64_t deadline_ns, struct trn_wire **ret_wire)
{
	const struct trn_alloc *alloc = &context->alloc;
	struct trn_wire *wire;
	int r;

	if (trn_boot_processes(boot) > TRN_WIRE_PROCESSES_MAX)
		return trn_fail(context, NULL, -ENOTSUP, "trn_comm_create",
				"%u processes, at most %u", trn_boot_processes(boot),
				TRN_WIRE_PROCESSES_MAX);
	wire = trn_alloc_zero(alloc, sizeof(*wire));
	if (!wire)
		return trn_fail(context, NULL, -ENOMEM, "trn_comm_create", "no memory");
	wire->context = context;
	wire->boot = boot;
	wire->process = trn_boot_process(boot);
	wire->processes = trn_boot_processes(boot);
	wire->collectives.end = &wire->collectives.first;
	wire->messages.end = &wire->messages.first;
	wire->sent = trn_alloc_array(alloc, wire->processes, sizeof(*wire->sent));
	wire->received = trn_alloc_array(alloc, wire->processes, sizeof(*wire->received));
	wire->rows = trn_alloc_array(alloc, wire->processes, sizeof(*wire->rows));
	wire->scratches = trn_alloc_array(alloc, wire->processes, sizeof(*wire->scratches));
	r = wire->sent && wire->received && wire->rows && wire->scratches ? mark_make(wire) :
									    -ENOMEM;
	if (r < 0)
		r = trn_fail(context, NULL, r, "trn_comm_create", "no memory for the wire");
	else
		r = transport_open(wire, provider_wanted(provider), deadline_ns);
	if (r < 0) {
		trn_wire_close(wire);
		return r;
	}
	*ret_wire = wire;
	return 0;
}

void trn_wire_close(struct trn_wire *wire)
{
	const struct trn_alloc *alloc;

	if (!wire)
		return;
	alloc = &wire->context->alloc;
	trn_ofi_close(wire);
	/* A forked child does not speak for its parent. */
	if (wire->map && *wire->mark == MARK)
		trn_map_leave(wire->map);
	trn_map_close(wire->map);
	while (wire->plain)
		(void)plain_free(wire, wire->plain->base);
	if (wire->mark)
		(void)munmap((void *)(uintptr_t)wire->mark, PAGE);
	trn_free(alloc, wire->sent);
	trn_free(alloc, wire->received);
	trn_free(alloc, wire->rows);
	trn_free(alloc, wire->scratches);
	trn_free(alloc, wire);
}

const char *trn_wire_transport(const struct trn_wire *wire)
{
	return wire->transport;
}

const char *trn_wire_memory(const struct trn_wire *wire)
{
	return wire->memory;
}

uint32_t trn_wire_process(const struct trn_wire *wire)
{
	return wire->process;
}

uint32_t trn_wire_processes(const struct trn_wire *wire)
{
	return wire->processes;
}

int trn_wire_host_alloc(struct trn_wire *wire, uint64_t bytes, void **ret_host)
{
	int r = trn_wire_own(wire, "trn_comm_host_alloc");

	if (r < 0)
		return r;
	r = wire->map ? trn_map_alloc(wire->map, bytes, ret_host) :
			plain_alloc(wire, bytes, ret_host);
	if (r < 0)
		return trn_fail(wire->context, NULL, r, "trn_comm_host_alloc",
				"%llu bytes of shared host memory", (unsigned long long)bytes);
	return 0;
}

int trn_wire_host_free(struct trn_wire *wire, void *host)
{
	int r = trn_wire_own(wire, "trn_comm_host_free");

	if (r < 0 || !host)
		return r;
	r = wire->map ? trn_map_free(wire->map, host) : plain_free(wire, host);
	if (r < 0)
		return trn_fail(wire->context, NULL, r, "trn_comm_host_free",
				"the memory is not from trn_comm_host_alloc()");
	return 0;
}
