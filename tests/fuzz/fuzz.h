/* What a fuzz harness defines. With --enable-fuzzing libFuzzer calls it; otherwise replay.c does, with every file of
 * the harness's corpus, so that `make check` replays what fuzzing once found.
 */
#ifndef KT_TESTS_FUZZ_H
#define KT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
