/* ktbatch cancel: what has not started will not. */
#include "cli/command.h"

#include <inttypes.h>

#include "cli/database.h"

static int cancel_run(struct state *state, struct run_info *run, struct err *err)
{
    if (rest_of(run) != REST_OPEN) {
        say("%s: %s already; nothing to cancel", run->run, run_state_names[run->state]);
        return EXIT_DONE;
    }
    int64_t holder = run_lock_holder(state, run);
    if (state_cancel(state, run, err))
        return -1;
    if (holder)
        say("%s: cancelled; process %" PRId64 ", which runs it, stops now", run->run, holder);
    else
        say("%s: cancelled; %" PRId64 " done, %" PRId64 " failed, %" PRId64 " cancelled", run->run, run->done, run->failed,
            run->cancelled);
    return EXIT_DONE;
}

static int cancel(const struct options *options, struct state *state, struct err *err)
{
    struct run_info info;
    if (database_find(state, options, 0, &info, err))
        return -1;
    int status = cancel_run(state, &info, err);
    run_info_done(&info);
    return status;
}

static int run(const struct options *options)
{
    return database_change(options, cancel);
}

const struct command command_cancel = {
    .name = "cancel",
    .summary = "give a run up; what is done stays",
    .usage = "RUN [options]",
    .help = "    ktbatch cancel cubes-1\n\n"
            "Tasks that are not done or failed become cancelled, also while another process runs them: it stops. What is done\n"
            "stays; `ktbatch retry` runs the cancelled ones after all.\n",
    .statuses = "  0  cancelled, or there was nothing to cancel\n"
                "  2  wrong usage, or no such run\n"
                "  3  the database cannot be written\n",
    .options = OPTION_BIT(OPTION_DB),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
