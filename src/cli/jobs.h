/* From a job file, or from the text kept in a run, to a job and its plan; problems are printed where they are found. */
#ifndef KT_CLI_JOBS_H
#define KT_CLI_JOBS_H

#include "cli/options.h"
#include "plan/plan.h"
#include "state/state.h"

struct loaded {
    struct job *job;
    struct plan *plan;
    char *sets; /* JSON array of the "KEY=VALUE" in force */
};
void loaded_done(struct loaded *loaded);
#define CLEANUP_LOADED __attribute__((cleanup(loaded_done)))

/* Reads FILE ("-": standard input). -1 after printing every problem on stderr. */
int jobs_load_file(const struct options *options, const char *path, struct loaded *ret);
/* The job of a run with the options' policy on top of what it was applied with. -1 after printing what is wrong. */
int jobs_load_run(const struct options *options, struct state *state, const struct run_info *run, struct loaded *ret);
/* Whether what its tasks print becomes their result: a command with any `result` but none. No, if the job cannot be read now. */
bool jobs_prints_result(const struct run_info *run);

#endif
