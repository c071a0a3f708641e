/* What a session's tasks print, gathered until their answer comes; and the result of a command, made from its stdout.
 *
 * Short output stays in memory; of longer output only the tail does, and all of it goes to a file of the task (results.h).
 */
#ifndef KT_DISPATCH_OUTPUT_H
#define KT_DISPATCH_OUTPUT_H

#include "jobfile/job.h"
#include "dispatch/batch.h"
#include "wire/message.h"

/* Bytes of stdout that are looked at for `result: json` and the like. */
#define OUTPUT_PARSED_MAX (64u << 20)

struct printed;
/* Tasks that have printed something and have not been answered; zeroed: none. */
struct outputs {
    struct printed **list; /* in the order in which they began */
    int n, cap;
};
struct output_config {
    const char *folder; /* the run's */
    bool command;
    enum result_form form; /* commands */
};
void outputs_done(struct outputs *o);
int outputs_add(struct outputs *o, const struct output_config *config, const struct message_output *m, struct err *err);

/* The result of a command that ended with status 0, by `form`: appended to `ret` as JSON text. 0; or -1 with a message
 * about what is wrong with its stdout. `*ret_is_file`: it is too long for the database, and `ret` names its file. */
int outputs_result(struct outputs *o, const struct output_config *config, int64_t task, struct buf *ret, bool *ret_is_file,
                   struct buf *ret_problem);
/* Moves what the task printed into the batch's last end. stdout is left out where the end's result says the same. */
void outputs_attach(struct outputs *o, const struct output_config *config, int64_t task, struct batch *batch);

/* Appends the values of the job's columns of a JSON result, as an array; nothing if it is no object. */
void output_columns(const struct job *job, struct slice result, struct buf *ret);

#endif
