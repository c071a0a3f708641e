/* See message.h.
 *
 * A reader checks the body once and walks its members once against a small table of fields, each with its kind and
 * the place it goes to; the places are locals, so that the caller's struct is written only if all is well.
 */
#include "wire/message.h"

#include <limits.h>
#include <strings.h>

#include "base/mem.h"

/* Far above any task number, far below where adding a count could overflow. */
#define NUMBER_MAX (INT64_C(1) << 62)

enum kind {
    KIND_COUNT,    /* int64_t, not negative */
    KIND_FRACTION, /* double from 0 to 1 */
    KIND_BOOL,     /* bool */
    KIND_TEXT,     /* struct slice, into `texts` */
    KIND_PLAIN,    /* the same, but without a NUL: it will be a C string */
    KIND_NAME,     /* the same, and not empty */
    KIND_ARRAY,    /* struct json */
    KIND_STRINGS,  /* struct json: an array of strings */
    KIND_OBJECT,   /* struct json */
    KIND_ENV,      /* struct json: an object of strings that can be environment variables */
};

struct field {
    const char *name;
    enum kind kind;
    void *ret;
    bool optional; /* `ret` keeps what is in it if the member is missing or null */
    bool found;
};

/* ---- reading ---- */

/* Whether a checked string's text has no NUL, and no `=` and some length if it is a variable's name. */
static bool is_plain(struct json v, bool variable)
{
    char text[4];
    const char *end = v.p + v.len - 1;
    if (json_type(v) != JSON_STRING || (variable && v.len == 2))
        return false;
    for (const char *p = v.p + 1; p < end; p++) {
        if (*p == '=' && variable)
            return false;
        if (*p != '\\' || *++p != 'u')
            continue;
        memcpy(text, p + 1, sizeof text);
        if (memcmp(text, "0000", 4) == 0 || (variable && strncasecmp(text, "003d", 4) == 0))
            return false;
    }
    return true;
}

static bool all_strings(struct json v, bool variables)
{
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        if (json_type(it.value) != JSON_STRING)
            return false;
        if (variables && (!is_plain(it.key, true) || !is_plain(it.value, false)))
            return false;
    }
    return true;
}

static bool take_json(struct json v, enum json_type type, void *ret)
{
    if (json_type(v) != type)
        return false;
    *(struct json *)ret = v;
    return true;
}

/* `texts` has room for every string of the frame, so that earlier slices stay where they are. */
static bool take_text(struct json v, struct buf *texts, struct slice *ret)
{
    size_t start = texts->len;
    if (!json_unescape(v, texts))
        return false;
    *ret = (struct slice){texts->data + start, texts->len - start};
    buf_add_char(texts, '\0');
    return true;
}

static bool take_count(struct json v, int64_t *ret)
{
    int64_t n;
    if (!json_i64(v, &n) || n < 0 || n > NUMBER_MAX)
        return false;
    *ret = n;
    return true;
}

static bool take_fraction(struct json v, double *ret)
{
    double d;
    if (!json_double(v, &d) || d < 0 || d > 1)
        return false;
    *ret = d;
    return true;
}

static bool take_bool(struct json v, bool *ret)
{
    enum json_type type = json_type(v);
    if (type != JSON_TRUE && type != JSON_FALSE)
        return false;
    *ret = type == JSON_TRUE;
    return true;
}

static bool take(struct json v, const struct field *field, struct buf *texts)
{
    switch (field->kind) {
    case KIND_COUNT:
        return take_count(v, field->ret);
    case KIND_FRACTION:
        return take_fraction(v, field->ret);
    case KIND_BOOL:
        return take_bool(v, field->ret);
    case KIND_TEXT:
        return take_text(v, texts, field->ret);
    case KIND_PLAIN:
        return is_plain(v, false) && take_text(v, texts, field->ret);
    case KIND_NAME:
        return is_plain(v, false) && v.len > 2 && take_text(v, texts, field->ret);
    case KIND_ARRAY:
        return take_json(v, JSON_ARRAY, field->ret);
    case KIND_STRINGS:
        return take_json(v, JSON_ARRAY, field->ret) && all_strings(v, false);
    case KIND_OBJECT:
        return take_json(v, JSON_OBJECT, field->ret);
    case KIND_ENV:
        return take_json(v, JSON_OBJECT, field->ret) && all_strings(v, true);
    }
    return false;
}

static const char *kind_text(enum kind kind)
{
    switch (kind) {
    case KIND_COUNT:
        return "a whole number from 0";
    case KIND_FRACTION:
        return "a number from 0 to 1";
    case KIND_BOOL:
        return "true or false";
    case KIND_TEXT:
        return "a string";
    case KIND_PLAIN:
        return "a string without NUL";
    case KIND_NAME:
        return "a string that is not empty and without NUL";
    case KIND_ARRAY:
        return "an array";
    case KIND_STRINGS:
        return "an array of strings";
    case KIND_OBJECT:
        return "an object";
    case KIND_ENV:
        return "an object of environment variables";
    }
    return "something else";
}

/* Malformed: `what` of the member `name`. */
static int malformed(const struct frame *f, const char *name, const char *what, struct err *err)
{
    return err_set(err, ERR_BACKEND, "malformed %s from the peer: `%s` %s", frame_name(f->type), name, what);
}

static int take_member(const struct frame *f, struct json_iter *it, struct field *fields, size_t n, struct buf *texts,
                       struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct field *field = &fields[i];
        if (!json_equals(it->key, field->name))
            continue;
        if (field->optional && json_type(it->value) == JSON_NULL)
            return 0;
        if (!take(it->value, field, texts))
            return err_set(err, ERR_BACKEND, "malformed %s from the peer: `%s` is not %s", frame_name(f->type), field->name,
                           kind_text(field->kind));
        field->found = true;
        return 0;
    }
    return 0;
}

static int read_fields(const struct frame *f, struct field *fields, size_t n, struct buf *texts, struct err *err)
{
    struct json body;
    size_t at;
    if (json_check(f->body, f->len, &body, &at))
        return err_set(err, ERR_BACKEND, "malformed %s from the peer: no JSON at byte %zu", frame_name(f->type), at);
    if (json_type(body) != JSON_OBJECT)
        return err_set(err, ERR_BACKEND, "malformed %s from the peer: no JSON object", frame_name(f->type));
    if (texts) {
        /* A string never grows by unescaping, and its NUL has the place of a quote. */
        buf_clear(texts);
        buf_reserve(texts, f->len);
    }
    struct json_iter it = json_iter(body);
    while (json_next(&it))
        if (take_member(f, &it, fields, n, texts, err))
            return -1;
    for (size_t i = 0; i < n; i++)
        if (!fields[i].found && !fields[i].optional)
            return malformed(f, fields[i].name, "is missing", err);
    return 0;
}

static int check_attempt(const struct frame *f, int64_t attempt, struct err *err)
{
    if (attempt < 1 || attempt > INT_MAX)
        return malformed(f, "attempt", "is out of range", err);
    return 0;
}

/* ---- writing ---- */

/* `before` is the text up to the value, `{"name":` or `,"name":`. */
static void add_number(struct buf *b, const char *before, int64_t n)
{
    buf_add_str(b, before);
    buf_add_i64(b, n);
}

static void add_text(struct buf *b, const char *before, struct slice text)
{
    buf_add_str(b, before);
    buf_add_json(b, text);
}

static void add_text_if(struct buf *b, const char *before, struct slice text)
{
    if (text.len)
        add_text(b, before, text);
}

static void add_json_if(struct buf *b, const char *before, struct json v)
{
    if (json_type(v) == JSON_NONE || json_type(v) == JSON_NULL)
        return;
    buf_add_str(b, before);
    buf_add(b, v.p, v.len);
}

static void close_object(struct buf *b, size_t begin)
{
    buf_add_char(b, '}');
    frame_end(b, begin);
}

/* ---- SETUP ---- */

void message_setup_add(struct buf *b, const struct message_setup *setup)
{
    size_t begin = frame_begin(b, FRAME_SETUP);
    add_text(b, "{\"run\":", setup->run);
    add_number(b, ",\"tasks\":", setup->tasks);
    add_number(b, ",\"timeout\":", setup->timeout_us);
    buf_add_str(b, setup->command ? ",\"command\":true" : ",\"command\":false");
    if (!setup->command) {
        add_text(b, ",\"library\":", setup->library);
        add_text_if(b, ",\"digest\":", setup->digest);
        add_text(b, ",\"function\":", setup->function);
        add_json_if(b, ",\"object\":", setup->object);
        add_json_if(b, ",\"names\":", setup->names);
    }
    add_json_if(b, ",\"env\":", setup->env);
    add_text_if(b, ",\"cwd\":", setup->cwd);
    close_object(b, begin);
}

int message_setup_read(const struct frame *f, struct message_setup *ret, struct buf *texts, struct err *err)
{
    struct message_setup s = {.names = {"null", 4}, .env = {"{}", 2}};
    s.library = s.digest = s.function = s.cwd = (struct slice){"", 0};
    struct field fields[] = {
        {"run", KIND_NAME, &s.run},
        {"tasks", KIND_COUNT, &s.tasks},
        {"timeout", KIND_COUNT, &s.timeout_us},
        {"command", KIND_BOOL, &s.command},
        {"library", KIND_NAME, &s.library, .optional = true},
        {"digest", KIND_PLAIN, &s.digest, .optional = true},
        {"function", KIND_NAME, &s.function, .optional = true},
        {"object", KIND_OBJECT, &s.object, .optional = true},
        {"names", KIND_STRINGS, &s.names, .optional = true},
        {"env", KIND_ENV, &s.env, .optional = true},
        {"cwd", KIND_PLAIN, &s.cwd, .optional = true},
    };
    if (read_fields(f, fields, ARRAY_LEN(fields), texts, err))
        return -1;
    if (!s.command && s.library.len == 0)
        return malformed(f, "library", "is missing", err);
    if (!s.command && s.function.len == 0)
        return malformed(f, "function", "is missing", err);
    if (s.cwd.len && s.cwd.p[0] != '/')
        return malformed(f, "cwd", "is not absolute", err);
    *ret = s;
    return 0;
}

/* ---- TASKS ---- */

size_t message_tasks_begin(struct buf *b, int64_t first, int attempt)
{
    size_t begin = frame_begin(b, FRAME_TASKS);
    add_number(b, "{\"first\":", first);
    add_number(b, ",\"attempt\":", attempt);
    buf_add_str(b, ",\"items\":[");
    return begin;
}

void message_tasks_end(struct buf *b, size_t begin)
{
    buf_add_char(b, ']');
    close_object(b, begin);
}

int message_tasks_read(const struct frame *f, struct message_tasks *ret, struct err *err)
{
    struct message_tasks t = {0};
    int64_t attempt;
    struct field fields[] = {
        {"first", KIND_COUNT, &t.first},
        {"attempt", KIND_COUNT, &attempt},
        {"items", KIND_ARRAY, &t.items},
    };
    if (read_fields(f, fields, ARRAY_LEN(fields), NULL, err) || check_attempt(f, attempt, err))
        return -1;
    t.attempt = (int)attempt;
    t.count = (int64_t)json_count(t.items);
    *ret = t;
    return 0;
}

/* ---- RESULTS ---- */

size_t message_results_begin(struct buf *b, int64_t first, int attempt, int64_t at)
{
    size_t begin = frame_begin(b, FRAME_RESULTS);
    add_number(b, "{\"first\":", first);
    add_number(b, ",\"attempt\":", attempt);
    add_number(b, ",\"at\":", at);
    buf_add_str(b, ",\"items\":[");
    return begin;
}

void message_results_end(struct buf *b, size_t begin)
{
    message_tasks_end(b, begin);
}

/* Whether a time stands before every result. */
static bool are_pairs(struct json items)
{
    struct json_iter it = json_iter(items);
    int64_t us;
    while (json_next(&it))
        if (!take_count(it.value, &us) || !json_next(&it))
            return false;
    return true;
}

int message_results_read(const struct frame *f, struct message_results *ret, struct err *err)
{
    struct message_results r = {0};
    int64_t attempt;
    struct field fields[] = {
        {"first", KIND_COUNT, &r.first},
        {"attempt", KIND_COUNT, &attempt},
        {"at", KIND_COUNT, &r.at},
        {"items", KIND_ARRAY, &r.items},
    };
    if (read_fields(f, fields, ARRAY_LEN(fields), NULL, err) || check_attempt(f, attempt, err))
        return -1;
    if (!are_pairs(r.items))
        return malformed(f, "items", "does not alternate microseconds and results", err);
    r.attempt = (int)attempt;
    *ret = r;
    return 0;
}

/* ---- FAILED ---- */

void message_failed_add(struct buf *b, const struct message_failed *failed)
{
    size_t begin = frame_begin(b, FRAME_FAILED);
    add_number(b, "{\"task\":", failed->task);
    add_number(b, ",\"attempt\":", failed->attempt);
    add_number(b, ",\"at\":", failed->at);
    add_number(b, ",\"us\":", failed->us);
    add_text(b, ",\"class\":", slice_str(outcome_name(failed->outcome)));
    add_number(b, ",\"status\":", failed->status);
    add_text(b, ",\"message\":", failed->message);
    close_object(b, begin);
}

int message_failed_read(const struct frame *f, struct message_failed *ret, struct buf *texts, struct err *err)
{
    struct message_failed m = {0};
    struct slice class;
    int64_t attempt, status;
    struct field fields[] = {
        {"task", KIND_COUNT, &m.task},
        {"attempt", KIND_COUNT, &attempt},
        {"at", KIND_COUNT, &m.at},
        {"us", KIND_COUNT, &m.us},
        {"class", KIND_TEXT, &class},
        {"status", KIND_COUNT, &status},
        {"message", KIND_TEXT, &m.message},
    };
    if (read_fields(f, fields, ARRAY_LEN(fields), texts, err) || check_attempt(f, attempt, err))
        return -1;
    int outcome = outcome_find(class.p, class.len);
    if (outcome < 0)
        return malformed(f, "class", "is no class that there is", err);
    if (status > INT_MAX)
        return malformed(f, "status", "is out of range", err);
    m.outcome = (enum outcome)outcome;
    m.attempt = (int)attempt;
    m.status = (int)status;
    *ret = m;
    return 0;
}

/* ---- OUTPUT ---- */

#define OUTPUT_HEADER 9

static void add_output_frame(struct buf *b, int64_t task, int stream, struct slice bytes)
{
    buf_reserve(b, WIRE_HEADER + OUTPUT_HEADER + bytes.len);
    size_t begin = frame_begin(b, FRAME_OUTPUT);
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_add_char(b, (char)((uint64_t)task >> shift));
    buf_add_char(b, (char)stream);
    buf_add_slice(b, bytes);
    frame_end(b, begin);
}

void message_output_add(struct buf *b, int64_t task, int stream, struct slice bytes)
{
    while (bytes.len) {
        size_t len = bytes.len < MESSAGE_OUTPUT_MAX ? bytes.len : MESSAGE_OUTPUT_MAX;
        add_output_frame(b, task, stream, (struct slice){bytes.p, len});
        bytes.p += len;
        bytes.len -= len;
    }
}

int message_output_read(const struct frame *f, struct message_output *ret, struct err *err)
{
    if (f->len < OUTPUT_HEADER || f->len > OUTPUT_HEADER + MESSAGE_OUTPUT_MAX)
        return err_set(err, ERR_BACKEND, "malformed OUTPUT from the peer: a body of %zu bytes", f->len);
    uint64_t task = 0;
    for (int i = 0; i < 8; i++)
        task = task << 8 | (unsigned char)f->body[i];
    int stream = (unsigned char)f->body[8];
    if (task > (uint64_t)NUMBER_MAX)
        return malformed(f, "task", "is out of range", err);
    if (stream != 1 && stream != 2)
        return malformed(f, "stream", "is neither 1 nor 2", err);
    *ret = (struct message_output){(int64_t)task, stream, {f->body + OUTPUT_HEADER, f->len - OUTPUT_HEADER}};
    return 0;
}

/* ---- PROGRESS, READY, REFUSED, counts ---- */

void message_progress_add(struct buf *b, const struct message_progress *p)
{
    /* A task may say anything, NaN too; what is sent is a fraction. */
    double fraction = p->fraction > 0 ? p->fraction : 0;
    size_t begin = frame_begin(b, FRAME_PROGRESS);
    add_number(b, "{\"task\":", p->task);
    buf_add_str(b, ",\"fraction\":");
    json_add_double(b, fraction < 1 ? fraction : 1);
    add_text(b, ",\"text\":", p->text);
    close_object(b, begin);
}

int message_progress_read(const struct frame *f, struct message_progress *ret, struct buf *texts, struct err *err)
{
    struct message_progress p = {.text = {"", 0}};
    struct field fields[] = {
        {"task", KIND_COUNT, &p.task},
        {"fraction", KIND_FRACTION, &p.fraction},
        {"text", KIND_TEXT, &p.text, .optional = true},
    };
    if (read_fields(f, fields, ARRAY_LEN(fields), texts, err))
        return -1;
    *ret = p;
    return 0;
}

void message_ready_add(struct buf *b, const struct message_ready *r)
{
    size_t begin = frame_begin(b, FRAME_READY);
    add_text(b, "{\"version\":", r->version);
    add_number(b, ",\"pid\":", r->pid);
    add_text(b, ",\"host\":", r->host);
    close_object(b, begin);
}

int message_ready_read(const struct frame *f, struct message_ready *ret, struct buf *texts, struct err *err)
{
    struct message_ready r = {0};
    struct field fields[] = {
        {"version", KIND_TEXT, &r.version},
        {"pid", KIND_COUNT, &r.pid},
        {"host", KIND_TEXT, &r.host},
    };
    if (read_fields(f, fields, ARRAY_LEN(fields), texts, err))
        return -1;
    *ret = r;
    return 0;
}

void message_refused_add(struct buf *b, struct slice message)
{
    size_t begin = frame_begin(b, FRAME_REFUSED);
    add_text(b, "{\"message\":", message);
    close_object(b, begin);
}

int message_refused_read(const struct frame *f, struct slice *ret, struct buf *texts, struct err *err)
{
    struct slice message;
    struct field fields[] = {{"message", KIND_TEXT, &message}};
    if (read_fields(f, fields, ARRAY_LEN(fields), texts, err))
        return -1;
    *ret = message;
    return 0;
}

void message_count_add(struct buf *b, enum frame_type type, int64_t tasks)
{
    size_t begin = frame_begin(b, type);
    add_number(b, "{\"tasks\":", tasks);
    close_object(b, begin);
}

int message_count_read(const struct frame *f, int64_t *ret, struct err *err)
{
    int64_t tasks;
    struct field fields[] = {{"tasks", KIND_COUNT, &tasks}};
    if (read_fields(f, fields, ARRAY_LEN(fields), NULL, err))
        return -1;
    *ret = tasks;
    return 0;
}

void message_empty_add(struct buf *b, enum frame_type type)
{
    frame_add(b, type, NULL, 0);
}
