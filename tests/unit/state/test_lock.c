/* The run lock between threads' connections and between processes; the tables of moves. */
#include "unit/state/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"

#define TEN "task: {command: [echo, '${x}']}\nargs: {x: {range: [1, 10]}}\n"

static bool lock_file_exists(void)
{
    char *name = mem_printf("%s-lock", db_file);
    bool there = path_exists(name);
    free(name);
    return there;
}

static void test_one_process(void **ctx)
{
    struct run_lock *lock, *lock2, *none;
    struct err err = ERR_INIT;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "cubes", TEN, &lock), other = make_run(state, "cubes", TEN, &lock2);
    struct state *second = open_state(STATE_WRITE);
    char *expected = mem_printf("run cubes-1 is being run by process %ld", (long)getpid());
    assert_int_equal(run_lock_take(second, &run, &none, &err), -1);
    assert_int_equal(err.class, ERR_BUSY);
    assert_string_equal(err.text, expected);
    free(expected);
    assert_int_equal(run_lock_holder(second, &run), getpid());
    /* Closing a connection does not drop it. */
    state_close(second);
    assert_int_equal(run_lock_holder(state, &run), getpid());
    run_lock_release(lock);
    assert_int_equal(run_lock_holder(state, &run), 0);
    assert_true(lock_file_exists());
    run_lock_release(lock2);
    run_lock_release(NULL);
    assert_false(lock_file_exists());
    OK(run_lock_take(state, &run, &lock, &ok_err));
    run_lock_release(lock);
    run_info_done(&run);
    run_info_done(&other);
    state_close(state);
}

/* A child that takes the newest run's lock, says so with a byte, and keeps it until its input ends. */
static pid_t keeper(int *ret_stdin)
{
    int in[2], out[2];
    char byte;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct run_info run = {0};
        struct run_lock *lock;
        close(in[1]);
        struct state *state = open_state(STATE_WRITE);
        OK(state_find(state, NULL, RUN_ANY, &run, &ok_err));
        OK(run_lock_take(state, &run, &lock, &ok_err));
        OK(state_start_run(state, &run, NULL, NULL, &ok_err));
        if (write(out[1], "x", 1) != 1 || read(in[0], &byte, 1) != 0)
            _exit(1);
        OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
        run_lock_release(lock);
        run_info_done(&run);
        state_close(state);
        _exit(0);
    }
    close(in[0]);
    close(out[1]);
    assert_int_equal(read(out[0], &byte, 1), 1);
    close(out[0]);
    *ret_stdin = in[1];
    return pid;
}

static void interrupted_run(void)
{
    struct run_lock *lock;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "cubes", TEN, &lock);
    OK(state_finish_run(state, &run, RUN_INTERRUPTED, &ok_err));
    run_lock_release(lock);
    run_info_done(&run);
    state_close(state);
}

static void test_two_processes(void **ctx)
{
    (void)ctx;
    interrupted_run();
    for (int killed = 0; killed < 2; killed++) {
        int in, status;
        struct run_info run = {0};
        struct run_lock *lock = NULL;
        struct err err = ERR_INIT;
        pid_t pid = keeper(&in);
        struct state *state = open_state(STATE_WRITE);
        OK(state_find(state, "cubes", RUN_ANY, &run, &ok_err));
        assert_int_equal(run.state, RUN_RUNNING);
        assert_int_equal(run_lock_holder(state, &run), pid);
        assert_int_equal(run_lock_take(state, &run, &lock, &err), -1);
        assert_int_equal(err.class, ERR_BUSY);
        char *expected = mem_printf("run cubes-1 is being run by process %ld", (long)pid);
        assert_string_equal(err.text, expected);
        free(expected);
        assert_int_equal(state_find(state, NULL, RUN_UNFINISHED, &run, &err), -1);
        if (killed)
            kill(pid, SIGKILL);
        close(in);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        state_close(state);
        run_info_done(&run);
        state = open_state(STATE_WRITE);
        OK(state_find(state, NULL, RUN_UNFINISHED, &run, &ok_err));
        assert_int_equal(run_lock_holder(state, &run), 0);
        OK(run_lock_take(state, &run, &lock, &ok_err));
        run_lock_release(lock);
        run_info_done(&run);
        state_close(state);
        assert_false(lock_file_exists());
    }
}

/* Takes and drops the lock many times; `*held` in shared file order is checked by an exclusive file. */
static void contend(const char *mark)
{
    struct run_info run = {0};
    struct state *state = open_state(STATE_WRITE);
    OK(state_find(state, NULL, RUN_ANY, &run, &ok_err));
    for (int taken = 0; taken < 50;) {
        struct run_lock *lock;
        struct err err = ERR_INIT;
        if (run_lock_take(state, &run, &lock, &err)) {
            if (err.class != ERR_BUSY)
                _exit(2);
            continue;
        }
        if (mkdir(mark, 0700) || rmdir(mark))
            _exit(3);
        run_lock_release(lock);
        taken++;
    }
    run_info_done(&run);
    state_close(state);
    _exit(0);
}

/* The file goes and comes all the time here, and never are there two holders. */
static void test_contention(void **ctx)
{
    char *mark = mem_printf("%s/mark", folder);
    pid_t pids[3];
    (void)ctx;
    interrupted_run();
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            contend(mark);
    }
    for (int i = 0; i < 3; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_false(lock_file_exists());
    free(mark);
}

static void test_moves(void **ctx)
{
    (void)ctx;
    assert_true(run_state_may(RUN_INTERRUPTED, RUN_RUNNING));
    assert_false(run_state_may(RUN_DONE, RUN_RUNNING));
    assert_false(run_state_may(RUN_DONE, RUN_CANCELLED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_one_process),
        STATE_TEST(test_two_processes),
        STATE_TEST(test_contention),
        STATE_TEST(test_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
