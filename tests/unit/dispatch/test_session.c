/* Sessions against scripted workers: phases, time limits, pausing, and how each ends. */
#include "dispatch/session.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "unit/dispatch/peer.h"
#include "unit/unit.h"

#define TASKS 5

static char folder[64], key_file[96];

struct seen {
    uv_loop_t loop;
    uv_timer_t tick;
    struct sessions *sessions;
    struct session *session;
    int proven, ready, results, failed, ended;
    int64_t answers;
    bool pause_at_first;
    bool finish; /* FINISH goes with the tasks */
    enum session_end how;
    char text[256];
};

static void on_proven(void *ctx, void *user)
{
    struct seen *s = ctx;
    struct buf *out = session_out(s->session);
    (void)user;
    s->proven++;
    message_setup_add(out, &(struct message_setup){.run = slice_str("cubes-1"), .library = slice_str("power_op"),
                                                   .digest = slice_str(""), .function = slice_str("power"),
                                                   .names = {"[\"x\"]", 5}, .env = {"{}", 2}, .cwd = slice_str("")});
    size_t begin = message_tasks_begin(out, 0, 1);
    buf_add_str(out, "[1],[2],[3],[4],[5]");
    message_tasks_end(out, begin);
    if (s->finish)
        message_empty_add(out, FRAME_FINISH);
}

static int on_ready(void *ctx, void *user, const struct message_ready *m, struct err *err)
{
    struct seen *s = ctx;
    (void)user;
    (void)m;
    (void)err;
    s->ready++;
    if (s->pause_at_first)
        sessions_pause(s->sessions, true);
    return 0;
}

static void acknowledge(struct seen *s)
{
    message_count_add(session_out(s->session), FRAME_ACK, s->answers);
    if (s->answers == TASKS)
        session_expect_end(s->session);
    session_flush(s->session);
}

static int on_results(void *ctx, void *user, const struct message_results *m, struct err *err)
{
    struct seen *s = ctx;
    (void)user;
    if (m->first != s->answers)
        return err_set(err, ERR_BACKEND, "task %d was not asked", (int)m->first);
    s->results++;
    s->answers += (int64_t)json_count(m->items) / 2;
    acknowledge(s);
    return 0;
}

static int on_failed(void *ctx, void *user, const struct message_failed *m, struct err *err)
{
    struct seen *s = ctx;
    (void)user;
    (void)err;
    assert_int_equal(m->task, s->answers);
    s->failed++;
    s->answers++;
    acknowledge(s);
    return 0;
}

static int on_output(void *ctx, void *user, const struct message_output *m, struct err *err)
{
    (void)ctx, (void)user, (void)m, (void)err;
    return 0;
}

static int on_progress(void *ctx, void *user, const struct message_progress *m, struct err *err)
{
    (void)ctx, (void)user, (void)m, (void)err;
    return 0;
}

static int on_dropped(void *ctx, void *user, int64_t tasks, struct err *err)
{
    (void)ctx, (void)user, (void)tasks, (void)err;
    return 0;
}

static void on_end(void *ctx, void *user, enum session_end how, const char *text)
{
    struct seen *s = ctx;
    (void)user;
    s->ended++;
    s->how = how;
    snprintf(s->text, sizeof s->text, "%s", text ? text : "");
    uv_close((uv_handle_t *)&s->tick, NULL);
}

static void on_tick(uv_timer_t *timer)
{
    struct seen *s = timer->data;
    sessions_tick(s->sessions);
    if (s->pause_at_first && s->ready) { /* it has been paused for a turn: go on */
        assert_int_equal(s->results, 0);
        s->pause_at_first = false;
        sessions_pause(s->sessions, false);
    }
}

/* One session with a worker at `port`, to its end. */
static void run(struct seen *s, int port, const struct session_limits *limits)
{
    struct sessions_config config = {
        .loop = &s->loop,
        .limits = *limits,
        .ctx = s,
        .events = {on_proven, on_ready, on_results, on_failed, on_output, on_progress, on_dropped, on_end},
    };
    struct sockaddr_in address;
    struct err err = ERR_INIT;
    if (path_exists(key_file))
        assert_int_equal(key_read(key_file, config.key, &err), 0);
    else
        assert_int_equal(key_create(key_file, config.key, &err), 0);
    uv_loop_init(&s->loop);
    uv_timer_init(&s->loop, &s->tick);
    s->tick.data = s;
    uv_timer_start(&s->tick, on_tick, 10, 10);
    uv_ip4_addr("127.0.0.1", port, &address);
    s->sessions = sessions_new(&config);
    s->session = session_open(s->sessions, (struct sockaddr *)&address, s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(s->ended, 1);
    assert_int_equal(sessions_count(s->sessions), 0);
    sessions_free(s->sessions);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

static struct seen with(struct peer_script script, const struct session_limits *limits)
{
    struct seen s = {.finish = true};
    struct peer *p = peer_start(&script, key_file);
    run(&s, peer_port(p), limits);
    peer_stop(p);
    return s;
}

static const struct session_limits brief = {400 * CLOCK_MS, 400 * CLOCK_MS, 400 * CLOCK_MS, 50 * CLOCK_MS};

static void test_clean(void **state)
{
    (void)state;
    struct seen s = with((struct peer_script){0}, &session_limits_default);
    assert_int_equal(s.how, SESSION_CLOSED);
    assert_int_equal(s.answers, TASKS);
    assert_int_equal(s.ready, 1);
}

static void test_split(void **state)
{
    (void)state;
    struct seen s = with((struct peer_script){.split = true, .fails = 2}, &session_limits_default);
    assert_int_equal(s.how, SESSION_CLOSED);
    assert_int_equal(s.failed, 3);
    assert_int_equal(s.answers, TASKS);
}

static void test_paused(void **state)
{
    (void)state;
    struct peer *p = peer_start(&(struct peer_script){0}, key_file);
    struct seen s = {.finish = true, .pause_at_first = true};
    run(&s, peer_port(p), &brief); /* and a pause is no silence */
    assert_int_equal(s.how, SESSION_CLOSED);
    assert_int_equal(s.answers, TASKS);
    peer_stop(p);
}

static void expect(struct peer_script script, const struct session_limits *limits, enum session_end how, const char *words)
{
    struct seen s = with(script, limits);
    assert_int_equal(s.how, how);
    if (!strstr(s.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, s.text);
}

static void test_bad_workers(void **state)
{
    (void)state;
    const struct session_limits *usual = &session_limits_default;
    expect((struct peer_script){.fault = PEER_WRONG_KEY}, usual, SESSION_UNREACHABLE, "key");
    expect((struct peer_script){.fault = PEER_GARBAGE}, usual, SESSION_UNREACHABLE, "");
    expect((struct peer_script){.fault = PEER_SILENT}, &brief, SESSION_UNREACHABLE, "did not answer as a worker does");
    expect((struct peer_script){.fault = PEER_SILENT_LATER}, &brief, SESSION_LOST, "silent");
    expect((struct peer_script){.fault = PEER_REFUSES}, usual, SESSION_REFUSED, "no library power_op.so in /nowhere");
    expect((struct peer_script){.fault = PEER_DIES, .after = 2}, usual, SESSION_LOST, "");
    expect((struct peer_script){.fault = PEER_WRONG_TASK, .after = 2}, usual, SESSION_LOST, "was not asked");
    expect((struct peer_script){.fault = PEER_BROKEN_JSON, .after = 2}, usual, SESSION_LOST, "");
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct peer *p = peer_start(&(struct peer_script){0}, key_file);
    int port = peer_port(p);
    struct seen s = {0};
    peer_stop(p);
    run(&s, port, &session_limits_default);
    assert_int_equal(s.how, SESSION_UNREACHABLE);
    assert_non_null(strstr(s.text, "refused"));
}

static void test_alive(void **state)
{
    (void)state;
    /* Tasks that take longer than the silence allowed, but the worker's answers come often enough. */
    struct session_limits limits = session_limits_default;
    limits.alive = 5 * CLOCK_MS;
    struct seen s = with((struct peer_script){.task_ms = 20}, &limits);
    assert_int_equal(s.how, SESSION_CLOSED);
    assert_int_equal(s.answers, TASKS);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as session.h asks */
    strcpy(folder, "/tmp/ktbatch-session-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(key_file, sizeof key_file, "%s/key", folder);
    unsigned char key[WIRE_KEY_SIZE];
    struct err err = ERR_INIT;
    return key_create(key_file, key, &err);
}

static int teardown(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return path_remove(folder, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),          cmocka_unit_test(test_split), cmocka_unit_test(test_paused),
        cmocka_unit_test(test_bad_workers),    cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_alive),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
