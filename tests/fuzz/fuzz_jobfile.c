/* Any bytes as a job file: it is read, or every problem with it is named, and nothing else happens.
 * With libFuzzer (--enable-fuzzing) this is `fuzz_jobfile`; otherwise replay.c runs the corpus through it. */
#include <stdlib.h>

#include "jobfile/jobfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct job *load(const char *text, size_t len)
{
    struct problems problems = {0};
    struct buf messages = {0};
    const struct jobfile_source source = {
        .path = "fuzz", .text = text, .text_len = len, .folder = "/nonexistent", .name = "fuzz", .skip_lookup = true};
    struct job *job = jobfile_load(&source, &problems);
    problems_format(&problems, "fuzz", &messages);
    /* A job or an error, never both and never neither. */
    if ((job == NULL) != (problems.errors > 0))
        abort();
    buf_done(&messages);
    problems_done(&problems);
    return job;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    /* No program of this machine is looked at. */
    static int once;
    if (!once++ && setenv("PATH", "", 1))
        abort();
    /* An empty text is a text too. */
    struct job *job = load(len ? (const char *)bytes : "", len);
    if (job) {
        /* The text that is kept is accepted again, and means the same. */
        struct job *again = load(job->source, strlen(job->source));
        if (!again || strcmp(again->identity, job->identity) != 0)
            abort();
        job_free(again);
    }
    job_free(job);
    return 0;
}
