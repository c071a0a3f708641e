noinst_LIBRARIES += %D%/libdispatch.a
%C%_libdispatch_a_SOURCES =
