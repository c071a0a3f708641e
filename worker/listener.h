/* The listening socket, and the strangers that have connected and proven nothing yet.
 *
 * A stranger costs one place in a table and a few hundred bytes; when a new one finds no place the one goes that has said
 * nothing for longest, and each one goes after WIRE_HANDSHAKE_S. Who proves the run's key becomes a session.
 */
#ifndef KT_WORKER_LISTENER_H
#define KT_WORKER_LISTENER_H

#include <stdbool.h>

#include "base/err.h"
#include "wire/handshake.h"

/* Well above what one runner opens at a time: its own connections are strangers too until they have proven the key. */
#define STRANGERS_MAX 1024

/* Listens on "ADDRESS:PORT" ("[::1]:0"; port 0: any). `one`: closes the socket, and every stranger's, when a peer has proven
 * the key. Appends the true "ADDRESS:PORT" to `ret_where`. */
int listener_open(const char *where, bool one, const unsigned char key[WIRE_KEY_SIZE], struct buf *ret_where, struct err *err);

#endif
