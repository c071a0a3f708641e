/* ktbatch logs: what a task printed.
 *
 * The database keeps the tail of long output; all of it is in the run's folder then, as of the task's latest attempt that
 * printed so much. The file is taken if it ends in what the database has, so that no attempt is shown another's output.
 * What a command prints is not kept a second time where it is its result and a newline.
 */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/database.h"
#include "cli/jobs.h"

#define COPY_SIZE (64u << 10)

static int parse_task(const char *word, const struct run_info *run, int64_t *ret, struct err *err)
{
    int64_t task;
    if (!json_i64((struct json){word, strlen(word)}, &task) || task < 0)
        return err_set(err, ERR_USAGE, "%s: a task is a number from 0", word);
    if (task >= run->tasks)
        return err_set(err, ERR_USAGE, "%s: run %s has the tasks 0 to %" PRId64, word, run->run, run->tasks - 1);
    *ret = task;
    return 0;
}

/* Opens the file of the whole output if it ends in `tail`; -1 if there is none. */
static int open_whole(const struct run_info *run, int64_t task, const char *stream, struct slice tail)
{
    CLEANUP_FREE char *path = mem_printf("%s/tasks/%" PRId64 "/%s", run->results, task, stream);
    char *end = mem_alloc(tail.len + 1);
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool same = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t)tail.len &&
                pread(fd, end, tail.len, st.st_size - (off_t)tail.len) == (ssize_t)tail.len && memcmp(end, tail.p, tail.len) == 0;
    free(end);
    if (fd >= 0 && !same) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int copy(int fd, struct err *err)
{
    char *bytes = mem_alloc(COPY_SIZE);
    ssize_t n;
    int result = 0;
    while (result == 0 && (n = read(fd, bytes, COPY_SIZE)) != 0) {
        if (n > 0)
            result = output_raw(STDOUT_FILENO, (struct slice){bytes, (size_t)n}, err);
        else if (errno != EINTR)
            result = err_sys(err, errno, "reading a task's output");
    }
    free(bytes);
    return result;
}

static int print_stream(const struct run_info *run, int64_t task, const char *stream, const struct buf *kept, bool title,
                        struct err *err)
{
    if (kept->len == 0)
        return 0;
    if (title) {
        CLEANUP_FREE char *line = mem_printf("==> %s <==\n", stream);
        if (output_raw(STDOUT_FILENO, slice_str(line), err))
            return -1;
    }
    int fd = kept->len >= STATE_OUTPUT_MAX ? open_whole(run, task, stream, buf_slice(kept)) : -1;
    if (fd < 0)
        return output_raw(STDOUT_FILENO, buf_slice(kept), err);
    int result = copy(fd, err);
    close(fd);
    return result;
}

/* Nothing is there to be printed: says why. An attempt that has not been is an error. */
static int say_nothing(struct state *state, const struct run_info *run, int64_t task, int attempt, struct err *err)
{
    struct state_rows *rows;
    CLEANUP_FREE char *number = mem_printf("%" PRId64, task);
    const char *params[] = {run->run, number};
    if (state_rows_open(state, "SELECT attempts, state = 'running' FROM tasks WHERE run = ?1 AND task = CAST(?2 AS INTEGER)", params, 2,
                        &rows, err))
        return -1;
    int found = state_rows_next(rows, err);
    int64_t attempts = found > 0 ? state_rows_int(rows, 0) : 0;
    bool running = found > 0 && state_rows_int(rows, 1);
    state_rows_close(rows);
    if (found < 0)
        return -1;
    if (attempt > attempts)
        return err_set(err, ERR_USAGE, "%s: task %" PRId64 " has had %" PRId64 " attempt%s", run->run, task, attempts,
                       attempts == 1 ? "" : "s");
    if (running && (attempt == 0 || attempt == attempts))
        say("%s: task %" PRId64 " is running; what it prints is kept when it has ended", run->run, task);
    else if (attempts == 0)
        say("%s: task %" PRId64 " has not been tried", run->run, task);
    else
        say("%s: task %" PRId64 " has printed nothing", run->run, task);
    return 0;
}

static int read_output(struct state *state, const struct run_info *run, int64_t task, int attempt, struct buf *ret_out,
                       struct buf *ret_err, struct err *err)
{
    if (state_output(state, run, task, attempt, ret_out, ret_err, err))
        return -1;
    if (ret_out->len || !jobs_prints_result(run))
        return 0;
    if (state_result(state, run, task, attempt, ret_out, err))
        return -1;
    if (ret_out->len)
        buf_add_char(ret_out, '\n');
    return 0;
}

static int print_logs(const struct options *options, struct state *state, const struct run_info *run, int64_t task,
                      struct err *err)
{
    CLEANUP_BUF struct buf out = {0}, errout = {0};
    bool one = options->only_stdout != options->only_stderr;
    if (read_output(state, run, task, options->attempt, &out, &errout, err))
        return -1;
    if (out.len == 0 && errout.len == 0)
        return say_nothing(state, run, task, options->attempt, err);
    if (one)
        return options->only_stdout ? print_stream(run, task, "stdout", &out, false, err)
                                    : print_stream(run, task, "stderr", &errout, false, err);
    bool titles = errout.len > 0;
    if (print_stream(run, task, "stdout", &out, titles, err))
        return -1;
    return print_stream(run, task, "stderr", &errout, titles, err);
}

/* One line on stderr about how the attempt ended, if it ended badly. */
static void say_how_it_ended(const struct options *options, struct state *state, const struct run_info *run, int64_t task)
{
    struct err err = ERR_INIT;
    struct state_rows *rows;
    CLEANUP_FREE char *number = mem_printf("%" PRId64, task);
    CLEANUP_FREE char *attempt = mem_printf("%d", options->attempt);
    const char *params[] = {run->run, number, attempt};
    if (state_rows_open(state, "SELECT attempt, class, message FROM attempts WHERE run = ?1 AND task = CAST(?2 AS INTEGER) "
                               "AND (?3 = '0' OR attempt = CAST(?3 AS INTEGER)) ORDER BY attempt DESC LIMIT 1",
                        params, 3, &rows, &err))
        return;
    if (state_rows_next(rows, &err) > 0 && state_rows_type(rows, 1) == CELL_TEXT) {
        CLEANUP_FREE char *class = mem_strndup(state_rows_text(rows, 1).p, state_rows_text(rows, 1).len);
        struct slice message = state_rows_text(rows, 2);
        say("%s: task %" PRId64 ", attempt %" PRId64 " failed: %s: %.*s", run->run, task, state_rows_int(rows, 0), class,
            (int)message.len, message.len ? message.p : "");
    }
    state_rows_close(rows);
}

static int show(const struct options *options, struct state *state, struct err *err)
{
    struct run_info info;
    int64_t task = 0;
    bool named = options->n_words == 2;
    if (state_find(state, named ? options->words[0] : NULL, RUN_ANY, &info, err))
        return -1;
    int result = parse_task(options->words[named], &info, &task, err);
    if (result == 0)
        result = print_logs(options, state, &info, task, err);
    if (result == 0)
        say_how_it_ended(options, state, &info, task);
    run_info_done(&info);
    return result;
}

static int run(const struct options *options)
{
    return database_look(options, show);
}

const struct command command_logs = {
    .name = "logs",
    .summary = "what a task printed",
    .usage = "[RUN] TASK [options]",
    .help = "    ktbatch logs cubes 3\n"
            "    ktbatch logs cubes-1 3 --stderr --attempt 1\n\n"
            "Prints what a task wrote to standard output and standard error in its last attempt, or in the one that --attempt\n"
            "names. If both are there each has a title; --stdout and --stderr print the bytes of one and nothing else.\n",
    .statuses = "  0  printed\n"
                "  2  wrong usage, no such run or task\n"
                "  3  the database cannot be read, or standard output not written\n",
    .options = OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_STDOUT) | OPTION_BIT(OPTION_STDERR) | OPTION_BIT(OPTION_ATTEMPT),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
