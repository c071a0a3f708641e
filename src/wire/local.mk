noinst_LIBRARIES += %D%/libwire.a
%C%_libwire_a_SOURCES = \
	%D%/frame.c %D%/frame.h \
	%D%/handshake.c %D%/handshake.h \
	%D%/message.c %D%/message.h
EXTRA_DIST += %D%/PROTOCOL.md
