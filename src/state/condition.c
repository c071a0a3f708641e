/* Whether a text can stand between the parentheses of WHERE (…) without leaving them. What SQL means by it, SQLite says. */
#include "state/inside.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Behind a quoted piece that begins at `p`; NULL if it does not end. A doubled quote goes on as the next piece. */
static const char *skip_quoted(const char *p)
{
    char close = *p == '[' ? ']' : *p;
    const char *end = strchr(p + 1, close);
    return end ? end + 1 : NULL;
}

/* Behind a comment that begins at `p`; NULL if it does not end. */
static const char *skip_comment(const char *p)
{
    if (*p == '-')
        return p + strcspn(p, "\n");
    const char *end = strstr(p + 2, "*/");
    return end ? end + 2 : NULL;
}

const char *condition_problem(const char *where)
{
    int depth = 0;
    bool empty = true;
    for (const char *p = where; *p;) {
        bool comment = strncmp(p, "--", 2) == 0 || strncmp(p, "/*", 2) == 0;
        if (comment || strchr("'\"`[", *p)) {
            const char *end = comment ? skip_comment(p) : skip_quoted(p);
            if (!end)
                return comment ? "a comment that does not end" : "a quote that does not end";
            empty &= comment;
            p = end;
            continue;
        }
        if (*p == ';')
            return "one condition is wanted, without ';'";
        if (strchr("?:@$", *p) && (p == where || !(isalnum((unsigned char)p[-1]) || p[-1] == '_')))
            return "a parameter, which has no value here; a text stands in single quotes";
        depth += (*p == '(') - (*p == ')');
        if (depth < 0)
            return "a ')' without its '('";
        empty &= strchr(" \t\r\n", *p) != NULL;
        p++;
    }
    if (depth)
        return "a '(' without its ')'";
    return empty ? "the condition is empty" : NULL;
}
