/* `zip`, and the size of the space that the arguments span. */
#include <stdio.h>

#include "base/mem.h"
#include "base/names.h"
#include "jobfile/reader.h"

/* The argument that a member of a group names, or -1. */
static int member_arg(const struct job *job, const struct node *node)
{
    int64_t number;
    if (job->positional)
        return node_i64(node, &number) && number >= 1 && number <= job->n_args ? (int)number - 1 : -1;
    for (int i = 0; i < job->n_args && node->kind != NODE_LIST && node->kind != NODE_MAP; i++)
        if (strcmp(job->args[i].name, node->text) == 0)
            return i;
    return -1;
}

static void no_argument(struct reader *r, const struct node *node)
{
    CLEANUP_BUF struct buf found = {0};
    const char *names[JOB_ARGS_MAX], *near = NULL;
    describe(node, &found);
    for (int i = 0; i < r->job->n_args; i++)
        names[i] = r->job->args[i].name;
    if (node->kind == NODE_TEXT && !r->job->positional)
        near = names_nearest(node->text, names, (size_t)r->job->n_args);
    if (near)
        node_problem(r, node, "%s is no argument; did you mean `%s`?", buf_cstr(&found), near);
    else if (r->job->positional)
        node_problem(r, node, "%s is no argument; positional ones are named by number, from 1 to %d", buf_cstr(&found),
                     r->job->n_args);
    else
        node_problem(r, node, "%s is no argument; a group lists names of `args`", buf_cstr(&found));
}

static void read_member(struct reader *r, const struct node *node, int group)
{
    struct job *job = r->job;
    int i = member_arg(job, node);
    if (i < 0)
        no_argument(r, node);
    else if (job->args[i].zip >= 0)
        node_problem(r, node, "`%s` stands in a group already; an argument can be in one only", node->text);
    else
        job->args[i].zip = group;
}

static void read_group(struct reader *r, const struct node *node, int group)
{
    if (node->kind != NODE_LIST) {
        must_be(r, "zip", node, "a list of groups, such as [[a, b]]");
        return;
    }
    if (node->n < 2) {
        node_problem(r, node, "a group of `zip` ties at least two arguments together, such as [a, b]");
        return;
    }
    for (int i = 0; i < node->n; i++)
        read_member(r, node->items[i], group);
}

void read_zip(struct reader *r, const struct pair *pair)
{
    const struct node *node = pair->value;
    if (node->kind != NODE_LIST || node->n == 0) {
        must_be(r, pair->key, node,
                node->kind == NODE_LIST ? "at least one group, such as [[a, b]]" : "a list of groups, such as [[a, b]]");
        return;
    }
    if (node->items[0]->kind != NODE_LIST) {
        node_problem(r, node, "`zip` is a list of groups, each a list: write [[a, b]]");
        return;
    }
    if (r->args_unknown)
        return;
    for (int i = 0; i < node->n; i++)
        read_group(r, node->items[i], i);
    r->job->n_zips = node->n;
}

static void arg_title(const struct job *job, int i, char out[static JOB_NAME_MAX + 16])
{
    if (job->args[i].name)
        snprintf(out, JOB_NAME_MAX + 16, "`%s`", job->args[i].name);
    else
        snprintf(out, JOB_NAME_MAX + 16, "argument %d", i + 1);
}

/* The first member of argument i's group whose count is known; i itself if it is in none. */
static int leader(const struct job *job, int i)
{
    for (int j = 0; j < i && job->args[i].zip >= 0; j++)
        if (job->args[j].zip == job->args[i].zip && job->args[j].count)
            return j;
    return i;
}

static void unequal(struct reader *r, int i, int j)
{
    const struct job_arg *a = &r->job->args[i], *b = &r->job->args[j];
    char a_title[JOB_NAME_MAX + 16], b_title[JOB_NAME_MAX + 16];
    arg_title(r->job, i, a_title);
    arg_title(r->job, j, b_title);
    problem_add(r->problems, b->mark, "%s has %lld values and %s %lld, but `zip` ties them together; both need as many", b_title,
                (long long)b->count, a_title, (long long)a->count);
}

void check_space(struct reader *r)
{
    const struct job *job = r->job;
    int64_t tasks = 1;
    bool over = false;
    for (int i = 0; i < job->n_args; i++) {
        int first = leader(job, i);
        if (first != i && job->args[i].count && job->args[i].count != job->args[first].count)
            unequal(r, first, i);
        if (first != i || job->args[i].count == 0 || over)
            continue;
        over = __builtin_mul_overflow(tasks, job->args[i].count, &tasks) || tasks > JOB_TASKS_MAX;
        if (over)
            problem_add(r->problems, job->args[i].mark,
                        "with this argument there are more than 2^62 tasks; a run has at most so many");
    }
}
