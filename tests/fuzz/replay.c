/* Runs a fuzz harness over every file of its corpus: fuzz_NAME over $top_srcdir/tests/fuzz/corpus/NAME, or over the
 * folders that are given. A corpus without a file is a failure: then nothing was tested.
 */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/mem.h"

#define INPUT_MAX ((size_t)1 << 20)

static int replay_file(const char *path)
{
    CLEANUP_BUF struct buf bytes = {0};
    struct err err = ERR_INIT;
    if (file_read(path, INPUT_MAX, &bytes, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    /* A copy of just that length, so that a sanitizer sees a read behind it. */
    uint8_t *copy = mem_alloc(bytes.len + !bytes.len);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    /* Said before, so that a crash has a name. */
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(copy, bytes.len);
    free(copy);
    return 0;
}

/* Returns the number of files, or -1. */
static int replay_folder(const char *dir)
{
    DIR *d = opendir(dir);
    int count = 0;
    if (!d) {
        perror(dir);
        return -1;
    }
    for (struct dirent *entry; count >= 0 && (entry = readdir(d));) {
        if (entry->d_name[0] == '.')
            continue;
        CLEANUP_FREE char *path = path_join(dir, entry->d_name);
        count = replay_file(path) ? -1 : count + 1;
    }
    closedir(d);
    if (count == 0)
        fprintf(stderr, "%s: no files\n", dir);
    return count;
}

static char *corpus_of(const char *program)
{
    const char *top = getenv("top_srcdir"), *name = path_base(program);
    if (strncmp(name, "fuzz_", 5) == 0)
        name += 5;
    return mem_printf("%s/tests/fuzz/corpus/%s", top ? top : ".", name);
}

int main(int argc, char **argv)
{
    CLEANUP_FREE char *corpus = corpus_of(argv[0]);
    if (argc == 1)
        return replay_folder(corpus) > 0 ? 0 : 1;
    for (int i = 1; i < argc; i++)
        if (replay_folder(argv[i]) <= 0)
            return 1;
    return 0;
}
