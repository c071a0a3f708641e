/* libyaml's complaints in words that say what would be right.
 *
 * What users trip over are texts that YAML reads as something else: `${x}` and `*.png` inside brackets, `@file`,
 * `a: b` inside a text. For these the quoted form is printed, ready to be put in. Everything else gets a
 * sentence of a table, or libyaml's own words.
 */
#include "base/mem.h"
#include "base/yaml.h"

/* Letters of a text that are quoted back. */
#define QUOTED_MAX 200

struct source {
    const char *text, *end;
    bool secret; /* nothing of it is quoted back */
};

/* The first byte of a line, counted from 1; the end of the text if there are not so many. */
static const char *line_start(const struct source *s, int line)
{
    const char *p = s->text;
    while (line > 1 && p < s->end) {
        bool break_here = *p == '\n' || (*p == '\r' && !(p + 1 < s->end && p[1] == '\n'));
        line -= break_here;
        p++;
    }
    return p;
}

static const char *line_end(const struct source *s, const char *p)
{
    while (p < s->end && *p != '\n' && *p != '\r')
        p++;
    return p;
}

static const char *at_mark(const struct source *s, struct mark mark)
{
    const char *p = line_start(s, mark.line), *end = line_end(s, p);
    for (int column = 1; column < mark.column && p < end; column++) {
        p++;
        while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
            p++;
    }
    return p;
}

/* Where a text that stands at `p` inside brackets begins: behind the bracket, comma or ": " before it. */
static const char *word_start(const struct source *s, const char *p)
{
    const char *start = p;
    while (start > s->text && !strchr(",[{\n\r", start[-1]) &&
           !(start - s->text >= 2 && start[-1] == ' ' && strchr(":-", start[-2])))
        start--;
    while (start < p && *start == ' ')
        start++;
    return start;
}

/* Where it ends: before the next comma, bracket or comment; placeholders are part of it. */
static const char *word_end(const struct source *s, const char *p)
{
    const char *end = line_end(s, p), *q = p;
    while (q < end && !strchr(",[]}", *q) && !(*q == ' ' && q + 1 < end && q[1] == '#')) {
        if (*q == '{') {
            const char *close = memchr(q, '}', (size_t)(end - q));
            if (!close)
                break;
            q = close;
        }
        q++;
    }
    while (q > p && q[-1] == ' ')
        q--;
    return q;
}

static void add_quoted(const struct source *s, struct buf *out, const char *start, const char *end)
{
    size_t len = (size_t)(end - start);
    if (s->secret || len > QUOTED_MAX)
        buf_add_str(out, "the text in double quotes");
    else
        buf_add_json(out, (struct slice){start, len});
}

/* "[echo, ${x}]": a "{" behind a "$" where YAML reads the beginning of a mapping. */
static bool explain_placeholder(const struct source *s, const char *at, struct buf *out)
{
    if (at >= s->end || *at != '{' || at == s->text || at[-1] != '$')
        return false;
    const char *start = word_start(s, at - 1);
    buf_add_str(out, "inside brackets a text with a placeholder must be quoted: write ");
    add_quoted(s, out, start, word_end(s, start));
    return true;
}

/* "{glob: *.png}", "[@file]", "%x": a character that means something else to YAML. */
static void explain_first_character(const struct source *s, const char *at, struct buf *out)
{
    buf_printf(out, "a text cannot begin with `%c` in YAML without quotes: write ", *at);
    add_quoted(s, out, at, word_end(s, at));
}

/* "command: echo a: b": a second ": " in one line. */
static bool explain_second_colon(const struct source *s, const char *at, struct buf *out)
{
    const char *p = at, *end = line_end(s, at);
    while (p > s->text && p[-1] != '\n' && p[-1] != '\r')
        p--;
    while (p < at && (*p == ' ' || *p == '-'))
        p++;
    const char *colon = memchr(p, ':', (size_t)(at - p));
    if (!colon || colon[1] != ' ')
        return false;
    const char *value = colon + 1;
    while (value < at && *value == ' ')
        value++;
    while (end > value && end[-1] == ' ')
        end--;
    buf_add_str(out, "a text with `: ` in it must be quoted: write ");
    if (!s->secret)
        buf_add(out, p, (size_t)(value - p));
    add_quoted(s, out, value, end);
    return true;
}

/* The rest: part of libyaml's words, ours, and whether the place meant is where the thing began. */
static const struct {
    const char *context, *problem, *words;
    bool begin;
} table[] = {
    {"while scanning a quoted scalar", "found unexpected", "the quote that opens here is never closed", true},
    {"a quoted scalar", "unknown escape character",
     "no such escape in a double-quoted text; write \\\\ for a backslash, or use single quotes", false},
    {"a quoted scalar", "", "a wrong escape in a double-quoted text; use single quotes, or \\\\ for a backslash",
     false},
    {"while scanning a simple key", "", "expected `KEY: VALUE` here; a space must follow the colon", true},
    {"while parsing a block mapping", "",
     "this does not line up with the keys above it; keys of one mapping stand in one column, and a text that YAML "
     "could misread is quoted",
     false},
    {"while parsing a block collection", "",
     "this does not line up with the list above it; its items begin with `- ` in one column", false},
    {"while parsing a flow sequence", "",
     "the list that opens here with `[` is not closed with `]`, or a comma is missing in it", true},
    {"while parsing a flow mapping", "",
     "the mapping that opens here with `{` is not closed with `}`, or a comma is missing in it", true},
    {"", "mapping values are not allowed", "no `:` can stand here; check the indentation, or quote the text", false},
    {"", "block sequence entries are not allowed", "no list can begin here; put `- ` on a line of its own, or quote the text",
     false},
    {"", "found incompatible YAML document", "only YAML 1.1 and 1.2 are known; leave the %YAML line out", false},
    {"", "did not find expected <document start>",
     "nothing can follow the end of the mapping; check the brackets and the indentation", false},
};

static struct mark explain_by_table(const struct yaml_complaint *c, struct buf *out)
{
    const char *context = c->context ? c->context : "";
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!strstr(context, table[i].context) || !strstr(c->problem, table[i].problem))
            continue;
        buf_add_str(out, table[i].words);
        return table[i].begin ? c->context_mark : c->problem_mark;
    }
    buf_printf(out, "no YAML: %s%s%s", c->problem, *context ? " " : "", context);
    return c->problem_mark;
}

/* Whether the white space that the line of `at` begins with, or ends with at `at`, has a tab. */
static bool indented_by_tab(const struct source *s, const char *at)
{
    const char *p = at;
    while (p > s->text && p[-1] != '\n' && p[-1] != '\r')
        p--;
    while (p < s->end && *p == ' ')
        p++;
    return p < s->end && *p == '\t' && p <= at;
}

struct mark yaml_explain(const struct yaml_complaint *c, const char *text, size_t len, bool secret, struct buf *out)
{
    struct source s = {text, text + len, secret};
    const char *at = at_mark(&s, c->problem_mark);
    const char *context = c->context ? c->context : "";
    if (indented_by_tab(&s, at)) {
        buf_add_str(out, "a tab in the indentation; YAML allows spaces only");
        return c->problem_mark;
    }
    if (strstr(context, "scanning an alias") || strstr(context, "scanning an anchor")) {
        const char *start = at_mark(&s, c->context_mark);
        if (start < s.end) {
            explain_first_character(&s, start, out);
            return c->context_mark;
        }
    }
    if (explain_placeholder(&s, at, out))
        return c->problem_mark;
    if (strstr(c->problem, "cannot start any token") && at < s.end) {
        explain_first_character(&s, at, out);
        return c->problem_mark;
    }
    if (strstr(c->problem, "mapping values are not allowed") && explain_second_colon(&s, at, out))
        return c->problem_mark;
    return explain_by_table(c, out);
}
