/* SPDX-License-Identifier: Apache-2.0 */
/* Everything an application needs; each header also compiles alone. */
#ifndef TRN_TRN_H
#define TRN_TRN_H

#include <trn/asm.h>
#include <trn/buffer.h>
#include <trn/builder.h>
#include <trn/comm.h>
#include <trn/context.h>
#include <trn/device.h>
#include <trn/dump.h>
#include <trn/error.h>
#include <trn/graph.h>
#include <trn/isa.h>
#include <trn/memory.h>
#include <trn/pool.h>
#include <trn/program.h>
#include <trn/queue.h>
#include <trn/recover.h>
#include <trn/telemetry.h>
#include <trn/tile.h>
#include <trn/timeline.h>
#include <trn/topology.h>
#include <trn/types.h>

#endif /* TRN_TRN_H */
