/* A runner of the tests' own: starts the real ktbatch-worker and speaks the protocol with it, a message at a time.
 * Whatever does not come within CLIENT_PATIENCE_S fails the test.
 */
#ifndef KT_TESTS_WORKER_CLIENT_H
#define KT_TESTS_WORKER_CLIENT_H

#include <sys/types.h>

#include "wire/handshake.h"
#include "wire/message.h"

#define CLIENT_PATIENCE_S 30

struct worker {
    pid_t pid;
    int port;
    int parent; /* closing it tells the worker that its runner is gone */
    unsigned char key[WIRE_KEY_SIZE];
};
/* `keep`: NULL for one session, else K. */
void worker_start(struct worker *w, const char *keep);
/* Waits for its end; the exit status, or 128 + signal. */
int worker_wait(struct worker *w);
/* Ends it if need be, and asserts that no process of it is left. */
void worker_end(struct worker *w);

struct client {
    int fd;
    struct frame_reader reader;
    struct buf out, texts;
    int64_t answered;
};
/* Connects; -1 if refused. */
int client_connect(struct worker *w, struct client *c);
/* The handshake with that key. False: the worker hung up. */
bool client_prove(struct client *c, const unsigned char key[WIRE_KEY_SIZE]);
/* Connects, proves, sets up: a function of a library, or commands if `function` is NULL. */
void client_open(struct worker *w, struct client *c, const char *library, const char *function, int64_t tasks, int64_t timeout_us);
void client_tasks(struct client *c, int64_t first, int64_t count, const char *items);
void client_send(struct client *c); /* what is in `out` */
/* The next message that is no ALIVE, or false at the end of the connection. */
bool client_next(struct client *c, struct frame *ret);
void client_close(struct client *c);

/* How one task ended, with all that came before. */
struct answer {
    bool ok;
    int64_t task;
    enum outcome outcome;
    int status;
    char text[512]; /* result or message */
    struct buf out, err;
};
void client_answer(struct client *c, struct answer *ret);
void answer_done(struct answer *a);
/* ACK of all answered, FINISH; asserts that the worker then closes. */
void client_finish(struct client *c);

#endif
