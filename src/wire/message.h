/* The messages of a session and their JSON bodies, both ways. Touches no socket.
 *
 * `message_X_add` appends a whole frame; `message_X_read` reads a frame's body into a struct whose slices and
 * JSON values point into the frame. Unknown members are passed over; a missing or malformed one is an error
 * that names it. Times are microseconds; `at` counts from the moment the worker received SETUP, by its clock.
 *
 * Order. The worker answers every task that it was sent, in the order it was sent, exactly once: by its place
 * in a RESULTS or by a FAILED; OUTPUT and PROGRESS of a task come before its answer. DROPPED says how many of the
 * last ones sent will get no answer. ACK counts answers from the start of the session.
 */
#ifndef KT_WIRE_MESSAGE_H
#define KT_WIRE_MESSAGE_H

#include "base/json.h"
#include "base/outcome.h"
#include "wire/frame.h"

/* Seconds: an idle side says ALIVE after the first, gives the other up after the second. */
#define WIRE_ALIVE_S 5
#define WIRE_SILENCE_S 20
/* Time limits of the phases before the first task: handshake, and SETUP to READY. */
#define WIRE_HANDSHAKE_S 10
#define WIRE_READY_S 60

/* SETUP: what the tasks of a session have in common. */
struct message_setup {
    struct slice run;     /* "cubes-1" */
    int64_t tasks;        /* how many tasks this session will be sent at most; 0: as many as there are */
    int64_t timeout_us;   /* of an attempt; 0: none */
    bool command;         /* tasks are command lines, else calls of a function */
    struct slice library; /* functions: "power_op" */
    struct slice digest;  /* SHA-256 in hex of the library the runner found, or empty */
    struct slice function;
    struct json object; /* a JSON object, or JSON_NONE */
    struct json names;  /* argument names, an array of strings; JSON_NULL if positional */
    struct json env;    /* an object of strings, added to the worker's own environment */
    struct slice cwd;   /* absolute folder to run in; empty: the worker's own */
};
void message_setup_add(struct buf *b, const struct message_setup *setup);
/* Strings are unescaped into `texts`, which the caller owns and keeps as long as the struct; what was in it before is
 * gone. Behind each string stands a NUL that is not counted. The other readers with `texts` do the same.
 * Those of SETUP have no NUL in them; missing ones are empty, a missing `names` is null, a missing `env` is {}. */
int message_setup_read(const struct frame *f, struct message_setup *ret, struct buf *texts, struct err *err);

/* TASKS: `count` consecutive tasks from `first`, all in their attempt number `attempt` (from 1).
 * Each item: a function's argument values as an array, [4,"a"]; a command's {"argv":[…],"env":{…}}. */
struct message_tasks {
    int64_t first;
    int attempt;
    struct json items; /* array; message_tasks_read() counts it */
    int64_t count;
};
/* Between begin and end the caller appends the items, a comma between two. */
size_t message_tasks_begin(struct buf *b, int64_t first, int attempt);
void message_tasks_end(struct buf *b, size_t begin);
int message_tasks_read(const struct frame *f, struct message_tasks *ret, struct err *err);

/* RESULTS: results of consecutive tasks of one attempt number. `items` alternates microseconds and result:
 * [12,64,9,125]. Each task started when the one before it ended, the first at `at`.
 * A command's result is null: it is derived from its OUTPUT by the runner.
 * message_results_read() has seen that the items are pairs and each first one a count. */
struct message_results {
    int64_t first;
    int attempt;
    int64_t at;
    struct json items;
};
size_t message_results_begin(struct buf *b, int64_t first, int attempt, int64_t at);
void message_results_end(struct buf *b, size_t begin);
int message_results_read(const struct frame *f, struct message_results *ret, struct err *err);

/* FAILED: `status` is the exit status, or the signal's number for OUTCOME_SIGNAL and OUTCOME_OOM, else 0.
 * The message is one line for people, without the class: "boom", "SIGSEGV (core dumped)", "no file x". */
struct message_failed {
    int64_t task;
    int attempt;
    int64_t at, us;
    enum outcome outcome;
    int status;
    struct slice message;
};
void message_failed_add(struct buf *b, const struct message_failed *failed);
int message_failed_read(const struct frame *f, struct message_failed *ret, struct buf *texts, struct err *err);

/* OUTPUT: raw bytes behind eight bytes of task number (big endian) and one of stream (1 stdout, 2 stderr). */
struct message_output {
    int64_t task;
    int stream;
    struct slice bytes;
};
#define MESSAGE_OUTPUT_MAX (256u << 10) /* bytes a frame carries at most */
/* As many frames as the bytes need; none for no bytes. */
void message_output_add(struct buf *b, int64_t task, int stream, struct slice bytes);
int message_output_read(const struct frame *f, struct message_output *ret, struct err *err);

/* PROGRESS: a fraction from 0 to 1 and a word about it. */
struct message_progress {
    int64_t task;
    double fraction;
    struct slice text;
};
void message_progress_add(struct buf *b, const struct message_progress *p);
int message_progress_read(const struct frame *f, struct message_progress *ret, struct buf *texts, struct err *err);

/* READY: the worker's answer to SETUP. */
struct message_ready {
    struct slice version; /* of the program */
    int64_t pid;
    struct slice host;
};
void message_ready_add(struct buf *b, const struct message_ready *r);
int message_ready_read(const struct frame *f, struct message_ready *ret, struct buf *texts, struct err *err);

/* REFUSED: one line: what is missing and where it was looked for. */
void message_refused_add(struct buf *b, struct slice message);
int message_refused_read(const struct frame *f, struct slice *ret, struct buf *texts, struct err *err);

/* ACK and DROPPED carry one count: {"tasks":N}. DROP, FINISH, STOP and ALIVE have no body. */
void message_count_add(struct buf *b, enum frame_type type, int64_t tasks);
int message_count_read(const struct frame *f, int64_t *ret, struct err *err);
void message_empty_add(struct buf *b, enum frame_type type);

#endif
