/* ktbatch retry: failed and cancelled tasks once more. */
#include "cli/command.h"

#include <inttypes.h>

#include "cli/run_again.h"

static int put_back(const struct options *options, struct state *state, struct run_info *run, int *ret_status,
                    struct err *err)
{
    int64_t tasks;
    if (state_retry(state, run, options->where, options->done, &tasks, err))
        return -1;
    say("%s: %" PRId64 " task%s put back", run->run, tasks, tasks == 1 ? "" : "s");
    if (tasks > 0)
        return 1;
    *ret_status = EXIT_DONE;
    return 0;
}

static int retry(const struct options *options, struct state *state, struct err *err)
{
    struct run_info info;
    if (database_find(state, options, 0, &info, err))
        return -1;
    int status = run_again(options, state, &info, put_back);
    run_info_done(&info);
    return status;
}

static int run(const struct options *options)
{
    return database_change(options, retry);
}

const struct command command_retry = {
    .name = "retry",
    .summary = "run failed and cancelled tasks once more",
    .usage = "[RUN] [options]",
    .help = "    ktbatch retry cubes-1\n"
            "    ktbatch retry sweep --where \"error LIKE '%memory%'\" --parallelism 1\n\n"
            "Puts failed and cancelled tasks back and runs them, with what else is left of the run. --where narrows it by an\n"
            "SQL condition over the run's view; --done adds tasks that are done.\n",
    .statuses = "  0    all tasks are done, or there was nothing to put back\n"
                "  1    some failed, or the run was stopped by deadline, maxFailures or cancel\n"
                "  2    wrong usage, no such run, or a wrong condition\n"
                "  3    the backend or the machine failed, or another process runs it\n"
                "  130  interrupted; the command to go on was printed\n",
    .options = OPTIONS_POLICY | OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_WHERE) | OPTION_BIT(OPTION_DONE) |
               OPTION_BIT(OPTION_QUIET),
    .max_words = 1,
    .run = run,
};
