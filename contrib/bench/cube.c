/* The peer's program: prints the cube of its argument, as a user's small C program would. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int64_t x = argc > 1 ? strtoll(argv[1], NULL, 10) : 0;
    printf("%" PRId64 "\n", x * x * x);
    return 0;
}
