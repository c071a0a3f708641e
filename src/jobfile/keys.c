/* Tables of keys, and values of one type: see reader.h. */
#include <ctype.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "jobfile/reader.h"

#define KEYS_MAX 64
#define SHOWN_MAX 40

void node_problem(struct reader *r, const struct node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CLEANUP_FREE char *text = mem_vprintf(format, args);
    va_end(args);
    place_problem(r->problems, node->origin, node->mark, "%s", text);
}

void pair_problem(struct reader *r, const struct pair *pair, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CLEANUP_FREE char *text = mem_vprintf(format, args);
    va_end(args);
    place_problem(r->problems, pair->origin, pair->mark, "%s", text);
}

struct mark node_mark_at(const struct node *node, int offset)
{
    struct mark mark = node->mark;
    if (node->quote < 0 || !mark.line)
        return mark;
    mark.column += node->quote;
    for (int i = 0; i < offset && node->text[i]; i++)
        mark.column += ((unsigned char)node->text[i + 1] & 0xc0) != 0x80;
    return mark;
}

void describe(const struct node *node, struct buf *out)
{
    switch (node->kind) {
    case NODE_LIST:
        buf_add_str(out, node->n ? "a list" : "an empty list");
        break;
    case NODE_MAP:
        buf_add_str(out, node->n ? "a mapping" : "an empty mapping");
        break;
    case NODE_NULL:
        buf_add_str(out, *node->text ? "null" : "nothing");
        break;
    case NODE_BOOL:
    case NODE_INT:
    case NODE_FLOAT:
        buf_printf(out, "`%.*s`", SHOWN_MAX, node->text);
        break;
    case NODE_TEXT:
        if (strlen(node->text) > SHOWN_MAX)
            buf_add_str(out, "a long text");
        else
            buf_add_json(out, slice_str(node->text));
        break;
    }
}

void must_be(struct reader *r, const char *key, const struct node *node, const char *wanted)
{
    CLEANUP_BUF struct buf found = {0};
    describe(node, &found);
    node_problem(r, node, "`%s` must be %s, not %s", key, wanted, buf_cstr(&found));
}

static const struct key_rule *rule_of(const struct key_table *table, const char *key)
{
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->rules[i].name, key) == 0)
            return &table->rules[i];
    return NULL;
}

/* "`a`, `b`, `c`" of the table's supported keys. */
static void list_keys(const struct key_table *table, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < table->n; i++) {
        if (!table->rules[i].read)
            continue;
        buf_printf(out, "%s`%s`", first ? "" : ", ", table->rules[i].name);
        first = false;
    }
}

static const char *nearest(const struct key_table *table, const char *key)
{
    const char *names[KEYS_MAX];
    for (size_t i = 0; i < table->n; i++)
        names[i] = table->rules[i].name;
    return names_nearest(key, names, table->n);
}

static void unknown_key(struct reader *r, const struct pair *pair, const struct key_table *table)
{
    CLEANUP_BUF struct buf text = {0};
    buf_add_str(&text, "unknown key ");
    if (strlen(pair->key) <= SHOWN_MAX)
        buf_printf(&text, "`%s`", pair->key);
    if (table->where)
        buf_printf(&text, " in `%s`", table->where);
    const char *near = nearest(table, pair->key);
    if (table == &task_keys && rule_of(&top_keys, pair->key)) {
        buf_add_str(&text, "; it stands at the top level, beside `task`");
    } else if (table == &top_keys && rule_of(&task_keys, pair->key)) {
        buf_add_str(&text, "; it belongs into `task`");
    } else if (near) {
        buf_printf(&text, "; did you mean `%s`?", near);
    } else {
        buf_add_str(&text, "; known here: ");
        list_keys(table, &text);
    }
    pair_problem(r, pair, "%s", buf_cstr(&text));
}

bool keys_all_known(const struct node *map, const struct key_table *table)
{
    for (int i = 0; i < map->n; i++) {
        const struct key_rule *rule = rule_of(table, map->pairs[i].key);
        if (!rule || !rule->read)
            return false;
    }
    return true;
}

bool keys_read_map(struct reader *r, const struct node *map, const struct key_table *table)
{
    for (int i = 0; i < map->n; i++) {
        const struct key_rule *rule = rule_of(table, map->pairs[i].key);
        if (!rule)
            unknown_key(r, &map->pairs[i], table);
        else if (!rule->read)
            pair_problem(r, &map->pairs[i], "`%s` is not supported in this version", rule->name);
    }
    for (size_t i = 0; i < table->n; i++) {
        const struct pair *pair = node_find(map, table->rules[i].name);
        if (pair && table->rules[i].read)
            table->rules[i].read(r, pair);
    }
    return true;
}

bool keys_read(struct reader *r, const struct pair *pair, const struct key_table *table)
{
    if (pair->value->kind == NODE_MAP)
        return keys_read_map(r, pair->value, table);
    CLEANUP_BUF struct buf wanted = {0};
    buf_add_str(&wanted, "a mapping with the keys ");
    list_keys(table, &wanted);
    must_be(r, pair->key, pair->value, buf_cstr(&wanted));
    return false;
}

const char *read_text(struct reader *r, const struct pair *pair, const char *wanted)
{
    if (pair->value->kind == NODE_TEXT && *pair->value->text)
        return pair->value->text;
    must_be(r, pair->key, pair->value, wanted);
    return NULL;
}

char *node_json_text(const struct node *node)
{
    struct buf b = {0};
    node_json(node, &b);
    return buf_steal(&b);
}

bool node_i64(const struct node *node, int64_t *ret)
{
    if (node->kind != NODE_INT)
        return false;
    CLEANUP_FREE char *text = node_json_text(node);
    return json_i64((struct json){text, strlen(text)}, ret);
}

bool read_int(struct reader *r, const struct pair *pair, int64_t min, int64_t max, int64_t *ret)
{
    int64_t n;
    if (node_i64(pair->value, &n) && n >= min && n <= max) {
        *ret = n;
        return true;
    }
    char wanted[96];
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)min, (long long)max);
    must_be(r, pair->key, pair->value, wanted);
    return false;
}

bool read_bool(struct reader *r, const struct pair *pair, bool *ret)
{
    if (pair->value->kind != NODE_BOOL) {
        must_be(r, pair->key, pair->value, "true or false");
        return false;
    }
    *ret = tolower((unsigned char)pair->value->text[0]) == 't';
    return true;
}

bool read_duration(struct reader *r, const struct pair *pair, bool zero, int64_t *ret_us)
{
    const struct node *node = pair->value;
    const char *problem;
    int64_t us;
    /* In quotes too: that is how the options of the command line come. */
    bool bare = node->kind == NODE_INT || node->kind == NODE_FLOAT ||
                (node->kind == NODE_TEXT && *node->text && !node->text[strspn(node->text, "0123456789.")]);
    if (bare && node->text[0] != '-' && strlen(node->text) < SHOWN_MAX) {
        node_problem(r, node, "`%s` needs a unit: %s%s, for instance (ms, s, m, h or d)", pair->key, node->text, "s");
    } else if (node->kind != NODE_TEXT) {
        must_be(r, pair->key, node, "a number and a unit, such as 250ms, 30s, 5m, 2h or 2d");
    } else if (jobfile_duration(node->text, &us, &problem)) {
        must_be(r, pair->key, node, problem);
    } else if (us == 0 && !zero) {
        must_be(r, pair->key, node, "longer than nothing; leave it out for no limit");
    } else {
        *ret_us = us;
        return true;
    }
    return false;
}

bool is_identifier(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

/* The placeholder as written, or what there is of it. */
static void piece_problem(struct reader *r, const struct node *node, int offset, const char *text)
{
    place_problem(r->problems, node->origin, node_mark_at(node, offset), "%s", text);
}

/* The names that a placeholder could have meant. */
static void known_names(const struct job *job, struct buf *out)
{
    if (job->n_args == 0) {
        buf_add_str(out, "there are no arguments");
        return;
    }
    if (job->positional) {
        buf_printf(out, job->n_args == 1 ? "there is one argument: ${1}" : "the arguments are ${1} to ${%d}", job->n_args);
        return;
    }
    buf_add_str(out, "the arguments are ");
    for (int i = 0; i < job->n_args && i < 10; i++)
        buf_printf(out, "%s%s", i ? ", " : "", job->args[i].name);
    if (job->n_args > 10)
        buf_add_str(out, ", …");
}

static void names_no_argument(struct reader *r, const struct node *node, int offset, const char *name)
{
    CLEANUP_BUF struct buf text = {0};
    const char *names[JOB_ARGS_MAX + ARRAY_LEN(piece_names)];
    size_t n = 0;
    for (int i = 0; i < r->job->n_args && !r->job->positional; i++)
        names[n++] = r->job->args[i].name;
    for (size_t i = PIECE_TASK; i < ARRAY_LEN(piece_names); i++)
        names[n++] = piece_names[i];
    const char *near = names_nearest(name, names, n);
    buf_printf(&text, "`${%s}` names no argument; ", name);
    if (near)
        buf_printf(&text, "did you mean `${%s}`? ", near);
    known_names(r->job, &text);
    piece_problem(r, node, offset, buf_cstr(&text));
}

struct template *read_template(struct reader *r, const struct node *node, const char *text, int offset)
{
    const char *names[JOB_ARGS_MAX];
    const char *problem;
    int at;
    struct template *t = template_parse(text, &problem, &at);
    if (!t) {
        piece_problem(r, node, offset + at, problem);
        return NULL;
    }
    for (int i = 0; i < r->job->n_args; i++)
        names[i] = r->job->args[i].name;
    if (template_resolve(t, names, r->job->n_args) && !r->args_unknown)
        for (int i = 0; i < t->n; i++)
            if (t->pieces[i].kind == PIECE_ARG && t->pieces[i].arg < 0)
                names_no_argument(r, node, offset + t->pieces[i].offset, t->pieces[i].name);
    return t;
}
