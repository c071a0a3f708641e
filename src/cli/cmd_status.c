/* ktbatch status: one run's facts; with --watch, until it ends. */
#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/database.h"
#include "cli/progress.h"

#define WATCH_MS 500
/* The rate of a watched run is that of about the last so many seconds. */
#define RATE_SPAN_US (INT64_C(5) * 1000000)

struct facts {
    struct run_info run;
    int64_t runner; /* process; 0: nobody */
    bool dead;      /* the database says running, and nobody runs it */
    char *started, *updated, *finished; /* NULL: not yet */
    double seconds, rate;
    double left; /* seconds; negative: cannot be told */
};

static void facts_done(struct facts *f)
{
    run_info_done(&f->run);
    free(f->started);
    free(f->updated);
    free(f->finished);
    *f = (struct facts){0};
}

static char *text_of(const struct state_rows *rows, int column)
{
    if (state_rows_type(rows, column) == CELL_NULL)
        return NULL;
    struct slice text = state_rows_text(rows, column);
    return mem_strndup(text.p, text.len);
}

static int read_times(struct state *state, struct facts *f, struct err *err)
{
    struct state_rows *rows;
    const char *params[] = {f->run.run};
    if (state_rows_open(state, "SELECT started, updated, finished, seconds FROM runs WHERE run = ?1", params, 1, &rows, err))
        return -1;
    int found = state_rows_next(rows, err);
    if (found > 0) {
        f->started = text_of(rows, 0);
        f->updated = text_of(rows, 1);
        f->finished = text_of(rows, 2);
        f->seconds = state_rows_real(rows, 3);
    }
    state_rows_close(rows);
    return found < 0 ? -1 : 0;
}

static int read_facts(struct state *state, const char *which, struct facts *ret, struct err *err)
{
    struct facts f = {.left = -1};
    if (state_find(state, which, RUN_ANY, &f.run, err))
        return -1;
    f.runner = run_lock_holder(state, &f.run);
    f.dead = f.run.state == RUN_RUNNING && f.runner == 0;
    if (read_times(state, &f, err)) {
        facts_done(&f);
        return -1;
    }
    int64_t settled = f.run.done + f.run.failed;
    if (f.run.state == RUN_RUNNING && !f.dead && f.seconds > 0) {
        f.rate = (double)settled / f.seconds;
        if (f.rate > 0)
            f.left = (double)(f.run.running + run_queued(&f.run)) / f.rate;
    }
    *ret = f;
    return 0;
}

static void add_fact(struct buf *b, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add_fact(struct buf *b, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CLEANUP_FREE char *text = mem_vprintf(format, args);
    va_end(args);
    buf_printf(b, "%-9s  %s\n", name, text);
}

static void add_state(struct buf *b, const struct options *options, const struct facts *f)
{
    CLEANUP_FREE char *resume = command_line(options, "resume", f->run.run, NULL);
    if (f->dead)
        add_fact(b, "state", "interrupted: its runner is gone; go on: %s", resume);
    else if (f->run.state == RUN_INTERRUPTED)
        add_fact(b, "state", "interrupted; go on: %s", resume);
    else if (f->runner)
        add_fact(b, "state", "%s, by process %" PRId64, run_state_names[f->run.state], f->runner);
    else
        add_fact(b, "state", "%s", run_state_names[f->run.state]);
}

struct failure_facts {
    struct buf *b;
    bool begun; /* only the first has the name before it */
};

static void add_failure(void *ctx, const char *text)
{
    struct failure_facts *f = ctx;
    add_fact(f->b, f->begun ? "" : "failures", "%s", text);
    f->begun = true;
}

static int print_facts(const struct options *options, struct state *state, const struct facts *f, struct err *err)
{
    CLEANUP_BUF struct buf b = {0};
    char span[CLOCK_TEXT_SIZE];
    const struct run_info *run = &f->run;
    CLEANUP_FREE char *shown = results_shown(run);
    add_fact(&b, "run", "%s", run->run);
    add_state(&b, options, f);
    add_fact(&b, "tasks", "%" PRId64 ": %" PRId64 " done, %" PRId64 " failed, %" PRId64 " running, %" PRId64 " queued, %" PRId64
             " cancelled", run->tasks, run->done, run->failed, run->running, run_queued(run), run->cancelled);
    if (f->rate > 0)
        add_fact(&b, "rate", "%.1f/s, about %s left", f->rate, clock_span((int64_t)(f->left * 1e6), span));
    add_fact(&b, "backend", "%s", run->backend);
    add_fact(&b, "started", "%s", f->started ? f->started : "");
    if (f->finished)
        add_fact(&b, "finished", "%s", f->finished);
    else
        add_fact(&b, "updated", "%s", f->updated ? f->updated : "");
    add_fact(&b, "time", "%s", clock_span((int64_t)(f->seconds * 1e6), span));
    add_fact(&b, "results", "%s", shown);
    failures_each(state, run, add_failure, &(struct failure_facts){.b = &b});
    return output_raw(STDOUT_FILENO, buf_slice(&b), err);
}

static int print_data(const struct options *options, const struct facts *f, struct err *err)
{
    const struct run_info *run = &f->run;
    const struct {
        const char *name;
        struct output_cell cell;
    } facts[] = {
        {"run", cell_text(run->run)},
        {"name", cell_text(run->name)},
        {"state", cell_text(run_state_names[f->dead ? RUN_INTERRUPTED : run->state])},
        {"tasks", cell_int(run->tasks)},
        {"queued", cell_int(run_queued(run))},
        {"running", cell_int(run->running)},
        {"done", cell_int(run->done)},
        {"failed", cell_int(run->failed)},
        {"cancelled", cell_int(run->cancelled)},
        {"backend", cell_text(run->backend)},
        {"started", cell_text(f->started)},
        {"updated", cell_text(f->updated)},
        {"finished", cell_text(f->finished)},
        {"seconds", cell_real(f->seconds)},
        {"runner", f->runner ? cell_int(f->runner) : (struct output_cell){OUT_NULL}},
        {"rate", f->rate > 0 ? cell_real(f->rate) : (struct output_cell){OUT_NULL}},
        {"left", f->left >= 0 ? cell_real(f->left) : (struct output_cell){OUT_NULL}},
        {"results", cell_text(run->results)},
    };
    struct output_cell cells[ARRAY_LEN(facts)];
    struct output *out = output_new(options->format, STDOUT_FILENO);
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        output_column(out, facts[i].name);
        cells[i] = facts[i].cell;
    }
    output_row(out, cells);
    return output_end(out, err);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* What is shown of a run that another process runs; `earlier` is a sample of some seconds ago. */
struct sample {
    int64_t at_us, settled;
};
static struct dispatch_stats stats_of(const struct facts *f, const struct sample *earlier, int64_t now)
{
    const struct run_info *run = &f->run;
    struct dispatch_stats s = {.tasks = run->tasks, .done = run->done, .failed = run->failed, .running = run->running,
                               .queued = run_queued(run), .rate = f->rate, .left_us = -1, .workers = -1,
                               .elapsed_us = (int64_t)(f->seconds * 1e6)};
    int64_t settled = run->done + run->failed - earlier->settled;
    if (now > earlier->at_us && settled > 0)
        s.rate = (double)settled * 1e6 / (double)(now - earlier->at_us);
    if (s.rate > 0)
        s.left_us = (int64_t)((double)(s.running + s.queued) / s.rate * 1e6);
    return s;
}

static int watch(struct state *state, struct facts *f, struct err *err)
{
    struct sigaction action = {.sa_handler = on_interrupt}; /* without SA_RESTART: it ends the pause */
    sigaction(SIGINT, &action, NULL);
    CLEANUP_FREE char *run = mem_strdup(f->run.run);
    struct progress *progress = progress_new(run, STDERR_FILENO);
    struct sample earlier = {clock_mono_us(), f->run.done + f->run.failed};
    int64_t shown = 0;
    int result = 0;
    while (result == 0 && !interrupted && f->run.state == RUN_RUNNING && !f->dead) {
        int64_t now = clock_mono_us();
        if (shown == 0 || now - shown >= progress_interval(progress) * CLOCK_MS) {
            struct dispatch_stats stats = stats_of(f, &earlier, now);
            progress_show(progress, &stats);
            shown = now;
        }
        if (now - earlier.at_us > RATE_SPAN_US)
            earlier = (struct sample){now, f->run.done + f->run.failed};
        poll(NULL, 0, WATCH_MS);
        struct facts fresh;
        if ((result = read_facts(state, run, &fresh, err)) == 0) {
            facts_done(f);
            *f = fresh;
        }
    }
    progress_free(progress);
    return result;
}

static int show(const struct options *options, struct state *state, struct err *err)
{
    struct facts f;
    if (read_facts(state, options->n_words ? options->words[0] : NULL, &f, err))
        return -1;
    int result = options->watch ? watch(state, &f, err) : 0;
    if (result == 0)
        result = options->format == OUTPUT_TABLE ? print_facts(options, state, &f, err) : print_data(options, &f, err);
    if (result == 0 && options->watch)
        result = interrupted ? EXIT_INTERRUPTED : f.run.state == RUN_DONE ? EXIT_DONE : EXIT_TASKS_FAILED;
    facts_done(&f);
    return result;
}

static int run(const struct options *options)
{
    return database_look(options, show);
}

const struct command command_status = {
    .name = "status",
    .summary = "one run: counts, rate, time left, failures",
    .usage = "[RUN] [options]",
    .help = "    ktbatch status\n"
            "    ktbatch status cubes --watch\n\n"
            "Says what a run is at, also while another process runs it. --watch follows it until it ends, and then says how.\n",
    .statuses = "  0    printed; with --watch: all tasks are done\n  1    with --watch: it ended otherwise\n"
                "  2    wrong usage, or no such run\n"
                "  3    the database cannot be read, or standard output not written\n"
                "  130  with --watch: interrupted (the run goes on)\n",
    .options = OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_WATCH),
    .max_words = 1,
    .run = run,
};
