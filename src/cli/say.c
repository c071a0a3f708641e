/* Words on standard error, and texts on standard output. */
#include "cli/command.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/mem.h"

void say(const char *format, ...)
{
    va_list args;
    CLEANUP_BUF struct buf line = {0};
    va_start(args, format);
    CLEANUP_FREE char *text = mem_vprintf(format, args);
    va_end(args);
    output_visible(&line, slice_str(text)); /* tasks' last words may be in it */
    buf_add_char(&line, '\n');
    /* One write: lines of two processes do not mix. Nobody can be told that stderr cannot be written. */
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written;
}

int print_text(struct slice text)
{
    struct err err = ERR_INIT;
    return output_raw(STDOUT_FILENO, text, &err) ? command_fail(&err) : EXIT_DONE;
}

int command_fail(const struct err *err)
{
    say("ktbatch: %s", err->text);
    return err_exit_status(err->class);
}
