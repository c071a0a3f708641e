/* Connections: strangers, proof, refusals, DROP, keep-alives, the order of closing; nothing of what tasks do. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "runner.h"
#include "unit/unit.h"

static const struct client_setup naps = {.function = "faulty.nap", .names = "[\"ms\"]"};

/* Waits until the peer closes, whatever it sends before. */
static void wait_closed(int fd)
{
    char bytes[512];
    struct pollfd p = {fd, POLLIN, 0};
    for (;;) {
        assert_int_equal(poll(&p, 1, 60000), 1);
        if (recv(fd, bytes, sizeof bytes, 0) <= 0)
            return;
    }
}

static void one_good_session(struct worker *w)
{
    struct client c;
    client_open(&c, w);
    client_setup(&c, &naps);
    client_tasks(&c, 0, 1, "[0],[1]");
    client_answers(&c, 2);
    client_finish(&c);
    client_close(&c);
}

static void strangers_use_nothing_up(void **state)
{
    enum { SILENT = 300 };
    struct worker w;
    int silent[SILENT];
    (void)state;
    worker_start(&w, 0);
    for (int i = 0; i < SILENT; i++)
        assert_true((silent[i] = client_dial(&w)) >= 0);
    /* A scanner, somebody with half a frame, and one who asks for more memory than a stranger gets. */
    int scanner = client_dial(&w), half = client_dial(&w), large = client_dial(&w), gone = client_dial(&w);
    assert_int_equal(send(scanner, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
    assert_int_equal(send(half, "\0\0\0\x25\1\0\0", 7, 0), 7);
    assert_int_equal(send(large, "\0\0\x10\0\1", 5, 0), 5);
    close(gone);
    wait_closed(scanner);
    wait_closed(large);
    one_good_session(&w);
    assert_int_equal(worker_wait(&w), 0);
    wait_closed(half);
    for (int i = 0; i < SILENT; i++) {
        wait_closed(silent[i]);
        close(silent[i]);
    }
    close(scanner);
    close(half);
    close(large);
}

static void more_strangers_than_places(void **state)
{
    enum { SILENT = 1200 };
    struct worker w;
    static int silent[SILENT];
    (void)state;
    worker_start(&w, 1);
    for (int i = 0; i < SILENT; i++) {
        silent[i] = client_dial(&w);
        if (silent[i] < 0)
            skip(); /* this machine gives us too few descriptors */
    }
    one_good_session(&w);
    wait_closed(silent[0]); /* the oldest had to go */
    for (int i = 0; i < SILENT; i++)
        close(silent[i]);
    worker_stop(&w);
}

static void a_wrong_key_is_turned_away(void **state)
{
    struct worker w;
    struct handshake h;
    struct frame f;
    struct frame_reader reader = {.max = WIRE_HANDSHAKE_MAX};
    struct err err = ERR_INIT;
    CLEANUP_BUF struct buf out = {0};
    (void)state;
    worker_start(&w, 0);
    int fd = client_dial(&w);
    handshake_connect(&h, &out);
    assert_int_equal(send(fd, out.data, out.len, 0), (ssize_t)out.len);
    while (frame_next(&reader, &f, &err) == 0) {
        ssize_t n = recv(fd, frame_room(&reader, 256), 256, 0);
        assert_true(n > 0);
        frame_feed(&reader, (size_t)n);
    }
    assert_int_equal(f.type, FRAME_CHALLENGE);
    unsigned char other[WIRE_KEY_SIZE] = {1};
    buf_clear(&out);
    assert_int_equal(handshake_prove(&h, &f, other, &out, &err), -1); /* we would notice … */
    buf_clear(&out);
    frame_add(&out, FRAME_PROOF, other, sizeof other); /* … and so does the worker */
    assert_int_equal(send(fd, out.data, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
    wait_closed(fd);
    close(fd);
    frame_reader_done(&reader);
    one_good_session(&w);
    assert_int_equal(worker_wait(&w), 0);
}

static void the_listening_socket_closes_on_claim(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &naps);
    client_line(&c, "ready");
    assert_int_equal(client_dial(&w), -1);
    assert_int_equal(errno, ECONNREFUSED);
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void the_worker_closes_first_and_only_after_the_last_ack(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &naps);
    client_tasks(&c, 0, 1, "[0]");
    client_say(&c, FRAME_FINISH);
    client_answers(&c, 1);
    struct pollfd p = {c.fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 50), 0); /* it waits for the ACK */
    client_count(&c, FRAME_ACK, 1);
    client_end(&c);
    assert_int_equal(worker_wait(&w), 0); /* and is gone while our end is still open */
    client_close(&c);
}

static void all_in_one_write(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 1);
    for (int i = 0; i < 50; i++) {
        client_open(&c, &w);
        message_setup_add(&c.out, &(struct message_setup){.run = {"a-1", 3}, .tasks = 1, .library = {"faulty", 6},
                                                          .function = {"nap", 3}, .names = {"null", 4}, .env = {"{}", 2}});
        message_empty_add(&c.out, FRAME_ALIVE);
        size_t begin = message_tasks_begin(&c.out, i, 1);
        buf_add_str(&c.out, "[0]");
        message_tasks_end(&c.out, begin);
        client_say(&c, FRAME_FINISH);
        client_answers(&c, 1);
        client_count(&c, FRAME_ACK, 1);
        client_end(&c);
        client_close(&c);
    }
    worker_stop(&w);
}

/* Every byte in a write of its own. */
static void a_stream_in_crumbs(void **state)
{
    struct worker w;
    struct client c;
    CLEANUP_BUF struct buf all = {0};
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    message_setup_add(&all, &(struct message_setup){.run = {"a-1", 3}, .library = {"faulty", 6}, .function = {"increment", 9},
                                                    .names = {"null", 4}, .env = {"{}", 2}});
    size_t begin = message_tasks_begin(&all, 0, 1);
    buf_add_str(&all, "[41],[1]");
    message_tasks_end(&all, begin);
    for (size_t i = 0; i < all.len; i++) {
        buf_add(&c.out, all.data + i, 1);
        assert_true(client_send(&c));
    }
    client_answers(&c, 2);
    client_expect(&c, "ok 0 1 42");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

static void refusals_name_what_is_missing(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 1);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "nothing.here"});
    client_tasks(&c, 0, 1, "[1],[2]");
    client_tasks(&c, 2, 1, "[1],[2]");
    client_end(&c);
    client_expect(&c, "refused no task library nothing.so on this worker; looked in *");
    client_close(&c);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "power_op.pwoer"});
    client_end(&c);
    client_expect(&c, "refused power_op.so has no function \"pwoer\"; it has: power");
    client_close(&c);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "../../etc.passwd"});
    client_end(&c);
    client_expect(&c, "refused \"../../etc\" is no name of a task library: it has a slash in it");
    client_close(&c);
    one_good_session(&w);
    worker_stop(&w);

    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "nothing.here"});
    client_end(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 1);
}

static void drop_takes_back_what_has_not_begun(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &naps);
    client_tasks(&c, 0, 1, "[0],[0],[300]");
    client_answers(&c, 2);
    client_tasks(&c, 3, 1, "[0],[0],[0]");
    client_say(&c, FRAME_DROP);
    client_line(&c, "dropped");
    client_expect(&c, "dropped 3");
    client_tasks(&c, 5, 1, "[0],[1]"); /* some of them again, and more after a second DROP */
    client_answers(&c, 5);
    client_expect(&c, "ok 2 1 300");
    client_expect(&c, "ok 6 1 1");
    client_say(&c, FRAME_DROP);
    client_line(&c, "dropped 0");
    client_tasks(&c, 3, 2, "[0]");
    client_answers(&c, 6);
    assert_false(client_has(&c, "ok 3 1*"));
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

/* However DROP falls between tiny tasks: answers and dropped ones are all that were sent. */
static void drop_at_any_moment(void **state)
{
    enum { TASKS = 5000 };
    struct worker w;
    CLEANUP_BUF struct buf items = {0};
    (void)state;
    for (int i = 0; i < TASKS; i++)
        buf_printf(&items, "%s[%d]", i ? "," : "", i);
    worker_start(&w, 2);
    for (int round = 0; round < 40; round++) {
        struct client c;
        client_open(&c, &w);
        client_setup(&c, &(struct client_setup){.function = "faulty.increment"});
        client_tasks(&c, 0, 1, buf_cstr(&items));
        client_answers(&c, round % 4 ? 1 : 0);
        client_say(&c, FRAME_DROP);
        client_line(&c, "dropped");
        const char *at = strstr(buf_cstr(&c.log), "dropped ");
        client_answers(&c, TASKS - atoll(at + 8));
        client_finish(&c);
        assert_int_equal(c.answers, TASKS - atoll(strstr(buf_cstr(&c.log), "dropped ") + 8));
        client_close(&c);
    }
    worker_stop(&w);
}

static void one_shot_tasks_wait_for_their_turn(void **state)
{
    struct worker w;
    struct client a, b, c;
    struct client_setup one = naps;
    (void)state;
    one.tasks = 1;
    worker_start(&w, 1);
    client_open(&a, &w);
    client_setup(&a, &one);
    client_tasks(&a, 0, 1, "[300]");
    client_open(&b, &w);
    client_setup(&b, &one);
    client_tasks(&b, 1, 1, "[0]");
    client_open(&c, &w);
    client_setup(&c, &one);
    client_tasks(&c, 2, 1, "[0]");
    client_say(&c, FRAME_DROP); /* it has not begun: the one slot is taken */
    client_line(&c, "dropped 1");
    client_finish(&c);
    client_answers(&b, 1);
    client_answers(&a, 1); /* the answer was on its way before that of the other */
    struct pollfd p = {a.fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 0), 0);
    client_finish(&b);
    client_finish(&a);
    client_close(&a);
    client_close(&b);
    client_close(&c);
    worker_stop(&w);
}

static void many_sessions_at_once(void **state)
{
    enum { SESSIONS = 60 };
    static struct client c[SESSIONS];
    struct worker w;
    (void)state;
    worker_start(&w, 3);
    for (int i = 0; i < SESSIONS; i++) {
        struct client_setup setup = {.function = "faulty.increment", .tasks = i % 2};
        client_open(&c[i], &w);
        client_setup(&c[i], &setup);
        client_tasks(&c[i], i, 1, i % 2 ? "[6]" : "[1],[2],[3]");
    }
    for (int i = SESSIONS - 1; i >= 0; i--) {
        client_answers(&c[i], i % 2 ? 1 : 3);
        client_finish(&c[i]);
        client_close(&c[i]);
    }
    worker_stop(&w);
}

static void both_sides_hear_that_the_other_lives(void **state)
{
    struct worker w;
    struct client c;
    (void)state;
    worker_start(&w, 0);
    client_open(&c, &w);
    client_setup(&c, &naps);
    client_line(&c, "ready");
    client_line(&c, "alive");
    client_finish(&c);
    client_close(&c);
    assert_int_equal(worker_wait(&w), 0);
}

/* Each of these ends the session at once. */
static void breaches_of_the_protocol(void **state)
{
    static const struct {
        enum frame_type type;
        const char *body;
    } cases[] = {
        {FRAME_RESULTS, "{}"},  {FRAME_SETUP, "{"},           {FRAME_SETUP, "{\"run\":\"a\"}"}, {FRAME_TASKS, "[]"},
        {FRAME_CONNECT, ""},    {FRAME_ACK, "{\"tasks\":7}"}, {FRAME_ACK, "{\"tasks\":-1}"},    {FRAME_ALIVE + 1, ""},
        {FRAME_TASKS, "{\"first\":0,\"attempt\":1,\"items\":[[1],]}"},
        {FRAME_TASKS, "{\"first\":-1,\"attempt\":1,\"items\":[[1]]}"},
        {FRAME_STOP, ""},
    };
    struct worker w;
    (void)state;
    worker_start(&w, 1);
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        struct client c;
        client_open(&c, &w);
        if (i % 2)
            client_setup(&c, &naps);
        frame_add(&c.out, FRAME_ALIVE, cases[i / 2].body, strlen(cases[i / 2].body));
        c.out.data[c.out.len - strlen(cases[i / 2].body) - 1] = (char)cases[i / 2].type;
        client_send(&c);
        client_end(&c);
        client_close(&c);
    }
    one_good_session(&w);
    worker_stop(&w);
}

static void it_does_not_grow(void **state)
{
    struct worker w;
    char path[64], text[256], before[16] = "", after[16] = "";
    (void)state;
#ifdef KT_SANITIZED
    skip();
#endif
    worker_start(&w, 2);
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)w.pid);
    for (int i = 0; i < 1200; i++) {
        struct client c;
        struct client_setup setup = {.function = "faulty.increment", .tasks = i % 2};
        client_open(&c, &w);
        client_setup(&c, &setup);
        client_tasks(&c, i, 1, "[1]");
        client_answers(&c, 1);
        client_finish(&c);
        client_close(&c);
        if (i == 199 || i == 1199) {
            FILE *f = fopen(path, "r");
            assert_non_null(fgets(text, sizeof text, f));
            fclose(f);
            assert_int_equal(sscanf(text, "%*s %15s", i == 199 ? before : after), 1);
        }
    }
    assert_true(atol(after) <= atol(before) + 16); /* pages */
    worker_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_use_nothing_up),
        cmocka_unit_test(more_strangers_than_places),
        cmocka_unit_test(a_wrong_key_is_turned_away),
        cmocka_unit_test(the_listening_socket_closes_on_claim),
        cmocka_unit_test(the_worker_closes_first_and_only_after_the_last_ack),
        cmocka_unit_test(all_in_one_write),
        cmocka_unit_test(a_stream_in_crumbs),
        cmocka_unit_test(refusals_name_what_is_missing),
        cmocka_unit_test(drop_takes_back_what_has_not_begun),
        cmocka_unit_test(drop_at_any_moment),
        cmocka_unit_test(one_shot_tasks_wait_for_their_turn),
        cmocka_unit_test(many_sessions_at_once),
        cmocka_unit_test(both_sides_hear_that_the_other_lives),
        cmocka_unit_test(breaches_of_the_protocol),
        cmocka_unit_test(it_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
