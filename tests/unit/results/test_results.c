/* results.jsonl after every kind of crash, failed.jsonl, files of tasks, and what tasks print. */
#include "unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "results/results.h"

static char folder[64];

static int setup(void **ctx)
{
    (void)ctx;
    strcpy(folder, "/tmp/ktbatch-results-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **ctx)
{
    struct err err = ERR_INIT;
    (void)ctx;
    return path_remove(folder, &err);
}

/* The bytes of a file in the folder, owned by the caller; NULL if there is none. */
static char *contents(const char *name)
{
    struct buf b = {0};
    struct err err = ERR_INIT;
    char *path = path_join(folder, name);
    int failed = file_read(path, 1 << 24, &b, &err);
    free(path);
    if (failed) {
        buf_done(&b);
        return NULL;
    }
    return buf_steal(&b);
}

static void assert_contents(const char *name, const char *expected)
{
    char *text = contents(name);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void put(const char *name, const char *text)
{
    struct err err = ERR_INIT;
    char *path = path_join(folder, name);
    assert_int_equal(file_replace(path, text, strlen(text), 0666, &err), 0);
    free(path);
}

static struct results *open_results(int64_t committed, bool *damaged)
{
    struct err err = ERR_INIT;
    struct results *r = NULL;
    int result = results_open(folder, committed, &r, damaged, &err);
    if (result)
        fail_msg("%s", err.text);
    return r;
}

static void close_results(struct results *r)
{
    struct err err = ERR_INIT;
    assert_int_equal(results_close(r, &err), 0);
}

static void test_lines(void **ctx)
{
    struct buf b = {0};
    (void)ctx;
    results_line(&b, 3, slice_str("{\"x\":4}"), slice_str("64"));
    results_failed_line(&b, 12, slice_str("[1]"), "exit", slice_str("exit 1: \"no\"\n\xff"));
    assert_string_equal(buf_cstr(&b), "{\"task\":3,\"args\":{\"x\":4},\"result\":64}\n"
                                      "{\"task\":12,\"args\":[1],\"error\":{\"class\":\"exit\",\"message\":"
                                      "\"exit 1: \\\"no\\\"\\n\xef\xbf\xbd\"}}\n");
    buf_done(&b);
}

static void test_append(void **ctx)
{
    struct err err = ERR_INIT;
    bool damaged = true;
    int64_t length;
    (void)ctx;
    struct results *r = open_results(0, &damaged);
    assert_false(damaged);
    assert_int_equal(results_append(r, slice_str("{\"a\":1}\n"), &length, &err), 0);
    assert_int_equal(length, 8);
    assert_int_equal(results_append(r, slice_str("{\"b\":2}\n"), &length, &err), 0);
    assert_int_equal(length, 16);
    assert_int_equal(results_length(r), 16);
    close_results(r);
    assert_contents("results.jsonl", "{\"a\":1}\n{\"b\":2}\n");
}

/* Lines that were written but not committed go; appending goes on in their place. */
static void test_cut(void **ctx)
{
    struct err err = ERR_INIT;
    bool damaged = true;
    int64_t length;
    (void)ctx;
    put("results.jsonl", "{\"a\":1}\n{\"b\":2}\n{\"c\":");
    struct results *r = open_results(8, &damaged);
    assert_false(damaged);
    assert_contents("results.jsonl", "{\"a\":1}\n");
    assert_int_equal(results_append(r, slice_str("{\"d\":4}\n"), &length, &err), 0);
    close_results(r);
    assert_contents("results.jsonl", "{\"a\":1}\n{\"d\":4}\n");
}

static void rewrite(struct results *r)
{
    struct err err = ERR_INIT;
    int64_t length;
    assert_int_equal(results_rewrite_begin(r, &err), 0);
    assert_int_equal(results_rewrite_add(r, slice_str("{\"a\":1}\n"), &err), 0);
    assert_int_equal(results_rewrite_add(r, slice_str("{\"b\":2}\n"), &err), 0);
    assert_int_equal(results_rewrite_end(r, &length, &err), 0);
    assert_int_equal(length, 16);
    assert_int_equal(results_append(r, slice_str("{\"c\":3}\n"), &length, &err), 0);
    assert_int_equal(length, 24);
}

/* Too short, or committed to the middle of a line: to be written anew. */
static void test_damaged(void **ctx)
{
    static const char *const left[] = {"", "{\"a\":1}\n", "{\"a\":1}\n{\"b\":2} and more"};
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        bool damaged = false;
        put("results.jsonl", left[i]);
        struct results *r = open_results(16, &damaged);
        assert_true(damaged);
        rewrite(r);
        close_results(r);
        assert_contents("results.jsonl", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
    }
}

/* A rewriting that is given up leaves the old file and nothing else. */
static void test_rewrite_dropped(void **ctx)
{
    struct err err = ERR_INIT;
    bool damaged;
    struct stat st;
    (void)ctx;
    put("results.jsonl", "{\"a\":1}\n");
    struct results *r = open_results(8, &damaged);
    assert_int_equal(results_rewrite_begin(r, &err), 0);
    assert_int_equal(results_rewrite_add(r, slice_str("x\n"), &err), 0);
    close_results(r);
    assert_contents("results.jsonl", "{\"a\":1}\n");
    assert_int_equal(stat(folder, &st), 0);
    char *temporary = mem_printf("%s/tmp", folder);
    assert_false(path_exists(temporary));
    free(temporary);
}

static void test_failed(void **ctx)
{
    struct err err = ERR_INIT;
    bool damaged;
    (void)ctx;
    struct results *r = open_results(0, &damaged);
    assert_int_equal(results_write_failed(r, slice_str(""), &err), 0);
    assert_null(contents("failed.jsonl"));
    assert_int_equal(results_write_failed(r, slice_str("{}\n"), &err), 0);
    assert_contents("failed.jsonl", "{}\n");
    assert_int_equal(results_write_failed(r, slice_str(""), &err), 0);
    assert_null(contents("failed.jsonl"));
    close_results(r);
}

static void test_task_files(void **ctx)
{
    struct err err = ERR_INIT;
    bool damaged;
    char *path;
    (void)ctx;
    struct results *r = open_results(0, &damaged);
    assert_int_equal(results_task_file(r, 17, "result.json", slice_str("[1,2]"), &path, &err), 0);
    assert_string_equal(path, "tasks/17/result.json");
    assert_contents(path, "[1,2]");
    free(path);
    assert_int_equal(results_per_task(r, 17, slice_str("{\"task\":17}\n"), &err), 0);
    assert_contents("tasks/17.json", "{\"task\":17}\n");
    close_results(r);
}

static void add(struct output_sink *s, const char *text)
{
    struct err err = ERR_INIT;
    assert_int_equal(output_sink_add(s, slice_str(text), &err), 0);
}

static void assert_end(struct output_sink *s, const char *tail, int64_t bytes)
{
    struct err err = ERR_INIT;
    struct slice got;
    int64_t n;
    assert_int_equal(output_sink_end(s, &got, &n, &err), 0);
    assert_int_equal(got.len, strlen(tail));
    assert_memory_equal(got.p, tail, got.len);
    assert_int_equal(n, bytes);
    output_sink_free(s);
}

static void test_output_small(void **ctx)
{
    (void)ctx;
    struct output_sink *s = output_sink_new(folder, 1, "stdout", 8);
    assert_end(s, "", 0);
    s = output_sink_new(folder, 1, "stdout", 8);
    add(s, "1234");
    add(s, "");
    add(s, "5678");
    assert_end(s, "12345678", 8);
    assert_null(contents("tasks/1/stdout"));
}

static void test_output_large(void **ctx)
{
    (void)ctx;
    struct output_sink *s = output_sink_new(folder, 2, "stderr", 8);
    for (int i = 0; i < 10; i++)
        add(s, "abc");
    add(s, "0123456789");
    add(s, "x");
    assert_null(contents("tasks/2/stderr"));
    assert_end(s, "3456789x", 41);
    assert_contents("tasks/2/stderr", "abcabcabcabcabcabcabcabcabcabc0123456789x");
    s = output_sink_new(folder, 3, "stdout", 8);
    add(s, "all in one piece");
    assert_end(s, "ne piece", 16);
    assert_contents("tasks/3/stdout", "all in one piece");
}

static void test_output_dropped(void **ctx)
{
    (void)ctx;
    struct output_sink *s = output_sink_new(folder, 4, "stdout", 2);
    add(s, "more than two");
    output_sink_free(s);
    output_sink_free(NULL);
    char *dir = path_join(folder, "tmp");
    assert_int_equal(rmdir(dir), 0);
    free(dir);
    assert_null(contents("tasks/4/stdout"));
}

/* The next attempt prints while the files of the one before are not in their place yet: each has its own, the last one stays. */
static void test_output_of_attempts(void **ctx)
{
    (void)ctx;
    struct output_sink *first = output_sink_new(folder, 5, "stdout", 2), *second = output_sink_new(folder, 5, "stdout", 2);
    add(first, "first");
    add(second, "sec");
    add(first, " attempt");
    add(second, "ond attempt");
    assert_end(first, "pt", 13);
    assert_contents("tasks/5/stdout", "first attempt");
    assert_end(second, "pt", 14);
    assert_contents("tasks/5/stdout", "second attempt");
}

/* What a killed runner has left unfinished goes when the results are closed by the next one. */
static void test_left_behind(void **ctx)
{
    struct err err = ERR_INIT;
    bool damaged;
    (void)ctx;
    char *dir = path_join(folder, "tmp");
    assert_int_equal(dir_make(dir, &err), 0);
    put("tmp/stdout-7", "half of it");
    close_results(open_results(0, &damaged));
    assert_false(path_exists(dir));
    free(dir);
}

static void test_errors(void **ctx)
{
    struct err err = ERR_INIT;
    struct results *r = NULL;
    bool damaged;
    (void)ctx;
    put("file", "x");
    char *path = path_join(folder, "file/run-1");
    assert_int_equal(results_open(path, 0, &r, &damaged, &err), -1);
    assert_int_equal(err.class, ERR_SYSTEM);
    assert_non_null(strstr(err.text, path));
    assert_null(r);
    free(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines),       TEST(test_append),       TEST(test_cut),          TEST(test_damaged),
        TEST(test_rewrite_dropped), TEST(test_failed),   TEST(test_task_files),   TEST(test_output_small),
        TEST(test_output_large), TEST(test_output_dropped), TEST(test_output_of_attempts),
        TEST(test_left_behind),  TEST(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
