/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of clusters: a table with sources, and texts that change it. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/uri.h"
#include "predict/cluster.h"

#define PROFILE_MAX 65536
#define LINE_MAX_CHARS 200

#define INFO(field, unit, least, most, help) { #field, unit, help, least, most },
const struct trn_cluster_field_info trn_cluster_fields[TRN_CLUSTER_FIELD_COUNT] = {
	TRN_CLUSTER_FIELDS(INFO)
};

#define SET(field, number, confidence, source)  \
	.value[TRN_CLUSTER_##field] = (number), \
	.origin[TRN_CLUSTER_##field] = { confidence, source }

/* clang-format off */
static const struct trn_cluster_params defaults = {
	SET(nic_mbps, 0, 'A', "H 2.1: 200 Gbit/s, efa_mbps of the generation"),
	SET(message_ns, 0, 'A', "H 2.5: 15 us a hop between servers, efa_ns of the generation"),
	SET(switch_ns, 500, 'C', "guess: a switch with forwarding of packets"),
	SET(issue_ns, 100, 'C', "guess: 10 million messages a second"),
	SET(port_mbps, 12500, 'B', "H 2.4: ports of 100 Gbit/s, an analyst's"),
	SET(ports, 256, 'B', "H 2.4: 25.6 Tbit/s switches; three tiers reach a million chips"),
	SET(uplink_percent, 100, 'B', "H 2.4: non-blocking, said of Trainium1's"),
	SET(link_fj, 0, 'C', "guess: link_hop_fj of the generation"),
	SET(nic_fj, 120000, 'C', "guess: 15 pJ a bit, both ends with their optics"),
	SET(switch_fj, 80000, 'C', "guess: 10 pJ a bit with optics"),
	SET(site_percent, 220, 'B', "H 1.4: 256k chips of 500 W in 250 to 300 MW"),
	SET(mfu_percent, 43, 'B', "H 3.2: dense BF16 training by a compiler, an analyst's"),
	SET(overlap_percent, 50, 'C', "guess"),
	SET(chip_mtbf_h, 50000, 'C', "guess: as published of one large GPU training run"),
	SET(pod_mtbf_h, 20000, 'C', "guess: hosts, switches and power of a pod"),
	SET(repair_h, 24, 'C', "guess: a day"),
	SET(restart_s, 300, 'C', "guess: notice, exchange the pod, start"),
	SET(checkpoint_mbps, 1000, 'C', "guess: a twenty-fifth of a chip's network"),
};
/* clang-format on */

void trn_cluster_params_default(struct trn_cluster_params *ret_params)
{
	*ret_params = defaults;
}

/* ---- texts ---- */

struct line {
	unsigned int number;
	struct trn_predict_why *why;
};

static char *trim(char *text)
{
	size_t length;

	while (*text == ' ' || *text == '\t')
		text++;
	length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

static int take_number(const struct line *line, uint32_t field, char *value,
		       struct trn_cluster_params *params)
{
	const struct trn_cluster_field_info *info = &trn_cluster_fields[field];
	char *confidence = strchr(value, ';');
	char *source = confidence ? strchr(confidence + 1, ';') : NULL;
	uint64_t number = 0;

	if (!source)
		return trn_predict_fail(line->why, -EINVAL,
					"line %u: %s: 'value ; confidence ; source' is wanted",
					line->number, info->name);
	*confidence++ = '\0';
	*source++ = '\0';
	value = trim(value);
	confidence = trim(confidence);
	source = trim(source);
	if (value[strspn(value, "0123456789")] != '\0' || trn_parse_size(value, &number) < 0 ||
	    number < info->least || number > info->most)
		return trn_predict_fail(line->why, -EINVAL,
					"line %u: %s: %llu to %llu is wanted, not '%.32s'",
					line->number, info->name, (unsigned long long)info->least,
					(unsigned long long)info->most, value);
	if (strlen(confidence) != 1 || !strchr("ABC", *confidence))
		return trn_predict_fail(line->why, -EINVAL,
					"line %u: %s: confidence A, B or C is wanted, not '%.32s'",
					line->number, info->name, confidence);
	if (*source == '\0' || strlen(source) >= sizeof(params->origin[0].source))
		return trn_predict_fail(line->why, -EINVAL,
					"line %u: %s: a source of 1 to %zu characters is wanted",
					line->number, info->name,
					sizeof(params->origin[0].source) - 1);
	params->value[field] = number;
	params->origin[field].confidence = *confidence;
	snprintf(params->origin[field].source, sizeof(params->origin[field].source), "%s", source);
	return 0;
}

static int take_line(const struct line *line, char *text, bool *seen,
		     struct trn_cluster_params *params)
{
	char *equals;

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c > 0x7e || ((unsigned char)*c < 0x20 && !strchr("\t\r", *c)))
			return trn_predict_fail(line->why, -EINVAL,
						"line %u: byte 0x%02x: printable ASCII is wanted",
						line->number, (unsigned char)*c);
	text[strcspn(text, "#")] = '\0';
	text = trim(text);
	if (*text == '\0')
		return 0;
	equals = strchr(text, '=');
	if (!equals)
		return trn_predict_fail(line->why, -EINVAL,
					"line %u: 'name = value ; confidence ; source' is wanted",
					line->number);
	*equals = '\0';
	text = trim(text);
	for (uint32_t i = 0; i < TRN_CLUSTER_FIELD_COUNT; i++) {
		if (strcmp(trn_cluster_fields[i].name, text) != 0)
			continue;
		if (seen[i])
			return trn_predict_fail(line->why, -EINVAL, "line %u: %s again",
						line->number, text);
		seen[i] = true;
		return take_number(line, i, equals + 1, params);
	}
	return trn_predict_fail(line->why, -EINVAL, "line %u: no parameter is called '%.32s'",
				line->number, text);
}

int trn_cluster_params_parse(const char *text, size_t size, struct trn_cluster_params *params,
			     struct trn_predict_why *why)
{
	struct trn_cluster_params now = *params;
	bool seen[TRN_CLUSTER_FIELD_COUNT] = { false };
	struct line line = { 0, why };
	char buf[LINE_MAX_CHARS + 1];

	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;
		int r;

		line.number++;
		if (length > LINE_MAX_CHARS || memchr(text + at, '\0', length))
			return trn_predict_fail(why, -EINVAL,
						"line %u: more than %d characters, or a NUL",
						line.number, LINE_MAX_CHARS);
		memcpy(buf, text + at, length);
		buf[length] = '\0';
		r = take_line(&line, buf, seen, &now);
		if (r < 0)
			return r;
		at += length + 1;
	}
	*params = now;
	return 0;
}

static int load(int fd, struct trn_cluster_params *params, struct trn_predict_why *why)
{
	char *text = trn_alloc_array(&trn_alloc_libc, PROFILE_MAX + 1, 1);
	size_t size = 0;
	struct stat info;
	int r = text ? 0 : -ENOMEM;

	if (r == 0 && fstat(fd, &info) < 0)
		r = -errno;
	if (r == 0 && !S_ISREG(info.st_mode))
		r = -EINVAL;
	while (r == 0 && size <= PROFILE_MAX) {
		ssize_t got = read(fd, text + size, PROFILE_MAX + 1 - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			r = -errno;
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	if (r == 0 && size > PROFILE_MAX)
		r = -EFBIG;
	if (r < 0)
		trn_predict_fail(why, r, "%s", r == -EINVAL ? "not a regular file" : strerror(-r));
	else
		r = trn_cluster_params_parse(text, size, params, why);
	trn_free(&trn_alloc_libc, text);
	return r;
}

int trn_cluster_params_load(const char *path, struct trn_cluster_params *params,
			    struct trn_predict_why *why)
{
	/* Not blocking: a named pipe is refused instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct trn_predict_why inner;

	if (fd < 0)
		return trn_predict_fail(why, -errno, "%.200s: %s", path, strerror(errno));
	r = load(fd, params, &inner);
	close(fd);
	return r < 0 ? trn_predict_fail(why, r, "%.150s: %.200s", path, inner.text) : 0;
}
