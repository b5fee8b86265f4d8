// SPDX-License-Identifier: Apache-2.0
/*
 * hello_device: open a device, ask what it is, say it.
 * usage: hello_device [URI]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <trn/trn.h>

#define SECONDS UINT64_C(1000000000)

/* The record says what failed, why, and what to do next. */
static int fail(struct trn_context *context, const char *what, int code)
{
	struct trn_error error = { .size = sizeof(error) };

	fprintf(stderr, "%s: %s\n", what, trn_strerror(code));
	if (context && trn_error_get(context, &error) == 0)
		fprintf(stderr, "  cause: %s\n  hint:  %s\n", error.cause, error.hint);
	return EXIT_FAILURE;
}

static void describe(const struct trn_device_info *info)
{
	printf("%s: %s, %" PRIu32 " NeuronCores, %" PRIu64 " GiB of HBM in %" PRIu32 " stacks\n",
	       info->uri, info->product, info->cores, info->hbm_bytes >> 30, info->hbm_stacks);
	printf("serial 0x%016" PRIx64 ", firmware API %" PRIu32 "\n", info->serial,
	       info->firmware_api);
	if ((info->caps & TRN_CAP_SIMULATED) != 0)
		printf("There is no silicon behind this: the device model answers.\n");
	if ((info->caps & TRN_CAP_COMPUTE) != 0)
		printf("It runs programs.\n");
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : getenv("TRN_DEVICE");
	struct trn_device_info info = { .size = sizeof(info) };
	struct trn_context *context = NULL;
	struct trn_device *device = NULL;
	int r, status = EXIT_SUCCESS;

	if (argc > 2) {
		fprintf(stderr, "usage: hello_device [URI]\n");
		return 2;
	}
	if (!uri) {
		uri = "mock:trn3";
		printf("No device was named: using the simulated %s.\n", uri);
	}
	r = trn_context_create(NULL, &context);
	if (r < 0)
		return fail(NULL, "no context", r);
	/* Every call that can wait takes the time to give up. */
	r = trn_device_open(context, uri, trn_deadline_in(30 * SECONDS), &device);
	if (r == 0)
		r = trn_device_info(device, &info);
	if (r == 0)
		describe(&info);
	else
		status = fail(context, uri, r);
	trn_device_unref(device);
	trn_context_unref(context);
	return status;
}
