// SPDX-License-Identifier: Apache-2.0
/* trnctl mem: what a device's memory is used for, place by place, and by whom. */
#include "tools/trnctl.h"

#include <inttypes.h>
#include <string.h>

static struct json_object *usage_json(const struct trn_memory_usage *u)
{
	struct json_object *place = json_object_new_object();
	struct json_object *by = json_object_new_object();
	const bool host = u->place == TRN_MEMORY_HOST;

	json_object_object_add(place, "stack", host ? NULL : json_object_new_int64(u->place));
	if (!host) {
		json_object_object_add(place, "total_bytes",
				       json_object_new_uint64(u->total_bytes));
		json_object_object_add(place, "free_bytes", json_object_new_uint64(u->free_bytes));
		json_object_object_add(place, "largest_bytes",
				       json_object_new_uint64(u->largest_bytes));
	}
	json_object_object_add(place, "live_bytes", json_object_new_uint64(u->live_bytes));
	json_object_object_add(place, "peak_bytes", json_object_new_uint64(u->peak_bytes));
	for (int i = 0; i < TRN_MEMORY_CATEGORIES; i++) {
		struct json_object *count = json_object_new_object();

		json_object_object_add(count, "live_bytes",
				       json_object_new_uint64(u->by[i].live_bytes));
		json_object_object_add(count, "peak_bytes",
				       json_object_new_uint64(u->by[i].peak_bytes));
		json_object_object_add(count, "blocks", json_object_new_int64(u->by[i].blocks));
		json_object_object_add(by, trn_memory_category_name((enum trn_memory_category)i),
				       count);
	}
	json_object_object_add(place, "by_category", by);
	return place;
}

static void usage_text(const struct trn_memory_usage *u)
{
	char a[24], b[24], c[24];

	if (u->place == TRN_MEMORY_HOST)
		printf("host memory  %s held, at most %s\n", trnctl_human(u->live_bytes, a),
		       trnctl_human(u->peak_bytes, b));
	else
		printf("HBM stack %" PRIu32 "  %s free of %s, the largest piece %s\n", u->place,
		       trnctl_human(u->free_bytes, a), trnctl_human(u->total_bytes, b),
		       trnctl_human(u->largest_bytes, c));
	for (int i = 0; i < TRN_MEMORY_CATEGORIES; i++) {
		if (u->by[i].blocks == 0)
			continue;
		printf("  %-14s %10s in %" PRIu32 ", at most %s\n",
		       trn_memory_category_name((enum trn_memory_category)i),
		       trnctl_human(u->by[i].live_bytes, a), u->by[i].blocks,
		       trnctl_human(u->by[i].peak_bytes, b));
	}
}

static int add_holder(void *user, const struct trn_memory_holder *h)
{
	struct json_object *holder = json_object_new_object();

	json_object_object_add(holder, "stack",
			       h->place == TRN_MEMORY_HOST ? NULL :
							     json_object_new_int64(h->place));
	json_object_object_add(holder, "category",
			       trnctl_text(trn_memory_category_name(h->category)));
	json_object_object_add(holder, "label", trnctl_text(h->label[0] ? h->label : NULL));
	json_object_object_add(holder, "bytes", json_object_new_uint64(h->bytes));
	json_object_object_add(holder, "address", json_object_new_uint64(h->address));
	json_object_object_add(holder, "process", json_object_new_int64(h->process));
	json_object_object_add(holder, "context", json_object_new_int64(h->context));
	json_object_array_add(user, holder);
	return 0;
}

static int document_print(struct trnctl *ctl, struct json_object *places)
{
	struct json_object *document = trnctl_document("trn.mem/1");
	struct json_object *holders = json_object_new_array();
	int r;

	json_object_object_add(document, "device", trnctl_text(ctl->info.uri));
	json_object_object_add(document, "places", places);
	json_object_object_add(document, "holders", holders);
	r = trn_device_memory_each(ctl->device, add_holder, holders);
	if (r < 0) {
		json_object_put(document);
		return trnctl_fail(ctl, r, "the device does not say who holds its memory");
	}
	return trnctl_print(ctl, document, TRNCTL_OK);
}

int trnctl_mem(struct trnctl *ctl, int argc, char **argv)
{
	static const struct trnctl_options options = {
		.doc = "Show what a device's memory is used for.\vWhat this process holds, which "
		       "on a mock is all there is.",
	};
	struct json_object *places = NULL;
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = trnctl_open(ctl);
	if (r == TRNCTL_OK && ctl->json)
		places = json_object_new_array();
	for (uint32_t i = 0; r == TRNCTL_OK && i <= ctl->info.hbm_stacks; i++) {
		struct trn_memory_usage u = { .size = sizeof(u) };
		const uint32_t place = i < ctl->info.hbm_stacks ? i : TRN_MEMORY_HOST;
		const int answer = trn_device_memory_usage(ctl->device, place, &u);

		if (answer < 0)
			r = trnctl_fail(ctl, answer, "the device does not say what it holds");
		else if (ctl->json)
			json_object_array_add(places, usage_json(&u));
		else
			usage_text(&u);
	}
	if (r != TRNCTL_OK) {
		json_object_put(places);
		return r;
	}
	return ctl->json ? document_print(ctl, places) : TRNCTL_OK;
}
