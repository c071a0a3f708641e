/* See database.h. */
#include "cli/database.h"

#include <inttypes.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "cli/command.h"

#define FAILURES_SHOWN 3

int database_open(const struct options *options, enum state_mode mode, struct state **ret, struct err *err)
{
    if (state_open(options->db, mode, ret, err))
        return -1;
    if (state_warning(*ret))
        say("ktbatch: warning: %s", state_warning(*ret));
    return 0;
}

static int open_to_look(const struct options *options, struct state **ret, struct err *err)
{
    struct err first = ERR_INIT;
    if (database_open(options, STATE_WRITE, ret, &first) == 0)
        return 0;
    if (first.class == ERR_SYSTEM)
        return database_open(options, STATE_READ, ret, err);
    *err = first;
    return -1;
}

static int use_and_close(const struct options *options, struct state *state, database_use *use)
{
    struct err err = ERR_INIT;
    int status = use(options, state, &err);
    if (status < 0)
        status = command_fail(&err);
    state_close(state);
    return status;
}

int database_change(const struct options *options, database_use *use)
{
    struct err err = ERR_INIT;
    struct state *state;
    return database_open(options, STATE_WRITE, &state, &err) ? command_fail(&err) : use_and_close(options, state, use);
}

int database_look(const struct options *options, database_use *use)
{
    struct err err = ERR_INIT;
    struct state *state;
    return open_to_look(options, &state, &err) ? command_fail(&err) : use_and_close(options, state, use);
}

int database_find(struct state *state, const struct options *options, int word, struct run_info *ret, struct err *err)
{
    return state_find(state, word < options->n_words ? options->words[word] : NULL, RUN_ANY, ret, err);
}

/* A run that says running although we could lock it lost its runner a moment ago. */
static int refresh(struct state *state, struct run_info *run, struct err *err)
{
    struct run_info fresh;
    if (state_find(state, run->run, RUN_ANY, &fresh, err))
        return -1;
    run_info_done(run);
    *run = fresh;
    return run->state == RUN_RUNNING ? state_finish_run(state, run, RUN_INTERRUPTED, err) : 0;
}

int database_lock(struct state *state, struct run_info *run, struct run_lock **ret, struct err *err)
{
    struct run_lock *lock;
    if (run_lock_take(state, run, &lock, err))
        return -1;
    if (refresh(state, run, err)) {
        run_lock_release(lock);
        return -1;
    }
    *ret = lock;
    return 0;
}

static void add_quoted(struct buf *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=@%+";
    if (*word && word[strspn(word, plain)] == '\0') {
        buf_add_str(b, word);
        return;
    }
    buf_add_char(b, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            buf_add_str(b, "'\\''");
        else
            buf_add_char(b, *word);
    }
    buf_add_char(b, '\'');
}

char *command_line(const struct options *options, const char *verb, const char *run, const char *more)
{
    struct buf b = {0};
    buf_printf(&b, "ktbatch %s", verb);
    if (run) {
        buf_add_char(&b, ' ');
        add_quoted(&b, run);
    }
    if (more)
        buf_printf(&b, " %s", more);
    for (int i = 0; i < options->sets.n && strcmp(verb, "apply") == 0; i++) { /* without them it is another file */
        buf_add_str(&b, " --set ");
        add_quoted(&b, options->sets.list[i]);
    }
    if (!options->db_is_default) {
        buf_add_str(&b, " --db ");
        add_quoted(&b, options->db);
    }
    return buf_steal(&b);
}

char *path_shown(const char *path)
{
    CLEANUP_FREE char *here = path_absolute(".");
    size_t len = strlen(here);
    if (len > 1 && strncmp(path, here, len) == 0 && path[len] == '/')
        return mem_strdup(path + len + 1);
    return mem_strdup(path);
}

char *results_shown(const struct run_info *run)
{
    CLEANUP_FREE char *file = path_join(run->results, "results.jsonl");
    return path_shown(file);
}

int failures_open(struct state *state, const struct run_info *run, struct state_rows **ret, struct err *err)
{
    static const char sql[] = "SELECT tasks, class, message, example FROM failures WHERE run = ?1 ORDER BY tasks DESC, example";
    return state_rows_open(state, sql, (const char *const[]){run->run}, 1, ret, err);
}

void failures_each(struct state *state, const struct run_info *run, void (*fn)(void *ctx, const char *text), void *ctx)
{
    struct err ignored = ERR_INIT;
    struct state_rows *rows;
    CLEANUP_BUF struct buf text = {0};
    if (run->failed == 0 || failures_open(state, run, &rows, &ignored))
        return;
    for (int i = 0; state_rows_next(rows, &ignored) > 0; i++) {
        if (i == FAILURES_SHOWN) {
            fn(ctx, "…");
            break;
        }
        buf_clear(&text);
        buf_printf(&text, "%" PRId64 " × ", state_rows_int(rows, 0));
        buf_add_slice(&text, state_rows_text(rows, 1));
        buf_add_str(&text, ": ");
        buf_add_slice(&text, state_rows_text(rows, 2));
        buf_printf(&text, " (task %" PRId64 ")", state_rows_int(rows, 3));
        fn(ctx, buf_cstr(&text));
    }
    state_rows_close(rows);
}

enum run_rest rest_of(const struct run_info *run)
{
    switch (run->state) {
    case RUN_CANCELLED:
        return REST_CANCELLED;
    case RUN_RUNNING:
    case RUN_INTERRUPTED:
        return REST_OPEN;
    case RUN_DONE:
    case RUN_FAILED:
    case RUN_STATES:
        break;
    }
    if (run->running + run_queued(run) > 0)
        return REST_OPEN;
    return run->failed > 0 ? REST_FAILURES : REST_NONE;
}
