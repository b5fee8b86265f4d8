/* SPDX-License-Identifier: Apache-2.0 */
/* Pods as an application sees them: all devices of one, places and links. What there is stands in
 * base/pod.h; the device says which row and which chip it is. */
#include "runtime/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/pod.h"

_Static_assert(TRN_ROUTE_LINKS_MAX == TRN_POD_PATH_MAX, "the longest way fits");

/* ---- opening ---- */

/* Where an INDEX goes: behind the path. Parentheses end in hooks, which come before the scheme. */
static size_t index_at(const char *uri)
{
	const char *hooks = strrchr(uri, ')');
	const char *scheme = strchr(hooks ? hooks : uri, ':');

	return scheme ? (size_t)(scheme - uri) + strcspn(scheme, "?") : strlen(uri);
}

/* Every device by its own URI; on failure none stays open. */
static int open_all(struct trn_context *context, const char *uri, uint64_t deadline_ns,
		    struct trn_device **devices, uint32_t count)
{
	const size_t at = index_at(uri);
	char text[TRN_URI_TEXT_MAX + 16];
	uint32_t done = 0;
	int r = 0;

	for (; r == 0 && done < count; done++) {
		/* What was counted is no longer than a URI may be. */
		(void)snprintf(text, sizeof(text), "%.*s/%" PRIu32 "%s", (int)at, uri, done,
			       uri + at);
		r = trn_device_open(context, text, deadline_ns, &devices[done]);
		if (r < 0)
			break;
	}
	while (r < 0 && done > 0)
		(void)trn_device_unref(devices[--done]);
	return r;
}

static int count_all(struct trn_context *context, const char *uri, uint32_t *ret_count)
{
	struct trn_hal_fault fault = { 0 };
	const struct trn_hal_open open = {
		.alloc = &context->alloc,
		.log = &context->log,
		.uri = uri,
		.ret_fault = &fault,
	};
	int r = trn_hal_count(&open, ret_count);

	return r < 0 ? trn_fail(context, NULL, r, "trn_pod_open", "%.100s: %s", uri, fault.why) : 0;
}

TRN_API int trn_pod_open(struct trn_context *context, const char *uri, uint64_t deadline_ns,
			 struct trn_device **ret_devices, uint32_t max, uint32_t *ret_count)
{
	struct trn_device *devices[TRN_POD_CHIPS_MAX];
	char found[TRN_URI_TEXT_MAX];
	uint32_t count = 0;
	int r = 0;

	if (!TRN_HANDLE_OK(context, TRN_OBJECT_CONTEXT))
		return trn_handle_refused();
	if (max == 0 ? !ret_count : !ret_devices)
		return trn_fail(context, NULL, -EINVAL, __func__,
				"ret_devices is NULL, or ret_count when max is 0");
	if (!uri)
		r = trn_device_default_uri(context, found, sizeof(found), &uri);
	if (r == 0)
		r = count_all(context, uri, &count);
	if (r < 0)
		return r;
	if (max > 0 && (count > max || count > TRN_POD_CHIPS_MAX))
		return trn_fail(context, NULL, -ENOSPC, __func__,
				"%.100s has %" PRIu32 " devices, there is room for %" PRIu32, uri,
				count, max);
	if (max > 0)
		r = count == 1 ? trn_device_open(context, uri, deadline_ns, &devices[0]) :
				 open_all(context, uri, deadline_ns, devices, count);
	if (r < 0)
		return r;
	if (max > 0)
		memcpy(ret_devices, devices, count * sizeof(devices[0]));
	if (ret_count)
		*ret_count = count;
	return 0;
}

/* ---- what there is ---- */

/* The links of the device's pod. */
static int graph_of(struct trn_device *device, const char *operation,
		    struct trn_pod_graph *ret_graph)
{
	const struct trn_hal_info *info = &device->info;
	const struct trn_pod *pod = trn_pod_find(info->pod);
	const struct trn_pod_fabric *fabric = pod ? trn_pod_fabric_find(pod, info->fabric) : NULL;

	if (!fabric)
		return trn_fail(device->object.context, device, -ENOTSUP, operation,
				"this door does not know where the device stands");
	trn_pod_graph_init(ret_graph, pod, fabric, info->link_mbps, info->link_hop_ns);
	return 0;
}

static int size_wrong(struct trn_device *device, const char *operation, const char *name)
{
	return trn_fail(device->object.context, device, -EINVAL, operation,
			"size member is not sizeof(struct %s)", name);
}

TRN_API int trn_device_pod(struct trn_device *device, struct trn_pod_info *ret_info)
{
	struct trn_pod_dim dims[TRN_POD_DIMS];
	struct trn_pod_graph graph;
	struct trn_pod_info info;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_info || ret_info->size != sizeof(*ret_info))
		return size_wrong(device, __func__, "trn_pod_info");
	r = graph_of(device, __func__, &graph);
	if (r < 0)
		return r;
	info = (struct trn_pod_info){
		.size = sizeof(info),
		.chips = graph.chips,
		.servers = graph.pod->servers,
		.racks = graph.pod->racks,
		.switches = graph.nodes - graph.chips,
		.links = graph.links,
		.dims = trn_pod_grid(&graph, dims),
		.hop_ns = graph.hop_ns,
		.lane_mbps = graph.fabric->lane_mbps,
		.preview = graph.pod->preview,
	};
	trn_text_copy(info.name, sizeof(info.name), graph.pod->name);
	trn_text_copy(info.product, sizeof(info.product), graph.pod->product);
	trn_text_copy(info.fabric, sizeof(info.fabric), graph.fabric->name);
	for (uint32_t d = 0; d < info.dims; d++)
		info.dim_size[d] = dims[d].size;
	memcpy(info.link_mbps, graph.mbps, sizeof(info.link_mbps));
	*ret_info = info;
	return 0;
}

TRN_API int trn_device_place(struct trn_device *device, struct trn_device_place *ret_place)
{
	const struct trn_hal_info *info;
	struct trn_device_place place;
	const struct trn_pod *pod;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_place || ret_place->size != sizeof(*ret_place))
		return size_wrong(device, __func__, "trn_device_place");
	info = &device->info;
	pod = trn_pod_find(info->pod);
	if (!pod)
		return trn_fail(device->object.context, device, -ENOTSUP, __func__,
				"this door does not know where the device stands");
	place = (struct trn_device_place){
		.size = sizeof(place),
		.index = info->pod_index,
		.rack = info->rack,
		.server = info->server,
		.position = info->position,
		.routing_id = info->routing_id,
		.node_id = info->node_id,
		.nodes = info->nodes,
		.pod_serial = info->pod_serial,
		.serial = info->serial,
	};
	place.neighbours = trn_pod_connected(pod->server_chips, info->position, place.neighbour);
	*ret_place = place;
	return 0;
}

/* ---- links ---- */

static uint64_t number_of(const char *json, const char *key)
{
	const char *at = strstr(json, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* As the device counts; a door that does not leaves zeros. */
static void link_live(struct trn_device *device, uint32_t link, struct trn_pod_link_info *ret)
{
	char text[512] = "";
	char number[16];
	int r;

	(void)snprintf(number, sizeof(number), "%" PRIu32, link);
	trn_device_enter(device);
	r = device->hal->ops.control(device->hal, "link", number, text, sizeof(text));
	trn_device_leave(device);
	if (r < 0)
		return;
	ret->state = (uint32_t)number_of(text, "\"level\":");
	ret->bytes = number_of(text, "\"bytes\":");
	ret->busy_ps = number_of(text, "\"busy_ps\":");
}

TRN_API int trn_device_link(struct trn_device *device, uint32_t link,
			    struct trn_pod_link_info *ret_link)
{
	struct trn_pod_link_info info = { .size = sizeof(info) };
	struct trn_pod_graph graph;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_link || ret_link->size != sizeof(*ret_link))
		return size_wrong(device, __func__, "trn_pod_link_info");
	r = graph_of(device, __func__, &graph);
	if (r < 0)
		return r;
	if (link >= graph.links)
		return trn_fail(device->object.context, device, -ENOENT, __func__,
				"%s has %" PRIu32 " links", graph.pod->name, graph.links);
	info.from = graph.link[link].from;
	info.to = graph.link[link].to;
	info.cls = graph.link[link].cls;
	info.mbps = trn_pod_link_mbps(&graph, link);
	link_live(device, link, &info);
	*ret_link = info;
	return 0;
}

TRN_API int trn_device_node_name(struct trn_device *device, uint32_t node, char *ret_name,
				 size_t size)
{
	struct trn_pod_graph graph;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	if (!ret_name || size == 0)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"ret_name is NULL or size is 0");
	r = graph_of(device, __func__, &graph);
	if (r < 0)
		return r;
	if (node >= graph.nodes)
		return trn_fail(device->object.context, device, -ENOENT, __func__,
				"%s has %" PRIu32 " chips and switches", graph.pod->name,
				graph.nodes);
	trn_pod_node_name(&graph, node, ret_name, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size);
	return 0;
}

TRN_API int trn_device_route(struct trn_device *device, uint32_t from, uint32_t to,
			     uint32_t *ret_links, uint32_t *ret_count, uint32_t *ret_hops)
{
	uint16_t links[TRN_POD_PATH_MAX];
	struct trn_pod_graph graph;
	uint32_t count;
	int r;

	if (!TRN_HANDLE_OK(device, TRN_OBJECT_DEVICE))
		return trn_handle_refused();
	r = graph_of(device, __func__, &graph);
	if (r < 0)
		return r;
	if (from >= graph.chips || to >= graph.chips)
		return trn_fail(device->object.context, device, -EINVAL, __func__,
				"chips %" PRIu32 " and %" PRIu32 ": %s has %" PRIu32, from, to,
				graph.pod->name, graph.chips);
	count = trn_pod_route(&graph, from, to, links);
	for (uint32_t i = 0; ret_links && i < count; i++)
		ret_links[i] = links[i];
	if (ret_count)
		*ret_count = count;
	if (ret_hops)
		*ret_hops = from == to ? 0 : trn_pod_hops(&graph, from, to);
	return 0;
}
