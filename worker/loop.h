/* The worker's event loop: epoll, one kind of source, timers. One a process.
 *
 * Not libuv: the worker forks for a living, and every page that it has touched is paid for by each fork.
 * A source or timer belongs to whoever embeds it; it must be removed before it is freed. Removing any source or
 * timer from within a callback is safe; freeing one's memory is put off with loop_later().
 */
#ifndef KT_WORKER_LOOP_H
#define KT_WORKER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_source {
    int fd;
    void (*ready)(struct loop_source *source, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP … */
    uint32_t events;                                            /* asked for now; 0 if not added */
};
struct loop_timer {
    int64_t due; /* clock_mono_us(); 0: not set */
    void (*fire)(struct loop_timer *timer, int64_t now);
    struct loop_timer *next, *prev;
};

void loop_init(void);
/* Adds the source, or changes what is asked of it. Returns -1 with errno. */
int loop_watch(struct loop_source *source, uint32_t events);
void loop_unwatch(struct loop_source *source);
void loop_set(struct loop_timer *timer, int64_t due);
void loop_unset(struct loop_timer *timer);
/* One round: waits for events or the next timer, calls back, then `after`. */
void loop_round(void (*after)(int64_t now));
/* Frees `p` when the round's events have all been handled. */
void loop_free_later(void *p);

#endif
