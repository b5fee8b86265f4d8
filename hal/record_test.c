/* SPDX-License-Identifier: Apache-2.0 */
/* Records: the golden copy of the facts, bit by bit, as a driver developer would
 * read it; collapsing of repeats; the HAL record of a backend without a bus. */
#include "hal/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <trn/error.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/regs.h"
#include "base/test_alloc.h"
#include "base/test_main.h"

static struct trn_test_alloc mem;
static struct trn_log sink;
static char path[64];
static char *text;
static int warnings;

static void log_line(void *user, enum trn_log_level level, const char *line)
{
	(void)user;
	(void)line;
	if (level <= TRN_LOG_WARNING)
		warnings++;
}

static void setup(void)
{
	trn_test_alloc_init(&mem, -1);
	trn_log_init(&sink, log_line, NULL, TRN_LOG_DEBUG);
	snprintf(path, sizeof(path), "record-test-%ld.txt", (long)getpid());
}

static void teardown(void)
{
	free(text);
	(void)remove(path); /* not every test wrote one */
	ck_assert_int_eq(mem.live, 0);
}

static struct trn_hal_dev *open_recorded(const char *uri)
{
	struct trn_hal_fault fault = { 0 };
	struct trn_hal_dev *dev = NULL;
	char full[256];
	const struct trn_hal_open open = { .alloc = &mem.alloc,
					   .log = &sink,
					   .uri = full,
					   .deadline_ns = trn_clock_deadline(10000000000ull),
					   .ret_fault = &fault };

	snprintf(full, sizeof(full), "record(file=%s)+%s", path, uri);
	ck_assert_msg(trn_hal_open(&open, &dev) == 0, "%s", fault.why);
	return dev;
}

static void read_back(void)
{
	FILE *file = fopen(path, "r");
	long size;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	rewind(file);
	text = calloc(1, (size_t)size + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(fread(text, 1, (size_t)size, file), (size_t)size);
	fclose(file);
}

/* The line that contains these words, after *at; *at moves behind it. */
static void expect_line(const char **at, const char *words)
{
	const char *found = strstr(*at, words);

	if (!found)
		ck_abort_msg("no '%s' in the rest of the record", words);
	*at = found + strlen(words);
}

/* Facts 13.1: engine 128, queue 0, 100000 bytes from a host chunk to HBM 0. */
START_TEST(golden_copy)
{
	struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HOST, .size = 131072 };
	struct trn_hal_dev *dev = open_recorded("mock:trn2");
	struct trn_hal_mem host;
	struct trn_hal_mem hbm;
	unsigned long long from, to;
	char line[160];
	const char *at;
	const char *first;

	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &host), 0);
	desc.kind = TRN_HAL_MEM_HBM;
	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &hbm), 0);
	ck_assert_int_eq(dev->ops.copy(dev, hbm.address, host.address, 100000,
				       trn_clock_deadline(10000000000ull)),
			 0);
	from = host.address;
	to = hbm.address;
	trn_hal_close(dev);
	read_back();
	ck_assert(strncmp(text, "# trn-record/1 bus mock:trn2/0 1d0f:7364 revision 0\n", 52) == 0);

	/* Destination side first, then the source side; marker pair last. */
	at = text;
	expect_line(&at, " rx 128.0 0 ");
	first = at - strlen(" rx 128.0 0 ");
	at = first;
	snprintf(line, sizeof(line), " rx 128.0 0 0x01000000 0x00000000 0x%llx\n", to);
	expect_line(&at, line);
	snprintf(line, sizeof(line), " rx 128.0 1 0x010086a0 0x00000000 0x%llx\n", to + 0x10000);
	expect_line(&at, line);
	expect_line(&at, " rx 128.0 2 0x01000004 0x00000000 0x4");
	expect_line(&at, " write 0 0x06821038 0x00000003 ");
	snprintf(line, sizeof(line), " tx 128.0 0 0x0d000000 0x01080003 0x%llx\n", from);
	expect_line(&at, line);
	snprintf(line, sizeof(line), " tx 128.0 1 0x0d0086a0 0x05080003 0x%llx\n", from + 0x10000);
	expect_line(&at, line);
	expect_line(&at, " tx 128.0 2 0x0d000004 0x01080003 0x4");
	expect_line(&at, " write 0 0x06801038 0x00000003 ");
	/* Nothing else rang a doorbell of that pair, and no other descriptor was made. */
	ck_assert_ptr_null(strstr(at, " rx "));
	ck_assert_ptr_null(strstr(at, "0x06801038"));
	ck_assert_int_eq(warnings, 0);
}
END_TEST

/* Lines are numbered without a gap, and a repeated read is one line with a count. */
START_TEST(lines_are_numbered)
{
	struct trn_hal_dev *dev = open_recorded("mock:trn3");
	unsigned long long expected = 0;
	uint32_t value;
	bool repeated = false;
	char *rest;

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(dev->ops.reg_read32(dev, 0, TRN_MISC_RAM, &value), 0);
	ck_assert_int_eq(dev->ops.control(dev, "time", NULL, NULL, 0), 0);
	trn_hal_close(dev);
	read_back();
	ck_assert_ptr_nonnull(strstr(text, "\n# control time \n"));
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *times = strrchr(line, 'x');
		char *end;

		if (line[0] == '#')
			continue;
		ck_assert_uint_eq(strtoull(line, &end, 10), expected);
		ck_assert_int_eq(*end, ' ');
		expected++;
		if (times && times[-1] == ' ') {
			expected += strtoull(times + 1, NULL, 10) - 1;
			if (strstr(line, "0x06c84000 0x00000007"))
				repeated = strcmp(times, "x5") == 0;
		}
	}
	ck_assert(repeated);
	ck_assert_uint_gt(expected, 10000); /* engine initialisation alone */
}
END_TEST

/* Two runs of one driver on one seed leave the same record. */
START_TEST(runs_compare)
{
	char *before;

	trn_hal_close(open_recorded("mock:trn3?seed=5"));
	read_back();
	before = text;
	trn_hal_close(open_recorded("mock:trn3?seed=5"));
	read_back();
	ck_assert_str_eq(before, text);
	free(before);
}
END_TEST

/* Queues, maps, unmaps: what a record of the HAL itself looks like. */
START_TEST(backend_without_a_bus)
{
	const struct trn_hal_mem_desc desc = { .kind = TRN_HAL_MEM_HOST, .size = 4096 };
	const struct trn_hal_queue_desc queue_desc = { .depth = 16 };
	struct trn_hal_dev *dev = open_recorded("null:");
	struct trn_hal_queue *queue = NULL;
	struct trn_hal_fault fault;
	struct trn_hal_mem host;
	unsigned int round = 0;
	const char *at;

	ck_assert_int_eq(dev->ops.mem_alloc(dev, &desc, &host), 0);
	ck_assert_int_eq(dev->ops.mem_map(dev, &host), 0);
	ck_assert_int_eq(dev->ops.copy(dev, host.address, host.address + 64, 64, 0), 0);
	ck_assert_int_eq(dev->ops.copy(dev, host.address, 12, 64, 0), -TRN_EFAULT_DEV);
	trn_hal_last_fault(dev, &fault);
	ck_assert_ptr_nonnull(strstr(fault.why, "0xc is not mapped"));
	ck_assert_uint_eq(fault.address, 12);
	ck_assert_int_eq(dev->ops.queue_open(dev, &queue_desc, &queue), 0);
	queue->ring[0] = (struct trn_ext_cmd){ .op = TRN_CMD_NOP, .tag = 3 };
	ck_assert_int_eq(dev->ops.queue_kick(dev, queue, 1), 0);
	ck_assert_int_eq(dev->ops.progress(dev, &round, 0), -EAGAIN);
	ck_assert_int_eq(dev->ops.signal(dev), 0);
	ck_assert_int_eq(dev->ops.queue_reset(dev, queue, 0), 0);
	ck_assert_int_eq(dev->ops.queue_close(dev, queue), 0);
	ck_assert_int_eq(dev->ops.mem_free(dev, &host), 0);
	ck_assert_int_eq(dev->ops.telemetry(dev, NULL), -ENOTSUP);
	trn_hal_close(dev);
	read_back();
	at = text;
	expect_line(&at, "# trn-record/1 hal null\n0 mem-alloc kind 1 size 0x1000 address 0x4");
	expect_line(&at, " mem-map address 0x4");
	expect_line(&at, " size 0x40 = 0\n");
	expect_line(&at, " from 0xc size 0x40 = -1027\n");
	expect_line(&at, " queue-open depth 16 core 0 index 0 = 0\n");
	expect_line(&at, " command 0.0 op 1 tag 0x3 0x0 0x0 0x0\n");
	expect_line(&at, " queue-kick 0 tail 1 = 0\n");
	expect_line(&at, " signal = 0\n");
	expect_line(&at, " queue-reset 0 = 0\n");
	expect_line(&at, " queue-close 0 = 0\n");
	expect_line(&at, " mem-free address 0x4");
	expect_line(&at, " telemetry = -95\n");
}
END_TEST

/* Lines of registers are remembered, by place: what is written is what each of them would be
 * written alone, also when places are shared and lines are held back. */
START_TEST(lines_of_registers)
{
	struct trn_uri_hook hook = { .name = "record", .count = 1, .params = { { "file", path } } };
	struct trn_record *record = NULL;
	const char *at;

	ck_assert_int_eq(trn_record_open(&hook, UINT32_MAX, &mem.alloc, &record), 0);
	trn_record_begin(record);
	trn_record_read(record, TRN_BAR_REGS, TRN_MISC_RAM, 0xdeadbeef);
	trn_record_read(record, TRN_BAR_REGS, TRN_MISC_RAM, 0x0123abcd);
	trn_record_read(record, TRN_BAR_REGS, TRN_MISC_RAM, 0x0123abcd);
	trn_record_write(record, TRN_BAR_REGS, TRN_MISC_RAM, 7);
	trn_record_repeat(record, "again");
	trn_record_read(record, 4, UINT64_C(0x123456789ac), 1);
	for (uint64_t i = 0; i < 1000; i++)
		trn_record_read(record, 4, i * 4, 2);
	trn_record_repeat(record, "again");
	trn_record_repeat(record, "again");
	trn_record_read(record, 4, UINT64_C(0x123456789ac), 1);
	trn_record_end(record);
	trn_record_close(record, &sink);
	read_back();
	at = text;
	expect_line(&at, "0 read 0 0x");
	expect_line(&at, " 0xdeadbeef ");
	expect_line(&at, "\n1 read 0 0x");
	expect_line(&at, " 0x0123abcd ");
	expect_line(&at, " x2\n3 write 0 0x");
	expect_line(&at, " 0x00000007 ");
	expect_line(&at, "\n4 again\n5 read 4 0x123456789ac 0x00000001 \n");
	expect_line(&at, "6 read 4 0x00000000 0x00000002 \n7 read 4 0x00000004 0x00000002 \n");
	expect_line(&at, "\n1005 read 4 0x00000f9c 0x00000002 \n1006 again x2\n");
	expect_line(&at, "1008 read 4 0x123456789ac 0x00000001 \n");
	ck_assert_int_eq(warnings, 0);
}
END_TEST

/* A disk that is full is a warning at the end, not a broken device. */
START_TEST(a_full_disk_is_a_warning)
{
	const struct trn_uri_hook hook = { .name = "record",
					   .count = 1,
					   .params = { { "file", "/dev/full" } } };
	struct trn_record *record = NULL;

	if (access("/dev/full", W_OK) != 0)
		return;
	ck_assert_int_eq(trn_record_open(&hook, UINT32_MAX, &mem.alloc, &record), 0);
	trn_record_begin(record);
	for (int i = 0; i < 10000; i++)
		trn_record_line(record, "line %d", i);
	trn_record_repeat(record, "again");
	trn_record_repeat(record, "again");
	trn_record_end(record);
	trn_record_close(record, &sink);
	ck_assert_int_eq(warnings, 1);
}
END_TEST

static Suite *record_suite(void)
{
	Suite *suite = suite_create("hal-record");
	TCase *tc = tcase_create("record");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, golden_copy);
	tcase_add_test(tc, lines_are_numbered);
	tcase_add_test(tc, runs_compare);
	tcase_add_test(tc, backend_without_a_bus);
	tcase_add_test(tc, lines_of_registers);
	tcase_add_test(tc, a_full_disk_is_a_warning);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(record_suite)
