/* SPDX-License-Identifier: Apache-2.0 */
/* A generation from text: a base and the numbers that differ. Hostile text; a refusal says
 * where, what, and what would do. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "base/bits.h"
#include "base/regs.h"
#include "base/text.h"
#include "base/uri.h"
#include "model/gen.h"

#define LINE_MAX_CHARS 200
#define NAME_MAX_CHARS 31
#define BLANKS " \t"

enum {
	WORD_BASE,
	WORD_NAME,
	WORD_PREVIEW,
	WORD_FEATURES,
	WORD_COUNT
};

struct profile {
	const struct trn_gen *base;
	struct trn_gen *gen;
	struct trn_gen_problem *problem;
	char *line; /* first character of it, NUL terminated */
	uint32_t number;
	uint32_t seen[TRN_GEN_FIELD_COUNT]; /* line of each number, 0: the base's */
	uint32_t seen_key[WORD_COUNT];      /* the same of words[] */
};

static TRN_PRINTF(3, 4) int refuse(struct profile *p, const char *at, const char *format, ...)
{
	va_list args;

	p->problem->line = p->number;
	p->problem->column = (uint32_t)(at - p->line) + 1;
	va_start(args, format);
	(void)trn_text_addv(p->problem->what, sizeof(p->problem->what), 0, format, args);
	va_end(args);
	return -EINVAL;
}

/* Cuts blanks at both ends; the first character that is none. */
static char *trim(char *text)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length > 0 && strchr(BLANKS, text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* ---- what two numbers must be to each other ---- */

static bool whole_mib(const struct trn_gen *gen)
{
	return gen->hbm_bytes % TRN_MIB == 0;
}

static bool hbm_fits(const struct trn_gen *gen)
{
	return TRN_HBMS * gen->hbm_bytes <= gen->hbm_capacity_bytes;
}

static bool sbuf_blocks(const struct trn_gen *gen)
{
	return gen->sbuf_partition_bytes % 4096 == 0;
}

static bool hbm_is_slower(const struct trn_gen *gen)
{
	return gen->udma_write_hbm_ns > gen->udma_write_host_ns + 2 * gen->udma_packet_ns;
}

static bool links_add_up(const struct trn_gen *gen)
{
	return 2 * (gen->link_server_mbps + gen->link_rack_mbps + gen->link_cross_mbps) <=
	       gen->link_total_mbps;
}

static bool whole_servers(const struct trn_gen *gen)
{
	return gen->chips_ultraserver % gen->chips_server == 0;
}

static bool mx_has_a_rate(const struct trn_gen *gen)
{
	return !(gen->features & TRN_FEATURE_MX) ||
	       (gen->matmul_rate_mxf8 > 0 && gen->matmul_rate_mxf4 > 0 && gen->mac_mxf8_fj > 0 &&
		gen->mac_mxf4_fj > 0);
}

static const struct {
	bool (*holds)(const struct trn_gen *gen);
	const char *what;
	enum trn_gen_field fields[TRN_GEN_CHECK_FIELDS]; /* one is to blame; 0: the id, no more */
} rules[] = {
	{ whole_mib, "hbm_bytes: whole MiB are wanted", { TRN_GEN_hbm_bytes } },
	{ hbm_fits,
	  "hbm_capacity_bytes: at least four times hbm_bytes is wanted",
	  { TRN_GEN_hbm_bytes, TRN_GEN_hbm_capacity_bytes } },
	{ sbuf_blocks,
	  "sbuf_partition_bytes: whole 4096 are wanted",
	  { TRN_GEN_sbuf_partition_bytes } },
	{ hbm_is_slower,
	  "udma_write_hbm_ns: more than udma_write_host_ns and two udma_packet_ns is wanted",
	  { TRN_GEN_udma_write_hbm_ns, TRN_GEN_udma_write_host_ns, TRN_GEN_udma_packet_ns } },
	{ links_add_up,
	  "link_total_mbps: at least twice the sum of server, rack and cross is wanted",
	  { TRN_GEN_link_total_mbps, TRN_GEN_link_server_mbps, TRN_GEN_link_rack_mbps,
	    TRN_GEN_link_cross_mbps } },
	{ whole_servers,
	  "chips_ultraserver: a multiple of chips_server is wanted",
	  { TRN_GEN_chips_ultraserver, TRN_GEN_chips_server } },
	{ mx_has_a_rate,
	  "matmul_rate_mxf8, _mxf4, mac_mxf8_fj, mac_mxf4_fj: above 0 is wanted with mx",
	  { TRN_GEN_matmul_rate_mxf8, TRN_GEN_matmul_rate_mxf4, TRN_GEN_mac_mxf8_fj,
	    TRN_GEN_mac_mxf4_fj } },
};

const char *trn_gen_check(const struct trn_gen *gen,
			  enum trn_gen_field ret_fields[TRN_GEN_CHECK_FIELDS])
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(rules); i++) {
		if (rules[i].holds(gen))
			continue;
		memcpy(ret_fields, rules[i].fields, sizeof(rules[i].fields));
		return rules[i].what;
	}
	return NULL;
}

/* ---- lines that are no numbers ---- */

static int take_base(struct profile *p, char *value)
{
	if (!trn_gen_find(value))
		return refuse(p, value, "base: no generation '%.32s'", value);
	if (strcmp(value, p->base->name) != 0)
		return refuse(p, value, "base: the file is for %s, it was opened as %s", value,
			      p->base->name);
	return 0;
}

static int take_name(struct profile *p, char *value)
{
	const size_t length = strlen(value);

	if (length == 0 || length > NAME_MAX_CHARS ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789.-") != length)
		return refuse(p, value, "name: 1 to %d of a-z 0-9 . - are wanted", NAME_MAX_CHARS);
	p->gen->name = value;
	return 0;
}

static int take_preview(struct profile *p, char *value)
{
	const bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0)
		return refuse(p, value, "preview: yes or no is wanted");
	p->gen->preview = yes;
	return 0;
}

static int take_feature(struct profile *p, char *word)
{
	const char *name;
	uint32_t bit;

	if (*word != '+' && *word != '-')
		return refuse(p, word, "features: + or - is wanted in front of '%.32s'", word);
	for (unsigned int i = 0; (name = trn_gen_feature(i, &bit, NULL)); i++) {
		if (strcmp(name, word + 1) != 0)
			continue;
		if (*word == '+')
			p->gen->features |= bit;
		else
			p->gen->features &= ~bit;
		return 0;
	}
	return refuse(p, word + 1, "features: none is called '%.32s'", word + 1);
}

static int take_features(struct profile *p, char *value)
{
	int r = 0;

	if (*value == '\0')
		return refuse(p, value, "features: +NAME or -NAME is wanted");
	while (r == 0 && *value) {
		char *end = value + strcspn(value, BLANKS);
		char *next = end + strspn(end, BLANKS);

		*end = '\0';
		r = take_feature(p, value);
		value = next;
	}
	return r;
}

static const struct {
	const char *key;
	int (*take)(struct profile *p, char *value);
} words[] = {
	[WORD_BASE] = { "base", take_base },
	[WORD_NAME] = { "name", take_name },
	[WORD_PREVIEW] = { "preview", take_preview },
	[WORD_FEATURES] = { "features", take_features },
};

/* ---- numbers ---- */

/* The driver knows a chip by these: another one needs a line in its table. */
static bool is_identity(unsigned int field)
{
	return field == TRN_GEN_pci_device || field == TRN_GEN_arch || field == TRN_GEN_ostand_wr_2;
}

static int take_value(struct profile *p, unsigned int field, const char *text)
{
	const struct trn_gen_field_info *info = &trn_gen_fields[field];
	const bool bytes = strcmp(info->unit, "B") == 0;
	const bool hex = strncmp(text, "0x", 2) == 0;
	uint64_t value = 0;
	int r = trn_parse_size(text, &value);

	/* A power of 1024 is for bytes. */
	if (r == 0 && !bytes && text[strspn(text, hex ? "0x123456789abcdefABCDEF" : "0123456789")])
		r = -EINVAL;
	if (r < 0 || value < info->least || value > info->most)
		return refuse(p, text, "%s: %llu to %llu%s%s is wanted, not '%.32s'", info->name,
			      (unsigned long long)info->least, (unsigned long long)info->most,
			      *info->unit ? " " : "", info->unit, text);
	p->gen->value[field] = value;
	return 0;
}

static int take_number(struct profile *p, unsigned int field, char *value)
{
	char *confidence = strchr(value, ';');
	char *source = confidence ? strchr(confidence + 1, ';') : NULL;
	char *end = value + strlen(value);
	int r;

	if (is_identity(field))
		return refuse(p, p->line,
			      "%s: the driver knows the chip by it; a chip of another "
			      "identity is a table, docs/adding-a-chip.md",
			      trn_gen_fields[field].name);
	if (!source)
		return refuse(p, end, "%s: 'value ; confidence ; source' is wanted",
			      trn_gen_fields[field].name);
	*confidence++ = '\0';
	*source++ = '\0';
	value = trim(value);
	confidence = trim(confidence);
	source = trim(source);
	r = take_value(p, field, value);
	if (r < 0)
		return r;
	if (strlen(confidence) != 1 || !strchr("ABC", *confidence))
		return refuse(p, confidence, "%s: confidence A, B or C is wanted, not '%.32s'",
			      trn_gen_fields[field].name, confidence);
	if (*source == '\0' || strchr(source, ';'))
		return refuse(p, source, "%s: one source is wanted", trn_gen_fields[field].name);
	p->gen->origin[field] = (struct trn_gen_origin){ *confidence, source };
	return 0;
}

/* ---- lines ---- */

static int once(struct profile *p, uint32_t *seen, const char *key)
{
	if (*seen)
		return refuse(p, key, "%s: it was on line %u already", key, *seen);
	*seen = p->number;
	return 0;
}

static int take_pair(struct profile *p, char *key, char *value)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(words); i++) {
		if (strcmp(words[i].key, key) == 0)
			return once(p, &p->seen_key[i], key) < 0 ? -EINVAL :
								   words[i].take(p, value);
	}
	for (unsigned int f = 0; f < TRN_GEN_FIELD_COUNT; f++) {
		if (strcmp(trn_gen_fields[f].name, key) == 0)
			return once(p, &p->seen[f], key) < 0 ? -EINVAL : take_number(p, f, value);
	}
	return refuse(p, key, "no constant is called '%.32s'; trnctl info lists them", key);
}

static int take_line(struct profile *p)
{
	char *equals, *key;

	/* What a person, a terminal and JSON show alike. */
	for (const char *c = p->line; *c; c++) {
		const unsigned char byte = (unsigned char)*c; /* char has a sign or not */

		if ((byte < 0x20 && byte != '\t') || byte > 0x7e || byte == '"' || byte == '\\')
			return refuse(p, c,
				      "byte 0x%02x: printable ASCII without \" and \\ is "
				      "wanted",
				      byte);
		if (c - p->line == LINE_MAX_CHARS)
			return refuse(p, c, "the line has more than %d characters", LINE_MAX_CHARS);
	}
	p->line[strcspn(p->line, "#")] = '\0';
	key = trim(p->line);
	if (*key == '\0')
		return 0;
	equals = strchr(key, '=');
	if (!equals)
		return refuse(p, key, "'key = value' is wanted");
	*equals = '\0';
	return take_pair(p, trim(key), trim(equals + 1));
}

/* Blames the last line that has to do with it. */
static int check_together(struct profile *p)
{
	enum trn_gen_field fields[TRN_GEN_CHECK_FIELDS];
	const char *what = trn_gen_check(p->gen, fields);

	if (!what)
		return 0;
	p->number = 0;
	for (size_t i = 0; i < TRN_ARRAY_LEN(fields); i++) {
		if (p->seen[fields[i]] > p->number)
			p->number = p->seen[fields[i]];
	}
	if (p->number == 0) /* no number of the file: a feature that needs one */
		p->number = p->seen_key[WORD_FEATURES];
	return refuse(p, p->line, "%s", what);
}

int trn_gen_profile(char *text, size_t size, const struct trn_gen *base, struct trn_gen *ret_gen,
		    struct trn_gen_problem *ret_problem)
{
	struct profile p = { .base = base, .gen = ret_gen, .problem = ret_problem };
	char *at = text;
	int r = 0;

	*ret_gen = *base;
	text[size] = '\0';
	while (r == 0 && at < text + size) {
		char *end = memchr(at, '\n', (size_t)(text + size - at));

		if (!end)
			end = text + size;
		p.line = at;
		p.number++;
		if (memchr(at, '\0', (size_t)(end - at)))
			return refuse(&p, at + strlen(at), "byte 0x00: text is wanted");
		*end = '\0';
		if (end > at && end[-1] == '\r')
			end[-1] = '\0';
		r = take_line(&p);
		at = end + 1;
	}
	return r < 0 ? r : check_together(&p);
}
