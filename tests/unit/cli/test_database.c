/* Commands as they are printed, and what is left of a run. */
#include "cli/database.h"

#include <stdlib.h>

#include "unit/unit.h"

static void assert_command(const char *db, const char *verb, const char *run, const char *more, const char *expected)
{
    struct options options = {.db = db, .db_is_default = strcmp(db, DB_DEFAULT) == 0};
    char *line = command_line(&options, verb, run, more);
    assert_string_equal(line, expected);
    free(line);
}

static void test_commands(void **state)
{
    (void)state;
    assert_command(DB_DEFAULT, "resume", "cubes-1", NULL, "ktbatch resume cubes-1");
    assert_command(DB_DEFAULT, "list", NULL, NULL, "ktbatch list");
    assert_command("/tmp/x.db", "retry", "cubes-1", NULL, "ktbatch retry cubes-1 --db /tmp/x.db");
    assert_command("my runs.db", "apply", "a b.yaml", "--rerun", "ktbatch apply 'a b.yaml' --rerun --db 'my runs.db'");
    assert_command(DB_DEFAULT, "apply", "it's.yaml", NULL, "ktbatch apply 'it'\\''s.yaml'");
    assert_command(DB_DEFAULT, "apply", "$(x)", NULL, "ktbatch apply '$(x)'");
}

static void test_rest(void **state)
{
    (void)state;
    static const struct {
        struct run_info run;
        enum run_rest rest;
    } cases[] = {
        {{.state = RUN_RUNNING, .tasks = 3, .done = 3}, REST_OPEN},
        {{.state = RUN_INTERRUPTED, .tasks = 3, .done = 1}, REST_OPEN},
        {{.state = RUN_DONE, .tasks = 3, .done = 3}, REST_NONE},
        {{.state = RUN_FAILED, .tasks = 3, .done = 2, .failed = 1}, REST_FAILURES},
        {{.state = RUN_FAILED, .tasks = 3, .done = 1, .failed = 1}, REST_OPEN},
        {{.state = RUN_CANCELLED, .tasks = 3, .done = 1, .cancelled = 2}, REST_CANCELLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rest_of(&cases[i].run), cases[i].rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_commands), cmocka_unit_test(test_rest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
