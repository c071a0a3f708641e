/* What the writer does: a batch of ends and starts of attempts in one transaction.
 *
 * The happy path is a task that succeeds at the first try: its row is bound into a statement of SQL_ROWS rows, and
 * nothing else is written for it. Everything else (failures, outputs, columns, seeds) goes row by row beside it.
 */
#include "state/inside.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ROW_PARAMETERS 6

/* ---- workers ---- */

static uint32_t hash_of(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

void workers_done(struct worker_names *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->names[i]);
    free(w->names);
    free(w->slots);
    *w = (struct worker_names){0};
}

/* The slot of the name, or the empty one where it belongs. There is one: at most half of them are used. */
static int *slot_of(struct worker_names *w, const char *name)
{
    uint32_t mask = (uint32_t)w->n_slots - 1;
    for (uint32_t at = hash_of(name) & mask;; at = (at + 1) & mask)
        if (w->slots[at] == 0 || strcmp(w->names[w->slots[at] - 1], name) == 0)
            return &w->slots[at];
}

static void add_worker(struct worker_names *w, const char *name)
{
    MEM_GROW(w->names, w->n, w->cap);
    w->names[w->n++] = mem_strdup(name);
    if (2 * w->n <= w->n_slots) {
        *slot_of(w, name) = w->n;
        return;
    }
    free(w->slots);
    w->n_slots = w->n_slots ? 2 * w->n_slots : 16;
    w->slots = mem_zalloc((size_t)w->n_slots * sizeof *w->slots);
    for (int i = 0; i < w->n; i++)
        *slot_of(w, w->names[i]) = i + 1;
}

static int load_workers(struct state *state, const struct run_info *run, struct err *err)
{
    struct worker_names *w = &state->workers;
    if (w->run_id == run->id)
        return 0;
    struct db_stmt *row = db_use(state->db, SQL_WORKERS_GET, err);
    if (!row)
        return -1;
    workers_done(w);
    db_bind_i64(row, 1, run->id);
    int found;
    while ((found = db_step(state->db, row, err)) > 0) {
        CLEANUP_FREE char *name = db_strdup(row, 1);
        add_worker(w, name);
    }
    if (found < 0)
        return -1;
    w->written = w->n;
    w->run_id = run->id;
    return 0;
}

int state_worker(struct state *state, const struct run_info *run, const char *worker, int *ret, struct err *err)
{
    struct worker_names *w = &state->workers;
    if (load_workers(state, run, err))
        return -1;
    if (w->n_slots == 0 || *slot_of(w, worker) == 0)
        add_worker(w, worker);
    *ret = *slot_of(w, worker) - 1;
    return 0;
}

int workers_write(struct state *state, const struct run_info *run, struct err *err)
{
    struct worker_names *w = &state->workers;
    if (w->run_id != run->id || w->written == w->n)
        return 0;
    struct db_stmt *stmt = db_use(state->db, SQL_WORKER_INSERT, err);
    if (!stmt)
        return -1;
    for (int i = w->written; i < w->n; i++) {
        db_bind_i64(stmt, 1, run->id);
        db_bind_i64(stmt, 2, i);
        db_bind_str(stmt, 3, w->names[i]);
        if (db_run(state->db, stmt, err))
            return -1;
    }
    return 0;
}

/* ---- one end ---- */

static int start_row(struct state *state, const struct run_info *run, const struct attempt_start *start, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_TASK_START, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->base + start->task);
    db_bind_i64(stmt, 2, start->started_us - run->started_us);
    db_bind_i64(stmt, 3, start->worker);
    return db_run(state->db, stmt, err);
}

/* Binds the task's row at parameters `at` … */
static void bind_end(struct db_stmt *stmt, int at, const struct run_info *run, const struct attempt_end *end,
                     struct buf *scratch)
{
    db_bind_i64(stmt, at, run->base + end->task);
    db_bind_null(stmt, at + 1);
    if (end->outcome == OUTCOME_OK) {
        bool is_json = value_bind(stmt, at + 2, end->result, scratch);
        if (end->result_is_file)
            db_bind_i64(stmt, at + 1, CODE_DONE_FILE);
        else if (is_json)
            db_bind_i64(stmt, at + 1, CODE_DONE_JSON);
    } else {
        db_bind_i64(stmt, at + 1, end->settled ? TASK_FAILED : TASK_QUEUED);
        db_bind_null(stmt, at + 2);
        if (!end->settled) {
            db_bind_null(stmt, at + 3);
            db_bind_null(stmt, at + 4);
            db_bind_null(stmt, at + 5);
            return;
        }
    }
    db_bind_i64(stmt, at + 3, end->started_us - run->started_us);
    db_bind_i64(stmt, at + 4, end->us);
    db_bind_i64(stmt, at + 5, end->worker);
}

/* The number of a message's pattern. */
static int pattern_number(struct state *state, struct slice message, int64_t *ret, struct err *err)
{
    CLEANUP_BUF struct buf pattern = {0};
    struct db_stmt *find = db_use(state->db, SQL_PATTERN_FIND, err);
    struct db_stmt *insert = db_use(state->db, SQL_PATTERN_INSERT, err);
    if (!find || !insert)
        return -1;
    pattern_of(message, &pattern);
    db_bind_text(find, 1, buf_slice(&pattern));
    int found = db_step(state->db, find, err);
    if (found < 0)
        return -1;
    if (found) {
        *ret = db_i64(find, 0);
        db_reset(find);
        return 0;
    }
    db_bind_text(insert, 1, buf_slice(&pattern));
    if (db_run(state->db, insert, err))
        return -1;
    *ret = db_last_id(state->db);
    return 0;
}

/* A message as valid text: bytes that are not UTF-8 become U+FFFD, a NUL too. */
static void clean_text(struct slice bytes, struct buf *out)
{
    size_t at = 0;
    while (at < bytes.len) {
        size_t n = bytes.p[at] ? utf8_length(bytes.p + at, bytes.len - at) : 0;
        if (n)
            buf_add(out, bytes.p + at, n);
        else
            buf_add_str(out, "\xef\xbf\xbd");
        at += n ? n : 1;
    }
}

static int insert_attempt(struct state *state, const struct run_info *run, const struct attempt_end *end, struct err *err)
{
    CLEANUP_BUF struct buf message = {0};
    int64_t pattern;
    clean_text(end->message, &message);
    struct db_stmt *stmt = db_use(state->db, SQL_ATTEMPT_INSERT, err);
    if (!stmt || pattern_number(state, buf_slice(&message), &pattern, err))
        return -1;
    db_bind_i64(stmt, 1, run->base + end->task);
    db_bind_i64(stmt, 2, end->attempt);
    db_bind_i64(stmt, 3, end->worker);
    db_bind_i64(stmt, 4, end->started_us - run->started_us);
    db_bind_i64(stmt, 5, end->us);
    db_bind_str(stmt, 6, outcome_name(end->outcome));
    db_bind_i64(stmt, 7, end->status);
    db_bind_text(stmt, 8, buf_slice(&message));
    db_bind_i64(stmt, 9, pattern);
    return db_run(state->db, stmt, err);
}

/* Text where it is text, for people who look with the shell. */
static void bind_output(struct db_stmt *stmt, int i, struct slice bytes)
{
    if (bytes.len == 0)
        db_bind_null(stmt, i);
    else if (utf8_check(bytes.p, bytes.len) == bytes.len && !memchr(bytes.p, 0, bytes.len))
        db_bind_text(stmt, i, bytes);
    else
        db_bind_blob(stmt, i, bytes);
}

static int insert_output(struct state *state, const struct run_info *run, const struct attempt_end *end, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_OUTPUT_INSERT, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->base + end->task);
    db_bind_i64(stmt, 2, end->attempt);
    bind_output(stmt, 3, end->out);
    bind_output(stmt, 4, end->errout);
    db_bind_i64(stmt, 5, end->out_bytes);
    db_bind_i64(stmt, 6, end->errout_bytes);
    return db_run(state->db, stmt, err);
}

static int insert_cells(struct state *state, const struct run_info *run, const struct attempt_end *end, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_CELL_INSERT, err);
    struct json_iter it = json_iter((struct json){end->columns.p, end->columns.len});
    if (!stmt)
        return -1;
    for (int i = 0; json_next(&it); i++) {
        if (json_type(it.value) == JSON_NULL)
            continue;
        buf_clear(&state->scratch);
        db_bind_i64(stmt, 1, run->base + end->task);
        db_bind_i64(stmt, 2, i);
        value_bind(stmt, 3, (struct slice){it.value.p, it.value.len}, &state->scratch);
        if (db_run(state->db, stmt, err))
            return -1;
    }
    return 0;
}

static int insert_seed(struct state *state, const struct run_info *run, const struct attempt_end *end, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_SEED_INSERT, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->base + end->task);
    db_bind_i64(stmt, 2, end->seed);
    return db_run(state->db, stmt, err);
}

/* What is written beside the task's row. */
static int insert_more(struct state *state, const struct run_info *run, const struct attempt_end *end, struct err *err)
{
    if (end->outcome != OUTCOME_OK && insert_attempt(state, run, end, err))
        return -1;
    if ((end->out.len || end->errout.len || end->out_bytes || end->errout_bytes) && insert_output(state, run, end, err))
        return -1;
    if (end->columns.len && insert_cells(state, run, end, err))
        return -1;
    return end->seed >= 0 && insert_seed(state, run, end, err) ? -1 : 0;
}

/* ---- the batch ---- */

/* An unescaped text must live until its statement has run, and there is one buffer: strings with escapes go one by one. */
static bool goes_in_rows(const struct attempt_end *end)
{
    return end->outcome == OUTCOME_OK && end->result.len &&
           (end->result.p[0] != '"' || !memchr(end->result.p, '\\', end->result.len));
}

static int end_rows(struct state *state, const struct run_info *run, const struct attempt_end *ends, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_TASKS_END, err);
    if (!stmt)
        return -1;
    for (int i = 0; i < SQL_ROWS; i++)
        bind_end(stmt, ROW_PARAMETERS * i + 1, run, &ends[i], &state->scratch);
    return db_run(state->db, stmt, err);
}

static int end_row(struct state *state, const struct run_info *run, const struct attempt_end *end, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_TASK_END, err);
    if (!stmt)
        return -1;
    buf_clear(&state->scratch);
    bind_end(stmt, 1, run, end, &state->scratch);
    if (db_run(state->db, stmt, err))
        return -1;
    if (db_changes(state->db) != 1)
        return err_set(err, ERR_SYSTEM, "%s: run %s: task %lld is settled already", state->path, run->run,
                       (long long)end->task);
    return 0;
}

/* How many of the ends from `i` on can go into one statement: all of SQL_ROWS, or none. */
static bool full_rows(const struct state_batch *batch, size_t i)
{
    if (batch->n_ends - i < SQL_ROWS)
        return false;
    for (size_t j = i; j < i + SQL_ROWS; j++)
        if (!goes_in_rows(&batch->ends[j]))
            return false;
    return true;
}

static int write_ends(struct state *state, const struct run_info *run, const struct state_batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->n_ends;) {
        size_t rows = full_rows(batch, i) ? SQL_ROWS : 1;
        int result = rows == 1 ? end_row(state, run, &batch->ends[i], err) : end_rows(state, run, &batch->ends[i], err);
        if (result)
            return -1;
        if (rows > 1 && db_changes(state->db) != SQL_ROWS)
            return err_set(err, ERR_SYSTEM, "%s: run %s: a task from %lld on is settled already", state->path, run->run,
                           (long long)batch->ends[i].task);
        for (size_t end = i + rows; i < end; i++)
            if (insert_more(state, run, &batch->ends[i], err))
                return -1;
    }
    return 0;
}

static int write_counts(struct state *state, const struct run_info *run, const struct state_batch *batch, int64_t done,
                        int64_t failed, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_RUN_COUNTS, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->id);
    db_bind_i64(stmt, 2, done);
    db_bind_i64(stmt, 3, failed);
    db_bind_i64(stmt, 4, batch->running);
    db_bind_i64(stmt, 5, batch->watermark);
    db_bind_i64(stmt, 6, batch->results_length);
    db_bind_i64(stmt, 7, clock_wall_us());
    if (db_run(state->db, stmt, err))
        return -1;
    return db_changes(state->db) == 1 ? 0 : err_set(err, ERR_BUSY, "run %s was cancelled", run->run);
}

static int commit(struct state *state, const struct run_info *run, const struct state_batch *batch, int64_t done,
                  int64_t failed, struct err *err)
{
    if (workers_write(state, run, err))
        return -1;
    /* The counts first: they notice that somebody else has cancelled the run. */
    if (write_counts(state, run, batch, done, failed, err))
        return -1;
    for (size_t i = 0; i < batch->n_starts; i++)
        if (start_row(state, run, &batch->starts[i], err))
            return -1;
    if (write_ends(state, run, batch, err))
        return -1;
    return db_commit(state->db, err);
}

int state_commit(struct state *state, struct run_info *run, const struct state_batch *batch, struct err *err)
{
    int64_t done = 0, failed = 0;
    for (size_t i = 0; i < batch->n_ends; i++) {
        done += batch->ends[i].outcome == OUTCOME_OK;
        failed += batch->ends[i].outcome != OUTCOME_OK && batch->ends[i].settled;
    }
    if (db_begin(state->db, err))
        return -1;
    if (commit(state, run, batch, done, failed, err)) {
        db_rollback(state->db);
        return -1;
    }
    if (state->workers.run_id == run->id)
        state->workers.written = state->workers.n;
    run->done += done;
    run->failed += failed;
    run->running = batch->running;
    run->watermark = batch->watermark < 0 ? run->watermark : batch->watermark;
    run->results_length = batch->results_length;
    return 0;
}

int state_fill_rows(struct state *state, const struct run_info *run, int64_t from, int64_t count, struct err *err)
{
    if (run->tasks > STATE_ROWS_MAX || from >= run->tasks || count <= 0)
        return 0;
    int64_t end = count < run->tasks - from ? from + count : run->tasks;
    struct db_stmt *stmt = db_use(state->db, SQL_TASKS_FILL, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->base + from);
    db_bind_i64(stmt, 2, run->base + end);
    db_bind_i64(stmt, 3, run->id); /* cancelled meanwhile by another: then the rows are, too */
    return db_run(state->db, stmt, err);
}
