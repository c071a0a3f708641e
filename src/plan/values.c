/* See values.h. */
#include "plan/values.h"

#include "base/mem.h"

void values_done(struct values *values)
{
    buf_done(&values->text);
    free(values->starts);
    *values = (struct values){0};
}

/* The next value starts at `start`. */
static void add_start(struct values *values, size_t start)
{
    MEM_GROW(values->starts, values->n + 1, values->cap);
    values->starts[0] = 0;
    values->starts[++values->n] = start;
}

void values_end(struct values *values)
{
    buf_add_char(&values->text, '\n');
    add_start(values, values->text.len);
}

void values_add(struct values *values, const char *json)
{
    buf_add_str(&values->text, json);
    values_end(values);
}

void values_index(struct values *values)
{
    const struct buf *text = &values->text;
    size_t at = 0;
    while (at < text->len) {
        const char *newline = memchr(text->data + at, '\n', text->len - at);
        if (!newline)
            break;
        at = (size_t)(newline - text->data) + 1;
        add_start(values, at);
    }
}
