/* See cases.h. */
#include "unit/cases.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/mem.h"
#include "unit/unit.h"

#define CASE_FILE_MAX (1u << 26)

char *cases_read(const char *folder, const char *name)
{
    CLEANUP_FREE char *path = path_join(folder, name);
    struct buf b = {0};
    struct err err = ERR_INIT;
    if (file_read(path, CASE_FILE_MAX, &b, &err)) {
        buf_done(&b);
        return NULL;
    }
    return buf_steal(&b);
}

/* `text` with each `what` replaced by `by`. */
static char *replaced(const char *text, const char *what, const char *by)
{
    struct buf b = {0};
    for (const char *at; (at = strstr(text, what)); text = at + strlen(what)) {
        buf_add(&b, text, (size_t)(at - text));
        buf_add_str(&b, by);
    }
    buf_add_str(&b, text);
    return buf_steal(&b);
}

bool cases_match(const char *data_folder, const char *folder, const char *file, const char *got)
{
    CLEANUP_FREE char *no_folder = replaced(got, folder, "@FOLDER@");
    CLEANUP_FREE char *no_data = replaced(no_folder, data_folder, "@DATA@");
    CLEANUP_FREE char *text = replaced(no_data, KT_LIBDIR, "@LIBDIR@");
    CLEANUP_FREE char *expected = cases_read(folder, file);
    if (expected && strcmp(expected, text) == 0)
        return true;
    if (getenv("KTBATCH_WRITE_EXPECTED")) {
        CLEANUP_FREE char *path = path_join(folder, file);
        struct err err = ERR_INIT;
        return file_replace(path, text, strlen(text), 0644, &err) == 0;
    }
    print_error("%s/%s: expected\n%s-- but got\n%s\n", folder, file, expected ? expected : "(no file)\n", text);
    return false;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

void cases_run(const char *data_folder, bool valid, int least, bool (*run)(const char *folder, bool valid))
{
    const char *name = valid ? "valid" : "invalid";
    CLEANUP_FREE char *folder = path_join(data_folder, name);
    struct dirent **list;
    int n = scandir(folder, &list, visible, alphasort), bad = 0;
    assert_true(n >= least);
    for (int i = 0; i < n; i++) {
        CLEANUP_FREE char *path = path_join(folder, list[i]->d_name);
        bad += !run(path, valid);
        free(list[i]);
    }
    free(list);
    print_message("%d cases in %s\n", n, name);
    assert_int_equal(bad, 0);
}
