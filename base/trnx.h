/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of the trnx program container, version 1 (docs/program-format.md). Little
 * endian. Tables follow the header without gaps in the order of the counts; section
 * contents follow the tables. Constants and structures only. */
#ifndef BASE_TRNX_H
#define BASE_TRNX_H

#include <stdint.h>
#include <trn/isa.h>

/* 0x89 keeps 7-bit channels honest; CR LF and 0x1a show a text-mode transfer. */
#define TRN_TRNX_MAGIC "\x89TRNX\r\n\x1a"
#define TRN_TRNX_MAGIC_SIZE 8
#define TRN_TRNX_VERSION 1
#define TRN_TRNX_ALIGN 64 /* of contents in the file, and least alignment in memory */
#define TRN_TRNX_NONE 0xffffffffu

#define TRN_TRNX_ARGS_MAX 32 /* declared; sections that DMA reaches take 32..63 */
#define TRN_TRNX_SECTION_ARG 32
#define TRN_TRNX_SECTIONS_MAX 37 /* five streams, 32 of data */
#define TRN_TRNX_SYMBOLS_MAX (1u << 20)
#define TRN_TRNX_RELOCS_MAX (1u << 20)
#define TRN_TRNX_STRINGS_MAX (1u << 24)
#define TRN_TRNX_WORDS_MAX (1u << 24)           /* of one engine's stream: 1 GiB */
#define TRN_TRNX_MEMORY_MAX (UINT64_C(1) << 36) /* of all sections together */
#define TRN_TRNX_NAME_MAX 63 /* bytes of a program's, section's or symbol's name */
#define TRN_TRNX_ARG_NAME_MAX 31
#define TRN_TRNX_ALIGN_LOG2_MAX 16

/* crc is over [0, end of the string table) with its own field taken as 0. */
struct trn_trnx_header {
	uint8_t magic[TRN_TRNX_MAGIC_SIZE];
	uint16_t version;
	uint16_t isa;   /* TRN_ISA_VERSION */
	uint32_t arch;  /* generation number it needs; 0: any */
	uint32_t flags; /* 0 */
	uint32_t crc;
	uint64_t size; /* of the file */
	uint32_t section_count;
	uint32_t symbol_count;
	uint32_t reloc_count;
	uint32_t arg_count;
	uint32_t string_size; /* multiple of 8 */
	uint32_t name;
	uint32_t reserved[2];
};

enum trn_trnx_section_kind {
	TRN_TRNX_CODE = 1, /* at most one an engine */
	TRN_TRNX_DATA = 2,
	TRN_TRNX_BSS = 3, /* zero before the first launch, no bytes in the file */
};
#define TRN_TRNX_SECTION_WRITE 0x1u /* the program writes it; data and bss only */

struct trn_trnx_section {
	uint32_t name;
	uint8_t kind;
	uint8_t engine;     /* code: enum trn_engine; else 0 */
	uint8_t align_log2; /* 6..16 */
	uint8_t flags;
	uint64_t offset; /* in the file; bss: 0 */
	uint64_t size;
	uint32_t crc; /* of the contents; bss: 0 */
	uint32_t arg; /* data and bss: 32, 33, ... in table order; code: TRN_TRNX_NONE */
	uint64_t reserved;
};

enum trn_trnx_symbol_kind {
	TRN_TRNX_OBJECT = 1, /* in a data or bss section */
	TRN_TRNX_LABEL = 2,  /* first word of an instruction */
};

struct trn_trnx_symbol {
	uint32_t name;
	uint16_t section;
	uint8_t kind;
	uint8_t reserved;
	uint64_t offset; /* bytes inside the section */
	uint64_t size;
};

enum trn_trnx_reloc_kind {
	TRN_TRNX_ABS64 = 1,  /* 8 bytes of a data section = device address of the symbol + addend */
	TRN_TRNX_CODE32 = 2, /* imm[1] of a BRANCH = word index of the label + addend */
	TRN_TRNX_ARG8 = 3,   /* arg of a DRAM operand = argument number of the symbol's section */
};

struct trn_trnx_reloc {
	uint16_t section; /* that is patched */
	uint8_t kind;
	uint8_t reserved;
	uint32_t symbol;
	uint64_t offset; /* bytes inside the section */
	int64_t addend;
};

struct trn_trnx_arg {
	uint32_t name;
	uint8_t kind; /* enum trn_arg_kind */
	uint8_t reserved0;
	uint16_t reserved1;
	uint64_t min_bytes; /* scalar: 0 */
	uint64_t reserved2;
};

#endif /* BASE_TRNX_H */
