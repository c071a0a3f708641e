/* Backends: the local one with small shell scripts in the place of ktbatch-worker, and the scripted one. */
#include "backend/backend.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "unit/unit.h"

static char folder[64];

struct seen {
    uv_loop_t loop;
    uv_timer_t patience;
    const struct backend_ops *ops;
    struct backend *backend;
    int workers, lost, closed;
    unsigned slots[8];
    int ports[8];
    char trouble[512];
    bool fatal;
    int enough; /* workers after which the loop is left */
};

static void note(struct seen *s, unsigned slot, const struct backend_worker *worker)
{
    s->slots[s->workers] = slot;
    s->ports[s->workers++] = ntohs(((const struct sockaddr_in *)&worker->address)->sin_port);
    if (s->workers >= s->enough)
        uv_stop(&s->loop);
}

static void on_worker(void *ctx, unsigned slot, const struct backend_worker *worker)
{
    note(ctx, slot, worker);
}

static void on_lost(void *ctx, int64_t worker, const char *text)
{
    struct seen *s = ctx;
    (void)worker;
    s->lost++;
    snprintf(s->trouble, sizeof s->trouble, "%s", text);
}

static void on_trouble(void *ctx, const char *text, bool fatal)
{
    struct seen *s = ctx;
    snprintf(s->trouble, sizeof s->trouble, "%s", text);
    s->fatal |= fatal;
    if (fatal)
        uv_stop(&s->loop);
}

static void on_closed(void *ctx)
{
    struct seen *s = ctx;
    s->closed++;
}

static void on_impatient(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing came");
}

static void open_backend(struct seen *s, const char *name, const char *program, const char *script)
{
    static const unsigned char key[BACKEND_KEY_SIZE] = {0xab, 1};
    const struct backend_events events = {on_worker, on_lost, on_trouble, s};
    struct err err = ERR_INIT;
    s->ops = backend_find(name);
    assert_non_null(s->ops);
    s->enough = 1;
    uv_loop_init(&s->loop);
    uv_timer_init(&s->loop, &s->patience);
    uv_timer_start(&s->patience, on_impatient, 20000, 0);
    uv_unref((uv_handle_t *)&s->patience);
    const struct backend_config config = {.loop = &s->loop, .run = "cubes-1", .key = key, .parallelism = 3,
                                          .task_folder = folder, .worker_program = program, .script = script};
    if (s->ops->open(&config, &events, &s->backend, &err))
        fail_msg("%s", err.text);
}

static void close_backend(struct seen *s)
{
    s->ops->close(s->backend, on_closed, s);
    while (!s->closed)
        uv_run(&s->loop, UV_RUN_ONCE);
    assert_int_equal(s->closed, 1);
    uv_close((uv_handle_t *)&s->patience, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

static void acquire(struct seen *s, unsigned slot)
{
    struct backend_worker worker;
    if (s->ops->acquire(s->backend, slot, &worker))
        note(s, slot, &worker);
}

/* A program of these lines; owned by the caller. */
static char *program(const char *lines)
{
    char *path = mem_printf("%s/worker", folder);
    CLEANUP_FREE char *text = mem_printf("#!/bin/sh\ncd %s\n%s\n", folder, lines);
    struct err err = ERR_INIT;
    assert_int_equal(file_replace(path, text, strlen(text), 0755, &err), 0);
    return path;
}

static char *read_text(const char *name)
{
    CLEANUP_FREE char *path = mem_printf("%s/%s", folder, name);
    struct buf text = {0};
    struct err err = ERR_INIT;
    if (file_read(path, 1 << 20, &text, &err))
        fail_msg("%s", err.text);
    buf_cstr(&text);
    return buf_steal(&text);
}

static void test_local_start(void **state)
{
    (void)state;
    struct seen s = {0};
    CLEANUP_FREE char *path = program("echo \"$@\" > args; cat <&3 > key; echo 127.0.0.1:4711 >&4; cat <&5; echo gone > gone");
    open_backend(&s, "local", path, NULL);
    acquire(&s, 2);
    assert_int_equal(s.workers, 0);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    assert_int_equal(s.workers, 1);
    assert_int_equal(s.slots[0], 2);
    assert_int_equal(s.ports[0], 4711);
    acquire(&s, 0); /* now at once */
    assert_int_equal(s.workers, 2);
    CLEANUP_FREE char *args = read_text("args"), *key = read_text("key");
    CLEANUP_FREE char *expected =
        mem_printf("--listen 127.0.0.1:0 --keep 3 --key-fd 3 --announce-fd 4 --parent-fd 5 --tasks %s\n", folder);
    assert_string_equal(args, expected);
    assert_int_equal(strlen(key), 65);
    assert_memory_equal(key, "ab0100", 6);
    close_backend(&s);
    CLEANUP_FREE char *gone = read_text("gone"); /* it ended by itself when the pipe closed */
    assert_string_equal(gone, "gone\n");
}

static void test_local_dies_at_once(void **state)
{
    (void)state;
    struct seen s = {0};
    CLEANUP_FREE char *path = program("echo x >> starts; echo first line >&2; echo no room to listen >&2; exit 3");
    open_backend(&s, "local", path, NULL);
    acquire(&s, 0);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    assert_true(s.fatal);
    CLEANUP_FREE char *expected = mem_printf("%s dies at once: no room to listen", path);
    assert_string_equal(s.trouble, expected);
    CLEANUP_FREE char *starts = read_text("starts");
    assert_int_equal(strlen(starts), 2 * 5);
    close_backend(&s);
}

static bool alive(const char *pid_text)
{
    return kill((pid_t)atoi(pid_text), 0) == 0;
}

static void test_local_killed(void **state)
{
    (void)state;
    struct seen s = {0};
    CLEANUP_FREE char *path = program("sleep 1000 & echo $! > child; echo $$ > pid; echo 127.0.0.1:4712 >&4; cat <&5");
    open_backend(&s, "local", path, NULL);
    acquire(&s, 0);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    assert_int_equal(s.workers, 1);
    CLEANUP_FREE char *child = read_text("child"), *pid = read_text("pid");
    assert_true(alive(child));
    kill((pid_t)atoi(pid), SIGKILL);
    while (s.workers < 2) { /* until the next one is there; asked for once the first is known to be dead */
        struct backend_worker worker;
        uv_run(&s.loop, UV_RUN_ONCE);
        if (!s.ops->acquire(s.backend, 1, &worker)) {
            s.enough = 2;
            uv_run(&s.loop, UV_RUN_DEFAULT);
        }
    }
    CLEANUP_FREE char *second = read_text("pid");
    assert_string_not_equal(pid, second);
    assert_false(alive(child)); /* what the dead one left behind */
    CLEANUP_FREE char *other = read_text("child");
    close_backend(&s);
    assert_false(alive(other));
}

static void test_local_will_not_end(void **state)
{
    (void)state;
    struct seen s = {0};
    CLEANUP_FREE char *path = program("trap '' TERM HUP; echo $$ > pid; echo 127.0.0.1:4713 >&4; exec sleep 1000");
    open_backend(&s, "local", path, NULL);
    acquire(&s, 0);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    CLEANUP_FREE char *pid = read_text("pid");
    int64_t begun = clock_mono_us();
    close_backend(&s);
    assert_true(clock_mono_us() - begun > CLOCK_S);
    assert_false(alive(pid));
}

static void test_local_no_program(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct backend *b;
    uv_loop_t loop;
    static const unsigned char key[BACKEND_KEY_SIZE];
    const struct backend_events events = {on_worker, on_lost, on_trouble, NULL};
    const struct backend_config config = {.loop = &loop, .run = "x", .key = key, .parallelism = 1,
                                          .worker_program = "/nowhere/ktbatch-worker"};
    assert_int_equal(backend_local.open(&config, &events, &b, &err), -1);
    assert_int_equal(err.class, ERR_BACKEND);
    assert_non_null(strstr(err.text, "/nowhere/ktbatch-worker"));
}

static void test_fake(void **state)
{
    (void)state;
    struct seen s = {0};
    CLEANUP_FREE char *script = mem_printf("key %s/fake-key\nworker 127.0.0.1:7001 a\nlost it went away\ntrouble slow\nwait 1\n"
                                           "worker 127.0.0.1:7002 b\nfatal quota exceeded\n", folder);
    open_backend(&s, "fake", NULL, script);
    CLEANUP_FREE char *key = read_text("fake-key");
    assert_int_equal(strlen(key), 65);
    s.enough = 2;
    for (unsigned slot = 0; slot < 3; slot++)
        acquire(&s, slot);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    assert_int_equal(s.lost, 1);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    assert_int_equal(s.workers, 2);
    assert_int_equal(s.ports[0], 7001);
    assert_int_equal(s.ports[1], 7002);
    assert_true(s.fatal);
    assert_string_equal(s.trouble, "quota exceeded");
    close_backend(&s);
}

static void test_table(void **state)
{
    (void)state;
    assert_ptr_equal(backend_find("local"), &backend_local);
    assert_ptr_equal(backend_find("fake"), &backend_fake);
    assert_null(backend_find("clouds"));
    assert_null(backend_fake.summary);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/ktbatch-backend-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return path_remove(folder, &err);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_local_start),        TEST(test_local_dies_at_once), TEST(test_local_killed),
        TEST(test_local_will_not_end), TEST(test_local_no_program),   TEST(test_fake),
        TEST(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
