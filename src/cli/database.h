/* What commands do with the database before and after their own work: open it, name it in commands that are printed, and tell
 * what is left of a run.
 */
#ifndef KT_CLI_DATABASE_H
#define KT_CLI_DATABASE_H

#include "cli/options.h"
#include "state/state.h"

/* Opens the database of the options and says its warning, if it has one. */
int database_open(const struct options *options, enum state_mode mode, struct state **ret, struct err *err);
/* The whole of a command that works on a database that is there: opens it, calls `use`, closes it. `use` returns an exit status,
 * or -1 and an error, which is then said; so does this. */
typedef int database_use(const struct options *options, struct state *state, struct err *err);
int database_change(const struct options *options, database_use *use);
/* For commands that only look: marks dead runners' runs where it can write, and reads where it cannot. */
int database_look(const struct options *options, database_use *use);
/* The run that the n-th word names (no such word: the newest). */
int database_find(struct state *state, const struct options *options, int word, struct run_info *ret, struct err *err);

/* Locks the run and reads it again: what was true before it was locked need not be so any more. */
int database_lock(struct state *state, struct run_info *run, struct run_lock **ret, struct err *err);

/* "ktbatch resume cubes-1", with --db where it is needed (`apply` also with its --set); quoted for a shell. Owned by the caller. `more` may be NULL. */
char *command_line(const struct options *options, const char *verb, const char *run, const char *more);
/* A path as it is shown: from the current folder where it is below it. Owned by the caller. */
char *path_shown(const char *path);
/* That of the run's results.jsonl. */
char *results_shown(const struct run_info *run);

/* The kinds of failures of a run, the most frequent first: tasks, class, message, example. */
int failures_open(struct state *state, const struct run_info *run, struct state_rows **ret, struct err *err);
/* The first few of them in words, one at a time: "3 × exit: exit 1 (task 7)". Nothing where they cannot be read. */
void failures_each(struct state *state, const struct run_info *run, void (*fn)(void *ctx, const char *text), void *ctx);

/* What is left of a run. */
enum run_rest { REST_OPEN, REST_NONE, REST_FAILURES, REST_CANCELLED };
enum run_rest rest_of(const struct run_info *run);
static inline int64_t run_queued(const struct run_info *run)
{
    return run->tasks - run->running - run->done - run->failed - run->cancelled;
}

#endif
