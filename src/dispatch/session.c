/* See session.h.
 *
 * One struct a session, with its handle inside; it is given back for reuse in the close callback. Bytes are read straight
 * into the frame reader. The reading loop stops in the middle of what is buffered when reading is paused, or when an event
 * ended the session.
 */
#include "dispatch/session.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define READ_FIRST 1024u
#define READ_MOST (64u << 10)
#define POOL_MAX 64 /* sessions kept for reuse */
#define KEPT_BUFFER (16u << 10)

enum phase { PHASE_CONNECT, PHASE_CHALLENGE, PHASE_READY, PHASE_TASKS, PHASE_ENDED };

struct session {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    struct sessions *all;
    struct session *next, *prev;
    void *user;
    enum phase phase;
    bool paused, expect_end, eof;
    int64_t since, heard, said; /* phase begun; last bytes in; last bytes out */
    struct handshake handshake;
    struct frame_reader reader;
    size_t read_size;
    struct buf out;
};

struct sessions {
    struct sessions_config config;
    struct session *first; /* not ended */
    int n;
    struct session *pool;
    int n_pool;
    bool paused;
    struct buf texts;
};

struct write {
    uv_write_t req;
    struct buf bytes;
};

const struct session_limits session_limits_default = {WIRE_HANDSHAKE_S * CLOCK_S, WIRE_READY_S *CLOCK_S,
                                                      WIRE_SILENCE_S *CLOCK_S, WIRE_ALIVE_S *CLOCK_S};

/* ---- life ---- */

struct sessions *sessions_new(const struct sessions_config *config)
{
    struct sessions *all = MEM_NEW(struct sessions);
    all->config = *config;
    return all;
}

static void session_free(struct session *s)
{
    frame_reader_done(&s->reader);
    buf_done(&s->out);
    free(s);
}

void sessions_free(struct sessions *all)
{
    if (!all)
        return;
    while (all->pool) {
        struct session *next = all->pool->next;
        session_free(all->pool);
        all->pool = next;
    }
    explicit_bzero(all->config.key, sizeof all->config.key);
    buf_done(&all->texts);
    free(all);
}

int sessions_count(const struct sessions *all)
{
    return all->n;
}

static struct session *session_take(struct sessions *all)
{
    struct session *s = all->pool;
    if (!s)
        return MEM_NEW(struct session);
    all->pool = s->next;
    all->n_pool--;
    struct frame_reader reader = s->reader;
    struct buf out = s->out;
    buf_clear(&reader.bytes);
    buf_clear(&out);
    reader.used = 0;
    *s = (struct session){.reader = reader, .out = out};
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    struct session *s = handle->data;
    struct sessions *all = s->all;
    if (all->n_pool >= POOL_MAX || s->reader.bytes.cap > KEPT_BUFFER || s->out.cap > KEPT_BUFFER) {
        session_free(s);
        return;
    }
    s->next = all->pool;
    all->pool = s;
    all->n_pool++;
}

static void session_leave(struct session *s)
{
    struct sessions *all = s->all;
    s->phase = PHASE_ENDED;
    if (s->prev)
        s->prev->next = s->next;
    else
        all->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    all->n--;
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

static void end(struct session *s, enum session_end how, const char *text)
{
    if (s->phase == PHASE_ENDED)
        return;
    session_leave(s);
    s->all->config.events.on_end(s->all->config.ctx, s->user, how, text);
}

/* Lost, or never reached: by how far it had come. */
static void end_badly(struct session *s, const char *text)
{
    end(s, s->phase <= PHASE_CHALLENGE ? SESSION_UNREACHABLE : SESSION_LOST, text);
}

void session_close(struct session *s)
{
    if (s->phase == PHASE_ENDED)
        return;
    if (s->phase > PHASE_CHALLENGE)
        session_flush(s);
    if (s->phase != PHASE_ENDED)
        session_leave(s);
}

void session_fail(struct session *s, const char *text)
{
    end_badly(s, text);
}

void session_expect_end(struct session *s)
{
    s->expect_end = true;
}

/* ---- writing ---- */

struct buf *session_out(struct session *s)
{
    return &s->out;
}

static void on_written(uv_write_t *req, int status)
{
    struct write *w = req->data;
    (void)status; /* the reading side hears of a broken connection */
    buf_done(&w->bytes);
    free(w);
}

void session_flush(struct session *s)
{
    if (s->out.len == 0 || s->phase == PHASE_ENDED || s->phase == PHASE_CONNECT)
        return;
    uv_buf_t bytes = uv_buf_init(s->out.data, (unsigned)s->out.len);
    int n = uv_try_write((uv_stream_t *)&s->tcp, &bytes, 1);
    s->said = clock_mono_us();
    if (n == (int)s->out.len) {
        buf_clear(&s->out);
        return;
    }
    if (n < 0 && n != UV_EAGAIN) {
        buf_clear(&s->out); /* what the worker said before it went is still read; then comes the end */
        return;
    }
    if (n > 0)
        buf_consume(&s->out, (size_t)n);
    struct write *w = MEM_NEW(struct write);
    w->bytes = s->out;
    w->req.data = w;
    s->out = (struct buf){0};
    bytes = uv_buf_init(w->bytes.data, (unsigned)w->bytes.len);
    if (uv_write(&w->req, (uv_stream_t *)&s->tcp, &bytes, 1, on_written))
        on_written(&w->req, -1);
}

/* ---- frames ---- */

static int unexpected(const struct frame *f, struct err *err)
{
    return err_set(err, ERR_BACKEND, "%s at a place where it may not stand", frame_name(f->type));
}

static int take_challenge(struct session *s, const struct frame *f, struct err *err)
{
    if (f->type != FRAME_CHALLENGE)
        return unexpected(f, err);
    if (handshake_prove(&s->handshake, f, s->all->config.key, &s->out, err))
        return -1;
    s->reader.max = WIRE_FRAME_MAX;
    s->phase = PHASE_READY;
    s->since = clock_mono_us();
    s->all->config.events.on_proven(s->all->config.ctx, s->user);
    session_flush(s);
    return 0;
}

static int take_answer_to_setup(struct session *s, const struct frame *f, struct err *err)
{
    struct sessions *all = s->all;
    struct message_ready ready;
    struct slice text;
    if (f->type == FRAME_ALIVE)
        return 0;
    if (f->type == FRAME_REFUSED) {
        if (message_refused_read(f, &text, &all->texts, err))
            return -1;
        CLEANUP_FREE char *why = mem_strndup(text.p, text.len);
        end(s, SESSION_REFUSED, why);
        return 0;
    }
    if (f->type != FRAME_READY)
        return unexpected(f, err);
    if (message_ready_read(f, &ready, &all->texts, err))
        return -1;
    s->phase = PHASE_TASKS;
    s->since = clock_mono_us();
    return all->config.events.on_ready(all->config.ctx, s->user, &ready, err);
}

static int take_message(struct session *s, const struct frame *f, struct err *err)
{
    struct sessions *all = s->all;
    const struct session_events *events = &all->config.events;
    void *ctx = all->config.ctx;
    union {
        struct message_results results;
        struct message_failed failed;
        struct message_output output;
        struct message_progress progress;
        int64_t tasks;
    } m;
    switch (f->type) {
    case FRAME_RESULTS:
        return message_results_read(f, &m.results, err) || events->on_results(ctx, s->user, &m.results, err) ? -1 : 0;
    case FRAME_FAILED:
        return message_failed_read(f, &m.failed, &all->texts, err) || events->on_failed(ctx, s->user, &m.failed, err) ? -1 : 0;
    case FRAME_OUTPUT:
        return message_output_read(f, &m.output, err) || events->on_output(ctx, s->user, &m.output, err) ? -1 : 0;
    case FRAME_PROGRESS:
        return message_progress_read(f, &m.progress, &all->texts, err) ||
                       events->on_progress(ctx, s->user, &m.progress, err)
                   ? -1
                   : 0;
    case FRAME_DROPPED:
        return message_count_read(f, &m.tasks, err) || events->on_dropped(ctx, s->user, m.tasks, err) ? -1 : 0;
    case FRAME_ALIVE:
        return 0;
    case FRAME_CONNECT:
    case FRAME_CHALLENGE:
    case FRAME_PROOF:
    case FRAME_SETUP:
    case FRAME_TASKS:
    case FRAME_ACK:
    case FRAME_DROP:
    case FRAME_FINISH:
    case FRAME_STOP:
    case FRAME_READY:
    case FRAME_REFUSED:
    case FRAME_TYPES:
        break;
    }
    return unexpected(f, err);
}

static int take_frame(struct session *s, const struct frame *f, struct err *err)
{
    switch (s->phase) {
    case PHASE_CHALLENGE:
        return take_challenge(s, f, err);
    case PHASE_READY:
        return take_answer_to_setup(s, f, err);
    case PHASE_TASKS:
        return take_message(s, f, err);
    case PHASE_CONNECT:
    case PHASE_ENDED:
        break;
    }
    return unexpected(f, err);
}

static void take_end(struct session *s)
{
    if (s->expect_end)
        end(s, SESSION_CLOSED, NULL);
    else
        end_badly(s, "it closed the connection");
}

/* All whole frames that are buffered, unless reading is paused on the way. */
static void take_frames(struct session *s)
{
    struct err err = ERR_INIT;
    struct frame f;
    int found = 0;
    while (s->phase != PHASE_ENDED && !s->paused && (found = frame_next(&s->reader, &f, &err)) > 0)
        if (take_frame(s, &f, &err)) {
            found = -1;
            break;
        }
    if (s->phase == PHASE_ENDED)
        return;
    if (found < 0)
        end_badly(s, err.text);
    else if (s->eof && !s->paused)
        take_end(s);
}

/* ---- reading ---- */

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
    struct session *s = handle->data;
    (void)size;
    *ret = uv_buf_init(frame_room(&s->reader, s->read_size), (unsigned)s->read_size);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct session *s = stream->data;
    (void)bytes;
    if (n == 0 || s->phase == PHASE_ENDED)
        return;
    if (n < 0) {
        uv_read_stop(stream);
        s->eof = true;
        if (n != UV_EOF && !s->expect_end)
            end_badly(s, uv_strerror((int)n));
        else
            take_end(s);
        return;
    }
    s->heard = clock_mono_us();
    frame_feed(&s->reader, (size_t)n);
    if ((size_t)n == s->read_size && s->read_size < READ_MOST)
        s->read_size *= 4;
    take_frames(s);
}

static void set_paused(struct session *s, bool pause)
{
    if (s->paused == pause)
        return;
    s->paused = pause;
    if (pause) {
        uv_read_stop((uv_stream_t *)&s->tcp);
        return;
    }
    s->heard = clock_mono_us();
    take_frames(s);
    if (s->phase != PHASE_ENDED && !s->paused && !s->eof)
        uv_read_start((uv_stream_t *)&s->tcp, on_room, on_read);
}

void sessions_pause(struct sessions *all, bool pause)
{
    all->paused = pause;
    for (struct session *s = all->first, *next; s && all->paused == pause; s = next) {
        next = s->next;
        if (s->phase == PHASE_TASKS)
            set_paused(s, pause);
    }
}

/* ---- connecting ---- */

static void on_connected(uv_connect_t *req, int status)
{
    struct session *s = req->data;
    if (s->phase == PHASE_ENDED)
        return;
    if (status < 0) {
        end(s, SESSION_UNREACHABLE, uv_strerror(status));
        return;
    }
    uv_tcp_nodelay(&s->tcp, 1);
    s->phase = PHASE_CHALLENGE;
    handshake_connect(&s->handshake, &s->out);
    session_flush(s);
    uv_read_start((uv_stream_t *)&s->tcp, on_room, on_read);
}

struct session *session_open(struct sessions *all, const struct sockaddr *address, void *user)
{
    struct session *s = session_take(all);
    s->all = all;
    s->user = user;
    s->reader.max = WIRE_HANDSHAKE_MAX;
    s->read_size = READ_FIRST;
    s->since = s->heard = s->said = clock_mono_us();
    uv_tcp_init(all->config.loop, &s->tcp);
    s->tcp.data = s->connecting.data = s;
    s->next = all->first;
    if (s->next)
        s->next->prev = s;
    all->first = s;
    all->n++;
    int code = uv_tcp_connect(&s->connecting, &s->tcp, address, on_connected);
    if (code) { /* heard of at the next tick: no event from within a call */
        s->since = INT64_MIN / 2;
    }
    return s;
}

/* ---- time ---- */

static const char *overdue(const struct session *s, int64_t now)
{
    const struct session_limits *limits = &s->all->config.limits;
    switch (s->phase) {
    case PHASE_CONNECT:
        return now - s->since > limits->handshake ? "no connection" : NULL;
    case PHASE_CHALLENGE:
        return now - s->since > limits->handshake ? "it did not answer as a worker does" : NULL;
    case PHASE_READY:
        return now - s->since > limits->ready ? "it was not ready in time" : NULL;
    case PHASE_TASKS:
        return !s->paused && now - s->heard > limits->silence ? "it was silent for too long" : NULL;
    case PHASE_ENDED:
        break;
    }
    return NULL;
}

void sessions_tick(struct sessions *all)
{
    int64_t now = clock_mono_us();
    for (struct session *s = all->first, *next; s; s = next) {
        next = s->next;
        const char *text = overdue(s, now);
        if (text) {
            end_badly(s, text);
        } else if (s->phase >= PHASE_READY && now - s->said > all->config.limits.alive) {
            message_empty_add(&s->out, FRAME_ALIVE);
            session_flush(s);
        }
    }
}
