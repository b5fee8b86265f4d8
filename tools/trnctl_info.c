// SPDX-License-Identifier: Apache-2.0
/* trnctl info: what the device said about itself, and its counters. */
#include "tools/trnctl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <trn/diag.h>

static struct json_object *caps_json(uint64_t caps)
{
	struct json_object *list = json_object_new_array();
	const char *name;
	uint64_t bit;

	for (unsigned int i = 0; (name = trnctl_cap(i, &bit)); i++) {
		if ((caps & bit) != 0)
			json_object_array_add(list, json_object_new_string(name));
	}
	return list;
}

static struct json_object *device_json(const struct trn_device_info *info)
{
	struct json_object *device = json_object_new_object();

#define TEXT(key) json_object_object_add(device, #key, trnctl_text(info->key))
#define NUMBER(key) json_object_object_add(device, #key, json_object_new_uint64(info->key))
	TEXT(uri);
	TEXT(product);
	TEXT(arch);
	TEXT(backend);
	NUMBER(pci_vendor);
	NUMBER(pci_device);
	NUMBER(pci_revision);
	NUMBER(cores);
	NUMBER(hbm_stacks);
	NUMBER(queues_max);
	NUMBER(hbm_bytes);
	NUMBER(hbm_free_bytes);
	NUMBER(sbuf_partition_bytes);
	NUMBER(routing_id);
	NUMBER(serial);
	NUMBER(firmware_api);
#undef TEXT
#undef NUMBER
	json_object_object_add(device, "numa_node",
			       info->numa_node < 0 ? NULL : json_object_new_int(info->numa_node));
	json_object_object_add(device, "capabilities", caps_json(info->caps));
	return device;
}

/* Where the device stands; NULL where the door does not know. */
static struct json_object *place_json(struct trnctl *ctl)
{
	struct trn_device_place place = { .size = sizeof(place) };
	struct trn_pod_info pod = { .size = sizeof(pod) };
	struct json_object *json;

	if (trn_device_place(ctl->device, &place) < 0 || trn_device_pod(ctl->device, &pod) < 0)
		return NULL;
	json = json_object_new_object();
	json_object_object_add(json, "pod", trnctl_text(pod.name));
	json_object_object_add(json, "chips", json_object_new_int64(pod.chips));
#define NUMBER(key) json_object_object_add(json, #key, json_object_new_int64(place.key))
	NUMBER(index);
	NUMBER(rack);
	NUMBER(server);
	NUMBER(position);
#undef NUMBER
	json_object_object_add(json, "node_id",
			       place.node_id == UINT32_MAX ? NULL :
							     json_object_new_int64(place.node_id));
	return json;
}

static void place_text(struct trnctl *ctl)
{
	struct trn_device_place place = { .size = sizeof(place) };
	struct trn_pod_info pod = { .size = sizeof(pod) };

	if (trn_device_place(ctl->device, &place) < 0 || trn_device_pod(ctl->device, &pod) < 0)
		return;
	printf("%-18s %s (%s)\n", "pod", pod.name, pod.product);
	if (pod.chips > 1)
		printf("%-18s chip %" PRIu32 " of %" PRIu32 ": rack %" PRIu32 ", server %" PRIu32
		       ", position %" PRIu32 "\n",
		       "place", place.index, pod.chips, place.rack, place.server, place.position);
}

static struct json_object *numbers32(const uint32_t *values, uint32_t count)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < count; i++)
		json_object_array_add(list, json_object_new_int64(values[i]));
	return list;
}

static struct json_object *numbers64(const uint64_t *values, uint32_t count)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < count; i++)
		json_object_array_add(list, json_object_new_uint64(values[i]));
	return list;
}

static uint32_t at_most(uint32_t value, uint32_t most)
{
	return value < most ? value : most;
}

static struct json_object *telemetry_json(const struct trn_device_info *info,
					  const struct trn_device_telemetry *t)
{
	struct json_object *json = json_object_new_object();
	uint32_t stacks = at_most(info->hbm_stacks, 4), cores = at_most(info->cores, 8);

	json_object_object_add(json, "ecc_sram_corrected",
			       json_object_new_int64(t->ecc_sram_corrected));
	json_object_object_add(json, "ecc_sram_uncorrected",
			       json_object_new_int64(t->ecc_sram_uncorrected));
	json_object_object_add(json, "ecc_hbm_corrected", numbers32(t->ecc_hbm_corrected, stacks));
	json_object_object_add(json, "ecc_hbm_uncorrected",
			       numbers32(t->ecc_hbm_uncorrected, stacks));
	json_object_object_add(json, "hbm_repair_state",
			       json_object_new_int64(t->hbm_repair_state));
	json_object_object_add(json, "power_utilization_centipercent",
			       numbers32(t->power_utilization, 2));
	json_object_object_add(json, "power_samples", numbers32(t->power_samples, 2));
	json_object_object_add(json, "tensor_busy_cycles", numbers64(t->tensor_busy_cycles, cores));
	json_object_object_add(json, "tensor_idle_cycles", numbers64(t->tensor_idle_cycles, cores));
	return json;
}

static void device_text(const struct trn_device_info *info)
{
	char bytes[24], rest[24];
	const char *name;
	uint64_t bit;

	printf("%-18s %s\n", "device", info->uri);
	printf("%-18s %s (%s), behind %s\n", "product", info->product, info->arch, info->backend);
	printf("%-18s %04" PRIx32 ":%04" PRIx32 " revision %" PRIu32 "\n", "pci", info->pci_vendor,
	       info->pci_device, info->pci_revision);
	printf("%-18s 0x%016" PRIx64 "\n", "serial", info->serial);
	printf("%-18s %" PRIu32 "\n", "routing id", info->routing_id);
	printf("%-18s %" PRIu32 "\n", "firmware api", info->firmware_api);
	printf("%-18s %" PRIu32 ", SBUF %" PRIu32 " B a partition\n", "cores", info->cores,
	       info->sbuf_partition_bytes);
	printf("%-18s %s in %" PRIu32 " stacks, %s free\n", "hbm",
	       trnctl_human(info->hbm_bytes, bytes), info->hbm_stacks,
	       trnctl_human(info->hbm_free_bytes, rest));
	if (info->queues_max == UINT32_MAX)
		printf("%-18s no limit\n", "queues");
	else
		printf("%-18s %" PRIu32 "\n", "queues", info->queues_max);
	if (info->numa_node >= 0)
		printf("%-18s %" PRId32 "\n", "numa node", info->numa_node);
	else
		printf("%-18s unknown\n", "numa node");
	printf("%-18s", "capabilities");
	for (unsigned int i = 0; (name = trnctl_cap(i, &bit)); i++) {
		if ((info->caps & bit) != 0)
			printf(" %s", name);
	}
	printf("\n");
}

static void telemetry_text(const struct trn_device_info *info, const struct trn_device_telemetry *t)
{
	static const char *const repair[] = { "none", "pending", "failed" };

	printf("\n%-18s %9s %11s\n", "ecc", "corrected", "uncorrected");
	printf("%-18s %9" PRIu32 " %11" PRIu32 "\n", "  sram", t->ecc_sram_corrected,
	       t->ecc_sram_uncorrected);
	for (uint32_t i = 0; i < at_most(info->hbm_stacks, 4); i++)
		printf("  %-4s %-11" PRIu32 " %9" PRIu32 " %11" PRIu32 "\n", "hbm", i,
		       t->ecc_hbm_corrected[i], t->ecc_hbm_uncorrected[i]);
	printf("%-18s %s\n", "hbm repair",
	       t->hbm_repair_state < 3 ? repair[t->hbm_repair_state] : "unknown");
	for (uint32_t i = 0; i < 2; i++)
		printf("%-8s %-9" PRIu32 " %.2f %% of the most (sample %" PRIu32 ")\n", "power die",
		       i, t->power_utilization[i] / 100.0, t->power_samples[i]);
	printf("\n%-18s %20s %20s\n", "tensor engine", "busy cycles", "idle cycles");
	for (uint32_t i = 0; i < at_most(info->cores, 8); i++)
		printf("  %-5s %-10" PRIu32 " %20" PRIu64 " %20" PRIu64 "\n", "core", i,
		       t->tensor_busy_cycles[i], t->tensor_idle_cycles[i]);
}

/* Every constant of the device with where it is from, as the door tells; NULL: it does not. */
static struct json_object *generation_json(struct trnctl *ctl)
{
	struct json_object *generation, *count, *list;
	char text[1024], index[24];

	if (trn_diag_control(ctl->device, "generation", NULL, text, sizeof(text)) < 0)
		return NULL;
	generation = json_tokener_parse(text);
	if (!json_object_object_get_ex(generation, "constants", &count))
		return generation;
	list = json_object_new_array();
	for (int64_t i = 0, n = json_object_get_int64(count); i < n; i++) {
		snprintf(index, sizeof(index), "%" PRId64, i);
		if (trn_diag_control(ctl->device, "generation", index, text, sizeof(text)) < 0)
			break;
		json_object_array_add(list, json_tokener_parse(text));
	}
	json_object_object_add(generation, "constants", list); /* instead of the count */
	return generation;
}

static const char *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

static void generation_text(struct json_object *generation)
{
	struct json_object *list = NULL;

	printf("\n%-18s %s, based on %s%s\n", "generation", member(generation, "name"),
	       member(generation, "base"),
	       strcmp(member(generation, "preview"), "true") == 0 ?
		       "; PREVIEW: announced, most numbers are assumed" :
		       "");
	if (json_object_object_get_ex(generation, "features", &list)) {
		printf("%-18s", "features");
		for (size_t i = 0; i < json_object_array_length(list); i++)
			printf(" %s", json_object_get_string(json_object_array_get_idx(list, i)));
		printf("\n");
	}
	if (!json_object_object_get_ex(generation, "constants", &list))
		return;
	printf("%-27s %16s %-9s %-2s %s\n", "constant", "value", "unit", "", "source");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *row = json_object_array_get_idx(list, i);

		printf("%-27s %16s %-9s %-2s %s\n", member(row, "name"), member(row, "value"),
		       member(row, "unit"), member(row, "confidence"), member(row, "source"));
	}
	printf("A: documented by the vendor; B: derived from documented or measured points; "
	       "C: a guess\n");
}

int trnctl_info(struct trnctl *ctl, int argc, char **argv)
{
	static const struct trnctl_options options = {
		.doc = "Say what a device is, and show its health counters.",
	};
	struct trn_device_telemetry telemetry = { .size = sizeof(telemetry) };
	struct json_object *document, *generation;
	int r, have;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = trnctl_open(ctl);
	if (r != TRNCTL_OK)
		return r;
	have = trn_device_telemetry(ctl->device, &telemetry);
	if (have < 0 && have != -ENOTSUP)
		return trnctl_fail(ctl, have, "no telemetry");
	generation = generation_json(ctl);
	if (!ctl->json) {
		device_text(&ctl->info);
		place_text(ctl);
		if (have == 0)
			telemetry_text(&ctl->info, &telemetry);
		else
			printf("%-18s this door has none\n", "telemetry");
		if (generation)
			generation_text(generation);
		else
			printf("%-18s this door does not tell its constants\n", "generation");
		json_object_put(generation);
		return TRNCTL_OK;
	}
	document = trnctl_document("trn.info/1");
	json_object_object_add(document, "device", device_json(&ctl->info));
	json_object_object_add(document, "place", place_json(ctl));
	json_object_object_add(document, "telemetry",
			       have == 0 ? telemetry_json(&ctl->info, &telemetry) : NULL);
	json_object_object_add(document, "generation", generation);
	return trnctl_print(ctl, document, TRNCTL_OK);
}
