/* What a run may be called: its name becomes a view of the database, a folder and part of an id. */
#include <ctype.h>
#include <strings.h>

#include "base/mem.h"
#include "jobfile/jobfile.h"

/* SQLite's list (https://sqlite.org/lang_keywords.html). */
static const char *const keywords[] = {
    "abort", "action", "add", "after", "all", "alter", "always", "analyze", "and", "as", "asc", "attach", "autoincrement",
    "before", "begin", "between", "by", "cascade", "case", "cast", "check", "collate", "column", "commit", "conflict",
    "constraint", "create", "cross", "current", "current_date", "current_time", "current_timestamp", "database", "default",
    "deferrable", "deferred", "delete", "desc", "detach", "distinct", "do", "drop", "each", "else", "end", "escape", "except",
    "exclude", "exclusive", "exists", "explain", "fail", "filter", "first", "following", "for", "foreign", "from", "full",
    "generated", "glob", "group", "groups", "having", "if", "ignore", "immediate", "in", "index", "indexed", "initially",
    "inner", "insert", "instead", "intersect", "into", "is", "isnull", "join", "key", "last", "left", "like", "limit", "match",
    "materialized", "natural", "no", "not", "nothing", "notnull", "null", "nulls", "of", "offset", "on", "or", "order",
    "others", "outer", "over", "partition", "plan", "pragma", "preceding", "primary", "query", "raise", "range", "recursive",
    "references", "regexp", "reindex", "release", "rename", "replace", "restrict", "returning", "right", "rollback", "row",
    "rows", "savepoint", "select", "set", "table", "temp", "temporary", "then", "ties", "to", "transaction", "trigger",
    "unbounded", "union", "unique", "update", "using", "vacuum", "values", "view", "virtual", "when", "where", "window",
    "with", "within", "without",
};

static const char *const ours[] = {"runs", "tasks", "attempts", "failures", "slowest"};

static bool is_one_of(const char *name, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, words[i]) == 0)
            return true;
    return false;
}

/* Whether it ends in "-DIGITS", as a run's id does. */
static bool ends_like_an_id(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash && dash[1] && dash[1 + strspn(dash + 1, "0123456789")] == '\0';
}

const char *jobfile_name_problem(const char *name)
{
    size_t len = strlen(name);
    if (len == 0)
        return "it is empty";
    if (len > JOB_NAME_MAX)
        return "it is longer than 64 letters";
    if (!isalpha((unsigned char)*name) && *name != '_')
        return "it must begin with a letter";
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return "it may have letters, digits, `_` and `-` only";
    if (ends_like_an_id(name))
        return "`-` and digits at its end make it look like a run's id";
    /* The view has "_" for "-". */
    CLEANUP_FREE char *view = mem_strdup(name);
    for (char *p = view; *p; p++)
        if (*p == '-')
            *p = '_';
    if (is_one_of(view, keywords, ARRAY_LEN(keywords)))
        return "it is an SQL keyword";
    if (is_one_of(view, ours, ARRAY_LEN(ours)))
        return "the database has a view of that name";
    if (strncasecmp(view, "ktb_", 4) == 0 || strncasecmp(view, "sqlite_", 7) == 0)
        return "names that begin with `ktb_` or `sqlite_` are the database's own";
    if (len > 4 && strcasecmp(view + len - 4, "_all") == 0)
        return "with `_all` at its end it would be the view of all runs of another name";
    return NULL;
}
