/* What is wrong with a file that a user wrote: a list of problems, each with its place, said in the order of the file.
 *
 * A zeroed struct is an empty list; problems_done() frees what it holds.
 */
#ifndef KT_BASE_PROBLEMS_H
#define KT_BASE_PROBLEMS_H

#include <stdbool.h>

#include "base/buf.h"

/* Where something stands in a file; both count from 1. {0, 0}: from the command line. */
struct mark {
    int line, column;
};

/* Problems are listed in the order of the file; reading stops after this many. */
#define PROBLEMS_MAX 100

struct problem {
    struct mark mark; /* line 0: no place in the file (it cannot be read; a --set) */
    bool warning;     /* said, but the file stands */
    char *text;       /* "what, and what would be right" */
};
struct problems {
    struct problem *list;
    int n, cap;
    int errors; /* how many are no warnings */
};
void problems_done(struct problems *problems);
void problem_add(struct problems *problems, struct mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_warn(struct problems *problems, struct mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends them to `out` in the order of their places, one a line: "FILE:LINE:COLUMN: TEXT" (or
 * "FILE: TEXT", "--set KEY: TEXT" where the text says so itself), warnings as "FILE:…: warning: TEXT". */
void problems_format(const struct problems *problems, const char *file, struct buf *out);
/* Adds a problem at a place, or of a --set. */
void place_problem(struct problems *problems, const char *origin, struct mark mark, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
