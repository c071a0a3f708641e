/* The argument space: see plan.h.
 *
 * plan_new() brings every argument into one of two forms, computed or listed, gives each its stride, and hashes
 * what the `lines` files held. From then on everything is arithmetic on the task's number. What fails, fails in
 * plan_new(): a file that cannot be read, a zip of unequal lengths, too many tasks.
 */
#include "plan/plan.h"

#include <stdio.h>

#include "base/digest.h"
#include "base/mem.h"
#include "plan/lines.h"
#include "plan/space.h"
#include "plan/values.h"

#define TITLE_MAX 256

struct arg {
    struct plan_arg public;
    bool wraps;         /* it starts anew within the run: its number needs the remainder */
    struct values list; /* PLAN_LISTED */
    struct buf label;   /* what stands before its value in the arguments' JSON: `{"x":`, `,"y":`, `[`, `,` */
};

struct plan {
    const struct job *job;
    struct arg *args;
    int n;
    int64_t tasks;
    char identity[DIGEST_HEX_SIZE];
};

static void compute(struct arg *arg, const struct job_arg *from)
{
    struct plan_arg *a = &arg->public;
    a->form = PLAN_COMPUTED;
    a->from = from->from.units;
    a->step = from->step.units;
    a->scale = from->step.scale;
    /* 1.0 to 3.0 are the integers 1 to 3: what a range is does not depend on how it is spelled. */
    for (; a->scale > 0 && a->from % 10 == 0 && a->step % 10 == 0; a->scale--) {
        a->from /= 10;
        a->step /= 10;
    }
}

static int read_lines(struct plan *plan, int i, const struct plan_source *source, struct err *err)
{
    struct values *list = &plan->args[i].list;
    if (!source)
        return lines_read(plan->job->args[i].path, list, err);
    if (source->lines(source->ctx, i, &list->text, err))
        return -1;
    values_index(list);
    if (list->n == 0)
        return err_set(err, ERR_SYSTEM, "the run keeps no lines of %s", plan->job->args[i].path);
    return 0;
}

static void load_arg(struct plan *plan, int i, const struct plan_source *source, struct problems *problems)
{
    const struct job_arg *from = &plan->job->args[i];
    struct arg *arg = &plan->args[i];
    struct err err = ERR_INIT;
    arg->public.name = from->name;
    arg->public.form = PLAN_LISTED;
    arg->public.count = from->count;
    switch (from->kind) {
    case ARG_FIXED:
    case ARG_LIST:
        for (int64_t k = 0; k < from->count; k++)
            values_add(&arg->list, from->values[k]);
        break;
    case ARG_RANGE:
    case ARG_REPEAT:
        compute(arg, from);
        break;
    case ARG_LINSPACE:
    case ARG_GEOMSPACE:
        space_values(from, &arg->list);
        break;
    case ARG_LINES:
        if (read_lines(plan, i, source, &err))
            problem_add(problems, from->mark, "%s", err.text);
        arg->public.count = arg->list.n;
        break;
    }
}

/* The first argument of i's zip group; i itself if it is in none. */
static int leader(const struct job *job, int i)
{
    for (int j = 0; j < i && job->args[i].zip >= 0; j++)
        if (job->args[j].zip == job->args[i].zip)
            return j;
    return i;
}

static const char *arg_title(const struct plan *plan, int i, char out[static TITLE_MAX])
{
    if (plan->args[i].public.name)
        snprintf(out, TITLE_MAX, "`%s`", plan->args[i].public.name);
    else
        snprintf(out, TITLE_MAX, "argument %d", i + 1);
    return out;
}

static void check_zip(const struct plan *plan, int i, int first, struct problems *problems)
{
    int64_t count = plan->args[i].public.count, wanted = plan->args[first].public.count;
    char title[TITLE_MAX], first_title[TITLE_MAX];
    if (count != wanted)
        problem_add(problems, plan->job->args[i].mark,
                    "%s has %lld values and %s %lld, but `zip` ties them together; both need as many",
                    arg_title(plan, i, title), (long long)count, arg_title(plan, first, first_title), (long long)wanted);
}

/* Multiplies out, in the order written, so that the problem stands at the argument that is too much. */
static void count_tasks(struct plan *plan, struct problems *problems)
{
    plan->tasks = 1;
    for (int i = 0; i < plan->n; i++) {
        int first = leader(plan->job, i);
        if (first != i) {
            check_zip(plan, i, first, problems);
        } else if (__builtin_mul_overflow(plan->tasks, plan->args[i].public.count, &plan->tasks) || plan->tasks > JOB_TASKS_MAX) {
            problem_add(problems, plan->job->args[i].mark,
                        "with this argument there are more than 2^62 tasks; a run has at most so many");
            return;
        }
    }
}

static void set_strides(struct plan *plan)
{
    int64_t stride = plan->tasks;
    for (int i = 0; i < plan->n; i++) {
        struct plan_arg *a = &plan->args[i].public;
        int first = leader(plan->job, i);
        if (first == i)
            stride /= a->count;
        a->stride = first == i ? stride : plan->args[first].public.stride;
        plan->args[i].wraps = a->stride * a->count != plan->tasks;
    }
}

static void set_labels(struct plan *plan)
{
    for (int i = 0; i < plan->n; i++) {
        struct buf *label = &plan->args[i].label;
        buf_add_char(label, i ? ',' : plan->job->positional ? '[' : '{');
        if (!plan->job->positional) {
            buf_add_json(label, slice_str(plan->args[i].public.name));
            buf_add_char(label, ':');
        }
    }
}

/* The lines are hashed as they are kept, not as the file spells them: a run that is taken up again has only them. */
static void set_identity(struct plan *plan)
{
    CLEANUP_BUF struct buf b = {0};
    unsigned char sum[DIGEST_SIZE];
    buf_add_str(&b, plan->job->identity);
    for (int i = 0; i < plan->n; i++) {
        if (plan->job->args[i].kind != ARG_LINES)
            continue;
        char hex[DIGEST_HEX_SIZE];
        const struct buf *text = &plan->args[i].list.text;
        digest_sha256(text->data, text->len, sum);
        hex_encode(sum, sizeof sum, hex);
        buf_printf(&b, "\nlines %d %s", i, hex);
    }
    digest_sha256(b.data, b.len, sum);
    hex_encode(sum, sizeof sum, plan->identity);
}

struct plan *plan_new(const struct job *job, const struct plan_source *source, struct problems *problems)
{
    struct plan *plan = MEM_NEW(struct plan);
    int errors = problems->errors;
    plan->job = job;
    plan->n = job->n_args;
    plan->args = mem_zalloc((size_t)job->n_args * sizeof *plan->args);
    for (int i = 0; i < plan->n; i++)
        load_arg(plan, i, source, problems);
    /* A file that could not be read has no length to compare or multiply by. */
    if (problems->errors == errors)
        count_tasks(plan, problems);
    if (problems->errors != errors) {
        plan_free(plan);
        return NULL;
    }
    set_strides(plan);
    set_labels(plan);
    set_identity(plan);
    return plan;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (int i = 0; i < plan->n; i++) {
        values_done(&plan->args[i].list);
        buf_done(&plan->args[i].label);
    }
    free(plan->args);
    free(plan);
}

const struct job *plan_job(const struct plan *plan)
{
    return plan->job;
}

int64_t plan_tasks(const struct plan *plan)
{
    return plan->tasks;
}

const char *plan_identity(const struct plan *plan)
{
    return plan->identity;
}

int plan_args(const struct plan *plan)
{
    return plan->n;
}

struct plan_arg plan_arg(const struct plan *plan, int i)
{
    return plan->args[i].public;
}

static inline void add_value(const struct arg *arg, uint64_t k, struct buf *out)
{
    const struct plan_arg *a = &arg->public;
    if (a->form == PLAN_LISTED) {
        buf_add_slice(out, values_get(&arg->list, (int64_t)k));
        return;
    }
    /* Unsigned: from INT64_MIN to INT64_MAX step * k may leave the range that the sum stays in. */
    int64_t units = (int64_t)((uint64_t)a->from + (uint64_t)a->step * k);
    if (a->scale == 0)
        buf_add_i64(out, units);
    else
        decimal_print_short(out, (struct decimal){units, a->scale});
}

/* Divisions are what a short value costs most, so they are left out where they change nothing. */
static inline void add_value_of(const struct arg *arg, int64_t task, struct buf *out)
{
    uint64_t k = (uint64_t)task;
    if (arg->public.stride > 1)
        k /= (uint64_t)arg->public.stride;
    if (arg->wraps)
        k %= (uint64_t)arg->public.count;
    add_value(arg, k, out);
}

void plan_value(const struct plan *plan, int i, int64_t k, struct buf *out)
{
    add_value(&plan->args[i], (uint64_t)k, out);
}

void plan_args_json(const struct plan *plan, int64_t task, struct buf *out)
{
    if (plan->n == 0)
        buf_add_char(out, '{');
    for (int i = 0; i < plan->n; i++) {
        buf_add_slice(out, buf_slice(&plan->args[i].label));
        add_value_of(&plan->args[i], task, out);
    }
    buf_add_char(out, plan->job->positional && plan->n ? ']' : '}');
}

void plan_values_json(const struct plan *plan, int64_t task, struct buf *out)
{
    if (plan->n == 0)
        buf_add_char(out, '[');
    for (int i = 0; i < plan->n; i++) {
        buf_add_char(out, i ? ',' : '[');
        add_value_of(&plan->args[i], task, out);
    }
    buf_add_char(out, ']');
}

int64_t plan_seed(const struct plan *plan, int64_t task)
{
    CLEANUP_BUF struct buf b = {0};
    unsigned char sum[DIGEST_SIZE];
    buf_add_i64(&b, plan->job->seed);
    buf_add_char(&b, '\n');
    plan_args_json(plan, task, &b);
    digest_sha256(b.data, b.len, sum);
    const unsigned char *low = sum + DIGEST_SIZE - 4;
    return (int64_t)(low[0] & 0x7f) << 24 | (int64_t)low[1] << 16 | (int64_t)low[2] << 8 | (int64_t)low[3];
}
