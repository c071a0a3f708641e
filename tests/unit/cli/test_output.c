/* Output: the bytes of each format, widths, large tables, closed pipes and full disks. */
#include "cli/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include "unit/unit.h"

/* What `fill` writes, as text owned by the caller. */
static char *written(enum output_format format, void (*fill)(struct output *o))
{
    FILE *file = tmpfile();
    struct err err = ERR_INIT;
    assert_non_null(file);
    struct output *o = output_new(format, fileno(file));
    fill(o);
    assert_int_equal(output_end(o, &err), 0);
    long size = lseek(fileno(file), 0, SEEK_END);
    char *text = mem_zalloc((size_t)size + 1);
    assert_int_equal(pread(fileno(file), text, (size_t)size, 0), size);
    fclose(file);
    return text;
}

static void assert_written(enum output_format format, void (*fill)(struct output *o), const char *expected)
{
    char *text = written(format, fill);
    assert_string_equal(text, expected);
    free(text);
}

static void fill_some(struct output *o)
{
    output_column(o, "task");
    output_column(o, "args");
    output_column(o, "name");
    output_column(o, "real");
    output_row(o, (struct output_cell[]){cell_int(0), cell_json(slice_str("{\"x\": 3.10}")), cell_text("a,\"b\""),
                                         cell_real(0.1)});
    output_row(o, (struct output_cell[]){cell_int(10), cell_json(slice_str("[1]")), cell_text("two\nlines\x1b[31m"), {OUT_NULL}});
}

static void fill_columns_alone(struct output *o)
{
    output_column(o, "a");
    output_column(o, "b");
}

static void fill_member(struct output *o)
{
    output_member(o, "tasks", "1000000000000");
    output_column(o, "a");
    output_row(o, (struct output_cell[]){cell_text("\xff")});
}

static void fill_wide(struct output *o)
{
    output_column(o, "k");
    output_column(o, "v");
    output_row(o, (struct output_cell[]){cell_text("日本"), cell_text("x")});
    output_row(o, (struct output_cell[]){cell_text("e\xcc\x81"), cell_text("y")});
}

static void test_csv(void **state)
{
    (void)state;
    assert_written(OUTPUT_CSV, fill_some, "task,args,name,real\r\n0,\"{\"\"x\"\": 3.10}\",\"a,\"\"b\"\"\",0.1\r\n"
                                          "10,[1],\"two\nlines\x1b[31m\",\r\n");
    assert_written(OUTPUT_CSV, fill_columns_alone, "a,b\r\n");
}

static void test_json(void **state)
{
    (void)state;
    assert_written(OUTPUT_JSON, fill_some,
                   "{\"version\":1,\"items\":[\n{\"task\":0,\"args\":{\"x\":3.10},\"name\":\"a,\\\"b\\\"\",\"real\":0.1},\n"
                   "{\"task\":10,\"args\":[1],\"name\":\"two\\nlines\\u001b[31m\",\"real\":null}\n]}\n");
    assert_written(OUTPUT_JSON, fill_columns_alone, "{\"version\":1,\"items\":[]}\n");
    assert_written(OUTPUT_JSON, fill_member,
                   "{\"version\":1,\"tasks\":1000000000000,\"items\":[\n{\"a\":\"\xef\xbf\xbd\"}\n]}\n");
}

static void test_jsonl(void **state)
{
    (void)state;
    assert_written(OUTPUT_JSONL, fill_member, "{\"a\":\"\xef\xbf\xbd\"}\n");
    assert_written(OUTPUT_JSONL, fill_columns_alone, "");
}

static void test_table(void **state)
{
    (void)state;
    assert_written(OUTPUT_TABLE, fill_some, "task  args         name                real\n"
                                            "   0  {\"x\": 3.10}  a,\"b\"                0.1\n"
                                            "  10  [1]          two\\nlines\\x1b[31m  \n");
    assert_written(OUTPUT_TABLE, fill_columns_alone, "a  b\n");
    assert_written(OUTPUT_TABLE, fill_wide, "k     v\n日本  x\ne\xcc\x81     y\n");
}

static void fill_many(struct output *o)
{
    char text[32];
    output_column(o, "n");
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d%s", i, i == 4000 ? " and then some" : "");
        output_row(o, (struct output_cell[]){cell_text(text)});
    }
}

static void test_a_long_table_loses_nothing(void **state)
{
    (void)state;
    char *text = written(OUTPUT_TABLE, fill_many);
    int lines = 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 5001);
    assert_non_null(strstr(text, "\n4000 and then some\n4001\n"));
    free(text);
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(output_width(slice_str("abc")), 3);
    assert_int_equal(output_width(slice_str("é")), 1);
    assert_int_equal(output_width(slice_str("日本")), 4);
    assert_int_equal(output_width(slice_str("\xff\xfe")), 2);
    assert_int_equal(output_width(slice_str("")), 0);
}

static void test_closed_pipe_is_quiet(void **state)
{
    (void)state;
    int ends[2];
    struct err err = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    struct output *o = output_new(OUTPUT_JSONL, ends[1]);
    output_column(o, "n");
    int64_t rows = 0;
    while (output_wanted(o) && rows < 1000000) {
        output_row(o, (struct output_cell[]){cell_int(rows)});
        rows++;
    }
    assert_true(rows < 1000000);
    assert_int_equal(output_end(o, &err), 0);
    close(ends[1]);
}

static void test_full_disk_is_an_error(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0)
        skip();
    struct output *o = output_new(OUTPUT_CSV, fd);
    output_column(o, "n");
    assert_int_equal(output_end(o, &err), -1);
    assert_int_equal(err.class, ERR_SYSTEM);
    assert_string_equal(err.text, "standard output: No space left on device");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),   cmocka_unit_test(test_json),
        cmocka_unit_test(test_jsonl), cmocka_unit_test(test_table),
        cmocka_unit_test(test_width), cmocka_unit_test(test_a_long_table_loses_nothing),
        cmocka_unit_test(test_closed_pipe_is_quiet), cmocka_unit_test(test_full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
