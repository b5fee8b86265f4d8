/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes of ranks, and how a vector is shared among boxes whose dimensions are in another order. */
#include "base/coll_plan.h"

#include <string.h>
#include "base/bits.h"
#include "base/coll_box.h"

static void box_add(struct trn_coll_box *box, uint32_t size, bool ring, uint64_t mbps,
		    uint32_t hops)
{
	if (size < 2)
		return;
	box->dim[box->dims].size = size;
	box->dim[box->dims].relay = false;
	box->dim[box->dims].ring = ring && size > 2;
	box->dim[box->dims].load = TRN_COLL_LOADS;
	box->dim[box->dims].mbps = mbps;
	box->dim[box->dims++].hops = hops;
}

static uint32_t hops_between(const struct trn_coll_site *site, uint32_t a, uint32_t b)
{
	return site->chip[a] == site->chip[b] ?
		       0 :
		       trn_pod_hops(site->graph, site->chip[a], site->chip[b]);
}

static uint32_t hops_most(const struct trn_coll_site *site)
{
	uint32_t most = 0, hops;

	for (uint32_t r = 1; r < site->ranks; r++) {
		hops = hops_between(site, 0, r);
		most = hops > most ? hops : most;
	}
	return most;
}

static uint32_t ranks_of_chip(const struct trn_coll_site *site, uint32_t chip)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < site->ranks; r++)
		n += site->chip[r] == chip;
	return n;
}

/* All links of a chip, shared by its ranks. */
static uint64_t rank_mbps(const struct trn_coll_site *site)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < TRN_LINK_CLASSES; i++)
		sum += site->graph->mbps[i];
	return sum / ranks_of_chip(site, site->chip[0]);
}

/* ---- orders of ranks along a line ---- */

/* Neighbours one behind the other: a snake through the grid. */
static uint64_t snake_key(const struct trn_coll_site *site, uint32_t rank)
{
	struct trn_pod_dim dim[TRN_POD_DIMS];
	uint32_t count = trn_pod_grid(site->graph, dim), coord[TRN_POD_DIMS];
	uint64_t key = 0;

	trn_pod_coord(site->graph, site->chip[rank], coord);
	for (uint32_t i = count; i-- > 0;)
		key = key * dim[i].size + (key % 2 == 0 ? coord[i] : dim[i].size - 1 - coord[i]);
	return (key << 16 | site->core[rank]) << 16 | rank;
}

static void line_snake(const struct trn_coll_site *site, uint16_t *rank_at)
{
	uint64_t keys[TRN_COLL_RANKS];

	for (uint32_t r = 0; r < site->ranks; r++) {
		uint64_t key = snake_key(site, r);
		uint32_t i = r;

		for (; i > 0 && keys[i - 1] > key; i--)
			keys[i] = keys[i - 1];
		keys[i] = key;
	}
	for (uint32_t r = 0; r < site->ranks; r++)
		rank_at[r] = (uint16_t)(keys[r] & 0xffff);
}

static void line_plain(const struct trn_coll_site *site, uint16_t *rank_at)
{
	for (uint32_t r = 0; r < site->ranks; r++)
		rank_at[r] = (uint16_t)r;
}

/* ---- boxes ---- */

static bool box_mesh(struct trn_coll_box *box, const struct trn_coll_site *site)
{
	box_add(box, site->ranks, false, rank_mbps(site), hops_most(site));
	line_plain(site, box->rank_at);
	return true;
}

static uint64_t ring_mbps(const struct trn_coll_site *site)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < TRN_LINK_CLASSES; i++)
		if (site->graph->mbps[i] > 0)
			least = trn_min_u64(least, site->graph->mbps[i]);
	return least == UINT64_MAX ? rank_mbps(site) : least;
}

static bool box_ring(struct trn_coll_box *box, const struct trn_coll_site *site)
{
	box_add(box, site->ranks, true, ring_mbps(site), 1);
	line_snake(site, box->rank_at);
	return true;
}

static bool box_paired(struct trn_coll_box *box, const struct trn_coll_site *site)
{
	if (site->ranks % 2 != 0)
		return false;
	box_add(box, site->ranks / 2, true, ring_mbps(site), 1);
	box_add(box, 2, false, rank_mbps(site), 1);
	line_snake(site, box->rank_at);
	return true;
}

/* Small factors; what is prime is a mesh of its own. Far ones first: halves go there. */
static bool box_rdh(struct trn_coll_box *box, const struct trn_coll_site *site)
{
	uint32_t left = site->ranks;

	for (uint32_t f = 2; left > 1; f++) {
		/* Not more than there is room for: twos become a four. */
		while (left % f == 0) {
			uint32_t take = f == 2 && left % 4 == 0 && left >= 128 ? 4 : f;

			box_add(box, take, false, rank_mbps(site), hops_most(site));
			left /= take;
		}
		if (f > 16 && left > 1) {
			box_add(box, left, false, rank_mbps(site), hops_most(site));
			left = 1;
		}
	}
	line_snake(site, box->rank_at);
	return box->dims > 1 || site->ranks < 3;
}

/* Coordinates of the chips in use, in each dimension of the pod, and back. */
struct grid {
	uint32_t dims, per_chip;
	struct trn_pod_dim dim[TRN_POD_DIMS];
	uint32_t used[TRN_POD_DIMS];
	uint32_t index[TRN_POD_DIMS][TRN_POD_CHIPS_MAX]; /* of a coordinate; UINT32_MAX */
};

static void grid_init(struct grid *grid, const struct trn_coll_site *site)
{
	uint32_t coord[TRN_POD_DIMS];

	memset(grid, 0, sizeof(*grid));
	grid->dims = trn_pod_grid(site->graph, grid->dim);
	grid->per_chip = ranks_of_chip(site, site->chip[0]);
	for (uint32_t r = 0; r < site->ranks; r++) {
		trn_pod_coord(site->graph, site->chip[r], coord);
		for (uint32_t d = 0; d < grid->dims; d++)
			grid->index[d][coord[d]] = 1;
	}
	for (uint32_t d = 0; d < grid->dims; d++)
		for (uint32_t i = 0; i < grid->dim[d].size; i++)
			grid->index[d][i] = grid->index[d][i] ? grid->used[d]++ : UINT32_MAX;
}

/* Fills box.rank_at; false when a place is empty or taken twice. */
static bool grid_fill(const struct grid *grid, const struct trn_coll_site *site,
		      uint16_t rank_at[TRN_COLL_RANKS])
{
	uint32_t coord[TRN_POD_DIMS], total = grid->per_chip;
	uint8_t seen[TRN_COLL_RANKS] = { 0 };

	for (uint32_t d = 0; d < grid->dims; d++)
		total *= grid->used[d];
	if (total != site->ranks)
		return false;
	for (uint32_t r = 0; r < site->ranks; r++) {
		uint32_t at = 0;

		/* Cores of a chip in order, the ranks before this one count. */
		for (uint32_t i = 0; i < site->ranks; i++)
			at += site->chip[i] == site->chip[r] && site->core[i] < site->core[r];
		if (at >= grid->per_chip)
			return false;
		trn_pod_coord(site->graph, site->chip[r], coord);
		for (uint32_t d = 0; d < grid->dims; d++)
			at = at * grid->used[d] + grid->index[d][coord[d]];
		if (seen[at])
			return false;
		seen[at] = 1;
		rank_at[at] = (uint16_t)r;
	}
	return true;
}

/* relays: in rings of four; there must be one. */
bool trn_coll_box_grid(struct trn_coll_box *box, const struct trn_coll_site *site, bool relays)
{
	bool fits = !relays;
	struct grid grid;

	grid_init(&grid, site);
	if (!grid_fill(&grid, site, box->rank_at))
		return false;
	box_add(box, grid.per_chip, false, 0, 0);
	for (uint32_t d = 0; d < grid.dims; d++) {
		const struct trn_pod_dim *dim = &grid.dim[d];
		const uint32_t at = box->dims;

		if (dim->mbps == 0 && grid.used[d] > 1)
			return false;
		box_add(box, grid.used[d], false, dim->mbps / grid.per_chip,
			dim->ring ? dim->size / 2 : 1);
		if (box->dims > at)
			box->dim[at].load = (uint8_t)d;
		if (relays && dim->ring && dim->size == 4 && grid.used[d] == 4) {
			box->dim[at].relay = true;
			box->dim[at].hops = 1;
			fits = true;
		}
	}
	return fits;
}

/* ---- parts ---- */

#define LOAD_ONE (UINT64_C(1) << 32)

/* Semaphores of the dimensions before one. */
static uint32_t box_semaphores(const struct trn_coll_box *box, uint32_t dim)
{
	uint32_t count = 0;

	for (uint32_t d = 0; d < dim; d++)
		count += box->dim[d].relay ? 4 : 2;
	return count;
}

void trn_coll_part_init(struct trn_coll_part *part, const struct trn_coll_box *box,
			const uint8_t *order)
{
	uint32_t stride[TRN_COLL_DIMS], below = 1, total = 1;

	for (uint32_t d = box->dims; d-- > 0;) {
		stride[d] = below;
		below *= box->dim[d].size;
	}
	*part = (struct trn_coll_part){ .dims = box->dims };
	for (uint32_t d = 0; d < box->dims; d++) {
		const uint32_t from = order[d];

		part->dim[d] = (struct trn_coll_dim){
			.size = (uint16_t)box->dim[from].size,
			.ring = box->dim[from].ring,
			.semaphore = (uint8_t)box_semaphores(box, from),
			.relay = box->dim[from].relay,
		};
		part->mbps[d] = box->dim[from].mbps;
		part->hops[d] = box->dim[from].hops;
		part->detour[d] = !box->dim[from].ring && box->dim[from].hops > 1 &&
				  box->dim[from].size > 2;
		part->load[d] = box->dim[from].load;
		total *= box->dim[from].size;
	}
	for (uint32_t p = 0; p < total; p++) {
		uint32_t left = p, at = 0;

		for (uint32_t d = part->dims; d-- > 0;) {
			at += left % part->dim[d].size * stride[order[d]];
			left /= part->dim[d].size;
		}
		part->rank_at[p] = box->rank_at[at];
		part->position[box->rank_at[at]] = (uint16_t)p;
	}
}

/* Time that a part alone keeps each dimension of the pod busy, as LOAD_ONE bytes would. */
static void part_loads(const struct trn_coll_part *part, uint64_t ret_load[TRN_COLL_LOADS])
{
	uint64_t fraction = LOAD_ONE;

	memset(ret_load, 0, TRN_COLL_LOADS * sizeof(ret_load[0]));
	for (uint32_t d = 0; d < part->dims; d++) {
		if (part->load[d] < TRN_COLL_LOADS && part->mbps[d] > 0)
			ret_load[part->load[d]] +=
				trn_coll_dim_bytes(part, d, fraction) / (part->mbps[d] / 1000 + 1);
		fraction /= part->dim[d].size;
	}
}

static uint64_t busiest(uint64_t load[][TRN_COLL_LOADS], const uint32_t *weight, uint32_t parts)
{
	uint64_t most = 0;

	for (uint32_t k = 0; k < TRN_COLL_LOADS; k++) {
		uint64_t sum = 0;

		for (uint32_t p = 0; p < parts; p++)
			sum += load[p][k] / TRN_COLL_SHARES * weight[p];
		most = trn_max_u64(most, sum);
	}
	return most;
}

/* Moves shares between parts as long as that helps the busiest dimension. */
static void balance(uint64_t load[][TRN_COLL_LOADS], uint32_t *weight, uint32_t parts)
{
	weight[0] = TRN_COLL_SHARES;
	for (uint32_t p = 1; p < parts; p++)
		weight[p] = 0;
	for (uint32_t step = TRN_COLL_SHARES / 2; step > 0;) {
		uint64_t best = busiest(load, weight, parts);
		uint32_t from = 0, to = 0;

		for (uint32_t a = 0; a < parts; a++)
			for (uint32_t b = 0; b < parts; b++) {
				uint64_t now;

				if (a == b || weight[a] < step)
					continue;
				weight[a] -= step;
				weight[b] += step;
				now = busiest(load, weight, parts);
				weight[a] += step;
				weight[b] -= step;
				if (now < best) {
					best = now;
					from = a;
					to = b;
				}
			}
		if (from == to) {
			step /= 2;
			continue;
		}
		weight[from] -= step;
		weight[to] += step;
	}
}

/* The smallest share goes, and what it had to the largest. */
static void drop_smallest(struct trn_coll_plan *plan, uint32_t *weight)
{
	uint32_t least = 0, most = 0;

	for (uint32_t p = 1; p < plan->parts; p++) {
		if (weight[p] < weight[least])
			least = p;
		if (weight[p] >= weight[most])
			most = p;
	}
	weight[most] += weight[least];
	plan->parts--;
	for (uint32_t p = least; p < plan->parts; p++) {
		plan->part[p] = plan->part[p + 1];
		weight[p] = weight[p + 1];
	}
}

/* Channels go to parts by their share, one each at least. */
static void give_channels(struct trn_coll_plan *plan, const uint32_t *weight, uint32_t channels)
{
	uint32_t have[TRN_COLL_PARTS], left = channels - plan->parts, channel = 0, share = 0;

	for (uint32_t p = 0; p < plan->parts; p++)
		have[p] = 1;
	for (; left > 0; left--) {
		uint32_t best = 0;

		for (uint32_t p = 1; p < plan->parts; p++)
			if ((uint64_t)weight[p] * have[best] > (uint64_t)weight[best] * have[p])
				best = p;
		have[best]++;
	}
	for (uint32_t p = 0; p < plan->parts; p++) {
		plan->part[p].channel = channel;
		plan->part[p].channels = have[p];
		plan->part[p].share_from = share;
		plan->part[p].share_to = share + weight[p];
		channel += have[p];
		share += weight[p];
	}
}

/* Boxes of all orders of the dimensions. Cores of a chip stay first: they make the rest short. */
static void make_orders(struct trn_coll_plan *plan, const struct trn_coll_box *box,
			uint64_t load[][TRN_COLL_LOADS])
{
	static const uint8_t turns[TRN_COLL_PARTS][3] = { { 0, 1, 2 }, { 1, 0, 2 }, { 1, 2, 0 },
							  { 2, 0, 1 }, { 0, 2, 1 }, { 2, 1, 0 } };
	const uint32_t fixed = box->dims > 0 && box->dim[0].mbps == 0 ? 1 : 0;
	const uint32_t count = box->dims - fixed;

	for (uint32_t p = 0; p < TRN_COLL_PARTS; p++) {
		uint8_t order[TRN_COLL_DIMS] = { 0 };
		bool fits = true;

		/* Those that do not turn stand where they are. */
		for (uint32_t d = 0; d < 3; d++) {
			if (d < count)
				order[fixed + d] = (uint8_t)(fixed + turns[p][d]);
			fits = fits && (d < count ? turns[p][d] < count : turns[p][d] == d);
		}
		if (!fits)
			continue;
		trn_coll_part_init(&plan->part[plan->parts], box, order);
		part_loads(&plan->part[plan->parts], load[plan->parts]);
		plan->parts++;
	}
}

static void make_parts(struct trn_coll_plan *plan, const struct trn_coll_box *box,
		       uint32_t channels, bool rotate)
{
	uint64_t load[TRN_COLL_PARTS][TRN_COLL_LOADS];
	uint32_t weight[TRN_COLL_PARTS] = { TRN_COLL_SHARES };
	uint8_t order[TRN_COLL_DIMS];

	plan->parts = 0;
	if (rotate) {
		make_orders(plan, box, load);
		balance(load, weight, plan->parts);
	}
	if (plan->parts == 0) {
		for (uint32_t d = 0; d < box->dims; d++)
			order[d] = (uint8_t)d;
		trn_coll_part_init(&plan->part[plan->parts++], box, order);
	}
	while (plan->parts > 1) {
		uint32_t least = TRN_COLL_SHARES;

		for (uint32_t p = 0; p < plan->parts; p++)
			least = weight[p] < least ? weight[p] : least;
		if (least >= TRN_COLL_SHARES / 64 && plan->parts <= channels)
			break;
		drop_smallest(plan, weight);
	}
	give_channels(plan, weight, channels);
}

/* The busiest link says what a rank has in a dimension when all are at it. */
void trn_coll_dim_rate(struct trn_coll_part *part, const struct trn_coll_site *site, uint32_t d,
		       uint32_t below)
{
	const uint32_t n = part->dim[d].size, to = part->dim[d].ring ? 2 : n;
	uint32_t count[TRN_POD_LINKS_MAX] = { 0 };
	uint16_t links[TRN_POD_PATH_MAX];
	uint64_t most = 0;

	for (uint32_t p = 0; p < site->ranks; p++) {
		const uint32_t mine = p / below % n;

		for (uint32_t i = 1; i < to; i++) {
			uint32_t peer = p + ((mine + i) % n) * below - mine * below;
			uint32_t k = trn_pod_route(site->graph, site->chip[part->rank_at[p]],
						   site->chip[part->rank_at[peer]], links);

			while (k-- > 0)
				count[links[k]]++;
		}
	}
	for (uint32_t l = 0; l < site->graph->links; l++)
		if (count[l] > 0)
			most = trn_max_u64(most, count[l] * UINT64_C(1000000000) /
							 (trn_pod_link_mbps(site->graph, l) + 1));
	part->mbps[d] = most > 0 ? (to - 1) * UINT64_C(1000000000) / most : 0;
}

static void part_rates(struct trn_coll_part *part, const struct trn_coll_site *site)
{
	uint32_t below = 1;

	for (uint32_t d = part->dims; d-- > 0;) {
		trn_coll_dim_rate(part, site, d, below);
		below *= part->dim[d].size;
		/* That is in the rate. */
		part->detour[d] = false;
	}
}

static bool is_grid(enum trn_coll_shape shape)
{
	return shape == TRN_COLL_GRID || shape == TRN_COLL_TORUS;
}

uint32_t trn_coll_shape_strands(enum trn_coll_shape shape, uint32_t channels)
{
	return is_grid(shape) && channels > 2 ? TRN_COLL_STRANDS : 1;
}

bool trn_coll_plan_stranded(const struct trn_coll_plan *plan, const struct trn_coll_site *site,
			    enum trn_comm_kind kind, uint64_t bytes)
{
	const uint64_t least = (uint64_t)(kind == TRN_COMM_ALL_GATHER ? 128 : 16) << 20;

	return trn_coll_shape_strands(plan->shape, site->channels) > 1 && trn_coll_stranded(kind) &&
	       bytes >= least;
}

bool trn_coll_plan_init(struct trn_coll_plan *plan, enum trn_coll_shape shape,
			const struct trn_coll_site *site)
{
	struct trn_coll_box box = { .dims = 0 };
	bool fits = false;

	plan->shape = shape;
	if (shape == TRN_COLL_MESH)
		fits = box_mesh(&box, site);
	else if (shape == TRN_COLL_RING)
		fits = box_ring(&box, site);
	else if (shape == TRN_COLL_RDH)
		fits = box_rdh(&box, site);
	else if (shape == TRN_COLL_PAIRED)
		fits = box_paired(&box, site);
	else if (is_grid(shape) || shape == TRN_COLL_FUSED)
		fits = trn_coll_box_grid(&box, site, shape == TRN_COLL_TORUS);
	if (!fits)
		return false;
	if (shape == TRN_COLL_FUSED)
		return trn_coll_plan_fused(plan, &box, site);
	make_parts(plan, &box, site->channels, is_grid(shape));
	if (!is_grid(shape))
		part_rates(&plan->part[0], site);
	plan->semaphores = box_semaphores(&box, box.dims);
	return true;
}

bool trn_coll_plan_way(const struct trn_coll_plan *plan, uint32_t channel, uint32_t used,
		       struct trn_coll_way *ret_way, uint64_t *ret_from, uint64_t *ret_to)
{
	const struct trn_coll_part *part = plan->part;
	uint32_t mine, share, count, first = 0;

	while (channel >= part->channel + part->channels)
		part++;
	mine = channel - part->channel;
	/* Of few channels every part keeps one. */
	count = part->channels;
	if (plan->parts == 1 && used < count)
		count = used;
	else if (used <= plan->parts)
		count = 1;
	if (mine >= count)
		return false;
	share = part->share_to - part->share_from;
	first = part->share_from * TRN_COLL_CHANNELS;
	*ret_from = first + share * TRN_COLL_CHANNELS * mine / count;
	*ret_to = first + share * TRN_COLL_CHANNELS * (mine + 1) / count;
	*ret_way = (struct trn_coll_way){
		.dims = part->dims,
		.rank_at = part->rank_at,
		.position = part->position,
	};
	memcpy(ret_way->dim, part->dim, sizeof(part->dim));
	for (uint32_t d = 0; d < part->dims; d++)
		ret_way->dim[d].back = (part->dim[d].ring || part->dim[d].relay) && mine % 2 != 0;
	ret_way->turn = mine + 1;
	ret_way->turns = count + 1;
	return true;
}
