/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations: what is taken, and the line for everything that is not. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/bits.h"
#include "base/test_main.h"
#include "predict/predict.h"

/* A small decoder, cut by a text that replaces another. */
static const char good[] =
	"{\"name\":\"small\",\"vocab_size\":512,\"hidden_size\":256,\"num_hidden_layers\":4,"
	"\"num_attention_heads\":16,\"num_key_value_heads\":8,\"head_dim\":64,"
	"\"num_local_experts\":8,\"num_experts_per_tok\":2,\"intermediate_size\":512,"
	"\"layer_types\":[\"sliding_attention\",\"full_attention\"],"
	"\"max_position_embeddings\":4096,\"experts\":{\"trn3\":\"mxfp4\"}}";

static int parse_changed(const char *from, const char *to, struct trn_predict_config *config,
			 struct trn_predict_why *why)
{
	const char *at = strstr(good, from);
	char text[2048];

	ck_assert_ptr_nonnull(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	return trn_predict_config_parse(text, strlen(text), config, why);
}

START_TEST(a_configuration_is_taken)
{
	struct trn_predict_config config;
	struct trn_predict_why why;

	ck_assert_int_eq(trn_predict_config_parse(good, strlen(good), &config, &why), 0);
	ck_assert_str_eq(config.name, "small");
	ck_assert_uint_eq(config.window, 128);
	ck_assert_uint_eq(trn_predict_config_sliding(&config), 2);
	ck_assert(config.sliding[0] && !config.sliding[1]);
	ck_assert_int_eq(trn_predict_config_format(&config, "trn3"), TRN_PREDICT_MXFP4);
	ck_assert_int_eq(trn_predict_config_format(&config, "trn2"), TRN_PREDICT_BF16);
}
END_TEST

START_TEST(every_mistake_has_its_line)
{
	static const struct {
		const char *from, *to, *line;
	} rows[] = {
		{ "{\"name\"", "[\"name\"", "not JSON" },
		{ "\"name\":\"small\",", "", "\"name\" is missing" },
		{ "\"small\"", "7", "\"name\" must be a text" },
		{ "\"small\"", "\"\"", "\"name\" must be a text" },
		{ "\"vocab_size\":512,", "", "\"vocab_size\" is missing" },
		{ ":256", ":\"256\"", "\"hidden_size\" must be a whole number from 64" },
		{ ":256", ":1e99", "\"hidden_size\" must be a whole number" },
		{ ":4,", ":0,", "\"num_hidden_layers\" must be a whole number from 1 to 1024" },
		{ ":64,", ":48,", "\"head_dim\" must be a multiple of 32" },
		{ "num_attention_heads\":16", "num_attention_heads\":12", "no multiple of" },
		{ "per_tok\":2", "per_tok\":7,\"num_local_experts\":2", "more than" },
		{ "[\"sliding_attention\"", "[\"linear_attention\"",
		  "\"layer_types\"[0] is neither" },
		{ "[\"sliding_attention\",\"full_attention\"]", "[]", "list of 1 to 1024" },
		{ "[\"sliding_attention\",\"full_attention\"]", "4", "list of 1 to 1024" },
		{ "{\"trn3\":\"mxfp4\"}", "3", "\"experts\" must be an object" },
		{ "\"mxfp4\"", "\"int4\"", "must be bf16, mxfp8 or mxfp4" },
		{ "\"trn3\":", "\"trn9\":", "no generation \"trn9\"" },
		{ "\"trn3\":", "\"trn2\":", "trn2 has no mxfp4" },
		{ "\"name\"", "\"attention_bias\":1,\"name\"", "must be true or false" },
		{ "\"name\"", "\"rms_norm_eps\":-1,\"name\"", "\"rms_norm_eps\" must be a number" },
	};
	struct trn_predict_config config;

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		struct trn_predict_why why = { "" };

		ck_assert_int_eq(parse_changed(rows[i].from, rows[i].to, &config, &why), -EINVAL);
		ck_assert_msg(strstr(why.text, rows[i].line) != NULL, "row %zu: %s", i, why.text);
	}
}
END_TEST

START_TEST(a_list_that_does_not_repeat_is_refused)
{
	struct trn_predict_config config;
	struct trn_predict_why why;
	static const char list[] =
		"[\"sliding_attention\",\"sliding_attention\",\"sliding_attention\","
		"\"sliding_attention\",\"sliding_attention\",\"sliding_attention\","
		"\"sliding_attention\",\"sliding_attention\",\"full_attention\"]";

	ck_assert_int_eq(parse_changed("[\"sliding_attention\",\"full_attention\"]", list, &config,
				       &why),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "\"layer_types\"[8] does not repeat"));
}
END_TEST

/* One layer and two kinds: composed times would take a layer off that is not there. */
START_TEST(a_list_longer_than_the_layers_is_cut)
{
	struct trn_predict_config config;
	struct trn_predict_why why;

	ck_assert_int_eq(parse_changed("layers\":4,", "layers\":1,", &config, &why), 0);
	ck_assert_uint_eq(config.pattern_count, 1);
	ck_assert_uint_eq(trn_predict_config_sliding(&config), 1);
}
END_TEST

START_TEST(files_are_not_trusted)
{
	struct trn_predict_config config;
	struct trn_predict_why why;
	char path[] = "config-test-XXXXXX.json";
	int fd = mkstemps(path, 5);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, good, strlen(good)), (ssize_t)strlen(good));
	ck_assert_int_eq(trn_predict_config_load(path, &config, &why), 0);
	ck_assert_int_eq(ftruncate(fd, 2 << 20), 0);
	ck_assert_int_eq(trn_predict_config_load(path, &config, &why), -EFBIG);
	ck_assert_ptr_nonnull(strstr(why.text, path));
	close(fd);
	unlink(path);
	ck_assert_int_eq(trn_predict_config_load(path, &config, &why), -ENOENT);
	ck_assert_int_eq(trn_predict_config_load("./", &config, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "regular"));
	ck_assert_int_eq(trn_predict_config_load("no-such-model", &config, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "no model \"no-such-model\""));
}
END_TEST

START_TEST(the_models_have_the_published_sizes)
{
	struct trn_predict_config config;
	struct trn_predict_size size;
	struct trn_predict_why why;

	/* H 6.2 */
	ck_assert_int_eq(trn_predict_config_load("gpt-oss-120b", &config, &why), 0);
	trn_predict_size(&config, &size);
	ck_assert_double_eq(size.attention, 26550144);
	ck_assert_double_eq(size.router, 368768);
	ck_assert_double_eq(size.expert, 24891840);
	ck_assert_double_eq(size.total, 116829156672.0);
	ck_assert_double_eq(size.active, 5132846592.0);
	ck_assert_int_eq(trn_predict_config_load("gpt-oss-20b", &config, &why), 0);
	trn_predict_size(&config, &size);
	ck_assert_double_eq(size.total, 20914757184.0);
	ck_assert_double_eq(size.active, 3608304384.0);
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("predict-config");
	TCase *tc = tcase_create("config");

	tcase_add_test(tc, a_configuration_is_taken);
	tcase_add_test(tc, every_mistake_has_its_line);
	tcase_add_test(tc, a_list_that_does_not_repeat_is_refused);
	tcase_add_test(tc, a_list_longer_than_the_layers_is_cut);
	tcase_add_test(tc, files_are_not_trusted);
	tcase_add_test(tc, the_models_have_the_published_sizes);
	suite_add_tcase(suite, tc);
	return suite;
}

TRN_TEST_MAIN(suite_make)
