/* What apply, resume and retry share: carrying a run out, and saying how it ended. */
#ifndef KT_CLI_RUN_AGAIN_H
#define KT_CLI_RUN_AGAIN_H

#include "cli/database.h"
#include "cli/jobs.h"

struct carry {
    const struct options *options;
    struct state *state;
    struct run_info *run; /* locked, its state running */
    const struct plan *plan;
    const struct taskset *only; /* NULL: all */
};
/* Runs it with progress on stderr, prints the summary, returns the exit status. */
int carry_out(const struct carry *carry);

/* resume and retry once the run has been found: locks it, loads its job, and carries it out. `prepare` (may be NULL) is called
 * with the lock held and the job loaded, before the run starts; 1: go on, 0: nothing to do (`*ret_status` says the exit
 * status), -1 error. */
typedef int (*prepare_fn)(const struct options *options, struct state *state, struct run_info *run, int *ret_status,
                          struct err *err);
int run_again(const struct options *options, struct state *state, struct run_info *run, prepare_fn prepare);

/* Says that library or program have changed since the run was applied; nothing if they have not. */
void warn_if_changed(const struct run_info *run, const struct job *job, const char *advice);
/* Says why there is nothing to go on with, and what could be done; the exit status. */
int say_at_rest(const struct options *options, const struct run_info *run);

#endif
