/* The scripted backend, for tests: gives out addresses and troubles as a text says, one line after the other.
 *
 *     key FILE                  first: the run's key goes there, 64 hexadecimal digits, for the workers of the test
 *     worker HOST:PORT [NAME]   one worker there
 *     all HOST:PORT [NAME]      from here on every worker is there; the script ends
 *     wait MS                   the next line so much later
 *     lost TEXT                 the last worker given out is reported lost
 *     trouble TEXT              something is wrong, but workers may still come
 *     fatal TEXT                no worker will come
 *
 * Lines end with a newline or a semicolon. A line is carried out when a worker is wanted and the lines before it have been. A
 * script without a worker left gives none.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"

struct backend {
    struct backend_events events;
    uv_timer_t timer; /* carries out the next line */
    char *script, *at; /* the next line */
    bool all;          /* the last `worker` stands for all that follow */
    struct backend_worker last;
    char *names[64]; /* of workers: they live as long as the backend */
    int n_names;
    unsigned *slots; /* that wait, in order */
    int n_slots, cap_slots;
    int64_t given;
    void (*done)(void *ctx);
    void *done_ctx;
};

static void run_script(struct backend *b);

static void on_timer(uv_timer_t *timer)
{
    run_script(timer->data);
}

/* The next line, or NULL. */
static char *next_line(struct backend *b)
{
    char *line = b->at;
    if (!*line)
        return NULL;
    char *end = line + strcspn(line, "\n;");
    b->at = *end ? end + 1 : end;
    *end = '\0';
    return line + strspn(line, " ");
}

static bool parse_worker(struct backend *b, const char *text)
{
    char host[64], name[64] = "fake";
    unsigned port;
    struct sockaddr_in *address = (struct sockaddr_in *)&b->last.address;
    if (sscanf(text, "%63[^:]:%u %63s", host, &port, name) < 2 || port > 65535 || b->n_names == (int)ARRAY_LEN(b->names))
        return false;
    memset(&b->last.address, 0, sizeof b->last.address);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)port);
    b->last.address_len = sizeof *address;
    b->last.name = b->names[b->n_names++] = mem_strdup(name);
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static void give(struct backend *b)
{
    unsigned slot = b->slots[0];
    memmove(b->slots, b->slots + 1, (size_t)--b->n_slots * sizeof *b->slots);
    b->last.id = ++b->given;
    b->events.on_worker(b->events.ctx, slot, &b->last);
}

/* Carries out one line; returns in how many milliseconds the next one may follow, -1: never. */
static int carry_out(struct backend *b, char *line)
{
    if (strncmp(line, "worker ", 7) == 0 || strncmp(line, "all ", 4) == 0) {
        b->all = line[0] == 'a';
        if (!parse_worker(b, strchr(line, ' ') + 1)) {
            b->events.on_trouble(b->events.ctx, line, true);
            return -1;
        }
        give(b);
        return 0;
    }
    char *rest = line + strcspn(line, " ");
    rest += *rest == ' ';
    if (strncmp(line, "wait ", 5) == 0)
        return atoi(rest);
    if (strncmp(line, "lost", 4) == 0)
        b->events.on_lost(b->events.ctx, b->last.id, rest);
    else
        b->events.on_trouble(b->events.ctx, rest, strncmp(line, "fatal", 5) == 0);
    return strncmp(line, "fatal", 5) == 0 ? -1 : 0;
}

static void run_script(struct backend *b)
{
    while (b->n_slots && !b->done) {
        char *line = b->all ? NULL : next_line(b);
        if (b->all) {
            give(b);
            continue;
        }
        if (!line)
            return;
        int ms = *line ? carry_out(b, line) : 0;
        if (ms < 0)
            return;
        if (ms > 0) {
            uv_timer_start(&b->timer, on_timer, (uint64_t)ms, 0);
            return;
        }
    }
}

static int write_key(struct backend *b, const unsigned char *key, struct err *err)
{
    char text[2 * BACKEND_KEY_SIZE + 2];
    if (strncmp(b->at, "key ", 4) != 0)
        return 0;
    char *path = next_line(b) + 4;
    hex_encode(key, BACKEND_KEY_SIZE, text);
    text[2 * BACKEND_KEY_SIZE] = '\n';
    return file_replace(path, text, 2 * BACKEND_KEY_SIZE + 1, 0600, err);
}

static int fake_open(const struct backend_config *config, const struct backend_events *events, struct backend **ret,
                     struct err *err)
{
    if (!config->script)
        return err_set(err, ERR_BACKEND, "backend fake has no script");
    struct backend *b = MEM_NEW(struct backend);
    b->events = *events;
    b->script = b->at = mem_strdup(config->script);
    if (write_key(b, config->key, err)) {
        free(b->script);
        free(b);
        return -1;
    }
    uv_timer_init(config->loop, &b->timer);
    b->timer.data = b;
    *ret = b;
    return 0;
}

static bool fake_acquire(struct backend *b, unsigned slot, struct backend_worker *ret)
{
    if (b->all && b->n_slots == 0) {
        b->last.id = ++b->given;
        *ret = b->last;
        return true;
    }
    MEM_GROW(b->slots, b->n_slots, b->cap_slots);
    b->slots[b->n_slots++] = slot;
    if (!uv_is_active((uv_handle_t *)&b->timer))
        uv_timer_start(&b->timer, on_timer, 0, 0);
    return false;
}

static void fake_release(struct backend *b, int64_t worker)
{
    (void)b;
    (void)worker;
}

static void on_closed(uv_handle_t *handle)
{
    struct backend *b = handle->data;
    void (*done)(void *ctx) = b->done;
    void *ctx = b->done_ctx;
    for (int i = 0; i < b->n_names; i++)
        free(b->names[i]);
    free(b->slots);
    free(b->script);
    free(b);
    done(ctx);
}

static void fake_close(struct backend *b, void (*done)(void *ctx), void *ctx)
{
    b->done = done;
    b->done_ctx = ctx;
    uv_close((uv_handle_t *)&b->timer, on_closed);
}

const struct backend_ops backend_fake = {
    .name = "fake",
    .open = fake_open,
    .acquire = fake_acquire,
    .release = fake_release,
    .close = fake_close,
};
