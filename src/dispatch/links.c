/* A session from the run's side. A link has a slot and a worker from the moment that one is wanted, a session of the
 * scheduler while tasks can go to it, and lives until its connection has ended.
 *
 * The scheduler's session (and the slot) goes to another as soon as all that this one will ever get is answered; the
 * link then only waits for the commit, acknowledges, and hears the worker close.
 */
#include "dispatch/inside.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "jobfile/template.h"

#define LOSSES_SAID 5

/* ---- lists ---- */

static struct link *link_new(struct dispatch *d, unsigned slot)
{
    struct link *l = d->free_links;
    if (l)
        d->free_links = l->next;
    else
        l = MEM_NEW(struct link);
    *l = (struct link){.d = d, .serial = ++d->serials, .slot = slot, .sched = -1, .marked = -1, .next = d->links,
                       /* it may still stand in these lists */
                       .dirty = l->dirty, .out = l->out, .next_dirty = l->next_dirty, .next_out = l->next_out};
    if (d->links)
        d->links->prev = l;
    d->links = l;
    return l;
}

static void link_free(struct link *l)
{
    struct dispatch *d = l->d;
    outputs_done(&l->outputs);
    l->session = NULL;
    l->serial = 0;
    if (l->prev)
        l->prev->next = l->next;
    else
        d->links = l->next;
    if (l->next)
        l->next->prev = l->prev;
    l->prev = NULL;
    l->next = d->free_links;
    d->free_links = l;
}

void link_dirty(struct link *l)
{
    if (l->dirty)
        return;
    l->dirty = true;
    l->next_dirty = l->d->dirty;
    l->d->dirty = l;
}

static void link_out(struct link *l)
{
    if (l->out)
        return;
    l->out = true;
    l->next_out = l->d->out;
    l->d->out = l;
}

void links_look_at_all(struct dispatch *d)
{
    for (struct link *l = d->links; l; l = l->next)
        link_dirty(l);
}

/* ---- what all sessions have in common ---- */

static void add_names(const struct job *job, struct buf *out)
{
    buf_add_char(out, '[');
    for (int i = 0; i < job->n_args; i++) {
        if (i)
            buf_add_char(out, ',');
        buf_add_json(out, slice_str(job->args[i].name));
    }
    buf_add_char(out, ']');
}

static struct json json_of(const struct buf *b)
{
    return (struct json){b->data, b->len};
}

static void make_setup(struct dispatch *d)
{
    const struct job *job = d->job;
    CLEANUP_BUF struct buf names = {0}, env = {0};
    struct message_setup setup = {
        .run = slice_str(d->config->run->run),
        .tasks = job->tasks_per_worker,
        .timeout_us = job->timeout_us,
        .command = job->kind == TASK_COMMAND,
        .digest = slice_str(job->digest && job->kind == TASK_FUNCTION ? job->digest : ""),
        /* On this machine tasks start where the job file is. */
        .cwd = slice_str(job->cwd ? job->cwd : job->folder ? job->folder : ""),
    };
    plan_env_json(d->config->plan, &env);
    setup.env = json_of(&env);
    if (job->kind == TASK_FUNCTION) {
        setup.library = slice_str(job->library);
        setup.function = slice_str(job->function);
        if (job->object)
            setup.object = (struct json){job->object, strlen(job->object)};
    }
    if (job->positional)
        buf_add_str(&names, "null");
    else
        add_names(job, &names);
    setup.names = json_of(&names);
    message_setup_add(&d->setup, &setup);
}

static bool uses_slot(const struct job *job)
{
    for (int i = 0; i < job->argc; i++)
        if (template_uses(job->argv[i], PIECE_SLOT, 0))
            return true;
    for (int i = 0; i < job->n_env; i++)
        if (template_uses(job->env[i].value, PIECE_SLOT, 0))
            return true;
    return false;
}

void links_setup(struct dispatch *d)
{
    make_setup(d);
    d->n_slots = d->job->parallelism + (uses_slot(d->job) ? 0 : SPARE_SESSIONS);
    d->slots = mem_alloc((size_t)d->n_slots * sizeof *d->slots);
    for (int i = 0; i < d->n_slots; i++)
        d->slots[i] = (unsigned)(d->n_slots - 1 - i);
}

void links_done(struct dispatch *d)
{
    while (d->free_links) {
        struct link *next = d->free_links->next;
        free(d->free_links);
        d->free_links = next;
    }
    free(d->slots);
    buf_done(&d->setup);
}

/* ---- opening ---- */

static void slot_back(struct dispatch *d, unsigned slot)
{
    d->slots[d->n_slots++] = slot;
}

static void start(struct dispatch *d, unsigned slot, const struct backend_worker *worker)
{
    struct link *l = link_new(d, slot);
    l->opened = d->now;
    l->worker_id = worker->id;
    l->worker = writer_worker(d->writer, worker->name);
    l->session = session_open(d->sessions, (const struct sockaddr *)&worker->address, l);
}

static void on_worker(void *ctx, unsigned slot, const struct backend_worker *worker)
{
    struct dispatch *d = ctx;
    if (d->stage == STAGE_RUN && !d->stopping && !d->failed) {
        start(d, slot, worker);
        return;
    }
    d->pending--;
    slot_back(d, slot);
    d->backend_ops->release(d->backend, worker->id);
}

static void on_lost(void *ctx, int64_t worker, const char *text)
{
    struct dispatch *d = ctx;
    for (struct link *l = d->links; l; l = l->next)
        if (l->worker_id == worker) {
            session_fail(l->session, text);
            return;
        }
}

static void on_trouble(void *ctx, const char *text, bool fatal)
{
    struct dispatch *d = ctx;
    struct err err = ERR_INIT;
    if (!fatal) {
        dispatch_say(d, "%s", text);
        return;
    }
    err_set(&err, ERR_BACKEND, "%s", text);
    dispatch_fail(d, &err);
}

const struct backend_events link_backend_events = {on_worker, on_lost, on_trouble, NULL};

void links_open_wanted(struct dispatch *d)
{
    struct backend_worker worker;
    if (d->now < d->acquire_from)
        return;
    for (int n = sched_wanted(d->sched, d->pending, d->now); n > 0 && d->n_slots > 0; n--) {
        unsigned slot = d->slots[--d->n_slots];
        d->pending++;
        if (d->backend_ops->acquire(d->backend, slot, &worker))
            start(d, slot, &worker);
    }
}

/* ---- sending ---- */

static void add_item(struct link *l, int64_t task, int attempt, struct buf *out)
{
    const struct dispatch *d = l->d;
    if (d->output.command)
        plan_command_json(d->config->plan, task, d->config->run->run, attempt, (int)l->slot, out);
    else
        plan_values_json(d->config->plan, task, out);
}

/* The tasks as one message, or several if they are long. */
static void add_tasks(struct link *l, const struct sched_send *send)
{
    struct buf *out = session_out(l->session);
    int64_t task = send->first, end = send->first + send->count;
    while (task < end) {
        size_t begin = message_tasks_begin(out, task, send->attempt);
        for (bool first = true; task < end && out->len - begin < FRAME_BYTES; first = false) {
            if (!first)
                buf_add_char(out, ',');
            add_item(l, task++, send->attempt, out);
        }
        message_tasks_end(out, begin);
    }
}

void link_settle(struct link *l)
{
    struct dispatch *d = l->d;
    if (l->sched < 0 || !sched_session_drained(d->sched, l->sched))
        return;
    sched_session_closed(d->sched, l->sched);
    l->sched = -1;
    slot_back(d, l->slot);
}

static void send_to(struct link *l)
{
    struct dispatch *d = l->d;
    struct sched_send send;
    while (l->sched >= 0 && sched_send(d->sched, l->sched, d->now, &send))
        add_tasks(l, &send);
    if (l->sched >= 0 && !l->finish_sent && sched_session_finished(d->sched, l->sched)) {
        message_empty_add(session_out(l->session), FRAME_FINISH);
        l->finish_sent = true;
    }
    link_settle(l);
    if (l->finish_sent && l->sched < 0 && l->acked == l->answered)
        session_expect_end(l->session);
    if (session_out(l->session)->len)
        link_out(l);
}

void links_send_all(struct dispatch *d)
{
    while (d->dirty) {
        struct link *l = d->dirty;
        d->dirty = l->next_dirty;
        l->dirty = false;
        if (l->session && l->proven)
            send_to(l);
    }
}

void links_flush(struct dispatch *d)
{
    while (d->out) {
        struct link *l = d->out;
        d->out = l->next_out;
        l->out = false;
        if (l->session)
            session_flush(l->session);
    }
}

void links_acknowledge(struct dispatch *d, const struct batch *batch)
{
    for (size_t i = 0; i < batch->n_acks; i++) {
        const struct batch_ack *ack = &batch->acks[i];
        struct link *l = ack->link;
        if (l->serial != ack->serial)
            continue;
        l->acked += ack->count;
        message_count_add(session_out(l->session), FRAME_ACK, l->acked);
        link_dirty(l);
    }
    (void)d;
}

/* ---- taking back ---- */

static void drop(struct link *l)
{
    sched_dropping(l->d->sched, l->sched);
    l->dropping = true;
    message_empty_add(session_out(l->session), FRAME_DROP);
    link_out(l);
}

void links_steal(struct dispatch *d)
{
    int victim = sched_steal(d->sched, d->now);
    for (struct link *l = d->links; victim >= 0 && l; l = l->next)
        if (l->sched == victim && l->ready && !l->dropping) {
            drop(l);
            return;
        }
}

void links_drop_all(struct dispatch *d)
{
    for (struct link *l = d->links; l; l = l->next)
        if (l->sched >= 0 && !l->dropping && sched_in_flight(d->sched, l->sched) > 0)
            drop(l);
}

/* ---- the session's events ---- */

static void on_proven(void *ctx, void *user)
{
    struct dispatch *d = ctx;
    struct link *l = user;
    d->pending--;
    l->proven = true;
    l->sched = sched_session_open(d->sched, d->now);
    l->setup_at = clock_wall_us();
    buf_add_slice(session_out(l->session), buf_slice(&d->setup));
    send_to(l);
}

static int on_ready(void *ctx, void *user, const struct message_ready *m, struct err *err)
{
    struct dispatch *d = ctx;
    struct link *l = user;
    (void)m;
    (void)err;
    l->ready = d->any_ready = true;
    d->unreachable = 0;
    return 0;
}

/* What a task says of itself is for the progress line: the latest word is kept. */
static int on_progress(void *ctx, void *user, const struct message_progress *m, struct err *err)
{
    struct dispatch *d = ctx;
    (void)user;
    (void)err;
    d->said = (struct task_progress){.task = m->task, .fraction = m->fraction, .at = d->now};
    size_t len = m->text.len < sizeof d->said.text ? m->text.len : sizeof d->said.text - 1;
    memcpy(d->said.text, m->text.p, len);
    d->said.text[utf8_check(d->said.text, len)] = '\0';
    return 0;
}

static int on_dropped(void *ctx, void *user, int64_t tasks, struct err *err)
{
    struct dispatch *d = ctx;
    struct link *l = user;
    if (!l->dropping || (l->sched >= 0 && sched_dropped(d->sched, l->sched, tasks)))
        return err_set(err, ERR_BACKEND, "it gave back %" PRId64 " tasks, which it cannot have", tasks);
    l->dropping = false;
    d->look_at_all |= tasks > 0;
    link_dirty(l);
    return 0;
}

/* Whether its task may have begun: it may have been faster than READY, which a one-shot session says only with its answer. A
 * library that no worker could load yet may be what they die of; a command needs none. */
static bool may_have_run(const struct link *l)
{
    const struct dispatch *d = l->d;
    return l->ready || d->output.command || (d->job->tasks_per_worker == 1 && d->any_ready);
}

/* What had been sent to it is sent to others; the task that ran is told of. */
static void requeue(struct link *l, const char *text)
{
    struct dispatch *d = l->d;
    struct sched_loss loss;
    int64_t task, since = d->now;
    int attempt;
    (void)sched_current(d->sched, l->sched, &task, &attempt, &since);
    sched_session_lost(d->sched, l->sched, may_have_run(l) && !d->closing_sessions, d->now, &loss);
    l->sched = -1;
    slot_back(d, l->slot);
    d->look_at_all = true;
    if (!loss.had_task)
        return;
    answer_lost(l, &loss, since, text);
    if (d->losses_said++ < LOSSES_SAID)
        dispatch_say(d, "a worker was lost (%s) while it ran task %" PRId64 "%s", text, loss.task,
                     loss.verdict == SCHED_RETRY ? ", which will be tried again" : ", which is given up");
}

/* A worker that never came as far as a task: another one a little later, but not for ever. A supervisor takes all of its
 * sessions with it, of which many may have been waiting for their turn: that is one failure. */
static void not_reached(struct dispatch *d, int64_t opened, const char *text)
{
    struct err err = ERR_INIT;
    if (d->unreachable && opened <= d->unreachable_at)
        return;
    d->unreachable_at = d->now;
    int64_t pause = (int64_t)UNREACHABLE_MS << (d->unreachable < 6 ? d->unreachable : 6);
    d->acquire_from = d->now + (pause < 1000 ? pause : 1000) * CLOCK_MS;
    if (++d->unreachable < UNREACHABLE_MAX)
        return;
    err_set(&err, ERR_BACKEND, "no session with a worker of backend %s: %s", d->backend_ops->name, text);
    dispatch_fail(d, &err);
}

static void on_end(void *ctx, void *user, enum session_end how, const char *text)
{
    struct dispatch *d = ctx;
    struct link *l = user;
    struct err err = ERR_INIT;
    l->session = NULL;
    if (!l->proven) {
        d->pending--;
        slot_back(d, l->slot);
    }
    bool ready = l->ready;
    int64_t opened = l->opened;
    if (l->sched >= 0)
        requeue(l, text ? text : "it closed the connection");
    d->backend_ops->release(d->backend, l->worker_id);
    link_free(l);
    if (d->closing_sessions)
        return;
    switch (how) {
    case SESSION_CLOSED:
        break;
    case SESSION_REFUSED:
        err_set(&err, ERR_BACKEND, "%s", text);
        dispatch_fail(d, &err);
        break;
    case SESSION_UNREACHABLE:
    case SESSION_LOST:
        if (!ready)
            not_reached(d, opened, text);
        break;
    }
}

const struct session_events link_events = {
    .on_proven = on_proven,
    .on_ready = on_ready,
    .on_results = answer_results,
    .on_failed = answer_failed,
    .on_output = answer_output,
    .on_progress = on_progress,
    .on_dropped = on_dropped,
    .on_end = on_end,
};

/* ---- time, and the end ---- */

static void mark_running(struct link *l, int64_t task, int attempt, int64_t since)
{
    struct dispatch *d = l->d;
    struct attempt_start *start_row = batch_start(d->batch);
    *start_row = (struct attempt_start){task, attempt, clock_wall_us() - (d->now - since), l->worker};
    l->marked = task;
    dispatch_batched(d);
}

/* The worker enforces time limits; this is for one that does not. A one-shot session may have waited for its turn. */
static bool overdue(const struct link *l, int64_t since)
{
    int64_t limit = l->d->job->timeout_us;
    if (limit == 0)
        return false;
    if (l->d->job->tasks_per_worker == 1)
        limit *= 2;
    return l->d->now - since > limit + LATE_US;
}

void links_tick(struct dispatch *d)
{
    for (struct link *l = d->links, *next; l; l = next) {
        int64_t task, since;
        int attempt;
        next = l->next;
        if (l->sched < 0 || !l->ready || !sched_current(d->sched, l->sched, &task, &attempt, &since))
            continue;
        if (overdue(l, since))
            session_fail(l->session, "it did not end a task whose time was over");
        else if (d->now - since > MARK_US && l->marked != task)
            mark_running(l, task, attempt, since);
    }
}

void links_close_all(struct dispatch *d, bool stop)
{
    d->closing_sessions = true;
    while (d->links) {
        struct link *l = d->links;
        if (stop && l->proven)
            message_empty_add(session_out(l->session), FRAME_STOP);
        session_close(l->session);
        on_end(d, l, SESSION_CLOSED, NULL);
    }
    d->closing_sessions = d->stage != STAGE_RUN;
}
