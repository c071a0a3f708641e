/* Functions that go wrong, each in its own way, and some that only look as if: for faults.yaml and for tests.
 * `go(how)` does what its argument names and, where it returns at all, returns it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ktbatch_task.h>

static int do_segv(ktbatch_call *call)
{
    (void)call;
    raise(SIGSEGV);
    return 0;
}

static int do_abort(ktbatch_call *call)
{
    (void)call;
    abort();
}

static int do_exit(ktbatch_call *call)
{
    (void)call;
    exit(3);
}

static int do_loop(ktbatch_call *call)
{
    (void)call;
    for (volatile int forever = 1; forever;)
        ;
    return 0;
}

static int do_close(ktbatch_call *call)
{
    fclose(stdout);
    return ktbatch_return_string(call, "closed");
}

static int do_child(ktbatch_call *call)
{
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    return ktbatch_return_string(call, "child");
}

static int do_print(ktbatch_call *call)
{
    printf("out of task %lld\n", (long long)ktbatch_task(call));
    fprintf(stderr, "err of task %lld\n", (long long)ktbatch_task(call));
    return ktbatch_return_string(call, "print");
}

static int do_print_and_crash(ktbatch_call *call)
{
    printf("last words of task %lld", (long long)ktbatch_task(call));
    abort();
}

static int do_error(ktbatch_call *call)
{
    return ktbatch_fail(call, "boom");
}

static int do_ok(ktbatch_call *call)
{
    return ktbatch_return_string(call, "ok");
}

static int do_flaky(ktbatch_call *call)
{
    return ktbatch_attempt(call) < 2 ? ktbatch_fail(call, "not yet") : ktbatch_return_int(call, ktbatch_attempt(call));
}

static int do_big(ktbatch_call *call)
{
    size_t len = 3 << 20;
    char *text = malloc(len + 1);
    memset(text, 'b', len);
    text[len] = '\0';
    ktbatch_return_string(call, text);
    free(text);
    return 0;
}

static int do_flood(ktbatch_call *call)
{
    for (int i = 0; i < 20000; i++)
        printf("line %06d\n", i);
    return ktbatch_return_string(call, "flood");
}

static int do_progress(ktbatch_call *call)
{
    for (int i = 1; i <= 4; i++) {
        nanosleep(&(struct timespec){0, 300000000}, NULL);
        ktbatch_progress(call, i / 4.0, "quarters");
    }
    return ktbatch_return_string(call, "progress");
}

static int go(ktbatch_call *call)
{
    static const struct {
        const char *how;
        int (*run)(ktbatch_call *);
    } ways[] = {
        {"ok", do_ok},       {"error", do_error}, {"segv", do_segv},         {"abort", do_abort},
        {"exit", do_exit},   {"loop", do_loop},   {"close", do_close},       {"child", do_child},
        {"print", do_print}, {"big", do_big},     {"progress", do_progress}, {"print-crash", do_print_and_crash},
        {"flaky", do_flaky}, {"flood", do_flood},
    };
    const char *how = ktbatch_arg_string(call, "how");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(how, ways[i].how) == 0)
            return ways[i].run(call);
    return ktbatch_fail(call, "no such way to go wrong");
}

/* Sleeps `ms` and returns it. */
static int nap(ktbatch_call *call)
{
    int64_t ms = ktbatch_arg_int(call, "ms");
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
    return ktbatch_return_int(call, ms);
}

/* Returns its arguments, whatever they are, as they came: named `v`. */
static int echo(ktbatch_call *call)
{
    ktbatch_value v = ktbatch_arg(call, "v");
    return ktbatch_return_json(call, v.text, v.len);
}

KTBATCH_LIBRARY(KTBATCH_FUNCTION("go", go), KTBATCH_FUNCTION("nap", nap), KTBATCH_FUNCTION("echo", echo));
