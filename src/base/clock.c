/* See clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * CLOCK_S + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

char *clock_span(int64_t us, char out[CLOCK_TEXT_SIZE])
{
    long long s = us / CLOCK_S;
    if (us < CLOCK_S)
        snprintf(out, CLOCK_TEXT_SIZE, "%lld ms", (long long)(us / CLOCK_MS));
    else if (us < 10 * CLOCK_S)
        snprintf(out, CLOCK_TEXT_SIZE, "%.1f s", (double)us / 1e6);
    else if (s < 60)
        snprintf(out, CLOCK_TEXT_SIZE, "%lld s", s);
    else if (s < 3600)
        snprintf(out, CLOCK_TEXT_SIZE, "%lld min %lld s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, CLOCK_TEXT_SIZE, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else
        snprintf(out, CLOCK_TEXT_SIZE, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    return out;
}
