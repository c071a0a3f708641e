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
#include "process.h"

#define POOL_MAX 64

static struct command *pool;
static int pooled;

struct command *command_new(void)
{
    struct command *c = pool;
    if (c) {
        pool = c->next;
        pooled--;
        *c = (struct command){0};
    } else {
        c = MEM_NEW(struct command);
    }
    c->streams[0].fd = c->streams[1].fd = -1;
    return c;
}

void command_close_stream(struct command *c, int stream)
{
    loop_unwatch(&c->streams[stream]);
    if (c->streams[stream].fd >= 0)
        close(c->streams[stream].fd);
    c->streams[stream].fd = -1;
}

void command_free(struct command *c)
{
    for (int i = 0; i < 2; i++)
        command_close_stream(c, i);
    if (pooled >= POOL_MAX) {
        loop_free_later(c);
        return;
    }
    c->next = pool;
    pool = c;
    pooled++;
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

static void build_env(struct words *w, const struct command_setup *setup, const char *mark)
{
    char text[COMMAND_MARK_SIZE + 32];
    snprintf(text, sizeof text, CHILD_MARK "=%s", mark);
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

_Noreturn static void child(const int ends[2], char **argv, const char *cwd, volatile struct trouble *trouble)
{
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[0], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    if (*cwd && chdir(cwd)) {
        trouble->code = errno;
        trouble->in_cwd = true;
        _exit(127);
    }
    process_default_limits();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], argv);
    trouble->code = errno;
    _exit(127);
}

static int explain(const struct trouble *trouble, const char *program, const char *cwd, struct err *err)
{
    if (trouble->in_cwd)
        err_sys(err, trouble->code, "cannot enter the folder %s", cwd);
    else if (trouble->code == ENOENT && access(program, F_OK) == 0 && strchr(program, '/'))
        err_set(err, ERR_SYSTEM, "cannot run %s: the interpreter that it names is missing", program);
    else if (trouble->code == ENOENT)
        err_set(err, ERR_SYSTEM, "no such program: %s%s", program, strchr(program, '/') ? "" : " (not found in PATH)");
    else if (trouble->code == EACCES && !strchr(program, '/')) /* also where a folder of PATH may not be searched */
        err_set(err, ERR_SYSTEM, "no such program: %s (not found in PATH, or it may not be run)", program);
    else
        err_sys(err, trouble->code, "cannot run %s", program);
    err->class = ERR_BACKEND;
    return -1;
}

/* Both pipes; ours are the read ends. */
static int open_pipes(struct command *c, int ret_ends[2], struct err *err)
{
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC)) {
            int saved = errno;
            if (i > 0)
                close(ret_ends[0]);
            return err_sys(err, saved, "cannot make a pipe");
        }
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        c->streams[i].fd = ends[0];
        ret_ends[i] = ends[1];
    }
    return 0;
}

/* The frame that calls vfork() has nothing to lose. */
static pid_t start_child(const int ends[2], char **argv, const char *cwd, volatile struct trouble *trouble)
{
    pid_t pid = vfork();
    if (pid == 0)
        child(ends, argv, cwd, trouble);
    return pid;
}

static int spawn(struct command *c, char **argv, char **env, const char *cwd, struct err *err)
{
    volatile struct trouble trouble = {0};
    int ends[2];
    if (open_pipes(c, ends, err))
        return -1;
    /* The program is looked for in the PATH that the command will see. */
    char **own = environ;
    environ = env;
    pid_t pid = start_child(ends, argv, cwd, &trouble);
    int code = errno;
    environ = own;
    close(ends[0]);
    close(ends[1]);
    if (pid < 0)
        return err_sys(err, code, "cannot start a process");
    if (trouble.code) /* the child is reaped in passing, as nobody's */
        return explain(&(struct trouble){trouble.code, trouble.in_cwd}, argv[0], cwd, err);
    c->child.pid = pid;
    c->child.mark = c->mark;
    children_add(&c->child);
    return 0;
}

int command_start(struct command *c, const struct command_setup *setup, struct err *err)
{
    struct words argv = {0}, env = {0};
    int failed = -1;
    struct json_iter it = json_iter(setup->argv);
    while (json_next(&it))
        words_add(&argv, "", 0, it.value);
    snprintf(c->mark, sizeof c->mark, "%.100s/%" PRId64 "/%d", setup->run, setup->task, setup->attempt);
    build_env(&env, setup, c->mark);
    char **args = words_list(&argv), **envp = words_list(&env);
    if (argv.n == 0)
        err_set(err, ERR_BACKEND, "the command is empty");
    else
        failed = spawn(c, args, envp, setup->cwd, err);
    words_done(&argv);
    words_done(&env);
    return failed;
}
