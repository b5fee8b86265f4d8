// SPDX-License-Identifier: Apache-2.0
/* Selftest: other chips of the pod. Opening one resets it, so only chips that are simulated, and
 * thus nobody else's, are opened. */
#include "tools/trnctl_selftest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 100003u /* odd on purpose */

struct setup {
	struct trn_device *other;
	struct trn_buffer *mine, *theirs, *peer; /* mine: what goes, and behind it what comes */
	struct trn_queue *queue;
	struct trn_batch *batch;
};

/* The device's URI with another INDEX: behind the first slash of the path. */
static bool other_uri(const struct trnctl_check *check, uint32_t index, char *buf, size_t size)
{
	const char *uri = check->ctl->uri ? check->ctl->uri : getenv("TRN_DEVICE");
	const char *hooks = uri ? strrchr(uri, ')') : NULL;
	const char *path = uri ? strchr(hooks ? hooks : uri, ':') : NULL;
	const char *slash = path ? strchr(path, '/') : NULL;

	if (!slash || strcspn(path, "?") < (size_t)(slash - path))
		return false;
	return snprintf(buf, size, "%.*s/%" PRIu32 "%s", (int)(slash - uri), uri, index,
			slash + strcspn(slash, "?")) < (int)size;
}

static int setup_make(struct trnctl_check *check, struct setup *setup)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = (uint64_t)2 * BYTES };
	int r = trn_buffer_create(check->device, &opts, &setup->mine);

	opts.bytes = BYTES;
	if (r == 0)
		r = trn_buffer_create(setup->other, &opts, &setup->theirs);
	if (r == 0)
		r = trn_buffer_peer(setup->theirs, check->device, &setup->peer);
	if (r == 0)
		r = trn_queue_create(check->device, NULL, &setup->queue);
	if (r == 0)
		r = trn_batch_create(setup->queue, 2, &setup->batch);
	if (r == 0)
		r = trn_batch_copy(setup->batch, setup->peer, 0, setup->mine, 0, BYTES);
	if (r == 0)
		r = trn_batch_copy(setup->batch, setup->mine, BYTES, setup->peer, 0, BYTES);
	return r;
}

static void setup_end(struct setup *setup)
{
	trn_batch_destroy(setup->batch);
	trn_queue_unref(setup->queue);
	trn_buffer_unref(setup->peer);
	trn_buffer_unref(setup->theirs);
	trn_buffer_unref(setup->mine);
	trn_device_unref(setup->other);
}

/* Out and back by copies of this chip; what the other one holds is looked at, too. */
static int exchange(struct trnctl_check *check, struct setup *setup, uint32_t index)
{
	static uint8_t sent[BYTES], got[BYTES];
	int r = setup_make(check, setup);

	for (uint32_t i = 0; i < BYTES; i++)
		sent[i] = (uint8_t)((i + index) * 2654435761u >> 24);
	if (r == 0)
		r = trn_buffer_write(setup->mine, 0, sent, BYTES, check->deadline_ns);
	if (r == 0)
		r = trnctl_check_play(check, setup->queue, setup->batch);
	if (r == 0)
		r = trn_buffer_read(setup->theirs, 0, got, BYTES, check->deadline_ns);
	if (r == 0 && memcmp(sent, got, BYTES) != 0)
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "chip %" PRIu32 " got other bytes",
				   index);
	if (r == 0)
		r = trn_buffer_read(setup->mine, BYTES, got, BYTES, check->deadline_ns);
	if (r == 0 && memcmp(sent, got, BYTES) != 0)
		return trnctl_note(check, TRNCTL_CHECK_WRONG,
				   "other bytes came back from chip %" PRIu32, index);
	return r;
}

static int one_peer(struct trnctl_check *check, uint32_t index)
{
	struct setup setup = { 0 };
	char uri[512];
	int r;

	if (!other_uri(check, index, uri, sizeof(uri)))
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "the URI has no INDEX to change");
	r = trn_device_open(check->ctl->context, uri, check->deadline_ns, &setup.other);
	if (r == 0)
		r = exchange(check, &setup, index);
	setup_end(&setup);
	return r;
}

int trnctl_check_peer(struct trnctl_check *check)
{
	struct trn_device_place place = { .size = sizeof(place) };
	struct trn_pod_info pod = { .size = sizeof(pod) };
	uint32_t near, far;
	int r;

	if ((check->info->caps & TRN_CAP_PEER) == 0)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "it reaches no other chips");
	if ((check->info->caps & TRN_CAP_SIMULATED) == 0)
		return trnctl_note(check, TRNCTL_CHECK_SKIP,
				   "opening other chips would reset them");
	r = trn_device_place(check->device, &place);
	if (r == 0)
		r = trn_device_pod(check->device, &pod);
	if (r < 0)
		return r;
	near = place.index ^ 1;
	far = (place.index + pod.chips / 2) % pod.chips;
	r = one_peer(check, near);
	if (r == 0)
		r = one_peer(check, far);
	if (r != 0)
		return r;
	return trnctl_note(check, 0, "%u bytes to chips %" PRIu32 " and %" PRIu32 " and back",
			   BYTES, near, far);
}
