/* Processes that lost their parent and came to us (PR_SET_CHILD_SUBREAPER): ended, so that a supervisor that is killed
 * leaves no executor and no command behind.
 */
#ifndef KT_BACKEND_ORPHANS_H
#define KT_BACKEND_ORPHANS_H

struct orphans;

/* From now on orphaned descendants come to this process. Its children of now are never touched. */
struct orphans *orphans_new(void);
/* Kills and reaps every child that is neither of before nor `keep`, until there is none. */
void orphans_kill(struct orphans *o, int keep);
void orphans_free(struct orphans *o);

#endif
