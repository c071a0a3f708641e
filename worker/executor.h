/* The executor: a child process that runs functions of a task library, one call at a time.
 *
 * It gets its tasks and gives its answers through a channel. It may die at any moment, by the fault of the code that it
 * runs; its session then names the task and starts another. It never holds the run's connection or key.
 */
#ifndef KT_WORKER_EXECUTOR_H
#define KT_WORKER_EXECUTOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/json.h"
#include "channel.h"
#include "ktbatch_task.h"

struct executor_setup {
    const struct ktbatch_function *function;
    struct json object, names, env;
    const char *cwd; /* "": where the worker is */
    bool one_shot;   /* one task, then exit */
};
/* Exit statuses by which an executor itself ends, other than by its task's exit(). The session knows that it was not the task
 * because the task's answer has come. */
#define EXECUTOR_RENEW 0 /* has answered; a fresh one shall go on */

#define EXECUTOR_STREAMS_CLOSED "closed its standard output or error"

/* One that was asked to end has so long. */
#define EXECUTOR_END_US (2 * CLOCK_S)

/* Makes what all executors share (call it once, early): buffers that a forked child then need not allocate. */
void executor_prepare(void);
/* Call it after each library that is loaded. */
void executor_library_loaded(void);
/* Forks. Returns the child's pid, or -1 with errno. */
pid_t executor_start(struct channel *c, const struct executor_setup *setup);

/* What stdout (stderr) of a channel's last executor holds, piece by piece; then it is emptied. Only while no executor
 * runs. */
void executor_take_output(int fd, void (*take)(void *ctx, struct slice piece), void *ctx);

/* Descriptors that an executor has besides 0, 1, 2; the process that forks keeps them occupied. The last two are stdout and
 * stderr once more, for when the task has closed its own. */
enum executor_fd { EXECUTOR_WAKE_FD = 3, EXECUTOR_NUDGE_FD, EXECUTOR_OUT_FD, EXECUTOR_ERR_FD };

#endif
