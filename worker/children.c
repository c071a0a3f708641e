/* See children.h. Orphans that come to us as a subreaper are reaped in passing. */
#include "children.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "loop.h"
#include "process.h"

#define BUCKETS 1024

static struct child all = {.next = &all, .prev = &all};
static struct child **by_pid; /* BUCKETS lists */
static int count;
static void (*signalled)(int signal);

static struct child **bucket(pid_t pid)
{
    return &by_pid[(unsigned)pid % BUCKETS];
}

static void forget(struct child *child)
{
    struct child **at = bucket(child->pid);
    while (*at != child)
        at = &(*at)->next_in_bucket;
    *at = child->next_in_bucket;
    child->prev->next = child->next;
    child->next->prev = child->prev;
    count--;
}

static struct child *find(pid_t pid)
{
    struct child *c = *bucket(pid);
    while (c && c->pid != pid)
        c = c->next_in_bucket;
    return c;
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = find(pid);
        if (child) {
            forget(child);
            child->exited(child, status);
        }
    }
}

static void ready(struct loop_source *source, uint32_t events)
{
    struct signalfd_siginfo info[16];
    ssize_t n = read(source->fd, info, sizeof info);
    (void)events;
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof *info; i++)
        if (info[i].ssi_signo != SIGCHLD)
            signalled((int)info[i].ssi_signo);
    reap();
}

int children_init(void (*on_signal)(int signal))
{
    static struct loop_source source = {.ready = ready};
    static const int taken[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        sigaddset(&set, taken[i]);
    signalled = on_signal;
    by_pid = mem_zalloc(BUCKETS * sizeof *by_pid);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    source.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return source.fd < 0 ? -1 : loop_watch(&source, EPOLLIN);
}

void children_add(struct child *child)
{
    child->next = &all;
    child->prev = all.prev;
    all.prev->next = child;
    all.prev = child;
    child->next_in_bucket = *bucket(child->pid);
    *bucket(child->pid) = child;
    count++;
}

bool children_known(pid_t pid)
{
    return find(pid) != NULL;
}

int children_count(void)
{
    return count;
}

/* --- orphans --- */

#define SWEEP_US (10 * CLOCK_MS)
#define SWEEPS_MAX 200 /* then what is left cannot be killed */

static struct loop_timer sweep_timer;
static int sweeps;

/* Whether it may be a descendant of a child that runs. */
static bool is_wanted(pid_t pid)
{
    CLEANUP_BUF struct buf mark = {0};
    bool marked = process_variable(pid, CHILD_MARK, &mark) > 0, any_marked = false;
    for (const struct child *c = all.next; c != &all; c = c->next) {
        any_marked = any_marked || c->mark;
        if (marked && c->mark && strcmp(c->mark, buf_cstr(&mark)) == 0)
            return true;
    }
    return !marked && any_marked;
}

static void end_orphan(void *ctx, pid_t pid)
{
    int *n = ctx;
    if (children_known(pid) || is_wanted(pid))
        return;
    (*n)++;
    kill(pid, SIGKILL);
}

static void sweep(struct loop_timer *timer, int64_t now)
{
    int n = 0;
    process_each_child(end_orphan, &n);
    if (n && ++sweeps < SWEEPS_MAX)
        loop_set(timer, now + SWEEP_US);
}

void children_end_orphans(void)
{
    /* Now, and once more: its own children may have to hand theirs on first. */
    int n = 0;
    process_each_child(end_orphan, &n);
    sweeps = 0;
    sweep_timer.fire = sweep;
    loop_set(&sweep_timer, clock_mono_us() + SWEEP_US);
}

static void kill_one(void *ctx, pid_t pid)
{
    (void)ctx;
    kill(pid, SIGKILL);
}

void children_kill_all(void)
{
    for (struct child *c = all.next; c != &all; c = c->next) {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
    }
    /* Orphans come to us as their parents end: go on until there is nobody. */
    for (int round = 0; round < 100; round++) {
        process_each_child(kill_one, NULL);
        if (waitpid(-1, NULL, __WALL) < 0)
            break;
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
    }
}
