// SPDX-License-Identifier: Apache-2.0
/* trnctl topo: chips, switches, links and ways of a pod; as text, JSON and pictures. */
#include "tools/trnctl_topo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <trn/diag.h>

#define OPEN_SECONDS 30u
#define CHIPS_MAX 1024u

const char *const topo_class_names[TOPO_CLASSES] = { "server", "rack", "cross" };
const char *const topo_state_names[3] = { "up", "degraded", "down" };
static const char *const level_names[] = { "chip", "server", "rack", "pod" };

struct topo_args {
	struct trnctl *ctl;
	const char *svg, *dot;
	int level; /* -1: the pod, or the chip of one */
	uint64_t at;
	bool at_given, routed, probe;
	uint32_t route[2];
};

enum {
	KEY_LEVEL = 0x300,
	KEY_AT,
	KEY_ROUTE,
	KEY_SVG,
	KEY_DOT,
	KEY_PROBE,
};

static const struct argp_option options_list[] = {
	{ "level", KEY_LEVEL, "LEVEL", 0, "What to show: chip, server, rack or pod (pod)", 0 },
	{ "at", KEY_AT, "CHIP", 0, "Whose chip, server or rack it is (0)", 0 },
	{ "route", KEY_ROUTE, "A,B", 0, "The way from chip A to chip B", 0 },
	{ "probe", KEY_PROBE, NULL, 0, "Send a block over every link first", 0 },
	{ "svg", KEY_SVG, "FILE", 0, "Draw it as SVG", 0 },
	{ "dot", KEY_DOT, "FILE", 0, "Write it as a Graphviz graph", 0 },
	{ 0 },
};

static error_t route_arg(struct topo_args *args, struct argp_state *state, const char *arg)
{
	const char *comma = strchr(arg, ',');
	uint64_t from, to;
	char first[24];

	if (!comma || comma - arg >= (ptrdiff_t)sizeof(first))
		return trnctl_usage(args->ctl, state, "--route \"%.40s\" is not A,B", arg);
	snprintf(first, sizeof(first), "%.*s", (int)(comma - arg), arg);
	if (trnctl_number(first, &from) < 0 || trnctl_number(comma + 1, &to) < 0 ||
	    from > UINT32_MAX || to > UINT32_MAX)
		return trnctl_usage(args->ctl, state, "--route \"%.40s\" is not two chips", arg);
	args->route[0] = (uint32_t)from;
	args->route[1] = (uint32_t)to;
	args->routed = true;
	return 0;
}

static error_t topo_parse(int key, char *arg, struct argp_state *state)
{
	struct topo_args *args = state->input;

	switch (key) {
	case KEY_LEVEL:
		for (args->level = 0; args->level < 4; args->level++) {
			if (strcmp(level_names[args->level], arg) == 0)
				return 0;
		}
		return trnctl_usage(args->ctl, state,
				    "--level \"%.40s\" is not chip, server, rack or pod", arg);
	case KEY_AT:
		args->at_given = true;
		if (trnctl_number(arg, &args->at) < 0)
			return trnctl_usage(args->ctl, state, "--at \"%.40s\" is no number", arg);
		return 0;
	case KEY_ROUTE:
		return route_arg(args, state, arg);
	case KEY_PROBE:
		args->probe = true;
		return 0;
	case KEY_SVG:
		args->svg = arg;
		return 0;
	case KEY_DOT:
		args->dot = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- figures ---- */

uint32_t topo_class_links(const struct topo *topo, uint32_t cls)
{
	uint32_t count = 0;

	for (uint32_t l = 0; l < topo->links; l++)
		count += topo->link[l].from == topo->at && topo->link[l].cls == cls;
	return count;
}

uint32_t topo_class_lanes(const struct topo *topo, uint32_t cls)
{
	if (topo->pod.lane_mbps == 0 || topo_class_links(topo, cls) == 0)
		return 0;
	return (uint32_t)(topo->pod.link_mbps[cls] / topo->pod.lane_mbps);
}

const char *topo_rate(uint64_t mbps, char buf[24])
{
	snprintf(buf, 24, "%.4g", (double)mbps / 1000);
	return buf;
}

const char *topo_title(const struct topo *topo, char buf[160])
{
	const struct trn_pod_info *pod = &topo->pod;
	uint32_t server = topo->at / topo_server_chips(topo);

	switch (topo->level) {
	case TOPO_CHIP:
		snprintf(buf, 160, "Chip %" PRIu32 " of %s, %s", topo->at, pod->name, pod->product);
		break;
	case TOPO_SERVER:
		snprintf(buf, 160, "Server %" PRIu32 " of %s, %s", server, pod->name, pod->product);
		break;
	case TOPO_RACK:
		snprintf(buf, 160, "Rack %" PRIu32 " of %s, %s", topo->node[topo->at].rack,
			 pod->name, pod->product);
		break;
	case TOPO_POD:
		snprintf(buf, 160, "%s (%s): %" PRIu32 " chip%s", pod->product, pod->name,
			 pod->chips, pod->chips == 1 ? "" : "s");
		break;
	}
	return buf;
}

struct trn_device *topo_device(const struct topo *topo, uint32_t chip)
{
	for (uint32_t i = 0; i < topo->devices; i++) {
		if (topo->place[i].index == chip)
			return topo->device[i];
	}
	return topo->device[0];
}

/* ---- loading ---- */

/* Which servers and racks a switch reaches by its links. */
static void switch_find(struct topo *topo, uint32_t node)
{
	struct topo_node *sw = &topo->node[node];
	bool seen = false;

	sw->kind = TOPO_NODE_SERVER;
	for (uint32_t l = 0; l < topo->links; l++) {
		const struct topo_node *chip = &topo->node[topo->link[l].to];

		if (topo->link[l].from != node || topo->link[l].to >= topo->pod.chips)
			continue;
		if (!seen) {
			sw->rack = chip->rack;
			sw->server = chip->server;
		}
		seen = true;
		if (chip->rack != sw->rack)
			sw->kind = TOPO_NODE_POD;
		else if (chip->server != sw->server && sw->kind == TOPO_NODE_SERVER)
			sw->kind = TOPO_NODE_RACK;
	}
}

static int load_nodes(struct topo *topo)
{
	uint32_t chips = topo_server_chips(topo), servers = topo->pod.servers / topo->pod.racks;

	for (uint32_t i = 0; i < topo->nodes; i++) {
		struct topo_node *node = &topo->node[i];
		int r = trn_device_node_name(topo->device[0], i, node->name, sizeof(node->name));

		if (r < 0)
			return trnctl_fail(topo->ctl, r, "no name for node %" PRIu32, i);
		node->server = i / chips;
		node->rack = node->server / servers;
		node->position = i % chips;
		if (i >= topo->pod.chips)
			switch_find(topo, i);
	}
	return TRNCTL_OK;
}

/* Links of both directions as one. */
static void edge_add(struct topo *topo, const struct trn_pod_link_info *link)
{
	uint32_t a = link->from < link->to ? link->from : link->to;
	uint32_t b = link->from < link->to ? link->to : link->from;

	for (uint32_t e = 0; e < topo->edges; e++) {
		struct topo_edge *edge = &topo->edge[e];

		if (edge->a != a || edge->b != b)
			continue;
		edge->state = link->state > edge->state ? link->state : edge->state;
		return;
	}
	topo->edge[topo->edges++] = (struct topo_edge){
		.a = a, .b = b, .cls = link->cls, .state = link->state, .mbps = link->mbps
	};
}

static int load_links(struct topo *topo)
{
	topo->edges = 0;
	for (uint32_t l = 0; l < topo->links; l++) {
		struct trn_pod_link_info *link = &topo->link[l];
		int r;

		link->size = sizeof(*link);
		r = trn_device_link(topo->device[0], l, link);
		if (r == 0 && (link->from >= topo->nodes || link->to >= topo->nodes ||
			       link->cls >= TOPO_CLASSES || link->state > 2))
			r = -EIO;
		if (r < 0)
			return trnctl_fail(topo->ctl, r, "no link %" PRIu32, l);
		edge_add(topo, link);
	}
	return TRNCTL_OK;
}

static void load_hops(struct topo *topo)
{
	uint32_t links[8], count, hops;

	for (uint32_t to = 0; to < topo->pod.chips; to++) {
		if (to == topo->at ||
		    trn_device_route(topo->device[0], topo->at, to, links, &count, &hops) < 0 ||
		    hops >= sizeof(topo->hops) / sizeof(topo->hops[0]))
			continue;
		topo->hops[hops]++;
		topo->hops_max = hops > topo->hops_max ? hops : topo->hops_max;
	}
}

/* Chips of the level around @at, and the switches that they are at. */
static void show(struct topo *topo)
{
	const struct topo_node *at = &topo->node[topo->at];

	for (uint32_t i = 0; i < topo->pod.chips; i++) {
		struct topo_node *node = &topo->node[i];

		node->shown = topo->level == TOPO_POD ||
			      (topo->level == TOPO_RACK && node->rack == at->rack) ||
			      (topo->level == TOPO_SERVER && node->server == at->server) ||
			      i == topo->at;
	}
	for (uint32_t e = 0; e < topo->edges; e++) {
		if (topo->node[topo->edge[e].a].shown && topo->edge[e].b >= topo->pod.chips)
			topo->node[topo->edge[e].b].shown = true;
	}
}

static int load_pod(struct topo *topo)
{
	int r;

	topo->pod.size = sizeof(topo->pod);
	r = trn_device_pod(topo->device[0], &topo->pod);
	if (r < 0)
		return trnctl_fail(topo->ctl, r, "the device does not tell of its pod");
	topo->nodes = topo->pod.chips + topo->pod.switches;
	topo->links = topo->pod.links;
	topo->node = calloc(topo->nodes, sizeof(*topo->node));
	topo->link = calloc((size_t)topo->links + 1, sizeof(*topo->link));
	topo->edge = calloc((size_t)topo->links + 1, sizeof(*topo->edge));
	topo->place = calloc(topo->devices, sizeof(*topo->place));
	if (!topo->node || !topo->link || !topo->edge || !topo->place)
		return trnctl_fail(topo->ctl, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < topo->devices; i++) {
		topo->place[i].size = sizeof(topo->place[i]);
		r = trn_device_place(topo->device[i], &topo->place[i]);
		if (r < 0)
			return trnctl_fail(topo->ctl, r, "a device does not tell of its place");
	}
	r = load_links(topo);
	return r != TRNCTL_OK ? r : load_nodes(topo);
}

/* ---- the verb ---- */

static int draw(struct topo *topo, const char *path, int (*fn)(const struct topo *topo, FILE *file))
{
	FILE *file = fopen(path, "we");
	int r = file ? fn(topo, file) : -errno;

	if (file && fclose(file) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		return trnctl_fail(topo->ctl, r, "cannot write %.200s", path);
	json_object_array_add(topo->files, trnctl_text(path));
	return TRNCTL_OK;
}

static int topo_run(struct topo *topo, const struct topo_args *args)
{
	enum trnctl_exit status;
	int r = load_pod(topo);

	if (r != TRNCTL_OK)
		return r;
	if (args->at_given && args->at >= topo->pod.chips)
		return trnctl_fail_usage(topo->ctl,
					 "--at %" PRIu64 ": the pod has %" PRIu32 " chips",
					 args->at, topo->pod.chips);
	for (uint32_t i = 0; i < 2 && args->routed; i++) {
		topo->route[i] = args->route[i];
		if (topo->route[i] >= topo->pod.chips)
			return trnctl_fail_usage(topo->ctl,
						 "--route %" PRIu32 ": the pod has %" PRIu32
						 " chips",
						 topo->route[i], topo->pod.chips);
	}
	topo->routed = args->routed;
	topo->at = args->at_given ? (uint32_t)args->at : topo->place[0].index;
	topo->level = topo->pod.chips == 1 ? TOPO_CHIP : TOPO_POD;
	if (args->level >= 0)
		topo->level = (enum topo_level)args->level;
	show(topo);
	load_hops(topo);
	if (args->probe) {
		r = topo_probe(topo);
		if (r == TRNCTL_OK)
			r = load_links(topo); /* as they are now */
		if (r != TRNCTL_OK)
			return r;
	}
	if (args->svg)
		r = draw(topo, args->svg, topo_svg);
	if (r == TRNCTL_OK && args->dot)
		r = draw(topo, args->dot, topo_dot);
	if (r != TRNCTL_OK)
		return r;
	status = topo->failed > 0 ? TRNCTL_FAILURE : TRNCTL_OK;
	if (topo->ctl->json)
		return trnctl_print(topo->ctl, topo_json(topo), status);
	topo_text(topo);
	return (int)status;
}

static void topo_free(struct topo *topo)
{
	for (uint32_t i = 0; i < topo->devices; i++)
		trn_device_unref(topo->device[i]);
	free(topo->device);
	free(topo->place);
	free(topo->node);
	free(topo->link);
	free(topo->edge);
	free(topo->result);
	json_object_put(topo->files);
}

int trnctl_topo(struct trnctl *ctl, int argc, char **argv)
{
	struct topo_args args = { .ctl = ctl, .level = -1 };
	struct trnctl_options options = {
		.options = options_list,
		.parser = topo_parse,
		.input = &args,
		.doc = "Show the system a device belongs to: chips, switches, links, ways. A URI "
		       "without an index (mock:trn3-ultraserver) stands for the whole pod.",
	};
	struct topo topo = { .ctl = ctl };
	int r;

	if (!trnctl_parse(ctl, &options, argc, argv, &r))
		return r;
	r = trnctl_context(ctl);
	if (r != TRNCTL_OK)
		return r;
	topo.files = json_object_new_array();
	topo.device = calloc(CHIPS_MAX, sizeof(struct trn_device *));
	if (topo.device)
		r = trn_pod_open(ctl->context, ctl->uri, trnctl_deadline(ctl, OPEN_SECONDS),
				 topo.device, CHIPS_MAX, &topo.devices);
	else
		r = -ENOMEM;
	if (r < 0)
		r = trnctl_fail(ctl, r, "cannot open %s", ctl->uri ? ctl->uri : "a device");
	else
		r = topo_run(&topo, &args);
	topo_free(&topo);
	return r;
}
