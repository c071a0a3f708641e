/* The worker's own memory, which its executors do not get.
 *
 * A fork makes every private page read-only; each that the worker writes to afterwards is a fault and a copy, and its old
 * content goes to the child, which has to free it. So what our own code gets from malloc() comes from a region that a fork
 * leaves out (MADV_DONTFORK, madvise(2)): it costs nothing, and no task can look into it.
 *
 * The program is linked with --wrap (ld(1)) for malloc, calloc, realloc and free; libc and task libraries call the true
 * ones. What is too large, or has no room, comes from the true malloc(). One thread only.
 */
#ifndef KT_WORKER_OWN_MEMORY_H
#define KT_WORKER_OWN_MEMORY_H

#include <stdbool.h>

/* Reserves the region. Without it (an address space limit) all memory is ordinary memory. */
void own_memory_init(void);
/* Whether what is allocated from now on is the worker's own. Ordinary memory is for what executors read, and for all that
 * they allocate: it is said before the fork. Returns what was said before. Any memory can be freed and grown at any time,
 * but in an executor nothing of the region is there. */
bool own_memory_use(bool own);

#endif
