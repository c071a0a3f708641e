/* See json.h. One recursive scanner checks text; everything else walks text that it has passed. */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

struct scan {
    const char *p, *end;
};

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int scan_digits(struct scan *s)
{
    if (s->p == s->end || !is_digit(*s->p))
        return -1;
    while (s->p < s->end && is_digit(*s->p))
        s->p++;
    return 0;
}

static int scan_number(struct scan *s)
{
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (scan_digits(s))
        return -1;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (scan_digits(s))
            return -1;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (scan_digits(s))
            return -1;
    }
    return 0;
}

static int hex4(const char *p)
{
    int n = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        n = n * 16 + digit;
    }
    return n;
}

/* `p` is just behind "\u". A pair of surrogates must be whole. Returns the bytes used, or 0. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *ret)
{
    int high = end - p >= 4 ? hex4(p) : -1;
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    if (high < 0xd800 || high > 0xdbff) {
        *ret = (uint32_t)high;
        return 4;
    }
    if (end - p < 10 || p[4] != '\\' || p[5] != 'u')
        return 0;
    int low = hex4(p + 6);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return 10;
}

static int scan_escape(struct scan *s)
{
    if (s->p == s->end)
        return -1;
    char c = *s->p;
    if (c == 'u') {
        uint32_t code;
        size_t n = unicode_escape(s->p + 1, s->end, &code);
        if (n == 0)
            return -1;
        s->p += 1 + n;
        return 0;
    }
    if (c == '\0' || !strchr("\"\\/bfnrt", c))
        return -1;
    s->p++;
    return 0;
}

static int scan_string(struct scan *s)
{
    s->p++;
    while (s->p < s->end && *s->p != '"') {
        unsigned char c = (unsigned char)*s->p;
        if (c < 0x20)
            return -1;
        if (c == '\\') {
            s->p++;
            if (scan_escape(s))
                return -1;
        } else {
            size_t n = utf8_length(s->p, (size_t)(s->end - s->p));
            if (n == 0)
                return -1;
            s->p += n;
        }
    }
    if (s->p == s->end)
        return -1;
    s->p++;
    return 0;
}

static int scan_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return -1;
    s->p += len;
    return 0;
}

static int scan_value(struct scan *s, int depth);

static int scan_members(struct scan *s, bool object, int depth)
{
    char close = object ? '}' : ']';
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return 0;
    }
    for (;;) {
        skip_space(s);
        if (object) {
            if (s->p == s->end || *s->p != '"' || scan_string(s))
                return -1;
            skip_space(s);
            if (s->p == s->end || *s->p != ':')
                return -1;
            s->p++;
            skip_space(s);
        }
        if (scan_value(s, depth + 1))
            return -1;
        skip_space(s);
        if (s->p == s->end || (*s->p != ',' && *s->p != close))
            return -1;
        if (*s->p++ == close)
            return 0;
    }
}

static int scan_value(struct scan *s, int depth)
{
    if (s->p == s->end)
        return -1;
    switch (*s->p) {
    case '{':
    case '[':
        return depth >= JSON_DEPTH_MAX ? -1 : scan_members(s, *s->p == '{', depth);
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return *s->p == '-' || is_digit(*s->p) ? scan_number(s) : -1;
    }
}

int json_check(const char *text, size_t len, struct json *ret, size_t *ret_at)
{
    text = len ? text : ""; /* an empty text may be a null pointer */
    struct scan s = {text, text + len};
    skip_space(&s);
    struct json v = {.p = s.p};
    int failed = scan_value(&s, 0);
    if (!failed) {
        v.len = (size_t)(s.p - v.p);
        skip_space(&s);
        failed = s.p != s.end;
    }
    if (failed) {
        if (ret_at)
            *ret_at = (size_t)(s.p - text);
        return -1;
    }
    *ret = v;
    return 0;
}

enum json_type json_type(struct json v)
{
    if (v.len == 0)
        return JSON_NONE;
    switch (v.p[0]) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* Just behind the string that starts at `p`. */
static const char *behind_string(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

/* Just behind the checked value that starts at `p`; `end` bounds a bare number. */
static const char *behind_value(const char *p, const char *end)
{
    if (*p == '"')
        return behind_string(p);
    if (*p == '{' || *p == '[') {
        int depth = 0;
        do {
            if (*p == '"') {
                p = behind_string(p);
                continue;
            }
            depth += *p == '{' || *p == '[';
            depth -= *p == '}' || *p == ']';
            p++;
        } while (depth);
        return p;
    }
    while (p < end && *p != ',' && *p != ']' && *p != '}' && *p != ' ' && *p != '\t' && *p != '\n' && *p != '\r')
        p++;
    return p;
}

struct json_iter json_iter(struct json v)
{
    enum json_type type = json_type(v);
    if (type != JSON_ARRAY && type != JSON_OBJECT)
        return (struct json_iter){0};
    return (struct json_iter){v.p + 1, v.p + v.len - 1, type == JSON_OBJECT, {0}, {0}};
}

bool json_next(struct json_iter *it)
{
    struct scan s = {it->p, it->end};
    skip_space(&s);
    if (s.p < s.end && *s.p == ',') {
        s.p++;
        skip_space(&s);
    }
    if (s.p >= s.end)
        return false;
    if (it->object) {
        const char *behind = behind_string(s.p);
        it->key = (struct json){s.p, (size_t)(behind - s.p)};
        s.p = behind;
        skip_space(&s);
        s.p++;
        skip_space(&s);
    }
    const char *behind = behind_value(s.p, s.end);
    it->value = (struct json){s.p, (size_t)(behind - s.p)};
    it->p = behind;
    return true;
}

struct json json_get(struct json object, const char *key)
{
    struct json found = {0};
    if (json_type(object) != JSON_OBJECT)
        return found;
    struct json_iter it = json_iter(object);
    while (json_next(&it))
        if (json_equals(it.key, key))
            found = it.value;
    return found;
}

size_t json_count(struct json v)
{
    size_t n = 0;
    struct json_iter it = json_iter(v);
    while (json_next(&it))
        n++;
    return n;
}

/* Reads digits only; false on anything else and on overflow. */
static bool digits_u64(const char *p, size_t len, uint64_t *ret)
{
    uint64_t n = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(p[i]) || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(p[i] - '0'), &n))
            return false;
    }
    *ret = n;
    return true;
}

bool json_u64(struct json v, uint64_t *ret)
{
    return json_type(v) == JSON_NUMBER && digits_u64(v.p, v.len, ret);
}

bool json_i64(struct json v, int64_t *ret)
{
    if (json_type(v) != JSON_NUMBER)
        return false;
    bool negative = v.p[0] == '-';
    uint64_t n;
    if (!digits_u64(v.p + negative, v.len - negative, &n) || n > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool json_double(struct json v, double *ret)
{
    char text[512];
    if (json_type(v) != JSON_NUMBER || v.len >= sizeof text)
        return false;
    memcpy(text, v.p, v.len);
    text[v.len] = '\0';
    double d = strtod(text, NULL);
    if (isinf(d))
        return false;
    *ret = d;
    return true;
}

/* Decodes the escape at `p` (behind the backslash) into `out`; returns the bytes read, `*ret_n` those written. */
static size_t unescape(const char *p, const char *end, char out[4], size_t *ret_n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (*p == 'u') {
        uint32_t code = 0xfffd;
        size_t used = unicode_escape(p + 1, end, &code);
        *ret_n = utf8_encode(code, out);
        return 1 + used;
    }
    const char *at = strchr(from, *p);
    out[0] = at && *p ? to[at - from] : *p;
    *ret_n = 1;
    return 1;
}

bool json_unescape(struct json v, struct buf *b)
{
    if (json_type(v) != JSON_STRING)
        return false;
    const char *p = v.p + 1, *end = v.p + v.len - 1;
    while (p < end) {
        const char *start = p;
        while (p < end && *p != '\\')
            p++;
        buf_add(b, start, (size_t)(p - start));
        if (p < end) {
            char out[4];
            size_t n;
            p++;
            p += unescape(p, end, out, &n);
            buf_add(b, out, n);
        }
    }
    return true;
}

bool json_equals(struct json v, const char *text)
{
    if (json_type(v) != JSON_STRING)
        return false;
    const char *p = v.p + 1, *end = v.p + v.len - 1;
    while (p < end) {
        char out[4] = {*p};
        size_t n = 1;
        if (*p++ == '\\')
            p += unescape(p, end, out, &n);
        if (strncmp(text, out, n) != 0)
            return false;
        text += n;
    }
    return *text == '\0';
}

void json_compact(struct json v, struct buf *b)
{
    const char *p = v.p, *end = v.p + v.len;
    while (p < end) {
        if (*p == '"') {
            const char *behind = behind_string(p);
            buf_add(b, p, (size_t)(behind - p));
            p = behind;
        } else {
            if (*p != ' ' && *p != '\t' && *p != '\n' && *p != '\r')
                buf_add_char(b, *p);
            p++;
        }
    }
}

void json_add_double(struct buf *b, double d)
{
    if (isnan(d)) {
        buf_add_str(b, "\"nan\"");
    } else if (isinf(d)) {
        buf_add_str(b, d > 0 ? "\"inf\"" : "\"-inf\"");
    } else {
        char text[40];
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, d);
            if (strtod(text, NULL) == d)
                break;
        }
        /* A double stays one when read back: 3 would become an integer. */
        if (!strpbrk(text, ".en"))
            strcat(text, ".0");
        buf_add_str(b, text);
    }
}
