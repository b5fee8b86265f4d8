/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes and the structured record behind them. */
#ifndef TRN_ERROR_H
#define TRN_ERROR_H

#include <trn/types.h>

TRN_BEGIN_DECLS

/* A call answers 0 or a negative number: an errno where errno has the meaning,
 * else one of these, negated. */
#define TRN_EDEVLOST 1024   /* the device fell off the bus, or needs a reset that did not help */
#define TRN_ERESET 1025     /* the device or core was reset under the operation */
#define TRN_EPROGRAM 1026   /* a program is malformed, or for another device */
#define TRN_EFAULT_DEV 1027 /* the device refused an address */
#define TRN_EINSN 1028      /* an instruction broke a rule of the ISA */
#define TRN_EFIRMWARE 1029  /* the firmware refused or answered nonsense */
#define TRN_EQUEUE 1030     /* the queue stopped at an earlier failing command */
#define TRN_EIDLE 1031      /* reserved for causes: nothing is pending that could satisfy a wait */
#define TRN_ERANK 1032      /* a rank is missing, late, dead or does not match */
#define TRN_EVALIDATE 1033  /* validate+ found a mistake: docs/validation.md */
#define TRN_EHANG 1034      /* a command does not move any more */

/**
 * struct trn_error - what failed, where, and what to do about it
 * @size: sizeof(struct trn_error) of the caller, set before the call
 * @code: the negative number the call answered; 0 is no error
 * @operation: public function or device operation, for example "trn_queue_submit"
 * @device: the device's URI, or empty
 * @core: NeuronCore, or -1
 * @queue: queue number, or -1
 * @command: index of the command since the queue was made, or -1
 * @engine: enum trn_engine, or -1
 * @pc: word index in the engine's stream, or -1
 * @opcode: enum trn_op, or -1
 * @operand: enum trn_isa_slot, or -1
 * @rule: number of the rule in docs/isa.md, or 0
 * @address: device address concerned, or 0
 * @cause: one line: what was found
 * @hint: one line: the next step
 */
struct trn_error {
	size_t size;
	int code;
	int core;
	int64_t queue;
	int64_t command;
	int engine;
	int opcode;
	int operand;
	int rule;
	int64_t pc;
	uint64_t address;
	char operation[48];
	char device[128];
	char cause[192];
	char hint[128];
};

/**
 * trn_strerror() - the name and meaning of a code
 * @code: negative number as a call answered it (positive is taken as well)
 *
 * Context: any thread.
 * Return:  static text, never NULL.
 * Since:   0.1
 */
TRN_API const char *trn_strerror(int code);

TRN_END_DECLS

#endif /* TRN_ERROR_H */
