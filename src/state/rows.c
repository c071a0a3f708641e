/* Rows for the commands: SQL of ours over the views, and conditions of the user's over one run's view.
 *
 * A condition runs on a connection of its own that can only read. Before the guard is set, a temporary view of the run's
 * name is made there, so that the condition (and a subquery in it) sees that very run, whether or not it is the newest.
 */
#include "state/inside.h"

#include <strings.h>

#include "base/mem.h"

struct state_rows {
    struct db *db;   /* the state's, or `own` */
    struct db *own;
    struct db_stmt *stmt;
    char *where;     /* the user's condition, or NULL */
    const struct state *state;
};

int state_rows_open(struct state *state, const char *sql, const char *const *params, int n_params, struct state_rows **ret,
                    struct err *err)
{
    struct db_stmt *stmt;
    if (db_prepare(state->db, sql, &stmt, err))
        return -1;
    for (int i = 0; i < n_params; i++)
        db_bind_str(stmt, i + 1, params[i]);
    struct state_rows *rows = MEM_NEW(struct state_rows);
    *rows = (struct state_rows){.db = state->db, .stmt = stmt, .state = state};
    *ret = rows;
    return 0;
}

/* Views may be read by anybody, tables only by views. SQLite's own tables say nothing about runs. */
static bool may_read(const char *table, const char *view)
{
    if (strncasecmp(table, "sqlite_", 7) == 0)
        return false;
    return strncasecmp(table, "ktb_", 4) != 0 || view;
}

static int make_run_view(struct state *state, struct db *own, const struct run_info *run, struct err *err)
{
    CLEANUP_BUF struct buf sql = {0};
    CLEANUP_FREE char *view = state_view_name(run->name);
    buf_printf(&sql, "CREATE TEMP VIEW \"%s\" AS ", view);
    if (views_select(state, run->id, run->base, run->tasks, &sql, err))
        return -1;
    return db_exec(own, buf_cstr(&sql), err);
}

static int prepare_where(struct db *own, const struct run_info *run, const char *where, const char *order_by,
                         struct db_stmt **ret, struct err *err)
{
    CLEANUP_FREE char *view = state_view_name(run->name);
    CLEANUP_FREE char *sql = mem_printf("SELECT * FROM \"%s\" WHERE (\n%s\n)%s%s", view, where, order_by ? " ORDER BY " : "",
                                        order_by ? order_by : "");
    const char *problem = condition_problem(where);
    if (problem)
        return err_set(err, ERR_USAGE, "--where %s: %s", where, problem);
    if (db_prepare(own, sql, ret, err))
        return err_prefix(err, "--where %s", where);
    return 0;
}

int state_rows_where(struct state *state, const struct run_info *run, const char *where, const char *order_by,
                     struct state_rows **ret, struct err *err)
{
    struct db *own;
    struct db_stmt *stmt;
    if (db_open(state->path, state->immutable ? DB_IMMUTABLE : DB_READ, &own, err))
        return -1;
    db_busy_timeout(own, STATE_BUSY_MS);
    if (db_exec(own, "PRAGMA temp_store = MEMORY", err) || make_run_view(state, own, run, err)) {
        db_close(own);
        return -1;
    }
    db_guard(own, may_read);
    if (prepare_where(own, run, where, order_by, &stmt, err)) {
        db_close(own);
        return -1;
    }
    struct state_rows *rows = MEM_NEW(struct state_rows);
    *rows = (struct state_rows){.db = own, .own = own, .stmt = stmt, .where = mem_strdup(where), .state = state};
    *ret = rows;
    return 0;
}

int state_rows_next(struct state_rows *rows, struct err *err)
{
    if (!rows->where)
        return db_step(rows->db, rows->stmt, err);
    int row = db_step_asked(rows->db, rows->stmt, err);
    if (row < 0 && err->class == ERR_USAGE)
        err_prefix(err, "--where %s", rows->where);
    return row;
}

void state_rows_close(struct state_rows *rows)
{
    if (!rows)
        return;
    db_stmt_free(rows->stmt);
    db_close(rows->own);
    free(rows->where);
    free(rows);
}

int state_rows_columns(const struct state_rows *rows)
{
    return db_columns(rows->stmt);
}

const char *state_rows_name(const struct state_rows *rows, int column)
{
    return db_name(rows->stmt, column);
}

enum cell_type state_rows_type(const struct state_rows *rows, int column)
{
    switch (db_type(rows->stmt, column)) {
    case DB_NULL:
        return CELL_NULL;
    case DB_INT:
        return CELL_INT;
    case DB_REAL:
        return CELL_REAL;
    case DB_TEXT:
    case DB_BLOB:
        return CELL_TEXT;
    }
    return CELL_NULL;
}

int64_t state_rows_int(const struct state_rows *rows, int column)
{
    return db_i64(rows->stmt, column);
}

double state_rows_real(const struct state_rows *rows, int column)
{
    return db_real(rows->stmt, column);
}

struct slice state_rows_text(const struct state_rows *rows, int column)
{
    return db_slice(rows->stmt, column);
}
