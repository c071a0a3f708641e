/* Options: what each becomes, in which order, and what is said of one that is wrong. */
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#include "unit/unit.h"

#define ALL (~0ul)

static int parse(struct options *ret, struct err *err, unsigned long allowed, const char *const *words)
{
    static char copies[16][64];
    static char *argv[17];
    int argc = 0;
    for (; words[argc]; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    return options_parse(argc, argv, allowed, ret, err);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(unsigned long allowed, const char *const *words, const char *text)
{
    struct options options;
    struct err err = ERR_INIT;
    assert_int_equal(parse(&options, &err, allowed, words), -1);
    assert_int_equal(err.class, ERR_USAGE);
    assert_string_equal(err.text, text);
}

static void test_words_and_switches_mix(void **state)
{
    (void)state;
    struct options o;
    struct err err;
    assert_int_equal(parse(&o, &err, ALL, WORDS("apply", "a.yaml", "--rerun", "--tasks=0-2", "-q", "b")), 0);
    assert_int_equal(o.n_words, 2);
    assert_string_equal(o.words[0], "a.yaml");
    assert_string_equal(o.words[1], "b");
    assert_true(o.rerun && o.quiet && !o.watch);
    assert_string_equal(o.tasks, "0-2");
    options_done(&o);
}

static void test_flags_become_sets_in_order(void **state)
{
    (void)state;
    struct options o;
    struct err err;
    assert_int_equal(parse(&o, &err, ALL, WORDS("apply", "--parallelism", "4", "--set", "parallelism=5", "-j6",
                                                "--backend", "true", "--timeout=5m", "f")), 0);
    static const char *const sets[] = {"parallelism=4", "parallelism=5", "parallelism=6", "backend=\"true\"", "timeout=\"5m\""};
    assert_int_equal(o.sets.n, (int)ARRAY_LEN(sets));
    for (int i = 0; i < o.sets.n; i++)
        assert_string_equal(o.sets.list[i], sets[i]);
    options_done(&o);
}

static void test_database(void **state)
{
    (void)state;
    struct options o;
    struct err err;
    unsetenv("KTBATCH_DB");
    assert_int_equal(parse(&o, &err, ALL, WORDS("list")), 0);
    assert_string_equal(o.db, DB_DEFAULT);
    assert_true(o.db_is_default);
    setenv("KTBATCH_DB", "env.db", 1);
    assert_int_equal(parse(&o, &err, ALL, WORDS("list")), 0);
    assert_string_equal(o.db, "env.db");
    assert_false(o.db_is_default);
    assert_int_equal(parse(&o, &err, ALL, WORDS("list", "--db", "flag.db")), 0);
    assert_string_equal(o.db, "flag.db");
    setenv("KTBATCH_DB", "", 1);
    assert_int_equal(parse(&o, &err, ALL, WORDS("list")), 0);
    assert_string_equal(o.db, DB_DEFAULT);
}

static void test_formats(void **state)
{
    (void)state;
    struct options o;
    struct err err;
    for (int i = 0; i < OUTPUT_FORMATS; i++) {
        assert_int_equal(parse(&o, &err, ALL, WORDS("list", "-o", output_format_names[i])), 0);
        assert_int_equal(o.format, i);
    }
    assert_refused(ALL, WORDS("list", "-o", "xml"), "--output xml: a format is table, json, jsonl or csv");
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused(ALL, WORDS("apply", "--paralelism", "3"), "unknown option --paralelism; did you mean --parallelism?");
    assert_refused(ALL, WORDS("apply", "--bananas=3"), "unknown option --bananas; see: ktbatch apply --help");
    assert_refused(ALL, WORDS("apply", "x", "-z"), "unknown option -z; see: ktbatch apply --help");
    assert_refused(ALL, WORDS("apply", "--db"), "--db needs a value: --db PATH");
    assert_refused(ALL, WORDS("apply", "-o"), "--output needs a value: --output FORMAT");
    assert_refused(ALL, WORDS("apply", "--rerun=yes"), "--rerun takes no value");
    assert_refused(ALL, WORDS("apply", "--set", "x"), "--set x: write --set KEY=VALUE, such as --set parallelism=4");
    assert_refused(ALL, WORDS("logs", "--attempt", "0"), "--attempt 0: attempts are counted from 1");
    assert_refused(ALL, WORDS("list", "--db", ""), "--db: the path is empty");
    /* An option of another command is unknown here. */
    assert_refused(OPTION_BIT(OPTION_DB), WORDS("list", "--rerun"), "unknown option --rerun; see: ktbatch list --help");
}

static void test_dashes_end_options(void **state)
{
    (void)state;
    struct options o;
    struct err err;
    assert_int_equal(parse(&o, &err, ALL, WORDS("apply", "--", "--rerun")), 0);
    assert_int_equal(o.n_words, 1);
    assert_false(o.rerun);
    assert_int_equal(parse(&o, &err, ALL, WORDS("apply", "-")), 0);
    assert_string_equal(o.words[0], "-");
    assert_int_equal(parse(&o, &err, 0, WORDS("apply", "--help")), 0);
    assert_true(o.help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_switches_mix), cmocka_unit_test(test_flags_become_sets_in_order),
        cmocka_unit_test(test_database),               cmocka_unit_test(test_formats),
        cmocka_unit_test(test_refusals),               cmocka_unit_test(test_dashes_end_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
