/* See writer.h. */
#include "dispatch/writer.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define FILL_ROWS 8192                /* rows of tasks not tried yet, at a time */
#define FILL_PAUSE_US (20 * CLOCK_MS) /* between two such, and after the start */
#define LINES_MAX (1u << 20)          /* lines are appended in pieces of about so many bytes */

struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* under the lock */
    struct batch *queue, **queue_end; /* waiting */
    struct batch *done, **done_end;   /* committed, not taken */
    int waiting;
    bool stop, failed;
    struct err err;
    char **names; /* of workers */
    int n_names, cap_names;
    /* the thread's own */
    struct writer_config config;
    char *database;
    struct run_info run;
    struct state *state;
    struct results *results;
    int *numbers; /* state_worker() by our number */
    int n_numbers, cap_numbers;
    int64_t fill_from, filled_at;
    struct buf args, lines, text;
};

/* ---- one batch ---- */

static int worker_number(struct writer *w, int name, int *ret, struct err *err)
{
    while (w->n_numbers <= name) {
        int number;
        pthread_mutex_lock(&w->lock);
        const char *text = w->names[w->n_numbers]; /* never freed before the thread ends */
        pthread_mutex_unlock(&w->lock);
        if (state_worker(w->state, &w->run, text, &number, err))
            return -1;
        MEM_GROW(w->numbers, w->n_numbers, w->cap_numbers);
        w->numbers[w->n_numbers++] = number;
    }
    *ret = w->numbers[name];
    return 0;
}

/* A result too large for the database becomes a file, and the result its name. */
static int move_large_result(struct writer *w, struct batch *b, struct attempt_end *end, struct err *err)
{
    CLEANUP_FREE char *path = NULL;
    if (results_task_file(w->results, end->task, "result.json", end->result, &path, err))
        return -1;
    buf_clear(&w->text);
    buf_add_json(&w->text, slice_str(path));
    end->result = batch_copy(b, buf_slice(&w->text));
    end->result_is_file = true;
    return 0;
}

static int end_sinks(struct batch *b, struct err *err)
{
    for (size_t i = 0; i < b->n_sinks; i++) {
        struct attempt_end *end = &b->ends[b->sinks[i].end];
        bool out = b->sinks[i].stream == 1;
        struct slice tail;
        if (output_sink_end(b->sinks[i].sink, &tail, out ? &end->out_bytes : &end->errout_bytes, err))
            return -1;
        if (b->sinks[i].keep)
            *(out ? &end->out : &end->errout) = tail;
    }
    return 0;
}

static int flush_lines(struct writer *w, struct err *err)
{
    int64_t length;
    int result = w->lines.len ? results_append(w->results, buf_slice(&w->lines), &length, err) : 0;
    buf_clear(&w->lines);
    return result;
}

static int add_line(struct writer *w, const struct attempt_end *end, struct err *err)
{
    size_t begin = w->lines.len;
    buf_clear(&w->args);
    plan_args_json(w->config.plan, end->task, &w->args);
    results_line(&w->lines, end->task, buf_slice(&w->args), end->result);
    if (plan_job(w->config.plan)->per_task &&
        results_per_task(w->results, end->task, (struct slice){w->lines.data + begin, w->lines.len - begin}, err))
        return -1;
    return w->lines.len >= LINES_MAX ? flush_lines(w, err) : 0;
}

static int prepare_ends(struct writer *w, struct batch *b, struct err *err)
{
    bool uses_seed = plan_job(w->config.plan)->uses_seed;
    for (size_t i = 0; i < b->n_ends; i++) {
        struct attempt_end *end = &b->ends[i];
        if (worker_number(w, end->worker, &end->worker, err))
            return -1;
        if (uses_seed)
            end->seed = plan_seed(w->config.plan, end->task);
        if (end->outcome != OUTCOME_OK)
            continue;
        if (end->result.len > STATE_RESULT_MAX && move_large_result(w, b, end, err))
            return -1;
        if (add_line(w, end, err))
            return -1;
    }
    for (size_t i = 0; i < b->n_starts; i++)
        if (worker_number(w, b->starts[i].worker, &b->starts[i].worker, err))
            return -1;
    return flush_lines(w, err);
}

static int carry_out(struct writer *w, struct batch *b, struct err *err)
{
    if (end_sinks(b, err) || prepare_ends(w, b, err))
        return -1;
    const struct state_batch batch = {
        .ends = b->ends,
        .n_ends = b->n_ends,
        .starts = b->starts,
        .n_starts = b->n_starts,
        .running = b->running,
        .watermark = b->watermark,
        .results_length = results_length(w->results),
    };
    return state_commit(w->state, &w->run, &batch, err);
}

/* ---- the results file ---- */

static int rewrite_one(void *ctx, int64_t task, struct slice result, struct err *err)
{
    struct writer *w = ctx;
    buf_clear(&w->args);
    buf_clear(&w->lines);
    plan_args_json(w->config.plan, task, &w->args);
    results_line(&w->lines, task, buf_slice(&w->args), result);
    return results_rewrite_add(w->results, buf_slice(&w->lines), err);
}

/* results.jsonl anew from the database, and the new length into it. */
static int rewrite(struct writer *w, struct err *err)
{
    int64_t length;
    if (results_rewrite_begin(w->results, err) || state_each_done(w->state, &w->run, rewrite_one, w, err) ||
        results_rewrite_end(w->results, &length, err))
        return -1;
    buf_clear(&w->lines);
    const struct state_batch batch = {.watermark = -1, .results_length = length};
    return state_commit(w->state, &w->run, &batch, err);
}

static int open_all(struct writer *w, struct err *err)
{
    bool damaged;
    if (state_open(w->database, STATE_WRITE, &w->state, err) ||
        results_open(w->run.results, w->run.results_length, &w->results, &damaged, err))
        return -1;
    /* Length 0 with tasks done: some of them were put back, and their lines have to go. */
    damaged |= w->run.results_length == 0 && w->run.done > 0;
    return damaged ? rewrite(w, err) : 0;
}

/* ---- the thread ---- */

static bool wants_fill(const struct writer *w)
{
    return w->run.tasks <= STATE_ROWS_MAX && w->fill_from < w->run.tasks;
}

/* The next rows of tasks that have not been tried, if it is time for some. */
static int fill(struct writer *w, struct err *err)
{
    int64_t now = clock_mono_us();
    if (!wants_fill(w) || now - w->filled_at < FILL_PAUSE_US)
        return 0;
    if (w->fill_from < w->run.watermark)
        w->fill_from = w->run.watermark;
    int result = state_fill_rows(w->state, &w->run, w->fill_from, FILL_ROWS, err);
    w->fill_from += FILL_ROWS;
    w->filled_at = clock_mono_us();
    return result;
}

static void wait_for_work(struct writer *w)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += FILL_PAUSE_US * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    if (wants_fill(w))
        pthread_cond_timedwait(&w->work, &w->lock, &until);
    else
        pthread_cond_wait(&w->work, &w->lock);
}

/* The next batch; NULL: none now (`*ret_stop`: none any more). */
static struct batch *next_batch(struct writer *w, bool *ret_stop)
{
    pthread_mutex_lock(&w->lock);
    if (!w->queue && !w->stop)
        wait_for_work(w);
    struct batch *b = w->queue;
    if (b) {
        w->queue = b->next;
        if (!w->queue)
            w->queue_end = &w->queue;
        b->next = NULL;
    }
    *ret_stop = !b && w->stop;
    pthread_mutex_unlock(&w->lock);
    return b;
}

static void give_back(struct writer *w, struct batch *b)
{
    pthread_mutex_lock(&w->lock);
    w->waiting--;
    *w->done_end = b;
    w->done_end = &b->next;
    pthread_mutex_unlock(&w->lock);
    w->config.wake(w->config.ctx);
}

static void fail(struct writer *w, const struct err *err)
{
    pthread_mutex_lock(&w->lock);
    w->failed = true;
    w->err = *err;
    pthread_mutex_unlock(&w->lock);
    w->config.wake(w->config.ctx);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct err err = ERR_INIT;
    bool stop = false;
    if (open_all(w, &err)) {
        fail(w, &err);
        return NULL;
    }
    while (!stop) {
        struct batch *b = next_batch(w, &stop);
        if (b && carry_out(w, b, &err)) {
            batch_free(b);
            fail(w, &err);
            return NULL;
        }
        if (b)
            give_back(w, b);
        if (fill(w, &err)) {
            fail(w, &err);
            return NULL;
        }
    }
    return NULL;
}

/* ---- for the loop ---- */

int writer_start(const struct writer_config *config, struct writer **ret, struct err *err)
{
    struct writer *w = MEM_NEW(struct writer);
    sigset_t all, before;
    pthread_condattr_t steady;
    w->config = *config;
    w->run = *config->run;
    w->database = mem_strdup(config->database);
    w->queue_end = &w->queue;
    w->done_end = &w->done;
    w->filled_at = clock_mono_us();
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC); /* whoever sets the clock does not stop us */
    pthread_cond_init(&w->work, &steady);
    pthread_condattr_destroy(&steady);
    /* Signals are for the loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&w->thread, NULL, writer_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code) {
        free(w->database);
        free(w);
        return err_sys(err, code, "no thread for the writer");
    }
    *ret = w;
    return 0;
}

int writer_worker(struct writer *w, const char *name)
{
    int number = 0;
    pthread_mutex_lock(&w->lock);
    while (number < w->n_names && strcmp(w->names[number], name) != 0)
        number++;
    if (number == w->n_names) {
        MEM_GROW(w->names, w->n_names, w->cap_names);
        w->names[w->n_names++] = mem_strdup(name);
    }
    pthread_mutex_unlock(&w->lock);
    return number;
}

bool writer_full(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool full = w->waiting >= WRITER_QUEUE;
    pthread_mutex_unlock(&w->lock);
    return full;
}

void writer_push(struct writer *w, struct batch *batch)
{
    batch->next = NULL;
    pthread_mutex_lock(&w->lock);
    *w->queue_end = batch;
    w->queue_end = &batch->next;
    w->waiting++;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

struct batch *writer_take(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    struct batch *b = w->done;
    if (b) {
        w->done = b->next;
        if (!w->done)
            w->done_end = &w->done;
        b->next = NULL;
    }
    pthread_mutex_unlock(&w->lock);
    return b;
}

bool writer_failed(struct writer *w, struct err *ret)
{
    pthread_mutex_lock(&w->lock);
    bool failed = w->failed;
    if (failed)
        *ret = w->err;
    pthread_mutex_unlock(&w->lock);
    return failed;
}

/* ---- the end ---- */

struct failed_lines {
    struct writer *w;
    struct buf lines;
};

static int failed_line(void *ctx, int64_t task, const char *class, const char *message, struct err *err)
{
    (void)err;
    struct failed_lines *f = ctx;
    buf_clear(&f->w->args);
    plan_args_json(f->w->config.plan, task, &f->w->args);
    results_failed_line(&f->lines, task, buf_slice(&f->w->args), class, slice_str(message));
    return 0;
}

static int write_failed(struct writer *w, struct err *err)
{
    struct failed_lines f = {.w = w};
    int result = state_each_failed(w->state, &w->run, failed_line, &f, err);
    if (result == 0)
        result = results_write_failed(w->results, buf_slice(&f.lines), err);
    buf_done(&f.lines);
    return result;
}

static enum run_state final_state(const struct run_info *run)
{
    if (run->done + run->failed + run->cancelled < run->tasks)
        return RUN_INTERRUPTED;
    return run->failed ? RUN_FAILED : run->cancelled ? RUN_CANCELLED : RUN_DONE;
}

static void copy_counts(struct run_info *to, const struct run_info *from)
{
    to->state = from->state;
    to->running = from->running;
    to->done = from->done;
    to->failed = from->failed;
    to->cancelled = from->cancelled;
    to->watermark = from->watermark;
    to->results_length = from->results_length;
}

/* Somebody else cancelled the run: what it says now is so, and lines that were not committed go. */
static int finish_cancelled(struct writer *w, struct err *err)
{
    struct run_info now;
    bool damaged;
    if (state_find(w->state, w->run.run, RUN_ANY, &now, err))
        return -1;
    copy_counts(&w->run, &now);
    run_info_done(&now);
    if (results_close(w->results, err)) {
        w->results = NULL;
        return -1;
    }
    w->results = NULL;
    return results_open(w->run.results, w->run.results_length, &w->results, &damaged, err);
}

static bool is_cancelled(struct writer *w)
{
    struct err ignored = ERR_INIT;
    struct run_info now;
    if (w->failed)
        return w->err.class == ERR_BUSY;
    if (state_find(w->state, w->run.run, RUN_ANY, &now, &ignored))
        return false;
    bool yes = now.state == RUN_CANCELLED;
    run_info_done(&now);
    return yes;
}

static int finish(struct writer *w, struct err *err)
{
    struct err was = ERR_INIT;
    if (w->failed && w->err.class != ERR_BUSY) {
        /* Whatever can still be said about it is said; the first error is the one that counts. */
        if (w->state)
            (void)state_finish_run(w->state, &w->run, RUN_INTERRUPTED, &was);
        *err = w->err;
        return -1;
    }
    if (is_cancelled(w) ? finish_cancelled(w, err) : state_finish_run(w->state, &w->run, final_state(&w->run), err))
        return -1;
    return write_failed(w, err) || results_sync(w->results, err) ? -1 : 0;
}

static void writer_free(struct writer *w)
{
    struct err ignored = ERR_INIT;
    batches_free(w->queue);
    batches_free(w->done);
    if (w->results)
        (void)results_close(w->results, &ignored);
    state_close(w->state);
    for (int i = 0; i < w->n_names; i++)
        free(w->names[i]);
    free(w->names);
    free(w->numbers);
    free(w->database);
    buf_done(&w->args);
    buf_done(&w->lines);
    buf_done(&w->text);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->work);
    free(w);
}

int writer_finish(struct writer *w, struct run_info *ret_run, struct err *err)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    int result = finish(w, err);
    copy_counts(ret_run, &w->run);
    writer_free(w);
    return result;
}
