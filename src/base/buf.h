/* A growable string of bytes. The bytes are owned by the buffer until buf_done() or buf_steal().
 * `data` is not NUL-terminated unless buf_cstr() was called last. A zeroed struct is an empty buffer.
 */
#ifndef KT_BASE_BUF_H
#define KT_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
};

/* A piece of somebody else's bytes; never freed through this. */
struct slice {
    const char *p;
    size_t len;
};

void buf_done(struct buf *b);
#define CLEANUP_BUF __attribute__((cleanup(buf_done)))

/* Room for `more` further bytes; returns where they go. The caller adds to `len` what it wrote. */
char *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_str(struct buf *b, const char *text);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_char(struct buf *b, char c);
void buf_add_i64(struct buf *b, int64_t n);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `text` as a JSON string with its quotes. The text need not be UTF-8: a byte that is not becomes U+FFFD. */
void buf_add_json(struct buf *b, struct slice text);
/* Drops the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);
/* Puts a NUL behind the bytes (not counted in `len`) and returns them. */
char *buf_cstr(struct buf *b);
/* The bytes, NUL-terminated, now owned by the caller (free()); the buffer is empty again. */
char *buf_steal(struct buf *b);

static inline void buf_clear(struct buf *b)
{
    b->len = 0;
}
static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}
static inline struct slice slice_str(const char *text)
{
    return (struct slice){text, strlen(text)};
}
static inline int slice_eq(struct slice s, const char *text)
{
    size_t len = strlen(text);
    return s.len == len && memcmp(s.p, text, len) == 0;
}

#endif
