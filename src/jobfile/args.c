/* `args`: names or positions, and where their values come from (job.h). */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "base/files.h"
#include "base/mem.h"
#include "base/names.h"
#include "jobfile/reader.h"

/* The argument being read, for the table of sources. */
struct source_rule {
    const char *name;
    void (*read)(struct reader *r, const struct pair *pair, struct job_arg *arg);
};

/* Identifiers such as 007 lose their zeros where they are read as numbers. */
static void warn_zeros(struct reader *r, const struct node *node)
{
    const char *digits = node->kind == NODE_INT ? node->text + strspn(node->text, "+-") : "";
    if (digits[0] != '0' || !isdigit((unsigned char)digits[1]))
        return;
    CLEANUP_FREE char *number = node_json_text(node);
    problem_warn(r->problems, node->mark, "`%s` is the number %s to YAML; write \"%s\" for the text", node->text, number, node->text);
}

static void read_value(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    warn_zeros(r, pair->value);
    arg->kind = ARG_FIXED;
    arg->values = mem_alloc(sizeof *arg->values);
    arg->values[0] = node_json_text(pair->value);
    arg->count = 1;
}

/* What `range`, `linspace` and `geomspace` are made of. */
struct ends {
    const struct node *from, *to, *third;
};

/* Reads {from, to, THIRD}; unknown and missing keys are problems. */
static bool ends_of_map(struct reader *r, const struct pair *pair, const char *third, bool required, struct ends *ret)
{
    struct ends ends = {0};
    bool good = true;
    for (int i = 0; i < pair->value->n; i++) {
        const struct pair *p = &pair->value->pairs[i];
        if (strcmp(p->key, "from") == 0)
            ends.from = p->value;
        else if (strcmp(p->key, "to") == 0)
            ends.to = p->value;
        else if (strcmp(p->key, third) == 0)
            ends.third = p->value;
        else {
            pair_problem(r, p, "unknown key `%s` in `%s`; known here: `from`, `to`, `%s`", p->key, pair->key, third);
            good = false;
        }
    }
    if (good && (!ends.from || !ends.to || (required && !ends.third))) {
        node_problem(r, pair->value, "`%s` needs `from`, `to`%s`%s`%s", pair->key, required ? " and " : " (and may have ", third,
                     required ? "" : ")");
        return false;
    }
    *ret = ends;
    return good;
}

static bool range_ends(struct reader *r, const struct pair *pair, struct ends *ret)
{
    const struct node *node = pair->value;
    if (node->kind == NODE_MAP)
        return ends_of_map(r, pair, "step", false, ret);
    if (node->kind != NODE_LIST) {
        must_be(r, pair->key, node, "[from, to] or [from, to, step]");
        return false;
    }
    if (node->n != 2 && node->n != 3) {
        node_problem(r, node, "`range` takes [from, to] or [from, to, step], not %d values", node->n);
        return false;
    }
    *ret = (struct ends){node->items[0], node->items[1], node->n == 3 ? node->items[2] : NULL};
    return true;
}

static bool read_decimal(struct reader *r, const char *what, const struct node *node, struct decimal *ret)
{
    if (node->kind == NODE_INT || node->kind == NODE_FLOAT) {
        CLEANUP_FREE char *text = node_json_text(node);
        if (decimal_parse(text, strlen(text), ret))
            return true;
    }
    must_be(r, what, node, "a number of at most 18 digits");
    return false;
}

/* Sets the range from three decimals of one scale. */
static void set_range(struct reader *r, const struct pair *pair, const struct ends *ends, struct decimal from,
                      struct decimal to, struct decimal step, struct job_arg *arg)
{
    __int128 span = (__int128)to.units - from.units;
    if (step.units == 0) {
        node_problem(r, ends->third, "a step of 0 never comes from %s to %s; it must be above or below 0", ends->from->text,
                     ends->to->text);
        return;
    }
    if (span && (span < 0) != (step.units < 0)) {
        node_problem(r, ends->third ? ends->third : pair->value,
                     "the range from %s to %s by %s has no values; the step must be %s 0", ends->from->text, ends->to->text,
                     ends->third ? ends->third->text : "1", span < 0 ? "below" : "above");
        return;
    }
    __int128 count = span / step.units + 1;
    if (count > JOB_TASKS_MAX) {
        node_problem(r, pair->value, "the range has more than 2^62 values; a run has at most so many tasks");
        return;
    }
    arg->count = (int64_t)count;
    arg->from = from;
    arg->step = step;
}

static void read_range(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    struct ends ends;
    struct decimal from, to, step = {1, 0};
    arg->kind = ARG_RANGE;
    if (!range_ends(r, pair, &ends))
        return;
    bool good = read_decimal(r, "from", ends.from, &from);
    good = read_decimal(r, "to", ends.to, &to) && good;
    if ((ends.third && !read_decimal(r, "step", ends.third, &step)) || !good)
        return;
    int scale = from.scale > to.scale ? from.scale : to.scale;
    scale = step.scale > scale ? step.scale : scale;
    if (!decimal_rescale(&from, scale) || !decimal_rescale(&to, scale) || !decimal_rescale(&step, scale)) {
        node_problem(r, pair->value, "the numbers of the range have more than 18 digits when they are brought to one scale");
        return;
    }
    set_range(r, pair, &ends, from, to, step, arg);
}

static bool read_end(struct reader *r, const char *what, const struct node *node, char **ret_text, double *ret)
{
    if (node->kind == NODE_INT || node->kind == NODE_FLOAT) {
        char *text = node_json_text(node);
        double d = strtod(text, NULL);
        /* Infinities and NaN have become texts in quotes. */
        if (*text != '"' && isfinite(d)) {
            *ret_text = text;
            *ret = d;
            return true;
        }
        free(text);
    }
    must_be(r, what, node, "a finite number");
    return false;
}

static void read_space(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    struct ends ends;
    int64_t count;
    if (pair->value->kind != NODE_MAP) {
        must_be(r, pair->key, pair->value, "a mapping such as {from: 0, to: 1, count: 5}");
        return;
    }
    if (!ends_of_map(r, pair, "count", true, &ends))
        return;
    bool good = read_end(r, "from", ends.from, &arg->from_text, &arg->from_real);
    good = read_end(r, "to", ends.to, &arg->to_text, &arg->to_real) && good;
    if (!node_i64(ends.third, &count) || count < 1 || count > JOB_LISTED_MAX)
        must_be(r, "count", ends.third, "a whole number from 1 to 10000000");
    else if (good)
        arg->count = count;
}

static void read_linspace(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    arg->kind = ARG_LINSPACE;
    read_space(r, pair, arg);
}

static void read_geomspace(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    arg->kind = ARG_GEOMSPACE;
    read_space(r, pair, arg);
    if (arg->count && (arg->from_real <= 0 || arg->to_real <= 0)) {
        node_problem(r, pair->value, "`geomspace` goes between numbers above 0, not from %s to %s", arg->from_text, arg->to_text);
        arg->count = 0;
    }
}

static void read_repeat(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    arg->kind = ARG_REPEAT;
    arg->step = (struct decimal){1, 0};
    read_int(r, pair, 1, JOB_TASKS_MAX, &arg->count);
}

static void read_lines(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    arg->kind = ARG_LINES;
    const char *path = read_text(r, pair, "the name of a file");
    if (path)
        arg->path = path_join(r->job->folder, path);
}

static void later_source(struct reader *r, const struct pair *pair, struct job_arg *arg)
{
    (void)arg;
    pair_problem(r, pair, "`%s` is not supported in this version", pair->key);
}

static const struct source_rule sources[] = {
    {"value", read_value},         {"range", read_range},   {"linspace", read_linspace},
    {"geomspace", read_geomspace}, {"repeat", read_repeat}, {"lines", read_lines},
    {"glob", later_source},
};

#define KNOWN_SOURCES "`value`, `range`, `linspace`, `geomspace`, `repeat`, `lines`"

static void unknown_source(struct reader *r, const struct pair *pair)
{
    const char *names[ARRAY_LEN(sources)];
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        names[i] = sources[i].name;
    const char *near = names_nearest(pair->key, names, ARRAY_LEN(names));
    if (near)
        pair_problem(r, pair, "unknown source `%s`; did you mean `%s`?", pair->key, near);
    else
        pair_problem(r, pair, "unknown source `%s`; known are " KNOWN_SOURCES "; a mapping as a value is written {value: {…}}",
                     pair->key);
}

static void read_source(struct reader *r, const struct node *map, struct job_arg *arg)
{
    if (map->n != 1) {
        node_problem(r, map,
                     "a mapping here has one key, one of " KNOWN_SOURCES "; a mapping as a value is written {value: {…}}");
        return;
    }
    const struct pair *pair = &map->pairs[0];
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (strcmp(sources[i].name, pair->key) == 0) {
            sources[i].read(r, pair, arg);
            return;
        }
    }
    unknown_source(r, pair);
}

/* A source that stands in a list is a value like any other mapping, which is hardly what is meant. */
static void warn_source(struct reader *r, const struct node *node)
{
    for (size_t i = 0; i < ARRAY_LEN(sources) && node->kind == NODE_MAP && node->n == 1; i++)
        if (strcmp(sources[i].name, node->pairs[0].key) == 0)
            problem_warn(r->problems, node->mark, "in a list {%s: …} is one value, a mapping; a source stands outside of brackets",
                         sources[i].name);
}

static void read_list(struct reader *r, const struct node *list, struct job_arg *arg)
{
    arg->kind = ARG_LIST;
    if (list->n == 0) {
        node_problem(r, list, "the list is empty, which makes no tasks; an empty list as a value is written {value: []}");
        return;
    }
    arg->values = mem_resize(NULL, (size_t)list->n, sizeof *arg->values);
    for (int i = 0; i < list->n; i++) {
        warn_zeros(r, list->items[i]);
        warn_source(r, list->items[i]);
        arg->values[i] = node_json_text(list->items[i]);
    }
    arg->count = list->n;
}

static void read_arg(struct reader *r, const struct node *node, struct job_arg *arg)
{
    arg->mark = node->mark;
    arg->zip = -1;
    if (node->kind == NODE_MAP)
        read_source(r, node, arg);
    else if (node->kind == NODE_LIST)
        read_list(r, node, arg);
    else if (node->kind == NODE_NULL && !*node->text)
        node_problem(r, node,
                     "the argument has no value; write one, a list, or a source such as {range: [1, 10]}; null for none");
    else
        read_value(r, &(struct pair){.value = (struct node *)(uintptr_t)node}, arg);
}

static void check_name(struct reader *r, const struct pair *pair, int before)
{
    if (!is_identifier(pair->key) || strlen(pair->key) > JOB_NAME_MAX) {
        pair_problem(r, pair,
                     "`%.*s` cannot be an argument's name; it is letters, digits and `_`, not beginning with a digit, at most %d",
                     JOB_NAME_MAX, pair->key, JOB_NAME_MAX);
        return;
    }
    for (int i = 0; i < before; i++)
        if (strcasecmp(r->job->args[i].name, pair->key) == 0)
            pair_problem(r, pair, "`%s` and `%s` are one name in SQL, where results are read; rename one", pair->key,
                         r->job->args[i].name);
}

void read_args(struct reader *r, const struct pair *pair)
{
    const struct node *node = pair->value;
    struct job *job = r->job;
    if (node->kind != NODE_LIST && node->kind != NODE_MAP) {
        must_be(r, pair->key, node, "a mapping such as {x: {range: [1, 10]}} or a list");
        r->args_unknown = true;
        return;
    }
    if (node->n > JOB_ARGS_MAX) {
        node_problem(r, node, "%d arguments; at most %d are possible", node->n, JOB_ARGS_MAX);
        r->args_unknown = true;
        return;
    }
    job->positional = node->kind == NODE_LIST && node->n > 0;
    job->args = mem_zalloc(sizeof *job->args * ((size_t)node->n + 1));
    for (int i = 0; i < node->n; i++) {
        struct job_arg *arg = &job->args[i];
        if (!job->positional) {
            check_name(r, &node->pairs[i], i);
            arg->name = mem_strdup(node->pairs[i].key);
        }
        job->n_args = i + 1;
        read_arg(r, job->positional ? node->items[i] : node->pairs[i].value, arg);
    }
}
