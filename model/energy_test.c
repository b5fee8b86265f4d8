/* SPDX-License-Identifier: Apache-2.0 */
/* Energy: what instructions and bytes take, idle power, and how full load comes together. */
#include <math.h>
#include <string.h>
#include "base/test_main.h"
#include "base/bits.h"
#include "model/private.h"
#include "model/test_core.h"

#define MS (UINT64_C(1000000) * TRN_PS_PER_NS)

static struct trn_test_core tc;

/* What the parts took between two looks, femtojoules below a nanojoule included. */
struct spent {
	uint64_t fj[TRN_ENERGY_PARTS];
};

static void look(struct spent *ret)
{
	for (uint32_t p = 0; p < TRN_ENERGY_PARTS; p++)
		ret->fj[p] =
			tc.host.chip->counters.busy_nj[p] * 1000000 + tc.host.chip->energy_rest[p];
}

static struct trn_isa_mem sbuf(enum trn_dtype dtype, uint32_t partitions, uint32_t offset,
			       uint32_t count)
{
	const struct trn_isa_ap ap =
		trn_test_ap(TRN_SPACE_SBUF, dtype, 0, partitions, offset, count);

	return trn_test_mem(&ap);
}

START_TEST(parts_have_names)
{
	for (uint32_t p = 0; p < TRN_ENERGY_PARTS; p++)
		ck_assert_uint_gt(strlen(trn_energy_part_name(p)), 1);
	ck_assert_ptr_null(trn_energy_part_name(TRN_ENERGY_PARTS));
	ck_assert_str_eq(trn_energy_part_name(TRN_ENERGY_HBM), "hbm");
}
END_TEST

static void setup(void)
{
	trn_test_core_open(&tc, "trn2");
}

static void teardown(void)
{
	trn_test_core_close(&tc);
}

static const struct trn_gen *gen(void)
{
	return tc.host.chip->gen;
}

/* Runs what was emitted and compares what it took on top of the launch itself, which reads its
 * descriptor over the link without a DMA engine. */
static void expect(const struct spent *want)
{
	struct spent before, after;

	look(&before);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	look(&after);
	for (uint32_t p = 0; p < TRN_ENERGY_PARTS; p++)
		ck_assert_msg(after.fj[p] - before.fj[p] == want->fj[p], "%s: %llu, not %llu",
			      trn_energy_part_name(p),
			      (unsigned long long)(after.fj[p] - before.fj[p]),
			      (unsigned long long)want->fj[p]);
}

static void emit_matmul(enum trn_dtype dtype, uint8_t flags)
{
	struct trn_isa_compute *inst = trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);

	inst->head.flags = flags;
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 64, 0, 32);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, 64, 1024, 100);
	inst->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 32, 0, 100);
}

static const struct {
	enum trn_dtype dtype;
	enum trn_gen_field field;
	uint32_t esize;
} formats[] = {
	{ TRN_DTYPE_F32, TRN_GEN_mac_f32_fj, 4 },
	{ TRN_DTYPE_BF16, TRN_GEN_mac_bf16_fj, 2 },
	{ TRN_DTYPE_F16, TRN_GEN_mac_bf16_fj, 2 },
	{ TRN_DTYPE_F8E4M3, TRN_GEN_mac_f8_fj, 1 },
};

START_TEST(products_by_format)
{
	const uint64_t macs = UINT64_C(64) * 32 * 100;
	const uint64_t operands = 64 * (32 + 100) * formats[_i].esize;
	struct spent want = { { 0 } };

	emit_matmul(formats[_i].dtype, 0);
	/* HALT is an instruction, too. */
	want.fj[TRN_ENERGY_TENSOR] = macs * gen()->value[formats[_i].field] + 2 * gen()->issue_fj;
	want.fj[TRN_ENERGY_SRAM] = operands * gen()->sbuf_fj + 32 * 100 * 4 * gen()->psum_fj;
	expect(&want);
	ck_assert_uint_eq(tc.host.chip->counters.matmul_macs, macs);
}
END_TEST

START_TEST(adding_reads_psum)
{
	struct spent one, two, three;

	look(&one);
	emit_matmul(TRN_DTYPE_BF16, 0);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	look(&two);
	trn_test_clear(&tc);
	emit_matmul(TRN_DTYPE_BF16, 0);
	emit_matmul(TRN_DTYPE_BF16, TRN_MATMUL_ACCUMULATE);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	look(&three);
	ck_assert_uint_eq(three.fj[TRN_ENERGY_SRAM] - two.fj[TRN_ENERGY_SRAM],
			  2 * (two.fj[TRN_ENERGY_SRAM] - one.fj[TRN_ENERGY_SRAM]) +
				  32 * 100 * 4 * gen()->psum_fj);
}
END_TEST

START_TEST(elements_by_engine)
{
	static const enum trn_engine engines[] = { TRN_ENGINE_VECTOR, TRN_ENGINE_SCALAR,
						   TRN_ENGINE_GPSIMD };
	const enum trn_engine engine = engines[_i];
	struct trn_isa_compute *inst = trn_test_emit(&tc, engine, TRN_OP_TENSOR_COPY, 2);
	const uint64_t fj[] = { gen()->vector_fj, gen()->scalar_fj, gen()->gpsimd_fj };
	struct spent want = { { 0 } };

	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 128, 0, 50);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, 128, 4096, 50);
	want.fj[engine] = 128 * 50 * fj[_i] + 2 * gen()->issue_fj;
	want.fj[TRN_ENERGY_SRAM] = 128 * 50 * (4 + 2) * gen()->sbuf_fj;
	expect(&want);
}
END_TEST

/* NOP, a move and a branch never leave the sequencer. */
START_TEST(sequencer)
{
	struct spent want = { { 0 } };

	for (uint32_t i = 0; i < 5; i++)
		(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	want.fj[TRN_ENERGY_SYNC] = 6 * gen()->issue_fj;
	expect(&want);
}
END_TEST

START_TEST(bytes_of_a_dma)
{
	const uint64_t bytes = 128 * 64 * 4;
	const bool host = _i == 0;
	struct trn_isa_dma *dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	struct spent want = { { 0 } };

	trn_test_arg(&tc, host ? TRN_TEST_HOST(TRN_TEST_IOVA_DATA) : TRN_AXI_HBM2 + 0x2000000,
		     1 << 20);
	dma->src = trn_test_dram(0, TRN_DTYPE_F32, 4096, 128, 64);
	dma->dst = sbuf(TRN_DTYPE_F32, 128, 0, 64);
	want.fj[TRN_ENERGY_SYNC] = 2 * gen()->issue_fj;
	want.fj[TRN_ENERGY_DMA] = bytes * gen()->dma_fj;
	want.fj[TRN_ENERGY_SRAM] = bytes * gen()->sbuf_fj;
	want.fj[host ? TRN_ENERGY_LINK : TRN_ENERGY_HBM] =
		bytes * (host ? gen()->link_fj : gen()->hbm_fj);
	expect(&want);
}
END_TEST

START_TEST(bytes_of_a_command)
{
	const uint64_t hbm = TRN_AXI_HBM0 + 0x2000000, bytes = 100000;
	struct spent a, b, c;

	look(&a);
	trn_test_cmd(&tc, TRN_CMD_COPY, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), hbm, bytes);
	trn_test_settle(&tc);
	look(&b);
	trn_test_cmd(&tc, TRN_CMD_FILL, hbm, bytes, 0);
	trn_test_settle(&tc);
	look(&c);
	ck_assert_uint_eq(tc.status->error, TRN_EXT_OK);
	ck_assert_uint_eq(b.fj[TRN_ENERGY_DMA] - a.fj[TRN_ENERGY_DMA], bytes * gen()->dma_fj);
	ck_assert_uint_eq(b.fj[TRN_ENERGY_HBM] - a.fj[TRN_ENERGY_HBM], bytes * gen()->hbm_fj);
	ck_assert_uint_eq(b.fj[TRN_ENERGY_LINK] - a.fj[TRN_ENERGY_LINK], bytes * gen()->link_fj);
	ck_assert_uint_eq(c.fj[TRN_ENERGY_DMA] - b.fj[TRN_ENERGY_DMA], bytes * gen()->dma_fj);
	ck_assert_uint_eq(c.fj[TRN_ENERGY_HBM] - b.fj[TRN_ENERGY_HBM], bytes * gen()->hbm_fj);
	ck_assert_uint_eq(c.fj[TRN_ENERGY_LINK], b.fj[TRN_ENERGY_LINK]);
}
END_TEST

/* Exact, and after a hundred days as well. */
START_TEST(idle_power_flows)
{
	const uint64_t days = 100 * UINT64_C(86400) * 1000;
	const uint64_t times_ms[] = { 1, 1000, days };
	struct trn_chip_counters counters;

	for (size_t i = 0; i < TRN_ARRAY_LEN(times_ms); i++) {
		uint64_t sum = 0;

		trn_model_run(tc.host.model, times_ms[i] * MS);
		trn_chip_counters(tc.host.chip, &counters);
		for (uint32_t p = 0; p < TRN_ENERGY_PARTS; p++) {
			ck_assert_uint_eq(counters.idle_nj[p],
					  times_ms[i] * 1000 *
						  gen()->value[TRN_GEN_idle_tensor_mw + p]);
			sum += counters.idle_nj[p] + counters.busy_nj[p];
		}
		ck_assert_uint_eq(trn_energy_total_nj(tc.host.chip), sum);
	}
}
END_TEST

/* A tensor engine that never rests draws what the derivation says of it. */
START_TEST(a_steady_stream)
{
	struct trn_energy_term term;
	struct trn_chip_counters counters;
	double mw;

	trn_test_core_init(&tc, "trn2");
	tc.host.config.timing_only = true; /* a thousand products take their time */
	trn_test_core_start(&tc);
	for (uint32_t i = 0; i < 1000; i++) {
		struct trn_isa_compute *inst =
			trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);

		inst->head.flags = TRN_MATMUL_DOUBLE_ROW;
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3, 0, 128, 0, 256);
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E4M3, 0, 128, 1024, 1024);
		inst->src0.ndims = inst->src1.ndims = 2;
		inst->src0.dims[0].step = 128;
		inst->src0.dims[0].num = 2;
		inst->src0.dims[1].step = 1;
		inst->src0.dims[1].num = 128;
		inst->src1.dims[0].step = 512;
		inst->src1.dims[0].num = 2;
		inst->src1.dims[1].step = 1;
		inst->src1.dims[1].num = 512;
		inst->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 128, 0, 512);
	}
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	trn_chip_counters(tc.host.chip, &counters);
	ck_assert(trn_energy_term(gen(), TRN_ENERGY_PARTS, &term));
	ck_assert_int_eq(term.part, TRN_ENERGY_TENSOR);
	/* nanojoules over picoseconds: 10^6 mW; the derivation is of eight cores */
	mw = 8e6 * (double)counters.busy_nj[TRN_ENERGY_TENSOR] /
	     (double)counters.busy_ps[TRN_ENGINE_TENSOR];
	ck_assert_msg(fabs(mw / (double)term.mw - 1.0) < 0.02, "%g mW, not %llu", mw,
		      (unsigned long long)term.mw);
	trn_test_core_close(&tc);
}
END_TEST

/* Four numbers in an element, and the scales are bytes of SBUF as well. */
START_TEST(products_with_scales)
{
	static const struct {
		enum trn_dtype dtype;
		uint32_t esize;
		enum trn_gen_field field;
	} kinds[] = { { TRN_DTYPE_F8E4M3FN_X4, 4, TRN_GEN_mac_mxf8_fj },
		      { TRN_DTYPE_F4E2M1_X4, 2, TRN_GEN_mac_mxf4_fj } };
	struct trn_isa_compute *inst;
	struct spent want = { { 0 } };

	trn_test_core_open(&tc, "trn3");
	inst = trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL_MX, 4);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, kinds[_i].dtype, 0, 32, 0, 64);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, kinds[_i].dtype, 0, 32, 16384, 100);
	inst->src2 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E8M0, 0, 4, 49152, 64);
	inst->src3 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F8E8M0, 0, 4, 57344, 100);
	inst->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 64, 0, 100);
	want.fj[TRN_ENERGY_TENSOR] =
		UINT64_C(4) * 32 * 64 * 100 * gen()->value[kinds[_i].field] + 2 * gen()->issue_fj;
	want.fj[TRN_ENERGY_SRAM] =
		(32 * (64 + 100) * kinds[_i].esize + 4 * (64 + 100)) * gen()->sbuf_fj +
		64 * 100 * 4 * gen()->psum_fj;
	expect(&want);
	trn_test_core_close(&tc);
}
END_TEST

/* H 1.4: the sum is the power the numbers were made from, and 0.385 against 0.275 pJ. */
START_TEST(full_load)
{
	const struct trn_gen *trn2 = trn_gen_find("trn2"), *trn3 = trn_gen_find("trn3");
	struct trn_energy_term term;

	for (unsigned int i = 0; trn_gen_at(i); i++) {
		const struct trn_gen *each = trn_gen_at(i);
		const double share =
			(double)trn_energy_full_load_mw(each) / (double)each->power_mw_busy;
		uint32_t parts = 0;

		ck_assert_msg(fabs(share - 1.0) < 0.001, "%s: %g of the power", each->name, share);
		for (uint32_t t = 0; trn_energy_term(each, t, &term); t++) {
			ck_assert(term.what && term.part < TRN_ENERGY_PARTS &&
				  term.field < TRN_GEN_FIELD_COUNT);
			parts |= 1u << term.part;
		}
		ck_assert_uint_eq(parts, (1u << TRN_ENERGY_PARTS) - 1);
	}
	ck_assert(fabs(trn_energy_fj_per_flop(trn2) - 385.0) < 1.0);
	ck_assert(fabs(trn_energy_fj_per_flop(trn3) - 275.0) < 1.0);
	ck_assert(fabs(trn_energy_fj_per_flop(trn2) / trn_energy_fj_per_flop(trn3) - 1.40) < 0.01);
}
END_TEST

/* ---- a trace of power ---- */

static uint64_t traced_nj, traced_ps;
static uint32_t samples;

static void trace(void *user, const struct trn_trace_item *item)
{
	(void)user;
	if (item->kind != TRN_TRACE_POWER)
		return;
	ck_assert_uint_eq(item->begin_ps, traced_ps);
	ck_assert_uint_ge(item->end_ps - item->begin_ps, 1000000);
	traced_nj += item->value * ((item->end_ps - item->begin_ps) / TRN_PS_PER_NS) / 1000;
	traced_ps = item->end_ps;
	samples++;
}

START_TEST(power_samples)
{
	double share;

	traced_nj = traced_ps = samples = 0;
	trn_test_core_init(&tc, "trn3");
	tc.host.config.host.trace = trace;
	trn_test_core_start(&tc);
	for (uint32_t i = 0; i < 200; i++)
		emit_matmul(TRN_DTYPE_F32, 0);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	ck_assert_uint_gt(samples, 5);
	/* Together they are the energy up to the last one; rounded once each. */
	share = (double)traced_nj / (double)tc.host.chip->power_nj;
	ck_assert_msg(fabs(share - 1.0) < 0.001, "%g", share);
	trn_test_core_close(&tc);
}
END_TEST

/* What is left out is the effect, not the work. */
START_TEST(timing_only_takes_the_same)
{
	struct spent spent[2];

	for (uint32_t i = 0; i < 2; i++) {
		trn_test_core_init(&tc, "trn3");
		tc.host.config.timing_only = i == 1;
		trn_test_core_start(&tc);
		emit_matmul(TRN_DTYPE_BF16, 0);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
		look(&spent[i]);
		trn_test_core_close(&tc);
	}
	ck_assert_mem_eq(&spent[0], &spent[1], sizeof(spent[0]));
}
END_TEST

/* Each end takes what its memory takes; the way is the sender's, byte by link. */
START_TEST(bytes_between_chips)
{
	static const struct {
		enum trn_ext_op op; /* COPY: by a command of chip 0; NOP: by a core of it */
		uint32_t from, to, sender;
	} ways[] = { { TRN_CMD_COPY, 0, 5, 0 },
		     { TRN_CMD_COPY, 5, 0, 5 },
		     { TRN_CMD_COPY, 2, 7, 2 },
		     { TRN_CMD_NOP, 0, 5, 0 } };
	const uint64_t bytes = 128 * 64 * 4;
	const uint32_t to = ways[_i].to, from = ways[_i].from;
	struct spent before[8], after;
	struct trn_pod_place place;
	uint64_t address[8];

	memset(&tc, 0, sizeof(tc));
	trn_test_host_init_pod(&tc.host, "trn2-48xl");
	trn_test_core_start(&tc);
	for (uint32_t c = 0; c < 8; c++) {
		trn_pod_place(tc.host.config.pod, c, &place);
		address[c] = trn_peer_address(&place, TRN_AXI_HBM1);
		trn_test_host_select(&tc.host, c);
		look(&before[c]);
	}
	trn_test_host_select(&tc.host, 0);
	if (ways[_i].op == TRN_CMD_COPY) {
		trn_test_cmd(&tc, TRN_CMD_COPY, address[to], address[from], bytes);
		trn_test_settle(&tc);
		ck_assert_uint_eq(tc.status->error, TRN_EXT_OK);
	} else {
		struct trn_isa_dma *dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);

		trn_test_arg(&tc, address[to], bytes);
		dma->src = sbuf(TRN_DTYPE_F32, 128, 0, 64);
		dma->dst = trn_test_dram(0, TRN_DTYPE_F32, 0, 128, 64);
		ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_OK);
	}
	for (uint32_t c = 0; c < 8; c++) {
		const bool reads = c == from && ways[_i].op == TRN_CMD_COPY;

		trn_test_host_select(&tc.host, c);
		look(&after);
		ck_assert_uint_eq(after.fj[TRN_ENERGY_HBM] - before[c].fj[TRN_ENERGY_HBM],
				  c == to || reads ? bytes * gen()->hbm_fj : 0);
		/* 0 to 5, 2 to 7: one step in each dimension. */
		ck_assert_uint_eq(after.fj[TRN_ENERGY_LINK] - before[c].fj[TRN_ENERGY_LINK],
				  c == ways[_i].sender ? 2 * bytes * gen()->link_hop_fj : 0);
		ck_assert_uint_eq(after.fj[TRN_ENERGY_DMA] - before[c].fj[TRN_ENERGY_DMA],
				  c == 0 ? bytes * gen()->dma_fj : 0);
	}
	trn_test_core_close(&tc);
}
END_TEST

static Suite *energy_suite(void)
{
	Suite *suite = suite_create("energy");
	TCase *device = tcase_create("device"), *sums = tcase_create("sums");

	tcase_add_checked_fixture(device, setup, teardown);
	tcase_add_loop_test(device, products_by_format, 0, (int)TRN_ARRAY_LEN(formats));
	tcase_add_test(device, adding_reads_psum);
	tcase_add_loop_test(device, elements_by_engine, 0, 3);
	tcase_add_test(device, sequencer);
	tcase_add_loop_test(device, bytes_of_a_dma, 0, 2);
	tcase_add_test(device, bytes_of_a_command);
	tcase_add_test(device, idle_power_flows);
	suite_add_tcase(suite, device);
	tcase_add_test(sums, parts_have_names);
	tcase_add_loop_test(sums, products_with_scales, 0, 2);
	tcase_add_loop_test(sums, bytes_between_chips, 0, 4);
	tcase_add_test(sums, a_steady_stream);
	tcase_add_test(sums, full_load);
	tcase_add_test(sums, power_samples);
	tcase_add_test(sums, timing_only_takes_the_same);
	suite_add_tcase(suite, sums);
	return suite;
}

TRN_TEST_MAIN(energy_suite)
