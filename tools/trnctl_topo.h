/* SPDX-License-Identifier: Apache-2.0 */
/* trnctl topo: a pod as the library tells of it, for the drawings and lists. */
#ifndef TOOLS_TRNCTL_TOPO_H
#define TOOLS_TRNCTL_TOPO_H

#include "tools/trnctl.h"
#include <trn/topology.h>

/* How much is shown: what the chip of interest is in. */
enum topo_level {
	TOPO_CHIP,
	TOPO_SERVER,
	TOPO_RACK,
	TOPO_POD,
};

/* Where a node is. A switch of a server joins the chips of one only, and so on. */
enum topo_kind {
	TOPO_NODE_CHIP,
	TOPO_NODE_SERVER,
	TOPO_NODE_RACK,
	TOPO_NODE_POD,
};

struct topo_node {
	char name[48];
	enum topo_kind kind;
	uint32_t rack, server, position; /* server: of the pod; position: of a chip */
	bool shown;
};

/* A link and the one that goes back. a < b: a is a chip. */
struct topo_edge {
	uint32_t a, b;
	uint32_t cls, state; /* state: the worse of the two */
	uint64_t mbps;       /* one way */
};

struct topo {
	struct trnctl *ctl;
	enum topo_level level;
	uint32_t at; /* chip of interest */
	struct trn_pod_info pod;
	uint32_t devices; /* that were opened */
	struct trn_device **device;
	struct trn_device_place *place; /* of each */
	uint32_t nodes, links, edges;
	struct topo_node *node;
	struct trn_pod_link_info *link;
	struct topo_edge *edge;
	uint32_t hops[8]; /* chips at so many hops from @at */
	uint32_t hops_max;
	uint32_t route[2]; /* --route */
	bool routed;
	int *result;               /* of --probe, by link: 0, an error, TOPO_UNTRIED; or NULL */
	uint32_t probed, failed;   /* links */
	struct json_object *files; /* names of what was drawn */
};

#define TOPO_CLASSES 3
#define TOPO_UNTRIED 1
extern const char *const topo_class_names[TOPO_CLASSES];
extern const char *const topo_state_names[3];

static inline uint32_t topo_server_chips(const struct topo *topo)
{
	return topo->pod.chips / topo->pod.servers;
}
/* Links of one class that leave a chip, and their lanes together; 0: not known. */
uint32_t topo_class_links(const struct topo *topo, uint32_t cls);
uint32_t topo_class_lanes(const struct topo *topo, uint32_t cls);
/* "512", "51.2": 10^9 B/s. */
const char *topo_rate(uint64_t mbps, char buf[24]);
/* The title of text and pictures. */
const char *topo_title(const struct topo *topo, char buf[160]);
/* The opened device of a chip, or any. */
struct trn_device *topo_device(const struct topo *topo, uint32_t chip);

/* Sends something over every link. */
int topo_probe(struct topo *topo);
void topo_text(struct topo *topo);
struct json_object *topo_json(struct topo *topo);
/* -EIO: not all of it could be written. */
int topo_dot(const struct topo *topo, FILE *file);
int topo_svg(const struct topo *topo, FILE *file);

/* ---- SVG (trnctl_topo_svg.c) ---- */

void topo_svg_begin(FILE *file, double width, double height, const char *title);
void topo_svg_end(FILE *file);
/* Escapes what stands between the tags. anchor: start, middle, end. */
void topo_svg_text(FILE *file, double x, double y, const char *class, const char *anchor,
		   const char *format, ...) TRN_PRINTF(6, 7);
void topo_svg_line(FILE *file, const struct topo_edge *edge, double x1, double y1, double x2,
		   double y2);
void topo_svg_box(FILE *file, const char *class, double x, double y, double width, double height);
/* What the lines mean, from y down. */
void topo_svg_legend(FILE *file, const struct topo *topo, double x, double y);
/* The chip of interest: trnctl_topo_chip.c. */
void topo_svg_chip(FILE *file, const struct topo *topo);

#endif /* TOOLS_TRNCTL_TOPO_H */
