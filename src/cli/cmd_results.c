/* ktbatch results: the rows of a run's view. */
#include "cli/command.h"

#include "cli/database.h"
#include "cli/show.h"

static int show(const struct options *options, struct state *state, struct err *err)
{
    struct run_info info;
    struct state_rows *rows;
    if (database_find(state, options, 0, &info, err))
        return -1;
    const char *where = options->where ? options->where : "state = 'done'";
    int result = -1;
    if (state_rows_where(state, &info, where, "task", &rows, err) == 0)
        result = show_results(options, state, &info, rows, err);
    run_info_done(&info);
    return result;
}

static int run(const struct options *options)
{
    return database_look(options, show);
}

const struct command command_results = {
    .name = "results",
    .summary = "what the tasks of a run returned",
    .usage = "[RUN] [options]",
    .help = "    ktbatch results cubes\n"
            "    ktbatch results cubes -o csv > cubes.csv\n"
            "    ktbatch results sweep --where \"loss < 0.1 AND n = 5\" -o jsonl\n\n"
            "Prints the rows of the run's view: task, arguments, columns of the result, state, result, error. Without --where\n"
            "those of tasks that are done; with it all for which the condition holds.\n",
    .statuses = "  0  printed\n  2  wrong usage, no such run, or a wrong condition\n"
                "  3  the database cannot be read, or standard output not written\n",
    .options = OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_WHERE),
    .max_words = 1,
    .run = run,
};
