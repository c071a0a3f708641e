# The worker: its parts, and the real program as a runner sees it.
if HAVE_CMOCKA
WORKER_TESTS = %D%/test_own_memory %D%/test_shared_memory %D%/test_channel %D%/test_task_api %D%/test_sessions %D%/test_functions %D%/test_commands %D%/test_ends
WORKER_CLIENT = %D%/client.c %D%/client.h
check_PROGRAMS += $(WORKER_TESTS)
TESTS += $(WORKER_TESTS)
%C%_test_own_memory_SOURCES = %D%/test_own_memory.c
%C%_test_own_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_own_memory_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
%C%_test_own_memory_LDFLAGS = $(AM_LDFLAGS) $(OWN_MEMORY)
%C%_test_shared_memory_SOURCES = %D%/test_shared_memory.c
%C%_test_shared_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_shared_memory_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
%C%_test_channel_SOURCES = %D%/test_channel.c
%C%_test_channel_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_channel_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
%C%_test_task_api_SOURCES = %D%/test_task_api.c
%C%_test_task_api_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_task_api_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
%C%_test_sessions_SOURCES = %D%/test_sessions.c $(WORKER_CLIENT)
%C%_test_sessions_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_sessions_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
%C%_test_functions_SOURCES = %D%/test_functions.c $(WORKER_CLIENT)
%C%_test_functions_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_functions_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
%C%_test_commands_SOURCES = %D%/test_commands.c $(WORKER_CLIENT)
%C%_test_commands_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_commands_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
%C%_test_ends_SOURCES = %D%/test_ends.c $(WORKER_CLIENT)
%C%_test_ends_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_ends_LDADD = $(LIBS_WORKER) $(CMOCKA_LIBS)
endif
