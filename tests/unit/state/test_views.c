/* The views, by the program and by the sqlite3 shell; conditions, and what they may not do. */
#include "unit/state/fixture.h"

#include <stdlib.h>

#include "base/mem.h"

/* A run of the YAML with all its tasks done. */
static struct run_info done_run(struct state *state, const char *name, const char *yaml)
{
    struct run_lock *lock;
    struct run_info run = make_run(state, name, yaml, &lock);
    for (int64_t task = 0; task < run.tasks; task++)
        commit_end(state, &run, good_end(&run, task, "1"));
    run_lock_release(lock);
    return run;
}

/* Every task's arguments in `tasks` are spelled as the plan spells them. */
static void check_args(const char *yaml, const char *columns, const char *expected)
{
    struct state *state = open_state(STATE_CREATE);
    struct made made = make_plan("sweep", yaml);
    struct run_info run = done_run(state, "sweep", yaml);
    struct buf want = {0};
    for (int64_t task = 0; task < run.tasks; task++) {
        plan_args_json(made.plan, task, &want);
        buf_add_char(&want, '\n');
    }
    char *sql = mem_printf("SELECT args FROM tasks WHERE run = '%s' ORDER BY task", run.run);
    assert_query(state, sql, buf_cstr(&want));
    free(sql);
    sql = mem_printf("SELECT %s FROM sweep ORDER BY task", columns);
    assert_query(state, sql, expected);
    free(sql);
    /* Looked up by name it is the same. */
    sql = mem_printf("SELECT %s FROM sweep_all WHERE run = '%s' ORDER BY task", columns, run.run);
    assert_query(state, sql, expected);
    free(sql);
    assert_query(state, "SELECT count(*) FROM sweep_all WHERE state <> 'done'", "0\n");
    buf_done(&want);
    unmake_plan(&made);
    run_info_done(&run);
    state_close(state);
}

#define COMMAND "task: {command: [echo, '${x}', '${y}']}\n"

static void test_args(void **ctx)
{
    (void)ctx;
    check_args(COMMAND "args: {x: {range: [1, 2]}, y: {range: [5, -5, -5]}}\n", "x, y", "1|5\n1|0\n1|-5\n2|5\n2|0\n2|-5\n");
    check_args(COMMAND "args: {x: {range: [-0.2, 0.2, 0.1]}, y: [a, 3.10]}\n", "x, y, typeof(x)",
               "-0.2|a|real\n-0.2|3.1|real\n-0.1|a|real\n-0.1|3.1|real\n0.0|a|real\n0.0|3.1|real\n"
               "0.1|a|real\n0.1|3.1|real\n0.2|a|real\n0.2|3.1|real\n");
    check_args(COMMAND "args: {x: {range: [1.25, 2.75, 0.5]}, y: 7}\n", "x, y", "1.25|7\n1.75|7\n2.25|7\n2.75|7\n");
    check_args(COMMAND "args: {x: [a, b, c], y: [1, 2, 3]}\nzip: [[x, y]]\n", "x, y", "a|1\nb|2\nc|3\n");
    check_args(COMMAND "args: {x: ['q\"u', true, null], y: {value: [1, {k: 'v'}]}}\n", "x, y",
               "q\"u|[1,{\"k\":\"v\"}]\ntrue|[1,{\"k\":\"v\"}]\n|[1,{\"k\":\"v\"}]\n");
    check_args("task: {command: [echo, '${1}', '${2}']}\nargs: [{range: [1, 2]}, [p, q]]\n", "arg1, arg2",
               "1|p\n1|q\n2|p\n2|q\n");
    check_args("task: {command: [date]}\n", "task", "0\n");
    check_args("task: {command: [date]}\nargs: {n: {repeat: 3}}\n", "n", "0\n1\n2\n");
}

/* 0.1 + 0.2 is 0.3 here: each value is the double nearest to its decimal. */
static void test_decimals_exact(void **ctx)
{
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = done_run(state, "exact", "task: {command: [echo, '${x}']}\nargs: {x: {range: [0, 1, 0.001]}}\n");
    assert_query(state, "SELECT count(*) FROM exact WHERE x = CAST(printf('0.%03d', task) AS REAL) OR task = 1000", "1001\n");
    run_info_done(&run);
    state_close(state);
}

static void test_collisions(void **ctx)
{
    static const char yaml[] =
        "task: {command: [echo, '${state}', '${Task}', '${run}', '${x}', '${seed}'], result: json, "
        "columns: [loss, error, acc]}\n"
        "args: {state: 1, Task: 2, x: 4}\n";
    (void)ctx;
    struct run_lock *lock;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = make_run(state, "clash", yaml, &lock);
    struct attempt_end end = good_end(&run, 0, "{\"loss\":0.5,\"error\":\"none\"}");
    end.columns = slice_str("[0.5,\"none\",null]");
    end.seed = 1234567;
    commit_end(state, &run, end);
    static const char columns[] =
        "arg_state, arg_Task, x, seed, loss, result_error, acc, state, error, attempts";
    char *sql = mem_printf("SELECT task, %s FROM clash", columns);
    assert_query(state, sql, "0|1|2|4|1234567|0.5|none||done||1\n");
    free(sql);
    sql = mem_printf("SELECT run, task, %s FROM clash_all", columns);
    assert_query(state, sql, "clash-1|0|1|2|4|1234567|0.5|none||done||1\n");
    free(sql);
    char *names = query(state, "SELECT group_concat(name) FROM pragma_table_info('clash')");
    assert_string_equal(names, "task,arg_state,arg_Task,x,seed,loss,result_error,acc,state,result,error,"
                               "attempts,seconds\n");
    free(names);
    /* A task that is put back has no values any more. */
    int64_t tasks;
    OK(state_finish_run(state, &run, RUN_DONE, &ok_err));
    OK(state_retry(state, &run, NULL, true, &tasks, &ok_err));
    assert_query(state, "SELECT state, loss, result_error, attempts FROM clash", "queued|||1\n");
    run_lock_release(lock);
    run_info_done(&run);
    state_close(state);
}

static void test_columns_of_views(void **ctx)
{
    static const char *const views[][2] = {
        {"runs", "run,name,state,tasks,queued,running,done,failed,cancelled,backend,started,updated,finished,seconds"},
        {"tasks", "run,task,args,state,result,error,class,attempts,started,seconds,worker"},
        {"attempts", "run,task,attempt,worker,started,seconds,class,status,message"},
        {"failures", "run,class,message,tasks,example"},
        {"slowest", "run,task,args,seconds"},
    };
    (void)ctx;
    state_close(open_state(STATE_CREATE));
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        char *sql = mem_printf("SELECT group_concat(name) FROM pragma_table_info('%s')", views[i][0]);
        char *got = shell_query(sql), *want = mem_printf("%s\n", views[i][1]);
        assert_string_equal(got, want);
        free(sql);
        free(got);
        free(want);
    }
}

static void test_shell(void **ctx)
{
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = done_run(state, "my-sweep", COMMAND "args: {x: {range: [1, 3]}, y: [a]}\n");
    /* Beside the writer, in the middle of the run. */
    char *got = shell_query("SELECT x, y, result, seconds FROM my_sweep; SELECT run, done FROM runs; "
                            "SELECT task, args FROM slowest LIMIT 1; SELECT count(*), min(attempt) FROM attempts");
    assert_string_equal(got, "1|a|1|0.25\n2|a|1|0.25\n3|a|1|0.25\nmy-sweep-1|3\n0|{\"x\":1,\"y\":\"a\"}\n3|1\n");
    free(got);
    run_info_done(&run);
    state_close(state);
}

static void test_all_runs(void **ctx)
{
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info first = done_run(state, "sweep", COMMAND "args: {x: [1, 2], y: 0}\n");
    struct run_info second = done_run(state, "sweep",
                                      "task: {command: [echo, '${X}', '${y}', '${z}']}\n"
                                      "args: {y: {range: [0.5, 1, 0.5]}, X: q, z: 9}\n");
    assert_query(state, "SELECT run, task, x, y, z FROM sweep_all",
                 "sweep-1|0|1|0|\nsweep-1|1|2|0|\nsweep-2|0|q|0.5|9\nsweep-2|1|q|1.0|9\n");
    run_info_done(&first);
    run_info_done(&second);
    state_close(state);
}

/* ---- conditions ---- */

static char *tasks_where(struct state *state, const struct run_info *run, const char *where)
{
    struct state_rows *rows = NULL;
    struct err err = ERR_INIT;
    struct buf out = {0};
    int row;
    if (state_rows_where(state, run, where, "task", &rows, &err))
        fail_msg("%s", err.text);
    assert_string_equal(state_rows_name(rows, 0), "task");
    while ((row = state_rows_next(rows, &err)) > 0)
        buf_printf(&out, "%lld ", (long long)state_rows_int(rows, 0));
    assert_int_equal(row, 0);
    state_rows_close(rows);
    return buf_steal(&out);
}

static void assert_where(struct state *state, const struct run_info *run, const char *where, const char *expected)
{
    char *got = tasks_where(state, run, where);
    if (strcmp(got, expected))
        fail_msg("%s: %s, not %s", where, got, expected);
    free(got);
}

static void test_where(void **ctx)
{
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info first = done_run(state, "sweep", COMMAND "args: {x: {range: [1, 6]}, y: [a]}\n");
    struct run_info second = done_run(state, "sweep", COMMAND "args: {x: {range: [1, 2]}, y: [b]}\n");
    assert_where(state, &first, "x > 4", "4 5 ");
    assert_where(state, &first, "x > 4 -- and a comment", "4 5 ");
    assert_where(state, &first, "x = 1 OR y = ')' /* ) */ OR \"x\" = 3", "0 2 ");
    assert_where(state, &first, "y <> '?:@$' AND x = 2", "1 ");
    assert_where(state, &first, "abs(x - 3) <= 1 AND state = 'done'", "1 2 3 ");
    /* Either run's own view, in a subquery, too. */
    assert_where(state, &first, "x = (SELECT max(x) FROM sweep)", "5 ");
    assert_where(state, &second, "x = (SELECT max(x) FROM sweep)", "1 ");
    assert_where(state, &second, "(SELECT count(*) FROM sweep_all) = 8", "0 1 ");
    assert_where(state, &second, "task IN (SELECT task FROM tasks WHERE attempts = 1)", "0 1 ");
    run_info_done(&first);
    run_info_done(&second);
    state_close(state);
}

static void test_where_refused(void **ctx)
{
    static const char *const bad[] = {
        "",
        "  -- nothing",
        "x >",
        "z = 1",
        "1); DROP VIEW sweep; --",
        "1) OR (1",
        "1) UNION SELECT 1, 2, 3, 4, 5, 6, 7, 8 --",
        "(1",
        "1; ATTACH 'x' AS y",
        "'x",
        "/* x",
        "load_extension('x')",
        "writefile('x', 'y')",
        "readfile('/etc/passwd')",
        "randomblob(1000000000)",
        "zeroblob(1000000000)",
        "x IN (SELECT sql FROM sqlite_master)",
        "x IN (SELECT job FROM ktb_jobs)",
        "x IN (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n)",
        "x IN (SELECT * FROM pragma_journal_mode('delete'))",
        "x = ?1 AND PRAGMA user_version",
        "x = ?",
        "x = :a",
        "y=@b OR 1",
        "$c",
    };
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    struct run_info run = done_run(state, "sweep", COMMAND "args: {x: {range: [1, 6]}, y: [a]}\n");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        struct state_rows *rows = NULL;
        if (state_rows_where(state, &run, bad[i], NULL, &rows, &err) == 0)
            fail_msg("let through: %s", bad[i]);
        if (err.class != ERR_USAGE || !strstr(err.text, "--where"))
            fail_msg("%s: %s", bad[i], err.text);
        assert_null(rows);
    }
    assert_query(state, "SELECT count(*) FROM sweep", "6\n");
    run_info_done(&run);
    state_close(state);
}

static void test_cells(void **ctx)
{
    const char *const params[] = {"7", "it's"};
    struct state_rows *rows;
    struct err err = ERR_INIT;
    (void)ctx;
    struct state *state = open_state(STATE_CREATE);
    OK(state_rows_open(state, "SELECT ?1 + 1 AS a, ?2 AS b, 0.5, NULL", params, 2, &rows, &ok_err));
    assert_int_equal(state_rows_columns(rows), 4);
    assert_int_equal(state_rows_next(rows, &err), 1);
    assert_string_equal(state_rows_name(rows, 1), "b");
    assert_int_equal(state_rows_type(rows, 0), CELL_INT);
    assert_int_equal(state_rows_int(rows, 0), 8);
    assert_true(slice_eq(state_rows_text(rows, 1), "it's"));
    assert_int_equal(state_rows_type(rows, 2), CELL_REAL);
    assert_true(state_rows_real(rows, 2) == 0.5);
    assert_int_equal(state_rows_type(rows, 3), CELL_NULL);
    assert_int_equal(state_rows_next(rows, &err), 0);
    state_rows_close(rows);
    state_rows_close(NULL);
    state_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_args),         STATE_TEST(test_decimals_exact), STATE_TEST(test_collisions),
        STATE_TEST(test_columns_of_views), STATE_TEST(test_shell),      STATE_TEST(test_all_runs),
        STATE_TEST(test_where),        STATE_TEST(test_where_refused),  STATE_TEST(test_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
