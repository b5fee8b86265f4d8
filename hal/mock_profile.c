/* SPDX-License-Identifier: Apache-2.0 */
/* mock:...?profile=FILE: reads the text of a generation's variant. What it says is for
 * model/gen_profile.c; here it is a file that may be anything. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "hal/bus_mock.h"
#include "model/gen.h"

#define SHOWN 48 /* of a path in a message: its end */

struct trn_mock_profile {
	struct trn_gen gen;
	char text[TRN_GEN_PROFILE_MAX + 1];
};

static const char *shown(const char *path)
{
	const size_t length = strlen(path);

	return length > SHOWN ? path + length - SHOWN : path;
}

/* The whole file, or why not. One byte more than the limit tells a long one. */
static int read_all(int fd, char *text, size_t *ret_size)
{
	size_t have = 0;

	while (have <= TRN_GEN_PROFILE_MAX) {
		const ssize_t n = read(fd, text + have, TRN_GEN_PROFILE_MAX + 1 - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*ret_size = have;
	return have > TRN_GEN_PROFILE_MAX ? -EFBIG : 0;
}

static int read_file(const char *path, char *text, size_t *ret_size)
{
	/* A pipe without a writer would hold the open up. */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else
		r = read_all(fd, text, ret_size);
	close(fd);
	return r;
}

static const char *file_error(int r)
{
	switch (r) {
	case -ENOENT:
		return "no such file";
	case -EACCES:
		return "it may not be read";
	case -EINVAL:
		return "it is no regular file";
	case -EFBIG:
		return "it has more than 65536 bytes";
	default:
		return "it cannot be read";
	}
}

int trn_mock_profile_open(const struct trn_alloc *alloc, const char *path,
			  const struct trn_gen *base, struct trn_mock_profile **ret_profile,
			  const struct trn_gen **ret_gen, char *why, size_t why_size)
{
	struct trn_mock_profile *profile = trn_alloc_zero(alloc, sizeof(*profile));
	struct trn_gen_problem problem;
	size_t size = 0;
	int r;

	if (!profile) {
		snprintf(why, why_size, "no memory for the profile");
		return -ENOMEM;
	}
	r = read_file(path, profile->text, &size);
	if (r < 0)
		snprintf(why, why_size, "profile %s: %s", shown(path), file_error(r));
	if (r == 0) {
		r = trn_gen_profile(profile->text, size, base, &profile->gen, &problem);
		if (r < 0)
			snprintf(why, why_size, "profile %s:%u:%u: %s", shown(path), problem.line,
				 problem.column, problem.what);
	}
	if (r < 0) {
		trn_free(alloc, profile);
		/* A file that is not there is no device; anything else is a wrong URI. */
		return r == -ENOENT ? -ENODEV : -EINVAL;
	}
	*ret_profile = profile;
	*ret_gen = &profile->gen;
	return 0;
}

void trn_mock_profile_close(const struct trn_alloc *alloc, struct trn_mock_profile *profile)
{
	trn_free(alloc, profile);
}
