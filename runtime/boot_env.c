/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment says of this process: our own variables first, then those of launchers. */
#include "runtime/boot_private.h"

#include <errno.h>
#include <stdlib.h>

#define SILENCE_MS 5000u
#define SILENCE_MIN_MS 1000u /* the kernel asks once in a second */
#define SILENCE_MAX_MS 3600000u

static const struct {
	const char *process, *processes;
} pairs[] = {
	{ "TRN_COMM_RANK", "TRN_COMM_SIZE" },
	{ "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE" },
	{ "PMI_RANK", "PMI_SIZE" },
	{ "SLURM_PROCID", "SLURM_NTASKS" },
};

static int number(struct trn_context *context, const char *name, uint64_t min, uint64_t max,
		  uint32_t *ret_value)
{
	const char *text = getenv(name);
	uint64_t value = 0;

	if (!text)
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create", "%s is not set", name);
	if (!trn_boot_number(text, max, &value) || value < min)
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
				"%s is \"%.32s\", not a number from %u to %u", name, text,
				(unsigned int)min, (unsigned int)max);
	*ret_value = (uint32_t)value;
	return 0;
}

int trn_boot_env(struct trn_context *context, uint32_t *ret_process, uint32_t *ret_processes)
{
	uint32_t process = 0, processes = 0;
	int r;

	for (size_t i = 0; i < TRN_ARRAY_LEN(pairs); i++) {
		/* One of ours alone is a mistake; a launcher's may stand alone. */
		if (!getenv(pairs[i].process) || (i > 0 && !getenv(pairs[i].processes)))
			continue;
		r = number(context, pairs[i].processes, 1, TRN_BOOT_PROCESSES_MAX, &processes);
		if (r == 0)
			r = number(context, pairs[i].process, 0, TRN_BOOT_PROCESSES_MAX, &process);
		if (r < 0)
			return r;
		if (process >= processes)
			return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
					"%s is %u, but %s only %u", pairs[i].process, process,
					pairs[i].processes, processes);
		*ret_process = process;
		*ret_processes = processes;
		return 0;
	}
	return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
			"which process is this? Set TRN_COMM_RANK and TRN_COMM_SIZE, or use a "
			"launcher that tells (mpirun, srun)");
}

int trn_boot_env_silence(struct trn_context *context, uint32_t wanted, uint32_t *ret_ms)
{
	*ret_ms = wanted ? wanted : SILENCE_MS;
	if (wanted && (wanted < SILENCE_MIN_MS || wanted > SILENCE_MAX_MS))
		return trn_fail(context, NULL, -EINVAL, "trn_comm_create",
				"a silence limit of %u ms is not from %u to %u", wanted,
				SILENCE_MIN_MS, SILENCE_MAX_MS);
	if (wanted || !getenv("TRN_COMM_SILENCE_MS"))
		return 0;
	return number(context, "TRN_COMM_SILENCE_MS", SILENCE_MIN_MS, SILENCE_MAX_MS, ret_ms);
}
