/* The real ktbatch-worker, over the loopback: strangers, sessions, every way a task can end, and what is left afterwards. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"

#include "unit/unit.h"

static void expect_ok(struct client *c, int64_t task, const char *result)
{
    struct answer a;
    client_answer(c, &a);
    assert_true(a.ok);
    assert_int_equal(a.task, task);
    assert_string_equal(a.text, result);
    answer_done(&a);
}

static void expect_failed(struct client *c, int64_t task, enum outcome outcome, int status, const char *message)
{
    struct answer a;
    client_answer(c, &a);
    assert_false(a.ok);
    assert_int_equal(a.task, task);
    assert_string_equal(outcome_name(a.outcome), outcome_name(outcome));
    assert_int_equal(a.status, status);
    if (!strstr(a.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, a.text);
    answer_done(&a);
}

static void test_one_session(void **state)
{
    (void)state;
    struct worker w;
    struct client c, late;
    worker_start(&w, NULL);
    client_open(&w, &c, "power_op", "power", 0, 0);
    client_tasks(&c, 0, 1, "[2]");
    client_tasks(&c, 1, 1, "[2097152]");
    client_tasks(&c, 2, 2, "[-3]");
    client_send(&c);
    expect_ok(&c, 0, "8");
    expect_failed(&c, 1, OUTCOME_ERROR, 0, "does not fit");
    expect_ok(&c, 2, "-27");
    expect_ok(&c, 3, "-27");
    /* Claimed: nobody else gets in, nor waits. */
    assert_int_equal(client_connect(&w, &late), -1);
    assert_int_equal(errno, ECONNREFUSED);
    client_finish(&c);
    assert_int_equal(worker_wait(&w), 0);
    worker_end(&w);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *library, *function, *says;
    } cases[] = {{"power_op", "pwoer", "has no function \"pwoer\"; it has: power"}, {"no_such", "x", "no task library no_such.so"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct worker w;
        struct client c;
        struct frame f;
        struct slice text;
        struct err err = ERR_INIT;
        worker_start(&w, NULL);
        client_open(&w, &c, cases[i].library, cases[i].function, 0, 0);
        client_tasks(&c, 0, 1, "[1]");
        client_send(&c);
        assert_true(client_next(&c, &f));
        assert_int_equal(f.type, FRAME_REFUSED);
        assert_int_equal(message_refused_read(&f, &text, &c.texts, &err), 0);
        assert_non_null(strstr(text.p, cases[i].says));
        client_close(&c);
        assert_int_equal(worker_wait(&w), 1);
        worker_end(&w);
    }
}

static void test_strangers(void **state)
{
    (void)state;
    struct worker w;
    struct client silent[200], c, garbage, wrong;
    unsigned char other[WIRE_KEY_SIZE] = {1};
    struct frame f;
    worker_start(&w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        assert_int_equal(client_connect(&w, &silent[i]), 0);
    assert_int_equal(client_connect(&w, &garbage), 0);
    buf_add_str(&garbage.out, "GET / HTTP/1.1\r\nHost: worker\r\n\r\n");
    client_send(&garbage);
    assert_false(client_next(&garbage, &f));
    assert_int_equal(client_connect(&w, &wrong), 0);
    assert_false(client_prove(&wrong, other));
    client_open(&w, &c, "power_op", "power", 0, 0);
    client_tasks(&c, 0, 1, "[3]");
    client_send(&c);
    expect_ok(&c, 0, "27");
    client_finish(&c);
    assert_int_equal(worker_wait(&w), 0);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        client_close(&silent[i]);
    client_close(&garbage);
    client_close(&wrong);
    worker_end(&w);
}

static void test_reflected_proof(void **state)
{
    (void)state;
    struct worker w;
    struct client c;
    struct frame f;
    struct handshake h;
    worker_start(&w, "1");
    assert_int_equal(client_connect(&w, &c), 0);
    handshake_connect(&h, &c.out);
    client_send(&c);
    assert_true(client_next(&c, &f));
    /* The worker's own proof is not the runner's. */
    frame_add(&c.out, FRAME_PROOF, f.body + f.len - DIGEST_SIZE, DIGEST_SIZE);
    client_send(&c);
    assert_false(client_next(&c, &f));
    client_close(&c);
    worker_end(&w);
}

/* Each way to fail, one after the other in one session: it goes on, and names each. */
static void fail_in_every_way(int64_t tasks_a_session)
{
    static const struct {
        const char *item;
        enum outcome outcome;
        int status;
        const char *text;
    } ways[] = {
        {"[\"error\"]", OUTCOME_ERROR, 0, "boom"},
        {"[\"ok\"]", OUTCOME_OK, 0, "\"ok\""},
        {"[\"segv\"]", OUTCOME_SIGNAL, SIGSEGV, "SIGSEGV"},
        {"[\"ok\"]", OUTCOME_OK, 0, "\"ok\""},
        {"[\"abort\"]", OUTCOME_SIGNAL, SIGABRT, "SIGABRT"},
        {"[\"exit\"]", OUTCOME_EXIT, 3, "called exit(3)"},
        {"[\"loop\"]", OUTCOME_TIMEOUT, 0, "ran longer than"},
        {"[\"nonsense\"]", OUTCOME_ERROR, 0, "no such way"},
        {"[7]", OUTCOME_ERROR, 0, "argument \"how\" is 7, not a string"},
        {"[]", OUTCOME_ERROR, 0, "no argument \"how\""},
        {"[\"ok\"]", OUTCOME_OK, 0, "\"ok\""},
    };
    struct worker w;
    struct client c;
    worker_start(&w, "2");
    if (tasks_a_session != 1)
        client_open(&w, &c, "faulty", "go", tasks_a_session, 300000);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (tasks_a_session == 1)
            client_open(&w, &c, "faulty", "go", 1, 300000);
        client_tasks(&c, (int64_t)i, 1, ways[i].item);
        client_send(&c);
        if (ways[i].outcome == OUTCOME_OK)
            expect_ok(&c, (int64_t)i, ways[i].text);
        else
            expect_failed(&c, (int64_t)i, ways[i].outcome, ways[i].status, ways[i].text);
        if (tasks_a_session == 1)
            client_finish(&c);
    }
    if (tasks_a_session != 1)
        client_finish(&c);
    worker_end(&w);
}

/* A whole handshake that was overheard, said again: the worker's nonce is another one. It claims nothing. */
static void test_replayed_proof(void **state)
{
    (void)state;
    struct worker w;
    struct client good, c;
    struct frame f;
    struct handshake h;
    struct err err = ERR_INIT;
    CLEANUP_BUF struct buf overheard = {0};
    worker_start(&w, NULL);
    assert_int_equal(client_connect(&w, &good), 0);
    handshake_connect(&h, &good.out);
    buf_add_slice(&overheard, buf_slice(&good.out));
    client_send(&good);
    assert_true(client_next(&good, &f));
    size_t connect_len = overheard.len;
    assert_int_equal(handshake_prove(&h, &f, w.key, &overheard, &err), 0);
    client_close(&good); /* before it could use its proof: the worker goes on listening */

    assert_int_equal(client_connect(&w, &c), 0);
    buf_add(&c.out, overheard.data, connect_len);
    client_send(&c);
    assert_true(client_next(&c, &f));
    assert_int_equal(f.type, FRAME_CHALLENGE);
    buf_add(&c.out, overheard.data + connect_len, overheard.len - connect_len);
    client_send(&c);
    assert_false(client_next(&c, &f));
    client_close(&c);

    client_open(&w, &c, "faulty", "go", 0, 0);
    client_tasks(&c, 0, 1, "[\"ok\"]");
    client_send(&c);
    expect_ok(&c, 0, "\"ok\"");
    client_finish(&c);
    assert_int_equal(worker_wait(&w), 0);
    worker_end(&w);
}

static void test_faults_streamed(void **state)
{
    (void)state;
    fail_in_every_way(0);
}

static void test_faults_one_shot(void **state)
{
    (void)state;
    fail_in_every_way(1);
}

static void test_streams_and_children(void **state)
{
    (void)state;
    struct worker w;
    struct client c;
    worker_start(&w, NULL);
    client_open(&w, &c, "faulty", "go", 0, 0);
    client_tasks(&c, 0, 1, "[\"close\"]");
    client_tasks(&c, 1, 1, "[\"child\"]");
    client_tasks(&c, 2, 1, "[\"ok\"]");
    client_send(&c);
    expect_failed(&c, 0, OUTCOME_ERROR, 0, "closed its standard output");
    expect_failed(&c, 1, OUTCOME_ERROR, 0, "left 1 process behind");
    expect_ok(&c, 2, "\"ok\"");
    client_finish(&c);
    assert_int_equal(worker_wait(&w), 0);
    worker_end(&w);
}

static void test_children_of_one_shots(void **state)
{
    (void)state;
    struct worker w;
    struct client c;
    worker_start(&w, "1");
    client_open(&w, &c, "faulty", "go", 1, 0);
    client_tasks(&c, 0, 1, "[\"child\"]");
    client_send(&c);
    expect_failed(&c, 0, OUTCOME_ERROR, 0, "left 1 process behind");
    client_finish(&c);
    worker_end(&w);
}

static void expect_output(struct client *c, int64_t task, const char *out, const char *err)
{
    struct answer a;
    client_answer(c, &a);
    assert_int_equal(a.task, task);
    assert_string_equal(buf_cstr(&a.out), out);
    assert_string_equal(buf_cstr(&a.err), err);
    answer_done(&a);
}

static void test_output_stays_with_its_task(void **state)
{
    (void)state;
    for (int64_t tasks = 0; tasks <= 1; tasks++) {
        struct worker w;
        struct client c = {0};
        static const char *const items[] = {"[\"print\"]", "[\"ok\"]", "[\"print-crash\"]", "[\"ok\"]", "[\"print\"]"};
        static const char *const outs[] = {"out of task 0\n", "", "last words of task 2", "", "out of task 4\n"};
        static const char *const errs[] = {"err of task 0\n", "", "", "", "err of task 4\n"};
        worker_start(&w, "1");
        for (int i = 0; i < 5; i++) {
            if (tasks == 1 || i == 0)
                client_open(&w, &c, "faulty", "go", tasks, 0);
            client_tasks(&c, i, 1, items[i]);
            client_send(&c);
            expect_output(&c, i, outs[i], errs[i]);
            if (tasks == 1 || i == 4)
                client_finish(&c);
        }
        worker_end(&w);
    }
}

static void test_much_of_everything(void **state)
{
    (void)state;
    struct worker w;
    struct client c;
    struct answer a;
    CLEANUP_BUF struct buf item = {0};
    worker_start(&w, "1");
    client_open(&w, &c, "faulty", "go", 0, 0);
    client_tasks(&c, 0, 1, "[\"flood\"]");
    client_tasks(&c, 1, 1, "[\"big\"]");
    client_send(&c);
    client_answer(&c, &a);
    assert_int_equal(a.out.len, 20000 * 12);
    assert_memory_equal(a.out.data + 12 * 19999, "line 019999\n", 12);
    answer_done(&a);
    client_answer(&c, &a);
    assert_true(a.ok);
    assert_int_equal(a.task, 1);
    client_finish(&c);
    /* A message larger than the usual ring, between small ones. */
    client_open(&w, &c, "faulty", "echo", 0, 0);
    buf_add_str(&item, "[\"");
    memset(buf_reserve(&item, 3u << 20), 'x', 3u << 20);
    item.len += 3u << 20;
    buf_add_str(&item, "\"]");
    client_tasks(&c, 0, 3, "[[1, 2]]");
    client_tasks(&c, 3, 1, buf_cstr(&item));
    client_tasks(&c, 4, 2, "[18446744073709551615]");
    client_send(&c);
    for (int i = 0; i < 3; i++)
        expect_ok(&c, i, "[1,2]");
    client_answer(&c, &a);
    assert_true(a.ok && a.task == 3 && strlen(a.text) == 500);
    expect_ok(&c, 4, "18446744073709551615");
    expect_ok(&c, 5, "18446744073709551615");
    client_finish(&c);
    worker_end(&w);
}

static void test_commands(void **state)
{
    (void)state;
    struct worker w;
    struct client c;
    struct answer a;
    worker_start(&w, "1");
    client_open(&w, &c, NULL, NULL, 0, 500000);
    client_tasks(&c, 0, 1, "{\"argv\":[\"printf\",\"a b\"]}");
    client_tasks(&c, 1, 1, "{\"argv\":[\"sh\",\"-c\",\"echo one >&2; echo two >&2; exit 3\"]}");
    client_tasks(&c, 2, 1, "{\"argv\":[\"no-such-program-here\"]}");
    client_tasks(&c, 3, 1, "{\"argv\":[\"sh\",\"-c\",\"kill -9 $$\"]}");
    client_tasks(&c, 4, 1, "{\"argv\":[\"sleep\",\"100\"]}");
    client_tasks(&c, 5, 1, "{\"argv\":[\"sh\",\"-c\",\"sleep 100 & exit 0\"]}");
    client_tasks(&c, 6, 1, "{\"argv\":[\"sh\",\"-c\",\"setsid sleep 100 & sleep 0.1\"]}");
    client_tasks(&c, 7, 1, "{\"argv\":[\"sh\",\"-c\",\"echo $A $KTBATCH_TASK; cat\"],\"env\":{\"A\":\"b\"}}");
    client_send(&c);
    client_answer(&c, &a);
    assert_true(a.ok);
    assert_string_equal(buf_cstr(&a.out), "a b");
    assert_string_equal(a.text, "null");
    answer_done(&a);
    expect_failed(&c, 1, OUTCOME_EXIT, 3, "exit 3: two");
    expect_failed(&c, 2, OUTCOME_REFUSED, 0, "no such program: no-such-program-here");
    expect_failed(&c, 3, OUTCOME_SIGNAL, SIGKILL, "SIGKILL");
    expect_failed(&c, 4, OUTCOME_TIMEOUT, 0, "ran longer than");
    expect_failed(&c, 5, OUTCOME_ERROR, 0, "behind: sleep (killed)");
    expect_failed(&c, 6, OUTCOME_ERROR, 0, "behind: sleep (killed)");
    client_answer(&c, &a);
    assert_true(a.ok);
    assert_string_equal(buf_cstr(&a.out), "b 7\n");
    answer_done(&a);
    client_finish(&c);
    worker_end(&w);
}

static int64_t wait_dropped(struct client *c)
{
    struct frame f;
    struct err err = ERR_INIT;
    int64_t n = -1;
    while (client_next(c, &f))
        if (f.type == FRAME_DROPPED) {
            assert_int_equal(message_count_read(&f, &n, &err), 0);
            break;
        }
    return n;
}

static void test_drop(void **state)
{
    (void)state;
    struct worker w;
    struct client c;
    struct frame f;
    worker_start(&w, "1");
    client_open(&w, &c, "faulty", "nap", 0, 0);
    client_tasks(&c, 0, 1, "[300]");
    client_tasks(&c, 1, 5, "[20000]");
    client_send(&c);
    assert_true(client_next(&c, &f));
    assert_int_equal(f.type, FRAME_READY);
    /* The first may have been begun or not; of the long ones none may be. */
    message_empty_add(&c.out, FRAME_DROP);
    client_send(&c);
    int64_t dropped = wait_dropped(&c);
    assert_true(dropped == 5 || dropped == 6);
    if (dropped == 5)
        expect_ok(&c, 0, "300");
    client_tasks(&c, 9, 1, "[1]");
    client_send(&c);
    expect_ok(&c, 9, "1");
    client_finish(&c);
    worker_end(&w);
}

static void test_the_runner_vanishes(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct worker w;
        struct client c;
        struct frame f;
        worker_start(&w, how == 2 ? "3" : NULL);
        client_open(&w, &c, NULL, NULL, 0, 0);
        client_tasks(&c, 0, 1, "{\"argv\":[\"sh\",\"-c\",\"sleep 1000 & echo on; wait\"]}");
        client_send(&c);
        while (client_next(&c, &f) && f.type != FRAME_OUTPUT)
            ;
        if (how == 0)
            client_close(&c);
        else if (how == 1)
            message_empty_add(&c.out, FRAME_STOP), client_send(&c);
        else
            close(w.parent), w.parent = -1;
        assert_int_equal(worker_wait(&w), 1);
        client_close(&c);
        worker_end(&w);
    }
}

static long status_kb(pid_t pid, const char *key)
{
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kb = atol(line + strlen(key) + 1);
    if (f)
        fclose(f);
    return kb;
}

static int open_descriptors(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void one_shots(struct worker *w, int n)
{
    for (int i = 0; i < n; i++) {
        struct client c;
        client_open(w, &c, "faulty", "go", 1, 0);
        client_tasks(&c, i, 1, i % 3 ? "[\"ok\"]" : "[\"print\"]");
        message_empty_add(&c.out, FRAME_FINISH);
        client_send(&c);
        expect_ok(&c, i, i % 3 ? "\"ok\"" : "\"print\"");
        message_count_add(&c.out, FRAME_ACK, 1);
        client_send(&c);
        struct frame f;
        assert_false(client_next(&c, &f)); /* the worker closes first */
        client_close(&c);
    }
}

static void test_a_supervisor_never_grows(void **state)
{
    (void)state;
    struct worker w;
    worker_start(&w, "2");
    one_shots(&w, 200);
    long before = status_kb(w.pid, "VmRSS:");
    int descriptors = open_descriptors(w.pid);
    one_shots(&w, 3000);
    long after = status_kb(w.pid, "VmRSS:");
#ifdef KT_SANITIZED
    (void)before; /* the sanitizer keeps what was freed */
    (void)after;
#else
    assert_true(after - before <= 64);
#endif
    /* One more or less: a session's socket, seen between its last byte and its close. */
    assert_in_range(open_descriptors(w.pid), descriptors - 1, descriptors + 1);
    worker_end(&w);
}

static void test_killed(void **state)
{
    (void)state;
    struct worker w;
    struct client c;
    struct frame f;
    worker_start(&w, "1");
    client_open(&w, &c, "faulty", "nap", 0, 0);
    client_tasks(&c, 0, 1, "[1]");
    client_tasks(&c, 1, 1, "[100000]");
    client_send(&c);
    expect_ok(&c, 0, "1");
    kill(w.pid, SIGKILL);
    assert_int_equal(worker_wait(&w), 128 + SIGKILL);
    while (client_next(&c, &f))
        ;
    client_close(&c);
    worker_end(&w); /* its executor has died with it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_session),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_reflected_proof),
        cmocka_unit_test(test_replayed_proof),
        cmocka_unit_test(test_faults_streamed),
        cmocka_unit_test(test_faults_one_shot),
        cmocka_unit_test(test_streams_and_children),
        cmocka_unit_test(test_children_of_one_shots),
        cmocka_unit_test(test_output_stays_with_its_task),
        cmocka_unit_test(test_much_of_everything),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_the_runner_vanishes),
        cmocka_unit_test(test_a_supervisor_never_grows),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
