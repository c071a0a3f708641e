/* The writer: one thread that makes answers last. It has its own connection to the database and the run's results.
 *
 * A batch is carried out in this order: files of single tasks (synced), lines of results.jsonl (to the kernel), the commit that
 * holds the ends and the new length of results.jsonl (durable). Dying in between leaves lines behind the committed length,
 * which the next writer cuts. The queue is short: when it is full the loop stops reading from workers.
 *
 * All functions are for the loop's thread; `wake` is called on the writer's.
 */
#ifndef KT_DISPATCH_WRITER_H
#define KT_DISPATCH_WRITER_H

#include "dispatch/batch.h"
#include "plan/plan.h"

#define WRITER_QUEUE 2 /* batches that it takes at a time: one in work, one waiting */

struct writer;
struct writer_config {
    const char *database;       /* path */
    const struct run_info *run; /* copied; its strings must outlive the writer */
    const struct plan *plan;
    void (*wake)(void *ctx); /* a batch is through, or the writer has failed; from its own thread */
    void *ctx;
};
/* Starts the thread; it opens the database and the results, and mends results.jsonl if need be, before the first batch. */
int writer_start(const struct writer_config *config, struct writer **ret, struct err *err);
/* The number of a worker's name for attempt_end.worker; the name is copied at its first use. */
int writer_worker(struct writer *w, const char *name);
bool writer_full(struct writer *w);
/* Takes the batch until writer_take() gives it back. */
void writer_push(struct writer *w, struct batch *batch);
/* The next batch that is committed, in order; NULL: none now. Owned by the caller again. */
struct batch *writer_take(struct writer *w);
/* Whether it has stopped because of an error, and which. ERR_BUSY: the run was cancelled by somebody else. Batches that
 * were not committed are never given back. */
bool writer_failed(struct writer *w, struct err *ret);
/* Waits until all is committed (or it has failed), writes failed.jsonl anew, syncs the results, and ends the run's part in
 * the database: done or failed if every task is settled, else interrupted. `ret_run` gets counts and state. Ends the thread
 * and frees the writer in any case. */
int writer_finish(struct writer *w, struct run_info *ret_run, struct err *err);

#endif
