/* Times as text, clocks that do not go back, errors as text. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

#include "unit/unit.h"

static void test_span(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "0 ms"},
        {400 * CLOCK_MS, "400 ms"},
        {12 * CLOCK_S, "12 s"},
        {200 * CLOCK_S, "3 min 20 s"},
        {7500 * CLOCK_S, "2 h 5 min"},
        {(3 * 86400 + 4 * 3600 + 59) * CLOCK_S, "3 d 4 h"},
    };
    char text[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(clock_span(cases[i].us, text), cases[i].text);
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t before = clock_mono_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_us() > INT64_C(1577836800) * CLOCK_S); /* 2020 is over */
}

static void test_errors(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    assert_int_equal(err_set(&err, ERR_USAGE, "no run %s", "x-1"), -1);
    assert_int_equal(err.class, ERR_USAGE);
    assert_int_equal(err_prefix(&err, "%s", "k.db"), -1);
    assert_string_equal(err.text, "k.db: no run x-1");
    assert_int_equal(err_sys(&err, ENOENT, "%s", "f"), -1);
    assert_string_equal(err.text, "f: No such file or directory");
    assert_int_equal(err.class, ERR_SYSTEM);
    static const struct {
        enum err_class class;
        int status;
    } statuses[] = {{ERR_NONE, 0}, {ERR_USAGE, 2}, {ERR_JOBFILE, 2}, {ERR_BUSY, 3}, {ERR_BACKEND, 3}, {ERR_SYSTEM, 3}};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        assert_int_equal(err_exit_status(statuses[i].class), statuses[i].status);
}

/* Text that does not fit is cut and stays a string. */
static void test_long_errors(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    char text[2 * ERR_TEXT_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_USAGE, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_prefix(&err, "file");
    assert_memory_equal(err.text, "file: xxx", 9);
    assert_true(strlen(err.text) < ERR_TEXT_MAX);
    err_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_sys(&err, EIO, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    /* One byte left, and two. */
    for (int left = 1; left <= 4; left++) {
        err_set(&err, ERR_USAGE, "why");
        err_prefix(&err, "%.*s", ERR_TEXT_MAX - 1 - left, text);
        assert_true(strlen(err.text) < ERR_TEXT_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span), cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_long_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
