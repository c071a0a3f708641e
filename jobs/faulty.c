/* Functions that go wrong, each in its own way, and some that only look as if: for faults.yaml and for tests.
 * `go(how)` does what its argument names and, where it returns at all, returns it.
 */
#include <fcntl.h>
#include <math.h>
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

static int do_child_and_crash(ktbatch_call *call)
{
    do_child(call);
    abort();
}

static int do_close_all(ktbatch_call *call)
{
    for (int fd = 0; fd < 64; fd++)
        close(fd);
    return ktbatch_return_string(call, "closed");
}

static int do_print_and_close_all(ktbatch_call *call)
{
    printf("out of task %lld\n", (long long)ktbatch_task(call));
    return do_close_all(call);
}

static int do_redirect(ktbatch_call *call)
{
    printf("out of task %lld\n", (long long)ktbatch_task(call));
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
        return ktbatch_fail(call, "cannot open /dev/null");
    puts("into nothing");
    return ktbatch_return_string(call, "redirected");
}

/* Overwrites all writable memory that is shared with other processes, as a wild pointer might. */
static int do_scribble(ktbatch_call *call)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    (void)call;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && strcmp(mode, "rw-s") == 0)
            for (volatile unsigned char *p = (unsigned char *)from; p < (unsigned char *)to; p++)
                *p = 0xa5;
    }
    abort();
}

static int do_nothing(ktbatch_call *call)
{
    (void)call;
    return 0;
}

static int do_bad_json(ktbatch_call *call)
{
    return ktbatch_return_json(call, "[1,2", 4);
}

static int do_nan(ktbatch_call *call)
{
    return ktbatch_return_double(call, nan(""));
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
        {"flaky", do_flaky}, {"flood", do_flood}, {"child-crash", do_child_and_crash}, {"close-all", do_close_all},
        {"print-close-all", do_print_and_close_all}, {"redirect", do_redirect},
        {"scribble", do_scribble}, {"nothing", do_nothing}, {"bad-json", do_bad_json}, {"nan", do_nan},
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

/* Writes its process id to `file`, then sleeps `ms`. */
static int pid(ktbatch_call *call)
{
    int fd = open(ktbatch_arg_string(call, "file"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        return ktbatch_fail(call, "cannot write the file");
    close(fd);
    return nap(call);
}

/* The sum of an integer, of the elements of a list and of a member, and some text: every kind of argument. */
static int all_kinds(ktbatch_call *call)
{
    int64_t sum = ktbatch_arg_int(call, "n"), m = 0;
    uint64_t large = 0;
    ktbatch_value list = ktbatch_arg(call, "list"), map = ktbatch_arg(call, "map");
    for (size_t i = 0; i < ktbatch_count(list); i++)
        if (ktbatch_get_int(ktbatch_element(list, i), &m))
            sum += m;
    if (ktbatch_get_int(ktbatch_member(map, "m"), &m))
        sum += m;
    ktbatch_get_uint(ktbatch_arg(call, "large"), &large);
    const char *text = ktbatch_arg_string(call, "text");
    double x = ktbatch_arg_double(call, "x");
    bool yes = ktbatch_arg_bool(call, "yes");
    char out[256];
    int len = snprintf(out, sizeof out, "{\"sum\":%lld,\"text\":\"%s\",\"half\":%g,\"yes\":%s,\"large\":%llu,\"task\":%lld}",
                       (long long)sum, text, x / 2, yes ? "true" : "false", (unsigned long long)large,
                       (long long)ktbatch_task(call));
    return ktbatch_return_json(call, out, (size_t)len);
}

static int increment(ktbatch_call *call)
{
    int64_t x;
    if (!ktbatch_get_int(ktbatch_arg_at(call, 0), &x) || __builtin_add_overflow(x, 1, &x))
        return ktbatch_fail(call, "needs an integer that has a next one");
    return ktbatch_return_int(call, x);
}

/* An object whose making goes as its field `how` says; `count` of its calls so far is what its method returns. */
static void *object_new(ktbatch_call *call)
{
    const char *how = ktbatch_get_string(call, ktbatch_object_field(call, "how"));
    if (how && strcmp(how, "fail") == 0)
        ktbatch_fail(call, "no such object");
    else if (how && strcmp(how, "segv") == 0)
        raise(SIGSEGV);
    else if (how && strcmp(how, "loop") == 0)
        do_loop(call);
    else
        return calloc(1, sizeof(int64_t));
    return NULL;
}

static void object_free(void *object)
{
    const char *file = getenv("FAULTY_FREED");
    int fd = file ? open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0) {
        dprintf(fd, "%lld\n", (long long)*(int64_t *)object);
        close(fd);
    }
    free(object);
}

static int count(ktbatch_call *call)
{
    return ktbatch_return_int(call, ++*(int64_t *)ktbatch_object(call));
}

KTBATCH_LIBRARY(KTBATCH_FUNCTION("go", go), KTBATCH_FUNCTION("nap", nap), KTBATCH_FUNCTION("echo", echo),
                KTBATCH_FUNCTION("pid", pid), KTBATCH_FUNCTION("all_kinds", all_kinds), KTBATCH_FUNCTION("increment", increment),
                KTBATCH_METHOD("count", count, object_new, object_free));
