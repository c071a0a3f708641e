/* See executor.h.
 *
 * Happy path: fork, redirect, build the object, then for each task: read it from the ring, call, put the answer in the
 * ring. What could be wrong after a call is looked for as cheaply as it can be seen:
 * - output: stdout and stderr are memory files whose first page is mapped and filled with 0xff; a write shows there.
 * - a closed stdout: asked of the kernel only if the call took as long as a system call takes, and every so many calls.
 * - children left behind: asked only if the call took as long as making a process takes.
 */
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "process.h"
#include "task_api.h"

#define WINDOW 4096
#define SYSCALL_NS 1000     /* a call that closed a stream takes longer */
#define FORK_NS 10000       /* no call that made a process is faster */
#define LONG_NS 1000000     /* the answer of such a call is told at once, not when the session looks next */
#define LOOK_EVERY 256      /* calls */
#define PROGRESS_US 250000  /* PROGRESS at most so often */
#define CHILD_ROUNDS 100    /* rounds of killing what was left behind */

static struct ktbatch_call call;
static struct channel *channel;
static unsigned char *windows[2]; /* first pages of stdout and stderr */
static int64_t progress_said;

void executor_prepare(void)
{
    buf_reserve(&call.result, 4096);
    /* Nothing that a call prints may be in a buffer when it crashes. Set here, so that no child pays for it. */
    setvbuf(stdout, NULL, _IONBF, 0);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void put_failed(enum outcome outcome, int64_t at, int64_t us, const char *message)
{
    channel_put_record(channel,
                       (struct record){.len = (uint32_t)strlen(message), .kind = RECORD_FAILED, .detail = (uint16_t)outcome,
                                       .at = at, .us = us},
                       slice_str(message));
}

/* Reads the file behind stdout or stderr, and empties it. */
void executor_take_output(int fd, struct buf *out)
{
    off_t len = lseek(fd, 0, SEEK_CUR);
    if (len <= 0)
        return;
    for (off_t at = 0; at < len;) {
        ssize_t n = pread(fd, buf_reserve(out, (size_t)(len - at)), (size_t)(len - at), at);
        if (n <= 0)
            break;
        out->len += (size_t)n;
        at += n;
    }
    lseek(fd, 0, SEEK_SET);
    if (ftruncate(fd, 0))
        return;
}

static void fill_window(int stream)
{
    if (ftruncate(stream + 1, WINDOW) == 0)
        memset(windows[stream], 0xff, WINDOW);
}

static void put_output(void)
{
    static struct buf text;
    for (int stream = 0; stream < 2; stream++) {
        buf_clear(&text);
        executor_take_output(stream + 1, &text);
        for (size_t at = 0; at < text.len;) {
            size_t n = text.len - at < RECORD_MAX ? text.len - at : RECORD_MAX;
            channel_put_record(channel, (struct record){.len = (uint32_t)n, .kind = RECORD_OUTPUT, .detail = (uint16_t)(stream + 1)},
                               (struct slice){text.data + at, n});
            at += n;
        }
        if (windows[stream])
            fill_window(stream);
    }
    if (text.cap > (1u << 20))
        buf_done(&text);
}

static bool printed(void)
{
    uint64_t out, err;
    memcpy(&out, windows[0], sizeof out);
    memcpy(&err, windows[1], sizeof err);
    return out != UINT64_MAX || err != UINT64_MAX;
}

static bool streams_closed(void)
{
    return lseek(STDOUT_FILENO, 0, SEEK_CUR) < 0 || lseek(STDERR_FILENO, 0, SEEK_CUR) < 0;
}

struct left {
    int count;
    char name[32];
};

static void kill_left(void *ctx, pid_t pid)
{
    struct left *left = ctx;
    if (left->count++ == 0)
        process_name(pid, left->name);
    kill(pid, SIGKILL);
}

/* Ends every process that the call left behind; those that had ended by themselves do not count. */
static int end_children(struct left *left)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
        ;
    if (pid < 0)
        return 0;
    for (int round = 0; round < CHILD_ROUNDS; round++) {
        struct left more = {0};
        process_each_child(kill_left, &more);
        if (left->count == 0)
            *left = more;
        if (waitpid(-1, NULL, __WALL) < 0)
            break;
    }
    if (left->count == 0)
        *left = (struct left){1, "?"};
    return left->count;
}

/* Whether the call left processes behind: then they are ended, and that is the task's answer. */
static bool left_children(int64_t at, int64_t us)
{
    struct left left = {0};
    if (!end_children(&left))
        return false;
    CLEANUP_BUF struct buf text = {0};
    process_left_text(&text, left.count, left.name);
    put_failed(OUTCOME_ERROR, at, us, buf_cstr(&text));
    return true;
}

static void say_progress(struct ktbatch_call *c, double fraction, const char *text)
{
    int64_t now = clock_mono_us();
    (void)c;
    if (now - progress_said < PROGRESS_US)
        return;
    progress_said = now;
    size_t len = strnlen(text, CALL_MESSAGE_MAX);
    channel_put_record(channel, (struct record){.len = (uint32_t)len, .kind = RECORD_PROGRESS, .at = (int64_t)(fraction * 1e6)},
                       (struct slice){text, len});
    channel_nudge(channel);
}

/* What the call left in the process besides its answer. Returns whether a fresh executor must go on. */
static bool look_around(int64_t ns, int64_t at, bool *inout_ok)
{
    static unsigned calls;
    if (printed())
        put_output();
    if (ns >= SYSCALL_NS || ++calls % LOOK_EVERY == 0) {
        if (streams_closed()) {
            put_failed(OUTCOME_ERROR, at, ns / 1000, "closed its standard output or error");
            *inout_ok = false;
            return true;
        }
    }
    if (ns >= FORK_NS && left_children(at, ns / 1000))
        *inout_ok = false;
    return false;
}

static void put_answer(int64_t at, int64_t us)
{
    if (call.failed)
        put_failed(OUTCOME_ERROR, at, us, call.message);
    else if (call.result.len > RECORD_MAX - (1u << 20))
        put_failed(OUTCOME_ERROR, at, us, "the result is larger than 63 MiB");
    else
        channel_put_record(channel,
                           (struct record){.len = (uint32_t)call.result.len, .kind = RECORD_RESULT, .at = at, .us = us},
                           buf_slice(&call.result));
}

static void run_call(const struct executor_setup *setup, const struct channel_task *task)
{
    if (!task_call_begin(&call, task->task, task->attempt, (struct json){task->item.p, task->item.len}))
        return;
    setup->function->call(&call);
    task_call_end(&call);
}

static bool build_object(const struct executor_setup *setup)
{
    call.failed = call.returned = false;
    call.n_args = 0;
    if (!setup->function->object_new)
        return true;
    call.object = setup->function->object_new(&call);
    if (!call.object && !call.failed)
        task_api.fail(&call, "the object could not be built (no reason given)");
    return call.object != NULL;
}

_Noreturn static void run_one(const struct executor_setup *setup)
{
    struct channel_task task;
    channel_next(channel, &task);
    int64_t at = clock_mono_us();
    channel_started(channel, at);
    if (build_object(setup))
        run_call(setup, &task);
    int64_t us = clock_mono_us() - at;
    if (!left_children(at, us))
        put_answer(at, us);
    _exit(0);
}

_Noreturn static void run_many(const struct executor_setup *setup)
{
    struct channel_task task;
    bool built = build_object(setup);
    char reason[CALL_MESSAGE_MAX];
    memcpy(reason, call.message, sizeof reason);
    int64_t before = now_ns();
    while (channel_next(channel, &task)) {
        /* A task begins when the one before it ended, unless it had to be waited for. */
        if (task.slept)
            before = now_ns();
        channel_started(channel, before / 1000);
        if (built) {
            run_call(setup, &task);
        } else {
            call.failed = true;
            memcpy(call.message, reason, sizeof reason);
        }
        int64_t after = now_ns(), ns = after - before, at = before / 1000;
        bool ok = true;
        bool renew = look_around(ns, at, &ok);
        if (ok)
            put_answer(at, ns / 1000);
        if (renew)
            _exit(EXECUTOR_RENEW);
        if (ns >= LONG_NS)
            channel_nudge(channel);
        before = after;
    }
    if (call.object && setup->function->object_free)
        setup->function->object_free(call.object);
    fflush(NULL);
    _exit(0);
}

static void set_environment(struct json env)
{
    struct json_iter it = json_iter(env);
    while (json_next(&it)) {
        CLEANUP_BUF struct buf key = {0}, value = {0};
        json_unescape(it.key, &key);
        json_unescape(it.value, &value);
        setenv(buf_cstr(&key), buf_cstr(&value), 1);
    }
}

static void map_windows(void)
{
    for (int stream = 0; stream < 2; stream++) {
        if (ftruncate(stream + 1, WINDOW))
            _exit(127);
        void *p = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, stream + 1, 0);
        if (p == MAP_FAILED)
            _exit(127);
        windows[stream] = p;
        fill_window(stream);
    }
}

_Noreturn static void child(struct channel *c, const struct executor_setup *setup, pid_t parent)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    setpgid(0, 0);
    dup2(c->out, STDOUT_FILENO);
    dup2(c->errout, STDERR_FILENO);
    dup3(c->wake_executor, EXECUTOR_WAKE_FD, O_CLOEXEC);
    dup3(c->wake_session, EXECUTOR_NUDGE_FD, O_CLOEXEC);
    close_range(EXECUTOR_NUDGE_FD + 1, ~0U, 0);
    c->wake_executor = EXECUTOR_WAKE_FD;
    c->wake_session = EXECUTOR_NUDGE_FD;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    channel = c;
    channel_executor_starts(c);
    call.names = setup->names;
    call.object_json = setup->object;
    call.object = NULL;
    call.progress = say_progress;
    set_environment(setup->env);
    if (*setup->cwd && chdir(setup->cwd))
        setup = NULL;
    if (!setup) {
        struct channel_task task;
        while (channel_next(c, &task))
            put_failed(OUTCOME_REFUSED, clock_mono_us(), 0, "cannot enter the folder to run in");
        _exit(0);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (setup->one_shot)
        run_one(setup);
    map_windows();
    run_many(setup);
}

pid_t executor_start(struct channel *c, const struct executor_setup *setup)
{
    pid_t parent = getpid(), pid = _Fork();
    if (pid == 0)
        child(c, setup, parent);
    return pid;
}
