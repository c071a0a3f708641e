/* ktbatch-worker: listens, lets in who has the run's key, runs its tasks.
 *
 * One session, then it exits (0: the session ended well, whatever became of its tasks); with --keep any number, until its
 * parent goes away or it is told to end. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "children.h"
#include "executor.h"
#include "library.h"
#include "listener.h"
#include "loop.h"
#include "own_memory.h"
#include "process.h"
#include "session.h"

#define KEEP_MAX 100000

struct options {
    const char *listen, *key_file;
    int keep, key_fd, announce_fd, parent_fd;
};

static const char help[] =
    "Example:\n"
    "  ktbatch-worker --listen 127.0.0.1:7000 --key-file run.key --tasks /opt/tasks\n"
    "\n"
    "Usage: ktbatch-worker --listen ADDRESS:PORT --key-file FILE [options]\n"
    "Serves one session of a ktbatch run and exits.\n"
    "\n"
    "  --listen ADDRESS:PORT  where to listen; port 0 takes a free one\n"
    "  --key-file FILE        the run's key: 64 hexadecimal digits, readable by its owner alone\n"
    "  --keep K               serve any number of sessions, K one-shot tasks at a time\n"
    "  --tasks DIR            look for task libraries here (may be given several times)\n"
    "  --key-fd N             read the key from this descriptor instead\n"
    "  --announce-fd N        write the address to this descriptor once it listens\n"
    "  --parent-fd N          end, with all that runs, when this descriptor's other end is closed\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 the session ended well, 1 it did not, 2 wrong usage, 3 the machine failed.\n";

static bool keeping;
static int exit_status = -1; /* -1: go on */
static bool waited_enough;

__attribute__((format(printf, 2, 3))) static int complain(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("ktbatch-worker: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

static void on_session_end(bool well)
{
    if (!keeping && exit_status < 0)
        exit_status = well ? 0 : 1;
}

static void on_signal(int number)
{
    exit_status = 128 + number;
}

static void on_parent(struct loop_source *source, uint32_t events)
{
    char byte;
    (void)events;
    if (read(source->fd, &byte, 1) == 0)
        exit_status = 1;
}

static int number(const char *text, int max)
{
    char *end;
    long n = strtol(text, &end, 10);
    return *text && !*end && n >= 0 && n <= max ? (int)n : -1;
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    enum { LISTEN = 256, KEY_FILE, KEEP, TASKS, KEY_FD, ANNOUNCE_FD, PARENT_FD, HELP, SHOW_VERSION };
    static const struct option known[] = {
        {"listen", 1, 0, LISTEN},       {"key-file", 1, 0, KEY_FILE},       {"keep", 1, 0, KEEP},
        {"tasks", 1, 0, TASKS},         {"key-fd", 1, 0, KEY_FD},           {"announce-fd", 1, 0, ANNOUNCE_FD},
        {"parent-fd", 1, 0, PARENT_FD}, {"help", 0, 0, HELP},               {"version", 0, 0, SHOW_VERSION},
        {0, 0, 0, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        int *fd = NULL;
        switch (option) {
        case LISTEN:
            o->listen = optarg;
            break;
        case KEY_FILE:
            o->key_file = optarg;
            break;
        case KEEP:
            o->keep = number(optarg, KEEP_MAX);
            if (o->keep < 1)
                return complain(2, "--keep %s: must be a number from 1 to %d", optarg, KEEP_MAX);
            break;
        case TASKS:
            library_add_folder(optarg);
            break;
        case KEY_FD:
            fd = &o->key_fd;
            break;
        case ANNOUNCE_FD:
            fd = &o->announce_fd;
            break;
        case PARENT_FD:
            fd = &o->parent_fd;
            break;
        case HELP:
            return fputs(help, stdout) < 0 ? 3 : 0;
        case SHOW_VERSION:
            return puts("ktbatch-worker " PACKAGE_VERSION) < 0 ? 3 : 0;
        default:
            return complain(2, "see ktbatch-worker --help");
        }
        if (fd && (*fd = number(optarg, 1 << 20)) < 0)
            return complain(2, "\"%s\" is no descriptor", optarg);
    }
    if (optind < argc)
        return complain(2, "\"%s\" is no option; see ktbatch-worker --help", argv[optind]);
    if (!o->listen || (!o->key_file && o->key_fd < 0))
        return complain(2, "--listen and --key-file are needed; see ktbatch-worker --help");
    return -1;
}

/* Standard input is empty, for us and for every task; and the numbers that executors use are never anything else. */
static void settle_descriptors(void)
{
    /* What we have inherited is not for tasks. */
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null > STDIN_FILENO) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
    for (int fd = EXECUTOR_WAKE_FD; fd <= EXECUTOR_ERR_FD; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            dup3(STDIN_FILENO, fd, O_CLOEXEC);
}

static int move_fd(int fd)
{
    int moved = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 10) : -1;
    if (moved >= 0)
        close(fd);
    return moved >= 0 ? moved : fd;
}

/* Tasks start with what is usual, whatever whoever started us ignores; but who ignores SIGHUP means it (nohup). */
static void settle_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        if (number != SIGHUP && number != SIGKILL && number != SIGSTOP)
            signal(number, SIG_DFL);
}

static int announce(int fd, struct buf *where, struct err *err)
{
    buf_add_char(where, '\n');
    if (fd < 0)
        return fprintf(stderr, "listening on %.*s", (int)where->len, where->data) < 0 ? -1 : 0;
    int failed = file_write_all(fd, where->data, where->len, "announcing the address", err);
    close(fd);
    return failed;
}

static void on_look(struct loop_timer *timer, int64_t now)
{
    process_look_at_memory();
    loop_set(timer, now + PROCESS_LOOK_US);
}

static void on_waited_enough(struct loop_timer *timer, int64_t now)
{
    (void)timer;
    (void)now;
    waited_enough = true;
}

/* The session is over, its executor is freeing its object: it has a moment for that. */
static void wait_for_executor(void)
{
    static struct loop_timer limit = {.fire = on_waited_enough};
    loop_set(&limit, clock_mono_us() + EXECUTOR_END_US);
    while (children_count() && !waited_enough && exit_status == 0)
        loop_round(session_flush_all);
    loop_unset(&limit);
}

static int serve(const struct options *o, const unsigned char key[WIRE_KEY_SIZE])
{
    static struct loop_source parent = {.ready = on_parent};
    static struct loop_timer look = {.fire = on_look};
    CLEANUP_BUF struct buf where = {0};
    struct err err = ERR_INIT;
    keeping = o->keep > 0;
    loop_init();
    if (children_init(on_signal))
        return complain(3, "cannot watch its children: %s", strerror(errno));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    executor_prepare();
    on_look(&look, clock_mono_us());
    session_init(keeping ? o->keep : 1, on_session_end);
    parent.fd = o->parent_fd;
    if (parent.fd >= 0 && loop_watch(&parent, EPOLLIN))
        return complain(3, "--parent-fd: %s", strerror(errno));
    if (listener_open(o->listen, !keeping, key, &where, &err) || announce(o->announce_fd, &where, &err))
        return complain(err_exit_status(err.class), "%s", err.text);
    while (exit_status < 0)
        loop_round(session_flush_all);
    if (exit_status == 0)
        wait_for_executor();
    children_kill_all();
    return exit_status;
}

int main(int argc, char **argv)
{
    struct options o = {.key_fd = -1, .announce_fd = -1, .parent_fd = -1};
    unsigned char key[WIRE_KEY_SIZE];
    struct err err = ERR_INIT;
    file_settle_standard();
    int status = read_options(argc, argv, &o);
    if (status >= 0)
        return status;
    own_memory_init();
    o.key_fd = move_fd(o.key_fd);
    o.announce_fd = move_fd(o.announce_fd);
    o.parent_fd = move_fd(o.parent_fd);
    settle_descriptors();
    settle_signals();
    process_raise_limits();
    if (o.key_fd >= 0 ? key_read_fd(o.key_fd, key, &err) : key_read(o.key_file, key, &err))
        return complain(err_exit_status(err.class), "%s", err.text);
    if (o.key_fd >= 0)
        close(o.key_fd);
    return serve(&o, key);
}
