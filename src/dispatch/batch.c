/* See batch.h. */
#include "dispatch/batch.h"

#include <string.h>

#include "base/mem.h"

#define CHUNK_SIZE (256u << 10)
#define CHUNKS_KEPT (1u << 20)

struct chunk {
    struct chunk *next;
    size_t used, size;
    char bytes[];
};

struct batch *batch_new(void)
{
    return MEM_NEW(struct batch);
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    batch_clear(b);
    while (b->chunks) {
        struct chunk *next = b->chunks->next;
        free(b->chunks);
        b->chunks = next;
    }
    free(b->ends);
    free(b->starts);
    free(b->acks);
    free(b->sinks);
    free(b);
}

void batches_free(struct batch *first)
{
    for (struct batch *next; first; first = next) {
        next = first->next;
        batch_free(first);
    }
}

void batch_clear(struct batch *b)
{
    size_t kept = 0;
    for (struct chunk **at = &b->chunks, *c; (c = *at);) {
        kept += c->size;
        c->used = 0;
        if (c->size == CHUNK_SIZE && kept <= CHUNKS_KEPT) {
            at = &c->next;
        } else {
            *at = c->next;
            free(c);
        }
    }
    for (size_t i = 0; i < b->n_sinks; i++)
        output_sink_free(b->sinks[i].sink);
    b->n_ends = b->n_starts = b->n_acks = b->n_sinks = 0;
    b->bytes = 0;
    b->next = NULL;
}

bool batch_is_empty(const struct batch *b)
{
    return b->n_ends + b->n_starts == 0;
}

struct attempt_end *batch_end(struct batch *b)
{
    MEM_GROW(b->ends, b->n_ends, b->cap_ends);
    struct attempt_end *end = &b->ends[b->n_ends++];
    *end = (struct attempt_end){.seed = -1};
    return end;
}

struct attempt_start *batch_start(struct batch *b)
{
    MEM_GROW(b->starts, b->n_starts, b->cap_starts);
    return &b->starts[b->n_starts++];
}

static char *room(struct batch *b, size_t len)
{
    struct chunk *c = b->chunks;
    while (c && c->size - c->used < len)
        c = c->next && c->next->used == 0 ? c->next : NULL;
    if (!c) {
        size_t size = len > CHUNK_SIZE ? len : CHUNK_SIZE;
        c = mem_alloc(sizeof *c + size);
        c->used = 0;
        c->size = size;
        c->next = b->chunks;
        b->chunks = c;
    } else if (c != b->chunks) { /* an empty one behind the first: to the front */
        struct chunk **at = &b->chunks;
        while (*at != c)
            at = &(*at)->next;
        *at = c->next;
        c->next = b->chunks;
        b->chunks = c;
    }
    c->used += len;
    b->bytes += len;
    return c->bytes + c->used - len;
}

struct slice batch_copy(struct batch *b, struct slice bytes)
{
    if (bytes.len == 0)
        return (struct slice){"", 0};
    char *copy = room(b, bytes.len);
    memcpy(copy, bytes.p, bytes.len);
    return (struct slice){copy, bytes.len};
}

void batch_sink(struct batch *b, int stream, bool keep, struct output_sink *sink)
{
    MEM_GROW(b->sinks, b->n_sinks, b->cap_sinks);
    b->sinks[b->n_sinks++] = (struct batch_sink){b->n_ends - 1, stream, keep, sink};
}

void batch_ack(struct batch *b, struct link *link, uint64_t serial, int64_t count)
{
    MEM_GROW(b->acks, b->n_acks, b->cap_acks);
    b->acks[b->n_acks++] = (struct batch_ack){link, serial, count};
}
