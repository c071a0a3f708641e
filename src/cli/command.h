/* Commands: one file each, one row each in the table of commands.c.
 *
 * A command's `run` gets its words and options, already parsed and counted, prints data on stdout and words on stderr, and
 * returns the exit status: 0 all done; 1 some tasks failed; 2 wrong usage or job file; 3 the backend or the machine
 * failed; 130 interrupted.
 */
#ifndef KT_CLI_COMMAND_H
#define KT_CLI_COMMAND_H

#include "base/err.h"
#include "cli/options.h"

enum exit_status { EXIT_DONE = 0, EXIT_TASKS_FAILED = 1, EXIT_USAGE = 2, EXIT_TROUBLE = 3, EXIT_INTERRUPTED = 130 };

struct command {
    const char *name;
    const char *summary;  /* one line in `ktbatch --help` */
    const char *usage;    /* "FILE|- [options]" */
    const char *help;     /* `ktbatch NAME --help`: examples first, then what it does */
    const char *statuses; /* its exit statuses, one a line */
    unsigned long options; /* OPTION_BIT()s of the options it takes */
    int min_words, max_words; /* max -1: any number */
    int (*run)(const struct options *options);
};

extern const struct command command_apply, command_cancel, command_delete, command_failures, command_help, command_list,
    command_logs, command_plan, command_results, command_resume, command_retry, command_schema, command_status,
    command_validate, command_version;
extern const struct command *const command_table[]; /* in the order of --help; ends with NULL */

const struct command *command_find(const char *name);
/* Says that there is no such command, and which could be meant: "ktbatch NAME", or "ktbatch VERB NAME". EXIT_USAGE. */
int command_unknown(const char *word, const char *verb);
/* Help of the program and of one command, as text. */
void help_overview(struct buf *out);
void help_command(const struct command *command, struct buf *out);

/* The program: finds the command, parses its words, runs it. Returns the exit status. */
int cli_main(int argc, char **argv);

/* A text on stdout; the exit status. */
int print_text(struct slice text);
/* "ktbatch: TEXT" on stderr; the exit status of the error's class. */
int command_fail(const struct err *err);
/* A line for people on stderr. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
