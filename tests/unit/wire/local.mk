if HAVE_CMOCKA
check_PROGRAMS += %D%/test_frame %D%/test_handshake %D%/test_message
TESTS += %D%/test_frame %D%/test_handshake %D%/test_message
%C%_test_frame_SOURCES = %D%/test_frame.c
%C%_test_frame_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_frame_LDADD = $(LIBS_WIRE) $(CMOCKA_LIBS)
%C%_test_handshake_SOURCES = %D%/test_handshake.c
%C%_test_handshake_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_handshake_LDADD = $(LIBS_WIRE) $(CMOCKA_LIBS)
%C%_test_message_SOURCES = %D%/test_message.c
%C%_test_message_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_message_LDADD = $(LIBS_WIRE) $(CMOCKA_LIBS)
endif
