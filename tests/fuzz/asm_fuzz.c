/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and images from anywhere. A text ends in an error with a place inside it or in an
 * image; an image that the loader takes becomes a text that makes the same bytes. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <trn/asm.h>
#include <trn/builder.h>
#include <trn/error.h>
#include "base/trnx.h"

#define MEMORY_MAX (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* No input of a few bytes shall fill the machine: blocks above a limit are refused. */
static void *take(void *user, void *ptr, size_t size)
{
	(void)user;
	if (!size) {
		free(ptr);
		return NULL;
	}
	return size > MEMORY_MAX ? NULL : realloc(ptr, size);
}

static const struct trn_alloc alloc = { .realloc = take };

static uint32_t lines_of(const char *text, size_t size)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	return lines;
}

/* False when the text is wrong or too large. */
static bool assemble(const char *text, size_t size, void **ret_image, size_t *ret_bytes)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	int r = trn_asm_assemble(&alloc, text, size, ret_image, ret_bytes, &error);

	if (r == 0)
		return true;
	require(r == -TRN_EPROGRAM || r == -ENOMEM);
	require(error.code == r && error.message[0] &&
		memchr(error.message, 0, sizeof(error.message)));
	if (r == -TRN_EPROGRAM)
		require(error.line >= 1 && error.line <= lines_of(text, size) &&
			error.column >= 1 && error.column <= size + 1);
	return false;
}

static void round_trip(const void *image, size_t bytes)
{
	struct trn_asm_error error = { .size = sizeof(error) };
	size_t length, again;
	void *made;
	char *text;
	int r = trn_asm_disassemble(&alloc, image, bytes, &text, &length, &error);

	if (r < 0) {
		require((r == -TRN_EPROGRAM || r == -ENOMEM) && error.code == r);
		return;
	}
	require(strlen(text) == length);
	if (assemble(text, length, &made, &again)) {
		require(again == bytes && memcmp(made, image, bytes) == 0);
		trn_image_free(&alloc, made);
	} else {
		require(length > MEMORY_MAX / 64); /* out of memory, or it is wrong */
	}
	trn_image_free(&alloc, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trn_image_info info = { .size = sizeof(info) };
	size_t bytes;
	void *image;

	if (size >= TRN_TRNX_MAGIC_SIZE && memcmp(data, TRN_TRNX_MAGIC, TRN_TRNX_MAGIC_SIZE) == 0) {
		round_trip(data, size);
		return 0;
	}
	if (!assemble((const char *)data, size, &image, &bytes))
		return 0;
	require(trn_image_inspect(&alloc, image, bytes, &info, NULL) == 0 ||
		bytes > MEMORY_MAX / 64);
	round_trip(image, bytes);
	trn_image_free(&alloc, image);
	return 0;
}
