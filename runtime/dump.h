/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of dumps: docs/dump-format.md. dump.c says when one is made and where it goes,
 * dump_file.c is the container, dump_state.c, dump_queue.c and dump_code.c write sections. */
#ifndef RUNTIME_DUMP_H
#define RUNTIME_DUMP_H

#include "runtime/asm.h"
#include "runtime/private.h"

#define TRN_DUMP_MAGIC "TRNDUMP\n"
#define TRN_DUMP_MAGIC_SIZE 8u
#define TRN_DUMP_VERSION 1u
#define TRN_DUMP_SECTIONS_MAX 64u

/* The file: this, then the packed sections. */
struct trn_dump_header {
	uint8_t magic[TRN_DUMP_MAGIC_SIZE];
	uint32_t version;
	uint32_t method; /* TRN_PACK_* */
	uint64_t bytes;  /* unpacked */
	uint64_t packed;
	uint32_t crc; /* CRC-32C of the packed bytes */
	uint32_t reserved;
};

/* Unpacked: this and text, one behind the other. */
struct trn_dump_head {
	char name[24]; /* NUL at its end */
	uint64_t bytes;
	uint32_t crc; /* CRC-32C of the text */
	uint32_t reserved;
};

#define TRN_DUMP_JOBS 8u
/* A launch or collective at the head of a queue, copied while the list of queues was held. */
struct trn_dump_job {
	uint32_t queue, core;
	uint64_t sequence;
	uint64_t collect; /* device address of its descriptor; 0: a launch */
	struct trn_ext_launch launch;
	bool stopped; /* there, as the status block says: */
	uint32_t at_core, at_engine, at_pc;
};

/* A dump that is being made. */
struct trn_dump_make {
	struct trn_device *device;
	struct trn_error error;    /* code 0: on demand */
	struct trn_asm_out out;    /* sections */
	size_t head;               /* where the open section's head is */
	struct trn_hal_mem window; /* size 0: none was to be had */
	bool blind;                /* a read failed: no more are tried */
	uint64_t deadline_ns;      /* of all reads of device memory */
	struct trn_dump_job jobs[TRN_DUMP_JOBS];
	uint32_t job_count;
};

/* dump_file.c */
void trn_dump_begin(struct trn_dump_make *make, const char *name);
void trn_dump_end(struct trn_dump_make *make);
/* The file's bytes; the caller frees them. -ENOMEM. */
int trn_dump_pack(const struct trn_dump_make *make, void **ret_bytes, size_t *ret_count);

/* Each writes sections. */
void trn_dump_state(struct trn_dump_make *make);
void trn_dump_queues(struct trn_dump_make *make);
void trn_dump_code(struct trn_dump_make *make);
void trn_dump_events(struct trn_dump_make *make);

/* Lines with text in them are longer than trn_asm_put() takes at once. */
void trn_dump_text(struct trn_dump_make *make, const char *text);
/* A register; *ret_value stays when it cannot be read. */
bool trn_dump_reg(struct trn_dump_make *make, uint32_t offset, uint32_t *ret_value);

#endif /* RUNTIME_DUMP_H */
