/* The local backend: one supervisor, `ktbatch-worker --keep K`, on the loopback.
 *
 * It is started with three pipes: the key comes in on descriptor 3, its address goes out on 4, and 5 is held open by us
 * and never written to: when it closes, for whatever reason we died, the supervisor ends with all that it started. All
 * sessions go to the one address. Should it die, it is started again, a little later each time; dying at once five times
 * in a row is a trouble that no waiting mends. What it left behind is killed (orphans.h).
 */
#include "backend/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/orphans.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"

#define QUICK_US (2 * CLOCK_S)     /* it died at once if it lived no longer */
#define QUICK_DEATHS 5             /* so many in a row are the end */
#define RESTART_MS 50              /* doubles with each quick death */
#define ANNOUNCE_MS 20000          /* so long it may take to listen */
#define CLOSE_MS 2000              /* so long it may take to end */
#define LINE_MAX_BYTES 1024        /* of its stderr that a message quotes */

enum child_fd { CHILD_KEY = 3, CHILD_ANNOUNCE, CHILD_PARENT };

struct backend {
    struct backend_events events;
    uv_loop_t *loop;
    char *program, *task_folder;
    int parallelism;
    unsigned char key[BACKEND_KEY_SIZE];
    struct orphans *orphans;
    uv_process_t process;
    uv_pipe_t announce, errout; /* of the present supervisor */
    uv_timer_t timer;           /* the next thing that has its time: start again, announced by then, ended by then */
    int parent_fd;              /* our end of descriptor 5; -1: none */
    bool spawned; /* `process` is a handle */
    bool alive, listening, announced, closing;
    int open_handles;           /* process and pipes that are not closed yet */
    int64_t started;
    int quick_deaths;
    struct buf heard;           /* of the announcement */
    char line[LINE_MAX_BYTES];  /* its stderr's last line */
    size_t line_len;
    bool line_over;             /* the next byte begins a new one */
    struct sockaddr_in address;
    unsigned *slots; /* that wait for it */
    int n_slots, cap_slots;
    int64_t given;
    void (*done)(void *ctx);
    void *done_ctx;
};

static void start(struct backend *b);

/* ---- finding the program ---- */

static char *if_there(char *path)
{
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static char *in_path(const char *name)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t len = strcspn(path, ":");
        CLEANUP_FREE char *dir = mem_strndup(path, len);
        char *found = len ? if_there(path_join(dir, name)) : NULL;
        if (found)
            return found;
        path += len + (path[len] == ':');
    }
    return NULL;
}

/* Beside this program, in a build tree beside its folder, where it is installed, in PATH. */
static char *find_program(const char *given)
{
    static const char *const near[] = {"ktbatch-worker", "worker/ktbatch-worker", "../worker/ktbatch-worker",
                                       "../../../worker/ktbatch-worker"};
    const char *env = getenv("KTBATCH_WORKER");
    if (given || (env && *env))
        return mem_strdup(given ? given : env);
    CLEANUP_FREE char *dir = path_program_dir();
    for (size_t i = 0; dir && i < ARRAY_LEN(near); i++) {
        char *found = if_there(path_join(dir, near[i]));
        if (found)
            return found;
    }
    char *found = if_there(mem_strdup(KT_LIBEXECDIR "/ktbatch-worker"));
    return found ? found : in_path("ktbatch-worker");
}

/* ---- its end ---- */

static void stop_timer(struct backend *b)
{
    uv_timer_stop(&b->timer);
}

static void finish_close(struct backend *b)
{
    void (*done)(void *ctx) = b->done;
    void *ctx = b->done_ctx;
    orphans_free(b->orphans);
    explicit_bzero(b->key, sizeof b->key);
    buf_done(&b->heard);
    free(b->slots);
    free(b->program);
    free(b->task_folder);
    free(b);
    done(ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
    finish_close(handle->data);
}

static void close_parent(struct backend *b)
{
    if (b->parent_fd >= 0)
        close(b->parent_fd);
    b->parent_fd = -1;
}

static void on_restart(uv_timer_t *timer)
{
    start(timer->data);
}

/* The last supervisor is gone, with its handles: what now? */
static void after_death(struct backend *b)
{
    orphans_kill(b->orphans, 0);
    if (b->closing) {
        uv_close((uv_handle_t *)&b->timer, on_timer_closed);
        return;
    }
    /* One that has listened is a worker: if it dies of its tasks, others see to that. */
    bool quick = clock_mono_us() - b->started < QUICK_US;
    b->quick_deaths = quick && !b->announced ? b->quick_deaths + 1 : 0;
    if (b->quick_deaths >= QUICK_DEATHS) {
        CLEANUP_FREE char *text = mem_printf("%s dies at once: %.*s", b->program,
                                             b->line_len ? (int)b->line_len : 20, b->line_len ? b->line : "it does not say why");
        b->events.on_trouble(b->events.ctx, text, true);
        return;
    }
    uv_timer_start(&b->timer, on_restart, quick ? (uint64_t)RESTART_MS << b->quick_deaths : 0, 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct backend *b = handle->data;
    if (--b->open_handles == 0)
        after_death(b);
}

static void on_process_end(uv_process_t *process, int64_t status, int signal)
{
    struct backend *b = process->data;
    (void)status;
    (void)signal;
    b->alive = b->listening = false;
    stop_timer(b);
    close_parent(b);
    if (b->spawned)
        uv_close((uv_handle_t *)&b->process, on_handle_closed);
    else
        b->open_handles--;
    b->spawned = false;
    uv_close((uv_handle_t *)&b->announce, on_handle_closed);
    uv_close((uv_handle_t *)&b->errout, on_handle_closed);
}

/* ---- what it says ---- */

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
    static char room[4096]; /* used up before the next read */
    (void)handle;
    (void)size;
    *ret = uv_buf_init(room, sizeof room);
}

static void on_stderr(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct backend *b = stream->data;
    if (n < 0)
        uv_read_stop(stream);
    for (ssize_t i = 0; i < n; i++) {
        if (bytes->base[i] == '\n') {
            b->line_over = true;
            continue;
        }
        if (b->line_over)
            b->line_len = 0;
        b->line_over = false;
        if (b->line_len < sizeof b->line)
            b->line[b->line_len++] = bytes->base[i];
    }
}

static void give_all(struct backend *b)
{
    int n = b->n_slots;
    b->n_slots = 0;
    for (int i = 0; i < n && !b->closing; i++) {
        struct backend_worker worker;
        unsigned slot = b->slots[i];
        worker = (struct backend_worker){.id = ++b->given, .name = "local", .address_len = sizeof b->address};
        memcpy(&worker.address, &b->address, sizeof b->address);
        b->events.on_worker(b->events.ctx, slot, &worker);
    }
}

static bool parse_address(const char *line, struct sockaddr_in *ret)
{
    char host[64];
    unsigned port;
    if (sscanf(line, "%63[^:]:%u", host, &port) != 2 || port == 0 || port > 65535)
        return false;
    return uv_ip4_addr(host, (int)port, ret) == 0;
}

static void on_announce(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct backend *b = stream->data;
    if (n <= 0 || b->listening) {
        if (n < 0)
            uv_read_stop(stream);
        return;
    }
    buf_add(&b->heard, bytes->base, (size_t)n);
    if (!memchr(b->heard.data, '\n', b->heard.len))
        return;
    if (!parse_address(buf_cstr(&b->heard), &b->address)) {
        b->events.on_trouble(b->events.ctx, "the worker program announced no address", true);
        return;
    }
    b->listening = b->announced = true;
    stop_timer(b);
    give_all(b);
}

/* ---- its start ---- */

static int make_pipe(int ret[2], struct err *err)
{
    return pipe2(ret, O_CLOEXEC) ? err_sys(err, errno, "no pipe to the worker program") : 0;
}

static int send_key(struct backend *b, int fd, struct err *err)
{
    char text[2 * BACKEND_KEY_SIZE + 2];
    hex_encode(b->key, sizeof b->key, text);
    text[2 * BACKEND_KEY_SIZE] = '\n';
    int result = file_write_all(fd, text, 2 * BACKEND_KEY_SIZE + 1, "the key's pipe", err); /* fits the pipe */
    explicit_bzero(text, sizeof text);
    return result;
}

static int spawn(struct backend *b, int key_fd, int parent_fd, struct err *err)
{
    char keep[16];
    snprintf(keep, sizeof keep, "%d", b->parallelism);
    const char *args[] = {b->program, "--listen", "127.0.0.1:0", "--keep", keep, "--key-fd", "3", "--announce-fd", "4",
                          "--parent-fd", "5", b->task_folder ? "--tasks" : NULL, b->task_folder, NULL};
    uv_stdio_container_t stdio[6] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&b->errout},
        {.flags = UV_INHERIT_FD, .data.fd = key_fd},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&b->announce},
        {.flags = UV_INHERIT_FD, .data.fd = parent_fd},
    };
    const uv_process_options_t options = {
        .exit_cb = on_process_end,
        .file = b->program,
        .args = (char **)(uintptr_t)args,
        .flags = UV_PROCESS_DETACHED, /* a Ctrl-C on the terminal is for us alone */
        .stdio_count = ARRAY_LEN(stdio),
        .stdio = stdio,
    };
    b->spawned = true; /* whether it succeeds or not */
    int code = uv_spawn(b->loop, &b->process, &options);
    return code ? err_set(err, ERR_BACKEND, "%s: %s", b->program, uv_strerror(code)) : 0;
}

static int start_process(struct backend *b, struct err *err)
{
    int key[2] = {-1, -1}, parent[2] = {-1, -1};
    if (make_pipe(key, err))
        return -1;
    if (make_pipe(parent, err)) {
        close(key[0]);
        close(key[1]);
        return -1;
    }
    int result = send_key(b, key[1], err) || spawn(b, key[0], parent[0], err) ? -1 : 0;
    close(key[0]);
    close(key[1]);
    close(parent[0]);
    if (result)
        close(parent[1]);
    else
        b->parent_fd = parent[1];
    return result;
}

static void on_no_announcement(uv_timer_t *timer)
{
    struct backend *b = timer->data;
    if (b->alive)
        uv_process_kill(&b->process, SIGKILL); /* and then as if it had died */
}

static void start(struct backend *b)
{
    struct err err = ERR_INIT;
    uv_pipe_init(b->loop, &b->announce, 0);
    uv_pipe_init(b->loop, &b->errout, 0);
    b->process.data = b->announce.data = b->errout.data = b;
    b->open_handles = 3;
    b->started = clock_mono_us();
    b->announced = false;
    b->line_len = 0;
    buf_clear(&b->heard);
    if (start_process(b, &err)) {
        b->line_len = strnlen(err.text, sizeof b->line);
        memcpy(b->line, err.text, b->line_len);
        on_process_end(&b->process, 0, 0);
        return;
    }
    b->alive = true;
    uv_read_start((uv_stream_t *)&b->errout, on_room, on_stderr);
    uv_read_start((uv_stream_t *)&b->announce, on_room, on_announce);
    uv_timer_start(&b->timer, on_no_announcement, ANNOUNCE_MS, 0);
}

/* ---- the table's row ---- */

static int local_open(const struct backend_config *config, const struct backend_events *events, struct backend **ret,
                      struct err *err)
{
    char *program = find_program(config->worker_program);
    if (!program)
        return err_set(err, ERR_BACKEND, "no ktbatch-worker beside this program, in %s or in PATH", KT_LIBEXECDIR);
    if (access(program, X_OK)) {
        err_sys(err, errno, "%s", program);
        free(program);
        err->class = ERR_BACKEND;
        return -1;
    }
    struct backend *b = MEM_NEW(struct backend);
    b->events = *events;
    b->loop = config->loop;
    b->program = program;
    b->task_folder = config->task_folder ? mem_strdup(config->task_folder) : NULL;
    b->parallelism = config->parallelism;
    b->parent_fd = -1;
    memcpy(b->key, config->key, sizeof b->key);
    b->orphans = orphans_new();
    uv_timer_init(b->loop, &b->timer);
    b->timer.data = b;
    start(b);
    *ret = b;
    return 0;
}

static bool local_acquire(struct backend *b, unsigned slot, struct backend_worker *ret)
{
    if (b->listening) {
        *ret = (struct backend_worker){.id = ++b->given, .name = "local", .address_len = sizeof b->address};
        memcpy(&ret->address, &b->address, sizeof b->address);
        return true;
    }
    MEM_GROW(b->slots, b->n_slots, b->cap_slots);
    b->slots[b->n_slots++] = slot;
    return false;
}

static void local_release(struct backend *b, int64_t worker)
{
    (void)b;
    (void)worker;
}

static void on_not_ended(uv_timer_t *timer)
{
    struct backend *b = timer->data;
    if (b->alive)
        uv_process_kill(&b->process, SIGKILL);
}

static void local_close(struct backend *b, void (*done)(void *ctx), void *ctx)
{
    b->closing = true;
    b->done = done;
    b->done_ctx = ctx;
    close_parent(b);
    if (b->alive)
        uv_timer_start(&b->timer, on_not_ended, CLOSE_MS, 0);
    else if (b->open_handles == 0)
        after_death(b);
}

const struct backend_ops backend_local = {
    .name = "local",
    .summary = "this machine",
    .open = local_open,
    .acquire = local_acquire,
    .release = local_release,
    .close = local_close,
};
