/* SHA-256 and HMAC-SHA-256 (nettle), random bytes, hexadecimal, base64. */
#ifndef KT_BASE_DIGEST_H
#define KT_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE + 1)

struct digest_part {
    const void *bytes;
    size_t len;
};

void digest_sha256(const void *bytes, size_t len, unsigned char out[DIGEST_SIZE]);
/* SHA-256 of a file's contents, in hexadecimal. */
int digest_file(const char *path, char ret_hex[DIGEST_HEX_SIZE], struct err *err);
/* HMAC (RFC 2104) over the parts in order. */
void digest_hmac(const unsigned char *key, size_t key_len, const struct digest_part *parts, size_t n,
                 unsigned char out[DIGEST_SIZE]);
/* Compares in a time that does not depend on where they differ. */
bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE]);
/* Bytes from the kernel's generator; aborts if it has none, which Linux does not do once it is up. */
void digest_random(void *out, size_t len);

void hex_encode(const void *bytes, size_t len, char *out /* 2 * len + 1 */);
/* Exactly `2 * len` lower- or upper-case digits; false otherwise. */
bool hex_decode(const char *text, size_t text_len, void *out, size_t len);
/* Appends the bytes of standard base64 with its padding (RFC 4648); line ends in it are skipped. False if it is none. */
bool base64_decode(struct slice text, struct buf *out);

#endif
