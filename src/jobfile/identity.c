/* What a run is, as one number: two job files of the same identity describe the same tasks. */
#include "base/digest.h"
#include "base/mem.h"
#include "jobfile/reader.h"

/* Changes when what is written below does, so that old runs are not taken for new ones. */
#define IDENTITY_VERSION "ktbatch-identity-1"

static void add_text(struct buf *b, const char *title, const char *text)
{
    buf_printf(b, "%s ", title);
    buf_add_json(b, slice_str(text ? text : ""));
    buf_add_char(b, '\n');
}

static void add_template(struct buf *b, const struct template *t)
{
    buf_add_str(b, "word");
    for (int i = 0; i < t->n; i++) {
        const struct piece *piece = &t->pieces[i];
        buf_printf(b, " %d %d %d %d %d ", (int)piece->kind, piece->arg, (int)piece->part, piece->pad, piece->zero);
        buf_add_json(b, slice_str(piece->text ? piece->text : ""));
    }
    buf_add_char(b, '\n');
}

static void add_task(struct buf *b, const struct job *job)
{
    if (job->kind == TASK_FUNCTION) {
        add_text(b, "library", job->library);
        add_text(b, "function", job->function);
        add_text(b, "object", job->object);
    } else {
        for (int i = 0; i < job->argc; i++)
            add_template(b, job->argv[i]);
        buf_printf(b, "result %d\n", (int)job->result);
    }
    for (int i = 0; i < job->n_columns; i++)
        add_text(b, "column", job->columns[i]);
}

/* Spellings of one range are one: 0.50 is 0.5. */
static void add_range(struct buf *b, const struct job_arg *arg)
{
    buf_add_str(b, "range ");
    decimal_print_short(b, arg->from);
    buf_add_char(b, ' ');
    decimal_print_short(b, arg->step);
    buf_printf(b, " %lld\n", (long long)arg->count);
}

static void add_values(struct buf *b, const struct job_arg *arg)
{
    switch (arg->kind) {
    case ARG_FIXED:
    case ARG_LIST:
        for (int64_t i = 0; i < arg->count; i++)
            buf_printf(b, "value %s\n", arg->values[i]);
        break;
    case ARG_RANGE:
    case ARG_REPEAT:
        add_range(b, arg);
        break;
    case ARG_LINSPACE:
    case ARG_GEOMSPACE:
        buf_printf(b, "%s %s %s %lld\n", arg->kind == ARG_LINSPACE ? "linspace" : "geomspace", arg->from_text, arg->to_text,
                   (long long)arg->count);
        break;
    case ARG_LINES:
        add_text(b, "lines", arg->path);
        break;
    }
}

void identity_make(struct job *job)
{
    CLEANUP_BUF struct buf b = {0};
    unsigned char digest[DIGEST_SIZE];
    buf_add_str(&b, IDENTITY_VERSION "\n");
    add_task(&b, job);
    buf_printf(&b, "positional %d\n", job->positional);
    for (int i = 0; i < job->n_args; i++) {
        add_text(&b, "arg", job->args[i].name);
        buf_printf(&b, "zip %d\n", job->args[i].zip);
        add_values(&b, &job->args[i]);
    }
    buf_printf(&b, "seed %lld\n", (long long)job->seed);
    digest_sha256(b.data, b.len, digest);
    hex_encode(digest, sizeof digest, job->identity);
}
