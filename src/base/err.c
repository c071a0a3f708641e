/* See err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_class class, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->class = class;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return -1;
}

int err_sys(struct err *err, int code, const char *format, ...)
{
    char reason[128];
    va_list args;
    va_start(args, format);
    err->class = ERR_SYSTEM;
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror_r(code, reason, sizeof reason));
    return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, ": %.*s", (int)(sizeof text - (size_t)n - 3), err->text);
    memcpy(err->text, text, sizeof text);
    return -1;
}

int err_exit_status(enum err_class class)
{
    switch (class) {
    case ERR_NONE:
        return 0;
    case ERR_USAGE:
    case ERR_JOBFILE:
        return 2;
    case ERR_BUSY:
    case ERR_BACKEND:
    case ERR_SYSTEM:
        return 3;
    }
    return 3;
}
