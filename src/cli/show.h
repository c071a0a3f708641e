/* Rows of the database to standard output, in the format that -o asks for. */
#ifndef KT_CLI_SHOW_H
#define KT_CLI_SHOW_H

#include "cli/options.h"
#include "state/state.h"

/* Prints all rows and closes them. In JSON, `args` is the object or array it is, and so is a `result` that is one.
 * `*ret_rows` (may be NULL): how many. */
int show_rows(const struct options *options, struct state_rows *rows, int64_t *ret_rows, struct err *err);

#endif
