/* The database as a file, and runs: made, found, taken up, ended, put back, cancelled, deleted. */
#include "unit/state/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"

#define TEN "task: {command: [echo, '${x}']}\nargs: {x: {range: [1, 10]}}\n"
#define LARGE "task: {command: [echo, '${x}']}\nargs: {x: {range: [1, 1000000000000]}}\n"

static bool beside(const char *suffix)
{
    char *name = mem_printf("%s%s", db_file, suffix);
    bool there = path_exists(name);
    free(name);
    return there;
}

static void close_run(struct state *state, struct run_info *run, struct run_lock *lock)
{
    run_info_done(run);
    run_lock_release(lock);
    state_close(state);
}

/* ---- the file ---- */

static void test_missing(void **ctx)
{
    struct state *state = NULL;
    struct err err = ERR_INIT;
    (void)ctx;
    for (enum state_mode mode = STATE_READ; mode <= STATE_WRITE; mode++) {
        assert_int_equal(state_open(db_file, mode, &state, &err), -1);
        assert_int_equal(err.class, ERR_USAGE);
        assert_non_null(strstr(err.text, db_file));
        assert_false(path_exists(db_file));
    }
}

static void test_empty_is_new(void **ctx)
{
    struct err err = ERR_INIT;
    struct state *state = NULL;
    (void)ctx;
    assert_int_equal(file_replace(db_file, "", 0, 0666, &err), 0);
    assert_int_equal(state_open(db_file, STATE_WRITE, &state, &err), -1);
    assert_int_equal(err.class, ERR_USAGE);
    state = open_state(STATE_CREATE);
    assert_string_equal(state_path(state), db_file);
    assert_null(state_warning(state));
    assert_query(state, "SELECT count(*) FROM runs", "0\n");
    state_close(state);
    state_close(NULL);
}

/* Whatever is not ours is refused, and its bytes stay as they were. */
static void refuse(const char *why, const char *expected)
{
    static const enum state_mode modes[] = {STATE_READ, STATE_WRITE, STATE_CREATE};
    char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
    OK(digest_file(db_file, before, &ok_err));
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct state *state = NULL;
        struct err err = ERR_INIT;
        if (state_open(db_file, modes[i], &state, &err) == 0)
            fail_msg("opened: %s", why);
        if (!strstr(err.text, db_file) || !strstr(err.text, expected))
            fail_msg("%s: %s", why, err.text);
        OK(digest_file(db_file, after, &ok_err));
        assert_string_equal(before, after);
        assert_false(beside("-wal") || beside("-shm") || beside("-journal") || beside("-lock"));
    }
}

static void test_foreign(void **ctx)
{
    struct err err = ERR_INIT;
    char zeros[8192] = {0};
    (void)ctx;
    assert_int_equal(file_replace(db_file, "hello", 5, 0666, &err), 0);
    refuse("a short text", "not a ktbatch database");
    assert_int_equal(file_replace(db_file, zeros, sizeof zeros, 0666, &err), 0);
    refuse("zeros", "not a ktbatch database");
    unlink(db_file);
    free(shell_query("CREATE TABLE t(x); INSERT INTO t VALUES (1)"));
    refuse("another program's", "another program's");
    free(shell_query("PRAGMA journal_mode = WAL"));
    refuse("another program's in WAL mode", "another program's");
}

static void patch_file(off_t at, const void *bytes, size_t len)
{
    int fd = open(db_file, O_WRONLY);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

static void test_newer_and_cut(void **ctx)
{
    (void)ctx;
    state_close(open_state(STATE_CREATE));
    patch_file(60, "\0\0\0\x63", 4);
    refuse("newer", "newer ktbatch");
    patch_file(60, "\0\0\0\x01", 4);
    state_close(open_state(STATE_WRITE));
    assert_int_equal(truncate(db_file, 4096 * 3), 0);
    refuse("cut", "cut off");
    assert_int_equal(truncate(db_file, 50), 0);
    refuse("cut in the header", "not a ktbatch database");
}

/* Damage inside is an error of whatever reads there, and is said with the path. */
static void test_damaged(void **ctx)
{
    struct run_lock *lock;
    char noise[4096];
    struct stat st;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "cubes", TEN, &lock);
    close_run(state, &run, lock);
    memset(noise, 0x5a, sizeof noise);
    assert_int_equal(stat(db_file, &st), 0);
    for (off_t at = 4096; at < st.st_size; at += 4096)
        patch_file(at, noise, sizeof noise);
    struct err err = ERR_INIT;
    state = NULL;
    if (state_open(db_file, STATE_READ, &state, &err) == 0)
        assert_int_equal(state_find(state, NULL, RUN_ANY, &run, &err), -1);
    assert_int_equal(err.class, ERR_SYSTEM);
    assert_non_null(strstr(err.text, "damaged"));
    assert_non_null(strstr(err.text, db_file));
    state_close(state);
}

static void test_folder(void **ctx)
{
    struct state *state = NULL;
    struct err err = ERR_INIT;
    (void)ctx;
    assert_int_equal(state_open(folder, STATE_CREATE, &state, &err), -1);
    assert_int_equal(err.class, ERR_USAGE);
}

/* WAL while a run goes on; one plain file when the last has closed it. */
static void test_one_plain_file(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    assert_false(beside("-wal"));
    struct run_info run = make_run(state, "cubes", TEN, &lock);
    assert_true(beside("-wal"));
    struct state *second = open_state(STATE_WRITE), *reader = open_state(STATE_READ);
    assert_query(reader, "SELECT run FROM runs", "cubes-1\n");
    commit_end(second, &run, good_end(&run, 0, "1"));
    assert_query(reader, "SELECT done FROM runs", "1\n");
    state_close(second);
    state_close(reader);
    assert_true(beside("-wal"));
    close_run(state, &run, lock);
    assert_false(beside("-wal") || beside("-shm") || beside("-journal") || beside("-lock"));
    /* Reading leaves it so. */
    reader = open_state(STATE_READ);
    assert_query(reader, "SELECT done FROM runs", "1\n");
    assert_false(beside("-wal") || beside("-shm"));
    state_close(reader);
}

/* What a reader without any right to write sees; the exit status of a child that asks. */
static void read_as_stranger(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && seteuid(65534))
            _exit(9);
        struct state *state = open_state(STATE_READ);
        assert_query(state, "SELECT done FROM runs", "1\n");
        assert_query(state, "SELECT x, result FROM cubes", "1|1\n");
        struct state_rows *rows;
        struct run_info run = {0};
        OK(state_find(state, NULL, RUN_ANY, &run, &ok_err));
        OK(state_rows_where(state, &run, "x = 1", NULL, &rows, &ok_err));
        state_rows_close(rows);
        int64_t holder = run_lock_holder(state, &run);
        run_info_done(&run);
        state_close(state);
        _exit(holder ? 8 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Nothing can be written, in either journal mode: in WAL mode the files beside the database cannot be made. */
static void test_read_only(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "cubes", TEN, &lock);
    commit_end(state, &run, good_end(&run, 0, "1"));
    close_run(state, &run, lock);
    for (int wal = 0; wal < 2; wal++) {
        if (wal)
            free(shell_query("PRAGMA journal_mode = WAL"));
        assert_int_equal(chmod(db_file, 0444), 0);
        assert_int_equal(chmod(folder, 0555), 0);
        read_as_stranger();
        assert_false(beside("-wal") || beside("-shm"));
        assert_int_equal(chmod(folder, 0755), 0);
        assert_int_equal(chmod(db_file, 0644), 0);
    }
}

/* ---- finding ---- */

static void assert_found(struct state *state, const char *which, enum run_choice choice, const char *expected)
{
    struct run_info run = {0};
    OK(state_find(state, which, choice, &run, &ok_err));
    assert_string_equal(run.run, expected);
    run_info_done(&run);
}

static void test_find(void **ctx)
{
    struct run_lock *locks[4];
    struct run_info run = {0};
    struct err err = ERR_INIT;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    assert_int_equal(state_find(state, NULL, RUN_ANY, &run, &err), -1);
    assert_int_equal(err.class, ERR_USAGE);
    assert_int_equal(state_find(state, "cubes", RUN_ANY, &run, &err), -1);
    static const char *const names[] = {"cubes", "cubes", "my-sweep", "My_Sweep"};
    for (int i = 0; i < 4; i++) {
        run = make_run(state, names[i], TEN, &locks[i]);
        run_info_done(&run);
    }
    assert_found(state, NULL, RUN_ANY, "My_Sweep-2");
    assert_found(state, "cubes", RUN_ANY, "cubes-2");
    assert_found(state, "CUBES-1", RUN_ANY, "cubes-1");
    assert_found(state, "my_sweep", RUN_ANY, "My_Sweep-2");
    assert_found(state, "my_sweep-1", RUN_ANY, "my-sweep-1");
    assert_int_equal(state_find(state, "cube", RUN_ANY, &run, &err), -1);
    assert_non_null(strstr(err.text, "no run 'cube'"));
    assert_non_null(strstr(err.text, "cubes-2"));
    assert_int_equal(state_find(state, "cubes-3", RUN_ANY, &run, &err), -1);
    assert_int_equal(state_find(state, NULL, RUN_UNFINISHED, &run, &err), -1);
    assert_int_equal(state_newest(state, "cubes", &run, &err), 1);
    assert_string_equal(run.run, "cubes-2");
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    /* Its lock is held still. */
    assert_int_equal(state_find(state, NULL, RUN_UNFINISHED, &run, &err), -1);
    run_info_done(&run);
    run_lock_release(locks[1]);
    assert_found(state, NULL, RUN_UNFINISHED, "cubes-2");
    assert_int_equal(state_newest(state, "cub", &run, &err), 0);
    for (int i = 0; i < 4; i++)
        if (i != 1)
            run_lock_release(locks[i]);
    state_close(state);
}

static void test_info(void **ctx)
{
    struct run_lock *lock;
    struct run_info run = {0};
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct made made = make_plan("cubes", TEN);
    OK(state_create_run(state, made.plan, "[\"retries=1\"]", folder, &run, &lock, &ok_err));
    char *results = path_join(folder, "cubes-1");
    assert_string_equal(run.results, results);
    assert_string_equal(run.job_text, TEN);
    assert_string_equal(run.sets, "[\"retries=1\"]");
    assert_string_equal(run.folder, folder);
    assert_string_equal(run.identity, plan_identity(made.plan));
    assert_string_equal(run.backend, "local");
    assert_int_equal(run.tasks, 10);
    assert_int_equal(run.state, RUN_RUNNING);
    free(results);
    unmake_plan(&made);
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    assert_int_equal(run.state, RUN_INTERRUPTED);
    assert_query(state, "SELECT state, finished IS NULL FROM runs", "interrupted|1\n");
    OK(state_start_run(state, &run, "[]", "fake", &ok_err));
    assert_query(state, "SELECT state, backend FROM runs", "running|fake\n");
    assert_string_equal(run.sets, "[]");
    assert_string_equal(run.backend, "fake");
    OK(state_finish_run(state, &run, RUN_DONE, &ok_err));
    assert_query(state, "SELECT state, finished IS NULL, seconds < 60, started LIKE '20__-__-__T__:__:__.___Z' FROM runs",
                 "done|0|1|1\n");
    struct err err = ERR_INIT;
    assert_int_equal(state_start_run(state, &run, NULL, NULL, &err), -1);
    assert_int_equal(err.class, ERR_USAGE);
    close_run(state, &run, lock);
}

/* A run's id is not used again after it is deleted. */
static void test_delete(void **ctx)
{
    struct run_lock *lock, *lock2;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info first = make_run(state, "cubes", "task: {command: [echo, '${a}']}\nargs: {a: [p, q]}\n", &lock);
    struct run_info second = make_run(state, "cubes", TEN, &lock2);
    commit_end(state, &first, bad_end(&first, 1, 1, OUTCOME_EXIT, "exit 1", true));
    commit_end(state, &second, good_end(&second, 1, "8"));
    assert_query(state, "SELECT x FROM cubes", "2\n");
    assert_query(state, "SELECT run, x, a FROM cubes_all", "cubes-1||q\ncubes-2|2|\n");
    OK(state_delete(state, &second, &ok_err));
    assert_query(state, "SELECT a FROM cubes", "q\n");
    assert_query(state, "SELECT run, a FROM cubes_all", "cubes-1|q\n");
    OK(state_delete(state, &first, &ok_err));
    assert_query(state, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'cubes%'", "0\n");
    assert_query(state, "SELECT (SELECT count(*) FROM ktb_tasks), (SELECT count(*) FROM ktb_attempts), "
                        "(SELECT count(*) FROM ktb_values), (SELECT count(*) FROM ktb_args), (SELECT count(*) FROM ktb_jobs)",
                 "0|0|0|0|0\n");
    run_lock_release(lock);
    run_lock_release(lock2);
    run_info_done(&first);
    run_info_done(&second);
    struct run_info third = make_run(state, "cubes", TEN, &lock);
    assert_string_equal(third.run, "cubes-3");
    close_run(state, &third, lock);
}

static void test_name_taken(void **ctx)
{
    struct run_lock *lock;
    struct run_info run = {0};
    struct err err = ERR_INIT;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    state_close(state);
    free(shell_query("CREATE TABLE sweep_all(x)"));
    state = open_state(STATE_CREATE);
    struct made made = make_plan("sweep", TEN);
    assert_int_equal(state_create_run(state, made.plan, "[]", folder, &run, &lock, &err), -1);
    assert_int_equal(err.class, ERR_USAGE);
    assert_non_null(strstr(err.text, "sweep_all"));
    assert_query(state, "SELECT count(*) FROM runs", "0\n");
    unmake_plan(&made);
    run = make_run(state, "cubes", TEN, &lock);
    close_run(state, &run, lock);
}

/* ---- open tasks, retry, cancel ---- */

static void assert_open(struct state *state, const struct run_info *run, int max, const char *expected)
{
    char *got = open_tasks(state, run, max);
    assert_string_equal(got, expected);
    free(got);
}

static void test_open_tasks(void **ctx)
{
    (void)ctx;
    for (int filled = 0; filled < 2; filled++) {
        struct run_lock *lock;
        struct state *state = open_state(STATE_CREATE);
        struct run_info run = make_run(state, "cubes", TEN, &lock);
        if (filled)
            OK(state_fill_rows(state, &run, 0, 100, &ok_err));
        assert_open(state, &run, 4, "0-9 ");
        commit_end(state, &run, good_end(&run, 0, "1"));
        commit_end(state, &run, good_end(&run, 5, "216"));
        commit_end(state, &run, bad_end(&run, 3, 1, OUTCOME_EXIT, "exit 1", false));
        commit_end(state, &run, bad_end(&run, 3, 2, OUTCOME_LOST, "gone", false));
        commit_end(state, &run, bad_end(&run, 7, 1, OUTCOME_ERROR, "no", true));
        for (int max = 1; max < 5; max++)
            assert_open(state, &run, max, "1-2 3(2,1,1) 4-4 6-6 8-9 ");
        commit_end(state, &run, good_end(&run, 9, "1000"));
        assert_open(state, &run, 2, "1-2 3(2,1,1) 4-4 6-6 8-8 ");
        assert_query(state, "SELECT queued, done, failed FROM runs ORDER BY run DESC LIMIT 1", "6|3|1\n");
        close_run(state, &run, lock);
    }
}

static void test_open_tasks_large(void **ctx)
{
    struct run_lock *lock;
    struct open_range range;
    int64_t from = 0;
    int n;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "big", LARGE, &lock);
    OK(state_fill_rows(state, &run, 0, 1000, &ok_err));
    assert_query(state, "SELECT tasks, queued FROM runs", "1000000000000|1000000000000\n");
    assert_query(state, "SELECT count(*) FROM tasks", "0\n");
    commit_end(state, &run, good_end(&run, 999999999999, "1"));
    commit_end(state, &run, bad_end(&run, 500, 1, OUTCOME_EXIT, "exit 1", false));
    assert_open(state, &run, 8, "0-499 500(1,1,0) 501-999999999998 ");
    struct attempt_end end = good_end(&run, 0, "1");
    struct state_batch batch = {.ends = &end, .n_ends = 1, .watermark = 1, .running = 3, .results_length = 77};
    OK(state_commit(state, &run, &batch, &ok_err));
    OK(state_open_tasks(state, &run, &from, &range, 1, &n, &ok_err));
    assert_int_equal(n, 1);
    assert_int_equal(range.first, 1);
    assert_query(state, "SELECT running, queued FROM runs", "3|999999999995\n");
    /* The run's last task, and a second run behind it. */
    assert_query(state, "SELECT task, args FROM tasks WHERE task > 1000", "999999999999|{\"x\":1000000000000}\n");
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    assert_int_equal(run.results_length, 77);
    struct run_lock *lock2;
    struct run_info next = make_run(state, "cubes", TEN, &lock2);
    commit_end(state, &next, good_end(&next, 2, "27"));
    assert_query(state, "SELECT task, x, result FROM cubes", "2|3|27\n");
    run_lock_release(lock2);
    run_info_done(&next);
    close_run(state, &run, lock);
}

static void test_huge_runs(void **ctx)
{
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct made made = make_plan("huge", "task: {command: [echo, '${x}']}\nargs: {x: {range: [1, 4611686018427387904]}}\n");
    struct run_info runs[2];
    struct run_lock *locks[2], *none;
    struct run_info third;
    struct err err = ERR_INIT;
    OK(state_create_run(state, made.plan, "[]", folder, &runs[0], &locks[0], &ok_err));
    commit_end(state, &runs[0], good_end(&runs[0], runs[0].tasks - 1, "1"));
    assert_query(state, "SELECT task, x FROM huge", "4611686018427387903|4611686018427387904\n");
    int second = state_create_run(state, made.plan, "[]", folder, &runs[1], &locks[1], &err);
    assert_int_equal(second, -1);
    assert_non_null(strstr(err.text, "no room"));
    assert_int_equal(state_create_run(state, made.plan, "[]", folder, &third, &none, &err), -1);
    run_lock_release(locks[0]);
    OK(state_delete(state, &runs[0], &ok_err));
    OK(state_create_run(state, made.plan, "[]", folder, &runs[1], &locks[1], &ok_err));
    assert_string_equal(runs[1].run, "huge-2");
    run_info_done(&runs[0]);
    unmake_plan(&made);
    close_run(state, &runs[1], locks[1]);
}

static void retry(struct state *state, struct run_info *run, const char *where, bool done, int64_t expected)
{
    int64_t tasks = -1;
    OK(state_retry(state, run, where, done, &tasks, &ok_err));
    assert_int_equal(tasks, expected);
}

static struct run_info failed_run(struct state *state, struct run_lock **lock)
{
    struct run_info run = make_run(state, "cubes", TEN, lock);
    for (int i = 0; i < 10; i++)
        if (i == 3 || i == 7)
            commit_end(state, &run, bad_end(&run, i, 1, OUTCOME_EXIT, "exit 1", true));
        else
            commit_end(state, &run, good_end(&run, i, "1"));
    OK(state_finish_run(state, &run, RUN_FAILED, &ok_err));
    return run;
}

static void test_retry(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = failed_run(state, &lock);
    assert_query(state, "SELECT state, done, failed FROM runs", "failed|8|2\n");
    retry(state, &run, NULL, false, 2);
    assert_int_equal(run.state, RUN_INTERRUPTED);
    assert_query(state, "SELECT state, queued, done, failed FROM runs", "interrupted|2|8|0\n");
    /* Tried once, and it does not count. */
    assert_open(state, &run, 4, "3(1,0,0) 7(1,0,0) ");
    retry(state, &run, NULL, false, 0);
    OK(state_start_run(state, &run, NULL, NULL, &ok_err));
    struct attempt_end end = good_end(&run, 3, "64");
    end.attempt = 2;
    commit_end(state, &run, end);
    assert_query(state, "SELECT state, attempts, result FROM cubes WHERE task = 3", "done|2|64\n");
    assert_query(state, "SELECT attempt, class, message FROM attempts WHERE task = 3 ORDER BY attempt", "1|exit|exit 1\n2||\n");
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    /* Done ones too: their attempts stay. */
    retry(state, &run, NULL, true, 9);
    assert_query(state, "SELECT queued, done FROM runs", "10|0\n");
    assert_open(state, &run, 16, "0(1,0,0) 1(1,0,0) 2(1,0,0) 3(2,0,0) 4(1,0,0) 5(1,0,0) 6(1,0,0) 7(1,0,0) 8(1,0,0) 9(1,0,0) ");
    assert_query(state, "SELECT count(*), count(class) FROM attempts", "11|2\n");
    close_run(state, &run, lock);
}

static void test_retry_where(void **ctx)
{
    struct run_lock *lock;
    struct err err = ERR_INIT;
    int64_t tasks;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = failed_run(state, &lock);
    retry(state, &run, "x > 100", false, 0);
    assert_int_equal(run.state, RUN_FAILED);
    retry(state, &run, "x <= 4", false, 1);
    assert_query(state, "SELECT queued, done, failed FROM runs", "1|8|1\n");
    assert_open(state, &run, 4, "3(1,0,0) ");
    retry(state, &run, "x IN (1, 2, 8)", true, 3);
    assert_query(state, "SELECT queued, done, failed FROM runs", "4|6|0\n");
    assert_int_equal(state_retry(state, &run, "x >", false, &tasks, &err), -1);
    assert_int_equal(err.class, ERR_USAGE);
    close_run(state, &run, lock);
}

static void test_cancel(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "big", LARGE, &lock);
    commit_end(state, &run, good_end(&run, 0, "1"));
    commit_end(state, &run, bad_end(&run, 1, 1, OUTCOME_EXIT, "exit 1", false));
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    OK(state_cancel(state, &run, &ok_err));
    assert_query(state, "SELECT state, queued, done, cancelled FROM runs", "cancelled|0|1|999999999999\n");
    assert_query(state, "SELECT state FROM big", "done\ncancelled\n");
    assert_open(state, &run, 4, "");
    retry(state, &run, NULL, false, 999999999999);
    assert_open(state, &run, 4, "1(1,0,0) 2-999999999999 ");
    assert_query(state, "SELECT state, queued, cancelled FROM runs", "interrupted|999999999999|0\n");
    close_run(state, &run, lock);
}

/* Cancelled by another process while the runner still makes rows; later one task is put back, and rows are made again. */
static void test_cancel_while_rows_are_made(void **ctx)
{
    struct run_lock *lock;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "cubes", TEN, &lock);
    OK(state_fill_rows(state, &run, 0, 4, &ok_err));
    OK(state_cancel(state, &run, &ok_err));
    OK(state_fill_rows(state, &run, 4, 4, &ok_err));
    assert_query(state, "SELECT state, count(*) FROM cubes GROUP BY 1", "cancelled|8\n");
    retry(state, &run, "task = 2", false, 1);
    OK(state_fill_rows(state, &run, 8, 4, &ok_err));
    assert_query(state, "SELECT state, count(*) FROM cubes GROUP BY 1", "cancelled|9\nqueued|1\n");
    assert_open(state, &run, 4, "2-2 ");
    close_run(state, &run, lock);
}

static void test_lines(void **ctx)
{
    struct run_lock *lock;
    struct buf got = {0};
    struct err err = ERR_INIT;
    char *file = path_join(folder, "lines.txt");
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    assert_int_equal(file_replace(file, "one\ntwo \"q\"\nthree\n", 18, 0666, &err), 0);
    struct run_info run = make_run(state, "words", "task: {command: [echo, '${n}', '${w}']}\n"
                                                   "args: {n: {range: [1, 2]}, w: {lines: lines.txt}}\n", &lock);
    struct state_values values = {state, &run};
    OK(state_lines(&values, 1, &got, &ok_err));
    assert_string_equal(buf_cstr(&got), "\"one\"\n\"two \\\"q\\\"\"\n\"three\"\n");
    assert_int_equal(state_lines(&values, 0, &got, &err), -1);
    assert_int_equal(state_lines(&values, 2, &got, &err), -1);
    buf_done(&got);
    free(file);
    close_run(state, &run, lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_missing),        STATE_TEST(test_empty_is_new),  STATE_TEST(test_foreign),
        STATE_TEST(test_newer_and_cut),  STATE_TEST(test_damaged),       STATE_TEST(test_folder),
        STATE_TEST(test_one_plain_file), STATE_TEST(test_read_only),     STATE_TEST(test_find),
        STATE_TEST(test_info),           STATE_TEST(test_delete),        STATE_TEST(test_name_taken),
        STATE_TEST(test_open_tasks),     STATE_TEST(test_open_tasks_large), STATE_TEST(test_huge_runs),
        STATE_TEST(test_retry),          STATE_TEST(test_retry_where),   STATE_TEST(test_cancel),
        STATE_TEST(test_cancel_while_rows_are_made),
        STATE_TEST(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
