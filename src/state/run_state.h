/* States of runs and tasks, and the moves between them: one const table each. */
#ifndef KT_STATE_RUN_STATE_H
#define KT_STATE_RUN_STATE_H

#include <stdbool.h>

enum run_state { RUN_RUNNING, RUN_INTERRUPTED, RUN_DONE, RUN_FAILED, RUN_CANCELLED, RUN_STATES };
extern const char *const run_state_names[RUN_STATES];
bool run_state_may(enum run_state from, enum run_state to);

/* The values are those of the database's `state` column; done is NULL there. */
enum task_state { TASK_DONE, TASK_QUEUED, TASK_RUNNING, TASK_FAILED, TASK_CANCELLED, TASK_STATES };
extern const char *const task_state_names[TASK_STATES];
bool task_state_may(enum task_state from, enum task_state to);
/* Done, failed or cancelled: nothing happens to it without a command. */
bool task_state_settled(enum task_state s);

#endif
