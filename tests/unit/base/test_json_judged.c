/* The reader of JSON text and jansson must agree: on what is JSON, and on what it says. Texts are made from a grammar and then
 * damaged, by a generator of fixed seed. */
#include "base/json.h"
#include "base/mem.h"
#include "judge.h"

#include "unit/unit.h"

#define TEXTS 60000

static uint64_t seed = 88172645463325252u;

static unsigned any(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static void make_value(struct buf *b, int depth);

static void make_string(struct buf *b)
{
    static const char *const pieces[] = {"a", "key", " ", "\xc3\xa9", "\xf0\x9f\x98\x80",
                                         "\\n", "\\u00e9", "\\ud83d\\ude00", "\\\"", "\\/"};
    buf_add_char(b, '"');
    for (unsigned n = any(4); n > 0; n--)
        buf_add_str(b, pieces[any(ARRAY_LEN(pieces))]);
    buf_add_char(b, '"');
}

static void make_members(struct buf *b, int depth, bool object)
{
    buf_add_char(b, object ? '{' : '[');
    for (unsigned n = any(4), i = 0; i < n; i++) {
        if (i)
            buf_add_str(b, any(3) ? "," : " ,\n");
        if (object) {
            buf_printf(b, "\"k%u\":", i);
        }
        make_value(b, depth + 1);
    }
    buf_add_char(b, object ? '}' : ']');
}

static void make_value(struct buf *b, int depth)
{
    static const char *const scalars[] = {"0", "-1", "3.25", "1e3", "-2.5E-2",
                                          "9223372036854775807", "true", "false", "null", "\"\""};
    unsigned kind = any(depth > 4 ? 2 : 4);
    if (kind == 0)
        buf_add_str(b, scalars[any(ARRAY_LEN(scalars))]);
    else if (kind == 1)
        make_string(b);
    else
        make_members(b, depth, kind == 2);
}

static void damage(struct buf *b)
{
    static const char bytes[] = "{}[]\",:\\0-.eE+ tnu\x01\xff\xc3";
    for (unsigned n = any(3); n > 0 && b->len; n--)
        b->data[any((unsigned)b->len)] = bytes[any(sizeof bytes - 1)];
    if (any(4) == 0 && b->len)
        b->len = any((unsigned)b->len);
}

/* The same line as the judge's, from our reader. */
static void put(struct buf *b, struct json v)
{
    CLEANUP_BUF struct buf text = {0};
    int64_t n;
    double d;
    enum json_type type = json_type(v);
    if (type == JSON_NUMBER && json_i64(v, &n)) {
        buf_printf(b, "i%lld", (long long)n);
    } else if (type == JSON_NUMBER) {
        assert_true(json_double(v, &d));
        buf_printf(b, "r%.17g", d);
    } else if (type == JSON_STRING) {
        assert_true(json_unescape(v, &text));
        buf_add_char(b, 's');
        buf_add_json(b, buf_slice(&text));
    } else if (type == JSON_ARRAY || type == JSON_OBJECT) {
        struct json_iter it = json_iter(v);
        buf_add_char(b, type == JSON_ARRAY ? '[' : '{');
        while (json_next(&it)) {
            if (type == JSON_OBJECT) {
                buf_clear(&text);
                assert_true(json_unescape(it.key, &text));
                buf_add_json(b, buf_slice(&text));
            }
            put(b, it.value);
        }
        buf_add_char(b, type == JSON_ARRAY ? ']' : '}');
    } else {
        buf_add(b, v.p, v.len);
    }
}

static void test_agrees(void **state)
{
    int good = 0, bad = 0;
    (void)state;
    for (int i = 0; i < TEXTS; i++) {
        CLEANUP_BUF struct buf b = {0}, line = {0}, judged = {0};
        struct json v;
        char why[200] = "it takes it";
        make_value(&b, 0);
        if (i % 2)
            damage(&b);
        bool ours = json_check(buf_cstr(&b), b.len, &v, NULL) == 0;
        enum judgement verdict = judge(b.data, b.len, &judged, why);
        if (verdict == NOT_JUDGED)
            continue;
        if (ours != (verdict == JUDGED_GOOD))
            fail_msg("we %s it, jansson: %s: %s", ours ? "take" : "refuse", why, buf_cstr(&b));
        if (ours) {
            put(&line, v);
            assert_string_equal(buf_cstr(&line), buf_cstr(&judged));
        }
        good += ours;
        bad += !ours;
    }
    assert_true(good > TEXTS / 4 && bad > TEXTS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
