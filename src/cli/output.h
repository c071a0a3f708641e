/* Data on standard output, in the four formats of -o.
 *
 *     struct output *o = output_new(OUTPUT_CSV, STDOUT_FILENO);
 *     output_column(o, "task"); …
 *     output_row(o, cells); …
 *     status = output_end(o, &err);        frees it
 *
 * table: columns aligned by the width that a terminal shows; numbers to the right. Nothing is cut: a cell wider than its
 *        column (the widths are those of the first rows) moves the rest of its line. Control characters are written \n, \x1b.
 * json:  {"version":1,"items":[{…},…]}; members keep their names and meaning within a version.
 * jsonl: a row's object a line.
 * csv:   RFC 4180, a line of names first; NULL is an empty field.
 *
 * Memory is bounded whatever the number of rows. A reader that has gone away (`| head`) is no error: what follows is dropped.
 */
#ifndef KT_CLI_OUTPUT_H
#define KT_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define OUTPUT_VERSION 1

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV, OUTPUT_FORMATS };
extern const char *const output_format_names[OUTPUT_FORMATS];

enum output_type { OUT_NULL, OUT_INT, OUT_REAL, OUT_TEXT, OUT_JSON /* text that is JSON */ };
struct output_cell {
    enum output_type type;
    int64_t i;
    double real;
    struct slice text; /* OUT_TEXT, OUT_JSON */
};

struct output;
struct output *output_new(enum output_format format, int fd);
/* Before the first row. `name` is copied. */
void output_column(struct output *o, const char *name);
/* json only: a member beside "items"; `value` is JSON text. Before the first row. */
void output_member(struct output *o, const char *name, const char *value);
/* As many cells as there are columns. */
void output_row(struct output *o, const struct output_cell *cells);
/* Whether rows are still wanted: false once writing has failed or the reader has gone. */
bool output_wanted(const struct output *o);
/* Writes what is left and frees it. -1: standard output cannot be written (a full disk); ERR_SYSTEM. */
int output_end(struct output *o, struct err *err);

/* Bytes as they are to standard output; the same rules. */
int output_raw(int fd, struct slice bytes, struct err *err);

/* Appends text as one line can hold it: what would move the cursor or end the line is written \n, \x1b. */
void output_visible(struct buf *b, struct slice text);
/* Columns that a terminal needs for `text` (UTF-8; a byte that is none counts one). */
int output_width(struct slice text);

static inline struct output_cell cell_int(int64_t i)
{
    return (struct output_cell){.type = OUT_INT, .i = i};
}
static inline struct output_cell cell_real(double real)
{
    return (struct output_cell){.type = OUT_REAL, .real = real};
}
static inline struct output_cell cell_text(const char *text) /* NULL: a NULL */
{
    return text ? (struct output_cell){.type = OUT_TEXT, .text = {text, strlen(text)}} : (struct output_cell){OUT_NULL};
}
static inline struct output_cell cell_json(struct slice text)
{
    return (struct output_cell){.type = OUT_JSON, .text = text};
}

#endif
