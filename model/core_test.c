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

static Suite *core_suite(void)
{
	Suite *suite = suite_create("core");
	TCase *tcase = tcase_create("program");

	tcase_add_test(tcase, gemm_tile_from_memory_to_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(core_suite)
