/* ktbatch version */
#include "cli/command.h"

static int run(const struct options *options)
{
    (void)options;
    return print_text(slice_str("ktbatch " PACKAGE_VERSION "\n"));
}

const struct command command_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "",
    .help = "    ktbatch version\n\nPrints the program's name and version.\n",
    .statuses = "  0  printed\n  3  standard output cannot be written\n",
    .run = run,
};
