/* Commands: started straight from the process that holds the session, since none of the user's code runs in it. */
#ifndef KT_WORKER_COMMAND_H
#define KT_WORKER_COMMAND_H

#include "base/err.h"
#include "base/json.h"
#include "children.h"
#include "loop.h"

#define COMMAND_MARK_SIZE 160

struct session;

struct command {
    struct child child;
    struct loop_source streams[2]; /* our ends of its stdout and stderr, 0 and 1; fd -1: read to its end, closed */
    struct session *owner;         /* who hears of it; NULL: nobody any more */
    char mark[COMMAND_MARK_SIZE];  /* its descendants carry it in their environment */
    struct command *next;          /* in the pool */
};

/* Never fails; not running. The caller sets child.exited and streams[].ready. */
struct command *command_new(void);
/* It must have ended, or never have been started. */
void command_free(struct command *c);

struct command_setup {
    struct json argv, env; /* of the task */
    struct json session_env;
    const char *cwd; /* "": where the worker is */
    const char *run;
    int64_t task;
    int attempt;
};
/* Starts it, in a process group of its own, stdin empty. -1: it could not be started; `err` says why (for people), its
 * class is ERR_SYSTEM if it was the machine's fault and not the command's. */
int command_start(struct command *c, const struct command_setup *setup, struct err *err);
/* Closes our end of a stream. */
void command_close_stream(struct command *c, int stream);

#endif
