/* See run_state.h. */
#include "state/run_state.h"

const char *const run_state_names[RUN_STATES] = {
    [RUN_RUNNING] = "running", [RUN_INTERRUPTED] = "interrupted", [RUN_DONE] = "done",
    [RUN_FAILED] = "failed",   [RUN_CANCELLED] = "cancelled",
};

/* A finished run goes on by way of interrupted: `retry` puts tasks back, and then it is like any that was broken off. */
static const bool run_moves[RUN_STATES][RUN_STATES] = {
    [RUN_RUNNING] = {[RUN_INTERRUPTED] = true, [RUN_DONE] = true, [RUN_FAILED] = true, [RUN_CANCELLED] = true},
    [RUN_INTERRUPTED] = {[RUN_RUNNING] = true, [RUN_DONE] = true, [RUN_FAILED] = true, [RUN_CANCELLED] = true},
    [RUN_DONE] = {[RUN_INTERRUPTED] = true},
    [RUN_FAILED] = {[RUN_INTERRUPTED] = true, [RUN_RUNNING] = true, [RUN_CANCELLED] = true},
    [RUN_CANCELLED] = {[RUN_INTERRUPTED] = true},
};

bool run_state_may(enum run_state from, enum run_state to)
{
    return run_moves[from][to];
}
