/* See output.h. */
#include "dispatch/output.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define QUOTED_MAX 60 /* bytes of stdout that a message quotes */

struct stream {
    struct buf bytes; /* all of it; once there is a sink, only as far as a result is made of it */
    int64_t total;
    struct output_sink *sink; /* NULL while it is short */
};
struct printed {
    int64_t task;
    struct stream streams[2]; /* stdout, stderr */
};

static void printed_free(struct printed *p)
{
    for (int i = 0; i < 2; i++) {
        buf_done(&p->streams[i].bytes);
        output_sink_free(p->streams[i].sink);
    }
    free(p);
}

void outputs_done(struct outputs *o)
{
    for (int i = 0; i < o->n; i++)
        printed_free(o->list[i]);
    free(o->list);
    *o = (struct outputs){0};
}

static struct printed *find(const struct outputs *o, int64_t task)
{
    for (int i = o->n - 1; i >= 0; i--) /* the last one is the one that prints */
        if (o->list[i]->task == task)
            return o->list[i];
    return NULL;
}

/* How many bytes of the stream are needed whole, to make a result of them. */
static size_t wanted_whole(const struct output_config *config, int stream)
{
    if (!config->command || stream != 1)
        return 0;
    switch (config->form) {
    case RESULT_TEXT:
        return STATE_RESULT_MAX;
    case RESULT_JSON:
    case RESULT_JSON_LAST:
        return OUTPUT_PARSED_MAX;
    case RESULT_NUMBER:
    case RESULT_NONE:
        break;
    }
    return 0;
}

int outputs_add(struct outputs *o, const struct output_config *config, const struct message_output *m, struct err *err)
{
    struct printed *p = find(o, m->task);
    if (!p) {
        MEM_GROW(o->list, o->n, o->cap);
        p = o->list[o->n++] = MEM_NEW(struct printed);
        p->task = m->task;
    }
    struct stream *s = &p->streams[m->stream - 1];
    bool whole = (uint64_t)s->total == s->bytes.len;
    s->total += (int64_t)m->bytes.len;
    if (!s->sink && (uint64_t)s->total > STATE_OUTPUT_MAX) {
        s->sink = output_sink_new(config->folder, m->task, m->stream == 1 ? "stdout" : "stderr", STATE_OUTPUT_MAX);
        if (output_sink_add(s->sink, buf_slice(&s->bytes), err))
            return -1;
    }
    if (s->sink && output_sink_add(s->sink, m->bytes, err))
        return -1;
    if (!s->sink || (whole && s->bytes.len + m->bytes.len <= wanted_whole(config, m->stream)))
        buf_add_slice(&s->bytes, m->bytes);
    else if (s->bytes.cap)
        buf_done(&s->bytes); /* too much to make a result of */
    return 0;
}

/* ---- results of commands ---- */

static struct slice without_newline(struct slice s)
{
    if (s.len && s.p[s.len - 1] == '\n')
        s.len--;
    return s;
}

static struct slice trimmed(struct slice s)
{
    while (s.len && strchr(" \t\r\n", s.p[0]) && s.p[0])
        s.p++, s.len--;
    while (s.len && strchr(" \t\r\n", s.p[s.len - 1]) && s.p[s.len - 1])
        s.len--;
    return s;
}

/* "result: number, but stdout is "abc"" */
static int problem(struct buf *ret, const char *form, struct slice text)
{
    size_t len = text.len < QUOTED_MAX ? text.len : QUOTED_MAX;
    buf_printf(ret, "result: %s, but stdout is ", form);
    if (text.len == 0) {
        buf_add_str(ret, "empty");
        return -1;
    }
    while (len < text.len && len > 0 && ((unsigned char)text.p[len] & 0xc0) == 0x80)
        len--;
    buf_add_json(ret, (struct slice){text.p, len});
    if (len < text.len)
        buf_add_str(ret, " …");
    return -1;
}

/* NaN and infinities, as programs print them, are kept as text. */
static bool add_not_finite(struct slice text, struct buf *ret)
{
    char word[16];
    if (text.len == 0 || text.len >= sizeof word)
        return false;
    memcpy(word, text.p, text.len);
    word[text.len] = '\0';
    char *end;
    double d = strtod(word, &end);
    if (*end || isfinite(d) || strpbrk(word, "0123456789("))
        return false;
    json_add_double(ret, d);
    return true;
}

/* "007" is the integer 7. */
static void strip_zeros(char *digits)
{
    size_t zeros = strspn(digits, "0");
    if (zeros > 0 && !isdigit((unsigned char)digits[zeros]))
        zeros--;
    memmove(digits, digits + zeros, strlen(digits + zeros) + 1);
}

/* Numbers as people print them ("+1", ".5", "1.", "007") become JSON; others stay as they are written. */
static bool add_number(struct slice text, struct buf *ret)
{
    struct json v;
    char word[512], *end;
    if (text.len > 1 && text.p[0] == '+' && text.p[1] != '-' && text.p[1] != '+')
        text.p++, text.len--;
    if (json_check(text.p, text.len, &v, NULL) == 0 && json_type(v) == JSON_NUMBER) {
        buf_add(ret, v.p, v.len);
        return true;
    }
    if (add_not_finite(text, ret))
        return true;
    if (text.len == 0 || text.len >= sizeof word || memchr(text.p, '\0', text.len))
        return false;
    memcpy(word, text.p, text.len);
    word[text.len] = '\0';
    if (strspn(word, "0123456789+-.eE") != text.len)
        return false;
    strip_zeros(word + (word[0] == '-'));
    double d = strtod(word, &end);
    if (*end || !isfinite(d))
        return false;
    if (json_check(word, strlen(word), &v, NULL) == 0)
        buf_add_str(ret, word);
    else
        json_add_double(ret, d);
    return true;
}

static struct slice last_line(struct slice text)
{
    const char *newline = memrchr(text.p, '\n', text.len);
    return newline ? (struct slice){newline + 1, (size_t)(text.p + text.len - newline - 1)} : text;
}

static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\' && p + 1 < end;
    return p < end ? p + 1 : end;
}

static const char *word_end(const char *p, const char *end)
{
    for (p++; p < end && isalpha((unsigned char)*p); p++)
        ;
    return p;
}

/* JSON has no word for NaN and infinities, but programs write one: outside strings these become texts. */
static void quote_not_finite(struct slice text, struct buf *ret)
{
    const char *end = text.p + text.len, *next;
    for (const char *p = text.p; p < end; p = next) {
        bool word = *p == '-' || isalpha((unsigned char)*p);
        next = *p == '"' ? string_end(p, end) : word ? word_end(p, end) : p + 1;
        struct slice piece = {p, (size_t)(next - p)};
        if (!word || !add_not_finite(piece, ret))
            buf_add_slice(ret, piece);
    }
}

static int add_json(const char *form, struct slice text, struct buf *ret, struct buf *ret_problem)
{
    struct json v;
    CLEANUP_BUF struct buf quoted = {0};
    if (json_check(text.p, text.len, &v, NULL)) {
        quote_not_finite(text, &quoted);
        if (json_check(quoted.data, quoted.len, &v, NULL))
            return problem(ret_problem, form, text);
    }
    json_compact(v, ret);
    return 0;
}

int outputs_result(struct outputs *o, const struct output_config *config, int64_t task, struct buf *ret, bool *ret_is_file,
                   struct buf *ret_problem)
{
    const struct printed *p = find(o, task);
    const struct stream *out = p ? &p->streams[0] : NULL;
    struct slice text = {"", 0};
    if (out && out->bytes.len)
        text = buf_slice(&out->bytes);
    bool cut = out && (uint64_t)out->total > out->bytes.len;
    *ret_is_file = false;
    switch (config->form) {
    case RESULT_NONE:
        buf_add_str(ret, "null");
        return 0;
    case RESULT_TEXT:
        if (cut) {
            CLEANUP_FREE char *path = mem_printf("tasks/%" PRId64 "/stdout", task);
            buf_add_json(ret, slice_str(path));
            *ret_is_file = true;
        } else {
            buf_add_json(ret, without_newline(text));
        }
        return 0;
    case RESULT_NUMBER:
        if (!cut && add_number(trimmed(text), ret))
            return 0;
        return problem(ret_problem, "number", cut ? slice_str("long") : trimmed(text));
    case RESULT_JSON:
    case RESULT_JSON_LAST:
        if (cut) {
            buf_printf(ret_problem, "result: json, but stdout is longer than %u MiB", OUTPUT_PARSED_MAX >> 20);
            return -1;
        }
        text = trimmed(text);
        return config->form == RESULT_JSON ? add_json("json", text, ret, ret_problem)
                                           : add_json("{json: last}", trimmed(last_line(text)), ret, ret_problem);
    }
    return -1;
}

/* ---- into the batch ---- */

/* Whether stdout is the result, as the database has it, and a newline: then it is not kept a second time. */
static bool same_as_result(const struct output_config *config, const struct attempt_end *end, const struct stream *out)
{
    int64_t number;
    if (!config->command || end->outcome != OUTCOME_OK || end->result_is_file || out->sink)
        return false;
    struct slice text = without_newline(buf_slice(&out->bytes));
    if (text.len == 0 || text.len == out->bytes.len)
        return false;
    if (config->form == RESULT_TEXT)
        return utf8_check(text.p, text.len) == text.len;
    return json_i64((struct json){end->result.p, end->result.len}, &number) && text.len == end->result.len &&
           memcmp(text.p, end->result.p, text.len) == 0;
}

static void attach(struct stream *s, int stream, bool keep, struct batch *batch)
{
    struct attempt_end *end = &batch->ends[batch->n_ends - 1];
    if (s->sink) {
        batch_sink(batch, stream, keep, s->sink);
        s->sink = NULL;
    } else if (keep && s->bytes.len) {
        struct slice bytes = batch_copy(batch, buf_slice(&s->bytes));
        *(stream == 1 ? &end->out : &end->errout) = bytes;
        *(stream == 1 ? &end->out_bytes : &end->errout_bytes) = s->total;
    }
}

void outputs_attach(struct outputs *o, const struct output_config *config, int64_t task, struct batch *batch)
{
    for (int i = 0; i < o->n; i++) {
        struct printed *p = o->list[i];
        if (p->task != task)
            continue;
        const struct attempt_end *end = &batch->ends[batch->n_ends - 1];
        attach(&p->streams[0], 1, !same_as_result(config, end, &p->streams[0]), batch);
        attach(&p->streams[1], 2, true, batch);
        printed_free(p);
        memmove(&o->list[i], &o->list[i + 1], (size_t)(--o->n - i) * sizeof *o->list);
        return;
    }
}

void output_columns(const struct job *job, struct slice result, struct buf *ret)
{
    struct json v = {result.p, result.len};
    if (json_type(v) != JSON_OBJECT)
        return;
    buf_add_char(ret, '[');
    for (int i = 0; i < job->n_columns; i++) {
        struct json cell = json_get(v, job->columns[i]);
        if (i)
            buf_add_char(ret, ',');
        if (json_type(cell) == JSON_NONE)
            buf_add_str(ret, "null");
        else
            buf_add(ret, cell.p, cell.len);
    }
    buf_add_char(ret, ']');
}
