/* Plans from the text of a job file, and what they say, as text. */
#ifndef KT_TESTS_PLAN_FIXTURE_H
#define KT_TESTS_PLAN_FIXTURE_H

#include <stdio.h>

#include "base/mem.h"
#include "plan/plan.h"

#include "unit/unit.h"

struct fixture {
    struct job *job;
    struct plan *plan;
    struct buf text; /* of the last question, or the problems */
};

/* Reads `yaml` with relative paths from `folder`; fails the test if the job itself is wrong. `plan` is NULL and
 * `text` the problems if the plan is. */
static inline void fixture_load(struct fixture *f, const char *yaml, const char *folder, const struct plan_source *source)
{
    struct problems problems = {0};
    struct jobfile_source from = {.path = "test.yaml", .text = yaml, .text_len = strlen(yaml), .folder = folder,
                                  .skip_lookup = true};
    *f = (struct fixture){0};
    f->job = jobfile_load(&from, &problems);
    if (f->job)
        f->plan = plan_new(f->job, source, &problems);
    if (!f->plan)
        problems_format(&problems, "test.yaml", &f->text);
    if (!f->job)
        print_error("%s", buf_cstr(&f->text));
    assert_non_null(f->job);
    problems_done(&problems);
}

static inline void fixture_make(struct fixture *f, const char *yaml)
{
    fixture_load(f, yaml, NULL, NULL);
    if (!f->plan)
        print_error("%s", buf_cstr(&f->text));
    assert_non_null(f->plan);
}

static inline void fixture_done(struct fixture *f)
{
    plan_free(f->plan);
    job_free(f->job);
    buf_done(&f->text);
}

static inline const char *args_of(struct fixture *f, int64_t task)
{
    buf_clear(&f->text);
    plan_args_json(f->plan, task, &f->text);
    return buf_cstr(&f->text);
}

static inline const char *values_of(struct fixture *f, int64_t task)
{
    buf_clear(&f->text);
    plan_values_json(f->plan, task, &f->text);
    return buf_cstr(&f->text);
}

/* All values of argument i, with spaces between. */
static inline const char *list_of(struct fixture *f, int i)
{
    buf_clear(&f->text);
    for (int64_t k = 0; k < plan_arg(f->plan, i).count; k++) {
        if (k)
            buf_add_char(&f->text, ' ');
        plan_value(f->plan, i, k, &f->text);
    }
    return buf_cstr(&f->text);
}

#endif
