/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a corpus folder through the assembler's fuzz target, changed by a seed: texts
 * byte by byte and word by word; the images that they make field by field, with checksums
 * repaired, so that what the loader takes is not only what the builder writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/asm.h>
#include <trn/builder.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/crc32c.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "runtime/trnx.h"

#define TEXT_ROUNDS 3000
#define IMAGE_ROUNDS 6000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(1 << 20);

	*ret_size = file && data ? fread(data, 1, 1 << 20, file) : 0;
	if (file)
		(void)fclose(file); /* opened for reading: nothing is lost */
	return data;
}

/* Puts a piece of another place, a number or a mark somewhere. */
static size_t change_text(struct trn_prng *prng, char *text, size_t size, size_t room)
{
	static const char *const pieces[] = { "0",  "1",  "-1",  "65536", "4294967296",
					      "\"", "+",  "=",   "[",     "]",
					      ",",  "\n", "r63", "r64",   "@",
					      ":",  "*",  " ",   "sem9",  "0x1p-149" };
	const char *piece = pieces[trn_prng_below(prng, TRN_ARRAY_LEN(pieces))];
	char copied[64];
	size_t length = strlen(piece);
	size_t at = (size_t)trn_prng_below(prng, size);
	size_t cut = (size_t)trn_prng_below(prng, 6);

	if (trn_prng_below(prng, 3) == 0) { /* a line from elsewhere */
		size_t from = (size_t)trn_prng_below(prng, size);

		length = 0;
		while (from + length < size && length < sizeof(copied) &&
		       text[from + length] != ' ')
			length++;
		memcpy(copied, text + from, length);
		piece = copied;
	}
	cut = cut < size - at ? cut : size - at;
	if (size - cut + length > room)
		length = cut;
	memmove(text + at + length, text + at + cut, size - at - cut);
	memcpy(text + at, piece, length < sizeof(copied) ? length : 0);
	return size - cut + length;
}

/* Checksums of what is there now. */
static void repair(uint8_t *image, const struct trn_trnx *trnx)
{
	uint64_t end;

	for (uint32_t i = 0; i < trnx->section_count; i++) {
		uint8_t *at = image + sizeof(struct trn_trnx_header) +
			      i * sizeof(struct trn_trnx_section);
		struct trn_trnx_section section;

		memcpy(&section, at, sizeof(section));
		if (section.kind != TRN_TRNX_BSS && trnx->section[i].kind != TRN_TRNX_BSS)
			section.crc = trn_crc32c(0, image + trnx->section[i].file_offset,
						 (size_t)trnx->section[i].size);
		memcpy(at, &section, sizeof(section));
	}
	end = sizeof(struct trn_trnx_header) +
	      trnx->section_count * (uint64_t)sizeof(struct trn_trnx_section) +
	      trnx->symbol_count * (uint64_t)sizeof(struct trn_trnx_symbol) +
	      trnx->reloc_count * (uint64_t)sizeof(struct trn_trnx_reloc) +
	      trnx->arg_count * (uint64_t)sizeof(struct trn_trnx_arg) +
	      trn_load32(image + offsetof(struct trn_trnx_header, string_size));
	trn_store32(image + offsetof(struct trn_trnx_header, crc), 0);
	trn_store32(image + offsetof(struct trn_trnx_header, crc),
		    trn_crc32c(0, image, (size_t)end));
}

/* Bytes of tables and contents; not the header's own counts. Returns how many were taken. */
static uint32_t change_image(struct trn_prng *prng, const uint8_t *image, size_t bytes)
{
	struct trn_trnx_fault fault;
	struct trn_trnx trnx;
	uint32_t taken = 0;

	if (trn_trnx_parse(&trn_alloc_libc, image, bytes, 0, &trnx, &fault) < 0)
		return 0;
	for (int round = 0; round < IMAGE_ROUNDS; round++) {
		uint8_t *copy = malloc(bytes);
		struct trn_trnx other;

		if (!copy)
			break;
		memcpy(copy, image, bytes);
		for (uint64_t times = 1 + trn_prng_below(prng, 2); times > 0; times--) {
			size_t at = sizeof(struct trn_trnx_header) +
				    (size_t)trn_prng_below(prng,
							   bytes - sizeof(struct trn_trnx_header));

			copy[at] = (uint8_t)(trn_prng_below(prng, 2) ?
						     trn_prng_below(prng, 256) :
						     copy[at] + 1u - 2 * trn_prng_below(prng, 2));
		}
		repair(copy, &trnx);
		if (trn_trnx_parse(&trn_alloc_libc, copy, bytes, 0, &other, &fault) == 0) {
			taken++;
			trn_trnx_fini(&other);
		}
		(void)LLVMFuzzerTestOneInput(copy, bytes);
		free(copy);
	}
	trn_trnx_fini(&trnx);
	return taken;
}

static void change_texts(struct trn_prng *prng, const uint8_t *data, size_t size)
{
	for (int round = 0; round < TEXT_ROUNDS; round++) {
		size_t room = size + 256, now = size;
		char *text = malloc(room), *exact;

		if (!text)
			return;
		memcpy(text, data, size);
		for (uint64_t times = 1 + trn_prng_below(prng, 3); times > 0 && now; times--)
			now = change_text(prng, text, now, room);
		/* Exact size, so that ASan sees the first byte read past the end. */
		exact = realloc(text, now ? now : 1);
		(void)LLVMFuzzerTestOneInput((uint8_t *)(exact ? exact : text), now);
		free(exact ? exact : text);
	}
}

int main(int argc, char **argv)
{
	struct trn_prng prng;

	printf("# seed %llu\n1..%d\n", (unsigned long long)trn_test_seed(), argc - 1);
	trn_prng_seed(&prng, trn_test_seed());
	for (int i = 1; i < argc; i++) {
		uint32_t taken = 0;
		size_t size, bytes;
		uint8_t *data = read_file(argv[i], &size);
		void *image;
		bool ok = size &&
			  trn_asm_assemble(NULL, (char *)data, size, &image, &bytes, NULL) == 0;

		if (ok) {
			change_texts(&prng, data, size);
			taken = change_image(&prng, image, bytes);
			trn_image_free(NULL, image);
		}
		/* Were none taken, nothing would have been tried. */
		printf("%s %d - %s: the loader took %u changed images\n",
		       ok && taken > IMAGE_ROUNDS / 100 ? "ok" : "not ok", i, argv[i], taken);
		free(data);
	}
	return 0;
}
