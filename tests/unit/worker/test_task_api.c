/* The interface for task libraries, from the inside. */
#include <math.h>

#include "task_api.h"
#include "unit/unit.h"

static struct ktbatch_call call;

static struct json json(const char *text)
{
    struct json v;
    assert_int_equal(json_check(text, strlen(text), &v, NULL), 0);
    return v;
}

static void begin(const char *names, const char *values)
{
    call.names = json(names);
    assert_true(task_call_begin(&call, 7, 2, json(values)));
}

static void expect_result(const char *text)
{
    assert_true(task_call_end(&call));
    assert_int_equal(call.result.len, strlen(text));
    assert_memory_equal(call.result.data, text, call.result.len);
}

static void arguments(void **state)
{
    int64_t i = 5;
    uint64_t u = 5;
    double d = 5;
    (void)state;
    begin("[\"a\",\"b\",\"c\"]", "[9223372036854775807, 1e2, \"x\\ny\"]");
    assert_int_equal(task_api.arg_int(&call, "a"), INT64_MAX);
    assert_true(task_api.arg_double(&call, "b") == 100.0);
    assert_string_equal(task_api.arg_string(&call, "c"), "x\ny");
    assert_int_equal(task_api.type(task_api.arg(&call, "d")), KTBATCH_NONE);
    assert_int_equal(task_api.type(task_api.arg_at(&call, 3)), KTBATCH_NONE);
    assert_int_equal(task_api.task(&call), 7);
    assert_int_equal(task_api.attempt(&call), 2);
    /* Nothing is rounded, and what does not fit is left alone. */
    assert_false(task_api.get_int(task_api.arg(&call, "b"), &i));
    assert_false(task_api.get_int((ktbatch_value){"9223372036854775808", 19}, &i));
    assert_true(task_api.get_uint((ktbatch_value){"9223372036854775808", 19}, &u));
    assert_false(task_api.get_uint((ktbatch_value){"-1", 2}, &u));
    assert_false(task_api.get_double((ktbatch_value){"1e999", 5}, &d));
    assert_int_equal(i, 5);
    assert_true(d == 5);
    assert_false(call.failed);
    assert_null(task_api.get_string(&call, (ktbatch_value){"\"a\\u0000b\"", 10}));
}

static void wrong_arguments_fail_by_themselves(void **state)
{
    (void)state;
    begin("[\"a\"]", "[1.5]");
    assert_int_equal(task_api.arg_int(&call, "a"), 0);
    task_api.arg_string(&call, "b");
    task_api.return_int(&call, 1);
    assert_false(task_call_end(&call));
    assert_string_equal(call.message, "argument \"a\" is 1.5, not an integer of 64 bits");
    begin("null", "[]");
    assert_string_equal(task_api.arg_string(&call, "b"), "");
    assert_false(task_call_end(&call));
    assert_string_equal(call.message, "no argument \"b\"");
}

static void results(void **state)
{
    (void)state;
    begin("null", "[]");
    task_api.return_int(&call, INT64_MIN);
    expect_result("-9223372036854775808");
    begin("null", "[]");
    task_api.return_uint(&call, UINT64_MAX);
    expect_result("18446744073709551615");
    begin("null", "[]");
    task_api.return_double(&call, 0.1);
    expect_result("0.1");
    begin("null", "[]");
    task_api.return_double(&call, -INFINITY);
    expect_result("\"-inf\"");
    begin("null", "[]");
    task_api.return_bool(&call, true);
    expect_result("true");
    begin("null", "[]");
    task_api.return_null(&call);
    expect_result("null");
    begin("null", "[]");
    task_api.return_string(&call, "a\"\n\xff");
    expect_result("\"a\\\"\\n\xef\xbf\xbd\"");
    begin("null", "[]");
    task_api.return_json(&call, " { \"a\" : [ 1 , 3.10 ] } ", 24);
    expect_result("{\"a\":[1,3.10]}");
    begin("null", "[]");
    assert_int_equal(task_api.return_json(&call, "{", 1), -1);
    assert_false(task_call_end(&call));
    /* The last one counts. */
    begin("null", "[]");
    task_api.return_int(&call, 1);
    task_api.return_int(&call, 2);
    expect_result("2");
    begin("null", "[]");
    assert_false(task_call_end(&call));
    begin("null", "[]");
    (task_api.fail)(&call, NULL); /* cmocka has a macro of that name */
    assert_false(task_call_end(&call));
    assert_string_equal(call.message, "failed without a message");
}

static void malformed_calls(void **state)
{
    (void)state;
    call.names = json("null");
    assert_false(task_call_begin(&call, 0, 1, json("{\"a\":1}")));
    assert_true(call.failed);
    assert_false(task_call_begin(&call, 0, 1, json("7")));
    assert_true(call.failed);
    char many[2 * (CALL_ARGS_MAX + 1) + 1]; /* [1,1,…,1] */
    memset(many, ',', sizeof many);
    for (size_t i = 1; i < sizeof many; i += 2)
        many[i] = '1';
    many[0] = '[';
    many[sizeof many - 1] = ']';
    struct json v;
    assert_int_equal(json_check(many, sizeof many, &v, NULL), 0);
    assert_false(task_call_begin(&call, 0, 1, v));
    assert_string_equal(call.message, "more than 200 arguments");
}

static int forget(void **state)
{
    (void)state;
    begin("null", "[]"); /* frees the strings */
    buf_done(&call.result);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments),
        cmocka_unit_test(wrong_arguments_fail_by_themselves),
        cmocka_unit_test(results),
        cmocka_unit_test(malformed_calls),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
