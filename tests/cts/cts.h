/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite: the same tests over every backend, each test on a device of
 * its own. A backend that cannot or does not yet pass one says so in expect.c. */
#ifndef TESTS_CTS_CTS_H
#define TESTS_CTS_CTS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/prng.h"
#include "base/test_alloc.h"
#include <trn/error.h>
#include "hal/hal.h"

#define CTS_CHIPS 4
#define CTS_SECOND UINT64_C(1000000000)

struct cts {
	const char *uri;
	struct trn_hal_dev *dev;
	struct trn_hal_info info;
	struct trn_hal_pods *pods; /* chips of the device's pod: cts_chip() */
	struct trn_hal_dev *chips[CTS_CHIPS];
	size_t chip_count;
	struct trn_test_alloc mem;
	struct trn_log log;
	struct trn_prng prng;
	bool violations_allowed; /* the test breaks rules on purpose */
	/* How it ended. */
	jmp_buf out;
	int code; /* the call's answer that ended it, 0 when it was no call */
	char text[320];
};

struct cts_test {
	const char *name;
	void (*run)(struct cts *c);
};

/* hal_*.c: ended by an entry without a name */
extern const struct cts_test cts_memory_tests[];
extern const struct cts_test cts_copy_tests[];
extern const struct cts_test cts_queue_tests[];
extern const struct cts_test cts_device_tests[];
extern const struct cts_test cts_pod_tests[];

enum cts_verdict {
	CTS_MUST_PASS,
	CTS_NEVER,   /* the backend is not made for it: must answer -ENOTSUP */
	CTS_NOT_YET, /* it should, and does not: must fail; a pass takes the line away */
};
/* What is expected of a test on a backend, and why when it is not a pass. */
enum cts_verdict cts_expected(const char *uri, const char *test, const char **ret_reason);
/* The backends' URIs; NULL past the end. */
const char *cts_uri(size_t index);

/* Ends the test when the condition is false. */
#define CTS_CHECK(c, condition) cts_check((c), (condition), 0, __FILE__, __LINE__, "%s", #condition)
/* Ends the test when the call did not answer 0; its code and record are kept. */
#define CTS_OK(c, call) cts_check_code((c), (call), 0, __FILE__, __LINE__, #call)
/* Ends the test when the call did not answer code. */
#define CTS_CODE(c, code, call) cts_check_code((c), (call), (code), __FILE__, __LINE__, #call)

void cts_check(struct cts *c, bool condition, int code, const char *file, int line, const char *fmt,
	       ...) TRN_PRINTF(6, 7);
void cts_check_code(struct cts *c, int r, int wanted, const char *file, int line, const char *what);

/* Common steps. */
uint64_t cts_deadline(void);
/* One more chip of the device's pod, opened; the runner closes it. Ends the test with -ENOTSUP
 * when the device is alone or reaches no peers. */
struct trn_hal_dev *cts_chip(struct cts *c, uint32_t index);
struct trn_hal_mem cts_alloc_on(struct cts *c, struct trn_hal_dev *dev, enum trn_hal_mem_kind kind,
				uint64_t size);
struct trn_hal_mem cts_alloc(struct cts *c, enum trn_hal_mem_kind kind, uint64_t size);
void cts_free(struct cts *c, struct trn_hal_mem *mem);
struct trn_hal_queue *cts_queue(struct cts *c, uint32_t depth);
/* Writes one command and returns the tail behind it; does not kick. */
uint32_t cts_put(struct trn_hal_queue *queue, uint32_t tail, const struct trn_ext_cmd *cmd);
/* Waits until head is there; -EIO when the queue stopped, -ETIMEDOUT. */
int cts_drain(struct cts *c, struct trn_hal_queue *queue, uint32_t head);
uint32_t cts_head(const struct trn_hal_queue *queue);
uint32_t cts_state(const struct trn_hal_queue *queue);
void cts_random(struct cts *c, void *bytes, size_t size);
uint64_t cts_violations(struct cts *c);

#endif /* TESTS_CTS_CTS_H */
