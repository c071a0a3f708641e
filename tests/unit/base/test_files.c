/* Files written whole, limits of reading, folders made and removed, paths. */
#include <sys/stat.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/files.h"
#include "base/mem.h"

#include "unit/unit.h"

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
    return path_remove(folder, &err) || path_exists(folder) ? -1 : 0;
}

static void test_replace_and_read(void **state)
{
    (void)state;
    CLEANUP_FREE char *path = path_join(folder, "file");
    CLEANUP_BUF struct buf b = {0};
    struct err err;
    struct stat st;
    assert_int_equal(file_replace(path, "one", 3, 0600, &err), 0);
    assert_int_equal(file_replace(path, "a\0b", 3, 0600, &err), 0);
    buf_add_char(&b, '>');
    assert_int_equal(file_read(path, 3, &b, &err), 0);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, ">a\0b", 4);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* The temporary one is gone. */
    CLEANUP_FREE char *temporary = mem_printf("%s.tmp-%ld", path, (long)getpid());
    assert_false(path_exists(temporary));
}

static void test_read_refuses(void **state)
{
    (void)state;
    CLEANUP_FREE char *path = path_join(folder, "limit"), *none = path_join(folder, "none");
    CLEANUP_BUF struct buf b = {0};
    struct err err;
    assert_int_equal(file_replace(path, "1234", 4, 0600, &err), 0);
    assert_int_equal(file_read(path, 3, &b, &err), -1);
    assert_non_null(strstr(err.text, "larger than the limit of 3 bytes"));
    assert_int_equal(file_read(none, 3, &b, &err), -1);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(file_read(folder, 3, &b, &err), -1);
    assert_non_null(strstr(err.text, "Is a directory"));
    /* A size that is not known before: the limit holds while reading. */
    assert_int_equal(file_read("/dev/zero", 100000, &b, &err), -1);
    assert_non_null(strstr(err.text, "larger than the limit"));
}

static void test_write_fails(void **state)
{
    (void)state;
    struct err err;
    CLEANUP_FREE char *nowhere = path_join(folder, "no/such/folder");
    assert_int_equal(file_replace(nowhere, "x", 1, 0600, &err), -1);
    assert_int_equal(err.class, ERR_SYSTEM);
    CLEANUP_CLOSE int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(file_write_all(full, "x", 1, "results", &err), -1);
    assert_string_equal(err.text, "results: No space left on device");
}

static void test_folders(void **state)
{
    (void)state;
    struct err err;
    CLEANUP_FREE char *deep = path_join(folder, "a/b/c"), *top = path_join(folder, "a");
    CLEANUP_FREE char *file = path_join(deep, "f"), *below = path_join(file, "g"), *link = path_join(deep, "link");
    assert_int_equal(dir_make(deep, &err), 0);
    assert_int_equal(dir_make(deep, &err), 0);
    assert_int_equal(dir_sync(deep, &err), 0);
    assert_int_equal(file_replace(file, "x", 1, 0600, &err), 0);
    assert_int_equal(dir_make(below, &err), -1);
    CLEANUP_FREE char *kept = path_join(folder, "kept");
    assert_int_equal(dir_make(kept, &err), 0);
    assert_int_equal(symlink(kept, link), 0);
    assert_int_equal(path_remove(top, &err), 0);
    assert_false(path_exists(top));
    assert_true(path_exists(kept)); /* behind the link */
    assert_int_equal(path_remove(top, &err), 0);
}

static void check_join(const char *dir, const char *path, const char *expected)
{
    CLEANUP_FREE char *joined = path_join(dir, path);
    assert_string_equal(joined, expected);
}

static void check_dir(const char *path, const char *dir, const char *base)
{
    CLEANUP_FREE char *found = path_dir(path);
    assert_string_equal(found, dir);
    assert_string_equal(path_base(path), base);
}

static void test_paths(void **state)
{
    (void)state;
    check_join("/a", "b", "/a/b");
    check_join("/a/", "./b//c/.", "/a/b/c");
    check_join("/a", "/b", "/b");
    check_join("/a", "../b", "/a/../b");
    check_join("/", "x", "/x");
    check_join(".", ".", ".");
    check_join("rel", "x", "rel/x");
    check_dir("/a/b", "/a", "b");
    check_dir("/a", "/", "a");
    check_dir("a", ".", "a");
    CLEANUP_FREE char *here = getcwd(NULL, 0), *absolute = path_absolute("x"), *rooted = path_absolute("/x/./y");
    CLEANUP_FREE char *expected = path_join(here, "x");
    assert_string_equal(absolute, expected);
    assert_string_equal(rooted, "/x/y");
    CLEANUP_FREE char *own = path_program_dir();
    assert_non_null(own);
    assert_int_equal(own[0], '/');
    assert_true(path_exists(own));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace_and_read), cmocka_unit_test(test_read_refuses), cmocka_unit_test(test_write_fails),
        cmocka_unit_test(test_folders), cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
