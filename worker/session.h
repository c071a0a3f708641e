/* One proven connection from a runner: takes tasks, has them run, answers in order. PROTOCOL.md is the contract.
 *
 * Happy path: SETUP -> READY; TASKS -> an executor's channel or a command; answers -> RESULTS, FAILED, OUTPUT; ACKs;
 * FINISH; when all is acknowledged the session closes the connection, first.
 * Failure modes: what a task does to its process is that task's answer. A runner that vanishes, falls silent or breaks the
 * protocol ends the session, and everything that runs for it is killed.
 */
#ifndef KT_WORKER_SESSION_H
#define KT_WORKER_SESSION_H

#include <stdbool.h>

#include "wire/frame.h"

struct session;

/* `slots`: tasks of one-shot sessions that may run at once. `ended` is told of every end; `well`: all was answered,
 * acknowledged and closed in order. */
void session_init(int slots, void (*ended)(bool well));
/* Takes over the connection. `rest`: what has been read of it beyond the handshake. */
void session_new(int fd, struct slice rest);
/* At the end of each round: sends what is waiting. */
void session_flush_all(int64_t now);

#endif
