/* See outcome.h. */
#include "base/outcome.h"

#include "base/names.h"

const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_ERROR] = "error",     [OUTCOME_EXIT] = "exit", [OUTCOME_SIGNAL] = "signal",
    [OUTCOME_TIMEOUT] = "timeout", [OUTCOME_OOM] = "oom",   [OUTCOME_LOST] = "lost",
    [OUTCOME_REFUSED] = "refused", [OUTCOME_EVICTED] = "evicted",
};

static const struct {
    bool counts;
    bool retried;
} rules[OUTCOME_COUNT] = {
    [OUTCOME_OK] = {false, false},     [OUTCOME_ERROR] = {true, true},   [OUTCOME_EXIT] = {true, true},
    [OUTCOME_SIGNAL] = {true, true},   [OUTCOME_TIMEOUT] = {true, true}, [OUTCOME_OOM] = {true, true},
    [OUTCOME_LOST] = {false, true},    [OUTCOME_REFUSED] = {true, false}, [OUTCOME_EVICTED] = {false, true},
};

const char *outcome_name(enum outcome o)
{
    return outcome_names[o];
}

int outcome_find(const char *name, size_t len)
{
    return names_find(outcome_names, OUTCOME_COUNT, name, len);
}

bool outcome_counts(enum outcome o)
{
    return rules[o].counts;
}

bool outcome_retried(enum outcome o)
{
    return rules[o].retried;
}
