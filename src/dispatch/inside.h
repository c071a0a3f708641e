/* What the files of the loop share and nobody else sees.
 *
 *     dispatch.c   the run: set-up, timers, the one step of every turn of the loop, the end
 *     links.c      a session from the run's side: opening, sending, acknowledging, losing
 *     answers.c    what workers answer, into the batch
 *     supply.c     what is open, from the database into the scheduler
 *     signals.c    Ctrl-C and the like
 *     stats.c      figures for the progress line
 */
#ifndef KT_DISPATCH_INSIDE_H
#define KT_DISPATCH_INSIDE_H

#include <uv.h>

#include "backend/backend.h"
#include "dispatch/batch.h"
#include "dispatch/dispatch.h"
#include "dispatch/output.h"
#include "dispatch/sched.h"
#include "dispatch/session.h"
#include "dispatch/writer.h"

#define BATCH_ENDS 14336              /* a commit holds about so many ends: with those of the last message at most 16384 */
#define BATCH_BYTES (8u << 20)        /* and so many bytes */
#define BATCH_US 5000                 /* and waits no longer than this for more */
#define MARK_US 500000                /* a task that runs longer gets a row that says so */
#define TICK_MS 100
#define POLL_US 1000000               /* between two looks for `ktbatch cancel` */
#define LATE_US 10000000              /* behind a task's time limit: its worker is taken for lost */
#define FRAME_BYTES (1u << 20)        /* a TASKS message ends when it is so long */
#define SPARE_SESSIONS 16              /* one-shot sessions ahead of a free slot */
#define UNREACHABLE_MAX 10            /* times in a row that connections fail; those open at the same time are one */
#define UNREACHABLE_MS 20             /* pause after the first of them; doubles up to a second */
#define CLOSE_US 2000000              /* sessions get so long to end by themselves */

/* How a task's numbers stand lately. */
#define RATE_SAMPLES 32
struct rate {
    struct {
        int64_t at, settled;
    } samples[RATE_SAMPLES];
    int n, next;
};

struct link {
    struct dispatch *d;
    struct session *session;
    uint64_t serial;  /* changes when the link goes to another session */
    unsigned slot;
    int64_t worker_id;
    int worker;       /* writer_worker() */
    int sched;        /* session of the scheduler; -1: none, not yet or no more */
    int64_t opened;   /* when */
    int64_t setup_at; /* wall clock when SETUP went out */
    bool proven, ready, finish_sent, dropping, dirty, out;
    int64_t marked;   /* task that has a row saying it runs; -1: none */
    int64_t answered, acked, in_batch; /* answers: all, acknowledged, in the batch that is being filled */
    struct outputs outputs;
    struct link *next_dirty, *next_out;
    struct link *prev, *next; /* all open ones; `next` of a free one: the next free one */
};

enum stage {
    STAGE_RUN,   /* tasks are sent and answered */
    STAGE_LEAVE, /* all is answered: the last commits, acknowledgements, sessions ending */
    STAGE_CLOSE, /* the backend is being closed */
    STAGE_OVER,
};

struct dispatch {
    const struct dispatch_config *config;
    const struct job *job;
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t tick, due;
    uv_async_t writer_wake;
    uv_signal_t signals[3];
    struct sched *sched;
    struct sessions *sessions;
    struct writer *writer;
    const struct backend_ops *backend_ops;
    struct backend *backend;
    struct output_config output;
    unsigned char key[BACKEND_KEY_SIZE];

    enum stage stage;
    bool stopping; /* a reason to end early has come; `end`, `signal` say which */
    enum dispatch_end end;
    int signal;
    bool failed; /* `err` says why */
    struct err err;
    int64_t started, now, grace_until, leave_until, next_poll;
    bool closing_sessions; /* their on_end has nothing to say any more */

    struct batch *batch, *spare_batches;
    int64_t batch_since;
    int in_writer; /* batches */
    bool paused;

    struct link *links, *free_links, *dirty, *out;
    uint64_t serials;
    unsigned *slots; /* free ones, the smallest last */
    int n_slots;
    int pending; /* workers asked for, and connections without proof */
    bool any_ready; /* a worker has been */
    int unreachable;
    int64_t unreachable_at; /* when that was last counted */
    int64_t acquire_from;
    bool look_at_all; /* work has come that an idle session could do */

    int64_t feed_from; /* state_open_tasks() */
    int64_t fed;       /* tasks */
    int64_t total, settled_before; /* of the run, or of `only` */
    bool fed_all;

    struct buf setup; /* the whole frame */
    struct buf result, problem;
    struct rate rate;
    int64_t next_progress;
    struct task_progress said;
    int losses_said;
    bool failure_said;
};

/* dispatch.c */
void dispatch_fail(struct dispatch *d, const struct err *err);
/* Nothing new is sent; what runs may finish for a while. */
void dispatch_stop(struct dispatch *d, enum dispatch_end why);
void dispatch_stop_now(struct dispatch *d);
void dispatch_say(struct dispatch *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An answer has been added to the batch. */
void dispatch_batched(struct dispatch *d);

/* links.c */
void links_setup(struct dispatch *d); /* the SETUP frame, the slots */
void links_done(struct dispatch *d);
void links_open_wanted(struct dispatch *d);
void links_send_all(struct dispatch *d); /* to dirty ones */
void links_flush(struct dispatch *d);
void links_look_at_all(struct dispatch *d);
void links_steal(struct dispatch *d);
void links_drop_all(struct dispatch *d);
void links_tick(struct dispatch *d);
void links_close_all(struct dispatch *d, bool stop);
void links_acknowledge(struct dispatch *d, const struct batch *batch);
void link_dirty(struct link *l);
/* Takes the session out of the scheduler if all that it will ever get is answered. */
void link_settle(struct link *l);
extern const struct session_events link_events;
extern const struct backend_events link_backend_events;

/* answers.c */
int answer_results(void *ctx, void *user, const struct message_results *m, struct err *err);
int answer_failed(void *ctx, void *user, const struct message_failed *m, struct err *err);
int answer_output(void *ctx, void *user, const struct message_output *m, struct err *err);
void answer_lost(struct link *l, const struct sched_loss *loss, int64_t since, const char *text);

/* supply.c */
int supply_feed(struct dispatch *d, struct err *err);

/* signals.c */
void signals_start(struct dispatch *d);
void signals_stop(struct dispatch *d);

/* stats.c */
void stats_sample(struct dispatch *d);
struct dispatch_stats stats_now(const struct dispatch *d);

#endif
