/* Suites in a data folder: FOLDER/valid/NAME and FOLDER/invalid/NAME, one folder a case, with files of what is expected.
 *
 * With KTBATCH_WRITE_EXPECTED in the environment expected files that differ are written anew, to be read and checked in.
 */
#ifndef KT_TESTS_CASES_H
#define KT_TESTS_CASES_H

#include <stdbool.h>

/* Runs `run` in each folder of FOLDER/valid or FOLDER/invalid; fails the test if there are fewer than `least` or one is bad. */
void cases_run(const char *data_folder, bool valid, int least, bool (*run)(const char *folder, bool valid));
/* The text of a file of the case, the caller's; NULL if it is not there. */
char *cases_read(const char *folder, const char *name);
/* Compares `got` with the case's `file`, which has @FOLDER@ for the case's folder, @DATA@ for `data_folder` and @LIBDIR@ for
 * the installed task libraries. Says what differs. */
bool cases_match(const char *data_folder, const char *folder, const char *file, const char *got);

#endif
