/* `task`: a function or a command, and what it gives back. */
#include <stdio.h>
#include <strings.h>

#include "base/mem.h"
#include "base/names.h"
#include "jobfile/reader.h"
#include "jobfile/shellwords.h"

#define COLUMNS_MAX 200
#define FUNCTION_WANTED "LIBRARY.NAME, such as power_op.power"

static const char *const result_names[] = {
    [RESULT_TEXT] = "text", [RESULT_NUMBER] = "number", [RESULT_JSON] = "json", [RESULT_NONE] = "none",
};

/* Whether the task is settled: one of the keys that say what runs was there already. */
static bool second_task(struct reader *r, const struct pair *pair, enum task_kind kind)
{
    if (r->has_task)
        pair_problem(r, pair, "a task is either a `function` or a `command`, not both");
    bool second = r->has_task;
    r->has_task = true;
    if (!second) {
        r->job->kind = kind;
        r->job->task_mark = pair->mark;
    }
    return second;
}

/* A library's name is a file's: it may have a dash, but nothing that leads out of a folder. */
static bool is_library_name(const char *text, size_t len)
{
    return len && len <= JOB_NAME_MAX && *text != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

static void read_function(struct reader *r, const struct pair *pair)
{
    if (second_task(r, pair, TASK_FUNCTION))
        return;
    const char *text = read_text(r, pair, FUNCTION_WANTED);
    if (!text)
        return;
    const char *dot = strchr(text, '.');
    CLEANUP_FREE char *library = mem_strndup(text, dot ? (size_t)(dot - text) : 0);
    if (!dot || !is_library_name(library, strlen(library)) || !is_identifier(dot + 1)) {
        must_be(r, pair->key, pair->value, FUNCTION_WANTED);
        return;
    }
    r->job->library = mem_strdup(library);
    r->job->function = mem_strdup(dot + 1);
    lookup_library(r, pair->value);
}

/* False if its placeholders are malformed; then it is no word of the command. */
static bool add_argument(struct reader *r, const struct node *node, const char *text, int offset)
{
    struct job *job = r->job;
    struct template *t = read_template(r, node, text, offset);
    if (!t)
        return false;
    job->argv = mem_resize(job->argv, (size_t)job->argc + 1, sizeof *job->argv);
    job->argv[job->argc++] = t;
    return true;
}

static void not_a_word(struct reader *r, const struct node *node)
{
    CLEANUP_BUF struct buf found = {0};
    describe(node, &found);
    if (node->kind == NODE_MAP && node->n == 1 && *node->pairs[0].value->text == '\0' &&
        node->pairs[0].value->kind == NODE_NULL)
        node_problem(r, node, "a word of a command is text, not a mapping; a placeholder is written \"${%s}\"",
                     node->pairs[0].key);
    else
        node_problem(r, node, "a word of a command is text, not %s", buf_cstr(&found));
}

/* Returns the program as written, or NULL. */
static const char *command_list(struct reader *r, const struct pair *pair)
{
    const struct node *list = pair->value;
    if (list->n == 0) {
        must_be(r, pair->key, list, "a program and its arguments, such as [echo, hello]");
        return NULL;
    }
    const char *program = NULL;
    for (int i = 0; i < list->n; i++) {
        const struct node *word = list->items[i];
        if (word->kind == NODE_LIST || word->kind == NODE_MAP || (word->kind == NODE_NULL && !*word->text))
            not_a_word(r, word);
        else if (add_argument(r, word, word->text, 0) && i == 0)
            program = word->text;
    }
    return program;
}

static void warn_shell(struct reader *r, const struct node *node, const struct shellword *word)
{
    problem_warn(r->problems, node_mark_at(node, word->offset),
                 "`%s` is passed on as it is, because no shell runs; for a shell write [sh, -c, \"…\"]", word->text);
}

/* Where in the line the word's text was, for messages: its quotes may have been dropped. */
static int text_offset(const char *line, const struct shellword *word)
{
    const char *brace = strstr(word->text, "${");
    const char *there = brace ? strstr(line + word->offset, brace) : NULL;
    return there ? (int)(there - line) - (int)(brace - word->text) : word->offset;
}

static char *command_line(struct reader *r, const struct pair *pair)
{
    const char *line = pair->value->text;
    struct shellwords words;
    const char *problem;
    int offset;
    if (shellwords_split(line, &words, &problem, &offset)) {
        place_problem(r->problems, pair->value->origin, node_mark_at(pair->value, offset), "%s", problem);
        return NULL;
    }
    char *program = NULL;
    for (int i = 0; i < words.n; i++) {
        if (words.list[i].shell)
            warn_shell(r, pair->value, &words.list[i]);
        if (add_argument(r, pair->value, words.list[i].text, text_offset(line, &words.list[i])) && i == 0)
            program = mem_strdup(words.list[0].text);
    }
    if (words.n == 0)
        must_be(r, pair->key, pair->value, "a program and its arguments, such as [echo, hello]");
    shellwords_done(&words);
    return program;
}

static void read_command(struct reader *r, const struct pair *pair)
{
    const struct node *node = pair->value;
    if (second_task(r, pair, TASK_COMMAND))
        return;
    CLEANUP_FREE char *program = NULL;
    if (node->kind == NODE_LIST) {
        const char *first = command_list(r, pair);
        program = first ? mem_strdup(first) : NULL;
        node = node->n ? node->items[0] : node;
    } else if (node->kind == NODE_TEXT) {
        program = command_line(r, pair);
    } else {
        must_be(r, pair->key, node, "a list of words, such as [echo, hello], or one text");
    }
    if (program)
        lookup_program(r, node, program);
}

static void read_object(struct reader *r, const struct pair *pair)
{
    r->object = pair;
    if (pair->value->kind != NODE_MAP)
        must_be(r, pair->key, pair->value, "a mapping such as {y: 3}");
    else
        r->job->object = node_json_text(pair->value);
}

static void read_result(struct reader *r, const struct pair *pair)
{
    const struct node *node = pair->value;
    const struct pair *last = node->kind == NODE_MAP && node->n == 1 ? node_find(node, "json") : NULL;
    if (r->has_task && r->job->kind == TASK_FUNCTION) {
        pair_problem(r, pair, "`result` is for commands; what a function returns is its result");
        return;
    }
    if (last && last->value->kind == NODE_TEXT && strcmp(last->value->text, "last") == 0) {
        r->job->result = RESULT_JSON_LAST;
        return;
    }
    int form = node->kind == NODE_TEXT ? names_find(result_names, NAMES_COUNT(result_names), node->text, strlen(node->text)) : -1;
    if (form < 0)
        must_be(r, pair->key, node, "text, number, json, {json: last} or none");
    /* What was meant is not known: it may have columns. */
    r->job->result = form < 0 ? RESULT_JSON : (enum result_form)form;
}

static void add_column(struct reader *r, const struct node *node)
{
    struct job *job = r->job;
    if (node->kind != NODE_TEXT || !is_identifier(node->text) || strlen(node->text) > JOB_NAME_MAX) {
        must_be(r, "columns", node, "names of letters, digits and `_`");
        return;
    }
    for (int i = 0; i < job->n_columns; i++) {
        if (strcasecmp(job->columns[i], node->text) == 0) {
            node_problem(r, node, "the column `%s` is there already; names that differ only in case are one in SQL", node->text);
            return;
        }
    }
    job->columns = mem_resize(job->columns, (size_t)job->n_columns + 1, sizeof *job->columns);
    job->columns[job->n_columns++] = mem_strdup(node->text);
}

static void read_columns(struct reader *r, const struct pair *pair)
{
    const struct node *list = pair->value;
    r->columns = pair;
    if (list->kind != NODE_LIST || list->n == 0 || list->n > COLUMNS_MAX) {
        must_be(r, pair->key, list,
                list->kind == NODE_LIST ? "a list of 1 to 200 names" : "a list of names, such as [loss, accuracy]");
        return;
    }
    for (int i = 0; i < list->n; i++)
        add_column(r, list->items[i]);
}

static const struct key_rule task_rules[] = {
    {"function", read_function}, {"command", read_command}, {"object", read_object}, {"result", read_result},
    {"columns", read_columns},   {"cfunction", NULL},       {"python", NULL},        {"stdin", NULL},
    {"files", NULL},
};
const struct key_table task_keys = {"task", task_rules, ARRAY_LEN(task_rules)};

void read_task(struct reader *r, const struct pair *pair)
{
    if (!keys_read(r, pair, &task_keys))
        return;
    if (!r->has_task && keys_all_known(pair->value, &task_keys))
        pair_problem(r, pair, "`task` needs a `function` (LIBRARY.NAME) or a `command`");
    if (r->object && r->has_task && r->job->kind == TASK_COMMAND)
        pair_problem(r, r->object, "`object` is what a `function` is called on; a command has none");
    if (r->columns && r->has_task && r->job->kind == TASK_COMMAND && r->job->result != RESULT_JSON &&
        r->job->result != RESULT_JSON_LAST)
        pair_problem(r, r->columns,
                     "`columns` are parts of a JSON result; add `result: json` (all of stdout) or `result: {json: last}`");
}

static bool used(const struct job *job, enum piece_kind kind, int arg)
{
    for (int i = 0; i < job->argc; i++)
        if (template_uses(job->argv[i], kind, arg))
            return true;
    for (int i = 0; i < job->n_env; i++)
        if (template_uses(job->env[i].value, kind, arg))
            return true;
    return false;
}

static void warn_unused(struct reader *r)
{
    const struct job *job = r->job;
    /* Next to an error in the command this would be noise. */
    for (int i = 0; i < job->n_args && !r->problems->errors; i++) {
        if (job->args[i].kind == ARG_REPEAT || used(job, PIECE_ARG, i))
            continue;
        if (job->args[i].name)
            problem_warn(r->problems, r->arg_marks[i], "the command uses the argument `%s` nowhere; write ${%s} where it belongs",
                         job->args[i].name, job->args[i].name);
        else
            problem_warn(r->problems, r->arg_marks[i], "the command uses argument %d nowhere; write ${%d} where it belongs",
                         i + 1, i + 1);
    }
}

/* A view cannot have a column of the result and one of an argument under one name. */
static void check_columns(struct reader *r)
{
    const struct job *job = r->job;
    for (int i = 0; i < job->n_columns; i++) {
        for (int j = 0; j < job->n_args; j++) {
            char number[16];
            snprintf(number, sizeof number, "arg%d", j + 1);
            if (strcasecmp(job->args[j].name ? job->args[j].name : number, job->columns[i]) == 0)
                pair_problem(r, r->columns, "the column `%s` has the name of an argument's column; rename the argument",
                             job->columns[i]);
        }
    }
}

void check_task(struct reader *r)
{
    struct job *job = r->job;
    check_columns(r);
    if (!r->has_task || job->kind != TASK_COMMAND)
        return;
    job->uses_seed = used(job, PIECE_SEED, 0);
    if (job->argc)
        warn_unused(r);
}
