/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of pods, up to a million chips: collectives and steps as flows on their links.
 * docs/scale.md says what is modelled and where the numbers are from. All times are predicted
 * times of the devices. */
#ifndef PREDICT_CLUSTER_H
#define PREDICT_CLUSTER_H

#include "predict/predict.h"

#define TRN_CLUSTER_CHIPS 1000000u
#define TRN_CLUSTER_PODS 65536u
#define TRN_CLUSTER_BYTES (UINT64_C(1) << 44)

/* ---- parameters (cluster_params.c) ---- */

/* Name, unit, least, most, what it is. Values, confidence and sources: cluster_params.c. */
/* clang-format off */
#define TRN_CLUSTER_FIELDS(X) \
	X(nic_mbps, "10^6 B/s", 0, 10000000, "network of a chip, one way; 0: the generation's") \
	X(message_ns, "ns", 0, 100000000, "a message, HBM to HBM; 0: the generation's") \
	X(switch_ns, "ns", 0, 100000000, "each switch behind the first") \
	X(issue_ns, "ns", 0, 1000000, "from one message of a chip's network to the next") \
	X(port_mbps, "10^6 B/s", 1, 10000000, "a port of a network switch, one way") \
	X(ports, "", 4, 65536, "ports of a network switch") \
	X(uplink_percent, "%", 1, 100, "of what its chips can send, a leaf can send up") \
	X(link_fj, "fJ", 0, 100000000, "a byte over a link between chips; 0: the generation's") \
	X(nic_fj, "fJ", 0, 100000000, "a byte sent and received by the network of a chip") \
	X(switch_fj, "fJ", 0, 100000000, "a byte through a network switch") \
	X(site_percent, "%", 100, 1000, "power of the whole site, of its chips' at full load") \
	X(mfu_percent, "%", 1, 100, "of the tensor engines' peak in a training step's products") \
	X(overlap_percent, "%", 0, 100, "of a gradient sum hidden behind the step's products") \
	X(chip_mtbf_h, "h", 1, 1000000000, "between two failures of a chip") \
	X(pod_mtbf_h, "h", 1, 1000000000, "between two failures of what a pod shares") \
	X(repair_h, "h", 0, 1000000, "until a failed pod is back") \
	X(restart_s, "s", 0, 1000000, "from a failure to the next step, a spare pod at hand") \
	X(checkpoint_mbps, "10^6 B/s", 1, 10000000, "written and read by a chip, all at once")
/* clang-format on */

#define TRN_CLUSTER_ENUM(field, unit, least, most, help) TRN_CLUSTER_##field,
enum trn_cluster_field {
	TRN_CLUSTER_FIELDS(TRN_CLUSTER_ENUM) TRN_CLUSTER_FIELD_COUNT,
};
#undef TRN_CLUSTER_ENUM

/** struct trn_cluster_params - all of them; confidence and source as model/gen.h has them */
struct trn_cluster_params {
	union {
		struct {
#define TRN_CLUSTER_MEMBER(field, unit, least, most, help) uint64_t field;
			TRN_CLUSTER_FIELDS(TRN_CLUSTER_MEMBER)
#undef TRN_CLUSTER_MEMBER
		};
		uint64_t value[TRN_CLUSTER_FIELD_COUNT];
	};
	struct {
		char confidence;
		char source[100];
	} origin[TRN_CLUSTER_FIELD_COUNT];
};
struct trn_cluster_field_info {
	const char *name, *unit, *help;
	uint64_t least, most;
};
extern const struct trn_cluster_field_info trn_cluster_fields[TRN_CLUSTER_FIELD_COUNT];

void trn_cluster_params_default(struct trn_cluster_params *ret_params);
/* Lines "name = value ; confidence ; source", # comments. Trusts no byte: -EINVAL, and a line
 * that says where. What is not named stays. */
int trn_cluster_params_parse(const char *text, size_t size, struct trn_cluster_params *params,
			     struct trn_predict_why *why);
int trn_cluster_params_load(const char *path, struct trn_cluster_params *params,
			    struct trn_predict_why *why);

/* ---- a cluster (cluster.c) ---- */

struct trn_cluster; /* pods on a network */

/* NULL @fabric: the pod's default; NULL @params: the defaults. */
int trn_cluster_create(const char *pod, const char *fabric, uint32_t chips,
		       const struct trn_cluster_params *params, struct trn_cluster **ret_cluster,
		       struct trn_predict_why *why);
struct trn_cluster *trn_cluster_destroy(struct trn_cluster *cluster);
/* Link @link of the first pod (trnctl topo lists them) gets so many times slower. From then on
 * every chip has flows of its own: up to TRN_CLUSTER_APART chips. */
#define TRN_CLUSTER_APART 2048u
int trn_cluster_slow(struct trn_cluster *cluster, uint32_t link, double times,
		     struct trn_predict_why *why);

/** struct trn_cluster_info - what it is made of */
struct trn_cluster_info {
	const char *pod, *product, *fabric, *fabric_source, *gen;
	bool preview;
	uint32_t chips, pod_chips, full, part; /* full pods; chips of the one that is not, or 0 */
	uint32_t tiers;                        /* of network switches; 0: none is needed */
	double link_bytes_per_s[3];            /* of a chip, one way, by class of link */
	double nic_bytes_per_s, peak_f8_flops, hbm_bytes_per_s; /* of a chip; peak as published */
};
void trn_cluster_info(const struct trn_cluster *cluster, struct trn_cluster_info *ret_info);
const struct trn_cluster_params *trn_cluster_params_of(const struct trn_cluster *cluster);
/* Names of pods, index from 0; NULL past the last. */
const char *trn_cluster_pod_name(unsigned int index);

/** enum trn_cluster_kind - a collective */
enum trn_cluster_kind {
	TRN_CLUSTER_ALL_REDUCE,
	TRN_CLUSTER_ALL_TO_ALL,
	TRN_CLUSTER_KINDS,
};
const char *trn_cluster_kind_name(enum trn_cluster_kind kind);

/** enum trn_cluster_inner - inside a pod: the runtime's schedules, base/coll_plan.h */
enum trn_cluster_inner {
	TRN_CLUSTER_INNER_AUTO, /* what the runtime would pick of these */
	TRN_CLUSTER_INNER_MESH,
	TRN_CLUSTER_INNER_RING,
	TRN_CLUSTER_INNER_RDH,
	TRN_CLUSTER_INNER_PAIRED,
	TRN_CLUSTER_INNER_GRID,
	TRN_CLUSTER_INNER_TORUS,
	TRN_CLUSTER_INNER_FUSED, /* an all-reduce that stays in a pod */
	TRN_CLUSTER_INNERS,
};
const char *trn_cluster_inner_name(enum trn_cluster_inner inner);

/** enum trn_cluster_outer - between pods, chip by chip */
enum trn_cluster_outer {
	TRN_CLUSTER_OUTER_AUTO,
	TRN_CLUSTER_OUTER_RING,
	TRN_CLUSTER_OUTER_MESH,
	TRN_CLUSTER_OUTER_RDH,
	TRN_CLUSTER_OUTERS,
};
const char *trn_cluster_outer_name(enum trn_cluster_outer outer);

/** enum trn_cluster_class - kinds of links */
enum trn_cluster_class {
	TRN_CLUSTER_SERVER, /* the first three are enum trn_link_class */
	TRN_CLUSTER_RACK,
	TRN_CLUSTER_CROSS,
	TRN_CLUSTER_NIC,    /* both ways counted */
	TRN_CLUSTER_UPLINK, /* of leaves, both ways */
	TRN_CLUSTER_CLASSES,
};
const char *trn_cluster_class_name(enum trn_cluster_class cls);

/** struct trn_cluster_call - a collective of all chips; zeroes are good defaults */
struct trn_cluster_call {
	enum trn_cluster_kind kind;
	uint64_t bytes; /* that every chip has */
	/* Groups that work side by side, each on its own: every so-many-th chip of all (0: 1) */
	uint32_t stride;
	uint32_t block; /* or: so many chips that stand side by side in a pod (0: no blocks) */
	enum trn_cluster_inner inner;
	enum trn_cluster_outer outer;
	uint32_t chunks; /* that follow each other through the phases; 0: the best number */
	/* Of a collective that stays in pods: channels that are alike are one lane and links are
	 * shared fairly, as between pods, instead of one by one in order of arrival. */
	bool fair;
};

/** struct trn_cluster_result - what it takes */
struct trn_cluster_result {
	double seconds;
	enum trn_cluster_inner inner;
	enum trn_cluster_outer outer;
	uint32_t chunks, flows, links; /* of the network that was run */
	double algbw, busbw;           /* bytes/s of a chip, as nccl-tests count them */
	double bound_s;                /* what the busiest class of links needs at the least */
	struct {
		double links, bytes, could; /* how many; carried, and what they could carry */
		double mean, most; /* share of what they could carry: of all, of the busiest */
	} cls[TRN_CLUSTER_CLASSES];
	double joules_idle, joules_memory, joules_links, joules_network, joules_site;
	double delivered; /* bytes that all flows brought */
};
int trn_cluster_run(const struct trn_cluster *cluster, const struct trn_cluster_call *call,
		    struct trn_cluster_result *ret_result, struct trn_predict_why *why);

#endif /* PREDICT_CLUSTER_H */
