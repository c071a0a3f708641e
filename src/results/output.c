/* The output of one task: at first in memory; from the byte on that is beyond the limit, in a file as a whole, while the
 * memory goes on holding the tail. */
#include "results/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "results/inside.h"

struct output_sink {
    char *folder;           /* the run's */
    char *path, *temporary; /* of the file, made when it is needed */
    size_t keep;
    struct buf tail; /* at most 2 * keep bytes; the last `keep` count */
    int64_t bytes;
    int fd; /* -1: no file yet */
};

struct output_sink *output_sink_new(const char *folder, int64_t task, const char *stream, size_t keep)
{
    struct output_sink *s = MEM_NEW(struct output_sink);
    s->folder = mem_strdup(folder);
    s->path = mem_printf("%s/tasks/%lld/%s", folder, (long long)task, stream);
    s->keep = keep;
    s->fd = -1;
    return s;
}

/* Begins the file with all there has been so far. */
static int spill(struct output_sink *s, struct err *err)
{
    if (results_temporary(s->folder, path_base(s->path), &s->temporary, err))
        return -1;
    s->fd = open(s->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (s->fd < 0) {
        err_sys(err, errno, "%s", s->temporary);
        free(s->temporary);
        s->temporary = NULL;
        return -1;
    }
    return file_write_all(s->fd, s->tail.data, s->tail.len, s->temporary, err);
}

int output_sink_add(struct output_sink *s, struct slice bytes, struct err *err)
{
    if (bytes.len == 0)
        return 0;
    if (s->fd < 0 && (uint64_t)s->bytes + bytes.len > s->keep && spill(s, err))
        return -1;
    if (s->fd >= 0 && file_write_all(s->fd, bytes.p, bytes.len, s->temporary, err))
        return -1;
    s->bytes += (int64_t)bytes.len;
    if (bytes.len >= s->keep) {
        buf_clear(&s->tail);
        bytes = (struct slice){bytes.p + bytes.len - s->keep, s->keep};
    }
    buf_add_slice(&s->tail, bytes);
    /* Moved only now and then, so that many small pieces cost little. */
    if (s->tail.len > 2 * s->keep)
        buf_consume(&s->tail, s->tail.len - s->keep);
    return 0;
}

int output_sink_end(struct output_sink *s, struct slice *ret_tail, int64_t *ret_bytes, struct err *err)
{
    if (s->fd >= 0) {
        CLEANUP_FREE char *dir = path_dir(s->path);
        if (dir_make(dir, err))
            return -1;
        if (fdatasync(s->fd) || rename(s->temporary, s->path))
            return err_sys(err, errno, "%s", s->path);
        close(s->fd);
        s->fd = -1;
        free(s->temporary);
        s->temporary = NULL;
        if (dir_sync(dir, err))
            return -1;
    }
    size_t len = s->tail.len < s->keep ? s->tail.len : s->keep;
    *ret_tail = (struct slice){len ? s->tail.data + s->tail.len - len : "", len};
    *ret_bytes = s->bytes;
    return 0;
}

void output_sink_free(struct output_sink *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    if (s->temporary)
        unlink(s->temporary);
    free(s->temporary);
    free(s->path);
    free(s->folder);
    buf_done(&s->tail);
    free(s);
}
