/* Messages without what differs from task to task: a quoted text becomes '…', a path /…, a number N.
 *
 *     exit 1: cannot open /data/a17.png: No such file    ->    exit 1: cannot open /…: No such file
 *
 * The number behind a class's word at the very start (`exit 1`, `signal 11`) stays: it is what tells failures apart.
 */
#include "state/inside.h"

#include <ctype.h>
#include <string.h>

#define PATTERN_MAX 300 /* bytes of a message that are looked at */

/* Length of "exit 1" at the start, 0 if there is none. */
static size_t kept_head(struct slice s)
{
    static const char *const words[] = {"exit ", "signal "};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(words[i]);
        if (s.len <= len || memcmp(s.p, words[i], len))
            continue;
        while (len < s.len && isdigit((unsigned char)s.p[len]))
            len++;
        return len;
    }
    return 0;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Length of the quoted text at `p` with its quotes, 0 if it is none (an apostrophe inside a word, or no end). */
static size_t quoted_length(const char *start, const char *p, const char *end)
{
    if (!strchr("'\"`", *p) || (p > start && is_word(p[-1])))
        return 0;
    const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));
    return close ? (size_t)(close + 1 - p) : 0;
}

/* Length of the word at `p` up to a space or what closes one, if there is a slash in it. */
static size_t path_length(const char *p, const char *end)
{
    const char *q = p;
    bool slash = false;
    while (q < end && !isspace((unsigned char)*q) && !strchr("'\"`,;()<>|", *q)) {
        slash |= *q == '/';
        q++;
    }
    while (q > p && strchr(":.", q[-1]))
        q--;
    return slash && q - p > 1 ? (size_t)(q - p) : 0;
}

/* Length of the number at `p`: digits, with a sign, point, exponent or 0x; part of a word also ("a17"). */
static size_t number_length(const char *p, const char *end)
{
    const char *q = p;
    bool hex = end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && isxdigit((unsigned char)p[2]);
    if (hex)
        for (q += 2; q < end && isxdigit((unsigned char)*q); q++)
            ;
    while (!hex && q < end && (isdigit((unsigned char)*q) || (*q == '.' && q + 1 < end && isdigit((unsigned char)q[1]))))
        q++;
    if (!hex && q > p && end - q > 1 && (*q == 'e' || *q == 'E')) {
        const char *digits = q + 1 + (q[1] == '-' || q[1] == '+');
        if (digits < end && isdigit((unsigned char)*digits))
            for (q = digits; q < end && isdigit((unsigned char)*q); q++)
                ;
    }
    return (size_t)(q - p);
}

void pattern_of(struct slice message, struct buf *out)
{
    size_t head = kept_head(message);
    const char *start = message.len ? message.p : "", *p = start + head; /* an empty one may point nowhere */
    const char *end = start + (message.len < PATTERN_MAX ? message.len : PATTERN_MAX);
    while (end < start + message.len && end > p && ((unsigned char)*end & 0xc0) == 0x80)
        end--;
    buf_add(out, start, head);
    while (p < end) {
        size_t n;
        bool word_start = p == start || !is_word(p[-1]);
        if ((n = quoted_length(start, p, end))) {
            buf_printf(out, "%c…%c", *p, *p);
        } else if (word_start && (n = path_length(p, end))) {
            buf_add_str(out, "/…");
        } else if ((n = number_length(p, end)) && isdigit((unsigned char)*p)) {
            if (out->len > head && out->data[out->len - 1] == '-' && (p - 1 == start || !is_word(p[-2])))
                out->len--;
            buf_add_char(out, 'N');
        } else {
            n = 1;
            buf_add_char(out, *p);
        }
        p += n;
    }
}
