/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps: the state of a device in one compressed file, for whoever looks later, without it. */
#ifndef TRN_DUMP_H
#define TRN_DUMP_H

#include <trn/device.h>

TRN_BEGIN_DECLS

/**
 * typedef trn_dump_fn - takes a dump
 * @user: as it was handed in
 * @error: what failed; its code is 0 when nothing did
 * @bytes: the dump, as it would be in a file
 * @count: its length
 *
 * Both pointers die with the call, which is made under no lock. It may call the library, but
 * what fails on a device in there makes no dump.
 */
typedef void (*trn_dump_fn)(void *user, const struct trn_error *error, const void *bytes,
			    size_t count);

/**
 * trn_device_dump() - make a dump now
 * @device: a device, in any state
 * @fn: gets it, once
 * @user: handed to @fn
 *
 * What cannot be read any more is said so in the dump. Nothing is changed on the device. Commands
 * of queues that other threads use meanwhile are shown as they are met.
 *
 * Context: any thread. Reads of device memory wait up to half a second in all.
 * Return:  0, -EINVAL, -ENOMEM.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_device_dump(struct trn_device *device, trn_dump_fn fn, void *user);

/**
 * trn_device_dump_file() - make a dump now, as a file
 * @device: a device, in any state
 * @path: file that is made or overwritten, readable by its owner only
 *
 * Context: any thread. Reads of device memory wait up to half a second in all.
 * Return:  0, -EINVAL, -ENOMEM, or the errno of opening or writing the file.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_device_dump_file(struct trn_device *device, const char *path);

/**
 * trn_context_dump_dir() - where dumps of failures go by themselves
 * @context: a context
 * @dir: folder, which must exist; NULL: none are made
 *
 * A queue that stops with an error of its own makes one, DIR/trn-PID-NUMBER.dump, but for resets
 * and cancelled work: the log says where. A context makes at most 16. It begins with the folder
 * that TRN_DUMP_DIR in the environment named when it was made.
 *
 * Context: any thread.
 * Return:  0, or -EINVAL (too long a name).
 * Since:   0.1
 */
TRN_API int trn_context_dump_dir(struct trn_context *context, const char *dir);

/**
 * trn_context_dump_hook() - take the dumps of failures instead of files
 * @context: a context
 * @fn: gets each, on the thread that found the failure; NULL: files again
 * @user: handed to @fn
 *
 * Context: any thread; a call of the old hook may be under way on another.
 * Return:  0, or -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_context_dump_hook(struct trn_context *context, trn_dump_fn fn, void *user);

/* ---- reading, without a device ---- */

struct trn_dump;

#define TRN_DUMP_BYTES_MAX (UINT64_C(64) << 20) /* of a dump that is unpacked */

/** struct trn_dump_section - one section; set size before the call */
struct trn_dump_section {
	size_t size;
	char name[24];    /* "registers" */
	const char *text; /* lines of plain ASCII, a 0 behind them; lives as long as the dump */
	size_t bytes;     /* without the 0 */
};

/**
 * trn_dump_open() - read a dump
 * @alloc: memory for it; NULL is the C library's
 * @bytes: the file's; borrowed for the call, not trusted
 * @count: how many
 * @ret_dump: set on success; ended with trn_dump_close()
 *
 * Context: any thread.
 * Return:  0, -EBADMSG (no dump, or a damaged one), -EFBIG (says it is longer than
 *          TRN_DUMP_BYTES_MAX), -ENOTSUP (a version or compression that this build does not
 *          have), -ENOMEM, -EINVAL.
 * Since:   0.1
 */
TRN_API TRN_MUST_CHECK int trn_dump_open(const struct trn_alloc *alloc, const void *bytes,
					 size_t count, struct trn_dump **ret_dump);

/**
 * trn_dump_section() - one of its sections
 * @dump: a dump
 * @index: from 0
 * @ret_section: filled; its size member is set by the caller
 *
 * Context: any thread.
 * Return:  0, -ENOENT past the last, -EINVAL.
 * Since:   0.1
 */
TRN_API int trn_dump_section(const struct trn_dump *dump, uint32_t index,
			     struct trn_dump_section *ret_section);

/**
 * trn_dump_close() - end a dump that was read
 * @dump: a dump, or NULL
 *
 * Context: one thread at a time per object.
 * Return:  NULL.
 * Since:   0.1
 */
TRN_API struct trn_dump *trn_dump_close(struct trn_dump *dump);

TRN_END_DECLS

#endif /* TRN_DUMP_H */
