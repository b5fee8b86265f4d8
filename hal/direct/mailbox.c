/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the firmware, in both forms (neuron-driver facts 5.2, 5.3). The answer is
 * hostile until its sequence, error and size have been checked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "hal/direct/direct.h"

#define HEADER sizeof(struct trn_mbox_request)
#define RESPONSE_HEADER sizeof(struct trn_mbox_response)
#define SECOND UINT64_C(1000000000)

/* Time and number of tries by command and form. */
static const struct rule {
	uint32_t command;
	uint64_t try_ns;
	unsigned int tries_new, tries_legacy; /* 0: that form does not have it */
} rules[] = {
	{ TRN_MBOX_READ, SECOND, 15, 30 },
	{ TRN_MBOX_POST, SECOND, 15, 30 },
	{ TRN_MBOX_SET_POWER, 60 * SECOND, 3, 0 },
};

struct exchange {
	struct trn_direct *d;
	const struct rule *rule;
	const void *request;
	size_t size; /* of the payload */
	void *response;
	size_t room;
	size_t got;
	uint8_t sequence;
};

static int misc_write(struct trn_direct *d, uint32_t offset, uint32_t value)
{
	return trn_hal_write32(d->bus, TRN_MISC_RAM + offset, value);
}

/* Words of MISC RAM from bytes; the last one is padded with zeros. */
static int misc_write_bytes(struct trn_direct *d, uint32_t offset, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	for (size_t at = 0; at < size; at += 4) {
		uint32_t word = 0;
		int r;

		memcpy(&word, from + at, trn_min_u64(4, size - at));
		r = misc_write(d, offset + (uint32_t)at, word);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct trn_mbox_request header(const struct exchange *x)
{
	struct trn_mbox_request request = { .sequence = x->sequence,
					    .command = (uint8_t)x->rule->command,
					    .size = (uint16_t)(HEADER + x->size) };

	request.crc = trn_crc32c(trn_crc32c(0, &request, HEADER), x->request, x->size);
	return request;
}

/* Common to both forms; 0 means the payload is size bytes. -EAGAIN: ask again. */
static int check_response(struct exchange *x, const struct trn_mbox_response *response,
			  size_t limit, size_t *ret_size)
{
	struct trn_hal_dev *dev = &x->d->hal;

	if (response->error == TRN_MBOX_FAIL) {
		trn_hal_fail(dev, -TRN_EFIRMWARE, "mailbox: the firmware failed command %u",
			     x->rule->command);
		return -EAGAIN;
	}
	if (response->error == TRN_MBOX_UNKNOWN)
		return trn_hal_fail(dev, -ENOTSUP, "mailbox: the firmware has no command %u",
				    x->rule->command);
	if (response->error != TRN_MBOX_OK)
		return trn_hal_fail(dev, -TRN_EFIRMWARE, "mailbox: error code %u is none",
				    response->error);
	if (response->size < RESPONSE_HEADER || response->size > limit)
		return trn_hal_fail(dev, -TRN_EFIRMWARE, "mailbox: response of %u bytes",
				    response->size);
	if (response->size - RESPONSE_HEADER > x->room)
		return trn_hal_fail(dev, -ENOSPC, "mailbox: response of %u bytes, room for %zu",
				    response->size, x->room);
	*ret_size = response->size - RESPONSE_HEADER;
	return 0;
}

/* ---- legacy: both buffers in host memory ---- */

static int legacy_answered(void *arg)
{
	struct exchange *x = arg;
	const uint32_t *word = x->d->mailbox_response.host;

	return (trn_hal_dma_load32(word) & 0xff) == x->sequence ? 0 : -EAGAIN;
}

static int legacy_send(struct exchange *x)
{
	struct trn_direct *d = x->d;
	struct trn_mbox_request request = header(x);
	uint64_t to = d->mailbox_request.address;
	uint64_t back = d->mailbox_response.address;
	int r = 0;

	memcpy(d->mailbox_request.host, &request, HEADER);
	if (x->size > 0)
		memcpy((uint8_t *)d->mailbox_request.host + HEADER, x->request, x->size);
	trn_hal_dma_store32(d->mailbox_response.host, 0); /* sequence 0 is never used */
	if (x->rule->command == TRN_MBOX_POST)
		r = misc_write_bytes(d, TRN_MR_DATA, x->request,
				     trn_min_u64(x->size, TRN_MR_DATA_SIZE));
	if (r == 0)
		r = misc_write(d, TRN_MR_REQ_LO, trn_lo32(to));
	if (r == 0)
		r = misc_write(d, TRN_MR_REQ_HI, trn_hi32(to));
	if (r == 0)
		r = misc_write(d, TRN_MR_RESP_LO, trn_lo32(back));
	if (r == 0)
		r = misc_write(d, TRN_MR_RESP_HI, trn_hi32(back));
	trn_hal_dma_publish(); /* the request in host memory before the trigger */
	return r < 0 ? r : misc_write(d, TRN_MR_TRIGGER, 1);
}

static int legacy_take(struct exchange *x)
{
	const uint8_t *host = x->d->mailbox_response.host;
	struct trn_mbox_response response;
	int r;

	trn_hal_dma_observe(); /* the sequence before the rest of the response */
	memcpy(&response, host, sizeof(response));
	r = check_response(x, &response, TRN_MBOX_HOST_SIZE, &x->got);
	if (r == 0 && x->got > 0)
		memcpy(x->response, host + RESPONSE_HEADER, x->got);
	return r;
}

/* ---- new: everything in MISC RAM ---- */

static int new_answered(void *arg)
{
	struct exchange *x = arg;
	uint32_t value = 0;
	int r = trn_hal_read32_live(x->d->bus, TRN_MISC_RAM + TRN_MR_TRIGGER, &value);

	if (r < 0)
		return r;
	return value == 0 ? 0 : -EAGAIN;
}

static int new_send(struct exchange *x)
{
	struct trn_direct *d = x->d;
	struct trn_mbox_request request = header(x);
	uint32_t words[2];
	int r = misc_write_bytes(d, TRN_MR_DATA, x->request, x->size);

	memcpy(words, &request, sizeof(words));
	if (r == 0)
		r = misc_write(d, TRN_MR_REQ_HI, words[0]);
	if (r == 0)
		r = misc_write(d, TRN_MR_REQ_LO, words[1]);
	if (r == 0)
		r = misc_write(d, TRN_MR_RESP_HI, 0);
	if (r == 0)
		r = misc_write(d, TRN_MR_RESP_LO, 0);
	if (r == 0)
		r = misc_write(d, TRN_MR_ACK, 1);
	return r < 0 ? r : misc_write(d, TRN_MR_TRIGGER, 1);
}

static int new_take(struct exchange *x)
{
	struct trn_bus *bus = x->d->bus;
	struct trn_mbox_response response;
	uint8_t data[TRN_MR_DATA_SIZE];
	uint32_t word = 0;
	int r = trn_hal_read32_live(bus, TRN_MISC_RAM + TRN_MR_REQ_HI, &word);

	if (r < 0)
		return r;
	memcpy(&response, &word, sizeof(response));
	if (response.sequence != x->sequence) {
		trn_hal_fail(&x->d->hal, -TRN_EFIRMWARE, "mailbox: answer to %u, not to %u",
			     response.sequence, x->sequence);
		return -EAGAIN;
	}
	r = check_response(x, &response, RESPONSE_HEADER + TRN_MR_DATA_SIZE, &x->got);
	for (uint32_t at = 0; r == 0 && at < x->got; at += 4) {
		r = trn_hal_read32_live(bus, TRN_MISC_RAM + TRN_MR_DATA + at, &word);
		memcpy(data + at, &word, sizeof(word));
	}
	if (r == 0 && x->got > 0)
		memcpy(x->response, data, x->got);
	return r;
}

/* ---- the exchange ---- */

static const struct form {
	int (*send)(struct exchange *x);
	int (*answered)(void *x);
	int (*take)(struct exchange *x);
} forms[] = {
	{ legacy_send, legacy_answered, legacy_take },
	{ new_send, new_answered, new_take },
};

/* 1..255; 0 is skipped: a cleared buffer must not look like an answer. */
static uint8_t sequence_next(struct trn_direct *d)
{
	d->mailbox_sequence = d->mailbox_sequence == 255 ? 1 : (uint8_t)(d->mailbox_sequence + 1);
	return d->mailbox_sequence;
}

static int exchange_run(struct exchange *x, const struct form *form, unsigned int tries,
			uint64_t deadline_ns)
{
	struct trn_direct *d = x->d;
	uint32_t api = 0;
	int r = -ETIMEDOUT;

	for (unsigned int n = 0; n < tries; n++) {
		uint64_t until = trn_direct_budget(deadline_ns, x->rule->try_ns);

		x->sequence = sequence_next(d);
		/* Is anybody there? And what the firmware did with the buffers of the last try
		 * is over when this read returns. */
		r = trn_hal_read32_live(d->bus, TRN_MISC_RAM + TRN_MR_API_VERSION, &api);
		if (r < 0)
			return trn_hal_fail(&d->hal, r, "mailbox: the device is gone");
		r = form->send(x);
		if (r == 0)
			r = trn_direct_wait(d, form->answered, x, until, NULL);
		if (r == 0)
			r = form->take(x);
		else if (r == -ETIMEDOUT)
			trn_hal_fail(&d->hal, r, "mailbox: no answer to command %u, %u tries",
				     x->rule->command, n + 1);
		if (r != -EAGAIN && r != -ETIMEDOUT)
			return r;
		if (n > 0 && trn_clock_passed(deadline_ns))
			break;
	}
	/* Asked often enough: what the last answer was is in the record already. */
	return r == -EAGAIN ? -TRN_EFIRMWARE : r;
}

static int buffers_open(struct trn_direct *d)
{
	int r = 0;

	if (d->mailbox_request.size == 0)
		r = trn_direct_inner_alloc(d, TRN_MBOX_HOST_SIZE, TRN_MEMORY_SCRATCH,
					   &d->mailbox_request);
	if (r == 0 && d->mailbox_response.size == 0)
		r = trn_direct_inner_alloc(d, TRN_MBOX_HOST_SIZE, TRN_MEMORY_SCRATCH,
					   &d->mailbox_response);
	return r;
}

static const struct rule *rule_find(uint32_t command)
{
	for (size_t i = 0; i < TRN_ARRAY_LEN(rules); i++) {
		if (rules[i].command == command)
			return &rules[i];
	}
	return NULL;
}

int trn_direct_mailbox(struct trn_hal_dev *dev, uint32_t command, const void *request, size_t size,
		       void *response, size_t room, size_t *ret_size, uint64_t deadline_ns)
{
	struct trn_direct *d = trn_direct_of(dev);
	struct exchange x = { .d = d,
			      .request = request,
			      .size = size,
			      .response = response,
			      .room = room,
			      .rule = rule_find(command) };
	bool is_new = d->firmware_api >= TRN_MBOX_API_NEW && size <= TRN_MR_DATA_SIZE;
	unsigned int tries;
	int r = 0;

	if (!x.rule)
		return trn_hal_fail(dev, -EINVAL, "mailbox: no command %u", command);
	if (size > TRN_MBOX_HOST_SIZE - HEADER ||
	    (command == TRN_MBOX_POST && size > TRN_MR_DATA_SIZE))
		return trn_hal_fail(dev, -EINVAL, "mailbox: request of %zu bytes", size);
	tries = is_new ? x.rule->tries_new : x.rule->tries_legacy;
	if (tries == 0)
		return trn_hal_fail(dev, -ENOTSUP,
				    "mailbox: command %u needs firmware API %u, "
				    "this is %u",
				    command, TRN_MBOX_API_NEW, d->firmware_api);
	if (!is_new)
		r = buffers_open(d);
	if (r == 0)
		r = exchange_run(&x, &forms[is_new], tries, deadline_ns);
	if (r < 0)
		return r;
	if (ret_size)
		*ret_size = x.got;
	return 0;
}
