/* See frame.h.
 *
 * The reader keeps what has come in one buffer and hands out frames in place: `used` moves over them. Bytes are
 * moved to the front only when the room behind them runs out, and then only the rest of a frame that is not whole
 * yet; as `used` is 0 until that frame has been handed out, no byte is moved twice.
 */
#include "wire/frame.h"

#include "base/mem.h"

#define LENGTH_SIZE 4
/* A buffer that one long frame has blown up to more than this is given back when it is empty. */
#define KEEP_MAX ((size_t)1 << 20)

static const char *const names[FRAME_TYPES] = {
    [FRAME_CONNECT] = "CONNECT",   [FRAME_CHALLENGE] = "CHALLENGE", [FRAME_PROOF] = "PROOF",
    [FRAME_SETUP] = "SETUP",       [FRAME_TASKS] = "TASKS",         [FRAME_ACK] = "ACK",
    [FRAME_DROP] = "DROP",         [FRAME_FINISH] = "FINISH",       [FRAME_STOP] = "STOP",
    [FRAME_READY] = "READY",       [FRAME_REFUSED] = "REFUSED",     [FRAME_RESULTS] = "RESULTS",
    [FRAME_FAILED] = "FAILED",     [FRAME_OUTPUT] = "OUTPUT",       [FRAME_PROGRESS] = "PROGRESS",
    [FRAME_DROPPED] = "DROPPED",   [FRAME_ALIVE] = "ALIVE",
};

const char *frame_name(enum frame_type type)
{
    return (size_t)type < ARRAY_LEN(names) && names[type] ? names[type] : "unknown";
}

size_t frame_begin(struct buf *b, enum frame_type type)
{
    size_t begin = b->len;
    char *p = buf_reserve(b, WIRE_HEADER);
    memset(p, 0, LENGTH_SIZE);
    p[LENGTH_SIZE] = (char)type;
    b->len += WIRE_HEADER;
    return begin;
}

void frame_end(struct buf *b, size_t begin)
{
    size_t len = b->len - begin - LENGTH_SIZE;
    unsigned char *p = (unsigned char *)b->data + begin;
    p[0] = (unsigned char)(len >> 24);
    p[1] = (unsigned char)(len >> 16);
    p[2] = (unsigned char)(len >> 8);
    p[3] = (unsigned char)len;
}

void frame_add(struct buf *b, enum frame_type type, const void *body, size_t len)
{
    buf_reserve(b, WIRE_HEADER + len);
    size_t begin = frame_begin(b, type);
    buf_add(b, body, len);
    frame_end(b, begin);
}

void frame_reader_done(struct frame_reader *r)
{
    buf_done(&r->bytes);
    r->used = 0;
}

char *frame_room(struct frame_reader *r, size_t len)
{
    if (r->used == r->bytes.len) {
        if (r->bytes.cap > KEEP_MAX)
            buf_done(&r->bytes);
        buf_clear(&r->bytes);
        r->used = 0;
    } else if (r->used && r->bytes.cap - r->bytes.len < len) {
        buf_consume(&r->bytes, r->used);
        r->used = 0;
    }
    return buf_reserve(&r->bytes, len);
}

void frame_feed(struct frame_reader *r, size_t len)
{
    r->bytes.len += len;
}

int frame_next(struct frame_reader *r, struct frame *ret, struct err *err)
{
    size_t there = r->bytes.len - r->used;
    if (there < LENGTH_SIZE)
        return 0;
    const unsigned char *p = (const unsigned char *)r->bytes.data + r->used;
    uint32_t len = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
    if (len == 0)
        return err_set(err, ERR_BACKEND, "the peer does not speak the ktbatch protocol: it sent an empty frame");
    if (len > r->max)
        return err_set(err, ERR_BACKEND,
                       "the peer does not speak the ktbatch protocol: it sent a frame of %u bytes, at most %u are allowed here",
                       (unsigned)len, (unsigned)r->max);
    if (there < WIRE_HEADER)
        return 0;
    unsigned type = p[LENGTH_SIZE];
    if (type == 0 || type >= FRAME_TYPES)
        return err_set(err, ERR_BACKEND, "the peer does not speak the ktbatch protocol: it sent a frame of the unknown type %u",
                       type);
    if (there - LENGTH_SIZE < len)
        return 0;
    *ret = (struct frame){(enum frame_type)type, (const char *)p + WIRE_HEADER, len - 1};
    r->used += LENGTH_SIZE + len;
    return 1;
}
