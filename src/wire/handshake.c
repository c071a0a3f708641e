/* See handshake.h. Layouts: CONNECT is version (4 bytes, big endian) and nonce; CHALLENGE is version, nonce and
 * proof; PROOF is the proof alone.
 */
#include "wire/handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"

#define VERSION_SIZE 4
#define CONNECT_SIZE (VERSION_SIZE + WIRE_NONCE_SIZE)
#define CHALLENGE_SIZE (VERSION_SIZE + WIRE_NONCE_SIZE + DIGEST_SIZE)
#define KEY_TEXT_SIZE (2 * WIRE_KEY_SIZE + 1) /* with the newline */

_Static_assert(1 + CHALLENGE_SIZE <= WIRE_HANDSHAKE_MAX, "the handshake's longest frame passes its own limit");

static void put_version(unsigned char out[VERSION_SIZE], uint32_t version)
{
    for (int i = 0; i < VERSION_SIZE; i++)
        out[i] = (unsigned char)(version >> (24 - 8 * i));
}

static uint32_t get_version(const char *bytes)
{
    const unsigned char *p = (const unsigned char *)bytes;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* Both versions are in the proof: nobody between the two can talk newer programs down to an older version. */
static void make_proof(const struct handshake *h, const char *label, const unsigned char key[WIRE_KEY_SIZE],
                       unsigned char out[DIGEST_SIZE])
{
    unsigned char offered[VERSION_SIZE], chosen[VERSION_SIZE];
    put_version(offered, h->version_runner);
    put_version(chosen, WIRE_VERSION);
    const struct digest_part parts[] = {
        {label, strlen(label)},
        {offered, sizeof offered},
        {chosen, sizeof chosen},
        {h->nonce_runner, WIRE_NONCE_SIZE},
        {h->nonce_worker, WIRE_NONCE_SIZE},
    };
    digest_hmac(key, WIRE_KEY_SIZE, parts, ARRAY_LEN(parts), out);
}

static int expect_type(const struct frame *f, enum frame_type type, struct err *err)
{
    if (f->type == type)
        return 0;
    return err_set(err, ERR_BACKEND, "the peer sent %s where the handshake has %s", frame_name(f->type), frame_name(type));
}

static int wrong_size(const struct frame *f, struct err *err)
{
    return err_set(err, ERR_BACKEND, "the peer sent a malformed %s of %zu bytes", frame_name(f->type), f->len);
}

void handshake_connect(struct handshake *h, struct buf *out)
{
    unsigned char body[CONNECT_SIZE];
    h->version_runner = WIRE_VERSION;
    digest_random(h->nonce_runner, WIRE_NONCE_SIZE);
    put_version(body, WIRE_VERSION);
    memcpy(body + VERSION_SIZE, h->nonce_runner, WIRE_NONCE_SIZE);
    frame_add(out, FRAME_CONNECT, body, sizeof body);
}

int handshake_challenge(struct handshake *h, const struct frame *connect, const unsigned char key[WIRE_KEY_SIZE],
                        struct buf *out, struct err *err)
{
    unsigned char body[CHALLENGE_SIZE];
    if (expect_type(connect, FRAME_CONNECT, err))
        return -1;
    uint32_t version = connect->len < VERSION_SIZE ? 0 : get_version(connect->body);
    /* A later version may say more, but begins the same. It gets an answer, so that the runner can name both. */
    if (connect->len < CONNECT_SIZE || (version <= WIRE_VERSION && connect->len != CONNECT_SIZE))
        return wrong_size(connect, err);
    h->version_runner = version;
    memcpy(h->nonce_runner, connect->body + VERSION_SIZE, WIRE_NONCE_SIZE);
    digest_random(h->nonce_worker, WIRE_NONCE_SIZE);
    put_version(body, WIRE_VERSION);
    memcpy(body + VERSION_SIZE, h->nonce_worker, WIRE_NONCE_SIZE);
    make_proof(h, "worker", key, body + VERSION_SIZE + WIRE_NONCE_SIZE);
    frame_add(out, FRAME_CHALLENGE, body, sizeof body);
    return 0;
}

int handshake_prove(struct handshake *h, const struct frame *challenge, const unsigned char key[WIRE_KEY_SIZE],
                    struct buf *out, struct err *err)
{
    unsigned char expected[DIGEST_SIZE], proof[DIGEST_SIZE];
    if (expect_type(challenge, FRAME_CHALLENGE, err))
        return -1;
    if (challenge->len < VERSION_SIZE)
        return wrong_size(challenge, err);
    uint32_t version = get_version(challenge->body);
    if (version != WIRE_VERSION)
        return err_set(err, ERR_BACKEND,
                       "the worker speaks version %u of the session protocol, this ktbatch version %u: "
                       "install the same release on both sides",
                       (unsigned)version, WIRE_VERSION);
    if (challenge->len != CHALLENGE_SIZE)
        return wrong_size(challenge, err);
    memcpy(h->nonce_worker, challenge->body + VERSION_SIZE, WIRE_NONCE_SIZE);
    memcpy(proof, challenge->body + VERSION_SIZE + WIRE_NONCE_SIZE, DIGEST_SIZE);
    make_proof(h, "worker", key, expected);
    if (!digest_equal(proof, expected))
        return err_set(err, ERR_BACKEND, "the worker does not have this run's key");
    make_proof(h, "runner", key, proof);
    frame_add(out, FRAME_PROOF, proof, sizeof proof);
    return 0;
}

int handshake_accept(const struct handshake *h, const struct frame *proof, const unsigned char key[WIRE_KEY_SIZE],
                     struct err *err)
{
    unsigned char expected[DIGEST_SIZE], given[DIGEST_SIZE];
    if (expect_type(proof, FRAME_PROOF, err))
        return -1;
    if (proof->len != DIGEST_SIZE)
        return wrong_size(proof, err);
    /* A proof over two versions that differ would be right, but what follows it would not be understood. */
    if (h->version_runner != WIRE_VERSION)
        return err_set(err, ERR_BACKEND, "the runner speaks version %u of the session protocol, this worker version %u",
                       (unsigned)h->version_runner, WIRE_VERSION);
    memcpy(given, proof->body, DIGEST_SIZE);
    make_proof(h, "runner", key, expected);
    if (!digest_equal(given, expected))
        return err_set(err, ERR_BACKEND, "the peer does not have this run's key");
    return 0;
}

/* Reads the text of a key; a pipe may stay open behind it. The key's text is in no message. */
static int read_key(int fd, const char *name, unsigned char ret_key[WIRE_KEY_SIZE], struct err *err)
{
    char text[KEY_TEXT_SIZE];
    unsigned char key[WIRE_KEY_SIZE];
    size_t have = 0;
    while (have < sizeof text) {
        ssize_t n = read(fd, text + have, sizeof text - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "%s", name);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    bool good = have == sizeof text && text[sizeof text - 1] == '\n' && hex_decode(text, sizeof text - 1, key, WIRE_KEY_SIZE);
    if (good)
        memcpy(ret_key, key, WIRE_KEY_SIZE);
    explicit_bzero(text, sizeof text);
    explicit_bzero(key, sizeof key);
    if (!good)
        return err_set(err, ERR_USAGE, "%s: no key: it has to be %d hexadecimal digits and a newline", name, 2 * WIRE_KEY_SIZE);
    return 0;
}

int key_read_fd(int fd, unsigned char ret_key[WIRE_KEY_SIZE], struct err *err)
{
    return read_key(fd, "key", ret_key, err);
}

int key_read(const char *path, unsigned char ret_key[WIRE_KEY_SIZE], struct err *err)
{
    /* Not blocking: a FIFO without a writer would hold us here. */
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return err_sys(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE, "%s: no key: not a plain file", path);
    if (st.st_uid != geteuid())
        return err_set(err, ERR_USAGE, "%s: refused as a key: it belongs to another user", path);
    if (st.st_mode & 077)
        return err_set(err, ERR_USAGE, "%s: refused as a key: others may read or write it (mode %04o); try: chmod 600 %s",
                       path, (unsigned)(st.st_mode & 07777), path);
    if (st.st_size != KEY_TEXT_SIZE)
        return err_set(err, ERR_USAGE, "%s: no key: it has to be %d hexadecimal digits and a newline", path, 2 * WIRE_KEY_SIZE);
    return read_key(fd, path, ret_key, err);
}

int key_create(const char *path, unsigned char ret_key[WIRE_KEY_SIZE], struct err *err)
{
    unsigned char key[WIRE_KEY_SIZE];
    char text[2 * WIRE_KEY_SIZE + 1];
    CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, errno, "%s", path);
    digest_random(key, sizeof key);
    hex_encode(key, sizeof key, text);
    text[sizeof text - 1] = '\n'; /* in the place of the NUL */
    int failed = file_write_all(fd, text, sizeof text, path, err);
    explicit_bzero(text, sizeof text);
    /* The umask may have taken the owner's own rights away. */
    if (!failed && fchmod(fd, 0600))
        failed = err_sys(err, errno, "%s", path);
    if (failed)
        unlink(path);
    else
        memcpy(ret_key, key, WIRE_KEY_SIZE);
    explicit_bzero(key, sizeof key);
    return failed;
}
