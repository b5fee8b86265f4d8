/* SPDX-License-Identifier: Apache-2.0 */
/* A device that breaks on purpose, seen through the HAL: every fault of docs/faults.md
 * that reaches it ends in the promised answer, in time, with a word about why. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trn/error.h>
#include "base/bits.h"
#include "base/clock.h"
#include "base/regs.h"
#include "base/test_alloc.h"
#include "base/test_main.h"
#include "hal/hal.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct trn_test_alloc mem;
static struct trn_log sink;
static struct trn_hal_dev *dev;
static struct trn_hal_fault fault;

static void log_line(void *user, enum trn_log_level level, const char *text)
{
	(void)user;
	if (getenv("TRN_TEST_LOG"))
		fprintf(stderr, "# %d %s\n", (int)level, text);
}

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_log_init(&sink, log_line, NULL, TRN_LOG_DEBUG);
	dev = NULL;
}

static void teardown(void)
{
	trn_hal_close(dev);
	ck_assert_int_eq(mem.live, 0);
}

static int open_uri(const char *uri, uint64_t budget_ns)
{
	const struct trn_hal_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = uri,
					   .deadline_ns = trn_clock_deadline(budget_ns),
					   .ret_fault = &fault };

	return trn_hal_open(&open, &dev);
}

static void says(const char *words)
{
	if (!strstr(fault.why, words))
		ck_abort_msg("'%s' does not say '%s'", fault.why, words);
}

static void arm(const char *spec)
{
	ck_assert_int_eq(dev->ops.control(dev, "fault", spec, NULL, 0), 0);
}

static struct trn_hal_mem host(uint64_t size)
{
	const struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HOST,
					       .size = size,
					       .numa_node = -1 };
	struct trn_hal_mem got;

	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &got), 0);
	return got;
}

/* Copies 256 KiB and looks at the result; the call's answer. */
static int copy_works(uint64_t budget_ns)
{
	struct trn_hal_mem a = host(2 * 262144);
	uint8_t *bytes = a.host;
	int r;

	memset(bytes, 0x77, 262144);
	r = dev->ops.copy(dev, a.address + 262144, a.address, 262144,
			  trn_clock_deadline(budget_ns));
	trn_hal_last_fault(dev, &fault);
	if (r == 0)
		ck_assert_int_eq(memcmp(bytes, bytes + 262144, 262144), 0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &a), 0);
	return r;
}

/* ---- while it comes up ---- */

static const struct {
	const char *uri;
	int code;
	const char *words;
	uint64_t budget_ns;
} opens[] = {
	{ "mock:trn3?fault=reset.never", -ETIMEDOUT, "bring-up: reset", 20 * SECOND },
	{ "mock:trn3?threads=1&fault=reset.never", -ETIMEDOUT, "bring-up: reset", 200 * MS },
	{ "fault(reset.never)+mock:trn2", -ETIMEDOUT, "bring-up: reset", 20 * SECOND },
	{ "mock:trn3?fault=reset.lost", 0, "", 20 * SECOND },
	{ "mock:trn3?threads=1&fault=reset.lost", 0, "", 20 * SECOND },
	{ "fault(reset.lost,count=3)+mock:trn3", 0, "", 20 * SECOND },
	{ "mock:trn3?fault=reset.slow", 0, "", 20 * SECOND },
	{ "mock:trn3?threads=1&fault=reset.slow", 0, "", 20 * SECOND },
	{ "mock:trn3?fault=notready", 0, "", 20 * SECOND },
	{ "mock:trn3?fault=device.lost", -TRN_EDEVLOST, "bring-up", 20 * SECOND },
	{ "mock:trn3?fault=device.lost,after=1", -TRN_EDEVLOST, "bring-up", 20 * SECOND },
	{ "mock:trn3?fault=device.lost,after=100", -TRN_EDEVLOST, "bring-up", 20 * SECOND },
	{ "mock:trn3?fault=device.lost,after=1367", -TRN_EDEVLOST, "bring-up", 20 * SECOND },
	{ "mock:trn3?threads=1&fault=device.lost,after=5", -TRN_EDEVLOST, "bring-up", 20 * SECOND },
	{ "mock:trn3?fault=reset.lost;notready,value=3", 0, "", 20 * SECOND },
	{ "mock:trn3?fault=dma.hang@128", 0, "", 20 * SECOND },
};

START_TEST(opening)
{
	uint64_t start = trn_clock_ns();

	ck_assert_int_eq(open_uri(opens[_i].uri, opens[_i].budget_ns), opens[_i].code);
	if (opens[_i].code < 0) {
		says(opens[_i].words);
		ck_assert_ptr_null(dev);
	} else {
		(void)copy_works(100 * MS);
	}
	/* Never much longer than its deadline; the bound is far off on purpose. */
	ck_assert_uint_lt(trn_clock_ns() - start, opens[_i].budget_ns + 10 * SECOND);
}
END_TEST

/* ---- copies ---- */

static const struct {
	const char *uri, *spec;
	int code;
	const char *words;
} copies[] = {
	{ "mock:trn3", "dma.hang@128", -ETIMEDOUT, "engine 128 queue 0" },
	{ "mock:trn3?threads=1", "dma.hang@128", -ETIMEDOUT, "did not end" },
	{ "mock:trn3", "dma.hang@128,after=2", -ETIMEDOUT, "did not end" },
	{ "mock:trn3", "dma.abort@128", -TRN_EFAULT_DEV, "aborted" },
	{ "mock:trn3?threads=1", "dma.abort@128", -TRN_EFAULT_DEV, "aborted" },
	{ "mock:trn3", "dma.ringid@128", -EIO, "ring id" },
	{ "mock:trn2", "dma.abort@128,after=3,count=2", -TRN_EFAULT_DEV, "aborted" },
	{ "mock:trn3", "dma.slow@128", 0, "" },
};

START_TEST(copying)
{
	struct trn_hal_fault none = { .address = 1 };
	int r = 0;

	ck_assert_int_eq(open_uri(copies[_i].uri, 20 * SECOND), 0);
	arm(copies[_i].spec);
	for (int i = 0; i < 4 && r == 0; i++)
		r = copy_works(300 * MS);
	ck_assert_int_eq(r, copies[_i].code);
	if (r < 0) {
		says(copies[_i].words);
		ck_assert_uint_eq(fault.engine, 128);
		ck_assert_uint_eq(fault.queue, 0);
	}
	/* count=2 strikes once more; after that every copy works, with no reset in between. */
	r = copy_works(300 * MS);
	if (strstr(copies[_i].spec, "count=2"))
		ck_assert_int_eq(r, copies[_i].code);
	else
		ck_assert_int_eq(r, 0);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(copy_works(20 * SECOND), 0);
	/* And the engine itself after one. */
	ck_assert_int_eq(
		dev->ops.reset(dev, TRN_HAL_RESET_DEVICE, 0, trn_clock_deadline(20 * SECOND)), 0);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(copy_works(20 * SECOND), 0);
	trn_hal_last_fault(NULL, &none);
	ck_assert_uint_eq(none.address, 0); /* nobody's record is empty */
}
END_TEST

/* Every engine hangs once: the driver goes from one to the next, then says so. */
START_TEST(all_engines_hang)
{
	ck_assert_int_eq(open_uri("mock:trn3", 20 * SECOND), 0);
	arm("dma.hang,count=4");
	for (uint32_t i = 0; i < 4; i++) {
		ck_assert_int_eq(copy_works(20 * SECOND), -ETIMEDOUT);
		ck_assert_uint_eq(fault.engine, 128 + i);
	}
	ck_assert_int_eq(copy_works(20 * SECOND), -ETIMEDOUT);
	ck_assert_int_eq(
		dev->ops.reset(dev, TRN_HAL_RESET_CORES, 0x0c, trn_clock_deadline(20 * SECOND)), 0);
	ck_assert_int_eq(
		dev->ops.reset(dev, TRN_HAL_RESET_DEVICE, 0, trn_clock_deadline(20 * SECOND)), 0);
	ck_assert_int_eq(copy_works(20 * SECOND), 0);
}
END_TEST

/* ---- a queue whose engine stops ---- */

static struct trn_hal_queue *queue_with_copy(struct trn_hal_mem *buffer)
{
	const struct trn_hal_queue_desc desc = { .depth = 16 };
	struct trn_hal_queue *queue = NULL;

	ck_assert_int_eq(dev->ops.queue_open(dev, &desc, &queue), 0);
	queue->ring[0] =
		(struct trn_ext_cmd){ .op = TRN_CMD_COPY,
				      .tag = 9,
				      .a = { buffer->address + 65536, buffer->address, 65536 } };
	ck_assert_int_eq(dev->ops.queue_kick(dev, queue, 1), 0);
	return queue;
}

/* Progress until nothing moves any more. */
static void settle(struct trn_hal_queue *queue)
{
	unsigned int round = 0;
	int idle = 0;

	for (int i = 0; i < 2000 && idle < 3; i++) {
		if (__atomic_load_n(&queue->status->head, __ATOMIC_ACQUIRE) == 1)
			return;
		if (dev->ops.progress(dev, &round, trn_clock_deadline(MS)) == -EAGAIN)
			idle++;
	}
}

START_TEST(copy_queue_hangs)
{
	struct trn_hal_mem buffer;
	struct trn_hal_queue *queue;

	ck_assert_int_eq(open_uri("mock:trn3?extension=0", 20 * SECOND), 0);
	buffer = host(131072);
	arm("dma.hang@128");
	queue = queue_with_copy(&buffer);
	settle(queue);
	ck_assert_uint_eq(queue->status->head, 0);
	ck_assert_int_eq(
		dev->ops.reset(dev, TRN_HAL_RESET_DEVICE, 0, trn_clock_deadline(20 * SECOND)), 0);
	ck_assert_uint_eq(queue->status->state, TRN_QUEUE_ERROR);
	ck_assert_uint_eq(queue->status->error, TRN_EXT_ERR_RESET);
	ck_assert_uint_eq(queue->status->tag, 9);
	ck_assert_int_eq(dev->ops.queue_reset(dev, queue, trn_clock_deadline(SECOND)), 0);
	ck_assert_int_eq(dev->ops.queue_kick(dev, queue, 1), 0);
	settle(queue);
	ck_assert_uint_eq(queue->status->head, 1);
}
END_TEST

/* One queue's error stops the engine under another's copy: that one is told, and its data is
 * never taken for whole. */
START_TEST(copy_queues_share_an_engine)
{
	struct trn_hal_mem buffer;
	struct trn_hal_queue *a;
	struct trn_hal_queue *b;

	ck_assert_int_eq(open_uri("mock:trn3?extension=0", 20 * SECOND), 0);
	buffer = host(131072);
	arm("dma.abort@128");
	a = queue_with_copy(&buffer);
	b = queue_with_copy(&buffer);
	for (int i = 0; i < 3; i++) {
		settle(a);
		settle(b);
	}
	ck_assert_uint_eq(a->status->state, TRN_QUEUE_ERROR);
	if (b->status->head == 0)
		ck_assert_uint_eq(b->status->error, TRN_EXT_ERR_DMA);
	ck_assert_int_eq(dev->ops.queue_reset(dev, a, trn_clock_deadline(SECOND)), 0);
	ck_assert_int_eq(dev->ops.queue_reset(dev, b, trn_clock_deadline(SECOND)), 0);
	ck_assert_int_eq(dev->ops.queue_kick(dev, b, 1), 0);
	ck_assert_int_eq(dev->ops.queue_kick(dev, a, 1), 0);
	settle(a);
	settle(b);
	ck_assert_uint_eq(a->status->head, 1);
	ck_assert_uint_eq(b->status->head, 1);
}
END_TEST

/* ---- mailbox ---- */

static const struct {
	const char *spec;
	int code;
	const char *words;
} letters[] = {
	{ "mailbox.silent", 0, "" },
	{ "mailbox.silent,count=5", 0, "" },
	{ "mailbox.silent,count=0", -ETIMEDOUT, "no answer" },
	{ "mailbox.error", 0, "" },
	{ "mailbox.error,count=0", -TRN_EFIRMWARE, "failed command 1" },
	{ "mailbox.error,value=2", -ENOTSUP, "no command 1" },
	{ "mailbox.error,value=77", -TRN_EFIRMWARE, "error code 77" },
	{ "mailbox.badseq", 0, "" },
	{ "mailbox.badseq,count=0", -1, "" },
};
static const char *const apis[] = { "mock:trn3?api=7", "mock:trn3?api=6" };

static int ask(uint32_t *ret_value)
{
	const uint64_t address = TRN_AXI_MISC_RAM + TRN_MR_ROUTING_ID;
	size_t got = 0;
	int r = dev->ops.mailbox(dev, TRN_MBOX_READ, &address, sizeof(address), ret_value,
				 sizeof(*ret_value), &got, trn_clock_deadline(20 * SECOND));

	trn_hal_last_fault(dev, &fault);
	return r;
}

START_TEST(mailbox)
{
	size_t letter = (size_t)_i / TRN_ARRAY_LEN(apis);
	uint32_t value = 99;
	int r;

	ck_assert_int_eq(open_uri(apis[(size_t)_i % TRN_ARRAY_LEN(apis)], 20 * SECOND), 0);
	arm(letters[letter].spec);
	r = ask(&value);
	if (letters[letter].code == -1) {
		/* Never the right sequence: not an answer, or one that is refused; by form. */
		ck_assert(r == -ETIMEDOUT || r == -TRN_EFIRMWARE);
	} else {
		ck_assert_int_eq(r, letters[letter].code);
	}
	if (r < 0)
		says(letters[letter].words);
	else
		ck_assert_uint_eq(value, 0);
	if (!strstr(letters[letter].spec, "count=0")) {
		ck_assert_int_eq(ask(&value), 0);
		ck_assert_uint_eq(value, 0);
	}
}
END_TEST

/* ---- the probe ---- */

static const struct {
	const char *spec, *what;
	int code;
	const char *words;
} probes[] = {
	{ "", "dma", 0, "\"rings\":8" },
	{ "", "mailbox", 0, "\"api\":" },
	{ "", "engines", -EINVAL, "not 'engines'" },
	{ "", "", -EINVAL, "dma or mailbox" },
	{ "dma.hang@129,count=0", "dma", -ETIMEDOUT, "engine/queue 129/0 129/1" },
	{ "dma.hang,count=0", "dma", -ETIMEDOUT,
	  "128/0 128/1 129/0 129/1 130/0 130/1 131/0 131/1" },
	{ "dma.abort@131,count=0", "dma", -TRN_EFAULT_DEV, "131/0" },
	{ "dma.slow@130", "dma", 0, "\"engines\":4" },
	{ "mailbox.silent,count=0", "mailbox", -ETIMEDOUT, "no answer" },
	{ "mailbox.error,count=0", "mailbox", -TRN_EFIRMWARE, "failed command 1" },
	{ "mailbox.silent", "mailbox", 0, "" }, /* asked again */
	{ "mailbox.silent,count=0", "dma", 0, "" },
	{ "dma.hang,count=0", "mailbox", 0, "" },
};
static const char *const probe_uris[] = { "mock:trn3", "mock:trn2?extension=0", "mock:trn3?api=6" };

START_TEST(probe)
{
	const size_t n = (size_t)_i / TRN_ARRAY_LEN(probe_uris);
	char text[128] = "";

	ck_assert_int_eq(open_uri(probe_uris[(size_t)_i % TRN_ARRAY_LEN(probe_uris)], 20 * SECOND),
			 0);
	if (probes[n].spec[0] != '\0')
		arm(probes[n].spec);
	ck_assert_int_eq(dev->ops.control(dev, "probe", probes[n].what, text, sizeof(text)),
			 probes[n].code);
	trn_hal_last_fault(dev, &fault);
	if (probes[n].code < 0)
		says(probes[n].words);
	else
		ck_assert_ptr_nonnull(strstr(text, probes[n].words));
	/* The device works on where the fault allows it. */
	if (probes[n].code == 0 && !strstr(probes[n].spec, "dma.hang"))
		(void)copy_works(5 * SECOND);
}
END_TEST

START_TEST(probe_without_room)
{
	char text[4];

	ck_assert_int_eq(open_uri("mock:trn3", 20 * SECOND), 0);
	ck_assert_int_eq(dev->ops.control(dev, "probe", "dma", text, sizeof(text)), -ENOSPC);
	ck_assert_int_eq(dev->ops.control(dev, "probe", "dma", NULL, 0), 0);
	ck_assert_int_eq(dev->ops.control(dev, "probe", NULL, text, sizeof(text)), -EINVAL);
}
END_TEST

/* A power profile needs the new protocol; the fields are what the firmware takes. */
START_TEST(mailbox_power_needs_the_new_protocol)
{
	const uint8_t profile[8] = { 0, 0, 0, 0, 1 };
	size_t got = 0;
	int r;

	ck_assert_int_eq(open_uri(apis[_i], 20 * SECOND), 0);
	r = dev->ops.mailbox(dev, TRN_MBOX_SET_POWER, profile, sizeof(profile), NULL, 0, &got,
			     trn_clock_deadline(20 * SECOND));
	ck_assert_int_eq(r, _i == 0 ? 0 : -ENOTSUP);
}
END_TEST

/* ---- the device goes away ---- */

START_TEST(lost_device_is_said_by_every_call)
{
	const struct trn_hal_queue_desc desc = { .depth = 16 };
	struct trn_hal_queue *queue = NULL;
	struct trn_hal_telemetry telemetry;
	struct trn_hal_core_error error;
	struct trn_hal_claim claim;
	struct trn_hal_mem buffer;
	uint32_t value = 5;

	ck_assert_int_eq(open_uri(_i ? "mock:trn3?threads=1" : "mock:trn3", 20 * SECOND), 0);
	buffer = host(4096);
	arm("device.lost");
	ck_assert_int_eq(dev->ops.sem_read(dev, 0, 0, &value), -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.copy(dev, buffer.address, buffer.address + 64, 64,
				       trn_clock_deadline(300 * MS)),
			 -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.telemetry(dev, &telemetry), -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.core_error(dev, 0, &error), -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.core_claim(dev, 0, &(struct trn_hal_claim){ .owner = 1 }, true,
					     &claim),
			 -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.reg_read32(dev, 0, TRN_MISC_RAM, &value), -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.queue_open(dev, &desc, &queue), -TRN_EDEVLOST);
	ck_assert_int_eq(ask(&value), -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.reset(dev, TRN_HAL_RESET_DEVICE, 0, trn_clock_deadline(300 * MS)),
			 -TRN_EDEVLOST);
	ck_assert_int_eq(dev->ops.bring_up(dev, trn_clock_deadline(300 * MS)), -TRN_EDEVLOST);
	trn_hal_last_fault(dev, &fault);
	says("all-ones");
	ck_assert_uint_eq(value, 5);
	ck_assert_int_eq(dev->ops.mem_free(dev, &buffer), 0);
}
END_TEST

START_TEST(ecc_errors_are_counted)
{
	struct trn_hal_telemetry t;

	ck_assert_int_eq(open_uri("mock:trn3", 20 * SECOND), 0);
	arm("hbm.ecc@2,value=0x30001");
	ck_assert_int_eq(dev->ops.telemetry(dev, &t), 0);
	ck_assert_int_eq(dev->ops.telemetry(dev, &t), 0);
	ck_assert_uint_eq(t.ecc_hbm_corrected[2], 3);
	ck_assert_uint_eq(t.ecc_hbm_uncorrected[2], 1);
	ck_assert_uint_eq(t.ecc_hbm_corrected[1], 0);
}
END_TEST

/* ---- running out of memory ---- */

static const char *const oom_uris[] = {
	"mock:trn3?hbm=64M",
	"mock:trn3?hbm=64M&extension=0",
	"mock:trn3?hbm=64M&api=6&threads=1",
	"record(file=oom-record.txt)+mock:trn2?hbm=64M",
	"null:",
};

/* Opens, takes memory, copies, runs a queue, asks the firmware. */
static int everything(const char *uri)
{
	const struct trn_hal_mem_desc hbm_desc = { .kind = TRN_HAL_MEM_HBM, .size = 5000 };
	const struct trn_hal_mem_desc host_desc = { .kind = TRN_HAL_MEM_HOST,
						    .size = 5000,
						    .numa_node = -1 };
	const struct trn_hal_queue_desc queue_desc = { .depth = 16 };
	struct trn_hal_queue *queue = NULL;
	struct trn_hal_mem a = { 0 };
	struct trn_hal_mem b = { 0 };
	uint32_t value = 0;
	int r = open_uri(uri, 20 * SECOND);

	if (r < 0)
		return r;
	r = dev->ops.mem_alloc(dev, &hbm_desc, &a);
	if (r == 0)
		r = dev->ops.mem_alloc(dev, &host_desc, &b);
	if (r == 0)
		r = dev->ops.copy(dev, a.address, b.address, 5000, trn_clock_deadline(300 * MS));
	if (r == 0)
		r = dev->ops.queue_open(dev, &queue_desc, &queue);
	if (r == 0) {
		queue->ring[0] = (struct trn_ext_cmd){ .op = TRN_CMD_COPY,
						       .a = { b.address, a.address, 5000 } };
		r = dev->ops.queue_kick(dev, queue, 1);
		settle(queue);
		if (r == 0 && __atomic_load_n(&queue->status->head, __ATOMIC_ACQUIRE) != 1)
			r = -EIO; /* the device ran out: the queue says so, or stands still */
	}
	if (r == 0 && ask(&value) < 0)
		r = strcmp(uri, "null:") == 0 ? 0 : -ENOMEM;
	return r;
}

START_TEST(every_allocation_failed_once)
{
	for (long n = 0;; n++) {
		int r;

		trn_test_alloc_init(&mem, n);
		r = everything(oom_uris[_i]);
		trn_hal_close(dev);
		dev = NULL;
		ck_assert_int_eq(mem.live, 0);
		if (!mem.failed) {
			ck_assert_int_eq(r, 0);
			break;
		}
		/* Ours is an error of the call. What the model itself could not take, it may do
		 * without, or fail the object concerned. */
		ck_assert_int_le(r, 0);
		ck_assert_int_lt(n, 5000);
	}
}
END_TEST

static Suite *faults_suite(void)
{
	Suite *suite = suite_create("hal-faults");
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, opening, 0, (int)TRN_ARRAY_LEN(opens));
	tcase_add_loop_test(tc, copying, 0, (int)TRN_ARRAY_LEN(copies));
	tcase_add_test(tc, all_engines_hang);
	tcase_add_test(tc, copy_queue_hangs);
	tcase_add_test(tc, copy_queues_share_an_engine);
	tcase_add_loop_test(tc, mailbox, 0, (int)(TRN_ARRAY_LEN(letters) * TRN_ARRAY_LEN(apis)));
	tcase_add_loop_test(tc, probe, 0, (int)(TRN_ARRAY_LEN(probes) * TRN_ARRAY_LEN(probe_uris)));
	tcase_add_test(tc, probe_without_room);
	tcase_add_loop_test(tc, mailbox_power_needs_the_new_protocol, 0, 2);
	tcase_add_loop_test(tc, lost_device_is_said_by_every_call, 0, 2);
	tcase_add_test(tc, ecc_errors_are_counted);
	tcase_add_loop_test(tc, every_allocation_failed_once, 0, (int)TRN_ARRAY_LEN(oom_uris));
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(faults_suite)
