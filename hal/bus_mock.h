/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the mock bus share: the pod, which is one model with its lock and thread, the
 * devices, which are buses, the URI's parameters, host memory, control verbs. */
#ifndef HAL_BUS_MOCK_H
#define HAL_BUS_MOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "base/pod.h"
#include "hal/bus.h"
#include "model/model.h"

#define MOCK_PAGE UINT64_C(4096)
#define MOCK_EVENTS 32 /* kept for a device's log until a safe place; totals count all */
#define MOCK_FAULTS 16
#define MOCK_STEPS 64 /* events of one round of progress at most */
#define MOCK_HITS 64  /* mappings that a server's memory remembers; a power of two */

struct mock_map {
	uint64_t iova, size;
	uint8_t *base;
};

/* Host memory of one server as its chips reach it: mock_maps.c. The pod's lock. */
struct mock_maps {
	struct mock_map *map; /* by iova */
	size_t count, room;
	/* Which one resolved last, by the low bits of an address in units of the least distance of
	 * two mappings: a ring, its status and what its commands name stay beside each other. */
	size_t hit[MOCK_HITS];
	uint64_t iova_next;
	bool iova_wrapped;
};

struct mock;

/* What the model reported of one chip. */
struct mock_chip {
	struct mock *device; /* NULL: not open */
	uint64_t totals[8];  /* by enum trn_model_event_kind */
	struct trn_model_event last_violation;
};

/* Chips of one virtual time, and the hosts around them. */
struct mock_pod {
	const struct trn_alloc *alloc;
	/* Everything below but waiting and what opening set. The model is one thread at a time,
	 * and allocates inside its events: an allocator that calls into a device again would
	 * wait for itself. */
	pthread_mutex_t lock;
	_Atomic int waiting;      /* threads that want the lock: the model's thread gives way */
	struct mock_posts *posts; /* with a thread, from its start on; else NULL */
	_Atomic bool sleeps;      /* the model's thread does, or is about to */
	struct trn_model *model;
	struct mock_chip *chips; /* [chip_count] */
	struct mock_maps *maps;  /* [servers] */
	bool wrote_host;         /* a chip asked for host memory to write to */
	bool stop;
	/* Set by opening. */
	uint64_t id;                 /* never 0 */
	const struct trn_pod *shape; /* row, which is the URI's */
	struct trn_pod row;
	const struct trn_pod_fabric *fabric;
	uint32_t chip_count;
	bool threaded, started;
	pthread_t thread;
	pthread_cond_t work; /* registers were written, or stop */
	struct trn_mock_gemm *gemm;
	const struct trn_gen *gen;        /* the pod's, or the profile's */
	struct trn_mock_profile *profile; /* NULL: none */
	struct trn_bus_watch watch;
	uint64_t hbm_bytes; /* of a stack where the driver's table does not know */
	/* The registry's lock. */
	struct trn_hal_pods *pods; /* NULL: one device alone has it */
	struct mock_pod *next;
	char *key;
	uint32_t devices;
};

/* One chip of a pod, opened. */
struct mock {
	struct trn_bus bus; /* first */
	struct mock_pod *pod;
	struct trn_chip *chip;
	uint32_t index, server;
	/* The pod's lock. */
	struct trn_model_event events[MOCK_EVENTS]; /* to log when the lock is free */
	_Atomic size_t event_count;
	trn_trace_fn *trace; /* who listens */
	void *trace_user;
};

/* The URI, checked. */
struct mock_params {
	const struct trn_pod *pod; /* of the table, or alone */
	struct trn_pod alone;
	const struct trn_pod_fabric *fabric;
	uint32_t index; /* UINT32_MAX: none given, of a pod that has several */
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

/* mock_pod.c: the pod of a URI, one more device of it; a new one when none is open. */
int trn_mock_pod_get(const struct trn_bus_open *open, const struct mock_params *params,
		     struct mock_pod **ret_pod);
/* One device less; the last one ends the pod. */
void trn_mock_pod_put(struct mock_pod *pod);
void trn_mock_lock(struct mock_pod *pod);
void trn_mock_unlock(struct mock_pod *pod);

/* Logs what the model reported of the device: only where the caller holds no lock. */
void trn_mock_log(struct mock *mock);
void trn_mock_unlock_log(struct mock *mock);
/* A trace item of the model to the device it is of. */
void trn_mock_trace_item(void *user, const struct trn_trace_item *item);

/* mock_maps.c */
int trn_mock_maps_add(struct mock_pod *pod, uint32_t server, void *base, uint64_t size,
		      uint64_t *ret_iova);
int trn_mock_maps_remove(struct mock_pod *pod, uint32_t server, uint64_t iova, uint64_t size);
void trn_mock_maps_init(struct mock_maps *maps);
/* Lock held. NULL: not mapped, or not all of it. */
void *trn_mock_maps_find(struct mock_maps *maps, uint64_t address, uint64_t size);

/* mock_post.c: register writes on their way to the model's thread. */
int trn_mock_posts_create(const struct trn_alloc *alloc, struct mock_posts **ret_posts);
/* Any thread. False: there is no room. */
bool trn_mock_post(struct mock *mock, unsigned int bar, uint64_t offset, uint32_t value);
/* Counts every one that was put in. */
uint32_t trn_mock_posted(struct mock_posts *posts);
/* Lock held. False: there was none. */
bool trn_mock_posts_take(struct mock_posts *posts);

/* mock_thread.c */
/* There may be work for the model's thread: it does not go on sleeping. Lock not held. */
void trn_mock_wake(struct mock_pod *pod);
void trn_mock_locks_init(struct mock_pod *pod);
/* With threads=1 starts the model's thread; 0 at once otherwise. */
int trn_mock_start(struct mock_pod *pod, char *why, size_t why_size);
void trn_mock_stop(struct mock_pod *pod);

/* Arms a fault of the device's chip, or of a link. Lock held. */
int trn_mock_fault(struct mock *mock, const char *spec, const char **ret_why);
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
 * user pointer is the pod. */
struct trn_mock_gemm;
void trn_mock_gemm_open(const struct trn_alloc *alloc, struct trn_mock_gemm **ret_gemm);
void trn_mock_gemm_close(struct trn_mock_gemm *gemm);
void trn_mock_gemm_run(void *user, const struct trn_gemm *tile);
/* Shapes so far that the library runs; 0 for NULL. */
size_t trn_mock_gemm_kernels(const struct trn_mock_gemm *gemm);

#endif /* HAL_BUS_MOCK_H */
