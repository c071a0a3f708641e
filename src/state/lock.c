/* The run lock: byte number ID of the file DB-lock is locked by the process that runs run ID (fcntl(2)).
 *
 * The kernel drops such a lock when its process ends, however it ends, and tells who has it. It also drops all of a
 * process's locks on a file as soon as any of its descriptors of that file is closed; so a process has one descriptor
 * a lock file, in the list below, kept until its last lock is gone. The file goes with the last holder: whoever can lock
 * all of it removes it. One who has opened the file just before that finds that what he locked is no longer the file
 * at the path, and begins again.
 */
#include "state/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define TRIES 200
#define TRY_PAUSE_NS 5000000

/* One lock file that this process has open. */
struct lock_file {
    struct lock_file *next;
    char *path;
    int fd;
    int64_t *held; /* runs that this process has locked */
    int n, cap;
};
struct run_lock {
    char *path;
    int64_t id;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct lock_file *files;

static struct lock_file *file_find(const char *path)
{
    for (struct lock_file *f = files; f; f = f->next)
        if (strcmp(f->path, path) == 0)
            return f;
    return NULL;
}

static int held_find(const struct lock_file *f, int64_t id)
{
    for (int i = 0; i < f->n; i++)
        if (f->held[i] == id)
            return i;
    return -1;
}

static struct lock_file *file_open(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        err_sys(err, errno, "%s", path);
        return NULL;
    }
    struct lock_file *f = MEM_NEW(struct lock_file);
    *f = (struct lock_file){.next = files, .path = mem_strdup(path), .fd = fd};
    files = f;
    return f;
}

static void file_close(struct lock_file *f)
{
    for (struct lock_file **at = &files; *at; at = &(*at)->next)
        if (*at == f) {
            *at = f->next;
            break;
        }
    close(f->fd);
    free(f->path);
    free(f->held);
    free(f);
}

/* Closes a file of which this process holds nothing, and removes it if nobody else does. */
static void file_leave(struct lock_file *f)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat here, there;
    if (fcntl(f->fd, F_SETLK, &all) == 0 && fstat(f->fd, &here) == 0 && stat(f->path, &there) == 0 &&
        here.st_ino == there.st_ino && here.st_dev == there.st_dev)
        unlink(f->path);
    file_close(f);
}

static bool file_is_current(const struct lock_file *f)
{
    struct stat here, there;
    return fstat(f->fd, &here) == 0 && stat(f->path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

/* The process that has the byte, 0 if none; -1 while somebody is removing the file. */
static int64_t holder(int fd, int64_t id)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = id, .l_len = 1};
    if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK)
        return 0;
    return lock.l_len == 1 ? lock.l_pid : -1;
}

static int busy(const char *run, int64_t pid, struct err *err)
{
    return err_set(err, ERR_BUSY, "run %s is being run by process %lld", run, (long long)pid);
}

/* 1: taken. 0: not now, try again. -1: error. */
static int try_take(const char *path, const struct run_info *run, struct err *err)
{
    struct lock_file *f = file_find(path);
    if (!f && !(f = file_open(path, err)))
        return -1;
    if (held_find(f, run->id) >= 0)
        return busy(run->run, getpid(), err);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = run->id, .l_len = 1};
    if (fcntl(f->fd, F_SETLK, &lock) == 0) {
        if (f->n == 0 && !file_is_current(f)) {
            file_close(f);
            return 0;
        }
        MEM_GROW(f->held, f->n, f->cap);
        f->held[f->n++] = run->id;
        return 1;
    }
    int code = errno;
    int64_t pid = code == EACCES || code == EAGAIN ? holder(f->fd, run->id) : 0;
    if (f->n == 0)
        file_close(f);
    if (pid > 0)
        return busy(run->run, pid, err);
    return code == EACCES || code == EAGAIN ? 0 : err_sys(err, code, "%s", path);
}

int run_lock_take(struct state *state, const struct run_info *run, struct run_lock **ret, struct err *err)
{
    int taken = 0;
    for (int i = 0; i < TRIES && taken == 0; i++) {
        if (i)
            nanosleep(&(struct timespec){.tv_nsec = TRY_PAUSE_NS}, NULL);
        pthread_mutex_lock(&mutex);
        taken = try_take(state->lock_path, run, err);
        pthread_mutex_unlock(&mutex);
    }
    if (taken < 0)
        return -1;
    if (taken == 0)
        return err_set(err, ERR_BUSY, "%s: cannot be locked", state->lock_path);
    struct run_lock *lock = MEM_NEW(struct run_lock);
    *lock = (struct run_lock){mem_strdup(state->lock_path), run->id};
    *ret = lock;
    return 0;
}

void run_lock_release(struct run_lock *lock)
{
    if (!lock)
        return;
    pthread_mutex_lock(&mutex);
    struct lock_file *f = file_find(lock->path);
    int at = f ? held_find(f, lock->id) : -1;
    if (at >= 0) {
        struct flock none = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = lock->id, .l_len = 1};
        f->held[at] = f->held[--f->n];
        fcntl(f->fd, F_SETLK, &none);
        if (f->n == 0)
            file_leave(f);
    }
    pthread_mutex_unlock(&mutex);
    free(lock->path);
    free(lock);
}

void run_lock_tidy(struct state *state)
{
    struct err ignored = ERR_INIT;
    struct stat st;
    pthread_mutex_lock(&mutex);
    /* Ours is empty. */
    if (!file_find(state->lock_path) && lstat(state->lock_path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0) {
        struct lock_file *f = file_open(state->lock_path, &ignored);
        if (f)
            file_leave(f);
    }
    pthread_mutex_unlock(&mutex);
}

int64_t run_lock_holder(struct state *state, const struct run_info *run)
{
    int64_t pid = 0;
    pthread_mutex_lock(&mutex);
    struct lock_file *f = file_find(state->lock_path);
    if (f) {
        pid = held_find(f, run->id) >= 0 ? getpid() : holder(f->fd, run->id);
    } else {
        int fd = open(state->lock_path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            pid = holder(fd, run->id);
            close(fd);
        }
    }
    pthread_mutex_unlock(&mutex);
    return pid > 0 ? pid : 0;
}
