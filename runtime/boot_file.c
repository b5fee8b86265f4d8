/* SPDX-License-Identifier: Apache-2.0 */
/* The shared file by which the others find process 0: its card. Appears whole or not at all, is
 * removed with the boot of process 0, and one that an earlier run left is noticed. */
#include "runtime/boot_private.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"

#define PROBE_NS UINT64_C(500000000) /* for each address of an old card */

/* 0; -ENOENT; -EPROTO: that is no card, or not this user's; -errno. */
static int card_read(const char *path, struct trn_boot_card *ret_card)
{
	char text[TRN_BOOT_CARD_MAX + 1];
	struct stat st;
	size_t got = 0;
	ssize_t n = 1;
	int r = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		r = -EPROTO;
	while (r == 0 && n > 0 && got < TRN_BOOT_CARD_MAX) {
		n = read(fd, text + got, TRN_BOOT_CARD_MAX - got);
		if (n < 0)
			r = -errno;
		else
			got += (size_t)n;
	}
	(void)close(fd); /* read only */
	if (r < 0)
		return r;
	text[got] = '\0';
	return strlen(text) == got ? trn_boot_card_get(text, ret_card) : -EPROTO;
}

/* Does anybody listen at one of the card's addresses? */
static bool card_alive(const struct trn_boot_card *card, uint32_t silence_ms)
{
	struct trn_boot_addr addrs[TRN_BOOT_ADDRS_MAX];
	struct trn_boot_finder finder = { .run = 0 };
	uint32_t count = trn_boot_card_addrs(card, &finder, addrs, TRN_BOOT_ADDRS_MAX);

	for (uint32_t i = 0; i < count; i++) {
		struct pollfd fd = { .fd = trn_boot_connect(&addrs[i], silence_ms),
				     .events = POLLOUT };
		int error = ETIMEDOUT;
		socklen_t len = sizeof(error);

		if (fd.fd < 0)
			continue;
		if (poll(&fd, 1, (int)(PROBE_NS / 1000000)) > 0)
			(void)getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &error, &len);
		(void)close(fd.fd);
		if (error == 0)
			return true;
	}
	return false;
}

/* The card under a name of its own, complete. */
static int card_write(const char *path, const char *text, size_t size)
{
	int r = 0, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (r == 0 && done < size) {
		ssize_t n = write(fd, text + done, size - done);

		if (n < 0)
			r = -errno;
		else
			done += (size_t)n;
	}
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlink(path);
	return r;
}

/* What lies under the name already: 0 when it was of an earlier run, and is gone now. */
static int clear_old(struct trn_boot *boot, const char *path)
{
	struct trn_boot_card card;
	int r = card_read(path, &card);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return trn_fail(boot->context, NULL, r == -EPROTO ? -EEXIST : r, boot->operation,
				"file %.64s is there and is no job's file of this user", path);
	if (card_alive(&card, boot->silence_ms))
		return trn_fail(boot->context, NULL, -TRN_ERANK, boot->operation,
				"process 0 is there twice, or another job has file %.48s: host "
				"%.40s, pid %u",
				path, card.host, card.pid);
	trn_logf(&boot->context->log, TRN_LOG_WARNING,
		 "file %s was left by an earlier run (job \"%s\", host %s, pid %u): replaced", path,
		 card.name, card.host, card.pid);
	if (unlink(path) < 0 && errno != ENOENT)
		return trn_fail(boot->context, NULL, -errno, boot->operation,
				"file %.64s of an earlier run cannot be removed", path);
	return 0;
}

int trn_boot_file_publish(struct trn_boot *boot, const char *path)
{
	const struct trn_alloc *alloc = &boot->context->alloc;
	char text[TRN_BOOT_CARD_MAX], own[3200];
	struct trn_boot_card card;
	size_t size;
	int r = 0;

	trn_boot_card_fill(boot, &card);
	size = trn_boot_card_put(text, &card);
	(void)trn_text_add(own, sizeof(own), 0, "%s.%u.%016llx", path, card.pid,
			   (unsigned long long)card.run);
	boot->file = trn_alloc_strdup(alloc, path);
	if (!boot->file)
		return trn_fail(boot->context, NULL, -ENOMEM, boot->operation,
				"no memory for the file's name");
	r = card_write(own, text, size);
	if (r < 0)
		return trn_fail(boot->context, NULL, r, boot->operation,
				"file %.96s cannot be written: %s", path, trn_strerror(r));
	/* Fails when somebody else was faster, which a rename would not. */
	while (link(own, path) < 0) {
		r = errno == EEXIST ? clear_old(boot, path) :
				      trn_fail(boot->context, NULL, -errno, boot->operation,
					       "file %.96s cannot be made", path);
		if (r < 0)
			break;
	}
	(void)unlink(own);
	boot->published = r == 0;
	return r;
}

void trn_boot_file_remove(struct trn_boot *boot)
{
	struct trn_boot_card card;

	/* Only this run's own. */
	if (boot->published && card_read(boot->file, &card) == 0 && card.run == boot->run)
		(void)unlink(boot->file);
	trn_free(&boot->context->alloc, boot->file);
	boot->file = NULL;
}

int trn_boot_file_find(struct trn_boot_finder *finder, struct trn_boot *boot,
		       struct trn_boot_addr *addrs, uint32_t *ret_count)
{
	struct trn_boot_card card;
	int r = card_read(finder->path, &card);

	*ret_count = 0;
	if (r == -ENOENT || r == -ESTALE) {
		trn_text_copy(finder->why, sizeof(finder->why), "the file is not there");
		return 0;
	}
	if (r < 0)
		return trn_fail(boot->context, NULL, r == -EPROTO ? -EINVAL : r, boot->operation,
				"file %.96s is no job's file of this user", finder->path);
	*ret_count = trn_boot_card_addrs(&card, finder, addrs, TRN_BOOT_ADDRS_MAX);
	(void)trn_text_add(boot->where, sizeof(boot->where), 0,
			   "file %.64s, host %.40s, pid %u (of an earlier run?)", finder->path,
			   card.host, card.pid);
	return 0;
}
