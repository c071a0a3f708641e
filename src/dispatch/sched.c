/* See sched.h.
 *
 * Tasks stand in one of four places, always as ranges of tasks with the same history:
 *   fed      what the loop fed, in order; the next fresh tasks are at its head
 *   ready    came back (dropped, their session lost, back-off over): a heap by task number, served before `fed`
 *   waiting  retries in back-off: a heap by due time
 *   sent     of each session: in flight, in the order sent; answers take from the head, DROPPED from the tail
 * A task that is settled is in none of them.
 *
 * Workers that share a process die together, and each one's task is blamed. Before the last blame a task is a suspect: of
 * these one at a time leaves `waiting`, so that the one that does it is found, and the others, which ran beside it, are not
 * given up with it.
 */
#include "dispatch/sched.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define SUSPECT_US 20000 /* a suspect looks so often whether it is its turn */

/* Tasks [first, end), all tried `attempts` times; `spent` of those count against `retries`, in `lost` the worker was lost
 * while it ran, `freed` cost nothing. */
struct item {
    int64_t first, end;
    int64_t due; /* waiting only */
    int attempts, spent, lost, freed;
};

/* A queue with both ends: items[head … head+n-1], moved to the front when space runs out. */
struct deque {
    struct item *items;
    size_t head, n, cap;
};
struct heap {
    struct item *items;
    size_t n, cap;
    bool by_due;
};

struct session {
    bool open, dropping;
    struct deque sent;
    int64_t in_flight;
    int64_t quota;  /* how many more it may be sent; INT64_MAX: no limit */
    int64_t window; /* as far as it has grown */
    double us;      /* of a task, averaged; negative: not measured */
    int64_t since;  /* the head runs since then, at the latest */
};

struct sched {
    struct sched_policy policy;
    struct deque fed;
    struct heap ready, waiting;
    int64_t fed_tasks, ready_tasks;
    int64_t fed_to;
    bool fed_all, hold;
    struct session *sessions;
    int n_sessions, cap_sessions;
    int *free_list;
    int n_free, cap_free;
    int open, working;
    int64_t in_flight, done, failed;
    int64_t suspects; /* ready or in flight */
    double us; /* of a task in any session, averaged */
    int64_t mark, settled_since_mark;
};

/* ---- queues and heaps ---- */

static void deque_push(struct deque *q, const struct item *item)
{
    if (q->head + q->n == q->cap) {
        if (q->head > q->n) {
            memmove(q->items, q->items + q->head, q->n * sizeof *q->items);
            q->head = 0;
        } else {
            q->cap = q->cap ? q->cap * 2 : 4;
            q->items = mem_resize(q->items, q->cap, sizeof *q->items);
        }
    }
    q->items[q->head + q->n++] = *item;
}

static struct item *deque_head(const struct deque *q)
{
    return q->n ? &q->items[q->head] : NULL;
}

static struct item *deque_tail(const struct deque *q)
{
    return q->n ? &q->items[q->head + q->n - 1] : NULL;
}

/* Takes `count` tasks off the head; its items may be used up. */
static void deque_take(struct deque *q, int64_t count)
{
    while (count > 0) {
        struct item *i = deque_head(q);
        int64_t here = i->end - i->first;
        if (count < here) {
            i->first += count;
            return;
        }
        count -= here;
        q->head++;
        if (--q->n == 0)
            q->head = 0;
    }
}

static bool heap_less(const struct heap *h, const struct item *a, const struct item *b)
{
    if (h->by_due && a->due != b->due)
        return a->due < b->due;
    return a->first < b->first;
}

static void heap_swap(struct heap *h, size_t a, size_t b)
{
    struct item t = h->items[a];
    h->items[a] = h->items[b];
    h->items[b] = t;
}

static void heap_sink(struct heap *h, size_t i)
{
    for (;;) {
        size_t least = i, l = 2 * i + 1, r = l + 1;
        if (l < h->n && heap_less(h, &h->items[l], &h->items[least]))
            least = l;
        if (r < h->n && heap_less(h, &h->items[r], &h->items[least]))
            least = r;
        if (least == i)
            return;
        heap_swap(h, i, least);
        i = least;
    }
}

static void heap_push(struct heap *h, const struct item *item)
{
    MEM_GROW(h->items, h->n, h->cap);
    size_t i = h->n++;
    h->items[i] = *item;
    while (i > 0 && heap_less(h, &h->items[i], &h->items[(i - 1) / 2])) {
        heap_swap(h, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static void heap_pop(struct heap *h)
{
    h->items[0] = h->items[--h->n];
    heap_sink(h, 0);
}

/* ---- supply ---- */

struct sched *sched_new(const struct sched_policy *policy)
{
    struct sched *s = MEM_NEW(struct sched);
    s->policy = *policy;
    s->waiting.by_due = true;
    s->us = -1;
    return s;
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_sessions; i++)
        free(s->sessions[i].sent.items);
    free(s->sessions);
    free(s->free_list);
    free(s->fed.items);
    free(s->ready.items);
    free(s->waiting.items);
    free(s);
}

bool sched_hungry(const struct sched *s)
{
    return !s->fed_all && !s->hold && s->fed.n < 64 + (size_t)s->policy.slots &&
           s->fed_tasks < (int64_t)SCHED_WINDOW_TASKS * (s->policy.slots + 1);
}

static bool same_history(const struct item *a, const struct item *b)
{
    return a->attempts == b->attempts && a->spent == b->spent && a->lost == b->lost && a->freed == b->freed;
}

static bool is_suspect(const struct item *item)
{
    return item->lost >= SCHED_KILLS - 1;
}

static void feed_suspects(struct sched *s, struct item item, int64_t end)
{
    for (; item.first < end; item.first++) {
        item.end = item.first + 1;
        heap_push(&s->waiting, &item);
    }
}

void sched_feed(struct sched *s, int64_t first, int64_t end, int attempts, int spent, int lost)
{
    struct item item = {first, end, 0, attempts, spent, lost, lost};
    struct item *tail = deque_tail(&s->fed);
    assert(first < end && first >= s->fed_to);
    s->fed_to = end;
    if (is_suspect(&item)) {
        feed_suspects(s, item, end);
        return;
    }
    if (tail && tail->end == first && same_history(tail, &item))
        tail->end = end;
    else
        deque_push(&s->fed, &item);
    s->fed_tasks += end - first;
}

void sched_fed_to(struct sched *s, int64_t position, bool all)
{
    if (position > s->fed_to)
        s->fed_to = position;
    s->fed_all |= all;
}

static void make_ready(struct sched *s, const struct item *item)
{
    heap_push(&s->ready, item);
    s->ready_tasks += item->end - item->first;
}

static void move_due(struct sched *s, int64_t now)
{
    while (s->waiting.n && s->waiting.items[0].due <= now) {
        struct item item = s->waiting.items[0];
        heap_pop(&s->waiting);
        if (is_suspect(&item) && s->suspects > 0) {
            item.due = now + SUSPECT_US;
            heap_push(&s->waiting, &item);
            continue;
        }
        s->suspects += is_suspect(&item);
        make_ready(s, &item);
    }
}

/* Whether tasks can be sent now: some wait here and no retry has to come due first. */
static bool has_work(struct sched *s, int64_t now)
{
    move_due(s, now);
    return !s->hold && !sched_too_many_failures(s) && s->ready_tasks + s->fed_tasks > 0;
}

int64_t sched_wakeup(const struct sched *s)
{
    return s->waiting.n && !s->hold ? s->waiting.items[0].due : INT64_MAX;
}

/* ---- sessions ---- */

static bool short_tasks(const struct sched *s)
{
    return s->us >= 0 && s->us < SCHED_WINDOW_US;
}

int sched_wanted(struct sched *s, int pending, int64_t now)
{
    if (!has_work(s, now))
        return 0;
    int limit = s->policy.slots;
    if (s->policy.tasks_per_session == 1 && short_tasks(s))
        limit += s->policy.spare;
    int64_t slots = limit - s->open - pending, work = s->ready_tasks + s->fed_tasks - pending;
    int64_t wanted = slots < work ? slots : work;
    return wanted > 0 ? (int)wanted : 0;
}

static int64_t window_target(double us)
{
    double tasks = us > 0 ? SCHED_WINDOW_US / us : SCHED_WINDOW_TASKS;
    return tasks < 1 ? 1 : tasks > SCHED_WINDOW_TASKS ? SCHED_WINDOW_TASKS : (int64_t)tasks;
}

int sched_session_open(struct sched *s, int64_t now)
{
    int number;
    if (s->n_free) {
        number = s->free_list[--s->n_free];
    } else {
        MEM_GROW(s->sessions, s->n_sessions, s->cap_sessions);
        number = s->n_sessions++;
        s->sessions[number] = (struct session){0};
    }
    struct session *x = &s->sessions[number];
    struct deque sent = x->sent;
    sent.head = sent.n = 0;
    *x = (struct session){.open = true, .sent = sent, .window = 1, .us = -1, .since = now};
    x->quota = s->policy.tasks_per_session ? s->policy.tasks_per_session : INT64_MAX;
    if (s->us >= 0) { /* others have measured it: no need to begin with one */
        x->window = window_target(s->us) / 4;
        x->window = x->window < 1 ? 1 : x->window;
    }
    s->open++;
    return number;
}

/* How many tasks the session may have in flight now. Towards the end it is a fair share of half of what is left. */
static int64_t window_now(const struct sched *s, const struct session *x)
{
    int64_t window = x->window;
    if (s->fed_all) {
        int64_t share = (s->fed_tasks + s->ready_tasks + x->in_flight) / (2 * (int64_t)s->policy.slots);
        share = share < 1 ? 1 : share;
        window = window < share ? window : share;
    }
    return window;
}

/* Room worth a message: not one message a task while thousands are in flight. */
static int64_t room(const struct sched *s, const struct session *x)
{
    int64_t window = window_now(s, x), free_room = window - x->in_flight;
    int64_t least = window / 4 < SCHED_FRAME_TASKS ? window / 4 : SCHED_FRAME_TASKS;
    if (x->in_flight > 0 && free_room < least)
        return 0;
    free_room = free_room < SCHED_FRAME_TASKS ? free_room : SCHED_FRAME_TASKS;
    return free_room < x->quota ? free_room : x->quota;
}

/* Takes up to `max` tasks of one history from what can be sent now. */
static bool take(struct sched *s, int64_t max, struct item *ret)
{
    bool back = s->ready.n > 0;
    struct item *from = back ? &s->ready.items[0] : deque_head(&s->fed);
    if (!from)
        return false;
    *ret = *from;
    if (ret->end - ret->first > max)
        ret->end = ret->first + max;
    int64_t count = ret->end - ret->first;
    if (!back) {
        s->fed_tasks -= count;
        deque_take(&s->fed, count);
        return true;
    }
    s->ready_tasks -= count;
    from->first += count;
    if (from->first == from->end)
        heap_pop(&s->ready);
    else
        heap_sink(&s->ready, 0);
    return true;
}

bool sched_send(struct sched *s, int session, int64_t now, struct sched_send *ret)
{
    struct session *x = &s->sessions[session];
    struct item item;
    if (x->dropping || !has_work(s, now))
        return false;
    int64_t max = room(s, x);
    if (max <= 0 || !take(s, max, &item))
        return false;
    int64_t count = item.end - item.first;
    if (x->in_flight == 0) {
        x->since = now;
        s->working++;
    }
    deque_push(&x->sent, &item);
    x->in_flight += count;
    s->in_flight += count;
    if (x->quota != INT64_MAX)
        x->quota -= count;
    *ret = (struct sched_send){item.first, count, item.attempts + 1};
    return true;
}

static bool nothing_left(const struct sched *s)
{
    return s->hold || (s->fed_all && s->fed_tasks == 0 && s->ready_tasks == 0 && s->waiting.n == 0 && s->in_flight == 0);
}

bool sched_session_finished(const struct sched *s, int session)
{
    const struct session *x = &s->sessions[session];
    return !x->dropping && (x->quota == 0 || nothing_left(s));
}

bool sched_session_drained(const struct sched *s, int session)
{
    return s->sessions[session].in_flight == 0 && sched_session_finished(s, session);
}

int64_t sched_in_flight(const struct sched *s, int session)
{
    return s->sessions[session].in_flight;
}

/* ---- answers ---- */

static void measure(struct sched *s, struct session *x, int64_t count, int64_t us, bool grow)
{
    double each = (double)us / (double)count;
    double weight = count >= 8 ? 0.5 : 0.25;
    x->us = x->us < 0 ? each : x->us + weight * (each - x->us);
    s->us = s->us < 0 ? each : s->us + 0.1 * (each - s->us);
    int64_t target = window_target(x->us), grown = grow ? x->window * 2 : x->window;
    x->window = target < grown ? target : grown;
}

/* Suspects among the next `count` tasks of the session. */
static int64_t suspects_in(const struct session *x, int64_t count)
{
    int64_t n = 0;
    for (size_t i = 0; count > 0; i++) {
        const struct item *item = &x->sent.items[x->sent.head + i];
        n += is_suspect(item);
        count -= item->end - item->first;
    }
    return n;
}

/* Takes `count` answered tasks off the session's head. */
static void answered(struct sched *s, struct session *x, int64_t count, int64_t now)
{
    if (s->suspects)
        s->suspects -= suspects_in(x, count);
    deque_take(&x->sent, count);
    x->in_flight -= count;
    s->in_flight -= count;
    x->since = now;
    if (x->in_flight == 0)
        s->working--;
}

/* Whether the head of the queue is just these tasks in that attempt; they may be of several ranges. */
static bool head_is(const struct session *x, int64_t first, int64_t count, int attempt)
{
    if (count <= 0 || count > x->in_flight)
        return false;
    for (size_t i = 0; count > 0; i++) {
        const struct item *item = &x->sent.items[x->sent.head + i];
        if (item->first != first || item->attempts + 1 != attempt)
            return false;
        first += item->end - item->first;
        count -= item->end - item->first;
    }
    return true;
}

int sched_done(struct sched *s, int session, int64_t first, int64_t count, int attempt, int64_t us, int64_t now)
{
    struct session *x = &s->sessions[session];
    if (!head_is(x, first, count, attempt))
        return -1;
    measure(s, x, count, us, true);
    answered(s, x, count, now);
    s->done += count;
    s->settled_since_mark += count;
    return 0;
}

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int64_t sched_backoff(const struct sched_policy *policy, int64_t task, int spent)
{
    int64_t us = policy->backoff_us;
    for (int i = 1; i < spent && us < SCHED_BACKOFF_MAX_US; i++)
        us *= 2;
    us = us < SCHED_BACKOFF_MAX_US ? us : SCHED_BACKOFF_MAX_US;
    uint64_t random = mix(policy->jitter_seed ^ mix((uint64_t)task ^ mix((uint64_t)spent)));
    return us - (int64_t)((double)us / 4 * ((double)(random >> 11) / (double)(UINT64_C(1) << 53)));
}

static bool may_retry(const struct sched *s, enum outcome outcome, int status)
{
    return s->policy.may_retry ? s->policy.may_retry(s->policy.ctx, outcome, status) : outcome_retried(outcome);
}

/* One task's attempt has ended badly: counts it and says what follows. `item` is that task with its new history. */
static enum sched_verdict judge(struct sched *s, struct item *item, enum outcome outcome, int status, int64_t now)
{
    bool again;
    item->attempts++;
    item->due = now;
    if (outcome_counts(outcome)) {
        item->spent++;
        again = may_retry(s, outcome, status) && item->spent <= s->policy.retries;
        item->due += sched_backoff(&s->policy, item->first, item->spent);
    } else {
        item->freed++;
        item->lost += outcome == OUTCOME_LOST;
        again = item->lost < SCHED_KILLS && item->freed <= SCHED_FREE_REPEATS;
    }
    if (!again) {
        s->failed++;
        s->settled_since_mark++;
        return SCHED_GIVE_UP;
    }
    heap_push(&s->waiting, item);
    return SCHED_RETRY;
}

int sched_failed(struct sched *s, int session, int64_t task, int attempt, enum outcome outcome, int status, int64_t us,
                 int64_t now, enum sched_verdict *ret)
{
    struct session *x = &s->sessions[session];
    if (!head_is(x, task, 1, attempt))
        return -1;
    struct item item = *deque_head(&x->sent);
    item.end = item.first + 1;
    measure(s, x, 1, us, false);
    answered(s, x, 1, now);
    *ret = judge(s, &item, outcome, status, now);
    return 0;
}

/* ---- what comes back ---- */

/* How long the session still needs for what it has not started, or has kept the others waiting. */
static double holds_us(const struct session *x, int64_t now)
{
    double waited = (double)(now - x->since), ahead = x->us > 0 ? x->us * (double)(x->in_flight - 1) : 0;
    return waited > ahead ? waited : ahead;
}

int sched_steal(struct sched *s, int64_t now)
{
    if (s->hold || !s->fed_all || s->ready_tasks + s->fed_tasks > 0)
        return -1;
    int victim = -1, idle = s->policy.slots - s->working;
    for (int i = 0; idle > 0 && i < s->n_sessions; i++) {
        const struct session *x = &s->sessions[i];
        if (x->open && x->dropping)
            return -1; /* one at a time: it may be enough */
        if (x->open && x->in_flight > 1 && holds_us(x, now) > SCHED_STEAL_US &&
            (victim < 0 || x->in_flight > s->sessions[victim].in_flight))
            victim = i;
    }
    return victim;
}

void sched_dropping(struct sched *s, int session)
{
    s->sessions[session].dropping = true;
}

int sched_dropped(struct sched *s, int session, int64_t count)
{
    struct session *x = &s->sessions[session];
    if (!x->dropping || count < 0 || count > x->in_flight)
        return -1;
    x->dropping = false;
    x->in_flight -= count;
    s->in_flight -= count;
    if (count && x->in_flight == 0)
        s->working--;
    if (x->quota != INT64_MAX)
        x->quota += count;
    while (count > 0) {
        struct item *tail = deque_tail(&x->sent), back = *tail;
        int64_t here = tail->end - tail->first;
        if (count < here) {
            back.first = tail->end = tail->end - count;
            here = count;
        } else {
            x->sent.n--;
        }
        make_ready(s, &back);
        count -= here;
    }
    return 0;
}

static void session_end(struct sched *s, int session)
{
    struct session *x = &s->sessions[session];
    assert(x->open && x->in_flight == 0);
    x->open = false;
    s->open--;
    MEM_GROW(s->free_list, s->n_free, s->cap_free);
    s->free_list[s->n_free++] = session;
}

void sched_session_lost(struct sched *s, int session, bool blame, int64_t now, struct sched_loss *ret)
{
    struct session *x = &s->sessions[session];
    struct sched_loss loss = {0};
    if (x->in_flight > 0 && blame) {
        struct item item = *deque_head(&x->sent);
        item.end = item.first + 1;
        answered(s, x, 1, now);
        loss.had_task = true;
        loss.task = item.first;
        loss.verdict = judge(s, &item, OUTCOME_LOST, 0, now);
        loss.attempt = item.attempts;
        loss.kills = item.lost;
    }
    if (x->in_flight > 0) {
        loss.requeued = x->in_flight;
        for (size_t i = 0; i < x->sent.n; i++)
            make_ready(s, &x->sent.items[x->sent.head + i]);
        x->sent.head = x->sent.n = 0;
        s->in_flight -= x->in_flight;
        x->in_flight = 0;
        s->working--;
    }
    session_end(s, session);
    *ret = loss;
}

void sched_session_closed(struct sched *s, int session)
{
    session_end(s, session);
}

/* ---- how things stand ---- */

void sched_hold(struct sched *s)
{
    s->hold = true;
}

bool sched_idle(const struct sched *s)
{
    return s->in_flight == 0 && nothing_left(s);
}

bool sched_too_many_failures(const struct sched *s)
{
    return s->policy.max_failures >= 0 && s->failed > s->policy.max_failures;
}

struct sched_counts sched_counts(const struct sched *s)
{
    return (struct sched_counts){
        .done = s->done,
        .failed = s->failed,
        .in_flight = s->in_flight,
        .running = s->working < s->policy.slots ? s->working : s->policy.slots,
        .retrying = (int64_t)s->waiting.n,
        .workers = s->open < s->policy.slots ? s->open : s->policy.slots,
    };
}

static void lower(int64_t *mark, int64_t task)
{
    if (task < *mark)
        *mark = task;
}

int64_t sched_watermark(struct sched *s)
{
    if (s->waiting.n > 1024 && s->settled_since_mark < (int64_t)s->waiting.n / 16)
        return s->mark;
    int64_t mark = s->fed_to;
    if (s->fed.n)
        lower(&mark, deque_head(&s->fed)->first);
    if (s->ready.n)
        lower(&mark, s->ready.items[0].first);
    for (size_t i = 0; i < s->waiting.n; i++)
        lower(&mark, s->waiting.items[i].first);
    for (int i = 0; i < s->n_sessions; i++) {
        const struct session *x = &s->sessions[i];
        for (size_t k = 0; x->open && k < x->sent.n; k++)
            lower(&mark, x->sent.items[x->sent.head + k].first);
    }
    s->settled_since_mark = 0;
    return s->mark = mark;
}

bool sched_current(const struct sched *s, int session, int64_t *ret_task, int *ret_attempt, int64_t *ret_since)
{
    const struct session *x = &s->sessions[session];
    const struct item *head = deque_head(&x->sent);
    if (!head)
        return false;
    *ret_task = head->first;
    *ret_attempt = head->attempts + 1;
    *ret_since = x->since;
    return true;
}
