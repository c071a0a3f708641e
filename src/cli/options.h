/* Options: one table for all commands; a command names those that it takes.
 *
 * Options that stand for a key of the job file (--parallelism 4) become a "KEY=VALUE" in `sets`, in the order given, so that
 * the last one wins whichever way it was said.
 */
#ifndef KT_CLI_OPTIONS_H
#define KT_CLI_OPTIONS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/output.h"

enum option_id {
    OPTION_HELP,
    OPTION_DB,
    OPTION_OUTPUT,
    OPTION_WHERE,
    OPTION_SET,
    OPTION_NAME,
    OPTION_PARALLELISM,
    OPTION_BACKEND,
    OPTION_RETRIES,
    OPTION_TIMEOUT,
    OPTION_DEADLINE,
    OPTION_MAX_FAILURES,
    OPTION_TASKS_PER_WORKER,
    OPTION_TASKS,
    OPTION_RERUN,
    OPTION_DONE,
    OPTION_ALL,
    OPTION_WATCH,
    OPTION_STDOUT,
    OPTION_STDERR,
    OPTION_ATTEMPT,
    OPTION_QUIET,
    OPTION_COUNT
};
#define OPTION_BIT(id) (1ul << (id))
/* Policy and place: what may change on resume. */
#define OPTIONS_POLICY                                                                                             \
    (OPTION_BIT(OPTION_SET) | OPTION_BIT(OPTION_PARALLELISM) | OPTION_BIT(OPTION_BACKEND) | OPTION_BIT(OPTION_RETRIES) | \
     OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_DEADLINE) | OPTION_BIT(OPTION_MAX_FAILURES) |                    \
     OPTION_BIT(OPTION_TASKS_PER_WORKER))

struct sets { /* "KEY=VALUE" each, owned */
    char **list;
    int n, cap;
};
/* Takes ownership of `set`. */
void sets_add(struct sets *sets, char *set);
void sets_done(struct sets *sets);

struct options {
    const char *command;
    char **words; /* inside argv */
    int n_words;
    const char *db;     /* as given: flag, KTBATCH_DB, or DB_DEFAULT */
    bool db_is_default; /* so that commands that are printed need no --db */
    enum output_format format;
    const char *where;
    const char *tasks;
    struct sets sets;
    bool help, rerun, done, all, watch, only_stdout, only_stderr, quiet;
    int attempt; /* 0: the last one */
};
#define DB_DEFAULT "ktbatch.db"

/* `argv[0]` is the command's name; `allowed` are OPTION_BIT()s (--help is always one). On failure nothing is kept. */
int options_parse(int argc, char **argv, unsigned long allowed, struct options *ret, struct err *err);
void options_done(struct options *options);
/* One line an allowed option, for --help. */
void options_describe(unsigned long allowed, struct buf *out);

#endif
