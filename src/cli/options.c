/* See options.h. getopt_long does the cutting; the table says what each option means. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"

struct option_row {
    const char *name;
    char letter;       /* short form, or 0 */
    const char *value; /* name of its value in --help; NULL: a switch */
    const char *key;   /* stands for this key of the job file */
    bool text;         /* … whose value is a string */
    const char *help;
};

static const struct option_row rows[OPTION_COUNT] = {
    [OPTION_HELP] = {"help", 'h', NULL, NULL, false, "this text"},
    [OPTION_DB] = {"db", 0, "PATH", NULL, false, "the state database (default: KTBATCH_DB, else ktbatch.db)"},
    [OPTION_OUTPUT] = {"output", 'o', "FORMAT", NULL, false, "table (default), json, jsonl or csv"},
    [OPTION_WHERE] = {"where", 0, "SQL", NULL, false, "only tasks for which this condition over the run's view holds"},
    [OPTION_SET] = {"set", 0, "KEY=VALUE", NULL, false, "override a key of the job file; dotted: results.perTask=true"},
    [OPTION_NAME] = {"name", 0, "NAME", "name", true, "the run's name (default: the file's name: or stem)"},
    [OPTION_PARALLELISM] = {"parallelism", 'j', "N", "parallelism", false, "how many tasks run at once"},
    [OPTION_BACKEND] = {"backend", 0, "NAME", "backend", true, "where workers come from: local"},
    [OPTION_RETRIES] = {"retries", 0, "N", "retries", false, "further attempts after a failed one"},
    [OPTION_TIMEOUT] = {"timeout", 0, "TIME", "timeout", true, "of one attempt: 30s, 5m, 2h"},
    [OPTION_DEADLINE] = {"deadline", 0, "TIME", "deadline", true, "of this command; what is left stays queued"},
    [OPTION_MAX_FAILURES] = {"max-failures", 0, "N|P%", "maxFailures", false, "stop when more tasks than that have failed"},
    [OPTION_TASKS_PER_WORKER] = {"tasks-per-worker", 0, "N|all", "tasksPerWorker", false, "tasks that one worker process serves"},
    [OPTION_TASKS] = {"tasks", 0, "LIST", NULL, false, "only these tasks: 0-2,5,8-"},
    [OPTION_RERUN] = {"rerun", 0, NULL, NULL, false, "make a new run even if this file's run is there"},
    [OPTION_DONE] = {"done", 0, NULL, NULL, false, "done tasks too"},
    [OPTION_ALL] = {"all", 0, NULL, NULL, false, "every run of that name"},
    [OPTION_WATCH] = {"watch", 'w', NULL, NULL, false, "follow the run until it ends"},
    [OPTION_STDOUT] = {"stdout", 0, NULL, NULL, false, "only what the task wrote to standard output"},
    [OPTION_STDERR] = {"stderr", 0, NULL, NULL, false, "only what the task wrote to standard error"},
    [OPTION_ATTEMPT] = {"attempt", 0, "N", NULL, false, "that attempt, counted from 1 (default: the last one)"},
    [OPTION_QUIET] = {"quiet", 'q', NULL, NULL, false, "no progress on stderr, only what went wrong"},
};

void sets_add(struct sets *sets, char *set)
{
    MEM_GROW(sets->list, sets->n, sets->cap);
    sets->list[sets->n++] = set;
}

void sets_done(struct sets *sets)
{
    for (int i = 0; i < sets->n; i++)
        free(sets->list[i]);
    free(sets->list);
    *sets = (struct sets){0};
}

void options_done(struct options *options)
{
    sets_done(&options->sets);
}

static int set_output(struct options *options, const char *word, struct err *err)
{
    int format = names_find(output_format_names, OUTPUT_FORMATS, word, strlen(word));
    if (format < 0)
        return err_set(err, ERR_USAGE, "--output %s: a format is table, json, jsonl or csv", word);
    options->format = (enum output_format)format;
    return 0;
}

static int set_attempt(struct options *options, const char *word, struct err *err)
{
    char *end;
    errno = 0;
    long n = strtol(word, &end, 10);
    if (errno || end == word || *end || n < 1 || n > INT_MAX)
        return err_set(err, ERR_USAGE, "--attempt %s: attempts are counted from 1", word);
    options->attempt = (int)n;
    return 0;
}

static int add_any_set(struct options *options, const char *word, struct err *err)
{
    const char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return err_set(err, ERR_USAGE, "--set %s: write --set KEY=VALUE, such as --set parallelism=4", word);
    sets_add(&options->sets, mem_strdup(word));
    return 0;
}

/* A flag for a key: strings go as JSON strings, so that `--name 1e3` or `--backend true` stay the words they are. */
static void add_flag(struct options *options, const struct option_row *row, const char *word)
{
    struct buf b = {0};
    buf_add_str(&b, row->key);
    buf_add_char(&b, '=');
    if (row->text)
        buf_add_json(&b, slice_str(word));
    else
        buf_add_str(&b, word);
    sets_add(&options->sets, buf_steal(&b));
}

static int apply_option(struct options *options, enum option_id id, const char *word, struct err *err)
{
    switch (id) {
    case OPTION_HELP:
        options->help = true;
        return 0;
    case OPTION_DB:
        if (!*word)
            return err_set(err, ERR_USAGE, "--db: the path is empty");
        options->db = word;
        options->db_is_default = strcmp(word, DB_DEFAULT) == 0;
        return 0;
    case OPTION_OUTPUT:
        return set_output(options, word, err);
    case OPTION_WHERE:
        options->where = word;
        return 0;
    case OPTION_SET:
        return add_any_set(options, word, err);
    case OPTION_NAME:
    case OPTION_PARALLELISM:
    case OPTION_BACKEND:
    case OPTION_RETRIES:
    case OPTION_TIMEOUT:
    case OPTION_DEADLINE:
    case OPTION_MAX_FAILURES:
    case OPTION_TASKS_PER_WORKER:
        add_flag(options, &rows[id], word);
        return 0;
    case OPTION_TASKS:
        options->tasks = word;
        return 0;
    case OPTION_RERUN:
        options->rerun = true;
        return 0;
    case OPTION_DONE:
        options->done = true;
        return 0;
    case OPTION_ALL:
        options->all = true;
        return 0;
    case OPTION_WATCH:
        options->watch = true;
        return 0;
    case OPTION_STDOUT:
        options->only_stdout = true;
        return 0;
    case OPTION_STDERR:
        options->only_stderr = true;
        return 0;
    case OPTION_ATTEMPT:
        return set_attempt(options, word, err);
    case OPTION_QUIET:
        options->quiet = true;
        return 0;
    case OPTION_COUNT:
        break;
    }
    return 0;
}

/* getopt_long's values are those of letters, or the id behind them. */
#define LONG_BASE 256

static enum option_id option_of(int value)
{
    if (value >= LONG_BASE)
        return (enum option_id)(value - LONG_BASE);
    for (int i = 0; i < OPTION_COUNT; i++)
        if (rows[i].letter == value)
            return (enum option_id)i;
    return OPTION_COUNT;
}

static int refuse_unknown(const char *command, const char *word, unsigned long allowed, struct err *err)
{
    const char *known[OPTION_COUNT];
    size_t n = 0;
    CLEANUP_FREE char *name = mem_strndup(word + 2, strcspn(word + 2, "="));
    for (int i = 0; i < OPTION_COUNT; i++)
        if (allowed & OPTION_BIT(i))
            known[n++] = rows[i].name;
    const char *nearest = names_nearest(name, known, n);
    if (nearest)
        return err_set(err, ERR_USAGE, "unknown option --%s; did you mean --%s?", name, nearest);
    return err_set(err, ERR_USAGE, "unknown option --%s; see: ktbatch %s --help", name, command);
}

/* What is wrong with the word that getopt_long stumbled over: `value` is '?' or ':' (a value is missing). `optopt` is the
 * letter or id, 0 for a long option that it does not know. */
static int refuse(const char *command, const char *word, unsigned long allowed, int value, struct err *err)
{
    if (optopt == 0)
        return refuse_unknown(command, word, allowed, err);
    enum option_id id = option_of(optopt);
    if (id == OPTION_COUNT || !(allowed & OPTION_BIT(id)))
        return err_set(err, ERR_USAGE, "unknown option -%c; see: ktbatch %s --help", optopt, command);
    if (value == ':')
        return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", rows[id].name, rows[id].name, rows[id].value);
    return err_set(err, ERR_USAGE, "--%s takes no value", rows[id].name);
}

/* getopt's tables for the allowed options. */
static void make_tables(unsigned long allowed, struct option longs[OPTION_COUNT + 1], char shorts[2 * OPTION_COUNT + 2])
{
    int n = 0;
    *shorts++ = ':';
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!(allowed & OPTION_BIT(i)))
            continue;
        longs[n++] = (struct option){rows[i].name, rows[i].value ? required_argument : no_argument, NULL, LONG_BASE + i};
        if (rows[i].letter) {
            *shorts++ = rows[i].letter;
            if (rows[i].value)
                *shorts++ = ':';
        }
    }
    longs[n] = (struct option){0};
    *shorts = '\0';
}

static int parse_all(int argc, char **argv, unsigned long allowed, struct options *options, struct err *err)
{
    struct option longs[OPTION_COUNT + 1];
    char shorts[2 * OPTION_COUNT + 2];
    make_tables(allowed, longs, shorts);
    optind = 0; /* from the start, whatever was parsed before */
    opterr = 0;
    int value;
    while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (value == '?' || value == ':')
            return refuse(options->command, argv[optind - 1], allowed, value, err);
        if (apply_option(options, option_of(value), optarg, err) < 0)
            return -1;
    }
    options->words = argv + optind;
    options->n_words = argc - optind;
    return 0;
}

int options_parse(int argc, char **argv, unsigned long allowed, struct options *ret, struct err *err)
{
    struct options options = {.command = argv[0]};
    const char *db = getenv("KTBATCH_DB");
    options.db = db && *db ? db : DB_DEFAULT;
    options.db_is_default = strcmp(options.db, DB_DEFAULT) == 0;
    if (parse_all(argc, argv, allowed | OPTION_BIT(OPTION_HELP), &options, err) < 0) {
        options_done(&options);
        return -1;
    }
    *ret = options;
    return 0;
}

void options_describe(unsigned long allowed, struct buf *out)
{
    allowed |= OPTION_BIT(OPTION_HELP);
    for (int k = 1; k <= OPTION_COUNT; k++) { /* --help, the first of the table, last */
        int i = k % OPTION_COUNT;
        if (!(allowed & OPTION_BIT(i)))
            continue;
        struct buf left = {0};
        if (rows[i].letter)
            buf_printf(&left, "-%c, ", rows[i].letter);
        else
            buf_add_str(&left, "    ");
        buf_printf(&left, "--%s", rows[i].name);
        if (rows[i].value)
            buf_printf(&left, " %s", rows[i].value);
        buf_printf(out, "  %-29s %s\n", buf_cstr(&left), rows[i].help);
        buf_done(&left);
    }
}
