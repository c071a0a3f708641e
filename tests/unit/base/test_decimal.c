/* Exact decimals: what is read, to which digits, and how it is written. */
#include "base/decimal.h"
#include "base/mem.h"

#include "unit/unit.h"

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t units;
        int scale;
    } good[] = {
        {"0", 0, 0},          {"-0", 0, 0},        {"-12", -12, 0},     {"+5", 5, 0},
        {"0.25", 25, 2},      {"1.50", 150, 2},    {"1e-3", 1, 3},      {"1e3", 1000, 0},
        {"1.5e1", 15, 0},     {"2.5E+0", 25, 1},   {"-.5", -5, 1},      {"5.", 5, 0},
        {"007", 7, 0},        {"1e-18", 1, 18},    {"10e-19", 1, 18},   {"0e50", 0, 0},
        {"9223372036854775807", INT64_MAX, 0},     {"-9223372036854775808", INT64_MIN, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct decimal d = {99, 99};
        assert_true(decimal_parse(good[i].text, strlen(good[i].text), &d));
        assert_true(d.units == good[i].units);
        assert_int_equal(d.scale, good[i].scale);
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "-", "+", ".", "e3", "1e", "1e+", "1.2.3", "1x", " 1", "1 ", "--1", "0x10", "1_000", ".inf",
        "9223372036854775808", "-9223372036854775809", "1e19", "1e-19", "1e999", "1e99999999999",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct decimal d = {99, 99};
        assert_false(decimal_parse(bad[i], strlen(bad[i]), &d));
        assert_int_equal(d.units, 99);
    }
}

static void test_rescale(void **state)
{
    (void)state;
    struct decimal d = {25, 1};
    assert_true(decimal_rescale(&d, 3));
    assert_int_equal(d.units, 2500);
    assert_int_equal(d.scale, 3);
    assert_true(decimal_rescale(&d, 1)); /* it keeps the digits it has */
    assert_int_equal(d.scale, 3);
    d = (struct decimal){INT64_MAX / 10 + 1, 0};
    assert_false(decimal_rescale(&d, 1));
    assert_int_equal(d.scale, 0);
}

static void test_print(void **state)
{
    (void)state;
    static const struct {
        struct decimal d;
        const char *text, *brief;
    } cases[] = {
        {{0, 0}, "0", "0"},          {{0, 2}, "0.00", "0"},     {{3, 1}, "0.3", "0.3"},
        {{30, 2}, "0.30", "0.3"},    {{10, 1}, "1.0", "1"},     {{-5, 3}, "-0.005", "-0.005"},
        {{-100, 0}, "-100", "-100"}, {{1234, 2}, "12.34", "12.34"}, {{1000, 1}, "100.0", "100"},
        {{INT64_MIN, 18}, "-9.223372036854775808", "-9.223372036854775808"},
        {{INT64_MAX, 0}, "9223372036854775807", "9223372036854775807"},
        {{1, 18}, "0.000000000000000001", "0.000000000000000001"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_BUF struct buf b = {0};
        decimal_print(&b, cases[i].d);
        assert_string_equal(buf_cstr(&b), cases[i].text);
        buf_clear(&b);
        decimal_print_short(&b, cases[i].d);
        assert_string_equal(buf_cstr(&b), cases[i].brief);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse), cmocka_unit_test(test_parse_refuses), cmocka_unit_test(test_rescale),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
