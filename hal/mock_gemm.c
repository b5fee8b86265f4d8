/* SPDX-License-Identifier: Apache-2.0 */
/* FP32 tiles of the mock through libxsmm. A kernel is made for each shape and used only
 * after it has given, bit for bit, what the model's own loop gives. */
#include <stdbool.h>
#include <string.h>
#include <libxsmm.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/prng.h"
#include "hal/bus_mock.h"

#define SHAPES 64 /* kernels remembered; a program has a handful */
#define M_MAX 128u
#define N_MAX 512u
#define K_MAX 512u   /* 128 partitions of MX */
#define LD_MAX 8192u /* sums lie in PSUM itself: rows 16 KiB and a pad apart */
#define CHECK_SEED UINT64_C(0x67656d6d)

struct shape {
	uint32_t m, n, k;
	uint32_t lda, ldb, ldc;
	bool accumulate;
};

struct kernel {
	struct shape shape;
	libxsmm_smmfunction run; /* NULL: the model's own loop */
};

struct trn_mock_gemm {
	const struct trn_alloc *alloc;
	struct kernel kernels[SHAPES];
	size_t count;
	size_t last; /* most tiles are like the one before */
};

/* Values that show another order of additions: many exponents, cancellation, zeros. */
static void fill(struct trn_prng *prng, float *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t bits = trn_prng_next(prng);
		float scale = (float)(1u << (bits >> 40 & 15));

		values[i] = (bits & 31) == 0 ? 0.0f :
					       ((float)(bits >> 44) / 524288.0f - 1.0f) * scale;
	}
}

/* Runs both on the same operands. The scratch holds a, b and two c of the largest shape. */
static bool same_bits(libxsmm_smmfunction run, const struct shape *shape, float *scratch)
{
	const size_t a_count = (size_t)shape->k * shape->lda;
	const size_t b_count = (size_t)shape->k * shape->ldb;
	const size_t c_count = (size_t)shape->m * shape->ldc;
	float *a = scratch;
	float *b = a + a_count;
	float *want = b + b_count;
	float *got = want + c_count;
	const struct trn_gemm gemm = { .m = shape->m,
				       .n = shape->n,
				       .k = shape->k,
				       .a = a,
				       .b = b,
				       .c = want,
				       .lda = shape->lda,
				       .ldb = shape->ldb,
				       .ldc = shape->ldc,
				       .accumulate = shape->accumulate };
	struct trn_prng prng;

	trn_prng_seed(&prng, CHECK_SEED);
	fill(&prng, a, a_count);
	fill(&prng, b, b_count);
	fill(&prng, want, c_count);
	memcpy(got, want, c_count * sizeof(*got));
	trn_gemm_run(&gemm);
	run(b, a, got);
	return memcmp(got, want, c_count * sizeof(*got)) == 0;
}

/* Row-major c = aT b is column-major cT = bT a: libxsmm's "b" is our a, transposed. */
static libxsmm_smmfunction dispatch(const struct shape *shape)
{
	const libxsmm_blasint m = (libxsmm_blasint)shape->n;
	const libxsmm_blasint n = (libxsmm_blasint)shape->m;
	const libxsmm_blasint k = (libxsmm_blasint)shape->k;
	const libxsmm_blasint lda = (libxsmm_blasint)shape->ldb;
	const libxsmm_blasint ldb = (libxsmm_blasint)shape->lda;
	const libxsmm_blasint ldc = (libxsmm_blasint)shape->ldc;
	const float alpha = 1.0f;
	const float beta = shape->accumulate ? 1.0f : 0.0f;
	const int flags = LIBXSMM_GEMM_FLAG_TRANS_B;
	const int prefetch = LIBXSMM_GEMM_PREFETCH_NONE;

	return libxsmm_smmdispatch(m, n, k, &lda, &ldb, &ldc, &alpha, &beta, &flags, &prefetch);
}

static libxsmm_smmfunction kernel_make(const struct trn_alloc *alloc, const struct shape *shape)
{
	libxsmm_smmfunction run;
	float *scratch;

	if (shape->m > M_MAX || shape->n > N_MAX || shape->k > K_MAX || shape->lda > LD_MAX ||
	    shape->ldb > LD_MAX || shape->ldc > LD_MAX)
		return NULL; /* no tile of the model's: not worth a check of that size */
	run = dispatch(shape);
	if (!run)
		return NULL;
	scratch = trn_alloc_array(alloc,
				  (size_t)shape->k * (shape->lda + shape->ldb) +
					  2 * (size_t)shape->m * shape->ldc,
				  sizeof(*scratch));
	if (!scratch)
		return NULL;
	if (!same_bits(run, shape, scratch))
		run = NULL;
	trn_free(alloc, scratch);
	return run;
}

static bool shape_equal(const struct shape *a, const struct shape *b)
{
	return a->m == b->m && a->n == b->n && a->k == b->k && a->lda == b->lda &&
	       a->ldb == b->ldb && a->ldc == b->ldc && a->accumulate == b->accumulate;
}

static struct kernel *kernel_find(struct trn_mock_gemm *gemm, const struct shape *shape)
{
	struct kernel *kernel;

	if (gemm->last < gemm->count && shape_equal(&gemm->kernels[gemm->last].shape, shape))
		return &gemm->kernels[gemm->last];
	for (size_t i = 0; i < gemm->count; i++) {
		if (shape_equal(&gemm->kernels[i].shape, shape)) {
			gemm->last = i;
			return &gemm->kernels[i];
		}
	}
	if (gemm->count == SHAPES)
		return NULL;
	gemm->last = gemm->count;
	kernel = &gemm->kernels[gemm->count++];
	kernel->shape = *shape;
	kernel->run = kernel_make(gemm->alloc, shape);
	return kernel;
}

void trn_mock_gemm_run(void *user, const struct trn_gemm *tile)
{
	struct mock_pod *pod = user;
	const struct kernel *kernel = NULL;

	if (!tile->pairs && tile->lda <= UINT32_MAX && tile->ldb <= UINT32_MAX &&
	    tile->ldc <= UINT32_MAX) {
		const struct shape shape = { tile->m,
					     tile->n,
					     tile->k,
					     (uint32_t)tile->lda,
					     (uint32_t)tile->ldb,
					     (uint32_t)tile->ldc,
					     tile->accumulate };

		kernel = kernel_find(pod->gemm, &shape);
	}
	if (kernel && kernel->run)
		kernel->run(tile->b, tile->a, tile->c);
	else
		trn_gemm_run(tile);
}

size_t trn_mock_gemm_kernels(const struct trn_mock_gemm *gemm)
{
	size_t running = 0;

	for (size_t i = 0; gemm && i < gemm->count; i++)
		running += gemm->kernels[i].run ? 1 : 0;
	return running;
}

void trn_mock_gemm_open(const struct trn_alloc *alloc, struct trn_mock_gemm **ret_gemm)
{
	/* The commonest tile decides whether the library is of any use on this machine. */
	static const struct shape common = { 128, 512, 128, 128, 512, 512, true };
	struct trn_mock_gemm *gemm = NULL;

	libxsmm_init();
	if (dispatch(&common))
		gemm = trn_alloc_zero(alloc, sizeof(*gemm));
	if (gemm)
		gemm->alloc = alloc;
	*ret_gemm = gemm;
}

void trn_mock_gemm_close(struct trn_mock_gemm *gemm)
{
	if (gemm)
		trn_free(gemm->alloc, gemm);
}
