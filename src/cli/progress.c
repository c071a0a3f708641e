/* See progress.h. A failed write is nobody's concern: a run goes on without its terminal. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/output.h"

#define PARTS_MAX 10
#define RED "\033[31m"
#define PLAIN "\033[0m"

struct progress {
    const char *run;
    int fd;
    bool live, color, drawn;
    struct buf line;
};

/* 12,345,678: long numbers are read by their groups. */
static void add_grouped(struct buf *b, int64_t n)
{
    char digits[24];
    size_t len = 0;
    for (; n > 0 || len == 0; n /= 10)
        digits[len++] = (char)('0' + n % 10);
    while (len > 0) {
        buf_add_char(b, digits[--len]);
        if (len % 3 == 0 && len > 0)
            buf_add_char(b, ',');
    }
}

static void add_rate(struct buf *b, double rate)
{
    if (rate >= 100)
        add_grouped(b, rate > 1e15 ? (int64_t)1e15 : (int64_t)rate);
    else
        buf_printf(b, "%.1f", rate);
    buf_add_str(b, "/s");
}

/* The parts in the order they are shown; `weight` is the order in which they are given up, the largest first. */
struct part {
    struct buf text;
    int weight;
    bool red;
};

static struct buf *add_part(struct part *parts, int *n, int weight)
{
    parts[*n] = (struct part){.weight = weight};
    return &parts[(*n)++].text;
}

static int make_parts(const struct dispatch_stats *s, const char *run, struct part *parts)
{
    int n = 0;
    char span[CLOCK_TEXT_SIZE];
    buf_add_str(add_part(parts, &n, 3), run);
    if (s->tasks > 0)
        buf_printf(add_part(parts, &n, 4), "%d%%", (int)((double)(s->done + s->failed) * 100.0 / (double)s->tasks));
    struct buf *done = add_part(parts, &n, 0);
    add_grouped(done, s->done);
    buf_add_str(done, " of ");
    add_grouped(done, s->tasks);
    buf_add_str(done, " done");
    if (s->failed > 0) {
        struct buf *failed = add_part(parts, &n, 1);
        add_grouped(failed, s->failed);
        buf_add_str(failed, " failed");
        parts[n - 1].red = true;
    }
    struct buf *running = add_part(parts, &n, 5);
    add_grouped(running, s->running);
    buf_add_str(running, " running");
    if (s->stopping) {
        buf_add_str(add_part(parts, &n, 2), "stopping (once more: at once)");
        return n;
    }
    if (s->rate > 0)
        add_rate(add_part(parts, &n, 6), s->rate);
    if (s->left_us >= 0)
        buf_printf(add_part(parts, &n, 2), "%s left", clock_span(s->left_us, span));
    if (s->workers >= 0)
        buf_printf(add_part(parts, &n, 7), "%d worker%s", s->workers, s->workers == 1 ? "" : "s");
    if (s->said.at) {
        struct buf *said = add_part(parts, &n, 8);
        buf_printf(said, "task %" PRId64 ": %d%%", s->said.task, (int)(s->said.fraction * 100));
        buf_printf(said, *s->said.text ? " %s" : "%s", s->said.text);
    }
    return n;
}

static int parts_width(const struct part *parts, int n)
{
    int width = 0;
    for (int i = 0; i < n; i++)
        width += (i ? 2 : 0) + output_width(buf_slice(&parts[i].text));
    return width;
}

static int drop_part(struct part *parts, int n)
{
    int worst = 0;
    for (int i = 1; i < n; i++)
        if (parts[i].weight > parts[worst].weight)
            worst = i;
    buf_done(&parts[worst].text);
    memmove(&parts[worst], &parts[worst + 1], (size_t)(n - worst - 1) * sizeof *parts);
    return n - 1;
}

void progress_text(const struct dispatch_stats *stats, const char *run, int width, bool color, struct buf *out)
{
    struct part parts[PARTS_MAX];
    int n = make_parts(stats, run, parts);
    while (width > 0 && n > 1 && parts_width(parts, n) > width)
        n = drop_part(parts, n);
    if (width > 0 && n == 1 && parts_width(parts, n) > width)
        n = drop_part(parts, n);
    for (int i = 0; i < n; i++) {
        bool red = color && parts[i].red;
        if (i)
            buf_add_str(out, "  ");
        if (red)
            buf_add_str(out, RED);
        buf_add_slice(out, buf_slice(&parts[i].text));
        if (red)
            buf_add_str(out, PLAIN);
        buf_done(&parts[i].text);
    }
}

static bool is_live(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

struct progress *progress_new(const char *run, int fd)
{
    struct progress *p = MEM_NEW(struct progress);
    const char *no_color = getenv("NO_COLOR");
    p->run = run;
    p->fd = fd;
    p->live = is_live(fd);
    p->color = p->live && !(no_color && *no_color);
    return p;
}

int progress_interval(const struct progress *p)
{
    return p->live ? PROGRESS_LIVE_MS : PROGRESS_PLAIN_MS;
}

static int terminal_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void put(const struct progress *p)
{
    ssize_t n = write(p->fd, p->line.data, p->line.len);
    (void)n;
}

void progress_show(struct progress *p, const struct dispatch_stats *stats)
{
    buf_clear(&p->line);
    if (p->live)
        buf_add_char(&p->line, '\r');
    /* The last column stays free: writing there makes some terminals go to the next line. */
    progress_text(stats, p->run, p->live ? terminal_width(p->fd) - 1 : 0, p->color, &p->line);
    buf_add_str(&p->line, p->live ? "\033[K" : "\n");
    p->drawn = p->live;
    put(p);
}

void progress_message(struct progress *p, const char *text)
{
    buf_clear(&p->line);
    if (p->drawn)
        buf_add_str(&p->line, "\r\033[K");
    output_visible(&p->line, slice_str(text));
    buf_add_char(&p->line, '\n');
    p->drawn = false;
    put(p);
}

void progress_free(struct progress *p)
{
    if (!p)
        return;
    if (p->drawn) {
        buf_clear(&p->line);
        buf_add_str(&p->line, "\r\033[K");
        put(p);
    }
    buf_done(&p->line);
    free(p);
}
