/* Command lines cut into words. */
#include "base/buf.h"
#include "base/mem.h"
#include "jobfile/shellwords.h"

#include "unit/unit.h"

/* `expected` has the words with "|" behind each. */
static void splits(const char *line, const char *expected)
{
    struct shellwords words;
    const char *problem;
    int offset;
    CLEANUP_BUF struct buf got = {0};
    assert_int_equal(shellwords_split(line, &words, &problem, &offset), 0);
    for (int i = 0; i < words.n; i++)
        buf_printf(&got, "%s|", words.list[i].text);
    assert_string_equal(buf_cstr(&got), expected);
    shellwords_done(&words);
}

static void test_words(void **state)
{
    (void)state;
    splits("", "");
    splits("  \t\n ", "");
    splits("a", "a|");
    splits("  a  b\tc\nd ", "a|b|c|d|");
    splits("'a b' c", "a b|c|");
    splits("a'b c'd", "ab cd|");
    splits("'' \"\" a''", "||a|");
    splits("\"a 'b' c\"", "a 'b' c|");
    splits("'a \"b\" \\c'", "a \"b\" \\c|");
    splits("\"a\\\"b\\\\c\\d\\$e\"", "a\"b\\c\\d$e|");
    splits("a\\ b \\'c \\\\", "a b|'c|\\|");
    splits("a\\\nb", "ab|");
    splits("a \\\n  b", "a|b|");
    splits("${x} $y \\${x} \"\\${x}\" '${x}'", "${x}|$y|$${x}|$${x}|${x}|");
    splits("*.c ~ `x` # y", "*.c|~|`x`|#|y|");
    splits("\xc3\xa9\xc3\xa8 b", "\xc3\xa9\xc3\xa8|b|");
}

static void test_operators(void **state)
{
    (void)state;
    struct shellwords words;
    const char *problem;
    int offset;
    assert_int_equal(shellwords_split("a | b '>' 2>&1 a|b", &words, &problem, &offset), 0);
    assert_int_equal(words.n, 6);
    static const bool expected[] = {false, true, false, false, true, false};
    static const int offsets[] = {0, 2, 4, 6, 10, 15};
    for (int i = 0; i < words.n; i++) {
        assert_int_equal(words.list[i].shell, expected[i]);
        assert_int_equal(words.list[i].offset, offsets[i]);
    }
    shellwords_done(&words);
}

static void test_expansions(void **state)
{
    (void)state;
    static const char *const shell[] = {"*.c", "a*", "~", "~/x", "$HOME", "a$x", "$(ls)", "`ls`", "\"$HOME\"", "\"`ls`\"", "'a'*"};
    static const char *const plain[] = {"'*.c'", "\"*.c\"", "\\*.c", "a~", "'$HOME'", "\\$HOME", "\"\\$HOME\"", "$5", "$", "${x}", "a?b=c", "\"~\""};
    for (size_t i = 0; i < sizeof shell / sizeof *shell + sizeof plain / sizeof *plain; i++) {
        bool wanted = i < sizeof shell / sizeof *shell;
        struct shellwords words;
        const char *problem, *line = wanted ? shell[i] : plain[i - sizeof shell / sizeof *shell];
        int offset;
        assert_int_equal(shellwords_split(line, &words, &problem, &offset), 0);
        assert_int_equal(words.n, 1);
        if (words.list[0].shell != wanted)
            fail_msg("%s", line);
        shellwords_done(&words);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int offset;
    } bad[] = {{"a 'b", 2}, {"a \"b", 2}, {"a b\\", 3}, {"'", 0}, {"\"\\\"", 0}, {"a'b'\"c", 4}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct shellwords words;
        const char *problem = NULL;
        int offset = -1;
        assert_int_equal(shellwords_split(bad[i].line, &words, &problem, &offset), -1);
        assert_non_null(problem);
        assert_int_equal(offset, bad[i].offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_expansions),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
