/* A session from the inside: what session.c, function_run.c and command_run.c share. Nobody else includes this. */
#ifndef KT_WORKER_SESSION_INSIDE_H
#define KT_WORKER_SESSION_INSIDE_H

#include "channel.h"
#include "command.h"
#include "executor.h"
#include "loop.h"
#include "setup.h"

/* Tasks of one TASKS message that are not all answered. */
struct batch {
    int64_t first, count, done;
    int attempt;
    uint64_t position;      /* functions: of the message in the channel */
    struct buf body;        /* commands and one-shot functions: the items, until they are started */
    struct json_iter items; /* commands: those of them that have not been started */
    struct batch *next;
};

/* An executor outlives its session by the moment that it takes to end. */
struct executor {
    struct child child;
    struct channel *channel;
    struct session *session;   /* NULL: nobody wants it any more */
    struct loop_timer overdue; /* ends it if it does not */
    int64_t begun_before;      /* answers of the session when it was started */
    int64_t launched;          /* when */
    bool timed_out;
    bool ended; /* its process has */
    bool mad;   /* what it put out was nonsense */
    bool stale; /* its channel holds tasks that were dropped: no further ones go in */
    int64_t limit; /* tasks of the session that it may begin, all others being dropped; INT64_MAX: no limit */
    struct executor *next; /* in the pool */
};

/* A command that runs, or whose descendants are given a moment to go. */
struct running_command {
    struct command *command;
    int64_t started;
    int status;
    bool timed_out, ended;
    int64_t ended_at;
    int left; /* processes that had to be killed after it */
    char left_name[32];
    struct buf last_words; /* the end of its stderr */
};

struct session {
    struct loop_source source;
    struct frame_reader reader;
    size_t read_size;
    struct buf out; /* not sent yet */
    size_t ready_len; /* so much of `out` is READY, and waits for more; 0: no */
    bool dirty;
    struct session *next_dirty;
    int64_t last_sent, last_received;

    struct setup *common;              /* NULL before SETUP */
    const struct message_setup *setup; /* of `common`; an empty one before it */
    int64_t setup_at;

    int64_t received, answered, acked; /* tasks */
    bool finished;                     /* FINISH has come */
    bool dropping;                     /* DROP has come, DROPPED is not said */
    bool refused, lingering, ending;   /* lingering: refused, and our side of the connection is closed */
    struct batch *first, *last;
    struct buf waiting; /* a TASKS body that found no room in the channel; reading stands still */
    bool is_waiting;

    struct loop_timer alive, work; /* keep-alive; flushing and time limits */
    struct executor *executor;
    int failed_builds; /* executors in a row that ended while they built the object */
    bool cautious;     /* one task at a time: the last executor's answers were overwritten, by one of these tasks */
    struct buf records;
    struct running_command run;

    /* the RESULTS message being filled at the end of `out` */
    bool open;
    size_t open_begin;
    int64_t open_next, open_until;
    int open_attempt;

    bool has_slot, in_line;
    struct session *next_in_line;
    struct session *next; /* in the pool */
};

/* --- session.c, for the other two --- */

void session_touch(struct session *s); /* there is something to send */
/* The head task's answer. `us` is how long it took, `at` when it began (clock_mono_us()). */
void session_result(struct session *s, int64_t at, int64_t us, struct slice result);
void session_failed(struct session *s, int64_t at, int64_t us, enum outcome outcome, int status, const char *message);
void session_output(struct session *s, int stream, struct slice bytes);
void session_progress(struct session *s, double fraction, struct slice text);
/* The head task: number and attempt. False if none is outstanding. */
bool session_head(const struct session *s, int64_t *ret_task, int *ret_attempt);
/* The session cannot go on. */
void session_break(struct session *s);
/* All that is to say about DROP has been said: the last ones, not started, are forgotten. */
void session_dropped(struct session *s, int64_t started);
/* One-shot sessions: the slot is free. */
void session_slot_free(struct session *s);
/* Whether so much is waiting to be sent that nothing more should be taken from tasks. */
bool session_clogged(const struct session *s);

/* --- function_run.c --- */
/* Puts the items of a batch into the executor's channel: false if they found no room (try again when tasks have been
 * answered). A one-shot session's item waits in the batch until there is a slot, and with it a channel. */
bool function_tasks(struct session *s, struct batch *batch, struct slice items);
/* Lets tasks run. A one-shot session without a slot gets its executor, which waits for the next call. */
void function_start(struct session *s);
void function_look(struct session *s, int64_t now); /* takes answers, watches the time */
void function_drop(struct session *s);
void function_end(struct session *s, bool at_once);

/* --- command_run.c --- */
void command_start_next(struct session *s);
void command_look(struct session *s, int64_t now);
void command_resume_reading(struct session *s); /* no longer clogged */
void command_end(struct session *s);

#endif
