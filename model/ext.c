/* SPDX-License-Identifier: Apache-2.0 */
/* The extension block as registers: id page, core pages, windows, claims. Command
 * queues are in ext_queue.c, launches in ext_launch.c. */
#include "model/ext.h"

#include <errno.h>
#include "base/alloc.h"
#include "base/hash.h"

#define PAGE 0x1000u
#define WINDOW_STRIDE 0x20u
#define CORE_PC_STRIDE 0x10u

int trn_launch_create(struct trn_chip *chip, struct trn_launch **ret_launch)
{
	struct trn_launch *launch = trn_alloc_zero(chip->model->alloc, sizeof(*launch));

	if (!launch)
		return -ENOMEM;
	launch->chip = chip;
	for (uint32_t q = 0; q < TRN_EXT_QUEUES; q++) {
		launch->queue[q].launch = launch;
		launch->queue[q].index = q;
		launch->queue[q].core = TRN_CORE_NONE;
	}
	for (uint32_t c = 0; c < TRN_CORES; c++)
		launch->line[c].runner = TRN_QUEUE_NONE;
	*ret_launch = launch;
	return 0;
}

void trn_launch_destroy(struct trn_launch *launch)
{
	if (!launch)
		return;
	trn_sync_unit_destroy(launch->sync);
	trn_free(launch->chip->model->alloc, launch);
}

/* ---- windows ---- */

bool trn_launch_window_ok(const struct trn_launch *launch, uint32_t window, uint64_t address,
			  uint64_t size, bool write)
{
	const uint32_t right = write ? 2u : 1u;

	if (window == 0)
		return true;
	for (uint32_t r = 0; r < TRN_EXT_WINDOW_RANGES; r++) {
		const struct trn_window_range *range = &launch->window[window][r];

		if ((range->rights & right) != 0 && address >= range->base &&
		    trn_range_ok(address - range->base, size, range->size))
			return true;
	}
	return false;
}

/* The half of a 64-bit register that an address names, or NULL. */
static uint64_t *window_field(struct trn_window_range *range, uint32_t reg)
{
	if (reg < TRN_EXT_WIN_SIZE_LO(0))
		return &range->base;
	return reg < TRN_EXT_WIN_RIGHTS(0) ? &range->size : NULL;
}

static void set_half(uint64_t *field, bool high, uint32_t value)
{
	*field = high ? trn_u64(trn_lo32(*field), value) : trn_u64(value, trn_hi32(*field));
}

static struct trn_window_range *window_find(struct trn_launch *launch, uint32_t page,
					    uint32_t offset, uint32_t *ret_reg)
{
	const uint32_t index = offset / WINDOW_STRIDE;

	*ret_reg = offset % WINDOW_STRIDE;
	if (page >= TRN_EXT_WINDOWS || index >= TRN_EXT_WINDOW_RANGES ||
	    *ret_reg > TRN_EXT_WIN_RIGHTS(0))
		return NULL;
	return &launch->window[page][index];
}

/* ---- id page ---- */

static bool id_read(struct trn_launch *launch, uint32_t reg, uint32_t *ret_value)
{
	const struct trn_chip *chip = launch->chip;
	const uint64_t now_ns = chip->model->now_ps / TRN_PS_PER_NS;
	const struct {
		uint32_t reg, value;
	} table[] = {
		{ TRN_EXT_ID_MAGIC, TRN_EXT_MAGIC },
		{ TRN_EXT_ID_VERSION, TRN_EXT_VERSION },
		{ TRN_EXT_ID_CAPS,
		  TRN_EXT_CAP_LAUNCH | TRN_EXT_CAP_TIMESTAMP | TRN_EXT_CAP_WINDOWS |
			  TRN_EXT_CAP_CLAIMS | TRN_EXT_CAP_COLLECT | TRN_EXT_CAP_LISTS |
			  TRN_EXT_CAP_STRIDED | TRN_EXT_CAP_HOLDERS | TRN_EXT_CAP_COUNTERS },
		{ TRN_EXT_ID_CORES, TRN_CORES },
		{ TRN_EXT_ID_QUEUES, TRN_EXT_QUEUES },
		{ TRN_EXT_ID_WINDOWS, TRN_EXT_WINDOWS },
		{ TRN_EXT_ID_GENERATION, chip->gen->number },
		{ TRN_EXT_ID_ISA, TRN_ISA_VERSION },
		{ TRN_EXT_ID_TIME_LO, trn_lo32(now_ns) },
		{ TRN_EXT_ID_TIME_HI, launch->time_hi },
		{ TRN_EXT_ID_SBUF_PARTITION, (uint32_t)chip->gen->sbuf_partition_bytes },
		{ TRN_EXT_ID_HBM_MIB, (uint32_t)(chip->hbm_bytes / TRN_MIB) },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(table); i++) {
		if (table[i].reg != reg)
			continue;
		if (reg == TRN_EXT_ID_TIME_LO)
			launch->time_hi = trn_hi32(now_ns);
		*ret_value = table[i].value;
		return true;
	}
	return false;
}

/* ---- core pages ---- */

static bool core_engine_read(const struct trn_core *core, uint32_t reg, uint32_t *ret_value)
{
	const uint32_t index = (reg - TRN_EXT_CORE_PC(0)) / CORE_PC_STRIDE;
	const struct trn_core_engine *engine;

	if (reg < TRN_EXT_CORE_PC(0) || index >= TRN_ENGINE_COUNT)
		return false;
	*ret_value = 0;
	engine = core ? &core->engine[index] : NULL;
	switch (reg - TRN_EXT_CORE_PC(index)) {
	case 0:
		*ret_value = engine ? engine->pc : 0;
		return true;
	case TRN_EXT_CORE_STATUS(0) - TRN_EXT_CORE_PC(0):
		*ret_value = engine ? engine->state : TRN_ENGINE_IDLE;
		return true;
	case TRN_EXT_CORE_RETIRED(0) - TRN_EXT_CORE_PC(0):
		*ret_value = engine ? engine->retired : 0;
		return true;
	default:
		return false;
	}
}

/* The word of the holder's record that a register is, or NULL. */
static uint32_t *holder_word(struct trn_claim *claim, uint32_t reg)
{
	const uint32_t word = (reg - TRN_EXT_CORE_HOLDER_NAME(0)) / 4;

	switch (reg) {
	case TRN_EXT_CORE_HOLDER_PID:
		return &claim->pid;
	case TRN_EXT_CORE_HOLDER_WALL_LO:
		return &claim->wall_lo;
	case TRN_EXT_CORE_HOLDER_WALL_HI:
		return &claim->wall_hi;
	default:
		break;
	}
	if (reg < TRN_EXT_CORE_HOLDER_NAME(0) || word >= TRN_EXT_HOLDER_NAME_WORDS || reg % 4 != 0)
		return NULL;
	return &claim->name[word];
}

static bool core_read(struct trn_launch *launch, uint32_t index, uint32_t reg, uint32_t *ret_value)
{
	static const struct trn_core_error none;
	const struct trn_core *core = launch->chip->core[index];
	const struct trn_core_error *error = core ? &core->error : &none;
	const struct trn_claim *claim = &launch->claim[index];
	const uint32_t *word;
	const bool held = launch->chip->in_reset >> index & 1;
	const uint32_t state = core ? core->state : TRN_CORE_IDLE;
	const struct {
		uint32_t reg, value;
	} table[] = {
		{ TRN_EXT_CORE_STATE, held ? TRN_CORE_IN_RESET : state },
		{ TRN_EXT_CORE_RUNS, core ? core->runs : 0 },
		{ TRN_EXT_CORE_ERR_CODE, error->code },
		{ TRN_EXT_CORE_ERR_ENGINE, error->engine },
		{ TRN_EXT_CORE_ERR_PC, error->pc },
		{ TRN_EXT_CORE_ERR_OPCODE, error->opcode },
		{ TRN_EXT_CORE_ERR_OPERAND, error->operand },
		{ TRN_EXT_CORE_ERR_RULE, error->rule },
		{ TRN_EXT_CORE_ERR_ADDR_LO, trn_lo32(error->address) },
		{ TRN_EXT_CORE_ERR_ADDR_HI, trn_hi32(error->address) },
		{ TRN_EXT_CORE_CLAIM, claim->token },
		{ TRN_EXT_CORE_CLAIM_RELEASE, 0 },
		{ TRN_EXT_CORE_CLAIM_SINCE_LO, trn_lo32(claim->since_ps / TRN_PS_PER_NS) },
		{ TRN_EXT_CORE_CLAIM_SINCE_HI, trn_hi32(claim->since_ps / TRN_PS_PER_NS) },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(table); i++) {
		if (table[i].reg == reg) {
			*ret_value = table[i].value;
			return true;
		}
	}
	word = holder_word(&launch->claim[index], reg);
	if (word) {
		*ret_value = *word;
		return true;
	}
	return core_engine_read(core, reg, ret_value);
}

/* Nothing of the last holder is left for the next. A core that works is not let go of. */
static void claim_release(struct trn_launch *launch, uint32_t index)
{
	struct trn_core *core = launch->chip->core[index];

	if (launch->line[index].runner != TRN_QUEUE_NONE ||
	    (core && core->state == TRN_CORE_RUNNING))
		return;
	if (core)
		trn_core_wipe(core);
	launch->claim[index] = (struct trn_claim){ 0 };
}

static bool core_write(struct trn_launch *launch, uint32_t index, uint32_t reg, uint32_t value)
{
	struct trn_claim *claim = &launch->claim[index];
	uint32_t *word = holder_word(claim, reg);

	if (word) {
		if (claim->token != 0)
			*word = value;
		return true;
	}
	switch (reg) {
	case TRN_EXT_CORE_CLAIM:
		if (claim->token == 0 && value != 0)
			*claim = (struct trn_claim){ .token = value,
						     .since_ps = launch->chip->model->now_ps };
		return true;
	case TRN_EXT_CORE_CLAIM_RELEASE:
		if (value != 0 && claim->token == value)
			claim_release(launch, index);
		return true;
	default:
		return false;
	}
}

/* ---- counters ---- */

static bool counter_read(const struct trn_chip *chip, uint32_t reg, uint32_t *ret_value)
{
	const struct trn_chip_counters *c = &chip->counters;
	const struct {
		uint32_t reg;
		uint64_t value;
	} table[] = {
		{ TRN_EXT_CNT_LAUNCHES, c->launches },
		{ TRN_EXT_CNT_INSTRUCTIONS, c->instructions },
		{ TRN_EXT_CNT_DMA_BYTES, c->dma_bytes },
		{ TRN_EXT_CNT_DMA_ERRORS, c->dma_errors },
		{ TRN_EXT_CNT_DOORBELLS, c->doorbells },
		{ TRN_EXT_CNT_RESETS, c->resets },
		{ TRN_EXT_CNT_ENERGY_UJ, trn_energy_total_nj(chip) / 1000 },
		{ TRN_EXT_CNT_BUSY_NS(0), c->busy_ps[0] / TRN_PS_PER_NS },
		{ TRN_EXT_CNT_BUSY_NS(1), c->busy_ps[1] / TRN_PS_PER_NS },
		{ TRN_EXT_CNT_BUSY_NS(2), c->busy_ps[2] / TRN_PS_PER_NS },
		{ TRN_EXT_CNT_BUSY_NS(3), c->busy_ps[3] / TRN_PS_PER_NS },
		{ TRN_EXT_CNT_BUSY_NS(4), c->busy_ps[4] / TRN_PS_PER_NS },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(table); i++) {
		if (table[i].reg != (reg & ~4u))
			continue;
		*ret_value = reg & 4 ? trn_hi32(table[i].value) : trn_lo32(table[i].value);
		return true;
	}
	return false;
}

/* ---- the block ---- */

enum page_kind {
	PAGE_ID,
	PAGE_CORE,
	PAGE_COUNTERS,
	PAGE_QUEUE,
	PAGE_DOORBELL,
	PAGE_WINDOW,
	PAGE_NONE,
};

static enum page_kind page_find(uint32_t offset, uint32_t *ret_index)
{
	static const struct {
		uint32_t base, count;
		enum page_kind kind;
	} pages[] = {
		{ 0, 1, PAGE_ID },
		{ TRN_EXT_CORE(0), TRN_CORES, PAGE_CORE },
		{ TRN_EXT_COUNTERS, 1, PAGE_COUNTERS },
		{ TRN_EXT_QUEUE(0), TRN_EXT_QUEUES, PAGE_QUEUE },
		{ TRN_EXT_DOORBELL(0), TRN_EXT_QUEUES, PAGE_DOORBELL },
		{ TRN_EXT_WINDOW(0), TRN_EXT_WINDOWS, PAGE_WINDOW },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(pages); i++) {
		if (offset < pages[i].base || (offset - pages[i].base) / PAGE >= pages[i].count)
			continue;
		*ret_index = (offset - pages[i].base) / PAGE;
		return pages[i].kind;
	}
	return PAGE_NONE;
}

static bool window_read(struct trn_launch *launch, uint32_t index, uint32_t offset,
			uint32_t *ret_value)
{
	uint32_t reg;
	struct trn_window_range *range = window_find(launch, index, offset, &reg);
	const uint64_t *field;

	if (!range)
		return false;
	field = window_field(range, reg);
	if (!field)
		*ret_value = range->rights;
	else
		*ret_value = reg & 4 ? trn_hi32(*field) : trn_lo32(*field);
	return true;
}

static bool window_write(struct trn_launch *launch, uint32_t index, uint32_t offset, uint32_t value)
{
	uint32_t reg;
	struct trn_window_range *range = window_find(launch, index, offset, &reg);
	uint64_t *field;

	if (!range)
		return false;
	field = window_field(range, reg);
	if (!field)
		range->rights = value & 3;
	else
		set_half(field, reg & 4, value);
	return true;
}

uint32_t trn_launch_read32(struct trn_launch *launch, uint32_t offset)
{
	const uint32_t reg = offset % PAGE;
	uint32_t index = 0, value = 0;
	bool known = false;

	switch (page_find(offset, &index)) {
	case PAGE_ID:
		known = id_read(launch, reg, &value);
		break;
	case PAGE_CORE:
		known = core_read(launch, index, reg, &value);
		break;
	case PAGE_COUNTERS:
		known = counter_read(launch->chip, reg, &value);
		break;
	case PAGE_QUEUE:
		known = reg <= TRN_EXT_Q_TAIL;
		value = known ? trn_queue_read(&launch->queue[index], reg) : 0;
		break;
	case PAGE_DOORBELL:
		known = reg == TRN_EXT_DB_TAIL || reg == TRN_EXT_DB_KICK;
		value = reg == TRN_EXT_DB_TAIL ? launch->queue[index].tail : 0;
		break;
	case PAGE_WINDOW:
		known = window_read(launch, index, reg, &value);
		break;
	case PAGE_NONE:
		break;
	}
	if (!known)
		trn_chip_unknown(launch->chip, TRN_EXT_BAR0 + offset, false, 0);
	return value;
}

void trn_launch_write32(struct trn_launch *launch, uint32_t offset, uint32_t value)
{
	const uint32_t reg = offset % PAGE;
	uint32_t index = 0;
	bool known = false;

	switch (page_find(offset, &index)) {
	case PAGE_CORE:
		known = core_write(launch, index, reg, value);
		break;
	case PAGE_QUEUE:
		known = trn_queue_write(&launch->queue[index], reg, value);
		break;
	case PAGE_DOORBELL:
		known = trn_queue_doorbell(&launch->queue[index], reg, value);
		break;
	case PAGE_WINDOW:
		known = window_write(launch, index, reg, value);
		break;
	case PAGE_ID: /* read only */
	case PAGE_COUNTERS:
	case PAGE_NONE:
		break;
	}
	if (!known)
		trn_chip_unknown(launch->chip, TRN_EXT_BAR0 + offset, true, value);
}

void trn_launch_kick(struct trn_launch *launch)
{
	if (launch->waiting == 0)
		return;
	for (uint32_t q = 0; q < TRN_EXT_QUEUES; q++)
		trn_queue_recheck(&launch->queue[q]);
}

/* Chips of a server have one host: queues of any of them may wait for a word of its memory. */
void trn_launch_written(struct trn_launch *launch)
{
	const struct trn_model *model = launch->chip->model;
	const uint32_t chips = model->pod->server_chips;
	const uint32_t first = launch->chip->server * chips;

	for (uint32_t c = first; c < first + chips; c++) {
		if (model->chips[c]->launch)
			trn_launch_kick(model->chips[c]->launch);
	}
}

/* The cores themselves are reset by trn_core_reset(). topsp_map: cores whose processors are. */
void trn_launch_reset(struct trn_launch *launch, uint32_t core_map, uint32_t topsp_map, bool device)
{
	/* First, or failing the runner would start the next in line on a core in reset. */
	for (uint32_t c = 0; c < TRN_CORES; c++) {
		if (device || (core_map >> c & 1))
			launch->line[c] = (struct trn_core_line){ .runner = TRN_QUEUE_NONE };
	}
	trn_collect_clear_line(launch, device ? UINT32_MAX : topsp_map);
	for (uint32_t q = 0; q < TRN_EXT_QUEUES; q++) {
		struct trn_queue *queue = &launch->queue[q];
		const bool hit = (queue->core != TRN_CORE_NONE && (core_map >> queue->core & 1)) ||
				 trn_collect_hit(queue, topsp_map);

		/* One that has stopped already keeps the record of its own error. */
		if (queue->state != TRN_QUEUE_DISABLED && queue->state != TRN_QUEUE_ERROR &&
		    (device || hit))
			trn_queue_fail_code(queue, TRN_EXT_ERR_RESET, 0);
		if (device)
			trn_queue_disable(queue);
	}
	if (!device)
		return;
	memset(launch->window, 0, sizeof(launch->window));
	memset(launch->claim, 0, sizeof(launch->claim));
}

uint64_t trn_launch_hash(struct trn_launch *launch, uint64_t hash)
{
	for (uint32_t q = 0; q < TRN_EXT_QUEUES; q++) {
		const struct trn_queue *queue = &launch->queue[q];

		hash = trn_hash_u64(hash, trn_u64(queue->head, queue->tail));
		hash = trn_hash_u64(hash, trn_u64(queue->state, queue->entries));
		hash = trn_hash_u64(hash, queue->base);
		hash = trn_hash_u64(hash, queue->status);
		hash = trn_hash_u64(hash, trn_u64(queue->window, queue->error.code));
		if (queue->list.active)
			hash = trn_hash_u64(hash, queue->list.next);
	}
	for (uint32_t w = 0; w < TRN_EXT_WINDOWS; w++) {
		for (uint32_t r = 0; r < TRN_EXT_WINDOW_RANGES; r++) {
			const struct trn_window_range *range = &launch->window[w][r];

			hash = trn_hash_u64(hash, range->base);
			hash = trn_hash_u64(hash, range->size ^ (uint64_t)range->rights << 62);
		}
	}
	for (uint32_t c = 0; c < TRN_CORES; c++) {
		/* Not who it is: that differs from run to run. */
		hash = trn_hash_u64(hash, launch->claim[c].token);
		hash = trn_hash_u64(hash, launch->claim[c].since_ps);
	}
	return trn_collect_hash(launch, hash);
}
