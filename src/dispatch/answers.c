/* What workers answer, checked against what they were asked, and written down in the batch.
 *
 * Results of plain functions go the short way: the text of a whole message is copied once, and each end points into it.
 * Where something has to be made of a result (commands, columns, output that goes with it) they go one by one.
 */
#include "dispatch/inside.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static int not_asked(int64_t task, struct err *err)
{
    return err_set(err, ERR_BACKEND, "it answered task %" PRId64 ", which it was not asked", task);
}

static void answered(struct link *l, int64_t count)
{
    struct dispatch *d = l->d;
    l->answered += count;
    if (l->in_batch == 0)
        batch_ack(d->batch, l, l->serial, 0); /* how many is known when the batch is closed */
    l->in_batch += count;
    dispatch_batched(d);
    link_dirty(l);
}

/* Arrays and objects without white space: a result is one line of results.jsonl. */
static struct slice one_line(struct batch *b, struct json v)
{
    if (v.p[0] != '[' && v.p[0] != '{')
        return (struct slice){v.p, v.len};
    CLEANUP_BUF struct buf compact = {0};
    json_compact(v, &compact);
    return compact.len == v.len ? (struct slice){v.p, v.len} : batch_copy(b, buf_slice(&compact));
}

/* ---- the short way ---- */

/* Adds an end for each pair of `items` (already in the batch's memory). */
static int64_t add_ends(struct link *l, const struct message_results *m, struct json items, int64_t *ret_us)
{
    struct batch *b = l->d->batch;
    struct json_iter it = json_iter(items);
    int64_t us, task = m->first, begun = l->setup_at + m->at, total = 0;
    while (json_next(&it) && json_i64(it.value, &us) && json_next(&it)) {
        struct slice result = one_line(b, it.value);
        struct attempt_end *end = batch_end(b);
        end->task = task++;
        end->attempt = m->attempt;
        end->settled = true;
        end->started_us = begun + total;
        end->us = us;
        end->worker = l->worker;
        end->result = result;
        total += us;
    }
    *ret_us = total;
    return task - m->first;
}

static int take_plain(struct link *l, const struct message_results *m, struct err *err)
{
    struct dispatch *d = l->d;
    size_t before = d->batch->n_ends;
    struct slice copy = batch_copy(d->batch, (struct slice){m->items.p, m->items.len});
    int64_t us, count = add_ends(l, m, (struct json){copy.p, copy.len}, &us);
    if (count == 0)
        return 0;
    if (sched_done(d->sched, l->sched, m->first, count, m->attempt, us, d->now)) {
        d->batch->n_ends = before;
        return not_asked(m->first, err);
    }
    answered(l, count);
    return 0;
}

/* ---- one by one ---- */

static void say_first_failure(struct dispatch *d, const struct attempt_end *end)
{
    if (d->failure_said)
        return;
    d->failure_said = true;
    dispatch_say(d, "task %" PRId64 ": %s: %.*s%s", end->task, outcome_name(end->outcome), (int)end->message.len,
                 end->message.p, end->settled ? "" : " (it will be tried again)");
}

static int take_failure(struct link *l, const struct message_failed *m, struct err *err)
{
    struct dispatch *d = l->d;
    enum sched_verdict verdict;
    if (sched_failed(d->sched, l->sched, m->task, m->attempt, m->outcome, m->status, m->us, d->now, &verdict))
        return not_asked(m->task, err);
    struct slice message = batch_copy(d->batch, m->message);
    struct attempt_end *end = batch_end(d->batch);
    end->task = m->task;
    end->attempt = m->attempt;
    end->outcome = m->outcome;
    end->settled = verdict == SCHED_GIVE_UP;
    end->status = m->status;
    end->started_us = l->setup_at + m->at;
    end->us = m->us;
    end->worker = l->worker;
    end->message = message;
    say_first_failure(d, end);
    outputs_attach(&l->outputs, &d->output, m->task, d->batch);
    answered(l, 1);
    return 0;
}

/* One success; `result` may be replaced by what the command printed. */
static int take_one(struct link *l, int64_t task, int attempt, int64_t at, int64_t us, struct json result, struct err *err)
{
    struct dispatch *d = l->d;
    bool is_file = false;
    buf_clear(&d->result);
    buf_clear(&d->problem);
    if (d->output.command) {
        if (outputs_result(&l->outputs, &d->output, task, &d->result, &is_file, &d->problem))
            return take_failure(l,
                                &(struct message_failed){.task = task, .attempt = attempt, .at = at, .us = us,
                                                         .outcome = OUTCOME_ERROR, .message = buf_slice(&d->problem)},
                                err);
    } else {
        json_compact(result, &d->result);
    }
    if (sched_done(d->sched, l->sched, task, 1, attempt, us, d->now))
        return not_asked(task, err);
    struct slice text = batch_copy(d->batch, buf_slice(&d->result)), columns = {"", 0};
    if (d->job->n_columns && !is_file) {
        buf_clear(&d->result);
        output_columns(d->job, text, &d->result);
        columns = batch_copy(d->batch, buf_slice(&d->result));
    }
    struct attempt_end *end = batch_end(d->batch);
    end->task = task;
    end->attempt = attempt;
    end->settled = true;
    end->started_us = l->setup_at + at;
    end->us = us;
    end->worker = l->worker;
    end->result = text;
    end->result_is_file = is_file;
    end->columns = columns;
    outputs_attach(&l->outputs, &d->output, task, d->batch);
    answered(l, 1);
    return 0;
}

int answer_results(void *ctx, void *user, const struct message_results *m, struct err *err)
{
    struct dispatch *d = ctx;
    struct link *l = user;
    if (l->sched < 0)
        return not_asked(m->first, err);
    if (!d->output.command && !d->job->n_columns && l->outputs.n == 0)
        return take_plain(l, m, err);
    struct json_iter it = json_iter(m->items);
    int64_t us, task = m->first, at = m->at;
    while (json_next(&it) && json_i64(it.value, &us) && json_next(&it)) {
        if (l->sched < 0 || take_one(l, task, m->attempt, at, us, it.value, err))
            return l->sched < 0 ? not_asked(task, err) : -1;
        at += us;
        task++;
    }
    return 0;
}

int answer_failed(void *ctx, void *user, const struct message_failed *m, struct err *err)
{
    (void)ctx;
    struct link *l = user;
    return l->sched < 0 ? not_asked(m->task, err) : take_failure(l, m, err);
}

int answer_output(void *ctx, void *user, const struct message_output *m, struct err *err)
{
    struct dispatch *d = ctx;
    struct link *l = user;
    struct err trouble = ERR_INIT;
    int64_t head, since;
    int attempt;
    if (l->sched < 0 || !sched_current(d->sched, l->sched, &head, &attempt, &since))
        return err_set(err, ERR_BACKEND, "it sent output of task %" PRId64 ", which it was not asked", m->task);
    if (outputs_add(&l->outputs, &d->output, m, &trouble))
        dispatch_fail(d, &trouble); /* the disk, not the worker */
    return 0;
}

/* The task that ran when its worker was lost. */
void answer_lost(struct link *l, const struct sched_loss *loss, int64_t since, const char *text)
{
    struct dispatch *d = l->d;
    CLEANUP_FREE char *message = loss->verdict == SCHED_GIVE_UP && loss->kills >= SCHED_KILLS
                                     ? mem_printf("killed its worker %d times", loss->kills)
                                     : mem_printf("its worker was lost: %s", text);
    struct slice copy = batch_copy(d->batch, slice_str(message));
    struct attempt_end *end = batch_end(d->batch);
    end->task = loss->task;
    end->attempt = loss->attempt;
    end->outcome = OUTCOME_LOST;
    end->settled = loss->verdict == SCHED_GIVE_UP;
    end->us = d->now - since;
    end->started_us = clock_wall_us() - end->us;
    end->worker = l->worker;
    end->message = copy;
    outputs_attach(&l->outputs, &d->output, loss->task, d->batch);
    dispatch_batched(d);
}
