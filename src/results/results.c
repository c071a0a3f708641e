/* See results.h.
 *
 * Lines are appended with plain writes at a position that is kept here, and synced when the caller says so. When the file
 * and the committed length disagree after a crash, the longer one is wrong: lines beyond it were never committed and go;
 * a file that is shorter lost lines that are still in the database, and the caller writes it anew under another name.
 *
 * Temporary files are all in the folder tmp/, which goes when the results are closed, with what a killed runner left in it.
 */
#include "results/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "results/inside.h"

struct results {
    char *folder;
    char *path;
    int fd;
    int64_t length;
    char *new_path; /* while it is written anew */
    int new_fd;
    int64_t new_length;
};

static void results_free(struct results *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->new_fd >= 0) {
        close(r->new_fd);
        unlink(r->new_path);
    }
    free(r->new_path);
    free(r->folder);
    free(r->path);
    free(r);
}

/* Whether the first `length` bytes are there and end in a whole line. */
static int is_whole(struct results *r, int64_t length, bool *ret, struct err *err)
{
    struct stat st;
    char last;
    if (fstat(r->fd, &st))
        return err_sys(err, errno, "%s", r->path);
    *ret = st.st_size >= length;
    if (!*ret || length == 0)
        return 0;
    if (pread(r->fd, &last, 1, length - 1) != 1)
        return err_sys(err, errno, "%s", r->path);
    *ret = last == '\n';
    return 0;
}

/* Cuts what was written but never committed. */
static int cut(struct results *r, int64_t length, struct err *err)
{
    struct stat st;
    if (fstat(r->fd, &st) || (st.st_size > length && ftruncate(r->fd, length)))
        return err_sys(err, errno, "%s", r->path);
    return 0;
}

int results_open(const char *folder, int64_t committed, struct results **ret, bool *ret_damaged, struct err *err)
{
    bool whole;
    if (dir_make(folder, err))
        return -1;
    struct results *r = MEM_NEW(struct results);
    *r = (struct results){.folder = mem_strdup(folder), .path = path_join(folder, "results.jsonl"), .new_fd = -1};
    r->fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->fd < 0) {
        err_sys(err, errno, "%s", r->path);
        goto fail;
    }
    if (is_whole(r, committed, &whole, err) || (whole && cut(r, committed, err)) || dir_sync(folder, err))
        goto fail;
    r->length = whole ? committed : 0;
    *ret_damaged = !whole;
    *ret = r;
    return 0;
fail:
    results_free(r);
    return -1;
}

int results_close(struct results *r, struct err *err)
{
    int result = results_sync(r, err);
    CLEANUP_FREE char *temporary = path_join(r->folder, RESULTS_TEMPORARY);
    if (path_remove(temporary, err))
        result = -1;
    results_free(r);
    return result;
}

int results_temporary(const char *folder, const char *name, char **ret, struct err *err)
{
    static atomic_uint made; /* attempts of one task may have a file of the same name at the same time */
    CLEANUP_FREE char *dir = path_join(folder, RESULTS_TEMPORARY);
    if (dir_make(dir, err))
        return -1;
    *ret = mem_printf("%s/%s-%u", dir, name, atomic_fetch_add(&made, 1));
    return 0;
}

static int replace(struct results *r, const char *path, struct slice bytes, struct err *err)
{
    CLEANUP_FREE char *temporary = NULL;
    if (results_temporary(r->folder, path_base(path), &temporary, err))
        return -1;
    return file_replace_by(temporary, path, bytes.p, bytes.len, 0666, err);
}

/* ---- lines ---- */

static void start_line(struct buf *out, int64_t task, struct slice args)
{
    buf_add(out, "{\"task\":", 8);
    buf_add_i64(out, task);
    buf_add(out, ",\"args\":", 8);
    buf_add_slice(out, args);
}

void results_line(struct buf *out, int64_t task, struct slice args, struct slice result)
{
    start_line(out, task, args);
    buf_add(out, ",\"result\":", 10);
    buf_add_slice(out, result);
    buf_add(out, "}\n", 2);
}

void results_failed_line(struct buf *out, int64_t task, struct slice args, const char *class, struct slice message)
{
    start_line(out, task, args);
    buf_add_str(out, ",\"error\":{\"class\":");
    buf_add_json(out, slice_str(class));
    buf_add_str(out, ",\"message\":");
    buf_add_json(out, message);
    buf_add_str(out, "}}\n");
}

/* Writes at a position, so that what an append that failed left behind is written over by the next. */
static int write_at(int fd, struct slice bytes, int64_t at, const char *name, struct err *err)
{
    if (lseek(fd, at, SEEK_SET) < 0)
        return err_sys(err, errno, "%s", name);
    return file_write_all(fd, bytes.p, bytes.len, name, err);
}

int results_append(struct results *r, struct slice lines, int64_t *ret_length, struct err *err)
{
    if (write_at(r->fd, lines, r->length, r->path, err))
        return -1;
    r->length += (int64_t)lines.len;
    *ret_length = r->length;
    return 0;
}

int results_sync(struct results *r, struct err *err)
{
    return fdatasync(r->fd) ? err_sys(err, errno, "%s", r->path) : 0;
}

int64_t results_length(const struct results *r)
{
    return r->length;
}

/* ---- anew ---- */

int results_rewrite_begin(struct results *r, struct err *err)
{
    if (r->new_fd >= 0)
        close(r->new_fd);
    free(r->new_path);
    r->new_fd = -1;
    r->new_path = NULL;
    if (results_temporary(r->folder, "results.jsonl", &r->new_path, err))
        return -1;
    r->new_length = 0;
    r->new_fd = open(r->new_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return r->new_fd < 0 ? err_sys(err, errno, "%s", r->new_path) : 0;
}

int results_rewrite_add(struct results *r, struct slice lines, struct err *err)
{
    if (file_write_all(r->new_fd, lines.p, lines.len, r->new_path, err))
        return -1;
    r->new_length += (int64_t)lines.len;
    return 0;
}

int results_rewrite_end(struct results *r, int64_t *ret_length, struct err *err)
{
    if (fdatasync(r->new_fd) || rename(r->new_path, r->path))
        return err_sys(err, errno, "%s", r->path);
    close(r->fd);
    r->fd = r->new_fd;
    r->new_fd = -1;
    r->length = *ret_length = r->new_length;
    return dir_sync(r->folder, err);
}

/* ---- other files ---- */

int results_write_failed(struct results *r, struct slice lines, struct err *err)
{
    CLEANUP_FREE char *path = path_join(r->folder, "failed.jsonl");
    if (lines.len)
        return replace(r, path, lines, err);
    if (unlink(path) && errno != ENOENT)
        return err_sys(err, errno, "%s", path);
    return 0;
}

int results_task_file(struct results *r, int64_t task, const char *name, struct slice bytes, char **ret_path, struct err *err)
{
    CLEANUP_FREE char *relative = mem_printf("tasks/%lld/%s", (long long)task, name);
    CLEANUP_FREE char *path = path_join(r->folder, relative);
    CLEANUP_FREE char *dir = path_dir(path);
    if (dir_make(dir, err) || replace(r, path, bytes, err))
        return -1;
    *ret_path = mem_strdup(relative);
    return 0;
}

int results_per_task(struct results *r, int64_t task, struct slice line, struct err *err)
{
    CLEANUP_FREE char *path = mem_printf("%s/tasks/%lld.json", r->folder, (long long)task);
    CLEANUP_FREE char *dir = path_dir(path);
    return dir_make(dir, err) || replace(r, path, line, err) ? -1 : 0;
}
