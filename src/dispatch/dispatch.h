/* Runs a run: joins scheduler, sessions, backend, state and results in one libuv loop, with one writer thread.
 *
 * dispatch_run() returns when the run is finished, interrupted, or cannot go on. Everything a worker answers is
 * handed to the writer, which commits in groups; only what is committed is acknowledged.
 *
 * Signals, while it runs: SIGINT, SIGTERM and SIGHUP once: nothing more is sent, what runs may finish for
 * DISPATCH_GRACE_S; a second one: stop now. Both leave a run that `resume` continues. SIGPIPE must be ignored by the process.
 */
#ifndef KT_DISPATCH_DISPATCH_H
#define KT_DISPATCH_DISPATCH_H

#include "plan/plan.h"
#include "plan/taskset.h"
#include "state/state.h"

#define DISPATCH_GRACE_S 10

/* What a task last said of how far it is (ktbatch_progress()). */
struct task_progress {
    int64_t task;
    double fraction; /* 0 to 1 */
    char text[64];   /* "": nothing */
    int64_t at;      /* clock_mono_us(); 0: nobody has said anything lately */
};

struct dispatch_stats { /* for the progress line */
    int64_t tasks;      /* of the run (or of `only`) */
    int64_t done, failed, running, queued; /* of those */
    double rate;        /* tasks a second lately */
    int64_t left_us;    /* estimated; -1: cannot be told */
    int workers;        /* sessions that tasks go to; -1: not known */
    int64_t elapsed_us;
    bool stopping;
    struct task_progress said;
};

struct dispatch_config {
    struct state *state;          /* for reading; the writer opens its own on the same path */
    struct run_info *run;         /* locked by the caller; brought up to date */
    const struct plan *plan;      /* with the job in force */
    const struct taskset *only;   /* NULL: all tasks */
    const char *backend_script;   /* backend `fake` only */
    /* Called about `progress_ms` apart, on the loop; NULL: never. */
    void (*on_progress)(void *ctx, const struct dispatch_stats *stats);
    int progress_ms;
    /* A line for the user: a worker lost, a slow start, a first failure. No newline. */
    void (*on_message)(void *ctx, const char *text);
    void *ctx;
};

enum dispatch_end {
    DISPATCH_FINISHED,    /* nothing is left to do (of `only`) */
    DISPATCH_INTERRUPTED, /* a signal */
    DISPATCH_DEADLINE,
    DISPATCH_MAX_FAILURES,
    DISPATCH_CANCELLED,   /* `ktbatch cancel` from elsewhere */
};
struct dispatch_summary {
    enum dispatch_end end;
    int signal;            /* which, for DISPATCH_INTERRUPTED */
    struct dispatch_stats stats;
};

/* 0 and how it ended; -1 ERR_BACKEND (no worker can be had: the text says why), ERR_SYSTEM (database, disk). In every case
 * the run's row says what is so: done, failed, interrupted. */
int dispatch_run(const struct dispatch_config *config, struct dispatch_summary *ret, struct err *err);

#endif
