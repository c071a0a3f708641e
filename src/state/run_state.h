/* States of runs, with the moves between them in one const table, and states of tasks. */
#ifndef KT_STATE_RUN_STATE_H
#define KT_STATE_RUN_STATE_H

#include <stdbool.h>

enum run_state { RUN_RUNNING, RUN_INTERRUPTED, RUN_DONE, RUN_FAILED, RUN_CANCELLED, RUN_STATES };
extern const char *const run_state_names[RUN_STATES];
bool run_state_may(enum run_state from, enum run_state to);

/* The values are those of the database's `state` column, where done is NULL most often; the views have their names. Their moves
 * are conditions of the statements that make them (sql.c), so that they hold for the row as it is, and for many at once. */
enum task_state { TASK_DONE, TASK_QUEUED, TASK_RUNNING, TASK_FAILED, TASK_CANCELLED };

#endif
