/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: finding, opening, describing, resetting. */
#ifndef TRN_DEVICE_H
#define TRN_DEVICE_H

#include <stdbool.h>
#include <trn/context.h>

TRN_BEGIN_DECLS

struct trn_device;

/* What a device can do (struct trn_device_info.caps). */
#define TRN_CAP_COMPUTE UINT64_C(0x01)   /* runs programs; device-side waits and signals */
#define TRN_CAP_MAP_HBM UINT64_C(0x02)   /* trn_buffer_map() works on HBM */
#define TRN_CAP_TIMESTAMP UINT64_C(0x04) /* device time in queues */
#define TRN_CAP_SIMULATED UINT64_C(0x08) /* no silicon: the model answers */
#define TRN_CAP_INLINE UINT64_C(0x10)    /* advances only inside waits of this process */
#define TRN_CAP_PEER UINT64_C(0x20)      /* reaches memory of other chips: trn_buffer_peer() */
#define TRN_CAP_COLLECT UINT64_C(0x40)   /* runs collectives by itself */
#define TRN_CAP_LISTS UINT64_C(0x80)     /* runs lists of commands: graphs */
#define TRN_CAP_STRIDED UINT64_C(0x100)  /* trn_batch_copy_nd() */

/** struct trn_device_info - what the device said about itself; set size before the call */
struct trn_device_info {
	size_t size;
	char uri[128];
	char product[32]; /* "Trainium3" */
	char arch[16];    /* "trn3" */
	char backend[16];
	uint32_t pci_vendor, pci_device, pci_revision;
	uint32_t cores;
	uint32_t hbm_stacks;
	uint32_t queues_max;
	uint64_t hbm_bytes;      /* all stacks */
	uint64_t hbm_free_bytes; /* what buffers can still take, all stacks */
	uint32_t sbuf_partition_bytes;
	uint32_t routing_id;
	uint64_t serial;
	uint32_t firmware_api;
	int32_t numa_node; /* -1 unknown */
	uint64_t caps;     /* TRN_CAP_* */
};

/** struct trn_device_telemetry - counters of the moment; set size before the call */
struct trn_device_telemetry {
	size_t size;
	uint32_t ecc_sram_corrected, ecc_sram_uncorrected;
	uint32_t ecc_hbm_corrected[4], ecc_hbm_uncorrected[4];
	uint32_t hbm_repair_state;      /* 0 none, 1 pending, 2 failed */
	uint32_t power_utilization[2];  /* 1/100 % of each die's maximum */
	uint32_t power_samples[2];      /* counter that steps with each sample */
	uint64_t tensor_busy_cycles[8]; /* per core */
	uint64_t tensor_idle_cycles[8];
};

/**
 * typedef trn_device_fn - one device of trn_device_list()
 *
 * The texts live for the call. Return non-zero to stop the list.
 */
typedef int (*trn_device_fn)(void *user, const char *uri, const char *product);

/**
 * trn_device_list() - name the devices that are there without being asked for
 * @context: a context
 * @fn: called once for each
 * @user: handed to @fn
 *
 * A mock is never listed: it is opened by URI only.
 *
 * Context: any thread.
 * Return:  number of devices, or a negative error.
 * Since:   0.1
 */
TRN_API int trn_device_list(struct trn_context *context, trn_device_fn fn, void *user);

/**
 * trn_device_open() - open a device and bring it up
 * @context: a context
 * @uri: for example "mock:trn3", or "mock:trn3-ultraserver/5" for one of a pod; NULL takes
 *       TRN_DEVICE from the environment, else the first device that trn_device_list() names
 * @deadline_ns: CLOCK_MONOTONIC time by which the device must be ready
 * @ret_device: set on success; the caller holds one reference
 *
 * A URI that is open in this context gives the same device, with one more reference. One that
 * stands for several devices is refused: trn_pod_open() opens them all.
 *
 * With neither a URI, TRN_DEVICE nor hardware the call answers -ENODEV and the error record
 * names the mock URIs; a mock is never opened silently.
 *
 * Context: any thread. Blocks until @deadline_ns.
 * Return:  0, -EINVAL bad URI, -ENODEV none such, -EBUSY the chip is open by another
 *          URI, -ENOTSUP a door this version does not have, -ETIMEDOUT it did not become ready,
 *          -TRN_EDEVLOST, -TRN_EFIRMWARE, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_device_open(struct trn_context *context, const char *uri,
					   uint64_t deadline_ns, struct trn_device **ret_device);

/**
 * trn_device_ref() - take one more reference
 * @device: a device
 *
 * Context: any thread.
 * Return:  @device.
 * Since:   0.1
 */
TRN_API struct trn_device *trn_device_ref(struct trn_device *device);

/**
 * trn_device_unref() - give a reference back
 * @device: a device, or NULL
 *
 * Closed with the last reference; buffers, queues, programs and timelines hold one each.
 *
 * Context: any thread.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_device *trn_device_unref(struct trn_device *device);

/**
 * trn_device_info() - what the device is
 * @device: a device
 * @ret_info: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, or -EINVAL for a wrong size member.
 * Since:   0.1
 */
TRN_API int trn_device_info(struct trn_device *device, struct trn_device_info *ret_info);

/**
 * trn_device_telemetry() - health and activity counters
 * @device: a device
 * @ret_telemetry: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -ENOTSUP where the door has none, -TRN_EDEVLOST, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_device_telemetry(struct trn_device *device,
				 struct trn_device_telemetry *ret_telemetry);

/**
 * trn_device_reset() - reset the device or some of its cores
 * @device: a device
 * @core_mask: bit per core; 0 resets the whole device
 * @deadline_ns: CLOCK_MONOTONIC time to give up
 *
 * Work on the cores concerned ends in -TRN_ERESET and their queues need trn_queue_reset().
 * HBM keeps its content over a core reset; after a device reset it is undefined.
 *
 * Context: one thread at a time per device. Blocks until @deadline_ns.
 * Return:  0, -ETIMEDOUT, -EINVAL (a core that is not there), -ENOTSUP, -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_device_reset(struct trn_device *device, uint32_t core_mask,
					    uint64_t deadline_ns);

/** struct trn_core_claim - who holds a core; set size before the call */
struct trn_core_claim {
	size_t size;
	uint32_t owner; /* token of a context; 0: free */
	uint32_t core;
	uint64_t since_ns; /* device time */
	uint32_t state;    /* 0 idle, 1 running, 2 faulted, 3 in reset */
	/* What the holder says of itself; 0 and "" when it does not. */
	uint32_t pid;
	uint64_t since_wall_ns; /* time of day, since 1970 */
	char command[16];
};

/**
 * trn_device_core_claim() - claim, release or look at a core
 * @device: a device
 * @core: core number
 * @take: 1 claims for the context, -1 releases, 0 only looks
 * @ret_claim: filled with the state after the call, also on -EBUSY; may be NULL
 *
 * The first submit that launches on a core claims it too, and keeps it until the last queue of
 * the context that launched there is given back. A claim of this call is kept until it is released
 * or the device is closed. When both are gone, the core is stopped, its memories and semaphores
 * are zeroed, and it is free. A device reset frees every claim.
 *
 * Context: any thread.
 * Return:  0, -EBUSY held by another context: the record says by which process, or at a release a
 *          core that could not be stopped; -EINVAL, -ENOTSUP.
 * Since:   0.1
 */
TRN_API int trn_device_core_claim(struct trn_device *device, uint32_t core, int take,
				  struct trn_core_claim *ret_claim);

TRN_END_DECLS

#endif /* TRN_DEVICE_H */
