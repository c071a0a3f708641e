/* ktbatch list: all runs. */
#include "cli/command.h"

#include "cli/database.h"
#include "cli/show.h"

#define COLUMNS_SHORT "run, state, tasks, done, failed, running, queued, cancelled, backend, started, seconds"

static int show(const struct options *options, struct state *state, struct err *err)
{
    struct state_rows *rows;
    const char *sql = options->format == OUTPUT_TABLE ? "SELECT " COLUMNS_SHORT " FROM runs" : "SELECT * FROM runs";
    return state_rows_open(state, sql, NULL, 0, &rows, err) || show_rows(options, rows, err) ? -1 : EXIT_DONE;
}

static int run(const struct options *options)
{
    return database_look(options, show);
}

const struct command command_list = {
    .name = "list",
    .summary = "all runs of the database",
    .usage = "[options]",
    .help = "    ktbatch list\n"
            "    ktbatch list -o json\n"
            "\n"
            "Lists the runs, the oldest first. json, jsonl and csv have every column of the view `runs`.\n",
    .statuses = "  0  printed\n"
                "  2  wrong usage, or no database there\n"
                "  3  the database cannot be read, or standard output not written\n",
    .options = OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_OUTPUT),
    .run = run,
};
