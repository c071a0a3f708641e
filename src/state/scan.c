/* Reading tasks in the order of their numbers: what is open, what is done, what is failed, what an attempt printed. */
#include "state/inside.h"

#include "base/mem.h"

/* Rows that one call of state_open_tasks() looks at, so that it never takes long. */
#define SCAN_ROWS 16384

/* Where the walk over a run's rows stands. Attempts are read beside the tasks, both in the order of ids. */
struct scan {
    struct db *db;
    struct db_stmt *tasks, *attempts;
    int64_t base, end; /* ids */
    bool gaps_open;    /* a task without a row is to be done */
    bool more;         /* the attempts statement stands on a row */
    struct open_range *ranges;
    int n, max;
};

/* Adds an open task or stretch; false if there is no room for it. Fresh neighbours become one range. */
static bool add_range(struct scan *scan, struct open_range range)
{
    struct open_range *last = scan->n ? &scan->ranges[scan->n - 1] : NULL;
    if (last && last->attempts == 0 && range.attempts == 0 && last->end == range.first) {
        last->end = range.end;
        return true;
    }
    if (scan->n == scan->max)
        return false;
    scan->ranges[scan->n++] = range;
    return true;
}

/* Moves the attempts to those of `id` and counts them into `range`. */
static int count_attempts(struct scan *scan, int64_t id, struct open_range *range, struct err *err)
{
    while (scan->more && db_i64(scan->attempts, 0) <= id) {
        if (db_i64(scan->attempts, 0) == id) {
            struct slice class = db_slice(scan->attempts, 2);
            int outcome = outcome_find(class.p, class.len);
            bool counts = !db_i64(scan->attempts, 3) && outcome > OUTCOME_OK;
            range->attempts = (int)db_i64(scan->attempts, 1);
            range->spent += counts && outcome_counts((enum outcome)outcome);
            range->lost += counts && outcome == OUTCOME_LOST;
        }
        int row = db_step(scan->db, scan->attempts, err);
        if (row < 0)
            return -1;
        scan->more = row;
    }
    return 0;
}

/* Walks from *inout_id; leaves it behind what has been taken in. */
static int walk(struct scan *scan, int64_t *inout_id, struct err *err)
{
    int64_t id = *inout_id;
    int row = 0;
    for (int i = 0; i < SCAN_ROWS; i++) {
        row = db_step(scan->db, scan->tasks, err);
        if (row < 0)
            return -1;
        int64_t next = row ? db_i64(scan->tasks, 0) : scan->end;
        if (next > id && scan->gaps_open &&
            !add_range(scan, (struct open_range){.first = id - scan->base, .end = next - scan->base}))
            break;
        id = next;
        if (!row)
            break;
        if (db_i64(scan->tasks, 1)) {
            struct open_range range = {.first = id - scan->base, .end = id - scan->base + 1};
            if (count_attempts(scan, id, &range, err))
                return -1;
            if (!add_range(scan, range))
                break;
        }
        id++;
    }
    *inout_id = id;
    return 0;
}

int state_open_tasks(struct state *state, const struct run_info *run, int64_t *inout_from, struct open_range *ret, int max,
                     int *ret_n, struct err *err)
{
    int64_t from = *inout_from < run->watermark ? run->watermark : *inout_from;
    enum task_state rest;
    if (run_rest(state, run, &rest, err))
        return -1;
    struct scan scan = {
        .db = state->db,
        .tasks = db_use(state->db, SQL_TASKS_SCAN, err),
        .base = run->base,
        .end = run->base + run->tasks,
        .gaps_open = rest == TASK_QUEUED,
        .ranges = ret,
        .max = max,
    };
    if (!scan.tasks || !(scan.attempts = db_use(state->db, SQL_ATTEMPTS_SCAN, err)))
        return -1;
    int64_t id = run->base + from;
    db_bind_i64(scan.tasks, 1, id);
    db_bind_i64(scan.tasks, 2, scan.end);
    db_bind_i64(scan.attempts, 1, id);
    db_bind_i64(scan.attempts, 2, scan.end);
    int row = db_step(state->db, scan.attempts, err);
    scan.more = row > 0;
    int result = row < 0 ? -1 : walk(&scan, &id, err);
    db_reset(scan.tasks);
    db_reset(scan.attempts);
    if (result)
        return -1;
    *inout_from = id - run->base;
    *ret_n = scan.n;
    return 0;
}

/* A statement over the run's range of rows. */
static struct db_stmt *use_range(struct state *state, enum sql which, const struct run_info *run, struct err *err)
{
    struct db_stmt *row = db_use(state->db, which, err);
    if (row) {
        db_bind_i64(row, 1, run->base);
        db_bind_i64(row, 2, run->base + run->tasks);
    }
    return row;
}

int state_each_done(struct state *state, const struct run_info *run, state_done_fn fn, void *ctx, struct err *err)
{
    CLEANUP_BUF struct buf json = {0};
    struct db_stmt *row = use_range(state, SQL_TASKS_DONE, run, err);
    if (!row)
        return -1;
    int found;
    while ((found = db_step(state->db, row, err)) > 0) {
        bool is_json = db_type(row, 1) == DB_INT && db_i64(row, 1) == CODE_DONE_JSON;
        buf_clear(&json);
        value_json(row, 2, is_json, &json);
        if (fn(ctx, db_i64(row, 0) - run->base, buf_slice(&json), err)) {
            db_reset(row);
            return -1;
        }
    }
    return found;
}

int state_each_failed(struct state *state, const struct run_info *run, state_failed_fn fn, void *ctx, struct err *err)
{
    struct db_stmt *row = use_range(state, SQL_TASKS_FAILED, run, err);
    if (!row)
        return -1;
    int found;
    while ((found = db_step(state->db, row, err)) > 0) {
        CLEANUP_FREE char *class = db_strdup(row, 1);
        CLEANUP_FREE char *message = db_strdup(row, 2);
        if (fn(ctx, db_i64(row, 0) - run->base, class, message, err)) {
            db_reset(row);
            return -1;
        }
    }
    return found;
}

static int last_attempt(struct state *state, int64_t id, int64_t *ret, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_ATTEMPT_LAST, err);
    if (!row)
        return -1;
    db_bind_i64(row, 1, id);
    if (db_step(state->db, row, err) < 0)
        return -1;
    *ret = db_i64(row, 0);
    db_reset(row);
    return 0;
}

/* What `sql` has of an attempt of the task (0: the last one). 1: `*ret` is at its row, to be reset; 0: none. */
static int find_attempt(struct state *state, enum sql sql, int64_t id, int attempt, struct db_stmt **ret, struct err *err)
{
    int64_t number = attempt;
    if (!(*ret = db_use(state->db, sql, err)) || (attempt == 0 && last_attempt(state, id, &number, err)))
        return -1;
    db_bind_i64(*ret, 1, id);
    db_bind_i64(*ret, 2, number);
    return db_step(state->db, *ret, err);
}

int state_output(struct state *state, const struct run_info *run, int64_t task, int attempt, struct buf *ret_out,
                 struct buf *ret_err, struct err *err)
{
    struct db_stmt *row;
    int found = find_attempt(state, SQL_OUTPUT_GET, run->base + task, attempt, &row, err);
    if (found <= 0)
        return found;
    buf_add_slice(ret_out, db_slice(row, 0));
    buf_add_slice(ret_err, db_slice(row, 1));
    db_reset(row);
    return 0;
}

int state_result(struct state *state, const struct run_info *run, int64_t task, int attempt, struct buf *ret, struct err *err)
{
    struct db_stmt *row;
    int found = find_attempt(state, SQL_RESULT_GET, run->base + task, attempt, &row, err);
    if (found <= 0)
        return found;
    buf_add_slice(ret, db_slice(row, 0));
    db_reset(row);
    return 0;
}

/* First key and number of an argument's listed values; -1 with an error if it has none. */
static int listed_range(struct state_values *values, int arg, int64_t *ret_first, int64_t *ret_count, struct err *err)
{
    struct db_stmt *row = db_use(values->state->db, SQL_ARGS_GET, err);
    if (!row)
        return -1;
    db_bind_i64(row, 1, values->run->id);
    int found, at = 0;
    while ((found = db_step(values->state->db, row, err)) > 0 && at < arg)
        at++;
    if (found < 0)
        return -1;
    if (!found || db_i64(row, 1) != PLAN_LISTED) {
        db_reset(row);
        return err_set(err, ERR_SYSTEM, "%s: run %s keeps no values of argument %d", values->state->path, values->run->run,
                       arg + 1);
    }
    *ret_first = db_i64(row, 2);
    *ret_count = db_i64(row, 6);
    db_reset(row);
    return 0;
}

int state_lines(void *state_values, int arg, struct buf *ret, struct err *err)
{
    struct state_values *values = state_values;
    struct state *state = values->state;
    int64_t first = 0, count = 0;
    if (listed_range(values, arg, &first, &count, err))
        return -1;
    struct db_stmt *row = db_use(state->db, SQL_VALUES_GET, err);
    if (!row)
        return -1;
    db_bind_i64(row, 1, first);
    db_bind_i64(row, 2, first + count);
    int found;
    while ((found = db_step(state->db, row, err)) > 0) {
        if (db_type(row, 1) != DB_NULL)
            buf_add_slice(ret, db_slice(row, 1));
        else
            value_json(row, 0, false, ret);
        buf_add_char(ret, '\n');
    }
    return found;
}
