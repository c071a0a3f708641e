/* Sets of task numbers: against an array of flags, and the words they are read from. */
#include <stdbool.h>

#include "base/mem.h"
#include "plan/taskset.h"

#include "unit/unit.h"

#define SPAN 64

static uint64_t seed = 1;
static int draw(int below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)below);
}

static void check_same(const struct taskset *set, const bool flags[SPAN])
{
    int64_t count = 0;
    for (int i = 0; i < SPAN; i++) {
        count += flags[i];
        struct task_range range;
        int first = i, end;
        while (first < SPAN && !flags[first])
            first++;
        for (end = first; end < SPAN && flags[end];)
            end++;
        assert_int_equal(taskset_next(set, i, &range), first < SPAN);
        if (first < SPAN) {
            assert_int_equal(range.first, first);
            assert_int_equal(range.end, end);
        }
    }
    assert_int_equal(taskset_count(set), count);
    for (int i = 1; i < set->n; i++)
        assert_true(set->ranges[i - 1].end < set->ranges[i].first);
}

static void test_random(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct taskset set = {0};
        bool flags[SPAN] = {false};
        for (int step = 0; step < 40; step++) {
            int first = draw(SPAN), end = first + draw(round % 2 ? 4 : SPAN / 8);
            end = end > SPAN ? SPAN : end;
            taskset_add(&set, first, end);
            for (int i = first; i < end; i++)
                flags[i] = true;
            check_same(&set, flags);
        }
        taskset_done(&set);
    }
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t tasks;
        int64_t count;
        int n;
    } good[] = {
        {"0", 1, 1, 1}, {"0-2,5,8-", 10, 6, 3}, {"8-,0-2", 10, 5, 2}, {"3-4,1-3", 10, 4, 1}, {"9-", 10, 1, 1},
        {"0-", INT64_C(1) << 62, INT64_C(1) << 62, 1}, {"1,1", 2, 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct taskset set = {0};
        struct err err;
        assert_int_equal(taskset_parse(good[i].text, good[i].tasks, &set, &err), 0);
        assert_int_equal(taskset_count(&set), good[i].count);
        assert_int_equal(set.n, good[i].n);
        taskset_done(&set);
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "\"\" names no tasks; write numbers and ranges such as 0-2,5,8-"},
        {"1,,2", "\"\" names no tasks; write numbers and ranges such as 0-2,5,8-"},
        {"1,", "\"\" names no tasks; write numbers and ranges such as 0-2,5,8-"},
        {"-3", "\"-3\" names no tasks; write numbers and ranges such as 0-2,5,8-"},
        {"0, 1", "\" 1\" names no tasks; write numbers and ranges such as 0-2,5,8-"},
        {"1-2-3", "\"1-2-3\" names no tasks; write numbers and ranges such as 0-2,5,8-"},
        {"99999999999999999999", "\"99999999999999999999\" names no tasks; write numbers and ranges such as 0-2,5,8-"},
        {"5-2", "the range 5-2 ends before it starts"},
        {"10", "there is no task 10; the run's tasks are 0 to 9"},
        {"2-10", "there is no task 10; the run's tasks are 0 to 9"},
        {"12-", "there is no task 12; the run's tasks are 0 to 9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct taskset set = {0};
        struct err err;
        assert_int_equal(taskset_parse(bad[i].text, 10, &set, &err), -1);
        assert_string_equal(err.text, bad[i].message);
        assert_int_equal(err.class, ERR_USAGE);
        assert_null(set.ranges);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random), cmocka_unit_test(test_parse), cmocka_unit_test(test_parse_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
