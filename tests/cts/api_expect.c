/* SPDX-License-Identifier: Apache-2.0 */
/* What a door is not made for, with the reason. A line here that turns out
 * wrong fails the suite. */
#include <string.h>
#include "api.h"
#include "base/bits.h"

#define NO_DEVICE "there is no device behind null:"
#define NO_BLOCK "without the launch block a queue copies and signals only"

static const struct {
	const char *uri;  /* what the URI contains */
	const char *test; /* what the test's name begins with */
	const char *reason;
} list[] = {
	{ "null:", "device.telemetry", NO_DEVICE },
	{ "null:", "device.claims", NO_DEVICE },
	{ "null:", "device.reset", NO_DEVICE },
	{ "null:", "device.core-reset", NO_DEVICE },
	{ "null:", "device.registers", NO_DEVICE },
	{ "null:", "queue.wait", "null: runs everything inside the doorbell" },
	{ "null:", "queue.room", "null: runs everything inside the doorbell" },
	{ "null:", "queue.drop", "null: runs everything inside the doorbell" },
	{ "null:", "queue.timestamp", NO_DEVICE },
	{ "null:", "timeline.host-to-queue", "null: runs everything inside the doorbell" },
	{ "null:", "sync.queue-", "null: runs everything inside the doorbell" },
	{ "null:", "threads.ping-pong", "null: runs everything inside the doorbell" },
	{ "null:", "program.", NO_DEVICE },
	{ "null:", "graph.", NO_DEVICE },
	{ "extension=0", "pod.timeline-between", NO_BLOCK },
	{ "extension=0", "pod.timeline-from-host", NO_BLOCK },
	{ "extension=0", "pod.timeline-chain", NO_BLOCK },
	{ "extension=0", "pod.program", NO_BLOCK },
	{ "extension=0", "device.claims", "claims are the extension's" },
	{ "extension=0", "queue.timestamp", NO_BLOCK },
	{ "extension=0", "program.", NO_BLOCK },
	{ "extension=0", "graph.", NO_BLOCK },
};

const char *api_never(const char *uri, const char *test)
{
	/* Chips of a pod have an INDEX behind a slash. */
	if (!strchr(uri, '/') && strncmp(test, "pod.", 4) == 0)
		return "one device has no peers";
	for (size_t i = 0; i < TRN_ARRAY_LEN(list); i++)
		if (strstr(uri, list[i].uri) &&
		    strncmp(test, list[i].test, strlen(list[i].test)) == 0)
			return list[i].reason;
	return NULL;
}
