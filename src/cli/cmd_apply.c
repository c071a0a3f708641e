/* ktbatch apply: a job file becomes a run, or its run goes on.
 *
 * Everything that can be wrong with file and options is found before the database is opened, so that nothing is made then.
 */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "cli/run_again.h"

struct applying {
    const struct options *options;
    struct loaded loaded;
    struct taskset only;
    bool has_only;
    struct state *state;
    struct run_info run;
    struct run_lock *lock;
};

/* Two applies at once must not both find that there is no run yet: who looks and makes one holds the database's folder
 * locked meanwhile. Where the file system knows no such lock they may make two runs, which is no harm. */
static int lock_folder(const char *db)
{
    CLEANUP_FREE char *folder = path_dir(db);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
            ;
    return fd;
}

static int make_run(struct applying *a, struct err *err)
{
    const struct job *job = a->loaded.job;
    CLEANUP_FREE char *folder = path_dir(state_path(a->state));
    CLEANUP_FREE char *beside = path_join(folder, "results");
    const char *root = job->results ? job->results : beside;
    run_info_done(&a->run);
    if (dir_make(root, err)) /* before there is a run that could never keep its results */
        return -1;
    return state_create_run(a->state, a->loaded.plan, a->loaded.sets, root, &a->run, &a->lock, err);
}

/* Whether the newest run of the name is of this file and may go on. 1: it is in a->run; 0: a new one is needed. */
static int find_same(struct applying *a, struct err *err)
{
    int found = state_newest(a->state, a->loaded.job->name, &a->run, err);
    if (found <= 0 || a->options->rerun)
        return found < 0 ? -1 : 0;
    return a->run.state != RUN_CANCELLED && strcmp(a->run.identity, plan_identity(a->loaded.plan)) == 0;
}

/* The newest run is of this file: it goes on (1), or is at rest (0). This file's policy counts from now on, also for the
 * `retry` that is proposed for what has failed, and for every later `resume`. */
static int go_on(struct applying *a, int *ret_status, struct err *err)
{
    const struct loaded *loaded = &a->loaded;
    CLEANUP_FREE char *rerun = command_line(a->options, "apply", a->options->words[0], "--rerun");
    CLEANUP_FREE char *advice = mem_printf("a new run: %s", rerun);
    if (rest_of(&a->run) != REST_NONE &&
        (database_lock(a->state, &a->run, &a->lock, err) || state_keep_job(a->state, &a->run, loaded->plan, loaded->sets, err)))
        return -1;
    warn_if_changed(&a->run, loaded->job, rest_of(&a->run) == REST_NONE ? NULL : advice);
    if (rest_of(&a->run) == REST_OPEN)
        return state_start_run(a->state, &a->run, NULL, loaded->job->backend, err) ? -1 : 1;
    *ret_status = say_at_rest(a->options, &a->run);
    if (rest_of(&a->run) == REST_NONE)
        say("%s", advice);
    return 0;
}

/* Ends with a run that is locked and running (1), or with nothing to do and the exit status (0). */
static int settle(struct applying *a, int *ret_status, struct err *err)
{
    int same = find_same(a, err);
    if (same < 0)
        return -1;
    if (same > 0)
        return go_on(a, ret_status, err);
    return make_run(a, err) ? -1 : 1;
}

static int apply(struct applying *a)
{
    struct err err = ERR_INIT;
    int status = EXIT_DONE, fd = lock_folder(a->options->db), found = -1;
    if (database_open(a->options, STATE_CREATE, &a->state, &err) == 0)
        found = settle(a, &status, &err);
    if (fd >= 0)
        close(fd);
    if (found < 0)
        return command_fail(&err);
    if (found == 0)
        return status;
    return carry_out(&(struct carry){a->options, a->state, &a->run, a->loaded.plan, a->has_only ? &a->only : NULL});
}

static int run(const struct options *options)
{
    struct err err = ERR_INIT;
    struct applying a = {.options = options};
    int status;
    if (jobs_load_file(options, options->words[0], &a.loaded)) {
        status = EXIT_USAGE;
    } else if (options->tasks && taskset_parse(options->tasks, plan_tasks(a.loaded.plan), &a.only, &err)) {
        err_prefix(&err, "--tasks");
        status = command_fail(&err);
    } else {
        a.has_only = options->tasks;
        status = apply(&a);
    }
    run_lock_release(a.lock);
    run_info_done(&a.run);
    state_close(a.state);
    taskset_done(&a.only);
    loaded_done(&a.loaded);
    return status;
}

const struct command command_apply = {
    .name = "apply",
    .summary = "run a job file, or go on with its run",
    .usage = "FILE|- [options]",
    .help = "    ktbatch apply jobs/cubes.yaml\n"
            "    ktbatch apply sweep.yaml --parallelism 8 --set timeout=10m\n"
            "    make-job | ktbatch apply -\n\n"
            "Runs the tasks that the file describes. If the newest run of its name is of the same file (same task,\n"
            "arguments and combination), apply goes on with it while there is something left, with the file's policy, says so\n"
            "when all is done, and proposes `ktbatch retry` for what has failed. A different file, a cancelled run or --rerun\n"
            "make a new run. The database and the folder results/ are made beside each other in the current folder, or where\n"
            "--db says.\n",
    .statuses = "  0    all tasks are done\n"
                "  1    some failed, or the run was stopped by deadline, maxFailures or cancel\n"
                "  2    the file or the command line is wrong; nothing was made\n"
                "  3    the backend or the machine failed, or another process runs it\n"
                "  130  interrupted; the command to go on was printed\n",
    .options = OPTIONS_POLICY | OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_TASKS) |
               OPTION_BIT(OPTION_RERUN) | OPTION_BIT(OPTION_QUIET),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
