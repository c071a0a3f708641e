/* Reading a tree into a job by tables of keys. Inside src/jobfile only.
 *
 * A reader function takes one key of the file, checks its value, sets the job or adds problems; it never stops
 * the reading, so that one pass names everything that is wrong.
 */
#ifndef KT_JOBFILE_READER_H
#define KT_JOBFILE_READER_H

#include "base/yaml.h"
#include "jobfile/jobfile.h"

struct reader {
    const struct jobfile_source *source;
    struct problems *problems;
    struct job *job;
    const struct node *root;
    bool args_unknown;    /* `args` could not be read at all: nothing can be said about placeholders */
    bool has_parallelism;
    bool has_task;        /* function or command stands there, right or wrong */
    const struct pair *columns, *object;
    struct mark *arg_marks; /* of each argument's name */
};

/* One key that may stand in a mapping. */
struct key_rule {
    const char *name;
    void (*read)(struct reader *r, const struct pair *pair); /* NULL: not supported in this version */
};
struct key_table {
    const char *where; /* for messages: "task"; NULL is the top level */
    const struct key_rule *rules;
    size_t n;
};
extern const struct key_table top_keys, task_keys;

/* Reads the mapping's keys in the order of the table; unknown ones are problems. False if it is no mapping. */
bool keys_read(struct reader *r, const struct pair *pair, const struct key_table *table);
/* The same for a mapping that is the whole file. */
bool keys_read_map(struct reader *r, const struct node *map, const struct key_table *table);
/* Whether all keys of the mapping are in the table and supported. */
bool keys_all_known(const struct node *map, const struct key_table *table);

void node_problem(struct reader *r, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* At a byte of the node's text, where that can be told. */
struct mark node_mark_at(const struct node *node, int offset);
void pair_problem(struct reader *r, const struct pair *pair, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "`KEY` must be WANTED, not FOUND". */
void must_be(struct reader *r, const char *key, const struct node *node, const char *wanted);
/* What a value is, in words: its text, "a list", "nothing". */
void describe(const struct node *node, struct buf *out);

/* Values of one type. They add a problem and return false (NULL) otherwise. Texts point into the tree. */
const char *read_text(struct reader *r, const struct pair *pair, const char *wanted);
bool read_int(struct reader *r, const struct pair *pair, int64_t min, int64_t max, int64_t *ret);
bool read_bool(struct reader *r, const struct pair *pair, bool *ret);
bool read_duration(struct reader *r, const struct pair *pair, bool zero, int64_t *ret_us);
/* An integer as written; false, without a problem, if it is none or does not fit. */
bool node_i64(const struct node *node, int64_t *ret);
char *node_json_text(const struct node *node);
bool is_identifier(const char *text);

/* Parses the text (part of `node`, from `offset` on) as a template of the job and resolves it against the
 * arguments, which must have been read. NULL and problems if it is malformed. */
struct template *read_template(struct reader *r, const struct node *node, const char *text, int offset);

/* args.c, zip.c */
void read_args(struct reader *r, const struct pair *pair);
void read_zip(struct reader *r, const struct pair *pair);
/* Zip lengths and the number of tasks, as far as they are known before files are read. */
void check_space(struct reader *r);

/* task.c */
void read_task(struct reader *r, const struct pair *pair);
/* What only the whole file tells: arguments that nothing uses, columns against arguments. */
void check_task(struct reader *r);

/* policy.c */
void read_parallelism(struct reader *r, const struct pair *pair);
void read_cpus(struct reader *r, const struct pair *pair);
void read_tasks_per_worker(struct reader *r, const struct pair *pair);
void read_retries(struct reader *r, const struct pair *pair);
void read_backoff(struct reader *r, const struct pair *pair);
void read_retry_on(struct reader *r, const struct pair *pair);
void read_timeout(struct reader *r, const struct pair *pair);
void read_deadline(struct reader *r, const struct pair *pair);
void read_max_failures(struct reader *r, const struct pair *pair);
void read_env(struct reader *r, const struct pair *pair);
void read_cwd(struct reader *r, const struct pair *pair);
void read_results(struct reader *r, const struct pair *pair);
void read_isolate(struct reader *r, const struct pair *pair);
void read_backend(struct reader *r, const struct pair *pair);
/* Sets the policy's defaults, before the file is read and after it. */
void policy_init(struct job *job);
void policy_finish(struct reader *r);

/* lookup.c: files that the task needs. With skip_lookup nothing is a problem. */
void lookup_library(struct reader *r, const struct node *node);
void lookup_program(struct reader *r, const struct node *node, const char *program);

/* sets.c: puts the --set options into the tree. */
void sets_apply(struct tree *tree, const struct jobfile_source *source, struct problems *problems);

/* identity.c: sets job->identity. */
void identity_make(struct job *job);

#endif
