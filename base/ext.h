/* SPDX-License-Identifier: Apache-2.0 */
/* The libtrn extension: launch block, command queues, windows, claims and error
 * records. Nothing here is the vendor's. Found through a PCI vendor-specific
 * capability; docs/device-spec.md is the specification. */
#ifndef BASE_EXT_H
#define BASE_EXT_H

#include <stdint.h>
#include <trn/isa.h>

/* PCI vendor-specific capability (id 0x09), 16 bytes at config offset 0x40:
 * +0 id 0x09, +1 next 0, +2 length 16, +3 type 0x54 ('T');
 * +4 magic, +8 version, +12 BAR0 offset of the extension block. */
#define TRN_EXT_CAP_OFFSET 0x40u
#define TRN_EXT_CAP_ID 0x09u
#define TRN_EXT_CAP_TYPE 0x54u
#define TRN_EXT_MAGIC 0x584e5254u /* "TRNX" */
#define TRN_EXT_VERSION 1u

/* Block layout, relative to the offset in the capability. */
#define TRN_EXT_BAR0 0xc0000000u /* where the model puts it */
#define TRN_EXT_SIZE 0x04000000u
#define TRN_EXT_CORE(c) (0x00100000u + (uint32_t)(c)*0x1000u)
#define TRN_EXT_COUNTERS 0x00200000u
#define TRN_EXT_QUEUE(q) \
	(0x01000000u + (uint32_t)(q)*0x1000u) /* control, for the owner of the function */
#define TRN_EXT_DOORBELL(q) \
	(0x02000000u + (uint32_t)(q)*0x1000u) /* one page a queue, may go to its user */
#define TRN_EXT_WINDOW(w) (0x03000000u + (uint32_t)(w)*0x1000u)
#define TRN_EXT_QUEUES 64
#define TRN_EXT_WINDOWS 16 /* window 0 is not checked: for a door that owns the function */
#define TRN_EXT_WINDOW_RANGES 64

/* Id page, at +0, read only. */
#define TRN_EXT_ID_MAGIC 0x00u
#define TRN_EXT_ID_VERSION 0x04u
#define TRN_EXT_ID_CAPS 0x08u
#define TRN_EXT_ID_CORES 0x0cu
#define TRN_EXT_ID_QUEUES 0x10u
#define TRN_EXT_ID_WINDOWS 0x14u
#define TRN_EXT_ID_GENERATION 0x18u /* 2, 3 or 4 */
#define TRN_EXT_ID_ISA 0x1cu        /* TRN_ISA_VERSION */
#define TRN_EXT_ID_TIME_LO 0x20u    /* device time in ns; reading LO latches HI */
#define TRN_EXT_ID_TIME_HI 0x24u
#define TRN_EXT_ID_SBUF_PARTITION 0x28u /* usable bytes of an SBUF partition */
#define TRN_EXT_ID_HBM_MIB 0x2cu        /* usable MiB of each HBM stack */
#define TRN_EXT_CAP_LAUNCH 0x1u
#define TRN_EXT_CAP_TIMESTAMP 0x2u
#define TRN_EXT_CAP_WINDOWS 0x4u
#define TRN_EXT_CAP_CLAIMS 0x8u
#define TRN_EXT_CAP_COLLECT 0x10u   /* COLLECT, schedules, peer addresses in commands */
#define TRN_EXT_CAP_LISTS 0x20u     /* CALL and what only lists have; ADD */
#define TRN_EXT_CAP_STRIDED 0x40u   /* COPY_ND */
#define TRN_EXT_CAP_HOLDERS 0x80u   /* who holds a core; cores are handed over clean */
#define TRN_EXT_CAP_COUNTERS 0x100u /* the page of counters */

/* Core page. */
#define TRN_EXT_CORE_STATE 0x00u /* enum trn_ext_core_state */
#define TRN_EXT_CORE_RUNS 0x04u  /* launches completed, wraps */
#define TRN_EXT_CORE_ERR_CODE 0x10u
#define TRN_EXT_CORE_ERR_ENGINE 0x14u
#define TRN_EXT_CORE_ERR_PC 0x18u /* word index in the engine's stream */
#define TRN_EXT_CORE_ERR_OPCODE 0x1cu
#define TRN_EXT_CORE_ERR_OPERAND 0x20u /* enum trn_isa_slot, or 0xff */
#define TRN_EXT_CORE_ERR_RULE 0x24u    /* enum trn_ext_rule */
#define TRN_EXT_CORE_ERR_ADDR_LO 0x28u
#define TRN_EXT_CORE_ERR_ADDR_HI 0x2cu
#define TRN_EXT_CORE_CLAIM 0x40u /* write a token: taken if free; read: holder's token or 0 */
#define TRN_EXT_CORE_CLAIM_RELEASE 0x44u  /* write the holder's token */
#define TRN_EXT_CORE_CLAIM_SINCE_LO 0x48u /* device time in ns */
#define TRN_EXT_CORE_CLAIM_SINCE_HI 0x4cu
/* Who it is that holds the core: its own words, read as hostile. Kept while it is held. */
#define TRN_EXT_CORE_HOLDER_PID 0x50u
#define TRN_EXT_CORE_HOLDER_WALL_LO 0x54u /* ns since 1970 */
#define TRN_EXT_CORE_HOLDER_WALL_HI 0x58u
#define TRN_EXT_CORE_HOLDER_NAME(i) (0x60u + (uint32_t)(i)*4u) /* text, four words */
#define TRN_EXT_HOLDER_NAME_WORDS 4u
#define TRN_EXT_CORE_PC(e) (0x80u + (uint32_t)(e)*0x10u)     /* live word index */
#define TRN_EXT_CORE_STATUS(e) (0x84u + (uint32_t)(e)*0x10u) /* enum trn_ext_engine_state */
#define TRN_EXT_CORE_RETIRED(e) (0x88u + (uint32_t)(e)*0x10u)

/* Page of counters: 64 bits each, low word first, of the whole chip since it was powered. No read
 * latches anything: the high word, the low one, and the high one again. */
#define TRN_EXT_CNT_LAUNCHES 0x00u
#define TRN_EXT_CNT_INSTRUCTIONS 0x08u /* retired */
#define TRN_EXT_CNT_DMA_BYTES 0x10u
#define TRN_EXT_CNT_DMA_ERRORS 0x18u
#define TRN_EXT_CNT_DOORBELLS 0x20u /* of DMA rings */
#define TRN_EXT_CNT_RESETS 0x28u
#define TRN_EXT_CNT_ENERGY_UJ 0x30u
#define TRN_EXT_CNT_BUSY_NS(e) (0x40u + (uint32_t)(e)*0x8u) /* engine e of all cores */

enum trn_ext_core_state {
	TRN_CORE_IDLE = 0,
	TRN_CORE_RUNNING = 1,
	TRN_CORE_FAULTED = 2, /* until reset */
	TRN_CORE_IN_RESET = 3,
};
enum trn_ext_engine_state {
	TRN_ENGINE_IDLE = 0,
	TRN_ENGINE_BUSY = 1,
	TRN_ENGINE_WAITING = 2, /* on a semaphore */
	TRN_ENGINE_HALTED = 3,
	TRN_ENGINE_FAULTED = 4,
};

/* Queue control page. */
#define TRN_EXT_Q_CONTROL 0x00u /* bit 0 enable, bit 8 reset (self clearing) */
#define TRN_EXT_Q_ENABLE 0x1u
#define TRN_EXT_Q_RESET 0x100u
#define TRN_EXT_Q_STATE 0x04u /* enum trn_ext_queue_state */
#define TRN_EXT_Q_BASE_LO 0x08u
#define TRN_EXT_Q_BASE_HI 0x0cu
#define TRN_EXT_Q_ENTRIES 0x10u /* power of two, 16..65536 */
#define TRN_EXT_Q_WINDOW 0x14u
#define TRN_EXT_Q_STATUS_LO 0x18u /* address of struct trn_ext_status */
#define TRN_EXT_Q_STATUS_HI 0x1cu
#define TRN_EXT_Q_HEAD 0x20u /* commands completed, absolute, wraps at 2^32 */
#define TRN_EXT_Q_TAIL 0x24u
/* Doorbell page. */
#define TRN_EXT_DB_TAIL 0x0u /* absolute count of commands written */
#define TRN_EXT_DB_KICK 0x8u /* any value: look again at what a WAIT waits for */

enum trn_ext_queue_state {
	TRN_QUEUE_DISABLED = 0,
	TRN_QUEUE_READY = 1,
	TRN_QUEUE_WAITING = 2, /* a WAIT command is not satisfied */
	TRN_QUEUE_ERROR = 3,   /* stopped at the failing command until reset */
};

/* Window page: range r at +r*0x20. A queue with window w > 0, and every launch
 * from it, touches only addresses inside these ranges. */
#define TRN_EXT_WIN_BASE_LO(r) ((uint32_t)(r)*0x20u + 0x00u)
#define TRN_EXT_WIN_BASE_HI(r) ((uint32_t)(r)*0x20u + 0x04u)
#define TRN_EXT_WIN_SIZE_LO(r) ((uint32_t)(r)*0x20u + 0x08u)
#define TRN_EXT_WIN_SIZE_HI(r) ((uint32_t)(r)*0x20u + 0x0cu)
#define TRN_EXT_WIN_RIGHTS(r) ((uint32_t)(r)*0x20u + 0x10u) /* bit 0 read, bit 1 write; 0 unused */

/* Commands. Addresses are device addresses (host memory with bit 46). */
enum trn_ext_op {
	TRN_CMD_NOP = 1,
	TRN_CMD_COPY = 2, /* a0 destination, a1 source, a2 bytes (any) */
	TRN_CMD_FILL = 3, /* a0 destination, a1 bytes, a2 32-bit pattern repeated from the start */
	TRN_CMD_WAIT = 4, /* a0 address of a u64 (8-aligned), a1 value: wait until *a0 >= a1;
			   * a2 0 or address of a u64: TRN_EXT_ERR_DEPENDENCY once *a2 >= a1 */
	TRN_CMD_SIGNAL = 5,    /* a0 address, a1 value: *a0 = max(*a0, a1) */
	TRN_CMD_TIMESTAMP = 6, /* a0 address: device time in ns as u64 */
	TRN_CMD_LAUNCH = 7,    /* a0 address of struct trn_ext_launch, a1 core */
	TRN_CMD_COLLECT = 8,   /* a0 address of struct trn_ext_collect */
	/* a0 address of a list of commands, 64-byte aligned, a1 how many, a2 what is added to the
	 * values of TRN_CMD_RELATIVE commands: runs the list as if it stood in the ring */
	TRN_CMD_CALL = 9,
	/* In a list only: a0 address of a u64 (8-aligned), a1 value, a2 enum trn_ext_compare, a3
	 * entry that is next when *a0 compares so to a1; a3 = a1 of the CALL ends the list */
	TRN_CMD_BRANCH = 10,
	TRN_CMD_ADD = 11, /* a0 address of a u64 (8-aligned), a1: *a0 += a1, wraps */
	/* a0 destination, a1 source, a2 bytes of a row | rows << 32, a3 planes, a4 bytes from a row
	 * to the next at the destination | at the source << 32, a5, a6 from a plane to the next */
	TRN_CMD_COPY_ND = 12,
};
/* Flag of WAIT and SIGNAL in a list: their value is a1 plus a2 of the CALL. */
#define TRN_CMD_RELATIVE 0x1u
#define TRN_EXT_LIST_MAX 65536u /* commands of a list */

/* Unsigned. Odd and the even one after it are opposites. */
enum trn_ext_compare {
	TRN_COMPARE_ALWAYS = 0, /* a0 is not looked at */
	TRN_COMPARE_EQ = 1,
	TRN_COMPARE_NE = 2,
	TRN_COMPARE_LT = 3,
	TRN_COMPARE_GE = 4,
	TRN_COMPARE_GT = 5,
	TRN_COMPARE_LE = 6,
};
#define TRN_COMPARES 7u

struct trn_ext_cmd {
	uint8_t op;
	uint8_t flags; /* TRN_CMD_RELATIVE, else 0 */
	uint16_t reserved;
	uint32_t tag; /* given back in the error record */
	uint64_t a[7];
};

/* Launch descriptor: 128 bytes, then arg_count arguments. 64-byte aligned. */
struct trn_ext_stream {
	uint64_t address; /* of the first word; 64-byte aligned */
	uint32_t words;   /* 0: this engine does not run */
	uint32_t reserved;
};
struct trn_ext_arg {
	uint64_t value; /* device address, or a number */
	uint64_t size;  /* bytes that DMA may touch; 0 for a number */
};
struct trn_ext_launch {
	uint32_t magic; /* TRN_EXT_MAGIC */
	uint16_t version;
	uint16_t arg_count; /* 0..64 */
	uint32_t flags;     /* 0 */
	uint32_t reserved0;
	struct trn_ext_stream stream[TRN_ENGINE_COUNT];
	uint64_t reserved1[4];
};

/* What COLLECT runs: 64 bytes, then a stream for each sync processor that takes part. 64-byte
 * aligned. The streams run side by side; the command is done when all have ended and every
 * transfer they started has arrived. */
#define TRN_SYNC_STREAMS_MAX 16u
#define TRN_SYNC_OPS_MAX 0x1000000u
#define TRN_SYNC_TRANSFERS_MAX 64u /* of a processor under way, signals counted */
#define TRN_SYNC_AHEAD 16u         /* operations that are read at once */
struct trn_ext_sync_stream {
	uint64_t address;   /* of the first operation; 64-byte aligned */
	uint32_t ops;       /* 1..TRN_SYNC_OPS_MAX */
	uint32_t processor; /* 0..15, none twice */
};
struct trn_ext_collect {
	uint32_t magic;    /* TRN_EXT_MAGIC */
	uint16_t version;  /* TRN_EXT_VERSION */
	uint16_t streams;  /* 1..TRN_SYNC_STREAMS_MAX */
	uint32_t flags;    /* 0 */
	uint32_t priority; /* 0..3, lower is served first where links have classes */
	uint64_t limit_ns; /* device time that one WAIT or FENCE may take; 0: any */
	uint64_t reserved[5];
};

/* One operation of a sync processor: 64 bytes. What an operation does not use is 0. */
struct trn_ext_sync_op {
	uint8_t op;         /* enum trn_ext_sync_op_code */
	uint8_t dtype;      /* REDUCE: enum trn_dtype, none of MX */
	uint8_t reduce;     /* REDUCE: enum trn_ext_reduce */
	uint8_t flags;      /* REDUCE: TRN_SYNC_ADD_DST */
	uint16_t sources;   /* REDUCE: 1..TRN_SYNC_SOURCES_MAX */
	uint16_t semaphore; /* WAIT: of this processor */
	uint32_t value;     /* WAIT, SIGNAL; COPY and REDUCE: what signal gets on arrival */
	uint32_t peer;      /* rank concerned: for error records only */
	uint64_t dst;       /* COPY, REDUCE: may be a peer's */
	uint64_t src;       /* COPY: may be a peer's; REDUCE: local */
	uint64_t bytes;     /* COPY: any; REDUCE: of dst, a multiple of the element */
	uint64_t stride;    /* REDUCE: bytes from one source to the next, up or down */
	uint64_t signal;    /* SIGNAL, COPY, REDUCE: semaphore INC register; 0: none */
	float scale;        /* REDUCE of floats: 1 leaves it. Integers: 1 */
	uint32_t divisor;   /* REDUCE of integers: 0 and 1 leave it. Floats: 0 */
};
#define TRN_SYNC_ADD_DST 0x1u
#define TRN_SYNC_SOURCES_MAX 1024u
enum trn_ext_sync_op_code {
	/* Asynchronous: the processor goes on at once. */
	TRN_SYNC_COPY = 1,
	/* dst[i] = OP over s < sources of src[s * stride + i], times scale: base/reduce.h. With
	 * TRN_SYNC_ADD_DST what dst holds is the first source. */
	TRN_SYNC_REDUCE = 2,
	/* Synchronous. */
	TRN_SYNC_WAIT = 3,   /* until the semaphore is at least value, then takes value off it */
	TRN_SYNC_SIGNAL = 4, /* adds value, after all this processor sent to that chip before */
	TRN_SYNC_FENCE = 5,  /* until every transfer this processor started has arrived */
	TRN_SYNC_END = 6,    /* the last operation of a stream */
};
enum trn_ext_reduce {
	TRN_REDUCE_SUM = 0,
	TRN_REDUCE_MIN = 1,
	TRN_REDUCE_MAX = 2,
	TRN_REDUCE_PROD = 3,
};
#define TRN_REDUCE_OPS 4u

/* What a queue keeps in host memory for its user: 64 bytes, 64-byte aligned.
 * The device writes the error fields before state, and head last. */
struct trn_ext_status {
	uint32_t head;
	uint32_t state;   /* enum trn_ext_queue_state */
	uint32_t error;   /* enum trn_ext_error, 0 is none */
	uint32_t tag;     /* of the failing command */
	uint64_t address; /* the address that was refused, when there is one */
	uint64_t time_ps; /* virtual time of the last write */
	uint32_t core;
	uint32_t engine; /* enum trn_engine, or 0xff */
	uint32_t pc;
	uint32_t opcode;  /* instruction, or command */
	uint32_t operand; /* enum trn_isa_slot, or 0xff */
	uint32_t rule;    /* enum trn_ext_rule */
	uint32_t entry;   /* of a CALL: 1 + index in its list of what failed; 0: no entry */
	uint32_t reserved;
};

/* Why a command or a core stopped. */
enum trn_ext_error {
	TRN_EXT_OK = 0,
	TRN_EXT_ERR_COMMAND = 1,     /* unknown op, flags or reserved bits set */
	TRN_EXT_ERR_ADDRESS = 2,     /* unmapped, misaligned or outside the window */
	TRN_EXT_ERR_LAUNCH = 3,      /* descriptor or core number is wrong */
	TRN_EXT_ERR_CORE_STATE = 4,  /* core faulted or in reset */
	TRN_EXT_ERR_INSTRUCTION = 5, /* a rule of the ISA was broken: see rule */
	TRN_EXT_ERR_DMA = 6,         /* an instruction's DMA hit an address error */
	TRN_EXT_ERR_RESET = 7,       /* core or device was reset under the command */
	TRN_EXT_ERR_INJECTED = 8,    /* a fault from the catalogue */
	TRN_EXT_ERR_DOORBELL = 9,    /* tail beyond the ring */
	TRN_EXT_ERR_SEMAPHORE = 10,  /* a count stopped at its limit: notification only */
	TRN_EXT_ERR_TIMEOUT = 11,    /* a schedule waited past its limit: operand is the rank */
	TRN_EXT_ERR_LINK = 12,       /* a transfer was lost on a link: address says where to */
	TRN_EXT_ERR_LIST = 13,       /* length of a list, a branch, or what a list may not hold */
	TRN_EXT_ERR_DEPENDENCY = 14, /* what a WAIT waits for will not come: address is its a0 */
};

/* Which rule of docs/isa.md an instruction broke. */
enum trn_ext_rule {
	TRN_RULE_NONE = 0,
	TRN_RULE_OPCODE = 1,    /* unknown, or not on this generation */
	TRN_RULE_ENGINE = 2,    /* not an instruction of this engine */
	TRN_RULE_LENGTH = 3,    /* words, or the stream ends inside */
	TRN_RULE_RESERVED = 4,  /* reserved field or flag is set */
	TRN_RULE_PARTITION = 5, /* start and count (hardware-and-isa 4.2) */
	TRN_RULE_RANGE = 6,     /* outside SBUF, PSUM or the argument */
	TRN_RULE_SPACE = 7,     /* this engine cannot reach that memory */
	TRN_RULE_DTYPE = 8,
	TRN_RULE_SHAPE = 9,        /* element counts or limits */
	TRN_RULE_PSUM_UNINIT = 10, /* read, or accumulate, before a first write */
	TRN_RULE_OPERATOR = 11,
	TRN_RULE_REGISTER = 12,
	TRN_RULE_BRANCH = 13, /* target outside the stream */
	TRN_RULE_ARGUMENT = 14,
	TRN_RULE_ALIGN = 15,
	TRN_RULE_BANK = 16, /* one instruction's PSUM output fits one bank on trn2 */
	TRN_RULE_PC = 17,   /* ran past the end without HALT */
	TRN_RULE_COUNT = 18,
};

#endif /* BASE_EXT_H */
