/* Memory: allocation that aborts when there is none, and cleanup attributes.
 *
 * Small allocations abort on exhaustion: what matters is on disk, and `ktbatch resume` goes on from there.
 * A size that comes from input is checked against a named limit by whoever reads the input.
 * What these return is freed with free().
 */
#ifndef KT_BASE_MEM_H
#define KT_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *mem_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
/* `count * size` bytes; aborts on overflow. `p` may be NULL. */
void *mem_resize(void *p, size_t count, size_t size) __attribute__((alloc_size(2, 3), returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
char *mem_vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0), malloc, returns_nonnull));

#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Makes room for one more element in the growable array `p` of `n` elements and capacity `cap`. */
#define MEM_GROW(p, n, cap)                                                     \
    do {                                                                        \
        if ((n) >= (cap)) {                                                     \
            (cap) = (cap) ? (cap) * 2 : 8;                                      \
            (p) = mem_resize((p), (size_t)(cap), sizeof(*(p)));                 \
        }                                                                       \
    } while (0)

static inline void mem_cleanup_free(void *p)
{
    free(*(void **)p);
}
static inline void mem_cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define CLEANUP_FREE __attribute__((cleanup(mem_cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(mem_cleanup_close)))

#endif
