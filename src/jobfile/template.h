/* Text with placeholders: "${x}", "${n:04}", "${f.stem}", "$$" for a "$" before a brace.
 *
 * Parsed once when the job file is read, expanded for each task. A value that has been put in is never
 * looked at again, so what a value holds can name nothing.
 */
#ifndef KT_JOBFILE_TEMPLATE_H
#define KT_JOBFILE_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum piece_kind {
    PIECE_TEXT,    /* literal */
    PIECE_ARG,     /* the argument number `arg` of the job */
    PIECE_TASK,    /* ${task}, and so on */
    PIECE_RUN,
    PIECE_ATTEMPT,
    PIECE_SLOT,
    PIECE_SEED,
};
/* What stands between the braces for the kinds from PIECE_TASK on. */
extern const char *const piece_names[PIECE_SEED + 1];
enum piece_part { PART_WHOLE, PART_NAME, PART_STEM, PART_EXT, PART_DIR };

struct piece {
    enum piece_kind kind;
    char *text;           /* PIECE_TEXT */
    char *name;           /* as written between the braces, for resolving and for messages */
    int arg;              /* PIECE_ARG: set by template_resolve() */
    enum piece_part part; /* of a path */
    int pad;              /* ${n:04}: at least this many characters, 0 for none */
    bool zero;            /* padded with zeros (after the sign), not spaces */
    int offset;           /* of the placeholder in the text that was parsed, in bytes */
};

struct template {
    struct piece *pieces;
    int n;
};

/* What an expansion can name besides the arguments. */
struct template_values {
    const struct slice *args; /* JSON text by argument number */
    int n_args;
    int64_t task;
    const char *run;
    int attempt; /* from 1 */
    int slot;
    int64_t seed; /* 31 bits */
};

/* Parses `text`; NULL and a message (static text) with the offset if a placeholder is malformed. */
struct template *template_parse(const char *text, const char **ret_problem, int *ret_offset);
void template_free(struct template *t);
/* Sets `arg` and `kind` of the placeholders. `names[i]` is argument i's name, NULL if positional (then named by
 * its number from 1). Returns NULL, or the first piece that names nothing. */
const struct piece *template_resolve(struct template *t, const char *const *names, int n_names);
bool template_uses(const struct template *t, enum piece_kind kind, int arg /* for PIECE_ARG */);
/* Whether it has no placeholder at all. */
bool template_is_fixed(const struct template *t);
/* Appends the expansion. A string argument goes in as its text, any other value as its JSON text. */
void template_expand(const struct template *t, const struct template_values *values, struct buf *out);

#endif
