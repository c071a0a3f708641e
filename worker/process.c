/* See process.h. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"

#define ENVIRON_MAX (4u << 20)
#define VMSTAT_MAX (1u << 20)

void process_each_child(void (*fn)(void *ctx, pid_t pid), void *ctx)
{
    char text[4096];
    size_t len = 0;
    ssize_t n;
    CLEANUP_CLOSE int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)n;
        text[len] = '\0';
        char *p = text, *end;
        for (long pid; (pid = strtol(p, &end, 10)) > 0 && *end; p = end)
            fn(ctx, (pid_t)pid);
        len = strlen(p);
        memmove(text, p, len);
    }
}

void process_left_text(struct buf *out, int count, const char *name)
{
    buf_printf(out, "left %d process%s behind: %s%s (killed)", count, count == 1 ? "" : "es", name,
               count == 1 ? "" : " and others");
}

void process_name(pid_t pid, char out[32])
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, 31) : 0;
    if (n <= 1)
        strcpy(out, "?");
    else
        out[n - 1] = '\0';
}

/* Not while execve(2) replaces it, nor when it has ended. */
static bool has_command_line(pid_t pid)
{
    char path[48], byte;
    snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}

static int read_environment(pid_t pid, struct buf *text)
{
    char path[48];
    struct err ignored = ERR_INIT;
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : file_read_fd(fd, path, ENVIRON_MAX, text, &ignored);
}

int process_variable(pid_t pid, const char *name, struct buf *ret)
{
    CLEANUP_BUF struct buf text = {0};
    size_t name_len = strlen(name);
    if (read_environment(pid, &text))
        return 0;
    if (text.len == 0 && !has_command_line(pid))
        return -1;
    if (text.len == 0 && read_environment(pid, &text)) /* it may have come meanwhile */
        return 0;
    const char *end = buf_cstr(&text) + text.len;
    for (const char *at = text.data; at < end; at += strlen(at) + 1)
        if (strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            buf_add_str(ret, at + name_len + 1);
            return 1;
        }
    return 0;
}

bool process_group_alive(pid_t group)
{
    return kill(-group, 0) == 0 || errno == EPERM;
}

/* How many processes the kernel has killed for want of memory; -1 if it does not say. */
static int64_t kills_for_memory(void)
{
    CLEANUP_BUF struct buf text = {0};
    struct err ignored = ERR_INIT;
    static const char key[] = "\noom_kill ";
    if (file_read("/proc/vmstat", VMSTAT_MAX, &text, &ignored))
        return -1;
    const char *at = strstr(buf_cstr(&text), key);
    return at ? strtoll(at + sizeof key - 1, NULL, 10) : -1;
}

static int64_t kills_seen[2] = {-1, -1}; /* at the last look, and at the one before */

void process_look_at_memory(void)
{
    int64_t now = kills_for_memory();
    kills_seen[1] = kills_seen[0] < 0 ? now : kills_seen[0];
    kills_seen[0] = now;
}

enum outcome process_signalled(int status, char words[PROCESS_WORDS_SIZE])
{
    int number = WTERMSIG(status);
    if (number == SIGKILL && kills_seen[1] >= 0 && kills_for_memory() > kills_seen[1]) {
        strcpy(words, "killed by the kernel: no memory left");
        return OUTCOME_OOM;
    }
    const char *name = sigabbrev_np(number);
    const char *core = WCOREDUMP(status) ? " (core dumped)" : "";
    if (name)
        snprintf(words, PROCESS_WORDS_SIZE, "SIG%s%s", name, core);
    else
        snprintf(words, PROCESS_WORDS_SIZE, "signal %d%s", number, core);
    return OUTCOME_SIGNAL;
}

int process_threads(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 ? (int)st.st_nlink - 2 : 0;
}

static struct rlimit usual_files;

void process_raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    usual_files = limit;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        usual_files = (struct rlimit){0};
}

void process_default_limits(void)
{
    if (usual_files.rlim_max)
        syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &usual_files, NULL);
}
