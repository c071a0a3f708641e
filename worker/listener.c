/* See listener.h. */
#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop.h"
#include "session.h"
#include "wire/message.h"

#define BACKLOG 1024
#define READ_SIZE 512 /* at a time, before the proof */
#define PAUSE_US (100 * CLOCK_MS) /* no accept for so long when descriptors have run out */

struct stranger {
    struct loop_source source; /* fd -1: a free place */
    struct loop_timer limit;
    struct frame_reader reader; /* its memory is the next one's */
    struct handshake handshake;
    bool challenged;
    int64_t since;
    struct stranger *next_free;
};

static struct stranger **strangers; /* made as they are needed, STRANGERS_MAX at most */
static int n_strangers, cap_strangers;
static struct stranger *free_places;
static struct loop_source listening = {.fd = -1};
static struct loop_timer pause_timer;
static unsigned char run_key[WIRE_KEY_SIZE];
static bool only_one;

static void clear(struct stranger *x)
{
    loop_unset(&x->limit);
    loop_unwatch(&x->source);
    x->source.fd = -1;
    x->next_free = free_places;
    free_places = x;
}

static void dismiss(struct stranger *x)
{
    int fd = x->source.fd;
    clear(x);
    close(fd);
}

static void stop_listening(void)
{
    loop_unset(&pause_timer);
    loop_unwatch(&listening);
    close(listening.fd);
    listening.fd = -1;
    for (int i = 0; i < n_strangers; i++)
        if (strangers[i]->source.fd >= 0)
            dismiss(strangers[i]);
}

/* 1: proven; 0: more to come; -1: no. */
static int handshake_step(struct stranger *x)
{
    struct frame f;
    struct err err = ERR_INIT;
    CLEANUP_BUF struct buf out = {0};
    int more = frame_next(&x->reader, &f, &err);
    if (more <= 0)
        return more;
    if (x->challenged)
        return handshake_accept(&x->handshake, &f, run_key, &err) ? -1 : 1;
    x->challenged = true;
    if (handshake_challenge(&x->handshake, &f, run_key, &out, &err))
        return -1;
    return send(x->source.fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)out.len ? 0 : -1;
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct stranger *x = (struct stranger *)(void *)source;
    (void)events;
    ssize_t n = recv(source->fd, frame_room(&x->reader, READ_SIZE), READ_SIZE, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        dismiss(x);
        return;
    }
    frame_feed(&x->reader, (size_t)n);
    int step = handshake_step(x);
    if (step < 0) {
        dismiss(x);
    } else if (step > 0) {
        int fd = source->fd;
        const struct slice rest = {x->reader.bytes.data + x->reader.used, x->reader.bytes.len - x->reader.used};
        clear(x);
        if (only_one)
            stop_listening();
        session_new(fd, rest);
    }
}

static void on_limit(struct loop_timer *timer, int64_t now)
{
    (void)now;
    dismiss((struct stranger *)(void *)((char *)timer - offsetof(struct stranger, limit)));
}

/* Whether `a` should go before `b`: the silent ones first, of these the one who has waited longest. */
static bool goes_before(const struct stranger *a, const struct stranger *b)
{
    return a->challenged != b->challenged ? b->challenged : a->since < b->since;
}

static struct stranger *free_place(void)
{
    if (!free_places && n_strangers < STRANGERS_MAX) {
        MEM_GROW(strangers, n_strangers, cap_strangers);
        struct stranger *x = strangers[n_strangers++] = MEM_NEW(struct stranger);
        x->source.fd = -1;
        return x;
    }
    if (!free_places) {
        struct stranger *first = strangers[0];
        for (int i = 1; i < STRANGERS_MAX; i++)
            if (goes_before(strangers[i], first))
                first = strangers[i];
        dismiss(first);
    }
    struct stranger *x = free_places;
    free_places = x->next_free;
    return x;
}

static void greet(int fd)
{
    struct stranger *x = free_place();
    int64_t now = clock_mono_us();
    x->source = (struct loop_source){.fd = fd, .ready = on_ready};
    x->limit.fire = on_limit;
    x->challenged = false;
    x->since = now;
    buf_clear(&x->reader.bytes);
    x->reader.used = 0;
    x->reader.max = WIRE_HANDSHAKE_MAX;
    if (loop_watch(&x->source, EPOLLIN)) {
        dismiss(x);
        return;
    }
    loop_set(&x->limit, now + WIRE_HANDSHAKE_S * CLOCK_S);
    on_ready(&x->source, EPOLLIN); /* its first words are often there already */
}

static void on_connection(struct loop_source *source, uint32_t events)
{
    (void)events;
    for (int i = 0; i < 16 && source->fd >= 0; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            greet(fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            loop_unwatch(source);
            loop_set(&pause_timer, clock_mono_us() + PAUSE_US);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void on_pause_over(struct loop_timer *timer, int64_t now)
{
    if (loop_watch(&listening, EPOLLIN))
        loop_set(timer, now + PAUSE_US);
}

/* "HOST:PORT" or "[HOST]:PORT" into its parts; `text` is cut up. */
static int split(char *text, char **ret_host, char **ret_port, struct err *err)
{
    char *colon = strrchr(text, ':');
    if (!colon || !colon[1])
        return err_set(err, ERR_USAGE, "\"%s\" is no address to listen on: it must be ADDRESS:PORT", text);
    *colon = '\0';
    *ret_port = colon + 1;
    *ret_host = text;
    if (*text == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        (*ret_host)++;
    }
    return 0;
}

static int true_address(int fd, struct buf *ret)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char host[64], port[16];
    if (getsockname(fd, (struct sockaddr *)&address, &len) ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        return -1;
    buf_printf(ret, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    return 0;
}

int listener_open(const char *where, bool one, const unsigned char key[WIRE_KEY_SIZE], struct buf *ret_where, struct err *err)
{
    CLEANUP_FREE char *text = mem_strdup(where);
    char *host = NULL, *port = NULL;
    if (split(text, &host, &port, err))
        return -1;
    struct addrinfo *found, hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    int code = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (code)
        return err_set(err, ERR_USAGE, "cannot listen on %s: %s", where, gai_strerror(code));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* connections inherit it (tcp(7) on Linux) */
    }
    bool listens = fd >= 0 && !bind(fd, found->ai_addr, found->ai_addrlen) && !listen(fd, BACKLOG);
    freeaddrinfo(found);
    if (!listens || true_address(fd, ret_where)) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        return err_sys(err, saved, "cannot listen on %s", where);
    }
    memcpy(run_key, key, WIRE_KEY_SIZE);
    only_one = one;
    listening = (struct loop_source){.fd = fd, .ready = on_connection};
    pause_timer.fire = on_pause_over;
    return loop_watch(&listening, EPOLLIN) ? err_sys(err, errno, "epoll") : 0;
}
