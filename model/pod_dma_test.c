/* SPDX-License-Identifier: Apache-2.0 */
/* Every form of a core's DMA to and from another chip does to that chip's memory what it does to
 * the own one's. */
#include <string.h>
#include "base/bits.h"
#include "base/pod.h"
#include "base/test_main.h"
#include "model/private.h"
#include "model/test_core.h"

#define ROWS 40u  /* partitions */
#define WIDTH 24u /* elements of a row */
#define TABLE 64u /* rows of the memory that an index chooses from */
#define BYTES (TABLE * WIDTH * 4)

static struct trn_test_core tc;

enum form {
	STORE,
	LOAD,
	TRANSPOSE_STORE,
	TRANSPOSE_LOAD,
	GATHER,
	SCATTER,
	ADD,
	ADD_SCATTER,
	ADD_MANY,
	FORMS,
};

static bool writes(enum form form)
{
	return form == STORE || form == TRANSPOSE_STORE || form == SCATTER || form == ADD ||
	       form == ADD_SCATTER;
}

static void emit(enum form form)
{
	const bool flip = form == TRANSPOSE_STORE || form == TRANSPOSE_LOAD;
	const bool indexed = form == GATHER || form == SCATTER || form == ADD_SCATTER;
	const bool adds = form == ADD || form == ADD_SCATTER || form == ADD_MANY;
	const enum trn_dtype dtype = flip ? TRN_DTYPE_BF16 : TRN_DTYPE_F32;
	const struct trn_isa_ap tile = trn_test_ap(TRN_SPACE_SBUF, dtype, 0, flip ? 32 : ROWS,
						   TRN_TEST_DST, flip ? 32 : WIDTH);
	struct trn_isa_dma *dma = trn_test_emit_dma(&tc,
						    indexed ? TRN_ENGINE_GPSIMD : TRN_ENGINE_SYNC,
						    flip ? TRN_OP_DMA_TRANSPOSE :
						    adds ? TRN_OP_DMA_ADD :
							   TRN_OP_DMA_COPY);
	struct trn_isa_mem *memory = writes(form) ? &dma->dst : &dma->src;

	*(writes(form) ? &dma->src : &dma->dst) = trn_test_mem(&tile);
	*memory = flip ? trn_test_dram(0, dtype, 0, 32, 32) :
			 trn_test_dram(0, dtype, 0, ROWS, WIDTH);
	if (indexed) {
		dma->index = trn_test_ap(TRN_SPACE_SBUF, TRN_DTYPE_S32, 0, ROWS, TRN_TEST_SRC1, 1);
		dma->head.flags = form == GATHER ? TRN_DMA_GATHER : TRN_DMA_SCATTER;
	}
	if (adds)
		dma->imm[0] = 1;
	if (form == ADD || form == ADD_SCATTER)
		dma->head.flags |= TRN_DMA_ACCUMULATE;
	if (form == ADD_MANY) {
		/* Three sources, one behind the other, with gaps. */
		dma->imm[0] = 3;
		dma->src.u.dram.dims[0] = (struct trn_isa_dram_dim){ WIDTH * 8, 3 };
		dma->src.u.dram.dims[1] = (struct trn_isa_dram_dim){ WIDTH, ROWS };
		dma->src.u.dram.dims[2] = (struct trn_isa_dram_dim){ 1, WIDTH };
	}
}

/* The same memory, tile and index each time; afterwards memory and tile are in out. */
static void run(enum form form, uint32_t chip, uint8_t *out)
{
	static float table[TABLE * WIDTH], tile[ROWS * WIDTH];
	int32_t index[ROWS];
	struct trn_pod_place place;
	uint64_t address;
	uint8_t *memory;

	for (uint32_t i = 0; i < TABLE * WIDTH; i++)
		table[i] = (float)(i * 7 % 1000) / 8.0f;
	for (uint32_t i = 0; i < ROWS * WIDTH; i++)
		tile[i] = (float)(i % 513);
	for (uint32_t i = 0; i < ROWS; i++)
		index[i] = (int32_t)(i * 29 % TABLE);
	trn_pod_place(tc.host.config.pod, chip, &place);
	address = chip == 0 ? TRN_AXI_HBM1 : trn_peer_address(&place, TRN_AXI_HBM1);
	memory = trn_chip_far_memory(tc.host.chip, address, BYTES, true);
	ck_assert_ptr_nonnull(memory);
	memcpy(memory, table, sizeof(table));
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, ROWS, TRN_TEST_DST, tile, WIDTH * 4);
	trn_test_poke(&tc, TRN_SPACE_SBUF, 0, ROWS, TRN_TEST_SRC1, index, 4);
	trn_test_clear(&tc);
	trn_test_arg(&tc, address, BYTES);
	emit(form);
	ck_assert_uint_eq(trn_test_launch(&tc), 0);
	memcpy(out, memory, BYTES);
	trn_test_peek(&tc, TRN_SPACE_SBUF, 0, ROWS, TRN_TEST_DST, out + BYTES, WIDTH * 4);
	ck_assert_int_eq(memcmp(memory, table, sizeof(table)) != 0, writes(form));
}

START_TEST(a_peers_memory_is_as_the_own)
{
	static uint8_t here[BYTES + ROWS * WIDTH * 4], there[sizeof(here)];

	memset(&tc, 0, sizeof(tc));
	trn_test_host_init_pod(&tc.host, "trn3-ultraserver");
	trn_test_core_start(&tc);
	run((enum form)_i, 0, here);
	run((enum form)_i, 107, there);
	ck_assert_mem_eq(here, there, sizeof(here));
	trn_test_core_close(&tc);
}
END_TEST

static Suite *pod_dma_suite(void)
{
	Suite *suite = suite_create("pod DMA");
	TCase *tcase = tcase_create("pod DMA");

	tcase_add_loop_test(tcase, a_peers_memory_is_as_the_own, 0, FORMS);
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(pod_dma_suite)
