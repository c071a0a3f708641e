/* See loop.h. Timers are few (one a session, most not set) and kept in a plain list. */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/mem.h"

#define EVENTS_AT_ONCE 64

static int epoll_fd = -1;
static struct loop_timer timers = {.next = &timers, .prev = &timers};
static struct epoll_event events[EVENTS_AT_ONCE];
static int n_events;
static void **dead;
static size_t n_dead, cap_dead;

void loop_init(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

int loop_watch(struct loop_source *source, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.ptr = source};
    if (source->events == wanted)
        return 0;
    if (epoll_ctl(epoll_fd, source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &event))
        return -1;
    source->events = wanted;
    return 0;
}

void loop_unwatch(struct loop_source *source)
{
    if (source->events)
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->events = 0;
    /* Events of this round that have not been handled yet are nobody's now. */
    for (int i = 0; i < n_events; i++)
        if (events[i].data.ptr == source)
            events[i].data.ptr = NULL;
}

void loop_set(struct loop_timer *timer, int64_t due)
{
    if (!timer->due) {
        timer->next = &timers;
        timer->prev = timers.prev;
        timers.prev->next = timer;
        timers.prev = timer;
    }
    timer->due = due;
}

void loop_unset(struct loop_timer *timer)
{
    if (timer->due) {
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        timer->due = 0;
    }
}

void loop_free_later(void *p)
{
    MEM_GROW(dead, n_dead, cap_dead);
    dead[n_dead++] = p;
}

static int wait_ms(int64_t now)
{
    int64_t due = INT64_MAX;
    for (struct loop_timer *t = timers.next; t != &timers; t = t->next)
        if (t->due < due)
            due = t->due;
    if (due == INT64_MAX)
        return -1;
    return due <= now ? 0 : (int)((due - now) / 1000 + 1);
}

static void fire_timers(int64_t now)
{
    /* A callback may set and unset any timer: start again after each one that fired. */
    for (struct loop_timer *t = timers.next; t != &timers;) {
        if (t->due <= now) {
            loop_unset(t);
            t->fire(t, now);
            t = timers.next;
        } else {
            t = t->next;
        }
    }
}

void loop_round(void (*after)(int64_t now))
{
    n_events = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, wait_ms(clock_mono_us()));
    for (int i = 0; i < n_events; i++) {
        struct loop_source *source = events[i].data.ptr;
        if (source)
            source->ready(source, events[i].events);
    }
    n_events = 0;
    int64_t now = clock_mono_us();
    fire_timers(now);
    after(now);
    while (n_dead)
        free(dead[--n_dead]);
}
