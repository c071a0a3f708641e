/* Sessions: connections of the runner to workers, over uv_tcp.
 *
 * A session connects, proves the key, and then hands every message of the worker, decoded and in its right phase, to the
 * events below; what is sent is appended to session_out() as frames and goes out with session_flush(). It watches the time
 * limits of every phase and says ALIVE where nothing else was said. It knows nothing of tasks.
 *
 *     session_open() -> on_proven (append SETUP …) -> on_ready -> on_results … -> on_end, once, in any case
 *
 * The worker closes first, after session_expect_end(). All calls and events are on the loop's thread; a session is gone
 * when on_end returns. An event that returns -1 has put into `err` why the worker is not to be trusted: the session ends.
 *
 * The process must ignore SIGPIPE: libuv writes without MSG_NOSIGNAL, and a worker may be gone at any moment.
 */
#ifndef KT_DISPATCH_SESSION_H
#define KT_DISPATCH_SESSION_H

#include <stdbool.h>
#include <sys/socket.h>

#include <uv.h>

#include "wire/handshake.h"
#include "wire/message.h"

struct sessions;
struct session;

enum session_end {
    SESSION_CLOSED,      /* the worker closed, as expected */
    SESSION_UNREACHABLE, /* no connection, or no proof of the key: nothing was sent */
    SESSION_REFUSED,     /* the worker cannot run this; the text is its own */
    SESSION_LOST,        /* anything else: closed too early, silent, broken */
};

struct session_events {
    void (*on_proven)(void *ctx, void *user);
    int (*on_ready)(void *ctx, void *user, const struct message_ready *m, struct err *err);
    int (*on_results)(void *ctx, void *user, const struct message_results *m, struct err *err);
    int (*on_failed)(void *ctx, void *user, const struct message_failed *m, struct err *err);
    int (*on_output)(void *ctx, void *user, const struct message_output *m, struct err *err);
    int (*on_progress)(void *ctx, void *user, const struct message_progress *m, struct err *err);
    int (*on_dropped)(void *ctx, void *user, int64_t tasks, struct err *err);
    void (*on_end)(void *ctx, void *user, enum session_end how, const char *text);
};

struct session_limits { /* microseconds */
    int64_t handshake, ready, silence, alive;
};
extern const struct session_limits session_limits_default;

struct sessions_config {
    uv_loop_t *loop;
    unsigned char key[WIRE_KEY_SIZE];
    struct session_limits limits;
    struct session_events events;
    void *ctx;
};
struct sessions *sessions_new(const struct sessions_config *config);
/* Every session must have ended, and the loop have run since. */
void sessions_free(struct sessions *all);
/* Looks at time limits; to be called a few times in the shortest of them. */
void sessions_tick(struct sessions *all);
int sessions_count(const struct sessions *all); /* not ended */
/* Stops reading from all, or goes on (with what is buffered first). New sessions are read from until on_ready. */
void sessions_pause(struct sessions *all, bool pause);

struct session *session_open(struct sessions *all, const struct sockaddr *address, void *user);
/* What will be sent; append whole frames only. */
struct buf *session_out(struct session *s);
void session_flush(struct session *s);
/* FINISH has been sent and everything acknowledged: the end of the stream is a clean end from now on. */
void session_expect_end(struct session *s);
/* Sends what is there, as far as it goes at once, and ends it without an on_end. */
void session_close(struct session *s);
/* Ends it as lost, with on_end. */
void session_fail(struct session *s, const char *text);

#endif
