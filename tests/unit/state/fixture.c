/* See fixture.h. */
#include "unit/state/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"

char folder[64];
char db_file[96];

int fixture_setup(void **ctx)
{
    (void)ctx;
    strcpy(folder, "/tmp/ktbatch-state-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(db_file, sizeof db_file, "%s/ktbatch.db", folder);
    return 0;
}

int fixture_teardown(void **ctx)
{
    struct err err = ERR_INIT;
    (void)ctx;
    return path_remove(folder, &err);
}

static void fail_with(struct problems *problems, const char *yaml)
{
    CLEANUP_BUF struct buf text = {0};
    problems_format(problems, "job", &text);
    fail_msg("%s\n%s", yaml, buf_cstr(&text));
}

struct made make_plan(const char *name, const char *yaml)
{
    struct problems problems = {0};
    struct jobfile_source source = {.path = "job", .text = yaml, .text_len = strlen(yaml), .folder = folder, .name = name,
                                    .skip_lookup = true};
    struct made made = {0};
    made.job = jobfile_load(&source, &problems);
    if (!made.job)
        fail_with(&problems, yaml);
    made.plan = plan_new(made.job, NULL, &problems);
    if (!made.plan)
        fail_with(&problems, yaml);
    problems_done(&problems);
    return made;
}

void unmake_plan(struct made *made)
{
    plan_free(made->plan);
    job_free(made->job);
}

struct state *open_state(enum state_mode mode)
{
    struct state *state = NULL;
    OK(state_open(db_file, mode, &state, &ok_err));
    return state;
}

struct run_info make_run(struct state *state, const char *name, const char *yaml, struct run_lock **ret_lock)
{
    struct made made = make_plan(name, yaml);
    struct run_info run = {0};
    OK(state_create_run(state, made.plan, "[]", folder, &run, ret_lock, &ok_err));
    unmake_plan(&made);
    return run;
}

struct attempt_end good_end(const struct run_info *run, int64_t task, const char *result)
{
    return (struct attempt_end){.task = task, .attempt = 1, .outcome = OUTCOME_OK, .settled = true,
                                .started_us = run->started_us + 1000, .us = 250000, .result = slice_str(result), .seed = -1};
}

struct attempt_end bad_end(const struct run_info *run, int64_t task, int attempt, enum outcome outcome, const char *message,
                           bool settled)
{
    return (struct attempt_end){.task = task, .attempt = attempt, .outcome = outcome, .settled = settled, .status = 1,
                                .started_us = run->started_us + 2000, .us = 500000, .message = slice_str(message), .seed = -1};
}

int commit_ends(struct state *state, struct run_info *run, const struct attempt_end *ends, size_t n, struct err *err)
{
    struct state_batch batch = {.ends = ends, .n_ends = n, .watermark = -1, .results_length = run->results_length};
    return state_commit(state, run, &batch, err);
}

void commit_end(struct state *state, struct run_info *run, struct attempt_end end)
{
    OK(commit_ends(state, run, &end, 1, &ok_err));
}

char *query(struct state *state, const char *sql)
{
    struct state_rows *rows = NULL;
    struct buf out = {0};
    struct err err = ERR_INIT;
    int row;
    if (state_rows_open(state, sql, NULL, 0, &rows, &err))
        fail_msg("%s: %s", sql, err.text);
    while ((row = state_rows_next(rows, &err)) > 0)
        for (int i = 0; i < state_rows_columns(rows); i++) {
            if (i)
                buf_add_char(&out, '|');
            if (state_rows_type(rows, i) != CELL_NULL)
                buf_add_slice(&out, state_rows_text(rows, i));
            if (i == state_rows_columns(rows) - 1)
                buf_add_char(&out, '\n');
        }
    if (row < 0)
        fail_msg("%s: %s", sql, err.text);
    state_rows_close(rows);
    return buf_steal(&out);
}

void assert_query(struct state *state, const char *sql, const char *expected)
{
    char *got = query(state, sql);
    if (strcmp(got, expected))
        fail_msg("%s\ngives:\n%swanted:\n%s", sql, got, expected);
    free(got);
}

char *shell_query(const char *sql)
{
    struct buf out = {0};
    struct err err = ERR_INIT;
    if (system("sqlite3 --version >/dev/null 2>&1") != 0)
        skip();
    char *command = mem_printf("sqlite3 '%s' \"%s\"", db_file, sql);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(file_read_fd(fileno(pipe), "sqlite3", 1 << 20, &out, &err), 0);
    assert_int_equal(pclose(pipe), 0);
    free(command);
    return buf_steal(&out);
}

char *open_tasks(struct state *state, const struct run_info *run, int max)
{
    struct open_range ranges[16];
    struct buf out = {0};
    struct err err = ERR_INIT;
    int n;
    for (int64_t from = 0; from < run->tasks;) {
        if (state_open_tasks(state, run, &from, ranges, max, &n, &err))
            fail_msg("%s", err.text);
        for (int i = 0; i < n; i++)
            if (ranges[i].attempts)
                buf_printf(&out, "%lld(%d,%d,%d) ", (long long)ranges[i].first, ranges[i].attempts, ranges[i].spent,
                           ranges[i].lost);
            else
                buf_printf(&out, "%lld-%lld ", (long long)ranges[i].first, (long long)ranges[i].end - 1);
    }
    return buf_steal(&out);
}
