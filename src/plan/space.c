/* See space.h.
 *
 * Where the ends are decimals the sum behind a value is an exact integer, so that -0.1 … 0.3 passes through 0 and
 * not through 7e-18. Elsewhere, and in the logarithm, long double leaves 15 digits right.
 */
#include "plan/space.h"

#include <math.h>

#include "base/decimal.h"

#define SIGNIFICANT_DIGITS 15

/* The ends as integers at one scale; false where they are not such decimals. */
struct exact_ends {
    int64_t from, to;
    long double unit;
};

static bool exact_ends(const struct job_arg *arg, struct exact_ends *ret)
{
    struct decimal from, to;
    if (!decimal_parse(arg->from_text, strlen(arg->from_text), &from) ||
        !decimal_parse(arg->to_text, strlen(arg->to_text), &to))
        return false;
    int scale = from.scale > to.scale ? from.scale : to.scale;
    if (!decimal_rescale(&from, scale) || !decimal_rescale(&to, scale))
        return false;
    long double unit = 1;
    for (int i = 0; i < scale; i++)
        unit *= 10;
    *ret = (struct exact_ends){from.units, to.units, unit};
    return true;
}

/* `k` of `last` steps from one end to the other. */
static long double linear(const struct exact_ends *ends, int64_t k, int64_t last)
{
    __int128 sum = (__int128)ends->from * (last - k) + (__int128)ends->to * k;
    return (long double)sum / ((long double)last * ends->unit);
}

static long double linear_real(const struct job_arg *arg, int64_t k, int64_t last)
{
    long double part = (long double)k / (long double)last;
    return (long double)arg->from_real * (1 - part) + (long double)arg->to_real * part;
}

static long double geometric(const struct job_arg *arg, int64_t k, int64_t last)
{
    long double part = (long double)k / (long double)last;
    return expl(logl((long double)arg->from_real) * (1 - part) + logl((long double)arg->to_real) * part);
}

static void add_real(struct values *ret, long double value)
{
    /* A negative zero would be printed as "-0". */
    buf_printf(&ret->text, "%.*Lg", SIGNIFICANT_DIGITS, value == 0 ? 0 : value);
    values_end(ret);
}

void space_values(const struct job_arg *arg, struct values *ret)
{
    struct exact_ends ends;
    bool exact = arg->kind == ARG_LINSPACE && exact_ends(arg, &ends);
    int64_t last = arg->count - 1;
    values_add(ret, arg->from_text);
    for (int64_t k = 1; k < last; k++) {
        if (arg->kind == ARG_GEOMSPACE)
            add_real(ret, geometric(arg, k, last));
        else
            add_real(ret, exact ? linear(&ends, k, last) : linear_real(arg, k, last));
    }
    if (last > 0)
        values_add(ret, arg->to_text);
}
