/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded programs: where they lie, who uses them, and how an image that is in place is found. */
#ifndef RUNTIME_PROGRAM_H
#define RUNTIME_PROGRAM_H

#include "runtime/private.h"

struct trn_program {
	struct trn_object object;
	struct trn_device *device;
	struct trn_program_info info;
	struct trn_program_arg_info *args; /* info.arg_count */
	struct trn_hal_mem mem;            /* streams and sections */
	struct trn_ext_launch launch;      /* template: streams filled, arg_count of the table */
	struct trn_ext_arg *hidden;        /* table entries from TRN_ARGS_USER_MAX on */
	uint32_t hidden_count;
	struct trn_program_section_info *sections; /* info.section_count */
	uint8_t *image;           /* all of it when others may find it, else its tables */
	size_t image_bytes;       /* of the whole image; 0: not to be found */
	struct trn_object **uses; /* buffers and programs that its sections lie in */
	uint32_t use_count;
	uint32_t epoch;           /* device.epoch it was placed in */
	uint32_t stack;           /* of HBM */
	struct trn_program *next; /* device.list_lock */
	_Atomic uint32_t users;   /* references that callers hold */
	_Atomic uint32_t loads;
	_Atomic uint32_t graphs;  /* references of graphs and their instances */
	_Atomic uint32_t sharers; /* of programs that use its sections */
};

/* Longer images are not kept to compare with. */
#define TRN_PROGRAM_IMAGE_MAX (UINT64_C(64) << 20)

void trn_program_destroy(struct trn_program *program);

/* program_cache.c. A program that is in place with this image, with a caller's reference; NULL. */
struct trn_program *trn_program_cached(struct trn_device *device, const void *image, size_t bytes,
				       uint32_t stack);
/* From now on it is found, and counted. */
void trn_program_keep(struct trn_program *program);
void trn_program_forget(struct trn_program *program);
/* A use that unload() names; more: 1 or -1. Objects that are no program are left alone. */
void trn_program_graph_use(struct trn_object *object, int more);
/* Gives back a reference that is not a caller's. */
void trn_program_drop(struct trn_program *program);

#endif /* RUNTIME_PROGRAM_H */
