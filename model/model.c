/* SPDX-License-Identifier: Apache-2.0 */
/* Creating and ending a model and its chips, and the state hash. Parts of a
 * chip that most runs do not need are made when first used. */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/hash.h"
#include "model/fabric.h"
#include "model/parts.h"
#include "model/slots.h"

#define HBM_MIN (32 * TRN_MIB) /* firmware keeps the first 16 MiB (driver facts 7.8) */
#define ROUTING_IDS 128u       /* driver facts 9.1 */

static const struct trn_pod alone = {
	.name = "chip",
	.gen = "",
	.shape = TRN_POD_CHIP,
	.racks = 1,
	.servers = 1,
	.server_chips = 1,
	.dims = { 1, 1, 1 },
};

static const char *config_fault(const struct trn_model_config *config)
{
	const struct trn_model_host *host = &config->host;

	if (!config->alloc || !config->alloc->realloc)
		return "alloc";
	if (!host->resolve || !host->reserve || !host->unreserve)
		return "host";
	if (!config->gen)
		return "gen";
	if (config->fabric && !config->pod)
		return "pod";
	if (config->pod && trn_pod_chips(config->pod) > TRN_POD_CHIPS_MAX)
		return "pod";
	if (config->hbm_bytes != 0 &&
	    (config->hbm_bytes < HBM_MIN || config->hbm_bytes > TRN_BAR4_SLOT ||
	     config->hbm_bytes % TRN_STORE_PAGE != 0))
		return "hbm_bytes";
	/* There BAR4 is four stacks without gaps, and a BAR is a power of two. */
	if (config->pci_revision == TRN_PCI_REVISION_QEMU && config->hbm_bytes != 0 &&
	    !trn_is_pow2(config->hbm_bytes))
		return "hbm_bytes";
	if (config->pci_revision > UINT8_MAX)
		return "pci_revision";
	if (config->routing_id >= ROUTING_IDS)
		return "routing_id";
	return NULL;
}

static uint64_t hbm_bytes(const struct trn_model_config *config)
{
	uint64_t bytes = config->hbm_bytes != 0 ? config->hbm_bytes : config->gen->hbm_bytes;

	while (config->pci_revision == TRN_PCI_REVISION_QEMU && !trn_is_pow2(bytes))
		bytes &= bytes - 1;
	return bytes;
}

static void chip_destroy(struct trn_chip *chip)
{
	struct trn_model *model = chip->model;

	trn_launch_destroy(chip->launch);
	for (uint32_t i = 0; i < TRN_CORES; i++)
		trn_core_destroy(chip->core[i]);
	for (uint32_t i = 0; i < TRN_DMA_ENGINES; i++)
		trn_udma_destroy(chip->udma[i]);
	trn_misc_destroy(chip->misc);
	trn_notific_destroy(chip->notific);
	trn_plain_destroy(chip->plain);
	for (uint32_t i = 0; i < TRN_HBMS; i++) {
		trn_store_fini(model, &chip->hbm[i]);
		trn_slots_destroy(model, chip->hbm_time[i]);
	}
	for (uint32_t i = 0; i < TRN_SENGS; i++)
		trn_store_fini(model, &chip->preproc[i]);
	for (uint32_t i = 0; i < TRN_TOPSP_BLOCKS; i++)
		trn_store_fini(model, &chip->topsp_ram[i]);
	trn_free(model->alloc, chip);
}

static int chip_create(struct trn_model *model, uint32_t index, struct trn_chip **ret_chip)
{
	struct trn_chip *chip = trn_alloc_zero(model->alloc, sizeof(*chip));
	int r;

	if (!chip)
		return -ENOMEM;
	chip->model = model;
	chip->index = index;
	chip->server = index / model->pod->server_chips;
	chip->gen = model->config.gen;
	chip->listener = model->host.trace;
	chip->hbm_bytes = hbm_bytes(&model->config);
	for (uint32_t i = 0; i < TRN_HBMS; i++)
		chip->hbm[i].size = chip->hbm_bytes;
	for (uint32_t i = 0; i < TRN_SENGS; i++)
		chip->preproc[i].size = TRN_AXI_PREPROC_SIZE;
	for (uint32_t i = 0; i < TRN_TOPSP_BLOCKS; i++)
		chip->topsp_ram[i].size = TRN_BAR0_TOPSP_STRIDE;
	r = trn_plain_create(chip, &chip->plain);
	if (r == 0)
		r = trn_notific_create(chip, &chip->notific);
	if (r == 0)
		r = trn_misc_create(chip, &chip->misc);
	if (r < 0) {
		chip_destroy(chip);
		return r;
	}
	*ret_chip = chip;
	return 0;
}

static int chips_create(struct trn_model *model, const char **ret_why)
{
	const uint32_t chips = trn_pod_chips(model->pod);
	int r = 0;

	model->chips = trn_alloc_array(model->alloc, chips, sizeof(*model->chips));
	if (!model->chips)
		return -ENOMEM;
	for (; r == 0 && model->chip_count < chips; model->chip_count++) {
		r = chip_create(model, model->chip_count, &model->chips[model->chip_count]);
		if (r < 0)
			return r;
	}
	return chips > 1 ? trn_fabric_create(model, &model->fabric, ret_why) : 0;
}

int trn_model_create(const struct trn_model_config *config, struct trn_model **ret_model,
		     const char **ret_why)
{
	struct trn_model *model;
	const char *why = config_fault(config);
	int r = 0;

	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	model = trn_alloc_zero(config->alloc, sizeof(*model));
	if (!model)
		return -ENOMEM;
	model->alloc = config->alloc;
	model->host = config->host;
	model->config = *config;
	if (model->config.api_version == 0)
		model->config.api_version = TRN_MBOX_API_NEW;
	model->pod = config->pod ? config->pod : &alone;
	if (config->pod && !config->fabric)
		model->config.fabric = trn_pod_fabric_find(config->pod, NULL);
	trn_heap_init(&model->calendar, config->alloc);
	trn_prng_seed(&model->prng, config->seed);
	r = chips_create(model, ret_why);
	if (r < 0) {
		trn_model_destroy(model);
		return r;
	}
	*ret_model = model;
	return 0;
}

void trn_model_destroy(struct trn_model *model)
{
	const struct trn_alloc *alloc;

	if (!model)
		return;
	alloc = model->alloc;
	for (uint32_t i = 0; i < model->chip_count; i++)
		chip_destroy(model->chips[i]);
	trn_free(alloc, model->chips);
	trn_fabric_destroy(model->fabric);
	trn_fault_destroy(model);
	trn_heap_fini(&model->calendar);
	trn_free(alloc, model);
}

struct trn_chip *trn_model_chip(struct trn_model *model, uint32_t index)
{
	return index < model->chip_count ? model->chips[index] : NULL;
}

uint32_t trn_model_chips(const struct trn_model *model)
{
	return model->chip_count;
}

const struct trn_pod *trn_model_pod(const struct trn_model *model)
{
	return model->pod;
}

struct trn_core *trn_chip_core(struct trn_chip *chip, uint32_t index)
{
	if (!chip->core[index] && trn_core_create(chip, index, &chip->core[index]) < 0)
		chip->model->lost++;
	return chip->core[index];
}

struct trn_launch *trn_chip_launch(struct trn_chip *chip)
{
	if (!chip->launch && !chip->model->config.no_extension &&
	    trn_launch_create(chip, &chip->launch) < 0)
		chip->model->lost++;
	return chip->launch;
}

struct trn_udma *trn_chip_udma(struct trn_chip *chip, uint32_t index)
{
	if (!chip->udma[index] && trn_udma_create(chip, index, &chip->udma[index]) < 0)
		chip->model->lost++;
	return chip->udma[index];
}

void trn_model_kick(struct trn_model *model)
{
	for (uint32_t i = 0; i < model->chip_count; i++) {
		if (model->chips[i]->launch)
			trn_launch_kick(model->chips[i]->launch);
	}
}

void trn_chip_counters(const struct trn_chip *chip, struct trn_chip_counters *ret)
{
	*ret = chip->counters;
	trn_energy_idle(chip, ret->idle_nj);
}

static uint64_t chip_hash(struct trn_chip *chip, uint64_t hash)
{
	hash = trn_hash_bytes(hash, &chip->counters, sizeof(chip->counters));
	hash = trn_hash_bytes(hash, chip->topsp, sizeof(chip->topsp));
	hash = trn_hash_bytes(hash, chip->cfg_bar, sizeof(chip->cfg_bar));
	hash = trn_hash_u64(hash, trn_u64(chip->cfg_command, chip->in_reset));
	hash = trn_hash_u64(hash, chip->dead);
	hash = trn_plain_hash(chip->plain, hash);
	hash = trn_notific_hash(chip->notific, hash);
	hash = trn_misc_hash(chip->misc, hash);
	for (uint32_t i = 0; i < TRN_DMA_ENGINES; i++) {
		if (chip->udma[i])
			hash = trn_udma_hash(chip->udma[i], trn_hash_u64(hash, i));
	}
	for (uint32_t i = 0; i < TRN_CORES; i++) {
		if (chip->core[i])
			hash = trn_core_hash(chip->core[i], trn_hash_u64(hash, i));
	}
	if (chip->launch)
		hash = trn_launch_hash(chip->launch, hash);
	for (uint32_t i = 0; i < TRN_HBMS; i++)
		hash = trn_store_hash(&chip->hbm[i], trn_hash_u64(hash, i));
	for (uint32_t i = 0; i < TRN_SENGS; i++)
		hash = trn_store_hash(&chip->preproc[i], trn_hash_u64(hash, i));
	for (uint32_t i = 0; i < TRN_TOPSP_BLOCKS; i++)
		hash = trn_store_hash(&chip->topsp_ram[i], trn_hash_u64(hash, i));
	return hash;
}

uint64_t trn_model_hash(struct trn_model *model)
{
	uint64_t hash = trn_hash_u64(TRN_HASH_INIT, model->now_ps);

	hash = trn_hash_u64(hash, model->calendar.count);
	hash = trn_hash_u64(hash, model->lost);
	for (uint32_t i = 0; i < model->chip_count; i++)
		hash = chip_hash(model->chips[i], hash);
	return model->fabric ? trn_fabric_hash(model->fabric, hash) : hash;
}

void trn_chip_trace(struct trn_chip *chip, trn_trace_fn *trace)
{
	trn_trace_end(chip);
	chip->listener = trace;
	trn_trace_begin(chip);
}

void trn_model_trace(struct trn_model *model, trn_trace_fn *trace)
{
	for (uint32_t c = 0; c < model->chip_count; c++)
		trn_chip_trace(model->chips[c], trace);
}
