/* The argument space of a job: task number -> arguments, pure and lazy.
 *
 * A plan is made once from a job and never changes; all functions below it are safe from several threads.
 * It needs memory for listed values (lists, linspace, geomspace, lines), none for tasks: 10^12 tasks cost
 * what 10 do. Task n's value of argument i is value number (n / stride_i) % count_i; the last argument
 * varies fastest, and the arguments of a zip group share one stride.
 */
#ifndef KT_PLAN_PLAN_H
#define KT_PLAN_PLAN_H

#include "base/buf.h"
#include "base/err.h"
#include "jobfile/jobfile.h"

struct plan;

/* Where the values of `lines` arguments come from when a run is taken up again: the state database. Appends
 * the JSON strings of argument `arg` to `ret`, each followed by a newline. */
struct plan_source {
    int (*lines)(void *ctx, int arg, struct buf *ret, struct err *err);
    void *ctx;
};

/* Reads `lines` files (from `source` if not NULL) and multiplies out. The plan borrows `job`, which must
 * outlive it. NULL and problems if a file cannot be read or is empty, zip lengths differ, or there are more
 * than JOB_TASKS_MAX tasks. */
struct plan *plan_new(const struct job *job, const struct plan_source *source, struct problems *problems);
void plan_free(struct plan *plan);

const struct job *plan_job(const struct plan *plan);
int64_t plan_tasks(const struct plan *plan);
/* SHA-256 in hex: the job's identity together with the contents of its `lines` files. */
const char *plan_identity(const struct plan *plan);

/* How argument i can be computed or looked up, for the database's views. */
enum plan_form {
    PLAN_COMPUTED, /* (from + step * k) / 10^scale, an exact decimal (scale 0: an integer) */
    PLAN_LISTED,   /* value k of a list */
};
struct plan_arg {
    const char *name; /* NULL: positional */
    enum plan_form form;
    int64_t from, step;
    int scale;
    int64_t count, stride;
};
int plan_args(const struct plan *plan);
struct plan_arg plan_arg(const struct plan *plan, int i);
/* Appends the JSON text of value k (0 … count-1) of argument i. */
void plan_value(const struct plan *plan, int i, int64_t k, struct buf *out);

/* Appends the task's arguments as JSON text: an object `{"x":4,"y":"a"}`, or an array if positional; `{}` if none. */
void plan_args_json(const struct plan *plan, int64_t task, struct buf *out);
/* Appends only the values, as an array in the order of the arguments: what a worker is sent. */
void plan_values_json(const struct plan *plan, int64_t task, struct buf *out);
/* ${seed}: 31 bits of SHA-256 over the job's seed and the task's arguments. */
int64_t plan_seed(const struct plan *plan, int64_t task);

/* For commands: what one attempt runs, expanded. Appends a JSON object
 *     {"argv":["prog","1"],"env":{"A":"b"}}
 * where env holds only variables whose values have placeholders (the fixed ones go with the session's set-up). */
void plan_command_json(const struct plan *plan, int64_t task, const char *run, int attempt, int slot, struct buf *out);
/* Appends the JSON object of the environment that is the same for all tasks. */
void plan_env_json(const struct plan *plan, struct buf *out);

#endif
