/* The scheduler, with a clock that is only a number. */
#include "dispatch/sched.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

#define MS INT64_C(1000)
#define S INT64_C(1000000)

static struct sched_policy policy(int slots, int64_t per_session)
{
    return (struct sched_policy){.slots = slots, .spare = 2, .tasks_per_session = per_session, .retries = 3,
                                 .backoff_us = 2 * S, .max_failures = -1, .jitter_seed = 7};
}

static struct sched *fed(const struct sched_policy *p, int64_t tasks)
{
    struct sched *s = sched_new(p);
    sched_feed(s, 0, tasks, 0, 0, 0);
    sched_fed_to(s, tasks, true);
    return s;
}

static void expect_send(struct sched *s, int session, int64_t now, int64_t first, int64_t count, int attempt)
{
    struct sched_send send;
    assert_true(sched_send(s, session, now, &send));
    assert_int_equal(send.first, first);
    assert_int_equal(send.count, count);
    assert_int_equal(send.attempt, attempt);
}

static void expect_nothing(struct sched *s, int session, int64_t now)
{
    struct sched_send send;
    assert_false(sched_send(s, session, now, &send));
}

static void done(struct sched *s, int session, int64_t first, int64_t count, int64_t us, int64_t now)
{
    assert_int_equal(sched_done(s, session, first, count, 1, us, now), 0);
}

static enum sched_verdict failed(struct sched *s, int session, int64_t task, int attempt, enum outcome outcome, int64_t now)
{
    enum sched_verdict verdict;
    assert_int_equal(sched_failed(s, session, task, attempt, outcome, 1, 10, now, &verdict), 0);
    return verdict;
}

/* Sends all that can be sent; how many tasks that were. */
static int64_t send_all(struct sched *s, int session, int64_t now, int64_t *ret_first)
{
    struct sched_send send;
    int64_t n = 0;
    if (ret_first)
        *ret_first = -1;
    while (sched_send(s, session, now, &send)) {
        if (n == 0 && ret_first)
            *ret_first = send.first;
        n += send.count;
    }
    return n;
}

static void test_first_tasks_first(void **state)
{
    (void)state;
    struct sched_policy p = policy(2, 0);
    struct sched *s = fed(&p, 5);
    assert_int_equal(sched_wanted(s, 0, 0), 2);
    assert_int_equal(sched_wanted(s, 1, 0), 1);
    int a = sched_session_open(s, 0), b = sched_session_open(s, 0);
    assert_int_equal(sched_wanted(s, 0, 0), 0);
    expect_send(s, a, 0, 0, 1, 1);
    expect_nothing(s, a, 0);
    expect_send(s, b, 0, 1, 1, 1);
    done(s, b, 1, 1, S, S);
    assert_int_equal(sched_watermark(s), 0);
    done(s, a, 0, 1, S, S);
    assert_int_equal(sched_watermark(s), 2);
    for (int64_t task = 2; task < 5; task++) {
        expect_send(s, a, S, task, 1, 1);
        done(s, a, task, 1, S, 2 * S);
    }
    assert_true(sched_idle(s));
    assert_true(sched_session_finished(s, a));
    assert_true(sched_session_drained(s, b));
    assert_int_equal(sched_watermark(s), 5);
    assert_int_equal(sched_counts(s).done, 5);
    sched_free(s);
}

static void test_window_grows_for_tiny_tasks(void **state)
{
    (void)state;
    struct sched_policy p = policy(2, 0);
    struct sched *s = fed(&p, 100000000);
    int a = sched_session_open(s, 0), answers = 0;
    int64_t first = 0, n, most = 0;
    n = send_all(s, a, 0, NULL);
    for (int64_t now = 0; most < SCHED_WINDOW_TASKS && answers < 20; answers++) {
        now += 100;
        done(s, a, first, n, n / 4, now);
        first += n;
        n = send_all(s, a, now, NULL);
        most = sched_in_flight(s, a) > most ? sched_in_flight(s, a) : most;
    }
    assert_int_equal(most, SCHED_WINDOW_TASKS);
    assert_true(answers <= 14);
    sched_free(s);
}

static void test_window_by_time(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 1000000);
    int a = sched_session_open(s, 0);
    int64_t first = 0, n = send_all(s, a, 0, NULL), now = 0;
    for (int i = 0; i < 40; i++) { /* tasks of 1 ms */
        now += n * MS;
        done(s, a, first, n, n * MS, now);
        first += n;
        n = send_all(s, a, now, NULL);
    }
    assert_in_range(sched_in_flight(s, a), SCHED_WINDOW_US / 1000 / 2, SCHED_WINDOW_US / 1000);
    done(s, a, first, n, n * 60 * MS, now); /* and then of 60 ms: nothing waits behind one */
    done(s, a, first + n, send_all(s, a, now, NULL), 10 * S, now);
    assert_int_equal(send_all(s, a, now, NULL), 1);
    sched_free(s);
}

static void test_frames_are_worth_it(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 10000000);
    int a = sched_session_open(s, 0);
    int64_t first = 0, n = send_all(s, a, 0, NULL);
    while (sched_in_flight(s, a) < SCHED_WINDOW_TASKS) {
        done(s, a, first, n, 0, 0);
        first += n;
        n = send_all(s, a, 0, NULL);
    }
    done(s, a, first, 100, 0, 0);
    expect_nothing(s, a, 0);
    done(s, a, first + 100, 412, 0, 0);
    expect_send(s, a, 0, first + SCHED_WINDOW_TASKS, SCHED_FRAME_TASKS, 1);
    sched_free(s);
}

static void test_end_is_shared(void **state)
{
    (void)state;
    struct sched_policy p = policy(4, 0);
    struct sched *s = fed(&p, 40);
    int x[4];
    for (int i = 0; i < 4; i++) {
        x[i] = sched_session_open(s, 0);
        expect_send(s, x[i], 0, i, 1, 1);
    }
    for (int i = 0; i < 4; i++) {
        done(s, x[i], i, 1, 1, 10);
        assert_in_range(send_all(s, x[i], 10, NULL), 1, 5);
    }
    sched_free(s);
}

static void test_retry_after_backoff(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 3);
    int a = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 1);
    assert_int_equal(failed(s, a, 0, 1, OUTCOME_EXIT, 0), SCHED_RETRY);
    assert_int_equal(sched_counts(s).retrying, 1);
    int64_t due = sched_wakeup(s);
    assert_in_range(due, 3 * S / 2, 2 * S);
    expect_send(s, a, 0, 1, 1, 1);
    done(s, a, 1, 1, 10, 10);
    expect_send(s, a, due, 0, 1, 2); /* before the fresh one */
    assert_int_equal(failed(s, a, 0, 2, OUTCOME_EXIT, due), SCHED_RETRY);
    assert_in_range(sched_wakeup(s) - due, 3 * S, 4 * S);
    assert_int_equal(sched_watermark(s), 0);
    expect_send(s, a, due, 2, 1, 1);
    done(s, a, 2, 1, 10, due);
    assert_false(sched_idle(s));
    assert_false(sched_session_finished(s, a));
    assert_int_equal(sched_wanted(s, 0, due), 0);
    for (int attempt = 3; attempt <= 4; attempt++) {
        int64_t now = sched_wakeup(s);
        expect_send(s, a, now, 0, 1, attempt);
        assert_int_equal(failed(s, a, 0, attempt, OUTCOME_EXIT, now), attempt == 4 ? SCHED_GIVE_UP : SCHED_RETRY);
    }
    assert_true(sched_idle(s));
    assert_int_equal(sched_counts(s).failed, 1);
    assert_int_equal(sched_watermark(s), 3);
    sched_free(s);
}

static void test_backoff(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    int64_t base = 2 * S;
    for (int spent = 1; spent < 100; spent++, base *= base < SCHED_BACKOFF_MAX_US ? 2 : 1) {
        int64_t most = base < SCHED_BACKOFF_MAX_US ? base : SCHED_BACKOFF_MAX_US;
        assert_in_range(sched_backoff(&p, 5, spent), most - most / 4, most);
        assert_int_equal(sched_backoff(&p, 5, spent), sched_backoff(&p, 5, spent));
    }
    assert_int_not_equal(sched_backoff(&p, 5, 1), sched_backoff(&p, 6, 1));
    p.backoff_us = 0;
    assert_int_equal(sched_backoff(&p, 5, 3), 0);
}

static bool never(const void *ctx, enum outcome outcome, int status)
{
    return *(const int *)ctx == status && outcome == OUTCOME_EXIT;
}

static void test_retry_on(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    int status = 75;
    enum sched_verdict verdict;
    p.may_retry = never;
    p.ctx = &status;
    struct sched *s = fed(&p, 2);
    int a = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 1);
    assert_int_equal(sched_failed(s, a, 0, 1, OUTCOME_EXIT, 75, 1, 0, &verdict), 0);
    assert_int_equal(verdict, SCHED_RETRY);
    expect_send(s, a, 0, 1, 1, 1);
    assert_int_equal(sched_failed(s, a, 1, 1, OUTCOME_EXIT, 1, 1, 0, &verdict), 0);
    assert_int_equal(verdict, SCHED_GIVE_UP);
    sched_free(s);
}

static void test_refused_is_final(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 1);
    int a = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 1);
    assert_int_equal(failed(s, a, 0, 1, OUTCOME_REFUSED, 0), SCHED_GIVE_UP);
    sched_free(s);
}

static void test_history_from_before(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = sched_new(&p);
    sched_feed(s, 0, 1, 5, 3, 0); /* three of four attempts are used up; two were before a retry */
    sched_feed(s, 4, 5, 2, 0, 2);
    sched_fed_to(s, 10, true);
    int a = sched_session_open(s, 0);
    expect_send(s, a, 0, 4, 1, 3);
    struct sched_loss loss;
    sched_session_lost(s, a, true, 0, &loss);
    assert_true(loss.had_task);
    assert_int_equal(loss.verdict, SCHED_GIVE_UP);
    assert_int_equal(loss.kills, 3);
    a = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 6);
    assert_int_equal(failed(s, a, 0, 6, OUTCOME_ERROR, 0), SCHED_GIVE_UP);
    assert_int_equal(sched_watermark(s), 10);
    sched_free(s);
}

static void test_killer_is_given_up(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 1);
    struct sched_loss loss;
    for (int kill = 1; kill <= SCHED_KILLS; kill++) {
        assert_int_equal(sched_wanted(s, 0, 0), 1);
        int a = sched_session_open(s, 0);
        expect_send(s, a, 0, 0, 1, kill);
        sched_session_lost(s, a, true, 0, &loss);
        assert_true(loss.had_task);
        assert_int_equal(loss.attempt, kill);
        assert_int_equal(loss.kills, kill);
        assert_int_equal(loss.verdict, kill == SCHED_KILLS ? SCHED_GIVE_UP : SCHED_RETRY);
    }
    assert_true(sched_idle(s));
    sched_free(s);
}

/* Three sessions die together, again and again: the task that does it is found, those that ran beside it are done. */
static void test_bystanders_are_spared(void **state)
{
    (void)state;
    enum { KILLER = 1, N = 3 };
    struct sched_policy p = policy(N, 0);
    struct sched *s = fed(&p, N);
    struct sched_loss loss;
    int64_t now = 0, task, since;
    int x[N], attempt, given_up = 0;
    while (!sched_idle(s)) {
        bool dies = false;
        assert_true(now < 60 * S);
        for (int i = 0; i < N; i++) {
            x[i] = sched_session_open(s, now);
            (void)send_all(s, x[i], now, NULL);
            dies |= sched_current(s, x[i], &task, &attempt, &since) && task == KILLER;
        }
        for (int i = 0; i < N; i++) {
            if (dies) {
                sched_session_lost(s, x[i], true, now, &loss);
                given_up += loss.had_task && loss.verdict == SCHED_GIVE_UP;
                assert_true(!loss.had_task || loss.verdict == SCHED_RETRY || loss.task == KILLER);
            } else {
                while (sched_current(s, x[i], &task, &attempt, &since))
                    assert_int_equal(sched_done(s, x[i], task, 1, attempt, 1, now), 0);
                sched_session_lost(s, x[i], false, now, &loss);
            }
        }
        now += S;
    }
    assert_int_equal(given_up, 1);
    assert_int_equal(sched_counts(s).done, N - 1);
    sched_free(s);
}

/* A session with many in flight, all of fresh tasks from 0 on. */
static int filled(struct sched *s, int64_t *ret_first, int64_t *ret_in_flight)
{
    int a = sched_session_open(s, 0);
    int64_t first = 0, n = send_all(s, a, 0, NULL);
    while (sched_in_flight(s, a) < 2000) {
        done(s, a, first, n, n, 0);
        first += n;
        n = send_all(s, a, 0, NULL);
    }
    *ret_first = first;
    *ret_in_flight = sched_in_flight(s, a);
    return a;
}

static void test_lost_session_gives_back(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 1000000);
    struct sched_loss loss;
    int64_t first, in_flight, again;
    int a = filled(s, &first, &in_flight);
    sched_session_lost(s, a, true, 0, &loss);
    assert_int_equal(loss.task, first);
    assert_int_equal(loss.requeued, in_flight - 1);
    assert_int_equal(sched_watermark(s), first);
    a = sched_session_open(s, 0);
    (void)send_all(s, a, 0, &again);
    assert_int_equal(again, first);
    sched_session_lost(s, a, false, 0, &loss); /* it had not begun: nobody is to blame */
    assert_false(loss.had_task);
    assert_int_equal(sched_counts(s).in_flight, 0);
    sched_free(s);
}

static void test_dropped(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 1000000);
    int64_t first, in_flight, again;
    int a = filled(s, &first, &in_flight);
    assert_int_equal(sched_dropped(s, a, 1), -1);
    sched_dropping(s, a);
    expect_nothing(s, a, 0);
    assert_int_equal(sched_dropped(s, a, in_flight + 1), -1);
    assert_int_equal(sched_dropped(s, a, in_flight - 10), 0);
    assert_int_equal(sched_in_flight(s, a), 10);
    int b = sched_session_open(s, 0);
    (void)send_all(s, b, 0, &again);
    assert_int_equal(again, first + 10);
    done(s, a, first, 10, 10, 0);
    sched_free(s);
}

static void test_steal(void **state)
{
    (void)state;
    struct sched_policy p = policy(2, 0);
    struct sched *s = fed(&p, 12);
    int a = sched_session_open(s, 0), b = sched_session_open(s, 0);
    assert_int_equal(sched_steal(s, 0), -1); /* there is work still */
    expect_send(s, a, 0, 0, 1, 1);
    done(s, a, 0, 1, 1, 0);
    assert_int_equal(send_all(s, a, 0, NULL), 2);
    int64_t first, n;
    while ((n = send_all(s, b, 0, &first)))
        done(s, b, first, n, n, 0);
    assert_int_equal(sched_in_flight(s, a), 2);
    assert_int_equal(sched_steal(s, 5 * MS), -1); /* it may soon be through */
    assert_int_equal(sched_steal(s, 50 * MS), a);
    sched_dropping(s, a);
    assert_int_equal(sched_steal(s, 60 * MS), -1);
    assert_int_equal(sched_dropped(s, a, 1), 0);
    assert_int_equal(send_all(s, b, 60 * MS, &first), 1);
    sched_free(s);
}

static void test_one_shot_and_spare(void **state)
{
    (void)state;
    struct sched_policy p = policy(2, 1);
    struct sched *s = fed(&p, 100);
    assert_int_equal(sched_wanted(s, 0, 0), 2);
    int a = sched_session_open(s, 0), b = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 1);
    assert_true(sched_session_finished(s, a)); /* FINISH goes with the task */
    assert_false(sched_session_drained(s, a));
    expect_send(s, b, 0, 1, 1, 1);
    assert_int_equal(sched_wanted(s, 0, 0), 0);
    done(s, a, 0, 1, 100, 0);
    assert_true(sched_session_drained(s, a));
    sched_session_closed(s, a);
    assert_int_equal(sched_wanted(s, 0, 0), 3); /* its slot, and two ahead as tasks are short */
    sched_free(s);

    s = fed(&p, 100);
    a = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 1);
    done(s, a, 0, 1, S, S);
    sched_session_closed(s, a);
    assert_int_equal(sched_wanted(s, 0, S), 2); /* long ones: none ahead */
    sched_free(s);

    s = fed(&p, 1);
    assert_int_equal(sched_wanted(s, 0, 0), 1); /* not more than there is work */
    sched_free(s);
}

static void test_quota(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 3);
    struct sched *s = fed(&p, 10);
    int a = sched_session_open(s, 0);
    int64_t n = 0, first;
    while (!sched_session_drained(s, a)) {
        int64_t m = send_all(s, a, 0, &first);
        done(s, a, first, m, 0, 0);
        n += m;
    }
    assert_int_equal(n, 3);
    sched_free(s);
}

static void test_hold(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 10);
    int a = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 1);
    sched_hold(s);
    assert_false(sched_idle(s));
    assert_int_equal(failed(s, a, 0, 1, OUTCOME_EXIT, 0), SCHED_RETRY);
    expect_nothing(s, a, 0);
    assert_true(sched_idle(s));
    assert_int_equal(sched_wanted(s, 0, 0), 0);
    assert_int_equal(sched_wakeup(s), INT64_MAX);
    assert_int_equal(sched_watermark(s), 0);
    sched_free(s);
}

static void test_max_failures(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    p.retries = 0;
    p.max_failures = 1;
    struct sched *s = fed(&p, 10);
    int a = sched_session_open(s, 0);
    for (int64_t task = 0; task < 2; task++) {
        assert_false(sched_too_many_failures(s));
        expect_send(s, a, 0, task, 1, 1);
        assert_int_equal(failed(s, a, task, 1, OUTCOME_ERROR, 0), SCHED_GIVE_UP);
    }
    assert_true(sched_too_many_failures(s));
    struct sched_send more;
    assert_false(sched_send(s, a, 0, &more)); /* not one more, however late the stop comes */
    sched_free(s);
}

static void test_wrong_answers(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 10);
    enum sched_verdict verdict;
    int a = sched_session_open(s, 0);
    assert_int_equal(sched_done(s, a, 0, 1, 1, 1, 0), -1);
    expect_send(s, a, 0, 0, 1, 1);
    assert_int_equal(sched_done(s, a, 1, 1, 1, 1, 0), -1);
    assert_int_equal(sched_done(s, a, 0, 2, 1, 1, 0), -1);
    assert_int_equal(sched_done(s, a, 0, 0, 1, 1, 0), -1);
    assert_int_equal(sched_done(s, a, 0, 1, 2, 1, 0), -1);
    assert_int_equal(sched_failed(s, a, 0, 2, OUTCOME_EXIT, 1, 1, 0, &verdict), -1);
    done(s, a, 0, 1, 1, 0);
    assert_int_equal(sched_done(s, a, 0, 1, 1, 1, 0), -1);
    sched_free(s);
}

static void test_answers_across_messages(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = fed(&p, 1000000);
    int64_t first, in_flight;
    int a = filled(s, &first, &in_flight);
    done(s, a, first, 700, 700, 0);
    assert_int_equal(sched_in_flight(s, a), in_flight - 700);
    int64_t task, since;
    int attempt;
    assert_true(sched_current(s, a, &task, &attempt, &since));
    assert_int_equal(task, first + 700);
    assert_int_equal(attempt, 1);
    sched_free(s);
}

static void test_supply(void **state)
{
    (void)state;
    struct sched_policy p = policy(1, 0);
    struct sched *s = sched_new(&p);
    assert_true(sched_hungry(s));
    sched_feed(s, 0, INT64_C(1) << 61, 0, 0, 0);
    assert_false(sched_hungry(s));
    assert_false(sched_idle(s));
    sched_free(s);

    s = sched_new(&p);
    for (int64_t task = 0; sched_hungry(s); task++) {
        assert_true(task < 100000);
        sched_feed(s, 2 * task, 2 * task + 1, 1, 1, 0);
    }
    sched_fed_to(s, 1000, false);
    int a = sched_session_open(s, 0);
    expect_send(s, a, 0, 0, 1, 2);
    sched_free(s);
}

/* A random run: every task ends exactly once, in spite of failures, losses and drops; the watermark never passes one. */
static void random_run(unsigned seed)
{
    enum { TASKS = 3000, SLOTS = 5 };
    struct sched_policy p = policy(SLOTS, seed % 3 == 0 ? 1 + seed % 7 : 0);
    static unsigned char settled[TASKS];
    memset(settled, 0, sizeof settled);
    p.retries = 2;
    struct sched *s = fed(&p, TASKS);
    int open[SLOTS + 2], n_open = 0;
    int64_t now = 0;
    srandom(seed);
    for (int turn = 0; !sched_idle(s); turn++) {
        assert_true(turn < 1000000);
        now += random() % 100;
        if (sched_wakeup(s) != INT64_MAX && random() % 4 == 0)
            now = sched_wakeup(s) > now ? sched_wakeup(s) : now;
        if (sched_wanted(s, 0, now) > 0)
            open[n_open++] = sched_session_open(s, now);
        if (!n_open)
            continue;
        int at = (int)(random() % n_open), x = open[at];
        (void)send_all(s, x, now, NULL);
        int64_t task, since;
        int attempt, dice = (int)(random() % 100);
        if (!sched_current(s, x, &task, &attempt, &since)) {
            if (sched_session_drained(s, x)) {
                sched_session_closed(s, x);
                open[at] = open[--n_open];
            }
            continue;
        }
        if (dice < 80) {
            assert_int_equal(sched_done(s, x, task, 1, attempt, random() % 50, now), 0);
            assert_int_equal(settled[task]++, 0);
        } else if (dice < 90) {
            if (failed(s, x, task, attempt, OUTCOME_ERROR, now) == SCHED_GIVE_UP)
                assert_int_equal(settled[task]++, 0);
        } else if (dice < 95) {
            int64_t n = random() % (sched_in_flight(s, x) + 1);
            sched_dropping(s, x);
            assert_int_equal(sched_dropped(s, x, n), 0);
        } else {
            struct sched_loss loss;
            sched_session_lost(s, x, dice < 97, now, &loss);
            if (loss.had_task && loss.verdict == SCHED_GIVE_UP)
                assert_int_equal(settled[loss.task]++, 0);
            open[at] = open[--n_open];
        }
        if (turn % 64 == 0)
            for (int64_t t = 0, mark = sched_watermark(s); t < mark; t++)
                assert_int_equal(settled[t], 1);
    }
    for (int t = 0; t < TASKS; t++)
        assert_int_equal(settled[t], 1);
    assert_int_equal(sched_watermark(s), TASKS);
    assert_int_equal(sched_counts(s).done + sched_counts(s).failed, TASKS);
    sched_free(s);
}

static void test_random_runs(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++)
        random_run(seed);
}

/* How long a simulated run takes: sessions that work through their queues, tasks of the given lengths. */
static int64_t makespan(const int64_t *us, int tasks, int slots)
{
    struct sched_policy p = policy(slots, 0);
    struct sched *s = fed(&p, tasks);
    int64_t now = 0, free_at[16];
    int x[16];
    for (int i = 0; i < slots; i++)
        x[i] = sched_session_open(s, 0);
    for (int i = 0; i < slots; i++)
        free_at[i] = send_all(s, x[i], 0, NULL) ? -1 : INT64_MAX;
    for (int i = 0; i < slots; i++) {
        int64_t task, since;
        int attempt;
        if (sched_current(s, x[i], &task, &attempt, &since))
            free_at[i] = us[task];
    }
    while (!sched_idle(s)) {
        int next = 0;
        for (int i = 1; i < slots; i++)
            next = free_at[i] < free_at[next] ? i : next;
        now = free_at[next];
        int64_t task, since;
        int attempt;
        assert_true(sched_current(s, x[next], &task, &attempt, &since));
        done(s, x[next], task, 1, us[task], now);
        free_at[next] = INT64_MAX;
        for (int i = 0; i < slots; i++) {
            int victim = sched_steal(s, now);
            if (victim >= 0) {
                sched_dropping(s, victim);
                assert_int_equal(sched_dropped(s, victim, sched_in_flight(s, victim) - 1), 0);
            }
            (void)send_all(s, x[i], now, NULL);
            if (free_at[i] == INT64_MAX && sched_current(s, x[i], &task, &attempt, &since))
                free_at[i] = now + us[task];
        }
    }
    sched_free(s);
    return now;
}

static void test_balance(void **state)
{
    (void)state;
    enum { TASKS = 2000, SLOTS = 4 };
    static int64_t us[TASKS];
    for (unsigned seed = 1; seed <= 20; seed++) {
        int64_t sum = 0, longest = 0;
        srandom(seed);
        for (int i = 0; i < TASKS; i++) {
            us[i] = random() % 20 == 0 ? random() % 200000 : random() % 2000;
            sum += us[i];
            longest = us[i] > longest ? us[i] : longest;
        }
        int64_t ideal = sum / SLOTS > longest ? sum / SLOTS : longest;
        assert_true(makespan(us, TASKS, SLOTS) < ideal * 112 / 100 + longest / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_tasks_first),
        cmocka_unit_test(test_window_grows_for_tiny_tasks),
        cmocka_unit_test(test_window_by_time),
        cmocka_unit_test(test_frames_are_worth_it),
        cmocka_unit_test(test_end_is_shared),
        cmocka_unit_test(test_retry_after_backoff),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_retry_on),
        cmocka_unit_test(test_refused_is_final),
        cmocka_unit_test(test_history_from_before),
        cmocka_unit_test(test_killer_is_given_up),
        cmocka_unit_test(test_bystanders_are_spared),
        cmocka_unit_test(test_lost_session_gives_back),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_steal),
        cmocka_unit_test(test_one_shot_and_spare),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_max_failures),
        cmocka_unit_test(test_wrong_answers),
        cmocka_unit_test(test_answers_across_messages),
        cmocka_unit_test(test_supply),
        cmocka_unit_test(test_random_runs),
        cmocka_unit_test(test_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
