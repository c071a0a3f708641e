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

const char *const task_state_names[TASK_STATES] = {
    [TASK_DONE] = "done",     [TASK_QUEUED] = "queued",       [TASK_RUNNING] = "running",
    [TASK_FAILED] = "failed", [TASK_CANCELLED] = "cancelled",
};

/* Short tasks go from queued straight to their end: a row that says `running` is written only for long ones. */
static const bool task_moves[TASK_STATES][TASK_STATES] = {
    [TASK_QUEUED] = {[TASK_QUEUED] = true, [TASK_RUNNING] = true, [TASK_DONE] = true, [TASK_FAILED] = true,
                     [TASK_CANCELLED] = true},
    [TASK_RUNNING] = {[TASK_QUEUED] = true, [TASK_DONE] = true, [TASK_FAILED] = true, [TASK_CANCELLED] = true},
    [TASK_DONE] = {[TASK_QUEUED] = true},
    [TASK_FAILED] = {[TASK_QUEUED] = true},
    [TASK_CANCELLED] = {[TASK_QUEUED] = true},
};

bool task_state_may(enum task_state from, enum task_state to)
{
    return task_moves[from][to];
}

bool task_state_settled(enum task_state s)
{
    return s == TASK_DONE || s == TASK_FAILED || s == TASK_CANCELLED;
}
