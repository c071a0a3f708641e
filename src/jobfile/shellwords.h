/* A command line cut into words as a shell would cut it, without a shell: blanks separate, quotes and
 * backslashes protect, nothing is expanded. Inside src/jobfile only.
 */
#ifndef KT_JOBFILE_SHELLWORDS_H
#define KT_JOBFILE_SHELLWORDS_H

#include <stdbool.h>

struct shellword {
    char *text;
    int offset;    /* of its first byte in the line */
    bool shell;    /* a shell would not pass it on as it is: |, >, &&, *.png, $HOME, ~/x, `date` … */
};
struct shellwords {
    struct shellword *list;
    int n, cap;
};

/* 0, or -1 with what is wrong (static text) and where, `ret` being empty. Before a brace "\$" becomes "$$", which
 * template_parse() takes for a plain dollar. */
int shellwords_split(const char *line, struct shellwords *ret, const char **ret_problem, int *ret_offset);
void shellwords_done(struct shellwords *words);

#endif
