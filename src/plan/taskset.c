/* See taskset.h. */
#include "plan/taskset.h"

#include <string.h>

#include "base/mem.h"

void taskset_done(struct taskset *set)
{
    free(set->ranges);
    *set = (struct taskset){0};
}

/* The first range whose end is at least `task` (behind it, with `beyond`), or `n`. */
static int find(const struct taskset *set, int64_t task, bool beyond)
{
    int low = 0, high = set->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (set->ranges[middle].end < task + beyond)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void taskset_add(struct taskset *set, int64_t first, int64_t end)
{
    if (first >= end)
        return;
    /* Ranges that touch become one. */
    int at = find(set, first, false), behind = at;
    struct task_range whole = {first, end};
    for (; behind < set->n && set->ranges[behind].first <= end; behind++) {
        if (set->ranges[behind].first < whole.first)
            whole.first = set->ranges[behind].first;
        if (set->ranges[behind].end > whole.end)
            whole.end = set->ranges[behind].end;
    }
    MEM_GROW(set->ranges, set->n, set->cap);
    if (set->n > behind)
        memmove(set->ranges + at + 1, set->ranges + behind, (size_t)(set->n - behind) * sizeof *set->ranges);
    set->ranges[at] = whole;
    set->n += 1 - (behind - at);
}

int64_t taskset_count(const struct taskset *set)
{
    int64_t count = 0;
    for (int i = 0; i < set->n; i++)
        count += set->ranges[i].end - set->ranges[i].first;
    return count;
}

bool taskset_next(const struct taskset *set, int64_t from, struct task_range *ret)
{
    int at = find(set, from, true);
    if (at == set->n)
        return false;
    *ret = set->ranges[at];
    if (ret->first < from)
        ret->first = from;
    return true;
}

/* Reads digits; false if there are none or the number does not fit. */
static bool parse_number(const char **p, int64_t *ret)
{
    int64_t n = 0;
    const char *start = *p;
    for (; **p >= '0' && **p <= '9'; (*p)++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **p - '0', &n))
            return false;
    *ret = n;
    return *p > start;
}

/* Reads "5", "0-2" or "8-" up to a comma or the end. */
static int parse_range(const char **p, int64_t tasks, struct task_range *ret, struct err *err)
{
    const char *start = *p;
    int64_t first = 0, last;
    int len = (int)strcspn(start, ",");
    bool good = parse_number(p, &first);
    last = first;
    if (good && **p == '-') {
        (*p)++;
        if (**p == ',' || **p == '\0')
            last = tasks - 1 > first ? tasks - 1 : first;
        else
            good = parse_number(p, &last);
    }
    if (!good || *p != start + len)
        return err_set(err, ERR_USAGE, "\"%.*s\" names no tasks; write numbers and ranges such as 0-2,5,8-", len, start);
    if (last < first)
        return err_set(err, ERR_USAGE, "the range %.*s ends before it starts", len, start);
    if (last >= tasks)
        return err_set(err, ERR_USAGE, "there is no task %lld; the run's tasks are 0 to %lld", (long long)last,
                       (long long)tasks - 1);
    *ret = (struct task_range){first, last + 1};
    return 0;
}

int taskset_parse(const char *text, int64_t tasks, struct taskset *ret, struct err *err)
{
    struct taskset set = {0};
    const char *p = text;
    for (;;) {
        struct task_range range = {0};
        if (parse_range(&p, tasks, &range, err)) {
            taskset_done(&set);
            return -1;
        }
        taskset_add(&set, range.first, range.end);
        if (*p == '\0')
            break;
        p++;
    }
    *ret = set;
    return 0;
}
