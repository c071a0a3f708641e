/* See db.h. */
#include "state/db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* A condition of the user's cannot make values larger than this. */
#define GUARDED_LENGTH_MAX (64 << 20)

struct db {
    sqlite3 *handle;
    char *path;
    sqlite3_stmt *stmts[SQL_COUNT];
    bool (*may_read)(const char *table, const char *view);
};

/* A db_stmt is a sqlite3_stmt under a name that does not need SQLite's header. */
static struct db_stmt *wrap(sqlite3_stmt *stmt)
{
    return (struct db_stmt *)stmt;
}

static sqlite3_stmt *raw(struct db_stmt *stmt)
{
    return (sqlite3_stmt *)stmt;
}

static int fail(struct db *db, struct err *err)
{
    int code = sqlite3_extended_errcode(db->handle);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY, "%s: another process has been writing to it for too long", db->path);
    case SQLITE_NOTADB:
        return err_set(err, ERR_USAGE, "%s: not a database", db->path);
    case SQLITE_CORRUPT:
        return err_set(err, ERR_SYSTEM, "%s: the database is damaged (%s)", db->path, sqlite3_errmsg(db->handle));
    case SQLITE_FULL:
        return err_set(err, ERR_SYSTEM, "%s: no space left on its disk", db->path);
    case SQLITE_READONLY:
        return err_set(err, ERR_SYSTEM, "%s: cannot be written to (read-only file, folder or file system)", db->path);
    case SQLITE_CANTOPEN:
        return err_sys(err, sqlite3_system_errno(db->handle), "%s: cannot be opened", db->path);
    default: /* SQLite's codes are no enum of ours */
        return err_set(err, ERR_SYSTEM, "%s: %s", db->path, sqlite3_errmsg(db->handle));
    }
}

/* file: URI of a path, for immutable=1. */
static char *immutable_uri(const char *path)
{
    struct buf b = {0};
    buf_add_str(&b, "file:");
    for (const char *p = path; *p; p++) {
        if (strchr("?#%", *p))
            buf_printf(&b, "%%%02x", (unsigned)(unsigned char)*p);
        else
            buf_add_char(&b, *p);
    }
    buf_add_str(&b, "?immutable=1");
    return buf_steal(&b);
}

int db_open(const char *path, enum db_access access, struct db **ret, struct err *err)
{
    static const int flags[] = {
        [DB_READ] = SQLITE_OPEN_READONLY,
        [DB_WRITE] = SQLITE_OPEN_READWRITE,
        [DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        [DB_IMMUTABLE] = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
    };
    CLEANUP_FREE char *uri = access == DB_IMMUTABLE ? immutable_uri(path) : NULL;
    struct db *db = MEM_NEW(struct db);
    db->path = mem_strdup(path);
    if (sqlite3_open_v2(uri ? uri : path, &db->handle, flags[access] | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        fail(db, err);
        db_close(db);
        return -1;
    }
    sqlite3_extended_result_codes(db->handle, 1);
    *ret = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(db->stmts[i]);
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}

void db_busy_timeout(struct db *db, int ms)
{
    sqlite3_busy_timeout(db->handle, ms);
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, err);
}

int db_get_i64(struct db *db, const char *sql, int64_t *ret, struct err *err)
{
    struct db_stmt *stmt;
    if (db_prepare(db, sql, &stmt, err))
        return -1;
    int row = db_step(db, stmt, err);
    if (row >= 0)
        *ret = row ? db_i64(stmt, 0) : 0;
    db_stmt_free(stmt);
    return row < 0 ? -1 : 0;
}

int db_get_text(struct db *db, const char *sql, char **ret, struct err *err)
{
    struct db_stmt *stmt;
    if (db_prepare(db, sql, &stmt, err))
        return -1;
    int row = db_step(db, stmt, err);
    if (row >= 0)
        *ret = row ? db_strdup(stmt, 0) : mem_strdup("");
    db_stmt_free(stmt);
    return row < 0 ? -1 : 0;
}

bool db_in_transaction(struct db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

int db_begin(struct db *db, struct err *err)
{
    return db_exec(db, "BEGIN IMMEDIATE", err);
}

int db_commit(struct db *db, struct err *err)
{
    return db_exec(db, "COMMIT", err);
}

void db_rollback(struct db *db)
{
    struct err ignored = ERR_INIT;
    for (int i = 0; i < SQL_COUNT; i++)
        if (db->stmts[i])
            sqlite3_reset(db->stmts[i]);
    if (db_in_transaction(db))
        db_exec(db, "ROLLBACK", &ignored);
}

int64_t db_last_id(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_changes(struct db *db)
{
    return sqlite3_changes(db->handle);
}

struct db_stmt *db_use(struct db *db, enum sql which, struct err *err)
{
    sqlite3_stmt **stmt = &db->stmts[which];
    if (!*stmt && sqlite3_prepare_v3(db->handle, sql_text(which), -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK) {
        fail(db, err);
        return NULL;
    }
    return wrap(*stmt);
}

/* The statement is at fault, not the database. */
static bool is_statements(int code)
{
    return code == SQLITE_ERROR || code == SQLITE_AUTH || code == SQLITE_TOOBIG;
}

int db_prepare(struct db *db, const char *text, struct db_stmt **ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = "";
    int code = sqlite3_prepare_v2(db->handle, text, -1, &stmt, &tail);
    if (is_statements(code))
        return err_set(err, ERR_USAGE, "%s", sqlite3_errmsg(db->handle));
    if (code != SQLITE_OK)
        return fail(db, err);
    if (!stmt || tail[strspn(tail, " \t\r\n")]) {
        sqlite3_finalize(stmt);
        return err_set(err, ERR_USAGE, "%s", stmt ? "more than one SQL statement" : "no SQL statement");
    }
    *ret = wrap(stmt);
    return 0;
}

void db_stmt_free(struct db_stmt *stmt)
{
    sqlite3_finalize(raw(stmt));
}

void db_bind_null(struct db_stmt *stmt, int i)
{
    sqlite3_bind_null(raw(stmt), i);
}

void db_bind_i64(struct db_stmt *stmt, int i, int64_t value)
{
    sqlite3_bind_int64(raw(stmt), i, value);
}

void db_bind_real(struct db_stmt *stmt, int i, double value)
{
    sqlite3_bind_double(raw(stmt), i, value);
}

/* A NULL pointer would bind NULL; an empty text is a text. */
void db_bind_text(struct db_stmt *stmt, int i, struct slice text)
{
    sqlite3_bind_text64(raw(stmt), i, text.len ? text.p : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_str(struct db_stmt *stmt, int i, const char *text)
{
    sqlite3_bind_text(raw(stmt), i, text, -1, SQLITE_STATIC);
}

void db_bind_blob(struct db_stmt *stmt, int i, struct slice bytes)
{
    sqlite3_bind_blob64(raw(stmt), i, bytes.len ? bytes.p : "", bytes.len, SQLITE_STATIC);
}

int db_step(struct db *db, struct db_stmt *stmt, struct err *err)
{
    int code = sqlite3_step(raw(stmt));
    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE)
        fail(db, err);
    sqlite3_reset(raw(stmt));
    return code == SQLITE_DONE ? 0 : -1;
}

int db_step_asked(struct db *db, struct db_stmt *stmt, struct err *err)
{
    int row = db_step(db, stmt, err);
    if (row < 0 && is_statements(sqlite3_errcode(db->handle)))
        err_set(err, ERR_USAGE, "%s", sqlite3_errmsg(db->handle));
    return row;
}

int db_run(struct db *db, struct db_stmt *stmt, struct err *err)
{
    int row;
    while ((row = db_step(db, stmt, err)) > 0)
        ;
    return row;
}

void db_reset(struct db_stmt *stmt)
{
    sqlite3_reset(raw(stmt));
}

int db_columns(struct db_stmt *stmt)
{
    return sqlite3_column_count(raw(stmt));
}

const char *db_name(struct db_stmt *stmt, int column)
{
    return sqlite3_column_name(raw(stmt), column);
}

enum db_type db_type(struct db_stmt *stmt, int column)
{
    switch (sqlite3_column_type(raw(stmt), column)) {
    case SQLITE_INTEGER:
        return DB_INT;
    case SQLITE_FLOAT:
        return DB_REAL;
    case SQLITE_TEXT:
        return DB_TEXT;
    case SQLITE_BLOB:
        return DB_BLOB;
    default:
        return DB_NULL;
    }
}

int64_t db_i64(struct db_stmt *stmt, int column)
{
    return sqlite3_column_int64(raw(stmt), column);
}

double db_real(struct db_stmt *stmt, int column)
{
    return sqlite3_column_double(raw(stmt), column);
}

struct slice db_slice(struct db_stmt *stmt, int column)
{
    const void *p = sqlite3_column_type(raw(stmt), column) == SQLITE_BLOB ? sqlite3_column_blob(raw(stmt), column)
                                                                         : sqlite3_column_text(raw(stmt), column);
    return (struct slice){p ? p : "", (size_t)sqlite3_column_bytes(raw(stmt), column)};
}

char *db_strdup(struct db_stmt *stmt, int column)
{
    struct slice text = db_slice(stmt, column);
    return mem_strndup(text.p, text.len);
}

/* Functions that compute and do nothing else. Those that make large values out of nothing are missing. */
static bool harmless(const char *function)
{
    static const char *const names[] = {
        "->",    "->>",     "abs",        "avg",       "ceil",    "ceiling",  "char",     "coalesce", "count",
        "date",  "datetime", "exp",       "floor",     "format",  "glob",     "group_concat", "hex",  "ifnull",
        "iif",   "instr",   "json",       "json_array_length", "json_extract", "json_quote", "json_type", "json_valid",
        "julianday", "length", "like",    "ln",        "log",     "log10",    "log2",     "lower",    "ltrim",
        "max",   "min",     "mod",        "nullif",    "pow",     "power",    "printf",   "quote",    "replace",
        "round", "rtrim",   "sign",       "sqrt",      "strftime", "substr",  "substring", "sum",     "time",
        "total", "trim",    "trunc",      "typeof",    "unicode", "unixepoch", "upper",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (sqlite3_stricmp(function, names[i]) == 0)
            return true;
    return false;
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *database, const char *view)
{
    const struct db *db = ctx;
    (void)database;
    switch (action) {
    case SQLITE_SELECT:
        return SQLITE_OK;
    case SQLITE_READ:
        /* No column at all: only that there are rows, which is also asked of what is inside a view. */
        return !*b || db->may_read(a, view) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        return harmless(b) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

void db_guard(struct db *db, bool (*may_read)(const char *table, const char *view))
{
    db->may_read = may_read;
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, GUARDED_LENGTH_MAX);
    sqlite3_set_authorizer(db->handle, authorize, db);
}
