/* ktbatch version */
#include "cli/command.h"

#include <unistd.h>

static int run(const struct options *options)
{
    struct err err = ERR_INIT;
    (void)options;
    return output_raw(STDOUT_FILENO, slice_str("ktbatch " PACKAGE_VERSION "\n"), &err) ? command_fail(&err) : EXIT_DONE;
}

const struct command command_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "",
    .help = "    ktbatch version\n\nPrints the program's name and version.\n",
    .statuses = "  0  printed\n  3  standard output cannot be written\n",
    .run = run,
};
