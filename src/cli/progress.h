/* What a run says of itself while it goes on: on a terminal one line that is drawn anew, elsewhere a line every 10 s.
 *
 * The texts are pure functions of the numbers and the width; the rest owns the line on the terminal: whoever wants to print
 * while it stands there does so through progress_message().
 */
#ifndef KT_CLI_PROGRESS_H
#define KT_CLI_PROGRESS_H

#include <stdbool.h>

#include "base/buf.h"
#include "dispatch/dispatch.h"

#define PROGRESS_LIVE_MS 100
#define PROGRESS_PLAIN_MS 10000

/* One line for people, at most `width` columns (0: no limit); less important parts go first. `color`: with escape sequences
 * (which take no columns). No newline. */
void progress_text(const struct dispatch_stats *stats, const char *run, int width, bool color, struct buf *out);

struct progress;
/* `fd` is where it goes; `run` is borrowed. */
struct progress *progress_new(const char *run, int fd);
/* How often progress_show() is worth calling, in milliseconds. */
int progress_interval(const struct progress *p);
void progress_show(struct progress *p, const struct dispatch_stats *stats);
/* A whole line of text, above the live one. */
void progress_message(struct progress *p, const char *text);
/* Takes the live line away. NULL is allowed. */
void progress_free(struct progress *p);

#endif
