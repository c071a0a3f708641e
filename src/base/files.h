/* Files: whole ones read and written safely, folders, paths. Paths returned are owned by the caller (free()). */
#ifndef KT_BASE_FILES_H
#define KT_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes to `ret`. "-" is not special. A folder or a file of more than `limit` bytes is an error. */
int file_read(const char *path, size_t limit, struct buf *ret, struct err *err);
/* Reads an open descriptor to its end; `name` is for messages. */
int file_read_fd(int fd, const char *name, size_t limit, struct buf *ret, struct err *err);
/* Writes under a temporary name in the same folder, syncs, renames, syncs the folder: after a crash the
 * file is the old one or the new one, whole. */
int file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);
/* The same by way of `temporary`, which is on the same file system. */
int file_replace_by(const char *temporary, const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);
/* Writes all bytes or fails; goes on after EINTR and short writes. */
int file_write_all(int fd, const void *bytes, size_t len, const char *name, struct err *err);
/* Opens /dev/null, in the wrong direction, for those of standard input, output and error that are closed: no file of ours gets
 * their numbers, to have messages written into it, and using them stays an error. */
void file_settle_standard(void);
/* Makes the folder and those above it that are missing. */
int dir_make(const char *path, struct err *err);
/* Syncs a folder, so that names made or removed in it last. */
int dir_sync(const char *path, struct err *err);
/* Removes a file or a folder with all that is in it; nothing there is no error. Follows no symbolic link. */
int path_remove(const char *path, struct err *err);
bool path_exists(const char *path);

/* `path` if it is absolute, else `dir/path`; "." and empty components go, ".." stays. */
char *path_join(const char *dir, const char *path);
/* The same against the current folder. */
char *path_absolute(const char *path);
/* The part before the last slash ("." if none, "/" for the root) and the one behind it. */
char *path_dir(const char *path);
const char *path_base(const char *path);
/* The folder of the running program, from /proc/self/exe; NULL if it cannot be told. */
char *path_program_dir(void);

/* The file system's name if `path` (or its folder) is on a network file system, else NULL. */
const char *path_network_fs(const char *path);

#endif
