/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose process this is. What a context has, threads, doorbells, rings, belongs to the process
 * that made it; after fork() the child has only copies of the handles. Each process has a page
 * with a word that is not 0, and the kernel hands a forked child a zeroed page in its place: to
 * look costs a load, without a system call, and no handler is installed.
 */
#include "runtime/private.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of this process; in a child that has not made one yet: what its parent had, with 0 in it. */
static _Atomic(uint32_t *) word_of_process;

static int word_make(uint32_t **ret_word)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint32_t *word =
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (word == MAP_FAILED)
		return -ENOMEM;
	if (madvise(word, page, MADV_WIPEONFORK) < 0) {
		(void)munmap(word, page);
		return -ENOTSUP;
	}
	*word = 1;
	*ret_word = word;
	return 0;
}

int trn_process_word(const uint32_t **ret_word)
{
	uint32_t *word = atomic_load(&word_of_process), *made = NULL;
	int r = 0;

	if (!word || *word == 0) {
		r = word_make(&made);
		if (r < 0)
			return r;
		/* The page of a parent stays: contexts that came from it look there. */
		if (atomic_compare_exchange_strong(&word_of_process, &word, made))
			word = made;
		else
			(void)munmap(made, (size_t)sysconf(_SC_PAGESIZE));
	}
	*ret_word = word;
	return 0;
}

bool trn_context_inherited(const struct trn_context *context)
{
	return *context->mine == 0;
}
