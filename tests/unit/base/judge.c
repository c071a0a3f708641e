/* See judge.h. */
#include "judge.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

static void put(struct buf *b, json_t *v)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_integer(v)) {
        buf_printf(b, "i%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (json_is_real(v)) {
        buf_printf(b, "r%.17g", json_real_value(v));
    } else if (json_is_string(v)) {
        buf_add_char(b, 's');
        buf_add_json(b, (struct slice){json_string_value(v), json_string_length(v)});
    } else if (json_is_array(v)) {
        buf_add_char(b, '[');
        json_array_foreach(v, i, member) put(b, member);
        buf_add_char(b, ']');
    } else if (json_is_object(v)) {
        buf_add_char(b, '{');
        json_object_foreach(v, key, member)
        {
            buf_add_json(b, slice_str(key));
            put(b, member);
        }
        buf_add_char(b, '}');
    } else {
        buf_add_str(b, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
    }
}

enum judgement judge(const char *text, size_t len, struct buf *line, char why[200])
{
    json_error_t error;
    json_t *v = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!v) {
        snprintf(why, 200, "%s", error.text);
        bool cannot = strstr(why, "too big") || strstr(why, "overflow") || strstr(why, "duplicate") ||
                      strstr(why, "NUL byte in object key");
        return cannot ? NOT_JUDGED : JUDGED_BAD;
    }
    put(line, v);
    json_decref(v);
    return JUDGED_GOOD;
}
