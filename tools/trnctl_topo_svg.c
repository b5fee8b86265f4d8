// SPDX-License-Identifier: Apache-2.0
/* trnctl topo: the picture of a pod, a rack or a server. Racks stand side by side; a server is a
 * box of chips in rows; a switch of the server is at the left with a line under its chips; one of
 * the rack is on top, with a line down each column that it serves. */
#include "tools/trnctl_topo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define CHIP_W 52.0
#define CHIP_H 22.0
#define PITCH_X 84.0
#define PITCH_Y 36.0
#define LABEL_W 80.0 /* of a server, left of its chips */
#define GAP_X 172.0  /* between racks: cross links and what they are */
#define TOP 74.0
#define SWITCH_H 24.0
#define SWITCH_W 38.0 /* of a server */
#define MARGIN 18.0

#define COLUMNS_MAX 64u

struct layout {
	const struct topo *topo;
	FILE *file;
	uint32_t columns, rows; /* of chips in a server */
	uint32_t server_chips, rack_servers;
	uint32_t racks, first_rack;     /* that are drawn */
	uint32_t servers, first_server; /* of each; first: in its rack */
	double rack_w, rack_top, server_h, servers_top;
	double label_w; /* what stands left of the chips of a server */
	double gap_y;   /* between servers */
};

/* ---- pieces ---- */

void topo_svg_begin(FILE *file, double width, double height, const char *title)
{
	fprintf(file,
		"<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\"\n"
		"width=\"%.0f\" height=\"%.0f\">\n",
		width, height, width, height);
	fputs("<style>text{font:12px sans-serif;fill:#22272e}\n"
	      ".t{font-size:17px;font-weight:bold}.s{font-size:10.5px;fill:#57606a}\n"
	      ".w{fill:#fff;font-size:11px}.bg{fill:#fbfbfa}.rack{fill:#f0f1f2;stroke:#b4bac1}\n"
	      ".server{fill:#fff;stroke:#c6cbd1}.chip{fill:#e7eaee;stroke:#6b7683}\n"
	      ".at{fill:#d5e4f7;stroke:#2d5f9a;stroke-width:2}.mem{fill:#e6efe2;stroke:#6f8a62}\n"
	      ".unit{fill:#f6f1e4;stroke:#a08b55}.k0{fill:#2f6db3}.k1{fill:#a2572c}"
	      ".k2{fill:#5b7a2a}\n.c0,.c1,.c2{fill:none;stroke-width:1.6}\n"
	      ".c0{stroke:#2f6db3}.c1{stroke:#a2572c}.c2{stroke:#5b7a2a}\n"
	      ".e1{stroke:#e0a100;stroke-width:2.6;stroke-dasharray:7 3}\n"
	      ".e2{stroke:#d1242f;stroke-width:2.6;stroke-dasharray:2 4}</style>\n",
	      file);
	topo_svg_box(file, "bg", 0, 0, width, height);
	topo_svg_text(file, MARGIN, 28, "t", "start", "%s", title);
}

void topo_svg_end(FILE *file)
{
	fputs("</svg>\n", file);
}

void topo_svg_text(FILE *file, double x, double y, const char *class, const char *anchor,
		   const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\"\n>", x, y, class,
		anchor);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '<' || *c == '>' || *c == '&')
			fprintf(file, "&#%d;", *c);
		else if ((unsigned char)*c >= ' ' && (unsigned char)*c < 0x7f)
			fputc(*c, file);
		else
			fputc('?', file);
	}
	fputs("</text>\n", file);
}

/* Class of a line that stands for links: what they are, and how they are. */
static const char *line_class(const struct topo_edge *edge, char buf[16])
{
	if (edge->state == 0)
		snprintf(buf, 16, "c%" PRIu32, edge->cls % TOPO_CLASSES);
	else
		snprintf(buf, 16, "c%" PRIu32 " e%" PRIu32, edge->cls % TOPO_CLASSES,
			 edge->state > 1 ? 2 : edge->state);
	return buf;
}

void topo_svg_line(FILE *file, const struct topo_edge *edge, double x1, double y1, double x2,
		   double y2)
{
	char class[16];

	fprintf(file, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", line_class(edge, class),
		x1, y1, x2, y2);
}

/* Bent by that much, to its left. */
static void arc(const struct layout *l, const struct topo_edge *edge, double x1, double y1,
		double x2, double y2, double bend)
{
	bool level = y1 == y2;
	char class[16];

	fprintf(l->file, "<path class=\"%s\" d=\"M%.1f %.1fQ%.1f %.1f %.1f %.1f\"/>\n",
		line_class(edge, class), x1, y1, (x1 + x2) / 2 - (level ? 0 : bend),
		(y1 + y2) / 2 - (level ? bend : 0), x2, y2);
}

void topo_svg_box(FILE *file, const char *class, double x, double y, double width, double height)
{
	fprintf(file,
		"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
		"rx=\"4\"/>\n",
		class, x, y, width, height);
}

/* ---- where things are ---- */

static double rack_x(const struct layout *l, uint32_t rack)
{
	return MARGIN + (rack - l->first_rack) * (l->rack_w + GAP_X);
}

static double server_y(const struct layout *l, uint32_t server)
{
	uint32_t row = server % l->rack_servers - l->first_server;

	return l->servers_top + row * (l->server_h + l->gap_y);
}

static double chip_x(const struct layout *l, uint32_t chip)
{
	const struct topo_node *node = &l->topo->node[chip];

	return rack_x(l, node->rack) + l->label_w + node->position % l->columns * PITCH_X;
}

static double chip_y(const struct layout *l, uint32_t chip)
{
	const struct topo_node *node = &l->topo->node[chip];

	return server_y(l, node->server) + 8 + node->position / l->columns * PITCH_Y;
}

/* Columns of the picture: the planes of a rack, where there are several. */
static uint32_t columns_of(const struct topo *topo)
{
	uint32_t planes = 0, chips = topo_server_chips(topo);

	for (uint32_t i = topo->pod.chips; i < topo->nodes; i++)
		planes += topo->node[i].kind == TOPO_NODE_RACK && topo->node[i].rack == 0;
	if (planes > 1 && planes <= chips)
		return planes;
	return chips < 4 ? chips : 4;
}

static void lay_out(struct layout *l)
{
	const struct topo *topo = l->topo;
	const struct topo_node *at = &topo->node[topo->at];

	l->server_chips = topo_server_chips(topo);
	l->rack_servers = topo->pod.servers / topo->pod.racks;
	l->columns = columns_of(topo);
	l->rows = (l->server_chips + l->columns - 1) / l->columns;
	l->racks = topo->level == TOPO_POD ? topo->pod.racks : 1;
	l->first_rack = topo->level == TOPO_POD ? 0 : at->rack;
	l->servers = topo->level == TOPO_SERVER ? 1 : l->rack_servers;
	l->first_server = topo->level == TOPO_SERVER ? at->server % l->rack_servers : 0;
	l->server_h = l->rows * PITCH_Y + 2;
	l->label_w = LABEL_W;
	l->gap_y = 8;
	l->rack_top = TOP;
	l->servers_top = 30;
	for (uint32_t i = topo->pod.chips; i < topo->nodes; i++) {
		if (topo->node[i].kind == TOPO_NODE_SERVER)
			l->label_w = LABEL_W + SWITCH_W;
		else if (topo->node[i].kind == TOPO_NODE_POD)
			l->rack_top = TOP + 2 * SWITCH_H;
		else
			l->servers_top = 30 + SWITCH_H + 22;
	}
	l->servers_top += l->rack_top;
	/* Room for links between the servers of a rack. */
	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_node *a = &topo->node[topo->edge[e].a];
		const struct topo_node *b = &topo->node[topo->edge[e].b];

		if (topo->edge[e].b < topo->pod.chips && a->server != b->server &&
		    a->rack == b->rack)
			l->gap_y = 26;
	}
	l->rack_w = l->label_w + l->columns * PITCH_X - (PITCH_X - CHIP_W) + 14;
}

/* ---- drawing ---- */

/* Its own colour, or that of its worst link. */
static const char *chip_class(const struct topo *topo, uint32_t chip)
{
	static const char *const bad[] = { NULL, "chip e1", "chip e2" };
	uint32_t worst = 0;

	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_edge *edge = &topo->edge[e];

		if ((edge->a == chip || edge->b == chip) && edge->state > worst)
			worst = edge->state > 2 ? 2 : edge->state;
	}
	if (worst > 0)
		return bad[worst];
	return chip == topo->at && topo->level != TOPO_POD ? "at" : "chip";
}

static void draw_boxes(const struct layout *l)
{
	const struct topo *topo = l->topo;
	double height = l->servers_top - l->rack_top + l->servers * (l->server_h + l->gap_y) + 2;

	for (uint32_t r = l->first_rack; r < l->first_rack + l->racks; r++) {
		topo_svg_box(l->file, "rack", rack_x(l, r), l->rack_top, l->rack_w, height);
		topo_svg_text(l->file, rack_x(l, r) + 10, l->rack_top + 19, "", "start",
			      "rack %" PRIu32, r);
		for (uint32_t s = l->first_server; s < l->first_server + l->servers; s++) {
			uint32_t server = r * l->rack_servers + s;
			double y = server_y(l, server);

			topo_svg_box(l->file, "server", rack_x(l, r) + 6, y, l->rack_w - 12,
				     l->server_h);
			topo_svg_text(l->file, rack_x(l, r) + 13, y + 19, "s", "start",
				      "server %" PRIu32, server);
		}
	}
	for (uint32_t i = 0; i < topo->pod.chips; i++) {
		if (topo->level != TOPO_POD && !topo->node[i].shown)
			continue;
		topo_svg_box(l->file, chip_class(topo, i), chip_x(l, i), chip_y(l, i), CHIP_W,
			     CHIP_H);
		topo_svg_text(l->file, chip_x(l, i) + CHIP_W / 2, chip_y(l, i) + 15.5, "", "middle",
			      "%" PRIu32, i);
	}
}

/* A switch of a server: at its left, its line under the chips. */
static void draw_server_switch(const struct layout *l, uint32_t node)
{
	const struct topo *topo = l->topo;
	const struct topo_node *sw = &topo->node[node];
	double x = rack_x(l, sw->rack) + LABEL_W - 12, y = server_y(l, sw->server) + 8;
	double bus = y + CHIP_H + 4, right = x;
	struct topo_edge trunk = { 0 };

	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_edge *edge = &topo->edge[e];
		double chip = chip_x(l, edge->a) + CHIP_W / 2;

		if (edge->b != node)
			continue;
		topo_svg_line(l->file, edge, chip, bus, chip, bus - 4);
		right = chip > right ? chip : right;
		trunk.cls = edge->cls;
	}
	topo_svg_line(l->file, &trunk, x + SWITCH_W, bus, right, bus);
	topo_svg_box(l->file, "k0", x, y, SWITCH_W, CHIP_H + 5);
	topo_svg_text(l->file, x + SWITCH_W / 2, y + 17, "w", "middle", "sw %" PRIu32, sw->server);
}

/* Where the switch of a rack, or of the pod, has its box: above the columns that it serves. */
static void high_switch_box(const struct layout *l, uint32_t node, double *ret_x, double *ret_y,
			    double *ret_w)
{
	const struct topo *topo = l->topo;
	double left = 1e9, right = 0;

	for (uint32_t e = 0; e < topo->edges; e++) {
		uint32_t chip = topo->edge[e].a;

		if (topo->edge[e].b != node || !topo->node[chip].shown)
			continue;
		left = chip_x(l, chip) < left ? chip_x(l, chip) : left;
		right = chip_x(l, chip) > right ? chip_x(l, chip) : right;
	}
	*ret_x = left - 20;
	*ret_w = right - left + CHIP_W + 22;
	*ret_y = topo->node[node].kind == TOPO_NODE_POD ? TOP - 20 : l->rack_top + 28;
}

/* What its box has room for: "plane 2" of "rack 1 plane 2 switch". */
static const char *short_name(const char *name, double width, char buf[48])
{
	const char *part = strstr(name, "plane");
	char *end;

	part = part ? part : strstr(name, "column");
	snprintf(buf, 48, "%s", part && width < 130 ? part : name);
	end = strstr(buf, " switch");
	if (end && buf[0] != 'r')
		*end = '\0';
	return buf;
}

/* A switch of a rack, or of the pod: on top, with a line down at the left of each column. */
static void draw_high_switch(const struct layout *l, uint32_t node)
{
	const struct topo *topo = l->topo;
	double x, y, w, low[COLUMNS_MAX] = { 0 }, left[COLUMNS_MAX] = { 0 };
	struct topo_edge trunk = { 0 };
	char text[48];

	high_switch_box(l, node, &x, &y, &w);
	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_edge *edge = &topo->edge[e];
		const struct topo_node *chip = &topo->node[edge->a];
		uint32_t column = chip->rack * l->columns + chip->position % l->columns;

		if (edge->b != node || !chip->shown || column >= COLUMNS_MAX)
			continue;
		trunk.cls = edge->cls;
		left[column] = chip_x(l, edge->a) - 10;
		low[column] = chip_y(l, edge->a) + CHIP_H / 2;
		topo_svg_line(l->file, edge, left[column], low[column], left[column] + 10,
			      low[column]);
	}
	for (uint32_t i = 0; i < COLUMNS_MAX; i++) {
		if (low[i] > 0)
			topo_svg_line(l->file, &trunk, left[i], y + SWITCH_H, left[i], low[i]);
	}
	snprintf(text, sizeof(text), "k%" PRIu32, trunk.cls % TOPO_CLASSES);
	topo_svg_box(l->file, text, x, y, w, SWITCH_H);
	topo_svg_text(l->file, x + w / 2, y + 16.5, "w", "middle", "%s",
		      short_name(topo->node[node].name, w, text));
}

/* Between two chips of a server: straight to the next one, else round the others. */
static void draw_direct(const struct layout *l, const struct topo_edge *edge)
{
	double x1 = chip_x(l, edge->a), y1 = chip_y(l, edge->a);
	double x2 = chip_x(l, edge->b), y2 = chip_y(l, edge->b);

	if (y1 == y2 && x2 - x1 <= PITCH_X)
		topo_svg_line(l->file, edge, x1 + CHIP_W, y1 + CHIP_H / 2, x2, y2 + CHIP_H / 2);
	else if (x1 == x2 && y2 - y1 <= PITCH_Y)
		topo_svg_line(l->file, edge, x1 + CHIP_W / 2, y1 + CHIP_H, x2 + CHIP_W / 2, y2);
	else if (y1 == y2)
		arc(l, edge, x1 + CHIP_W - 8, y1, x2 + 8, y2, 14);
	else
		arc(l, edge, x1, y1 + CHIP_H - 4, x2, y2 + 4, 30);
}

/* All links between two servers as one line, the worst of their states; their number. */
static uint32_t bundle_of(const struct topo *topo, uint32_t a, uint32_t b, struct topo_edge *ret)
{
	uint32_t count = 0;

	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_edge *edge = &topo->edge[e];

		if (edge->b >= topo->pod.chips || topo->node[edge->a].server != a ||
		    topo->node[edge->b].server != b)
			continue;
		if (count++ == 0)
			*ret = *edge;
		ret->state = edge->state > ret->state ? edge->state : ret->state;
	}
	return count;
}

static void draw_bundle(const struct layout *l, uint32_t a, uint32_t b)
{
	uint32_t rack_a = a / l->rack_servers, rack_b = b / l->rack_servers;
	double x1 = rack_x(l, rack_a) + l->rack_w - 6, x2 = rack_x(l, rack_b) + 6;
	double y1 = server_y(l, a) + l->server_h / 2, y2 = server_y(l, b) + l->server_h / 2;
	struct topo_edge bundle;
	uint32_t count = bundle_of(l->topo, a, b, &bundle);
	char rate[24];

	if (count == 0)
		return;
	if (rack_a == rack_b) {
		x1 = x2 = rack_x(l, rack_a) + l->rack_w / 2;
		y1 = server_y(l, a) + l->server_h;
		y2 = server_y(l, b);
	}
	topo_svg_line(l->file, &bundle, x1, y1, x2, y2);
	/* Near its beginning, where others that cross it are far. */
	topo_svg_text(l->file,
		      x1 + (rack_a == rack_b ? 8 :
			    y1 == y2         ? 42 :
					       18),
		      rack_a == rack_b ? y1 + 17 :
		      y1 == y2         ? y1 - 4 :
		      y1 < y2          ? y1 - 2 :
					 y1 + 10,
		      "s", "start", "%" PRIu32 " x %s GB/s", count, topo_rate(bundle.mbps, rate));
}

/* To a server that is not in the picture. */
static void draw_stub(const struct layout *l, uint32_t inside, uint32_t outside)
{
	struct topo_edge bundle = { 0 };
	uint32_t low = inside < outside ? inside : outside;
	uint32_t count = bundle_of(l->topo, low, inside + outside - low, &bundle);
	double x = rack_x(l, inside / l->rack_servers) + l->rack_w - 6;
	double y = server_y(l, inside) + l->server_h / 2 + (outside < inside ? -7 : 7);

	if (count == 0)
		return;
	topo_svg_line(l->file, &bundle, x, y, x + 24, y);
	topo_svg_text(l->file, x + 28, y + 4, "s", "start", "%" PRIu32 " to server %" PRIu32, count,
		      outside);
}

static bool server_shown(const struct topo *topo, uint32_t server)
{
	return topo->node[server * topo_server_chips(topo)].shown;
}

static void draw_bundles(const struct layout *l)
{
	const struct topo *topo = l->topo;

	for (uint32_t a = 0; a < topo->pod.servers; a++) {
		for (uint32_t b = 0; b < topo->pod.servers; b++) {
			if (a < b && server_shown(topo, a) && server_shown(topo, b))
				draw_bundle(l, a, b);
			else if (a != b && server_shown(topo, a) && !server_shown(topo, b))
				draw_stub(l, a, b);
		}
	}
}

void topo_svg_legend(FILE *file, const struct topo *topo, double x, double y)
{
	static const struct topo_edge states[] = { { .state = 1 }, { .state = 2 } };
	double left = x;
	char rate[24];

	for (uint32_t cls = 0; cls < TOPO_CLASSES; cls++) {
		struct topo_edge edge = { .cls = cls };
		uint32_t links = topo_class_links(topo, cls), lanes = topo_class_lanes(topo, cls);
		char lane_text[32] = "";

		if (links == 0)
			continue;
		if (lanes > 0)
			snprintf(lane_text, sizeof(lane_text), " (%" PRIu32 " lanes)", lanes);
		topo_svg_line(file, &edge, x, y, x + 30, y);
		topo_svg_text(file, x + 38, y + 4, "", "start",
			      "%s: %s GB/s one way a chip%s, %" PRIu32 " link%s",
			      topo_class_names[cls], topo_rate(topo->pod.link_mbps[cls], rate),
			      lane_text, links, links == 1 ? "" : "s");
		y += 20;
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && topo->links > 0; i++) {
		topo_svg_line(file, &states[i], x, y, x + 30, y);
		topo_svg_text(file, x + 38, y + 4, "", "start", "%s",
			      i == 0 ? "degraded" : "down (also on its chips)");
		x += i == 0 ? 130 : 230;
	}
	if (topo->links > 0)
		topo_svg_text(file, left + 360, y + 4, "s", "start",
			      "fabric \"%s\"; a hop takes %" PRIu32 " ns", topo->pod.fabric,
			      topo->pod.hop_ns);
}

static void draw_links(const struct layout *l)
{
	const struct topo *topo = l->topo;

	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_edge *edge = &topo->edge[e];

		if (edge->b < topo->pod.chips && topo->node[edge->a].shown &&
		    topo->node[edge->a].server == topo->node[edge->b].server)
			draw_direct(l, edge);
	}
	draw_bundles(l);
	for (uint32_t i = topo->pod.chips; i < topo->nodes; i++) {
		if (!topo->node[i].shown)
			continue;
		if (topo->node[i].kind == TOPO_NODE_SERVER)
			draw_server_switch(l, i);
		else
			draw_high_switch(l, i);
	}
}

int topo_svg(const struct topo *topo, FILE *file)
{
	struct layout l = { .topo = topo, .file = file };
	double width, bottom;
	char title[160];

	if (topo->level == TOPO_CHIP) {
		topo_svg_chip(file, topo);
		return ferror(file) ? -EIO : 0;
	}
	lay_out(&l);
	width = 2 * MARGIN + l.racks * l.rack_w + (l.racks - 1) * GAP_X;
	if (l.racks < topo->pod.racks || topo->level == TOPO_SERVER)
		width += 150; /* what leaves the picture */
	width = width < 620 ? 620 : width;
	bottom = l.servers_top + l.servers * (l.server_h + l.gap_y) + 26;
	topo_svg_begin(file, width, bottom + 92, topo_title(topo, title));
	topo_svg_text(file, MARGIN, 46, "s", "start",
		      "%" PRIu32 " servers of %" PRIu32 " chips in %" PRIu32 " rack%s, %" PRIu32
		      " switch%s, %" PRIu32 " links one way%s",
		      topo->pod.servers, l.server_chips, topo->pod.racks,
		      topo->pod.racks == 1 ? "" : "s", topo->pod.switches,
		      topo->pod.switches == 1 ? "" : "es", topo->links,
		      topo->pod.preview ? "; announced, not documented" : "");
	draw_boxes(&l);
	draw_links(&l);
	topo_svg_legend(file, topo, MARGIN, bottom + 8);
	topo_svg_end(file);
	return ferror(file) ? -EIO : 0;
}
