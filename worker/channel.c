/* See channel.h. Positions only grow; an offset in a ring is a position modulo its size. */
#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

#define LINE 64
#define POOL_MAX 64

struct channel_shared {
    /* written by the session */
    _Alignas(LINE) _Atomic uint64_t in_tail;
    _Atomic int64_t limit;
    _Atomic uint32_t quit;
    _Atomic uint64_t out_head;
    uint64_t begin; /* before the fork */
    int64_t skip;
    /* written by the executor */
    _Alignas(LINE) _Atomic int64_t begun;
    _Atomic int64_t started;
    _Atomic uint64_t out_tail;
    _Atomic uint32_t sleeping;
    _Atomic uint32_t wants_room;
    /* by both */
    _Alignas(LINE) _Atomic uint32_t nudged;
    _Alignas(LINE) char rings[];
};

/* A message in the ring: never wraps, so that its items can be read in place. */
struct message {
    uint32_t size; /* with this header, a multiple of 8; MESSAGE_WRAP: go on at the ring's start */
    int32_t attempt;
    int64_t first;
    uint64_t len; /* of the items' text behind */
};
#define MESSAGE_WRAP UINT32_MAX

static struct channel *pool;
static int pooled;

static char *in_ring(const struct channel *c)
{
    return c->shared->rings;
}

static char *out_ring(const struct channel *c)
{
    return c->shared->rings + c->in_size;
}

static size_t mapping_size(const struct channel *c)
{
    return sizeof(struct channel_shared) + c->in_size + c->out_size;
}

static void destroy(struct channel *c)
{
    if (c->shared)
        munmap(c->shared, mapping_size(c));
    const int fds[] = {c->wake_executor, c->wake_session, c->out, c->errout};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(c);
}

static struct channel *create(uint32_t in_size)
{
    struct channel *c = MEM_NEW(struct channel);
    c->in_size = in_size;
    c->out_size = CHANNEL_OUT_SIZE;
    c->wake_executor = eventfd(0, EFD_CLOEXEC);
    c->wake_session = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->out = memfd_create("stdout", MFD_CLOEXEC);
    c->errout = memfd_create("stderr", MFD_CLOEXEC);
    void *p = mmap(NULL, mapping_size(c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    c->shared = p == MAP_FAILED ? NULL : p;
    if (!c->shared || c->wake_executor < 0 || c->wake_session < 0 || c->out < 0 || c->errout < 0) {
        int saved = errno;
        destroy(c);
        errno = saved;
        return NULL;
    }
    return c;
}

struct channel *channel_get(uint32_t in_size)
{
    struct channel *c = NULL;
    if (in_size == CHANNEL_IN_SIZE && pool) {
        c = pool;
        pool = c->next;
        pooled--;
    } else {
        c = create(in_size);
    }
    if (!c)
        return NULL;
    struct channel_shared *s = c->shared;
    c->next = NULL;
    c->in_head = c->in_tail = c->out_head = 0;
    atomic_store(&s->in_tail, 0);
    atomic_store(&s->limit, INT64_MAX);
    atomic_store(&s->quit, 0);
    atomic_store(&s->out_head, 0);
    atomic_store(&s->out_tail, 0);
    channel_begin(c, 0, 0, 0);
    return c;
}

void channel_put(struct channel *c, bool spoiled)
{
    if (!c)
        return;
    if (spoiled || pooled >= POOL_MAX || c->in_size != CHANNEL_IN_SIZE) {
        destroy(c);
        return;
    }
    c->next = pool;
    pool = c;
    pooled++;
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
    struct channel_shared *s = c->shared;
    uint64_t drained;
    ssize_t ignored = read(c->wake_session, &drained, sizeof drained);
    (void)ignored;
    s->begin = position;
    s->skip = skip;
    atomic_store(&s->begun, begun);
    atomic_store(&s->started, 0);
    atomic_store(&s->sleeping, 0);
    atomic_store(&s->wants_room, 0);
    atomic_store(&s->nudged, 0);
    c->out_head = 0;
    atomic_store(&s->out_head, 0);
    atomic_store(&s->out_tail, 0);
}

uint32_t channel_size_for(size_t len)
{
    size_t need = 2 * (len + sizeof(struct message) + 8);
    uint32_t size = CHANNEL_IN_SIZE;
    while (size < need)
        size *= 2;
    return size;
}

bool channel_send(struct channel *c, int64_t first, int attempt, struct slice items, uint64_t *ret_position)
{
    uint64_t size = (sizeof(struct message) + items.len + 7) & ~UINT64_C(7);
    uint64_t offset = c->in_tail % c->in_size;
    uint64_t pad = offset + size > c->in_size ? c->in_size - offset : 0;
    if (size > c->in_size || c->in_tail + pad + size - c->in_head > c->in_size)
        return false;
    if (pad) {
        *(uint32_t *)(void *)(in_ring(c) + offset) = MESSAGE_WRAP;
        c->in_tail += pad;
    }
    struct message header = {(uint32_t)size, attempt, first, items.len};
    char *at = in_ring(c) + c->in_tail % c->in_size;
    memcpy(at, &header, sizeof header);
    memcpy(at + sizeof header, items.p, items.len);
    *ret_position = c->in_tail;
    c->in_tail += size;
    atomic_store(&c->shared->in_tail, c->in_tail);
    if (atomic_load(&c->shared->sleeping))
        wake(c->wake_executor);
    return true;
}

void channel_release(struct channel *c, uint64_t position)
{
    c->in_head = position;
}

void channel_limit(struct channel *c, int64_t tasks)
{
    atomic_store(&c->shared->limit, tasks);
    if (atomic_load(&c->shared->sleeping))
        wake(c->wake_executor);
}

int64_t channel_begun(const struct channel *c, int64_t *ret_started)
{
    *ret_started = atomic_load_explicit(&c->shared->started, memory_order_relaxed);
    return atomic_load(&c->shared->begun);
}

void channel_quit(struct channel *c)
{
    atomic_store(&c->shared->quit, 1);
    wake(c->wake_executor);
}

int channel_receive(struct channel *c, struct buf *bytes)
{
    struct channel_shared *s = c->shared;
    atomic_store(&s->nudged, 0);
    uint64_t tail = atomic_load(&s->out_tail), len = tail - c->out_head;
    if (len > c->out_size)
        return -1;
    if (len == 0)
        return 0;
    uint64_t offset = c->out_head % c->out_size, first = c->out_size - offset < len ? c->out_size - offset : len;
    buf_add(bytes, out_ring(c) + offset, first);
    buf_add(bytes, out_ring(c), len - first);
    c->out_head = tail;
    atomic_store(&s->out_head, tail);
    if (atomic_load(&s->wants_room))
        wake(c->wake_executor);
    return 0;
}

/* --- the executor's side: where it is, apart from what the session sees --- */

static struct {
    uint64_t position, out_tail;
    int64_t skip, begun;
    bool in_message;
    struct message message;
    struct json_iter items;
    int64_t task;
} here;

void channel_executor_starts(struct channel *c)
{
    here.position = c->shared->begin;
    here.skip = c->shared->skip;
    here.begun = atomic_load(&c->shared->begun);
    here.out_tail = 0;
    here.in_message = false;
}

void channel_nudge(struct channel *c)
{
    if (!atomic_exchange(&c->shared->nudged, 1))
        wake(c->wake_session);
}

static void sleep_until_woken(struct channel *c)
{
    uint64_t count;
    while (read(c->wake_executor, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

static bool nothing_to_begin(struct channel *c)
{
    struct channel_shared *s = c->shared;
    return here.begun >= atomic_load(&s->limit) || (!here.in_message && here.position == atomic_load(&s->in_tail));
}

/* Opens the message at `here.position`. */
static void open_message(struct channel *c)
{
    char *at = in_ring(c) + here.position % c->in_size;
    uint32_t size;
    memcpy(&size, at, sizeof size);
    if (size == MESSAGE_WRAP) {
        here.position += c->in_size - here.position % c->in_size;
        at = in_ring(c);
    }
    memcpy(&here.message, at, sizeof here.message);
    here.items = json_iter((struct json){at + sizeof here.message, here.message.len});
    here.task = here.message.first;
    here.in_message = true;
    for (; here.skip > 0 && json_next(&here.items); here.skip--)
        here.task++;
}

bool channel_next(struct channel *c, struct channel_task *ret)
{
    struct channel_shared *s = c->shared;
    bool slept = false;
    for (;;) {
        while (nothing_to_begin(c)) {
            slept = true;
            atomic_store(&s->sleeping, 1);
            if (atomic_load(&s->quit))
                return false;
            if (nothing_to_begin(c)) {
                channel_nudge(c);
                sleep_until_woken(c);
            }
            atomic_store(&s->sleeping, 0);
        }
        if (!here.in_message)
            open_message(c);
        struct json_iter before = here.items;
        if (json_next(&here.items)) {
            /* Begun, unless the limit was set at the same moment: the session set it first and looks at `begun` then, so
             * that one of the two sees the other. */
            atomic_store(&s->begun, here.begun + 1);
            if (here.begun + 1 > atomic_load(&s->limit)) {
                atomic_store(&s->begun, here.begun);
                here.items = before;
                continue;
            }
            here.begun++;
            *ret = (struct channel_task){here.task++, here.message.attempt, slept, {here.items.value.p, here.items.value.len}};
            return true;
        }
        here.position += here.message.size;
        here.in_message = false;
    }
}

void channel_started(struct channel *c, int64_t at)
{
    atomic_store_explicit(&c->shared->started, at, memory_order_relaxed);
}

static void put_bytes(struct channel *c, const char *p, size_t len)
{
    struct channel_shared *s = c->shared;
    while (len) {
        uint64_t room = c->out_size - (here.out_tail - atomic_load_explicit(&s->out_head, memory_order_acquire));
        if (room == 0) {
            atomic_store(&s->wants_room, 1);
            atomic_store(&s->nudged, 0); /* this must be heard */
            channel_nudge(c);
            if (here.out_tail - atomic_load(&s->out_head) == c->out_size)
                sleep_until_woken(c);
            atomic_store(&s->wants_room, 0);
            continue;
        }
        uint64_t offset = here.out_tail % c->out_size, n = c->out_size - offset;
        n = n < room ? n : room;
        n = n < len ? n : len;
        memcpy(out_ring(c) + offset, p, n);
        p += n;
        len -= n;
        here.out_tail += n;
        if (len)
            atomic_store(&s->out_tail, here.out_tail);
    }
}

void channel_put_record(struct channel *c, struct record header, struct slice bytes)
{
    struct channel_shared *s = c->shared;
    put_bytes(c, (const char *)&header, sizeof header);
    put_bytes(c, bytes.p, bytes.len);
    atomic_store_explicit(&s->out_tail, here.out_tail, memory_order_release);
    if (here.out_tail - atomic_load_explicit(&s->out_head, memory_order_relaxed) > c->out_size / 2)
        channel_nudge(c);
}
