/* The handshake: who has the key gets through, and nobody else does, whatever they replay. Key files. */
#include "wire/handshake.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#include "unit/unit.h"

static const unsigned char key[WIRE_KEY_SIZE] = "the key of this run, 32 bytes...";
static const unsigned char other_key[WIRE_KEY_SIZE] = "the key of another run, 32 bytes";

/* The only frame in `b`. */
static struct frame only_frame(const struct buf *b)
{
    assert_true(b->len > WIRE_HEADER && b->len <= 4 + WIRE_HANDSHAKE_MAX);
    return (struct frame){(enum frame_type)b->data[4], b->data + WIRE_HEADER, b->len - WIRE_HEADER};
}

/* Both sides of one handshake and what they said. */
struct pair {
    struct handshake runner, worker;
    struct buf connect, challenge, proof;
    struct err err;
};

static void pair_done(struct pair *p)
{
    buf_done(&p->connect);
    buf_done(&p->challenge);
    buf_done(&p->proof);
}
#define PAIR __attribute__((cleanup(pair_done))) struct pair

/* As far as CHALLENGE. */
static void begin(struct pair *p, const unsigned char worker_key[WIRE_KEY_SIZE])
{
    handshake_connect(&p->runner, &p->connect);
    struct frame f = only_frame(&p->connect);
    assert_int_equal(handshake_challenge(&p->worker, &f, worker_key, &p->challenge, &p->err), 0);
}

static int prove(struct pair *p, const struct buf *challenge)
{
    struct frame f = only_frame(challenge);
    return handshake_prove(&p->runner, &f, key, &p->proof, &p->err);
}

static int accept_proof(struct pair *p, const struct buf *proof)
{
    struct frame f = only_frame(proof);
    return handshake_accept(&p->worker, &f, key, &p->err);
}

static void test_both_have_the_key(void **state)
{
    (void)state;
    PAIR p = {0};
    begin(&p, key);
    assert_int_equal(only_frame(&p.connect).type, FRAME_CONNECT);
    assert_int_equal(only_frame(&p.challenge).type, FRAME_CHALLENGE);
    assert_int_equal(prove(&p, &p.challenge), 0);
    assert_int_equal(only_frame(&p.proof).type, FRAME_PROOF);
    assert_int_equal(accept_proof(&p, &p.proof), 0);
}

/* The proofs are what PROTOCOL.md says they are, so that other programs can make them. */
static void test_the_proof_is_as_described(void **state)
{
    (void)state;
    PAIR p = {0};
    unsigned char message[6 + 4 + 4 + 32 + 32] = "worker\0\0\0\1\0\0\0\1", proof[DIGEST_SIZE];
    begin(&p, key);
    memcpy(message + 14, p.connect.data + WIRE_HEADER + 4, 32);
    memcpy(message + 46, p.challenge.data + WIRE_HEADER + 4, 32);
    digest_hmac(key, sizeof key, &(struct digest_part){message, sizeof message}, 1, proof);
    assert_memory_equal(p.challenge.data + WIRE_HEADER + 36, proof, sizeof proof);
    assert_int_equal(prove(&p, &p.challenge), 0);
    memcpy(message, "runner", 6);
    digest_hmac(key, sizeof key, &(struct digest_part){message, sizeof message}, 1, proof);
    assert_memory_equal(p.proof.data + WIRE_HEADER, proof, sizeof proof);
}

static void test_nonces_are_drawn_anew(void **state)
{
    (void)state;
    PAIR a = {0};
    PAIR b = {0};
    begin(&a, key);
    begin(&b, key);
    assert_memory_not_equal(a.runner.nonce_runner, b.runner.nonce_runner, WIRE_NONCE_SIZE);
    assert_memory_not_equal(a.worker.nonce_worker, b.worker.nonce_worker, WIRE_NONCE_SIZE);
}

static void test_a_worker_with_another_key(void **state)
{
    (void)state;
    PAIR p = {0};
    begin(&p, other_key);
    assert_int_equal(prove(&p, &p.challenge), -1);
    assert_string_equal(p.err.text, "the worker does not have this run's key");
    assert_int_equal(p.proof.len, 0);
}

static void test_a_runner_with_another_key(void **state)
{
    (void)state;
    PAIR p = {0};
    begin(&p, other_key);
    /* It goes on although it should not: the worker it talks to has another key than its own. */
    struct frame f = only_frame(&p.challenge);
    assert_int_equal(handshake_prove(&p.runner, &f, other_key, &p.proof, &p.err), 0);
    assert_int_equal(accept_proof(&p, &p.proof), -1);
    assert_string_equal(p.err.text, "the peer does not have this run's key");
}

/* Every single bit counts. */
static void test_a_changed_bit(void **state)
{
    (void)state;
    PAIR p = {0};
    begin(&p, key);
    for (size_t bit = 0; bit < 8 * (p.challenge.len - WIRE_HEADER); bit++) {
        char *byte = p.challenge.data + WIRE_HEADER + bit / 8;
        *byte = (char)(*byte ^ (1 << bit % 8));
        assert_int_equal(prove(&p, &p.challenge), -1);
        *byte = (char)(*byte ^ (1 << bit % 8));
    }
    assert_int_equal(prove(&p, &p.challenge), 0);
    for (size_t bit = 0; bit < 8 * DIGEST_SIZE; bit++) {
        char *byte = p.proof.data + WIRE_HEADER + bit / 8;
        *byte = (char)(*byte ^ (1 << bit % 8));
        assert_int_equal(accept_proof(&p, &p.proof), -1);
        *byte = (char)(*byte ^ (1 << bit % 8));
    }
    assert_int_equal(accept_proof(&p, &p.proof), 0);
}

/* A peer without the key sends the worker's own proof back as the runner's. */
static void test_a_reflected_proof(void **state)
{
    (void)state;
    PAIR p = {0};
    begin(&p, key);
    frame_add(&p.proof, FRAME_PROOF, p.challenge.data + WIRE_HEADER + 36, DIGEST_SIZE);
    assert_int_equal(accept_proof(&p, &p.proof), -1);
}

/* A peer without the key has a second worker answer with the nonce of the first, and gives that as its own proof. */
static void test_a_proof_from_another_worker(void **state)
{
    (void)state;
    PAIR p = {0};
    PAIR second = {0};
    begin(&p, key);
    CLEANUP_BUF struct buf connect = {0};
    buf_add(&connect, "\0\0\0\1", 4);
    buf_add(&connect, p.worker.nonce_worker, WIRE_NONCE_SIZE);
    const struct frame f = {FRAME_CONNECT, connect.data, connect.len};
    assert_int_equal(handshake_challenge(&second.worker, &f, key, &second.challenge, &second.err), 0);
    frame_add(&p.proof, FRAME_PROOF, second.challenge.data + WIRE_HEADER + 36, DIGEST_SIZE);
    assert_int_equal(accept_proof(&p, &p.proof), -1);
}

static void test_replayed(void **state)
{
    (void)state;
    PAIR old = {0};
    PAIR now = {0};
    begin(&old, key);
    assert_int_equal(prove(&old, &old.challenge), 0);
    begin(&now, key);
    assert_int_equal(prove(&now, &old.challenge), -1);
    assert_int_equal(accept_proof(&now, &old.proof), -1);
    /* A replayed CONNECT does not make the old PROOF right: the worker draws another nonce. */
    PAIR again = {0};
    struct frame f = only_frame(&old.connect);
    assert_int_equal(handshake_challenge(&again.worker, &f, key, &again.challenge, &again.err), 0);
    assert_int_equal(accept_proof(&again, &old.proof), -1);
}

static void test_a_worker_of_another_version(void **state)
{
    (void)state;
    PAIR p = {0};
    begin(&p, key);
    p.challenge.data[WIRE_HEADER + 3] = 2;
    assert_int_equal(prove(&p, &p.challenge), -1);
    assert_non_null(strstr(p.err.text, "the worker speaks version 2 of the session protocol, this ktbatch version 1"));
    /* It may say less or more than ours. */
    const struct frame brief = {FRAME_CHALLENGE, "\0\0\0\3", 4};
    assert_int_equal(handshake_prove(&p.runner, &brief, key, &p.proof, &p.err), -1);
    assert_non_null(strstr(p.err.text, "version 3"));
}

static void test_a_runner_of_another_version(void **state)
{
    (void)state;
    PAIR p = {0};
    char body[60] = "\0\0\0\2";
    const struct frame longer = {FRAME_CONNECT, body, sizeof body};
    assert_int_equal(handshake_challenge(&p.worker, &longer, key, &p.challenge, &p.err), 0);
    assert_memory_equal(p.challenge.data + WIRE_HEADER, "\0\0\0\1", 4);
    /* The proof is right for what was said; the version is not. */
    p.runner = p.worker;
    assert_int_equal(prove(&p, &p.challenge), 0);
    assert_int_equal(accept_proof(&p, &p.proof), -1);
    assert_string_equal(p.err.text, "the runner speaks version 2 of the session protocol, this worker version 1");
}

/* Somebody between the two makes an older version of the runner's. */
static void test_a_changed_version(void **state)
{
    (void)state;
    PAIR p = {0};
    handshake_connect(&p.runner, &p.connect);
    p.connect.data[WIRE_HEADER + 3] = 0;
    struct frame f = only_frame(&p.connect);
    assert_int_equal(handshake_challenge(&p.worker, &f, key, &p.challenge, &p.err), 0);
    assert_int_equal(prove(&p, &p.challenge), -1);
    assert_string_equal(p.err.text, "the worker does not have this run's key");
}

static void test_malformed(void **state)
{
    (void)state;
    PAIR p = {0};
    char body[100] = "\0\0\0\1";
    begin(&p, key);
    for (size_t len = 0; len < sizeof body; len++) {
        const struct frame connect = {FRAME_CONNECT, body, len}, challenge = {FRAME_CHALLENGE, body, len};
        const struct frame proof = {FRAME_PROOF, body, len};
        CLEANUP_BUF struct buf out = {0};
        assert_int_equal(handshake_challenge(&p.worker, &connect, key, &out, &p.err), len == 36 ? 0 : -1);
        assert_true((out.len != 0) == (len == 36));
        assert_int_equal(handshake_prove(&p.runner, &challenge, key, &p.proof, &p.err), -1);
        assert_int_equal(handshake_accept(&p.worker, &proof, key, &p.err), -1);
        assert_int_equal(p.proof.len, 0);
    }
}

static void test_other_frames(void **state)
{
    (void)state;
    PAIR p = {0};
    begin(&p, key);
    for (int type = 1; type < FRAME_TYPES; type++) {
        struct frame connect = only_frame(&p.connect), challenge = only_frame(&p.challenge);
        CLEANUP_BUF struct buf out = {0};
        connect.type = challenge.type = (enum frame_type)type;
        const struct frame proof = {(enum frame_type)type, challenge.body, DIGEST_SIZE};
        if (type != FRAME_CONNECT)
            assert_int_equal(handshake_challenge(&p.worker, &connect, key, &out, &p.err), -1);
        if (type != FRAME_CHALLENGE)
            assert_int_equal(handshake_prove(&p.runner, &challenge, key, &out, &p.err), -1);
        assert_int_equal(handshake_accept(&p.worker, &proof, key, &p.err), -1);
        assert_int_equal(out.len, 0);
    }
}

/* ---- key files ---- */

static char dir[64];
static char path[96];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/ktbatch-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/key", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

#define DIGITS "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

static void put_file(const char *bytes, size_t len, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void check_refused(const char *text)
{
    unsigned char got[WIRE_KEY_SIZE] = {0x5a};
    const unsigned char untouched[WIRE_KEY_SIZE] = {0x5a};
    struct err err = ERR_INIT;
    assert_int_equal(key_read(path, got, &err), -1);
    assert_memory_equal(got, untouched, sizeof got);
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, path));
    /* Not a word of the key. */
    assert_null(strstr(err.text, "00112233"));
}

static void test_key_file(void **state)
{
    (void)state;
    unsigned char got[WIRE_KEY_SIZE];
    struct err err = ERR_INIT;
    for (int i = 0; i < 2; i++) {
        put_file(DIGITS "\n", 65, i ? 0400 : 0600);
        assert_int_equal(key_read(path, got, &err), 0);
        assert_memory_equal(got, "\x00\x11\x22\x33", 4);
        assert_memory_equal(got + 28, "\x33\x22\x11\x00", 4);
    }
}

static void test_key_file_modes(void **state)
{
    (void)state;
    static const mode_t wrong[] = {0640, 0604, 0620, 0602, 0644, 0666, 0777, 0610, 0601};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        put_file(DIGITS "\n", 65, wrong[i]);
        check_refused("others may read or write it (mode 0");
    }
}

static void test_key_file_of_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* nobody else can give a file away */
    put_file(DIGITS "\n", 65, 0600);
    assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
    check_refused("belongs to another user");
}

static void test_key_file_contents(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {
        {"", 0},
        {"\n", 1},
        {DIGITS, 64},
        {DIGITS "0", 65},
        {DIGITS "\r\n", 66},
        {DIGITS "\n\n", 66},
        {DIGITS "\n" DIGITS "\n", 130},
        {DIGITS "\0", 65},
        {"g0112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100\n", 65},
        {" 0112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100\n", 65},
        {"0x112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100\n", 65},
        {"00112233445566778899aabbccddeeffFFEEDDCCBBAA9988776655443322110\n", 64},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        put_file(wrong[i].bytes, wrong[i].len, 0600);
        check_refused("64 hexadecimal digits and a newline");
    }
}

static void test_key_file_that_is_none(void **state)
{
    (void)state;
    unlink(path);
    check_refused("No such file");
    assert_int_equal(mkdir(path, 0700), 0);
    check_refused("not a plain file");
    rmdir(path);
    /* Does not wait for somebody to write. */
    assert_int_equal(mkfifo(path, 0600), 0);
    check_refused("not a plain file");
}

static void test_key_create(void **state)
{
    (void)state;
    unsigned char made[WIRE_KEY_SIZE], got[WIRE_KEY_SIZE], second[WIRE_KEY_SIZE];
    struct err err = ERR_INIT;
    struct stat st;
    unlink(path);
    mode_t mask = umask(0777);
    assert_int_equal(key_create(path, made, &err), 0);
    umask(mask);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(key_read(path, got, &err), 0);
    assert_memory_equal(made, got, sizeof got);
    /* Never over another file. */
    assert_int_equal(key_create(path, second, &err), -1);
    assert_int_equal(key_read(path, got, &err), 0);
    assert_memory_equal(made, got, sizeof got);
    unlink(path);
    assert_int_equal(key_create(path, second, &err), 0);
    assert_memory_not_equal(made, second, sizeof made);
}

static void test_key_from_a_pipe(void **state)
{
    (void)state;
    unsigned char got[WIRE_KEY_SIZE];
    struct err err = ERR_INIT;
    int ends[2];
    char behind;
    assert_int_equal(pipe(ends), 0);
    /* The pipe stays open, and more may follow. */
    assert_int_equal(write(ends[1], DIGITS "\nx", 66), 66);
    assert_int_equal(key_read_fd(ends[0], got, &err), 0);
    assert_memory_equal(got, "\x00\x11\x22\x33", 4);
    assert_int_equal(read(ends[0], &behind, 1), 1);
    assert_int_equal(behind, 'x');
    assert_int_equal(write(ends[1], DIGITS, 64), 64);
    close(ends[1]);
    assert_int_equal(key_read_fd(ends[0], got, &err), -1);
    close(ends[0]);
    assert_int_equal(key_read_fd(-1, got, &err), -1);
    assert_int_equal(err.class, ERR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_have_the_key),
        cmocka_unit_test(test_the_proof_is_as_described),
        cmocka_unit_test(test_nonces_are_drawn_anew),
        cmocka_unit_test(test_a_worker_with_another_key),
        cmocka_unit_test(test_a_runner_with_another_key),
        cmocka_unit_test(test_a_changed_bit),
        cmocka_unit_test(test_a_reflected_proof),
        cmocka_unit_test(test_a_proof_from_another_worker),
        cmocka_unit_test(test_replayed),
        cmocka_unit_test(test_a_worker_of_another_version),
        cmocka_unit_test(test_a_runner_of_another_version),
        cmocka_unit_test(test_a_changed_version),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_other_frames),
        cmocka_unit_test_setup_teardown(test_key_file, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_key_file_modes, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_key_file_of_another_user, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_key_file_contents, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_key_file_that_is_none, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_key_create, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_key_from_a_pipe, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
