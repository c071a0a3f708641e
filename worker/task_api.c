/* See task_api.h. Values are JSON text read in place; nothing here allocates but strings and long results. */
#include "task_api.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static struct json as_json(ktbatch_value v)
{
    return (struct json){v.text, v.len};
}

static ktbatch_value as_value(struct json v)
{
    return (ktbatch_value){v.p, v.len};
}

__attribute__((format(printf, 2, 3))) static int fail(ktbatch_call *call, const char *format, ...)
{
    va_list args;
    if (call->failed)
        return -1; /* the first reason is the one that counts */
    va_start(args, format);
    vsnprintf(call->message, sizeof call->message, format, args);
    va_end(args);
    call->failed = true;
    return -1;
}

/* Arguments */

static ktbatch_value arg_at(ktbatch_call *call, size_t index)
{
    return index < call->n_args ? as_value(call->args[index]) : (ktbatch_value){0};
}

static ktbatch_value arg(ktbatch_call *call, const char *name)
{
    size_t i = 0;
    struct json_iter it = json_iter(call->names);
    for (; json_next(&it); i++)
        if (json_equals(it.value, name))
            return arg_at(call, i);
    return (ktbatch_value){0};
}

static ktbatch_value object_field(ktbatch_call *call, const char *name)
{
    return as_value(json_get(call->object_json, name));
}

static void *object(ktbatch_call *call)
{
    return call->object;
}

static int64_t task(ktbatch_call *call)
{
    return call->task;
}

static int attempt(ktbatch_call *call)
{
    return call->attempt;
}

/* Values */

static ktbatch_type type(ktbatch_value v)
{
    switch (json_type(as_json(v))) {
    case JSON_NONE:
        return KTBATCH_NONE;
    case JSON_NULL:
        return KTBATCH_NULL;
    case JSON_FALSE:
    case JSON_TRUE:
        return KTBATCH_BOOL;
    case JSON_NUMBER:
        return KTBATCH_NUMBER;
    case JSON_STRING:
        return KTBATCH_STRING;
    case JSON_ARRAY:
        return KTBATCH_ARRAY;
    case JSON_OBJECT:
        return KTBATCH_OBJECT;
    }
    return KTBATCH_NONE;
}

static bool get_int(ktbatch_value v, int64_t *out)
{
    return json_i64(as_json(v), out);
}

static bool get_uint(ktbatch_value v, uint64_t *out)
{
    return json_u64(as_json(v), out);
}

static bool get_double(ktbatch_value v, double *out)
{
    return json_double(as_json(v), out);
}

static bool get_bool(ktbatch_value v, bool *out)
{
    enum json_type t = json_type(as_json(v));
    if (t != JSON_TRUE && t != JSON_FALSE)
        return false;
    *out = t == JSON_TRUE;
    return true;
}

/* Strings stay where they are until the next call: the buffer is a chain of blocks, never moved. */
struct string_block {
    struct string_block *next;
    char text[];
};
static struct string_block *string_blocks;

static const char *get_string(ktbatch_call *call, ktbatch_value v)
{
    CLEANUP_BUF struct buf text = {0};
    (void)call;
    if (!json_unescape(as_json(v), &text) || memchr(text.data ? text.data : "", 0, text.len))
        return NULL;
    struct string_block *block = mem_alloc(sizeof *block + text.len + 1);
    if (text.len)
        memcpy(block->text, text.data, text.len);
    block->text[text.len] = '\0';
    block->next = string_blocks;
    string_blocks = block;
    return block->text;
}

static void free_strings(void)
{
    while (string_blocks) {
        struct string_block *next = string_blocks->next;
        free(string_blocks);
        string_blocks = next;
    }
}

static size_t count(ktbatch_value v)
{
    return json_count(as_json(v));
}

static ktbatch_value element(ktbatch_value v, size_t index)
{
    struct json_iter it = json_iter(as_json(v));
    while (!it.object && json_next(&it))
        if (index-- == 0)
            return as_value(it.value);
    return (ktbatch_value){0};
}

static ktbatch_value member(ktbatch_value v, const char *name)
{
    return as_value(json_get(as_json(v), name));
}

/* Arguments of a known type */

static void wrong_arg(ktbatch_call *call, const char *name, ktbatch_value v, const char *wanted)
{
    if (v.len == 0)
        fail(call, "no argument \"%s\"", name);
    else
        fail(call, "argument \"%s\" is %.*s, not %s", name, (int)(v.len < 100 ? v.len : 100), v.text, wanted);
}

static int64_t arg_int(ktbatch_call *call, const char *name)
{
    int64_t n = 0;
    ktbatch_value v = arg(call, name);
    if (!get_int(v, &n))
        wrong_arg(call, name, v, "an integer of 64 bits");
    return n;
}

static double arg_double(ktbatch_call *call, const char *name)
{
    double d = 0;
    ktbatch_value v = arg(call, name);
    if (!get_double(v, &d))
        wrong_arg(call, name, v, "a number");
    return d;
}

static bool arg_bool(ktbatch_call *call, const char *name)
{
    bool b = false;
    ktbatch_value v = arg(call, name);
    if (!get_bool(v, &b))
        wrong_arg(call, name, v, "true or false");
    return b;
}

static const char *arg_string(ktbatch_call *call, const char *name)
{
    ktbatch_value v = arg(call, name);
    const char *text = get_string(call, v);
    if (!text)
        wrong_arg(call, name, v, "a string");
    return text ? text : "";
}

/* Results */

static struct buf *result(ktbatch_call *call)
{
    buf_clear(&call->result);
    call->returned = true;
    return &call->result;
}

static int return_int(ktbatch_call *call, int64_t n)
{
    buf_add_i64(result(call), n);
    return 0;
}

static int return_uint(ktbatch_call *call, uint64_t n)
{
    buf_printf(result(call), "%llu", (unsigned long long)n);
    return 0;
}

static int return_double(ktbatch_call *call, double d)
{
    json_add_double(result(call), d);
    return 0;
}

static int return_bool(ktbatch_call *call, bool b)
{
    buf_add_str(result(call), b ? "true" : "false");
    return 0;
}

static int return_string(ktbatch_call *call, const char *text)
{
    buf_add_json(result(call), slice_str(text));
    return 0;
}

static int return_null(ktbatch_call *call)
{
    buf_add_str(result(call), "null");
    return 0;
}

static int return_json(ktbatch_call *call, const char *text, size_t len)
{
    struct json v;
    size_t at;
    if (json_check(text, len, &v, &at))
        return fail(call, "the result is no JSON: wrong at byte %zu of %zu", at, len);
    json_compact(v, result(call));
    return 0;
}

static int fail_with(ktbatch_call *call, const char *message)
{
    return fail(call, "%s", message && *message ? message : "failed without a message");
}

static void progress(ktbatch_call *call, double fraction, const char *text)
{
    if (call->progress)
        call->progress(call, fraction, text ? text : "");
}

const struct ktbatch_api task_api = {
    .abi = KTBATCH_TASK_ABI,
    .arg = arg,
    .arg_at = arg_at,
    .object_field = object_field,
    .object = object,
    .task = task,
    .attempt = attempt,
    .type = type,
    .get_int = get_int,
    .get_uint = get_uint,
    .get_double = get_double,
    .get_bool = get_bool,
    .get_string = get_string,
    .count = count,
    .element = element,
    .member = member,
    .arg_int = arg_int,
    .arg_double = arg_double,
    .arg_bool = arg_bool,
    .arg_string = arg_string,
    .return_int = return_int,
    .return_uint = return_uint,
    .return_double = return_double,
    .return_bool = return_bool,
    .return_string = return_string,
    .return_null = return_null,
    .return_json = return_json,
    .fail = fail_with,
    .progress = progress,
};

bool task_call_begin(struct ktbatch_call *call, int64_t number, int attempt_number, struct json values)
{
    call->task = number;
    call->attempt = attempt_number;
    call->returned = call->failed = false;
    call->n_args = 0;
    if (string_blocks)
        free_strings();
    struct json_iter it = json_iter(values);
    while (json_next(&it)) {
        if (call->n_args == CALL_ARGS_MAX) {
            fail(call, "more than %d arguments", CALL_ARGS_MAX);
            return false;
        }
        call->args[call->n_args++] = it.value;
    }
    if (it.object || json_type(values) != JSON_ARRAY) {
        fail(call, "the runner sent arguments that are no array");
        return false;
    }
    return true;
}

bool task_call_end(struct ktbatch_call *call)
{
    if (!call->failed && !call->returned)
        fail(call, "the function returned without a result: it must end with ktbatch_return_…() or ktbatch_fail()");
    return !call->failed;
}
