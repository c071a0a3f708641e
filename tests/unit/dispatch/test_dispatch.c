/* Whole runs against scripted workers: what ends up in the database and in results.jsonl, whatever the workers do. */
#include "dispatch/dispatch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "unit/dispatch/peer.h"
#include "unit/state/fixture.h"

#define CUBES "task: {function: power_op.power, object: {y: 3}}\nargs: {x: {range: [1, %d]}}\nparallelism: 2\nbackend: fake\n"

static struct dispatch_summary summary;
static char messages[4096];

static void on_message(void *ctx, const char *text)
{
    (void)ctx;
    size_t len = strlen(messages);
    snprintf(messages + len, sizeof messages - len, "%s\n", text);
}

/* The YAML with `tasks` put in, and what it is followed by. */
static char *job_text(int tasks, const char *more)
{
    char *cubes = mem_printf(CUBES, tasks);
    char *text = mem_printf("%s%s", cubes, more);
    free(cubes);
    return text;
}

static struct peer *start_peer(const struct peer_script *script)
{
    CLEANUP_FREE char *key = mem_printf("%s/key", folder);
    return peer_start(script, key);
}

static char *script_for(const struct peer *p)
{
    return mem_printf("key %s/key;all 127.0.0.1:%d", folder, peer_port(p));
}

/* Runs what is open of the newest run, or a new one of the YAML. */
static int carry_out(const char *yaml, const char *script, const struct taskset *only, struct err *err)
{
    struct state *state = open_state(STATE_CREATE);
    struct made made = make_plan("cubes", yaml);
    struct run_info run = {0};
    struct run_lock *lock = NULL;
    messages[0] = '\0';
    int found = state_newest(state, "cubes", &run, err);
    assert_true(found >= 0);
    if (!found) {
        CLEANUP_FREE char *results = mem_printf("%s/results", folder);
        OK(state_create_run(state, made.plan, "[]", results, &run, &lock, &ok_err));
    } else {
        OK(run_lock_take(state, &run, &lock, &ok_err));
        OK(state_start_run(state, &run, NULL, NULL, &ok_err));
    }
    const struct dispatch_config config = {.state = state, .run = &run, .plan = made.plan, .only = only,
                                           .backend_script = script, .on_message = on_message};
    int result = dispatch_run(&config, &summary, err);
    run_lock_release(lock);
    run_info_done(&run);
    unmake_plan(&made);
    state_close(state);
    return result;
}

static void run_ok(const char *yaml, const struct peer *p)
{
    struct err err = ERR_INIT;
    CLEANUP_FREE char *script = script_for(p);
    if (carry_out(yaml, script, NULL, &err))
        fail_msg("%s", err.text);
}

static void expect(const char *sql, const char *rows)
{
    struct state *state = open_state(STATE_READ);
    assert_query(state, sql, rows);
    state_close(state);
}

/* Every task once in results.jsonl, with the right cube, just as the database has it. */
static void expect_cubes(int tasks)
{
    CLEANUP_FREE char *path = mem_printf("%s/results/cubes-1/results.jsonl", folder);
    CLEANUP_BUF struct buf text = {0};
    CLEANUP_FREE unsigned char *seen = mem_zalloc((size_t)tasks);
    int lines = 0;
    OK(file_read(path, 1 << 28, &text, &ok_err));
    for (char *line = buf_cstr(&text), *end; *line; line = end + 1, lines++) {
        long long task, x, result;
        end = strchr(line, '\n');
        assert_non_null(end);
        assert_int_equal(sscanf(line, "{\"task\":%lld,\"args\":{\"x\":%lld},\"result\":%lld}\n", &task, &x, &result), 3);
        assert_true(task >= 0 && task < tasks && !seen[task]++);
        assert_int_equal(x, task + 1);
        assert_int_equal(result, x * x * x);
    }
    assert_int_equal(lines, tasks);
    CLEANUP_FREE char *counts = mem_printf("cubes-1|done|%d|0|0|%d\n", tasks, tasks);
    expect("select run, state, done, failed, running, tasks from runs", counts);
    CLEANUP_FREE char *all = mem_printf("%d\n", tasks);
    expect("select count(*) from cubes where result = x*x*x and state = 'done'", all);
}

static void test_cubes(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    CLEANUP_FREE char *yaml = job_text(3000, "");
    run_ok(yaml, p);
    assert_int_equal(summary.end, DISPATCH_FINISHED);
    assert_int_equal(summary.stats.done, 3000);
    assert_int_equal(peer_calls(p), 3000);
    assert_int_equal(peer_sessions(p), 2);
    expect_cubes(3000);
    peer_stop(p);
}

static void test_one_shot(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    CLEANUP_FREE char *yaml = job_text(200, "tasksPerWorker: 1\n");
    run_ok(yaml, p);
    assert_int_equal(peer_sessions(p), 200);
    expect_cubes(200);
    peer_stop(p);
}

static void test_some_tasks_a_session(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    CLEANUP_FREE char *yaml = job_text(100, "tasksPerWorker: 7\n");
    run_ok(yaml, p);
    assert_in_range(peer_sessions(p), 15, 18);
    expect_cubes(100);
    peer_stop(p);
}

static void test_split_frames(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.split = true});
    CLEANUP_FREE char *yaml = job_text(50, "");
    run_ok(yaml, p);
    expect_cubes(50);
    peer_stop(p);
}

static void test_failures_and_retries(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.fails = 5});
    CLEANUP_FREE char *yaml = job_text(20, "retries: 1\nbackoff: 1ms\n");
    run_ok(yaml, p);
    assert_int_equal(summary.end, DISPATCH_FINISHED);
    assert_int_equal(summary.stats.failed, 4);
    assert_int_equal(peer_calls(p), 24);
    expect("select state, done, failed from runs", "failed|16|4\n");
    expect("select task, attempt, class, message from attempts where class not null order by 1, 2",
           "0|1|error|divisible\n0|2|error|divisible\n5|1|error|divisible\n5|2|error|divisible\n"
           "10|1|error|divisible\n10|2|error|divisible\n15|1|error|divisible\n15|2|error|divisible\n");
    CLEANUP_FREE char *path = mem_printf("%s/results/cubes-1/failed.jsonl", folder);
    CLEANUP_BUF struct buf text = {0};
    OK(file_read(path, 1 << 20, &text, &ok_err));
    assert_non_null(strstr(buf_cstr(&text),
                           "{\"task\":5,\"args\":{\"x\":6},\"error\":{\"class\":\"error\",\"message\":\"divisible\"}}\n"));
    assert_non_null(strstr(messages, ": error: divisible (it will be tried again)"));
    peer_stop(p);
}

static void test_lost_workers(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.fault = PEER_DIES, .faulty = 5, .after = 3});
    CLEANUP_FREE char *yaml = job_text(500, "");
    run_ok(yaml, p);
    expect_cubes(500);
    assert_int_equal(peer_calls(p), 500); /* nothing that was answered ran again */
    expect("select count(*) > 0, sum(class <> 'lost') from attempts where class not null", "1|0\n");
    assert_non_null(strstr(messages, "a worker was lost"));
    peer_stop(p);
}

static void test_killer(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.kills = 7});
    CLEANUP_FREE char *yaml = job_text(20, "");
    run_ok(yaml, p);
    expect("select task, class, error, attempts from tasks where state = 'failed'", "7|lost|killed its worker 3 times|3\n");
    expect("select state, done, failed from runs", "failed|19|1\n");
    peer_stop(p);
}

static void test_closes_before_acknowledgement(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.fault = PEER_CLOSES_EARLY, .faulty = 1000});
    CLEANUP_FREE char *yaml = job_text(40, "tasksPerWorker: 1\n");
    run_ok(yaml, p);
    expect_cubes(40);
    assert_int_equal(peer_calls(p), 40);
    peer_stop(p);
}

/* Workers that are none, or broken: an error in words, and a run that can be resumed. */
static void expect_trouble(const struct peer_script *script, const char *words)
{
    struct peer *p = start_peer(script);
    struct err err = ERR_INIT;
    CLEANUP_FREE char *yaml = job_text(20, "");
    CLEANUP_FREE char *backend = script_for(p);
    assert_int_equal(carry_out(yaml, backend, NULL, &err), -1);
    assert_int_equal(err.class, ERR_BACKEND);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
    expect("select state, done from runs", "interrupted|0\n");
    peer_stop(p);
    p = start_peer(&(struct peer_script){0});
    run_ok(yaml, p);
    expect_cubes(20);
    peer_stop(p);
}

static void test_refused(void **state)
{
    (void)state;
    expect_trouble(&(struct peer_script){.fault = PEER_REFUSES}, "no library power_op.so in /nowhere");
}

static void test_wrong_key(void **state)
{
    (void)state;
    expect_trouble(&(struct peer_script){.fault = PEER_WRONG_KEY}, "key");
}

static void test_garbage(void **state)
{
    (void)state;
    expect_trouble(&(struct peer_script){.fault = PEER_GARBAGE}, "no session with a worker");
}

static void test_no_worker(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    CLEANUP_FREE char *yaml = job_text(20, "");
    assert_int_equal(carry_out(yaml, "trouble the image is slow;wait 5;fatal quota exceeded", NULL, &err), -1);
    assert_int_equal(err.class, ERR_BACKEND);
    assert_string_equal(err.text, "quota exceeded");
    assert_non_null(strstr(messages, "the image is slow"));
    expect("select state, done from runs", "interrupted|0\n");
}

static void test_broken_workers(void **state)
{
    (void)state;
    static const enum peer_fault faults[] = {PEER_WRONG_TASK, PEER_BROKEN_JSON};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct peer *p = start_peer(&(struct peer_script){.fault = faults[i], .faulty = 2, .after = 5});
        CLEANUP_FREE char *yaml = job_text(100, "");
        run_ok(yaml, p);
        expect_cubes(100);
        peer_stop(p);
        OK(fixture_teardown(NULL) || fixture_setup(NULL));
        (void)state;
    }
}

static void test_only_some(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    struct err err = ERR_INIT;
    struct taskset only = {0};
    CLEANUP_FREE char *yaml = job_text(100, "");
    CLEANUP_FREE char *script = script_for(p);
    taskset_add(&only, 3, 6);
    taskset_add(&only, 90, 95);
    assert_int_equal(carry_out(yaml, script, &only, &err), 0);
    assert_int_equal(summary.end, DISPATCH_FINISHED);
    assert_int_equal(summary.stats.tasks, 8);
    assert_int_equal(summary.stats.done, 8);
    expect("select state, done from runs", "interrupted|8\n");
    expect("select min(task), max(task), count(*) from cubes where state = 'done'", "3|94|8\n");
    taskset_done(&only);
    run_ok(yaml, p);
    expect_cubes(100);
    assert_int_equal(peer_calls(p), 100);
    peer_stop(p);
}

static void test_max_failures(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.fails = 1});
    CLEANUP_FREE char *yaml = job_text(1000, "retries: 0\nmaxFailures: 3\n");
    run_ok(yaml, p);
    assert_int_equal(summary.end, DISPATCH_MAX_FAILURES);
    expect("select state, failed > 3, failed < 1000 from runs", "interrupted|1|1\n");
    peer_stop(p);
}

static void test_deadline(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.task_ms = 20});
    CLEANUP_FREE char *yaml = job_text(100000, "deadline: 300ms\n");
    run_ok(yaml, p);
    assert_int_equal(summary.end, DISPATCH_DEADLINE);
    expect("select state, done > 0 from runs", "interrupted|1\n");
    peer_stop(p);
}

/* In a child, so that the signal is for it alone: 0 if it ended as it should. */
static void interrupted(int signals, const char *more)
{
    struct peer *p = start_peer(&(struct peer_script){.task_ms = 30});
    CLEANUP_FREE char *yaml = job_text(100000, more);
    pid_t child = fork();
    if (child == 0) {
        CLEANUP_FREE char *script = script_for(p);
        struct err err = ERR_INIT;
        int result = carry_out(yaml, script, NULL, &err);
        _exit(result == 0 && summary.end == DISPATCH_INTERRUPTED && summary.signal == SIGINT ? 0 : 1);
    }
    while (peer_calls(p) < 4)
        usleep(1000);
    for (int i = 0; i < signals; i++) {
        kill(child, SIGINT);
        usleep(20000);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect("select state, done >= 2, running from runs", "interrupted|1|0\n");
    peer_stop(p);
}

static void test_interrupted_once(void **state)
{
    (void)state;
    interrupted(1, "");
}

static void test_interrupted_twice(void **state)
{
    (void)state;
    interrupted(2, "");
}

static void test_cancelled_by_another(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.task_ms = 10});
    CLEANUP_FREE char *yaml = job_text(100000, "");
    pid_t child = fork();
    if (child == 0) {
        CLEANUP_FREE char *script = script_for(p);
        struct err err = ERR_INIT;
        int result = carry_out(yaml, script, NULL, &err);
        if (result || summary.end != DISPATCH_CANCELLED)
            fprintf(stderr, "%s %d\n", err.text, summary.end);
        _exit(result == 0 && summary.end == DISPATCH_CANCELLED ? 0 : 1);
    }
    while (peer_calls(p) < 10)
        usleep(1000);
    struct state *s = open_state(STATE_WRITE);
    struct run_info run;
    OK(state_find(s, NULL, RUN_ANY, &run, &ok_err));
    OK(state_cancel(s, &run, &ok_err));
    run_info_done(&run);
    state_close(s);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect("select state, tasks = done + failed + cancelled, running, queued from runs", "cancelled|1|0|0\n");
    expect("select count(*) from cubes where state not in ('done', 'cancelled')", "0\n");
    peer_stop(p);
}

static bool is_done(void)
{
    struct err err = ERR_INIT;
    struct state *s;
    struct run_info run = {0};
    bool yes = false;
    if (state_open(db_file, STATE_READ, &s, &err))
        return false; /* killed before there was one */
    if (state_newest(s, "cubes", &run, &err) == 1)
        yes = run.state == RUN_DONE;
    run_info_done(&run);
    state_close(s);
    return yes;
}

/* kill -9 of the runner at random moments, and resumed each time. */
static void test_killed_and_resumed(void **state)
{
    (void)state;
    enum { TASKS = 20000, ROUNDS = 25 };
    struct peer *p = start_peer(&(struct peer_script){0});
    CLEANUP_FREE char *yaml = job_text(TASKS, "");
    CLEANUP_FREE char *script = script_for(p);
    struct err err = ERR_INIT;
    srandom(5);
    for (int i = 0; i < ROUNDS && !is_done(); i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(carry_out(yaml, script, NULL, &err) ? 1 : 0);
        usleep((useconds_t)(random() % 20000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    if (!is_done())
        assert_int_equal(carry_out(yaml, script, NULL, &err), 0);
    expect_cubes(TASKS);
    peer_stop(p);
}

static void test_commands(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    run_ok("task: {command: [echo, \"${x}\"]}\nargs: {x: [a, \"b c\", 7]}\nbackend: fake\n", p);
    expect("select x, result, state from cubes order by task", "a|a|done\nb c|b c|done\n7|7|done\n");
    peer_stop(p);
}

static void test_command_results(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    run_ok("task: {command: [echo, \"${x}\"], result: number}\n"
           "args: {x: [\"1.50\", abc, nan, \"+2\"]}\nretries: 0\nbackend: fake\n", p);
    expect("select task, result, error from cubes order by task",
           "0|1.5|\n1||result: number, but stdout is \"abc\"\n2|nan|\n3|2|\n");
    peer_stop(p);
}

static void test_command_columns(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    run_ok("task: {command: [echo, \"${x}\"], result: {json: last}, columns: [loss, acc]}\n"
           "args: {x: ['{\"loss\": 0.5, \"acc\": [1, 2]}', 'no json']}\nretries: 0\nbackend: fake\n", p);
    expect("select loss, acc, result from cubes where task = 0", "0.5|[1,2]|{\"loss\":0.5,\"acc\":[1,2]}\n");
    expect("select class, error from tasks where task = 1", "error|result: {json: last}, but stdout is \"no json\"\n");
    peer_stop(p);
}

static void test_long_output(void **state)
{
    (void)state;
    char *line = mem_alloc(100001);
    memset(line, 'x', 100000);
    line[100000] = '\0';
    struct peer *p = start_peer(&(struct peer_script){.prints = line, .prints_times = 12});
    run_ok("task: {command: [echo, \"${x}\"]}\nargs: {x: [1, 2]}\nbackend: fake\n", p);
    expect("select task, result from cubes order by task", "0|tasks/0/stdout\n1|tasks/1/stdout\n");
    CLEANUP_FREE char *path = mem_printf("%s/results/cubes-1/tasks/1/stdout", folder);
    CLEANUP_BUF struct buf text = {0}, out = {0}, errout = {0};
    OK(file_read(path, 1 << 28, &text, &ok_err));
    assert_int_equal(text.len, 12 * 100000 + 2);
    struct state *s = open_state(STATE_READ);
    struct run_info run;
    OK(state_find(s, NULL, RUN_ANY, &run, &ok_err));
    OK(state_output(s, &run, 1, 0, &out, &errout, &ok_err));
    assert_int_equal(out.len, STATE_OUTPUT_MAX);
    assert_int_equal(out.data[out.len - 2], '2');
    run_info_done(&run);
    state_close(s);
    peer_stop(p);
    free(line);
}

/* results.jsonl lost its end, or all of it: it is made anew from the database. */
static void test_damaged_results(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    struct err err = ERR_INIT;
    struct taskset only = {0};
    CLEANUP_FREE char *yaml = job_text(1000, "");
    CLEANUP_FREE char *script = script_for(p);
    CLEANUP_FREE char *path = mem_printf("%s/results/cubes-1/results.jsonl", folder);
    taskset_add(&only, 0, 600);
    assert_int_equal(carry_out(yaml, script, &only, &err), 0);
    assert_int_equal(truncate(path, 1234), 0);
    taskset_add(&only, 600, 800);
    assert_int_equal(carry_out(yaml, script, &only, &err), 0);
    assert_int_equal(unlink(path), 0);
    run_ok(yaml, p);
    expect_cubes(1000);
    taskset_done(&only);
    peer_stop(p);
}

static void test_done_tasks_again(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    CLEANUP_FREE char *yaml = job_text(300, "");
    run_ok(yaml, p);
    struct state *s = open_state(STATE_WRITE);
    struct run_info run;
    int64_t moved;
    OK(state_find(s, NULL, RUN_ANY, &run, &ok_err));
    OK(state_retry(s, &run, "x % 3 = 0", true, &moved, &ok_err));
    assert_int_equal(moved, 100);
    run_info_done(&run);
    state_close(s);
    run_ok(yaml, p);
    assert_int_equal(peer_calls(p), 400);
    expect_cubes(300); /* each still once */
    peer_stop(p);
}

static void test_results_cannot_be_written(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    struct err err = ERR_INIT;
    CLEANUP_FREE char *yaml = job_text(30, "");
    CLEANUP_FREE char *script = script_for(p);
    CLEANUP_FREE char *in_the_way = mem_printf("%s/results/cubes-1", folder);
    struct taskset only = {0};
    taskset_add(&only, 0, 1);
    OK(carry_out(yaml, script, &only, &ok_err));
    taskset_done(&only);
    OK(path_remove(in_the_way, &ok_err));
    OK(file_replace(in_the_way, "x", 1, 0600, &ok_err));
    assert_int_equal(carry_out(yaml, script, NULL, &err), -1);
    assert_int_equal(err.class, ERR_SYSTEM);
    assert_non_null(strstr(err.text, in_the_way));
    expect("select state, done from runs", "interrupted|1\n");
    OK(path_remove(in_the_way, &ok_err));
    run_ok(yaml, p);
    expect_cubes(30);
    peer_stop(p);
}

static void test_file_each(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){0});
    CLEANUP_FREE char *yaml = job_text(3, "results: {perTask: true}\n");
    run_ok(yaml, p);
    CLEANUP_FREE char *path = mem_printf("%s/results/cubes-1/tasks/2.json", folder);
    CLEANUP_BUF struct buf text = {0};
    OK(file_read(path, 1000, &text, &ok_err));
    assert_string_equal(buf_cstr(&text), "{\"task\":2,\"args\":{\"x\":3},\"result\":27}\n");
    expect_cubes(3);
    peer_stop(p);
}

static void test_large_result(void **state)
{
    (void)state;
    char *line = mem_alloc(200001);
    memset(line, '"', 200000); /* twice as long as JSON */
    line[200000] = '\0';
    struct peer *p = start_peer(&(struct peer_script){.prints = line, .prints_times = 4});
    run_ok("task: {command: [echo, \"${x}\"]}\nargs: {x: [1]}\nbackend: fake\n", p);
    expect("select task, result from cubes", "0|tasks/0/result.json\n");
    CLEANUP_FREE char *path = mem_printf("%s/results/cubes-1/tasks/0/result.json", folder);
    CLEANUP_BUF struct buf text = {0};
    OK(file_read(path, 1 << 28, &text, &ok_err));
    assert_int_equal(text.len, 2 * 800000 + 1 + 2);
    peer_stop(p);
    free(line);
}

static void test_rows_of_all(void **state)
{
    (void)state;
    struct peer *p = start_peer(&(struct peer_script){.fault = PEER_SILENT_LATER});
    CLEANUP_FREE char *yaml = job_text(20000, "deadline: 500ms\n");
    pid_t child = fork();
    if (child == 0) {
        CLEANUP_FREE char *script = script_for(p);
        struct err err = ERR_INIT;
        _exit(carry_out(yaml, script, NULL, &err) ? 1 : 0);
    }
    while (!peer_sessions(p))
        usleep(1000);
    char *rows = NULL;
    for (int i = 0; i < 1000 && (!rows || strcmp(rows, "20000\n")); i++) {
        struct state *s = open_state(STATE_READ);
        free(rows);
        rows = query(s, "select count(*) from tasks where state = 'queued' or state = 'running'");
        state_close(s);
        usleep(5000);
    }
    assert_string_equal(rows, "20000\n");
    free(rows);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    peer_stop(p);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as dispatch.h asks */
    signal(SIGINT, SIG_DFL);  /* who runs the tests in the background may ignore it */
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_cubes),
        STATE_TEST(test_one_shot),
        STATE_TEST(test_some_tasks_a_session),
        STATE_TEST(test_split_frames),
        STATE_TEST(test_failures_and_retries),
        STATE_TEST(test_lost_workers),
        STATE_TEST(test_killer),
        STATE_TEST(test_closes_before_acknowledgement),
        STATE_TEST(test_refused),
        STATE_TEST(test_wrong_key),
        STATE_TEST(test_garbage),
        STATE_TEST(test_no_worker),
        STATE_TEST(test_broken_workers),
        STATE_TEST(test_only_some),
        STATE_TEST(test_max_failures),
        STATE_TEST(test_deadline),
        STATE_TEST(test_interrupted_once),
        STATE_TEST(test_interrupted_twice),
        STATE_TEST(test_cancelled_by_another),
        STATE_TEST(test_killed_and_resumed),
        STATE_TEST(test_commands),
        STATE_TEST(test_command_results),
        STATE_TEST(test_command_columns),
        STATE_TEST(test_long_output),
        STATE_TEST(test_large_result),
        STATE_TEST(test_damaged_results),
        STATE_TEST(test_done_tasks_again),
        STATE_TEST(test_results_cannot_be_written),
        STATE_TEST(test_file_each),
        STATE_TEST(test_rows_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
