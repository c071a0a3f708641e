/* The job file as a whole: text, tree, --set options, keys, and what only the whole can tell.
 *
 * Happy path: read the text, parse it (base/yaml.c), put --set options in (sets.c), read the keys by their table in an
 * order in which arguments come before what names them, check what depends on several keys, fill in defaults.
 *
 * Failure modes: a file that cannot be read and YAML that cannot be parsed end it at once; everything else is
 * collected in `problems`, and the job is given out only if there is no error among them.
 */
#include "jobfile/jobfile.h"

#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "jobfile/reader.h"

#define SMALLEST "a small job file: `task: {command: [echo, hello]}`"

static void read_name(struct reader *r, const struct pair *pair)
{
    const char *text = read_text(r, pair, "a name");
    if (!text)
        return;
    const char *problem = jobfile_name_problem(text);
    if (problem)
        node_problem(r, pair->value, "`%.80s` cannot be a run's name: %s", text, problem);
    else
        r->job->name = mem_strdup(text);
}

static void read_seed(struct reader *r, const struct pair *pair)
{
    if (!node_i64(pair->value, &r->job->seed))
        must_be(r, pair->key, pair->value, "a whole number of at most 64 bits");
}

static const struct key_rule top_rules[] = {
    {"name", read_name},
    {"args", read_args},
    {"zip", read_zip},
    {"task", read_task},
    {"seed", read_seed},
    {"parallelism", read_parallelism},
    {"cpus", read_cpus},
    {"tasksPerWorker", read_tasks_per_worker},
    {"retries", read_retries},
    {"backoff", read_backoff},
    {"retryOn", read_retry_on},
    {"timeout", read_timeout},
    {"deadline", read_deadline},
    {"maxFailures", read_max_failures},
    {"env", read_env},
    {"cwd", read_cwd},
    {"results", read_results},
    {"isolate", read_isolate},
    {"backend", read_backend},
    {"memory", NULL},
    {"hosts", NULL},
    {"kubernetes", NULL},
    {"rows", NULL},
    {"exclude", NULL},
    {"include", NULL},
    {"where", NULL},
    {"sample", NULL},
};
const struct key_table top_keys = {NULL, top_rules, ARRAY_LEN(top_rules)};

/* Standard input, or what a shell's <(…) is: without a name or a folder of its own. */
static bool is_stream(const char *path)
{
    return strcmp(path, "-") == 0 || strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

/* The file's name without folder and ending. */
static char *stem_of(const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    return mem_strndup(base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

static void default_name(struct reader *r)
{
    const struct jobfile_source *source = r->source;
    bool nameless = !source->name && (!source->path || is_stream(source->path));
    if (r->job->name || (r->root && node_find(r->root, "name")))
        return;
    if (nameless) {
        problem_add(r->problems, (struct mark){1, 1},
                    "`name` is missing, and standard input has no file name to take; write `name: NAME`");
        return;
    }
    CLEANUP_FREE char *name = source->name ? mem_strdup(source->name) : stem_of(source->path);
    const char *problem = jobfile_name_problem(name);
    if (problem)
        problem_add(r->problems, (struct mark){1, 1},
                    "`%.80s`, from the file's name, cannot be a run's name: %s; write `name: NAME`", name, problem);
    else
        r->job->name = mem_strdup(name);
}

/* Where each argument is named in the file. */
static void note_arg_marks(struct reader *r)
{
    const struct pair *args = node_find(r->root, "args");
    r->arg_marks = mem_zalloc(sizeof *r->arg_marks * ((size_t)r->job->n_args + 1));
    for (int i = 0; i < r->job->n_args; i++)
        r->arg_marks[i] = r->job->positional ? args->value->items[i]->mark : args->value->pairs[i].mark;
}

static void read_root(struct reader *r)
{
    keys_read_map(r, r->root, &top_keys);
    note_arg_marks(r);
    if (!node_find(r->root, "task"))
        problem_add(r->problems, (struct mark){1, 1},
                    "`task` is missing; it says what to run, such as `task: {command: [echo, hello]}`");
    check_space(r);
    check_task(r);
}

/* The text to keep: as written, or with the --set options in it. */
static char *kept_text(const struct tree *tree, const char *text, size_t len, const struct jobfile_source *source)
{
    struct buf b = {0};
    if (source->n_sets == 0)
        return mem_strndup(text, len);
    for (int i = 0; i < tree->root->n; i++) {
        const struct pair *pair = &tree->root->pairs[i];
        buf_add_json(&b, slice_str(pair->key));
        buf_add_str(&b, ": ");
        node_yaml(pair->value, &b);
        buf_add_char(&b, '\n');
    }
    return buf_steal(&b);
}

static struct job *read_tree(const struct jobfile_source *source, const char *folder, const struct tree *tree,
                             struct problems *problems)
{
    struct job *job = MEM_NEW(struct job);
    struct reader r = {.source = source, .problems = problems, .job = job, .root = tree->root};
    job->folder = mem_strdup(folder);
    policy_init(job);
    read_root(&r);
    default_name(&r);
    policy_finish(&r);
    if (!problems->errors)
        identity_make(job);
    free(r.arg_marks);
    return job;
}

static struct job *load_text(const struct jobfile_source *source, const char *folder, const char *text, size_t len,
                             struct problems *problems)
{
    static const struct yaml_kind kind = {
        .what = "a job file",
        .too_many = "a long list of arguments belongs in a file: {lines: FILE}",
    };
    struct tree tree = {.kind = &kind};
    struct job *job = NULL;
    int before = problems->errors;
    if (tree_parse(&tree, text, len, NULL, problems) == 0) {
        sets_apply(&tree, source, problems);
        if (!tree.root)
            problem_add(problems, (struct mark){1, 1}, "the file is empty; " SMALLEST);
        else if (tree.root->kind != NODE_MAP)
            problem_add(problems, tree.root->mark, "a job file is a mapping of keys; " SMALLEST);
        else
            job = read_tree(source, folder, &tree, problems);
    }
    if (problems->errors > before) {
        job_free(job);
        job = NULL;
    }
    if (job)
        job->source = kept_text(&tree, text, len, source);
    tree_done(&tree);
    return job;
}

/* Errors of files begin with the path, which problems_format() writes itself. */
static void file_problem(struct problems *problems, const char *path, const struct err *err)
{
    size_t len = strlen(path);
    bool named = strncmp(err->text, path, len) == 0 && strncmp(err->text + len, ": ", 2) == 0;
    problem_add(problems, (struct mark){0}, "%s", err->text + (named ? len + 2 : 0));
}

static char *folder_of(const struct jobfile_source *source)
{
    if (source->folder)
        return path_absolute(source->folder);
    if (source->text || is_stream(source->path))
        return path_absolute(".");
    CLEANUP_FREE char *dir = path_dir(source->path);
    return path_absolute(dir);
}

struct job *jobfile_load(const struct jobfile_source *source, struct problems *problems)
{
    CLEANUP_BUF struct buf text = {0};
    CLEANUP_FREE char *folder = folder_of(source);
    struct err err = ERR_INIT;
    if (source->text)
        return load_text(source, folder, source->text, source->text_len, problems);
    bool standard_input = strcmp(source->path, "-") == 0;
    const char *name = standard_input ? "standard input" : source->path;
    if (standard_input ? file_read_fd(STDIN_FILENO, name, JOB_FILE_MAX, &text, &err)
                       : file_read(name, JOB_FILE_MAX, &text, &err)) {
        file_problem(problems, name, &err);
        return NULL;
    }
    return load_text(source, folder, text.data ? text.data : "", text.len, problems);
}
