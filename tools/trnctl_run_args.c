// SPDX-License-Identifier: Apache-2.0
/* trnctl run: arguments from the command line. */
#include "tools/trnctl_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_SECONDS 60u
#define FILE_MAX (UINT64_C(1) << 36)

int trnctl_file_read(const char *path, uint64_t most, uint8_t **ret_bytes, size_t *ret_size)
{
	/* Not blocking: a named pipe is refused instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t done = 0, size = 0;
	uint8_t *bytes = NULL;
	struct stat info;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &info) < 0)
		r = -errno;
	else if (!S_ISREG(info.st_mode))
		r = S_ISDIR(info.st_mode) ? -EISDIR : -EINVAL;
	else if ((uint64_t)info.st_size > most)
		r = -EFBIG;
	if (r == 0) {
		size = (size_t)info.st_size;
		bytes = malloc(size + 1);
		r = bytes ? 0 : -ENOMEM;
	}
	while (r == 0 && done < size) {
		ssize_t got = read(fd, bytes + done, size - done);

		if (got < 0 && errno != EINTR)
			r = -errno;
		else if (got == 0)
			r = -EIO; /* it became shorter */
		else if (got > 0)
			done += (size_t)got;
	}
	close(fd);
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

/* The text behind NAME= of an option, or NULL. */
static const char *value_of(const char *text, const char *name)
{
	size_t length = strlen(name);

	return strncmp(text, name, length) == 0 && text[length] == '=' ? text + length + 1 : NULL;
}

static const char *arg_find(const struct trnctl_run *run, const char *name)
{
	for (unsigned int i = run->arg_texts; i-- > 0;) {
		const char *value = value_of(run->arg_text[i], name);

		if (value)
			return value;
	}
	return NULL;
}

/* Zero, then the file's bytes if there are any. */
static int buffer_fill(struct trnctl_run *run, struct trn_buffer *buffer, uint64_t bytes,
		       const uint8_t *content, size_t size)
{
	uint64_t deadline_ns = trnctl_deadline(run->ctl, RUN_SECONDS);
	static const uint8_t zeroes[1 << 16];
	int r = trn_buffer_write(buffer, 0, content, size, deadline_ns);

	for (uint64_t at = size; r == 0 && at < bytes;) {
		uint64_t part = bytes - at < sizeof(zeroes) ? bytes - at : sizeof(zeroes);

		r = trn_buffer_write(buffer, at, zeroes, part, deadline_ns);
		at += part;
	}
	return r;
}

static int buffer_make(struct trnctl_run *run, const char *name, uint64_t bytes,
		       const uint8_t *content, size_t size, struct trn_arg *arg)
{
	struct trn_buffer_opts opts = { .size = sizeof(opts),
					.bytes = bytes,
					.core = (uint32_t)run->core };
	int r = trn_buffer_create(run->ctl->device, &opts, &arg->buffer);

	if (r == 0)
		r = buffer_fill(run, arg->buffer, bytes, content, size);
	return r < 0 ? trnctl_fail(run->ctl, r, "argument %.31s, %" PRIu64 " bytes", name, bytes) :
		       TRNCTL_OK;
}

/* SIZE, @FILE or SIZE@FILE. */
static int buffer_arg(struct trnctl_run *run, const struct trn_program_arg_info *info,
		      const char *text, struct trn_arg *arg)
{
	uint64_t bytes = info->min_bytes > 0 ? info->min_bytes : 4;
	const char *file = text ? strchr(text, '@') : NULL;
	uint8_t *content = NULL;
	char number[32];
	size_t size = 0;
	int r;

	if (text && file != text) {
		size_t length = file ? (size_t)(file - text) : strlen(text);

		snprintf(number, sizeof(number), "%.*s", length < 31 ? (int)length : 31, text);
		if (length > 31 || trnctl_size(number, &bytes) < 0 || bytes == 0)
			return trnctl_fail_usage(run->ctl, "--arg %.31s=%.60s: no size", info->name,
						 text);
	}
	if (file) {
		r = trnctl_file_read(file + 1, FILE_MAX, &content, &size);
		if (r < 0)
			return trnctl_fail(run->ctl, r, "argument %.31s: %.200s", info->name,
					   file + 1);
		if (file == text && size > bytes)
			bytes = size;
		if (size > bytes) {
			free(content);
			return trnctl_fail_usage(run->ctl,
						 "--arg %.31s=%.60s: the file has %zu bytes",
						 info->name, text, size);
		}
	}
	r = buffer_make(run, info->name, bytes, content, size, arg);
	free(content);
	return r;
}

static int one_arg(struct trnctl_run *run, uint32_t index)
{
	struct trn_program_arg_info *info = &run->args[index];
	const char *text;
	int r;

	info->size = sizeof(*info);
	r = trn_program_arg(run->program, index, info);
	if (r < 0)
		return trnctl_fail(run->ctl, r, "argument %" PRIu32, index);
	text = arg_find(run, info->name);
	if (info->kind == TRN_ARG_BUFFER)
		return buffer_arg(run, info, text, &run->values[index]);
	if (!text)
		return trnctl_fail_usage(run->ctl, "argument %.31s is a number: --arg %.31s=N",
					 info->name, info->name);
	if (trnctl_number(text, &run->values[index].scalar) < 0)
		return trnctl_fail_usage(run->ctl, "--arg %.31s=%.60s: no number", info->name,
					 text);
	return TRNCTL_OK;
}

static bool declared(const struct trnctl_run *run, const char *text)
{
	for (uint32_t i = 0; i < run->info.arg_count; i++) {
		if (value_of(text, run->args[i].name))
			return true;
	}
	return false;
}

int trnctl_run_args(struct trnctl_run *run)
{
	int r = TRNCTL_OK;

	if (run->info.arg_count > TRNCTL_RUN_ARGS_MAX)
		return trnctl_fail(run->ctl, -E2BIG, "the program declares %" PRIu32 " arguments",
				   run->info.arg_count);
	for (uint32_t i = 0; r == TRNCTL_OK && i < run->info.arg_count; i++)
		r = one_arg(run, i);
	for (unsigned int i = 0; r == TRNCTL_OK && i < run->arg_texts; i++) {
		if (!declared(run, run->arg_text[i]))
			r = trnctl_fail_usage(run->ctl,
					      "--arg %.60s: the program has no such argument",
					      run->arg_text[i]);
	}
	return r;
}
