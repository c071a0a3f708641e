/* Commands: started straight from the process that holds the session, since none of the user's code runs in it. */
#ifndef KT_WORKER_COMMAND_H
#define KT_WORKER_COMMAND_H

#include "base/err.h"
#include "base/json.h"
#include "children.h"
#include "loop.h"

struct session;

struct command {
    struct child child;
    struct loop_source streams[2]; /* read ends of stdout and stderr; 0 and 1 */
    int write_ends[2];
    struct session *owner; /* who hears of it; NULL: nobody any more */
    struct command *next; /* in the pool */
};

/* One with its pipes, from the pool or made; not running. The caller sets child.exited and streams[].ready. NULL with errno. */
struct command *command_get(void);
/* Back. `spoiled`: somebody may still hold its pipes; they are not used again. */
void command_put(struct command *c, bool spoiled);

struct command_setup {
    struct json argv, env; /* of the task */
    struct json session_env;
    const char *cwd; /* "": where the worker is */
    const char *run;
    int64_t task;
    int attempt;
};
/* Starts it, in a process group of its own, stdin empty. -1: it could not be started; `err` says why (for people). */
int command_start(struct command *c, const struct command_setup *setup, struct err *err);
/* The environment entry by which a process is known to be of that task. */
void command_mark(char out[160], const char *run, int64_t task, int attempt);

#endif
