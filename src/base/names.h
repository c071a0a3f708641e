/* Names of enum values, both ways from one table, and the nearest known name to a wrong one. */
#ifndef KT_BASE_NAMES_H
#define KT_BASE_NAMES_H

#include <stddef.h>

/* A table is an array of names indexed by the enum's value; holes are NULL. */
#define NAMES_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The value of `name` (its first `len` bytes), or -1. */
int names_find(const char *const *table, size_t count, const char *name, size_t len);

/* The known name nearest to `word` (letters inserted, dropped, changed or swapped, case ignored), or NULL
 * if none is near enough to be meant: at most a third of its letters may differ. */
const char *names_nearest(const char *word, const char *const *known, size_t count);

#endif
