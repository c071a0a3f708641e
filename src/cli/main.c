/* ktbatch: the program. Everything is in the commands. */
#include "base/files.h"
#include "cli/command.h"

int main(int argc, char **argv)
{
    file_settle_standard();
    return cli_main(argc, argv);
}
