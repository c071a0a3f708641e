/* See output.h. Rows are put together in one buffer that is written out when it is large; a table keeps its first rows
 * until their widths are known. */
#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define FLUSH_AT (64u << 10)
#define MEASURED_ROWS 1000 /* rows whose widths make the columns' */
#define PAD_MAX 200        /* a column is padded to no more than this */

const char *const output_format_names[OUTPUT_FORMATS] = {"table", "json", "jsonl", "csv"};

struct column {
    char *name;
    int width;
    bool numbers; /* nothing but numbers so far */
};

struct output {
    enum output_format format;
    int fd;
    struct buf out;
    struct column *columns;
    int n, cap;
    struct buf members;
    int64_t rows;
    /* table: the texts of the first rows, each with its length before it */
    struct buf held;
    bool holding;
    bool gone; /* the reader */
    int failed; /* errno */
};

struct output *output_new(enum output_format format, int fd)
{
    struct output *o = MEM_NEW(struct output);
    o->format = format;
    o->fd = fd;
    o->holding = format == OUTPUT_TABLE;
    return o;
}

void output_column(struct output *o, const char *name)
{
    MEM_GROW(o->columns, o->n, o->cap);
    o->columns[o->n++] = (struct column){mem_strdup(name), output_width(slice_str(name)), true};
}

void output_member(struct output *o, const char *name, const char *value)
{
    buf_add_json(&o->members, slice_str(name));
    buf_printf(&o->members, ":%s,", value);
}

bool output_wanted(const struct output *o)
{
    return !o->gone && !o->failed;
}

static int write_all(int fd, struct slice s)
{
    while (s.len > 0) {
        ssize_t n = write(fd, s.p, s.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        s.p += n;
        s.len -= (size_t)n;
    }
    return 0;
}

static void flush(struct output *o)
{
    if (output_wanted(o)) {
        int code = write_all(o->fd, buf_slice(&o->out));
        if (code == EPIPE)
            o->gone = true;
        else
            o->failed = code;
    }
    buf_clear(&o->out);
}

int output_raw(int fd, struct slice bytes, struct err *err)
{
    int code = write_all(fd, bytes);
    if (code == 0 || code == EPIPE)
        return 0;
    return err_sys(err, code, "standard output");
}

/* Widths: Unicode's wide and zero-width characters, in ranges coarse enough to stay the same from version to version. */
struct range {
    uint32_t first, last;
};
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};
static const struct range empty[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x200b, 0x200f},
    {0x202a, 0x202e}, {0x2060, 0x2064}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};

static bool within(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n && c >= ranges[i].first; i++)
        if (c <= ranges[i].last)
            return true;
    return false;
}

static uint32_t code_point(const char *text, size_t len)
{
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *p = (const unsigned char *)text;
    uint32_t c = p[0] & lead[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

int output_width(struct slice text)
{
    int width = 0;
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_length(text.p + at, text.len - at);
        if (len <= 1) {
            width++;
            at++;
            continue;
        }
        uint32_t c = code_point(text.p + at, len);
        width += within(wide, ARRAY_LEN(wide), c) ? 2 : !within(empty, ARRAY_LEN(empty), c);
        at += len;
    }
    return width;
}

void output_visible(struct buf *b, struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        unsigned char c = (unsigned char)text.p[at];
        size_t len = utf8_length(text.p + at, text.len - at);
        bool control = c < 0x20 || c == 0x7f || len == 0 || (len == 2 && c == 0xc2 && (unsigned char)text.p[at + 1] < 0xa0);
        if (c == '\n')
            buf_add_str(b, "\\n");
        else if (c == '\t')
            buf_add_str(b, "\\t");
        else if (c == '\r')
            buf_add_str(b, "\\r");
        else if (control)
            buf_printf(b, "\\x%02x", c);
        else
            buf_add(b, text.p + at, len);
        at += control ? 1 : len;
    }
}

static void add_plain(struct buf *b, const struct output_cell *cell)
{
    switch (cell->type) {
    case OUT_NULL:
        return;
    case OUT_INT:
        buf_add_i64(b, cell->i);
        return;
    case OUT_REAL:
        json_add_double(b, cell->real);
        return;
    case OUT_TEXT:
    case OUT_JSON:
        buf_add_slice(b, cell->text);
        return;
    }
}

static void add_json_value(struct buf *b, const struct output_cell *cell)
{
    struct json checked;
    switch (cell->type) {
    case OUT_NULL:
        buf_add_str(b, "null");
        return;
    case OUT_INT:
        buf_add_i64(b, cell->i);
        return;
    case OUT_REAL:
        json_add_double(b, cell->real);
        return;
    case OUT_TEXT:
        buf_add_json(b, cell->text);
        return;
    case OUT_JSON:
        /* What claims to be JSON is checked: one bad cell must not spoil the document. */
        if (json_check(cell->text.p, cell->text.len, &checked, NULL) == 0)
            json_compact(checked, b);
        else
            buf_add_json(b, cell->text);
        return;
    }
}

static void add_json_object(struct output *o, const struct output_cell *cells)
{
    for (int i = 0; i < o->n; i++) {
        buf_add_char(&o->out, i ? ',' : '{');
        buf_add_json(&o->out, slice_str(o->columns[i].name));
        buf_add_char(&o->out, ':');
        add_json_value(&o->out, &cells[i]);
    }
    buf_add_char(&o->out, '}');
}

static void add_csv_field(struct buf *b, struct slice text)
{
    bool quote = false;
    for (size_t i = 0; i < text.len && !quote; i++)
        quote = text.p[i] == ',' || text.p[i] == '"' || text.p[i] == '\n' || text.p[i] == '\r';
    if (!quote) {
        buf_add_slice(b, text);
        return;
    }
    buf_add_char(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, text.p[i]);
    }
    buf_add_char(b, '"');
}

static void add_csv_row(struct output *o, const struct output_cell *cells)
{
    for (int i = 0; i < o->n; i++) {
        if (i)
            buf_add_char(&o->out, ',');
        if (cells[i].type == OUT_TEXT || cells[i].type == OUT_JSON)
            add_csv_field(&o->out, cells[i].text);
        else
            add_plain(&o->out, &cells[i]);
    }
    buf_add_str(&o->out, "\r\n");
}

/* One field of a table's line, padded on the side that aligns it; the last column has no blanks behind it. */
static void add_table_field(struct output *o, int i, struct slice text)
{
    const struct column *column = &o->columns[i];
    int pad = (column->width < PAD_MAX ? column->width : PAD_MAX) - output_width(text);
    if (i + 1 == o->n && text.len == 0)
        pad = 0;
    if (i)
        buf_add_str(&o->out, "  ");
    for (int k = 0; k < pad && column->numbers; k++)
        buf_add_char(&o->out, ' ');
    buf_add_slice(&o->out, text);
    for (int k = 0; k < pad && !column->numbers && i + 1 < o->n; k++)
        buf_add_char(&o->out, ' ');
    if (i + 1 == o->n)
        buf_add_char(&o->out, '\n');
}

static void release_held(struct output *o)
{
    if (!o->holding)
        return;
    o->holding = false;
    if (o->rows == 0)
        for (int i = 0; i < o->n; i++)
            o->columns[i].numbers = false;
    for (int i = 0; i < o->n; i++)
        add_table_field(o, i, slice_str(o->columns[i].name));
    int column = 0;
    for (size_t at = 0; at < o->held.len;) {
        size_t len;
        memcpy(&len, o->held.data + at, sizeof len);
        at += sizeof len;
        add_table_field(o, column, (struct slice){o->held.data + at, len});
        at += len;
        column = (column + 1) % o->n;
    }
    buf_done(&o->held);
}

static void hold_field(struct output *o, int i, enum output_type type, struct slice text)
{
    struct column *column = &o->columns[i];
    int width = output_width(text);
    if (width > column->width)
        column->width = width;
    column->numbers = column->numbers && type != OUT_TEXT && type != OUT_JSON;
    buf_add(&o->held, &text.len, sizeof text.len);
    buf_add_slice(&o->held, text);
}

static void add_table_row(struct output *o, const struct output_cell *cells)
{
    CLEANUP_BUF struct buf plain = {0}, visible = {0};
    for (int i = 0; i < o->n; i++) {
        buf_clear(&plain);
        buf_clear(&visible);
        add_plain(&plain, &cells[i]);
        output_visible(&visible, buf_slice(&plain));
        if (o->holding)
            hold_field(o, i, cells[i].type, buf_slice(&visible));
        else
            add_table_field(o, i, buf_slice(&visible));
    }
    if (o->holding && o->rows + 1 >= MEASURED_ROWS)
        release_held(o);
}

static void begin(struct output *o)
{
    if (o->format == OUTPUT_JSON) {
        buf_printf(&o->out, "{\"version\":%d,", OUTPUT_VERSION);
        buf_add_slice(&o->out, buf_slice(&o->members));
        buf_add_str(&o->out, "\"items\":[");
    } else if (o->format == OUTPUT_CSV) {
        for (int i = 0; i < o->n; i++) {
            if (i)
                buf_add_char(&o->out, ',');
            add_csv_field(&o->out, slice_str(o->columns[i].name));
        }
        buf_add_str(&o->out, "\r\n");
    }
}

void output_row(struct output *o, const struct output_cell *cells)
{
    if (!output_wanted(o))
        return;
    if (o->rows == 0)
        begin(o);
    switch (o->format) {
    case OUTPUT_TABLE:
        add_table_row(o, cells);
        break;
    case OUTPUT_JSON:
        buf_add_str(&o->out, o->rows ? ",\n" : "\n");
        add_json_object(o, cells);
        break;
    case OUTPUT_JSONL:
        add_json_object(o, cells);
        buf_add_char(&o->out, '\n');
        break;
    case OUTPUT_CSV:
        add_csv_row(o, cells);
        break;
    case OUTPUT_FORMATS:
        break;
    }
    o->rows++;
    if (o->out.len >= FLUSH_AT)
        flush(o);
}

int output_end(struct output *o, struct err *err)
{
    if (o->rows == 0)
        begin(o);
    if (o->format == OUTPUT_JSON)
        buf_add_str(&o->out, o->rows ? "\n]}\n" : "]}\n");
    release_held(o);
    flush(o);
    int failed = o->failed;
    for (int i = 0; i < o->n; i++)
        free(o->columns[i].name);
    free(o->columns);
    buf_done(&o->out);
    buf_done(&o->held);
    buf_done(&o->members);
    free(o);
    return failed ? err_sys(err, failed, "standard output") : 0;
}
