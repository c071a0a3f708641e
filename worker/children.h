/* The processes that this one has started, by pid: who is told when one ends. */
#ifndef KT_WORKER_CHILDREN_H
#define KT_WORKER_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* also its process group */
    const char *mark; /* the value of CHILD_MARK in its environment, or NULL */
    void (*exited)(struct child *child, int status);
    struct child *next, *prev, *next_in_bucket;
};
/* The environment variable by which a process is known to be of a task. */
#define CHILD_MARK "KTBATCH_MARK"

/* SIGCHLD and the ending signals are taken from a descriptor of the loop from now on; `on_signal` hears of the latter. */
int children_init(void (*on_signal)(int signal));
void children_add(struct child *child);
/* Whether `pid` is one of them. */
bool children_known(pid_t pid);
int children_count(void);
/* Kills what a child that is gone has left to us, now and in the next moments: all that is not known here and does not
 * carry the mark of one that is. */
void children_end_orphans(void);
/* Kills every group of theirs, and waits until none is left. Nobody is told. */
void children_kill_all(void);

#endif
