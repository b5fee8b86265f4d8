/* SPDX-License-Identifier: Apache-2.0 */
/* A program through the whole core: memory to SBUF, a matrix product, PSUM to memory. */
#include <string.h>
#include "base/number.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define M 64
#define K 128
#define N 96

static void fill(struct trn_test_core *tc, uint16_t *dst, size_t count)
{
	for (size_t i = 0; i < count; i++)
		dst[i] = trn_f32_to_bf16((float)(2.0 * trn_prng_unit(&tc->prng) - 1.0));
}

START_TEST(gemm_tile_from_memory_to_memory)
{
	struct trn_test_core tc;
	uint16_t a[K * M], b[K * N];
	const struct trn_isa_ap as = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, K, 0, M);
	const struct trn_isa_ap bs = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 0, K, 1024, N);
	const struct trn_isa_ap cp = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, M, 0, N);
	const struct trn_isa_ap cs = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, M, 4096, N);
	struct trn_isa_dma *dma;
	struct trn_isa_compute *inst;
	const float *c;

	trn_test_core_open(&tc, "trn2");
	fill(&tc, a, K * M);
	fill(&tc, b, K * N);
	memcpy(tc.data, a, sizeof(a));
	memcpy(tc.data + sizeof(a), b, sizeof(b));
	trn_test_arg(&tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA), sizeof(a));
	trn_test_arg(&tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA) + sizeof(a), sizeof(b));
	trn_test_arg(&tc, TRN_TEST_HOST(TRN_TEST_IOVA_DATA) + 0x100000, M * N * 4);
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_mem(&as);
	dma->src = trn_test_dram(0, TRN_DTYPE_BF16, 0, K, M);
	dma->head.inc_sem = 3;
	dma->head.inc_mode = TRN_INC_ADD;
	dma->head.inc_value = 1;
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_SYNC, TRN_OP_DMA_COPY);
	dma->dst = trn_test_mem(&bs);
	dma->src = trn_test_dram(1, TRN_DTYPE_BF16, 0, K, N);
	dma->head.inc_sem = 3;
	dma->head.inc_mode = TRN_INC_ADD;
	dma->head.inc_value = 1;
	inst = trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);
	inst->head.wait_mode = TRN_WAIT_GE;
	inst->head.wait_sem = 3;
	inst->head.wait_value = 32;
	inst->head.inc_sem = 4;
	inst->head.inc_mode = TRN_INC_ADD;
	inst->head.inc_value = 1;
	inst->dst = cp;
	inst->src0 = as;
	inst->src1 = bs;
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
	inst->head.wait_mode = TRN_WAIT_GE;
	inst->head.wait_sem = 4;
	inst->head.wait_value = 1;
	inst->dst = cs;
	inst->src0 = cp;
	dma = trn_test_emit_dma(&tc, TRN_ENGINE_VECTOR, TRN_OP_DMA_COPY);
	dma->src = trn_test_mem(&cs);
	dma->dst = trn_test_dram(2, TRN_DTYPE_F32, 0, M, N);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_uint_eq(tc.status->head, 1);
	c = (const float *)(const void *)(tc.data + 0x100000);
	for (int m = 0; m < M; m++) {
		for (int n = 0; n < N; n++) {
			float sum = 0.0f;

			for (int k = 0; k < K; k++)
				sum = __builtin_fmaf(trn_bf16_to_f32(a[k * M + m]),
						     trn_bf16_to_f32(b[k * N + n]), sum);
			ck_assert_float_eq(c[m * N + n], sum);
		}
	}
	trn_test_core_close(&tc);
}
END_TEST

/* ---- the core's window ---- */

START_TEST(window_of_both_memories)
{
	struct trn_test_core tc;
	struct trn_core *core;
	uint8_t in[600], out[600];

	trn_test_core_open(&tc, "trn3");
	core = trn_chip_core(tc.host.chip, 0);
	for (uint32_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 3 + 1);
	/* Never written: zeros, without storage. */
	memset(out, 0xff, sizeof(out));
	ck_assert_int_eq(trn_core_window_read(core, 77, out, 600), 0);
	ck_assert_uint_eq(out[0] | out[599], 0);
	/* On trn3 partitions follow each other without a gap: one write over the seam. */
	ck_assert_int_eq(trn_core_window_write(core, 0x40000 - 300, in, 600), 0);
	ck_assert_int_eq(trn_core_window_read(core, 0x40000 - 300, out, 600), 0);
	ck_assert_mem_eq(out, in, 600);
	ck_assert_int_eq(trn_core_window_read(core, 0x40000, out, 300), 0);
	ck_assert_mem_eq(out, in + 300, 300);
	ck_assert_int_eq(trn_core_window_write(core, TRN_TPB_PSUM + 0x4000 - 4, in, 8), 0);
	ck_assert_int_eq(trn_core_window_read(core, TRN_TPB_PSUM + 0x4000 - 4, out, 8), 0);
	ck_assert_mem_eq(out, in, 8);
	/* Past the ends: all or nothing. */
	ck_assert_int_eq(trn_core_window_write(core, TRN_TPB_PSUM - 4, in, 8), 0);
	ck_assert_int_lt(trn_core_window_write(core, TRN_TPB_PSUM + TRN_TPB_PSUM_SIZE - 4, in, 8),
			 0);
	ck_assert_int_lt(trn_core_window_read(core, TRN_TPB_PSUM + TRN_TPB_PSUM_SIZE, out, 1), 0);
	ck_assert_int_lt(trn_core_window_read(core, UINT32_MAX, out, 2), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* On trn2 the last 32 KiB of each partition's place are not there. */
START_TEST(window_of_a_shorter_partition)
{
	struct trn_test_core tc;
	struct trn_core *core;
	uint8_t bytes[8] = { 0 };

	trn_test_core_open(&tc, "trn2");
	core = trn_chip_core(tc.host.chip, 0);
	ck_assert_int_eq(trn_core_window_write(core, 224 * 1024 - 8, bytes, 8), 0);
	ck_assert_int_lt(trn_core_window_write(core, 224 * 1024 - 7, bytes, 8), 0);
	ck_assert_int_lt(trn_core_window_read(core, 224 * 1024, bytes, 1), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* What the host wrote into PSUM may be read by an instruction. */
START_TEST(psum_written_through_the_window)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	float have;

	trn_test_core_open(&tc, "trn2");
	inst = trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_TENSOR_COPY, 2);
	inst->head.wait_mode = TRN_WAIT_GE;
	inst->head.wait_value = 1;
	inst->src0 = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 1, 64, 1);
	inst->dst = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 1, 0, 1);
	(void)trn_test_emit(&tc, TRN_ENGINE_VECTOR, TRN_OP_HALT, 1);
	trn_test_start(&tc);
	trn_test_settle(&tc);
	trn_test_poke(&tc, TRN_SPACE_PSUM, 0, 1, 64, &(float){ 2.5f }, 4);
	trn_test_wr(&tc.host, TRN_BAR0_TPB + TRN_TPB_SEM_INC, 1);
	trn_test_settle(&tc);
	ck_assert_uint_eq(tc.status->error, 0);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, 1, 0, &have, 4);
	ck_assert_float_eq(have, 2.5f);
	trn_test_core_close(&tc);
}
END_TEST

/* ---- activity and state ---- */

START_TEST(activity_counters)
{
	struct trn_test_core tc;
	const uint32_t base = trn_regs_pe_bar0(0);
	struct trn_chip_counters counters;
	struct trn_core *core;

	trn_test_core_open(&tc, "trn2");
	for (uint32_t i = 0; i < 10; i++) {
		struct trn_isa_compute *inst =
			trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);

		/* Rows 64 to 127: groups 2 and 3 of the array. */
		inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 64, 64, 0, 128);
		inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_BF16, 64, 64, 1024, 200);
		inst->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 128, 0, 200);
	}
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	for (uint32_t row = 0; row < 4; row++) {
		ck_assert_uint_eq(trn_test_rd(&tc.host, base + TRN_PE_MATMUL_LSB(row)),
				  row < 2 ? 0 : 2000);
		ck_assert_uint_eq(trn_test_rd(&tc.host, base + TRN_PE_MATMUL_LSB(row) + 4), 0);
		ck_assert_uint_eq(trn_test_rd(&tc.host, base + TRN_PE_FAST_LSB(row)),
				  row < 2 ? 0 : 320);
		ck_assert_uint_gt(trn_test_rd(&tc.host, base + TRN_PE_IDLE_LSB(row)), 0);
		ck_assert_uint_eq(trn_test_rd(&tc.host, base + TRN_PE_WEIGHT_LSB(row)), 0);
	}
	trn_chip_counters(tc.host.chip, &counters);
	ck_assert_uint_eq(counters.matmul_macs, 10u * 64 * 128 * 200);
	ck_assert_uint_eq(counters.launches, 1);
	ck_assert_uint_eq(counters.instructions, 11);
	ck_assert_uint_ge(counters.busy_ps[TRN_ENGINE_TENSOR],
			  UINT64_C(2000) * 1000000 / 2400 - 10);
	core = tc.host.chip->core[0];
	ck_assert_uint_eq(trn_core_pe_read(core, 0x40), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* Every piece of state that a program can leave behind is in the hash. */
START_TEST(hash_sees_state)
{
	struct trn_test_core tc;
	struct trn_core *core;
	uint64_t seen[6];
	uint32_t n = 0;

	trn_test_core_open(&tc, "trn2");
	core = trn_chip_core(tc.host.chip, 0);
	seen[n++] = trn_core_hash(core, 0);
	trn_core_sync(core)->semaphore[255] = 1;
	seen[n++] = trn_core_hash(core, 0);
	trn_core_sync(core)->event[0] = 1;
	seen[n++] = trn_core_hash(core, 0);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 127, 1, 224 * 1024 - 1, "\1", 1);
	seen[n++] = trn_core_hash(core, 0);
	trn_test_poke(&tc, TRN_SPACE_PSUM, 127, 1, 16383, "\1", 1);
	seen[n++] = trn_core_hash(core, 0);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, 1, 0, "\1", 1);
	seen[n++] = trn_core_hash(core, 0);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = 0; j < i; j++)
			ck_assert_uint_ne(seen[i], seen[j]);
	}
	trn_test_core_close(&tc);
}
END_TEST

/* A host with no address space to give: the launch fails, nothing else does. */
static void *no_reserve(void *user, uint64_t size)
{
	(void)user;
	(void)size;
	return NULL;
}

START_TEST(no_storage)
{
	struct trn_test_core tc;
	struct trn_core *core;
	uint8_t byte = 1;
	void *(*reserve)(void *user, uint64_t size);

	trn_test_core_open(&tc, "trn2");
	reserve = tc.host.model->host.reserve;
	tc.host.model->host.reserve = no_reserve;
	core = trn_chip_core(tc.host.chip, 0);
	ck_assert_int_lt(trn_core_window_write(core, 0, &byte, 1), 0);
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), TRN_EXT_ERR_CORE_STATE);
	tc.host.model->host.reserve = reserve;
	trn_test_recover(&tc);
	(void)trn_test_emit(&tc, TRN_ENGINE_SYNC, TRN_OP_NOP, 1);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	trn_test_core_close(&tc);
}
END_TEST

/* The host's own tile is used when it has one, with the same result. */
static uint32_t tiles;

static void counting_gemm(void *user, const struct trn_gemm *gemm)
{
	(void)user;
	tiles++;
	ck_assert_uint_eq(gemm->m, 5);
	ck_assert_uint_eq(gemm->k, 9);
	ck_assert_uint_eq(gemm->n, 7);
	for (uint32_t m = 0; m < gemm->m; m++)
		for (uint32_t n = 0; n < gemm->n; n++)
			gemm->c[m * gemm->ldc + n] = (float)(m * 100 + n);
}

START_TEST(tile_of_the_host)
{
	struct trn_test_core tc;
	struct trn_isa_compute *inst;
	float have;

	trn_test_core_open(&tc, "trn2");
	tc.host.model->host.gemm = counting_gemm;
	tiles = 0;
	inst = trn_test_emit(&tc, TRN_ENGINE_TENSOR, TRN_OP_MATMUL, 2);
	inst->src0 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 9, 0, 5);
	inst->src1 = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_F32, 0, 9, 1024, 7);
	inst->dst = trn_test_ap(TRN_SPACE_PSUM, TRN_DTYPE_F32, 0, 5, 0, 7);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	ck_assert_uint_eq(tiles, 1);
	trn_test_peek(&tc, TRN_SPACE_PSUM, 4, 1, 24, &have, 4);
	ck_assert_float_eq(have, 406.0f);
	trn_test_core_close(&tc);
}
END_TEST

static Suite *core_suite(void)
{
	Suite *suite = suite_create("core");
	TCase *tcase = tcase_create("program");

	tcase_add_test(tcase, gemm_tile_from_memory_to_memory);
	tcase_add_test(tcase, window_of_both_memories);
	tcase_add_test(tcase, window_of_a_shorter_partition);
	tcase_add_test(tcase, psum_written_through_the_window);
	tcase_add_test(tcase, activity_counters);
	tcase_add_test(tcase, hash_sees_state);
	tcase_add_test(tcase, no_storage);
	tcase_add_test(tcase, tile_of_the_host);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(core_suite)
