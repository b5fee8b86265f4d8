// SPDX-License-Identifier: Apache-2.0
/* Selftest: registers, identity, telemetry, semaphores, claims, resets. */
#include "tools/trnctl_selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <trn/diag.h>

static int reg_read(struct trnctl_check *check, const char *name, uint32_t *ret_value)
{
	uint32_t offset;
	int r = trn_diag_reg_find(name, &offset);

	if (r < 0)
		return trnctl_note(check, r, "no register %s", name);
	return trn_diag_reg_read(check->device, 0, offset, ret_value);
}

static int reg_write(struct trnctl_check *check, const char *name, uint32_t value)
{
	uint32_t offset;
	int r = trn_diag_reg_find(name, &offset);

	if (r < 0)
		return trnctl_note(check, r, "no register %s", name);
	return trn_diag_reg_write(check->device, 0, offset, value);
}

int trnctl_check_registers(struct trnctl_check *check)
{
	static const char *const names[] = { "misc.api_version", "misc.routing_id",
					     "misc.serial_lo", "misc.serial_hi" };
	uint32_t value[4];

	for (size_t i = 0; i < 4; i++) {
		int r = reg_read(check, names[i], &value[i]);

		if (r == -ENOTSUP)
			return trnctl_note(check, TRNCTL_CHECK_SKIP,
					   "no registers behind this door");
		if (r < 0)
			return r;
		if (value[i] == 0xffffffffu || value[i] == 0xdeadbeefu)
			return trnctl_note(check, TRNCTL_CHECK_WRONG,
					   "%s reads 0x%08" PRIx32 ": %s", names[i], value[i],
					   value[i] == 0xffffffffu ? "off the bus" : "not ready");
	}
	if ((uint64_t)value[3] << 32 != (check->info->serial & UINT64_C(0xffffffff00000000)) ||
	    value[2] != (check->info->serial & 0xffffffffu))
		return trnctl_note(check, TRNCTL_CHECK_WRONG,
				   "serial number in registers is not the device's");
	return trnctl_note(check, 0, "firmware api %" PRIu32 ", routing id %" PRIu32, value[0],
			   value[1]);
}

int trnctl_check_identity(struct trnctl_check *check)
{
	const struct trn_device_info *info = check->info;

	if (info->cores == 0 || info->hbm_stacks == 0 || info->hbm_bytes == 0)
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "no cores or no memory");
	if (info->hbm_free_bytes > info->hbm_bytes)
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "more memory free than there is");
	if (info->pci_vendor != 0x1d0f && info->pci_vendor != 0)
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "PCI vendor %04" PRIx32,
				   info->pci_vendor);
	return trnctl_note(check, 0, "%s, %" PRIu32 " cores", info->product, info->cores);
}

static bool grew(const uint64_t *before, const uint64_t *after, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (after[i] < before[i])
			return false;
	}
	return true;
}

int trnctl_check_telemetry(struct trnctl_check *check)
{
	struct trn_device_telemetry a = { .size = sizeof(a) }, b = { .size = sizeof(b) };
	int r = trn_device_telemetry(check->device, &a);

	if (r == -ENOTSUP)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "no telemetry behind this door");
	if (r == 0)
		r = trn_device_telemetry(check->device, &b);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 2; i++) {
		if (b.power_utilization[i] > 10000)
			return trnctl_note(check, TRNCTL_CHECK_WRONG,
					   "die %zu uses %.2f %% of its power", i,
					   b.power_utilization[i] / 100.0);
	}
	if (!grew(a.tensor_busy_cycles, b.tensor_busy_cycles, 8) ||
	    !grew(a.tensor_idle_cycles, b.tensor_idle_cycles, 8))
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "an activity counter went back");
	if (b.hbm_repair_state > 2)
		return trnctl_note(check, TRNCTL_CHECK_WRONG, "HBM repair state %" PRIu32,
				   b.hbm_repair_state);
	if (b.ecc_sram_uncorrected > 0 || b.hbm_repair_state > 0)
		return trnctl_note(check, TRNCTL_CHECK_WRONG,
				   "%" PRIu32 " uncorrected SRAM errors, HBM repair state %" PRIu32,
				   b.ecc_sram_uncorrected, b.hbm_repair_state);
	return 0;
}

/* A part of the driver that other checks may go around. */
static int probe(struct trnctl_check *check, const char *what)
{
	char text[128] = "";
	int r = trn_diag_control(check->device, "probe", what, text, sizeof(text));

	if (r == -ENOTSUP)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "nothing to ask behind this door");
	return r < 0 ? r : trnctl_note(check, 0, "%s", text);
}

int trnctl_check_engines(struct trnctl_check *check)
{
	return probe(check, "dma");
}

int trnctl_check_mailbox(struct trnctl_check *check)
{
	return probe(check, "mailbox");
}

/* One step on a core's last semaphore, and what must be read then. */
static int sem_step(struct trnctl_check *check, uint32_t core, const char *verb, uint32_t value,
		    uint32_t want)
{
	uint32_t have = 0;
	char name[40];
	int r;

	snprintf(name, sizeof(name), "core%" PRIu32 ".sem255.%s", core, verb);
	r = reg_write(check, name, value);
	if (r == 0)
		r = trn_diag_sem_read(check->device, core, 255, &have);
	if (r < 0)
		return r;
	if (have != want)
		return trnctl_note(check, TRNCTL_CHECK_WRONG,
				   "core %" PRIu32 ": after %s the semaphore is %" PRIu32
				   ", not %" PRIu32,
				   core, verb, have, want);
	return 0;
}

int trnctl_check_semaphores(struct trnctl_check *check)
{
	for (uint32_t core = 0; core < check->info->cores; core++) {
		uint32_t before;
		int r = trn_diag_sem_read(check->device, core, 255, &before);

		if (r == -ENOTSUP)
			return trnctl_note(check, TRNCTL_CHECK_SKIP,
					   "no semaphores behind this door");
		if (r == 0)
			r = sem_step(check, core, "set", 5, 5);
		if (r == 0)
			r = sem_step(check, core, "inc", 3, 8);
		if (r == 0)
			r = sem_step(check, core, "dec", 1, 7);
		if (r == 0)
			r = sem_step(check, core, "set", before, before);
		if (r == -ENOTSUP)
			return trnctl_note(check, TRNCTL_CHECK_SKIP,
					   "no registers behind this door");
		if (r != 0)
			return r;
	}
	return trnctl_note(check, 0, "%" PRIu32 " cores", check->info->cores);
}

int trnctl_check_claims(struct trnctl_check *check)
{
	uint32_t held = 0;

	for (uint32_t core = 0; core < check->info->cores; core++) {
		struct trn_core_claim claim = { .size = sizeof(claim) };
		int r = trn_device_core_claim(check->device, core, 1, &claim);

		if (r == -ENOTSUP)
			return trnctl_note(check, TRNCTL_CHECK_SKIP, "no claims behind this door");
		if (r == -EBUSY) {
			held++;
			continue;
		}
		if (r < 0)
			return r;
		if (claim.owner == 0)
			return trnctl_note(check, TRNCTL_CHECK_WRONG,
					   "core %" PRIu32 " was claimed and has no owner", core);
		r = trn_device_core_claim(check->device, core, -1, &claim);
		if (r < 0)
			return r;
		if (claim.owner != 0)
			return trnctl_note(check, TRNCTL_CHECK_WRONG,
					   "core %" PRIu32 " was released and has an owner", core);
	}
	if (held > 0)
		return trnctl_note(check, 0, "%" PRIu32 " cores are held by others", held);
	return 0;
}

/* Others' work must not be reset away. */
static bool somebody_else(struct trnctl_check *check, uint32_t *ret_core)
{
	for (uint32_t core = 0; core < check->info->cores; core++) {
		struct trn_core_claim claim = { .size = sizeof(claim) };

		if (trn_device_core_claim(check->device, core, 0, &claim) == 0 &&
		    claim.owner != 0) {
			*ret_core = core;
			return true;
		}
	}
	return false;
}

static int reset_and(struct trnctl_check *check, uint32_t mask,
		     int (*again)(struct trnctl_check *check))
{
	uint32_t core;
	int r;

	if (!check->may_reset)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "--no-reset");
	if (somebody_else(check, &core))
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "core %" PRIu32 " is held", core);
	r = trn_device_reset(check->device, mask, check->deadline_ns);
	if (r == -ENOTSUP)
		return trnctl_note(check, TRNCTL_CHECK_SKIP, "no reset behind this door");
	return r < 0 ? r : again(check);
}

int trnctl_check_core_reset(struct trnctl_check *check)
{
	return reset_and(check, 1u << (check->info->cores - 1),
			 (check->info->caps & TRN_CAP_COMPUTE) != 0 ? trnctl_check_program :
								      trnctl_check_queue);
}

int trnctl_check_reset(struct trnctl_check *check)
{
	int r = reset_and(check, 0, trnctl_check_queue);

	return r == 0 ? trnctl_check_copy_d2h(check) : r;
}
