/* Time. Everything inside counts microseconds in an int64_t; `now` of decisions is passed in, never asked. */
#ifndef KT_BASE_CLOCK_H
#define KT_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_MS INT64_C(1000)
#define CLOCK_S INT64_C(1000000)

/* Microseconds since some fixed moment; goes on while the machine is up, never back (CLOCK_MONOTONIC). */
int64_t clock_mono_us(void);
/* Microseconds since 1970 UTC (CLOCK_REALTIME). */
int64_t clock_wall_us(void);
#define CLOCK_TEXT_SIZE 32
/* A length of time for people: "40 ms", "2.5 s", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
char *clock_span(int64_t us, char out[CLOCK_TEXT_SIZE]);

#endif
