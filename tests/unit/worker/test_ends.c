/* Deaths of all kinds: whoever dies, nothing stays behind. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"
#include "unit/unit.h"

/* A session of a function and one of a command, both at work; their processes. */
struct scene {
    struct worker w;
    struct client function, command;
    pid_t executor, shell, grandchild;
};

static void begin(struct scene *s)
{
    CLEANUP_FREE char *item = mem_printf("[\"%s\",600000]", temp_path("executor"));
    CLEANUP_FREE char *script = mem_printf("echo $$ >%s; ", temp_path("shell"));
    CLEANUP_FREE char *rest = mem_printf("%s setsid sleep 1000 & echo $! >%s; wait", script, temp_path("grandchild"));
    unlink(temp_path("executor"));
    unlink(temp_path("shell"));
    unlink(temp_path("grandchild"));
    worker_start(&s->w, 2);
    client_open(&s->function, &s->w);
    client_setup(&s->function, &(struct client_setup){.function = "faulty.pid", .names = "[\"file\",\"ms\"]"});
    client_tasks(&s->function, 0, 1, item);
    client_open(&s->command, &s->w);
    client_setup(&s->command, &(struct client_setup){.tasks = 1});
    client_sh(&s->command, 0, rest);
    s->executor = wait_pid(temp_path("executor"));
    s->shell = wait_pid(temp_path("shell"));
    s->grandchild = wait_pid(temp_path("grandchild"));
}

static void all_gone(struct scene *s)
{
    wait_gone(s->executor);
    wait_gone(s->shell);
    wait_gone(s->grandchild);
    client_end(&s->function);
    client_end(&s->command);
    client_close(&s->function);
    client_close(&s->command);
}

static void the_parent_goes_away(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    assert_int_equal(worker_stop(&s.w), 1);
    all_gone(&s);
}

static void told_to_end(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    kill(s.w.pid, SIGTERM);
    assert_int_equal(worker_wait(&s.w), 128 + SIGTERM);
    all_gone(&s);
}

/* What it was itself the parent of dies with it; what they have started is its own parent's to end. */
static void the_supervisor_is_killed(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    kill(s.w.pid, SIGKILL);
    assert_int_equal(worker_wait(&s.w), 128 + SIGKILL);
    wait_gone(s.executor);
    wait_gone(s.shell);
    kill(s.grandchild, SIGKILL);
    all_gone(&s);
}

static void the_runner_closes(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    shutdown(s.function.fd, SHUT_RDWR);
    shutdown(s.command.fd, SHUT_RDWR);
    all_gone(&s);
    assert_int_equal(worker_stop(&s.w), 1);
}

static void the_runner_says_stop(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    client_say(&s.function, FRAME_STOP);
    client_say(&s.command, FRAME_STOP);
    all_gone(&s);
    assert_int_equal(worker_stop(&s.w), 1);
}

/* The only session's runner closes or says STOP, while a function runs or a command with a child. */
static void one_session_whose_runner_goes(void **state)
{
    CLEANUP_FREE char *item = mem_printf("[\"%s\",600000]", temp_path("lonely"));
    CLEANUP_FREE char *script = mem_printf("sleep 1000 & echo $! >%s; wait", temp_path("lonely"));
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool is_command = i / 2, stops = i % 2;
        struct worker w;
        struct client c;
        unlink(temp_path("lonely"));
        worker_start(&w, 0);
        client_open(&c, &w);
        client_setup(&c, is_command ? &(struct client_setup){0}
                                    : &(struct client_setup){.function = "faulty.pid", .names = "[\"file\",\"ms\"]"});
        if (is_command)
            client_sh(&c, 0, script);
        else
            client_tasks(&c, 0, 1, item);
        pid_t busy = wait_pid(temp_path("lonely"));
        if (stops)
            client_say(&c, FRAME_STOP);
        else
            shutdown(c.fd, SHUT_RDWR);
        assert_int_equal(worker_wait(&w), 1);
        wait_gone(busy);
        client_close(&c);
    }
}

static int run_worker(const char *const *args)
{
    const char *build = getenv("top_builddir") ? getenv("top_builddir") : ".";
    CLEANUP_FREE char *program = mem_printf("%s/ktbatch-worker", build);
    char *argv[8] = {program};
    int status;
    for (int i = 0; args[i]; i++)
        argv[i + 1] = mem_strdup(args[i]);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(126);
        execv(program, argv);
        _exit(127);
    }
    for (int i = 0; args[i]; i++)
        free(argv[i + 1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void wrong_usage(void **state)
{
    CLEANUP_FREE char *key = mem_strdup(temp_path("key"));
    unsigned char bytes[WIRE_KEY_SIZE];
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(key_create(key, bytes, &err), 0);
    assert_int_equal(run_worker((const char *const[]){NULL}), 2);
    assert_int_equal(run_worker((const char *const[]){"--listen", "127.0.0.1:0", NULL}), 2);
    assert_int_equal(run_worker((const char *const[]){"--listen", "nowhere", "--key-file", key, NULL}), 2);
    assert_int_equal(run_worker((const char *const[]){"--listen", "192.0.2.1:0", "--key-file", key, NULL}), 3);
    assert_int_equal(run_worker((const char *const[]){"--keep", "0", "--listen", "127.0.0.1:0", "--key-file", key, NULL}), 2);
    assert_int_equal(run_worker((const char *const[]){"--listen", "127.0.0.1:0", "--key-file", "/no/such/key", NULL}), 3);
    assert_int_equal(run_worker((const char *const[]){"--no-such-option", NULL}), 2);
    assert_int_equal(run_worker((const char *const[]){"stray", NULL}), 2);
    assert_int_equal(run_worker((const char *const[]){"--help", NULL}), 0);
    assert_int_equal(run_worker((const char *const[]){"--version", NULL}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(the_parent_goes_away),
        WORKER_TEST(told_to_end),
        WORKER_TEST(the_supervisor_is_killed),
        WORKER_TEST(the_runner_closes),
        WORKER_TEST(the_runner_says_stop),
        WORKER_TEST(one_session_whose_runner_goes),
        cmocka_unit_test(wrong_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
