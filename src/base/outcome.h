/* How an attempt at a task can end: the closed list, and what follows from each, in one table.
 * The names stand in the database, in results and in the protocol; they never change their meaning.
 */
#ifndef KT_BASE_OUTCOME_H
#define KT_BASE_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

enum outcome {
    OUTCOME_OK,      /* the task returned a result; has no class */
    OUTCOME_ERROR,   /* the task itself said so */
    OUTCOME_EXIT,    /* a command's exit status was not 0; a function called exit() */
    OUTCOME_SIGNAL,  /* died by a signal */
    OUTCOME_TIMEOUT, /* ran longer than `timeout` and was killed */
    OUTCOME_OOM,     /* ran out of memory */
    OUTCOME_LOST,    /* its worker, or the worker's machine, went away */
    OUTCOME_REFUSED, /* the worker cannot run it: no such library, function or program */
    OUTCOME_EVICTED, /* the cluster took the worker away */
    OUTCOME_COUNT
};

/* The class's name, NULL for OUTCOME_OK. */
const char *outcome_name(enum outcome o);
/* The outcome of that class, or -1. */
int outcome_find(const char *name, size_t len);
/* All names, for messages and the schema; index OUTCOME_OK is NULL. */
extern const char *const outcome_names[OUTCOME_COUNT];

/* Whether an attempt that ended so uses up one of the task's `retries`; if not, it is repeated for free, up
 * to a limit (dispatch/sched.h). */
bool outcome_counts(enum outcome o);
/* Whether it is retried at all when the job file has no `retryOn`. */
bool outcome_retried(enum outcome o);

#endif
