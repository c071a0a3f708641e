/* Job files: every folder of tests/data/jobfile/{valid,invalid}, and the cases that no checked-in file can be.
 *
 * valid/NAME/input.yaml gives the job that `expect` describes, invalid/NAME/input.yaml the messages in `error`.
 * `sets` in a case has --set options, one a line; `warnings` of a valid case the warnings.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "jobfile/jobfile.h"

#include "unit/cases.h"
#include "unit/unit.h"

#define SETS_MAX 16

static char *data_folder;

/* A job in words. */

static void dump_template(struct buf *out, const struct template *t)
{
    static const char *const kinds[] = {
        [PIECE_TASK] = "task", [PIECE_RUN] = "run", [PIECE_ATTEMPT] = "attempt", [PIECE_SLOT] = "slot", [PIECE_SEED] = "seed",
    };
    static const char *const parts[] = {"", ".name", ".stem", ".ext", ".dir"};
    for (int i = 0; i < t->n; i++) {
        const struct piece *piece = &t->pieces[i];
        if (i)
            buf_add_str(out, " + ");
        if (piece->kind == PIECE_TEXT)
            buf_add_json(out, slice_str(piece->text));
        else if (piece->kind == PIECE_ARG)
            buf_printf(out, "<%d%s>", piece->arg + 1, parts[piece->part]);
        else
            buf_printf(out, "<%s>", kinds[piece->kind]);
        if (piece->pad)
            buf_printf(out, ":%s%d", piece->zero ? "0" : "", piece->pad);
    }
    buf_add_char(out, '\n');
}

static void dump_task(struct buf *out, const struct job *job)
{
    static const char *const results[] = {"text", "number", "json", "json last", "none"};
    if (job->kind == TASK_FUNCTION) {
        buf_printf(out, "function: %s of %s\n", job->function, job->library);
        buf_printf(out, "library: %s\n", job->library_path ? job->library_path : "none");
        if (job->object)
            buf_printf(out, "object: %s\n", job->object);
    } else {
        buf_printf(out, "program: %s\n", job->program_path ? job->program_path : "none");
        for (int i = 0; i < job->argc; i++) {
            buf_printf(out, "word %d: ", i);
            dump_template(out, job->argv[i]);
        }
        buf_printf(out, "result: %s\n", results[job->result]);
    }
    for (int i = 0; i < job->n_columns; i++)
        buf_printf(out, "column: %s\n", job->columns[i]);
    if (job->uses_seed)
        buf_add_str(out, "uses the seed\n");
}

static void dump_arg(struct buf *out, const struct job_arg *arg)
{
    static const char *const kinds[] = {"fixed", "list", "range", "linspace", "geomspace", "repeat", "lines"};
    buf_printf(out, "arg %s: %s", arg->name ? arg->name : "", kinds[arg->kind]);
    for (int64_t i = 0; arg->values && i < arg->count; i++)
        buf_printf(out, " %s", arg->values[i]);
    if (arg->kind == ARG_RANGE || arg->kind == ARG_REPEAT) {
        buf_add_str(out, " from ");
        decimal_print(out, arg->from);
        buf_add_str(out, " by ");
        decimal_print(out, arg->step);
    }
    if (arg->from_text)
        buf_printf(out, " from %s to %s", arg->from_text, arg->to_text);
    if (arg->path)
        buf_printf(out, " %s", arg->path);
    buf_printf(out, ", count %lld", (long long)arg->count);
    if (arg->zip >= 0)
        buf_printf(out, ", zip %d", arg->zip);
    buf_add_char(out, '\n');
}

/* Only what is not the default, so that a new key changes no case but its own. */
static void dump_policy(struct buf *out, const struct job *job)
{
    if (job->cpus != 1)
        buf_printf(out, "cpus: %d\n", job->cpus);
    if (job->tasks_per_worker)
        buf_printf(out, "tasks per worker: %lld\n", (long long)job->tasks_per_worker);
    if (job->retries)
        buf_printf(out, "retries: %d\n", job->retries);
    if (job->backoff_us != 2000000)
        buf_printf(out, "backoff: %lld us\n", (long long)job->backoff_us);
    for (int i = 0; i < job->n_retry_exits; i++)
        buf_printf(out, "retry exit: %d\n", job->retry_exits[i]);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (job->retry_class[i])
            buf_printf(out, "retry class: %s\n", outcome_names[i]);
    if (job->timeout_us)
        buf_printf(out, "timeout: %lld us\n", (long long)job->timeout_us);
    if (job->deadline_us)
        buf_printf(out, "deadline: %lld us\n", (long long)job->deadline_us);
    if (job->max_failures >= 0)
        buf_printf(out, "max failures: %lld\n", (long long)job->max_failures);
    if (job->max_failures_percent >= 0)
        buf_printf(out, "max failures: %g%%\n", job->max_failures_percent);
    for (int i = 0; i < job->n_env; i++) {
        buf_printf(out, "env %s: ", job->env[i].name);
        dump_template(out, job->env[i].value);
    }
    if (job->cwd)
        buf_printf(out, "cwd: %s\n", job->cwd);
    if (job->results)
        buf_printf(out, "results: %s\n", job->results);
    if (job->per_task)
        buf_add_str(out, "per task\n");
    if (strcmp(job->backend, "local") != 0)
        buf_printf(out, "backend: %s\n", job->backend);
}

static void dump_job(struct buf *out, const struct job *job, bool parallelism)
{
    buf_printf(out, "name: %s\n", job->name);
    dump_task(out, job);
    if (job->positional)
        buf_add_str(out, "positional\n");
    for (int i = 0; i < job->n_args; i++)
        dump_arg(out, &job->args[i]);
    if (job->seed)
        buf_printf(out, "seed: %lld\n", (long long)job->seed);
    if (parallelism)
        buf_printf(out, "parallelism: %d\n", job->parallelism);
    dump_policy(out, job);
}

/* Cases. */

/* Splits the text of `sets` in place. */
static int split_sets(char *text, const char *sets[SETS_MAX])
{
    int n = 0;
    for (char *line = text ? strtok(text, "\n") : NULL; line && n < SETS_MAX; line = strtok(NULL, "\n"))
        sets[n++] = line;
    return n;
}

/* A run that is taken up again reads the kept text and must come to the same job. */
static bool kept_is_same(const struct job *job)
{
    struct problems problems = {0};
    struct jobfile_source source = {.path = "kept", .text = job->source, .text_len = strlen(job->source),
                                    .folder = job->folder, .name = job->name};
    struct job *again = jobfile_load(&source, &problems);
    CLEANUP_BUF struct buf a = {0}, b = {0};
    dump_job(&a, job, true);
    if (again)
        dump_job(&b, again, true);
    bool same = again && strcmp(again->identity, job->identity) == 0 && strcmp(buf_cstr(&a), buf_cstr(&b)) == 0;
    if (!same)
        print_error("the text that was kept gives another job:\n%s", job->source);
    problems_done(&problems);
    job_free(again);
    return same;
}

static bool check_valid(const char *folder, const struct job *job, const char *input, const char *messages)
{
    CLEANUP_BUF struct buf dump = {0};
    if (!job) {
        print_error("%s: not accepted:\n%s", folder, messages);
        return false;
    }
    dump_job(&dump, job, strstr(input, "parallelism") != NULL || strstr(job->source, "parallelism") != NULL);
    buf_add_str(&dump, messages);
    return cases_match(data_folder, folder, "expect", buf_cstr(&dump)) && kept_is_same(job);
}

static bool run_case(const char *folder, bool valid)
{
    const char *sets[SETS_MAX];
    CLEANUP_FREE char *path = path_join(folder, "input.yaml");
    CLEANUP_FREE char *set_text = cases_read(folder, "sets");
    CLEANUP_FREE char *input = cases_read(folder, "input.yaml");
    CLEANUP_BUF struct buf messages = {0};
    struct problems problems = {0};
    struct jobfile_source source = {.path = path, .sets = sets, .n_sets = split_sets(set_text, sets)};
    struct job *job = jobfile_load(&source, &problems);
    problems_format(&problems, "input.yaml", &messages);
    bool good;
    if (valid) {
        good = input && check_valid(folder, job, input, buf_cstr(&messages));
    } else {
        good = !job && cases_match(data_folder, folder, "error", buf_cstr(&messages));
        if (job)
            print_error("%s: accepted\n", folder);
    }
    problems_done(&problems);
    job_free(job);
    return good;
}

static void test_valid(void **state)
{
    (void)state;
    cases_run(data_folder, true, 35, run_case);
}

static void test_invalid(void **state)
{
    (void)state;
    cases_run(data_folder, false, 85, run_case);
}

/* What no checked-in file can be. */

static void expect_problem(const struct jobfile_source *source, const char *expected)
{
    CLEANUP_BUF struct buf messages = {0};
    struct problems problems = {0};
    struct job *job = jobfile_load(source, &problems);
    problems_format(&problems, "f", &messages);
    assert_string_equal(buf_cstr(&messages), expected);
    assert_null(job);
    problems_done(&problems);
}

static void expect_text_problem(const char *text, size_t len, const char *expected)
{
    expect_problem(&(struct jobfile_source){.path = "f.yaml", .text = text, .text_len = len}, expected);
}

static void test_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/ktbatch-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    CLEANUP_FREE char *path = path_join(folder, "big.yaml");
    struct err err = ERR_INIT;
    expect_problem(&(struct jobfile_source){.path = folder}, "f: Is a directory\n");
    expect_problem(&(struct jobfile_source){.path = path}, "f: No such file or directory\n");
    CLEANUP_CLOSE int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 100 << 20), 0);
    expect_problem(&(struct jobfile_source){.path = path}, "f: larger than the limit of 16777216 bytes\n");
    expect_problem(&(struct jobfile_source){.path = "/dev/zero"}, "f: larger than the limit of 16777216 bytes\n");
    expect_problem(&(struct jobfile_source){.path = "/dev/null", .name = "x"},
                   "f:1:1: the file is empty; a small job file: `task: {command: [echo, hello]}`\n");
    /* The superuser may read everything. */
    assert_int_equal(fchmod(fd, 0), 0);
    if (geteuid() != 0)
        expect_problem(&(struct jobfile_source){.path = path}, "f: Permission denied\n");
    assert_int_equal(path_remove(folder, &err), 0);
}

static void test_bytes(void **state)
{
    (void)state;
    expect_text_problem("task:\n  a\0b", 11, "f:2:4: byte 0x00 is a NUL byte; a job file is text\n");
    expect_text_problem("task: \xc3\xa9 \xff", 10, "f:1:9: byte 0xff is not UTF-8; save the file in that encoding\n");
    expect_text_problem("\xff\xfe\x74\x00", 4, "f:1:1: byte 0xff is not UTF-8; save the file in that encoding\n");
    expect_text_problem("task: \xed\xa0\x80", 9, "f:1:7: byte 0xed is not UTF-8; save the file in that encoding\n");
    expect_text_problem("a: \x1b[0m", 7,
                        "f:1:4: byte 0x1b is a control character; write it as an escape in a quoted text, such as \"\\x1b\"\n");
}

static void repeat(struct buf *b, const char *text, int n)
{
    for (int i = 0; i < n; i++)
        buf_add_str(b, text);
}

static void test_limits(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    /* So deep that a parser that recurses without a limit would run out of stack. */
    repeat(&b, "[", 1000000);
    expect_text_problem(buf_cstr(&b), b.len, "f:1:65: nested deeper than 64\n");
    buf_clear(&b);
    repeat(&b, "{a: ", 100000);
    expect_text_problem(buf_cstr(&b), b.len, "f:1:257: nested deeper than 64\n");
    buf_clear(&b);
    for (int i = 0; i < 300; i++)
        buf_printf(&b, "k%d: &a%d 1\n", i, i);
    expect_text_problem(buf_cstr(&b), b.len, "f:257:7: more than 256 anchors\n");
    buf_clear(&b);
    buf_add_str(&b, "args: {x: [");
    repeat(&b, "1,", 1000001);
    buf_add_str(&b, "]}\ntask: {command: [echo, \"${x}\"]}\n");
    expect_text_problem(buf_cstr(&b), b.len,
                        "f:1:2000002: more than 1000000 values, counting what aliases stand for; a long list of arguments "
                        "belongs in a file: {lines: FILE}\n");
}

static void test_many_problems(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0}, messages = {0};
    struct problems problems = {0};
    buf_add_str(&b, "task: {command: [echo, hi]}\n");
    for (int i = 0; i < 250; i++)
        buf_printf(&b, "zzzzzzzz%d: 1\n", i);
    struct jobfile_source source = {.path = "f", .text = buf_cstr(&b), .text_len = b.len};
    assert_null(jobfile_load(&source, &problems));
    assert_int_equal(problems.n, PROBLEMS_MAX);
    assert_int_equal(problems.errors, 250);
    problems_format(&problems, "f", &messages);
    assert_non_null(strstr(buf_cstr(&messages), "f: and 150 more problems\n"));
    problems_done(&problems);
}

static void test_standard_input(void **state)
{
    (void)state;
    static const char text[] = "task: {command: [echo, hi]}\n";
    int ends[2], before = dup(STDIN_FILENO);
    struct err err = ERR_INIT;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(file_write_all(ends[1], text, strlen(text), "pipe", &err), 0);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    expect_problem(&(struct jobfile_source){.path = "-"},
                   "f:1:1: `name` is missing, and standard input has no file name to take; write `name: NAME`\n");
    dup2(before, STDIN_FILENO);
    close(before);
    close(ends[0]);
}

static struct job *load(const char *text, const char *name)
{
    struct problems problems = {0};
    struct jobfile_source source = {.path = "f", .text = text, .text_len = strlen(text), .name = name, .skip_lookup = true};
    struct job *job = jobfile_load(&source, &problems);
    problems_done(&problems);
    assert_non_null(job);
    return job;
}

/* Policy, place, name, comments and spelling do not make another run; task, arguments and combination do. */
static void test_identity(void **state)
{
    (void)state;
    static const char first[] = "task: {command: [echo, \"${x}\"]}\nargs: {x: {range: [0, 1, 0.5]}}\n";
    static const char *const same[] = {
        "# a comment\nargs:\n  x:\n    range: {from: 0.0, to: 1, step: 0.50}\ntask:\n  command: echo ${x}\n",
        ("name: other\nparallelism: 7\nretries: 3\nenv: {A: b}\ntask: {command: [echo, \"${x}\"]}\n"
         "args: {x: {range: [0, 1, 0.5]}}\n"),
        "task: {command: [echo, \"${x}\"]}\nargs: {x: {range: [0, 1.2, 0.5]}}\n",
    };
    static const char *const other[] = {
        "task: {command: [echo, \"${x:02}\"]}\nargs: {x: {range: [0, 1, 0.5]}}\n",
        "task: {command: [echo, \"${x}\"], result: number}\nargs: {x: {range: [0, 1, 0.5]}}\n",
        "task: {command: [echo, \"${x}\"]}\nargs: {x: {range: [0, 1, 0.25]}}\n",
        "task: {command: [echo, \"${1}\"]}\nargs: [{range: [0, 1, 0.5]}]\n",
        "seed: 1\ntask: {command: [echo, \"${x}\"]}\nargs: {x: {range: [0, 1, 0.5]}}\n",
    };
    struct job *job = load(first, "a");
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct job *again = load(same[i], "b");
        assert_string_equal(job->identity, again->identity);
        job_free(again);
    }
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        struct job *again = load(other[i], "a");
        assert_string_not_equal(job->identity, again->identity);
        job_free(again);
    }
    job_free(job);
}

static void test_parallelism_default(void **state)
{
    (void)state;
    struct job *one = load("task: {command: [echo]}\n", "a"), *wide = load("cpus: 4096\ntask: {command: [echo]}\n", "a");
    assert_true(one->parallelism >= 1);
    assert_int_equal(wide->parallelism, 1);
    job_free(one);
    job_free(wide);
}

static void test_may_retry(void **state)
{
    (void)state;
    struct job *plain = load("task: {command: [echo]}\n", "a");
    struct job *chosen = load("retryOn: {exit: [75], class: [timeout]}\ntask: {command: [echo]}\n", "a");
    assert_true(job_may_retry(plain, OUTCOME_EXIT, 1));
    assert_false(job_may_retry(plain, OUTCOME_REFUSED, 0));
    assert_false(job_may_retry(plain, OUTCOME_OK, 0));
    assert_true(job_may_retry(chosen, OUTCOME_EXIT, 75));
    assert_false(job_may_retry(chosen, OUTCOME_EXIT, 1));
    assert_false(job_may_retry(chosen, OUTCOME_SIGNAL, 75));
    assert_true(job_may_retry(chosen, OUTCOME_TIMEOUT, 0));
    assert_true(job_may_retry(chosen, OUTCOME_LOST, 0));
    job_free(plain);
    job_free(chosen);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"cubes", "a", "_x", "cubes-a", "x-1a", "sweep_2", "selects", "run", "a1-", "all-of-it"};
    static const char *const bad[] = {"",       "cubes-1",   "a-b-07", "select", "Select", "current-date", "runs",  "TASKS",
                                      "ktb_x",  "KTB-x",     "sqlite_master", "sqlite-x", "1a", "-a", "a.b", "a/b", "../x",
                                      "a b",    "\xc3\xa9",  "x_all", "x-ALL"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(jobfile_name_problem(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(jobfile_name_problem(bad[i]));
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {{"250ms", 250000}, {"30s", 30000000}, {"5m", 300000000}, {"2h", INT64_C(7200000000)},
                {"2d", INT64_C(172800000000)}, {"0.5s", 500000}, {"1.5h", INT64_C(5400000000)}, {"0s", 0},
                {"36500d", INT64_C(3153600000000000)}};
    static const char *const bad[] = {"", "30", "s", "-1s", "1 s", "1S", "1h30m", "1.s", ".5s", "1e3s", "36501d", "1..5s",
                                      "99999999999999999999d", "1w", "30s ", "+1s"};
    const char *problem;
    int64_t us;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(jobfile_duration(good[i].text, &us, &problem), 0);
        assert_true(us == good[i].us);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(jobfile_duration(bad[i], &us, &problem), -1);
}

/* Programs and libraries are those of the data folder, whatever the machine has. */
static int set_up(void **state)
{
    const char *top = getenv("top_srcdir");
    CLEANUP_FREE char *relative = path_join(top ? top : ".", "tests/data/jobfile");
    data_folder = path_absolute(relative);
    CLEANUP_FREE char *bin = path_join(data_folder, "bin"), *libs = path_join(data_folder, "libs");
    (void)state;
    return setenv("PATH", bin, 1) || setenv("KTBATCH_TASK_PATH", libs, 1);
}

static int tear_down(void **state)
{
    (void)state;
    free(data_folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_problems),
        cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_parallelism_default),
        cmocka_unit_test(test_may_retry),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
