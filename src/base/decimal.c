/* See decimal.h. */
#include "base/decimal.h"

#define EXPONENT_MAX 99

static bool push_digit(int64_t *units, char c)
{
    return !__builtin_mul_overflow(*units, 10, units) && !__builtin_sub_overflow(*units, c - '0', units);
}

/* Reads an exponent's digits behind 'e'; false if there are none or it is absurd. */
static bool parse_exponent(const char *p, const char *end, int *ret)
{
    bool negative = p < end && *p == '-';
    int n = 0;
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9' || n > EXPONENT_MAX)
            return false;
        n = n * 10 + (*p - '0');
    }
    *ret = negative ? -n : n;
    return true;
}

bool decimal_parse(const char *text, size_t len, struct decimal *ret)
{
    const char *p = text, *end = text + len;
    bool negative = p < end && *p == '-';
    int64_t units = 0; /* kept negative, so that INT64_MIN can be read */
    int scale = 0, exponent = 0, digits = 0;
    bool point = false;
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.' && !point) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9' || !push_digit(&units, *p))
            return false;
        digits++;
        scale += point;
    }
    if (digits == 0 || (p < end && !parse_exponent(p + 1, end, &exponent)))
        return false;
    scale -= exponent;
    for (; scale < 0; scale++)
        if (!push_digit(&units, '0'))
            return false;
    for (; scale > DECIMAL_SCALE_MAX && units % 10 == 0; scale--)
        units /= 10;
    if (scale > DECIMAL_SCALE_MAX || (!negative && units == INT64_MIN))
        return false;
    *ret = (struct decimal){negative ? units : -units, scale};
    return true;
}

bool decimal_rescale(struct decimal *d, int scale)
{
    int64_t units = d->units;
    for (int i = d->scale; i < scale; i++)
        if (__builtin_mul_overflow(units, 10, &units))
            return false;
    *d = (struct decimal){units, scale > d->scale ? scale : d->scale};
    return true;
}

void decimal_print(struct buf *b, struct decimal d)
{
    char text[48];
    size_t at = sizeof text;
    uint64_t rest = d.units < 0 ? 0 - (uint64_t)d.units : (uint64_t)d.units;
    int written = 0;
    do {
        if (written == d.scale && written)
            text[--at] = '.';
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
        written++;
    } while (rest || written <= d.scale);
    if (d.units < 0)
        text[--at] = '-';
    buf_add(b, text + at, sizeof text - at);
}

void decimal_print_short(struct buf *b, struct decimal d)
{
    while (d.scale > 0 && d.units % 10 == 0) {
        d.units /= 10;
        d.scale--;
    }
    decimal_print(b, d);
}
