/* Functions of a session: its executor, and what becomes of a task that ends it. See session_inside.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "process.h"
#include "session_inside.h"

#define LOOK_US 3000            /* answers of tiny tasks are taken so often; more than the executor's LONG_NS */
#define FAILED_BUILDS_MAX 3     /* then the object's failure is the answer to all tasks that are there */
#define RECORDS_KEPT (4u << 20)
#define TIME_MAX (INT64_C(1) << 60)
#define POOL_MAX 64

static struct executor *pool;
static int pooled;

static struct executor *new_executor(void)
{
    struct executor *e = pool;
    if (!e)
        return MEM_NEW(struct executor);
    pool = e->next;
    pooled--;
    *e = (struct executor){0};
    return e;
}

static void free_executor(struct executor *e, bool spoiled)
{
    loop_unset(&e->overdue);
    channel_put(e->channel, spoiled);
    if (pooled >= POOL_MAX) {
        loop_free_later(e);
        return;
    }
    e->next = pool;
    pool = e;
    pooled++;
}

static void kill_executor(const struct executor *e)
{
    kill(-e->child.pid, SIGKILL);
    kill(e->child.pid, SIGKILL);
}

static void on_overdue(struct loop_timer *timer, int64_t now)
{
    (void)now;
    kill_executor((struct executor *)(void *)((char *)timer - offsetof(struct executor, overdue)));
}

static void on_nudge(struct loop_source *source, uint32_t events)
{
    struct channel *c = (struct channel *)(void *)((char *)source - offsetof(struct channel, nudged));
    struct executor *e = c->owner;
    uint64_t n;
    ssize_t ignored = read(source->fd, &n, sizeof n);
    (void)ignored;
    (void)events;
    if (e && e->session)
        function_look(e->session, clock_mono_us());
}

static void on_ended(struct child *child, int status);

/* An executor that is not running yet, with a channel for messages of that size. */
static int add_executor(struct session *s, size_t len)
{
    struct channel *c = channel_get(len, s->setup->tasks == 1);
    if (!c)
        return -1;
    struct executor *e = new_executor();
    e->channel = c;
    e->session = s;
    e->child.exited = on_ended;
    e->overdue.fire = on_overdue;
    e->begun_before = s->answered;
    e->limit = INT64_MAX;
    c->owner = e;
    c->nudged.ready = on_nudge;
    s->executor = e;
    return loop_watch(&c->nudged, EPOLLIN);
}

/* A one-shot session that has no slot yet: its executor is there, and begins nothing. */
static bool waits(const struct session *s)
{
    return s->setup->tasks == 1 && !s->has_slot;
}

static void set_limit(struct session *s)
{
    struct executor *e = s->executor;
    int64_t limit = s->cautious && s->answered + 1 < e->limit ? s->answered + 1 : e->limit;
    channel_limit(e->channel, waits(s) ? s->answered : limit);
}

/* Forks the executor of `s->executor`, to begin with the head task. */
static void launch(struct session *s)
{
    struct executor *e = s->executor;
    const struct executor_setup setup = {s->common->function, s->setup->object, s->setup->names, s->setup->env,
                                         s->setup->cwd.len ? s->setup->cwd.p : "", s->setup->tasks == 1};
    e->begun_before = s->answered;
    e->timed_out = e->mad = e->ended = false;
    channel_begin(e->channel, s->first ? s->first->position : e->channel->in_tail, s->first ? s->first->done : 0, s->answered);
    set_limit(s);
    e->launched = clock_mono_us();
    e->child.pid = executor_start(e->channel, &setup);
    if (e->child.pid > 0) {
        children_add(&e->child);
        return;
    }
    char text[128];
    snprintf(text, sizeof text, "cannot start a process: %s", strerrorname_np(errno));
    while (s->first && !waits(s))
        session_failed(s, e->launched, 0, OUTCOME_LOST, 0, text);
    s->executor = NULL;
    free_executor(e, false);
    session_slot_free(s);
}

bool function_tasks(struct session *s, struct batch *batch, struct slice items)
{
    if (s->executor && (s->executor->stale || !channel_can_hold(s->executor->channel, items.len))) {
        /* This channel cannot take the message: another one, once the executor has nothing left to do. */
        if (s->first != batch)
            return false;
        function_end(s, false);
    }
    if (!s->executor && add_executor(s, items.len)) {
        session_break(s);
        return false;
    }
    return channel_send(s->executor->channel, batch->first, batch->attempt, items, &batch->position);
}

void function_start(struct session *s)
{
    if (s->first && s->setup->tasks == 1 && !s->executor && !function_tasks(s, s->first, buf_slice(&s->first->body)))
        return;
    if (s->executor && s->executor->child.pid == 0) {
        launch(s);
    } else if (s->executor && s->setup->tasks == 1) {
        s->executor->launched = clock_mono_us();
        set_limit(s);
    }
    if (!s->ending && s->executor)
        function_look(s, clock_mono_us());
}

/* One record. False: it is nonsense. */
static bool take_record(struct session *s, const struct record *r, const char *bytes)
{
    struct json v;
    char message[1024];
    if (r->at < 0 || r->at > TIME_MAX || r->us < 0 || r->us > TIME_MAX)
        return false;
    switch ((enum record_kind)r->kind) {
    case RECORD_RESULT:
        if (!s->first || json_check(bytes, r->len, &v, NULL))
            return false;
        session_result(s, r->at, r->us, (struct slice){bytes, r->len});
        return true;
    case RECORD_FAILED:
        if (!s->first || r->detail == OUTCOME_OK || r->detail >= OUTCOME_COUNT)
            return false;
        snprintf(message, sizeof message, "%.*s", (int)(r->len < 1000 ? r->len : 1000), bytes);
        session_failed(s, r->at, r->us, (enum outcome)r->detail, 0, message);
        return true;
    case RECORD_OUTPUT:
        session_output(s, r->detail == 2 ? 2 : 1, (struct slice){bytes, r->len});
        return true;
    case RECORD_PROGRESS:
        session_progress(s, r->at < 1000000 ? (double)r->at / 1e6 : 1, (struct slice){bytes, r->len});
        return true;
    }
    return false;
}

/* What a one-shot call printed is known when its process has ended: its answer waits until then, behind the output. */
static bool is_early(const struct session *s, const struct record *r)
{
    return s->setup->tasks == 1 && !s->executor->ended && (r->kind == RECORD_RESULT || r->kind == RECORD_FAILED);
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
        } else if (b->len - at - sizeof r < r.len || is_early(s, &r)) {
            break;
        } else {
            sane = take_record(s, &r, b->data + at + sizeof r);
            at += sizeof r + r.len;
        }
    }
    buf_consume(b, at);
    return sane;
}

/* Takes what the executor has put out: as long as the runner reads, and all of it once it has ended. */
static void take_answers(struct session *s)
{
    struct executor *e = s->executor;
    if (e->mad || (session_clogged(s) && !e->ended))
        return;
    if (channel_receive(e->channel, &s->records) || !take_records(s)) {
        /* It has written over what it shares with us: its task is what it dies of. */
        buf_clear(&s->records);
        e->mad = true;
        if (!e->ended)
            kill_executor(e);
    }
    if (s->records.len == 0 && s->records.cap > RECORDS_KEPT)
        buf_done(&s->records);
}

/* When the time of what the executor does now is over; INT64_MAX: nothing that has a limit. */
static int64_t time_limit(const struct session *s, int64_t now, int64_t begun, int64_t started)
{
    const struct executor *e = s->executor;
    if (!s->setup->timeout_us || e->timed_out)
        return INT64_MAX;
    if (begun > s->answered)
        return (started ? started : now) + s->setup->timeout_us;
    return (channel_open_for_tasks(e->channel) ? now : e->launched) + s->setup->timeout_us;
}

void function_look(struct session *s, int64_t now)
{
    struct executor *e = s->executor;
    int64_t before = s->answered, started = 0;
    if (!e || e->child.pid == 0 || waits(s))
        return;
    take_answers(s);
    if (s->cautious && s->answered != before)
        set_limit(s);
    int64_t begun = channel_begun(e->channel, &started);
    if (!s->first) {
        loop_unset(&s->work);
        return;
    }
    int64_t due = time_limit(s, now, begun, started);
    if (due <= now) {
        e->timed_out = true;
        kill_executor(e);
        due = INT64_MAX;
    }
    /* Tiny tasks are looked after often; one that runs for longer than this already will tell when it is through. */
    bool is_long = started && now - started >= LOOK_US && begun == s->answered + 1;
    if (s->answered != before || (begun > s->answered && !is_long && s->setup->tasks != 1) || session_clogged(s))
        due = now + LOOK_US < due ? now + LOOK_US : due;
    else if (begun <= s->answered && s->setup->tasks != 1)
        due = now + 10 * LOOK_US < due ? now + 10 * LOOK_US : due;
    if (due == INT64_MAX)
        loop_unset(&s->work);
    else
        loop_set(&s->work, due);
}

/* The task that the executor was at when it ended, by itself or not. */
static void head_failed(struct session *s, struct executor *e, int status, bool begun, int64_t started)
{
    char text[200], words[PROCESS_WORDS_SIZE];
    int64_t now = clock_mono_us(), at = started > e->launched && started < now ? started : e->launched;
    const char *where = begun ? "" : " while the object was built";
    if (e->mad) {
        session_failed(s, at, now - at, OUTCOME_ERROR, 0, "wrote over memory that is not its own");
    } else if (e->timed_out) {
        char span[CLOCK_TEXT_SIZE];
        snprintf(text, sizeof text, "ran longer than %s and was killed%s", clock_span(s->setup->timeout_us, span), where);
        session_failed(s, at, now - at, OUTCOME_TIMEOUT, 0, text);
    } else if (channel_streams_are_gone(e->channel)) {
        session_failed(s, at, now - at, OUTCOME_ERROR, 0, EXECUTOR_STREAMS_CLOSED);
    } else if (WIFSIGNALED(status)) {
        enum outcome outcome = process_signalled(status, words);
        snprintf(text, sizeof text, "%s%s", words, where);
        session_failed(s, at, now - at, outcome, WTERMSIG(status), text);
    } else {
        snprintf(text, sizeof text, "called exit(%d)%s", WEXITSTATUS(status), where);
        session_failed(s, at, now - at, OUTCOME_EXIT, WEXITSTATUS(status), text);
    }
}

struct last_output {
    struct session *session;
    int stream;
};

static void take_piece(void *ctx, struct slice piece)
{
    const struct last_output *output = ctx;
    session_output(output->session, output->stream, piece);
}

static void take_last_output(struct session *s, const struct channel *c)
{
    executor_take_output(c->out, take_piece, &(struct last_output){s, 1});
    executor_take_output(c->errout, take_piece, &(struct last_output){s, 2});
}

/* What it put out before it ended. A task that it was at has its output still in the files. */
static void take_the_rest(struct session *s, struct executor *e, int64_t begun)
{
    if (s->setup->tasks == 1)
        take_last_output(s, e->channel);
    take_answers(s);
    if (s->setup->tasks != 1 && s->first && begun > s->answered)
        take_last_output(s, e->channel);
    buf_clear(&s->records);
}

/* Answers for the task that the executor did not survive, or, where not even the object could be built, for the head task.
 * False: it ended in order. */
static bool answer_for_it(struct session *s, struct executor *e, int status)
{
    int64_t started = 0, begun = channel_begun(e->channel, &started);
    take_the_rest(s, e, begun);
    bool one = s->setup->tasks == 1;
    if (e->mad && !s->cautious && !one) {
        s->cautious = true;
        return true;
    }
    if (begun > s->answered || e->mad || (one && s->first)) {
        s->cautious = false;
        s->failed_builds = 0;
        head_failed(s, e, status, begun > s->answered || e->mad, started);
        return true;
    }
    if (s->answered > e->begun_before) {
        s->failed_builds = 0;
        return false;
    }
    /* It has done nothing. Where it was idle somebody has killed it, and the next one will do; but not for ever. */
    bool enough = ++s->failed_builds >= FAILED_BUILDS_MAX;
    if (enough || !channel_open_for_tasks(e->channel))
        do
            head_failed(s, e, status, false, 0);
        while (enough && s->first);
    return true;
}

static void on_ended(struct child *child, int status)
{
    struct executor *e = (struct executor *)(void *)child;
    struct session *s = e->session;
    bool broken = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    e->ended = true;
    /* A one-shot executor that ended in order has looked itself. */
    if (!s || s->setup->tasks != 1 || broken)
        kill(-child->pid, SIGKILL);
    broken = (s && !waits(s) && answer_for_it(s, e, status)) || broken;
    if (broken)
        children_end_orphans();
    child->pid = 0;
    if (!s) {
        free_executor(e, true);
        return;
    }
    loop_unset(&s->work);
    if (s->dropping)
        session_dropped(s, s->answered);
    if (s->first && s->setup->tasks != 1 && !s->ending) {
        launch(s);
        if (s->executor)
            function_look(s, clock_mono_us());
        return;
    }
    s->executor = NULL;
    free_executor(e, broken);
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
    e->limit = begun;
    set_limit(s);
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
    if (at_once) {
        kill_executor(e);
    } else {
        channel_quit(e->channel);
        loop_set(&e->overdue, clock_mono_us() + EXECUTOR_END_US);
    }
}
