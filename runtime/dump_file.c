/* SPDX-License-Identifier: Apache-2.0 */
/* The container of dumps: writing it, and reading it as hostile input. */
#include "runtime/dump.h"

#include <errno.h>
#include <string.h>
#include "base/crc32c.h"
#include "base/pack.h"

/* ---- writing ---- */

void trn_dump_text(struct trn_dump_make *make, const char *text)
{
	for (; *text; text++) {
		const bool plain = (unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f;

		trn_asm_put(&make->out, "%c", plain ? *text : '?');
	}
}

static void put_bytes(struct trn_asm_out *out, const void *bytes, size_t count)
{
	const size_t at = out->count;

	for (size_t i = 0; i < count; i++)
		trn_asm_put(out, " "); /* room */
	if (!out->error)
		memcpy(out->text + at, bytes, count);
}

void trn_dump_begin(struct trn_dump_make *make, const char *name)
{
	struct trn_dump_head head = { 0 };

	trn_text_copy(head.name, sizeof(head.name), name);
	make->head = make->out.count;
	put_bytes(&make->out, &head, sizeof(head));
}

void trn_dump_end(struct trn_dump_make *make)
{
	struct trn_asm_out *out = &make->out;
	struct trn_dump_head head;

	if (out->error)
		return;
	memcpy(&head, out->text + make->head, sizeof(head));
	head.bytes = out->count - make->head - sizeof(head);
	head.crc = trn_crc32c(0, out->text + make->head + sizeof(head), (size_t)head.bytes);
	memcpy(out->text + make->head, &head, sizeof(head));
}

int trn_dump_pack(const struct trn_dump_make *make, void **ret_bytes, size_t *ret_count)
{
	const struct trn_alloc *alloc = make->out.alloc;
	struct trn_dump_header header = {
		.version = TRN_DUMP_VERSION,
		.bytes = make->out.count,
	};
	size_t packed_count;
	uint8_t *bytes;
	void *packed;
	int r;

	r = trn_pack(alloc, make->out.text, make->out.count, &header.method, &packed,
		     &packed_count);
	if (r < 0)
		return r;
	bytes = trn_alloc_zero(alloc, sizeof(header) + packed_count);
	if (bytes) {
		memcpy(header.magic, TRN_DUMP_MAGIC, TRN_DUMP_MAGIC_SIZE);
		header.packed = packed_count;
		header.crc = trn_crc32c(0, packed, packed_count);
		memcpy(bytes, &header, sizeof(header));
		memcpy(bytes + sizeof(header), packed, packed_count);
		*ret_bytes = bytes;
		*ret_count = sizeof(header) + packed_count;
	}
	trn_free(alloc, packed);
	return bytes ? 0 : -ENOMEM;
}

/* ---- reading ---- */

struct trn_dump {
	struct trn_alloc alloc;
	uint32_t count;
	struct {
		char name[24];
		char *text; /* a copy, with a 0 behind it */
		size_t bytes;
	} section[TRN_DUMP_SECTIONS_MAX];
};

TRN_API struct trn_dump *trn_dump_close(struct trn_dump *dump)
{
	struct trn_alloc alloc;

	if (!dump)
		return NULL;
	for (uint32_t i = 0; i < dump->count; i++)
		trn_free(&dump->alloc, dump->section[i].text);
	alloc = dump->alloc;
	trn_free(&alloc, dump);
	return NULL;
}

/* No byte of a text may do anything to a terminal or end it early. */
static bool is_text(const uint8_t *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text[i] != '\n' && text[i] != '\t' && (text[i] < 0x20 || text[i] >= 0x7f))
			return false;
	return true;
}

static int take_section(struct trn_dump *dump, const uint8_t *raw, size_t count, size_t *at)
{
	struct trn_dump_head head;
	const uint8_t *text;
	uint32_t n = dump->count;

	if (count - *at < sizeof(head) || n == TRN_DUMP_SECTIONS_MAX)
		return -EBADMSG;
	memcpy(&head, raw + *at, sizeof(head));
	text = raw + *at + sizeof(head);
	if (head.bytes > count - *at - sizeof(head) || head.reserved != 0 ||
	    memchr(head.name, 0, sizeof(head.name)) == NULL || head.name[0] == '\0' ||
	    !is_text((const uint8_t *)head.name, strlen(head.name)) ||
	    head.crc != trn_crc32c(0, text, (size_t)head.bytes) ||
	    !is_text(text, (size_t)head.bytes))
		return -EBADMSG;
	dump->section[n].text = trn_alloc_zero(&dump->alloc, (size_t)head.bytes + 1);
	if (!dump->section[n].text)
		return -ENOMEM;
	memcpy(dump->section[n].text, text, (size_t)head.bytes);
	memcpy(dump->section[n].name, head.name, sizeof(head.name));
	dump->section[n].bytes = (size_t)head.bytes;
	dump->count++;
	*at += sizeof(head) + (size_t)head.bytes;
	return 0;
}

static int header_check(const void *bytes, size_t count, struct trn_dump_header *ret_header)
{
	struct trn_dump_header header;

	if (count < sizeof(header))
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	if (memcmp(header.magic, TRN_DUMP_MAGIC, TRN_DUMP_MAGIC_SIZE) != 0)
		return -EBADMSG;
	if (header.version != TRN_DUMP_VERSION)
		return -ENOTSUP;
	if (header.bytes > TRN_DUMP_BYTES_MAX)
		return -EFBIG;
	if (header.packed != count - sizeof(header) || header.reserved != 0 ||
	    header.crc !=
		    trn_crc32c(0, (const uint8_t *)bytes + sizeof(header), (size_t)header.packed))
		return -EBADMSG;
	*ret_header = header;
	return 0;
}

TRN_API int trn_dump_open(const struct trn_alloc *alloc, const void *bytes, size_t count,
			  struct trn_dump **ret_dump)
{
	struct trn_dump_header header;
	struct trn_dump *dump;
	uint8_t *raw;
	size_t at = 0;
	int r;

	if (!alloc)
		alloc = &trn_alloc_libc;
	if (!bytes || !ret_dump || !alloc->realloc)
		return -EINVAL;
	r = header_check(bytes, count, &header);
	if (r < 0)
		return r;
	dump = trn_alloc_zero(alloc, sizeof(*dump));
	raw = trn_alloc_zero(alloc, (size_t)header.bytes + 1);
	if (dump)
		dump->alloc = *alloc;
	if (!dump || !raw)
		r = -ENOMEM;
	else
		r = trn_unpack(alloc, header.method, (const uint8_t *)bytes + sizeof(header),
			       (size_t)header.packed, raw, (size_t)header.bytes);
	while (r == 0 && at < header.bytes)
		r = take_section(dump, raw, (size_t)header.bytes, &at);
	trn_free(alloc, raw);
	if (r < 0) {
		(void)trn_dump_close(dump);
		return r;
	}
	*ret_dump = dump;
	return 0;
}

TRN_API int trn_dump_section(const struct trn_dump *dump, uint32_t index,
			     struct trn_dump_section *ret_section)
{
	struct trn_dump_section section = { .size = sizeof(section) };

	if (!dump || !ret_section || ret_section->size != sizeof(*ret_section))
		return -EINVAL;
	if (index >= dump->count)
		return -ENOENT;
	memcpy(section.name, dump->section[index].name, sizeof(section.name));
	section.text = dump->section[index].text;
	section.bytes = dump->section[index].bytes;
	*ret_section = section;
	return 0;
}
