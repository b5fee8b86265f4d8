/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the collectives over libfabric. */
#ifndef RUNTIME_HOSTCOLL_NET_H
#define RUNTIME_HOSTCOLL_NET_H

#include "runtime/wire_private.h"

#define TRN_HOSTCOLL_PIECES 32u /* messages from one process to another in a step, at most */
#define TRN_HOSTCOLL_READ_MAX (UINT32_C(4) << 20) /* bytes of one read */

static inline uint32_t trn_hostcoll_peer(const struct trn_hostcoll *coll, uint64_t distance)
{
	return (uint32_t)((coll->wire->process + distance) % coll->wire->processes);
}

/* Records lie by distance in the wire's scratch: the own one first. */
static inline unsigned char *trn_hostcoll_record(const struct trn_hostcoll *coll, uint64_t distance)
{
	return (unsigned char *)trn_ofi_scratch(coll->wire)->base + distance * coll->at.net.record;
}

/* In front of what a record holds. */
struct trn_hostcoll_head {
	uint64_t signature, count;
	struct trn_wire_remote src, dst;
};

/* What goes from each process to each: the record; behind the head of it the part of the source
 * that the other reduces; the part of the result that the own process has made. */
enum trn_hostcoll_content {
	TRN_HOSTCOLL_RECORDS,
	TRN_HOSTCOLL_PARTS,
	TRN_HOSTCOLL_RESULTS,
};
/* May parts travel as messages? */
bool trn_hostcoll_exchange_direct(const struct trn_hostcoll *coll);

/* hostcoll_exchange.c: the own record is there. -EAGAIN, 0: all are here, or the failure. record:
 * bytes of the longest one. */
void trn_hostcoll_exchange_begin(struct trn_hostcoll *coll, enum trn_hostcoll_content content,
				 size_t record);
int trn_hostcoll_exchange(struct trn_hostcoll *coll);
uint32_t trn_hostcoll_exchange_waits_for(const struct trn_hostcoll *coll);

/* hostcoll_letter.c */
int trn_hostcoll_net_message(struct trn_hostcoll *coll);

#endif /* RUNTIME_HOSTCOLL_NET_H */
