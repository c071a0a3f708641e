/* Commands: results, output, every way to end, what they leave behind. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "children.h"
#include "client.h"
#include "process.h"
#include "unit/unit.h"

static const struct client_setup plain = {0};

static void open_commands(struct client *c, const struct worker *w, const struct client_setup *setup)
{
    client_open(c, w);
    client_setup(c, setup);
    client_line(c, "ready");
}

static void in_order_one_at_a_time(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &plain);
    client_command(&c, 0, "echo one");
    client_sh(&c, 1, "printf a; printf b >&2; printf c; cat");
    client_tasks(&c, 2, 1, "{\"argv\":[\"printf\",\"%s|\",\"two words\",\"$HOME `id`\",\"\\u00e4\"]},"
                           "{\"argv\":[\"true\"],\"env\":{}}");
    client_answers(&c, 4);
    client_expect(&c, "out 0 one\\n");
    client_expect(&c, "ok 0 1 null");
    client_expect(&c, "err 1 b");
    client_expect(&c, "out 2 two words|$HOME `id`|\xc3\xa4|");
    client_expect(&c, "ok 3 1 null");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void folder_environment_and_signals(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &(struct client_setup){.env = "{\"A\":\"session\",\"B\":\"session\"}", .cwd = "/usr"});
    client_tasks(&c, 8, 3, "{\"argv\":[\"sh\",\"-c\",\"pwd; echo $A $B; echo $KTBATCH_RUN $KTBATCH_TASK $KTBATCH_ATTEMPT\"],"
                           "\"env\":{\"B\":\"task\"}}");
    /* Of the ignored ones the first 31 count: the next are libc's own. */
    client_sh(&c, 9, "awk '/^SigBlk/ {print $2} /^SigIgn/ {print substr($2, 10)}' /proc/self/status; ls /proc/self/fd | wc -l");
    client_answers(&c, 2);
    client_expect(&c, "out 8 /usr\\nsession task\\ntest-1 8 3\\n");
    client_expect(&c, "out 9 0000000000000000\\n0000000\\n4\\n");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void path_is_that_of_the_command(void **state)
{
    struct worker w;
    struct client c;
    struct err err = ERR_INIT;
    static const char script[] = "#!/bin/sh\necho found\n";
    CLEANUP_FREE char *dir = mem_strdup(temp_path("bin")), *file = mem_printf("%s/only-here", dir);
    CLEANUP_FREE char *env = mem_printf("{\"PATH\":\"%s:/usr/bin:/bin\"}", dir);
    (void)state;
    assert_int_equal(dir_make(dir, &err), 0);
    assert_int_equal(file_replace(file, script, sizeof script - 1, 0755, &err), 0);
    worker_start(&w, 1);
    open_commands(&c, &w, &(struct client_setup){.env = env});
    client_command(&c, 0, "only-here");
    client_answers(&c, 1);
    client_expect(&c, "out 0 found\\n");
    client_finish(&c);
    client_close(&c);
    open_commands(&c, &w, &plain);
    client_command(&c, 0, "only-here");
    client_answers(&c, 1);
    client_expect(&c, "failed 0 1 refused 0 no such program: only-here (not found in PATH*");
    client_finish(&c);
    client_close(&c);
    worker_stop(&w);
}

static void what_cannot_be_run(void **state)
{
    struct worker w;
    struct client c;
    struct err err = ERR_INIT;
    static const char script[] = "#!/no/such/interpreter\n";
    CLEANUP_FREE char *odd = mem_strdup(temp_path("odd"));
    (void)state;
    assert_int_equal(file_replace(odd, script, sizeof script - 1, 0755, &err), 0);
    worker_start(&w, 1);
    open_commands(&c, &w, &plain);
    client_command(&c, 0, "./nowhere");
    client_command(&c, 1, "/");
    client_command(&c, 2, odd);
    client_tasks(&c, 3, 1, "{\"argv\":[]},{},7");
    client_command(&c, 6, "true");
    client_answers(&c, 7);
    client_expect(&c, "failed 0 1 refused 0 no such program: ./nowhere");
    client_expect(&c, "failed 1 1 refused 0 cannot run /: Permission denied");
    CLEANUP_FREE char *line = mem_printf("failed 2 1 refused 0 cannot run %s: the interpreter that it names is missing", odd);
    client_expect(&c, line);
    client_expect(&c, "failed 3 1 refused 0 the command is empty");
    client_expect(&c, "failed 5 1 refused 0 the command is empty");
    client_expect(&c, "ok 6 1 null");
    client_finish(&c);
    client_close(&c);
    open_commands(&c, &w, &(struct client_setup){.cwd = "/no/such/folder"});
    client_command(&c, 0, "true");
    client_answers(&c, 1);
    client_expect(&c, "failed 0 1 refused 0 cannot enter the folder /no/such/folder: No such file or directory");
    client_finish(&c);
    client_close(&c);
    worker_stop(&w);
}

static void every_way_to_end(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &(struct client_setup){.timeout_us = 500 * CLOCK_MS});
    client_command(&c, 0, "false");
    client_sh(&c, 1, "echo early >&2; echo 'no space left' >&2; echo >&2; exit 7");
    client_sh(&c, 2, "kill -9 $$");
    client_sh(&c, 3, "kill -SEGV $$");
    client_sh(&c, 4, "echo before; sleep 1000 & sleep 1000");
    client_sh(&c, 5, "trap '' TERM HUP INT; setsid sleep 1000 & exec sleep 1000");
    client_sh(&c, 6, "exec >&- 2>&-; exit 0");
    client_answers(&c, 7);
    client_expect(&c, "failed 0 1 exit 1 exit 1");
    client_expect(&c, "failed 1 1 exit 7 exit 7: no space left");
    client_expect(&c, "failed 2 1 signal 9 SIGKILL");
    client_expect(&c, "failed 3 1 signal 11 SIGSEGV*");
    client_expect(&c, "failed 4 1 timeout 0 ran longer than 500 ms and was killed");
    client_expect(&c, "out 4 before\\n");
    client_expect(&c, "failed 5 1 timeout 0 ran longer than 500 ms and was killed");
    client_expect(&c, "ok 6 1 null");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void what_is_left_behind_is_killed(void **state)
{
    struct worker w;
    struct client c;
    CLEANUP_FREE char *group = mem_printf("sleep 1000 >/dev/null 2>&1 & echo $! >%s", temp_path("group"));
    CLEANUP_FREE char *away = mem_printf("setsid sleep 1000 >/dev/null 2>&1 & echo $! >%s", temp_path("away"));
    CLEANUP_FREE char *nested = mem_printf("setsid sh -c 'setsid sleep 1000 & echo $! >%s; sleep 1000' >/dev/null 2>&1 & "
                                           "while ! test -s %s; do sleep 0.01; done",
                                           temp_path("nested"), temp_path("nested"));
    CLEANUP_FREE char *hidden = mem_printf("env -i setsid sleep 1000 & echo $! >%s", temp_path("hidden"));
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &plain);
    client_sh(&c, 0, group);
    client_sh(&c, 1, away);
    client_sh(&c, 2, nested);
    client_sh(&c, 3, hidden);
    client_sh(&c, 4, "sleep 1000 & exit 0"); /* these two have our pipe still */
    client_sh(&c, 5, "setsid sleep 1000 & sleep 0.1");
    client_sh(&c, 6, "sleep 0.02 & echo last");
    client_answers(&c, 7);
    client_expect(&c, "failed 0 1 error 0 left 1 process behind: sleep (killed)");
    client_expect(&c, "failed 1 1 error 0 left 1 process behind: sleep (killed)");
    client_expect(&c, "failed 2 1 error 0 left *");
    client_expect(&c, "failed 3 1 error 0 left 1 process behind*");
    client_expect(&c, "failed 4 1 error 0 left 1 process behind: sleep (killed)");
    client_expect(&c, "failed 5 1 error 0 left 1 process behind: sleep (killed)");
    client_expect(&c, "out 6 last\\n");
    client_expect(&c, "ok 6 1 null"); /* it went by itself within the grace */
    wait_gone(wait_pid(temp_path("group")));
    wait_gone(wait_pid(temp_path("away")));
    wait_gone(wait_pid(temp_path("nested")));
    /* It has no environment, which is not to be taken for one that it does not have yet: nobody waits for that. */
    CLEANUP_BUF struct buf mark = {0};
    assert_int_equal(process_variable(wait_pid(temp_path("hidden")), CHILD_MARK, &mark), 0);
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
    wait_gone(wait_pid(temp_path("hidden"))); /* not to be told from others' while tasks run; it ends with the worker */
}

/* One that is between two programs when it is looked at is not overlooked. */
static void one_that_is_just_starting_is_left_behind_too(void **state)
{
    enum { TASKS = 5 };
    struct worker w;
    struct client c;
    char line[80];
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &plain);
    for (int i = 0; i < TASKS; i++)
        client_sh(&c, i, "setsid sleep 1000 $(yes 0 | head -n 100000) >/dev/null 2>&1 &"); /* many words: a slow exec */
    client_answers(&c, TASKS);
    for (int i = 0; i < TASKS; i++) {
        snprintf(line, sizeof line, "failed %d 1 error 0 left 1 process behind: *", i);
        client_expect(&c, line);
    }
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void two_sessions_do_not_touch_each_others_processes(void **state)
{
    struct worker w;
    struct client a, b;
    CLEANUP_FREE char *script = mem_printf("setsid sleep 1000 & echo $! >%s; wait", temp_path("wanted"));
    (void)state;
    worker_start(&w, 4);
    open_commands(&a, &w, &(struct client_setup){.timeout_us = 600 * CLOCK_S});
    client_sh(&a, 0, script);
    pid_t wanted = wait_pid(temp_path("wanted"));
    open_commands(&b, &w, &plain);
    client_sh(&b, 100, "setsid sleep 1000 >/dev/null 2>&1 &");
    client_answers(&b, 1);
    client_expect(&b, "failed 100 1 error 0 left 1 process behind: sleep (killed)");
    assert_int_equal(kill(wanted, 0), 0);
    client_finish(&b);
    client_close(&b);
    client_say(&a, FRAME_STOP);
    client_end(&a);
    client_close(&a);
    wait_gone(wanted);
    worker_stop(&w);
}

static void output_is_whole_and_does_not_pile_up(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &plain);
    client_sh(&c, 0, "head -c 30000000 /dev/zero | tr '\\0' x");
    client_answers(&c, 1);
    const char *out = strstr(buf_cstr(&c.log), "out 0 ");
    assert_non_null(out);
    assert_int_equal(strspn(out + 6, "x"), 30000000);
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

/* While the runner does not read, the command has to wait; nothing is lost. */
static void a_runner_that_does_not_read(void **state)
{
    struct worker w;
    struct client c;
    CLEANUP_FREE char *script = mem_printf("head -c 20000000 /dev/zero | tr '\\0' x; echo 1 >%s", temp_path("through"));
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &plain);
    client_sh(&c, 0, script);
    usleep(300000); /* if it were not held up it would be through by now; no harm if it is not even at work */
    assert_int_not_equal(access(temp_path("through"), F_OK), 0);
    client_answers(&c, 1);
    assert_int_equal(strspn(strstr(buf_cstr(&c.log), "out 0 ") + 6, "x"), 20000000);
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void drop_of_commands(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    open_commands(&c, &w, &plain);
    client_sh(&c, 0, "echo begun; sleep 0.2");
    client_command(&c, 1, "false");
    client_tasks(&c, 2, 1, "{\"argv\":[\"false\"]},{\"argv\":[\"false\"]}");
    client_line(&c, "out 0 begun");
    client_say(&c, FRAME_DROP);
    client_line(&c, "dropped 3");
    client_command(&c, 9, "true");
    client_answers(&c, 2);
    client_expect(&c, "ok 0 1 null");
    client_expect(&c, "ok 9 1 null");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(in_order_one_at_a_time),
        WORKER_TEST(folder_environment_and_signals),
        WORKER_TEST(path_is_that_of_the_command),
        WORKER_TEST(what_cannot_be_run),
        WORKER_TEST(every_way_to_end),
        WORKER_TEST(what_is_left_behind_is_killed),
        WORKER_TEST(one_that_is_just_starting_is_left_behind_too),
        WORKER_TEST(two_sessions_do_not_touch_each_others_processes),
        WORKER_TEST(output_is_whole_and_does_not_pile_up),
        WORKER_TEST(a_runner_that_does_not_read),
        WORKER_TEST(drop_of_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
