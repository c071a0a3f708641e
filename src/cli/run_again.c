/* See run_again.h. */
#include "cli/run_again.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "dispatch/dispatch.h"

/* `ctx` is the progress, NULL where it is quiet. */
static void on_progress(void *ctx, const struct dispatch_stats *stats)
{
    progress_show(ctx, stats);
}

static void on_message(void *ctx, const char *text)
{
    if (ctx)
        progress_message(ctx, text);
    else
        say("%s", text);
}

static void say_failure(void *ctx, const char *text)
{
    (void)ctx;
    say("  %s", text);
}

static void say_next(const struct options *options, const char *words, const char *verb, const char *run)
{
    CLEANUP_FREE char *command = command_line(options, verb, run, NULL);
    say("%s: %s", words, command);
}

/* "cubes-1: 10 done, 0 failed in 0.1 s; results in results/cubes-1/results.jsonl" */
static void say_summary(const struct run_info *run, const struct dispatch_stats *stats)
{
    char span[CLOCK_TEXT_SIZE];
    CLEANUP_BUF struct buf line = {0};
    CLEANUP_FREE char *shown = results_shown(run);
    buf_printf(&line, "%s: %" PRId64 " done, %" PRId64 " failed", run->run, run->done, run->failed);
    if (run->cancelled > 0)
        buf_printf(&line, ", %" PRId64 " cancelled", run->cancelled);
    if (run->running + run_queued(run) > 0)
        buf_printf(&line, ", %" PRId64 " left", run->running + run_queued(run));
    buf_printf(&line, " in %s; results in %s", clock_span(stats->elapsed_us, span), shown);
    say("%s", buf_cstr(&line));
}

static int say_end(const struct carry *carry, const struct dispatch_summary *summary)
{
    const struct run_info *run = carry->run;
    say_summary(run, &summary->stats);
    int64_t failed = carry->only ? summary->stats.failed : run->failed;
    bool open = rest_of(run) == REST_OPEN;
    if (run->failed > 0) {
        failures_each(carry->state, run, say_failure, NULL);
        say_next(carry->options, "what failed", "failures", run->run);
    }
    switch (summary->end) {
    case DISPATCH_FINISHED:
        if (open)
            say_next(carry->options, "the rest", "resume", run->run);
        else if (run->failed > 0)
            say_next(carry->options, "try them again", "retry", run->run);
        return failed > 0 ? EXIT_TASKS_FAILED : EXIT_DONE;
    case DISPATCH_INTERRUPTED:
        say("interrupted by %s", summary->signal == SIGINT ? "Ctrl-C" : strsignal(summary->signal));
        say_next(carry->options, "go on", "resume", run->run);
        return EXIT_INTERRUPTED;
    case DISPATCH_DEADLINE:
        say("stopped: the deadline is over");
        say_next(carry->options, "go on", "resume", run->run);
        return EXIT_TASKS_FAILED;
    case DISPATCH_MAX_FAILURES:
        say("stopped: more tasks have failed than maxFailures allows");
        say_next(carry->options, "go on", "resume", run->run);
        return EXIT_TASKS_FAILED;
    case DISPATCH_CANCELLED:
        say("cancelled");
        say_next(carry->options, "run the cancelled tasks", "retry", run->run);
        return EXIT_TASKS_FAILED;
    }
    return EXIT_TROUBLE;
}

int carry_out(const struct carry *carry)
{
    struct err err = ERR_INIT;
    struct dispatch_summary summary;
    struct progress *progress = carry->options->quiet ? NULL : progress_new(carry->run->run, STDERR_FILENO);
    struct dispatch_config config = {.state = carry->state, .run = carry->run, .plan = carry->plan, .only = carry->only,
                                     .backend_script = getenv("KTBATCH_FAKE_SCRIPT"), .on_message = on_message, .ctx = progress};
    if (progress) {
        config.on_progress = on_progress;
        config.progress_ms = progress_interval(progress);
    }
    int result = dispatch_run(&config, &summary, &err);
    progress_free(progress);
    if (result == 0)
        return say_end(carry, &summary);
    int status = command_fail(&err);
    say_next(carry->options, "when that is mended, go on", "resume", carry->run->run);
    return status;
}

void warn_if_changed(const struct run_info *run, const struct job *job, const char *advice)
{
    if (!job->digest || !run->digest || !*run->digest || strcmp(job->digest, run->digest) == 0)
        return;
    say("ktbatch: warning: %s has changed since %s was applied%s%s",
        job->kind == TASK_FUNCTION ? job->library_path : job->program_path, run->run, advice ? "; " : "", advice ? advice : "");
}

int say_at_rest(const struct options *options, const struct run_info *run)
{
    switch (rest_of(run)) {
    case REST_OPEN:
        break;
    case REST_NONE:
        if (run->tasks == 1)
            say("%s: its task is done; nothing to do", run->run);
        else
            say("%s: all %" PRId64 " tasks are done; nothing to do", run->run, run->tasks);
        return EXIT_DONE;
    case REST_FAILURES:
        say("%s: %" PRId64 " done, %" PRId64 " failed", run->run, run->done, run->failed);
        say_next(options, "what failed", "failures", run->run);
        say_next(options, "try them again", "retry", run->run);
        return EXIT_TASKS_FAILED;
    case REST_CANCELLED:
        say("%s: cancelled, with %" PRId64 " done and %" PRId64 " failed", run->run, run->done, run->failed);
        say_next(options, "run the cancelled tasks", "retry", run->run);
        return EXIT_TASKS_FAILED;
    }
    return EXIT_DONE;
}

static int again_locked(const struct options *options, struct state *state, struct run_info *run, prepare_fn prepare)
{
    struct err err = ERR_INIT;
    CLEANUP_LOADED struct loaded loaded = {0};
    int status = EXIT_DONE;
    if (jobs_load_run(options, state, run, &loaded))
        return EXIT_USAGE;
    warn_if_changed(run, loaded.job, NULL);
    int go_on = prepare ? prepare(options, state, run, &status, &err) : 1;
    if (go_on == 0)
        return status;
    if (go_on < 0 || state_start_run(state, run, loaded.sets, loaded.job->backend, &err))
        return command_fail(&err);
    return carry_out(&(struct carry){options, state, run, loaded.plan, NULL});
}

int run_again(const struct options *options, struct state *state, struct run_info *run, prepare_fn prepare)
{
    struct err err = ERR_INIT;
    struct run_lock *lock;
    if (database_lock(state, run, &lock, &err))
        return command_fail(&err);
    bool at_rest = !prepare && rest_of(run) != REST_OPEN;
    int status = at_rest ? say_at_rest(options, run) : again_locked(options, state, run, prepare);
    run_lock_release(lock);
    return status;
}
