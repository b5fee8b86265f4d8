/* SPDX-License-Identifier: Apache-2.0 */
/* Public API: memory without copies: mappings, file descriptors, large pages. */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES 20000u

static struct trn_buffer *make(struct api *a, enum trn_buffer_kind kind, uint64_t bytes,
			       uint32_t flags)
{
	const struct trn_buffer_opts opts = { .size = sizeof(opts),
					      .kind = kind,
					      .bytes = bytes,
					      .flags = flags,
					      .label = "shared" };
	struct trn_buffer *buffer;

	API_OK(a, trn_buffer_create(a->device, &opts, &buffer));
	return api_keep(a, API_BUFFER, buffer);
}

static struct trn_buffer_info info_of(struct api *a, struct trn_buffer *buffer)
{
	struct trn_buffer_info info = { .size = sizeof(info) };

	API_OK(a, trn_buffer_info(buffer, &info));
	return info;
}

/* Reading, writing and looking move nothing by DMA, and all see one memory. */
static void share_no_copies(struct api *a)
{
	static const enum trn_buffer_kind kinds[] = { TRN_BUFFER_HOST, TRN_BUFFER_HBM };
	uint8_t *in = api_bytes(a, BYTES), *out = api_bytes(a, BYTES);

	for (int i = 0; i < 2; i++) {
		struct trn_buffer *buffer = make(a, kinds[i], BYTES, 0);
		const uint64_t before = api_counter(a, "counters", "dma_bytes");
		void *ptr = NULL, *again = NULL;

		if (kinds[i] == TRN_BUFFER_HBM && !api_has(a, TRN_CAP_MAP_HBM))
			return;
		API_OK(a, trn_buffer_map(buffer, &ptr));
		api_random(a, in, BYTES);
		API_OK(a, trn_buffer_write(buffer, 0, in, BYTES, api_soon()));
		API_CHECK(a, memcmp(ptr, in, BYTES) == 0);
		in[77] ^= 0x55;
		((uint8_t *)ptr)[77] = in[77];
		API_OK(a, trn_buffer_read(buffer, 0, out, BYTES, api_soon()));
		API_CHECK(a, memcmp(out, in, BYTES) == 0);
		API_OK(a, trn_buffer_map(buffer, &again));
		API_CHECK(a, again == ptr);
		API_CHECK(a, api_counter(a, "counters", "dma_bytes") == before);
	}
}

/* Two buffers of one memory; the device copies out of one what was written to the other. */
static void share_descriptor(struct api *a)
{
	struct trn_buffer *mine = make(a, TRN_BUFFER_HOST, BYTES, TRN_BUFFER_EXPORT);
	struct trn_buffer *hbm = make(a, TRN_BUFFER_HBM, BYTES, 0), *theirs;
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = BYTES };
	struct trn_queue *queue = api_queue(a, 16);
	struct trn_batch *batch = api_batch(a, queue, 1);
	uint8_t *in = api_bytes(a, BYTES), *out = api_bytes(a, BYTES);
	int fd = -1;

	API_CHECK(a, info_of(a, mine).exported == 1);
	API_OK(a, trn_buffer_export(mine, &fd));
	API_CHECK(a, fcntl(fd, F_GETFD) & FD_CLOEXEC);
	API_OK(a, trn_buffer_import(a->device, fd, &opts, &theirs));
	(void)api_keep(a, API_BUFFER, theirs);
	API_CHECK(a, close(fd) == 0);
	API_CHECK(a, info_of(a, theirs).exported == 0);
	API_CHECK(a, trn_buffer_address(mine) != trn_buffer_address(theirs));
	api_random(a, in, BYTES);
	API_OK(a, trn_buffer_write(mine, 0, in, BYTES, api_soon()));
	api_release(a, mine); /* the memory stays while somebody has it */
	API_OK(a, trn_batch_copy(batch, hbm, 0, theirs, 0, BYTES));
	api_submit(a, queue, batch, NULL);
	API_OK(a, trn_queue_drain(queue, api_soon()));
	API_OK(a, trn_buffer_read(hbm, 0, out, BYTES, api_soon()));
	API_CHECK(a, memcmp(in, out, BYTES) == 0);
}

static void share_refused(struct api *a)
{
	struct trn_buffer *host = make(a, TRN_BUFFER_HOST, BYTES, TRN_BUFFER_EXPORT), *slice;
	struct trn_buffer *plain = make(a, TRN_BUFFER_HOST, BYTES, 0), *none = NULL;
	struct trn_buffer *hbm = make(a, TRN_BUFFER_HBM, BYTES, 0);
	struct trn_buffer_opts opts = { .size = sizeof(opts), .bytes = BYTES };
	int fd = -1, loose;

	API_CODE(a, -ENOTSUP, trn_buffer_export(hbm, &fd));
	API_CHECK(a, api_cause_has(a, "dma-buf"));
	API_CODE(a, -EINVAL, trn_buffer_export(plain, &fd));
	API_OK(a, trn_buffer_slice(host, 0, 100, &slice));
	(void)api_keep(a, API_BUFFER, slice);
	API_CODE(a, -EINVAL, trn_buffer_export(slice, &fd));
	API_CODE(a, -EINVAL, trn_buffer_export(host, NULL));
	opts.flags = TRN_BUFFER_EXPORT;
	API_CODE(a, -ENOTSUP, trn_buffer_create(a->device, &opts, &none));
	API_CODE(a, -EINVAL, trn_buffer_import(a->device, 0, &opts, &none));
	opts.flags = 0;
	API_CODE(a, -EBADF, trn_buffer_import(a->device, -1, &opts, &none));
	loose = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	API_CHECK(a, loose >= 0 && ftruncate(loose, 4096) == 0);
	API_CODE(a, -EINVAL, trn_buffer_import(a->device, loose, &opts, &none));
	API_CHECK(a, api_cause_has(a, "not sealed"));
	API_CHECK(a, fcntl(loose, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	API_CODE(a, -EINVAL, trn_buffer_import(a->device, loose, &opts, &none));
	API_CHECK(a, api_cause_has(a, "fewer bytes"));
	opts.bytes = UINT64_MAX;
	API_CODE(a, -EINVAL, trn_buffer_import(a->device, loose, &opts, &none));
	opts.bytes = 0;
	API_CODE(a, -EINVAL, trn_buffer_import(a->device, loose, &opts, &none));
	API_CHECK(a, fd == -1 && !none);
	(void)close(loose);
}

static void share_huge(struct api *a)
{
	struct trn_buffer *buffer = make(a, TRN_BUFFER_HOST, 5 << 20, TRN_BUFFER_HUGE);
	struct trn_buffer_opts opts = { .size = sizeof(opts),
					.kind = TRN_BUFFER_HOST,
					.bytes = 5 << 20,
					.flags = TRN_BUFFER_HUGE_ONLY };
	struct trn_buffer_info info = info_of(a, buffer);
	struct trn_buffer *only = NULL;
	void *ptr = NULL;
	int r;

	API_CHECK(a, info.page_bytes == 4096 || info.page_bytes == 2 << 20);
	API_CHECK(a, info.bytes == 5 << 20 && info.kind == TRN_BUFFER_HOST);
	API_CHECK(a, strcmp(info.label, "shared") == 0);
	API_OK(a, trn_buffer_map(buffer, &ptr));
	API_CHECK(a, (uintptr_t)ptr % info.page_bytes == 0);
	memset(ptr, 1, 5 << 20);
	r = trn_buffer_create(a->device, &opts, &only);
	if (r < 0) {
		API_CHECK(a, r == -ENOMEM && !only && api_cause_has(a, "in large pages"));
	} else {
		(void)api_keep(a, API_BUFFER, only);
		API_CHECK(a, info_of(a, only).page_bytes >= 2 << 20);
	}
	opts.kind = TRN_BUFFER_HBM;
	API_CODE(a, -EINVAL, trn_buffer_create(a->device, &opts, &only));
	opts.flags = 0x100;
	API_CODE(a, -EINVAL, trn_buffer_create(a->device, &opts, &only));
	info.size = 1;
	API_CODE(a, -EINVAL, trn_buffer_info(buffer, &info));
}

const struct api_test api_share_tests[] = {
	{ "share.no-copies", share_no_copies },
	{ "share.descriptor", share_descriptor },
	{ "share.refused", share_refused },
	{ "share.huge", share_huge },
	{ NULL, NULL },
};
