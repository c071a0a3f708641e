/* Commits: what comes back is what went in, nothing twice, and whole after kill -9. */
#include "unit/state/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"

#define MANY "task: {command: [echo, '${x}']}\nargs: {x: {range: [0, 199999]}}\n"
#define SMALL "task: {command: [echo, '${x}']}\nargs: {x: {range: [0, 999]}}\n"

static void close_run(struct state *state, struct run_info *run, struct run_lock *lock)
{
    run_info_done(run);
    run_lock_release(lock);
    state_close(state);
}

static int join_done(void *ctx, int64_t task, struct slice result, struct err *err)
{
    struct buf *out = ctx;
    (void)err;
    buf_printf(out, "%lld=", (long long)task);
    buf_add_slice(out, result);
    buf_add_char(out, '\n');
    return 0;
}

/* Every kind of JSON value, alone and in a batch long enough for many rows a statement. */
static void test_results_come_back(void **ctx)
{
    static const char *const values[] = {
        "0", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "123456789012345678901234567890",
        "-0", "0.1", "-2.5e-300", "1e999", "true", "false", "null",
        "\"\"", "\"a\\\"b\\n\"", "\"é 😀\"", "\"12\"", "\"a\\u0000b\"",
        "[]", "[1,2.50,\"x\"]", "{}", "{\"a\":{\"b\":1e3}}",
    };
    const int n = ARRAY_LEN(values);
    struct run_lock *lock;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "many", MANY, &lock);
    struct attempt_end ends[500];
    struct buf got = {0}, expected = {0};
    for (int i = 0; i < n; i++)
        commit_end(state, &run, good_end(&run, i, values[i]));
    for (int i = 0; i < 500; i++)
        ends[i] = good_end(&run, 1000 + i, i % 3 ? values[i % n] : "[true]");
    OK(commit_ends(state, &run, ends, 500, &ok_err));
    for (int i = 0; i < n; i++)
        buf_printf(&expected, "%d=%s\n", i, values[i]);
    for (int i = 0; i < 500; i++)
        buf_printf(&expected, "%d=%s\n", 1000 + i, i % 3 ? values[i % n] : "[true]");
    OK(state_each_done(state, &run, join_done, &got, &ok_err));
    assert_string_equal(buf_cstr(&got), buf_cstr(&expected));
    assert_int_equal(run.done, 500 + n);
    assert_query(state, "SELECT result, typeof(result) FROM many WHERE task IN (2, 7, 10, 11, 12, 14, 20) ORDER BY task",
                 "9223372036854775807|integer\n0.1|real\ntrue|text\nfalse|text\n|null\na\"b\n|text\n{}|text\n");
    buf_done(&got);
    buf_done(&expected);
    close_run(state, &run, lock);
}

static void test_settled_twice(void **ctx)
{
    struct run_lock *lock;
    struct err err = ERR_INIT;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "many", MANY, &lock);
    struct attempt_end ends[100];
    commit_end(state, &run, good_end(&run, 40, "1"));
    for (int i = 0; i < 100; i++)
        ends[i] = good_end(&run, i, "2");
    assert_int_equal(commit_ends(state, &run, ends, 100, &err), -1);
    assert_non_null(strstr(err.text, "settled already"));
    assert_int_equal(commit_ends(state, &run, &ends[40], 1, &err), -1);
    /* Done is not made failed, nor failed done, nor either queued again. */
    commit_end(state, &run, bad_end(&run, 200, 1, OUTCOME_ERROR, "no", true));
    struct attempt_end again[] = {bad_end(&run, 40, 2, OUTCOME_ERROR, "no", true),
                                  bad_end(&run, 40, 2, OUTCOME_ERROR, "no", false),
                                  bad_end(&run, 200, 2, OUTCOME_ERROR, "no", false), good_end(&run, 200, "2")};
    for (size_t i = 0; i < ARRAY_LEN(again); i++)
        assert_int_equal(commit_ends(state, &run, &again[i], 1, &err), -1);
    /* Nothing of such a batch is in. */
    assert_query(state, "SELECT task, state, result, attempts FROM many", "40|done|1|1\n200|failed||1\n");
    assert_query(state, "SELECT done, failed FROM runs", "1|1\n");
    assert_int_equal(run.done, 1);
    assert_int_equal(run.failed, 1);
    close_run(state, &run, lock);
}

static void test_attempts(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    for (int filled = 0; filled < 2; filled++) {
        struct state *state = open_state(STATE_CREATE);
        struct run_info run = make_run(state, "small", SMALL, &lock);
        if (filled)
            OK(state_fill_rows(state, &run, 0, 1000, &ok_err));
        int worker;
        OK(state_worker(state, &run, "local-7", &worker, &ok_err));
        struct attempt_start start = {.task = 5, .attempt = 1, .started_us = run.started_us, .worker = worker};
        struct state_batch batch = {.starts = &start, .n_starts = 1, .running = 1, .watermark = -1};
        OK(state_commit(state, &run, &batch, &ok_err));
        assert_query(state, "SELECT state, attempts FROM small WHERE task = 5", "running|1\n");
        struct attempt_end lost = bad_end(&run, 5, 1, OUTCOME_LOST, "worker local-7 went away", false);
        lost.worker = worker;
        commit_end(state, &run, lost);
        assert_query(state, "SELECT state, attempts, error FROM small WHERE task = 5", "queued|1|\n");
        struct attempt_end end = bad_end(&run, 5, 2, OUTCOME_SIGNAL, "signal 11 (Segmentation fault)", true);
        end.worker = worker;
        end.out = slice_str("hello\n");
        end.out_bytes = 6;
        end.errout = (struct slice){"\xff\0\xfe", 3};
        end.errout_bytes = 100;
        commit_end(state, &run, end);
        assert_query(state, "SELECT state, attempts, error, seconds FROM small WHERE task = 5",
                     "failed|2|signal 11 (Segmentation fault)|0.5\n");
        assert_query(state, "SELECT class, worker, attempts, error FROM tasks WHERE task = 5",
                     "signal|local-7|2|signal 11 (Segmentation fault)\n");
        assert_query(state, "SELECT attempt, worker, class, status, message, seconds FROM attempts WHERE task = 5",
                     "1|local-7|lost|1|worker local-7 went away|0.5\n"
                     "2|local-7|signal|1|signal 11 (Segmentation fault)|0.5\n");
        struct buf out = {0}, errout = {0};
        OK(state_output(state, &run, 5, 0, &out, &errout, &ok_err));
        assert_string_equal(buf_cstr(&out), "hello\n");
        assert_int_equal(errout.len, 3);
        assert_memory_equal(errout.data, "\xff\0\xfe", 3);
        buf_clear(&out);
        OK(state_output(state, &run, 5, 1, &out, &errout, &ok_err));
        assert_int_equal(out.len, 0);
        buf_done(&out);
        buf_done(&errout);
        OK(state_delete(state, &run, &ok_err));
        close_run(state, &run, lock);
    }
}

/* Rows that say `running` go back when a runner ends, and when the next command finds it dead. */
static void test_running_rows(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "small", SMALL, &lock);
    struct attempt_start start = {.task = 5, .attempt = 1, .started_us = run.started_us};
    struct state_batch batch = {.starts = &start, .n_starts = 1, .running = 1, .watermark = -1};
    OK(state_commit(state, &run, &batch, &ok_err));
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    assert_query(state, "SELECT state FROM small", "queued\n");
    OK(state_start_run(state, &run, NULL, NULL, &ok_err));
    OK(state_commit(state, &run, &batch, &ok_err));
    /* As if its runner had died: the lock is gone, the run says running. */
    close_run(state, &run, lock);
    struct state *reader = open_state(STATE_READ);
    assert_query(reader, "SELECT state, running FROM runs", "running|1\n");
    state_close(reader);
    state = open_state(STATE_WRITE);
    assert_query(state, "SELECT state, running FROM runs", "interrupted|0\n");
    assert_query(state, "SELECT state FROM small", "queued\n");
    state_close(state);
}

static int join_failed(void *ctx, int64_t task, const char *class, const char *message, struct err *err)
{
    (void)err;
    buf_printf(ctx, "%lld %s %s\n", (long long)task, class, message);
    return 0;
}

static void test_failures(void **ctx)
{
    static const char *const messages[] = {
        "exit 1: cannot open /data/a1.png: No such file or directory",
        "exit 1: cannot open /data/b22.png: No such file or directory",
        "exit 2: cannot open /data/b22.png: No such file or directory",
        "exit 1: x = -1.5e-3 is not 'positive'",
        "exit 1: x = 7 is not 'whole'",
        "exit 1: 0xdeadbeef don't can't",
        "exit 1: job17 step 3 of 8",
    };
    struct run_lock *lock;
    struct buf got = {0};
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "small", SMALL, &lock);
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        commit_end(state, &run, bad_end(&run, (int64_t)i + 2, 1, OUTCOME_EXIT, messages[i], true));
    assert_query(state, "SELECT run, class, message, tasks, example FROM failures",
                 "small-1|exit|exit 1: cannot open /…: No such file or directory|2|2\n"
                 "small-1|exit|exit 1: x = N is not '…'|2|5\n"
                 "small-1|exit|exit 2: cannot open /…: No such file or directory|1|4\n"
                 "small-1|exit|exit 1: N don't can't|1|7\n"
                 "small-1|exit|exit 1: jobN step N of N|1|8\n");
    OK(state_each_failed(state, &run, join_failed, &got, &ok_err));
    assert_int_equal(strncmp(buf_cstr(&got), "2 exit exit 1: cannot open /data/a1.png", 39), 0);
    buf_done(&got);
    close_run(state, &run, lock);
}

static void test_many_workers(void **ctx)
{
    struct run_lock *lock;
    int number;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "many", MANY, &lock);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            char name[32];
            snprintf(name, sizeof name, "worker-%d", i);
            OK(state_worker(state, &run, name, &number, &ok_err));
            assert_int_equal(number, i);
        }
        struct attempt_end end = good_end(&run, round, "1");
        end.worker = 999;
        commit_end(state, &run, end);
        state_close(state);
        state = open_state(STATE_WRITE);
    }
    OK(state_worker(state, &run, "another", &number, &ok_err));
    assert_int_equal(number, 1000);
    assert_query(state, "SELECT worker FROM tasks", "worker-999\nworker-999\n");
    close_run(state, &run, lock);
}

/* ---- kill -9 ---- */

#define BATCH 200

/* Commits batch after batch until it is killed: task i gives i * i, and every seventh is failed. */
static void commit_for_ever(void)
{
    struct run_info run = {0};
    struct run_lock *lock;
    static struct attempt_end ends[BATCH];
    static char texts[BATCH][24];
    struct state *state = open_state(STATE_WRITE);
    OK(state_find(state, NULL, RUN_ANY, &run, &ok_err));
    OK(run_lock_take(state, &run, &lock, &ok_err));
    OK(state_start_run(state, &run, NULL, NULL, &ok_err));
    int64_t from = run.watermark;
    while (from < run.tasks) {
        int n = 0;
        for (; n < BATCH && from + n < run.tasks; n++) {
            snprintf(texts[n], sizeof texts[n], "%lld", (long long)((from + n) * (from + n)));
            ends[n] = (from + n) % 7 ? good_end(&run, from + n, texts[n])
                                     : bad_end(&run, from + n, 1, OUTCOME_ERROR, "seven", true);
        }
        from += n;
        struct state_batch batch = {.ends = ends, .n_ends = (size_t)n, .watermark = from, .results_length = from};
        OK(state_commit(state, &run, &batch, &ok_err));
    }
    _exit(0);
}

static void check_consistent(void)
{
    struct run_info run = {0};
    struct state *state = open_state(STATE_WRITE);
    OK(state_find(state, NULL, RUN_ANY, &run, &ok_err));
    assert_int_equal(run.state, RUN_INTERRUPTED);
    assert_int_equal(run.done + run.failed, run.watermark);
    assert_int_equal(run.results_length, run.watermark);
    char *expected = mem_printf("%lld|%lld|%lld\n", (long long)run.done, (long long)run.failed, (long long)run.failed);
    assert_query(state, "SELECT count(*) FILTER (WHERE state = 'done' AND result = task * task), "
                        "count(*) FILTER (WHERE state = 'failed'), (SELECT count(*) FROM ktb_attempts) FROM many", expected);
    assert_query(state, "PRAGMA integrity_check", "ok\n");
    free(expected);
    run_info_done(&run);
    state_close(state);
}

static void test_kill(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    srand((unsigned)getpid());
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "many", MANY, &lock);
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    close_run(state, &run, lock);
    for (int i = 0; i < 12; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            commit_for_ever();
        nanosleep(&(struct timespec){.tv_nsec = 1000000L + rand() % 40000000}, NULL);
        int status;
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        check_consistent();
    }
}

/* A runner that dies while it makes the database leaves one that the next can use. */
static void test_kill_creation(void **ctx)
{
    (void)ctx;
    for (int i = 0; i < 12; i++) {
        struct err err = ERR_INIT;
        struct run_lock *lock;
        int status;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct state *state = open_state(STATE_CREATE);
            make_run(state, "small", SMALL, &lock);
            _exit(0);
        }
        nanosleep(&(struct timespec){.tv_nsec = rand() % 8000000}, NULL);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        struct state *state = open_state(STATE_CREATE);
        struct run_info run = make_run(state, "small", SMALL, &lock);
        assert_query(state, "PRAGMA integrity_check", "ok\n");
        close_run(state, &run, lock);
        static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-lock", NULL};
        for (const char *const *suffix = suffixes; *suffix; suffix++) {
            char *name = mem_printf("%s%s", db_file, *suffix);
            assert_int_equal(path_remove(name, &err), 0);
            free(name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_results_come_back), STATE_TEST(test_settled_twice), STATE_TEST(test_attempts),
        STATE_TEST(test_running_rows),      STATE_TEST(test_failures),      STATE_TEST(test_many_workers),
        STATE_TEST(test_kill),              STATE_TEST(test_kill_creation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
