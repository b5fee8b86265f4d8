/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics for tools and tests: registers by name, fault injection, stepping. Not for
 * applications; a door may refuse any of it with -ENOTSUP. */
#ifndef TRN_DIAG_H
#define TRN_DIAG_H

#include <trn/device.h>

TRN_BEGIN_DECLS

/**
 * trn_diag_reg_read() - read one 32-bit register
 * @device: a device
 * @bar: BAR number
 * @offset: byte offset, multiple of 4
 * @ret_value: set on success
 *
 * Context: any thread.
 * Return:  0, -EINVAL, -ENOTSUP, -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_diag_reg_read(struct trn_device *device, unsigned int bar,
					     uint64_t offset, uint32_t *ret_value);

/**
 * trn_diag_reg_write() - write one 32-bit register
 * @device: a device
 * @bar: BAR number
 * @offset: byte offset, multiple of 4
 * @value: what to write
 *
 * Can break everything; that is what it is for.
 *
 * Context: any thread.
 * Return:  0, -EINVAL, -ENOTSUP, -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_diag_reg_write(struct trn_device *device, unsigned int bar,
					      uint64_t offset, uint32_t value);

/**
 * trn_diag_reg_name() - name of a BAR0 register
 * @offset: byte offset
 * @buf: takes the name with its NUL; may be NULL when @size is 0
 * @size: room in @buf
 *
 * Context: any thread.
 * Return:  length of the name without NUL, as snprintf(3).
 * Since:   0.1
 */
TRN_API int trn_diag_reg_name(uint32_t offset, char *buf, size_t size);

/**
 * trn_diag_reg_find() - BAR0 offset of a register by name
 * @name: for example "misc.routing_id" or "udma128.m2s.q0.tail"
 * @ret_offset: set on success
 *
 * Context: any thread.
 * Return:  0, or -ENOENT.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_diag_reg_find(const char *name, uint32_t *ret_offset);

/**
 * typedef trn_diag_reg_fn - one register of trn_diag_reg_each()
 *
 * The name lives for the call. Return non-zero to stop.
 */
typedef int (*trn_diag_reg_fn)(void *user, const char *name, uint32_t offset);

/**
 * trn_diag_reg_each() - every named BAR0 register, more than a hundred thousand
 * @fn: called once for each name; one offset may have two
 * @user: handed to @fn
 *
 * Context: any thread.
 * Return:  0, or what @fn answered when it stopped.
 * Since:   0.1
 */
TRN_API int trn_diag_reg_each(trn_diag_reg_fn fn, void *user);

/**
 * trn_diag_scheme() - the device URI schemes this library knows
 * @index: from 0
 * @ret_help: takes one line on what the door needs; may be NULL
 *
 * Context: any thread.
 * Return:  static text such as "mock", or NULL past the last one.
 * Since:   0.1
 */
TRN_API const char *trn_diag_scheme(unsigned int index, const char **ret_help);

/**
 * trn_diag_control() - a control verb of the door
 * @device: a device
 * @verb: "fault" (arms one, docs/faults.md), "violations", "counters", "hash", "time",
 *        "generation", "probe" (docs/uris.md)
 * @arg: argument text, or NULL
 * @ret_text: takes the answer as JSON with its NUL; may be NULL
 * @bytes: room in @ret_text
 *
 * Context: one thread at a time per device.
 * Return:  0, -EINVAL, -ENOTSUP, -ENOSPC when the answer does not fit.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_diag_control(struct trn_device *device, const char *verb,
					    const char *arg, char *ret_text, size_t bytes);

/**
 * trn_diag_sem_read() - value of a semaphore
 * @device: a device
 * @owner: core 0..7, or 8 + TOP_SP id
 * @index: semaphore 0..255
 * @ret_value: set on success
 *
 * Context: one thread at a time per device.
 * Return:  0, -EINVAL, -ENOTSUP, -TRN_EDEVLOST.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_diag_sem_read(struct trn_device *device, uint32_t owner,
					     uint32_t index, uint32_t *ret_value);

TRN_END_DECLS

#endif /* TRN_DIAG_H */
