/* ktbatch plan: what a job file would run. Makes nothing, and looks only at the tasks it shows. */
#include "cli/command.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/jobs.h"
#include "plan/taskset.h"

#define SHOWN_TASKS 5

static const char *folder_of(const struct job *job)
{
    return job->cwd ? job->cwd : job->folder;
}

static void add_duration(struct buf *b, const char *name, int64_t us)
{
    char span[CLOCK_TEXT_SIZE];
    if (us > 0)
        buf_printf(b, ", %s %s", name, clock_span(us, span));
}

static void describe_policy(const struct job *job, struct buf *b)
{
    buf_printf(b, "policy: backend %s, parallelism %d, cpus %d, ", job->backend, job->parallelism, job->cpus);
    if (job->tasks_per_worker)
        buf_printf(b, "%" PRId64 " tasks a worker", job->tasks_per_worker);
    else
        buf_add_str(b, "all tasks a worker");
    buf_printf(b, ", retries %d", job->retries);
    add_duration(b, "back-off", job->backoff_us);
    add_duration(b, "timeout", job->timeout_us);
    add_duration(b, "deadline", job->deadline_us);
    if (job->max_failures_percent >= 0)
        buf_printf(b, ", at most %g%% failures", job->max_failures_percent);
    else if (job->max_failures >= 0)
        buf_printf(b, ", at most %" PRId64 " failures", job->max_failures);
    buf_add_char(b, '\n');
}

static void describe(const struct plan *plan, struct buf *b)
{
    const struct job *job = plan_job(plan);
    buf_printf(b, "%s: %" PRId64 " task%s of ", job->name, plan_tasks(plan), plan_tasks(plan) == 1 ? "" : "s");
    if (job->kind == TASK_FUNCTION)
        buf_printf(b, "%s.%s%s%s (%s)\n", job->library, job->function, job->object ? " on " : "", job->object ? job->object : "",
                   job->library_path ? job->library_path : "not found");
    else
        buf_printf(b, "a command in %s%s%s\n", folder_of(job), job->program_path ? ", program " : "",
                   job->program_path ? job->program_path : "");
    describe_policy(job, b);
}

static void show_task(struct output *out, const struct plan *plan, int64_t task)
{
    const struct job *job = plan_job(plan);
    CLEANUP_BUF struct buf args = {0}, command = {0};
    CLEANUP_FREE char *run = mem_printf("%s-1", job->name);
    struct json checked, argv = {"[]", 2};
    plan_args_json(plan, task, &args);
    if (job->kind == TASK_COMMAND) {
        plan_command_json(plan, task, run, 1, 0, &command);
        if (json_check(command.data, command.len, &checked, NULL) == 0)
            argv = json_get(checked, "argv");
    }
    struct output_cell cells[] = {cell_int(task), cell_json(buf_slice(&args)), cell_json((struct slice){argv.p, argv.len}),
                                  cell_text(folder_of(job))};
    output_row(out, cells);
}

static int show(const struct options *options, const struct plan *plan, const struct taskset *set, struct err *err)
{
    const struct job *job = plan_job(plan);
    CLEANUP_BUF struct buf text = {0}, name = {0};
    if (options->format == OUTPUT_TABLE) {
        describe(plan, &text);
        if (output_raw(STDOUT_FILENO, buf_slice(&text), err))
            return -1;
    }
    struct output *out = output_new(options->format, STDOUT_FILENO);
    CLEANUP_FREE char *tasks = mem_printf("%" PRId64, plan_tasks(plan));
    buf_add_json(&name, slice_str(job->name));
    output_member(out, "name", buf_cstr(&name));
    output_member(out, "tasks", tasks);
    output_column(out, "task");
    output_column(out, "args");
    if (job->kind == TASK_COMMAND) {
        output_column(out, "argv");
        output_column(out, "folder");
    }
    struct task_range range;
    for (int64_t at = 0; output_wanted(out) && taskset_next(set, at, &range); at = range.end)
        for (int64_t task = range.first; task < range.end && output_wanted(out); task++)
            show_task(out, plan, task);
    return output_end(out, err);
}

static int run(const struct options *options)
{
    struct err err = ERR_INIT;
    CLEANUP_LOADED struct loaded loaded = {0};
    struct taskset set = {0};
    if (jobs_load_file(options, options->words[0], &loaded))
        return EXIT_USAGE;
    int64_t tasks = plan_tasks(loaded.plan);
    int result = 0;
    if (!options->tasks)
        taskset_add(&set, 0, tasks < SHOWN_TASKS ? tasks : SHOWN_TASKS);
    else if ((result = taskset_parse(options->tasks, tasks, &set, &err)))
        err_prefix(&err, "--tasks");
    if (result == 0)
        result = show(options, loaded.plan, &set, &err);
    taskset_done(&set);
    return result ? command_fail(&err) : EXIT_DONE;
}

const struct command command_plan = {
    .name = "plan",
    .summary = "what a job file would run",
    .usage = "FILE|- [options]",
    .help = "    ktbatch plan jobs/cubes.yaml\n"
            "    ktbatch plan sweep.yaml --tasks 1000-1003 -o json\n\n"
            "Says how many tasks there are, shows the first ones (or those of --tasks) with their arguments, command line and\n"
            "folder, and the policy. Runs nothing and makes nothing, and is instant however many tasks there are.\n",
    .statuses = "  0  printed\n  2  the file or the command line is wrong\n  3  standard output cannot be written\n",
    .options = OPTIONS_POLICY | OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_TASKS),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
