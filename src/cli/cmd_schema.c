/* ktbatch schema: the JSON Schema of job files, as it was when the program was built. */
#include "cli/command.h"

#include "cli/schema_text.h"

static int run(const struct options *options)
{
    (void)options;
    return print_text((struct slice){(const char *)schema_text, schema_text_size});
}

const struct command command_schema = {
    .name = "schema",
    .summary = "print the JSON Schema of job files",
    .usage = "",
    .help = "    ktbatch schema > job.schema.json\n"
            "\n"
            "Prints the JSON Schema (draft-07) that editors check and complete job files with.\n",
    .statuses = "  0  printed\n  3  standard output cannot be written\n",
    .run = run,
};
