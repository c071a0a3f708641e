/* Messages: what is written is read back; what is malformed is refused, and the member named. */
#include "wire/message.h"

#include <math.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"

#include "unit/unit.h"

/* The only frame in `b`, which must be of that type. */
static struct frame only_frame(const struct buf *b, enum frame_type type)
{
    struct frame f = {type, b->data + WIRE_HEADER, b->len - WIRE_HEADER};
    const unsigned char *p = (const unsigned char *)b->data;
    assert_int_equal(p[4], type);
    assert_int_equal((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3], b->len - 4);
    return f;
}

static void assert_slice(struct slice s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.p, text, s.len);
    assert_int_equal(s.p[s.len], '\0');
}

static void assert_json(struct json v, const char *text)
{
    assert_int_equal(v.len, strlen(text));
    assert_memory_equal(v.p, text, v.len);
}

static void assert_body(const struct frame *f, const char *text)
{
    assert_int_equal(f->len, strlen(text));
    assert_memory_equal(f->body, text, f->len);
}

#define JSON(text) ((struct json){text, sizeof(text) - 1})

static void test_setup_of_a_function(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    CLEANUP_BUF struct buf texts = {0};
    struct message_setup got;
    struct err err = ERR_INIT;
    message_setup_add(&b, &(struct message_setup){
        .run = slice_str("cubes-1"), .tasks = 1, .timeout_us = 250000, .library = slice_str("power_op"),
        .digest = slice_str("ab12"), .function = slice_str("power"), .object = JSON("{\"y\":3.10}"),
        .names = JSON("[\"x\"]"), .env = JSON("{\"A\":\"b=\\\"c\\\"\"}"), .cwd = slice_str("/tmp/a \"b\"\n\xc3\xa9")});
    struct frame f = only_frame(&b, FRAME_SETUP);
    assert_int_equal(message_setup_read(&f, &got, &texts, &err), 0);
    assert_slice(got.run, "cubes-1");
    assert_int_equal(got.tasks, 1);
    assert_int_equal(got.timeout_us, 250000);
    assert_false(got.command);
    assert_slice(got.library, "power_op");
    assert_slice(got.digest, "ab12");
    assert_slice(got.function, "power");
    assert_json(got.object, "{\"y\":3.10}");
    assert_json(got.names, "[\"x\"]");
    assert_json(got.env, "{\"A\":\"b=\\\"c\\\"\"}");
    assert_slice(got.cwd, "/tmp/a \"b\"\n\xc3\xa9");
}

static void test_setup_of_a_command(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    CLEANUP_BUF struct buf texts = {0};
    struct message_setup got;
    struct err err = ERR_INIT;
    message_setup_add(&b, &(struct message_setup){.run = slice_str("sweep-12"), .command = true, .names = JSON("null")});
    struct frame f = only_frame(&b, FRAME_SETUP);
    assert_body(&f, "{\"run\":\"sweep-12\",\"tasks\":0,\"timeout\":0,\"command\":true}");
    assert_int_equal(message_setup_read(&f, &got, &texts, &err), 0);
    assert_true(got.command);
    assert_int_equal(got.timeout_us, 0);
    assert_int_equal(got.library.len + got.digest.len + got.function.len + got.cwd.len, 0);
    assert_int_equal(json_type(got.object), JSON_NONE);
    assert_int_equal(json_type(got.names), JSON_NULL);
    assert_int_equal(json_count(got.env), 0);
}

static void test_tasks(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    struct message_tasks got;
    struct err err = ERR_INIT;
    size_t begin = message_tasks_begin(&b, 41, 2);
    buf_add_str(&b, "[4,\"a,]\"],[5,[]],[6,null]");
    message_tasks_end(&b, begin);
    struct frame f = only_frame(&b, FRAME_TASKS);
    assert_body(&f, "{\"first\":41,\"attempt\":2,\"items\":[[4,\"a,]\"],[5,[]],[6,null]]}");
    assert_int_equal(message_tasks_read(&f, &got, &err), 0);
    assert_int_equal(got.first, 41);
    assert_int_equal(got.attempt, 2);
    assert_int_equal(got.count, 3);
    assert_json(got.items, "[[4,\"a,]\"],[5,[]],[6,null]]");
}

static void test_results(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    struct message_results got;
    struct err err = ERR_INIT;
    size_t begin = message_results_begin(&b, INT64_C(1) << 61, 1, 1500);
    buf_add_str(&b, "12,64,9,[1.0,{\"a\":2}]");
    message_results_end(&b, begin);
    struct frame f = only_frame(&b, FRAME_RESULTS);
    assert_int_equal(message_results_read(&f, &got, &err), 0);
    assert_true(got.first == INT64_C(1) << 61);
    assert_int_equal(got.attempt, 1);
    assert_int_equal(got.at, 1500);
    assert_json(got.items, "[12,64,9,[1.0,{\"a\":2}]]");
}

/* Frames stand one behind the other in a buffer, and a begun one may be moved by its growth. */
static void test_results_behind_others(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    struct message_results got;
    struct err err = ERR_INIT;
    message_empty_add(&b, FRAME_ALIVE);
    size_t begin = message_results_begin(&b, 0, 1, 0);
    for (int i = 0; i < 5000; i++) {
        if (i)
            buf_add_char(&b, ',');
        buf_add_i64(&b, i);
        buf_add_str(&b, ",\"r\"");
    }
    message_results_end(&b, begin);
    assert_int_equal(begin, WIRE_HEADER);
    const struct buf rest = {b.data + begin, b.len - begin, 0};
    struct frame f = only_frame(&rest, FRAME_RESULTS);
    assert_int_equal(message_results_read(&f, &got, &err), 0);
    assert_int_equal(json_count(got.items), 10000);
}

static void test_failed(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf texts = {0};
    struct err err = ERR_INIT;
    for (int o = OUTCOME_ERROR; o < OUTCOME_COUNT; o++) {
        CLEANUP_BUF struct buf b = {0};
        struct message_failed got;
        message_failed_add(&b, &(struct message_failed){9, 3, 77, 12, (enum outcome)o, 127,
                                                         slice_str("no \"x\"\t\xf0\x9f\x98\x80")});
        struct frame f = only_frame(&b, FRAME_FAILED);
        assert_int_equal(message_failed_read(&f, &got, &texts, &err), 0);
        assert_int_equal(got.task, 9);
        assert_int_equal(got.attempt, 3);
        assert_int_equal(got.at, 77);
        assert_int_equal(got.us, 12);
        assert_int_equal(got.outcome, o);
        assert_int_equal(got.status, 127);
        assert_slice(got.message, "no \"x\"\t\xf0\x9f\x98\x80");
    }
}

/* What a task says need not be UTF-8. */
static void test_failed_with_any_bytes(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    CLEANUP_BUF struct buf texts = {0};
    struct message_failed got;
    struct err err = ERR_INIT;
    message_failed_add(&b, &(struct message_failed){0, 1, 0, 0, OUTCOME_ERROR, 0, {"a\0\xff\x7f", 4}});
    struct frame f = only_frame(&b, FRAME_FAILED);
    assert_int_equal(message_failed_read(&f, &got, &texts, &err), 0);
    assert_int_equal(got.message.len, 6);
    assert_memory_equal(got.message.p, "a\0\xef\xbf\xbd\x7f", 6);
}

static void test_output(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    struct message_output got;
    struct err err = ERR_INIT;
    message_output_add(&b, 0x0102030405060708, 2, (struct slice){"\0\xff\n", 3});
    struct frame f = only_frame(&b, FRAME_OUTPUT);
    assert_memory_equal(f.body, "\1\2\3\4\5\6\7\10\2\0\xff\n", 12);
    assert_int_equal(message_output_read(&f, &got, &err), 0);
    assert_true(got.task == 0x0102030405060708);
    assert_int_equal(got.stream, 2);
    assert_int_equal(got.bytes.len, 3);
    assert_memory_equal(got.bytes.p, "\0\xff\n", 3);
}

static void test_output_in_several_frames(void **state)
{
    (void)state;
    enum { LEN = 2 * MESSAGE_OUTPUT_MAX + 10 };
    CLEANUP_BUF struct buf given = {0};
    CLEANUP_BUF struct buf seen = {0};
    struct frame_reader r = {.max = WIRE_FRAME_MAX};
    struct message_output got;
    struct frame f;
    struct err err = ERR_INIT;
    for (int i = 0; i < LEN; i++)
        buf_add_char(&given, (char)(i * 7 + i / 1000));
    message_output_add(&r.bytes, 5, 1, buf_slice(&given));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frame_next(&r, &f, &err), 1);
        assert_int_equal(message_output_read(&f, &got, &err), 0);
        assert_int_equal(got.bytes.len, i < 2 ? MESSAGE_OUTPUT_MAX : 10);
        buf_add_slice(&seen, got.bytes);
    }
    assert_int_equal(frame_next(&r, &f, &err), 0);
    assert_memory_equal(given.data, seen.data, LEN);
    frame_reader_done(&r);
    message_output_add(&r.bytes, 5, 1, (struct slice){NULL, 0});
    assert_int_equal(r.bytes.len, 0);
}

static void test_output_malformed(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    struct message_output got;
    struct err err = ERR_INIT;
    for (size_t len = 0; len < 9; len++) {
        const struct frame f = {FRAME_OUTPUT, "\0\0\0\0\0\0\0\0\1", len};
        assert_int_equal(message_output_read(&f, &got, &err), -1);
    }
    static const char *const wrong[] = {"\0\0\0\0\0\0\0\0\0", "\0\0\0\0\0\0\0\0\3", "\0\0\0\0\0\0\0\0\xff",
                                        "\x80\0\0\0\0\0\0\0\1", "\x40\0\0\0\0\0\0\1\1"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const struct frame f = {FRAME_OUTPUT, wrong[i], 9};
        assert_int_equal(message_output_read(&f, &got, &err), -1);
    }
    memset(buf_reserve(&b, MESSAGE_OUTPUT_MAX + 10), 1, MESSAGE_OUTPUT_MAX + 10);
    const struct frame f = {FRAME_OUTPUT, b.data, MESSAGE_OUTPUT_MAX + 10};
    assert_int_equal(message_output_read(&f, &got, &err), -1);
}

static void test_progress(void **state)
{
    (void)state;
    static const struct {
        double said, sent;
    } fractions[] = {{0, 0}, {0.1, 0.1}, {1, 1}, {1.5, 1}, {-3, 0}, {NAN, 0}, {INFINITY, 1}};
    CLEANUP_BUF struct buf texts = {0};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(fractions); i++) {
        CLEANUP_BUF struct buf b = {0};
        struct message_progress got;
        message_progress_add(&b, &(struct message_progress){6, fractions[i].said, slice_str("epoch 3")});
        struct frame f = only_frame(&b, FRAME_PROGRESS);
        assert_int_equal(message_progress_read(&f, &got, &texts, &err), 0);
        assert_int_equal(got.task, 6);
        assert_true(got.fraction == fractions[i].sent);
        assert_slice(got.text, "epoch 3");
    }
}

static void test_ready_and_refused(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = {0};
    CLEANUP_BUF struct buf texts = {0};
    struct message_ready got;
    struct slice message;
    struct err err = ERR_INIT;
    message_ready_add(&b, &(struct message_ready){slice_str("0.1.0"), 4711, slice_str("node-1")});
    struct frame f = only_frame(&b, FRAME_READY);
    assert_body(&f, "{\"version\":\"0.1.0\",\"pid\":4711,\"host\":\"node-1\"}");
    assert_int_equal(message_ready_read(&f, &got, &texts, &err), 0);
    assert_slice(got.version, "0.1.0");
    assert_int_equal(got.pid, 4711);
    assert_slice(got.host, "node-1");
    buf_clear(&b);
    message_refused_add(&b, slice_str("no library x.so in /a, /b"));
    f = only_frame(&b, FRAME_REFUSED);
    assert_int_equal(message_refused_read(&f, &message, &texts, &err), 0);
    assert_slice(message, "no library x.so in /a, /b");
}

static void test_counts_and_empty_ones(void **state)
{
    (void)state;
    static const enum frame_type counts[] = {FRAME_ACK, FRAME_DROPPED};
    static const enum frame_type empty[] = {FRAME_DROP, FRAME_FINISH, FRAME_STOP, FRAME_ALIVE};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        CLEANUP_BUF struct buf b = {0};
        int64_t got;
        message_count_add(&b, counts[i], INT64_C(3000000000));
        struct frame f = only_frame(&b, counts[i]);
        assert_body(&f, "{\"tasks\":3000000000}");
        assert_int_equal(message_count_read(&f, &got, &err), 0);
        assert_true(got == INT64_C(3000000000));
    }
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        CLEANUP_BUF struct buf b = {0};
        message_empty_add(&b, empty[i]);
        assert_int_equal(only_frame(&b, empty[i]).len, 0);
    }
}

/* ---- bodies that others may send ---- */

static int read_any(const struct frame *f, struct buf *texts, struct err *err)
{
    union {
        struct message_setup setup;
        struct message_tasks tasks;
        struct message_results results;
        struct message_failed failed;
        struct message_progress progress;
        struct message_ready ready;
        struct slice text;
        int64_t count;
        unsigned char bytes[sizeof(struct message_setup)];
    } got;
    memset(&got, 0xa5, sizeof got);
    int result = -2;
    if (f->type == FRAME_SETUP)
        result = message_setup_read(f, &got.setup, texts, err);
    else if (f->type == FRAME_TASKS)
        result = message_tasks_read(f, &got.tasks, err);
    else if (f->type == FRAME_RESULTS)
        result = message_results_read(f, &got.results, err);
    else if (f->type == FRAME_FAILED)
        result = message_failed_read(f, &got.failed, texts, err);
    else if (f->type == FRAME_PROGRESS)
        result = message_progress_read(f, &got.progress, texts, err);
    else if (f->type == FRAME_READY)
        result = message_ready_read(f, &got.ready, texts, err);
    else if (f->type == FRAME_REFUSED)
        result = message_refused_read(f, &got.text, texts, err);
    else
        result = message_count_read(f, &got.count, err);
    for (size_t i = 0; result && i < sizeof got; i++)
        assert_int_equal(got.bytes[i], 0xa5);
    return result;
}

static void test_others_may_write_differently(void **state)
{
    (void)state;
    static const struct {
        enum frame_type type;
        const char *body;
    } good[] = {
        {FRAME_ACK, " { \"since\" : [1,{\"tasks\":9}] , \"tasks\" : 3 }\n"},
        {FRAME_ACK, "{\"t\\u0061sks\":3}"},
        {FRAME_TASKS, "{\"items\":[],\"attempt\":1,\"first\":0}"},
        {FRAME_RESULTS, "{\"items\":[ 1 , 2 ],\"at\":0,\"attempt\":1,\"first\":0,\"more\":null}"},
        {FRAME_RESULTS, "{\"items\":[],\"at\":0,\"attempt\":1,\"first\":0}"},
        {FRAME_SETUP,
         "{\"command\":true,\"run\":\"a-1\",\"timeout\":0,\"tasks\":0,\"cwd\":null,\"env\":null,\"names\":null,\"object\":null}"},
        {FRAME_SETUP, "{\"command\":true,\"run\":\"a-1\",\"timeout\":0,\"tasks\":0,\"cwd\":\"\",\"digest\":\"\"}"},
        {FRAME_PROGRESS, "{\"task\":1,\"fraction\":1}"},
        {FRAME_PROGRESS, "{\"task\":1,\"fraction\":5e-1,\"text\":null}"},
        /* A member twice: the last one counts. */
        {FRAME_REFUSED, "{\"message\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"message\":\"b\"}"},
    };
    CLEANUP_BUF struct buf texts = {0};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const struct frame f = {good[i].type, good[i].body, strlen(good[i].body)};
        if (read_any(&f, &texts, &err))
            fail_msg("%s: %s", good[i].body, err.text);
    }
}

#define SETUP "\"run\":\"a-1\",\"tasks\":0,\"timeout\":0"
#define FUNCTION SETUP ",\"command\":false,\"library\":\"l\",\"function\":\"f\""
#define FAILED "\"task\":1,\"attempt\":1,\"at\":0,\"us\":0"

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        enum frame_type type;
        const char *body, *text;
    } bad[] = {
        {FRAME_ACK, "", "malformed ACK from the peer: no JSON at byte 0"},
        {FRAME_ACK, "{\"tasks\":3", "no JSON at byte 10"},
        {FRAME_ACK, "{\"tasks\":3}}", "no JSON at byte 11"},
        {FRAME_ACK, "[3]", "no JSON object"},
        {FRAME_ACK, "3", "no JSON object"},
        {FRAME_ACK, "{}", "`tasks` is missing"},
        {FRAME_ACK, "{\"tasks\":null}", "`tasks` is not a whole number from 0"},
        {FRAME_DROPPED, "{\"tasks\":-1}", "malformed DROPPED from the peer: `tasks` is not"},
        {FRAME_ACK, "{\"tasks\":1.0}", "`tasks` is not"},
        {FRAME_ACK, "{\"tasks\":\"1\"}", "`tasks` is not"},
        {FRAME_ACK, "{\"tasks\":9223372036854775807}", "`tasks` is not"},
        {FRAME_ACK, "{\"tasks\":99999999999999999999}", "`tasks` is not"},
        {FRAME_TASKS, "{\"first\":0,\"attempt\":1}", "`items` is missing"},
        {FRAME_TASKS, "{\"first\":0,\"attempt\":1,\"items\":{}}", "`items` is not an array"},
        {FRAME_TASKS, "{\"first\":0,\"attempt\":0,\"items\":[]}", "`attempt` is out of range"},
        {FRAME_TASKS, "{\"first\":0,\"attempt\":3000000000,\"items\":[]}", "`attempt` is out of range"},
        {FRAME_TASKS, "{\"first\":-1,\"attempt\":1,\"items\":[]}", "`first` is not"},
        {FRAME_TASKS, "{\"attempt\":1,\"items\":[]}", "`first` is missing"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"items\":[1,2]}", "`at` is missing"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"at\":0,\"items\":[1]}", "`items` does not alternate"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"at\":0,\"items\":[1,2,3]}", "`items` does not alternate"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"at\":0,\"items\":[\"1\",2]}", "`items` does not alternate"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"at\":0,\"items\":[-1,2]}", "`items` does not alternate"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"at\":0,\"items\":[0.5,2]}", "`items` does not alternate"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"at\":0,\"items\":[1,\"\xff\"]}", "no JSON at byte"},
        {FRAME_FAILED, "{" FAILED ",\"class\":\"error\",\"status\":0}", "`message` is missing"},
        {FRAME_FAILED, "{" FAILED ",\"class\":\"oops\",\"status\":0,\"message\":\"\"}", "`class` is no class"},
        {FRAME_FAILED, "{" FAILED ",\"class\":\"\",\"status\":0,\"message\":\"\"}", "`class` is no class"},
        {FRAME_FAILED, "{" FAILED ",\"class\":7,\"status\":0,\"message\":\"\"}", "`class` is not a string"},
        {FRAME_FAILED, "{" FAILED ",\"class\":\"exit\",\"status\":4294967296,\"message\":\"\"}", "`status` is out of range"},
        {FRAME_FAILED, "{" FAILED ",\"class\":\"exit\",\"status\":1,\"message\":[]}", "`message` is not a string"},
        {FRAME_PROGRESS, "{\"task\":1,\"fraction\":1.01,\"text\":\"\"}", "`fraction` is not a number from 0 to 1"},
        {FRAME_PROGRESS, "{\"task\":1,\"fraction\":\"nan\",\"text\":\"\"}", "`fraction` is not"},
        {FRAME_PROGRESS, "{\"task\":1,\"text\":\"\"}", "`fraction` is missing"},
        {FRAME_READY, "{\"version\":\"1\",\"pid\":1}", "`host` is missing"},
        {FRAME_READY, "{\"version\":1,\"pid\":1,\"host\":\"\"}", "`version` is not a string"},
        {FRAME_REFUSED, "{}", "`message` is missing"},
        {FRAME_SETUP, "{" SETUP "}", "`command` is missing"},
        {FRAME_SETUP, "{" SETUP ",\"command\":1}", "`command` is not true or false"},
        {FRAME_SETUP, "{" SETUP ",\"command\":false,\"library\":\"l\"}", "`function` is missing"},
        {FRAME_SETUP, "{" SETUP ",\"command\":false,\"function\":\"l\"}", "`library` is missing"},
        {FRAME_SETUP, "{" SETUP ",\"command\":true,\"run\":\"\"}", "`run` is not a string that is not empty"},
        {FRAME_SETUP, "{" FUNCTION ",\"library\":\"a\\u0000b\"}", "`library` is not"},
        {FRAME_SETUP, "{" FUNCTION ",\"object\":[]}", "`object` is not an object"},
        {FRAME_SETUP, "{" FUNCTION ",\"names\":[\"x\",1]}", "`names` is not an array of strings"},
        {FRAME_SETUP, "{" FUNCTION ",\"env\":[]}", "`env` is not an object of environment variables"},
        {FRAME_SETUP, "{" FUNCTION ",\"env\":{\"A\":1}}", "`env` is not"},
        {FRAME_SETUP, "{" FUNCTION ",\"env\":{\"A=B\":\"1\"}}", "`env` is not"},
        {FRAME_SETUP, "{" FUNCTION ",\"env\":{\"A\\u003DB\":\"1\"}}", "`env` is not"},
        {FRAME_SETUP, "{" FUNCTION ",\"env\":{\"\":\"1\"}}", "`env` is not"},
        {FRAME_SETUP, "{" FUNCTION ",\"env\":{\"A\":\"\\u0000\"}}", "`env` is not"},
        {FRAME_SETUP, "{" FUNCTION ",\"cwd\":\"tmp\"}", "`cwd` is not absolute"},
        {FRAME_SETUP, "{" FUNCTION ",\"cwd\":\"/tmp\\u0000\"}", "`cwd` is not"},
    };
    CLEANUP_BUF struct buf texts = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        const struct frame f = {bad[i].type, bad[i].body, strlen(bad[i].body)};
        if (read_any(&f, &texts, &err) != -1 || !strstr(err.text, bad[i].text))
            fail_msg("%s: \"%s\" instead of \"%s\"", bad[i].body, err.text, bad[i].text);
        assert_int_equal(err.class, ERR_BACKEND);
    }
}

/* No prefix of a body is taken for a body. */
static void test_cut_bodies(void **state)
{
    (void)state;
    static const struct {
        enum frame_type type;
        const char *body;
    } whole[] = {
        {FRAME_SETUP, "{" FUNCTION ",\"object\":{\"y\":3},\"names\":[\"x\"],\"env\":{\"A\":\"b\\n\"},\"cwd\":\"/\"}"},
        {FRAME_TASKS, "{\"first\":0,\"attempt\":1,\"items\":[[1],[\"a\\u00e9\"]]}"},
        {FRAME_RESULTS, "{\"first\":0,\"attempt\":1,\"at\":0,\"items\":[1,2,3,{\"a\":-1.5e3}]}"},
        {FRAME_FAILED, "{" FAILED ",\"class\":\"exit\",\"status\":1,\"message\":\"b\xc3\xa9\"}"},
        {FRAME_PROGRESS, "{\"task\":1,\"fraction\":0.5,\"text\":\"t\"}"},
        {FRAME_READY, "{\"version\":\"1\",\"pid\":1,\"host\":\"h\"}"},
        {FRAME_REFUSED, "{\"message\":\"m\"}"},
        {FRAME_ACK, "{\"tasks\":12}"},
    };
    CLEANUP_BUF struct buf texts = {0};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        for (size_t len = 0; len <= strlen(whole[i].body); len++) {
            /* A copy of just that length, so that a sanitizer sees a read behind it. */
            char *copy = mem_alloc(len + !len);
            memcpy(copy, whole[i].body, len);
            const struct frame f = {whole[i].type, copy, len};
            assert_int_equal(read_any(&f, &texts, &err), len == strlen(whole[i].body) ? 0 : -1);
            free(copy);
        }
    }
}

/* ---- PROTOCOL.md ---- */

static void read_document(struct buf *text)
{
    const char *top = getenv("top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/src/wire/PROTOCOL.md", top ? top : ".");
    struct err err = ERR_INIT;
    if (file_read(path, 1 << 20, text, &err))
        fail_msg("%s", err.text);
    buf_cstr(text);
}

/* Every example, a line of `    NAME {…}`, is a message that can be read, and there is one of every JSON message. */
static void test_examples_of_the_document(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf document = {0};
    CLEANUP_BUF struct buf texts = {0};
    bool seen[FRAME_TYPES] = {false};
    char *rest;
    read_document(&document);
    for (char *line = strtok_r(document.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        for (int type = 1; type < FRAME_TYPES; type++) {
            CLEANUP_FREE char *start = mem_printf("    %s {", frame_name((enum frame_type)type));
            if (strncmp(line, start, strlen(start)) != 0)
                continue;
            struct err err = ERR_INIT;
            const char *body = line + strlen(start) - 1;
            const struct frame f = {(enum frame_type)type, body, strlen(body)};
            if (read_any(&f, &texts, &err))
                fail_msg("%s: %s", line, err.text);
            seen[type] = true;
        }
    }
    for (int type = 1; type < FRAME_TYPES; type++) {
        bool json = type == FRAME_SETUP || type == FRAME_TASKS || type == FRAME_ACK ||
                    (type >= FRAME_READY && type <= FRAME_DROPPED && type != FRAME_OUTPUT);
        assert_int_equal(seen[type], json);
    }
}

static void add_hex(struct buf *b, const void *bytes, size_t len, bool spaced)
{
    for (size_t i = 0; i < len; i++)
        buf_printf(b, spaced && i ? " %02x" : "%02x", ((const unsigned char *)bytes)[i]);
}

/* So are the frame of OUTPUT and the two proofs. */
static void test_bytes_of_the_document(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf document = {0};
    CLEANUP_BUF struct buf frame = {0};
    unsigned char counted[96], proof[DIGEST_SIZE];
    read_document(&document);
    message_output_add(&frame, 43, 1, slice_str("hi\n"));
    CLEANUP_BUF struct buf hex = {0};
    static const size_t groups[] = {4, 1, 8, 1, 3};
    for (size_t i = 0, at = 0; i < ARRAY_LEN(groups); at += groups[i++]) {
        buf_add_str(&hex, i ? "  " : "    ");
        add_hex(&hex, frame.data + at, groups[i], true);
    }
    assert_non_null(strstr(document.data, buf_cstr(&hex)));
    for (size_t i = 0; i < sizeof counted; i++)
        counted[i] = (unsigned char)i;
    static const char *const labels[] = {"worker", "runner"};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        const struct digest_part parts[] = {{labels[i], 6}, {"\0\0\0\1\0\0\0\1", 8}, {counted + 32, 64}};
        digest_hmac(counted, 32, parts, ARRAY_LEN(parts), proof);
        buf_clear(&hex);
        buf_printf(&hex, "%s  ", labels[i]);
        add_hex(&hex, proof, sizeof proof, false);
        assert_non_null(strstr(document.data, buf_cstr(&hex)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setup_of_a_function),
        cmocka_unit_test(test_setup_of_a_command),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_results_behind_others),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_failed_with_any_bytes),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_output_in_several_frames),
        cmocka_unit_test(test_output_malformed),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_ready_and_refused),
        cmocka_unit_test(test_counts_and_empty_ones),
        cmocka_unit_test(test_others_may_write_differently),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_cut_bodies),
        cmocka_unit_test(test_examples_of_the_document),
        cmocka_unit_test(test_bytes_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
