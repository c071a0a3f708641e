# Unit tests of state.
if HAVE_CMOCKA
STATE_TESTS = %D%/test_state %D%/test_commit %D%/test_views %D%/test_lock
STATE_FIXTURE = %D%/fixture.c %D%/fixture.h
check_PROGRAMS += $(STATE_TESTS)
TESTS += $(STATE_TESTS)
%C%_test_state_SOURCES = %D%/test_state.c $(STATE_FIXTURE)
%C%_test_state_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_state_LDADD = $(LIBS_STATE) $(CMOCKA_LIBS)
%C%_test_commit_SOURCES = %D%/test_commit.c $(STATE_FIXTURE)
%C%_test_commit_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_commit_LDADD = $(LIBS_STATE) $(CMOCKA_LIBS)
%C%_test_views_SOURCES = %D%/test_views.c $(STATE_FIXTURE)
%C%_test_views_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_views_LDADD = $(LIBS_STATE) $(CMOCKA_LIBS)
%C%_test_lock_SOURCES = %D%/test_lock.c $(STATE_FIXTURE)
%C%_test_lock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_lock_LDADD = $(LIBS_STATE) $(CMOCKA_LIBS)
endif
