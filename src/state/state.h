/* The state database: what every run is, what became of every task. The only caller of sqlite3_*.
 *
 * One SQLite file (WAL while it is open, synchronous=FULL). Internal tables begin with `ktb_`; the views
 * `runs`, `tasks`, `attempts`, `failures`, `slowest` and one a run name are the interface for people.
 * A `struct state` is one connection and belongs to one thread at a time; a runner opens two (the loop's for
 * reading, the writer's for committing).
 *
 * Sizes. A done task costs one row of about 20 bytes: its rowid is the run's base + its number, done is NULL,
 * times are integer microseconds since the run's start, the worker is a number, arguments are computed by the
 * views. Of runs of more than STATE_ROWS_MAX tasks, a task that has not been tried has no row.
 *
 * Errors: ERR_USAGE for what the user can mend (no database there, no such run, bad condition), ERR_SYSTEM for
 * what SQLite or the disk says, always with the database's path. Nothing that is no database of ours, or of a
 * newer version, is ever written to.
 */
#ifndef KT_STATE_STATE_H
#define KT_STATE_STATE_H

#include "base/outcome.h"
#include "plan/plan.h"
#include "plan/taskset.h"
#include "state/run_state.h"

#define STATE_ROWS_MAX 100000
/* Bytes of each of stdout and stderr of an attempt kept in the database (the tail). */
#define STATE_OUTPUT_MAX (64u << 10)
/* Bytes of a result kept in the database; a larger one is a file and named. */
#define STATE_RESULT_MAX (1u << 20)
#define STATE_BUSY_MS 10000 /* how long to wait for another process's transaction */

struct state;

enum state_mode {
    STATE_READ,   /* must exist; never written to (works on a read-only file system) */
    STATE_WRITE,  /* must exist */
    STATE_CREATE, /* made if it is missing or empty */
};
/* Opens, checks that it is ours, migrates (not STATE_READ). `path` is named in full in errors. Marks runs whose
 * runner has died as interrupted, unless STATE_READ. */
int state_open(const char *path, enum state_mode mode, struct state **ret, struct err *err);
/* The last connection of all leaves one plain file behind (no -wal, no -shm). NULL is allowed. */
void state_close(struct state *state);
/* A warning worth saying once after opening (a network file system), or NULL. */
const char *state_warning(const struct state *state);
const char *state_path(const struct state *state); /* absolute */

/* One run as it is in the database now. Strings are owned by the struct; run_info_done() frees them. */
struct run_info {
    int64_t id;   /* row in ktb_runs */
    char *run;    /* "cubes-1" */
    char *name;   /* "cubes" */
    enum run_state state;
    int64_t base; /* rowid of task 0 */
    int64_t tasks, running, done, failed, cancelled; /* queued is the rest */
    int64_t watermark;      /* every task below it is settled */
    int64_t started_us;     /* wall clock: task times count from it */
    int64_t results_length; /* committed bytes of results.jsonl */
    char *job_text;         /* the job file as applied */
    char *sets;             /* JSON array of the "KEY=VALUE" it was applied with */
    char *folder;           /* what its relative paths count from */
    char *identity;         /* plan_identity() */
    char *digest;           /* of library or program, "" if none */
    char *results;          /* absolute folder: …/results/cubes-1 */
    char *backend;
};
void run_info_done(struct run_info *info);

enum run_choice {
    RUN_ANY,        /* newest */
    RUN_UNFINISHED, /* newest that is interrupted (nobody runs it) */
};
/* `which`: a run's id, a name (its newest run), or NULL (the newest of all, by `choice`). ERR_USAGE if there is none:
 * the text lists what there is, nearest first. */
int state_find(struct state *state, const char *which, enum run_choice choice, struct run_info *ret, struct err *err);
/* The newest run of that very name; 1 if there is one, 0 if none, -1 error. */
int state_newest(struct state *state, const char *name, struct run_info *ret, struct err *err);

/* The run lock: held by one process at a time, gone with it however it ends. ERR_BUSY names the process that has it. */
struct run_lock;
int run_lock_take(struct state *state, const struct run_info *run, struct run_lock **ret, struct err *err);
void run_lock_release(struct run_lock *lock);
/* Process that holds the run's lock, 0 if nobody. */
int64_t run_lock_holder(struct state *state, const struct run_info *run);

/* Makes a new run, its values and its view (state running), in one transaction, holding its lock when it returns.
 * `results_root`: folder under which RUN/ goes; it is made, and a number whose folder is there already is passed over. */
int state_create_run(struct state *state, const struct plan *plan, const char *sets_json, const char *results_root,
                     struct run_info *ret, struct run_lock **ret_lock, struct err *err);
/* Of a run that is not running: `plan`, which has its identity, was applied in its place. What counts for policy and place is
 * that job's text, folder and KEY=VALUEs from now on. */
int state_keep_job(struct state *state, struct run_info *run, const struct plan *plan, const char *sets_json, struct err *err);
/* Takes an existing run up again: state running, job text's policy overrides `sets_json` (NULL: as they are), backend. */
int state_start_run(struct state *state, struct run_info *run, const char *sets_json, const char *backend, struct err *err);
/* Ends a runner's part: final state, open `running` rows back to queued, seconds added up. */
int state_finish_run(struct state *state, struct run_info *run, enum run_state final, struct err *err);
/* plan_source over the values kept in the run; `ctx` is a struct state_values. */
struct state_values {
    struct state *state;
    const struct run_info *run;
};
int state_lines(void *state_values, int arg, struct buf *ret, struct err *err);

/* What is still to do, found step by step so that the first task need not wait for the last to be looked at.
 * Fills up to `max` ranges of tasks that are not settled, from task *inout_from on, and moves *inout_from behind what was
 * looked at (to `tasks` at the end). Fresh tasks come as long ranges; one that has been tried comes alone. */
struct open_range {
    int64_t first, end;
    int attempts; /* tried so far: the next attempt has number attempts + 1 */
    int spent;    /* of those, how many count against `retries` (since the last `retry`) */
    int lost;     /* of those, how many ended with its worker lost while it ran (since the last `retry`) */
};
int state_open_tasks(struct state *state, const struct run_info *run, int64_t *inout_from, struct open_range *ret,
                     int max, int *ret_n, struct err *err);

/* How one attempt ended. Slices live until state_commit() returns. */
struct attempt_end {
    int64_t task;
    int attempt;
    enum outcome outcome;
    bool settled;       /* done, or failed for good; else it will be tried again */
    int status;
    int64_t started_us; /* wall clock */
    int64_t us;
    int worker;         /* number from state_worker() */
    struct slice result;  /* OUTCOME_OK: JSON text; a large one: the JSON string that names its file */
    bool result_is_file;
    struct slice message; /* else */
    struct slice out, errout;        /* tails, at most STATE_OUTPUT_MAX each; empty: nothing kept */
    int64_t out_bytes, errout_bytes; /* how much there was */
    struct slice columns; /* JSON array of the values of the job's result columns, or empty: none */
    int64_t seed;         /* ${seed} of the task, or -1 if the job does not use it */
};
struct attempt_start { /* a task that has been running for a while, worth a row that says so */
    int64_t task;
    int attempt;
    int64_t started_us;
    int worker;
};
struct state_batch {
    const struct attempt_end *ends;
    size_t n_ends;
    const struct attempt_start *starts;
    size_t n_starts;
    int64_t running;        /* tasks running now */
    int64_t watermark;      /* all tasks below are settled once this batch is in; -1: as before */
    int64_t results_length; /* bytes of results.jsonl after it */
};
/* One transaction; durable when it returns 0. On failure nothing of the batch is in. Committing an end for a task that is
 * already settled is an error of the caller (asserted): the caller never runs such a task. */
int state_commit(struct state *state, struct run_info *run, const struct state_batch *batch, struct err *err);
/* The number of a worker's name in this run, made at its first use (inside the next commit). */
int state_worker(struct state *state, const struct run_info *run, const char *worker, int *ret, struct err *err);
/* Rows for tasks not tried yet, of runs of at most STATE_ROWS_MAX tasks: `from` and up to `count` of them. */
int state_fill_rows(struct state *state, const struct run_info *run, int64_t from, int64_t count, struct err *err);

/* Calls back for every done task in the order of numbers, with the result as JSON text (exactly what was committed, up to
 * the spelling of doubles). Used to write results.jsonl anew. */
typedef int (*state_done_fn)(void *ctx, int64_t task, struct slice result, struct err *err);
int state_each_done(struct state *state, const struct run_info *run, state_done_fn fn, void *ctx, struct err *err);
/* The same for tasks that are failed now: class, message. */
typedef int (*state_failed_fn)(void *ctx, int64_t task, const char *class, const char *message, struct err *err);
int state_each_failed(struct state *state, const struct run_info *run, state_failed_fn fn, void *ctx, struct err *err);

/* Puts failed and cancelled tasks (and done ones with `done`) back to queued; `where`: only those for which this SQL
 * condition over the run's view holds (NULL: all). Their attempts stay, but no longer count. */
int state_retry(struct state *state, struct run_info *run, const char *where, bool done, int64_t *ret_tasks, struct err *err);
/* queued tasks become cancelled and the run with them. */
int state_cancel(struct state *state, struct run_info *run, struct err *err);
int state_delete(struct state *state, struct run_info *run, struct err *err);
/* The stdout or stderr kept for an attempt (0: the last one); empty if none. */
int state_output(struct state *state, const struct run_info *run, int64_t task, int attempt, struct buf *ret_out,
                 struct buf *ret_err, struct err *err);

/* The result, as text, of the task whose attempt (0: the last one) succeeded; empty if it did not. */
int state_result(struct state *state, const struct run_info *run, int64_t task, int attempt, struct buf *ret, struct err *err);

/* Reading for the commands: SQL of ours over the public views, with text parameters ?1, ?2 …; rows one at a time. */
struct state_rows;
int state_rows_open(struct state *state, const char *sql, const char *const *params, int n_params, struct state_rows **ret,
                    struct err *err);
/* A condition of the user's: `SELECT columns FROM view WHERE (where)`. Runs on a read-only connection of its own behind an
 * authorizer that lets only reads of our views and harmless functions through; ERR_USAGE with SQLite's words otherwise. */
int state_rows_where(struct state *state, const struct run_info *run, const char *where, const char *order_by,
                     struct state_rows **ret, struct err *err);
/* 1 a row, 0 the end, -1 error. */
int state_rows_next(struct state_rows *rows, struct err *err);
void state_rows_close(struct state_rows *rows);
enum cell_type { CELL_NULL, CELL_INT, CELL_REAL, CELL_TEXT };
int state_rows_columns(const struct state_rows *rows);
const char *state_rows_name(const struct state_rows *rows, int column);
enum cell_type state_rows_type(const struct state_rows *rows, int column);
int64_t state_rows_int(const struct state_rows *rows, int column);
double state_rows_real(const struct state_rows *rows, int column);
struct slice state_rows_text(const struct state_rows *rows, int column); /* until the next row; numbers as text too */

/* The name of a run name's view: `-` written `_`. Owned by the caller. */
char *state_view_name(const char *name);

#endif
