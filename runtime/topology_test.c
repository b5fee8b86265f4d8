/* SPDX-License-Identifier: Apache-2.0 */
/* Pods over a scripted device: what is opened, places, links; peers' buffers and timelines of
 * neighbours, and every reason why not. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/pod.h"

/* The next device that is opened is chip index of a pod. */
static void next_is(const char *name, uint64_t id, uint32_t index)
{
	const struct trn_pod *pod = trn_pod_find(name);
	struct trn_hal_info *info = &trn_test_hal.info;
	struct trn_pod_place place;

	ck_assert_ptr_nonnull(pod);
	trn_pod_place(pod, index, &place);
	info->pod_id = id;
	info->pod_index = index;
	info->pod_chips = trn_pod_chips(pod);
	info->rack = place.rack;
	info->server = place.server;
	info->position = place.position;
	info->link_mbps[0] = 512000;
	info->link_mbps[1] = 512000;
	info->link_mbps[2] = 128000;
	info->link_hop_ns = 300;
	info->node_id = UINT32_MAX;
	info->nodes = UINT32_MAX;
	info->caps |= TRN_HAL_CAP_PEER;
	(void)snprintf(info->pod, sizeof(info->pod), "%s", name);
	(void)snprintf(info->fabric, sizeof(info->fabric), "%s",
		       trn_pod_fabric_find(pod, NULL)->name);
}

static struct trn_device *open_chip(struct trn_rig *rig, uint64_t id, uint32_t index)
{
	struct trn_device *device = NULL;
	char uri[64];

	next_is("trn3-ultraserver", id, index);
	(void)snprintf(uri, sizeof(uri), "test:%u/%u", (unsigned int)id, index);
	ck_assert_int_eq(trn_device_open(rig->context, uri, SOON, &device), 0);
	return device;
}

/* ---- opening ---- */

static const struct {
	const char *uri, *first, *last;
} texts[] = {
	{ "test:pod", "test:pod/0", "test:pod/3" },
	{ "test:pod?a=b&c=d", "test:pod/0?a=b&c=d", "test:pod/3?a=b&c=d" },
	{ "test:pod?why=a?b:c", "test:pod/0?why=a?b:c", "test:pod/3?why=a?b:c" },
	{ "test:?x=y", "test:/0?x=y", "test:/3?x=y" },
};

START_TEST(all_devices_have_a_text)
{
	struct trn_device *devices[4] = { NULL };
	struct trn_device *again = NULL;
	uint32_t count = 0;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	trn_test_hal.devices = 4;
	ck_assert_int_eq(trn_pod_open(rig.context, texts[_i].uri, SOON, NULL, 0, &count), 0);
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(trn_test_hal.live_devices, 1);
	ck_assert_int_eq(trn_pod_open(rig.context, texts[_i].uri, SOON, devices, 4, NULL), 0);
	ck_assert_str_eq(devices[0]->uri, texts[_i].first);
	ck_assert_str_eq(devices[3]->uri, texts[_i].last);
	/* The same text of one is the same device. */
	ck_assert_int_eq(trn_device_open(rig.context, texts[_i].last, SOON, &again), 0);
	ck_assert_ptr_eq(again, devices[3]);
	trn_device_unref(again);
	for (int i = 0; i < 4; i++)
		trn_device_unref(devices[i]);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(one_device_keeps_its_text)
{
	struct trn_device *device = NULL;
	uint32_t count = 0;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	ck_assert_int_eq(trn_pod_open(rig.context, "test:0", SOON, &device, 1, &count), 0);
	ck_assert_ptr_eq(device, rig.device);
	ck_assert_uint_eq(count, 1);
	trn_device_unref(device);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(all_or_none)
{
	struct trn_device *devices[4] = { NULL };
	uint32_t count = 77;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	trn_test_hal.devices = 4;
	trn_test_hal.fail[TRN_TEST_OPEN] = -TRN_EFIRMWARE;
	trn_test_hal.after[TRN_TEST_OPEN] = trn_test_hal.calls[TRN_TEST_OPEN] + 3;
	ck_assert_int_eq(trn_pod_open(rig.context, "test:pod", SOON, devices, 4, &count),
			 -TRN_EFIRMWARE);
	trn_rig_expect(&rig, -TRN_EFIRMWARE, "scripted");
	ck_assert_uint_eq(trn_test_hal.live_devices, 1);
	ck_assert_ptr_null(devices[0]);
	ck_assert_uint_eq(count, 77);
	trn_test_hal.fail[TRN_TEST_OPEN] = 0;
	ck_assert_int_eq(trn_pod_open(rig.context, "test:pod", SOON, devices, 3, &count), -ENOSPC);
	trn_rig_expect(&rig, -ENOSPC, "has 4 devices, there is room for 3");
	ck_assert_int_eq(trn_pod_open(rig.context, "what:pod", SOON, devices, 4, &count), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "scripted count");
	ck_assert_int_eq(trn_pod_open(rig.context, "test:pod", SOON, NULL, 4, &count), -EINVAL);
	ck_assert_int_eq(trn_pod_open(rig.context, "test:pod", SOON, NULL, 0, NULL), -EINVAL);
	ck_assert_int_eq(trn_pod_open(NULL, "test:pod", SOON, devices, 4, &count), -EINVAL);
	ck_assert_uint_eq(count, 77);
	trn_rig_down(&rig);
}
END_TEST

/* ---- what there is ---- */

START_TEST(places_and_links)
{
	struct trn_pod_info pod = { .size = sizeof(pod) };
	struct trn_device_place place = { .size = sizeof(place) };
	struct trn_pod_link_info link = { .size = sizeof(link) };
	uint32_t links[TRN_ROUTE_LINKS_MAX], count = 0, hops = 0;
	struct trn_device *device;
	struct trn_rig rig;
	char name[64] = "";
	uint32_t at;

	trn_rig_up(&rig, 0);
	device = open_chip(&rig, 1, 77);
	ck_assert_int_eq(trn_device_pod(device, &pod), 0);
	ck_assert_str_eq(pod.name, "trn3-ultraserver");
	ck_assert_str_eq(pod.fabric, "lanes");
	ck_assert_uint_eq(pod.chips, 144);
	ck_assert_uint_eq(pod.servers, 36);
	ck_assert_uint_eq(pod.racks, 2);
	ck_assert_uint_eq(pod.hop_ns, 300);
	ck_assert_uint_eq(pod.link_mbps[2], 128000);
	ck_assert_int_eq(trn_device_place(device, &place), 0);
	ck_assert_uint_eq(place.index, 77);
	ck_assert_uint_eq(place.rack, 1);
	ck_assert_uint_eq(place.server, 1);
	ck_assert_uint_eq(place.position, 1);
	ck_assert_uint_eq(place.routing_id, 5);
	/* The links of a way follow each other, from end to end. */
	ck_assert_int_eq(trn_device_route(device, 3, 140, links, &count, &hops), 0);
	ck_assert_uint_gt(count, 0);
	ck_assert_uint_gt(hops, 0);
	at = 3;
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_int_eq(trn_device_link(device, links[i], &link), 0);
		ck_assert_uint_eq(link.from, at);
		ck_assert_uint_gt(link.mbps, 0);
		at = link.to;
	}
	ck_assert_uint_eq(at, 140);
	ck_assert_int_eq(trn_device_route(device, 3, 3, links, &count, &hops), 0);
	ck_assert_uint_eq(count + hops, 0);
	ck_assert_int_eq(trn_device_route(device, 3, 4, NULL, NULL, NULL), 0);
	ck_assert_int_eq(trn_device_node_name(device, 17, name, sizeof(name)), 0);
	ck_assert_str_eq(name, "chip 17");
	ck_assert_int_eq(trn_device_node_name(device, 17, name, 5), 0);
	ck_assert_str_eq(name, "chip");
	trn_device_unref(device);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(what_is_not_there)
{
	struct trn_pod_info pod = { .size = sizeof(pod) };
	struct trn_device_place place = { .size = sizeof(place) };
	struct trn_pod_link_info link = { .size = sizeof(link) };
	struct trn_device *device;
	struct trn_rig rig;
	char name[8];

	trn_rig_up(&rig, 0);
	/* A door that does not know. */
	ck_assert_int_eq(trn_device_pod(rig.device, &pod), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "does not know");
	ck_assert_int_eq(trn_device_place(rig.device, &place), -ENOTSUP);
	ck_assert_int_eq(trn_device_link(rig.device, 0, &link), -ENOTSUP);
	ck_assert_int_eq(trn_device_node_name(rig.device, 0, name, sizeof(name)), -ENOTSUP);
	ck_assert_int_eq(trn_device_route(rig.device, 0, 0, NULL, NULL, NULL), -ENOTSUP);
	device = open_chip(&rig, 1, 0);
	ck_assert_int_eq(trn_device_route(device, 0, 144, NULL, NULL, NULL), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "has 144");
	ck_assert_int_eq(trn_device_link(device, 100000, &link), -ENOENT);
	ck_assert_int_eq(trn_device_node_name(device, 100000, name, sizeof(name)), -ENOENT);
	ck_assert_int_eq(trn_device_node_name(device, 0, name, 0), -EINVAL);
	ck_assert_int_eq(trn_device_node_name(device, 0, NULL, 8), -EINVAL);
	pod.size = place.size = link.size = 4;
	ck_assert_int_eq(trn_device_pod(device, &pod), -EINVAL);
	ck_assert_int_eq(trn_device_place(device, &place), -EINVAL);
	ck_assert_int_eq(trn_device_link(device, 0, &link), -EINVAL);
	ck_assert_int_eq(trn_device_pod(NULL, &pod), -EINVAL);
	trn_device_unref(device);
	/* Rows that nobody has: a device is believed nothing. */
	memset(trn_test_hal.info.pod, 'x', sizeof(trn_test_hal.info.pod) - 1);
	ck_assert_int_eq(trn_device_open(rig.context, "test:odd", SOON, &device), 0);
	pod.size = sizeof(pod);
	ck_assert_int_eq(trn_device_pod(device, &pod), -ENOTSUP);
	trn_device_unref(device);
	trn_rig_down(&rig);
}
END_TEST

/* ---- peers ---- */

static struct trn_buffer *buffer_of(struct trn_device *device, enum trn_buffer_kind kind)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts), .kind = kind, .bytes = 8192 };
	struct trn_buffer *buffer = NULL;

	ck_assert_int_eq(trn_buffer_create(device, &opts, &buffer), 0);
	return buffer;
}

START_TEST(a_peer_is_an_address)
{
	const struct trn_pod_place place = { .rack = 1, .server = 1, .position = 1 };
	struct trn_buffer *buffer, *slice, *peer, *part, *own;
	struct trn_device *near, *far;
	struct trn_rig rig;
	char bytes[4] = "abc", back[4] = "";

	trn_rig_up(&rig, 0);
	near = open_chip(&rig, 1, 2);
	far = open_chip(&rig, 1, 77);
	buffer = buffer_of(far, TRN_BUFFER_HBM);
	ck_assert_int_eq(trn_buffer_slice(buffer, 4096, 256, &slice), 0);
	ck_assert_int_eq(trn_buffer_peer(slice, near, &peer), 0);
	ck_assert_int_eq(trn_buffer_slice(peer, 16, 64, &part), 0);
	ck_assert_uint_eq(trn_buffer_address(peer),
			  trn_peer_address(&place, trn_buffer_address(slice)));
	ck_assert_uint_eq(trn_buffer_address(part), trn_buffer_address(peer) + 16);
	ck_assert_uint_eq(trn_buffer_size(peer), 256);
	/* A peer of a peer, back at home, is a slice. */
	ck_assert_int_eq(trn_buffer_peer(part, far, &own), 0);
	ck_assert_uint_eq(trn_buffer_address(own), trn_buffer_address(buffer) + 4096 + 16);
	/* The slow way goes through the owner. */
	ck_assert_int_eq(trn_buffer_write(part, 0, bytes, 4, SOON), 0);
	ck_assert_int_eq(trn_buffer_read(buffer, 4096 + 16, back, 4, SOON), 0);
	ck_assert_str_eq(back, "abc");
	/* The memory lives as long as anybody can reach it. */
	trn_buffer_unref(own);
	trn_buffer_unref(slice);
	trn_buffer_unref(buffer);
	trn_device_unref(far);
	ck_assert_uint_eq(trn_test_hal.live_devices, 3);
	trn_buffer_unref(peer);
	trn_buffer_unref(part);
	ck_assert_uint_eq(trn_test_hal.live_devices, 2);
	trn_device_unref(near);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(who_is_no_peer)
{
	struct trn_buffer *buffer, *host, *peer = NULL;
	struct trn_device *near, *other, *poor;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	near = open_chip(&rig, 1, 0);
	other = open_chip(&rig, 2, 1);
	buffer = buffer_of(near, TRN_BUFFER_HBM);
	host = buffer_of(near, TRN_BUFFER_HOST);
	ck_assert_int_eq(trn_buffer_peer(buffer, other, &peer), -EXDEV);
	trn_rig_expect(&rig, -EXDEV, "test:1/0 and test:2/1 are not of one pod");
	ck_assert_int_eq(trn_buffer_peer(buffer, rig.device, &peer), -EXDEV);
	ck_assert_int_eq(trn_buffer_peer(host, near, &peer), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "host memory");
	next_is("trn3-ultraserver", 1, 3);
	trn_test_hal.info.caps &= ~TRN_HAL_CAP_PEER;
	ck_assert_int_eq(trn_device_open(rig.context, "test:poor", SOON, &poor), 0);
	ck_assert_int_eq(trn_buffer_peer(buffer, poor, &peer), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "TRN_CAP_PEER");
	ck_assert_int_eq(trn_buffer_peer(NULL, near, &peer), -EINVAL);
	ck_assert_int_eq(trn_buffer_peer(buffer, NULL, &peer), -EINVAL);
	ck_assert_int_eq(trn_buffer_peer(buffer, near, NULL), -EINVAL);
	ck_assert_ptr_null(peer);
	trn_buffer_unref(buffer);
	trn_buffer_unref(host);
	trn_device_unref(poor);
	trn_device_unref(other);
	trn_device_unref(near);
	trn_rig_down(&rig);
}
END_TEST

START_TEST(commands_take_peers)
{
	struct trn_buffer *theirs, *mine, *peer, *part;
	struct trn_device *near, *far;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	near = open_chip(&rig, 1, 0);
	far = open_chip(&rig, 1, 143);
	theirs = buffer_of(far, TRN_BUFFER_HBM);
	mine = buffer_of(near, TRN_BUFFER_HBM);
	ck_assert_int_eq(trn_buffer_peer(theirs, near, &peer), 0);
	ck_assert_int_eq(trn_queue_create(near, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 8, &batch), 0);
	ck_assert_int_eq(trn_batch_copy(batch, peer, 0, mine, 0, 64), 0);
	ck_assert_int_eq(trn_batch_copy(batch, mine, 0, peer, 64, 64), 0);
	ck_assert_int_eq(trn_batch_copy(batch, peer, 64, peer, 128, 64), 0);
	ck_assert_uint_eq(batch->cmds[1].a[1], trn_buffer_address(peer) + 64);
	ck_assert_int_eq(trn_batch_copy(batch, peer, 0, peer, 63, 64), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "overlap");
	ck_assert_int_eq(trn_batch_copy(batch, theirs, 0, mine, 0, 64), -EINVAL);
	trn_rig_expect(&rig, -EINVAL, "trn_buffer_peer()");
	ck_assert_int_eq(trn_batch_fill(batch, peer, 0, 64, 1), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "another chip's");
	ck_assert_int_eq(trn_batch_timestamp(batch, peer, 0), -ENOTSUP);
	ck_assert_int_eq(trn_buffer_slice(peer, 8, 64, &part), 0);
	ck_assert_int_eq(trn_batch_fill(batch, part, 0, 64, 1), -ENOTSUP);
	trn_buffer_unref(part);
	/* A recorded command keeps the other device. */
	trn_buffer_unref(peer);
	trn_buffer_unref(theirs);
	trn_device_unref(far);
	ck_assert_uint_eq(trn_test_hal.live_devices, 3);
	trn_batch_destroy(batch);
	ck_assert_uint_eq(trn_test_hal.live_devices, 2);
	trn_queue_unref(queue);
	trn_buffer_unref(mine);
	trn_device_unref(near);
	trn_rig_down(&rig);
}
END_TEST

/* ---- timelines of neighbours ---- */

START_TEST(a_server_shares_its_timelines)
{
	struct trn_device *owner, *near, *far, *other;
	struct trn_timeline *timeline;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_rig rig;
	uint32_t calls;

	trn_rig_up(&rig, 0);
	owner = open_chip(&rig, 1, 0);
	near = open_chip(&rig, 1, 3);
	far = open_chip(&rig, 1, 4);
	other = open_chip(&rig, 2, 1);
	ck_assert_int_eq(trn_timeline_create(owner, 0, &timeline), 0);
	/* Nobody else knows it: one device is told. */
	calls = trn_test_hal.calls[TRN_TEST_SIGNAL];
	ck_assert_int_eq(trn_timeline_signal(timeline, 1), 0);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_SIGNAL], calls + 1);
	ck_assert_int_eq(trn_queue_create(far, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_wait(batch, timeline, 1), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "does not reach the timeline of test:0 (rack 0, server 0)");
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 1), -ENOTSUP);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	ck_assert_int_eq(trn_queue_create(other, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_wait(batch, timeline, 1), -ENOTSUP);
	trn_rig_expect(&rig, -ENOTSUP, "trn_timeline_share()");
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	ck_assert_int_eq(trn_queue_create(near, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_wait(batch, timeline, 1), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 2), 0);
	/* From now on its neighbours of that server hear of it, and only they. */
	calls = trn_test_hal.calls[TRN_TEST_SIGNAL];
	ck_assert_int_eq(trn_timeline_signal(timeline, 2), 0);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_SIGNAL], calls + 2);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_timeline_unref(timeline);
	trn_device_unref(other);
	trn_device_unref(far);
	trn_device_unref(near);
	trn_device_unref(owner);
	trn_rig_down(&rig);
}
END_TEST

/* A queue of another device that stops under its promise ends the wait with its own error. */
START_TEST(a_neighbour_breaks_its_promise)
{
	struct trn_device *owner, *near;
	struct trn_timeline *timeline;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_error error = { .size = sizeof(error) };
	struct trn_rig rig;

	trn_rig_up(&rig, 0);
	owner = open_chip(&rig, 1, 0);
	near = open_chip(&rig, 1, 3);
	ck_assert_int_eq(trn_timeline_create(owner, 0, &timeline), 0);
	ck_assert_int_eq(trn_queue_create(near, NULL, &queue), 0);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_nop(batch), 0);
	ck_assert_int_eq(trn_batch_signal(batch, timeline, 1), 0);
	trn_test_hal.error_at = trn_test_hal.executed + 1;
	trn_test_hal.error.error = TRN_EXT_ERR_LINK;
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, NULL), 0);
	ck_assert_int_eq(trn_queue_wait(queue, 1, SOON), -EIO);
	ck_assert_int_eq(trn_timeline_wait(timeline, 1, SOON), -EIO);
	ck_assert_int_eq(trn_error_get(rig.context, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.cause, "lost on the way"));
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_timeline_unref(timeline);
	trn_device_unref(near);
	trn_device_unref(owner);
	trn_rig_down(&rig);
}
END_TEST

/* ---- progress ---- */

START_TEST(a_pod_is_stepped_once)
{
	struct trn_device *devices[3];
	struct trn_rig rig;
	uint32_t calls;

	trn_rig_up(&rig, 0);
	for (uint32_t i = 0; i < 3; i++)
		devices[i] = open_chip(&rig, 1, i);
	calls = trn_test_hal.calls[TRN_TEST_PROGRESS];
	(void)trn_context_progress(rig.context);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_PROGRESS], calls + 2); /* and the rig's own */
	for (uint32_t i = 0; i < 3; i++)
		trn_device_unref(devices[i]);
	trn_rig_down(&rig);
}
END_TEST

static Suite *topology_suite(void)
{
	Suite *suite = suite_create("runtime-topology");
	TCase *tc = tcase_create("topology");

	tcase_add_loop_test(tc, all_devices_have_a_text, 0, (int)TRN_ARRAY_LEN(texts));
	tcase_add_test(tc, one_device_keeps_its_text);
	tcase_add_test(tc, all_or_none);
	tcase_add_test(tc, places_and_links);
	tcase_add_test(tc, what_is_not_there);
	tcase_add_test(tc, a_peer_is_an_address);
	tcase_add_test(tc, who_is_no_peer);
	tcase_add_test(tc, commands_take_peers);
	tcase_add_test(tc, a_server_shares_its_timelines);
	tcase_add_test(tc, a_neighbour_breaks_its_promise);
	tcase_add_test(tc, a_pod_is_stepped_once);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(topology_suite)
