/* SPDX-License-Identifier: Apache-2.0 */
/* Pods of the mock: one model with its lock, thread and hosts, for all devices that were opened
 * from one URI in one registry. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/lock.h"
#include "base/text.h"
#include "hal/bus_mock.h"
#include "hal/hal.h"
#include "model/gen.h"

struct trn_hal_pods {
	const struct trn_alloc *alloc;
	struct trn_lock lock; /* first, next, devices and pods of every pod; leaf */
	struct mock_pod *first;
};

int trn_hal_pods_create(const struct trn_alloc *alloc, struct trn_hal_pods **ret_pods)
{
	struct trn_hal_pods *pods = trn_alloc_zero(alloc, sizeof(*pods));

	if (!pods)
		return -ENOMEM;
	pods->alloc = alloc;
	trn_lock_init(&pods->lock);
	*ret_pods = pods;
	return 0;
}

void trn_hal_pods_destroy(struct trn_hal_pods *pods)
{
	const struct trn_alloc *alloc;

	if (!pods)
		return;
	alloc = pods->alloc;
	trn_lock_fini(&pods->lock);
	trn_free(alloc, pods);
}

/* waiting tells the model's thread to step aside: a mutex alone is not fair. */
void trn_mock_lock(struct mock_pod *pod)
{
	if (!pod->threaded) {
		pthread_mutex_lock(&pod->lock);
		return;
	}
	atomic_fetch_add_explicit(&pod->waiting, 1, memory_order_relaxed);
	pthread_mutex_lock(&pod->lock);
	atomic_fetch_sub_explicit(&pod->waiting, 1, memory_order_relaxed);
	if (pod->posts)
		trn_mock_posts_take(pod->posts);
}

void trn_mock_unlock(struct mock_pod *pod)
{
	pthread_mutex_unlock(&pod->lock);
}

/* ---- what the model asks of its host; lock held ---- */

static void *host_resolve(void *user, uint32_t server, uint64_t address, uint64_t size, bool write)
{
	struct mock_pod *pod = user;

	pod->wrote_host |= write; /* every mapping is for both directions */
	return server < pod->shape->servers ?
		       trn_mock_maps_find(&pod->maps[server], address, size) :
		       NULL;
}

static void *host_reserve(void *user, uint64_t size)
{
	void *base = NULL;

	(void)user;
	if (size > SIZE_MAX || trn_reserve((size_t)size, &base) < 0)
		return NULL;
	return base;
}

static void host_unreserve(void *user, void *base, uint64_t size)
{
	(void)user;
	trn_unreserve(base, (size_t)size);
}

static void host_event(void *user, const struct trn_model_event *event)
{
	struct mock_pod *pod = user;
	struct mock_chip *chip = &pod->chips[event->chip < pod->chip_count ? event->chip : 0];
	struct mock *mock = chip->device;
	size_t count;

	if (event->kind == TRN_EV_VIOLATION)
		chip->last_violation = *event;
	if ((size_t)event->kind < TRN_ARRAY_LEN(chip->totals))
		chip->totals[event->kind]++;
	if (!mock || event->kind > TRN_EV_RESET)
		return;
	/* A burst inside one call keeps its first ones; the totals count them all. */
	count = atomic_load_explicit(&mock->event_count, memory_order_relaxed);
	if (count < MOCK_EVENTS) {
		mock->events[count] = *event;
		atomic_store_explicit(&mock->event_count, count + 1, memory_order_relaxed);
	}
}

void trn_mock_trace_item(void *user, const struct trn_trace_item *item)
{
	struct mock_pod *pod = user;
	const struct mock *mock = item->chip < pod->chip_count ? pod->chips[item->chip].device :
								 NULL;

	if (mock && mock->trace)
		mock->trace(mock->trace_user, item);
}

/* ---- making and ending one ---- */

static void pod_destroy(struct mock_pod *pod)
{
	const struct trn_alloc *alloc = pod->alloc;

	trn_mock_stop(pod);
	if (pod->model)
		trn_model_destroy(pod->model);
	trn_mock_gemm_close(pod->gemm);
	trn_mock_profile_close(alloc, pod->profile);
	for (uint32_t s = 0; pod->maps && s < pod->shape->servers; s++)
		trn_free(alloc, pod->maps[s].map);
	trn_free(alloc, pod->maps);
	trn_free(alloc, pod->posts);
	trn_free(alloc, pod->chips);
	trn_free(alloc, pod->key);
	pthread_cond_destroy(&pod->work);
	trn_bus_watch_fini(&pod->watch);
	pthread_mutex_destroy(&pod->lock);
	trn_free(alloc, pod);
}

static int make_model(struct mock_pod *pod, const struct mock_params *params, char *why,
		      size_t why_size)
{
	struct trn_model_config config = {
		.alloc = pod->alloc,
		.host = { .user = pod,
			  .resolve = host_resolve,
			  .reserve = host_reserve,
			  .unreserve = host_unreserve,
			  .event = host_event },
		.gen = pod->gen,
		.pod = pod->shape,
		.fabric = pod->fabric,
		.seed = params->seed,
		.hbm_bytes = params->hbm,
		.api_version = (uint32_t)params->api,
		.no_extension = params->extension == 0,
		.no_bar4 = params->bar4 == 0,
		.pci_revision = (uint32_t)params->revision,
		.routing_id = (uint32_t)params->routing,
		.serial = params->serial,
		.timing_only = params->timing_only != 0,
	};
	const char *field = NULL;
	int r;

	trn_mock_gemm_open(pod->alloc, &pod->gemm);
	if (pod->gemm)
		config.host.gemm = trn_mock_gemm_run;
	r = trn_model_create(&config, &pod->model, &field);
	if (r < 0)
		snprintf(why, why_size, "the model refused it: %s",
			 r == -ENOMEM ? "out of memory" :
			 field        ? field :
					"?");
	return r;
}

static int pod_fill(struct mock_pod *pod, const struct mock_params *params, char *why,
		    size_t why_size)
{
	int r = 0;

	pod->chips = trn_alloc_array(pod->alloc, pod->chip_count, sizeof(*pod->chips));
	pod->maps = trn_alloc_array(pod->alloc, pod->shape->servers, sizeof(*pod->maps));
	if (!pod->chips || !pod->maps) {
		snprintf(why, why_size, "no memory for the mock");
		return -ENOMEM;
	}
	for (uint32_t s = 0; s < pod->shape->servers; s++)
		trn_mock_maps_init(&pod->maps[s]);
	if (params->profile)
		r = trn_mock_profile_open(pod->alloc, params->profile, params->gen, &pod->profile,
					  &pod->gen, why, why_size);
	if (r == 0)
		r = make_model(pod, params, why, why_size);
	/* 0: as its generation. The driver's table knows no profile. */
	pod->hbm_bytes = params->hbm == 0 && pod->profile ? pod->gen->hbm_bytes : params->hbm;
	if (r == 0)
		r = trn_mock_start(pod, why, why_size);
	return r;
}

static int pod_create(const struct trn_bus_open *open, const struct mock_params *params,
		      struct mock_pod **ret_pod)
{
	static _Atomic uint64_t ids;
	struct mock_pod *pod = trn_alloc_zero(open->alloc, sizeof(*pod));
	int r;

	if (!pod) {
		snprintf(open->ret_why, open->why_size, "no memory for the mock");
		return -ENOMEM;
	}
	pod->alloc = open->alloc;
	pod->id = atomic_fetch_add(&ids, 1) + 1;
	pod->row = *params->pod;
	pod->shape = &pod->row;
	pod->fabric = params->fabric;
	pod->gen = params->gen;
	pod->chip_count = trn_pod_chips(params->pod);
	pod->threaded = params->threads != 0;
	pod->devices = 1;
	trn_mock_locks_init(pod);
	r = pod_fill(pod, params, open->ret_why, open->why_size);
	if (r < 0) {
		pod_destroy(pod);
		return r;
	}
	*ret_pod = pod;
	return 0;
}

/* ---- the registry ---- */

/* What makes two URIs one pod: everything but hooks and INDEX. Lengths keep values apart. */
static int make_key(const struct trn_bus_open *open, const struct mock_params *params,
		    char **ret_key)
{
	char text[2 * TRN_URI_TEXT_MAX];
	size_t used = trn_text_add(text, sizeof(text), 0, "%s", params->pod->name);

	for (size_t i = 0; i < open->uri->param_count; i++) {
		const struct trn_uri_param *param = &open->uri->params[i];

		used = trn_text_add(text, sizeof(text), used, "&%s=%zu:%s", param->key,
				    strlen(param->value), param->value);
	}
	*ret_key = trn_alloc_strdup(open->alloc, text);
	if (*ret_key)
		return 0;
	snprintf(open->ret_why, open->why_size, "no memory for the mock");
	return -ENOMEM;
}

/* The open pod of that key, for one more device. pods->lock held. */
static struct mock_pod *find(struct trn_hal_pods *pods, const char *key) TRN_REQUIRES(pods->lock)
{
	struct mock_pod *pod = pods->first;

	while (pod && strcmp(pod->key, key) != 0)
		pod = pod->next;
	if (pod)
		pod->devices++;
	return pod;
}

/* Making a pod takes time and the user's allocator: without the lock. Of two at the same time one
 * is thrown away. */
static int find_or_create(const struct trn_bus_open *open, const struct mock_params *params,
			  char **key, struct mock_pod **ret_pod)
{
	struct trn_hal_pods *pods = open->pods;
	struct mock_pod *pod;
	struct mock_pod *made = NULL;
	int r;

	trn_lock_take(&pods->lock);
	pod = find(pods, *key);
	trn_lock_give(&pods->lock);
	if (!pod) {
		r = pod_create(open, params, &made);
		if (r < 0)
			return r;
		trn_lock_take(&pods->lock);
		pod = find(pods, *key);
		if (!pod) {
			pod = made;
			made = NULL;
			pod->key = *key;
			*key = NULL;
			pod->pods = pods;
			pod->next = pods->first;
			pods->first = pod;
		}
		trn_lock_give(&pods->lock);
	}
	if (made)
		pod_destroy(made);
	*ret_pod = pod;
	return 0;
}

int trn_mock_pod_get(const struct trn_bus_open *open, const struct mock_params *params,
		     struct mock_pod **ret_pod)
{
	char *key = NULL;
	int r;

	/* A chip alone shares its time with nobody. */
	if (!open->pods || trn_pod_chips(params->pod) == 1)
		return pod_create(open, params, ret_pod);
	r = make_key(open, params, &key);
	if (r == 0)
		r = find_or_create(open, params, &key, ret_pod);
	trn_free(open->alloc, key);
	return r;
}

void trn_mock_pod_put(struct mock_pod *pod)
{
	struct trn_hal_pods *pods = pod->pods;
	bool last = true;

	if (pods) {
		trn_lock_take(&pods->lock);
		last = --pod->devices == 0;
		for (struct mock_pod **at = &pods->first; last && *at; at = &(*at)->next) {
			if (*at == pod) {
				*at = pod->next;
				break;
			}
		}
		trn_lock_give(&pods->lock);
	}
	if (last)
		pod_destroy(pod);
}
