/* See command.h. vfork: the child borrows our memory until exec, so that starting costs no page tables. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"

#define POOL_MAX 64

static struct command *pool;
static int pooled;

static void destroy(struct command *c)
{
    for (int i = 0; i < 2; i++) {
        loop_unwatch(&c->streams[i]);
        if (c->streams[i].fd >= 0)
            close(c->streams[i].fd);
        if (c->write_ends[i] >= 0)
            close(c->write_ends[i]);
    }
    loop_free_later(c);
}

struct command *command_get(void)
{
    struct command *c = pool;
    if (c) {
        pool = c->next;
        pooled--;
        c->next = NULL;
        return c;
    }
    c = MEM_NEW(struct command);
    for (int i = 0; i < 2; i++)
        c->streams[i].fd = c->write_ends[i] = -1;
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC)) {
            destroy(c);
            return NULL;
        }
        c->streams[i].fd = ends[0];
        c->write_ends[i] = ends[1];
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
    return c;
}

void command_put(struct command *c, bool spoiled)
{
    if (spoiled || pooled >= POOL_MAX) {
        destroy(c);
        return;
    }
    for (int i = 0; i < 2; i++)
        loop_unwatch(&c->streams[i]);
    c->next = pool;
    pool = c;
    pooled++;
}

void command_mark(char out[160], const char *run, int64_t task, int attempt)
{
    snprintf(out, 160, "KTBATCH_MARK=%.100s/%" PRId64 "/%d", run, task, attempt);
}

/* Strings in one block, and pointers to them: an argv or envp that is freed as a whole. */
struct words {
    struct buf text;
    size_t *at;
    size_t n, cap;
    char **list;
};

static void words_add(struct words *w, const char *key, size_t key_len, struct json value)
{
    MEM_GROW(w->at, w->n, w->cap);
    w->at[w->n++] = w->text.len;
    buf_add(&w->text, key, key_len);
    json_unescape(value, &w->text);
    buf_add_char(&w->text, '\0');
}

static char **words_list(struct words *w)
{
    w->list = mem_resize(NULL, w->n + 1, sizeof *w->list);
    for (size_t i = 0; i < w->n; i++)
        w->list[i] = w->text.data + w->at[i];
    w->list[w->n] = NULL;
    return w->list;
}

static void words_done(struct words *w)
{
    buf_done(&w->text);
    free(w->at);
    free(w->list);
}

/* Whether `entry` ("KEY=…") has the key of one of the first `n` words. */
static bool overridden(const struct words *w, size_t n, const char *entry)
{
    size_t len = strcspn(entry, "=") + 1;
    for (size_t i = 0; i < n; i++)
        if (strncmp(w->text.data + w->at[i], entry, len) == 0)
            return true;
    return false;
}

static void add_env(struct words *w, struct json env)
{
    struct json_iter it = json_iter(env);
    size_t before = w->n;
    while (json_next(&it)) {
        CLEANUP_BUF struct buf key = {0};
        json_unescape(it.key, &key);
        buf_add_char(&key, '=');
        if (!overridden(w, before, buf_cstr(&key)))
            words_add(w, key.data, key.len, it.value);
    }
}

static void build_env(struct words *w, const struct command_setup *setup)
{
    char text[160];
    command_mark(text, setup->run, setup->task, setup->attempt);
    words_add(w, text, strlen(text), (struct json){0});
    snprintf(text, sizeof text, "KTBATCH_RUN=%.100s", setup->run);
    words_add(w, text, strlen(text), (struct json){0});
    snprintf(text, sizeof text, "KTBATCH_TASK=%" PRId64, setup->task);
    words_add(w, text, strlen(text), (struct json){0});
    snprintf(text, sizeof text, "KTBATCH_ATTEMPT=%d", setup->attempt);
    words_add(w, text, strlen(text), (struct json){0});
    add_env(w, setup->env);
    add_env(w, setup->session_env);
    size_t ours = w->n;
    for (char **e = environ; *e; e++)
        if (!overridden(w, ours, *e))
            words_add(w, *e, strlen(*e), (struct json){0});
}

/* What went wrong in the child, told through the memory that it shares with us until exec. */
struct trouble {
    int code;
    bool in_cwd;
};

_Noreturn static void child(const struct command *c, char **argv, char **env, const char *cwd, const sigset_t *mask,
                            volatile struct trouble *trouble)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(c->write_ends[0], STDOUT_FILENO);
    dup2(c->write_ends[1], STDERR_FILENO);
    if (*cwd && chdir(cwd)) {
        trouble->code = errno;
        trouble->in_cwd = true;
        _exit(127);
    }
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvpe(argv[0], argv, env);
    trouble->code = errno;
    _exit(127);
}

int command_start(struct command *c, const struct command_setup *setup, struct err *err)
{
    struct words argv = {0}, env = {0};
    volatile struct trouble trouble = {0};
    sigset_t none;
    struct json_iter it = json_iter(setup->argv);
    while (json_next(&it))
        words_add(&argv, "", 0, it.value);
    build_env(&env, setup);
    char **args = words_list(&argv), **envp = words_list(&env);
    sigemptyset(&none);
    pid_t pid = argv.n ? vfork() : -1;
    if (pid == 0)
        child(c, args, envp, setup->cwd, &none, &trouble);
    int code = errno, result = 0;
    if (argv.n == 0)
        result = err_set(err, ERR_BACKEND, "the command is empty");
    else if (pid < 0)
        result = err_sys(err, code, "cannot start a process");
    else if (trouble.code && trouble.in_cwd)
        result = err_sys(err, trouble.code, "cannot enter the folder %s", setup->cwd);
    else if (trouble.code == ENOENT && !strchr(args[0], '/'))
        result = err_set(err, ERR_BACKEND, "no such program: %s (not found in PATH)", args[0]);
    else if (trouble.code)
        result = err_sys(err, trouble.code, "cannot run %s", args[0]);
    if (pid > 0) {
        c->child.pid = pid;
        if (result == 0)
            children_add(&c->child);
        /* else: reaped in passing, as nobody's */
    }
    words_done(&argv);
    words_done(&env);
    return result;
}
