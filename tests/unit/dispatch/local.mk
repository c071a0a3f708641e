# Unit tests of dispatch.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_sched %D%/test_session %D%/test_dispatch
TESTS += %D%/test_sched %D%/test_session %D%/test_dispatch
%C%_test_sched_SOURCES = %D%/test_sched.c
%C%_test_sched_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_sched_LDADD = src/dispatch/libdispatch.a $(LIBS_BASE) $(CMOCKA_LIBS)
%C%_test_dispatch_SOURCES = %D%/test_dispatch.c %D%/peer.c %D%/peer.h $(STATE_FIXTURE)
%C%_test_dispatch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_dispatch_LDADD = $(LIBS_DISPATCH) $(CMOCKA_LIBS)
%C%_test_session_SOURCES = %D%/test_session.c %D%/peer.c %D%/peer.h
%C%_test_session_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_session_LDADD = $(LIBS_DISPATCH) $(CMOCKA_LIBS)
endif
