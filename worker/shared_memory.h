/* Memory that the worker shares with one executor.
 *
 * Pieces of files in memory (memfd_create(2)). The worker's mapping of them is left out of forks, or else every fork would
 * copy every session's mapping, and every child free it; the executor maps its own piece, and sees no other one.
 */
#ifndef KT_WORKER_SHARED_MEMORY_H
#define KT_WORKER_SHARED_MEMORY_H

#include <stddef.h>

struct shared_file;
struct shared_piece {
    struct shared_file *file;
    int fd;
    size_t offset, size;
    char *at; /* in the worker */
};

/* A piece of zeroes; `size` is rounded up to pages. -1 with errno. */
int shared_get(size_t size, struct shared_piece *ret);
/* Nobody gets it again: a process that an executor has left may still have it. */
void shared_retire(struct shared_piece *piece);
/* In the executor, while the files are still open: where the piece is there, or NULL with errno. */
char *shared_map(const struct shared_piece *piece);

#endif
