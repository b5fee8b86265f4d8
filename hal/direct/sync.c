/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores by the vendor's windows; core state and claims by the extension. */
#include <errno.h>
#include "base/bits.h"
#include "hal/direct/direct.h"

#define OWNER_TOPSP 8u /* owners 0..7 are cores, TOP_SP ids follow */

/* BAR0 offset of a semaphore register; kind is its TPB offset. */
static int sem_offset(struct trn_direct *d, uint32_t owner, uint32_t index, uint32_t kind,
		      uint64_t *ret_offset)
{
	bool core = owner < d->cores;
	bool topsp = owner >= OWNER_TOPSP && owner < OWNER_TOPSP + TRN_TOPSPS;

	if (!core && !topsp)
		return trn_hal_fail(&d->hal, -EINVAL, "no semaphore owner %u", owner);
	if (index >= TRN_SEMAPHORES)
		return trn_hal_fail(&d->hal, -EINVAL, "no semaphore %u", index);
	if (core)
		*ret_offset = TRN_BAR0_TPB + (uint64_t)owner * TRN_BAR0_TPB_STRIDE + kind;
	else /* the same blocks, from the base of the TOP_SP */
		*ret_offset =
			(uint64_t)trn_regs_topsp_bar0(owner - OWNER_TOPSP) + kind - TRN_TPB_EVENTS;
	*ret_offset += 4ull * index;
	return 0;
}

int trn_direct_sem_read(struct trn_hal_dev *dev, uint32_t owner, uint32_t index,
			uint32_t *ret_value)
{
	struct trn_direct *d = trn_direct_of(dev);
	uint64_t offset = 0;
	int r = sem_offset(d, owner, index, TRN_TPB_SEM_READ, &offset);

	if (r < 0)
		return r;
	r = trn_hal_read32_live(d->bus, offset, ret_value);
	return r < 0 ? trn_hal_fail(dev, r, "the device is gone") : 0;
}

int trn_direct_sem_write(struct trn_hal_dev *dev, uint32_t owner, uint32_t index, uint32_t value)
{
	struct trn_direct *d = trn_direct_of(dev);
	uint64_t offset = 0;
	int r = sem_offset(d, owner, index, TRN_TPB_SEM_SET, &offset);

	if (r < 0)
		return r;
	r = trn_hal_write32(d->bus, offset, value);
	return r < 0 ? trn_hal_fail(dev, r, "the write failed") : 0;
}

/* ---- the extension's core page ---- */

static int core_check(struct trn_direct *d, uint32_t core, const char *what)
{
	if (core >= d->cores)
		return trn_hal_fail(&d->hal, -EINVAL, "no core %u", core);
	if (d->ext == 0)
		return trn_hal_fail(&d->hal, -ENOTSUP,
				    "%s needs the libtrn extension, which this "
				    "device does not have",
				    what);
	return 0;
}

static int core_read(struct trn_direct *d, uint32_t core, uint32_t reg, uint32_t *ret_value)
{
	int r = trn_hal_read32_live(d->bus, d->ext + TRN_EXT_CORE(core) + reg, ret_value);

	return r < 0 ? trn_hal_fail(&d->hal, r, "core page %u: the device is gone", core) : 0;
}

int trn_direct_core_error(struct trn_hal_dev *dev, uint32_t core,
			  struct trn_hal_core_error *ret_error)
{
	struct trn_direct *d = trn_direct_of(dev);
	struct trn_hal_core_error error = { 0 };
	uint32_t low = 0;
	uint32_t high = 0;
	const struct {
		uint32_t reg;
		uint32_t *value;
	} reads[] = {
		{ TRN_EXT_CORE_STATE, &error.state },
		{ TRN_EXT_CORE_ERR_CODE, &error.code },
		{ TRN_EXT_CORE_ERR_ENGINE, &error.engine },
		{ TRN_EXT_CORE_ERR_PC, &error.pc },
		{ TRN_EXT_CORE_ERR_OPCODE, &error.opcode },
		{ TRN_EXT_CORE_ERR_OPERAND, &error.operand },
		{ TRN_EXT_CORE_ERR_RULE, &error.rule },
		{ TRN_EXT_CORE_ERR_ADDR_LO, &low },
		{ TRN_EXT_CORE_ERR_ADDR_HI, &high },
	};
	int r = core_check(d, core, "core state");

	for (size_t i = 0; r == 0 && i < TRN_ARRAY_LEN(reads); i++)
		r = core_read(d, core, reads[i].reg, reads[i].value);
	if (r < 0)
		return r;
	if (error.state > TRN_CORE_IN_RESET)
		return trn_hal_fail(dev, -TRN_EFIRMWARE, "core %u is in state 0x%x", core,
				    error.state);
	error.address = trn_u64(low, high);
	*ret_error = error;
	return 0;
}

/* Two words that may change between the reads: the high one twice. */
static int since_read(struct trn_direct *d, uint32_t core, uint64_t *ret_ns)
{
	uint32_t high = 0;
	uint32_t again = 0;
	uint32_t low = 0;
	int r = core_read(d, core, TRN_EXT_CORE_CLAIM_SINCE_HI, &high);

	if (r == 0)
		r = core_read(d, core, TRN_EXT_CORE_CLAIM_SINCE_LO, &low);
	if (r == 0)
		r = core_read(d, core, TRN_EXT_CORE_CLAIM_SINCE_HI, &again);
	if (r == 0 && again != high)
		r = core_read(d, core, TRN_EXT_CORE_CLAIM_SINCE_LO, &low);
	if (r == 0)
		*ret_ns = trn_u64(low, again);
	return r;
}

/* Somebody else's bytes: text to the first that is none. */
static void name_take(char *dst, const uint32_t words[TRN_EXT_HOLDER_NAME_WORDS])
{
	size_t n = 0;

	for (; n < sizeof(((struct trn_hal_claim *)0)->command) - 1; n++) {
		const uint32_t c = words[n / 4] >> (n % 4 * 8) & 0xffu;

		if (c < 0x20 || c > 0x7e)
			break;
		dst[n] = (char)c;
	}
	dst[n] = '\0';
}

static int holder_read(struct trn_direct *d, uint32_t core, struct trn_hal_claim *claim)
{
	uint32_t name[TRN_EXT_HOLDER_NAME_WORDS] = { 0 };
	uint32_t low = 0;
	uint32_t high = 0;
	int r = core_read(d, core, TRN_EXT_CORE_HOLDER_PID, &claim->pid);

	if (r == 0)
		r = core_read(d, core, TRN_EXT_CORE_HOLDER_WALL_LO, &low);
	if (r == 0)
		r = core_read(d, core, TRN_EXT_CORE_HOLDER_WALL_HI, &high);
	for (uint32_t i = 0; r == 0 && i < TRN_EXT_HOLDER_NAME_WORDS; i++)
		r = core_read(d, core, TRN_EXT_CORE_HOLDER_NAME(i), &name[i]);
	claim->wall_ns = trn_u64(low, high);
	name_take(claim->command, name);
	return r;
}

/* The holder may change while it is read: then it says nothing of itself yet. */
static int claim_read(struct trn_direct *d, uint32_t core, struct trn_hal_claim *ret_claim)
{
	struct trn_hal_claim claim = { 0 };
	uint32_t owner = 0;
	int r = core_read(d, core, TRN_EXT_CORE_CLAIM, &claim.owner);

	if (r == 0)
		r = since_read(d, core, &claim.since_ns);
	if (r == 0 && claim.owner != 0 && (d->ext_caps & TRN_EXT_CAP_HOLDERS)) {
		r = holder_read(d, core, &claim);
		if (r == 0)
			r = core_read(d, core, TRN_EXT_CORE_CLAIM, &owner);
		if (r == 0 && owner != claim.owner) {
			claim = (struct trn_hal_claim){ .owner = owner };
			r = since_read(d, core, &claim.since_ns);
		}
	}
	if (r == 0)
		*ret_claim = claim;
	return r;
}

static int holder_write(struct trn_direct *d, uint32_t core, const struct trn_hal_claim *who)
{
	const uint64_t page = d->ext + TRN_EXT_CORE(core);
	uint32_t name[TRN_EXT_HOLDER_NAME_WORDS] = { 0 };
	int r = trn_hal_write32(d->bus, page + TRN_EXT_CORE_HOLDER_PID, who->pid);

	for (uint32_t i = 0; i < sizeof(who->command); i++)
		name[i / 4] |= (uint32_t)(uint8_t)who->command[i] << (i % 4 * 8);
	if (r == 0)
		r = trn_hal_write32(d->bus, page + TRN_EXT_CORE_HOLDER_WALL_LO,
				    trn_lo32(who->wall_ns));
	if (r == 0)
		r = trn_hal_write32(d->bus, page + TRN_EXT_CORE_HOLDER_WALL_HI,
				    trn_hi32(who->wall_ns));
	for (uint32_t i = 0; r == 0 && i < TRN_EXT_HOLDER_NAME_WORDS; i++)
		r = trn_hal_write32(d->bus, page + TRN_EXT_CORE_HOLDER_NAME(i), name[i]);
	return r;
}

/* Takes a free core, and writes who it is now; leaves one that is held alone. */
static int claim_take(struct trn_direct *d, uint32_t core, const struct trn_hal_claim *who)
{
	uint32_t before = 0;
	uint32_t owner = 0;
	int r = core_read(d, core, TRN_EXT_CORE_CLAIM, &before);

	if (r < 0 || before != 0)
		return r;
	r = trn_hal_write32(d->bus, d->ext + TRN_EXT_CORE(core) + TRN_EXT_CORE_CLAIM, who->owner);
	if (r == 0)
		r = core_read(d, core, TRN_EXT_CORE_CLAIM, &owner);
	if (r == 0 && owner == who->owner && (d->ext_caps & TRN_EXT_CAP_HOLDERS))
		r = holder_write(d, core, who);
	return r;
}

int trn_direct_core_claim(struct trn_hal_dev *dev, uint32_t core, const struct trn_hal_claim *who,
			  bool take, struct trn_hal_claim *ret_claim)
{
	struct trn_direct *d = trn_direct_of(dev);
	struct trn_hal_claim claim = { 0 };
	const uint32_t token = who ? who->owner : 0;
	int r = core_check(d, core, "claiming");

	if (r == 0 && !(d->ext_caps & TRN_EXT_CAP_CLAIMS))
		return trn_hal_fail(dev, -ENOTSUP, "the device keeps no claims");
	if (r == 0 && token != 0)
		r = take ? claim_take(d, core, who) :
			   trn_hal_write32(d->bus,
					   d->ext + TRN_EXT_CORE(core) + TRN_EXT_CORE_CLAIM_RELEASE,
					   token);
	if (r == 0)
		r = claim_read(d, core, &claim);
	if (r < 0)
		return r;
	if (token != 0 && take && claim.owner != token)
		r = trn_hal_fail(dev, -EBUSY, "core %u is held by 0x%x", core, claim.owner);
	else if (token != 0 && !take && claim.owner == token)
		r = trn_hal_fail(dev, -EBUSY, "core %u works, it is not given back", core);
	else if (token != 0 && !take && claim.owner != 0)
		r = trn_hal_fail(dev, -EPERM, "core %u is held by 0x%x, not by 0x%x", core,
				 claim.owner, token);
	/* The one answer that is written on failure too: who it is instead. */
	if (ret_claim)
		*ret_claim = claim;
	return r;
}
