/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of hal/ share: how a backend or hook is entered, and how it says
 * why something failed. Not for other floors. */
#ifndef HAL_BACKEND_H
#define HAL_BACKEND_H

#include "hal/bus.h"
#include "hal/hal.h"

/* Leaves the record of a failure for trn_hal_last_fault() of this thread. dev may be NULL
 * while it is being opened. Returns code, so that a caller can fail and explain in one line. */
int trn_hal_fail(const struct trn_hal_dev *dev, int code, const char *fmt, ...) TRN_PRINTF(3, 4);
/* The same for a UDMA engine and queue, and a device address. */
struct trn_hal_where {
	uint64_t address;
	uint32_t engine, queue;
};
int trn_hal_fail_at(const struct trn_hal_dev *dev, int code, const struct trn_hal_where *where,
		    const char *fmt, ...) TRN_PRINTF(4, 5);
/* Puts context in front of the current record ("bring-up, reset: ..."). */
void trn_hal_fault_prefix(const struct trn_hal_dev *dev, const char *prefix);
/* The thread's last record, whosever it is: while opening there is no device to ask. */
void trn_hal_fault_last(struct trn_hal_fault *ret_fault);

/* The user-space driver over a bus. Owns the bus from the call on, also when it fails. */
int trn_direct_open(const struct trn_hal_open *open, struct trn_bus *bus,
		    struct trn_hal_dev **ret_dev);

/* Backends that are no bus. */
int trn_null_open(const struct trn_hal_open *open, const struct trn_uri *uri,
		  struct trn_hal_dev **ret_dev);

/* Hooks. Each takes what it wraps and gives back what stands in its place; on failure the
 * inner object is untouched and still the caller's. */
int trn_record_wrap_bus(const struct trn_uri_hook *hook, struct trn_bus *inner,
			struct trn_bus **ret_bus);
int trn_record_wrap_dev(const struct trn_uri_hook *hook, struct trn_hal_dev *inner,
			struct trn_hal_dev **ret_dev);
int trn_fault_wrap_bus(const struct trn_uri_hook *hook, struct trn_bus *inner,
		       struct trn_bus **ret_bus);
int trn_fault_wrap_dev(const struct trn_uri_hook *hook, struct trn_hal_dev *inner,
		       struct trn_hal_dev **ret_dev);
int trn_validate_wrap_dev(const struct trn_uri_hook *hook, struct trn_hal_dev *inner,
			  struct trn_hal_dev **ret_dev);

#endif /* HAL_BACKEND_H */
