/* Ctrl-C, kill and a lost terminal: the first one asks for an orderly end, the second one for an end now. One that we were
 * started to ignore (nohup) stays ignored. After the end they have nothing more to say: what is still to do is short. */
#include "dispatch/inside.h"

#include <signal.h>

#include "base/mem.h"

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
static bool looked, ignored[ARRAY_LEN(numbers)];

static void look_at_ignored(void)
{
    struct sigaction was;
    for (size_t i = 0; i < ARRAY_LEN(numbers) && !looked; i++)
        ignored[i] = sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler == SIG_IGN;
    looked = true;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct dispatch *d = handle->data;
    if (d->stopping && d->end == DISPATCH_INTERRUPTED) {
        dispatch_stop_now(d);
        return;
    }
    d->signal = number;
    dispatch_stop(d, DISPATCH_INTERRUPTED);
    struct sched_counts counts = sched_counts(d->sched);
    if (counts.in_flight)
        dispatch_say(d, "stopping: what runs may finish for %d s; once more stops it now", DISPATCH_GRACE_S);
}

void signals_start(struct dispatch *d)
{
    look_at_ignored();
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        if (!ignored[i])
            uv_signal_start(&d->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&d->signals[i]);
    }
}

void signals_stop(struct dispatch *d)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uv_close((uv_handle_t *)&d->signals[i], NULL);
        signal(numbers[i], SIG_IGN);
    }
}
