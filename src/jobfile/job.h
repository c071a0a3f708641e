/* A validated job: what a job file says, with every default filled in and nothing left to check.
 *
 * Made by jobfile_load() (jobfile.h), read by everybody above, changed by nobody. All strings and arrays
 * belong to the job and go with job_free(). Values are compact JSON text; a number stands as it was written.
 */
#ifndef KT_JOBFILE_JOB_H
#define KT_JOBFILE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/outcome.h"
#include "base/problems.h"
#include "jobfile/template.h"

/* Named limits. Each has an error message that states it. */
#define JOB_FILE_MAX (16u << 20)          /* bytes of a job file */
#define JOB_ARGS_MAX 200                  /* arguments of a task (a view has at most 2,000 columns) */
#define JOB_LISTED_MAX INT64_C(10000000)  /* values of a list, linspace, geomspace or lines; ranges have no such limit */
#define JOB_TASKS_MAX (INT64_C(1) << 62)  /* tasks of a run */
#define JOB_PARALLELISM_MAX 10000
#define JOB_RETRIES_MAX 1000
#define JOB_NAME_MAX 64                   /* letters of a name */
#define JOB_LINES_BYTES_MAX (1u << 30)    /* bytes of a `lines` file */

enum arg_kind {
    ARG_FIXED,     /* one value */
    ARG_LIST,      /* values as written */
    ARG_RANGE,     /* from, from + step, … not beyond to; exact */
    ARG_LINSPACE,  /* count values from `from` to `to`, evenly spaced */
    ARG_GEOMSPACE, /* the same, evenly spaced in the logarithm */
    ARG_REPEAT,    /* 0 … count - 1 */
    ARG_LINES,     /* the lines of a file, as strings */
};

struct job_arg {
    struct mark mark;       /* of its source */
    char *name;             /* NULL: positional */
    enum arg_kind kind;
    char **values;          /* FIXED (1), LIST (count): JSON text each */
    int64_t count;          /* values there are; 0 for ARG_LINES, which only reading the file tells */
    struct decimal from, step; /* RANGE: both at one scale; REPEAT: 0 and 1 */
    char *from_text, *to_text; /* LINSPACE, GEOMSPACE: the ends as written */
    double from_real, to_real;
    char *path;             /* LINES: absolute */
    int zip;                /* number of its zip group, or -1 */
};

enum task_kind { TASK_FUNCTION, TASK_COMMAND };
enum result_form { RESULT_TEXT, RESULT_NUMBER, RESULT_JSON, RESULT_JSON_LAST, RESULT_NONE };

struct job_env {
    char *name;
    struct template *value;
};

struct job {
    char *name;    /* of the runs: "cubes" */
    char *source;  /* the job file's text as applied, kept in the run */
    char *folder;  /* absolute: what relative paths count from */

    enum task_kind kind;
    struct mark task_mark;
    /* TASK_FUNCTION */
    char *library;      /* "power_op" */
    char *function;     /* "power" */
    char *object;       /* JSON object text; NULL if none */
    char *library_path; /* absolute path of the library's file, found as the file's folder, KTBATCH_TASK_PATH
                           and the installed folder say */
    /* TASK_COMMAND */
    struct template **argv;
    int argc;
    char *program_path; /* absolute path of argv[0] where it has no placeholder and was found, else NULL */
    enum result_form result;
    bool uses_seed;     /* ${seed} stands somewhere */
    /* both */
    char **columns; /* of a JSON result, in the run's view */
    int n_columns;
    char *digest;   /* SHA-256 in hex of library_path or program_path; NULL if there is no such file */

    struct job_arg *args; /* in the order written */
    int n_args;
    bool positional;      /* args are a list; false also if there are none */
    int n_zips;

    int64_t seed;

    /* policy: may change on resume */
    int parallelism;      /* slots, at least 1 */
    int cpus;             /* processors a task uses, at least 1 */
    int64_t tasks_per_worker; /* 0: all */
    int retries;
    int64_t backoff_us;
    bool has_retry_on;
    bool retry_class[OUTCOME_COUNT]; /* retryOn.class */
    int *retry_exits;                /* retryOn.exit */
    int n_retry_exits;
    int64_t timeout_us;  /* 0: none */
    int64_t deadline_us; /* 0: none */
    int64_t max_failures;  /* -1: no limit */
    double max_failures_percent; /* of all tasks; negative: given as a number or not at all */
    struct job_env *env;
    int n_env;
    char *cwd;      /* absolute; NULL: the default of the place */
    char *results;  /* absolute folder under which RUN/ goes; NULL: `results` beside the database */
    bool per_task;  /* results: {perTask: true} */
    char *backend;  /* "local" unless written otherwise */

    /* SHA-256 in hex over task, arguments, combination and what they name by path (but not the contents of
     * library and program): two files with the same identity describe the same run. */
    char identity[65];
};

void job_free(struct job *job);

/* Whether, by `retryOn` or the rules of outcome.h, an attempt that ended so may be tried again at all. */
bool job_may_retry(const struct job *job, enum outcome outcome, int status);

#endif
