# Unit tests of dispatch.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_sched
TESTS += %D%/test_sched
%C%_test_sched_SOURCES = %D%/test_sched.c
%C%_test_sched_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_sched_LDADD = src/dispatch/libdispatch.a $(LIBS_BASE) $(CMOCKA_LIBS)
endif
