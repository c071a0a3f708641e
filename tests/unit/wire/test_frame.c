/* Frames: the same ones however the stream is cut, and what is no ktbatch stream is refused at once. */
#include "base/mem.h"
#include "wire/handshake.h"
#include "wire/message.h"

#include "unit/unit.h"

/* A stream with every type of message in it. */
static void add_every_message(struct buf *b)
{
    static const unsigned char key[WIRE_KEY_SIZE] = {7};
    struct handshake h = {0};
    const struct frame connect = {FRAME_CONNECT, "\0\0\0\1" "0123456789abcdef0123456789abcdef", 36};
    struct err err = ERR_INIT;
    handshake_connect(&h, b);
    assert_int_equal(handshake_challenge(&h, &connect, key, b, &err), 0);
    frame_add(b, FRAME_PROOF, key, sizeof key);
    message_setup_add(b, &(struct message_setup){.run = slice_str("cubes-1"), .library = slice_str("power_op"),
                                                 .function = slice_str("power"), .object = {"{\"y\":3}", 7}});
    size_t begin = message_tasks_begin(b, 0, 1);
    buf_add_str(b, "[1],[2],[\"a\\u0000b\"]");
    message_tasks_end(b, begin);
    message_count_add(b, FRAME_ACK, 3);
    message_empty_add(b, FRAME_DROP);
    message_empty_add(b, FRAME_FINISH);
    message_empty_add(b, FRAME_STOP);
    message_ready_add(b, &(struct message_ready){slice_str("0.1.0"), 4711, slice_str("node-1")});
    message_refused_add(b, slice_str("no library power_op.so in /tasks"));
    begin = message_results_begin(b, 0, 1, 150);
    buf_add_str(b, "12,1,9,8");
    message_results_end(b, begin);
    message_failed_add(b, &(struct message_failed){2, 1, 171, 30, OUTCOME_SIGNAL, 11, slice_str("SIGSEGV")});
    message_output_add(b, 2, 2, slice_str("about to fail\n"));
    message_progress_add(b, &(struct message_progress){2, 0.5, slice_str("half")});
    message_count_add(b, FRAME_DROPPED, 1);
    message_empty_add(b, FRAME_ALIVE);
}

static void feed(struct frame_reader *r, const char *bytes, size_t len)
{
    if (len)
        memcpy(frame_room(r, len), bytes, len);
    frame_feed(r, len);
}

/* Takes all whole frames and writes them down as they were on the wire; returns how many. */
static int take_all(struct frame_reader *r, struct buf *seen)
{
    struct frame f;
    struct err err = ERR_INIT;
    int got, count = 0;
    while ((got = frame_next(r, &f, &err)) == 1) {
        frame_add(seen, f.type, f.body, f.len);
        count++;
    }
    assert_int_equal(got, 0);
    return count;
}

static void assert_same(const struct buf *a, const struct buf *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, a->len);
}

static void test_every_message_split_at_every_byte(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf stream = {0};
    add_every_message(&stream);
    for (size_t at = 0; at <= stream.len; at++) {
        CLEANUP_BUF struct buf seen = {0};
        struct frame_reader r = {.max = WIRE_FRAME_MAX};
        feed(&r, stream.data, at);
        int count = take_all(&r, &seen);
        assert_true(seen.len <= at);
        feed(&r, stream.data + at, stream.len - at);
        count += take_all(&r, &seen);
        assert_int_equal(count, FRAME_TYPES - 1);
        assert_same(&seen, &stream);
        frame_reader_done(&r);
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf stream = {0};
    CLEANUP_BUF struct buf seen = {0};
    struct frame_reader r = {.max = WIRE_FRAME_MAX};
    int count = 0;
    add_every_message(&stream);
    for (size_t i = 0; i < stream.len; i++) {
        feed(&r, stream.data + i, 1);
        count += take_all(&r, &seen);
    }
    assert_int_equal(count, FRAME_TYPES - 1);
    assert_same(&seen, &stream);
    frame_reader_done(&r);
}

static void test_frames_of_all_sizes_in_all_pieces(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf stream = {0};
    CLEANUP_BUF struct buf body = {0};
    for (size_t len = 0; len < 3000; len += 1 + len / 7)
        for (int i = 0; i < 3; i++) {
            memset(buf_reserve(&body, len), (int)len + i, len);
            frame_add(&stream, FRAME_OUTPUT, body.data, len);
        }
    for (size_t piece = 1; piece < stream.len; piece += 1 + piece / 3) {
        CLEANUP_BUF struct buf seen = {0};
        struct frame_reader r = {.max = WIRE_FRAME_MAX};
        for (size_t at = 0; at < stream.len; at += piece) {
            feed(&r, stream.data + at, stream.len - at < piece ? stream.len - at : piece);
            take_all(&r, &seen);
        }
        assert_same(&seen, &stream);
        /* What has been handed out is not kept: the buffer holds one frame and one piece, doubled at most. */
        assert_true(r.bytes.cap <= 2 * (3000 + 2 * WIRE_HEADER + piece) + 64);
        frame_reader_done(&r);
    }
}

static void test_a_long_frame_leaves_no_long_buffer(void **state)
{
    (void)state;
    enum { LONG = 5 << 20, PIECE = 65536 };
    CLEANUP_BUF struct buf stream = {0};
    struct frame_reader r = {.max = WIRE_FRAME_MAX};
    struct frame f;
    struct err err = ERR_INIT;
    size_t begin = frame_begin(&stream, FRAME_RESULTS);
    memset(buf_reserve(&stream, LONG), 'x', LONG);
    stream.len += LONG;
    frame_end(&stream, begin);
    size_t at = 0;
    for (; stream.len - at > PIECE; at += PIECE) {
        feed(&r, stream.data + at, PIECE);
        assert_int_equal(frame_next(&r, &f, &err), 0);
    }
    feed(&r, stream.data + at, stream.len - at);
    assert_int_equal(frame_next(&r, &f, &err), 1);
    assert_int_equal(f.len, LONG);
    assert_memory_equal(f.body, stream.data + WIRE_HEADER, LONG);
    frame_room(&r, PIECE);
    assert_true(r.bytes.cap <= 2 * PIECE);
    frame_reader_done(&r);
}

static void check_refused(uint32_t max, const char *bytes, size_t len, const char *text)
{
    struct frame_reader r = {.max = max};
    struct frame f = {.len = 99};
    struct err err = ERR_INIT;
    /* One byte less is not enough to know. */
    feed(&r, bytes, len - 1);
    assert_int_equal(frame_next(&r, &f, &err), 0);
    feed(&r, bytes + len - 1, 1);
    assert_int_equal(frame_next(&r, &f, &err), -1);
    assert_non_null(strstr(err.text, text));
    assert_int_equal(err.class, ERR_BACKEND);
    assert_int_equal(f.len, 99);
    /* It stays so. */
    feed(&r, bytes, len);
    assert_int_equal(frame_next(&r, &f, &err), -1);
    frame_reader_done(&r);
}

static void test_too_long_before_the_proof(void **state)
{
    (void)state;
    check_refused(WIRE_HANDSHAKE_MAX, "\0\0\1\1", 4, "a frame of 257 bytes, at most 256");
    check_refused(WIRE_HANDSHAKE_MAX, "\xff\xff\xff\xff", 4, "a frame of 4294967295 bytes");
    check_refused(WIRE_HANDSHAKE_MAX, "GET / HTTP/1.1\r\n", 4, "does not speak the ktbatch protocol");
}

static void test_too_long_after_the_proof(void **state)
{
    (void)state;
    check_refused(WIRE_FRAME_MAX, "\4\0\0\1", 4, "a frame of 67108865 bytes, at most 67108864");
    struct frame_reader r = {.max = WIRE_FRAME_MAX};
    struct frame f;
    struct err err = ERR_INIT;
    feed(&r, "\4\0\0\0\14", 5);
    assert_int_equal(frame_next(&r, &f, &err), 0);
    frame_reader_done(&r);
}

static void test_the_limit_moves_between_two_frames(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf stream = {0};
    struct frame_reader r = {.max = WIRE_HANDSHAKE_MAX};
    struct frame f;
    struct err err = ERR_INIT;
    char body[1000] = {0};
    frame_add(&stream, FRAME_PROOF, body, 32);
    frame_add(&stream, FRAME_SETUP, body, sizeof body);
    feed(&r, stream.data, stream.len);
    assert_int_equal(frame_next(&r, &f, &err), 1);
    assert_int_equal(f.type, FRAME_PROOF);
    r.max = WIRE_FRAME_MAX;
    assert_int_equal(frame_next(&r, &f, &err), 1);
    assert_int_equal(f.type, FRAME_SETUP);
    assert_int_equal(f.len, sizeof body);
    frame_reader_done(&r);
}

static void test_no_stream_of_ours(void **state)
{
    (void)state;
    const char behind[] = {0, 0, 0, 9, FRAME_TYPES};
    check_refused(WIRE_FRAME_MAX, "\0\0\0\0", 4, "an empty frame");
    check_refused(WIRE_FRAME_MAX, "\0\0\0\1\0", 5, "unknown type 0");
    check_refused(WIRE_FRAME_MAX, "\0\0\0\1\xff", 5, "unknown type 255");
    check_refused(WIRE_FRAME_MAX, behind, sizeof behind, "unknown type");
}

static void test_names(void **state)
{
    (void)state;
    for (int type = 1; type < FRAME_TYPES; type++)
        assert_string_not_equal(frame_name((enum frame_type)type), "unknown");
    assert_string_equal(frame_name(FRAME_DROPPED), "DROPPED");
    assert_string_equal(frame_name((enum frame_type)0), "unknown");
    assert_string_equal(frame_name(FRAME_TYPES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message_split_at_every_byte),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_frames_of_all_sizes_in_all_pieces),
        cmocka_unit_test(test_a_long_frame_leaves_no_long_buffer),
        cmocka_unit_test(test_too_long_before_the_proof),
        cmocka_unit_test(test_too_long_after_the_proof),
        cmocka_unit_test(test_the_limit_moves_between_two_frames),
        cmocka_unit_test(test_no_stream_of_ours),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
