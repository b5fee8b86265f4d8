/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which core: claims are a context's, come with the first launch or by hand, and end with
 * the queues that needed them. */
#include "runtime/private.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"

#define STOP_NS UINT64_C(2000000000) /* a core that still works is reset in that time */
#define NUMBER_BITS 10u              /* contexts of a process; ids of processes have 22 bits */

uint32_t trn_claim_token(void)
{
	static _Atomic uint32_t contexts;
	const uint32_t number = atomic_fetch_add(&contexts, 1) & ((1u << NUMBER_BITS) - 1);

	return (uint32_t)getpid() << NUMBER_BITS | number;
}

static struct trn_hal_claim self(const struct trn_device *device)
{
	struct trn_hal_claim who = {
		.owner = device->object.context->token,
		.pid = (uint32_t)getpid(),
		.wall_ns = trn_clock_wall_ns(),
	};

	trn_text_copy(who.command, sizeof(who.command), program_invocation_short_name);
	return who;
}

/* "core 3 is held by pid 4711 (python3) since 12.300 s" */
static int busy(struct trn_device *device, uint32_t core, const struct trn_hal_claim *claim,
		const char *operation)
{
	const uint64_t now = trn_clock_wall_ns();
	char since[48], holder[48];

	if (claim->wall_ns != 0 && claim->wall_ns <= now)
		(void)snprintf(since, sizeof(since), "%.3f s",
			       (double)(now - claim->wall_ns) / 1e9);
	else
		(void)snprintf(since, sizeof(since), "%llu ns of device time",
			       (unsigned long long)claim->since_ns);
	if (claim->pid != 0)
		(void)snprintf(holder, sizeof(holder), "pid %u (%s)", claim->pid,
			       claim->command[0] ? claim->command : "?");
	else
		(void)snprintf(holder, sizeof(holder), "0x%x", claim->owner);
	return trn_fail(device->object.context, device, -EBUSY, operation,
			"core %u is held by %s%s since %s", core,
			claim->owner == device->object.context->token ? "this context, " : "",
			holder, since);
}

/* What a device reset has taken away. lock held. */
static void claims_renew(struct trn_device *device)
{
	const uint32_t epoch = atomic_load(&device->epoch);

	if (device->claims.epoch == epoch)
		return;
	device->claims.epoch = epoch;
	device->claims.held = 0;
	device->claims.kept = 0;
}

static void tell(struct trn_device *device, enum trn_event_kind kind, uint32_t core)
{
	struct trn_event event = trn_event_of(kind);

	event.core = (int32_t)core;
	trn_device_event(device, &event);
}

/* lock held; nothing is recorded. */
static int take(struct trn_device *device, uint32_t core, struct trn_hal_claim *ret_claim)
{
	const struct trn_hal_claim who = self(device);
	int r = device->hal->ops.core_claim(device->hal, core, &who, true, ret_claim);

	if (r == 0 && !(device->claims.held >> core & 1))
		tell(device, TRN_EVENT_CLAIM, core);
	if (r == 0)
		device->claims.held |= 1u << core;
	else if (r == -EBUSY) /* who it is is an answer, not a failure: asked for again */
		(void)device->hal->ops.core_claim(device->hal, core, NULL, false, ret_claim);
	return r;
}

/* Stops it when it works. lock held; nothing is recorded. */
static int give(struct trn_device *device, uint32_t core, struct trn_hal_claim *ret_claim)
{
	const struct trn_hal_claim who = self(device);
	struct trn_hal_dev *hal = device->hal;
	int r = hal->ops.core_claim(hal, core, &who, false, ret_claim);

	if (r == -EBUSY) {
		r = hal->ops.reset(hal, TRN_HAL_RESET_CORES, 1u << core,
				   trn_clock_deadline(STOP_NS));
		if (r == 0)
			r = hal->ops.core_claim(hal, core, &who, false, ret_claim);
	}
	if (r == 0)
		tell(device, TRN_EVENT_RELEASE, core);
	if (r == 0 || r == -EPERM) /* it is somebody else's by now */
		device->claims.held &= ~(1u << core);
	return r;
}

/* What cannot be given back stays held: nobody gets a core that may still write. lock held. */
static void give_all(struct trn_device *device, uint32_t cores)
{
	struct trn_hal_claim claim;

	for (uint32_t core = 0; cores >> core != 0; core++) {
		if (cores >> core & 1 && give(device, core, &claim) < 0 &&
		    !atomic_load(&device->lost))
			trn_logf(&device->hal_log, TRN_LOG_WARNING,
				 "core %u could not be stopped and stays claimed", core);
	}
}

int trn_claim_for(struct trn_queue *queue, uint32_t cores)
{
	struct trn_device *device = queue->device;
	struct trn_hal_claim claim = { 0 };
	uint32_t core = 0, missing, fresh = 0;
	int r = 0;

	trn_device_enter(device);
	claims_renew(device);
	missing = cores & ~device->claims.held;
	for (; r == 0 && missing >> core != 0; core++) {
		if (!(missing >> core & 1))
			continue;
		r = take(device, core, &claim);
		if (r == -ENOTSUP) /* a door without claims: its cores are its user's */
			r = 0;
		else if (r == 0)
			fresh |= 1u << core;
	}
	if (r == 0)
		queue->cores |= cores;
	else
		give_all(device, fresh);
	trn_device_leave(device);
	if (r == -EBUSY)
		return busy(device, core - 1, &claim, "trn_queue_submit");
	return r < 0 ? trn_fail_hal(device, r, "trn_queue_submit", "claim of core %u", core - 1) :
		       0;
}

void trn_claim_again(struct trn_queue *queue)
{
	struct trn_device *device = queue->device;

	if (queue->cores == 0)
		return;
	trn_device_enter(device);
	claims_renew(device);
	queue->cores &= device->claims.held;
	trn_device_leave(device);
}

/* Cores that queues of the context launched on. lock held. */
static uint32_t needed(struct trn_device *device)
{
	uint32_t cores = 0;

	trn_lock_take(&device->list_lock);
	for (const struct trn_queue *queue = device->queues; queue; queue = queue->next)
		cores |= queue->cores;
	trn_lock_give(&device->list_lock);
	return cores;
}

void trn_claim_leave(struct trn_queue *queue)
{
	struct trn_device *device = queue->device;

	if (queue->cores == 0)
		return;
	trn_device_enter(device);
	claims_renew(device);
	give_all(device,
		 queue->cores & device->claims.held & ~device->claims.kept & ~needed(device));
	trn_device_leave(device);
}

void trn_claim_end(struct trn_device *device)
{
	trn_device_enter(device);
	claims_renew(device);
	give_all(device, device->claims.held);
	trn_device_leave(device);
}

/* Takes, gives back or looks. lock held. */
static int claim_change(struct trn_device *device, uint32_t core, int change,
			struct trn_hal_claim *ret_claim)
{
	const uint32_t bit = 1u << core;
	int r;

	claims_renew(device);
	if (change > 0) {
		r = take(device, core, ret_claim);
		if (r == 0)
			device->claims.kept |= bit;
		return r;
	}
	if (change < 0) {
		device->claims.kept &= ~bit;
		if (!(needed(device) & device->claims.held & bit))
			return give(device, core, ret_claim);
	}
	return device->hal->ops.core_claim(device->hal, core, NULL, false, ret_claim);
}

TRN_API int trn_device_core_claim(struct trn_device *device, uint32_t core, int change,
				  struct trn_core_claim *ret_claim)
{
	struct trn_hal_core_error state = { 0 };
	struct trn_hal_claim claim = { 0 };
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (ret_claim && ret_claim->size != sizeof(*ret_claim))
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"size member is not sizeof(struct trn_core_claim)");
	if (core >= device->info.cores || change < -1 || change > 1)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"core %u, take %d: %u cores, take is -1, 0 or 1", core, change,
				device->info.cores);
	trn_device_enter(device);
	r = claim_change(device, core, change, &claim);
	if (r == -EPERM) /* a release of what somebody else holds */
		r = -EBUSY;
	(void)device->hal->ops.core_error(device->hal, core,
					  &state); /* 0, idle, where there is none */
	trn_device_leave(device);
	if (ret_claim && (r == 0 || r == -EBUSY)) {
		*ret_claim = (struct trn_core_claim){
			.size = sizeof(*ret_claim),
			.owner = claim.owner,
			.core = core,
			.since_ns = claim.since_ns,
			.state = state.state,
			.pid = claim.pid,
			.since_wall_ns = claim.wall_ns,
		};
		memcpy(ret_claim->command, claim.command, sizeof(ret_claim->command));
	}
	if (r == -EBUSY)
		return busy(device, core, &claim, __func__);
	if (r < 0)
		return trn_fail_hal(device, r, __func__, "claim of core %u", core);
	return 0;
}
