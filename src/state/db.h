/* SQLite for this folder: the only file that calls sqlite3_*.
 *
 * A `struct db` is one connection with a table of statements, prepared at their first use and kept (sql.h). Errors are
 * ERR_SYSTEM with the database's path and SQLite's words, in plain ones where we know the cause.
 */
#ifndef KT_STATE_DB_H
#define KT_STATE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "state/sql.h"

struct db;
struct db_stmt;

enum db_access {
    DB_READ,      /* nothing is written, not even beside it where that can be helped */
    DB_WRITE,
    DB_CREATE,
    DB_IMMUTABLE, /* DB_READ of a file that nobody can write to: no locks, no files beside it */
};
/* Opens lazily: the first statement says whether it is a database at all. */
int db_open(const char *path, enum db_access access, struct db **ret, struct err *err);
void db_close(struct db *db);
void db_busy_timeout(struct db *db, int ms);

/* Runs statements without parameters. */
int db_exec(struct db *db, const char *sql, struct err *err);
/* The first column of the first row as a number (0 if there is none) or text (owned by the caller). */
int db_get_i64(struct db *db, const char *sql, int64_t *ret, struct err *err);
int db_get_text(struct db *db, const char *sql, char **ret, struct err *err);
bool db_in_transaction(struct db *db);
/* Begins a transaction that writes. */
int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);
/* Always succeeds as far as the caller is concerned. */
void db_rollback(struct db *db);
int64_t db_last_id(struct db *db);
/* Rows changed by the last statement. */
int64_t db_changes(struct db *db);

/* A statement of the table, ready for its parameters; NULL on error. */
struct db_stmt *db_use(struct db *db, enum sql which, struct err *err);
/* A statement of its own, freed with db_stmt_free(). ERR_USAGE with SQLite's words if it does not compile, or if there
 * is more than one. */
int db_prepare(struct db *db, const char *text, struct db_stmt **ret, struct err *err);
void db_stmt_free(struct db_stmt *stmt);

/* Parameters count from 1. Texts must live until the statement is stepped through. */
void db_bind_null(struct db_stmt *stmt, int i);
void db_bind_i64(struct db_stmt *stmt, int i, int64_t value);
void db_bind_real(struct db_stmt *stmt, int i, double value);
void db_bind_text(struct db_stmt *stmt, int i, struct slice text);
void db_bind_str(struct db_stmt *stmt, int i, const char *text);
void db_bind_blob(struct db_stmt *stmt, int i, struct slice bytes);
/* 1 a row, 0 the end (the statement is reset), -1 an error. */
int db_step(struct db *db, struct db_stmt *stmt, struct err *err);
/* The same for a statement of the user's: what is its own fault (text that is no JSON, a number too large) is ERR_USAGE. */
int db_step_asked(struct db *db, struct db_stmt *stmt, struct err *err);
/* Steps to the end. */
int db_run(struct db *db, struct db_stmt *stmt, struct err *err);
void db_reset(struct db_stmt *stmt);

enum db_type { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB };
int db_columns(struct db_stmt *stmt);
const char *db_name(struct db_stmt *stmt, int column);
enum db_type db_type(struct db_stmt *stmt, int column);
int64_t db_i64(struct db_stmt *stmt, int column);
double db_real(struct db_stmt *stmt, int column);
/* Until the next step; text or bytes, numbers as text. */
struct slice db_slice(struct db_stmt *stmt, int column);
/* A copy, owned by the caller; NULL as "". */
char *db_strdup(struct db_stmt *stmt, int column);

/* From now on this connection compiles only reads of what `may_read` (a table's or view's name, and the view that
 * reads it or NULL) lets through, with functions of a harmless list. */
void db_guard(struct db *db, bool (*may_read)(const char *table, const char *view));

#endif
