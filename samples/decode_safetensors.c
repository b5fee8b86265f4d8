// SPDX-License-Identifier: Apache-2.0
/* Safetensors: eight bytes of header length, a JSON header, the data. A weights file comes
 * from anywhere, so every length, type, shape and offset is checked before use. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>
#include "decode.h"

#define HEADER_BYTES_MAX 100000000u /* the format's own limit */
#define FILE_BYTES_MAX (UINT64_C(1) << 36)
#define HEADER_DEPTH_MAX 4
#define LENGTH_BYTES 8u

static const struct dtype_row {
	const char *name;
	uint32_t bytes;
	enum decode_dtype dtype;
} dtype_rows[] = {
	{ "BF16", 2, DECODE_BF16 },  { "F16", 2, DECODE_F16 },       { "F32", 4, DECODE_F32 },
	{ "F64", 8, DECODE_OTHER },  { "I64", 8, DECODE_OTHER },     { "I32", 4, DECODE_OTHER },
	{ "I16", 2, DECODE_OTHER },  { "I8", 1, DECODE_OTHER },      { "U64", 8, DECODE_OTHER },
	{ "U32", 4, DECODE_OTHER },  { "U16", 2, DECODE_OTHER },     { "U8", 1, DECODE_OTHER },
	{ "BOOL", 1, DECODE_OTHER }, { "F8_E4M3", 1, DECODE_OTHER }, { "F8_E5M2", 1, DECODE_OTHER },
};

static int read_number(struct json_object *value, uint64_t *ret_number)
{
	/* get_int64 shows the sign; get_uint64 has the range. */
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return -EINVAL;
	*ret_number = json_object_get_uint64(value);
	return 0;
}

static int read_dtype(struct json_object *entry, struct decode_tensor *tensor, uint32_t *ret_bytes)
{
	struct json_object *value;

	if (!json_object_object_get_ex(entry, "dtype", &value) ||
	    !json_object_is_type(value, json_type_string))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(dtype_rows) / sizeof(dtype_rows[0]); i++) {
		if (strcmp(json_object_get_string(value), dtype_rows[i].name) != 0)
			continue;
		tensor->dtype = dtype_rows[i].dtype;
		*ret_bytes = dtype_rows[i].bytes;
		return 0;
	}
	return -EINVAL;
}

/* Number of bytes that dtype and shape ask for; -EOVERFLOW when no 64 bits hold it. */
static int read_shape(struct json_object *entry, struct decode_tensor *tensor, uint64_t *bytes)
{
	struct json_object *shape;
	size_t rank;

	if (!json_object_object_get_ex(entry, "shape", &shape) ||
	    !json_object_is_type(shape, json_type_array))
		return -EINVAL;
	rank = json_object_array_length(shape);
	if (rank > DECODE_RANK_MAX)
		return -E2BIG;
	tensor->rank = (uint32_t)rank;
	for (size_t i = 0; i < rank; i++) {
		if (read_number(json_object_array_get_idx(shape, i), &tensor->shape[i]) < 0)
			return -EINVAL;
		if (__builtin_mul_overflow(*bytes, tensor->shape[i], bytes))
			return -EOVERFLOW;
	}
	return 0;
}

static int read_offsets(struct json_object *entry, struct decode_tensor *tensor)
{
	struct json_object *offsets;

	if (!json_object_object_get_ex(entry, "data_offsets", &offsets) ||
	    !json_object_is_type(offsets, json_type_array) ||
	    json_object_array_length(offsets) != 2)
		return -EINVAL;
	if (read_number(json_object_array_get_idx(offsets, 0), &tensor->begin) < 0 ||
	    read_number(json_object_array_get_idx(offsets, 1), &tensor->end) < 0)
		return -EINVAL;
	return 0;
}

static int read_entry(const char *name, struct json_object *entry, const uint8_t *data,
		      uint64_t data_bytes, struct decode_tensor *ret_tensor, struct decode_why *why)
{
	struct decode_tensor tensor = { .name = name };
	uint32_t element = 0;
	uint64_t bytes;

	if (!json_object_is_type(entry, json_type_object))
		return decode_fail(why, -EINVAL, "tensor %.100s: not an object", name);
	if (read_dtype(entry, &tensor, &element) < 0)
		return decode_fail(why, -EINVAL, "tensor %.100s: unknown dtype", name);
	bytes = element;
	if (read_shape(entry, &tensor, &bytes) < 0)
		return decode_fail(why, -EINVAL, "tensor %.100s: bad shape", name);
	if (read_offsets(entry, &tensor) < 0)
		return decode_fail(why, -EINVAL, "tensor %.100s: bad data_offsets", name);
	if (tensor.begin > tensor.end || tensor.end > data_bytes)
		return decode_fail(why, -EINVAL,
				   "tensor %.100s: bytes %" PRIu64 " to %" PRIu64
				   " are outside the %" PRIu64 " bytes of data",
				   name, tensor.begin, tensor.end, data_bytes);
	if (tensor.end - tensor.begin != bytes)
		return decode_fail(why, -EINVAL,
				   "tensor %.100s: %" PRIu64 " bytes where dtype and shape ask for "
				   "%" PRIu64,
				   name, tensor.end - tensor.begin, bytes);
	tensor.data = data + tensor.begin;
	*ret_tensor = tensor;
	return 0;
}

static int compare_place(const void *left, const void *right)
{
	const struct decode_tensor *a = left, *b = right;

	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	return a->end < b->end ? -1 : a->end > b->end;
}

/* The format allows neither overlaps nor holes. */
static int check_cover(struct decode_tensors *tensors, uint64_t data_bytes, struct decode_why *why)
{
	uint64_t end = 0;

	if (tensors->count > 0)
		qsort(tensors->list, tensors->count, sizeof(tensors->list[0]), compare_place);
	for (size_t i = 0; i < tensors->count; i++) {
		const struct decode_tensor *tensor = &tensors->list[i];

		if (tensor->begin != end)
			return decode_fail(why, -EINVAL, "tensor %.100s: %s", tensor->name,
					   tensor->begin < end ? "overlaps the one before it" :
								 "a hole in front of it");
		end = tensor->end;
	}
	if (end != data_bytes)
		return decode_fail(why, -EINVAL, "%" PRIu64 " bytes behind the last tensor",
				   data_bytes - end);
	return 0;
}

static int parse_header(const uint8_t *text, size_t size, struct json_object **ret_header,
			struct decode_why *why)
{
	struct json_tokener *tokener;
	struct json_object *header;
	enum json_tokener_error error;

	while (size > 0 && text[size - 1] == ' ') /* padding the format allows */
		size--;
	if (size == 0 || text[0] != '{' || memchr(text, '\0', size))
		return decode_fail(why, -EINVAL, "the header is not a JSON object");
	tokener = json_tokener_new_ex(HEADER_DEPTH_MAX);
	if (!tokener)
		return decode_fail(why, -ENOMEM, "no memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	header = json_tokener_parse_ex(tokener, (const char *)text, (int)size);
	error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (error == json_tokener_success && json_object_is_type(header, json_type_object)) {
		*ret_header = header;
		return 0;
	}
	json_object_put(header);
	return decode_fail(why, -EINVAL, "the header is not a JSON object: %s",
			   json_tokener_error_desc(error));
}

int decode_tensors_parse(const uint8_t *image, size_t size, struct decode_tensors *ret_tensors,
			 struct decode_why *why)
{
	struct decode_tensors tensors = { 0 };
	struct json_object *header = NULL;
	uint64_t length = 0, data_bytes;
	int r;

	if (size < LENGTH_BYTES)
		return decode_fail(why, -EINVAL, "%zu bytes are no safetensors file", size);
	for (unsigned int i = 0; i < LENGTH_BYTES; i++)
		length |= (uint64_t)image[i] << (8 * i);
	if (length > size - LENGTH_BYTES || length > HEADER_BYTES_MAX)
		return decode_fail(why, -EINVAL, "header length %" PRIu64 " in a file of %zu bytes",
				   length, size);
	r = parse_header(image + LENGTH_BYTES, (size_t)length, &header, why);
	if (r < 0)
		return r;
	tensors.header = header;
	tensors.list =
		calloc((size_t)json_object_object_length(header) + 1, sizeof(tensors.list[0]));
	if (!tensors.list)
		r = decode_fail(why, -ENOMEM, "no memory");
	data_bytes = size - LENGTH_BYTES - length;
	if (r == 0) {
		json_object_object_foreach(header, name, entry)
		{
			if (strcmp(name, "__metadata__") == 0)
				continue;
			r = read_entry(name, entry, image + LENGTH_BYTES + length, data_bytes,
				       &tensors.list[tensors.count], why);
			if (r < 0)
				break;
			tensors.count++;
		}
	}
	if (r == 0)
		r = check_cover(&tensors, data_bytes, why);
	if (r < 0) {
		decode_tensors_free(&tensors);
		return r;
	}
	*ret_tensors = tensors;
	return 0;
}

int decode_tensors_load(const char *path, struct decode_tensors *ret_tensors,
			struct decode_why *why)
{
	struct decode_why inner;
	uint8_t *image;
	size_t size;
	int r;

	r = decode_file_read(path, FILE_BYTES_MAX, &image, &size, why);
	if (r < 0)
		return r;
	r = decode_tensors_parse(image, size, ret_tensors, &inner);
	if (r < 0) {
		free(image);
		return decode_fail(why, r, "%s: %s", path, inner.text);
	}
	ret_tensors->image = image;
	return 0;
}

void decode_tensors_free(struct decode_tensors *tensors)
{
	json_object_put(tensors->header);
	free(tensors->list);
	free(tensors->image);
	*tensors = (struct decode_tensors){ 0 };
}

const struct decode_tensor *decode_tensors_find(const struct decode_tensors *tensors,
						const char *name)
{
	for (size_t i = 0; i < tensors->count; i++) {
		if (strcmp(tensors->list[i].name, name) == 0)
			return &tensors->list[i];
	}
	return NULL;
}

static struct json_object *entry_make(const struct decode_tensor *tensor, uint64_t *end)
{
	struct json_object *entry = json_object_new_object();
	struct json_object *shape = json_object_new_array();
	struct json_object *offsets = json_object_new_array();
	uint64_t bytes = 2;

	for (uint32_t i = 0; i < tensor->rank; i++) {
		json_object_array_add(shape, json_object_new_uint64(tensor->shape[i]));
		bytes *= tensor->shape[i];
	}
	json_object_array_add(offsets, json_object_new_uint64(*end));
	*end += bytes;
	json_object_array_add(offsets, json_object_new_uint64(*end));
	json_object_object_add(entry, "dtype", json_object_new_string("BF16"));
	json_object_object_add(entry, "shape", shape);
	json_object_object_add(entry, "data_offsets", offsets);
	return entry;
}

int decode_tensors_write(FILE *file, const struct decode_tensor *list, size_t count,
			 struct decode_why *why)
{
	struct json_object *header = json_object_new_object();
	uint8_t length_bytes[LENGTH_BYTES];
	uint64_t end = 0;
	const char *text;
	size_t length, padded;

	for (size_t i = 0; i < count; i++)
		json_object_object_add(header, list[i].name, entry_make(&list[i], &end));
	text = json_object_to_json_string_ext(header, JSON_C_TO_STRING_PLAIN);
	length = strlen(text);
	padded = (length + 7) / 8 * 8; /* the data begins aligned */
	for (unsigned int i = 0; i < LENGTH_BYTES; i++)
		length_bytes[i] = (uint8_t)((uint64_t)padded >> (8 * i));
	fwrite(length_bytes, 1, sizeof(length_bytes), file);
	fprintf(file, "%s%*s", text, (int)(padded - length), "");
	json_object_put(header);
	for (size_t i = 0; i < count; i++) {
		uint64_t bytes = 2;

		for (uint32_t dim = 0; dim < list[i].rank; dim++)
			bytes *= list[i].shape[dim];
		fwrite(list[i].data, 1, bytes, file);
	}
	if (ferror(file) || fflush(file) != 0)
		return decode_fail(why, -EIO, "writing the weights: %s", strerror(errno));
	return 0;
}
