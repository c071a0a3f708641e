/* The progress line: a pure function of numbers and width. */
#include "cli/progress.h"

#include <string.h>

#include "base/mem.h"
#include "cli/output.h"

#include "unit/unit.h"

static const struct dispatch_stats busy = {.tasks = 1000000, .done = 629998, .failed = 2, .running = 8, .queued = 369992,
                                           .rate = 12345.6, .left_us = 30000000, .workers = 1};

static void assert_line(const struct dispatch_stats *stats, int width, bool color, const char *expected)
{
    struct buf line = {0};
    progress_text(stats, "cubes-1", width, color, &line);
    assert_string_equal(buf_cstr(&line), expected);
    buf_done(&line);
}

static void test_everything(void **state)
{
    (void)state;
    assert_line(&busy, 0, false, "cubes-1  63%  629,998 of 1,000,000 done  2 failed  8 running  12,345/s  30 s left  1 worker");
    assert_line(&busy, 200, true,
                "cubes-1  63%  629,998 of 1,000,000 done  \033[31m2 failed\033[0m  8 running  12,345/s  30 s left  1 worker");
}

static void test_narrow(void **state)
{
    (void)state;
    assert_line(&busy, 79, false, "cubes-1  63%  629,998 of 1,000,000 done  2 failed  8 running  30 s left");
    assert_line(&busy, 50, false, "629,998 of 1,000,000 done  2 failed  30 s left");
    assert_line(&busy, 30, false, "629,998 of 1,000,000 done");
    assert_line(&busy, 10, false, "");
}

static void test_never_wider_than_the_terminal(void **state)
{
    (void)state;
    for (int width = 1; width < 120; width++) {
        struct buf line = {0};
        progress_text(&busy, "a-long-name-of-a-run-1", width, false, &line);
        assert_true(output_width(buf_slice(&line)) <= width);
        buf_done(&line);
    }
}

static void test_beginning(void **state)
{
    (void)state;
    struct dispatch_stats stats = {.tasks = 10, .queued = 10, .left_us = -1, .workers = 2};
    assert_line(&stats, 0, false, "cubes-1  0%  0 of 10 done  0 running  2 workers");
    stats.rate = 1.25;
    assert_line(&stats, 0, false, "cubes-1  0%  0 of 10 done  0 running  1.2/s  2 workers");
    stats.workers = -1; /* another process knows */
    assert_line(&stats, 0, false, "cubes-1  0%  0 of 10 done  0 running  1.2/s");
}

static void test_a_task_of_itself(void **state)
{
    (void)state;
    struct dispatch_stats stats = {.tasks = 10, .queued = 9, .running = 1, .left_us = -1, .workers = 1};
    stats.said = (struct task_progress){.task = 4, .fraction = 0.5, .text = "half-way", .at = 1};
    assert_line(&stats, 0, false, "cubes-1  0%  0 of 10 done  1 running  1 worker  task 4: 50% half-way");
    assert_line(&stats, 60, false, "cubes-1  0%  0 of 10 done  1 running  1 worker");
    stats.said.text[0] = '\0';
    assert_line(&stats, 0, false, "cubes-1  0%  0 of 10 done  1 running  1 worker  task 4: 50%");
}

static void test_stopping(void **state)
{
    (void)state;
    struct dispatch_stats stats = {.tasks = 10, .done = 5, .running = 2, .left_us = -1, .workers = 2, .stopping = true};
    assert_line(&stats, 0, false, "cubes-1  50%  5 of 10 done  2 running  stopping (once more: at once)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything), cmocka_unit_test(test_narrow),   cmocka_unit_test(test_never_wider_than_the_terminal),
        cmocka_unit_test(test_beginning),  cmocka_unit_test(test_a_task_of_itself), cmocka_unit_test(test_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
