/* See channel.h. Positions only grow; an offset in a ring is a position modulo its size.
 *
 * The mapping: tasks and their ring, which the session writes, then answers and their ring, which the executor writes,
 * each part on pages of its own. A tight channel has all four in one page.
 */
#include "channel.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "shared_memory.h"

#define LINE 64
#define PAGE 4096u /* or more: then the parts are not each on a page, and are not protected */
#define RING_SIZE (1u << 20)
#define TIGHT_PART 256u
#define TIGHT_IN_SIZE 1536u
#define TIGHT_OUT_SIZE 2048u
#define POOL_MAX 64

struct channel_tasks {
    _Alignas(LINE) _Atomic uint64_t in_tail;
    _Atomic int64_t limit;
    _Atomic uint32_t quit;
    _Atomic uint64_t out_head;
    uint64_t begin; /* before the fork */
    int64_t skip;
};

struct channel_answers {
    _Alignas(LINE) _Atomic int64_t begun;
    _Atomic int64_t started;
    _Atomic uint64_t out_tail;
    _Atomic uint32_t sleeping;
    _Atomic uint32_t wants_room;
    _Atomic uint32_t built;
    _Atomic uint32_t streams_gone;
    _Alignas(LINE) _Atomic uint32_t nudged; /* written by both */
};

_Static_assert(sizeof(struct channel_tasks) <= TIGHT_PART && sizeof(struct channel_answers) <= TIGHT_PART,
               "parts of a tight channel");
_Static_assert(2 * TIGHT_PART + TIGHT_IN_SIZE + TIGHT_OUT_SIZE == PAGE, "a tight channel is one page");

/* A message in the ring: never wraps, so that its items can be read in place. */
struct message {
    uint32_t size; /* with this header, a multiple of 8; MESSAGE_WRAP: go on at the ring's start */
    int32_t attempt;
    int64_t first;
    uint64_t len; /* of the items' text behind */
};
#define MESSAGE_WRAP UINT32_MAX

struct pool {
    struct channel *first;
    int n;
};
static struct pool pools[2]; /* usual ones and tight ones */

static uint64_t message_size(size_t len)
{
    return (sizeof(struct message) + len + 7) & ~UINT64_C(7);
}

static size_t part_size(const struct channel *c)
{
    return c->tight ? TIGHT_PART : PAGE;
}

/* Where the parts are, in memory that begins at `base`. */
static void lay_out(struct channel *c, char *base)
{
    c->tasks = (struct channel_tasks *)(void *)base;
    c->in_ring = base + part_size(c);
    c->answers = (struct channel_answers *)(void *)(c->in_ring + c->in_size);
    c->out_ring = c->in_ring + c->in_size + part_size(c);
}

static void destroy(struct channel *c)
{
    loop_unwatch(&c->nudged);
    shared_retire(&c->memory);
    const int fds[] = {c->wake_executor, c->nudged.fd, c->out, c->errout};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    loop_free_later(c);
}

static struct channel *create(uint32_t in_size, uint32_t out_size, bool tight)
{
    struct channel *c = MEM_NEW(struct channel);
    c->in_size = in_size;
    c->out_size = out_size;
    c->tight = tight;
    c->wake_executor = eventfd(0, EFD_CLOEXEC);
    c->nudged.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->out = memfd_create("stdout", MFD_CLOEXEC);
    c->errout = memfd_create("stderr", MFD_CLOEXEC);
    if (c->wake_executor < 0 || c->nudged.fd < 0 || c->out < 0 || c->errout < 0 ||
        shared_get(2 * part_size(c) + in_size + out_size, &c->memory)) {
        int saved = errno;
        destroy(c);
        errno = saved;
        return NULL;
    }
    lay_out(c, c->memory.at);
    return c;
}

static uint32_t ring_size_for(size_t len)
{
    uint64_t need = 2 * (message_size(len) + 8);
    uint32_t size = RING_SIZE;
    while (size < need)
        size *= 2;
    return size;
}

struct channel *channel_get(size_t len, bool tight)
{
    uint32_t in_size = ring_size_for(len);
    struct channel *c = NULL;
    tight = tight && message_size(len) <= TIGHT_IN_SIZE;
    struct pool *pool = &pools[tight];
    if (pool->first && (tight || in_size == RING_SIZE)) {
        c = pool->first;
        pool->first = c->next;
        pool->n--;
    } else {
        c = tight ? create(TIGHT_IN_SIZE, TIGHT_OUT_SIZE, true) : create(in_size, RING_SIZE, false);
    }
    if (!c)
        return NULL;
    c->next = NULL;
    c->in_head = c->in_tail = c->out_head = 0;
    atomic_store(&c->tasks->in_tail, 0);
    atomic_store(&c->tasks->limit, INT64_MAX);
    atomic_store(&c->tasks->quit, 0);
    return c;
}

bool channel_can_hold(const struct channel *c, size_t len)
{
    return c->tight ? message_size(len) <= c->in_size : ring_size_for(len) <= c->in_size;
}

void channel_put(struct channel *c, bool spoiled)
{
    if (!c)
        return;
    struct pool *pool = &pools[c->tight];
    c->owner = NULL;
    if (spoiled || pool->n >= POOL_MAX || (!c->tight && c->in_size != RING_SIZE)) {
        destroy(c);
        return;
    }
    c->next = pool->first;
    pool->first = c;
    pool->n++;
}

/* --- the session's side --- */

static void wake(int fd)
{
    static const uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored; /* it fails only if the counter is full: then the reader is awake */
}

void channel_begin(struct channel *c, uint64_t position, int64_t skip, int64_t begun)
{
    struct channel_answers *a = c->answers;
    c->tasks->begin = position;
    c->tasks->skip = skip;
    c->out_head = 0;
    atomic_store(&c->tasks->out_head, 0);
    atomic_store(&a->begun, begun);
    atomic_store(&a->started, 0);
    atomic_store(&a->out_tail, 0);
    atomic_store(&a->sleeping, 0);
    atomic_store(&a->wants_room, 0);
    atomic_store(&a->built, 0);
    atomic_store(&a->streams_gone, 0);
    atomic_store(&a->nudged, 0);
}

bool channel_send(struct channel *c, int64_t first, int attempt, struct slice items, uint64_t *ret_position)
{
    uint64_t size = message_size(items.len);
    uint64_t offset = c->in_tail % c->in_size;
    uint64_t pad = offset + size > c->in_size ? c->in_size - offset : 0;
    if (size > c->in_size || c->in_tail + pad + size - c->in_head > c->in_size)
        return false;
    if (pad) {
        *(uint32_t *)(void *)(c->in_ring + offset) = MESSAGE_WRAP;
        c->in_tail += pad;
    }
    struct message header = {(uint32_t)size, attempt, first, items.len};
    char *at = c->in_ring + c->in_tail % c->in_size;
    memcpy(at, &header, sizeof header);
    memcpy(at + sizeof header, items.p, items.len);
    *ret_position = c->in_tail;
    c->in_tail += size;
    atomic_store(&c->tasks->in_tail, c->in_tail);
    if (atomic_load(&c->answers->sleeping))
        wake(c->wake_executor);
    return true;
}

void channel_release(struct channel *c, uint64_t position)
{
    c->in_head = position;
}

void channel_limit(struct channel *c, int64_t tasks)
{
    atomic_store(&c->tasks->limit, tasks);
    if (atomic_load(&c->answers->sleeping))
        wake(c->wake_executor);
}

int64_t channel_begun(const struct channel *c, int64_t *ret_started)
{
    int64_t begun = atomic_load(&c->answers->begun);
    *ret_started = atomic_load(&c->answers->started);
    return begun;
}

bool channel_open_for_tasks(const struct channel *c)
{
    return atomic_load_explicit(&c->answers->built, memory_order_relaxed);
}

bool channel_streams_are_gone(const struct channel *c)
{
    return atomic_load_explicit(&c->answers->streams_gone, memory_order_relaxed);
}

void channel_quit(struct channel *c)
{
    atomic_store(&c->tasks->quit, 1);
    wake(c->wake_executor);
}

int channel_receive(struct channel *c, struct buf *bytes)
{
    atomic_store(&c->answers->nudged, 0);
    uint64_t tail = atomic_load(&c->answers->out_tail), len = tail - c->out_head;
    if (len > c->out_size)
        return -1;
    if (len == 0)
        return 0;
    uint64_t offset = c->out_head % c->out_size, first = c->out_size - offset < len ? c->out_size - offset : len;
    buf_add(bytes, c->out_ring + offset, first);
    buf_add(bytes, c->out_ring, len - first);
    c->out_head = tail;
    atomic_store(&c->tasks->out_head, tail);
    if (atomic_load(&c->answers->wants_room))
        wake(c->wake_executor);
    return 0;
}

/* --- the executor's side --- */

int channel_executor_starts(struct channel_place *place, const struct channel *made, int wake_executor, int wake_session)
{
    char *base = shared_map(&made->memory);
    if (!base)
        return -1;
    struct channel *c = &place->channel;
    *place = (struct channel_place){.channel = *made, .wake_executor = wake_executor, .wake_session = wake_session};
    lay_out(c, base);
    place->position = c->tasks->begin;
    place->skip = c->tasks->skip;
    place->begun = atomic_load(&c->answers->begun);
    if (!c->tight) /* without it (larger pages) all works just as well */
        mprotect(base, part_size(c) + c->in_size, PROT_READ);
    return 0;
}

/* The task has closed what was not its own: without these the executor would be deaf or dumb, a fresh one is not. */
static void end_if_closed(ssize_t result)
{
    if (result < 0 && errno == EBADF)
        _exit(0);
}

void channel_streams_gone(struct channel_place *place)
{
    atomic_store_explicit(&place->channel.answers->streams_gone, 1, memory_order_relaxed);
}

void channel_nudge(struct channel_place *place)
{
    static const uint64_t one = 1;
    if (!atomic_exchange(&place->channel.answers->nudged, 1))
        end_if_closed(write(place->wake_session, &one, sizeof one));
}

static void sleep_until_woken(const struct channel_place *place)
{
    uint64_t count;
    ssize_t n;
    while ((n = read(place->wake_executor, &count, sizeof count)) < 0 && errno == EINTR)
        ;
    end_if_closed(n);
}

static bool nothing_to_begin(const struct channel_place *place)
{
    struct channel_tasks *t = place->channel.tasks;
    return place->begun >= atomic_load(&t->limit) || (!place->in_message && place->position == atomic_load(&t->in_tail));
}

/* Opens the message at the executor's position. */
static void open_message(struct channel_place *place)
{
    const struct channel *c = &place->channel;
    struct message header;
    uint32_t size;
    char *at = c->in_ring + place->position % c->in_size;
    memcpy(&size, at, sizeof size);
    if (size == MESSAGE_WRAP) {
        place->position += c->in_size - place->position % c->in_size;
        at = c->in_ring;
    }
    memcpy(&header, at, sizeof header);
    place->message_size = header.size;
    place->attempt = header.attempt;
    place->task = header.first;
    place->items = json_iter((struct json){at + sizeof header, header.len});
    place->in_message = true;
    for (; place->skip > 0 && json_next(&place->items); place->skip--)
        place->task++;
}

static bool wait_for_tasks(struct channel_place *place)
{
    struct channel *c = &place->channel;
    while (nothing_to_begin(place)) {
        atomic_store(&c->answers->sleeping, 1);
        if (atomic_load(&c->tasks->quit))
            return false;
        if (nothing_to_begin(place)) {
            channel_nudge(place);
            sleep_until_woken(place);
        }
        atomic_store(&c->answers->sleeping, 0);
    }
    return true;
}

bool channel_next(struct channel_place *place, struct channel_task *ret)
{
    struct channel *c = &place->channel;
    bool slept = false;
    atomic_store_explicit(&c->answers->built, 1, memory_order_relaxed);
    for (;;) {
        if (nothing_to_begin(place)) {
            slept = true;
            if (!wait_for_tasks(place))
                return false;
        }
        if (!place->in_message)
            open_message(place);
        struct json_iter before = place->items;
        if (json_next(&place->items)) {
            /* Begun, unless the limit was set at the same moment: the session set it first and looks at `begun` then, so
             * that one of the two sees the other. */
            atomic_store_explicit(&c->answers->started, 0, memory_order_relaxed);
            atomic_store(&c->answers->begun, place->begun + 1);
            if (place->begun + 1 > atomic_load(&c->tasks->limit)) {
                atomic_store(&c->answers->begun, place->begun);
                place->items = before;
                continue;
            }
            place->begun++;
            *ret = (struct channel_task){place->task++, place->attempt, slept, place->items.value};
            return true;
        }
        place->position += place->message_size;
        place->in_message = false;
    }
}

void channel_started(struct channel_place *place, int64_t at)
{
    atomic_store_explicit(&place->channel.answers->started, at, memory_order_relaxed);
}

static void wait_for_room(struct channel_place *place)
{
    struct channel *c = &place->channel;
    atomic_store(&c->answers->wants_room, 1);
    atomic_store(&c->answers->nudged, 0); /* this must be heard */
    channel_nudge(place);
    if (place->out_tail - atomic_load(&c->tasks->out_head) == c->out_size)
        sleep_until_woken(place);
    atomic_store(&c->answers->wants_room, 0);
}

static void put_bytes(struct channel_place *place, const char *p, size_t len)
{
    struct channel *c = &place->channel;
    while (len) {
        uint64_t room = c->out_size - (place->out_tail - atomic_load_explicit(&c->tasks->out_head, memory_order_acquire));
        if (room == 0) {
            wait_for_room(place);
            continue;
        }
        uint64_t offset = place->out_tail % c->out_size, n = c->out_size - offset;
        n = n < room ? n : room;
        n = n < len ? n : len;
        memcpy(c->out_ring + offset, p, n);
        p += n;
        len -= n;
        place->out_tail += n;
        if (len)
            atomic_store(&c->answers->out_tail, place->out_tail);
    }
}

void channel_put_record(struct channel_place *place, struct record header, struct slice bytes)
{
    struct channel *c = &place->channel;
    put_bytes(place, (const char *)&header, sizeof header);
    put_bytes(place, bytes.p, bytes.len);
    atomic_store_explicit(&c->answers->out_tail, place->out_tail, memory_order_release);
    if (!c->tight && place->out_tail - atomic_load_explicit(&c->tasks->out_head, memory_order_relaxed) > c->out_size / 2)
        channel_nudge(place);
}
