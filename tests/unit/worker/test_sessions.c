/* Connections: strangers, proof, refusals, DROP, keep-alives, the order of closing; nothing of what tasks do. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"
#include "unit/unit.h"

static const struct client_setup naps = {.function = "faulty.nap", .names = "[\"ms\"]"};

/* Waits until the worker closes, which it does without (another) word. */
static void wait_closed(int fd)
{
    char byte;
    struct pollfd p = {fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
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
        if (silent[i] >= 0)
            continue;
        while (i)
            close(silent[--i]);
        worker_stop(&w);
        skip(); /* this machine gives us too few descriptors */
    }
    one_good_session(&w);
    wait_closed(silent[0]); /* the oldest had to go */
    for (int i = 0; i < SILENT; i++)
        close(silent[i]);
    worker_stop(&w);
}

/* The worker hangs up on that PROOF, and goes on listening. */
static void expect_turned_away(struct client *c, const void *proof)
{
    frame_add(&c->out, FRAME_PROOF, proof, DIGEST_SIZE);
    assert_true(client_send(c));
    wait_closed(c->fd);
    client_close(c);
}

static void a_wrong_key_is_turned_away(void **state)
{
    static const unsigned char other[WIRE_KEY_SIZE] = {1};
    struct worker w;
    struct client c;
    struct handshake h;
    struct frame challenge;
    struct err err = ERR_INIT;
    CLEANUP_BUF struct buf connect = {0}, proof = {0};
    (void)state;
    worker_start(&w, 0);
    handshake_connect(&h, &connect);
    client_greet(&c, &w, &connect, &challenge);
    assert_int_equal(handshake_prove(&h, &challenge, other, &proof, &err), -1); /* we would notice … */
    expect_turned_away(&c, other);                                              /* … and so does the worker */
    one_good_session(&w);
    assert_int_equal(worker_wait(&w), 0);
}

/* The worker's own proof is not the runner's. */
static void a_reflected_proof_is_turned_away(void **state)
{
    struct worker w;
    struct client c;
    struct handshake h;
    struct frame challenge;
    CLEANUP_BUF struct buf connect = {0};
    (void)state;
    worker_start(&w, 1);
    handshake_connect(&h, &connect);
    client_greet(&c, &w, &connect, &challenge);
    expect_turned_away(&c, challenge.body + challenge.len - DIGEST_SIZE);
    one_good_session(&w);
    worker_stop(&w);
}

/* A whole handshake that was overheard, said again: the worker's nonce is another one. It claims nothing. */
static void a_replayed_handshake_is_turned_away(void **state)
{
    struct worker w;
    struct client c;
    struct handshake h;
    struct frame challenge;
    struct err err = ERR_INIT;
    CLEANUP_BUF struct buf connect = {0}, proof = {0};
    (void)state;
    worker_start(&w, 0);
    handshake_connect(&h, &connect);
    client_greet(&c, &w, &connect, &challenge);
    assert_int_equal(handshake_prove(&h, &challenge, w.key, &proof, &err), 0);
    client_close(&c); /* before it could use its proof: the worker goes on listening */
    client_greet(&c, &w, &connect, &challenge);
    expect_turned_away(&c, proof.data + WIRE_HEADER);
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

/* One session of a function that the worker has not got: the first thing that it says, whatever was sent meanwhile. */
static void expect_refusal(struct worker *w, const char *function, const char *line)
{
    struct client c;
    client_open(&c, w);
    client_setup(&c, &(struct client_setup){.function = function});
    client_tasks(&c, 0, 1, "[1],[2]");
    client_tasks(&c, 2, 1, "[1],[2]");
    client_end(&c);
    client_expect(&c, line);
    assert_memory_equal(buf_cstr(&c.log), "refused ", 8);
    client_close(&c);
}

static void refusals_name_what_is_missing(void **state)
{
    static const struct {
        const char *function, *line;
    } cases[] = {
        {"nothing.here", "refused no task library nothing.so on this worker; looked in *"},
        {"power_op.pwoer", "refused power_op.so has no function \"pwoer\"; it has: power"},
        {"../../etc.passwd", "refused \"../../etc\" is no name of a task library: it has a slash in it"},
    };
    struct worker w;
    (void)state;
    worker_start(&w, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refusal(&w, cases[i].function, cases[i].line);
    one_good_session(&w);
    worker_stop(&w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        worker_start(&w, 0);
        expect_refusal(&w, cases[i].function, cases[i].line);
        assert_int_equal(worker_wait(&w), 1);
    }
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
        int64_t kept = TASKS - atoll(at + 8);
        client_answers(&c, kept);
        client_tasks(&c, TASKS, 1, "[1]"); /* and it goes on */
        client_line(&c, "ok 5000 1 2");
        client_finish(&c);
        assert_int_equal(c.answers, kept + 1);
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

/* The n-th process that `pid` has started; waits for it. */
static pid_t nth_child(pid_t pid, int n)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
    for (int tries = 0; tries < 30000; tries++, poll(NULL, 0, 2)) {
        long child = 0;
        int found = 0;
        FILE *f = fopen(path, "r");
        while (f && found < n && fscanf(f, "%ld", &child) == 1)
            found++;
        if (f)
            fclose(f);
        if (found == n)
            return (pid_t)child;
    }
    fail_msg("the worker has no %d processes", n);
    return -1;
}

/* The process of the next one-shot task is there before its turn: nothing may begin in it, and it may go. */
static void the_process_of_the_next_one_waits(void **state)
{
    struct worker w;
    struct client a, b;
    struct client_setup one = naps;
    (void)state;
    one.tasks = 1;
    worker_start(&w, 1);
    client_open(&a, &w);
    client_setup(&a, &one);
    client_tasks(&a, 0, 1, "[2000]");
    client_open(&b, &w);
    client_setup(&b, &one);
    client_tasks(&b, 1, 1, "[0]");
    pid_t waiting = nth_child(w.pid, 2);
    client_say(&b, FRAME_DROP);
    client_line(&b, "dropped 1");
    wait_gone(waiting);
    client_tasks(&b, 7, 1, "[0]");
    kill(nth_child(w.pid, 2), SIGKILL); /* somebody's doing: no task had begun there, none has failed */
    client_answers(&b, 1);
    client_expect(&b, "ok 7 1 0");
    client_answers(&a, 1);
    client_expect(&a, "ok 0 1 2000");
    client_finish(&b);
    client_finish(&a);
    client_close(&a);
    client_close(&b);
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
    struct client c;
    client_open(&c, &w);
    client_setup(&c, &(struct client_setup){.function = "faulty.nap", .names = "[\"ms\"]", .tasks = 1});
    client_tasks(&c, 0, 1, "[0],[1]");
    client_end(&c);
    client_close(&c);
    one_good_session(&w);
    worker_stop(&w);
}

static void short_sessions(const struct worker *w, int n)
{
    for (int i = 0; i < n; i++) {
        struct client c;
        const char *how = i % 3 ? "ok" : "print";
        char text[32];
        client_open(&c, w);
        client_setup(&c, &(struct client_setup){.function = "faulty.go", .names = "[\"how\"]", .tasks = i % 2});
        snprintf(text, sizeof text, "[\"%s\"]", how);
        client_tasks(&c, i, 1, text);
        client_say(&c, FRAME_FINISH);
        client_answers(&c, 1);
        snprintf(text, sizeof text, "ok %d 1 \"%s\"", i, how);
        client_expect(&c, text);
        client_count(&c, FRAME_ACK, 1);
        client_end(&c);
        client_close(&c);
    }
}

/* Pages of memory that it has now. */
static int64_t resident(pid_t pid)
{
    char path[64];
    long long pages = -1;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*s %lld", &pages), 1);
    fclose(f);
    return pages;
}

static int open_descriptors(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void it_does_not_grow(void **state)
{
    struct worker w;
    (void)state;
    worker_start(&w, 2);
    short_sessions(&w, 200);
    int64_t before = resident(w.pid);
    int descriptors = open_descriptors(w.pid);
    short_sessions(&w, 3000);
#ifndef KT_SANITIZED /* a sanitizer keeps what was freed */
    assert_in_range(resident(w.pid), 0, before + 16);
#endif
    (void)before;
    /* A few more or less: the last session's socket before its close; a channel (four of them), if executors overlapped. */
    assert_in_range(open_descriptors(w.pid), 0, descriptors + 10);
    worker_stop(&w);
}

int main(void)
{
    struct rlimit files; /* a usual limit is 1024: fewer than the strangers here */
    const struct CMUnitTest tests[] = {
        WORKER_TEST(strangers_use_nothing_up),
        WORKER_TEST(more_strangers_than_places),
        WORKER_TEST(a_wrong_key_is_turned_away),
        WORKER_TEST(a_reflected_proof_is_turned_away),
        WORKER_TEST(a_replayed_handshake_is_turned_away),
        WORKER_TEST(the_listening_socket_closes_on_claim),
        WORKER_TEST(the_worker_closes_first_and_only_after_the_last_ack),
        WORKER_TEST(all_in_one_write),
        WORKER_TEST(a_stream_in_crumbs),
        WORKER_TEST(refusals_name_what_is_missing),
        WORKER_TEST(drop_takes_back_what_has_not_begun),
        WORKER_TEST(drop_at_any_moment),
        WORKER_TEST(one_shot_tasks_wait_for_their_turn),
        WORKER_TEST(the_process_of_the_next_one_waits),
        WORKER_TEST(many_sessions_at_once),
        WORKER_TEST(both_sides_hear_that_the_other_lives),
        WORKER_TEST(breaches_of_the_protocol),
        WORKER_TEST(it_does_not_grow),
    };
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)!setrlimit(RLIMIT_NOFILE, &files);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
