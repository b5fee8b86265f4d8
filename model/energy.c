/* SPDX-License-Identifier: Apache-2.0 */
/* Energy from the same events as time: an instruction takes what its products, elements and
 * bytes take, by the generation's table; idle power flows beside. docs/energy.md derives the
 * numbers. Nothing here moves time or data. */
#include "model/core.h"
#include "model/fabric.h"
#include "model/parts.h"

#define FJ_PER_NJ 1000000u
#define LANES 128u
#define COLUMNS_MAX 512u                         /* moving columns of one matmul */
#define POWER_SAMPLE_PS (1000000u * UINT64_C(1)) /* between two samples of a trace: 1 us */

static const char *const names[TRN_ENERGY_PARTS] = { "tensor", "vector", "scalar", "gpsimd", "sync",
						     "sram",   "hbm",    "dma",    "link" };

const char *trn_energy_part_name(uint32_t part)
{
	return part < TRN_ENERGY_PARTS ? names[part] : NULL;
}

/* ---- events ---- */

static void spend(struct trn_chip *chip, enum trn_energy_part part, uint64_t events, uint64_t fj)
{
	const uint64_t sum = chip->energy_rest[part] + events * fj;

	chip->counters.busy_nj[part] += sum / FJ_PER_NJ;
	chip->energy_rest[part] = (uint32_t)(sum % FJ_PER_NJ);
}

/* A trace gets the power since the last sample, at most once a microsecond. */
static void power_sample(struct trn_chip *chip)
{
	const uint64_t now = chip->model->now_ps;
	uint64_t total;

	if (!chip->listener || now - chip->power_ps < POWER_SAMPLE_PS)
		return;
	total = trn_energy_total_nj(chip);
	chip->listener(chip->model->host.user,
		       &(struct trn_trace_item){
			       .kind = TRN_TRACE_POWER,
			       .name = "power",
			       .begin_ps = chip->power_ps,
			       .end_ps = now,
			       .chip = chip->index,
			       /* nanojoules a microsecond are milliwatts */
			       .value = (total - chip->power_nj) * TRN_PS_PER_NS /
					((now - chip->power_ps) / TRN_PS_PER_NS),
		       });
	chip->power_ps = now;
	chip->power_nj = total;
}

void trn_energy_issue(struct trn_chip *chip, uint32_t engine)
{
	spend(chip, (enum trn_energy_part)engine, 1, chip->gen->issue_fj);
}

uint64_t trn_tensor_macs(const struct trn_inst *inst)
{
	const struct trn_view *dst = &inst->view[TRN_AP_DST];
	const uint32_t rows = inst->head.op == TRN_OP_MATMUL_MX        ? TRN_MX_NUMBERS :
			      inst->head.flags & TRN_MATMUL_DOUBLE_ROW ? 2 :
									 1;

	return (uint64_t)dst->partitions * dst->count * inst->view[TRN_AP_SRC0].partitions * rows;
}

static uint64_t mac_fj_of(const struct trn_gen *gen, const struct trn_view *view)
{
	if (view->dtype == TRN_DTYPE_F32)
		return gen->mac_f32_fj;
	return view->esize == 1 ? gen->mac_f8_fj : gen->mac_bf16_fj;
}

/* The dearer operand decides. A transpose takes what the product with the identity takes. */
static uint64_t mac_fj(const struct trn_gen *gen, const struct trn_inst *inst)
{
	const struct trn_view *a = &inst->view[TRN_AP_SRC0], *b = &inst->view[TRN_AP_SRC1];

	if (inst->head.op == TRN_OP_TRANSPOSE)
		return mac_fj_of(gen, a);
	if (inst->head.op != TRN_OP_MATMUL_MX)
		return trn_max_u64(mac_fj_of(gen, a), mac_fj_of(gen, b));
	return a->dtype == TRN_DTYPE_F4E2M1_X4 && b->dtype == TRN_DTYPE_F4E2M1_X4 ?
		       gen->mac_mxf4_fj :
		       gen->mac_mxf8_fj;
}

static uint64_t element_fj(const struct trn_gen *gen, uint32_t engine)
{
	switch (engine) {
	case TRN_ENERGY_VECTOR:
		return gen->vector_fj;
	case TRN_ENERGY_SCALAR:
		return gen->scalar_fj;
	case TRN_ENERGY_GPSIMD:
		return gen->gpsimd_fj;
	default:
		return 0;
	}
}

static void spend_view(struct trn_chip *chip, const struct trn_view *view, uint32_t times)
{
	const struct trn_gen *gen = chip->gen;

	spend(chip, TRN_ENERGY_SRAM, (uint64_t)view->partitions * view->count * view->esize * times,
	      view->space == TRN_SPACE_PSUM ? gen->psum_fj : gen->sbuf_fj);
}

static void spend_compute(struct trn_chip *chip, const struct trn_inst *inst)
{
	uint64_t elements = 0;

	for (uint32_t s = 0; s < TRN_AP_COUNT; s++) {
		const struct trn_view *view = &inst->view[s];
		/* Adding to PSUM reads it first. */
		const bool twice = s == TRN_AP_DST && inst->engine == TRN_ENGINE_TENSOR &&
				   inst->head.flags & TRN_MATMUL_ACCUMULATE;

		if (!(inst->live >> s & 1))
			continue;
		elements = trn_max_u64(elements, (uint64_t)view->partitions * view->count);
		spend_view(chip, view, twice ? 2 : 1);
	}
	if (inst->engine == TRN_ENGINE_TENSOR)
		spend(chip, TRN_ENERGY_TENSOR, trn_tensor_macs(inst), mac_fj(chip->gen, inst));
	else
		spend(chip, (enum trn_energy_part)inst->engine, elements,
		      element_fj(chip->gen, inst->engine));
}

/* Each end of a transfer takes its own; links are the sender's. */
static void spend_place(struct trn_chip *chip, uint64_t address, uint64_t bytes)
{
	const struct trn_gen *gen = chip->gen;

	chip = trn_chip_at(chip, &address);
	if (!chip)
		return;
	switch (trn_chip_place(chip, address)) {
	case TRN_PLACE_HBM:
		spend(chip, TRN_ENERGY_HBM, bytes, gen->hbm_fj);
		break;
	case TRN_PLACE_CORE:
		spend(chip, TRN_ENERGY_SRAM, bytes, gen->sbuf_fj);
		break;
	case TRN_PLACE_HOST:
		spend(chip, TRN_ENERGY_LINK, bytes, gen->link_fj);
		break;
	default: /* a register */
		break;
	}
}

static void spend_links(struct trn_chip *chip, uint64_t dst, uint64_t src, uint64_t bytes)
{
	struct trn_chip *from = trn_chip_at(chip, &src);
	const struct trn_chip *to = trn_chip_at(chip, &dst);
	uint16_t way[TRN_POD_PATH_MAX];

	if (from && to && from != to)
		spend(from, TRN_ENERGY_LINK,
		      bytes * trn_pod_route(trn_fabric_graph(chip->model->fabric), from->index,
					    to->index, way),
		      chip->gen->link_hop_fj);
}

/* SBUF is the chip's own, wherever it lies. */
static uint64_t side_address(const struct trn_side *side)
{
	return side->space == TRN_SPACE_DRAM ? side->arg + side->offset : 0;
}

static void spend_dma(struct trn_chip *chip, const struct trn_inst *inst)
{
	const struct trn_side *sides[] = { &inst->dst, &inst->src };
	uint64_t most = 0;

	for (uint32_t s = 0; s < TRN_ARRAY_LEN(sides); s++) {
		const struct trn_side *side = sides[s];
		const uint64_t bytes = side->count * side->esize;

		most = trn_max_u64(most, bytes);
		if (side->space == TRN_SPACE_DRAM)
			spend_place(chip, side->arg + side->offset, bytes);
		else
			spend_view(chip, &side->view, 1);
	}
	spend(chip, TRN_ENERGY_DMA, most, chip->gen->dma_fj);
	spend_links(chip, side_address(&inst->dst), side_address(&inst->src), most);
}

void trn_energy_move(struct trn_chip *chip, uint64_t dst, uint64_t src, uint64_t bytes)
{
	spend(chip, TRN_ENERGY_DMA, bytes, chip->gen->dma_fj);
	spend_place(chip, dst, bytes);
	if (src != TRN_ENERGY_NOWHERE)
		spend_links(chip, dst, src, bytes);
	if (src != TRN_ENERGY_NOWHERE)
		spend_place(chip, src, bytes);
	power_sample(chip);
}

void trn_energy_retire(struct trn_core *core, const struct trn_inst *inst)
{
	trn_energy_issue(core->chip, inst->engine);
	if (inst->form->kind == TRN_KIND_COMPUTE)
		spend_compute(core->chip, inst);
	else if (inst->form->kind == TRN_KIND_DMA)
		spend_dma(core->chip, inst);
	power_sample(core->chip);
}

/* ---- sums ---- */

/* Milliwatts for picoseconds are femtojoules; whole microseconds first, so that they fit. */
void trn_energy_idle(const struct trn_chip *chip, uint64_t ret_nj[TRN_ENERGY_PARTS])
{
	const uint64_t now = chip->model->now_ps;

	for (uint32_t p = 0; p < TRN_ENERGY_PARTS; p++) {
		const uint64_t mw = chip->gen->value[TRN_GEN_idle_tensor_mw + p];

		ret_nj[p] = now / FJ_PER_NJ * mw + now % FJ_PER_NJ * mw / FJ_PER_NJ;
	}
}

uint64_t trn_energy_total_nj(const struct trn_chip *chip)
{
	uint64_t idle[TRN_ENERGY_PARTS], sum = 0;

	trn_energy_idle(chip, idle);
	for (uint32_t p = 0; p < TRN_ENERGY_PARTS; p++)
		sum += idle[p] + chip->counters.busy_nj[p];
	return sum;
}

/* ---- full load ---- */

/* Elements a microsecond of an engine of 128 lanes, FP32, all cores. */
static uint64_t elements_per_us(const struct trn_gen *gen, enum trn_energy_part part)
{
	return gen->cores * LANES * trn_gen_clock_mhz(gen, part);
}

/* Events a microsecond of matmuls that each have so many in one row, 128 x 128 x 512, on all
 * cores in the fastest 8-bit format. */
static uint64_t tensor_events(const struct trn_gen *gen, uint64_t each)
{
	const uint64_t rate = gen->features & TRN_FEATURE_MX ? gen->matmul_rate_mxf8 :
							       gen->matmul_rate_f8;

	return gen->cores * gen->clock_tensor_mhz * rate * each / (100u * COLUMNS_MAX);
}

enum {
	TERMS_IDLE = TRN_ENERGY_PARTS
};

/* One term behind the idle ones: what, part, its constant, and how often. */
static bool busy_term(const struct trn_gen *gen, uint32_t index, struct trn_energy_term *ret)
{
	const bool mx = gen->features & TRN_FEATURE_MX;
	const uint64_t hbm = gen->hbm_bytes_per_s / 1000000u;
	const uint64_t vector = elements_per_us(gen, TRN_ENERGY_VECTOR);
	const uint64_t scalar = elements_per_us(gen, TRN_ENERGY_SCALAR);
	const uint64_t gpsimd = elements_per_us(gen, TRN_ENERGY_GPSIMD);
	const struct trn_energy_term terms[] = {
		{ mx ? "MXFP8 products" : "FP8 products", TRN_ENERGY_TENSOR,
		  tensor_events(gen, LANES * LANES * COLUMNS_MAX),
		  mx ? TRN_GEN_mac_mxf8_fj : TRN_GEN_mac_f8_fj, 0 },
		{ "bytes of both operands", TRN_ENERGY_SRAM,
		  tensor_events(gen, LANES * (LANES + COLUMNS_MAX)), TRN_GEN_sbuf_fj, 0 },
		/* FP32 sums, read and written: once for all rows of an instruction */
		{ "bytes of PSUM, read and written", TRN_ENERGY_SRAM,
		  tensor_events(gen, LANES * COLUMNS_MAX * 8) / (mx ? TRN_MX_NUMBERS : 2),
		  TRN_GEN_psum_fj, 0 },
		{ "FP32 elements", TRN_ENERGY_VECTOR, vector, TRN_GEN_vector_fj, 0 },
		{ "FP32 elements", TRN_ENERGY_SCALAR, scalar, TRN_GEN_scalar_fj, 0 },
		{ "FP32 elements", TRN_ENERGY_GPSIMD, gpsimd, TRN_GEN_gpsimd_fj, 0 },
		{ "bytes of these elements, read and written", TRN_ENERGY_SRAM,
		  8 * (vector + scalar + gpsimd), TRN_GEN_sbuf_fj, 0 },
		{ "bytes streamed", TRN_ENERGY_HBM, hbm, TRN_GEN_hbm_fj, 0 },
		{ "the same bytes", TRN_ENERGY_DMA, hbm, TRN_GEN_dma_fj, 0 },
		{ "the same bytes, into SBUF", TRN_ENERGY_SRAM, hbm, TRN_GEN_sbuf_fj, 0 },
	};

	if (index >= TRN_ARRAY_LEN(terms))
		return false;
	*ret = terms[index];
	/* femtojoules a microsecond are nanowatts */
	ret->mw = (ret->events_per_us * gen->value[ret->field] + FJ_PER_NJ / 2) / FJ_PER_NJ;
	return true;
}

bool trn_energy_term(const struct trn_gen *gen, uint32_t index, struct trn_energy_term *ret)
{
	if (index >= TERMS_IDLE)
		return busy_term(gen, index - TERMS_IDLE, ret);
	*ret = (struct trn_energy_term){
		.what = "idle",
		.part = (enum trn_energy_part)index,
		.field = TRN_GEN_idle_tensor_mw + index,
		.mw = gen->value[TRN_GEN_idle_tensor_mw + index],
	};
	return true;
}

uint64_t trn_energy_full_load_mw(const struct trn_gen *gen)
{
	struct trn_energy_term term;
	uint64_t sum = 0;

	for (uint32_t i = 0; trn_energy_term(gen, i, &term); i++)
		sum += term.mw;
	return sum;
}

double trn_energy_fj_per_flop(const struct trn_gen *gen)
{
	return gen->peak_f8_tflops == 0 ?
		       0.0 :
		       (double)trn_energy_full_load_mw(gen) / (double)gen->peak_f8_tflops;
}
