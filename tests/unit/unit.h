/* What every unit test starts with: cmocka and the headers it wants to see before it. */
#ifndef KT_TESTS_UNIT_H
#define KT_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
