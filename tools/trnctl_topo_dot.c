// SPDX-License-Identifier: Apache-2.0
/* trnctl topo: the pod as a Graphviz graph: racks and servers are clusters, an edge is a link and
 * the one that goes back. */
#include "tools/trnctl_topo.h"

#include <errno.h>
#include <inttypes.h>

static const char *const colors[TOPO_CLASSES] = { "#2f6db3", "#a2572c", "#5b7a2a" };

/* Names come from the library, but go into quotes. */
static void quoted(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		if ((unsigned char)*text >= ' ')
			fputc(*text, file);
	}
	fputc('"', file);
}

static void node(const struct topo *topo, FILE *file, uint32_t i)
{
	fprintf(file, "      n%" PRIu32 " [label=", i);
	quoted(file, topo->node[i].name);
	fprintf(file, "%s];\n",
		i < topo->pod.chips ? "" : ", shape=ellipse, fillcolor=\"#e7eaee\"");
}

/* Chips and the switch of a server. */
static void server(const struct topo *topo, FILE *file, uint32_t which)
{
	bool open = false;

	for (uint32_t i = 0; i < topo->nodes; i++) {
		const struct topo_node *n = &topo->node[i];

		if (!n->shown || n->server != which || n->kind > TOPO_NODE_SERVER)
			continue;
		if (!open)
			fprintf(file,
				"    subgraph cluster_s%" PRIu32 " {\n      label=\"server %" PRIu32
				"\";\n",
				which, which);
		open = true;
		node(topo, file, i);
	}
	if (open)
		fputs("    }\n", file);
}

static void rack(const struct topo *topo, FILE *file, uint32_t which)
{
	uint32_t servers = topo->pod.servers / topo->pod.racks;

	fprintf(file, "  subgraph cluster_r%" PRIu32 " {\n    label=\"rack %" PRIu32 "\";\n", which,
		which);
	for (uint32_t i = topo->pod.chips; i < topo->nodes; i++) {
		if (topo->node[i].shown && topo->node[i].kind == TOPO_NODE_RACK &&
		    topo->node[i].rack == which)
			node(topo, file, i);
	}
	for (uint32_t s = 0; s < servers; s++)
		server(topo, file, which * servers + s);
	fputs("  }\n", file);
}

static void edges(const struct topo *topo, FILE *file)
{
	static const char *const styles[] = { "solid", "dashed", "dotted" };
	char rate[24];

	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_edge *edge = &topo->edge[e];
		bool whole = topo->node[edge->a].shown && topo->node[edge->b].shown;

		if (!whole)
			continue;
		fprintf(file,
			"  n%" PRIu32 " -- n%" PRIu32
			" [color=\"%s\", style=%s, tooltip=\"%s GB/s, "
			"%s\"];\n",
			edge->a, edge->b, edge->state ? "#d1242f" : colors[edge->cls],
			styles[edge->state], topo_rate(edge->mbps, rate),
			topo_state_names[edge->state]);
	}
}

int topo_dot(const struct topo *topo, FILE *file)
{
	char title[160];

	fputs("graph pod {\n  label=", file);
	quoted(file, topo_title(topo, title));
	fputs(";\n  rankdir=LR; fontname=\"sans-serif\";\n  node [shape=box, style=filled, "
	      "fillcolor=white, fontname=\"sans-serif\"];\n",
	      file);
	for (uint32_t i = topo->pod.chips; i < topo->nodes; i++) {
		if (topo->node[i].shown && topo->node[i].kind == TOPO_NODE_POD)
			node(topo, file, i);
	}
	for (uint32_t r = 0; r < topo->pod.racks; r++)
		rack(topo, file, r);
	edges(topo, file);
	fputs("}\n", file);
	return ferror(file) ? -EIO : 0;
}
