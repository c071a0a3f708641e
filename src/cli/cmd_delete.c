/* ktbatch delete: a run and everything that was kept of it. */
#include "cli/command.h"

#include <string.h>
#include <strings.h>

#include "base/files.h"
#include "base/mem.h"
#include "cli/database.h"

/* The folder first: broken off in between, the run is still there to be deleted again. */
static int delete_locked(struct state *state, struct run_info *run, struct err *err)
{
    CLEANUP_FREE char *shown = path_shown(run->results);
    if (path_remove(run->results, err) || state_delete(state, run, err))
        return -1;
    say("%s: deleted, with %s", run->run, shown);
    return 0;
}

static int delete_run(struct state *state, struct run_info *run, struct err *err)
{
    struct run_lock *lock;
    if (database_lock(state, run, &lock, err))
        return -1;
    int result = delete_locked(state, run, err);
    run_lock_release(lock);
    return result;
}

/* Every run of a name, the newest first; the first that cannot be deleted ends it. */
static int delete_all(struct state *state, const char *name, struct err *err)
{
    struct run_info run;
    int found;
    while ((found = state_newest(state, name, &run, err)) > 0) {
        int result = delete_run(state, &run, err);
        run_info_done(&run);
        if (result)
            return -1;
    }
    return found;
}

static int delete_word(const struct options *options, struct state *state, struct err *err)
{
    const char *word = options->words[0];
    struct run_info run;
    if (state_find(state, word, RUN_ANY, &run, err))
        return -1;
    size_t name_len = strlen(run.name);
    bool is_id = strlen(word) > name_len && strcasecmp(word, run.run) == 0;
    int result;
    if (is_id)
        result = delete_run(state, &run, err);
    else if (options->all)
        result = delete_all(state, run.name, err);
    else
        result = err_set(err, ERR_USAGE, "%s is a name: say which run (the newest is %s), or --all for every run of it", word,
                         run.run);
    run_info_done(&run);
    return result;
}

static int run(const struct options *options)
{
    return database_change(options, delete_word);
}

const struct command command_delete = {
    .name = "delete",
    .summary = "remove a run, its rows and its results",
    .usage = "RUN | NAME --all",
    .help = "    ktbatch delete cubes-1\n"
            "    ktbatch delete cubes --all\n\n"
            "Removes a run from the database and its folder of results, without asking. A NAME with --all means every run\n"
            "of that name. A run that is going on is refused: cancel it first.\n",
    .statuses = "  0  deleted\n"
                "  2  wrong usage, or no such run\n"
                "  3  it is running, or files or database cannot be changed\n",
    .options = OPTION_BIT(OPTION_DB) | OPTION_BIT(OPTION_ALL),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
