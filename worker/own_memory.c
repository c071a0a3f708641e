/* See own_memory.h.
 *
 * Blocks have sizes of powers of two. A span of the region holds blocks of one size; free ones are linked. All that is
 * written at run time lies in the region itself.
 */
#include "own_memory.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define REGION_SIZE (256u << 20) /* of addresses; memory is used as it is needed */
#define SPAN_BITS 18
#define SPAN_SIZE (1u << SPAN_BITS)
#define SPANS (REGION_SIZE >> SPAN_BITS)
#define LEAST_BITS 6 /* of the smallest block, 64 bytes */
#define SIZES (SPAN_BITS - LEAST_BITS + 1)

struct free_block {
    struct free_block *next;
};
struct region {
    unsigned spans;
    struct free_block *free[SIZES];
    char *fresh[SIZES], *fresh_end[SIZES]; /* of the latest span: never given out yet */
    unsigned char size_of[SPANS];
};
_Static_assert(sizeof(struct region) <= SPAN_SIZE, "the first span is the region's own");

static struct region *region;
static bool using;

/* Weak: unit tests are not linked with --wrap, and never begin to use the region. */
#define TRUE __attribute__((weak))
void *__real_malloc(size_t size) TRUE;
void *__real_calloc(size_t count, size_t size) TRUE;
void *__real_realloc(void *p, size_t size) TRUE;
void __real_free(void *p) TRUE;
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

#if defined __SANITIZE_ADDRESS__
#define HAS_SANITIZER true
#elif defined __has_feature
#define HAS_SANITIZER __has_feature(address_sanitizer)
#else
#define HAS_SANITIZER false
#endif

void own_memory_init(void)
{
    if (HAS_SANITIZER) /* it must see every block by itself */
        return;
    void *p = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return;
    if (madvise(p, REGION_SIZE, MADV_DONTFORK)) {
        munmap(p, REGION_SIZE);
        return;
    }
    region = p;
    region->spans = 1;
    using = true;
}

bool own_memory_use(bool own)
{
    bool before = using;
    using = own && region;
    return before;
}

static bool is_own(const void *p)
{
    return region && (uintptr_t)p - (uintptr_t)region < REGION_SIZE;
}

static unsigned size_class(size_t size)
{
    return size <= 1u << LEAST_BITS ? 0 : 64 - LEAST_BITS - (unsigned)__builtin_clzl(size - 1);
}

static unsigned class_of(const void *p)
{
    return region->size_of[((uintptr_t)p - (uintptr_t)region) >> SPAN_BITS];
}

/* A block, or NULL. */
static void *take(unsigned class)
{
    struct region *r = region;
    struct free_block *block = r->free[class];
    if (block) {
        r->free[class] = block->next;
        return block;
    }
    if (r->fresh[class] == r->fresh_end[class]) {
        if (r->spans == SPANS)
            return NULL;
        r->size_of[r->spans] = (unsigned char)class;
        r->fresh[class] = (char *)r + ((size_t)r->spans++ << SPAN_BITS);
        r->fresh_end[class] = r->fresh[class] + SPAN_SIZE;
    }
    void *fresh = r->fresh[class];
    r->fresh[class] += (size_t)1 << (class + LEAST_BITS);
    return fresh;
}

void *__wrap_malloc(size_t size)
{
    void *p = using && size <= SPAN_SIZE ? take(size_class(size)) : NULL;
    return p ? p : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    size_t bytes;
    void *p = using && !__builtin_mul_overflow(count, size, &bytes) && bytes <= SPAN_SIZE ? take(size_class(bytes)) : NULL;
    return p ? memset(p, 0, bytes) : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    if (!p)
        return __wrap_malloc(size);
    if (!is_own(p))
        return __real_realloc(p, size);
    size_t had = (size_t)1 << (class_of(p) + LEAST_BITS);
    if (size <= had)
        return p;
    void *more = __wrap_malloc(size);
    if (more) {
        memcpy(more, p, had);
        __wrap_free(p);
    }
    return more;
}

void __wrap_free(void *p)
{
    if (!p) /* said so here, an executor need not fault in libc's page that says it too */
        return;
    if (!is_own(p)) {
        __real_free(p);
        return;
    }
    struct free_block *block = p;
    unsigned class = class_of(p);
    block->next = region->free[class];
    region->free[class] = block;
}
