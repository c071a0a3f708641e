/* See digest.h. */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>

#include "base/mem.h"

void digest_sha256(const void *bytes, size_t len, unsigned char out[DIGEST_SIZE])
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, len, bytes);
    sha256_digest(&ctx, DIGEST_SIZE, out);
}

int digest_file(const char *path, char ret_hex[DIGEST_HEX_SIZE], struct err *err)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "%s", path);
    struct sha256_ctx ctx;
    unsigned char block[65536], sum[DIGEST_SIZE];
    ssize_t n;
    sha256_init(&ctx);
    while ((n = read(fd, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "%s", path);
        sha256_update(&ctx, (size_t)n, block);
    }
    sha256_digest(&ctx, DIGEST_SIZE, sum);
    hex_encode(sum, DIGEST_SIZE, ret_hex);
    return 0;
}

void digest_hmac(const unsigned char *key, size_t key_len, const struct digest_part *parts, size_t n,
                 unsigned char out[DIGEST_SIZE])
{
    struct hmac_sha256_ctx ctx;
    hmac_sha256_set_key(&ctx, key_len, key);
    for (size_t i = 0; i < n; i++)
        hmac_sha256_update(&ctx, parts[i].len, parts[i].bytes);
    hmac_sha256_digest(&ctx, DIGEST_SIZE, out);
}

bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE])
{
    return memeql_sec(a, b, DIGEST_SIZE);
}

void digest_random(void *out, size_t len)
{
    unsigned char *p = out;
    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            abort();
        p += n;
        len -= (size_t)n;
    }
}

void hex_encode(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(const char *text, size_t text_len, void *out, size_t len)
{
    unsigned char *p = out;
    if (text_len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        p[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool base64_decode(struct slice text, struct buf *out)
{
    uint32_t bits = 0;
    int n = 0, padding = 0;
    /* All at once: no copy of a secret is left behind by growing. */
    buf_reserve(out, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        if (c == '\n' || c == '\r')
            continue;
        int digit = c == '=' ? 0 : base64_digit(c);
        padding += c == '=';
        /* Padding is the last one or two of a group, and of the text. */
        if (digit < 0 || (padding && c != '=') || (c == '=' && n < 2) || padding > 2)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (++n < 4)
            continue;
        for (int byte = 0; byte < 3 - padding; byte++)
            buf_add_char(out, (char)(bits >> (16 - 8 * byte)));
        bits = 0;
        n = 0;
        if (padding)
            padding = 3;
    }
    return n == 0;
}
