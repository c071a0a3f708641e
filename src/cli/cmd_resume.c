/* ktbatch resume: what is left of a run. */
#include "cli/command.h"

#include "cli/run_again.h"

static int resume(const struct options *options, struct state *state, struct err *err)
{
    struct run_info info = {0};
    const char *which = options->n_words ? options->words[0] : NULL;
    if (state_find(state, which, which ? RUN_ANY : RUN_UNFINISHED, &info, err))
        return -1;
    int status = rest_of(&info) == REST_OPEN ? run_again(options, state, &info, NULL) : say_at_rest(options, &info);
    run_info_done(&info);
    return status;
}

static int run(const struct options *options)
{
    return database_change(options, resume);
}

const struct command command_resume = {
    .name = "resume",
    .summary = "go on with a run that was broken off",
    .usage = "[RUN] [options]",
    .help = "    ktbatch resume\n"
            "    ktbatch resume cubes-1 --parallelism 4\n\n"
            "Runs what is left: nothing that is done runs again. Without RUN it takes the newest unfinished run that nobody\n"
            "runs. The job file is not read again; options change policy and place from now on.\n",
    .statuses = "  0    all tasks are done\n"
                "  1    some failed, or the run was stopped by deadline, maxFailures or cancel\n"
                "  2    wrong usage, or no such run\n"
                "  3    the backend or the machine failed, or another process runs it\n"
                "  130  interrupted; the command to go on was printed\n",
    .options = OPTIONS_POLICY | OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_QUIET),
    .max_words = 1,
    .run = run,
};
