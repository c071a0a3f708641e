/* A scripted worker: a process that listens on the loopback, one child a connection, and behaves as it is told. */
#ifndef KT_TESTS_PEER_H
#define KT_TESTS_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum peer_fault {
    PEER_GOOD,
    PEER_REFUSES,      /* REFUSED */
    PEER_WRONG_KEY,
    PEER_GARBAGE,      /* no frames at all */
    PEER_SILENT,       /* reads, and never says a word */
    PEER_SILENT_LATER, /* the same after READY */
    PEER_WRONG_TASK,   /* answers a task that it was not asked */
    PEER_BROKEN_JSON,
    PEER_DIES,         /* closes instead of the answer number `after` */
    PEER_CLOSES_EARLY, /* closes with everything answered, before the acknowledgement */
};
struct peer_script {
    enum peer_fault fault;
    int faulty;      /* so many of the first sessions are; the others are good. 0: all */
    int after;       /* answers before the fault */
    bool split;      /* every byte in a write of its own */
    int task_ms;     /* each task takes so long */
    int64_t fails;   /* every task divisible by it fails (class error); 0: none */
    int64_t kills;   /* this task always kills its worker; 0: none */
    const char *prints; /* every task prints this on stdout */
    int prints_times;
};

struct peer;
/* `key_file`: where the key is when somebody connects; may be missing before. */
struct peer *peer_start(const struct peer_script *script, const char *key_file);
int peer_port(const struct peer *p);
int peer_sessions(const struct peer *p); /* proven ones */
int64_t peer_calls(const struct peer *p); /* answers given */
void peer_stop(struct peer *p);

#endif
