/* Backends: where workers come from. One vtable; `local` and the scripted `fake` are rows of the same table.
 *
 * A backend deals in addresses. The dispatcher asks for a worker for a slot, gets an address to connect to, and says
 * when it is through with it. A backend sees no task and no result, and never connects itself.
 *
 *     acquire(slot) -> at once, or by on_worker(slot, …)   the dispatcher opens a session there
 *                  or -> on_trouble(text, fatal)           why none comes
 *     release(worker)                                      the session is over, however it ended
 *     on_lost(worker, text)                                the backend knows that it is gone: no use in waiting
 *
 * All calls and events happen on the loop's thread, events never from within a call.
 */
#ifndef KT_BACKEND_BACKEND_H
#define KT_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <uv.h>

#include "base/err.h"

#define BACKEND_KEY_SIZE 32

struct backend;

struct backend_worker {
    int64_t id;      /* the backend's own number for it, never used twice */
    const char *name; /* for people and the database: "local"; lives as long as the backend */
    struct sockaddr_storage address;
    socklen_t address_len;
};

struct backend_config {
    uv_loop_t *loop;
    const char *run;             /* "cubes-1" */
    const unsigned char *key;    /* the run's key, BACKEND_KEY_SIZE bytes; copied */
    int parallelism;             /* slots: how many tasks may run at once */
    int64_t tasks_per_session;   /* 0: as many as there are */
    const char *task_folder;     /* folder of the task library, or NULL */
    const char *worker_program;  /* path of ktbatch-worker; NULL: found beside this program, else in PATH */
    const char *script;          /* fake only: what happens, see fake.c */
};

struct backend_events {
    void (*on_worker)(void *ctx, unsigned slot, const struct backend_worker *worker);
    void (*on_lost)(void *ctx, int64_t worker, const char *text);
    /* One line that names the cause. `fatal`: no worker will ever come; the run stops with it. */
    void (*on_trouble)(void *ctx, const char *text, bool fatal);
    void *ctx;
};

struct backend_ops {
    const char *name;
    const char *summary; /* one line for --help; NULL: for tests only, not listed */
    /* Starts what it needs and returns at once; events follow. */
    int (*open)(const struct backend_config *config, const struct backend_events *events, struct backend **ret, struct err *err);
    /* A worker for the slot. True and the worker if there is one now; else on_worker() follows when there is. */
    bool (*acquire)(struct backend *b, unsigned slot, struct backend_worker *ret);
    void (*release)(struct backend *b, int64_t worker);
    /* Ends every worker and removes what was made; `done` is called when nothing is left, and the backend is freed.
     * There are no events any more. */
    void (*close)(struct backend *b, void (*done)(void *ctx), void *ctx);
};

/* NULL if there is none of that name. */
const struct backend_ops *backend_find(const char *name);
extern const struct backend_ops *const backend_table[]; /* ends with NULL */
extern const struct backend_ops backend_local, backend_fake;

#endif
