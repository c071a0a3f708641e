/* Figures for the progress line: counts of the run (or of the chosen tasks), the rate of the last seconds, the time left. */
#include "dispatch/inside.h"

#include "base/clock.h"

#define SAID_US (5 * CLOCK_S) /* so long a task's word about itself is shown */
#define SAMPLE_US 200000 /* 32 of them are about six seconds */

static int64_t settled(const struct dispatch *d)
{
    struct sched_counts c = sched_counts(d->sched);
    return c.done + c.failed;
}

void stats_sample(struct dispatch *d)
{
    struct rate *r = &d->rate;
    int last = (r->next + RATE_SAMPLES - 1) % RATE_SAMPLES;
    if (r->n && d->now - r->samples[last].at < SAMPLE_US)
        return;
    r->samples[r->next].at = d->now;
    r->samples[r->next].settled = settled(d);
    r->next = (r->next + 1) % RATE_SAMPLES;
    r->n += r->n < RATE_SAMPLES;
}

/* Tasks a second since the oldest sample. */
static double rate_now(const struct dispatch *d)
{
    const struct rate *r = &d->rate;
    if (!r->n)
        return 0;
    int oldest = (r->next + RATE_SAMPLES - r->n) % RATE_SAMPLES;
    int64_t us = d->now - r->samples[oldest].at;
    return us > 0 ? (double)(settled(d) - r->samples[oldest].settled) * 1e6 / (double)us : 0;
}

struct dispatch_stats stats_now(const struct dispatch *d)
{
    struct sched_counts c = sched_counts(d->sched);
    const struct run_info *run = d->config->run;
    struct dispatch_stats s = {
        .tasks = d->total,
        .done = c.done + (d->config->only ? d->settled_before : run->done),
        .failed = c.failed + (d->config->only ? 0 : run->failed),
        .running = c.running,
        .rate = rate_now(d),
        .left_us = -1,
        .workers = c.workers,
        .elapsed_us = d->now - d->started,
        .stopping = d->stopping,
    };
    if (d->said.at && d->now - d->said.at < SAID_US)
        s.said = d->said;
    int64_t cancelled = d->config->only ? 0 : run->cancelled;
    s.queued = s.tasks - s.done - s.failed - s.running - cancelled;
    s.queued = s.queued < 0 ? 0 : s.queued;
    if (s.rate > 0)
        s.left_us = (int64_t)((double)(s.queued + s.running) / s.rate * 1e6);
    else if (s.queued + s.running == 0)
        s.left_us = 0;
    return s;
}
