// SPDX-License-Identifier: Apache-2.0
/* trnctl topo: the picture of one chip: memory at the sides, cores with their DMA engines and
 * sync processors, links below. */
#include "tools/trnctl_topo.h"

#include <inttypes.h>

#define WIDTH 760.0
#define CORE_W 210.0
#define CORE_H 92.0
#define HBM_W 84.0
#define TOP 84.0
#define CORE_DMA 16u /* engines, and sync processors, of a core: every generation so far */
#define CORE_SYNC 2u

static void draw_core(FILE *file, uint32_t core, double x, double y)
{
	topo_svg_box(file, "chip", x, y, CORE_W, CORE_H);
	topo_svg_text(file, x + 8, y + 16, "", "start", "core %" PRIu32, core);
	topo_svg_text(file, x + 8, y + 31, "s", "start", "tensor, vector, scalar, gpsimd, sync");
	for (uint32_t i = 0; i < CORE_DMA; i++)
		topo_svg_box(file, "unit", x + 8 + i * 9.5, y + 40, 7.5, 12);
	topo_svg_text(file, x + 8, y + 66, "s", "start", "DMA engines %" PRIu32 " to %" PRIu32,
		      core * CORE_DMA, core * CORE_DMA + CORE_DMA - 1);
	for (uint32_t i = 0; i < CORE_SYNC; i++)
		topo_svg_box(file, "k1", x + 172 + i * 16, y + 40, 12, 12);
	topo_svg_text(file, x + 8, y + 81, "s", "start", "sync processors %" PRIu32 ", %" PRIu32,
		      core * CORE_SYNC, core * CORE_SYNC + 1);
}

static void draw_memory(FILE *file, const struct trn_device_info *info, double bottom)
{
	uint32_t sides = info->hbm_stacks > 1 ? 2 : 1;
	uint32_t each = (info->hbm_stacks + sides - 1) / sides;
	double step = each ? (bottom - TOP - 30) / each : 0;

	for (uint32_t i = 0; i < info->hbm_stacks; i++) {
		double x = i / each ? WIDTH - 18 - HBM_W - 12 : 30;
		double y = TOP + 30 + i % each * step;
		char bytes[24];

		topo_svg_box(file, "mem", x, y, HBM_W, step - 12);
		topo_svg_text(file, x + HBM_W / 2, y + step / 2 - 10, "", "middle", "HBM %" PRIu32,
			      i);
		topo_svg_text(file, x + HBM_W / 2, y + step / 2 + 6, "s", "middle", "%s",
			      trnctl_human(info->hbm_bytes / info->hbm_stacks, bytes));
	}
}

/* Where the links of the chip go, side by side; @top is the chip's edge. */
static void draw_chip_links(FILE *file, const struct topo *topo, double top)
{
	uint32_t count = 0, i = 0;

	for (uint32_t e = 0; e < topo->edges; e++)
		count += topo->edge[e].a == topo->at || topo->edge[e].b == topo->at;
	for (uint32_t e = 0; e < topo->edges; e++) {
		const struct topo_edge *edge = &topo->edge[e];
		uint32_t to = edge->a == topo->at ? edge->b : edge->a;
		double step = (WIDTH - 36) / (count > 0 ? count : 1), x = 18 + step * (i + 0.5);
		char rate[24];

		if (edge->a != topo->at && edge->b != topo->at)
			continue;
		topo_svg_line(file, edge, x, top, x, top + 34);
		topo_svg_box(file, "server", x - step / 2 + 4, top + 34, step - 8, 42);
		topo_svg_text(file, x, top + 51, "s", "middle", "%s", topo->node[to].name);
		topo_svg_text(file, x, top + 67, "s", "middle", "%s GB/s, %s",
			      topo_rate(edge->mbps, rate),
			      topo_state_names[edge->state > 2 ? 2 : edge->state]);
		i++;
	}
}

void topo_svg_chip(FILE *file, const struct topo *topo)
{
	struct trn_device_info info = { .size = sizeof(info) };
	uint32_t rows;
	char title[160];
	double bottom;

	if (trn_device_info(topo_device(topo, topo->at), &info) < 0)
		info = (struct trn_device_info){ .cores = 8, .hbm_stacks = 4 };
	rows = (info.cores + 1) / 2;
	bottom = TOP + 30 + rows * (CORE_H + 10);
	topo_svg_begin(file, WIDTH, bottom + (topo->links > 0 ? 194 : 20), topo_title(topo, title));
	topo_svg_text(file, 18, 46, "s", "start",
		      "%" PRIu32 " cores, %" PRIu32 " DMA engines, %" PRIu32
		      " sync processors; rack %" PRIu32 ", server %" PRIu32 ", position %" PRIu32,
		      info.cores, info.cores * CORE_DMA, info.cores * CORE_SYNC,
		      topo->node[topo->at].rack, topo->node[topo->at].server,
		      topo->node[topo->at].position);
	topo_svg_box(file, "rack", 18, TOP - 16, WIDTH - 36, bottom - TOP + 16);
	topo_svg_text(file, 30, TOP + 6, "", "start", "%s", info.product);
	draw_memory(file, &info, bottom);
	for (uint32_t i = 0; i < info.cores; i++)
		draw_core(file, i, i / rows ? WIDTH / 2 + 10 : WIDTH / 2 - 10 - CORE_W,
			  TOP + 30 + i % rows * (CORE_H + 10));
	if (topo->links > 0) {
		draw_chip_links(file, topo, bottom);
		topo_svg_legend(file, topo, 18, bottom + 104);
	}
	topo_svg_end(file);
}
