/* JSON text read in place: what is accepted, what is refused and where, and exact numbers. */
#include "base/json.h"
#include "base/mem.h"

#include "unit/unit.h"

static struct json parse(const char *text)
{
    struct json v;
    assert_int_equal(json_check(text, strlen(text), &v, NULL), 0);
    return v;
}

static void test_accepts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0", "-0", "1e5", "1.5E-3", "\"\"", "\"\\u00e9\\ud83d\\ude00\"", "[]", "[1, 2 ,3]", "{}",
        "{\"a\":{\"b\":[null,true,false]}}", " \n\t1\r ", "\"\xc3\xa9\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        parse(good[i]);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {
        {"", 0}, {"01", 1}, {"1.", 2}, {"-", 1}, {"+1", 0}, {"1e", 2}, {"[1,]", 3}, {"[1", 2}, {"{\"a\"}", 4},
        {"{a:1}", 1}, {"\"a", 2}, {"\"\n\"", 1}, {"\"\\x\"", 2}, {"\"\\ud800\"", 2}, {"nul", 0}, {"1 2", 2},
        {"\"\xff\"", 1}, {"NaN", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct json v;
        size_t at = 99;
        assert_int_equal(json_check(bad[i].text, strlen(bad[i].text), &v, &at), -1);
        assert_int_equal(at, bad[i].at);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 4];
    struct json v;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(json_check(text, 2 * JSON_DEPTH_MAX, &v, NULL), 0);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(json_check(text, 2 * JSON_DEPTH_MAX + 2, &v, NULL), -1);
}

static void test_numbers_are_exact(void **state)
{
    (void)state;
    int64_t i;
    uint64_t u;
    assert_true(json_i64(parse("9223372036854775807"), &i));
    assert_true(i == INT64_MAX);
    assert_true(json_i64(parse("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(json_i64(parse("9223372036854775808"), &i));
    assert_false(json_i64(parse("1.0"), &i));
    assert_true(json_u64(parse("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(json_u64(parse("18446744073709551616"), &u));
    assert_false(json_u64(parse("-1"), &u));
}

static void test_walk(void **state)
{
    (void)state;
    struct json v = parse("{ \"a\" : [1, {\"x\":\"]\"}, \"}\" ] , \"b\":2, \"a\":3 }");
    int64_t n;
    assert_int_equal(json_count(v), 3);
    assert_true(json_i64(json_get(v, "a"), &n));
    assert_int_equal(n, 3);
    assert_int_equal(json_type(json_get(v, "c")), JSON_NONE);
    struct json_iter it = json_iter(v);
    assert_true(json_next(&it));
    assert_int_equal(json_count(it.value), 3);
}

static void test_strings(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    assert_true(json_unescape(parse("\"a\\n\\u00e9\\ud83d\\ude00\""), &b));
    assert_string_equal(buf_cstr(&b), "a\n\xc3\xa9\xf0\x9f\x98\x80");
    assert_true(json_equals(parse("\"a\\u0062\""), "ab"));
    assert_false(json_equals(parse("\"ab\""), "abc"));
    assert_false(json_equals(parse("\"abc\""), "ab"));
    buf_clear(&b);
    buf_add_json(&b, (struct slice){"a\"\\\n\x01\xff\xc3\xa9", 8});
    assert_string_equal(buf_cstr(&b), "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\"");
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *text;
    } cases[] = {{0.1, "0.1"}, {3, "3.0"}, {1e300, "1e+300"}, {1.0 / 3, "0.3333333333333333"}, {0.0 / 0.0, "\"nan\""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_BUF struct buf b = {0};
        json_add_double(&b, cases[i].d);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts), cmocka_unit_test(test_refuses),          cmocka_unit_test(test_depth),
        cmocka_unit_test(test_walk),    cmocka_unit_test(test_numbers_are_exact), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
