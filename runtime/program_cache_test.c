/* SPDX-License-Identifier: Apache-2.0 */
/* Images in place already, sections that lie elsewhere, unloading, sections and symbols. */
#include "runtime/test_rig.h"

#include <errno.h>
#include <string.h>
#include <trn/builder.h>
#include "runtime/graph.h"

#define BSS_BYTES 8192u

struct setup {
	struct trn_rig rig;
	void *image;
	size_t bytes;
};

/* An argument, data with the address of the bss and a number, plain data, a labelled NOP. */
static void up(struct setup *s)
{
	static const uint64_t table[2] = { 0, 22 }, plain[8] = { 7 };
	const struct trn_builder_opts opts = { .size = sizeof(opts), .name = "unit" };
	struct trn_isa_compute nop = { .head = { .op = TRN_OP_NOP } };
	struct trn_builder *builder;
	uint32_t data, bss, label;

	trn_rig_up(&s->rig, 0);
	ck_assert_int_eq(trn_builder_create(&opts, &builder), 0);
	(void)trn_builder_arg(builder, "x", TRN_ARG_BUFFER, 64);
	data = trn_builder_data(builder, "table", table, sizeof(table));
	(void)trn_builder_data(builder, "plain", plain, sizeof(plain));
	bss = trn_builder_bss(builder, "weights", BSS_BYTES);
	trn_builder_data_address(builder, data, 0, bss, 16);
	(void)trn_builder_emit(builder, TRN_ENGINE_VECTOR, &nop, 1);
	label = trn_builder_label(builder, TRN_ENGINE_VECTOR, "second");
	trn_builder_bind(builder, label);
	(void)trn_builder_emit(builder, TRN_ENGINE_VECTOR, &nop, 1);
	ck_assert_int_eq(trn_builder_finish(builder, &s->image, &s->bytes), 0);
	trn_builder_destroy(builder);
}

static void down(struct setup *s)
{
	trn_image_free(NULL, s->image);
	trn_rig_down(&s->rig);
}

static struct trn_program *load(struct setup *s, uint32_t core)
{
	struct trn_program *program = NULL;

	ck_assert_int_eq(trn_program_load(s->rig.device, s->image, s->bytes, core, SOON, &program),
			 0);
	return program;
}

static int load_shared(struct setup *s, const struct trn_program_share *shared, uint32_t count,
		       struct trn_program **ret_program)
{
	const struct trn_program_load_opts opts = { .size = sizeof(opts),
						    .shared = shared,
						    .shared_count = count };

	return trn_program_load_opts(s->rig.device, s->image, s->bytes, &opts, SOON, ret_program);
}

static struct trn_program_stats stats(struct setup *s)
{
	struct trn_program_stats stats = { .size = sizeof(stats) };

	ck_assert_int_eq(trn_program_stats(s->rig.device, &stats), 0);
	return stats;
}

START_TEST(same_image_same_place)
{
	const struct trn_program_load_opts alone = { .size = sizeof(alone),
						     .flags = TRN_PROGRAM_PRIVATE };
	struct trn_program_info info = { .size = sizeof(info) };
	struct trn_program *a, *b, *c, *d = NULL, *e;
	struct trn_program_stats now;
	struct setup s;
	uint32_t copies;

	up(&s);
	a = load(&s, 0);
	copies = trn_test_hal.calls[TRN_TEST_COPY];
	b = load(&s, 1); /* the same stack */
	ck_assert_ptr_eq(a, b);
	ck_assert_uint_eq(trn_test_hal.calls[TRN_TEST_COPY], copies);
	c = load(&s, 7);
	ck_assert_ptr_ne(a, c);
	ck_assert_int_eq(trn_program_load_opts(s.rig.device, s.image, s.bytes, &alone, SOON, &d),
			 0);
	ck_assert_ptr_ne(a, d);
	ck_assert_int_eq(trn_program_info(a, &info), 0);
	ck_assert_uint_eq(info.loads, 2);
	ck_assert_uint_eq(info.reloc_count, 1);
	ck_assert_uint_eq(info.copied_bytes, info.memory_bytes);
	ck_assert_uint_eq(info.external_bytes, 0);
	ck_assert_uint_gt(info.check_ns, 0);
	ck_assert_uint_gt(info.copy_ns, 0);
	now = stats(&s);
	ck_assert_uint_eq(now.loads, 4);
	ck_assert_uint_eq(now.hits, 1);
	ck_assert_uint_eq(now.saved_bytes, info.memory_bytes);
	ck_assert_uint_eq(now.placed, 3);
	ck_assert_uint_eq(now.placed_bytes, 3 * info.memory_bytes);
	/* One byte differs: the image is judged, not found. */
	((uint8_t *)s.image)[s.bytes - 1] ^= 1;
	ck_assert_int_eq(trn_program_load(s.rig.device, s.image, s.bytes, 0, SOON, &e),
			 -TRN_EPROGRAM);
	((uint8_t *)s.image)[s.bytes - 1] ^= 1;
	/* What was placed before a reset is not trusted after it. */
	ck_assert_int_eq(trn_device_reset(s.rig.device, 0, SOON), 0);
	e = load(&s, 0);
	ck_assert_ptr_ne(a, e);
	trn_program_unref(e);
	trn_program_unref(d);
	trn_program_unref(c);
	trn_program_unref(b);
	ck_assert_uint_eq(stats(&s).placed, 1);
	trn_program_unref(a);
	ck_assert_uint_eq(stats(&s).placed, 0);
	ck_assert_uint_eq(stats(&s).placed_bytes, 0);
	ck_assert_int_eq(trn_program_stats(s.rig.device, NULL), -EINVAL);
	down(&s);
}
END_TEST

START_TEST(weights_in_a_buffer)
{
	struct trn_program_section_info section = { .size = sizeof(section) };
	struct trn_program_symbol_info symbol = { .size = sizeof(symbol) };
	struct trn_program_info info = { .size = sizeof(info) };
	struct trn_program_share share = { .section = "weights", .offset = 64 };
	struct trn_program *own, *a = NULL, *b = NULL;
	struct trn_buffer *buffer;
	const char *memory;
	struct setup s;
	uint64_t address;

	up(&s);
	buffer = trn_rig_buffer(&s.rig, TRN_BUFFER_HBM, BSS_BYTES + 64);
	share.buffer = buffer;
	address = trn_buffer_address(buffer) + 64;
	own = load(&s, 0);
	ck_assert_int_eq(load_shared(&s, &share, 1, &a), 0);
	ck_assert_int_eq(load_shared(&s, &share, 1, &b), 0);
	ck_assert_ptr_ne(a, own);
	ck_assert_uint_eq(atomic_load(&buffer->object.refs), 3);
	ck_assert_int_eq(trn_program_info(a, &info), 0);
	ck_assert_uint_eq(info.external_bytes, BSS_BYTES);
	ck_assert_uint_le(info.memory_bytes + BSS_BYTES, own->info.memory_bytes);
	ck_assert_uint_eq(a->hidden[2].value, address);
	ck_assert_uint_eq(a->hidden[2].size, BSS_BYTES);
	ck_assert_int_eq(trn_program_section(a, 3, &section), 0);
	ck_assert_str_eq(section.name, "weights");
	ck_assert_uint_eq(section.external, 1);
	ck_assert_uint_eq(section.address, address);
	ck_assert_int_eq(trn_program_symbol_find(a, "weights", &symbol), 0);
	ck_assert_uint_eq(symbol.address, address);
	/* Data that stayed, and the address in it. */
	ck_assert_int_eq(s.rig.device->hal->ops.mem_map(s.rig.device->hal, &a->mem), 0);
	memory = a->mem.host;
	ck_assert_uint_eq(trn_load64(memory + (a->hidden[0].value - a->mem.address)), address + 16);
	ck_assert_uint_eq(trn_load64(memory + (a->hidden[0].value - a->mem.address) + 8), 22);
	ck_assert_uint_eq(trn_load64(memory + (a->hidden[1].value - a->mem.address)), 7);
	ck_assert_int_eq(memory[a->launch.stream[TRN_ENGINE_VECTOR].address - a->mem.address],
			 TRN_OP_NOP);
	trn_buffer_unref(buffer);
	trn_program_unref(a);
	trn_program_unref(b);
	trn_program_unref(own);
	down(&s);
}
END_TEST

/* Contents of an image that lie elsewhere are not loaded. */
START_TEST(data_of_another_program)
{
	struct trn_program_share shares[2] = { { .section = "plain" },
					       { .section = "weights", .from = "weights" } };
	struct trn_program *first, *second = NULL;
	struct setup s;

	up(&s);
	first = load(&s, 0);
	shares[0].program = shares[1].program = first;
	ck_assert_int_eq(load_shared(&s, shares, 2, &second), 0);
	for (int i = 1; i < 3; i++)
		ck_assert_uint_eq(second->hidden[i].value, first->hidden[i].value);
	ck_assert_uint_ne(second->hidden[0].value, first->hidden[0].value);
	ck_assert_int_eq(trn_program_unload(first), -EBUSY);
	trn_rig_expect(&s.rig, -EBUSY, "2 programs that have its sections");
	ck_assert_int_eq(trn_program_unload(second), 0);
	ck_assert_int_eq(trn_program_unload(first), 0);
	down(&s);
}
END_TEST

START_TEST(bad_shares)
{
	struct trn_program *program = NULL, *other;
	struct trn_buffer *buffer;
	struct setup s;

	up(&s);
	other = load(&s, 0);
	buffer = trn_rig_buffer(&s.rig, TRN_BUFFER_HBM, BSS_BYTES);
	{
		const struct {
			struct trn_program_share share;
			const char *cause;
		} cases[] = {
			{ { .section = "nothing", .buffer = buffer }, "has no such section" },
			{ { .section = NULL, .buffer = buffer }, "has no such section" },
			{ { .section = "table", .buffer = buffer }, "with addresses in it" },
			{ { .section = "vector", .buffer = buffer }, "" },
			{ { .section = "weights", .buffer = buffer, .offset = 64 },
			  "not inside the buffer" },
			{ { .section = "plain", .buffer = buffer, .offset = 8 }, "not aligned" },
			{ { .section = "weights" }, "a buffer or a program is wanted" },
			{ { .section = "weights", .buffer = buffer, .program = other },
			  "a buffer or a program is wanted" },
			{ { .section = "weights", .program = other, .from = "plain" },
			  "is shorter" },
			{ { .section = "weights", .program = other, .from = "none" },
			  "other program has no such section" },
		};

		for (size_t i = 0; i < TRN_ARRAY_LEN(cases); i++) {
			ck_assert_int_eq(load_shared(&s, &cases[i].share, 1, &program), -EINVAL);
			trn_rig_expect(&s.rig, -EINVAL, cases[i].cause);
			ck_assert_ptr_null(program);
		}
	}
	{
		const struct trn_program_share twice[2] = {
			{ .section = "weights", .buffer = buffer },
			{ .section = "weights", .buffer = buffer },
		};
		struct trn_program_load_opts opts = { .size = 1 };

		ck_assert_int_eq(load_shared(&s, twice, 2, &program), -EINVAL);
		trn_rig_expect(&s.rig, -EINVAL, "bound already");
		ck_assert_int_eq(load_shared(&s, NULL, 1, &program), -EINVAL);
		ck_assert_int_eq(load_shared(&s, twice, 1000, &program), -EINVAL);
		ck_assert_int_eq(trn_program_load_opts(s.rig.device, s.image, s.bytes, &opts, SOON,
						       &program),
				 -EINVAL);
		opts = (struct trn_program_load_opts){ .size = sizeof(opts), .flags = 8 };
		ck_assert_int_eq(trn_program_load_opts(s.rig.device, s.image, s.bytes, &opts, SOON,
						       &program),
				 -EINVAL);
	}
	ck_assert_uint_eq(atomic_load(&buffer->object.refs), 1);
	ck_assert_uint_eq(atomic_load(&other->sharers), 0);
	trn_buffer_unref(buffer);
	trn_program_unref(other);
	down(&s);
}
END_TEST

START_TEST(unload)
{
	struct trn_graph *graph;
	struct trn_graph_exec *exec;
	struct trn_program *program;
	struct trn_buffer *buffer;
	struct trn_queue *queue;
	struct trn_batch *batch;
	struct trn_arg arg = { 0 };
	struct setup s;

	up(&s);
	program = load(&s, 0);
	queue = trn_rig_queue(&s.rig, 16);
	buffer = arg.buffer = trn_rig_buffer(&s.rig, TRN_BUFFER_HBM, 4096);
	ck_assert_int_eq(trn_batch_create(queue, 4, &batch), 0);
	ck_assert_int_eq(trn_batch_launch(batch, program, 0, &arg, 1), 0);
	ck_assert_int_eq(trn_program_unload(program), -EBUSY);
	trn_rig_expect(&s.rig, -EBUSY, "1 recorded commands or commands in flight");
	ck_assert_int_eq(trn_queue_submit(queue, batch, SOON, NULL), 0);
	ck_assert_int_eq(trn_graph_create(s.rig.device, &graph), 0);
	ck_assert_int_eq(trn_graph_add_batch(graph, batch, NULL), 0);
	ck_assert_int_eq(trn_graph_instantiate(graph, &exec), 0);
	trn_batch_clear(batch);
	ck_assert_int_eq(trn_program_unload(program), -EBUSY); /* in flight */
	trn_rig_expect(&s.rig, -EBUSY, "2 places of graphs");
	ck_assert_int_eq(trn_queue_drain(queue, SOON), 0);
	trn_graph_destroy(graph);
	ck_assert_int_eq(trn_program_unload(program), -EBUSY);
	trn_rig_expect(&s.rig, -EBUSY, "1 places of graphs");
	/* A second handle of the caller's is not in the way of giving the first back. */
	ck_assert_ptr_eq(load(&s, 0), program);
	ck_assert_int_eq(trn_program_unload(program), 0);
	trn_graph_exec_destroy(exec);
	ck_assert_int_eq(trn_program_unload(program), 0);
	ck_assert_uint_eq(stats(&s).placed, 0);
	ck_assert_int_eq(trn_program_unload(NULL), -EINVAL);
	trn_batch_destroy(batch);
	trn_queue_unref(queue);
	trn_buffer_unref(buffer);
	down(&s);
}
END_TEST

START_TEST(sections_and_symbols)
{
	struct trn_program_section_info section = { .size = sizeof(section) };
	struct trn_program_symbol_info symbol = { .size = sizeof(symbol) };
	struct trn_program_info info = { .size = sizeof(info) };
	struct trn_program *program;
	uint32_t index = 99, objects = 0;
	struct setup s;

	up(&s);
	program = load(&s, 0);
	ck_assert_int_eq(trn_program_info(program, &info), 0);
	ck_assert_uint_eq(info.section_count, 4);
	ck_assert_uint_eq(info.symbol_count, 4);
	ck_assert_int_eq(trn_program_section(program, 0, &section), 0);
	ck_assert_int_eq(section.kind, TRN_SECTION_CODE);
	ck_assert_int_eq(section.engine, TRN_ENGINE_VECTOR);
	ck_assert_uint_eq(section.bytes, 3 * TRN_ISA_WORD_SIZE);
	ck_assert_uint_eq(section.address, program->launch.stream[TRN_ENGINE_VECTOR].address);
	for (uint32_t i = 1; i < 4; i++) {
		ck_assert_int_eq(trn_program_section(program, i, &section), 0);
		ck_assert_int_eq(section.engine, -1);
		ck_assert_uint_eq(section.address, program->hidden[i - 1].value);
		ck_assert_uint_eq(section.bytes, program->hidden[i - 1].size);
		ck_assert_uint_eq(section.writes, 0);
		ck_assert_uint_eq(section.external, 0);
	}
	for (uint32_t i = 0; i < info.symbol_count; i++) {
		ck_assert_int_eq(trn_program_symbol(program, i, &symbol), 0);
		objects += !symbol.is_label;
	}
	ck_assert_uint_eq(objects, 3);
	ck_assert_int_eq(trn_program_symbol_find(program, "second", &symbol), 0);
	ck_assert_uint_eq(symbol.is_label, 1);
	ck_assert_uint_eq(symbol.offset, TRN_ISA_WORD_SIZE);
	ck_assert_uint_eq(symbol.section, 0);
	ck_assert_int_eq(trn_program_symbol_find(program, "weights", &symbol), 0);
	ck_assert_uint_eq(symbol.address, program->hidden[2].value);
	ck_assert_uint_eq(symbol.bytes, BSS_BYTES);
	ck_assert_int_eq(trn_program_arg_find(program, "x", &index), 0);
	ck_assert_uint_eq(index, 0);
	ck_assert_int_eq(trn_program_arg_find(program, "y", &index), -ENOENT);
	ck_assert_int_eq(trn_program_arg_find(program, NULL, &index), -EINVAL);
	ck_assert_int_eq(trn_program_section(program, 4, &section), -ENOENT);
	trn_rig_expect(&s.rig, -ENOENT, "unit has 4 sections");
	ck_assert_int_eq(trn_program_symbol(program, 4, &symbol), -ENOENT);
	ck_assert_int_eq(trn_program_symbol_find(program, "none", &symbol), -ENOENT);
	trn_rig_expect(&s.rig, -ENOENT, "no symbol none");
	ck_assert_int_eq(trn_program_symbol_find(program, NULL, &symbol), -EINVAL);
	section.size = symbol.size = 1;
	ck_assert_int_eq(trn_program_section(program, 0, &section), -EINVAL);
	ck_assert_int_eq(trn_program_symbol(program, 0, &symbol), -EINVAL);
	ck_assert_int_eq(trn_program_symbol_find(program, "second", &symbol), -EINVAL);
	trn_program_unref(program);
	down(&s);
}
END_TEST

START_TEST(no_memory)
{
	struct trn_program_share share = { .section = "weights" };
	struct trn_program *program = NULL;
	struct trn_buffer *buffer;
	struct setup s;
	int r = -1;

	up(&s);
	buffer = share.buffer = trn_rig_buffer(&s.rig, TRN_BUFFER_HBM, BSS_BYTES);
	for (long n = 0; r < 0; n++) {
		trn_test_alloc_arm(&s.rig.mem, n);
		r = load_shared(&s, &share, 1, &program);
		ck_assert(r == 0 || r == -ENOMEM);
		ck_assert_int_eq(r == 0, program != NULL);
		ck_assert_uint_eq(atomic_load(&buffer->object.refs), r == 0 ? 2 : 1);
	}
	trn_test_alloc_arm(&s.rig.mem, -1);
	trn_program_unref(program);
	trn_buffer_unref(buffer);
	down(&s);
}
END_TEST

static Suite *program_cache_suite(void)
{
	Suite *suite = suite_create("runtime-program-cache");
	TCase *tc = tcase_create("programs");

	tcase_add_test(tc, same_image_same_place);
	tcase_add_test(tc, weights_in_a_buffer);
	tcase_add_test(tc, data_of_another_program);
	tcase_add_test(tc, bad_shares);
	tcase_add_test(tc, unload);
	tcase_add_test(tc, sections_and_symbols);
	tcase_add_test(tc, no_memory);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(program_cache_suite)
