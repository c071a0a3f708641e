/* See dispatch.h.
 *
 * Everything happens in callbacks that only note what has come: answers go into the batch, sessions become dirty, timers
 * ring. Before the loop waits again, step() carries out what follows: it feeds the scheduler, acknowledges what is
 * committed, sends tasks, opens sessions, hands the batch to the writer, and looks whether the run is over.
 *
 * The end has four stages (inside.h). An early end (signal, deadline, too many failures) holds the scheduler and takes back
 * what has not started; when nothing is in flight any more, or the grace is over, it goes on like any other end. A failure
 * (no worker, no disk) closes the sessions at once.
 */
#include "dispatch/inside.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"

#define MESSAGE_MAX 1024

void dispatch_say(struct dispatch *d, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    if (!d->config->on_message)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    d->config->on_message(d->config->ctx, text);
}

/* ---- ending early ---- */

void dispatch_stop(struct dispatch *d, enum dispatch_end why)
{
    if (d->stage != STAGE_RUN || d->stopping)
        return;
    d->stopping = true;
    d->end = why;
    d->grace_until = d->now + DISPATCH_GRACE_S * CLOCK_S;
    sched_hold(d->sched);
    links_drop_all(d);
    links_look_at_all(d);
}

void dispatch_stop_now(struct dispatch *d)
{
    if (d->stage != STAGE_RUN)
        return;
    sched_hold(d->sched);
    links_close_all(d, true);
}

void dispatch_fail(struct dispatch *d, const struct err *err)
{
    if (!d->failed)
        d->err = *err;
    d->failed = true; /* step() sees to it: sessions cannot be closed in the middle of their own events */
}

static void cancelled(struct dispatch *d)
{
    dispatch_stop(d, DISPATCH_CANCELLED);
    d->end = DISPATCH_CANCELLED;
    dispatch_stop_now(d);
}

/* ---- batches ---- */

static struct batch *take_batch(struct dispatch *d)
{
    struct batch *b = d->spare_batches;
    if (!b)
        return batch_new();
    d->spare_batches = b->next;
    b->next = NULL;
    return b;
}

/* Every task below it is settled once the batch is in. Of tasks that were not asked for nothing is known. */
static int64_t watermark(const struct dispatch *d)
{
    const struct run_info *run = d->config->run;
    struct task_range asked;
    int64_t mark = sched_watermark(d->sched);
    if (!d->config->only)
        return mark;
    if (!taskset_next(d->config->only, run->watermark, &asked) || asked.first > run->watermark)
        return -1;
    return mark < asked.end ? mark : asked.end;
}

static void push_batch(struct dispatch *d)
{
    struct batch *b = d->batch;
    for (size_t i = 0; i < b->n_acks; i++) {
        struct link *l = b->acks[i].link;
        if (l->serial != b->acks[i].serial)
            continue;
        b->acks[i].count = l->in_batch;
        l->in_batch = 0;
    }
    b->running = sched_counts(d->sched).running;
    b->watermark = watermark(d);
    writer_push(d->writer, b);
    d->in_writer++;
    d->batch = take_batch(d);
    d->batch_since = -1;
}

static bool batch_is_full(const struct batch *b)
{
    return b->n_ends >= BATCH_ENDS || b->bytes >= BATCH_BYTES;
}

void dispatch_batched(struct dispatch *d)
{
    if (d->batch_since < 0)
        d->batch_since = d->now;
    if (d->paused || !batch_is_full(d->batch))
        return;
    if (!writer_full(d->writer)) {
        push_batch(d);
        return;
    }
    d->paused = true;
    sessions_pause(d->sessions, true);
}

static bool batch_is_due(const struct dispatch *d)
{
    const struct batch *b = d->batch;
    if (batch_is_empty(b))
        return false;
    return d->stage != STAGE_RUN || d->stopping || batch_is_full(b) || d->now - d->batch_since >= BATCH_US ||
           sched_idle(d->sched);
}

static void hand_over(struct dispatch *d)
{
    if (batch_is_due(d) && !writer_full(d->writer))
        push_batch(d);
    if (d->paused && !batch_is_full(d->batch)) {
        d->paused = false;
        sessions_pause(d->sessions, false);
    }
}

static void take_committed(struct dispatch *d)
{
    struct batch *b;
    struct err err = ERR_INIT;
    while ((b = writer_take(d->writer))) {
        d->in_writer--;
        links_acknowledge(d, b);
        batch_clear(b);
        b->next = d->spare_batches;
        d->spare_batches = b;
    }
    if (d->stage != STAGE_RUN && d->stage != STAGE_LEAVE)
        return;
    if (!writer_failed(d->writer, &err))
        return;
    d->in_writer = 0;
    batch_clear(d->batch);
    if (err.class == ERR_BUSY)
        cancelled(d);
    else
        dispatch_fail(d, &err);
}

/* ---- stages ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    (void)handle;
}

static void on_backend_closed(void *ctx)
{
    struct dispatch *d = ctx;
    d->backend = NULL;
    d->stage = STAGE_OVER;
    /* The writer may wake the loop until it has ended. */
    struct err err = ERR_INIT;
    if (d->writer && writer_finish(d->writer, d->config->run, &err) && !d->failed) {
        d->failed = true;
        d->err = err;
    }
    d->writer = NULL;
    uv_prepare_stop(&d->prepare);
    uv_close((uv_handle_t *)&d->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&d->tick, on_handle_closed);
    uv_close((uv_handle_t *)&d->due, on_handle_closed);
    uv_close((uv_handle_t *)&d->writer_wake, on_handle_closed);
    signals_stop(d);
}

static void close_backend(struct dispatch *d)
{
    d->stage = STAGE_CLOSE;
    links_close_all(d, true);
    d->backend_ops->close(d->backend, on_backend_closed, d);
}

static void next_stage(struct dispatch *d)
{
    if (d->stage == STAGE_RUN && (d->failed || sched_idle(d->sched))) {
        if (d->failed)
            dispatch_stop_now(d);
        d->stage = STAGE_LEAVE;
        d->leave_until = INT64_MAX;
        links_look_at_all(d);
        links_send_all(d);
        hand_over(d);
    }
    if (d->stage != STAGE_LEAVE)
        return;
    bool written = batch_is_empty(d->batch) && d->in_writer == 0;
    if (written && d->leave_until == INT64_MAX)
        d->leave_until = d->now + CLOSE_US;
    if (d->failed || (written && (sessions_count(d->sessions) == 0 || d->now >= d->leave_until)))
        close_backend(d);
}

/* ---- one turn ---- */

static void on_due(uv_timer_t *timer)
{
    (void)timer; /* that the loop turns is all */
}

static void arm(struct dispatch *d)
{
    int64_t due = sched_wakeup(d->sched);
    if (d->batch_since >= 0 && d->batch_since + BATCH_US < due && !writer_full(d->writer))
        due = d->batch_since + BATCH_US;
    if (d->acquire_from > d->now && d->acquire_from < due)
        due = d->acquire_from;
    if (!d->fed_all && sched_hungry(d->sched))
        due = d->now;
    if (due == INT64_MAX) {
        uv_timer_stop(&d->due);
        return;
    }
    int64_t us = due - d->now;
    uv_update_time(&d->loop);
    uv_timer_start(&d->due, on_due, us <= 0 ? 0 : (uint64_t)((us + 999) / 1000), 0);
}

static void feed(struct dispatch *d)
{
    struct err err = ERR_INIT;
    if (!d->fed_all && supply_feed(d, &err))
        dispatch_fail(d, &err);
}

static void run_step(struct dispatch *d)
{
    feed(d);
    if (sched_wakeup(d->sched) <= d->now)
        d->look_at_all = true;
    if (d->look_at_all)
        links_look_at_all(d);
    d->look_at_all = false;
    links_send_all(d);
    if (d->stopping && d->now >= d->grace_until)
        dispatch_stop_now(d);
    if (!d->stopping && sched_too_many_failures(d->sched))
        dispatch_stop(d, DISPATCH_MAX_FAILURES);
    if (d->stopping)
        return;
    links_open_wanted(d);
    links_steal(d);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct dispatch *d = prepare->data;
    d->now = clock_mono_us();
    take_committed(d);
    if (d->stage == STAGE_RUN && !d->failed)
        run_step(d);
    links_send_all(d);
    if (!d->failed && d->stage <= STAGE_LEAVE)
        hand_over(d);
    next_stage(d);
    links_flush(d);
    if (d->stage <= STAGE_LEAVE)
        arm(d);
}

static void look_for_cancel(struct dispatch *d)
{
    struct err err = ERR_INIT;
    struct run_info now;
    d->next_poll = d->now + POLL_US;
    if (state_find(d->config->state, d->config->run->run, RUN_ANY, &now, &err)) {
        dispatch_fail(d, &err);
        return;
    }
    if (now.state == RUN_CANCELLED)
        cancelled(d);
    run_info_done(&now);
}

static void on_tick(uv_timer_t *timer)
{
    struct dispatch *d = timer->data;
    d->now = clock_mono_us();
    stats_sample(d);
    sessions_tick(d->sessions);
    if (d->stage == STAGE_RUN) {
        links_tick(d);
        if (d->job->deadline_us && d->now - d->started >= d->job->deadline_us)
            dispatch_stop(d, DISPATCH_DEADLINE);
        if (d->now >= d->next_poll)
            look_for_cancel(d);
    }
    if (d->config->on_progress && d->now >= d->next_progress) {
        struct dispatch_stats stats = stats_now(d);
        d->next_progress = d->now + d->config->progress_ms * CLOCK_MS;
        d->config->on_progress(d->config->ctx, &stats);
    }
}

/* On the writer's thread. */
static void wake(void *ctx)
{
    struct dispatch *d = ctx;
    uv_async_send(&d->writer_wake);
}

static void on_writer_wake(uv_async_t *async)
{
    (void)async;
}

/* ---- set-up ---- */

static bool may_retry(const void *ctx, enum outcome outcome, int status)
{
    return job_may_retry(ctx, outcome, status);
}

static int64_t max_failures(const struct job *job, int64_t tasks)
{
    if (job->max_failures_percent >= 0)
        return (int64_t)((double)tasks * job->max_failures_percent / 100);
    return job->max_failures;
}

static void make_sched(struct dispatch *d)
{
    const struct job *job = d->job;
    bool spare = d->n_slots > job->parallelism;
    const struct sched_policy policy = {
        .slots = job->parallelism,
        .spare = spare ? SPARE_SESSIONS : 0,
        .tasks_per_session = job->tasks_per_worker,
        .retries = job->retries,
        .backoff_us = job->backoff_us,
        .max_failures = max_failures(job, d->config->run->tasks),
        .may_retry = may_retry,
        .ctx = job,
        .jitter_seed = (uint64_t)d->config->run->id ^ (uint64_t)job->seed << 32,
    };
    d->sched = sched_new(&policy);
}

static void make_sessions(struct dispatch *d)
{
    struct sessions_config config = {.loop = &d->loop, .limits = session_limits_default, .events = link_events, .ctx = d};
    memcpy(config.key, d->key, sizeof config.key);
    d->sessions = sessions_new(&config);
    explicit_bzero(config.key, sizeof config.key);
}

static int open_backend(struct dispatch *d, struct err *err)
{
    CLEANUP_FREE char *folder = d->job->kind == TASK_FUNCTION && d->job->library_path ? path_dir(d->job->library_path) : NULL;
    struct backend_events events = link_backend_events;
    events.ctx = d;
    const struct backend_config config = {
        .loop = &d->loop,
        .run = d->config->run->run,
        .key = d->key,
        .parallelism = d->job->parallelism,
        .tasks_per_session = d->job->tasks_per_worker,
        .task_folder = folder,
        .script = d->config->backend_script,
    };
    d->backend_ops = backend_find(d->job->backend);
    if (!d->backend_ops)
        return err_set(err, ERR_BACKEND, "there is no backend \"%s\"", d->job->backend);
    return d->backend_ops->open(&config, &events, &d->backend, err);
}

static void start_handles(struct dispatch *d)
{
    uv_prepare_init(&d->loop, &d->prepare);
    uv_timer_init(&d->loop, &d->tick);
    uv_timer_init(&d->loop, &d->due);
    uv_async_init(&d->loop, &d->writer_wake, on_writer_wake);
    d->prepare.data = d->tick.data = d->due.data = d->writer_wake.data = d;
    uv_prepare_start(&d->prepare, on_prepare);
    uv_timer_start(&d->tick, on_tick, TICK_MS, TICK_MS);
    signals_start(d);
}

static void start(struct dispatch *d, const struct dispatch_config *config)
{
    d->config = config;
    d->job = plan_job(config->plan);
    d->started = d->now = clock_mono_us();
    d->next_poll = d->now + POLL_US;
    d->next_progress = d->now + config->progress_ms * CLOCK_MS;
    d->batch_since = -1;
    d->batch = batch_new();
    d->output = (struct output_config){config->run->results, d->job->kind == TASK_COMMAND, d->job->result};
    d->total = config->only ? taskset_count(config->only) : config->run->tasks;
    d->feed_from = config->only ? 0 : config->run->watermark;
    digest_random(d->key, sizeof d->key);
    uv_loop_init(&d->loop);
    links_setup(d);
    make_sched(d);
    make_sessions(d);
    start_handles(d);
}

static void done(struct dispatch *d)
{
    sessions_free(d->sessions);
    sched_free(d->sched);
    links_done(d);
    batch_free(d->batch);
    batches_free(d->spare_batches);
    buf_done(&d->result);
    buf_done(&d->problem);
    explicit_bzero(d->key, sizeof d->key);
    if (uv_loop_close(&d->loop))
        abort(); /* a handle was forgotten */
}

/* Whether all is settled, whatever asked for an early end. */
static enum dispatch_end end_of(const struct dispatch *d)
{
    const struct run_info *run = d->config->run;
    if (run->state == RUN_CANCELLED && run->cancelled > 0 && d->end != DISPATCH_FINISHED)
        return DISPATCH_CANCELLED;
    if (run->done + run->failed + run->cancelled == run->tasks)
        return DISPATCH_FINISHED;
    return d->end;
}

/* No backend, or not even a writer: what there is has to be ended. */
static void not_started(struct dispatch *d)
{
    d->stage = STAGE_CLOSE;
    on_backend_closed(d);
    uv_run(&d->loop, UV_RUN_DEFAULT);
}

static int run_loop(struct dispatch *d, struct err *err)
{
    const struct writer_config writer = {
        .database = state_path(d->config->state), .run = d->config->run, .plan = d->config->plan, .wake = wake, .ctx = d};
    if (writer_start(&writer, &d->writer, &d->err) || open_backend(d, &d->err)) {
        d->failed = true;
        not_started(d);
    } else {
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    if (!d->failed)
        return 0;
    *err = d->err;
    return -1;
}

int dispatch_run(const struct dispatch_config *config, struct dispatch_summary *ret, struct err *err)
{
    struct dispatch *d = MEM_NEW(struct dispatch);
    const struct run_info before = *config->run;
    start(d, config);
    int result = run_loop(d, err);
    if (result == 0) {
        const struct run_info after = *config->run;
        d->now = clock_mono_us();
        *config->run = before; /* what the figures count from */
        ret->stats = stats_now(d);
        *config->run = after;
        ret->end = end_of(d);
        ret->signal = d->signal;
    }
    done(d);
    free(d);
    return result;
}
