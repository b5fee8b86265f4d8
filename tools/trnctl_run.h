/* SPDX-License-Identifier: Apache-2.0 */
/* trnctl run: the program, its arguments, and what came out. */
#ifndef TOOLS_TRNCTL_RUN_H
#define TOOLS_TRNCTL_RUN_H

#include "tools/trnctl.h"

#define TRNCTL_RUN_ARGS_MAX 64u
#define TRNCTL_PROGRAM_MAX (UINT64_C(1) << 30)

/* A program from a file, assembled if it is a text (trnctl_asm.c); given back with
 * trn_image_free(). Returns an enum trnctl_exit. */
int trnctl_image_read(struct trnctl *ctl, const char *path, void **ret_image, size_t *ret_bytes,
		      bool *ret_text);

struct trnctl_run {
	struct trnctl *ctl;
	const char *path, *trace;
	uint64_t core, repeat;
	const char *arg_text[TRNCTL_RUN_ARGS_MAX], *show_text[TRNCTL_RUN_ARGS_MAX],
		*save_text[TRNCTL_RUN_ARGS_MAX];
	unsigned int arg_texts, show_texts, save_texts;
	struct trn_program *program;
	struct trn_program_info info;
	struct trn_program_arg_info args[TRNCTL_RUN_ARGS_MAX];
	struct trn_arg values[TRNCTL_RUN_ARGS_MAX];
	struct trn_buffer *stamps;
	uint64_t wall_ns, device_ns; /* over all launches */
	bool want_energy;
	struct json_object *energy; /* over all launches, or NULL */
};

/* A regular file as a whole, malloc'ed. */
int trnctl_file_read(const char *path, uint64_t most, uint8_t **ret_bytes, size_t *ret_size);
/* Makes the arguments out of --arg. An exit code. */
int trnctl_run_args(struct trnctl_run *run);
/* Prints and saves. An exit code. */
int trnctl_run_results(struct trnctl_run *run);

#endif /* TOOLS_TRNCTL_RUN_H */
