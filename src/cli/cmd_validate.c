/* ktbatch validate: is the job file right? Makes nothing. */
#include "cli/command.h"

#include <inttypes.h>

#include "cli/jobs.h"

static int run(const struct options *options)
{
    int status = EXIT_DONE;
    for (int i = 0; i < options->n_words; i++) {
        CLEANUP_LOADED struct loaded loaded = {0};
        if (jobs_load_file(options, options->words[i], &loaded))
            status = EXIT_USAGE;
        else
            say("%s: ok, %" PRId64 " task%s", options->words[i], plan_tasks(loaded.plan),
                plan_tasks(loaded.plan) == 1 ? "" : "s");
    }
    return status;
}

const struct command command_validate = {
    .name = "validate",
    .summary = "check job files",
    .usage = "FILE|-... [options]",
    .help = "    ktbatch validate jobs/*.yaml\n\n"
            "Checks job files and says everything that is wrong with them as FILE:LINE:COLUMN: what, and what would\n"
            "be right. Runs nothing and makes nothing.\n",
    .statuses = "  0  every file is right\n  2  some file is not\n",
    .options = OPTIONS_POLICY | OPTION_BIT(OPTION_NAME),
    .min_words = 1,
    .max_words = -1,
    .run = run,
};
