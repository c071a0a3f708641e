/* See jobs.h. */
#include "cli/jobs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"
#include "cli/command.h"

#define SETS_MAX 10000 /* KEY=VALUEs that a run can gather over its resumes */

void loaded_done(struct loaded *loaded)
{
    plan_free(loaded->plan);
    if (loaded->job)
        job_free(loaded->job);
    free(loaded->sets);
    *loaded = (struct loaded){0};
}

static void print_problems(const struct problems *problems, const char *file)
{
    CLEANUP_BUF struct buf text = {0};
    struct err err;
    problems_format(problems, file, &text);
    (void)output_raw(STDERR_FILENO, buf_slice(&text), &err);
}

/* A backend that is not there is an error of the file, found before anything is made. */
static void check_backend(const struct job *job, struct problems *problems)
{
    const char *names[16];
    size_t n = 0;
    if (backend_find(job->backend))
        return;
    for (size_t i = 0; backend_table[i] && n < ARRAY_LEN(names); i++)
        if (backend_table[i]->summary)
            names[n++] = backend_table[i]->name;
    const char *nearest = names_nearest(job->backend, names, n);
    problem_add(problems, (struct mark){0, 0}, "backend: there is no \"%s\"; did you mean %s?", job->backend,
                nearest ? nearest : "local");
}

static int make_plan(struct loaded *loaded, const struct plan_source *source, struct problems *problems)
{
    check_backend(loaded->job, problems);
    loaded->plan = plan_new(loaded->job, source, problems);
    return loaded->plan && problems->errors == 0 ? 0 : -1;
}

static char *sets_to_json(const char *const *sets, int n)
{
    struct buf b = {0};
    buf_add_char(&b, '[');
    for (int i = 0; i < n; i++) {
        if (i)
            buf_add_char(&b, ',');
        buf_add_json(&b, slice_str(sets[i]));
    }
    buf_add_char(&b, ']');
    return buf_steal(&b);
}

int jobs_load_file(const struct options *options, const char *path, struct loaded *ret)
{
    struct loaded loaded = {0};
    struct problems problems = {0};
    const char *const *sets = (const char *const *)options->sets;
    struct jobfile_source source = {.path = path, .sets = sets, .n_sets = options->n_sets};
    loaded.job = jobfile_load(&source, &problems);
    int result = loaded.job ? make_plan(&loaded, NULL, &problems) : -1;
    print_problems(&problems, strcmp(path, "-") == 0 ? "standard input" : path);
    problems_done(&problems);
    if (result) {
        loaded_done(&loaded);
        return -1;
    }
    loaded.sets = sets_to_json(sets, options->n_sets);
    *ret = loaded;
    return 0;
}

/* The run's own sets, then the command's. */
struct all_sets {
    char **list;
    int n, cap;
};

static void all_sets_done(struct all_sets *sets)
{
    for (int i = 0; i < sets->n; i++)
        free(sets->list[i]);
    free(sets->list);
}

static void add_set(struct all_sets *sets, char *set)
{
    MEM_GROW(sets->list, sets->n, sets->cap);
    sets->list[sets->n++] = set;
}

static bool same_key(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return len == strcspn(b, "=") && memcmp(a, b, len) == 0;
}

/* A key that the command sets anew replaces the run's, so that the list does not grow with every resume. */
static void gather_sets(const struct options *options, const struct run_info *run, struct all_sets *ret)
{
    struct json array;
    if (json_check(run->sets, strlen(run->sets), &array, NULL) == 0 && json_type(array) == JSON_ARRAY) {
        struct json_iter it = json_iter(array);
        while (json_next(&it) && ret->n < SETS_MAX) {
            struct buf text = {0};
            bool again = !json_unescape(it.value, &text);
            buf_cstr(&text);
            for (int i = 0; i < options->n_sets; i++)
                again = again || same_key(text.data, options->sets[i]);
            if (again)
                buf_done(&text);
            else
                add_set(ret, buf_steal(&text));
        }
    }
    for (int i = 0; i < options->n_sets; i++)
        add_set(ret, mem_strdup(options->sets[i]));
}

static int load_run(struct state *state, const struct run_info *run, const struct all_sets *sets, struct loaded *ret,
                    struct problems *problems)
{
    struct jobfile_source source = {.path = run->run, .text = run->job_text, .text_len = strlen(run->job_text),
                                    .folder = run->folder, .name = run->name, .sets = (const char *const *)sets->list,
                                    .n_sets = sets->n};
    struct state_values values = {state, run};
    ret->job = jobfile_load(&source, problems);
    return ret->job ? make_plan(ret, &(struct plan_source){state_lines, &values}, problems) : -1;
}

/* Only policy and place may differ from what the run was applied with: its tasks are numbered already. */
static int check_same(const struct run_info *run, const struct loaded *loaded)
{
    if (strcmp(plan_identity(loaded->plan), run->identity) == 0 && plan_tasks(loaded->plan) == run->tasks)
        return 0;
    say("ktbatch: %s: its tasks cannot be changed; --set takes only policy and place here (`ktbatch apply` with it makes a new "
        "run)", run->run);
    return -1;
}

int jobs_load_run(const struct options *options, struct state *state, const struct run_info *run, struct loaded *ret)
{
    struct loaded loaded = {0};
    struct problems problems = {0};
    struct all_sets sets = {0};
    gather_sets(options, run, &sets);
    int result = load_run(state, run, &sets, &loaded, &problems);
    if (result == 0) {
        result = check_same(run, &loaded);
    } else {
        CLEANUP_FREE char *file = mem_printf("%s (the job file as applied)", run->run);
        print_problems(&problems, file);
    }
    problems_done(&problems);
    if (result)
        loaded_done(&loaded);
    else {
        loaded.sets = sets_to_json((const char *const *)sets.list, sets.n);
        *ret = loaded;
    }
    all_sets_done(&sets);
    return result;
}
