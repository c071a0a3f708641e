/* The views of a run name: their SQL, put together from what the database knows about its runs.
 *
 * NAME shows the newest run. Its arguments are expressions with every constant of the run written out, because reading a
 * million rows then costs no lookup. NAME_all shows all runs, which may differ in their arguments; there each value
 * is looked up by the column's name, NULL where a run has none of that name.
 */
#include "state/inside.h"

#include <stdio.h>
#include <strings.h>

#include "base/mem.h"

#define STATE_EXPRESSION                                                                                        \
    "CASE coalesce(t.state, 0) WHEN 1 THEN 'queued' WHEN 2 THEN 'running' WHEN 3 THEN 'failed' "               \
    "WHEN 4 THEN 'cancelled' ELSE 'done' END AS state, "
#define TAIL_COLUMNS                                                                                            \
    STATE_EXPRESSION "t.result AS result, "                                                                    \
    "CASE WHEN t.state = 3 THEN (SELECT a.message FROM ktb_attempts a WHERE a.id = t.id "                      \
    "ORDER BY a.attempt DESC LIMIT 1) END AS error, "                                                          \
    "(SELECT count(*) FROM ktb_attempts a WHERE a.id = t.id) + (coalesce(t.state, 0) IN (-1, 0, 2)) AS attempts, " \
    "t.us / 1e6 AS seconds"
#define SEED_COLUMN "(SELECT s.seed FROM ktb_seeds s WHERE s.id = t.id) AS seed, "

static void add_name(struct buf *out, const char *name)
{
    buf_add_char(out, '"');
    for (; *name; name++) {
        if (*name == '"')
            buf_add_char(out, '"');
        buf_add_char(out, *name);
    }
    buf_add_char(out, '"');
}

static void add_text(struct buf *out, const char *text)
{
    buf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_char(out, '\'');
        buf_add_char(out, *text);
    }
    buf_add_char(out, '\'');
}

/* One row of SQL_ARGS_GET. */
struct view_arg {
    int64_t form, first, step, scale, unit, count, stride;
};

/* first + step * k, without what does nothing. SQLite's integers are 64 bits, and so are ours. */
static void add_number(struct buf *out, const struct view_arg *arg, int64_t base, int64_t tasks)
{
    if (arg->count == 1) {
        buf_printf(out, "%lld", (long long)arg->first);
        return;
    }
    if (arg->first)
        buf_printf(out, "%lld + ", (long long)arg->first);
    if (base)
        buf_printf(out, "(t.id - %lld)", (long long)base);
    else
        buf_add_str(out, "t.id");
    if (arg->stride > 1)
        buf_printf(out, " / %lld", (long long)arg->stride);
    if (arg->stride <= tasks / arg->count && arg->stride * arg->count != tasks)
        buf_printf(out, " %% %lld", (long long)arg->count);
    if (arg->step != 1)
        buf_printf(out, " * %s%lld%s", arg->step < 0 ? "(" : "", (long long)arg->step, arg->step < 0 ? ")" : "");
}

static void add_arg(struct buf *out, const struct view_arg *arg, int64_t base, int64_t tasks)
{
    if (arg->form == PLAN_LISTED) {
        buf_add_str(out, "(SELECT v.value FROM ktb_values v WHERE v.id = ");
        add_number(out, arg, base, tasks);
        buf_add_char(out, ')');
    } else if (arg->scale) {
        buf_add_char(out, '(');
        add_number(out, arg, base, tasks);
        buf_printf(out, ") / %lld.0", (long long)arg->unit);
    } else {
        add_number(out, arg, base, tasks);
    }
}

static int add_args(struct state *state, int64_t run_id, int64_t base, int64_t tasks, struct buf *out, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_ARGS_GET, err);
    if (!row)
        return -1;
    db_bind_i64(row, 1, run_id);
    int found;
    while ((found = db_step(state->db, row, err)) > 0) {
        struct view_arg arg = {db_i64(row, 1), db_i64(row, 2), db_i64(row, 3), db_i64(row, 4),
                               db_i64(row, 5), db_i64(row, 6), db_i64(row, 7)};
        CLEANUP_FREE char *column = db_strdup(row, 0);
        add_arg(out, &arg, base, tasks);
        buf_add_str(out, " AS ");
        add_name(out, column);
        buf_add_str(out, ", ");
    }
    return found;
}

static int add_columns(struct state *state, int64_t run_id, struct buf *out, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_COLUMNS_GET, err);
    if (!row)
        return -1;
    db_bind_i64(row, 1, run_id);
    int found;
    for (int i = 0; (found = db_step(state->db, row, err)) > 0; i++) {
        CLEANUP_FREE char *column = db_strdup(row, 0);
        buf_printf(out, "(SELECT c.value FROM ktb_cells c WHERE c.id = t.id AND c.position = %d) AS ", i);
        add_name(out, column);
        buf_add_str(out, ", ");
    }
    return found;
}

int views_select(struct state *state, int64_t run_id, int64_t base, int64_t tasks, struct buf *out, struct err *err)
{
    int64_t seeded;
    CLEANUP_FREE char *query = mem_printf("SELECT seeded FROM ktb_runs WHERE id = %lld", (long long)run_id);
    if (db_get_i64(state->db, query, &seeded, err))
        return -1;
    if (base)
        buf_printf(out, "SELECT t.id - %lld AS task, ", (long long)base);
    else
        buf_add_str(out, "SELECT t.id AS task, ");
    if (add_args(state, run_id, base, tasks, out, err))
        return -1;
    if (seeded)
        buf_add_str(out, SEED_COLUMN);
    if (add_columns(state, run_id, out, err))
        return -1;
    buf_printf(out, TAIL_COLUMNS " FROM ktb_tasks t WHERE t.id >= %lld AND t.id < %lld", (long long)base,
               (long long)(base + tasks));
    return 0;
}

/* ---- NAME_all ---- */

/* Columns of all runs of a name, each once whatever its case. */
struct column_set {
    struct {
        char *name;
        bool is_arg, is_column;
    } *list;
    int n, cap;
};

static void column_set_done(struct column_set *set)
{
    for (int i = 0; i < set->n; i++)
        free(set->list[i].name);
    free(set->list);
}

static int collect(struct state *state, enum sql which, const char *key, bool is_arg, struct column_set *set, struct err *err)
{
    struct db_stmt *row = db_use(state->db, which, err);
    if (!row)
        return -1;
    db_bind_text(row, 1, slice_str(key));
    int found;
    while ((found = db_step(state->db, row, err)) > 0) {
        char *name = db_strdup(row, 0);
        int at = 0;
        while (at < set->n && strcasecmp(set->list[at].name, name))
            at++;
        if (at == set->n) {
            MEM_GROW(set->list, set->n, set->cap);
            set->list[set->n++].name = name;
            set->list[at].is_arg = set->list[at].is_column = false;
        } else {
            free(name);
        }
        set->list[at].is_arg |= is_arg;
        set->list[at].is_column |= !is_arg;
    }
    return found;
}

static void add_any_arg(struct buf *out, const char *column)
{
    buf_add_str(out, "(SELECT CASE WHEN v.form = 1 THEN (SELECT l.value FROM ktb_values l WHERE l.id = v.n) "
                     "WHEN v.scale = 0 THEN v.n ELSE v.n / CAST(v.unit AS REAL) END FROM "
                     "(SELECT a.form, a.scale, a.unit, a.first + a.step * ((t.id - r.base) / a.stride % a.count) AS n "
                     "FROM ktb_args a WHERE a.run_id = r.id AND a.column_name = ");
    add_text(out, column);
    buf_add_str(out, " COLLATE NOCASE) v)");
}

static void add_any_column(struct buf *out, const char *column)
{
    buf_add_str(out, "(SELECT c.value FROM ktb_columns n JOIN ktb_cells c ON c.id = t.id AND c.position = n.position "
                     "WHERE n.run_id = r.id AND n.column_name = ");
    add_text(out, column);
    buf_add_str(out, " COLLATE NOCASE)");
}

static int add_all(struct state *state, const char *key, struct buf *out, struct err *err)
{
    struct column_set set = {0};
    int64_t seeded = 0;
    CLEANUP_FREE char *query = mem_printf("SELECT max(seeded) FROM ktb_runs WHERE name_key = '%s'", key);
    int result = -1;
    if (db_get_i64(state->db, query, &seeded, err) || collect(state, SQL_ARGS_BY_KEY, key, true, &set, err) ||
        collect(state, SQL_COLUMNS_BY_KEY, key, false, &set, err))
        goto out;
    buf_add_str(out, "SELECT r.run AS run, t.id - r.base AS task, ");
    for (int i = 0; i < set.n; i++) {
        const char *name = set.list[i].name;
        bool both = set.list[i].is_arg && set.list[i].is_column;
        buf_add_str(out, both ? "coalesce(" : "");
        if (set.list[i].is_arg)
            add_any_arg(out, name);
        buf_add_str(out, both ? ", " : "");
        if (set.list[i].is_column)
            add_any_column(out, name);
        buf_add_str(out, both ? ") AS " : " AS ");
        add_name(out, name);
        buf_add_str(out, ", ");
    }
    if (seeded)
        buf_add_str(out, SEED_COLUMN);
    buf_printf(out, TAIL_COLUMNS " FROM ktb_runs r CROSS JOIN ktb_tasks t WHERE r.name_key = '%s' AND t.id >= r.base "
                    "AND t.id < r.base + r.tasks", key);
    result = 0;
out:
    column_set_done(&set);
    return result;
}

/* ---- making them ---- */

static int drop(struct state *state, const char *view, struct err *err)
{
    CLEANUP_BUF struct buf sql = {0};
    buf_add_str(&sql, "DROP VIEW IF EXISTS ");
    add_name(&sql, view);
    return db_exec(state->db, buf_cstr(&sql), err);
}

static void add_create(struct buf *sql, const char *view)
{
    buf_add_str(sql, "CREATE VIEW ");
    add_name(sql, view);
    buf_add_str(sql, " AS ");
}

int views_make(struct state *state, const char *name, struct err *err)
{
    CLEANUP_FREE char *key = name_key(name);
    CLEANUP_FREE char *view = state_view_name(name);
    CLEANUP_FREE char *all = mem_printf("%s_all", view);
    CLEANUP_BUF struct buf sql = {0};
    if (drop(state, view, err) || drop(state, all, err))
        return -1;
    struct db_stmt *row = db_use(state->db, SQL_RUN_BY_KEY, err);
    if (!row)
        return -1;
    db_bind_text(row, 1, slice_str(key));
    int found = db_step(state->db, row, err);
    if (found <= 0)
        return found;
    int64_t id = db_i64(row, 0), base = db_i64(row, 4), tasks = db_i64(row, 5);
    db_reset(row);
    add_create(&sql, view);
    if (views_select(state, id, base, tasks, &sql, err) || db_exec(state->db, buf_cstr(&sql), err))
        return -1;
    buf_clear(&sql);
    add_create(&sql, all);
    return add_all(state, key, &sql, err) || db_exec(state->db, buf_cstr(&sql), err) ? -1 : 0;
}
