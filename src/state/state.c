/* The database as a file: opened, checked, brought to this version, closed; and runs looked up in it.
 *
 * Before SQLite touches a file its first bytes are read here: what is not ours, or newer, or cut off, is refused without
 * a lock taken or a byte written. A database of ours always carries its mark there, because the transaction that makes it
 * writes the first page before any other.
 *
 * WAL is entered when a run starts and left by the last writer that closes.
 */
#include "state/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "state/migrations.h"

/* "ktb1" at offset 68 of the file. */
#define APPLICATION_ID 0x6b746231
#define HEADER_SIZE 100
#define LISTED_RUNS 5

/* ---- the file, before SQLite sees it ---- */

static uint32_t big32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool has_companion(const char *path, const char *suffix)
{
    CLEANUP_FREE char *name = mem_printf("%s%s", path, suffix);
    struct stat st;
    return stat(name, &st) == 0 && st.st_size > 0;
}

static int newer(const char *path, int64_t version, struct err *err)
{
    return err_set(err, ERR_USAGE, "%s: made by a newer ktbatch (its version is %lld, this program knows up to %d)", path,
                   (long long)version, schema_version);
}

static int check_header(const char *path, const unsigned char *header, ssize_t len, off_t size, struct err *err)
{
    if (len < HEADER_SIZE || memcmp(header, "SQLite format 3", 16))
        return err_set(err, ERR_USAGE, "%s: not a ktbatch database (it is no SQLite file); nothing has been changed", path);
    if (big32(header + 68) != APPLICATION_ID)
        return err_set(err, ERR_USAGE, "%s: not a ktbatch database (another program's); nothing has been changed", path);
    if (big32(header + 60) > (uint32_t)schema_version)
        return newer(path, big32(header + 60), err);
    int64_t page = (int64_t)header[16] << 8 | header[17];
    int64_t pages = big32(header + 28);
    page = page == 1 ? 65536 : page;
    /* While there is a log the file may lag behind it. */
    bool settled = !has_companion(path, "-wal") && !has_companion(path, "-journal");
    if (settled && memcmp(header + 24, header + 92, 4) == 0 && size < page * pages)
        return err_set(err, ERR_SYSTEM, "%s: cut off: %lld bytes of %lld are there; nothing has been changed", path,
                       (long long)size, (long long)(page * pages));
    return 0;
}

/* Missing and empty files are for STATE_CREATE only. */
static int check_file(const char *path, enum state_mode mode, struct err *err)
{
    unsigned char header[HEADER_SIZE];
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 && errno == ENOENT && mode == STATE_CREATE)
        return 0;
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_USAGE, "%s: no such database; `ktbatch apply FILE` makes one, --db names another", path);
    if (fd < 0 || fstat(fd, &st))
        return err_sys(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE, "%s: not a ktbatch database (not a regular file)", path);
    if (st.st_size == 0 && mode == STATE_CREATE)
        return 0;
    if (st.st_size == 0)
        return err_set(err, ERR_USAGE, "%s: an empty file, no runs yet; `ktbatch apply FILE` makes a database of it", path);
    ssize_t len = pread(fd, header, sizeof header, 0);
    return len < 0 ? err_sys(err, errno, "%s", path) : check_header(path, header, len, st.st_size, err);
}

/* ---- opening ---- */

static int migrate(struct state *state, struct err *err)
{
    int64_t version;
    if (db_get_i64(state->db, "PRAGMA user_version", &version, err))
        return -1;
    if (version == schema_version)
        return 0;
    if (version > schema_version)
        return newer(state->path, version, err);
    if (db_begin(state->db, err))
        return -1;
    CLEANUP_FREE char *mark = mem_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
                                         schema_version);
    /* Somebody else may have done it in the meantime. */
    if (db_get_i64(state->db, "PRAGMA user_version", &version, err))
        goto fail;
    for (; version < schema_version; version++)
        if (db_exec(state->db, schema_migrations[version], err))
            goto fail;
    if (db_exec(state->db, mark, err) || db_commit(state->db, err))
        goto fail;
    return 0;
fail:
    db_rollback(state->db);
    return -1;
}

/* The file's name without symbolic links, whether it exists already or not. A link that leads to nothing yet: where it is
 * to be made, an empty file, so that all who come now and later have one name for it. */
static char *real_name(const char *path, bool make)
{
    struct stat st;
    char *real = realpath(path, NULL);
    if (!real && make && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
            close(fd);
        real = realpath(path, NULL);
    }
    if (real)
        return real;
    CLEANUP_FREE char *dir = path_dir(path);
    CLEANUP_FREE char *real_dir = realpath(dir, NULL);
    return path_join(real_dir ? real_dir : dir, path_base(path));
}

static int set_up(struct state *state, struct err *err)
{
    db_busy_timeout(state->db, STATE_BUSY_MS);
    if (db_exec(state->db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; PRAGMA temp_store = MEMORY;"
                           "PRAGMA journal_size_limit = 16777216", err))
        return -1;
    if (state->mode == STATE_READ) {
        int64_t version;
        if (db_get_i64(state->db, "PRAGMA user_version", &version, err))
            return -1;
        if (version > schema_version)
            return newer(state->path, version, err);
        return version == schema_version ? 0 : err_set(err, ERR_USAGE, "%s: made by an older ktbatch; `ktbatch resume` or "
                                                       "`apply` brings it up to date", state->path);
    }
    if (state->plain_journal && db_exec(state->db, "PRAGMA journal_mode = DELETE", err))
        return -1;
    return migrate(state, err);
}

/* A read needs the files of the log beside the database if it is in WAL mode. Where they are not there and cannot be made,
 * nobody can be writing either: then the file is all there is. */
static int open_for_reading(struct state *state, struct err *err)
{
    if (db_open(state->path, DB_READ, &state->db, err) == 0) {
        if (set_up(state, err) == 0)
            return 0;
        db_close(state->db);
        state->db = NULL;
    }
    CLEANUP_FREE char *dir = path_dir(state->real_path);
    if (err->class != ERR_SYSTEM || has_companion(state->real_path, "-wal") || faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == 0)
        return -1;
    state->immutable = true;
    if (db_open(state->path, DB_IMMUTABLE, &state->db, err))
        return -1;
    return set_up(state, err);
}

/* Databases that this process has open. The first look must not happen to one of them: closing any descriptor of a file
 * drops all of the process's fcntl locks on it, SQLite's too, and then another process that closes its connection takes
 * itself for the last one and removes the log that this one still writes to. */
struct open_path {
    struct open_path *next;
    const struct state *state;
};
static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct open_path *open_paths;

static bool open_here(const char *real_path)
{
    bool found = false;
    pthread_mutex_lock(&open_mutex);
    for (const struct open_path *p = open_paths; p && !found; p = p->next)
        found = strcmp(p->state->real_path, real_path) == 0;
    pthread_mutex_unlock(&open_mutex);
    return found;
}

static void open_add(const struct state *state)
{
    struct open_path *path = MEM_NEW(struct open_path);
    pthread_mutex_lock(&open_mutex);
    *path = (struct open_path){open_paths, state};
    open_paths = path;
    pthread_mutex_unlock(&open_mutex);
}

static void open_remove(const struct state *state)
{
    pthread_mutex_lock(&open_mutex);
    for (struct open_path **at = &open_paths; *at; at = &(*at)->next)
        if ((*at)->state == state) {
            struct open_path *gone = *at;
            *at = gone->next;
            free(gone);
            break;
        }
    pthread_mutex_unlock(&open_mutex);
}

static int open_file(struct state *state, struct err *err)
{
    if (!open_here(state->real_path) && check_file(state->path, state->mode, err))
        return -1;
    if (state->mode == STATE_READ)
        return open_for_reading(state, err);
    enum db_access access = state->mode == STATE_CREATE ? DB_CREATE : DB_WRITE;
    return db_open(state->path, access, &state->db, err) || set_up(state, err) ? -1 : 0;
}

/* Marks one run, unless a runner has come up since: asked again, now that none can without waiting for us. */
static int mark_run(struct state *state, int64_t id, struct err *err)
{
    struct run_info run = {.id = id};
    struct db_stmt *find = db_use(state->db, SQL_RUN_BY_ID, err);
    struct db_stmt *mark = db_use(state->db, SQL_RUN_MARK, err);
    struct db_stmt *unstart = db_use(state->db, SQL_TASKS_UNSTART, err);
    if (!find || !mark || !unstart)
        return -1;
    db_bind_i64(find, 1, id);
    int found = run_lock_holder(state, &run) ? 0 : db_step(state->db, find, err);
    if (found <= 0)
        return found;
    bool running = slice_eq(db_slice(find, 3), run_state_names[RUN_RUNNING]);
    db_bind_i64(unstart, 1, db_i64(find, 4));
    db_bind_i64(unstart, 2, db_i64(find, 4) + db_i64(find, 5));
    db_reset(find);
    db_bind_i64(mark, 1, id);
    return running && (db_run(state->db, unstart, err) || db_run(state->db, mark, err)) ? -1 : 0;
}

static int mark_runs(struct state *state, const int64_t *ids, int n, struct err *err)
{
    if (n == 0)
        return 0;
    if (db_begin(state->db, err))
        return -1;
    int result = 0;
    for (int i = 0; i < n && result == 0; i++)
        result = mark_run(state, ids[i], err);
    if (result == 0)
        result = db_commit(state->db, err);
    if (result)
        db_rollback(state->db);
    return result;
}

/* Runs that say `running` and have no runner. */
static int mark_dead(struct state *state, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_RUNS_RUNNING, err);
    int64_t *ids = NULL;
    int n = 0, cap = 0, found = -1;
    while (row && (found = db_step(state->db, row, err)) > 0) {
        struct run_info run = {.id = db_i64(row, 0)};
        if (run_lock_holder(state, &run) == 0) {
            MEM_GROW(ids, n, cap);
            ids[n++] = run.id;
        }
    }
    int result = found < 0 ? -1 : mark_runs(state, ids, n, err);
    free(ids);
    return result;
}

int state_open(const char *path, enum state_mode mode, struct state **ret, struct err *err)
{
    struct state *state = MEM_NEW(struct state);
    state->mode = mode;
    state->path = path_absolute(path);
    state->real_path = real_name(state->path, mode == STATE_CREATE);
    state->lock_path = mem_printf("%s-lock", state->real_path);
    const char *fs = path_network_fs(state->real_path);
    if (fs) {
        state->plain_journal = true;
        state->warning = mem_printf("%s is on a network file system (%s): slower, and readers wait for the writer; a local "
                                    "disk is better (--db)", state->path, fs);
    }
    if (open_file(state, err) || (mode != STATE_READ && mark_dead(state, err))) {
        state_close(state);
        return -1;
    }
    open_add(state);
    *ret = state;
    return 0;
}

/* Fails while others have the file open, and then the last of them does it. */
static void leave_wal(struct state *state)
{
    struct err ignored = ERR_INIT;
    CLEANUP_FREE char *mode = NULL;
    db_busy_timeout(state->db, 0);
    if (db_get_text(state->db, "PRAGMA journal_mode", &mode, &ignored) == 0 && strcmp(mode, "wal") == 0) {
        db_exec(state->db, "PRAGMA wal_checkpoint(TRUNCATE)", &ignored);
        db_exec(state->db, "PRAGMA journal_mode = DELETE", &ignored);
    }
}

void state_close(struct state *state)
{
    if (!state)
        return;
    if (state->db) {
        db_rollback(state->db);
        if (state->mode != STATE_READ) {
            leave_wal(state);
            run_lock_tidy(state);
        }
    }
    db_close(state->db);
    open_remove(state);
    workers_done(&state->workers);
    buf_done(&state->scratch);
    free(state->path);
    free(state->real_path);
    free(state->lock_path);
    free(state->warning);
    free(state);
}

int state_enter_wal(struct state *state, struct err *err)
{
    return state->plain_journal ? 0 : db_exec(state->db, "PRAGMA journal_mode = WAL", err);
}

const char *state_warning(const struct state *state)
{
    return state->warning;
}

const char *state_path(const struct state *state)
{
    return state->path;
}

/* ---- runs ---- */

void run_info_done(struct run_info *info)
{
    free(info->run);
    free(info->name);
    free(info->job_text);
    free(info->sets);
    free(info->folder);
    free(info->identity);
    free(info->digest);
    free(info->results);
    free(info->backend);
    *info = (struct run_info){0};
}

/* What changes, from a row of RUN_COLUMNS. */
static void load_counts(struct db_stmt *row, struct run_info *run)
{
    struct slice state = db_slice(row, 3);
    int found = names_find(run_state_names, RUN_STATES, state.p, state.len);
    run->state = found < 0 ? RUN_INTERRUPTED : (enum run_state)found;
    run->running = db_i64(row, 6);
    run->done = db_i64(row, 7);
    run->failed = db_i64(row, 8);
    run->cancelled = db_i64(row, 9);
    run->watermark = db_i64(row, 10);
    run->started_us = db_i64(row, 11);
    run->results_length = db_i64(row, 12);
}

int run_load(struct state *state, struct db_stmt *row, struct run_info *ret, struct err *err)
{
    struct run_info run = {.id = db_i64(row, 0), .base = db_i64(row, 4), .tasks = db_i64(row, 5)};
    load_counts(row, &run);
    run.run = db_strdup(row, 1);
    run.name = db_strdup(row, 2);
    run.backend = db_strdup(row, 13);
    db_reset(row);
    struct db_stmt *job = db_use(state->db, SQL_JOB_GET, err);
    if (job) {
        db_bind_i64(job, 1, run.id);
        int found = db_step(state->db, job, err);
        if (found > 0) {
            run.job_text = db_strdup(job, 0);
            run.sets = db_strdup(job, 1);
            run.folder = db_strdup(job, 2);
            run.identity = db_strdup(job, 3);
            run.digest = db_strdup(job, 4);
            CLEANUP_FREE char *beside = path_dir(state->real_path);
            CLEANUP_FREE char *results = db_strdup(job, 5);
            run.results = path_join(beside, results);
            db_reset(job);
            *ret = run;
            return 0;
        }
        if (found == 0)
            err_set(err, ERR_SYSTEM, "%s: the job file of run %s is missing", state->path, run.run);
    }
    run_info_done(&run);
    return -1;
}

int run_reload(struct state *state, struct run_info *run, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_RUN_BY_ID, err);
    if (!row)
        return -1;
    db_bind_i64(row, 1, run->id);
    int found = db_step(state->db, row, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_USAGE, "%s: run %s is no longer there", state->path, run->run);
    load_counts(row, run);
    db_reset(row);
    return 0;
}

int run_rest(struct state *state, const struct run_info *run, enum task_state *ret, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_RUN_BY_ID, err);
    if (!row)
        return -1;
    db_bind_i64(row, 1, run->id);
    int found = db_step(state->db, row, err);
    if (found < 0)
        return -1;
    *ret = found && db_i64(row, 14) == TASK_CANCELLED ? TASK_CANCELLED : TASK_QUEUED;
    if (found)
        db_reset(row);
    return 0;
}

/* Splits "cubes-12" into name and number; false if it is no run's id. */
static bool split_id(const char *which, char **ret_name, int64_t *ret_number)
{
    const char *dash = strrchr(which, '-');
    if (!dash || dash == which || !json_i64((struct json){dash + 1, strlen(dash + 1)}, ret_number) || *ret_number < 1)
        return false;
    *ret_name = mem_strndup(which, (size_t)(dash - which));
    return true;
}

/* Steps to the row that `which` and `choice` name: 1, 0 if there is none, -1. `*ret` stands on it. */
static int choose(struct state *state, const char *which, enum run_choice choice, struct db_stmt **ret, struct err *err)
{
    CLEANUP_FREE char *name = NULL;
    CLEANUP_FREE char *key = NULL;
    int64_t number;
    bool is_id = which && split_id(which, &name, &number);
    enum sql sql = is_id                     ? SQL_RUN_BY_RUN
                   : which                   ? SQL_RUN_BY_KEY
                   : choice == RUN_ANY ? SQL_RUN_NEWEST : SQL_RUN_INTERRUPTED;
    struct db_stmt *row = db_use(state->db, sql, err);
    if (!row)
        return -1;
    if (which) {
        key = name_key(is_id ? name : which);
        db_bind_text(row, 1, slice_str(key));
    }
    if (is_id)
        db_bind_i64(row, 2, number);
    int found;
    while ((found = db_step(state->db, row, err)) > 0) {
        struct run_info run = {.id = db_i64(row, 0)};
        if (sql != SQL_RUN_INTERRUPTED || run_lock_holder(state, &run) == 0)
            break;
    }
    *ret = row;
    return found;
}

/* " (there is: cubes-2, cubes-1, …)", nearest first. */
static int list_runs(struct state *state, const char *which, struct buf *out, struct err *err)
{
    struct db_stmt *row = db_use(state->db, SQL_RUN_LIST, err);
    char *runs[1000];
    int n = 0, found = -1, shown = 0;
    while (row && n < (int)ARRAY_LEN(runs) && (found = db_step(state->db, row, err)) > 0)
        runs[n++] = db_strdup(row, 0);
    if (row)
        db_reset(row);
    const char *nearest;
    while (shown < LISTED_RUNS && (nearest = names_nearest(which, (const char *const *)runs, (size_t)n))) {
        buf_printf(out, "%s%s", shown++ ? ", " : " (there is: ", nearest);
        for (int i = 0; i < n; i++)
            if (runs[i] == nearest) {
                free(runs[i]);
                runs[i] = NULL;
            }
    }
    for (int i = 0; i < n; i++) {
        if (runs[i] && shown < LISTED_RUNS)
            buf_printf(out, "%s%s", shown++ ? ", " : " (there is: ", runs[i]);
        else if (runs[i] && shown++ == LISTED_RUNS)
            buf_add_str(out, ", …");
        free(runs[i]);
    }
    buf_add_str(out, shown ? ")" : " (there is none yet)");
    return found < 0 ? -1 : 0;
}

/* Nothing to go on with: because there is nothing, or because somebody is at it. */
static int none_unfinished(struct state *state, struct err *err)
{
    struct db_stmt *ids = db_use(state->db, SQL_RUNS_RUNNING, err), *row = db_use(state->db, SQL_RUN_BY_ID, err);
    struct run_info run;
    int64_t id = 0;
    int found = -1;
    while (ids && row && (found = db_step(state->db, ids, err)) > 0)
        id = db_i64(ids, 0);
    if (found == 0 && id) {
        db_bind_i64(row, 1, id);
        found = db_step(state->db, row, err);
    }
    if (found < 0 || (found > 0 && run_load(state, row, &run, err)))
        return -1;
    if (found == 0)
        return err_set(err, ERR_USAGE, "%s: no unfinished run", state->path);
    err_set(err, ERR_BUSY, "no unfinished run that nobody runs: %s is being run by process %lld", run.run,
            (long long)run_lock_holder(state, &run));
    run_info_done(&run);
    return -1;
}

static int not_found(struct state *state, const char *which, enum run_choice choice, struct err *err)
{
    CLEANUP_BUF struct buf list = {0};
    if (!which && choice == RUN_UNFINISHED)
        return none_unfinished(state, err);
    if (!which)
        return err_set(err, ERR_USAGE, "%s: no runs yet", state->path);
    if (list_runs(state, which, &list, err))
        return -1;
    return err_set(err, ERR_USAGE, "%s: no run '%s'%s", state->path, which, buf_cstr(&list));
}

int state_find(struct state *state, const char *which, enum run_choice choice, struct run_info *ret, struct err *err)
{
    struct db_stmt *row;
    int found = choose(state, which, choice, &row, err);
    if (found < 0)
        return -1;
    return found ? run_load(state, row, ret, err) : not_found(state, which, choice, err);
}

int state_newest(struct state *state, const char *name, struct run_info *ret, struct err *err)
{
    CLEANUP_FREE char *key = name_key(name);
    struct db_stmt *row = db_use(state->db, SQL_RUN_BY_KEY, err);
    if (!row)
        return -1;
    db_bind_text(row, 1, slice_str(key));
    int found = db_step(state->db, row, err);
    if (found <= 0)
        return found;
    return run_load(state, row, ret, err) ? -1 : 1;
}
