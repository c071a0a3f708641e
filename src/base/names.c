/* See names.h. */
#include "base/names.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

#define WORD_MAX 64

int names_find(const char *const *table, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (table[i] && strlen(table[i]) == len && memcmp(table[i], name, len) == 0)
            return (int)i;
    return -1;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits between two words, a swap of neighbours counting as one (optimal string alignment). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]) &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b_len];
}

const char *names_nearest(const char *word, const char *const *known, size_t count)
{
    const char *best = NULL;
    size_t len = strlen(word), least = len / 3 + 1;
    if (len == 0 || len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (!known[i] || strlen(known[i]) > WORD_MAX)
            continue;
        size_t edits = distance(word, len, known[i], strlen(known[i]));
        if (edits < least) {
            best = known[i];
            least = edits;
        }
    }
    return best;
}
