/* Listed values: JSON texts in one piece of memory, each followed by a newline, with an index.
 * Ten million values cost two allocations, not ten million. A zeroed struct is the empty list.
 */
#ifndef KT_PLAN_VALUES_H
#define KT_PLAN_VALUES_H

#include "base/buf.h"

struct values {
    struct buf text;
    size_t *starts; /* n + 1 of them once there is a value: value k is [starts[k], starts[k + 1] - 1) */
    int64_t n, cap;
};

void values_done(struct values *values);
/* What has been appended to `text` since the last value is the next one. */
void values_end(struct values *values);
void values_add(struct values *values, const char *json);
/* Makes the index of `text`, in which every value has its newline already. */
void values_index(struct values *values);

static inline struct slice values_get(const struct values *values, int64_t k)
{
    size_t start = values->starts[k];
    return (struct slice){values->text.data + start, values->starts[k + 1] - start - 1};
}

#endif
