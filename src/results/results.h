/* Results on disk: results.jsonl, failed.jsonl and the files of single tasks, under results/RUN/.
 *
 * results.jsonl holds one line a done task, in the order of commits. The length that counts is the one in the
 * database: results_open() cuts the file to it (a crash left lines that were never committed), or asks for it to be
 * written anew from the database (a power cut took lines away). Used by one thread (the writer).
 * Files of tasks are written under a temporary name, synced and renamed.
 */
#ifndef KT_RESULTS_RESULTS_H
#define KT_RESULTS_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct results;

/* Opens (makes) `folder` and its results.jsonl for appending behind `committed` bytes. `*ret_damaged`: the file is shorter
 * than that or does not end in a whole line there; the caller then writes it anew with results_rewrite_*(). */
int results_open(const char *folder, int64_t committed, struct results **ret, bool *ret_damaged, struct err *err);
/* Syncs and closes. */
int results_close(struct results *r, struct err *err);

/* Lines. `args` and `result` are JSON text. */
void results_line(struct buf *out, int64_t task, struct slice args, struct slice result);
void results_failed_line(struct buf *out, int64_t task, struct slice args, const char *class, struct slice message);

/* Writes lines behind the others (to the kernel; results_sync() makes them last). Returns the new length. */
int results_append(struct results *r, struct slice lines, int64_t *ret_length, struct err *err);
int results_sync(struct results *r, struct err *err);
int64_t results_length(const struct results *r);

/* results.jsonl anew: begin, any number of adds, end (sync, rename; appending goes on behind it). */
int results_rewrite_begin(struct results *r, struct err *err);
int results_rewrite_add(struct results *r, struct slice lines, struct err *err);
int results_rewrite_end(struct results *r, int64_t *ret_length, struct err *err);

/* failed.jsonl anew, whole; removed if `lines` is empty. */
int results_write_failed(struct results *r, struct slice lines, struct err *err);

/* tasks/N/NAME of task N (results over the limit, long outputs) or tasks/N.json with `per_task`. Returns the path from
 * the run's folder, owned by the caller. */
int results_task_file(struct results *r, int64_t task, const char *name, struct slice bytes, char **ret_path, struct err *err);
int results_per_task(struct results *r, int64_t task, struct slice line, struct err *err);

/* What a task prints, as it comes: the tail in memory, all of it in tasks/N/stdout (stderr) once it is more than `keep`
 * bytes. Safe to use from another thread than the writer's (touches only its own files). */
struct output_sink;
struct output_sink *output_sink_new(const char *folder, int64_t task, const char *stream, size_t keep);
int output_sink_add(struct output_sink *s, struct slice bytes, struct err *err);
/* Ends it: the tail (inside the sink) and how many bytes there were; the file, if any, is synced and in its place. */
int output_sink_end(struct output_sink *s, struct slice *ret_tail, int64_t *ret_bytes, struct err *err);
/* Frees it; a file that was not ended is removed. */
void output_sink_free(struct output_sink *s);

#endif
