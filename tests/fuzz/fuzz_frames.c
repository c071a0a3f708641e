/* Frames and messages: the first byte says in pieces of what size the rest, a stream, is fed to a reader.
 *
 * Beside not crashing: the frames are the same as when the stream comes in one piece, and a message that can be read
 * is read alike after it has been written again.
 */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "base/mem.h"
#include "wire/message.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool slices_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool json_same(struct json a, struct json b)
{
    return slices_equal((struct slice){a.p, a.len}, (struct slice){b.p, b.len});
}

/* The frame that `b` holds. */
static struct frame written(const struct buf *b)
{
    require(b->len >= WIRE_HEADER);
    return (struct frame){(enum frame_type)b->data[4], b->data + WIRE_HEADER, b->len - WIRE_HEADER};
}

/* Reads every byte of a value as its users would. */
static size_t walk(struct json v)
{
    size_t n = 1;
    struct json_iter it = json_iter(v);
    while (json_next(&it))
        n += walk(it.value);
    return n;
}

static void setup(const struct frame *f, struct buf *b, struct buf *texts, struct buf *again)
{
    struct message_setup a, c;
    struct err err;
    if (message_setup_read(f, &a, texts, &err))
        return;
    walk(a.object);
    message_setup_add(b, &a);
    struct frame g = written(b);
    require(message_setup_read(&g, &c, again, &err) == 0);
    require(slices_equal(a.run, c.run) && a.tasks == c.tasks && a.timeout_us == c.timeout_us && a.command == c.command);
    require(slices_equal(a.cwd, c.cwd) && json_same(a.env, c.env) && memchr(a.cwd.p, '\0', a.cwd.len) == NULL);
    if (!a.command)
        require(slices_equal(a.library, c.library) && slices_equal(a.digest, c.digest) && slices_equal(a.function, c.function) &&
                json_same(a.object, c.object) && json_same(a.names, c.names));
}

static void tasks(const struct frame *f, struct buf *b)
{
    struct message_tasks a, c;
    struct err err;
    if (message_tasks_read(f, &a, &err))
        return;
    walk(a.items);
    size_t begin = message_tasks_begin(b, a.first, a.attempt);
    buf_add(b, a.items.p + 1, a.items.len - 2);
    message_tasks_end(b, begin);
    struct frame g = written(b);
    require(message_tasks_read(&g, &c, &err) == 0);
    require(a.first == c.first && a.attempt == c.attempt && a.count == c.count && json_same(a.items, c.items));
}

static void results(const struct frame *f, struct buf *b)
{
    struct message_results a, c;
    struct err err;
    int64_t us;
    if (message_results_read(f, &a, &err))
        return;
    struct json_iter it = json_iter(a.items);
    while (json_next(&it)) {
        require(json_i64(it.value, &us) && us >= 0);
        require(json_next(&it));
        walk(it.value);
    }
    size_t begin = message_results_begin(b, a.first, a.attempt, a.at);
    buf_add(b, a.items.p + 1, a.items.len - 2);
    message_results_end(b, begin);
    struct frame g = written(b);
    require(message_results_read(&g, &c, &err) == 0);
    require(a.first == c.first && a.attempt == c.attempt && a.at == c.at && json_same(a.items, c.items));
}

static void failed(const struct frame *f, struct buf *b, struct buf *texts, struct buf *again)
{
    struct message_failed a, c;
    struct err err;
    if (message_failed_read(f, &a, texts, &err))
        return;
    require(a.outcome > OUTCOME_OK && a.outcome < OUTCOME_COUNT);
    message_failed_add(b, &a);
    struct frame g = written(b);
    require(message_failed_read(&g, &c, again, &err) == 0);
    require(a.task == c.task && a.attempt == c.attempt && a.at == c.at && a.us == c.us && a.outcome == c.outcome &&
            a.status == c.status && slices_equal(a.message, c.message));
}

static void output(const struct frame *f, struct buf *b)
{
    struct message_output a, c;
    struct err err;
    if (message_output_read(f, &a, &err))
        return;
    message_output_add(b, a.task, a.stream, a.bytes);
    if (a.bytes.len == 0)
        return;
    struct frame g = written(b);
    require(message_output_read(&g, &c, &err) == 0);
    require(a.task == c.task && a.stream == c.stream && slices_equal(a.bytes, c.bytes));
}

static void progress(const struct frame *f, struct buf *b, struct buf *texts, struct buf *again)
{
    struct message_progress a, c;
    struct err err;
    if (message_progress_read(f, &a, texts, &err))
        return;
    message_progress_add(b, &a);
    struct frame g = written(b);
    require(message_progress_read(&g, &c, again, &err) == 0);
    require(a.task == c.task && a.fraction == c.fraction && slices_equal(a.text, c.text));
}

static void ready(const struct frame *f, struct buf *b, struct buf *texts, struct buf *again)
{
    struct message_ready a, c;
    struct err err;
    if (message_ready_read(f, &a, texts, &err))
        return;
    message_ready_add(b, &a);
    struct frame g = written(b);
    require(message_ready_read(&g, &c, again, &err) == 0);
    require(slices_equal(a.version, c.version) && a.pid == c.pid && slices_equal(a.host, c.host));
}

static void refused(const struct frame *f, struct buf *b, struct buf *texts, struct buf *again)
{
    struct slice a, c;
    struct err err;
    if (message_refused_read(f, &a, texts, &err))
        return;
    message_refused_add(b, a);
    struct frame g = written(b);
    require(message_refused_read(&g, &c, again, &err) == 0);
    require(slices_equal(a, c));
}

static void count(const struct frame *f, struct buf *b)
{
    int64_t a, c;
    struct err err;
    if (message_count_read(f, &a, &err))
        return;
    message_count_add(b, f->type, a);
    struct frame g = written(b);
    require(message_count_read(&g, &c, &err) == 0 && a == c);
}

static void use(const struct frame *f)
{
    CLEANUP_BUF struct buf b = {0};
    CLEANUP_BUF struct buf texts = {0};
    CLEANUP_BUF struct buf again = {0};
    switch (f->type) {
    case FRAME_SETUP:
        setup(f, &b, &texts, &again);
        return;
    case FRAME_TASKS:
        tasks(f, &b);
        return;
    case FRAME_RESULTS:
        results(f, &b);
        return;
    case FRAME_FAILED:
        failed(f, &b, &texts, &again);
        return;
    case FRAME_OUTPUT:
        output(f, &b);
        return;
    case FRAME_PROGRESS:
        progress(f, &b, &texts, &again);
        return;
    case FRAME_READY:
        ready(f, &b, &texts, &again);
        return;
    case FRAME_REFUSED:
        refused(f, &b, &texts, &again);
        return;
    case FRAME_ACK:
    case FRAME_DROPPED:
        count(f, &b);
        return;
    case FRAME_CONNECT:
    case FRAME_CHALLENGE:
    case FRAME_PROOF:
    case FRAME_DROP:
    case FRAME_FINISH:
    case FRAME_STOP:
    case FRAME_ALIVE:
    case FRAME_TYPES:
        return;
    }
}

/* Feeds the stream in pieces and writes down the frames, if `seen`, or uses them. Returns whether it was refused. */
static bool cut(const uint8_t *data, size_t size, size_t piece, struct buf *seen, bool using)
{
    struct frame_reader r = {.max = WIRE_FRAME_MAX};
    struct frame f;
    struct err err;
    int got = 0;
    for (size_t at = 0; at < size && got >= 0; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        memcpy(frame_room(&r, len), data + at, len);
        frame_feed(&r, len);
        while ((got = frame_next(&r, &f, &err)) == 1) {
            frame_add(seen, f.type, f.body, f.len);
            if (using)
                use(&f);
        }
    }
    frame_reader_done(&r);
    return got < 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_BUF struct buf whole = {0};
    CLEANUP_BUF struct buf pieces = {0};
    if (size < 2)
        return 0;
    bool a = cut(data + 1, size - 1, size - 1, &whole, true);
    bool b = cut(data + 1, size - 1, (size_t)data[0] + 1, &pieces, false);
    require(a == b && whole.len == pieces.len && (whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0));
    return 0;
}
