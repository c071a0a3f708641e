/* The shared memory between a session and its executor: tasks in, answers out, no system call for either.
 *
 * Both ways a ring of bytes in one piece of shared memory (shared_memory.h). Tasks are the items of TASKS messages, put in
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
#include "base/json.h"
#include "base/outcome.h"
#include "loop.h"
#include "shared_memory.h"

/* What of the mapping each side writes. */
struct channel_tasks;
struct channel_answers;

struct channel {
    struct shared_piece memory;
    struct channel_tasks *tasks;
    char *in_ring;
    struct channel_answers *answers;
    char *out_ring;
    uint32_t in_size, out_size;
    bool tight;
    int wake_executor;         /* eventfd */
    struct loop_source nudged; /* the session's eventfd; stays in the loop while the channel is in the pool */
    void *owner;               /* whose it is, for nudged.ready(); NULL in the pool */
    int out, errout;           /* memory files that the executor's stdout and stderr go to */
    /* the session's own, true positions */
    uint64_t in_head, in_tail, out_head;
    struct channel *next; /* in the pool */
};

/* One that can hold a message of `len` bytes of items, from the pool or made. `tight`: for a single task; all that both
 * sides touch is one page then, if the task is small. Both rings are empty. NULL with errno. */
struct channel *channel_get(size_t len, bool tight);
/* Whether a message of that many bytes can ever find room in it. */
bool channel_can_hold(const struct channel *c, size_t len);
/* Back to the pool; nobody else has it any more. `spoiled`: its descriptors may be in others' hands: not used again. */
void channel_put(struct channel *c, bool spoiled);

/* --- the session's side --- */

/* Before a fork: the executor begins with the message at `position` and passes over its first `skip` items; the session has
 * `begun` answers so far. */
void channel_begin(struct channel *c, uint64_t position, int64_t skip, int64_t begun);
/* Puts a message in (the items of a TASKS, a JSON array); false if there is no room for it now. `ret_position`: where it is. */
bool channel_send(struct channel *c, int64_t first, int attempt, struct slice items, uint64_t *ret_position);
/* The messages before `position` are not needed any more. */
void channel_release(struct channel *c, uint64_t position);
/* Nothing after this many tasks of the session is begun; INT64_MAX: no limit. */
void channel_limit(struct channel *c, int64_t tasks);
/* How many tasks of the session the executor has begun, and when it began the last one (0: at this moment). */
int64_t channel_begun(const struct channel *c, int64_t *ret_started);
/* Whether the executor has asked for its first task: its object is built. */
bool channel_open_for_tasks(const struct channel *c);
/* Whether the executor ended because its task had closed all of its output. */
bool channel_streams_are_gone(const struct channel *c);
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

/* Where the executor is, apart from what the session sees. In its own memory, out of reach of what the session writes. */
struct channel_place {
    struct channel channel; /* a copy, whose memory is where the executor has it */
    int wake_executor, wake_session; /* the descriptors' numbers in the executor */
    uint64_t position, out_tail;
    int64_t skip, begun;
    bool in_message;
    uint32_t message_size;
    int attempt;
    int64_t task;
    struct json_iter items;
};

/* After the fork, with all descriptors still there. From then on what the session writes is read-only, so that a wild pointer
 * of the task's ends the task and not the session (not where the channel is tight: nothing follows there). -1 with errno. */
int channel_executor_starts(struct channel_place *place, const struct channel *made, int wake_executor, int wake_session);
struct channel_task {
    int64_t task;
    int attempt;
    bool slept;       /* had to be waited for */
    struct json item; /* in the ring */
};
/* The next task; waits for it. False: the session wants no more. Marks it as begun. */
bool channel_next(struct channel_place *place, struct channel_task *ret);
/* When the task begun last was begun, clock_mono_us(): kept apart, since the executor measures it anyway. */
void channel_started(struct channel_place *place, int64_t at);
/* Puts a record out; waits while there is no room. */
void channel_put_record(struct channel_place *place, struct record header, struct slice bytes);
/* Tells the session that the task's output is out of the executor's reach: it ends without an answer. */
void channel_streams_gone(struct channel_place *place);
/* Tells the session to look now. */
void channel_nudge(struct channel_place *place);

#endif
