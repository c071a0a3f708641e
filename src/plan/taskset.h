/* A set of task numbers, kept as sorted, disjoint ranges: small however many tasks it covers.
 * A zeroed struct is the empty set.
 */
#ifndef KT_PLAN_TASKSET_H
#define KT_PLAN_TASKSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct task_range {
    int64_t first, end; /* [first, end) */
};
struct taskset {
    struct task_range *ranges;
    int n, cap;
};

void taskset_done(struct taskset *set);
void taskset_add(struct taskset *set, int64_t first, int64_t end);
int64_t taskset_count(const struct taskset *set);
/* The first range of members at or after `from`; false if there is none. */
bool taskset_next(const struct taskset *set, int64_t from, struct task_range *ret);
/* Reads "0-2,5,8-": numbers and inclusive ranges; an open end means `tasks - 1`. Error ERR_USAGE. */
int taskset_parse(const char *text, int64_t tasks, struct taskset *ret, struct err *err);

#endif
