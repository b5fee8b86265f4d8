/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/heap.c: order, ties, interleaving, and no memory. */
#include "base/bits.h"
#include "base/heap.h"
#include "base/prng.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

#define ITEMS 5000

static struct trn_test_alloc mem;

static void push(struct trn_heap *heap, uint64_t when, uint64_t a)
{
	ck_assert_int_eq(trn_heap_push(heap, when, NULL, NULL, a, 0), 0);
}

START_TEST(empty)
{
	struct trn_heap_item item = { .a = 42 };
	struct trn_heap heap;

	trn_test_alloc_init(&mem, 0); /* an empty heap takes no memory */
	trn_heap_init(&heap, &mem.alloc);
	ck_assert_ptr_null(trn_heap_peek(&heap));
	ck_assert(!trn_heap_pop(&heap, &item));
	ck_assert_uint_eq(item.a, 42);
	trn_heap_fini(&heap);
	ck_assert(!mem.failed);
}
END_TEST

START_TEST(pops_in_time_then_push_order)
{
	struct trn_heap heap;
	struct trn_heap_item last = { 0 }, item;
	struct trn_prng prng;

	trn_test_alloc_init(&mem, -1);
	trn_heap_init(&heap, &mem.alloc);
	trn_prng_seed(&prng, trn_test_seed());
	for (uint64_t i = 0; i < ITEMS; i++)
		push(&heap, trn_prng_below(&prng, ITEMS / 10), i); /* many ties */
	for (size_t i = 0; i < ITEMS; i++) {
		const struct trn_heap_item *top = trn_heap_peek(&heap);

		ck_assert_ptr_nonnull(top);
		item = *top;
		ck_assert(trn_heap_pop(&heap, &last));
		ck_assert_uint_eq(last.a, item.a);
		ck_assert_uint_eq(last.seq, last.a);
		top = trn_heap_peek(&heap);
		if (top)
			ck_assert(top->when > last.when ||
				  (top->when == last.when && top->seq > last.seq));
	}
	ck_assert(!trn_heap_pop(&heap, &item));
	trn_heap_fini(&heap);
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

/* As the model uses it: pops and pushes mixed, nothing pushed into the past. */
START_TEST(a_running_calendar)
{
	struct trn_heap heap;
	struct trn_heap_item item;
	struct trn_prng prng;
	uint64_t now = 0, pushed = 0, popped = 0, last_seq = 0;

	trn_test_alloc_init(&mem, -1);
	trn_heap_init(&heap, &mem.alloc);
	trn_prng_seed(&prng, trn_test_seed());
	for (int i = 0; i < ITEMS; i++) {
		for (uint64_t k = trn_prng_below(&prng, 4); k > 0; k--)
			push(&heap, now + trn_prng_below(&prng, 100), pushed++);
		for (uint64_t k = trn_prng_below(&prng, 4); k > 0; k--) {
			if (!trn_heap_pop(&heap, &item))
				break;
			ck_assert_uint_ge(item.when, now);
			ck_assert(item.when > now || popped == 0 || item.seq > last_seq);
			now = item.when;
			last_seq = item.seq;
			popped++;
		}
	}
	while (trn_heap_pop(&heap, &item)) {
		ck_assert_uint_ge(item.when, now);
		now = item.when;
		popped++;
	}
	ck_assert_uint_eq(popped, pushed);
	trn_heap_fini(&heap);
}
END_TEST

static void count_call(void *arg, uint64_t a, uint64_t b)
{
	*(uint64_t *)arg += a * 10 + b;
}

START_TEST(carries_its_call)
{
	uint64_t sum = 0;
	struct trn_heap_item item;
	struct trn_heap heap;

	trn_test_alloc_init(&mem, -1);
	trn_heap_init(&heap, &mem.alloc);
	ck_assert_int_eq(trn_heap_push(&heap, UINT64_MAX, count_call, &sum, 4, 2), 0);
	ck_assert(trn_heap_pop(&heap, &item));
	ck_assert_uint_eq(item.seq, 0); /* the heap's own number */
	item.fn(item.arg, item.a, item.b);
	ck_assert_uint_eq(sum, 42);
	trn_heap_fini(&heap);
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
	struct trn_heap_item item;
	struct trn_heap heap;
	size_t count;

	trn_test_alloc_init(&mem, 0);
	trn_heap_init(&heap, &mem.alloc);
	ck_assert_int_eq(trn_heap_push(&heap, 5, NULL, NULL, 0, 0), -ENOMEM);
	ck_assert_ptr_null(trn_heap_peek(&heap));
	do { /* up to the next growth, which fails */
		push(&heap, 1, 0);
		if (heap.count == heap.room)
			trn_test_alloc_arm(&mem, 0);
	} while (heap.count < heap.room);
	count = heap.count;
	ck_assert_int_eq(trn_heap_push(&heap, 5, NULL, NULL, 0, 0), -ENOMEM);
	ck_assert_uint_eq(heap.count, count);
	push(&heap, 0, 9); /* there is memory again */
	ck_assert(trn_heap_pop(&heap, &item));
	ck_assert_uint_eq(item.a, 9);
	ck_assert_uint_eq(item.seq, count); /* the failed push took no number */
	trn_heap_fini(&heap);
	ck_assert_int_eq(mem.live, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/heap");
	TCase *tc = tcase_create("heap");

	tcase_add_test(tc, empty);
	tcase_add_test(tc, pops_in_time_then_push_order);
	tcase_add_test(tc, a_running_calendar);
	tcase_add_test(tc, carries_its_call);
	tcase_add_test(tc, no_memory_changes_nothing);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
