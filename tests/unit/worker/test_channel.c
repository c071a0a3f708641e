/* The shared memory between session and executor, with both sides in one process or a forked child. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "channel.h"
#include "unit/unit.h"

static struct channel_place start_executor(struct channel *c)
{
    struct channel_place place;
    assert_int_equal(channel_executor_starts(&place, c, c->wake_executor, c->nudged.fd), 0);
    return place;
}

static struct slice text(const char *t)
{
    return slice_str(t);
}

static void expect_task(struct channel_place *place, int64_t task, int attempt, const char *item)
{
    struct channel_task t;
    assert_true(channel_next(place, &t));
    assert_int_equal(t.task, task);
    assert_int_equal(t.attempt, attempt);
    assert_int_equal(t.item.len, strlen(item));
    assert_memory_equal(t.item.p, item, t.item.len);
}

static void items_come_in_order(void **state)
{
    uint64_t a, b;
    int64_t started;
    (void)state;
    struct channel *c = channel_get(100, true);
    channel_begin(c, 0, 0, 0);
    assert_true(channel_send(c, 4, 1, text("[[1],[2,\"x\"]]"), &a));
    assert_true(channel_send(c, 9, 2, text("[[]]"), &b));
    struct channel_place place = start_executor(c);
    assert_false(channel_open_for_tasks(c));
    expect_task(&place, 4, 1, "[1]");
    assert_true(channel_open_for_tasks(c));
    assert_int_equal(channel_begun(c, &started), 1);
    assert_int_equal(started, 0);
    channel_started(&place, 77);
    channel_begun(c, &started);
    assert_int_equal(started, 77);
    expect_task(&place, 5, 1, "[2,\"x\"]");
    expect_task(&place, 9, 2, "[]");
    assert_int_equal(channel_begun(c, &started), 3);
    channel_put(c, false);
}

static void a_later_executor_goes_on(void **state)
{
    uint64_t a, b;
    (void)state;
    struct channel *c = channel_get(100, true);
    assert_true(channel_send(c, 0, 1, text("[[0],[1],[2]]"), &a));
    assert_true(channel_send(c, 3, 1, text("[[3]]"), &b));
    channel_begin(c, a, 2, 2);
    struct channel_place place = start_executor(c);
    expect_task(&place, 2, 1, "[2]");
    expect_task(&place, 3, 1, "[3]");
    channel_begin(c, b, 0, 3);
    place = start_executor(c);
    expect_task(&place, 3, 1, "[3]");
    channel_put(c, false);
}

static void the_ring_wraps(void **state)
{
    uint64_t at = 0, before = 0;
    int64_t first = 0;
    (void)state;
    struct channel *c = channel_get(100, true);
    channel_begin(c, 0, 0, 0);
    struct channel_place place = start_executor(c);
    for (int round = 0; round < 500; round++) {
        char items[64];
        snprintf(items, sizeof items, "[[\"%.*s\"],[%d]]", round % 40, "........................................", round);
        assert_true(channel_send(c, first, 1, text(items), &at));
        char item[64];
        snprintf(item, sizeof item, "[\"%.*s\"]", round % 40, "........................................");
        expect_task(&place, first, 1, item);
        snprintf(item, sizeof item, "[%d]", round);
        expect_task(&place, first + 1, 1, item);
        assert_true(round == 0 || at > before);
        before = at;
        channel_release(c, at);
        first += 2;
    }
    channel_put(c, false);
}

static void full_is_full(void **state)
{
    uint64_t at;
    int n = 0;
    (void)state;
    struct channel *c = channel_get(100, true);
    channel_begin(c, 0, 0, 0);
    while (channel_send(c, n, 1, text("[[123456789]]"), &at))
        n++;
    assert_in_range(n, 20, 60);
    channel_release(c, at);
    assert_true(channel_send(c, n, 1, text("[[1]]"), &at));
    assert_false(channel_can_hold(c, 100000));
    channel_put(c, false);
    c = channel_get(10 << 20, false);
    assert_true(channel_can_hold(c, 10 << 20));
    channel_put(c, false);
}

static void a_limit_stops_it(void **state)
{
    uint64_t at;
    int64_t started;
    struct channel_task task;
    (void)state;
    struct channel *c = channel_get(100, true);
    channel_begin(c, 0, 0, 0);
    assert_true(channel_send(c, 0, 1, text("[[0],[1],[2]]"), &at));
    struct channel_place place = start_executor(c);
    expect_task(&place, 0, 1, "[0]");
    channel_limit(c, 1);
    channel_quit(c); /* else it would wait */
    assert_false(channel_next(&place, &task));
    assert_int_equal(channel_begun(c, &started), 1);
    channel_put(c, true);
}

/* Records of all lengths, to an executor in a process of its own, through a ring that they do not fit. */
static void records_through_a_small_ring(void **state)
{
    enum { RECORDS = 300 };
    (void)state;
    struct channel *c = channel_get(100, true);
    channel_begin(c, 0, 0, 0);
    pid_t pid = fork();
    if (pid == 0) {
        static char bytes[RECORDS * 31];
        struct channel_place place = start_executor(c);
        memset(bytes, 'r', sizeof bytes);
        for (uint32_t i = 0; i < RECORDS; i++)
            channel_put_record(&place, (struct record){.len = i * 31, .kind = RECORD_OUTPUT, .at = i},
                               (struct slice){bytes, i * 31});
        channel_nudge(&place);
        _exit(0);
    }
    CLEANUP_BUF struct buf got = {0};
    size_t expected = 0;
    for (size_t i = 0; i < RECORDS; i++)
        expected += sizeof(struct record) + i * 31;
    while (got.len < expected) {
        uint64_t count;
        if (read(c->nudged.fd, &count, sizeof count) < 0)
            usleep(100);
        assert_int_equal(channel_receive(c, &got), 0);
    }
    const char *p = got.data;
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct record r;
        memcpy(&r, p, sizeof r);
        assert_int_equal(r.len, i * 31);
        assert_int_equal(r.at, i);
        p += sizeof r + r.len;
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    channel_put(c, false);
}

/* What the session writes is read-only for the executor; what the executor writes is not believed. */
static void scribbling(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf got = {0};
    struct channel *c = channel_get(100, false);
    channel_begin(c, 0, 0, 0);
    for (int part = 0; part < 2; part++) {
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGSEGV, SIG_DFL);
            struct channel_place place = start_executor(c);
            memset(part ? (char *)place.channel.answers : place.channel.in_ring, 0xff, 128);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WIFSIGNALED(status), part == 0);
    }
    assert_int_equal(channel_receive(c, &got), -1);
    channel_begin(c, 0, 0, 0);
    assert_int_equal(channel_receive(c, &got), 0);
    channel_put(c, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_order),
        cmocka_unit_test(a_later_executor_goes_on),
        cmocka_unit_test(the_ring_wraps),
        cmocka_unit_test(full_is_full),
        cmocka_unit_test(a_limit_stops_it),
        cmocka_unit_test(records_through_a_small_ring),
        cmocka_unit_test(scribbling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
