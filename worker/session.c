/* See session.h. */
#include "session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "session_inside.h"

#define READ_SIZE (256u << 10)
#define OUT_CLOGGED (4u << 20)
#define RESULTS_MAX (256u << 10) /* bytes of one RESULTS message, about */
#define GAP_US 1000              /* tasks of one RESULTS follow each other with at most this in between */

#define KEPT_SIZE 4096           /* bytes of a buffer that a later session takes over */
#define SPARES_MAX 256
#define LINGER_US (2 * CLOCK_S)  /* so long after REFUSED the runner may take to close */

static struct session *dirty, *line_head, *line_tail;
/* Sessions and batches that are over, for the next ones: what has been written to lately costs a fork the least. */
static struct session *spares;
static struct batch *spare_batches;
static int n_spares, n_spare_batches;
static char *incoming; /* READ_SIZE bytes */
static int slots, slots_taken;
static void (*told_end)(bool well);

void session_init(int max_slots, void (*ended)(bool well))
{
    slots = max_slots;
    told_end = ended;
    incoming = mem_alloc(READ_SIZE);
}

void session_touch(struct session *s)
{
    if (!s->dirty && !s->ending) {
        s->dirty = true;
        s->next_dirty = dirty;
        dirty = s;
    }
}

bool session_clogged(const struct session *s)
{
    return s->out.len > OUT_CLOGGED;
}

/* --- the end --- */

static void clear_buf(struct buf *b)
{
    buf_clear(b);
    if (b->cap > KEPT_SIZE)
        buf_done(b);
}

static void free_batch(struct batch *b)
{
    clear_buf(&b->body);
    if (n_spare_batches >= SPARES_MAX) {
        buf_done(&b->body);
        free(b);
        return;
    }
    b->next = spare_batches;
    spare_batches = b;
    n_spare_batches++;
}

static struct batch *new_batch(void)
{
    struct batch *b = spare_batches;
    if (!b)
        return MEM_NEW(struct batch);
    spare_batches = b->next;
    n_spare_batches--;
    struct buf body = b->body;
    *b = (struct batch){.body = body};
    return b;
}

static void free_batches(struct session *s)
{
    while (s->first) {
        struct batch *next = s->first->next;
        free_batch(s->first);
        s->first = next;
    }
    s->last = NULL;
}

/* The session's memory, when nobody has it any more. */
static void release(struct session *s)
{
    struct buf *bufs[] = {&s->reader.bytes, &s->out, &s->waiting, &s->records, &s->run.last_words};
    setup_release(s->common);
    bool keep = n_spares < SPARES_MAX;
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        clear_buf(bufs[i]);
        if (!keep)
            buf_done(bufs[i]);
    }
    if (!keep) {
        loop_free_later(s);
        return;
    }
    s->next = spares;
    spares = s;
    n_spares++;
}

static struct session *take_spare(void)
{
    struct session *s = spares;
    if (!s)
        return MEM_NEW(struct session);
    spares = s->next;
    n_spares--;
    const struct session kept = *s;
    *s = (struct session){
        .reader.bytes = kept.reader.bytes,
        .out = kept.out,
        .waiting = kept.waiting,
        .records = kept.records,
        .run.last_words = kept.run.last_words,
    };
    return s;
}

static void leave_line(struct session *s)
{
    struct session *before = NULL;
    for (struct session *at = line_head; at; before = at, at = at->next_in_line) {
        if (at != s)
            continue;
        if (before)
            before->next_in_line = s->next_in_line;
        else
            line_head = s->next_in_line;
        if (line_tail == s)
            line_tail = before;
        break;
    }
    s->in_line = false;
}

static void end(struct session *s, bool well)
{
    if (s->ending)
        return;
    session_touch(s); /* released when the round is over: somebody may still be looking at it */
    s->ending = true;
    loop_unwatch(&s->source);
    loop_unset(&s->alive);
    loop_unset(&s->work);
    if (s->in_line)
        leave_line(s);
    if (s->setup->command)
        command_end(s);
    else
        function_end(s, !well);
    session_slot_free(s);
    close(s->source.fd);
    free_batches(s);
    told_end(well);
}

void session_break(struct session *s)
{
    end(s, false);
}

/* --- answers --- */

bool session_head(const struct session *s, int64_t *ret_task, int *ret_attempt)
{
    if (!s->first)
        return false;
    *ret_task = s->first->first + s->first->done;
    *ret_attempt = s->first->attempt;
    return true;
}

static void close_results(struct session *s)
{
    if (s->open)
        message_results_end(&s->out, s->open_begin);
    s->open = false;
}

static void head_answered(struct session *s)
{
    struct batch *b = s->first;
    s->answered++;
    if (++b->done < b->count)
        return;
    s->first = b->next;
    if (!s->first)
        s->last = NULL;
    if (!s->setup->command && s->executor)
        channel_release(s->executor->channel, s->first ? s->first->position : s->executor->channel->in_tail);
    free_batch(b);
}

/* Microseconds since SETUP. The executor says when a task began; what it says is believed within reason. */
static int64_t since_setup(const struct session *s, int64_t at)
{
    int64_t now = clock_mono_us();
    return at < s->setup_at ? 0 : at > now ? now - s->setup_at : at - s->setup_at;
}

void session_result(struct session *s, int64_t at, int64_t us, struct slice result)
{
    int64_t task;
    int attempt;
    if (!session_head(s, &task, &attempt))
        return;
    int64_t gap = at - s->open_until;
    if (s->open && (task != s->open_next || attempt != s->open_attempt || gap > GAP_US || gap < -GAP_US ||
                    s->out.len - s->open_begin > RESULTS_MAX))
        close_results(s);
    if (!s->open) {
        s->open = true;
        s->open_begin = message_results_begin(&s->out, task, attempt, since_setup(s, at));
        s->open_attempt = attempt;
        s->open_until = at;
    } else {
        buf_add_char(&s->out, ',');
    }
    buf_add_i64(&s->out, us);
    buf_add_char(&s->out, ',');
    buf_add_slice(&s->out, result);
    s->open_next = task + 1;
    s->open_until += us;
    session_touch(s);
    head_answered(s);
}

void session_failed(struct session *s, int64_t at, int64_t us, enum outcome outcome, int status, const char *message)
{
    struct message_failed failed = {.at = since_setup(s, at), .us = us, .outcome = outcome, .status = status,
                                    .message = slice_str(message)};
    if (!session_head(s, &failed.task, &failed.attempt))
        return;
    close_results(s);
    message_failed_add(&s->out, &failed);
    session_touch(s);
    head_answered(s);
}

void session_output(struct session *s, int stream, struct slice bytes)
{
    int64_t task;
    int attempt;
    if (!session_head(s, &task, &attempt))
        return;
    close_results(s);
    message_output_add(&s->out, task, stream, bytes);
    session_touch(s);
}

void session_progress(struct session *s, double fraction, struct slice text)
{
    struct message_progress p = {.fraction = fraction, .text = text};
    int attempt;
    if (!session_head(s, &p.task, &attempt))
        return;
    close_results(s);
    message_progress_add(&s->out, &p);
    session_touch(s);
}

/* --- slots of one-shot sessions --- */

static void start_tasks(struct session *s)
{
    if (s->setup->command)
        command_start_next(s);
    else
        function_start(s);
}

/* The process for the head of the line is made before it has a slot, while the ones before it run. */
static void prepare_head(void)
{
    if (line_head && !line_head->setup->command && !line_head->executor)
        function_start(line_head);
}

static void start_or_line_up(struct session *s)
{
    if (s->setup->tasks != 1 || s->has_slot) {
        start_tasks(s);
    } else if (slots_taken < slots) {
        s->has_slot = true;
        slots_taken++;
        start_tasks(s);
    } else if (!s->in_line) {
        s->in_line = true;
        s->next_in_line = NULL;
        if (line_tail)
            line_tail->next_in_line = s;
        else
            line_head = s;
        line_tail = s;
        prepare_head();
    }
}

void session_slot_free(struct session *s)
{
    if (!s->has_slot)
        return;
    s->has_slot = false;
    slots_taken--;
    while (line_head && slots_taken < slots) {
        struct session *next = line_head;
        leave_line(next);
        next->has_slot = true;
        slots_taken++;
        start_tasks(next);
    }
    prepare_head();
}

/* --- what the runner says --- */

static int broken(struct err *err, const char *what)
{
    return err_set(err, ERR_SYSTEM, "%s", what);
}

static const char *host_name(void)
{
    static char name[256];
    if (!*name && gethostname(name, sizeof name - 1))
        strcpy(name, "?");
    return name;
}

static int on_setup(struct session *s, const struct frame *f, struct err *err)
{
    if (s->common)
        return broken(err, "a second SETUP");
    if (setup_get((struct slice){f->body, f->len}, &s->common, err))
        return -1;
    s->setup = &s->common->message;
    s->setup_at = clock_mono_us();
    if (s->common->refusal) {
        message_refused_add(&s->out, slice_str(s->common->refusal));
        s->refused = true;
    } else {
        message_ready_add(&s->out, &(struct message_ready){slice_str(PACKAGE_VERSION), getpid(), slice_str(host_name())});
        s->ready_len = s->out.len;
    }
    session_touch(s);
    return 0;
}

static struct batch *add_batch(struct session *s, const struct message_tasks *tasks)
{
    struct batch *b = new_batch();
    b->first = tasks->first;
    b->count = tasks->count;
    b->attempt = tasks->attempt;
    if (s->last)
        s->last->next = b;
    else
        s->first = b;
    s->last = b;
    s->received += tasks->count;
    return b;
}

static void take_back(struct session *s, struct batch *b)
{
    struct batch *before = NULL;
    for (struct batch *at = s->first; at != b; at = at->next)
        before = at;
    if (before)
        before->next = NULL;
    else
        s->first = NULL;
    s->last = before;
    s->received -= b->count;
    free_batch(b);
}

static int take_tasks(struct session *s, const struct frame *f, struct err *err)
{
    struct message_tasks tasks;
    if (message_tasks_read(f, &tasks, err))
        return -1;
    if (tasks.count == 0)
        return 0;
    if (s->setup->tasks && s->received + tasks.count > s->setup->tasks)
        return broken(err, "more tasks than SETUP said");
    struct batch *b = add_batch(s, &tasks);
    if (s->setup->command || s->setup->tasks == 1) {
        buf_add(&b->body, tasks.items.p, tasks.items.len);
        b->items = json_iter((struct json){b->body.data, b->body.len});
    } else if (!function_tasks(s, b, (struct slice){tasks.items.p, tasks.items.len})) {
        take_back(s, b);
        if (s->ending)
            return 0;
        s->is_waiting = true;
        buf_clear(&s->waiting);
        buf_add(&s->waiting, f->body, f->len);
        return 0;
    }
    start_or_line_up(s);
    return 0;
}

static int on_tasks(struct session *s, const struct frame *f, struct err *err)
{
    if (!s->common || s->finished)
        return broken(err, "TASKS before SETUP or after FINISH");
    return s->refused ? 0 : take_tasks(s, f, err);
}

static void on_drop(struct session *s)
{
    s->dropping = true;
    if (s->in_line) {
        leave_line(s);
        if (!s->setup->command)
            function_end(s, true);
        session_dropped(s, s->answered);
    } else if (s->setup->command) {
        session_dropped(s, s->answered + (s->run.command != NULL));
    } else {
        function_drop(s);
    }
}

void session_dropped(struct session *s, int64_t started)
{
    int64_t left = started - s->answered; /* outstanding ones that are kept: none or the one that runs */
    int64_t dropped = 0;
    if (!s->dropping)
        return;
    s->dropping = false;
    for (struct batch *b = s->first, *next; b; b = next) {
        next = b->next;
        int64_t open = b->count - b->done, keep = left < open ? left : open;
        left -= keep;
        dropped += open - keep;
        b->count = b->done + keep;
        if (b->count == b->done) {
            /* Only whole tails go: the ones before stay as they are. */
            struct batch *before = NULL;
            for (struct batch *at = s->first; at != b; at = at->next)
                before = at;
            if (before)
                before->next = next;
            else
                s->first = next;
            if (s->last == b)
                s->last = before;
            free_batch(b);
        }
    }
    if (s->is_waiting) {
        const struct frame f = {FRAME_TASKS, s->waiting.data, s->waiting.len};
        struct message_tasks tasks;
        struct err ignored = ERR_INIT;
        if (message_tasks_read(&f, &tasks, &ignored) == 0) {
            s->received += tasks.count;
            dropped += tasks.count;
        }
        s->is_waiting = false;
    }
    s->received -= dropped;
    close_results(s);
    message_count_add(&s->out, FRAME_DROPPED, dropped);
    session_touch(s);
}

static int on_ack(struct session *s, const struct frame *f, struct err *err)
{
    int64_t n;
    if (message_count_read(f, &n, err))
        return -1;
    if (n < s->acked || n > s->answered)
        return broken(err, "an ACK of answers that were not given");
    s->acked = n;
    return 0;
}

static int on_frame(struct session *s, const struct frame *f, struct err *err)
{
    switch (f->type) {
    case FRAME_SETUP:
        return on_setup(s, f, err);
    case FRAME_TASKS:
        return on_tasks(s, f, err);
    case FRAME_ACK:
        return on_ack(s, f, err);
    case FRAME_DROP:
        on_drop(s);
        return 0;
    case FRAME_FINISH:
        s->finished = true;
        session_touch(s);
        return 0;
    case FRAME_STOP:
        return broken(err, "told to stop");
    case FRAME_ALIVE:
        return 0;
    case FRAME_CONNECT:
    case FRAME_CHALLENGE:
    case FRAME_PROOF:
    case FRAME_READY:
    case FRAME_REFUSED:
    case FRAME_RESULTS:
    case FRAME_FAILED:
    case FRAME_OUTPUT:
    case FRAME_PROGRESS:
    case FRAME_DROPPED:
    case FRAME_TYPES:
        break;
    }
    return broken(err, "a message that is the worker's to send");
}

/* Handles the frames that are there, until one has to wait. */
static void handle_frames(struct session *s)
{
    struct frame f;
    struct err err = ERR_INIT;
    int more = 0;
    while (!s->ending && !s->is_waiting && (more = frame_next(&s->reader, &f, &err)) > 0)
        if (on_frame(s, &f, &err)) {
            more = -1;
            break;
        }
    if (s->ending)
        return;
    if (more < 0) {
        end(s, false);
        return;
    }
    if (s->finished && s->acked >= s->received && s->answered == s->received)
        session_touch(s);
}

static void take_bytes(struct session *s, const char *bytes, size_t len)
{
    memcpy(frame_room(&s->reader, len), bytes, len);
    frame_feed(&s->reader, len);
    handle_frames(s);
}

static void watch(struct session *s)
{
    uint32_t wanted = (s->is_waiting ? 0 : EPOLLIN) | (s->out.len && !s->dirty ? EPOLLOUT : 0);
    if (loop_watch(&s->source, wanted | EPOLLRDHUP))
        end(s, false);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct session *s = (struct session *)(void *)source;
    if (events & EPOLLOUT)
        session_touch(s);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        ssize_t n = recv(source->fd, incoming, READ_SIZE, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            end(s, false); /* the runner is gone; what it said before counts for nothing */
            return;
        }
        s->last_received = clock_mono_us();
        if (!s->lingering)
            take_bytes(s, incoming, (size_t)n);
    }
}

/* --- time --- */

static bool only_ready(const struct session *s);

static void on_alive(struct loop_timer *timer, int64_t now)
{
    struct session *s = (struct session *)(void *)((char *)timer - offsetof(struct session, alive));
    if (!s->is_waiting && now - s->last_received > WIRE_SILENCE_S * CLOCK_S) {
        end(s, false);
        return;
    }
    if (now - s->last_sent >= WIRE_ALIVE_S * CLOCK_S && (s->out.len == 0 || only_ready(s))) {
        message_empty_add(&s->out, FRAME_ALIVE);
        session_touch(s);
    }
    loop_set(timer, now + CLOCK_S);
}

static void on_work(struct loop_timer *timer, int64_t now)
{
    struct session *s = (struct session *)(void *)((char *)timer - offsetof(struct session, work));
    if (s->lingering)
        end(s, false);
    else if (s->setup->command)
        command_look(s, now);
    else
        function_look(s, now);
}

/* --- sending --- */

static bool over(const struct session *s)
{
    return s->refused || (s->finished && s->answered == s->received && s->acked >= s->answered && !s->is_waiting);
}

/* READY of a one-shot session goes with its first answer, or with the next ALIVE: a write less a task. */
static bool only_ready(const struct session *s)
{
    return s->setup->tasks == 1 && s->ready_len && s->out.len == s->ready_len && s->first;
}

/* The runner may be sending tasks. If the connection were closed with these unread, that would wipe out the REFUSED on its
 * way: what comes is thrown away until the runner closes. */
static void linger(struct session *s, int64_t now)
{
    if (s->lingering)
        return;
    s->lingering = true;
    shutdown(s->source.fd, SHUT_WR);
    loop_set(&s->work, now + LINGER_US);
}

static void flush(struct session *s, int64_t now)
{
    close_results(s);
    if (only_ready(s))
        return;
    s->ready_len = 0;
    size_t sent = 0;
    while (sent < s->out.len) {
        ssize_t n = send(s->source.fd, s->out.data + sent, s->out.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            end(s, false);
            return;
        }
        sent += (size_t)n;
    }
    if (sent) {
        bool was_clogged = session_clogged(s);
        s->last_sent = now;
        buf_consume(&s->out, sent);
        if (was_clogged && !session_clogged(s)) {
            if (s->setup->command)
                command_resume_reading(s);
            else
                function_look(s, now);
        }
        if (s->out.len == 0 && s->out.cap > OUT_CLOGGED)
            buf_done(&s->out);
    }
    if (s->ending)
        return;
    if (s->is_waiting && s->out.len == 0) {
        /* Room may have come for what waits: try it before anything newer. */
        struct err err = ERR_INIT;
        const struct frame f = {FRAME_TASKS, s->waiting.data, s->waiting.len};
        struct buf body = s->waiting;
        s->waiting = (struct buf){0};
        s->is_waiting = false;
        int failed = take_tasks(s, &f, &err);
        buf_done(&body);
        if (failed) {
            end(s, false);
            return;
        }
        if (!s->is_waiting)
            handle_frames(s);
    }
    if (s->ending)
        return;
    if (s->out.len == 0 && over(s)) {
        if (!s->refused) {
            end(s, true);
            return;
        }
        linger(s, now);
    }
    watch(s);
}

void session_flush_all(int64_t now)
{
    while (dirty) {
        struct session *s = dirty;
        dirty = s->next_dirty;
        s->dirty = false;
        if (s->ending)
            release(s);
        else
            flush(s, now);
    }
}

void session_new(int fd, struct slice rest)
{
    static const struct message_setup none;
    struct session *s = take_spare();
    int64_t now = clock_mono_us();
    s->source = (struct loop_source){.fd = fd, .ready = on_ready};
    s->setup = &none;
    s->reader.max = WIRE_FRAME_MAX;
    s->alive.fire = on_alive;
    s->work.fire = on_work;
    s->last_sent = s->last_received = now;
    loop_set(&s->alive, now + CLOCK_S);
    watch(s);
    if (!s->ending && rest.len)
        take_bytes(s, rest.p, rest.len);
}
