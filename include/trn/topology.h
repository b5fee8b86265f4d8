/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: opening all devices of one, where a device stands, and the links between the chips. */
#ifndef TRN_TOPOLOGY_H
#define TRN_TOPOLOGY_H

#include <trn/device.h>

TRN_BEGIN_DECLS

#define TRN_ROUTE_LINKS_MAX 8 /* of trn_device_route() */

/** struct trn_pod_info - the system a device belongs to; set size before the call */
struct trn_pod_info {
	size_t size;
	char name[32];    /* "trn3-ultraserver"; "trn3" for a chip alone */
	char product[48]; /* "Trainium3 UltraServer Gen2" */
	char fabric[16];  /* which published set of link figures: "lanes", "documented", ... */
	uint32_t chips, servers, racks, switches;
	uint32_t links; /* directed; trn_device_link() */
	uint32_t dims;  /* 0 to 3: how chips are laid out as a torus or grid */
	uint32_t dim_size[3];
	uint64_t link_mbps[3]; /* 10^6 B/s of a chip, one way: in its server, its rack, across */
	uint32_t hop_ns;       /* one hop */
	uint32_t lane_mbps;    /* one lane, one way; 0: not known */
	uint32_t preview;      /* 1: announced, with numbers that are mostly assumed */
	uint32_t reserved;
};

/** struct trn_device_place - where one device stands; set size before the call */
struct trn_device_place {
	size_t size;
	uint32_t index; /* in the pod */
	uint32_t rack;
	uint32_t server;   /* in its rack; same rack and server: one host */
	uint32_t position; /* in its server */
	uint32_t routing_id;
	uint32_t node_id, nodes; /* of the UltraServer's election; UINT32_MAX: none was held */
	uint32_t neighbours;     /* 4 or 0, as the vendor's driver lists them */
	uint32_t neighbour[4];   /* positions in the server */
	uint64_t pod_serial;     /* of the election */
	uint64_t serial;
};

/** struct trn_pod_link_info - one directed link; set size before the call */
struct trn_pod_link_info {
	size_t size;
	uint32_t from, to; /* chips by index; switches from struct trn_pod_info.chips on */
	uint32_t cls;      /* 0 inside a server, 1 inside a rack, 2 across */
	uint32_t state;    /* 0 up, 1 degraded, 2 down */
	uint64_t mbps;     /* 10^6 B/s as it is made; a degraded one carries less */
	uint64_t bytes;    /* carried since the pod was opened */
	uint64_t busy_ps;  /* device time that took */
};

/**
 * trn_pod_open() - open every device of a pod
 * @context: a context
 * @uri: for example "mock:trn3-ultraserver", which names 144; NULL as in trn_device_open()
 * @deadline_ns: CLOCK_MONOTONIC time by which all must be ready
 * @ret_devices: filled in the order of their indices; the caller holds one reference on each
 * @max: room in @ret_devices; 0 opens nothing and only counts, @ret_devices may be NULL then
 * @ret_count: set to the number of devices; may be NULL unless @max is 0
 *
 * A URI of one device gives that one. Devices opened in one context from the same URI, with or
 * without INDEX, are chips of one pod: they have one virtual time, and reach each other's memory
 * through trn_buffer_peer(). The pod ends with the last of them.
 *
 * Context: any thread. Blocks until @deadline_ns.
 * Return:  0, -ENOSPC when @max is too small, else as trn_device_open(); then none is open.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_pod_open(struct trn_context *context, const char *uri,
					uint64_t deadline_ns, struct trn_device **ret_devices,
					uint32_t max, uint32_t *ret_count);

/**
 * trn_device_pod() - the pod of a device
 * @device: a device
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -EINVAL for a wrong size member, -ENOTSUP where the door does not know.
 * Since:   0.1
 */
TRN_API int trn_device_pod(struct trn_device *device, struct trn_pod_info *ret_info);

/**
 * trn_device_place() - where a device stands in its pod
 * @device: a device
 * @ret_place: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -EINVAL for a wrong size member, -ENOTSUP where the door does not know.
 * Since:   0.1
 */
TRN_API int trn_device_place(struct trn_device *device, struct trn_device_place *ret_place);

/**
 * trn_device_link() - one directed link of the pod
 * @device: any device of the pod
 * @link: number, from 0
 * @ret_link: filled; its size member is set by the caller
 *
 * State and counters are those of the moment; on a door that does not count they are 0.
 *
 * Context: one thread at a time per device.
 * Return:  0, -ENOENT past the last link, -EINVAL for a wrong size member, -ENOTSUP.
 * Since:   0.1
 */
TRN_API int trn_device_link(struct trn_device *device, uint32_t link,
			    struct trn_pod_link_info *ret_link);

/**
 * trn_device_node_name() - a chip or switch of the pod in words
 * @device: any device of the pod
 * @node: chips by index, then switches
 * @ret_name: "chip 17", "server switch 3", "rack 1 plane 2 switch"; cut to @size
 * @size: bytes, > 0
 *
 * Context: any thread.
 * Return:  0, -ENOENT when there is no such node, -EINVAL, -ENOTSUP.
 * Since:   0.1
 */
TRN_API int trn_device_node_name(struct trn_device *device, uint32_t node, char *ret_name,
				 size_t size);

/**
 * trn_device_route() - the way from one chip of the pod to another
 * @device: any device of the pod
 * @from: index of a chip
 * @to: index of a chip
 * @ret_links: TRN_ROUTE_LINKS_MAX numbers for trn_device_link(), in order; may be NULL
 * @ret_count: set to how many there are, 0 when @from is @to; may be NULL
 * @ret_hops: set to the hops that latency counts; may be NULL
 *
 * Between the same two chips it is always the same way.
 *
 * Context: any thread.
 * Return:  0, -EINVAL when there is no such chip, -ENOTSUP.
 * Since:   0.1
 */
TRN_API int trn_device_route(struct trn_device *device, uint32_t from, uint32_t to,
			     uint32_t *ret_links, uint32_t *ret_count, uint32_t *ret_hops);

TRN_END_DECLS

#endif /* TRN_TOPOLOGY_H */
