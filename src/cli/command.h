/* Commands: one file each, one row each in the table of main.c.
 *
 * A command's `run` gets its own words (argv[0] is its name), prints data on stdout and words on stderr, and
 * returns the exit status: 0 all done; 1 some tasks failed; 2 wrong usage or job file; 3 the backend or the machine
 * failed; 130 interrupted.
 */
#ifndef KT_CLI_COMMAND_H
#define KT_CLI_COMMAND_H

#include "base/err.h"

enum exit_status { EXIT_DONE = 0, EXIT_TASKS_FAILED = 1, EXIT_USAGE = 2, EXIT_TROUBLE = 3, EXIT_INTERRUPTED = 130 };

struct command {
    const char *name;
    const char *summary; /* one line in `ktbatch --help` */
    const char *usage;   /* "FILE|- [options]" */
    const char *help;    /* `ktbatch NAME --help`: an example first */
    int (*run)(int argc, char **argv);
};

extern const struct command command_apply, command_cancel, command_delete, command_failures, command_help, command_list,
    command_logs, command_plan, command_results, command_resume, command_retry, command_schema, command_status,
    command_validate, command_version;
extern const struct command *const command_table[]; /* in the order of --help; ends with NULL */

#endif
