/* See process.h. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define ENVIRON_MAX (256u << 10)

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

bool process_has_mark(pid_t pid, const char *mark)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP_FREE char *text = mem_alloc(ENVIRON_MAX);
    size_t len = 0, mark_len = strlen(mark) + 1;
    ssize_t n;
    while (fd >= 0 && len < ENVIRON_MAX && (n = read(fd, text + len, ENVIRON_MAX - len)) > 0)
        len += (size_t)n;
    const char *at = text;
    while ((at = memmem(at, len - (size_t)(at - text), mark, mark_len)) != NULL) {
        if (at == text || at[-1] == '\0')
            return true;
        at++;
    }
    return false;
}

bool process_group_alive(pid_t group)
{
    return kill(-group, 0) == 0 || errno == EPERM;
}

void process_signal_name(int number, char out[32])
{
    const char *name = sigabbrev_np(number);
    if (name)
        snprintf(out, 32, "SIG%s", name);
    else
        snprintf(out, 32, "signal %d", number);
}
