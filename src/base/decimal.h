/* Exact decimal numbers: an integer times a power of ten. 0.1 is 1 × 10^-1, not a binary fraction.
 * Used for ranges, so that 0..1 by 0.1 has 11 values and prints 0.3.
 */
#ifndef KT_BASE_DECIMAL_H
#define KT_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Digits behind the point that a number may have. */
#define DECIMAL_SCALE_MAX 18

struct decimal {
    int64_t units; /* the value is units / 10^scale */
    int scale;     /* 0 for integers */
};

/* Reads "-12", "0.25", "1e-3", "+5": the YAML 1.2 core numbers that are exact. False if it is none or does not fit. */
bool decimal_parse(const char *text, size_t len, struct decimal *ret);
/* Brings `d` to `scale` digits behind the point (not fewer than it has). False on overflow. */
bool decimal_rescale(struct decimal *d, int scale);
/* Appends it with exactly `scale` digits behind the point. */
void decimal_print(struct buf *b, struct decimal d);
/* Appends it without zeros at the end of the fraction: 0.30 is 0.3, 1.0 is 1. */
void decimal_print_short(struct buf *b, struct decimal d);

#endif
