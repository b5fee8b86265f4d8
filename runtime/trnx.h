/* SPDX-License-Identifier: Apache-2.0 */
/* Reading trnx images as hostile input: bounds, tables, checksums, relocations and the
 * instruction streams. Knows no device. */
#ifndef RUNTIME_TRNX_H
#define RUNTIME_TRNX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trn/isa.h>
#include <trn/types.h>
#include "base/isa_ops.h"
#include "base/trnx.h"

/* Why an image was refused. */
struct trn_trnx_fault {
	uint64_t offset; /* byte of the image */
	int engine;      /* enum trn_engine, or -1 */
	int64_t pc;      /* word index in that engine's stream, or -1 */
	int opcode;      /* or -1 */
	int rule;        /* enum trn_ext_rule of an instruction, or 0 */
	const char *why; /* static */
};

struct trn_trnx_part { /* one section as it will lie in device memory */
	char name[TRN_TRNX_NAME_MAX + 1];
	uint8_t kind, engine;
	uint32_t flags;
	uint32_t arg; /* code: TRN_TRNX_NONE */
	uint64_t align;
	uint64_t offset; /* from the start of the program's memory */
	uint64_t size;
	uint64_t file_offset; /* bss: 0 */
	bool outside;         /* bound: it lies at address, not in the program's memory */
	uint64_t address;
};

/* A checked image. load holds code and data, relocated for address 0; bss follows it. */
struct trn_trnx {
	const struct trn_alloc *alloc;
	char name[TRN_TRNX_NAME_MAX + 1];
	uint32_t arch;
	uint32_t section_count, arg_count, symbol_count, reloc_count;
	struct trn_trnx_part section[TRN_TRNX_SECTIONS_MAX];
	struct {
		char name[TRN_TRNX_ARG_NAME_MAX + 1];
		uint8_t kind;
		uint64_t min_bytes;
	} arg[TRN_TRNX_ARGS_MAX];
	uint64_t written;           /* bit per argument: an instruction writes it */
	int code[TRN_ENGINE_COUNT]; /* section of each engine's stream, or -1 */
	uint64_t memory_align;      /* of the program's memory */
	uint64_t memory_bytes;      /* with bss */
	uint64_t load_bytes;
	uint8_t *load;
	const uint8_t *image; /* borrowed from parse() */
};

/* arch: generation number of the device, 0 takes any. image must outlive ret_trnx's use of
 * rebase(). -TRN_EPROGRAM and *ret_fault, -ENOMEM. */
int trn_trnx_parse(const struct trn_alloc *alloc, const void *image, size_t bytes, uint32_t arch,
		   struct trn_trnx *ret_trnx, struct trn_trnx_fault *ret_fault);
/* A data or bss section lies somewhere else: its contents are not loaded, and who names it means
 * that address. NULL, or why it cannot be. */
const char *trn_trnx_bind(struct trn_trnx *trnx, uint32_t section, uint64_t address);
/* Relocates load for where the program's memory is; how many addresses that were. */
uint32_t trn_trnx_rebase(struct trn_trnx *trnx, uint64_t address);
/* Bytes of an image that was read, up to the contents: header, tables, strings. */
uint64_t trn_trnx_tables_bytes(const struct trn_trnx *trnx);
/* Gives load back; also after a failed parse(). */
void trn_trnx_fini(struct trn_trnx *trnx);
/* What a symbol is; index from 0; the text is inside the image. -ENOENT past the end. */
int trn_trnx_symbol(const struct trn_trnx *trnx, uint32_t index, struct trn_trnx_symbol *ret_symbol,
		    const char **ret_name);

/* trnx_write.c: what an image is made of. Of the sections arg, offset and crc are filled in. */
struct trn_trnx_tables {
	uint32_t name, arch; /* name: offset of the string */
	uint32_t section_count, symbol_count, reloc_count, arg_count, string_size;
	struct trn_trnx_section *section;
	const uint8_t *const *content; /* of each section; bss: unused */
	const struct trn_trnx_symbol *symbol;
	const struct trn_trnx_reloc *reloc;
	const struct trn_trnx_arg *arg;
	const uint8_t *strings;
};
/* Sizes are the caller's to bound. -ENOMEM. */
int trn_trnx_write(const struct trn_alloc *alloc, const struct trn_trnx_tables *tables,
		   void **ret_image, size_t *ret_bytes);

/* trnx_code.c: what is known of an instruction without a device. */
struct trn_trnx_code {
	const uint8_t *words;
	uint32_t count;
	uint8_t *starts; /* bit per word: an instruction begins here */
	enum trn_engine engine;
	uint32_t arg_count;    /* declared */
	uint32_t section_args; /* data and bss sections */
	uint64_t *written;     /* bit per argument: check() adds those that it writes */
};
/* Finds instruction boundaries, filling starts (zeroed by the caller). */
int trn_trnx_code_scan(const struct trn_trnx_code *code, struct trn_trnx_fault *ret_fault);
/* After scan and relocation: every field that can be judged. fault offsets count from words. */
int trn_trnx_code_check(const struct trn_trnx_code *code, struct trn_trnx_fault *ret_fault);

static inline bool trn_trnx_code_start(const struct trn_trnx_code *code, uint64_t word)
{
	return word < code->count && (code->starts[word / 8] >> (word % 8) & 1);
}

#endif /* RUNTIME_TRNX_H */
