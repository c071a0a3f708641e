/* Words on standard error. */
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void say(const char *format, ...)
{
    va_list args;
    CLEANUP_BUF struct buf line = {0};
    char *text;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return;
    buf_add(&line, text, (size_t)n);
    buf_add_char(&line, '\n');
    free(text);
    /* One write: lines of two processes do not mix. Nobody can be told that stderr cannot be written. */
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written;
}

int command_fail(const struct err *err)
{
    say("ktbatch: %s", err->text);
    return err_exit_status(err->class);
}
