/* The table of commands, and the way from argv to one of them. */
#include "cli/command.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/names.h"

const struct command *const command_table[] = {
    &command_apply,  &command_resume, &command_status, &command_list,     &command_results, &command_logs,
    &command_failures, &command_retry, &command_cancel, &command_delete,  &command_plan,    &command_validate,
    &command_schema, &command_version, &command_help,  NULL,
};

const struct command *command_find(const char *name)
{
    for (int i = 0; command_table[i]; i++)
        if (strcmp(command_table[i]->name, name) == 0)
            return command_table[i];
    return NULL;
}

/* What the commands of other programs are called here. */
static const struct {
    const char *word, *command;
} elsewhere[] = {
    {"run", "apply"}, {"start", "apply"}, {"submit", "apply"}, {"continue", "resume"}, {"ls", "list"},
    {"ps", "list"},   {"get", "list"},    {"show", "status"},  {"log", "logs"},        {"rm", "delete"},
    {"remove", "delete"}, {"kill", "cancel"}, {"stop", "cancel"}, {"check", "validate"}, {"errors", "failures"},
};

static const char *nearest_command(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (strcmp(word, elsewhere[i].word) == 0)
            return elsewhere[i].command;
    const char *names[ARRAY_LEN(command_table)];
    size_t n = 0;
    for (; command_table[n]; n++)
        names[n] = command_table[n]->name;
    return names_nearest(word, names, n);
}

int command_unknown(const char *word, const char *verb)
{
    const char *nearest = nearest_command(word + strspn(word, "-"));
    if (word[0] == '-' && !nearest)
        say("ktbatch: %s: the command comes first, its options behind it; see: ktbatch --help", word);
    else if (nearest)
        say("ktbatch: there is no command %s; did you mean: ktbatch %s%s%s", word, verb, *verb ? " " : "", nearest);
    else
        say("ktbatch: there is no command %s; see: ktbatch --help", word);
    return EXIT_USAGE;
}

/* The first word alone decides: a command, or one of the few options that need none. */
static int without_command(const char *word)
{
    CLEANUP_BUF struct buf text = {0};
    if (!word) {
        help_overview(&text);
        struct err err;
        (void)output_raw(STDERR_FILENO, buf_slice(&text), &err);
        return EXIT_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help_overview(&text);
        return print_text(buf_slice(&text));
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return command_version.run(&(struct options){.command = "version"});
    return command_unknown(word, "");
}

static int check_words(const struct command *command, const struct options *options)
{
    if (options->n_words >= command->min_words && (command->max_words < 0 || options->n_words <= command->max_words))
        return 0;
    if (options->n_words < command->min_words)
        say("ktbatch: %s needs more: ktbatch %s %s", command->name, command->name, command->usage);
    else
        say("ktbatch: %s: \"%s\" is too much: ktbatch %s %s", command->name, options->words[command->max_words], command->name,
            command->usage);
    return -1;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct options options;
    struct err err = ERR_INIT;
    int status;
    if (options_parse(argc, argv, command->options, &options, &err))
        return command_fail(&err);
    if (options.help) {
        CLEANUP_BUF struct buf text = {0};
        help_command(command, &text);
        status = print_text(buf_slice(&text));
    } else if (check_words(command, &options)) {
        status = EXIT_USAGE;
    } else {
        status = command->run(&options);
    }
    options_done(&options);
    return status;
}

int cli_main(int argc, char **argv)
{
    /* A reader or a worker that goes away is an error of write(), not the end of a run. */
    signal(SIGPIPE, SIG_IGN);
    const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;
    if (!command)
        return without_command(argc > 1 ? argv[1] : NULL);
    return run_command(command, argc - 1, argv + 1);
}
