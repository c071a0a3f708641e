/* The handshake with a peer that has no key: a stream of frames, each given to both sides, and a key's text.
 *
 * Beside not crashing: nobody gets through. CONNECT is the only frame that is answered.
 */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "wire/handshake.h"

#define KEY_TEXT_MAX 200

static const unsigned char key[WIRE_KEY_SIZE] = "nobody who fuzzes has this key.";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void offer(const struct frame *f)
{
    CLEANUP_BUF struct buf out = {0};
    struct handshake runner = {0}, worker = {0};
    struct err err;
    handshake_connect(&runner, &out);
    buf_clear(&out);
    require(handshake_prove(&runner, f, key, &out, &err) == -1);
    require(handshake_accept(&worker, f, key, &err) == -1);
    require(out.len == 0);
    bool answered = handshake_challenge(&worker, f, key, &out, &err) == 0;
    require(answered == (out.len != 0) && (!answered || f->type == FRAME_CONNECT));
    require(handshake_accept(&worker, f, key, &err) == -1);
}

static void read_key(const uint8_t *data, size_t size)
{
    unsigned char got[WIRE_KEY_SIZE];
    char hex[2 * WIRE_KEY_SIZE + 1];
    struct err err;
    int ends[2];
    size_t len = size < KEY_TEXT_MAX ? size : KEY_TEXT_MAX;
    require(pipe(ends) == 0);
    require(write(ends[1], data, len) == (ssize_t)len);
    close(ends[1]);
    if (key_read_fd(ends[0], got, &err) == 0) {
        hex_encode(got, sizeof got, hex);
        require(len > 2 * WIRE_KEY_SIZE && data[2 * WIRE_KEY_SIZE] == '\n' &&
                strncasecmp(hex, (const char *)data, 2 * WIRE_KEY_SIZE) == 0);
    }
    close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_reader r = {.max = WIRE_HANDSHAKE_MAX};
    struct frame f;
    struct err err;
    if (size)
        memcpy(frame_room(&r, size), data, size);
    frame_feed(&r, size);
    while (frame_next(&r, &f, &err) == 1) {
        require(f.len < WIRE_HANDSHAKE_MAX);
        offer(&f);
    }
    frame_reader_done(&r);
    read_key(data, size);
    return 0;
}
