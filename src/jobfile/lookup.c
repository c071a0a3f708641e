/* Where task libraries and programs are: found while the job file is read, so that a wrong name is an error
 * before anything runs.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"
#include "jobfile/reader.h"

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A file that cannot be read has no digest: a program may be executable only. */
static char *digest_of(const char *path)
{
    char hex[DIGEST_HEX_SIZE];
    struct err err = ERR_INIT;
    return digest_file(path, hex, &err) ? NULL : mem_strdup(hex);
}

/* Whether a library may have that function. It says its functions' names in text (KTBATCH_FUNCTION("power", …)), so one whose
 * name is nowhere in the file is not there; and no code of it has to run to know. */
static bool may_have(const char *path, const char *function)
{
    struct stat st;
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
        return fd < 0; /* the worker says what is wrong with what cannot be read */
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return true;
    bool found = memmem(bytes, (size_t)st.st_size, function, strlen(function) + 1);
    munmap(bytes, (size_t)st.st_size);
    return found;
}

/* Looks for `name` in `folder`; notes the folder in `looked`. */
static char *try_folder(const char *folder, const char *name, struct buf *looked)
{
    char *path = path_join(folder, name);
    if (is_file(path))
        return path;
    free(path);
    buf_printf(looked, "%s%s", looked->len ? ", " : "", folder);
    return NULL;
}

static char *try_task_path(const char *name, struct buf *looked)
{
    const char *p = getenv("KTBATCH_TASK_PATH");
    char *found = NULL;
    while (p && *p && !found) {
        size_t len = strcspn(p, ":");
        CLEANUP_FREE char *entry = mem_strndup(p, len);
        CLEANUP_FREE char *folder = path_absolute(entry);
        if (len)
            found = try_folder(folder, name, looked);
        p += len;
        p += *p == ':';
    }
    return found;
}

/* A program that was built but not installed finds the examples' libraries in its own build tree. */
static char *try_build_tree(const char *name, struct buf *looked)
{
    static const char *const tops[] = {".", ".."};
    CLEANUP_FREE char *dir = path_program_dir();
    char *found = NULL;
    for (size_t i = 0; dir && i < ARRAY_LEN(tops) && !found; i++) {
        CLEANUP_FREE char *status = mem_printf("%s/%s/config.status", dir, tops[i]);
        CLEANUP_FREE char *relative = mem_printf("%s/jobs", tops[i]);
        CLEANUP_FREE char *folder = path_join(dir, relative);
        if (path_exists(status))
            found = try_folder(folder, name, looked);
    }
    return found;
}

void lookup_library(struct reader *r, const struct node *node)
{
    struct job *job = r->job;
    CLEANUP_BUF struct buf looked = {0};
    CLEANUP_FREE char *name = mem_printf("%s.so", job->library);
    char *found = try_folder(job->folder, name, &looked);
    if (!found)
        found = try_task_path(name, &looked);
    if (!found)
        found = try_folder(KT_LIBDIR, name, &looked);
    if (!found)
        found = try_build_tree(name, &looked);
    if (!found && !r->source->skip_lookup)
        node_problem(r, node, "no task library %s in %s; make it with: cc -shared -fPIC -o %s %s.c", name, buf_cstr(&looked),
                     name, job->library);
    if (found && !r->source->skip_lookup && !may_have(found, job->function))
        node_problem(r, node, "no function `%s` in %s; there it would be KTBATCH_FUNCTION(\"%s\", …)", job->function, found,
                     job->function);
    job->library_path = found;
    if (found)
        job->digest = digest_of(found);
}

/* The PATH that the command will see; NULL if that is not known before it runs. */
static const char *path_variable(const struct reader *r)
{
    const struct pair *env = node_find(r->root, "env");
    const struct pair *path = env && env->value->kind == NODE_MAP ? node_find(env->value, "PATH") : NULL;
    if (!path)
        return getenv("PATH");
    return path->value->kind == NODE_TEXT && !strstr(path->value->text, "${") ? path->value->text : NULL;
}

static char *search_path(const char *p, const char *program)
{
    while (p && *p) {
        size_t len = strcspn(p, ":");
        CLEANUP_FREE char *entry = mem_strndup(p, len);
        CLEANUP_FREE char *folder = path_absolute(*entry ? entry : ".");
        char *path = path_join(folder, program);
        if (is_file(path) && access(path, X_OK) == 0)
            return path;
        free(path);
        p += len;
        p += *p == ':';
    }
    return NULL;
}

/* Makes the program's template absolute: `prefix/` before what is there, or `path` in its place. */
static void make_absolute(struct template *t, const char *folder, const char *path)
{
    struct piece *piece = &t->pieces[0];
    const char *rest = piece->text;
    while (strncmp(rest, "./", 2) == 0)
        rest += 2;
    char *text = path ? mem_strdup(path) : mem_printf("%s/%s", folder, rest);
    free(piece->text);
    piece->text = text;
}

static void with_slash(struct reader *r, const struct node *node, const char *program)
{
    struct job *job = r->job;
    CLEANUP_FREE char *path = path_join(job->folder, program);
    make_absolute(job->argv[0], job->folder, path);
    if (is_file(path) && access(path, X_OK) == 0)
        job->program_path = mem_strdup(path);
    else if (!r->source->skip_lookup)
        node_problem(r, node, is_file(path) ? "%s is not executable; chmod +x makes it so" : "no program %s", path);
}

static void not_in_path(struct reader *r, const struct node *node, const char *program)
{
    if (strchr(program, ' '))
        node_problem(r, node, "program `%s` not found in PATH; of a list each word is an item, such as [echo, hello]", program);
    else if (strchr(program, '='))
        node_problem(r, node, "program `%s` not found in PATH; variables go into `env` at the top level", program);
    else
        node_problem(r, node, "program `%s` not found in PATH; one beside the job file is written `./%s`", program, program);
}

void lookup_program(struct reader *r, const struct node *node, const char *program)
{
    struct job *job = r->job;
    struct template *t = job->argv[0];
    bool slash = strchr(program, '/');
    if (!*program) {
        node_problem(r, node, "the command's program is empty; write its name or path");
        return;
    }
    if (!template_is_fixed(t)) {
        if (slash && t->pieces[0].kind == PIECE_TEXT && *t->pieces[0].text != '/' && strchr(t->pieces[0].text, '/'))
            make_absolute(t, job->folder, NULL);
        return;
    }
    program = t->pieces[0].text;
    if (slash) {
        CLEANUP_FREE char *copy = mem_strdup(program);
        with_slash(r, node, copy);
    } else {
        const char *path = path_variable(r);
        job->program_path = search_path(path, program);
        if (!job->program_path && path && !r->source->skip_lookup)
            not_in_path(r, node, program);
    }
    if (job->program_path)
        job->digest = digest_of(job->program_path);
}
