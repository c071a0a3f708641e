/* See orphans.h. The kernel lists a process's children in /proc/self/task/TID/children. */
#include "backend/orphans.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/files.h"
#include "base/mem.h"

#define CHILDREN_MAX (16u << 20)
#define ROUNDS_MAX 1000 /* each kills a generation, or finds that some are new */

struct pids {
    int *list;
    int n, cap;
};
struct orphans {
    int before; /* whether we were a subreaper */
    struct pids ours;
};

static bool has(const struct pids *p, int pid)
{
    for (int i = 0; i < p->n; i++)
        if (p->list[i] == pid)
            return true;
    return false;
}

static void read_children(const char *path, struct pids *ret)
{
    CLEANUP_BUF struct buf text = {0};
    struct err ignored = ERR_INIT;
    if (file_read(path, CHILDREN_MAX, &text, &ignored))
        return; /* the thread has ended */
    char *at = buf_cstr(&text), *end;
    for (long pid; (pid = strtol(at, &end, 10)) > 0; at = end) {
        MEM_GROW(ret->list, ret->n, ret->cap);
        ret->list[ret->n++] = (int)pid;
    }
}

static void children(struct pids *ret)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        CLEANUP_FREE char *path = mem_printf("/proc/self/task/%s/children", entry->d_name);
        if (entry->d_name[0] != '.')
            read_children(path, ret);
    }
    if (dir)
        closedir(dir);
}

struct orphans *orphans_new(void)
{
    struct orphans *o = MEM_NEW(struct orphans);
    if (prctl(PR_GET_CHILD_SUBREAPER, &o->before))
        o->before = 0;
    children(&o->ours);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    return o;
}

/* Kills those that may be; how many there were. */
static int kill_round(const struct orphans *o, int keep)
{
    struct pids now = {0};
    int n = 0;
    children(&now);
    for (int i = 0; i < now.n; i++) {
        if (now.list[i] == keep || has(&o->ours, now.list[i]))
            continue;
        kill(now.list[i], SIGKILL);
        waitpid(now.list[i], NULL, 0);
        n++;
    }
    free(now.list);
    return n;
}

void orphans_kill(struct orphans *o, int keep)
{
    for (int i = 0; i < ROUNDS_MAX && kill_round(o, keep); i++)
        ;
}

void orphans_free(struct orphans *o)
{
    if (!o)
        return;
    (void)prctl(PR_SET_CHILD_SUBREAPER, (unsigned long)o->before);
    free(o->ours.list);
    free(o);
}
