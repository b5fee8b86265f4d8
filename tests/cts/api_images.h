/* SPDX-License-Identifier: Apache-2.0 */
/* Small programs for tests of the public API. Each image is given back with
 * trn_image_free(alloc, image). */
#ifndef TESTS_CTS_API_IMAGES_H
#define TESTS_CTS_API_IMAGES_H

#include <stddef.h>
#include <trn/types.h>

#define API_COPY_BYTES 4096u /* of each buffer of api_image_copy() */
#define API_TABLE_BYTES 256u

/* Arguments in, out: copies in to out through SBUF, then the program's own table over the
 * first bytes of out, and counts its launches in out's last word. */
int api_image_copy(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes);
/* Arguments in, out: API_COPY_BYTES of in to out through SBUF, by DMAs alone. */
int api_image_move(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes);
/* Argument in (16 bytes are enough to be launched): reads all of API_COPY_BYTES of it. */
int api_image_overrun(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes);
/* No arguments: reads PSUM before anything was written there. */
int api_image_uninit(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes);
/* No arguments: two engines, each waiting for a semaphore that only the other would raise. */
int api_image_deadlock(const struct trn_alloc *alloc, void **ret_image, size_t *ret_bytes);
/* Arguments in, out, shared: the number of a core of a pair, 0 or 1; in goes to the other
 * core's out, and is added to shared, core 0 before core 1. */
#define API_PAIR_NUMBERS 1024u
#define API_PAIR_BYTES (API_PAIR_NUMBERS * 4)
int api_image_pair(const struct trn_alloc *alloc, unsigned int side, void **ret_image,
		   size_t *ret_bytes);
/* Byte of the table of api_image_copy(). */
unsigned char api_table_byte(size_t index);

#endif /* TESTS_CTS_API_IMAGES_H */
