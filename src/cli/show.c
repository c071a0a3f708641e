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

/* A scalar result is a value of its own in the database, a list or mapping is its JSON text. */
static struct output_cell text_cell(enum column_kind kind, struct slice text)
{
    bool nested = text.len > 1 && (text.p[0] == '{' || text.p[0] == '[');
    struct output_cell cell = {.type = OUT_TEXT, .text = text};
    if (kind == COLUMN_JSON || (kind == COLUMN_RESULT && nested))
        cell.type = OUT_JSON;
    return cell;
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
        return text_cell(kind, state_rows_text(rows, i));
    }
    return (struct output_cell){OUT_NULL};
}

int show_rows(const struct options *options, struct state_rows *rows, int64_t *ret_rows, struct err *err)
{
    struct output *out = output_new(options->format, STDOUT_FILENO);
    int n = state_rows_columns(rows), found = 0;
    int64_t count = 0;
    struct output_cell *cells = mem_resize(NULL, (size_t)n, sizeof *cells);
    enum column_kind *kinds = mem_resize(NULL, (size_t)n, sizeof *kinds);
    for (int i = 0; i < n; i++) {
        output_column(out, state_rows_name(rows, i));
        kinds[i] = column_kind(state_rows_name(rows, i));
    }
    while (output_wanted(out) && (found = state_rows_next(rows, err)) > 0) {
        for (int i = 0; i < n; i++)
            cells[i] = make_cell(rows, i, kinds[i]);
        output_row(out, cells);
        count++;
    }
    free(cells);
    free(kinds);
    state_rows_close(rows);
    /* What was read is printed even if reading ended badly; the first trouble is the one told. */
    struct err late = ERR_INIT;
    int result = output_end(out, found < 0 ? &late : err);
    if (found < 0 || result < 0)
        return -1;
    if (ret_rows)
        *ret_rows = count;
    return 0;
}
