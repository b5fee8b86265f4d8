/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the mock bus share: the bus itself, the URI's parameters, its
 * thread, its control verbs. */
#ifndef HAL_BUS_MOCK_H
#define HAL_BUS_MOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "hal/bus.h"
#include "model/model.h"

#define MOCK_PAGE UINT64_C(4096)
#define MOCK_EVENTS 64 /* kept for the log until a safe place; totals count all */
#define MOCK_FAULTS 16
#define MOCK_STEPS 64 /* events of one round of progress at most */

struct mock_map {
	uint64_t iova, size;
	uint8_t *base;
};

struct mock {
	struct trn_bus bus; /* first */
	/* Everything below but waiting and threaded. The model is one thread at a time, and
	 * allocates inside its events: an allocator that calls into the device again would
	 * wait for itself. */
	pthread_mutex_t lock;
	_Atomic int waiting; /* threads that want the lock: the model's thread gives way */
	struct trn_model *model;
	struct trn_chip *chip;
	struct mock_map *maps; /* by iova */
	size_t map_count, map_room;
	size_t map_hit; /* last one that resolved: most DMA stays in one buffer */
	uint64_t iova_next;
	bool iova_wrapped;
	struct trn_model_event events[MOCK_EVENTS]; /* to log when the lock is free */
	size_t event_count;
	uint64_t event_totals[8]; /* by enum trn_model_event_kind */
	uint64_t violations;
	struct trn_model_event last_violation;
	bool wrote_host; /* the device asked for host memory to write to */
	bool threaded, started, stop;
	pthread_t thread;
	pthread_cond_t work; /* registers were written, or stop */
	struct trn_mock_gemm *gemm;
	trn_trace_fn *trace; /* who listens to the model */
	void *trace_user;
	const struct trn_gen *gen;        /* the pod's, or the profile's */
	struct trn_mock_profile *profile; /* NULL: none */
};

/* The URI, checked. */
struct mock_params {
	const struct trn_gen *gen;
	const char *profile; /* path of the text of a variant, or NULL */
	uint64_t seed, threads, hbm, api, extension, bar4, revision, routing, serial, timing_only;
	const char *faults[MOCK_FAULTS];
	size_t fault_count;
	char fault_text[1024]; /* what faults point into */
};

/* -EINVAL, -ENODEV, -ENOTSUP with the reason in why. */
int trn_mock_params(const struct trn_uri *uri, struct mock_params *ret_params, char *why,
		    size_t why_size);

void trn_mock_lock(struct mock *mock);
void trn_mock_unlock(struct mock *mock);
/* The same, then logs what the model reported: only where the caller holds no other lock. */
void trn_mock_unlock_log(struct mock *mock);
void trn_mock_locks_init(struct mock *mock);
/* With threads=1 starts the model's thread; 0 at once otherwise. */
int trn_mock_start(struct mock *mock, char *why, size_t why_size);
void trn_mock_stop(struct mock *mock);

int trn_mock_control(struct mock *mock, const char *verb, const char *arg, char *ret_text,
		     size_t text_size);

/* mock_profile.c: a variant of base from a file; *ret_gen lives until close. -ENODEV when there
 * is no such file, -EINVAL for what it says, with the place in why. */
int trn_mock_profile_open(const struct trn_alloc *alloc, const char *path,
			  const struct trn_gen *base, struct trn_mock_profile **ret_profile,
			  const struct trn_gen **ret_gen, char *why, size_t why_size);
void trn_mock_profile_close(const struct trn_alloc *alloc, struct trn_mock_profile *profile);

/* mock_gemm.c: tiles by libxsmm. open leaves *ret_gemm NULL where there is none, or where it
 * does not give exactly the model's result; run is struct trn_model_host.gemm and its
 * user pointer is the mock. */
struct trn_mock_gemm;
void trn_mock_gemm_open(const struct trn_alloc *alloc, struct trn_mock_gemm **ret_gemm);
void trn_mock_gemm_close(struct trn_mock_gemm *gemm);
void trn_mock_gemm_run(void *user, const struct trn_gemm *tile);
/* Shapes so far that the library runs; 0 for NULL. */
size_t trn_mock_gemm_kernels(const struct trn_mock_gemm *gemm);

#endif /* HAL_BUS_MOCK_H */
