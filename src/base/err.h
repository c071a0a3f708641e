/* Errors: what a function that can fail tells its caller.
 *
 * A fallible function returns 0 or -1 and takes a `struct err *` last; on failure the struct holds one
 * class and one line of text, without a full stop at its end, that names the thing, the cause and, where
 * there is one, the next step. Nothing is printed below the commands. `err` may never be NULL.
 */
#ifndef KT_BASE_ERR_H
#define KT_BASE_ERR_H

enum err_class {
    ERR_NONE,
    ERR_USAGE,   /* wrong command line, no such run, bad condition: exit status 2 */
    ERR_JOBFILE, /* the job file is wrong; every problem has been reported: exit status 2 */
    ERR_BUSY,    /* somebody else has it: exit status 3 */
    ERR_BACKEND, /* no worker can be had: exit status 3 */
    ERR_SYSTEM,  /* the machine failed us (files, memory, database): exit status 3 */
};

#define ERR_TEXT_MAX 2048

struct err {
    enum err_class class;
    char text[ERR_TEXT_MAX];
};

#define ERR_INIT ((struct err){ERR_NONE, ""})

/* Sets class and text; always returns -1, so that `return err_set(...)` reads well. Long text is cut. */
int err_set(struct err *err, enum err_class class, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
/* The same with ": " and the text of errno value `code` appended, class ERR_SYSTEM. */
int err_sys(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
/* Puts "…: " before the text that is there. Returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* The exit status of the program for a class (0 for ERR_NONE). */
int err_exit_status(enum err_class class);

#endif
