/* ktbatch help: the texts that --help prints too. */
#include "cli/command.h"

void help_overview(struct buf *out)
{
    buf_add_str(out, "ktbatch runs thousands to millions of independent tasks that one YAML file describes.\n\n"
                     "    ktbatch apply jobs/cubes.yaml                     run it; every result is kept\n"
                     "    ktbatch resume                                    after Ctrl-C or a crash: only what is left\n"
                     "    sqlite3 ktbatch.db 'select x, result from cubes'  look at the results\n\n"
                     "Commands:\n");
    for (int i = 0; command_table[i]; i++)
        buf_printf(out, "  %-9s %s\n", command_table[i]->name, command_table[i]->summary);
    buf_add_str(out, "\nA RUN is an id (cubes-2) or a name (its newest run); none means the newest run of all.\n"
                     "`ktbatch COMMAND --help` says more.\n\n"
                     "Exit status: 0 all done; 1 some tasks failed; 2 wrong usage or job file; 3 the backend or the machine\n"
                     "failed; 130 interrupted.\n");
}

void help_command(const struct command *command, struct buf *out)
{
    buf_printf(out, "%s\nUsage: ktbatch %s%s%s\n\nOptions:\n", command->help, command->name, *command->usage ? " " : "",
               command->usage);
    options_describe(command->options, out);
    buf_printf(out, "\nExit status:\n%s", command->statuses);
}

static int run(const struct options *options)
{
    CLEANUP_BUF struct buf text = {0};
    const struct command *command = options->n_words ? command_find(options->words[0]) : NULL;
    if (options->n_words && !command)
        return command_unknown(options->words[0], "help");
    if (command)
        help_command(command, &text);
    else
        help_overview(&text);
    return print_text(buf_slice(&text));
}

const struct command command_help = {
    .name = "help",
    .summary = "what the commands do",
    .usage = "[COMMAND]",
    .help = "    ktbatch help apply\n\nPrints what a command does, its options and its exit statuses.\n",
    .statuses = "  0  printed\n  2  there is no such command\n  3  standard output cannot be written\n",
    .max_words = 1,
    .run = run,
};
