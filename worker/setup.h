/* What the tasks of a session have in common: its SETUP, read and its function found once for all sessions that say the
 * same. It lies in ordinary memory (own_memory.h), since executors read it. */
#ifndef KT_WORKER_SETUP_H
#define KT_WORKER_SETUP_H

#include "base/err.h"
#include "ktbatch_task.h"
#include "wire/message.h"

struct setup {
    struct message_setup message;
    const struct ktbatch_function *function; /* NULL for commands */
    char *refusal;                           /* why this worker cannot do it; NULL: it can */
    struct buf body, texts;                  /* what `message` points into */
    int holders;
};

/* Reads the body of a SETUP. To be given back with setup_release(). -1: it is malformed. */
int setup_get(struct slice body, struct setup **ret, struct err *err);
void setup_release(struct setup *setup);

#endif
