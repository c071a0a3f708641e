/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef KT_BASE_UTF8_H
#define KT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the character at `p` (1 to 4), or 0 if the bytes there are not one. */
size_t utf8_length(const char *p, size_t len);
/* Offset of the first byte that is not UTF-8, or `len` if all is well. */
size_t utf8_check(const char *p, size_t len);
/* Writes `code` (a valid code point) to `out`; returns how many bytes (1 to 4). */
size_t utf8_encode(uint32_t code, char out[4]);

#endif
