/* The worker's own memory: what malloc() promises, and that a child does not get it. */
#include "own_memory.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "unit/unit.h"

#define REGION (256u << 20) /* as own_memory.c reserves it */

/* How a child ends that reads the byte at `p` and finds `expected`: 0; otherwise 1, or a signal's number + 128. */
static int child_reads(const char *p, char expected)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(*(const volatile char *)p == expected ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Whether there is a region: not where a sanitizer keeps the books. */
static bool has_region(void)
{
    bool own = own_memory_use(true);
    return own_memory_use(own);
}

static void a_child_gets_ordinary_memory_alone(void **state)
{
    (void)state;
    char *mine = mem_strndup("", 0); /* libc's strdup() allocates it: ordinary */
    char *own = mem_alloc(100);
    own[0] = 'x';
    own_memory_use(false);
    char *ordinary = mem_alloc(100);
    ordinary[0] = 'y';
    own_memory_use(true);
    assert_int_equal(child_reads(ordinary, 'y'), 0);
    assert_int_equal(child_reads(mine, '\0'), 0);
    if (has_region())
        assert_int_equal(child_reads(own, 'x'), 128 + SIGSEGV);
    assert_int_equal(own[0], 'x');
    free(mine);
    free(own);
    free(ordinary);
}

static void blocks_are_apart_and_keep_what_they_hold(void **state)
{
    enum { N = 2000 };
    static unsigned char *blocks[N];
    static size_t sizes[N];
    (void)state;
    srandom(17);
    for (int round = 0; round < 20000; round++) {
        int i = (int)(random() % N);
        if (blocks[i])
            for (size_t at = 0; at < sizes[i]; at += sizes[i] / 7 + 1)
                assert_int_equal(blocks[i][at], (unsigned char)i);
        size_t size = (size_t)1 << random() % 12, had = blocks[i] ? sizes[i] : 0;
        size += (size_t)random() % size;
        if (random() % 3 == 0) {
            free(blocks[i]);
            blocks[i] = mem_zalloc(size);
            for (size_t at = 0; at < size; at++)
                assert_int_equal(blocks[i][at], 0);
        } else {
            blocks[i] = mem_resize(blocks[i], size, 1);
            for (size_t at = 0; at < had && at < size; at += had / 7 + 1)
                assert_int_equal(blocks[i][at], (unsigned char)i);
        }
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], i, size);
        sizes[i] = size;
    }
    for (int i = 0; i < N; i++)
        free(blocks[i]);
}

static void large_ones_and_those_without_room_are_ordinary(void **state)
{
    enum { SIZE = 128 << 10, N = 2 * REGION / SIZE };
    static char *blocks[N];
    (void)state;
    char *large = mem_alloc(16u << 20);
    large[5 << 20] = 'l';
    assert_int_equal(child_reads(large + (5 << 20), 'l'), 0);
    large = mem_resize(large, 32u << 20, 1);
    assert_int_equal(large[5 << 20], 'l');
    free(large);
    for (int i = 0; i < N; i++) {
        blocks[i] = mem_alloc(SIZE);
        blocks[i][0] = 'b';
    }
    assert_int_equal(child_reads(blocks[N - 1], 'b'), 0);
    for (int i = 0; i < N; i++)
        free(blocks[i]);
    if (has_region()) { /* what was freed is there again */
        char *again = mem_alloc(SIZE);
        again[0] = 'a';
        assert_int_equal(child_reads(again, 'a'), 128 + SIGSEGV);
        free(again);
    }
}

static void ordinary_memory_may_grow_and_go_at_any_time(void **state)
{
    (void)state;
    char *own = mem_alloc(10);
    strcpy(own, "own");
    own_memory_use(false);
    own = mem_resize(own, 1000, 1); /* grown, it is as it is said now */
    assert_string_equal(own, "own");
    assert_int_equal(child_reads(own, 'o'), 0);
    own_memory_use(true);
    own = mem_resize(own, 100000, 1);
    assert_string_equal(own, "own");
    free(own);
    free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_gets_ordinary_memory_alone),
        cmocka_unit_test(blocks_are_apart_and_keep_what_they_hold),
        cmocka_unit_test(large_ones_and_those_without_room_are_ordinary),
        cmocka_unit_test(ordinary_memory_may_grow_and_go_at_any_time),
    };
    own_memory_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
