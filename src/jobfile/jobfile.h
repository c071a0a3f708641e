/* From the text of a job file to a job, or to all that is wrong with it, each with its place.
 *
 *     struct problems problems = {0};
 *     struct job *job = jobfile_load(&(struct jobfile_source){.path = "cubes.yaml"}, &problems);
 *     problems_format(&problems, "cubes.yaml", &text);   warnings too
 *
 * Reads the job file and looks for task libraries and programs; creates nothing. `lines` files are not read
 * here but by the plan (plan/plan.h), which adds its problems to the same list.
 */
#ifndef KT_JOBFILE_JOBFILE_H
#define KT_JOBFILE_JOBFILE_H

#include "base/err.h"
#include "base/problems.h"
#include "jobfile/job.h"

struct jobfile_source {
    const char *path; /* the file; "-" reads standard input; with `text` only a name for messages */
    const char *text; /* if not NULL: the text, and `path` is not opened (resume: the text kept in the run) */
    size_t text_len;
    const char *folder;   /* with `text`, or "-": what relative paths count from; NULL: the current folder */
    const char *name;     /* overrides the default name (the file's stem); NULL: none */
    const char *const *sets; /* "KEY=VALUE", KEY dotted ("results.perTask"), VALUE as YAML; override the file */
    int n_sets;
    bool skip_lookup;     /* library, program and `cwd` may be missing: the job is read, not run */
};

/* Returns the job, or NULL if there is any problem that is no warning. */
struct job *jobfile_load(const struct jobfile_source *source, struct problems *problems);

/* A duration as job files and flags write it. -1 and a static text of what would be right. */
int jobfile_duration(const char *text, int64_t *ret_us, const char **ret_problem);

/* Whether `name` can be a run's name; NULL, or what is wrong with it (static text). */
const char *jobfile_name_problem(const char *name);

#endif
