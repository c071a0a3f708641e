/* ktbatch failures: what failed, like put to like. */
#include "cli/command.h"

#include "cli/database.h"
#include "cli/show.h"

static int show(const struct options *options, struct state *state, struct err *err)
{
    struct run_info info;
    struct state_rows *rows;
    if (database_find(state, options, 0, &info, err))
        return -1;
    int result = 0;
    if (info.failed == 0 && options->format == OUTPUT_TABLE)
        say("%s: no task has failed", info.run);
    else if (failures_open(state, &info, &rows, err) || show_rows(options, rows, err))
        result = -1;
    run_info_done(&info);
    return result;
}

static int run(const struct options *options)
{
    return database_look(options, show);
}

const struct command command_failures = {
    .name = "failures",
    .summary = "what failed, grouped by cause",
    .usage = "[RUN] [options]",
    .help = "    ktbatch failures cubes\n\n"
            "Groups the tasks that are failed now by class and message, with the number of tasks and one of them as an example:\n"
            "`ktbatch logs RUN EXAMPLE` shows what it printed.\n",
    .statuses = "  0  printed\n"
                "  2  wrong usage, or no such run\n"
                "  3  the database cannot be read, or standard output not written\n",
    .options = OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_OUTPUT),
    .max_words = 1,
    .run = run,
};
