/* Values between JSON text and SQL, for results, result columns and listed arguments. */
#include "state/inside.h"

#include <ctype.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Most results are short whole numbers; this reads them faster than the general way. */
static bool short_integer(struct slice json, int64_t *ret)
{
    size_t i = json.len && json.p[0] == '-';
    if (json.len == i || json.len > 18 || (i && json.p[i] == '0'))
        return false;
    int64_t n = 0;
    for (size_t at = i; at < json.len; at++) {
        unsigned digit = (unsigned)json.p[at] - '0';
        if (digit > 9)
            return false;
        n = n * 10 + digit;
    }
    *ret = i ? -n : n;
    return true;
}

/* A number that is exact as a 64-bit integer, or one with fraction or exponent that a double holds. Integers beyond that,
 * and -0, stay text. */
static bool bind_number(struct db_stmt *stmt, int i, struct slice json)
{
    struct json value = {json.p, json.len};
    int64_t n;
    double d;
    if (json_i64(value, &n) && !(n == 0 && json.p[0] == '-')) {
        db_bind_i64(stmt, i, n);
        return false;
    }
    bool fraction = memchr(json.p, '.', json.len) || memchr(json.p, 'e', json.len) || memchr(json.p, 'E', json.len);
    if (fraction && json_double(value, &d)) {
        db_bind_real(stmt, i, d);
        return false;
    }
    db_bind_text(stmt, i, json);
    return true;
}

bool value_bind(struct db_stmt *stmt, int i, struct slice json, struct buf *scratch)
{
    struct json value = {json.p, json.len};
    int64_t n;
    if (short_integer(json, &n)) {
        db_bind_i64(stmt, i, n);
        return false;
    }
    switch (json_type(value)) {
    case JSON_NONE:
    case JSON_NULL:
        db_bind_null(stmt, i);
        return false;
    case JSON_NUMBER:
        return bind_number(stmt, i, json);
    case JSON_STRING:
        if (!memchr(json.p, '\\', json.len)) {
            db_bind_text(stmt, i, (struct slice){json.p + 1, json.len - 2});
            return false;
        }
        json_unescape(value, scratch);
        db_bind_text(stmt, i, buf_slice(scratch));
        return false;
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    db_bind_text(stmt, i, json);
    return true;
}

void value_json(struct db_stmt *stmt, int column, bool is_json, struct buf *out)
{
    switch (db_type(stmt, column)) {
    case DB_NULL:
        buf_add_str(out, "null");
        return;
    case DB_INT:
        buf_add_i64(out, db_i64(stmt, column));
        return;
    case DB_REAL:
        json_add_double(out, db_real(stmt, column));
        return;
    case DB_TEXT:
    case DB_BLOB:
        break;
    }
    if (is_json)
        buf_add_slice(out, db_slice(stmt, column));
    else
        buf_add_json(out, db_slice(stmt, column));
}

char *name_key(const char *name)
{
    char *key = mem_strdup(name);
    for (char *p = key; *p; p++)
        *p = *p == '-' ? '_' : (char)tolower((unsigned char)*p);
    return key;
}

char *state_view_name(const char *name)
{
    char *view = mem_strdup(name);
    for (char *p = view; *p; p++)
        if (*p == '-')
            *p = '_';
    return view;
}
