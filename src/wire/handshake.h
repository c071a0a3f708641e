/* Proof of the run's key, both ways, before anything else is said. Touches no socket.
 *
 *     runner                                   worker
 *     CONNECT version, nonce_r        ->
 *                                     <-       CHALLENGE version, nonce_w, HMAC(key, "worker", both versions, nonce_r, nonce_w)
 *     PROOF HMAC(key, "runner", …)    ->       from here on the runner is trusted
 *
 * The labels "worker" and "runner" keep one side's proof from being the other's (reflection); both nonces are in
 * both proofs, so that neither can be replayed. The bodies are raw bytes.
 */
#ifndef KT_WIRE_HANDSHAKE_H
#define KT_WIRE_HANDSHAKE_H

#include "base/digest.h"
#include "wire/frame.h"

#define WIRE_KEY_SIZE 32
#define WIRE_NONCE_SIZE 32

struct handshake {
    uint32_t version_runner; /* as CONNECT says it */
    unsigned char nonce_runner[WIRE_NONCE_SIZE];
    unsigned char nonce_worker[WIRE_NONCE_SIZE];
};

/* Runner: draws its nonce and appends CONNECT. */
void handshake_connect(struct handshake *h, struct buf *out);
/* Worker: takes a CONNECT, draws its nonce, appends CHALLENGE. A runner of another version gets one too: it finds
 * our version there and can name both; handshake_accept() refuses it in any case. */
int handshake_challenge(struct handshake *h, const struct frame *connect, const unsigned char key[WIRE_KEY_SIZE],
                        struct buf *out, struct err *err);
/* Runner: checks a CHALLENGE and appends PROOF. -1: the peer does not have the key, or another version. */
int handshake_prove(struct handshake *h, const struct frame *challenge, const unsigned char key[WIRE_KEY_SIZE],
                    struct buf *out, struct err *err);
/* Worker: checks a PROOF. */
int handshake_accept(const struct handshake *h, const struct frame *proof, const unsigned char key[WIRE_KEY_SIZE],
                     struct err *err);

/* A key file: 64 hexadecimal digits and a newline, ours and readable by nobody else; anything else is refused. */
int key_read(const char *path, unsigned char ret_key[WIRE_KEY_SIZE], struct err *err);
/* The same from an open descriptor (a pipe), without the question of its mode. Reads no byte behind the newline. */
int key_read_fd(int fd, unsigned char ret_key[WIRE_KEY_SIZE], struct err *err);
/* Draws a key and writes it so to a new file of mode 0600. */
int key_create(const char *path, unsigned char ret_key[WIRE_KEY_SIZE], struct err *err);

#endif
