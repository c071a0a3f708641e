/* See jobs.h. */
#include "cli/jobs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
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

static int make_plan(struct loaded *loaded, const struct plan_source *source, struct problems *problems)
{
    loaded->plan = plan_new(loaded->job, source, problems);
    return loaded->plan && problems->errors == 0 ? 0 : -1;
}

static char *sets_to_json(const struct sets *sets)
{
    struct buf b = {0};
    buf_add_char(&b, '[');
    for (int i = 0; i < sets->n; i++) {
        if (i)
            buf_add_char(&b, ',');
        buf_add_json(&b, slice_str(sets->list[i]));
    }
    buf_add_char(&b, ']');
    return buf_steal(&b);
}

int jobs_load_file(const struct options *options, const char *path, struct loaded *ret)
{
    struct loaded loaded = {0};
    struct problems problems = {0};
    struct jobfile_source source = {.path = path, .sets = (const char *const *)options->sets.list, .n_sets = options->sets.n};
    loaded.job = jobfile_load(&source, &problems);
    int result = loaded.job ? make_plan(&loaded, NULL, &problems) : -1;
    print_problems(&problems, strcmp(path, "-") == 0 ? "standard input" : path);
    problems_done(&problems);
    if (result) {
        loaded_done(&loaded);
        return -1;
    }
    loaded.sets = sets_to_json(&options->sets);
    *ret = loaded;
    return 0;
}

static bool same_key(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return len == strcspn(b, "=") && memcmp(a, b, len) == 0;
}

/* The run's own sets, then the command's. A key that the command sets anew replaces the run's, so that the list does not grow
 * with every resume. */
static void gather_sets(const struct options *options, const struct run_info *run, struct sets *ret)
{
    struct json array;
    if (json_check(run->sets, strlen(run->sets), &array, NULL) == 0 && json_type(array) == JSON_ARRAY) {
        struct json_iter it = json_iter(array);
        while (json_next(&it) && ret->n < SETS_MAX) {
            struct buf text = {0};
            bool again = !json_unescape(it.value, &text);
            buf_cstr(&text);
            for (int i = 0; i < options->sets.n; i++)
                again = again || same_key(text.data, options->sets.list[i]);
            if (again)
                buf_done(&text);
            else
                sets_add(ret, buf_steal(&text));
        }
    }
    for (int i = 0; i < options->sets.n; i++)
        sets_add(ret, mem_strdup(options->sets.list[i]));
}

static struct job *load_job(const struct run_info *run, const struct sets *sets, bool look, struct problems *problems)
{
    struct jobfile_source source = {.path = run->run, .text = run->job_text, .text_len = strlen(run->job_text),
                                    .folder = run->folder, .name = run->name, .sets = (const char *const *)sets->list,
                                    .n_sets = sets->n, .skip_lookup = !look};
    return jobfile_load(&source, problems);
}

bool jobs_prints_result(const struct run_info *run)
{
    struct problems problems = {0};
    struct sets sets = {0};
    gather_sets(&(struct options){0}, run, &sets);
    struct job *job = load_job(run, &sets, false, &problems);
    bool result = job && job->kind == TASK_COMMAND && job->result != RESULT_NONE;
    if (job)
        job_free(job);
    problems_done(&problems);
    sets_done(&sets);
    return result;
}

static int load_run(struct state *state, const struct run_info *run, const struct sets *sets, struct loaded *ret,
                    struct problems *problems)
{
    struct state_values values = {state, run};
    ret->job = load_job(run, sets, true, problems);
    return ret->job ? make_plan(ret, &(struct plan_source){state_lines, &values}, problems) : -1;
}

/* Only policy and place may differ from what the run was applied with: its tasks are numbered already. */
static int check_same(const struct run_info *run, const struct loaded *loaded)
{
    CLEANUP_FREE char *was = state_view_name(run->name);
    CLEANUP_FREE char *is = state_view_name(loaded->job->name);
    if (strcasecmp(was, is) != 0) {
        say("ktbatch: %s: its name cannot be changed (`ktbatch apply` with another one makes a new run)", run->run);
        return -1;
    }
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
    struct sets sets = {0};
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
        loaded.sets = sets_to_json(&sets);
        *ret = loaded;
    }
    sets_done(&sets);
    return result;
}
