// SPDX-License-Identifier: Apache-2.0
/* Opening: a device is what --device or TRN_DEVICE names, else the first piece of hardware.
 * A mock is never taken unasked. */
#include "tools/trnctl.h"

#include <errno.h>
#include <inttypes.h>

#define OPEN_SECONDS 30u

static const struct {
	uint64_t bit;
	const char *name;
} caps[] = {
	{ TRN_CAP_COMPUTE, "compute" },     { TRN_CAP_MAP_HBM, "map-hbm" },
	{ TRN_CAP_TIMESTAMP, "timestamp" }, { TRN_CAP_SIMULATED, "simulated" },
	{ TRN_CAP_INLINE, "inline" },       { TRN_CAP_PEER, "peer" },
	{ TRN_CAP_COLLECT, "collect" },     { TRN_CAP_LISTS, "lists" },
	{ TRN_CAP_STRIDED, "strided" },
};

const char *trnctl_cap(unsigned int index, uint64_t *ret_bit)
{
	if (index >= sizeof(caps) / sizeof(caps[0]))
		return NULL;
	*ret_bit = caps[index].bit;
	return caps[index].name;
}

const char *trnctl_core_state(uint32_t state)
{
	static const char *const names[] = { "idle", "running", "faulted", "in reset" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	(void)user;
	fprintf(stderr, "trnctl: %s: %s\n", names[(unsigned int)level & 3u], text);
}

int trnctl_context(struct trnctl *ctl)
{
	struct trn_context_opts opts = { .size = sizeof(opts) };
	int r;

	if (ctl->verbose > 0) {
		opts.log = log_line;
		opts.log_level = ctl->verbose > 1 ? TRN_LOG_DEBUG : TRN_LOG_INFO;
	}
	r = trn_context_create(&opts, &ctl->context);
	return r < 0 ? trnctl_fail(ctl, r, "no context") : TRNCTL_OK;
}

int trnctl_open(struct trnctl *ctl)
{
	int r = trnctl_context(ctl);

	if (r != TRNCTL_OK)
		return r;
	r = trn_device_open(ctl->context, ctl->uri, trnctl_deadline(ctl, OPEN_SECONDS),
			    &ctl->device);
	if (r < 0)
		return trnctl_fail(ctl, r, "cannot open %s", ctl->uri ? ctl->uri : "a device");
	ctl->info.size = sizeof(ctl->info);
	r = trn_device_info(ctl->device, &ctl->info);
	return r < 0 ? trnctl_fail(ctl, r, "the device does not describe itself") : TRNCTL_OK;
}

uint64_t trnctl_deadline(const struct trnctl *ctl, unsigned int seconds)
{
	return trn_deadline_in(ctl->timeout_ns != 0 ? ctl->timeout_ns :
						      seconds * UINT64_C(1000000000));
}
