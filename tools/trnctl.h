/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of trnctl share: options, the device, output as text or JSON, errors. */
#ifndef TOOLS_TRNCTL_H
#define TOOLS_TRNCTL_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>
#include <trn/trn.h>

/* Exit codes, also in docs/trnctl.1.md. */
enum trnctl_exit {
	TRNCTL_OK = 0,
	TRNCTL_FAILURE = 1,
	TRNCTL_USAGE = 2,
	TRNCTL_NO_DEVICE = 3,
};

struct trnctl {
	const struct trnctl_verb *verb;
	const char *uri; /* --device, or NULL */
	bool json;
	unsigned int verbose;
	uint64_t timeout_ns; /* 0: the verb's own */
	struct trn_context *context;
	struct trn_device *device;
	struct trn_device_info info; /* of the open device */
	bool printed;                /* a document has left */
	char usage[200];             /* what was wrong with the command line */
};

struct trnctl_verb {
	const char *name;
	const char *summary;
	/* argv[0] is "trnctl VERB". Returns an enum trnctl_exit. */
	int (*run)(struct trnctl *ctl, int argc, char **argv);
};

int trnctl_list(struct trnctl *ctl, int argc, char **argv);
int trnctl_info(struct trnctl *ctl, int argc, char **argv);
int trnctl_selftest(struct trnctl *ctl, int argc, char **argv);
int trnctl_regs(struct trnctl *ctl, int argc, char **argv);
int trnctl_topo(struct trnctl *ctl, int argc, char **argv);
int trnctl_comm(struct trnctl *ctl, int argc, char **argv);
int trnctl_run(struct trnctl *ctl, int argc, char **argv);
int trnctl_energy(struct trnctl *ctl, int argc, char **argv);
int trnctl_predict(struct trnctl *ctl, int argc, char **argv);
int trnctl_asm(struct trnctl *ctl, int argc, char **argv);
int trnctl_disasm(struct trnctl *ctl, int argc, char **argv);
int trnctl_check(struct trnctl *ctl, int argc, char **argv);
int trnctl_mem(struct trnctl *ctl, int argc, char **argv);
int trnctl_metrics(struct trnctl *ctl, int argc, char **argv);
int trnctl_ps(struct trnctl *ctl, int argc, char **argv);
int trnctl_dump(struct trnctl *ctl, int argc, char **argv);
int trnctl_reset(struct trnctl *ctl, int argc, char **argv);
int trnctl_version(struct trnctl *ctl, int argc, char **argv);

/* ---- command line (trnctl_args.c) ---- */

/** struct trnctl_options - a verb's own part of the command line; zero for none */
struct trnctl_options {
	const struct argp_option *options;
	argp_parser_t parser; /* state->input is @input; ARGP_KEY_ARG is its to take */
	void *input;
	const char *args; /* for the usage line */
	const char *doc;
};

/* Parses argv. True to go on; else *ret_exit is what to exit with. */
bool trnctl_parse(struct trnctl *ctl, const struct trnctl_options *options, int argc, char **argv,
		  int *ret_exit);
/* The options in front of the verb. *ret_verb: index of the verb, or argc. */
bool trnctl_parse_front(struct trnctl *ctl, const char *doc, int argc, char **argv, int *ret_verb,
			int *ret_exit);
/* For a verb's parser: says what is wrong; hands EINVAL back. */
error_t trnctl_usage(struct trnctl *ctl, struct argp_state *state, const char *format, ...)
	TRN_PRINTF(3, 4);
/* Decimal or 0x number; -EINVAL. With powers of 1024 as K, M, G, T: -EINVAL, -ERANGE. */
int trnctl_number(const char *text, uint64_t *ret_value);
int trnctl_size(const char *text, uint64_t *ret_value);

/* ---- device (trnctl_device.c) ---- */

/* Makes the context; a verb that needs no device uses it alone. TRNCTL_OK or an exit code. */
int trnctl_context(struct trnctl *ctl);
/* Makes the context, opens the device that was named, fills ctl->info. */
int trnctl_open(struct trnctl *ctl);
/* Deadline of --timeout, or of @seconds without it, from now. */
uint64_t trnctl_deadline(const struct trnctl *ctl, unsigned int seconds);
/* Names of the bits of caps, index from 0; NULL past the last. */
const char *trnctl_cap(unsigned int index, uint64_t *ret_bit);
const char *trnctl_core_state(uint32_t state);

/* ---- energy (trnctl_energy.c) ---- */

/* What the open device took so far; NULL for a door that does not tell. */
struct json_object *trnctl_energy_now(struct trnctl *ctl);
/* What it took between two of them. Neither is used up. */
struct json_object *trnctl_energy_between(struct json_object *before, struct json_object *after);
void trnctl_energy_print(struct json_object *energy);

/* ---- output (trnctl_out.c) ---- */

struct json_object *trnctl_document(const char *schema);
/* Prints and frees a document, or the error that kept it from leaving. */
int trnctl_print(struct trnctl *ctl, struct json_object *document, enum trnctl_exit status);
/* Valid JSON whatever the bytes: what is no UTF-8 becomes U+FFFD; NULL becomes null. */
struct json_object *trnctl_text(const char *text);
/* null for a number JSON cannot say. */
struct json_object *trnctl_real(double value);
/* "144.0 GiB" */
const char *trnctl_human(uint64_t bytes, char buf[24]);
/* "12.345 us" */
const char *trnctl_duration(uint64_t ns, char buf[24]);
/* A failed call: its record, as text on stderr or as trn.error/1. Returns the exit code. */
int trnctl_fail(struct trnctl *ctl, int code, const char *format, ...) TRN_PRINTF(3, 4);
/* The same with the record given. */
int trnctl_fail_record(struct trnctl *ctl, const struct trn_error *error, const char *what);
/* A command line that makes no sense, found after parsing. */
int trnctl_fail_usage(struct trnctl *ctl, const char *format, ...) TRN_PRINTF(2, 3);
/* The errno's or TRN_E's name, "EINVAL"; "E?" for none. */
const char *trnctl_code_name(int code);
struct json_object *trnctl_error_json(const struct trn_error *error);

#endif /* TOOLS_TRNCTL_H */
