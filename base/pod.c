/* SPDX-License-Identifier: Apache-2.0 */
/* Systems of several chips: their rows, where a chip stands, addresses, and numbers as the
 * vendor's driver has them. The links are in pod_graph.c. */
#include "base/pod.h"
#include <string.h>
#include "base/bits.h"

/* clang-format off */
static const struct trn_pod pods[] = {
	{ "trn2", "trn2", TRN_POD_CHIP, 1, 1, 1, { 1, 1, 1 }, false,
	  "Trainium2", "H 1.1: one chip" },
	{ "trn3", "trn3", TRN_POD_CHIP, 1, 1, 1, { 1, 1, 1 }, false,
	  "Trainium3", "H 1.1: one chip" },
	{ "trn4", "trn4", TRN_POD_CHIP, 1, 1, 1, { 1, 1, 1 }, true,
	  "Trainium4", "H 1.5: announced; one chip" },
	{ "trn2-48xl", "trn2", TRN_POD_TORUS, 1, 1, 16, { 4, 4, 1 }, false,
	  "trn2.48xlarge", "H 2.1, 2.2: 4 x 4 torus" },
	{ "trn2-ultraserver", "trn2", TRN_POD_TORUS, 2, 4, 16, { 4, 4, 4 }, false,
	  "Trainium2 UltraServer", "H 2.1, 2.2: 4 x 4 x 4 torus, third axis between servers" },
	{ "trn3-gen1", "trn3", TRN_POD_PAIRS, 2, 4, 16, { 1, 1, 1 }, false,
	  "Trainium3 UltraServer Gen1", "H 2.1, 2.3; the wiring is from diagram (H 9 U6)" },
	{ "trn3-ultraserver", "trn3", TRN_POD_TWO_LEVEL, 2, 36, 4, { 1, 1, 1 }, false,
	  "Trainium3 UltraServer Gen2", "H 2.1, 2.3: two levels of switches" },
	{ "trn4-ultraserver", "trn4", TRN_POD_ONE_LEVEL, 2, 36, 4, { 1, 1, 1 }, true,
	  "Trainium4 UltraServer",
	  "H 1.5: announced; size as Trainium3's, press has up to 72 a rack; one domain" },
};

/* Rates of the default rows are the generation's own: zero here. */
static const struct trn_pod_fabric fabrics[] = {
	{ "alone", "trn2", 0, { 0, 0, 0 }, 4000, "one chip has no links in use" },
	{ "alone", "trn3", 0, { 0, 0, 0 }, 8000, "one chip has no links in use" },
	{ "alone", "trn4", 0, { 0, 0, 0 }, 0, "one chip has no links in use" },
	{ "torus", "trn2-48xl", 0, { 0, 0, 0 }, 4000,
	  "H 2.2: 4 neighbours of 128 GB/s one way" },
	{ "torus", "trn2-ultraserver", 0, { 0, 0, 0 }, 4000,
	  "H 2.2: 4 neighbours of 128 GB/s one way, 2 of 64 GB/s on the third axis" },
	{ "lanes", "trn3-gen1", 2, { 0, 0, 0 }, 8000,
	  "H 2.3: as Gen2's lanes; 16 switches of 160 lanes a rack: 80 a chip, 64 active" },
	{ "table", "trn3-gen1", 2, { 448000, 448000, 128000 }, 8000,
	  "H 2.1: 2,048 GB/s both ways, read as all links of a chip, 128 one way across" },
	{ "lanes", "trn3-ultraserver", 4, { 0, 0, 0 }, 8000,
	  "H 2.3: 64 + 64 + 16 active lanes of 8 GB/s one way; a plane for each position" },
	{ "documented", "trn3-ultraserver", 1, { 128000, 160000, 64000 }, 4000,
	  "H 2.3: 4 + 5 + 2 links x8, 256 + 320 + 128 GB/s both ways; one switch a rack" },
	{ "table", "trn3-ultraserver", 4, { 448000, 448000, 128000 }, 8000,
	  "H 2.1: 2,048 GB/s both ways, read as all links of a chip, 128 one way across" },
	{ "press", "trn4-ultraserver", 1, { 0, 0, 0 }, 0,
	  "H 1.5: 3.6 TB/s a chip both ways; 72 or 144 in one domain" },
};
/* clang-format on */

const struct trn_pod *trn_pod_at(unsigned int index)
{
	return index < TRN_ARRAY_LEN(pods) ? &pods[index] : NULL;
}

const struct trn_pod *trn_pod_find(const char *name)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(pods); i++) {
		if (strcmp(pods[i].name, name) == 0)
			return &pods[i];
	}
	return NULL;
}

const struct trn_pod_fabric *trn_pod_fabric_at(const struct trn_pod *pod, unsigned int index)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(fabrics); i++) {
		if (strcmp(fabrics[i].pod, pod->name) == 0 && index-- == 0)
			return &fabrics[i];
	}
	return NULL;
}

const struct trn_pod_fabric *trn_pod_fabric_find(const struct trn_pod *pod, const char *name)
{
	const struct trn_pod_fabric *row;

	for (unsigned int i = 0; (row = trn_pod_fabric_at(pod, i)); i++) {
		if (!name || strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

void trn_pod_place(const struct trn_pod *pod, uint32_t chip, struct trn_pod_place *ret_place)
{
	uint32_t server = chip / pod->server_chips;
	uint32_t per_rack = pod->servers / pod->racks;

	ret_place->rack = server / per_rack;
	ret_place->server = server % per_rack;
	ret_place->position = chip % pod->server_chips;
}

uint32_t trn_pod_chip(const struct trn_pod *pod, const struct trn_pod_place *place)
{
	uint32_t per_rack = pod->servers / pod->racks;

	if (place->rack >= pod->racks || place->server >= per_rack ||
	    place->position >= pod->server_chips)
		return UINT32_MAX;
	return (place->rack * per_rack + place->server) * pod->server_chips + place->position;
}

/* ------------------------------------------------------------------------- */
/* Addresses */
/* ------------------------------------------------------------------------- */

#define RACK_BITS 1
#define SERVER_BITS (TRN_PEER_RACK_SHIFT - TRN_PEER_SERVER_SHIFT)
#define CHIP_BITS (TRN_PEER_SERVER_SHIFT - TRN_PEER_CHIP_SHIFT)

uint64_t trn_peer_address(const struct trn_pod_place *place, uint64_t axi)
{
	if (place->rack >> RACK_BITS || place->server >> SERVER_BITS ||
	    place->position >> CHIP_BITS || axi & ~TRN_PEER_AXI_MASK)
		return 0;
	return TRN_PEER_MARK | (uint64_t)place->rack << TRN_PEER_RACK_SHIFT |
	       (uint64_t)place->server << TRN_PEER_SERVER_SHIFT |
	       (uint64_t)place->position << TRN_PEER_CHIP_SHIFT | axi;
}

bool trn_peer_split(uint64_t address, struct trn_pod_place *ret_place, uint64_t *ret_axi)
{
	if (!(address & TRN_PEER_MARK))
		return false;
	ret_place->rack = (uint32_t)(address >> TRN_PEER_RACK_SHIFT) & ((1u << RACK_BITS) - 1);
	ret_place->server = (uint32_t)(address >> TRN_PEER_SERVER_SHIFT) &
			    ((1u << SERVER_BITS) - 1);
	ret_place->position = (uint32_t)(address >> TRN_PEER_CHIP_SHIFT) & ((1u << CHIP_BITS) - 1);
	*ret_axi = address & TRN_PEER_AXI_MASK;
	return true;
}

/* ------------------------------------------------------------------------- */
/* Numbers of the vendor's driver */
/* ------------------------------------------------------------------------- */

#define SERVER_DEVICES 16u
#define TORUS_ROUTING 64u /* routing ids there are, D 9.1 */
#define SWITCHED_ROUTING 128u

/* D 9.1: a snake through the rows of the board. */
static const uint8_t torus_index[SERVER_DEVICES] = {
	0, 3, 4, 7, 12, 15, 8, 11, 1, 2, 5, 6, 13, 14, 9, 10,
};

uint32_t trn_pod_index_of_routing(bool torus, uint32_t routing_id)
{
	if (routing_id >= (torus ? TORUS_ROUTING : SWITCHED_ROUTING))
		return UINT32_MAX;
	return torus ? torus_index[routing_id % SERVER_DEVICES] : routing_id % SERVER_DEVICES;
}

uint32_t trn_pod_routing_of_index(bool torus, uint32_t index)
{
	uint32_t low = 0;

	if (index >= (torus ? TORUS_ROUTING : SWITCHED_ROUTING))
		return UINT32_MAX;
	if (!torus)
		return index;
	while (torus_index[low] != index % SERVER_DEVICES)
		low++;
	return index - index % SERVER_DEVICES + low;
}

/* D 9.2. The order is the driver's, and has no rule. */
static const uint8_t connected[SERVER_DEVICES][4] = {
	{ 12, 1, 3, 4 },  { 0, 13, 5, 2 },  { 14, 3, 1, 6 },   { 2, 15, 7, 0 },
	{ 8, 5, 7, 0 },   { 4, 9, 1, 6 },   { 10, 7, 5, 2 },   { 6, 11, 3, 4 },
	{ 4, 9, 11, 12 }, { 8, 5, 13, 10 }, { 6, 11, 9, 14 },  { 10, 7, 15, 8 },
	{ 0, 13, 15, 8 }, { 12, 1, 9, 14 }, { 2, 15, 13, 10 }, { 14, 3, 11, 12 },
};

uint32_t trn_pod_connected(uint32_t devices, uint32_t device, uint32_t ret_neighbours[4])
{
	if (devices % SERVER_DEVICES != 0 || device >= devices)
		return 0;
	for (uint32_t i = 0; i < 4; i++)
		ret_neighbours[i] =
			device - device % SERVER_DEVICES + connected[device % SERVER_DEVICES][i];
	return 4;
}
