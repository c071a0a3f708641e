/* See executor.h.
 *
 * Happy path: fork, redirect, build the object, then for each task: read it from the ring, call, put the answer in the
 * ring. What could be wrong after a call is looked for as cheaply as it can be seen:
 * - output: stdout and stderr are memory files whose first page is mapped and filled with 0xff; a write shows there.
 * - a closed stdout: asked of the kernel only if the call took so much longer than the fastest one that it may have made a
 *   system call, and every so many calls. One that leads elsewhere is put back, since the next task's output would go there
 *   too. Where our own ends of it were closed with it, the session answers: only it can still read what was printed.
 * - children left behind: asked only if the call took as long as making a process takes.
 *
 * Before the call a child takes care to touch few pages, since each costs a fault: bare system calls in the place of libc's
 * wrappers, which lie far apart, and all that is written in one struct.
 */
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "own_memory.h"
#include "process.h"
#include "task_api.h"

#define PAGE 4096
#define WINDOW PAGE
#define FORK_NS 10000       /* no call that made a process is faster */
#define LONG_NS 1000000     /* the answer of such a call is told at once, not when the session looks next */
#define LOOK_EVERY 256      /* calls */
#define REOPEN_NS 1000      /* no faster call has opened a file */
#define PROGRESS_US 250000  /* PROGRESS at most so often */
#define CHILD_ROUNDS 100    /* rounds of killing what was left behind */
#define PIECE (256u << 10)  /* of output */
#define RESULT_MAX (RECORD_MAX - (1u << 20)) /* fits one frame */

/* On pages of its own, so that the ones that the worker writes to stay few. */
static struct {
    struct channel_place place;
    unsigned char *windows[2]; /* first pages of stdout and stderr; NULL in a one-shot executor */
    ino_t inodes[2];           /* of these files */
    int64_t progress_said;
    unsigned calls;
    int64_t least_ns; /* that a call has taken */
    bool looked;      /* the kernel was asked something after the last call: that time is not the next one's */
    struct ktbatch_call call;
} *self;
static int64_t close_ns;
static bool has_threads; /* libraries have started some */

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void put_failed(enum outcome outcome, int64_t at, int64_t us, const char *message)
{
    channel_put_record(&self->place,
                       (struct record){.len = (uint32_t)strlen(message), .kind = RECORD_FAILED, .detail = (uint16_t)outcome,
                                       .at = at, .us = us},
                       slice_str(message));
}

/* --- what a task prints --- */

void executor_take_output(int fd, void (*take)(void *ctx, struct slice piece), void *ctx)
{
    CLEANUP_BUF struct buf piece = {0};
    off_t len = lseek(fd, 0, SEEK_CUR);
    if (len <= 0)
        return;
    for (off_t at = 0; at < len;) {
        size_t want = len - at < (off_t)PIECE ? (size_t)(len - at) : PIECE;
        ssize_t n = pread(fd, buf_reserve(&piece, want), want, at);
        if (n <= 0)
            break;
        take(ctx, (struct slice){piece.data, (size_t)n});
        at += n;
    }
    lseek(fd, 0, SEEK_SET);
    if (ftruncate(fd, 0))
        return;
}

static void fill_window(int stream)
{
    if (ftruncate(EXECUTOR_OUT_FD + stream, WINDOW) == 0)
        memset(self->windows[stream], 0xff, WINDOW);
}

static void map_windows(void)
{
    for (int stream = 0; stream < 2; stream++) {
        int fd = EXECUTOR_OUT_FD + stream;
        struct stat st;
        if (dup3(stream + 1, fd, O_CLOEXEC) < 0 || ftruncate(fd, WINDOW) || fstat(fd, &st))
            _exit(127);
        self->inodes[stream] = st.st_ino;
        void *p = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            _exit(127);
        self->windows[stream] = p;
        fill_window(stream);
    }
}

static void put_piece(void *ctx, struct slice piece)
{
    const int *stream = ctx;
    channel_put_record(&self->place,
                       (struct record){.len = (uint32_t)piece.len, .kind = RECORD_OUTPUT, .detail = (uint16_t)(*stream + 1)}, piece);
}

static void put_output(void)
{
    for (int stream = 0; stream < 2; stream++) {
        executor_take_output(EXECUTOR_OUT_FD + stream, put_piece, &stream);
        fill_window(stream);
    }
}

static bool printed(void)
{
    uint64_t out, err;
    memcpy(&out, self->windows[0], sizeof out);
    memcpy(&err, self->windows[1], sizeof err);
    return out != UINT64_MAX || err != UINT64_MAX;
}

static bool is_open(const struct pollfd *fd)
{
    return !(fd->revents & POLLNVAL);
}

/* Ends the process, for the session to answer, where what was printed is out of reach. */
static bool streams_closed(void)
{
    struct pollfd fds[] = {{STDOUT_FILENO, 0, 0}, {STDERR_FILENO, 0, 0}, {EXECUTOR_OUT_FD, 0, 0}, {EXECUTOR_ERR_FD, 0, 0}};
    bool one_shot = !self->windows[0];
    if (poll(fds, one_shot ? 2 : 4, 0) <= 0)
        return false;
    if (!one_shot && !(is_open(&fds[2]) && is_open(&fds[3]))) {
        channel_streams_gone(&self->place);
        _exit(0);
    }
    return !is_open(&fds[0]) || !is_open(&fds[1]);
}

/* Streams that the call has left leading elsewhere lead here again. */
static void restore_streams(void)
{
    for (int stream = 0; stream < 2; stream++) {
        struct stat st;
        if (fstat(stream + 1, &st) || st.st_ino == self->inodes[stream])
            continue;
        if (stream == 0)
            fflush(stdout);
        dup3(EXECUTOR_OUT_FD + stream, stream + 1, 0);
        setvbuf(stream ? stderr : stdout, NULL, _IONBF, 0);
    }
}

/* Whether the call may have closed a stream, by its time: not if it took as long as a faster one that did not. */
static bool may_have_closed(int64_t ns)
{
    bool fastest = self->calls++ == 0 || ns < self->least_ns;
    if (fastest)
        self->least_ns = ns;
    return fastest || ns >= self->least_ns + close_ns || self->calls % LOOK_EVERY == 0;
}

/* How long closing a stream takes at the least on this machine: half of the best of some. */
static int64_t time_of_close(void)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 16; i++) {
        int fd = dup(STDIN_FILENO);
        int64_t before = now_ns();
        close(fd);
        int64_t ns = now_ns() - before;
        best = ns < best ? ns : best;
    }
    return best / 2;
}

/* --- what it leaves behind --- */

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

static void say_progress(struct ktbatch_call *c, double fraction, const char *text)
{
    int64_t now = clock_mono_us();
    (void)c;
    if (now - self->progress_said < PROGRESS_US || isnan(fraction))
        return;
    self->progress_said = now;
    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    size_t len = strnlen(text, CALL_MESSAGE_MAX);
    channel_put_record(&self->place,
                       (struct record){.len = (uint32_t)len, .kind = RECORD_PROGRESS, .at = (int64_t)(fraction * 1e6)},
                       (struct slice){text, len});
    channel_nudge(&self->place);
}

/* What the call left in the process besides its answer; NULL if nothing is wrong. `ret_renew`: a fresh executor must go on. */
static const char *what_is_wrong(int64_t ns, struct buf *text, bool *ret_renew)
{
    if (may_have_closed(ns)) {
        self->looked = true;
        if (streams_closed()) {
            *ret_renew = true;
            return EXECUTOR_STREAMS_CLOSED;
        }
        if (self->windows[0] && (ns >= REOPEN_NS || self->calls % LOOK_EVERY == 0))
            restore_streams();
    }
    if (ns < FORK_NS)
        return NULL;
    self->looked = true;
    struct left left = {0};
    if (end_children(&left) == 0)
        return NULL;
    buf_clear(text);
    process_left_text(text, left.count, left.name);
    return buf_cstr(text);
}

static void put_answer(int64_t at, int64_t us)
{
    struct ktbatch_call *call = &self->call;
    if (call->failed)
        put_failed(OUTCOME_ERROR, at, us, call->message);
    else if (call->result.len > RESULT_MAX)
        put_failed(OUTCOME_ERROR, at, us, "the result is larger than 63 MiB");
    else
        channel_put_record(&self->place,
                           (struct record){.len = (uint32_t)call->result.len, .kind = RECORD_RESULT, .at = at, .us = us},
                           buf_slice(&call->result));
}

/* Returns whether a fresh executor must go on. */
static bool finish_call(int64_t ns, int64_t at)
{
    CLEANUP_BUF struct buf text = {0};
    bool renew = false;
    self->looked = self->windows[0] && printed();
    if (self->looked) {
        (void)streams_closed(); /* does not return where they cannot be read */
        put_output();
    }
    const char *wrong = what_is_wrong(ns, &text, &renew);
    if (wrong && !self->call.failed)
        put_failed(OUTCOME_ERROR, at, ns / 1000, wrong);
    else
        put_answer(at, ns / 1000);
    return renew;
}

static void run_call(const struct executor_setup *setup, const struct channel_task *task)
{
    if (!task_call_begin(&self->call, task->task, task->attempt, task->item))
        return;
    setup->function->call(&self->call);
    task_call_end(&self->call);
}

static bool build_object(const struct executor_setup *setup)
{
    struct ktbatch_call *call = &self->call;
    call->failed = call->returned = false;
    call->n_args = 0;
    if (!setup->function->object_new)
        return true;
    call->object = setup->function->object_new(call);
    if (!call->object && !call->failed)
        task_api.fail(call, "the object could not be built (no reason given)");
    return call->object != NULL && !call->failed;
}

_Noreturn static void run_one(const struct executor_setup *setup)
{
    struct channel_task task;
    if (!channel_next(&self->place, &task))
        _exit(0);
    int64_t begun = now_ns();
    channel_started(&self->place, begun / 1000);
    if (build_object(setup))
        run_call(setup, &task);
    finish_call(now_ns() - begun, begun / 1000);
    _exit(0);
}

_Noreturn static void run_many(const struct executor_setup *setup)
{
    struct channel_task task;
    bool built = build_object(setup);
    char reason[CALL_MESSAGE_MAX];
    memcpy(reason, self->call.message, sizeof reason);
    int64_t before = now_ns();
    while (channel_next(&self->place, &task)) {
        /* A task begins when the one before it ended, unless it had to be waited for. */
        if (task.slept)
            before = now_ns();
        channel_started(&self->place, before / 1000);
        if (built) {
            run_call(setup, &task);
        } else {
            self->call.failed = true;
            memcpy(self->call.message, reason, sizeof reason);
        }
        int64_t after = now_ns(), ns = after - before;
        if (finish_call(ns, before / 1000))
            _exit(EXECUTOR_RENEW);
        if (ns >= LONG_NS)
            channel_nudge(&self->place);
        before = self->looked ? now_ns() : after;
    }
    if (self->call.object && setup->function->object_free)
        setup->function->object_free(self->call.object);
    fflush(NULL);
    _exit(0);
}

/* --- the start --- */

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

/* Nothing of the parent's stays open: not the connection, not other tasks' output. */
static void close_the_rest(void)
{
    if (syscall(SYS_close_range, EXECUTOR_ERR_FD + 1, ~0U, 0) == 0)
        return;
    for (long fd = EXECUTOR_ERR_FD + 1, end = sysconf(_SC_OPEN_MAX); fd < end; fd++)
        close((int)fd);
}

_Noreturn static void cannot_enter(const struct executor_setup *setup)
{
    struct channel_task task;
    CLEANUP_BUF struct buf text = {0};
    buf_printf(&text, "cannot enter the folder %s: %s", setup->cwd, strerror(errno));
    while (channel_next(&self->place, &task)) {
        put_failed(OUTCOME_REFUSED, clock_mono_us(), 0, buf_cstr(&text));
        if (setup->one_shot)
            break;
    }
    _exit(0);
}

_Noreturn static void child(const struct channel *c, const struct executor_setup *setup, pid_t parent)
{
    uint64_t no_signals = 0;
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    if (syscall(SYS_getppid) != parent)
        _exit(127);
    syscall(SYS_setpgid, 0, 0);
    syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
    syscall(SYS_dup3, c->out, STDOUT_FILENO, 0);
    syscall(SYS_dup3, c->errout, STDERR_FILENO, 0);
    syscall(SYS_dup3, c->wake_executor, EXECUTOR_WAKE_FD, O_CLOEXEC);
    syscall(SYS_dup3, c->nudged.fd, EXECUTOR_NUDGE_FD, O_CLOEXEC);
    if (channel_executor_starts(&self->place, c, EXECUTOR_WAKE_FD, EXECUTOR_NUDGE_FD))
        _exit(127);
    close_the_rest();
    process_default_limits();
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, sizeof no_signals);
    self->call.names = setup->names;
    self->call.object_json = setup->object;
    self->call.object = NULL;
    self->call.progress = say_progress;
    set_environment(setup->env);
    if (*setup->cwd && chdir(setup->cwd))
        cannot_enter(setup);
    if (setup->one_shot)
        run_one(setup);
    map_windows();
    run_many(setup);
}

void executor_prepare(void)
{
    bool own = own_memory_use(false);
    self = aligned_alloc(PAGE, (sizeof *self + PAGE - 1) & ~(size_t)(PAGE - 1));
    if (!self)
        abort();
    memset(self, 0, sizeof *self);
    close_ns = time_of_close();
    buf_reserve(&self->call.result, PAGE);
    own_memory_use(own);
    /* What a task has printed must not die with it in a buffer. Nothing of ours prints there after this. */
    setvbuf(stdout, NULL, _IONBF, 0);
}

void executor_library_loaded(void)
{
    has_threads = process_threads() != 1;
}

/* fork() without what libc and libraries have to put in order around it, and the pages which that touches. A library that has
 * started threads needs it: it has handlers that stop them before and start them after. */
static pid_t bare_fork(void)
{
#ifdef HAVE__FORK
    if (!has_threads)
        return _Fork();
#endif
    return fork();
}

pid_t executor_start(struct channel *c, const struct executor_setup *setup)
{
    const struct channel copy = *c; /* on the stack: where it lies now is not in the child */
    bool own = own_memory_use(false);
    pid_t parent = getpid(), pid = bare_fork();
    if (pid == 0)
        child(&copy, setup, parent);
    own_memory_use(own);
    return pid;
}
