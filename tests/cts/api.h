/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance of the public API: the same tests over every door, each on a
 * context and device of its own. What a door is not made for is in api_expect.c. */
#ifndef TESTS_CTS_API_H
#define TESTS_CTS_API_H

#include <setjmp.h>
#include <stdbool.h>
#include <trn/diag.h>
#include <trn/trn.h>
#include "base/prng.h"
#include "base/test_alloc.h"

#define API_SECOND UINT64_C(1000000000)

enum api_kind {
	API_BUFFER,
	API_QUEUE,
	API_BATCH,
	API_TIMELINE,
	API_PROGRAM,
	API_IMAGE,
	API_BYTES,
	API_DEVICE,
	API_GRAPH,
	API_EXEC,
};
struct api_kept {
	enum api_kind kind;
	void *object;
};
#define API_KEPT_MAX 512

struct api {
	const char *uri; /* of the table, for what is expected */
	char opened[256];
	struct trn_context *context;
	struct trn_device *device;
	struct trn_device_info info;
	struct trn_test_alloc mem;
	struct trn_prng prng;
	bool violations_allowed; /* the test has DMAs go nowhere on purpose */
	/* What the test has made and not released; the runner does, however the test ended. */
	struct api_kept kept[API_KEPT_MAX];
	size_t kept_count;
	/* How it ended. */
	jmp_buf out;
	int code;
	char text[512];
};

struct api_test {
	const char *name;
	void (*run)(struct api *a);
};

/* Each ended by an entry without a name. */
extern const struct api_test api_device_tests[];
extern const struct api_test api_memory_tests[];
extern const struct api_test api_books_tests[];
extern const struct api_test api_share_tests[];
extern const struct api_test api_shape_tests[];
extern const struct api_test api_queue_tests[];
extern const struct api_test api_timeline_tests[];
extern const struct api_test api_thread_tests[];
extern const struct api_test api_program_tests[];
extern const struct api_test api_pair_tests[];
extern const struct api_test api_graph_tests[];
extern const struct api_test api_pod_tests[];
extern const struct api_test api_sync_tests[];

/* Of them, in api_sync_fd.c. */
void api_sync_fd(struct api *a);
void api_sync_fd_race(struct api *a);

/* Why a test cannot pass on this door: its calls answer -ENOTSUP. NULL: it must pass. */
const char *api_never(const char *uri, const char *test);

/* Each ends the test when it does not hold. A failing call must have left a record. */
#define API_CHECK(a, condition) api_check((a), (condition), __FILE__, __LINE__, #condition)
#define API_OK(a, call) api_code((a), (call), 0, __FILE__, __LINE__, #call)
#define API_CODE(a, code, call) api_code((a), (call), (code), __FILE__, __LINE__, #call)
void api_check(struct api *a, bool condition, const char *file, int line, const char *what);
void api_code(struct api *a, int r, int wanted, const char *file, int line, const char *what);

/* The runner releases what is kept, newest first. Returns the object. */
void *api_keep(struct api *a, enum api_kind kind, void *object);
/* Releases one object now. */
void api_release(struct api *a, void *object);

/* Common steps; each ends the test when it fails, and keeps what it makes. */
uint64_t api_soon(void);
/* Another chip of the device's pod, by its distance in numbers; the test ends with -ENOTSUP when
 * the device reaches no peers. */
struct trn_device *api_chip(struct api *a, uint32_t distance);
struct trn_buffer *api_buffer_on(struct api *a, struct trn_device *device,
				 enum trn_buffer_kind kind, uint64_t bytes);
struct trn_queue *api_queue_on(struct api *a, struct trn_device *device, uint32_t depth);
/* The buffer as the device reaches it. */
struct trn_buffer *api_peer(struct api *a, struct trn_buffer *buffer, struct trn_device *device);
struct trn_buffer *api_buffer(struct api *a, enum trn_buffer_kind kind, uint64_t bytes);
struct trn_queue *api_queue(struct api *a, uint32_t depth);
struct trn_batch *api_batch(struct api *a, struct trn_queue *queue, uint32_t max);
struct trn_timeline *api_timeline_on(struct api *a, struct trn_device *device, uint64_t value);
struct trn_timeline *api_timeline(struct api *a, uint64_t value);
void api_submit(struct api *a, struct trn_queue *queue, struct trn_batch *batch,
		uint64_t *ret_sequence);
void *api_bytes(struct api *a, size_t size); /* zeroed */
void api_random(struct api *a, void *bytes, size_t size);
uint64_t api_below(struct api *a, uint64_t limit);
/* The URI of the device's pod, with another INDEX or without (UINT32_MAX). */
void api_uri(struct api *a, uint32_t index, char *buf, size_t size);
/* A number out of a control verb's answer; UINT64_MAX where the door has none. */
uint64_t api_counter(struct api *a, const char *verb, const char *key);
bool api_has(const struct api *a, uint64_t cap);
/* The last failure's cause holds the text. */
bool api_cause_has(struct api *a, const char *text);

#endif /* TESTS_CTS_API_H */
