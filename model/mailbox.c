/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware mailbox (driver facts 5.2, 5.3): requests in host memory
 * (legacy) or in MISC RAM (from API version 7), answered after a delay. */
#include "model/misc.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/crc32c.h"

#define HEADER_SIZE ((uint32_t)sizeof(struct trn_mbox_request))
#define ANSWER_HEADER_SIZE ((uint32_t)sizeof(struct trn_mbox_response))
#define POST_MAX 128u
#define POWER_SIZE 8u

/* One request as the commands see it. */
struct request {
	struct trn_chip *chip;
	const uint8_t *payload;
	uint32_t size;
	uint8_t *answer;
	uint32_t room, answer_size;
};

/* Addresses of registers to their values. Host memory is not the firmware's to read. */
static uint32_t run_read(struct request *request)
{
	uint32_t count = request->size / 8;

	if (request->size % 8 != 0 || count == 0 || count * 4 > request->room)
		return TRN_MBOX_FAIL;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = trn_load64(request->payload + i * 8), bad = 0;

		if (address % 4 != 0 || trn_chip_place(request->chip, address) == TRN_PLACE_HOST ||
		    trn_chip_dma_read(request->chip, address, request->answer + i * 4, 4, &bad) < 0)
			return TRN_MBOX_FAIL;
	}
	request->answer_size = count * 4;
	return TRN_MBOX_OK;
}

static uint32_t run_post(struct request *request)
{
	return request->size <= POST_MAX ? TRN_MBOX_OK : TRN_MBOX_FAIL;
}

static uint32_t run_set_power(struct request *request)
{
	if (request->size != POWER_SIZE || trn_load32(request->payload) != 0)
		return TRN_MBOX_FAIL;
	request->chip->misc->power_profile = trn_load32(request->payload + 4);
	return TRN_MBOX_OK;
}

static const struct command {
	uint8_t id;
	bool legacy; /* exists in the legacy protocol */
	uint32_t (*run)(struct request *request);
} commands[] = {
	{ TRN_MBOX_READ, true, run_read },
	{ TRN_MBOX_POST, true, run_post },
	{ TRN_MBOX_SET_POWER, false, run_set_power },
};

/* Error code of the answer; data in request->answer. */
static uint32_t execute(struct request *request, const struct trn_mbox_request *header, bool legacy)
{
	struct trn_mbox_request clean = *header;
	uint32_t crc;

	clean.crc = 0;
	crc = trn_crc32c(0, &clean, sizeof(clean));
	crc = trn_crc32c(crc, request->payload, request->size);
	if (crc != header->crc || header->sequence == 0)
		return TRN_MBOX_FAIL;
	for (size_t i = 0; i < TRN_ARRAY_LEN(commands); i++) {
		if (commands[i].id == header->command && (commands[i].legacy || !legacy))
			return commands[i].run(request);
	}
	return TRN_MBOX_UNKNOWN;
}

static struct trn_mbox_response answer_header(struct request *request,
					      const struct trn_mbox_request *header, uint32_t error)
{
	struct trn_mbox_response response = { .sequence = header->sequence };
	uint64_t value = 0;

	if (trn_fault_fires(request->chip, "mailbox.error", 0, &value))
		error = value & 0xff ? (uint32_t)(value & 0xff) : TRN_MBOX_FAIL;
	if (trn_fault_fires(request->chip, "mailbox.badseq", 0, &value))
		response.sequence = (uint8_t)(header->sequence % 255 + 1);
	if (error != TRN_MBOX_OK)
		request->answer_size = 0;
	response.error = (uint8_t)error;
	response.size = (uint16_t)(ANSWER_HEADER_SIZE + request->answer_size);
	return response;
}

/* The host's pages of a legacy request, or the answer's, are not there. */
static void unmapped(struct trn_chip *chip, uint64_t address)
{
	trn_model_event(chip, TRN_EV_VIOLATION, "mailbox-unmapped", address, 0, 0, 0);
}

static void legacy_answer(struct trn_misc *misc, const struct trn_mbox_request *header,
			  uint8_t *buffer)
{
	struct trn_chip *chip = misc->chip;
	uint64_t from = trn_u64(*misc_word(misc, TRN_MR_REQ_LO), *misc_word(misc, TRN_MR_REQ_HI));
	uint64_t to = trn_u64(*misc_word(misc, TRN_MR_RESP_LO), *misc_word(misc, TRN_MR_RESP_HI));
	struct request request = {
		.chip = chip,
		.payload = buffer,
		.size = header->size - HEADER_SIZE,
		.answer = buffer + TRN_MBOX_HOST_SIZE,
		.room = TRN_MBOX_HOST_SIZE - ANSWER_HEADER_SIZE,
	};
	struct trn_mbox_response response;
	uint64_t bad = 0;

	if (trn_chip_dma_read(chip, from + HEADER_SIZE, buffer, request.size, &bad) < 0) {
		unmapped(chip, bad);
		return;
	}
	response = answer_header(&request, header, execute(&request, header, true));
	/* Data first: the host polls the header. */
	if (trn_chip_dma_write(chip, to + ANSWER_HEADER_SIZE, request.answer, request.answer_size,
			       &bad) < 0 ||
	    trn_chip_dma_write(chip, to, &response, sizeof(response), &bad) < 0)
		unmapped(chip, bad);
}

static void legacy(struct trn_misc *misc)
{
	struct trn_chip *chip = misc->chip;
	uint64_t from = trn_u64(*misc_word(misc, TRN_MR_REQ_LO), *misc_word(misc, TRN_MR_REQ_HI));
	struct trn_mbox_request header;
	uint64_t bad = 0;
	uint8_t *buffer;

	*misc_word(misc, TRN_MR_TRIGGER) = 0;
	if (trn_chip_dma_read(chip, from, &header, sizeof(header), &bad) < 0) {
		unmapped(chip, bad);
		return;
	}
	if (header.size < HEADER_SIZE)
		header.size = HEADER_SIZE; /* its CRC will not match */
	buffer = trn_alloc_zero(chip->model->alloc, 2 * TRN_MBOX_HOST_SIZE);
	if (!buffer) {
		chip->model->lost++;
		return;
	}
	legacy_answer(misc, &header, buffer);
	trn_free(chip->model->alloc, buffer);
}

static void in_place(struct trn_misc *misc)
{
	uint8_t payload[TRN_MR_DATA_SIZE], answer[TRN_MR_DATA_SIZE] = { 0 };
	struct trn_mbox_request header;
	struct trn_mbox_response response;
	struct request request = {
		.chip = misc->chip,
		.payload = payload,
		.answer = answer,
		.room = sizeof(answer),
	};
	uint32_t error = TRN_MBOX_FAIL;

	memcpy(&header, misc_word(misc, TRN_MR_REQ_HI), sizeof(header));
	memcpy(payload, misc_word(misc, TRN_MR_DATA), sizeof(payload));
	if (header.size >= HEADER_SIZE && header.size - HEADER_SIZE <= sizeof(payload)) {
		request.size = header.size - HEADER_SIZE;
		error = execute(&request, &header, false);
	}
	response = answer_header(&request, &header, error);
	memcpy(misc_word(misc, TRN_MR_DATA), answer, request.answer_size);
	memcpy(misc_word(misc, TRN_MR_REQ_HI), &response, sizeof(response));
	*misc_word(misc, TRN_MR_TRIGGER) = 0;
}

/* Event: the firmware gets to a request. b: in the new protocol. */
static void answer(void *arg, uint64_t a, uint64_t b)
{
	struct trn_misc *misc = arg;

	if (a != misc->request_token || misc->chip->dead)
		return;
	if (b != 0)
		in_place(misc);
	else
		legacy(misc);
}

void trn_mailbox_request(struct trn_misc *misc)
{
	struct trn_model *model = misc->chip->model;
	bool new_form = *misc_word(misc, TRN_MR_ACK) == 1 &&
			*misc_word(misc, TRN_MR_API_VERSION) >= TRN_MBOX_API_NEW;
	uint64_t value = 0;

	misc->chip->counters.mailbox_requests++;
	misc->request_token++; /* a request that was not answered yet is replaced */
	if (new_form)
		*misc_word(misc, TRN_MR_ACK) = 0;
	if (trn_fault_fires(misc->chip, "mailbox.silent", 0, &value))
		return;
	/* Out of memory is silence, too, and counted. */
	(void)trn_model_after(model, misc->chip->gen->mailbox_ns * TRN_PS_PER_NS, answer, misc,
			      misc->request_token, new_form);
}
