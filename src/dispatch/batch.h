/* A batch: what the loop gathers from the workers' answers for one commit. Filled by the loop, carried out by the writer
 * (writer.h), handed back, and used again. One thread has it at a time.
 */
#ifndef KT_DISPATCH_BATCH_H
#define KT_DISPATCH_BATCH_H

#include "results/results.h"
#include "state/state.h"

struct link;
struct chunk;

/* `count` answers of that session are in the batch: to be acknowledged when it is committed. */
struct batch_ack {
    struct link *link;
    uint64_t serial; /* of the link when it answered: it may have gone to another session since */
    int64_t count;
};
/* Output of ends[end] that went to a file: the writer ends it and fills in tail and length. */
struct batch_sink {
    size_t end;
    int stream; /* 1, 2 */
    bool keep;  /* whether the tail goes into the database */
    struct output_sink *sink;
};

struct batch {
    struct attempt_end *ends; /* `worker` is a number of writer_worker() */
    size_t n_ends, cap_ends;
    struct attempt_start *starts;
    size_t n_starts, cap_starts;
    struct batch_ack *acks;
    size_t n_acks, cap_acks;
    struct batch_sink *sinks;
    size_t n_sinks, cap_sinks;
    int64_t running, watermark;
    size_t bytes; /* in the chunks */
    struct chunk *chunks;
    struct batch *next;
};

struct batch *batch_new(void);
void batch_free(struct batch *b);
/* All of a list. */
void batches_free(struct batch *first);
/* Empties it; keeps the memory that a usual batch needs. */
void batch_clear(struct batch *b);
bool batch_is_empty(const struct batch *b);
/* A new end, zeroed but for `seed` (-1); valid until the next one. */
struct attempt_end *batch_end(struct batch *b);
struct attempt_start *batch_start(struct batch *b);
/* A copy that stays where it is until batch_clear(). */
struct slice batch_copy(struct batch *b, struct slice bytes);
/* Takes ownership of the sink. */
void batch_sink(struct batch *b, int stream, bool keep, struct output_sink *sink);
void batch_ack(struct batch *b, struct link *link, uint64_t serial, int64_t count);

#endif
