/* The list of problems: see problems.h. */
#include "base/problems.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void problems_done(struct problems *problems)
{
    for (int i = 0; i < problems->n; i++)
        free(problems->list[i].text);
    free(problems->list);
    *problems = (struct problems){0};
}

/* A value that several aliases name is read several times; what is wrong with it is said once. */
static bool known(const struct problems *problems, struct mark mark, const char *text)
{
    for (int i = 0; i < problems->n; i++) {
        const struct problem *p = &problems->list[i];
        if (p->mark.line == mark.line && p->mark.column == mark.column && strcmp(p->text, text) == 0)
            return true;
    }
    return false;
}

/* Takes ownership of `text`. */
static void add(struct problems *problems, struct mark mark, bool warning, char *text)
{
    if (known(problems, mark, text)) {
        free(text);
        return;
    }
    problems->errors += !warning;
    if (problems->n >= PROBLEMS_MAX) {
        free(text);
        return;
    }
    MEM_GROW(problems->list, problems->n, problems->cap);
    problems->list[problems->n++] = (struct problem){mark, warning, text};
}

static void __attribute__((format(printf, 4, 0)))
add_formatted(struct problems *problems, struct mark mark, bool warning, const char *format, va_list args)
{
    add(problems, mark, warning, mem_vprintf(format, args));
}

void problem_add(struct problems *problems, struct mark mark, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_formatted(problems, mark, false, format, args);
    va_end(args);
}

void problem_warn(struct problems *problems, struct mark mark, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_formatted(problems, mark, true, format, args);
    va_end(args);
}

void place_problem(struct problems *problems, const char *origin, struct mark mark, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = mem_vprintf(format, args);
    va_end(args);
    if (origin) {
        char *whole = mem_printf("--set %s: %s", origin, text);
        free(text);
        add(problems, (struct mark){0}, false, whole);
    } else {
        add(problems, mark, false, text);
    }
}

static int by_place(const void *a, const void *b)
{
    const struct problem *x = *(const struct problem *const *)a, *y = *(const struct problem *const *)b;
    if (x->mark.line != y->mark.line)
        return x->mark.line < y->mark.line ? -1 : 1;
    if (x->mark.column != y->mark.column)
        return x->mark.column < y->mark.column ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void format_one(const struct problem *p, const char *file, struct buf *out)
{
    if (p->mark.line)
        buf_printf(out, "%s:%d:%d: ", file, p->mark.line, p->mark.column);
    else if (strncmp(p->text, "--set ", 6) != 0)
        buf_printf(out, "%s: ", file);
    buf_printf(out, "%s%s\n", p->warning ? "warning: " : "", p->text);
}

void problems_format(const struct problems *problems, const char *file, struct buf *out)
{
    const struct problem *sorted[PROBLEMS_MAX];
    for (int i = 0; i < problems->n; i++)
        sorted[i] = &problems->list[i];
    qsort(sorted, (size_t)problems->n, sizeof *sorted, by_place);
    for (int i = 0; i < problems->n; i++)
        format_one(sorted[i], file, out);
    if (problems->n == PROBLEMS_MAX && problems->errors > PROBLEMS_MAX)
        buf_printf(out, "%s: and %d more problems\n", file, problems->errors - PROBLEMS_MAX);
}
