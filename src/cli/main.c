/* ktbatch: the program. Everything is in the commands. */
#include "cli/command.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
