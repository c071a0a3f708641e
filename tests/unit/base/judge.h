/* jansson behind a wall, since its names and ours are alike: what it makes of a JSON text, as one line of our own. */
#ifndef KT_TESTS_JUDGE_H
#define KT_TESTS_JUDGE_H

#include "base/buf.h"

enum judgement { JUDGED_GOOD, JUDGED_BAD, NOT_JUDGED /* it cannot say: larger than its numbers, or two keys alike */ };

/* The line: integers `i5`, reals `r0.5`, strings `s"…"` (JSON), words `true`, `null`, arrays and objects around them. */
enum judgement judge(const char *text, size_t len, struct buf *line, char why[200]);

#endif
