/* `lines` arguments: what counts as a line, what is refused and where, and a run that is taken up again. */
#include "base/files.h"
#include "unit/plan/plan_fixture.h"

#define ECHO "task: {command: [echo]}\n"

static char folder[] = "/tmp/ktbatch-test-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct err err;
    (void)state;
    return path_remove(folder, &err);
}

static void put(const char *name, const char *text, size_t len)
{
    struct err err;
    CLEANUP_FREE char *path = path_join(folder, name);
    assert_int_equal(file_replace(path, text, len, 0600, &err), 0);
}

#define PUT(name, text) put(name, "" text, sizeof text - 1)

static void load(struct fixture *f, const char *args)
{
    CLEANUP_FREE char *yaml = mem_printf(ECHO "%s", args);
    fixture_load(f, yaml, folder, NULL);
}

static void test_reads(void **state)
{
    (void)state;
    struct fixture f;
    PUT("a.txt", "\xef\xbb\xbf" "one\r\n\n  \t\r\n two \"x\"\\\n\xc3\xa9\r\rz\n\nlast");
    load(&f, "args: {n: [1, 2], x: {lines: a.txt}}\n");
    assert_non_null(f.plan);
    assert_int_equal(plan_tasks(f.plan), 8);
    assert_int_equal(plan_arg(f.plan, 1).form, PLAN_LISTED);
    assert_string_equal(list_of(&f, 1), "\"one\" \" two \\\"x\\\"\\\\\" \"\xc3\xa9\\r\\rz\" \"last\"");
    assert_string_equal(args_of(&f, 7), "{\"n\":2,\"x\":\"last\"}");
    fixture_done(&f);
}

static void refused(const char *args, const char *wanted)
{
    struct fixture f;
    load(&f, args);
    assert_null(f.plan);
    if (!strstr(buf_cstr(&f.text), wanted))
        assert_string_equal(buf_cstr(&f.text), wanted);
    fixture_done(&f);
}

static void test_refuses(void **state)
{
    (void)state;
    PUT("empty.txt", "");
    PUT("blank.txt", "\r\n  \n\t\n");
    PUT("latin.txt", "a\nb\nc\xe9\n");
    PUT("nul.txt", "a\nb\0c\n");
    PUT("two.txt", "a\nb\n");
    refused("args: {x: {lines: none.txt}}\n", "/none.txt: No such file or directory");
    refused("args: {x: {lines: .}}\n", "Is a directory");
    refused("args: {x: {lines: empty.txt}}\n", "/empty.txt: no lines but blank ones");
    refused("args: {x: {lines: blank.txt}}\n", "/blank.txt: no lines but blank ones");
    refused("args: {x: {lines: latin.txt}}\n", "/latin.txt:3: the byte 0xe9 is not UTF-8");
    refused("args: {x: {lines: nul.txt}}\n", "/nul.txt:2: a NUL byte");
    refused("args: {y: [1, 2, 3], x: {lines: two.txt}}\nzip: [[x, y]]\n",
            "`x` has 2 values and `y` 3, but `zip` ties them together");
    refused("args: [{lines: two.txt}, [1, 2, 3]]\nzip: [[1, 2]]\n", "argument 2 has 3 values and argument 1 2,");
}

/* More bytes than the limit (a hole in the file, so that it takes no room), and more lines. */
static void test_limits(void **state)
{
    (void)state;
    CLEANUP_FREE char *path = path_join(folder, "big.txt");
    PUT("big.txt", "a\n");
    assert_int_equal(truncate(path, (off_t)JOB_LINES_BYTES_MAX + 1), 0);
    refused("args: {x: {lines: big.txt}}\n", "/big.txt: larger than the limit of 1073741824 bytes");
    size_t len = 2 * ((size_t)JOB_LISTED_MAX + 1);
    CLEANUP_FREE char *text = mem_alloc(len);
    for (size_t i = 0; i < len; i++)
        text[i] = i % 2 ? '\n' : 'x';
    put("big.txt", text, len);
    refused("args: {x: {lines: big.txt}}\n", "/big.txt: more than 10000000 lines");
}

/* Every file that is wrong is named, and each problem stands at its argument. */
static void test_places(void **state)
{
    (void)state;
    struct fixture f;
    PUT("two.txt", "a\nb\n");
    load(&f, "args:\n  x: {lines: none.txt}\n  y: {lines: nowhere.txt}\n");
    assert_null(f.plan);
    assert_non_null(strstr(buf_cstr(&f.text), "test.yaml:3:"));
    assert_non_null(strstr(f.text.data, "test.yaml:4:"));
    fixture_done(&f);
    load(&f, "args:\n  x: {repeat: 4611686018427387904}\n  y: {lines: two.txt}\n  z: [1]\n");
    assert_null(f.plan);
    assert_non_null(strstr(buf_cstr(&f.text), "test.yaml:4:6: with this argument there are more than 2^62 tasks"));
    assert_null(strstr(f.text.data, "test.yaml:5:6: with this argument"));
    fixture_done(&f);
}

/* Keeps values as the state database does. */
static int kept_lines(void *ctx, int arg, struct buf *ret, struct err *err)
{
    const char *text = ctx;
    if (!text)
        return err_set(err, ERR_SYSTEM, "the database is gone");
    assert_int_equal(arg, 1);
    buf_add_str(ret, text);
    return 0;
}

static void test_identity_and_source(void **state)
{
    (void)state;
    static const char yaml[] = ECHO "args: {n: [1], x: {lines: c.txt}}\n";
    struct fixture f, again;
    char kept[] = "\"a\"\n\"b c\"\n", other[] = "\"a\"\n\"b\"\n";
    PUT("c.txt", "a\r\nb c\r\n");
    fixture_load(&f, yaml, folder, NULL);
    assert_int_equal(strlen(plan_identity(f.plan)), 64);
    PUT("c.txt", "a\n\nb c");
    fixture_load(&again, yaml, folder, NULL);
    assert_string_equal(plan_identity(f.plan), plan_identity(again.plan));
    fixture_done(&again);
    PUT("c.txt", "something else");
    fixture_load(&again, yaml, folder, &(struct plan_source){kept_lines, kept});
    assert_string_equal(plan_identity(f.plan), plan_identity(again.plan));
    assert_string_equal(args_of(&again, 1), "{\"n\":1,\"x\":\"b c\"}");
    fixture_done(&again);
    fixture_load(&again, yaml, folder, &(struct plan_source){kept_lines, other});
    assert_string_not_equal(plan_identity(f.plan), plan_identity(again.plan));
    fixture_done(&again);
    fixture_load(&again, yaml, folder, &(struct plan_source){kept_lines, NULL});
    assert_null(again.plan);
    assert_non_null(strstr(buf_cstr(&again.text), "the database is gone"));
    fixture_done(&again);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads), cmocka_unit_test(test_refuses), cmocka_unit_test(test_places),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_identity_and_source),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
