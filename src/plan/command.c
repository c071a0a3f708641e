/* What a command task runs, word by word: see plan.h. Uses only what plan.h offers. */
#include "base/mem.h"
#include "plan/plan.h"

/* The task's values as JSON texts, all in one buffer. */
struct task_values {
    struct buf text;
    struct slice args[JOB_ARGS_MAX];
};

static void task_values(const struct plan *plan, int64_t task, struct task_values *ret)
{
    size_t ends[JOB_ARGS_MAX], start = 0;
    for (int i = 0; i < plan_args(plan); i++) {
        struct plan_arg arg = plan_arg(plan, i);
        plan_value(plan, i, task / arg.stride % arg.count, &ret->text);
        ends[i] = ret->text.len;
    }
    for (int i = 0; i < plan_args(plan); i++) {
        ret->args[i] = (struct slice){ret->text.data + start, ends[i] - start};
        start = ends[i];
    }
}

static void add_expanded(const struct template *t, const struct template_values *values, struct buf *word, struct buf *out)
{
    buf_clear(word);
    template_expand(t, values, word);
    buf_add_json(out, buf_slice(word));
}

/* The environment, of variables that are fixed or of the others. */
static void add_env(const struct job *job, bool fixed, const struct template_values *values, struct buf *word, struct buf *out)
{
    const char *between = "";
    buf_add_char(out, '{');
    for (int i = 0; i < job->n_env; i++) {
        if (template_is_fixed(job->env[i].value) != fixed)
            continue;
        buf_add_str(out, between);
        buf_add_json(out, slice_str(job->env[i].name));
        buf_add_char(out, ':');
        add_expanded(job->env[i].value, values, word, out);
        between = ",";
    }
    buf_add_char(out, '}');
}

void plan_command_json(const struct plan *plan, int64_t task, const char *run, int attempt, int slot, struct buf *out)
{
    const struct job *job = plan_job(plan);
    CLEANUP_BUF struct buf word = {0};
    struct task_values own = {0};
    task_values(plan, task, &own);
    struct template_values values = {
        .args = own.args, .n_args = plan_args(plan), .task = task, .run = run, .attempt = attempt, .slot = slot,
        .seed = job->uses_seed ? plan_seed(plan, task) : 0,
    };
    buf_add_str(out, "{\"argv\":[");
    for (int i = 0; i < job->argc; i++) {
        if (i)
            buf_add_char(out, ',');
        add_expanded(job->argv[i], &values, &word, out);
    }
    buf_add_str(out, "],\"env\":");
    add_env(job, false, &values, &word, out);
    buf_add_char(out, '}');
    buf_done(&own.text);
}

void plan_env_json(const struct plan *plan, struct buf *out)
{
    CLEANUP_BUF struct buf word = {0};
    add_env(plan_job(plan), true, &(struct template_values){.run = ""}, &word, out);
}
