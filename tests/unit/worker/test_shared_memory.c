/* Memory that the worker shares with one executor at a time: what one writes the other sees, and nobody else. */
#include "shared_memory.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

#define SIZE 4096

static int end_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int open_descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void both_sides_see_it(void **state)
{
    struct shared_piece a, b;
    (void)state;
    assert_int_equal(shared_get(SIZE - 100, &a), 0);
    assert_int_equal(shared_get(SIZE, &b), 0);
    strcpy(a.at, "to the executor");
    strcpy(b.at, "of another one");
    pid_t pid = fork();
    if (pid == 0) {
        char *p = shared_map(&a);
        if (!p || strcmp(p, "to the executor") != 0)
            _exit(1);
        strcpy(p, "to the worker");
        _exit(0);
    }
    assert_int_equal(end_of(pid), 0);
    assert_string_equal(a.at, "to the worker");
    assert_string_equal(b.at, "of another one");
    shared_retire(&a);
    shared_retire(&b);
}

static void it_is_not_there_unless_it_is_mapped(void **state)
{
    struct shared_piece a;
    (void)state;
    assert_int_equal(shared_get(SIZE, &a), 0);
    a.at[0] = 'x';
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(*(volatile char *)a.at);
    }
    assert_int_equal(end_of(pid), 128 + SIGSEGV);
    shared_retire(&a);
}

static void a_retired_piece_is_nobodys(void **state)
{
    enum { N = 1000 };
    struct shared_piece piece;
    (void)state;
    int descriptors = open_descriptors();
    for (int i = 0; i < N; i++) {
        assert_int_equal(shared_get(SIZE, &piece), 0);
        for (int at = 0; at < SIZE; at += 512)
            assert_int_equal(piece.at[at], 0);
        memset(piece.at, 'u', SIZE);
        shared_retire(&piece);
    }
    assert_in_range(open_descriptors(), descriptors, descriptors + 1);
    shared_retire(&piece); /* once more: it is empty by now */
}

static void large_and_small(void **state)
{
    enum { N = 40 };
    struct shared_piece pieces[N];
    (void)state;
    for (int i = 0; i < N; i++) {
        assert_int_equal(shared_get(i % 2 ? SIZE : (size_t)(i + 1) << 20, &pieces[i]), 0);
        pieces[i].at[pieces[i].size - 1] = (char)i;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(pieces[i].at[pieces[i].size - 1], i);
        shared_retire(&pieces[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_see_it),
        cmocka_unit_test(it_is_not_there_unless_it_is_mapped),
        cmocka_unit_test(a_retired_piece_is_nobodys),
        cmocka_unit_test(large_and_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
