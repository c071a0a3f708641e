/* Functions of task libraries, streamed and one-shot: right answers, and every way to go wrong. */
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client.h"
#include "unit/unit.h"

static const struct client_setup cubes = {.function = "power_op.power", .object = "{\"y\":3}", .names = "[\"x\"]"};
static const struct client_setup faulty = {.function = "faulty.go", .names = "[\"how\"]", .timeout_us = 300 * CLOCK_MS};

static void streamed_tasks_are_answered_in_order(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &cubes);
    client_line(&c, "ready");
    client_tasks(&c, 0, 1, "[1],[2],[3]");
    client_tasks(&c, 3, 1, "");
    client_tasks(&c, 10, 2, "[-4],[2097151],[2097152]");
    client_answers(&c, 6);
    client_finish(&c);
    assert_string_equal(buf_cstr(&c.log), "ready\nok 0 1 1\nok 1 1 8\nok 2 1 27\nok 10 2 -64\nok 11 2 9223358842721533951\n"
                                          "failed 12 2 error 0 the power does not fit 64 bits\nend\n");
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void many_tasks_in_large_messages(void **state)
{
    enum { EACH = 50000, MESSAGES = 4 };
    struct worker w;
    struct client c;
    CLEANUP_BUF struct buf items = {0};
    char line[64];
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &cubes);
    for (int m = 0; m < MESSAGES; m++) {
        buf_clear(&items);
        for (int i = 0; i < EACH; i++)
            buf_printf(&items, "%s[%d]", i ? "," : "", m * EACH + i);
        client_tasks(&c, m * EACH, 1, buf_cstr(&items));
    }
    client_answers(&c, EACH * MESSAGES);
    for (int64_t i = 0; i < EACH * MESSAGES; i += 7919) {
        snprintf(line, sizeof line, "ok %lld 1 %lld", (long long)i, (long long)(i * i * i));
        client_expect(&c, line);
    }
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void arguments_and_results_of_every_kind(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 2);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.all_kinds",
                                            .names = "[\"n\",\"list\",\"map\",\"text\",\"x\",\"yes\",\"large\"]"});
    client_tasks(&c, 7, 1, "[1,[2,3,\"a\"],{\"m\":4},\"\\u00e4\\\"\",5,true,18446744073709551615],"
                           "[1,[],{},\"\",\"no\",1,0],[\"n\"],{\"a\":1},7");
    client_answers(&c, 5);
    client_expect(&c, "failed 7 1 error 0 the result is no JSON: wrong at byte *"); /* it puts the quote in as it is */
    client_expect(&c, "failed 8 1 error 0 argument \"x\" is \"no\", not a number");
    client_expect(&c, "failed 9 1 error 0 argument \"n\" is \"n\", not an integer of 64 bits");
    client_expect(&c, "failed 10 1 error 0 *");
    client_expect(&c, "failed 11 1 error 0 *");
    client_tasks(&c, 12, 1, "[1,[2,3,\"a\"],{\"m\":4},\"\\u00e4\",5,true,18446744073709551615]");
    client_answers(&c, 6);
    client_expect(&c, "ok 12 1 {\"sum\":10,\"text\":\"\xc3\xa4\",\"half\":2.5,\"yes\":true,"
                       "\"large\":18446744073709551615,\"task\":12}");
    client_finish(&c);
    client_close(&c);

    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.increment"});
    client_tasks(&c, 0, 1, "[9223372036854775806],[9223372036854775807],[1.5],[\"1\"],[]");
    client_answers(&c, 5);
    client_expect(&c, "ok 0 1 9223372036854775807");
    client_expect(&c, "failed 3 1 error 0 needs an integer that has a next one");
    client_finish(&c);
    client_close(&c);

    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.echo", .names = "[\"v\"]"});
    client_tasks(&c, 0, 1, "[3.10],[123456789012345678901234567890],[{\"a\":[1,null]}],[\"\\ud83d\\ude00\"],[],"
                           "[[1, 2]],[18446744073709551615]");
    client_answers(&c, 7);
    client_expect(&c, "ok 0 1 3.10");
    client_expect(&c, "ok 1 1 123456789012345678901234567890");
    client_expect(&c, "ok 2 1 {\"a\":[1,null]}");
    client_expect(&c, "failed 4 1 error 0 *");
    client_expect(&c, "ok 5 1 [1,2]");
    client_expect(&c, "ok 6 1 18446744073709551615");
    client_finish(&c);
    client_close(&c);
    worker_stop(&w);
}

/* What each item is answered with, one-shot or streamed. */
static const struct {
    const char *item, *answer;
} faults[] = {
    {"[\"ok\"]", "ok %d 1 \"ok\""},
    {"[\"segv\"]", "failed %d 1 signal 11 SIGSEGV*"},
    {"[\"abort\"]", "failed %d 1 signal 6 SIGABRT*"},
    {"[\"exit\"]", "failed %d 1 exit 3 called exit(3)"},
    {"[\"loop\"]", "failed %d 1 timeout 0 ran longer than 300 ms and was killed"},
    {"[\"close\"]", "failed %d 1 error 0 closed its standard output or error"},
    {"[\"close-all\"]", "failed %d 1 *"},
    {"[\"child\"]", "failed %d 1 error 0 left 1 process behind: *(killed)"},
    {"[\"child-crash\"]", "failed %d 1 signal 6 SIGABRT*"},
    {"[\"scribble\"]", "failed %d 1 *"},
    {"[\"error\"]", "failed %d 1 error 0 boom"},
    {"[\"nothing\"]", "failed %d 1 error 0 the function returned without a result*"},
    {"[\"bad-json\"]", "failed %d 1 error 0 the result is no JSON*"},
    {"[\"nan\"]", "ok %d 1 \"nan\""},
    {"[\"no such way\"]", "failed %d 1 error 0 no such way to go wrong"},
    {"[\"flaky\"]", "failed %d 1 error 0 not yet"},
    {"[7]", "failed %d 1 error 0 argument \"how\" is 7, not a string"},
    {"[]", "failed %d 1 error 0 no argument \"how\""},
};

static void expect_fault(struct client *c, size_t i, int task)
{
    char line[160];
    /* Only the beginning is compared where it has a '*' in it. */
    CLEANUP_FREE char *format = mem_strdup(faults[i].answer);
    char *star = strchr(format, '*');
    if (star)
        star[1] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(line, sizeof line, format, task);
#pragma GCC diagnostic pop
    client_expect(c, line);
}

/* All in one message, and then each when the one before has been answered. */
static void each_fault_fails_one_task_of_a_stream(void **state)
{
    struct worker w;
    CLEANUP_BUF struct buf items = {0};
    char line[64];
    (void)state;
    worker_start(&w, 1);
    for (int alone = 0; alone < 2; alone++) {
        struct client c;
        client_open(&c, &w);
        client_setup(&c, &faulty);
        for (int i = 0; i < (int)ARRAY_LEN(faults); i++) {
            buf_printf(&items, "%s[\"ok\"],%s,[\"ok\"]", items.len ? "," : "", faults[i].item);
            if (alone) {
                client_tasks(&c, 3 * i, 1, buf_cstr(&items));
                client_answers(&c, 3 * i + 3);
                buf_clear(&items);
            }
        }
        if (!alone)
            client_tasks(&c, 0, 1, buf_cstr(&items));
        buf_clear(&items);
        client_answers(&c, 3 * ARRAY_LEN(faults));
        for (int i = 0; i < (int)ARRAY_LEN(faults); i++) {
            expect_fault(&c, (size_t)i, 3 * i + 1);
            snprintf(line, sizeof line, "ok %d 1 \"ok\"", 3 * i);
            client_expect(&c, line);
            snprintf(line, sizeof line, "ok %d 1 \"ok\"", 3 * i + 2);
            client_expect(&c, line);
        }
        client_finish(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

static void each_fault_of_a_one_shot_task(void **state)
{
    struct worker w;
    (void)state;
    worker_start(&w, 2);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct client c;
        struct client_setup setup = faulty;
        setup.tasks = 1;
        client_open(&c, &w);
        client_setup(&c, &setup);
        client_tasks(&c, (int)i, 1, faults[i].item);
        client_answers(&c, 1);
        expect_fault(&c, i, (int)i);
        client_finish(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

static const char *const printing[] = {"[\"print\"]", "[\"ok\"]", "[\"print-crash\"]", "[\"ok\"]", "[\"print\"]"};

/* What is said of the tasks above, whoever hears it. */
static void check_output(const struct buf *said)
{
    struct client c = {.log = *said};
    client_expect(&c, "out 0 out of task 0\\n");
    client_expect(&c, "err 0 err of task 0\\n");
    client_expect(&c, "ok 0 1 \"print\"");
    client_expect(&c, "ok 1 1 \"ok\"");
    client_expect(&c, "out 2 last words of task 2");
    client_expect(&c, "failed 2 1 signal 6 *");
    client_expect(&c, "ok 3 1 \"ok\"");
    client_expect(&c, "out 4 out of task 4\\n");
    client_expect(&c, "err 4 err of task 4\\n");
    static const char *const silent[] = {"out 1*", "err 1*", "err 2*", "out 3*", "err 3*"};
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        assert_false(client_has(&c, silent[i]));
    assert_true(strstr(c.log.data, "out 0 ") < strstr(c.log.data, "ok 0 "));
    assert_true(strstr(c.log.data, "err 0 ") < strstr(c.log.data, "ok 0 "));
    assert_true(strstr(c.log.data, "out 2 ") < strstr(c.log.data, "failed 2 "));
}

static void output_stays_with_its_task(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &faulty);
    for (int i = 0; i < (int)ARRAY_LEN(printing); i++)
        client_tasks(&c, i, 1, printing[i]);
    client_answers(&c, ARRAY_LEN(printing));
    check_output(&c.log);
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void output_of_one_shot_tasks(void **state)
{
    struct worker w;
    CLEANUP_BUF struct buf logs = {0};
    (void)state;
    worker_start(&w, 1);
    for (int i = 0; i < (int)ARRAY_LEN(printing); i++) {
        struct client c;
        struct client_setup setup = faulty;
        setup.tasks = 1;
        client_open(&c, &w);
        client_setup(&c, &setup);
        client_tasks(&c, i, 1, printing[i]);
        client_answers(&c, 1);
        client_finish(&c);
        buf_add_slice(&logs, buf_slice(&c.log));
        client_close(&c);
    }
    buf_cstr(&logs);
    check_output(&logs);
    worker_stop(&w);
}

static void long_output_is_whole(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 1);
    for (int one = 0; one < 2; one++) {
        struct client_setup setup = faulty;
        setup.tasks = one;
        setup.timeout_us = 0;
        client_open(&c, &w);
        client_setup(&c, &setup);
        client_tasks(&c, 5, 1, "[\"flood\"]");
        client_answers(&c, 1);
        CLEANUP_BUF struct buf expected = {0};
        buf_add_str(&expected, "out 5 ");
        for (int i = 0; i < 20000; i++)
            buf_printf(&expected, "line %06d\\n", i);
        assert_non_null(strstr(buf_cstr(&c.log), buf_cstr(&expected)));
        client_finish(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

static void large_results(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 1);
    for (int one = 0; one < 2; one++) {
        struct client_setup setup = faulty;
        setup.tasks = one;
        setup.timeout_us = 0;
        client_open(&c, &w);
        client_setup(&c, &setup);
        client_tasks(&c, 0, 1, "[\"big\"]");
        client_answers(&c, 1);
        client_expect(&c, "length 3145730");
        client_finish(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

/* Messages larger than a usual ring, one of them behind a usual one. */
static void large_arguments(void **state)
{
    struct worker w;
    struct client c;
    CLEANUP_BUF struct buf item = {0};
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.echo", .names = "[\"v\"]"});
    for (size_t size = 1000, task = 0; size <= 10000000; size *= 10, task++) {
        buf_clear(&item);
        buf_add_str(&item, "[\"");
        memset(buf_reserve(&item, size), 'x', size);
        item.len += size;
        buf_add_str(&item, "\"]");
        client_tasks(&c, (int64_t)task, 1, buf_cstr(&item));
    }
    client_tasks(&c, 5, 1, "[1],[2]");
    client_answers(&c, 7);
    client_expect(&c, "length 10000002");
    client_expect(&c, "ok 6 1 2");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void progress_is_heard_before_the_answer(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 1);
    for (int one = 0; one < 2; one++) {
        struct client_setup setup = faulty;
        setup.tasks = one;
        setup.timeout_us = 0;
        client_open(&c, &w);
        client_setup(&c, &setup);
        client_tasks(&c, 0, 1, "[\"progress\"]");
        client_line(&c, "progress 0 0.25 quarters");
        assert_int_equal(c.answers, 0);
        client_answers(&c, 1);
        client_expect(&c, "progress 0 1 quarters");
        client_finish(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

static void results_do_not_wait_for_a_long_task(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.nap", .names = "[\"ms\"]"});
    client_tasks(&c, 0, 1, "[0],[0],[0],[600000]");
    client_answers(&c, 3);
    client_expect(&c, "ok 2 1 0");
    client_say(&c, FRAME_STOP);
    client_end(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 1);
}

static void one_object_a_session(void **state)
{
    struct worker w;
    struct client c;
    const char *freed = temp_path("freed");
    CLEANUP_FREE char *env = mem_printf("{\"FAULTY_FREED\":\"%s\"}", freed);
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.count", .object = "{}", .env = env});
    client_tasks(&c, 0, 1, "[],[]");
    client_tasks(&c, 2, 1, "[]");
    client_answers(&c, 3);
    client_expect(&c, "ok 2 1 3");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
    assert_int_equal(wait_pid(freed), 3); /* it was freed, having counted to 3 */
}

static void an_object_that_cannot_be_built(void **state)
{
    static const struct {
        const char *object, *answer;
    } cases[] = {
        {"{\"how\":\"fail\"}", "failed 4 1 error 0 no such object"},
        {"{\"how\":\"segv\"}", "failed 4 1 signal 11 SIGSEGV*"},
        {"{\"how\":\"loop\"}", "failed 4 1 timeout 0 ran longer than 300 ms and was killed*"},
    };
    struct worker w;
    (void)state;
    worker_start(&w, 2);
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        struct client c;
        bool one = i % 2;
        client_open(&c, &w);
        client_setup(&c, &(struct client_setup){.function = "faulty.count", .object = cases[i / 2].object, .tasks = one,
                                                .timeout_us = 300 * CLOCK_MS});
        client_tasks(&c, 4, 1, one ? "[]" : "[],[],[],[],[]");
        client_answers(&c, one ? 1 : 5);
        client_expect(&c, cases[i / 2].answer);
        client_finish(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

static void folder_and_environment(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 2);
    for (int64_t one = 0; one < 2; one++) {
        client_open(&c, &w);
        client_setup(&c, &(struct client_setup){.function = "faulty.go", .names = "[\"how\"]", .cwd = "/no/such/folder",
                                                .tasks = one});
        client_tasks(&c, 0, 1, "[\"ok\"]");
        client_answers(&c, 1);
        client_expect(&c, "failed 0 1 refused 0 cannot enter the folder /no/such/folder: No such file or directory");
        client_finish(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

static void a_killed_executor_costs_one_task(void **state)
{
    struct worker w;
    struct client c;
    CLEANUP_FREE char *items = mem_printf("[\"%s\",600000],[\"/dev/null\",0]", temp_path("executor"));
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.pid", .names = "[\"file\",\"ms\"]"});
    client_tasks(&c, 0, 1, items);
    kill(wait_pid(temp_path("executor")), SIGKILL);
    client_answers(&c, 2);
    client_expect(&c, "failed 0 1 signal 9 SIGKILL");
    client_expect(&c, "ok 1 1 0");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(streamed_tasks_are_answered_in_order),
        WORKER_TEST(many_tasks_in_large_messages),
        WORKER_TEST(arguments_and_results_of_every_kind),
        WORKER_TEST(each_fault_fails_one_task_of_a_stream),
        WORKER_TEST(each_fault_of_a_one_shot_task),
        WORKER_TEST(output_stays_with_its_task),
        WORKER_TEST(output_of_one_shot_tasks),
        WORKER_TEST(long_output_is_whole),
        WORKER_TEST(large_results),
        WORKER_TEST(large_arguments),
        WORKER_TEST(progress_is_heard_before_the_answer),
        WORKER_TEST(results_do_not_wait_for_a_long_task),
        WORKER_TEST(one_object_a_session),
        WORKER_TEST(an_object_that_cannot_be_built),
        WORKER_TEST(folder_and_environment),
        WORKER_TEST(a_killed_executor_costs_one_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
