// SPDX-License-Identifier: Apache-2.0
/* trnctl: probe, monitor, test and reset Trainium devices. Here: the table of verbs. */
#include "tools/trnctl.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct trnctl_verb verbs[] = {
	{ "list", "devices that are here, and the doors there are", trnctl_list },
	{ "info", "what a device is, and its health", trnctl_info },
	{ "topo", "the system a device belongs to: chips, switches, links; pictures", trnctl_topo },
	{ "comm", "run, check and measure a collective on the chips of a pod", trnctl_comm },
	{ "selftest", "try everything the device can do", trnctl_selftest },
	{ "regs", "read registers by name; write them when told twice", trnctl_regs },
	{ "run", "run a program file with arguments", trnctl_run },
	{ "predict", "speed of a decoder on the model; the launch claims", trnctl_predict },
	{ "asm", "assemble a text into a program file", trnctl_asm },
	{ "disasm", "write a program file as text", trnctl_disasm },
	{ "check", "check a program, say what is in it", trnctl_check },
	{ "energy", "energy of the model by part, and how full load comes together",
	  trnctl_energy },
	{ "ps", "who holds which core", trnctl_ps },
	{ "mem", "what a device's memory is used for", trnctl_mem },
	{ "metrics", "numbers for a monitoring system, and events", trnctl_metrics },
	{ "dump", "read the dump of a device that failed, or make one", trnctl_dump },
	{ "reset", "reset the device or some cores", trnctl_reset },
	{ "version", "version of the library and of this tool", trnctl_version },
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* The list of verbs for --help, under argp's own text. */
static const char *front_doc(char *buf, size_t size)
{
	size_t used;

	used = (size_t)snprintf(
		buf, size,
		"Probe, test and reset Trainium devices.\vVerbs (trnctl VERB --help "
		"says more):\n");
	for (size_t i = 0; i < VERBS && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "  %-10s %s\n", verbs[i].name,
					 verbs[i].summary);
	if (used < size)
		snprintf(buf + used, size - used,
			 "\nExit status: 0 ok, 1 failure, 2 usage, 3 no device. A mock is opened "
			 "only when --device or TRN_DEVICE names one.");
	return buf;
}

static const struct trnctl_verb *verb_find(const char *name)
{
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static int verb_run(struct trnctl *ctl, int argc, char **argv)
{
	static char name[64];
	char doc[2048];
	int at, status;

	if (!trnctl_parse_front(ctl, front_doc(doc, sizeof(doc)), argc, argv, &at, &status))
		return status;
	if (at >= argc)
		return trnctl_fail_usage(ctl, "no verb; trnctl --help lists them");
	ctl->verb = verb_find(argv[at]);
	if (!ctl->verb)
		return trnctl_fail_usage(ctl, "no verb \"%.60s\"; trnctl --help lists them",
					 argv[at]);
	snprintf(name, sizeof(name), "trnctl %s", ctl->verb->name);
	argv[at] = name;
	return ctl->verb->run(ctl, argc - at, argv + at);
}

/* Standard descriptors that were closed would become files that the library opens, and what is
 * printed would go there. Reading only: a write still fails. */
static void standard_take(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct trnctl ctl = { 0 };
	int status;

	standard_take();
	/* Also when the command line breaks off before --json. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		ctl.json |= strcmp(argv[i], "--json") == 0;
	status = verb_run(&ctl, argc, argv);
	trn_device_unref(ctl.device);
	trn_context_unref(ctl.context);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fputs("trnctl: standard output cannot be written\n", stderr);
		status = status == TRNCTL_OK ? TRNCTL_FAILURE : status;
	}
	return status;
}
