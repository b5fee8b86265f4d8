// SPDX-License-Identifier: Apache-2.0
/* The safetensors reader and the weights behind it: what is written comes back, and no
 * file, however broken, is believed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/test_main.h"
#include "decode.h"

static struct decode_why why;

/* length, header, then @data_bytes bytes 0, 1, 2, … */
static int parse_text(const char *header, uint64_t length, size_t data_bytes,
		      struct decode_tensors *tensors, uint8_t **ret_image)
{
	size_t text = strlen(header), size = 8 + text + data_bytes;
	uint8_t *image = malloc(size); /* exact, so that ASan sees one byte too far */

	for (unsigned int i = 0; i < 8; i++)
		image[i] = (uint8_t)(length >> (8 * i));
	memcpy(image + 8, header, text);
	for (size_t i = 0; i < data_bytes; i++)
		image[8 + text + i] = (uint8_t)i;
	*ret_image = image;
	return decode_tensors_parse(image, size, tensors, &why);
}

START_TEST(reads_what_is_there)
{
	const char *header =
		"{\"__metadata__\":{\"format\":\"pt\"},"
		"\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]},"
		"\"a\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[0,4]}}   ";
	struct decode_tensors tensors;
	const struct decode_tensor *a;
	uint8_t *image;

	ck_assert_int_eq(parse_text(header, strlen(header), 8, &tensors, &image), 0);
	ck_assert_uint_eq(tensors.count, 2);
	a = decode_tensors_find(&tensors, "a");
	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(a->dtype, DECODE_BF16);
	ck_assert_uint_eq(a->rank, 2);
	ck_assert_uint_eq(a->shape[0], 2);
	ck_assert_uint_eq(a->data[3], 3);
	ck_assert_uint_eq(decode_tensors_find(&tensors, "b")->data[0], 4);
	ck_assert_ptr_null(decode_tensors_find(&tensors, "__metadata__"));
	decode_tensors_free(&tensors);
	free(image);
}
END_TEST

#define ONE(dtype, shape, offsets) \
	"{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct bad_row {
	const char *header;
	const char *says;
	int length; /* added to the true length */
} bad_rows[] = {
	{ "", "not a JSON object", 0 },
	{ "{}", "header length", 100 },
	{ "{}", "header length", -3 }, /* wraps to 2^64 - 1 */
	{ "{}", "behind the last tensor", 0 },
	{ "[]", "not a JSON object", 0 },
	{ "{\"a\":", "not a JSON object", 0 },
	{ "{} {}", "not a JSON object", 0 },
	{ "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{}}}}}}", "not a JSON object", 0 },
	{ "{\"a\":\"\xff\"}", "not a JSON object", 0 },
	{ "{\"a\":7}", "not an object", 0 },
	{ "{\"a\":null}", "not an object", 0 },
	{ "{\"a\":{}}", "unknown dtype", 0 },
	{ ONE("7", "[4]", "[0,8]"), "unknown dtype", 0 },
	{ ONE("\"BF17\"", "[4]", "[0,8]"), "unknown dtype", 0 },
	{ ONE("\"BF16\"", "4", "[0,8]"), "bad shape", 0 },
	{ ONE("\"BF16\"", "[-4]", "[0,8]"), "bad shape", 0 },
	{ ONE("\"BF16\"", "[4.0]", "[0,8]"), "bad shape", 0 },
	{ ONE("\"BF16\"", "[\"4\"]", "[0,8]"), "bad shape", 0 },
	{ ONE("\"BF16\"", "[1,1,1,1,4]", "[0,8]"), "bad shape", 0 },
	{ ONE("\"BF16\"", "[4294967296,4294967296]", "[0,8]"), "bad shape", 0 },
	{ ONE("\"BF16\"", "[9223372036854775812]", "[0,8]"), "bad shape", 0 }, /* * 2 wraps to 8 */
	{ ONE("\"BF16\"", "[99999999999999999999999]", "[0,8]"), "bad shape", 0 },
	{ ONE("\"BF16\"", "[4]", "[0]"), "bad data_offsets", 0 },
	{ ONE("\"BF16\"", "[4]", "[0,8,8]"), "bad data_offsets", 0 },
	{ ONE("\"BF16\"", "[4]", "[-8,0]"), "bad data_offsets", 0 },
	{ ONE("\"BF16\"", "[4]", "[8,0]"), "outside", 0 },
	{ ONE("\"BF16\"", "[4]", "[4,12]"), "outside", 0 },
	{ ONE("\"BF16\"", "[4]", "[18446744073709551608,18446744073709551615]"), "outside", 0 },
	{ ONE("\"BF16\"", "[5]", "[0,8]"), "ask for", 0 },
	{ ONE("\"BF16\"", "[3]", "[0,8]"), "ask for", 0 },
	{ ONE("\"BF16\"", "[3]", "[0,6]"), "behind the last tensor", 0 },
	{ ONE("\"BF16\"", "[3]", "[2,8]"), "hole", 0 },
	{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[0,6]},"
	  "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
	  "overlaps", 0 },
	{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
	  "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
	  "hole", 0 }, /* the same name twice */
};

START_TEST(refuses_what_is_broken)
{
	const struct bad_row *row = &bad_rows[_i];
	struct decode_tensors tensors = { 0 };
	uint8_t *image;
	int r;

	r = parse_text(row->header, strlen(row->header) + (uint64_t)(int64_t)row->length, 8,
		       &tensors, &image);
	free(image);
	ck_assert_msg(r == -EINVAL, "%s: %d", row->header, r);
	ck_assert_msg(strstr(why.text, row->says), "%s: \"%s\" is not \"%s\"", row->header,
		      why.text, row->says);
	ck_assert_ptr_null(tensors.list);
}
END_TEST

START_TEST(every_prefix_is_refused)
{
	const char *header = ONE("\"BF16\"", "[4]", "[0,8]");
	size_t whole = 8 + strlen(header) + 8;
	struct decode_tensors tensors;
	uint8_t *image;

	ck_assert_int_eq(parse_text(header, strlen(header), 8, &tensors, &image), 0);
	decode_tensors_free(&tensors);
	for (size_t size = 0; size < whole; size++) {
		uint8_t *part = malloc(size > 0 ? size : 1);

		memcpy(part, image, size);
		ck_assert_int_eq(decode_tensors_parse(part, size, &tensors, &why), -EINVAL);
		free(part);
	}
	free(image);
}
END_TEST

/* Random bytes over a good file: whatever the answer, nothing is read outside. */
START_TEST(random_damage_is_survived)
{
	const char *header = "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
			     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}";
	size_t size = 8 + strlen(header) + 16;
	uint64_t state = trn_test_seed();
	struct decode_tensors tensors;
	uint8_t *image, *copy = malloc(size);
	unsigned int good = 0;

	ck_assert_int_eq(parse_text(header, strlen(header), 16, &tensors, &image), 0);
	decode_tensors_free(&tensors);
	for (unsigned int round = 0; round < 5000; round++) {
		memcpy(copy, image, size);
		for (unsigned int hit = 0; hit <= round % 4; hit++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			copy[(state >> 33) % size] = (uint8_t)(state >> 24);
		}
		if (decode_tensors_parse(copy, size, &tensors, &why) < 0)
			continue;
		good++;
		for (size_t i = 0; i < tensors.count; i++) {
			const struct decode_tensor *tensor = &tensors.list[i];

			ck_assert(tensor->data >= copy);
			ck_assert(tensor->data + (tensor->end - tensor->begin) <= copy + size);
		}
		decode_tensors_free(&tensors);
	}
	ck_assert_uint_gt(good, 0);
	free(copy);
	free(image);
}
END_TEST

static const char config_text[] =
	"{\"vocab_size\":256,\"hidden_size\":8,\"num_hidden_layers\":2,\"num_attention_heads\":2,"
	"\"num_key_value_heads\":1,\"head_dim\":4,\"num_local_experts\":3,"
	"\"num_experts_per_tok\":2,\"intermediate_size\":4,\"sliding_window\":4,"
	"\"max_position_embeddings\":16,\"rope_theta\":10000,\"rms_norm_eps\":1e-5,"
	"\"swiglu_limit\":7.0}";

static void config_make(struct decode_config *config)
{
	ck_assert_int_eq(decode_config_parse(config_text, strlen(config_text), config, &why), 0);
}

/* Writes seeded weights; the caller unlinks the file. */
static void weights_file(const struct decode_config *config, struct decode_weights *weights,
			 char *path)
{
	FILE *file;

	memcpy(path, "decode-test-XXXXXX", sizeof("decode-test-XXXXXX"));
	file = fdopen(mkstemp(path), "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(decode_weights_seed(config, trn_test_seed(), weights, &why), 0);
	ck_assert_int_eq(decode_weights_save(weights, file, &why), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(weights_come_back)
{
	struct decode_config config;
	struct decode_weights made, read;
	char path[32];

	config_make(&config);
	weights_file(&config, &made, path);
	ck_assert_int_eq(decode_weights_load(&config, path, &read, &why), 0);
	for (uint32_t layer = 0; layer < config.layers; layer++) {
		for (unsigned int which = 0; which < DECODE_WEIGHT_COUNT; which++)
			ck_assert_mem_eq(decode_weights_get(&made, layer, which),
					 decode_weights_get(&read, layer, which),
					 2 * decode_weights_size(&config, which));
	}
	ck_assert_mem_ne(decode_weights_get(&read, 0, DECODE_Q),
			 decode_weights_get(&read, 1, DECODE_Q),
			 2 * decode_weights_size(&config, DECODE_Q));
	decode_weights_free(&made);
	decode_weights_free(&read);
	unlink(path);
}
END_TEST

START_TEST(weights_must_fit_the_configuration)
{
	struct decode_config config, other;
	struct decode_weights weights, none = { 0 };
	char path[32];

	config_make(&config);
	weights_file(&config, &weights, path);
	other = config;
	other.layers = 3;
	ck_assert_int_eq(decode_weights_load(&other, path, &none, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "no tensor \"model.layers.2."));
	other = config;
	other.intermediate = 5;
	ck_assert_int_eq(decode_weights_load(&other, path, &none, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "has shape [3, 8, 8]"));
	ck_assert_ptr_null(none.tensor);
	weights.tensor[DECODE_SINKS][0] = 0x7fc0; /* NaN */
	unlink(path);
	{
		FILE *file = fopen(path, "w");

		ck_assert_int_eq(decode_weights_save(&weights, file, &why), 0);
		fclose(file);
	}
	ck_assert_int_eq(decode_weights_load(&config, path, &none, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "not finite"));
	decode_weights_free(&weights);
	unlink(path);
}
END_TEST

START_TEST(odd_files_are_refused)
{
	struct decode_config config;
	struct decode_weights none = { 0 };
	uint8_t *bytes = NULL;
	size_t size;

	config_make(&config);
	ck_assert_int_eq(decode_weights_load(&config, "/nonexistent", &none, &why), -ENOENT);
	ck_assert_int_eq(decode_weights_load(&config, "/", &none, &why), -EINVAL);
	ck_assert_int_eq(decode_weights_load(&config, "/dev/zero", &none, &why), -EINVAL);
	ck_assert_int_eq(decode_file_read("/proc/self/exe", 10, &bytes, &size, &why), -EFBIG);
	ck_assert_ptr_null(bytes);
}
END_TEST

static const char *const bad_configs[][2] = {
	{ "\"hidden_size\":8", "\"hidden_size\":0" },
	{ "\"hidden_size\":8", "\"hidden_size\":8.5" },
	{ "\"hidden_size\":8", "\"hidden_size\":99999999999999999999" },
	{ "\"hidden_size\":8", "\"hidden_siz\":8" },
	{ "\"hidden_size\":8", "\"hidden_size\":\"8\"" },
	{ "\"vocab_size\":256", "\"vocab_size\":257" },
	{ "\"head_dim\":4", "\"head_dim\":3" },
	{ "\"num_experts_per_tok\":2", "\"num_experts_per_tok\":4" },
	{ "\"num_key_value_heads\":1", "\"num_key_value_heads\":3" },
	{ "\"rope_theta\":10000", "\"rope_theta\":NaN" },
	{ "\"rms_norm_eps\":1e-5", "\"rms_norm_eps\":-1e-5" },
	{ "\"swiglu_limit\":7.0}", "\"swiglu_limit\":7.0" },
	{ "{\"vocab_size\"", "[{\"vocab_size\"" },
};

START_TEST(bad_configuration_is_refused)
{
	const char *was = bad_configs[_i][0], *is = bad_configs[_i][1];
	const char *at = strstr(config_text, was);
	struct decode_config config;
	char text[sizeof(config_text) + 64];

	ck_assert_ptr_nonnull(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - config_text), config_text, is,
		 at + strlen(was));
	ck_assert_int_eq(decode_config_parse(text, strlen(text), &config, &why), -EINVAL);
}
END_TEST

static Suite *safetensors_suite(void)
{
	Suite *suite = suite_create("decode-safetensors");
	TCase *tcase = tcase_create("reader");

	tcase_add_test(tcase, reads_what_is_there);
	tcase_add_loop_test(tcase, refuses_what_is_broken, 0,
			    (int)(sizeof(bad_rows) / sizeof(bad_rows[0])));
	tcase_add_test(tcase, every_prefix_is_refused);
	tcase_add_test(tcase, random_damage_is_survived);
	tcase_add_test(tcase, weights_come_back);
	tcase_add_test(tcase, weights_must_fit_the_configuration);
	tcase_add_test(tcase, odd_files_are_refused);
	tcase_add_loop_test(tcase, bad_configuration_is_refused, 0,
			    (int)(sizeof(bad_configs) / sizeof(bad_configs[0])));
	suite_add_tcase(suite, tcase);
	return suite;
}

TRN_TEST_MAIN(safetensors_suite)
