/* Placeholders: see template.h. */
#include "jobfile/template.h"

#include <ctype.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/names.h"

/* A wider pad is more likely a slip of the finger. */
#define PAD_MAX 100

const char *const piece_names[] = {
    [PIECE_TASK] = "task", [PIECE_RUN] = "run", [PIECE_ATTEMPT] = "attempt", [PIECE_SLOT] = "slot", [PIECE_SEED] = "seed",
};

static const char *const part_names[] = {
    [PART_NAME] = "name", [PART_STEM] = "stem", [PART_EXT] = "ext", [PART_DIR] = "dir",
};

static struct piece *add_piece(struct template *t, int *cap, enum piece_kind kind, size_t offset)
{
    MEM_GROW(t->pieces, t->n, *cap);
    struct piece *piece = &t->pieces[t->n++];
    *piece = (struct piece){.kind = kind, .arg = -1, .offset = (int)offset};
    return piece;
}

static void add_text(struct template *t, int *cap, struct buf *literal)
{
    if (literal->len)
        add_piece(t, cap, PIECE_TEXT, 0)->text = buf_steal(literal);
}

/* Reads what stands behind the name: ".stem", ":04". NULL, or what is wrong. */
static const char *parse_modifiers(const char *p, const char *end, struct piece *piece)
{
    if (p < end && *p == '.') {
        size_t len = strcspn(++p, ":}");
        int part = names_find(part_names, NAMES_COUNT(part_names), p, len);
        if (part < 0)
            return "of a path there are ${x.name}, ${x.stem}, ${x.ext} and ${x.dir}";
        piece->part = (enum piece_part)part;
        p += len;
    }
    if (p == end)
        return NULL;
    if (*p++ != ':' || p == end)
        return "a placeholder is written ${x}, ${x.stem} or ${x:04}";
    piece->zero = *p == '0';
    for (; p < end; p++) {
        if (!isdigit((unsigned char)*p))
            return "what stands behind the `:` of a placeholder is its width, such as ${x:04}";
        piece->pad = piece->pad * 10 + (*p - '0');
        if (piece->pad > PAD_MAX)
            return "a placeholder is padded to at most 100 characters";
    }
    return piece->pad ? NULL : "the width of a placeholder is at least 1, such as ${x:04}";
}

/* Reads the placeholder whose inside is [p, end). */
static const char *parse_inside(const char *p, const char *end, struct piece *piece)
{
    const char *name = p;
    while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
        p++;
    if (p == name)
        return "a placeholder names an argument, such as ${x}; write $${ for a dollar and a brace";
    piece->name = mem_strndup(name, (size_t)(p - name));
    return parse_modifiers(p, end, piece);
}

/* Adds the literal dollars before a brace, two for one; the last of an odd number opens a placeholder. Returns
 * whether it does. */
static bool dollars(const char **p, struct buf *literal)
{
    size_t n = strspn(*p, "$");
    bool brace = (*p)[n] == '{';
    for (size_t i = 0; i < (brace ? n / 2 : n); i++)
        buf_add_char(literal, '$');
    *p += n;
    return brace && n % 2;
}

static const char *parse(struct template *t, const char *text, struct buf *literal, int *ret_offset)
{
    const char *p = text;
    int cap = 0;
    while (*p) {
        size_t len = strcspn(p, "$");
        buf_add(literal, p, len);
        p += len;
        if (!*p || !dollars(&p, literal))
            continue;
        size_t offset = (size_t)(p - 1 - text);
        const char *end = strchr(p, '}');
        *ret_offset = (int)offset;
        if (!end)
            return "the `}` of a placeholder is missing; write $${ for a dollar and a brace";
        add_text(t, &cap, literal);
        const char *problem = parse_inside(p + 1, end, add_piece(t, &cap, PIECE_ARG, offset));
        if (problem)
            return problem;
        p = end + 1;
    }
    add_text(t, &cap, literal);
    return NULL;
}

struct template *template_parse(const char *text, const char **ret_problem, int *ret_offset)
{
    struct template *t = MEM_NEW(struct template);
    CLEANUP_BUF struct buf literal = {0};
    int offset = 0;
    const char *problem = parse(t, text, &literal, &offset);
    if (!problem)
        return t;
    template_free(t);
    *ret_problem = problem;
    *ret_offset = offset;
    return NULL;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->n; i++) {
        free(t->pieces[i].text);
        free(t->pieces[i].name);
    }
    free(t->pieces);
    free(t);
}

/* An argument of the name comes before what we offer by it: the user's `seed` is the one that is meant. */
static bool resolve_piece(struct piece *piece, const char *const *names, int n_names)
{
    piece->kind = PIECE_ARG;
    piece->arg = -1;
    for (int i = 0; i < n_names; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i + 1);
        if (strcmp(names[i] ? names[i] : number, piece->name) == 0) {
            piece->arg = i;
            return true;
        }
    }
    int kind = names_find(piece_names, NAMES_COUNT(piece_names), piece->name, strlen(piece->name));
    if (kind >= 0)
        piece->kind = (enum piece_kind)kind;
    return kind >= 0;
}

const struct piece *template_resolve(struct template *t, const char *const *names, int n_names)
{
    const struct piece *unknown = NULL;
    for (int i = 0; i < t->n; i++) {
        struct piece *piece = &t->pieces[i];
        if (piece->kind != PIECE_TEXT && !resolve_piece(piece, names, n_names) && !unknown)
            unknown = piece;
    }
    return unknown;
}

bool template_uses(const struct template *t, enum piece_kind kind, int arg)
{
    for (int i = 0; i < t->n; i++)
        if (t->pieces[i].kind == kind && (kind != PIECE_ARG || t->pieces[i].arg == arg))
            return true;
    return false;
}

bool template_is_fixed(const struct template *t)
{
    for (int i = 0; i < t->n; i++)
        if (t->pieces[i].kind != PIECE_TEXT)
            return false;
    return true;
}

/* The last component of a path, without slashes at the path's end. */
static struct slice path_name(struct slice path)
{
    while (path.len > 1 && path.p[path.len - 1] == '/')
        path.len--;
    const char *slash = path.len ? memrchr(path.p, '/', path.len) : NULL;
    if (!slash || path.len == 1)
        return path;
    size_t behind = (size_t)(slash + 1 - path.p);
    return (struct slice){path.p + behind, path.len - behind};
}

/* What is before the last component: "." if nothing is, "/" for the root. */
static struct slice path_folder(struct slice path)
{
    struct slice name = path_name(path);
    size_t len = (size_t)(name.p - path.p);
    if (len == 0)
        return slice_str(path.len && path.p[0] == '/' ? "/" : ".");
    while (len > 1 && path.p[len - 1] == '/')
        len--;
    return (struct slice){path.p, len};
}

/* The last dot of a name; none if it is the first character, as in ".bashrc". */
static const char *last_dot(struct slice name)
{
    const char *dot = name.len ? memrchr(name.p, '.', name.len) : NULL;
    return dot == name.p ? NULL : dot;
}

static struct slice part_of(struct slice value, enum piece_part part)
{
    struct slice name = path_name(value);
    const char *dot = last_dot(name);
    switch (part) {
    case PART_WHOLE:
        return value;
    case PART_NAME:
        return name;
    case PART_STEM:
        return dot ? (struct slice){name.p, (size_t)(dot - name.p)} : name;
    case PART_EXT:
        return dot ? (struct slice){dot + 1, (size_t)(name.p + name.len - dot - 1)} : slice_str("");
    case PART_DIR:
        return path_folder(value);
    }
    return value;
}

/* Appends the value of a placeholder, whole. */
static void piece_value(const struct piece *piece, const struct template_values *values, struct buf *out)
{
    switch (piece->kind) {
    case PIECE_TEXT:
        buf_add_str(out, piece->text);
        break;
    case PIECE_ARG:
        if (piece->arg >= 0 && piece->arg < values->n_args) {
            struct slice text = values->args[piece->arg];
            if (!json_unescape((struct json){text.p, text.len}, out))
                buf_add_slice(out, text);
        }
        break;
    case PIECE_TASK:
        buf_add_i64(out, values->task);
        break;
    case PIECE_RUN:
        buf_add_str(out, values->run);
        break;
    case PIECE_ATTEMPT:
        buf_add_i64(out, values->attempt);
        break;
    case PIECE_SLOT:
        buf_add_i64(out, values->slot);
        break;
    case PIECE_SEED:
        buf_add_i64(out, values->seed);
        break;
    }
}

/* Appends `text`, filled up on the left to `pad` characters; zeros go behind a sign. */
static void add_padded(struct slice text, int pad, bool zero, struct buf *out)
{
    int letters = 0;
    for (size_t i = 0; i < text.len; i++)
        letters += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    if (zero && text.len && (*text.p == '-' || *text.p == '+')) {
        buf_add_char(out, *text.p++);
        text.len--;
    }
    for (; letters < pad; letters++)
        buf_add_char(out, zero ? '0' : ' ');
    buf_add_slice(out, text);
}

void template_expand(const struct template *t, const struct template_values *values, struct buf *out)
{
    for (int i = 0; i < t->n; i++) {
        const struct piece *piece = &t->pieces[i];
        if (piece->part == PART_WHOLE && !piece->pad) {
            piece_value(piece, values, out);
            continue;
        }
        CLEANUP_BUF struct buf value = {0};
        piece_value(piece, values, &value);
        add_padded(part_of(buf_slice(&value), piece->part), piece->pad, piece->zero, out);
    }
}
