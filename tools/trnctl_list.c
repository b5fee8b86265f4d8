// SPDX-License-Identifier: Apache-2.0
/* trnctl list: the devices that are here and every door there is. Only what was named is opened,
 * of a pod all of it; hardware that was found is not touched. */
#include "tools/trnctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <trn/diag.h>
#include <trn/topology.h>

#define OPEN_SECONDS 30u
#define DEVICES_MAX 1024u

/* What was named. */
struct named {
	struct trn_device *device[DEVICES_MAX];
	uint32_t count;
};

struct found {
	struct json_object *devices; /* or NULL: print as text */
	unsigned int count;
};

static int found_one(void *user, const char *uri, const char *product)
{
	struct found *found = user;

	found->count++;
	if (found->devices) {
		struct json_object *device = json_object_new_object();

		json_object_object_add(device, "uri", trnctl_text(uri));
		json_object_object_add(device, "product", trnctl_text(product));
		json_object_object_add(device, "opened", json_object_new_boolean(false));
		json_object_array_add(found->devices, device);
	} else {
		printf("%-24s %-12s (not opened)\n", uri, product);
	}
	return 0;
}

static void named_json(const struct trn_device_info *info, struct json_object *devices)
{
	struct json_object *device = json_object_new_object();

	json_object_object_add(device, "uri", trnctl_text(info->uri));
	json_object_object_add(device, "product", trnctl_text(info->product));
	json_object_object_add(device, "opened", json_object_new_boolean(true));
	json_object_object_add(device, "arch", trnctl_text(info->arch));
	json_object_object_add(device, "backend", trnctl_text(info->backend));
	json_object_object_add(device, "simulated",
			       json_object_new_boolean((info->caps & TRN_CAP_SIMULATED) != 0));
	json_object_object_add(device, "cores", json_object_new_int64(info->cores));
	json_object_object_add(device, "hbm_bytes", json_object_new_uint64(info->hbm_bytes));
	json_object_object_add(device, "numa_node",
			       info->numa_node < 0 ? NULL : json_object_new_int(info->numa_node));
	json_object_array_add(devices, device);
}

static void named_text(const struct trn_device_info *info)
{
	char bytes[24];

	printf("%-24s %-12s %2" PRIu32 " cores  %10s HBM  %s\n", info->uri, info->product,
	       info->cores, trnctl_human(info->hbm_bytes, bytes),
	       (info->caps & TRN_CAP_SIMULATED) != 0 ? "simulated" : "silicon");
}

static void doors(struct json_object *schemes)
{
	const char *scheme, *needs;

	for (unsigned int i = 0; (scheme = trn_diag_scheme(i, &needs)); i++) {
		if (schemes) {
			struct json_object *door = json_object_new_object();

			json_object_object_add(door, "scheme", trnctl_text(scheme));
			json_object_object_add(door, "help", trnctl_text(needs));
			json_object_array_add(schemes, door);
		} else {
			printf("  %-12s %s\n", scheme, needs);
		}
	}
}

static int named_all(struct named *named, struct json_object *devices)
{
	for (uint32_t i = 0; i < named->count; i++) {
		struct trn_device_info info = { .size = sizeof(info) };
		int r = trn_device_info(named->device[i], &info);

		if (r < 0)
			return r;
		if (devices)
			named_json(&info, devices);
		else
			named_text(&info);
	}
	return 0;
}

static int list_json(struct trnctl *ctl, struct named *named, enum trnctl_exit *status)
{
	struct json_object *document = trnctl_document("trn.list/1");
	struct json_object *schemes = json_object_new_array();
	struct found found = { .devices = json_object_new_array() };
	int r = 0;

	json_object_object_add(document, "devices", found.devices);
	json_object_object_add(document, "schemes", schemes);
	if (named)
		r = named_all(named, found.devices);
	else
		r = trn_device_list(ctl->context, found_one, &found);
	doors(schemes);
	if (r < 0) {
		json_object_put(document);
		return r;
	}
	if (!named && found.count == 0)
		*status = TRNCTL_NO_DEVICE;
	(void)trnctl_print(ctl, document, *status);
	return 0;
}

static int list_text(struct trnctl *ctl, struct named *named, enum trnctl_exit *status)
{
	struct found found = { 0 };
	int r = 0;

	if (named)
		r = named_all(named, NULL);
	else
		r = trn_device_list(ctl->context, found_one, &found);
	if (r < 0)
		return r;
	if (!named && found.count == 0) {
		printf("No device found. A simulated one: trnctl --device mock:trn3 ...\n");
		*status = TRNCTL_NO_DEVICE;
	}
	printf("\nDoors (--device SCHEME:...):\n");
	doors(NULL);
	return 0;
}

int trnctl_list(struct trnctl *ctl, int argc, char **argv)
{
	static const struct trnctl_options options = {
		.doc = "Name the devices that are here and the doors there are.\vWithout --device "
		       "and TRN_DEVICE the machine is looked through; nothing is opened. Exit "
		       "status 3 when there is no device.",
	};
	enum trnctl_exit status = TRNCTL_OK;
	struct named named = { 0 };
	bool by_name;
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	by_name = ctl->uri || (getenv("TRN_DEVICE") && *getenv("TRN_DEVICE") != '\0');
	r = trnctl_context(ctl);
	if (r != TRNCTL_OK)
		return r;
	if (by_name)
		r = trn_pod_open(ctl->context, ctl->uri, trnctl_deadline(ctl, OPEN_SECONDS),
				 named.device, DEVICES_MAX, &named.count);
	if (r < 0)
		return trnctl_fail(ctl, r, "cannot open %s", ctl->uri ? ctl->uri : "a device");
	r = ctl->json ? list_json(ctl, by_name ? &named : NULL, &status) :
			list_text(ctl, by_name ? &named : NULL, &status);
	for (uint32_t i = 0; i < named.count; i++)
		trn_device_unref(named.device[i]);
	return r < 0 ? trnctl_fail(ctl, r, "looking for devices") : (int)status;
}
