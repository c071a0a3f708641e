/* See peer.h. Answers x^3 to [x], and a command's second word on stdout. */
#include "unit/dispatch/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "wire/handshake.h"
#include "wire/message.h"

struct shared {
    atomic_int sessions;
    atomic_llong calls;
};
struct peer {
    struct peer_script script;
    char key_file[128];
    int port;
    pid_t pid;
    struct shared *shared;
};

struct connection {
    struct peer *p;
    int fd;
    struct frame_reader in;
    struct buf out, texts;
    unsigned char key[WIRE_KEY_SIZE];
    bool command, finish, faulty;
    int64_t answers, acked;
};

static void send_all(struct connection *c)
{
    for (size_t at = 0; at < c->out.len;) {
        ssize_t n = send(c->fd, c->out.data + at, c->p->script.split ? 1 : c->out.len - at, MSG_NOSIGNAL);
        if (n <= 0)
            _exit(1);
        at += (size_t)n;
    }
    buf_clear(&c->out);
}

/* The next frame; the process ends with the connection. */
static struct frame next_frame(struct connection *c)
{
    struct err err = ERR_INIT;
    struct frame f;
    for (int found; (found = frame_next(&c->in, &f, &err)) != 1;) {
        ssize_t n = found < 0 ? -1 : recv(c->fd, frame_room(&c->in, 65536), 65536, 0);
        if (n <= 0)
            _exit(1);
        frame_feed(&c->in, (size_t)n);
    }
    return f;
}

static void be_silent(struct connection *c)
{
    char room[4096];
    while (recv(c->fd, room, sizeof room, 0) > 0)
        ;
    _exit(0);
}

static void handshake(struct connection *c)
{
    struct handshake h;
    struct err err = ERR_INIT;
    struct frame f = next_frame(c);
    if (c->p->script.fault == PEER_WRONG_KEY)
        c->key[0] ^= 1;
    if (handshake_challenge(&h, &f, c->key, &c->out, &err))
        _exit(1);
    send_all(c);
    f = next_frame(c);
    if (handshake_accept(&h, &f, c->key, &err))
        _exit(1);
    c->in.max = WIRE_FRAME_MAX;
    c->faulty = c->p->script.faulty == 0 || atomic_load(&c->p->shared->sessions) < c->p->script.faulty;
    atomic_fetch_add(&c->p->shared->sessions, 1);
}

static bool now_faulty(const struct connection *c, enum peer_fault fault)
{
    return c->faulty && c->p->script.fault == fault && c->answers >= c->p->script.after;
}

static void print(struct connection *c, int64_t task, struct json item)
{
    const struct peer_script *s = &c->p->script;
    for (int i = 0; s->prints && i < s->prints_times; i++)
        message_output_add(&c->out, task, 1, slice_str(s->prints));
    if (!c->command)
        return;
    struct json_iter words = json_iter(json_get(item, "argv"));
    CLEANUP_BUF struct buf text = {0};
    if (json_next(&words) && json_next(&words))
        json_unescape(words.value, &text);
    buf_add_char(&text, '\n');
    message_output_add(&c->out, task, 1, buf_slice(&text));
}

static void answer(struct connection *c, int64_t task, int attempt, struct json item)
{
    const struct peer_script *s = &c->p->script;
    if (now_faulty(c, PEER_DIES) || (s->kills && task == s->kills)) {
        send_all(c);
        _exit(1);
    }
    if (now_faulty(c, PEER_WRONG_TASK))
        task += 1000;
    if (s->task_ms)
        nanosleep(&(struct timespec){s->task_ms / 1000, s->task_ms % 1000 * 1000000L}, NULL);
    print(c, task, item);
    c->answers++;
    atomic_fetch_add(&c->p->shared->calls, 1);
    if (s->fails && task % s->fails == 0) {
        message_failed_add(&c->out, &(struct message_failed){.task = task, .attempt = attempt, .at = 5, .us = 1,
                                                             .outcome = OUTCOME_ERROR, .message = slice_str("divisible")});
        return;
    }
    int64_t x = 0;
    struct json_iter values = json_iter(item);
    size_t begin = message_results_begin(&c->out, task, attempt, 5);
    if (now_faulty(c, PEER_BROKEN_JSON))
        buf_add_str(&c->out, "1,{,");
    if (c->command)
        buf_add_str(&c->out, "1,null");
    else if (json_next(&values) && json_i64(values.value, &x))
        buf_printf(&c->out, "%d,%lld", s->task_ms * 1000, (long long)(x * x * x));
    message_results_end(&c->out, begin);
}

static void tasks(struct connection *c, const struct frame *f)
{
    struct message_tasks m;
    struct err err = ERR_INIT;
    if (message_tasks_read(f, &m, &err))
        _exit(2);
    struct json_iter it = json_iter(m.items);
    for (int64_t task = m.first; json_next(&it); task++) {
        answer(c, task, m.attempt, it.value);
        if (c->p->script.task_ms)
            send_all(c);
    }
    send_all(c);
}

static void setup(struct connection *c)
{
    struct message_setup m;
    struct err err = ERR_INIT;
    struct frame f = next_frame(c);
    if (message_setup_read(&f, &m, &c->texts, &err))
        _exit(2);
    c->command = m.command;
    if (c->p->script.fault == PEER_REFUSES) {
        message_refused_add(&c->out, slice_str("no library power_op.so in /nowhere"));
        send_all(c);
        /* Bytes that nobody read would turn the end into a reset, which overtakes what was said. */
        shutdown(c->fd, SHUT_WR);
        while (read(c->fd, (char[256]){0}, 256) > 0)
            ;
        _exit(1);
    }
    message_ready_add(&c->out, &(struct message_ready){slice_str("0"), getpid(), slice_str("here")});
    send_all(c);
    if (c->faulty && c->p->script.fault == PEER_SILENT_LATER)
        be_silent(c);
}

static void serve(struct connection *c)
{
    struct err err = ERR_INIT;
    if (c->p->script.fault == PEER_SILENT)
        be_silent(c);
    if (c->p->script.fault == PEER_GARBAGE) {
        buf_add_str(&c->out, "HTTP/1.1 400 Bad Request\r\n\r\n");
        send_all(c);
        be_silent(c);
    }
    if (key_read(c->p->key_file, c->key, &err))
        _exit(3);
    handshake(c);
    setup(c);
    for (;;) {
        if (c->finish && c->faulty && c->p->script.fault == PEER_CLOSES_EARLY)
            _exit(0);
        if (c->finish && c->acked == c->answers)
            _exit(0);
        struct frame f = next_frame(c);
        if (f.type == FRAME_TASKS)
            tasks(c, &f);
        else if (f.type == FRAME_ACK && message_count_read(&f, &c->acked, &err))
            _exit(2);
        else if (f.type == FRAME_FINISH)
            c->finish = true;
        else if (f.type == FRAME_STOP)
            _exit(1);
        else if (f.type == FRAME_DROP) {
            message_count_add(&c->out, FRAME_DROPPED, 0);
            send_all(c);
        }
    }
}

static void listen_for_ever(struct peer *p, int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client < 0 || fork() != 0) {
            close(client);
            continue;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fd);
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct connection c = {.p = p, .fd = client, .in = {.max = WIRE_HANDSHAKE_MAX}};
        serve(&c);
        _exit(0);
    }
}

struct peer *peer_start(const struct peer_script *script, const char *key_file)
{
    struct peer *p = MEM_NEW(struct peer);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    p->script = *script;
    snprintf(p->key_file, sizeof p->key_file, "%s", key_file);
    p->shared = mmap(NULL, sizeof *p->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->shared == MAP_FAILED || fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 128) ||
        getsockname(fd, (struct sockaddr *)&address, &len))
        abort();
    p->port = ntohs(address.sin_port);
    p->pid = fork();
    if (p->pid == 0)
        listen_for_ever(p, fd);
    close(fd);
    return p;
}

int peer_port(const struct peer *p)
{
    return p->port;
}

int peer_sessions(const struct peer *p)
{
    return atomic_load(&p->shared->sessions);
}

int64_t peer_calls(const struct peer *p)
{
    return atomic_load(&p->shared->calls);
}

void peer_stop(struct peer *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    munmap(p->shared, sizeof *p->shared);
    free(p);
}
