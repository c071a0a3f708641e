/* Placeholders: what is parsed, what they name, and what they become. */
#include "base/mem.h"
#include "jobfile/template.h"

#include "unit/unit.h"

static const char *const names[] = {"x", "f", "s"};

static void expands(const char *text, const char *expected)
{
    static const struct slice args[] = {{"3.10", 4}, {"\"data/a.tar.gz\"", 15}, {"\"${x} \\u00e9\"", 13}};
    const struct template_values values = {args, 3, 12345678901, "cubes-1", 2, 7, 2147483647};
    const char *problem = NULL;
    int offset;
    CLEANUP_BUF struct buf out = {0};
    struct template *t = template_parse(text, &problem, &offset);
    assert_null(problem);
    assert_null(template_resolve(t, names, 3));
    template_expand(t, &values, &out);
    assert_string_equal(buf_cstr(&out), expected);
    template_free(t);
}

static void test_expand(void **state)
{
    (void)state;
    expands("", "");
    expands("plain $ text } {", "plain $ text } {");
    expands("${x}", "3.10");
    expands("a${x}b${x}", "a3.10b3.10");
    expands("${f.name}|${f.stem}|${f.ext}|${f.dir}|${f}", "a.tar.gz|a.tar|gz|data|data/a.tar.gz");
    expands("${task} ${run} ${attempt} ${slot} ${seed}", "12345678901 cubes-1 2 7 2147483647");
    expands("${x:08}|${x:8}|${x:1}", "00003.10|    3.10|3.10");
    expands("$${x} $$ $$x $$$${x} $$$${ $$${x}", "${x} $$ $$x $${x} $${ $3.10");
    /* What a value holds is never looked at again. */
    expands("${s}${s:8}", "${x} \xc3\xa9  ${x} \xc3\xa9");
}

static void expand_path(const char *json, const char *expected)
{
    const char *const name[] = {"p"};
    struct slice arg = slice_str(json);
    const struct template_values values = {&arg, 1, 0, "r-1", 1, 0, 0};
    const char *problem;
    int offset;
    CLEANUP_BUF struct buf out = {0};
    struct template *t = template_parse("${p.name}|${p.stem}|${p.ext}|${p.dir}", &problem, &offset);
    assert_null(template_resolve(t, name, 1));
    template_expand(t, &values, &out);
    assert_string_equal(buf_cstr(&out), expected);
    template_free(t);
}

static void test_paths(void **state)
{
    (void)state;
    expand_path("\"a.png\"", "a.png|a|png|.");
    expand_path("\"/a.png\"", "a.png|a|png|/");
    expand_path("\"/d/e/a\"", "a|a||/d/e");
    expand_path("\"d//a.b.c\"", "a.b.c|a.b|c|d");
    expand_path("\".bashrc\"", ".bashrc|.bashrc||.");
    expand_path("\"d.e/a\"", "a|a||d.e");
    expand_path("\"d/e/\"", "e|e||d");
    expand_path("\"/\"", "/|/||/");
    expand_path("\"\"", "|||.");
    expand_path("\"a.\"", "a.|a||.");
    expand_path("3.5", "3.5|3|5|.");
}

static void test_signs(void **state)
{
    (void)state;
    const char *const name[] = {"n"};
    struct slice arg = slice_str("-7");
    const struct template_values values = {&arg, 1, 0, "r-1", 1, 0, 0};
    const char *problem;
    int offset;
    CLEANUP_BUF struct buf out = {0};
    struct template *t = template_parse("${n:04}|${n:4}|${n:02}", &problem, &offset);
    assert_null(template_resolve(t, name, 1));
    template_expand(t, &values, &out);
    assert_string_equal(buf_cstr(&out), "-007|  -7|-7");
    template_free(t);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int offset;
    } bad[] = {{"${", 0},      {"ab${x", 2},    {"${}", 0},     {"${ x}", 0},   {"${x }", 0},   {"${x.}", 0},
               {"${x.y}", 0},  {"a${x:}", 1},   {"${x:0}", 0},  {"${x:-3}", 0}, {"${x:101}", 0}, {"${x:99999999999999}", 0},
               {"${x+1}", 0},  {"$${a}${b", 5}, {"${x.name.stem}", 0}, {"${-x}", 0}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *problem = NULL;
        int offset = -1;
        assert_null(template_parse(bad[i].text, &problem, &offset));
        assert_non_null(problem);
        assert_int_equal(offset, bad[i].offset);
    }
}

static void test_resolve(void **state)
{
    (void)state;
    static const char *const positional[] = {NULL, NULL};
    const char *problem;
    int offset;
    struct template *t = template_parse("a ${1} ${2} ${3} ${seed}", &problem, &offset);
    const struct piece *unknown = template_resolve(t, positional, 2);
    assert_non_null(unknown);
    assert_string_equal(unknown->name, "3");
    assert_int_equal(unknown->offset, 12);
    assert_true(template_uses(t, PIECE_ARG, 1));
    assert_false(template_uses(t, PIECE_ARG, 2));
    assert_true(template_uses(t, PIECE_SEED, 0));
    assert_false(template_uses(t, PIECE_TASK, 0));
    assert_false(template_is_fixed(t));
    template_free(t);

    /* An argument's name hides ours. */
    static const char *const hiding[] = {"seed"};
    t = template_parse("${seed}", &problem, &offset);
    assert_null(template_resolve(t, hiding, 1));
    assert_false(template_uses(t, PIECE_SEED, 0));
    template_free(t);
    t = template_parse("$${x}", &problem, &offset);
    assert_true(template_is_fixed(t));
    template_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),    cmocka_unit_test(test_paths),   cmocka_unit_test(test_signs),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_resolve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
