/* JSON text read in place (RFC 8259), without a tree and without an allocation.
 *
 * Values travel through ktbatch as compact JSON text, so that a number stays as it was written and a
 * freshly forked executor need not touch malloc. That is why no JSON library is used: one that builds trees turns
 * 3.10 into 3.1 and stops at 2^63. A test compares this reader with jansson over many texts, as an independent judge.
 *
 * A `struct json` points into text that json_check() has found to be well formed; it owns nothing. The
 * other functions trust that and are total: a wrong type is an answer, not an error.
 */
#ifndef KT_BASE_JSON_H
#define KT_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum json_type { JSON_NONE, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* How deep arrays and objects may nest. */
#define JSON_DEPTH_MAX 128

/* The text of one value, without white space around it. */
struct json {
    const char *p;
    size_t len;
};

/* Reads one value, white space allowed around it, and nothing behind. Returns 0 and the value, or -1 with
 * `*ret_at` (may be NULL) the offset of the first byte that is wrong. Strings must be UTF-8. */
int json_check(const char *text, size_t len, struct json *ret, size_t *ret_at);

enum json_type json_type(struct json v);

/* Walks the elements of an array or the members of an object:
 *     struct json_iter it = json_iter(v);
 *     while (json_next(&it)) … it.key (still escaped, with quotes; objects only), it.value */
struct json_iter {
    const char *p, *end;
    bool object;
    struct json key, value;
};
struct json_iter json_iter(struct json v);
bool json_next(struct json_iter *it);

/* The member `key` of an object; type JSON_NONE if there is none. The last of two alike wins. */
struct json json_get(struct json object, const char *key);
/* Number of elements or members. */
size_t json_count(struct json v);

/* An integer without fraction or exponent that fits exactly; false otherwise. */
bool json_i64(struct json v, int64_t *ret);
bool json_u64(struct json v, uint64_t *ret);
/* Any number; rounded as strtod does. False if it is no number or overflows to infinity. */
bool json_double(struct json v, double *ret);
/* Appends a string's text, unescaped, to `b`. False if `v` is no string. */
bool json_unescape(struct json v, struct buf *b);
/* Whether a string's unescaped text equals `text`. */
bool json_equals(struct json v, const char *text);
/* Appends `v` without white space between its tokens. */
void json_compact(struct json v, struct buf *b);
/* Appends the shortest decimal text that reads back as `d`; "null" is never written: NaN and infinities
 * become the strings "nan", "inf", "-inf". */
void json_add_double(struct buf *b, double d);

#endif
