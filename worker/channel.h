/* The shared memory between a session and its executor: tasks in, answers out, no system call for either.
 *
 * Both ways a ring of bytes in one MAP_SHARED mapping made before the fork. Tasks are the items of TASKS messages, put in
 * whole; answers are records. The executor's user code may scribble over all of it, so the session believes nothing in it:
 * positions are checked, lengths are bounded, and what is wrong is an executor that has gone mad (-1).
 *
 * A side that has nothing to do sleeps on an eventfd and says so before; the other side writes to it only then.
 */
#ifndef KT_WORKER_CHANNEL_H
#define KT_WORKER_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/outcome.h"

#define CHANNEL_IN_SIZE (1u << 20)   /* of a usual channel; a larger message gets a larger one */
#define CHANNEL_OUT_SIZE (1u << 20)

struct channel_shared; /* the mapping */

struct channel {
    struct channel_shared *shared;
    uint32_t in_size, out_size;
    int wake_executor, wake_session; /* eventfds */
    int out, errout;                 /* memory files that the executor's stdout and stderr go to */
    /* the session's own, true positions */
    uint64_t in_head, in_tail, out_head;
    struct channel *next; /* in the pool */
};

/* One from the pool if it is of the usual size, else made. Both rings are empty. NULL with errno. */
struct channel *channel_get(uint32_t in_size);
/* Back to the pool; nobody else has it any more. `spoiled`: its descriptors may be in others' hands: not used again. */
void channel_put(struct channel *c, bool spoiled);

/* --- the session's side --- */

/* Before a fork: the executor begins with the message at `position` and passes over its first `skip` items; the session has
 * `begun` answers so far. */
void channel_begin(struct channel *c, uint64_t position, int64_t skip, int64_t begun);
/* Puts a message in (the items of a TASKS, a JSON array); false if there is no room for it now. `ret_position`: where it is. */
bool channel_send(struct channel *c, int64_t first, int attempt, struct slice items, uint64_t *ret_position);
/* The in_size of a channel that can hold a message of that many bytes. */
uint32_t channel_size_for(size_t len);
/* The messages before `position` are not needed any more. */
void channel_release(struct channel *c, uint64_t position);
/* Nothing after this many tasks of the session is begun; INT64_MAX: no limit. */
void channel_limit(struct channel *c, int64_t tasks);
/* How many tasks of the session the executor has begun, and when it began the last one. */
int64_t channel_begun(const struct channel *c, int64_t *ret_started);
/* Asks the executor to end when it is idle. */
void channel_quit(struct channel *c);

enum record_kind { RECORD_RESULT = 1, RECORD_FAILED, RECORD_OUTPUT, RECORD_PROGRESS };
struct record {
    uint32_t len; /* of the bytes behind */
    uint16_t kind;
    uint16_t detail; /* RECORD_FAILED: outcome; RECORD_OUTPUT: stream */
    int64_t at, us;  /* clock_mono_us() of the start, and how long; PROGRESS: at is the fraction in millionths */
};
#define RECORD_MAX (64u << 20)
/* Appends what the executor has put out to `bytes` (whole and partial records). -1: its positions are nonsense. */
int channel_receive(struct channel *c, struct buf *bytes);

/* --- the executor's side --- */

void channel_executor_starts(struct channel *c);
struct channel_task {
    int64_t task;
    int attempt;
    bool slept;        /* had to be waited for */
    struct slice item; /* JSON text, in the ring */
};
/* The next task; waits for it. False: the session wants no more. Marks it as begun. */
bool channel_next(struct channel *c, struct channel_task *ret);
/* When the task begun last was begun, clock_mono_us(): kept apart, since the executor measures it anyway. */
void channel_started(struct channel *c, int64_t at);
/* Puts a record out; waits while there is no room. */
void channel_put_record(struct channel *c, struct record header, struct slice bytes);
/* Tells the session to look now. */
void channel_nudge(struct channel *c);

#endif
