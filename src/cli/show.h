/* Rows of the database to standard output, in the format that -o asks for. */
#ifndef KT_CLI_SHOW_H
#define KT_CLI_SHOW_H

#include "cli/options.h"
#include "state/state.h"

/* Prints all rows and closes them. In JSON, `args` is the object or array it is. */
int show_rows(const struct options *options, struct state_rows *rows, struct err *err);
/* The same for rows of a run's view in the order of tasks (the first column). In JSON, `result` is exactly what was committed:
 * the view shows a text and a list that is spelled alike as the same text. */
int show_results(const struct options *options, struct state *state, const struct run_info *run, struct state_rows *rows,
                 struct err *err);

#endif
