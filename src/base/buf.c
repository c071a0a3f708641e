/* See buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

char *buf_reserve(struct buf *b, size_t more)
{
    /* Even for nothing the answer is an address: adding to NULL is undefined. */
    if (!b->data || b->cap - b->len < more) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap - b->len < more)
            cap *= 2;
        b->data = mem_resize(b->data, cap, 1);
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(b, len), bytes, len);
    b->len += len;
}

void buf_add_str(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.len);
}

void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

void buf_add_i64(struct buf *b, int64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    char *out = buf_reserve(b, sizeof digits + 1);
    size_t len = 0;
    if (n < 0)
        out[len++] = '-';
    memcpy(out + len, digits + at, sizeof digits - at);
    b->len += len + sizeof digits - at;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0) {
        vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_add_json(struct buf *b, struct slice text)
{
    const char *p = text.len ? text.p : "", *end = p + text.len;
    buf_add_char(b, '"');
    while (p < end) {
        const char *start = p;
        while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f && *p != '"' && *p != '\\')
            p++;
        buf_add(b, start, (size_t)(p - start));
        if (p == end)
            break;
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            buf_add_char(b, '\\');
            buf_add_char(b, (char)c);
            p++;
        } else if (c < 0x20 || c == 0x7f) {
            static const char from[] = "\b\t\n\f\r", to[] = "btnfr";
            const char *short_form = c ? strchr(from, c) : NULL;
            if (short_form)
                buf_printf(b, "\\%c", to[short_form - from]);
            else
                buf_printf(b, "\\u%04x", c);
            p++;
        } else {
            size_t n = utf8_length(p, (size_t)(end - p));
            if (n)
                buf_add(b, p, n);
            else
                buf_add_str(b, "\xef\xbf\xbd");
            p += n ? n : 1;
        }
    }
    buf_add_char(b, '"');
}

void buf_consume(struct buf *b, size_t n)
{
    b->len -= n;
    if (b->len)
        memmove(b->data, b->data + n, b->len);
}

char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->data;
}

char *buf_steal(struct buf *b)
{
    char *text = buf_cstr(b);
    *b = (struct buf){0};
    return text;
}
