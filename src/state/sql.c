/* See sql.h. */
#include "state/sql.h"

#include <pthread.h>
#include <stddef.h>

#include "base/buf.h"
#include "state/run_state.h"

#define RUN_COLUMNS                                                                                         \
    "SELECT id, run, name, state, base, tasks, running, done, failed, cancelled, watermark, started, "     \
    "results_length, backend, rest FROM ktb_runs "

/* Which tasks may move is decided here, on the row itself and for many rows at once: an open one (queued, running) is started,
 * ended or cancelled; an odd one (failed, cancelled) and a done one is put back. Of the two conditions on odd ones the first
 * is that of the index. */
#define OPEN "state IN (1, 2)"
#define ODD "state >= 2 AND state IN (3, 4)"
#define DONE "coalesce(state, 0) <= 0"
_Static_assert(TASK_DONE == 0 && TASK_QUEUED == 1 && TASK_RUNNING == 2 && TASK_FAILED == 3 && TASK_CANCELLED == 4,
               "the numbers in the statements are those of enum task_state");
#define TASKS_BACK "UPDATE ktb_tasks SET state = 1, result = NULL, started = NULL, us = NULL, worker = NULL WHERE "
#define RANGE " AND id >= ?1 AND id < ?2"

/* What an attempt's end makes of the task's row: there may be one that says queued or running. A row that is settled is
 * not touched, and the caller sees it by the number of changes. */
#define TASK_INSERT "INSERT INTO ktb_tasks(id, state, result, started, us, worker) VALUES "
#define TASK_UPSERT                                                                                         \
    " ON CONFLICT(id) DO UPDATE SET state = excluded.state, result = excluded.result, "                    \
    "started = excluded.started, us = excluded.us, worker = excluded.worker WHERE " OPEN
#define VALUE_INSERT "INSERT INTO ktb_values(id, value, json) VALUES "

static const char *const texts[SQL_COUNT] = {
    [SQL_RUN_BY_ID] = RUN_COLUMNS "WHERE id = ?1",
    [SQL_RUN_BY_RUN] = RUN_COLUMNS "WHERE name_key = ?1 AND number = ?2",
    [SQL_RUN_BY_KEY] = RUN_COLUMNS "WHERE name_key = ?1 ORDER BY number DESC LIMIT 1",
    [SQL_RUN_NEWEST] = RUN_COLUMNS "ORDER BY id DESC LIMIT 1",
    [SQL_RUN_INTERRUPTED] = RUN_COLUMNS "WHERE state = 'interrupted' ORDER BY id DESC",
    [SQL_RUN_LIST] = "SELECT run, name FROM ktb_runs ORDER BY id DESC LIMIT 1000",
    [SQL_RUNS_RUNNING] = "SELECT id FROM ktb_runs WHERE state = 'running'",
    [SQL_RUNS_BY_BASE] = "SELECT base, tasks FROM ktb_runs ORDER BY base",
    [SQL_RUN_INSERT] = "INSERT INTO ktb_runs(run, name, name_key, number, base, tasks, positional, seeded, state, "
                       "backend, started, resumed, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'running', ?9, "
                       "?10, ?10, ?10)",
    [SQL_RUN_START] = "UPDATE ktb_runs SET state = 'running', backend = coalesce(?2, backend), running = 0, "
                      "resumed = ?3, updated = ?3, finished = NULL WHERE id = ?1",
    [SQL_RUN_FINISH] = "UPDATE ktb_runs SET state = ?2, running = 0, updated = ?3, finished = ?4, "
                       "spent = spent + max(?3 - resumed, 0) WHERE id = ?1",
    [SQL_RUN_MARK] = "UPDATE ktb_runs SET state = 'interrupted', running = 0, spent = spent + max(updated - resumed, 0) "
                     "WHERE id = ?1",
    [SQL_RUN_COUNTS] = "UPDATE ktb_runs SET done = done + ?2, failed = failed + ?3, running = ?4, "
                       "watermark = CASE WHEN ?5 < 0 THEN watermark ELSE ?5 END, results_length = ?6, updated = ?7 "
                       "WHERE id = ?1 AND state = 'running'",
    [SQL_RUN_BACK] = "UPDATE ktb_runs SET state = ?2, done = ?3, failed = ?4, cancelled = ?5, running = 0, rest = ?6, "
                     "watermark = ?7, updated = ?8, finished = ?9, results_length = ?10, "
                     "spent = spent + CASE state WHEN 'running' THEN max(?8 - resumed, 0) ELSE 0 END WHERE id = ?1",
    [SQL_RUN_DELETE] = "DELETE FROM ktb_runs WHERE id = ?1",
    [SQL_JOB_GET] = "SELECT job, sets, folder, identity, digest, results FROM ktb_jobs WHERE run_id = ?1",
    [SQL_JOB_INSERT] = "INSERT INTO ktb_jobs(run_id, job, sets, folder, identity, digest, results) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_JOB_KEEP] = "UPDATE ktb_jobs SET job = ?2, folder = ?3, sets = ?4 WHERE run_id = ?1",
    [SQL_JOB_SETS] = "UPDATE ktb_jobs SET sets = ?2 WHERE run_id = ?1",
    [SQL_JOB_DELETE] = "DELETE FROM ktb_jobs WHERE run_id = ?1",
    [SQL_NAME_NEXT] = "INSERT INTO ktb_names(name_key, last) VALUES (?1, 1) "
                      "ON CONFLICT(name_key) DO UPDATE SET last = last + 1",
    [SQL_NAME_LAST] = "SELECT last FROM ktb_names WHERE name_key = ?1",
    [SQL_ARG_INSERT] = "INSERT INTO ktb_args(run_id, position, label, column_name, form, first, step, scale, unit, count, "
                       "stride) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_ARGS_GET] = "SELECT column_name, form, first, step, scale, unit, count, stride FROM ktb_args WHERE run_id = ?1 "
                     "ORDER BY position",
    [SQL_ARGS_BY_KEY] = "SELECT a.column_name FROM ktb_runs r JOIN ktb_args a ON a.run_id = r.id WHERE r.name_key = ?1 "
                        "ORDER BY r.number DESC, a.position",
    [SQL_ARGS_DELETE] = "DELETE FROM ktb_args WHERE run_id = ?1",
    [SQL_VALUES_END] = "SELECT coalesce(max(id) + 1, 0) FROM ktb_values",
    [SQL_VALUE_INSERT] = VALUE_INSERT "(?1, ?2, ?3)",
    [SQL_VALUES_GET] = "SELECT value, json FROM ktb_values WHERE id >= ?1 AND id < ?2 ORDER BY id",
    [SQL_VALUES_DELETE] = "DELETE FROM ktb_values WHERE id >= ?1 AND id < ?2",
    [SQL_COLUMN_INSERT] = "INSERT INTO ktb_columns(run_id, position, column_name) VALUES (?1, ?2, ?3)",
    [SQL_COLUMNS_GET] = "SELECT column_name FROM ktb_columns WHERE run_id = ?1 ORDER BY position",
    [SQL_COLUMNS_BY_KEY] = "SELECT c.column_name FROM ktb_runs r JOIN ktb_columns c ON c.run_id = r.id "
                           "WHERE r.name_key = ?1 ORDER BY r.number DESC, c.position",
    [SQL_COLUMNS_DELETE] = "DELETE FROM ktb_columns WHERE run_id = ?1",
    [SQL_OBJECT_FIND] = "SELECT type FROM sqlite_master WHERE name = ?1 COLLATE NOCASE",
    [SQL_TASK_END] = TASK_INSERT "(?1, ?2, ?3, ?4, ?5, ?6)" TASK_UPSERT,
    [SQL_TASK_START] = TASK_INSERT "(?1, 2, NULL, ?2, NULL, ?3)"
                       " ON CONFLICT(id) DO UPDATE SET state = 2, started = excluded.started, us = NULL, "
                       "worker = excluded.worker WHERE " OPEN,
    [SQL_TASKS_FILL] = "INSERT OR IGNORE INTO ktb_tasks(id, state) WITH RECURSIVE n(id) AS (SELECT ?1 UNION ALL "
                       "SELECT id + 1 FROM n WHERE id + 1 < ?2) SELECT n.id, r.rest FROM n, ktb_runs r WHERE r.id = ?3",
    [SQL_TASKS_SCAN] = "SELECT id, " OPEN " FROM ktb_tasks WHERE id >= ?1 AND id < ?2 ORDER BY id",
    [SQL_TASKS_DONE] = "SELECT id, state, result FROM ktb_tasks WHERE " DONE RANGE " ORDER BY id",
    [SQL_TASKS_FAILED] = "SELECT t.id, a.class, a.message FROM ktb_tasks t LEFT JOIN ktb_attempts a ON a.id = t.id AND "
                         "a.attempt = (SELECT max(b.attempt) FROM ktb_attempts b WHERE b.id = t.id) "
                         "WHERE t.state >= 2 AND t.state = 3 AND t.id >= ?1 AND t.id < ?2 ORDER BY t.id",
    [SQL_TASKS_UNSTART] = "UPDATE ktb_tasks SET state = 1, started = NULL, us = NULL, worker = NULL "
                          "WHERE state >= 2 AND state = 2" RANGE,
    [SQL_TASKS_CANCEL] = "UPDATE ktb_tasks SET state = 4, started = NULL, us = NULL, worker = NULL "
                         "WHERE " OPEN RANGE,
    [SQL_TASKS_BACK_ODD] = TASKS_BACK ODD RANGE,
    [SQL_TASKS_BACK_DONE] = TASKS_BACK DONE RANGE,
    [SQL_TASKS_MIN_ODD] = "SELECT min(id) FROM ktb_tasks WHERE " ODD RANGE,
    [SQL_TASK_MAY_GO_BACK] = "SELECT coalesce(state, 0) FROM ktb_tasks WHERE id = ?1 AND (" ODD " OR ?2 AND " DONE ")",
    [SQL_TASK_BACK] = TASKS_BACK "id = ?1",
    [SQL_TASKS_DELETE] = "DELETE FROM ktb_tasks WHERE id >= ?1 AND id < ?2",
    [SQL_ATTEMPT_INSERT] = "INSERT INTO ktb_attempts(id, attempt, worker, started, us, class, status, message, pattern) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    /* A success that is put back keeps its attempt. */
    [SQL_ATTEMPT_DONE] = "INSERT INTO ktb_attempts(id, attempt, worker, started, us, void) SELECT id, 1 + (SELECT count(*) "
                         "FROM ktb_attempts a WHERE a.id = t.id), worker, started, us, 1 FROM ktb_tasks t WHERE id = ?1",
    [SQL_ATTEMPTS_DONE] = "INSERT INTO ktb_attempts(id, attempt, worker, started, us, void) SELECT id, 1 + (SELECT count(*) "
                          "FROM ktb_attempts a WHERE a.id = t.id), worker, started, us, 1 FROM ktb_tasks t "
                          "WHERE " DONE RANGE,
    [SQL_ATTEMPT_VOID] = "UPDATE ktb_attempts SET void = 1 WHERE id = ?1",
    [SQL_ATTEMPTS_VOID] = "UPDATE ktb_attempts SET void = 1 WHERE id >= ?1 AND id < ?2 AND "
                          "(?3 OR EXISTS (SELECT 1 FROM ktb_tasks t WHERE t.id = ktb_attempts.id AND " ODD "))",
    [SQL_ATTEMPTS_SCAN] = "SELECT id, attempt, class, void FROM ktb_attempts WHERE id >= ?1 AND id < ?2 "
                          "ORDER BY id, attempt",
    [SQL_ATTEMPT_LAST] = "SELECT (SELECT count(*) FROM ktb_attempts WHERE id = ?1) + (SELECT count(*) FROM ktb_tasks "
                         "WHERE id = ?1 AND " DONE ")",
    [SQL_ATTEMPTS_DELETE] = "DELETE FROM ktb_attempts WHERE id >= ?1 AND id < ?2",
    [SQL_PATTERN_FIND] = "SELECT id FROM ktb_patterns WHERE pattern = ?1",
    [SQL_PATTERN_INSERT] = "INSERT INTO ktb_patterns(pattern) VALUES (?1)",
    [SQL_OUTPUT_INSERT] = "INSERT INTO ktb_outputs(id, attempt, stdout, stderr, stdout_bytes, stderr_bytes) "
                          "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_OUTPUT_GET] = "SELECT stdout, stderr FROM ktb_outputs WHERE id = ?1 AND attempt = ?2",
    [SQL_RESULT_GET] = "SELECT result FROM ktb_tasks WHERE id = ?1 AND coalesce(state, 0) <= 0 "
                       "AND ?2 = (SELECT count(*) FROM ktb_attempts WHERE id = ?1) + 1",
    [SQL_OUTPUTS_DELETE] = "DELETE FROM ktb_outputs WHERE id >= ?1 AND id < ?2",
    [SQL_WORKERS_GET] = "SELECT number, name FROM ktb_workers WHERE run_id = ?1 ORDER BY number",
    [SQL_WORKER_INSERT] = "INSERT OR IGNORE INTO ktb_workers(run_id, number, name) VALUES (?1, ?2, ?3)",
    [SQL_WORKERS_DELETE] = "DELETE FROM ktb_workers WHERE run_id = ?1",
    [SQL_SEED_INSERT] = "INSERT OR REPLACE INTO ktb_seeds(id, seed) VALUES (?1, ?2)",
    [SQL_SEEDS_DELETE] = "DELETE FROM ktb_seeds WHERE id >= ?1 AND id < ?2",
    [SQL_CELL_INSERT] = "INSERT OR REPLACE INTO ktb_cells(id, position, value) VALUES (?1, ?2, ?3)",
    [SQL_CELL_DELETE] = "DELETE FROM ktb_cells WHERE id = ?1",
    [SQL_CELLS_DELETE] = "DELETE FROM ktb_cells WHERE id >= ?1 AND id < ?2",
};

static char *tasks_end, *values_insert;

static char *many_rows(const char *head, const char *row, const char *tail)
{
    struct buf b = {0};
    buf_add_str(&b, head);
    for (int i = 0; i < SQL_ROWS; i++) {
        if (i)
            buf_add_char(&b, ',');
        buf_add_str(&b, row);
    }
    buf_add_str(&b, tail);
    return buf_steal(&b);
}

static void make_many(void)
{
    tasks_end = many_rows(TASK_INSERT, "(?,?,?,?,?,?)", TASK_UPSERT);
    values_insert = many_rows(VALUE_INSERT, "(?,?,?)", "");
}

const char *sql_text(enum sql which)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (which != SQL_TASKS_END && which != SQL_VALUES_INSERT)
        return texts[which];
    pthread_once(&once, make_many);
    return which == SQL_TASKS_END ? tasks_end : values_insert;
}
