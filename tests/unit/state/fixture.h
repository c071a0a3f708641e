/* What the tests of the state database share: a folder of their own, plans from a few lines of YAML, commits, queries. */
#ifndef KT_TESTS_STATE_FIXTURE_H
#define KT_TESTS_STATE_FIXTURE_H

#include "unit/unit.h"

#include "state/state.h"

extern char folder[64];  /* the test's own */
extern char db_file[96]; /* folder/ktbatch.db */

int fixture_setup(void **ctx);
int fixture_teardown(void **ctx);
#define STATE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/* Fails the test with the error's text; the call's last argument is &ok_err. */
#define OK(call)                        \
    do {                                \
        struct err ok_err = ERR_INIT;   \
        if ((call) != 0)                \
            fail_msg("%s", ok_err.text); \
    } while (0)

/* A job and its plan. */
struct made {
    struct job *job;
    struct plan *plan;
};
struct made make_plan(const char *name, const char *yaml);
void unmake_plan(struct made *made);

struct state *open_state(enum state_mode mode);
/* A run of the YAML in that database. */
struct run_info make_run(struct state *state, const char *name, const char *yaml, struct run_lock **ret_lock);

/* One end, committed alone. */
struct attempt_end good_end(const struct run_info *run, int64_t task, const char *result);
struct attempt_end bad_end(const struct run_info *run, int64_t task, int attempt, enum outcome outcome, const char *message,
                           bool settled);
int commit_ends(struct state *state, struct run_info *run, const struct attempt_end *ends, size_t n, struct err *err);
void commit_end(struct state *state, struct run_info *run, struct attempt_end end);

/* Rows as `a|b\nc|d\n`, owned by the caller. */
char *query(struct state *state, const char *sql);
void assert_query(struct state *state, const char *sql, const char *expected);
/* The same by the sqlite3 shell (skips the test without one). */
char *shell_query(const char *sql);

/* What state_open_tasks() finds from the start on, as "0-5 7(1,1,0) ", owned by the caller. */
char *open_tasks(struct state *state, const struct run_info *run, int max);

#endif
