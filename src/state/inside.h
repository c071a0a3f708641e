/* What the files of this folder share and nobody else sees. */
#ifndef KT_STATE_INSIDE_H
#define KT_STATE_INSIDE_H

#include "state/db.h"
#include "state/state.h"

/* How a result is kept: the values of ktb_tasks.state that mean done (NULL is one, too). */
#define CODE_DONE_JSON 0  /* the result is JSON text */
#define CODE_DONE_FILE (-1) /* the result is the path of a file */

/* Names of workers of one run, with their numbers. */
struct worker_names {
    int64_t run_id; /* 0: nothing loaded */
    char **names;
    int n, cap;
    int written;   /* so many are in the database */
    int *slots;    /* open hashing: index + 1, 0 empty */
    int n_slots;
};

struct state {
    struct db *db;
    char *path;      /* absolute, as the user named it */
    char *real_path; /* without symbolic links */
    char *lock_path;
    char *warning;
    enum state_mode mode;
    bool plain_journal; /* no WAL here */
    bool immutable;
    struct worker_names workers;
    struct buf scratch;
};

/* Values between JSON and SQL. */
/* Binds a JSON value the way results are kept: numbers and texts as such, the rest as JSON text. Returns whether it is
 * that JSON text. `json` must live until the statement is done; so must `scratch`, which holds a text that had
 * escapes. */
bool value_bind(struct db_stmt *stmt, int i, struct slice json, struct buf *scratch);
/* Appends what value_bind() bound as JSON again. */
void value_json(struct db_stmt *stmt, int column, bool is_json, struct buf *out);

/* Key under which names fall together: small letters, `-` as `_`. Owned by the caller. */
char *name_key(const char *name);

/* Fills `ret` from a statement of the SQL_RUN_… family that stands on a row (and ends it), and ktb_jobs. */
int run_load(struct state *state, struct db_stmt *stmt, struct run_info *ret, struct err *err);
/* Reads the counts and state anew into `run`. */
int run_reload(struct state *state, struct run_info *run, struct err *err);
/* Rests (state of tasks without a row) of the run. */
int run_rest(struct state *state, const struct run_info *run, enum task_state *ret, struct err *err);
/* WAL from now on, if the file system can. */
int state_enter_wal(struct state *state, struct err *err);

/* Removes a lock file that nobody holds: its last holder was killed. */
void run_lock_tidy(struct state *state);

void workers_done(struct worker_names *w);
int workers_write(struct state *state, const struct run_info *run, struct err *err);

/* Makes the views of a name anew (inside a transaction): NAME for its newest run, NAME_all; none if there is no run. */
int views_make(struct state *state, const char *name, struct err *err);
/* The SELECT of one run's view, without CREATE VIEW. */
int views_select(struct state *state, int64_t run_id, int64_t base, int64_t tasks, struct buf *out, struct err *err);
/* What keeps `where` from being one expression, or NULL. */
const char *condition_problem(const char *where);
/* A message with values, paths and numbers blanked. */
void pattern_of(struct slice message, struct buf *out);

#endif
