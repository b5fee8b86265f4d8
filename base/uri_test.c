/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/uri.c: what each text means, and where each bad one is refused. */
#include "base/bits.h"
#include "base/prng.h"
#include "base/test_main.h"
#include "base/uri.h"

static struct trn_uri uri;

static void parse(const char *text)
{
	const char *why = "";
	size_t at = 0;
	int r = trn_uri_parse(text, &uri, &why, &at);

	ck_assert_msg(r == 0, "%s: %s at %zu", text, why, at);
}

START_TEST(mock_with_parameters)
{
	parse("mock:trn3?seed=1&threads=1");
	ck_assert_uint_eq(uri.hook_count, 0);
	ck_assert_str_eq(uri.scheme, "mock");
	ck_assert_str_eq(uri.path, "trn3");
	ck_assert_uint_eq(uri.param_count, 2);
	ck_assert_str_eq(uri.params[1].key, "threads");
	ck_assert_str_eq(trn_uri_param(&uri, "seed"), "1");
	ck_assert_str_eq(trn_uri_param(&uri, "threads"), "1");
	ck_assert_ptr_null(trn_uri_param(&uri, "see"));
	ck_assert_ptr_null(trn_uri_param(&uri, ""));
}
END_TEST

START_TEST(record_hook)
{
	parse("record(file=/tmp/x)+mock:trn3");
	ck_assert_uint_eq(uri.hook_count, 1);
	ck_assert_str_eq(uri.hooks[0].name, "record");
	ck_assert_uint_eq(uri.hooks[0].count, 1);
	ck_assert_str_eq(trn_uri_hook_param(&uri.hooks[0], "file"), "/tmp/x");
	ck_assert_ptr_null(trn_uri_hook_param(&uri.hooks[0], ""));
	ck_assert_str_eq(uri.scheme, "mock");
	ck_assert_str_eq(uri.path, "trn3");
}
END_TEST

START_TEST(fault_hook)
{
	parse("fault(dma.abort@1,after=3)+mock:trn2");
	ck_assert_str_eq(uri.hooks[0].name, "fault");
	ck_assert_uint_eq(uri.hooks[0].count, 2);
	ck_assert_str_eq(trn_uri_hook_param(&uri.hooks[0], ""), "dma.abort@1");
	ck_assert_str_eq(trn_uri_hook_param(&uri.hooks[0], "after"), "3");
}
END_TEST

START_TEST(hooks_outermost_first)
{
	parse("validate+record()+fault(x,seed=)+drm:/dev/accel/accel0?a=b");
	ck_assert_uint_eq(uri.hook_count, 3);
	ck_assert_str_eq(uri.hooks[0].name, "validate");
	ck_assert_str_eq(uri.hooks[1].name, "record");
	ck_assert_str_eq(uri.hooks[2].name, "fault");
	ck_assert_uint_eq(uri.hooks[0].count, 0);
	ck_assert_uint_eq(uri.hooks[1].count, 0);
	ck_assert_str_eq(trn_uri_hook_param(&uri.hooks[2], "seed"), "");
	ck_assert_str_eq(uri.path, "/dev/accel/accel0");
	ck_assert_str_eq(trn_uri_param(&uri, "a"), "b");
}
END_TEST

START_TEST(plain_schemes)
{
	static const struct {
		const char *text, *scheme, *path;
	} rows[] = {
		{ "null:", "null", "" },
		{ "vfio:0000:00:04.0", "vfio", "0000:00:04.0" },
		{ "vfio-user:/run/trn/trn0.sock", "vfio-user", "/run/trn/trn0.sock" },
		{ "mock:trn2-48xl/15", "mock", "trn2-48xl/15" },
		{ "drm:/tmp/a+b,c&d=e", "drm", "/tmp/a+b,c&d=e" },
		{ "drm:/tmp/\xc3\xa9 \xff", "drm", "/tmp/\xc3\xa9 \xff" },
	};

	for (size_t i = 0; i < TRN_ARRAY_LEN(rows); i++) {
		parse(rows[i].text);
		ck_assert_str_eq(uri.scheme, rows[i].scheme);
		ck_assert_str_eq(uri.path, rows[i].path);
		ck_assert_uint_eq(uri.hook_count + uri.param_count, 0);
	}
}
END_TEST

START_TEST(percent_decodes)
{
	parse("record(file=/tmp/%28a%29%2c%2Cb,%3f)+drm:%2ftmp%3F%41?k=%26%3d%25%0a&l=a?b=c");
	ck_assert_str_eq(trn_uri_hook_param(&uri.hooks[0], "file"), "/tmp/(a),,b");
	ck_assert_str_eq(trn_uri_hook_param(&uri.hooks[0], ""), "?");
	ck_assert_str_eq(uri.path, "/tmp?A");
	ck_assert_str_eq(trn_uri_param(&uri, "k"), "&=%\n");
	ck_assert_str_eq(trn_uri_param(&uri, "l"), "a?b=c");
}
END_TEST

static const struct {
	const char *text;
	size_t at;
	const char *why; /* a piece of the reason */
} bad[] = {
	{ NULL, 0, "no URI" },
	{ "", 0, "scheme" },
	{ ":", 0, "scheme" },
	{ ":trn3", 0, "scheme" },
	{ "mock", 4, "':' expected" },
	{ "Mock:trn3", 0, "scheme" },
	{ "3mock:trn3", 0, "scheme" },
	{ "mo ck:trn3", 2, "':' expected" },
	{ " mock:trn3", 0, "scheme" },
	{ "mock=trn3", 4, "':' expected" },
	{ "+mock:trn3", 0, "scheme" },
	{ "record+", 7, "scheme" },
	{ "record++mock:trn3", 7, "scheme" },
	{ "record(file=x)", 14, "'+' expected" },
	{ "record(file=x)mock:trn3", 14, "'+' expected" },
	{ "record(file=x):trn3", 14, "'+' expected" },
	{ "(x)+mock:trn3", 0, "scheme" },
	{ "record(file=x+mock:trn3", 6, "without ')'" },
	{ "record(", 7, "empty parameter" },
	{ "record(file", 6, "without ')'" },
	{ "record)+mock:trn3", 6, "':' expected" },
	{ "record((x)+mock:trn3", 7, "unbalanced" },
	{ "record(file=(x)+mock:trn3", 12, "unbalanced" },
	{ "record(x))+mock:trn3", 9, "'+' expected" },
	{ "record(,)+mock:trn3", 7, "empty parameter" },
	{ "record(a,)+mock:trn3", 9, "empty parameter" },
	{ "record(=x)+mock:trn3", 7, "without a name" },
	{ "record(a=1,b=2,a=3)+mock:trn3", 15, "twice" },
	{ "fault(a@1,b@2)+mock:trn3", 10, "twice" },
	{ "a+b+c+d+e+mock:trn3", 9, "too many hooks" },
	{ "mock:trn3)", 9, "unbalanced" },
	{ "mock:(trn3", 5, "unbalanced" },
	{ "mock:trn3?", 10, "without a name" },
	{ "mock:trn3?&", 10, "without a name" },
	{ "mock:trn3?a=1&", 14, "without a name" },
	{ "mock:trn3?a", 11, "'=' expected" },
	{ "mock:trn3?a&b=1", 11, "'=' expected" },
	{ "mock:trn3?=1", 10, "without a name" },
	{ "mock:trn3?A=1", 10, "without a name" },
	{ "mock:trn3?a%62=1", 11, "'=' expected" },
	{ "mock:trn3?a=1&a=1", 14, "twice" },
	{ "mock:trn3?a=1)", 13, "unbalanced" },
	{ "mock:%", 5, "hex" },
	{ "mock:%4", 5, "hex" },
	{ "mock:%4g", 5, "hex" },
	{ "mock:%g4", 5, "hex" },
	{ "mock:%%41", 5, "hex" },
	{ "mock:trn3?a=%", 12, "hex" },
	{ "record(file=%2)+mock:trn3", 12, "hex" },
	{ "mock:trn%003", 8, "%00" },
	{ "mock:trn3?a=%00", 12, "%00" },
	{ "record(%00)+mock:trn3", 7, "%00" },
	{ "mock:trn3\n", 9, "control" },
	{ "mock:trn\x1b[31m", 8, "control" },
	{ "mock:trn3?a=\x7f", 12, "control" },
};

START_TEST(refused_with_reason_and_place)
{
	const char *text = bad[_i].text;
	const char *why = NULL;
	size_t at = SIZE_MAX;

	memset(&uri, 0xa5, sizeof(uri));
	ck_assert_int_eq(trn_uri_parse(text, &uri, &why, &at), -EINVAL);
	ck_assert_msg(at == bad[_i].at && why && strstr(why, bad[_i].why), "\"%s\": %s at %zu",
		      text ? text : "NULL", why, at);
	for (size_t i = 0; i < sizeof(uri); i++)
		ck_assert_uint_eq(((const unsigned char *)&uri)[i], 0xa5); /* untouched */
	ck_assert_int_eq(trn_uri_parse(text, &uri, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(longest_and_too_long)
{
	char text[4 * TRN_URI_TEXT_MAX];
	const char *why = NULL;
	size_t at = 0;

	memset(text, 'x', sizeof(text));
	memcpy(text, "drm:", 4);
	text[TRN_URI_TEXT_MAX - 1] = '\0';
	parse(text);
	ck_assert_uint_eq(strlen(uri.path), TRN_URI_TEXT_MAX - 1 - 4);
	text[TRN_URI_TEXT_MAX - 1] = 'x';
	text[TRN_URI_TEXT_MAX] = '\0';
	ck_assert_int_eq(trn_uri_parse(text, &uri, &why, &at), -EINVAL);
	ck_assert_str_eq(why, "URI too long");
	ck_assert_uint_eq(at, TRN_URI_TEXT_MAX - 1);
	text[TRN_URI_TEXT_MAX] = 'x';
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(trn_uri_parse(text, &uri, &why, &at), -EINVAL);
}
END_TEST

/* The most parameters, in the query and in a hook; then one more. */
START_TEST(parameter_limit)
{
	for (int more = 0; more < 2; more++) {
		char query[256] = "mock:trn3?", hook[256] = "fault(";
		size_t q = strlen(query), h = strlen(hook);
		const char *why = "";

		for (int i = 0; i < TRN_URI_PARAMS_MAX + more; i++) {
			q += (size_t)snprintf(query + q, sizeof(query) - q, "%sk%d=%d",
					      i ? "&" : "", i, i);
			h += (size_t)snprintf(hook + h, sizeof(hook) - h, "%sk%d=%d", i ? "," : "",
					      i, i);
		}
		(void)snprintf(hook + h, sizeof(hook) - h, ")+mock:trn3");
		if (!more) {
			parse(query);
			ck_assert_uint_eq(uri.param_count, TRN_URI_PARAMS_MAX);
			ck_assert_str_eq(trn_uri_param(&uri, "k15"), "15");
			parse(hook);
			ck_assert_uint_eq(uri.hooks[0].count, TRN_URI_PARAMS_MAX);
			continue;
		}
		ck_assert_int_eq(trn_uri_parse(query, &uri, &why, NULL), -EINVAL);
		ck_assert_str_eq(why, "too many parameters");
		ck_assert_int_eq(trn_uri_parse(hook, &uri, &why, NULL), -EINVAL);
		ck_assert_str_eq(why, "too many parameters");
	}
}
END_TEST

static bool inside(const char *p)
{
	return p >= uri.text && p < uri.text + sizeof(uri.text);
}

static void check_params(const struct trn_uri_param *params, size_t count)
{
	ck_assert_uint_le(count, TRN_URI_PARAMS_MAX);
	for (size_t i = 0; i < count; i++)
		ck_assert(inside(params[i].value) &&
			  (*params[i].key == '\0' || inside(params[i].key)));
}

/* A good text with some bytes changed and its end cut off: parsed or refused,
 * never outside of its storage. */
START_TEST(damaged_texts)
{
	static const char whole[] = "rec(f=%2fx,y)+v+mock:trn3/1?seed=%41&n=2";
	static const char bytes[] = "ab:+(),=&?%041.\x01\xff";
	struct trn_prng prng;
	unsigned int good = 0;

	trn_prng_seed(&prng, trn_test_seed());
	for (int round = 0; round < 20000; round++) {
		char text[sizeof(whole)];
		size_t len =
			sizeof(whole) - 1 - trn_prng_below(&prng, round % 2 ? sizeof(whole) : 1);
		/* Ends at the array's end, where ASan sees a step too far. */
		char *start = text + sizeof(text) - 1 - len;
		const char *why = NULL;
		size_t at = 0;

		memcpy(start, whole, len);
		for (uint64_t k = trn_prng_below(&prng, 4); k > 0 && len > 0; k--)
			start[trn_prng_below(&prng, len)] =
				bytes[trn_prng_below(&prng, sizeof(bytes) - 1)];
		start[len] = '\0';
		if (trn_uri_parse(start, &uri, &why, &at) < 0) {
			ck_assert_ptr_nonnull(why);
			ck_assert_uint_le(at, len);
			continue;
		}
		good++;
		ck_assert(inside(uri.scheme) && *uri.scheme != '\0' && inside(uri.path));
		check_params(uri.params, uri.param_count);
		for (size_t i = 0; i < uri.hook_count; i++)
			check_params(uri.hooks[i].params, uri.hooks[i].count);
	}
	ck_assert_uint_gt(good, 2000); /* those without a change at least */
	ck_assert_uint_lt(good, 19000);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "007", 7 },
		{ "0x1000", 4096 },
		{ "0XfF", 255 },
		{ "1K", 1024 },
		{ "0x10M", 16 * TRN_MIB },
		{ "36G", 36 * TRN_GIB },
		{ "2T", 2048 * TRN_GIB },
		{ "18446744073709551615", UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};
	static const struct {
		const char *text;
		int r;
	} wrong[] = {
		{ "", -EINVAL },
		{ "K", -EINVAL },
		{ "0x", -EINVAL },
		{ "0xK", -EINVAL },
		{ "-1", -EINVAL },
		{ "+1", -EINVAL },
		{ " 1", -EINVAL },
		{ "1 ", -EINVAL },
		{ "1k", -EINVAL },
		{ "1KB", -EINVAL },
		{ "1KK", -EINVAL },
		{ "1.5G", -EINVAL },
		{ "12a", -EINVAL },
		{ "99999999999999999999x", -EINVAL },
		{ "18446744073709551616", -ERANGE },
		{ "0x10000000000000000", -ERANGE },
		{ "99999999999999999999999999", -ERANGE },
		{ "16777216T", -ERANGE },
		{ "18446744073709551615K", -ERANGE },
	};
	uint64_t value;

	for (size_t i = 0; i < TRN_ARRAY_LEN(good); i++) {
		value = 42;
		ck_assert_msg(trn_parse_size(good[i].text, &value) == 0, "%s", good[i].text);
		ck_assert_uint_eq(value, good[i].value);
	}
	for (size_t i = 0; i < TRN_ARRAY_LEN(wrong); i++) {
		value = 42;
		ck_assert_msg(trn_parse_size(wrong[i].text, &value) == wrong[i].r, "%s",
			      wrong[i].text);
		ck_assert_uint_eq(value, 42);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("base/uri");
	TCase *tc = tcase_create("uri");

	tcase_add_test(tc, mock_with_parameters);
	tcase_add_test(tc, record_hook);
	tcase_add_test(tc, fault_hook);
	tcase_add_test(tc, hooks_outermost_first);
	tcase_add_test(tc, plain_schemes);
	tcase_add_test(tc, percent_decodes);
	tcase_add_loop_test(tc, refused_with_reason_and_place, 0, (int)TRN_ARRAY_LEN(bad));
	tcase_add_test(tc, longest_and_too_long);
	tcase_add_test(tc, parameter_limit);
	tcase_add_test(tc, damaged_texts);
	tcase_add_test(tc, sizes);
	suite_add_tcase(s, tc);
	return s;
}

TRN_TEST_MAIN(suite)
