/* See client.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "client.h"

#include "unit/unit.h"

enum { KEY_FD = 20, ANNOUNCE_FD, PARENT_FD };

static char *built(const char *name)
{
    const char *top = getenv("top_builddir");
    return mem_printf("%s/%s", top ? top : ".", name);
}

static void run_worker(const int key[2], const int announce[2], const int parent[2], const char *keep)
{
    CLEANUP_FREE char *program = built("ktbatch-worker"), *tasks = built("jobs");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A sanitizer leaves the signals of tasks that crash on purpose alone. */
    setenv("ASAN_OPTIONS", "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0", 1);
    dup2(key[0], KEY_FD);
    dup2(announce[1], ANNOUNCE_FD);
    dup2(parent[0], PARENT_FD);
    execl(program, "ktbatch-worker", "--listen", "127.0.0.1:0", "--key-fd", "20", "--announce-fd", "21", "--parent-fd", "22",
          "--tasks", tasks, keep ? "--keep" : NULL, keep, NULL);
    _exit(127);
}

void worker_start(struct worker *w, const char *keep)
{
    int key[2], announce[2], parent[2];
    char hex[2 * WIRE_KEY_SIZE + 2], where[64] = "";
    /* What is left of a killed worker comes to us, to be found. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(key, O_CLOEXEC) | pipe2(announce, O_CLOEXEC) | pipe2(parent, O_CLOEXEC), 0);
    digest_random(w->key, sizeof w->key);
    hex_encode(w->key, sizeof w->key, hex);
    strcat(hex, "\n");
    w->pid = fork();
    if (w->pid == 0)
        run_worker(key, announce, parent, keep);
    assert_true(w->pid > 0);
    close(key[0]);
    close(announce[1]);
    close(parent[0]);
    assert_int_equal(write(key[1], hex, strlen(hex)), strlen(hex));
    close(key[1]);
    assert_true(read(announce[0], where, sizeof where - 1) > 0);
    close(announce[0]);
    w->port = atoi(strrchr(where, ':') + 1);
    w->parent = parent[1];
}

int worker_wait(struct worker *w)
{
    int status;
    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    w->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void worker_end(struct worker *w)
{
    close(w->parent);
    if (w->pid)
        worker_wait(w);
    /* What it left behind is ours now, and must come to its end by itself. */
    alarm(CLIENT_PATIENCE_S);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    assert_int_equal(errno, ECHILD);
    alarm(0);
}

int client_connect(struct worker *w, struct client *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .reader = {.max = WIRE_FRAME_MAX}};
    struct timeval patience = {CLIENT_PATIENCE_S, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    /* As the protocol has it; without it each session waits 40 ms for an acknowledgement that the worker's side puts off. */
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    close(c->fd);
    c->fd = -1;
    return -1;
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    frame_reader_done(&c->reader);
    buf_done(&c->out);
    buf_done(&c->texts);
}

void client_send(struct client *c)
{
    struct err err = ERR_INIT;
    file_write_all(c->fd, c->out.data, c->out.len, "socket", &err); /* a peer that hung up shows at the next read */
    buf_clear(&c->out);
}

bool client_next(struct client *c, struct frame *ret)
{
    struct err err = ERR_INIT;
    for (;;) {
        int more = frame_next(&c->reader, ret, &err);
        assert_true(more >= 0);
        if (more && ret->type != FRAME_ALIVE)
            return true;
        if (more)
            continue;
        ssize_t n = recv(c->fd, frame_room(&c->reader, 65536), 65536, 0);
        assert_false(n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
        if (n <= 0)
            return false;
        frame_feed(&c->reader, (size_t)n);
    }
}

bool client_prove(struct client *c, const unsigned char key[WIRE_KEY_SIZE])
{
    struct handshake h;
    struct frame f;
    struct err err = ERR_INIT;
    handshake_connect(&h, &c->out);
    client_send(c);
    if (!client_next(c, &f) || handshake_prove(&h, &f, key, &c->out, &err))
        return false;
    client_send(c);
    return true;
}

void client_open(struct worker *w, struct client *c, const char *library, const char *function, int64_t tasks, int64_t timeout_us)
{
    struct message_setup setup = {.run = slice_str("test-1"), .tasks = tasks, .timeout_us = timeout_us, .command = !function};
    setup.library = slice_str(library ? library : "");
    setup.function = slice_str(function ? function : "");
    setup.object = (struct json){"{\"y\":3}", 7};
    setup.names = (struct json){"[\"how\"]", 7};
    if (function && strcmp(function, "power") == 0)
        setup.names = (struct json){"[\"x\"]", 5};
    if (function && strcmp(function, "nap") == 0)
        setup.names = (struct json){"[\"ms\"]", 6};
    if (function && strcmp(function, "echo") == 0)
        setup.names = (struct json){"[\"v\"]", 5};
    setup.env = (struct json){"{}", 2};
    assert_int_equal(client_connect(w, c), 0);
    assert_true(client_prove(c, w->key));
    message_setup_add(&c->out, &setup);
}

void client_tasks(struct client *c, int64_t first, int64_t count, const char *items)
{
    size_t begin = message_tasks_begin(&c->out, first, 1);
    for (int64_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(&c->out, ',');
        buf_add_str(&c->out, items);
    }
    message_tasks_end(&c->out, begin);
}

/* The results of one message are given out one by one. */
static struct json_iter rest;
static int64_t rest_task;

static void one_result(struct client *c, struct answer *ret)
{
    ret->ok = true;
    ret->task = rest_task++;
    json_next(&rest); /* the result behind the time */
    snprintf(ret->text, sizeof ret->text, "%.*s", (int)(rest.value.len < 500 ? rest.value.len : 500), rest.value.p);
    c->answered++;
}

void client_answer(struct client *c, struct answer *ret)
{
    struct frame f;
    struct err err = ERR_INIT;
    *ret = (struct answer){0};
    if (rest.p && json_next(&rest)) {
        one_result(c, ret);
        return;
    }
    rest = (struct json_iter){0};
    while (client_next(c, &f)) {
        struct message_results results;
        struct message_failed failed;
        struct message_output output;
        if (f.type == FRAME_RESULTS) {
            assert_int_equal(message_results_read(&f, &results, &err), 0);
            rest = json_iter(results.items);
            rest_task = results.first;
            assert_true(json_next(&rest));
            one_result(c, ret);
            return;
        }
        if (f.type == FRAME_FAILED) {
            assert_int_equal(message_failed_read(&f, &failed, &c->texts, &err), 0);
            *ret = (struct answer){.task = failed.task, .outcome = failed.outcome, .status = failed.status, .out = ret->out, .err = ret->err};
            snprintf(ret->text, sizeof ret->text, "%.*s", (int)failed.message.len, failed.message.p);
            c->answered++;
            return;
        }
        if (f.type == FRAME_OUTPUT) {
            assert_int_equal(message_output_read(&f, &output, &err), 0);
            buf_add_slice(output.stream == 1 ? &ret->out : &ret->err, output.bytes);
        } else {
            assert_true(f.type == FRAME_READY || f.type == FRAME_PROGRESS);
        }
    }
    fail_msg("the connection ended");
}

void answer_done(struct answer *a)
{
    buf_done(&a->out);
    buf_done(&a->err);
}

void client_finish(struct client *c)
{
    struct frame f;
    message_empty_add(&c->out, FRAME_FINISH);
    message_count_add(&c->out, FRAME_ACK, c->answered);
    client_send(c);
    assert_false(client_next(c, &f));
    client_close(c);
}
