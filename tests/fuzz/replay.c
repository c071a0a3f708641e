/* The main() of fuzz harnesses in a normal build: runs each file of its corpus through the harness once.
 * The corpus of fuzz_NAME is tests/fuzz/corpus/NAME, or the folder named by the first argument. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/mem.h"

#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int replay(const char *folder, const char *name)
{
    CLEANUP_FREE char *path = path_join(folder, name);
    CLEANUP_BUF struct buf input = {0};
    struct err err = ERR_INIT;
    if (file_read(path, INPUT_MAX, &input, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.len);
    return 0;
}

static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int n = 0, failed = 0;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        failed |= replay(folder, entry->d_name);
        n++;
    }
    if (dir)
        closedir(dir);
    printf("%d inputs from %s\n", n, folder);
    return failed || n == 0;
}

int main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir"), *name = path_base(argv[0]);
    CLEANUP_FREE char *corpus = mem_printf("%s/tests/fuzz/corpus/%s", top ? top : ".", strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
    return replay_folder(argc > 1 ? argv[1] : corpus);
}
