/* See shellwords.h. The quoting rules are those of POSIX's shell command language, section 2.2. */
#include "jobfile/shellwords.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define BLANKS " \t\r\n"

/* Appends the escaped character behind a backslash; a newline so escaped joins two lines. */
static const char *escaped(const char *p, struct buf *word)
{
    if (p[0] == '$' && p[1] == '{')
        buf_add_char(word, '$');
    if (*p != '\n')
        buf_add_char(word, *p);
    return p + 1;
}

/* Whether a shell would put something in place of what begins here: $NAME, $(…), `…`. */
static bool is_expansion(const char *p)
{
    return *p == '`' || (*p == '$' && (p[1] == '(' || p[1] == '_' || isalpha((unsigned char)p[1])));
}

/* The same for what must stand outside quotes. */
static bool is_pattern(const char *p, bool begins)
{
    return *p == '*' || (begins && *p == '~' && (p[1] == '/' || !p[1] || strchr(BLANKS, p[1])));
}

/* Reads behind an opening double quote; NULL if it is never closed. */
static const char *double_quoted(const char *p, struct buf *word, bool *ret_shell)
{
    while (*p && *p != '"') {
        *ret_shell |= is_expansion(p);
        if (*p == '\\' && p[1] && strchr("$`\"\\\n", p[1]))
            p = escaped(p + 1, word);
        else
            buf_add_char(word, *p++);
    }
    return *p ? p + 1 : NULL;
}

static const char *single_quoted(const char *p, struct buf *word)
{
    const char *end = strchr(p, '\'');
    if (!end)
        return NULL;
    buf_add(word, p, (size_t)(end - p));
    return end + 1;
}

/* Reads one word. Returns what is behind it, or NULL with the place that is wrong in `*ret_wrong`. */
static const char *read_word(const char *p, struct buf *word, bool *ret_quoted, bool *ret_shell, const char **ret_wrong)
{
    const char *start = p;
    *ret_quoted = *ret_shell = false;
    while (p && *p && !strchr(BLANKS, *p)) {
        *ret_wrong = p;
        if (!strchr("'\"\\", *p)) {
            *ret_shell |= is_expansion(p) || is_pattern(p, p == start);
            buf_add_char(word, *p++);
            continue;
        }
        *ret_quoted = true;
        if (*p == '\'')
            p = single_quoted(p + 1, word);
        else if (*p == '"')
            p = double_quoted(p + 1, word, ret_shell);
        else
            p = p[1] ? escaped(p + 1, word) : NULL;
    }
    return p;
}

static bool is_operator(const char *word)
{
    static const char *const operators[] = {"|", "||", "|&", "&", "&&", ";", "<", ">", ">>", "<<", "2>", "2>&1", "&>", "2>>"};
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (strcmp(word, operators[i]) == 0)
            return true;
    return false;
}

int shellwords_split(const char *line, struct shellwords *ret, const char **ret_problem, int *ret_offset)
{
    struct shellwords words = {0};
    const char *p = line + strspn(line, BLANKS);
    while (*p) {
        CLEANUP_BUF struct buf word = {0};
        bool quoted, shell;
        const char *wrong = p, *start = p;
        p = read_word(p, &word, &quoted, &shell, &wrong);
        if (!p) {
            *ret_problem = *wrong == '\\' ? "a backslash stands at the end" : "the quote that opens here is never closed";
            *ret_offset = (int)(wrong - line);
            shellwords_done(&words);
            return -1;
        }
        p += strspn(p, BLANKS);
        /* An escaped newline between blanks is no word. */
        if (word.len == 0 && *start == '\\')
            continue;
        MEM_GROW(words.list, words.n, words.cap);
        struct shellword *w = &words.list[words.n++];
        *w = (struct shellword){buf_steal(&word), (int)(start - line), false};
        w->shell = shell || (!quoted && is_operator(w->text));
    }
    *ret = words;
    return 0;
}

void shellwords_done(struct shellwords *words)
{
    for (int i = 0; i < words->n; i++)
        free(words->list[i].text);
    free(words->list);
    *words = (struct shellwords){0};
}
