/* Frames: how messages lie in the stream of bytes. PROTOCOL.md is the description for people.
 *
 * A frame is four bytes of length (big endian; counts what follows them), one byte of type, and a body: JSON
 * text, or raw bytes for FRAME_OUTPUT. Touches no socket: bytes in, frames out, and the other way round.
 */
#ifndef KT_WIRE_FRAME_H
#define KT_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define WIRE_VERSION 1
#define WIRE_HEADER 5
/* The longest frame a peer may send that has proven nothing, and one that has. */
#define WIRE_HANDSHAKE_MAX 256u
#define WIRE_FRAME_MAX (64u << 20)

enum frame_type {
    /* handshake */
    FRAME_CONNECT = 1, /* runner: version and nonce */
    FRAME_CHALLENGE,   /* worker: nonce and proof */
    FRAME_PROOF,       /* runner: proof */
    /* runner to worker */
    FRAME_SETUP,  /* what all tasks have in common; once */
    FRAME_TASKS,  /* some tasks */
    FRAME_ACK,    /* so many outcomes are durable */
    FRAME_DROP,   /* do not start what you have not started */
    FRAME_FINISH, /* no further tasks come */
    FRAME_STOP,   /* kill what runs, and close */
    /* worker to runner */
    FRAME_READY,    /* who I am; the answer to SETUP */
    FRAME_REFUSED,  /* I cannot run this; the other answer to SETUP */
    FRAME_RESULTS,  /* results of consecutive tasks */
    FRAME_FAILED,   /* one task failed */
    FRAME_OUTPUT,   /* what a task printed */
    FRAME_PROGRESS, /* what a task says of itself while it runs */
    FRAME_DROPPED,  /* so many were not started: the answer to DROP */
    /* both */
    FRAME_ALIVE, /* empty: I live */
    FRAME_TYPES
};
const char *frame_name(enum frame_type type);

/* Appends a frame's header; the body is appended by the caller, then frame_end() fills in the length. Whoever puts
 * in what a task gave keeps the body under WIRE_FRAME_MAX. */
size_t frame_begin(struct buf *b, enum frame_type type);
void frame_end(struct buf *b, size_t begin);
/* A frame with that body, at once. */
void frame_add(struct buf *b, enum frame_type type, const void *body, size_t len);

struct frame {
    enum frame_type type;
    const char *body; /* inside the reader's buffer, until the next call of frame_room() */
    size_t len;
};

/* Cuts a stream into frames. A zeroed struct with `max` set is ready. */
struct frame_reader {
    struct buf bytes;
    size_t used;
    uint32_t max; /* longest frame taken now: WIRE_HANDSHAKE_MAX, later WIRE_FRAME_MAX */
};
void frame_reader_done(struct frame_reader *r);
/* Where to put up to `len` bytes read from the socket; frame_feed() says how many came. Frames that frame_next()
 * handed out before are gone with this call. */
char *frame_room(struct frame_reader *r, size_t len);
void frame_feed(struct frame_reader *r, size_t len);
/* 1 and the next whole frame, 0 if more bytes are needed, -1 if the stream is no ktbatch stream (too long, an
 * unknown type, an empty one). A length over `max` is refused as soon as its four bytes are there. */
int frame_next(struct frame_reader *r, struct frame *ret, struct err *err);

#endif
