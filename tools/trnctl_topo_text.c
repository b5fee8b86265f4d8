// SPDX-License-Identifier: Apache-2.0
/* trnctl topo: lists for people, and the document. */
#include "tools/trnctl_topo.h"

#include <inttypes.h>
#include <string.h>

/* ---- text ---- */

static void pod_text(const struct topo *topo)
{
	const struct trn_pod_info *pod = &topo->pod;

	printf("%-10s %s%s\n", "pod", pod->name, pod->preview ? " (PREVIEW: announced only)" : "");
	printf("%-10s %s\n", "product", pod->product);
	printf("%-10s %" PRIu32 " = %" PRIu32 " server%s of %" PRIu32 ", in %" PRIu32 " rack%s\n",
	       "chips", pod->chips, pod->servers, pod->servers == 1 ? "" : "s",
	       topo_server_chips(topo), pod->racks, pod->racks == 1 ? "" : "s");
	if (topo->links == 0)
		return;
	printf("%-10s %" PRIu32 "\n", "switches", pod->switches);
	printf("%-10s \"%s\", %" PRIu32 " links one way, a hop takes %" PRIu32 " ns\n", "fabric",
	       pod->fabric, pod->links, pod->hop_ns);
	printf("%-10s ", "grid");
	for (uint32_t i = 0; i < pod->dims; i++)
		printf("%s%" PRIu32, i ? " x " : "", pod->dim_size[i]);
	printf("\n");
}

static void classes_text(const struct topo *topo)
{
	uint64_t sum = 0;
	char rate[24];

	if (topo->links == 0)
		return;
	printf("\nlinks of a chip, one way\n%-8s %6s %6s %9s\n", "class", "links", "lanes", "GB/s");
	for (uint32_t cls = 0; cls < TOPO_CLASSES; cls++) {
		uint32_t links = topo_class_links(topo, cls), lanes = topo_class_lanes(topo, cls);
		char text[16] = "-";

		if (links == 0)
			continue;
		if (lanes > 0)
			snprintf(text, sizeof(text), "%" PRIu32, lanes);
		printf("%-8s %6" PRIu32 " %6s %9s\n", topo_class_names[cls], links, text,
		       topo_rate(topo->pod.link_mbps[cls], rate));
		sum += topo->pod.link_mbps[cls];
	}
	printf("%-8s %6s %6s %9s\n", "sum", "", "", topo_rate(sum, rate));
	printf("\nfrom chip %" PRIu32 "\n%-8s %6s\n", topo->at, "hops", "chips");
	for (uint32_t i = 1; i <= topo->hops_max; i++)
		printf("%-8" PRIu32 " %6" PRIu32 "\n", i, topo->hops[i]);
}

static void route_text(const struct topo *topo)
{
	uint32_t links[8], count = 0, hops = 0;
	char rate[24];

	if (!topo->routed || trn_device_route(topo->device[0], topo->route[0], topo->route[1],
					      links, &count, &hops) < 0)
		return;
	printf("\nway from chip %" PRIu32 " to chip %" PRIu32 ": %" PRIu32 " hop%s, %" PRIu32
	       " ns\n",
	       topo->route[0], topo->route[1], hops, hops == 1 ? "" : "s", hops * topo->pod.hop_ns);
	for (uint32_t i = 0; i < count; i++) {
		const struct trn_pod_link_info *link = &topo->link[links[i]];

		printf("  %-5" PRIu32 " %-24s -> %-24s %-7s %6s GB/s  %s\n", links[i],
		       topo->node[link->from].name, topo->node[link->to].name,
		       topo_class_names[link->cls], topo_rate(link->mbps, rate),
		       topo_state_names[link->state]);
	}
}

/* Chips of a server that have a link to a node. */
static uint32_t links_to(const struct topo *topo, uint32_t server, uint32_t node)
{
	uint32_t count = 0;

	for (uint32_t l = 0; l < topo->links; l++)
		count += topo->link[l].to == node && topo->link[l].from < topo->pod.chips &&
			 topo->node[topo->link[l].from].server == server;
	return count;
}

/* The same, to all chips of another server. */
static uint32_t links_to_server(const struct topo *topo, uint32_t server, uint32_t other)
{
	uint32_t count = 0, chips = topo_server_chips(topo);

	for (uint32_t i = other * chips; i < (other + 1) * chips; i++)
		count += links_to(topo, server, i);
	return count;
}

static void server_text(const struct topo *topo, uint32_t server)
{
	uint32_t chips = topo_server_chips(topo), switches = 0, links = 0;
	const char *comma = "";

	printf("%-7" PRIu32 " %-5" PRIu32 " %4" PRIu32 "-%-6" PRIu32 " ", server,
	       topo->node[server * chips].rack, server * chips, server * chips + chips - 1);
	for (uint32_t i = topo->pod.chips; i < topo->nodes; i++) {
		uint32_t count = links_to(topo, server, i);

		if (count > 0 && topo->node[i].kind == TOPO_NODE_RACK) {
			switches++;
			links += count;
		} else if (count > 0) {
			printf("%s%s (%" PRIu32 ")", comma, topo->node[i].name, count);
			comma = ", ";
		}
	}
	if (switches > 0) {
		printf("%s%" PRIu32 " switch%s of the rack (%" PRIu32 ")", comma, switches,
		       switches == 1 ? "" : "es", links);
		comma = ", ";
	}
	for (uint32_t s = 0; s < topo->pod.servers; s++) {
		uint32_t count = s == server ? 0 : links_to_server(topo, server, s);

		if (count > 0)
			printf("%sserver %" PRIu32 " (%" PRIu32 ")", comma, s, count);
		comma = count > 0 ? ", " : comma;
	}
	printf("\n");
}

/* Servers as rows: what they are linked to, with how many links. */
static void servers_text(const struct topo *topo)
{
	printf("\n%-7s %-5s %-11s %s\n", "server", "rack", "chips", "linked to (links)");
	for (uint32_t s = 0; s < topo->pod.servers; s++) {
		if (topo->node[s * topo_server_chips(topo)].shown)
			server_text(topo, s);
	}
}

static void places_text(const struct topo *topo)
{
	printf("\n%-6s %-5s %-7s %-9s %-8s %-5s %s\n", "chip", "rack", "server", "position",
	       "routing", "node", "neighbours by the vendor's driver");
	for (uint32_t i = 0; i < topo->devices; i++) {
		const struct trn_device_place *place = &topo->place[i];

		if (place->index >= topo->pod.chips || !topo->node[place->index].shown)
			continue;
		printf("%-6" PRIu32 " %-5" PRIu32 " %-7" PRIu32 " %-9" PRIu32 " %-8" PRIu32,
		       place->index, place->rack, topo->node[place->index].server, place->position,
		       place->routing_id);
		if (place->node_id == UINT32_MAX)
			printf(" %-5s", "-");
		else
			printf(" %-5" PRIu32, place->node_id);
		for (uint32_t n = 0; n < place->neighbours && n < 4; n++)
			printf(" %" PRIu32, place->neighbour[n]);
		printf("%s\n", place->neighbours == 0 ? " none" : "");
	}
}

static void links_text(const struct topo *topo)
{
	char rate[24];

	if (topo->links == 0)
		return;
	printf("\n%-5s %-24s %-24s %-7s %6s %-9s %14s\n", "link", "from", "to", "class", "GB/s",
	       "state", "bytes");
	for (uint32_t l = 0; l < topo->links; l++) {
		const struct trn_pod_link_info *link = &topo->link[l];

		if (link->from >= topo->pod.chips || !topo->node[link->from].shown)
			continue;
		printf("%-5" PRIu32 " %-24s %-24s %-7s %6s %-9s %14" PRIu64 "\n", l,
		       topo->node[link->from].name, topo->node[link->to].name,
		       topo_class_names[link->cls], topo_rate(link->mbps, rate),
		       topo_state_names[link->state], link->bytes);
	}
}

static void chip_text(const struct topo *topo)
{
	struct trn_device_info info = { .size = sizeof(info) };
	char bytes[24];

	if (trn_device_info(topo_device(topo, topo->at), &info) < 0)
		return;
	printf("\n%-10s %s: %" PRIu32 " cores, HBM %s in %" PRIu32 " stacks\n", "chip",
	       info.product, info.cores, trnctl_human(info.hbm_bytes, bytes), info.hbm_stacks);
}

/* Links that are not up, whatever the level. */
static void states_text(const struct topo *topo)
{
	uint32_t bad = 0;

	for (uint32_t l = 0; l < topo->links; l++) {
		const struct trn_pod_link_info *link = &topo->link[l];

		if (link->state == 0)
			continue;
		if (bad++ == 0)
			printf("\nlinks that are not up\n");
		printf("  %-5" PRIu32 " %-24s -> %-24s %s\n", l, topo->node[link->from].name,
		       topo->node[link->to].name, topo_state_names[link->state]);
	}
}

static void probe_text(const struct topo *topo)
{
	if (!topo->result)
		return;
	printf("\nprobe: %" PRIu32 " of %" PRIu32 " links carried a block\n",
	       topo->probed - topo->failed, topo->links);
	for (uint32_t l = 0; l < topo->links; l++) {
		if (topo->result[l] < 0)
			printf("  %-5" PRIu32 " %-24s -> %-24s %s\n", l,
			       topo->node[topo->link[l].from].name,
			       topo->node[topo->link[l].to].name,
			       trnctl_code_name(topo->result[l]));
	}
}

void topo_text(struct topo *topo)
{
	pod_text(topo);
	classes_text(topo);
	route_text(topo);
	switch (topo->level) {
	case TOPO_POD:
	case TOPO_RACK:
		if (topo->links > 0)
			servers_text(topo);
		break;
	case TOPO_CHIP:
		chip_text(topo);
		places_text(topo);
		links_text(topo);
		break;
	case TOPO_SERVER:
		places_text(topo);
		links_text(topo);
		break;
	}
	probe_text(topo);
	states_text(topo);
	for (size_t i = 0; i < json_object_array_length(topo->files); i++)
		printf("\ndrawn: %s\n",
		       json_object_get_string(json_object_array_get_idx(topo->files, i)));
}

/* ---- JSON ---- */

#define NUMBER(object, key, value) \
	json_object_object_add(object, key, json_object_new_uint64(value))

/* null: not known. */
static struct json_object *known32(uint32_t value)
{
	return value == UINT32_MAX ? NULL : json_object_new_uint64(value);
}

static struct json_object *pod_json(const struct topo *topo)
{
	const struct trn_pod_info *pod = &topo->pod;
	struct json_object *json = json_object_new_object();
	struct json_object *grid = json_object_new_array(), *rates = json_object_new_object();

	json_object_object_add(json, "name", trnctl_text(pod->name));
	json_object_object_add(json, "product", trnctl_text(pod->product));
	json_object_object_add(json, "fabric", trnctl_text(pod->fabric));
	json_object_object_add(json, "preview", json_object_new_boolean(pod->preview != 0));
	NUMBER(json, "chips", pod->chips);
	NUMBER(json, "servers", pod->servers);
	NUMBER(json, "racks", pod->racks);
	NUMBER(json, "switches", pod->switches);
	NUMBER(json, "links", pod->links);
	NUMBER(json, "hop_ns", pod->hop_ns);
	for (uint32_t i = 0; i < pod->dims && i < 3; i++)
		json_object_array_add(grid, json_object_new_uint64(pod->dim_size[i]));
	json_object_object_add(json, "grid", grid);
	for (uint32_t cls = 0; cls < TOPO_CLASSES; cls++) {
		struct json_object *row = json_object_new_object();
		uint32_t lanes = topo_class_lanes(topo, cls);

		NUMBER(row, "links", topo_class_links(topo, cls));
		json_object_object_add(row, "lanes", lanes ? json_object_new_uint64(lanes) : NULL);
		NUMBER(row, "mbps", topo->pod.link_mbps[cls]);
		json_object_object_add(rates, topo_class_names[cls], row);
	}
	json_object_object_add(json, "of_a_chip_one_way", rates);
	return json;
}

static struct json_object *chip_json(const struct topo *topo, uint32_t index)
{
	const struct topo_node *node = &topo->node[index];
	struct json_object *json = json_object_new_object();

	NUMBER(json, "index", index);
	NUMBER(json, "rack", node->rack);
	NUMBER(json, "server", node->server);
	NUMBER(json, "position", node->position);
	for (uint32_t i = 0; i < topo->devices; i++) {
		const struct trn_device_place *place = &topo->place[i];
		struct json_object *neighbours;

		if (place->index != index)
			continue;
		neighbours = json_object_new_array();
		for (uint32_t n = 0; n < place->neighbours && n < 4; n++)
			json_object_array_add(neighbours,
					      json_object_new_uint64(place->neighbour[n]));
		NUMBER(json, "routing_id", place->routing_id);
		NUMBER(json, "serial", place->serial);
		NUMBER(json, "pod_serial", place->pod_serial);
		json_object_object_add(json, "node_id", known32(place->node_id));
		json_object_object_add(json, "nodes", known32(place->nodes));
		json_object_object_add(json, "neighbours", neighbours);
		break;
	}
	return json;
}

static struct json_object *switch_json(const struct topo *topo, uint32_t index)
{
	static const char *const kinds[] = { "chip", "server", "rack", "pod" };
	const struct topo_node *node = &topo->node[index];
	struct json_object *json = json_object_new_object();

	NUMBER(json, "node", index);
	json_object_object_add(json, "name", trnctl_text(node->name));
	json_object_object_add(json, "level", json_object_new_string(kinds[node->kind]));
	json_object_object_add(json, "rack",
			       node->kind == TOPO_NODE_POD ? NULL :
							     json_object_new_uint64(node->rack));
	json_object_object_add(
		json, "server",
		node->kind == TOPO_NODE_SERVER ? json_object_new_uint64(node->server) : NULL);
	return json;
}

/* null: nothing was sent over it. */
static struct json_object *probe_json(int result)
{
	if (result == TOPO_UNTRIED)
		return NULL;
	return json_object_new_string(result < 0 ? trnctl_code_name(result) : "ok");
}

static struct json_object *link_json(const struct topo *topo, uint32_t index)
{
	const struct trn_pod_link_info *link = &topo->link[index];
	struct json_object *json = json_object_new_object();

	NUMBER(json, "link", index);
	NUMBER(json, "from", link->from);
	NUMBER(json, "to", link->to);
	json_object_object_add(json, "class", json_object_new_string(topo_class_names[link->cls]));
	NUMBER(json, "mbps", link->mbps);
	json_object_object_add(json, "state",
			       json_object_new_string(topo_state_names[link->state]));
	NUMBER(json, "bytes", link->bytes);
	NUMBER(json, "busy_ps", link->busy_ps);
	if (topo->result)
		json_object_object_add(json, "probe", probe_json(topo->result[index]));
	return json;
}

static struct json_object *hops_json(const struct topo *topo)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 1; i <= topo->hops_max; i++) {
		struct json_object *row = json_object_new_object();

		NUMBER(row, "hops", i);
		NUMBER(row, "chips", topo->hops[i]);
		json_object_array_add(list, row);
	}
	return list;
}

/* null: none was asked for. */
static struct json_object *route_json(const struct topo *topo)
{
	struct json_object *json, *nodes, *way;
	uint32_t links[8], count = 0, hops = 0;

	if (!topo->routed || trn_device_route(topo->device[0], topo->route[0], topo->route[1],
					      links, &count, &hops) < 0)
		return NULL;
	json = json_object_new_object();
	nodes = json_object_new_array();
	way = json_object_new_array();
	json_object_array_add(nodes, json_object_new_uint64(topo->route[0]));
	for (uint32_t i = 0; i < count; i++) {
		json_object_array_add(nodes, json_object_new_uint64(topo->link[links[i]].to));
		json_object_array_add(way, json_object_new_uint64(links[i]));
	}
	NUMBER(json, "hops", hops);
	NUMBER(json, "hops_ns", (uint64_t)hops * topo->pod.hop_ns);
	json_object_object_add(json, "nodes", nodes);
	json_object_object_add(json, "links", way);
	return json;
}

struct json_object *topo_json(struct topo *topo)
{
	static const char *const levels[] = { "chip", "server", "rack", "pod" };
	struct json_object *document = trnctl_document("trn.topo/1");
	struct json_object *chips = json_object_new_array(), *switches = json_object_new_array();
	struct json_object *links = json_object_new_array();

	for (uint32_t i = 0; i < topo->nodes; i++) {
		if (!topo->node[i].shown)
			continue;
		if (i < topo->pod.chips)
			json_object_array_add(chips, chip_json(topo, i));
		else
			json_object_array_add(switches, switch_json(topo, i));
	}
	for (uint32_t l = 0; l < topo->links; l++) {
		const struct trn_pod_link_info *link = &topo->link[l];

		if ((link->from < topo->pod.chips && topo->node[link->from].shown) ||
		    (link->to < topo->pod.chips && topo->node[link->to].shown))
			json_object_array_add(links, link_json(topo, l));
	}
	json_object_object_add(document, "level", json_object_new_string(levels[topo->level]));
	NUMBER(document, "at", topo->at);
	json_object_object_add(document, "pod", pod_json(topo));
	json_object_object_add(document, "chips", chips);
	json_object_object_add(document, "switches", switches);
	json_object_object_add(document, "links", links);
	json_object_object_add(document, "hops", hops_json(topo));
	json_object_object_add(document, "route", route_json(topo));
	json_object_object_add(document, "files", json_object_get(topo->files));
	return document;
}
