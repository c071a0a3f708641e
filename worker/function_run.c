/* Functions of a session: its executor, and what becomes of a task that ends it. See session_inside.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "process.h"
#include "session_inside.h"

#define LOOK_US 3000            /* answers of tiny tasks are taken so often */
#define END_US (2 * CLOCK_S)    /* an executor that was asked to end has so long */
#define PIECE (1u << 20)

static void take_answers(struct session *s);

static void free_executor(struct executor *e, bool spoiled)
{
    loop_unwatch(&e->nudge);
    loop_unset(&e->overdue);
    channel_put(e->channel, spoiled);
    loop_free_later(e);
}

static void on_overdue(struct loop_timer *timer, int64_t now)
{
    struct executor *e = (struct executor *)(void *)((char *)timer - offsetof(struct executor, overdue));
    (void)now;
    kill(-e->child.pid, SIGKILL);
    kill(e->child.pid, SIGKILL);
}

static void on_nudge(struct loop_source *source, uint32_t events)
{
    struct executor *e = (struct executor *)(void *)((char *)source - offsetof(struct executor, nudge));
    uint64_t n;
    ssize_t ignored = read(source->fd, &n, sizeof n);
    (void)ignored;
    (void)events;
    if (e->session)
        function_look(e->session, clock_mono_us());
}

static void on_ended(struct child *child, int status);

static bool start(struct session *s, struct channel *c)
{
    struct executor *e = MEM_NEW(struct executor);
    e->channel = c;
    e->session = s;
    e->child.exited = on_ended;
    e->overdue.fire = on_overdue;
    e->nudge = (struct loop_source){.fd = c->wake_session, .ready = on_nudge};
    e->begun_before = s->answered;
    s->executor = e;
    return true;
}

/* Forks the executor of `s->executor`, to begin with the head task. */
static void launch(struct session *s)
{
    struct executor *e = s->executor;
    const struct executor_setup setup = {s->function, s->setup.object, s->setup.names, s->setup.env,
                                         s->setup.cwd.len ? s->setup.cwd.p : "", s->setup.tasks == 1};
    e->begun_before = s->answered;
    channel_begin(e->channel, s->first ? s->first->position : e->channel->in_tail, s->first ? s->first->done : 0, s->answered);
    e->child.pid = executor_start(e->channel, &setup);
    if (e->child.pid < 0) {
        char text[128];
        snprintf(text, sizeof text, "cannot start a process: %s", strerrorname_np(errno));
        int64_t now = clock_mono_us();
        while (s->first)
            session_failed(s, now, 0, OUTCOME_LOST, 0, text);
        s->executor = NULL;
        free_executor(e, false);
        return;
    }
    children_add(&e->child);
    if (s->setup.tasks != 1)
        loop_watch(&e->nudge, EPOLLIN);
}

void function_start(struct session *s)
{
    if (s->executor && s->executor->child.pid == 0)
        launch(s);
    if (!s->ending && s->executor)
        function_look(s, clock_mono_us());
}

bool function_tasks(struct session *s, struct batch *batch, const struct message_tasks *tasks)
{
    uint32_t need = channel_size_for(tasks->items.len);
    if (s->executor && (s->executor->stale || s->executor->channel->in_size < need)) {
        /* This channel cannot take the message: another one, once the executor has nothing left to do. */
        if (s->first != batch)
            return false;
        function_end(s, false);
    }
    if (!s->executor) {
        struct channel *c = channel_get(need);
        if (!c) {
            session_break(s);
            return false;
        }
        start(s, c);
    }
    return channel_send(s->executor->channel, tasks->first, tasks->attempt, (struct slice){tasks->items.p, tasks->items.len},
                        &batch->position);
}

/* One record. False: it is nonsense. */
static bool take_record(struct session *s, const struct record *r, const char *bytes)
{
    struct json v;
    char message[1024];
    switch ((enum record_kind)r->kind) {
    case RECORD_RESULT:
        if (!s->first || r->us < 0 || json_check(bytes, r->len, &v, NULL))
            return false;
        session_result(s, r->at, r->us, (struct slice){bytes, r->len});
        return true;
    case RECORD_FAILED:
        if (!s->first || r->us < 0 || r->detail == OUTCOME_OK || r->detail >= OUTCOME_COUNT)
            return false;
        snprintf(message, sizeof message, "%.*s", (int)(r->len < 1000 ? r->len : 1000), bytes);
        session_failed(s, r->at, r->us, (enum outcome)r->detail, 0, message);
        return true;
    case RECORD_OUTPUT:
        session_output(s, r->detail == 2 ? 2 : 1, (struct slice){bytes, r->len});
        return true;
    case RECORD_PROGRESS:
        session_progress(s, (double)r->at / 1e6, (struct slice){bytes, r->len});
        return true;
    }
    return false;
}

/* Takes whole records out of `records`. False: nonsense. */
static bool take_records(struct session *s)
{
    struct buf *b = &s->records;
    size_t at = 0;
    bool sane = true;
    while (sane && b->len - at >= sizeof(struct record)) {
        struct record r;
        memcpy(&r, b->data + at, sizeof r);
        if (r.len > RECORD_MAX) {
            sane = false;
        } else if (b->len - at - sizeof r < r.len) {
            break;
        } else {
            sane = take_record(s, &r, b->data + at + sizeof r);
            at += sizeof r + r.len;
        }
    }
    buf_consume(b, at);
    return sane;
}

static void take_answers(struct session *s)
{
    struct executor *e = s->executor;
    if (session_clogged(s))
        return;
    if (channel_receive(e->channel, &s->records) || !take_records(s)) {
        /* It has written over what it shares with us: its task is what it dies of. */
        buf_clear(&s->records);
        kill(-e->child.pid, SIGKILL);
    }
    if (s->records.len == 0 && s->records.cap > 4 * PIECE)
        buf_done(&s->records);
}

void function_look(struct session *s, int64_t now)
{
    struct executor *e = s->executor;
    int64_t before = s->answered, started = 0;
    if (!e || e->child.pid == 0)
        return;
    take_answers(s);
    int64_t begun = channel_begun(e->channel, &started);
    if (!s->first) {
        loop_unset(&s->work);
        return;
    }
    int64_t due = INT64_MAX;
    if (s->setup.timeout_us && begun > s->answered && started) {
        due = started + s->setup.timeout_us;
        if (due <= now && !e->timed_out) {
            e->timed_out = true;
            kill(-e->child.pid, SIGKILL);
            kill(e->child.pid, SIGKILL);
            due = INT64_MAX;
        }
    } else if (s->setup.timeout_us) {
        due = now + s->setup.timeout_us;
    }
    /* Tiny tasks are looked after often; a long one tells when it is through. */
    if (s->setup.tasks != 1 && (s->answered != before || session_clogged(s)))
        due = now + LOOK_US < due ? now + LOOK_US : due;
    else if (s->setup.tasks != 1 && begun == s->answered)
        due = now + 10 * LOOK_US < due ? now + 10 * LOOK_US : due;
    if (due == INT64_MAX)
        loop_unset(&s->work);
    else
        loop_set(&s->work, due);
}

/* The task that the executor was at when it ended, by itself or not. */
static void head_failed(struct session *s, struct executor *e, int status, bool begun, int64_t started)
{
    char text[200], name[32];
    int64_t now = clock_mono_us(), at = started ? started : now;
    const char *where = begun ? "" : " while the object was built";
    if (e->timed_out) {
        char span[CLOCK_TEXT_SIZE];
        snprintf(text, sizeof text, "ran longer than %s and was killed", clock_span(s->setup.timeout_us, span));
        session_failed(s, at, now - at, OUTCOME_TIMEOUT, 0, text);
    } else if (WIFSIGNALED(status)) {
        process_signal_name(WTERMSIG(status), name);
        snprintf(text, sizeof text, "%s%s%s", name, WCOREDUMP(status) ? " (core dumped)" : "", where);
        session_failed(s, at, now - at, OUTCOME_SIGNAL, WTERMSIG(status), text);
    } else {
        snprintf(text, sizeof text, "called exit(%d)%s", WEXITSTATUS(status), where);
        session_failed(s, at, now - at, OUTCOME_EXIT, WEXITSTATUS(status), text);
    }
}

static void take_last_output(struct session *s, struct channel *c)
{
    const int fds[] = {c->out, c->errout};
    for (int i = 0; i < 2; i++) {
        CLEANUP_BUF struct buf text = {0};
        executor_take_output(fds[i], &text);
        if (text.len)
            session_output(s, i + 1, buf_slice(&text));
    }
}

/* A one-shot executor's children, if any are left in its group. */
static bool group_left(struct session *s, pid_t group)
{
    if (s->setup.tasks != 1 || !process_group_alive(group))
        return false;
    kill(-group, SIGKILL);
    return true;
}

static void on_ended(struct child *child, int status)
{
    struct executor *e = (struct executor *)(void *)child;
    struct session *s = e->session;
    int64_t started = 0;
    if (!s) {
        kill(-child->pid, SIGKILL);
        free_executor(e, true);
        return;
    }
    bool left = group_left(s, child->pid);
    if (s->setup.tasks != 1)
        kill(-child->pid, SIGKILL);
    int64_t begun = channel_begun(e->channel, &started);
    int64_t answered = s->answered;
    if (s->setup.tasks == 1) {
        take_last_output(s, e->channel);
        if (left) {
            session_failed(s, started, clock_mono_us() - started, OUTCOME_ERROR, 0, "left processes behind (killed)");
        } else {
            take_answers(s);
        }
    } else {
        take_answers(s);
        if (s->first && begun > s->answered)
            take_last_output(s, e->channel);
    }
    buf_clear(&s->records);
    bool progressed = s->answered > e->begun_before || begun > e->begun_before;
    if (s->first && (begun > s->answered || (!progressed && s->answered == answered)))
        head_failed(s, e, status, begun > s->answered, started);
    e->timed_out = false;
    child->pid = 0;
    loop_unset(&s->work);
    loop_unwatch(&e->nudge);
    if (s->dropping)
        session_dropped(s, s->answered);
    if (s->first && s->setup.tasks != 1) {
        launch(s);
        if (!s->ending && s->executor)
            function_look(s, clock_mono_us());
        return;
    }
    s->executor = NULL;
    free_executor(e, left);
    session_slot_free(s);
}

void function_drop(struct session *s)
{
    struct executor *e = s->executor;
    if (!e || e->child.pid == 0) {
        session_dropped(s, s->answered);
        return;
    }
    /* Nothing beyond what it has begun. If it begins one at this very moment, that one is kept. */
    int64_t started, begun;
    take_answers(s);
    e->stale = true;
    channel_limit(e->channel, channel_begun(e->channel, &started));
    begun = channel_begun(e->channel, &started);
    channel_limit(e->channel, begun);
    session_dropped(s, begun);
    function_look(s, clock_mono_us());
}

void function_end(struct session *s, bool at_once)
{
    struct executor *e = s->executor;
    s->executor = NULL;
    if (!e)
        return;
    e->session = NULL;
    if (e->child.pid == 0) {
        free_executor(e, false);
        return;
    }
    loop_unwatch(&e->nudge);
    if (at_once) {
        kill(-e->child.pid, SIGKILL);
        kill(e->child.pid, SIGKILL);
    } else {
        channel_quit(e->channel);
        loop_set(&e->overdue, clock_mono_us() + END_US);
    }
}
