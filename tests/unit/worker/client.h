/* A runner made of the wire layer alone, and the real ktbatch-worker for it to talk to.
 *
 * What the worker says is kept as text, a line a message, so that a test compares lines:
 *     ready | refused no library … | ok 3 1 64 (task, attempt, result) | failed 4 1 signal 11 SIGSEGV
 *     out 3 hello\n | err 3 … (OUTPUT of one task and stream that follows on is joined) | progress 3 0.25 quarters
 *     dropped 7 | alive | end
 * Everything waits for its condition until a deadline and then fails the test.
 */
#ifndef KT_TESTS_WORKER_CLIENT_H
#define KT_TESTS_WORKER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/handshake.h"
#include "wire/message.h"

/* A case. However it ends, no process that it started outlives it; it fails if one has to be killed. */
#define WORKER_TEST(f) cmocka_unit_test_teardown(f, worker_teardown)
int worker_teardown(void **state);

struct worker {
    pid_t pid;
    int port;
    int parent_fd; /* closing it tells the worker that its parent is gone */
    unsigned char key[WIRE_KEY_SIZE];
};
/* `keep`: 0 serves one session. Fails the test if it does not come up. One at a time. */
void worker_start(struct worker *w, int keep);
/* Waits for its end: exit status, or 128 + signal. */
int worker_wait(struct worker *w);
/* Closes parent_fd and waits. */
int worker_stop(struct worker *w);

struct client {
    int fd;
    struct frame_reader reader;
    struct buf out, log, texts;
    int64_t answers; /* received */
    int last_stream; /* of the last line of the log, if it is OUTPUT */
    int64_t last_task;
    bool ended;
};
/* A TCP connection to the worker, or -1. */
int client_dial(const struct worker *w);
/* Connects and sends that CONNECT; the worker's CHALLENGE lives until more is read. */
void client_greet(struct client *c, const struct worker *w, const struct buf *connect, struct frame *ret_challenge);
/* Connects, proves the key both ways. */
void client_open(struct client *c, const struct worker *w);
void client_close(struct client *c);
/* Sends what is in `out`. False if the worker has closed. */
bool client_send(struct client *c);

struct client_setup {
    const char *function; /* "faulty.go"; NULL: commands */
    const char *object, *names; /* JSON; names "[\"x\"]", NULL: positional */
    const char *env, *cwd;
    int64_t tasks, timeout_us;
};
void client_setup(struct client *c, const struct client_setup *setup);
/* Items as JSON without the brackets around all: "[1],[2]". */
void client_tasks(struct client *c, int64_t first, int attempt, const char *items);
/* A command with words cut at blanks; `sh` gives ["sh","-c",script]. */
void client_command(struct client *c, int64_t first, const char *words);
void client_sh(struct client *c, int64_t first, const char *script);
void client_count(struct client *c, enum frame_type type, int64_t n);
void client_say(struct client *c, enum frame_type type);

/* Reads until so many answers are there, until a line with that beginning is in the log, or until the end. */
void client_answers(struct client *c, int64_t n);
void client_line(struct client *c, const char *begins);
void client_end(struct client *c);
/* ACK for all and FINISH; reads to the end, which must be clean. */
void client_finish(struct client *c);
/* Whether the log has that line, whole, or one that begins so (with a '*' at the end). */
bool client_has(struct client *c, const char *line);
/* Fails the test, showing the log, if it has not. */
void client_expect(struct client *c, const char *line);

/* Waits until the process is gone (a zombie counts as gone), or fails the test. */
void wait_gone(pid_t pid);
/* Waits until somebody has written a pid to that file. */
pid_t wait_pid(const char *path);
/* A path in a temporary folder of this test program, removed at its end. */
const char *temp_path(const char *name);

#endif
