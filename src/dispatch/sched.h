/* The scheduler: which task goes to which session next, and what becomes of one that ended badly. Pure: state and time in,
 * decisions out; no clock, no socket, no database. The loop (dispatch.c) carries its decisions out.
 *
 * - First tasks first; a retry when its back-off is over goes before fresh ones.
 * - The window of a session, the tasks it was sent and has not answered, is kept to about SCHED_WINDOW_US of work, by the
 *   measured time of a task: tiny tasks flow in thousands, long ones wait here, where any slot can take them. A new
 *   session, or one whose tasks take long, gets one task at a time with one in reserve.
 * - Its memory grows with the tasks in flight, waiting for a retry, or tried before, never with the run.
 */
#ifndef KT_DISPATCH_SCHED_H
#define KT_DISPATCH_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"

#define SCHED_WINDOW_US 30000     /* work sent ahead, by measured task time */
#define SCHED_WINDOW_TASKS 8192   /* at most so many tasks */
#define SCHED_FRAME_TASKS 512     /* tasks in one TASKS message */
#define SCHED_FREE_REPEATS 20     /* repeats of a task that cost it nothing (worker lost before or while it ran) */
#define SCHED_KILLS 3             /* a task that was running when its worker was lost so often is given up */
#define SCHED_BACKOFF_MAX_US (INT64_C(300) * 1000000) /* back-off doubles up to 5 min */

struct sched;

struct sched_policy {
    int slots;
    int64_t tasks_per_session; /* 0: all */
    int retries;
    int64_t backoff_us;
    int64_t max_failures;      /* -1: no limit. Stops when more than this many tasks have failed for good. */
    bool (*may_retry)(const void *ctx, enum outcome outcome, int status);
    const void *ctx;
    uint64_t jitter_seed;      /* jitter is a function of it, the task and the attempt */
};
struct sched *sched_new(const struct sched_policy *policy);
void sched_free(struct sched *s);

/* Supply. The loop feeds open tasks in order while sched_hungry(); a fed range that has been tried before is one task. */
bool sched_hungry(const struct sched *s);
void sched_feed(struct sched *s, int64_t first, int64_t end, int attempts, int spent, int lost);
void sched_fed_all(struct sched *s); /* there are no more */

/* Sessions. */
bool sched_wants_session(const struct sched *s, int64_t now); /* is there a free slot and work that it could do now? */
int sched_session_open(struct sched *s, int64_t now);         /* a session is ready for tasks; its number */
struct sched_send {
    int64_t first, count;
    int attempt;
};
/* The next tasks to send to that session now; false: nothing now. Call until false. */
bool sched_send(struct sched *s, int session, int64_t now, struct sched_send *ret);
/* Whether the session shall be told that no more tasks come (its quota is sent, or nothing is left to do for it). */
bool sched_session_finished(const struct sched *s, int session, int64_t now);
/* Consecutive answers from the head of the session's queue: `count` successes that took `us` altogether. -1: the worker
 * answered what it was not asked (a broken worker: the loop drops the session). */
int sched_done(struct sched *s, int session, int64_t first, int64_t count, int64_t us, int64_t now);
/* What becomes of a task whose attempt ended badly. */
enum sched_verdict { SCHED_RETRY, SCHED_GIVE_UP };
int sched_failed(struct sched *s, int session, int64_t task, enum outcome outcome, int status, int64_t now,
                 enum sched_verdict *ret);
/* The last `count` tasks sent were not started (DROPPED): they wait again. */
int sched_dropped(struct sched *s, int session, int64_t count);
/* The session's slot is free for another (its quota is answered), although it still waits for its acknowledgement. */
void sched_session_drained(struct sched *s, int session);
/* The session is over. If tasks were in flight, all but the first go back at no charge; the first (it was running) is
 * reported: its attempt ended as OUTCOME_LOST, with this verdict. */
struct sched_loss {
    bool had_task;
    int64_t task;
    int attempt;
    enum sched_verdict verdict;
    int64_t requeued; /* others that went back */
};
void sched_session_lost(struct sched *s, int session, int64_t now, struct sched_loss *ret);
void sched_session_closed(struct sched *s, int session); /* with nothing in flight */

/* Nothing new is sent from now on (interrupt, deadline, too many failures). */
void sched_hold(struct sched *s);
/* Whether everything fed has been answered and nothing waits (or, on hold, nothing is in flight). */
bool sched_idle(const struct sched *s);
/* When a waiting retry is due; INT64_MAX: none. */
int64_t sched_wakeup(const struct sched *s);
bool sched_too_many_failures(const struct sched *s);

struct sched_counts {
    int64_t done, failed, in_flight, retrying;
    int sessions;
};
struct sched_counts sched_counts(const struct sched *s);
/* Every task below it is settled, all of those in between included. */
int64_t sched_watermark(const struct sched *s);
/* The task that a session works on (head of its queue) and its attempt; false if none. */
bool sched_current(const struct sched *s, int session, int64_t *ret_task, int *ret_attempt);
/* The task and attempt of the next answer's position, for checking what a worker says: see sched_done(). */

/* Back-off before attempt `attempt + 1`, in microseconds: backoff * 2^(spent-1), at most SCHED_BACKOFF_MAX_US, less up to a
 * quarter of jitter. */
int64_t sched_backoff(const struct sched_policy *policy, int64_t task, int spent);

#endif
