/* Buffers, UTF-8, names and outcomes. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/outcome.h"
#include "base/utf8.h"

#include "unit/unit.h"

static void test_buf(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    assert_string_equal(buf_cstr(&b), "");
    assert_int_equal(b.len, 0);
    buf_add(&b, NULL, 0);
    buf_add_str(&b, "ab");
    buf_add_char(&b, 'c');
    buf_add_slice(&b, (struct slice){"defg", 2});
    buf_printf(&b, "%s%d", "x", 7);
    assert_string_equal(buf_cstr(&b), "abcdex7");
    assert_int_equal(b.len, 7);
    buf_consume(&b, 3);
    assert_true(slice_eq(buf_slice(&b), "dex7"));
    assert_false(slice_eq(buf_slice(&b), "dex"));
    buf_consume(&b, 4);
    assert_int_equal(b.len, 0);
    buf_add_str(&b, "mine");
    CLEANUP_FREE char *text = buf_steal(&b);
    assert_string_equal(text, "mine");
    assert_null(b.data);
}

static void test_buf_grows(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    for (int i = 0; i < 100000; i++)
        buf_add_char(&b, (char)('a' + i % 26));
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {{0, "0"}, {-1, "-1"}, {10, "10"}, {INT64_MAX, "9223372036854775807"}, {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_BUF struct buf b = {0};
        buf_add_i64(&b, cases[i].n);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len, good;
    } cases[] = {
        {"", 0, 0},
        {"abc", 3, 3},
        {"a\0b", 3, 3},
        {"\xc2\x80\xdf\xbf", 4, 4},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", 9, 9},
        {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, 8},
        {"a\x80", 2, 1},             /* a continuation alone */
        {"\xc0\xaf", 2, 0},          /* overlong */
        {"\xe0\x9f\xbf", 3, 0},      /* overlong */
        {"\xed\xa0\x80", 3, 0},      /* a surrogate */
        {"\xf0\x8f\xbf\xbf", 4, 0},  /* overlong */
        {"\xf4\x90\x80\x80", 4, 0},  /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 4, 0},
        {"ab\xe2\x82", 4, 2},        /* cut short */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_check(cases[i].text, cases[i].len), cases[i].good);
}

/* Every code point comes back as one character of its length. */
static void test_utf8_encode(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char text[4];
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        size_t n = utf8_encode(code, text);
        assert_int_equal(n, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_length(text, n), n);
        assert_int_equal(utf8_length(text, n - 1), 0);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char *const known[] = {"parallelism", NULL, "retries", "name", "args"};
    assert_int_equal(names_find(known, NAMES_COUNT(known), "retries", 7), 2);
    assert_int_equal(names_find(known, NAMES_COUNT(known), "retriesX", 7), 2);
    assert_int_equal(names_find(known, NAMES_COUNT(known), "retrie", 6), -1);
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"paralelism", "parallelism"}, {"Parallelism", "parallelism"}, {"retires", "retries"}, {"retry", NULL},
        {"nmae", "name"},              {"arg", "args"},                {"zebra", NULL},        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *found = names_nearest(cases[i].word, known, NAMES_COUNT(known));
        if (cases[i].nearest) {
            assert_non_null(found);
            assert_string_equal(found, cases[i].nearest);
        } else {
            assert_null(found);
        }
    }
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(names_nearest(longest, known, NAMES_COUNT(known)));
}

/* Names, in order, with what follows from each: they are kept in databases and must not change. */
static void test_outcomes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum outcome outcome;
        bool counts, retried;
    } rows[] = {
        {"error", OUTCOME_ERROR, true, true},     {"exit", OUTCOME_EXIT, true, true},
        {"signal", OUTCOME_SIGNAL, true, true},   {"timeout", OUTCOME_TIMEOUT, true, true},
        {"oom", OUTCOME_OOM, true, true},         {"lost", OUTCOME_LOST, false, true},
        {"refused", OUTCOME_REFUSED, true, false}, {"evicted", OUTCOME_EVICTED, false, true},
    };
    assert_int_equal(ARRAY_LEN(rows), OUTCOME_COUNT - 1);
    assert_null(outcome_name(OUTCOME_OK));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(outcome_name(rows[i].outcome), rows[i].name);
        assert_int_equal(outcome_find(rows[i].name, strlen(rows[i].name)), rows[i].outcome);
        assert_int_equal(outcome_counts(rows[i].outcome), rows[i].counts);
        assert_int_equal(outcome_retried(rows[i].outcome), rows[i].retried);
    }
    assert_int_equal(outcome_find("ok", 2), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf),         cmocka_unit_test(test_buf_grows), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_utf8),        cmocka_unit_test(test_utf8_encode), cmocka_unit_test(test_names),
        cmocka_unit_test(test_outcomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
