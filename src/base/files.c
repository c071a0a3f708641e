/* See files.h. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"

int file_read_fd(int fd, const char *name, size_t limit, struct buf *ret, struct err *err)
{
    size_t start = ret->len;
    for (;;) {
        ssize_t n = read(fd, buf_reserve(ret, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "%s", name);
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
        if (ret->len - start > limit)
            return err_set(err, ERR_USAGE, "%s: larger than the limit of %zu bytes", name, limit);
    }
}

int file_read(const char *path, size_t limit, struct buf *ret, struct err *err)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return err_sys(err, errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        return err_sys(err, EISDIR, "%s", path);
    if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > limit)
        return err_set(err, ERR_USAGE, "%s: larger than the limit of %zu bytes", path, limit);
    return file_read_fd(fd, path, limit, ret, err);
}

int file_write_all(int fd, const void *bytes, size_t len, const char *name, struct err *err)
{
    const char *p = bytes;
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "%s", name);
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    CLEANUP_FREE char *temporary = mem_printf("%s.tmp-%ld", path, (long)getpid());
    return file_replace_by(temporary, path, bytes, len, mode, err);
}

int file_replace_by(const char *temporary, const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    CLEANUP_FREE char *dir = path_dir(path);
    CLEANUP_CLOSE int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(err, errno, "%s", temporary);
    if (file_write_all(fd, bytes, len, temporary, err))
        goto fail;
    if (fdatasync(fd) || rename(temporary, path)) {
        err_sys(err, errno, "%s", path);
        goto fail;
    }
    return dir_sync(dir, err);
fail:
    unlink(temporary);
    return -1;
}

void file_settle_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int dir_make(const char *path, struct err *err)
{
    CLEANUP_FREE char *copy = mem_strdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) && errno != EEXIST)
            return err_sys(err, errno, "%s", copy);
        *slash = '/';
    }
    if (mkdir(copy, 0777) == 0)
        return 0;
    struct stat st;
    bool other = errno == EEXIST && stat(copy, &st) == 0 && !S_ISDIR(st.st_mode);
    return errno != EEXIST || other ? err_sys(err, other ? ENOTDIR : errno, "%s", copy) : 0;
}

int dir_sync(const char *path, struct err *err)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync a folder and say EINVAL; then there is nothing to do. */
    if (fd < 0 || (fsync(fd) && errno != EINVAL))
        return err_sys(err, errno, "%s", path);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) && errno != ENOENT ? -1 : 0;
}

int path_remove(const char *path, struct err *err)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        return err_sys(err, errno, "%s", path);
    return 0;
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Copies `path` without empty and "." components. */
static char *tidy(const char *path)
{
    struct buf b = {0};
    if (*path == '/')
        buf_add_char(&b, '/');
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len && !(len == 1 && *path == '.')) {
            if (b.len && b.data[b.len - 1] != '/')
                buf_add_char(&b, '/');
            buf_add(&b, path, len);
        }
        path += len;
        path += *path == '/';
    }
    if (b.len == 0)
        buf_add_char(&b, '.');
    return buf_steal(&b);
}

char *path_join(const char *dir, const char *path)
{
    if (*path == '/')
        return tidy(path);
    CLEANUP_FREE char *whole = mem_printf("%s/%s", dir, path);
    return tidy(whole);
}

char *path_absolute(const char *path)
{
    CLEANUP_FREE char *here = *path == '/' ? NULL : getcwd(NULL, 0);
    return path_join(here ? here : "/", path);
}

char *path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_program_dir(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return NULL;
    path[n] = '\0';
    return path_dir(path);
}

const char *path_network_fs(const char *path)
{
    /* The f_type values of statfs(2). */
    static const struct {
        uint32_t magic;
        const char *name;
    } network[] = {
        {0x6969, "nfs"},       {0xff534d42, "cifs"}, {0xfe534d42, "smb2"},   {0x517b, "smb"},
        {0x5346414f, "afs"},   {0x00c36400, "ceph"}, {0x65735546, "fuse"},   {0x0bd00bd0, "lustre"},
        {0x01021997, "9p"},    {0x47504653, "gpfs"}, {0x7461636f, "ocfs2"},  {0x01161970, "gfs2"},
    };
    struct statfs fs;
    if (statfs(path, &fs)) {
        CLEANUP_FREE char *dir = path_dir(path);
        if (statfs(dir, &fs))
            return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(network); i++)
        if ((uint32_t)fs.f_type == network[i].magic)
            return network[i].name;
    return NULL;
}
