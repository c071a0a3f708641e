/* See lines.h. The file is read whole and checked before the first line is kept. */
#include "plan/lines.h"

#include <stdbool.h>

#include "base/files.h"
#include "base/utf8.h"
#include "jobfile/job.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

static long long line_number(const struct buf *text, size_t offset)
{
    long long line = 1;
    for (size_t i = 0; i < offset; i++)
        line += text->data[i] == '\n';
    return line;
}

/* A command cannot be given a NUL byte, so that no value may hold one. */
static int check_text(const char *path, const struct buf *text, struct err *err)
{
    size_t at = utf8_check(text->data, text->len);
    if (at < text->len)
        return err_set(err, ERR_JOBFILE, "%s:%lld: the byte 0x%02x is not UTF-8; save the file as UTF-8", path,
                       line_number(text, at), (unsigned char)text->data[at]);
    const char *nul = text->len ? memchr(text->data, '\0', text->len) : NULL;
    if (nul)
        return err_set(err, ERR_JOBFILE, "%s:%lld: a NUL byte; `lines` takes a text file", path,
                       line_number(text, (size_t)(nul - text->data)));
    return 0;
}

static bool is_blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
            return false;
    return true;
}

/* Cuts the next line off the front of `rest`. */
static struct slice next_line(struct slice *rest)
{
    const char *newline = memchr(rest->p, '\n', rest->len);
    struct slice line = {rest->p, newline ? (size_t)(newline - rest->p) : rest->len};
    size_t used = line.len + (newline != NULL);
    *rest = (struct slice){rest->p + used, rest->len - used};
    if (line.len && line.p[line.len - 1] == '\r')
        line.len--;
    return line;
}

static int add_lines(const char *path, struct slice rest, struct values *ret, struct err *err)
{
    while (rest.len) {
        struct slice line = next_line(&rest);
        if (is_blank(line))
            continue;
        if (ret->n == JOB_LISTED_MAX)
            return err_set(err, ERR_JOBFILE, "%s: more than %lld lines; split it into several runs", path,
                           (long long)JOB_LISTED_MAX);
        buf_add_json(&ret->text, line);
        values_end(ret);
    }
    if (ret->n == 0)
        return err_set(err, ERR_JOBFILE, "%s: no lines but blank ones; an argument needs at least one value", path);
    return 0;
}

int lines_read(const char *path, struct values *ret, struct err *err)
{
    CLEANUP_BUF struct buf text = {0};
    if (file_read(path, JOB_LINES_BYTES_MAX, &text, err) || check_text(path, &text, err))
        return -1;
    struct slice rest = buf_slice(&text);
    size_t mark = sizeof byte_order_mark - 1;
    if (rest.len >= mark && memcmp(rest.p, byte_order_mark, mark) == 0)
        rest = (struct slice){rest.p + mark, rest.len - mark};
    struct values values = {0};
    if (add_lines(path, rest, &values, err)) {
        values_done(&values);
        return -1;
    }
    *ret = values;
    return 0;
}
