/* See library.h. RTLD_NOW: what is left to lazy binding would be paid by every fork. */
#include "library.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"
#include "executor.h"
#include "task_api.h"

struct loaded {
    char *name;
    char *path;
    char digest[DIGEST_HEX_SIZE]; /* empty: not computed yet */
    bool told;                    /* that it differs */
    const struct ktbatch_library *library;
    struct loaded *next;
};
static struct loaded *all_loaded;
static const char **folders;
static size_t n_folders, cap_folders;

void library_add_folder(const char *folder)
{
    MEM_GROW(folders, n_folders, cap_folders);
    folders[n_folders++] = folder;
}

/* The path of NAME.so, owned by the caller; NULL if no folder has it. Lists the folders in `looked`. */
static char *find_file(const char *name, struct buf *looked)
{
    for (size_t i = 0; i <= n_folders; i++) {
        const char *folder = i < n_folders ? folders[i] : KT_LIBDIR;
        CLEANUP_FREE char *file = mem_printf("%s.so", name);
        char *path = path_join(folder, file);
        if (path_exists(path))
            return path;
        free(path);
        buf_printf(looked, "%s%s", looked->len ? ", " : "", folder);
    }
    return NULL;
}

static int load(struct loaded *l, struct err *err)
{
    CLEANUP_BUF struct buf looked = {0};
    if (strchr(l->name, '/'))
        return err_set(err, ERR_BACKEND, "\"%s\" is no name of a task library: it has a slash in it", l->name);
    l->path = find_file(l->name, &looked);
    if (!l->path)
        return err_set(err, ERR_BACKEND, "no task library %s.so on this worker; looked in %s", l->name, buf_cstr(&looked));
    void *handle = dlopen(l->path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, ERR_BACKEND, "cannot load the task library: %s", dlerror());
    l->library = dlsym(handle, "ktbatch_library");
    if (!l->library)
        return err_set(err, ERR_BACKEND, "%s is no task library: it has no KTBATCH_LIBRARY(…)", l->path);
    if (l->library->abi != KTBATCH_TASK_ABI)
        return err_set(err, ERR_BACKEND, "%s was built for version %d of ktbatch_task.h, this worker has %d; build it again",
                       l->path, l->library->abi, KTBATCH_TASK_ABI);
    *l->library->api = &task_api;
    executor_library_loaded();
    return 0;
}

static int find_loaded(struct slice name, struct loaded **ret, struct err *err)
{
    for (struct loaded *l = all_loaded; l; l = l->next)
        if (slice_eq(name, l->name)) {
            *ret = l;
            return 0;
        }
    struct loaded *l = MEM_NEW(struct loaded);
    l->name = mem_strndup(name.p, name.len);
    if (load(l, err)) {
        free(l->name);
        free(l->path);
        free(l);
        return -1;
    }
    l->next = all_loaded;
    all_loaded = l;
    *ret = l;
    return 0;
}

int library_find(struct slice library, struct slice function, const struct ktbatch_function **ret, struct err *err)
{
    struct loaded *l = NULL;
    if (find_loaded(library, &l, err))
        return -1;
    CLEANUP_BUF struct buf names = {0};
    for (size_t i = 0; i < l->library->n_functions; i++) {
        if (slice_eq(function, l->library->functions[i].name)) {
            *ret = &l->library->functions[i];
            return 0;
        }
        buf_printf(&names, "%s%s", i ? ", " : "", l->library->functions[i].name);
    }
    return err_set(err, ERR_BACKEND, "%s.so has no function \"%.*s\"; it has: %s", l->name, (int)function.len, function.p,
                   buf_cstr(&names));
}

const char *library_differs(struct slice library, struct slice digest)
{
    struct err ignored = ERR_INIT;
    for (struct loaded *l = all_loaded; l; l = l->next) {
        if (!digest.len || !slice_eq(library, l->name))
            continue;
        if (!*l->digest && digest_file(l->path, l->digest, &ignored))
            return NULL;
        if (l->told || slice_eq(digest, l->digest))
            return NULL;
        l->told = true;
        return l->path;
    }
    return NULL;
}
