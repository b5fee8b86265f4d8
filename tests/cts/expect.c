/* SPDX-License-Identifier: Apache-2.0 */
/* The backends under test, and what each is not expected to pass, with the reason.
 * A line here that turns out wrong fails the suite. */
#include <string.h>
#include "base/bits.h"
#include "cts.h"

static const char *const uris[] = {
	"mock:trn2",
	"mock:trn3",
	"mock:trn4",
	"mock:trn3?threads=1",
	"mock:trn3?extension=0",
	"mock:trn3?api=6",
	"mock:trn2?threads=1&extension=0",
	"mock:trn2-48xl/5",
	"mock:trn3-ultraserver/77",
	"mock:trn3-ultraserver/77?threads=1",
	"mock:trn3-gen1/63?extension=0",
	"null:",
	"record(file=cts-record.txt)+mock:trn3",
	"record(file=cts-record-null.txt)+null:",
	"validate+mock:trn3",
	"validate+mock:trn3?threads=1",
	"validate+mock:trn3?extension=0",
	"validate+mock:trn3-ultraserver/77",
	"validate+null:",
};

const char *cts_uri(size_t index)
{
	return index < TRN_ARRAY_LEN(uris) ? uris[index] : NULL;
}

#define NO_DEVICE "there is no device behind null:"
#define NO_BLOCK "without the launch block a queue copies and signals only"

static const struct {
	const char *uri;  /* what the URI contains */
	const char *test; /* what the test's name begins with */
	enum cts_verdict verdict;
	const char *reason;
} list[] = {
	{ "null:", "device.reset", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.queue-after-reset", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.core-reset", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.semaphores", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.core-state", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.claims", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.telemetry", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.mailbox", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.registers", CTS_NEVER, NO_DEVICE },
	{ "null:", "device.control", CTS_NEVER, NO_DEVICE },
	{ "null:", "queue.wait", CTS_NEVER, "null: runs everything inside the kick" },
	{ "null:", "queue.pair", CTS_NEVER, "null: runs everything inside the kick" },
	{ "null:", "queue.timestamp", CTS_NEVER, NO_DEVICE },
	{ "null:", "queue.launch", CTS_NEVER, NO_DEVICE },
	{ "extension=0", "queue.timestamp", CTS_NEVER, NO_BLOCK },
	{ "extension=0", "queue.launch", CTS_NEVER, NO_BLOCK },
	{ "extension=0", "device.core-state", CTS_NEVER, "core pages are the extension's" },
	{ "extension=0", "device.claims", CTS_NEVER, "claims are the extension's" },
};

enum cts_verdict cts_expected(const char *uri, const char *test, const char **ret_reason)
{
	/* Chips of a pod have an INDEX behind a slash. */
	if (!strchr(uri, '/') && strncmp(test, "pod.", 4) == 0) {
		*ret_reason = "one device has no peers";
		return CTS_NEVER;
	}
	for (size_t i = 0; i < TRN_ARRAY_LEN(list); i++) {
		if (strstr(uri, list[i].uri) &&
		    strncmp(test, list[i].test, strlen(list[i].test)) == 0) {
			*ret_reason = list[i].reason;
			return list[i].verdict;
		}
	}
	return CTS_MUST_PASS;
}
