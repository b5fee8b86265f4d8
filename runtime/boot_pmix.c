/* SPDX-License-Identifier: Apache-2.0 */
/* PMIx: the launcher (Open MPI's mpirun, srun --mpi=pmix) says who this process is, and carries the
 * card of process 0. Used while a boot opens and no longer; liveness is the boot's own matter.
 * PMIx has a thread of its own for that time: what it answers arrives there. */
#include "runtime/boot_private.h"

#include <dlfcn.h>
#include <errno.h>
#include <pmix.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/text.h"
#include "runtime/symbol.h"

#define KEY_MAX 96u

/* Loaded when a job is found that way, not linked: it brings a handful of other libraries. Kept
 * then: it has threads of its own. Guarded by busy. */
#define CALLS(X) \
	X(Init) X(Finalize) X(Get) X(Get_nb) X(Put) X(Commit) X(Error_string) X(Value_destruct)
#define POINTER(name) __typeof__(PMIx_##name) *name;
static struct {
	bool loaded;
	CALLS(POINTER)
} lib;

static bool load(void)
{
	void *handle = lib.loaded ? NULL : dlopen("libpmix.so.2", RTLD_NOW | RTLD_GLOBAL);

#define FIND(name) trn_symbol(handle, "PMIx_" #name, &lib.name) &&
	if (handle)
		lib.loaded = CALLS(FIND) true;
	return lib.loaded;
}

/* Boots of one job are opened in the same order everywhere: each has a key of its own. */
static _Atomic uint32_t opened;
static pmix_proc_t self;
static _Atomic bool busy; /* one boot at a time: PMIx belongs to the process */
static char key[KEY_MAX];

/* An answer that may come after who asked has gone. */
struct answer {
	struct trn_alloc alloc;
	_Atomic uint32_t refs;
	_Atomic int state; /* 1: not yet, 0: text is there, else a status of PMIx */
	char text[TRN_BOOT_CARD_MAX];
};

static void answer_unref(struct answer *answer)
{
	struct trn_alloc alloc = answer->alloc;

	if (atomic_fetch_sub(&answer->refs, 1) == 1)
		trn_free(&alloc, answer);
}

static int failed(struct trn_context *context, const char *what, pmix_status_t status)
{
	return trn_fail(context, NULL, -EIO, "trn_comm_create", "root \"pmix\": %s: %s", what,
			lib.Error_string(status));
}

static int job_size(struct trn_context *context, uint32_t *ret_processes)
{
	pmix_value_t *value = NULL;
	pmix_proc_t job;
	pmix_status_t status;
	uint32_t size = 0;

	PMIX_PROC_CONSTRUCT(&job);
	memcpy(job.nspace, self.nspace, sizeof(job.nspace));
	job.rank = PMIX_RANK_WILDCARD;
	status = lib.Get(&job, PMIX_JOB_SIZE, NULL, 0, &value);
	if (status != PMIX_SUCCESS)
		return failed(context, "how many processes?", status);
	if (value->type == PMIX_UINT32)
		size = value->data.uint32;
	lib.Value_destruct(value);
	pmix_free(value);
	if (size == 0 || size > TRN_BOOT_PROCESSES_MAX || self.rank >= size)
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
				"root \"pmix\": process %u of %u, at most %u", self.rank, size,
				TRN_BOOT_PROCESSES_MAX);
	*ret_processes = size;
	return 0;
}

int trn_boot_pmix_begin(struct trn_context *context, uint32_t *ret_process, uint32_t *ret_processes)
{
	pmix_status_t status;
	int r;

	/* Without a server PMIx may look for one: it need not. */
	if (!getenv("PMIX_NAMESPACE") || !getenv("PMIX_RANK"))
		return trn_fail(context, NULL, -ENOTSUP, "trn_comm_create",
				"root \"pmix\": no PMIx server started this process; use mpirun or "
				"srun --mpi=pmix, or another root");
	if (atomic_exchange(&busy, true))
		return trn_fail(context, NULL, -EBUSY, "trn_comm_create",
				"root \"pmix\": another communicator is being made");
	if (!load()) {
		atomic_store(&busy, false);
		return trn_fail(context, NULL, -ENOTSUP, "trn_comm_create",
				"root \"pmix\": libpmix.so.2 cannot be loaded");
	}
	PMIX_PROC_CONSTRUCT(&self);
	status = lib.Init(&self, NULL, 0);
	if (status != PMIX_SUCCESS) {
		atomic_store(&busy, false);
		return failed(context, "no server answers", status);
	}
	(void)trn_text_add(key, sizeof(key), 0, "trn.boot.%u", atomic_fetch_add(&opened, 1));
	r = job_size(context, ret_processes);
	if (r < 0)
		trn_boot_pmix_end();
	else
		*ret_process = self.rank;
	return r;
}

int trn_boot_pmix_publish(struct trn_boot *boot)
{
	char text[TRN_BOOT_CARD_MAX];
	struct trn_boot_card card;
	pmix_value_t value;
	pmix_status_t status;

	trn_boot_card_fill(boot, &card);
	(void)trn_boot_card_put(text, &card);
	PMIX_VALUE_CONSTRUCT(&value);
	value.type = PMIX_STRING;
	value.data.string = text; /* copied by the call */
	status = lib.Put(PMIX_GLOBAL, key, &value);
	if (status == PMIX_SUCCESS)
		status = lib.Commit();
	if (status != PMIX_SUCCESS)
		return failed(boot->context, "the address cannot be published", status);
	return 0;
}

/* On PMIx's thread. */
static void on_value(pmix_status_t status, pmix_value_t *value, void *user)
{
	struct answer *answer = user;
	int state = status == PMIX_SUCCESS ? PMIX_ERR_BAD_PARAM : status;

	if (status == PMIX_SUCCESS && value && value->type == PMIX_STRING && value->data.string &&
	    strlen(value->data.string) < sizeof(answer->text)) {
		trn_text_copy(answer->text, sizeof(answer->text), value->data.string);
		state = 0;
	}
	atomic_store(&answer->state, state);
	answer_unref(answer);
}

/* 0 with the card; -EAGAIN: not yet, finder->why. */
static int ask(struct trn_boot_finder *finder, struct trn_boot *boot, struct answer *answer)
{
	pmix_proc_t hub;
	pmix_status_t status;
	unsigned int round = 0;

	PMIX_PROC_CONSTRUCT(&hub);
	memcpy(hub.nspace, self.nspace, sizeof(hub.nspace));
	hub.rank = 0;
	atomic_store(&answer->state, 1);
	(void)atomic_fetch_add(&answer->refs, 1);
	status = lib.Get_nb(&hub, key, NULL, 0, on_value, answer);
	if (status != PMIX_SUCCESS) {
		answer_unref(answer);
		return failed(boot->context, "where is process 0?", status);
	}
	while (atomic_load(&answer->state) == 1) {
		if (trn_clock_passed(finder->deadline_ns)) {
			trn_text_copy(finder->why, sizeof(finder->why), "it has no address yet");
			return -EAGAIN;
		}
		trn_clock_backoff(&round);
	}
	if (atomic_load(&answer->state) == 0)
		return 0;
	trn_text_copy(finder->why, sizeof(finder->why),
		      lib.Error_string(atomic_load(&answer->state)));
	return -EAGAIN;
}

int trn_boot_pmix_find(struct trn_boot_finder *finder, struct trn_boot *boot,
		       struct trn_boot_addr *addrs, uint32_t *ret_count)
{
	struct trn_boot_card card;
	struct answer *answer;
	int r;

	*ret_count = finder->count;
	memcpy(addrs, finder->addrs, finder->count * sizeof(addrs[0]));
	if (finder->count) /* what it has said once does not change */
		return 0;
	answer = trn_alloc_zero(&boot->context->alloc, sizeof(*answer));
	if (!answer)
		return trn_fail(boot->context, NULL, -ENOMEM, boot->operation,
				"no memory for the answer of PMIx");
	answer->alloc = boot->context->alloc;
	atomic_init(&answer->refs, 1);
	r = ask(finder, boot, answer);
	if (r == 0 && trn_boot_card_get(answer->text, &card) < 0)
		r = trn_fail(boot->context, NULL, -EINVAL, boot->operation,
			     "root \"pmix\": what process 0 published is no card");
	answer_unref(answer);
	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return r;
	(void)trn_text_add(boot->where, sizeof(boot->where), 0, "PMIx, host %s, pid %u", card.host,
			   card.pid);
	finder->count = trn_boot_card_addrs(&card, finder, finder->addrs, TRN_BOOT_ADDRS_MAX);
	memcpy(addrs, finder->addrs, finder->count * sizeof(addrs[0]));
	*ret_count = finder->count;
	return 0;
}

void trn_boot_pmix_end(void)
{
	(void)lib.Finalize(NULL, 0); /* nothing of ours is lost with it */
	atomic_store(&busy, false);
}
