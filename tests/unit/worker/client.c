/* See client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"
#include "process.h"
#include "unit/unit.h"

#define DEADLINE_US (60 * CLOCK_S)
#define READ_SIZE (64u << 10)

/* --- the worker --- */

static pid_t running; /* the case's worker, until it has been waited for */

static void exec_worker(int keep, const int key[2], const int announce[2], const int parent[2])
{
    const char *build = getenv("top_builddir") ? getenv("top_builddir") : ".";
    char *program = mem_printf("%s/ktbatch-worker", build), *jobs = mem_printf("%s/jobs", build), number[16];
    /* Out of the way first: the numbers 3 to 5 may be among them. */
    int a = fcntl(key[0], F_DUPFD, 20), b = fcntl(announce[1], F_DUPFD, 20), c = fcntl(parent[0], F_DUPFD, 20);
    dup2(a, 3);
    dup2(b, 4);
    dup2(c, 5);
    close(a);
    close(b);
    close(c);
    snprintf(number, sizeof number, "%d", keep);
    signal(SIGHUP, SIG_DFL); /* where it is ignored (nohup) the worker leaves it so */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(program, program, "--listen", "127.0.0.1:0", "--key-fd", "3", "--announce-fd", "4", "--parent-fd", "5", "--tasks", jobs,
          keep ? "--keep" : (char *)NULL, number, (char *)NULL);
    _exit(127);
}

void worker_start(struct worker *w, int keep)
{
    int key[2], announce[2], parent[2];
    char hex[2 * WIRE_KEY_SIZE + 1], where[64] = "";
    signal(SIGPIPE, SIG_IGN); /* it may be gone when we write to it */
    /* What a worker leaves behind comes to us, to be found. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_true(!pipe2(key, O_CLOEXEC) && !pipe2(announce, O_CLOEXEC) && !pipe2(parent, O_CLOEXEC));
    digest_random(w->key, sizeof w->key);
    hex_encode(w->key, sizeof w->key, hex);
    running = w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0)
        exec_worker(keep, key, announce, parent);
    close(key[0]);
    close(announce[1]);
    close(parent[0]);
    assert_int_equal(dprintf(key[1], "%s\n", hex), 2 * WIRE_KEY_SIZE + 1);
    close(key[1]);
    size_t len = 0;
    ssize_t n;
    while (len < sizeof where - 1 && (n = read(announce[0], where + len, sizeof where - 1 - len)) > 0)
        len += (size_t)n;
    close(announce[0]);
    assert_memory_equal(where, "127.0.0.1:", 10);
    w->port = atoi(where + 10);
    assert_true(w->port > 0);
    w->parent_fd = parent[1];
}

int worker_wait(struct worker *w)
{
    int status;
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    pid_t pid;
    while ((pid = waitpid(w->pid, &status, WNOHANG)) == 0) {
        if (clock_mono_us() > deadline)
            fail_msg("the worker does not end");
        poll(NULL, 0, 2);
    }
    assert_int_equal(pid, w->pid);
    running = 0;
    if (w->parent_fd >= 0)
        close(w->parent_fd);
    w->parent_fd = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int worker_stop(struct worker *w)
{
    close(w->parent_fd);
    w->parent_fd = -1;
    return worker_wait(w);
}

/* Whether there are children still; those that have ended are reaped. */
static bool children_left(void)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        ;
    return pid == 0;
}

static void kill_child(void *ctx, pid_t pid)
{
    (void)ctx;
    kill(pid, SIGKILL);
}

int worker_teardown(void **state)
{
    /* A case that has not waited for its worker has failed: no use in waiting here. */
    int64_t deadline = running ? 0 : clock_mono_us() + DEADLINE_US;
    bool killed = false;
    (void)state;
    if (running > 0)
        kill(running, SIGKILL); /* also where there is no descriptor left to look for others */
    for (; children_left(); poll(NULL, 0, 2))
        if (clock_mono_us() > deadline) {
            process_each_child(kill_child, NULL);
            killed = true;
        }
    running = 0;
    return killed ? -1 : 0;
}

/* --- the connection --- */

int client_dial(const struct worker *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

bool client_send(struct client *c)
{
    for (size_t sent = 0; sent < c->out.len;) {
        ssize_t n = send(c->fd, c->out.data + sent, c->out.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            buf_clear(&c->out);
            return false;
        }
        sent += (size_t)n;
    }
    buf_clear(&c->out);
    return true;
}

/* More bytes, before the deadline; false at the end of the stream. */
static bool read_more(struct client *c, int64_t deadline)
{
    struct pollfd p = {c->fd, POLLIN, 0};
    int64_t left = deadline - clock_mono_us();
    if (left <= 0 || poll(&p, 1, (int)(left / 1000)) <= 0)
        fail_msg("the worker does not answer; it said:\n%s", buf_cstr(&c->log));
    ssize_t n = recv(c->fd, frame_room(&c->reader, READ_SIZE), READ_SIZE, 0);
    if (n <= 0)
        return false;
    frame_feed(&c->reader, (size_t)n);
    return true;
}

void client_greet(struct client *c, const struct worker *w, const struct buf *connect, struct frame *ret_challenge)
{
    struct err err = ERR_INIT;
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    *c = (struct client){.fd = client_dial(w), .reader = {.max = WIRE_HANDSHAKE_MAX}};
    assert_true(c->fd >= 0);
    buf_add_slice(&c->out, buf_slice(connect));
    assert_true(client_send(c));
    while (frame_next(&c->reader, ret_challenge, &err) == 0)
        assert_true(read_more(c, deadline));
    assert_int_equal(ret_challenge->type, FRAME_CHALLENGE);
}

void client_open(struct client *c, const struct worker *w)
{
    struct handshake h;
    struct frame challenge;
    struct err err = ERR_INIT;
    CLEANUP_BUF struct buf connect = {0};
    handshake_connect(&h, &connect);
    client_greet(c, w, &connect, &challenge);
    if (handshake_prove(&h, &challenge, w->key, &c->out, &err))
        fail_msg("%s", err.text);
    assert_true(client_send(c));
    c->reader.max = WIRE_FRAME_MAX;
}

void client_close(struct client *c)
{
    close(c->fd);
    frame_reader_done(&c->reader);
    buf_done(&c->out);
    buf_done(&c->log);
    buf_done(&c->texts);
}

void client_setup(struct client *c, const struct client_setup *s)
{
    struct message_setup m = {.run = slice_str("test-1"), .tasks = s->tasks, .timeout_us = s->timeout_us,
                              .command = !s->function};
    if (s->function) {
        const char *dot = strrchr(s->function, '.');
        m.library = (struct slice){s->function, (size_t)(dot - s->function)};
        m.function = slice_str(dot + 1);
    }
    if (s->object)
        m.object = (struct json){s->object, strlen(s->object)};
    const char *names = s->names ? s->names : "null", *env = s->env ? s->env : "{}";
    m.names = (struct json){names, strlen(names)};
    m.env = (struct json){env, strlen(env)};
    m.cwd = slice_str(s->cwd ? s->cwd : "");
    message_setup_add(&c->out, &m);
    client_send(c);
}

void client_tasks(struct client *c, int64_t first, int attempt, const char *items)
{
    size_t begin = message_tasks_begin(&c->out, first, attempt);
    buf_add_str(&c->out, items);
    message_tasks_end(&c->out, begin);
    client_send(c);
}

void client_command(struct client *c, int64_t first, const char *words)
{
    CLEANUP_BUF struct buf item = {0};
    buf_add_str(&item, "{\"argv\":[");
    for (const char *p = words; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (p != words)
            buf_add_char(&item, ',');
        buf_add_json(&item, (struct slice){p, len});
        p += len;
    }
    buf_add_str(&item, "]}");
    client_tasks(c, first, 1, buf_cstr(&item));
}

void client_sh(struct client *c, int64_t first, const char *script)
{
    CLEANUP_BUF struct buf item = {0};
    buf_add_str(&item, "{\"argv\":[\"sh\",\"-c\",");
    buf_add_json(&item, slice_str(script));
    buf_add_str(&item, "],\"env\":{}}");
    client_tasks(c, first, 1, buf_cstr(&item));
}

void client_count(struct client *c, enum frame_type type, int64_t n)
{
    message_count_add(&c->out, type, n);
    client_send(c);
}

void client_say(struct client *c, enum frame_type type)
{
    message_empty_add(&c->out, type);
    client_send(c);
}

/* --- what it hears --- */

__attribute__((format(printf, 2, 3))) static void log_line(struct client *c, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (c->last_stream)
        buf_add_char(&c->log, '\n');
    c->last_stream = 0;
    buf_add_str(&c->log, text);
    buf_add_char(&c->log, '\n');
}

static void log_results(struct client *c, const struct frame *f, struct err *err)
{
    struct message_results m;
    if (message_results_read(f, &m, err))
        fail_msg("RESULTS: %s", err->text);
    int64_t task = m.first;
    struct json_iter it = json_iter(m.items);
    while (json_next(&it)) {
        assert_true(json_next(&it));
        size_t shown = it.value.len < 100 ? it.value.len : 100;
        log_line(c, "ok %" PRId64 " %d %.*s", task++, m.attempt, (int)shown, it.value.p);
        if (it.value.len > shown)
            log_line(c, "length %zu", it.value.len);
        c->answers++;
    }
}

static void log_failed(struct client *c, const struct frame *f, struct err *err)
{
    struct message_failed m;
    if (message_failed_read(f, &m, &c->texts, err))
        fail_msg("FAILED: %s", err->text);
    log_line(c, "failed %" PRId64 " %d %s %d %.*s", m.task, m.attempt, outcome_name(m.outcome), m.status, (int)m.message.len,
             m.message.p);
    c->answers++;
}

/* A newline in the text is shown as it would be written in C. */
static void log_output(struct client *c, const struct frame *f, struct err *err)
{
    struct message_output m;
    if (message_output_read(f, &m, err))
        fail_msg("OUTPUT: %s", err->text);
    if (c->last_stream != m.stream || c->last_task != m.task) {
        log_line(c, "%s %" PRId64, m.stream == 2 ? "err" : "out", m.task);
        c->log.data[c->log.len - 1] = ' ';
    }
    c->last_stream = m.stream;
    c->last_task = m.task;
    for (size_t i = 0; i < m.bytes.len; i++)
        if (m.bytes.p[i] == '\n')
            buf_add_str(&c->log, "\\n");
        else
            buf_add_char(&c->log, m.bytes.p[i]);
}

static void log_frame(struct client *c, const struct frame *f)
{
    struct err err = ERR_INIT;
    struct message_progress progress;
    struct message_ready ready;
    struct slice text;
    int64_t n;
    switch (f->type) {
    case FRAME_RESULTS:
        log_results(c, f, &err);
        return;
    case FRAME_FAILED:
        log_failed(c, f, &err);
        return;
    case FRAME_OUTPUT:
        log_output(c, f, &err);
        return;
    case FRAME_READY:
        assert_int_equal(message_ready_read(f, &ready, &c->texts, &err), 0);
        assert_true(ready.pid > 0 && ready.version.len && ready.host.len);
        log_line(c, "ready");
        return;
    case FRAME_REFUSED:
        assert_int_equal(message_refused_read(f, &text, &c->texts, &err), 0);
        log_line(c, "refused %.*s", (int)text.len, text.p);
        return;
    case FRAME_PROGRESS:
        assert_int_equal(message_progress_read(f, &progress, &c->texts, &err), 0);
        log_line(c, "progress %" PRId64 " %g %.*s", progress.task, progress.fraction, (int)progress.text.len, progress.text.p);
        return;
    case FRAME_DROPPED:
        assert_int_equal(message_count_read(f, &n, &err), 0);
        log_line(c, "dropped %" PRId64, n);
        return;
    case FRAME_ALIVE:
        log_line(c, "alive");
        return;
    case FRAME_CONNECT:
    case FRAME_CHALLENGE:
    case FRAME_PROOF:
    case FRAME_SETUP:
    case FRAME_TASKS:
    case FRAME_ACK:
    case FRAME_DROP:
    case FRAME_FINISH:
    case FRAME_STOP:
    case FRAME_TYPES:
        break;
    }
    fail_msg("the worker sent %s", frame_name(f->type));
}

/* Handles the frames that are there, and reads once more if `more`. False at the end. */
static bool step(struct client *c, int64_t deadline, bool more)
{
    struct frame f;
    struct err err = ERR_INIT;
    int there;
    while ((there = frame_next(&c->reader, &f, &err)) > 0)
        log_frame(c, &f);
    if (there < 0)
        fail_msg("%s", err.text);
    if (more && !c->ended && !read_more(c, deadline)) {
        c->ended = true;
        log_line(c, "end");
    }
    return !c->ended;
}

static void must_go_on(struct client *c, bool goes_on, const char *what)
{
    if (!goes_on)
        fail_msg("the worker closed before %s; it said:\n%s", what, buf_cstr(&c->log));
}

void client_answers(struct client *c, int64_t n)
{
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    while (step(c, deadline, false), c->answers < n)
        must_go_on(c, step(c, deadline, true), "all answers");
}

void client_line(struct client *c, const char *begins)
{
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    CLEANUP_FREE char *pattern = mem_printf("%s*", begins);
    while (step(c, deadline, false), !client_has(c, pattern))
        must_go_on(c, step(c, deadline, true), begins);
}

void client_end(struct client *c)
{
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    while (step(c, deadline, true))
        ;
}

void client_finish(struct client *c)
{
    message_count_add(&c->out, FRAME_ACK, c->answers);
    client_say(c, FRAME_FINISH);
    client_end(c);
}

bool client_has(struct client *c, const char *line)
{
    size_t len = strlen(line);
    bool prefix = len && line[len - 1] == '*';
    if (prefix)
        len--;
    const char *text = buf_cstr(&c->log);
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        if ((prefix ? n >= len : n == len) && memcmp(p, line, len) == 0)
            return true;
        p += n + (p[n] == '\n');
    }
    return false;
}

void client_expect(struct client *c, const char *line)
{
    if (!client_has(c, line))
        fail_msg("no line \"%s\" in what the worker said:\n%s", line, buf_cstr(&c->log));
}

/* --- processes and files --- */

static bool is_gone(pid_t pid)
{
    char path[40], text[256] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return true;
    const char *end = strrchr(text, ')');
    return end && (end[2] == 'Z' || end[2] == 'X');
}

static const char *command_line(pid_t pid)
{
    static char text[256];
    char path[40];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    for (ssize_t i = 0; i + 1 < n; i++)
        if (!text[i])
            text[i] = ' ';
    text[n > 0 ? n : 0] = '\0';
    return text;
}

void wait_gone(pid_t pid)
{
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    while (!is_gone(pid)) {
        if (clock_mono_us() > deadline)
            fail_msg("process %ld is still there: %s", (long)pid, command_line(pid));
        poll(NULL, 0, 2);
    }
}

pid_t wait_pid(const char *path)
{
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    for (;;) {
        char text[32] = "";
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strchr(text, '\n'))
            return (pid_t)atol(text);
        if (clock_mono_us() > deadline)
            fail_msg("nobody wrote %s", path);
        poll(NULL, 0, 2);
    }
}

static char temp_dir[64];

static void remove_temp(void)
{
    struct err ignored = ERR_INIT;
    path_remove(temp_dir, &ignored);
}

const char *temp_path(const char *name)
{
    static char path[160];
    if (!*temp_dir) {
        strcpy(temp_dir, "/tmp/ktbatch-test-XXXXXX");
        assert_non_null(mkdtemp(temp_dir));
        atexit(remove_temp);
    }
    snprintf(path, sizeof path, "%s/%s", temp_dir, name);
    return path;
}
