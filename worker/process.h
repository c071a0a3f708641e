/* Processes that tasks start: their names, what they left behind, and an end to it. */
#ifndef KT_WORKER_PROCESS_H
#define KT_WORKER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/outcome.h"

/* Calls back for each child of this thread, also those that came to it as a subreaper. Nothing where /proc is missing. */
void process_each_child(void (*fn)(void *ctx, pid_t pid), void *ctx);
/* Appends "left 1 process behind: sleep (killed)". */
void process_left_text(struct buf *out, int count, const char *name);
/* The program's short name, "?" if it is gone. */
void process_name(pid_t pid, char out[32]);
/* Appends the value of the variable `name` in the environment that the process was started with. 1: it has it; 0: it has not;
 * -1: it has none yet, being in the middle of execve(2). */
int process_variable(pid_t pid, const char *name, struct buf *ret);
/* Whether any process is in that group. */
bool process_group_alive(pid_t group);
/* How many threads this process has; 0 if it cannot be told. */
int process_threads(void);
/* As many descriptors as there may be for this process, which holds many; processes of tasks get back what was usual. */
void process_raise_limits(void);
void process_default_limits(void);
/* The outcome of a process that a signal ended, by its wait status, and the words for it: "SIGSEGV (core dumped)". A SIGKILL is
 * OUTCOME_OOM, "killed by the kernel: no memory left", if the kernel has killed for want of memory lately (oom_kill in
 * /proc/vmstat, which is the whole machine's: proc(5)); lately is since the last call but one of process_look_at_memory(). */
#define PROCESS_WORDS_SIZE 64
enum outcome process_signalled(int status, char words[PROCESS_WORDS_SIZE]);
#define PROCESS_LOOK_US (5 * CLOCK_S) /* a process that is killed may need seconds to give its memory back */
void process_look_at_memory(void);

#endif
