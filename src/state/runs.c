/* Runs: made, taken up, ended, put back, cancelled, deleted. Each is one transaction. */
#include "state/inside.h"

#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- making one ---- */

/* First key at which `tasks` rows have room: behind all others, or, when that would be beyond 64 bits, in a gap. */
static int find_base(struct state *state, int64_t tasks, int64_t *ret, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_RUNS_BY_BASE, err);
    int64_t end = 0, gap = -1;
    int found = -1;
    while (row && (found = db_step(state->db, row, err)) > 0) {
        if (gap < 0 && db_i64(row, 0) - end >= tasks)
            gap = end;
        end = db_i64(row, 0) + db_i64(row, 1);
    }
    if (found < 0)
        return -1;
    if (end > INT64_MAX - tasks && gap < 0)
        return err_set(err, ERR_USAGE, "%s: no room for %lld more tasks beside those of its other runs; delete one, or name "
                       "another database with --db", state->path, (long long)tasks);
    *ret = end > INT64_MAX - tasks ? gap : end;
    return 0;
}

/* The views must not take the name of something else. */
static int check_view(struct state *state, const char *name, const char *view, bool ours, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_OBJECT_FIND, err);
    if (!row)
        return -1;
    db_bind_text(row, 1, slice_str(view));
    int found = db_step(state->db, row, err);
    if (found <= 0)
        return found;
    db_reset(row);
    if (ours)
        return 0;
    return err_set(err, ERR_USAGE, "%s: runs named '%s' need the view '%s', and there is something else of that name; another "
                   "name is needed", state->path, name, view);
}

static int next_number(struct state *state, const char *key, int64_t *ret, struct err *err)
{
    struct db_stmt *next = db_use(state->db, SQL_NAME_NEXT, err);
    struct db_stmt *last = db_use(state->db, SQL_NAME_LAST, err);
    if (!next || !last)
        return -1;
    db_bind_text(next, 1, slice_str(key));
    db_bind_text(last, 1, slice_str(key));
    if (db_run(state->db, next, err) || db_step(state->db, last, err) < 0)
        return -1;
    *ret = db_i64(last, 0);
    db_reset(last);
    return 0;
}

static int64_t power_of_ten(int scale)
{
    int64_t unit = 1;
    while (scale-- > 0)
        unit *= 10;
    return unit;
}

/* Binds a listed value: as SQL, and as JSON where SQL alone would not say how it is spelled. */
static void bind_listed(struct db_stmt *stmt, int i, struct slice json, struct buf *text)
{
    int64_t n;
    buf_clear(text);
    bool is_json = value_bind(stmt, i, json, text);
    struct json value = {json.p, json.len};
    enum json_type type = json_type(value);
    /* A string without escapes is its text in quotes. */
    bool plain = type == JSON_STRING ? !memchr(json.p, '\\', json.len) : !is_json && json_i64(value, &n);
    if (plain)
        db_bind_null(stmt, i + 1);
    else
        db_bind_text(stmt, i + 1, json);
}

/* SQL_ROWS values by one statement, or one by one. Each has its own buffer until the statement has run. */
static int insert_listed(struct state *state, const struct plan *plan, int arg, int64_t k, int64_t id, int rows,
                         struct buf json[SQL_ROWS], struct buf text[SQL_ROWS], struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, rows == 1 ? SQL_VALUE_INSERT : SQL_VALUES_INSERT, err);
    if (!stmt)
        return -1;
    for (int i = 0; i < rows; i++) {
        buf_clear(&json[i]);
        plan_value(plan, arg, k + i, &json[i]);
        db_bind_i64(stmt, 3 * i + 1, id + i);
        bind_listed(stmt, 3 * i + 2, buf_slice(&json[i]), &text[i]);
    }
    return db_run(state->db, stmt, err);
}

static int insert_values(struct state *state, const struct plan *plan, int arg, int64_t count, int64_t *ret_first,
                         struct err *err)
{
    struct buf json[SQL_ROWS] = {{0}}, text[SQL_ROWS] = {{0}};
    int64_t first, k = 0;
    int result = db_get_i64(state->db, sql_text(SQL_VALUES_END), &first, err);
    while (result == 0 && k < count) {
        int rows = count - k >= SQL_ROWS ? SQL_ROWS : 1;
        result = insert_listed(state, plan, arg, k, first + k, rows, json, text, err);
        k += rows;
    }
    for (int i = 0; i < SQL_ROWS; i++) {
        buf_done(&json[i]);
        buf_done(&text[i]);
    }
    if (result == 0)
        *ret_first = first;
    return result;
}

/* Column names that have been given out in a view. */
struct taken {
    char **names;
    int n, cap;
};

static bool is_taken(const struct taken *taken, const char *name)
{
    for (int i = 0; i < taken->n; i++)
        if (strcasecmp(taken->names[i], name) == 0)
            return true;
    return false;
}

static const char *take(struct taken *taken, char *name)
{
    MEM_GROW(taken->names, taken->n, taken->cap);
    return taken->names[taken->n++] = name;
}

/* NAME, or PREFIX_NAME, or PREFIX_NAME_2 and so on: the first that is free. */
static const char *take_free(struct taken *taken, const char *prefix, const char *name)
{
    char *try = mem_strdup(name);
    for (int i = 1; is_taken(taken, try); i++) {
        free(try);
        try = i == 1 ? mem_printf("%s_%s", prefix, name) : mem_printf("%s_%s_%d", prefix, name, i);
    }
    return take(taken, try);
}

static void taken_init(struct taken *taken, bool seeded)
{
    static const char *const fixed[] = {"run", "task", "state", "result", "error", "attempts", "seconds"};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        take(taken, mem_strdup(fixed[i]));
    if (seeded)
        take(taken, mem_strdup("seed"));
}

static void taken_done(struct taken *taken)
{
    for (int i = 0; i < taken->n; i++)
        free(taken->names[i]);
    free(taken->names);
}

static int insert_columns(struct state *state, const struct job *job, int64_t run_id, struct taken *taken, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_COLUMN_INSERT, err);
    if (!stmt)
        return -1;
    for (int i = 0; i < job->n_columns; i++) {
        db_bind_i64(stmt, 1, run_id);
        db_bind_i64(stmt, 2, i);
        db_bind_str(stmt, 3, take_free(taken, "result", job->columns[i]));
        if (db_run(state->db, stmt, err))
            return -1;
    }
    return 0;
}

static int insert_arg(struct state *state, const struct plan *plan, int i, int64_t run_id, struct taken *taken, struct err *err)
{
    struct plan_arg arg = plan_arg(plan, i);
    int64_t first = arg.from;
    CLEANUP_BUF struct buf label = {0};
    CLEANUP_FREE char *number = mem_printf("arg%d", i + 1);
    if (arg.form == PLAN_LISTED && insert_values(state, plan, i, arg.count, &first, err))
        return -1;
    if (arg.name) {
        buf_add_json(&label, slice_str(arg.name));
        buf_add_char(&label, ':');
    }
    struct db_stmt *stmt = db_use(state->db, SQL_ARG_INSERT, err);
    if (!stmt)
        return -1;
    bool computed = arg.form == PLAN_COMPUTED;
    db_bind_i64(stmt, 1, run_id);
    db_bind_i64(stmt, 2, i);
    db_bind_text(stmt, 3, buf_slice(&label));
    db_bind_str(stmt, 4, take_free(taken, "arg", arg.name ? arg.name : number));
    db_bind_i64(stmt, 5, arg.form);
    db_bind_i64(stmt, 6, first);
    db_bind_i64(stmt, 7, computed ? arg.step : 1);
    db_bind_i64(stmt, 8, computed ? arg.scale : 0);
    db_bind_i64(stmt, 9, computed ? power_of_ten(arg.scale) : 1);
    db_bind_i64(stmt, 10, arg.count);
    db_bind_i64(stmt, 11, arg.stride);
    return db_run(state->db, stmt, err);
}

/* Result columns keep their names before arguments do, because they are the shorter list and chosen for the view. */
static int insert_args(struct state *state, const struct plan *plan, int64_t run_id, struct err *err)
{
    const struct job *job = plan_job(plan);
    struct taken taken = {0};
    taken_init(&taken, job->uses_seed);
    int result = insert_columns(state, job, run_id, &taken, err);
    for (int i = 0; i < plan_args(plan) && result == 0; i++)
        result = insert_arg(state, plan, i, run_id, &taken, err);
    taken_done(&taken);
    return result;
}

/* A folder below the database's is kept as the way there, so that both can be moved or copied together. */
static const char *way_to(const char *folder, const char *path)
{
    size_t len = strlen(folder);
    return len > 1 && strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static int insert_job(struct state *state, const struct plan *plan, int64_t run_id, const char *sets_json,
                      const char *results, struct err *err)
{
    const struct job *job = plan_job(plan);
    struct db_stmt *stmt = db_use(state->db, SQL_JOB_INSERT, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run_id);
    db_bind_str(stmt, 2, job->source ? job->source : "");
    db_bind_str(stmt, 3, sets_json ? sets_json : "[]");
    db_bind_str(stmt, 4, job->folder ? job->folder : "");
    db_bind_str(stmt, 5, plan_identity(plan));
    db_bind_str(stmt, 6, job->digest ? job->digest : "");
    CLEANUP_FREE char *beside = path_dir(state->real_path);
    db_bind_str(stmt, 7, way_to(beside, results));
    return db_run(state->db, stmt, err);
}

/* The run's number and its folder of results: one that is not there yet, whatever lies there from another database or one
 * that is gone. */
static int choose_number(struct state *state, const char *name, const char *results_root, int64_t *ret_number,
                         char **ret_results, struct err *err)
{
    CLEANUP_FREE char *key = name_key(name);
    for (;;) {
        if (next_number(state, key, ret_number, err))
            return -1;
        char *folder = mem_printf("%s/%s-%lld", results_root, name, (long long)*ret_number);
        if (!path_exists(folder)) {
            *ret_results = folder;
            return 0;
        }
        free(folder);
    }
}

static int insert_run(struct state *state, const struct plan *plan, int64_t *ret_id, const char *results_root,
                      char **ret_results, struct err *err)
{
    const struct job *job = plan_job(plan);
    CLEANUP_FREE char *key = name_key(job->name);
    int64_t number = 0, base = 0;
    if (find_base(state, plan_tasks(plan), &base, err) || choose_number(state, job->name, results_root, &number, ret_results, err))
        return -1;
    CLEANUP_FREE char *run = mem_printf("%s-%lld", job->name, (long long)number);
    struct db_stmt *stmt = db_use(state->db, SQL_RUN_INSERT, err);
    if (!stmt)
        return -1;
    db_bind_str(stmt, 1, run);
    db_bind_str(stmt, 2, job->name);
    db_bind_str(stmt, 3, key);
    db_bind_i64(stmt, 4, number);
    db_bind_i64(stmt, 5, base);
    db_bind_i64(stmt, 6, plan_tasks(plan));
    db_bind_i64(stmt, 7, job->positional);
    db_bind_i64(stmt, 8, job->uses_seed);
    db_bind_str(stmt, 9, job->backend ? job->backend : "local");
    db_bind_i64(stmt, 10, clock_wall_us());
    if (db_run(state->db, stmt, err))
        return -1;
    *ret_id = db_last_id(state->db);
    return 0;
}

static int check_views(struct state *state, const char *name, struct err *err)
{
    CLEANUP_FREE char *key = name_key(name);
    CLEANUP_FREE char *view = state_view_name(name);
    CLEANUP_FREE char *all = mem_printf("%s_all", view);
    struct db_stmt *row = db_use(state->db, SQL_RUN_BY_KEY, err);
    if (!row)
        return -1;
    db_bind_text(row, 1, slice_str(key));
    int found = db_step(state->db, row, err);
    if (found > 0)
        db_reset(row);
    if (found < 0)
        return -1;
    return check_view(state, name, view, found, err) || check_view(state, name, all, found, err) ? -1 : 0;
}

static int create_run(struct state *state, const struct plan *plan, const char *sets_json, const char *results_root,
                      struct run_info *ret, struct run_lock **ret_lock, struct err *err)
{
    const struct job *job = plan_job(plan);
    CLEANUP_FREE char *results = NULL;
    int64_t id;
    if (check_views(state, job->name, err) || insert_run(state, plan, &id, results_root, &results, err) ||
        insert_job(state, plan, id, sets_json, results, err) || insert_args(state, plan, id, err) ||
        views_make(state, job->name, err))
        return -1;
    struct db_stmt *row = db_use(state->db, SQL_RUN_BY_ID, err);
    struct run_info run;
    if (!row)
        return -1;
    db_bind_i64(row, 1, id);
    if (db_step(state->db, row, err) <= 0 || run_load(state, row, &run, err))
        return -1;
    /* Before anybody can see the run, so that nobody takes it for one whose runner has died. */
    if (run_lock_take(state, &run, ret_lock, err)) {
        run_info_done(&run);
        return -1;
    }
    *ret = run;
    return 0;
}

int state_create_run(struct state *state, const struct plan *plan, const char *sets_json, const char *results_root,
                     struct run_info *ret, struct run_lock **ret_lock, struct err *err)
{
    struct run_info run;
    struct run_lock *lock;
    struct err ignored = ERR_INIT;
    if (state_enter_wal(state, err) || db_begin(state->db, err))
        return -1;
    if (create_run(state, plan, sets_json, results_root, &run, &lock, err)) {
        db_rollback(state->db);
        return -1;
    }
    if (db_commit(state->db, err)) {
        db_rollback(state->db);
        run_lock_release(lock);
        run_info_done(&run);
        return -1;
    }
    /* Now, so that the next run of any database finds it; if it cannot be made, the writer will say why. */
    (void)dir_make(run.results, &ignored);
    *ret = run;
    *ret_lock = lock;
    return 0;
}

/* ---- a runner's part ---- */

/* Runs a statement of which ?1 and ?2 are the run's range of rows. */
static int over_range(struct state *state, enum sql which, const struct run_info *run, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, which, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->base);
    db_bind_i64(stmt, 2, run->base + run->tasks);
    return db_run(state->db, stmt, err);
}

/* Ends a transaction as `result` says and reads the run's counts anew. */
static int finish(struct state *state, struct run_info *run, int result, struct err *err)
{
    if (result == 0)
        result = run_reload(state, run, err);
    if (result == 0)
        result = db_commit(state->db, err);
    if (result)
        db_rollback(state->db);
    return result ? -1 : 0;
}

static int check_move(struct state *state, struct run_info *run, enum run_state to, struct err *err)
{
    if (run_reload(state, run, err))
        return -1;
    if (run->state == to || run_state_may(run->state, to))
        return 0;
    return err_set(err, ERR_USAGE, "run %s is %s and cannot become %s", run->run, run_state_names[run->state],
                   run_state_names[to]);
}

static void replace(char **text, const char *with)
{
    free(*text);
    *text = mem_strdup(with ? with : "");
}

int state_keep_job(struct state *state, struct run_info *run, const struct plan *plan, const char *sets_json, struct err *err)
{
    const struct job *job = plan_job(plan);
    struct db_stmt *stmt = db_use(state->db, SQL_JOB_KEEP, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->id);
    db_bind_str(stmt, 2, job->source ? job->source : "");
    db_bind_str(stmt, 3, job->folder ? job->folder : "");
    db_bind_str(stmt, 4, sets_json);
    if (db_run(state->db, stmt, err))
        return -1;
    replace(&run->job_text, job->source);
    replace(&run->folder, job->folder);
    replace(&run->sets, sets_json);
    return 0;
}

static int start_run(struct state *state, struct run_info *run, const char *sets_json, const char *backend, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_RUN_START, err);
    if (!stmt || check_move(state, run, RUN_RUNNING, err))
        return -1;
    db_bind_i64(stmt, 1, run->id);
    if (backend)
        db_bind_str(stmt, 2, backend);
    else
        db_bind_null(stmt, 2);
    db_bind_i64(stmt, 3, clock_wall_us());
    if (db_run(state->db, stmt, err) || over_range(state, SQL_TASKS_UNSTART, run, err))
        return -1;
    if (!sets_json)
        return 0;
    stmt = db_use(state->db, SQL_JOB_SETS, err);
    if (!stmt)
        return -1;
    db_bind_i64(stmt, 1, run->id);
    db_bind_str(stmt, 2, sets_json);
    return db_run(state->db, stmt, err);
}

int state_start_run(struct state *state, struct run_info *run, const char *sets_json, const char *backend, struct err *err)
{
    if (state_enter_wal(state, err) || db_begin(state->db, err))
        return -1;
    if (finish(state, run, start_run(state, run, sets_json, backend, err), err))
        return -1;
    if (backend)
        replace(&run->backend, backend);
    if (sets_json)
        replace(&run->sets, sets_json);
    return 0;
}

static int finish_run(struct state *state, struct run_info *run, enum run_state final, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_RUN_FINISH, err);
    if (!stmt || check_move(state, run, final, err))
        return -1;
    int64_t now = clock_wall_us();
    db_bind_i64(stmt, 1, run->id);
    db_bind_str(stmt, 2, run_state_names[final]);
    db_bind_i64(stmt, 3, now);
    if (final == RUN_INTERRUPTED)
        db_bind_null(stmt, 4);
    else
        db_bind_i64(stmt, 4, now);
    return db_run(state->db, stmt, err) || over_range(state, SQL_TASKS_UNSTART, run, err) ? -1 : 0;
}

int state_finish_run(struct state *state, struct run_info *run, enum run_state final, struct err *err)
{
    if (db_begin(state->db, err))
        return -1;
    return finish(state, run, finish_run(state, run, final, err), err);
}

/* ---- putting back, cancelling, deleting ---- */

/* Writes state and counts of a run that nobody runs. */
static int write_counts(struct state *state, const struct run_info *run, enum task_state rest, struct err *err)
{
    struct db_stmt *stmt = db_use(state->db, SQL_RUN_BACK, err);
    if (!stmt)
        return -1;
    int64_t now = clock_wall_us();
    db_bind_i64(stmt, 1, run->id);
    db_bind_str(stmt, 2, run_state_names[run->state]);
    db_bind_i64(stmt, 3, run->done);
    db_bind_i64(stmt, 4, run->failed);
    db_bind_i64(stmt, 5, run->cancelled);
    db_bind_i64(stmt, 6, rest);
    db_bind_i64(stmt, 7, run->watermark);
    db_bind_i64(stmt, 8, now);
    if (run->state == RUN_INTERRUPTED)
        db_bind_null(stmt, 9);
    else
        db_bind_i64(stmt, 9, now);
    db_bind_i64(stmt, 10, run->results_length);
    return db_run(state->db, stmt, err);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* All failed and cancelled tasks, and the done ones with `done`. */
static int back_all(struct state *state, struct run_info *run, bool done, int64_t *ret, struct err *err)
{
    struct db_stmt *min = db_use(state->db, SQL_TASKS_MIN_ODD, err);
    struct db_stmt *spent = db_use(state->db, SQL_ATTEMPTS_VOID, err);
    if (!min || !spent)
        return -1;
    db_bind_i64(min, 1, run->base);
    db_bind_i64(min, 2, run->base + run->tasks);
    if (db_step(state->db, min, err) < 0)
        return -1;
    if (db_type(min, 0) != DB_NULL)
        run->watermark = least(run->watermark, db_i64(min, 0) - run->base);
    db_reset(min);
    db_bind_i64(spent, 1, run->base);
    db_bind_i64(spent, 2, run->base + run->tasks);
    db_bind_i64(spent, 3, done);
    if (db_run(state->db, spent, err) || over_range(state, SQL_TASKS_BACK_ODD, run, err))
        return -1;
    /* Tasks without a row are cancelled by the run alone. */
    *ret = run->failed + run->cancelled;
    if (run->cancelled)
        run->watermark = 0;
    run->failed = run->cancelled = 0;
    if (!done)
        return 0;
    if (over_range(state, SQL_ATTEMPTS_DONE, run, err) || over_range(state, SQL_CELLS_DELETE, run, err) ||
        over_range(state, SQL_TASKS_BACK_DONE, run, err))
        return -1;
    *ret += run->done;
    run->done = 0;
    run->watermark = 0;
    return 0;
}

/* One task; 1 if it was put back, 0 if its state does not ask for it. */
static int back_one(struct state *state, struct run_info *run, int64_t task, bool done, struct err *err)
{
    struct db_stmt *get = db_use(state->db, SQL_TASK_MAY_GO_BACK, err);
    if (!get)
        return -1;
    db_bind_i64(get, 1, run->base + task);
    db_bind_i64(get, 2, done);
    int found = db_step(state->db, get, err);
    if (found <= 0)
        return found;
    int64_t code = db_i64(get, 0);
    db_reset(get);
    bool is_done = code <= 0;
    static const enum sql steps[] = {SQL_ATTEMPT_DONE, SQL_CELL_DELETE, SQL_ATTEMPT_VOID, SQL_TASK_BACK};
    for (size_t i = is_done ? 0 : 2; i < ARRAY_LEN(steps); i++) {
        struct db_stmt *stmt = db_use(state->db, steps[i], err);
        if (!stmt)
            return -1;
        db_bind_i64(stmt, 1, run->base + task);
        if (db_run(state->db, stmt, err))
            return -1;
    }
    *(is_done ? &run->done : code == TASK_FAILED ? &run->failed : &run->cancelled) -= 1;
    run->watermark = least(run->watermark, task);
    return 1;
}

static int back_chosen(struct state *state, struct run_info *run, const struct taskset *chosen, bool done, int64_t *ret,
                       struct err *err)
{
    struct task_range range;
    *ret = 0;
    for (int64_t from = 0; taskset_next(chosen, from, &range); from = range.end)
        for (int64_t task = range.first; task < range.end; task++) {
            int moved = back_one(state, run, task, done, err);
            if (moved < 0)
                return -1;
            *ret += moved;
        }
    return 0;
}

/* The numbers of the tasks for which the condition holds. */
static int choose_tasks(struct state *state, const struct run_info *run, const char *where, struct taskset *ret, struct err *err)
{
    struct state_rows *rows;
    int row;
    if (state_rows_where(state, run, where, "task", &rows, err))
        return -1;
    while ((row = state_rows_next(rows, err)) > 0)
        taskset_add(ret, state_rows_int(rows, 0), state_rows_int(rows, 0) + 1);
    state_rows_close(rows);
    return row;
}

static int retry(struct state *state, struct run_info *run, const struct taskset *chosen, bool done, int64_t *ret,
                 struct err *err)
{
    enum task_state rest;
    if (run_reload(state, run, err) || run_rest(state, run, &rest, err))
        return -1;
    if (run->state == RUN_RUNNING)
        return err_set(err, ERR_BUSY, "run %s is running", run->run);
    if (chosen ? back_chosen(state, run, chosen, done, ret, err) : back_all(state, run, done, ret, err))
        return -1;
    if (*ret == 0)
        return 0;
    run->state = RUN_INTERRUPTED;
    if (done)
        run->results_length = 0; /* lines of tasks that are put back: results.jsonl is written anew */
    return write_counts(state, run, chosen ? rest : TASK_QUEUED, err);
}

int state_retry(struct state *state, struct run_info *run, const char *where, bool done, int64_t *ret_tasks, struct err *err)
{
    const struct run_info before = *run;
    struct taskset chosen = {0};
    int64_t tasks = 0;
    int result = where ? choose_tasks(state, run, where, &chosen, err) : 0;
    if (result == 0 && (result = db_begin(state->db, err)) == 0)
        result = finish(state, run, retry(state, run, where ? &chosen : NULL, done, &tasks, err), err);
    taskset_done(&chosen);
    if (result)
        *run = before; /* only counts have changed, which the rollback has undone */
    else
        *ret_tasks = tasks;
    return result;
}

static int cancel(struct state *state, struct run_info *run, struct err *err)
{
    if (check_move(state, run, RUN_CANCELLED, err) || over_range(state, SQL_TASKS_CANCEL, run, err))
        return -1;
    run->cancelled = run->tasks - run->done - run->failed;
    run->state = RUN_CANCELLED;
    return write_counts(state, run, TASK_CANCELLED, err);
}

int state_cancel(struct state *state, struct run_info *run, struct err *err)
{
    const struct run_info before = *run;
    if (db_begin(state->db, err))
        return -1;
    if (finish(state, run, cancel(state, run, err), err) == 0)
        return 0;
    *run = before;
    return -1;
}

static int delete_values(struct state *state, const struct run_info *run, struct err *err)
{
    struct db_stmt *args = db_use(state->db, SQL_ARGS_GET, err);
    struct db_stmt *values = db_use(state->db, SQL_VALUES_DELETE, err);
    int found = -1;
    if (!args || !values)
        return -1;
    db_bind_i64(args, 1, run->id);
    while ((found = db_step(state->db, args, err)) > 0) {
        if (db_i64(args, 1) != PLAN_LISTED)
            continue;
        db_bind_i64(values, 1, db_i64(args, 2));
        db_bind_i64(values, 2, db_i64(args, 2) + db_i64(args, 6));
        if (db_run(state->db, values, err)) {
            db_reset(args);
            return -1;
        }
    }
    return found;
}

static int delete_run(struct state *state, const struct run_info *run, struct err *err)
{
    static const enum sql ranges[] = {SQL_TASKS_DELETE, SQL_ATTEMPTS_DELETE, SQL_OUTPUTS_DELETE, SQL_SEEDS_DELETE,
                                      SQL_CELLS_DELETE};
    static const enum sql by_id[] = {SQL_ARGS_DELETE, SQL_COLUMNS_DELETE, SQL_WORKERS_DELETE, SQL_JOB_DELETE, SQL_RUN_DELETE};
    if (delete_values(state, run, err))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (over_range(state, ranges[i], run, err))
            return -1;
    for (size_t i = 0; i < ARRAY_LEN(by_id); i++) {
        struct db_stmt *stmt = db_use(state->db, by_id[i], err);
        if (!stmt)
            return -1;
        db_bind_i64(stmt, 1, run->id);
        if (db_run(state->db, stmt, err))
            return -1;
    }
    return views_make(state, run->name, err);
}

int state_delete(struct state *state, struct run_info *run, struct err *err)
{
    if (db_begin(state->db, err))
        return -1;
    if (delete_run(state, run, err) || db_commit(state->db, err)) {
        db_rollback(state->db);
        return -1;
    }
    return 0;
}
