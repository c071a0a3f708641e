/* What is still to do: read from the database step by step, as the scheduler gets hungry; one step a turn of the loop, so that
 * the first task waits for no other, and workers for no long walk over what is done. */
#include "dispatch/inside.h"

#define RANGES 128

/* The parts of a range that were asked for. */
static void feed(struct dispatch *d, const struct open_range *range)
{
    struct task_range part = {range->first, range->end};
    for (int64_t from = range->first; from < range->end; from = part.end) {
        if (d->config->only) {
            if (!taskset_next(d->config->only, from, &part) || part.first >= range->end)
                return;
            part.end = part.end < range->end ? part.end : range->end;
        }
        sched_feed(d->sched, part.first, part.end, range->attempts, range->spent, range->lost);
        d->fed += part.end - part.first;
    }
}

/* Skips what was not asked for. False: nothing is left. */
static bool skip(struct dispatch *d)
{
    struct task_range next;
    if (d->feed_from >= d->config->run->tasks)
        return false;
    if (!d->config->only)
        return true;
    if (!taskset_next(d->config->only, d->feed_from, &next))
        return false;
    if (next.first > d->feed_from)
        d->feed_from = next.first;
    return true;
}

int supply_feed(struct dispatch *d, struct err *err)
{
    struct open_range ranges[RANGES];
    int n;
    if (!sched_hungry(d->sched))
        return 0;
    if (!skip(d)) {
        d->fed_all = true;
        d->settled_before = d->total - d->fed;
        sched_fed_to(d->sched, d->feed_from, true);
        d->look_at_all = true;
        return 0;
    }
    if (state_open_tasks(d->config->state, d->config->run, &d->feed_from, ranges, RANGES, &n, err))
        return -1;
    for (int i = 0; i < n; i++)
        feed(d, &ranges[i]);
    sched_fed_to(d->sched, d->feed_from, false);
    d->look_at_all |= n > 0;
    return 0;
}
