/* See shared_memory.h. A file holds pieces of one size, given out in order; it goes when all of them are retired. */
#include "shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

#define PAGE ((size_t)4096)
#define FILE_SIZE (32u << 20) /* about, unless a piece is larger */
#define PIECES_MAX 64

struct shared_file {
    int fd;
    char *mapping;
    size_t piece_size;
    int pieces, given, retired;
    struct shared_file *next; /* of those with pieces to give */
};
static struct shared_file *open_files;

static void file_close(struct shared_file *f)
{
    if (f->mapping)
        munmap(f->mapping, f->piece_size * (size_t)f->pieces);
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

static struct shared_file *file_new(size_t piece_size)
{
    struct shared_file *f = MEM_NEW(struct shared_file);
    size_t pieces = FILE_SIZE / piece_size;
    f->piece_size = piece_size;
    f->pieces = pieces > PIECES_MAX ? PIECES_MAX : pieces ? (int)pieces : 1;
    size_t size = piece_size * (size_t)f->pieces;
    f->fd = memfd_create("channels", MFD_CLOEXEC);
    void *p = MAP_FAILED;
    if (f->fd >= 0 && ftruncate(f->fd, (off_t)size) == 0)
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, f->fd, 0);
    f->mapping = p == MAP_FAILED ? NULL : p;
    if (!f->mapping || madvise(p, size, MADV_DONTFORK)) {
        int saved = errno;
        file_close(f);
        errno = saved;
        return NULL;
    }
    f->next = open_files;
    open_files = f;
    return f;
}

static void leave_open_files(struct shared_file *f)
{
    for (struct shared_file **at = &open_files; *at; at = &(*at)->next)
        if (*at == f) {
            *at = f->next;
            return;
        }
}

int shared_get(size_t size, struct shared_piece *ret)
{
    struct shared_file *f = open_files;
    size = (size + PAGE - 1) & ~(PAGE - 1);
    while (f && f->piece_size != size)
        f = f->next;
    if (!f && !(f = file_new(size)))
        return -1;
    size_t offset = size * (size_t)f->given++;
    *ret = (struct shared_piece){f, f->fd, offset, size, f->mapping + offset};
    if (f->given == f->pieces)
        leave_open_files(f);
    return 0;
}

void shared_retire(struct shared_piece *piece)
{
    struct shared_file *f = piece->file;
    if (!f)
        return;
    /* Its memory is given back even so. */
    (void)!fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)piece->offset, (off_t)piece->size);
    *piece = (struct shared_piece){0};
    if (++f->retired == f->pieces)
        file_close(f);
}

char *shared_map(const struct shared_piece *piece)
{
    void *p = mmap(NULL, piece->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, piece->fd, (off_t)piece->offset);
    return p == MAP_FAILED ? NULL : p;
}
