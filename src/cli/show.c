/* See show.h. */
#include "cli/show.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/output.h"

enum column_kind { COLUMN_PLAIN, COLUMN_JSON, COLUMN_RESULT };

static enum column_kind column_kind(const char *name)
{
    if (strcmp(name, "args") == 0)
        return COLUMN_JSON;
    return strcmp(name, "result") == 0 ? COLUMN_RESULT : COLUMN_PLAIN;
}

static struct output_cell make_cell(const struct state_rows *rows, int i, enum column_kind kind)
{
    switch (state_rows_type(rows, i)) {
    case CELL_NULL:
        break;
    case CELL_INT:
        return cell_int(state_rows_int(rows, i));
    case CELL_REAL:
        return cell_real(state_rows_real(rows, i));
    case CELL_TEXT:
        return (struct output_cell){.type = kind == COLUMN_JSON ? OUT_JSON : OUT_TEXT, .text = state_rows_text(rows, i)};
    }
    return (struct output_cell){OUT_NULL};
}

/* Rows on their way out. */
struct show {
    struct output *out;
    struct state_rows *rows;
    struct output_cell *cells;
    enum column_kind *kinds;
    int n, result; /* columns, and the one called result (-1: none) */
    int found;     /* of the latest state_rows_next() */
};

static void show_begin(struct show *s, enum output_format format, struct state_rows *rows)
{
    *s = (struct show){.out = output_new(format, STDOUT_FILENO), .rows = rows, .n = state_rows_columns(rows), .result = -1};
    s->cells = mem_resize(NULL, (size_t)s->n, sizeof *s->cells);
    s->kinds = mem_resize(NULL, (size_t)s->n, sizeof *s->kinds);
    for (int i = 0; i < s->n; i++) {
        const char *name = state_rows_name(rows, i);
        output_column(s->out, name);
        s->kinds[i] = column_kind(name);
        if (s->kinds[i] == COLUMN_RESULT)
            s->result = i;
    }
}

static int show_next(struct show *s, struct err *err)
{
    return s->found = output_wanted(s->out) ? state_rows_next(s->rows, err) : 0;
}

/* Prints the row that it stands on; `result` (may be NULL) is the result's JSON text. */
static void show_row(struct show *s, const struct slice *result)
{
    for (int i = 0; i < s->n; i++)
        s->cells[i] = make_cell(s->rows, i, s->kinds[i]);
    if (result && s->result >= 0)
        s->cells[s->result] = cell_json(*result);
    output_row(s->out, s->cells);
}

/* What was read is printed even if reading ended badly; the first trouble is the one told. */
static int show_end(struct show *s, int result, struct err *err)
{
    struct err late = ERR_INIT;
    free(s->cells);
    free(s->kinds);
    state_rows_close(s->rows);
    return output_end(s->out, result ? &late : err) || result ? -1 : 0;
}

int show_rows(const struct options *options, struct state_rows *rows, struct err *err)
{
    struct show s;
    show_begin(&s, options->format, rows);
    while (show_next(&s, err) > 0)
        show_row(&s, NULL);
    return show_end(&s, s.found < 0, err);
}

/* Called for every done task in the order of their numbers, which is the order of the rows: prints the rows of tasks before it
 * (that are not done) and its own, if there is one. -1 ends the walk: no row is left, or reading failed. */
static int on_done(void *ctx, int64_t task, struct slice result, struct err *err)
{
    struct show *s = ctx;
    while (s->found > 0 && state_rows_int(s->rows, 0) < task) {
        show_row(s, NULL);
        show_next(s, err);
    }
    if (s->found > 0 && state_rows_int(s->rows, 0) == task) {
        show_row(s, &result);
        show_next(s, err);
    }
    return s->found > 0 ? 0 : -1;
}

int show_results(const struct options *options, struct state *state, const struct run_info *run, struct state_rows *rows,
                 struct err *err)
{
    struct show s;
    if (options->format != OUTPUT_JSON && options->format != OUTPUT_JSONL)
        return show_rows(options, rows, err);
    show_begin(&s, options->format, rows);
    int failed = 0;
    if (show_next(&s, err) > 0)
        failed = state_each_done(state, run, on_done, &s, err) && s.found > 0;
    while (!failed && s.found > 0) {
        show_row(&s, NULL);
        show_next(&s, err);
    }
    return show_end(&s, failed || s.found < 0, err);
}
