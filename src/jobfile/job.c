/* See job.h. */
#include "jobfile/job.h"

#include "base/mem.h"

static void arg_done(struct job_arg *arg)
{
    for (int64_t i = 0; arg->values && i < arg->count; i++)
        free(arg->values[i]);
    free(arg->values);
    free(arg->name);
    free(arg->from_text);
    free(arg->to_text);
    free(arg->path);
}

static void free_task(struct job *job)
{
    for (int i = 0; i < job->argc; i++)
        template_free(job->argv[i]);
    for (int i = 0; i < job->n_columns; i++)
        free(job->columns[i]);
    free(job->argv);
    free(job->columns);
    free(job->library);
    free(job->function);
    free(job->object);
    free(job->library_path);
    free(job->program_path);
    free(job->digest);
}

void job_free(struct job *job)
{
    if (!job)
        return;
    free_task(job);
    for (int i = 0; i < job->n_args; i++)
        arg_done(&job->args[i]);
    for (int i = 0; i < job->n_env; i++) {
        free(job->env[i].name);
        template_free(job->env[i].value);
    }
    free(job->args);
    free(job->env);
    free(job->retry_exits);
    free(job->name);
    free(job->source);
    free(job->folder);
    free(job->cwd);
    free(job->results);
    free(job->backend);
    free(job);
}

bool job_may_retry(const struct job *job, enum outcome outcome, int status)
{
    /* What is not the task's fault is repeated whatever the job file chooses among its failures. */
    if (!job->has_retry_on || !outcome_counts(outcome))
        return outcome_retried(outcome);
    if (job->retry_class[outcome])
        return true;
    for (int i = 0; i < job->n_retry_exits && outcome == OUTCOME_EXIT; i++)
        if (job->retry_exits[i] == status)
            return true;
    return false;
}
