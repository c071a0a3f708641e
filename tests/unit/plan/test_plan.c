/* From task number to arguments: forms, order, zip, limits, seeds and commands. */
#include <malloc.h>

#include "base/json.h"
#include "unit/plan/plan_fixture.h"

#define ECHO "task: {command: [echo]}\n"

static void check_values(const char *source, const char *values)
{
    struct fixture f;
    CLEANUP_FREE char *yaml = mem_printf(ECHO "args: {x: %s}\n", source);
    fixture_make(&f, yaml);
    assert_string_equal(list_of(&f, 0), values);
    for (int64_t k = 0; k < plan_arg(f.plan, 0).count; k++) {
        struct json v;
        buf_clear(&f.text);
        plan_value(f.plan, 0, k, &f.text);
        assert_int_equal(json_check(f.text.data, f.text.len, &v, NULL), 0);
    }
    fixture_done(&f);
}

static void test_values(void **state)
{
    (void)state;
    check_values("3.10", "3.10");
    check_values("[a, 1.50, true, null, \"\xc3\xa9\"]", "\"a\" 1.50 true null \"\xc3\xa9\"");
    check_values("{value: [1, {a: b}]}", "[1,{\"a\":\"b\"}]");
    check_values("{range: [1, 5]}", "1 2 3 4 5");
    check_values("{range: [5, -4, -4]}", "5 1 -3");
    check_values("{range: [7, 7]}", "7");
    check_values("{range: [0, 1, 0.1]}", "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
    check_values("{range: [0.05, -0.06, -0.05]}", "0.05 0 -0.05");
    check_values("{range: [0, 2e-3, 1e-3]}", "0 0.001 0.002");
    check_values("{range: [9223372036854775806, 9223372036854775807]}", "9223372036854775806 9223372036854775807");
    check_values("{range: [-9223372036854775808, 9223372036854775807, 6148914691236517205]}",
                 "-9223372036854775808 -3074457345618258603 3074457345618258602 9223372036854775807");
    check_values("{repeat: 3}", "0 1 2");
}

static void test_spaces(void **state)
{
    (void)state;
    check_values("{linspace: {from: 0, to: 1, count: 11}}", "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
    check_values("{linspace: {from: -0.10, to: 0.30, count: 5}}", "-0.10 0 0.1 0.2 0.30");
    check_values("{linspace: {from: 0, to: 1, count: 4}}", "0 0.333333333333333 0.666666666666667 1");
    check_values("{linspace: {from: 10, to: 0, count: 3}}", "10 5 0");
    check_values("{linspace: {from: 1.0, to: 9, count: 1}}", "1.0");
    check_values("{linspace: {from: 2, to: 9.50, count: 2}}", "2 9.50");
    check_values("{linspace: {from: 1e300, to: -1e300, count: 3}}", "1e300 0 -1e300");
    check_values("{linspace: {from: -1.7e308, to: 1.7e308, count: 3}}", "-1.7e308 0 1.7e308");
    check_values("{geomspace: {from: 1, to: 1000, count: 4}}", "1 10 100 1000");
    check_values("{geomspace: {from: 1e3, to: 1e-3, count: 7}}", "1e3 100 10 1 0.1 0.01 1e-3");
    check_values("{geomspace: {from: 1, to: 2, count: 3}}", "1 1.4142135623731 2");
    check_values("{geomspace: {from: 1e-300, to: 1e300, count: 3}}", "1e-300 1 1e300");
    check_values("{geomspace: {from: 8, to: 9, count: 1}}", "8");
}

/* What the views compute from plan_arg() and what is written are one number. */
static void check_computed(const char *source, int64_t from, int64_t step, int scale)
{
    struct fixture f;
    CLEANUP_FREE char *yaml = mem_printf(ECHO "args: {x: %s}\n", source);
    fixture_make(&f, yaml);
    struct plan_arg arg = plan_arg(f.plan, 0);
    assert_int_equal(arg.form, PLAN_COMPUTED);
    assert_int_equal(arg.from, from);
    assert_int_equal(arg.step, step);
    assert_int_equal(arg.scale, scale);
    double unit = 1;
    for (int i = 0; i < scale; i++)
        unit *= 10;
    for (int64_t k = 0; k < arg.count; k++) {
        struct json v;
        double d;
        buf_clear(&f.text);
        plan_value(f.plan, 0, k, &f.text);
        assert_int_equal(json_check(f.text.data, f.text.len, &v, NULL), 0);
        assert_true(json_double(v, &d));
        assert_true(d == (double)(from + step * k) / unit);
    }
    fixture_done(&f);
}

static void test_computed(void **state)
{
    (void)state;
    check_computed("{range: [1, 10]}", 1, 1, 0);
    check_computed("{range: [0, 10, 0.01]}", 0, 1, 2);
    check_computed("{range: [-3.5, 3.125, 0.125]}", -3500, 125, 3);
    check_computed("{range: [1.0, 3.0, 1.00]}", 1, 1, 0);
    check_computed("{range: [0, 1, 0.50]}", 0, 5, 1);
    check_computed("{repeat: 5}", 0, 1, 0);
}

static void test_shapes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, ECHO);
    assert_int_equal(plan_tasks(f.plan), 1);
    assert_string_equal(args_of(&f, 0), "{}");
    assert_string_equal(values_of(&f, 0), "[]");
    fixture_done(&f);
    fixture_make(&f, ECHO "args: [{range: [1, 2]}, [a, b]]\n");
    assert_int_equal(plan_tasks(f.plan), 4);
    assert_string_equal(args_of(&f, 1), "[1,\"b\"]");
    assert_string_equal(values_of(&f, 2), "[2,\"a\"]");
    assert_null(plan_arg(f.plan, 0).name);
    fixture_done(&f);
    fixture_make(&f, ECHO "args: {x: {range: [1, 2]}, fixed: on, y: [a, b, c]}\n");
    assert_int_equal(plan_args(f.plan), 3);
    assert_string_equal(args_of(&f, 4), "{\"x\":2,\"fixed\":\"on\",\"y\":\"b\"}");
    assert_string_equal(values_of(&f, 5), "[2,\"on\",\"c\"]");
    assert_int_equal(plan_arg(f.plan, 0).stride, 3);
    assert_int_equal(plan_arg(f.plan, 2).stride, 1);
    assert_ptr_equal(plan_job(f.plan), f.job);
    fixture_done(&f);
}

/* The group {a, c} stands where `a` does, so that `b` varies faster than both. */
static void test_zip(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, ECHO "args: {a: [1, 2], b: [x, y, z], c: [p, q]}\nzip: [[c, a]]\n");
    assert_int_equal(plan_tasks(f.plan), 6);
    assert_int_equal(plan_arg(f.plan, 0).stride, 3);
    assert_int_equal(plan_arg(f.plan, 2).stride, 3);
    assert_string_equal(values_of(&f, 2), "[1,\"z\",\"p\"]");
    assert_string_equal(values_of(&f, 3), "[2,\"x\",\"q\"]");
    fixture_done(&f);
}

static void test_many_tasks(void **state)
{
    (void)state;
    struct fixture f;
    size_t before = mallinfo2().uordblks;
    fixture_make(&f, ECHO "args: {a: {range: [1, 1000000]}, b: {range: [0, 99999.9, 0.1]}}\n");
    assert_int_equal(plan_tasks(f.plan), INT64_C(1000000000000));
    assert_string_equal(values_of(&f, INT64_C(999999999999)), "[1000000,99999.9]");
    assert_string_equal(values_of(&f, INT64_C(123456789012)), "[123457,78901.2]");
    assert_true(mallinfo2().uordblks < before + (1 << 20));
    fixture_done(&f);
    fixture_make(&f, ECHO "args: {a: {repeat: 2147483648}, b: {repeat: 2147483648}}\n");
    assert_int_equal(plan_tasks(f.plan), JOB_TASKS_MAX);
    assert_string_equal(values_of(&f, JOB_TASKS_MAX - 1), "[2147483647,2147483647]");
    fixture_done(&f);
}

static void test_seed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, ECHO "args: {x: {range: [1, 3]}}\n");
    assert_int_equal(plan_seed(f.plan, 0), 876356143);
    assert_int_not_equal(plan_seed(f.plan, 1), plan_seed(f.plan, 0));
    fixture_done(&f);
    fixture_make(&f, ECHO "args: [a, {range: [0, 1, 0.1]}]\nseed: 7\n");
    assert_int_equal(plan_seed(f.plan, 1), 1608395475);
    for (int64_t task = 0; task < plan_tasks(f.plan); task++)
        assert_in_range(plan_seed(f.plan, task), 0, INT32_MAX);
    fixture_done(&f);
}

static void test_command(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "task: {command: [prog, '--x=${x}', '${f.stem}', '${task}/${run}/${attempt}/${slot}', '\"$${x}']}\n"
                     "args: {x: {range: [0, 1, 0.5]}, f: [/a/b.c, '${x} d.e']}\n"
                     "env: {FIXED: \"a\\nb\", X: '<${x:05}>', OTHER: '1'}\n");
    buf_clear(&f.text);
    plan_command_json(f.plan, 3, "sweep-2", 4, 9, &f.text);
    assert_string_equal(buf_cstr(&f.text), "{\"argv\":[\"prog\",\"--x=0.5\",\"${x} d\",\"3/sweep-2/4/9\",\"\\\"${x}\"],"
                                           "\"env\":{\"X\":\"<000.5>\"}}");
    buf_clear(&f.text);
    plan_env_json(f.plan, &f.text);
    assert_string_equal(buf_cstr(&f.text), "{\"FIXED\":\"a\\nb\",\"OTHER\":\"1\"}");
    fixture_done(&f);
    fixture_make(&f, "task: {command: [prog, '${seed}']}\nargs: {x: {range: [1, 3]}}\n");
    CLEANUP_FREE char *expected = mem_printf("{\"argv\":[\"prog\",\"%lld\"],\"env\":{}}", (long long)plan_seed(f.plan, 2));
    buf_clear(&f.text);
    plan_command_json(f.plan, 2, "p-1", 1, 0, &f.text);
    assert_string_equal(buf_cstr(&f.text), expected);
    buf_clear(&f.text);
    plan_env_json(f.plan, &f.text);
    assert_string_equal(buf_cstr(&f.text), "{}");
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_spaces),     cmocka_unit_test(test_computed),
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_zip),        cmocka_unit_test(test_many_tasks),
        cmocka_unit_test(test_seed),   cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
