/* Policy and place: how a run is carried out. None of it counts for what the run is. */
#include <sched.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "base/names.h"
#include "jobfile/reader.h"

#define CPUS_MAX 4096
#define BACKOFF_DEFAULT (2 * CLOCK_S)
/* Longer durations are slips of the finger, and would not fit when they are added up. */
#define DURATION_MAX_DAYS 36500

static double real(struct decimal d)
{
    double x = (double)d.units;
    for (int i = 0; i < d.scale; i++)
        x /= 10;
    return x;
}

int jobfile_duration(const char *text, int64_t *ret_us, const char **ret_problem)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"ms", CLOCK_MS}, {"s", CLOCK_S}, {"m", 60 * CLOCK_S}, {"h", 3600 * CLOCK_S}, {"d", 86400 * CLOCK_S}};
    size_t len = strspn(text, "0123456789.");
    struct decimal d;
    *ret_problem = "a number and a unit, such as 250ms, 30s, 5m, 2h or 2d";
    if (len == 0 || text[0] == '.' || text[len - 1] == '.')
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + len, units[i].unit) != 0)
            continue;
        if (!decimal_parse(text, len, &d) ||
            real(d) * (double)units[i].us > (double)DURATION_MAX_DAYS * 86400 * (double)CLOCK_S) {
            *ret_problem = "at most 36500d";
            return -1;
        }
        __int128 us = (__int128)d.units * units[i].us;
        for (int j = 0; j < d.scale; j++)
            us /= 10;
        *ret_us = (int64_t)us;
        return 0;
    }
    return -1;
}

void policy_init(struct job *job)
{
    job->cpus = 1;
    job->backoff_us = BACKOFF_DEFAULT;
    job->max_failures = -1;
    job->max_failures_percent = -1;
    job->backend = mem_strdup("local");
}

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

void policy_finish(struct reader *r)
{
    struct job *job = r->job;
    if (r->has_parallelism)
        return;
    int slots = processors() / job->cpus;
    job->parallelism = slots < 1 ? 1 : slots > JOB_PARALLELISM_MAX ? JOB_PARALLELISM_MAX : slots;
}

void read_parallelism(struct reader *r, const struct pair *pair)
{
    int64_t n;
    r->has_parallelism = true;
    if (read_int(r, pair, 1, JOB_PARALLELISM_MAX, &n))
        r->job->parallelism = (int)n;
}

void read_cpus(struct reader *r, const struct pair *pair)
{
    int64_t n;
    if (read_int(r, pair, 1, CPUS_MAX, &n))
        r->job->cpus = (int)n;
}

void read_tasks_per_worker(struct reader *r, const struct pair *pair)
{
    const struct node *node = pair->value;
    int64_t n;
    if (node->kind == NODE_TEXT && strcmp(node->text, "all") == 0)
        r->job->tasks_per_worker = 0;
    else if (node_i64(node, &n) && n >= 1)
        r->job->tasks_per_worker = n;
    else
        must_be(r, pair->key, node, "all or a whole number from 1");
}

void read_retries(struct reader *r, const struct pair *pair)
{
    int64_t n;
    if (read_int(r, pair, 0, JOB_RETRIES_MAX, &n))
        r->job->retries = (int)n;
}

void read_backoff(struct reader *r, const struct pair *pair)
{
    read_duration(r, pair, true, &r->job->backoff_us);
}

void read_timeout(struct reader *r, const struct pair *pair)
{
    read_duration(r, pair, false, &r->job->timeout_us);
}

void read_deadline(struct reader *r, const struct pair *pair)
{
    read_duration(r, pair, false, &r->job->deadline_us);
}

static void add_exit(struct reader *r, const struct node *node)
{
    struct job *job = r->job;
    int64_t n;
    if (!node_i64(node, &n) || n < 1 || n > 255) {
        must_be(r, "exit", node, "exit statuses from 1 to 255");
        return;
    }
    job->retry_exits = mem_resize(job->retry_exits, (size_t)job->n_retry_exits + 1, sizeof *job->retry_exits);
    job->retry_exits[job->n_retry_exits++] = (int)n;
}

/* A list of at least one item, each for `add`. */
static void read_items(struct reader *r, const struct pair *pair, void (*add)(struct reader *r, const struct node *node),
                       const char *one, const char *list)
{
    const struct node *node = pair->value;
    if (node->kind != NODE_LIST || node->n == 0) {
        must_be(r, pair->key, node, node->kind == NODE_LIST ? one : list);
        return;
    }
    for (int i = 0; i < node->n; i++)
        add(r, node->items[i]);
}

static void read_retry_exit(struct reader *r, const struct pair *pair)
{
    read_items(r, pair, add_exit, "at least one exit status", "a list such as [75]");
}

static void add_class(struct reader *r, const struct node *node)
{
    int class = node->kind == NODE_TEXT ? outcome_find(node->text, strlen(node->text)) : -1;
    if (class > OUTCOME_OK) {
        r->job->retry_class[class] = true;
        return;
    }
    CLEANUP_BUF struct buf wanted = {0};
    buf_add_str(&wanted, "classes of failures:");
    for (int i = OUTCOME_OK + 1; i < OUTCOME_COUNT; i++)
        buf_printf(&wanted, "%s %s", i > OUTCOME_OK + 1 ? "," : "", outcome_names[i]);
    must_be(r, "class", node, buf_cstr(&wanted));
}

static void read_retry_class(struct reader *r, const struct pair *pair)
{
    read_items(r, pair, add_class, "at least one class", "a list such as [timeout, oom]");
}

void read_retry_on(struct reader *r, const struct pair *pair)
{
    static const struct key_rule rules[] = {{"exit", read_retry_exit}, {"class", read_retry_class}};
    static const struct key_table table = {"retryOn", rules, ARRAY_LEN(rules)};
    r->job->has_retry_on = true;
    if (keys_read(r, pair, &table) && pair->value->n == 0)
        node_problem(r, pair->value, "`retryOn` needs `exit` or `class`; no retries at all are `retries: 0`");
}

/* "P%"; false if it is not of that form. */
static bool percent(const char *text, double *ret)
{
    size_t len = strlen(text);
    struct decimal d;
    if (len < 2 || text[len - 1] != '%' || strspn(text, "0123456789.") != len - 1 || text[0] == '.' || text[len - 2] == '.' ||
        !decimal_parse(text, len - 1, &d))
        return false;
    if (real(d) > 100)
        return false;
    *ret = real(d);
    return true;
}

void read_max_failures(struct reader *r, const struct pair *pair)
{
    const struct node *node = pair->value;
    int64_t n;
    if (node_i64(node, &n) && n >= 0)
        r->job->max_failures = n;
    else if (node->kind != NODE_TEXT || !percent(node->text, &r->job->max_failures_percent))
        must_be(r, pair->key, node, "a whole number from 0, or a part of all tasks from 0% to 100%");
}

/* The environment of a function is set once a session, so it cannot follow the task. */
static bool fixed_for_function(struct reader *r, const struct node *node, const struct template *t)
{
    if (r->job->kind == TASK_COMMAND || !r->has_task || template_is_fixed(t))
        return true;
    node_problem(r, node, "the environment of a function is one for all its tasks; give it the value as an argument");
    return false;
}

static void add_variable(struct reader *r, const struct pair *pair)
{
    const struct node *node = pair->value;
    struct job *job = r->job;
    if (!is_identifier(pair->key)) {
        pair_problem(r, pair, "`%.64s` cannot be a variable's name; it is letters, digits and `_`, not beginning with a digit",
                     pair->key);
        return;
    }
    if (node->kind == NODE_LIST || node->kind == NODE_MAP || node->kind == NODE_NULL) {
        must_be(r, pair->key, node, "text (\"\" for an empty variable)");
        return;
    }
    struct template *t = read_template(r, node, node->text, 0);
    if (!t || !fixed_for_function(r, node, t)) {
        template_free(t);
        return;
    }
    job->env = mem_resize(job->env, (size_t)job->n_env + 1, sizeof *job->env);
    job->env[job->n_env++] = (struct job_env){mem_strdup(pair->key), t};
}

void read_env(struct reader *r, const struct pair *pair)
{
    if (pair->value->kind != NODE_MAP) {
        must_be(r, pair->key, pair->value, "a mapping such as {OMP_NUM_THREADS: 1}");
        return;
    }
    for (int i = 0; i < pair->value->n; i++)
        add_variable(r, &pair->value->pairs[i]);
}

/* A folder's path without placeholders, absolute; NULL and a problem otherwise. */
static char *read_folder(struct reader *r, const struct pair *pair)
{
    const char *text = read_text(r, pair, "a folder");
    if (!text)
        return NULL;
    if (strstr(text, "${")) {
        node_problem(r, pair->value, "`%s` is one folder for all tasks; nothing is put in for placeholders", pair->key);
        return NULL;
    }
    return path_join(r->job->folder, text);
}

void read_cwd(struct reader *r, const struct pair *pair)
{
    struct stat st;
    char *path = read_folder(r, pair);
    if (path && !r->source->skip_lookup && (stat(path, &st) || !S_ISDIR(st.st_mode)))
        node_problem(r, pair->value, "no folder %s; commands start in it, so it must be there", path);
    r->job->cwd = path;
}

static void read_results_folder(struct reader *r, const struct pair *pair)
{
    r->job->results = read_folder(r, pair);
}

static void read_per_task(struct reader *r, const struct pair *pair)
{
    read_bool(r, pair, &r->job->per_task);
}

void read_results(struct reader *r, const struct pair *pair)
{
    static const struct key_rule rules[] = {{"folder", read_results_folder}, {"perTask", read_per_task}};
    static const struct key_table table = {"results", rules, ARRAY_LEN(rules)};
    if (pair->value->kind == NODE_TEXT)
        read_results_folder(r, pair);
    else if (pair->value->kind == NODE_MAP)
        keys_read_map(r, pair->value, &table);
    else
        must_be(r, pair->key, pair->value, "a folder, or a mapping such as {perTask: true}");
}

/* Behind `task` and `tasksPerWorker`. A command is a process of its own in any case; a function call gets one where it is
 * the only one of its session. */
void read_isolate(struct reader *r, const struct pair *pair)
{
    const char *text = pair->value->kind == NODE_TEXT ? pair->value->text : "";
    if (strcmp(text, "task") == 0 && r->job->kind == TASK_FUNCTION)
        r->job->tasks_per_worker = 1;
    else if (strcmp(text, "task") != 0 && strcmp(text, "session") != 0)
        must_be(r, pair->key, pair->value, "session or task");
}

void read_backend(struct reader *r, const struct pair *pair)
{
    static const char *const later[] = {"hosts", "kubernetes"};
    /* `fake` is scripted by tests. */
    static const char *const known[] = {"local", "fake"};
    const char *text = pair->value->kind == NODE_TEXT ? pair->value->text : "";
    if (names_find(later, ARRAY_LEN(later), text, strlen(text)) >= 0) {
        node_problem(r, pair->value, "`backend: %s` is not supported in this version", text);
    } else if (names_find(known, ARRAY_LEN(known), text, strlen(text)) < 0) {
        must_be(r, pair->key, pair->value, "local");
    } else {
        free(r->job->backend);
        r->job->backend = mem_strdup(text);
    }
}
