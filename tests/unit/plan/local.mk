# Unit tests of plan.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_expansion %D%/test_lines %D%/test_plan %D%/test_taskset
TESTS += %D%/test_expansion %D%/test_lines %D%/test_plan %D%/test_taskset
%C%_test_expansion_SOURCES = %D%/test_expansion.c %D%/plan_fixture.h
%C%_test_expansion_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_expansion_LDADD = $(LIBS_PLAN) $(CMOCKA_LIBS)
%C%_test_lines_SOURCES = %D%/test_lines.c %D%/plan_fixture.h
%C%_test_lines_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_lines_LDADD = $(LIBS_PLAN) $(CMOCKA_LIBS)
%C%_test_plan_SOURCES = %D%/test_plan.c %D%/plan_fixture.h
%C%_test_plan_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_plan_LDADD = $(LIBS_PLAN) $(CMOCKA_LIBS)
%C%_test_taskset_SOURCES = %D%/test_taskset.c
%C%_test_taskset_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_taskset_LDADD = $(LIBS_PLAN) $(CMOCKA_LIBS)
endif
