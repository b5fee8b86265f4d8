/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster is: pods, the one that is not full, and a network of switches in tiers. */
#include <errno.h>
#include <string.h>
#include "base/alloc.h"
#include "model/gen.h"
#include "predict/cluster_parts.h"

static int pod_find(struct trn_cluster *c, const char *pod, const char *fabric,
		    struct trn_predict_why *why)
{
	char names[200] = "";

	c->pod = trn_pod_find(pod);
	if (!c->pod) {
		for (unsigned int i = 0; trn_pod_at(i); i++) {
			strncat(names, " ", sizeof(names) - strlen(names) - 1);
			strncat(names, trn_pod_at(i)->name, sizeof(names) - strlen(names) - 1);
		}
		return trn_predict_fail(why, -EINVAL, "no pod \"%.40s\"; there are%s", pod, names);
	}
	c->fabric = trn_pod_fabric_find(c->pod, fabric);
	if (!c->fabric) {
		const struct trn_pod_fabric *row;

		for (unsigned int i = 0; (row = trn_pod_fabric_at(c->pod, i)); i++) {
			strncat(names, " ", sizeof(names) - strlen(names) - 1);
			strncat(names, row->name, sizeof(names) - strlen(names) - 1);
		}
		return trn_predict_fail(why, -EINVAL, "%s has no fabric \"%.40s\"; it has%s", pod,
					fabric, names);
	}
	c->gen = trn_gen_find(c->pod->gen);
	return c->gen ? 0 : trn_predict_fail(why, -EINVAL, "no generation \"%s\"", c->pod->gen);
}

static void graph_make(struct trn_cluster *c)
{
	const uint64_t mbps[TRN_LINK_CLASSES] = { c->gen->link_server_mbps, c->gen->link_rack_mbps,
						  c->gen->link_cross_mbps };

	trn_pod_graph_init(&c->graph, c->pod, c->fabric, mbps, (uint32_t)c->gen->link_hop_ns);
}

/* Leaves take whole pods, or a pod has leaves of its own. A tree of k ports a switch: one leaf;
 * k leaves of two tiers; k * k / 2 of three. */
static int network_make(struct trn_cluster *c, struct trn_predict_why *why)
{
	const struct trn_cluster_params *p = &c->params;
	uint64_t chip_ports = (p->nic_mbps + p->port_mbps - 1) / p->port_mbps;
	uint64_t leaf_chips = p->ports / 2 / (chip_ports > 0 ? chip_ports : 1);
	uint64_t pods = trn_cluster_pods(c), pod_leaves = 1, leaves;

	c->leaf_pods = 1;
	if (leaf_chips == 0)
		return trn_predict_fail(why, -EINVAL,
					"a leaf of %llu ports has no room for a chip's %llu",
					(unsigned long long)p->ports / 2,
					(unsigned long long)chip_ports);
	if (leaf_chips >= c->pod_chips)
		c->leaf_pods = (uint32_t)(leaf_chips / c->pod_chips);
	else
		pod_leaves = (c->pod_chips + leaf_chips - 1) / leaf_chips;
	leaves = (pods + c->leaf_pods - 1) / c->leaf_pods * pod_leaves;
	c->tiers = pods == 1 ? 0 : leaves == 1 ? 1 : leaves <= p->ports ? 2 : 3;
	c->group_pods = UINT32_MAX;
	if (c->tiers < 3)
		return 0;
	if (leaves > p->ports * p->ports / 2)
		return trn_predict_fail(why, -EINVAL,
					"%u chips need %llu leaves; three tiers of switches with "
					"%llu ports have %llu",
					c->chips, (unsigned long long)leaves,
					(unsigned long long)p->ports,
					(unsigned long long)(p->ports * p->ports / 2));
	c->group_pods = (uint32_t)(p->ports / 2 / pod_leaves) * c->leaf_pods;
	return c->group_pods > 0 ?
		       0 :
		       trn_predict_fail(why, -EINVAL, "a pod needs %llu leaves, a group has %llu",
					(unsigned long long)pod_leaves,
					(unsigned long long)p->ports / 2);
}

int trn_cluster_init(struct trn_cluster *ret_cluster, const char *pod, const char *fabric,
		     uint32_t chips, const struct trn_cluster_params *params,
		     struct trn_predict_why *why)
{
	struct trn_cluster c = { .chips = chips };
	int r = pod_find(&c, pod, fabric, why);

	if (r < 0)
		return r;
	if (chips < 1 || chips > TRN_CLUSTER_CHIPS)
		return trn_predict_fail(why, -EINVAL, "chips must be 1 to %u, not %u",
					TRN_CLUSTER_CHIPS, chips);
	c.pod_chips = trn_pod_chips(c.pod);
	c.full = chips / c.pod_chips;
	c.part = chips % c.pod_chips;
	if (trn_cluster_pods(&c) > TRN_CLUSTER_PODS)
		return trn_predict_fail(why, -EINVAL, "%u chips in %s are more than %u pods", chips,
					pod, TRN_CLUSTER_PODS);
	if (params)
		c.params = *params;
	else
		trn_cluster_params_default(&c.params);
	if (c.params.nic_mbps == 0)
		c.params.nic_mbps = c.gen->efa_mbps;
	if (c.params.message_ns == 0)
		c.params.message_ns = c.gen->efa_ns;
	if (c.params.link_fj == 0)
		c.params.link_fj = c.gen->link_hop_fj;
	if (c.params.nic_mbps == 0 && trn_cluster_pods(&c) > 1)
		return trn_predict_fail(why, -EINVAL, "%s has no network between pods", pod);
	graph_make(&c);
	r = network_make(&c, why);
	if (r == 0)
		*ret_cluster = c;
	return r;
}

int trn_cluster_create(const char *pod, const char *fabric, uint32_t chips,
		       const struct trn_cluster_params *params, struct trn_cluster **ret_cluster,
		       struct trn_predict_why *why)
{
	struct trn_cluster *c = trn_alloc_zero(&trn_alloc_libc, sizeof(*c));
	int r = c ? trn_cluster_init(c, pod, fabric, chips, params, why) :
		    trn_predict_fail(why, -ENOMEM, "no memory");

	if (r < 0)
		trn_free(&trn_alloc_libc, c);
	else
		*ret_cluster = c;
	return r;
}

struct trn_cluster *trn_cluster_destroy(struct trn_cluster *cluster)
{
	trn_free(&trn_alloc_libc, cluster);
	return NULL;
}

int trn_cluster_slow(struct trn_cluster *c, uint32_t link, double times,
		     struct trn_predict_why *why)
{
	if (link >= c->graph.links)
		return trn_predict_fail(why, -EINVAL, "no link %u, a pod of %s has %u", link,
					c->pod->name, c->graph.links);
	if (!(times >= 1.0 && times <= 1e6))
		return trn_predict_fail(why, -EINVAL, "1 to 1000000 times slower is wanted");
	if (c->chips > TRN_CLUSTER_APART)
		return trn_predict_fail(
			why, -ENOTSUP, "%u chips that are not alike: at most %u are run one by one",
			c->chips, TRN_CLUSTER_APART);
	c->slow_link = link;
	c->slow = times;
	c->apart = true;
	return 0;
}

void trn_cluster_info(const struct trn_cluster *c, struct trn_cluster_info *ret_info)
{
	*ret_info = (struct trn_cluster_info){
		.pod = c->pod->name,
		.product = c->pod->product,
		.fabric = c->fabric->name,
		.fabric_source = c->fabric->source,
		.gen = c->pod->gen,
		.preview = c->pod->preview,
		.chips = c->chips,
		.pod_chips = c->pod_chips,
		.full = c->full,
		.part = c->part,
		.tiers = c->tiers,
		.nic_bytes_per_s = (double)c->params.nic_mbps * 1e6,
		.peak_f8_flops = (double)c->gen->peak_f8_tflops * 1e12,
		.hbm_bytes_per_s = (double)c->gen->hbm_bytes_per_s,
	};
	for (uint32_t i = 0; c->graph.links > 0 && i < TRN_LINK_CLASSES; i++)
		ret_info->link_bytes_per_s[i] = (double)c->graph.mbps[i] * 1e6;
}

const struct trn_cluster_params *trn_cluster_params_of(const struct trn_cluster *cluster)
{
	return &cluster->params;
}

const char *trn_cluster_pod_name(unsigned int index)
{
	const struct trn_pod *pod = trn_pod_at(index);

	return pod ? pod->name : NULL;
}

/* ---- names ---- */

const char *trn_cluster_kind_name(enum trn_cluster_kind kind)
{
	static const char *const names[] = { "allreduce", "alltoall" };

	return names[kind];
}

const char *trn_cluster_inner_name(enum trn_cluster_inner inner)
{
	static const char *const names[] = { "auto",   "mesh", "ring",  "rdh",
					     "paired", "grid", "torus", "fused" };

	return names[inner];
}

const char *trn_cluster_outer_name(enum trn_cluster_outer outer)
{
	static const char *const names[] = { "auto", "ring", "mesh", "rdh" };

	return names[outer];
}

const char *trn_cluster_class_name(enum trn_cluster_class cls)
{
	static const char *const names[] = { "server", "rack", "cross", "network", "uplink" };

	return names[cls];
}
