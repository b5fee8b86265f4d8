/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions as people read them, and what the coverage counts of them. */
#include "drive.h"

#include <string.h>

static void print_ap(FILE *out, const char *name, const struct trn_isa_ap *ap)
{
	static const char *const spaces[] = { "-", "sbuf", "psum", "dram" };

	if (ap->space == TRN_SPACE_NONE)
		return;
	fprintf(out, "#     %s %s %s partitions %u+%u offset %u", name, spaces[ap->space & 3],
		orc_dtype_name(ap->dtype), ap->start, ap->partitions, ap->offset);
	if (ap->reg)
		fprintf(out, " + r%u", ap->reg - 1);
	for (uint32_t d = 0; d < ap->ndims && d < 4; d++)
		fprintf(out, " [%d x %u]", ap->dims[d].step, ap->dims[d].num);
	fputc('\n', out);
}

static void print_mem(FILE *out, const char *name, const struct trn_isa_mem *mem)
{
	if (mem->space != TRN_SPACE_DRAM) {
		print_ap(out, name, &mem->u.chip.ap);
		return;
	}
	fprintf(out, "#     %s dram %s arg %u offset %llu reg %u scale %u", name,
		orc_dtype_name(mem->dtype), mem->arg, (unsigned long long)mem->u.dram.offset,
		mem->reg, mem->reg_scale);
	for (uint32_t d = 0; d < 4 && mem->u.dram.dims[d].num; d++)
		fprintf(out, " [%d x %u]", mem->u.dram.dims[d].step, mem->u.dram.dims[d].num);
	fputc('\n', out);
}

static bool is_dma(uint32_t op)
{
	return op == TRN_OP_REG_LOAD || op == TRN_OP_REG_STORE ||
	       (op >= TRN_OP_DMA_COPY && op <= TRN_OP_SENDRECV);
}

static void print_operands(FILE *out, const struct trn_isa_compute *c)
{
	struct trn_isa_dma d;

	if (is_dma(c->head.op)) {
		memcpy(&d, c, sizeof(d));
		print_mem(out, "dst", &d.dst);
		print_mem(out, "src", &d.src);
		print_ap(out, "index", &d.index);
		return;
	}
	print_ap(out, "dst", &c->dst);
	print_ap(out, "src0", &c->src0);
	print_ap(out, "src1", &c->src1);
	print_ap(out, "src2", &c->src2);
	print_ap(out, "dst2", &c->dst2);
	print_ap(out, "src3", &c->src3);
	print_ap(out, "index", &c->index);
}

void orc_print_inst(FILE *out, const struct trn_isa_compute *c)
{
	const uint8_t *bytes = (const uint8_t *)c;

	fprintf(out, "#   op 0x%02x flags 0x%02x indirect %u op0 %u op1 %u func %u mode %u imm",
		c->head.op, c->head.flags, c->head.indirect, c->op0, c->op1, c->func, c->mode);
	for (uint32_t k = 0; k < 4; k++)
		fprintf(out, " 0x%x", c->imm[k]);
	if (!is_dma(c->head.op))
		fprintf(out, " 0x%x 0x%x", c->imm4, c->imm5);
	fputc('\n', out);
	print_operands(out, c);
	for (uint32_t line = 0; line < c->head.words * 2u; line++) {
		fputs("#     ", out);
		for (uint32_t k = 0; k < 32; k++)
			fprintf(out, "%02x", bytes[32 * line + k]);
		fputc('\n', out);
	}
}

uint32_t orc_cover_dst(const struct trn_isa_compute *c)
{
	struct trn_isa_dma d;
	uint32_t dtype = c->dst.dtype;

	if (is_dma(c->head.op)) {
		memcpy(&d, c, sizeof(d));
		dtype = d.dst.dtype;
	}
	return dtype < TRN_DTYPE_COUNT ? dtype : 0;
}

uint32_t orc_cover_src(const struct trn_isa_compute *c)
{
	struct trn_isa_dma d;
	uint32_t dtype = c->src0.dtype;

	if (is_dma(c->head.op)) {
		memcpy(&d, c, sizeof(d));
		dtype = d.src.dtype;
	}
	return dtype < TRN_DTYPE_COUNT ? dtype : 0;
}

void orc_arguments(struct orc_bench *bench)
{
	struct orc_machine *m = bench->m;

	bench->tc.desc->arg_count = 0;
	for (uint32_t k = 0; k < m->arg_count; k++) {
		struct orc_arg *arg = &m->arg[k];

		if (!arg->number)
			arg->value = TRN_TEST_HOST(TRN_TEST_IOVA_DATA) + arg->offset;
		trn_test_arg(&bench->tc, arg->value, arg->number ? 0 : arg->size);
	}
}
