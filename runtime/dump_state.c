/* SPDX-License-Identifier: Apache-2.0 */
/* Sections about the device as a whole: what it is, what failed, registers, semaphores,
 * counters, memory, what happened last. */
#include "runtime/dump.h"

#include <errno.h>
#include <unistd.h>
#include "base/clock.h"

static void about(struct trn_dump_make *make)
{
	const struct trn_hal_info *info = &make->device->info;
	struct trn_asm_out *out = &make->out;

	trn_dump_begin(make, "about");
	trn_asm_put(out, "library %s isa %u extension %u\n", trn_version(), TRN_ISA_VERSION,
		    TRN_EXT_VERSION);
	trn_asm_put(out, "process %ld\ntime_ns %" PRIu64 "\nuri ", (long)getpid(), trn_clock_ns());
	trn_dump_text(make, make->device->uri);
	trn_asm_put(out, "\ndevice %s %s %s backend %s\n", info->uri, info->product, info->arch,
		    info->backend);
	trn_asm_put(out, "pci %04x:%04x revision %u serial 0x%" PRIx64 " firmware_api %u\n",
		    info->pci_vendor, info->pci_device, info->pci_revision, info->serial,
		    info->firmware_api);
	trn_asm_put(out, "cores %u queues %u stacks %u caps 0x%x routing_id %u\n", info->cores,
		    info->queues, info->hbm_stacks, info->caps, info->routing_id);
	trn_asm_put(out, "resets %u lost %d\n", atomic_load(&make->device->epoch),
		    atomic_load(&make->device->lost));
	trn_dump_end(make);
}

static void error(struct trn_dump_make *make)
{
	const struct trn_error *e = &make->error;
	struct trn_asm_out *out = &make->out;

	trn_dump_begin(make, "error");
	if (e->code == 0) {
		trn_asm_put(out, "none\n");
		trn_dump_end(make);
		return;
	}
	trn_asm_put(out, "code %d %s\noperation %s\n", e->code, trn_strerror(e->code),
		    e->operation);
	trn_asm_put(out, "queue %" PRId64 " command %" PRId64 " core %d\n", e->queue, e->command,
		    e->core);
	trn_asm_put(out, "engine %s pc %" PRId64 " opcode %d operand %d rule %d\n",
		    e->engine >= 0 && e->engine < TRN_ENGINE_COUNT ?
			    trn_text_name(TRN_TEXT_ENGINE, (uint32_t)e->engine) :
			    "none",
		    e->pc, e->opcode, e->operand, e->rule);
	trn_asm_put(out, "address 0x%" PRIx64 "\ncause ", e->address);
	trn_dump_text(make, e->cause);
	trn_asm_put(out, "\nhint ");
	trn_dump_text(make, e->hint);
	trn_asm_put(out, "\n");
	trn_dump_end(make);
}

/* ---- registers ---- */

bool trn_dump_reg(struct trn_dump_make *make, uint32_t offset, uint32_t *ret_value)
{
	struct trn_hal_dev *hal = make->device->hal;
	uint32_t value = 0;

	if (hal->ops.reg_read32(hal, TRN_BAR_REGS, offset, &value) < 0)
		return false;
	*ret_value = value;
	return true;
}

static const uint32_t misc_words[] = {
	TRN_MR_API_VERSION, TRN_MR_ROUTING_ID, TRN_MR_SERIAL_LO,  TRN_MR_SERIAL_HI,
	TRN_MR_ECC_SRAM,    TRN_MR_ECC_HBM0,   TRN_MR_POWER_DIE0, TRN_MR_POWER_DIE1,
	TRN_MR_HBM_REPAIR,  TRN_MR_RESET_MAP,  TRN_MR_RESET_TYPE, TRN_MR_TRIGGER,
	TRN_MR_STATUS,
};
static const uint32_t id_words[] = {
	TRN_EXT_ID_MAGIC, TRN_EXT_ID_VERSION, TRN_EXT_ID_CAPS,
	TRN_EXT_ID_CORES, TRN_EXT_ID_QUEUES,  TRN_EXT_ID_GENERATION,
	TRN_EXT_ID_ISA,   TRN_EXT_ID_TIME_LO, TRN_EXT_ID_TIME_HI,
};
static const uint32_t core_words[] = {
	TRN_EXT_CORE_STATE,       TRN_EXT_CORE_RUNS,       TRN_EXT_CORE_ERR_CODE,
	TRN_EXT_CORE_ERR_ENGINE,  TRN_EXT_CORE_ERR_PC,     TRN_EXT_CORE_ERR_OPCODE,
	TRN_EXT_CORE_ERR_OPERAND, TRN_EXT_CORE_ERR_RULE,   TRN_EXT_CORE_ERR_ADDR_LO,
	TRN_EXT_CORE_ERR_ADDR_HI, TRN_EXT_CORE_CLAIM,      TRN_EXT_CORE_PC(0),
	TRN_EXT_CORE_STATUS(0),   TRN_EXT_CORE_RETIRED(0), TRN_EXT_CORE_PC(1),
	TRN_EXT_CORE_STATUS(1),   TRN_EXT_CORE_RETIRED(1), TRN_EXT_CORE_PC(2),
	TRN_EXT_CORE_STATUS(2),   TRN_EXT_CORE_RETIRED(2), TRN_EXT_CORE_PC(3),
	TRN_EXT_CORE_STATUS(3),   TRN_EXT_CORE_RETIRED(3), TRN_EXT_CORE_PC(4),
	TRN_EXT_CORE_STATUS(4),   TRN_EXT_CORE_RETIRED(4),
};
static const uint32_t queue_words[] = {
	TRN_EXT_Q_CONTROL, TRN_EXT_Q_STATE,  TRN_EXT_Q_BASE_LO,   TRN_EXT_Q_BASE_HI,
	TRN_EXT_Q_ENTRIES, TRN_EXT_Q_WINDOW, TRN_EXT_Q_STATUS_LO, TRN_EXT_Q_STATUS_HI,
	TRN_EXT_Q_HEAD,    TRN_EXT_Q_TAIL,
};

static void words(struct trn_dump_make *make, uint32_t base, const uint32_t *offsets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[64];
		uint32_t value;

		(void)trn_regs_name(base + offsets[i], name, sizeof(name));
		if (trn_dump_reg(make, base + offsets[i], &value))
			trn_asm_put(&make->out, "%s 0x%08x\n", name, value);
		else
			trn_asm_put(&make->out, "%s unreadable\n", name);
	}
}

/* Numbers of the device's queues, a bit each. */
static uint64_t queues_open(struct trn_device *device)
{
	uint64_t open = 0;

	trn_lock_take(&device->list_lock);
	for (const struct trn_queue *q = device->queues; q; q = q->next)
		open |= UINT64_C(1) << (q->hal->index % 64);
	trn_lock_give(&device->list_lock);
	return open;
}

static void registers(struct trn_dump_make *make)
{
	const uint32_t ext = make->device->info.ext_base;
	uint64_t open = queues_open(make->device);

	trn_dump_begin(make, "registers");
	words(make, TRN_MISC_RAM, misc_words, TRN_ARRAY_LEN(misc_words));
	if (ext != 0)
		words(make, ext, id_words, TRN_ARRAY_LEN(id_words));
	for (uint32_t core = 0; ext != 0 && core < make->device->info.cores; core++)
		words(make, ext + TRN_EXT_CORE(core), core_words, TRN_ARRAY_LEN(core_words));
	for (uint32_t q = 0; ext != 0 && q < TRN_EXT_QUEUES; q++)
		if (open >> q & 1)
			words(make, ext + TRN_EXT_QUEUE(q), queue_words,
			      TRN_ARRAY_LEN(queue_words));
	trn_dump_end(make);
}

/* ---- semaphores ---- */

static void semaphores(struct trn_dump_make *make)
{
	struct trn_device *device = make->device;
	int r = 0;

	trn_dump_begin(make, "semaphores");
	for (uint32_t owner = 0; owner < TRN_CORES + TRN_TOPSPS && r == 0; owner++) {
		if (owner >= device->info.cores && owner < TRN_CORES)
			continue;
		trn_lock_take(&device->lock);
		for (uint32_t i = 0; i < TRN_SEMAPHORES && r == 0; i++) {
			uint32_t value = 0;

			r = device->hal->ops.sem_read(device->hal, owner, i, &value);
			if (r == 0 && value != 0)
				trn_asm_put(&make->out, "%s %u semaphore %u value %u\n",
					    owner < TRN_CORES ? "core" : "processor",
					    owner < TRN_CORES ? owner : owner - TRN_CORES, i,
					    value);
		}
		trn_lock_give(&device->lock);
	}
	if (r < 0)
		trn_asm_put(&make->out, "unreadable %d\n", r);
	trn_dump_end(make);
}

/* ---- counters, memory ---- */

static void telemetry(struct trn_dump_make *make)
{
	struct trn_device *device = make->device;
	struct trn_hal_telemetry t;
	struct trn_asm_out *out = &make->out;
	int r;

	trn_dump_begin(make, "telemetry");
	trn_lock_take(&device->lock);
	r = device->hal->ops.telemetry(device->hal, &t);
	trn_lock_give(&device->lock);
	if (r < 0) {
		trn_asm_put(out, "unreadable %d\n", r);
		trn_dump_end(make);
		return;
	}
	trn_asm_put(out, "ecc sram corrected %u uncorrected %u\n", t.ecc_sram_corrected,
		    t.ecc_sram_uncorrected);
	for (uint32_t i = 0; i < 4; i++)
		trn_asm_put(out, "ecc stack %u corrected %u uncorrected %u\n", i,
			    t.ecc_hbm_corrected[i], t.ecc_hbm_uncorrected[i]);
	trn_asm_put(out, "hbm_repair %u\n", t.hbm_repair);
	for (uint32_t i = 0; i < 8; i++)
		trn_asm_put(out, "core %u tensor busy %" PRIu64 " idle %" PRIu64 "\n", i,
			    t.pe_matmul[i], t.pe_idle[i]);
	trn_dump_end(make);
}

static void memory(struct trn_dump_make *make)
{
	struct trn_device *device = make->device;
	struct trn_asm_out *out = &make->out;

	trn_dump_begin(make, "memory");
	trn_lock_take(&device->object.context->lock);
	for (uint32_t i = 0; i < TRN_MEMORY_PLACES; i++) {
		for (uint32_t c = 0; c < TRN_MEMORY_CATEGORIES; c++) {
			const struct trn_memory_count *by = &device->books.by[i][c];

			if (by->peak_bytes == 0)
				continue;
			if (i == TRN_HBM_STACKS_MAX)
				trn_asm_put(out, "host");
			else
				trn_asm_put(out, "stack %u", i);
			trn_asm_put(out, " %s bytes %" PRIu64 " peak %" PRIu64 " blocks %u\n",
				    trn_memory_category_name((enum trn_memory_category)c),
				    by->live_bytes, by->peak_bytes, by->blocks);
		}
	}
	trn_lock_give(&device->object.context->lock);
	trn_dump_end(make);
}

void trn_dump_state(struct trn_dump_make *make)
{
	about(make);
	error(make);
	registers(make);
	semaphores(make);
	telemetry(make);
	memory(make);
}

/* ---- events ---- */

static int put_event(void *user, const struct trn_event *event)
{
	struct trn_dump_make *make = user;
	struct trn_asm_out *out = &make->out;

	trn_asm_put(out, "time_ns %" PRIu64 " %s", event->time_ns,
		    trn_event_kind_name(event->kind));
	if (event->core >= 0)
		trn_asm_put(out, " core %d", event->core);
	if (event->queue >= 0)
		trn_asm_put(out, " queue %d", event->queue);
	if (event->command >= 0)
		trn_asm_put(out, " command %" PRId64, event->command);
	trn_asm_put(out, " value %" PRIu64, event->value);
	if (event->code != 0)
		trn_asm_put(out, " %s", trn_strerror(event->code));
	if (event->text[0]) {
		trn_asm_put(out, ": ");
		trn_dump_text(make, event->text);
	}
	trn_asm_put(out, "\n");
	return 0;
}

void trn_dump_events(struct trn_dump_make *make)
{
	uint64_t cursor = 0;

	trn_dump_begin(make, "events");
	(void)trn_telemetry_events(make->device, &cursor, put_event, make, NULL);
	trn_dump_end(make);
}
