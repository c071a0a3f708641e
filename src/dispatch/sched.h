/* The scheduler: which task goes to which session next, and what becomes of one that ended badly. Pure: state and time in,
 * decisions out; no clock, no socket, no database. The loop (dispatch.c) carries its decisions out.
 *
 * - First tasks first; a retry when its back-off is over goes before fresh ones, and so does what came back unstarted.
 * - The window of a session, the tasks it was sent and has not answered, is kept to about SCHED_WINDOW_US of work, by the
 *   measured time of a task: tiny tasks flow in thousands, long ones wait here, where any slot can take them. A new
 *   session gets one task; its window at most doubles with each answer. Towards the end windows shrink to a fair share of
 *   what is left, and a session that sits on unstarted tasks while a slot is idle is asked to give them back.
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
#define SCHED_FREE_REPEATS 20     /* repeats of a task that cost it nothing (evicted) */
#define SCHED_KILLS 3             /* a task that was running when its worker was lost so often is given up */
#define SCHED_BACKOFF_MAX_US (INT64_C(300) * 1000000) /* back-off doubles up to 5 min */
#define SCHED_STEAL_US 10000      /* unstarted tasks are taken back from a session that needs longer than this for them */

struct sched;

struct sched_policy {
    int slots;
    int spare;                 /* sessions opened ahead of a free slot while tasks are short, where a session is one task */
    int64_t tasks_per_session; /* 0: all */
    int retries;
    int64_t backoff_us;
    int64_t max_failures;      /* -1: no limit. Stops when more than this many tasks have failed for good. */
    bool (*may_retry)(const void *ctx, enum outcome outcome, int status); /* NULL: outcome_retried() */
    const void *ctx;
    uint64_t jitter_seed;      /* jitter is a function of it, the task and the attempt */
};
struct sched *sched_new(const struct sched_policy *policy);
void sched_free(struct sched *s);

/* Supply. The loop feeds open tasks in order while sched_hungry(); all of a fed range have the same history. */
bool sched_hungry(const struct sched *s);
void sched_feed(struct sched *s, int64_t first, int64_t end, int attempts, int spent, int lost);
/* All tasks below `position` have been fed or are settled; `all`: so are those behind it. */
void sched_fed_to(struct sched *s, int64_t position, bool all);

/* How many sessions should be opened besides the `pending` ones that have been asked for and are not open yet: there are
 * free slots for them, and work that they could do now. */
int sched_wanted(struct sched *s, int pending, int64_t now);
int sched_session_open(struct sched *s, int64_t now); /* a session is ready for tasks; its number */
struct sched_send {
    int64_t first, count;
    int attempt;
};
/* The next tasks to send to that session now; false: nothing now. Call until false. */
bool sched_send(struct sched *s, int session, int64_t now, struct sched_send *ret);
/* Whether the session shall be told that no more tasks come (its quota is sent, or nothing is left to do). */
bool sched_session_finished(const struct sched *s, int session);
/* Whether everything that will ever be sent to it has been answered: its slot can go to another (sched_session_closed())
 * although it still waits for its acknowledgement. */
bool sched_session_drained(const struct sched *s, int session);
int64_t sched_in_flight(const struct sched *s, int session);
/* Consecutive answers from the head of the session's queue: `count` successes that took `us` altogether. -1: the worker
 * answered what it was not asked (a broken worker: the loop drops the session); nothing has changed then. */
int sched_done(struct sched *s, int session, int64_t first, int64_t count, int attempt, int64_t us, int64_t now);
/* What becomes of the task at the head of the queue, whose attempt ended badly after `us`. -1 as above. */
enum sched_verdict { SCHED_RETRY, SCHED_GIVE_UP };
int sched_failed(struct sched *s, int session, int64_t task, int attempt, enum outcome outcome, int status, int64_t us,
                 int64_t now, enum sched_verdict *ret);
/* A session that should give back what it has not started, so that an idle slot can have it; -1: none. */
int sched_steal(struct sched *s, int64_t now);
/* The session has been asked to give back (DROP): it is sent nothing until sched_dropped(). */
void sched_dropping(struct sched *s, int session);
/* The last `count` tasks sent were not started (DROPPED): they wait again. -1: it was not sent so many. */
int sched_dropped(struct sched *s, int session, int64_t count);
/* The session is over. Tasks in flight go back at no charge, but with `blame` (the worker had begun to work) for the
 * first: it was running, and its attempt ended as OUTCOME_LOST, with this verdict. */
struct sched_loss {
    bool had_task; /* one is to blame; the next four are about it */
    int64_t task;
    int attempt;
    int kills; /* how often it has been running when a worker was lost, this time included */
    enum sched_verdict verdict;
    int64_t requeued; /* others that went back */
};
void sched_session_lost(struct sched *s, int session, bool blame, int64_t now, struct sched_loss *ret);
void sched_session_closed(struct sched *s, int session); /* with nothing in flight */

/* Nothing new is sent from now on (interrupt, deadline, too many failures). */
void sched_hold(struct sched *s);
/* Whether everything fed has been answered and nothing waits (or, on hold, nothing is in flight). */
bool sched_idle(const struct sched *s);
/* When a waiting retry is due; INT64_MAX: none. */
int64_t sched_wakeup(const struct sched *s);
bool sched_too_many_failures(const struct sched *s);

struct sched_counts {
    int64_t done, failed; /* settled since the start */
    int64_t in_flight;    /* sent and not answered */
    int64_t running;      /* sessions that work on a task, at most the slots */
    int64_t retrying;     /* wait for their back-off */
    int workers;          /* sessions that tasks go to, at most the slots */
};
struct sched_counts sched_counts(const struct sched *s);
/* Every task below it is settled. A lower bound: with many retries waiting it is not computed anew at each call. */
int64_t sched_watermark(struct sched *s);
/* The task that a session works on (the head of its queue) and its attempt, and since when at the latest (its last answer or
 * the first sending after it was idle); false if none. */
bool sched_current(const struct sched *s, int session, int64_t *ret_task, int *ret_attempt, int64_t *ret_since);

/* Back-off before attempt `attempt + 1`, in microseconds: backoff * 2^(spent-1), at most SCHED_BACKOFF_MAX_US, less up to a
 * quarter of jitter. */
int64_t sched_backoff(const struct sched_policy *policy, int64_t task, int spent);

#endif
